//! Keys: in whatever way they come, once each, in order, in the way the other side takes.

use super::*;
use crate::rtp::Digit;
use crate::rtp::tone::{Detector, DualTone, Heard};

fn digit(key: char) -> Digit {
    Digit::of_key(key as u8).unwrap()
}

/// A peer that takes and tells no telephone-events.
fn without_events(peer: Peer) -> Peer {
    Peer { profile: profile(peer.profile.send.law, None), ..peer }
}

/// The caller and the target, and all that they hear.
struct Line {
    relay: Relay<'static>,
    peers: [Peer; 2],
    /// What came to each, and when.
    heard: [Vec<(u64, Header, Vec<u8>)>; 2],
    reports: Vec<(Side, char, u64)>,
    millis: u64,
}

impl Line {
    fn new(a: Peer, b: Peer) -> Self {
        let mut relay = relay(4);
        open(&mut relay, at(0), ONE, PORTS);
        point(&mut relay, at(0), Side::A, a);
        point(&mut relay, at(0), Side::B, b);
        Self { relay, peers: [a, b], heard: [Vec::new(), Vec::new()], reports: Vec::new(), millis: 0 }
    }

    fn hear(&mut self, hop: Hop, bytes: Vec<u8>) {
        if hop.port & 1 == 1 {
            return;
        }
        let to = self.peers.iter().position(|peer| peer.rtp == hop.to).unwrap();
        self.heard[to].push((self.millis, Header::parse(&bytes).unwrap(), bytes[12..].to_vec()));
    }

    /// What is due by now.
    fn settle(&mut self) {
        let (sent, reports, _) = drain(&mut self.relay, at(self.millis));
        sent.into_iter().for_each(|(hop, bytes)| self.hear(hop, bytes));
        for report in reports {
            let Report::Digit { stream: ONE, side, digit, duration } = report else { panic!("{report:?}") };
            self.reports.push((side, char::from(digit.key()), duration.as_millis()));
        }
    }

    /// Time passes.
    fn pass(&mut self, millis: u64) {
        for _ in 0..millis {
            self.millis += 1;
            self.settle();
        }
    }

    /// A packet from one side.
    fn send(&mut self, from: usize, bytes: &[u8]) {
        let (verdict, sent) =
            forward(&mut self.relay, at(self.millis), PORTS[from], self.peers[from].rtp, bytes);
        if let Verdict::Send(hop) = verdict {
            self.hear(hop, sent);
        }
        if self.relay.deadline().is_some_and(|due| due <= at(self.millis)) {
            self.settle();
        }
    }

    /// The events one side heard: code, duration, end, in the order they came, without repetitions.
    fn events(&self, side: usize) -> Vec<(Timestamp, Event)> {
        let payload_type = self.peers[side].profile.event_send;
        let events =
            self.heard[side].iter().filter(|(_, header, _)| Some(header.payload_type) == payload_type);
        events.map(|(_, header, payload)| (header.timestamp, Event::parse(payload).unwrap())).collect()
    }

    /// The keys that one side heard as events: one for each timestamp, however many packets.
    fn keys(&self, side: usize) -> String {
        let mut events = self.events(side);
        events.dedup_by_key(|(timestamp, _)| *timestamp);
        events.iter().map(|(_, event)| char::from(event.digit().unwrap().key())).collect()
    }

    /// The keys that one side heard as tones, and for how long.
    fn tones(&self, side: usize) -> Vec<(char, u32)> {
        let mut detector = Detector::NEW;
        let law = self.peers[side].profile.send.law;
        let mut tones = Vec::new();
        for (_, _, payload) in &self.heard[side] {
            let mut rest = &payload[..];
            while let Some(heard) = detector.hear(law, &mut rest) {
                if let Heard::Ended(digit, length) = heard {
                    tones.push((char::from(digit.key()), length));
                }
            }
        }
        tones
    }

