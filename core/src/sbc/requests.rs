//! Requests that arrive.

use core::net::SocketAddr;

use crate::call::{self, Call, CallId, Form, Leg, LegId, LegState, Pending, SessionTimer, Stage, Todo, Work};
use crate::config::{Config, LineIndex, Trunk, TrunkKind};
use crate::dialog::{Dialog, DialogError};
use crate::g711::Law;
use crate::memory::Ports;
use crate::reason::Reason;
use crate::relay::Side;
use crate::sdp::{self, Agreed};
use crate::sip::{self, ErrorKind, Essentials, Host, Message, Method, Name, Via};
use crate::srtp::Policy;
use crate::transaction::{Received, Reply};
use crate::transport::Path;

use super::dialogs::parse_hex;
use super::security::not_in_the_open;
use super::sources::media_allowed;
use super::streams::next_path;
use super::{Admitted, Cx, Event, Excerpt, Sbc, extensions, reliable};

/// Max-Forwards of a request that has none, and of what is sent to Zendesk (RFC 3261 8.1.1.6).
const MAX_FORWARDS: u8 = 70;

/// The most that is taken of a request's Max-Breadth (RFC 5393 5.3.3).
const MAX_BREADTH: u8 = 60;

impl Sbc<'_> {
    pub(super) fn message(&mut self, cx: &Cx<'_>, from: Admitted, bytes: &[u8]) {
        // Keep-alives (RFC 5626 3.5.1) and what some peers send for one.
        if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return;
        }
        self.parsed = self.parsed.saturating_add(1);
        let message = match Message::parse(bytes) {
            Ok(message) => message,
            Err(error) => return self.counters.add(unreadable(error)),
        };
        let from = self.speaker(cx.config, from, &message);
        match message.method() {
            Some(method) => self.request(cx, from, &message, method),
            None => self.response(cx, from, &message),
        }
    }

    fn request(&mut self, cx: &Cx<'_>, from: Admitted, message: &Message<'_>, method: Method<'_>) {
        let essentials = match message.essentials() {
            Ok(essentials) => essentials,
            Err(error) => return self.reply_faulty(cx, from, message, method, error),
        };
        let e = &essentials;
        if from.in_calls_only && self.find_leg(&from, e).is_none() {
            return self.counters.add(Reason::UnknownSource);
        }
        // An ACK has the key of the INVITE it acknowledges, unless that was accepted.
        let ack = method == Method::Ack;
        let key = self.server_key(cx.config, &from, e, message, if ack { Method::Invite } else { method });
        match self.transactions.receive(cx.now, key, ack, &mut self.blocks) {
            Received::New => {}
            Received::Absorbed => return,
            Received::Again(Reply::Kept) => return self.answer_update_again(&from, e, key),
            Received::Again(reply) => return self.reply_with(cx, &from, message, e, reply),
            Received::Send(id) => {
                self.replying = self.transactions.message(id, &self.blocks, self.reply);
                return;
            }
        }
        let request = Request { from, message, e, key };
        match method {
            Method::Ack => self.ack(cx, &request),
            Method::Cancel => self.cancel(cx, &request),
            _ if let Err(reason) = acceptable(message, method) => self.refuse(cx, &request, reason),
            _ if e.to.tag().is_some() => self.within_dialog(cx, &request, method),
            _ if self.is_unproven(cx, &request, method) => {}
            Method::Register => self.register(cx, &request),
            Method::Invite => match self.invite(cx, &request) {
                Ok(()) => self.reply_with(cx, &from, message, e, Reply::Trying),
                Err(reason) => self.refuse(cx, &request, reason),
            },
            // As an INVITE would be (11.2), so that who asks first sends no calls here.
            Method::Options if self.draining => self.refuse(cx, &request, Reason::Draining),
            Method::Options => self.answer_at_once(cx, &request, Reply::Capabilities),
            Method::Refer => self.refer_outside(cx, &request),
            Method::Bye | Method::Prack | Method::Info => self.refuse(cx, &request, Reason::NoSuchCall),
            Method::Other(_) => self.refuse(cx, &request, Reason::MethodUnknown),
            _ => self.refuse(cx, &request, Reason::MethodNotAllowed),
        }
    }

    /// A new call: everything that can speak against it is looked at before anything is taken.
    fn invite(&mut self, cx: &Cx<'_>, request: &Request<'_, '_>) -> Result<(), Reason> {
        let Request { from, message, e, .. } = *request;
        let config = cx.config;
        if message.header(Name::Replaces).is_some() {
            return self.replace(cx, request);
        }
        if self.draining {
            return Err(Reason::Draining);
        }
        let trunk = config.trunk(from.trunk).ok_or(Reason::UnknownSource)?;
        if trunk.kind == TrunkKind::Zendesk {
            return Err(Reason::TrunkMayNotCall);
        }
        let max_forwards =
            e.max_forwards.unwrap_or(MAX_FORWARDS).checked_sub(1).ok_or(Reason::TooManyHops)?;
        if self.goes_round(config, request) {
            return Err(Reason::Loop);
        }
        let uri = message.request_uri().map_err(|_| Reason::MalformedRequest)?;
        let line = call::line(config, &uri, from.trunk, from.path.listener);
        let line = self.or_announced(cx, line, from.trunk, from.path.listener, &uri)?;
        let mut caller = call::caller(config, trunk, message, e);
        if let Some(linked) = self.linked(config, request) {
            caller.is_that_of(linked);
        }
        if trunk.kind != TrunkKind::Phones && caller.is_blocked(config.text(config.node.blocked)) {
            return Err(Reason::CallerBlocked);
        }
        if self.is_brought_back(config, request, line) {
            return Err(Reason::Loop);
        }
        if !takes_descriptions(message) {
            return Err(Reason::NothingAcceptable);
        }
        let agreed = agree(config, trunk, trunk.srtp, &from, message)?;
        SessionTimer::NONE.terms(message)?;
        if self.calls.is_full() || self.legs.is_full() {
            return Err(Reason::NodeFull);
        }
        // The limits come last, so that what is refused anyway uses nothing of them up, and the trunk's own before the
        // node's, so that no trunk uses up more of that than it may.
        let state = self.trunks.get_mut(usize::from(from.trunk.0)).ok_or(Reason::UnknownSource)?;
        state.start(cx.now, trunk)?;
        if !self.new_calls.take(cx.now, config.node.new_calls) {
            return Err(Reason::NewCallLimit);
        }
        // After these, since they bound how often every call is looked at.
        if self.rings_back(config, from.trunk, line, caller.number.as_ref()) {
            return Err(Reason::Loop);
        }

        let local_tag = self.random.next_u64();
        let dialog = Dialog::serve(message, e, local_tag).map_err(|error| match error {
            DialogError::TooLong => Reason::MessageTooLarge,
            DialogError::Contact => Reason::MalformedRequest,
        })?;
        let ports = self.take_ports(config, line, from.path.listener)?;
        let taken = self.take_call(cx, request, line, caller, agreed, dialog, ports, max_forwards);
        if taken.is_err() {
            ports.iter().for_each(|&port| self.ports.give_back(port));
        }
        taken
    }

    #[expect(clippy::too_many_arguments, reason = "each was found by another check")]
    fn take_call(
        &mut self,
        cx: &Cx<'_>,
        request: &Request<'_, '_>,
        line: LineIndex,
        caller: call::Caller,
        agreed: Option<Agreed>,
        dialog: Dialog,
        ports: [u16; 2],
        max_forwards: u8,
    ) -> Result<(), Reason> {
        let Request { from, message, .. } = *request;
        let trunk = cx.config.trunk(from.trunk).ok_or(Reason::UnknownSource)?;
        let kind = Some(trunk.kind);
        let (ticket, note) = match (call::ticket(message), kind) {
            (Ok(None), _) => (None, None),
            (Ok(ticket), Some(TrunkKind::Ai)) => (ticket, None),
            (Err(reason), Some(TrunkKind::Ai)) => (None, Some(reason)),
            _ => (None, Some(Reason::TicketNotTrusted)),
        };
        let ticket = ticket.or_else(|| self.linked(cx.config, request)?.ticket);
        note.into_iter().for_each(|note| self.counters.add(note));
        let call::Caller { number: caller, withheld, vouched, note: left_out } = caller;
        left_out.into_iter().for_each(|note| self.counters.add(note));
        let note = note.or(left_out);
        let mut pending = Pending::default();
        pending.add(Pending::STARTED);
        pending.add(Pending::OPEN);
        let worker = Ports::worker(ports[0], cx.config.node.workers);
        let id = self.random.next_u64();
        let new = Call {
            pending,
            caller,
            identity: call::Identity { id, withheld, vouched, ..call::Identity::NONE },
            ticket,
            note,
            max_forwards,
            max_breadth: max_breadth(message),
            ..Call::new(line, from.trunk, ports, worker, cx.now)
        };
        let Ok(call) = self.calls.insert(new) else { return Err(Reason::NodeFull) };
        self.name_call(call);
        if let Err(reason) = self.take_leg(cx, request, call, agreed, dialog) {
            self.remove_call(call);
            return Err(reason);
        }
        self.keep_carried(cx.config, trunk, message, call);
        if let Ok(uri) = message.request_uri() {
            self.take_announced(cx, call, from.trunk, line, (from.path.listener, &uri));
        }
        self.wants_ticket(cx, call);
        self.guard(cx, call);
        self.wake(call);
        Ok(())
    }

    /// Makes the leg of an INVITE that is taken, as the last one of `call`.
    pub(super) fn take_leg(
        &mut self,
        cx: &Cx<'_>,
        request: &Request<'_, '_>,
        call: CallId,
        agreed: Option<Agreed>,
        dialog: Dialog,
    ) -> Result<LegId, Reason> {
        let Request { from, message, e, key } = *request;
        let mut echo = sip::Writer::new(self.reply);
        sip::echo(&mut echo, message, from.path.remote, Some(dialog.local_tag()));
        let len = echo.finish().map_err(|_| Reason::MessageTooLarge)?;
        let path = next_path(&dialog, cx.config, &from);
        let session = self.random.next_u64() >> 2;
        let mut timer = SessionTimer::NONE;
        timer.accepted(cx.now, message, timer.terms(message)?);
        if agreed.is_none() {
            timer.form = Form::Offer(Law::Mu);
        }
        let trunk = cx.config.trunk(from.trunk).ok_or(Reason::UnknownSource)?;
        let keys = self.keys(trunk, from.path.transport);
        let echo = self.blocks.store(self.reply.get(..len).unwrap_or_default()).ok_or(Reason::NoMemory)?;
        let leg = Leg {
            timer,
            reply_path: reply_path(from.path, &e.via),
            echo: Some(echo),
            invited: e.cseq.number,
            offered: agreed.is_none(),
            agreed,
            keys,
            reliable: reliable::wish(message),
            user: self.registrant(cx.config, message, from.trunk.0),
            ..Leg::new(call, Side::A, from.trunk, path, dialog, session)
        };
        let leg = self.join(call, leg, Some(self.merged_key(e)))?;
        let invite = self.transactions.serve(key, reply_path(from.path, &e.via), leg);
        if invite.is_none() {
            self.part(call, leg);
            return Err(Reason::NoMemory);
        }
        if let Some(leg) = self.legs.get_mut(leg) {
            leg.invite = invite;
        }
        if let Some(call) = self.calls.get_mut(call) {
            call.pending.add(Pending::UNANSWERED);
        }
        Ok(leg)
    }

    /// A port towards the caller and one towards what the line rings, of the same relay worker.
    pub(super) fn take_ports(
        &mut self,
        config: &Config<'_>,
        line: LineIndex,
        listener: u8,
    ) -> Result<[u16; 2], Reason> {
        let (heard, _) = config.listener(listener).ok_or(Reason::NoPort)?;
        let called = config
            .line(line)
            .and_then(|line| config.rings(line).first())
            .and_then(|ring| config.target(ring.target))
            .and_then(|target| config.trunk(target.trunk))
            .and_then(|trunk| config.listener(trunk.listener))
            .map(|(listener, _)| listener.interface)
            .ok_or(Reason::NoPort)?;
        let workers = config.node.workers;
        // The worker that has most; where it has none on the other side, any that has.
        for worker in core::iter::once(None).chain((0..workers).map(Some)) {
            let Some(a) = self.ports.take(heard.interface, worker) else { continue };
            match self.ports.take(called, Some(Ports::worker(a, workers))) {
                Some(b) => return Ok([a, b]),
                None => self.ports.give_back(a),
            }
        }
        Err(Reason::NoPort)
    }

    /// A CANCEL (9.2) is answered for itself; the INVITE it is for, when that is not answered yet, gets a 487.
    fn cancel(&mut self, cx: &Cx<'_>, request: &Request<'_, '_>) {
        let invite = self.server_key(cx.config, &request.from, request.e, request.message, Method::Invite);
        if let Some(leg) = self.transactions.pending(invite) {
            if let Some(call) = self.legs.get(leg).map(|leg| leg.call) {
                self.note_causes(call, request.message);
                self.end(cx, call, Reason::Cancelled);
            }
        } else if !self.transactions.knows(invite) {
            return self.refuse(cx, request, Reason::NoSuchCall);
        }
        self.answer_at_once(cx, request, Reply::Ok);
    }

    /// The ACK to a 2xx (13.3.1.4).
    fn ack(&mut self, cx: &Cx<'_>, request: &Request<'_, '_>) {
        let e = request.e;
        let Some(id) = self.find_leg(&request.from, e) else {
            // That of a challenge, of which nothing was kept.
            if e.to.tag().and_then(parse_hex) != Some(self.passing_tag(e)) {
                self.counters.add(Reason::StrayAck);
            }
            return;
        };
        let Some(leg) = self.legs.get_mut(id) else { return };
        if leg.invited != e.cseq.number || leg.resend.is_none() {
            return;
        }
        leg.resend = None;
        leg.todo.take(Todo::ANSWER_AGAIN);
        let (call, answer, offered) = (leg.call, leg.answer.take(), core::mem::take(&mut leg.offered));
        let ending = leg.state == LegState::Accepted { ending: true };
        if matches!(leg.state, LegState::Accepted { .. }) {
            leg.state = LegState::Confirmed;
        }
        answer.into_iter().for_each(|chain| self.blocks.free(chain));
        self.arm_leg(id);
        if ending {
            self.hang_up(cx, id, Reason::Stopped);
        } else if offered {
            self.answered_in_ack(cx, call, id, request);
        }
    }

    /// Our 2xx offered, so that the answer came with the ACK.
    fn answered_in_ack(&mut self, cx: &Cx<'_>, call: CallId, id: LegId, request: &Request<'_, '_>) {
        let trunk = cx.config.trunk(request.from.trunk).ok_or(Reason::UnknownSource);
        let srtp = self.legs.get(id).map_or(Policy::Off, Leg::srtp);
        let agreed = trunk.and_then(|trunk| accept(cx.config, trunk, srtp, request.message));
        match agreed {
            Ok(agreed) => self.set_agreed(call, id, agreed),
            Err(reason) => self.end(cx, call, reason),
        }
    }

    fn within_dialog(&mut self, cx: &Cx<'_>, request: &Request<'_, '_>, method: Method<'_>) {
        let Some(id) = self.find_leg(&request.from, request.e) else {
            if method == Method::Prack && self.was_provisional(request.e, request.message) {
                return self.answer_at_once(cx, request, Reply::Ok);
            }
            let early =
                if method == Method::Update { self.early_leg(&request.from, request.e) } else { None };
            let updated = early.ok_or(Reason::NoSuchCall).and_then(|id| self.update_early(cx, request, id));
            return updated.unwrap_or_else(|reason| self.refuse(cx, request, reason));
        };
        let Some(leg) = self.legs.get_mut(id) else { return };
        if !leg.dialog.hear(&request.e.cseq) {
            return self.refuse(cx, request, Reason::OutOfOrder);
        }
        match method {
            Method::Bye => self.bye(cx, request, id),
            Method::Prack => match self.prack(cx, request, id) {
                Ok(()) => {}
                Err(reason) => self.refuse(cx, request, reason),
            },
            Method::Invite => match self.invite_again(cx, request, id) {
                Ok(()) => {}
                Err(reason) => self.refuse(cx, request, reason),
            },
            Method::Update => match self.update(cx, request, id) {
                Ok(()) => {}
                Err(reason) => self.refuse(cx, request, reason),
            },
            Method::Info => match self.info(cx, request, id) {
                Ok(()) => {}
                Err(reason) => self.refuse(cx, request, reason),
            },
            Method::Options => self.answer_at_once(cx, request, Reply::Capabilities),
            Method::Refer => self.refer(cx, request, id),
            Method::Other(_) => self.refuse(cx, request, Reason::MethodUnknown),
            _ => self.refuse(cx, request, Reason::MethodNotAllowed),
        }
    }

    fn bye(&mut self, cx: &Cx<'_>, request: &Request<'_, '_>, id: LegId) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        let (call, side) = (leg.call, leg.side);
        match leg.state {
            // An early dialog that its caller ends (15.1.2): the INVITE still gets its final response.
            LegState::Proceeding if side == Side::A => {}
            _ => leg.state = LegState::Terminated,
        }
        let called = self.calls.get(call).is_some_and(|call| call.called == Some(id));
        let reason = match self.calls.get(call).map(|call| call.transfer.stage) {
            Some(Stage::Lent) => Reason::Transferred,
            _ if side == Side::A && !called => Reason::CallerHungUp,
            _ => Reason::TargetHungUp,
        };
        self.answer_at_once(cx, request, Reply::Ok);
        // A target that was given up already ends only itself.
        if !self.bye_ends_only_itself(cx, id) {
            self.note_causes(call, request.message);
            self.end(cx, call, reason);
        }
        self.wake(call);
    }

    /// A re-INVITE (14.2) is answered by the leg it arrives on, from what that leg can do; the other leg does not
    /// hear of it.
    fn invite_again(&mut self, cx: &Cx<'_>, request: &Request<'_, '_>, id: LegId) -> Result<(), Reason> {
        let Request { from, message, e, key } = *request;
        let trunk = cx.config.trunk(from.trunk).ok_or(Reason::UnknownSource)?;
        if message.header(Name::Replaces).is_some() {
            return Err(Reason::ReplacesMalformed);
        }
        let leg = self.legs.get(id).ok_or(Reason::NoSuchCall)?;
        match leg.state {
            // Our offer is still to be answered by the ACK.
            LegState::Accepted { ending: false } | LegState::Confirmed
                if leg.resend.is_some() && leg.offered =>
            {
                return Err(Reason::OfferPending);
            }
            // Ours is under way (14.2).
            _ if leg.timer.work == Work::Inviting => return Err(Reason::OfferPending),
            // The 2xx has reached a peer that goes on with its dialog, whatever became of the ACK (RFC 5407 3.1.5).
            LegState::Accepted { ending: false } | LegState::Confirmed => {}
            LegState::Proceeding | LegState::Calling => return Err(Reason::OfferPending),
            _ => return Err(Reason::NoSuchCall),
        }
        let call = leg.call;
        let terms = leg.timer.terms(message)?;
        let agreed = agree(cx.config, trunk, leg.srtp(), &from, message)?;

        let moved = self.refresh_target(cx, &from, message, id);
        let leg = self.legs.get_mut(id).ok_or(Reason::NoSuchCall)?;
        let old = leg.answer.take();
        leg.is_told_its_port();
        leg.timer.accepted(cx.now, message, terms);
        leg.timer.form = match (leg.timer.form, &agreed, &leg.agreed) {
            (_, Some(_), _) => Form::Answer,
            // What was agreed on before comes first, so that nothing changes that need not.
            (Form::Answer, None, Some(before)) => Form::Offer(before.profile.send.law),
            (form, None, _) => form,
        };
        leg.state = LegState::Confirmed;
        leg.invited = e.cseq.number;
        leg.reply_path = reply_path(from.path, &e.via);
        leg.offered = agreed.is_none();
        old.into_iter().for_each(|chain| self.blocks.free(chain));
        if let Some(agreed) = agreed {
            self.set_agreed(call, id, agreed);
        }
        self.reply_to_invite_again(cx, request, id)?;
        self.transactions.accepted(cx.now, key);
        self.expect_ack(cx, id);
        let timed = self.legs.get(id).is_some_and(|leg| leg.timer.is_set());
        if let Some(call) = self.calls.get_mut(call).filter(|_| moved || timed) {
            call.unsettle();
        }
        self.wake(call);
        Ok(())
    }

    /// Refuses a request for good: it gets the same answer when it comes again.
    pub(super) fn refuse(&mut self, cx: &Cx<'_>, request: &Request<'_, '_>, reason: Reason) {
        self.counters.add(reason);
        self.event = Some(Event::Refused {
            from: request.from.path,
            trunk: request.from.trunk,
            reason,
            asked: Excerpt::of(request.message.request_uri().map(|uri| uri.bytes).unwrap_or_default()),
        });
        self.answer_at_once(cx, request, Reply::Refused(reason));
    }

    pub(super) fn answer_at_once(&mut self, cx: &Cx<'_>, request: &Request<'_, '_>, reply: Reply) {
        let invite = request.e.cseq.method == Method::Invite;
        let stray = matches!(reply, Reply::Refused(_) | Reply::Capabilities | Reply::Bindings)
            && self.find_leg(&request.from, request.e).is_none();
        self.transactions.answered(cx.now, request.key, reply, invite, stray, request.from.path.transport);
        self.reply_with(cx, &request.from, request.message, request.e, reply);
    }
}

