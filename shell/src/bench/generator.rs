//! The load: packets sent at a pace, or as fast as they come back, and what became of each.
//!
//! One thread and two sockets, one for each side of all sessions: so it costs half of what a relay does, and a relay
//! on another core is what is measured. It never sleeps.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io;
use std::net::UdpSocket;
use std::time::Instant;

use hdrhistogram::Histogram;
use socket2::SockRef;
use warmline_core::g711::Law;
use warmline_core::relay::{Peer, Side, TAILROOM};
use warmline_core::rtp::{Direction, Format, Profile};
use warmline_core::srtp::{Context, Suite};

use super::keys::peer_context;
use super::mark::{Ink, LEN, Mark};

/// RTP's header, and 20 ms of audio.
const HEADER: usize = 12;
const PACKET: usize = HEADER + 160;

/// Packets sent, or received of one socket, before the others' turn.
const TURN: usize = 32;

/// How much a socket is asked to hold; the system may give less.
const RECEIVE_BUFFER: usize = 4 << 20;

/// The longest delay that is told from longer ones, in nanoseconds.
const LONGEST: u64 = 10_000_000_000;

/// How long nothing may come before the rest is taken for lost.
const QUIET: Duration = Duration::from_millis(200);

pub(super) struct Generator {
    origin: Instant,
    ends: [End; 2],
    streams: Vec<Stream>,
    /// The peers' ends of SRTP, by stream: the sides of each session in turn. None where nothing is protected.
    contexts: Vec<Context>,
    /// Which stream goes to a relay's port: what comes from there is for that stream's end.
    by_port: Vec<Option<u16>>,
    run: u8,
    packet: [u8; PACKET + TAILROOM],
}

/// One side of all sessions.
struct End {
    socket: UdpSocket,
    address: SocketAddr,
    /// Takes RTCP, which is not looked at.
    rtcp: UdpSocket,
    law: Law,
    ink: Ink,
}

/// One way of a session.
struct Stream {
    /// Whose.
    end: usize,
    to: SocketAddr,
    sent: u32,
    /// The number of the latest packet that came, plus one.
    next: u32,
}

/// What became of a run's packets.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) sent: u64,
    pub(super) received: u64,
    /// Came after a later one of its stream, or twice.
    pub(super) disordered: u64,
    /// In nanoseconds.
    pub(super) delays: Histogram<u64>,
    /// How long packets were sent for.
    pub(super) time: Duration,
    /// How late packets were sent at the worst.
    pub(super) behind: Duration,
}

impl Generator {
    /// Sockets on both sides, which speak two laws or one.
    pub(super) fn new(two_laws: bool) -> io::Result<Self> {
        Ok(Self {
            origin: Instant::now(),
            ends: [End::new(Law::Mu)?, End::new(if two_laws { Law::A } else { Law::Mu })?],
            streams: vec![],
            contexts: vec![],
            by_port: vec![None; 1 << 16],
            run: 0,
            packet: [0; PACKET + TAILROOM],
        })
    }

    /// The peers of every session, seen from the relay.
    pub(super) fn peers(&self) -> [Peer; 2] {
        self.ends.each_ref().map(|end| {
            let format = Format::fixed(end.law);
            let profile = Profile {
                send: format,
                receive: [Some(format), None],
                event_send: Some(101),
                event_receive: Some(101),
                noise: None,
                ptime: 20,
            };
            let rtcp = end.rtcp.local_addr().unwrap_or(end.address);
            Peer::new(end.address, rtcp, profile, Direction::SendRecv)
        })
    }

    /// Sends to these ports of a relay, two a session.
    pub(super) fn aim(&mut self, ports: &[[u16; 2]]) {
        let stream = |end: usize, port: u16| Stream {
            end,
            to: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            sent: 0,
            next: 0,
        };
        self.streams = ports.iter().flat_map(|&[a, b]| [stream(0, a), stream(1, b)]).collect();
    }

    /// Has both ends of every session speak SRTP. They are aimed before.
    pub(super) fn protect(&mut self, suite: Suite) {
        let sides = (0..self.streams.len()).map(|stream| (stream / 2, [Side::A, Side::B][stream % 2]));
        self.contexts = sides.map(|(session, side)| peer_context(suite, session, side)).collect();
        for (number, stream) in (0..).zip(&self.streams) {
            self.by_port[usize::from(stream.to.port())] = Some(number);
        }
    }

    /// Sends from one socket to the other.
    pub(super) fn aim_at_itself(&mut self) {
        let [a, b] = self.ends.each_ref().map(|end| end.address);
        self.streams =
            vec![Stream { end: 0, to: b, sent: 0, next: 0 }, Stream { end: 1, to: a, sent: 0, next: 0 }];
    }

