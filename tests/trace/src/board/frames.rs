//! Counts the instructions of whole frames: through a board's door and relay, from and to a controller in memory.

use core::net::{Ipv4Addr, SocketAddrV4};
use core::task::Waker;

use static_cell::{ConstStaticCell, StaticCell};
use warmline_core::filter::{Prefix, Range};
use warmline_core::g711::Law;
use warmline_core::memory::{Slot, TimerSlot};
use warmline_core::random::Random;
use warmline_core::relay::{Control, Door, Name, Peer, Relay, Secured, Side, Storage, Stream, StreamId};
use warmline_core::rtp::{Direction, Format, Profile};
use warmline_core::srtp::{Context, Secret, Security, Suite};
use warmline_core::time::Instant;
use warmline_gate::EthernetAddress;
use warmline_gate::door::{Ground, HEAD};
use warmline_gate::frame::{Class, Datagram, Frame, HEADERS, Link};
use warmline_gate::neighbours::{self, Neighbours};
use warmline_gate::nic::{Nic, Taken};
use warmline_gate::{Gate, Incoming};
use warmline_trace::{Host, Part};

use super::count::Meter;

const US: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
const THEM: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);
const OUR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const CALLER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
const TARGET: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 20);
const STRANGER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const STREAM: StreamId = StreamId { index: 0, generation: 1 };
const TIMES: u16 = 1000;

/// A controller in memory, which moves frames word by word.
struct Memory {
    coming: Frame,
    /// How many bytes wait; 0 when nothing does.
    len: usize,
    sent: Frame,
    count: u32,
}

impl Nic for Memory {
    fn hardware_address(&self) -> EthernetAddress {
        US
    }

    fn link_is_up(&mut self, _: &Waker) -> bool {
        true
    }

    fn receive(&mut self, _: &Waker, frame: &mut Frame, wanted: impl FnOnce(&[u8]) -> bool) -> Taken {
        let len = core::mem::take(&mut self.len);
        if len == 0 {
            return Taken::Nothing;
        }
        let (head, words) = (HEAD / 4, len.div_ceil(4));
        frame.words()[..head].copy_from_slice(&self.coming.words()[..head]);
        if !wanted(&frame.bytes()[..HEAD]) {
            return Taken::Refused;
        }
        frame.words()[head..words].copy_from_slice(&self.coming.words()[head..words]);
        Taken::Frame(len)
    }

    fn can_send(&mut self, _: &Waker) -> bool {
        true
    }

    fn send(&mut self, frame: &[u8]) -> bool {
        self.sent.bytes()[..frame.len()].copy_from_slice(frame);
        self.count += 1;
        true
    }
}

type Tested = Gate<'static, 'static, Memory>;

/// Counts frames of each kind.
pub(crate) fn count(meter: &mut Meter) {
    let mut gate = gate();
    let mut room = Frame::EMPTY;
    for (suite, kind) in
        [(Suite::AesCm128HmacSha1_80, "frame: SRTP by AES_CM"), (Suite::AeadAes128Gcm, "frame: SRTP by GCM")]
    {
        count_srtp(&mut gate, meter, &mut room, suite, kind);
    }
    for (law, kind) in [(Law::Mu, "frame: PCMU to PCMU"), (Law::A, "frame: PCMU to PCMA")] {
        for (side, address, law) in [(Side::A, CALLER, Law::Mu), (Side::B, TARGET, law)] {
            gate.relay
                .control(Instant::ZERO, Control::Point { stream: STREAM, side, peer: peer(address, law) });
        }
        let before = gate.nic().count;
        for turn in 0..TIMES {
            let mut packet = [0xff; 172];
            packet[..12].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
            packet[2..4].copy_from_slice(&turn.to_be_bytes());
            packet[4..8].copy_from_slice(&(160 * u32::from(turn)).to_be_bytes());
            put(gate.nic(), CALLER, 20_000, &packet);
            take(&mut gate, meter, &mut room, turn, kind);
        }
        assert!(gate.nic().count - before == u32::from(TIMES), "every packet is relayed");
    }
    for turn in 0..TIMES {
        put(gate.nic(), STRANGER, 5060, &[b'x'; 800]);
        take(&mut gate, meter, &mut room, turn, "frame: of a stranger");
    }
}

