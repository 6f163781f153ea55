//! The media way: from one leg's socket to the other's, in place.
//!
//! A [`Relay`] owns streams. Signalling opens them, says who the peers are, and closes them by [`Control`]; packets
//! go through [`Relay::forward`]; what the relay has to say itself (RTCP, reports) comes out of [`Relay::poll`].
//!
//! A packet is taken only from the address its peer was said to have. It goes on as one of a source of our own
//! towards the other peer: our SSRC, our unbroken sequence numbers and timestamps, the payload type agreed on
//! there, and audio in the law agreed on there. RTCP is not passed on but spoken with each peer.

mod annex;
mod dial;
mod doors;
mod keys;
mod leg;
mod message;
mod outgoing;
mod packer;
mod player;
mod presence;
mod reports;
mod security;
mod source;
mod stream;
mod tape;
#[cfg(test)]
mod tests;
mod tone;

use core::net::SocketAddr;

use heapless::Deque;

pub use doors::Door;
pub use keys::Keypad;
pub use message::{Control, Hop, Output, Peer, Report, Side, Statistics, StreamId, Verdict};
pub use packer::Packer;
pub use player::Play;
pub use security::Secured;
pub use stream::{Stream, Third};
pub use tape::{Channel, Tape, Taped};
pub use tone::{Country, Tone};

use crate::clip::{ClipId, Clips};
use crate::memory::{Id, Pool, Slot, TimerSlot, Timers};
use crate::random::Random;
use crate::reason::{Counters, Reason};
use crate::rtp::rtcp;
use crate::time::{Duration, Instant, Utc};
use annex::Annex;
use doors::Doors;
use tape::Tapes;

/// Bytes the caller leaves free behind a packet: what it may grow by on its way through.
pub const TAILROOM: usize = 24;

/// The longest datagram that [`Relay::poll`] writes, in bytes.
pub const LONGEST: usize = player::LONGEST + TAILROOM;

/// How many failures to open can wait to be told. Polled as it should be, a relay has one at most.
const FAILURES: usize = 32;

/// How many streams are asked in one poll what they have to say.
const ASKED: usize = 16;

/// What a relay keeps its streams in.
pub struct Storage<'s> {
    /// The first media port, even.
    pub first_port: u16,
    /// One for each pair of media ports from there on.
    pub doors: &'s mut [Door],
    /// One for each [`StreamId::index`] that signalling uses.
    pub names: &'s mut [Name],
    /// One for each stream there can be at once.
    pub streams: &'s mut [Slot<Stream>],
    /// One for each stream that can have three sides at once. Half as many as streams is plenty: a stream has three
    /// only until a transfer is settled.
    pub thirds: &'s mut [Slot<Third>],
    /// One for each leg whose peer tells or takes no telephone-events, or whose keys come by signalling. One for each
    /// stream is plenty where most peers do.
    pub keypads: &'s mut [Slot<Keypad>],
    /// One for each side there can be at once whose packets are protected by SRTP.
    pub contexts: &'s mut [Slot<Secured>],
    /// One for each leg whose peer wants packets of another length than come for it; where there is none, they go on as
    /// they came.
    pub packers: &'s mut [Slot<Packer>],
    /// One for each stream that is recorded at once; none where nothing is.
    pub tapes: &'s mut [Slot<Tape>],
    /// What is recorded waits here to be taken.
    pub taped: &'s mut [Taped],
    /// As many as streams.
    pub timers: &'s mut [TimerSlot],
}

/// Storage for one stream's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Name(u32);

impl Name {
    /// Names nothing: all zero bits.
    pub const EMPTY: Self = Self(0);
}

/// Streams, and the packets that go through them.
///
/// After every [`Relay::control`], and when [`Relay::deadline`] has come, [`Relay::poll`] is to be called until it says
/// [`Output::Wait`].
pub struct Relay<'s> {
    doors: Doors<'s>,
    names: &'s mut [Name],
    streams: Pool<'s, Stream>,
    annex: Annex<'s>,
    /// When each stream next has something to say.
    timers: Timers<'s>,
    /// What could not be done.
    failures: Deque<Failure, FAILURES>,
    random: Random,
}

