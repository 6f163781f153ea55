//! What names lead to: those of targets, and those among trunks' ranges.
//!
//! Each name has a task that looks it up when the node starts and again whenever what was found is old, so that a call
//! rarely waits. What was found serves until there is something newer, and for an hour beyond its time while DNS is
//! down. That DNS knows of no address is an answer like any other.

use core::net::IpAddr;
use core::time::Duration as Span;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::{Notify, Semaphore};
use tokio::task::AbortHandle;
use warmline_core::Question;
use warmline_core::config::TargetIndex;
use warmline_core::locate::{Found, Place};
use warmline_core::time::{Duration, Instant};

use super::ranges::Ranges;
use super::resolver::{Answer, Resolver, Wanted};
use super::{Ask, Asks};
use crate::config::Loaded;

/// How long an answer serves beyond its time when no newer one can be had.
const STALE: Duration = Duration::from_secs(3600);

/// How many lookups are under way at once. The others wait.
const AT_ONCE: usize = 8;

/// How long after a lookup that failed the next one follows: the first time, and at most.
const AGAIN: (Span, Span) = (Span::from_secs(2), Span::from_secs(30));

pub(super) struct Lookups {
    resolver: Resolver,
    permits: Arc<Semaphore>,
    asks: Asks,
    names: HashMap<Arc<Wanted>, Name>,
    /// What is looked up for each target; nothing for those at an address.
    targets: Vec<Option<Arc<Wanted>>>,
    ranges: Ranges,
}

struct Name {
    state: State,
    found: Vec<Found>,
    /// Until when they serve.
    until: Instant,
    waiting: Vec<Question>,
    /// Has it looked up at once.
    wake: Arc<Notify>,
    task: AbortHandle,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was heard yet.
    Asking,
    Found,
    /// DNS says that there is none.
    Nothing,
    Failed,
}

impl Name {
    fn serves(&self, now: Instant) -> bool {
        !self.found.is_empty() && now < self.until
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Lookups {
    /// Nothing is looked up before [`Lookups::follow`]; what is found is said by `asks`.
    pub(super) fn new(resolver: Resolver, asks: Asks) -> Self {
        Self {
            resolver,
            permits: Arc::new(Semaphore::new(AT_ONCE)),
            asks,
            names: HashMap::new(),
            targets: Vec::new(),
            ranges: Ranges::default(),
        }
    }

    /// Looks up from now on what this configuration names, and nothing else; what is known already is kept. Gives the
    /// configuration with the addresses that are known of its named ranges. Called inside the runtime.
    pub(super) fn follow(&mut self, loaded: Loaded) -> Loaded {
        let config = loaded.lend();
        let target = |target| Wanted::of(&Place::of(&config, target)?).map(Arc::new);
        self.targets = config.targets.iter().map(target).collect();
        let ranges = loaded.named_ranges().iter().map(|named| Arc::new(Wanted::range(named)));
        let wanted: HashSet<_> = self.targets.iter().flatten().cloned().chain(ranges).collect();
        self.names.retain(|name, _| wanted.contains(name));
        self.ranges.retain(|name| wanted.contains(name));
        for wanted in wanted {
            if !self.names.contains_key(&wanted) {
                let name = self.start(Arc::clone(&wanted));
                self.names.insert(wanted, name);
            }
        }
        self.ranges.apply(loaded)
    }

    fn start(&self, wanted: Arc<Wanted>) -> Name {
        let wake = Arc::new(Notify::new());
        let (resolver, permits, asks) = (self.resolver.clone(), Arc::clone(&self.permits), self.asks.clone());
        let task = tokio::spawn(keep(wanted, resolver, permits, asks, Arc::clone(&wake))).abort_handle();
        Name { state: State::Asking, found: vec![], until: Instant::ZERO, waiting: vec![], wake, task }
    }

    /// Whether something is known of the target's addresses now. Where not, a lookup is under way and the question
    /// waits.
    pub(super) fn ask(&mut self, question: Question, now: Instant) -> bool {
        let wanted = self.targets.get(usize::from(question.target.0)).and_then(Option::as_ref);
        let Some(name) = wanted.and_then(|wanted| self.names.get_mut(wanted)) else { return true };
        if name.serves(now) || name.state == State::Nothing {
            return true;
        }
        if name.state != State::Asking {
            name.state = State::Asking;
            name.wake.notify_one();
        }
        name.waiting.push(question);
        false
    }

    /// Takes what a lookup found; the questions that waited for it can be answered now. Where it changes the ranges of
    /// trunks, `loaded` with the new ones.
    pub(super) fn found(
        &mut self,
        loaded: &Loaded,
        wanted: &Arc<Wanted>,
        answer: Answer,
        now: Instant,
    ) -> (Vec<Question>, Option<Loaded>) {
        let Some(name) = self.names.get_mut(wanted) else { return Default::default() };
        let (before, host) = (name.state, &wanted.host);
        let changed = match &answer {
            Answer::Found(found, _) => self.ranges.found(loaded, wanted, found, now),
            _ => None,
        };
        match answer {
            Answer::Found(found, rest) => {
                if matches!(before, State::Failed | State::Nothing) {
                    tracing::info!("{host} is looked up again: {} addresses", found.len());
                }
                let rest = Duration::from_micros(u64::try_from(rest.as_micros()).unwrap_or(u64::MAX));
                (name.state, name.found, name.until) = (State::Found, found, now.after(rest).after(STALE));
            }
            Answer::Nothing(_) => {
                if before != State::Nothing {
                    tracing::warn!("{host}: DNS has no address for it{}", self.ranges.kept(wanted));
                }
                (name.state, name.found) = (State::Nothing, Vec::new());
            }
            Answer::Failed(why, found) => {
                let stale = name.serves(now);
                if before != State::Failed {
                    let serve = if stale { "; the addresses found last serve for up to an hour" } else { "" };
                    tracing::warn!("cannot look up {host}: {why}{serve}{}", self.ranges.kept(wanted));
                }
                if !stale {
                    (name.found, name.until) = (found, now.after(STALE));
                }
                name.state = State::Failed;
            }
        }
        (core::mem::take(&mut name.waiting), changed)
    }

    /// What is known of a target's addresses.
    pub(super) fn addresses(&self, target: TargetIndex, now: Instant) -> &[Found] {
        let wanted = self.targets.get(usize::from(target.0)).and_then(Option::as_ref);
        let name = wanted.and_then(|wanted| self.names.get(wanted)).filter(|name| name.serves(now));
        name.map_or(&[], |name| &name.found)
    }
}

/// Looks a name up for as long as there is somebody to tell.
async fn keep(
    wanted: Arc<Wanted>,
    resolver: Resolver,
    permits: Arc<Semaphore>,
    asks: Asks,
    wake: Arc<Notify>,
) {
    let mut again = AGAIN.0;
    loop {
        let answer = {
            let Ok(_permit) = permits.acquire().await else { return };
            resolver.look_up(&wanted).await
        };
        let rest = match &answer {
            Answer::Found(_, rest) | Answer::Nothing(rest) => {
                again = AGAIN.0;
                *rest
            }
            Answer::Failed(..) => {
                let rest = again;
                again = (again * 2).min(AGAIN.1);
                rest
            }
        };
        if !asks.send(Ask::Found { wanted: Arc::clone(&wanted), answer }) {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = wake.notified() => {}
        }
    }
}

/// Whether an address can be a host's own.
pub(super) fn is_a_hosts(address: IpAddr) -> bool {
    !address.is_unspecified() && !address.is_multicast() && address != IpAddr::from([255; 4])
}
