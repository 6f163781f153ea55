//! What the two sides of a stream need not have in common: ports for RTCP, comfort noise, the family of addresses.

use super::*;

#[test]
fn rtcp_shares_the_port_of_rtp_where_the_peer_does() {
    let mut relay = bridged();
    point(&mut relay, at(0), Side::A, Peer { rtcp: caller().rtp, ..caller() });
    let audio = frame(Law::Mu, 1);
    for n in 0..10 {
        to_target(&mut relay, at(20 * u64::from(n)), &packet(0, 7, n, 160 * u32::from(n), &audio));
    }
    to_caller(&mut relay, at(200), &packet(8, 9, 1, 160, &frame(Law::A, 1)));
    let (sent, ..) = drain(&mut relay, at(8000));
    let ours = sent.iter().find(|(hop, _)| hop.to == caller().rtp).expect("a report of ours");
    assert_eq!(ours.0.port, PORTS[0], "from the port of RTP");
    let (ssrc, _, block, ..) = read(&ours.1);
    assert_eq!(block.unwrap().ssrc, 7);
    assert!(sent.iter().any(|(hop, _)| (hop.port, hop.to) == (PORTS[1] + 1, target().rtcp)));
    // Theirs is taken at the port of RTP, and told from it by its second byte.
    let about = ReportBlock { ssrc, fraction_lost: 0, lost: 5, highest: 1, jitter: 16, last_sr: 0, delay: 0 };
    let report = report_about(7, None, &[about]);
    let (verdict, _) = forward(&mut relay, at(8100), PORTS[0], caller().rtp, &report);
    assert_eq!(verdict, Verdict::Taken);
    // The target's has a port of its own, and nothing of the kind is taken from it at the other.
    let from_target = forward(&mut relay, at(8100), PORTS[1], target().rtp, &report);
    assert_eq!(from_target.0, Verdict::Drop(Reason::WrongPayload));
    let [a, _] = close(&mut relay, at(8200));
    assert_eq!((a.peer_lost, a.peer_jitter), (5, Some(Duration::from_millis(2))));
    assert_eq!((a.packets_received, a.wrong_payload), (10, 0));
}

#[test]
fn comfort_noise_passes_where_both_know_it_and_is_a_pause_where_one_does_not() {
    let with_noise =
        |peer: Peer, noise| Peer { profile: Profile { noise: Some(noise), ..peer.profile }, ..peer };
    let mut relay = bridged();
    point(&mut relay, at(0), Side::A, with_noise(caller(), 13));
    point(&mut relay, at(0), Side::B, with_noise(target(), 98));
    let (first, _) = to_target(&mut relay, at(0), &packet(0, 1, 0, 0, &frame(Law::Mu, 1)));
    let (noise, level) = to_target(&mut relay, at(20), &packet(13, 1, 1, 160, &[50]));
    assert_eq!((noise.payload_type, &level[..]), (98, &[50][..]));
    assert_eq!((noise.seq, noise.timestamp), (first.seq.plus(1), first.timestamp.plus(160)));
    point(&mut relay, at(40), Side::B, target());
    let (verdict, _) = forward(&mut relay, at(40), PORTS[0], caller().rtp, &packet(13, 1, 2, 320, &[50]));
    assert_eq!(verdict, Verdict::Taken);
    let (next, _) = to_target(&mut relay, at(5000), &packet(0, 1, 3, 40_000, &frame(Law::Mu, 1)));
    assert_eq!((next.seq, next.marker), (noise.seq.plus(1), true));
    assert_eq!(next.timestamp, first.timestamp.plus(40_000));
    let [a, _] = close(&mut relay, at(5000));
    assert_eq!((a.wrong_payload, a.packets_received, a.lost), (0, 4, 0));
    assert_eq!(a.dead_air, Duration::ZERO, "who sends comfort noise may be silent");
}

#[test]
fn one_side_may_speak_ipv6() {
    let mut relay = bridged();
    let rtp = address("[2001:db8::20]:5000");
    let target = Peer { rtp, rtcp: address("[2001:db8::20]:5001"), ..target() };
    point(&mut relay, at(0), Side::B, target);
    let bytes = packet(0, 1, 1, 160, &frame(Law::Mu, 3));
    let (verdict, sent) = forward(&mut relay, at(20), PORTS[0], caller().rtp, &bytes);
    assert_eq!(verdict, Verdict::Send(Hop { port: PORTS[1], to: rtp, len: 172 }));
    assert_eq!(sent[1] & 0x7f, 8);
    let bytes = packet(8, 2, 1, 160, &frame(Law::A, 3));
    let (verdict, _) = forward(&mut relay, at(20), PORTS[1], rtp, &bytes);
    assert_eq!(verdict, Verdict::Send(Hop { port: PORTS[0], to: caller().rtp, len: 172 }));
    let (sent, ..) = drain(&mut relay, at(8000));
    assert!(sent.iter().any(|(hop, _)| hop.to == target.rtcp), "reports too");
}

#[test]
fn pauses_and_scores_are_told() {
    let mut relay = bridged();
    for n in 0..100u16 {
        // One of ten is lost, and there is a pause of two seconds.
        let now = 20 * u64::from(n) + if n >= 50 { 2000 } else { 0 };
        if n % 10 != 9 {
            let timestamp = (now as u32) * 8;
            to_target(&mut relay, at(now), &packet(0, 7, n, timestamp, &[0xff; 160]));
        }
    }
    let [a, b] = close(&mut relay, at(4000));
    assert_eq!((a.lost, a.longest_pause, a.dead_air.as_millis()), (9, Duration::from_millis(2040), 2040));
    assert_eq!(a.mean_jitter, Duration::ZERO);
    let mos = a.quality_received().unwrap();
    assert_eq!(mos, crate::rtp::Mos::estimate(9, 99, Duration::ZERO, Duration::ZERO));
    assert!((340..355).contains(&mos.0), "{mos}");
    assert_eq!((a.quality_sent(), b.quality_received()), (None, None), "nothing is known of those");
    assert_eq!(b.dead_air, Duration::from_secs(4), "it has said nothing");
}
