//! The load of calls: a caller and a target on one thread, which never sleeps.
//!
//! Neither repeats a message: one that is lost is a call that failed. They read no more of a message than they need,
//! and so cost less than what is measured.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::UdpSocket;
use std::time::Instant;

use hdrhistogram::Histogram;
use socket2::SockRef;

/// Messages sent, or received of one socket, before the others' turn.
const TURN: usize = 16;

/// How much a socket is asked to hold; the system may give less.
const RECEIVE_BUFFER: usize = 8 << 20;

/// The longest setup that is told from longer ones, in microseconds.
const LONGEST: u64 = 60_000_000;

/// How long nothing may happen before the rest is taken for failed.
const QUIET: Duration = Duration::from_secs(3);

const CALLER: Ipv4Addr = Ipv4Addr::LOCALHOST;
const TARGET: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A caller who calls Warmline, and a target that it rings.
pub(super) struct Peers {
    caller: UdpSocket,
    target: UdpSocket,
    calling: SocketAddr,
    called: SocketAddr,
    run: u32,
}

/// What became of a run's calls.
pub(super) struct Run {
    pub(super) calls: u32,
    /// Answered by the target, and over with a 200 to the caller's BYE.
    pub(super) completed: u32,
    /// From INVITE to its 200, in microseconds.
    pub(super) delays: Histogram<u64>,
    /// From the first INVITE to the last.
    pub(super) time: Duration,
    /// How late an INVITE was sent at the worst.
    pub(super) behind: Duration,
    /// The latest failure's status; none where it was silence.
    pub(super) refused: Option<u16>,
}

/// How many calls, how fast, and how long each is held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) calls: u32,
    pub(super) rate: u32,
    pub(super) hold: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Calling,
    Answered,
    Over,
}

/// One run under way.
struct Calls<'p> {
    peers: &'p Peers,
    warmline: SocketAddr,
    load: Load,
    start: Instant,
    /// How far each has come, and when its INVITE was sent, in microseconds from the start.
    states: Vec<(State, u64)>,
    /// Answered calls, when each is hung up, and its To.
    held: VecDeque<(Duration, u32, Vec<u8>)>,
    over: u32,
    run: Run,
    out: Vec<u8>,
}

impl Peers {
    pub(super) fn new() -> io::Result<Self> {
        let (caller, target) = (bind(CALLER)?, bind(TARGET)?);
        let (calling, called) = (caller.local_addr()?, target.local_addr()?);
        Ok(Self { caller, target, calling, called, run: 0 })
    }

    /// Where the target is.
    pub(super) const fn called(&self) -> SocketAddr {
        self.called
    }

    /// Places calls at `warmline`; `watch` hears now and then how many are over.
    pub(super) fn call(
        &mut self,
        warmline: SocketAddr,
        load: Load,
        watch: &mut dyn FnMut(u32),
    ) -> io::Result<Run> {
        self.run += 1;
        let delays = Histogram::new_with_bounds(1, LONGEST, 3).map_err(io::Error::other)?;
        let (time, behind) = (Duration::ZERO, Duration::ZERO);
        let run = Run { calls: load.calls, completed: 0, delays, time, behind, refused: None };
        // Touched now, so that what grows during a run is not the generator's.
        let mut states = vec![(State::Over, 0); load.calls as usize];
        states.clear();
        let mut calls = Calls {
            peers: self,
            warmline,
            load,
            start: Instant::now(),
            states,
            held: VecDeque::new(),
            over: 0,
            run,
            out: Vec::with_capacity(2048),
        };
        calls.go(watch)?;
        Ok(calls.run)
    }
}

