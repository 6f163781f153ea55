//! What a row says: by which door, with what, how the account is, and what becomes of it.

use core::fmt;

/// The ticket that a call brings.
pub(crate) const BROUGHT: u64 = 1_001;

/// How the call comes to the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// (a): the platform calls it.
    Dials,
    /// The same, of a caller whom a carrier's call has brought to the agent, and that call goes on.
    DialsBack,
    /// (b): the agent refers its caller there.
    Refers,
    /// (c): the platform asks for it.
    Asks,
}

/// What it brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Brings {
    Nothing,
    Ticket,
    Malformed,
    Closed,
    /// One that is not there.
    Unknown,
}

/// How the account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    Quick,
    /// 300 ms for each request.
    Slow,
    /// Tickets are made, and it is said so when it is too late.
    TooSlow,
    /// It says nothing as long as there is a call.
    Dead,
    /// 429 once, with so many seconds to wait: fewer than a caller may, or more.
    TooMany(u64),
    /// The token has ended.
    Expired,
    /// 500 once, or as long as there is a call.
    Broken,
    Down,
}

impl Account {
    /// How long a caller may wait for it: where it is too late or away, for less than that takes; else for as long as a
    /// machine may need that has much to do.
    pub(crate) const fn budget(self) -> &'static str {
        match self {
            Self::TooSlow | Self::Dead | Self::TooMany(5..) | Self::Down => "2s",
            Self::Quick | Self::Slow | Self::TooMany(_) | Self::Expired | Self::Broken => "10s",
        }
    }
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Person,
    /// The same, and the agent does not hang up.
    AgentStays,
    Queue,
    /// The queue hangs up so soon that nobody was there.
    Unserved,
    /// Nobody answers.
    Nobody(Then),
    /// The line is closed.
    Closed(Then),
    Full,
    /// A key leads to voicemail.
    Key,
    /// The caller hangs up.
    CallerLeaves(During),
    /// The agent hangs up: before the hand-over, or while it is under way, and a person takes the caller or nobody does.
    AgentLeavesBefore,
    AgentLeavesAndPerson,
    AgentLeavesAndNobody,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Return,
    /// The same, of a call that was answered.
    ReturnAnswered,
    Voicemail,
    Overflow,
    Goodbye,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum During {
    Ringing,
    Waiting,
    Settling,
    Queued,
    Talk,
    Prompt,
    Goodbye,
    Return,
}

/// Whose ticket it is in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The one that it brought.
    Brought,
    /// One that was made in time, and that Zendesk was told.
    Made,
    /// One that was made in time, and nobody was rung who could be told.
    MadeUntold,
    /// One that was made after the call.
    Afterwards,
    /// The same, though it was passed on with one of no use.
    InPlaceOfUseless,
    /// Talk's own.
    Talks,
    /// Talk's own, in which ours has ended that came too late.
    Merged,
    /// There is none: nothing was handed over.
    None,
}

/// A row.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) door: Door,
    pub(crate) brings: Brings,
    pub(crate) account: Account,
    pub(crate) end: End,
    pub(crate) outcome: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) way: Way,
}

/// The same as it stands in the table.
pub(crate) type Line = (Door, Brings, Account, End, &'static str, &'static str, Way);

impl Row {
    pub(crate) const fn of((door, brings, account, end, outcome, reason, way): Line) -> Self {
        Self { door, brings, account, end, outcome, reason, way }
    }

    /// How many calls there are in it.
    pub(crate) fn calls(self) -> usize {
        if self.door == Door::DialsBack || self.end == End::Full { 2 } else { 1 }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {:?}, {:?}, {:?}", self.door, self.brings, self.account, self.end)
    }
}
