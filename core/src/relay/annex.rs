//! What streams share: room for what few of them need, and what they have to tell.

use super::Report;
use super::keys::{Keypads, Told};
use super::packer::Packers;
use super::security::Contexts;
use super::stream::Thirds;
use super::tape::Tapes;
use crate::reason::Counters;

pub(super) struct Annex<'s> {
    /// The legs that found no room in their stream.
    pub(super) thirds: Thirds<'s>,
    /// What some legs need to hear or to say keys.
    pub(super) keypads: Keypads<'s>,
    /// What protects the packets of some legs.
    pub(super) contexts: Contexts<'s>,
    /// Where audio waits for packets of another length.
    pub(super) packers: Packers<'s>,
    /// What is recorded.
    pub(super) tapes: Tapes<'s>,
    pub(super) told: Told,
    /// How often packets were dropped, and why.
    pub(super) counters: Counters,
    /// A packet has brought the stream that it went through something to say.
    pub(super) restless: bool,
}

impl Annex<'_> {
    /// The next key that waits to be reported.
    pub(super) fn next_digit(&mut self) -> Option<Report> {
        let (stream, side, digit, duration) = self.told.pop_front()?;
        Some(Report::Digit { stream, side, digit, duration })
    }
}
