//! A call that is being transferred: who asked for that, what to go back to, and what the one who asked is told.

use crate::config::{LineIndex, TargetIndex, TrunkIndex};
use crate::memory::Chain;

use super::{CallId, LegId};

/// How far a transfer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// There is none.
    None,
    /// The line that the referrer named is rung. The referrer may have hung up meanwhile.
    Ringing,
    /// That failed when the referrer was gone already: its trunk's `return_to` is rung.
    Returning,
    /// The other party of the referrer's other call is on its way into this one.
    Fetching,
    /// The other party of this call is on its way into the referrer's other one.
    Lending,
    /// It has gone there, and the referrer has yet to leave.
    Lent,
    /// A queue has answered, and it is not certain yet that somebody is there.
    Settling,
    /// It is done, and the referrer has yet to leave.
    Leaving,
}

/// Whether a leg is on its way into another call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// It is not.
    None,
    /// It is. Its peer is told a port of that call's by re-INVITE; 0 as long as that is not under way.
    To {
        /// The call.
        call: CallId,
        /// The port.
        port: u16,
    },
    /// It was, and the re-INVITE may still be accepted: then its peer is told its old port again.
    Back,
}

impl Move {
    /// Whether its peer is being told so, or was.
    pub(crate) const fn is_told(self) -> bool {
        matches!(self, Self::To { port: 1.., .. })
    }
}

/// A call's transfer.
#[derive(Debug)]
pub struct Transfer {
    pub(crate) stage: Stage,
    /// Who asked for it, as long as its leg is there, and its trunk.
    pub(crate) referrer: Option<LegId>,
    /// The leg in whose dialog the REFER came: the referrer's, or one for that alone.
    pub(crate) told: Option<LegId>,
    pub(crate) trunk: TrunkIndex,
    /// Who was bridged before, and what the called one had been rung by.
    pub(crate) anchor: Option<LegId>,
    pub(crate) called: Option<LegId>,
    pub(crate) line: LineIndex,
    pub(crate) target: Option<TargetIndex>,
    /// The leg that is on its way from one call into another.
    pub(crate) moved: Option<LegId>,
    /// What the INVITEs say of a dialog that is not ours and is to be replaced there: whole header fields.
    pub(crate) replaces: Chain,
}

impl Transfer {
    /// None.
    pub(crate) const NONE: Self = Self {
        stage: Stage::None,
        referrer: None,
        told: None,
        trunk: TrunkIndex(u16::MAX),
        anchor: None,
        called: None,
        line: LineIndex(u16::MAX),
        target: None,
        moved: None,
        replaces: Chain::EMPTY,
    };

    /// Whether somebody is rung for it, or about to be.
    pub(crate) const fn is_ringing(&self) -> bool {
        matches!(self.stage, Stage::Ringing | Stage::Returning)
    }

    /// Whether it is neither done nor given up.
    pub(crate) const fn is_under_way(&self) -> bool {
        self.is_ringing() || self.is_between_calls()
    }

    /// Whether somebody is on the way from one call into another: until then who talks, talks on.
    pub(crate) const fn is_between_calls(&self) -> bool {
        matches!(self.stage, Stage::Fetching | Stage::Lending)
    }
}

/// What the relay has of one place of a call's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nothing.
    Free,
    /// It is to be asked to open it.
    Join,
    /// It was asked to open it.
    Joining,
    /// It is open.
    Open,
    /// It is to be asked to close it.
    Part,
    /// It was asked to close it.
    Parting,
}

/// What a referrer is told of its transfer: the subscription that its REFER made (RFC 3515). NOTIFYs go one at a time;
/// what is overtaken is not told, but the end always is.
#[derive(Clone, Copy, Debug)]
pub struct Notifier {
    /// The CSeq number of the REFER.
    cseq: u32,
    /// The status to be told next; 0 for none.
    due: u16,
    /// Whether there was another REFER in this dialog before, so that this one is told by its number.
    numbered: bool,
    state: State,
    /// Whether a NOTIFY waits for its response.
    busy: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody has subscribed yet.
    Never,
    /// It goes on.
    Active,
    /// The end is to be told.
    Ending,
    /// It has ended.
    Over,
}

impl Notifier {
    /// Nobody has subscribed.
    pub(crate) const NONE: Self = Self { cseq: 0, due: 0, numbered: false, state: State::Never, busy: false };

    /// A REFER with this number is accepted; it subscribes unless it says otherwise.
    pub(crate) fn begin(&mut self, cseq: u32, subscribes: bool) {
        let numbered = self.state != State::Never;
        let state = if subscribes { State::Active } else { State::Over };
        *self = Self { cseq, due: 0, numbered, state, busy: self.busy };
    }

    /// There is this to tell. Whether a NOTIFY can leave at once.
    pub(crate) fn tell(&mut self, status: u16) -> bool {
        if self.state != State::Active {
            return false;
        }
        if status >= 200 {
            self.state = State::Ending;
        }
        self.due = status;
        !self.busy
    }

    /// What the NOTIFY says that leaves now, and whether it is the last one.
    pub(crate) fn take(&mut self) -> Option<(u16, bool)> {
        if self.busy || self.due == 0 {
            return None;
        }
        self.busy = true;
        let last = self.state == State::Ending;
        if last {
            self.state = State::Over;
        }
        Some((core::mem::take(&mut self.due), last))
    }

    /// The NOTIFY that was out had its response, `heard` or not. Whether another can leave.
    pub(crate) fn done(&mut self, heard: bool) -> bool {
        self.busy = false;
        if !heard {
            self.stop();
        }
        self.due != 0
    }

    /// Nobody is told anything more.
    pub(crate) fn stop(&mut self) {
        self.due = 0;
        if self.state != State::Never {
            self.state = State::Over;
        }
    }

    /// Whether a NOTIFY is out.
    pub(crate) const fn is_busy(&self) -> bool {
        self.busy
    }

    /// Whether something is still to be told.
    pub(crate) const fn is_active(&self) -> bool {
        matches!(self.state, State::Active | State::Ending)
    }

    /// The number of the REFER, where it is told by that (RFC 3515 section 2.4.6).
    pub(crate) const fn id(&self) -> Option<u32> {
        if self.numbered { Some(self.cseq) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_the_end_last() {
        let mut notifier = Notifier::NONE;
        assert!(!notifier.tell(100), "nobody has subscribed");
        notifier.begin(7, true);
        assert_eq!(notifier.id(), None);
        assert!(notifier.tell(100));
        assert_eq!(notifier.take(), Some((100, false)));
        // What comes while it is out waits, and only the latest is told.
        assert!(!notifier.tell(180) && !notifier.tell(183) && !notifier.tell(200));
        assert!(!notifier.tell(486), "there is one end");
        assert_eq!(notifier.take(), None);
        assert!(notifier.done(true));
        assert_eq!(notifier.take(), Some((200, true)));
        assert!(!notifier.done(true) && !notifier.tell(100) && !notifier.is_active());
        notifier.begin(9, true);
        assert_eq!(notifier.id(), Some(9));
    }

    #[test]
    fn who_does_not_answer_is_not_told() {
        let mut notifier = Notifier::NONE;
        notifier.begin(1, true);
        notifier.tell(100);
        notifier.take();
        notifier.tell(180);
        assert!(!notifier.done(false) && !notifier.tell(200) && !notifier.is_active());
        notifier.begin(2, false);
        assert!(!notifier.tell(100) && !notifier.is_active());
    }
}
