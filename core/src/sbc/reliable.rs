//! Provisional responses that are sent reliably (RFC 3262), on each leg by itself.
//!
//! As UAS (the caller's leg) one is repeated until its PRACK comes, and what is to be said next waits for that. As UAC
//! (a target's leg) each one is acknowledged in the early dialog it belongs to. A fork makes several of those, each
//! with a sequence of its own; the PRACK is made from the response itself, as the ACK and BYE of an answer too many are
//! (see [`super::forks`]). What is kept of an early dialog is its last RSeq, and the answer to our offer where that
//! came reliably: then a 2xx need not repeat it.

use heapless::Vec;

use crate::call::{Form, Leg, LegId, Reliable, Resend, Todo, Wish};
use crate::dialog::{Dialog, DialogError};
use crate::g711::Law;
use crate::memory::{Blocks, Chain};
use crate::reason::Reason;
use crate::record;
use crate::sdp::Agreed;
use crate::sip::{CSeq, Essentials, Message, Method, Name, RAck, Writer};
use crate::transaction::{Asked, GIVE_UP, Machine, Reply, T1};
use crate::transport::Path;

use super::dialogs::parse_hex;
use super::replies::via;
use super::requests::{Request, accept, agree, next_hop};
use super::{Admitted, Cx, Output, Sbc};

/// The extension's name.
pub(super) const EXTENSION: &[u8] = b"100rel";

/// How many early dialogs of one INVITE are acknowledged.
const MOST: usize = 8;

/// How long they may be together, packed: four blocks.
const PACKED: usize = 1_008;

/// How many PRACKs one INVITE may cost, so that [`AHEAD`] is beyond them.
const MOST_PRACKS: u32 = 250;

/// How far beyond its INVITE's CSeq a request begins in a dialog of which it is not known what was sent in it.
pub(super) const AHEAD: u32 = 256;

/// An early dialog in which something was acknowledged.
struct Early {
    /// Hash of its To tag.
    tag: u32,
    /// What was acknowledged last.
    rseq: u32,
    /// The CSeq number of the target's latest request in it.
    heard: Option<u32>,
    /// The answer to our offer, or what was agreed on since.
    answer: Option<Agreed>,
    /// What our session description says in it, where that is another than in the INVITE.
    said: Option<Said>,
}

/// What our session description says in one dialog of a fork: in each it has versions of its own (RFC 3264 section 8).
#[derive(Clone, Copy)]
pub(super) struct Said {
    version: u32,
    /// Its hash.
    hash: u64,
}

type Dialogs = Vec<Early, MOST>;

/// What the INVITE of a caller says of them.
pub(super) fn wish(message: &Message<'_>) -> Reliable {
    Reliable::wanted(match () {
        () if names(message, Name::Require) => Wish::Required,
        () if names(message, Name::Supported) => Wish::Able,
        () => Wish::Unable,
    })
}

fn names(message: &Message<'_>, list: Name) -> bool {
    message.tokens(list).any(|token| token.eq_ignore_ascii_case(EXTENSION))
}

/// Writes what makes a provisional response a reliable one.
pub(super) fn reliably(w: &mut Writer<'_>, rseq: Option<u32>) {
    if let Some(rseq) = rseq {
        w.header(b"Require", EXTENSION);
        w.name(b"RSeq").number(rseq.into()).end_line();
    }
}

