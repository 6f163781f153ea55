//! One worker: packets, controls and its relay's deadline, in turn.

use core::time::Duration;
use std::io;
use std::sync::mpsc::{Receiver, TryRecvError};

use mio::event::Event;
use mio::{Events, Poll, Token};
use warmline_core::relay::{Control, Hop, Output, Relay, Report, Side, StreamId, TAILROOM, Verdict};
use warmline_core::time::Instant;

use super::sockets::{Sockets, TELLS_AGAIN};
use super::{Order, Reports, Traffic, WAKER};
use crate::clips::Library;
use crate::clock::Clock;
use crate::config::Loaded;
use crate::room;

/// The largest datagram that is relayed, in bytes; audio packets are a tenth of it.
const LARGEST: usize = 2048;

/// How many datagrams of one socket are taken before the next socket's turn. There is mostly one: asking for a second
/// costs a system call a packet, and is left out where the poller tells of it.
const TURN: usize = if TELLS_AGAIN { 1 } else { 32 };

/// How many sockets are told of by one look at the poller.
const EVENTS: usize = 1024;

/// How many streams and sides are opened before packets' turn: their sockets take some 50 us each.
const OPENS: usize = 16;

/// How long reports wait that there was no room for.
const AGAIN: warmline_core::time::Duration = warmline_core::time::Duration::from_millis(1);

/// A stream, and the ports of its sides.
type Opened = (StreamId, [Option<u16>; 3]);

pub(super) struct Worker<'s> {
    relay: Relay<'s>,
    sockets: Sockets,
    /// The streams that were opened, by the number signalling gave them.
    opened: Vec<Option<Opened>>,
    /// Streams and sides whose sockets could not be opened, which signalling does not know yet.
    failed: Vec<(StreamId, Option<Side>)>,
    /// A report there was no room for.
    unsent: Option<Report>,
    /// Whether there may be more orders.
    ordered: bool,
    /// Sockets that had more to read when their turn was over.
    listed: Vec<u16>,
    poll: Poll,
    clock: Clock,
    clips: Library,
    reports: Reports,
    packet: Box<[u8; LARGEST + TAILROOM]>,
    traffic: Traffic,
}

