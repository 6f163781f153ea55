//! One deadline for each of a fixed number of keys, soonest first.

use crate::time::Instant;

/// How many children a place in the heap has: four are one cache line.
const CHILDREN: usize = 4;

/// Storage for one key of [`Timers`]. What it says of a place in the heap and of a key has nothing to do with each
/// other: the n-th slot holds the heap's n-th place, and where the n-th key is.
#[derive(Clone, Copy, Debug)]
pub struct TimerSlot {
    /// The deadline at this place.
    at: Instant,
    /// The key at this place.
    key: u32,
    /// The place of this key + 1, or 0 where it has no deadline.
    place: u32,
}

impl TimerSlot {
    /// A slot without a deadline: all zero bits.
    pub const EMPTY: Self = Self { at: Instant::ZERO, key: 0, place: 0 };
}

/// Deadlines by key, in an indexed heap. Keys are the numbers from 0 to `capacity() - 1`; each has at most one
/// deadline. Setting, cancelling and popping are O(log n). Of equal deadlines the smallest key comes first.
pub struct Timers<'s> {
    slots: &'s mut [TimerSlot],
    len: usize,
}

impl<'s> Timers<'s> {
    /// Timers for `slots.len()` keys, none of them set.
    pub fn new(slots: &'s mut [TimerSlot]) -> Self {
        let slots = super::numbered(slots);
        slots.fill(TimerSlot::EMPTY);
        Self { slots, len: 0 }
    }

    /// Sets the deadline of `key`, in place of the one it had. Ignored for a key that is out of range.
    pub fn set(&mut self, key: u32, at: Instant) {
        let Some(slot) = self.slots.get(key as usize) else { return };
        let place = match slot.place.checked_sub(1) {
            Some(place) => place as usize,
            None => {
                self.len += 1;
                self.len - 1
            }
        };
        self.settle(place, (at, key));
    }

    /// Takes the deadline of `key` away, if it has one.
    pub fn cancel(&mut self, key: u32) {
        let Some(slot) = self.slots.get_mut(key as usize) else { return };
        let Some(place) = slot.place.checked_sub(1) else { return };
        slot.place = 0;
        self.len -= 1;
        let place = place as usize;
        if place < self.len
            && let Some(last) = self.slots.get(self.len)
        {
            self.settle(place, (last.at, last.key));
        }
    }

    /// The deadline of `key`, if it has one.
    pub fn at(&self, key: u32) -> Option<Instant> {
        let place = self.slots.get(key as usize)?.place.checked_sub(1)?;
        Some(self.get(place as usize)?.0)
    }

    /// The soonest deadline.
    pub fn next(&self) -> Option<Instant> {
        Some(self.get(0)?.0)
    }

    /// The key of the soonest deadline, if that is not after `now`; it has none from here on.
    pub fn pop(&mut self, now: Instant) -> Option<u32> {
        let (at, key) = self.get(0)?;
        if at > now {
            return None;
        }
        self.cancel(key);
        Some(key)
    }

    /// The keys that have a deadline, in no order.
    pub fn keys(&self) -> impl Iterator<Item = u32> {
        self.slots.iter().take(self.len).map(|slot| slot.key)
    }

    /// How many keys have a deadline.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether no key has a deadline.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many keys there are.
    pub const fn capacity(&self) -> usize {
        self.slots.len()
    }

    fn get(&self, place: usize) -> Option<(Instant, u32)> {
        if place >= self.len {
            return None;
        }
        self.slots.get(place).map(|slot| (slot.at, slot.key))
    }

    fn put(&mut self, place: usize, (at, key): (Instant, u32)) {
        if let Some(slot) = self.slots.get_mut(place) {
            (slot.at, slot.key) = (at, key);
        }
        if let Some(slot) = self.slots.get_mut(key as usize) {
            slot.place = place as u32 + 1;
        }
    }

