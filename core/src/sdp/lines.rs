//! The lines of a description, and the pieces their values are made of (RFC 8866 section 9).

use core::net::IpAddr;

use memchr::memchr;
use nom::branch::alt;
use nom::bytes::complete::tag_no_case;
use nom::combinator::{map_opt, value};
use nom::{IResult, Parser};

use crate::ip::{v4, v6};

/// What a combinator gives. Where it fails nothing more is told. Those of nom that take runs of bytes or digits are
/// not used: they hold slices that could panic as far as the linker sees.
pub(super) type Parsed<'a, T> = IResult<&'a [u8], T, ()>;

/// Lines of the form `<type>=<value>`, ended by CRLF or LF. Any other line is stepped over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines<'a> {
    rest: &'a [u8],
}

/// One line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// The letter before the equals sign.
    pub(super) kind: u8,
    /// What follows it, without the line's end.
    pub(super) value: &'a [u8],
    /// How many bytes were left where the line begins.
    pub(super) left: usize,
}

impl<'a> Lines<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The bytes that are not read yet, without the last `left` of them.
    pub(super) fn until(&self, left: usize) -> &'a [u8] {
        self.rest.get(..self.rest.len().saturating_sub(left)).unwrap_or_default()
    }

    /// Steps over an a= line that comes next, and over as many of the lines behind it as is cheap: never an m= or
    /// c= line. Attributes are most of a description and are not looked into until they are asked for.
    #[inline(always)]
    pub(super) fn skip_attributes(&mut self) {
        let [b'a', ..] = self.rest else { return };
        let all = self.rest;
        let mut opens = false;
        while let Some(block) = self.rest.first_chunk() {
            opens = opens_part(block);
            if opens {
                break;
            }
            self.rest = self.rest.get(BLOCK..).unwrap_or_default();
        }
        if !opens && all.last_chunk().is_some_and(|block| !opens_part(block)) {
            self.rest = &[];
        } else {
            // The blocks end in the midst of a line.
            let end = memchr(b'\n', self.rest).unwrap_or(self.rest.len());
            self.rest = self.rest.get(end.saturating_add(1)..).unwrap_or_default();
        }
    }
}

/// How many bytes [`opens_part`] looks for a line's end in.
const BLOCK: usize = 32;

/// Whether an m= or c= line begins after one of the first [`BLOCK`] bytes. Without branches, so that it becomes
/// vector instructions.
#[inline(always)]
fn opens_part(block: &[u8; BLOCK + 2]) -> bool {
    let [_, after @ ..] = block;
    let [_, _, second @ ..] = block;
    let mut opens = false;
    for ((end, kind), equals) in block.iter().zip(after).zip(second) {
        opens |= (*end == b'\n') & ((*kind == b'm') | (*kind == b'c')) & (*equals == b'=');
    }
    opens
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Line<'a>> {
        loop {
            let left = self.rest.len();
            if left == 0 {
                return None;
            }
            let end = memchr(b'\n', self.rest).unwrap_or(left);
            let line = self.rest.get(..end).unwrap_or_default();
            self.rest = self.rest.get(end.saturating_add(1)..).unwrap_or_default();
            if let [kind, b'=', value @ ..] = line {
                let value = if let [value @ .., b'\r'] = value { value } else { value };
                return Some(Line { kind: *kind, value, left });
            }
        }
    }
}

/// The bytes of a `token`: visible ASCII without quotes, brackets, slash and the like.
static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        #[expect(
            clippy::indexing_slicing,
            clippy::cast_possible_truncation,
            reason = "evaluated when compiled"
        )]
        {
            table[byte] = matches!(byte as u8, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'^'..=b'~');
        }
        byte += 1;
    }
    table
};

fn is_token(byte: u8) -> bool {
    TOKEN.get(usize::from(byte)).copied().unwrap_or(false)
}

/// One or more bytes that are `wanted`.
#[inline(always)]
fn run(input: &[u8], wanted: impl Fn(u8) -> bool) -> Parsed<'_, &[u8]> {
    let end = input.iter().position(|&byte| !wanted(byte)).unwrap_or(input.len());
    match input.split_at_checked(end) {
        Some((run, rest)) if !run.is_empty() => Ok((rest, run)),
        _ => Err(nom::Err::Error(())),
    }
}

/// What `parser` makes of the whole of `input`, spaces at its end aside.
#[inline]
pub(super) fn all<'a, T>(parser: fn(&'a [u8]) -> Parsed<'a, T>, input: &'a [u8]) -> Option<T> {
    let (rest, value) = parser(input).ok()?;
    rest.iter().all(|&byte| byte == b' ').then_some(value)
}

/// The bytes of `text` themselves. Compared as one number or two where nom's `tag` goes byte by byte.
#[inline(always)]
pub(super) fn exactly<'a, const N: usize>(
    text: &'static [u8; N],
) -> impl Fn(&'a [u8]) -> Parsed<'a, &'a [u8]> {
    move |input| match input.split_first_chunk() {
        Some((first, rest)) if first == text => Ok((rest, first)),
        _ => Err(nom::Err::Error(())),
    }
}

