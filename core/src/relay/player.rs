//! What a peer hears that nobody says: silence, a clip or a tone, packet by packet.
//!
//! A player keeps its own time. Each packet is due as long after the one before as it lasts, whenever it was asked for,
//! so that hours of music do not drift. A host that is a little late catches up; what is long missed is left out in
//! whole packets, and what comes then is on time again.

use core::net::SocketAddr;

use super::keys::Keypads;
use super::leg::{EMPTY_HEADER, HEADER, LATE, Leg, hears};
use super::tape::Piece;
use super::tone::{self, Country, Tone};
use crate::clip::{ClipId, Clips};
use crate::g711::{self, Law};
use crate::rtp::Header;
use crate::time::{Duration, Instant};

/// What a side is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Play {
    /// A clip.
    Clip {
        /// Which.
        clip: ClipId,
        /// Whether it starts over when it is at its end, without a break; else its end is reported.
        looped: bool,
    },
    /// A tone, until it is stopped.
    Tone {
        /// Which.
        tone: Tone,
        /// As it is heard there.
        country: Country,
    },
}

/// Audio on its way to a peer.
#[derive(Clone, Copy)]
pub(super) struct Player {
    what: What,
    /// How many samples of it were played.
    at: u32,
    /// When the next packet is due.
    due: Instant,
    /// Whether it is the first.
    first: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Silence,
    Play(Play),
    /// A clip whose end has been sent, and is heard when the next packet would be due.
    Over(ClipId),
}

/// How many milliseconds of audio a packet has where the peer wants none of the usual lengths, and the longest it has.
const USUAL: u8 = 20;
const MOST: u8 = 60;

/// Samples in a millisecond, a byte each.
const MILLI: usize = 8;

/// The longest packet of a player's.
pub(super) const LONGEST: usize = HEADER + MOST as usize * MILLI;

impl Leg {
    /// Has the peer hear this, from here on or from the end of what it heard last, instead of whoever speaks to it.
    pub(super) fn play(&mut self, now: Instant, play: Play) {
        self.hear_player(now, What::Play(play));
    }

    /// Nothing is played any more. A side that hears nobody then is to be let [`rest`](Leg::rest).
    pub(super) fn stop(&mut self) {
        if self.plays()
            && let Some(player) = &mut self.player
        {
            (player.what, player.at) = (What::Silence, 0);
            self.outgoing.interrupt();
        }
    }

    /// As [`Leg::stop`], but a clip that is played once is played to its end.
    pub(super) fn stop_endless(&mut self) {
        let once = |player: &Player| match player.what {
            What::Play(Play::Clip { looped, .. }) => !looped,
            What::Over(_) => true,
            What::Silence | What::Play(Play::Tone { .. }) => false,
        };
        if !self.player.as_ref().is_some_and(once) {
            self.stop();
        }
    }

    /// Whether the peer is played something, and hears nothing else.
    pub(super) const fn plays(&self) -> bool {
        matches!(self.player, Some(Player { what: What::Play(_) | What::Over(_), .. }))
    }

    /// Whether this clip is what the peer is played.
    pub(super) fn plays_clip(&self, name: ClipId) -> bool {
        let what = self.player.map(|player| player.what);
        matches!(what, Some(What::Play(Play::Clip { clip, .. })) if clip == name)
    }

    /// Says whether the peer is to hear silence where it is played nothing: from here on, or from the end of what it
    /// heard last.
    pub(super) fn rest(&mut self, now: Instant, silent: bool) {
        match (silent && self.peer.as_ref().is_some_and(hears), &self.player) {
            _ if self.plays() => {}
            (true, None) => self.hear_player(now, What::Silence),
            (false, Some(_)) => {
                self.player = None;
                self.outgoing.interrupt();
            }
            _ => {}
        }
    }

    fn hear_player(&mut self, now: Instant, what: What) {
        let (due, first) = match self.player {
            Some(player) => (player.due, player.first),
            None => (self.free_at(now), true),
        };
        // Another voice begins here.
        let first = first || what != What::Silence;
        self.player = Some(Player { what, at: 0, due, first });
    }

    /// When the player has something to do.
    pub(super) fn player_due(&self) -> Option<Instant> {
        self.player.map(|player| player.due)
    }

    /// Of another peer's stream, the first packet is marked.
    pub(super) const fn mark_player(&mut self) {
        if let Some(player) = &mut self.player {
            player.first = true;
        }
    }

