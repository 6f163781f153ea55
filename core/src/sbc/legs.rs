//! Legs joining a call, leaving it, and being ended.

use crate::call::{CallId, Leg, LegId, LegState, Move, Resend, Todo};
use crate::reason::Reason;
use crate::relay::Side;
use crate::transaction::{GIVE_UP, T1, T2};

use super::{Cx, Sbc, leg_timer};

impl Sbc<'_> {
    /// Makes `leg` the last of the call's legs. `merged` is the key of a caller's INVITE.
    pub(super) fn join(&mut self, call: CallId, leg: Leg, merged: Option<u64>) -> Result<LegId, Reason> {
        let (local_tag, trunk, side) = (leg.dialog.local_tag(), leg.trunk, leg.side);
        let id = match self.legs.insert(leg) {
            Ok(id) => id,
            Err(mut leg) => {
                leg.echo.take().into_iter().for_each(|chain| self.blocks.free(chain));
                return Err(Reason::NodeFull);
            }
        };
        let found = self.dialogs.insert(self.dialog_key(local_tag), id.index());
        let found = found && merged.is_none_or(|key| self.dialogs.insert(key, id.index()));
        if let Some(leg) = self.legs.get_mut(id) {
            leg.merged = merged;
        }
        if let Some(trunk) = self.trunks.get_mut(usize::from(trunk.0)) {
            let traffic = trunk.traffic(side);
            traffic.legs = traffic.legs.saturating_add(1);
        }
        self.line_up(call, id);
        if let Some(call) = self.calls.get_mut(call) {
            if call.first == Some(id) {
                call.anchor = Some(id);
            }
            if side == Side::B {
                call.called = Some(id);
            }
        }
        if !found {
            self.part(call, id);
            return Err(Reason::NodeFull);
        }
        Ok(id)
    }

    /// Makes a leg the last of the call's.
    fn line_up(&mut self, call: CallId, id: LegId) {
        let mut last = None;
        let mut next = self.calls.get(call).and_then(|call| call.first);
        while let Some(id) = next {
            last = next;
            next = self.legs.get(id).and_then(|leg| leg.next);
        }
        if let Some(last) = last.and_then(|last| self.legs.get_mut(last)) {
            last.next = Some(id);
        } else if let Some(call) = self.calls.get_mut(call) {
            call.first = Some(id);
        }
    }

    /// Has `next` follow in place of `id` among the call's legs.
    fn step_aside(&mut self, call: CallId, id: LegId, next: Option<LegId>) {
        let Some(owner) = self.calls.get_mut(call) else { return };
        if owner.first == Some(id) {
            owner.first = next;
            return;
        }
        let mut before = owner.first;
        while let Some(leg_before) = before.and_then(|id| self.legs.get_mut(id)) {
            if leg_before.next == Some(id) {
                leg_before.next = next;
                return;
            }
            before = leg_before.next;
        }
    }

    /// Puts a leg of the call's in front of another one.
    pub(super) fn put_before(&mut self, call: CallId, id: LegId, other: LegId) {
        let next = self.legs.get(id).and_then(|leg| leg.next);
        self.step_aside(call, id, next);
        self.step_aside(call, other, Some(id));
        if let Some(leg) = self.legs.get_mut(id) {
            leg.next = Some(other);
        }
    }

    /// Takes a leg out of its call and makes it the last one of another, where it has this place.
    pub(super) fn pass_over(&mut self, id: LegId, to: CallId, place: Side) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        let (from, next) = (core::mem::replace(&mut leg.call, to), leg.next.take());
        (leg.place, leg.moves) = (place, Move::None);
        self.step_aside(from, id, next);
        if let Some(from) = self.calls.get_mut(from) {
            for role in [&mut from.anchor, &mut from.called] {
                role.take_if(|role| *role == id);
            }
        }
        self.line_up(to, id);
    }

    /// Whether the call is over without this leg: it is one of those who talk, or are to.
    pub(super) fn matters(&self, id: LegId) -> bool {
        let call = self.legs.get(id).and_then(|leg| self.calls.get(leg.call));
        call.is_some_and(|call| {
            let spared = call.transfer.is_between_calls() && call.transfer.referrer == Some(id);
            (call.anchor == Some(id) || call.called == Some(id)) && !spared
        })
    }

    /// Takes a leg out of its call, and all that belongs to it with it.
    pub(super) fn part(&mut self, call: CallId, id: LegId) {
        let Some(mut leg) = self.legs.remove(id) else { return };
        self.clock.cancel(leg_timer(self.calls.capacity(), id));
        self.dialogs.remove(self.dialog_key(leg.dialog.local_tag()), id.index());
        if let Some(merged) = leg.merged {
            self.dialogs.remove(merged, id.index());
        }
        if let Some(trunk) = self.trunks.get_mut(usize::from(leg.trunk.0)) {
            let traffic = trunk.traffic(leg.side);
            traffic.legs = traffic.legs.saturating_sub(1);
        }
        self.forget_kept(leg.path.remote.ip());
        self.blocks.free(leg.authentication.credentials);
        self.blocks.free(leg.timer.answer);
        self.blocks.free(leg.reliable.dialogs);
        for chain in [leg.echo.take(), leg.answer.take()].into_iter().flatten() {
            self.blocks.free(chain);
        }
        self.referrer_parts(call, id, leg.place);
        let Some(owner) = self.calls.get_mut(call) else { return };
        if owner.called == Some(id) {
            owner.called = None;
        }
        if owner.anchor == Some(id) {
            owner.anchor = None;
        }
        self.step_aside(call, id, leg.next);
    }

    /// Ends a leg in the way its state asks for.
    pub(super) fn hang_up(&mut self, cx: &Cx<'_>, id: LegId, reason: Reason) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        let call = leg.call;
        leg.why.get_or_insert(reason);
        match (leg.state, leg.side) {
            (LegState::Proceeding, Side::A) => {
                leg.status = reason.status().unwrap_or(487);
                leg.todo.add(Todo::RESPOND);
            }
            (LegState::Calling, _) if leg.todo.take(Todo::INVITE) => leg.state = LegState::Terminated,
            (LegState::Calling, _) => leg.state = LegState::Cancelling { sent: false },
            (LegState::Proceeding, Side::B | Side::C) => self.cancel_leg(cx, id),
            (LegState::Accepted { .. }, _) => leg.state = LegState::Accepted { ending: true },
            (LegState::Confirmed, _) => {
                leg.state = LegState::Terminating;
                leg.resend = None;
                leg.todo.take(Todo::ANSWER_AGAIN);
                leg.drop_refresh(cx.now);
                leg.todo.add(Todo::BYE);
                let answer = leg.answer.take();
                answer.into_iter().for_each(|chain| self.blocks.free(chain));
                self.arm_leg(id);
            }
            (LegState::Cancelling { .. } | LegState::Terminating | LegState::Subscribed, _) => {}
            (LegState::Terminated, _) => {
                leg.drop_refresh(cx.now);
                self.arm_leg(id);
            }
        }
        self.wake(call);
    }

    /// A leg is lost, and with it its call, unless that goes on without it.
    pub(super) fn lose(&mut self, cx: &Cx<'_>, id: LegId, reason: Reason) {
        self.counters.add(reason);
        match self.legs.get(id).map(|leg| leg.call) {
            Some(_) if self.is_rung(id) => {
                self.hang_up(cx, id, reason);
                return self.ringing_failed(cx, id, Reason::NotAccepted, None, false);
            }
            Some(call) if self.matters(id) => self.end(cx, call, reason),
            _ => self.referrer_leaves(id),
        }
        self.hang_up(cx, id, reason);
    }

    /// Sends the CANCEL that something has come back for. An INVITE that even so gets no final response is given
    /// up after 64*T1 (9.1).
    pub(super) fn cancel_leg(&mut self, cx: &Cx<'_>, id: LegId) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        leg.state = LegState::Cancelling { sent: true };
        leg.todo.add(Todo::CANCEL);
        self.clock.set(leg_timer(self.calls.capacity(), id), cx.now.after(GIVE_UP));
    }

    /// Repeats the 2xx just sent until its ACK comes (13.3.1.4).
    pub(super) fn expect_ack(&mut self, cx: &Cx<'_>, id: LegId) {
        if let Some(leg) = self.legs.get_mut(id) {
            leg.resend =
                Some(Resend { at: cx.now.after(T1), interval: T1, give_up_at: cx.now.after(GIVE_UP) });
        }
        self.arm_leg(id);
    }

    pub(super) fn arm_leg(&mut self, id: LegId) {
        let timer = leg_timer(self.calls.capacity(), id);
        let resend = |leg: &Leg| leg.resend.map(|resend| resend.at.min(resend.give_up_at));
        let due = self.legs.get(id).and_then(|leg| resend(leg).into_iter().chain(leg.session_due()).min());
        match due {
            Some(at) => self.clock.set(timer, at),
            None => self.clock.cancel(timer),
        }
    }

    /// A leg's timer ran out.
    pub(super) fn leg_due(&mut self, cx: &Cx<'_>, slot: u32) {
        let Some(id) = self.legs.id_at(slot) else { return };
        let Some(leg) = self.legs.get_mut(id) else { return };
        let call = leg.call;
        if let LegState::Cancelling { .. } = leg.state {
            leg.state = LegState::Terminated;
            let key = leg.branch;
            let key = self.client_key(key, crate::sip::Method::Invite);
            self.transactions.abandon(cx.now, key, &mut self.blocks);
            return self.wake(call);
        }
        let due = leg.resend.is_some_and(|resend| resend.at.min(resend.give_up_at) <= cx.now);
        if !due {
            return self.session_due(cx, id);
        }
        if leg.state == LegState::Proceeding {
            return self.prack_due(cx, id);
        }
        let Some(resend) = leg.resend.as_mut() else { return };
        if resend.give_up_at <= cx.now {
            leg.resend = None;
            let answer = leg.answer.take();
            answer.into_iter().for_each(|chain| self.blocks.free(chain));
            if matches!(leg.state, LegState::Accepted { .. }) {
                leg.state = LegState::Confirmed;
            }
            // The dialog is ended by a BYE, and with it the call (13.3.1.4); a call that has ended already only
            // waited for this.
            return self.lose(cx, id, Reason::AckMissing);
        }
        resend.interval = resend.interval.times(2).min(T2);
        resend.at = cx.now.after(resend.interval);
        // Where no block was free to keep it in, it was sent once.
        if leg.answer.is_some() {
            leg.todo.add(Todo::ANSWER_AGAIN);
        }
        self.arm_leg(id);
        self.wake(call);
    }

    /// The call's legs, from the first on.
    pub(super) fn leg_after(&self, call: CallId, before: Option<LegId>) -> Option<LegId> {
        match before {
            None => self.calls.get(call)?.first,
            Some(before) => self.legs.get(before)?.next,
        }
    }
}
