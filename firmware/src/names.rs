//! The addresses of targets that are known by name, by the IP stack's resolver, which asks for addresses alone.
//!
//! What was found serves for a while, and, when later lookups fail, for longer.

use core::cell::RefCell;
use core::net::{IpAddr, Ipv4Addr};

use embassy_net::dns::DnsQueryType;
use embassy_net::{IpAddress, Stack};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::channel::Channel;
use embassy_time::{Duration as Span, with_timeout};
use warmline_core::Question;
use warmline_core::config::Config;
use warmline_core::image::{MAX_TARGETS, MAX_TRUNKS};
use warmline_core::locate::{Found, Place};
use warmline_core::time::{Duration, Instant};

use crate::board::BOARD;
use crate::time::now;

/// How many names are asked for at once.
pub(crate) const AT_ONCE: usize = 2;

/// Most questions that wait: a call asks one at a time, and so does a registration, and whoever pings.
const QUESTIONS: usize = BOARD.calls + MAX_TRUNKS + 1;

/// How many addresses of a name are tried.
pub(crate) const ADDRESSES: usize = 4;

/// How long an answer serves without being asked for again.
const FRESH: Duration = Duration::from_secs(30);

/// How long an answer serves when no newer one can be had.
const USABLE: Duration = Duration::from_secs(3600);

/// How long a lookup may take: less than core waits for it.
const PATIENCE: Span = Span::from_millis(4500);

type Addresses = heapless::Vec<Ipv4Addr, ADDRESSES>;

/// What is asked, answered and remembered.
pub(crate) struct Names {
    // One for each task that answers, as a channel remembers one to wake.
    asked: [Channel<NoopRawMutex, Question, QUESTIONS>; AT_ONCE],
    answered: Channel<NoopRawMutex, Question, QUESTIONS>,
    known: RefCell<[Known; MAX_TARGETS]>,
}

#[derive(Clone)]
struct Known {
    addresses: Addresses,
    found: Option<Instant>,
}

impl Names {
    /// Nothing is known yet: all zero bits.
    pub(crate) const fn new() -> Self {
        const NOTHING: Known = Known { addresses: heapless::Vec::new(), found: None };
        Self {
            asked: [const { Channel::new() }; _],
            answered: Channel::new(),
            known: RefCell::new([NOTHING; MAX_TARGETS]),
        }
    }

    /// Asks for a target's addresses.
    pub(crate) fn ask(&self, question: Question) {
        let asked = &self.asked[question.target.0 as usize % AT_ONCE];
        if asked.try_send(question).is_err() {
            defmt::error!("more questions than there may be");
        }
    }

    /// The next question that can be answered.
    pub(crate) async fn answered(&self) -> Question {
        self.answered.receive().await
    }

    /// A target's addresses, as far as they are known.
    pub(crate) fn of(&self, config: &Config<'_>, question: Question) -> heapless::Vec<Found, ADDRESSES> {
        let place = config.target(question.target).and_then(|target| Place::of(config, target));
        let known = self.known.borrow();
        let known = known.get(usize::from(question.target.0)).map(|known| known.addresses.as_slice());
        let found = |&ip: &Ipv4Addr| Some(Found::at(place?.at(ip.into())));
        known.unwrap_or_default().iter().filter_map(found).collect()
    }

    fn is_fresh(&self, question: Question) -> bool {
        let known = self.known.borrow();
        let known = known.get(usize::from(question.target.0)).and_then(|known| known.found);
        known.is_some_and(|found| now().since(found) < FRESH)
    }

    fn found(&self, question: Question, addresses: Addresses) {
        let mut known = self.known.borrow_mut();
        let Some(known) = known.get_mut(usize::from(question.target.0)) else { return };
        if !addresses.is_empty() {
            *known = Known { addresses, found: Some(now()) };
        } else if known.found.is_none_or(|found| now().since(found) >= USABLE) {
            known.addresses.clear();
        }
    }
}

/// Answers the questions of channel `number`, one after the other.
#[embassy_executor::task(pool_size = AT_ONCE)]
pub(crate) async fn resolve(
    number: usize,
    names: &'static Names,
    stack: Stack<'static>,
    config: &'static Config<'static>,
) {
    loop {
        let question = names.asked[number].receive().await;
        if !names.is_fresh(question) {
            let host = config.target(question.target).map(|target| config.text(target.host));
            let found = look_up(stack, host.unwrap_or_default()).await;
            names.found(question, found);
        }
        names.answered.send(question).await;
    }
}

async fn look_up(stack: Stack<'static>, host: &[u8]) -> Addresses {
    if let Some(IpAddr::V4(address)) = warmline_core::ip::parse(host) {
        return Addresses::from_iter([address]);
    }
    let name = core::str::from_utf8(host).unwrap_or_default();
    match with_timeout(PATIENCE, stack.dns_query(name, DnsQueryType::A)).await {
        Ok(Ok(found)) => found.iter().map(|&IpAddress::Ipv4(address)| address).take(ADDRESSES).collect(),
        Ok(Err(error)) => {
            defmt::warn!("cannot look up {=str}: {}", name, error);
            Addresses::new()
        }
        Err(_) => {
            defmt::warn!("cannot look up {=str}: no answer for {} ms", name, PATIENCE.as_millis());
            Addresses::new()
        }
    }
}
