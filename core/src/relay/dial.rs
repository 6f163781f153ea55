//! Keys that are said to a peer: as telephone-events where it takes them, as tones where it does not.
//!
//! While a key is said nothing else is, so that the peer hears it once and undisturbed. What is said has its own
//! deadline, a packet every 20 ms, whatever comes from the other side.

use core::net::SocketAddr;

use heapless::Deque;

use super::keys::Keypads;
use super::leg::{EMPTY_HEADER, HEADER, LATE, Leg, PACKET, SAMPLES, hears};
use super::outgoing::Outgoing;
use crate::rtp::tone::DualTone;
use crate::rtp::{Digit, Event, Header, Profile, Seq, Timestamp};
use crate::time::Instant;

/// The least time that a key is said, in samples, whatever it was pressed for: 80 ms, of which a peer that needs 40
/// (ITU-T Q.24) may lose a packet.
const LEAST: u32 = 640;

/// The most while another one waits: 100 ms.
const HURRIED: u32 = 800;

/// What is silent behind a tone, in samples: 60 ms.
const PAUSE: u32 = 480;

/// How often the last packet of an event is sent (RFC 4733 section 2.5.1.4).
const TIMES: u8 = 3;

/// The level at which events are said to be, in dB below 0 dBm0.
const VOLUME: u8 = 10;

/// How many keys can wait to be said, the one that is being said among them.
const WAITING: usize = 8;

/// What there is to say of keys, and how far it has been said.
pub(super) struct Dial {
    keys: Deque<Key, WAITING>,
    state: State,
    /// When the next packet is due.
    due: Instant,
}

struct Key {
    digit: Digit,
    /// For how long it is said, in samples; none while it is down.
    length: Option<u32>,
}

enum State {
    /// Nothing is being said.
    Idle,
    /// The one before has just been said.
    Between,
    /// The tone of the first one, and how much of it was said.
    Tone(DualTone, u32),
    /// The event of the first one.
    Event { said: u32, start: Timestamp, before: u32 },
    /// The last packet of its event is said so often again.
    Again { event: Event, timestamp: Timestamp, times: u8 },
}

impl Dial {
    pub(super) const NEW: Self = Self { keys: Deque::new(), state: State::Idle, due: Instant::ZERO };

    /// Whether there is something to say, or the last packet of it lasts yet.
    pub(super) fn is_busy(&self) -> bool {
        !matches!(self.state, State::Idle) || !self.keys.is_empty()
    }

    /// When there is something to do for it.
    pub(super) fn due(&self) -> Option<Instant> {
        self.is_busy().then_some(self.due)
    }

    /// A key is down; it is said from `free` on, or after those before it. False when too many wait.
    pub(super) fn press(&mut self, digit: Digit, free: Instant) -> bool {
        if !self.is_busy() {
            self.due = free;
        }
        self.keys.push_back(Key { digit, length: None }).is_ok()
    }

    /// The last key that was pressed is up again, after so many samples.
    pub(super) fn release(&mut self, length: u32) {
        if let Some(key) = self.keys.back_mut().filter(|key| key.length.is_none()) {
            key.length = Some(length.max(LEAST));
        }
    }

    /// How long the first key is to be said; none while that is open.
    fn length(&self) -> Option<u32> {
        let length = self.keys.front()?.length?;
        Some(if self.keys.len() > 1 { length.min(HURRIED) } else { length })
    }

    /// The first key has been said.
    fn go_on(&mut self) {
        self.keys.pop_front();
        self.state = State::Between;
    }