    /// Sends `rate` packets a second, whatever comes back.
    pub(super) fn paced(&mut self, rate: u32, time: Duration) -> io::Result<Run> {
        let mut run = self.begin()?;
        let start = Instant::now();
        loop {
            let elapsed = start.elapsed();
            if elapsed >= time {
                break;
            }
            let due = (elapsed.as_nanos() * u128::from(rate) / 1_000_000_000) as u64;
            let late = due.saturating_sub(run.sent);
            run.behind = run.behind.max(Duration::from_secs(late) / rate);
            for _ in 0..late.min(TURN as u64) {
                self.send(&mut run);
            }
            self.receive(&mut run)?;
        }
        run.time = start.elapsed();
        self.finish(&mut run)?;
        Ok(run)
    }

    /// Keeps so many packets on their way.
    pub(super) fn full(&mut self, in_flight: u64, time: Duration) -> io::Result<Run> {
        let mut run = self.begin()?;
        let start = Instant::now();
        let mut given_up = 0;
        let mut last = (start, 0);
        while start.elapsed() < time {
            let missing = run.sent - (run.received + given_up).min(run.sent);
            for _ in 0..in_flight.saturating_sub(missing).min(TURN as u64) {
                self.send(&mut run);
            }
            self.receive(&mut run)?;
            if run.received != last.1 {
                last = (Instant::now(), run.received);
            } else if last.0.elapsed() > QUIET {
                given_up = run.sent - run.received;
                last.0 = Instant::now();
            }
        }
        run.time = start.elapsed();
        self.finish(&mut run)?;
        Ok(run)
    }

    fn begin(&mut self) -> io::Result<Run> {
        self.run = self.run.wrapping_add(1);
        for stream in &mut self.streams {
            stream.next = stream.sent;
        }
        let delays = Histogram::new_with_bounds(1, LONGEST, 3).map_err(io::Error::other)?;
        Ok(Run { sent: 0, received: 0, disordered: 0, delays, time: Duration::ZERO, behind: Duration::ZERO })
    }

    /// Takes what is still on its way.
    fn finish(&mut self, run: &mut Run) -> io::Result<()> {
        let mut last = Instant::now();
        while run.received < run.sent && last.elapsed() < QUIET {
            let before = run.received;
            self.receive(run)?;
            if run.received != before {
                last = Instant::now();
            }
        }
        Ok(())
    }

    fn send(&mut self, run: &mut Run) {
        let number = (run.sent % self.streams.len() as u64) as usize;
        let stream = &mut self.streams[number];
        let end = &self.ends[stream.end];
        let sent = self.origin.elapsed().as_nanos() as u64;
        let (header, audio) = self.packet[..PACKET].split_at_mut(HEADER);
        let [_, _, s1, s0] = stream.sent.to_be_bytes();
        // The clock's own, so that however fast they go packets are never ahead of their time.
        let [t3, t2, t1, t0] = ((sent / 125_000) as u32).to_be_bytes();
        let [r1, r0] = (number as u16).to_be_bytes();
        header.copy_from_slice(&[0x80, end.law.payload_type(), s1, s0, t3, t2, t1, t0, 0, 0, r1, r0]);
        if let Some(place) = audio.first_chunk_mut::<LEN>() {
            end.ink.write(Mark { sent, number: stream.sent, stream: number as u16, run: self.run }, place);
        }
        stream.sent = stream.sent.wrapping_add(1);
        run.sent += 1;
        let len = match self.contexts.get_mut(number) {
            Some(context) => context.protect_rtp(&mut self.packet, PACKET).unwrap_or(PACKET),
            None => PACKET,
        };
        // What the system does not take is lost.
        let _ = end.socket.send_to(&self.packet[..len], stream.to);
    }

    fn receive(&mut self, run: &mut Run) -> io::Result<()> {
        let mut packet = [0; PACKET + TAILROOM + 1];
        for end in &self.ends {
            for _ in 0..TURN {
                let (len, from) = match end.socket.recv_from(&mut packet) {
                    Ok(received) => received,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                };
                let now = self.origin.elapsed().as_nanos() as u64;
                let stream = self.by_port.get(usize::from(from.port())).copied().flatten();
                let context = stream.and_then(|stream| self.contexts.get_mut(usize::from(stream)));
                let len = context.map_or(Ok(len), |context| context.unprotect_rtp(&mut packet[..len]));
                if len != Ok(PACKET) {
                    continue;
                }
                let Some(audio) = packet[HEADER..].first_chunk::<LEN>() else { continue };
                let mark = end.ink.read(audio);
                let Some(stream) = self.streams.get_mut(usize::from(mark.stream)) else { continue };
                if mark.run != self.run {
                    continue;
                }
                run.received += 1;
                run.disordered += u64::from(mark.number < stream.next);
                stream.next = stream.next.max(mark.number.wrapping_add(1));
                run.delays.saturating_record(now.saturating_sub(mark.sent).max(1));
            }
        }
        Ok(())
    }
}

impl End {
    fn new(law: Law) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.set_nonblocking(true)?;
        let rtcp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        Ok(Self { address: socket.local_addr()?, socket, rtcp, law, ink: Ink::new(law) })
    }
}
