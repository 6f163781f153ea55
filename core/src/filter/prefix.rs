//! An address prefix, as allow lists are written.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// An address prefix, such as `192.0.2.0/28` (RFC 4632 section 3.1, RFC 4291 section 2.3).
///
/// An IPv4 address in its IPv6 form (`::ffff:192.0.2.1`) is that IPv4 address, in a prefix as in what is asked about
/// it. So no IPv6 prefix, not even `::/0`, holds an IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Prefix {
    /// Its address; bits beyond the length do not count.
    pub address: IpAddr,
    /// How many leading bits count: up to 32 or 128. More is as much as all.
    pub length: u8,
}

/// Why a prefix is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PrefixError {
    /// What is before the slash is no IPv4 or IPv6 address.
    Address,
    /// What is after the slash is no number of bits that such an address has.
    Length,
    /// The address has bits set beyond the length, so one of the two is not what was meant.
    HostBits {
        /// The prefix of that length the address is in.
        network: Prefix,
    },
}

impl Prefix {
    /// The prefix of `length` bits that starts at `address`, which has no bit set beyond them.
    pub fn new(address: IpAddr, length: u8) -> Result<Self, PrefixError> {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        if length > bits {
            return Err(PrefixError::Length);
        }
        let given = Self { address, length };
        let network = given.network();
        // Compared before an IPv4 address leaves its IPv6 form, whose leading bits may be beyond the length too.
        if given.host_bits() == 0 { Ok(network) } else { Err(PrefixError::HostBits { network }) }
    }

    /// Reads `address/length`, or an address alone, which is all of its bits.
    pub fn parse(text: &str) -> Result<Self, PrefixError> {
        let text = text.as_bytes();
        let mut halves = text.splitn(2, |&byte| byte == b'/');
        let address = halves.next().unwrap_or_default();
        // What looks octal is more likely a slip than an address.
        let octal = |part: &[u8]| part.len() > 1 && part.starts_with(b"0");
        let octal = !address.contains(&b':') && address.split(|&byte| byte == b'.').any(octal);
        let address = crate::ip::parse(address).filter(|_| !octal).ok_or(PrefixError::Address)?;
        let length = match halves.next() {
            Some(length) => digits(length).ok_or(PrefixError::Length)?,
            None if address.is_ipv4() => 32,
            None => 128,
        };
        Self::new(address, length)
    }

    /// Whether `address` is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let (first, last) = self.bounds();
        self.network().address.is_ipv4() == address.is_ipv4() && (first..=last).contains(&number(address))
    }

    /// Its first and last address as numbers; IPv4 is mapped into IPv6.
    pub(super) fn bounds(&self) -> (u128, u128) {
        let first = number(self.address) & !self.host_mask();
        (first, first | self.host_mask())
    }

    /// The same prefix as it is written: nothing set beyond its length, IPv4 as IPv4.
    fn network(&self) -> Self {
        let (first, _) = self.bounds();
        let address = Ipv6Addr::from_bits(first).to_canonical();
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let length = bits - self.host_mask().count_ones().min(bits);
        Self { address, length: length as u8 }
    }

    fn host_bits(&self) -> u128 {
        number(self.address) & self.host_mask()
    }

    /// The bits that do not count.
    fn host_mask(&self) -> u128 {
        let fixed = u32::from(self.length) + if self.address.is_ipv4() { 96 } else { 0 };
        u128::MAX.checked_shr(fixed).unwrap_or(0)
    }
}

/// An address as a number; IPv4 is mapped into IPv6.
pub(super) const fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Whether a number stands for an IPv4 address.
pub(super) const fn is_ipv4(number: u128) -> bool {
    number >> 32 == Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().to_bits() >> 32
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl fmt::Display for PrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => f.write_str("not an IPv4 or IPv6 address"),
            Self::Length => f.write_str("the prefix length is not a number from 0 to 32 (IPv6: 128)"),
            Self::HostBits { network } => {
                write!(f, "the address has bits set beyond the prefix length; the network is {network}")
            }
        }
    }
}

