//! Media port pairs: an even port for RTP and the odd one after it for RTCP (RFC 3550 section 11).
//!
//! This only says which are free. Nobody listens here.

/// A pair that is taken.
const TAKEN: u16 = 0;

/// A free pair that is the last of its queue. Others hold the RTP port of the next one, which is even and not 0.
const LAST: u16 = 1;

/// Storage for one pair of [`Ports`].
#[derive(Clone, Copy, Debug)]
pub struct PortSlot(u16);

impl PortSlot {
    /// A slot of no pair: all zero bits.
    pub const EMPTY: Self = Self(TAKEN);
}

/// Storage for what one relay worker has free on one interface.
#[derive(Clone, Copy, Debug)]
pub struct PortQueue {
    interface: u8,
    /// How many queues the interface has, this one and its neighbours; 0 where the storage is not used.
    workers: u8,
    /// The interface's first RTP port.
    first: u16,
    /// The interface's last RTP port.
    last: u16,
    /// The slot of the interface's first pair; the others follow.
    slot: u16,
    /// The free pair that has rested longest; 0 for none.
    head: u16,
    /// The free pair that was given back last; 0 for none.
    tail: u16,
    /// How many pairs are free.
    free: u16,
}

impl PortQueue {
    /// A queue of nobody: all zero bits.
    pub const EMPTY: Self =
        Self { interface: 0, workers: 0, first: 0, last: 0, slot: 0, head: 0, tail: 0, free: 0 };
}

/// The free port pairs of every interface, known by their RTP port. A pair that is given back goes behind all
/// others of its worker, and so rests as long as can be. Everything but `add` is O(1) in the number of pairs, and
/// linear in that of interfaces, which are few.
pub struct Ports<'s> {
    slots: &'s mut [PortSlot],
    queues: &'s mut [PortQueue],
    /// How many slots are used, from the start.
    used: usize,
}

impl<'s> Ports<'s> {
    /// No ports yet, and room for as many pairs as `slots` and as many workers (of all interfaces together) as
    /// `queues`.
    pub fn new(slots: &'s mut [PortSlot], queues: &'s mut [PortQueue]) -> Self {
        slots.fill(PortSlot::EMPTY);
        queues.fill(PortQueue::EMPTY);
        Self { slots, queues, used: 0 }
    }

    /// How many pairs the ports from `first` to `last`, both included, are good for.
    pub const fn pairs(first: u16, last: u16) -> usize {
        match bounds(first, last) {
            Some((first, last)) => (last - first) as usize / 2 + 1,
            None => 0,
        }
    }

    /// Which of `workers` relay workers serves the pair of this RTP port.
    pub const fn worker(port: u16, workers: u8) -> u8 {
        match (port / 2).checked_rem(workers as u16) {
            Some(worker) => worker as u8,
            None => 0,
        }
    }

    /// Adds an interface's ports, `first` to `last`, both included, shared by `workers` (at least 1) relay workers.
    ///
    /// Says how many pairs that gave: fewer than [`Ports::pairs`] where slots are short, then the lowest ones; 0
    /// where queues are short, the interface was added before, or the ports overlap another's.
    pub fn add(&mut self, interface: u8, first: u16, last: u16, workers: u8) -> usize {
        let Some((first, last)) = bounds(first, last) else { return 0 };
        let pairs = Self::pairs(first, last + 1).min(self.slots.len() - self.used);
        let Some(beyond) = pairs.checked_sub(1) else { return 0 };
        let last = first.saturating_add((beyond * 2) as u16).min(last);
        let workers = workers.max(1);

        let clashes =
            |other: &PortQueue| other.interface == interface || (other.first <= last && first <= other.last);
        let mut start = 0;
        while let Some(queue) = self.queues.get(start).filter(|queue| queue.workers > 0) {
            if clashes(queue) {
                return 0;
            }
            start += usize::from(queue.workers);
        }
        let Some(queues) = self.queues.get_mut(start..start + usize::from(workers)) else { return 0 };
        let slot = self.used as u16;
        queues.fill(PortQueue { interface, workers, first, last, slot, head: 0, tail: 0, free: 0 });
        self.used += pairs;
        for port in (first..=last).step_by(2) {
            self.give_back(port);
        }
        pairs
    }

    /// Takes the pair that has rested longest: one of this worker's, or else of the worker with most free pairs.
    /// None when there is none, or no such interface or worker.
    pub fn take(&mut self, interface: u8, worker: Option<u8>) -> Option<u16> {
        let start = self.start(|queue| queue.interface == interface)?;
        let workers = self.queues.get(start)?.workers;
        let number = match worker {
            Some(worker) => (worker < workers).then_some(start + usize::from(worker))?,
            None => {
                let numbers = start..start + usize::from(workers);
                numbers.rev().max_by_key(|&number| self.queues.get(number).map(|queue| queue.free))?
            }
        };
        let queue = self.queues.get_mut(number)?;
        let port = queue.head;
        let slot = self.slots.get_mut(queue.slot_of(port)?)?;
        queue.head = match slot.0 {
            LAST => 0,
            next => next,
        };
        slot.0 = TAKEN;
        queue.free -= 1;
        Some(port)
    }