    /// What a side heard is one source: sequence numbers without a gap, and timestamps that never go back but within
    /// the repetitions of an event's end.
    fn is_unbroken(&self, side: usize) {
        for pair in self.heard[side].windows(2) {
            let [(_, last, _), (now, next, _)] = pair else { continue };
            assert_eq!((next.ssrc, next.seq), (last.ssrc, last.seq.plus(1)), "at {now} ms");
            assert!(next.timestamp.since(last.timestamp) >= 0, "at {now} ms");
        }
    }
}

use std::string::String;

/// A peer that sends 20 ms of audio after the other.
struct Voice {
    law: Law,
    seq: u16,
    timestamp: u32,
}

impl Voice {
    const fn new(law: Law) -> Self {
        Self { law, seq: 60_000, timestamp: u32::MAX - 4000 }
    }

    fn packet(&mut self, payload: &[u8]) -> Vec<u8> {
        let packet = packet(self.law.payload_type(), 0x77, self.seq, self.timestamp, payload);
        self.seq = self.seq.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(payload.len() as u32);
        packet
    }

    fn event(&mut self, start: u32, key: char, end: bool, duration: u16) -> Vec<u8> {
        let event = Event { code: digit(key).code(), end, volume: 10, duration }.to_bytes();
        let packet = packet(101, 0x77, self.seq, start, &event);
        self.seq = self.seq.wrapping_add(1);
        packet
    }

    /// The packets of a key that is pressed for a multiple of 20 ms, one every 20 ms, and its end thrice.
    fn key(&mut self, key: char, millis: u16) -> Vec<Vec<u8>> {
        let start = self.timestamp;
        let mut packets: Vec<_> =
            (1..=millis / 20).map(|n| self.event(start, key, n == millis / 20, n * 160)).collect();
        packets.extend((0..2).map(|_| self.event(start, key, true, millis * 8)));
        self.timestamp = self.timestamp.wrapping_add(u32::from(millis) * 8 + 320);
        packets
    }
}

/// So many samples of sound that is none of a key, by a seed.
fn murmur(samples: usize, seed: u32, level: i32) -> Vec<i16> {
    let mut state = seed | 1;
    let noise = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state as i32 % level) as i16
    };
    (0..samples).map(noise).collect()
}

/// Keys as tones, with pauses, over a murmur.
fn tones(keys: &[(char, usize, usize)], level: i32) -> Vec<i16> {
    let mut samples = Vec::new();
    for &(key, length, pause) in keys {
        let mut codes = std::vec![0; length];
        DualTone::of(digit(key)).unwrap().write(Law::Mu, &mut codes);
        samples.extend(codes.iter().map(|&code| Law::Mu.decode(code)));
        samples.resize(samples.len() + pause, 0);
    }
    let murmur = murmur(samples.len(), 7, level);
    samples.iter().zip(murmur).map(|(tone, noise)| tone.saturating_add(noise)).collect()
}

fn say(line: &mut Line, voice: &mut Voice, samples: &[i16]) {
    for frame in samples.chunks(160) {
        let mut payload: Vec<u8> = frame.iter().map(|&sample| voice.law.encode(sample)).collect();
        payload.resize(160, voice.law.encode(0));
        let packet = voice.packet(&payload);
        line.send(0, &packet);
        line.pass(20);
    }
}

#[test]
fn events_pass_and_are_reported_once_each() {
    let mut line = Line::new(caller(), target());
    let mut voice = Voice::new(Law::Mu);
    for key in ['1', '1', '#'] {
        for packet in voice.key(key, 100) {
            line.send(0, &packet);
            line.pass(20);
        }
        let packet = voice.packet(&frame(Law::Mu, 3));
        line.send(0, &packet);
        line.pass(20);
    }
    assert_eq!(line.keys(1), "11#");
    assert_eq!(line.reports, [(Side::A, '1', 100), (Side::A, '1', 100), (Side::A, '#', 100)]);
    assert_eq!(line.heard[1].len(), 3 * 8, "nothing is left out or added");
    line.is_unbroken(1);
}

