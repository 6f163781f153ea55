//! What sides are played: clips, tones, and how time passes meanwhile.

use super::*;
use crate::clip::{ClipId, Clips};

/// Clips by their number.
struct Shelf(Vec<(u32, Vec<u8>)>);

impl Clips for Shelf {
    fn audio(&self, clip: ClipId) -> Option<&[u8]> {
        self.0.iter().find(|(number, _)| *number == clip.0).map(|(_, audio)| audio.as_slice())
    }
}

/// 777 samples, no two packets of which are alike.
fn music() -> Vec<u8> {
    (0..777u32).map(|n| (n.wrapping_mul(0x9e37_79b1) >> 24) as u8).collect()
}

/// Two packets and a half.
fn prompt() -> Vec<u8> {
    (0..400u32).map(|n| 0x10 | (n % 7) as u8).collect()
}

fn shelf() -> Shelf {
    Shelf(std::vec![(1, music()), (2, prompt()), (3, std::vec![])])
}

const MUSIC: Play = Play::Clip { clip: ClipId(1), looped: true };
const PROMPT: Play = Play::Clip { clip: ClipId(2), looped: false };
const RINGBACK: Play = Play::Tone { tone: Tone::Ringback, country: Country::Korea };

fn play(relay: &mut Relay<'_>, now: Instant, side: Side, what: Play) {
    relay.control(now, Control::Play { stream: ONE, side, what });
}

/// What leaves at its time until `until`, RTCP aside, with the time.
fn run(
    relay: &mut Relay<'_>,
    now: &mut Instant,
    until: Instant,
    clips: &Shelf,
) -> (Vec<Packet>, Vec<Report>) {
    let (mut sent, mut reports) = (Vec::new(), Vec::new());
    loop {
        let mut out = [0; LONGEST];
        match relay.poll(*now, None, clips, &mut out) {
            Output::Send(hop) if hop.port & 1 == 0 => {
                let header = Header::parse(&out).unwrap();
                sent.push(Packet { at: *now, to: hop.to, header, payload: out[12..hop.len].to_vec() });
            }
            Output::Send(_) => {}
            Output::Report(report) => reports.push(report),
            Output::Wait(Some(at)) if at <= until => *now = at.max(*now),
            Output::Wait(_) => {
                *now = until;
                return (sent, reports);
            }
        }
    }
}

struct Packet {
    at: Instant,
    to: SocketAddr,
    header: Header,
    payload: Vec<u8>,
}

fn of(sent: &[Packet], peer: Peer) -> Vec<&Packet> {
    sent.iter().filter(|packet| packet.to == peer.rtp).collect()
}

fn audio(packets: &[&Packet]) -> Vec<u8> {
    packets.iter().flat_map(|packet| packet.payload.iter().copied()).collect()
}

fn is_unbroken(packets: &[&Packet]) {
    for pair in packets.windows(2) {
        let (last, next) = (pair[0], pair[1]);
        assert_eq!((next.header.ssrc, next.header.seq), (last.header.ssrc, last.header.seq.plus(1)));
        let samples = next.at.since(last.at).as_micros() / 125;
        assert_eq!(u64::from(next.header.timestamp.since(last.header.timestamp) as u32), samples);
    }
}

#[test]
fn two_hours_of_music_have_every_packet_at_its_time() {
    let (mut relay, clips) = (bridged(), shelf());
    relay.control(at(0), Control::Bridge { stream: ONE, pair: None });
    play(&mut relay, at(0), Side::A, MUSIC);
    let mut now = at(0);
    let (hours, packet) = (2 * 3600 * 1000, 20);
    let (mut last, mut heard, mut place) = (None::<(Instant, Seq, Timestamp)>, 0u64, 0);
    let music = music();
    while now < at(hours) {
        let until = now.after(Duration::from_secs(60));
        // The end of this minute belongs to the next one.
        let until = Instant::from_micros(until.as_micros() - 1);
        let (sent, reports) = run(&mut relay, &mut now, until, &clips);
        now = until.after(Duration::from_micros(1));
        assert!(reports.is_empty(), "{reports:?}");
        for packet in of(&sent, caller()) {
            if let Some((at, seq, timestamp)) = last {
                assert_eq!(packet.at.since(at), Duration::from_millis(20));
                assert_eq!(packet.header.seq, seq.plus(1));
                assert_eq!(packet.header.timestamp, timestamp.plus(160));
                assert!(!packet.header.marker);
            }
            last = Some((packet.at, packet.header.seq, packet.header.timestamp));
            for code in &packet.payload {
                assert_eq!(*code, music[place], "at {:?}", packet.at);
                place = (place + 1) % music.len();
            }
            heard += 1;
        }
    }
    assert_eq!(heard, hours / packet);
}

