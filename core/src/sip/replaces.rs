//! Which dialog an INVITE takes the place of (RFC 3891 section 6.1).

use super::error::{Error, ErrorKind};
use super::grammar::{Parsed, TOKEN, left, stuck};
use super::message::Message;
use super::name::Name;
use super::params::Params;
use super::writer::Writer;

/// A dialog, named as its peer would name it in a request to whoever reads this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaces<'a> {
    /// Its Call-ID.
    pub call_id: &'a [u8],
    /// The reader's tag.
    pub to_tag: &'a [u8],
    /// The tag of the reader's peer. A peer of RFC 2543, which has none, is `0`.
    pub from_tag: &'a [u8],
    /// Whether it is meant only as long as nobody has answered.
    pub early_only: bool,
}

impl<'a> Replaces<'a> {
    /// The value of a Replaces header field, all of it.
    ///
    /// # Errors
    /// [`ErrorKind::Malformed`] where it breaks the grammar, or has not exactly one tag of each kind.
    pub fn parse(text: &'a [u8]) -> Result<Self, Error> {
        let fail =
            |left: usize| Error::new(ErrorKind::Malformed(Name::Replaces), text.len().saturating_sub(left));
        match Self::read(text) {
            Ok(([], replaces)) => Ok(replaces),
            Ok((rest, _)) => Err(fail(rest.len())),
            Err(error) => Err(fail(left(error))),
        }
    }

    /// `callid *(SEMI replaces-param)`.
    fn read(input: &'a [u8]) -> Parsed<'a, Self> {
        let ends = |byte: &u8| !byte.is_ascii_graphic() || matches!(byte, b';' | b',');
        let end = input.iter().position(ends).unwrap_or(input.len());
        let Some((call_id @ [_, ..], rest)) = input.split_at_checked(end) else { return stuck(input) };
        let (rest, params) = Params::header(rest)?;
        let mut early_only = false;
        let (mut to, mut from) = (None, None);
        for (name, value) in params.iter() {
            let tag = match name {
                _ if name.eq_ignore_ascii_case(b"to-tag") => &mut to,
                _ if name.eq_ignore_ascii_case(b"from-tag") => &mut from,
                _ => {
                    early_only |= name.eq_ignore_ascii_case(b"early-only");
                    continue;
                }
            };
            let value = value.filter(|value| TOKEN.all(value));
            if value.is_none() || core::mem::replace(tag, value).is_some() {
                return stuck(input);
            }
        }
        match to.zip(from) {
            Some((to_tag, from_tag)) => Ok((rest, Self { call_id, to_tag, from_tag, early_only })),
            None => stuck(rest),
        }
    }

    /// Writes the header field.
    pub fn write(&self, w: &mut Writer<'_>) {
        w.name(Name::Replaces.as_bytes()).bytes(self.call_id);
        w.bytes(b";to-tag=").bytes(self.to_tag).bytes(b";from-tag=").bytes(self.from_tag);
        w.bytes(if self.early_only { b";early-only" } else { b"" }).end_line();
    }
}

impl<'a> Message<'a> {
    /// Replaces; none where there is none.
    ///
    /// # Errors
    /// As [`Replaces::parse`], and where there is more than one, though they say the same (RFC 3891 section 3).
    pub fn replaces(&self) -> Result<Option<Replaces<'a>>, Error> {
        let mut spans = self.spans(Name::Replaces);
        let Some(first) = spans.next() else { return Ok(None) };
        if let Some(other) = spans.next() {
            return Err(Error::new(ErrorKind::Conflict(Name::Replaces), usize::from(other.value)));
        }
        let at = usize::from(first.value);
        Replaces::parse(self.value(first)).map(Some).map_err(|error| {
            Error::new(ErrorKind::Malformed(Name::Replaces), at.saturating_add(error.offset as usize))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    fn parse(value: &str) -> Option<(&str, &str, &str, bool)> {
        let text = |bytes| core::str::from_utf8(bytes).unwrap();
        let Replaces { call_id, to_tag, from_tag, early_only } = Replaces::parse(value.as_bytes()).ok()?;
        Some((text(call_id), text(to_tag), text(from_tag), early_only))
    }

    /// The examples of RFC 3891 section 6.1.
    #[test]
    fn as_the_rfc_writes_it() {
        for (value, expected) in [
            (
                "98732@sip.example.com\r\n          ;from-tag=r33th4x0r\r\n          ;to-tag=ff87ff",
                ("98732@sip.example.com", "ff87ff", "r33th4x0r", false),
            ),
            (
                "12adf2f34456gs5;to-tag=12345;from-tag=54321;early-only",
                ("12adf2f34456gs5", "12345", "54321", true),
            ),
            ("87134@171.161.34.23;to-tag=24796;from-tag=0", ("87134@171.161.34.23", "24796", "0", false)),
            (
                "a(b)<c>:\"d\"/[e]?{f}@g ; x=y; TO-TAG = 1 ;From-Tag=2",
                ("a(b)<c>:\"d\"/[e]?{f}@g", "1", "2", false),
            ),
        ] {
            assert_eq!(parse(value), Some(expected), "{value}");
        }
    }

    #[test]
    fn what_names_no_dialog() {
        for value in [
            "",
            ";to-tag=1;from-tag=2",
            "a",
            "a;to-tag=1",
            "a;from-tag=1",
            "a;to-tag=1;from-tag",
            "a;to-tag=1;from-tag=",
            "a;to-tag=1;from-tag=2;to-tag=1",
            "a;to-tag=1;from-tag=2;from-tag=3",
            "a;to-tag=1;from-tag=a/b",
            "a;to-tag=1;from-tag=2,b;to-tag=3;from-tag=4",
            "a b;to-tag=1;from-tag=2",
            "a;to-tag=1;from-tag=2;",
        ] {
            assert_eq!(parse(value), None, "{value}");
        }
    }

    #[test]
    fn of_a_message_there_is_one() {
        let of = |lines: &str| {
            let text = format!("INVITE sip:a SIP/2.0\r\n{lines}\r\n");
            Message::parse(text.as_bytes()).unwrap().replaces().map(|replaces| replaces.is_some())
        };
        let one = "Replaces: a;to-tag=1;from-tag=2\r\n";
        assert_eq!(of(""), Ok(false));
        assert_eq!(of(one), Ok(true));
        assert_eq!(of(&format!("{one}{one}")).unwrap_err().kind, ErrorKind::Conflict(Name::Replaces));
        let error = of("Replaces: a;to-tag=1\r\n").unwrap_err();
        assert_eq!((error.kind, error.offset), (ErrorKind::Malformed(Name::Replaces), 42));
    }
}
