//! The keys by which messages find what they belong to: keyed hashes of what the RFC matches on.

use crate::call::{Leg, LegId, LegState};
use crate::config::Config;
use crate::dialog::Dialog;
use crate::relay::Side;
use crate::sip::{Essentials, Host, Message, Method};

use super::{Admitted, Sbc};

/// What every branch of RFC 3261 begins with (8.1.1.7).
pub(super) const COOKIE: &[u8] = b"z9hG4bK";

impl Sbc<'_> {
    /// The key of the server transaction that a request belongs to (17.2.3), were its method `method`. A trunk's
    /// keys are its own, so that no trunk can touch another's transactions.
    pub(super) fn server_key(
        &self,
        config: &Config<'_>,
        from: &Admitted,
        e: &Essentials<'_>,
        message: &Message<'_>,
        method: Method<'_>,
    ) -> u64 {
        // Its name stays when the configuration is another.
        let trunk = config.speakers(from.source).next().and_then(|trunk| config.trunk(trunk));
        let trunk = trunk.map(|trunk| config.text(trunk.name)).unwrap_or_default();
        let method = method.as_bytes();
        match e.via.branch() {
            Some(branch) if branch.len() > COOKIE.len() && branch.starts_with(COOKIE) => {
                let mut ip = [0; 16];
                let host = match e.via.host {
                    Host::Name(name) => name,
                    Host::Ip(core::net::IpAddr::V4(v4)) => {
                        ip = v4.to_ipv6_mapped().octets();
                        &ip
                    }
                    Host::Ip(core::net::IpAddr::V6(v6)) => {
                        ip = v6.octets();
                        &ip
                    }
                    Host::None => &ip,
                };
                let port = e.via.port.unwrap_or(5060).to_le_bytes();
                self.key.hash(&[b"server", trunk, method, branch, host, &port])
            }
            // A peer of RFC 2543: its To tag is left out, since an ACK has one where its INVITE had none.
            _ => {
                let uri = message.request_uri().map(|uri| uri.bytes).unwrap_or_default();
                let tag = e.from.tag().unwrap_or_default();
                let number = e.cseq.number.to_le_bytes();
                self.key.hash(&[b"old", trunk, method, uri, tag, e.call_id, &number, e.via.bytes])
            }
        }
    }

    /// The key of a client transaction of ours (17.1.3).
    pub(super) fn client_key(&self, branch: u64, method: Method<'_>) -> u64 {
        self.key.hash(&[b"client", &branch.to_le_bytes(), method.as_bytes()])
    }

    /// The key under which a leg is found by its local tag.
    pub(super) fn dialog_key(&self, local_tag: u64) -> u64 {
        self.key.hash(&[b"dialog", &local_tag.to_le_bytes()])
    }

    /// The key that an INVITE shares with itself when it arrives once more by another way (8.2.2.2).
    pub(super) fn merged_key(&self, e: &Essentials<'_>) -> u64 {
        let number = e.cseq.number.to_le_bytes();
        self.key.hash(&[b"merged", e.call_id, e.from.tag().unwrap_or_default(), &number])
    }

    /// The tag of a response that is given without a dialog: the same for the same request (8.2.7).
    pub(super) fn passing_tag(&self, e: &Essentials<'_>) -> u64 {
        let number = e.cseq.number.to_le_bytes();
        self.key.hash(&[
            b"tag",
            e.call_id,
            e.from.tag().unwrap_or_default(),
            &number,
            e.via.branch().unwrap_or_default(),
        ])
    }

    /// The leg whose dialog a request belongs to (12.2.2).
    pub(super) fn find_leg(&self, from: &Admitted, e: &Essentials<'_>) -> Option<LegId> {
        let local_tag = parse_hex(e.to.tag()?)?;
        self.leg_with(from, local_tag, |dialog| dialog.is(e))
    }

    /// The leg of ours whose INVITE is not answered yet, and has the Call-ID and the tag that a target's request names: that
    /// is in one of its early dialogs, and which ones there are only their targets know.
    pub(super) fn early_leg(&self, from: &Admitted, e: &Essentials<'_>) -> Option<LegId> {
        let local_tag = parse_hex(e.to.tag()?)?;
        e.from.tag()?;
        let leg = self.leg_with(from, local_tag, |dialog| dialog.call_id() == e.call_id)?;
        let rings =
            |leg: &&Leg| leg.side != Side::A && matches!(leg.state, LegState::Calling | LegState::Proceeding);
        self.legs.get(leg).filter(rings).map(|_| leg)
    }

    /// Whether a response is the answer of a leg that is there; `Some(false)` when it is that of another branch of a
    /// fork to the same INVITE.
    pub(super) fn has_answered(&self, from: &Admitted, e: &Essentials<'_>) -> Option<bool> {
        let local_tag = e.from.tag().and_then(parse_hex)?;
        let leg = self.leg_with(from, local_tag, |dialog| dialog.call_id() == e.call_id)?;
        let leg = self.legs.get(leg).filter(|leg| leg.can_be_saved())?;
        Some(leg.dialog.answers(e))
    }

    /// The leg of a dialog that is named by its identifiers.
    pub(super) fn leg_of(
        &self,
        from: &Admitted,
        call_id: &[u8],
        local_tag: &[u8],
        remote_tag: &[u8],
    ) -> Option<LegId> {
        self.leg_with(from, parse_hex(local_tag)?, |dialog| dialog.is_named(call_id, remote_tag))
    }

    /// The leg with this tag of ours.
    pub(super) fn find_tagged(&self, local_tag: u64) -> Option<LegId> {
        let slot = self.dialogs.find(self.dialog_key(local_tag), |slot| {
            let leg = self.legs.id_at(slot).and_then(|id| self.legs.get(id));
            leg.is_some_and(|leg| leg.dialog.local_tag() == local_tag)
        })?;
        self.legs.id_at(slot)
    }

    /// The leg whose INVITE had this tag of ours, which the response names.
    pub(super) fn leg_called(&self, from: &Admitted, local_tag: u64, e: &Essentials<'_>) -> Option<&Leg> {
        self.legs.get(self.leg_with(from, local_tag, |dialog| dialog.call_id() == e.call_id)?)
    }

    /// The leg with this tag of ours, of the trunk that speaks, when its dialog `is` the one meant.
    fn leg_with(&self, from: &Admitted, local_tag: u64, is: impl Fn(&Dialog) -> bool) -> Option<LegId> {
        let slot = self.dialogs.find(self.dialog_key(local_tag), |slot| {
            let leg = self.legs.id_at(slot).and_then(|id| self.legs.get(id));
            leg.is_some_and(|leg| {
                leg.dialog.local_tag() == local_tag
                    && leg.trunk == from.trunk
                    && leg.is_alive()
                    && is(&leg.dialog)
            })
        })?;
        self.legs.id_at(slot)
    }
}

/// The branch of a Via of ours.
pub(super) fn our_branch(branch: &[u8]) -> Option<u64> {
    parse_hex(branch.strip_prefix(COOKIE)?)
}

/// 16 hexadecimal digits, as we write our tags and branches.
pub(super) fn parse_hex(text: &[u8]) -> Option<u64> {
    if text.len() != 16 || !text.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(core::str::from_utf8(text).ok()?, 16).ok()
}
