//! Finished transactions, which only have to be recognised for a while (RFC 3261 section 17, timers D, I, J, K).

use super::probing::{self, Cell, Table};
use crate::time::{Duration, Instant};

/// How long a sweep takes to come round, and so the longest that a transaction lingers beyond its time.
const PASS: Duration = Duration::from_secs(1);

/// Storage for one finished transaction.
#[derive(Clone, Copy, Debug)]
pub struct LingeringSlot {
    /// 0 for none.
    hash: u64,
    /// In ticks, as [`ticks`] counts them.
    expiry: u32,
    payload: u32,
}

impl LingeringSlot {
    /// A slot of no transaction: all zero bits.
    pub const EMPTY: Self = Self { hash: 0, expiry: 0, payload: 0 };
}

impl Cell for LingeringSlot {
    const EMPTY: Self = Self::EMPTY;

    fn bits(&self) -> Option<u32> {
        (self.hash != 0).then_some((self.hash >> 32) as u32)
    }
}

/// What is left of finished transactions: by their key's hash, 32 bits that the owner packs, until they expire.
///
/// A slot is 16 bytes; three quarters of them can be used, which makes 21.4 bytes for a transaction and needs no
/// index beside it. 64-bit keyed hashes are taken as unique.
///
/// There is no timer for each: from the first expiry on a hand sweeps over the slots, once a second as long as any
/// is filled, and finds what has expired. A sweep is cut into steps of at least 64 slots and into at most 64 steps;
/// [`Lingering::next`] says when the next one is due.
pub struct Lingering<'s> {
    table: Table<'s, LingeringSlot>,
    /// The slot to be looked at next.
    hand: usize,
    /// How many slots of the current step are still to be looked at.
    left: usize,
    /// When the last step was due; before the first, when the sweeping begins.
    step: Instant,
}

impl<'s> Lingering<'s> {
    /// An empty table over `slots`, of which it uses three quarters; see [`Lingering::slots`].
    pub fn new(slots: &'s mut [LingeringSlot]) -> Self {
        Self { table: Table::new(slots), hand: 0, left: 0, step: Instant::ZERO }
    }

    /// How many slots it takes to hold `transactions` transactions.
    pub const fn slots(transactions: usize) -> usize {
        probing::cells(transactions)
    }

    /// Keeps `payload` under `hash` until `expiry`, which is at most three weeks ahead; false when the table is
    /// full. Whether the hash is there already is not looked at.
    pub fn insert(&mut self, hash: u64, expiry: Instant, payload: u32) -> bool {
        if self.is_empty() || expiry < self.step {
            self.step = expiry;
        }
        self.table.insert(LingeringSlot { hash: some(hash), expiry: ticks(expiry).wrapping_add(1), payload })
    }

    /// What is kept under `hash`: until its expiry for sure, and after that until [`Lingering::expire`] hands it back.
    pub fn find(&self, hash: u64) -> Option<u32> {
        self.table.get(self.position(hash)?).map(|slot| slot.payload)
    }

    /// Keeps another payload under `hash`, until the same expiry, and hands back the one before; none, and nothing
    /// changed, when there is none.
    pub fn replace(&mut self, hash: u64, payload: u32) -> Option<u32> {
        let slot = self.table.get_mut(self.position(hash)?)?;
        Some(core::mem::replace(&mut slot.payload, payload))
    }

    /// Keeps another payload for every transaction. Looks at every slot.
    pub fn map(&mut self, payload: impl Fn(u32) -> u32) {
        for at in 0..self.table.cells() {
            if let Some(slot) = self.table.get_mut(at).filter(|slot| slot.bits().is_some()) {
                slot.payload = payload(slot.payload);
            }
        }
    }

    /// Sweeps as far as is due and hands back the payload of an expired transaction, which is gone; to be called
    /// until it gives none. What expired a second before `now` has then been handed back (and 2 ms, by which expiries
    /// are rounded). The work of that is bounded by one sweep over the slots, and is a 64th of it when this is called
    /// as [`Lingering::next`] asks.
    pub fn expire(&mut self, now: Instant) -> Option<u32> {
        if self.is_empty() {
            return None;
        }
        loop {
            while self.left > 0 {
                let slot = *self.table.get(self.hand)?;
                if slot.bits().is_some() && ticks(now).wrapping_sub(slot.expiry) < 1 << 31 {
                    // Whatever takes its place has not been looked at yet, so the hand stays.
                    self.table.remove(self.hand);
                    return Some(slot.payload);
                }
                self.hand = if self.hand + 1 < self.table.cells() { self.hand + 1 } else { 0 };
                self.left -= 1;
            }
            let due = self.step.after(self.interval());
            if now < due {
                return None;
            }
            // After a longer silence one whole sweep is enough.
            let behind = Duration::from_micros(now.since(due).as_micros().min(PASS.as_micros()));
            self.step = Instant::from_micros(now.as_micros() - behind.as_micros());
            self.left = self.slots_per_step();
        }
    }

    /// When [`Lingering::expire`] is to be called next; none while there is nothing to expire.
    pub fn next(&self) -> Option<Instant> {
        (!self.is_empty()).then(|| self.step.after(self.interval()))
    }

    /// How many transactions linger.
    pub const fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether none lingers.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many transactions can linger.
    pub const fn capacity(&self) -> usize {
        self.table.capacity()
    }

    fn position(&self, hash: u64) -> Option<usize> {
        let hash = some(hash);
        self.table.find((hash >> 32) as u32, |slot| slot.hash == hash)
    }

    const fn slots_per_step(&self) -> usize {
        let part = self.table.cells().div_ceil(64);
        if part < 64 { 64 } else { part }
    }

