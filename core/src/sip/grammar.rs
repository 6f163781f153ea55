//! The pieces of RFC 3261 section 25.1 that every typed value is made of, as nom combinators.
//!
//! Line ends inside a value only ever belong to folds (scanning saw to that), so CR and LF count as white space.

use nom::IResult;
use nom::error::{ErrorKind, ParseError};

/// What a combinator gives: the rest and the value, or how far from the end it got stuck.
pub(super) type Parsed<'a, T> = IResult<&'a [u8], T, Stuck>;

/// How many bytes were left where a value broke the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stuck(pub(super) usize);

impl ParseError<&[u8]> for Stuck {
    fn from_error_kind(input: &[u8], _: ErrorKind) -> Self {
        Self(input.len())
    }

    fn append(_: &[u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

/// Fails at `input`.
pub(super) fn stuck<T>(input: &[u8]) -> Parsed<'_, T> {
    Err(nom::Err::Error(Stuck(input.len())))
}

/// How many bytes were left where it failed.
pub(super) fn left(error: nom::Err<Stuck>) -> usize {
    match error {
        nom::Err::Error(Stuck(left)) | nom::Err::Failure(Stuck(left)) => left,
        nom::Err::Incomplete(_) => 0,
    }
}

/// A set of bytes.
#[derive(Clone, Copy)]
pub(super) struct Class(u8);

/// `token`: methods, header names, parameter names.
pub(super) const TOKEN: Class = Class(1);
/// Host names, with the underscore that is seen in the wild.
pub(super) const HOST: Class = Class(2);
/// `user`, wider than the RFC: anything visible but `:`, `@`, quotes and angle brackets.
pub(super) const USER: Class = Class(4);
/// The same where a semicolon, comma or question mark ends the URI: outside angle brackets.
pub(super) const USER_BARE: Class = Class(128);
/// `paramchar` of URI parameters.
pub(super) const URI_PARAM: Class = Class(8);
/// An unquoted `gen-value`, wider than the RFC: anything visible that is no separator of parameters or lists.
pub(super) const VALUE: Class = Class(16);
/// White space, folds included.
pub(super) const SPACE: Class = Class(32);
/// Anything visible but quotes and angle brackets: URIs of schemes we do not know.
pub(super) const OPAQUE: Class = Class(64);

static CLASSES: [u8; 256] = classes();

const fn contains(set: &[u8], byte: u8) -> bool {
    let mut rest = set;
    while let [first, tail @ ..] = rest {
        if *first == byte {
            return true;
        }
        rest = tail;
    }
    false
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler only")]
const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0u8;
    loop {
        let mut set = 0;
        let word = byte.is_ascii_alphanumeric();
        if word || contains(b"-.!%*_+`'~", byte) {
            set |= TOKEN.0;
        }
        if word || contains(b"-._", byte) {
            set |= HOST.0;
        }
        if byte.is_ascii_graphic() && !contains(b":@<>\"", byte) {
            set |= USER.0;
            if !contains(b";,?", byte) {
                set |= USER_BARE.0;
            }
        }
        if word || contains(b"-_.!~*'()%[]/:&+$", byte) {
            set |= URI_PARAM.0;
        }
        if byte.is_ascii_graphic() && !contains(b";,<>\"\\", byte) {
            set |= VALUE.0;
        }
        if contains(b" \t\r\n", byte) {
            set |= SPACE.0;
        }
        if byte.is_ascii_graphic() && !contains(b"<>\"", byte) {
            set |= OPAQUE.0;
        }
        table[byte as usize] = set;
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

impl Class {
    #[inline]
    pub(super) fn has(self, byte: u8) -> bool {
        CLASSES.get(usize::from(byte)).is_some_and(|set| set & self.0 != 0)
    }

    /// How many bytes of this class `bytes` begin with.
    // A call, because inlined into its many callers the loop comes out slower.
    #[inline(never)]
    pub(super) fn run(self, bytes: &[u8]) -> usize {
        bytes.iter().position(|&byte| !self.has(byte)).unwrap_or(bytes.len())
    }

    /// Whether `bytes` are one or more of this class.
    pub(super) fn all(self, bytes: &[u8]) -> bool {
        !bytes.is_empty() && self.run(bytes) == bytes.len()
    }
}

/// One or more of `class`.
#[inline]
pub(super) fn many(class: Class) -> impl for<'a> Fn(&'a [u8]) -> Parsed<'a, &'a [u8]> {
    move |input| match input.split_at_checked(class.run(input)) {
        Some((run, rest)) if !run.is_empty() => Ok((rest, run)),
        _ => stuck(input),
    }
}

/// `input` without the white space it begins with. There mostly is none, or one space.
#[inline]
pub(super) fn skip_space(input: &[u8]) -> &[u8] {
    match input {
        [b' ', rest @ ..] if rest.first().is_some_and(|&next| next > b' ') => rest,
        [first, ..] if *first <= b' ' => spaces(input),
        _ => input,
    }
}

#[inline(never)]
fn spaces(input: &[u8]) -> &[u8] {
    input.get(SPACE.run(input)..).unwrap_or_default()
}

/// `input` without the white space it ends with. There mostly is none.
#[inline]
pub(super) fn trim_end(input: &[u8]) -> &[u8] {
    match input {
        [.., last] if *last <= b' ' => {
            let kept =
                input.iter().rposition(|&byte| !SPACE.has(byte)).map_or(0, |last| last.wrapping_add(1));
            input.get(..kept).unwrap_or_default()
        }
        _ => input,
    }
}

/// `input` without the white space around it.
#[inline]
pub(super) fn trim(input: &[u8]) -> &[u8] {
    trim_end(skip_space(input))
}

/// `byte` with white space allowed around it.
#[inline]
pub(super) fn spaced(byte: u8) -> impl for<'a> Fn(&'a [u8]) -> Parsed<'a, ()> {
    move |input| match skip_space(input) {
        [first, rest @ ..] if *first == byte => Ok((skip_space(rest), ())),
        other => stuck(other),
    }
}

/// `quoted-string`: what stands between the quotes, escapes untouched.
pub(super) fn quoted(input: &[u8]) -> Parsed<'_, &[u8]> {
    let Some(text) = input.strip_prefix(b"\"") else { return stuck(input) };
    let mut rest = text;
    loop {
        let Some(at) = memchr::memchr2(b'"', b'\\', rest) else { return stuck(input) };
        match rest.get(at..) {
            Some([b'"', after @ ..]) => {
                let len = text.len().saturating_sub(after.len()).saturating_sub(1);
                return Ok((after, text.get(..len).unwrap_or_default()));
            }
            Some([_, _, after @ ..]) => rest = after,
            _ => return stuck(input),
        }
    }
}

