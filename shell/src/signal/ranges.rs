//! The addresses that the names among trunks' ranges stand for (`dns:sip.example.com`).
//!
//! A lookup that fails changes nothing. An address that its name has left is its trunk's for ten minutes longer, since
//! many names lead to a few of many addresses at a time.

use core::net::IpAddr;
use std::collections::HashMap;
use std::sync::Arc;

use warmline_core::locate::Found;
use warmline_core::time::{Duration, Instant};

use super::lookups::is_a_hosts;
use super::resolver::{Wanted, What};
use crate::config::{Loaded, NamedRange, Unusable};

/// How long an address is a trunk's when its name has left it.
const LINGER: Duration = Duration::from_secs(600);

/// How many addresses one name may stand for.
const MOST: usize = 64;

/// What is known of each name.
#[derive(Default)]
pub(super) struct Ranges(HashMap<Arc<Wanted>, Addresses>);

/// In order, and when each was found last.
#[derive(Clone, Default)]
struct Addresses {
    addresses: Vec<IpAddr>,
    found: Vec<Instant>,
}

impl Wanted {
    /// What is looked up for a name among ranges.
    pub(super) fn range(named: &NamedRange) -> Self {
        Self {
            host: named.name.clone(),
            port: None,
            transport: named.transport,
            ipv6: named.ipv6,
            what: if named.media.is_some() { What::Addresses } else { What::Everything },
        }
    }
}

impl Ranges {
    /// Forgets names that are not wanted.
    pub(super) fn retain(&mut self, wanted: impl Fn(&Arc<Wanted>) -> bool) {
        self.0.retain(|name, _| wanted(name));
    }

    /// The configuration with all that is known.
    pub(super) fn apply(&self, loaded: Loaded) -> Loaded {
        match self.tables(&loaded) {
            Ok(new) => new,
            Err(why) => {
                tracing::warn!("ranges that are names have no addresses for now: {why}");
                loaded
            }
        }
    }

    /// Takes what was found for a name. The configuration with it, where that makes a difference and can be.
    pub(super) fn found(
        &mut self,
        loaded: &Loaded,
        wanted: &Arc<Wanted>,
        found: &[Found],
        now: Instant,
    ) -> Option<Loaded> {
        if wanted.what == What::Servers {
            return None;
        }
        let before = self.0.get(wanted).cloned().unwrap_or_default();
        let addresses = before.with(found, now);
        if addresses.addresses == before.addresses {
            self.0.insert(Arc::clone(wanted), addresses);
            return None;
        }
        let said: Vec<_> = addresses.addresses.iter().map(ToString::to_string).collect();
        let said = said.join(", ");
        self.0.insert(Arc::clone(wanted), addresses);
        match self.tables(loaded) {
            Ok(new) => {
                tracing::info!("dns:{} is {said}", wanted.host);
                Some(new)
            }
            Err(why) => {
                tracing::warn!("dns:{} is {said}, but is left as it was: {why}", wanted.host);
                self.0.insert(Arc::clone(wanted), before);
                None
            }
        }
    }

    /// What is to be said of this name when it cannot be looked up.
    pub(super) fn kept(&self, wanted: &Arc<Wanted>) -> &'static str {
        match (wanted.what, self.0.get(wanted).is_some_and(|known| !known.addresses.is_empty())) {
            (What::Servers, _) => "",
            (_, true) => "; its trunk's ranges stay as they are",
            (_, false) => "; its trunk is not known by it yet",
        }
    }

    fn tables(&self, loaded: &Loaded) -> Result<Loaded, Unusable> {
        loaded.with_addresses(|named| {
            self.0.get(&Wanted::range(named)).map_or(&[], |known| known.addresses.as_slice())
        })
    }
}

impl Addresses {
    /// With these, which were found now, and without those that were not for too long.
    fn with(&self, found: &[Found], now: Instant) -> Self {
        let known = self.addresses.iter().copied().zip(self.found.iter().copied());
        let known = known.filter(|&(_, found)| now.since(found) < LINGER);
        let found = found.iter().map(|found| (found.address.ip(), now));
        let mut all: Vec<_> = found.filter(|&(ip, _)| is_a_hosts(ip)).chain(known).collect();
        // Of two of one address the later one is first.
        all.sort_by_key(|&(ip, found)| (core::cmp::Reverse(found), ip));
        let mut addresses = Self::default();
        for (ip, found) in all {
            if addresses.addresses.len() < MOST && !addresses.addresses.contains(&ip) {
                addresses.addresses.push(ip);
                addresses.found.push(found);
            }
        }
        let mut sorted: Vec<_> = addresses.addresses.into_iter().zip(addresses.found).collect();
        sorted.sort();
        let (addresses, found) = sorted.into_iter().unzip();
        Self { addresses, found }
    }
}
