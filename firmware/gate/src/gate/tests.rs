use std::collections::VecDeque;

use smoltcp::wire::{ArpOperation, Icmpv4Packet, IpProtocol, UdpPacket};
use warmline_core::filter::{Prefix, Range};
use warmline_core::g711::Law;
use warmline_core::memory::{Slot, TimerSlot};
use warmline_core::relay::{Control, Door, Name, Output, Peer, Report, Side, Storage, StreamId};
use warmline_core::rtp::{Direction, Format, Profile};

use super::*;
use crate::door::HEAD;
use crate::frame::IPV4;

const US: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
const OUR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);
const AI: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
const ZENDESK: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 5);
const STRANGER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 66);
const NOW: Instant = Instant::from_micros(1_000_000);

/// The hardware address of somebody on our wire; what comes from elsewhere comes from the gateway.
fn hardware(address: Ipv4Addr) -> EthernetAddress {
    let near = address.octets()[..3] == OUR.octets()[..3];
    EthernetAddress([2, 0, 0, 0, 1, if near { address.octets()[3] } else { 254 }])
}

#[derive(Default)]
struct Cable {
    coming: VecDeque<Vec<u8>>,
    sent: Vec<Vec<u8>>,
    /// How many bytes of the last frame were moved.
    moved: usize,
    full: bool,
}

impl Nic for Cable {
    fn hardware_address(&self) -> EthernetAddress {
        US
    }

    fn link_is_up(&mut self, _: &Waker) -> bool {
        true
    }

    fn receive(&mut self, _: &Waker, frame: &mut Frame, wanted: impl FnOnce(&[u8]) -> bool) -> Taken {
        let Some(came) = self.coming.pop_front() else { return Taken::Nothing };
        self.moved = came.len().min(HEAD);
        if !wanted(&came[..self.moved]) {
            return Taken::Refused;
        }
        self.moved = came.len();
        frame.bytes()[..came.len()].copy_from_slice(&came);
        Taken::Frame(came.len())
    }

    fn can_send(&mut self, _: &Waker) -> bool {
        !self.full
    }

    fn send(&mut self, frame: &[u8]) -> bool {
        if !self.full {
            self.sent.push(frame.to_vec());
        }
        !self.full
    }
}

type Tested = Gate<'static, 'static, Cable>;

const STREAM: StreamId = StreamId { index: 0, generation: 1 };

fn peer(address: Ipv4Addr, law: Law) -> Peer {
    let format = Format::fixed(law);
    let profile = Profile {
        send: format,
        receive: [Some(format), None],
        event_send: None,
        event_receive: None,
        noise: None,
        ptime: 20,
    };
    Peer::new((address, 4000).into(), (address, 4001).into(), profile, Direction::SendRecv)
}

/// A gate between the AI agent's mu-law and Zendesk's A-law, which know each other's hardware addresses or not.
fn gate() -> Tested {
    let storage = Storage {
        first_port: 20_000,
        doors: Vec::leak(vec![Door::EMPTY; 8]),
        names: Vec::leak(vec![Name::EMPTY; 1]),
        streams: Box::leak(Box::new([Slot::EMPTY])),
        thirds: &mut [],
        contexts: &mut [],
        keypads: &mut [],
        packers: &mut [],
        tapes: &mut [],
        taped: &mut [],
        timers: Vec::leak(vec![TimerSlot::EMPTY; 1]),
    };
    let mut relay = Relay::new(storage, &[7; 32]);
    relay.control(NOW, Control::Open { stream: STREAM, ports: [20_000, 20_002] });
    assert_eq!(relay.poll(NOW, None, &(), &mut []), Output::Report(Report::Opened { stream: STREAM }));
    let sides = [(Side::A, peer(AI, Law::Mu)), (Side::B, peer(ZENDESK, Law::A))];
    for (side, peer) in sides {
        relay.control(NOW, Control::Point { stream: STREAM, side, peer });
    }
    let prefix = |address, length| Prefix::new(address, length).expect("no host bits are set");
    let sources = vec![
        Range::new(0, prefix(AI.into(), 32), 0),
        Range::new(0, prefix(Ipv4Addr::new(203, 0, 113, 0).into(), 24), 1),
    ];
    let ground = Ground {
        address: OUR,
        prefix: 24,
        gateway: Some(GATEWAY),
        resolvers: [Ipv4Addr::new(192, 0, 2, 53)].into_iter().collect(),
        sources: Vec::leak(sources),
        listeners: [5060].into_iter().collect(),
        media: (20_000, 20_015),
        ..Ground::unsettled(US, false)
    };
    let unsettled = Ground::unsettled(US, false);
    let mut gate = Gate::new(Cable::default(), relay, unsettled, Box::leak(Box::default()));
    gate.settle(NOW, ground);
    assert_eq!(gate.nic.sent, [neighbours::question(US, OUR, GATEWAY)], "the gateway is asked for at once");
    gate.nic.sent.clear();
    gate
}

