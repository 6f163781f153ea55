//! People who talk over calls that SIPp signals: every packet that is said is unlike every other, and what is heard
//! is held to it.
//!
//! The scenarios log a line for each end of a call, `talk TICKET PORT ADDRESS`: which call it is, where it takes
//! RTP, and where it was told to send it. A call's people start when both ends are known.

use core::fmt;
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::{a_to_mu, mu_to_a, poll, ports};

/// Bytes of audio in a packet: 20 ms.
const AUDIO: usize = 160;
const PTIME: Duration = Duration::from_millis(20);
/// Where sequence numbers start: they come round during each talk.
const FIRST_SEQUENCE: u16 = u16::MAX - 9;
/// And timestamps.
const FIRST_TIMESTAMP: u32 = u32::MAX - 9 * AUDIO as u32;

/// How an end speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// PCMU.
    Mu,
    /// PCMA.
    A,
}

impl Law {
    const fn payload_type(self) -> u8 {
        match self {
            Self::Mu => 0,
            Self::A => 8,
        }
    }

    /// What a byte of the other end's becomes.
    fn of_other(self, code: u8) -> u8 {
        match self {
            Self::Mu => a_to_mu(code),
            Self::A => mu_to_a(code),
        }
    }
}

/// All who talk in a test.
#[derive(Debug)]
pub struct Talk {
    /// Where the scenarios' logs are.
    folder: PathBuf,
    callers: Vec<End>,
    targets: Vec<End>,
    /// How much each of them says.
    packets: u16,
}

/// How many packets are on their way at once. Where a machine is busy, whoever relays may not get his turn for a while,
/// and must not find more than there is room for when he does: 10 kB in the controller that QEMU has.
const ON_THEIR_WAY: usize = 24;

/// How many packets the two ends of a call have heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Who called.
    pub caller: u64,
    /// Who was called.
    pub target: u64,
}

/// One end of one call.
#[derive(Debug)]
struct End {
    law: Law,
    port: u16,
    rtp: UdpSocket,
    rtcp: UdpSocket,
    call: Option<Call>,
    sent: u16,
    heard: Vec<Datagram>,
    reports: Vec<Datagram>,
}

/// What an end has learnt from its signalling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Call {
    ticket: u64,
    /// Where to send to.
    peer: SocketAddr,
    /// When the first packet was due; none while the other end is not known.
    since: Option<Instant>,
}

#[derive(Debug)]
struct Datagram {
    from: SocketAddr,
    bytes: Vec<u8>,
}

impl Talk {
    pub(super) fn new(
        folder: &Path,
        (caller, caller_law): (Ipv4Addr, Law),
        (target, target_law): (Ipv4Addr, Law),
        calls: u16,
        packets: u16,
    ) -> Self {
        let ends = |at, law| {
            let first = ports(calls * 2);
            (0..calls).map(|call| End::new(at, first + 2 * call, law)).collect()
        };
        Self {
            folder: folder.to_owned(),
            callers: ends(caller, caller_law),
            targets: ends(target, target_law),
            packets,
        }
    }

    /// The callers' RTP ports.
    pub fn callers(&self) -> Vec<u16> {
        self.callers.iter().map(|end| end.port).collect()
    }

    /// The targets' RTP ports.
    pub fn targets(&self) -> Vec<u16> {
        self.targets.iter().map(|end| end.port).collect()
    }

    /// Talks until everyone has heard everything, or for `patience`.
    ///
    /// # Panics
    /// Where somebody has not heard exactly what was said at the other end of their call: all of it, in order, in
    /// their own law by G.191, as one RTP stream that is Warmline's own, from where they were told.
    pub fn hold(&mut self, patience: Duration) {
        let done = poll(patience, || {
            self.learn();
            let packets = self.packets;
            let ends = || self.callers.iter().chain(&self.targets);
            let done = ends().all(|end| end.heard.len() >= usize::from(packets));
            let (sent, heard) = ends()
                .fold((0, 0), |(sent, heard), end| (sent + usize::from(end.sent), heard + end.heard.len()));
            let mut room = ON_THEIR_WAY.saturating_sub(sent.saturating_sub(heard));
            for end in self.callers.iter_mut().chain(&mut self.targets) {
                end.go_on(packets, &mut room);
            }
            done.then_some(())
        });
        for (caller, target) in self.pairs() {
            let heard = caller.check(target, self.packets).and_then(|()| target.check(caller, self.packets));
            heard.unwrap_or_else(|wrong| panic!("{wrong}"));
        }
        assert!(done.is_some(), "not everyone was in a call: {self}");
    }

