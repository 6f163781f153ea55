//! What a target is told of who calls, what is carried across to it, and why a leg is ended.
//!
//! | kind | From | P-Asserted-Identity and Privacy | Diversion, where it is told another caller |
//! |---|---|---|---|
//! | zendesk | a number in E.164, always | no | no |
//! | ai | the number or name | no; but `X-Warmline-Call` | no |
//! | carrier | the number or name | a number that is vouched for, and `Privacy: id` where it is withheld | yes |
//! | phones | the number or name | a number that is vouched for, unless it is withheld | yes, unless it is withheld |
//!
//! History-Info is never written, only carried: Diversion is what carriers ask for. Names to show do not cross.

use heapless::Vec;

use crate::call::{self, Call, CallId, Causes, Leg, LegId, NOBODY, Progress, may_be_carried};
use crate::config::{Anonymous, Config, Interface, Trunk, TrunkKind};
use crate::memory::Blocks;
use crate::reason::Reason;
use crate::sip::{Message, Writer};

use super::Sbc;

/// The most bytes that are carried of one call's INVITE: four blocks.
const MOST: usize = 1008;

/// As many a call may keep however little memory is left: one block.
const LITTLE: usize = 252;

/// Room for the URI of a From.
const FROM: usize = 160;

impl Sbc<'_> {
    /// Keeps the header fields of a caller's INVITE that its trunk may bring, until the call is answered. More than a
    /// little only while three quarters of the memory for messages are free, so that no call is crowded out by another's.
    pub(super) fn keep_carried(
        &mut self,
        config: &Config<'_>,
        trunk: &Trunk,
        message: &Message<'_>,
        id: CallId,
    ) {
        if trunk.identity.carried.len == 0 {
            return;
        }
        let spare = self.blocks.capacity() / 4 * 3;
        let generous = self.blocks.free_blocks() > spare.saturating_add(Blocks::needed(MOST));
        let room = self.reply.len().min(if generous { MOST } else { LITTLE });
        let Some(room) = self.reply.get_mut(..room) else { return };
        let (mut used, mut left_out) = (0usize, false);
        for field in message.fields() {
            let Some(name) = listed(config, trunk, field.spelling) else { continue };
            let mut w = Writer::new(room.get_mut(used..).unwrap_or_default());
            w.header(name, field.value);
            match w.finish() {
                Ok(len) if is_text(room, used, len) => used = used.saturating_add(len),
                _ => left_out = true,
            }
        }
        let kept = if used == 0 { None } else { self.blocks.store(room.get(..used).unwrap_or_default()) };
        left_out |= kept.is_none() && used > 0;
        if left_out {
            self.counters.add(Reason::HeadersLeftOut);
        }
        let Some(call) = self.calls.get_mut(id) else { return };
        if left_out {
            call.note.get_or_insert(Reason::HeadersLeftOut);
        }
        if let Some(kept) = kept {
            call.identity.carried = kept;
        }
    }

    /// Keeps why a peer ends its leg, or refuses, to tell the other one.
    pub(super) fn note_causes(&mut self, id: CallId, message: &Message<'_>) {
        if let Some(call) = self.calls.get_mut(id).filter(|call| !matches!(call.progress, Progress::Ended(_)))
        {
            call.identity.causes = Causes::of(message);
        }
    }
}

/// The name by which a trunk's list has a header field; none where it has not, or it may not be carried at all.
fn listed<'c>(config: &Config<'c>, trunk: &Trunk, spelling: &[u8]) -> Option<&'c [u8]> {
    if trunk.kind == TrunkKind::Zendesk {
        return None;
    }
    let mut names = config.text(trunk.identity.carried).split(|&byte| byte == b',');
    names.find(|name| name.eq_ignore_ascii_case(spelling) && may_be_carried(name))
}

/// Whether a line just written, without its end, is text without control characters.
fn is_text(room: &[u8], start: usize, len: usize) -> bool {
    let line = room.get(start..start.saturating_add(len)).and_then(|line| line.strip_suffix(b"\r\n"));
    line.is_some_and(|line| {
        !line.ends_with(b" ")
            && !line.iter().any(|&byte| byte < b' ' || byte == 0x7f)
            && core::str::from_utf8(line).is_ok()
    })
}

/// The number that a trunk is told is calling; none where it is told none.
fn number<'c>(config: &Config<'c>, trunk: &Trunk, call: &'c Call) -> Option<&'c [u8]> {
    let fixed = config.text(trunk.identity.caller);
    let original = call.caller.as_ref().map(|number| number.as_slice());
    let shown = match trunk.identity.anonymous {
        _ if !fixed.is_empty() => return Some(fixed),
        _ if !call.identity.withheld => original,
        Anonymous::Number => original,
        Anonymous::Withhold => None,
        Anonymous::StandIn(number) => Some(config.text(number)),
    };
    if trunk.kind != TrunkKind::Zendesk {
        return shown;
    }
    // Talk makes a user of whatever it is told, and knows users by their numbers.
    match trunk.identity.anonymous {
        Anonymous::StandIn(number) => shown.or_else(|| Some(config.text(number))),
        _ => shown.or(Some(NOBODY)),
    }
}

