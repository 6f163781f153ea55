//! What a target hears that has answered, before the call is its own: who calls, or which key takes the call. Its caller
//! waits on meanwhile, and does not hear it.
//!
//! Where a key takes the call, it may be a mailbox that has answered: those who are rung beside it are rung on, and whoever
//! else answers is asked after it.

use crate::call::{self, CallId, LegId, LegState, Pending, Progress, Stage};
use crate::clip::ClipId;
use crate::config::{Config, Whisper};
use crate::reason::Reason;
use crate::relay::{Control, Play, Side};
use crate::rtp::Digit;
use crate::sdp::Agreed;
use crate::time::Duration;

use super::{Cx, Output, Sbc};

/// How long a key is waited for.
const ASKED: Duration = Duration::from_secs(20);

/// How long a whisper is waited for that does not end.
const LONGEST: Duration = Duration::from_secs(180);

impl Sbc<'_> {
    /// Who has answered and hears a whisper: the call is not theirs yet.
    pub(super) fn asked(&self, id: CallId) -> Option<LegId> {
        let call = self.calls.get(id).filter(|call| call.progress == Progress::Ringing)?;
        call.called.filter(|&leg| self.has_answered_only(leg))
    }

    fn has_answered_only(&self, id: LegId) -> bool {
        self.is_rung(id) && self.legs.get(id).is_some_and(|leg| leg.state == LegState::Confirmed)
    }

    /// What whoever answers is to hear, where the step that is rung says so.
    pub(super) fn whisper(&self, config: &Config<'_>, id: CallId) -> Option<Whisper> {
        self.calls.get(id)?.ring(config)?.whisper
    }

    /// Whether a target that has answered hears a whisper first, or comes after somebody who does.
    pub(super) fn hears_first(&mut self, cx: &Cx<'_>, call: CallId, id: LegId, agreed: Agreed) -> bool {
        if self.whisper(cx.config, call).is_none() {
            return false;
        }
        if let Some(leg) = self.legs.get_mut(id) {
            leg.agreed = Some(agreed);
        }
        match self.asked(call).filter(|&asked| asked != id) {
            Some(_) => {
                if let Some(call) = self.calls.get_mut(call) {
                    call.pending.add(Pending::UNANSWERED);
                }
            }
            None => self.begin_whisper(cx, call, id),
        }
        true
    }

    /// Has somebody who has answered hear the whisper.
    pub(super) fn begin_whisper(&mut self, cx: &Cx<'_>, id: CallId, leg: LegId) {
        let Some(whisper) = self.whisper(cx.config, id) else { return };
        if whisper.accept.is_none() {
            self.has_won(cx, leg);
        }
        self.is_called(id, leg);
        if let Some(agreed) = self.legs.get(leg).and_then(|leg| leg.agreed) {
            self.set_agreed(id, leg, agreed);
        }
        let Some(call) = self.calls.get_mut(id) else { return };
        let time = if whisper.accept.is_some() { ASKED } else { LONGEST };
        call.ring_until = call.not_longer(cx.now.after(time).max(call.ring_until));
        self.clock.set(id.index(), call.ring_until);
        call.pending.add(Pending::WHISPER);
        call.pending.add(Pending::UNANSWERED);
        let unheard = !call.is_waited_in();
        if unheard {
            // Neither is the caller to hear who is asked, nor that one the caller.
            call.pending.add(Pending::BRIDGE);
        } else {
            call.pending.add(Pending::SETTLED);
        }
        if unheard && call.transfer.stage == Stage::None {
            self.answer_caller(id, 183);
        }
        self.wake(id);
    }

    /// What the relay plays to who is rung, now that this has changed.
    pub(super) fn flush_whisper(&mut self, config: &Config<'_>, id: CallId) -> Option<Output> {
        let call = self.calls.get_mut(id)?;
        if !call.pending.take(Pending::WHISPER) {
            return None;
        }
        let (worker, stream, side) = (call.worker, call::stream_of(id), call.rung);
        let whisper = self.asked(id).and_then(|_| self.whisper(config, id));
        let control = match whisper {
            Some(Whisper { clip, accept }) => {
                Control::Play { stream, side, what: Play::Clip { clip, looped: accept.is_some() } }
            }
            None => Control::Stop { stream, side },
        };
        Some(Output::Media { worker, control })
    }

    /// Who hears the whisper, where that is the one with this place.
    fn asked_at(&self, id: CallId, side: Side) -> Option<LegId> {
        self.asked(id).filter(|&leg| self.legs.get(leg).is_some_and(|leg| leg.place == side))
    }

    /// Somebody has pressed a key: whether that takes the call.
    pub(super) fn takes_by_key(&mut self, cx: &Cx<'_>, id: CallId, side: Side, digit: Digit) -> bool {
        let accepts = self.whisper(cx.config, id).and_then(|whisper| whisper.accept) == Some(digit.code());
        self.asked_at(id, side).filter(|_| accepts).map(|leg| self.takes(cx, id, leg)).is_some()
    }

    /// A clip was heard to its end: whether that was a whisper after which the call is taken.
    pub(super) fn takes_when_told(&mut self, cx: &Cx<'_>, id: CallId, side: Side, clip: ClipId) -> bool {
        let told = self.whisper(cx.config, id) == Some(Whisper { clip, accept: None });
        self.asked_at(id, side).filter(|_| told).map(|leg| self.takes(cx, id, leg)).is_some()
    }

    /// The call is the one's who was asked.
    fn takes(&mut self, cx: &Cx<'_>, id: CallId, leg: LegId) {
        self.has_won(cx, leg);
        if let Some(call) = self.calls.get_mut(id) {
            call.pending.add(Pending::BRIDGE);
        }
        self.answered(cx, id);
        self.wake(id);
    }

    /// The time of somebody who was asked is over.
    pub(super) fn asked_due(&mut self, cx: &Cx<'_>, id: CallId, leg: LegId) {
        match self.whisper(cx.config, id) {
            Some(Whisper { accept: None, .. }) => self.takes(cx, id, leg),
            _ => {
                self.hang_up(cx, leg, Reason::NotAccepted);
                self.ringing_failed(cx, leg, Reason::NotAccepted, None, false);
            }
        }
    }
}
