//! The JSON save format, into the same lists as the binary one.
//!
//! CatBoost writes empty lists as `null`. It leaves out what the binary format has and scoring does not need.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, Visitor},
};
use serde_json::Value;

use super::{
    error::{Fault, invalid, unsupported},
    file::{
        CatFeature, Combination, Counts, Ctr, CtrBase, CtrKind, CtrTable, FloatFeature, Missing, ModelFile, Node,
        OneHot, Trees,
    },
    number::{Number, Numbers},
};

/// Reads the text of a file.
pub(super) fn read(bytes: &[u8]) -> Result<ModelFile, Fault> {
    let document: Document<'_> =
        serde_json::from_slice(bytes).map_err(|error| invalid(format!("it is not a CatBoost JSON model: {error}")))?;
    for (what, present) in [
        ("text", document.features_info.text_features.is_some()),
        ("embedding", document.features_info.embedding_features.is_some()),
    ] {
        if present {
            return Err(unsupported(format!("CatBoost {what} features")));
        }
    }
    let (scale, bias) = document.scale_and_bias.map_or((1.0, Vec::new()), |(scale, bias)| (scale.0, bias.0));
    let mut model = ModelFile { scale, bias, ..ModelFile::default() };
    read_features(document.features_info, &mut model)?;
    for (key, table) in document.ctr_data.unwrap_or_default() {
        model.tables.push(ctr_table(&key, &table)?);
    }
    match document.trees {
        Some(trees) => non_symmetric(trees, &mut model)?,
        None => oblivious(document.oblivious_trees.unwrap_or_default(), &mut model)?,
    }
    let text = |value: Value| if let Value::String(text) = value { text } else { value.to_string() };
    model.info = document.model_info.unwrap_or_default().into_iter().map(|(key, value)| (key, text(value))).collect();
    Ok(model)
}

#[derive(Deserialize)]
struct Document<'a> {
    features_info: FeaturesInfo,
    oblivious_trees: Option<Vec<ObliviousTree>>,
    trees: Option<Vec<TreeNode>>,
    scale_and_bias: Option<(Number, Numbers)>,
    #[serde(borrow)]
    ctr_data: Option<BTreeMap<Cow<'a, str>, Table>>,
    model_info: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
struct FeaturesInfo {
    #[serde(default, deserialize_with = "or_null")]
    float_features: Vec<FloatInfo>,
    #[serde(default, deserialize_with = "or_null")]
    categorical_features: Vec<CatInfo>,
    #[serde(default, deserialize_with = "or_null")]
    ctrs: Vec<CtrInfo>,
    text_features: Option<Value>,
    embedding_features: Option<Value>,
}

#[derive(Deserialize)]
struct FloatInfo {
    feature_index: usize,
    flat_feature_index: usize,
    #[serde(default)]
    feature_id: String,
    #[serde(default, deserialize_with = "or_null")]
    borders: Vec<f64>,
    #[serde(default)]
    has_nans: bool,
    #[serde(default)]
    nan_value_treatment: String,
}

#[derive(Deserialize)]
struct CatInfo {
    feature_index: usize,
    flat_feature_index: usize,
    #[serde(default)]
    feature_id: String,
    #[serde(default, deserialize_with = "or_null")]
    values: Vec<i64>,
}

#[derive(Deserialize)]
struct CtrInfo {
    #[serde(default, deserialize_with = "or_null")]
    borders: Vec<f64>,
    ctr_type: String,
    elements: Vec<Element>,
    prior_numerator: f64,
    // CatBoost's spelling.
    #[serde(rename = "prior_denomerator")]
    prior_denominator: f64,
    shift: f64,
    scale: f64,
    target_border_idx: usize,
}

/// A part of a combination.
#[derive(Deserialize)]
#[serde(tag = "combination_element", rename_all = "snake_case")]
enum Element {
    CatFeatureValue { cat_feature_index: usize },
    FloatFeature { float_feature_index: usize, border: f64 },
    CatFeatureExactValue { cat_feature_index: usize, value: i64 },
}