impl Calls<'_> {
    fn go(&mut self, watch: &mut dyn FnMut(u32)) -> io::Result<()> {
        let mut last = (Instant::now(), 0);
        while self.over < self.load.calls && last.0.elapsed() < QUIET {
            self.call()?;
            self.hang_up()?;
            for _ in 0..TURN {
                if !self.hear_caller()? {
                    break;
                }
            }
            for _ in 0..TURN {
                if !self.hear_target()? {
                    break;
                }
            }
            let news = self.over as usize + self.states.len() + self.held.len();
            if news != last.1 || !self.held.is_empty() {
                last = (Instant::now(), news);
                watch(self.over);
            }
        }
        Ok(())
    }

    /// Places the calls that are due.
    fn call(&mut self) -> io::Result<()> {
        let elapsed = self.start.elapsed();
        let due = elapsed.as_nanos() * u128::from(self.load.rate) / 1_000_000_000;
        let due = due.min(u128::from(self.load.calls)) as usize;
        let late = due.saturating_sub(self.states.len());
        self.run.behind = self.run.behind.max(Duration::from_secs(late as u64) / self.load.rate);
        for _ in 0..late.min(TURN) {
            let number = self.states.len() as u32;
            self.write_invite(number)?;
            self.states.push((State::Calling, self.start.elapsed().as_micros() as u64));
            self.send(&self.peers.caller);
            self.run.time = self.start.elapsed();
        }
        Ok(())
    }

    /// Hangs up those that were held for long enough.
    fn hang_up(&mut self) -> io::Result<()> {
        while self.held.front().is_some_and(|(at, ..)| *at <= self.start.elapsed()) {
            let Some((_, number, to)) = self.held.pop_front() else { break };
            self.write_within("BYE", number, 2, "b", &to)?;
            self.send(&self.peers.caller);
        }
        Ok(())
    }

    /// Whether something came to the caller.
    fn hear_caller(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        let Some(message) = receive(&self.peers.caller, &mut buffer)? else { return Ok(false) };
        let Some(number) = number(message, self.peers.run) else { return Ok(true) };
        let Some(&(state, sent)) = self.states.get(number as usize) else { return Ok(true) };
        let status = status(message);
        let invite = field(message, b"\r\nCSeq: ").ends_with(b"INVITE");
        let to = field(message, b"\r\nTo: ").to_vec();
        match (invite, status, state) {
            (_, 0..200, _) => {}
            (true, 200..300, State::Calling) => {
                let delay = self.start.elapsed().as_micros() as u64 - sent;
                self.run.delays.saturating_record(delay.max(1));
                self.write_within("ACK", number, 1, "a", &to)?;
                self.send(&self.peers.caller);
                self.set(number, State::Answered);
                self.held.push_back((self.start.elapsed() + self.load.hold, number, to));
            }
            (true, 200..300, _) => {
                self.write_within("ACK", number, 1, "a", &to)?;
                self.send(&self.peers.caller);
            }
            (true, ..) => {
                self.write_within("ACK", number, 1, "i", &to)?;
                self.send(&self.peers.caller);
                self.run.refused = Some(status);
                self.end(number);
            }
            (false, 200..300, State::Answered) => {
                self.run.completed += 1;
                self.end(number);
            }
            (false, ..) => {
                self.run.refused = Some(status);
                self.end(number);
            }
        }
        Ok(true)
    }

    /// Whether something came to the target. It rings and answers at once, and remembers nothing.
    fn hear_target(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        let Some(message) = receive(&self.peers.target, &mut buffer)? else { return Ok(false) };
        if message.starts_with(b"INVITE ") {
            self.write_response("180 Ringing", message, false)?;
            self.send(&self.peers.target);
            self.write_response("200 OK", message, true)?;
            self.send(&self.peers.target);
        } else if message.starts_with(b"BYE ") {
            self.write_response("200 OK", message, false)?;
            self.send(&self.peers.target);
        }
        Ok(true)
    }

    fn set(&mut self, number: u32, state: State) {
        if let Some(place) = self.states.get_mut(number as usize) {
            place.0 = state;
        }
    }

    fn end(&mut self, number: u32) {
        if self.states.get(number as usize).is_some_and(|place| place.0 != State::Over) {
            self.set(number, State::Over);
            self.over += 1;
        }
    }

    fn send(&self, socket: &UdpSocket) {
        // What the system does not take is lost.
        let _ = socket.send_to(&self.out, self.warmline);
    }

    fn write_invite(&mut self, number: u32) -> io::Result<()> {
        let (us, run, warmline) = (self.peers.calling, self.peers.run, self.warmline);
        let body = description(us);
        self.out.clear();
        write!(
            self.out,
            "INVITE sip:support@{warmline} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {us};branch=z9hG4bK-{run}-{number}-i\r\n\
             Max-Forwards: 70\r\n\
             From: \"A caller\" <sip:+14155550100@{us}>;tag=c{number}\r\n\
             To: <sip:support@{warmline}>\r\n\
             Call-ID: {run}-{number}@bench\r\n\
             CSeq: 1 INVITE\r\n\
             Contact: <sip:agent@{us}>\r\n\
             Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n\
             X-Zendesk-Ticket-Id: 35436\r\n\
             Content-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len(),
        )
    }

    /// `kind` tells this request's branch from the call's others.
    fn write_within(
        &mut self,
        method: &str,
        number: u32,
        cseq: u32,
        kind: &str,
        to: &[u8],
    ) -> io::Result<()> {
        let (us, run, warmline) = (self.peers.calling, self.peers.run, self.warmline);
        self.out.clear();
        write!(
            self.out,
            "{method} sip:{warmline} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {us};branch=z9hG4bK-{run}-{number}-{kind}\r\n\
             Max-Forwards: 70\r\n\
             From: \"A caller\" <sip:+14155550100@{us}>;tag=c{number}\r\nTo: "
        )?;
        self.out.extend_from_slice(to);
        write!(
            self.out,
            "\r\nCall-ID: {run}-{number}@bench\r\nCSeq: {cseq} {method}\r\nContent-Length: 0\r\n\r\n"
        )
    }

    fn write_response(&mut self, status: &str, request: &[u8], describes: bool) -> io::Result<()> {
        self.out.clear();
        write!(self.out, "SIP/2.0 {status}")?;
        for name in ["\r\nVia: ", "\r\nFrom: ", "\r\nTo: ", "\r\nCall-ID: ", "\r\nCSeq: "] {
            let value = field(request, name.as_bytes());
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(value);
            if name == "\r\nTo: " && !value.windows(5).any(|part| part == b";tag=") {
                self.out.extend_from_slice(b";tag=target");
            }
        }
        let us = self.peers.called;
        let body = if describes { description(us) } else { String::new() };
        let kind = if describes { "\r\nContent-Type: application/sdp" } else { "" };
        write!(
            self.out,
            "\r\nContact: <sip:support@{us}>{kind}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

/// A socket of ours at this address.
fn bind(address: Ipv4Addr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((address, 0))?;
    SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn receive<'b>(socket: &UdpSocket, buffer: &'b mut [u8]) -> io::Result<Option<&'b [u8]>> {
    match socket.recv(buffer) {
        Ok(len) => Ok(buffer.get(..len)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        // An earlier message found nobody there.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(None),
        Err(error) => Err(error),
    }
}

/// One audio stream. No packet is ever sent: what is measured is signalling, and the ports that calls open.
fn description(us: SocketAddr) -> String {
    let ip = us.ip();
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 9000 RTP/AVP 0 8 101\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
    )
}

/// What follows `name` on its line.
fn field<'m>(message: &'m [u8], name: &[u8]) -> &'m [u8] {
    let start = message.windows(name.len()).position(|part| part == name).map(|start| start + name.len());
    let rest = start.and_then(|start| message.get(start..)).unwrap_or_default();
    let end = rest.iter().position(|&byte| byte == b'\r').unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default()
}

