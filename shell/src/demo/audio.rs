//! An endpoint's audio: plays its voice as RTP, and keeps what it hears.

use core::cell::{Cell, RefCell};
use core::convert::Infallible;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::io;
use std::time::Instant;

use tokio::net::UdpSocket;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval, timeout};
use warmline_core::g711::Law;
use warmline_core::rtp::Header;
use warmline_core::sdp::Session;
use warmline_core::sip::Message;

use super::Missing;
use super::ear::{Ear, Heard, Sound};
use super::tone::{PACKET, Sine};
use super::voice::Voice;

/// How long a packet is.
const PTIME: Duration = Duration::from_millis(20);

/// How long something is waited for that is to be heard: all that comes before it takes some 4 s.
const PATIENCE: Duration = Duration::from_secs(8);

/// How often a pair of ports is looked for.
const TRIES: usize = 100;

/// One end's audio.
pub(super) struct Audio {
    rtp: UdpSocket,
    /// What comes here is not looked at; bound, so that it reaches nobody else.
    _rtcp: std::net::UdpSocket,
    local: SocketAddr,
    law: Law,
    voice: Voice,
    /// When the scene began.
    start: Instant,
    /// Whom it talks to.
    peer: Cell<Option<SocketAddr>>,
    /// Packets that came from elsewhere, or are not what was agreed on.
    foreign: Cell<usize>,
    ear: RefCell<Ear>,
    heard: Notify,
}

impl Audio {
    /// Binds a pair of ports; needs a runtime around it.
    pub(super) fn bind(address: IpAddr, law: Law, voice: Voice, start: Instant) -> io::Result<Self> {
        let (rtp, rtcp) = pair(address)?;
        rtp.set_nonblocking(true)?;
        let local = rtp.local_addr()?;
        Ok(Self {
            rtp: UdpSocket::from_std(rtp)?,
            _rtcp: rtcp,
            local,
            law,
            voice,
            start,
            peer: Cell::new(None),
            foreign: Cell::new(0),
            ear: RefCell::default(),
            heard: Notify::new(),
        })
    }

    /// Its session description: one audio stream, one law.
    pub(super) fn describe(&self) -> String {
        let (address, port) = (self.local.ip(), self.local.port());
        let payload_type = self.law.payload_type();
        let name = match self.law {
            Law::Mu => "PCMU",
            Law::A => "PCMA",
        };
        format!(
            "v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP {payload_type}\r\na=rtpmap:{payload_type} {name}/8000\r\na=ptime:20\r\n\
             a=sendrecv\r\n"
        )
    }

    /// From now on it talks to whom a message's session description names.
    ///
    /// # Errors
    /// That it names nobody who speaks this law.
    pub(super) fn meet(&self, message: &Message<'_>) -> Result<(), Missing> {
        let peer = || {
            let session = Session::parse(message.body()).ok()?;
            let media = session.media().iter().find(|media| media.is_audio() && media.port != 0)?;
            let speaks = media.payload_types().any(|payload_type| payload_type == self.law.payload_type());
            speaks.then_some(SocketAddr::new(media.address()?, media.port))
        };
        self.peer.set(Some(peer().ok_or(Missing::Media)?));
        Ok(())
    }

    /// From now on it says nothing.
    pub(super) fn part(&self) {
        self.peer.set(None);
    }

    /// Plays while it has a peer, and listens, until it is dropped.
    pub(super) async fn run(&self) -> io::Result<Infallible> {
        let mut sine = Sine::new(self.voice.frequency());
        let mut sent = 0;
        let mut tick = interval(PTIME);
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut packet = [0; 2048];
        loop {
            tokio::select! {
                _ = tick.tick() => if let Some(peer) = self.peer.get() {
                    self.rtp.send_to(&self.packet(sent, &mut sine), peer).await?;
                    sent += 1;
                },
                received = self.rtp.recv_from(&mut packet) => {
                    let (len, from) = received?;
                    self.hear(packet.get(..len).unwrap_or_default(), from);
                }
            }
        }
    }

    fn packet(&self, number: u32, sine: &mut Sine) -> Vec<u8> {
        let [_, _, s1, s0] = number.to_be_bytes();
        let [t3, t2, t1, t0] = number.wrapping_mul(PACKET as u32).to_be_bytes();
        let marker = if number == 0 { 0x80 } else { 0 };
        let [r3, r2, r1, r0] = (self.voice.frequency() as u32).to_be_bytes();
        let mut packet = vec![0x80, marker | self.law.payload_type(), s1, s0, t3, t2, t1, t0, r3, r2, r1, r0];
        packet.extend(sine.take(PACKET).map(|sample| self.law.encode(sample)));
        packet
    }

    fn hear(&self, packet: &[u8], from: SocketAddr) {
        let Some(peer) = self.peer.get() else { return };
        let samples = Header::parse(packet).ok().and_then(|header| {
            let payload = packet.get(header.payload()).unwrap_or_default();
            let payload: &[u8; PACKET] = payload.try_into().ok()?;
            let agreed = from == peer && header.payload_type == self.law.payload_type();
            agreed.then(|| payload.map(|code| self.law.decode(code)))
        });
        match samples {
            Some(samples) => self.ear.borrow_mut().hear(self.start.elapsed(), &samples),
            None => self.foreign.set(self.foreign.get() + 1),
        }
        self.heard.notify_waiters();
    }

    /// Waits until these were heard in this order, the last of them for so many packets.
    ///
    /// # Errors
    /// That they were not.
    pub(super) async fn hears(&self, order: &[Sound], packets: usize) -> Result<(), Missing> {
        let heard = async {
            while !self.ear.borrow().has_heard(order, packets) {
                self.heard.notified().await;
            }
        };
        timeout(PATIENCE, heard)
            .await
            .map_err(|_| Missing::Unheard(order.last().map_or("nothing", |sound| sound.name())))
    }

    /// All that was heard, and how many packets it had not agreed on.
    pub(super) fn heard(&self) -> (Vec<Heard>, usize) {
        (self.ear.borrow().heard(), self.foreign.get())
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
