//! The RTCP spoken with each peer.

use super::*;

#[test]
fn reports_are_spoken_with_each_peer() {
    let mut relay = bridged();
    assert_eq!(drain(&mut relay, at(0)).0, []);
    let audio = frame(Law::Mu, 1);
    let mut sent = Vec::new();
    let mut ssrc = 0;
    for n in 0..1500u16 {
        let now = at(20 * u64::from(n));
        ssrc = to_target(&mut relay, now, &packet(0, 77, n, 160 * u32::from(n), &audio)).0.ssrc;
        let (hops, reports, until) = drain(&mut relay, now);
        assert!(reports.is_empty() && until.is_some_and(|until| until > now));
        sent.extend(hops.into_iter().map(|(hop, bytes)| (20 * u64::from(n), hop, bytes)));
    }
    let (a, b): (Vec<_>, Vec<_>) = sent.iter().partition(|(_, hop, _)| hop.to == caller().rtcp);
    assert!((4..=11).contains(&a.len()) && a.len() == b.len(), "{} in 30 s", a.len());
    assert!((1240..=3780).contains(&a[0].0), "the first after {} ms", a[0].0);
    assert!(a.windows(2).all(|pair| (2480..=7520).contains(&(pair[1].0 - pair[0].0))));
    for (millis, hop, bytes) in &b {
        assert_eq!((hop.port, hop.to), (PORTS[1] + 1, target().rtcp));
        let (by, info, block, _, bye) = read(bytes);
        let info = info.unwrap();
        assert_eq!((by, block, bye), (ssrc, None, false), "the target has sent nothing");
        assert_eq!(info.packets, (millis / 20) as u32 + 1);
        assert_eq!(info.octets, 160 * info.packets);
        assert_eq!(info.ntp, Ntp::new(at(*millis), None));
    }
    for (millis, hop, bytes) in &a {
        assert_eq!((hop.port, hop.to), (PORTS[0] + 1, caller().rtcp));
        let (by, info, block, _, _) = read(bytes);
        let block = block.unwrap();
        assert!(by != ssrc && info.is_none(), "the caller was sent nothing");
        assert_eq!((block.ssrc, block.lost, u64::from(block.highest)), (77, 0, millis / 20));
    }
    let names: Vec<_> = [&a[0], &a[1], &b[0]].map(|(_, _, bytes)| read(bytes).3).into();
    assert_eq!(names[0].len(), 16);
    assert!(names[0] == names[1] && names[0] != names[2]);
}

#[test]
fn a_sender_that_fell_silent_is_none_any_more() {
    let mut relay = bridged();
    to_target(&mut relay, at(0), &packet(0, 77, 0, 0, &[0xff; 160]));
    let mut was_sender = Vec::new();
    for second in 0..40 {
        for (hop, bytes) in drain(&mut relay, at(second * 1000)).0 {
            if hop.to == target().rtcp {
                was_sender.push((second, read(&bytes).1.is_some()));
            }
        }
    }
    assert!(was_sender.iter().all(|&(second, sender)| sender == (second < 10)), "{was_sender:?}");
    assert!(was_sender.iter().any(|&(_, sender)| sender));
}

#[test]
fn round_trip_is_measured_both_ways() {
    let mut relay = bridged();
    to_target(&mut relay, at(0), &packet(0, 77, 0, 0, &[0xff; 160]));
    to_caller(&mut relay, at(0), &packet(8, 88, 0, 0, &[0xd5; 160]));
    // The target reports of itself at 1 s; ours tells it back.
    let verdict = forward(
        &mut relay,
        at(1000),
        PORTS[1] + 1,
        target().rtcp,
        &report(88, Some(Ntp(0x1_2345_6789_abcd))),
    )
    .0;
    assert_eq!(verdict, Verdict::Taken);
    let due = drain(&mut relay, at(1000)).2.unwrap();
    let (sent, _, _) = drain(&mut relay, due);
    let (hop, bytes) = sent.iter().find(|(hop, _)| hop.to == target().rtcp).unwrap();
    assert_eq!(hop.port, PORTS[1] + 1);
    let (ssrc, info, block, _, _) = read(bytes);
    let block = block.unwrap();
    assert_eq!((block.ssrc, block.last_sr), (88, 0x2345_6789));
    assert_eq!(u64::from(block.delay), due.since(at(1000)).as_micros() * 65_536 / 1_000_000);
    // The target answers ours 250 ms later, half of which it lay there.
    let answer = ReportBlock {
        ssrc,
        fraction_lost: 0,
        lost: 3,
        highest: 1,
        jitter: 44,
        last_sr: info.unwrap().ntp.middle(),
        delay: 65_536 / 8,
    };
    let later = due.after(Duration::from_millis(250));
    // What it says of others, or of a report we did not make, is nothing to us.
    let stranger = ReportBlock { ssrc: ssrc ^ 1, lost: 1000, ..answer };
    let unknown = ReportBlock { last_sr: 1, delay: 0, ..answer };
    let bytes = report_about(88, None, &[stranger, answer, unknown]);
    assert_eq!(forward(&mut relay, later, PORTS[1] + 1, target().rtcp, &bytes).0, Verdict::Taken);
    let [a, b] = close(&mut relay, later);
    assert_eq!(b.round_trip, Some(Duration::from_millis(125)));
    assert_eq!((b.peer_lost, b.peer_jitter), (3, Some(Duration::from_micros(44 * 125))));
    assert_eq!((a.round_trip, a.peer_lost), (None, 0));
}
