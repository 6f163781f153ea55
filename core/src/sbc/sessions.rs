//! What happens to a session that is under way: UPDATE (RFC 3311), re-INVITEs of our own (RFC 3261 14.1), and the
//! session timer (RFC 4028) that they serve. Each leg has a session of its own, and the other leg hears of none of it.

use crate::call::{Form, Leg, LegId, LegState, Move, Todo, Work, retry_after, target_failure};
use crate::config::TargetIndex;
use crate::reason::Reason;
use crate::relay::Side;
use crate::sdp::Agreed;
use crate::sip::{Essentials, Message, Method, Writer, echo, phrase};
use crate::time::{Duration, Instant};
use crate::transaction::{Asked, Class, GIVE_UP, Machine, Reply};
use crate::transport::Path;

use super::authentication::credentials;
use super::dialogs::parse_hex;
use super::extensions::capabilities;
use super::replies::{contact, via};
use super::requests::{Request, accept, accept_again, agree, next_hop, reply_path};
use super::{Admitted, Cx, Output, Sbc};

/// How long a refresh waits that cannot be sent now.
const SOON: Duration = Duration::from_secs(1);

/// How long a refresh waits that was refused by someone who did not say for how long.
const LATER: Duration = Duration::from_secs(10);

/// A branch for an INVITE outside a dialog, made from a random number. What is heard for it may make a dialog; what is
/// heard for one within a dialog cannot, and that shows in the branch, as nothing else may be left of the leg.
pub(super) const fn first_branch(random: u64) -> u64 {
    random & !1
}

/// Whether this is the branch of an INVITE of ours within a dialog.
pub(super) const fn is_again(branch: u64) -> bool {
    branch & 1 != 0
}

