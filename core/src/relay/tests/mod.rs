//! Streams on real bytes and virtual time.

use core::net::SocketAddr;
use std::boxed::Box;
use std::vec::Vec;

use super::*;
use crate::g711::{self, Law};
use crate::rtp::rtcp::{Compound, Ntp, Packet, ReportBlock, SenderInfo, Writer};
use crate::rtp::{Direction, Event, Format, Header, Profile, Seq, Timestamp};

mod conversation;
mod keys;
mod laws;
mod lifetime;
mod mixed;
mod packer;
mod packets;
mod parked;
mod players;
mod security;
mod source;
mod tapes;

const FIRST: u16 = 20_000;
const PORTS: [u16; 2] = [20_000, 20_002];
const ONE: StreamId = StreamId { index: 3, generation: 1 };

/// A relay with room for so many streams.
fn relay(streams: usize) -> Relay<'static> {
    let storage = Storage {
        first_port: FIRST,
        doors: Vec::leak(std::vec![Door::EMPTY; 2 * streams + 8]),
        names: Vec::leak(std::vec![Name::EMPTY; streams + 8]),
        streams: Box::leak((0..streams).map(|_| Slot::EMPTY).collect()),
        thirds: Box::leak((0..streams.div_ceil(2)).map(|_| Slot::EMPTY).collect()),
        contexts: Box::leak((0..streams).map(|_| Slot::EMPTY).collect()),
        keypads: Box::leak((0..2 * streams).map(|_| Slot::EMPTY).collect()),
        packers: Box::leak((0..2 * streams).map(|_| Slot::EMPTY).collect()),
        tapes: Box::leak((0..streams).map(|_| Slot::EMPTY).collect()),
        taped: Vec::leak(std::vec![Taped::EMPTY; 16]),
        timers: Vec::leak(std::vec![TimerSlot::EMPTY; streams]),
    };
    Relay::new(storage, &[7; 32])
}

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1000)
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

const fn profile(law: Law, event: Option<u8>) -> Profile {
    let format = Format::fixed(law);
    Profile {
        send: format,
        receive: [Some(format), None],
        event_send: event,
        event_receive: event,
        noise: None,
        ptime: 20,
    }
}

/// The caller: mu-law, events in 101.
fn caller() -> Peer {
    let (rtp, rtcp) = (address("192.0.2.10:4000"), address("192.0.2.10:4001"));
    Peer::new(rtp, rtcp, profile(Law::Mu, Some(101)), Direction::SendRecv)
}

/// The target: A-law, events in 96.
fn target() -> Peer {
    let (rtp, rtcp) = (address("198.51.100.20:5000"), address("198.51.100.20:5001"));
    Peer::new(rtp, rtcp, profile(Law::A, Some(96)), Direction::SendRecv)
}

fn open(relay: &mut Relay<'_>, now: Instant, stream: StreamId, ports: [u16; 2]) {
    relay.control(now, Control::Open { stream, ports });
    assert_eq!(relay.poll(now, None, &(), &mut []), Output::Report(Report::Opened { stream }));
}

fn point(relay: &mut Relay<'_>, now: Instant, side: Side, peer: Peer) {
    relay.control(now, Control::Point { stream: ONE, side, peer });
}

/// A relay with one stream between the caller and the target, at time 0.
fn bridged() -> Relay<'static> {
    let mut relay = relay(4);
    open(&mut relay, at(0), ONE, PORTS);
    point(&mut relay, at(0), Side::A, caller());
    point(&mut relay, at(0), Side::B, target());
    relay
}

