//! Trees laid out for the kernels: leaves numbered from left to right, nodes with the range of leaves below them.
//!
//! With that numbering a row's place in a tree is one number, the leftmost leaf that it can still reach (`cur`). A node
//! over the leaves `lo..hi` that are parted at `mid` does one thing: if `cur == lo` and the row goes right, `cur = mid`.
//! Nodes in any order that has parents before children end with `cur` being the row's leaf. No branch, no pointer.

use super::{columns::Test, tree::Tree};

/// Trees with more leaves cannot be laid out: a place must fit into a byte.
pub(super) const MAX_LEAVES: usize = 256;

/// A node as the kernels have it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Step {
    pub(super) column: u16,
    pub(super) bin: i8,
    pub(super) lo: u8,
    pub(super) mid: u8,
}

/// The steps of one tree, parents before children, level by level. `None` when it has too many leaves.
pub(super) fn steps(tree: &Tree, tests: &[Test]) -> Option<Vec<Step>> {
    if tree.leaves_in_order().len() > MAX_LEAVES {
        return None;
    }
    if tree.nodes().is_empty() {
        return Some(Vec::new());
    }
    let sizes = leaves_below(tree);
    let size = |child: i32| usize::try_from(child).map_or(1, |node| sizes[node]);
    let mut steps = Vec::with_capacity(tests.len());
    let mut level = vec![(0_usize, 0_usize)];
    while !level.is_empty() {
        let mut next = Vec::new();
        for (node, lo) in level {
            let shape = tree.nodes()[node];
            let mid = lo + size(shape.left);
            let Test { column, bin } = tests[node];
            steps.push(Step { column, bin, lo: lo as u8, mid: mid as u8 });
            next.extend(usize::try_from(shape.left).map(|left| (left, lo)));
            next.extend(usize::try_from(shape.right).map(|right| (right, mid)));
        }
        level = next;
    }
    Some(steps)
}

/// Leaves below each node.
fn leaves_below(tree: &Tree) -> Vec<usize> {
    let nodes = tree.nodes();
    let mut order = Vec::with_capacity(nodes.len());
    let mut stack = vec![0];
    while let Some(node) = stack.pop() {
        order.push(node);
        let children = [nodes[node].left, nodes[node].right];
        stack.extend(children.into_iter().filter_map(|child| usize::try_from(child).ok()));
    }
    let mut sizes = vec![0; nodes.len()];
    for node in order.into_iter().rev() {
        let children = [nodes[node].left, nodes[node].right];
        sizes[node] = children.into_iter().map(|child| usize::try_from(child).map_or(1, |child| sizes[child])).sum();
    }
    sizes
}