/// The URI of the From that a target behind `trunk` is told; `caller` is the caller's leg. None where it does not fit.
pub(super) fn told(
    config: &Config<'_>,
    trunk: &Trunk,
    interface: &Interface,
    call: &Call,
    caller: Option<&Leg>,
) -> Option<Vec<u8, FROM>> {
    let mut name = [0; 64];
    let name = caller.filter(|_| !call.identity.withheld).and_then(|leg| leg.dialog.remote_user(&mut name));
    let mut uri = [0; FROM];
    let mut w = Writer::new(&mut uri);
    match number(config, trunk, call).or(name) {
        Some(user) => w.bytes(b"sip:").bytes(user).bytes(b"@").ip(interface.advertise),
        None => w.bytes(b"sip:anonymous@anonymous.invalid"),
    };
    let len = w.finish().ok()?;
    Vec::from_slice(uri.get(..len)?).ok()
}

/// Writes what an INVITE says of its caller beside From.
pub(super) fn identity(
    w: &mut Writer<'_>,
    config: &Config<'_>,
    trunk: &Trunk,
    interface: &Interface,
    call: &Call,
) {
    let carrier = trunk.kind == TrunkKind::Carrier;
    match trunk.kind {
        TrunkKind::Zendesk => return,
        TrunkKind::Ai => {
            w.name(call::CALL_HEADER).hex(call.identity.id).end_line();
            return;
        }
        TrunkKind::Carrier | TrunkKind::Phones => {}
    }
    let original = call.caller.as_deref();
    let withheld = call.identity.withheld && trunk.identity.anonymous != Anonymous::Number;
    let fixed = config.text(trunk.identity.caller);
    let us = |w: &mut Writer<'_>, name: &[u8], number: &[u8]| {
        w.name(name).bytes(b"<sip:").bytes(number).bytes(b"@").ip(interface.advertise).bytes(b">");
    };
    // What we call ourselves we vouch for.
    let asserted = if fixed.is_empty() { original.filter(|_| call.identity.vouched) } else { Some(fixed) };
    if let Some(asserted) = asserted.filter(|_| carrier || !withheld || !fixed.is_empty()) {
        us(w, b"P-Asserted-Identity", asserted);
        w.end_line();
    }
    if carrier && withheld && fixed.is_empty() {
        w.header(b"Privacy", b"id");
    }
    if let Some(original) = original.filter(|_| !fixed.is_empty() && (carrier || !withheld)) {
        us(w, b"Diversion", original);
        w.bytes(b";reason=unconditional");
        w.bytes(if withheld { b";privacy=full" } else { b"" }).end_line();
    }
}

/// Writes what was kept of the caller's INVITE and the target's trunk is told too. `room` is for the time being.
pub(super) fn carried(
    w: &mut Writer<'_>,
    config: &Config<'_>,
    trunk: &Trunk,
    blocks: &Blocks<'_>,
    call: &Call,
    room: &mut [u8],
) {
    let Some(len) = blocks.load(&call.identity.carried, room) else { return };
    let mut lines = room.get(..len).unwrap_or_default();
    while let Some(end) = memchr::memchr(b'\n', lines) {
        let Some((line, rest)) = lines.split_at_checked(end.saturating_add(1)) else { return };
        let colon = memchr::memchr(b':', line).unwrap_or(0);
        if listed(config, trunk, line.get(..colon).unwrap_or_default()).is_some() {
            w.lines(line);
        }
        lines = rest;
    }
}

/// Writes the Reason of a BYE or CANCEL: what the peer said that ended the call, or ours. That a person hung up needs
/// no explanation (RFC 3326 section 1).
pub(super) fn why(w: &mut Writer<'_>, id: LegId, leg: &Leg, call: Option<&Call>) {
    match call.map(|call| (call, call.progress)) {
        Some((call, Progress::Ended(Reason::CallerHungUp | Reason::TargetHungUp | Reason::Cancelled)))
            if !call.identity.causes.is_none() =>
        {
            w.name(b"Reason");
            call.identity.causes.write(w, None);
            w.end_line();
        }
        Some((_, Progress::Ended(reason))) => {
            if let Some(status) = reason.status() {
                own_reason(w, reason, status);
            }
        }
        Some((call, Progress::Answered)) if call.called != Some(id) => {
            w.header(b"Reason", b"SIP;cause=200;text=\"Call completed elsewhere\"");
        }
        _ => {
            if let Some((reason, status)) = leg.why.and_then(|reason| Some((reason, reason.status()?))) {
                own_reason(w, reason, status);
            }
        }
    }
}

/// Writes the Reason of the caller's final response: what the latest target said, where that is why.
pub(super) fn why_not(w: &mut Writer<'_>, call: &Call) {
    let Some((reason, Some(status))) = call.failure else { return };
    let causes = if call.progress == Progress::Ended(reason) { call.identity.causes } else { Causes::NONE };
    w.name(b"Reason");
    causes.beside_sip().write(w, Some(status));
    w.end_line();
}

/// Writes a Reason of our own.
pub(super) fn own_reason(w: &mut Writer<'_>, reason: Reason, status: u16) {
    w.name(b"Reason").bytes(b"SIP;cause=").number(status.into()).bytes(b";text=\"");
    w.bytes(reason.sentence().trim_ascii().as_bytes()).bytes(b"\"").end_line();
}
