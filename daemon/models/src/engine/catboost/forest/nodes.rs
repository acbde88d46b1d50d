//! Trees of any shape, walked node by node.

use super::{
    super::{
        columns::Test,
        error::{Fault, invalid},
        file::Node,
    },
    BLOCK,
};

/// Rows that walk side by side, so that the processor waits for all their memory at once.
const ABREAST: usize = 8;

/// A tree as a list of steps. Ends point at themselves, so that walking too far does no harm.
#[derive(Debug)]
pub(super) struct NodeTree {
    steps: Vec<Step>,
    /// Steps from the root to the furthest end.
    depth: usize,
    /// Where the first of its leaves' values are.
    pub(super) leaves: usize,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    test: Test,
    next: [u32; 2],
    /// Where its values begin, at an end.
    value: usize,
}

impl NodeTree {
    /// Calls `visit` with each of `rows` rows and the place of its leaf's values. Column `c` of row `r` is
    /// `bins[c * stride + r]`.
    pub(super) fn each_leaf(&self, bins: &[i8], stride: usize, rows: usize, mut visit: impl FnMut(usize, usize)) {
        let mut at = [0_usize; BLOCK];
        for (group, at) in at[..rows].chunks_mut(ABREAST).enumerate() {
            for _ in 0..self.depth {
                for (row, at) in at.iter_mut().enumerate() {
                    let step = &self.steps[*at];
                    let bin = bins[step.test.column as usize * stride + group * ABREAST + row];
                    *at = step.next[usize::from(step.test.holds(bin))] as usize;
                }
            }
            for (row, at) in at.iter().enumerate() {
                visit(group * ABREAST + row, self.steps[*at].value);
            }
        }
    }

    /// Bytes that it holds.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(self) + size_of_val(&*self.steps)
    }
}

/// Lays out a tree over the list of all splits; no value begins past `last_leaf`.
pub(super) fn node_tree(nodes: &[Node], splits: &[Test], last_leaf: usize) -> Result<NodeTree, Fault> {
    let mut steps = Vec::with_capacity(nodes.len());
    // A node that ends on one side only gets a further step for that end.
    let mut ends = Vec::new();
    // Steps from the root. Jumps only lead onwards, so a node is seen after all that lead to it.
    let mut levels = vec![0_usize; nodes.len()];
    let mut is_reached = vec![false; nodes.len()];
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
                *level = onwards;
                if std::mem::replace(&mut is_reached[target], true) {
                    return Err(invalid("two steps of a tree lead to the same node"));
                }
            }
            *next = step_number(target)?;
        }
        let test = splits.get(node.split).ok_or_else(|| invalid("a node has a split that is not there"))?;
        steps.push(Step { test: *test, next, value: 0 });
    }
    steps.append(&mut ends);
    let leaves = nodes.iter().filter_map(|node| node.value).min().unwrap_or(0);
    Ok(NodeTree { steps, depth, leaves })
}

/// A step that leads nowhere but to itself. Its test does not matter, so it is one that every model can make.
fn end(at: usize, node: &Node, last_leaf: usize) -> Result<Step, Fault> {
    let value = node.value.filter(|&value| value <= last_leaf);
    let value = value.ok_or_else(|| invalid("a tree ends in a leaf that is not there"))?;
    Ok(Step { test: Test::NEVER, next: [step_number(at)?; 2], value })
}

fn step_number(at: usize) -> Result<u32, Fault> {
    u32::try_from(at).map_err(|_| invalid("a tree has too many nodes"))
}
