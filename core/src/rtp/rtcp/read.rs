//! Reading a datagram of RTCP.

use core::fmt;

use super::{BYE, Ntp, RR, ReportBlock, SDES, SR, SenderInfo};
use crate::rtp::Timestamp;

/// One datagram: packets one after the other, the first a report.
#[derive(Clone, Copy, Debug)]
pub struct Compound<'a>(&'a [u8]);

/// Why bytes are not an RTCP datagram (the checks of RFC 3550 section A.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Error {
    /// The packets' lengths do not add up to the datagram's.
    Length,
    /// A packet's version is not 2.
    Version,
    /// The first packet is neither a sender nor a receiver report, or is padded.
    First,
    /// A report is shorter than what it says it holds.
    Short,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "the packets' lengths do not add up",
            Self::Version => "the version is not 2",
            Self::First => "the first packet is no report",
            Self::Short => "a report is shorter than it says",
        })
    }
}

impl core::error::Error for Error {}

/// One packet of a datagram.
#[derive(Clone, Debug)]
pub enum Packet<'a> {
    /// From one who sends RTP (section 6.4.1).
    SenderReport {
        /// Who.
        ssrc: u32,
        /// What it says of itself.
        info: SenderInfo,
        /// What it says of others.
        blocks: Blocks<'a>,
    },
    /// From one who sends no RTP (section 6.4.2).
    ReceiverReport {
        /// Who.
        ssrc: u32,
        /// What it says of others.
        blocks: Blocks<'a>,
    },
    /// What sources are called (section 6.5).
    Sdes(SdesItems<'a>),
    /// Who leaves (section 6.6). A reason that may follow is not read.
    Bye {
        /// The first source that leaves.
        ssrc: u32,
    },
    /// Anything else.
    Other {
        /// Its packet type.
        packet_type: u8,
    },
}

/// A packet's frame: its common header, and what follows it.
struct Frame<'a> {
    count: u8,
    padded: bool,
    packet_type: u8,
    body: &'a [u8],
}

/// Cuts the first packet off.
fn frame(bytes: &[u8]) -> Result<(Frame<'_>, &[u8]), Error> {
    let (&[flags, packet_type, l0, l1], rest) = bytes.split_first_chunk().ok_or(Error::Length)?;
    if flags >> 6 != 2 {
        return Err(Error::Version);
    }
    let words = usize::from(u16::from_be_bytes([l0, l1]));
    let (body, rest) = rest.split_at_checked(4 * words).ok_or(Error::Length)?;
    Ok((Frame { count: flags & 0x1f, padded: flags & 0x20 != 0, packet_type, body }, rest))
}

impl<'a> Compound<'a> {
    /// Checks a whole datagram.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Error> {
        let (first, _) = frame(datagram)?;
        if first.padded || !matches!(first.packet_type, SR | RR) {
            return Err(Error::First);
        }
        let mut rest = datagram;
        while !rest.is_empty() {
            let (frame, following) = frame(rest)?;
            let fixed = match frame.packet_type {
                SR => 24,
                RR => 4,
                _ => 0,
            };
            if fixed > 0 && frame.body.len() < fixed + 24 * usize::from(frame.count) {
                return Err(Error::Short);
            }
            rest = following;
        }
        Ok(Self(datagram))
    }

    /// Its packets, in order.
    pub fn packets(&self) -> impl Iterator<Item = Packet<'a>> + use<'a> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (frame, following) = frame(rest).ok()?;
            rest = following;
            Some(frame.packet())
        })
    }
}

impl<'a> Frame<'a> {
    fn packet(self) -> Packet<'a> {
        let other = Packet::Other { packet_type: self.packet_type };
        match self.packet_type {
            SR => self.sender_report().unwrap_or(other),
            RR => match word(self.body) {
                Some((ssrc, blocks)) => {
                    Packet::ReceiverReport { ssrc, blocks: Blocks::new(self.count, blocks) }
                }
                None => other,
            },
            SDES => Packet::Sdes(SdesItems { rest: self.body, chunks: self.count, ssrc: None }),
            BYE if self.count > 0 => word(self.body).map_or(other, |(ssrc, _)| Packet::Bye { ssrc }),
            _ => other,
        }
    }

    fn sender_report(&self) -> Option<Packet<'a>> {
        let (ssrc, rest) = word(self.body)?;
        let (seconds, rest) = word(rest)?;
        let (fraction, rest) = word(rest)?;
        let (timestamp, rest) = word(rest)?;
        let (packets, rest) = word(rest)?;
        let (octets, rest) = word(rest)?;
        let ntp = Ntp(u64::from(seconds) << 32 | u64::from(fraction));
        let info = SenderInfo { ntp, timestamp: Timestamp(timestamp), packets, octets };
        Some(Packet::SenderReport { ssrc, info, blocks: Blocks::new(self.count, rest) })
    }
}