fn status(message: &[u8]) -> u16 {
    let digits = message.strip_prefix(b"SIP/2.0 ").and_then(|rest| rest.get(..3));
    digits.and_then(|digits| str::from_utf8(digits).ok()?.parse().ok()).unwrap_or(0)
}

/// The number of the call that a response belongs to.
fn number(message: &[u8], run: u32) -> Option<u32> {
    let id = str::from_utf8(field(message, b"\r\nCall-ID: ")).ok()?;
    let (of, number) = id.strip_suffix("@bench")?.split_once('-')?;
    (of.parse() == Ok(run)).then(|| number.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_read() {
        let response = b"SIP/2.0 486 Busy Here\r\nVia: SIP/2.0/UDP 127.0.0.1:1\r\nTo: <sip:a@b>;tag=7\r\n\
            Call-ID: 3-41@bench\r\nCSeq: 1 INVITE\r\n\r\n";
        assert_eq!((status(response), number(response, 3), number(response, 4)), (486, Some(41), None));
        assert_eq!(field(response, b"\r\nTo: "), b"<sip:a@b>;tag=7");
        assert_eq!((status(b"BYE sip:a@b SIP/2.0\r\n"), field(b"", b"\r\nTo: ")), (0, &b""[..]));
    }

    #[test]
    fn calls_through_a_node() {
        let mut peers = Peers::new().expect("loopback");
        let media = crate::loopback::free_ports(400).expect("ports");
        let loaded = crate::loopback::busy(100, 1_000, media, peers.called()).expect("it is sound");
        let options = crate::node::Options { next_free_port: true, ..Default::default() };
        let node = crate::node::Node::start(loaded, options).expect("it starts");
        let load = Load { calls: 50, rate: 100, hold: Duration::from_millis(20) };
        let run = peers.call(node.addresses()[0], load, &mut |_| {}).expect("sockets");
        assert_eq!((run.completed, run.refused), (50, None));
        assert_eq!(run.delays.len(), 50);
    }
}