/// One or more digits that make no more than `u32::MAX`.
#[inline]
pub(super) fn number(input: &[u8]) -> Parsed<'_, u32> {
    let mut rest = input;
    let mut value = 0u32;
    while let [digit @ b'0'..=b'9', tail @ ..] = rest {
        let next = value.checked_mul(10).and_then(|value| value.checked_add(u32::from(digit - b'0')));
        let Some(next) = next else { return stuck(input) };
        value = next;
        rest = tail;
    }
    if rest.len() == input.len() { stuck(input) } else { Ok((rest, value)) }
}

/// What of `input` comes before `rest`, which is its tail.
#[inline]
pub(super) fn before<'a>(input: &'a [u8], rest: &[u8]) -> &'a [u8] {
    input.get(..input.len().saturating_sub(rest.len())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_strings() {
        assert_eq!(quoted(b"\"a \\\" b\" c"), Ok((&b" c"[..], &b"a \\\" b"[..])));
        assert_eq!(quoted(b"\"\""), Ok((&b""[..], &b""[..])));
        assert!(quoted(b"\"a").is_err());
        assert!(quoted(b"\"a\\").is_err());
        assert!(quoted(b"a").is_err());
    }

    #[test]
    fn numbers_do_not_wrap() {
        assert_eq!(number(b"4294967295;"), Ok((&b";"[..], u32::MAX)));
        assert!(number(b"4294967296").is_err());
        assert!(number(b"").is_err());
        assert!(number(b"-1").is_err());
        assert_eq!(number(b"0009 "), Ok((&b" "[..], 9)));
    }
}
