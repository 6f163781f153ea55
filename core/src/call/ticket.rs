//! The Zendesk ticket an AI agent hands over with a call.

use core::num::NonZeroU64;

use crate::reason::Reason;
use crate::sip::{Message, Name, Uri, unescape};

/// The header that names the ticket.
pub const HEADER: &[u8] = b"X-Zendesk-Ticket-Id";

/// Whether Zendesk's Talk may have made a ticket of a call by itself, as it does of an INVITE that names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Talk {
    /// No such INVITE has gone there, or none that has arrived.
    Unasked,
    /// One is out, and nothing has come back yet.
    Asked,
    /// One is out, and nothing has come back for as long as that was waited for. It may still.
    Missed,
    /// One was answered, however, or may be still though nobody waits for that.
    Reached,
}

impl Talk {
    /// An INVITE leaves that names no ticket. One before it may be answered late.
    pub(crate) const fn ask(&mut self) {
        *self = match self {
            Self::Unasked | Self::Missed => Self::Asked,
            Self::Asked | Self::Reached => Self::Reached,
        };
    }

    /// Something has come back.
    pub(crate) const fn reach(&mut self) {
        if matches!(self, Self::Asked | Self::Missed) {
            *self = Self::Reached;
        }
    }

    /// Nothing has, and nobody waits for that any more.
    pub(crate) const fn miss(&mut self) {
        if matches!(self, Self::Asked) {
            *self = Self::Missed;
        }
    }

    /// Whether Talk has made one, as far as is known, or may be about to.
    pub(crate) const fn may_have(self) -> bool {
        matches!(self, Self::Asked | Self::Reached)
    }
}

/// The ticket an INVITE names: none, or why what it names is left out.
///
/// Looked for in the header, then in the Request-URI (as a header after `?`, as a parameter), then in User-to-User.
/// Spellings seen in the wild are understood: `X-Zendesk-Ticket-Id=123` as the header's value. A value that is not
/// a plain positive decimal number is [`Reason::TicketMalformed`]; two different ones in the same place are
/// [`Reason::TicketConflict`].
pub fn ticket(message: &Message<'_>) -> Result<Option<NonZeroU64>, Reason> {
    let mut found = Found::default();
    message.extension(HEADER).for_each(|value| found.see(value));
    if found.nothing()
        && let Ok(uri) = message.request_uri()
    {
        in_uri(&uri, &mut found);
    }
    if found.nothing() {
        in_user_to_user(message, &mut found);
    }
    found.result
}

fn in_user_to_user(message: &Message<'_>, found: &mut Found) {
    for value in message.headers(Name::UserToUser) {
        // RFC 7433: hex of the text, or the text itself; `;encoding=hex` says which.
        let content = value.split(|&byte| byte == b';').next().unwrap_or_default();
        let content = content.trim_ascii();
        let mut text = [0; 128];
        let content = match decode_hex(content, &mut text) {
            Some(len) => text.get(..len).unwrap_or_default(),
            None => content,
        };
        if let Some(value) = strip_name(content) {
            found.see(value);
        }
    }
}

/// The ticket that a REFER with this Refer-To names: its own header comes before what the URI says. As [`ticket`].
pub fn referred_ticket(message: &Message<'_>, refer_to: &Uri<'_>) -> Result<Option<NonZeroU64>, Reason> {
    let mut found = Found::default();
    message.extension(HEADER).for_each(|value| found.see(value));
    if found.nothing() {
        in_uri(refer_to, &mut found);
    }
    if found.nothing() {
        in_user_to_user(message, &mut found);
    }
    found.result
}

fn in_uri(uri: &Uri<'_>, found: &mut Found) {
    let mut decoded = [0; 64];
    let params = uri.params.iter().map(|(name, value)| (name, value.unwrap_or_default()));
    for (name, value) in uri.headers().chain(params) {
        if name.eq_ignore_ascii_case(HEADER) {
            let value = unescape(value, &mut decoded).and_then(|len| decoded.get(..len));
            found.see(value.unwrap_or(b"?"));
        }
    }
}

/// What `X-Zendesk-Ticket-Id=` or `X-Zendesk-Ticket-Id:` precedes.
fn strip_name(value: &[u8]) -> Option<&[u8]> {
    let name = value.get(..HEADER.len())?;
    let rest = value.get(HEADER.len()..)?.trim_ascii_start();
    let (&separator, rest) = rest.split_first()?;
    (name.eq_ignore_ascii_case(HEADER) && matches!(separator, b'=' | b':')).then_some(rest)
}