/// As UAS.
impl Sbc<'_> {
    /// The RSeq of a leg's next response; none where that is not sent reliably.
    pub(super) fn next_rseq(&mut self, id: LegId) -> Option<u32> {
        let leg = self.legs.get(id).filter(|leg| leg.responds_reliably())?;
        match leg.reliable.rseq {
            // Anywhere between 1 and 2^31 - 1.
            0 => u32::try_from(self.random.next_u64() >> 33).ok().map(|rseq| rseq.max(1)),
            rseq => rseq.checked_add(1),
        }
    }

    /// Repeats the provisional response just sent until its PRACK comes.
    pub(super) fn expect_prack(&mut self, cx: &Cx<'_>, id: LegId, rseq: u32, described: bool) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        leg.reliable.rseq = rseq;
        leg.reliable.awaited = true;
        if described {
            leg.reliable.described = rseq;
        }
        leg.resend = Some(Resend { at: cx.now.after(T1), interval: T1, give_up_at: cx.now.after(GIVE_UP) });
        self.arm_leg(id);
    }

    /// A provisional response has not been acknowledged yet: it is sent again, and after 64*T1 the INVITE is refused.
    /// Unlike a 2xx's, its interval is doubled without an end.
    pub(super) fn prack_due(&mut self, cx: &Cx<'_>, id: LegId) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        let (call, invite) = (leg.call, leg.invite);
        let Some(resend) = leg.resend.as_mut() else { return };
        if resend.give_up_at <= cx.now {
            leg.resend = None;
            self.counters.add(Reason::PrackMissing);
            return self.end(cx, call, Reason::PrackMissing);
        }
        resend.interval = resend.interval.times(2);
        resend.at = cx.now.after(resend.interval);
        // Where no block was free to keep it in, it was sent once.
        if invite.is_some_and(|invite| self.transactions.keeps_message(invite)) {
            leg.todo.add(Todo::PROVISIONAL_AGAIN);
        }
        self.arm_leg(id);
        self.wake(call);
    }

    /// Sends the provisional response once more that the INVITE's transaction keeps.
    pub(super) fn send_provisional_again(&self, id: LegId, out: &mut [u8]) -> Option<Output> {
        let (to, len) = self.transactions.message(self.legs.get(id)?.invite?, &self.blocks, out)?;
        Some(Output::Transmit { to, len })
    }

    /// A PRACK: what it may bring is the answer to our offer, or another offer once the first has its answer (section
    /// 5). One that cannot be used leaves the response unacknowledged: the peer may acknowledge it without an offer
    /// (RFC 6337 section 2.3).
    pub(super) fn prack(&mut self, cx: &Cx<'_>, request: &Request<'_, '_>, id: LegId) -> Result<(), Reason> {
        let Request { from, message, .. } = *request;
        let RAck { response, cseq: CSeq { number, method } } =
            message.rack().map_err(|_| Reason::MalformedRequest)?;
        let leg = self.legs.get(id).ok_or(Reason::NoSuchCall)?;
        let reliable = &leg.reliable;
        let acknowledges = (response, number, method) == (reliable.rseq, leg.invited, Method::Invite);
        if !reliable.awaited || !acknowledges {
            return Err(Reason::NothingToAcknowledge);
        }
        let trunk = cx.config.trunk(from.trunk).ok_or(Reason::UnknownSource)?;
        let (call, ours) = (leg.call, leg.offered && reliable.described == response);
        let agreed = match ours {
            true => accept(cx.config, trunk, leg.srtp(), message).map(Some),
            false if message.body().is_empty() => Ok(None),
            false if !reliable.is_described() => return Err(Reason::OfferPending),
            false => Ok(agree(cx.config, trunk, leg.srtp(), &from, message)?),
        };
        let Some(leg) = self.legs.get_mut(id) else { return Ok(()) };
        leg.provisional_arrived();
        leg.offered &= !ours;
        self.arm_leg(id);
        let mut reply = Reply::Ok;
        match agreed {
            Ok(None) => {}
            Ok(Some(agreed)) => {
                if let Some(leg) = self.legs.get_mut(id).filter(|_| !ours) {
                    leg.timer.form = Form::Answer;
                }
                self.set_agreed(call, id, agreed);
                if !ours {
                    self.revise(cx, id);
                    reply = Reply::Described;
                }
            }
            // Our offer has no answer that could be used, and there is no other way to say so.
            Err(reason) => self.end(cx, call, reason),
        }
        self.answer_at_once(cx, request, reply);
        self.wake(call);
        Ok(())
    }

    /// Remembers that a leg which ends with a failure has a provisional response out whose PRACK may come yet (section
    /// 3).
    pub(super) fn remember_provisional(&mut self, cx: &Cx<'_>, id: LegId) {
        let Some(leg) = self.legs.get(id).filter(|leg| leg.reliable.awaited) else { return };
        let key = self.provisional_key(leg.dialog.local_tag(), leg.reliable.rseq);
        self.transactions.accepted(cx.now, key);
    }

    /// Whether a PRACK acknowledges what went out before its leg was gone.
    pub(super) fn was_provisional(&self, e: &Essentials<'_>, message: &Message<'_>) -> bool {
        let known = e.to.tag().and_then(parse_hex).zip(message.rack().ok());
        known.is_some_and(|(tag, rack)| self.transactions.knows(self.provisional_key(tag, rack.response)))
    }

    fn provisional_key(&self, local_tag: u64, rseq: u32) -> u64 {
        self.key.hash(&[b"provisional", &local_tag.to_le_bytes(), &rseq.to_le_bytes()])
    }
}