#[test]
fn a_key_counts_once_whatever_of_it_is_lost() {
    // Which packets of five and two more get through.
    for mask in 1..1 << 7u32 {
        for events in [true, false] {
            let far = if events { target() } else { without_events(target()) };
            let mut line = Line::new(caller(), far);
            let mut voice = Voice::new(Law::Mu);
            for (key, mask) in [('1', u32::MAX), ('2', mask), ('3', u32::MAX)] {
                for (n, packet) in voice.key(key, 100).iter().enumerate() {
                    if mask & 1 << n != 0 {
                        line.send(0, packet);
                    }
                    line.pass(20);
                }
            }
            line.pass(500);
            let keys: String = line.reports.iter().map(|(_, key, _)| *key).collect();
            assert_eq!(keys, "123", "{mask:b}");
            let heard =
                if events { line.keys(1) } else { line.tones(1).iter().map(|(key, _)| *key).collect() };
            assert_eq!(heard, "123", "{mask:b}");
            if !events {
                line.is_unbroken(1);
            }
        }
    }
}

#[test]
fn events_become_tones_for_one_who_takes_none() {
    let mut line = Line::new(caller(), without_events(target()));
    let mut voice = Voice::new(Law::Mu);
    for key in ['4', '4', 'D', '0'] {
        // Audio beside the events, as some programs send it, is not heard while the tone is.
        for event in voice.key(key, 160) {
            line.send(0, &event);
            line.pass(20);
        }
        for _ in 0..10 {
            let packet = voice.packet(&[0xff; 160]);
            line.send(0, &packet);
            line.pass(20);
        }
    }
    let tones = line.tones(1);
    assert_eq!(tones.iter().map(|(key, _)| *key).collect::<String>(), "44D0");
    assert!(tones.iter().all(|(_, length)| (1180..1380).contains(length)), "{tones:?}");
    assert_eq!(line.reports.len(), 4);
    line.is_unbroken(1);
    // One packet every 20 ms, in step with time.
    for pair in line.heard[1].windows(2) {
        let [(before, last, _), (now, next, _)] = pair else { continue };
        assert!(now - before <= 40, "a gap at {now}");
        assert_eq!(next.timestamp.since(last.timestamp) as u64, 8 * (now - before), "at {now}");
    }
}

#[test]
fn tones_become_events_and_are_muted() {
    for (law, level) in [(Law::Mu, 300), (Law::A, 1200)] {
        let near = Peer { profile: profile(law, None), ..caller() };
        let mut line = Line::new(near, target());
        let mut voice = Voice::new(law);
        let keys: Vec<_> = "0123456789*#ABCD11".chars().map(|key| (key, 800, 800)).collect();
        say(&mut line, &mut voice, &tones(&keys, level));
        line.pass(300);
        assert_eq!(line.keys(1), "0123456789*#ABCD11");
        let reported: String = line.reports.iter().map(|(_, key, _)| *key).collect();
        assert_eq!(reported, "0123456789*#ABCD11");
        assert!(line.reports.iter().all(|(_, _, millis)| (85..115).contains(millis)), "{:?}", line.reports);
        for ends in line.events(1).chunk_by(|one, other| one.0 == other.0) {
            assert_eq!(ends.iter().filter(|(_, event)| event.end).count(), 3);
            let duration = ends.last().unwrap().1.duration;
            assert!((680..920).contains(&duration), "{duration}");
        }
        assert_eq!(line.tones(1), [], "what is left is no key");
        line.is_unbroken(1);
        let markers =
            line.heard[1].iter().filter(|(_, header, _)| header.payload_type == 96 && header.marker);
        assert_eq!(markers.count(), 18, "the first packet of each has the marker");
    }
}

