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

    /// Leads `ports` to the sides of the stream in `slot`; false, and nothing done, when a port is odd, not in the
    /// table or taken.
    pub(super) fn open(&mut self, ports: [u16; 2], slot: u32) -> bool {
        let [a, b] = ports;
        let (Some(to_a), Some(to_b)) = (Door::to(slot, Side::A), Door::to(slot, Side::B)) else {
            return false;
        };
        let (Some(at_a), Some(at_b)) = (self.place(a), self.place(b)) else { return false };
        match self.doors.get_disjoint_mut([at_a, at_b]) {
            Ok([a_door, b_door])
                if a & 1 == 0 && b & 1 == 0 && *a_door == Door::EMPTY && *b_door == Door::EMPTY =>
            {
                (*a_door, *b_door) = (to_a, to_b);
                true
            }
            _ => false,
        }
    }

    /// Leads both ports nowhere.
    pub(super) fn close(&mut self, ports: [u16; 2]) {
        for port in ports {
            let place = self.place(port);
            if let Some(door) = place.and_then(|place| self.doors.get_mut(place)) {
                *door = Door::EMPTY;
            }
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
        assert!(doors.open([10_006, 10_000], 7));
        assert_eq!(doors.find(10_000), Some((7, Side::B)));
        assert_eq!(doors.find(10_001), Some((7, Side::B)));
        assert_eq!(doors.find(10_007), Some((7, Side::A)));
        assert_eq!(doors.find(10_002), None);
        for outside in [0, 9_999, 10_008, u16::MAX] {
            assert_eq!(doors.find(outside), None, "{outside}");
        }
        doors.close([10_006, 10_000]);
        assert_eq!(doors.find(10_000), None);
        assert_eq!(doors.find(10_006), None);
    }

    #[test]
    fn refuses_what_is_odd_outside_or_taken() {
        let mut storage = [Door::EMPTY; 4];
        let mut doors = Doors::new(10_000, &mut storage);
        assert!(doors.open([10_000, 10_002], 0));
        for ports in [[10_004, 10_004], [10_005, 10_006], [10_004, 10_002], [10_004, 10_008], [9_998, 10_004]]
        {
            assert!(!doors.open(ports, 1), "{ports:?}");
        }
        assert!(!doors.open([10_004, 10_006], u32::MAX / 4), "no such slot can be written down");
        assert!(doors.open([10_004, 10_006], 1));
    }
}
