//! What callers hear while they wait, over real sockets: every packet of it, and when it comes; and what is recorded of them.

mod house;
mod phone;
mod recorded;

use core::time::Duration;
use std::time::Instant;

use house::{House, MUSIC, Setting};
use warmline_core::g711::Law;

/// The audio of `name`, as it is heard.
fn music(name: &str) -> Vec<u8> {
    house::samples(name).iter().map(|sample| Law::Mu.encode(*sample)).collect()
}

/// Where in a looped clip a packet is.
fn place(clip: &[u8], packet: &[u8]) -> Option<usize> {
    let twice: Vec<u8> = clip.iter().chain(clip).copied().collect();
    (0..clip.len()).find(|at| twice.get(*at..at + packet.len()) == Some(packet))
}

#[test]
fn who_is_handed_over_hears_the_line_s_music_until_somebody_answers() {
    let house = House::open(Setting { music: Some(MUSIC), ..Setting::default() });
    let call = house.connect(0);
    house.refer(&call);
    let waits = house.third.hear("INVITE");
    let clip = music(MUSIC);
    let (mut at, mut last) = (None, None);
    for number in 0..150 {
        let packet = house.caller_rtp();
        let audio = &packet.bytes[12..];
        let here = at.map_or_else(|| place(&clip, audio), Some).expect("it is the music");
        let looped = clip.iter().cycle().skip(here);
        assert!(looped.zip(audio).all(|(clip, heard)| clip == heard), "packet {number}");
        at = Some((here + audio.len()) % clip.len());
        if let Some((seq, timestamp)) = last.replace((packet.seq(), packet.timestamp())) {
            assert_eq!(packet.seq(), seq + 1);
            assert_eq!(packet.timestamp(), timestamp + 160);
        }
    }
    // Whoever asked for it hears silence.
    assert!(house.agent_rtp().bytes[12..].iter().all(|code| *code == 0xff));
    house.third.respond(&waits, "200 OK", &house.third.sdp());
    house.third.hear("ACK");
    house.hears(|packet| packet.is_empty(), "the music is over");
}

#[test]
fn without_music_it_is_the_ringing_tone() {
    let house = House::open(Setting { country: "82", ..Setting::default() });
    let call = house.connect(0);
    house.refer(&call);
    let heard: Vec<i16> = (0..100)
        .flat_map(|_| house.caller_rtp().bytes.split_off(12))
        .map(|code| Law::Mu.decode(code))
        .collect();
    let loud = heard.iter().filter(|sample| sample.unsigned_abs() > 500).count();
    // A second of two.
    assert!((6_000..8_001).contains(&loud), "{loud} of {}", heard.len());
}

#[test]
fn music_that_is_taken_out_of_the_configuration_is_played_on() {
    let house = House::open(Setting { music: Some(MUSIC), ..Setting::default() });
    let call = house.connect(0);
    house.refer(&call);
    let (old, new) = (music(MUSIC), music("other.wav"));
    house.hears(|heard| place(&old, heard).is_some(), "the music");
    house.reload(Setting { music: Some("other.wav"), ..Setting::default() });
    for _ in 0..50 {
        let packet = house.caller_rtp();
        assert!(place(&old, &packet.bytes[12..]).is_some(), "who hears it hears it on");
    }
    let call = house.connect(1);
    house.refer(&call);
    house.hears(|heard| place(&new, heard).is_some(), "who comes later hears the other");
}

/// Run it alone: `cargo test --release -p warmline --test music -- --ignored --nocapture`.
#[test]
#[ignore = "takes a minute of a calm machine"]
fn five_hundred_hear_music_on_time() {
    let (calls, time) = (500, Duration::from_secs(60));
    let house = House::open(Setting { music: Some(MUSIC), calls, ..Setting::default() });
    for number in 0..calls {
        let call = house.connect(number);
        house.refer(&call);
        let rings = house.third.hear("INVITE");
        house.third.respond(&rings, "180 Ringing", "");
    }
    house.rest();
    let (start, mut arrivals) = (Instant::now(), Vec::with_capacity(calls * 4_000));
    while start.elapsed() < time {
        let packet = house.caller_rtp();
        arrivals.push((packet.ssrc(), packet.timestamp(), packet.at.duration_since(start)));
    }
    let late = house::lateness(&arrivals);
    let beyond = late.iter().filter(|late| **late > Duration::from_millis(5)).count();
    let share = beyond as f64 / late.len() as f64;
    let of = |part: f64| late[((late.len() - 1) as f64 * part) as usize];
    println!(
        "{} packets to {calls} callers in {time:?}: {beyond} more than 5 ms late ({:.4} %); p50 {:?}, p99 {:?}, \
         p99.9 {:?}, most {:?}",
        late.len(),
        share * 100.0,
        of(0.5),
        of(0.99),
        of(0.999),
        of(1.0),
    );
    let expected = calls * 50 * 60;
    assert!(late.len().abs_diff(expected) < expected / 200, "{} packets of {expected}", late.len());
    assert!(share <= 0.001, "{share}");
}