#[test]
fn tones_stay_where_the_other_side_takes_no_events_and_are_reported() {
    let mut line = Line::new(without_events(caller()), without_events(target()));
    let mut voice = Voice::new(Law::Mu);
    say(&mut line, &mut voice, &tones(&[('7', 640, 640), ('8', 640, 640)], 100));
    line.pass(200);
    assert_eq!(line.reports.iter().map(|(_, key, _)| *key).collect::<String>(), "78");
    assert_eq!(line.tones(1).iter().map(|(key, _)| *key).collect::<String>(), "78");
    assert_eq!(line.heard[1].len(), 16, "as they came");
}

#[test]
fn tones_come_through_loss() {
    // One packet of twenty is lost, each in its turn.
    for lost in 0..20 {
        let mut line = Line::new(without_events(caller()), target());
        let mut voice = Voice::new(Law::Mu);
        let keys: Vec<_> = "159D357*".chars().map(|key| (key, 800, 800)).collect();
        for (n, frame) in tones(&keys, 200).chunks(160).enumerate() {
            let payload: Vec<u8> = frame.iter().map(|&sample| Law::Mu.encode(sample)).collect();
            let packet = voice.packet(&payload);
            if n % 20 != lost {
                line.send(0, &packet);
            }
            line.pass(20);
        }
        line.pass(300);
        assert_eq!(line.keys(1), "159D357*", "lost {lost}");
        assert_eq!(line.reports.len(), 8);
    }
}

#[test]
fn keys_of_signalling_are_said_in_the_way_the_other_takes() {
    for events in [true, false] {
        let mut line = Line::new(caller(), if events { target() } else { without_events(target()) });
        let mut voice = Voice::new(Law::Mu);
        for (n, key) in "12345".chars().enumerate() {
            let duration = Duration::from_millis([0, 160, 400, 100, 5000][n]);
            let press = Control::Press { stream: ONE, side: Side::A, digit: digit(key), duration };
            line.relay.control(at(line.millis), press);
            for _ in 0..5 {
                let packet = voice.packet(&[0x90; 160]);
                line.send(0, &packet);
                line.pass(20);
            }
        }
        line.pass(6000);
        let heard = if events { line.keys(1) } else { line.tones(1).iter().map(|(key, _)| *key).collect() };
        assert_eq!(heard, "12345");
        let reported: Vec<_> = line.reports.iter().map(|(_, key, millis)| (*key, *millis)).collect();
        assert_eq!(reported, [('1', 0), ('2', 160), ('3', 400), ('4', 100), ('5', 5000)]);
        line.is_unbroken(1);
        let before = line.heard[1].len();
        let packet = voice.packet(&[0x90; 160]);
        line.send(0, &packet);
        assert_eq!(line.heard[1].len(), before + 1, "audio goes on");
        assert!(line.heard[1][before].1.marker);
    }
}

#[test]
fn one_key_told_in_two_ways_is_one() {
    let mut line = Line::new(caller(), target());
    let mut voice = Voice::new(Law::Mu);
    for key in ['5', '5', '6'] {
        for packet in voice.key(key, 100) {
            line.send(0, &packet);
            line.pass(20);
        }
        line.pass(100);
        let duration = Duration::from_millis(100);
        line.relay.control(
            at(line.millis),
            Control::Press { stream: ONE, side: Side::A, digit: digit(key), duration },
        );
        line.pass(100);
    }
    assert_eq!(line.keys(1), "556");
    assert_eq!(line.reports.len(), 3);
    // And the other way round, after a while.
    line.pass(4000);
    for key in ['7', '8'] {
        let duration = Duration::from_millis(100);
        line.relay.control(
            at(line.millis),
            Control::Press { stream: ONE, side: Side::A, digit: digit(key), duration },
        );
        line.pass(60);
        for packet in voice.key(key, 100) {
            line.send(0, &packet);
            line.pass(20);
        }
        line.pass(300);
    }
    assert_eq!(line.keys(1), "55678");
    assert_eq!(line.reports.len(), 5);
}