/// As UAC.
impl Sbc<'_> {
    /// Acknowledges a provisional response to a target's INVITE where that is due. Whether it is to be looked at: one
    /// that comes again, or out of order, is not (section 4).
    pub(super) fn acknowledge_provisional(
        &mut self,
        cx: &Cx<'_>,
        from: &Admitted,
        message: &Message<'_>,
        e: &Essentials<'_>,
        id: LegId,
        status: u16,
    ) -> bool {
        let Some((rseq, tag)) = reliable(message, status).zip(e.to.tag()) else { return true };
        let tag = self.tag_of(tag);
        let packed = match self.take_in(cx, message, id, tag, rseq) {
            Ok(Some(packed)) => packed,
            Ok(None) => return false,
            Err(reason) => {
                self.counters.add(reason);
                return true;
            }
        };
        let sent = self.send_prack(cx, from, message, e, id, rseq);
        match self.legs.get_mut(id).filter(|_| sent.is_ok()) {
            Some(leg) => self.blocks.free(core::mem::replace(&mut leg.reliable.dialogs, packed)),
            // It is looked at all the same; it comes again, when there may be room.
            None => self.blocks.free(packed),
        }
        if let Err(reason) = sent {
            self.counters.add(reason);
        }
        true
    }

    /// A leg's early dialogs with this response taken in, to be kept once it is acknowledged; none when it comes again
    /// or out of order.
    #[inline(never)]
    fn take_in(
        &mut self,
        cx: &Cx<'_>,
        message: &Message<'_>,
        id: LegId,
        tag: u32,
        rseq: u32,
    ) -> Result<Option<Chain>, Reason> {
        let leg = self.legs.get(id).ok_or(Reason::NoSuchCall)?;
        let mut dialogs = unpack(&self.blocks, &leg.reliable.dialogs);
        match dialogs.iter_mut().find(|early| early.tag == tag) {
            Some(early) if early.rseq.checked_add(1) != Some(rseq) => return Ok(None),
            Some(early) => early.rseq = rseq,
            None => {
                let new = Early { tag, rseq, heard: None, answer: None, said: None };
                dialogs.push(new).map_err(|_| Reason::TooManyAnswers)?;
            }
        }
        if let Some(early) = dialogs.iter_mut().find(|early| early.tag == tag && early.answer.is_none())
            && let Some(trunk) = cx.config.trunk(leg.trunk).filter(|_| !message.body().is_empty())
        {
            early.answer = accept(cx.config, trunk, leg.srtp(), message).ok();
        }
        pack(&mut self.blocks, &dialogs).map(Some).ok_or(Reason::NoMemory)
    }

    /// Sends the PRACK to a response, in the dialog that it makes or belongs to. Whatever calls need comes first: this
    /// may wait until the response comes again.
    fn send_prack(
        &mut self,
        cx: &Cx<'_>,
        from: &Admitted,
        message: &Message<'_>,
        e: &Essentials<'_>,
        id: LegId,
        rseq: u32,
    ) -> Result<(), Reason> {
        let leg = self.legs.get(id).ok_or(Reason::NoSuchCall)?;
        if leg.dialog.sent().saturating_sub(leg.invited) >= MOST_PRACKS {
            return Err(Reason::TooManyAnswers);
        }
        if !self.transactions.has_room() || self.blocks.free_blocks() <= self.blocks.capacity() / 4 {
            return Err(Reason::NoMemory);
        }
        let dialog = Dialog::answered(message, e, leg.dialog.local_tag()).map_err(|error| match error {
            DialogError::TooLong => Reason::MessageTooLarge,
            DialogError::Contact => Reason::MalformedResponse,
        })?;
        let remote = next_hop(&dialog, cx.config, from).unwrap_or(leg.path.remote);
        let (to, target) = (Path { remote, ..leg.path }, leg.target);
        let credentials = self.credentials_ahead(cx, id, Method::Prack, dialog.request_uri());
        let branch = self.random.next_u64();
        let written = self.write_prack(cx, &dialog, id, branch, (rseq, e.cseq.number), &credentials);
        self.blocks.free(credentials);
        let len = written.ok_or(Reason::MessageTooLarge)?;
        let kept = self.blocks.store(self.reply.get(..len).unwrap_or_default()).ok_or(Reason::NoMemory)?;
        let key = self.client_key(branch, Method::Prack);
        let asks = Some((id, Asked::Other));
        let started = self.transactions.request(cx.now, key, Machine::Client, to, asks, target, Some(kept));
        if let Err(kept) = started {
            kept.into_iter().for_each(|chain| self.blocks.free(chain));
            return Err(Reason::NoMemory);
        }
        self.replying = Some((to, len));
        Ok(())
    }

    fn write_prack(
        &mut self,
        cx: &Cx<'_>,
        dialog: &Dialog,
        id: LegId,
        branch: u64,
        (rseq, invite): (u32, u32),
        credentials: &Chain,
    ) -> Option<usize> {
        let leg = self.legs.get_mut(id)?;
        let (listener, interface) = cx.config.listener(leg.path.listener)?;
        // One count for all early dialogs: in each of them it only rises.
        let cseq = leg.dialog.count();
        let mut w = Writer::new(self.reply);
        dialog.request(&mut w, b"PRACK", cseq, 70, |w| via(w, listener, interface, branch));
        self.blocks.pieces(credentials).for_each(|piece| {
            w.lines(piece);
        });
        w.name(b"RAck").number(rseq.into()).bytes(b" ").number(invite.into()).bytes(b" INVITE").end_line();
        w.empty_body();
        w.finish().ok()
    }

    /// What came back for a PRACK. A refusal ends nothing here: whoever sends responses reliably refuses the INVITE
    /// itself when its PRACK does not come. Where only credentials were missing, the response's next repetition is
    /// acknowledged with them.
    pub(super) fn prack_answered(
        &mut self,
        cx: &Cx<'_>,
        from: &Admitted,
        message: &Message<'_>,
        e: &Essentials<'_>,
        id: LegId,
        status: u16,
    ) {
        if status < 300 {
            return;
        }
        let refused = match self.authenticate(cx, from, message, e, id, status) {
            Ok(true) => return self.acknowledge_again(e, id),
            Ok(false) => Reason::PrackRefused,
            Err(reason) => reason,
        };
        self.counters.add(refused);
    }

    /// Takes back that the latest response of this early dialog was acknowledged.
    fn acknowledge_again(&mut self, e: &Essentials<'_>, id: LegId) {
        let tag = e.to.tag().map(|tag| self.tag_of(tag));
        let Some(leg) = self.legs.get_mut(id) else { return };
        let mut dialogs = unpack(&self.blocks, &leg.reliable.dialogs);
        for early in dialogs.iter_mut().filter(|early| Some(early.tag) == tag) {
            early.rseq = early.rseq.saturating_sub(1);
        }
        if let Some(packed) = pack(&mut self.blocks, &dialogs) {
            self.blocks.free(core::mem::replace(&mut leg.reliable.dialogs, packed));
        }
    }

    /// An UPDATE in an early dialog of a target's (RFC 3311 section 5.2). Its offer is answered where the answer to ours has
    /// come reliably in that dialog, and we know of it; else that is still to come. The Contact that it brings is not kept:
    /// whatever we send there next is made from a later response, which has it too.
    pub(super) fn update_early(
        &mut self,
        cx: &Cx<'_>,
        request: &Request<'_, '_>,
        id: LegId,
    ) -> Result<(), Reason> {
        let Request { from, message, e, .. } = *request;
        let trunk = cx.config.trunk(from.trunk).ok_or(Reason::UnknownSource)?;
        let tag = self.tag_of(e.from.tag().unwrap_or_default());
        let leg = self.legs.get(id).ok_or(Reason::NoSuchCall)?;
        let (call, offer, srtp) = (leg.call, (leg.version, leg.said), leg.srtp());
        let mut dialogs = unpack(&self.blocks, &leg.reliable.dialogs);
        let early = dialogs.iter_mut().find(|early| early.tag == tag);
        let answered = early.as_ref().is_some_and(|early| early.answer.is_some());
        let mut agreed = Ok(None);
        if !message.body().is_empty() {
            agreed = match answered {
                true => agree(cx.config, trunk, srtp, &from, message),
                false => Err(Reason::OfferPending),
            };
        }
        let Some(early) = early else {
            return self.accept_update(cx, request, id, agreed?, false);
        };
        if early.heard.replace(e.cseq.number).is_some_and(|heard| e.cseq.number <= heard) {
            return Err(Reason::OutOfOrder);
        }
        early.answer = agreed.ok().flatten().or(early.answer);
        let before = early.said;
        // The room for what will be said.
        early.said = before.or(Some(Said { version: 0, hash: 0 }));
        let reserved = pack(&mut self.blocks, &dialogs).ok_or(Reason::NoMemory)?;
        // What is said in this dialog follows what was said in it before.
        if let Some((leg, Said { version, hash })) = self.legs.get_mut(id).zip(before) {
            (leg.version, leg.said) = (version, Some(hash));
        }
        let accepted = agreed.and_then(|agreed| self.accept_update(cx, request, id, agreed, false));
        self.blocks.free(reserved);
        let Some(leg) = self.legs.get_mut(id) else { return accepted };
        let (version, hash) = (leg.version, leg.said);
        (leg.version, leg.said) = offer;
        if let Some(early) = dialogs.iter_mut().find(|early| early.tag == tag) {
            let says = hash.map(|hash| Said { version, hash });
            early.said = if matches!(agreed, Ok(Some(_))) { says } else { before };
        }
        if let Some(packed) = pack(&mut self.blocks, &dialogs) {
            self.blocks.free(core::mem::replace(&mut leg.reliable.dialogs, packed));
        }
        self.wake(call);
        accepted
    }

    /// What our session description has said in the early dialog of this response, where that is another thing than in
    /// the INVITE.
    pub(super) fn said_early(&self, e: &Essentials<'_>, id: LegId) -> Option<Said> {
        let leg = self.legs.get(id).filter(|leg| !leg.reliable.dialogs.is_empty())?;
        let tag = self.tag_of(e.to.tag()?);
        unpack(&self.blocks, &leg.reliable.dialogs).iter().find(|early| early.tag == tag)?.said
    }

    /// The answer to our offer that came reliably in the early dialog of this response: whatever is said in that dialog
    /// afterwards is no answer (RFC 3261 section 13.2.1, RFC 6337 section 3.1.1).
    pub(super) fn reliable_answer(&self, e: &Essentials<'_>, id: LegId) -> Option<Agreed> {
        let leg = self.legs.get(id).filter(|leg| !leg.reliable.dialogs.is_empty())?;
        let tag = self.tag_of(e.to.tag()?);
        unpack(&self.blocks, &leg.reliable.dialogs).iter().find(|early| early.tag == tag)?.answer
    }

    /// The INVITE is answered, or goes out again as another one: what was acknowledged is of no use any more.
    pub(super) fn forget_early_dialogs(&mut self, id: LegId) {
        if let Some(leg) = self.legs.get_mut(id) {
            self.blocks.free(core::mem::replace(&mut leg.reliable.dialogs, Chain::EMPTY));
        }
    }

    /// What an early dialog of a target's is known by: a hash of its tag.
    pub(super) fn tag_of(&self, tag: &[u8]) -> u32 {
        (self.key.hash(&[b"early", tag]) >> 32) as u32
    }
}

