//! Addresses in header fields (`name-addr` and `addr-spec`, RFC 3261 section 20.10).

use super::error::{Error, ErrorKind};
use super::grammar::{Parsed, SPACE, before, left, quoted, skip_space, stuck, trim_end};
use super::params::Params;
use super::uri::Uri;

/// An address with a name to show and parameters: From, To, Contact, Route, Refer-To and their like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// The name to show as it stands, quotes left out and escapes inside left in; empty where there is none.
    pub display: &'a [u8],
    /// The address.
    pub uri: Uri<'a>,
    /// The header field's parameters; the URI has its own.
    pub params: Params<'a>,
    /// All of it.
    pub bytes: &'a [u8],
}

impl<'a> NameAddr<'a> {
    /// The tag: one side of a dialog's identity.
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.params.value(b"tag")
    }

    /// The address that `text` is, all of it.
    ///
    /// # Errors
    /// [`ErrorKind::Uri`] where it breaks the grammar.
    pub fn parse(text: &'a [u8]) -> Result<Self, Error> {
        let fail = |left: usize| Error::new(ErrorKind::Uri, text.len().saturating_sub(left));
        match Self::read(text) {
            Ok(([], address)) => Ok(address),
            Ok((rest, _)) => Err(fail(rest.len())),
            Err(error) => Err(fail(left(error))),
        }
    }

    /// `( name-addr / addr-spec ) *( SEMI generic-param )`.
    pub(super) fn read(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, display) = display(input)?;
        let (rest, uri) = match rest {
            [b'<', inner @ ..] => match Uri::read(inner, true)? {
                ([b'>', rest @ ..], uri) => (rest, uri),
                (rest, _) => return stuck(rest),
            },
            _ => Uri::read(rest, false)?,
        };
        let (rest, params) = Params::header(rest)?;
        Ok((rest, Self { display, uri, params, bytes: before(input, rest) }))
    }
}

/// The name to show, if there is one; the rest begins with the address, or its angle bracket.
fn display(input: &[u8]) -> Parsed<'_, &[u8]> {
    match input {
        [b'<', ..] => Ok((input, &[])),
        [b'"', ..] => {
            let (rest, name) = quoted(input)?;
            let rest = skip_space(rest);
            if rest.first() == Some(&b'<') { Ok((rest, name)) } else { stuck(rest) }
        }
        _ => {
            // Words up to an angle bracket are a name, wider than the RFC's tokens: anything but what ends or
            // quotes something. Escaped quotes without quotes are seen in the wild.
            let mut rest = input;
            loop {
                rest = match rest {
                    [b'<', ..] => return Ok((rest, trim_end(before(input, rest)))),
                    [] | [b'>' | b'"' | b';' | b',' | b'@', ..] => return Ok((input, &[])),
                    [b'\\', b'"', after @ ..] => after,
                    [byte, after @ ..] if is_text(*byte) => after,
                    _ => return Ok((input, &[])),
                }
            }
        }
    }
}

fn is_text(byte: u8) -> bool {
    byte > b' ' && byte != 0x7f || SPACE.has(byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Scheme;

    fn read(text: &str) -> NameAddr<'_> {
        match NameAddr::read(text.as_bytes()) {
            Ok(([], address)) => address,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn forms() {
        let address =
            read("\"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8");
        assert_eq!(address.display, b"J Rosenberg \\\\\\\"");
        assert_eq!(address.uri.user, Some(&b"jdrosen"[..]));
        assert_eq!(address.tag(), Some(&b"98asjd8"[..]));

        let address = read("caller<sip:caller@example.com>;tag=323");
        assert_eq!(address.display, b"caller");

        let address = read("sip:+19725552222@gw1.example.net;unknownparam");
        assert_eq!(address.params.get(b"unknownparam"), Some(None));
        assert_eq!(address.uri.params, Params::EMPTY);

        let address = read("<sip:+19725552222@gw1.example.net;unknownparam>");
        assert_eq!(address.uri.params.get(b"unknownparam"), Some(None));
        assert_eq!(address.params, Params::EMPTY);

        let address = read("<http://www.example.com>;tag=3234233");
        assert_eq!(address.uri.scheme, Scheme::Other(b"http"));
        assert_eq!(address.tag(), Some(&b"3234233"[..]));

        assert_eq!(read("isbn:2983792873").uri.user, Some(&b"2983792873"[..]));
        assert_eq!(read("Z\u{fc}rich <sip:a@b>").display, "Z\u{fc}rich".as_bytes());
        assert_eq!(read("<tel:+1201;phone-context=x>;tag=1").uri.params.as_bytes(), b";phone-context=x");
    }

    #[test]
    fn what_is_no_address() {
        for text in [
            "\"Mr. J. User <sip:j.user@example.com>",
            "Bell, Alexander <sip:a.g.bell@example.com>;tag=43",
            "\"Watson, Thomas\" < sip:t.watson@example.org >",
            "sip:user@example.com?Route=%3Csip:sip.example.com%3E",
            "\"Joe\" <sip:joe@example.org>;;;;",
            "<sip:joe@example.org",
            "\"Joe\" sip:joe@example.org",
            "\"\" <> ;",
            "*",
            "",
            "<<sip:a@b>>",
        ] {
            assert!(!matches!(NameAddr::read(text.as_bytes()), Ok(([], _))), "{text}");
        }
    }
}
