//! SRTP on either side of a stream, on both, and what is not authentic.

use super::*;
use crate::srtp::{Context, Secret, Security, Suite};

/// A peer that speaks SRTP with the relay's side.
struct Far {
    context: Context,
    /// The relay's keys.
    security: Security,
}

impl Far {
    fn new(suite: Suite, seed: u8) -> Self {
        let [ours, theirs] =
            [seed, seed ^ 0x80].map(|seed| Secret::new(&mut Random::new(&[seed; 32])).master(suite));
        let context = Context::new(&Security { send: theirs, receive: ours });
        Self { context, security: Security { send: ours, receive: theirs } }
    }

    fn protect(&mut self, rtcp: bool, packet: &[u8]) -> Vec<u8> {
        let mut buffer = packet.to_vec();
        buffer.resize(packet.len() + TAILROOM, 0);
        let len = self.context.protect(rtcp, &mut buffer, packet.len()).unwrap();
        buffer.truncate(len);
        buffer
    }

    fn unprotect(&mut self, rtcp: bool, packet: &[u8]) -> Vec<u8> {
        let mut buffer = packet.to_vec();
        let len = self.context.unprotect(rtcp, &mut buffer).unwrap();
        buffer.truncate(len);
        buffer
    }
}

fn secure(relay: &mut Relay<'_>, side: Side, security: Option<Security>) {
    relay.control(at(0), Control::Secure { stream: ONE, side, security });
}

fn audio(law: Law, ssrc: u32, n: u16) -> Vec<u8> {
    let timestamp = u32::from(n.wrapping_add(1000)) * 160;
    packet(law.payload_type(), ssrc, n, timestamp, &frame(law, 1))
}

/// Whether a relay holds no keys any more.
fn is_forgotten(relay: &Relay<'_>) -> bool {
    relay.annex.contexts.is_empty()
}

#[test]
fn one_leg_is_secure_and_the_other_plain() {
    for suite in Suite::ALL {
        let mut relay = bridged();
        let mut far = Far::new(suite, 1);
        secure(&mut relay, Side::A, Some(far.security));
        for n in 0..10 {
            let now = at(20 * u64::from(n));
            let bytes = far.protect(false, &audio(Law::Mu, 7, n));
            let (verdict, sent) = forward(&mut relay, now, PORTS[0], caller().rtp, &bytes);
            assert_eq!(
                verdict,
                Verdict::Send(Hop { port: PORTS[1], to: target().rtp, len: 172 }),
                "{suite:?}"
            );
            let mut expected = frame(Law::Mu, 1);
            g711::transcode(Law::Mu, Law::A, &mut expected);
            assert_eq!(sent[12..], expected);
            let (verdict, sent) = forward(&mut relay, now, PORTS[1], target().rtp, &audio(Law::A, 8, n));
            assert!(matches!(verdict, Verdict::Send(hop) if hop.len > 172 && hop.to == caller().rtp));
            let plain = far.unprotect(false, &sent);
            let mut expected = frame(Law::A, 1);
            g711::transcode(Law::A, Law::Mu, &mut expected);
            assert_eq!((plain.len(), &plain[12..]), (172, &expected[..]));
        }
        // The caller's report is taken, and ours to it is protected, with the BYE at the end.
        let report = far.protect(true, &report(7, Some(Ntp(1 << 40))));
        assert_eq!(forward(&mut relay, at(200), PORTS[0] + 1, caller().rtcp, &report).0, Verdict::Taken);
        relay.control(at(3000), Control::Close { stream: ONE });
        let (sent, reports, _) = drain(&mut relay, at(3000));
        let [(to_a, a), (_, b)] = &sent[..] else { panic!("{sent:?}") };
        assert_eq!(to_a.to, caller().rtcp);
        assert!(Compound::parse(&a[..8]).is_err());
        let (_, info, block, _, bye) = read(&far.unprotect(true, a));
        assert!(bye && info.is_some_and(|info| (info.packets, info.octets) == (10, 1600)));
        assert!(block.is_some_and(|block| block.last_sr == 1 << 24 && block.highest == 9));
        assert!(read(b).4, "the target's is plain");
        let [Report::Closed { sides: [a, b, _], .. }] = reports[..] else { panic!("{reports:?}") };
        assert_eq!((a.packets_received, a.bytes_received, a.packets_sent), (10, 1600, 10));
        assert_eq!((b.packets_received, b.bytes_sent), (10, 1600));
        assert!(is_forgotten(&relay));
    }
}