/// The frames of a datagram for us.
fn frames(from: (Ipv4Addr, u16), port: u16, payload: &[u8]) -> Vec<Vec<u8>> {
    let datagram = Datagram {
        from: SocketAddrV4::new(from.0, from.1),
        to: SocketAddrV4::new(OUR, port),
        class: Class::Media,
        ident: 1,
    };
    let mut room = vec![0; HEADERS];
    room.extend_from_slice(payload);
    let mut frames = Vec::new();
    datagram.send(Link { from: hardware(from.0), to: US }, &mut room, payload.len(), |frame| {
        frames.push(frame.to_vec());
        true
    });
    frames
}

fn rtp(payload_type: u8, sound: u8) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4];
    packet.extend([sound; 160]);
    packet
}

fn reply(from: Ipv4Addr) -> Vec<u8> {
    let mut frame = neighbours::question(hardware(from), from, OUR).to_vec();
    frame[..6].copy_from_slice(US.as_bytes());
    ArpPacket::new_unchecked(&mut frame[ETHERNET..]).set_operation(ArpOperation::Reply);
    frame
}

/// What becomes of a frame, and how often anything was dropped for `reason` by then.
fn take(gate: &mut Tested, frame: Vec<u8>) -> Incoming {
    gate.nic.coming.push_back(frame);
    let mut room = Frame::EMPTY;
    gate.receive(NOW, Waker::noop(), &mut room)
}

fn refused(gate: &mut Tested, frame: Vec<u8>, reason: Reason) {
    let before = gate.counters().get(reason);
    let len = frame.len();
    assert_eq!(take(gate, frame), Incoming::Nothing);
    assert_eq!(gate.counters().get(reason), before + 1, "{reason:?}");
    assert!(gate.nic.moved < len.max(HEAD + 1), "no more than its head was moved");
    assert!(gate.nic.sent.is_empty(), "nothing is answered");
}

#[test]
fn audio_passes_the_stack_by_and_changes_its_law() {
    let mut gate = gate();
    take(&mut gate, reply(GATEWAY));
    assert_eq!(take(&mut gate, frames((AI, 4000), 20_000, &rtp(0, 0xff)).remove(0)), Incoming::Nothing);
    let [frame] = &gate.nic.sent[..] else { panic!("{} frames", gate.nic.sent.len()) };
    assert_eq!(EthernetFrame::new_unchecked(&frame[..]).dst_addr(), hardware(GATEWAY));
    let ip = Ipv4Packet::new_checked(&frame[ETHERNET..]).expect("a packet");
    assert!(ip.verify_checksum());
    assert_eq!((ip.src_addr(), ip.dst_addr(), ip.dscp()), (OUR, ZENDESK, 46));
    let udp = UdpPacket::new_checked(ip.payload()).expect("a datagram");
    assert!(udp.verify_checksum(&OUR.into(), &ZENDESK.into()));
    assert_eq!((udp.src_port(), udp.dst_port()), (20_002, 4000));
    assert_eq!(udp.payload()[1] & 0x7f, 8);
    assert_eq!(udp.payload()[12..], [0xd5; 160], "silence in the other law");
    assert_eq!(gate.traffic().relayed, 1);
    assert_eq!(gate.traffic().sent, 0);
}