/// The RSeq of a provisional response that is to be acknowledged; none where that is not asked for, or not so that it
/// could be done.
fn reliable(message: &Message<'_>, status: u16) -> Option<u32> {
    let asked = (101..=199).contains(&status) && names(message, Name::Require);
    asked.then(|| message.rseq().ok()).flatten()
}

fn pack(blocks: &mut Blocks<'_>, dialogs: &Dialogs) -> Option<Chain> {
    let mut room = [0; PACKED];
    let mut w = record::Writer::new(&mut room);
    for early in dialogs {
        // One more than the number, as 0 is one.
        let heard = early.heard.map_or(0, |number| number.saturating_add(1));
        w.u32(early.tag).u32(early.rseq).u32(heard).u8(early.answer.is_some().into());
        if let Some(answer) = &early.answer {
            answer.save(&mut w);
        }
        w.u8(early.said.is_some().into());
        if let Some(Said { version, hash }) = early.said {
            w.u32(version).u64(hash);
        }
    }
    let len = w.seal()?;
    blocks.store(room.get(..len)?)
}

fn unpack(blocks: &Blocks<'_>, chain: &Chain) -> Dialogs {
    let mut room = [0; PACKED];
    let mut dialogs = Vec::new();
    let Some(len) = blocks.load(chain, &mut room) else { return dialogs };
    let Ok(mut r) = record::Reader::open(room.get(..len).unwrap_or_default()) else { return dialogs };
    while let Some(early) = read(&mut r) {
        if dialogs.push(early).is_err() {
            break;
        }
    }
    dialogs
}

fn read(r: &mut record::Reader<'_>) -> Option<Early> {
    let (tag, rseq, heard) = (r.u32()?, r.u32()?, r.u32()?.checked_sub(1));
    let answer = match r.u8()? {
        0 => None,
        _ => Some(Agreed::restore(r)?),
    };
    let said = match r.u8()? {
        0 => None,
        _ => Some(Said { version: r.u32()?, hash: r.u64()? }),
    };
    Some(Early { tag, rseq, heard, answer, said })
}

impl Leg {
    /// Its INVITE is answered in a dialog in which our session description has said this, or what the INVITE did.
    pub(super) fn goes_on_saying(&mut self, said: Option<Said>) {
        self.timer.form = if said.is_some() { Form::Answer } else { Form::Offer(Law::Mu) };
        if let Some(Said { version, hash }) = said {
            (self.version, self.said) = (version, Some(hash));
        }
    }
}
