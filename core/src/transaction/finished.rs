//! What is remembered of a transaction that needs nothing sent of its own accord any more: 32 bits.

use crate::config::TargetIndex;
use crate::reason::Reason;

/// How a request was answered, when it was answered at once: enough to say the same again from the request itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Reply {
    /// 100, without a tag.
    Trying,
    /// 200 with nothing in it: to BYE and CANCEL.
    Ok,
    /// 200 that says what we can do: to OPTIONS.
    Capabilities,
    /// 202: to a REFER.
    Accepted {
        /// Whether its sender is told how the transfer goes.
        subscribed: bool,
    },
    /// 200 with the session description of its dialog's leg: to a request with an offer.
    Described,
    /// A refusal.
    Refused(Reason),
    /// What the leg keeps: to its latest UPDATE.
    Kept,
}

/// Who answered an INVITE, as far as it is remembered: 24 bits of a keyed hash of the To tag. A fork has several, each
/// with a tag of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Answerer(u32);

impl Answerer {
    /// None of those there are.
    pub const NOBODY: Self = Self(0);

    /// The one whose To tag has this hash.
    pub const fn new(hash: u64) -> Self {
        let bits = (hash >> 40) as u32;
        Self(if bits == 0 { 1 } else { bits })
    }
}

/// A transaction that only waits for stragglers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Finished {
    /// A server that answered at once: the same answer is given again.
    Answered(Reply),
    /// A server INVITE that was accepted: it is absorbed when it comes again, and its ACK belongs to the dialog.
    Served,
    /// A server INVITE whose failure was acknowledged: stragglers are absorbed.
    Acknowledged,
    /// A client INVITE that was accepted: the 2xx of the one who had it first is acknowledged again when it comes
    /// again, and that of another branch of a fork is one too many. When it was not waited for, all of them are.
    Accepted(Answerer),
    /// A client INVITE that failed: a failure that comes again is acknowledged again, and a 2xx that comes even so (a
    /// proxy passes each on, 16.7) is one too many. The target's URI is the Request-URI of that ACK.
    Failed(TargetIndex),
    /// A client INVITE that was given up before its final response: what comes even so is treated as if it had not
    /// been, but is one too many.
    Abandoned(TargetIndex),
    /// The 2xx of this one to a client INVITE was one too many; it has its ACK and BYE.
    Superfluous(Answerer),
    /// A client that has its final response: stragglers are absorbed.
    Completed,
}

impl Finished {
    /// As 32 bits.
    pub fn pack(self) -> u32 {
        let (kind, value) = match self {
            Self::Answered(Reply::Trying) => (0, 0),
            Self::Answered(Reply::Ok) => (1, 0),
            Self::Answered(Reply::Capabilities) => (2, 0),
            Self::Answered(Reply::Refused(reason)) => (3, reason as u32),
            Self::Answered(Reply::Kept) => (12, 0),
            Self::Served => (4, 0),
            Self::Acknowledged => (5, 0),
            Self::Accepted(answerer) => (6, answerer.0),
            Self::Failed(target) => (7, target.0.into()),
            Self::Completed => (8, 0),
            Self::Abandoned(target) => (9, target.0.into()),
            Self::Superfluous(answerer) => (10, answerer.0),
            Self::Answered(Reply::Accepted { subscribed }) => (15, u32::from(subscribed)),
            Self::Answered(Reply::Described) => (11, 0),
        };
        value << 8 | kind
    }

    /// From what [`Finished::pack`] gave; none for anything else.
    pub fn unpack(bits: u32) -> Option<Self> {
        let value = bits >> 8;
        let target = TargetIndex(value as u16);
        Some(match bits & 0xff {
            0 => Self::Answered(Reply::Trying),
            1 => Self::Answered(Reply::Ok),
            2 => Self::Answered(Reply::Capabilities),
            3 => Self::Answered(Reply::Refused(*Reason::ALL.get(value as usize)?)),
            4 => Self::Served,
            5 => Self::Acknowledged,
            6 => Self::Accepted(Answerer(value)),
            7 => Self::Failed(target),
            8 => Self::Completed,
            9 => Self::Abandoned(target),
            10 => Self::Superfluous(Answerer(value)),
            15 => Self::Answered(Reply::Accepted { subscribed: value != 0 }),
            11 => Self::Answered(Reply::Described),
            12 => Self::Answered(Reply::Kept),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_and_unpacks() {
        for finished in [
            Finished::Answered(Reply::Trying),
            Finished::Answered(Reply::Ok),
            Finished::Answered(Reply::Capabilities),
            Finished::Answered(Reply::Kept),
            Finished::Answered(Reply::Accepted { subscribed: true }),
            Finished::Answered(Reply::Accepted { subscribed: false }),
            Finished::Answered(Reply::Described),
            Finished::Served,
            Finished::Acknowledged,
            Finished::Accepted(Answerer::new(u64::MAX)),
            Finished::Failed(TargetIndex(513)),
            Finished::Abandoned(TargetIndex(u16::MAX)),
            Finished::Superfluous(Answerer::new(0)),
            Finished::Completed,
        ] {
            assert_eq!(Finished::unpack(finished.pack()), Some(finished));
        }
        for &reason in Reason::ALL {
            let refused = Finished::Answered(Reply::Refused(reason));
            assert_eq!(Finished::unpack(refused.pack()), Some(refused));
        }
        assert_eq!(Finished::unpack(255), None);
        assert_eq!(Finished::unpack(u32::MAX), None);
    }
}
