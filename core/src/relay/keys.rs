//! The keys that a side's peer presses, and how the other side gets to know them.
//!
//! A peer tells them as telephone-events (RFC 4733), as tones in its audio where no such events were agreed on, or by
//! signalling. Events go on as they came where the other peer takes them; everything else is said anew, in the words
//! that it takes ([`Dial`](super::dial::Dial)). Whatever the way, each key is reported once, when it is over.

use heapless::Deque;

use super::dial::Dial;
use super::leg::{Leg, hears};
use super::{Side, StreamId};
use crate::g711::Law;
use crate::memory::{Id, Pool};
use crate::reason::{Counters, Reason};
use crate::rtp::tone::{Detector, Heard};
use crate::rtp::{Digit, Event, Header, Timestamp};
use crate::time::{Duration, Instant};

/// Of a key that is heard no more of, this long after the last time it is taken to be over: three times the longest
/// interval between updates (RFC 4733 sections 2.5.1.2 and 2.5.2.2).
const PATIENCE: Duration = Duration::from_millis(150);

/// A peer that tells its keys in two ways means the same keys. The first way leads until it was quiet for so long.
const LEAD: Duration = Duration::from_secs(3);

/// A packet of an event that started this long before the last one, in samples, is not late: its source has started over.
const LATEST: i32 = -16_000;

/// More audio than this, in samples, may not be missing from a tone.
const GAP: i32 = 480;

/// How many keys can wait to be reported.
const WAITING: usize = 16;

/// What a leg needs to hear or to say keys, in its place in [`Storage::keypads`](super::Storage::keypads).
pub struct Keypad {
    /// Hears the tones in what the peer sends.
    detector: Detector,
    /// Where the audio it has heard ends.
    heard: Option<Timestamp>,
    /// Says keys to the peer.
    pub(super) dial: Dial,
}

impl Keypad {
    const NEW: Self = Self { detector: Detector::NEW, heard: None, dial: Dial::NEW };
}

pub(super) type Keypads<'s> = Pool<'s, Keypad>;

/// Keys that wait to be reported.
pub(super) type Told = Deque<(StreamId, Side, Digit, Duration), WAITING>;

/// What is known of the keys a leg's peer presses.
pub(super) struct Keys {
    /// Of which source the last event was, when it started, and what becomes of its packets.
    event: Option<(u32, Timestamp, Stance)>,
    pressed: Option<Pressed>,
    leads: Option<(Way, Instant)>,
}

/// How a peer tells a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Event,
    Tone,
    Signal,
}

/// A key that is down.
struct Pressed {
    digit: Digit,
    way: Way,
    /// For how long by now, in samples.
    length: u32,
    /// How much of that lies in segments that are over (RFC 4733 section 2.5.1.3).
    before: u32,
    /// When it was last heard of.
    at: Instant,
    /// It is no repetition of what was told in another way.
    counts: bool,
    /// It is said anew to the other peer.
    dialled: bool,
}

/// What becomes of a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stance {
    /// It goes on.
    Passes,
    /// It goes on as silence: it may be the beginning of a key.
    Muted,
    /// What it says is said in another way.
    Taken,
}

impl Keys {
    pub(super) const NEW: Self = Self { event: None, pressed: None, leads: None };

    /// When the key that is down is taken to be over.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.pressed.as_ref().map(|pressed| pressed.at.after(PATIENCE))
    }

    /// Whether a key that is told in this way counts.
    fn count(&mut self, way: Way, now: Instant) -> bool {
        let (leader, _) = *self.leads.get_or_insert((way, now));
        let leads = leader == way || self.leads.is_some_and(|(_, last)| now.since(last) > LEAD);
        if leads {
            self.leads = Some((way, now));
        }
        leads
    }
}

/// One side of a stream that tells keys, and the one that is to know them.
pub(super) struct Keying<'x, 's> {
    pub(super) now: Instant,
    pub(super) stream: StreamId,
    pub(super) side: Side,
    pub(super) near: &'x mut Leg,
    pub(super) far: Option<&'x mut Leg>,
    pub(super) keypads: &'x mut Keypads<'s>,
    pub(super) told: &'x mut Told,
    pub(super) counters: &'x mut Counters,
}

impl Keying<'_, '_> {
    /// The near peer sent a telephone-event.
    pub(super) fn event(&mut self, header: &Header, payload: &[u8]) -> Stance {
        let stance = self.note(header, payload);
        if self.far_dials() { Stance::Taken } else { stance }
    }

