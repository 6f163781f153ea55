//! IP addresses as text: one reader for signalling, session descriptions and prefixes.
//!
//! The standard library's own would do, but for panics that the linker cannot see away.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address, an IPv6 one without brackets. Leading zeros in an IPv4 address are zeros, not octal
/// (RFC 3261 section 25.1).
pub fn parse(text: &[u8]) -> Option<IpAddr> {
    v4(text).map(IpAddr::V4).or_else(|| v6(text).map(IpAddr::V6))
}

/// An IPv4 address.
#[inline]
pub(crate) fn v4(text: &[u8]) -> Option<Ipv4Addr> {
    v4_prefix(text).filter(|(_, rest)| rest.is_empty()).map(|(ip, _)| ip)
}

/// The `IPv4address` that `text` begins with: four decimal numbers.
#[inline]
pub(crate) fn v4_prefix(text: &[u8]) -> Option<(Ipv4Addr, &[u8])> {
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

/// Groups from the front up to `::`, then from the back (RFC 4291 section 2.2).
pub(crate) fn v6(text: &[u8]) -> Option<Ipv6Addr> {
    let mut groups = [0; 8];
    let mut places = groups.iter_mut();
    let colon = |byte: &u8| *byte == b':';
    let mut text = text;
    // The last 32 bits may be written as IPv4.
    let last = text.rsplit(colon).next()?;
    if last.contains(&b'.') {
        let [a, b, c, d] = v4(last)?.octets();
        *places.next_back()? = u16::from_be_bytes([c, d]);
        *places.next_back()? = u16::from_be_bytes([a, b]);
        text = text.strip_suffix(last)?;
        // One colon belongs to it, a second one to the gap.
        text = if text.ends_with(b"::") { text } else { text.strip_suffix(b":")? };
    }
    let gap = text.windows(2).position(|pair| pair == b"::");
    let (front, back) = match gap {
        Some(gap) => (text.get(..gap)?, text.get(gap.checked_add(2)?..)?),
        None => (text, &[][..]),
    };
    if gap.is_none() || !front.is_empty() {
        for piece in front.split(colon) {
            *places.next()? = group(piece)?;
        }
    }
    if !back.is_empty() {
        for piece in back.rsplit(colon) {
            *places.next_back()? = group(piece)?;
        }
    }
    // A gap stands for one group at least.
    (places.next().is_some() == gap.is_some()).then_some(Ipv6Addr::from(groups))
}

/// One to four hexadecimal digits.
fn group(text: &[u8]) -> Option<u16> {
    if !(1..=4).contains(&text.len()) {
        return None;
    }
    text.iter().try_fold(0, |number: u16, &digit| {
        let value = match digit {
            b'0'..=b'9' => digit & 15,
            b'a'..=b'f' | b'A'..=b'F' => (digit & 15).wrapping_add(9),
            _ => return None,
        };
        Some(number << 4 | u16::from(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6() {
        for text in [
            "::",
            "::1",
            "1::",
            "2001:db8::1",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "::192.0.2.1",
            "1::192.0.2.1",
            "1:2:3:4:5:6:192.0.2.1",
            "::FFFF:192.0.2.1",
            "64:ff9b::192.0.2.33",
            "abcd:EF01:0:00:000:0000:0:1",
            // Not addresses.
            ":",
            ":::",
            "1",
            "1:",
            ":1",
            "1::2::3",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "1:2:3:4:5:6:7:8::",
            "::12345",
            "1:2:3:4:5:6:7::8:9",
            "::g",
            "1:::2",
            ":::1",
            "1:::",
            "192.0.2.1",
            ":192.0.2.1",
            "1:192.0.2.1",
            "1:2:3:4:5:6:7:192.0.2.1",
            "::1:",
            "::192.0.2.1:1",
            "::192.0.2",
            "::1%eth0",
            "",
            "1: :2",
            "::192.0.2.1::",
            "1:2:3:4:5:6::192.0.2.1",
            "::ffff:0.0.0.0",
        ] {
            assert_eq!(v6(text.as_bytes()), text.parse().ok(), "{text:?}");
        }
    }

    #[test]
    fn ipv4() {
        assert_eq!(v4(b"192.0.2.1"), Some(Ipv4Addr::new(192, 0, 2, 1)));
        assert_eq!(v4(b"010.000.2.1"), Some(Ipv4Addr::new(10, 0, 2, 1)));
        for text in [
            "",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.1.",
            "192.0.2.1.5",
            "1..2.3",
            ".1.2.3",
            "1.2.3.4444",
            "1.2.3.a",
        ] {
            assert_eq!(v4(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse(b"::1"), Some(IpAddr::V6(Ipv6Addr::LOCALHOST)));
    }
}