    /// Talks until `enough` is true of how much was heard, or for `patience`; says whether it was.
    pub fn go_on(&mut self, patience: Duration, enough: impl Fn(&[Heard]) -> bool) -> bool {
        let done = poll(patience, || {
            self.learn();
            let packets = self.packets;
            // Where some are lost, how many are still on their way is not known.
            let mut room = usize::MAX;
            for end in self.callers.iter_mut().chain(&mut self.targets) {
                end.go_on(packets, &mut room);
            }
            enough(&self.heard()).then_some(())
        });
        done.is_some()
    }

    /// How much was heard so far in each call that is known at both ends.
    pub fn heard(&self) -> Vec<Heard> {
        let heard = |end: &End| u64::try_from(end.heard.len()).unwrap_or(u64::MAX);
        self.pairs().map(|(caller, target)| Heard { caller: heard(caller), target: heard(target) }).collect()
    }

    /// Holds what was heard so far to what was said, where some of it may have been lost on its way.
    ///
    /// # Panics
    /// Where somebody has heard what was not said at the other end of their call, or not then, or twice, or as more
    /// than `streams` RTP streams.
    pub fn holds_but_for_losses(&self, streams: usize) {
        for (caller, target) in self.pairs() {
            let heard = [(caller, target), (target, caller)];
            let heard = heard.into_iter().try_for_each(|(end, other)| end.check_pieces(other, streams));
            heard.unwrap_or_else(|wrong| panic!("{wrong}"));
        }
    }

    /// Waits until everyone was told by RTCP that it is over.
    ///
    /// # Panics
    /// Where somebody was not, or a report is about a stream that they did not hear.
    pub fn end(&mut self, patience: Duration) {
        let done = poll(patience, || {
            let packets = self.packets;
            let mut room = ON_THEIR_WAY;
            for end in self.callers.iter_mut().chain(&mut self.targets) {
                end.go_on(packets, &mut room);
            }
            let left = |end: &End| end.reports.iter().any(|report| says_bye(&report.bytes));
            self.callers.iter().chain(&self.targets).all(left).then_some(())
        });
        for end in self.callers.iter().chain(&self.targets) {
            end.check_reports().unwrap_or_else(|wrong| panic!("{wrong}"));
        }
        assert!(done.is_some(), "somebody was not told that it is over");
    }

    /// Reads what signalling has logged so far.
    fn learn(&mut self) {
        let news = |end: &End| end.call.is_none_or(|call| call.since.is_none());
        if !self.callers.iter().chain(&self.targets).any(news) {
            return;
        }
        let files = std::fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        for file in files.filter(|path| path.extension().is_some_and(|ending| ending == "log")) {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            // What follows the last line's end is still being written.
            let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            for (ticket, port, peer) in whole.lines().filter_map(line) {
                let mut ends = self.callers.iter_mut().chain(&mut self.targets);
                if let Some(end) = ends.find(|end| end.port == port) {
                    end.call.get_or_insert(Call { ticket, peer, since: None });
                }
            }
        }
        for caller in &mut self.callers {
            let Some(call) = caller.call.as_mut().filter(|call| call.since.is_none()) else { continue };
            let mut others = self.targets.iter_mut().filter_map(|end| end.call.as_mut());
            if let Some(other) = others.find(|other| other.ticket == call.ticket) {
                let now = Some(Instant::now());
                (call.since, other.since) = (now, now);
            }
        }
    }

    /// The two ends of each call that is known at both.
    fn pairs(&self) -> impl Iterator<Item = (&End, &End)> {
        let other =
            |ticket| self.targets.iter().find(move |end| end.call.is_some_and(|call| call.ticket == ticket));
        self.callers.iter().filter_map(move |caller| Some((caller, other(caller.call?.ticket)?)))
    }
}

