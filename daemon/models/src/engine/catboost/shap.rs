//! SHAP values as CatBoost's `get_feature_importance(type='ShapValues')` computes them with its default settings.
//!
//! The algorithm is TreeSHAP over the training weights of the leaves, with CatBoost's order of operations, so that the
//! bits are the same. A combination of categories shares its value equally among them. Not offered where CatBoost's own
//! answer depends on the other rows of the request (see [`Shap::new`]).

mod path;

use std::collections::BTreeMap;

use path::{Path, is_zero};

use super::{
    columns::Test,
    file::{ModelFile, Node, Trees},
};

/// What is known about a model's trees for their SHAP values.
#[derive(Debug)]
pub(super) struct Shap {
    trees: Vec<Tree>,
    /// The features (frame columns) of each group that splits as one.
    groups: Vec<Vec<usize>>,
    /// Values per leaf.
    dimension: usize,
    /// Values per leaf that are answered.
    answered: usize,
    /// Number of features.
    features: usize,
    bias: Vec<f64>,
}

#[derive(Debug)]
struct Tree {
    shape: Shape,
    /// Where its leaf values begin, and how many leaves there are (oblivious trees).
    leaves: usize,
    /// Training weight below each node.
    weights: Vec<f64>,
    /// The tree's expected values.
    means: Vec<f64>,
    /// What is taken from each leaf value: the average of the means in a multi-class model.
    offset: f64,
}

#[derive(Debug)]
enum Shape {
    /// The group of each level, topmost split last as in the file. Nodes are numbered as in a heap.
    Oblivious(Vec<usize>),
    /// Group, split, jumps and leaf of each node.
    Nodes(Vec<(usize, Test, Node)>),
}

/// Levels of a non-symmetric tree; its values are computed by recursion. CatBoost itself grows 16 at most.
const MAX_DEPTH: usize = 64;

impl Shap {
    /// Prepares a model with the list of all `splits` and `features` columns in its frame.
    ///
    /// `None` without training weights, or where a leaf without weight has a value: there CatBoost weighs the leaves by
    /// the rows of the request. `None` too for what CatBoost's training does not produce: far deeper trees, and several values
    /// per leaf without a loss function.
    pub(super) fn new(file: &ModelFile, splits: &[Test], bias: &[f64], features: usize, loss: &str) -> Option<Self> {
        let dimension = file.dimension;
        if file.leaf_weights.is_empty() || file.leaf_weights.len() * dimension != file.leaf_values.len() {
            return None;
        }
        // CatBoost's own tolerance.
        let has_value = |values: &[f64]| values.iter().map(|value| value.abs()).sum::<f64>() >= 1e-9;
        let mut leaves = file.leaf_weights.iter().zip(file.leaf_values.chunks_exact(dimension));
        if leaves.any(|(&weight, values)| weight == 0.0 && has_value(values)) || (dimension > 1 && loss.is_empty()) {
            return None;
        }
        let (groups, group_of) = groups(file)?;
        let mut shap = Self {
            trees: Vec::new(),
            groups,
            dimension,
            answered: if loss == "RMSEWithUncertainty" { 1 } else { dimension },
            features,
            bias: bias.to_vec(),
        };
        let is_multi_class = dimension > 1 && loss == "MultiClass";
        match &file.trees {
            Trees::Oblivious(trees) => {
                let mut first = 0;
                for tree in trees {
                    let levels = tree.iter().map(|&split| group_of[split]).collect();
                    shap.trees.push(oblivious(file, levels, first, is_multi_class));
                    first += dimension << tree.len();
                }
            }
            Trees::NonSymmetric(trees) => {
                for nodes in trees {
                    shap.trees.push(non_symmetric(file, nodes, splits, &group_of, is_multi_class)?);
                }
            }
        }
        Some(shap)
    }

    /// Values per row.
    pub(super) fn width(&self) -> usize {
        self.answered * (self.features + 1)
    }

    /// Bytes that it holds.
    pub(super) fn memory_bytes(&self) -> usize {
        let tree = |tree: &Tree| {
            let shape = match &tree.shape {
                Shape::Oblivious(levels) => size_of_val(&**levels),
                Shape::Nodes(nodes) => size_of_val(&**nodes),
            };
            size_of_val(tree) + size_of_val(&*tree.weights) + size_of_val(&*tree.means) + shape
        };
        self.trees.iter().map(tree).sum()
    }

    /// Adds the values of tree `number` for a row to `sums`: per answered dimension one per feature, then the expected
    /// value. `leaf` is the row's leaf, `bin` gives its bins; `known` keeps what one call may use again for the same leaf.
    pub(super) fn add(&self, number: usize, row: &Row<'_>, known: &mut Known, sums: &mut [f64]) {
        let tree = &self.trees[number];
        let values = match &tree.shape {
            Shape::Oblivious(_) => known.leaves.entry(row.leaf_place).or_insert_with(|| self.tree_values(tree, row)),
            Shape::Nodes(_) => {
                known.last = self.tree_values(tree, row);
                &known.last
            }
        };
        let columns = self.features + 1;
        for (feature, values) in values {
            for (dimension, value) in values[..self.answered].iter().enumerate() {
                sums[dimension * columns + feature] += value;
            }
        }
        for dimension in 0..self.answered {
            sums[dimension * columns + self.features] += tree.means[dimension];
        }
    }