impl Sbc<'_> {
    /// An UPDATE (RFC 3311 5.2) is answered at once, from what its leg can do.
    pub(super) fn update(&mut self, cx: &Cx<'_>, request: &Request<'_, '_>, id: LegId) -> Result<(), Reason> {
        let Request { from, message, .. } = *request;
        let trunk = cx.config.trunk(from.trunk).ok_or(Reason::UnknownSource)?;
        let leg = self.legs.get(id).ok_or(Reason::NoSuchCall)?;
        let early = match leg.state {
            LegState::Accepted { ending: false } | LegState::Confirmed => false,
            LegState::Proceeding | LegState::Calling => true,
            _ => return Err(Reason::NoSuchCall),
        };
        if !message.body().is_empty() {
            match early {
                // Our offer is still to be answered, or is the peer's.
                true if leg.offered => return Err(Reason::OfferPending),
                true if !leg.reliable.is_described() => return Err(Reason::OfferUnanswered),
                _ if leg.offered && leg.resend.is_some() || leg.timer.work == Work::Inviting => {
                    return Err(Reason::OfferPending);
                }
                _ => {}
            }
        }
        let call = leg.call;
        let terms = if early { None } else { Some(leg.timer.terms(message)?) };
        let agreed = agree(cx.config, trunk, leg.srtp(), &from, message)?;

        let moved = self.refresh_target(cx, &from, message, id);
        let leg = self.legs.get_mut(id).ok_or(Reason::NoSuchCall)?;
        match terms {
            Some(terms) => leg.timer.accepted(cx.now, message, terms),
            None => leg.timer.meet(message),
        }
        let timed = leg.timer.is_set();
        leg.offered &= agreed.is_none();
        self.accept_update(cx, request, id, agreed, !early)?;
        if let Some(call) = self.calls.get_mut(call).filter(|_| moved || timed && !early) {
            call.unsettle();
        }
        self.wake(call);
        Ok(())
    }

    /// Answers an UPDATE with a 200: with our session description, where it made an offer that agrees with it, and with
    /// the session timer, where the session is one that is `timed`.
    pub(super) fn accept_update(
        &mut self,
        cx: &Cx<'_>,
        request: &Request<'_, '_>,
        id: LegId,
        agreed: Option<Agreed>,
        timed: bool,
    ) -> Result<(), Reason> {
        let Request { from, message, e, key } = *request;
        let leg = self.legs.get_mut(id).ok_or(Reason::NoSuchCall)?;
        let call = leg.call;
        let described = agreed.is_some();
        if let Some(agreed) = agreed {
            leg.timer.form = Form::Answer;
            leg.is_told_its_port();
            self.set_agreed(call, id, agreed);
            self.revise(cx, id);
        }
        let leg = self.legs.get(id).ok_or(Reason::NoSuchCall)?;
        let owner = self.calls.get(call).ok_or(Reason::NoSuchCall)?;
        let (listener, interface) = cx.config.listener(leg.path.listener).ok_or(Reason::NoSuchCall)?;
        let mut w = Writer::new(self.reply);
        w.status_line(200, phrase(200));
        echo(&mut w, message, from.path.remote, None);
        contact(&mut w, listener, interface);
        capabilities(&mut w);
        if timed {
            leg.timer.tell(&mut w);
        }
        if described {
            w.body(b"application/sdp", |body| leg.describe(owner, interface.advertise, leg.version, body));
        } else {
            w.empty_body();
        }
        let len = w.finish().map_err(|_| Reason::MessageTooLarge)?;
        self.replying = Some((reply_path(from.path, &e.via), len));
        if !from.path.transport.is_reliable()
            && let Some(answer) = self.blocks.store(self.reply.get(..len).unwrap_or_default())
            && let Some(leg) = self.legs.get_mut(id)
        {
            leg.timer.answered = key;
            leg.timer.keep_until = cx.now.after(GIVE_UP);
            self.blocks.free(core::mem::replace(&mut leg.timer.answer, answer));
        }
        self.transactions.answered(cx.now, key, Reply::Kept, false, false, from.path.transport);
        self.arm_leg(id);
        Ok(())
    }

    /// An UPDATE that was answered comes again. One that is not the leg's latest has had its answer.
    pub(super) fn answer_update_again(&mut self, from: &Admitted, e: &Essentials<'_>, key: u64) {
        let leg = self.find_leg(from, e).or_else(|| self.early_leg(from, e)).and_then(|id| self.legs.get(id));
        let Some(leg) = leg.filter(|leg| leg.timer.answered == key && !leg.timer.answer.is_empty()) else {
            return;
        };
        let len = self.blocks.load(&leg.timer.answer, self.reply);
        self.replying = len.map(|len| (reply_path(from.path, &e.via), len));
    }

    /// Takes over the Contact of a target refresh, and with it where the leg's requests go. Whether it is another.
    pub(super) fn refresh_target(
        &mut self,
        cx: &Cx<'_>,
        from: &Admitted,
        message: &Message<'_>,
        id: LegId,
    ) -> bool {
        let Some(leg) = self.legs.get_mut(id) else { return false };
        let moved = leg.dialog.refresh(message);
        if moved {
            let remote = next_hop(&leg.dialog, cx.config, from).unwrap_or(leg.path.remote);
            leg.path = Path { remote, ..leg.path };
        }
        moved
    }

    /// A target wants a longer session interval than we asked for (RFC 4028 7.3): it is rung again with that. Whether
    /// it is.
    pub(super) fn invites_for_longer(&mut self, cx: &Cx<'_>, message: &Message<'_>, id: LegId) -> bool {
        let rung = self.is_rung(id);
        let Some(leg) = self.legs.get_mut(id) else { return false };
        let invited = matches!(leg.state, LegState::Calling | LegState::Proceeding);
        if !rung || !invited || !leg.timer.lengthen(message) {
            return false;
        }
        leg.state = LegState::Calling;
        leg.branch = first_branch(self.random.next_u64());
        leg.todo.add(Todo::INVITE);
        self.forget_early_dialogs(id);
        self.renew_credentials(cx, id, Method::Invite);
        true
    }

    /// What a leg's session asks for at its time: something kept is let go, the session is refreshed, or over.
    pub(super) fn session_due(&mut self, cx: &Cx<'_>, id: LegId) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        let call = leg.call;
        if !leg.timer.answer.is_empty() && leg.timer.keep_until <= cx.now {
            self.blocks.free(core::mem::replace(&mut leg.timer.answer, crate::memory::Chain::EMPTY));
        }
        if leg.is_in_session() {
            if leg.timer.due().is_some_and(|at| at <= cx.now) {
                if leg.timer.is_set() && leg.timer.expiry() <= cx.now {
                    return self.lose(cx, id, Reason::SessionExpired);
                }
                self.refresh(cx, id);
            }
        } else if leg.timer.work == Work::Inviting && leg.timer.wind_up() <= cx.now {
            leg.timer.work = Work::None;
            let key = leg.timer.branch;
            let key = self.client_key(key, Method::Invite);
            self.transactions.abandon(cx.now, key, &mut self.blocks);
        }
        self.arm_leg(id);
        self.wake(call);
    }

    /// Refreshes a leg's session: by UPDATE where the peer takes that, else by a re-INVITE that says what was said.
    fn refresh(&mut self, cx: &Cx<'_>, id: LegId) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        if leg.state == LegState::Confirmed && leg.timer.updates() && leg.moves == Move::None {
            leg.timer.work = Work::Updating;
            leg.todo.add(Todo::UPDATE);
        } else if !self.invite_again_now(id)
            && let Some(leg) = self.legs.get_mut(id)
        {
            leg.timer.work = Work::Waiting(cx.now.after(SOON));
        }
    }

    /// Sends a re-INVITE with the leg's session description as it is then. False while another INVITE is under way
    /// either way (14.1), or there is no dialog.
    pub(super) fn invite_again_now(&mut self, id: LegId) -> bool {
        let Some(leg) = self.legs.get_mut(id) else { return false };
        let busy = matches!(leg.timer.work, Work::Inviting | Work::Updating);
        if leg.state != LegState::Confirmed || leg.resend.is_some() || busy || leg.todo.has(Todo::ACK) {
            return false;
        }
        leg.timer.work = Work::Inviting;
        leg.todo.add(Todo::INVITE_AGAIN);
        let call = leg.call;
        self.wake(call);
        true
    }

    /// Sends the re-INVITE or UPDATE that is due. `Some(None)` when there is no room for it now.
    pub(super) fn send_again(&mut self, cx: &Cx<'_>, id: LegId, out: &mut [u8]) -> Option<Option<Output>> {
        if !self.transactions.has_room() {
            let leg = self.legs.get_mut(id)?;
            leg.timer.work = Work::Waiting(cx.now.after(SOON));
            self.arm_leg(id);
            return Some(None);
        }
        let (method, machine) = match self.legs.get(id)?.timer.work {
            Work::Updating => (Method::Update, Machine::Client),
            _ => (Method::Invite, Machine::InviteClient),
        };
        let asked = Asked::of(method);
        let branch = self.random.next_u64() | 1;
        if method == Method::Invite {
            let leg = self.legs.get_mut(id)?;
            leg.is_told_its_port();
            let (version, said) = (leg.version, leg.said);
            self.revise(cx, id);
            if let Some(leg) = self.legs.get_mut(id).filter(|leg| leg.version != version) {
                leg.unsaid = said;
            }
        }
        self.renew_credentials(cx, id, method);
        let (len, to) = self.write_again(cx, id, method, branch, out)?;
        self.legs.get_mut(id)?.timer.branch = branch;
        let (key, nobody) = (self.client_key(branch, method), TargetIndex(u16::MAX));
        let kept = self.keep(out, len);
        if let Err(kept) =
            self.transactions.request(cx.now, key, machine, to, Some((id, asked)), nobody, kept)
        {
            kept.into_iter().for_each(|chain| self.blocks.free(chain));
            return None;
        }
        Some(Some(Output::Transmit { to, len }))
    }

    /// Writes a re-INVITE or UPDATE: how long it is, and where it goes.
    fn write_again(
        &mut self,
        cx: &Cx<'_>,
        id: LegId,
        method: Method<'_>,
        branch: u64,
        out: &mut [u8],
    ) -> Option<(usize, Path)> {
        let cseq = self.legs.get_mut(id)?.dialog.count();
        let leg = self.legs.get(id)?;
        let call = self.calls.get(leg.call)?;
        let (listener, interface) = cx.config.listener(leg.path.listener)?;
        let mut w = Writer::new(out);
        leg.dialog.request(&mut w, method.as_bytes(), cseq, 70, |w| via(w, listener, interface, branch));
        contact(&mut w, listener, interface);
        capabilities(&mut w);
        credentials(&mut w, &self.blocks, leg);
        leg.timer.ask_again(&mut w);
        if method == Method::Invite {
            w.body(b"application/sdp", |body| leg.describe(call, interface.advertise, leg.version, body));
        } else {
            w.empty_body();
        }
        Some((w.finish().ok()?, leg.path))
    }

    /// A response to a re-INVITE or UPDATE of ours.
    pub(super) fn heard_again(
        &mut self,
        cx: &Cx<'_>,
        from: &Admitted,
        message: &Message<'_>,
        e: &Essentials<'_>,
        id: LegId,
        status: u16,
    ) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        let call = leg.call;
        let invite = e.cseq.method == Method::Invite;
        match Class::of(status) {
            Class::Provisional => return,
            Class::Success => {
                if invite {
                    leg.invited = e.cseq.number;
                    leg.todo.add(Todo::ACK);
                }
                if leg.state == LegState::Confirmed {
                    self.refreshed(cx, from, message, id, invite);
                } else {
                    leg.timer.work = Work::None;
                }
            }
            Class::Failure => {
                leg.timer.work = Work::None;
                if leg.state == LegState::Confirmed {
                    self.not_refreshed(cx, message, id, status, invite);
                }
            }
        }
        self.arm_leg(id);
        self.wake(call);
    }

    /// A re-INVITE or UPDATE of ours was accepted.
    fn refreshed(&mut self, cx: &Cx<'_>, from: &Admitted, message: &Message<'_>, id: LegId, invite: bool) {
        self.refresh_target(cx, from, message, id);
        let Some(leg) = self.legs.get_mut(id) else { return };
        let call = leg.call;
        leg.unsaid.take_if(|_| invite);
        leg.timer.agreed(cx.now, message);
        if let Some(call) = self.calls.get_mut(call) {
            call.unsettle();
        }
        if !invite {
            return;
        }
        let agreed = match (cx.config.trunk(leg.trunk), leg.agreed, leg.timer.form) {
            (None, ..) => Err(Reason::UnknownSource),
            (Some(trunk), Some(before), Form::Answer) => accept_again(cx.config, trunk, message, &before),
            (Some(trunk), ..) => accept(cx.config, trunk, leg.srtp(), message),
        };
        match agreed {
            Ok(agreed) => match leg.moves {
                moves if moves.is_told() => self.arrive(cx, id, agreed),
                Move::Back => {
                    leg.timer.work = Work::Waiting(cx.now);
                    self.set_agreed(call, id, agreed);
                }
                _ => self.set_agreed(call, id, agreed),
            },
            // 14.1 knows no other way: the peer believes in what it has said.
            Err(reason) => self.lose(cx, id, reason),
        }
    }

    /// A re-INVITE or UPDATE of ours was refused: the session is as it was (14.1).
    fn not_refreshed(&mut self, cx: &Cx<'_>, message: &Message<'_>, id: LegId, status: u16, invite: bool) {
        let random = self.random.next_u64();
        let Some(leg) = self.legs.get_mut(id) else { return };
        if let Some(said) = leg.unsaid.take_if(|_| invite) {
            // What comes next follows what was said before this (RFC 3264 section 8).
            (leg.version, leg.said) = (leg.version.saturating_sub(1), Some(said));
            if let Some(call) = self.calls.get_mut(leg.call) {
                call.unsettle();
            }
        }
        let moves = invite && (leg.moves.is_told() || leg.moves == Move::Back);
        let set = leg.timer.is_set() && !moves;
        let wait = match status {
            // The peer does not know of the dialog (12.2.1.2).
            408 | 481 => return self.lose(cx, id, Reason::RefreshFailed),
            491 => Some(after_glare(leg.side, random)),
            422 if leg.timer.lengthen(message) => Some(Duration::ZERO),
            405 | 501 if !invite => {
                leg.timer.without_update();
                Some(Duration::ZERO)
            }
            // Asked again it would say the same.
            401 | 407 | 422 => None,
            _ if set => Some(retry_after(message).unwrap_or(LATER)),
            _ => None,
        };
        leg.timer.work = match wait {
            Some(wait) if leg.timer.try_again() => Work::Waiting(cx.now.after(wait)),
            // It is not refused: the peer has a request under way, which may take until its timer B. The session's end
            // bounds it.
            Some(_) if set && status == 491 => Work::Waiting(cx.now.after(LATER)),
            _ if set => Work::Failed,
            _ => Work::None,
        };
        let stays = moves && leg.timer.work == Work::None;
        self.counters.add(Reason::RefreshFailed);
        if stays {
            self.will_not_move(cx, id, target_failure(status));
        }
    }

    /// Nobody answered a re-INVITE or UPDATE of ours in time. Whether it was one.
    pub(super) fn refresh_unanswered(&mut self, cx: &Cx<'_>, id: LegId, asked: Asked) -> bool {
        let Some(leg) = self.legs.get_mut(id) else { return false };
        let call = leg.call;
        match (leg.timer.work, asked) {
            (Work::Inviting, Asked::Invite) | (Work::Updating, Asked::Update) => leg.timer.work = Work::None,
            _ => return false,
        }
        if leg.state == LegState::Confirmed {
            self.lose(cx, id, Reason::RefreshFailed);
        }
        self.arm_leg(id);
        self.wake(call);
        true
    }

    /// The ACK to a failed re-INVITE of ours, made from its leg's dialog (17.1.1.3). Where that is gone there is nothing
    /// to make it from.
    pub(super) fn ack_failure_again(
        &mut self,
        cx: &Cx<'_>,
        from: &Admitted,
        branch: u64,
        e: &Essentials<'_>,
    ) {
        let Some(local_tag) = e.from.tag().and_then(parse_hex) else { return };
        let slot = self.dialogs.find(self.dialog_key(local_tag), |slot| {
            let leg = self.legs.id_at(slot).and_then(|id| self.legs.get(id));
            leg.is_some_and(|leg| leg.dialog.local_tag() == local_tag && leg.trunk == from.trunk)
        });
        let Some(leg) = slot.and_then(|slot| self.legs.id_at(slot)).and_then(|id| self.legs.get(id)) else {
            return;
        };
        let Some((listener, interface)) = cx.config.listener(leg.path.listener) else { return };
        let mut w = Writer::new(self.reply);
        leg.dialog.request(&mut w, b"ACK", e.cseq.number, 70, |w| via(w, listener, interface, branch));
        w.empty_body();
        self.replying = w.finish().ok().map(|len| (leg.path, len));
    }
}

