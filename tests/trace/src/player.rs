//! Drives core by a trace, as a board's application drives it.

use core::fmt;
use core::net::SocketAddr;

use heapless::{Deque, Vec};
use warmline_core::config::Config;
use warmline_core::image::{self, ImageError};
use warmline_core::locate::{Found, MOST_FOUND};
use warmline_core::relay::{self, Hop, Relay, Verdict};
use warmline_core::time::{Instant, Utc};
use warmline_core::transport::{Path, Transport};
use warmline_core::{Cx, Event, Input, Output, Question, Sbc};

use crate::room::{BOARD, Lent, Room};
use crate::stream::{self, Entry, Header, Names};

/// Turns in one instant, after which core is taken for one that never waits.
const PATIENCE: u32 = 100_000;

/// Who wants to know what happens.
pub trait Host {
    /// Something left core at `at` microseconds: what it is, and the datagram where it is one.
    fn left(&mut self, at: u64, what: fmt::Arguments<'_>, bytes: &[u8]);

    /// Core is entered.
    fn enter(&mut self) {}

    /// Core was left again; which part of it worked.
    fn leave(&mut self, part: Part) {
        let _ = part;
    }
}

/// What is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The [`Sbc`].
    Signalling,
    /// The [`Relay`].
    Media,
}

/// Why a trace cannot be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlayError {
    /// It was recorded in another room: so many calls, and so many new ones a second.
    Room(u16, u16),
    /// Its configuration cannot be used.
    Image(ImageError),
    /// This entry is earlier than the one before.
    Order(u64),
    /// A message or packet is longer than the board takes.
    TooLong(usize),
    /// At this time core asked more at once than there can be calls.
    Questions(u64),
    /// At this time core always had something more to say.
    NeverWaits(u64),
}

impl fmt::Display for PlayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Room(calls, rate) => write!(
                f,
                "the trace wants room for {calls} calls and {rate} new ones a second, and here is room for {} and {}: \
                 record it again",
                BOARD.calls, BOARD.rate
            ),
            Self::Image(error) => write!(f, "the trace's configuration: {error}"),
            Self::Order(at) => write!(f, "the entry at {at} us is earlier than the one before"),
            Self::TooLong(len) => write!(f, "{len} bytes are more than the board takes, {}", BOARD.message),
            Self::Questions(at) => {
                write!(f, "at {at} us core asked more than once for each call there can be")
            }
            Self::NeverWaits(at) => write!(f, "at {at} us core never waits"),
        }
    }
}

impl core::error::Error for PlayError {}

/// An SBC, a relay, and the host of both.
pub struct Player<'p> {
    sbc: Sbc<'p>,
    relay: Relay<'p>,
    config: Config<'p>,
    names: Names,
    utc: i64,
    now: u64,
    /// When signalling and the relay want to be polled.
    wakes: [Option<Instant>; 2],
    /// What the SBC asked and has not been answered.
    questions: Deque<Question, { BOARD.calls }>,
    out: &'p mut [u8],
    packet: &'p mut [u8],
}

impl<'p> Player<'p> {
    /// One to which nothing has happened yet.
    ///
    /// # Errors
    /// Why this trace cannot be played here.
    pub fn new(header: &Header<'_>, room: &'p mut Room) -> Result<Self, PlayError> {
        if (usize::from(header.calls), usize::from(header.rate)) != (BOARD.calls, BOARD.rate) {
            return Err(PlayError::Room(header.calls, header.rate));
        }
        let (tables, Lent { storage, mut relay, out, packet }) = room.lend();
        image::read(header.image, tables).map_err(PlayError::Image)?;
        let config = tables.lend();
        relay.first_port = config.interfaces.first().map_or(0, |interface| interface.media.0);
        let [signalling, media] = &header.seeds;
        Ok(Self {
            sbc: Sbc::new(storage, &config, signalling),
            relay: Relay::new(relay, media),
            config,
            names: header.names.clone(),
            utc: header.utc,
            now: 0,
            wakes: [None; 2],
            questions: Deque::new(),
            out,
            packet,
        })
    }

    /// Plays all that comes before and at `entry`'s time, and the entry itself.
    ///
    /// # Errors
    /// Why it does not go on.
    pub fn play(&mut self, entry: &Entry<'_>, host: &mut impl Host) -> Result<(), PlayError> {
        self.until(entry.at, host)?;
        self.take(&entry.input, host)
    }