#[test]
fn a_long_event_is_one_key_in_segments() {
    // As it came, where it passes; and said anew for a tone of ten seconds.
    let mut line = Line::new(caller(), target());
    let mut voice = Voice::new(Law::Mu);
    for (start, duration, end) in [
        (0, 160, false),
        (0, 65_535, false),
        (65_535, 161, false),
        (65_535, 14_465, true),
        (65_535, 14_465, true),
    ] {
        let packet = voice.event(start, '9', end, duration);
        line.send(0, &packet);
        line.pass(100);
    }
    assert_eq!(line.reports, [(Side::A, '9', 10_000)]);
    assert_eq!(line.heard[1].len(), 5);
    let mut line = Line::new(without_events(caller()), target());
    let mut voice = Voice::new(Law::Mu);
    say(&mut line, &mut voice, &tones(&[('9', 80_000, 1600)], 50));
    line.pass(200);
    let events = line.events(1);
    let segments: Vec<_> = events.chunk_by(|one, other| one.0 == other.0).collect();
    assert_eq!(segments.len(), 2);
    let (first, second) = (segments[0].last().unwrap(), segments[1].last().unwrap());
    assert_eq!((first.1.duration, first.1.end, second.1.end), (0xffff, false, true));
    assert_eq!(second.0.since(first.0), 0xffff);
    let whole = 0xffff + u32::from(second.1.duration);
    assert!((79_800..80_200).contains(&whole), "{whole}");
    assert_eq!(line.reports.len(), 1);
    line.is_unbroken(1);
}

#[test]
fn a_key_whose_end_is_not_heard_ends() {
    for far in [target(), without_events(target())] {
        let mut line = Line::new(caller(), far);
        let mut voice = Voice::new(Law::Mu);
        for n in 1..=3 {
            let packet = voice.event(0, '3', false, n * 160);
            line.send(0, &packet);
            line.pass(20);
        }
        line.pass(600);
        assert_eq!(line.reports, [(Side::A, '3', 60)]);
        let heard = line.heard[1].len();
        line.pass(1000);
        assert_eq!(line.heard[1].len(), heard, "it is not said for ever");
        // Nor when the stream is closed under it.
        let packet = voice.event(8000, '4', false, 160);
        line.send(0, &packet);
        line.relay.control(at(line.millis), Control::Close { stream: ONE });
        let (_, reports, _) = drain(&mut line.relay, at(line.millis));
        assert!(matches!(reports[..], [Report::Digit { .. }, Report::Closed { .. }]), "{reports:?}");
    }
}

#[test]
fn what_finds_no_room_is_counted_and_nothing_else() {
    let storage = Storage {
        first_port: FIRST,
        doors: Vec::leak(std::vec![Door::EMPTY; 8]),
        names: Vec::leak(std::vec![Name::EMPTY; 8]),
        streams: Box::leak((0..2).map(|_| Slot::EMPTY).collect()),
        thirds: &mut [],
        keypads: &mut [],
        contexts: &mut [],
        packers: &mut [],
        tapes: &mut [],
        taped: &mut [],
        timers: Vec::leak(std::vec![TimerSlot::EMPTY; 2]),
    };
    let mut relay = Relay::new(storage, &[7; 32]);
    open(&mut relay, at(0), ONE, PORTS);
    point(&mut relay, at(0), Side::A, caller());
    point(&mut relay, at(0), Side::B, without_events(target()));
    assert_eq!(relay.counters().get(Reason::DigitLost), 1, "the target's tones are not heard");
    let press = Control::Press { stream: ONE, side: Side::A, digit: digit('1'), duration: Duration::ZERO };
    relay.control(at(0), press);
    let (_, reports, _) = drain(&mut relay, at(1));
    assert!(matches!(reports[..], [Report::Digit { side: Side::A, .. }]), "{reports:?}");
    assert_eq!(relay.counters().get(Reason::DigitLost), 2);
    close(&mut relay, at(2));
}
