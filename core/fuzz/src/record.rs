use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use crc::{CRC_32_ISO_HDLC, Crc};
use warmline_core::config::{
    Config, Interface, Line, List, Listener, Node, Ring, Span, Target, TargetIndex, Trunk, TrunkIndex,
    TrunkKind,
};
use warmline_core::filter::{Range, Rate};
use warmline_core::line::{Hours, Schedule};
use warmline_core::memory::{Block, Entry, Lingering, LingeringSlot, PortQueue, PortSlot, Slot, TimerSlot};
use warmline_core::relay::{Control, Report, Statistics};
use warmline_core::time::{Duration, Instant};
use warmline_core::transport::{Path, Transport};
use warmline_core::{
    Admitted, Command, Cx, Event, Input, Output, RECORD_VERSION, RestoreError, Sbc, Storage, TrunkState,
    Usage, transaction,
};

/// Restores a record whose body is what the bytes say; an even first byte makes it the record of a real call with
/// some bytes of it changed, three of the bytes for each. Whatever it was, nothing may be left when its call is over.
pub fn record(data: &[u8]) {
    let Some((&kind, data)) = data.split_first() else { return };
    let mut bytes = [0; 4_096];
    let mut len = 3;
    if kind % 2 == 0 {
        len = within_a_node(1, |sbc, cx| a_call(sbc, cx, &mut bytes));
        assert!(len > 400, "a call's record");
        len -= 4;
        for change in data.as_chunks::<3>().0 {
            let place = usize::from(u16::from_le_bytes([change[0], change[1]]));
            bytes[3 + place % (len - 3)] = change[2];
        }
    } else {
        let data = &data[..data.len().min(4_000)];
        bytes[len..][..data.len()].copy_from_slice(data);
        len += data.len();
    }
    let whole = len + 4;
    bytes[0] = RECORD_VERSION;
    bytes[1..3].copy_from_slice(&(whole as u16).to_le_bytes());
    let sum = Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(&bytes[..len]);
    bytes[len..whole].copy_from_slice(&sum.to_le_bytes());
    let unchanged = kind % 2 == 0 && data.len() < 3;
    within_a_node(2, |sbc, cx| {
        let restored = restored(sbc, cx, &bytes[..whole]);
        assert!(restored || !unchanged, "a call that was saved is restored");
    });
}

/// Restores a record and lives through what comes of it; whether it was a call.
fn restored(sbc: &mut Sbc<'_>, cx: &Cx<'_>, record: &[u8]) -> bool {
    let mut out = [0; 4_096];
    let id = match sbc.restore(cx, record) {
        Ok(id) => id,
        Err(error) => {
            assert_eq!(error, RestoreError::Malformed, "its checksum and version are right");
            assert_eq!(sbc.usage(), Usage::default());
            return false;
        }
    };
    assert_eq!(sbc.restore(cx, record).err().is_some(), sbc.usage().legs > 0, "a call is restored once");
    let mut open = false;
    let mut ended = 0;
    for turn in 0..3 {
        let cx = Cx { now: cx.now.after(Duration::from_secs(40 * turn)), ..*cx };
        while let Some(output) = next(sbc, &cx, &mut out) {
            match output {
                Output::Media { control: Control::Open { stream, .. }, .. } => {
                    open = true;
                    sbc.handle(&cx, Input::Media(Report::Opened { stream }));
                }
                Output::Media { control: Control::Close { stream }, .. } => {
                    assert!(open, "what was never opened is not closed");
                    let sides = [Statistics::default(); 3];
                    sbc.handle(&cx, Input::Media(Report::Closed { stream, sides }));
                }
                Output::Event(Event::Settled(id)) => {
                    let mut again = [0; 2_500];
                    let len = sbc.save(&cx, id, &mut again).expect("2,500 bytes are enough");
                    assert!(len <= record.len() + 64, "{len}");
                }
                Output::Event(Event::Ended(_)) => ended += 1,
                _ => {}
            }
        }
        sbc.handle(&cx, Input::Command(Command::HangUp(id)));
    }
    let left = sbc.usage();
    assert_eq!((left.calls, left.legs, left.dialogs, left.ports), (0, 0, 0, 0), "nothing is left");
    assert_eq!(ended, 1, "its end is told once");
    true
}

/// What leaves next, until it waits.
fn next(sbc: &mut Sbc<'_>, cx: &Cx<'_>, out: &mut [u8]) -> Option<Output> {
    match sbc.poll(cx, out) {
        Output::Wait(_) => None,
        output => Some(output),
    }
}

/// Makes an answered call, and writes its record.
fn a_call(sbc: &mut Sbc<'_>, cx: &Cx<'_>, record: &mut [u8]) -> usize {
    let mut out = [0; 4_096];
    let peer = admitted(sbc, cx);
    sbc.handle(cx, Input::Message(peer, INVITE));
    let mut answer = [0; 1_024];
    let mut len = 0;
    while let Some(output) = next(sbc, cx, &mut out) {
        match output {
            Output::Media { control: Control::Open { stream, .. }, .. } => {
                sbc.handle(cx, Input::Media(Report::Opened { stream }));
            }
            Output::Transmit { len: sent, .. } if out.starts_with(b"INVITE ") => {
                let end = respond(&out[..sent], &mut answer);
                sbc.handle(cx, Input::Message(peer, &answer[..end]));
            }
            Output::Event(Event::Settled(id)) => {
                len = sbc.save(cx, id, record).expect("the call has settled");
            }
            _ => {}
        }
    }
    len
}

fn admitted(sbc: &mut Sbc<'_>, cx: &Cx<'_>) -> Admitted {
    let path = Path { transport: Transport::Udp, listener: 0, flow: 0, remote: SocketAddr::new(PEER, 5060) };
    sbc.admit(cx, path).expect("the peer is known")
}

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));

