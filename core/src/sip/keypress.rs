//! A key that was pressed, in the body of an INFO: `application/dtmf-relay` (`Signal=5`, `Duration=160`, a line each) and
//! `application/dtmf` (nothing but the key). No RFC has them; every PBX does.

use nom::Parser;

use super::grammar::{Parsed, TOKEN, VALUE, many, number, skip_space, spaced, stuck};
use crate::rtp::Digit;
use crate::time::Duration;

/// How long a key is pressed where nothing else is said.
const USUAL: Duration = Duration::from_millis(160);

/// The longest that is believed.
const LONGEST: u32 = 5_000;

/// A key, and for how long it was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPress {
    /// Which key.
    pub digit: Digit,
    /// At most 5 s.
    pub duration: Duration,
}

impl KeyPress {
    /// Reads the body of an INFO with this Content-Type: none where that is another kind, `Some(None)` where no key can be
    /// read from it.
    pub fn parse(content_type: &[u8], body: &[u8]) -> Option<Option<Self>> {
        let kind = content_type.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
        let read = if kind.eq_ignore_ascii_case(b"application/dtmf-relay") {
            relayed(body)
        } else if kind.eq_ignore_ascii_case(b"application/dtmf") {
            key(body).map(|(rest, digit)| (rest, Self { digit, duration: USUAL }))
        } else {
            return None;
        };
        Some(read.ok().filter(|(rest, _)| rest.trim_ascii().is_empty()).map(|(_, press)| press))
    }
}

/// `Signal` and perhaps `Duration`, in any order, each once; others are stepped over.
fn relayed(body: &[u8]) -> Parsed<'_, KeyPress> {
    let (mut signal, mut duration) = (None, None);
    let mut rest = skip_space(body);
    while !rest.is_empty() {
        let (after, (name, (), value)) = (many(TOKEN), spaced(b'='), many(VALUE)).parse(rest)?;
        if name.eq_ignore_ascii_case(b"Signal") {
            let (left, digit) = key(value)?;
            if !left.is_empty() || signal.replace(digit).is_some() {
                return stuck(rest);
            }
        } else if name.eq_ignore_ascii_case(b"Duration") {
            let (left, millis) = number(value)?;
            if !left.is_empty() || duration.replace(millis).is_some() {
                return stuck(rest);
            }
        }
        rest = skip_space(after);
    }
    let Some(digit) = signal else { return stuck(rest) };
    let duration = duration.map_or(USUAL, |millis| Duration::from_millis(millis.min(LONGEST).into()));
    Ok((rest, KeyPress { digit, duration }))
}

/// A key as it is written, or the event code of `*` and `#`.
fn key(input: &[u8]) -> Parsed<'_, Digit> {
    let input = skip_space(input);
    let digit = match input {
        [b'1', code @ (b'0' | b'1'), rest @ ..] => {
            Digit::of_code(code - b'0' + 10).map(|digit| (rest, digit))
        }
        [key, rest @ ..] => Digit::of_key(*key).map(|digit| (rest, digit)),
        [] => None,
    };
    digit.map_or_else(|| stuck(input), Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &str, body: &str) -> Option<Option<(char, u64)>> {
        let read = KeyPress::parse(kind.as_bytes(), body.as_bytes())?;
        Some(read.map(|press| (char::from(press.digit.key()), press.duration.as_millis())))
    }

    #[test]
    fn what_programs_send() {
        let relay = "application/dtmf-relay";
        // SIPp and Asterisk; Cisco; Linphone; FreeSWITCH; and one that counts.
        for (body, expected) in [
            ("Signal=5\r\nDuration=160\r\n", ('5', 160)),
            ("Signal= *\r\nDuration= 250\r\n", ('*', 250)),
            ("Signal=#", ('#', 160)),
            ("Duration=100\nsignal=d\n", ('D', 100)),
            ("Signal=10\r\nDuration=99999\r\n", ('*', 5000)),
            ("Signal=11\r\n", ('#', 160)),
            ("Signal=1\r\nDuration=0\r\nVolume=10\r\n", ('1', 0)),
        ] {
            assert_eq!(read(relay, body), Some(Some(expected)), "{body:?}");
        }
        assert_eq!(read("Application/DTMF ; charset=utf-8", " 9\r\n"), Some(Some(('9', 160))));
        assert_eq!(read("application/dtmf", "#"), Some(Some(('#', 160))));
    }

    #[test]
    fn what_is_no_key() {
        for body in [
            "",
            "5",
            "Signal=",
            "Signal=x",
            "Signal=55",
            "Signal=16",
            "Signal=5\r\nSignal=6\r\n",
            "Signal=5 x",
            "Duration=100\r\n",
            "Signal=5\r\nDuration=-1",
            "Signal=5\r\nDuration=4294967296",
            "=5",
            "\0",
        ] {
            assert_eq!(read("application/dtmf-relay", body), Some(None), "{body:?}");
        }
        for body in ["", "!", "55", "Signal=5"] {
            assert_eq!(read("application/dtmf", body), Some(None), "{body:?}");
        }
        assert_eq!(read("application/sdp", "5"), None);
        assert_eq!(read("", "5"), None);
    }
}
