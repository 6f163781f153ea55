//! Targets that are rung side by side. The first one that answers has the call, and the others are told that it was
//! completed elsewhere; the plan goes on when none of them is rung any more.
//!
//! Each has one address, that its URI names or at which its telephone has registered, and they share the call's place
//! towards them: what they send before an answer is not heard.

use core::net::SocketAddr;

use crate::call::{Addresses, CallId, LegId, LegState, Pending, Progress};
use crate::config::Target;
use crate::reason::Reason;

use super::calls::{belongs, literal};
use super::{Cx, Sbc};

impl Sbc<'_> {
    /// The address of a target that need not be asked for.
    pub(super) fn address_of(&self, cx: &Cx<'_>, target: &Target) -> Option<Result<SocketAddr, Reason>> {
        if let Some(bound) = self.bound(cx, target) {
            return Some(bound.map(|binding| binding.path().remote));
        }
        let address = literal(cx.config, target)?;
        Some(
            belongs(cx.config, target.trunk, address.ip()).then_some(address).ok_or(Reason::TargetUnresolved),
        )
    }

    /// Rings those that the plan has beside the one that is rung.
    pub(super) fn ring_beside(&mut self, cx: &Cx<'_>, id: CallId) {
        loop {
            let Some(call) = self.calls.get_mut(id).filter(|call| call.progress == Progress::Ringing) else {
                return;
            };
            let Some(ring) = call.next_ring(cx.config).filter(|ring| ring.beside) else { return };
            call.tries_next();
            call.addresses = Addresses::EMPTY;
            let before = call.called;
            let rung = cx.config.target(ring.target).ok_or(Reason::TargetUnresolved).and_then(|target| {
                let address = self.address_of(cx, target).ok_or(Reason::TargetUnresolved)??;
                self.may_be_told(cx, id, target)?;
                self.may_ring(cx, target)?;
                self.ring(cx, id, ring.target, target, address)
            });
            match rung {
                Ok(()) => before.into_iter().for_each(|leg| self.set_beside(leg, true)),
                Err(reason) => self.counters.add(reason),
            }
        }
    }

    fn set_beside(&mut self, id: LegId, beside: bool) {
        if let Some(leg) = self.legs.get_mut(id) {
            leg.beside = beside;
        }
    }

    /// One that is rung in a call, beside this one: first of all one that has answered.
    pub(super) fn another_rung(&self, call: CallId, id: Option<LegId>) -> Option<LegId> {
        let (mut found, mut leg) = (None, self.leg_after(call, None));
        while let Some(this) = leg {
            let other = Some(this) != id && self.is_rung(this);
            match self.legs.get(this).filter(|_| other).map(|leg| leg.state) {
                Some(LegState::Confirmed) => return leg,
                Some(LegState::Calling | LegState::Proceeding) => found = found.or(leg),
                _ => {}
            }
            leg = self.leg_after(call, leg);
        }
        found
    }

    /// One that is rung is whom the call is for, and the one that was is beside it.
    pub(super) fn is_called(&mut self, call: CallId, id: LegId) {
        self.set_beside(id, false);
        let Some(target) = self.legs.get(id).map(|leg| leg.target) else { return };
        let Some(call) = self.calls.get_mut(call) else { return };
        call.target = Some(target);
        let before = call.called.replace(id).filter(|before| *before != id);
        before.into_iter().for_each(|before| self.set_beside(before, true));
    }

    /// One that is rung has failed: those beside it are rung on, or another address of it is, where there may be one, or
    /// what the plan has next.
    pub(super) fn ringing_failed(
        &mut self,
        cx: &Cx<'_>,
        id: LegId,
        reason: Reason,
        status: Option<u16>,
        elsewhere: bool,
    ) {
        let Some(call_id) = self.legs.get(id).map(|leg| leg.call) else { return };
        let whispers = self.whisper(cx.config, call_id).is_some();
        if let Some(call) = self.calls.get_mut(call_id).filter(|call| whispers && call.called == Some(id)) {
            call.pending.add(Pending::WHISPER);
        }
        if let Some(other) = self.another_rung(call_id, Some(id)) {
            self.counters.add(reason);
            self.set_beside(id, false);
            if let Some(call) = self.calls.get_mut(call_id) {
                call.failure = Some((reason, status));
                if call.called == Some(id) {
                    call.called = None;
                    self.is_called(call_id, other);
                    // Whoever has answered meanwhile is asked now.
                    if let Some(next) = self.asked(call_id) {
                        self.begin_whisper(cx, call_id, next);
                    }
                }
            }
        } else if elsewhere {
            self.address_failed(cx, call_id, reason, status);
        } else {
            self.target_failed(cx, call_id, reason, status);
        }
    }

    /// One that is rung has answered: it is who was called, and the others are rung no more.
    pub(super) fn has_won(&mut self, cx: &Cx<'_>, id: LegId) {
        let Some(call) = self.legs.get(id).map(|leg| leg.call) else { return };
        self.is_called(call, id);
        while let Some(other) = self.another_rung(call, Some(id)) {
            self.stops_ringing(cx, other, Reason::AnsweredElsewhere);
        }
    }

    /// Nobody is rung any more.
    pub(super) fn stop_ringing(&mut self, cx: &Cx<'_>, call: CallId, reason: Reason) {
        while let Some(leg) = self.another_rung(call, None) {
            self.stops_ringing(cx, leg, reason);
        }
    }

    fn stops_ringing(&mut self, cx: &Cx<'_>, id: LegId, reason: Reason) {
        self.set_beside(id, false);
        if let Some(call) = self.legs.get(id).and_then(|leg| self.calls.get_mut(leg.call)) {
            call.called.take_if(|called| *called == id);
        }
        self.hang_up(cx, id, reason);
    }
}
