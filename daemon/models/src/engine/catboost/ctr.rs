//! Statistics of the target over combinations of categories (CTRs), turned into bins when the model is loaded.
//!
//! What a CTR says of a row depends on the row's entry in the table alone, so its bins are looked up, not computed.
//! All CTRs over one combination share a hash and one table: an entry holds the bins of all their columns.

use std::collections::BTreeMap;

use super::{
    columns::{PER_COLUMN, Test, bin, columns_for},
    error::{Fault, invalid},
    file::{Combination, Counts, Ctr, CtrBase, CtrKind, CtrTable},
};

/// All CTRs over one combination.
#[derive(Debug)]
pub(super) struct CtrGroup {
    /// The frame's columns of the categories.
    cats: Vec<usize>,
    /// Splits whose outcomes are hashed too.
    tests: Vec<Test>,
    /// The first of its columns.
    first: usize,
    /// Number of columns.
    width: usize,
    /// Hashes by slot, a power of two of them; [`FREE`] where there is none.
    slots: Vec<u64>,
    /// `width` bins per slot, then `width` bins for a combination that is not in the table.
    bins: Vec<u8>,
}

/// Marks a free slot. CatBoost marks them so too: a combination with this hash is never found.
const FREE: u64 = u64::MAX;

impl CtrGroup {
    /// Writes the bins of row `r`; the columns that it tests are there already.
    pub(super) fn fill(&self, row: &[f64], r: usize, stride: usize, bins: &mut [u8]) {
        let mut hash = 0;
        for &cat in &self.cats {
            // Widened with its sign, as CatBoost does with an `int`.
            hash = combine(hash, (row[cat] as u32).cast_signed() as i64 as u64);
        }
        for test in &self.tests {
            hash = combine(hash, test.holds(bins[test.column as usize * stride + r]).into());
        }
        let slot = self.find(hash);
        for (column, &bin) in self.bins[slot * self.width..][..self.width].iter().enumerate() {
            bins[(self.first + column) * stride + r] = bin;
        }
    }

    /// The slot with that hash, or one past the last.
    fn find(&self, hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        // Ends because at least half of the slots are free.
        while self.slots[slot] != FREE {
            if self.slots[slot] == hash {
                return slot;
            }
            slot = (slot + 1) & mask;
        }
        self.slots.len()
    }

    /// Bytes that it holds.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.slots) + self.bins.len()
    }
}

fn combine(a: u64, b: u64) -> u64 {
    const MUL: u64 = 0x4906_ba49_4954_cb65;
    MUL.wrapping_mul(a.wrapping_add(MUL.wrapping_mul(b)))
}

/// The CTRs of a model by combination.
pub(super) struct CtrPlan<'a> {
    /// In the order in which the combinations first appear.
    groups: Vec<(&'a Combination, Vec<&'a Ctr>)>,
    /// First column of each CTR, in file order.
    firsts: Vec<usize>,
    tables: BTreeMap<&'a CtrBase, &'a CtrTable>,
}

impl<'a> CtrPlan<'a> {
    /// Lays out the columns of all CTRs from column `first` on.
    pub(super) fn new(ctrs: &'a [Ctr], tables: &'a [CtrTable], first: usize) -> Self {
        let mut places: BTreeMap<&Combination, usize> = BTreeMap::new();
        let mut groups: Vec<(&Combination, Vec<&Ctr>)> = Vec::new();
        let mut members: Vec<Vec<usize>> = Vec::new();
        for (number, ctr) in ctrs.iter().enumerate() {
            let combination = &ctr.base.combination;
            let place = *places.entry(combination).or_insert_with(|| {
                groups.push((combination, Vec::new()));
                members.push(Vec::new());
                groups.len() - 1
            });
            groups[place].1.push(ctr);
            members[place].push(number);
        }
        let mut firsts = vec![0; ctrs.len()];
        let mut next = first;
        for number in members.into_iter().flatten() {
            firsts[number] = next;
            next += columns_for(ctrs[number].borders.len());
        }
        Self { groups, firsts, tables: tables.iter().map(|table| (&table.base, table)).collect() }
    }

    /// First column of each CTR, in file order.
    pub(super) fn firsts(&self) -> &[usize] {
        &self.firsts
    }

    /// Computes the tables. `cell` gives the frame's column of a category, `test` the split of a combination's float
    /// or one-hot part; `budget` is how many bytes all tables may take.
    pub(super) fn build(
        &self,
        first: usize,
        cell: impl Fn(usize) -> Result<usize, Fault>,
        tests: impl Fn(&Combination) -> Result<Vec<Test>, Fault>,
        mut budget: usize,
    ) -> Result<Vec<CtrGroup>, Fault> {
        let mut first = first;
        let mut built = Vec::with_capacity(self.groups.len());
        for (combination, ctrs) in &self.groups {
            let group = CtrGroup {
                cats: combination.cats.iter().map(|&cat| cell(cat)).collect::<Result<_, _>>()?,
                tests: tests(combination)?,
                ..self.table(ctrs, first, &mut budget)?
            };
            first += group.width;
            built.push(group);
        }
        Ok(built)
    }