    /// Lets everything happen that is due until `at`, itself included, each at its own time.
    ///
    /// # Errors
    /// Why it does not go on.
    pub fn until(&mut self, at: u64, host: &mut impl Host) -> Result<(), PlayError> {
        if at < self.now {
            return Err(PlayError::Order(at));
        }
        while let Some(due) =
            self.wakes.iter().flatten().min().map(|due| due.as_micros()).filter(|&due| due <= at)
        {
            self.now = self.now.max(due);
            self.turn(host)?;
        }
        self.now = at;
        Ok(())
    }

    /// Takes one input in, now.
    ///
    /// # Errors
    /// Why it does not go on.
    pub fn take(&mut self, input: &stream::Input<'_>, host: &mut impl Host) -> Result<(), PlayError> {
        match *input {
            stream::Input::Message { listener, from, bytes } => {
                if bytes.len() > BOARD.message {
                    return Err(PlayError::TooLong(bytes.len()));
                }
                let path = Path { transport: Transport::Udp, listener, flow: 0, remote: from };
                host.enter();
                let admitted = self.sbc.admit(&cx(self.now, self.utc, &self.config), path);
                host.leave(Part::Signalling);
                match admitted {
                    Ok(admitted) => self.handle(Input::Message(admitted, bytes), host),
                    Err(reason) => {
                        host.left(self.now, format_args!("refused {reason:?}"), &[]);
                        return Ok(());
                    }
                }
            }
            stream::Input::Packet { port, from, bytes } => {
                self.forward(port, from, bytes, host)?;
                // It may have given the relay something to say.
                self.wakes[1] = self.relay.deadline();
                if self.wakes[1].is_none_or(|at| at > Instant::from_micros(self.now)) {
                    return Ok(());
                }
            }
            stream::Input::Order(order) => self.handle(Input::Command(order.into()), host),
        }
        self.turn(host)
    }

    /// Says what was counted and what is still held.
    pub fn finish(&self, host: &mut impl Host) {
        for (reason, count) in self.sbc.counters().iter() {
            host.left(self.now, format_args!("counted {reason:?} {count} in signalling"), &[]);
        }
        for (reason, count) in self.relay.counters().iter() {
            host.left(self.now, format_args!("counted {reason:?} {count} in media"), &[]);
        }
        host.left(self.now, format_args!("parsed {}", self.sbc.parsed()), &[]);
        host.left(self.now, format_args!("held {:?}", self.sbc.usage()), &[]);
    }

    fn handle(&mut self, input: Input<'_>, host: &mut impl Host) {
        host.enter();
        self.sbc.handle(&cx(self.now, self.utc, &self.config), input);
        host.leave(Part::Signalling);
    }

    fn forward(
        &mut self,
        port: u16,
        from: SocketAddr,
        bytes: &[u8],
        host: &mut impl Host,
    ) -> Result<(), PlayError> {
        let room = self.packet.get_mut(..bytes.len() + relay::TAILROOM);
        let room = room.ok_or(PlayError::TooLong(bytes.len()))?;
        room[..bytes.len()].copy_from_slice(bytes);
        host.enter();
        let verdict = self.relay.forward(Instant::from_micros(self.now), port, from, room, bytes.len());
        host.leave(Part::Media);
        match verdict {
            Verdict::Send(Hop { port, to, len }) => {
                host.left(
                    self.now,
                    format_args!("relayed {port} -> {to}"),
                    room.get(..len).unwrap_or_default(),
                );
            }
            Verdict::Taken => host.left(self.now, format_args!("taken at {port}"), &[]),
            Verdict::Drop(reason) => host.left(self.now, format_args!("dropped {reason:?} at {port}"), &[]),
        }
        Ok(())
    }

    /// Takes out of both what wants out, and tells each what the other says, until both wait.
    fn turn(&mut self, host: &mut impl Host) -> Result<(), PlayError> {
        for _ in 0..PATIENCE {
            self.drain(host)?;
            if let Some(question) = self.questions.pop_front() {
                self.answer(question, host);
            } else if let Some(report) = self.report(host)? {
                self.handle(Input::Media(report), host);
            } else {
                return Ok(());
            }
        }
        Err(PlayError::NeverWaits(self.now))
    }