impl Worker<'_> {
    /// Works until it is told to stop, or nobody is left to tell it. It may have so many sockets open.
    pub(super) fn run(
        loaded: &Loaded,
        seed: &[u8; 32],
        poll: Poll,
        clock: Clock,
        orders: &Receiver<Order>,
        reports: Reports,
        sockets: usize,
    ) {
        let config = loaded.lend();
        let calls = usize::try_from(loaded.capacity()).unwrap_or(usize::MAX);
        let mut room = room::Relaying::new(calls, &config);
        let relay = Relay::new(room.lend(), seed);
        let traffic =
            Traffic { streams: 0, received: 0, sent: 0, unsent: 0, dropped: relay.counters().clone() };
        let mut worker = Worker {
            relay,
            sockets: Sockets::new(&config, sockets),
            opened: vec![None; calls],
            failed: Vec::with_capacity(calls),
            unsent: None,
            ordered: false,
            listed: Vec::with_capacity(EVENTS),
            poll,
            clock,
            clips: loaded.clips().clone(),
            reports,
            packet: Box::new([0; LARGEST + TAILROOM]),
            traffic,
        };
        worker.turn(orders);
    }

    fn turn(&mut self, orders: &Receiver<Order>) {
        let mut events = Events::with_capacity(EVENTS);
        let mut deadline = None;
        loop {
            let timeout = self.timeout(deadline);
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    tracing::error!("a relay worker's poller fails: {error}");
                    std::thread::sleep(Duration::from_millis(10));
                }
                _ => {}
            }
            // Before packets: they may come from a peer that was told where to send them only after this.
            self.ordered |= events.iter().any(|event| event.token() == WAKER);
            let ordered = self.ordered;
            if ordered && !self.obey(orders) {
                return;
            }
            let mut waiting = self.listed.len();
            while let Some(left) = waiting.checked_sub(1) {
                waiting = left;
                let port = self.listed.swap_remove(left);
                if let Some(listed) = self.sockets.listed(port) {
                    *listed = false;
                }
                self.read(port);
            }
            for Token(port) in events.iter().map(Event::token).filter(|token| *token != WAKER) {
                self.read(u16::try_from(port).unwrap_or(0));
            }
            // A packet may have given the relay something to say at once.
            let due = earlier(deadline, self.relay.deadline());
            deadline = match ordered || due.is_some_and(|at| at <= self.clock.now()) {
                true => self.speak(),
                false => due,
            };
        }
    }

    /// How long to sleep.
    fn timeout(&self, deadline: Option<Instant>) -> Option<Duration> {
        if self.ordered || !self.listed.is_empty() {
            return Some(Duration::ZERO);
        }
        deadline.map(|at| self.clock.until(at))
    }

    /// Takes what came to a port, and sends it on.
    fn read(&mut self, port: u16) {
        let Some(socket) = self.sockets.get(port) else { return };
        let now = self.clock.now();
        for _ in 0..TURN {
            let (len, from) = match socket.recv_from(&mut self.packet[..LARGEST]) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An earlier packet found nobody there; the next may be better.
                Err(_) => continue,
            };
            self.traffic.received += 1;
            if len == LARGEST {
                self.traffic.unsent += 1;
                continue;
            }
            let verdict = self.relay.forward(now, port, from, &mut self.packet[..], len);
            if let Verdict::Send(hop) = verdict {
                send(&self.sockets, &mut self.traffic, hop, &self.packet[..]);
            }
        }
        if !TELLS_AGAIN
            && let Some(listed) = self.sockets.listed(port)
            && !core::mem::replace(listed, true)
        {
            self.listed.push(port);
        }
    }

    /// Does what it was told; false when that was to stop.
    fn obey(&mut self, orders: &Receiver<Order>) -> bool {
        let mut opened = 0;
        while opened < OPENS {
            match orders.try_recv() {
                Ok(Order::Control(control)) => {
                    opened += usize::from(matches!(control, Control::Open { .. } | Control::Join { .. }));
                    self.control(control);
                }
                Ok(Order::Clips(clips)) => self.clips.follow(&clips, |clip| self.relay.plays(clip)),
                Ok(Order::Tell(answer)) => {
                    self.traffic.streams = self.relay.streams();
                    self.traffic.dropped.clone_from(self.relay.counters());
                    // Whoever asked may have gone.
                    let _ = answer.try_send(self.traffic.clone());
                }
                Err(TryRecvError::Empty) => {
                    self.ordered = false;
                    return true;
                }
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return false,
            }
        }
        true
    }

    fn control(&mut self, control: Control) {
        match control {
            Control::Open { stream, ports: [a, b] } => {
                let place = usize::try_from(stream.index).ok().and_then(|index| self.opened.get_mut(index));
                let Some(place) = place.filter(|place| place.is_none()) else {
                    return self.failed.push((stream, None));
                };
                if let Err(error) = self.sockets.open(self.poll.registry(), &[a, b]) {
                    tracing::warn!("{error}");
                    return self.failed.push((stream, None));
                }
                *place = Some((stream, [Some(a), Some(b), None]));
            }
            Control::Join { stream, side, port } => {
                let place = place(&mut self.opened, stream, side).filter(|place| place.is_none());
                let Some(place) = place else { return self.failed.push((stream, Some(side))) };
                if let Err(error) = self.sockets.open(self.poll.registry(), &[port]) {
                    tracing::warn!("{error}");
                    return self.failed.push((stream, Some(side)));
                }
                *place = Some(port);
            }
            Control::Point { .. }
            | Control::Learn { .. }
            | Control::Bridge { .. }
            | Control::Play { .. }
            | Control::Stop { .. }
            | Control::Part { .. }
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
            match self.relay.poll(now, utc, &self.clips, &mut self.packet[..]) {
                Output::Send(hop) => send(&self.sockets, &mut self.traffic, hop, &self.packet[..]),
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
                ports.for_each(|port| self.sockets.close(port));
            }
            Report::NotJoined { stream, side } | Report::Parted { stream, side, .. } => {
                if let Some(port) = place(&mut self.opened, stream, side).and_then(Option::take) {
                    self.sockets.close(port);
                }
            }
            Report::Opened { .. }
            | Report::Joined { .. }
            | Report::Played { .. }
            | Report::Stranger { .. }
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

fn send(sockets: &Sockets, traffic: &mut Traffic, hop: Hop, packet: &[u8]) {
    let sent = sockets.get(hop.port).zip(packet.get(..hop.len)).is_some_and(|(socket, bytes)| {
        // A socket whose buffer is full drops, as the network would.
        socket.send_to(bytes, hop.to).is_ok()
    });
    if sent {
        traffic.sent += 1;
    } else {
        traffic.unsent += 1;
    }
}
