//! Which stream a local port belongs to: a table with one entry for each pair of ports.

use super::Side;

/// Storage for one pair of ports, an even one for RTP and the next one for RTCP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Door(u32);

impl Door {
    /// Leads nowhere: all zero bits.
    pub const EMPTY: Self = Self(0);

    /// Leads to one side of the stream in slot `slot`; none when the slot's number is too large to be written down.
    fn to(slot: u32, side: Side) -> Option<Self> {
        let slot = slot.checked_add(1)?.checked_mul(4)?;
        Some(Self(slot | side.index() as u32))
    }

    const fn leads(self) -> Option<(u32, Side)> {
        let side = match self.0 & 3 {
            0 => Side::A,
            1 => Side::B,
            _ => Side::C,
        };
        match (self.0 >> 2).checked_sub(1) {
            Some(slot) => Some((slot, side)),
            None => None,
        }
    }
}

/// The pairs of ports from `first` on.
pub(super) struct Doors<'s> {
    first: u16,
    doors: &'s mut [Door],
}

impl<'s> Doors<'s> {
    pub(super) fn new(first: u16, doors: &'s mut [Door]) -> Self {
        doors.fill(Door::EMPTY);
        Self { first: first & !1, doors }
    }

    /// The slot of the stream that `port` belongs to, and its side there. Both ports of a pair lead there.
    pub(super) fn find(&self, port: u16) -> Option<(u32, Side)> {
        self.doors.get(self.place(port)?)?.leads()
    }

    /// Leads `port` to a side of the stream in `slot`; false, and nothing done, when it is odd, not in the table or
    /// taken.
    pub(super) fn open(&mut self, port: u16, slot: u32, side: Side) -> bool {
        let door = self.place(port).filter(|_| port & 1 == 0).and_then(|place| self.doors.get_mut(place));
        match (door.filter(|door| **door == Door::EMPTY), Door::to(slot, side)) {
            (Some(door), Some(there)) => {
                *door = there;
                true
            }
            _ => false,
        }
    }

    /// Leads `port` nowhere.
    pub(super) fn close(&mut self, port: u16) {
        if let Some(door) = self.place(port).and_then(|place| self.doors.get_mut(place)) {
            *door = Door::EMPTY;
        }
    }

    fn place(&self, port: u16) -> Option<usize> {
        Some(usize::from(port.checked_sub(self.first)? / 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ports_of_a_pair_lead_to_their_side() {
        let mut storage = [Door::EMPTY; 4];
        let mut doors = Doors::new(10_000, &mut storage);
        for (port, side) in [(10_006, Side::A), (10_000, Side::B), (10_004, Side::C)] {
            assert!(doors.open(port, 7, side));
            assert_eq!(doors.find(port), Some((7, side)));
            assert_eq!(doors.find(port + 1), Some((7, side)));
        }
        assert_eq!(doors.find(10_002), None);
        for outside in [0, 9_999, 10_008, u16::MAX] {
            assert_eq!(doors.find(outside), None, "{outside}");
        }
        doors.close(10_006);
        assert_eq!(doors.find(10_006), None);
        assert_eq!(doors.find(10_000), Some((7, Side::B)));
    }

    #[test]
    fn refuses_what_is_odd_outside_or_taken() {
        let mut storage = [Door::EMPTY; 4];
        let mut doors = Doors::new(10_000, &mut storage);
        assert!(doors.open(10_000, 0, Side::A));
        for port in [10_000, 10_005, 10_008, 9_998] {
            assert!(!doors.open(port, 1, Side::A), "{port}");
        }
        assert!(!doors.open(10_004, u32::MAX / 4, Side::A), "no such slot can be written down");
        assert!(doors.open(10_004, 1, Side::A));
    }
}
