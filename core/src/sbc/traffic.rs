//! How many calls go over a trunk each way, and whether one more may.

use crate::config::Trunk;
use crate::filter::Limiter;
use crate::reason::Reason;
use crate::relay::Side;
use crate::time::Instant;

/// What is counted of a trunk.
#[derive(Clone, Copy, Debug, Default)]
pub struct TrunkState {
    /// What it starts.
    pub starts: Traffic,
    /// What it is sent.
    pub takes: Traffic,
    /// Where we stand with its registrar.
    pub registration: super::Registration,
    /// Its place in another configuration and one more; 0 where it has none there.
    pub(super) goes: u16,
}

/// What is counted of the calls that go one way over a trunk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// Legs it carries.
    pub legs: u32,
    /// New calls.
    pub limiter: Limiter,
}

impl TrunkState {
    /// Nothing was counted yet: all zero bits.
    pub const EMPTY: Self =
        Self { starts: Traffic::NONE, takes: Traffic::NONE, registration: super::Registration::NEW, goes: 0 };

    /// Takes a leg that the trunk's peer starts in, or says why not.
    pub(super) fn start(&mut self, now: Instant, trunk: &Trunk) -> Result<(), Reason> {
        if self.is_full(trunk) || self.starts.legs >= trunk.starts.calls {
            return Err(Reason::TrunkFull);
        }
        self.starts.limiter.take(now, trunk.starts.rate).then_some(()).ok_or(Reason::TrunkFlood)
    }

    /// The same for a leg that it is sent.
    pub(super) fn take(&mut self, now: Instant, trunk: &Trunk) -> Result<(), Reason> {
        if self.is_full(trunk) || self.takes.legs >= trunk.takes.calls {
            return Err(Reason::TrunkFull);
        }
        self.takes.limiter.take(now, trunk.takes.rate).then_some(()).ok_or(Reason::TrunkLimit)
    }

    /// What legs on this side of a call are counted in: those of callers are started, all others sent.
    pub(super) const fn traffic(&mut self, side: Side) -> &mut Traffic {
        match side {
            Side::A => &mut self.starts,
            Side::B | Side::C => &mut self.takes,
        }
    }

    const fn is_full(&self, trunk: &Trunk) -> bool {
        self.starts.legs.saturating_add(self.takes.legs) >= trunk.max_calls
    }
}

impl Traffic {
    /// None so far: all zero bits.
    pub const NONE: Self = Self { legs: 0, limiter: Limiter::NEW };
}
