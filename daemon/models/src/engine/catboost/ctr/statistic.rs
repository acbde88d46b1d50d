//! How the counts of a table of target statistics become the numbers of a CTR. All arithmetic is CatBoost's, in `f32`.

use crate::engine::catboost::{
    error::{Fault, invalid},
    file::{Counts, Ctr, CtrKind, CtrTable},
};

/// The numbers of one CTR, from the counts of its table.
pub(super) struct Statistic<'a> {
    ctr: &'a Ctr,
    table: &'a CtrTable,
    /// Counts per entry.
    stride: usize,
}

impl<'a> Statistic<'a> {
    /// Checks that the table has what the CTR asks of it.
    pub(super) fn new(ctr: &'a Ctr, table: &'a CtrTable) -> Result<Self, Fault> {
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
    pub(super) fn of(&self, entry: usize) -> Option<f32> {
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
    pub(super) fn absent(&self) -> f32 {
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
