//! What waits to leave, call by call and leg by leg, made into messages as the host takes it.

use core::net::IpAddr;

use crate::call::{
    self, Call, CallId, Form, Leg, LegId, LegState, Move, Pending, Progress, Stream, Todo, Work,
};
use crate::config::TrunkKind;
use crate::g711::Law;
use crate::memory::Chain;
use crate::reason::Reason;
use crate::relay::{Control, Side};
use crate::rtp::Direction;
use crate::sdp::{self, Local};
use crate::sip::{Method, Writer, phrase};
use crate::transaction::{Asked, Machine};

use super::authentication::credentials;
use super::extensions::capabilities;
use super::identity::{carried, identity, why, why_not};
use super::reliable::reliably;
use super::replies::{contact, via, warning};
use super::{About, Cx, Event, Output, Question, Sbc};

/// What became of a leg's next message.
enum Flushed {
    Sent(Output),
    Nothing,
    Unsendable,
}

impl Sbc<'_> {
    /// The next thing that a call in the queue has to send; none when the queue is empty.
    pub(super) fn flush(&mut self, cx: &Cx<'_>, out: &mut [u8]) -> Option<Output> {
        while let Some((first, _)) = self.waiting {
            if let Some(output) = self.flush_call(cx, first, out) {
                return Some(output);
            }
            self.sleep(first);
            self.settle(first);
        }
        None
    }

    fn flush_call(&mut self, cx: &Cx<'_>, id: CallId, out: &mut [u8]) -> Option<Output> {
        let call = self.calls.get_mut(id)?;
        let (stream, worker, ports) = (call::stream_of(id), call.worker, call.ports);
        if call.pending.take(Pending::STARTED) {
            return Some(Output::Event(Event::Started(id)));
        }
        if call.pending.take(Pending::COURSE) {
            return Some(Output::Event(Event::Course(id)));
        }
        if call.pending.take(Pending::TICKET) {
            return Some(Output::Event(Event::Ticket(id)));
        }
        if call.pending.take(Pending::OPEN) {
            let [a, b, _] = ports;
            return Some(Output::Media { worker, control: Control::Open { stream, ports: [a, b] } });
        }
        let points = [(Pending::POINT_A, Side::A), (Pending::POINT_B, Side::B), (Pending::POINT_C, Side::C)];
        for (point, side) in points {
            if self.calls.get(id)?.pending.has(point)
                && let Some(control) = self.secure_first(id, side)
            {
                return Some(Output::Media { worker, control });
            }
            if self.calls.get_mut(id)?.pending.take(point)
                && let Some(peer) = self.peer(cx, id, side)
            {
                return Some(Output::Media { worker, control: Control::Point { stream, side, peer } });
            }
        }
        if let Some(output) = self.flush_places(cx.config, id) {
            return Some(output);
        }
        if self.calls.get(id)?.pending.has(Pending::SIGHTED)
            && let Some(output) = self.flush_sighting(id)
        {
            return Some(output);
        }
        let call = self.calls.get_mut(id)?;
        if call.pending.take(Pending::RESOLVE) {
            return call.target.map(|target| Output::Resolve(Question { about: About::Call(id), target }));
        }
        let mut leg = call.first;
        while let Some(this) = leg {
            leg = match self.flush_leg(cx, this, out) {
                Flushed::Sent(output) => return Some(output),
                Flushed::Nothing => self.leg_after(id, leg),
                // What could not be sent has changed the call: other legs may have something to say now.
                Flushed::Unsendable => self.leg_after(id, None),
            };
        }
        let call = self.calls.get_mut(id)?;
        if call.pending.take(Pending::CLOSE) {
            return Some(Output::Media { worker, control: Control::Close { stream } });
        }
        if call.pending.take(Pending::UNANSWERED) {
            return Some(Output::Event(Event::Unanswered(id)));
        }
        if call.pending.take(Pending::ANSWERED) {
            return Some(Output::Event(Event::Answered(id)));
        }
        if call.pending.has(Pending::SETTLED) && self.has_settled(id) {
            self.calls.get_mut(id)?.pending.take(Pending::SETTLED);
            return Some(Output::Event(Event::Settled(id)));
        }
        if !self.is_in_an_ear(id) && self.calls.get_mut(id)?.pending.take(Pending::ENDED) {
            return Some(Output::Event(Event::Ended(id)));
        }
        None
    }

    /// Whether a peer of the call may not know yet that it is over: a call lasts to the last BYE, and so does its
    /// record.
    fn is_in_an_ear(&self, id: CallId) -> bool {
        let mut leg = self.leg_after(id, None);
        while let Some(this) = leg.and_then(|leg| self.legs.get(leg)) {
            if this.can_be_saved() {
                return true;
            }
            leg = this.next;
        }
        false
    }

    /// Lets go of legs that are over, and of the call once nothing is left of it.
    fn settle(&mut self, id: CallId) {
        let mut leg = self.leg_after(id, None);
        while let Some(this) = leg {
            leg = self.leg_after(id, leg);
            let over = |leg: &Leg| !leg.is_alive() && leg.todo.is_empty() && leg.timer.work != Work::Inviting;
            if self.legs.get(this).is_some_and(over) {
                self.part(id, this);
            }
        }
        let over = self.calls.get(id).is_some_and(|call| {
            call.first.is_none()
                && call.stream == Stream::Closed
                && call.pending.is_empty()
                && matches!(call.progress, Progress::Ended(_))
        });
        if over {
            self.clock.cancel(id.index());
            self.remove_call(id);
        }
    }

    fn flush_leg(&mut self, cx: &Cx<'_>, id: LegId, out: &mut [u8]) -> Flushed {
        let Some(leg) = self.legs.get_mut(id) else { return Flushed::Nothing };
        self.addressee = Some(leg.target);
        let sent = if leg.todo.take(Todo::INVITE) {
            self.send_invite(cx, id, out)
        } else if leg.todo.take(Todo::ACK) {
            self.send_ack(cx, id, out)
        } else if leg.todo.take(Todo::CANCEL) {
            self.send_cancel(cx, id, out)
        } else if leg.may_respond() {
            self.send_response(cx, id, out)
        } else if leg.todo.take(Todo::ANSWER_AGAIN) {
            self.send_answer_again(id, out)
        } else if leg.todo.take(Todo::UPDATE) || leg.todo.take(Todo::INVITE_AGAIN) {
            match self.send_again(cx, id, out) {
                // There is no room for it now.
                Some(None) => return Flushed::Nothing,
                sent => sent.flatten(),
            }
        } else if leg.todo.take(Todo::PROVISIONAL_AGAIN) {
            self.send_provisional_again(id, out)
        } else if leg.todo.take(Todo::NOTIFY) {
            return match self.send_notify(cx, id, out) {
                Some(output) => Flushed::Sent(output),
                None => Flushed::Unsendable,
            };
        } else if !leg.has_to_wait() && leg.todo.take(Todo::BYE) {
            self.send_bye(cx, id, out)
        } else {
            return Flushed::Nothing;
        };
        match sent {
            Some(output) => Flushed::Sent(output),
            None => {
                self.unsendable(cx, id);
                Flushed::Unsendable
            }
        }
    }

    /// A message of this leg's cannot be made or has no room: the leg cannot go on.
    fn unsendable(&mut self, cx: &Cx<'_>, id: LegId) {
        self.counters.add(Reason::MessageTooLarge);
        let Some(leg) = self.legs.get_mut(id) else { return };
        let call = leg.call;
        leg.state = LegState::Terminated;
        leg.todo = Todo::default();
        if self.is_rung(id) {
            self.ringing_failed(cx, id, Reason::MessageTooLarge, None, false);
        } else if self.matters(id) {
            self.end(cx, call, Reason::MessageTooLarge);
        }
    }

    fn send_invite(&mut self, cx: &Cx<'_>, id: LegId, out: &mut [u8]) -> Option<Output> {
        // One that went out before may have had early dialogs, with another session.
        self.forget_early_dialogs(id);
        self.legs.get_mut(id)?.timer.form = Form::Offer(Law::Mu);
        self.revise(cx, id);
        let leg = self.legs.get_mut(id)?;
        leg.invited = leg.dialog.count();
        let leg = self.legs.get(id)?;
        let call = self.calls.get(leg.call)?;
        let (listener, interface) = cx.config.listener(leg.path.listener)?;
        cx.config.target(leg.target)?;
        let trunk = cx.config.trunk(leg.trunk)?;
        let zendesk = trunk.kind == TrunkKind::Zendesk;
        let max_forwards = if zendesk { 70 } else { call.max_forwards };
        let mut w = Writer::new(out);
        leg.dialog.first_request(&mut w, b"INVITE", leg.dialog.dialled(), leg.invited, max_forwards, |w| {
            via(w, listener, interface, leg.branch);
        });
        if call.max_breadth > 0 && !zendesk {
            w.name(b"Max-Breadth").number(call.max_breadth.into()).end_line();
        }
        contact(&mut w, listener, interface);
        capabilities(&mut w);
        credentials(&mut w, &self.blocks, leg);
        leg.timer.ask(&mut w);
        identity(&mut w, cx.config, trunk, interface, call);
        carried(&mut w, cx.config, trunk, &self.blocks, call, self.reply);
        for piece in self.blocks.pieces(&call.transfer.replaces) {
            w.lines(piece);
        }
        if let Some(ticket) = call.ticket.filter(|_| zendesk) {
            w.name(call::TICKET_HEADER).number(ticket.get()).end_line();
        }
        w.body(b"application/sdp", |body| leg.describe(call, interface.advertise, leg.version, body));
        let len = w.finish().ok()?;
        if self.goes_by_stream(cx, id, len) {
            return self.send_invite(cx, id, out);
        }
        let leg = self.legs.get(id)?;
        let call = leg.call;
        let (to, target, key) = (leg.path, leg.target, self.client_key(leg.branch, Method::Invite));
        let (kept, asks) = (self.keep(out, len), Some((id, Asked::Invite)));
        if let Err(kept) =
            self.transactions.request(cx.now, key, Machine::InviteClient, to, asks, target, kept)
        {
            kept.into_iter().for_each(|chain| self.blocks.free(chain));
            return None;
        }
        let call = self.calls.get_mut(call)?;
        if zendesk && call.ticket.is_none() {
            call.talk.ask();
        }
        call.pending.add(Pending::UNANSWERED);
        Some(Output::Transmit { to, len })
    }

    fn send_cancel(&mut self, cx: &Cx<'_>, id: LegId, out: &mut [u8]) -> Option<Output> {
        let leg = self.legs.get(id)?;
        let (listener, interface) = cx.config.listener(leg.path.listener)?;
        // A target that is not configured any more rings still.
        let uri = leg.dialog.dialled();
        let mut w = Writer::new(out);
        leg.dialog.first_request(&mut w, b"CANCEL", uri, leg.invited, 70, |w| {
            via(w, listener, interface, leg.branch)
        });
        why(&mut w, id, leg, self.calls.get(leg.call));
        w.empty_body();
        let len = w.finish().ok()?;
        let (to, target, key) = (leg.path, leg.target, self.client_key(leg.branch, Method::Cancel));
        self.start(cx, key, (id, Asked::Other), to, target, out, len)
    }

    fn send_ack(&mut self, cx: &Cx<'_>, id: LegId, out: &mut [u8]) -> Option<Output> {
        let branch = self.random.next_u64();
        let leg = self.legs.get(id)?;
        let (listener, interface) = cx.config.listener(leg.path.listener)?;
        let mut w = Writer::new(out);
        leg.dialog.request(&mut w, b"ACK", leg.invited, 70, |w| via(w, listener, interface, branch));
        credentials(&mut w, &self.blocks, leg);
        w.empty_body();
        let len = w.finish().ok()?;
        Some(Output::Transmit { to: leg.path, len })
    }

    fn send_bye(&mut self, cx: &Cx<'_>, id: LegId, out: &mut [u8]) -> Option<Output> {
        self.send_within(cx, id, Method::Bye, out, |w, leg, call| {
            why(w, id, leg, Some(call));
            w.empty_body();
        })
    }

    /// Sends a request within a leg's dialog, as a transaction of its own whose responses are the leg's. `rest` writes
    /// what is the method's own, the body included.
    pub(super) fn send_within(
        &mut self,
        cx: &Cx<'_>,
        id: LegId,
        method: Method<'_>,
        out: &mut [u8],
        rest: impl FnOnce(&mut Writer<'_>, &Leg, &Call),
    ) -> Option<Output> {
        let branch = self.random.next_u64();
        self.renew_credentials(cx, id, method);
        let cseq = self.legs.get_mut(id)?.dialog.count();
        let leg = self.legs.get(id)?;
        let call = self.calls.get(leg.call)?;
        let (listener, interface) = cx.config.listener(leg.path.listener)?;
        let mut w = Writer::new(out);
        leg.dialog.request(&mut w, method.as_bytes(), cseq, 70, |w| via(w, listener, interface, branch));
        credentials(&mut w, &self.blocks, leg);
        rest(&mut w, leg, call);
        let len = w.finish().ok()?;
        let (to, target, key) = (leg.path, leg.target, self.client_key(branch, method));
        self.start(cx, key, (id, Asked::of(method)), to, target, out, len)
    }

    /// Starts the transaction of a request just written. Without room for one it is sent once; where it is a BYE, its leg
    /// is over then.
    #[expect(clippy::too_many_arguments, reason = "each is one fact about the request")]
    fn start(
        &mut self,
        cx: &Cx<'_>,
        key: u64,
        (id, asked): (LegId, Asked),
        to: crate::transport::Path,
        target: crate::config::TargetIndex,
        out: &[u8],
        len: usize,
    ) -> Option<Output> {
        let kept = self.keep(out, len);
        let asks = Some((id, asked));
        if let Err(kept) = self.transactions.request(cx.now, key, Machine::Client, to, asks, target, kept) {
            kept.into_iter().for_each(|chain| self.blocks.free(chain));
            if let Some(leg) = self.legs.get_mut(id).filter(|_| asked == Asked::Bye) {
                leg.state = LegState::Terminated;
            }
        }
        Some(Output::Transmit { to, len })
    }

    /// Responds to the caller's INVITE with its leg's status.
    fn send_response(&mut self, cx: &Cx<'_>, id: LegId, out: &mut [u8]) -> Option<Output> {
        let described = self.legs.get(id).is_some_and(Leg::describes_itself);
        if described {
            self.revise(cx, id);
        }
        let rseq = self.next_rseq(id);
        let leg = self.legs.get(id)?;
        let call = self.calls.get(leg.call)?;
        let (listener, interface) = cx.config.listener(leg.path.listener)?;
        let (status, to) = (leg.status, leg.reply_path);
        let mut w = Writer::new(out);
        w.status_line(status, phrase(status));
        for piece in leg.echo.iter().flat_map(|echo| self.blocks.pieces(echo)) {
            w.lines(piece);
        }
        if status < 300 {
            contact(&mut w, listener, interface);
            capabilities(&mut w);
            reliably(&mut w, rseq);
            if status >= 200 {
                leg.timer.tell(&mut w);
            }
            if described {
                w.body(b"application/sdp", |body| leg.describe(call, interface.advertise, leg.version, body));
            } else {
                w.empty_body();
            }
        } else {
            if let Progress::Ended(reason) = call.progress {
                warning(&mut w, cx.config, leg.path.listener, reason);
            }
            why_not(&mut w, call);
            w.empty_body();
        }
        let len = w.finish().ok()?;
        let kept = self.keep(out, len);
        let leg = self.legs.get_mut(id)?;
        let invite = leg.invite?;
        let (repeated, answer) = if (200..300).contains(&status) { (None, kept) } else { (kept, None) };
        if status >= 200 {
            leg.todo.take(Todo::PROVISIONAL_AGAIN);
            leg.invite = None;
            let echo = leg.echo.take();
            leg.answer = answer;
            leg.timer.refresh(cx.now);
            leg.state =
                if status < 300 { LegState::Accepted { ending: false } } else { LegState::Terminated };
            echo.into_iter().for_each(|chain| self.blocks.free(chain));
        }
        self.transactions.respond(cx.now, invite, status, repeated, &mut self.blocks);
        match rseq {
            Some(rseq) => self.expect_prack(cx, id, rseq, described),
            None if status >= 300 => self.remember_provisional(cx, id),
            None if status >= 200 => self.expect_ack(cx, id),
            None => {}
        }
        Some(Output::Transmit { to, len })
    }

    /// Counts the version of a leg's session description up when it is about to say something else than before
    /// (RFC 3264 section 8). What was said is not kept, only its hash; the room for it is the reply's, which is free.
    pub(super) fn revise(&mut self, cx: &Cx<'_>, id: LegId) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        let Some(call) = self.calls.get(leg.call) else { return };
        let Some((_, interface)) = cx.config.listener(leg.path.listener) else { return };
        let Some(len) = leg.describe(call, interface.advertise, 0, self.reply) else { return };
        let says = self.key.hash(&[b"said", self.reply.get(..len).unwrap_or_default()]);
        if leg.said.replace(says).is_some_and(|said| said != says) {
            leg.version = leg.version.saturating_add(1);
            if let Some(call) = self.calls.get_mut(leg.call) {
                call.unsettle();
            }
        }
    }

    fn send_answer_again(&self, id: LegId, out: &mut [u8]) -> Option<Output> {
        let leg = self.legs.get(id)?;
        let len = self.blocks.load(leg.answer.as_ref()?, out)?;
        Some(Output::Transmit { to: leg.reply_path, len })
    }

    /// Keeps the first `len` bytes of `out`; none when no block is free.
    pub(super) fn keep(&mut self, out: &[u8], len: usize) -> Option<Chain> {
        let kept = self.blocks.store(out.get(..len)?);
        if kept.is_none() {
            self.counters.add(Reason::NoMemory);
        }
        kept
    }
}

impl Leg {
    /// Writes our session description: the answer to the peer's offer, or an offer where it made none.
    pub(super) fn describe(
        &self,
        call: &Call,
        address: IpAddr,
        version: u32,
        out: &mut [u8],
    ) -> Option<usize> {
        let port = match self.moves {
            Move::To { port: port @ 1.., .. } if self.timer.work == Work::Inviting => port,
            _ => call.port(self.place),
        };
        let local = Local {
            address,
            port,
            session: self.session,
            version: version.into(),
            direction: Direction::SendRecv,
            keys: self.keys,
        };
        match (&self.agreed, self.timer.form) {
            (Some(agreed), Form::Answer) => sdp::answer(agreed, &local, out),
            (_, Form::Offer(first)) => sdp::offer(&local, first, out),
            (None, Form::Answer) => sdp::offer(&local, Law::Mu, out),
        }
    }
}
