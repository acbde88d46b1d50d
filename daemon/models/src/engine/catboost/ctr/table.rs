//! A table from hashes to words: from the hash of a combination to the bins of its CTRs, eight in a word.
//!
//! Rows look for combinations at random, so a look must not wait long or guess wrong: hashes stand in buckets of four,
//! with their words in the same cache line, and a whole bucket is compared without a branch. Only one that is full is
//! followed by a look at the next.

/// Hashes per bucket.
const WAYS: usize = 4;

/// Bins that one word holds.
pub(super) const BINS_PER_WORD: usize = 8;

/// Marks a free place. CatBoost marks them so too: a combination with this hash is never found.
const FREE: u64 = u64::MAX;

/// Hashes, and words of eight bins for each.
#[derive(Debug)]
pub(super) struct HashTable {
    /// A power of two of them, and one more: its first place is for hashes that are not there.
    buckets: Vec<Bucket>,
    /// Words of each place.
    words: usize,
    /// The words of each place but the first.
    more: Vec<u64>,
}

/// A cache line: places are taken in order, and those that are free have the words of a hash that is not there.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Bucket {
    hashes: [u64; WAYS],
    words: [u64; WAYS],
}

impl HashTable {
    /// Bytes that a table takes for at most `entries` hashes; `None` for more than there can be.
    pub(super) fn bytes_for(entries: usize, words: usize) -> Option<usize> {
        let places = (buckets_for(entries)? + 1).checked_mul(WAYS)?;
        places.checked_mul(size_of::<Bucket>() / WAYS + (words - 1) * size_of::<u64>())
    }

    /// An empty table for at most `entries` hashes, which [`Self::bytes_for`] has bytes for. `absent` are the words of a
    /// hash that is not there, one or more.
    pub(super) fn new(entries: usize, absent: &[u64]) -> Self {
        let buckets = buckets_for(entries).expect("the bytes of this table were counted") + 1;
        let (&first, more) = absent.split_first().expect("a CTR has a border, so a word");
        Self {
            buckets: vec![Bucket { hashes: [FREE; WAYS], words: [first; WAYS] }; buckets],
            words: absent.len(),
            more: more.repeat(buckets * WAYS),
        }
    }

    /// The place for that hash, taken now if it was not there; `None` for the hash that nothing can have.
    pub(super) fn claim(&mut self, hash: u64) -> Option<usize> {
        if hash == FREE {
            return None;
        }
        let mask = self.buckets.len() - 2;
        let mut bucket = hash as usize & mask;
        loop {
            for (way, own) in self.buckets[bucket].hashes.iter_mut().enumerate() {
                if *own == FREE || *own == hash {
                    *own = hash;
                    return Some(bucket * WAYS + way);
                }
            }
            bucket = (bucket + 1) & mask;
        }
    }

    /// The place with that hash, or the one for those that are not there.
    #[inline]
    pub(super) fn find(&self, hash: u64) -> usize {
        let absent = (self.buckets.len() - 1) * WAYS;
        let mask = self.buckets.len() - 2;
        let mut bucket = hash as usize & mask;
        // Ends because at least half of the places are free.
        loop {
            let hashes = &self.buckets[bucket].hashes;
            let mut place = absent;
            for (way, &own) in hashes.iter().enumerate() {
                place = if own == hash { bucket * WAYS + way } else { place };
            }
            // One branch for both, nearly always taken.
            if (place != absent) | (hashes[WAYS - 1] == FREE) {
                return place;
            }
            bucket = (bucket + 1) & mask;
        }
    }

    /// Word `number` of a place.
    #[inline]
    pub(super) fn word(&self, place: usize, number: usize) -> u64 {
        match number.checked_sub(1) {
            None => self.buckets[place / WAYS].words[place % WAYS],
            Some(number) => self.more[place * (self.words - 1) + number],
        }
    }

    /// Sets the first word of a place.
    pub(super) fn set_word(&mut self, place: usize, word: u64) {
        self.buckets[place / WAYS].words[place % WAYS] = word;
    }

    /// Sets a bin of a place.
    pub(super) fn set(&mut self, place: usize, at: usize, bin: i8) {
        let word = match (at / BINS_PER_WORD).checked_sub(1) {
            None => &mut self.buckets[place / WAYS].words[place % WAYS],
            Some(number) => &mut self.more[place * (self.words - 1) + number],
        };
        set_bin(word, at, bin);
    }

    /// Bytes that it holds.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.buckets) + size_of_val(&*self.more)
    }
}

/// Sets bin `at % 8` of a word.
pub(super) fn set_bin(word: &mut u64, at: usize, bin: i8) {
    let mut bins = word.to_le_bytes();
    bins[at % BINS_PER_WORD] = bin.cast_unsigned();
    *word = u64::from_le_bytes(bins);
}

/// Buckets for that many hashes, a power of two: at least half of the places stay free.
fn buckets_for(entries: usize) -> Option<usize> {
    Some(entries.checked_mul(2)?.checked_next_power_of_two()?.div_ceil(WAYS).max(1))
}

#[cfg(test)]
mod tests {
    use super::{FREE, HashTable};

    #[test]
    fn finds_what_was_claimed_however_hashes_collide() {
        for (step, entries) in [(1, 1), (1, 100), (1 << 40, 100), (64, 1000)] {
            let mut table = HashTable::new(entries, &[7, 8]);
            let hash = |entry: usize| entry as u64 * step;
            for entry in 0..entries {
                let place = table.claim(hash(entry)).unwrap();
                assert_eq!(table.claim(hash(entry)), Some(place));
                table.set(place, 0, (entry % 100) as i8);
                table.set(place, 9, (entry % 99) as i8);
            }
            for entry in 0..entries {
                let place = table.find(hash(entry));
                assert_eq!(table.word(place, 0) & 0xff, entry as u64 % 100);
                assert_eq!(table.word(place, 1) >> 8 & 0xff, entry as u64 % 99);
            }
            for absent in [hash(entries), u64::MAX - 1, FREE] {
                let place = table.find(absent);
                assert_eq!((table.word(place, 0), table.word(place, 1)), (7, 8));
            }
            assert_eq!(Some(table.memory_bytes()), HashTable::bytes_for(entries, 2));
        }
    }

    #[test]
    fn nothing_has_the_hash_of_a_free_place() {
        assert_eq!(HashTable::new(3, &[0]).claim(FREE), None);
    }
}
