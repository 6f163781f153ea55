//! Values in fixed slots, reached by handles that go stale when their value is removed.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;
use core::num::NonZeroU32;

/// A handle to a value in a [`Pool`] of `T`s. It goes stale when the value is removed, and then leads nowhere.
///
/// A slot tells 2^31 values apart before its generations start over. `Option<Id<T>>` takes 8 bytes as `Id<T>` does.
pub struct Id<T> {
    index: u32,
    /// Odd where it was handed out, and even while its slot is free.
    generation: NonZeroU32,
    of: PhantomData<fn() -> T>,
}

/// A generation that no value ever has.
const NEVER: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

impl<T> Id<T> {
    /// An id whose generation is `generation`; one that never lived where that is 0.
    fn new(index: u32, generation: u32) -> Self {
        Self { index, generation: NonZeroU32::new(generation).unwrap_or(NEVER), of: PhantomData }
    }

    /// The number of its slot: dense from 0, the same for every value that lives there, so good as a key of
    /// [`Timers`](super::Timers) and a value of [`Index`](super::Index).
    pub const fn index(self) -> u32 {
        self.index
    }

    /// Both of its numbers in one, for those who pass it on without knowing what it is.
    pub const fn to_bits(self) -> u64 {
        (self.generation.get() as u64) << 32 | self.index as u64
    }

    /// The id that [`Id::to_bits`] was asked of. Any other number gives an id too: one that may be live or not.
    pub fn from_bits(bits: u64) -> Self {
        Self::new(bits as u32, (bits >> 32) as u32)
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Id<T> {}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.to_bits() == other.to_bits()
    }
}

impl<T> Eq for Id<T> {}

impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.to_bits().hash(state);
    }
}

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index, self.generation)
    }
}

#[cfg(feature = "defmt")]
impl<T> defmt::Format for Id<T> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=u32}.{=u32}", self.index, self.generation.get());
    }
}

/// Storage for one value of a [`Pool`]: 8 bytes more than the value (whose alignment is at most 8).
///
/// `vec![Slot::EMPTY; n]` makes many where `T: Clone`, `repeat_with(|| Slot::EMPTY).take(n)` where it is not.
#[derive(Clone)]
pub struct Slot<T>(State<T>);

/// The tag is explicit: hidden in a niche of `T`, an empty slot would not be all zero bits.
#[derive(Clone)]
#[repr(u32)]
enum State<T> {
    /// `next` is the next free slot's number + 1, or 0.
    Free {
        generation: u32,
        next: u32,
    },
    Live {
        generation: u32,
        value: T,
    },
}

impl<T> Slot<T> {
    /// A slot that never held a value: all zero bits.
    pub const EMPTY: Self = Self(State::Free { generation: 0, next: 0 });

    fn live(&self, id: Id<T>) -> Option<&T> {
        match &self.0 {
            State::Live { generation, value } if *generation == id.generation.get() => Some(value),
            _ => None,
        }
    }

    fn live_mut(&mut self, id: Id<T>) -> Option<&mut T> {
        match &mut self.0 {
            State::Live { generation, value } if *generation == id.generation.get() => Some(value),
            _ => None,
        }
    }

    fn id(&self, index: u32) -> Option<Id<T>> {
        match self.0 {
            State::Live { generation, .. } => Some(Id::new(index, generation)),
            State::Free { .. } => None,
        }
    }
}

/// Up to a fixed number of values, each in a slot of its own. Everything but iterating is O(1); the slot freed
/// last is taken first.
pub struct Pool<'s, T> {
    slots: &'s mut [Slot<T>],
    /// The first free slot's number + 1, or 0.
    free: u32,
    /// Slots from here on were not taken yet and are in no list.
    fresh: u32,
    len: u32,
}

impl<'s, T> Pool<'s, T> {
    /// An empty pool of `slots.len()` places. Values that an earlier pool left there are dropped, and its ids are
    /// stale here too.
    pub fn new(slots: &'s mut [Slot<T>]) -> Self {
        let slots = super::numbered(slots);
        for slot in slots.iter_mut() {
            if let State::Live { generation, .. } = slot.0 {
                slot.0 = State::Free { generation: generation.wrapping_add(1), next: 0 };
            }
        }
        Self { slots, free: 0, fresh: 0, len: 0 }
    }

