//! All the memory a trace is played in: what a board's statics are.

use warmline_core::call::{Call, Leg};
use warmline_core::digest::Window;
use warmline_core::image::{Board, MAX_TARGETS, MAX_TRUNKS, MAX_USERS, Tables, board};
use warmline_core::memory::{Block, Entry, Lingering, LingeringSlot, PortQueue, PortSlot, Slot, TimerSlot};
use warmline_core::relay::{self, Door, Keypad, Name, Packer, Secured, Stream, TAILROOM, Third};
use warmline_core::transaction::{self, Live};
use warmline_core::{Binding, Ping, Sizes, Storage, TrunkState};

/// The board whose room this is.
pub const BOARD: &Board = match board("mps2-an386") {
    Some(board) => board,
    None => panic!("core knows no such board"),
};

const SIZES: Sizes = Sizes::of(BOARD.calls, BOARD.rate);

/// What an SBC, a relay and their host work in on [`BOARD`]. All zero bits when it is new.
pub struct Room {
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
    pings: [Ping; MAX_TARGETS],
    windows: [Window; MAX_USERS],
    phones: [Binding; MAX_USERS],
    reply: [u8; BOARD.message],
    doors: [Door; BOARD.port_pairs],
    names: [Name; SIZES.calls],
    streams: [Slot<Stream>; SIZES.calls],
    thirds: [Slot<Third>; SIZES.calls.div_ceil(2)],
    contexts: [Slot<Secured>; 4],
    keypads: [Slot<Keypad>; SIZES.calls.div_ceil(2)],
    packers: [Slot<Packer>; SIZES.calls.div_ceil(8)],
    stream_timers: [TimerSlot; SIZES.calls],
    tables: Tables,
    out: [u8; BOARD.message],
    packet: [u8; BOARD.message + TAILROOM],
}

/// A [`Room`], lent.
pub(crate) struct Lent<'r> {
    pub(crate) storage: Storage<'r>,
    pub(crate) relay: relay::Storage<'r>,
    pub(crate) out: &'r mut [u8],
    pub(crate) packet: &'r mut [u8],
}

impl Room {
    /// An empty one.
    pub const fn new() -> Self {
        Self {
            calls: [const { Slot::EMPTY }; _],
            legs: [const { Slot::EMPTY }; _],
            dialogs: [Entry::EMPTY; _],
            clock: [TimerSlot::EMPTY; _],
            live: [const { Slot::EMPTY }; _],
            index: [Entry::EMPTY; _],
            timers: [TimerSlot::EMPTY; _],
            finished: [LingeringSlot::EMPTY; _],
            blocks: [Block::EMPTY; _],
            ports: [PortSlot::EMPTY; _],
            port_queues: [PortQueue::EMPTY; _],
            trunks: [const { TrunkState::EMPTY }; _],
            pings: [Ping::NEW; _],
            windows: [Window::EMPTY; _],
            phones: [Binding::EMPTY; _],
            reply: [0; _],
            doors: [Door::EMPTY; _],
            names: [Name::EMPTY; _],
            streams: [const { Slot::EMPTY }; _],
            thirds: [const { Slot::EMPTY }; _],
            contexts: [const { Slot::EMPTY }; _],
            keypads: [const { Slot::EMPTY }; _],
            packers: [const { Slot::EMPTY }; _],
            stream_timers: [TimerSlot::EMPTY; _],
            tables: Tables::new(),
            out: [0; _],
            packet: [0; _],
        }
    }

    /// Where a configuration is read to, and the rest. Who reads it says where the relay's ports begin.
    pub(crate) fn lend(&mut self) -> (&mut Tables, Lent<'_>) {
        let relay = relay::Storage {
            first_port: 0,
            doors: &mut self.doors,
            names: &mut self.names,
            streams: &mut self.streams,
            thirds: &mut self.thirds,
            contexts: &mut self.contexts,
            keypads: &mut self.keypads,
            packers: &mut self.packers,
            tapes: &mut [],
            taped: &mut [],
            timers: &mut self.stream_timers,
        };
        let storage = Storage {
            calls: &mut self.calls,
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
            pings: &mut self.pings,
            windows: &mut self.windows,
            phones: &mut self.phones,
            announced: &mut [],
            reply: &mut self.reply,
        };
        (&mut self.tables, Lent { storage, relay, out: &mut self.out, packet: &mut self.packet })
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::new()
    }
}
