//! Recordings: what is heard of a side, and where in time.

use super::*;
use crate::clip::{ClipId, Clips};

/// The only clip.
struct Prompt;

impl Clips for Prompt {
    fn audio(&self, _: ClipId) -> Option<&[u8]> {
        Some(&[0x77; 160])
    }
}

fn recorded() -> Relay<'static> {
    let mut relay = bridged();
    relay.control(at(1000), Control::Record { stream: ONE, side: Side::A });
    relay
}

/// What was recorded: the half, the place in milliseconds, the law, and the audio's first code.
fn taped(relay: &mut Relay<'_>) -> Vec<(Channel, u64, Law, u8)> {
    let mut all = Vec::new();
    while let Some(taped) = relay.taped() {
        assert_eq!((taped.stream(), taped.audio().len()), (ONE, 160));
        assert!(taped.audio().iter().all(|code| *code == taped.audio()[0]));
        all.push((taped.channel(), taped.position() / 8, taped.law(), taped.audio()[0]));
    }
    all
}

#[test]
fn both_ways_are_recorded_where_they_belong() {
    let mut relay = recorded();
    to_target(&mut relay, at(1040), &packet(0, 1, 10, 5000, &[0x11; 160]));
    to_caller(&mut relay, at(1050), &packet(8, 2, 7, 9000, &[0x22; 160]));
    // By their timestamps: one that is late, one before it that comes after it, and a gap.
    to_target(&mut relay, at(1130), &packet(0, 1, 12, 5320, &[0x13; 160]));
    to_target(&mut relay, at(1131), &packet(0, 1, 11, 5160, &[0x12; 160]));
    to_target(&mut relay, at(1540), &packet(0, 1, 13, 9000, &[0x14; 160]));
    // An event is no audio, and neither is what is not from the peer.
    to_caller(&mut relay, at(1545), &packet(96, 2, 8, 9160, &[1, 0x8a, 0, 160]));
    dropped(&mut relay, at(1550), PORTS[0], target().rtp, &packet(0, 1, 13, 9000, &[0x15; 160]));
    assert_eq!(
        taped(&mut relay),
        [
            (Channel::Says, 40, Law::Mu, 0x11),
            (Channel::Hears, 50, Law::A, 0x22),
            (Channel::Says, 80, Law::Mu, 0x13),
            (Channel::Says, 60, Law::Mu, 0x12),
            (Channel::Says, 540, Law::Mu, 0x14),
        ]
    );
}

#[test]
fn where_timestamps_lead_astray_the_clock_counts() {
    let mut relay = recorded();
    for (millis, ssrc, seq, timestamp, place) in [
        (1000, 1, 0, 0, 0),
        (1020, 1, 1, 80_000, 20),
        (1040, 1, 2, 80_160, 40),
        (1060, 9, 3, 7, 60),
        (1080, 9, 4, 7 + 160 + 4_000, 580),
        (1100, 9, 5, 7 + 320 + 4_001, 100),
        (1500, 9, 6, 7 + 480 + 4_001, 120),
    ] {
        to_target(&mut relay, at(millis), &packet(0, ssrc, seq, timestamp, &[0x11; 160]));
        assert_eq!(taped(&mut relay), [(Channel::Says, place, Law::Mu, 0x11)], "{millis}");
    }
}

#[test]
fn what_is_played_is_heard_instead_of_the_other_side() {
    let mut relay = recorded();
    let what = Play::Clip { clip: ClipId(1), looped: false };
    relay.control(at(1000), Control::Play { stream: ONE, side: Side::A, what });
    // So is one that is played to the side that is not recorded.
    relay.control(at(1000), Control::Play { stream: ONE, side: Side::B, what });
    let mut out = [0; LONGEST];
    while !matches!(relay.poll(at(1000), None, &Prompt, &mut out), Output::Wait(_)) {}
    let bytes = packet(8, 2, 7, 9000, &[0x22; 160]);
    assert_eq!(dropped(&mut relay, at(1010), PORTS[1], target().rtp, &bytes), Reason::NoPeer);
    assert_eq!(taped(&mut relay), [(Channel::Hears, 0, Law::Mu, 0x77)]);
}

#[test]
fn what_finds_no_room_is_counted_and_a_recording_ends_with_its_side() {
    let mut relay = recorded();
    for n in 0..20u16 {
        to_target(&mut relay, at(1000), &packet(0, 1, n, 160 * u32::from(n), &[n as u8; 160]));
    }
    assert_eq!((taped(&mut relay).len(), relay.untaped()), (16, 4));
    // It goes round.
    for n in 20..60u16 {
        let now = at(1000 + 20 * u64::from(n));
        to_target(&mut relay, now, &packet(0, 1, n, 160 * u32::from(n), &[n as u8; 160]));
        assert_eq!(taped(&mut relay), [(Channel::Says, 20 * u64::from(n), Law::Mu, n as u8)]);
        if n == 40 {
            break;
        }
    }
    // Once more changes nothing; a longer packet comes in pieces.
    relay.control(at(1100), Control::Record { stream: ONE, side: Side::B });
    assert_eq!(relay.annex.tapes.len(), 1);
    to_target(&mut relay, at(2000), &packet(0, 1, 41, 0x10_0000, &[0x55; 1000]));
    let pieces: Vec<_> =
        core::iter::from_fn(|| relay.taped().map(|taped| (taped.position(), taped.audio().len()))).collect();
    assert_eq!(pieces, [(8000, 480), (8480, 480), (8960, 40)]);
    relay.control(at(3000), Control::Part { stream: ONE, side: Side::A });
    drain(&mut relay, at(3000));
    assert_eq!(relay.annex.tapes.len(), 0);
    relay.control(at(3000), Control::Record { stream: ONE, side: Side::B });
    assert_eq!(relay.annex.tapes.len(), 1);
    close(&mut relay, at(3000));
    assert_eq!(relay.annex.tapes.len(), 0);
}
