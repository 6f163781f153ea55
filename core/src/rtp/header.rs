//! The header of an RTP packet (RFC 3550 section 5.1): read, and rewritten where it stands.

use core::fmt;
use core::ops::Range;

use super::{Seq, Timestamp};

/// What the header of one packet says. The packet's bytes stay where they are; what names parts of them takes them
/// again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Header {
    /// The marker: for audio, that this is the first packet after silence (RFC 3551 section 4.1).
    pub marker: bool,
    /// What the payload is, 0 to 127.
    pub payload_type: u8,
    /// Counts packets.
    pub seq: Seq,
    /// When the payload's first sample was taken.
    pub timestamp: Timestamp,
    /// Who sends.
    pub ssrc: u32,
    /// How many contributing sources follow.
    csrcs: u8,
    /// Whether an extension follows them.
    extension: bool,
    start: usize,
    end: usize,
}

/// Why bytes are not an RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Error {
    /// Fewer bytes than the header says it has.
    Short,
    /// The version is not 2.
    Version,
    /// The padding is longer than the payload, or says that it has no length.
    Padding,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "the packet is shorter than its header",
            Self::Version => "the version is not 2",
            Self::Padding => "the padding does not fit",
        })
    }
}

impl core::error::Error for Error {}

/// Length of the part every packet has.
const FIXED: usize = 12;
const EXTENSION: u8 = 0x10;
const PADDING: u8 = 0x20;
const MARKER: u8 = 0x80;

impl Header {
    /// Reads the header of one packet, a whole datagram.
    pub fn parse(packet: &[u8]) -> Result<Self, Error> {
        let &[flags, marked, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3] =
            packet.first_chunk::<FIXED>().ok_or(Error::Short)?;
        if flags >> 6 != 2 {
            return Err(Error::Version);
        }
        let mut header = Self {
            marker: marked & MARKER != 0,
            payload_type: marked & !MARKER,
            seq: Seq(u16::from_be_bytes([s0, s1])),
            timestamp: Timestamp(u32::from_be_bytes([t0, t1, t2, t3])),
            ssrc: u32::from_be_bytes([r0, r1, r2, r3]),
            csrcs: flags & 0x0f,
            extension: flags & EXTENSION != 0,
            start: FIXED,
            end: packet.len(),
        };
        if flags & 0x3f != 0 {
            header.delimit(flags, packet)?;
        }
        Ok(header)
    }

    /// Finds where the payload starts and ends when more than the fixed part surrounds it.
    fn delimit(&mut self, flags: u8, packet: &[u8]) -> Result<(), Error> {
        self.start = FIXED + 4 * usize::from(self.csrcs);
        if self.extension {
            let words = packet.get(self.start + 2..).and_then(<[u8]>::first_chunk).ok_or(Error::Short)?;
            self.start += 4 + 4 * usize::from(u16::from_be_bytes(*words));
        }
        let rest = packet.get(self.start..).ok_or(Error::Short)?;
        if flags & PADDING != 0 {
            let padding = rest.last().copied().map_or(0, usize::from);
            if padding == 0 || padding > rest.len() {
                return Err(Error::Padding);
            }
            self.end = packet.len().saturating_sub(padding);
        }
        Ok(())
    }

    /// Writes marker, payload type, sequence number, timestamp and SSRC over those of the packet this was read
    /// from. Everything else of it stays: contributing sources, extension, payload, padding.
    pub fn write(&self, packet: &mut [u8]) {
        let Some([_, marked, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3]) = packet.first_chunk_mut::<FIXED>()
        else {
            return;
        };
        *marked = (self.payload_type & !MARKER) | if self.marker { MARKER } else { 0 };
        [*s0, *s1] = self.seq.0.to_be_bytes();
        [*t0, *t1, *t2, *t3] = self.timestamp.0.to_be_bytes();
        [*r0, *r1, *r2, *r3] = self.ssrc.to_be_bytes();
    }

    /// Which bytes of the packet are its payload, padding left out.
    pub const fn payload(&self) -> Range<usize> {
        self.start..self.end
    }

