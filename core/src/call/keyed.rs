//! What the relay was told of the keys of a call's sides.

use crate::relay::Side;

/// By side, what the relay was told of its keys.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Keyed {
    /// It protects the side's packets.
    secured: u8,
    /// It has the keys of the peer that it is to be pointed to next.
    told: u8,
}

impl Keyed {
    /// Whether it is to be told of keys, or that there are none, before it is pointed to a side's peer.
    pub(crate) const fn is_due(self, side: Side, keys: bool) -> bool {
        (keys || self.secured & bit(side) != 0) && self.told & bit(side) == 0
    }

    /// It is told.
    pub(crate) const fn tell(&mut self, side: Side, keys: bool) {
        self.told |= bit(side);
        self.secured = if keys { self.secured | bit(side) } else { self.secured & !bit(side) };
    }

    /// It is pointed to the peer, or there are other keys to be told of before.
    pub(crate) const fn expire(&mut self, side: Side) {
        self.told &= !bit(side);
    }
}

const fn bit(side: Side) -> u8 {
    1 << side.index()
}
