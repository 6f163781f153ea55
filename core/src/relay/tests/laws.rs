//! What holds whatever comes, in whatever order.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Something that can happen to a relay. Small numbers, so that they meet.
#[derive(Clone, Debug)]
enum Step {
    Open(u32, u32, u16),
    Point(u32, u32, bool, u8, u8),
    Close(u32, u32),
    Bytes(u16, u8, Vec<u8>),
    Packet {
        port: u16,
        from: u8,
        payload_type: u8,
        ssrc: u32,
        seq: u16,
        timestamp: u32,
        flags: u8,
        len: usize,
    },
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let packet = (0..24u16, 0..4u8, 0..4u8, 0..3u32, any::<u16>(), any::<u32>(), 0..64u8, 0..40usize);
    let packet = packet.prop_map(|(port, from, format, ssrc, seq, timestamp, flags, len)| {
        // Half of them from whom the working stream may hear.
        let (port, from) = if port < 12 { (port, from) } else { (port & 2, (port & 2) as u8 / 2) };
        Step::Packet {
            port: FIRST + port,
            from,
            payload_type: [0, 8, 101, 96][usize::from(format)],
            ssrc,
            seq: if seq & 1 == 0 { seq } else { seq & 0xff },
            timestamp: if seq & 2 == 0 { timestamp } else { timestamp & 0xffff },
            // Mostly plain packets.
            flags: if flags > 15 { 0x80 } else { 0x80 | flags << 2 },
            len,
        }
    });
    prop_oneof![
        1 => (0..4u32, 0..2u32, 0..6u16).prop_map(|(index, generation, port)| Step::Open(index, generation, port)),
        3 => (0..4u32, 0..2u32, any::<bool>(), 0..5u8, 0..4u8)
            .prop_map(|(index, generation, b, peer, how)| Step::Point(index, generation, b, peer, how)),
        1 => (0..4u32, 0..4u32).prop_map(|(index, generation)| Step::Close(index, generation)),
        4 => (0..14u16, 0..4u8, proptest::collection::vec(any::<u8>(), 0..60)).prop_map(|(port, from, bytes)| Step::Bytes(FIRST + port, from, bytes)),
        12 => packet,
        4 => (0..8_000_000u64).prop_map(Step::Pass),
    ]
}

/// The peers' addresses; the last one cannot be sent to.
fn home(peer: u8) -> (SocketAddr, SocketAddr) {
    let ip = if peer == 4 { "0.0.0.0".into() } else { std::format!("192.0.2.{}", 1 + peer) };
    (address(&std::format!("{ip}:4000")), address(&std::format!("{ip}:4001")))
}

/// What signalling said of one stream.
struct Told {
    stream: StreamId,
    ports: [u16; 2],
    peers: [Option<u8>; 2],
    closed: bool,
}

/// What signalling said, by the streams' indices.
#[derive(Default)]
struct Model(BTreeMap<u32, Told>);

impl Model {
    fn check(&self, hop: Hop, closing: bool) {
        let told = self.0.values().find(|told| told.ports.contains(&(hop.port & !1)));
        let told = told.expect("a stream has this port");
        assert!(closing || !told.closed);
        let side = usize::from(told.ports[1] == hop.port & !1);
        let peer = told.peers[side].expect("the side was pointed");
        assert_ne!(peer, 4, "nothing goes to zeros");
        let (rtp, rtcp) = home(peer);
        assert_eq!(hop.to, if hop.port & 1 == 0 { rtp } else { rtcp });
    }
}

