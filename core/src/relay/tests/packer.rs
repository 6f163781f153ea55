//! Packets of another length.

use super::*;

/// A stream whose target wants so many milliseconds in a packet, and speaks mu-law as the caller does.
fn wanting(ptime: u8) -> Relay<'static> {
    let mut relay = relay(4);
    open(&mut relay, at(0), ONE, PORTS);
    point(&mut relay, at(0), Side::A, caller());
    let profile = Profile { ptime, ..profile(Law::Mu, Some(96)) };
    point(&mut relay, at(0), Side::B, Peer { profile, ..target() });
    relay
}

/// The nth sample of a sound in which no two neighbours are alike.
fn code(n: u32) -> u8 {
    (n.wrapping_mul(2_654_435_761) >> 24) as u8 | 1
}

/// What the target hears of a caller who sends so many milliseconds in a packet, but for those packets that are lost:
/// when it came, and what.
fn heard(relay: &mut Relay<'_>, millis: u32, count: u32, lost: &[u32]) -> Vec<(u64, Header, Vec<u8>)> {
    let len = millis * 8;
    let mut heard = Vec::new();
    let mut hear = |now: u64, hop: Hop, bytes: Vec<u8>| {
        if hop.to == target().rtp {
            heard.push((now, Header::parse(&bytes).unwrap(), bytes[12..].to_vec()));
        }
    };
    for now in 0..u64::from(millis * count + 200) {
        let n = now as u32 / millis;
        if (now as u32).is_multiple_of(millis) && n < count && !lost.contains(&n) {
            let payload: Vec<u8> = (n * len..(n + 1) * len).map(code).collect();
            let bytes = packet(0, 5, 65_530u16.wrapping_add(n as u16), 7_000 + n * len, &payload);
            let (verdict, sent) = forward(relay, at(now), PORTS[0], caller().rtp, &bytes);
            match verdict {
                Verdict::Send(hop) => hear(now, hop, sent),
                Verdict::Taken => {}
                Verdict::Drop(reason) => panic!("{reason:?}"),
            }
        }
        let (sent, _, _) = drain(relay, at(now));
        sent.into_iter().for_each(|(hop, bytes)| hear(now, hop, bytes));
    }
    heard
}

#[test]
fn audio_comes_in_packets_of_the_length_that_is_wanted() {
    for from in [10, 20, 30, 40, 50, 60] {
        for to in [10, 20, 30, 40, 60] {
            let mut relay = wanting(to);
            let count = 1200 / from;
            let heard = heard(&mut relay, from, count, &[]);
            let len = usize::from(to) * 8;
            assert!(
                heard.iter().all(|(_, header, payload)| payload.len() == len && header.payload_type == 0)
            );
            // Every sample, in order, and but for the last packet's rest all of them.
            let all: Vec<u8> = heard.iter().flat_map(|(_, _, payload)| payload.clone()).collect();
            assert_eq!(all.len(), (1200 * 8) / len * len, "{from} to {to}");
            assert!(all.iter().zip(0..).all(|(&heard, n)| heard == code(n)), "{from} to {to}");
            for pair in heard.windows(2) {
                let [(before, last, _), (now, next, _)] = pair else { continue };
                assert_eq!((next.seq, next.ssrc), (last.seq.plus(1), last.ssrc));
                assert_eq!(next.timestamp, last.timestamp.plus(len as u32), "{from} to {to}");
                assert!(!next.marker);
                // Paced, as far as what came allows.
                assert!(now > before || from == u32::from(to), "{from} to {to}: two at {now}");
            }
            let late = heard.iter().zip(0..).map(|((now, ..), n)| *now as i64 - n * i64::from(to)).max();
            assert!(late.unwrap() <= i64::from(from.max(to.into())), "{from} to {to}: {late:?} ms late");
        }
    }
}

#[test]
fn what_is_lost_is_silent_and_time_goes_on() {
    let mut relay = wanting(30);
    let heard = heard(&mut relay, 20, 30, &[4, 11, 12, 20, 21, 22, 23, 24]);
    let first = heard[0].1.timestamp;
    for (_, header, payload) in &heard {
        let start = header.timestamp.since(first) as u32;
        for (&heard, n) in payload.iter().zip(start..) {
            assert!(heard == code(n) || heard == 0xff, "sample {n}");
        }
    }
    let silent = heard.iter().flat_map(|(_, _, payload)| payload).filter(|&&code| code == 0xff).count();
    assert!((3 * 160..4 * 160).contains(&silent), "{silent}: a long gap is left out");
    assert_eq!(heard.iter().filter(|(_, header, _)| header.marker).count(), 2, "at the start and after it");
}

#[test]
fn twenty_to_twenty_is_never_touched() {
    let mut relay = wanting(20);
    assert_eq!(heard(&mut relay, 20, 50, &[]).len(), 50);
    assert_eq!(relay.annex.packers.len(), 0);
}

#[test]
fn keys_beside_other_packets_come_once_each() {
    let mut relay = wanting(60);
    let (mut events, mut reports) = (Vec::new(), 0);
    let mut seq = 0;
    for now in 0..2000u64 {
        let (key, within) = ((now / 500) as u8, now % 500);
        let mut sent = Vec::new();
        if now % 20 == 0 {
            // Audio goes on beside the events, as some programs have it.
            let audio = packet(0, 5, seq, now as u32 * 8, &[0x55; 160]);
            let end = within >= 100;
            let duration = (within.min(100) as u16) * 8 + 160;
            let event = Event { code: key, end, volume: 10, duration }.to_bytes();
            let event = packet(101, 5, seq + 1, u32::from(key) * 4000, &event);
            sent.push(forward(&mut relay, at(now), PORTS[0], caller().rtp, &audio));
            if within <= 140 {
                sent.push(forward(&mut relay, at(now), PORTS[0], caller().rtp, &event));
            }
            seq += 2;
        }
        let own = drain(&mut relay, at(now));
        reports += own.1.iter().filter(|report| matches!(report, Report::Digit { .. })).count();
        let relayed = sent
            .into_iter()
            .filter(|(verdict, _)| matches!(verdict, Verdict::Send(_)))
            .map(|(_, bytes)| bytes);
        for bytes in
            relayed.chain(own.0.into_iter().filter(|(hop, _)| hop.port & 1 == 0).map(|(_, bytes)| bytes))
        {
            let header = Header::parse(&bytes).unwrap();
            if header.payload_type == 96 {
                events.push((header.timestamp, Event::parse(&bytes[12..]).unwrap().code));
            }
        }
    }
    events.dedup();
    assert_eq!(events.iter().map(|(_, code)| *code).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(reports, 4);
}

#[test]
fn without_room_packets_go_on_as_they_came() {
    let mut relay = wanting(60);
    relay.annex.packers = Pool::new(&mut []);
    let heard = heard(&mut relay, 20, 10, &[]);
    assert!(heard.len() == 10 && heard.iter().all(|(_, _, payload)| payload.len() == 160));
}
