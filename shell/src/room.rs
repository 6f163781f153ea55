//! The memory core works in: made once at start, never grown.

use warmline_core::call::{Call, Leg};
use warmline_core::config::Config;
use warmline_core::digest::Window;
use warmline_core::memory::{
    Block, Entry, Lingering, LingeringSlot, PortQueue, PortSlot, Ports, Slot, TimerSlot,
};
use warmline_core::relay::{self, Door, Keypad, Name, Packer, Secured, Stream, Tape, Taped, Third};
use warmline_core::transaction::{self, Live};
use warmline_core::{Announced, Binding, Ping, Sizes, Storage, TrunkState};

/// The largest SIP message that is sent or taken, in bytes: what a UDP datagram can hold, and more.
pub(crate) const LARGEST_MESSAGE: usize = 1 << 16;

/// Memory for an [`Sbc`](warmline_core::Sbc).
pub(crate) struct Signalling {
    calls: Vec<Slot<Call>>,
    legs: Vec<Slot<Leg>>,
    dialogs: Vec<Entry>,
    clock: Vec<TimerSlot>,
    live: Vec<Slot<Live>>,
    index: Vec<Entry>,
    timers: Vec<TimerSlot>,
    finished: Vec<LingeringSlot>,
    blocks: Vec<Block>,
    ports: Vec<PortSlot>,
    port_queues: Vec<PortQueue>,
    trunks: Vec<TrunkState>,
    pings: Vec<Ping>,
    windows: Vec<Window>,
    phones: Vec<Binding>,
    announced: Vec<Announced>,
    reply: Vec<u8>,
}

impl Signalling {
    /// Room for `calls` calls at once, and the rate of new ones that `config` allows; and for hand-overs that are announced,
    /// where a platform `announces` any.
    pub(crate) fn new(calls: usize, config: &Config<'_>, announces: bool) -> Self {
        let rate = usize::try_from(config.node.new_calls.per_second).unwrap_or(usize::MAX);
        let sizes = Sizes::of(calls, rate);
        let pairs = config.interfaces.iter().map(|i| Ports::pairs(i.media.0, i.media.1)).sum();
        let queues = config.interfaces.len() * usize::from(config.node.workers.max(1));
        Self {
            calls: filled(sizes.calls, || Slot::EMPTY),
            legs: filled(sizes.legs, || Slot::EMPTY),
            dialogs: filled(sizes.dialogs, || Entry::EMPTY),
            clock: filled(sizes.clock, || TimerSlot::EMPTY),
            live: filled(sizes.transactions, || Slot::EMPTY),
            index: filled(sizes.transaction_index, || Entry::EMPTY),
            timers: filled(sizes.transactions, || TimerSlot::EMPTY),
            finished: filled(sizes.finished, || LingeringSlot::EMPTY),
            blocks: filled(sizes.blocks, || Block::EMPTY),
            ports: filled(pairs, || PortSlot::EMPTY),
            port_queues: filled(queues, || PortQueue::EMPTY),
            trunks: filled(trunks(config), TrunkState::default),
            // Four addresses for each target, and as many for those that another configuration brings.
            pings: filled((config.targets.len() * 8).max(64), Ping::default),
            // Users that another configuration brings have room too.
            windows: filled(config.users.len() * 2 + 64, || Window::EMPTY),
            phones: filled(config.users.len() * 2 + 64, Binding::default),
            // As many as there may be calls of, and not much fewer than a platform may announce at once.
            announced: filled(if announces { calls.max(64) } else { 0 }, || Announced::EMPTY),
            reply: vec![0; LARGEST_MESSAGE],
        }
    }

    /// The memory, lent to core.
    pub(crate) fn lend(&mut self) -> Storage<'_> {
        Storage {
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
            announced: &mut self.announced,
            reply: &mut self.reply,
        }
    }
}

/// How many bytes signalling takes for so many calls at once and so many new ones a second, but for media ports, trunks
/// and the one reply.
pub(crate) fn signalling_bytes(calls: usize, rate: usize) -> usize {
    let sizes = Sizes::of(calls, rate);
    sizes.calls * size_of::<Slot<Call>>()
        + sizes.legs * size_of::<Slot<Leg>>()
        + (sizes.dialogs + sizes.transaction_index) * size_of::<Entry>()
        + (sizes.clock + sizes.transactions) * size_of::<TimerSlot>()
        + sizes.transactions * size_of::<Slot<Live>>()
        + sizes.finished * size_of::<LingeringSlot>()
        + sizes.blocks * size_of::<Block>()
}