    /// The sources that a mixer names as contributing to this packet.
    pub fn csrcs<'a>(&self, packet: &'a [u8]) -> impl Iterator<Item = u32> + use<'a> {
        let words = packet.get(FIXED..FIXED + 4 * usize::from(self.csrcs)).unwrap_or_default();
        words.as_chunks::<4>().0.iter().map(|&word| u32::from_be_bytes(word))
    }

    /// The extension's profile-defined 16 bits and its data (section 5.3.1), if it has one.
    pub fn extension<'a>(&self, packet: &'a [u8]) -> Option<(u16, &'a [u8])> {
        if !self.extension {
            return None;
        }
        let bytes = packet.get(FIXED + 4 * usize::from(self.csrcs)..self.start)?;
        let (&[p0, p1, _, _], data) = bytes.split_first_chunk::<4>()?;
        Some((u16::from_be_bytes([p0, p1]), data))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Marker, PCMU, 0x1234, 160, 0xdeadbeef, two CSRCs, an extension of one word, 3 bytes payload, 2 padding.
    const FULL: [u8; 33] = [
        0xb2, 0x80, 0x12, 0x34, 0, 0, 0, 160, 0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 1, 0, 0, 0, 2, 0xbe, 0xde, 0,
        1, 9, 8, 7, 6, 0xd5, 0x55, 0xd5, 0, 2,
    ];

    #[test]
    fn reads_every_part() {
        let header = Header::parse(&FULL).unwrap();
        assert!(header.marker);
        assert_eq!((header.payload_type, header.seq, header.timestamp), (0, Seq(0x1234), Timestamp(160)));
        assert_eq!(header.ssrc, 0xdead_beef);
        assert!(header.csrcs(&FULL).eq([1, 2]));
        assert_eq!(header.extension(&FULL), Some((0xbede, &[9, 8, 7, 6][..])));
        assert_eq!(FULL[header.payload()], [0xd5, 0x55, 0xd5]);
    }

    #[test]
    fn rewrites_in_place() {
        let mut packet = FULL;
        let mut header = Header::parse(&packet).unwrap();
        header.marker = false;
        header.payload_type = 8;
        header.seq = Seq(0xffff);
        header.timestamp = Timestamp(0x0102_0304);
        header.ssrc = 0x0506_0708;
        header.write(&mut packet);
        assert_eq!(packet[..12], [0xb2, 8, 0xff, 0xff, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(packet[12..], FULL[12..]);
        assert_eq!(Header::parse(&packet), Ok(header));
    }

    #[test]
    fn refuses_what_is_no_packet() {
        assert_eq!(Header::parse(&[]), Err(Error::Short));
        assert_eq!(Header::parse(&FULL[..11]), Err(Error::Short));
        assert_eq!(Header::parse(&FULL[..18]), Err(Error::Short), "in the CSRCs");
        assert_eq!(Header::parse(&FULL[..23]), Err(Error::Short), "in the extension's header");
        assert_eq!(Header::parse(&FULL[..27]), Err(Error::Short), "in the extension");
        assert_eq!(Header::parse(&[0x40; 12]), Err(Error::Version));
        for padding in [0, 6, 255] {
            let mut packet = FULL;
            packet[32] = padding;
            assert_eq!(Header::parse(&packet), Err(Error::Padding), "{padding}");
        }
        let mut packet = FULL;
        packet[32] = 5;
        assert!(Header::parse(&packet).unwrap().payload().is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..80), version in any::<bool>()) {
            let mut bytes = bytes;
            if let (true, Some(first)) = (version, bytes.first_mut()) {
                *first = 0x80 | (*first & 0x3f);
            }
            if let Ok(header) = Header::parse(&bytes) {
                prop_assert!(bytes.get(header.payload()).is_some());
                let _ = (header.csrcs(&bytes).count(), header.extension(&bytes));
                let before = bytes.clone();
                header.write(&mut bytes);
                prop_assert_eq!(bytes, before);
            }
        }
    }
}
