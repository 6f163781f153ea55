//! The memory core works in, as one value that is all zero bits before it is used.

use warmline_core::call::{Call, Leg};
use warmline_core::config::Config;
use warmline_core::image::MAX_TRUNKS;
use warmline_core::memory::{Block, Entry, Lingering, LingeringSlot, PortQueue, PortSlot, Slot, TimerSlot};
use warmline_core::relay::{self, Door, Name, Stream};
use warmline_core::transaction::{self, Live};
use warmline_core::{Sizes, Storage, TrunkState};

use crate::board::BOARD;

const SIZES: Sizes = Sizes::of(BOARD.calls, BOARD.rate);

/// Memory for signalling.
pub(crate) struct Signalling {
    calls: [Slot<Call>; SIZES.calls],
    legs: [Slot<Leg>; SIZES.legs],
    dialogs: [Entry; SIZES.dialogs],
    clock: [TimerSlot; SIZES.clock],
    live: [Slot<Live>; SIZES.transactions],
    index: [Entry; SIZES.transaction_index],
    timers: [TimerSlot; SIZES.transactions],
    finished: [LingeringSlot; SIZES.finished],
    blocks: [Block; SIZES.blocks],
    ports: [PortSlot; BOARD.port_pairs],
    port_queues: [PortQueue; 1],
    trunks: [TrunkState; MAX_TRUNKS],
    reply: [u8; BOARD.message],
}

impl Signalling {
    pub(crate) const EMPTY: Self = Self {
        calls: [const { Slot::EMPTY }; _],
        legs: [const { Slot::EMPTY }; _],
        dialogs: [Entry::EMPTY; _],
        clock: [TimerSlot::EMPTY; _],
        live: [const { Slot::EMPTY }; _],
        index: [Entry::EMPTY; _],
        timers: [TimerSlot::EMPTY; _],
        finished: [LingeringSlot::EMPTY; _],
        blocks: [const { Block::EMPTY }; _],
        ports: [PortSlot::EMPTY; _],
        port_queues: [PortQueue::EMPTY; _],
        trunks: [TrunkState::EMPTY; _],
        reply: [0; _],
    };

    /// The memory, for so many calls at once, at most the board's.
    pub(crate) fn lend(&mut self, calls: usize) -> Storage<'_> {
        Storage {
            calls: &mut self.calls[..calls.min(SIZES.calls)],
            legs: &mut self.legs,
            dialogs: &mut self.dialogs,
            clock: &mut self.clock,
            transactions: transaction::Storage {
                live: &mut self.live,
                index: &mut self.index,
                timers: &mut self.timers,
                finished: Lingering::new(&mut self.finished),
            },
            blocks: &mut self.blocks,
            ports: &mut self.ports,
            port_queues: &mut self.port_queues,
            trunks: &mut self.trunks,
            reply: &mut self.reply,
        }
    }
}

/// Memory for the relay.
pub(crate) struct Relaying {
    doors: [Door; BOARD.port_pairs],
    names: [Name; SIZES.calls],
    streams: [Slot<Stream>; SIZES.calls],
    timers: [TimerSlot; SIZES.calls],
}

impl Relaying {
    pub(crate) const EMPTY: Self = Self {
        doors: [Door::EMPTY; _],
        names: [Name::EMPTY; _],
        streams: [const { Slot::EMPTY }; _],
        timers: [TimerSlot::EMPTY; _],
    };

    /// The memory, for the media ports that `config` names.
    pub(crate) fn lend(&mut self, config: &Config<'_>) -> relay::Storage<'_> {
        let first_port = config.interfaces.first().map_or(0, |interface| interface.media.0);
        relay::Storage {
            first_port,
            doors: &mut self.doors,
            names: &mut self.names,
            streams: &mut self.streams,
            timers: &mut self.timers,
        }
    }
}