    /// Writes the payload of the packet that is due at `at`. None when there is nothing left to say.
    fn say(
        &mut self,
        at: Instant,
        outgoing: &mut Outgoing,
        profile: &Profile,
        out: &mut [u8],
    ) -> Option<Said> {
        if matches!(self.state, State::Idle | State::Between) {
            let Some(key) = self.keys.front() else {
                self.state = State::Idle;
                return None;
            };
            self.state = match profile.event_send {
                Some(_) => State::Event { said: 0, start: Timestamp(0), before: 0 },
                None => State::Tone(DualTone::of(key.digit)?, 0),
            };
        }
        let (length, code) = (self.length(), self.keys.front()?.digit.code());
        match &mut self.state {
            State::Idle | State::Between => None,
            State::Tone(tone, said) => {
                let left = length.map_or(u32::MAX, |length| length.saturating_sub(*said));
                let first = *said == 0;
                *said = said.saturating_add(SAMPLES as u32);
                let over = length.is_some_and(|length| *said >= length.saturating_add(PAUSE));
                let audio = out.get_mut(..SAMPLES)?;
                audio.fill(profile.send.law.encode(0));
                let sound = audio.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                tone.write(profile.send.law, audio.get_mut(..sound)?);
                if over {
                    self.go_on();
                }
                let numbers = outgoing.next(at);
                Some(Said { numbers, payload_type: profile.send.payload_type, marker: first, len: SAMPLES })
            }
            State::Event { said, start, before } => {
                let first = *said == 0;
                let (seq, timestamp) = if first { outgoing.next(at) } else { (outgoing.again(), *start) };
                *start = timestamp;
                *said = said.saturating_add(SAMPLES as u32);
                let whole = length.filter(|length| *said >= *length);
                let mut event = Event { code, end: false, volume: VOLUME, duration: u16::MAX };
                match u16::try_from(whole.unwrap_or(*said).saturating_sub(*before)) {
                    Ok(duration) => (event.duration, event.end) = (duration, whole.is_some()),
                    // It goes on in another segment, where this one ends (section 2.5.1.3).
                    Err(_) => {
                        *before = before.saturating_add(u16::MAX.into());
                        *start = outgoing.lengthen(u16::MAX);
                    }
                }
                if event.end {
                    self.state = State::Again { event, timestamp, times: TIMES - 1 };
                }
                Said::event(event, (seq, timestamp), profile, first, out)
            }
            State::Again { event, timestamp, times } => {
                let (event, timestamp) = (*event, *timestamp);
                *times = times.saturating_sub(1);
                if *times == 0 {
                    self.go_on();
                }
                Said::event(event, (outgoing.again(), timestamp), profile, false, out)
            }
        }
    }
}

/// A packet whose payload was written.
struct Said {
    numbers: (Seq, Timestamp),
    payload_type: u8,
    marker: bool,
    len: usize,
}

impl Said {
    fn event(
        event: Event,
        numbers: (Seq, Timestamp),
        profile: &Profile,
        marker: bool,
        out: &mut [u8],
    ) -> Option<Self> {
        let bytes = event.to_bytes();
        *out.first_chunk_mut()? = bytes;
        Some(Self { numbers, payload_type: profile.event_send?, marker, len: bytes.len() })
    }
}

impl Leg {
    /// When a packet that is not of the other side's can follow what the peer heard last.
    pub(super) fn free_at(&self, now: Instant) -> Instant {
        self.outgoing.last().map_or(now, |last| last.after(PACKET)).max(now)
    }

    /// When there is something to do for a key that the peer is told.
    pub(super) fn dials_at(&self, keypads: &Keypads<'_>) -> Option<Instant> {
        keypads.get(self.keypad?)?.dial.due()
    }

    /// Writes the packet of a key that is due: where it goes and how long it is. None when none is due, there is nothing
    /// left to say, or nobody to say it to.
    pub(super) fn dial(
        &mut self,
        now: Instant,
        keypads: &mut Keypads<'_>,
        out: &mut [u8],
    ) -> Option<(SocketAddr, usize)> {
        let dial = &mut keypads.get_mut(self.keypad?)?.dial;
        let due = dial.due().filter(|&due| due <= now)?;
        let Some(peer) = self.peer.as_ref().filter(|peer| hears(peer)) else {
            *dial = Dial::NEW;
            return None;
        };
        let at = if now.since(due) > LATE { now } else { due };
        dial.due = at.after(PACKET);
        let (fixed, payload) = out.split_first_chunk_mut::<HEADER>()?;
        let Some(said) = dial.say(at, &mut self.outgoing, &peer.profile, payload) else {
            *dial = Dial::NEW;
            return None;
        };
        let (seq, timestamp) = said.numbers;
        *fixed = EMPTY_HEADER;
        let mut header = Header::parse(fixed).ok()?;
        (header.seq, header.timestamp, header.ssrc) = (seq, timestamp, self.outgoing.ssrc());
        (header.payload_type, header.marker) = (said.payload_type, said.marker);
        header.write(fixed);
        self.sent.add(said.len);
        Some((peer.rtp, HEADER + said.len))
    }
}
