//! One `Tree=` block of the text format.

use std::{ops::RangeInclusive, sync::Arc};

use super::{
    booster::{LeafModel, LinearLeaf, ScoredTree},
    text::Lines,
};
use crate::engine::forest::{Bitset, Missing, Node, Split, Tree};

/// LightGBM's own bound on the lines of a block.
const MAX_LINES: usize = 22;

/// The lines of a block that scoring needs, as text.
#[derive(Default)]
struct Block<'a> {
    num_leaves: Option<&'a str>,
    num_cat: Option<&'a str>,
    split_feature: &'a str,
    threshold: &'a str,
    decision_type: Option<&'a str>,
    left_child: &'a str,
    right_child: &'a str,
    leaf_value: &'a str,
    leaf_count: Option<&'a str>,
    internal_count: Option<&'a str>,
    cat_boundaries: &'a str,
    cat_threshold: &'a str,
    is_linear: Option<&'a str>,
    leaf_const: Option<&'a str>,
    num_features: Option<&'a str>,
    leaf_features: &'a str,
    leaf_coeff: &'a str,
}

/// Reads the block after its `Tree=` line, up to the first empty line.
pub(super) fn read(lines: &mut Lines<'_>, features: usize) -> Result<ScoredTree, String> {
    Block::read(lines).tree(features)
}

impl<'a> Block<'a> {
    fn read(lines: &mut Lines<'a>) -> Self {
        let mut block = Self::default();
        for _ in 0..MAX_LINES {
            let Some((key, value)) = lines.next_line().and_then(|line| line.split_once('=')) else { break };
            match key {
                "num_leaves" => block.num_leaves = Some(value),
                "num_cat" => block.num_cat = Some(value),
                "split_feature" => block.split_feature = value,
                "threshold" => block.threshold = value,
                "decision_type" => block.decision_type = Some(value),
                "left_child" => block.left_child = value,
                "right_child" => block.right_child = value,
                "leaf_value" => block.leaf_value = value,
                "leaf_count" => block.leaf_count = Some(value),
                "internal_count" => block.internal_count = Some(value),
                "cat_boundaries" => block.cat_boundaries = value,
                "cat_threshold" => block.cat_threshold = value,
                "is_linear" => block.is_linear = Some(value),
                "leaf_const" => block.leaf_const = Some(value),
                "num_features" => block.num_features = Some(value),
                "leaf_features" => block.leaf_features = value,
                "leaf_coeff" => block.leaf_coeff = value,
                _ => {}
            }
        }
        block
    }

    fn tree(&self, features: usize) -> Result<ScoredTree, String> {
        let leaves = size("num_leaves", self.num_leaves.ok_or("there is no num_leaves")?)?.max(1);
        let num_cat = size("num_cat", self.num_cat.ok_or("there is no num_cat")?)?;
        let leaf_values = floats("leaf_value", self.leaf_value, leaves)?;
        let linear = self.is_linear.is_some_and(|value| value.trim() == "1");
        let linear = if linear { Some(self.leaf_model(leaves, features)?) } else { None };
        let sets = if num_cat > 0 && leaves > 1 { self.sets(num_cat)? } else { Vec::new() };
        let nodes = self.nodes(leaves - 1, sets.len())?;
        Ok(ScoredTree {
            tree: Arc::new(Tree::new(nodes, sets, features).map_err(|error| error.to_string())?),
            leaf_values,
            linear,
            leaf_counts: match self.leaf_count {
                Some(text) if leaves > 1 => ints("leaf_count", text, leaves)?,
                // Nobody asks for it; LightGBM 3 and 4.0 leave the line empty.
                _ if leaves == 1 => vec![0],
                _ => Vec::new(),
            },
            node_counts: match self.internal_count {
                Some(text) if leaves > 1 => ints("internal_count", text, leaves - 1)?,
                _ => Vec::new(),
            },
        })
    }

