//! Ranges that are names: `dns:sip.ai.example.com`. Which addresses they stand for is found while a node runs; here the
//! tables are made again with what was found.

use core::net::IpAddr;

use warmline_core::config::{MediaPolicy, MediaRange, Trunk};
use warmline_core::filter::{Overlap, Prefix, Range, build};
use warmline_core::transport::Transport;

use super::loaded::{Loaded, append};
use super::notation::Host;

/// How it is written.
const PREFIX: &str = "dns:";

/// A name that stands for addresses of a trunk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NamedRange {
    /// The trunk's number.
    pub trunk: u16,
    /// The trunk's interface.
    pub interface: u8,
    /// The name.
    pub name: String,
    /// What is reached there; it says which SRV records are asked for.
    pub transport: Transport,
    /// Whether its addresses are IPv6 ones rather than IPv4 ones.
    pub ipv6: bool,
    /// Where media comes from there: first and last port. None where signalling does.
    pub media: Option<(u16, u16)>,
}

/// The tables as they are without names.
#[derive(Clone, Debug, Default)]
pub(super) struct Fixed {
    pub(super) sources: Vec<Range>,
    pub(super) media: Vec<MediaRange>,
    pub(super) trunks: Vec<Trunk>,
}

/// Why the tables cannot be made with the addresses that were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Another trunk has one of them.
    #[error("{0}, and are of two trunks")]
    Overlap(Overlap),
    /// There are more media ranges than can be counted.
    #[error("all trunks together have more than 65535 media ranges")]
    TooMany,
}

/// The name after `dns:`; none where a range is none.
pub(super) fn name(text: &str) -> Option<Result<&str, String>> {
    let name = text.strip_prefix(PREFIX)?;
    let shown = text.escape_debug();
    Some(match Host::read(name) {
        Some(Host::Name) => Ok(name),
        _ => Err(format!("\"{shown}\" names no host; write it like \"dns:sip.example.com\"")),
    })
}

impl Loaded {
    /// Remembers its tables as they are without names, where there are names.
    pub(super) fn remember_fixed(mut self) -> Self {
        if !self.named.is_empty() {
            let (sources, media, trunks) = (self.sources.clone(), self.media.clone(), self.trunks.clone());
            self.fixed = Fixed { sources, media, trunks };
        }
        self
    }

    /// The names among its trunks' ranges.
    pub fn named_ranges(&self) -> &[NamedRange] {
        &self.named
    }

    /// The same configuration, in which its named ranges stand for these addresses.
    ///
    /// # Errors
    /// An address is another trunk's already, or the tables have no room for all of them.
    pub fn with_addresses<'f>(
        &self,
        addresses: impl Fn(&NamedRange) -> &'f [IpAddr],
    ) -> Result<Self, Unusable> {
        let mut new = self.clone();
        if self.named.is_empty() {
            return Ok(new);
        }
        let Fixed { mut sources, media, trunks } = new.fixed.clone();
        let found = |named: &NamedRange| {
            let (ipv6, length) = (named.ipv6, if named.ipv6 { 128 } else { 32 });
            let prefix = move |&address: &IpAddr| Prefix { address, length };
            addresses(named).iter().filter(move |address| address.is_ipv6() == ipv6).map(prefix)
        };
        for named in self.named.iter().filter(|named| named.media.is_none()) {
            sources.extend(found(named).map(|prefix| Range::new(named.interface, prefix, named.trunk)));
        }
        let len = build(&mut sources).map_err(Unusable::Overlap)?;
        sources.truncate(len);
        let mut table = Vec::new();
        for (number, trunk) in (0..).zip(&trunks) {
            let MediaPolicy::Ranges(list) = trunk.media else { continue };
            let fixed = media.iter().skip(list.start.into()).take(list.len.into()).copied();
            let its = self.named.iter().filter(|named| named.trunk == number);
            let named = its.filter_map(|named| Some((named, named.media?)));
            let named =
                named.flat_map(|(named, ports)| found(named).map(move |prefix| MediaRange { prefix, ports }));
            let list = append(&mut table, fixed.chain(named)).ok_or(Unusable::TooMany)?;
            if let Some(trunk) = new.trunks.get_mut(usize::from(number)) {
                trunk.media = MediaPolicy::Ranges(list);
            }
        }
        (new.sources, new.media) = (sources, table);
        Ok(new)
    }
}
