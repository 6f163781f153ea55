//! One worker: packets, controls and its relay's deadline, in turn.

use core::time::Duration;
use std::sync::mpsc::{Receiver, TryRecvError};

use warmline_core::relay::{Control, Output, Relay, Report, Side, StreamId, Verdict};
use warmline_core::time::Instant;

use super::plane::{LARGEST, Plane};
use super::{Order, Reports, Traffic};
use crate::clips::Library;
use crate::clock::Clock;
use crate::config::Loaded;
use crate::room;

/// How many streams and sides are opened before packets' turn: their sockets take some 50 us each.
const OPENS: usize = 16;

/// How long reports wait that there was no room for.
const AGAIN: warmline_core::time::Duration = warmline_core::time::Duration::from_millis(1);

/// A stream, and the ports of its sides.
type Opened = (StreamId, [Option<u16>; 3]);

pub(super) struct Worker<'s> {
    relay: Relay<'s>,
    plane: Plane,
    /// The streams that were opened, by the number signalling gave them.
    opened: Vec<Option<Opened>>,
    /// Streams and sides whose sockets could not be opened, which signalling does not know yet.
    failed: Vec<(StreamId, Option<Side>)>,
    /// A report there was no room for.
    unsent: Option<Report>,
    clock: Clock,
    clips: Library,
    reports: Reports,
    /// What is said of our own.
    packet: Box<[u8; LARGEST]>,
}

/// What became of the orders.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Obeyed {
    /// There were none.
    Nothing,
    /// All are done.
    All,
    /// There may be more.
    Some,
    /// The last was to stop, or nobody is left to give any.
    Stop,
}

