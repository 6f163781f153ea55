//! What becomes of packets.

use super::*;

#[test]
fn audio_is_transcoded_both_ways() {
    let mut relay = bridged();
    let audio = frame(Law::Mu, 3);
    let (header, sent) = to_target(&mut relay, at(20), &packet(0, 1, 1, 160, &audio));
    assert_eq!(header.payload_type, 8);
    assert_eq!(sent, audio.iter().map(|&code| g711::mu_to_a(code)).collect::<Vec<_>>());
    let audio = frame(Law::A, 5);
    let (header, sent) = to_caller(&mut relay, at(20), &packet(8, 2, 1, 160, &audio));
    assert_eq!(header.payload_type, 0);
    assert_eq!(sent, audio.iter().map(|&code| g711::a_to_mu(code)).collect::<Vec<_>>());
}

#[test]
fn audio_of_the_same_law_is_left_as_it_is() {
    let mut relay = bridged();
    point(&mut relay, at(0), Side::B, Peer { profile: profile(Law::Mu, None), ..target() });
    let audio = frame(Law::Mu, 3);
    let (header, sent) = to_target(&mut relay, at(20), &packet(0, 1, 1, 160, &audio));
    assert_eq!((header.payload_type, sent), (0, audio));
}

#[test]
fn either_of_two_formats_is_taken_and_only_the_payload_is_touched() {
    let mut relay = bridged();
    let mut both = profile(Law::Mu, None);
    both.receive = [Some(Format::fixed(Law::Mu)), Some(Format { payload_type: 118, law: Law::A })];
    point(&mut relay, at(0), Side::A, Peer { profile: both, ..caller() });
    // A contributing source, an extension, and padding around two bytes of A-law.
    let mut bytes = packet(118, 1, 1, 160, &[0, 0, 0, 9, 0xbe, 0xde, 0, 1, 1, 2, 3, 4, 0x55, 0xaa, 0, 2]);
    bytes[0] = 0xb1;
    let (header, sent) = to_target(&mut relay, at(20), &bytes);
    assert_eq!(header.payload_type, 8);
    assert_eq!(sent, bytes[12..], "A-law to A-law");
    bytes[1] = 0;
    bytes[3] = 2;
    let (_, sent) = to_target(&mut relay, at(40), &bytes);
    assert_eq!(sent[..12], bytes[12..24]);
    assert_eq!(sent[12..14], [g711::mu_to_a(0x55), g711::mu_to_a(0xaa)]);
    assert_eq!(sent[14..], [0, 2]);
}

#[test]
fn events_go_on_in_the_payload_type_of_the_other_side() {
    let mut relay = bridged();
    to_target(&mut relay, at(0), &packet(0, 1, 0, 0, &frame(Law::Mu, 1)));
    for (n, end) in [(1, false), (2, false), (3, true), (4, true), (5, true)] {
        let event = Event { code: 5, end, volume: 10, duration: 160 * n }.to_bytes();
        let (header, sent) = to_target(&mut relay, at(20 * u64::from(n)), &packet(101, 1, n, 160, &event));
        assert_eq!((header.payload_type, &sent[..]), (96, &event[..]));
    }
    let event = Event { code: 6, end: false, volume: 10, duration: 160 }.to_bytes();
    let (header, _) = to_caller(&mut relay, at(20), &packet(96, 2, 1, 160, &event));
    assert_eq!(header.payload_type, 101);
    to_target(&mut relay, at(140), &packet(101, 1, 6, 1120, &event));
    to_target(&mut relay, at(141), &packet(101, 1, 5, 160, &event));
    let [a, b] = close(&mut relay, at(200));
    assert_eq!((a.events, b.events), (2, 1));
}

