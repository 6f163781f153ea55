//! A stream: its sides, who of them hear each other, and what there is to say about it.

use core::net::SocketAddr;

use super::annex::Annex;
use super::keys::{Keying, Stance};
use super::leg::{Content, Leg, muxes};
use super::security::Protection;
use super::tape::{Channel, Piece, Tape};
use super::{Hop, Output, Peer, Play, Report, Side, StreamId, Verdict};
use crate::clip::{ClipId, Clips};
use crate::memory::{Id, Pool};
use crate::random::Random;
use crate::reason::Reason;
use crate::rtp::Digit;
use crate::rtp::rtcp::Ntp;
use crate::time::{Duration, Instant, Utc};

/// Time between two of our reports to one peer, on average (RFC 3550 section 6.2); each is between half and one
/// and a half of it (section 6.3.1), and the first is halved (section 6.2).
const INTERVAL: Duration = Duration::from_secs(5);

/// One open stream, in its place in [`Storage::streams`](super::Storage::streams).
///
/// It has room for two legs itself, which is what nearly every stream needs and all that packets of theirs touch.
/// Who comes third lies elsewhere, and moves in when one of the two leaves.
pub struct Stream {
    id: StreamId,
    /// By [`Side::index`].
    places: [Place; 3],
    /// Who hear each other.
    pair: Option<[Side; 2]>,
    legs: [Leg; 2],
    third: Option<Id<Third>>,
    /// Which side is recorded.
    tape: Option<(Side, Id<Tape>)>,
    /// By [`Side::index`].
    protections: [Protection; 3],
    /// A side whose peer's packets are not authentic, which has yet to be told.
    pub(super) strange: Option<Side>,
    state: State,
    /// That it is open has yet to be told.
    opened: bool,
}

/// A leg that found no room in its stream, in its place in [`Storage::thirds`](super::Storage::thirds).
pub struct Third(Leg);

/// Where the legs of all streams lie that found no room there.
pub(super) type Thirds<'s> = Pool<'s, Third>;

/// One side of a stream.
#[derive(Clone, Copy)]
struct Place {
    port: u16,
    /// Where its leg is; none when the side is not open.
    seat: Option<Seat>,
    /// That it is open has yet to be told.
    joined: bool,
    /// What is due is still said, then it is gone.
    parting: bool,
    /// It is to be sent a report.
    due: bool,
}

/// Where a leg is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seat {
    First,
    Second,
    Third,
}

enum State {
    /// No side has a peer yet.
    Fresh,
    /// At that time the peers are sent reports.
    Open(Instant),
    /// What is due is still said, then it is gone.
    Closing,
}

impl Place {
    const CLOSED: Self = Self { port: 0, seat: None, joined: false, parting: false, due: false };

    const fn open(port: u16, seat: Seat) -> Self {
        Self { port, seat: Some(seat), ..Self::CLOSED }
    }
}

impl Stream {
    pub(super) fn new(id: StreamId, [a, b]: [u16; 2], random: &mut Random) -> Self {
        let legs = [Leg::new(random), Leg::new(random)];
        let places = [Place::open(a, Seat::First), Place::open(b, Seat::Second), Place::CLOSED];
        let pair = Some([Side::A, Side::B]);
        Self {
            id,
            places,
            pair,
            legs,
            third: None,
            tape: None,
            protections: [Protection::Plain; 3],
            strange: None,
            state: State::Fresh,
            opened: true,
        }
    }

    pub(super) const fn id(&self) -> StreamId {
        self.id
    }

    /// Gives back what it has elsewhere.
    pub(super) fn release(mut self, annex: &mut Annex<'_>) {
        for side in Side::ALL {
            self.unsecure(side, &mut annex.contexts);
            if let (Some(leg), _) = self.legs(&mut annex.thirds, side, None) {
                leg.leave_keypad(&mut annex.keypads);
                leg.leave_packer(&mut annex.packers);
            }
        }
        if let Some((_, tape)) = self.tape {
            annex.tapes.end(tape);
        }
        if let Some(third) = self.third {
            annex.thirds.remove(third);
        }
    }