    fn table(&self, ctrs: &[&Ctr], first: usize, budget: &mut usize) -> Result<CtrGroup, Fault> {
        let tables = ctrs.iter().map(|ctr| self.tables.get(&ctr.base).copied());
        let tables: Option<Vec<&CtrTable>> = tables.collect();
        let tables = tables.ok_or_else(|| invalid("a CTR has no table"))?;
        let width = ctrs.iter().map(|ctr| columns_for(ctr.borders.len())).sum::<usize>();
        let distinct: BTreeMap<&CtrBase, usize> =
            tables.iter().map(|table| (&table.base, table.entries.len())).collect();
        let most = distinct.values().sum::<usize>();
        // At least half free, so that looking for what is not there stays short; at least one, so that it ends.
        let slots = (2 * most.max(1)).next_power_of_two();
        let bytes = (slots + 1).checked_mul(width + size_of::<u64>()).filter(|bytes| bytes <= budget);
        *budget -= bytes.ok_or_else(|| invalid("the CTR tables would take far more memory than the file has bytes"))?;
        let mut group = CtrGroup {
            cats: Vec::new(),
            tests: Vec::new(),
            first,
            width,
            slots: vec![FREE; slots],
            bins: vec![0; (slots + 1) * width],
        };
        let mut at = 0;
        for (ctr, table) in ctrs.iter().zip(tables) {
            group.add(ctr, table, at)?;
            at += columns_for(ctr.borders.len());
        }
        Ok(group)
    }
}

impl CtrGroup {
    /// Fills in the bins of one CTR, from column `at` of the group on.
    fn add(&mut self, ctr: &Ctr, table: &CtrTable, at: usize) -> Result<(), Fault> {
        let statistic = Statistic::new(ctr, table)?;
        let missing = statistic.absent();
        for slot in 0..=self.slots.len() {
            self.put(slot, at, ctr, missing);
        }
        for &(hash, entry) in &table.entries {
            let value =
                statistic.of(entry as usize).ok_or_else(|| invalid("a CTR table's index points past its counts"))?;
            let slot = self.claim(hash);
            self.put(slot, at, ctr, value);
        }
        Ok(())
    }

    fn put(&mut self, slot: usize, at: usize, ctr: &Ctr, value: f32) {
        let bins = &mut self.bins[slot * self.width + at..];
        for (cell, borders) in bins.iter_mut().zip(ctr.borders.chunks(PER_COLUMN)) {
            *cell = bin(value, borders);
        }
    }

    /// The slot with that hash, taken now if it was not there.
    fn claim(&mut self, hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while self.slots[slot] != FREE && self.slots[slot] != hash {
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = hash;
        slot
    }
}

/// How the counts of one table become the numbers of one CTR. All arithmetic is CatBoost's, in `f32`.
struct Statistic<'a> {
    ctr: &'a Ctr,
    table: &'a CtrTable,
    /// Counts per entry.
    stride: usize,
}

impl<'a> Statistic<'a> {
    fn new(ctr: &'a Ctr, table: &'a CtrTable) -> Result<Self, Fault> {
        let stride = match ctr.base.kind {
            // With two classes or fewer CatBoost looks at two counts, whatever the file says.
            CtrKind::Borders => table.classes.max(2),
            CtrKind::Buckets => table.classes,
            _ => 1,
        };
        if stride == 0 || (stride > 1 && ctr.target_border >= stride) {
            return Err(invalid("a CTR's target border is not among its table's classes"));
        }
        Ok(Self { ctr, table, stride })
    }

    /// The number for an entry; `None` when there is no such entry.
    fn of(&self, entry: usize) -> Option<f32> {
        match &self.table.counts {
            Counts::Means(means) => {
                let &(sum, count) = means.get(entry)?;
                Some(self.value(sum, count as f32))
            }
            Counts::Integers(counts) => {
                let start = entry.checked_mul(self.stride)?;
                let counts = counts.get(start..start.checked_add(self.stride)?)?;
                let total = |counts: &[i32]| counts.iter().fold(0_i32, |sum, &count| sum.wrapping_add(count));
                let (good, all) = match self.ctr.base.kind {
                    CtrKind::Borders if self.stride > 2 => {
                        (total(&counts[self.ctr.target_border + 1..]), total(counts))
                    }
                    CtrKind::Borders => (counts[1], total(counts)),
                    CtrKind::Buckets => (counts[self.ctr.target_border], total(counts)),
                    _ => (counts[0], self.table.counter_denominator),
                };
                Some(self.value(good as f32, all as f32))
            }
        }
    }

    /// The number for a combination that the table does not have.
    fn absent(&self) -> f32 {
        match self.ctr.base.kind {
            CtrKind::Counter | CtrKind::FeatureFreq => self.value(0.0, self.table.counter_denominator as f32),
            _ => self.value(0.0, 0.0),
        }
    }

    fn value(&self, good: f32, all: f32) -> f32 {
        let ctr = self.ctr;
        ((good + ctr.prior_num) / (all + ctr.prior_denom) + ctr.shift) * ctr.scale
    }
}
