//! What a board is told beside core's configuration.

use core::fmt;
use core::net::Ipv4Addr;

use heapless::Vec;
use serde::{Deserialize, Serialize};

/// Most DNS servers a board asks.
pub const MAX_DNS: usize = 2;

/// What a board is told beside core's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appliance {
    /// How it gets its address.
    pub network: Network,
    /// The DNS servers it asks; none where they are leased.
    pub dns: Vec<Ipv4Addr, MAX_DNS>,
    /// Who tells it the time of day ([`sntp`](crate::sntp)); it has none where nobody does.
    pub ntp: Option<Ipv4Addr>,
    /// How many calls it takes at once (`node.capacity`); at least one, and at most what the board has memory for.
    pub calls: u16,
}

/// How a board gets its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Network {
    /// It is leased one (RFC 2131), with a gateway and DNS servers.
    Dhcp,
    /// It has one.
    Static {
        /// Its own.
        address: Ipv4Addr,
        /// How many leading bits its network's addresses share.
        prefix: u8,
        /// Who takes what goes beyond that network; nothing does where there is none.
        gateway: Option<Ipv4Addr>,
    },
}

/// Why a board cannot live with what it is told of its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NetworkError {
    /// The prefix is not from 1 to 32.
    Prefix,
    /// The address is no host's own.
    Address,
    /// The gateway is not another host of the board's network.
    Gateway,
}

impl Network {
    /// # Errors
    /// What a board cannot live with.
    pub fn check(&self) -> Result<(), NetworkError> {
        let Self::Static { address, prefix, gateway } = *self else { return Ok(()) };
        if !(1..=32).contains(&prefix) {
            return Err(NetworkError::Prefix);
        }
        if !is_host(address, prefix) {
            return Err(NetworkError::Address);
        }
        let reached =
            |gateway: Ipv4Addr| gateway != address && self.reaches(gateway) && is_host(gateway, prefix);
        if gateway.is_some_and(|gateway| !reached(gateway)) {
            return Err(NetworkError::Gateway);
        }
        Ok(())
    }

    /// Whether `other` is in the board's own network, as far as that is known.
    pub fn reaches(&self, other: Ipv4Addr) -> bool {
        match *self {
            Self::Dhcp => true,
            Self::Static { address, prefix, .. } => {
                let mask = mask(prefix);
                address.to_bits() & mask == other.to_bits() & mask
            }
        }
    }
}

/// The bits of an address that say its network.
fn mask(prefix: u8) -> u32 {
    !u32::MAX.checked_shr(prefix.into()).unwrap_or(0)
}

/// Whether a host can have this address; a network of two or one has no addresses of its own (RFC 3021).
fn is_host(address: Ipv4Addr, prefix: u8) -> bool {
    let (bits, mask) = (address.to_bits(), mask(prefix));
    let of_network = prefix < 31 && (bits & !mask == 0 || bits | mask == u32::MAX);
    !(of_network
        || address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || address.is_broadcast())
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prefix => "the length of the network's prefix is not from 1 to 32",
            Self::Address => "the address is no host's own",
            Self::Gateway => "the gateway is not another host of the board's own network",
        })
    }
}

impl core::error::Error for NetworkError {}