    /// Takes this very pair of an interface's; false where it is taken, or none of the interface's. Linear in the
    /// number of the worker's free pairs: this is for what is taken up again after a restart.
    pub fn claim(&mut self, interface: u8, port: u16) -> bool {
        self.unqueue(interface, port).is_some()
    }

    fn unqueue(&mut self, interface: u8, port: u16) -> Option<()> {
        let start = self.start(|queue| queue.interface == interface)?;
        let worker = Self::worker(port, self.queues.get(start)?.workers);
        let queue = self.queues.get_mut(start.checked_add(worker.into())?)?;
        let next = self.slots.get(queue.slot_of(port)?)?.0;
        if next == TAKEN {
            return None;
        }
        let after = if next == LAST { 0 } else { next };
        if queue.head == port {
            queue.head = after;
        } else {
            let mut before = queue.head;
            loop {
                let slot = self.slots.get_mut(queue.slot_of(before)?)?;
                if slot.0 == port {
                    slot.0 = next;
                    break;
                }
                before = slot.0;
            }
            if next == LAST {
                queue.tail = before;
            }
        }
        self.slots.get_mut(queue.slot_of(port)?)?.0 = TAKEN;
        queue.free = queue.free.saturating_sub(1);
        Some(())
    }

    /// Gives a taken pair back. Ignored where it is free already or not one of ours.
    pub fn give_back(&mut self, port: u16) {
        let _ = self.queue_up(port);
    }

    fn queue_up(&mut self, port: u16) -> Option<()> {
        let start = self.start(|queue| queue.slot_of(port).is_some())?;
        let worker = Self::worker(port, self.queues.get(start)?.workers);
        let queue = self.queues.get_mut(start + usize::from(worker))?;
        let slot = self.slots.get_mut(queue.slot_of(port)?)?;
        if slot.0 != TAKEN {
            return None;
        }
        slot.0 = LAST;
        if queue.head == 0 {
            queue.head = port;
        } else {
            self.slots.get_mut(queue.slot_of(queue.tail)?)?.0 = port;
        }
        queue.tail = port;
        queue.free += 1;
        Some(())
    }

    /// How many pairs an interface has free, all workers together.
    pub fn free(&self, interface: u8) -> usize {
        self.queues
            .iter()
            .filter(|queue| queue.workers > 0 && queue.interface == interface)
            .map(|queue| usize::from(queue.free))
            .sum()
    }

    /// How many pairs are taken, on all interfaces together.
    pub fn taken(&self) -> usize {
        let free: usize = self.queues.iter().map(|queue| usize::from(queue.free)).sum();
        self.used.saturating_sub(free)
    }

    /// The first queue of an interface.
    fn start(&self, is: impl Fn(&PortQueue) -> bool) -> Option<usize> {
        let mut start = 0;
        loop {
            let queue = self.queues.get(start).filter(|queue| queue.workers > 0)?;
            if is(queue) {
                return Some(start);
            }
            start += usize::from(queue.workers);
        }
    }
}

impl PortQueue {
    /// The slot of a pair of this interface.
    fn slot_of(&self, port: u16) -> Option<usize> {
        let ours = self.first <= port && port <= self.last && port.is_multiple_of(2) && port != 0;
        ours.then(|| usize::from(self.slot) + usize::from((port - self.first) / 2))
    }
}