impl core::error::Error for PrefixError {}

/// One to three decimal digits, as far as they make a byte.
fn digits(text: &[u8]) -> Option<u8> {
    if !(1..=3).contains(&text.len()) {
        return None;
    }
    text.iter().try_fold(0u8, |number, &digit| {
        let digit = digit.is_ascii_digit().then_some(digit & 15)?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn prefix(text: &str) -> Prefix {
        Prefix::parse(text).unwrap()
    }

    #[test]
    fn reads_what_allow_lists_hold() {
        for text in ["192.0.2.0/28", "0.0.0.0/0", "168.86.128.0/18", "2001:db8::/32", "::/0", "192.0.2.1/32"]
        {
            assert_eq!(prefix(text).to_string(), text);
        }
        assert_eq!(prefix("192.0.2.1"), prefix("192.0.2.1/32"));
        assert_eq!(prefix("2001:db8::1"), prefix("2001:db8::1/128"));
        assert_eq!(prefix("::ffff:192.0.2.0/124"), prefix("192.0.2.0/28"));
        assert_eq!(prefix("::ffff:192.0.2.9"), prefix("192.0.2.9"));
        assert_eq!(prefix("::ffff:0:0/96"), prefix("0.0.0.0/0"));
    }

    #[test]
    fn refuses_and_says_why() {
        for text in ["", "/8", "192.0.2/24", "192.0.2.0 /24", "example.net", "[::1]", "192.0.2.256"] {
            assert_eq!(Prefix::parse(text), Err(PrefixError::Address), "{text}");
        }
        for text in ["192.0.2.0/33", "::/129", "::/", "::/+8", "::/-1", "::/256", "::/8/8", "::/ 8"] {
            assert_eq!(Prefix::parse(text), Err(PrefixError::Length), "{text}");
        }
        for (text, network) in [
            ("192.0.2.1/28", "192.0.2.0/28"),
            ("2001:db8::1/64", "2001:db8::/64"),
            ("::ffff:192.0.2.1/124", "192.0.2.0/28"),
            ("::ffff:0:0/90", "::ffc0:0:0/90"),
            ("1.0.0.0/0", "0.0.0.0/0"),
        ] {
            let error = Prefix::parse(text).unwrap_err();
            assert_eq!(error, PrefixError::HostBits { network: prefix(network) });
            assert!(error.to_string().ends_with(&[" is ", network].concat()), "{error}");
        }
    }

    #[test]
    fn ipv4_in_its_ipv6_form_is_ipv4() {
        for (text, inside, outside) in [
            ("192.0.2.0/28", "192.0.2.15", "192.0.2.16"),
            ("192.0.2.0/28", "::ffff:192.0.2.0", "::ffff:192.0.1.255"),
            ("::ffff:192.0.2.0/124", "192.0.2.15", "192.0.2.16"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::/0", "ffff::", "192.0.2.1"),
            ("::/0", "::fffe:192.0.2.1", "::ffff:192.0.2.1"),
            ("2001:db8::/32", "2001:db8:ffff::", "2001:db9::"),
            ("2001:db8::1", "2001:db8::1", "2001:db8::2"),
        ] {
            assert!(prefix(text).contains(address(inside)), "{text} {inside}");
            assert!(!prefix(text).contains(address(outside)), "{text} {outside}");
        }
    }

    #[test]
    fn a_prefix_nobody_checked_harms_nobody() {
        let odd = Prefix { address: address("192.0.2.9"), length: 24 };
        assert!(odd.contains(address("192.0.2.200")) && !odd.contains(address("192.0.3.9")));
        let odd = Prefix { address: address("::ffff:192.0.2.9"), length: 255 };
        assert!(odd.contains(address("192.0.2.9")) && !odd.contains(address("192.0.2.8")));
        let odd = Prefix { address: address("192.0.2.9"), length: 255 };
        assert!(odd.contains(address("192.0.2.9")) && !odd.contains(address("192.0.2.8")));
    }
}
