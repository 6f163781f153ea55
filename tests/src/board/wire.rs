//! What stood on the board's wire, in both directions, as QEMU wrote it down.

use core::net::Ipv4Addr;
use core::time::Duration;
use std::path::PathBuf;

use warmline_core::g711::Law;

/// Bytes before the first packet of a capture, and before each packet's bytes.
const FILE_HEADER: usize = 24;
const HEADER: usize = 16;

/// Bytes of a frame before what its UDP datagram says: Ethernet's, IPv4's without options, UDP's.
const HEADERS: usize = 14 + 20 + 8;

/// The frames that have passed.
#[derive(Debug)]
pub struct Wire {
    capture: PathBuf,
    board: [u8; 6],
}

/// An Ethernet frame.
#[derive(Clone, Debug)]
pub struct Packet {
    /// When it passed, by a clock that begins whenever it does.
    pub at: Duration,
    /// Whether the board sent it.
    pub from_board: bool,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// 20 ms of G.711 in an RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audio<'a> {
    /// Its sequence number.
    pub number: u16,
    /// The law.
    pub law: Law,
    /// The 160 codes.
    pub codes: &'a [u8],
}

impl Wire {
    pub(super) const fn new(capture: PathBuf, board: [u8; 6]) -> Self {
        Self { capture, board }
    }

    /// All frames so far.
    ///
    /// # Panics
    /// When nothing was written down.
    pub fn packets(&self) -> Vec<Packet> {
        let file = std::fs::read(&self.capture).expect("QEMU writes down what it sees");
        let mut packets = Vec::new();
        let mut rest = file.get(FILE_HEADER..).unwrap_or_default();
        while let Some((header, bytes)) = rest.split_at_checked(HEADER) {
            let number =
                |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
            let at = Duration::new(number(0).into(), number(4) * 1_000);
            let len = number(8) as usize;
            // The last may still be being written.
            let Some((bytes, others)) = bytes.split_at_checked(len) else { break };
            let from_board = bytes.get(6..12) == Some(&self.board);
            packets.push(Packet { at, from_board, bytes: bytes.to_vec() });
            rest = others;
        }
        packets
    }

    /// All frames so far that the board sent.
    ///
    /// # Panics
    /// When nothing was written down.
    pub fn sent(&self) -> Vec<Packet> {
        self.packets().into_iter().filter(|packet| packet.from_board).collect()
    }
}

impl Packet {
    /// Whether a controller of that address takes it.
    pub fn is_for(&self, hardware: [u8; 6]) -> bool {
        !self.from_board && [hardware, [0xff; 6]].iter().any(|address| self.bytes.starts_with(address))
    }

    /// Whether it is ARP.
    pub fn is_arp(&self) -> bool {
        self.ethertype() == [8, 6]
    }

    /// Whom it asks for, if it is a question by ARP.
    pub fn asks_for(&self) -> Option<Ipv4Addr> {
        let question = self.bytes.get(20..22) == Some(&[0, 1]) && self.is_arp();
        Some(Ipv4Addr::from(*self.bytes.get(38..)?.first_chunk::<4>().filter(|_| question)?))
    }

    /// Whose IPv4 packet it is and for whom, if it is one.
    pub fn route(&self) -> Option<(Ipv4Addr, Ipv4Addr)> {
        let addresses = self.bytes.get(26..34).filter(|_| self.ethertype() == [8, 0])?;
        let (from, to) = addresses.split_first_chunk::<4>()?;
        Some((Ipv4Addr::from(*from), Ipv4Addr::from(*to.first_chunk::<4>()?)))
    }

    /// What it says, if it is an RTP packet of 20 ms.
    pub fn audio(&self) -> Option<Audio<'_>> {
        self.route()?;
        let ([flags, kind, high, low, ..], codes) = self.bytes.get(HEADERS..)?.split_first_chunk::<12>()?;
        let law = [Law::Mu, Law::A].into_iter().find(|law| law.payload_type() == kind & 0x7f)?;
        (*flags == 0x80 && codes.len() == 160).then_some(Audio {
            number: u16::from_be_bytes([*high, *low]),
            law,
            codes,
        })
    }

    /// Whether its bytes have this text in them.
    pub fn holds(&self, text: &str) -> bool {
        memchr::memmem::find(&self.bytes, text.as_bytes()).is_some()
    }

    fn ethertype(&self) -> &[u8] {
        self.bytes.get(12..14).unwrap_or_default()
    }
}