/// Counts frames that are protected on both legs.
fn count_srtp(gate: &mut Tested, meter: &mut Meter, room: &mut Frame, suite: Suite, kind: &str) {
    let [ours, a, b] = [1, 2, 3].map(|seed| Secret::new(&mut Random::new(&[seed; 32])).master(suite));
    for (side, address, theirs) in [(Side::A, CALLER, a), (Side::B, TARGET, b)] {
        let security = Some(Security { send: ours, receive: theirs });
        gate.relay.control(Instant::ZERO, Control::Secure { stream: STREAM, side, security });
        let peer = peer(address, Law::Mu);
        gate.relay.control(Instant::ZERO, Control::Point { stream: STREAM, side, peer });
    }
    let mut caller = Context::new(&Security { send: a, receive: ours });
    let mut target = Context::new(&Security { send: b, receive: ours });
    for turn in 0..TIMES {
        let mut packet = [0xff; 172 + 24];
        packet[..12].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
        packet[2..4].copy_from_slice(&turn.to_be_bytes());
        packet[4..8].copy_from_slice(&(160 * u32::from(turn)).to_be_bytes());
        let len = caller.protect_rtp(&mut packet, 172).unwrap_or_default();
        put(gate.nic(), CALLER, 20_000, &packet[..len]);
        take(gate, meter, room, turn, kind);
        let sent = &mut gate.nic().sent.bytes()[HEADERS..HEADERS + len];
        let opened = target.unprotect_rtp(sent);
        assert!(opened == Ok(172) && sent[12..172] == [0xff; 160], "it is heard");
    }
    for side in [Side::A, Side::B] {
        gate.relay.control(Instant::ZERO, Control::Secure { stream: STREAM, side, security: None });
    }
}

fn take(gate: &mut Tested, meter: &mut Meter, room: &mut Frame, turn: u16, kind: &str) {
    let now = Instant::from_micros(20_000 * u64::from(turn));
    meter.enter();
    let incoming = gate.receive(now, Waker::noop(), room);
    meter.leave(Part::Media);
    assert!(incoming == Incoming::Nothing, "it is not the IP stack's");
    meter.book_as(kind);
}

/// Puts a datagram for us where the controller finds it.
fn put(memory: &mut Memory, from: Ipv4Addr, port: u16, payload: &[u8]) {
    let datagram = Datagram {
        from: SocketAddrV4::new(from, 4000),
        to: SocketAddrV4::new(OUR, port),
        class: Class::Media,
        ident: 1,
    };
    memory.coming.bytes()[HEADERS..HEADERS + payload.len()].copy_from_slice(payload);
    let mut len = 0;
    datagram.send(Link { from: THEM, to: US }, memory.coming.bytes(), payload.len(), |frame| {
        len = frame.len();
        true
    });
    memory.len = len;
}

fn peer(address: Ipv4Addr, law: Law) -> Peer {
    let format = Format::fixed(law);
    let profile = Profile {
        send: format,
        receive: [Some(format), None],
        event_send: Some(101),
        event_receive: Some(101),
        noise: None,
        ptime: 20,
    };
    Peer::new((address, 4000).into(), (address, 4001).into(), profile, Direction::SendRecv)
}

/// A gate with one stream open, whose peers are neighbours that are known.
fn gate() -> Tested {
    static DOORS: ConstStaticCell<[Door; 8]> = ConstStaticCell::new([Door::EMPTY; 8]);
    static NAMES: ConstStaticCell<[Name; 1]> = ConstStaticCell::new([Name::EMPTY; 1]);
    static STREAMS: ConstStaticCell<[Slot<Stream>; 1]> = ConstStaticCell::new([const { Slot::EMPTY }; 1]);
    static CONTEXTS: ConstStaticCell<[Slot<Secured>; 2]> = ConstStaticCell::new([const { Slot::EMPTY }; 2]);
    static TIMERS: ConstStaticCell<[TimerSlot; 1]> = ConstStaticCell::new([TimerSlot::EMPTY; 1]);
    static NEIGHBOURS: ConstStaticCell<Neighbours> = ConstStaticCell::new(Neighbours::new());
    static SOURCES: StaticCell<[Range; 1]> = StaticCell::new();

    let storage = Storage {
        first_port: 20_000,
        doors: DOORS.take(),
        names: NAMES.take(),
        streams: STREAMS.take(),
        thirds: &mut [],
        contexts: CONTEXTS.take(),
        keypads: &mut [],
        packers: &mut [],
        tapes: &mut [],
        taped: &mut [],
        timers: TIMERS.take(),
    };
    let mut relay = Relay::new(storage, &[7; 32]);
    relay.control(Instant::ZERO, Control::Open { stream: STREAM, ports: [20_000, 20_002] });
    let caller = Prefix { address: CALLER.into(), length: 32 };
    let ground = Ground {
        address: OUR,
        prefix: 24,
        sources: SOURCES.init([Range::new(0, caller, 0)]),
        listeners: [5060].into_iter().collect(),
        media: (20_000, 20_015),
        ..Ground::unsettled(US, false)
    };
    let memory = Memory { coming: Frame::EMPTY, len: 0, sent: Frame::EMPTY, count: 0 };
    let mut gate = Gate::new(memory, relay, ground, NEIGHBOURS.take());
    let mut room = Frame::EMPTY;
    for address in [CALLER, TARGET] {
        let question = neighbours::question(THEM, address, OUR);
        gate.nic().coming.bytes()[..question.len()].copy_from_slice(&question);
        gate.nic().len = question.len().max(60);
        gate.receive(Instant::ZERO, Waker::noop(), &mut room);
    }
    gate
}