    /// Takes everything out of the SBC until it waits.
    fn drain(&mut self, host: &mut impl Host) -> Result<(), PlayError> {
        let now = Instant::from_micros(self.now);
        for _ in 0..PATIENCE {
            host.enter();
            let output = self.sbc.poll(&cx(self.now, self.utc, &self.config), self.out);
            host.leave(Part::Signalling);
            match output {
                Output::Transmit { to, len } => {
                    let Path { transport, listener, remote, .. } = to;
                    let bytes = self.out.get(..len).unwrap_or_default();
                    host.left(
                        self.now,
                        format_args!("sent {} {listener} -> {remote}", transport.name()),
                        bytes,
                    );
                }
                Output::Media { worker, control } => {
                    host.left(self.now, format_args!("told relay {worker} {control:?}"), &[]);
                    host.enter();
                    self.relay.control(now, control);
                    host.leave(Part::Media);
                }
                Output::Resolve(question) => {
                    host.left(self.now, format_args!("asked {question:?}"), &[]);
                    self.questions.push_back(question).map_err(|_| PlayError::Questions(self.now))?;
                }
                Output::Event(event) => self.tell(event, host),
                Output::Wait(at) => {
                    self.wakes[0] = at;
                    if at.is_none_or(|at| at > now) {
                        return Ok(());
                    }
                }
            }
        }
        Err(PlayError::NeverWaits(self.now))
    }

    /// What the relay reports next; none when it waits.
    fn report(&mut self, host: &mut impl Host) -> Result<Option<relay::Report>, PlayError> {
        let Cx { now, utc, .. } = cx(self.now, self.utc, &self.config);
        for _ in 0..PATIENCE {
            host.enter();
            let output = self.relay.poll(now, utc, &(), self.out);
            host.leave(Part::Media);
            match output {
                relay::Output::Send(Hop { port, to, len }) => {
                    let bytes = self.out.get(..len).unwrap_or_default();
                    host.left(self.now, format_args!("reported {port} -> {to}"), bytes);
                }
                relay::Output::Report(report) => return Ok(Some(report)),
                relay::Output::Wait(at) => {
                    self.wakes[1] = at;
                    if at.is_none_or(|at| at > now) {
                        return Ok(None);
                    }
                }
            }
        }
        Err(PlayError::NeverWaits(self.now))
    }

    fn answer(&mut self, question: Question, host: &mut impl Host) {
        let target = self.config.target(question.target);
        let name = target.map_or(&[][..], |target| self.config.text(target.host));
        let found = self.names.iter().find(|(host, _)| host.as_bytes() == name);
        let found = found.map_or(&[][..], |(_, addresses)| addresses.as_slice());
        // The rig's servers have one priority each, in their order.
        let in_turn = (0..).zip(found).map(|(priority, &address)| Found { priority, ..Found::at(address) });
        let found: Vec<Found, MOST_FOUND> = in_turn.take(MOST_FOUND).collect();
        host.enter();
        self.sbc.handle(&cx(self.now, self.utc, &self.config), Input::Resolved(question, &found));
        host.leave(Part::Signalling);
    }

    fn tell(&mut self, event: Event, host: &mut impl Host) {
        let (call, record) = match event {
            Event::Refused { .. }
            | Event::Registered { .. }
            | Event::Unregistered { .. }
            | Event::Reachable { .. }
            | Event::Unreachable { .. } => (None, None),
            Event::Started(id)
            | Event::Course(id)
            | Event::Answered(id)
            | Event::Unanswered(id)
            | Event::Ticket(id)
            | Event::Ended(id)
            | Event::Digit { call: id, .. }
            | Event::Learned { call: id, .. }
            | Event::Elsewhere { call: id, .. }
            | Event::NotAuthentic { call: id, .. } => (self.sbc.call(id), None),
            Event::Settled(id) => {
                let cx = cx(self.now, self.utc, &self.config);
                (self.sbc.call(id), self.sbc.save(&cx, id, self.out))
            }
        };
        let record = record.and_then(|len| self.out.get(..len)).unwrap_or_default();
        host.left(self.now, format_args!("event {event:?} {call:?}"), record);
    }
}

fn cx<'c>(now: u64, utc: i64, config: &'c Config<'c>) -> Cx<'c> {
    Cx { now: Instant::from_micros(now), utc: Some(Utc(utc + now as i64)), config }
}
