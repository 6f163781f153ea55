//! Nothing in a file can make us panic, and every mistake has a place that exists.

use proptest::prelude::*;

use warmline_core::image::{self, BOARDS};

use crate::config::{EMBEDDED, Loaded, Mistakes, parse, parse_as};

/// Reads the text, for a server and for a board, and checks what is said of it.
fn survive(text: &str) -> Result<(), TestCaseError> {
    said(text, parse("f", text))?;
    let loaded = parse_as("f", text, BOARDS.first());
    if let Ok(loaded) = &loaded {
        let appliance = loaded.appliance();
        let mut image = vec![0; 32 * 1024];
        prop_assert!(image::write(&loaded.lend(), appliance.unwrap(), &mut image).is_ok(), "{loaded:?}");
        prop_assert_eq!(BOARDS[0].check(&loaded.lend(), appliance.unwrap().calls), Ok(()));
    }
    said(text, loaded)
}

fn said(text: &str, loaded: Result<Loaded, Mistakes>) -> Result<(), TestCaseError> {
    let Err(mistakes) = loaded else { return Ok(()) };
    prop_assert!(mistakes.iter().next().is_some());
    ordered_and_inside(text, &mistakes)
}

fn ordered_and_inside(text: &str, mistakes: &Mistakes) -> Result<(), TestCaseError> {
    let positions: Vec<_> = mistakes.iter().filter_map(|mistake| mistake.position).collect();
    prop_assert_eq!(positions.len(), mistakes.iter().count());
    prop_assert!(positions.is_sorted());
    for position in positions {
        let line = text.split('\n').nth(position.line - 1);
        let columns = line.map(|line| line.chars().count() + 1);
        prop_assert!(columns.is_some_and(|columns| (1..=columns).contains(&position.column)), "{position}");
    }
    prop_assert!(
        mistakes.to_string().lines().count() == mistakes.iter().count(),
        "one line each: {mistakes}"
    );
    Ok(())
}

/// Words that a configuration is made of, right and wrong.
const WORDS: &[&str] = &[
    "[node]",
    "[[node]]",
    "[[interface]]",
    "[interface]",
    "[media]",
    "[limits]",
    "[[trunk]]",
    "[[target]]",
    "[[line]]",
    "[[schedule]]",
    "[[line.when]]",
    "timezone = \"Europe/Berlin\"",
    "open = [\"Mon-Fri 09:00-18:00\"]",
    "except = [\"2026-12-25\", \"2026-12-24 22:00-06:00\"]",
    "except_ical = \"Cargo.toml\"",
    "outside = \"a\"",
    "inside = \"a\"",
    "then = \"voicemail\"",
    "[dns]",
    "servers = [\"192.0.2.1\", \"[::1]:5\"]",
    "signalling = [\"dns:a.example\"]",
    "media = [\"dns:a.example:5-9\"]",
    "[appliance]",
    "[[appliance]]",
    "address = \"dhcp\"",
    "address = \"192.0.2.10/24\"",
    "address = \"127.0.0.1/33\"",
    "gateway = \"192.0.2.1\"",
    "gateway = \"192.0.2.10\"",
    "dns = [\"192.0.2.1\", \"192.0.2.1\", \"::1\", \"1.1.1.1\", 5]",
    "name = \"a\"",
    "name = \"b\"",
    "name = 1",
    "kind = \"ai\"",
    "kind = \"zendesk\"",
    "kind = \"zendex\"",
    "capacity = 9",
    "address = \"127.0.0.1\"",
    "address = \"::1\"",
    "address = \"0.0.0.0\"",
    "advertise = \"192.0.2.1\"",
    "listen = []",
    "listen = [\"udp:5060\"]",
    "listen = [\"udp:0\", 7]",
    "media = \"20000-20999\"",
    "media = \"65535-65535\"",
    "media = [\"127.0.0.0/8:1-2\"]",
    "media = \"signalled\"",
    "workers = 2",
    "workers = 0x100",
    "backend = \"auto\"",
    "spin = \"1us\"",
    "new_calls = \"1/s\"",
    "signalling = [\"127.0.0.1\"]",
    "signalling = [\"127.0.0.1/8\", \"::/1\"]",
    "signalling = [\"198.51.100.0/24\"]",
    "interface = \"a\"",
    "trunk = \"a\"",
    "trunk = \"b\"",
    "uri = \"sip:a@b\"",
    "uri = \"sip:a@127.0.0.1:5060\"",
    "dial = [\"a\"]",
    "dial = [\"+82\", \"+82\"]",
    "from = [\"a\"]",
    "from = [\"a\", \"b\"]",
    "max_calls = -1",
    "ring = [{ targets = [\"a\"] }]",
    "ring = [{ targets = [\"a\", \"\"], for = \"1s\" }, 3]",
    "ring = {}",
    "max_rate = 1",
    "ping = \"1s\"",
    "ping = {}",
    "a.b.c = 1",
    "\"\\n\" = '''\n'''",
    "# 전화",
    "domains = [\"b\"]",
    "country = \"82\"",
    "node = 1",
    "line = [1, [2], {}]",
];

proptest! {
    #[test]
    fn any_text(text in "\\PC*|[\\x00-\\x7f]*") {
        survive(&text)?;
    }

    #[test]
    fn any_words(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..60)) {
        survive(&words.join("\n"))?;
    }

    #[test]
    fn a_sound_file_that_was_tampered_with(
        board in any::<bool>(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0..12_usize, "[ -~\\n]{0,4}|\\PC"), 1..6)
    ) {
        let mut text: Vec<char> = if board { BOARD } else { EMBEDDED }.chars().collect();
        for (place, gone, instead) in edits {
            let start = place.index(text.len() + 1);
            let end = (start + gone).min(text.len());
            text.splice(start..end, instead.chars());
        }
        survive(&text.into_iter().collect::<String>())?;
    }
}

/// A file that is for a board.
const BOARD: &str = r#"
[appliance]
address = "192.0.2.10/24"
dns = ["192.0.2.1"]
[node]
capacity = 16
domains = ["a.b"]
[[interface]]
name = "a"
address = "192.0.2.10"
[[trunk]]
name = "a"
kind = "ai"
signalling = ["192.0.2.16/28"]
media = ["192.0.2.16/28"]
[[target]]
name = "a"
trunk = "a"
uri = "sip:a@a.c"
[[line]]
name = "a"
dial = ["a"]
from = ["a"]
ring = [{ targets = ["a"] }]
"#;

#[test]
fn the_boards_file_is_sound() {
    assert_eq!(parse_as("f", BOARD, BOARDS.first()).map(drop), Ok(()));
}

#[test]
fn deep_and_long_files() {
    assert!(parse("f", &"[".repeat(100_000)).is_err());
    assert!(parse("f", &format!("node = {}", "[".repeat(10_000))).is_err());
    assert!(parse("f", &"a.".repeat(10_000)).is_err());
    assert!(parse("f", "\u{feff}[node]\nname = \"a\"").is_err());
    assert!(parse("f", &"[[line]]\n".repeat(70_000)).is_err());
}