#[test]
fn audio_from_elsewhere_goes_nowhere() {
    let mut gate = gate();
    assert_eq!(take(&mut gate, frames((STRANGER, 4000), 20_000, &rtp(0, 0xff)).remove(0)), Incoming::Nothing);
    assert_eq!(gate.relay.counters().get(Reason::WrongSource), 1);
    assert!(gate.nic.sent.is_empty());
}

#[test]
fn a_damaged_packet_is_not_relayed() {
    let mut gate = gate();
    take(&mut gate, reply(GATEWAY));
    let mut frame = frames((AI, 4000), 20_000, &rtp(0, 0xff)).remove(0);
    *frame.last_mut().expect("it is not empty") ^= 1;
    assert_eq!(take(&mut gate, frame), Incoming::Nothing);
    assert_eq!(gate.counters().get(Reason::BadChecksum), 1);
    assert!(gate.nic.sent.is_empty());
}

#[test]
fn strangers_get_no_further_than_the_head_of_their_frame() {
    let mut gate = gate();
    refused(&mut gate, frames((STRANGER, 5060), 5060, &[b'x'; 600]).remove(0), Reason::UnknownSource);
    for fragment in frames((STRANGER, 5060), 5060, &[b'x'; 3000]) {
        refused(&mut gate, fragment, Reason::UnknownSource);
    }
    let mut ping = frames((STRANGER, 8), 0, &[0; 60]).remove(0);
    Ipv4Packet::new_unchecked(&mut ping[ETHERNET..]).set_next_header(IpProtocol::Icmp);
    Icmpv4Packet::new_unchecked(&mut ping[ETHERNET + IPV4..]).set_msg_code(0);
    refused(&mut gate, ping, Reason::UnknownSource);
}

#[test]
fn what_is_not_for_us_or_not_spoken_stays_outside() {
    let mut gate = gate();
    let sip = || frames((AI, 5060), 5060, &[b'x'; 600]).remove(0);
    let changed = |at: usize, byte: u8| {
        let mut frame = sip();
        frame[at] = byte;
        frame
    };
    refused(&mut gate, changed(5, 9), Reason::NotForUs); // another station's
    refused(&mut gate, changed(13, 0xdd), Reason::ProtocolNotSpoken); // IPv6
    refused(&mut gate, changed(ETHERNET, 0x46), Reason::ProtocolNotSpoken); // options
    refused(&mut gate, changed(ETHERNET, 0x65), Reason::FrameMalformed); // version 6
    refused(&mut gate, changed(ETHERNET + 9, 6), Reason::ProtocolNotSpoken); // TCP
    refused(&mut gate, changed(ETHERNET + 19, 9), Reason::NotForUs); // another address
    refused(&mut gate, frames((AI, 5060), 5061, &[0; 60]).remove(0), Reason::NoListener);
    refused(&mut gate, frames((AI, 67), 68, &[0; 300]).remove(0), Reason::NoListener); // no lease is awaited
    refused(&mut gate, frames((AI, 4000), 20_000, &[0; 2000]).remove(0), Reason::MediaFragmented);
    refused(&mut gate, frames((AI, 53), 50_000, &[0; 60]).remove(0), Reason::NoListener);
    refused(&mut gate, sip()[..20].to_vec(), Reason::FrameMalformed);
    refused(&mut gate, neighbours::question(hardware(AI), AI, STRANGER).to_vec(), Reason::NotForUs);
}

#[test]
fn what_is_known_goes_to_the_stack() {
    let mut gate = gate();
    let known = [
        frames((AI, 5060), 5060, &[b'x'; 600]).remove(0),
        frames((AI, 5060), 5060, &[b'x'; 2000]).remove(1),
        frames((Ipv4Addr::new(192, 0, 2, 53), 53), 50_000, &[0; 60]).remove(0),
        neighbours::question(hardware(STRANGER), STRANGER, OUR).to_vec(),
    ];
    for frame in known {
        let len = frame.len();
        assert_eq!(take(&mut gate, frame), Incoming::Stack(len));
    }
}

