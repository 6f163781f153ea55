//! Keys that a peer presses: told by INFO within a dialog, and reported by the relay.

use crate::call::{CallId, LegId, call_of};
use crate::reason::Reason;
use crate::relay::{Control, Side, StreamId};
use crate::rtp::Digit;
use crate::sip::{KeyPress, Name};
use crate::time::Duration;
use crate::transaction::Reply;

use super::requests::Request;
use super::{Cx, Event, Output, Sbc};

/// The bodies of an INFO that are understood, as an Accept header lists them.
pub(super) const ACCEPT: &[u8] = b"application/dtmf-relay, application/dtmf";

/// A key that a leg's peer has told us of, on its way to the relay.
#[derive(Clone, Copy)]
pub(super) struct Press {
    call: CallId,
    side: Side,
    digit: Digit,
    duration: Duration,
}

impl Sbc<'_> {
    /// An INFO within a dialog. One without a body asks only whether the dialog is there (RFC 2976 section 2.2).
    pub(super) fn info(&mut self, cx: &Cx<'_>, request: &Request<'_, '_>, id: LegId) -> Result<(), Reason> {
        let message = request.message;
        if !message.body().is_empty() {
            let kind = message.header(Name::ContentType).unwrap_or_default();
            let KeyPress { digit, duration } = KeyPress::parse(kind, message.body())
                .ok_or(Reason::InfoNotUnderstood)?
                .ok_or(Reason::MalformedDigit)?;
            let leg = self.legs.get(id).ok_or(Reason::NoSuchCall)?;
            self.pressed = Some(Press { call: leg.call, side: leg.place, digit, duration });
        }
        self.answer_at_once(cx, request, Reply::Ok);
        Ok(())
    }

    /// Tells the relay of the key.
    pub(super) fn flush_press(&mut self) -> Option<Output> {
        let Press { call: id, side, digit, duration } = self.pressed.take()?;
        let (call, stream) = (self.calls.get(id)?, crate::call::stream_of(id));
        Some(Output::Media { worker: call.worker, control: Control::Press { stream, side, digit, duration } })
    }

    /// The relay heard a key, or was told of one.
    pub(super) fn digit(&mut self, stream: StreamId, side: Side, digit: Digit, duration: Duration) {
        let call = call_of(stream);
        if self.calls.get(call).is_some() {
            self.event = Some(Event::Digit { call, side, digit, duration });
        }
    }
}