/// What could not be done.
#[derive(Clone, Copy)]
enum Failure {
    Open(StreamId),
    Join(StreamId, Side),
    Secure(StreamId, Side),
}

impl<'s> Relay<'s> {
    /// A relay without streams. Everything it makes up follows from `seed`, which is to be secret.
    pub fn new(storage: Storage<'s>, seed: &[u8; 32]) -> Self {
        storage.names.fill(Name::EMPTY);
        // A stream without a timer would never be heard of.
        let streams = storage.streams.len().min(storage.timers.len());
        Self {
            doors: Doors::new(storage.first_port, storage.doors),
            names: storage.names,
            streams: Pool::new(storage.streams.get_mut(..streams).unwrap_or_default()),
            annex: Annex {
                thirds: Pool::new(storage.thirds),
                keypads: Pool::new(storage.keypads),
                contexts: Pool::new(storage.contexts),
                packers: Pool::new(storage.packers),
                tapes: Tapes::new(Pool::new(storage.tapes), storage.taped),
                told: Deque::new(),
                counters: Counters::NEW,
                restless: false,
            },
            timers: Timers::new(storage.timers),
            failures: Deque::new(),
            random: Random::new(seed),
        }
    }

    /// Does what signalling says. What is said of a stream that does not exist (any more) is passed over.
    pub fn control(&mut self, now: Instant, control: Control) {
        match control {
            Control::Open { stream, ports } => {
                if self.open(stream, ports).is_none() {
                    // There is room when the relay is polled as it should be.
                    let _ = self.failures.push_back(Failure::Open(stream));
                }
            }
            Control::Join { stream, side, port } => {
                if self.join(stream, side, port).is_none() {
                    let _ = self.failures.push_back(Failure::Join(stream, side));
                }
            }
            Control::Bridge { stream, pair } => {
                let Some(slot) = self.find(stream) else { return };
                if let Some(stream) = self.streams.get_mut(slot) {
                    stream.bridge(now, pair, &mut self.annex);
                }
                self.arm(slot);
            }
            Control::Part { stream, side } => {
                let Some(slot) = self.find(stream) else { return };
                let stream = self.streams.get_mut(slot);
                if let Some(port) = stream.and_then(|stream| stream.part(now, side, &mut self.annex)) {
                    self.doors.close(port);
                }
                self.arm(slot);
            }
            Control::Point { stream, side, peer } => {
                let Some(slot) = self.find(stream) else { return };
                if let Some(stream) = self.streams.get_mut(slot) {
                    stream.point(now, side, peer, &mut self.random, &mut self.annex);
                }
                self.arm(slot);
            }
            Control::Press { stream, side, digit, duration } => {
                let Some(slot) = self.find(stream) else { return };
                if let Some(stream) = self.streams.get_mut(slot) {
                    stream.press(now, side, digit, duration, &mut self.annex);
                }
                self.arm(slot);
            }
            Control::Play { stream, side, what } => self.play(now, stream, side, Some(what)),
            Control::Stop { stream, side } => self.play(now, stream, side, None),
            Control::Learn { stream, side, source } => {
                let Some(slot) = self.find(stream) else { return };
                if let Some(stream) = self.streams.get_mut(slot) {
                    stream.learn(now, side, source, &mut self.annex);
                }
                self.arm(slot);
            }
            Control::Record { stream, side } => {
                let Some(slot) = self.find(stream) else { return };
                if let Some(stream) = self.streams.get_mut(slot) {
                    stream.record(now, side, &mut self.annex);
                }
            }
            Control::Secure { stream, side, security } => self.secure(stream, side, security.as_ref()),
            Control::Close { stream } => {
                let Some(slot) = self.find(stream) else { return };
                if let Some(stream) = self.streams.get_mut(slot) {
                    stream
                        .close(now, &mut self.annex)
                        .into_iter()
                        .flatten()
                        .for_each(|port| self.doors.close(port));
                }
                self.arm(slot);
            }
        }
    }