/// The first and last RTP port of pairs within these ports. Port 0 is nobody's.
const fn bounds(first: u16, last: u16) -> Option<(u16, u16)> {
    let first = if first < 2 { Some(2) } else { first.checked_next_multiple_of(2) };
    match (first, last.checked_sub(1)) {
        (Some(first), Some(last)) if first <= last & !1 => Some((first, last & !1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, VecDeque};
    use std::{vec, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pair_is_2_bytes_and_a_queue_14() {
        assert_eq!((size_of::<PortSlot>(), size_of::<PortQueue>()), (2, 14));
    }

    #[test]
    fn only_whole_pairs_count() {
        assert_eq!(Ports::pairs(10_000, 10_001), 1);
        assert_eq!(Ports::pairs(10_000, 10_002), 1);
        assert_eq!(Ports::pairs(10_001, 10_003), 1);
        assert_eq!(Ports::pairs(10_001, 10_002), 0);
        assert_eq!(Ports::pairs(10_000, 10_000), 0);
        assert_eq!(Ports::pairs(10_000, 9_000), 0);
        assert_eq!(Ports::pairs(0, 0), 0);
        assert_eq!(Ports::pairs(0, u16::MAX), 32_767);
        assert_eq!(Ports::pairs(u16::MAX, u16::MAX), 0);
    }

    #[test]
    fn all_ports_there_are() {
        let mut slots = vec![PortSlot(77); 40_000];
        let mut queues = vec![PortQueue { workers: 3, ..PortQueue::EMPTY }; 255];
        let mut ports = Ports::new(&mut slots, &mut queues);
        assert_eq!(ports.add(1, 0, u16::MAX, 255), 32_767);
        let taken: BTreeSet<u16> = core::iter::from_fn(|| ports.take(1, None)).collect();
        assert_eq!(taken.len(), 32_767);
        assert!(taken.iter().all(|port| port % 2 == 0 && *port > 0));
        assert_eq!(ports.free(1), 0);
    }

    #[test]
    fn interfaces_stand_apart() {
        let mut slots = [PortSlot::EMPTY; 12];
        let mut queues = [PortQueue::EMPTY; 5];
        let mut ports = Ports::new(&mut slots, &mut queues);
        assert_eq!(ports.add(0, 100, 109, 2), 5);
        assert_eq!(ports.add(0, 200, 209, 2), 0, "twice");
        assert_eq!(ports.add(1, 108, 120, 2), 0, "overlap");
        assert_eq!(ports.add(1, 110, 113, 0), 2);
        assert_eq!(ports.add(2, 200, 299, 3), 0, "no queues left");
        assert_eq!(ports.add(2, 200, 299, 2), 5, "as many as there are slots");
        assert_eq!((ports.free(0), ports.free(1), ports.free(2), ports.free(3)), (5, 2, 5, 0));
        assert_eq!(
            (ports.take(0, Some(0)), ports.take(0, Some(1)), ports.take(0, Some(2))),
            (Some(100), Some(102), None)
        );
        assert_eq!((ports.take(1, Some(0)), ports.take(3, None)), (Some(110), None));
        for foreign in [0, 101, 103, 108, 111, 112, 114, 210, u16::MAX] {
            ports.give_back(foreign);
        }
        assert_eq!((ports.free(0), ports.free(1), ports.free(2)), (3, 1, 5));
        ports.give_back(102);
        assert_eq!(core::iter::from_fn(|| ports.take(0, Some(1))).collect::<Vec<_>>(), [106, 102]);
    }

    proptest! {
        #[test]
        fn is_a_queue_for_each_worker(
            first in 1_000..1_008_u16,
            count in 2..70_u16,
            workers in 1..5_u8,
            steps in prop::collection::vec((0..3_u8, prop::option::of(0..5_u8), any::<usize>()), 0..300),
        ) {
            let last = first + count;
            let mut slots = vec![PortSlot::EMPTY; 45];
            let mut queues = vec![PortQueue::EMPTY; 6];
            let mut ports = Ports::new(&mut slots, &mut queues);
            ports.add(9, 900, 919, 1);
            let pairs = ports.add(4, first, last, workers);
            let mut model: Vec<VecDeque<u16>> = vec![VecDeque::new(); usize::from(workers)];
            for port in (first..last).filter(|port| port % 2 == 0) {
                model[usize::from(Ports::worker(port, workers))].push_back(port);
            }
            prop_assert_eq!(pairs, model.iter().map(VecDeque::len).sum::<usize>());
            let mut taken: Vec<u16> = Vec::new();
            for (step, worker, which) in steps {
                if step == 0 {
                    // Any port there is, taken or not, odd or even, and some that are nobody's.
                    let port = (usize::from(first) - 2 + which % (usize::from(count) + 4)) as u16;
                    let queue = &mut model[usize::from(Ports::worker(port, workers))];
                    let place = queue.iter().position(|&free| free == port);
                    prop_assert_eq!(ports.claim(4, port), place.is_some());
                    prop_assert!(!ports.claim(9, port) && !ports.claim(5, port));
                    if let Some(place) = place {
                        queue.remove(place);
                        taken.push(port);
                    }
                } else if step == 1 {
                    let port = ports.take(4, worker);
                    let most = model.iter().map(VecDeque::len).max().unwrap();
                    let fullest = model.iter().position(|queue| queue.len() == most).unwrap();
                    let worker = worker.map_or(fullest, usize::from);
                    prop_assert_eq!(port, model.get_mut(worker).and_then(VecDeque::pop_front));
                    if let Some(port) = port {
                        prop_assert!(!taken.contains(&port), "handed out twice");
                        taken.push(port);
                    }
                } else if !taken.is_empty() {
                    let port = taken.swap_remove(which % taken.len());
                    ports.give_back(port);
                    ports.give_back(port);
                    ports.give_back(port + 1);
                    model[usize::from(Ports::worker(port, workers))].push_back(port);
                }
                prop_assert_eq!(ports.free(4) + taken.len(), pairs);
                prop_assert_eq!(ports.free(9), 10);
            }
        }
    }
}