/// How many bytes a worker takes for a call.
pub(crate) const fn relaying_bytes() -> usize {
    size_of::<Slot<Stream>>()
        + 2 * (size_of::<Slot<Keypad>>() + size_of::<Slot<Packer>>())
        + size_of::<TimerSlot>()
        + size_of::<Name>()
        + (size_of::<Slot<Third>>() + 5 * size_of::<Slot<Secured>>()) / 2
}

/// How many pieces of recorded audio wait in a worker: those of a packet or two.
const TAPED: usize = 32;

/// Memory for one worker's [`Relay`](warmline_core::relay::Relay).
pub(crate) struct Relaying {
    first_port: u16,
    doors: Vec<Door>,
    names: Vec<Name>,
    streams: Vec<Slot<Stream>>,
    thirds: Vec<Slot<Third>>,
    contexts: Vec<Slot<Secured>>,
    keypads: Vec<Slot<Keypad>>,
    packers: Vec<Slot<Packer>>,
    tapes: Vec<Slot<Tape>>,
    taped: Vec<Taped>,
    timers: Vec<TimerSlot>,
}

impl Relaying {
    /// Room for the streams that one of `config`'s workers can get, when signalling has `calls` calls, and where `records`,
    /// for recording them.
    pub(crate) fn new(calls: usize, config: &Config<'_>, records: bool) -> Self {
        let (first, last) = media_ports(config);
        let pairs: usize = config.interfaces.iter().map(|i| Ports::pairs(i.media.0, i.media.1)).sum();
        // Pairs are dealt out to workers in turn, interface by interface.
        let dealt = pairs.div_ceil(usize::from(config.node.workers.max(1))) + config.interfaces.len();
        let streams = calls.min(dealt);
        Self {
            first_port: first,
            doors: filled(usize::from(last.saturating_sub(first)) / 2 + 1, || Door::EMPTY),
            names: filled(calls, || Name::EMPTY),
            streams: filled(streams, || Slot::EMPTY),
            thirds: filled(streams.div_ceil(2), || Slot::EMPTY),
            // For every side there can be: a reload may turn SRTP on for any trunk.
            contexts: filled(streams * 2 + streams.div_ceil(2), || Slot::EMPTY),
            // Both peers of every call may tell their keys in their audio.
            keypads: filled(streams * 2, || Slot::EMPTY),
            // And both may want packets of other lengths.
            packers: filled(streams * 2, || Slot::EMPTY),
            tapes: filled(if records { streams } else { 0 }, || Slot::EMPTY),
            taped: filled(if records { TAPED } else { 0 }, || Taped::EMPTY),
            timers: filled(streams, || TimerSlot::EMPTY),
        }
    }

    /// The memory, lent to core.
    pub(crate) fn lend(&mut self) -> relay::Storage<'_> {
        relay::Storage {
            first_port: self.first_port,
            doors: &mut self.doors,
            names: &mut self.names,
            streams: &mut self.streams,
            thirds: &mut self.thirds,
            contexts: &mut self.contexts,
            keypads: &mut self.keypads,
            packers: &mut self.packers,
            tapes: &mut self.tapes,
            taped: &mut self.taped,
            timers: &mut self.timers,
        }
    }
}

/// The lowest and the highest media port of all interfaces together; the lowest is even.
pub(crate) fn media_ports(config: &Config<'_>) -> (u16, u16) {
    let first = config.interfaces.iter().map(|interface| interface.media.0).min().unwrap_or(0);
    let last = config.interfaces.iter().map(|interface| interface.media.1).max().unwrap_or(0);
    (first & !1, last)
}

/// For how many trunks there is room: some are added while the node runs.
pub(crate) fn trunks(config: &Config<'_>) -> usize {
    config.trunks.len().saturating_mul(2).max(64)
}

fn filled<T>(count: usize, empty: impl FnMut() -> T) -> Vec<T> {
    core::iter::repeat_with(empty).take(count).collect()
}
