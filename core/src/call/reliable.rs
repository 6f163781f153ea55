//! How far a leg has come with provisional responses that are sent reliably (RFC 3262).

use crate::memory::Chain;

use super::{Leg, LegState, Todo};

/// What a caller's INVITE says of reliable provisional responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Wish {
    /// Nothing: none may be sent to it.
    Unable,
    /// It supports them.
    Able,
    /// It requires them: every provisional response but 100 is one.
    Required,
}

/// The reliable provisional responses of a leg: those we send where we are the UAS, those we have acknowledged where
/// we are the UAC.
#[derive(Debug)]
pub struct Reliable {
    /// UAS: what the caller wants.
    pub(crate) wish: Wish,
    /// UAS: whether the PRACK of the latest one is awaited.
    pub(crate) awaited: bool,
    /// UAS: the RSeq of the latest one, 0 before the first.
    pub(crate) rseq: u32,
    /// UAS: the RSeq of the one that had our session description, 0 while none had.
    pub(crate) described: u32,
    /// UAC: the early dialogs and how far each has come, packed.
    pub(crate) dialogs: Chain,
    /// UAC: how many PRACKs have gone out since the leg's credentials were last made: they count on from these.
    pub(crate) ahead: u8,
}

impl Reliable {
    /// None was sent or heard, and none may be sent.
    pub(crate) const NONE: Self =
        Self { wish: Wish::Unable, awaited: false, rseq: 0, described: 0, dialogs: Chain::EMPTY, ahead: 0 };

    /// That of a caller who wants this.
    pub(crate) const fn wanted(wish: Wish) -> Self {
        Self { wish, ..Self::NONE }
    }

    /// Whether our session description went out with one of them: then it goes with no other response (RFC 6337
    /// section 3.1.1).
    pub(crate) const fn is_described(&self) -> bool {
        self.described != 0
    }
}

impl Leg {
    /// UAS: whether our session description goes with the response that is next.
    pub(crate) const fn describes_itself(&self) -> bool {
        let early = self.early || self.offered && matches!(self.reliable.wish, Wish::Required);
        match self.status {
            101..=199 => early && !self.reliable.is_described(),
            200..=299 => !self.reliable.is_described(),
            _ => false,
        }
    }

    /// UAS: whether the response that is next is a provisional one that is sent reliably. Where the caller leaves it to
    /// us, those are that carry our session description: without it nobody hears the other side, or hears it in the
    /// wrong codec, and nothing says it again before the answer. That it rings is worth no PRACK.
    pub(crate) const fn responds_reliably(&self) -> bool {
        101 <= self.status
            && self.status <= 199
            && match self.reliable.wish {
                Wish::Unable => false,
                Wish::Able => self.describes_itself(),
                Wish::Required => true,
            }
    }

    /// UAS: takes the next response, unless it has to wait for a PRACK: one provisional response is under way at a
    /// time, and a 2xx leaves after the session description has arrived (RFC 3262 sections 3 and 5).
    pub(crate) fn may_respond(&mut self) -> bool {
        let reliable = &self.reliable;
        let waits = reliable.awaited
            && match self.status {
                0..=199 => true,
                200..=299 => reliable.described == reliable.rseq,
                _ => false,
            };
        !waits && self.todo.take(Todo::RESPOND)
    }

    /// UAS: its latest provisional response has been acknowledged.
    pub(crate) fn provisional_arrived(&mut self) {
        self.reliable.awaited = false;
        if self.state == LegState::Proceeding {
            self.resend = None;
            self.todo.take(Todo::PROVISIONAL_AGAIN);
        }
    }
}
