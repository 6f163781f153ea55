//! Attended transfers: a REFER whose Refer-To names a dialog (RFC 3891, RFC 5589 section 7).
//!
//! The dialog is, as a rule, the referrer's in another call of ours, in which it has asked whether the caller may come.
//! Then whoever it talks with there comes into the call of the REFER: a re-INVITE tells it a port of that call's stream,
//! and when it accepts, its leg changes calls, and those who stay in the one call and in the other talk with each other.
//! Until then both calls go on as they are, so that when this fails nothing has happened. The other call has ended then.
//!
//! ```text
//! call of the REFER                  the other call
//! Fetching    caller - referrer      referrer - person    Lending
//!             caller - person        referrer             Lent, and then over
//! ```
//!
//! The referrer may hang up either leg as soon as its REFER was accepted. A consultation that nobody has answered yet is
//! not taken over: its dialog is an early one (RFC 3891 section 3); the referrer may give it up and name its line.
//!
//! A dialog that is not ours is one between the referrer's platform and a target: see [`may_be_told`].

use crate::call::{CallId, Leg, LegId, Move, Pending, Place, Progress, Stage, Stream, Transfer, Work};
use crate::config::{Config, LineIndex, Target, TrunkIndex, TrunkKind};
use crate::memory::Chain;
use crate::reason::Reason;
use crate::sdp::Agreed;
use crate::sip::{Message, Name, Replaces, Writer};
use crate::time::Duration;
use crate::transaction::GIVE_UP;

use super::transfer::LEAVE;
use super::{Cx, Sbc};

/// How long whoever is to come has, with all that may go on in its dialog meanwhile: as long as an INVITE.
const PATIENCE: Duration = GIVE_UP;

/// When it is looked again whether what was in the way still is.
const SOON: Duration = Duration::from_secs(1);

