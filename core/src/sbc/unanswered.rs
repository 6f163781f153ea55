//! Legs that nobody has answered when the node falls over: what ends them, so that nobody rings or is rung on and on.
//!
//! They cannot go on after a restart, and a peer that has had a provisional response waits for minutes. So what ends each
//! is written down while it waits: the refusal of the caller's INVITE, and the CANCEL of a target's. After a restart they
//! are transactions that belong to no leg, and are repeated until they are heard. Whoever answers even so has an answer
//! too many, and is hung up (see `forks`). The same holds of whoever was let go from an answered call and has not hung up,
//! and a referrer who has its caller back by the record from before its transfer is told so.

use crate::call::{Call, CallId, Leg, LegId, LegState, Progress, Todo};
use crate::config::TargetIndex;
use crate::reason::Reason;
use crate::record::{Reader, Writer};
use crate::relay::Side;
use crate::sip::{self, Message, Method, phrase};
use crate::transport::Path;

use super::dialogs::our_branch;
use super::notify;
use super::replies::{contact, via, warning};
use super::restore::RestoreError;
use super::saved::{self, Place};
use super::{Cx, Sbc};

/// Why they end.
const REASON: Reason = Reason::WaitCut;

impl Sbc<'_> {
    /// Writes what ends the legs of a call that are not answered, should the node fall over: how many bytes, at the start
    /// of `out`. That is a record like one of [`Sbc::save`], and takes the place of the one before.
    ///
    /// None when all legs are answered and are the call's own, or when half of `out` is too small: 4,096 bytes are enough for two usual legs.
    pub fn save_unanswered(&self, cx: &Cx<'_>, id: CallId, out: &mut [u8]) -> Option<usize> {
        let (out, room) = out.split_at_mut_checked(out.len() / 2)?;
        let mut w = Writer::new(out);
        let (mut leg, mut any) = (self.leg_after(id, None), false);
        while let Some(this) = leg {
            any |= self.save_end(cx, this, room, &mut w).is_some();
            leg = self.leg_after(id, leg);
        }
        any.then(|| w.seal()).flatten()
    }

    /// Writes what ends a leg, where it is not answered. `room` is to write the message to.
    fn save_end(&self, cx: &Cx<'_>, id: LegId, room: &mut [u8], w: &mut Writer<'_>) -> Option<()> {
        let leg = self.legs.get(id)?;
        let (path, len) = match leg.side {
            _ if self.is_left_over(id, leg) => (leg.path, self.bye_of(cx, leg, room)?),
            _ if self.has_its_caller_back(leg) => (leg.path, self.notify_of(cx, leg, room)?),
            _ if !leg.is_unanswered() => return None,
            Side::A => (leg.reply_path, self.refusal_of(cx, leg, room)?),
            Side::B | Side::C => (leg.path, self.cancel_of(cx, leg, room)?),
        };
        let target = cx.config.target(leg.target).map(|target| target.name);
        saved::write_place(cx.config, &path, w)?;
        w.u64(saved::name(cx.config, b"target", target));
        w.u16(u16::try_from(len).ok()?).bytes(room.get(..len)?);
        Some(())
    }

    /// The refusal of a caller's INVITE.
    fn refusal_of(&self, cx: &Cx<'_>, leg: &Leg, room: &mut [u8]) -> Option<usize> {
        let status = REASON.status()?;
        let mut w = sip::Writer::new(room);
        w.status_line(status, phrase(status));
        for piece in self.blocks.pieces(leg.echo.as_ref()?) {
            w.lines(piece);
        }
        warning(&mut w, cx.config, leg.path.listener, REASON);
        w.empty_body();
        w.finish().ok()
    }

    /// The CANCEL of an INVITE that went to a target.
    fn cancel_of(&self, cx: &Cx<'_>, leg: &Leg, room: &mut [u8]) -> Option<usize> {
        let (listener, interface) = cx.config.listener(leg.path.listener)?;
        let mut w = sip::Writer::new(room);
        leg.dialog.first_request(&mut w, b"CANCEL", leg.dialog.dialled(), leg.invited, 70, |w| {
            via(w, listener, interface, leg.branch);
        });
        w.empty_body();
        w.finish().ok()
    }

    /// The BYE of a leg that its call goes on without.
    fn bye_of(&self, cx: &Cx<'_>, leg: &Leg, room: &mut [u8]) -> Option<usize> {
        let (listener, interface) = cx.config.listener(leg.path.listener)?;
        let branch = self.key.hash(&[b"left", &leg.dialog.local_tag().to_le_bytes()]);
        let cseq = leg.dialog.sent().saturating_add(saved::AHEAD);
        let mut w = sip::Writer::new(room);
        leg.dialog.request(&mut w, b"BYE", cseq, 70, |w| via(w, listener, interface, branch));
        w.empty_body();
        w.finish().ok()
    }

    /// The NOTIFY that says to a referrer that its transfer has come to nothing.
    fn notify_of(&self, cx: &Cx<'_>, leg: &Leg, room: &mut [u8]) -> Option<usize> {
        let (listener, interface) = cx.config.listener(leg.path.listener)?;
        let branch = self.key.hash(&[b"told", &leg.dialog.local_tag().to_le_bytes()]);
        // Others of ours may leave before, and those of the leg that is taken up come after it.
        let cseq = leg.dialog.sent().saturating_add(saved::AHEAD / 2);
        let mut w = sip::Writer::new(room);
        leg.dialog.request(&mut w, b"NOTIFY", cseq, 70, |w| via(w, listener, interface, branch));
        contact(&mut w, listener, interface);
        notify::write(&mut w, leg.notifier.id(), REASON.status()?, true);
        w.finish().ok()
    }

    /// Whether a referrer is told of a transfer that goes on: what was saved of its call is from before that.
    fn has_its_caller_back(&self, leg: &Leg) -> bool {
        let goes_on = |call: &Call| call.progress.is_open();
        leg.can_be_saved() && leg.notifier.is_active() && self.calls.get(leg.call).is_some_and(goes_on)
    }

    /// Whether its call goes on without a leg that is answered: there is no place for it in the call's own record.
    fn is_left_over(&self, id: LegId, leg: &Leg) -> bool {
        let talks = |call: &Call| [call.anchor, call.called].contains(&Some(id));
        let left = |call: &Call| match call.progress {
            Progress::Answered | Progress::Ended(_) => !talks(call),
            _ if !call.plan.rings() => !talks(call),
            // It has answered, and the call is not its own yet.
            _ => self.is_rung(id),
        };
        leg.can_be_saved() && self.calls.get(leg.call).is_some_and(left)
    }

    /// Ends the legs that [`Sbc::save_unanswered`] wrote before a restart. What follows the record in `record` does not
    /// matter. Afterwards [`Sbc::poll`] is called until it waits. Those whose peer's address or listener is not
    /// configured any more are left alone.
    ///
    /// # Errors
    /// Says why nothing was done.
    pub fn end_unanswered(&mut self, cx: &Cx<'_>, record: &[u8]) -> Result<(), RestoreError> {
        let mut r = Reader::open(record)?;
        while !r.is_empty() {
            let place = Place::read(cx.config, &mut r);
            let target = r.u64().map(|hash| saved::target(cx.config, hash));
            let message = r.u16().and_then(|len| r.bytes(len.into()));
            let ((place, target), message) = place.zip(target).zip(message).ok_or(RestoreError::Malformed)?;
            if let Some(path) = place.path() {
                self.end_leg(cx, path, target.unwrap_or(TargetIndex(u16::MAX)), message);
            }
        }
        Ok(())
    }

    /// Sends what ends a leg. None where it does not, since there is no room or nobody to send it to.
    fn end_leg(&mut self, cx: &Cx<'_>, path: Path, target: TargetIndex, bytes: &[u8]) -> Option<()> {
        let from = self.admit(cx, path).ok()?;
        let message = Message::parse(bytes).ok()?;
        let e = message.essentials().ok()?;
        let kept = self.blocks.store(bytes)?;
        let sent = match message.status() {
            Some(_) => {
                let key = self.server_key(cx.config, &from, &e, &message, Method::Invite);
                self.transactions.refuse(cx.now, key, path, kept, &mut self.blocks)
            }
            None => {
                let branch = e.via.branch().and_then(our_branch).unwrap_or_default();
                if e.cseq.method == Method::Cancel {
                    let invite = self.client_key(branch, Method::Invite);
                    self.transactions.abandoned(cx.now, invite, target);
                }
                let key = self.client_key(branch, e.cseq.method);
                self.transactions.send(cx.now, key, path, kept, &mut self.blocks)
            }
        };
        sent.then_some(())
    }
}

impl Leg {
    /// Whether its INVITE has come, or has left, and has no final response.
    fn is_unanswered(&self) -> bool {
        match (self.side, self.state) {
            (Side::A, LegState::Proceeding) => self.invite.is_some(),
            (Side::B | Side::C, LegState::Calling | LegState::Proceeding | LegState::Cancelling { .. }) => {
                !self.todo.has(Todo::INVITE)
            }
            _ => false,
        }
    }
}