#[test]
fn both_legs_are_secure_with_suites_of_their_own() {
    for (one, other) in Suite::ALL.into_iter().zip(Suite::ALL.into_iter().rev()) {
        let mut relay = bridged();
        let (mut a, mut b) = (Far::new(one, 1), Far::new(other, 2));
        secure(&mut relay, Side::A, Some(a.security));
        secure(&mut relay, Side::B, Some(b.security));
        // Over a rollover, with loss, and in a wrong order.
        for n in [65_533u16, 65_535, 65_534, 1, 0, 2] {
            let bytes = a.protect(false, &audio(Law::Mu, 7, n));
            let (verdict, sent) = forward(&mut relay, at(0), PORTS[0], caller().rtp, &bytes);
            assert!(matches!(verdict, Verdict::Send(_)), "{verdict:?} {n}");
            assert_eq!(b.unprotect(false, &sent).len(), 172);
        }
        assert_eq!(close(&mut relay, at(0))[0].reordered, 2);
    }
}

#[test]
fn silence_is_protected_too() {
    let mut relay = bridged();
    let mut far = Far::new(Suite::AesCm128HmacSha1_80, 1);
    secure(&mut relay, Side::A, Some(far.security));
    relay.control(at(0), Control::Bridge { stream: ONE, pair: None });
    let mut heard = 0;
    for n in 0..50 {
        for (hop, bytes) in drain(&mut relay, at(20 * n)).0 {
            if hop.to == caller().rtp {
                assert_eq!(bytes.len(), 172 + 10);
                assert_eq!(far.unprotect(false, &bytes)[12..], [0xff; 160]);
                heard += 1;
            }
        }
    }
    assert_eq!(heard, 50);
}

#[test]
fn what_is_not_authentic_or_was_here_is_dropped_and_nothing_else() {
    let mut relay = bridged();
    let mut far = Far::new(Suite::AesCm128HmacSha1_32, 1);
    secure(&mut relay, Side::A, Some(far.security));
    let mut drop = |from, bytes: &[u8]| dropped(&mut relay, at(0), PORTS[0], from, bytes);
    let good = far.protect(false, &audio(Law::Mu, 7, 1));
    let mut bad = good.clone();
    bad[100] ^= 1;
    assert_eq!(drop(caller().rtp, &bad), Reason::SrtpNotAuthentic);
    assert_eq!(drop(caller().rtp, &audio(Law::Mu, 7, 1)), Reason::SrtpNotAuthentic, "plain");
    assert_eq!(drop(address("203.0.113.1:4000"), &good), Reason::WrongSource);
    assert_eq!(drop(caller().rtp, &[0x80; 5]), Reason::NotRtp);
    let (verdict, _) = forward(&mut relay, at(0), PORTS[0], caller().rtp, &good);
    assert!(matches!(verdict, Verdict::Send(_)));
    assert_eq!(dropped(&mut relay, at(0), PORTS[0], caller().rtp, &good), Reason::SrtpReplayed);
    let report = report(7, None);
    assert_eq!(dropped(&mut relay, at(0), PORTS[0] + 1, caller().rtcp, &report), Reason::SrtpNotAuthentic);
    let protected = far.protect(true, &report);
    assert_eq!(
        dropped(&mut relay, at(0), PORTS[0] + 1, address("203.0.113.1:4001"), &protected),
        Reason::WrongSource
    );
    assert_eq!(forward(&mut relay, at(0), PORTS[0] + 1, caller().rtcp, &protected).0, Verdict::Taken);
    assert_eq!(relay.counters().get(Reason::SrtpNotAuthentic), 3);
    let [a, _] = close(&mut relay, at(0));
    assert_eq!((a.packets_received, a.lost, a.duplicates, a.wrong_source), (1, 0, 0, 2));
}

