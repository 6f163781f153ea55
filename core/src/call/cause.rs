//! Why a peer ended its leg, as its Reason header says (RFC 3326, RFC 6432): the numbers alone.

use crate::sip::{Message, Name, Writer};

/// The causes of one message, by the protocols they are of; 0 where there is none. Their texts are left out: they are
/// the other side's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Causes {
    /// A SIP status.
    sip: u16,
    /// A cause of Q.850, which RFC 3398 speaks of.
    q850: u8,
}

/// How many values are looked at.
const MOST: usize = 8;

impl Causes {
    /// Nobody said why.
    pub(crate) const NONE: Self = Self { sip: 0, q850: 0 };

    /// The causes that a request or response gives; the first of each protocol.
    pub(crate) fn of(message: &Message<'_>) -> Self {
        let mut causes = Self::NONE;
        let values = message.headers(Name::Reason).flat_map(|value| value.split(outside_quotes(b',')));
        for value in values.take(MOST) {
            let mut pieces = value.split(outside_quotes(b';')).map(<[u8]>::trim_ascii);
            let protocol = pieces.next().unwrap_or_default();
            let Some(cause) = pieces.find_map(cause) else { continue };
            if protocol.eq_ignore_ascii_case(b"SIP") && causes.sip == 0 && (100..=699).contains(&cause) {
                causes.sip = cause;
            } else if protocol.eq_ignore_ascii_case(b"Q.850")
                && causes.q850 == 0
                && let Ok(cause @ 1..=127) = u8::try_from(cause)
            {
                causes.q850 = cause;
            }
        }
        causes
    }

    /// Whether nobody said why.
    pub(crate) fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// The same without what is said of SIP.
    pub(crate) const fn beside_sip(self) -> Self {
        Self { sip: 0, ..self }
    }

    /// Writes the value of a Reason header; `status` stands for SIP's where none was given.
    pub(crate) fn write(self, w: &mut Writer<'_>, status: Option<u16>) {
        let sip = if self.sip == 0 { status } else { Some(self.sip) };
        if let Some(sip) = sip {
            w.bytes(b"SIP;cause=").number(sip.into());
            if sip == 200 {
                w.bytes(b";text=\"Call completed elsewhere\"");
            }
        }
        if self.q850 > 0 {
            w.bytes(if sip.is_some() { b", Q.850;cause=" } else { b"Q.850;cause=" }).number(self.q850.into());
        }
    }
}

/// Finds `separator` outside of quoted strings.
fn outside_quotes(separator: u8) -> impl FnMut(&u8) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    move |&byte| {
        quoted ^= byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        byte == separator && !quoted
    }
}

/// What `cause=16` says.
fn cause(piece: &[u8]) -> Option<u16> {
    let mut parts = piece.splitn(2, |&byte| byte == b'=');
    let name = parts.next()?.trim_ascii();
    let digits = parts.next()?.trim_ascii();
    if !name.eq_ignore_ascii_case(b"cause") || digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::String;

    use super::*;

    fn of(lines: &str) -> String {
        let text = format!("BYE sip:a SIP/2.0\r\n{lines}\r\n");
        let causes = Causes::of(&Message::parse(text.as_bytes()).unwrap());
        let mut out = [0; 128];
        let mut w = Writer::new(&mut out);
        causes.write(&mut w, None);
        let len = w.finish().unwrap();
        String::from_utf8(out[..len].into()).unwrap()
    }

    #[test]
    fn numbers_cross_and_texts_do_not() {
        assert_eq!(of("Reason: Q.850 ;cause=16 ;text=\"Terminated\"\r\n"), "Q.850;cause=16");
        assert_eq!(
            of("Reason: SIP;text=\"a, b\";cause=486\r\nReason: q.850;cause=17\r\n"),
            "SIP;cause=486, Q.850;cause=17"
        );
        assert_eq!(of("Reason: sip ; Cause = 600, SIP;cause=500\r\n"), "SIP;cause=600");
        assert_eq!(
            of("Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n"),
            "SIP;cause=200;text=\"Call completed elsewhere\""
        );
        for nothing in [
            "",
            "SIP",
            "SIP;cause=",
            "SIP;cause=99",
            "Q.850;cause=128",
            "SIP;cause=70000",
            "X;cause=200",
            "SIP;cause=\"200\"",
        ] {
            assert_eq!(of(&format!("Reason: {nothing}\r\n")), "", "{nothing}");
        }
    }
}