/// A request that was not seen before, and what is known of it.
#[derive(Clone, Copy)]
pub(super) struct Request<'r, 'a> {
    pub(super) from: Admitted,
    pub(super) message: &'r Message<'a>,
    pub(super) e: &'r Essentials<'a>,
    pub(super) key: u64,
}

/// Why a message was dropped that not even an answer can be made from.
fn unreadable(error: sip::Error) -> Reason {
    match error.kind {
        ErrorKind::TooManyFields | ErrorKind::TooLong => Reason::MessageTooLarge,
        _ => Reason::NotSip,
    }
}

/// What every request but ACK and CANCEL must satisfy (8.2).
fn acceptable(message: &Message<'_>, method: Method<'_>) -> Result<(), Reason> {
    if matches!(method, Method::Other(_)) {
        return Err(Reason::MethodUnknown);
    }
    let uri = message.request_uri().map_err(|_| Reason::MalformedRequest)?;
    if matches!(uri.scheme, sip::Scheme::Other(_)) {
        return Err(Reason::UnsupportedScheme);
    }
    if !extensions::are_known(message) {
        return Err(Reason::ExtensionRequired);
    }
    // RFC 3891 section 3.
    if method != Method::Invite && message.header(Name::Replaces).is_some() {
        return Err(Reason::ReplacesMalformed);
    }
    Ok(())
}