#[test]
fn a_host_that_is_always_late_does_not_make_music_drift() {
    let (mut relay, clips) = (bridged(), shelf());
    relay.control(at(0), Control::Bridge { stream: ONE, pair: None });
    play(&mut relay, at(0), Side::A, MUSIC);
    let mut random = Random::new(&[3; 32]);
    let (mut now, mut first, mut heard) = (at(0), None, 0u32);
    let mut missed = 0u32;
    while now < at(3_600_000) {
        // Mostly a few milliseconds late, now and then for longer than is made up for.
        let late = u64::from(random.next_u32());
        let late = if late % 500 == 0 { 60_001 + late % 300_000 } else { late % 9_000 };
        let mut moment = now;
        let (sent, _) = run(&mut relay, &mut moment, now, &clips);
        for packet in of(&sent, caller()) {
            let (start, timestamp) = *first.get_or_insert((packet.header.seq, packet.header.timestamp));
            assert_eq!(packet.header.seq, start.plus(heard as u16), "nothing is lost");
            let time = packet.header.timestamp.since(timestamp) as u32;
            assert_eq!(time % 160, 0, "packets stay where they were");
            missed += u32::from(packet.header.marker);
            heard += 1;
            let due = u64::from(time) * 125;
            let behind = now.as_micros() - due;
            assert!(behind <= 60_000, "{behind} us behind at {now:?}");
        }
        let Output::Wait(Some(due)) = relay.poll(now, None, &clips, &mut [0; LONGEST]) else { panic!() };
        now = due.after(Duration::from_micros(late));
    }
    assert!(missed > 100, "{missed}");
}

#[test]
fn a_loop_begins_again_inside_a_packet() {
    let (mut relay, clips) = (bridged(), shelf());
    let mut target_of_30 = target();
    target_of_30.profile.ptime = 30;
    point(&mut relay, at(0), Side::B, target_of_30);
    relay.control(at(0), Control::Bridge { stream: ONE, pair: None });
    [Side::A, Side::B].into_iter().for_each(|side| play(&mut relay, at(0), side, MUSIC));
    let (sent, _) = run(&mut relay, &mut at(0), at(5_990), &clips);
    let looped = |law| -> Vec<u8> {
        let mut audio: Vec<u8> = music().into_iter().cycle().take(48_000).collect();
        g711::transcode(Law::Mu, law, &mut audio);
        audio
    };
    let [a, b] = [caller(), target()].map(|peer| of(&sent, peer));
    assert_eq!((a.len(), b.len()), (300, 200));
    assert!(audio(&a) == looped(Law::Mu) && audio(&b) == looped(Law::A));
    is_unbroken(&a);
    is_unbroken(&b);
}

#[test]
fn a_prompt_takes_a_bridged_side_over_until_its_end() {
    let (mut relay, clips) = (bridged(), shelf());
    let (before, _) = to_caller(&mut relay, at(0), &packet(8, 2, 0, 0, &[0x44; 160]));
    play(&mut relay, at(10), Side::A, PROMPT);
    let mut sent = Vec::new();
    for (n, millis) in (1..).zip((20..100).step_by(20)) {
        let mut now = at(millis);
        sent.extend(run(&mut relay, &mut now, at(millis), &clips).0);
        let bytes = packet(8, 2, n, 160 * u32::from(n), &[0x44; 160]);
        let verdict = forward(&mut relay, at(millis), PORTS[1], target().rtp, &bytes).0;
        if millis < 80 {
            assert_eq!(verdict, Verdict::Drop(Reason::NoPeer), "{millis}");
            // The other way nothing is changed.
            to_target(&mut relay, at(millis), &packet(0, 1, n, 160 * u32::from(n), &[0x11; 160]));
        } else {
            assert!(matches!(verdict, Verdict::Send(_)), "{millis}");
        }
    }
    let heard = of(&sent, caller());
    let mut expected = prompt();
    expected.resize(480, 0xff);
    assert_eq!(audio(&heard), expected);
    assert_eq!((heard[0].header.seq, heard[0].header.marker), (before.seq.plus(1), true));
    assert_eq!(heard[0].header.timestamp, before.timestamp.plus(160));
    is_unbroken(&heard);
    let (after, _) = to_caller(&mut relay, at(100), &packet(8, 2, 5, 800, &[0x44; 160]));
    assert_eq!(after.timestamp, before.timestamp.plus(800));
}

