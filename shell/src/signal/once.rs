//! Lookups for who only wants to know, and runs no node.

use std::collections::HashMap;
use std::io;

use tokio::runtime::Runtime;
use warmline_core::config::{Config, Target};
use warmline_core::locate::{Found, Place};

use super::resolver::{Answer, Resolver, Wanted};
use crate::config::Loaded;

/// Asks DNS as a node would.
pub(crate) struct Once {
    runtime: Runtime,
    resolver: Resolver,
}

impl Once {
    /// Asks the servers that the configuration names, or the system's.
    pub(crate) fn new(loaded: &Loaded) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let resolver = Resolver::new(loaded.dns_servers(), super::resolver::LEAST);
        Ok(Self { runtime, resolver })
    }

    /// The configuration with the addresses that its named ranges have now; what could not be looked up is said to
    /// `trouble`.
    pub(crate) fn with_ranges(&self, loaded: Loaded, trouble: &mut dyn FnMut(String)) -> Loaded {
        let mut known = HashMap::new();
        for named in loaded.named_ranges() {
            let wanted = Wanted::range(named);
            let found = self.look_up(&wanted).unwrap_or_else(|why| {
                trouble(format!("dns:{}: {why}", wanted.host));
                vec![]
            });
            known.insert(wanted, found.iter().map(|found| found.address.ip()).collect::<Vec<_>>());
        }
        match loaded.with_addresses(|named| known.get(&Wanted::range(named)).map_or(&[], Vec::as_slice)) {
            Ok(new) => new,
            Err(why) => {
                trouble(why.to_string());
                loaded
            }
        }
    }

    /// Where a target is.
    pub(crate) fn target(&self, config: &Config<'_>, target: &Target) -> Result<Vec<Found>, String> {
        let place = Place::of(config, target);
        place.and_then(|place| Wanted::of(&place)).map_or(Ok(vec![]), |wanted| self.look_up(&wanted))
    }

    fn look_up(&self, wanted: &Wanted) -> Result<Vec<Found>, String> {
        match self.runtime.block_on(self.resolver.look_up(wanted)) {
            Answer::Found(found, _) => Ok(found),
            Answer::Nothing(_) => Ok(vec![]),
            Answer::Failed(why, _) => Err(why),
        }
    }
}
