//! The media way without its sockets: RTP packets of 172 bytes in, rewritten in place, and out, both ways through
//! every stream in turn; RTCP and reports as they fall due.

use core::cell::RefCell;
use core::hint::black_box;
use core::net::SocketAddr;

use criterion::{BatchSize, BenchmarkId, Throughput, criterion_group, criterion_main};
use warmline_benches::{Cpu, criterion};
use warmline_core::g711::Law;
use warmline_core::memory::{Slot, TimerSlot};
use warmline_core::random::Random;
use warmline_core::relay::{
    Control, Door, LONGEST, Name, Output, Peer, Relay, Side, Storage, Stream, StreamId, TAILROOM, Verdict,
};
use warmline_core::rtp::{Direction, Format, Profile};
use warmline_core::srtp::{Context, Secret, Security, Suite};
use warmline_core::time::Instant;

type Criterion = criterion::Criterion<Cpu>;

const FIRST_PORT: u16 = 10_000;
const PACKET: usize = 172;
const MILLIS_20: u64 = 20_000;

/// Peers that talk through every stream at 50 packets a second each.
struct Talk {
    relay: Relay<'static>,
    /// The peers' ends of SRTP, by stream and side.
    ends: Vec<[Context; 2]>,
    streams: u16,
    /// Which packet comes next: the stream, the side, and when.
    stream: u16,
    side: Side,
    frame: u32,
    packet: [u8; PACKET + TAILROOM],
}

fn leak<T>(count: usize, slot: impl Fn() -> T) -> &'static mut [T] {
    core::iter::repeat_with(slot).take(count).collect::<Vec<_>>().leak()
}

const fn ports(stream: u16) -> [u16; 2] {
    let first = FIRST_PORT + 4 * stream;
    [first, first + 2]
}

fn peer(stream: u16, side: Side, law: Law) -> Peer {
    let [high, low] = stream.to_be_bytes();
    let network = if matches!(side, Side::A) { 100 } else { 101 };
    let at = |port| SocketAddr::from(([10, network, high, low], port));
    let format = Format::fixed(law);
    let profile = Profile {
        send: format,
        receive: [Some(format), None],
        event_send: Some(101),
        event_receive: Some(101),
        noise: None,
        ptime: 20,
    };
    Peer::new(at(40_000), at(40_001), profile, Direction::SendRecv)
}

/// A packet that comes to a port.
struct Arrived {
    now: Instant,
    port: u16,
    from: SocketAddr,
    packet: [u8; PACKET + TAILROOM],
    len: usize,
    /// The last of its frame: then the relay may have something to say.
    last: bool,
}

impl Talk {
    fn new(streams: u16, other: Law, suite: Option<Suite>) -> Self {
        let count = usize::from(streams);
        let storage = Storage {
            first_port: FIRST_PORT,
            doors: leak(2 * count, || Door::EMPTY),
            names: leak(count, || Name::EMPTY),
            streams: leak(count, || Slot::<Stream>::EMPTY),
            thirds: leak(count.div_ceil(2), || Slot::EMPTY),
            contexts: leak(2 * count, || Slot::EMPTY),
            keypads: &mut [],
            packers: &mut [],
            tapes: &mut [],
            taped: &mut [],
            timers: leak(count, || TimerSlot::EMPTY),
        };
        let mut relay = Relay::new(storage, &[7; 32]);
        let mut ends = Vec::new();
        for index in 0..streams {
            let stream = StreamId { index: index.into(), generation: 1 };
            let now = Instant::ZERO;
            relay.control(now, Control::Open { stream, ports: ports(index) });
            for (side, law) in [(Side::A, Law::Mu), (Side::B, other)] {
                relay.control(now, Control::Point { stream, side, peer: peer(index, side, law) });
            }
            ends.extend(suite.map(|suite| {
                [Side::A, Side::B].map(|side| {
                    let [ours, theirs] = [side.index(), side.index() + 2].map(|seed| {
                        let seed = [seed as u8 ^ index as u8; 32];
                        Secret::new(&mut Random::new(&seed)).master(suite)
                    });
                    let security = Some(Security { send: ours, receive: theirs });
                    relay.control(now, Control::Secure { stream, side, security });
                    Context::new(&Security { send: theirs, receive: ours })
                })
            }));
        }
        let mut packet = [0; PACKET + TAILROOM];
        for (at, byte) in packet.iter_mut().enumerate() {
            *byte = (at * 89) as u8;
        }
        Self { relay, ends, streams, stream: 0, side: Side::A, frame: 0, packet }
    }