    /// The clip that has come to its end by now, once. The side is to be let [`rest`](Leg::rest) then.
    pub(super) fn take_played(&mut self, now: Instant) -> Option<ClipId> {
        match self.player {
            Some(Player { what: What::Over(clip), due, .. }) if due <= now => {
                self.stop();
                Some(clip)
            }
            _ => None,
        }
    }

    /// Writes the packet that is due: where it goes and how long it is. None when none is due, a key is told, it does not fit, or the
    /// peer is not to be sent any now; time passes all the same.
    pub(super) fn say(
        &mut self,
        now: Instant,
        clips: &dyn Clips,
        keypads: &Keypads<'_>,
        out: &mut [u8],
    ) -> Option<(SocketAddr, usize)> {
        if self.dials_at(keypads).is_some() {
            return None;
        }
        let player = self.player.as_mut().filter(|player| player.due <= now)?;
        let peer = self.peer.as_ref().filter(|peer| hears(peer));
        let millis = peer.map_or(USUAL, |peer| length(peer.profile.ptime));
        let (at, missed) = player.tick(now, millis);
        let len = HEADER.saturating_add(usize::from(millis).saturating_mul(MILLI));
        let packet = out.get_mut(..len)?;
        let (fixed, payload) = packet.split_first_chunk_mut::<HEADER>()?;
        player.fill(clips, peer.map_or(Law::Mu, |peer| peer.profile.send.law), payload);
        let Some(peer) = peer else {
            player.first = true;
            return None;
        };
        let marker = core::mem::take(&mut player.first) || missed;
        let samples = payload.len();
        *fixed = EMPTY_HEADER;
        let mut header = Header::parse(packet).ok()?;
        (header.seq, header.timestamp) = self.outgoing.next(at);
        header.ssrc = self.outgoing.ssrc();
        header.payload_type = peer.profile.send.payload_type;
        header.marker = marker;
        header.write(packet);
        self.sent.add(samples);
        Some((peer.rtp, len))
    }
}

impl Leg {
    /// What a packet of the player's says.
    pub(super) fn said<'p>(&self, packet: &'p [u8]) -> Option<Piece<'p>> {
        let header = Header::parse(packet).ok()?;
        let law = self.peer.as_ref()?.profile.send.law;
        let audio = packet.get(header.payload())?;
        Some(Piece { ssrc: header.ssrc, timestamp: header.timestamp, law, audio })
    }
}

impl Player {
    /// Goes on by a packet of so many milliseconds: the time that it belongs to, and whether some were missed before.
    fn tick(&mut self, now: Instant, millis: u8) -> (Instant, bool) {
        let packet = Duration::from_millis(millis.into());
        let late = now.since(self.due);
        let missed = late > LATE;
        if missed {
            let packets = late.as_micros().checked_div(packet.as_micros()).unwrap_or(0);
            self.due = self.due.after(packet.times(packets));
        }
        let at = self.due;
        self.due = at.after(packet);
        (at, missed)
    }

    /// Writes what comes next.
    fn fill(&mut self, clips: &dyn Clips, law: Law, out: &mut [u8]) {
        match self.what {
            What::Silence | What::Over(_) => out.fill(law.encode(0)),
            What::Play(Play::Tone { tone, country }) => {
                self.at = tone::write(tone, country, self.at, law, out);
            }
            What::Play(Play::Clip { clip, looped }) => {
                let audio = clips.audio(clip).unwrap_or_default();
                let end = self.copy(audio, looped, out);
                g711::transcode(Law::Mu, law, out);
                if end {
                    self.what = What::Over(clip);
                }
            }
        }
    }

    /// Copies what comes next of a clip; whether its end has come. Where a clip's end is inside a packet, its start
    /// follows, or silence.
    fn copy(&mut self, audio: &[u8], looped: bool, mut out: &mut [u8]) -> bool {
        loop {
            let at = usize::try_from(self.at).unwrap_or(usize::MAX);
            let rest = audio.get(at..).unwrap_or_default();
            let len = rest.len().min(out.len());
            let (now, later) = core::mem::take(&mut out).split_at_mut_checked(len).unwrap_or_default();
            now.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            self.at = self.at.saturating_add(u32::try_from(len).unwrap_or(u32::MAX));
            let over = len == rest.len();
            if over && looped {
                self.at = 0;
            }
            out = later;
            if out.is_empty() || audio.is_empty() || !looped {
                out.fill(Law::Mu.encode(0));
                return over && !looped;
            }
        }
    }
}

/// How many milliseconds of audio a peer is sent in a packet that wants so many.
const fn length(ptime: u8) -> u8 {
    match ptime {
        10 | 20 | 30 | 40 | 50 | MOST => ptime,
        _ => USUAL,
    }
}
