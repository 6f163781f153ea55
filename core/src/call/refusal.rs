//! What a target says when it refuses a call. Why the call failed is [`target_failure`]'s to say; people want to read the words.

use core::fmt::{self, Write as _};

use crate::reason::Reason;
use crate::sip::{Message, Method, Name, StartLine};

use super::target_failure;

/// How many characters of a header field are shown.
const LONGEST: usize = 200;

/// A refusal of an INVITE of ours. Displays as `sip:support@acme.example.com refuses a call: 403 Forbidden; Warning: 399 acme
/// "no such line"`: who was asked for, the status line, and the header fields Reason (RFC 3326) and Warning (RFC 3261 section
/// 20.43), of which all is shown that prints.
pub struct Refusal<'m> {
    message: Message<'m>,
    to: &'m [u8],
    status: u16,
    phrase: &'m [u8],
}

impl<'m> Refusal<'m> {
    /// That of a message that came. None of what is no refusal, or an ordinary one: a busy telephone, a challenge, the answer to
    /// our CANCEL.
    pub fn of(bytes: &'m [u8]) -> Option<Self> {
        // Most messages are something else, and not read once more.
        if !matches!(bytes.strip_prefix(b"SIP/2.0 ")?.first()?, b'3'..=b'6') {
            return None;
        }
        let message = Message::parse(bytes).ok()?;
        let StartLine::Response { status, reason: phrase } = message.start() else { return None };
        let unusual = matches!(target_failure(status), Reason::TargetRefused | Reason::TargetFailed);
        let essentials = message.essentials().ok()?;
        let asked = essentials.cseq.method == Method::Invite && status != 487;
        (unusual && asked).then_some(Self { to: essentials.to.uri.bytes, message, status, phrase })
    }
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, to, status, phrase } = self;
        write!(f, "{} refuses a call: {status} {}", to.escape_ascii(), phrase.escape_ascii())?;
        for (name, header) in [("Reason", Name::Reason), ("Warning", Name::Warning)] {
            for value in message.headers(header) {
                write!(f, "; {name}: ")?;
                let text = value.utf8_chunks().flat_map(|chunk| chunk.valid().chars());
                for character in text.filter(|character| !character.is_control()).take(LONGEST) {
                    f.write_char(character)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::{String, ToString};

    use super::*;

    fn said(status: &str, method: &str, warning: &str) -> Option<String> {
        let text = format!(
            "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:+8210@192.0.2.1>;tag=1\r\n\
             To: <sip:support@acme.example.com>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 {method}\r\n\
             Reason: Q.850;cause=21\r\nWarning: {warning}\r\nContent-Length: 0\r\n\r\n"
        );
        Refusal::of(text.as_bytes()).map(|refusal| refusal.to_string())
    }

    #[test]
    fn the_words_of_a_refusal_are_told() {
        assert_eq!(
            said("403 Forbidden", "INVITE", "399 acme \"no such line\"").as_deref(),
            Some(
                "sip:support@acme.example.com refuses a call: 403 Forbidden; Reason: Q.850;cause=21; Warning: 399 acme \"no such \
                 line\""
            )
        );
        assert!(said("503 Service Unavailable", "INVITE", "x").is_some());
        for ordinary in
            ["180 Ringing", "200 OK", "401 Unauthorized", "486 Busy Here", "487 Request Terminated"]
        {
            assert_eq!(said(ordinary, "INVITE", "x"), None, "{ordinary}");
        }
        assert_eq!(said("403 Forbidden", "BYE", "x"), None);
    }

    #[test]
    fn nothing_that_does_not_print_is_shown_and_not_without_end() {
        let long = format!("\u{1b}[31m{}", "w".repeat(1_000));
        let said = said("403 Forbidden", "INVITE", &long).unwrap();
        assert!(!said.contains(char::is_control), "{said:?}");
        assert!(said.ends_with(&"w".repeat(LONGEST - "[31m".len())) && said.len() < 400, "{said}");
    }
}
