//! What a target says when it refuses a call: core knows why a call failed, and people want to read the words.

use warmline_core::call::target_failure;
use warmline_core::reason::Reason;
use warmline_core::sip::{Message, Method, Name, StartLine};

/// How many characters of a header field are written.
const LONGEST: usize = 200;

/// Of a message that came: who refuses an INVITE of ours with which words, `sip:support@acme.example.com refuses a call: 403
/// Forbidden; Warning: 399 acme "no such line"`. None of what is no refusal, or an ordinary one: a busy telephone, a challenge,
/// the answer to our CANCEL.
pub(super) fn refusal(bytes: &[u8]) -> Option<String> {
    if !matches!(bytes.strip_prefix(b"SIP/2.0 ")?.first()?, b'3'..=b'6') {
        return None;
    }
    let message = Message::parse(bytes).ok()?;
    let StartLine::Response { status, reason } = message.start() else { return None };
    let unusual = matches!(target_failure(status), Reason::TargetRefused | Reason::TargetFailed);
    let essentials = message.essentials().ok()?;
    if !unusual || status == 487 || essentials.cseq.method != Method::Invite {
        return None;
    }
    let mut said = format!(
        "{} refuses a call: {status} {}",
        essentials.to.uri.bytes.escape_ascii(),
        reason.escape_ascii()
    );
    for (name, header) in [("Reason", Name::Reason), ("Warning", Name::Warning)] {
        for value in message.headers(header) {
            let value: String = String::from_utf8_lossy(value).chars().take(LONGEST).collect();
            said.push_str(&format!("; {name}: {}", value.replace(char::is_control, " ")));
        }
    }
    Some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: &str, method: &str) -> Option<String> {
        let text = format!(
            "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:+8210@192.0.2.1>;tag=1\r\n\
             To: <sip:support@acme.example.com>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 {method}\r\n\
             Reason: Q.850;cause=21\r\nWarning: 399 acme \"no such line\"\r\nContent-Length: 0\r\n\r\n"
        );
        refusal(text.as_bytes())
    }

    #[test]
    fn the_words_of_a_refusal_are_told() {
        assert_eq!(
            said("403 Forbidden", "INVITE").as_deref(),
            Some(
                "sip:support@acme.example.com refuses a call: 403 Forbidden; Reason: Q.850;cause=21; Warning: 399 acme \"no such \
                 line\""
            )
        );
        assert!(said("503 Service Unavailable", "INVITE").is_some());
        for ordinary in
            ["180 Ringing", "200 OK", "401 Unauthorized", "486 Busy Here", "487 Request Terminated"]
        {
            assert_eq!(said(ordinary, "INVITE"), None, "{ordinary}");
        }
        assert_eq!(said("403 Forbidden", "BYE"), None);
    }
}
