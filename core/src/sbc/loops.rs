//! Requests that go round: the Via that we wrote, one request by two ways, and a caller's own call that comes back.

use crate::call::{self, Call, CallId, Number, Progress};
use crate::config::{Config, LineIndex, TrunkIndex, TrunkKind};
use crate::sip::{Essentials, Host, Message};

use super::Sbc;
use super::dialogs::parse_hex;
use super::requests::Request;

/// As many unanswered calls of one caller to one line may ring the trunk that they come from. One more is taken for a
/// loop; fewer may be several callers who show the same number.
const ROUNDS: usize = 2;

impl Sbc<'_> {
    /// Whether a new call is one that is here already.
    pub(super) fn goes_round(&self, config: &Config<'_>, request: &Request<'_, '_>) -> bool {
        self.is_merged(request.e) || has_been_here(config, request.message)
    }

    /// Whether a new call for a line names one in progress, which went out over a trunk and was sent back.
    ///
    /// An AI agent may bring a call back to another line: it hands the caller over.
    pub(super) fn is_brought_back(
        &self,
        config: &Config<'_>,
        request: &Request<'_, '_>,
        line: LineIndex,
    ) -> bool {
        let hands_over = config.trunk(request.from.trunk).is_some_and(|trunk| trunk.kind == TrunkKind::Ai);
        self.named_call(request.message).is_some_and(|call| !hands_over || call.line == line)
    }

    /// The call in progress with an AI platform that its new call names: the same caller's stay goes on in that.
    pub(super) fn linked(&self, config: &Config<'_>, request: &Request<'_, '_>) -> Option<&Call> {
        let from = request.from.trunk;
        let hands_over = config.trunk(from).is_some_and(|trunk| trunk.kind == TrunkKind::Ai);
        let with = |call: &&Call| {
            let target = call.target.and_then(|target| config.target(target));
            hands_over && target.is_some_and(|target| target.trunk == from)
        };
        self.named_call(request.message).filter(with)
    }

    /// Whether a new call for a line is one of its caller's that ring the trunk it comes from. Where the line can ring
    /// that, it looks at every call.
    pub(super) fn rings_back(
        &self,
        config: &Config<'_>,
        trunk: TrunkIndex,
        line: LineIndex,
        caller: Option<&Number>,
    ) -> bool {
        let Some(caller) = caller else { return false };
        let rings = |call: &Call| {
            matches!(call.progress, Progress::Resolving | Progress::Ringing)
                && call.target.and_then(|target| config.target(target)).map(|target| target.trunk)
                    == Some(trunk)
        };
        let same = |call: &Call| call.line == line && call.caller.as_ref() == Some(caller) && rings(call);
        may_ring(config, line, trunk)
            && self.calls.iter().filter(|(_, call)| same(call)).take(ROUNDS).count() == ROUNDS
    }

    /// The call in progress that a message's `X-Warmline-Call` names.
    fn named_call(&self, message: &Message<'_>) -> Option<&Call> {
        let call = self.call_known_as(message.extension(call::CALL_HEADER).find_map(parse_hex)?)?;
        self.calls.get(call).filter(|call| !matches!(call.progress, Progress::Ended(_)))
    }

    /// The call that has this name outside.
    pub(super) fn call_known_as(&self, id: u64) -> Option<CallId> {
        let slot = self.dialogs.find(self.call_key(id), |slot| {
            let call = self.calls.id_at(slot).and_then(|call| self.calls.get(call));
            call.is_some_and(|call| call.identity.id == id)
        })?;
        self.calls.id_at(slot)
    }

    /// Has a call found by its name outside. Where there is no room for that, it is not found.
    pub(super) fn name_call(&mut self, id: CallId) {
        if let Some(call) = self.calls.get(id) {
            self.dialogs.insert(self.call_key(call.identity.id), id.index());
        }
    }

    /// Takes a call out, and its name with it.
    pub(super) fn remove_call(&mut self, id: CallId) -> Option<Call> {
        let call = self.calls.remove(id)?;
        self.dialogs.remove(self.call_key(call.identity.id), id.index());
        Some(call)
    }

    /// The key under which a call is found by its name outside.
    fn call_key(&self, id: u64) -> u64 {
        self.key.hash(&[b"call", &id.to_le_bytes()])
    }

    /// Whether an INVITE came by another way already (RFC 3261 8.2.2.2).
    fn is_merged(&self, e: &Essentials<'_>) -> bool {
        let key = self.merged_key(e);
        let same = |slot| {
            let leg = self.legs.id_at(slot).and_then(|id| self.legs.get(id));
            leg.is_some_and(|leg| leg.merged == Some(key) && leg.dialog.is(e))
        };
        self.dialogs.find(key, same).is_some()
    }
}

/// Whether one of the request's Vias is ours: then it left from here.
fn has_been_here(config: &Config<'_>, message: &Message<'_>) -> bool {
    message.vias().flatten().any(|via| {
        let Host::Ip(host) = via.host else { return false };
        config.listeners.iter().any(|listener| {
            let interface = config.interfaces.get(usize::from(listener.interface));
            let ours =
                interface.is_some_and(|interface| host == interface.advertise || host == interface.address);
            ours && via.port.unwrap_or_else(|| listener.transport.port()) == listener.port
        })
    })
}

/// Whether a line can ring a trunk.
fn may_ring(config: &Config<'_>, line: LineIndex, trunk: TrunkIndex) -> bool {
    let rings = config.line(line).map(|line| config.rings(line)).unwrap_or_default();
    rings.iter().filter_map(|ring| config.target(ring.target)).any(|target| target.trunk == trunk)
}
