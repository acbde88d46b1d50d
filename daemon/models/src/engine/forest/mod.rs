//! Decision forests in a neutral form, and the kernels that find the leaves of many trees at once.
//!
//! A library's reader turns its model into [`Tree`]s; nothing here knows LightGBM or any other library. Every kernel
//! gives exactly the leaf that [`Tree::leaf`] gives, in the order of the trees. What a leaf is worth is the caller's
//! business: it hands in a [`Sink`].

mod batch;
mod columns;
mod descent;
mod lanes;
mod layout;
mod lookup;
mod plan;
mod simd;
mod tree;
mod walk;

use std::cell::RefCell;

use batch::Batch;
use columns::Columns;
use descent::Descent;
use plan::Plan;
use simd::{AnyLanes, Block, Level};
use walk::Walk;

pub use lookup::{LEAF_BYTES, Lookup};
pub use plan::Kernel;
pub use tree::{Bitset, BuildError, Missing, Node, Split, Tree, ZERO_THRESHOLD, is_zero};

/// Takes the leaves that a forest finds. Leaves are numbered from left to right in each tree. For each row the trees
/// come in their order.
pub trait Sink {
    /// The leaf of one tree for one row.
    fn row(&mut self, tree: usize, row: usize, leaf: usize);

    /// The leaf of one tree for the rows from `first_row` on.
    fn rows(&mut self, tree: usize, first_row: usize, leaves: &[u8]);

    /// The same for trees with more leaves than a byte can number.
    fn rows_of_large(&mut self, tree: usize, first_row: usize, leaves: &[u32]) {
        leaves.iter().zip(first_row..).for_each(|(&leaf, row)| self.row(tree, row, leaf as usize));
    }

    /// The leaves of all trees for one row: tree `t` has `leaves[places[t]]`.
    fn lanes(&mut self, row: usize, places: &[u32], leaves: &[u8]);
}

/// Trees, laid out for the machine that they are on.
#[derive(Debug)]
pub struct Forest {
    features: usize,
    fast: Option<Fast>,
    /// For forests that the fast kernels cannot take, and for few rows where there are no lanes.
    walk: Option<Walk>,
    plan: Plan,
}

/// What works on bytes.
#[derive(Debug)]
struct Fast {
    level: Level,
    columns: Columns,
    many: Many,
    lanes: Option<AnyLanes>,
}

/// What takes many rows at once.
#[derive(Debug)]
enum Many {
    Batch(Batch),
    /// For trees with more leaves than a byte can number.
    Descent(Descent),
}

/// Memory that each thread keeps between calls.
#[derive(Default)]
struct Scratch {
    bytes: Vec<i8>,
    values: Vec<f64>,
    places: Vec<u8>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Rows that a lane kernel's tables are padded to.
const TABLE: usize = 64;

impl Forest {
    /// Lays out trees over rows of `features` cells, and measures which kernel is best for how many rows. Cells that
    /// are no further from zero than `tiny` are taken as zero; none are where it is negative.
    #[must_use]
    pub fn new(trees: &[&Tree], features: usize, tiny: f64) -> Self {
        Self::with(trees, features, tiny, Level::detect())
    }

    /// The same forest for each instruction set that this machine has: what tests compare.
    #[must_use]
    pub fn for_every_level(trees: &[&Tree], features: usize, tiny: f64) -> Vec<Self> {
        Level::available().into_iter().map(|level| Self::with(trees, features, tiny, level)).collect()
    }

    fn with(trees: &[&Tree], features: usize, tiny: f64, level: Level) -> Self {
        let fast = Fast::new(trees, tiny, level);
        let walk = fast.as_ref().is_none_or(|fast| fast.lanes.is_none()).then(|| Walk::new(trees, tiny));
        let mut forest = Self { features, fast, walk, plan: Plan::default() };
        match Plan::measure(&forest, trees) {
            Some(plan) => forest.plan = plan,
            // The plan of the beginning walks.
            None => forest.walk = Some(Walk::new(trees, tiny)),
        }
        forest
    }

    /// Finds the leaves of all rows of `cells`, which are row-major.
    pub fn leaves<S: Sink>(&self, cells: &[f64], sink: &mut S) {
        if self.features == 0 || cells.is_empty() {
            return;
        }
        let mut first_row = 0;
        let mut rest = cells;
        while !rest.is_empty() {
            let (kernel, rows) = self.plan.next(rest.len() / self.features);
            let (now, later) = rest.split_at(rows * self.features);
            self.run(kernel, now, first_row, sink);
            first_row += rows;
            rest = later;
        }
    }

