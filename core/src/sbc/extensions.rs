//! Which requests and extensions of SIP we speak, and how a peer is told.

use heapless::Vec;

use crate::sip::{Message, Name, Writer};

/// The requests we answer, as an Allow header lists them.
const ALLOW: &[u8] = b"INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, REFER, INFO";

/// The extensions that a peer may require of us (RFC 3261 section 19.2).
const SUPPORTED: &[&[u8]] = &[super::reliable::EXTENSION, b"timer", b"norefersub", b"tdialog", b"replaces"];

/// Writes which requests we answer.
pub(super) fn allow(w: &mut Writer<'_>) {
    w.header(b"Allow", ALLOW);
}

/// Writes which requests we answer and which extensions we know: what belongs into a dialog's first messages and into
/// what answers OPTIONS.
pub(super) fn capabilities(w: &mut Writer<'_>) {
    allow(w);
    if let Some((first, others)) = SUPPORTED.split_first() {
        w.name(b"Supported").bytes(first);
        for extension in others {
            w.bytes(b", ").bytes(extension);
        }
        w.end_line();
    }
}

/// The extensions that a request requires and that we do not know.
fn unknown<'a>(message: &Message<'a>) -> impl Iterator<Item = &'a [u8]> {
    let known = |token: &[u8]| SUPPORTED.iter().any(|known| known.eq_ignore_ascii_case(token));
    message.tokens(Name::Require).filter(move |token| !known(token))
}

/// Whether a request requires nothing that we do not know (8.2.2.3).
pub(super) fn are_known(message: &Message<'_>) -> bool {
    unknown(message).next().is_none()
}

/// The extensions that a request requires in vain, as an Unsupported header lists them.
pub(super) fn unsupported(message: &Message<'_>) -> Vec<u8, 256> {
    let mut list = Vec::new();
    for token in unknown(message) {
        let separator: &[u8] = if list.is_empty() { b"" } else { b", " };
        if list.len().saturating_add(separator.len()).saturating_add(token.len()) > 256 {
            break;
        }
        let _ = list.extend_from_slice(separator);
        let _ = list.extend_from_slice(token);
    }
    list
}