fn number(value: &[u8]) -> Option<NonZeroU64> {
    let value = strip_name(value).unwrap_or(value);
    // Blanks around it do no harm; an escaped CR or LF is somebody trying something.
    let start = value.iter().position(|byte| !matches!(byte, b' ' | b'\t'))?;
    let end = value.iter().rposition(|byte| !matches!(byte, b' ' | b'\t'))?;
    let value = value.get(start..=end)?;
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(value).ok()?.parse().ok()
}

fn decode_hex(text: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut len = 0usize;
    let mut pairs = text.iter().map(|&byte| (byte as char).to_digit(16));
    while let Some(high) = pairs.next() {
        let byte = high?.checked_mul(16)?.checked_add(pairs.next()??)?;
        *out.get_mut(len)? = byte as u8;
        len = len.saturating_add(1);
    }
    (len > 0).then_some(len)
}

struct Found {
    result: Result<Option<NonZeroU64>, Reason>,
}

impl Default for Found {
    fn default() -> Self {
        Self { result: Ok(None) }
    }
}

impl Found {
    fn nothing(&self) -> bool {
        self.result == Ok(None)
    }

    fn see(&mut self, value: &[u8]) {
        self.result = match (self.result, number(value)) {
            (Err(reason), _) => Err(reason),
            (_, None) => Err(Reason::TicketMalformed),
            (Ok(Some(before)), Some(now)) if before != now => Err(Reason::TicketConflict),
            (_, Some(now)) => Ok(Some(now)),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::String;

    use super::*;

    fn of(uri: &str, lines: &str) -> Result<Option<u64>, Reason> {
        let text: String = format!(
            "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        let message = Message::parse(text.as_bytes()).unwrap();
        ticket(&message).map(|ticket| ticket.map(NonZeroU64::get))
    }

    const URI: &str = "sip:support@sbc.example.com";

    #[test]
    fn from_the_header() {
        assert_eq!(of(URI, ""), Ok(None));
        assert_eq!(of(URI, "X-Zendesk-Ticket-Id: 35436\r\n"), Ok(Some(35436)));
        assert_eq!(of(URI, "x-zendesk-ticket-id:35436 \r\n"), Ok(Some(35436)));
        assert_eq!(of(URI, "X-Zendesk-Ticket-Id: X-Zendesk-Ticket-Id=7\r\n"), Ok(Some(7)));
        assert_eq!(of(URI, "X-Zendesk-Ticket-Id: 7\r\nX-Zendesk-Ticket-Id: 7\r\n"), Ok(Some(7)));
        assert_eq!(of(URI, "X-Zendesk-Ticket-Id: 18446744073709551615\r\n"), Ok(Some(u64::MAX)));
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        for bad in ["", "0", "-1", "+1", "12a", "1 2", "18446744073709551616", "0x10", "\u{663}"] {
            assert_eq!(
                of(URI, &format!("X-Zendesk-Ticket-Id: {bad}\r\n")),
                Err(Reason::TicketMalformed),
                "{bad}"
            );
        }
        assert_eq!(
            of(URI, "X-Zendesk-Ticket-Id: 7\r\nX-Zendesk-Ticket-Id: 8\r\n"),
            Err(Reason::TicketConflict)
        );
    }

    #[test]
    fn from_the_uri() {
        assert_eq!(of("sip:support@sbc.example.com;X-Zendesk-Ticket-Id=12", ""), Ok(Some(12)));
        assert_eq!(of("sip:support@sbc.example.com;x-zendesk-ticket-id=%31%32", ""), Ok(Some(12)));
        assert_eq!(
            of("sip:support@sbc.example.com;X-Zendesk-Ticket-Id=12%0d", ""),
            Err(Reason::TicketMalformed)
        );
    }

    #[test]
    fn from_user_to_user() {
        assert_eq!(of(URI, "User-to-User: X-Zendesk-Ticket-Id=12\r\n"), Ok(Some(12)));
        let hex: String = "X-Zendesk-Ticket-Id=12".bytes().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(of(URI, &format!("User-to-User: {hex};encoding=hex\r\n")), Ok(Some(12)));
        assert_eq!(of(URI, "User-to-User: something else;encoding=text\r\n"), Ok(None));
    }
}
