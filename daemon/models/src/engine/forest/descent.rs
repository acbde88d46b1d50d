//! Many rows at once, each on its own way from node to node, one tree after the other: for trees with more leaves than
//! the batch kernel can number.
//!
//! A tree's nodes stay in the nearest cache while all rows of a block go through it. Rows go side by side and without
//! branches, so that their loads overlap and nothing is predicted wrongly. Nodes compare the bytes that the batch kernel
//! compares.

use super::{Sink, columns::Test, tree::Tree};

/// Rows that go side by side: enough for their loads to overlap, few enough for the registers.
const SIDE_BY_SIDE: usize = 8;

/// Steps between two looks at whether all have arrived.
const STEPS: usize = 2;

/// All trees, one after the other, each level by level.
#[derive(Debug)]
pub(super) struct Descent {
    nodes: Vec<DescentNode>,
    /// By the place of a node in its tree: the leaf's number from left to right.
    ranks: Vec<u32>,
    /// Where each tree's nodes end.
    ends: Vec<u32>,
}

/// An inner node: on to `next`, or to the one behind it if the byte is greater. A leaf stays where it is, since no byte
/// is greater than the greatest.
#[derive(Clone, Copy, Debug)]
struct DescentNode {
    next: u32,
    column: u16,
    bin: i8,
}

impl Descent {
    pub(super) fn new(trees: &[&Tree], tests: &[Vec<Test>]) -> Self {
        let mut descent = Self { nodes: Vec::new(), ranks: Vec::new(), ends: Vec::new() };
        for (tree, tests) in trees.iter().zip(tests) {
            descent.add(tree, tests);
        }
        descent
    }

    fn add(&mut self, tree: &Tree, tests: &[Test]) {
        let mut leaf_ranks = vec![0; tree.leaves_in_order().len()];
        tree.leaves_in_order().iter().zip(0..).for_each(|(&leaf, rank)| leaf_ranks[leaf as usize] = rank);
        // Children as the tree has them: a node's number, or the complement of a leaf's.
        let mut order: Vec<i32> = vec![if tree.nodes().is_empty() { !0 } else { 0 }];
        let mut at = 0;
        while let Some(&child) = order.get(at) {
            if let Ok(node) = usize::try_from(child) {
                let shape = tree.nodes()[node];
                let Test { column, bin } = tests[node];
                self.nodes.push(DescentNode { next: order.len() as u32, column, bin });
                self.ranks.push(0);
                order.extend([shape.left, shape.right]);
            } else {
                self.nodes.push(DescentNode { next: at as u32, column: 0, bin: i8::MAX });
                self.ranks.push(leaf_ranks[(!child).unsigned_abs() as usize]);
            }
            at += 1;
        }
        self.ends.push(self.nodes.len() as u32);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.nodes.len() * (size_of::<DescentNode>() + 4) + self.ends.len() * 4
    }

    /// Scores `rows` rows, whose bytes are those of each column.
    pub(super) fn run<const N: usize, S: Sink>(&self, bytes: &[[i8; N]], first_row: usize, rows: usize, sink: &mut S) {
        let mut start = 0;
        for (tree, &end) in self.ends.iter().enumerate() {
            let range = start as usize..end as usize;
            let (nodes, ranks) = (&self.nodes[range.clone()], &self.ranks[range]);
            for row in (0..rows).step_by(SIDE_BY_SIDE) {
                let leaves = descend(nodes, bytes, row).map(|place| ranks[place as usize]);
                sink.rows_of_large(tree, first_row + row, &leaves[..SIDE_BY_SIDE.min(rows - row)]);
            }
            start = end;
        }
    }
}

/// The places that the rows from `row` on arrive at.
#[inline(always)]
fn descend<const N: usize>(nodes: &[DescentNode], bytes: &[[i8; N]], row: usize) -> [u32; SIDE_BY_SIDE] {
    let mut places = [0_u32; SIDE_BY_SIDE];
    // A tree without splits has one leaf and no column.
    if nodes.len() == 1 {
        return places;
    }
    loop {
        let before = places;
        for _ in 0..STEPS {
            for (place, lane) in places.iter_mut().zip(0..) {
                let node = nodes[*place as usize];
                let byte = bytes[usize::from(node.column)][(row + lane) % N];
                *place = node.next + u32::from(byte > node.bin);
            }
        }
        if places == before {
            return places;
        }
    }
}
