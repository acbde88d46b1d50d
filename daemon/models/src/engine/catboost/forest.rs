//! The trees over bins: from the bins of a block of rows to sums of leaves.
//!
//! Sums run over the trees in file order, in `f64`, row by row: the order in which CatBoost adds, and so its bits.

use super::{
    columns::Test,
    error::{Fault, invalid},
    file::{Node, Trees},
};

/// Rows that are scored together: their bins of one column fill two cache lines.
pub(super) const BLOCK: usize = 128;

/// CatBoost grows no deeper oblivious tree.
const MAX_DEPTH: usize = 16;

/// The trees of a model.
#[derive(Debug)]
pub(super) struct Forest {
    /// Values per leaf.
    dimension: usize,
    leaf_values: Vec<f64>,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    Oblivious(Vec<ObliviousTree>),
    NonSymmetric(Vec<NodeTree>),
}

#[derive(Debug)]
struct ObliviousTree {
    /// The split of each level; the first one is the lowest bit of the leaf's number.
    tests: Vec<Test>,
    /// Where its leaf values begin.
    leaves: usize,
}

/// A tree as a list of steps. Ends point at themselves, so that walking too far does no harm.
#[derive(Debug)]
struct NodeTree {
    steps: Vec<Step>,
    /// Steps from the root to the furthest end.
    depth: usize,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    test: Test,
    next: [u32; 2],
    /// Where its values begin, at an end.
    value: usize,
}

impl Forest {
    /// Lays out `trees` over the list of all splits.
    ///
    /// # Errors
    /// [`Fault::Invalid`] for a split or leaf that is not there, and for steps that do not lead onwards.
    pub(super) fn new(trees: &Trees, splits: &[Test], dimension: usize, leaf_values: Vec<f64>) -> Result<Self, Fault> {
        if dimension == 0 || !leaf_values.len().is_multiple_of(dimension) {
            return Err(invalid("the leaf values are not whole leaves"));
        }
        let shape = match trees {
            Trees::Oblivious(trees) => Shape::Oblivious(oblivious(trees, splits, dimension, leaf_values.len())?),
            Trees::NonSymmetric(trees) => {
                let last_leaf =
                    leaf_values.len().checked_sub(dimension).ok_or_else(|| invalid("there are no leaves"))?;
                let tree = |nodes: &Vec<Node>| node_tree(nodes, splits, last_leaf);
                Shape::NonSymmetric(trees.iter().map(tree).collect::<Result<_, _>>()?)
            }
        };
        Ok(Self { dimension, leaf_values, shape })
    }

    /// Number of trees.
    pub(super) fn trees(&self) -> usize {
        match &self.shape {
            Shape::Oblivious(trees) => trees.len(),
            Shape::NonSymmetric(trees) => trees.len(),
        }
    }

    /// Values per leaf.
    pub(super) fn dimension(&self) -> usize {
        self.dimension
    }

    /// Bytes that it holds.
    pub(super) fn memory_bytes(&self) -> usize {
        let shape: usize = match &self.shape {
            Shape::Oblivious(trees) => trees.iter().map(|tree| size_of_val(&*tree.tests) + size_of_val(tree)).sum(),
            Shape::NonSymmetric(trees) => trees.iter().map(|tree| size_of_val(&*tree.steps) + size_of_val(tree)).sum(),
        };
        shape + size_of_val(&*self.leaf_values)
    }

    /// Writes the sum of the leaves of each row: row-major, `dimension` values each. Column `c` of row `r` is
    /// `bins[c * stride + r]`.
    pub(super) fn sum(&self, bins: &[u8], stride: usize, sums: &mut [f64]) {
        sums.fill(0.0);
        self.each_leaf(bins, stride, sums.len() / self.dimension, |row, _, leaf| {
            let sums = &mut sums[row * self.dimension..][..self.dimension];
            for (sum, value) in sums.iter_mut().zip(&self.leaf_values[leaf..]) {
                *sum += value;
            }
        });
    }