    /// Adds what does not depend on the row.
    pub(super) fn add_bias(&self, sums: &mut [f64]) {
        for (dimension, sums) in sums.chunks_exact_mut(self.features + 1).enumerate() {
            sums[self.features] += self.bias[dimension];
        }
    }

    /// The values of one tree by feature.
    fn tree_values(&self, tree: &Tree, row: &Row<'_>) -> Vec<(usize, Vec<f64>)> {
        let mut by_group = Vec::new();
        let walk = Walk { shap: self, tree, row };
        walk.down(0, &Path::default(), 1.0, 1.0, None, &mut by_group);
        let mut by_feature: Vec<(usize, Vec<f64>)> = Vec::new();
        for (group, values) in by_group {
            let members = &self.groups[group];
            let shares: Vec<f64> = values.iter().map(|value| value / members.len() as f64).collect();
            for &feature in members {
                match by_feature.iter_mut().find(|(other, _)| *other == feature) {
                    Some((_, sums)) => sums.iter_mut().zip(&shares).for_each(|(sum, share)| *sum += share),
                    None => by_feature.push((feature, shares.clone())),
                }
            }
        }
        by_feature
    }
}

/// A row as the trees see it.
pub(super) struct Row<'a> {
    /// Its bins: column `c` at `bins[c * stride]`.
    pub(super) bins: &'a [i8],
    pub(super) stride: usize,
    /// All leaf values of the model.
    pub(super) leaf_values: &'a [f64],
    /// Where the values of its leaf in this tree begin.
    pub(super) leaf_place: usize,
}

/// What was computed for one tree and may be used for further rows.
#[derive(Default)]
pub(super) struct Known {
    leaves: BTreeMap<usize, Vec<(usize, Vec<f64>)>>,
    last: Vec<(usize, Vec<f64>)>,
}

/// One tree and one row.
struct Walk<'a> {
    shap: &'a Shap,
    tree: &'a Tree,
    row: &'a Row<'a>,
}

/// What a node is to a row: a leaf, a split, or both where the leaf on one side of the split has no node of its own.
struct Place {
    /// Where its values begin.
    leaf: Option<usize>,
    /// Group of its split.
    group: usize,
    /// The child where the row goes, and the other one.
    children: [Option<usize>; 2],
}

impl Place {
    fn leaf(values: usize) -> Self {
        Self { leaf: Some(values), group: 0, children: [None; 2] }
    }
}

impl Walk<'_> {
    fn place(&self, at: usize) -> Place {
        match &self.tree.shape {
            Shape::Oblivious(levels) => {
                let level = (at + 1).ilog2() as usize;
                let Some(remaining) = levels.len().checked_sub(level + 1) else {
                    return Place::leaf(self.tree.leaves + (at + 1 - (1 << level)) * self.shap.dimension);
                };
                let leaf = (self.row.leaf_place - self.tree.leaves) / self.shap.dimension;
                let goes = (leaf >> remaining) & 1;
                let children = [Some(2 * at + 1 + goes), Some(2 * at + 2 - goes)];
                Place { leaf: None, group: levels[remaining], children }
            }
            Shape::Nodes(nodes) => {
                let &(group, test, node) = &nodes[at];
                let mut children = [node.left, node.right].map(|jump| (jump != 0).then_some(at + jump));
                if children == [None; 2] {
                    return Place { leaf: node.value, group, children };
                }
                if test.holds(self.row.bins[test.column as usize * self.row.stride]) {
                    children.reverse();
                }
                Place { leaf: node.value, group, children }
            }
        }
    }

    /// Adds the values of all leaves below node `at` by group, in the order in which the groups are met.
    fn down(
        &self,
        at: usize,
        above: &Path,
        zero: f64,
        one: f64,
        group: Option<usize>,
        values: &mut Vec<(usize, Vec<f64>)>,
    ) {
        let mut path = above.extended(zero, one, group);
        let place = self.place(at);
        if let Some(leaf) = place.leaf {
            // CatBoost leaves the node's own split out of such a leaf's path; so it is part of its answer.
            self.leaf(&path, leaf, values);
        }
        let (mut zero, mut one) = (1.0, 1.0);
        if let Some(found) = path.find(place.group) {
            (zero, one) = path.fractions(found);
            path = path.unwound(found);
        }
        let weights = &self.tree.weights;
        for (child, one) in place.children.into_iter().zip([one, 0.0]) {
            if let Some(child) = child.filter(|&child| !is_zero(weights[child])) {
                let share = weights[child] / weights[at];
                self.down(child, &path, zero * share, one, Some(place.group), values);
            }
        }
    }

    fn leaf(&self, path: &Path, place: usize, values: &mut Vec<(usize, Vec<f64>)>) {
        let leaf = &self.row.leaf_values[place..][..self.shap.dimension];
        for (group, coefficient) in path.coefficients() {
            let added = leaf.iter().map(|value| coefficient * (value - self.tree.offset));
            match values.iter_mut().find(|(other, _)| *other == group) {
                Some((_, sums)) => sums.iter_mut().zip(added).for_each(|(sum, value)| *sum += value),
                None => values.push((group, added.collect())),
            }
        }
    }
}