    /// Puts `value` into a free slot; hands it back when there is none.
    pub fn insert(&mut self, value: T) -> Result<Id<T>, T> {
        let index = self.free.checked_sub(1).unwrap_or(self.fresh);
        let Some(slot) = self.slots.get_mut(index as usize) else { return Err(value) };
        let State::Free { generation, next } = slot.0 else { return Err(value) };
        let generation = generation.wrapping_add(1);
        slot.0 = State::Live { generation, value };
        if self.free == 0 {
            self.fresh += 1;
        } else {
            self.free = next;
        }
        self.len += 1;
        Ok(Id::new(index, generation))
    }

    /// The value of `id`, unless it was removed.
    pub fn get(&self, id: Id<T>) -> Option<&T> {
        self.slots.get(id.index as usize)?.live(id)
    }

    /// The value of `id`, unless it was removed, to be changed.
    pub fn get_mut(&mut self, id: Id<T>) -> Option<&mut T> {
        self.slots.get_mut(id.index as usize)?.live_mut(id)
    }

    /// The values of two different ids at once, to be changed; none when either was removed or both are the same.
    pub fn get_pair_mut(&mut self, a: Id<T>, b: Id<T>) -> Option<(&mut T, &mut T)> {
        let slots = self.slots.get_disjoint_mut([a.index as usize, b.index as usize]).ok()?;
        let [first, second] = slots;
        Some((first.live_mut(a)?, second.live_mut(b)?))
    }

    /// Takes the value of `id` out; its slot is free from here on and `id` is stale.
    pub fn remove(&mut self, id: Id<T>) -> Option<T> {
        let slot = self.slots.get_mut(id.index as usize)?;
        slot.live(id)?;
        let freed = State::Free { generation: id.generation.get().wrapping_add(1), next: self.free };
        let State::Live { value, .. } = core::mem::replace(&mut slot.0, freed) else { return None };
        self.free = id.index + 1;
        self.len -= 1;
        Some(value)
    }

    /// The id of the value that lives in slot `index` now.
    pub fn id_at(&self, index: u32) -> Option<Id<T>> {
        self.slots.get(index as usize)?.id(index)
    }

