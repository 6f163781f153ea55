//! How a call goes on: ports, targets, timers, and its end.

use core::net::{IpAddr, SocketAddr};

use crate::call::{
    Addresses, CallId, Causes, Leg, LegId, LegState, Pending, Plan, Progress, SessionTimer, Stream, Todo,
    call_of,
};
use crate::config::{Config, Target, TargetIndex, TrunkIndex};
use crate::dialog::Dialog;
use crate::g711::Law;
use crate::locate::{Found, Place};
use crate::memory::{Chain, Ports};
use crate::reason::Reason;
use crate::relay::{Report, Side};
use crate::sdp::Agreed;
use crate::time::Duration;
use crate::transaction::{Asked, Due};
use crate::transport::Path;

use super::addresses::Failing;
use super::identity::told;
use super::security::not_in_the_open;
use super::sessions::first_branch;
use super::{About, Binding, Command, Cx, Output, Question, Sbc};

/// How long the host may take to open ports or to look an address up.
const HOST_PATIENCE: Duration = Duration::from_secs(5);

impl Sbc<'_> {
    pub(super) fn media(&mut self, cx: &Cx<'_>, report: Report) {
        let (stream, report) = match report {
            Report::Opened { stream } => (stream, None),
            Report::Failed { stream } => (stream, Some(None)),
            Report::Closed { stream, sides } => (stream, Some(Some(sides))),
            Report::Joined { stream, side } => return self.joined(cx, call_of(stream), side, true),
            Report::NotJoined { stream, side } => return self.joined(cx, call_of(stream), side, false),
            Report::Played { stream, side, clip } => {
                return self.played(cx, call_of(stream), side, clip);
            }
            Report::Parted { stream, side, .. } => return self.parted(cx, call_of(stream), side),
            Report::Digit { stream, side, digit, duration } => {
                self.key_pressed(cx, call_of(stream), side, digit);
                return self.digit(stream, side, digit, duration);
            }
            Report::Stranger { stream, side, from, may_be_it } => {
                return self.sighted(cx, call_of(stream), side, from, may_be_it);
            }
            Report::NotSecured { stream, .. } => {
                self.counters.add(Reason::SrtpFull);
                return self.end(cx, call_of(stream), Reason::SrtpFull);
            }
            Report::NotAuthentic { stream, side } => return self.not_authentic(call_of(stream), side),
            Report::Silent { stream, side } => return self.silent(cx, call_of(stream), side),
        };
        let id = call_of(stream);
        if matches!(report, Some(None)) && self.open_elsewhere(cx, id) {
            return self.wake(id);
        }
        let Some(call) = self.calls.get_mut(id) else { return };
        match report {
            None if call.stream == Stream::Opening => {
                call.stream = Stream::Open;
                call.pending.add(Pending::POINT_A);
                call.pending.add(Pending::POINT_B);
                if call.progress == Progress::Answered {
                    // It was restored, and goes on.
                    self.clock.cancel(id.index());
                    self.wants_recording(cx.config, id);
                }
                self.next_target(cx, id);
            }
            None => {}
            Some(statistics) => {
                let of = |side: Side| statistics.as_ref().and_then(|sides| sides.get(side.index()).copied());
                call.statistics = call.bridge.map(|side| of(side).unwrap_or_default());
                if matches!(call.stream, Stream::Opening | Stream::Open) {
                    self.end(cx, id, Reason::MediaFailed);
                }
                self.closed(id);
            }
        }
        self.wake(id);
    }

    /// Asks the relay for other ports: another program may have had one of those it could not open. Whether there are
    /// others, and this was not the last attempt.
    fn open_elsewhere(&mut self, cx: &Cx<'_>, id: CallId) -> bool {
        let Some(call) = self.calls.get_mut(id) else { return false };
        let left = call.openings.checked_sub(1).filter(|_| call.progress == Progress::Opening);
        let Some(left) = left else { return false };
        call.openings = left;
        let (line, old) = (call.line, call.ports);
        let caller = call.first.and_then(|leg| self.legs.get(leg)).map(|leg| leg.path.listener);
        // The old ones are given back later, so that they are not the ones that come.
        let new =
            caller.ok_or(Reason::NoPort).and_then(|listener| self.take_ports(cx.config, line, listener));
        let Ok(ports) = new else { return false };
        old.iter().for_each(|&port| self.ports.give_back(port));
        if let Some(call) = self.calls.get_mut(id) {
            let [a, b] = ports;
            call.ports = [a, b, 0];
            call.worker = Ports::worker(ports[0], cx.config.node.workers);
            call.pending.add(Pending::OPEN);
        }
        self.guard(cx, id);
        true
    }

    /// The relay holds nothing of this call any more.
    fn closed(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(id) else { return };
        if call.stream == Stream::Closed {
            return;
        }
        call.stream = Stream::Closed;
        call.pending.take(Pending::CLOSE);
        call.pending.add(Pending::ENDED);
        let ports = call.ports;
        ports.iter().for_each(|&port| self.ports.give_back(port));
        self.clock.cancel(id.index());
    }

    pub(super) fn resolved(&mut self, cx: &Cx<'_>, question: Question, found: &[Found]) {
        let id = match question.about {
            About::Call(id) => id,
            About::Trunk(trunk) => {
                self.registrar_resolved(cx, trunk, question.target, found);
                return self.pings_resolved(cx, question.target, found);
            }
        };
        let Some(call) = self.calls.get(id) else { return };
        if call.progress != Progress::Resolving || call.target != Some(question.target) {
            return;
        }
        let Some(ring) = call.ring(cx.config) else { return };
        let Some(target) = cx.config.target(question.target) else { return };
        let addresses = self.in_turn(cx, Some(id), target, found);
        if let Err(reason) = self.ring_in_turn(cx, id, &ring, target, &addresses) {
            self.target_failed(cx, id, reason, None);
        }
        self.wake(id);
    }

    pub(super) fn command(&mut self, cx: &Cx<'_>, command: Command) {
        match command {
            Command::Drain => {
                self.draining = true;
                self.leave_registrars(cx, |_| true);
                self.time_pings(cx.config);
            }
            Command::HangUp(call) => self.end(cx, call, Reason::Stopped),
            Command::Ticket { call, ticket } => self.ticket_comes(cx, call, ticket),
            Command::HangUpAll => {
                for index in 0..u32::try_from(self.calls.capacity()).unwrap_or(u32::MAX) {
                    if let Some(call) = self.calls.id_at(index) {
                        self.end(cx, call, Reason::Stopped);
                    }
                }
            }
        }
    }

    /// A target was not reached: the next one of the line's plan is.
    pub(super) fn target_failed(&mut self, cx: &Cx<'_>, id: CallId, reason: Reason, status: Option<u16>) {
        self.counters.add(reason);
        let Some(call) = self.calls.get_mut(id) else { return };
        call.failure = Some((reason, status));
        if status.is_none() {
            call.identity.causes = Causes::NONE;
        }
        call.called = None;
        call.addresses = Addresses::EMPTY;
        self.next_target(cx, id);
    }

    /// Rings the target that the line's plan has next, or ends the call when there is none.
    pub(super) fn next_target(&mut self, cx: &Cx<'_>, id: CallId) {
        loop {
            let Some(call) = self.calls.get_mut(id) else { return };
            if matches!(call.progress, Progress::Ended(_) | Progress::Answered) {
                return;
            }
            if call.plan == Plan::New {
                return self.line_begins(cx, id);
            }
            let Some(ring) = call.next_ring(cx.config).filter(|_| !call.has_waited(cx.now)) else {
                let reason = match call.failure {
                    _ if call.has_waited(cx.now) => Reason::WaitedTooLong,
                    Some((reason, _)) => reason,
                    None => Reason::NoAnswer,
                };
                return self.unreached(cx, id, reason);
            };
            call.target = Some(ring.target);
            let Some(target) = cx.config.target(ring.target) else {
                return self.unreached(cx, id, Reason::TargetUnresolved);
            };
            if self.waits_for_ticket(cx, id, target) {
                return;
            }
            let there = self.may_be_told(cx, id, target).and_then(|()| self.has_place(cx, id, target));
            if there == Ok(false) {
                return;
            }
            if let Some(call) = self.calls.get_mut(id) {
                call.tries_next();
            }
            let rung = match there.and_then(|_| self.may_ring(cx, target)) {
                Err(reason) => Err(reason),
                Ok(()) => match self.address_of(cx, target) {
                    Some(address) => {
                        address.and_then(|address| self.ring_in_turn(cx, id, &ring, target, &[address]))
                    }
                    None => {
                        self.ask(cx, id);
                        Ok(())
                    }
                },
            };
            match rung {
                Ok(()) => return self.wake(id),
                Err(reason) => {
                    self.counters.add(reason);
                    let Some(call) = self.calls.get_mut(id) else { return };
                    call.failure = Some((reason, None));
                }
            }
        }
    }

    fn ask(&mut self, cx: &Cx<'_>, id: CallId) {
        if let Some(call) = self.calls.get_mut(id) {
            call.progress = Progress::Resolving;
            call.pending.add(Pending::RESOLVE);
        }
        self.guard(cx, id);
    }

    /// Whether the target's trunk takes one more call now.
    pub(super) fn may_ring(&mut self, cx: &Cx<'_>, target: &Target) -> Result<(), Reason> {
        let trunk = cx.config.trunk(target.trunk).ok_or(Reason::TargetUnresolved)?;
        let state = self.trunks.get_mut(usize::from(target.trunk.0)).ok_or(Reason::TargetUnresolved)?;
        state.take(cx.now, trunk)
    }

    /// Rings `target` at `address`.
    pub(super) fn ring(
        &mut self,
        cx: &Cx<'_>,
        id: CallId,
        index: TargetIndex,
        target: &Target,
        address: SocketAddr,
    ) -> Result<(), Reason> {
        let config = cx.config;
        let trunk = config.trunk(target.trunk).ok_or(Reason::TargetUnresolved)?;
        let (listener, interface) = config.listener(trunk.listener).ok_or(Reason::TargetUnresolved)?;
        let call = self.calls.get(id).ok_or(Reason::NoSuchCall)?;

        let caller = call.first.and_then(|leg| self.legs.get(leg));
        let from = told(config, trunk, interface, call, caller).ok_or(Reason::MessageTooLarge)?;
        let path = Path { transport: listener.transport, listener: trunk.listener, flow: 0, remote: address };
        let bound = self.bound(cx, target).transpose()?.copied();
        let (uri, path) = match &bound {
            Some(binding) => (binding.contact(), binding.path()),
            None => (config.text(target.uri), path),
        };
        not_in_the_open(None, trunk, trunk.srtp, path.transport)?;
        let dialog = Dialog::call(&mut self.random, &[&from], uri);
        let dialog = dialog.map_err(|_| Reason::MessageTooLarge)?;

        let mut todo = Todo::default();
        todo.add(Todo::INVITE);
        let branch = first_branch(self.random.next_u64());
        let session = self.random.next_u64() >> 2;
        let place = self.calls.get(id).map_or(Side::B, |call| call.rung);
        let keys = self.keys(trunk, path.transport);
        let leg = Leg {
            timer: SessionTimer::offering(Law::Mu),
            place,
            user: bound.as_ref().map_or(0, Binding::user),
            target: index,
            todo,
            branch,
            offered: true,
            keys,
            ..Leg::new(id, Side::B, target.trunk, path, dialog, session)
        };
        self.join(id, leg, None)?;
        if let Some(call) = self.calls.get_mut(id) {
            call.progress = Progress::Ringing;
            call.pending.add(Pending::COURSE);
        }
        self.time_ringing(cx, id, true);
        Ok(())
    }

    /// Takes over what was agreed on with a leg's peer, and has the relay told.
    pub(super) fn set_agreed(&mut self, call: CallId, id: LegId, agreed: Agreed) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        let before = leg.agreed.replace(agreed);
        let (other, place) = (before != Some(agreed), leg.place);
        if let Some(call) = self.calls.get_mut(call) {
            call.keyed.expire(place);
            if call.stream == Stream::Open {
                call.pending.add(match place {
                    Side::A => Pending::POINT_A,
                    Side::B => Pending::POINT_B,
                    Side::C => Pending::POINT_C,
                });
                // Who made no offer is played nothing before its answer has come.
                if before.is_none() && call.anchor == Some(id) && call.is_waited_in() {
                    call.pending.add(Pending::BRIDGE);
                }
            }
            if other {
                call.unsettle();
            }
        }
        self.wake(call);
    }

    /// Ends a call, once: every leg in the way its state asks for.
    pub(super) fn end(&mut self, cx: &Cx<'_>, id: CallId, reason: Reason) {
        let Some(call) = self.calls.get_mut(id) else { return };
        if matches!(call.progress, Progress::Ended(_)) {
            return;
        }
        call.unsettle();
        if call.answered.is_some() || call.hears {
            call.pending.add(Pending::SETTLED);
        }
        call.comes_to(reason);
        call.progress = Progress::Ended(reason);
        call.ended = Some(cx.now);
        self.blocks.free(core::mem::replace(&mut call.identity.carried, Chain::EMPTY));
        call.pending.take(Pending::RESOLVE);
        let never_opened = call.pending.take(Pending::OPEN);
        if !never_opened && call.stream != Stream::Closed {
            call.stream = Stream::Closing;
            call.pending.add(Pending::CLOSE);
            self.guard(cx, id);
        }
        self.transfer_ends(cx, id, reason);
        let mut leg = self.leg_after(id, None);
        while let Some(this) = leg {
            self.hang_up(cx, this, reason);
            leg = self.leg_after(id, leg);
        }
        if never_opened {
            self.closed(id);
        }
        self.wake(id);
    }

    /// Sets the call's timer to how long the host may take.
    pub(super) fn guard(&mut self, cx: &Cx<'_>, id: CallId) {
        self.clock.set(id.index(), cx.now.after(HOST_PATIENCE));
    }

    /// Does what the earliest timer that has run out asks for, and gives what leaves for it at once; none when no
    /// timer has run out.
    pub(super) fn fire(&mut self, cx: &Cx<'_>, out: &mut [u8]) -> Option<Option<Output>> {
        if let Some(key) = self.clock.pop(cx.now) {
            match key.checked_sub(u32::try_from(self.calls.capacity()).unwrap_or(u32::MAX)) {
                Some(slot) => self.leg_due(cx, slot),
                None => self.call_due(cx, key),
            }
            return Some(None);
        }
        if let Some(output) = self.registrations_due(cx, out) {
            return Some(output);
        }
        if let Some(output) = self.pings_due(cx, out) {
            return Some(output);
        }
        match self.transactions.due(cx.now, &mut self.blocks)? {
            Due::Send(id) => {
                self.addressee = self.transactions.target(id);
                let message = self.transactions.message(id, &self.blocks, out);
                return Some(message.map(|(to, len)| Output::Transmit { to, len }));
            }
            Due::Failed(leg, asked) => self.unanswered(cx, leg, asked),
            Due::Nothing => {}
        }
        Some(None)
    }

    fn call_due(&mut self, cx: &Cx<'_>, slot: u32) {
        let Some(id) = self.calls.id_at(slot) else { return };
        let Some(call) = self.calls.get(id) else { return };
        match call.progress {
            Progress::Opening => self.give_back(cx, id, Reason::MediaFailed),
            Progress::Resolving => self.target_failed(cx, id, Reason::TargetUnresolved, None),
            Progress::Ringing => self.ringing_due(cx, id),
            Progress::Waiting => self.waited(cx, id),
            // A restored call whose relay does not answer.
            Progress::Answered if call.stream == Stream::Opening => self.end(cx, id, Reason::MediaFailed),
            Progress::Answered => self.transfer_due(cx, id),
            // The relay does not answer: its ports are free when its host says so, or now.
            Progress::Ended(_) => self.closed(id),
        }
        self.wake(id);
    }

    /// Nobody answered a request of ours in time. Others of its leg's may be out still.
    pub(super) fn unanswered(&mut self, cx: &Cx<'_>, id: LegId, asked: Asked) {
        if self.refresh_unanswered(cx, id, asked) {
            return;
        }
        let Some(leg) = self.legs.get_mut(id) else { return };
        let (call, path) = (leg.call, leg.path);
        match asked {
            Asked::Invite => {
                leg.state = LegState::Terminated;
                if self.is_rung(id) {
                    self.rung_at_zendesk(cx.config, id).into_iter().for_each(|call| call.talk.miss());
                    self.is_down(cx, path, Failing::Silent);
                    self.ringing_failed(cx, id, Reason::TargetSilent, None, true);
                }
            }
            Asked::Notify => self.notified(cx, id, false),
            Asked::Bye => leg.state = LegState::Terminated,
            Asked::Update | Asked::Other => {}
        }
        self.wake(call);
    }

    /// Puts a call into the queue of those with something to send.
    pub(super) fn wake(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(id) else { return };
        if core::mem::replace(&mut call.queued, true) {
            return;
        }
        call.behind = None;
        self.waiting = match self.waiting {
            None => Some((id, id)),
            Some((first, last)) => {
                if let Some(last) = self.calls.get_mut(last) {
                    last.behind = Some(id);
                }
                Some((first, id))
            }
        };
    }

    /// Takes the first call out of the queue.
    pub(super) fn sleep(&mut self, id: CallId) {
        let behind = self.calls.get_mut(id).and_then(|call| {
            call.queued = false;
            call.behind.take()
        });
        self.waiting = match self.waiting {
            Some((first, last)) if first != last => behind.map(|behind| (behind, last)),
            _ => None,
        };
    }
}

/// Whether an address is one of the trunk's.
pub(super) fn belongs(config: &Config<'_>, trunk: TrunkIndex, address: IpAddr) -> bool {
    let listener = config.trunk(trunk).and_then(|trunk| config.listener(trunk.listener));
    listener.is_some_and(|(listener, _)| config.speaks_from(trunk, listener.interface, address))
}

/// The address of a target whose URI names one.
pub(super) fn literal(config: &Config<'_>, target: &Target) -> Option<SocketAddr> {
    Place::of(config, target)?.literal()
}
