//! Finding a target's servers (RFC 3263 section 4): what DNS is asked, and which of what it says is tried in which order.
//!
//! DNS itself is the host's business. It asks what [`Place`] says: nothing for an address or where there is no name, only
//! addresses where there is a port, and else NAPTR and SRV first. What it found, all of it, it hands to
//! [`Input::Resolved`](crate::Input::Resolved); each call then draws its own order.
//!
//! The transport is the trunk's, and not chosen by DNS: of NAPTR records only those for it count.

use core::net::{IpAddr, SocketAddr};

use heapless::Vec;

use crate::config::{Config, Target};
use crate::random::Random;
use crate::transport::Transport;

/// How many of a target's addresses are looked at, from the first on.
pub const MOST_FOUND: usize = u32::BITS as usize;

/// Where a target is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'c> {
    /// The host its URI names: a name, or an address as text.
    pub host: &'c [u8],
    /// The port its URI names.
    pub port: Option<u16>,
    /// What its trunk is reached by.
    pub transport: Transport,
    /// Whether it is reached from an interface that has an IPv6 address, rather than an IPv4 one.
    pub ipv6: bool,
}

/// One address of one of a target's servers. Servers with a lower priority come first; of those with the same, each has
/// a chance by its weight (RFC 2782). The addresses of one server are tried in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Found {
    /// Where.
    #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
    pub address: SocketAddr,
    /// The priority of its server's SRV record.
    pub priority: u16,
    /// The weight of its server's SRV record.
    pub weight: u16,
    /// A number of its server's own.
    pub server: u8,
}

/// A NAPTR record (RFC 3403 section 4.1), as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Naptr<'n> {
    /// Lower ones come first.
    pub order: u16,
    /// Of the same order, lower ones come first.
    pub preference: u16,
    /// What the replacement is: `s` where it is a name with SRV records.
    pub flags: &'n [u8],
    /// What is served there: `SIP+D2U`.
    pub services: &'n [u8],
    /// Where.
    pub replacement: &'n [u8],
}

impl<'c> Place<'c> {
    /// Where `target` is to be found; none where it cannot be: its trunk leads nowhere, or its host is an interface's
    /// name, as that of a telephone that registers there.
    pub fn of(config: &Config<'c>, target: &Target) -> Option<Self> {
        let host = config.text(target.host);
        let (listener, interface) = config.listener(config.trunk(target.trunk)?.listener)?;
        let registers = config.interfaces.iter().any(|i| config.text(i.name).eq_ignore_ascii_case(host));
        let ipv6 = interface.advertise.is_ipv6();
        (!registers).then_some(Self { host, port: target.port, transport: listener.transport, ipv6 })
    }

    /// The address, where it is one.
    pub fn literal(&self) -> Option<SocketAddr> {
        crate::ip::parse(self.host).map(|ip| self.at(ip))
    }

    /// An address of the host itself: at the port it names, or at its transport's own (section 4.2).
    pub fn at(&self, ip: IpAddr) -> SocketAddr {
        SocketAddr::new(ip, self.port.unwrap_or_else(|| self.transport.port()))
    }

    /// What precedes the host in the name whose SRV records say which servers it has; none where that is not asked,
    /// since it is an address or has a port (section 4.2).
    pub fn service(&self) -> Option<&'static str> {
        let asked = self.port.is_none() && self.literal().is_none();
        asked.then_some(match self.transport {
            Transport::Udp => "_sip._udp.",
            Transport::Tcp => "_sip._tcp.",
            Transport::Tls => "_sips._tcp.",
        })
    }

    /// The name whose SRV records say which servers the host has, by its NAPTR records: the best of those that lead to
    /// SRV records for this transport. None where none does: then it is the host's name behind [`Place::service`].
    pub fn choose<'n>(&self, records: impl Iterator<Item = Naptr<'n>>) -> Option<&'n [u8]> {
        let service: &[u8] = match self.transport {
            Transport::Udp => b"SIP+D2U",
            Transport::Tcp => b"SIP+D2T",
            Transport::Tls => b"SIPS+D2T",
        };
        records
            .filter(|record| record.flags.eq_ignore_ascii_case(b"s"))
            .filter(|record| record.services.eq_ignore_ascii_case(service))
            .min_by_key(|record| (record.order, record.preference))
            .map(|record| record.replacement)
    }
}

impl Found {
    /// An address of a host without SRV records.
    pub const fn at(address: SocketAddr) -> Self {
        Self { address, priority: 0, weight: 0, server: 0 }
    }

    /// How large a server's chance is beside others of its priority: as its weight, and never none (RFC 2782).
    fn chance(&self) -> u32 {
        (u32::from(self.weight) << 6) | 1
    }
}

/// The order in which addresses are tried. `random` is drawn from only where there is a choice.
pub(crate) fn in_order(found: &[Found], random: &mut Random) -> Vec<SocketAddr, MOST_FOUND> {
    let mut left = Left { found, taken: 0 };
    let mut ordered = Vec::new();
    while let Some(server) = left.next_server(random) {
        while let Some(address) = left.take_of(server, random) {
            if !ordered.contains(&address) {
                // There is room for all.
                let _ = ordered.push(address);
            }
        }
    }
    ordered
}

/// Addresses of which some are taken, a bit for each.
struct Left<'f> {
    found: &'f [Found],
    taken: u32,
}

impl<'f> Left<'f> {
    fn iter(&self) -> impl Iterator<Item = (u32, &'f Found)> + Clone + use<'f> {
        let taken = self.taken;
        (0..u32::BITS).zip(self.found).filter(move |(place, _)| taken.wrapping_shr(*place) & 1 == 0)
    }

    /// The priority and the number of the server that is tried next; none when nothing is left.
    fn next_server(&self, random: &mut Random) -> Option<(u16, u8)> {
        let priority = self.iter().map(|(_, found)| found.priority).min()?;
        let best = || self.iter().filter(move |(_, found)| found.priority == priority);
        // Each server counts once.
        let servers = || {
            best().filter(move |&(place, found)| {
                !best().any(|(before, other)| before < place && other.server == found.server)
            })
        };
        let all = servers().fold(0u32, |sum, (_, found)| sum.saturating_add(found.chance()));
        let mut drawn = if servers().nth(1).is_some() { below(random, all) } else { 0 };
        let mut chosen = None;
        for (_, found) in servers() {
            chosen = Some((priority, found.server));
            match drawn.checked_sub(found.chance()) {
                Some(rest) => drawn = rest,
                None => break,
            }
        }
        chosen
    }

    /// Takes one of a server's addresses; none when none is left.
    fn take_of(&mut self, server: (u16, u8), random: &mut Random) -> Option<SocketAddr> {
        let its = self.iter().filter(|(_, found)| (found.priority, found.server) == server);
        let drawn = below(random, u32::try_from(its.clone().count()).unwrap_or(1));
        let (place, found) = its.clone().nth(usize::try_from(drawn).unwrap_or(0))?;
        self.taken |= 1u32.wrapping_shl(place);
        Some(found.address)
    }
}

/// A random number below `end`; nothing is drawn where it can only be 0.
fn below(random: &mut Random, end: u32) -> u32 {
    if end <= 1 {
        return 0;
    }
    // Lemire's reduction: the bias is below 2^-9 at the largest sum of chances.
    u32::try_from((u64::from(random.next_u32()) * u64::from(end)) >> 32).unwrap_or(0)
}

#[cfg(test)]
mod tests;