const INVITE: &[u8] = b"INVITE sip:line@192.0.2.1 SIP/2.0\r\n\
    Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1;rport\r\nFrom: <sip:+14155550100@198.51.100.7>;tag=a\r\n\
    To: <sip:line@192.0.2.1>\r\nCall-ID: call@198.51.100.7\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n\
    Contact: <sip:a@198.51.100.7>\r\nRecord-Route: <sip:198.51.100.8;lr>\r\nX-Zendesk-Ticket-Id: 35436\r\n\
    Content-Type: application/sdp\r\nContent-Length: 155\r\n\r\n\
    v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
    m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\nm=video 0 RTP/AVP 31\r\n";

const ANSWER: &[u8] = b"Contact: <sip:b@198.51.100.7>\r\nContent-Type: application/sdp\r\nContent-Length: 94\r\n\r\n\
    v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\nm=audio 42000 RTP/AVP 8\r\n";

/// The answer to an INVITE of ours: how long it is.
fn respond(invite: &[u8], out: &mut [u8]) -> usize {
    let mut len = 0;
    let mut put = |bytes: &[u8]| {
        out[len..][..bytes.len()].copy_from_slice(bytes);
        len += bytes.len();
    };
    put(b"SIP/2.0 200 OK\r\n");
    for line in invite.split_inclusive(|&byte| byte == b'\n') {
        if [&b"Via:"[..], b"From:", b"Call-ID:", b"CSeq:"].iter().any(|name| line.starts_with(name)) {
            put(line);
        } else if line.starts_with(b"To:") {
            put(line.trim_ascii_end());
            put(b";tag=b\r\n");
        }
    }
    put(ANSWER);
    len
}

/// Runs with a configuration by which one peer calls itself.
pub(crate) fn with_a_config<R>(run: impl FnOnce(&Config<'_>) -> R) -> R {
    let mut text = [0; 64];
    let mut used = 0;
    let mut say = |word: &[u8]| {
        let span = Span { start: used as u32, len: word.len() as u32 };
        text[used..][..word.len()].copy_from_slice(word);
        used += word.len();
        span
    };
    let (peer, line, uri) = (say(b"peer"), say(b"line"), say(b"sip:b@198.51.100.7"));
    let host = say(b"198.51.100.7");
    let address = Ipv4Addr::new(198, 51, 100, 7).to_ipv6_mapped().to_bits();
    let rate = Rate { per_second: 1_000, burst: 1_000 };
    let ours = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let config = Config {
        text: &text,
        node: Node {
            name: peer,
            country: Span::default(),
            new_calls: rate,
            workers: 1,
            silence: 60,
            blocked: Span::default(),
        },
        domains: &[],
        interfaces: &[Interface { name: line, address: ours, advertise: ours, media: (10_000, 10_015) }],
        listeners: &[Listener { interface: 0, transport: Transport::Udp, port: 5060 }],
        trunks: &[Trunk::new(peer, TrunkKind::Ai, 0)],
        sources: &[Range { scope: 0, first: address, last: address, value: 0 }],
        media: &[],
        targets: &[Target::new(line, TrunkIndex(0), uri, host)],
        lines: &[Line::new(line, List::new(0, 1), List::new(0, 1), List::new(0, 1))],
        dials: &[line],
        callers: &[TrunkIndex(0)],
        rings: &[Ring::new(TargetIndex(0), 20_000)],
        users: &[],
        shared: &[],
        schedules: &[Schedule {
            name: line,
            changes: List::new(0, 3),
            first: Hours::Closed,
            unknown: Hours::Open,
        }],
        instants: &[0_u32, 1, u32::MAX].map(u32::to_be_bytes),
        whens: &[],
        keys: &[],
    };
    run(&config)
}

/// Runs with a node that carries two calls from one peer back to it.
fn within_a_node<R>(seed: u8, run: impl FnOnce(&mut Sbc<'_>, &Cx<'_>) -> R) -> R {
    with_a_config(|config| with_a_node(config, seed, run))
}

fn with_a_node<R>(config: &Config<'_>, seed: u8, run: impl FnOnce(&mut Sbc<'_>, &Cx<'_>) -> R) -> R {
    let (mut calls, mut legs) = ([const { Slot::EMPTY }; 2], [const { Slot::EMPTY }; 5]);
    let (mut dialogs, mut clock) = ([Entry::EMPTY; 16], [TimerSlot::EMPTY; 7]);
    let (mut live, mut index) = ([const { Slot::EMPTY }; 10], [Entry::EMPTY; 20]);
    let (mut timers, mut finished) = ([TimerSlot::EMPTY; 10], [LingeringSlot::EMPTY; 16]);
    let (mut blocks, mut trunks, mut reply) = ([Block::EMPTY; 32], [TrunkState::default()], [0; 4_096]);
    let (mut ports, mut port_queues) = ([PortSlot::EMPTY; 8], [PortQueue::EMPTY; 1]);
    let storage = Storage {
        calls: &mut calls,
        legs: &mut legs,
        dialogs: &mut dialogs,
        clock: &mut clock,
        transactions: transaction::Storage {
            live: &mut live,
            index: &mut index,
            timers: &mut timers,
            finished: Lingering::new(&mut finished),
        },
        blocks: &mut blocks,
        ports: &mut ports,
        port_queues: &mut port_queues,
        trunks: &mut trunks,
        pings: &mut [],
        windows: &mut [],
        phones: &mut [],
        announced: &mut [],
        reply: &mut reply,
    };
    let mut sbc = Sbc::new(storage, config, &[seed; 32]);
    run(&mut sbc, &Cx { now: Instant::from_micros(1 << 40), utc: None, config })
}