#[test]
fn nothing_is_taken_from_or_sent_to_an_address_that_was_not_named() {
    let mut relay = relay(4);
    open(&mut relay, at(0), ONE, PORTS);
    let bytes = packet(0, 1, 1, 160, &frame(Law::Mu, 1));
    assert_eq!(dropped(&mut relay, at(0), PORTS[0], caller().rtp, &bytes), Reason::WrongSource);
    point(&mut relay, at(0), Side::A, caller());
    assert_eq!(dropped(&mut relay, at(0), PORTS[0], caller().rtp, &bytes), Reason::NoPeer);
    point(&mut relay, at(0), Side::B, target());
    // Another port, another address, the RTCP port, the peer of the other side.
    let mut wrong =
        std::vec![address("192.0.2.10:4002"), address("192.0.2.11:4000"), caller().rtcp, target().rtp];
    wrong.push(address("[2001:db8::1]:4000"));
    for &from in &wrong {
        assert_eq!(dropped(&mut relay, at(0), PORTS[0], from, &bytes), Reason::WrongSource, "{from}");
        if from != caller().rtcp {
            let reason = dropped(&mut relay, at(0), PORTS[0] + 1, from, &report(9, None));
            assert_eq!(reason, Reason::WrongSource, "{from}");
        }
    }
    to_target(&mut relay, at(0), &bytes);
    assert_eq!(relay.counters().get(Reason::NoPeer), 1);
    let [a, b] = close(&mut relay, at(10));
    assert_eq!((a.packets_received, b.packets_sent), (2, 1));
    assert_eq!(a.wrong_source, 1 + 2 * wrong.len() as u64 - 1);
    assert_eq!((b.packets_received, b.wrong_source), (0, 0));
}

#[test]
fn an_address_is_the_same_when_it_is_mapped_into_ipv6() {
    let mut relay = bridged();
    let bytes = packet(0, 1, 1, 160, &frame(Law::Mu, 1));
    let (verdict, _) = forward(&mut relay, at(0), PORTS[0], address("[::ffff:192.0.2.10]:4000"), &bytes);
    assert!(matches!(verdict, Verdict::Send(_)));
    point(&mut relay, at(0), Side::A, Peer { rtp: address("[::ffff:192.0.2.10]:4000"), ..caller() });
    to_target(&mut relay, at(20), &packet(0, 1, 2, 320, &frame(Law::Mu, 1)));
}

#[test]
fn what_was_not_agreed_on_is_dropped() {
    let mut relay = bridged();
    let from = caller().rtp;
    for payload_type in [8, 13, 96, 72] {
        let bytes = packet(payload_type, 1, 1, 160, &[0; 160]);
        assert_eq!(
            dropped(&mut relay, at(0), PORTS[0], from, &bytes),
            Reason::WrongPayload,
            "{payload_type}"
        );
    }
    for bytes in [&[][..], &[0x80; 11], &[0x40; 30]] {
        assert_eq!(dropped(&mut relay, at(0), PORTS[0], from, bytes), Reason::NotRtp);
        assert_eq!(dropped(&mut relay, at(0), PORTS[0] + 1, caller().rtcp, bytes), Reason::NotRtp);
    }
    assert_eq!(relay.forward(at(0), PORTS[0], from, &mut [0x80; 20], 21), Verdict::Drop(Reason::NotRtp));
    assert_eq!(close(&mut relay, at(0))[0].wrong_payload, 4);
}

#[test]
fn a_source_that_changes_is_one_source_to_the_other_side() {
    let mut relay = bridged();
    let audio = frame(Law::Mu, 1);
    let (first, _) = to_target(&mut relay, at(0), &packet(0, 1, 65_535, 1000, &audio));
    assert!(first.marker);
    // Two are lost on the way to us, and they are lost to the target too.
    let (second, _) = to_target(&mut relay, at(60), &packet(0, 1, 2, 1480, &audio));
    assert_eq!((second.seq, second.timestamp), (first.seq.plus(3), first.timestamp.plus(480)));
    assert!(!second.marker);
    let (third, _) = to_target(&mut relay, at(80), &packet(0, 99, 7, 7, &audio));
    assert_eq!((third.seq, third.timestamp), (second.seq.plus(1), second.timestamp.plus(160)));
    assert!(third.marker);
    // The caller moves: new address, new numbers.
    let moved = Peer { rtp: address("192.0.2.77:6000"), ..caller() };
    point(&mut relay, at(100), Side::A, moved);
    let bytes = packet(0, 99, 8, 167, &audio);
    assert_eq!(dropped(&mut relay, at(100), PORTS[0], caller().rtp, &bytes), Reason::WrongSource);
    let (verdict, sent) = forward(&mut relay, at(120), PORTS[0], moved.rtp, &bytes);
    assert!(matches!(verdict, Verdict::Send(_)));
    let fourth = Header::parse(&sent).unwrap();
    assert_eq!((fourth.seq, fourth.timestamp), (third.seq.plus(1), third.timestamp.plus(320)));
    assert!(fourth.marker);
    for header in [second, third, fourth] {
        assert_eq!(header.ssrc, first.ssrc);
    }
    assert_eq!(close(&mut relay, at(140))[0].lost, 2);
}