    fn nodes(&self, count: usize, sets: usize) -> Result<Vec<Node>, String> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let features = ints("split_feature", self.split_feature, count)?;
        let thresholds = floats("threshold", self.threshold, count)?;
        let lefts = ints("left_child", self.left_child, count)?;
        let rights = ints("right_child", self.right_child, count)?;
        let types = self.decision_type.map_or(Ok(vec![0; count]), |text| ints("decision_type", text, count))?;
        (0..count)
            .map(|i| {
                let feature = u32::try_from(features[i]).map_err(|_| "split_feature has a negative number")?;
                Ok(Node { feature, split: split(types[i], thresholds[i], sets)?, left: lefts[i], right: rights[i] })
            })
            .collect()
    }

    fn sets(&self, num_cat: usize) -> Result<Vec<Bitset>, String> {
        let boundaries = ints("cat_boundaries", self.cat_boundaries, num_cat + 1)?;
        let boundaries: Option<Vec<usize>> =
            boundaries.into_iter().map(|number| usize::try_from(number).ok()).collect();
        let boundaries = boundaries.ok_or("cat_boundaries has a negative number")?;
        let words = unsigned("cat_threshold", self.cat_threshold, *boundaries.last().unwrap_or(&0))?;
        let set = |pair: &[usize]| words.get(pair[0]..pair[1]).map(Bitset::from);
        let sets: Option<Vec<Bitset>> = boundaries.windows(2).map(set).collect();
        sets.ok_or_else(|| "cat_boundaries do not rise".into())
    }

    fn leaf_model(&self, leaves: usize, features: usize) -> Result<LeafModel, String> {
        let constants = self.leaf_const.map_or(Ok(vec![0.0; leaves]), |text| floats("leaf_const", text, leaves))?;
        let sizes = self.num_features.map_or(Ok(vec![0; leaves]), |text| ints("num_features", text, leaves))?;
        let sizes: Option<Vec<usize>> = sizes.into_iter().map(|size| usize::try_from(size).ok()).collect();
        let sizes = sizes.ok_or("num_features has a negative number")?;
        let total = sizes.iter().fold(0_usize, |sum, &size| sum.saturating_add(size));
        let columns = unsigned("leaf_features", self.leaf_features, total)?;
        if columns.iter().any(|&column| column as usize >= features) {
            return Err("leaf_features names a feature that the model does not have".into());
        }
        let mut terms = columns.into_iter().zip(floats("leaf_coeff", self.leaf_coeff, total)?);
        let leaf = |(constant, size): (f64, usize)| LinearLeaf { constant, terms: terms.by_ref().take(size).collect() };
        Ok(LeafModel { leaves: constants.into_iter().zip(sizes).map(leaf).collect() })
    }
}

/// `decision_type`: bit 0 categorical, bit 1 missing goes left, bits 2 and 3 what is missing. A tree without sets has no
/// categorical split, whatever bit 0 says.
fn split(decision_type: i32, threshold: f64, sets: usize) -> Result<Split, String> {
    if decision_type & 1 == 1 && sets > 0 {
        if threshold.is_nan() || threshold <= -1.0 {
            return Err("threshold of a categorical split is not the number of a set".into());
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it saturates, and the tree checks it"
        )]
        return Ok(Split::In(threshold as u32));
    }
    let missing = match (decision_type >> 2) & 3 {
        1 => Missing::Zero,
        2 => Missing::Nan,
        _ => Missing::None,
    };
    Ok(Split::AtMost { threshold, missing, missing_left: decision_type & 2 != 0 })
}

fn size(key: &str, value: &str) -> Result<usize, String> {
    // A leaf's number must fit into a child, which is an i32.
    const MAX: RangeInclusive<u32> = 0..=i32::MAX as u32;
    let number = value.trim().parse::<u32>().ok().filter(|number| MAX.contains(number));
    number.map(|number| number as usize).ok_or_else(|| format!("{key} is not a size"))
}

fn floats(key: &str, text: &str, count: usize) -> Result<Vec<f64>, String> {
    list(key, text, count, |word| fast_float2::parse(word).ok())
}

fn ints(key: &str, text: &str, count: usize) -> Result<Vec<i32>, String> {
    list(key, text, count, |word| word.parse().ok())
}

fn unsigned(key: &str, text: &str, count: usize) -> Result<Vec<u32>, String> {
    list(key, text, count, |word| word.parse().ok())
}

/// Exactly `count` numbers. Memory is taken for numbers that are there, not for numbers that are claimed.
fn list<T>(key: &str, text: &str, count: usize, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
    let mut numbers = Vec::with_capacity(count.min(text.len() / 2 + 1));
    for word in text.split_ascii_whitespace() {
        numbers.push(parse(word).ok_or_else(|| format!("{key} has something that is not a number"))?);
    }
    if numbers.len() == count { Ok(numbers) } else { Err(format!("{key} has {} numbers, not {count}", numbers.len())) }
}
