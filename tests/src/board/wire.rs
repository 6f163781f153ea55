//! What stood on the board's wire, in both directions, as QEMU wrote it down.

use core::net::Ipv4Addr;
use std::path::PathBuf;

/// Bytes before the first packet of a capture, and before each packet's bytes.
const FILE_HEADER: usize = 24;
const HEADER: usize = 16;

/// The frames that have passed.
#[derive(Debug)]
pub struct Wire {
    capture: PathBuf,
    board: [u8; 6],
}

/// An Ethernet frame.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Whether the board sent it.
    pub from_board: bool,
    /// Its bytes.
    pub bytes: Vec<u8>,
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
            let [a, b, c, d] = [header[8], header[9], header[10], header[11]];
            let len = u32::from_le_bytes([a, b, c, d]) as usize;
            // The last may still be being written.
            let Some((bytes, others)) = bytes.split_at_checked(len) else { break };
            let from_board = bytes.get(6..12) == Some(&self.board);
            packets.push(Packet { from_board, bytes: bytes.to_vec() });
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

    fn ethertype(&self) -> &[u8] {
        self.bytes.get(12..14).unwrap_or_default()
    }
}
