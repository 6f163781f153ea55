//! The signalling loop: what the network, the clock, the relay and the resolver bring goes into core, and what core
//! says is done.

use core::future::poll_fn;
use core::net::{IpAddr, SocketAddr};
use core::task::Poll;

use embassy_futures::select::{Either4, select4};
use embassy_net::udp::{PacketMetadata, RecvError, UdpSocket};
use embassy_net::{IpAddress, Stack};
use embassy_time::{Duration, Timer};
use static_cell::{ConstStaticCell, StaticCell};
use warmline_core::config::Config;
use warmline_core::image::{MAX_LISTENERS, Shelf};
use warmline_core::relay;
use warmline_core::time::Instant;
use warmline_core::transport::{Path, Transport};
use warmline_core::{Cx, Event, Input, Output, Question, Sbc};
use warmline_gate::door::Ground;
use warmline_gate::frame::{Class, HEADERS};

use crate::board::retained::{RECORD, records};
use crate::board::{self, BOARD, Watchdog};
use crate::clock;
use crate::journal::Journal;
use crate::names::Names;
use crate::time::{now, wake_at};
use crate::wire::{NEWS, Shared};

/// Bytes of SIP that wait to be read, over all listeners: where there is one, more than its largest message twice.
const WAITING: usize = 8_256;

/// Messages that wait to be read at each listener.
const MESSAGES: usize = 16;

/// How often the watchdog is fed and the counters are looked at.
const TICK: Duration = Duration::from_secs(1);

static WAITING_BYTES: ConstStaticCell<[u8; WAITING]> = ConstStaticCell::new([0; WAITING]);
// Written at the start: empty ones are not all zero bits, and would stand in flash as well.
static WAITING_MESSAGES: StaticCell<[[PacketMetadata; MESSAGES]; MAX_LISTENERS]> = StaticCell::new();
static HEARD: ConstStaticCell<[u8; BOARD.message]> = ConstStaticCell::new([0; BOARD.message]);
static SAID: ConstStaticCell<[u8; HEADERS + BOARD.message]> =
    ConstStaticCell::new([0; HEADERS + BOARD.message]);

pub(crate) struct Office {
    sbc: Sbc<'static>,
    config: &'static Config<'static>,
    gate: &'static Shared,
    stack: Stack<'static>,
    names: &'static Names,
    /// What lines play, in flash.
    clips: Shelf<'static>,
    /// In the order of the configuration's listeners.
    sockets: heapless::Vec<UdpSocket<'static>, MAX_LISTENERS>,
    heard: &'static mut [u8],
    said: &'static mut [u8],
    journal: Journal,
    /// When core, and when the relay, wants to be asked again.
    due: [Option<Instant>; 2],
}

/// What came.
enum Came {
    Message { listener: u8, from: SocketAddr, len: usize },
    TooLong,
}

impl Office {
    pub(crate) fn new(
        sbc: Sbc<'static>,
        config: &'static Config<'static>,
        gate: &'static Shared,
        stack: Stack<'static>,
        names: &'static Names,
        clips: Shelf<'static>,
    ) -> Self {
        let share = WAITING / config.listeners.len().max(1);
        let bytes = WAITING_BYTES.take().chunks_exact_mut(share);
        let messages = WAITING_MESSAGES.init([[PacketMetadata::EMPTY; MESSAGES]; MAX_LISTENERS]).iter_mut();
        let mut sockets = heapless::Vec::new();
        for ((listener, bytes), messages) in config.listeners.iter().zip(bytes).zip(messages) {
            // What is sent does not pass through the stack.
            let mut socket = UdpSocket::new(stack, messages, bytes, &mut [], &mut []);
            socket.bind(listener.port).expect("no two listeners have one port");
            defmt::info!("listening at UDP port {=u16}", listener.port);
            assert!(sockets.push(socket).is_ok(), "the image has no more listeners than there is room for");
        }
        let (heard, said) = (HEARD.take(), SAID.take());
        Self {
            sbc,
            config,
            gate,
            stack,
            names,
            clips,
            sockets,
            heard,
            said,
            journal: Journal::new(),
            due: [None; 2],
        }
    }

    /// Takes calls.
    pub(crate) async fn run(&mut self, mut watchdog: Watchdog) -> ! {
        let mut tick = embassy_time::Instant::now();
        self.take_up();
        self.settle();
        loop {
            let due = self.due.iter().flatten().min().map(|&at| wake_at(at));
            let wake = Timer::at(due.map_or(tick, |due| due.min(tick)));
            match select4(hear(&self.sockets, self.heard), self.names.answered(), NEWS.wait(), wake).await {
                Either4::First(Came::Message { listener, from, len }) => self.read(listener, from, len),
                Either4::First(Came::TooLong) => self.journal.too_long(),
                Either4::Second(question) => self.resolved(question),
                Either4::Third(()) | Either4::Fourth(()) => {}
            }
            self.settle();
            if embassy_time::Instant::now() >= tick {
                tick = embassy_time::Instant::now() + TICK;
                watchdog.feed();
                self.journal.state(&self.sbc, self.gate);
                self.look_at_lease();
                records::were_good();
            }
        }
    }

