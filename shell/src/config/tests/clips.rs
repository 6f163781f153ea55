//! Audio files that a configuration names.

use std::fs;
use std::path::PathBuf;

use warmline_core::clip::{ClipId, Clips};
use warmline_core::config::Whisper;
use warmline_core::rtp::Digit;

use super::appliance::PLAIN as FOR_BOARDS;
use super::mistakes::{PLAIN, assert_said};
use crate::config::{load, parse_as};

/// A folder with the plain configuration in it, but `new` instead of `old`, and so many samples of silence.
fn folder(name: &str, samples: u32, old: &str, new: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("warmline-config-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("warmline.toml"), PLAIN.replace(old, new)).expect("a file");
    let mut wav = b"RIFF....WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data".to_vec();
    wav[4..8].copy_from_slice(&(36 + samples).to_le_bytes());
    wav.extend(samples.to_le_bytes());
    wav.resize(wav.len() + samples as usize, 0x80);
    fs::write(folder.join("music.wav"), wav).expect("a file");
    folder
}

#[test]
fn are_read_once_and_named_by_what_is_in_them() {
    let lines = "music = \"music.wav\"\ngreeting = \"./music.wav\"\ndial = [\"support\"]";
    let folder = folder("clips", 900, "dial = [\"support\"]", lines);
    let loaded = load(&folder.join("warmline.toml")).expect("it is sound");
    let clip = ClipId::of(&[0xff; 900]);
    let line = loaded.lend().lines[0];
    assert_eq!((line.music, line.greeting), (Some(clip), Some(clip)));
    assert_eq!(loaded.clips().audio(clip), Some(&[0xff; 900][..]));
    assert_eq!(loaded.clips().iter().count(), 1);
}

#[test]
fn whoever_answers_may_be_told_who_calls() {
    let whisper = |more: &str| format!("whisper = \"music.wav\"{more}, for =");
    let key = Digit::of_key(b'#').map(Digit::code);
    for (name, more, accept) in [("whisper", "", None), ("accept", ", accept = \"#\"", key)] {
        let folder = folder(name, 900, "for =", &whisper(more));
        let loaded = load(&folder.join("warmline.toml")).expect("it is sound");
        let clip = ClipId::of(&[0xff; 900]);
        let config = loaded.lend();
        assert_eq!(config.rings(&config.lines[0])[0].whisper, Some(Whisper { clip, accept }));
        assert!(config.clips().eq([clip]));
    }
    let folder = folder("queue", 900, "for =", &whisper(""));
    let file = folder.join("warmline.toml");
    let text = fs::read_to_string(&file).expect("it is there");
    let queue = text.replace("uri =", "answers = \"queue\"\nuri =");
    fs::write(&file, queue).expect("a file");
    let mistakes = load(&file).expect_err("nobody hears it").to_string();
    assert!(mistakes.contains("\"support\" is a queue: nobody is there yet to hear a whisper"), "{mistakes}");
}

#[test]
fn that_cannot_be_played_are_mistakes() {
    assert_said(&[
        (
            "dial = [\"support\"]",
            "dial = [\"support\"]\nmusic = \"none.wav\"",
            "config.toml:34:9: none.wav cannot be read: No such file or directory (os error 2)",
        ),
        (
            "dial = [\"support\"]",
            "dial = [\"support\"]\nmusic = 3",
            "config.toml:34:9: \"music\" is an integer, where a string is expected",
        ),
        (
            "dial = [\"support\"]",
            "dial = [\"support\"]\ngreeting = \"Cargo.toml\"",
            "config.toml:34:12: Cargo.toml is no WAV file with PCM, float or G.711 in it (unsupported feature: core (probe): \
             no suitable format reader found)",
        ),
    ]);
}

#[test]
fn that_a_board_has_no_flash_for_are_mistakes() {
    let board = warmline_core::image::board("mps2-an386");
    for (name, samples, sound) in [("board", 1_015_796, true), ("full", 1_015_797, false)] {
        let folder = folder(name, samples, "", "");
        let text = FOR_BOARDS.replace("dial = [\"support\"]", "dial = [\"support\"]\nmusic = \"music.wav\"");
        let file = folder.join("board.toml").display().to_string();
        let said = parse_as(&file, &text, board).map(drop).map_err(|mistakes| mistakes.to_string());
        let told = said.as_ref().err().is_some_and(|said| {
            said.contains("1015809 bytes of music and greetings, but a board takes at most 1015808")
        });
        assert!(if sound { said.is_ok() } else { told }, "{said:?}");
    }
}

#[test]
fn that_recordings_take_are_checked() {
    let dial = "dial = [\"support\"]";
    assert_said(&[
        (
            dial,
            "dial = [\"support\"]\nrecord = true",
            "config.toml:34:10: there is no [recording] to say where recordings go: write its \"directory\"",
        ),
        (
            "[[line]]",
            "[recording]\ndirectory = \"no-such-folder\"\n\n[[line]]",
            "config.toml:32:13: recordings cannot be written to no-such-folder: No such file or directory (os error 2)",
        ),
        (
            "[[line]]",
            "[recording]\ndirectory = \"src\"\nformat = \"mp3\"\n\n[[line]]",
            "config.toml:33:10: unknown format \"mp3\"; it may be \"mulaw\" or \"pcm\"",
        ),
        (
            "[[line]]",
            "[recording]\ndirectory = \"src\"\nrecipients = [\"me\"]\n\n[[line]]",
            "config.toml:33:15: \"me\" is no recipient of age (invalid Bech32 encoding); one begins with \"age1\"",
        ),
    ]);
}
