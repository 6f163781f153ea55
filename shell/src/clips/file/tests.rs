//! Files of every kind, made here byte by byte.

use std::fs;
use std::path::PathBuf;

use super::*;

/// How samples are written: the format's tag, bits a sample, and a sample of it.
type Coding = (u16, u16, fn(f64) -> Vec<u8>);

#[expect(clippy::cast_possible_truncation, reason = "these are what a file holds")]
const CODINGS: &[Coding] = &[
    (1, 8, |x| vec![(128.0 + x * 127.0).round() as u8]),
    (1, 16, |x| ((x * 32_767.0).round() as i16).to_le_bytes().to_vec()),
    (1, 24, |x| ((x * 8_388_607.0).round() as i32).to_le_bytes()[..3].to_vec()),
    (1, 32, |x| ((x * 2_147_483_647.0).round() as i32).to_le_bytes().to_vec()),
    (3, 32, |x| (x as f32).to_le_bytes().to_vec()),
    (6, 8, |x| vec![Law::A.encode((x * 32_767.0).round() as i16)]),
    (7, 8, |x| vec![Law::Mu.encode((x * 32_767.0).round() as i16)]),
];

fn wav(coding: &Coding, rate: u32, channels: u16, frames: impl Iterator<Item = Vec<f64>>) -> Vec<u8> {
    let (tag, bits, code) = *coding;
    let data: Vec<u8> = frames.flatten().flat_map(code).collect();
    let align = channels * bits / 8;
    let mut file = b"RIFF".to_vec();
    file.extend((38 + data.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(18u32.to_le_bytes());
    file.extend([tag, channels].map(u16::to_le_bytes).as_flattened());
    file.extend([rate, rate * u32::from(align)].map(u32::to_le_bytes).as_flattened());
    file.extend([align, bits, 0].map(u16::to_le_bytes).as_flattened());
    file.extend(b"data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file
}

fn sine(hertz: f64, rate: u32, loud: f64) -> impl Iterator<Item = f64> {
    (0..rate)
        .map(move |n| loud * (2.0 * core::f64::consts::PI * hertz * f64::from(n) / f64::from(rate)).sin())
}

fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("warmline-clips-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(name);
    fs::write(&path, bytes).expect("a file");
    path
}

fn heard(name: &str, bytes: &[u8]) -> Vec<f64> {
    let audio = read(&file(name, bytes)).expect("it can be played");
    audio.iter().map(|code| f64::from(Law::Mu.decode(*code)) / 32_768.0).collect()
}

fn power(samples: &[f64]) -> f64 {
    samples.iter().map(|x| x * x).sum::<f64>() / samples.len() as f64
}

/// How loud a frequency is in what is heard, as the square of its amplitude halved.
fn part(samples: &[f64], hertz: f64) -> f64 {
    let (mut re, mut im) = (0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let angle = 2.0 * core::f64::consts::PI * hertz * n as f64 / 8_000.0;
        (re, im) = (re + sample * angle.cos(), im + sample * angle.sin());
    }
    let len = samples.len() as f64;
    2.0 * (re * re + im * im) / (len * len)
}

#[test]
fn every_rate_coding_and_number_of_channels_sounds_the_same() {
    for (number, coding) in CODINGS.iter().enumerate() {
        for rate in [8_000, 11_025, 16_000, 44_100, 48_000] {
            for channels in [1, 2, 6] {
                let frames = sine(1_000.0, rate, 0.5).map(|x| vec![x; usize::from(channels)]);
                let name = format!("{number}-{rate}-{channels}.wav");
                let heard = heard(&name, &wav(coding, rate, channels, frames));
                assert!(heard.len().abs_diff(8_000) <= 1, "{name}: {}", heard.len());
                // Its edges are where a sine begins from nothing.
                let middle = &heard[1_000..7_000];
                let (all, tone) = (power(middle), part(middle, 1_000.0));
                assert!(tone / all > 0.998, "{name}: {} of it", tone / all);
                assert!((tone / 0.125 - 1.0).abs() < 0.05, "{name}: {tone}");
            }
        }
    }
}

#[test]
fn what_is_ours_already_is_not_touched() {
    let codes: Vec<u8> = (0..=255).map(|code| if code == 0x7f { 0xff } else { code }).collect();
    let frames = codes.iter().map(|code| vec![f64::from(Law::Mu.decode(*code)) / 32_767.0]);
    for coding in [&CODINGS[1], &CODINGS[6]] {
        let bytes = wav(coding, 8_000, 1, frames.clone());
        assert_eq!(read(&file("ours.wav", &bytes)).expect("it can be played"), codes);
    }
}

#[test]
fn what_we_have_no_room_for_is_filtered_out() {
    for (rate, hertz) in [(48_000, 5_000.0), (44_100, 7_000.0), (48_000, 12_000.0), (16_000, 4_600.0)] {
        let high = sine(hertz, rate, 0.5).map(|x| vec![x]);
        let heard = heard("high.wav", &wav(&CODINGS[4], rate, 1, high));
        let left = 10.0 * (power(&heard[500..7_500]) / 0.125).log10();
        assert!(left < -50.0, "{hertz} Hz at {rate}: {left} dB are left");
    }
}

#[test]
fn what_would_be_too_loud_is_less_loud_and_not_cut_off() {
    // A square wave rings when it is filtered, beyond what it was.
    let square = sine(300.0, 44_100, 1.0).map(|x| vec![x.signum()]);
    let heard = heard("square.wav", &wav(&CODINGS[1], 44_100, 1, square));
    let fundamental = part(&heard[400..7_600], 300.0) * 2.0;
    let third = part(&heard[400..7_600], 900.0) * 2.0;
    assert!((third.sqrt() / fundamental.sqrt() * 3.0 - 1.0).abs() < 0.02, "{fundamental} {third}");
    let loudest = heard.iter().fold(0.0_f64, |peak, x| peak.max(x.abs()));
    assert!(loudest > 0.9);
    let cut = heard.windows(3).filter(|w| w.iter().all(|x| x.abs() >= 32_124.0 / 32_768.0)).count();
    assert_eq!(cut, 0, "samples that stand at the edge");
    // Floats can be louder than there is.
    let loud = sine(1_000.0, 8_000, 4.0).map(|x| vec![x]);
    let heard = self::heard("loud.wav", &wav(&CODINGS[4], 8_000, 1, loud));
    assert!(part(&heard, 1_000.0) / power(&heard) > 0.998);
}

#[test]
fn channels_are_mixed() {
    let frames = sine(700.0, 8_000, 0.5).zip(sine(1_900.0, 8_000, 0.5)).map(|(l, r)| vec![l, r]);
    let heard = heard("stereo.wav", &wav(&CODINGS[1], 8_000, 2, frames));
    for hertz in [700.0, 1_900.0] {
        assert!((part(&heard, hertz) / 0.031_25 - 1.0).abs() < 0.05, "{hertz}");
    }
}

#[test]
fn what_cannot_be_played_says_why() {
    let said = |name: &str, bytes: &[u8]| read(&file(name, bytes)).map(|_| ()).unwrap_err().to_string();
    assert!(
        read(&file("x", b"").with_file_name("none.wav")).unwrap_err().to_string().contains("cannot be read")
    );
    assert!(said("text.wav", b"this is no music at all, however long one looks").contains("is no WAV file"));
    assert!(said("empty.wav", b"").contains("is no WAV file"));
    assert_eq!(said("silent.wav", &wav(&CODINGS[1], 8_000, 1, [].into_iter())), "has no sound in it");
    let nan = core::iter::repeat_n(vec![f64::NAN], 20);
    assert!(said("nan.wav", &wav(&CODINGS[4], 8_000, 1, nan)).contains("no numbers"));
    let odd = (0x55, 8, CODINGS[0].2);
    assert!(said("mp3.wav", &wav(&odd, 8_000, 1, sine(1.0, 80, 0.1).map(|x| vec![x]))).contains("is no WAV"));
    let long = sine(1.0, 3_601 * 10, 0.1).map(|x| vec![x]);
    assert_eq!(said("long.wav", &wav(&CODINGS[0], 10, 1, long)), "is longer than an hour");
    // One that was cut off is played as far as it goes.
    let whole = wav(&CODINGS[1], 8_000, 1, sine(500.0, 8_000, 0.5).map(|x| vec![x]));
    assert_eq!(read(&file("cut.wav", &whole[..46 + 8_000])).expect("it can be played").len(), 4_000);
}
