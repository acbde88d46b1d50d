//! What a model file holds, whichever format it was saved in: plain lists, nothing checked, nothing computed.
//!
//! [`super::cbm`] and [`super::json`] fill it in, [`super::check`] refuses what does not fit together.

use std::collections::BTreeMap;

/// The contents of a model file.
#[derive(Debug, Default)]
pub(super) struct ModelFile {
    pub(super) floats: Vec<FloatFeature>,
    pub(super) cats: Vec<CatFeature>,
    pub(super) one_hots: Vec<OneHot>,
    pub(super) ctrs: Vec<Ctr>,
    pub(super) tables: Vec<CtrTable>,
    /// Values per leaf.
    pub(super) dimension: usize,
    pub(super) trees: Trees,
    pub(super) leaf_values: Vec<f64>,
    /// Training weight of each leaf; empty where the file has none.
    pub(super) leaf_weights: Vec<f64>,
    pub(super) scale: f64,
    /// One per dimension, or none.
    pub(super) bias: Vec<f64>,
    /// Texts by name; `params` and `class_params` are JSON.
    pub(super) info: BTreeMap<String, String>,
}

/// A number of the input.
#[derive(Debug)]
pub(super) struct FloatFeature {
    /// Its place among the numbers; what combinations name it by.
    pub(super) index: usize,
    /// Its place among all features.
    pub(super) flat_index: usize,
    pub(super) name: String,
    /// Increasing. Empty for a feature that no tree uses.
    pub(super) borders: Vec<f32>,
    pub(super) missing: Missing,
}

/// What NaN counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// NaN, which is above no border.
    NotANumber,
    /// Below all borders.
    Lowest,
    /// Above all borders.
    Highest,
}

/// A category of the input.
#[derive(Debug)]
pub(super) struct CatFeature {
    /// Its place among the categories; what splits and combinations name it by.
    pub(super) index: usize,
    /// Its place among all features.
    pub(super) flat_index: usize,
    pub(super) name: String,
}

/// The splits "is exactly this category" of one categorical feature.
#[derive(Debug)]
pub(super) struct OneHot {
    /// [`CatFeature::index`].
    pub(super) cat: usize,
    /// Hashes.
    pub(super) values: Vec<u32>,
}

/// A statistic of the target over a combination of categories, and the borders it is compared with.
#[derive(Debug)]
pub(super) struct Ctr {
    pub(super) base: CtrBase,
    pub(super) target_border: usize,
    pub(super) prior_num: f32,
    pub(super) prior_denom: f32,
    pub(super) shift: f32,
    pub(super) scale: f32,
    pub(super) borders: Vec<f32>,
}

/// What a table of statistics is found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct CtrBase {
    pub(super) combination: Combination,
    pub(super) kind: CtrKind,
    /// Which of several ways to cut the target into classes.
    pub(super) target_classifier: usize,
}

/// The features that are hashed together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Combination {
    /// [`CatFeature::index`].
    pub(super) cats: Vec<usize>,
    /// [`FloatFeature::index`] and the bits of the border: whether the number is above it.
    pub(super) floats: Vec<(usize, u32)>,
    /// [`CatFeature::index`] and a hash: whether it is that category.
    pub(super) one_hots: Vec<(usize, u32)>,
}

/// How counts become a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum CtrKind {
    Borders,
    Buckets,
    BinarizedTargetMeanValue,
    FloatTargetMeanValue,
    Counter,
    FeatureFreq,
}

impl CtrKind {
    /// The name that the JSON format writes.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "Borders" => Self::Borders,
            "Buckets" => Self::Buckets,
            "BinarizedTargetMeanValue" => Self::BinarizedTargetMeanValue,
            "FloatTargetMeanValue" => Self::FloatTargetMeanValue,
            "Counter" => Self::Counter,
            "FeatureFreq" => Self::FeatureFreq,
            _ => return None,
        })
    }

    /// The number that the binary format writes.
    pub(super) fn from_number(number: i8) -> Option<Self> {
        let all = [
            Self::Borders,
            Self::Buckets,
            Self::BinarizedTargetMeanValue,
            Self::FloatTargetMeanValue,
            Self::Counter,
            Self::FeatureFreq,
        ];
        all.get(usize::try_from(number).ok()?).copied()
    }
}

/// The counts of one combination.
#[derive(Debug)]
pub(super) struct CtrTable {
    pub(super) base: CtrBase,
    /// Hash of the combined categories, and the number of its entry among the counts.
    pub(super) entries: Vec<(u64, u32)>,
    pub(super) counts: Counts,
    pub(super) counter_denominator: i32,
    /// Counts per entry of [`Counts::Integers`], for the kinds that count by class.
    pub(super) classes: usize,
}

/// What is counted.
#[derive(Debug)]
pub(super) enum Counts {
    Integers(Vec<i32>),
    /// Sum of the target and number of rows.
    Means(Vec<(f32, i32)>),
}

/// The shape of the trees. A split is a number in the list of all splits: those of the float features in file order,
/// then the one-hot ones, then the CTRs.
#[derive(Debug)]
pub(super) enum Trees {
    /// All nodes of a level share one split: the splits of each tree, topmost first.
    Oblivious(Vec<Vec<usize>>),
    /// The nodes of each tree.
    NonSymmetric(Vec<Vec<Node>>),
}

impl Default for Trees {
    fn default() -> Self {
        Self::Oblivious(Vec::new())
    }
}

/// A node of a non-symmetric tree.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Node {
    pub(super) split: usize,
    /// How far on the next node is when the split is false; 0 ends here.
    pub(super) left: usize,
    /// The same when it is true.
    pub(super) right: usize,
    /// Where its values begin, for a node that can be an end.
    pub(super) value: Option<usize>,
}