#[test]
fn the_end_of_a_prompt_is_told_when_it_has_been_heard() {
    for (what, millis) in [(PROMPT, 60), (Play::Clip { clip: ClipId(3), looped: false }, 20), (MISSING, 20)] {
        let (mut relay, clips) = (bridged(), shelf());
        play(&mut relay, at(0), Side::A, what);
        let mut now = at(0);
        assert_eq!(run(&mut relay, &mut now, at(millis - 1), &clips).1, []);
        let Play::Clip { clip, .. } = what else { panic!() };
        assert_eq!(
            run(&mut relay, &mut now, at(millis), &clips).1,
            [Report::Played { stream: ONE, side: Side::A, clip }]
        );
        assert_eq!(run(&mut relay, &mut now, at(1000), &clips).1, []);
    }
}

const MISSING: Play = Play::Clip { clip: ClipId(9), looped: false };

#[test]
fn who_hears_nobody_hears_silence_after_a_prompt() {
    let (mut relay, clips) = (bridged(), shelf());
    relay.control(at(0), Control::Bridge { stream: ONE, pair: None });
    let mut now = at(0);
    play(&mut relay, at(0), Side::A, PROMPT);
    let (mut sent, _) = run(&mut relay, &mut now, at(190), &clips);
    // Music that is not there is silence.
    play(&mut relay, at(190), Side::A, Play::Clip { clip: ClipId(9), looped: true });
    sent.extend(run(&mut relay, &mut now, at(290), &clips).0);
    let heard = of(&sent, caller());
    is_unbroken(&heard);
    assert_eq!(heard.len(), 15);
    assert!(audio(&heard[3..]).iter().all(|code| *code == 0xff));
}

#[test]
fn a_bridge_ends_what_has_no_end_and_stop_ends_everything() {
    let clips = shelf();
    for (what, goes_on) in [(MUSIC, false), (RINGBACK, false), (PROMPT, true)] {
        let mut relay = bridged();
        relay.control(at(0), Control::Bridge { stream: ONE, pair: None });
        play(&mut relay, at(0), Side::A, what);
        let mut now = at(0);
        run(&mut relay, &mut now, at(10), &clips);
        relay.control(at(10), Control::Bridge { stream: ONE, pair: Some([Side::A, Side::B]) });
        let verdict = |relay: &mut Relay<'_>, millis, seq| {
            let bytes = packet(8, 2, seq, 160 * u32::from(seq), &[0x44; 160]);
            forward(relay, at(millis), PORTS[1], target().rtp, &bytes).0
        };
        let heard = verdict(&mut relay, 20, 0);
        assert_eq!(heard == Verdict::Drop(Reason::NoPeer), goes_on, "{what:?}");
        play(&mut relay, at(20), Side::A, what);
        assert_eq!(verdict(&mut relay, 25, 1), Verdict::Drop(Reason::NoPeer));
        relay.control(at(30), Control::Stop { stream: ONE, side: Side::A });
        assert!(matches!(verdict(&mut relay, 40, 2), Verdict::Send(_)), "{what:?}");
        let (sent, reports) = run(&mut relay, &mut now, at(500), &clips);
        assert!(sent.len() <= 1 && reports.is_empty(), "{what:?}");
    }
}

