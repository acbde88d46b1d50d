//! From the lists of a model file to something that scores; what does not fit together is refused here.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    columns::{Columns, FloatColumns, OneHotColumns, Test, columns_for},
    ctr::CtrPlan,
    error::{Fault, invalid},
    file::{Combination, ModelFile},
    forest::Forest,
    shap::Shap,
};
use crate::{Demand, Feature, FeatureKind};

/// More features than any real model has; a frame has a cell for each, also for those that no tree uses.
const MAX_FEATURES: usize = 1 << 20;

/// Memory of CTR tables per byte of the file, and what every model may have. A table takes 8 bytes and one per column
/// for each of at most four slots per entry, where the file has 16 bytes or more.
const CTR_BYTES_PER_FILE_BYTE: usize = 64;
const CTR_BYTES_FREE: usize = 16 << 20;

/// A model ready to score.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) columns: Columns,
    pub(super) forest: Forest,
    pub(super) scale: ScaleAndBias,
    /// `None` where there are no SHAP values.
    pub(super) shap: Option<Shap>,
}

impl Built {
    /// Bytes that it holds.
    pub(super) fn memory_bytes(&self) -> usize {
        self.columns.memory_bytes() + self.forest.memory_bytes() + self.shap.as_ref().map_or(0, Shap::memory_bytes)
    }
}

/// What is done to the sums of all trees.
#[derive(Debug)]
pub(super) struct ScaleAndBias {
    scale: f64,
    /// One per dimension.
    bias: Vec<f64>,
}

impl ScaleAndBias {
    /// Scales and shifts row-major sums.
    pub(super) fn apply(&self, sums: &mut [f64]) {
        for row in sums.chunks_exact_mut(self.bias.len()) {
            for (sum, bias) in row.iter_mut().zip(&self.bias) {
                *sum = *sum * self.scale + bias;
            }
        }
    }
}

/// Checks a model and lays it out. `file_bytes` is the size of its file, `loss` its loss function.
pub(super) fn build(file: &ModelFile, file_bytes: usize, loss: &str) -> Result<(Built, Vec<Feature>), Fault> {
    // Also the number of values in an answer, so it may not be larger than what the file has.
    if file.dimension > file.leaf_values.len().max(file.bias.len()).max(1) {
        return Err(invalid(format!("it has {} values per leaf and fewer leaf values", file.dimension)));
    }
    let features = features(file)?;
    let layout = Layout::new(file)?;
    let columns = layout.columns(file, file_bytes)?;
    let splits = layout.splits(file);
    let bias = bias(file)?;
    // The forest has checked all numbers that the SHAP values rely on.
    let forest = Forest::new(&file.trees, &splits, file.dimension, file.leaf_values.clone())?;
    let shap = Shap::new(file, &splits, &bias, features.len(), loss);
    let scale = ScaleAndBias { scale: file.scale, bias };
    Ok((Built { columns, forest, scale, shap }, features))
}

fn bias(file: &ModelFile) -> Result<Vec<f64>, Fault> {
    match file.bias.as_slice() {
        [] | [0.0] => Ok(vec![0.0; file.dimension]),
        bias if bias.len() == file.dimension => Ok(bias.to_vec()),
        bias => Err(invalid(format!("it has {} biases for {} values per leaf", bias.len(), file.dimension))),
    }
}

/// The frame's columns, in the order of the flat indices.
fn features(file: &ModelFile) -> Result<Vec<Feature>, Fault> {
    let floats = file.floats.iter().map(|float| (float.flat_index, &float.name, FeatureKind::Number));
    let cats = file.cats.iter().map(|cat| (cat.flat_index, &cat.name, FeatureKind::HashedCategory));
    let mut named = BTreeMap::new();
    for (flat_index, name, kind) in floats.chain(cats) {
        if flat_index >= MAX_FEATURES {
            return Err(invalid(format!("feature number {flat_index} is past the limit of {MAX_FEATURES}")));
        }
        if named.insert(flat_index, (name, kind)).is_some() {
            return Err(invalid(format!("two features have number {flat_index}")));
        }
    }
    let count = named.last_key_value().map_or(0, |(&last, _)| last + 1);
    Ok((0..count)
        .map(|flat_index| {
            let (name, kind) =
                named.remove(&flat_index).map_or_else(Default::default, |(name, kind)| (name.clone(), Some(kind)));
            Feature {
                name: if name.is_empty() { flat_index.to_string() } else { name },
                // A number that the file does not mention takes part in no tree.
                kind: kind.unwrap_or(FeatureKind::Number),
            }
        })
        .collect())
}

/// What the library asks of each of the frame's columns; numbers that the file does not mention are not asked for.
pub(super) fn demands(file: &ModelFile, count: usize) -> Vec<Demand> {
    let hashed = file.ctrs.iter().flat_map(|ctr| {
        let combination = &ctr.base.combination;
        combination.cats.iter().copied().chain(combination.one_hots.iter().map(|&(cat, _)| cat))
    });
    let used_cats: BTreeSet<usize> = file
        .one_hots
        .iter()
        .filter(|one_hot| !one_hot.values.is_empty())
        .map(|one_hot| one_hot.cat)
        .chain(hashed)
        .collect();
    let mut demands = vec![Demand { named: false, used: false }; count];
    for float in &file.floats {
        demands[float.flat_index] = Demand { named: !float.name.is_empty(), used: !float.borders.is_empty() };
    }
    for cat in &file.cats {
        demands[cat.flat_index] = Demand { named: !cat.name.is_empty(), used: used_cats.contains(&cat.index) };
    }
    demands
}