    /// The time a step has, so that its slots are their share of [`PASS`].
    fn interval(&self) -> Duration {
        let steps = self.table.cells().div_ceil(self.slots_per_step()).max(1) as u64;
        Duration::from_micros(PASS.as_micros().checked_div(steps).unwrap_or(0))
    }
}

/// The hash as it is stored: 0 stands for none, so it shares with 1.
const fn some(hash: u64) -> u64 {
    if hash == 0 { 1 } else { hash }
}

/// Ticks of 1.024 ms; they start over after 50 days, and are compared by their distance.
const fn ticks(at: Instant) -> u32 {
    (at.as_micros() >> 10) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::{vec, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000;

    fn at(micros: u64) -> Instant {
        Instant::from_micros(micros)
    }

    fn drain(lingering: &mut Lingering<'_>, now: Instant) -> Vec<u32> {
        let mut payloads: Vec<u32> = core::iter::from_fn(|| lingering.expire(now)).collect();
        payloads.sort_unstable();
        payloads
    }

    #[test]
    fn a_slot_is_16_bytes() {
        assert_eq!(size_of::<LingeringSlot>(), 16);
        assert_eq!(Lingering::slots(192), 256);
        assert_eq!(Lingering::new(&mut [LingeringSlot::EMPTY; 256]).capacity(), 192);
    }

    #[test]
    fn keeps_until_the_expiry_and_hands_back_after_it() {
        let mut slots = [LingeringSlot::EMPTY; 8];
        let mut lingering = Lingering::new(&mut slots);
        assert_eq!(lingering.next(), None);
        assert!(lingering.insert(0, at(5 * SECOND), 7));
        assert!(lingering.insert(9 << 60, at(32 * SECOND), 8));
        assert_eq!(lingering.replace(0, 6), Some(7));
        assert_eq!(lingering.replace(1 << 50, 6), None);
        assert_eq!(lingering.expire(at(5 * SECOND)), None);
        assert_eq!((lingering.find(0), lingering.find(9 << 60)), (Some(6), Some(8)));
        let next = lingering.next().unwrap();
        assert!(next > at(5 * SECOND) && next <= at(6 * SECOND));
        assert_eq!(drain(&mut lingering, next), [6]);
        assert_eq!(drain(&mut lingering, at(60 * SECOND)), [8]);
        assert_eq!((lingering.len(), lingering.next()), (0, None));
    }

    #[test]
    fn a_full_table_takes_no_more_until_something_expires() {
        let mut slots = [LingeringSlot::EMPTY; 4];
        let mut lingering = Lingering::new(&mut slots);
        for n in 0..3 {
            assert!(lingering.insert(n << 62, at(SECOND), n as u32));
        }
        assert!(!lingering.insert(3 << 62, at(SECOND), 3));
        assert_eq!(drain(&mut lingering, at(3 * SECOND)), [0, 1, 2]);
        assert!(lingering.insert(3 << 62, at(4 * SECOND), 3));
    }

    #[test]
    fn nothing_fits_into_no_slots() {
        let mut lingering = Lingering::new(&mut []);
        assert!(!lingering.insert(1, at(1), 1));
        assert_eq!((lingering.find(1), lingering.expire(at(SECOND))), (None, None));
    }

    #[test]
    fn a_step_is_a_small_part_of_a_large_table() {
        let mut slots = vec![LingeringSlot::EMPTY; 100_000];
        let lingering = Lingering::new(&mut slots);
        assert_eq!(lingering.slots_per_step(), 1_563);
        assert_eq!(lingering.interval().as_micros(), 15_625);
    }

    proptest! {
        /// Never early, never more than a sweep late, never twice, never lost; over the wrap of the ticks too.
        #[test]
        fn every_payload_comes_back_once_and_in_time(
            start in prop_oneof![Just(0), ((1_u64 << 42) - 40 * SECOND)..(1 << 42), 0..u64::MAX / 4],
            steps in prop::collection::vec((any::<u16>(), 0..40 * SECOND, 0..3 * SECOND, 0..9_u8), 1..400),
        ) {
            let mut slots = [LingeringSlot::EMPTY; 150];
            let mut lingering = Lingering::new(&mut slots);
            let mut model: HashMap<u64, (u64, u32)> = HashMap::new();
            let mut now = start;
            for (number, (hash, life, pause, many)) in steps.into_iter().enumerate() {
                // Few homes, so that long runs of cells form and wrap round the end.
                let hash = u64::from(u16::MAX - hash % 16) << 48 | u64::from(hash);
                if !model.contains_key(&hash) {
                    let room = model.len() < lingering.capacity();
                    prop_assert_eq!(lingering.insert(hash, at(now + life), number as u32), room);
                    if room {
                        model.insert(hash, (now + life, number as u32));
                    }
                }
                if many == 0 {
                    now += pause;
                }
                while let Some(payload) = lingering.expire(at(now)) {
                    let hash = *model.iter().find(|(_, kept)| kept.1 == payload).unwrap().0;
                    prop_assert!(model.remove(&hash).unwrap().0 <= now);
                    prop_assert_eq!(lingering.find(hash), None);
                }
                for (&hash, &(expiry, payload)) in &model {
                    prop_assert!(now < expiry + SECOND + 2_048, "late");
                    prop_assert_eq!(lingering.find(hash), Some(payload));
                }
                prop_assert_eq!(lingering.len(), model.len());
            }
            let rest = drain(&mut lingering, at(now + 50 * SECOND)).len();
            prop_assert_eq!((rest, lingering.len()), (model.len(), 0));
        }
    }
}
