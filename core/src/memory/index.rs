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