impl fmt::Display for Talk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = |ends: &[End]| ends.iter().filter(|end| end.call.is_some()).count();
        let (callers, targets) = (known(&self.callers), known(&self.targets));
        write!(
            f,
            "of {} calls, {callers} are known at the caller and {targets} at the target",
            self.callers.len()
        )
    }
}

impl End {
    fn new(at: Ipv4Addr, port: u16, law: Law) -> Self {
        let socket = |port| {
            let socket = UdpSocket::bind((at, port)).expect("a port that was free");
            socket.set_nonblocking(true).expect("a socket that never waits");
            socket
        };
        let (rtp, rtcp) = (socket(port), socket(port + 1));
        Self { law, port, rtp, rtcp, call: None, sent: 0, heard: Vec::new(), reports: Vec::new() }
    }

    /// Says what is due, as far as there is `room` for it, and hears what has come.
    fn go_on(&mut self, packets: u16, room: &mut usize) {
        while let Some((call, since)) = self.call.and_then(|call| Some((call, call.since?)))
            && self.sent < packets
            && *room > 0
            && since + PTIME * u32::from(self.sent) <= Instant::now()
        {
            let packet = self.packet(call.ticket, self.sent);
            // Where nobody listens any more, that is found at the other end.
            let _ = self.rtp.send_to(&packet, call.peer);
            self.sent += 1;
            *room -= 1;
        }
        take(&self.rtp, &mut self.heard);
        take(&self.rtcp, &mut self.reports);
    }

    /// The `number`th packet of what is said from here.
    fn packet(&self, ticket: u64, number: u16) -> Vec<u8> {
        let first = if number == 0 { 0x80 } else { 0 };
        let mut packet = vec![0x80, first | self.law.payload_type()];
        packet.extend(FIRST_SEQUENCE.wrapping_add(number).to_be_bytes());
        packet.extend(FIRST_TIMESTAMP.wrapping_add(u32::from(number) * AUDIO as u32).to_be_bytes());
        packet.extend(self.ssrc(ticket).to_be_bytes());
        packet.extend(self.said(ticket, number));
        packet
    }

    fn ssrc(&self, ticket: u64) -> u32 {
        (ticket as u32) << 8 | u32::from(self.law.payload_type())
    }

    /// The audio of the `number`th packet that is said from here: unlike every other, with every code in it somewhere.
    fn said(&self, ticket: u64, number: u16) -> impl Iterator<Item = u8> {
        let mut state = ticket << 32 | u64::from(number) << 8 | u64::from(self.law.payload_type());
        (0..AUDIO).map(move |_| {
            // SplitMix64.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed >> 56) as u8
        })
    }

    /// What is wrong with what was heard here of what was said at `other`.
    fn check(&self, other: &Self, packets: u16) -> Result<(), String> {
        let Some(call) = self.call else { return Ok(()) };
        let wrong = |number: usize, what: &str| {
            let law = self.law;
            Err(format!("call with ticket {}, end in {law:?}, packet {number}: {what}", call.ticket))
        };
        let first = match self.heard.first().map(|first| first.bytes.first_chunk::<12>()) {
            Some(Some(first)) => *first,
            Some(None) => return wrong(0, "is no RTP"),
            None => return wrong(0, "never came"),
        };
        let number = |at: usize| u32::from_be_bytes([first[at], first[at + 1], first[at + 2], first[at + 3]]);
        let (sequence, timestamp, ssrc) = (number(0) as u16, number(4), number(8));
        if ssrc == other.ssrc(call.ticket) {
            return wrong(0, "has the SSRC of the other leg");
        }
        for (at, datagram) in self.heard.iter().enumerate() {
            let said = u16::try_from(at).unwrap_or(u16::MAX);
            let mut expected = vec![0x80, self.law.payload_type() | if said == 0 { 0x80 } else { 0 }];
            expected.extend(sequence.wrapping_add(said).to_be_bytes());
            expected.extend(timestamp.wrapping_add(u32::from(said) * AUDIO as u32).to_be_bytes());
            expected.extend(ssrc.to_be_bytes());
            if datagram.from != call.peer {
                return wrong(at, &format!("came from {}, not {}", datagram.from, call.peer));
            }
            if datagram.bytes.get(..12) != Some(expected.as_slice()) {
                return wrong(
                    at,
                    &format!("has the header {:02x?}, not {expected:02x?}", datagram.bytes.get(..12)),
                );
            }
            let audio = |number| other.said(call.ticket, number).map(|code| self.law.of_other(code));
            let heard = || datagram.bytes.iter().copied().skip(12);
            if said >= packets || !audio(said).eq(heard()) {
                let meant = (0..packets).find(|&number| audio(number).eq(heard()));
                return wrong(at, &format!("is not what was said then, but (of those) {meant:?}"));
            }
        }
        match self.heard.len() == usize::from(packets) {
            true => Ok(()),
            false => wrong(self.heard.len(), &format!("never came; {} were said", other.sent)),
        }
    }

