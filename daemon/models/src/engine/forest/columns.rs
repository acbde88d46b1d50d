//! Values become small numbers once per row, so that a node compares one byte.
//!
//! Each feature's thresholds are sorted; a value's bin is the number of thresholds below it, and `value <= threshold[k]`
//! is `bin <= k`. What is missing, and which way it goes, is a property of the column rather than of the node: a
//! feature has one column for each way in which its nodes treat missing values, one for each set of categories that
//! they ask for, and several where it has more thresholds than a byte can count. Bytes are stored with their highest
//! bit flipped, because the vector units compare signed ones.

use std::collections::{BTreeMap, HashMap};

use super::tree::{Bitset, Missing, Split, Tree, category, has_bit, is_zero};

/// Thresholds that one column can tell apart; the two bins around them are for missing values.
const THRESHOLDS_PER_COLUMN: usize = 254;

/// Values in a block of the two-level search.
pub(super) const BLOCK: usize = 16;

/// The columns of a forest and how they are filled.
#[derive(Debug)]
pub(super) struct Columns {
    features: Vec<FeatureColumns>,
    count: usize,
    tiny: f64,
}

/// What a node compares: it goes right when the row's byte in `column` is greater than `bin`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Test {
    pub(super) column: u16,
    pub(super) bin: i8,
}

#[derive(Debug)]
struct FeatureColumns {
    feature: usize,
    search: Search,
    /// The bin of zero, which stands for NaN where NaN is not missing.
    zero: u16,
    numeric: Vec<NumericColumn>,
    sets: Vec<(u16, Bitset)>,
}

#[derive(Debug)]
struct NumericColumn {
    column: u16,
    rule: Rule,
    /// The first threshold that this column counts.
    first: u16,
}

/// How a node treats missing values.
type Rule = (Missing, bool);

impl Columns {
    /// The columns that trees need, and the test of every node, tree after tree. `None` when there are too many.
    /// What is no further from zero than `tiny` is zero.
    pub(super) fn of(trees: &[&Tree], tiny: f64) -> Option<(Self, Vec<Vec<Test>>)> {
        let mut builder = Builder::default();
        builder.collect(trees);
        builder.number(trees, tiny)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Bytes that it holds.
    pub(super) fn memory_bytes(&self) -> usize {
        let sets = |sets: &[(u16, Bitset)]| sets.iter().map(|(_, set)| set.len() * 4 + 24).sum::<usize>();
        self.features.iter().map(|f| f.search.fine.len() * 8 + 300 + f.numeric.len() * 8 + sets(&f.sets)).sum()
    }

    /// Fills the bytes of some rows: `cells` are the rows, `width` cells each; column `c` of row `r` goes to
    /// `bytes[c * stride + r]`. `count` is [`count_below`] or the same in vector instructions.
    #[inline(always)]
    pub(super) fn fill(
        &self,
        cells: &[f64],
        width: usize,
        stride: usize,
        bytes: &mut [i8],
        count: impl Fn(&[f64; BLOCK], f64) -> usize + Copy,
    ) {
        for feature in &self.features {
            for (row, cells) in cells.chunks_exact(width).enumerate() {
                let value = cells[feature.feature];
                let value = if value.abs() <= self.tiny { 0.0 } else { value };
                feature.fill(value, count, |column, byte| bytes[usize::from(column) * stride + row] = byte);
            }
        }
    }
}

impl FeatureColumns {
    #[inline(always)]
    fn fill(&self, value: f64, count: impl Fn(&[f64; BLOCK], f64) -> usize, mut set: impl FnMut(u16, i8)) {
        let is_nan = value.is_nan();
        let bin = if is_nan { self.zero } else { self.search.below(value, count) };
        for column in &self.numeric {
            let (missing, left) = column.rule;
            let is_missing = match missing {
                Missing::None => false,
                Missing::Nan => is_nan,
                Missing::Zero => is_nan || is_zero(value),
            };
            let local = if is_missing { if left { 0 } else { u8::MAX } } else { local_bin(bin, column.first) };
            set(column.column, signed(local));
        }
        if !self.sets.is_empty() {
            let code = category(value);
            for (column, codes) in &self.sets {
                let inside = code.is_some_and(|code| has_bit(codes, code));
                set(*column, signed(u8::from(!inside)));
            }
        }
    }
}

/// A bin as a column sees it that counts from threshold `first` on.
#[inline(always)]
fn local_bin(bin: u16, first: u16) -> u8 {
    const HIGHEST: u16 = THRESHOLDS_PER_COLUMN as u16;
    bin.saturating_sub(first).min(HIGHEST) as u8
}

#[inline(always)]
fn signed(byte: u8) -> i8 {
    (byte ^ 0x80).cast_signed()
}

/// Counts thresholds below a value.
#[derive(Debug)]
struct Search {
    /// The last threshold of each block of `fine`, where a few blocks are enough.
    coarse: Option<[f64; BLOCK]>,
    /// All thresholds, sorted, with at least one infinity behind them.
    fine: Vec<f64>,
    count: usize,
}

impl Search {
    fn new(thresholds: &[f64]) -> Self {
        let count = thresholds.len();
        let mut fine = thresholds.to_vec();
        fine.resize((count / BLOCK + 1) * BLOCK, f64::INFINITY);
        let lasts = fine.chunks_exact(BLOCK).map(|block| block[BLOCK - 1]);
        let mut coarse = [f64::INFINITY; BLOCK];
        coarse.iter_mut().zip(lasts).for_each(|(slot, last)| *slot = last);
        let coarse = (fine.len() <= BLOCK * BLOCK).then_some(coarse);
        Self { coarse, fine, count }
    }