/// The key of a table is itself JSON.
#[derive(Deserialize)]
struct TableKey {
    identifier: Vec<Element>,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Table {
    #[serde(default)]
    counter_denominator: i32,
    /// Numbers per entry, the hash among them.
    hash_stride: usize,
    #[serde(default, deserialize_with = "or_null")]
    hash_map: Vec<Cell>,
}

#[derive(Deserialize)]
struct ObliviousTree {
    leaf_values: Numbers,
    leaf_weights: Option<Numbers>,
    #[serde(default, deserialize_with = "or_null")]
    splits: Vec<Split>,
}

#[derive(Deserialize)]
struct Split {
    split_index: usize,
}

/// A tree as it is nested. The parser's own limit of 128 levels keeps this from growing too deep.
#[derive(Deserialize)]
struct TreeNode {
    left: Option<Box<TreeNode>>,
    right: Option<Box<TreeNode>>,
    split: Option<Split>,
    value: Option<Numbers>,
    weight: Option<Number>,
}

fn or_null<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A number of a table: a hash is written as text, a count or sum as a number.
#[derive(Clone, Copy)]
enum Cell {
    Hash(u64),
    Number(f64),
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CellVisitor;

        impl Visitor<'_> for CellVisitor {
            type Value = Cell;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a number, or a hash as text")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Cell, E> {
                text.parse().map(Cell::Hash).map_err(|_| E::custom("a hash that is no 64-bit number"))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Cell, E> {
                Ok(Cell::Number(number as f64))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Cell, E> {
                Ok(Cell::Number(number as f64))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Cell, E> {
                Ok(Cell::Number(number))
            }
        }

        deserializer.deserialize_any(CellVisitor)
    }
}

fn read_features(info: FeaturesInfo, model: &mut ModelFile) -> Result<(), Fault> {
    for float in info.float_features {
        let missing = match (float.has_nans, float.nan_value_treatment.as_str()) {
            (false, _) | (true, "AsIs" | "") => Missing::NotANumber,
            (true, "AsFalse") => Missing::Lowest,
            (true, "AsTrue") => Missing::Highest,
            (true, other) => return Err(invalid(format!("NaN treatment {other:?} is not known"))),
        };
        model.floats.push(FloatFeature {
            index: float.feature_index,
            flat_index: float.flat_feature_index,
            name: float.feature_id,
            borders: singles(&float.borders),
            missing,
        });
    }
    for cat in info.categorical_features {
        if !cat.values.is_empty() {
            // Written signed or unsigned; the low 32 bits are the hash.
            let values = cat.values.iter().map(|&value| value as u32).collect();
            model.one_hots.push(OneHot { cat: cat.feature_index, values });
        }
        let (index, flat_index) = (cat.feature_index, cat.flat_feature_index);
        model.cats.push(CatFeature { index, flat_index, name: cat.feature_id });
    }
    for ctr in info.ctrs {
        model.ctrs.push(Ctr {
            base: ctr_base(&ctr.ctr_type, &ctr.elements)?,
            target_border: ctr.target_border_idx,
            prior_num: ctr.prior_numerator as f32,
            prior_denom: ctr.prior_denominator as f32,
            shift: ctr.shift as f32,
            scale: ctr.scale as f32,
            borders: singles(&ctr.borders),
        });
    }
    Ok(())
}

/// Borders are `f32`s, written with all digits of a double.
fn singles(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|&number| number as f32).collect()
}

fn ctr_base(kind: &str, elements: &[Element]) -> Result<CtrBase, Fault> {
    let kind = CtrKind::from_name(kind).ok_or_else(|| invalid(format!("CTR type {kind:?} is not known")))?;
    let mut combination = Combination::default();
    for element in elements {
        match *element {
            Element::CatFeatureValue { cat_feature_index } => combination.cats.push(cat_feature_index),
            Element::FloatFeature { float_feature_index, border } => {
                combination.floats.push((float_feature_index, (border as f32).to_bits()));
            }
            Element::CatFeatureExactValue { cat_feature_index, value } => {
                combination.one_hots.push((cat_feature_index, value as u32));
            }
        }
    }
    // The format does not say which cut of the target it was; neither does CatBoost know after reading it.
    Ok(CtrBase { combination, kind, target_classifier: 0 })
}

