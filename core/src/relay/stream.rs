//! A stream: its sides, who of them hear each other, and what there is to say about it.

use core::net::SocketAddr;

use super::leg::Leg;
use super::{Hop, Output, Peer, Play, Report, Side, StreamId};
use crate::clip::{ClipId, Clips};
use crate::memory::{Id, Pool};
use crate::random::Random;
use crate::reason::Reason;
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
        Self { id, places, pair, legs, third: None, state: State::Fresh, opened: true }
    }

    pub(super) const fn id(&self) -> StreamId {
        self.id
    }

    /// Where one of its legs lies elsewhere.
    pub(super) const fn third(&self) -> Option<Id<Third>> {
        self.third
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
    fn legs<'l>(
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
        thirds: &mut Thirds<'_>,
    ) {
        if self.leg(thirds, side).is_none() {
            return;
        }
        match self.state {
            State::Fresh => self.state = State::Open(now.after(half(interval(random)))),
            State::Open(_) => {}
            State::Closing => return,
        }
        let (near, far) = self.legs(thirds, side, self.partner(side));
        if near.is_some_and(|near| near.point(now, peer))
            && let Some(far) = far
        {
            far.outgoing.interrupt();
        }
        self.settle(now, thirds);
    }

    /// Opens a side at this port, unless it is open already or there is no room.
    pub(super) fn join(
        &mut self,
        side: Side,
        port: u16,
        random: &mut Random,
        thirds: &mut Thirds<'_>,
    ) -> bool {
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
            let Ok(third) = thirds.insert(Third(leg)) else { return false };
            self.third = Some(third);
            Seat::Third
        };
        *self.place_mut(side) = Place { joined: true, ..Place::open(port, seat) };
        true
    }

    /// Says who hear each other from here on.
    pub(super) fn bridge(&mut self, now: Instant, pair: Option<[Side; 2]>, thirds: &mut Thirds<'_>) {
        let before = Side::ALL.map(|side| self.partner(side));
        self.pair = pair.filter(|[one, other]| one != other);
        for (side, before) in Side::ALL.into_iter().zip(before) {
            let partner = self.partner(side);
            let (Some(leg), _) = self.legs(thirds, side, None) else { continue };
            if partner != before {
                leg.outgoing.interrupt();
                leg.attend(now);
            }
            if partner.is_some() {
                leg.stop_endless();
            }
        }
        self.settle(now, thirds);
    }

    /// Has a side hear something instead of whoever speaks to it, or no more of it where that is none.
    pub(super) fn play(&mut self, now: Instant, side: Side, what: Option<Play>, thirds: &mut Thirds<'_>) {
        if matches!(self.state, State::Closing) || self.leg(thirds, side).is_none() {
            return;
        }
        if let (Some(leg), _) = self.legs(thirds, side, None) {
            match what {
                Some(what) => leg.play(now, what),
                None => leg.stop(),
            }
        }
        self.settle(now, thirds);
    }

    /// A side's peer was found elsewhere.
    pub(super) fn learn(&mut self, now: Instant, side: Side, source: SocketAddr, thirds: &mut Thirds<'_>) {
        if let (Some(leg), _) = self.legs(thirds, side, None) {
            leg.learn(now, source);
        }
        self.settle(now, thirds);
    }

    /// Whether a side is played this clip.
    pub(super) fn plays(&self, clip: ClipId, thirds: &Thirds<'_>) -> bool {
        let plays = |side| self.leg(thirds, side).is_some_and(|leg| leg.plays_clip(clip));
        Side::ALL.into_iter().any(plays)
    }

    /// From here on one side only says what is left to be said. Its port, unless it was not open.
    pub(super) fn part(&mut self, now: Instant, side: Side, thirds: &mut Thirds<'_>) -> Option<u16> {
        if matches!(self.state, State::Closing) {
            return None;
        }
        let spoken = self.leg(thirds, side)?.has_spoken();
        let place = self.place_mut(side);
        (place.parting, place.due) = (true, spoken);
        let port = place.port;
        self.settle(now, thirds);
        Some(port)
    }

    /// From here on it only says what is left to be said. The ports of its sides; none when it was closed before.
    pub(super) fn close(&mut self, thirds: &mut Thirds<'_>) -> [Option<u16>; 3] {
        if matches!(self.state, State::Closing) {
            return [None; 3];
        }
        self.state = State::Closing;
        Side::ALL.map(|side| {
            let spoken = self.leg(thirds, side)?.has_spoken();
            if let (Some(leg), _) = self.legs(thirds, side, None) {
                leg.player = None;
            }
            let place = self.place_mut(side);
            place.due = spoken;
            Some(place.port)
        })
    }

    /// Has every side hear silence that hears nobody.
    fn settle(&mut self, now: Instant, thirds: &mut Thirds<'_>) {
        if matches!(self.state, State::Closing) {
            return;
        }
        for side in Side::ALL {
            let alone = self.is_alone(side, thirds);
            if let (Some(leg), _) = self.legs(thirds, side, None) {
                leg.rest(now, alone);
            }
        }
    }

    /// Whether a side hears nobody. One who waits for the first word of a peer that is not there yet does not:
    /// silence would keep it from playing a ringing tone of its own.
    fn is_alone(&self, side: Side, thirds: &Thirds<'_>) -> bool {
        let Some(leg) = self.leg(thirds, side) else { return false };
        let Some(partner) = self.partner(side) else { return true };
        match self.leg(thirds, partner).and_then(|partner| partner.peer.as_ref()) {
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
        thirds: &mut Thirds<'_>,
    ) -> Result<Hop, Reason> {
        let partner = self.partner(side);
        let port = partner.map_or(0, |partner| self.place(partner).port);
        let (near, mut far) = self.legs(thirds, side, partner);
        let near = near.ok_or(Reason::PortClosed)?;
        let sent = match (near.receive(now, from, packet), &mut far) {
            (Ok((header, content)), Some(far)) => far.send(now, header, content, packet),
            (Ok(_), None) => Err(Reason::NoPeer),
            (Err(reason), _) => Err(reason),
        };
        match sent {
            Ok(to) => Ok(Hop { port, to, len: packet.len() }),
            Err(reason) => {
                // What we keep back must not look like loss to the other side.
                if let Some(far) = far.filter(|_| matches!(reason, Reason::NoPeer | Reason::WrongPayload)) {
                    far.outgoing.interrupt();
                }
                Err(reason)
            }
        }
    }

    /// Takes RTCP from one side's peer.
    pub(super) fn hear(
        &mut self,
        now: Instant,
        side: Side,
        from: SocketAddr,
        datagram: &[u8],
        thirds: &mut Thirds<'_>,
    ) -> Result<(), Reason> {
        let (leg, _) = self.legs(thirds, side, None);
        leg.ok_or(Reason::PortClosed)?.hear(now, from, datagram)
    }

    /// When it will next have something to say.
    pub(super) fn deadline(&self, thirds: &Thirds<'_>) -> Option<Instant> {
        let waits = self.places.iter().any(|place| place.joined || place.parting || place.due);
        let at = match self.state {
            _ if self.opened || waits => return Some(Instant::ZERO),
            State::Closing => return Some(Instant::ZERO),
            State::Open(at) => at,
            State::Fresh => return None,
        };
        let of = |leg: &Leg| {
            let now = leg.whence.has_to_tell().then_some(Instant::ZERO);
            [now, leg.player_due(), leg.whence.watch()]
        };
        let legs = Side::ALL.into_iter().filter_map(|side| self.leg(thirds, side));
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
        thirds: &mut Thirds<'_>,
    ) -> Option<Output> {
        if core::mem::take(&mut self.opened) {
            return Some(Output::Report(Report::Opened { stream: self.id }));
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
            if let (Some(leg), _) = self.legs(thirds, side, None) {
                if due && let Some((to, len)) = leg.report(now, Ntp::new(now, utc), closing || parting, out) {
                    return Some(Output::Send(Hop { port: port | 1, to, len }));
                }
                if parting {
                    let statistics = leg.statistics();
                    self.leave(side, thirds);
                    return Some(Output::Report(Report::Parted { stream: self.id, side, statistics }));
                }
                if let Some(report) = leg.tell_of_source(now, id, side).filter(|_| !closing) {
                    return Some(Output::Report(report));
                }
                if let Some(clip) = leg.take_played(now) {
                    self.settle(now, thirds);
                    return Some(Output::Report(Report::Played { stream: self.id, side, clip }));
                }
                if let Some((to, len)) = leg.say(now, clips, out) {
                    return Some(Output::Send(Hop { port, to, len }));
                }
            }
        }
        closing.then(|| {
            let sides = Side::ALL.map(|side| self.leg(thirds, side).map(Leg::statistics).unwrap_or_default());
            Output::Report(Report::Closed { stream: self.id, sides })
        })
    }

    /// Frees a side's place. Who found no room in the stream has it now.
    fn leave(&mut self, side: Side, thirds: &mut Thirds<'_>) {
        let left = core::mem::replace(self.place_mut(side), Place::CLOSED);
        let third = self.third.take().and_then(|id| thirds.remove(id));
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