    fn note(&mut self, header: &Header, payload: &[u8]) -> Stance {
        let Some(event) = Event::parse(payload) else { return Stance::Passes };
        let (ssrc, start) = (header.ssrc, header.timestamp);
        // All packets of an event have its timestamp, and some may be late.
        let stance = match self.near.keys.event {
            Some((source, last, stance)) if source == ssrc => match start.since(last) {
                LATEST..0 => return stance,
                // Where its timestamp could not be kept, it would be another key.
                0 if self.far.as_ref().is_none_or(|far| !far.outgoing.follows(ssrc)) => Stance::Taken,
                0 => stance,
                after if self.goes_on(&event, after) => stance,
                _ => self.begin(&event, ssrc),
            },
            _ => self.begin(&event, ssrc),
        };
        self.near.keys.event = Some((ssrc, start, stance));
        if let Some(pressed) = self.near.keys.pressed.as_mut().filter(|pressed| pressed.way == Way::Event) {
            pressed.length = pressed.length.max(pressed.before.saturating_add(event.duration.into()));
            pressed.at = self.now;
            if event.end {
                self.release();
            }
        }
        stance
    }

    /// Whether it is the next segment of a long event, so many samples after the one before.
    fn goes_on(&mut self, event: &Event, after: i32) -> bool {
        let pressed = self.near.keys.pressed.as_mut();
        let goes_on = pressed.filter(|pressed| {
            pressed.way == Way::Event
                && event.digit() == Some(pressed.digit)
                && (0xff00..=0xffff).contains(&after)
        });
        goes_on.map(|pressed| pressed.before = pressed.before.saturating_add(after.unsigned_abs())).is_some()
    }

    fn begin(&mut self, event: &Event, ssrc: u32) -> Stance {
        self.near.statistics.events = self.near.statistics.events.saturating_add(1);
        // The end of the one before was lost.
        self.release();
        let Some(digit) = event.digit() else { return Stance::Passes };
        // A source beside that of the audio finds no place between its packets.
        let beside = self.far.as_ref().is_some_and(|far| far.outgoing.follows_another(ssrc));
        self.press(digit, Way::Event, 0, beside);
        match &self.near.keys.pressed {
            Some(Pressed { counts: true, dialled: false, .. }) => Stance::Passes,
            _ => Stance::Taken,
        }
    }

    /// The near peer sent audio; `newest` where none that is later has come.
    pub(super) fn audio(&mut self, header: &Header, law: Law, payload: &[u8], newest: bool) -> Stance {
        if newest && self.near.tells_by_tones() {
            self.listen(header, law, payload);
        }
        let pressed = self.near.keys.pressed.as_ref().is_some_and(|pressed| pressed.dialled);
        if pressed || self.far_dials() {
            return Stance::Taken;
        }
        // A far peer that listens to tones as well must not hear enough of one to count it again.
        let keypad = self.near.keypad.and_then(|id| self.keypads.get(id));
        let suspects = keypad.is_some_and(|keypad| keypad.detector.suspects()) && self.is_dialled(Way::Tone);
        if suspects { Stance::Muted } else { Stance::Passes }
    }

    /// The near peer sent comfort noise.
    pub(super) fn noise(&self) -> Stance {
        if self.far_dials() { Stance::Taken } else { Stance::Passes }
    }

    fn listen(&mut self, header: &Header, law: Law, mut payload: &[u8]) {
        let Some(id) = self.near.keypad else { return };
        let end = header.timestamp.plus(u32::try_from(payload.len()).unwrap_or(u32::MAX));
        let missing = self.keypads.get_mut(id).and_then(|keypad| {
            let before = keypad.heard.replace(end)?;
            let missing = !(0..=GAP).contains(&header.timestamp.since(before));
            missing.then(|| keypad.detector.miss()).flatten()
        });
        self.hear(missing);
        while let Some(heard) =
            self.keypads.get_mut(id).and_then(|keypad| keypad.detector.hear(law, &mut payload))
        {
            self.hear(Some(heard));
        }
        if let Some(pressed) = self.near.keys.pressed.as_mut().filter(|pressed| pressed.way == Way::Tone) {
            pressed.at = self.now;
        }
    }

    fn hear(&mut self, heard: Option<Heard>) {
        match heard {
            Some(Heard::Began(digit)) => {
                self.release();
                self.press(digit, Way::Tone, 0, false);
            }
            Some(Heard::Ended(_, length)) => {
                if let Some(pressed) =
                    self.near.keys.pressed.as_mut().filter(|pressed| pressed.way == Way::Tone)
                {
                    pressed.length = length;
                    self.release();
                }
            }
            None => {}
        }
    }

    /// Whether there is something to say or to do, now or soon.
    pub(super) fn is_restless(&self) -> bool {
        self.near.keys.pressed.is_some() || self.far_dials() || !self.told.is_empty()
    }

    /// Signalling heard that the near peer has pressed a key.
    pub(super) fn signal(&mut self, digit: Digit, duration: Duration) {
        let length = u32::try_from(super::samples(duration)).unwrap_or(u32::MAX);
        if self.near.keys.count(Way::Signal, self.now) {
            self.release();
            self.press(digit, Way::Signal, length, false);
            self.release();
        }
    }

