//! RTCP: what the two ends of a stream tell each other about it (RFC 3550 section 6).

mod read;
mod write;

pub use read::{Blocks, Compound, Error, Packet, SdesItems};
pub use write::Writer;

use crate::time::{Instant, Utc};

/// Packet types (RFC 3550 section 12.1).
const SR: u8 = 200;
const RR: u8 = 201;
const SDES: u8 = 202;
const BYE: u8 = 203;

/// Whether a datagram at a port that RTP and RTCP share is RTCP, by its second byte: 192 to 223, which as RTP would be
/// the payload types 64 to 95 (RFC 5761 section 4).
pub fn looks_like(datagram: &[u8]) -> bool {
    datagram.get(1).is_some_and(|kind| (192..=223).contains(kind))
}

/// The SDES item that every source must send (RFC 3550 section 6.5.1).
pub const CNAME: u8 = 1;

/// A time as reports carry it: seconds since 1900 in the upper 32 bits, and their fraction (RFC 3550 section 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ntp(pub u64);

impl Ntp {
    /// Seconds from 1900 to 1970.
    const EPOCH: u64 = 2_208_988_800;

    /// Civil time where there is one, else time since the caller's origin (RFC 3550 section 6.4.1 allows either).
    pub const fn new(now: Instant, utc: Option<Utc>) -> Self {
        let (micros, epoch) = match utc {
            Some(Utc(micros)) if micros > 0 => (micros as u64, Self::EPOCH),
            Some(_) => (0, Self::EPOCH),
            None => (now.as_micros(), 0),
        };
        let seconds = (micros / 1_000_000).wrapping_add(epoch);
        let fraction = ((micros % 1_000_000) << 32) / 1_000_000;
        Self(seconds << 32 | fraction)
    }

    /// Its middle 32 bits: 1/65536 s, as the time of the last report is told back.
    pub const fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

/// What a sender says of itself in its report (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SenderInfo {
    /// When it was sent.
    pub ntp: Ntp,
    /// The same time as an RTP timestamp of the source.
    pub timestamp: super::Timestamp,
    /// RTP packets sent so far.
    pub packets: u32,
    /// Their payload bytes.
    pub octets: u32,
}

/// What a receiver says of one source (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ReportBlock {
    /// The source.
    pub ssrc: u32,
    /// 256ths of the packets lost since the last report.
    pub fraction_lost: u8,
    /// Packets lost since it was first heard; 24 bits, negative where more came than were sent.
    pub lost: i32,
    /// The highest sequence number, extended by the number of times they wrapped.
    pub highest: u32,
    /// Interarrival jitter in timestamp units.
    pub jitter: u32,
    /// The middle of the source's last sender report's time; 0 for none.
    pub last_sr: u32,
    /// How long ago that came, in 1/65536 s; 0 for none.
    pub delay: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_counts_from_1900() {
        let utc = Some(Utc(1_795_000_000_500_000));
        assert_eq!(Ntp::new(Instant::ZERO, utc).0, (1_795_000_000 + 2_208_988_800) << 32 | 0x8000_0000);
        assert_eq!(Ntp::new(Instant::from_micros(1_250_000), None).0, 1 << 32 | 0x4000_0000);
        assert_eq!(Ntp::new(Instant::from_micros(1_250_000), None).middle(), 0x0001_4000);
        assert_eq!(Ntp::new(Instant::ZERO, Some(Utc(i64::MIN))).0, 2_208_988_800 << 32);
    }
}