/// `token`.
#[inline]
pub(super) fn token(input: &[u8]) -> Parsed<'_, &[u8]> {
    run(input, is_token)
}

/// `proto`: tokens joined by slashes.
#[inline]
pub(super) fn protocol(input: &[u8]) -> Parsed<'_, &[u8]> {
    run(input, |byte| is_token(byte) || byte == b'/')
}

/// One or more bytes up to a space or slash.
#[inline]
pub(super) fn word(input: &[u8]) -> Parsed<'_, &[u8]> {
    run(input, |byte| byte != b' ' && byte != b'/')
}

/// One or more spaces.
#[inline]
pub(super) fn space(input: &[u8]) -> Parsed<'_, ()> {
    let Some(mut rest) = input.strip_prefix(b" ") else { return Err(nom::Err::Error(())) };
    while let [b' ', tail @ ..] = rest {
        rest = tail;
    }
    Ok((rest, ()))
}

/// A decimal number below 2^32.
#[inline]
pub(super) fn number(input: &[u8]) -> Parsed<'_, u32> {
    let mut number = 0_u32;
    let mut rest = input;
    while let [digit @ b'0'..=b'9', tail @ ..] = rest {
        let next = number.checked_mul(10).and_then(|tens| tens.checked_add(u32::from(digit & 15)));
        number = next.ok_or(nom::Err::Error(()))?;
        rest = tail;
    }
    if rest.len() == input.len() { Err(nom::Err::Error(())) } else { Ok((rest, number)) }
}

/// A decimal number below 2^16.
#[inline]
pub(super) fn short(input: &[u8]) -> Parsed<'_, u16> {
    map_opt(number, |number| u16::try_from(number).ok()).parse(input)
}

/// `<nettype> <addrtype> <address>` where it is an Internet address; what follows a slash (a multicast address's
/// time to live) is dropped. IPv4 written as IPv6 comes out as IPv4. Fails on host names.
pub(super) fn address(input: &[u8]) -> Parsed<'_, IpAddr> {
    let spelled = map_opt((tag_no_case("IN"), space, word), |(_, (), family)| match family {
        [b'I' | b'i', b'P' | b'p', b'4'] => Some(false),
        [b'I' | b'i', b'P' | b'p', b'6'] => Some(true),
        _ => None,
    });
    let (rest, (is_v6, ())) = (alt((value(false, exactly(b"IN IP4")), spelled)), space).parse(input)?;
    let (mut rest, literal) = word(rest)?;
    while let [b'/', tail @ ..] = rest {
        (rest, _) = word(tail)?;
    }
    let address = if is_v6 {
        v6(literal).map(|address| IpAddr::V6(address).to_canonical())
    } else {
        v4(literal).map(IpAddr::V4)
    };
    address.map(|address| (rest, address)).ok_or(nom::Err::Error(()))
}

/// A number of up to 255, written without leading zeros.
#[inline]
pub(super) fn byte(text: &[u8]) -> Option<u8> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u16::from(byte & 15));
    let number = match *text {
        [one] => digit(one)?,
        [ten, one] if ten != b'0' => digit(ten)? * 10 + digit(one)?,
        [hundred, ten, one] if hundred != b'0' => digit(hundred)? * 100 + digit(ten)? * 10 + digit(one)?,
        _ => return None,
    };
    u8::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Option<IpAddr> {
        all(address, text.as_bytes())
    }

    #[test]
    fn addresses() {
        assert_eq!(ip("IN IP4 192.0.2.1"), Some("192.0.2.1".parse().unwrap()));
        assert_eq!(ip("IN IP4 224.2.17.12/127/2"), Some("224.2.17.12".parse().unwrap()));
        assert_eq!(ip("IN IP6 2001:db8::1"), Some("2001:db8::1".parse().unwrap()));
        assert_eq!(ip("IN IP6 FF15::101/3"), Some("ff15::101".parse().unwrap()));
        assert_eq!(ip("IN IP6 ::ffff:192.0.2.1"), Some("192.0.2.1".parse().unwrap()));
        assert_eq!(ip("in  ip4 192.0.2.1 "), Some("192.0.2.1".parse().unwrap()));
        for bad in [
            "",
            "IN",
            "IN IP4",
            "IN IP4 ",
            "IN IP4 host.example.com",
            "IN IP4 192.0.2",
            "IN IP4 192.0.2.256",
            "IN IP4 192.0.2.1\0",
            "IN IP4 2001:db8::1",
            "IN IP6 192.0.2.1",
            "ATM NSAP 47.0091.8100.0000.0060.3e64.fd01.0060.3e64.fd01.00",
            "IN IP4 /24",
        ] {
            assert_eq!(ip(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn lines() {
        let text = b"v=0\r\nblank\n\r\n\n=x\na=\r\nb=one\rtwo\0three\r\nz=last";
        let lines: std::vec::Vec<_> = Lines::new(text).map(|line| (line.kind, line.value)).collect();
        assert_eq!(lines, [(b'v', &b"0"[..]), (b'a', b""), (b'b', b"one\rtwo\0three"), (b'z', b"last")]);
    }
}
