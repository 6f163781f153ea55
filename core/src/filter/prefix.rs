//! An address prefix, as allow lists are written.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address prefix, such as `192.0.2.0/28` (RFC 4632 section 3.1, RFC 4291 section 2.3).
///
/// An IPv4 address in its IPv6 form (`::ffff:192.0.2.1`) is that IPv4 address, in a prefix as in what is asked about
/// it. So no IPv6 prefix, not even `::/0`, holds an IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| PrefixError::Address)?;
        let length = match length {
            Some(length) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
                length.parse().map_err(|_| PrefixError::Length)?
            }
            Some(_) => return Err(PrefixError::Length),
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