#[test]
fn a_wrong_key_is_told_once() {
    let mut relay = bridged();
    let (far, mut stranger) = (Far::new(Suite::AeadAes128Gcm, 1), Far::new(Suite::AeadAes128Gcm, 2));
    secure(&mut relay, Side::B, Some(far.security));
    assert_eq!(drain(&mut relay, at(0)).1, []);
    let mut told = Vec::new();
    for n in 0..200 {
        let bytes = stranger.protect(false, &audio(Law::A, 9, n));
        let reason = dropped(&mut relay, at(0), PORTS[1], target().rtp, &bytes);
        assert_eq!(reason, Reason::SrtpNotAuthentic);
        told.extend(drain(&mut relay, at(0)).1.into_iter().map(|report| (n, report)));
    }
    assert_eq!(told, [(49, Report::NotAuthentic { stream: ONE, side: Side::B })]);
    // With another key it may be told again; with the right one there is nothing to tell.
    secure(&mut relay, Side::B, Some(stranger.security));
    for n in 200..300 {
        let bytes = stranger.protect(false, &audio(Law::A, 9, n));
        assert!(matches!(forward(&mut relay, at(0), PORTS[1], target().rtp, &bytes).0, Verdict::Send(_)));
    }
    secure(&mut relay, Side::B, Some(far.security));
    for n in 300..350 {
        let bytes = stranger.protect(false, &audio(Law::A, 9, n));
        dropped(&mut relay, at(0), PORTS[1], target().rtp, &bytes);
    }
    assert_eq!(drain(&mut relay, at(0)).1, [Report::NotAuthentic { stream: ONE, side: Side::B }]);
}

#[test]
fn the_same_keys_go_on_and_others_begin_anew() {
    let mut relay = bridged();
    let mut far = Far::new(Suite::AesCm128HmacSha1_80, 1);
    secure(&mut relay, Side::A, Some(far.security));
    let first = far.protect(false, &audio(Law::Mu, 7, 1));
    assert!(matches!(forward(&mut relay, at(0), PORTS[0], caller().rtp, &first).0, Verdict::Send(_)));
    let ssrc = |relay: &mut Relay<'_>, far: &mut Far, n| {
        let sent = forward(relay, at(20 * u64::from(n)), PORTS[1], target().rtp, &audio(Law::A, 8, n)).1;
        Header::parse(&far.unprotect(false, &sent)).unwrap().ssrc
    };
    let before = ssrc(&mut relay, &mut far, 1);
    secure(&mut relay, Side::A, Some(far.security));
    assert_eq!(ssrc(&mut relay, &mut far, 2), before);
    assert_eq!(dropped(&mut relay, at(0), PORTS[0], caller().rtp, &first), Reason::SrtpReplayed);
    // The peer has a new key, and ours is the one it was: that does not begin to count anew in the same source.
    let mut rekeyed = Far::new(Suite::AesCm128HmacSha1_80, 3);
    rekeyed.security.send = far.security.send;
    rekeyed.context =
        Context::new(&Security { send: rekeyed.security.receive, receive: rekeyed.security.send });
    secure(&mut relay, Side::A, Some(rekeyed.security));
    assert_ne!(ssrc(&mut relay, &mut rekeyed, 3), before);
    assert_ne!(ssrc(&mut relay, &mut far, 4), before, "the old receiver takes it as a new source");
    let second = rekeyed.protect(false, &audio(Law::Mu, 7, 2));
    assert!(matches!(forward(&mut relay, at(0), PORTS[0], caller().rtp, &second).0, Verdict::Send(_)));
    // And then none is protected any more.
    secure(&mut relay, Side::A, None);
    assert!(is_forgotten(&relay));
    to_target(&mut relay, at(0), &audio(Law::Mu, 7, 3));
    to_caller(&mut relay, at(0), &audio(Law::A, 8, 5));
}