#[test]
fn before_there_is_an_address_only_a_lease_passes() {
    let mut gate = gate();
    gate.settle(NOW, Ground::unsettled(US, true));
    refused(&mut gate, frames((AI, 5060), 5060, &[b'x'; 600]).remove(0), Reason::NotForUs);
    refused(&mut gate, frames((AI, 4000), 20_000, &rtp(0, 0)).remove(0), Reason::NotForUs);
    let offer = frames((GATEWAY, 67), 68, &[0; 300]).remove(0);
    let len = offer.len();
    assert_eq!(take(&mut gate, offer), Incoming::Stack(len));
}

#[test]
fn what_waits_for_a_neighbour_leaves_when_it_has_answered() {
    let mut gate = gate();
    let mut room = [7; HEADERS + 100];
    gate.send(NOW, &mut room, 100, 5060, (AI, 5060).into(), Class::Signalling);
    assert_eq!(gate.nic.sent, [neighbours::question(US, OUR, AI)]);
    gate.nic.sent.clear();
    take(&mut gate, reply(AI));
    let [frame] = &gate.nic.sent[..] else { panic!("{} frames", gate.nic.sent.len()) };
    assert_eq!(EthernetFrame::new_unchecked(&frame[..]).dst_addr(), hardware(AI));
    let arrived = Arrived::read(frame).expect("it is whole");
    assert_eq!((arrived.from.port(), arrived.port, arrived.len), (5060, 5060, 100));
    assert_eq!(&frame[HEADERS..], [7; 100]);
}

#[test]
fn a_silent_neighbour_holds_nobody_back() {
    let mut gate = gate();
    take(&mut gate, reply(GATEWAY));
    let mut room = [7; HEADERS + 2000];
    gate.send(NOW, &mut room, 100, 5060, (AI, 5060).into(), Class::Signalling);
    gate.nic.sent.clear();
    gate.send(NOW, &mut room, 100, 5060, (ZENDESK, 5060).into(), Class::Signalling);
    assert_eq!(gate.nic.sent.len(), 1);
    gate.send(NOW, &mut room, 2000, 5060, (AI, 5060).into(), Class::Signalling);
    assert_eq!(gate.counters().get(Reason::NoNeighbour), 1, "fragments do not wait");
    gate.send(NOW, &mut room, 2000, 5060, (ZENDESK, 5060).into(), Class::Signalling);
    assert_eq!(gate.nic.sent.len(), 3);
}

#[test]
fn a_full_controller_is_counted() {
    let mut gate = gate();
    take(&mut gate, reply(GATEWAY));
    gate.nic.full = true;
    let mut room = [7; HEADERS + 100];
    gate.send(NOW, &mut room, 100, 5060, (ZENDESK, 5060).into(), Class::Signalling);
    assert_eq!(gate.counters().get(Reason::SendFull), 1);
}

#[test]
fn a_flood_leaves_others_their_turn() {
    let mut gate = gate();
    let stranger = frames((STRANGER, 5060), 5060, b"x").remove(0);
    gate.nic.coming.extend(core::iter::repeat_n(stranger, BATCH + 1));
    let mut frame = Frame::EMPTY;
    assert_eq!(gate.receive(NOW, Waker::noop(), &mut frame), Incoming::More);
    assert_eq!(gate.receive(NOW, Waker::noop(), &mut frame), Incoming::Nothing);
}

#[test]
fn no_frame_breaks_the_gate() {
    let mut gate = gate();
    let seeds = [
        frames((AI, 4000), 20_000, &rtp(0, 0xff)).remove(0),
        frames((AI, 5060), 5060, &[b'x'; 60]).remove(0),
        reply(GATEWAY),
    ];
    let mut random = warmline_core::random::Random::new(&[3; 32]);
    for round in 0..200_000 {
        let mut frame = seeds[round % seeds.len()].clone();
        for _ in 0..1 + random.next_u64() % 4 {
            let at = random.next_u64() as usize % frame.len().min(64);
            frame[at] = random.next_u64() as u8;
        }
        frame.truncate(1 + random.next_u64() as usize % (2 * frame.len()));
        take(&mut gate, frame);
        gate.nic.sent.clear();
    }
    let len = reply(AI).len();
    assert_eq!(take(&mut gate, reply(AI)), Incoming::Stack(len));
}
