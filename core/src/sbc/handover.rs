//! What an AI agent's platform asks for outside SIP: the same as by a REFER on its leg, for those whose REFER does not work.

use core::num::NonZeroU64;

use crate::call::{self, CallId, Leg, LegId, LegState, Outcome, Pending, Transfer};
use crate::config::{TrunkIndex, TrunkKind};
use crate::reason::Reason;

use super::dialogs::parse_hex;
use super::transfer::Goal;
use super::{Cx, Sbc};

/// A hand-over that a platform asks for.
#[derive(Clone, Copy, Debug)]
pub struct HandOver<'a> {
    /// The platform's trunk.
    pub trunk: TrunkIndex,
    /// The call, as [`Sbc::call_named`] finds it.
    pub call: &'a [u8],
    /// The line: its name, what it is dialled by, or a URI.
    pub line: &'a [u8],
    /// The ticket, where the platform has made one.
    pub ticket: Option<NonZeroU64>,
}

impl Sbc<'_> {
    /// The call that a trunk's platform means: by the value of its `X-Warmline-Call`, or by the Call-ID of a leg of the
    /// platform's. None where that has no leg in it. It looks at every leg.
    pub fn call_named(&self, trunk: TrunkIndex, name: &[u8]) -> Option<CallId> {
        let by_id = parse_hex(name).and_then(|id| self.call_known_as(id));
        if let Some(call) = by_id.filter(|&call| self.leg_on(call, trunk).is_some()) {
            return Some(call);
        }
        let named = |leg: &Leg| is_of(leg, trunk) && leg.dialog.call_id() == name;
        self.legs.iter().find(|(_, leg)| named(leg)).map(|(_, leg)| leg.call)
    }

    /// A platform hands a call over that it is in: from here on it is as if it had sent a REFER that asks for no NOTIFY.
    /// Afterwards [`Sbc::poll`] is called until it waits.
    ///
    /// # Errors
    /// [`Reason::MayNotRefer`] for a trunk that is no AI platform's, [`Reason::NoSuchCall`], what
    /// [`named_line`](call::named_line) says of the line, [`Reason::NothingToTransfer`] where the call is not answered or
    /// is ending, [`Reason::TransferUnderWay`], [`Reason::NodeFull`] and [`Reason::NoPort`].
    pub fn hand_over(&mut self, cx: &Cx<'_>, asked: &HandOver<'_>) -> Result<CallId, Reason> {
        let handed = self.hand_over_now(cx, asked);
        if let Err(reason) = handed {
            self.counters.add(reason);
        }
        handed
    }

    fn hand_over_now(&mut self, cx: &Cx<'_>, asked: &HandOver<'_>) -> Result<CallId, Reason> {
        let HandOver { trunk, call: name, line, ticket } = *asked;
        let config = cx.config;
        let peer = config.trunk(trunk).filter(|trunk| trunk.kind == TrunkKind::Ai);
        peer.ok_or(Reason::MayNotRefer)?;
        let id = self.call_named(trunk, name).ok_or(Reason::NoSuchCall)?;
        let leg = self.leg_on(id, trunk).ok_or(Reason::NoSuchCall)?;
        let listener = self.legs.get(leg).map_or(u8::MAX, |leg| leg.path.listener);
        let goal = Goal::Line(call::named_line(config, line, trunk, listener)?);
        let other = self.talks_with(leg)?;
        let room = self.make_room(config, [leg, other], &goal, 0)?;
        if let Some(call) = self.calls.get_mut(id) {
            call.ticket = ticket.or(call.ticket);
        }
        let transfer = Transfer { referrer: Some(leg), trunk, ..Transfer::NONE };
        self.begin(cx, id, transfer, goal, other, room);
        Ok(id)
    }

    /// A platform says that its agent has done what the caller of a call wanted, about this ticket if it has one. It is the
    /// call's outcome, unless it is handed over after all. Afterwards [`Sbc::poll`] is called until it waits.
    ///
    /// # Errors
    /// As for [`Sbc::hand_over`], but for what is said there of lines and room.
    pub fn resolve(
        &mut self,
        cx: &Cx<'_>,
        trunk: TrunkIndex,
        name: &[u8],
        ticket: Option<NonZeroU64>,
    ) -> Result<CallId, Reason> {
        let peer = cx.config.trunk(trunk).filter(|trunk| trunk.kind == TrunkKind::Ai);
        let id = peer.ok_or(Reason::MayNotRefer).and_then(|_| self.talking(trunk, name));
        match id {
            Ok((id, ..)) => {
                if let Some(call) = self.calls.get_mut(id) {
                    call.ticket = ticket.or(call.ticket);
                    call.outcome = Some(Outcome::Resolved);
                    call.settles = false;
                    call.pending.add(Pending::COURSE);
                    call.unsettle();
                }
                self.wake(id);
                Ok(id)
            }
            Err(reason) => {
                self.counters.add(reason);
                Err(reason)
            }
        }
    }

    /// A platform's call in which its leg talks with somebody.
    fn talking(&self, trunk: TrunkIndex, name: &[u8]) -> Result<(CallId, LegId, LegId), Reason> {
        let id = self.call_named(trunk, name).ok_or(Reason::NoSuchCall)?;
        let leg = self.leg_on(id, trunk).ok_or(Reason::NoSuchCall)?;
        Ok((id, leg, self.talks_with(leg)?))
    }

    /// A trunk's leg in a call: of two, the one that was rung.
    fn leg_on(&self, call: CallId, trunk: TrunkIndex) -> Option<LegId> {
        let mut found = None;
        let mut next = self.leg_after(call, None);
        while let Some(id) = next {
            found = self.legs.get(id).filter(|leg| is_of(leg, trunk)).map(|_| id).or(found);
            next = self.leg_after(call, next);
        }
        found
    }
}

fn is_of(leg: &Leg, trunk: TrunkIndex) -> bool {
    leg.trunk == trunk && leg.is_alive() && leg.state != LegState::Subscribed
}
