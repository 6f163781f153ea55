//! One dialog of a call, and what it has waiting to leave.

use crate::config::{TargetIndex, TrunkIndex};
use crate::dialog::Dialog;
use crate::memory::{Chain, Id};
use crate::reason::Reason;
use crate::relay::Side;
use crate::sdp::{Agreed, Keys};
use crate::time::{Duration, Instant};
use crate::transaction::TransactionId;
use crate::transport::Path;

use super::{Authentication, CallId, Move, Notifier, Reliable, SessionTimer, Todo};

/// Names a leg.
pub type LegId = Id<Leg>;

/// How far a leg has come: the caller's leg (we are the UAS) begins Proceeding, a target's leg (we are the UAC)
/// begins Calling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum LegState {
    /// UAC: the INVITE is out, or about to be, and nothing came back.
    Calling,
    /// A provisional response passed, or may.
    Proceeding,
    /// UAC: nobody wants the answer any more. A CANCEL goes out as soon as something has come back (9.1).
    Cancelling {
        /// Whether it went out.
        sent: bool,
    },
    /// UAS: a 2xx went out; its ACK is awaited.
    Accepted {
        /// Whether a BYE follows as soon as it came: a callee may not send one sooner (15).
        ending: bool,
    },
    /// Both sides know of the dialog.
    Confirmed,
    /// Our BYE is out.
    Terminating,
    /// No INVITE made it: it was made by a REFER outside its call's dialogs, and is there to tell how that goes.
    Subscribed,
    /// Nothing more is sent or expected, but for stragglers.
    Terminated,
}

/// A 2xx that is repeated until its ACK comes (13.3.1.4), or a provisional response until its PRACK (RFC 3262).
#[derive(Clone, Copy, Debug)]
pub struct Resend {
    /// When next.
    pub at: Instant,
    /// How long after the last time.
    pub interval: Duration,
    /// When nobody believes in an ACK or PRACK any more.
    pub give_up_at: Instant,
}

/// One dialog of a call.
#[derive(Debug)]
pub struct Leg {
    pub(crate) call: CallId,
    /// The call's next leg.
    pub(crate) next: Option<LegId>,
    /// Whether it called us (A: we are the UAS of its INVITE) or was called by us (B: we are the UAC).
    pub(crate) side: Side,
    /// Its place in the call's stream.
    pub(crate) place: Side,
    pub(crate) trunk: TrunkIndex,
    /// Whom it rings; for the caller's leg without meaning.
    pub(crate) target: TargetIndex,
    /// Whether it is rung beside the called one.
    pub(crate) beside: bool,
    /// What is known of the trunk's user who it is: a key; 0 where the trunk has none, or since a restart.
    pub(crate) user: u64,
    /// Where its requests go.
    pub(crate) path: Path,
    /// UAS: where the responses to its INVITE go.
    pub(crate) reply_path: Path,
    /// UAS: the key of its INVITE in the index of dialogs.
    pub(crate) merged: Option<u64>,
    pub(crate) state: LegState,
    pub(crate) todo: Todo,
    pub(crate) dialog: Dialog,
    /// UAC: the branch of its INVITE, which a CANCEL shares.
    pub(crate) branch: u64,
    /// UAC: a hash of the peer's tag in the early dialog that spoke last; 0 before there was one.
    pub(crate) early_tag: u32,
    /// What became of the peer's challenges.
    pub(crate) authentication: Authentication,
    /// How far it has come with reliable provisional responses.
    pub(crate) reliable: Reliable,
    /// Why it was ended while its call went on.
    pub(crate) why: Option<Reason>,
    /// UAS: its INVITE, while it is not answered.
    pub(crate) invite: Option<TransactionId>,
    /// UAS: what responses to its INVITE copy from it.
    pub(crate) echo: Option<Chain>,
    /// UAS: the status to respond with.
    pub(crate) status: u16,
    /// UAS: whether a session description goes with the next provisional response.
    pub(crate) early: bool,
    /// UAS: the 2xx, until its ACK comes.
    pub(crate) answer: Option<Chain>,
    pub(crate) resend: Option<Resend>,
    /// The CSeq number of the INVITE whose ACK is awaited, or on its way to be.
    pub(crate) invited: u32,
    /// Whether our session description offers, so that the peer's answer comes with its ACK.
    pub(crate) offered: bool,
    /// What was agreed on with the peer.
    pub(crate) agreed: Option<Agreed>,
    /// What it says of SRTP, and what its keys are made of; none where it says nothing.
    pub(crate) keys: Option<Keys>,
    /// Whether it was told that its audio comes from elsewhere.
    pub(crate) elsewhere: bool,
    /// The id of our session description, and its version.
    pub(crate) session: u64,
    pub(crate) version: u32,
    /// The hash of what it said last.
    pub(crate) said: Option<u64>,
    /// What it had said before the re-INVITE that is out, where that says something else: it may be refused.
    pub(crate) unsaid: Option<u64>,
    /// How long its session lasts, and what is under way for that.
    pub(crate) timer: SessionTimer,
    /// What it is told of the transfer that it asked for.
    pub(crate) notifier: Notifier,
    /// Whether it is on its way into another call.
    pub(crate) moves: Move,
}

impl Leg {
    /// A leg that has nothing to send yet: Proceeding on the caller's side, Calling on a target's.
    pub(crate) fn new(
        call: CallId,
        side: Side,
        trunk: TrunkIndex,
        path: Path,
        dialog: Dialog,
        session: u64,
    ) -> Self {
        Self {
            call,
            next: None,
            side,
            place: side,
            trunk,
            target: TargetIndex(u16::MAX),
            beside: false,
            user: 0,
            path,
            reply_path: path,
            merged: None,
            state: match side {
                Side::A => LegState::Proceeding,
                Side::B | Side::C => LegState::Calling,
            },
            todo: Todo::default(),
            dialog,
            branch: 0,
            early_tag: 0,
            authentication: Authentication::NONE,
            reliable: Reliable::NONE,
            why: None,
            invite: None,
            echo: None,
            status: 0,
            early: false,
            answer: None,
            resend: None,
            invited: 0,
            offered: false,
            agreed: None,
            keys: None,
            elsewhere: false,
            session,
            version: 1,
            said: None,
            unsaid: None,
            timer: SessionTimer::NONE,
            notifier: Notifier::NONE,
            moves: Move::None,
        }
    }

    /// Whether it is a call that the trunk carries.
    pub fn is_alive(&self) -> bool {
        self.state != LegState::Terminated
    }
}
