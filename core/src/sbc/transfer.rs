//! Transfers: a REFER is answered here, and never passed on (RFC 3515, RFC 5589). The line that it names is rung as the
//! first one was, by the same code, while the referrer and the one who is to be transferred hear silence. Then either
//! that one hears the target, and the referrer is let go, or all is as it was before.
//!
//! The transfer belongs to the call, not to the referrer: who hangs up after its REFER was accepted does not end it.

use crate::call::{
    self, Addresses, CallId, Leg, LegId, LegState, Outcome, Pending, Place, Plan, Progress, Stage, Todo,
    Transfer,
};
use crate::config::{Config, LineIndex, TrunkKind};
use crate::dialog::{Dialog, DialogError};
use crate::memory::Chain;
use crate::reason::Reason;
use crate::relay::Side;
use crate::sip::{Message, Name};
use crate::time::Duration;
use crate::transaction::Reply;
use crate::transport::Path;

use super::replaces::refers;
use super::requests::{Request, next_hop};
use super::{Cx, Sbc};

/// How long a referrer that was told of its transfer's success has to hang up, before we do.
pub(super) const LEAVE: Duration = Duration::from_secs(5);

impl Sbc<'_> {
    /// A REFER within a leg's dialog.
    pub(super) fn refer(&mut self, cx: &Cx<'_>, request: &Request<'_, '_>, id: LegId) {
        let subscribes = subscribes(request.message);
        match self.transfer(cx, request, id, subscribes, false) {
            Ok(()) => self.answer_at_once(cx, request, Reply::Accepted { subscribed: subscribes }),
            Err(reason) => self.refuse(cx, request, reason),
        }
    }

    /// A REFER outside every dialog is for the call that its Target-Dialog names. It makes a dialog of its own, in which
    /// its sender is told how that goes.
    pub(super) fn refer_outside(&mut self, cx: &Cx<'_>, request: &Request<'_, '_>) {
        let subscribes = subscribes(request.message);
        let named = request.message.header(Name::TargetDialog).ok_or(Reason::ReferWithoutDialog);
        let leg = named.and_then(|_| self.target_dialog(request).ok_or(Reason::NoSuchCall));
        match leg.and_then(|leg| self.transfer(cx, request, leg, subscribes, true)) {
            Ok(()) => self.answer_at_once(cx, request, Reply::Accepted { subscribed: subscribes }),
            Err(reason) => self.refuse(cx, request, reason),
        }
    }

    /// The leg whose dialog a REFER outside its call made: it is told how the transfer goes, and nothing else.
    fn subscribe(&mut self, cx: &Cx<'_>, request: &Request<'_, '_>, call: CallId) -> Result<LegId, Reason> {
        let Request { from, message, e, .. } = *request;
        // The tag that the answer has, however often it is given.
        let local_tag = self.passing_tag(e);
        let mut dialog = Dialog::serve(message, e, local_tag).map_err(|error| match error {
            DialogError::TooLong => Reason::MessageTooLarge,
            DialogError::Contact => Reason::MalformedRequest,
        })?;
        dialog.hear(&e.cseq);
        let remote = next_hop(&dialog, cx.config, &from).unwrap_or(from.path.remote);
        let path = Path { remote, ..from.path };
        let leg = Leg::new(call, Side::A, from.trunk, path, dialog, 0);
        self.join(call, Leg { state: LegState::Subscribed, ..leg }, None)
    }

    /// Begins the transfer that a REFER asks for: everything that can speak against it is looked at before anything
    /// is taken.
    fn transfer(
        &mut self,
        cx: &Cx<'_>,
        request: &Request<'_, '_>,
        id: LegId,
        subscribes: bool,
        outside: bool,
    ) -> Result<(), Reason> {
        let config = cx.config;
        let (message, e) = (request.message, request.e);
        let leg = self.legs.get(id).ok_or(Reason::NoSuchCall)?;
        let (call_id, trunk) = (leg.call, leg.trunk);
        let kind = config.trunk(trunk).filter(|trunk| refers(trunk)).map(|trunk| trunk.kind);
        let kind = kind.ok_or(Reason::MayNotRefer)?;
        let listener = request.from.path.listener;
        let uri = call::refer_to(message)?;
        let mut room = [0; call::LONGEST_REPLACES];
        let named = call::referred_dialog(&uri, &mut room)?;
        let other = self.talks_with(id)?;
        let goal = match named.as_ref().and_then(|named| Some((named, self.leg_named(named)?))) {
            Some((named, leg)) => Goal::Party(self.consulted(config, id, leg, named.early_only)?),
            None => {
                let line = call::referred_line(config, &uri, trunk, listener);
                let line = self.or_announced(cx, line, trunk, listener, &uri);
                Goal::Line(line.map_err(|reason| match reason {
                    // It was a dialog that was meant.
                    Reason::UnknownLine if named.is_some() => Reason::ReplacesUnknown,
                    reason => reason,
                })?)
            }
        };
        let replaced = match (&goal, &named) {
            (Goal::Line(line), Some(named)) => Some((*line, named)),
            _ => None,
        };
        let (place, port) = self.make_room(config, [id, other], &goal, (subscribes && outside).into())?;
        let replaces = match replaced {
            Some((line, named)) => self.pass_on(config, message, trunk, line, named),
            None => Ok(Chain::EMPTY),
        };
        let prepared = replaces.and_then(|replaces| {
            let told = if outside && subscribes { self.subscribe(cx, request, call_id) } else { Ok(id) };
            match told {
                Ok(told) => Ok((replaces, told)),
                Err(reason) => {
                    self.blocks.free(replaces);
                    Err(reason)
                }
            }
        });
        let (replaces, told) = prepared.inspect_err(|_| self.ports.give_back(port))?;

        let (ticket, note) = match (call::referred_ticket(message, &uri), kind) {
            (Ok(ticket), TrunkKind::Ai) => (ticket, None),
            (Err(reason), TrunkKind::Ai) => (None, Some(reason)),
            (Ok(None), _) => (None, None),
            _ => (None, Some(Reason::TicketNotTrusted)),
        };
        note.into_iter().for_each(|note| self.counters.add(note));
        if let Some(leg) = self.legs.get_mut(told) {
            // It is a target refresh, where it has a Contact (RFC 3515 section 2.2).
            leg.dialog.refresh(message);
            leg.notifier.begin(e.cseq.number, subscribes);
            if leg.notifier.tell(100) {
                leg.todo.add(Todo::NOTIFY);
            }
        }
        let call = self.calls.get_mut(call_id).ok_or(Reason::NoSuchCall)?;
        call.ticket = ticket.or(call.ticket);
        call.note = note.or(call.note);
        let transfer = Transfer { referrer: Some(id), told: Some(told), trunk, replaces, ..Transfer::NONE };
        if let Goal::Line(line) = goal {
            self.take_announced(cx, call_id, trunk, line, (listener, &uri));
        }
        self.begin(cx, call_id, transfer, goal, other, (place, port));
        Ok(())
    }

    /// The place and the port for whoever comes into a call when `talking`, the referrer first, is transferred; and room
    /// for as many legs, with `more` of them beside.
    pub(super) fn make_room(
        &mut self,
        config: &Config<'_>,
        talking: [LegId; 2],
        goal: &Goal,
        more: usize,
    ) -> Result<(Side, u16), Reason> {
        let taken = talking.map(|leg| self.legs.get(leg).map(|leg| leg.place));
        let place = Side::ALL.into_iter().find(|side| !taken.contains(&Some(*side))).ok_or(Reason::NoPort)?;
        let call = self.legs.get(talking[0]).and_then(|leg| self.calls.get(leg.call));
        let call = call.ok_or(Reason::NoSuchCall)?;
        if call.place(place) != Place::Free {
            return Err(Reason::TransferUnderWay);
        }
        let worker = call.worker;
        // One for whoever is rung, and one for a dialog of the REFER's own.
        let legs = usize::from(matches!(goal, Goal::Line(_))).saturating_add(more);
        if self.legs.capacity().saturating_sub(self.legs.len()) < legs {
            return Err(Reason::NodeFull);
        }
        let listener = match *goal {
            Goal::Line(line) => {
                let first = config.line(line).and_then(|line| config.rings(line).first());
                let trunk = first.and_then(|ring| config.trunk(config.target(ring.target)?.trunk));
                trunk.map(|trunk| trunk.listener)
            }
            Goal::Party(party) => self.legs.get(party).map(|leg| leg.path.listener),
        };
        let interface = listener.and_then(|listener| config.listener(listener)).map(|(of, _)| of.interface);
        let port = interface.and_then(|interface| self.ports.take(interface, Some(worker)));
        Ok((place, port.ok_or(Reason::NoPort)?))
    }

    /// Sets a transfer going: everything that it takes is there. `transfer` says who asked for it and who is told, and
    /// `other` is whom the referrer talks with.
    pub(super) fn begin(
        &mut self,
        cx: &Cx<'_>,
        id: CallId,
        transfer: Transfer,
        goal: Goal,
        other: LegId,
        (place, port): (Side, u16),
    ) {
        let Some(call) = self.calls.get_mut(id) else { return };
        call.transfer = Transfer {
            stage: Stage::Ringing,
            anchor: call.anchor,
            called: call.called,
            line: call.line,
            target: call.target,
            ..transfer
        };
        (call.rung, call.settles) = (place, false);
        call.set_place(place, Place::Join, port);
        call.pending.add(Pending::UNANSWERED);
        call.pending.add(Pending::COURSE);
        let rung = matches!(goal, Goal::Line(_));
        match goal {
            Goal::Line(line) => {
                (call.anchor, call.called) = (Some(other), None);
                (call.line, call.target, call.hears) = (line, None, true);
                (call.failure, call.addresses) = (None, Addresses::EMPTY);
                (call.plan, call.tried, call.lines, call.outcome) = (Plan::New, 0, 0, None);
                call.progress = Progress::Opening;
                call.pending.add(Pending::BRIDGE);
                call.pending.add(Pending::SETTLED);
            }
            Goal::Party(party) => self.fetch(cx, id, party),
        }
        if rung {
            self.wants_ticket(cx, id);
        }
        self.guard(cx, id);
        self.wake(id);
    }

    /// The leg that a request means which belongs to no dialog itself: the one its Target-Dialog names (RFC 4538), of
    /// the same trunk.
    pub(super) fn target_dialog(&self, request: &Request<'_, '_>) -> Option<LegId> {
        let value = request.message.header(Name::TargetDialog)?;
        let mut pieces = value.splitn(2, |&byte| byte == b';');
        let call_id = pieces.next()?.trim_ascii();
        let rest = pieces.next()?;
        let (mut local, mut remote) = (None, None);
        for piece in rest.split(|&byte| byte == b';') {
            let mut halves = piece.splitn(2, |&byte| byte == b'=');
            let (name, value) = (halves.next()?.trim_ascii(), halves.next().unwrap_or_default().trim_ascii());
            if name.eq_ignore_ascii_case(b"local-tag") {
                local = Some(value);
            } else if name.eq_ignore_ascii_case(b"remote-tag") {
                remote = Some(value);
            }
        }
        let (local, remote) = (local?, remote?);
        // The tags are named from the sender's side; from ours they are the other way round, and peers take either.
        self.leg_of(&request.from, call_id, remote, local)
            .or_else(|| self.leg_of(&request.from, call_id, local, remote))
    }

    /// Nobody is reached any more: the call ends, or its transfer has failed.
    pub(super) fn give_back(&mut self, cx: &Cx<'_>, id: CallId, reason: Reason) {
        match self.calls.get(id).map(|call| call.transfer.stage) {
            Some(Stage::Ringing) => self.transfer_failed(cx, id, reason),
            _ if self.goes_back(cx, id) => {}
            _ => {
                self.is_refused(cx.config, id);
                self.end(cx, id, reason);
            }
        }
    }

    /// Whoever the call is transferred to was not reached: the referrer gets the caller back, where it is still there.
    pub(super) fn transfer_failed(&mut self, cx: &Cx<'_>, id: CallId, reason: Reason) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let (referrer, moved) = (call.transfer.referrer, call.transfer.moved.take());
        self.blocks.free(core::mem::replace(&mut call.transfer.replaces, Chain::EMPTY));
        moved.into_iter().for_each(|leg| self.stays(cx, leg, reason));
        let Some(call) = self.calls.get_mut(id) else { return };
        if !referrer.and_then(|leg| self.legs.get(leg)).is_some_and(Leg::is_in_session) {
            let talking = [call.anchor, call.called].into_iter().flatten();
            (call.anchor, call.called) = ({ talking }.find(|leg| Some(*leg) != referrer), None);
            if call.transfer.stage == Stage::Fetching {
                call.pending.add(Pending::BRIDGE);
            }
            if let Some(told) = call.transfer.told.take() {
                // One who asked outside the call is there still.
                self.tell_referrer(told, reason.status().unwrap_or(480));
            }
            let Some(call) = self.calls.get_mut(id) else { return };
            let back = cx.config.trunk(call.transfer.trunk).and_then(|trunk| trunk.return_to);
            let Some(back) = back else { return self.end(cx, id, reason) };
            (call.transfer.stage, call.hears) = (Stage::Returning, true);
            return self.ring_instead(cx, id, Plan::Back(back));
        }
        let rung = call.rung;
        (call.anchor, call.called) = (call.transfer.anchor, call.transfer.called);
        (call.line, call.target) = (call.transfer.line, call.transfer.target);
        let told = call.transfer.told.take();
        (call.transfer.stage, call.transfer.referrer) = (Stage::None, None);
        call.progress = Progress::Answered;
        call.outcome = Some(Outcome::Returned);
        call.pending.add(Pending::COURSE);
        call.addresses = Addresses::EMPTY;
        call.unsettle();
        self.bridges(id, Side::B);
        self.clock.cancel(id.index());
        self.leave_place(id, rung);
        told.into_iter().for_each(|told| self.tell_referrer(told, reason.status().unwrap_or(480)));
        self.wake(id);
    }

    /// Whoever the call is transferred to has answered. False where it is no transfer.
    pub(super) fn transfer_answered(&mut self, cx: &Cx<'_>, id: CallId) -> bool {
        let ringing = self.calls.get(id).is_some_and(|call| call.transfer.is_ringing());
        if ringing {
            self.transferred(cx, id);
        }
        ringing
    }

    /// The transfer is done: those who are to talk hear each other, and the referrer is let go.
    pub(super) fn transferred(&mut self, cx: &Cx<'_>, id: CallId) {
        let Some(call) = self.calls.get_mut(id) else { return };
        call.progress = Progress::Answered;
        call.unsettle();
        self.blocks.free(core::mem::replace(&mut call.transfer.replaces, Chain::EMPTY));
        self.bridges(id, Side::C);
        let Some(call) = self.calls.get_mut(id) else { return };
        if call.settles && call.transfer.stage == Stage::Ringing {
            call.transfer.stage = Stage::Settling;
            self.clock.set(id.index(), call.ring_until);
            return self.wake(id);
        }
        self.transfer_is_done(cx, id);
    }

    /// Nobody takes the call over but the line itself, which has something to say to who waits: the referrer is not needed
    /// any more, and is hung up.
    pub(super) fn line_takes_over(&mut self, cx: &Cx<'_>, id: CallId) {
        let Some(call) = self.calls.get_mut(id).filter(|call| call.transfer.stage == Stage::Ringing) else {
            return;
        };
        let status = match call.plan {
            Plan::Goodbye(_, reason) => reason.status().unwrap_or(480),
            _ => 200,
        };
        call.transfer.stage = Stage::None;
        call.pending.add(Pending::SETTLED);
        let (referrer, told) = (call.transfer.referrer.take(), call.transfer.told.take());
        self.blocks.free(core::mem::replace(&mut call.transfer.replaces, Chain::EMPTY));
        told.into_iter().for_each(|told| self.tell_referrer(told, status));
        referrer.into_iter().for_each(|referrer| self.hang_up(cx, referrer, Reason::Transferred));
    }

    /// The anchor and the called one hear each other from here on; the latter's place is this one where it has gone.
    fn bridges(&mut self, id: CallId, called: Side) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let place =
            |leg: Option<LegId>, usual| leg.and_then(|leg| self.legs.get(leg)).map_or(usual, |leg| leg.place);
        call.bridge = [place(call.anchor, Side::A), place(call.called, called)];
        call.pending.add(Pending::BRIDGE);
    }

    /// Whoever took the call is there: the referrer is let go.
    fn transfer_is_done(&mut self, cx: &Cx<'_>, id: CallId) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let told = call.transfer.told;
        call.transfer.stage = if call.transfer.referrer.is_some() { Stage::Leaving } else { Stage::None };
        told.into_iter().for_each(|told| self.tell_referrer(told, 200));
        self.clock.cancel(id.index());
        self.let_go(cx, id);
        self.wake(id);
    }

    /// Gives a referrer that has nothing more to be told its time to hang up.
    pub(super) fn let_go(&mut self, cx: &Cx<'_>, id: CallId) {
        let Some(call) = self.calls.get(id).filter(|call| call.transfer.stage == Stage::Leaving) else {
            return;
        };
        let told = call.transfer.told.and_then(|leg| self.legs.get(leg));
        if told.is_none_or(|leg| !leg.notifier.is_active()) {
            self.clock.set(id.index(), cx.now.after(LEAVE));
        }
    }

    /// The timer of an answered call that is being transferred ran out.
    pub(super) fn transfer_due(&mut self, cx: &Cx<'_>, id: CallId) {
        let Some(call) = self.calls.get(id) else { return };
        match (call.transfer.stage, call.transfer.referrer) {
            // The referrer's time to hang up is over.
            (Stage::Leaving, Some(referrer)) => self.hang_up(cx, referrer, Reason::Transferred),
            (Stage::Settling, _) => {
                self.somebody_is_there(id);
                self.transfer_is_done(cx, id);
            }
            (Stage::Lent, _) => self.lent_due(cx, id),
            (Stage::Fetching, _) => self.fetch_on(cx, id),
            (Stage::None, _) => self.somebody_is_there(id),
            _ => {}
        }
    }

    /// The call is over: so is its transfer.
    pub(super) fn transfer_ends(&mut self, cx: &Cx<'_>, id: CallId, reason: Reason) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let (stage, told, moved) = (call.transfer.stage, call.transfer.told, call.transfer.moved.take());
        self.blocks.free(core::mem::replace(&mut call.transfer.replaces, Chain::EMPTY));
        if stage == Stage::Lending {
            return moved.into_iter().for_each(|leg| self.lending_ends(cx, leg, reason));
        }
        moved.into_iter().for_each(|leg| self.stays(cx, leg, reason));
        match (told, stage) {
            (Some(told), Stage::Ringing | Stage::Fetching) => {
                self.tell_referrer(told, reason.status().unwrap_or(487));
            }
            (Some(told), Stage::Settling) => self.tell_referrer(told, 200),
            _ => {}
        }
    }

    /// A leg hangs up. Whether that is no end of its call: it is neither of those who talk, or whoever the call is
    /// being transferred to.
    pub(super) fn bye_ends_only_itself(&mut self, cx: &Cx<'_>, id: LegId) -> bool {
        let Some(leg) = self.legs.get_mut(id) else { return true };
        leg.tell_no_more();
        if leg.notifier.is_busy() {
            leg.todo.take(Todo::BYE);
        }
        let call_id = leg.call;
        if self.is_rung(id) {
            self.ringing_failed(cx, id, Reason::NotAccepted, None, false);
            return true;
        }
        let Some(call) = self.calls.get(call_id) else { return true };
        if call.called == Some(id) && self.nobody_was_there(cx, call_id) {
            return true;
        }
        self.referrer_leaves(id);
        !self.matters(id)
    }

    /// A leg is over, or about to be. Where it is the referrer's of a transfer that goes on, the call's record is not
    /// what it should be any more.
    pub(super) fn referrer_leaves(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        leg.tell_no_more();
        let Some(call) = self.calls.get_mut(leg.call) else { return };
        let referrer = call.transfer.is_under_way() && call.transfer.referrer == Some(id);
        if referrer && call.answered.is_some() {
            call.pending.add(Pending::SETTLED);
        }
    }

    /// Why there would be no going on with a call after a restart, though it is not ending: it is being transferred by
    /// somebody who has left meanwhile, or nobody but such a one is left in it.
    pub(super) fn is_one_way(&self, call: &call::Call) -> Option<Reason> {
        let referrer = call.transfer.referrer.and_then(|leg| self.legs.get(leg));
        let left = referrer.is_none_or(|leg| !leg.can_be_saved());
        match call.transfer.stage {
            Stage::Lent => Some(Reason::Transferred),
            _ if call.transfer.is_under_way() && left => Some(Reason::TransferCut),
            _ => None,
        }
    }
}

/// Whom a call is transferred to.
pub(super) enum Goal {
    /// Whoever a line rings.
    Line(LineIndex),
    /// Whoever talks with the referrer in another call, on this leg.
    Party(LegId),
}

/// Whether a REFER asks to be told how the transfer goes (RFC 4488 section 4).
fn subscribes(message: &Message<'_>) -> bool {
    !message.extension(b"Refer-Sub").any(|value| {
        let value = value.split(|&byte| byte == b';').next().unwrap_or_default();
        value.trim_ascii().eq_ignore_ascii_case(b"false")
    })
}