fn word(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (word, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(*word), rest))
}

/// The report blocks of one report.
#[derive(Clone, Debug)]
pub struct Blocks<'a>(core::slice::Iter<'a, [u8; 24]>);

impl<'a> Blocks<'a> {
    fn new(count: u8, bytes: &'a [u8]) -> Self {
        let (blocks, _) = bytes.as_chunks();
        Self(blocks.get(..usize::from(count)).unwrap_or(blocks).iter())
    }
}

impl Iterator for Blocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        let (ssrc, rest) = word(self.0.next()?)?;
        let (lost, rest) = word(rest)?;
        let (highest, rest) = word(rest)?;
        let (jitter, rest) = word(rest)?;
        let (last_sr, rest) = word(rest)?;
        let (delay, _) = word(rest)?;
        // Shifted up and down again, 24 bits keep their sign.
        let (fraction_lost, lost) = ((lost >> 24) as u8, (lost << 8) as i32 >> 8);
        Some(ReportBlock { ssrc, fraction_lost, lost, highest, jitter, last_sr, delay })
    }
}

/// The items of one SDES packet: source, kind of item ([`CNAME`](super::CNAME), ...), text. Ends early where the
/// packet is cut short.
#[derive(Clone, Debug)]
pub struct SdesItems<'a> {
    rest: &'a [u8],
    /// Chunks that have not started.
    chunks: u8,
    /// The chunk that is being read.
    ssrc: Option<u32>,
}

