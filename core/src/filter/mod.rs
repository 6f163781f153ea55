//! Who may speak, and how often.

use core::net::IpAddr;

/// An address prefix, such as `192.0.2.0/28`. To be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// Any address in it.
    pub address: IpAddr,
    /// How many leading bits count.
    pub length: u8,
}

/// To be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The interface.
    pub scope: u8,
    /// First address; IPv4 is mapped into IPv6.
    pub first: u128,
    /// Last address, included.
    pub last: u128,
    /// What it stands for.
    pub value: u16,
}

/// To be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Events per second.
    pub per_second: u32,
    /// How many at once.
    pub burst: u32,
}
