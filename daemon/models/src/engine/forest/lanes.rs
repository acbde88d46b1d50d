//! One row at once: every lane of a vector is another tree.
//!
//! The trees of a group take their steps together, the first step of each, then the second, and so on, as [`layout`]
//! describes them. What a step compares lies in another column in every lane; the row's bytes are few enough to be
//! looked up with byte shuffles. This is why there is no such kernel for plain machines.
//!
//! [`layout`]: super::layout

use super::layout::Step;

/// Columns that a byte can name.
pub(super) const MAX_COLUMNS: usize = 256;

/// Step `s` of each tree of a group.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Slot<const L: usize> {
    pub(super) columns: [u8; L],
    pub(super) bins: [i8; L],
    pub(super) lo: [u8; L],
    pub(super) mid: [u8; L],
}

/// All trees in groups of `L`.
#[derive(Debug)]
pub(super) struct Lanes<const L: usize> {
    slots: Vec<Slot<L>>,
    /// Where each group's slots end.
    ends: Vec<u32>,
    /// The place of each tree among all lanes.
    places: Vec<u32>,
}

/// What stays where it is: no byte is greater than the greatest.
const NOTHING: Step = Step { column: 0, bin: i8::MAX, lo: u8::MAX, mid: u8::MAX };

impl<const L: usize> Lanes<L> {
    /// Lays out trees over fewer than [`MAX_COLUMNS`] columns.
    pub(super) fn new(trees: &[Vec<Step>]) -> Self {
        // Trees of about the same size share a group, so that few lanes wait.
        let mut order: Vec<usize> = (0..trees.len()).collect();
        order.sort_by_key(|&tree| trees[tree].len());
        let mut lanes = Self { slots: Vec::new(), ends: Vec::new(), places: vec![0; trees.len()] };
        for (group, members) in order.chunks(L).enumerate() {
            for (lane, &tree) in members.iter().enumerate() {
                lanes.places[tree] = (group * L + lane) as u32;
            }
            let longest = members.iter().map(|&tree| trees[tree].len()).max().unwrap_or(0);
            lanes.slots.extend((0..longest).map(|slot| {
                Slot::of(|lane| members.get(lane).and_then(|&tree| trees[tree].get(slot)).copied().unwrap_or(NOTHING))
            }));
            lanes.ends.push(lanes.slots.len() as u32);
        }
        lanes
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.slots.len() * size_of::<Slot<L>>() + self.places.len() * 4 + self.ends.len() * 4
    }

    /// Lanes of all groups.
    pub(super) fn width(&self) -> usize {
        self.ends.len() * L
    }

    /// The place of each tree among all lanes.
    pub(super) fn places(&self) -> &[u32] {
        &self.places
    }

    /// The slots of each group.
    #[inline(always)]
    pub(super) fn groups(&self) -> impl Iterator<Item = &[Slot<L>]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.slots[start as usize..end as usize])
    }
}

impl<const L: usize> Slot<L> {
    fn of(step: impl Fn(usize) -> Step) -> Self {
        Self {
            columns: std::array::from_fn(|lane| step(lane).column as u8),
            bins: std::array::from_fn(|lane| step(lane).bin),
            lo: std::array::from_fn(|lane| step(lane).lo),
            mid: std::array::from_fn(|lane| step(lane).mid),
        }
    }
}