impl<'a> Iterator for SdesItems<'a> {
    type Item = (u32, u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(ssrc) = self.ssrc else {
                self.chunks = self.chunks.checked_sub(1)?;
                let (ssrc, rest) = word(self.rest)?;
                (self.ssrc, self.rest) = (Some(ssrc), rest);
                continue;
            };
            let (&kind, after) = self.rest.split_first()?;
            if kind == 0 {
                // The packet is a multiple of four bytes, so what is left says how many zeros end the chunk.
                let zeros = match self.rest.len() % 4 {
                    0 => 4,
                    odd => odd,
                };
                (self.ssrc, self.rest) = (None, self.rest.get(zeros..)?);
                continue;
            }
            let (&len, after) = after.split_first()?;
            let (text, after) = after.split_at_checked(len.into())?;
            self.rest = after;
            return Some((ssrc, kind, text));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::rtp::rtcp::{CNAME, Writer};

    /// A sender report with one block, as a program sent it.
    const REPORT: [u8; 52] = [
        0x81, 200, 0, 12, 0x66, 0xf0, 0x0c, 0x9a, 0xe7, 0x96, 0x98, 0x1d, 0x7b, 0xc3, 0xf8, 0x11, 0, 8, 0xe7,
        0x2e, 0, 0, 0, 0x93, 0, 1, 0xef, 0x45, 0x73, 0x33, 0x21, 0x66, 0x40, 0xff, 0xff, 0xfe, 0, 1, 0x54,
        0xd5, 0, 0, 0, 9, 1, 2, 3, 4, 0, 1, 0, 0,
    ];

    #[test]
    fn reads_a_sender_report() {
        let compound = Compound::parse(&REPORT).unwrap();
        let mut packets = compound.packets();
        let Some(Packet::SenderReport { ssrc, info, mut blocks }) = packets.next() else { panic!() };
        assert_eq!(ssrc, 0x66f0_0c9a);
        assert_eq!(info.ntp, Ntp(0xe796_981d_7bc3_f811));
        assert_eq!((info.timestamp, info.packets, info.octets), (Timestamp(0x8_e72e), 0x93, 0x1_ef45));
        let block = ReportBlock {
            ssrc: 0x7333_2166,
            fraction_lost: 64,
            lost: -2,
            highest: 0x1_54d5,
            jitter: 9,
            last_sr: 0x0102_0304,
            delay: 0x1_0000,
        };
        assert_eq!(blocks.next(), Some(block));
        assert_eq!(blocks.next(), None);
        assert!(packets.next().is_none());
    }

    #[test]
    fn skips_what_it_does_not_know() {
        let mut bytes = Vec::from([0x80, 201, 0, 1, 0, 0, 0, 5, 0x8f, 207, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8]);
        bytes.extend([0x82, 203, 0, 2, 0, 0, 0, 5, 0, 0, 0, 6]);
        let packets: Vec<_> = Compound::parse(&bytes).unwrap().packets().collect();
        assert!(matches!(packets[0], Packet::ReceiverReport { ssrc: 5, .. }));
        assert!(matches!(packets[1], Packet::Other { packet_type: 207 }));
        assert!(matches!(packets[2], Packet::Bye { ssrc: 5 }));
        assert_eq!(packets.len(), 3);
    }

    #[test]
    fn reads_items_of_several_chunks() {
        let mut bytes = Vec::from([0x80, 201, 0, 1, 0, 0, 0, 5, 0x82, 202, 0, 6]);
        bytes.extend([0, 0, 0, 5, 1, 2, b'm', b'e', 2, 2, b'I', b'!', 0, 0, 0, 0]);
        bytes.extend([0, 0, 0, 6, 1, 1, b'x', 0]);
        let packets: Vec<_> = Compound::parse(&bytes).unwrap().packets().collect();
        let Packet::Sdes(items) = &packets[1] else { panic!() };
        let items: Vec<_> = items.clone().collect();
        assert_eq!(items, [(5, CNAME, &b"me"[..]), (5, 2, b"I!"), (6, CNAME, b"x")]);
    }

    #[test]
    fn refuses_what_is_no_datagram() {
        let refused = |bytes: &[u8]| Compound::parse(bytes).map(|_| ()).unwrap_err();
        assert_eq!(refused(&[]), Error::Length);
        assert_eq!(refused(&REPORT[..48]), Error::Length);
        assert_eq!(refused(&[0x80, 201, 0, 1, 0, 0, 0, 5, 0x80]), Error::Length);
        assert_eq!(refused(&[0x80, 201, 0, 1, 0, 0, 0, 5, 0x40, 203, 0, 0]), Error::Version);
        assert_eq!(refused(&[0x81, 203, 0, 1, 0, 0, 0, 5]), Error::First);
        assert_eq!(refused(&[0xa0, 201, 0, 1, 0, 0, 0, 5]), Error::First);
        assert_eq!(refused(&[0x81, 201, 0, 1, 0, 0, 0, 5]), Error::Short);
        assert_eq!(refused(&[0x80, 200, 0, 1, 0, 0, 0, 5]), Error::Short);
    }

    proptest! {
        #[test]
        fn any_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            // As they are, and behind a report so that they are read at all.
            let mut whole = Vec::from([0x80, 201, 0, 1, 0, 0, 0, 5]);
            let aligned = bytes.len() & !3;
            whole.extend([0x80 | bytes.len() as u8 & 0x1f, 200 + (bytes.len() % 5) as u8, 0, (aligned / 4) as u8]);
            whole.extend(&bytes[..aligned]);
            for datagram in [&bytes, &whole] {
                let Ok(compound) = Compound::parse(datagram) else { continue };
                for packet in compound.packets() {
                    match packet {
                        Packet::SenderReport { blocks, .. } | Packet::ReceiverReport { blocks, .. } => {
                            prop_assert!(blocks.count() <= 31);
                        }
                        Packet::Sdes(items) => prop_assert!(items.count() <= datagram.len()),
                        Packet::Bye { .. } | Packet::Other { .. } => {}
                    }
                }
            }
        }

        #[test]
        fn what_is_written_is_read(
            (ssrc, ntp, timestamp, packets, octets) in any::<(u32, u64, u32, u32, u32)>(),
            (about, fraction_lost, lost, highest) in (any::<u32>(), any::<u8>(), -0x80_0000..0x80_0000i32, any::<u32>()),
            (jitter, last_sr, delay) in any::<(u32, u32, u32)>(),
            name in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let told = SenderInfo { ntp: Ntp(ntp), timestamp: Timestamp(timestamp), packets, octets };
            let block = ReportBlock { ssrc: about, fraction_lost, lost, highest, jitter, last_sr, delay };
            let mut buffer = [0; 256];
            let mut writer = Writer::new(&mut buffer);
            writer.sender_report(ssrc, &told, &[block]).receiver_report(ssrc, &[block]).cname(ssrc, &name).bye(ssrc);
            let len = writer.finish().unwrap();
            let packets: Vec<_> = Compound::parse(&buffer[..len]).unwrap().packets().collect();
            prop_assert_eq!(packets.len(), 4);
            let Packet::SenderReport { ssrc: by, info, blocks } = &packets[0] else { panic!() };
            prop_assert_eq!((*by, *info), (ssrc, told));
            prop_assert!(blocks.clone().eq([block]));
            let Packet::ReceiverReport { blocks, .. } = &packets[1] else { panic!() };
            prop_assert!(blocks.clone().eq([block]));
            let Packet::Sdes(items) = &packets[2] else { panic!() };
            prop_assert!(items.clone().eq([(ssrc, CNAME, &name[..])]));
            let Packet::Bye { ssrc: by } = packets[3] else { panic!() };
            prop_assert_eq!(by, ssrc);
        }
    }
}
