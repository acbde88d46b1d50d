//! TreeSHAP feature contributions, as LightGBM's `Tree::TreeSHAP` computes them (arXiv:1706.06060, algorithm 2).
//!
//! Every operation stands in LightGBM's order, so that the result has its bits. Trees with linear leaves have no
//! contributions, there as here.

use super::booster::{Booster, ScoredTree};

/// Deeper trees have no contributions: the path takes memory with the square of the depth (17 MiB at this one), and the
/// recursion stack with the depth.
const MAX_DEPTH: u32 = 1024;

/// Whether a model's contributions can be computed.
#[must_use]
pub(super) fn available(booster: &Booster) -> bool {
    let known = |tree: &ScoredTree| {
        tree.leaf_counts.len() == tree.leaf_values.len()
            && tree.node_counts.len() == tree.tree.nodes().len()
            && tree.tree.depth() <= MAX_DEPTH
    };
    !booster.linear && booster.trees.iter().all(known)
}

/// Adds the contributions of one tree to `phi`: one value for each feature, then the expected value.
pub(super) fn add(tree: &ScoredTree, row: &[f64], phi: &mut [f64], path: &mut Vec<Element>) {
    if let Some(expected) = phi.last_mut() {
        *expected += expected_value(tree);
    }
    if tree.tree.nodes().is_empty() {
        return;
    }
    let length = tree.tree.depth() as usize + 1;
    path.clear();
    path.resize(length * (length + 1) / 2, Element::default());
    let root = Element { feature: NO_FEATURE, zero_fraction: 1.0, one_fraction: 1.0, weight: 0.0 };
    Walk { tree, row }.visit(0, path, 0, 0, root, phi);
}

/// A feature on the path, and the share of the permutations that reach this far with and without it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Element {
    feature: u32,
    zero_fraction: f64,
    one_fraction: f64,
    weight: f64,
}

/// The feature of the path's first element, which no node splits on.
const NO_FEATURE: u32 = u32::MAX;

fn expected_value(tree: &ScoredTree) -> f64 {
    let Some(&total) = tree.node_counts.first() else { return tree.leaf_values[0] };
    let leaves = tree.leaf_counts.iter().zip(&tree.leaf_values);
    leaves.fold(0.0, |sum, (&count, value)| sum + f64::from(count) / f64::from(total) * value)
}

struct Walk<'t> {
    tree: &'t ScoredTree,
    row: &'t [f64],
}

impl Walk<'_> {
    /// Visits the subtree at `at`. The path of its parent starts at `parent` in `paths` and has `depth` elements;
    /// `added` comes to it.
    fn visit(&self, at: i32, paths: &mut [Element], parent: usize, depth: usize, added: Element, phi: &mut [f64]) {
        let start = parent + depth;
        paths.copy_within(parent..start, start);
        extend(&mut paths[start..=start + depth], added);
        let Ok(node) = usize::try_from(at) else {
            return self.leaf((!at).unsigned_abs() as usize, &paths[start..=start + depth], phi);
        };
        let split = self.tree.tree.nodes()[node];
        let hot = self.tree.tree.next(node, self.row);
        let cold = if hot == split.left { split.right } else { split.left };
        let total = self.count(at);
        let hot_fraction = self.count(hot) / total;
        let cold_fraction = self.count(cold) / total;
        let mut incoming = Element { feature: split.feature, zero_fraction: 1.0, one_fraction: 1.0, weight: 0.0 };
        let mut depth = depth;
        // A feature that the path already has is taken out of it, to come back with this node's share.
        let earlier = paths[start..=start + depth].iter().position(|element| element.feature == split.feature);
        if let Some(earlier) = earlier {
            incoming = paths[start + earlier];
            unwind(&mut paths[start..=start + depth], earlier);
            depth -= 1;
        }
        let hot_added = Element { zero_fraction: hot_fraction * incoming.zero_fraction, ..incoming };
        self.visit(hot, paths, start, depth + 1, hot_added, phi);
        let cold_zero = cold_fraction * incoming.zero_fraction;
        let cold_added = Element { zero_fraction: cold_zero, one_fraction: 0.0, ..incoming };
        self.visit(cold, paths, start, depth + 1, cold_added, phi);
    }

    fn leaf(&self, leaf: usize, path: &[Element], phi: &mut [f64]) {
        for (index, element) in path.iter().enumerate().skip(1) {
            let weight = unwound_sum(path, index);
            phi[element.feature as usize] +=
                weight * (element.one_fraction - element.zero_fraction) * self.tree.leaf_values[leaf];
        }
    }

    /// Training rows that reached a node or leaf.
    fn count(&self, at: i32) -> f64 {
        f64::from(match usize::try_from(at) {
            Ok(node) => self.tree.node_counts[node],
            Err(_) => self.tree.leaf_counts[(!at).unsigned_abs() as usize],
        })
    }
}

/// Makes `added` the last element of the path.
fn extend(path: &mut [Element], added: Element) {
    let depth = path.len() - 1;
    let weight = if depth == 0 { 1.0 } else { 0.0 };
    path[depth] = Element { weight, ..added };
    let total = float(depth + 1);
    for i in (0..depth).rev() {
        path[i + 1].weight += added.one_fraction * path[i].weight * float(i + 1) / total;
        path[i].weight = added.zero_fraction * path[i].weight * float(depth - i) / total;
    }
}

/// Takes element `index` out of the path.
fn unwind(path: &mut [Element], index: usize) {
    let depth = path.len() - 1;
    let Element { one_fraction, zero_fraction, .. } = path[index];
    let mut next_one_portion = path[depth].weight;
    let total = float(depth + 1);
    for i in (0..depth).rev() {
        if one_fraction == 0.0 {
            path[i].weight = (path[i].weight * total) / (zero_fraction * float(depth - i));
        } else {
            let weight = path[i].weight;
            path[i].weight = next_one_portion * total / (float(i + 1) * one_fraction);
            next_one_portion = weight - path[i].weight * zero_fraction * float(depth - i) / total;
        }
    }
    for i in index..depth {
        path[i] = Element { weight: path[i].weight, ..path[i + 1] };
    }
}

/// The sum of the weights that the path would have without element `index`.
fn unwound_sum(path: &[Element], index: usize) -> f64 {
    let depth = path.len() - 1;
    let Element { one_fraction, zero_fraction, .. } = path[index];
    let mut next_one_portion = path[depth].weight;
    let mut sum = 0.0;
    let total = float(depth + 1);
    for i in (0..depth).rev() {
        let share = float(depth - i) / total;
        if one_fraction == 0.0 {
            sum += path[i].weight / zero_fraction / share;
        } else {
            let portion = next_one_portion * total / (float(i + 1) * one_fraction);
            sum += portion;
            next_one_portion = path[i].weight - portion * zero_fraction * share;
        }
    }
    sum
}

#[expect(clippy::cast_precision_loss, reason = "a path is far shorter than 2^53")]
fn float(count: usize) -> f64 {
    count as f64
}