#[test]
fn two_sources_in_turn_do_no_harm() {
    let mut relay = bridged();
    let audio = frame(Law::Mu, 1);
    let (mut last, _) = to_target(&mut relay, at(0), &packet(0, 1, 0, 0, &audio));
    for n in 1..500u16 {
        let (ssrc, seq) = if n % 2 == 0 { (1, n) } else { (2, 40_000 + n) };
        let bytes = packet(0, ssrc, seq, u32::from(n) * 160, &audio);
        let (header, _) = to_target(&mut relay, at(20 * u64::from(n)), &bytes);
        assert_eq!((header.seq, header.timestamp), (last.seq.plus(1), last.timestamp.plus(160)));
        last = header;
    }
    let [a, b] = close(&mut relay, at(10_000));
    assert_eq!((a.packets_received, a.lost, b.packets_sent), (500, 0, 500));
}

#[test]
fn on_hold_nothing_passes_and_then_it_goes_on() {
    let mut relay = bridged();
    let (mu, a_law) = (frame(Law::Mu, 1), frame(Law::A, 1));
    let (before, _) = to_target(&mut relay, at(0), &packet(0, 1, 0, 0, &mu));
    to_caller(&mut relay, at(0), &packet(8, 2, 0, 0, &a_law));
    // The caller holds: it still sends nothing we take, and takes nothing.
    point(&mut relay, at(20), Side::A, Peer { direction: Direction::Inactive, ..caller() });
    for n in 1..4000u16 {
        let now = at(20 * u64::from(n));
        let bytes = packet(0, 1, n, 160 * u32::from(n), &mu);
        assert_eq!(dropped(&mut relay, now, PORTS[0], caller().rtp, &bytes), Reason::NoPeer);
        let bytes = packet(8, 2, n, 160 * u32::from(n), &a_law);
        assert_eq!(dropped(&mut relay, now, PORTS[1], target().rtp, &bytes), Reason::NoPeer);
    }
    // It takes music, and sends none.
    point(&mut relay, at(80_000), Side::A, Peer { direction: Direction::SendOnly, ..caller() });
    to_caller(&mut relay, at(80_000), &packet(8, 2, 4000, 640_000, &a_law));
    let bytes = packet(0, 1, 4000, 640_000, &mu);
    assert_eq!(dropped(&mut relay, at(80_000), PORTS[0], caller().rtp, &bytes), Reason::NoPeer);
    point(&mut relay, at(80_020), Side::A, caller());
    let (after, _) = to_target(&mut relay, at(80_020), &packet(0, 1, 4001, 640_160, &mu));
    assert_eq!((after.seq, after.timestamp), (before.seq.plus(1), before.timestamp.plus(640_160)));
    assert!(after.marker);
    // What was kept back was heard, and is not lost.
    let [a, _] = close(&mut relay, at(80_020));
    assert_eq!((a.packets_received, a.lost), (4002, 0));
}

#[test]
fn an_address_of_zeros_is_never_sent_to() {
    let mut relay = bridged();
    for (rtp, rtcp) in
        [("0.0.0.0:4000", "0.0.0.0:4001"), ("192.0.2.10:0", "192.0.2.10:0"), ("[::]:4000", "[::]:1")]
    {
        point(&mut relay, at(0), Side::A, Peer { rtp: address(rtp), rtcp: address(rtcp), ..caller() });
        let bytes = packet(8, 2, 0, 0, &[0xd5; 160]);
        assert_eq!(dropped(&mut relay, at(0), PORTS[1], target().rtp, &bytes), Reason::NoPeer);
        let (sent, _, _) = drain(&mut relay, at(60_000));
        assert_eq!(sent.iter().map(|(hop, _)| hop.to).collect::<Vec<_>>(), [target().rtcp]);
        relay = bridged();
    }
}
