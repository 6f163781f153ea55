//! What platforms ask of signalling, and what they are told.

use core::num::NonZeroU64;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::oneshot;
use warmline_core::reason::Reason;

use crate::desk::{Context, Kept};

/// Something that is asked for, and who waits for the answer.
#[derive(Debug)]
pub(crate) struct PlatformAsk {
    /// The name of the trunk that the platform speaks for.
    pub(crate) trunk: Arc<str>,
    pub(crate) wanted: Wanted,
    pub(crate) answer: oneshot::Sender<Result<Answer, Refusal>>,
}

/// What is asked for. A call is named by its id or by a SIP Call-ID of the platform's.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// How a call goes.
    Show { call: String },
    /// A call is to be handed over.
    HandOver { call: String, line: String, ticket: Option<NonZeroU64>, context: Box<Context>, kept: Kept },
    /// The agent has done what a call's caller wanted.
    Resolve { call: String, ticket: Option<NonZeroU64>, context: Box<Context> },
    /// A hand-over will be dialled, or referred to.
    Announce { line: String, caller: Option<String>, ticket: Option<NonZeroU64>, context: Box<Context> },
}

/// The answer.
#[derive(Debug)]
pub(crate) enum Answer {
    Call(Box<Call>),
    Invited(Invited),
}

/// Why there is none.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) why: Why,
    /// What whoever asked may do.
    pub(crate) detail: String,
}

/// Why something is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// As SIP would have it.
    Reason(Reason),
    /// No desk is there to be told what is reported.
    NoDesk,
    /// The platform's agent is not in the call any more.
    TooLate,
}

impl Why {
    /// Its name in logs, and the last part of a problem's type.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Reason(reason) => reason.code(),
            Self::NoDesk => "no-desk",
            Self::TooLate => "too-late",
        }
    }
}

/// How a call goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Call {
    /// The value of `X-Warmline-Call`.
    pub(crate) id: String,
    /// The Call-ID of the INVITE, where a platform sent it.
    pub(crate) sip_call_id: Option<String>,
    /// `waiting`, `talking` or `ended`.
    pub(crate) state: &'static str,
    pub(crate) line: String,
    pub(crate) caller: Option<String>,
    pub(crate) ticket: Option<u64>,
    /// In UTC, as all times are: `2026-11-29T13:45:02Z`.
    pub(crate) started: String,
    pub(crate) answered: Option<String>,
    pub(crate) ended: Option<String>,
    /// Why it ended.
    pub(crate) reason: Option<String>,
    pub(crate) outcome: Option<&'static str>,
    /// The latest; none where it was not handed over.
    pub(crate) handover: Option<HandOver>,
}

/// How a hand-over goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct HandOver {
    /// What it was announced as; none where it was not.
    pub(crate) id: Option<String>,
    pub(crate) line: String,
    /// `requested`, `ticketed`, `ringing`, and at last its outcome.
    pub(crate) state: &'static str,
    pub(crate) requested: String,
}

/// What is given for an announcement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Invited {
    pub(crate) id: String,
    pub(crate) sip_uri: String,
    pub(crate) expires: String,
}
