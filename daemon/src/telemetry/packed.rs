//! Counted buckets of a histogram, packed: what is kept of each past second, and of versions that nobody serves any more.
//!
//! Of 2,048 buckets a second's requests fall into some tens or hundreds, most of them neighbours that counted a few. Each
//! is two numbers, the distance from the bucket before and the count, in LEB128 (seven bits a byte): 2 to 3 bytes instead
//! of 8 in any case. Read from front to back only.

/// Buckets in rising order, each with a count above zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Packed(Box<[u8]>);

impl Packed {
    /// Packs buckets in rising order; those that counted nothing are left out.
    pub(crate) fn of(counts: impl Iterator<Item = (usize, u64)>) -> Self {
        let (mut bytes, mut next) = (Vec::new(), 0);
        for (bucket, n) in counts.filter(|(_, n)| *n > 0) {
            push(&mut bytes, (bucket - next) as u64);
            push(&mut bytes, n);
            next = bucket + 1;
        }
        Self(bytes.into_boxed_slice())
    }

    /// Buckets and counts, in rising order.
    pub(crate) fn iter(&self) -> Counts<'_> {
        Counts { bytes: &self.0, next: 0 }
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.0.len()
    }
}

/// See [`Packed::iter`].
#[derive(Clone, Default)]
pub(crate) struct Counts<'a> {
    bytes: &'a [u8],
    next: usize,
}

impl Iterator for Counts<'_> {
    type Item = (usize, u64);

    fn next(&mut self) -> Option<Self::Item> {
        // The distance is below the number of buckets: fits any usize.
        let bucket = self.next + pull(&mut self.bytes)? as usize;
        self.next = bucket + 1;
        Some((bucket, pull(&mut self.bytes)?))
    }
}

fn push(bytes: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        bytes.push(n as u8 | 0x80);
        n >>= 7;
    }
    bytes.push(n as u8);
}

fn pull(bytes: &mut &[u8]) -> Option<u64> {
    let (mut n, mut shift) = (0, 0);
    loop {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        n |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return Some(n);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn neighbours_that_counted_little_are_two_bytes_each() {
        let packed = Packed::of((700..900).map(|bucket| (bucket, 100)));
        assert_eq!(packed.bytes(), 2 * 200 + 1, "the first is far from the beginning");
        assert_eq!(Packed::of([(3, 0)].into_iter()).bytes(), 0);
    }

    proptest! {
        #[test]
        fn what_is_packed_is_read_back(counts in prop::collection::btree_map(0_usize..2048, 1_u64.., 0..300)) {
            let packed = Packed::of(counts.iter().map(|(bucket, n)| (*bucket, *n)));
            prop_assert_eq!(packed.iter().collect::<Vec<_>>(), counts.into_iter().collect::<Vec<_>>());
        }
    }
}
