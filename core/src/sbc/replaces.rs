//! An INVITE that takes the place of a dialog of ours (RFC 3891): the call stays the same one, with another leg in it.
//!
//! The new leg has the place and the port of the old one in the call's stream, so that the relay is only told of another
//! peer, and the INVITE is answered at once. It is no new call, and what limits those does not hold for it.
//!
//! Who may do so: a party that is the same to us as the one that is replaced (section 3). That is one of the same trunk,
//! of a kind that transfers calls; where the trunk has users, the same user. A Referred-By changes nothing about that,
//! since nothing in it could be checked.

use crate::call::{Leg, LegId, LegState, Progress, SessionTimer, Stage, Todo};
use crate::config::{Config, Trunk, TrunkIndex, TrunkKind};
use crate::dialog::{Dialog, DialogError};
use crate::reason::Reason;
use crate::sip::Replaces;

use super::dialogs::parse_hex;
use super::requests::{Request, agree, takes_descriptions};
use super::{Cx, Sbc};

impl Sbc<'_> {
    /// An INVITE with Replaces: everything that can speak against it is looked at before anything is changed.
    pub(super) fn replace(&mut self, cx: &Cx<'_>, request: &Request<'_, '_>) -> Result<(), Reason> {
        let Request { from, message, e, .. } = *request;
        let config = cx.config;
        // Join (RFC 3911) is the one header field that contradicts it.
        let alone = message.extension(b"Join").next().is_none();
        let named = message.replaces().ok().flatten().filter(|_| alone).ok_or(Reason::ReplacesMalformed)?;
        let trunk = config.trunk(from.trunk).ok_or(Reason::UnknownSource)?;
        let old = self.leg_named(&named).ok_or(Reason::ReplacesUnknown)?;
        let user = self.registrant(config, message, from.trunk.0);
        self.may_replace(config, from.trunk, user, old)?;
        let early = self.is_early(old, named.early_only)?;

        if e.max_forwards == Some(0) {
            return Err(Reason::TooManyHops);
        }
        if self.goes_round(config, request) {
            return Err(Reason::Loop);
        }
        if !takes_descriptions(message) {
            return Err(Reason::NothingAcceptable);
        }
        let agreed = agree(config, trunk, trunk.srtp, &from, message)?;
        SessionTimer::NONE.terms(message)?;
        if self.legs.is_full() {
            return Err(Reason::NodeFull);
        }
        let (call_id, place) =
            self.legs.get(old).map(|leg| (leg.call, leg.place)).ok_or(Reason::NoSuchCall)?;
        let port = self.calls.get(call_id).map_or(0, |call| call.port(place));
        let (_, interface) = config.listener(from.path.listener).ok_or(Reason::NoPort)?;
        if port < interface.media.0 || interface.media.1 < port {
            return Err(Reason::NoPort);
        }
        let local_tag = self.random.next_u64();
        let dialog = Dialog::serve(message, e, local_tag).map_err(|error| match error {
            DialogError::TooLong => Reason::MessageTooLarge,
            DialogError::Contact => Reason::MalformedRequest,
        })?;
        let new = self.take_leg(cx, request, call_id, agreed, dialog)?;

        if let Some(leg) = self.legs.get_mut(new) {
            (leg.place, leg.status) = (place, 200);
            leg.todo.add(Todo::RESPOND);
        }
        let Some(call) = self.calls.get_mut(call_id) else { return Ok(()) };
        for role in [&mut call.anchor, &mut call.called] {
            if *role == Some(old) {
                *role = Some(new);
            }
        }
        call.unsettle();
        self.put_before(call_id, new, old);
        if let Some(agreed) = agreed {
            self.set_agreed(call_id, new, agreed);
        }
        if early {
            self.answered(cx, call_id);
        }
        self.hang_up(cx, old, Reason::Replaced);
        self.wake(call_id);
        Ok(())
    }

    /// The leg of the dialog that Replaces names, whoever's it is and however far it has come.
    pub(super) fn leg_named(&self, named: &Replaces<'_>) -> Option<LegId> {
        let id = self.find_tagged(parse_hex(named.to_tag)?)?;
        let leg = self.legs.get(id)?;
        let tagged = match (leg.dialog.remote_tag(), leg.early_tag) {
            (Some(tag), _) => tag == named.from_tag,
            // A tag of zero is none (section 6.1).
            (None, 0) => named.from_tag == b"0",
            (None, early) => early == self.tag_of(named.from_tag),
        };
        (tagged && leg.dialog.call_id() == named.call_id).then_some(id)
    }

    /// Whether who speaks for this trunk, and is this user of it where it has some, may replace a leg.
    pub(super) fn may_replace(
        &self,
        config: &Config<'_>,
        trunk: TrunkIndex,
        user: u64,
        id: LegId,
    ) -> Result<(), Reason> {
        let leg = self.legs.get(id).filter(|leg| leg.trunk == trunk);
        let trunk = config.trunk(trunk).filter(|trunk| refers(trunk));
        let same =
            |(leg, trunk): &(&Leg, &Trunk)| config.users(trunk).is_empty() || user != 0 && user == leg.user;
        leg.zip(trunk).filter(same).map(drop).ok_or(Reason::MayNotReplace)
    }

    /// Whether the dialog of a leg that is to be replaced is an early one, which a target makes that we ring.
    pub(super) fn is_early(&self, id: LegId, early_only: bool) -> Result<bool, Reason> {
        let leg = self.legs.get(id).ok_or(Reason::ReplacesUnknown)?;
        let call = self.calls.get(leg.call).ok_or(Reason::ReplacesUnknown)?;
        let done = matches!(call.transfer.stage, Stage::Leaving | Stage::Lent);
        let leaves = done && call.transfer.referrer == Some(id);
        match leg.state {
            LegState::Subscribed => Err(Reason::ReplacesUnknown),
            _ if matches!(call.progress, Progress::Ended(_)) || leaves => Err(Reason::ReplacesEnded),
            LegState::Calling | LegState::Proceeding => match self.is_rung(id) && leg.early_tag != 0 {
                true => Ok(true),
                false => Err(Reason::ReplacesUnknown),
            },
            LegState::Accepted { ending: false } | LegState::Confirmed if early_only => {
                Err(Reason::ReplacesEarlyOnly)
            }
            LegState::Accepted { ending: false } | LegState::Confirmed => match call.transfer.stage {
                Stage::None | Stage::Leaving if self.matters(id) => Ok(false),
                Stage::None | Stage::Leaving => Err(Reason::ReplacesEnded),
                _ => Err(Reason::TransferUnderWay),
            },
            LegState::Cancelling { .. }
            | LegState::Accepted { ending: true }
            | LegState::Terminating
            | LegState::Terminated => Err(Reason::ReplacesEnded),
        }
    }
}

/// Whether a trunk's kind transfers calls.
pub(super) const fn refers(trunk: &Trunk) -> bool {
    matches!(trunk.kind, TrunkKind::Ai | TrunkKind::Phones)
}