    /// What was chosen, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        let level = self.fast.as_ref().map_or("", |fast| fast.level.name());
        self.plan.describe(level)
    }

    /// Bytes that it holds.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let lanes = |fast: &Fast| fast.lanes.as_ref().map_or(0, AnyLanes::memory_bytes);
        let fast = |fast: &Fast| fast.columns.memory_bytes() + fast.many.memory_bytes() + lanes(fast);
        self.fast.as_ref().map_or(0, fast) + self.walk.as_ref().map_or(0, Walk::memory_bytes)
    }

    /// The kernels that this forest has.
    #[must_use]
    pub fn kernels(&self) -> Vec<Kernel> {
        let fast = self.fast.as_ref();
        let lanes = fast.and_then(|fast| fast.lanes.as_ref()).map(|_| Kernel::Lanes);
        let walk = self.walk.as_ref().map(|_| Kernel::Walk);
        let many = fast.map_or(&[][..], |fast| match fast.many {
            Many::Batch(_) => &[Kernel::Batch64, Kernel::Batch128, Kernel::Batch256],
            Many::Descent(_) => &[Kernel::Descent16, Kernel::Descent256],
        });
        lanes.into_iter().chain(walk).chain(many.iter().copied()).collect()
    }

    /// Scores rows with one kernel, whatever the plan says: at most [`Kernel::rows`] of them.
    pub fn run<S: Sink>(&self, kernel: Kernel, cells: &[f64], first_row: usize, sink: &mut S) {
        SCRATCH.with_borrow_mut(|Scratch { bytes, values, places }| match (kernel, &self.fast, &self.walk) {
            (Kernel::Walk, _, Some(walk)) => walk.run(cells, values, first_row, sink),
            (Kernel::Walk, _, None) | (_, None, _) => {}
            (Kernel::Lanes, Some(fast), _) => {
                let Some(lanes) = &fast.lanes else { return };
                lanes.run(self.block(fast, cells, first_row, 1, bytes), places, sink);
            }
            (Kernel::Batch64, Some(fast), _) => self.many::<64, S>(fast, cells, first_row, bytes, sink),
            (Kernel::Batch128, Some(fast), _) => self.many::<128, S>(fast, cells, first_row, bytes, sink),
            (Kernel::Batch256 | Kernel::Descent256, Some(fast), _) => {
                self.many::<256, S>(fast, cells, first_row, bytes, sink);
            }
            (Kernel::Descent16, Some(fast), _) => self.many::<16, S>(fast, cells, first_row, bytes, sink),
        });
    }

    fn many<const N: usize, S: Sink>(
        &self,
        fast: &Fast,
        cells: &[f64],
        first_row: usize,
        bytes: &mut Vec<i8>,
        sink: &mut S,
    ) {
        let block = self.block(fast, cells, first_row, N, bytes);
        match &fast.many {
            Many::Batch(batch) => simd::batch::<N, S>(fast.level, batch, block, sink),
            Many::Descent(descent) => simd::descent::<N, S>(fast.level, descent, block, sink),
        }
    }

    fn block<'a>(
        &self,
        fast: &'a Fast,
        cells: &'a [f64],
        first_row: usize,
        stride: usize,
        bytes: &'a mut Vec<i8>,
    ) -> Block<'a> {
        bytes.resize((fast.columns.count() * stride).next_multiple_of(TABLE), 0);
        Block { columns: &fast.columns, cells, width: self.features, bytes, first_row }
    }
}

impl Fast {
    /// `None` when there are too many columns.
    fn new(trees: &[&Tree], tiny: f64, level: Level) -> Option<Self> {
        let (columns, tests) = Columns::of(trees, tiny)?;
        let steps = trees.iter().zip(&tests).map(|(tree, tests)| layout::steps(tree, tests));
        let Some(steps) = steps.collect::<Option<Vec<Vec<layout::Step>>>>() else {
            return Some(Self { level, columns, many: Many::Descent(Descent::new(trees, &tests)), lanes: None });
        };
        let few_columns = columns.count() <= lanes::MAX_COLUMNS;
        let lanes = few_columns.then(|| AnyLanes::new(level, &steps)).flatten();
        Some(Self { level, columns, many: Many::Batch(Batch::new(&steps)), lanes })
    }
}

impl Many {
    fn memory_bytes(&self) -> usize {
        match self {
            Self::Batch(batch) => batch.memory_bytes(),
            Self::Descent(descent) => descent.memory_bytes(),
        }
    }
}