fn packet(payload_type: u8, ssrc: u32, seq: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = std::vec![0x80, payload_type];
    packet.extend(seq.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

/// What becomes of a datagram, and its bytes after it.
fn forward(
    relay: &mut Relay<'_>,
    now: Instant,
    port: u16,
    from: SocketAddr,
    bytes: &[u8],
) -> (Verdict, Vec<u8>) {
    let mut buffer = bytes.to_vec();
    buffer.resize(bytes.len() + TAILROOM, 0);
    let verdict = relay.forward(now, port, from, &mut buffer, bytes.len());
    buffer.truncate(if let Verdict::Send(hop) = verdict { hop.len } else { 0 });
    (verdict, buffer)
}

/// What the target is sent for a packet of the caller's.
fn to_target(relay: &mut Relay<'_>, now: Instant, bytes: &[u8]) -> (Header, Vec<u8>) {
    let (verdict, sent) = forward(relay, now, PORTS[0], caller().rtp, bytes);
    assert_eq!(verdict, Verdict::Send(Hop { port: PORTS[1], to: target().rtp, len: bytes.len() }));
    (Header::parse(&sent).unwrap(), sent[12..].to_vec())
}

/// What the caller is sent for a packet of the target's.
fn to_caller(relay: &mut Relay<'_>, now: Instant, bytes: &[u8]) -> (Header, Vec<u8>) {
    let (verdict, sent) = forward(relay, now, PORTS[1], target().rtp, bytes);
    assert_eq!(verdict, Verdict::Send(Hop { port: PORTS[0], to: caller().rtp, len: bytes.len() }));
    (Header::parse(&sent).unwrap(), sent[12..].to_vec())
}

fn dropped(relay: &mut Relay<'_>, now: Instant, port: u16, from: SocketAddr, bytes: &[u8]) -> Reason {
    match forward(relay, now, port, from, bytes).0 {
        Verdict::Drop(reason) => reason,
        other => panic!("{other:?}"),
    }
}

/// A datagram of the relay's own.
type Sent = (Hop, Vec<u8>);

/// Everything there is to do at `now`, and when the next is.
fn drain(relay: &mut Relay<'_>, now: Instant) -> (Vec<Sent>, Vec<Report>, Option<Instant>) {
    let (mut sent, mut reports) = (Vec::new(), Vec::new());
    loop {
        let mut out = [0; LONGEST];
        match relay.poll(now, None, &(), &mut out) {
            Output::Send(hop) => sent.push((hop, out[..hop.len].to_vec())),
            Output::Report(report) => reports.push(report),
            Output::Wait(until) => return (sent, reports, until),
        }
    }
}

fn close(relay: &mut Relay<'_>, now: Instant) -> [Statistics; 2] {
    relay.control(now, Control::Close { stream: ONE });
    let (_, reports, _) = drain(relay, now);
    let closed = reports.iter().find_map(|report| match report {
        Report::Closed { stream: ONE, sides: [a, b, _] } => Some([*a, *b]),
        _ => None,
    });
    closed.unwrap_or_else(|| panic!("{reports:?}"))
}

/// A frame of audio that is not all alike.
fn frame(law: Law, seed: i16) -> Vec<u8> {
    (0..160).map(|n: i16| law.encode(n.wrapping_mul(seed).wrapping_mul(211))).collect()
}

/// A report of a peer's: by one who sends and has sent a sender report at `ntp`, or by one who does not.
fn report(ssrc: u32, ntp: Option<Ntp>) -> Vec<u8> {
    report_about(ssrc, ntp, &[])
}

fn report_about(ssrc: u32, ntp: Option<Ntp>, blocks: &[ReportBlock]) -> Vec<u8> {
    let mut bytes = std::vec![0; 128];
    let mut writer = Writer::new(&mut bytes);
    match ntp {
        Some(ntp) => {
            let info = SenderInfo { ntp, timestamp: Timestamp(0), packets: 1, octets: 160 };
            writer.sender_report(ssrc, &info, blocks);
        }
        None => {
            writer.receiver_report(ssrc, blocks);
        }
    }
    let len = writer.cname(ssrc, b"peer").finish().unwrap();
    bytes.truncate(len);
    bytes
}

/// A report of ours: its SSRC, what it says as a sender, about its peer, its name, and whether it says BYE.
fn read(bytes: &[u8]) -> (u32, Option<SenderInfo>, Option<ReportBlock>, Vec<u8>, bool) {
    let packets: Vec<_> = Compound::parse(bytes).unwrap().packets().collect();
    let (ssrc, info, mut blocks) = match packets[0].clone() {
        Packet::SenderReport { ssrc, info, blocks } => (ssrc, Some(info), blocks),
        Packet::ReceiverReport { ssrc, blocks } => (ssrc, None, blocks),
        other => panic!("{other:?}"),
    };
    let Packet::Sdes(mut items) = packets[1].clone() else { panic!("{packets:?}") };
    let (by, kind, name) = items.next().unwrap();
    assert_eq!((by, kind), (ssrc, rtcp::CNAME));
    let bye = match packets.get(2) {
        Some(Packet::Bye { ssrc: by }) => *by == ssrc,
        None => false,
        other => panic!("{other:?}"),
    };
    (ssrc, info, blocks.next(), name.to_vec(), bye)
}