impl Worker<'_> {
    /// Works until it is told to stop, or nobody is left to tell it.
    pub(super) fn run(
        loaded: &Loaded,
        seed: &[u8; 32],
        plane: Plane,
        clock: Clock,
        orders: &Receiver<Order>,
        reports: Reports,
    ) {
        let config = loaded.lend();
        let calls = usize::try_from(loaded.capacity()).unwrap_or(usize::MAX);
        let mut room = room::Relaying::new(calls, &config, loaded.recording().is_some());
        let mut worker = Worker {
            relay: Relay::new(room.lend(), seed),
            plane,
            opened: vec![None; calls],
            failed: Vec::with_capacity(calls),
            unsent: None,
            clock,
            clips: loaded.clips().clone(),
            reports,
            packet: Box::new([0; LARGEST]),
        };
        worker.turn(orders, loaded.media().spin);
    }

    /// Takes orders, packets and deadlines in turn. `spin` is how long it looks for more before it sleeps.
    fn turn(&mut self, orders: &Receiver<Order>, spin: warmline_core::time::Duration) {
        let mut deadline = None;
        let mut awake = Instant::ZERO;
        let mut waiting = Obeyed::Nothing;
        loop {
            let timeout = match waiting {
                Obeyed::Some => Some(Duration::ZERO),
                _ => self.timeout(deadline, awake),
            };
            if let Err(error) = self.plane.wait(timeout) {
                tracing::error!("a relay worker cannot wait for packets: {error}");
                std::thread::sleep(Duration::from_millis(10));
            }
            // Before packets: they may come from a peer that was told where to send them only after this.
            waiting = self.obey(orders);
            if waiting == Obeyed::Stop {
                return;
            }
            let now = self.clock.now();
            let (relay, recorder) = (&mut self.relay, self.reports.recorder());
            let came = self.plane.receive(|port, from, packet, len| {
                let verdict = relay.forward(now, port, from, packet, len);
                if let Some(recorder) = recorder {
                    recorder.take(relay);
                }
                match verdict {
                    Verdict::Send(hop) => Some(hop),
                    Verdict::Taken | Verdict::Drop(_) => None,
                }
            });
            // A packet may have given the relay something to say at once.
            let due = earlier(deadline, self.relay.deadline());
            deadline = match waiting != Obeyed::Nothing || due.is_some_and(|at| at <= now) {
                true => self.speak(),
                false => due,
            };
            if came || waiting != Obeyed::Nothing {
                awake = now.after(spin);
            }
        }
    }

    /// How long to sleep, from a time on.
    fn timeout(&self, deadline: Option<Instant>, awake: Instant) -> Option<Duration> {
        if awake > Instant::ZERO && self.clock.now() < awake {
            return Some(Duration::ZERO);
        }
        deadline.map(|at| self.clock.until(at))
    }

    /// Does what it was told.
    fn obey(&mut self, orders: &Receiver<Order>) -> Obeyed {
        let mut opened = 0;
        let mut obeyed = Obeyed::Nothing;
        while opened < OPENS {
            match orders.try_recv() {
                Ok(Order::Control(control)) => {
                    opened += usize::from(matches!(control, Control::Open { .. } | Control::Join { .. }));
                    self.control(control);
                }
                Ok(Order::Clips(clips)) => self.clips.follow(&clips, |clip| self.relay.plays(clip)),
                Ok(Order::Tell(answer)) => {
                    // Whoever asked may have gone.
                    let _ = answer.try_send(self.traffic());
                }
                Err(TryRecvError::Empty) => return obeyed,
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return Obeyed::Stop,
            }
            obeyed = Obeyed::All;
        }
        Obeyed::Some
    }

    fn traffic(&self) -> Traffic {
        let count = self.plane.count();
        Traffic {
            streams: self.relay.streams(),
            received: count.received,
            sent: count.sent,
            unsent: count.unsent,
            dropped: self.relay.counters().clone(),
        }
    }

    fn control(&mut self, control: Control) {
        match control {
            Control::Open { stream, ports: [a, b] } => {
                let place = usize::try_from(stream.index).ok().and_then(|index| self.opened.get_mut(index));
                let Some(place) = place.filter(|place| place.is_none()) else {
                    return self.failed.push((stream, None));
                };
                if let Err(error) = self.plane.open(&[a, b]) {
                    tracing::warn!("{error}");
                    return self.failed.push((stream, None));
                }
                *place = Some((stream, [Some(a), Some(b), None]));
            }
            Control::Join { stream, side, port } => {
                let place = place(&mut self.opened, stream, side).filter(|place| place.is_none());
                let Some(place) = place else { return self.failed.push((stream, Some(side))) };
                if let Err(error) = self.plane.open(&[port]) {
                    tracing::warn!("{error}");
                    return self.failed.push((stream, Some(side)));
                }
                *place = Some(port);
            }
            Control::Point { .. }
            | Control::Learn { .. }
            | Control::Secure { .. }
            | Control::Bridge { .. }
            | Control::Play { .. }
            | Control::Stop { .. }
            | Control::Record { .. }
            | Control::Part { .. }
            | Control::Press { .. }
            | Control::Close { .. } => {}
        }
        self.relay.control(self.clock.now(), control);
    }

    /// Says what the relay and the worker have to say; gives the time when there is more.
    fn speak(&mut self) -> Option<Instant> {
        let utc = Clock::utc();
        let now = self.clock.now();
        loop {
            if let Some(report) = self.unsent.take() {
                self.unsent = self.reports.send(report);
                if self.unsent.is_some() {
                    return Some(now.after(AGAIN));
                }
            }
            if let Some((stream, side)) = self.failed.pop() {
                self.unsent = Some(match side {
                    Some(side) => Report::NotJoined { stream, side },
                    None => Report::Failed { stream },
                });
                continue;
            }
            let output = self.relay.poll(now, utc, &self.clips, &mut self.packet[..]);
            if let Some(recorder) = self.reports.recorder() {
                recorder.take(&mut self.relay);
                if let Output::Report(Report::Closed { stream, .. }) = output {
                    recorder.end(stream);
                }
            }
            match output {
                Output::Send(hop) => self.plane.send(hop, &self.packet[..]),
                Output::Report(report) => {
                    self.over(report);
                    self.unsent = Some(report);
                }
                Output::Wait(deadline) => return deadline,
            }
        }
    }

    /// Closes the sockets of a stream, or a side, that is no more.
    fn over(&mut self, report: Report) {
        match report {
            Report::Failed { stream } | Report::Closed { stream, .. } => {
                let place = usize::try_from(stream.index).ok().and_then(|index| self.opened.get_mut(index));
                let ended = place.and_then(|place| place.take_if(|(opened, _)| *opened == stream));
                let ports = ended.into_iter().flat_map(|(_, ports)| ports).flatten();
                ports.for_each(|port| self.plane.close(port));
            }
            Report::NotJoined { stream, side } | Report::Parted { stream, side, .. } => {
                if let Some(port) = place(&mut self.opened, stream, side).and_then(Option::take) {
                    self.plane.close(port);
                }
            }
            Report::Opened { .. }
            | Report::Joined { .. }
            | Report::Played { .. }
            | Report::Digit { .. }
            | Report::Stranger { .. }
            | Report::NotSecured { .. }
            | Report::NotAuthentic { .. }
            | Report::Silent { .. } => {}
        }
    }
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

/// Where the port of a stream's side is written down; none where there is no such stream.
fn place(opened: &mut [Option<Opened>], stream: StreamId, side: Side) -> Option<&mut Option<u16>> {
    let (open, ports) = opened.get_mut(usize::try_from(stream.index).ok()?)?.as_mut()?;
    ports.get_mut(side.index()).filter(|_| *open == stream)
}
