//! Which kernel for how many rows: measured when a forest is made, since it depends on the forest and the machine.
//!
//! All kernels give the same leaves, so that a bad measurement costs time and nothing else.

use std::time::{Duration, Instant};

use super::{Forest, Sink, Tree};

/// A way to find leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// One row, from node to node.
    Walk,
    /// One row, many trees at once.
    Lanes,
    /// Up to 64 rows at once.
    Batch64,
    /// Up to 128 rows at once.
    Batch128,
    /// Up to 256 rows at once.
    Batch256,
    /// Up to 16 rows, one tree after the other.
    Descent16,
    /// Up to 256 rows, one tree after the other.
    Descent256,
}

/// Each kernel is timed this often, and the fastest run counts: what else the machine does only makes it slower.
const ROUNDS: usize = 3;

/// A forest that takes longer than this for one round of one kernel is not timed again.
const LONG: Duration = Duration::from_millis(2);

/// Cells that are made up for timing: enough for 256 rows of 4,096 features. Wider forests are timed on fewer rows.
const MAX_SAMPLE: usize = 1 << 20;

/// Different rows that each kernel is checked on: not a divisor of a vector's lanes, so that each row meets other lanes.
const CHECKED_ROWS: usize = 5;

/// The largest block.
const MAX_ROWS: usize = 256;

/// The best kernel for each number of rows.
#[derive(Debug)]
pub(super) struct Plan {
    /// For `n` rows the kernel at `n - 1`; for more, the last.
    best: Vec<Kernel>,
}

impl Default for Plan {
    fn default() -> Self {
        Self { best: vec![Kernel::Walk] }
    }
}

impl Kernel {
    /// The most rows that it scores in one run.
    #[must_use]
    pub fn rows(self) -> usize {
        match self {
            Self::Walk | Self::Lanes => 1,
            Self::Batch64 => 64,
            Self::Batch128 => 128,
            Self::Batch256 | Self::Descent256 => 256,
            Self::Descent16 => 16,
        }
    }
}

impl Plan {
    /// Times the kernels of a forest, those of them that find the leaves of these trees. `None` when
    /// none does.
    pub(super) fn measure(forest: &Forest, trees: &[&Tree]) -> Option<Self> {
        let right = forest.kernels().into_iter().filter(|&kernel| agrees(forest, trees, kernel));
        let costs: Vec<(Kernel, Duration)> = right.map(|kernel| (kernel, cost(forest, kernel))).collect();
        if costs.is_empty() {
            return None;
        }
        let total = |kernel: Kernel, cost: Duration, rows: usize| {
            cost * u32::try_from(rows.div_ceil(kernel.rows())).unwrap_or(u32::MAX)
        };
        let best = (1..=MAX_ROWS).map(|rows| {
            let cheapest = costs.iter().min_by_key(|&&(kernel, cost)| total(kernel, cost, rows));
            cheapest.map_or(Kernel::Walk, |&(kernel, _)| kernel)
        });
        Some(Self { best: best.collect() })
    }

    /// The kernel for the first of `rows` rows, and how many it takes.
    pub(super) fn next(&self, rows: usize) -> (Kernel, usize) {
        let kernel = self.best[rows.clamp(1, self.best.len()) - 1];
        (kernel, kernel.rows().min(rows))
    }

    /// For people: `lanes up to 30 rows, batch above (avx2)`.
    pub(super) fn describe(&self, level: &str) -> String {
        let many = match self.best.last() {
            Some(Kernel::Descent16 | Kernel::Descent256) => "descent",
            _ => "batch",
        };
        let single = self.best.iter().take_while(|kernel| kernel.rows() == 1).count();
        let name = if self.best[0] == Kernel::Walk { "walk" } else { "lanes" };
        match single {
            0 => format!("{many} ({level})"),
            _ if single == self.best.len() => name.to_owned(),
            _ => format!("{name} up to {single} rows, {many} above ({level})"),
        }
    }
}

/// Whether a kernel finds the leaves that the plain walk finds, in every lane of its vectors. The tests compare far more
/// rows, but not on every processor that a model may come to.
fn agrees(forest: &Forest, trees: &[&Tree], kernel: Kernel) -> bool {
    let features = forest.features.max(1);
    let rows = kernel.rows().min(MAX_SAMPLE / features.max(trees.len())).max(1);
    // The same few rows come again and again, so that the slow walk is needed for these alone.
    let few = sample(CHECKED_ROWS.min(rows) * forest.features);
    let cells: Vec<f64> = few.iter().copied().cycle().take(rows * forest.features).collect();
    let mut found = Found { trees: trees.len(), leaves: vec![0; trees.len() * rows] };
    forest.run(kernel, &cells, 0, &mut found);
    let (first, _) = found.leaves.split_at((few.len() / features * trees.len()).min(found.leaves.len()));
    let rows_and_leaves = few.chunks_exact(features).zip(first.chunks_exact(trees.len().max(1)));
    let right = rows_and_leaves
        .flat_map(|(row, leaves)| trees.iter().zip(leaves).map(move |(tree, &leaf)| (tree, row, leaf)))
        .all(|(tree, row, leaf)| tree.leaves_in_order().get(leaf) == Some(&tree.leaf(row)));
    right && (first.is_empty() || found.leaves.iter().eq(first.iter().cycle().take(found.leaves.len())))
}

/// The least time of one run over as many rows as the kernel takes.
fn cost(forest: &Forest, kernel: Kernel) -> Duration {
    let rows = kernel.rows().min(MAX_SAMPLE / forest.features.max(1)).max(1);
    let cells = sample(rows * forest.features);
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let mut sink = Ignore(0);
        let start = Instant::now();
        forest.run(kernel, &cells, 0, &mut sink);
        std::hint::black_box(sink.0);
        best = best.min(start.elapsed());
        if best > LONG {
            break;
        }
    }
    best
}

/// Some values of both signs, and some missing: which leaves they lead to hardly matters for the time.
fn sample(count: usize) -> Vec<f64> {
    let value = |index: usize| if index % 13 == 7 { f64::NAN } else { ((index * 7919) % 2003) as f64 / 1000.0 - 1.0 };
    (0..count).map(value).collect()
}

/// Looks at every leaf once.
struct Ignore(usize);

impl Sink for Ignore {
    fn row(&mut self, _: usize, _: usize, leaf: usize) {
        self.0 += leaf;
    }

    fn rows(&mut self, _: usize, _: usize, leaves: &[u8]) {
        self.0 += leaves.iter().map(|&leaf| usize::from(leaf)).sum::<usize>();
    }

    fn lanes(&mut self, _: usize, places: &[u32], leaves: &[u8]) {
        self.0 += places.iter().map(|&place| usize::from(leaves[place as usize])).sum::<usize>();
    }
}

/// Remembers the leaves.
struct Found {
    trees: usize,
    leaves: Vec<usize>,
}

impl Sink for Found {
    fn row(&mut self, tree: usize, row: usize, leaf: usize) {
        self.leaves[row * self.trees + tree] = leaf;
    }

    fn rows(&mut self, tree: usize, first_row: usize, leaves: &[u8]) {
        leaves.iter().zip(first_row..).for_each(|(&leaf, row)| self.row(tree, row, usize::from(leaf)));
    }

    fn lanes(&mut self, row: usize, places: &[u32], leaves: &[u8]) {
        places.iter().enumerate().for_each(|(tree, &place)| self.row(tree, row, usize::from(leaves[place as usize])));
    }
}