#[test]
fn where_there_is_no_room_nothing_goes_through_in_the_clear() {
    let mut relay = bridged();
    let room = relay.annex.contexts.capacity();
    let far = Far::new(Suite::AeadAes256Gcm, 1);
    for index in 0..room {
        let context = Context::new(&far.security);
        assert!(relay.annex.contexts.insert(Secured::new(context)).is_ok(), "{index}");
    }
    secure(&mut relay, Side::A, Some(far.security));
    assert_eq!(drain(&mut relay, at(0)).1, [Report::NotSecured { stream: ONE, side: Side::A }]);
    let reason = dropped(&mut relay, at(0), PORTS[0], caller().rtp, &audio(Law::Mu, 7, 1));
    assert_eq!(reason, Reason::SrtpFull);
    let reason = dropped(&mut relay, at(0), PORTS[1], target().rtp, &audio(Law::A, 7, 1));
    assert_eq!(reason, Reason::SrtpFull);
    relay.control(at(0), Control::Bridge { stream: ONE, pair: None });
    for n in 0..500 {
        assert!(drain(&mut relay, at(20 * n)).0.iter().all(|(hop, _)| hop.to.ip() != caller().rtp.ip()));
    }
}

#[test]
fn who_may_be_learned_is_learned_only_by_what_is_authentic() {
    let mut relay = bridged();
    let mut far = Far::new(Suite::AesCm128HmacSha1_80, 1);
    point(&mut relay, at(0), Side::A, Peer { learns: true, ..caller() });
    secure(&mut relay, Side::A, Some(far.security));
    assert_eq!(drain(&mut relay, at(0)).1, []);
    let elsewhere = address("192.0.2.10:4444");
    let forged = Far::new(Suite::AesCm128HmacSha1_80, 2).protect(false, &audio(Law::Mu, 7, 1));
    for bytes in [&audio(Law::Mu, 7, 1), &forged] {
        assert_eq!(dropped(&mut relay, at(0), PORTS[0], elsewhere, bytes), Reason::WrongSource);
        assert_eq!(drain(&mut relay, at(0)).1, []);
    }
    let bytes = far.protect(false, &audio(Law::Mu, 7, 1));
    assert_eq!(dropped(&mut relay, at(0), PORTS[0], elsewhere, &bytes), Reason::WrongSource);
    let seen = Report::Stranger { stream: ONE, side: Side::A, from: elsewhere, may_be_it: true };
    assert_eq!(drain(&mut relay, at(0)).1, [seen]);
    relay.control(at(0), Control::Learn { stream: ONE, side: Side::A, source: elsewhere });
    let bytes = far.protect(false, &audio(Law::Mu, 7, 2));
    assert!(matches!(forward(&mut relay, at(0), PORTS[0], elsewhere, &bytes).0, Verdict::Send(_)));
    // It is given another port, and goes on there at once; who plays that back is nobody.
    let moved = address("192.0.2.10:5555");
    let bytes = far.protect(false, &audio(Law::Mu, 7, 3));
    assert_eq!(dropped(&mut relay, at(200), PORTS[0], moved, &bytes), Reason::WrongSource);
    let seen = Report::Stranger { stream: ONE, side: Side::A, from: moved, may_be_it: true };
    assert_eq!(drain(&mut relay, at(200)).1, [seen]);
    assert_eq!(dropped(&mut relay, at(400), PORTS[0], address("192.0.2.66:1"), &bytes), Reason::WrongSource);
    assert_eq!(drain(&mut relay, at(400)).1, []);
}

#[test]
fn a_side_that_parts_takes_its_keys_along() {
    let mut relay = bridged();
    let far = Far::new(Suite::AesCm128HmacSha1_80, 1);
    secure(&mut relay, Side::B, Some(far.security));
    assert!(!is_forgotten(&relay));
    relay.control(at(0), Control::Part { stream: ONE, side: Side::B });
    drain(&mut relay, at(0));
    assert!(is_forgotten(&relay));
    relay.control(at(0), Control::Join { stream: ONE, side: Side::B, port: 20_006 });
    drain(&mut relay, at(0));
    point(&mut relay, at(0), Side::B, target());
    to_target_at(&mut relay, 20_006);
}

fn to_target_at(relay: &mut Relay<'_>, port: u16) {
    let (verdict, sent) = forward(relay, at(0), PORTS[0], caller().rtp, &audio(Law::Mu, 7, 1));
    assert!(matches!(verdict, Verdict::Send(hop) if hop.port == port));
    assert_eq!(sent.len(), 172);
}