    /// Takes the datagram that came to local `port` in the first `len` bytes of `packet`, of which at least
    /// [`TAILROOM`] follow. When it is to be sent on, it has been rewritten there.
    pub fn forward(
        &mut self,
        now: Instant,
        port: u16,
        from: SocketAddr,
        packet: &mut [u8],
        len: usize,
    ) -> Verdict {
        match self.carry(now, port, from, packet, len) {
            Ok(verdict) => verdict,
            Err(reason) => {
                self.annex.counters.add(reason);
                Verdict::Drop(reason)
            }
        }
    }

    /// The next thing to be done. `out` is for what is to be sent; [`LONGEST`] bytes are enough. What is played is read
    /// from `clips`. Without `utc` our reports carry the time since the caller's origin.
    pub fn poll(&mut self, now: Instant, utc: Option<Utc>, clips: &dyn Clips, out: &mut [u8]) -> Output {
        match self.failures.pop_front() {
            Some(Failure::Open(stream)) => return Output::Report(Report::Failed { stream }),
            Some(Failure::Join(stream, side)) => return Output::Report(Report::NotJoined { stream, side }),
            Some(Failure::Secure(stream, side)) => {
                return Output::Report(Report::NotSecured { stream, side });
            }
            None => {}
        }
        if let Some(report) = self.annex.next_digit() {
            return Output::Report(report);
        }
        self.annex.restless = false;
        for _ in 0..ASKED {
            let Some(slot) = self.timers.pop(now) else { return Output::Wait(self.timers.next()) };
            let Some(slot) = self.streams.id_at(slot) else { continue };
            let Some(stream) = self.streams.get_mut(slot) else { continue };
            let mut output = stream.speak(now, utc, &mut self.random, clips, out, &mut self.annex);
            if let Some(Output::Send(hop)) = output {
                let secured = stream.secure(hop, out, &mut self.annex);
                output = secured.map(Output::Send).map_err(|reason| self.annex.counters.add(reason)).ok();
            }
            if matches!(output, Some(Output::Report(Report::Closed { .. }))) {
                self.remove(slot);
            } else {
                self.arm(slot);
            }
            if let Some(output) = output.or_else(|| self.annex.next_digit().map(Output::Report)) {
                return output;
            }
        }
        Output::Wait(Some(now))
    }

    /// The piece of recorded audio that waits longest; none when none waits. It may be asked at any time, and is to be asked
    /// before there is no room for more.
    pub fn taped(&mut self) -> Option<&Taped> {
        self.annex.tapes.take()
    }

    /// How many pieces of audio were not recorded, for want of room.
    pub const fn untaped(&self) -> u64 {
        self.annex.tapes.lost()
    }

    /// Whether somebody is played this clip: it must not be taken away then. Looks at every stream.
    pub fn plays(&self, clip: ClipId) -> bool {
        self.streams.iter().any(|(_, stream)| stream.plays(clip, &self.annex.thirds))
    }

    /// When it has to be polled, by what it knows now; a packet may have brought that forward.
    pub fn deadline(&self) -> Option<Instant> {
        match self.failures.is_empty() && self.annex.told.is_empty() {
            true => self.timers.next(),
            false => Some(Instant::ZERO),
        }
    }

    /// How often packets were dropped, and why.
    pub const fn counters(&self) -> &Counters {
        &self.annex.counters
    }

    /// How many streams there are, those that are closing included.
    pub const fn streams(&self) -> usize {
        self.streams.len()
    }

