//! Its greeting, as RTP: a tone, from when it has answered until the call is over.

use core::net::SocketAddr;
use core::time::Duration;
use std::net::UdpSocket;
use std::time::Instant;

/// Bytes of audio in a packet.
const AUDIO: usize = 160;
const PTIME: Duration = Duration::from_millis(20);

/// One call's voice.
#[derive(Debug)]
pub(super) struct Greeting {
    socket: UdpSocket,
    to: SocketAddr,
    kind: u8,
    since: Instant,
    said: u16,
}

impl Greeting {
    /// Speaks from `socket` to `to` in PCMU (0) or PCMA (8).
    pub(super) fn new(socket: UdpSocket, to: SocketAddr, kind: u8) -> Self {
        Self { socket, to, kind, since: Instant::now(), said: 0 }
    }

    /// Says what is due, and counts what has been heard since.
    pub(super) fn go_on(&mut self) -> u64 {
        while self.since.elapsed() >= PTIME * u32::from(self.said) {
            let mut packet = [0; 12 + AUDIO];
            packet[0] = 0x80;
            packet[1] = self.kind | if self.said == 0 { 0x80 } else { 0 };
            packet[2..4].copy_from_slice(&self.said.to_be_bytes());
            packet[4..8].copy_from_slice(&(u32::from(self.said) * AUDIO as u32).to_be_bytes());
            packet[8..12].copy_from_slice(b"talk");
            for (at, byte) in packet[12..].iter_mut().enumerate() {
                // 500 Hz, of one loudness: a sign and a code that is loud in either law.
                *byte = if at / 8 % 2 == 0 { 0x9f } else { 0x1f };
            }
            // Whoever does not listen any more has hung up.
            let _ = self.socket.send_to(&packet, self.to);
            self.said += 1;
        }
        let mut buffer = [0; 2048];
        let mut heard = 0;
        while let Ok((len, _)) = self.socket.recv_from(&mut buffer) {
            heard += u64::from(len > 12);
        }
        heard
    }
}