    fn cx(&self) -> Cx<'static> {
        let now = now();
        Cx { now, utc: clock::utc(now), config: self.config }
    }

    fn read(&mut self, listener: u8, from: SocketAddr, len: usize) {
        let path = Path { transport: Transport::Udp, listener, flow: 0, remote: from };
        let cx = self.cx();
        if let Ok(admitted) = self.sbc.admit(&cx, path) {
            self.sbc.handle(&cx, Input::Message(admitted, &self.heard[..len]));
        }
    }

    fn resolved(&mut self, question: Question) {
        let addresses = self.names.of(self.config, question);
        self.sbc.handle(&self.cx(), Input::Resolved(question, &addresses));
    }

    /// Does what core and the relay want, until both wait.
    fn settle(&mut self) {
        loop {
            self.drain();
            if !self.tend() {
                return;
            }
        }
    }

    /// Does what core wants, until it waits.
    fn drain(&mut self) {
        loop {
            let cx = self.cx();
            match self.sbc.poll(&cx, &mut self.said[HEADERS..]) {
                Output::Transmit { to, len } => {
                    let Some((listener, _)) = self.config.listener(to.listener) else { continue };
                    let mut gate = self.gate.borrow_mut();
                    gate.send(cx.now, self.said, len, listener.port, to.remote, Class::Signalling);
                }
                Output::Media { worker: _, control } => self.gate.borrow_mut().relay.control(cx.now, control),
                Output::Resolve(question) => self.names.ask(question),
                Output::Event(event) => {
                    self.journal.event(&cx, &self.sbc, event);
                    self.keep(&cx, event);
                }
                Output::Wait(at) => {
                    self.due[0] = at;
                    return;
                }
            }
        }
    }

    /// Keeps the records of answered calls, for a start after a reset.
    fn keep(&mut self, cx: &Cx<'_>, event: Event) {
        match event {
            Event::Settled(id) => {
                if let Some(len) = self.sbc.save(cx, id, &mut self.said[..RECORD]) {
                    records::write(id.index() as usize, &self.said[..len]);
                }
            }
            Event::Ended(id) => records::forget(id.index() as usize),
            _ => {}
        }
    }

    /// Takes up the calls that a reset has interrupted.
    fn take_up(&mut self) {
        if !records::may_be_read() {
            defmt::error!("calls are not taken up: it has failed twice");
            (0..BOARD.calls).for_each(records::forget);
            return;
        }
        let taken = self.restore();
        // Each is kept again, at its new place, when core says so; until then the old one stays.
        self.settle();
        for place in 0..BOARD.calls {
            if !self.sbc.calls().any(|id| id.index() as usize == place) {
                records::forget(place);
            }
        }
        if taken > 0 {
            defmt::warn!("calls that the reset interrupted: {=usize} taken up", taken);
        }
    }

    /// Gives core the records that were kept, and says how many it has taken.
    #[inline(never)] // there is no room on the stack for what this needs and for what settling does
    fn restore(&mut self) -> usize {
        let mut record = [0; RECORD];
        let cx = self.cx();
        let taken = (0..BOARD.calls).filter(|&place| {
            records::read(place, &mut record);
            self.sbc.restore(&cx, &record).is_ok()
        });
        taken.count()
    }

    /// A lease may be renewed with another gateway, or lost and replaced by one of another address.
    fn look_at_lease(&mut self) {
        let Some(leased) = self.stack.config_v4() else { return };
        let mut gate = self.gate.borrow_mut();
        let ground = gate.ground();
        if leased.address.address() != ground.address {
            board::retained::fall(format_args!("the network leases us another address"));
        }
        if leased.gateway != ground.gateway || leased.address.prefix_len() != ground.prefix {
            let ground =
                Ground { gateway: leased.gateway, prefix: leased.address.prefix_len(), ..ground.clone() };
            gate.settle(now(), ground);
        }
    }

    /// Does what the relay wants, until it waits. Says whether core was told of something by it.
    fn tend(&mut self) -> bool {
        let mut room = [0; HEADERS + relay::LONGEST];
        loop {
            let cx = self.cx();
            let mut gate = self.gate.borrow_mut();
            match gate.relay.poll(cx.now, cx.utc, &self.clips, &mut room[HEADERS..]) {
                relay::Output::Send(hop) => {
                    gate.send(cx.now, &mut room, hop.len, hop.port, hop.to, Class::Media);
                }
                relay::Output::Report(report) => {
                    drop(gate);
                    self.sbc.handle(&cx, Input::Media(report));
                    return true;
                }
                relay::Output::Wait(at) => {
                    self.due[1] = at;
                    return false;
                }
            }
        }
    }
}

/// Resolves when a message has come to a listener.
async fn hear(sockets: &[UdpSocket<'static>], room: &mut [u8]) -> Came {
    poll_fn(|cx| {
        for (listener, socket) in (0u8..).zip(sockets) {
            match socket.poll_recv_from(room, cx) {
                Poll::Ready(Ok((len, meta))) => {
                    let IpAddress::Ipv4(address) = meta.endpoint.addr;
                    let from = SocketAddr::new(IpAddr::V4(address), meta.endpoint.port);
                    return Poll::Ready(Came::Message { listener, from, len });
                }
                Poll::Ready(Err(RecvError::Truncated)) => return Poll::Ready(Came::TooLong),
                Poll::Pending => {}
            }
        }
        Poll::Pending
    })
    .await
}