    /// Takes the key that is down to be over when nothing was heard of it for long.
    pub(super) fn expire(&mut self) {
        if self.near.keys.deadline().is_some_and(|at| at <= self.now) {
            self.release();
        }
    }

    fn press(&mut self, digit: Digit, way: Way, length: u32, beside: bool) {
        let counts = self.near.keys.count(way, self.now);
        let dialled = counts && (self.is_dialled(way) || beside && self.far_hears()) && self.dial(digit);
        self.near.keys.pressed =
            Some(Pressed { digit, way, length, before: 0, at: self.now, counts, dialled });
    }

    /// Whether the far peer is told a key in other words than it came in.
    fn is_dialled(&self, way: Way) -> bool {
        let Some(peer) =
            self.far.as_ref().and_then(|far| far.peer.as_ref().filter(|peer| hears(peer) && !far.plays()))
        else {
            return false;
        };
        let takes_events = peer.profile.event_send.is_some();
        // Beside audio in packets of other lengths, events could not keep their timestamps.
        let repacked = self.far.as_ref().is_some_and(|far| far.packer.is_some());
        match way {
            Way::Event => !takes_events || repacked || self.far_dials(),
            Way::Tone => takes_events,
            Way::Signal => true,
        }
    }

    fn far_hears(&self) -> bool {
        self.far.as_ref().is_some_and(|far| !far.plays() && far.peer.as_ref().is_some_and(hears))
    }

    fn far_dials(&self) -> bool {
        let keypad = self.far.as_ref().and_then(|far| self.keypads.get(far.keypad?));
        keypad.is_some_and(|keypad| keypad.dial.is_busy())
    }

    /// Has the far leg say a key; false, and counted, when there is no room for that.
    fn dial(&mut self, digit: Digit) -> bool {
        let Some(far) = self.far.as_mut() else { return false };
        let free = far.free_at(self.now);
        let keypad = far.take_keypad(self.keypads).and_then(|id| self.keypads.get_mut(id));
        let dialled = keypad.is_some_and(|keypad| keypad.dial.press(digit, free));
        if !dialled {
            self.counters.add(Reason::DigitLost);
        }
        dialled
    }

    /// The key that is down, if one is, is over.
    pub(super) fn release(&mut self) {
        let Some(pressed) = self.near.keys.pressed.take() else { return };
        let Pressed { digit, way, length, counts, dialled, .. } = pressed;
        if !counts {
            return;
        }
        self.near.keys.leads = Some((way, self.now));
        if dialled
            && let Some(far) = self.far.as_ref()
            && let Some(keypad) = far.keypad.and_then(|id| self.keypads.get_mut(id))
        {
            keypad.dial.release(length);
        }
        let duration = Duration::from_micros(u64::from(length).saturating_mul(125));
        if self.told.push_back((self.stream, self.side, digit, duration)).is_err() {
            self.counters.add(Reason::DigitLost);
        }
    }
}

impl Leg {
    /// Whether the peer's keys are to be looked for in its audio.
    pub(super) fn tells_by_tones(&self) -> bool {
        self.peer
            .as_ref()
            .is_some_and(|peer| peer.profile.event_receive.is_none() && peer.direction.receives())
    }

    /// The leg's keypad, which it is given where it has none; none when there is no room.
    pub(super) fn take_keypad(&mut self, keypads: &mut Keypads<'_>) -> Option<Id<Keypad>> {
        if self.keypad.is_none_or(|id| keypads.get(id).is_none()) {
            self.keypad = keypads.insert(Keypad::NEW).ok();
        }
        self.keypad
    }

    /// Gives the keypad back.
    pub(super) fn leave_keypad(&mut self, keypads: &mut Keypads<'_>) {
        if let Some(id) = self.keypad.take() {
            keypads.remove(id);
        }
    }

    /// Whoever it hears is another one from here on: what of a key is being said to it is brought to its end, and what it
    /// presses is no longer said to that one.
    pub(super) fn part_keys(&mut self, keypads: &mut Keypads<'_>) {
        if let Some(keypad) = self.keypad.and_then(|id| keypads.get_mut(id)) {
            keypad.dial.release(0);
        }
        if let Some(pressed) = &mut self.keys.pressed {
            pressed.dialled = false;
        }
    }

    /// Someone else is there, or talks differently: what was heard is no part of what will be. False when the peer's
    /// keys cannot be heard, because there is no room for that.
    pub(super) fn forget_keys(&mut self, keypads: &mut Keypads<'_>) -> bool {
        if let Some(keypad) = self.keypad.and_then(|id| keypads.get_mut(id)) {
            *keypad = Keypad::NEW;
        }
        self.part_keys(keypads);
        self.keys.leads = None;
        if self.tells_by_tones() && self.take_keypad(keypads).is_none() {
            return false;
        }
        true
    }
}