    /// Every value with its id, in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = (Id<T>, &T)> {
        self.slots.iter().take(self.fresh as usize).zip(0..).filter_map(|(slot, index)| {
            let id = slot.id(index)?;
            Some((id, slot.live(id)?))
        })
    }

    /// How many values there are.
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there is no value.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many values there can be.
    pub const fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// Whether no slot is free.
    pub const fn is_full(&self) -> bool {
        self.len() == self.capacity()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::{string::String, vec, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_slot_is_8_bytes_more_than_its_value() {
        assert_eq!(size_of::<Slot<u32>>(), 12);
        assert_eq!(size_of::<Slot<u64>>(), 16);
        assert_eq!(size_of::<Slot<(u64, bool)>>(), 24);
        assert_eq!(size_of::<Slot<[u8; 456]>>(), 464);
        assert_eq!((size_of::<Id<u8>>(), size_of::<Option<Id<u8>>>()), (8, 8));
    }

    #[test]
    fn storage_of_every_kind_will_do() {
        let mut array = [const { Slot::<String>::EMPTY }; 3];
        let mut vec = vec![Slot::<u32>::EMPTY; 3];
        let mut board: heapless::Vec<Slot<&mut u8>, 3> = heapless::Vec::new();
        while board.push(Slot::EMPTY).is_ok() {}
        assert_eq!(Pool::new(&mut array).capacity(), 3);
        assert_eq!(Pool::new(&mut vec).capacity(), 3);
        assert_eq!(Pool::new(&mut board).capacity(), 3);
        assert_eq!(Pool::<u8>::new(&mut []).insert(1), Err(1));
    }

    #[test]
    fn a_full_pool_hands_the_value_back() {
        let mut slots = vec![Slot::EMPTY; 2];
        let mut pool = Pool::new(&mut slots);
        let a = pool.insert('a').unwrap();
        let b = pool.insert('b').unwrap();
        assert!(pool.is_full());
        assert_eq!(pool.insert('c'), Err('c'));
        assert_eq!(pool.remove(a), Some('a'));
        assert_eq!((pool.remove(a), pool.get(a)), (None, None));
        let c = pool.insert('c').unwrap();
        assert_eq!((c.index(), pool.id_at(0)), (a.index(), Some(c)));
        assert_ne!(a, c);
        assert_eq!(pool.iter().map(|(id, &value)| (id, value)).collect::<Vec<_>>(), [(c, 'c'), (b, 'b')]);
    }

    #[test]
    fn two_values_at_once_are_two_values() {
        let mut slots = vec![Slot::EMPTY; 2];
        let mut pool = Pool::new(&mut slots);
        let (a, b) = (pool.insert(1).unwrap(), pool.insert(2).unwrap());
        let (first, second) = pool.get_pair_mut(b, a).unwrap();
        core::mem::swap(first, second);
        assert_eq!((pool.get(a), pool.get(b)), (Some(&2), Some(&1)));
        assert!(pool.get_pair_mut(a, a).is_none());
        pool.remove(b);
        assert!(pool.get_pair_mut(a, b).is_none());
    }

    #[test]
    fn generations_start_over_without_ever_being_none() {
        let mut slots = vec![Slot(State::Free { generation: u32::MAX - 1, next: 0 })];
        let mut pool = Pool::new(&mut slots);
        let last = pool.insert(1).unwrap();
        assert_eq!(last.generation.get(), u32::MAX);
        assert_eq!(pool.remove(last), Some(1));
        let first = pool.insert(2).unwrap();
        assert_eq!((first.generation.get(), pool.get(last), pool.get(first)), (1, None, Some(&2)));
        assert_eq!(Id::from_bits(first.to_bits()), first);
        assert_eq!(pool.get(Id::from_bits(0)), None);
    }

    #[test]
    fn ids_of_an_earlier_pool_are_stale() {
        let mut slots = vec![Slot::EMPTY; 2];
        let old = Pool::new(&mut slots).insert(1).unwrap();
        let mut pool = Pool::new(&mut slots);
        assert_eq!((pool.get(old), pool.len(), pool.iter().count()), (None, 0, 0));
        assert_eq!(pool.insert(2).unwrap().index(), old.index());
        assert_eq!(pool.get(old), None);
    }

    proptest! {
        #[test]
        fn is_a_map_whose_removed_keys_never_come_back(steps in prop::collection::vec(any::<(u8, u16)>(), 0..300)) {
            let mut slots = vec![Slot::EMPTY; 20];
            let mut pool = Pool::new(&mut slots);
            let mut model = HashMap::new();
            let mut ids: Vec<Id<u16>> = Vec::new();
            for (step, value) in steps {
                let known = ids.get(usize::from(value) % ids.len().max(1)).copied();
                match (step % 5, known) {
                    (0 | 1, _) | (_, None) => match pool.insert(value) {
                        Ok(id) => {
                            prop_assert!(!ids.contains(&id));
                            ids.push(id);
                            model.insert(id, value);
                        }
                        Err(_) => prop_assert_eq!(model.len(), 20),
                    },
                    (2 | 3, Some(id)) => prop_assert_eq!(pool.remove(id), model.remove(&id)),
                    (_, Some(id)) => {
                        if let Some(place) = pool.get_mut(id) {
                            *place = value;
                        }
                        model.entry(id).and_modify(|place| *place = value);
                    }
                }
                prop_assert_eq!((pool.len(), pool.is_full()), (model.len(), model.len() == 20));
                for &id in &ids {
                    prop_assert_eq!(pool.get(id), model.get(&id));
                }
                prop_assert_eq!(pool.iter().map(|(id, &value)| (id, value)).collect::<HashMap<_, _>>(), model.clone());
                for (id, _) in pool.iter() {
                    prop_assert_eq!(pool.id_at(id.index()), Some(id));
                }
            }
        }
    }
}
