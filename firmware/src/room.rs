//! The memory core works in. Each pool is a static of its own, so that the program's symbols say what it takes
//! (`tests/sizes`), and all zero bits before it is used, so that nothing of it stands in flash.

use static_cell::ConstStaticCell as Cell;
use warmline_core::call::{Call, Leg};
use warmline_core::config::Config;
use warmline_core::digest::Window;
use warmline_core::image::{MAX_TARGETS, MAX_TRUNKS, MAX_USERS};
use warmline_core::memory::{Block, Entry, Lingering, LingeringSlot, PortQueue, PortSlot, Slot, TimerSlot};
use warmline_core::relay::{self, Door, Keypad, Name, Packer, Secured, Stream, Third};
use warmline_core::transaction::{self, Live};
use warmline_core::{Binding, Ping, Sizes, Storage, TrunkState};

use crate::board::BOARD;

/// A server can have half of its calls transferred at once, a board a quarter: each takes a leg more than two. So many legs
/// can be told keys in another way than they came, too.
const TRANSFERS: usize = BOARD.calls.div_ceil(4);

const SIZES: Sizes = {
    let usual = Sizes::of(BOARD.calls, BOARD.rate);
    Sizes { legs: BOARD.calls * 2 + TRANSFERS, blocks: BOARD.calls * 8, ..usual }
};

static CALLS: Cell<[Slot<Call>; SIZES.calls]> = Cell::new([const { Slot::EMPTY }; _]);
static LEGS: Cell<[Slot<Leg>; SIZES.legs]> = Cell::new([const { Slot::EMPTY }; _]);
static DIALOGS: Cell<[Entry; SIZES.dialogs]> = Cell::new([Entry::EMPTY; _]);
static CLOCK: Cell<[TimerSlot; SIZES.clock]> = Cell::new([TimerSlot::EMPTY; _]);
static TRANSACTIONS: Cell<[Slot<Live>; SIZES.transactions]> = Cell::new([const { Slot::EMPTY }; _]);
static TRANSACTION_INDEX: Cell<[Entry; SIZES.transaction_index]> = Cell::new([Entry::EMPTY; _]);
static TRANSACTION_TIMERS: Cell<[TimerSlot; SIZES.transactions]> = Cell::new([TimerSlot::EMPTY; _]);
static FINISHED: Cell<[LingeringSlot; SIZES.finished]> = Cell::new([LingeringSlot::EMPTY; _]);
static BLOCKS: Cell<[Block; SIZES.blocks]> = Cell::new([const { Block::EMPTY }; _]);
static PORTS: Cell<[PortSlot; BOARD.port_pairs]> = Cell::new([PortSlot::EMPTY; _]);
static PORT_QUEUES: Cell<[PortQueue; 1]> = Cell::new([PortQueue::EMPTY; _]);
static TRUNKS: Cell<[TrunkState; MAX_TRUNKS]> = Cell::new([TrunkState::EMPTY; _]);
static PINGS: Cell<[Ping; MAX_TARGETS]> = Cell::new([Ping::NEW; _]);
static WINDOWS: Cell<[Window; MAX_USERS]> = Cell::new([Window::EMPTY; _]);
static PHONES: Cell<[Binding; MAX_USERS]> = Cell::new([Binding::EMPTY; _]);
static REPLY: Cell<[u8; BOARD.message]> = Cell::new([0; _]);

static DOORS: Cell<[Door; BOARD.port_pairs]> = Cell::new([Door::EMPTY; _]);
static NAMES: Cell<[Name; SIZES.calls]> = Cell::new([Name::EMPTY; _]);
static STREAMS: Cell<[Slot<Stream>; SIZES.calls]> = Cell::new([const { Slot::EMPTY }; _]);
static THIRDS: Cell<[Slot<Third>; TRANSFERS]> = Cell::new([const { Slot::EMPTY }; _]);
static CONTEXTS: Cell<[Slot<Secured>; BOARD.secured]> = Cell::new([const { Slot::EMPTY }; _]);
static KEYPADS: Cell<[Slot<Keypad>; TRANSFERS]> = Cell::new([const { Slot::EMPTY }; _]);
static PACKERS: Cell<[Slot<Packer>; SIZES.calls.div_ceil(8)]> = Cell::new([const { Slot::EMPTY }; _]);
static STREAM_TIMERS: Cell<[TimerSlot; SIZES.calls]> = Cell::new([TimerSlot::EMPTY; _]);

/// The memory for signalling, for so many calls at once, at most the board's. Is to be called once.
pub(crate) fn signalling(calls: usize) -> Storage<'static> {
    Storage {
        calls: &mut CALLS.take()[..calls.min(SIZES.calls)],
        legs: LEGS.take(),
        dialogs: DIALOGS.take(),
        clock: CLOCK.take(),
        transactions: transaction::Storage {
            live: TRANSACTIONS.take(),
            index: TRANSACTION_INDEX.take(),
            timers: TRANSACTION_TIMERS.take(),
            finished: Lingering::new(FINISHED.take()),
        },
        blocks: BLOCKS.take(),
        ports: PORTS.take(),
        port_queues: PORT_QUEUES.take(),
        trunks: TRUNKS.take(),
        pings: PINGS.take(),
        windows: WINDOWS.take(),
        phones: PHONES.take(),
        // Nobody announces hand-overs to a board.
        announced: &mut [],
        reply: REPLY.take(),
    }
}

/// The memory for the relay, for the media ports that `config` names. Is to be called once.
pub(crate) fn relaying(config: &Config<'_>) -> relay::Storage<'static> {
    relay::Storage {
        first_port: config.interfaces.first().map_or(0, |interface| interface.media.0),
        doors: DOORS.take(),
        names: NAMES.take(),
        streams: STREAMS.take(),
        thirds: THIRDS.take(),
        contexts: CONTEXTS.take(),
        keypads: KEYPADS.take(),
        packers: PACKERS.take(),
        tapes: &mut [],
        taped: &mut [],
        timers: STREAM_TIMERS.take(),
    }
}
