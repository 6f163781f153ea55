//! What is to happen in one call.

use std::borrow::Cow;

use crate::door::Challenge;
use crate::visit::Visit;

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The AI agent's platform.
    Ai,
    /// A carrier.
    Carrier,
    /// A telephone, which proves that it is its trunk's user. The setting must have such a trunk.
    Phone,
}

/// By what an INVITE names the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// By From.
    From,
    /// By P-Asserted-Identity, which is believed of the carrier; From names somebody else.
    Asserted,
    /// By `X-Caller`, which is the AI platform's header for it; From names somebody else.
    Header,
}

/// What a target does with its INVITE. Times are in milliseconds from the INVITE's arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Rings, and answers after so long.
    After(u64),
    /// Answers at once without any provisional response.
    AtOnce,
    /// Sends early media, and answers after so long.
    EarlyMedia(u64),
    /// Refuses with this status after so long.
    Refuse(u16, u64),
    /// Says nothing at all.
    Silence,
    /// Rings for ever, and lets itself be cancelled.
    Ring,
    /// Rings for ever, and answers when it is cancelled: its 200 crosses the CANCEL.
    AnswerWhenCancelled,
    /// Rings for ever, takes a CANCEL, and never sends the 487.
    ForgetWhenCancelled,
    /// Says 100 and no more.
    Trying,
    /// Answers with a description that shares no codec.
    WrongCodec,
    /// Says nothing for so long, and then answers without any provisional response.
    Late(u64),
    /// Says nothing for so long, and then rings for ever and lets itself be cancelled.
    LateRing(u64),
    /// Refuses what Zendesk refuses, and answers anything else after so long.
    Zendesk(u64),
}

/// What a caller's INVITE says of reliable provisional responses (RFC 3262).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Nothing.
    Unable,
    /// It supports them.
    Able,
    /// It requires them.
    Required,
}

/// How provisional responses are sent on both legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reliable {
    /// What the caller wants.
    pub caller: Wish,
    /// Whether the caller never sends a PRACK.
    pub mute: bool,
    /// Whether targets send theirs reliably, and after early media no description with the answer.
    pub target: bool,
    /// Whether targets ring once more after their early media.
    pub rings_late: bool,
    /// Whether targets offer anew, by UPDATE, once it is acknowledged that the answer in their early media has arrived.
    pub updates: bool,
}

impl Reliable {
    /// Nothing is sent reliably.
    pub const NONE: Self =
        Self { caller: Wish::Unable, mute: false, target: false, rings_late: false, updates: false };
}

/// How a call ends. Times are in milliseconds: from the answer, or for a cancel from the INVITE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The caller hangs up.
    Caller(u64),
    /// The target hangs up.
    Target(u64),
    /// Both hang up at once.
    Both(u64),
    /// The caller cancels, or hangs up when the answer was faster.
    Cancel(u64),
    /// The caller never acknowledges, and never hangs up.
    NoAck,
    /// The caller says BYE with a CSeq of the past first.
    WrongCSeq(u64),
}

/// What happens in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// Nothing.
    None,
    /// The caller holds the call, and takes it back.
    CallerHolds,
    /// The target holds the call, and takes it back.
    TargetHolds,
    /// The caller sends a re-INVITE without an offer.
    CallerAsks,
    /// The caller adds a video section.
    CallerAddsVideo,
    /// The caller holds the call in this way, and takes it back, both by UPDATE where it is said so.
    CallerHoldsAs(Hold, bool),
    /// The same by the target.
    TargetHoldsAs(Hold, bool),
}

/// What somebody says of SRTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crypto {
    /// Nothing, and takes none.
    None,
    /// It offers it beside plain RTP, and takes either.
    Beside,
    /// It wants nothing else.
    Instead,
}

/// How a call is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// a=sendonly.
    SendOnly,
    /// a=inactive.
    Inactive,
    /// a=recvonly.
    RecvOnly,
    /// c=0.0.0.0, as RFC 2543 has it.
    NoAddress,
}

impl Hold {
    /// Every way.
    pub const ALL: [Self; 4] = [Self::SendOnly, Self::Inactive, Self::RecvOnly, Self::NoAddress];

    /// Turns a description that holds nothing into one that does.
    pub(crate) fn hold(self, description: &str) -> String {
        match self {
            Self::SendOnly => description.replace("a=sendrecv", "a=sendonly"),
            Self::Inactive => description.replace("a=sendrecv", "a=inactive"),
            Self::RecvOnly => description.replace("a=sendrecv", "a=recvonly"),
            Self::NoAddress => {
                let line = description.lines().find(|line| line.starts_with("c=")).unwrap_or_default();
                description.replace(line, "c=IN IP4 0.0.0.0")
            }
        }
    }

    /// The direction that answers it.
    pub(crate) const fn answered(self) -> &'static str {
        match self {
            Self::SendOnly => "recvonly",
            Self::Inactive => "inactive",
            Self::RecvOnly => "sendonly",
            Self::NoAddress => "sendrecv",
        }
    }
}

/// A peer that demands a session timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// Seconds.
    pub interval: u32,
    /// Whether Warmline is to refresh, or the peer does.
    pub we_refresh: bool,
    /// Whether it takes UPDATE, and refreshes by that.
    pub updates: bool,
    /// Whether it sends an INVITE of its own whenever it expects ours.
    pub meets: bool,
    /// Whether it dies 2 s after the session began.
    pub dies: bool,
}

