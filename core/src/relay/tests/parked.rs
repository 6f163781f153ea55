//! Streams with three sides: who hears whom, and silence for the one who hears nobody.

use super::*;

const PORT_C: u16 = 20_004;

/// The one to whom the call is transferred: mu-law in a payload type of its own.
fn third() -> Peer {
    let (rtp, rtcp) = (address("198.51.100.30:6000"), address("198.51.100.30:6001"));
    let mut profile = profile(Law::Mu, Some(100));
    profile.send.payload_type = 97;
    Peer::new(rtp, rtcp, profile, Direction::SendRecv)
}

fn join(relay: &mut Relay<'_>, now: Instant, side: Side, port: u16) -> Vec<Report> {
    relay.control(now, Control::Join { stream: ONE, side, port });
    drain(relay, now).1
}

fn bridge(relay: &mut Relay<'_>, now: Instant, pair: Option<[Side; 2]>) {
    relay.control(now, Control::Bridge { stream: ONE, pair });
}

/// Caller and target hear each other, and the third one is there too, at time 0.
fn with_third() -> Relay<'static> {
    let mut relay = bridged();
    assert_eq!(join(&mut relay, at(0), Side::C, PORT_C), [Report::Joined { stream: ONE, side: Side::C }]);
    point(&mut relay, at(0), Side::C, third());
    relay
}

/// What a peer hears.
struct Ear {
    at: SocketAddr,
    heard: Vec<(u64, Header, Vec<u8>)>,
}

impl Ear {
    const fn new(peer: &Peer) -> Self {
        Self { at: peer.rtp, heard: Vec::new() }
    }

    fn hear(&mut self, millis: u64, hop: Hop, bytes: &[u8]) {
        if hop.to == self.at {
            self.heard.push((millis, Header::parse(bytes).unwrap(), bytes[12..].to_vec()));
        }
    }

    /// The packets between two times.
    fn between(&self, from: u64, to: u64) -> impl Iterator<Item = &(u64, Header, Vec<u8>)> {
        self.heard.iter().filter(move |(millis, ..)| (from..to).contains(millis))
    }

    fn hears_silence(&self, from: u64, to: u64, code: u8) {
        assert_eq!(self.between(from, to).count() as u64, (to - from) / 20, "{from}..{to}");
        assert!(self.between(from, to).all(|(_, _, payload)| *payload == [code; 160]), "{from}..{to}");
    }

    /// It is one source: the next number in every packet, and timestamps as time goes.
    fn is_unbroken(&self) {
        for pair in self.heard.windows(2) {
            let [(before, last, _), (now, next, _)] = pair else { continue };
            assert_eq!((next.ssrc, next.seq), (last.ssrc, last.seq.plus(1)), "at {now} ms");
            assert_eq!(next.timestamp.since(last.timestamp) as u64, 8 * (now - before), "at {now} ms");
        }
    }

    /// When the marker was set.
    fn markers(&self) -> Vec<u64> {
        self.heard.iter().filter(|(_, header, _)| header.marker).map(|(millis, ..)| *millis).collect()
    }
}

/// All three peers speak from one time to another, and hear what they are sent.
fn talk(relay: &mut Relay<'_>, from: u64, to: u64, ears: &mut [Ear; 3]) {
    for millis in (from..to).step_by(20) {
        let n = (millis / 20) as u16;
        let voices =
            [(PORTS[0], caller(), 0, 0x11), (PORTS[1], target(), 8, 0x22), (PORT_C, third(), 0, 0x33)];
        for (port, peer, format, code) in voices {
            let bytes = packet(format, code.into(), n, 160 * u32::from(n), &[code; 160]);
            let (verdict, sent) = forward(relay, at(millis), port, peer.rtp, &bytes);
            if let Verdict::Send(hop) = verdict {
                ears.iter_mut().for_each(|ear| ear.hear(millis, hop, &sent));
            }
        }
        for (hop, bytes) in drain(relay, at(millis)).0.into_iter().filter(|(hop, _)| hop.port & 1 == 0) {
            ears.iter_mut().for_each(|ear| ear.hear(millis, hop, &bytes));
        }
    }
}