fn run(steps: Vec<Step>) {
    let mut relay = relay(3);
    let mut model = Model::default();
    let mut now = 0;
    // One stream that works, so that most of what comes meets something.
    let working = [Step::Open(0, 0, 0), Step::Point(0, 0, false, 0, 0), Step::Point(0, 0, true, 1, 1)];
    for step in working.into_iter().chain(steps) {
        let instant = Instant::from_micros(now);
        let mut incoming = None;
        match step {
            Step::Open(index, generation, port) => {
                let ports = [FIRST + 2 * port, FIRST + 2 * ((port + 1) % 6)];
                relay.control(instant, Control::Open { stream: StreamId { index, generation }, ports });
                let stream = StreamId { index, generation };
                let told = Told { stream, ports, peers: [None; 2], closed: false };
                model.0.entry(index).or_insert(told);
            }
            Step::Point(index, generation, b, who, how) => {
                let stream = StreamId { index, generation };
                let (rtp, rtcp) = home(who);
                let law = if how & 1 == 0 { Law::Mu } else { Law::A };
                let directions =
                    [Direction::SendRecv, Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly];
                let direction = directions[usize::from(how)];
                let peer =
                    Peer { rtp, rtcp, profile: profile(law, (how & 2 == 0).then_some(101)), direction };
                let side = if b { Side::B } else { Side::A };
                relay.control(instant, Control::Point { stream, side, peer });
                if let Some(told) = model.0.get_mut(&index).filter(|told| told.stream == stream) {
                    told.peers[side.index()] = Some(who);
                }
            }
            Step::Close(index, generation) => {
                let stream = StreamId { index, generation };
                relay.control(instant, Control::Close { stream });
                if let Some(told) = model.0.get_mut(&index).filter(|told| told.stream == stream) {
                    told.closed = true;
                }
            }
            Step::Bytes(port, from, bytes) => incoming = Some((port, from, bytes)),
            Step::Packet { port, from, payload_type, ssrc, seq, timestamp, flags, len } => {
                let mut bytes = packet(payload_type, ssrc, seq, timestamp, &std::vec![3; len]);
                bytes[0] = flags;
                incoming = Some((port, from, bytes));
            }
            Step::Pass(micros) => now += micros,
        }
        if let Some((port, from, bytes)) = incoming {
            let (rtp, rtcp) = home(from);
            let from = if port & 1 == 0 { rtp } else { rtcp };
            let (verdict, sent) = forward(&mut relay, instant, port, from, &bytes);
            if let Verdict::Send(hop) = verdict {
                model.check(hop, false);
                assert_eq!(sent.len(), bytes.len());
                assert!(hop.port != port);
            }
        }
        let (sent, reports, _) = drain(&mut relay, Instant::from_micros(now));
        for (hop, bytes) in sent {
            model.check(hop, true);
            read(&bytes);
        }
        for report in reports {
            match report {
                Report::Opened { .. } => {}
                // Either it never was, or another holds its name.
                Report::Failed { stream } => {
                    if relay.find(stream).is_none()
                        && model.0.get(&stream.index).is_some_and(|told| told.stream == stream)
                    {
                        model.0.remove(&stream.index);
                    }
                }
                Report::Joined { .. } | Report::NotJoined { .. } | Report::Parted { .. } => {}
                Report::Closed { stream, .. } => assert!(model.0.remove(&stream.index).unwrap().closed),
            }
        }
        assert_eq!(relay.streams(), model.0.len());
    }
}

proptest! {
    #[test]
    fn whatever_comes_goes_only_where_signalling_said(steps in proptest::collection::vec(step(), 1..120)) {
        run(steps);
    }

    /// What one peer is sent is one source with rising numbers, whatever the other peer sends in order.
    #[test]
    fn one_peer_sees_one_source(
        packets in proptest::collection::vec((0..3u32, any::<u16>(), any::<u32>(), 1..200u64), 1..100),
    ) {
        let mut relay = bridged();
        let (mut millis, mut sent) = (0, None::<(u32, Seq)>);
        for (ssrc, seq, timestamp, pause) in packets {
            millis += pause;
            let (header, _) = to_target(&mut relay, at(millis), &packet(0, ssrc, seq, timestamp, &[0xff; 160]));
            let (ssrc, highest) = sent.unwrap_or((header.ssrc, header.seq));
            let ahead = header.seq.since(highest);
            prop_assert!((-crate::rtp::MAX_MISORDER..crate::rtp::MAX_DROPOUT).contains(&ahead), "{}", ahead);
            prop_assert_eq!(header.ssrc, ssrc);
            sent = Some((ssrc, if ahead > 0 { header.seq } else { highest }));
        }
    }
}
