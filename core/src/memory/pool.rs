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