fn ears() -> [Ear; 3] {
    [Ear::new(&caller()), Ear::new(&target()), Ear::new(&third())]
}

#[test]
fn who_is_not_in_the_bridge_hears_silence_as_one_source_all_along() {
    let mut relay = with_third();
    let mut ears = ears();
    talk(&mut relay, 0, 200, &mut ears);
    bridge(&mut relay, at(200), Some([Side::C, Side::A]));
    talk(&mut relay, 200, 400, &mut ears);
    bridge(&mut relay, at(400), None);
    talk(&mut relay, 400, 600, &mut ears);
    bridge(&mut relay, at(600), Some([Side::B, Side::A]));
    talk(&mut relay, 600, 800, &mut ears);
    let [a, b, c] = &ears;
    ears.iter().for_each(Ear::is_unbroken);
    c.hears_silence(0, 200, 0xff);
    b.hears_silence(200, 600, 0xd5);
    a.hears_silence(400, 600, 0xff);
    c.hears_silence(400, 800, 0xff);
    let says = |ear: &Ear, from, to, code: u8| {
        assert_eq!(ear.between(from, to).count(), 10);
        assert!(ear.between(from, to).all(|(_, _, payload)| *payload == [code; 160]), "{from}");
    };
    says(a, 0, 200, g711::a_to_mu(0x22));
    says(b, 0, 200, g711::mu_to_a(0x11));
    says(a, 200, 400, 0x33);
    says(c, 200, 400, 0x11);
    says(a, 600, 800, g711::a_to_mu(0x22));
    assert!(c.heard.iter().all(|(_, header, _)| header.payload_type == 97));
    assert!(b.heard.iter().all(|(_, header, _)| header.payload_type == 8));
    assert_eq!(
        [a, b, c].map(Ear::markers),
        [std::vec![0, 200, 400, 600], std::vec![0, 200, 600], std::vec![0, 200, 400]]
    );
    let [a, b] = [SIDE_A, SIDE_B].map(|port| relay.doors.find(port).is_some());
    assert!(a && b);
}

const SIDE_A: u16 = PORTS[0];
const SIDE_B: u16 = PORTS[1];

#[test]
fn what_the_parked_one_says_is_counted_and_dropped() {
    let mut relay = with_third();
    for n in 0..5u16 {
        let bytes = packet(0, 7, n, 160 * u32::from(n), &[0x12; 160]);
        let now = at(20 * u64::from(n));
        assert_eq!(dropped(&mut relay, now, PORT_C, third().rtp, &bytes), Reason::NoPeer);
        assert_eq!(dropped(&mut relay, now, PORT_C, target().rtp, &bytes), Reason::WrongSource);
    }
    relay.control(at(100), Control::Close { stream: ONE });
    let (sent, reports, _) = drain(&mut relay, at(100));
    let [Report::Closed { stream: ONE, sides: [a, b, c] }] = reports[..] else { panic!("{reports:?}") };
    assert_eq!((c.packets_received, c.wrong_source, c.lost, c.packets_sent), (5, 5, 0, 0));
    let silent = Statistics { longest_pause: Duration::from_millis(100), ..Statistics::default() };
    assert_eq!((a, b), (silent, silent));
    assert!(sent.is_empty(), "nobody was spoken to");
}

