//! What holds whatever comes, in whatever order.

use std::collections::BTreeMap;
use std::vec;

use proptest::prelude::*;

use super::*;

/// Something that can happen to a relay. Small numbers, so that they meet.
#[derive(Clone, Debug)]
enum Step {
    Open(u32, u32, u16),
    Point(u32, u32, Side, u8, u8),
    Join(u32, u32, Side, u16),
    Bridge(u32, u32, Option<[Side; 2]>),
    Play(u32, u32, Side, Option<Play>),
    Part(u32, u32, Side),
    Press(u32, u32, Side, u8, u64),
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

fn side() -> impl Strategy<Value = Side> {
    (0..3usize).prop_map(|side| Side::ALL[side])
}

/// A clip that is not there is silence, and over at once where it is played once.
fn play() -> impl Strategy<Value = Play> {
    prop_oneof![
        any::<bool>().prop_map(|looped| Play::Clip { clip: ClipId(1), looped }),
        Just(Play::Tone { tone: Tone::Busy, country: Country::Itu }),
    ]
}

/// Whether it goes on until it is stopped.
fn is_endless(play: Play) -> bool {
    !matches!(play, Play::Clip { looped: false, .. })
}

fn step() -> impl Strategy<Value = Step> {
    let packet = (0..24u16, 0..4u8, 0..4u8, 0..3u32, any::<u16>(), any::<u32>(), 0..64u8, 0..40usize);
    let packet = packet.prop_map(|(port, from, format, ssrc, seq, timestamp, flags, len)| {
        // Half of them from whom the working stream may hear.
        let (port, from) = if port < 12 { (port, from) } else { (port % 3 * 2, (port % 3) as u8) };
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
    let stream = || (0..4u32, 0..2u32);
    // Mostly of the working stream.
    let mine = || prop_oneof![3 => Just((0, 0)), 1 => stream()];
    prop_oneof![
        1 => (stream(), 0..6u16).prop_map(|((index, generation), port)| Step::Open(index, generation, port)),
        3 => (stream(), side(), 0..5u8, 0..4u8)
            .prop_map(|((index, generation), side, peer, how)| Step::Point(index, generation, side, peer, how)),
        2 => (mine(), side(), 0..9u16)
            .prop_map(|((index, generation), side, port)| Step::Join(index, generation, side, port)),
        2 => (mine(), proptest::option::of([side(), side()]))
            .prop_map(|((index, generation), pair)| Step::Bridge(index, generation, pair)),
        3 => (mine(), side(), proptest::option::weighted(0.8, play()))
            .prop_map(|((index, generation), side, what)| Step::Play(index, generation, side, what)),
        1 => (mine(), side()).prop_map(|((index, generation), side)| Step::Part(index, generation, side)),
        1 => (mine(), side(), 0..16u8, 0..500u64).prop_map(|((index, generation), side, code, millis)| {
            Step::Press(index, generation, side, code, millis)
        }),
        1 => (0..4u32, 0..4u32).prop_map(|(index, generation)| Step::Close(index, generation)),
        4 => (0..14u16, 0..4u8, proptest::collection::vec(any::<u8>(), 0..60))
            .prop_map(|(port, from, bytes)| Step::Bytes(FIRST + port, from, bytes)),
        12 => packet,
        4 => prop_oneof![0..100_000u64, 0..8_000_000u64].prop_map(Step::Pass),
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
    /// By side; those that are open.
    places: [Option<Said>; 3],
    pair: Option<[Side; 2]>,
    closed: bool,
}

/// What signalling said of one side, and what its peer was sent.
#[derive(Clone, Copy)]
struct Said {
    port: u16,
    peer: Option<(u8, Direction)>,
    parting: bool,
    played: Option<Play>,
    /// Our SSRC, and the highest sequence number and timestamp.
    sent: Option<(u32, Seq, Timestamp)>,
}

impl Said {
    const fn at(port: u16) -> Self {
        Self { port, peer: None, parting: false, played: None, sent: None }
    }
}

/// What signalling said, by the streams' indices.
#[derive(Default)]
struct Model {
    streams: BTreeMap<u32, Told>,
    /// Whether any key was pressed.
    keys: bool,
}

impl Model {
    fn told(&mut self, index: u32, generation: u32) -> Option<&mut Told> {
        self.streams
            .get_mut(&index)
            .filter(|told| told.stream == StreamId { index, generation } && !told.closed)
    }

    /// The stream of a port, and its side there.
    fn side(&mut self, port: u16) -> Option<(&mut Told, Side)> {
        let is = |said: &Option<Said>| said.is_some_and(|said| said.port == port & !1);
        let told = self.streams.values_mut().find(|told| told.places.iter().any(is))?;
        let side = Side::ALL.into_iter().find(|side| is(&told.places[side.index()]))?;
        Some((told, side))
    }

    /// Something leaves; `by` is the port it came to, none where it is the relay's own.
    fn check(&mut self, hop: Hop, bytes: &[u8], by: Option<u16>) {
        let came = by.map(|by| self.side(by).expect("a stream has this port").1);
        let keys = self.keys;
        let (told, side) = self.side(hop.port).expect("a stream has this port");
        let said = told.places[side.index()].expect("it is open");
        let (peer, direction) = said.peer.expect("the side was pointed");
        assert_ne!(peer, 4, "nothing goes to zeros");
        let (rtp, rtcp) = home(peer);
        if hop.port & 1 == 1 {
            assert_eq!((hop.to, by), (rtcp, None));
            read(bytes);
            return;
        }
        assert_eq!(hop.to, rtp);
        assert!(!told.closed && !said.parting && direction.sends());
        let partner = match told.pair {
            Some([a, b]) if a == b => None,
            Some([a, b]) if a == side => Some(b),
            Some([a, b]) if b == side => Some(a),
            _ => None,
        };
        let heard =
            partner.and_then(|partner| told.places[partner.index()].filter(|said| !said.parting)?.peer);
        let header = Header::parse(bytes).unwrap();
        let (ssrc, seq, timestamp) = said
            .sent
            .unwrap_or_else(|| (header.ssrc, header.seq.plus(u16::MAX), header.timestamp.plus(u32::MAX)));
        let (ahead, later) = (header.seq.since(seq), header.timestamp.since(timestamp));
        assert_eq!(header.ssrc, ssrc);
        if came.is_some() {
            assert_eq!(said.played, None, "who is played something hears nothing else");
            assert_eq!(came, partner, "only the two in the bridge hear each other");
            assert!((-crate::rtp::MAX_MISORDER..crate::rtp::MAX_DROPOUT).contains(&ahead), "{ahead}");
        } else {
            assert_eq!(ahead, 1);
            let silence = bytes[12..] == [if header.payload_type == 0 { 0xff } else { 0xd5 }; 160];
            let hears_nobody = heard.is_none_or(|(_, direction)| !direction.receives());
            let plays = matches!(said.played, Some(Play::Tone { .. }));
            match bytes.len() {
                172 => assert!(
                    later > 0 && (keys || plays || (hears_nobody || said.played.is_some()) && silence)
                ),
                len => assert!(later >= 0 && keys && len == 16, "a key"),
            }
        }
        told.places[side.index()].as_mut().unwrap().sent = Some((
            ssrc,
            if ahead > 0 { header.seq } else { seq },
            if later > 0 { header.timestamp } else { timestamp },
        ));
    }

    fn report(&mut self, relay: &Relay<'_>, report: Report) {
        match report {
            Report::Digit { .. } => self.keys = true,
            Report::Opened { .. }
            | Report::NotJoined { .. }
            | Report::Joined { .. }
            | Report::Stranger { .. }
            | Report::NotSecured { .. }
            | Report::NotAuthentic { .. }
            | Report::Silent { .. } => {}
            // Either it never was, or another holds its name.
            Report::Failed { stream } => {
                if relay.find(stream).is_none()
                    && self.streams.get(&stream.index).is_some_and(|told| told.stream == stream)
                {
                    self.streams.remove(&stream.index);
                }
            }
            Report::Parted { stream, side, .. } => {
                let told = self.streams.get_mut(&stream.index).filter(|told| told.stream == stream).unwrap();
                assert!(told.places[side.index()].take().is_some());
            }
            Report::Played { stream, side, .. } => {
                let told = self.told(stream.index, stream.generation).expect("it is open");
                let played = told.places[side.index()].as_mut().unwrap().played.take();
                assert!(played.is_some_and(|played| !is_endless(played)));
            }
            Report::Closed { stream, .. } => assert!(self.streams.remove(&stream.index).unwrap().closed),
        }
    }

    /// Whether signalling and the relay are of one mind about every port.
    fn compare(&mut self, relay: &Relay<'_>) {
        assert_eq!(relay.streams(), self.streams.len());
        let thirds = self.streams.values().filter(|told| told.places.iter().all(Option::is_some)).count();
        assert_eq!(relay.annex.thirds.len(), thirds);
        for port in (FIRST..FIRST + 28).step_by(2) {
            let side = self.side(port).map(|(_, side)| side);
            assert_eq!(relay.doors.find(port).map(|(_, side)| side), side, "{port}");
        }
    }
}

fn run(steps: Vec<Step>) {
    let mut relay = relay(3);
    let mut model = Model::default();
    let mut now = 0;
    // One stream that works, so that most of what comes meets something.
    let working = [
        Step::Open(0, 0, 0),
        Step::Point(0, 0, Side::A, 0, 0),
        Step::Point(0, 0, Side::B, 1, 1),
        Step::Join(0, 0, Side::C, 2),
        Step::Point(0, 0, Side::C, 2, 0),
    ];
    let end = (0..4).flat_map(|index| [Step::Close(index, 0), Step::Close(index, 1)]);
    for step in working.into_iter().chain(steps).chain(end) {
        let instant = Instant::from_micros(now);
        let mut incoming = None;
        match step {
            Step::Open(index, generation, port) => {
                let ports = [FIRST + 2 * port, FIRST + 2 * ((port + 1) % 6)];
                let stream = StreamId { index, generation };
                relay.control(instant, Control::Open { stream, ports });
                let [a, b] = ports.map(|port| Some(Said::at(port)));
                let pair = Some([Side::A, Side::B]);
                let told = Told { stream, places: [a, b, None], pair, closed: false };
                model.streams.entry(index).or_insert(told);
            }
            Step::Point(index, generation, side, who, how) => {
                let stream = StreamId { index, generation };
                let (rtp, rtcp) = home(who);
                let law = if how & 1 == 0 { Law::Mu } else { Law::A };
                let directions =
                    [Direction::SendRecv, Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly];
                let direction = directions[usize::from(how)];
                let peer = Peer::new(rtp, rtcp, profile(law, (how & 2 == 0).then_some(101)), direction);
                relay.control(instant, Control::Point { stream, side, peer });
                let said = model.told(index, generation).and_then(|told| told.places[side.index()].as_mut());
                if let Some(said) = said {
                    said.peer = Some((who, direction));
                }
            }
            Step::Join(index, generation, side, port) => {
                let (stream, port) = (StreamId { index, generation }, FIRST + 2 * port);
                relay.control(instant, Control::Join { stream, side, port });
                if relay.doors.find(port).is_some() && model.side(port).is_none() {
                    let told = model.told(index, generation).expect("nothing joins what is not there");
                    assert!(told.places[side.index()].replace(Said::at(port)).is_none());
                }
            }
            Step::Bridge(index, generation, pair) => {
                let stream = StreamId { index, generation };
                relay.control(instant, Control::Bridge { stream, pair });
                if let Some(told) = model.told(index, generation) {
                    told.pair = pair;
                    let pair = pair.filter(|[a, b]| a != b).into_iter().flatten();
                    for side in pair {
                        if let Some(said) = &mut told.places[side.index()] {
                            said.played = said.played.filter(|played| !is_endless(*played));
                        }
                    }
                }
            }
            Step::Play(index, generation, side, what) => {
                let stream = StreamId { index, generation };
                relay.control(
                    instant,
                    match what {
                        Some(what) => Control::Play { stream, side, what },
                        None => Control::Stop { stream, side },
                    },
                );
                let said = model.told(index, generation).and_then(|told| told.places[side.index()].as_mut());
                if let Some(said) = said.filter(|said| !said.parting) {
                    said.played = what;
                }
            }
            Step::Part(index, generation, side) => {
                relay.control(instant, Control::Part { stream: StreamId { index, generation }, side });
                let said = model.told(index, generation).and_then(|told| told.places[side.index()].as_mut());
                if let Some(said) = said {
                    said.parting = true;
                }
            }
            Step::Press(index, generation, side, code, millis) => {
                let (stream, duration) = (StreamId { index, generation }, Duration::from_millis(millis));
                let digit = crate::rtp::Digit::of_code(code).unwrap();
                model.keys = true;
                relay.control(instant, Control::Press { stream, side, digit, duration });
            }
            Step::Close(index, generation) => {
                relay.control(instant, Control::Close { stream: StreamId { index, generation } });
                if let Some(told) = model.told(index, generation) {
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
            // Who takes events may tell of keys, which the other may have to be told of as tones.
            model.keys |= bytes.get(1).is_some_and(|format| format & 0x7f == 101);
            let (rtp, rtcp) = home(from);
            let from = if port & 1 == 0 { rtp } else { rtcp };
            let (verdict, sent) = forward(&mut relay, instant, port, from, &bytes);
            if let Verdict::Send(hop) = verdict {
                model.check(hop, &sent, Some(port));
                assert_eq!(sent.len(), bytes.len());
                assert!(hop.port != port);
            }
        }
        let (sent, reports, until) = drain(&mut relay, Instant::from_micros(now));
        assert!(until.is_none_or(|until| until > Instant::from_micros(now)));
        for (hop, bytes) in sent {
            model.check(hop, &bytes, None);
        }
        for report in reports {
            model.report(&relay, report);
        }
        model.compare(&relay);
    }
    assert_eq!((relay.streams(), relay.annex.keypads.len()), (0, 0));
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
