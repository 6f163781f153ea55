//! Its greeting, as RTP: a tone, from when it has answered until the call is over.

use core::net::SocketAddr;
use core::time::Duration;
use std::net::UdpSocket;
use std::time::Instant;

/// The payload type of its telephone-events.
const EVENTS: u8 = 101;

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
    /// The timestamp of the last event.
    event: Option<[u8; 4]>,
}

/// What has been heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Packets of audio.
    pub packets: u64,
    /// Those of them in which its own tone comes back.
    pub own: u64,
    /// The keys that were pressed.
    pub digits: String,
}

impl Greeting {
    /// Speaks from `socket` to `to` in PCMU (0) or PCMA (8).
    pub(super) fn new(socket: UdpSocket, to: SocketAddr, kind: u8) -> Self {
        Self { socket, to, kind, since: Instant::now(), said: 0, event: None }
    }

    /// Says what is due, and takes in what has been heard since.
    pub(super) fn go_on(&mut self, heard: &mut Heard) {
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
        while let Ok((len, _)) = self.socket.recv_from(&mut buffer) {
            if let Some((header, body)) = buffer[..len].split_first_chunk::<12>() {
                self.hear(header, body, heard);
            }
        }
    }

    fn hear(&mut self, header: &[u8; 12], body: &[u8], heard: &mut Heard) {
        if header[1] & 0x7f != EVENTS {
            heard.packets += 1;
            // In either law the sign is the first bit.
            let changes = body.windows(2).filter(|pair| (pair[0] ^ pair[1]) & 0x80 != 0).count();
            heard.own += u64::from(body.len() == AUDIO && (18..=22).contains(&changes));
            return;
        }
        // RFC 4733 section 2.3: all packets of one event have its beginning's timestamp.
        let stamp = [header[4], header[5], header[6], header[7]];
        if let [event, ..] = body
            && self.event.replace(stamp) != Some(stamp)
        {
            heard.digits.push(*b"0123456789*#ABCD".get(usize::from(*event)).unwrap_or(&b'?') as char);
        }
    }
}
