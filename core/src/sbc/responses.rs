//! Responses that arrive.

use crate::call::{
    Call, CallId, Leg, LegId, LegState, Pending, Progress, Todo, Wish, target_failure, tries_next_address,
};
use crate::config::{Config, TrunkKind};
use crate::reason::Reason;
use crate::relay::Side;
use crate::sip::{Essentials, Message, Method};
use crate::transaction::{Answerer, Class, Heard};

use super::addresses::Failing;
use super::dialogs::our_branch;
use super::registrar::dialled;
use super::requests::accept;
use super::security::of_target;
use super::sessions::is_again;
use super::streams::next_path;
use super::{Admitted, Cx, Sbc};

impl Sbc<'_> {
    pub(super) fn response(&mut self, cx: &Cx<'_>, from: Admitted, message: &Message<'_>) {
        let Ok(e) = message.essentials() else { return self.counters.add(Reason::MalformedResponse) };
        let Some(status) = message.status() else { return };
        let Some(branch) = e.via.branch().and_then(our_branch) else {
            return self.counters.add(Reason::StrayResponse);
        };
        let key = self.client_key(branch, e.cseq.method);
        if e.cseq.method == Method::Register {
            let key = self.client_key(branch, Method::Register);
            self.transactions.hear(cx.now, key, status, Answerer::NOBODY, &mut self.blocks);
            return self.registrar_answered(cx, &from, message, branch, status);
        }
        if e.cseq.method == Method::Options {
            return self.ping_answered(cx, &from, message, branch, status);
        }
        let answers = (e.cseq.method, Class::of(status)) == (Method::Invite, Class::Success);
        let answerer = if answers { self.answerer(&e) } else { Answerer::NOBODY };
        match self.transactions.hear(cx.now, key, status, answerer, &mut self.blocks) {
            Heard::Stray if answers => {
                match self.has_answered(&from, &e) {
                    // The ACK to a restored leg's answer was lost before the restart.
                    Some(true) => self.ack_success(cx, from.path, message, &e),
                    Some(false) => self.superfluous(cx, &from, message, &e, branch),
                    None if self.is_superfluous(branch, &e) => self.ack_success(cx, from.path, message, &e),
                    None => self.counters.add(Reason::StrayResponse),
                }
            }
            Heard::Stray => self.counters.add(Reason::StrayResponse),
            Heard::Absorbed => {}
            Heard::Superfluous => self.superfluous(cx, &from, message, &e, branch),
            Heard::Late(path, target) => self.cancel_late(cx, path, target, branch, &e),
            Heard::Pass(leg) => self.heard(cx, &from, message, &e, leg, branch, status),
            Heard::AckAndPass(leg, target) => {
                let to = self.legs.get(leg).map_or(from.path, |leg| leg.path);
                let uri = dialled(cx.config, target, &e);
                match is_again(branch) {
                    true => self.ack_failure_again(cx, &from, branch, &e),
                    false => self.ack_failure(cx, to, uri, branch, &e),
                }
                self.heard(cx, &from, message, &e, leg, branch, status);
            }
            Heard::AckFailure(_) if is_again(branch) => self.ack_failure_again(cx, &from, branch, &e),
            Heard::AckFailure(target) => {
                let uri = dialled(cx.config, target, &e);
                self.ack_failure(cx, from.path, uri, branch, &e);
            }
            Heard::AckSuccess => self.ack_success(cx, from.path, message, &e),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "each is one fact about the response")]
    fn heard(
        &mut self,
        cx: &Cx<'_>,
        from: &Admitted,
        message: &Message<'_>,
        e: &Essentials<'_>,
        id: LegId,
        branch: u64,
        status: u16,
    ) {
        let Some(leg) = self.legs.get_mut(id) else {
            if (e.cseq.method, Class::of(status)) == (Method::Invite, Class::Success) {
                self.superfluous(cx, from, message, e, branch);
            }
            return;
        };
        leg.came_by(from);
        let (call, path) = (leg.call, leg.path);
        self.rung_at_zendesk(cx.config, id).into_iter().for_each(|call| call.talk.reach());
        if e.cseq.method == Method::Prack {
            return self.prack_answered(cx, from, message, e, id, status);
        }
        let failure = match self.authenticate(cx, from, message, e, id, status) {
            Ok(true) => return self.wake(call),
            Ok(false) => target_failure(status),
            Err(reason) => reason,
        };
        if e.cseq.method == Method::Update || e.cseq.method == Method::Invite && is_again(branch) {
            return self.heard_again(cx, from, message, e, id, status);
        }
        if status == 422 && self.invites_for_longer(cx, message, id) {
            return self.wake(call);
        }
        let Some(leg) = self.legs.get_mut(id) else { return };
        match (e.cseq.method, Class::of(status)) {
            (Method::Invite, Class::Provisional) => {
                let news = self.acknowledge_provisional(cx, from, message, e, id, status);
                news.then(|| self.progresses(cx, message, e, id, status));
            }
            (Method::Invite, Class::Success) => self.answers(cx, from, message, e, id),
            (Method::Invite, Class::Failure) => {
                leg.state = LegState::Terminated;
                if !self.is_rung(id) {
                    return self.wake(call);
                }
                if status == 503 {
                    self.is_down(cx, path, Failing::Refusing);
                }
                self.note_causes(call, message);
                self.ringing_failed(cx, id, failure, Some(status), tries_next_address(status));
            }
            (Method::Notify, Class::Success) => self.notified(cx, id, true),
            (Method::Notify, Class::Failure) => self.notified(cx, id, false),
            // Whatever the peer makes of a BYE, the dialog is over (15.1.1).
            (Method::Bye, Class::Success | Class::Failure) => leg.state = LegState::Terminated,
            _ => {}
        }
        self.wake(call);
    }

    /// A provisional response to a target's INVITE: the caller hears of all but 100, with early media where the
    /// target sends some.
    fn progresses(&mut self, cx: &Cx<'_>, message: &Message<'_>, e: &Essentials<'_>, id: LegId, status: u16) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        let (call, trunk, path, srtp) = (leg.call, leg.trunk, leg.path, leg.srtp());
        let first = leg.state == LegState::Calling;
        match leg.state {
            LegState::Cancelling { sent: false } => return self.cancel_leg(cx, id),
            LegState::Calling => leg.state = LegState::Proceeding,
            LegState::Proceeding => {}
            _ => return,
        }
        if let Some(tag) = e.to.tag().map(|tag| self.tag_of(tag))
            && let Some(leg) = self.legs.get_mut(id)
        {
            leg.early_tag = tag;
        }
        if !self.is_rung(id) {
            return;
        }
        if first {
            self.is_up(cx, path);
            self.time_ringing(cx, call, false);
        }
        // What ends one early dialog of several (RFC 6228) is no news for a caller who has but one.
        if matches!(status, 100 | 199) {
            return;
        }
        self.transfer_rings(call, status);
        // Branches of a fork ring side by side: what was said last holds.
        let alone = self.another_rung(call, Some(id)).is_none();
        let early = e.to.tag().is_some() && !message.body().is_empty() && alone;
        let trunk = cx.config.trunk(trunk).filter(|_| early);
        // What cannot be used early is no failure yet: the answer decides.
        let agreed = trunk.and_then(|trunk| accept(cx.config, trunk, srtp, message).ok());
        let agreed = self.reliable_answer(e, id).filter(|_| early).or(agreed);
        if let Some(agreed) = agreed {
            self.set_agreed(call, id, agreed);
        }
        let caller = self.calls.get(call).and_then(|call| call.first).and_then(|leg| self.legs.get_mut(leg));
        if let Some(caller) = caller.filter(|leg| leg.side == Side::A && leg.state == LegState::Proceeding) {
            caller.status = if status <= 183 { status } else { 183 };
            // A caller who made no offer is made one only where its answer can come before ours to the INVITE.
            let hears = caller.agreed.is_some() || caller.reliable.wish != Wish::Unable;
            caller.early |= agreed.is_some() && hears;
            caller.todo.add(Todo::RESPOND);
        }
    }

    /// A target answered.
    fn answers(
        &mut self,
        cx: &Cx<'_>,
        from: &Admitted,
        message: &Message<'_>,
        e: &Essentials<'_>,
        id: LegId,
    ) {
        let rung = self.is_rung(id);
        let (early, said) = (self.reliable_answer(e, id), self.said_early(e, id));
        self.forget_early_dialogs(id);
        let Some(leg) = self.legs.get_mut(id) else { return };
        let (call, trunk, srtp) = (leg.call, leg.trunk, leg.srtp());
        if leg.dialog.confirm(message, e).is_err() {
            // Without its Contact it can be told nothing but this.
            leg.state = LegState::Terminated;
            self.ack_success(cx, from.path, message, e);
            if rung {
                self.ringing_failed(cx, id, Reason::TargetMedia, None, false);
            }
            return;
        }
        let asked = leg.path;
        leg.path = next_path(&leg.dialog, cx.config, &Admitted { path: leg.path, ..*from });
        leg.state = LegState::Confirmed;
        leg.invited = e.cseq.number;
        leg.todo.add(Todo::ACK);
        leg.goes_on_saying(said);
        leg.timer.begin();
        leg.timer.agreed(cx.now, message);
        self.arm_leg(id);
        if !rung {
            // Its CANCEL came too late, or its answer came after its time (RFC 3261 9.1).
            return self.hang_up(cx, id, Reason::Cancelled);
        }
        let agreed = cx
            .config
            .trunk(trunk)
            .ok_or(Reason::TargetMedia)
            .and_then(|trunk| early.map_or_else(|| accept(cx.config, trunk, srtp, message), Ok));
        let agreed = match agreed.map_err(of_target) {
            Ok(agreed) => agreed,
            Err(reason) => {
                self.hang_up(cx, id, reason);
                return self.ringing_failed(cx, id, reason, None, false);
            }
        };
        self.is_up(cx, asked);
        if self.hears_first(cx, call, id, agreed) {
            return;
        }
        self.has_won(cx, id);
        self.set_agreed(call, id, agreed);
        self.answered(cx, call);
    }

    /// Who is rung for the call has answered.
    pub(super) fn answered(&mut self, cx: &Cx<'_>, call: CallId) {
        self.clock.cancel(call.index());
        self.comes_out(cx, call);
        if self.transfer_answered(cx, call) {
            return;
        }
        let Some(owner) = self.calls.get_mut(call) else { return };
        self.blocks.free(owner.identity.answered());
        owner.progress = Progress::Answered;
        if owner.hears {
            owner.pending.add(Pending::BRIDGE);
        }
        if owner.answered.replace(cx.now).is_none() {
            owner.pending.add(Pending::ANSWERED);
        }
        owner.unsettle();
        self.wants_recording(cx.config, call);
        let Some(owner) = self.calls.get_mut(call) else { return };
        let caller = owner.first.and_then(|leg| self.legs.get_mut(leg));
        if let Some(caller) = caller.filter(|leg| leg.side == Side::A && leg.state == LegState::Proceeding) {
            caller.status = 200;
            caller.todo.add(Todo::RESPOND);
        }
    }

    /// Whether this leg is a target that its call is waiting for.
    pub(super) fn is_rung(&self, id: LegId) -> bool {
        let call = self.legs.get(id).and_then(|leg| self.calls.get(leg.call));
        let beside = self.legs.get(id).is_some_and(|leg| leg.beside);
        call.is_some_and(|call| (call.called == Some(id) || beside) && call.progress == Progress::Ringing)
    }

    /// The call of a leg that is rung, or was when it said nothing, where that is Zendesk's line.
    pub(super) fn rung_at_zendesk(&mut self, config: &Config<'_>, id: LegId) -> Option<&mut Call> {
        let left = |leg: &&Leg| matches!(leg.state, LegState::Cancelling { .. });
        let leg = self.legs.get(id).filter(|leg| left(leg) || self.is_rung(id))?;
        config.trunk(leg.trunk).filter(|trunk| trunk.kind == TrunkKind::Zendesk)?;
        self.calls.get_mut(leg.call)
    }
}