/// Where each feature's columns begin.
struct Layout<'a> {
    floats: Vec<usize>,
    one_hots: Vec<usize>,
    ctrs: CtrPlan<'a>,
    first_ctr: usize,
    /// The frame's column of each category.
    cells: BTreeMap<usize, usize>,
    /// The splits that combinations may name, by feature and border bits or hash.
    float_tests: BTreeMap<(usize, u32), Test>,
    value_tests: BTreeMap<(usize, u32), Test>,
}

impl<'a> Layout<'a> {
    fn new(file: &'a ModelFile) -> Result<Self, Fault> {
        let mut next = 0;
        let mut place = |count: usize| {
            let first = next;
            next += columns_for(count);
            first
        };
        let floats: Vec<usize> = file.floats.iter().map(|float| place(float.borders.len())).collect();
        let one_hots: Vec<usize> = file.one_hots.iter().map(|one_hot| place(one_hot.values.len())).collect();
        let ctr_columns: usize = file.ctrs.iter().map(|ctr| columns_for(ctr.borders.len())).sum();
        // Columns are counted in 32 bits.
        if u32::try_from(next + ctr_columns).is_err() {
            return Err(invalid("it has too many borders"));
        }
        let mut layout = Self {
            floats,
            one_hots,
            ctrs: CtrPlan::new(&file.ctrs, &file.tables, next),
            first_ctr: next,
            cells: file.cats.iter().map(|cat| (cat.index, cat.flat_index)).collect(),
            float_tests: BTreeMap::new(),
            value_tests: BTreeMap::new(),
        };
        if layout.cells.len() != file.cats.len() {
            return Err(invalid("two categorical features have the same index"));
        }
        layout.collect_tests(file)?;
        Ok(layout)
    }

    fn collect_tests(&mut self, file: &ModelFile) -> Result<(), Fault> {
        let mut indices = BTreeSet::new();
        for (float, &first) in file.floats.iter().zip(&self.floats) {
            if !indices.insert(float.index) {
                return Err(invalid(format!("two float features have index {}", float.index)));
            }
            increasing(&float.borders)?;
            for (k, border) in float.borders.iter().enumerate() {
                self.float_tests.insert((float.index, border.to_bits()), Test::border(first, k));
            }
        }
        for (one_hot, &first) in file.one_hots.iter().zip(&self.one_hots) {
            for (k, &value) in one_hot.values.iter().enumerate() {
                if self.value_tests.insert((one_hot.cat, value), Test::value(first, k)).is_some() {
                    return Err(invalid("a one-hot feature has a value twice"));
                }
            }
        }
        file.ctrs.iter().try_for_each(|ctr| increasing(&ctr.borders))
    }

    fn columns(&self, file: &ModelFile, file_bytes: usize) -> Result<Columns, Fault> {
        let floats = file.floats.iter().zip(&self.floats).filter(|(float, _)| !float.borders.is_empty());
        let floats = floats
            .map(|(float, &first)| FloatColumns::new(float.flat_index, float.missing, &float.borders, first))
            .collect();
        let one_hots = file.one_hots.iter().zip(&self.one_hots).filter(|(one_hot, _)| !one_hot.values.is_empty());
        let one_hots = one_hots.map(|(one_hot, &first)| {
            let mut values: Vec<(u32, u32)> = one_hot.values.iter().copied().zip(0..).collect();
            values.sort_unstable();
            Ok(OneHotColumns { cell: self.cell(one_hot.cat)?, values, first })
        });
        let one_hots = one_hots.collect::<Result<_, Fault>>()?;
        let budget = file_bytes.saturating_mul(CTR_BYTES_PER_FILE_BYTE).saturating_add(CTR_BYTES_FREE);
        let ctrs =
            self.ctrs.build(self.first_ctr, |cat| self.cell(cat), |combination| self.tests(combination), budget)?;
        let ctr_columns: usize = file.ctrs.iter().map(|ctr| columns_for(ctr.borders.len())).sum();
        Ok(Columns { floats, one_hots, ctrs, count: self.first_ctr + ctr_columns })
    }

    fn cell(&self, cat: usize) -> Result<usize, Fault> {
        self.cells.get(&cat).copied().ok_or_else(|| invalid(format!("there is no categorical feature {cat}")))
    }

    fn tests(&self, combination: &Combination) -> Result<Vec<Test>, Fault> {
        let floats = combination.floats.iter().map(|split| self.float_tests.get(split));
        let values = combination.one_hots.iter().map(|split| self.value_tests.get(split));
        let tests: Option<Vec<Test>> = floats.chain(values).map(Option::<&Test>::copied).collect();
        tests.ok_or_else(|| invalid("a combination has a split that the model does not have"))
    }

    /// The list of all splits, which the trees number.
    fn splits(&self, file: &ModelFile) -> Vec<Test> {
        let floats = file.floats.iter().zip(&self.floats).map(|(float, &first)| (float.borders.len(), first));
        let ctrs = file.ctrs.iter().zip(self.ctrs.firsts()).map(|(ctr, &first)| (ctr.borders.len(), first));
        let borders = |(count, first): (usize, usize)| (0..count).map(move |k| Test::border(first, k));
        let values = file.one_hots.iter().zip(&self.one_hots);
        let values = values.flat_map(|(one_hot, &first)| (0..one_hot.values.len()).map(move |k| Test::value(first, k)));
        floats.flat_map(borders).chain(values).chain(ctrs.flat_map(borders)).collect()
    }
}

fn increasing(borders: &[f32]) -> Result<(), Fault> {
    if borders.iter().any(|border| border.is_nan()) || !borders.is_sorted() {
        return Err(invalid("the borders of a feature do not increase"));
    }
    Ok(())
}