    /// Calls `visit` with row, tree and the place of the leaf's values, tree after tree.
    fn each_leaf(&self, bins: &[u8], stride: usize, rows: usize, mut visit: impl FnMut(usize, usize, usize)) {
        match &self.shape {
            Shape::Oblivious(trees) => {
                for (number, tree) in trees.iter().enumerate() {
                    for row in 0..rows {
                        let bit = |(level, test): (usize, &Test)| {
                            usize::from(test.holds(bins[test.column as usize * stride + row])) << level
                        };
                        let leaf: usize = tree.tests.iter().enumerate().map(bit).sum();
                        visit(row, number, tree.leaves + leaf * self.dimension);
                    }
                }
            }
            Shape::NonSymmetric(trees) => {
                for (number, tree) in trees.iter().enumerate() {
                    for row in 0..rows {
                        let mut at = 0;
                        for _ in 0..tree.depth {
                            let step = &tree.steps[at];
                            let bin = bins[step.test.column as usize * stride + row];
                            at = step.next[usize::from(step.test.holds(bin))] as usize;
                        }
                        visit(row, number, tree.steps[at].value);
                    }
                }
            }
        }
    }
}

fn oblivious(
    trees: &[Vec<usize>],
    splits: &[Test],
    dimension: usize,
    values: usize,
) -> Result<Vec<ObliviousTree>, Fault> {
    let mut leaves = 0_usize;
    let laid_out = trees.iter().enumerate().map(|(number, tree)| {
        if tree.len() > MAX_DEPTH {
            return Err(invalid(format!("tree {number} has {} levels, more than {MAX_DEPTH}", tree.len())));
        }
        let tests = tree.iter().map(|&split| splits.get(split).copied()).collect::<Option<_>>();
        let tests = tests.ok_or_else(|| invalid(format!("tree {number} has a split that is not there")))?;
        let own = leaves;
        leaves = leaves.saturating_add(dimension << tree.len());
        Ok(ObliviousTree { tests, leaves: own })
    });
    let laid_out = laid_out.collect::<Result<_, _>>()?;
    if leaves != values {
        return Err(invalid(format!("the trees have {leaves} leaf values, the file {values}")));
    }
    Ok(laid_out)
}

fn node_tree(nodes: &[Node], splits: &[Test], last_leaf: usize) -> Result<NodeTree, Fault> {
    let mut steps = Vec::with_capacity(nodes.len());
    // A node that ends on one side only gets a further step for that end.
    let mut ends = Vec::new();
    // Longest way from the root. Jumps only lead onwards, so a node is seen after all that lead to it.
    let mut levels = vec![0_usize; nodes.len()];
    let mut depth = 0;
    for (at, node) in nodes.iter().enumerate() {
        if node.left == 0 && node.right == 0 {
            steps.push(end(at, node, last_leaf)?);
            continue;
        }
        let onwards = levels[at] + 1;
        depth = depth.max(onwards);
        let mut next = [0; 2];
        for (next, jump) in next.iter_mut().zip([node.left, node.right]) {
            let target = if jump == 0 { nodes.len() + ends.len() } else { at + jump };
            if jump == 0 {
                ends.push(end(target, node, last_leaf)?);
            } else {
                let level = levels.get_mut(target).ok_or_else(|| invalid("a step leads out of its tree"))?;
                *level = onwards.max(*level);
            }
            *next = step_number(target)?;
        }
        let test = splits.get(node.split).ok_or_else(|| invalid("a node has a split that is not there"))?;
        steps.push(Step { test: *test, next, value: 0 });
    }
    steps.append(&mut ends);
    Ok(NodeTree { steps, depth })
}

/// A step that leads nowhere but to itself. Its test does not matter, so it is one that every model can make.
fn end(at: usize, node: &Node, last_leaf: usize) -> Result<Step, Fault> {
    let value = node.value.filter(|&value| value <= last_leaf);
    let value = value.ok_or_else(|| invalid("a tree ends in a leaf that is not there"))?;
    Ok(Step { test: Test { column: 0, flip: 0, at_least: 0 }, next: [step_number(at)?; 2], value })
}

fn step_number(at: usize) -> Result<u32, Fault> {
    u32::try_from(at).map_err(|_| invalid("a tree has too many nodes"))
}
