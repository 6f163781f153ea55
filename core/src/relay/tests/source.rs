//! Whose packets are taken, and who has been silent for too long.

use super::*;

/// Behind the same translator as the caller, and somebody else.
const ELSEWHERE: &str = "192.0.2.10:4444";
const STRANGER: &str = "203.0.113.99:4000";

/// A relay whose caller may be learned.
fn learning() -> Relay<'static> {
    let mut relay = bridged();
    point(&mut relay, at(0), Side::A, Peer { learns: true, ..caller() });
    assert_eq!(drain(&mut relay, at(0)).1, []);
    relay
}

fn audio(ssrc: u32, n: u16) -> Vec<u8> {
    packet(0, ssrc, n, u32::from(n) * 160, &frame(Law::Mu, 1))
}

/// Who is told of once a packet from there was dropped, and whether that may be the caller.
fn told(relay: &mut Relay<'_>, now: Instant, from: &str, bytes: &[u8]) -> Option<(SocketAddr, bool)> {
    assert_eq!(dropped(relay, now, PORTS[0], address(from), bytes), Reason::WrongSource);
    let due = relay.deadline().is_some_and(|at| at <= now);
    let (_, reports, _) = drain(relay, now);
    assert!(due || reports.is_empty(), "what is to be told is due at once");
    match reports[..] {
        [] => None,
        [Report::Stranger { stream: ONE, side: Side::A, from, may_be_it }] => Some((from, may_be_it)),
        _ => panic!("{reports:?}"),
    }
}

fn learn(relay: &mut Relay<'_>, now: Instant, source: &str) {
    relay.control(now, Control::Learn { stream: ONE, side: Side::A, source: address(source) });
}

fn is_heard(relay: &mut Relay<'_>, now: Instant, from: &str, bytes: &[u8]) -> bool {
    matches!(forward(relay, now, PORTS[0], address(from), bytes).0, Verdict::Send(_))
}

#[test]
fn of_a_stranger_is_told_once_and_never_that_it_may_be_the_peer() {
    let mut relay = bridged();
    assert_eq!(told(&mut relay, at(0), STRANGER, b"what is this"), None, "no RTP");
    assert_eq!(told(&mut relay, at(0), STRANGER, &packet(77, 1, 0, 0, &[0; 160])), None, "not agreed on");
    assert_eq!(told(&mut relay, at(0), STRANGER, &audio(1, 0)), Some((address(STRANGER), false)));
    for n in 1..100 {
        let from = ["203.0.113.98:1", STRANGER, ELSEWHERE][usize::from(n % 3)];
        assert_eq!(told(&mut relay, at(20 * u64::from(n)), from, &audio(1, n)), None);
    }
    // It cannot be learned either.
    learn(&mut relay, at(5_000), STRANGER);
    assert!(!is_heard(&mut relay, at(5_000), STRANGER, &audio(1, 200)));
    assert!(is_heard(&mut relay, at(5_000), "192.0.2.10:4000", &audio(1, 200)));
    // With another description it is told again.
    point(&mut relay, at(6_000), Side::A, Peer { rtp: address("192.0.2.11:4000"), ..caller() });
    assert_eq!(told(&mut relay, at(6_000), STRANGER, &audio(1, 0)), Some((address(STRANGER), false)));
}

#[test]
fn a_peer_is_learned_once_and_holds_over_the_same_description() {
    let mut relay = learning();
    assert_eq!(told(&mut relay, at(0), ELSEWHERE, &audio(1, 0)), Some((address(ELSEWHERE), true)));
    // Not again before it can have been answered; of somebody else at once.
    assert_eq!(told(&mut relay, at(20), ELSEWHERE, &audio(1, 1)), None);
    assert_eq!(told(&mut relay, at(20), STRANGER, &audio(9, 1)), Some((address(STRANGER), true)));
    assert_eq!(told(&mut relay, at(100), ELSEWHERE, &audio(1, 5)), Some((address(ELSEWHERE), true)));
    learn(&mut relay, at(100), ELSEWHERE);
    assert!(is_heard(&mut relay, at(120), ELSEWHERE, &audio(1, 6)));
    let (verdict, _) = forward(&mut relay, at(120), PORTS[1], target().rtp, &packet(8, 2, 0, 0, &[0; 160]));
    assert_eq!(verdict, Verdict::Send(Hop { port: PORTS[0], to: address(ELSEWHERE), len: 172 }));
    // Where it was said to be it is no more, and nobody else is it while it speaks.
    for (n, from) in [(7, "192.0.2.10:4000"), (8, STRANGER)] {
        assert_eq!(told(&mut relay, at(20 * n), from, &audio(1, n as u16)), None);
    }
    // It holds, and is held no more.
    for direction in [Direction::SendOnly, Direction::SendRecv] {
        point(&mut relay, at(200), Side::A, Peer { learns: true, direction, ..caller() });
    }
    assert!(is_heard(&mut relay, at(220), ELSEWHERE, &audio(1, 9)));
    // Another description is another address.
    let moved = Peer { rtp: address("192.0.2.12:4000"), learns: true, ..caller() };
    point(&mut relay, at(240), Side::A, moved);
    assert!(!is_heard(&mut relay, at(240), ELSEWHERE, &audio(1, 10)));
    assert!(is_heard(&mut relay, at(240), "192.0.2.12:4000", &audio(1, 11)));
}

#[test]
fn who_speaks_from_where_it_said_is_not_learned() {
    let mut relay = learning();
    assert!(is_heard(&mut relay, at(0), "192.0.2.10:4000", &audio(1, 0)));
    assert_eq!(told(&mut relay, at(20), ELSEWHERE, &audio(7, 0)), Some((address(ELSEWHERE), false)));
    assert_eq!(told(&mut relay, at(10_000), ELSEWHERE, &audio(7, 1)), None, "another source");
}

