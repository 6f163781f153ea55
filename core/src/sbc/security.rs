//! SRTP in signalling: which legs have it, when the relay is told of their keys, and what there is to say when it fails.
//!
//! A leg has keys from its beginning where its trunk allows SRTP and nobody on the way reads them: where it goes by TLS, or
//! its trunk says so. What became of that is in what was agreed on with its peer.

use crate::call::{CallId, Leg, stream_of};
use crate::config::Trunk;
use crate::reason::Reason;
use crate::relay::{Control, Side};
use crate::sdp::{Agreed, Keys};
use crate::srtp::{Policy, Secret, Security};
use crate::transport::Transport;

use super::{Event, Sbc};

impl Sbc<'_> {
    /// What a new leg of this trunk says of SRTP.
    pub(super) fn keys(&mut self, trunk: &Trunk, transport: Transport) -> Option<Keys> {
        let speaks = trunk.srtp.is_on() && trunk.keys_may_go_by(transport);
        speaks.then(|| (trunk.srtp, Secret::new(&mut self.random)))
    }

    /// What the relay is told of a side's keys before it is pointed to the peer.
    pub(super) fn secure_first(&mut self, id: CallId, side: Side) -> Option<Control> {
        let security = self.leg_at(id, side).and_then(|(_, leg)| leg.security());
        let keyed = &mut self.calls.get_mut(id)?.keyed;
        if keyed.is_due(side, security.is_some()) {
            keyed.tell(side, security.is_some());
            return Some(Control::Secure { stream: stream_of(id), side, security });
        }
        keyed.expire(side);
        None
    }

    /// What comes from a side's peer is not authentic.
    pub(super) fn not_authentic(&mut self, id: CallId, side: Side) {
        let Some((_, leg)) = self.leg_at(id, side) else { return };
        let Some(agreed) = leg.agreed else { return };
        self.event = Some(Event::NotAuthentic { call: id, trunk: leg.trunk, named: agreed.remote });
    }
}

impl Leg {
    /// What is agreed on with its peer of SRTP.
    pub(super) fn srtp(&self) -> Policy {
        self.keys.map_or(Policy::Off, |(policy, _)| policy)
    }

    /// The keys that were agreed on with its peer.
    fn security(&self) -> Option<Security> {
        let ((_, secret), theirs) = self.keys.zip(self.agreed?.crypto)?;
        Some(Security { send: secret.master(theirs.master.suite()), receive: theirs.master })
    }
}

/// Refuses keys that came by a way on which others read them, and, of a peer that made no `offer` of SRTP or of anything, to
/// send ours where it is required.
pub(super) fn not_in_the_open(
    agreed: Option<&Agreed>,
    trunk: &Trunk,
    srtp: Policy,
    transport: Transport,
) -> Result<(), Reason> {
    let exposed = match agreed {
        Some(agreed) => agreed.crypto.is_some(),
        None => srtp == Policy::Required,
    };
    if exposed && !trunk.keys_may_go_by(transport) { Err(Reason::SrtpNotOverTls) } else { Ok(()) }
}

/// Why a target's answer cannot be used, as the call's other end is told.
pub(super) const fn of_target(reason: Reason) -> Reason {
    match reason {
        Reason::SrtpOff | Reason::SrtpRequired | Reason::SrtpNoSuite | Reason::SrtpNotOverTls => reason,
        _ => Reason::TargetMedia,
    }
}