    /// Lets `timer` rise or sink from a place whose own content is given up.
    fn settle(&mut self, mut place: usize, timer: (Instant, u32)) {
        while let Some(above) = place.checked_sub(1).map(|below| below / CHILDREN)
            && let Some(parent) = self.get(above)
            && timer < parent
        {
            self.put(place, parent);
            place = above;
        }
        while let Some((below, child)) = self.soonest_child(place)
            && child < timer
        {
            self.put(place, child);
            place = below;
        }
        self.put(place, timer);
    }

    fn soonest_child(&self, place: usize) -> Option<(usize, (Instant, u32))> {
        let first = place.checked_mul(CHILDREN)?.checked_add(1)?;
        let children =
            (first..first.saturating_add(CHILDREN)).map_while(|below| Some((below, self.get(below)?)));
        children.min_by_key(|&(_, child)| child)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::vec;

    use proptest::prelude::*;

    use super::*;

    fn at(micros: u64) -> Instant {
        Instant::from_micros(micros)
    }

    #[test]
    fn a_slot_is_16_bytes() {
        assert_eq!(size_of::<TimerSlot>(), 16);
    }

    #[test]
    fn the_soonest_comes_first_and_only_when_it_is_due() {
        let mut slots = [TimerSlot { at: at(3), key: 1, place: 2 }; 3];
        let mut timers = Timers::new(&mut slots);
        assert_eq!((timers.next(), timers.pop(at(u64::MAX))), (None, None));
        timers.set(0, at(30));
        timers.set(1, at(10));
        timers.set(2, at(10));
        timers.set(3, at(1));
        timers.set(u32::MAX, at(1));
        assert_eq!((timers.next(), timers.len()), (Some(at(10)), 3));
        assert_eq!(timers.pop(at(9)), None);
        assert_eq!((timers.pop(at(10)), timers.pop(at(10)), timers.pop(at(10))), (Some(1), Some(2), None));
        timers.set(0, at(40));
        timers.cancel(1);
        timers.cancel(7);
        assert_eq!((timers.at(0), timers.at(1), timers.at(7)), (Some(at(40)), None, None));
        timers.cancel(0);
        assert!(timers.is_empty());
    }

    proptest! {
        #[test]
        fn is_a_sorted_list(
            steps in prop::collection::vec((0..6_u8, 0..40_u32, 0..50_u64), 0..500),
        ) {
            let mut slots = vec![TimerSlot::EMPTY; 37];
            let mut timers = Timers::new(&mut slots);
            let mut model: BTreeSet<(Instant, u32)> = BTreeSet::new();
            for (step, key, time) in steps {
                match step {
                    0..3 => {
                        timers.set(key, at(time));
                        model.retain(|timer| timer.1 != key);
                        if key < 37 {
                            model.insert((at(time), key));
                        }
                    }
                    3 => {
                        timers.cancel(key);
                        model.retain(|timer| timer.1 != key);
                    }
                    _ => {
                        let due = model.first().copied().filter(|timer| timer.0 <= at(time));
                        prop_assert_eq!(timers.pop(at(time)), due.map(|timer| timer.1));
                        due.map(|timer| model.remove(&timer));
                    }
                }
                prop_assert_eq!(timers.next(), model.first().map(|timer| timer.0));
                prop_assert_eq!(timers.len(), model.len());
                let keys: BTreeSet<u32> = timers.keys().collect();
                let kept: BTreeSet<u32> = model.iter().map(|timer| timer.1).collect();
                prop_assert_eq!(keys, kept);
                for key in 0..40 {
                    let kept = model.iter().find(|timer| timer.1 == key).map(|timer| timer.0);
                    prop_assert_eq!(timers.at(key), kept);
                }
            }
            while let Some(timer) = model.pop_first() {
                prop_assert_eq!(timers.pop(timer.0), Some(timer.1));
            }
            prop_assert!(timers.is_empty());
        }
    }
}
