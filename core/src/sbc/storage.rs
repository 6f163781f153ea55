//! The memory an [`Sbc`](super::Sbc) works in, and how much of it follows from what is promised.

use crate::call::{Call, Leg};
use crate::digest::Window;
use crate::memory::{Block, Entry, Index, Lingering, PortQueue, PortSlot, Slot, TimerSlot};
use crate::transaction;

use super::TrunkState;

/// All of an SBC's memory, handed in as slices of empty slots. [`Sizes`] says how many of each.
pub struct Storage<'s> {
    /// Calls.
    pub calls: &'s mut [Slot<Call>],
    /// Legs.
    pub legs: &'s mut [Slot<Leg>],
    /// The index of dialogs.
    pub dialogs: &'s mut [Entry],
    /// One timer for each call, then one for each leg.
    pub clock: &'s mut [TimerSlot],
    /// Transactions.
    pub transactions: transaction::Storage<'s>,
    /// The bytes of messages that are repeated or answered later.
    pub blocks: &'s mut [Block],
    /// One for each pair of media ports.
    pub ports: &'s mut [PortSlot],
    /// One for each interface and relay worker.
    pub port_queues: &'s mut [PortQueue],
    /// One for each trunk.
    pub trunks: &'s mut [TrunkState],
    /// Addresses of trunks that are pinged: as many as their targets have together.
    pub pings: &'s mut [super::Ping],
    /// For the credentials of as many clients as speak for trunks with users within five minutes; one at least where
    /// there are such.
    pub windows: &'s mut [Window],
    /// Telephones that register: as many as there are users, and more where they have several contacts.
    pub phones: &'s mut [super::Binding],
    /// Hand-overs that platforms announce, of five minutes; none where no platform can.
    pub announced: &'s mut [super::Announced],
    /// Room for one reply: as much as the largest message.
    pub reply: &'s mut [u8],
}

/// How many places of each kind a capacity asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Calls.
    pub calls: usize,
    /// Legs: two for each call, and half of one for a target that is still being cancelled while the next is rung.
    pub legs: usize,
    /// Entries in the index of dialogs: two for each call, of its caller and of its name outside, and one for each leg.
    pub dialogs: usize,
    /// Timers of calls and legs.
    pub clock: usize,
    /// Live transactions: an INVITE on each leg, and a BYE or CANCEL beside it on the way out.
    pub transactions: usize,
    /// Entries in their index.
    pub transaction_index: usize,
    /// Slots for finished transactions.
    pub finished: usize,
    /// Blocks.
    pub blocks: usize,
}

impl Sizes {
    /// What `calls` calls at once and `rate` new calls per second ask for.
    ///
    /// A call leaves about 101 transaction-seconds behind on UDP (timers L, M, J and K), so that follows from the
    /// rate; the rest follows from the capacity. A ringing call keeps up to 8 blocks (its INVITE, what its
    /// responses copy, an answer on its way); an answered one keeps none.
    pub const fn of(calls: usize, rate: usize) -> Self {
        let legs = calls.saturating_mul(2).saturating_add(calls.div_ceil(2));
        let transactions = calls.saturating_mul(3).saturating_add(4);
        Self {
            calls,
            legs,
            dialogs: Index::entries(calls.saturating_mul(2).saturating_add(legs)),
            clock: calls.saturating_add(legs),
            transactions,
            transaction_index: Index::entries(transactions),
            finished: Lingering::slots(rate.saturating_mul(101).saturating_add(transactions)),
            blocks: calls.saturating_mul(8).saturating_add(16),
        }
    }
}

#[cfg(test)]
mod tests {
    use core::mem::size_of;

    use super::*;
    use crate::memory::LingeringSlot;
    use crate::transaction::Live;

    fn bytes(sizes: Sizes) -> usize {
        sizes.calls * size_of::<Slot<Call>>()
            + sizes.legs * size_of::<Slot<Leg>>()
            + sizes.dialogs * size_of::<Entry>()
            + (sizes.clock + sizes.transactions) * size_of::<TimerSlot>()
            + sizes.transactions * size_of::<Slot<Live>>()
            + sizes.transaction_index * size_of::<Entry>()
            + sizes.finished * size_of::<LingeringSlot>()
            + sizes.blocks * size_of::<Block>()
    }

    #[test]
    fn memory_is_what_the_design_allows() {
        let per_call = (bytes(Sizes::of(1001, 0)) - bytes(Sizes::of(1, 0))) / 1000;
        let per_rate = (bytes(Sizes::of(1, 1000)) - bytes(Sizes::of(1, 0))) / 1000;
        std::println!("signalling: {per_call} bytes for a call, {per_rate} for a call per second");
        std::println!(
            "call {}, leg {}, transaction {}",
            size_of::<Call>(),
            size_of::<Leg>(),
            size_of::<Live>()
        );
        assert!(per_call <= 12 * 1024, "{per_call}");
        assert!(per_rate <= 4_000, "{per_rate}");
    }
}
