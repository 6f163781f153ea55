//! Start lines (RFC 3261 section 7.1 and 7.2).

use super::error::ErrorKind;
use super::grammar::{TOKEN, trim};
use super::method::Method;
use super::scan::first_blank;

/// What a message begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// A request line.
    Request {
        /// What is asked for.
        method: Method<'a>,
        /// The Request-URI as it stands: [`Message::request_uri`](super::Message::request_uri) reads it.
        uri: &'a [u8],
        /// The version as it stands, `SIP/2.0` where there is no fault.
        version: &'a [u8],
    },
    /// A status line.
    Response {
        /// The status code, of three digits.
        status: u16,
        /// The reason phrase; it may be empty, and is UTF-8 only by promise.
        reason: &'a [u8],
    },
}

impl<'a> StartLine<'a> {
    /// Reads a line without its end: what it is, and what is wrong with it though it can be answered. None where it
    /// is neither kind.
    pub(super) fn read(line: &'a [u8]) -> Option<(Self, Option<ErrorKind>)> {
        if let Some((b"SIP/2.0 ", rest)) = line.split_at_checked(8) {
            return Self::response(rest).map(|start| (start, None));
        }
        match line.split_at_checked(4) {
            Some((sip, rest)) if sip.eq_ignore_ascii_case(b"SIP/") => {
                let space = memchr::memchr(b' ', rest)?;
                let fault = (rest.get(..space)? != b"2.0").then_some(ErrorKind::Version);
                Some((Self::response(rest.get(space.saturating_add(1)..)?)?, fault))
            }
            _ => Self::request(line),
        }
    }

    /// `Method SP Request-URI SP SIP-Version`.
    fn request(line: &'a [u8]) -> Option<(Self, Option<ErrorKind>)> {
        if let Some((head, version @ b"SIP/2.0")) = line.split_last_chunk::<7>()
            && let Some((method @ [_, ..], [b' ', uri @ .., b' '])) = head.split_at_checked(TOKEN.run(head))
            && !uri.is_empty()
            && first_blank(uri).is_none()
        {
            return Some((Self::Request { method: Method::of(method), uri, version }, None));
        }
        Self::odd_request(line)
    }

    /// Other white space is a fault, yet tells the same parts.
    #[cold]
    fn odd_request(line: &'a [u8]) -> Option<(Self, Option<ErrorKind>)> {
        let tidy = trim(line);
        let method = tidy.iter().position(|&byte| byte == b' ')?;
        let version = tidy.iter().rposition(|&byte| byte == b' ')?;
        let uri = tidy.get(method.wrapping_add(1)..version).unwrap_or_default();
        let (method, version) = (tidy.get(..method)?, tidy.get(version.wrapping_add(1)..)?);
        if version != b"SIP/2.0" && !version.get(..4)?.eq_ignore_ascii_case(b"SIP/") {
            return None;
        }
        let fault =
            if !TOKEN.all(method) || uri.is_empty() || tidy.len() != line.len() || first_blank(uri).is_some()
            {
                Some(ErrorKind::RequestLine)
            } else if version.get(4..) != Some(b"2.0") {
                Some(ErrorKind::Version)
            } else {
                None
            };
        Some((Self::Request { method: Method::of(method), uri: trim(uri), version }, fault))
    }

    /// `Status-Code SP Reason-Phrase`.
    fn response(rest: &'a [u8]) -> Option<Self> {
        let ([a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'], rest) = rest.split_first_chunk::<3>()?
        else {
            return None;
        };
        let status = u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0');
        match rest {
            // A phrase may be empty; that its space is missing is seen in the wild.
            [] => Some(Self::Response { status, reason: &[] }),
            [b' ', reason @ ..] => Some(Self::Response { status, reason }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<(StartLine<'_>, Option<ErrorKind>)> {
        StartLine::read(line.as_bytes())
    }

    fn fault(line: &str) -> Option<ErrorKind> {
        read(line).unwrap().1
    }

    #[test]
    fn requests() {
        let Some((StartLine::Request { method, uri, version }, None)) = read("INVITE sip:a@b sip/2.0") else {
            panic!();
        };
        assert_eq!((method, uri, version), (Method::Invite, &b"sip:a@b"[..], &b"sip/2.0"[..]));
        assert_eq!(fault("OPTIONS sip:t.watson@example.org SIP/7.0"), Some(ErrorKind::Version));
        for line in [
            "INVITE  sip:user@example.com  SIP/2.0",
            "INVITE sip:user@example.com; lr SIP/2.0",
            "OPTIONS sip:remote-target@example.com SIP/2.0  ",
            " OPTIONS sip:remote-target@example.com SIP/2.0",
            "INVITE\tx sip:user@example.com SIP/2.0",
            "INVITE sip:user\t@example.com SIP/2.0",
            "INV@TE sip:user@example.com SIP/2.0",
            "INVITE  SIP/2.0",
            "INVITE SIP/2.0",
        ] {
            assert_eq!(fault(line), Some(ErrorKind::RequestLine), "{line}");
        }
        for line in ["INVITE sip:alan@jasomi.com", "", " ", "SIP/2.0", "GET / HTTP/1.1", "A B S"] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn responses() {
        let reason = &b"better not break the receiver"[..];
        assert_eq!(read("SIP/2.0 4294967301 better not break the receiver"), None);
        assert_eq!(
            read("SIP/2.0 200 better not break the receiver"),
            Some((StartLine::Response { status: 200, reason }, None))
        );
        assert_eq!(read("SIP/2.0 100 "), Some((StartLine::Response { status: 100, reason: b"" }, None)));
        assert_eq!(read("SIP/2.0 100"), Some((StartLine::Response { status: 100, reason: b"" }, None)));
        assert_eq!(fault("SIP/3.0 100 Trying"), Some(ErrorKind::Version));
        assert_eq!(fault("sip/2.0 100 Trying"), None);
        assert_eq!(read("SIP/2.0 20 OK"), None);
        assert_eq!(read("SIP/2.0 -20 OK"), None);
    }
}
