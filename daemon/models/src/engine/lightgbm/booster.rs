//! A LightGBM model in memory, as its file describes it.

use std::sync::Arc;

use super::{categories::PandasCategories, objective::Objective};
use crate::engine::forest::{Tree, is_zero};

/// A whole model.
#[derive(Clone, Debug)]
pub struct Booster {
    /// Trees in the file's order: iteration after iteration, one tree per output.
    pub trees: Vec<ScoredTree>,
    /// Trees per iteration, which is also the number of raw scores.
    pub outputs: usize,
    /// Names of the features, sanitised by LightGBM.
    pub feature_names: Vec<String>,
    /// Whether a prediction is the mean of the iterations (random forest).
    pub average_output: bool,
    /// What turns raw scores into a prediction.
    pub objective: Objective,
    /// Whether the leaves hold linear models.
    pub linear: bool,
    /// Categories of the pandas columns it was trained on.
    pub pandas_categories: PandasCategories,
}

/// A tree and what its leaves are worth.
#[derive(Clone, Debug)]
pub struct ScoredTree {
    /// Its shape.
    pub tree: Arc<Tree>,
    /// Value of each leaf.
    pub leaf_values: Vec<f64>,
    /// Linear models of the leaves.
    pub linear: Option<LeafModel>,
    /// Training rows in each leaf, for contributions; empty when the file does not say.
    pub leaf_counts: Vec<i32>,
    /// Training rows in each inner node.
    pub node_counts: Vec<i32>,
}

/// Linear models, one for each leaf.
#[derive(Clone, Debug, Default)]
pub struct LeafModel {
    /// By leaf number.
    pub leaves: Vec<LinearLeaf>,
}

/// The linear model of one leaf.
#[derive(Clone, Debug, Default)]
pub struct LinearLeaf {
    /// Its constant.
    pub constant: f64,
    /// Feature and coefficient, in the order in which they are added.
    pub terms: Vec<(u32, f64)>,
}

impl ScoredTree {
    /// What a row gets from its leaf.
    #[must_use]
    pub fn value(&self, leaf: u32, row: &[f64]) -> f64 {
        let plain = self.leaf_values[leaf as usize];
        self.linear.as_ref().map_or(plain, |model| model.leaves[leaf as usize].value(row).unwrap_or(plain))
    }
}

impl LinearLeaf {
    /// The linear model's value; `None` when one of its features is missing.
    fn value(&self, row: &[f64]) -> Option<f64> {
        self.terms.iter().try_fold(self.constant, |sum, &(feature, coefficient)| {
            let cell = without_tiny(row[feature as usize]);
            (!cell.is_nan()).then_some(sum + coefficient * cell)
        })
    }
}

/// LightGBM's C API takes only what is not zero into its row buffer: what counts as zero becomes zero.
#[must_use]
pub fn without_tiny(cell: f64) -> f64 {
    if is_zero(cell) { 0.0 } else { cell }
}

impl Booster {
    /// The trees that count: those of whole iterations.
    #[must_use]
    pub fn scored_trees(&self) -> &[ScoredTree] {
        &self.trees[..self.iterations() * self.outputs]
    }

    /// Bytes that it holds, without its names.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let tree = |tree: &ScoredTree| {
            let linear = tree
                .linear
                .as_ref()
                .map_or(0, |model| model.leaves.iter().map(|leaf| 32 + leaf.terms.len() * 16).sum());
            let counts = (tree.leaf_counts.len() + tree.node_counts.len()) * 4;
            tree.tree.memory_bytes() + tree.leaf_values.len() * 8 + counts + linear
        };
        self.trees.iter().map(tree).sum()
    }

    /// Whole iterations; LightGBM leaves surplus trees out.
    #[must_use]
    pub fn iterations(&self) -> usize {
        self.trees.len() / self.outputs
    }

    /// Leaves later iterations out, as `Booster.predict` does when there is a best iteration.
    pub fn keep_iterations(&mut self, iterations: usize) {
        self.trees.truncate(iterations.saturating_mul(self.outputs));
    }
}