/// The request's Max-Breadth (RFC 5393 5.3.1), which our own INVITEs have as well (5.4.3): one target at a time is rung,
/// so that it need not be divided. 0 where there is none, or none that can be read.
fn max_breadth(message: &Message<'_>) -> u8 {
    let value = message.header(Name::MaxBreadth).and_then(|value| core::str::from_utf8(value).ok());
    value
        .and_then(|value| value.parse::<u32>().ok())
        .map_or(0, |value| u8::try_from(value).map_or(MAX_BREADTH, |value| value.min(MAX_BREADTH)))
}

/// Whether our answer may have a session description by the request's Accept, which where it is missing is nothing but
/// that (20.1).
pub(super) fn takes_descriptions(message: &Message<'_>) -> bool {
    let ours: [&[u8]; 3] = [b"application/sdp", b"application/*", b"*/*"];
    let takes = |token: &[u8]| {
        let range = token.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
        ours.iter().any(|ours| ours.eq_ignore_ascii_case(range))
    };
    message.header(Name::Accept).is_none() || message.tokens(Name::Accept).any(takes)
}

/// What is agreed on when the request's offer is answered; none when it makes no offer.
pub(super) fn agree(
    config: &Config<'_>,
    trunk: &Trunk,
    srtp: Policy,
    from: &Admitted,
    message: &Message<'_>,
) -> Result<Option<Agreed>, Reason> {
    let Some(session) = session(message)? else {
        not_in_the_open(None, trunk, srtp, from.path.transport)?;
        return Ok(None);
    };
    let agreed = sdp::choose(&session, srtp).map_err(refusal)?;
    not_in_the_open(Some(&agreed), trunk, srtp, from.path.transport)?;
    if !media_allowed(config, trunk, &agreed) {
        return Err(Reason::MediaOutsideRange);
    }
    Ok(Some(agreed))
}

