//! `srtp` of a trunk: whether its audio is protected. Keys are in the session descriptions, so that it takes TLS, or a
//! network that nobody else is on: `keys_in_clear`.

use warmline_core::config::TrunkKind;
use warmline_core::srtp::Policy;
use warmline_core::transport::Transport;

use super::table::Table;

const POLICIES: &[(&str, Option<Policy>)] =
    &[("off", Some(Policy::Off)), ("allowed", Some(Policy::Allowed)), ("required", Some(Policy::Required))];

/// What a trunk of this kind that is reached by this transport says of SRTP, and whether keys may go by any transport. None
/// for a mistake.
pub(super) fn read(
    table: &Table<'_>,
    kind: Option<TrunkKind>,
    transport: Option<Transport>,
) -> Option<(Policy, bool)> {
    let clear = table.get("keys_in_clear");
    let in_clear = match &clear {
        Some(value) => value.boolean()?.value,
        None => false,
    };
    let policy = match table.get("srtp") {
        Some(value) => {
            let policy = value.choice(POLICIES)?.value;
            if policy.is_on() && !in_clear && transport.is_some_and(|transport| transport != Transport::Tls) {
                let message = "SRTP's keys stand in the SIP messages, where anyone on the way reads them unless those \
                               go by TLS: set transport = \"tls\" for the trunk, or srtp = \"off\"; or \
                               keys_in_clear = true, where nobody else is on the way (a VPN, a cable of its own)";
                value.mistake(message.to_owned());
                return None;
            }
            if policy == Policy::Allowed && kind == Some(TrunkKind::Zendesk) {
                let message = "a Zendesk line takes SRTP always or never: write srtp = \"required\" where its secure \
                               media (TLS/SRTP) is on, and leave it off where it is not";
                value.mistake(message.to_owned());
                return None;
            }
            policy
        }
        None => Policy::Off,
    };
    if let Some(value) = clear.filter(|_| in_clear) {
        if kind == Some(TrunkKind::Zendesk) {
            value.mistake("Zendesk takes SRTP by TLS alone: keys_in_clear is for other trunks".to_owned());
            return None;
        }
        if !policy.is_on() {
            value.mistake(
                "the trunk has no SRTP, so there are no keys: set srtp, or leave this out".to_owned(),
            );
            return None;
        }
    }
    Some((policy, in_clear))
}
