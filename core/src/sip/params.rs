//! Parameters behind semicolons, of header fields (`generic-param`) and of URIs (`uri-parameter`).

use super::grammar::{Parsed, SPACE, TOKEN, URI_PARAM, VALUE, before, many, quoted, skip_space, spaced};

/// Parameters as they stand on the wire, the first semicolon included; their grammar was checked. Names compare
/// without case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params<'a>(&'a [u8]);

impl<'a> Params<'a> {
    /// No parameters.
    pub const EMPTY: Self = Self(&[]);

    /// The text they are in.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The first parameter of this name: `Some(None)` where it has no value. Quotes around a value are left out,
    /// escapes inside stay.
    pub fn get(self, name: &[u8]) -> Option<Option<&'a [u8]>> {
        self.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The value of the first parameter of this name that has one.
    pub fn value(self, name: &[u8]) -> Option<&'a [u8]> {
        self.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name)).find_map(|(_, value)| value)
    }

    /// Name and value of each, in order.
    pub fn iter(self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (after, pair) = split(rest)?;
            rest = after;
            Some(pair)
        })
    }

    /// Name and whole text of each, semicolon included, in order.
    pub(super) fn pieces(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (after, (name, _)) = split(rest)?;
            let text = before(rest, after);
            rest = after;
            Some((name, text))
        })
    }

    /// Parameters of a header field: white space around separators, quoted values.
    pub(super) fn header(input: &'a [u8]) -> Parsed<'a, Self> {
        let mut rest = input;
        while let Ok((after, ())) = spaced(b';')(rest) {
            (rest, _) = many(TOKEN)(after)?;
            if let Ok((value, ())) = spaced(b'=')(rest) {
                let quote = value.first() == Some(&b'"');
                (rest, _) = if quote { quoted(value)? } else { many(VALUE)(value)? };
            }
        }
        Ok((rest, Self(before(input, rest))))
    }

    /// Parameters of a URI: no white space, no quotes.
    pub(super) fn uri(input: &'a [u8]) -> Parsed<'a, Self> {
        let mut rest = input;
        while let [b';', after @ ..] = rest {
            (rest, _) = many(URI_PARAM)(after)?;
            if let [b'=', value @ ..] = rest {
                let end = value.iter().position(|&byte| byte != b'=' && !URI_PARAM.has(byte));
                rest = value.get(end.unwrap_or(value.len())..).unwrap_or_default();
            }
        }
        Ok((rest, Self(before(input, rest))))
    }
}

/// A parameter's name and value.
type Pair<'a> = (&'a [u8], Option<&'a [u8]>);

/// The first of some checked parameters, and the rest.
fn split(input: &[u8]) -> Option<(&[u8], Pair<'_>)> {
    let ends = |byte: u8| byte == b';' || SPACE.has(byte);
    let (input, ()) = spaced(b';')(input).ok()?;
    let len = input.iter().position(|&byte| byte == b'=' || ends(byte)).unwrap_or(input.len());
    let (name, rest) = input.split_at_checked(len)?;
    let Ok((value, ())) = spaced(b'=')(rest) else { return Some((rest, (name, None))) };
    if let Ok((rest, value)) = quoted(value) {
        return Some((rest, (name, Some(value))));
    }
    let len = value.iter().position(|&byte| ends(byte)).unwrap_or(value.len());
    let (value, rest) = value.split_at_checked(len)?;
    Some((skip_space(rest), (name, Some(value))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn of_a_header_field() {
        let text = b" ;branch = \"z9;hG\\\"4\" ; RPORT;x=[2001:db8::1]:5 , next";
        let (rest, params) = Params::header(text).unwrap();
        assert_eq!(rest, b" , next");
        assert_eq!(params.get(b"Branch"), Some(Some(&b"z9;hG\\\"4"[..])));
        assert_eq!(params.get(b"rport"), Some(None));
        assert_eq!(params.value(b"x"), Some(&b"[2001:db8::1]:5"[..]));
        assert_eq!(params.get(b"y"), None);
        assert_eq!(params.iter().count(), 3);
        let (_, params) = Params::header(b";tag;Tag=7").unwrap();
        assert_eq!((params.get(b"tag"), params.value(b"tag")), (Some(None), Some(&b"7"[..])));
    }

    #[test]
    fn what_breaks_the_grammar() {
        for text in [&b";;"[..], b";", b"; ;a", b";a=", b";a=\"", b";=b", b";\"a\""] {
            assert!(Params::header(text).is_err(), "{}", text.escape_ascii());
        }
        for text in [&b";;a"[..], b";", b";a;", b"; a", b";=b"] {
            assert!(Params::uri(text).is_err(), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn of_a_uri() {
        let (rest, params) = Params::uri(b";lr;maddr=[::1];ob=aGk==;e=?a=b").unwrap();
        assert_eq!(rest, b"?a=b");
        let all: Vec<_> = params.iter().collect();
        assert_eq!(
            all,
            [(&b"lr"[..], None), (b"maddr", Some(&b"[::1]"[..])), (b"ob", Some(b"aGk==")), (b"e", Some(b""))]
        );
    }
}
