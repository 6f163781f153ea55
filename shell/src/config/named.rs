//! Ranges that are names: `dns:sip.ai.example.com`. Which addresses they stand for is found while a node runs; here the
//! tables are made again with what was found.

use core::net::IpAddr;

use warmline_core::call::number;
use warmline_core::config::{Line, MediaPolicy, MediaRange, Span, Trunk, TrunkIndex, TrunkKind};
use warmline_core::filter::{Prefix, Range};
use warmline_core::transport::Transport;

use super::loaded::{Loaded, append};
use super::notation::Host;
use super::sources::Sources;

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
    /// Each trunk's, not cut where they overlap.
    pub(super) sources: Vec<Range>,
    /// Without the sets of trunks that speak from the same addresses.
    pub(super) callers: Vec<TrunkIndex>,
    pub(super) media: Vec<MediaRange>,
    pub(super) trunks: Vec<Trunk>,
}

/// Why the tables cannot be made with the addresses that were found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Another trunk has one of them.
    #[error("trunks \"{0}\" and \"{1}\" would speak from the same address, and nothing tells them apart")]
    Indistinct(String, String),
    /// There are more ranges, or sets of trunks that share some, than can be counted.
    #[error("all trunks together have more than 65535 ranges")]
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
    /// Has the sources that these are, where `fixed` has those without names. None where there are too many.
    fn set_sources(&mut self, fixed: &Fixed, sources: Sources) -> Option<()> {
        let mut callers = fixed.callers.clone();
        let sets = sources.shared.iter();
        let shared = sets.map(|set| append(&mut callers, set.iter().map(|&trunk| TrunkIndex(trunk))));
        self.shared = shared.collect::<Option<_>>()?;
        (self.sources, self.callers) = (sources.ranges, callers);
        Some(())
    }

    /// Takes these sources, and remembers its tables as they are without names, where there are names. None where there
    /// are more sets of trunks that share addresses than can be counted.
    pub(super) fn take_sources(&mut self, sources: Sources) -> Option<()> {
        let callers = core::mem::take(&mut self.callers);
        let fixed = Fixed {
            sources: sources.given.clone(),
            callers,
            media: self.media.clone(),
            trunks: self.trunks.clone(),
        };
        self.set_sources(&fixed, sources)?;
        if !self.named.is_empty() {
            self.fixed = fixed;
        }
        Some(())
    }

    /// Whether something tells these trunks apart, when they speak from the same address: as it is read from a file.
    fn tells_apart(&self, one: TrunkIndex, other: TrunkIndex) -> bool {
        let config = self.lend();
        let (Some(a), Some(b)) = (config.trunk(one), config.trunk(other)) else { return true };
        if a.certified || b.certified {
            return false;
        }
        if [a, b].iter().any(|trunk| trunk.kind == TrunkKind::Zendesk) {
            return true;
        }
        let user = |trunk: &Trunk| config.users(trunk).iter().map(|user| config.text(user.name));
        if user(a).any(|name| user(b).any(|other| other == name)) {
            return false;
        }
        if user(a).next().is_some() && user(b).next().is_some() {
            return true;
        }
        let country = config.text(config.node.country);
        let dialled = |trunk: TrunkIndex| {
            let lines = config.lines.iter().filter(move |line| config.callers(line).contains(&trunk));
            lines.flat_map(move |line: &Line| config.dials(line)).map(move |&dial: &Span| config.text(dial))
        };
        let same = |dial: &[u8], other: &[u8]| {
            dial == other || number(dial, country).is_some_and(|is| number(other, country) == Some(is))
        };
        !dialled(one).any(|dial| dialled(other).any(|other| same(dial, other)))
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
        let fixed = new.fixed.clone();
        let (mut sources, media, trunks) = (fixed.sources.clone(), &fixed.media, &fixed.trunks);
        let found = |named: &NamedRange| {
            let (ipv6, length) = (named.ipv6, if named.ipv6 { 128 } else { 32 });
            let prefix = move |&address: &IpAddr| Prefix { address, length };
            addresses(named).iter().filter(move |address| address.is_ipv6() == ipv6).map(prefix)
        };
        for named in self.named.iter().filter(|named| named.media.is_none()) {
            sources.extend(found(named).map(|prefix| Range::new(named.interface, prefix, named.trunk)));
        }
        let count = u16::try_from(trunks.len()).unwrap_or(u16::MAX);
        let sources = Sources::build(&sources, count).ok_or(Unusable::TooMany)?;
        for set in &sources.shared {
            for (place, &one) in set.iter().enumerate() {
                let apart = |other: &u16| self.tells_apart(TrunkIndex(one), TrunkIndex(*other));
                if let Some(&other) = set.iter().skip(place + 1).find(|other| !apart(other)) {
                    let name =
                        |trunk: u16| trunks.get(usize::from(trunk)).map(|trunk| self.text.get(trunk.name));
                    let name = |trunk| name(trunk).unwrap_or_default().to_owned();
                    return Err(Unusable::Indistinct(name(one), name(other)));
                }
            }
        }
        let mut table = Vec::new();
        for (number, trunk) in (0..).zip(trunks) {
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
        new.media = table;
        new.set_sources(&fixed, sources).ok_or(Unusable::TooMany)?;
        Ok(new)
    }
}