/// What is agreed on when the message answers an offer of ours.
pub(super) fn accept(
    config: &Config<'_>,
    trunk: &Trunk,
    srtp: Policy,
    message: &Message<'_>,
) -> Result<Agreed, Reason> {
    let session = session(message)?.ok_or(Reason::AnswerMissing)?;
    let agreed = sdp::accept(&session, crate::rtp::Direction::SendRecv, srtp).map_err(refusal)?;
    if !media_allowed(config, trunk, &agreed) {
        return Err(Reason::MediaOutsideRange);
    }
    Ok(agreed)
}

/// What is agreed on when the message answers a description of ours that said again what was agreed on `before`.
pub(super) fn accept_again(
    config: &Config<'_>,
    trunk: &Trunk,
    message: &Message<'_>,
    before: &Agreed,
) -> Result<Agreed, Reason> {
    let session = session(message)?.ok_or(Reason::AnswerMissing)?;
    let agreed = sdp::accept_again(&session, before).map_err(refusal)?;
    if !media_allowed(config, trunk, &agreed) {
        return Err(Reason::MediaOutsideRange);
    }
    Ok(agreed)
}

fn session<'a>(message: &Message<'a>) -> Result<Option<sdp::Session<'a>>, Reason> {
    let body = message.body();
    if body.is_empty() {
        return Ok(None);
    }
    let kind = message.header(Name::ContentType).unwrap_or(b"application/sdp");
    let kind = kind.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    if !kind.eq_ignore_ascii_case(b"application/sdp") {
        return Err(Reason::UnsupportedBody);
    }
    sdp::Session::parse(body).map(Some).map_err(|_| Reason::MalformedSdp)
}