impl Leg {
    /// Whether both sides take the session for established.
    pub(super) const fn is_in_session(&self) -> bool {
        matches!(self.state, LegState::Accepted { ending: false } | LegState::Confirmed)
    }

    /// When [`Sbc::session_due`] has something to do.
    pub(super) fn session_due(&self) -> Option<Instant> {
        let session = match self.is_in_session() {
            true => self.timer.due(),
            false => (self.timer.work == Work::Inviting).then(|| self.timer.wind_up()),
        };
        let kept = (!self.timer.answer.is_empty()).then_some(self.timer.keep_until);
        session.into_iter().chain(kept).min()
    }

    /// Its peer is told its own port by what answers it: that need not be told any more.
    pub(super) fn is_told_its_port(&mut self) {
        if self.moves == Move::Back {
            self.moves = Move::None;
        }
    }

    /// The leg is being ended: nothing new is begun, and what is out gets a while.
    pub(super) fn drop_refresh(&mut self, now: Instant) {
        let waited = self.todo.take(Todo::INVITE_AGAIN) | self.todo.take(Todo::UPDATE);
        if waited || self.timer.work != Work::Inviting {
            self.timer.work = Work::None;
        }
        self.timer.refresh(now);
    }
}

/// How long to wait after a 491 (RFC 3261 14.1): longer for who made the Call-ID up.
const fn after_glare(side: Side, random: u64) -> Duration {
    Duration::from_millis(match side {
        Side::A => random % 201 * 10,
        _ => 2_100 + random % 191 * 10,
    })
}
