//! What is to happen while a caller stays on a line with a plan.

use crate::plan::Answer;

/// What a target does when it is rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// How it answers.
    pub answer: Answer,
    /// How many milliseconds after that it hangs up; none where it stays.
    pub stays: Option<u64>,
}

/// A hand-over that the platform asks for by another way than REFER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handed {
    /// How many milliseconds after the caller's INVITE.
    pub after: u64,
    /// To which line.
    pub line: &'static str,
    /// The ticket that the platform has made.
    pub ticket: Option<u64>,
}

/// One caller's stay on lines with plans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visit {
    /// What each of the setting's targets does, in its place: when it is rung for the first time, for the second, and at
    /// last again and again.
    pub manners: Vec<Vec<Manner>>,
    /// The keys that the caller presses: how many milliseconds after its INVITE, and their codes.
    pub keys: Vec<(u64, u8)>,
    /// What the host says when it is asked for a ticket, and how many milliseconds later.
    pub tickets: Vec<(u64, Option<u64>)>,
    /// Whether the platform hands the call over by itself.
    pub handed: Option<Handed>,
}