#[test]
fn silence_is_due_every_20_ms_and_what_is_long_missed_is_not_made_up_for() {
    let mut relay = with_third();
    let silence = |relay: &mut Relay<'_>, millis| {
        let (sent, _, until) = drain(relay, at(millis));
        let headers: Vec<_> = sent
            .iter()
            .filter(|(hop, _)| hop.to == third().rtp)
            .map(|(hop, bytes)| (hop.port, hop.len, Header::parse(bytes).unwrap()))
            .collect();
        assert!(headers.iter().all(|&(port, len, _)| (port, len) == (PORT_C, 172)));
        (headers.into_iter().map(|(_, _, header)| header).collect::<Vec<_>>(), until)
    };
    let (first, until) = silence(&mut relay, 0);
    assert_eq!((first.len(), until), (1, Some(at(20))));
    assert!(first[0].marker);
    assert_eq!(silence(&mut relay, 19).0, []);
    // The host is late, and catches up.
    let (late, until) = silence(&mut relay, 70);
    assert_eq!((late.len(), until), (3, Some(at(80))));
    for (n, header) in (1..).zip(&late) {
        assert_eq!((header.seq, header.marker), (first[0].seq.plus(n), false));
        assert_eq!(header.timestamp, first[0].timestamp.plus(160 * u32::from(n)));
    }
    // The host was away.
    let (away, until) = silence(&mut relay, 1080);
    assert_eq!((away.len(), until), (1, Some(at(1100))));
    assert_eq!((away[0].seq, away[0].timestamp), (first[0].seq.plus(4), first[0].timestamp.plus(8 * 1080)));
    assert!(away[0].marker);
    // A host that has no room for it is not asked again and again.
    assert!(
        matches!(relay.poll(at(1100), None, &(), &mut [0; 100]), Output::Wait(Some(until)) if until == at(1120))
    );
}

#[test]
fn silence_begins_when_what_was_heard_last_is_over() {
    let mut relay = with_third();
    let (last, _) = to_target(&mut relay, at(1000), &packet(0, 1, 0, 0, &frame(Law::Mu, 1)));
    drain(&mut relay, at(1000));
    bridge(&mut relay, at(1005), Some([Side::A, Side::C]));
    let (sent, _, until) = drain(&mut relay, at(1005));
    assert!(sent.is_empty() && until == Some(at(1020)), "{sent:?}");
    let (sent, ..) = drain(&mut relay, at(1021));
    let [(hop, bytes)] = &sent[..] else { panic!("{sent:?}") };
    let header = Header::parse(bytes).unwrap();
    assert_eq!((hop.port, hop.to), (PORTS[1], target().rtp));
    assert_eq!((header.seq, header.timestamp), (last.seq.plus(1), last.timestamp.plus(160)));
}

#[test]
fn who_wants_to_hear_nothing_hears_no_silence() {
    let mut relay = with_third();
    for direction in [Direction::RecvOnly, Direction::Inactive] {
        drain(&mut relay, at(0));
        point(&mut relay, at(10), Side::C, Peer { direction, ..third() });
        assert!(drain(&mut relay, at(1000)).0.is_empty());
    }
    point(&mut relay, at(1000), Side::C, Peer { rtp: address("0.0.0.0:6000"), ..third() });
    assert!(drain(&mut relay, at(1100)).0.is_empty());
    point(&mut relay, at(1100), Side::C, Peer { direction: Direction::SendOnly, ..third() });
    assert_eq!(drain(&mut relay, at(1100)).0.len(), 1);
}

#[test]
fn who_is_held_hears_silence_where_the_other_sends_nothing() {
    let mut relay = bridged();
    let mut ears = ears();
    talk(&mut relay, 0, 200, &mut ears);
    // The caller holds, without music.
    point(&mut relay, at(200), Side::A, Peer { direction: Direction::Inactive, ..caller() });
    talk(&mut relay, 200, 400, &mut ears);
    // With music.
    point(&mut relay, at(400), Side::A, Peer { direction: Direction::RecvOnly, ..caller() });
    talk(&mut relay, 400, 600, &mut ears);
    point(&mut relay, at(600), Side::A, caller());
    talk(&mut relay, 600, 800, &mut ears);
    let [a, b, _] = &ears;
    b.is_unbroken();
    b.hears_silence(200, 400, 0xd5);
    assert_eq!(b.markers(), [0, 200, 400]);
    assert_eq!((b.heard.len(), a.heard.len()), (40, 20));
    assert_eq!(a.between(200, 600).count(), 0);
    assert!(b.between(400, 800).all(|(_, _, payload)| *payload == [g711::mu_to_a(0x11); 160]));
}