    /// `value` is not NaN.
    #[inline(always)]
    fn below(&self, value: f64, count: impl Fn(&[f64; BLOCK], f64) -> usize) -> u16 {
        let below = match &self.coarse {
            Some(coarse) => {
                let block = if self.fine.len() == BLOCK { 0 } else { count(coarse, value) };
                let (blocks, _) = self.fine.as_chunks::<BLOCK>();
                block * BLOCK + count(&blocks[block], value)
            }
            None => self.fine[..self.count].partition_point(|&threshold| threshold < value),
        };
        // At most 65,535 thresholds: the builder sees to it.
        below as u16
    }
}

/// How many thresholds are less than a value. Without branches, so that it becomes a few vector comparisons.
#[inline(always)]
pub(super) fn count_below(thresholds: &[f64; BLOCK], value: f64) -> usize {
    thresholds.iter().map(|&threshold| u64::from(threshold < value)).sum::<u64>() as usize
}

#[derive(Default)]
struct Builder<'t> {
    features: BTreeMap<u32, FeatureBuilder<'t>>,
}

#[derive(Default)]
struct FeatureBuilder<'t> {
    thresholds: Vec<f64>,
    rules: Vec<Rule>,
    sets: BTreeMap<&'t [u32], u16>,
}

impl<'t> Builder<'t> {
    fn collect(&mut self, trees: &[&'t Tree]) {
        for tree in trees {
            for node in tree.nodes() {
                let feature = self.features.entry(node.feature).or_default();
                match node.split {
                    Split::AtMost { threshold, missing, missing_left } => {
                        feature.thresholds.push(threshold + 0.0);
                        let rule = rule(missing, missing_left);
                        if !feature.rules.contains(&rule) {
                            feature.rules.push(rule);
                        }
                    }
                    Split::In(set) => drop(feature.sets.insert(&tree.sets()[set as usize], 0)),
                }
            }
        }
        for feature in self.features.values_mut() {
            feature.thresholds.sort_unstable_by(f64::total_cmp);
            feature.thresholds.dedup();
        }
    }

    fn number(mut self, trees: &[&'t Tree], tiny: f64) -> Option<(Columns, Vec<Vec<Test>>)> {
        let mut columns = Columns { features: Vec::with_capacity(self.features.len()), count: 0, tiny };
        // The first column of each feature and rule.
        let mut firsts: HashMap<(u32, Rule), u16> = HashMap::new();
        for (&feature, builder) in &mut self.features {
            if u16::try_from(builder.thresholds.len()).is_err() {
                return None;
            }
            let search = Search::new(&builder.thresholds);
            let mut built = FeatureColumns {
                feature: feature as usize,
                zero: search.below(0.0, count_below),
                search,
                numeric: Vec::new(),
                sets: Vec::new(),
            };
            for &rule in &builder.rules {
                firsts.insert((feature, rule), u16::try_from(columns.count).ok()?);
                for first in (0..builder.thresholds.len()).step_by(THRESHOLDS_PER_COLUMN) {
                    let column = u16::try_from(columns.count).ok()?;
                    built.numeric.push(NumericColumn { column, rule, first: first as u16 });
                    columns.count += 1;
                }
            }
            for (set, column) in &mut builder.sets {
                *column = u16::try_from(columns.count).ok()?;
                built.sets.push((*column, Bitset::from(*set)));
                columns.count += 1;
            }
            columns.features.push(built);
        }
        let test = |tree: &Tree, node: usize| {
            let node = tree.nodes()[node];
            let feature = &self.features[&node.feature];
            match node.split {
                Split::AtMost { threshold, missing, missing_left } => {
                    let index = feature.thresholds.partition_point(|&other| other < threshold);
                    let first = firsts[&(node.feature, rule(missing, missing_left))];
                    let column = first + (index / THRESHOLDS_PER_COLUMN) as u16;
                    Test { column, bin: signed((index % THRESHOLDS_PER_COLUMN) as u8) }
                }
                Split::In(set) => Test { column: feature.sets[&*tree.sets()[set as usize]], bin: signed(0) },
            }
        };
        let tests = trees.iter().map(|tree| (0..tree.nodes().len()).map(|node| test(tree, node)).collect()).collect();
        Some((columns, tests))
    }
}

/// Where nothing is missing it does not matter which way it would go.
fn rule(missing: Missing, missing_left: bool) -> Rule {
    (missing, missing_left && missing != Missing::None)
}
