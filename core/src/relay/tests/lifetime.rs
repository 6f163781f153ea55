//! How streams come and go.

use super::*;

#[test]
fn closing_says_bye_and_tells_what_happened() {
    let mut relay = bridged();
    for n in 0..10u16 {
        let bytes = packet(0, 77, n, 160 * u32::from(n), &[0xff; 160]);
        // One is lost, and one comes twice.
        if n != 4 {
            to_target(&mut relay, at(20 * u64::from(n)), &bytes);
        }
        if n == 6 {
            to_target(&mut relay, at(20 * u64::from(n)), &bytes);
        }
    }
    relay.control(at(200), Control::Close { stream: ONE });
    // Packets still come.
    let bytes = packet(0, 77, 10, 1600, &[0xff; 160]);
    assert_eq!(dropped(&mut relay, at(200), PORTS[0], caller().rtp, &bytes), Reason::PortClosed);
    assert_eq!(
        dropped(&mut relay, at(200), PORTS[1] + 1, target().rtcp, &report(1, None)),
        Reason::PortClosed
    );
    relay.control(at(200), Control::Close { stream: ONE });
    let (sent, reports, until) = drain(&mut relay, at(200));
    // The caller was sent nothing, so there is nothing to leave.
    let [(hop, bytes)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((hop.port, hop.to), (PORTS[1] + 1, target().rtcp));
    assert!(read(bytes).4, "says BYE");
    let a = Statistics {
        packets_received: 10,
        bytes_received: 1600,
        lost: 1,
        duplicates: 1,
        ..timed(&reports, Side::A)
    };
    let b = Statistics { packets_sent: 10, bytes_sent: 1600, ..timed(&reports, Side::B) };
    assert_eq!(reports, [Report::Closed { stream: ONE, sides: [a, b, Statistics::default()] }]);
    assert!(a.jitter < Duration::from_micros(2500));
    assert_eq!((until, relay.streams()), (None, 0));
    // Ports, name and place can be used again; the old name cannot.
    let again = StreamId { generation: 2, ..ONE };
    open(&mut relay, at(300), again, PORTS);
    point(&mut relay, at(300), Side::A, caller());
    relay.control(at(300), Control::Close { stream: ONE });
    assert_eq!(drain(&mut relay, at(60_000)), (Vec::new(), Vec::new(), None));
    assert_eq!(dropped(&mut relay, at(300), PORTS[0], caller().rtp, &bytes[..]), Reason::WrongSource);

    /// What follows from when packets came.
    fn timed(reports: &[Report], side: Side) -> Statistics {
        let [Report::Closed { sides, .. }] = reports else { panic!("{reports:?}") };
        let Statistics { jitter, mean_jitter, greatest_jitter, longest_pause, dead_air, .. } =
            sides[side.index()];
        Statistics { jitter, mean_jitter, greatest_jitter, longest_pause, dead_air, ..Statistics::default() }
    }
}

#[test]
fn a_stream_that_never_opened_to_anyone_closes_in_silence() {
    let mut relay = relay(1);
    relay.control(at(0), Control::Open { stream: ONE, ports: PORTS });
    relay.control(at(0), Control::Close { stream: ONE });
    let sides = [Statistics::default(); 3];
    let told =
        (Vec::new(), std::vec![Report::Opened { stream: ONE }, Report::Closed { stream: ONE, sides }], None);
    assert_eq!(drain(&mut relay, at(0)), told);
}

#[test]
fn two_streams_do_not_hear_each_other() {
    let mut relay = bridged();
    let two = StreamId { index: 4, generation: 1 };
    open(&mut relay, at(0), two, [20_004, 20_006]);
    let peer = |n| Peer { rtp: address(&std::format!("203.0.113.{n}:7000")), ..caller() };
    relay.control(at(0), Control::Point { stream: two, side: Side::A, peer: peer(1) });
    relay.control(at(0), Control::Point { stream: two, side: Side::B, peer: peer(2) });
    let bytes = packet(0, 1, 1, 160, &[0x12; 160]);
    let (one, _) = to_target(&mut relay, at(0), &bytes);
    let (verdict, sent) = forward(&mut relay, at(0), 20_004, peer(1).rtp, &bytes);
    assert_eq!(verdict, Verdict::Send(Hop { port: 20_006, to: peer(2).rtp, len: bytes.len() }));
    assert_ne!(Header::parse(&sent).unwrap().ssrc, one.ssrc);
    assert_eq!(dropped(&mut relay, at(0), 20_004, caller().rtp, &bytes), Reason::WrongSource);
    assert_eq!(dropped(&mut relay, at(0), PORTS[0], peer(1).rtp, &bytes), Reason::WrongSource);
    close(&mut relay, at(20));
    let (verdict, _) = forward(&mut relay, at(20), 20_004, peer(1).rtp, &packet(0, 1, 2, 320, &[0x12; 160]));
    assert!(matches!(verdict, Verdict::Send(_)));
}

#[test]
fn what_cannot_be_opened_fails() {
    let mut relay = relay(2);
    let named = |index| StreamId { index, generation: 1 };
    let failed = |relay: &mut Relay<'_>, stream, ports| {
        relay.control(at(0), Control::Open { stream, ports });
        assert_eq!(
            drain(relay, at(0)),
            (Vec::new(), std::vec![Report::Failed { stream }], None),
            "{ports:?}"
        );
    };
    open(&mut relay, at(0), named(0), PORTS);
    failed(&mut relay, named(0), [20_004, 20_006]);
    failed(&mut relay, StreamId { index: 0, generation: 2 }, [20_004, 20_006]);
    failed(&mut relay, named(1), [20_004, 20_002]);
    failed(&mut relay, named(1), [20_004, 19_998]);
    failed(&mut relay, named(1000), [20_004, 20_006]);
    open(&mut relay, at(0), named(1), [20_004, 20_006]);
    failed(&mut relay, named(2), [20_008, 20_010]);
    assert_eq!(relay.streams(), 2);
}

#[test]
fn a_poll_asks_few_streams_and_all_get_their_turn() {
    let mut relay = relay(100);
    let nowhere = Peer { rtcp: address("0.0.0.0:0"), ..caller() };
    for index in 0..100 {
        let stream = StreamId { index, generation: 0 };
        let port = FIRST + 4 * index as u16;
        // The first fifty have no one to report to.
        open(&mut relay, at(0), stream, [port, port + 2]);
        let peer = if index < 50 { nowhere } else { caller() };
        relay.control(at(0), Control::Point { stream, side: Side::A, peer });
    }
    let now = at(4000);
    let mut ports: Vec<u16> = Vec::new();
    for _ in 0..200 {
        match relay.poll(now, None, &(), &mut [0; 128]) {
            Output::Send(hop) => ports.push(hop.port),
            Output::Wait(Some(until)) if until <= now => {}
            Output::Wait(_) => break,
            Output::Report(report) => panic!("{report:?}"),
        }
    }
    ports.sort_unstable();
    assert_eq!(ports, (50..100).map(|index| FIRST + 4 * index + 1).collect::<Vec<u16>>());
}
