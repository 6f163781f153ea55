//! The addresses of targets that are known by name.
//!
//! All calls to one target share one lookup. What it found serves for a while, and, when later ones fail, for longer.

use core::net::SocketAddr;

use warmline_core::Question;
use warmline_core::config::{Config, Target, TargetIndex};
use warmline_core::time::{Duration, Instant};
use warmline_core::transport::Transport;

use super::{Ask, Asks};

/// How long an answer serves without being asked for again.
const FRESH: Duration = Duration::from_secs(30);

/// How long an answer serves when no newer one can be had.
const USABLE: Duration = Duration::from_secs(3600);

/// How long a lookup may take: less than core waits for it.
const PATIENCE: core::time::Duration = core::time::Duration::from_millis(4500);

pub(super) struct Lookups {
    /// One for each target.
    known: Vec<Known>,
    asks: Asks,
}

#[derive(Default)]
struct Known {
    addresses: Vec<SocketAddr>,
    /// When they were found.
    found: Option<Instant>,
    /// Whether a lookup is under way.
    asking: bool,
    waiting: Vec<Question>,
}

impl Lookups {
    pub(super) fn new(targets: usize, asks: Asks) -> Self {
        Self { known: core::iter::repeat_with(Known::default).take(targets).collect(), asks }
    }

    /// Whether the target's addresses are known now. Where not, a lookup is under way and the question waits.
    pub(super) fn ask(&mut self, config: &Config<'_>, question: Question, now: Instant) -> bool {
        let target = question.target;
        let Some(known) = self.known.get_mut(usize::from(target.0)) else { return true };
        if known.found.is_some_and(|found| now.since(found) < FRESH) {
            return true;
        }
        known.waiting.push(question);
        if !core::mem::replace(&mut known.asking, true) {
            let asks = self.asks.clone();
            let place = config.target(target).and_then(|target| place(config, target));
            tokio::spawn(async move {
                let addresses = look_up(place).await;
                // The node may have ended.
                let _ = asks.send(Ask::Found { target, addresses });
            });
        }
        false
    }

    /// Takes what a lookup found; the questions that waited for it can be answered now.
    pub(super) fn found(
        &mut self,
        target: TargetIndex,
        addresses: Vec<SocketAddr>,
        now: Instant,
    ) -> Vec<Question> {
        let Some(known) = self.known.get_mut(usize::from(target.0)) else { return Vec::new() };
        known.asking = false;
        if !addresses.is_empty() {
            known.addresses = addresses;
            known.found = Some(now);
        } else if known.found.is_none_or(|found| now.since(found) >= USABLE) {
            known.addresses.clear();
        }
        core::mem::take(&mut known.waiting)
    }

    /// What is known of a target's addresses.
    pub(super) fn addresses(&self, target: TargetIndex) -> &[SocketAddr] {
        self.known.get(usize::from(target.0)).map_or(&[], |known| &known.addresses)
    }
}

/// The name and port to look up.
fn place(config: &Config<'_>, target: &Target) -> Option<(String, u16)> {
    let name = core::str::from_utf8(config.text(target.host)).ok()?.to_owned();
    let (listener, _) = config.listener(config.trunk(target.trunk)?.listener)?;
    let usual = if listener.transport == Transport::Tls { 5061 } else { 5060 };
    Some((name, target.port.unwrap_or(usual)))
}

async fn look_up(place: Option<(String, u16)>) -> Vec<SocketAddr> {
    let Some((name, port)) = place else { return Vec::new() };
    let found = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((name.as_str(), port))).await;
    match found {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => {
            tracing::warn!("cannot look up {name}: {error}");
            Vec::new()
        }
        Err(_) => {
            tracing::warn!("cannot look up {name}: no answer for {} s", PATIENCE.as_secs_f32());
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const TARGET: TargetIndex = TargetIndex(0);

    fn at(secs: u64) -> Instant {
        Instant::from_micros(secs * 1_000_000)
    }

    #[test]
    fn an_old_answer_serves_while_lookups_fail_but_not_for_ever() {
        let (queue, _asked) = std::sync::mpsc::channel();
        let asks = Asks { queue, bell: Arc::default() };
        let mut lookups = Lookups::new(1, asks);
        let address: SocketAddr = ([192, 0, 2, 1], 5060).into();
        lookups.found(TARGET, vec![address], at(1));
        lookups.found(TARGET, vec![], at(100));
        assert_eq!(lookups.addresses(TARGET), [address]);
        lookups.found(TARGET, vec![], at(3700));
        assert!(lookups.addresses(TARGET).is_empty());
    }
}
