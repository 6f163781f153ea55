//! An endpoint's audio: plays a tone as RTP, and keeps what comes back.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::io;

use tokio::net::UdpSocket;
use tokio::time::{MissedTickBehavior, interval};
use warmline_core::g711::Law;
use warmline_core::rtp::{Header, Reception};
use warmline_core::sdp::Session;
use warmline_core::sip::Message;

use super::tone::{PACKET, Sine, Sound, measure};

/// How long a packet is.
const PTIME: Duration = Duration::from_millis(20);

/// Packets played: 2 s.
pub(super) const PLAYED: u32 = 100;

/// Most audio that is kept: 10 s.
const MOST_KEPT: usize = 80_000;

/// How often a pair of ports is looked for.
const TRIES: usize = 100;

/// One end's audio.
pub(super) struct Audio {
    rtp: UdpSocket,
    /// What comes here is not looked at; bound, so that it reaches nobody else.
    _rtcp: std::net::UdpSocket,
    local: SocketAddr,
    /// Whom it talks to.
    peer: Option<SocketAddr>,
    law: Law,
    plays: f64,
    sent: u32,
    samples: Vec<i16>,
    foreign: u32,
    reception: Option<Reception>,
}

/// What one end played, and what it heard of the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard {
    /// Where it takes RTP.
    pub local: SocketAddr,
    /// Warmline's end of its leg.
    pub peer: Option<SocketAddr>,
    /// The only law it speaks.
    pub law: Law,
    /// The tone it plays, in hertz.
    pub plays: f64,
    /// Packets it sent.
    pub sent: u32,
    /// Packets it received in its law, from the address it was told.
    pub received: u32,
    /// Packets it received otherwise.
    pub foreign: u32,
    /// Packets that never came, by their sequence numbers.
    pub lost: u32,
    /// What it heard.
    pub sound: Sound,
}

impl Audio {
    /// Binds a pair of ports; needs a runtime around it.
    pub(super) fn bind(address: IpAddr, law: Law, plays: f64) -> io::Result<Self> {
        let (rtp, rtcp) = pair(address)?;
        rtp.set_nonblocking(true)?;
        let local = rtp.local_addr()?;
        Ok(Self {
            rtp: UdpSocket::from_std(rtp)?,
            _rtcp: rtcp,
            local,
            peer: None,
            law,
            plays,
            sent: 0,
            samples: Vec::with_capacity(MOST_KEPT),
            foreign: 0,
            reception: None,
        })
    }

    /// Its session description: one audio stream, one law.
    pub(super) fn describe(&self) -> String {
        let (address, port) = (self.local.ip(), self.local.port());
        let payload_type = self.law.payload_type();
        let name = name(self.law);
        format!(
            "v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP {payload_type}\r\na=rtpmap:{payload_type} {name}/8000\r\na=ptime:20\r\n\
             a=sendrecv\r\n"
        )
    }

    /// Where a message's session description wants audio in this law.
    pub(super) fn peer(&self, message: &Message<'_>) -> Option<SocketAddr> {
        let session = Session::parse(message.body()).ok()?;
        let media = session.media().iter().find(|media| media.is_audio() && media.port != 0)?;
        let speaks = media.payload_types().any(|payload_type| payload_type == self.law.payload_type());
        speaks.then_some(SocketAddr::new(media.address()?, media.port))
    }

    /// Plays the tone to `peer`, and listens until dropped.
    pub(super) async fn talk(&mut self, peer: SocketAddr) -> io::Result<()> {
        self.peer = Some(peer);
        let mut sine = Sine::new(self.plays);
        let mut tick = interval(PTIME);
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut packet = [0; 2048];
        loop {
            tokio::select! {
                _ = tick.tick(), if self.sent < PLAYED => self.play(&mut sine, peer).await?,
                received = self.rtp.recv_from(&mut packet) => {
                    let (len, from) = received?;
                    self.hear(packet.get(..len).unwrap_or_default(), from == peer);
                }
            }
        }
    }

    async fn play(&mut self, sine: &mut Sine, peer: SocketAddr) -> io::Result<()> {
        let [s1, s0] = u16::try_from(self.sent).unwrap_or(0).to_be_bytes();
        let [t3, t2, t1, t0] = (self.sent * PACKET as u32).to_be_bytes();
        let marker = if self.sent == 0 { 0x80 } else { 0 };
        let [r3, r2, r1, r0] = (self.plays as u32).to_be_bytes();
        let mut packet = vec![0x80, marker | self.law.payload_type(), s1, s0, t3, t2, t1, t0, r3, r2, r1, r0];
        packet.extend(sine.take(PACKET).map(|sample| self.law.encode(sample)));
        self.rtp.send_to(&packet, peer).await?;
        self.sent += 1;
        Ok(())
    }

    fn hear(&mut self, packet: &[u8], from_peer: bool) {
        let header =
            Header::parse(packet).ok().filter(|header| header.payload_type == self.law.payload_type());
        let Some(header) = header.filter(|_| from_peer) else {
            self.foreign += 1;
            return;
        };
        // Jitter is not looked at, so the time may stand still.
        let arrival = warmline_core::time::Instant::ZERO;
        match &mut self.reception {
            Some(reception) => {
                reception.receive(&header, arrival);
            }
            None => self.reception = Some(Reception::new(&header, arrival)),
        }
        if self.samples.len() < MOST_KEPT {
            let payload = packet.get(header.payload()).unwrap_or_default();
            self.samples.extend(payload.iter().map(|&code| self.law.decode(code)));
        }
    }

    /// What came of it, where `expected` is what the other end plays.
    pub(super) fn heard(&self, expected: f64) -> Heard {
        let reception = self.reception.as_ref();
        Heard {
            local: self.local,
            peer: self.peer,
            law: self.law,
            plays: self.plays,
            sent: self.sent,
            received: reception.map_or(0, Reception::received),
            foreign: self.foreign,
            lost: reception.map_or(0, Reception::lost),
            sound: measure(&self.samples, expected),
        }
    }
}

/// The law's name in session descriptions.
pub(super) const fn name(law: Law) -> &'static str {
    match law {
        Law::Mu => "PCMU",
        Law::A => "PCMA",
    }
}

/// Two sockets at an even port and the next.
fn pair(address: IpAddr) -> io::Result<(std::net::UdpSocket, std::net::UdpSocket)> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..TRIES {
        let rtp = std::net::UdpSocket::bind((address, 0))?;
        let port = rtp.local_addr()?.port();
        if port % 2 == 1 {
            continue;
        }
        match std::net::UdpSocket::bind((address, port + 1)) {
            Ok(rtcp) => return Ok((rtp, rtcp)),
            Err(error) => last = error,
        }
    }
    Err(last)
}