fn ctr_table(key: &str, table: &Table) -> Result<CtrTable, Fault> {
    let key: TableKey =
        serde_json::from_str(key).map_err(|error| invalid(format!("the key of a CTR table is damaged: {error}")))?;
    let base = ctr_base(&key.kind, &key.identifier)?;
    let stride = table.hash_stride;
    if stride < 2 || !table.hash_map.len().is_multiple_of(stride) {
        return Err(invalid("a CTR table is not whole entries"));
    }
    let is_means = matches!(base.kind, CtrKind::BinarizedTargetMeanValue | CtrKind::FloatTargetMeanValue);
    let (mut entries, mut integers, mut means) = (Vec::new(), Vec::new(), Vec::new());
    for (number, entry) in (0..).zip(table.hash_map.chunks_exact(stride)) {
        let (&hash, counts) = entry.split_first().expect("the stride is 2 or more");
        let Cell::Hash(hash) = hash else { return Err(invalid("a CTR table has a number for a hash")) };
        if hash != u64::MAX {
            entries.push((hash, number));
        }
        match *counts {
            [Cell::Number(sum), Cell::Number(count)] if is_means => means.push((sum as f32, count as i32)),
            _ if is_means => return Err(invalid("a mean of a CTR table is not a sum and a count")),
            _ => {
                for count in counts {
                    let Cell::Number(count) = *count else { return Err(invalid("a count of a CTR table is a hash")) };
                    integers.push(count as i32);
                }
            }
        }
    }
    Ok(CtrTable {
        base,
        entries,
        counts: if is_means { Counts::Means(means) } else { Counts::Integers(integers) },
        counter_denominator: table.counter_denominator,
        classes: stride - 1,
    })
}

fn oblivious(trees: Vec<ObliviousTree>, model: &mut ModelFile) -> Result<(), Fault> {
    let leaves_of = |tree: &ObliviousTree| 1_usize.checked_shl(tree.splits.len().try_into().ok()?);
    model.dimension = model.bias.len().max(1);
    if let Some(tree) = trees.first() {
        let leaves = leaves_of(tree).ok_or_else(|| invalid("a tree has too many levels"))?;
        model.dimension = tree.leaf_values.0.len() / leaves;
    }
    let mut splits = Vec::with_capacity(trees.len());
    for (number, tree) in trees.into_iter().enumerate() {
        let expected = leaves_of(&tree).and_then(|leaves| leaves.checked_mul(model.dimension));
        if expected != Some(tree.leaf_values.0.len()) {
            return Err(invalid(format!("tree {number} has {} leaf values", tree.leaf_values.0.len())));
        }
        model.leaf_values.extend(tree.leaf_values.0);
        model.leaf_weights.extend(tree.leaf_weights.into_iter().flat_map(|Numbers(weights)| weights));
        splits.push(tree.splits.iter().map(|split| split.split_index).collect());
    }
    model.trees = Trees::Oblivious(splits);
    Ok(())
}

fn non_symmetric(trees: Vec<TreeNode>, model: &mut ModelFile) -> Result<(), Fault> {
    let mut all = Vec::with_capacity(trees.len());
    for tree in trees {
        let mut nodes = Vec::new();
        flatten(tree, &mut nodes, model)?;
        all.push(nodes);
    }
    model.trees = Trees::NonSymmetric(all);
    Ok(())
}

/// Appends a tree to `nodes`: each node, then its left side, then its right one.
fn flatten(node: TreeNode, nodes: &mut Vec<Node>, model: &mut ModelFile) -> Result<(), Fault> {
    let at = nodes.len();
    nodes.push(Node::default());
    match (node.left, node.right, node.split, node.value) {
        (Some(left), Some(right), Some(split), _) => {
            flatten(*left, nodes, model)?;
            let right_at = nodes.len();
            flatten(*right, nodes, model)?;
            nodes[at] = Node { split: split.split_index, left: 1, right: right_at - at, value: None };
        }
        (None, None, _, Some(value)) => {
            let Numbers(value) = value;
            if model.leaf_values.is_empty() {
                model.dimension = value.len();
            }
            if value.len() != model.dimension {
                return Err(invalid(format!("a leaf has {} values, others {}", value.len(), model.dimension)));
            }
            nodes[at].value = Some(model.leaf_values.len());
            model.leaf_values.extend(value);
            model.leaf_weights.extend(node.weight.map(|Number(weight)| weight));
        }
        _ => return Err(invalid("a node is neither a split nor a leaf")),
    }
    Ok(())
}
