//! A stream: two sides, and what there is to say about it.

use core::net::SocketAddr;

use super::leg::Leg;
use super::{Hop, Output, Peer, Report, Side, Statistics, StreamId};
use crate::random::Random;
use crate::reason::Reason;
use crate::rtp::rtcp::Ntp;
use crate::time::{Duration, Instant, Utc};

/// Time between two of our reports to one peer, on average (RFC 3550 section 6.2); each is between half and one
/// and a half of it (section 6.3.1), and the first is halved (section 6.2).
const INTERVAL: Duration = Duration::from_secs(5);

/// One open stream, in its place in [`Storage::streams`](super::Storage::streams).
pub struct Stream {
    id: StreamId,
    ports: [u16; 2],
    legs: [Leg; 2],
    state: State,
    /// That it is open has yet to be told.
    opened: bool,
    /// Which sides are to be sent a report.
    due: [bool; 2],
}

enum State {
    /// No side has a peer yet.
    Fresh,
    /// At that time the peers are sent reports.
    Open(Instant),
    /// What is due is still said, then it is gone.
    Closing,
}

impl Stream {
    pub(super) fn new(id: StreamId, ports: [u16; 2], random: &mut Random) -> Self {
        let legs = [Leg::new(random), Leg::new(random)];
        Self { id, ports, legs, state: State::Fresh, opened: true, due: [false; 2] }
    }

    pub(super) const fn id(&self) -> StreamId {
        self.id
    }

    pub(super) const fn ports(&self) -> [u16; 2] {
        self.ports
    }

    /// The sides: `side` itself, and the other one.
    const fn legs(&mut self, side: Side) -> (&mut Leg, &mut Leg) {
        let [a, b] = &mut self.legs;
        match side {
            Side::A => (a, b),
            Side::B | Side::C => (b, a),
        }
    }

    pub(super) fn point(&mut self, now: Instant, side: Side, peer: Peer, random: &mut Random) {
        match self.state {
            State::Fresh => self.state = State::Open(now.after(half(interval(random)))),
            State::Open(_) => {}
            State::Closing => return,
        }
        let (near, far) = self.legs(side);
        if near.point(peer) {
            near.outgoing.interrupt();
            far.outgoing.interrupt();
        }
    }

    /// From here on it only says what is left to be said. False when it was closed before.
    pub(super) fn close(&mut self) -> bool {
        if matches!(self.state, State::Closing) {
            return false;
        }
        self.state = State::Closing;
        let [a, b] = &self.legs;
        self.due = [a.has_spoken(), b.has_spoken()];
        true
    }

    /// Carries a packet from one side to the other.
    pub(super) fn forward(
        &mut self,
        now: Instant,
        side: Side,
        from: SocketAddr,
        packet: &mut [u8],
    ) -> Result<Hop, Reason> {
        let [port_a, port_b] = self.ports;
        let port = match side {
            Side::A => port_b,
            Side::B | Side::C => port_a,
        };
        let (near, far) = self.legs(side);
        let sent = match near.receive(now, from, packet) {
            Ok((header, content)) => far.send(now, header, content, packet),
            Err(reason) => Err(reason),
        };
        match sent {
            Ok(to) => Ok(Hop { port, to, len: packet.len() }),
            Err(reason) => {
                // What we keep back must not look like loss to the other side.
                if matches!(reason, Reason::NoPeer | Reason::WrongPayload) {
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
    ) -> Result<(), Reason> {
        self.legs(side).0.hear(now, from, datagram)
    }

    /// When it will next have something to say.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            _ if self.opened || self.due.contains(&true) => Some(Instant::ZERO),
            State::Closing => Some(Instant::ZERO),
            State::Open(at) => Some(at),
            State::Fresh => None,
        }
    }

    /// The next thing it has to say; [`Report::Closed`] is the last.
    pub(super) fn speak(
        &mut self,
        now: Instant,
        utc: Option<Utc>,
        random: &mut Random,
        out: &mut [u8],
    ) -> Option<Output> {
        if core::mem::take(&mut self.opened) {
            return Some(Output::Report(Report::Opened { stream: self.id }));
        }
        if let State::Open(at) = self.state
            && at <= now
        {
            self.due = [true; 2];
            self.state = State::Open(now.after(interval(random)));
        }
        let bye = matches!(self.state, State::Closing);
        for ((leg, due), port) in self.legs.iter_mut().zip(&mut self.due).zip(self.ports) {
            if core::mem::take(due)
                && let Some((to, len)) = leg.report(now, Ntp::new(now, utc), bye, out)
            {
                return Some(Output::Send(Hop { port: port | 1, to, len }));
            }
        }
        let [a, b] = &self.legs;
        bye.then(|| {
            Output::Report(Report::Closed {
                stream: self.id,
                sides: [a.statistics(), b.statistics(), Statistics::default()],
            })
        })
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
