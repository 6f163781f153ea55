//! How far a leg's peer and we have come with credentials.

use crate::digest::Demand;
use crate::memory::Chain;

/// The credentials that a leg's requests have, and which challenges the latest one has answered.
#[derive(Debug)]
pub struct Authentication {
    /// Whole header fields, Authorization and Proxy-Authorization; none where nobody has asked.
    pub(crate) credentials: Chain,
    /// A bit for each way in which the latest request was asked for credentials and sent again.
    answered: u8,
}

const STALE: u8 = 4;

impl Authentication {
    /// Nobody has asked.
    pub(crate) const NONE: Self = Self { credentials: Chain::EMPTY, answered: 0 };

    /// Whether a challenge is to be answered: the first of this kind is, and once more one that says that nothing but
    /// the nonce was wrong. `fresh` is whether its nonce is another than the one answered before.
    pub(crate) const fn may_answer(&mut self, demand: Demand, stale: bool, fresh: bool) -> bool {
        let bit = match demand {
            Demand::Server => 1,
            Demand::Proxy => 2,
        };
        let again = self.answered & bit != 0;
        if again && !(stale && fresh && self.answered & STALE == 0) {
            return false;
        }
        self.answered |= if again { STALE } else { bit };
        true
    }

    /// Whether the credentials were made for a request that is not done yet.
    pub(crate) const fn is_under_way(&self) -> bool {
        self.answered != 0
    }

    /// The request that was challenged is done: the next one may be challenged anew.
    pub(crate) const fn done(&mut self) {
        self.answered = 0;
    }
}
