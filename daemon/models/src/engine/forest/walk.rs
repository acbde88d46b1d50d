//! The plain way from node to node, for any forest on any machine: a few trees at a time, without branches that could
//! be predicted wrongly (engines.md calls it k1).
//!
//! Missing values are dealt with before the walk: each column holds the value, or minus infinity where missing goes
//! left, or NaN where it goes right.

use std::collections::BTreeMap;

use super::{
    Sink,
    tree::{Bitset, Missing, Split, Tree, contains, is_zero},
};

/// Trees that are walked side by side: enough for their loads to overlap.
const SIDE_BY_SIDE: usize = 8;

/// All trees as one list of nodes.
#[derive(Debug)]
pub(super) struct Walk {
    columns: Vec<Column>,
    tiny: f64,
    nodes: Vec<WalkNode>,
    /// Each tree's first node.
    roots: Vec<u32>,
}

/// An inner node, or a leaf: then both ways lead to itself, and `column` is its number from left to right.
#[derive(Clone, Copy, Debug)]
struct WalkNode {
    threshold: f64,
    column: u32,
    left: u32,
    right: u32,
}

#[derive(Debug)]
struct Column {
    feature: usize,
    kind: ColumnKind,
}

#[derive(Debug)]
enum ColumnKind {
    Number(Missing, bool),
    Set(Bitset),
}

impl Walk {
    /// Of rows in which what is no further from zero than `tiny` is zero.
    pub(super) fn new(trees: &[&Tree], tiny: f64) -> Self {
        let walk = Self { columns: Vec::new(), tiny, nodes: Vec::new(), roots: Vec::new() };
        let mut builder = Builder { walk, numbers: BTreeMap::new(), sets: BTreeMap::new() };
        trees.iter().for_each(|tree| builder.add(tree));
        builder.walk
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.nodes.len() * size_of::<WalkNode>() + self.roots.len() * 4
    }

    /// Scores one row.
    pub(super) fn run<S: Sink>(&self, row: &[f64], values: &mut Vec<f64>, row_number: usize, sink: &mut S) {
        values.clear();
        // A leaf reads a column as well: any will do, so that there is always one.
        let cell = |feature: usize| if row[feature].abs() <= self.tiny { 0.0 } else { row[feature] };
        values.extend(self.columns.iter().map(|column| column.value(cell(column.feature))).chain([0.0]));
        for (group, roots) in self.roots.chunks(SIDE_BY_SIDE).enumerate() {
            let mut at = [0; SIDE_BY_SIDE];
            let at = &mut at[..roots.len()];
            at.copy_from_slice(roots);
            let mut moved = true;
            while moved {
                moved = false;
                for at in at.iter_mut() {
                    let node = self.nodes[*at as usize];
                    let value = values[(node.column as usize).min(values.len() - 1)];
                    let next = if value <= node.threshold { node.left } else { node.right };
                    moved |= next != *at;
                    *at = next;
                }
            }
            for (tree, at) in at.iter().enumerate() {
                sink.row(group * SIDE_BY_SIDE + tree, row_number, self.nodes[*at as usize].column as usize);
            }
        }
    }
}

impl Column {
    fn value(&self, value: f64) -> f64 {
        let sided = |left| if left { f64::NEG_INFINITY } else { f64::NAN };
        match &self.kind {
            ColumnKind::Number(Missing::Nan, left) if value.is_nan() => sided(*left),
            ColumnKind::Number(Missing::Zero, left) if value.is_nan() || is_zero(value) => sided(*left),
            ColumnKind::Number(Missing::None | Missing::Zero, _) if value.is_nan() => 0.0,
            ColumnKind::Number(..) => value,
            ColumnKind::Set(set) => sided(contains(set, value)),
        }
    }
}

struct Builder<'t> {
    walk: Walk,
    numbers: BTreeMap<(u32, Missing, bool), u32>,
    sets: BTreeMap<(u32, &'t [u32]), u32>,
}

impl<'t> Builder<'t> {
    fn add(&mut self, tree: &'t Tree) {
        let base = self.walk.nodes.len() as u32;
        let inner = tree.nodes().len() as u32;
        let mut ranks = vec![0; tree.leaves_in_order().len()];
        tree.leaves_in_order().iter().zip(0..).for_each(|(&leaf, rank)| ranks[leaf as usize] = rank);
        // Inner nodes keep their numbers, leaves follow them.
        let place = |child: i32| base + u32::try_from(child).unwrap_or_else(|_| inner + (!child).unsigned_abs());
        for node in tree.nodes() {
            let column = self.column(tree, node.feature, node.split);
            let threshold = match node.split {
                Split::AtMost { threshold, .. } => threshold,
                Split::In(_) => 0.0,
            };
            self.walk.nodes.push(WalkNode { threshold, column, left: place(node.left), right: place(node.right) });
        }
        for (leaf, rank) in ranks.into_iter().enumerate() {
            let itself = base + inner + leaf as u32;
            self.walk.nodes.push(WalkNode { threshold: 0.0, column: rank, left: itself, right: itself });
        }
        self.walk.roots.push(base);
    }

    fn column(&mut self, tree: &'t Tree, feature: u32, split: Split) -> u32 {
        let columns = &mut self.walk.columns;
        let next = columns.len() as u32;
        let (found, kind) = match split {
            Split::AtMost { missing, missing_left, .. } => (
                self.numbers.entry((feature, missing, missing_left)).or_insert(next),
                ColumnKind::Number(missing, missing_left),
            ),
            Split::In(set) => {
                let set = &tree.sets()[set as usize];
                (self.sets.entry((feature, &**set)).or_insert(next), ColumnKind::Set(set.clone()))
            }
        };
        if *found == next {
            columns.push(Column { feature: feature as usize, kind });
        }
        *found
    }
}
