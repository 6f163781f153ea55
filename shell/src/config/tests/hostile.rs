//! Nothing in a file can make us panic, and every mistake has a place that exists.

use proptest::prelude::*;

use crate::config::{EMBEDDED, Mistakes, parse};

/// Reads the text and checks what is said of it.
fn survive(text: &str) -> Result<(), TestCaseError> {
    let Err(mistakes) = parse("f", text) else { return Ok(()) };
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
    fn a_default_that_was_tampered_with(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0..12_usize, "[ -~\\n]{0,4}|\\PC"), 1..6)
    ) {
        let mut text: Vec<char> = EMBEDDED.chars().collect();
        for (place, gone, instead) in edits {
            let start = place.index(text.len() + 1);
            let end = (start + gone).min(text.len());
            text.splice(start..end, instead.chars());
        }
        survive(&text.into_iter().collect::<String>())?;
    }
}

#[test]
fn deep_and_long_files() {
    assert!(parse("f", &"[".repeat(100_000)).is_err());
    assert!(parse("f", &format!("node = {}", "[".repeat(10_000))).is_err());
    assert!(parse("f", &"a.".repeat(10_000)).is_err());
    assert!(parse("f", "\u{feff}[node]\nname = \"a\"").is_err());
    assert!(parse("f", &"[[line]]\n".repeat(70_000)).is_err());
}
