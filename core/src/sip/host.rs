//! Hosts and ports, and IP addresses as text: read by the RFCs, written as RFC 5952 says.

use core::net::{IpAddr, Ipv6Addr};

use crate::ip::{v4, v4_prefix, v6};

use super::grammar::{HOST, Parsed, many, number, stuck};

/// The host a URI or a Via names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Host<'a> {
    /// A name to be resolved.
    Name(&'a [u8]),
    /// An address; an IPv6 one stands in brackets on the wire.
    Ip(IpAddr),
    /// None: the URI's scheme has no host.
    #[default]
    None,
}

impl<'a> Host<'a> {
    /// Whether `other` is this host: names compare without case, addresses by value, an IPv6 address with or without
    /// brackets.
    pub fn matches(&self, other: &[u8]) -> bool {
        match *self {
            Self::Name(name) => name.eq_ignore_ascii_case(other),
            Self::Ip(ip) => address(other) == Some(ip),
            Self::None => false,
        }
    }

    /// `host`.
    pub(super) fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        if let [b'[', inner @ ..] = input {
            let Some(len) = memchr::memchr(b']', inner.get(..MAX_V6).unwrap_or(inner)) else {
                return stuck(input);
            };
            let ip = inner.get(..len).and_then(tolerant_v6);
            return match (ip, inner.get(len.saturating_add(1)..)) {
                (Some(ip), Some(rest)) => Ok((rest, Self::Ip(IpAddr::V6(ip)))),
                _ => stuck(input),
            };
        }
        if let Some((ip, rest)) = v4_prefix(input)
            && !rest.first().is_some_and(|&byte| HOST.has(byte))
        {
            return Ok((rest, Self::Ip(IpAddr::V4(ip))));
        }
        let (rest, name) = many(HOST)(input)?;
        Ok((rest, Self::Name(name)))
    }
}

/// A port, after its colon.
pub(super) fn port(input: &[u8]) -> Parsed<'_, u16> {
    let (rest, port) = number(input)?;
    u16::try_from(port).map_or_else(|_| stuck(input), |port| Ok((rest, port)))
}

/// Longest text between brackets that is looked at.
const MAX_V6: usize = 64;

/// An IP address as text, an IPv6 one with or without brackets.
pub(super) fn address(text: &[u8]) -> Option<IpAddr> {
    if let Some(ip) = v4(text) {
        return Some(IpAddr::V4(ip));
    }
    let bare = text.strip_prefix(b"[").and_then(|text| text.strip_suffix(b"]"));
    tolerant_v6(bare.unwrap_or(text)).map(IpAddr::V6)
}

/// An IPv6 address in which a third colon, as RFC 5118 section 4.10 has it, is taken for two.
fn tolerant_v6(text: &[u8]) -> Option<Ipv6Addr> {
    let strict = v6(text);
    if strict.is_some() {
        return strict;
    }
    let at = text.windows(3).position(|three| three == b":::")?;
    let (before, after) = text.split_at_checked(at)?;
    let mut mended = [0; MAX_V6];
    let len = text.len().checked_sub(1)?;
    let bytes = before.iter().chain(after.get(1..)?);
    mended.get_mut(..len)?.iter_mut().zip(bytes).for_each(|(room, &byte)| *room = byte);
    v6(mended.get(..len)?)
}

/// The value of a hexadecimal digit; 0 for anything else.
pub(super) fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;

    #[test]
    fn addresses() {
        assert_eq!(address(b"192.0.2.1"), Some("192.0.2.1".parse().unwrap()));
        assert_eq!(address(b"[2001:db8::9:255]"), Some("2001:db8::9:255".parse().unwrap()));
        assert_eq!(address(b"2001:db8:::192.0.2.1"), Some("2001:db8::192.0.2.1".parse().unwrap()));
        for text in [
            &b"192.0.2"[..],
            b"192.0.2.256",
            b"1.2.3.4.5",
            b"1..2.3",
            b"",
            b"1.2.3.",
            b":",
            b":::::",
            b"1:2:3:4:5:6:7:8:9",
            b"1:2:3:4:5:6:7:8::",
            b"1::2::3",
            b"12345::",
            b"1:2:3:4:5:6:7:1.2.3.4",
            b"::1.2.3.4:5",
            b"1:",
        ] {
            assert_eq!(address(text), None, "{}", text.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn reads_what_std_writes(groups: [u16; 8], zeros in 0u8..) {
            let groups: [u16; 8] = core::array::from_fn(|i| if zeros >> i & 1 == 1 { 0 } else { groups[i] });
            let ip = Ipv6Addr::from(groups);
            prop_assert_eq!(tolerant_v6(ip.to_string().as_bytes()), Some(ip));
        }

        #[test]
        fn agrees_with_std(text in "[0-9a-f:.]{0,24}") {
            let ours = address(text.as_bytes());
            let theirs = text.parse::<IpAddr>().ok();
            // Leading zeros and the third colon are ours to tolerate.
            if let Some(theirs) = theirs {
                prop_assert_eq!(ours, Some(theirs));
            } else if ours.is_some() {
                prop_assert!(text.contains(":::") || text.split('.').any(|part| part.len() > 1));
            }
        }
    }
}
