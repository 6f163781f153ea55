//! What callers hear while they wait: a line's greeting, then its music, or a ringing tone; at the end of its plan, a
//! prompt.
//!
//! Who waits is the one that a transfer is for, from its acceptance until somebody answers or it has failed; whoever asked
//! for it hears silence. So does a caller whose line answers before anybody takes the call.

use crate::call::{self, CallId, Pending, Plan, Stream};
use crate::clip::ClipId;
use crate::config::Config;
use crate::relay::{Control, Country, Play, Side, Tone};

use super::{Cx, Output, Sbc};

impl Sbc<'_> {
    /// Who waits in a call, and what they hear: first of all, or after that; none where that is nothing.
    fn waits(&self, config: &Config<'_>, id: CallId, first: bool) -> Option<(Side, Option<Play>)> {
        let call = self.calls.get(id).filter(|call| call.is_waited_in())?;
        let side = self.legs.get(call.anchor?).filter(|leg| leg.agreed.is_some())?.place;
        let line = config.line(call.line);
        let greeting = line.and_then(|line| line.greeting).filter(|_| first);
        let said = match call.plan {
            Plan::Goodbye(clip, _) => Some(clip).filter(|_| first),
            Plan::Message => line?.voicemail.filter(|_| first),
            _ => greeting,
        };
        let what = match (said, line.and_then(|line| line.music)) {
            (Some(clip), _) => Play::Clip { clip, looped: false },
            _ if !call.plan.rings() => return Some((side, None)),
            (None, Some(clip)) => Play::Clip { clip, looped: true },
            (None, None) => {
                let country = Country::of(config.text(config.node.country));
                Play::Tone { tone: Tone::Ringback, country }
            }
        };
        Some((side, Some(what)))
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
        let stream = call::stream_of(id);
        let control = match what {
            Some(what) => Control::Play { stream, side, what },
            None => Control::Stop { stream, side },
        };
        Some(Output::Media { worker, control })
    }

    /// A clip has been heard to its end.
    pub(super) fn played(&mut self, cx: &Cx<'_>, id: CallId, side: Side, clip: ClipId) {
        let config = cx.config;
        if self.has_been_told(config, id, side, clip) || self.takes_when_told(cx, id, side, clip) {
            return self.wake(id);
        }
        let goes_on = self.waits(config, id, true) == Some((side, Some(Play::Clip { clip, looped: false })));
        if goes_on && self.prompt_is_over(cx, id) {
            return self.wake(id);
        }
        if let Some(call) = self.calls.get_mut(id).filter(|call| goes_on && call.stream == Stream::Open) {
            call.pending.add(Pending::MUSIC);
        }
        self.wake(id);
    }
}
