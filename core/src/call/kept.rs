//! What a call is after a restart: as it is, or as it was before it was handed over.

use crate::config::{LineIndex, TargetIndex};

use super::{Call, LegId, Outcome, Progress, Stage};

/// Who talks in a call after a restart, and how it came to that.
pub(crate) struct Kept {
    pub(crate) legs: [Option<LegId>; 2],
    pub(crate) line: LineIndex,
    pub(crate) target: Option<TargetIndex>,
    pub(crate) outcome: Option<Outcome>,
}

impl Call {
    /// Whether it was handed over, and nobody has taken it yet.
    pub(crate) const fn is_handed_over(&self) -> bool {
        matches!(self.transfer.stage, Stage::Ringing) && !matches!(self.progress, Progress::Ended(_))
    }

    /// What is kept of it: whoever handed it over has its caller back.
    pub(crate) const fn kept(&self) -> Kept {
        let Self { anchor, called, line, target, outcome, .. } = *self;
        if !self.is_handed_over() {
            return Kept { legs: [anchor, called], line, target, outcome };
        }
        let before = &self.transfer;
        Kept {
            legs: [before.anchor, before.called],
            line: before.line,
            target: before.target,
            outcome: Some(Outcome::Returned),
        }
    }
}