impl Sbc<'_> {
    /// Who talks with the referrer in its other call: `id` is its leg in the one that it transfers, and `named` the one
    /// that it has named.
    pub(super) fn consulted(
        &self,
        config: &Config<'_>,
        id: LegId,
        named: LegId,
        early_only: bool,
    ) -> Result<LegId, Reason> {
        let referrer = self.legs.get(id).ok_or(Reason::NoSuchCall)?;
        self.may_replace(config, referrer.trunk, referrer.user, named)?;
        if self.is_early(named, early_only)? {
            return Err(Reason::ReplacesUnknown);
        }
        let its_call = self.legs.get(named).map(|leg| leg.call).ok_or(Reason::ReplacesUnknown)?;
        if its_call == referrer.call {
            return Err(Reason::NothingToTransfer);
        }
        let party = self.talks_with(named)?;
        match self.legs.get(party).map(|leg| (leg.moves, leg.agreed)) {
            Some((Move::None, Some(_))) => Ok(party),
            _ => Err(Reason::TransferUnderWay),
        }
    }

    /// Who talks with this leg in a call that may be transferred.
    pub(super) fn talks_with(&self, id: LegId) -> Result<LegId, Reason> {
        let leg = self.legs.get(id).ok_or(Reason::NoSuchCall)?;
        let call = self.calls.get(leg.call).ok_or(Reason::NoSuchCall)?;
        if call.transfer.stage != Stage::None {
            return Err(Reason::TransferUnderWay);
        }
        if matches!(call.progress, Progress::Ended(_)) {
            return Err(Reason::NoSuchCall);
        }
        if call.progress != Progress::Answered || call.stream != Stream::Open {
            return Err(Reason::NothingToTransfer);
        }
        let other = match (call.anchor, call.called) {
            (Some(anchor), Some(called)) if called == id => anchor,
            (Some(anchor), Some(called)) if anchor == id => called,
            _ => return Err(Reason::NothingToTransfer),
        };
        let talk = [id, other].iter().all(|leg| self.legs.get(*leg).is_some_and(Leg::is_in_session));
        talk.then_some(other).ok_or(Reason::NothingToTransfer)
    }

    /// Begins to fetch `party` from another call into this one, whose transfer names who asked for that.
    pub(super) fn fetch(&mut self, cx: &Cx<'_>, id: CallId, party: LegId) {
        let Some(leg) = self.legs.get_mut(party) else { return };
        leg.moves = Move::To { call: id, port: 0 };
        let from = leg.call;
        let Some(call) = self.calls.get_mut(id) else { return };
        (call.transfer.stage, call.transfer.moved) = (Stage::Fetching, Some(party));
        call.ring_until = cx.now.after(PATIENCE);
        let told = call.transfer.told;
        if let Some(from) = self.calls.get_mut(from) {
            let referrer = if from.called == Some(party) { from.anchor } else { from.called };
            from.transfer =
                Transfer { stage: Stage::Lending, referrer, told, moved: Some(party), ..Transfer::NONE };
        }
    }

    /// Goes on fetching: the relay has opened a place for who is to come, or another port is tried, or it is time to look
    /// again.
    pub(super) fn fetch_on(&mut self, cx: &Cx<'_>, id: CallId) {
        let Some(call) = self.calls.get(id).filter(|call| call.transfer.stage == Stage::Fetching) else {
            return;
        };
        let (rung, until, worker) = (call.rung, call.ring_until, call.worker);
        let (place, port, moved) = (call.place(rung), call.port(rung), call.transfer.moved);
        let Some((party, leg)) = moved.and_then(|party| Some((party, self.legs.get(party)?))) else { return };
        match place {
            Place::Open if until <= cx.now => self.transfer_failed(cx, id, Reason::TargetSilent),
            Place::Open => {
                // What it may wait for by itself, a re-INVITE of its peer's may have put an end to.
                let waits = matches!(leg.timer.work, Work::Waiting(_)) && leg.moves.is_told();
                if !waits
                    && self.invite_again_now(party)
                    && let Some(leg) = self.legs.get_mut(party)
                {
                    leg.moves = Move::To { call: id, port };
                }
                self.clock.set(id.index(), until.min(cx.now.after(SOON)));
            }
            Place::Free => {
                let listener = cx.config.listener(leg.path.listener);
                let port = listener.and_then(|(of, _)| self.ports.take(of.interface, Some(worker)));
                match port.zip(self.calls.get_mut(id)) {
                    Some((port, call)) => call.set_place(rung, Place::Join, port),
                    None => self.transfer_failed(cx, id, Reason::NoPort),
                }
            }
            // The relay is silent.
            Place::Join | Place::Joining | Place::Part | Place::Parting => {
                self.transfer_failed(cx, id, Reason::MediaFailed);
            }
        }
        self.wake(id);
    }

    /// Whoever was on the way into another call has accepted: it changes calls.
    pub(super) fn arrive(&mut self, cx: &Cx<'_>, id: LegId, agreed: Agreed) {
        let Some(leg) = self.legs.get(id) else { return };
        let Move::To { call: to, .. } = leg.moves else { return };
        let (from, place, trunk) = (leg.call, leg.place, leg.trunk);
        let Some(new_place) = self.calls.get(to).map(|call| call.rung) else { return };
        let was_called = self.calls.get(from).is_some_and(|call| call.called == Some(id));
        self.pass_over(id, to, new_place);
        // Its peer is sent nothing from its old port any more.
        self.leave_place(from, place);
        let Some(lent) = self.calls.get_mut(from) else { return };
        (lent.transfer.stage, lent.transfer.moved) = (Stage::Lent, None);
        lent.pending.add(Pending::BRIDGE);
        lent.unsettle();
        let (line, target, ticket) = (lent.line, lent.target, lent.ticket);
        let (caller, withheld, vouched) =
            (lent.caller.clone(), lent.identity.withheld, lent.identity.vouched);
        let caller = (caller, withheld, vouched, lent.trunk);

        let Some(call) = self.calls.get_mut(to) else { return };
        let referrer = call.transfer.referrer;
        let stays = [call.anchor, call.called].into_iter().flatten().find(|leg| Some(*leg) != referrer);
        if was_called {
            (call.line, call.target) = (line, target);
        }
        if !was_called && call.called == stays {
            // It is the caller who comes, to somebody who had been called for that.
            (call.anchor, call.called) = (Some(id), stays);
            (call.caller, call.identity.withheld, call.identity.vouched, call.trunk) = caller;
        } else {
            (call.anchor, call.called) = (stays, Some(id));
        }
        // What Zendesk was told is in front of somebody.
        let zendesk = cx.config.trunk(trunk).is_some_and(|trunk| trunk.kind == TrunkKind::Zendesk);
        let told = ticket.filter(|_| zendesk && was_called);
        call.ticket = told.or(call.ticket).or(ticket);
        call.transfer.moved = None;
        self.set_agreed(to, id, agreed);
        self.transferred(cx, to);
        self.lent_on(cx, from, LEAVE);
    }

    /// Whoever was on the way into another call refuses.
    pub(super) fn will_not_move(&mut self, cx: &Cx<'_>, id: LegId, reason: Reason) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        match leg.moves {
            Move::To { call, .. } => self.transfer_failed(cx, call, reason),
            Move::Back | Move::None => leg.moves = Move::None,
        }
    }

    /// Whoever was on the way into another call stays where it is.
    pub(super) fn stays(&mut self, cx: &Cx<'_>, id: LegId, reason: Reason) {
        let Some(leg) = self.legs.get_mut(id).filter(|leg| matches!(leg.moves, Move::To { .. })) else {
            return;
        };
        let told = leg.moves.is_told() && leg.timer.work == Work::Inviting;
        leg.moves = if told { Move::Back } else { Move::None };
        let from = leg.call;
        let Some(call) = self.calls.get_mut(from).filter(|call| call.transfer.stage == Stage::Lending) else {
            return;
        };
        let referrer = core::mem::replace(&mut call.transfer, Transfer::NONE).referrer;
        if !referrer.and_then(|leg| self.legs.get(leg)).is_some_and(Leg::is_in_session) {
            self.end(cx, from, reason);
        }
    }

    /// The call out of which somebody was on the way into another one has ended.
    pub(super) fn lending_ends(&mut self, cx: &Cx<'_>, moved: LegId, reason: Reason) {
        let Some(leg) = self.legs.get_mut(moved) else { return };
        if let Move::To { call, .. } = core::mem::replace(&mut leg.moves, Move::None) {
            self.transfer_failed(cx, call, reason);
        }
    }

    /// Nobody is left in a call but its referrer, who is to hear first that its transfer is done; then the call is over,
    /// at the latest after this time.
    pub(super) fn lent_on(&mut self, cx: &Cx<'_>, id: CallId, after: Duration) {
        let Some(call) = self.calls.get(id).filter(|call| call.transfer.stage == Stage::Lent) else { return };
        let there = call.transfer.referrer.and_then(|leg| self.legs.get(leg)).is_some_and(Leg::is_alive);
        match there {
            true => self.clock.set(id.index(), cx.now.after(after)),
            false => self.end(cx, id, Reason::Transferred),
        }
    }

    /// The time that the referrer had to hang up its other leg is over.
    pub(super) fn lent_due(&mut self, cx: &Cx<'_>, id: CallId) {
        let told = self.calls.get(id).and_then(|call| call.transfer.told);
        match told.and_then(|leg| self.legs.get(leg)).is_some_and(|leg| leg.notifier.is_active()) {
            true => self.lent_on(cx, id, SOON),
            false => self.end(cx, id, Reason::Transferred),
        }
    }

    /// Whether a target may be told of all that its INVITE would say.
    pub(super) fn may_be_told(&self, cx: &Cx<'_>, id: CallId, target: &Target) -> Result<(), Reason> {
        let transfer = self.calls.get(id).map(|call| &call.transfer);
        let told = |transfer: &&Transfer| {
            transfer.replaces.is_empty() || may_be_told(cx.config, transfer.trunk, target)
        };
        transfer.filter(told).map(drop).ok_or(Reason::ReplacesNotPassedOn)
    }

    /// Keeps the header fields of the INVITEs that pass the Replaces of a REFER on, where the line rings somebody who may
    /// be told. A target that does not know of it is to refuse, not to ring; one that does may want to know for whom
    /// (RFC 3892 section 3).
    pub(super) fn pass_on(
        &mut self,
        config: &Config<'_>,
        refer: &Message<'_>,
        from: TrunkIndex,
        line: LineIndex,
        named: &Replaces<'_>,
    ) -> Result<Chain, Reason> {
        let rings = config.line(line).map(|line| config.rings(line)).unwrap_or_default();
        let mut targets = rings.iter().filter_map(|ring| config.target(ring.target));
        if !targets.any(|target| may_be_told(config, from, target)) {
            return Err(Reason::ReplacesNotPassedOn);
        }
        let mut w = Writer::new(self.reply);
        w.header(b"Require", b"replaces");
        named.write(&mut w);
        if let Some(Ok(referrer)) = refer.addresses(Name::ReferredBy).next() {
            w.name(b"Referred-By").bytes(b"<").bytes(referrer.uri.bytes).bytes(b">").end_line();
        }
        let len = w.finish().map_err(|_| Reason::MessageTooLarge)?;
        self.blocks.store(self.reply.get(..len).unwrap_or_default()).ok_or(Reason::NoMemory)
    }
}

/// Whether a target may be told of a dialog that a peer on trunk `from` has with it past us: on that same trunk, or on
/// one of telephones. Zendesk is not told.
pub(super) fn may_be_told(config: &Config<'_>, from: TrunkIndex, target: &Target) -> bool {
    let kind = config.trunk(target.trunk).map(|trunk| trunk.kind);
    kind == Some(TrunkKind::Phones) || kind != Some(TrunkKind::Zendesk) && target.trunk == from
}