    /// When the next packet comes: those of one frame evenly over its 20 ms.
    fn now(&self) -> Instant {
        let within = MILLIS_20 * u64::from(self.stream) / u64::from(self.streams);
        Instant::from_micros(u64::from(self.frame) * MILLIS_20 + within)
    }

    /// One packet goes through.
    fn packet(&mut self, other: Law) {
        let arrived = self.arrives(other);
        self.goes_through(arrived);
    }

    /// The next packet, protected by its sender where the peers speak SRTP.
    fn arrives(&mut self, other: Law) -> Arrived {
        let now = self.now();
        let law = if matches!(self.side, Side::A) { Law::Mu } else { other };
        let [seq_high, seq_low] = (self.frame as u16).to_be_bytes();
        let timestamp = self.frame.wrapping_mul(160).to_be_bytes();
        // The payload is what the last packet left there: any bytes are audio.
        self.packet[..2].copy_from_slice(&[0x80, law.payload_type()]);
        self.packet[2..4].copy_from_slice(&[seq_high, seq_low]);
        self.packet[4..8].copy_from_slice(&timestamp);
        self.packet[8..12].copy_from_slice(&[1, 2, 3, self.side.index() as u8]);
        let side = self.side.index();
        let mut arrived = Arrived {
            now,
            port: ports(self.stream)[side],
            from: peer(self.stream, self.side, law).rtp,
            packet: self.packet,
            len: PACKET,
            last: false,
        };
        if let Some(ends) = self.ends.get_mut(usize::from(self.stream)) {
            arrived.len = ends[side].protect_rtp(&mut arrived.packet, PACKET).expect("it can be protected");
        }
        if matches!(self.side, Side::A) {
            self.side = Side::B;
            return arrived;
        }
        self.side = Side::A;
        self.stream += 1;
        if self.stream == self.streams {
            self.stream = 0;
            self.frame = self.frame.wrapping_add(1);
            arrived.last = true;
        }
        arrived
    }

    fn goes_through(&mut self, mut arrived: Arrived) {
        let Arrived { now, port, from, ref mut packet, len, last } = arrived;
        let verdict = self.relay.forward(now, port, from, packet, len);
        let Verdict::Send(hop) = verdict else { panic!("{verdict:?}") };
        black_box((hop, packet));
        if last {
            self.speak(now);
        }
    }

    /// What the relay has to say itself, as often as packets come.
    fn speak(&mut self, now: Instant) {
        let mut out = [0; LONGEST];
        while !matches!(self.relay.poll(now, None, &(), &mut out), Output::Wait(at) if at.is_none_or(|at| at > now))
        {
        }
    }
}

fn relay(c: &mut Criterion) {
    let mut group = c.benchmark_group("relay, a packet of 172 bytes");
    group.throughput(Throughput::Elements(1));
    for streams in [200, 1000] {
        for (name, other) in [("plain", Law::Mu), ("transcoding", Law::A)] {
            let mut talk = Talk::new(streams, other, None);
            // Every source is probed and every report has been spoken once.
            for _ in 0..300 * 2 * u32::from(streams) {
                talk.packet(other);
            }
            group.bench_function(BenchmarkId::new(name, format!("{streams} streams")), |b| {
                b.iter(|| talk.packet(other));
            });
        }
    }
    group.finish();
}

/// What protecting costs the sender is left out.
fn srtp(c: &mut Criterion) {
    let mut group = c.benchmark_group("relay, SRTP on both legs, a packet of 172 bytes");
    group.throughput(Throughput::Elements(1));
    for streams in [200, 1000] {
        for suite in [None, Some(Suite::AesCm128HmacSha1_80), Some(Suite::AeadAes128Gcm)] {
            let talk = RefCell::new(Talk::new(streams, Law::Mu, suite));
            for _ in 0..300 * 2 * u32::from(streams) {
                talk.borrow_mut().packet(Law::Mu);
            }
            let name = suite.map_or("plain", Suite::name);
            group.bench_function(BenchmarkId::new(name, format!("{streams} streams")), |b| {
                let arrives = || talk.borrow_mut().arrives(Law::Mu);
                b.iter_batched(
                    arrives,
                    |arrived| talk.borrow_mut().goes_through(arrived),
                    BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}

criterion_group!(name = benches; config = criterion(); targets = relay, srtp);
criterion_main!(benches);
