//! `srtp` of a trunk: whether its audio is protected. Keys are in the session descriptions, so that it takes TLS.

use warmline_core::config::TrunkKind;
use warmline_core::srtp::Policy;
use warmline_core::transport::Transport;

use super::table::Table;

const POLICIES: &[(&str, Option<Policy>)] =
    &[("off", Some(Policy::Off)), ("allowed", Some(Policy::Allowed)), ("required", Some(Policy::Required))];

/// What a trunk of this kind that is reached by this transport says of SRTP. None for a mistake.
pub(super) fn read(
    table: &Table<'_>,
    kind: Option<TrunkKind>,
    transport: Option<Transport>,
) -> Option<Policy> {
    let Some(value) = table.get("srtp") else { return Some(Policy::Off) };
    let policy = value.choice(POLICIES)?.value;
    if policy.is_on() && transport.is_some_and(|transport| transport != Transport::Tls) {
        let message = "SRTP's keys stand in the SIP messages, where anyone on the way reads them unless those go by \
                       TLS: set transport = \"tls\" for the trunk, or srtp = \"off\"";
        value.mistake(message.to_owned());
        return None;
    }
    if policy == Policy::Allowed && kind == Some(TrunkKind::Zendesk) {
        let message = "a Zendesk line takes SRTP always or never: write srtp = \"required\" where its secure media \
                       (TLS/SRTP) is on, and leave it off where it is not";
        value.mistake(message.to_owned());
        return None;
    }
    Some(policy)
}
