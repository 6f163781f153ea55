//! The numbers of a packet that wrap around.

/// An RTP sequence number: counts packets, modulo 2^16 (RFC 3550 section 5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Seq(pub u16);

impl Seq {
    /// The number `count` packets later.
    #[must_use]
    pub const fn plus(self, count: u16) -> Self {
        Self(self.0.wrapping_add(count))
    }

    /// How many packets this is after `earlier`; negative when it is before it. Unambiguous within 2^15 packets.
    pub const fn since(self, earlier: Self) -> i16 {
        self.0.wrapping_sub(earlier.0) as i16
    }
}

/// An RTP timestamp: counts samples, modulo 2^32 (RFC 3550 section 5.1). G.711 and its events count 8,000 a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Timestamp(pub u32);

impl Timestamp {
    /// The timestamp `samples` later.
    #[must_use]
    pub const fn plus(self, samples: u32) -> Self {
        Self(self.0.wrapping_add(samples))
    }

    /// How many samples this is after `earlier`; negative when it is before it. Unambiguous within 2^31 samples.
    pub const fn since(self, earlier: Self) -> i32 {
        self.0.wrapping_sub(earlier.0) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_have_a_sign_across_the_wrap() {
        assert_eq!(Seq(2).since(Seq(65_534)), 4);
        assert_eq!(Seq(65_534).since(Seq(2)), -4);
        assert_eq!(Seq(65_535).plus(2), Seq(1));
        assert_eq!(Timestamp(159).since(Timestamp(u32::MAX)), 160);
        assert_eq!(Timestamp(u32::MAX).since(Timestamp(159)), -160);
        assert_eq!(Timestamp(u32::MAX).plus(160), Timestamp(159));
    }
}