#[test]
fn who_waits_for_an_answer_hears_no_silence() {
    let mut relay = relay(1);
    open(&mut relay, at(0), ONE, PORTS);
    point(&mut relay, at(0), Side::A, caller());
    assert!(drain(&mut relay, at(1000)).0.is_empty());
    // Who was spoken to before does, when the next one has yet to answer.
    point(&mut relay, at(1000), Side::B, target());
    to_caller(&mut relay, at(1000), &packet(8, 2, 0, 0, &[0x44; 160]));
    join(&mut relay, at(1000), Side::C, PORT_C);
    bridge(&mut relay, at(1000), Some([Side::A, Side::C]));
    let sent = drain(&mut relay, at(1020)).0;
    let to: Vec<_> = sent.iter().map(|(hop, _)| hop.to).collect();
    assert_eq!(to, [caller().rtp, target().rtp, target().rtp], "the target since 1000 ms");
}

#[test]
fn who_parts_is_told_bye_and_its_ports_are_free() {
    let mut relay = with_third();
    let mut ears = ears();
    talk(&mut relay, 0, 100, &mut ears);
    bridge(&mut relay, at(100), Some([Side::A, Side::C]));
    relay.control(at(100), Control::Part { stream: ONE, side: Side::B });
    // Its port is closed from here on.
    let bytes = packet(8, 0x22, 5, 800, &[0xd5; 160]);
    assert_eq!(dropped(&mut relay, at(100), PORTS[1], target().rtp, &bytes), Reason::PortClosed);
    let (sent, reports, _) = drain(&mut relay, at(100));
    let bye: Vec<_> = sent.iter().filter(|(hop, _)| hop.port == PORTS[1] + 1).collect();
    let [(hop, bytes)] = bye[..] else { panic!("{sent:?}") };
    assert!(hop.to == target().rtcp && read(bytes).4);
    assert!(sent.iter().all(|(hop, _)| hop.port != PORTS[1]));
    let [Report::Parted { stream: ONE, side: Side::B, statistics }] = reports[..] else {
        panic!("{reports:?}")
    };
    assert_eq!((statistics.packets_received, statistics.packets_sent), (5, 5));
    assert_eq!(relay.annex.thirds.len(), 0, "who came third has moved into the stream");
    // Once more changes nothing.
    relay.control(at(100), Control::Part { stream: ONE, side: Side::B });
    assert!(drain(&mut relay, at(100)).1.is_empty());
    // The two that are left go on as before.
    talk(&mut relay, 100, 300, &mut ears);
    ears.iter().for_each(Ear::is_unbroken);
    assert_eq!(ears[1].heard.len(), 5);
    assert!(ears[0].between(100, 300).all(|(_, _, payload)| *payload == [0x33; 160]));
    assert_eq!(ears[0].between(100, 300).count(), 10);
    // The side and the port can be used again, by others.
    assert_eq!(join(&mut relay, at(300), Side::B, 20_006), [Report::Joined { stream: ONE, side: Side::B }]);
    let two = StreamId { index: 4, generation: 1 };
    open(&mut relay, at(300), two, [PORTS[1], 20_008]);
    assert_eq!(relay.annex.thirds.len(), 1);
    bridge(&mut relay, at(300), Some([Side::A, Side::B]));
    point(&mut relay, at(300), Side::B, target());
    let (verdict, sent) = forward(&mut relay, at(300), 20_006, target().rtp, &bytes_of_target());
    assert!(matches!(verdict, Verdict::Send(Hop { port: SIDE_A, .. })));
    assert_eq!(Header::parse(&sent).unwrap().ssrc, ears[0].heard[0].1.ssrc, "one source to the caller");
    relay.control(at(310), Control::Close { stream: ONE });
    let reports = drain(&mut relay, at(310)).1;
    let [Report::Closed { stream: ONE, sides: [a, b, c] }] = reports[..] else { panic!("{reports:?}") };
    assert_eq!((a.packets_received, b.packets_received, c.packets_received), (15, 1, 15));
    assert_eq!((relay.annex.thirds.len(), relay.streams()), (0, 1));
    for port in [SIDE_A, 20_006, PORT_C] {
        assert_eq!(relay.doors.find(port), None, "{port}");
    }

    fn bytes_of_target() -> Vec<u8> {
        packet(8, 0x22, 0, 0, &[0xd5; 160])
    }
}