/// The groups of features, and the group of each split: a number or one-hot category on its own, a combination by its
/// categories. `None` when a category is not there.
fn groups(file: &ModelFile) -> Option<(Vec<Vec<usize>>, Vec<usize>)> {
    let cells: BTreeMap<usize, usize> = file.cats.iter().map(|cat| (cat.index, cat.flat_index)).collect();
    let mut numbers: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
    let mut group_of = Vec::new();
    let mut add = |features: Vec<usize>, splits: usize| {
        let next = numbers.len();
        let number = *numbers.entry(features).or_insert(next);
        group_of.extend(std::iter::repeat_n(number, splits));
    };
    for float in &file.floats {
        add(vec![float.flat_index], float.borders.len());
    }
    for one_hot in &file.one_hots {
        add(vec![*cells.get(&one_hot.cat)?], one_hot.values.len());
    }
    for ctr in &file.ctrs {
        let cats = ctr.base.combination.cats.iter().map(|cat| cells.get(cat).copied());
        add(cats.collect::<Option<_>>()?, ctr.borders.len());
    }
    let mut groups = vec![Vec::new(); numbers.len()];
    for (features, number) in numbers {
        groups[number] = features;
    }
    Some((groups, group_of))
}

fn oblivious(file: &ModelFile, levels: Vec<usize>, leaves: usize, is_multi_class: bool) -> Tree {
    let count = 1 << levels.len();
    let dimension = file.dimension;
    let own_weights = &file.leaf_weights[leaves / dimension..][..count];
    let mut means = vec![0.0; dimension];
    for (values, weight) in file.leaf_values[leaves..].chunks_exact(dimension).zip(own_weights) {
        means.iter_mut().zip(values).for_each(|(mean, value)| *mean += value * weight);
    }
    let mut weights = vec![0.0; count - 1];
    weights.extend(own_weights);
    for at in (0..count - 1).rev() {
        weights[at] = weights[2 * at + 1] + weights[2 * at + 2];
    }
    finish(Shape::Oblivious(levels), leaves, weights, means, is_multi_class)
}

fn non_symmetric(
    file: &ModelFile,
    nodes: &[Node],
    splits: &[Test],
    group_of: &[usize],
    is_multi_class: bool,
) -> Option<Tree> {
    let dimension = file.dimension;
    let mut means = vec![0.0; dimension];
    let mut own = Vec::with_capacity(nodes.len());
    let mut weights = vec![0.0; nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        let is_end = node.left == 0 && node.right == 0;
        let node = Node { value: node.value.filter(|_| node.left == 0 || node.right == 0), ..*node };
        if let Some(place) = node.value {
            let weight = *file.leaf_weights.get(place / dimension)?;
            let values = &file.leaf_values[place..][..dimension];
            means.iter_mut().zip(values).for_each(|(mean, value)| *mean += value * weight);
            // CatBoost forgets the root's own leaf unless it is the only one.
            if at > 0 || nodes.len() == 1 {
                weights[at] = weight;
            }
        }
        let never = (0, Test::NEVER);
        let (group, test) = if is_end { never } else { (group_of[node.split], splits[node.split]) };
        own.push((group, test, node));
    }
    // From the last node to the first, each adds to the one above it.
    let mut parents = vec![0; nodes.len()];
    let mut levels = vec![0; nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        for jump in [node.left, node.right].into_iter().filter(|&jump| jump != 0) {
            parents[at + jump] = at;
            levels[at + jump] = levels[at] + 1;
        }
    }
    if levels.iter().any(|&level| level > MAX_DEPTH) {
        return None;
    }
    for at in (1..nodes.len()).rev() {
        weights[parents[at]] += weights[at];
    }
    Some(finish(Shape::Nodes(own), 0, weights, means, is_multi_class))
}

fn finish(shape: Shape, leaves: usize, weights: Vec<f64>, mut means: Vec<f64>, is_multi_class: bool) -> Tree {
    means.iter_mut().for_each(|mean| *mean /= weights[0]);
    let average = means.iter().sum::<f64>() / means.len() as f64;
    Tree { shape, leaves, weights, means, offset: if is_multi_class { average } else { 0.0 } }
}
