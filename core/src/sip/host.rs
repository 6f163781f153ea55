//! Hosts and ports, and IP addresses as text: read by the RFCs, written as RFC 5952 says.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
            let ip = inner.get(..len).and_then(v6);
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
    v6(bare.unwrap_or(text)).map(IpAddr::V6)
}

/// `IPv4address`, all of `text`.
fn v4(text: &[u8]) -> Option<Ipv4Addr> {
    v4_prefix(text).filter(|(_, rest)| rest.is_empty()).map(|(ip, _)| ip)
}

/// The `IPv4address` that `text` begins with: four decimal numbers.
#[inline]
fn v4_prefix(text: &[u8]) -> Option<(Ipv4Addr, &[u8])> {
    let mut rest = text;
    let mut ip = 0u32;
    for index in 0..4 {
        let mut octet = 0u32;
        let mut digits = 0u32;
        while let [digit @ b'0'..=b'9', tail @ ..] = rest {
            octet = octet.wrapping_mul(10).wrapping_add(u32::from(digit - b'0'));
            digits = digits.wrapping_add(1);
            rest = tail;
            if digits == 3 {
                break;
            }
        }
        if digits == 0 || octet > 255 {
            return None;
        }
        ip = ip << 8 | octet;
        if index < 3 {
            rest = rest.strip_prefix(b".")?;
        }
    }
    Some((Ipv4Addr::from_bits(ip), rest))
}

/// `IPv6address`, an IPv4 tail included. A third colon as in RFC 5118 section 4.10 is taken for two.
fn v6(text: &[u8]) -> Option<Ipv6Addr> {
    let mut groups = [0u16; 8];
    let mut len = 0usize;
    // Where the run of zeros stands.
    let mut gap = None;
    let mut rest = text;
    if let Some(after) = rest.strip_prefix(b"::") {
        gap = Some(0);
        rest = after.strip_prefix(b":").unwrap_or(after);
    }
    while !rest.is_empty() {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (group, after) = rest.split_at_checked(digits)?;
        if after.first() == Some(&b'.') {
            let [a, b, c, d] = v4(rest)?.octets();
            *groups.get_mut(len)? = u16::from_be_bytes([a, b]);
            *groups.get_mut(len.saturating_add(1))? = u16::from_be_bytes([c, d]);
            len = len.saturating_add(2);
            break;
        }
        if !(1..=4).contains(&digits) {
            return None;
        }
        *groups.get_mut(len)? = group.iter().fold(0, |value, &digit| value << 4 | u16::from(hex(digit)));
        len = len.saturating_add(1);
        rest = match after {
            [] => after,
            [b':', b':', after @ ..] if gap.is_none() => {
                gap = Some(len);
                after.strip_prefix(b":").unwrap_or(after)
            }
            [b':', after @ ..] if !after.is_empty() => after,
            _ => return None,
        };
    }
    let Some(gap) = gap else { return (len == 8).then(|| Ipv6Addr::from_segments(groups)) };
    // What follows the gap moves to the end.
    let mut spread = [0u16; 8];
    for (index, &group) in groups.iter().enumerate().take(len) {
        let to = if index < gap { index } else { index.wrapping_add(8).wrapping_sub(len) };
        *spread.get_mut(to)? = group;
    }
    (len < 8).then(|| Ipv6Addr::from_segments(spread))
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
            prop_assert_eq!(v6(ip.to_string().as_bytes()), Some(ip));
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