fn refusal(refusal: sdp::Refusal) -> Reason {
    match refusal {
        sdp::Refusal::BadAddress => Reason::MediaOutsideRange,
        sdp::Refusal::Secure => Reason::SrtpOff,
        sdp::Refusal::Insecure => Reason::SrtpRequired,
        sdp::Refusal::NoSuite => Reason::SrtpNoSuite,
        _ => Reason::NoCommonCodec,
    }
}

/// Where a response goes (18.2.2, RFC 3581): the source's address, and its port when the request asks for that. Over a
/// connection it goes back the same way, and when that is gone, to where the request says its sender listens.
pub(super) fn reply_path(from: Path, via: &Via<'_>) -> Path {
    if !from.transport.is_reliable() && via.params.get(b"rport").is_some() {
        return from;
    }
    let port = via.port.unwrap_or_else(|| from.transport.port());
    Path { remote: SocketAddr::new(from.remote.ip(), port), ..from }
}

/// Where requests of a dialog go: to its next hop's literal address, when that is one of the same trunk's; else
/// they go where the dialog came from.
pub(super) fn next_hop(dialog: &Dialog, config: &Config<'_>, from: &Admitted) -> Option<SocketAddr> {
    let uri = dialog.next_hop()?;
    let Host::Ip(ip) = uri.host else { return None };
    let interface = config.listeners.get(usize::from(from.path.listener))?.interface;
    let usual = super::streams::transport(&uri).unwrap_or(from.path.transport).port();
    config.speaks_from(from.trunk, interface, ip).then(|| SocketAddr::new(ip, uri.port.unwrap_or(usual)))
}
