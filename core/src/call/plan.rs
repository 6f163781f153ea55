//! What a line has in mind for a caller for whom nobody has answered yet.

use crate::clip::ClipId;
use crate::config::TargetIndex;
use crate::reason::Reason;

/// How far a line's plan has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The call has yet to come to its line.
    New,
    /// Whom the line rings are rung, one after the other.
    Rings,
    /// Somebody else is rung in their place.
    Instead(TargetIndex),
    /// Nobody has taken the call: whoever the caller goes back to is rung.
    Back(TargetIndex),
    /// Nobody is: the caller hears this, and the call ends for that reason.
    Goodbye(ClipId, Reason),
    /// Nobody is: the caller leaves a message.
    Message,
}

impl Plan {
    /// Whether there may be somebody to ring still.
    pub(crate) const fn rings(self) -> bool {
        matches!(self, Self::New | Self::Rings | Self::Instead(_) | Self::Back(_))
    }
}

/// What became of a call that somebody was to take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Outcome {
    /// Somebody took it.
    Connected,
    /// It was taken into a queue elsewhere; more is not known of it.
    Queued,
    /// The caller went back to where the call came from.
    Returned,
    /// The caller left a message.
    Voicemail,
    /// Somebody else took it whom the line rings in their place.
    Overflowed,
    /// The caller hung up before that.
    Abandoned,
    /// None of these.
    Failed,
    /// There was nothing to take over: the AI agent has done what the caller wanted.
    Resolved,
}

impl Outcome {
    /// Each of them, as records number them.
    pub const ALL: [Self; 8] = [
        Self::Connected,
        Self::Queued,
        Self::Returned,
        Self::Voicemail,
        Self::Overflowed,
        Self::Abandoned,
        Self::Failed,
        Self::Resolved,
    ];

    /// Its name in records and logs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Queued => "queued",
            Self::Returned => "returned",
            Self::Voicemail => "voicemail",
            Self::Overflowed => "overflowed",
            Self::Abandoned => "abandoned",
            Self::Failed => "failed",
            Self::Resolved => "resolved",
        }
    }
}
