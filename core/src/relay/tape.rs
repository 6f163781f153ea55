//! Recording: a copy of what one side of a stream says and hears, each piece with its place in time.
//!
//! Audio waits in a ring until the host takes it, so that nobody waits for a recorder; what finds no room is left out and
//! counted. A relay without storage for this, as on a board, records nothing.

use super::{StreamId, samples};
use crate::g711::Law;
use crate::memory::{Id, Pool};
use crate::rtp::Timestamp;
use crate::time::Instant;

/// The two halves of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Channel {
    /// What the side says.
    Says,
    /// What it hears, whoever says or plays it.
    Hears,
}

/// The most audio in one piece, in bytes: a packet of 60 ms.
const MOST: usize = 480;

/// How far a source's timestamps may lead from the clock, in samples: half a second. They keep order and gaps as they
/// were; beyond that it is the clock that counts.
const MAX_DRIFT: u64 = 4_000;

/// A recording, in its place in [`Storage::tapes`](super::Storage::tapes).
pub struct Tape {
    stream: StreamId,
    began: Instant,
    says: Option<Anchor>,
    hears: Option<Anchor>,
}

/// The packet of a source that came last, and its place.
#[derive(Clone, Copy)]
struct Anchor {
    ssrc: u32,
    timestamp: Timestamp,
    position: u64,
}

/// A piece of recorded audio, and storage for one.
#[derive(Clone, Debug)]
pub struct Taped {
    stream: StreamId,
    channel: Channel,
    position: u64,
    law: Law,
    len: u16,
    audio: [u8; MOST],
}

impl Taped {
    /// Nothing.
    pub const EMPTY: Self = Self {
        stream: StreamId { index: 0, generation: 0 },
        channel: Channel::Says,
        position: 0,
        law: Law::Mu,
        len: 0,
        audio: [0; MOST],
    };

    /// The stream that it is of.
    pub const fn stream(&self) -> StreamId {
        self.stream
    }

    /// Which half of the recording it belongs to.
    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// Its place: samples of 1/8000 s since the recording began. What is left out between two pieces is silence; a piece
    /// may come after a later one.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// How [`Taped::audio`] is coded.
    pub const fn law(&self) -> Law {
        self.law
    }

    /// A byte for each sample.
    pub fn audio(&self) -> &[u8] {
        self.audio.get(..self.len.into()).unwrap_or_default()
    }
}

/// What is recorded, and what of it waits.
pub(super) struct Tapes<'s> {
    tapes: Pool<'s, Tape>,
    ring: &'s mut [Taped],
    first: usize,
    waiting: usize,
    lost: u64,
}

/// Audio as it came.
pub(super) struct Piece<'a> {
    pub(super) ssrc: u32,
    pub(super) timestamp: Timestamp,
    pub(super) law: Law,
    pub(super) audio: &'a [u8],
}

impl<'s> Tapes<'s> {
    pub(super) fn new(tapes: Pool<'s, Tape>, ring: &'s mut [Taped]) -> Self {
        Self { tapes, ring, first: 0, waiting: 0, lost: 0 }
    }

    /// Begins a recording; none when there is no room for one.
    pub(super) fn begin(&mut self, now: Instant, stream: StreamId) -> Option<Id<Tape>> {
        self.tapes.insert(Tape { stream, began: now, says: None, hears: None }).ok()
    }

    pub(super) fn end(&mut self, tape: Id<Tape>) {
        self.tapes.remove(tape);
    }

    /// Records what came at `now`.
    pub(super) fn put(&mut self, now: Instant, tape: Id<Tape>, channel: Channel, piece: &Piece<'_>) {
        let Some(tape) = self.tapes.get_mut(tape) else { return };
        let (stream, mut position) = (tape.stream, tape.place(now, channel, piece));
        for audio in piece.audio.chunks(MOST) {
            let place = self.first.saturating_add(self.waiting).checked_rem(self.ring.len());
            let room = place.filter(|_| self.waiting < self.ring.len());
            match room.and_then(|place| self.ring.get_mut(place)) {
                Some(taped) => {
                    (taped.stream, taped.channel, taped.position) = (stream, channel, position);
                    (taped.law, taped.len) = (piece.law, audio.len() as u16);
                    taped.audio.iter_mut().zip(audio).for_each(|(to, from)| *to = *from);
                    self.waiting = self.waiting.saturating_add(1);
                }
                None => self.lost = self.lost.saturating_add(1),
            }
            position = position.saturating_add(audio.len() as u64);
        }
    }

    /// The piece that waits longest.
    pub(super) fn take(&mut self) -> Option<&Taped> {
        self.waiting = self.waiting.checked_sub(1)?;
        let place = self.first;
        self.first = place.saturating_add(1).checked_rem(self.ring.len()).unwrap_or(0);
        self.ring.get(place)
    }

    /// How many recordings there are.
    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.tapes.len()
    }

    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }
}

impl Tape {
    /// Where a piece belongs: by its source's timestamps, as long as those go as the clock does.
    fn place(&mut self, now: Instant, channel: Channel, piece: &Piece<'_>) -> u64 {
        let clock = samples(now.since(self.began));
        let anchor = match channel {
            Channel::Says => &mut self.says,
            Channel::Hears => &mut self.hears,
        };
        let last = anchor.filter(|anchor| anchor.ssrc == piece.ssrc);
        let follows = last.and_then(|last| {
            let ahead = piece.timestamp.since(last.timestamp);
            let position = last.position.checked_add_signed(ahead.into())?;
            (position.abs_diff(clock) <= MAX_DRIFT).then_some((position, ahead > 0))
        });
        let (position, newest) = follows.unwrap_or((clock, true));
        if newest {
            *anchor = Some(Anchor { ssrc: piece.ssrc, timestamp: piece.timestamp, position });
        }
        position
    }
}