    /// Has a side recorded.
    pub(super) fn record(&mut self, now: Instant, side: Side, annex: &mut Annex<'_>) {
        let closing = matches!(self.state, State::Closing);
        if !closing && self.tape.is_none() && self.leg(&annex.thirds, side).is_some() {
            self.tape = annex.tapes.begin(now, self.id).map(|tape| (side, tape));
        }
    }

    const fn place(&self, side: Side) -> &Place {
        let [a, b, c] = &self.places;
        match side {
            Side::A => a,
            Side::B => b,
            Side::C => c,
        }
    }

    const fn place_mut(&mut self, side: Side) -> &mut Place {
        let [a, b, c] = &mut self.places;
        match side {
            Side::A => a,
            Side::B => b,
            Side::C => c,
        }
    }

    /// How a side's packets are protected.
    pub(super) const fn protection(&self, side: Side) -> Protection {
        let [a, b, c] = self.protections;
        match side {
            Side::A => a,
            Side::B => b,
            Side::C => c,
        }
    }

    pub(super) fn protect(&mut self, side: Side, protection: Protection) {
        if let Some(place) = self.protections.get_mut(side.index()) {
            *place = protection;
        }
    }

    /// The side that has this port, or the one before it.
    pub(super) fn side_at(&self, port: u16) -> Option<Side> {
        Side::ALL.into_iter().find(|side| self.place(*side).port == port & !1)
    }

    /// Whom a side hears, and who hears it.
    fn partner(&self, side: Side) -> Option<Side> {
        match self.pair {
            Some([one, other]) if one == side => Some(other),
            Some([one, other]) if other == side => Some(one),
            _ => None,
        }
    }