#[test]
fn any_side_can_part_and_who_is_left_hears_silence() {
    for (gone, left) in [(Side::A, target()), (Side::B, caller())] {
        let mut relay = bridged();
        let mut ears = ears();
        talk(&mut relay, 0, 100, &mut ears);
        relay.control(at(100), Control::Part { stream: ONE, side: gone });
        talk(&mut relay, 100, 200, &mut ears);
        let ear = ears.iter().find(|ear| ear.at == left.rtp).unwrap();
        ear.is_unbroken();
        ear.hears_silence(100, 200, left.profile.send.law.encode(0));
    }
}

#[test]
fn what_cannot_join_is_told_so() {
    let mut relay = with_third();
    let refused = |relay: &mut Relay<'_>, stream, side, port| {
        relay.control(at(0), Control::Join { stream, side, port });
        let (_, reports, _) = drain(relay, at(0));
        assert_eq!(reports, [Report::NotJoined { stream, side }], "{side:?} at {port}");
    };
    refused(&mut relay, ONE, Side::C, 20_006);
    refused(&mut relay, ONE, Side::A, 20_006);
    refused(&mut relay, StreamId { generation: 2, ..ONE }, Side::C, 20_006);
    refused(&mut relay, StreamId { index: 1000, generation: 1 }, Side::C, 20_006);
    relay.control(at(0), Control::Part { stream: ONE, side: Side::C });
    drain(&mut relay, at(0));
    for port in [PORTS[0], 20_005, 19_998, 20_200] {
        refused(&mut relay, ONE, Side::C, port);
    }
    assert_eq!(join(&mut relay, at(0), Side::C, 20_006), [Report::Joined { stream: ONE, side: Side::C }]);
    // Of four streams, two can have three sides.
    for (index, third) in [(4, true), (5, false)] {
        let stream = StreamId { index, generation: 1 };
        let port = FIRST + 6 * (index as u16 - 2);
        open(&mut relay, at(0), stream, [port, port + 2]);
        relay.control(at(0), Control::Join { stream, side: Side::C, port: port + 4 });
        let report = match third {
            true => Report::Joined { stream, side: Side::C },
            false => Report::NotJoined { stream, side: Side::C },
        };
        assert_eq!(drain(&mut relay, at(0)).1, [report]);
        assert_eq!(relay.doors.find(port + 4).is_some(), third);
    }
    relay.control(at(0), Control::Close { stream: ONE });
    relay.control(at(0), Control::Join { stream: ONE, side: Side::B, port: 20_002 });
    relay.control(at(0), Control::Part { stream: ONE, side: Side::A });
    let reports = drain(&mut relay, at(0)).1;
    assert!(matches!(
        reports[..],
        [Report::NotJoined { stream: ONE, side: Side::B }, Report::Closed { stream: ONE, .. }]
    ));
}

#[test]
fn who_parts_when_the_stream_is_closed_is_told_first() {
    let mut relay = with_third();
    to_target(&mut relay, at(0), &packet(0, 1, 0, 0, &[0xff; 160]));
    relay.control(at(0), Control::Part { stream: ONE, side: Side::B });
    relay.control(at(0), Control::Close { stream: ONE });
    let (sent, reports, until) = drain(&mut relay, at(0));
    assert_eq!(sent.len(), 1, "BYE to the target: {sent:?}");
    assert!(matches!(
        reports[..],
        [Report::Parted { side: Side::B, .. }, Report::Closed { sides: [_, b, _], .. }] if b == Statistics::default()
    ));
    assert_eq!((until, relay.streams(), relay.annex.thirds.len()), (None, 0, 0));
}

#[test]
fn one_who_hears_himself_hears_silence() {
    let mut relay = bridged();
    bridge(&mut relay, at(0), Some([Side::A, Side::A]));
    let bytes = packet(0, 1, 0, 0, &[0x11; 160]);
    assert_eq!(dropped(&mut relay, at(0), PORTS[0], caller().rtp, &bytes), Reason::NoPeer);
    assert_eq!(drain(&mut relay, at(0)).0.len(), 2);
}
