//! From the CTRs of a model file to tables of bins.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Categories, HashedGroup,
    direct::{Dictionary, DirectGroup, Undo},
    statistic::Statistic,
    table::{BINS_PER_WORD, HashTable, set_bin},
};
use crate::engine::catboost::{
    columns::{PER_COLUMN, Test, bin, columns_for},
    error::{Fault, invalid},
    file::{Combination, Ctr, CtrBase, CtrTable},
};

/// The CTRs of a model by combination.
pub(in crate::engine::catboost) struct CtrPlan<'a> {
    /// In the order in which the combinations first appear.
    groups: Vec<(&'a Combination, Vec<&'a Ctr>)>,
    /// First column of each CTR, in file order.
    firsts: Vec<usize>,
    tables: BTreeMap<&'a CtrBase, &'a CtrTable>,
}

/// The CTRs over one combination, with what their bins are made of.
struct Group<'a> {
    members: Vec<Member<'a>>,
    tests: Vec<Test>,
    /// The first of its columns.
    first: usize,
    /// Bins of a combination that is not in the tables; one per column.
    absent: Vec<i8>,
}

/// One CTR of a group.
struct Member<'a> {
    ctr: &'a Ctr,
    table: &'a CtrTable,
    statistic: Statistic<'a>,
    /// Its first column within the group.
    at: usize,
}

impl<'a> CtrPlan<'a> {
    /// Lays out the columns of all CTRs from column `first` on.
    pub(in crate::engine::catboost) fn new(ctrs: &'a [Ctr], tables: &'a [CtrTable], first: usize) -> Self {
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
    pub(in crate::engine::catboost) fn firsts(&self) -> &[usize] {
        &self.firsts
    }

    /// Computes the tables. `cell` gives the frame's column of a category, `tests` the splits of a combination's float
    /// and one-hot parts; `budget` is how many bytes all tables may take.
    pub(in crate::engine::catboost) fn build(
        &self,
        first: usize,
        cell: impl Fn(usize) -> Result<usize, Fault>,
        tests: impl Fn(&Combination) -> Result<Vec<Test>, Fault>,
        mut budget: usize,
    ) -> Result<Vec<Categories>, Fault> {
        let mut by_categories: BTreeMap<Vec<usize>, Vec<Group<'_>>> = BTreeMap::new();
        let mut first = first;
        for (combination, ctrs) in &self.groups {
            let cells = combination.cats.iter().map(|&cat| cell(cat)).collect::<Result<_, _>>()?;
            let group = self.group(ctrs, tests(combination)?, first)?;
            first += group.absent.len();
            // CTRs without borders decide nothing.
            if !group.absent.is_empty() {
                by_categories.entry(cells).or_default().push(group);
            }
        }
        by_categories.into_iter().map(|(cells, groups)| categories(cells, groups, &mut budget)).collect()
    }

    fn group(&self, ctrs: &[&'a Ctr], tests: Vec<Test>, first: usize) -> Result<Group<'a>, Fault> {
        let (mut members, mut absent) = (Vec::with_capacity(ctrs.len()), Vec::new());
        for &ctr in ctrs {
            let table = *self.tables.get(&ctr.base).ok_or_else(|| invalid("a CTR has no table"))?;
            let statistic = Statistic::new(ctr, table)?;
            let at = absent.len();
            absent.extend(bins(ctr, statistic.absent()));
            members.push(Member { ctr, table, statistic, at });
        }
        Ok(Group { members, tests, first, absent })
    }
}

/// Builds the tables of all groups over the same categories.
fn categories(cells: Vec<usize>, groups: Vec<Group<'_>>, budget: &mut usize) -> Result<Categories, Fault> {
    let mut built = Categories { cells, dictionary: None, direct: Vec::new(), hashed: Vec::new() };
    let mut known = BTreeSet::new();
    if built.cells.len() == 1 {
        for group in &groups {
            group.collect_categories(&mut known);
        }
        let dictionary = HashTable::bytes_for(known.len(), 1);
        spend(budget, dictionary)?;
        built.dictionary = Some(Dictionary::new(&known));
    }
    for group in groups {
        let hashed = HashTable::bytes_for(group.entries(), group.absent.len().div_ceil(BINS_PER_WORD));
        let direct = DirectGroup::bytes_for(known.len(), group.tests.len(), group.absent.len());
        match (&built.dictionary, direct) {
            // A table by place may be mostly empty: then the one by hash is smaller.
            (Some(dictionary), Some(direct)) if hashed.is_none_or(|hashed| direct <= hashed) => {
                spend(budget, Some(direct))?;
                built.direct.push(group.direct(dictionary)?);
            }
            _ => {
                spend(budget, hashed)?;
                built.hashed.push(group.hashed()?);
            }
        }
    }
    Ok(built)
}

fn spend(budget: &mut usize, bytes: Option<usize>) -> Result<(), Fault> {
    let left = bytes.and_then(|bytes| budget.checked_sub(bytes));
    *budget = left.ok_or_else(|| invalid("the CTR tables would take far more memory than the file has bytes"))?;
    Ok(())
}

impl Group<'_> {
    /// At most how many hashes its tables have.
    fn entries(&self) -> usize {
        let distinct: BTreeMap<&CtrBase, usize> =
            self.members.iter().map(|member| (&member.table.base, member.table.entries.len())).collect();
        distinct.values().sum()
    }

    /// Adds the categories that its hashes are made of.
    fn collect_categories(&self, known: &mut BTreeSet<u32>) {
        let Some(undo) = Undo::new(self.tests.len()) else { return };
        let hashes = self.members.iter().flat_map(|member| &member.table.entries).map(|&(hash, _)| hash);
        known.extend(hashes.flat_map(|hash| undo.categories(hash)).map(|(_, category)| category));
    }

    /// Calls `set` with hash, column within the group and bin of all entries.
    fn each_bin(&self, mut set: impl FnMut(u64, usize, i8)) -> Result<(), Fault> {
        for member in &self.members {
            for &(hash, entry) in &member.table.entries {
                let value = member.statistic.of(entry as usize);
                let value = value.ok_or_else(|| invalid("a CTR table's index points past its counts"))?;
                for (at, bin) in (member.at..).zip(bins(member.ctr, value)) {
                    set(hash, at, bin);
                }
            }
        }
        Ok(())
    }

    fn direct(self, dictionary: &Dictionary) -> Result<DirectGroup, Fault> {
        let undo = Undo::new(self.tests.len()).expect("the tests were counted");
        let mut built = DirectGroup::new(self.tests.clone(), self.first, &self.absent, dictionary);
        self.each_bin(|hash, at, bin| built.set(&undo, dictionary, hash, at, bin))?;
        Ok(built)
    }

    fn hashed(self) -> Result<HashedGroup, Fault> {
        let width = self.absent.len();
        let mut words = vec![0; width.div_ceil(BINS_PER_WORD)];
        for (at, &bin) in self.absent.iter().enumerate() {
            set_bin(&mut words[at / BINS_PER_WORD], at, bin);
        }
        let mut table = HashTable::new(self.entries(), &words);
        self.each_bin(|hash, at, bin| {
            if let Some(place) = table.claim(hash) {
                table.set(place, at, bin);
            }
        })?;
        Ok(HashedGroup { tests: self.tests, first: self.first, width, table })
    }
}

/// The bins of a CTR's columns for its number.
fn bins(ctr: &Ctr, value: f32) -> impl Iterator<Item = i8> {
    ctr.borders.chunks(PER_COLUMN).map(move |borders| bin(borders.partition_point(|&border| value > border)))
}