impl Timers {
    /// A timer of so many seconds, that Warmline refreshes by re-INVITE.
    pub const fn of(interval: u32) -> Self {
        Self { interval, we_refresh: true, updates: false, meets: false, dies: false }
    }
}

/// Who asks for a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refers {
    /// The caller, which is the AI agent's platform.
    Caller,
    /// The target, which is.
    Target,
}

/// A transfer by REFER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Who asks for it.
    pub by: Refers,
    /// How many milliseconds after the answer.
    pub after: u64,
    /// What Refer-To says.
    pub to: Cow<'static, str>,
    /// Whether that is a dialog of another call's.
    pub attended: bool,
    /// Further lines of the REFER.
    pub lines: &'static str,
    /// The ticket that it brings, so that whoever is rung must hear of it.
    pub ticket: Option<u64>,
    /// What whoever is rung for it does.
    pub answer: Answer,
    /// Whether the referrer hangs up so many milliseconds after its REFER was accepted, and does not wait until it is
    /// told how it went.
    pub leaves: Option<u64>,
    /// Whether it hangs up when the transfer is done, or waits until we do.
    pub polite: bool,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Who calls.
    pub from: From,
    /// What is dialled: the user part of the Request-URI.
    pub dial: &'static str,
    /// The value of `X-Zendesk-Ticket-Id` that the caller brings.
    pub ticket: Option<u64>,
    /// Further lines of the caller's INVITE.
    pub lines: String,
    /// Whether the caller offers in its INVITE, or in the end answers in its ACK.
    pub offers: bool,
    /// The caller's formats.
    pub formats: Vec<u8>,
    /// The target's one format, beside telephone-events.
    pub format: u8,
    /// What each target does, in the order they are rung.
    pub answers: Vec<Answer>,
    /// What the further branches do of a fork that an INVITE to `support` becomes, unless its first branch says nothing
    /// at all or refuses. What that one does is in `answers`, or in `others`.
    pub forks: Vec<Answer>,
    /// What the further addresses of `support` do.
    pub others: Vec<Answer>,
    /// How it ends.
    pub ending: Ending,
    /// What happens in between.
    pub refresh: Refresh,
    /// How provisional responses are sent.
    pub reliable: Reliable,
    /// The session timers that the caller and the target demand.
    pub timers: [Option<Timers>; 2],
    /// Whether the caller's INVITE arrives a second time with another branch.
    pub merged: bool,
    /// Whether the caller is behind a proxy that records itself.
    pub proxied: bool,
    /// Whether the caller withholds the number. It must be the world's first call, or have a ticket of its own: nothing
    /// else tells which one it is.
    pub anonymous: bool,
    /// By what its INVITE names the caller.
    pub who: Who,
    /// Whether the caller is at the end of a connection: its messages arrive once each, in their order, unless the
    /// connection is lost with what is under way on it. The setting must listen for connections.
    pub connected: bool,
    /// How many milliseconds after the answer that connection is lost.
    pub cut: Option<u64>,
    /// The chance, in 10,000, that it is lost when something is sent over it.
    pub cuts: u64,
    /// How the target asks who we are. The setting's trunk must have credentials.
    pub challenge: Option<Challenge>,
    /// Whether somebody asks for a transfer.
    pub transfer: Option<Transfer>,
    /// The call in which the caller, which is the AI agent's platform, takes the place of that platform's own leg, by an
    /// INVITE with Replaces: then this is no call of its own.
    pub replaces: Option<usize>,
    /// What the caller and the targets say of SRTP.
    pub crypto: [Crypto; 2],
    /// What happens on lines with plans; the setting must have them. It says what those do who are rung, in place of
    /// `answers`, `others` and what a transfer's `answer` says.
    pub visit: Option<Visit>,
}

impl Plan {
    /// A call that its AI agent transfers to `support` after 2 s: it has called, or was called by the carrier's `agent`.
    pub fn transferred(by: Refers) -> Self {
        let transfer = Transfer {
            by,
            after: 2_000,
            to: "<sip:support@sbc.example.com>".into(),
            attended: false,
            lines: "",
            ticket: None,
            answer: Answer::After(1_500),
            leaves: None,
            polite: true,
        };
        let (from, dial, ending) = match by {
            Refers::Caller => (From::Ai, "support", Ending::Target(20_000)),
            Refers::Target => (From::Carrier, "agent", Ending::Caller(20_000)),
        };
        Self { from, dial, ending, transfer: Some(transfer), ..Self::plain() }
    }

    /// A plain call from the AI agent's platform.
    pub fn plain() -> Self {
        Self {
            from: From::Ai,
            dial: "support",
            ticket: Some(35436),
            lines: String::new(),
            offers: true,
            formats: vec![0, 8, 101],
            format: 8,
            answers: vec![Answer::After(1_500)],
            forks: Vec::new(),
            others: Vec::new(),
            ending: Ending::Caller(3_000),
            refresh: Refresh::None,
            reliable: Reliable::NONE,
            timers: [None; 2],
            merged: false,
            proxied: false,
            anonymous: false,
            who: Who::From,
            connected: false,
            cut: None,
            cuts: 0,
            challenge: None,
            transfer: None,
            replaces: None,
            crypto: [Crypto::None; 2],
            visit: None,
        }
    }
}
