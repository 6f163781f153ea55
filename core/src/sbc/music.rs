//! What callers hear while they wait: a line's greeting, then its music, or a ringing tone.
//!
//! Who waits is the one that a transfer is for, from its acceptance until somebody answers or it has failed. Whoever asked
//! for it hears silence.

use crate::call::{self, CallId, Pending, Stream};
use crate::clip::ClipId;
use crate::config::Config;
use crate::relay::{Control, Country, Play, Side, Tone};

use super::{Output, Sbc};

impl Sbc<'_> {
    /// Who waits in a call, and what they hear: first of all, or after that.
    fn waits(&self, config: &Config<'_>, id: CallId, first: bool) -> Option<(Side, Play)> {
        let call = self.calls.get(id).filter(|call| call.transfer.is_ringing())?;
        let side = self.legs.get(call.anchor?)?.place;
        let line = config.line(call.line);
        let greeting = line.and_then(|line| line.greeting).filter(|_| first);
        let what = match (greeting, line.and_then(|line| line.music)) {
            (Some(clip), _) => Play::Clip { clip, looped: false },
            (None, Some(clip)) => Play::Clip { clip, looped: true },
            (None, None) => {
                let country = Country::of(config.text(config.node.country));
                Play::Tone { tone: Tone::Ringback, country }
            }
        };
        Some((side, what))
    }

    /// What the relay is to play to who waits, now that they hear nobody.
    pub(super) fn flush_music(&mut self, config: &Config<'_>, id: CallId) -> Option<Output> {
        let call = self.calls.get_mut(id)?;
        let first = call.pending.take(Pending::GREETING);
        if !call.pending.take(Pending::MUSIC) && !first {
            return None;
        }
        let worker = call.worker;
        let (side, what) = self.waits(config, id, first)?;
        Some(Output::Media { worker, control: Control::Play { stream: call::stream_of(id), side, what } })
    }

    /// A clip has been heard to its end.
    pub(super) fn played(&mut self, config: &Config<'_>, id: CallId, side: Side, clip: ClipId) {
        if self.has_been_told(config, id, side, clip) {
            return self.wake(id);
        }
        let goes_on = self.waits(config, id, true) == Some((side, Play::Clip { clip, looped: false }));
        if let Some(call) = self.calls.get_mut(id).filter(|call| goes_on && call.stream == Stream::Open) {
            call.pending.add(Pending::MUSIC);
        }
        self.wake(id);
    }
}
