//! Recording calls: from when a line that wants it is answered, to the end of whoever it was answered for.
//!
//! Where the line has a prompt that says so, both who talk hear it first, and nothing is recorded of what they say before
//! both have heard all of it. When they are parted meanwhile, they hear it again later, or are not recorded.

use crate::call::{self, CallId, Pending, Progress, Recording, Stream};
use crate::clip::ClipId;
use crate::config::Config;
use crate::relay::{Control, Play, Side};

use super::{Output, Sbc};

impl Sbc<'_> {
    /// Two talk from here on: their call is recorded, where its line says so.
    pub(super) fn wants_recording(&mut self, config: &Config<'_>, id: CallId) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let records = config.line(call.line).is_some_and(|line| line.record);
        if records && call.recording != Recording::On {
            call.recording = Recording::Telling { told: 0, heard: 0 };
            call.pending.add(Pending::RECORD);
        }
    }

    /// What the relay is to do next for a recording.
    pub(super) fn flush_recording(&mut self, config: &Config<'_>, id: CallId) -> Option<Output> {
        let waits = self.calls.get(id)?.anchor.and_then(|leg| self.legs.get(leg)).map(|leg| leg.place);
        let call = self.calls.get_mut(id)?;
        if !call.pending.take(Pending::RECORD) || call.stream != Stream::Open {
            return None;
        }
        let (stream, worker, [anchor, called]) = (call::stream_of(id), call.worker, call.bridge);
        let talks = call.progress == Progress::Answered && !call.is_waited_in();
        let consent = config.line(call.line).and_then(|line| line.consent);
        let control = match (call.recording, consent) {
            (Recording::Message, _) => Control::Record { stream, side: waits? },
            (Recording::Telling { told, heard }, Some(clip)) if talks && told < 2 => {
                call.recording = Recording::Telling { told: told.saturating_add(1), heard };
                call.pending.add(Pending::RECORD);
                let side = if told == 0 { anchor } else { called };
                Control::Play { stream, side, what: Play::Clip { clip, looped: false } }
            }
            (Recording::Telling { heard, .. }, consent) if talks && (heard == 2 || consent.is_none()) => {
                call.recording = Recording::On;
                Control::Record { stream, side: anchor }
            }
            _ => return None,
        };
        Some(Output::Media { worker, control })
    }

    /// One of the two who talk has heard a clip to its end: whether it was that they are recorded.
    pub(super) fn has_been_told(
        &mut self,
        config: &Config<'_>,
        id: CallId,
        side: Side,
        clip: ClipId,
    ) -> bool {
        let Some(call) = self.calls.get_mut(id) else { return false };
        let Recording::Telling { told, heard } = call.recording else { return false };
        let consent = config.line(call.line).and_then(|line| line.consent);
        let was = consent == Some(clip) && call.bridge.contains(&side) && !call.is_waited_in();
        if was {
            let heard = heard.saturating_add(1);
            call.recording = Recording::Telling { told, heard };
            if heard == 2 {
                call.pending.add(Pending::RECORD);
            }
        }
        was
    }
}