    /// What is wrong with what was heard here of what was said at `other`, but for what is missing.
    fn check_pieces(&self, other: &Self, streams: usize) -> Result<(), String> {
        let Some(call) = self.call else { return Ok(()) };
        let wrong = |at: usize, what: &str| {
            Err(format!("call with ticket {}, end in {:?}, packet {at}: {what}", call.ticket, self.law))
        };
        let said: Vec<Vec<u8>> = (0..other.sent)
            .map(|number| other.said(call.ticket, number).map(|code| self.law.of_other(code)).collect())
            .collect();
        let (mut next, mut seen) = (0, 0);
        let mut stream: Option<([u8; 4], u16)> = None;
        for (at, datagram) in self.heard.iter().enumerate() {
            let Some((header, audio)) = datagram.bytes.split_first_chunk::<12>() else {
                return wrong(at, "is no RTP");
            };
            if header[0] != 0x80 || header[1] & 0x7f != self.law.payload_type() || datagram.from != call.peer
            {
                return wrong(at, "is not from where it should be, or not as it should be");
            }
            let Some(number) = (next..said.len()).find(|&number| said[number] == audio) else {
                return wrong(at, "is not what was said, or was heard before");
            };
            // Which of a stream's packets it is follows from its sequence number alone.
            let sequence = u16::from_be_bytes([header[2], header[3]]).wrapping_sub(number as u16);
            let ssrc = [header[8], header[9], header[10], header[11]];
            if stream.replace((ssrc, sequence)) != Some((ssrc, sequence)) {
                seen += 1;
            }
            next = number + 1;
        }
        if seen > streams { wrong(0, &format!("and others are of {seen} streams")) } else { Ok(()) }
    }

    /// What is wrong with the RTCP that came here.
    fn check_reports(&self) -> Result<(), String> {
        let ssrc = self.heard.first().and_then(|packet| packet.bytes.get(8..12));
        let from = self.call.map(|call| SocketAddr::new(call.peer.ip(), call.peer.port() + 1));
        let strange = |report: &&Datagram| Some(report.from) != from || report.bytes.get(4..8) != ssrc;
        match self.reports.iter().find(strange) {
            Some(strange) => Err(format!("RTCP from a stream that was not heard: {strange:02x?}")),
            None => Ok(()),
        }
    }
}

/// A line that a scenario logged.
fn line(text: &str) -> Option<(u64, u16, SocketAddr)> {
    let mut words = text.strip_prefix("talk ")?.split(' ');
    let line = (words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    words.next().is_none().then_some(line)
}

/// Takes all that has come.
fn take(socket: &UdpSocket, taken: &mut Vec<Datagram>) {
    let mut buffer = [0; 2048];
    loop {
        match socket.recv_from(&mut buffer) {
            Ok((len, from)) => taken.push(Datagram { from, bytes: buffer[..len].to_vec() }),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            // An earlier packet found nobody there.
            Err(_) => {}
        }
    }
}

/// Whether a compound RTCP packet (RFC 3550 section 6.1) has a BYE in it.
fn says_bye(mut compound: &[u8]) -> bool {
    while let Some((&[_, kind, high, low], rest)) = compound.split_first_chunk() {
        if kind == 203 {
            return true;
        }
        let len = usize::from(u16::from_be_bytes([high, low])) * 4;
        compound = rest.get(len..).unwrap_or_default();
    }
    false
}
