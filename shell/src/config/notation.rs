//! How lengths of time, rates, ports, addresses and hosts are written. Errors are the sentences the user reads.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use warmline_core::time::Duration;

/// `500ms`, `30s`, `5m` or `90d`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let micros = match unit {
        "us" => Some(1),
        "ms" => Some(1_000),
        "s" => Some(1_000_000),
        "m" => Some(60_000_000),
        "h" => Some(3_600_000_000),
        "d" => Some(86_400_000_000),
        _ => None,
    };
    let number = digits.parse().ok();
    number
        .zip(micros)
        .and_then(|(number, micros): (u64, u64)| number.checked_mul(micros))
        .map(Duration::from_micros)
        .ok_or_else(|| {
            let text = text.escape_debug();
            format!("\"{text}\" is no length of time; write it like \"500ms\", \"30s\" or \"5m\"")
        })
}

/// `30/s`: how many a second, at least one.
pub(super) fn rate(text: &str) -> Result<u32, String> {
    const MOST: u32 = 1_000_000;
    let number = text.strip_suffix("/s").and_then(number::<u32>);
    number.filter(|number| (1..=MOST).contains(number)).ok_or_else(|| {
        format!("\"{}\" is no rate; write it like \"30/s\", at least 1 a second", text.escape_debug())
    })
}

/// `20000-29999`: a first and a last port, both included.
pub(super) fn ports(text: &str) -> Result<(u16, u16), String> {
    let port = |text| number::<u16>(text).filter(|&port| port > 0);
    let ends = text.split_once('-').and_then(|(first, last)| port(first).zip(port(last)));
    ends.filter(|(first, last)| first <= last).ok_or_else(|| {
        format!("\"{}\" is no range of ports; write it like \"20000-29999\"", text.escape_debug())
    })
}

/// An address, IPv4 where an IPv6 one only wraps it.
pub(super) fn address(text: &str) -> Result<IpAddr, String> {
    let address: Option<IpAddr> = text.parse().ok();
    address
        .map(|address| address.to_canonical())
        .ok_or_else(|| format!("\"{}\" is no IP address", text.escape_debug()))
}

/// A decimal number without sign.
pub(super) fn number<N: core::str::FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A host by its name (RFC 1123 section 2.1), an IPv4 address, or an IPv6 address in brackets (RFC 3261 section 25.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Name,
    Ip(IpAddr),
}

impl Host {
    pub(super) fn read(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[') {
            let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
            return Some(Self::Ip(IpAddr::V6(address).to_canonical()));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Some(Self::Ip(IpAddr::V4(address)));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let label = |label: &str| {
            let usable =
                label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
            usable && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
        };
        // A last label of digits alone is an address that was mistyped.
        let last = name.rsplit('.').next().unwrap_or_default();
        let plausible = name.len() <= 253 && !last.bytes().all(|byte| byte.is_ascii_digit());
        (plausible && name.split('.').all(label)).then_some(Self::Name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("50us"), Ok(Duration::from_micros(50)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
        for wrong in
            ["", "30", "s", "-1s", "1.5s", "30 s", "30sec", "99999999999999999999s", "99999999999999h"]
        {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn rates() {
        assert_eq!(rate("30/s"), Ok(30));
        assert_eq!(rate("300/s"), Ok(300));
        for wrong in ["30", "30/m", "0/s", "/s", "+3/s", "1.5/s", "9999999/s"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn port_ranges() {
        assert_eq!(ports("20000-29999"), Ok((20000, 29999)));
        assert_eq!(ports("5-5"), Ok((5, 5)));
        for wrong in ["20000", "2-1", "0-10", "1-65536", "a-b", "1-2-3", "-", "+1-2"] {
            assert!(ports(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn hosts() {
        assert_eq!(Host::read("acme.sip.twilio.com"), Some(Host::Name));
        assert_eq!(Host::read("office"), Some(Host::Name));
        assert_eq!(Host::read("192.0.2.1"), Some(Host::Ip([192, 0, 2, 1].into())));
        assert_eq!(Host::read("[::ffff:192.0.2.1]"), Some(Host::Ip([192, 0, 2, 1].into())));
        for wrong in ["", ".", "a..b", "-a", "10.0.0.256", "2001:db8::1", "[192.0.2.1]", "[::1", "a b", "a,b"]
        {
            assert_eq!(Host::read(wrong), None, "{wrong}");
        }
    }
}
