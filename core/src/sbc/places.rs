//! The places of a call's stream: the two that every call has, and one for whoever is rung while both are taken.

use crate::call::{self, CallId, LegId, Pending, Place, Progress, Stage, Stream};
use crate::config::{Config, Target};
use crate::reason::Reason;
use crate::relay::{Control, Side};

use super::{Cx, Output, Sbc};

impl Sbc<'_> {
    /// What the relay is to be told of a call's places.
    pub(super) fn flush_places(&mut self, config: &Config<'_>, id: CallId) -> Option<Output> {
        let stream = call::stream_of(id);
        let asked = self.asked(id).is_some();
        let call = self.calls.get_mut(id)?;
        let worker = call.worker;
        if call.pending.has(Pending::PLACES) {
            for side in Side::ALL {
                let port = call.port(side);
                let control = match call.place(side) {
                    Place::Join => {
                        call.set_place(side, Place::Joining, port);
                        Control::Join { stream, side, port }
                    }
                    Place::Part => {
                        call.set_place(side, Place::Parting, port);
                        Control::Part { stream, side }
                    }
                    _ => continue,
                };
                return Some(Output::Media { worker, control });
            }
            call.pending.take(Pending::PLACES);
        }
        if call.pending.take(Pending::BRIDGE) {
            let waits = call.is_waited_in();
            if waits {
                call.pending.add(Pending::GREETING);
            }
            let silent = waits || asked || call.transfer.stage == Stage::Lent;
            let pair = Some(call.bridge).filter(|_| !silent);
            if pair.is_some() {
                self.wants_recording(config, id);
            }
            return Some(Output::Media { worker, control: Control::Bridge { stream, pair } });
        }
        self.flush_music(config, id)
            .or_else(|| self.flush_whisper(config, id))
            .or_else(|| self.flush_recording(config, id))
    }

    /// The relay has opened a place, or could not.
    pub(super) fn joined(&mut self, cx: &Cx<'_>, id: CallId, side: Side, open: bool) {
        let Some(call) = self.calls.get_mut(id) else { return };
        if call.place(side) != Place::Joining || call.stream != Stream::Open {
            return;
        }
        let port = call.port(side);
        let fetching = call.transfer.stage == Stage::Fetching;
        let awaited = call.rung == side && (fetching || call.progress == Progress::Opening);
        match (open, awaited) {
            (true, true) => {
                call.set_place(side, Place::Open, port);
                self.has_joined(cx, id);
            }
            // Nobody needs it any more.
            (true, false) => call.set_place(side, Place::Part, port),
            (false, _) => {
                call.set_place(side, Place::Free, 0);
                // Another program may have had that port: others are tried.
                let left = call.openings.checked_sub(1).filter(|_| awaited);
                call.openings = left.unwrap_or(call.openings);
                self.ports.give_back(port);
                if left.is_some() {
                    self.has_joined(cx, id);
                } else if fetching && awaited {
                    self.transfer_failed(cx, id, Reason::MediaFailed);
                } else if awaited {
                    call.tries_next();
                    self.target_failed(cx, id, Reason::MediaFailed, None);
                }
            }
        }
        self.wake(id);
    }

    /// The place of whoever is to come is open, or free for another port.
    fn has_joined(&mut self, cx: &Cx<'_>, id: CallId) {
        match self.calls.get(id).map(|call| call.transfer.stage) {
            Some(Stage::Fetching) => self.fetch_on(cx, id),
            _ => self.next_target(cx, id),
        }
    }

    /// The relay has closed a place.
    pub(super) fn parted(&mut self, cx: &Cx<'_>, id: CallId, side: Side) {
        let Some(call) = self.calls.get_mut(id) else { return };
        if call.place(side) != Place::Parting || call.stream != Stream::Open {
            return;
        }
        let port = call.port(side);
        call.set_place(side, Place::Free, 0);
        let awaited = call.rung == side && call.progress == Progress::Opening;
        self.ports.give_back(port);
        if awaited {
            self.next_target(cx, id);
        }
        self.wake(id);
    }

    /// Whether the place of whoever is rung next is open, with a port in the network of `target`. Where it is not,
    /// the relay is asked for one.
    pub(super) fn has_place(&mut self, cx: &Cx<'_>, id: CallId, target: &Target) -> Result<bool, Reason> {
        let call = self.calls.get_mut(id).ok_or(Reason::NoSuchCall)?;
        let trunk = cx.config.trunk(target.trunk).ok_or(Reason::TargetUnresolved)?;
        let (listener, interface) = cx.config.listener(trunk.listener).ok_or(Reason::TargetUnresolved)?;
        let (side, port, worker) = (call.rung, call.port(call.rung), call.worker);
        match call.place(side) {
            Place::Open if interface.media.0 <= port && port <= interface.media.1 => return Ok(true),
            Place::Open => call.set_place(side, Place::Part, port),
            Place::Free => {
                let port = self.ports.take(listener.interface, Some(worker)).ok_or(Reason::NoPort)?;
                call.set_place(side, Place::Join, port);
            }
            Place::Join | Place::Joining | Place::Part | Place::Parting => {}
        }
        call.progress = Progress::Opening;
        self.guard(cx, id);
        self.wake(id);
        Ok(false)
    }

    /// Nobody needs this place any more.
    pub(super) fn leave_place(&mut self, id: CallId, side: Side) {
        let Some(call) = self.calls.get_mut(id).filter(|call| call.stream == Stream::Open) else { return };
        let port = call.port(side);
        match call.place(side) {
            Place::Open => call.set_place(side, Place::Part, port),
            Place::Join => {
                call.set_place(side, Place::Free, 0);
                self.ports.give_back(port);
            }
            // Once it is open it is closed.
            Place::Joining | Place::Free | Place::Part | Place::Parting => {}
        }
        self.wake(id);
    }

    /// The one who asked for a transfer is gone, and its place with it.
    pub(super) fn referrer_parts(&mut self, id: CallId, leg: LegId, place: Side) {
        let Some(call) = self.calls.get_mut(id).filter(|call| call.transfer.referrer == Some(leg)) else {
            return;
        };
        call.transfer.referrer = None;
        if call.transfer.stage == Stage::Leaving {
            call.transfer.stage = Stage::None;
            self.clock.cancel(id.index());
        }
        self.leave_place(id, place);
    }
}