    fn open(&mut self, stream: StreamId, ports: [u16; 2]) -> Option<()> {
        let name = self.names.get_mut(stream.index as usize)?;
        if *name != Name::EMPTY || self.streams.is_full() {
            return None;
        }
        let slot = self.streams.insert(Stream::new(stream, ports, &mut self.random)).ok()?;
        let [a, b] = ports;
        let opened = self.doors.open(a, slot.index(), Side::A);
        if !opened || !self.doors.open(b, slot.index(), Side::B) {
            if opened {
                self.doors.close(a);
            }
            self.streams.remove(slot);
            return None;
        }
        *name = Name(slot.index().saturating_add(1));
        self.arm(slot);
        Some(())
    }

    fn join(&mut self, stream: StreamId, side: Side, port: u16) -> Option<()> {
        let slot = self.find(stream)?;
        if !self.doors.open(port, slot.index(), side) {
            return None;
        }
        let stream = self.streams.get_mut(slot)?;
        if !stream.join(side, port, &mut self.random, &mut self.annex) {
            self.doors.close(port);
            return None;
        }
        self.arm(slot);
        Some(())
    }

    fn play(&mut self, now: Instant, stream: StreamId, side: Side, what: Option<Play>) {
        let Some(slot) = self.find(stream) else { return };
        if let Some(stream) = self.streams.get_mut(slot) {
            stream.play(now, side, what, &mut self.annex);
        }
        self.arm(slot);
    }

    fn carry(
        &mut self,
        now: Instant,
        port: u16,
        from: SocketAddr,
        packet: &mut [u8],
        len: usize,
    ) -> Result<Verdict, Reason> {
        let (slot, side) = self.doors.find(port).ok_or(Reason::PortClosed)?;
        let slot = self.streams.id_at(slot).ok_or(Reason::PortClosed)?;
        let stream = self.streams.get_mut(slot).ok_or(Reason::PortClosed)?;
        let datagram = packet.get_mut(..len).ok_or(Reason::NotRtp)?;
        let is_rtp = port & 1 == 0 && !(rtcp::looks_like(datagram) && stream.muxes(side, &self.annex));
        let annex = &mut self.annex;
        let carried = stream.unprotect(now, side, (from, !is_rtp), datagram, annex).and_then(|len| {
            let datagram = packet.get_mut(..len).ok_or(Reason::NotRtp)?;
            if !is_rtp {
                return stream.hear(now, side, from, datagram, annex).map(|()| Verdict::Taken);
            }
            match stream.forward(now, side, from, datagram, annex)? {
                Verdict::Send(hop) => stream.secure(hop, packet, annex).map(Verdict::Send),
                verdict => Ok(verdict),
            }
        });
        // There may be something to tell of who it came from, or of keys.
        let told = matches!(carried, Err(Reason::WrongSource | Reason::SrtpNotAuthentic));
        if core::mem::take(&mut self.annex.restless) || told {
            self.arm(slot);
        }
        carried
    }

    fn find(&self, stream: StreamId) -> Option<Id<Stream>> {
        let name = self.names.get(stream.index as usize)?;
        let slot = self.streams.id_at(name.0.checked_sub(1)?)?;
        (self.streams.get(slot)?.id() == stream).then_some(slot)
    }

    /// Frees a stream's place; its ports were closed before.
    fn remove(&mut self, slot: Id<Stream>) {
        let Some(stream) = self.streams.remove(slot) else { return };
        self.timers.cancel(slot.index());
        if let Some(name) = self.names.get_mut(stream.id().index as usize) {
            *name = Name::EMPTY;
        }
        stream.release(&mut self.annex);
    }

    /// Sets a stream's timer to when it next has something to say.
    fn arm(&mut self, slot: Id<Stream>) {
        match self.streams.get(slot).and_then(|stream| stream.deadline(&self.annex)) {
            Some(at) => self.timers.set(slot.index(), at),
            None => self.timers.cancel(slot.index()),
        }
    }
}

/// Samples at 8 kHz in a length of time, rounded down.
const fn samples(time: Duration) -> u64 {
    time.as_micros() / 125
}
