//! The lines of a description, and the pieces their values are made of (RFC 8866 section 9).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use memchr::memchr;
use nom::branch::alt;
use nom::bytes::complete::{tag, tag_no_case, take_till1, take_while1};
use nom::character::complete::{space0, space1};
use nom::combinator::{opt, recognize, value};
use nom::multi::many0_count;
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

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

/// `token`: visible ASCII without quotes, brackets, slash and the like.
const fn is_token(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'^'..=b'~')
}

pub(super) fn token(input: &[u8]) -> IResult<&[u8], &[u8]> {
    take_while1(is_token).parse(input)
}

/// `proto`: tokens joined by slashes.
pub(super) fn protocol(input: &[u8]) -> IResult<&[u8], &[u8]> {
    recognize((token, many0_count(preceded(tag("/"), token)))).parse(input)
}

/// `<nettype> <addrtype> <address>` where it is an Internet address; what follows a slash (a multicast address's
/// time to live) is dropped. IPv4 written as IPv6 comes out as IPv4. Fails on host names.
pub(super) fn address(input: &[u8]) -> IResult<&[u8], IpAddr> {
    let v4 = value(false, tag_no_case("IP4"));
    let v6 = value(true, tag_no_case("IP6"));
    let literal = take_till1(|byte| byte == b' ' || byte == b'/');
    let suffix = opt(preceded(tag("/"), take_till1(|byte| byte == b' ')));
    let (rest, (_, _, v6, _, literal, _)) =
        (tag_no_case("IN"), space1, alt((v4, v6)), space1, literal, terminated(suffix, space0))
            .parse(input)?;
    let parsed = core::str::from_utf8(literal).ok().and_then(|text| {
        if v6 {
            text.parse::<Ipv6Addr>().ok().map(|address| IpAddr::V6(address).to_canonical())
        } else {
            text.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
        }
    });
    match parsed {
        Some(address) => Ok((rest, address)),
        None => Err(nom::Err::Error(nom::error::make_error(input, nom::error::ErrorKind::Verify))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Option<IpAddr> {
        address(text.as_bytes()).ok().filter(|(rest, _)| rest.is_empty()).map(|(_, address)| address)
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
            "IN IP4 192.0.2.010",
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