#[test]
fn time_passes_for_who_is_sent_nothing() {
    let (mut relay, clips) = (bridged(), shelf());
    point(&mut relay, at(0), Side::A, Peer { direction: Direction::Inactive, ..caller() });
    play(&mut relay, at(0), Side::A, PROMPT);
    let (sent, reports) = run(&mut relay, &mut at(0), at(60), &clips);
    assert!(of(&sent, caller()).is_empty());
    assert_eq!(reports, [Report::Played { stream: ONE, side: Side::A, clip: ClipId(2) }]);
    // A side without a peer, and one that is not open.
    relay.control(at(60), Control::Part { stream: ONE, side: Side::B });
    run(&mut relay, &mut at(60), at(60), &clips);
    play(&mut relay, at(60), Side::B, PROMPT);
    relay.control(at(60), Control::Join { stream: ONE, side: Side::C, port: 20_004 });
    play(&mut relay, at(60), Side::C, PROMPT);
    let (_, reports) = run(&mut relay, &mut at(60), at(1000), &clips);
    let told = [
        Report::Joined { stream: ONE, side: Side::C },
        Report::Played { stream: ONE, side: Side::C, clip: ClipId(2) },
    ];
    assert_eq!(reports, told);
}

#[test]
fn a_clip_that_is_played_is_known_to_be() {
    let (mut relay, clips) = (bridged(), shelf());
    play(&mut relay, at(0), Side::B, MUSIC);
    assert!(relay.plays(ClipId(1)) && !relay.plays(ClipId(2)));
    play(&mut relay, at(0), Side::B, PROMPT);
    assert!(relay.plays(ClipId(2)) && !relay.plays(ClipId(1)));
    run(&mut relay, &mut at(0), at(1000), &clips);
    assert!(!relay.plays(ClipId(2)));
}

/// How much of a frequency there is in samples, in millionths of all there is.
fn share(samples: &[i16], hertz: f64) -> f64 {
    let (mut re, mut im, mut all) = (0.0, 0.0, 0.0);
    for (n, &sample) in (0..).zip(samples) {
        let angle = 2.0 * core::f64::consts::PI * hertz * f64::from(n) / 8000.0;
        re += f64::from(sample) * angle.cos();
        im += f64::from(sample) * angle.sin();
        all += f64::from(sample) * f64::from(sample);
    }
    2.0 * (re * re + im * im) / (all * samples.len() as f64)
}

#[test]
fn a_tone_has_its_frequencies_and_its_pattern() {
    for (code, tone, frequencies, pattern) in [
        ("", Tone::Ringback, [425.0, 425.0], &[1000, 4000][..]),
        ("49", Tone::Busy, [425.0, 425.0], &[500, 500]),
        ("1", Tone::Ringback, [440.0, 480.0], &[2000, 4000]),
        ("1", Tone::Congestion, [480.0, 620.0], &[250, 250]),
        ("44", Tone::Ringback, [400.0, 450.0], &[400, 200, 400, 2000]),
        ("44", Tone::Congestion, [400.0, 400.0], &[400, 350, 225, 525]),
        ("82", Tone::Ringback, [440.0, 480.0], &[1000, 2000]),
        ("81", Tone::Ringback, [384.0, 416.0], &[1000, 2000]),
    ] {
        let mut relay = bridged();
        play(&mut relay, at(0), Side::A, Play::Tone { tone, country: Country::of(code.as_bytes()) });
        let (sent, _) = run(&mut relay, &mut at(0), at(19_990), &shelf());
        let samples: Vec<i16> =
            audio(&of(&sent, caller())).iter().map(|code| Law::Mu.decode(*code)).collect();
        assert_eq!(samples.len(), 160_000);
        let mut place = 0;
        for (n, millis) in pattern.iter().cycle().enumerate() {
            let Some(part) = samples.get(place..place + millis * 8) else { break };
            place += part.len();
            if n % 2 == 1 {
                assert!(part.iter().all(|sample| *sample == 0), "{code} {tone:?}: part {n} is silent");
                continue;
            }
            // Where they are one, both are found in it.
            let two = if frequencies[0] == frequencies[1] { 0.5 } else { 1.0 };
            let shares = frequencies.map(|hertz| two * share(part, hertz));
            assert!(shares[0] + shares[1] > 0.995, "{code} {tone:?}: {shares:?} of part {n}");
            let power = part.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / part.len() as f64;
            // 0 dBm0 is a sine 3.17 dB below the loudest there is.
            let level = 10.0 * (power / (f64::from(32_124 / 2) * f64::from(32_124))).log10() + 3.17;
            let expected = if two < 1.0 { -10.0 } else { -13.0 };
            assert!((level - expected).abs() < 0.5, "{code} {tone:?}: {level} dBm0");
        }
    }
}
