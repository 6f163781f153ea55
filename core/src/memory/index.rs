//! From a keyed hash to the number of a slot.

use super::probing::{self, Cell, Table};

/// Storage for one value of an [`Index`]: 32 bits of its hash, and itself.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    hash: u32,
    /// The value + 1, or 0 for none.
    value: u32,
}

impl Entry {
    /// An entry of no value: all zero bits.
    pub const EMPTY: Self = Self { hash: 0, value: 0 };
}

impl Cell for Entry {
    const EMPTY: Self = Self::EMPTY;

    fn bits(&self) -> Option<u32> {
        (self.value != 0).then_some(self.hash)
    }
}

/// Finds values (usually slot numbers) by a hash of what they are known by; what that was, only the caller keeps.
///
/// Hashes come from [`Key::hash`](super::Key::hash): only secret keys keep a peer from crowding one place. A hash
/// may lead to several values; the caller says which one is meant.
pub struct Index<'s>(Table<'s, Entry>);

impl<'s> Index<'s> {
    /// An empty index over `entries`, of which it uses three quarters; see [`Index::entries`].
    pub fn new(entries: &'s mut [Entry]) -> Self {
        Self(Table::new(entries))
    }

    /// How many entries it takes to hold `values` values.
    pub const fn entries(values: usize) -> usize {
        probing::cells(values)
    }

    /// Adds a value; false when the index is full (or for `u32::MAX`, which is no slot's number). A pair that is
    /// there already is added once more, and is to be removed as often.
    pub fn insert(&mut self, hash: u64, value: u32) -> bool {
        self.0.insert(Entry { hash: (hash >> 32) as u32, value: value.wrapping_add(1) })
    }

    /// Removes a value; false when it is not there under this hash.
    pub fn remove(&mut self, hash: u64, value: u32) -> bool {
        let wanted = Entry { hash: (hash >> 32) as u32, value: value.wrapping_add(1) };
        let found =
            self.0.find(wanted.hash, |entry| entry.hash == wanted.hash && entry.value == wanted.value);
        if let Some(position) = found {
            self.0.remove(position);
        }
        found.is_some()
    }

    /// The first value of this hash that `is` recognises. Half of the hash decides who is asked about, so `is` must
    /// compare what the value is known by.
    pub fn find(&self, hash: u64, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let hash = (hash >> 32) as u32;
        let position = self.0.find(hash, |entry| entry.hash == hash && is(entry.value.wrapping_sub(1)))?;
        self.0.get(position).map(|entry| entry.value.wrapping_sub(1))
    }

    /// How many values there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no value.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many values there can be.
    pub const fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_entry_is_8_bytes() {
        assert_eq!(size_of::<Entry>(), 8);
        assert_eq!(Index::entries(192), 256);
        for values in 0..1_000 {
            assert_eq!(Index::new(&mut vec![Entry::EMPTY; Index::entries(values)]).capacity(), values);
        }
    }

    #[test]
    fn a_full_index_takes_no_more() {
        let mut entries = [Entry { hash: 7, value: 7 }; 4];
        let mut index = Index::new(&mut entries);
        assert!(index.is_empty());
        assert!((0..3).all(|value| index.insert(0, value)));
        assert!(!index.insert(0, 3));
        assert!(index.remove(0, 1) && !index.remove(0, 1) && !index.remove(1 << 40, 2));
        assert!(!index.insert(0, u32::MAX));
        assert!(index.insert(0, u32::MAX - 1));
        assert_eq!(index.find(0, |value| value > 2), Some(u32::MAX - 1));
        assert!(!Index::new(&mut []).insert(0, 0));
    }

    proptest! {
        /// Few hashes, whose homes lie at both ends of the table, so that cells crowd, wrap and shift.
        #[test]
        fn is_a_list_of_pairs(
            size in 0..40_usize,
            steps in prop::collection::vec((any::<bool>(), 0..12_u64, 0..4_u32), 0..400),
        ) {
            let mut entries = vec![Entry::EMPTY; size];
            let mut index = Index::new(&mut entries);
            let mut model: Vec<(u64, u32)> = Vec::new();
            for (insert, hash, value) in steps {
                let hash = hash.wrapping_sub(8).wrapping_mul(0x0600_0000_1234_5678);
                if insert {
                    let room = model.len() < index.capacity();
                    prop_assert_eq!(index.insert(hash, value), room);
                    if room {
                        model.push((hash, value));
                    }
                } else {
                    let place = model.iter().position(|&pair| pair == (hash, value));
                    prop_assert_eq!(index.remove(hash, value), place.is_some());
                    place.map(|place| model.swap_remove(place));
                }
                prop_assert_eq!(index.len(), model.len());
                for hash in (0..12_u64).map(|hash| hash.wrapping_sub(8).wrapping_mul(0x0600_0000_1234_5678)) {
                    let mut found = Vec::new();
                    prop_assert_eq!(index.find(hash, |value| { found.push(value); false }), None);
                    let mut kept: Vec<u32> = model.iter().filter(|pair| pair.0 == hash).map(|pair| pair.1).collect();
                    found.sort_unstable();
                    kept.sort_unstable();
                    prop_assert_eq!(&found, &kept);
                    prop_assert_eq!(index.find(hash, |_| true).is_some(), !kept.is_empty());
                }
            }
        }
    }
}