    /// A side's leg; none when it is not open, or not any more.
    fn leg<'l>(&'l self, thirds: &'l Thirds<'_>, side: Side) -> Option<&'l Leg> {
        let [first, second] = &self.legs;
        let place = self.place(side);
        match place.seat.filter(|_| !place.parting)? {
            Seat::First => Some(first),
            Seat::Second => Some(second),
            Seat::Third => thirds.get(self.third?).map(|Third(leg)| leg),
        }
    }

    /// Two sides' legs.
    pub(super) fn legs<'l>(
        &'l mut self,
        thirds: &'l mut Thirds<'_>,
        near: Side,
        far: Option<Side>,
    ) -> (Option<&'l mut Leg>, Option<&'l mut Leg>) {
        let near = self.place(near).seat;
        let far = far.map(|far| self.place(far)).filter(|far| !far.parting).and_then(|far| far.seat);
        let [first, second] = &mut self.legs;
        match (near, far) {
            (Some(Seat::First), Some(Seat::Second)) => (Some(first), Some(second)),
            (Some(Seat::Second), Some(Seat::First)) => (Some(second), Some(first)),
            _ => {
                let mut third = self.third.and_then(|id| thirds.get_mut(id)).map(|Third(leg)| leg);
                let (mut first, mut second) = (Some(first), Some(second));
                let mut take = |seat| match seat {
                    Some(Seat::First) => first.take(),
                    Some(Seat::Second) => second.take(),
                    Some(Seat::Third) => third.take(),
                    None => None,
                };
                (take(near), take(far))
            }
        }
    }

    pub(super) fn point(
        &mut self,
        now: Instant,
        side: Side,
        peer: Peer,
        random: &mut Random,
        annex: &mut Annex<'_>,
    ) {
        if self.leg(&annex.thirds, side).is_none() {
            return;
        }
        match self.state {
            State::Fresh => self.state = State::Open(now.after(half(interval(random)))),
            State::Open(_) => {}
            State::Closing => return,
        }
        let (near, far) = self.legs(&mut annex.thirds, side, self.partner(side));
        if let Some(near) = near
            && near.point(now, peer)
        {
            if !near.forget_keys(&mut annex.keypads) {
                annex.counters.add(Reason::DigitLost);
            }
            if let Some(far) = far {
                far.outgoing.interrupt();
                far.part_keys(&mut annex.keypads);
                far.drop_packed(&mut annex.packers);
            }
        }
        self.settle(now, annex);
    }

    /// Opens a side at this port, unless it is open already or there is no room.
    pub(super) fn join(&mut self, side: Side, port: u16, random: &mut Random, annex: &mut Annex<'_>) -> bool {
        if matches!(self.state, State::Closing) || self.place(side).seat.is_some() {
            return false;
        }
        let leg = Leg::new(random);
        let taken = |seat| self.places.iter().any(|place| place.seat == Some(seat));
        let (first, second) = (taken(Seat::First), taken(Seat::Second));
        let [at_first, at_second] = &mut self.legs;
        let seat = if !first {
            *at_first = leg;
            Seat::First
        } else if !second {
            *at_second = leg;
            Seat::Second
        } else {
            let Ok(third) = annex.thirds.insert(Third(leg)) else { return false };
            self.third = Some(third);
            Seat::Third
        };
        *self.place_mut(side) = Place { joined: true, ..Place::open(port, seat) };
        true
    }

    /// Says who hear each other from here on.
    pub(super) fn bridge(&mut self, now: Instant, pair: Option<[Side; 2]>, annex: &mut Annex<'_>) {
        let before = Side::ALL.map(|side| self.partner(side));
        self.pair = pair.filter(|[one, other]| one != other);
        for (side, before) in Side::ALL.into_iter().zip(before) {
            let partner = self.partner(side);
            let (Some(leg), _) = self.legs(&mut annex.thirds, side, None) else { continue };
            if partner != before {
                leg.outgoing.interrupt();
                leg.part_keys(&mut annex.keypads);
                leg.drop_packed(&mut annex.packers);
                leg.attend(now);
            }
            if partner.is_some() {
                leg.stop_endless();
            }
        }
        self.settle(now, annex);
    }

    /// Has a side hear something instead of whoever speaks to it, or no more of it where that is none.
    pub(super) fn play(&mut self, now: Instant, side: Side, what: Option<Play>, annex: &mut Annex<'_>) {
        if matches!(self.state, State::Closing) || self.leg(&annex.thirds, side).is_none() {
            return;
        }
        if let (Some(leg), _) = self.legs(&mut annex.thirds, side, None) {
            match what {
                Some(what) => leg.play(now, what),
                None => leg.stop(),
            }
        }
        self.settle(now, annex);
    }

    /// A side's peer was found elsewhere.
    pub(super) fn learn(&mut self, now: Instant, side: Side, source: SocketAddr, annex: &mut Annex<'_>) {
        if let (Some(leg), _) = self.legs(&mut annex.thirds, side, None) {
            leg.learn(now, source);
        }
        self.settle(now, annex);
    }

    /// Whether a side is played this clip.
    pub(super) fn plays(&self, clip: ClipId, thirds: &Thirds<'_>) -> bool {
        let plays = |side| self.leg(thirds, side).is_some_and(|leg| leg.plays_clip(clip));
        Side::ALL.into_iter().any(plays)
    }

    /// From here on one side only says what is left to be said. Its port, unless it was not open.
    pub(super) fn part(&mut self, now: Instant, side: Side, annex: &mut Annex<'_>) -> Option<u16> {
        if matches!(self.state, State::Closing) {
            return None;
        }
        let spoken = self.leg(&annex.thirds, side)?.has_spoken();
        self.keying(now, side, annex)?.release();
        if let (Some(leg), _) = self.legs(&mut annex.thirds, side, None) {
            leg.end(now);
        }
        let place = self.place_mut(side);
        (place.parting, place.due) = (true, spoken);
        let port = place.port;
        if let Some(partner) = self.partner(side)
            && let (Some(leg), _) = self.legs(&mut annex.thirds, partner, None)
        {
            leg.part_keys(&mut annex.keypads);
        }
        self.settle(now, annex);
        Some(port)
    }

    /// From here on it only says what is left to be said. The ports of its sides; none when it was closed before.
    pub(super) fn close(&mut self, now: Instant, annex: &mut Annex<'_>) -> [Option<u16>; 3] {
        if matches!(self.state, State::Closing) {
            return [None; 3];
        }
        self.state = State::Closing;
        Side::ALL.map(|side| {
            self.keying(now, side, annex)?.release();
            let spoken = self.leg(&annex.thirds, side)?.has_spoken();
            if let (Some(leg), _) = self.legs(&mut annex.thirds, side, None) {
                leg.player = None;
                leg.end(now);
            }
            let place = self.place_mut(side);
            place.due = spoken;
            Some(place.port)
        })
    }

    /// Has every side hear silence that hears nobody.
    fn settle(&mut self, now: Instant, annex: &mut Annex<'_>) {
        if matches!(self.state, State::Closing) {
            return;
        }
        for side in Side::ALL {
            let alone = self.is_alone(side, annex);
            if let (Some(leg), _) = self.legs(&mut annex.thirds, side, None) {
                leg.rest(now, alone);
            }
        }
    }

    /// Whether a side hears nobody. One who waits for the first word of a peer that is not there yet does not:
    /// silence would keep it from playing a ringing tone of its own.
    fn is_alone(&self, side: Side, annex: &Annex<'_>) -> bool {
        let Some(leg) = self.leg(&annex.thirds, side) else { return false };
        let Some(partner) = self.partner(side) else { return true };
        match self.leg(&annex.thirds, partner).and_then(|partner| partner.peer.as_ref()) {
            Some(peer) => !peer.direction.receives(),
            None => leg.sent.packets > 0,
        }
    }

    /// Carries a packet from one side to whom it speaks to.
    pub(super) fn forward(
        &mut self,
        now: Instant,
        side: Side,
        from: SocketAddr,
        packet: &mut [u8],
        annex: &mut Annex<'_>,
    ) -> Result<Verdict, Reason> {
        let tape = self.tape;
        let partner = self.partner(side);
        let port = partner.map_or(0, |partner| self.place(partner).port);
        let id = self.id;
        let Annex { thirds, keypads, packers, tapes, told, counters, restless, .. } = annex;
        let (near, mut far) = self.legs(thirds, side, partner);
        let near = near.ok_or(Reason::PortClosed)?;
        let received = near.receive(now, from, packet);
        if let (Some((recorded, tape)), Ok((header, Content::Audio(law), _))) = (tape, received) {
            let audio = packet.get(header.payload()).unwrap_or_default();
            let piece = Piece { ssrc: header.ssrc, timestamp: header.timestamp, law, audio };
            if recorded == side {
                tapes.put(now, tape, Channel::Says, &piece);
            } else if Some(recorded) == partner && far.as_ref().is_some_and(|far| !far.plays()) {
                tapes.put(now, tape, Channel::Hears, &piece);
            }
        }
        if let Ok((header, content, newest)) = received
            && (content == Content::Event
                || near.keypad.is_some()
                || far.as_ref().is_some_and(|far| far.keypad.is_some()))
        {
            let payload = packet.get(header.payload()).unwrap_or_default();
            let far = far.as_deref_mut();
            let mut keying = Keying { now, stream: id, side, near, far, keypads, told, counters };
            let stance = match content {
                Content::Event => keying.event(&header, payload),
                Content::Audio(law) => keying.audio(&header, law, payload, newest),
                Content::Noise => keying.noise(),
            };
            *restless |= keying.is_restless();
            match (stance, content) {
                (Stance::Taken, _) => return Ok(Verdict::Taken),
                (Stance::Muted, Content::Audio(law)) => {
                    packet.get_mut(header.payload()).unwrap_or_default().fill(law.encode(0));
                }
                _ => {}
            }
        }
        if let (Ok((header, Content::Audio(law), _)), Some(far)) = (received, &mut far)
            && far.repacks(header.payload().len())
            && let Some(audio) = packet.get_mut(header.payload())
            && far.pack(now, &header, law, audio, packers)
        {
            *restless = true;
            return Ok(Verdict::Taken);
        }
        let sent = match (received, &mut far) {
            (Ok((_, Content::Noise, _)), Some(far)) if !far.takes_noise() => {
                // A pause like one that is left out: time goes on, numbers do not.
                far.outgoing.interrupt();
                return Ok(Verdict::Taken);
            }
            (Ok((header, content, _)), Some(far)) => far.send(now, header, content, packet),
            (Ok(_), None) => Err(Reason::NoPeer),
            (Err(reason), _) => Err(reason),
        };
        match sent {
            Ok(to) => Ok(Verdict::Send(Hop { port, to, len: packet.len() })),
            Err(reason) => {
                // What we keep back must not look like loss to the other side.
                if let Some(far) = far.filter(|_| matches!(reason, Reason::NoPeer | Reason::WrongPayload)) {
                    far.outgoing.interrupt();
                }
                Err(reason)
            }
        }
    }

    /// Takes a key that one side's peer has pressed, as signalling heard.
    pub(super) fn press(
        &mut self,
        now: Instant,
        side: Side,
        digit: Digit,
        duration: Duration,
        annex: &mut Annex<'_>,
    ) {
        if let Some(mut keying) = self.keying(now, side, annex) {
            keying.signal(digit, duration);
        }
    }

    /// One side's keys, and who is to know them.
    fn keying<'x, 's>(
        &'x mut self,
        now: Instant,
        side: Side,
        annex: &'x mut Annex<'s>,
    ) -> Option<Keying<'x, 's>> {
        let (id, partner) = (self.id, self.partner(side));
        self.leg(&annex.thirds, side)?;
        let Annex { thirds, keypads, told, counters, .. } = annex;
        let (near, far) = self.legs(thirds, side, partner);
        Some(Keying { now, stream: id, side, near: near?, far, keypads, told, counters })
    }

    /// Whether what comes to a side's RTP port may be RTCP.
    pub(super) fn muxes(&self, side: Side, annex: &Annex<'_>) -> bool {
        self.leg(&annex.thirds, side).and_then(|leg| leg.peer.as_ref()).is_some_and(muxes)
    }

    /// Takes RTCP from one side's peer.
    pub(super) fn hear(
        &mut self,
        now: Instant,
        side: Side,
        from: SocketAddr,
        datagram: &[u8],
        annex: &mut Annex<'_>,
    ) -> Result<(), Reason> {
        let (leg, _) = self.legs(&mut annex.thirds, side, None);
        leg.ok_or(Reason::PortClosed)?.hear(now, from, datagram)
    }

    /// When it will next have something to say.
    pub(super) fn deadline(&self, annex: &Annex<'_>) -> Option<Instant> {
        let waits = self.places.iter().any(|place| place.joined || place.parting || place.due);
        let at = match self.state {
            _ if self.opened || waits || self.strange.is_some() => return Some(Instant::ZERO),
            State::Closing => return Some(Instant::ZERO),
            State::Open(at) => at,
            State::Fresh => return None,
        };
        let of = |leg: &Leg| {
            let now = leg.whence.has_to_tell().then_some(Instant::ZERO);
            [now, leg.due(&annex.keypads, &annex.packers), leg.whence.watch()]
        };
        let legs = Side::ALL.into_iter().filter_map(|side| self.leg(&annex.thirds, side));
        legs.flat_map(of).flatten().chain([at]).min()
    }

    /// The next thing it has to say; [`Report::Closed`] is the last.
    pub(super) fn speak(
        &mut self,
        now: Instant,
        utc: Option<Utc>,
        random: &mut Random,
        clips: &dyn Clips,
        out: &mut [u8],
        annex: &mut Annex<'_>,
    ) -> Option<Output> {
        let recorded = self.tape;
        if core::mem::take(&mut self.opened) {
            return Some(Output::Report(Report::Opened { stream: self.id }));
        }
        if let Some(side) = self.strange.take() {
            return Some(Output::Report(Report::NotAuthentic { stream: self.id, side }));
        }
        if let State::Open(at) = self.state
            && at <= now
        {
            self.places.iter_mut().for_each(|place| place.due = place.seat.is_some());
            self.state = State::Open(now.after(interval(random)));
        }
        let closing = matches!(self.state, State::Closing);
        let id = self.id;
        for side in Side::ALL {
            let place = self.place_mut(side);
            if core::mem::take(&mut place.joined) {
                return Some(Output::Report(Report::Joined { stream: self.id, side }));
            }
            let (due, parting, port) = (core::mem::take(&mut place.due), place.parting, place.port);
            if let (Some(leg), _) = self.legs(&mut annex.thirds, side, None) {
                if due && let Some((to, len)) = leg.report(now, Ntp::new(now, utc), closing || parting, out) {
                    let port = if leg.peer.as_ref().is_some_and(muxes) { port } else { port | 1 };
                    return Some(Output::Send(Hop { port, to, len }));
                }
                if parting {
                    let statistics = leg.statistics();
                    self.leave(side, annex);
                    if let Some((_, tape)) = self.tape.take_if(|(recorded, _)| *recorded == side) {
                        annex.tapes.end(tape);
                    }
                    return Some(Output::Report(Report::Parted { stream: self.id, side, statistics }));
                }
                if let Some(report) = leg.tell_of_source(now, id, side).filter(|_| !closing) {
                    return Some(Output::Report(report));
                }
                if let Some(clip) = leg.take_played(now) {
                    self.settle(now, annex);
                    return Some(Output::Report(Report::Played { stream: self.id, side, clip }));
                }
                let said = leg.unpack(now, &mut annex.packers, out);
                let said = said.or_else(|| leg.dial(now, &mut annex.keypads, out));
                let said = said.or_else(|| {
                    let played = leg.say(now, clips, &annex.keypads, out)?;
                    if let Some((_, tape)) = recorded.filter(|(recorded, _)| *recorded == side)
                        && let Some(piece) = leg.said(out.get(..played.1).unwrap_or_default())
                    {
                        annex.tapes.put(now, tape, Channel::Hears, &piece);
                    }
                    Some(played)
                });
                if let Some((to, len)) = said {
                    return Some(Output::Send(Hop { port, to, len }));
                }
            }
            if let Some(mut keying) = self.keying(now, side, annex) {
                keying.expire();
            }
        }
        closing.then(|| {
            let sides =
                Side::ALL.map(|side| self.leg(&annex.thirds, side).map(Leg::statistics).unwrap_or_default());
            Output::Report(Report::Closed { stream: self.id, sides })
        })
    }

    /// Frees a side's place. Who found no room in the stream has it now.
    fn leave(&mut self, side: Side, annex: &mut Annex<'_>) {
        self.unsecure(side, &mut annex.contexts);
        if let (Some(leg), _) = self.legs(&mut annex.thirds, side, None) {
            leg.leave_keypad(&mut annex.keypads);
            leg.leave_packer(&mut annex.packers);
        }
        let left = core::mem::replace(self.place_mut(side), Place::CLOSED);
        let third = self.third.take().and_then(|id| annex.thirds.remove(id));
        let [first, second] = &mut self.legs;
        match (left.seat, third) {
            (Some(Seat::First), Some(Third(leg))) => *first = leg,
            (Some(Seat::Second), Some(Third(leg))) => *second = leg,
            _ => {}
        }
        if let Some(moves) = self.places.iter_mut().find(|place| place.seat == Some(Seat::Third)) {
            moves.seat = left.seat;
        }
    }
}

fn half(duration: Duration) -> Duration {
    Duration::from_micros(duration.as_micros() / 2)
}

/// A time between half and one and a half of [`INTERVAL`].
fn interval(random: &mut Random) -> Duration {
    let micros = INTERVAL.as_micros();
    let part = micros.saturating_mul(random.next_u32().into()) >> 32;
    Duration::from_micros(micros / 2 + part)
}