#[test]
fn a_source_that_goes_on_from_elsewhere_is_told_only_after_silence() {
    let mut relay = learning();
    for n in 0..50 {
        assert!(is_heard(&mut relay, at(20 * u64::from(n)), "192.0.2.10:4000", &audio(1, n)));
    }
    // The last was heard at 980 ms.
    assert_eq!(told(&mut relay, at(1_479), ELSEWHERE, &audio(1, 74)), Some((address(ELSEWHERE), false)));
    assert_eq!(told(&mut relay, at(1_580), ELSEWHERE, &audio(2, 75)), None, "another source");
    assert_eq!(told(&mut relay, at(1_580), ELSEWHERE, &audio(1, 20)), None, "it has said that");
    assert_eq!(told(&mut relay, at(1_580), ELSEWHERE, &audio(1, 30_000)), None, "far from it");
    assert_eq!(told(&mut relay, at(1_580), ELSEWHERE, &audio(1, 79)), Some((address(ELSEWHERE), true)));
    learn(&mut relay, at(1_580), ELSEWHERE);
    assert!(is_heard(&mut relay, at(1_600), ELSEWHERE, &audio(1, 80)));
    assert_eq!(close(&mut relay, at(2_000))[0].packets_received, 51);
}

#[test]
fn rtcp_of_a_learned_peer_is_taken_from_where_it_comes_and_sent_there() {
    let mut relay = learning();
    let of_caller = report(1, None);
    told(&mut relay, at(0), ELSEWHERE, &audio(1, 0));
    let from = address("192.0.2.10:4999");
    assert_eq!(dropped(&mut relay, at(0), PORTS[0] + 1, from, &of_caller), Reason::WrongSource);
    learn(&mut relay, at(0), ELSEWHERE);
    assert!(is_heard(&mut relay, at(20), ELSEWHERE, &audio(1, 1)));
    let to = |relay: &mut Relay<'_>, now| {
        let (sent, ..) = drain(relay, now);
        sent.iter().filter(|(hop, _)| hop.port == PORTS[0] + 1).map(|(hop, _)| hop.to).next_back()
    };
    assert_eq!(to(&mut relay, at(8_000)), None, "nobody knows where");
    let stranger = address("203.0.113.99:4999");
    assert_eq!(dropped(&mut relay, at(8_000), PORTS[0] + 1, stranger, &of_caller), Reason::WrongSource);
    assert_eq!(forward(&mut relay, at(8_000), PORTS[0] + 1, from, &of_caller).0, Verdict::Taken);
    assert_eq!(to(&mut relay, at(16_000)), Some(from));
    let another = address("192.0.2.10:5999");
    assert_eq!(dropped(&mut relay, at(16_000), PORTS[0] + 1, another, &of_caller), Reason::WrongSource);
}

#[test]
fn who_is_awaited_is_sent_nothing_until_it_was_learned() {
    let mut relay = learning();
    let awaited = Peer { rtp: address("0.0.0.0:0"), rtcp: address("0.0.0.0:0"), learns: true, ..caller() };
    point(&mut relay, at(0), Side::A, awaited);
    let to_caller = |relay: &mut Relay<'_>, now| {
        forward(relay, now, PORTS[1], target().rtp, &packet(8, 2, 0, 0, &[0; 160])).0
    };
    assert_eq!(to_caller(&mut relay, at(0)), Verdict::Drop(Reason::NoPeer));
    assert_eq!(told(&mut relay, at(0), ELSEWHERE, &audio(1, 0)), Some((address(ELSEWHERE), true)));
    learn(&mut relay, at(0), ELSEWHERE);
    assert!(matches!(to_caller(&mut relay, at(20)), Verdict::Send(hop) if hop.to == address(ELSEWHERE)));
}

#[test]
fn who_is_silent_for_too_long_is_told_and_whoever_need_not_speak_is_not() {
    let silence = Some(Duration::from_secs(60));
    let mut relay = bridged();
    point(&mut relay, at(0), Side::A, Peer { silence, ..caller() });
    let silent = |relay: &mut Relay<'_>, now| {
        let (_, reports, until) = drain(relay, now);
        assert!(until.is_some_and(|until| until > now));
        reports.contains(&Report::Silent { stream: ONE, side: Side::A })
    };
    assert!(is_heard(&mut relay, at(10_000), "192.0.2.10:4000", &audio(1, 0)));
    for (millis, due) in [(60_000, false), (69_999, false), (70_000, true), (129_999, false), (130_000, true)]
    {
        assert_eq!(silent(&mut relay, at(millis)), due, "{millis}");
    }
    // RTCP will do, and so will a packet that nobody hears.
    let report = report(1, None);
    assert_eq!(forward(&mut relay, at(180_000), PORTS[0] + 1, caller().rtcp, &report).0, Verdict::Taken);
    assert!(!silent(&mut relay, at(239_999)) && silent(&mut relay, at(240_000)));
    // On hold it may be silent, and it has its time when that is over.
    let held = Peer { silence, direction: Direction::SendOnly, ..caller() };
    point(&mut relay, at(250_000), Side::A, held);
    assert!(!silent(&mut relay, at(900_000)));
    point(&mut relay, at(900_000), Side::A, Peer { silence, ..caller() });
    assert!(!silent(&mut relay, at(959_999)) && silent(&mut relay, at(960_000)));
    // So it has with another partner.
    relay.control(at(970_000), Control::Bridge { stream: ONE, pair: None });
    assert!(!silent(&mut relay, at(1_029_999)) && silent(&mut relay, at(1_030_000)));
}
