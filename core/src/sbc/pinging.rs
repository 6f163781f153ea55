//! Pinging: asking the addresses of trunks by OPTIONS (RFC 3261 section 11) whether they are there, before a call has to
//! find out.
//!
//! Each address of a trunk's targets is asked by itself, from its own place in storage. Which ones there are is looked up
//! in rounds, one target at a time. Any final response is a sign of life but 503, which says what it would say to an
//! INVITE. An address that has never answered tells nothing by its silence, since there are servers that ignore OPTIONS:
//! there calls alone tell. When there are more addresses than places, those beyond are not pinged.

use core::net::SocketAddr;

use crate::call::retry_after;
use crate::config::{Config, TargetIndex, TrunkIndex};
use crate::locate::{Found, MOST_FOUND, Place};
use crate::reason::Reason;
use crate::sip::{Message, Method, Writer};
use crate::time::{Duration, Instant};
use crate::transaction::{Answerer, Class, GIVE_UP, Heard, Machine};
use crate::transport::Path;

use super::addresses::Failing;
use super::calls::belongs;
use super::reconfigure::Renamed;
use super::registering::path;
use super::remote::Remote;
use super::replies::{contact, via};
use super::{About, Admitted, Cx, Event, Output, Question, Sbc};

/// How long the host may take to look a target up.
const LOOKUP: Duration = Duration::from_secs(10);

/// How long after a round of lookups the next one begins.
const ROUND: Duration = Duration::from_secs(30);

/// An address that so many rounds have not found any more is let go: DNS may tell some of a name's addresses now, and
/// others then.
const ROUNDS: u8 = 4;

/// How long a ping waits when there is no room for it now.
const SOON: Duration = Duration::from_secs(1);

/// An address that is pinged. A new one is all zero bits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ping {
    phase: Phase,
    health: Health,
    /// Whether its health is to be told.
    news: bool,
    /// The round that has found it last.
    round: u8,
    trunk: u16,
    /// One of its targets: the host it is asked by.
    target: u16,
    remote: Remote,
    /// The latest OPTIONS request's.
    branch: u64,
    /// When there is something to do.
    due: Instant,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// There is no address here.
    #[default]
    Vacant,
    /// It is asked when that is due.
    Idle,
    /// An OPTIONS request waits for its answer.
    Asking,
}

/// What the pings of an address tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Health {
    /// Nothing: it has answered none, or only calls since they were unanswered.
    #[default]
    Unknown,
    /// It answers.
    Up,
    /// It has answered, and does not any more.
    Silent,
    /// It answers 503.
    Refusing,
}

/// What can be seen of an address that is pinged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pinged {
    /// Its trunk.
    pub trunk: TrunkIndex,
    /// Where it is.
    pub address: SocketAddr,
    /// How it is.
    pub health: Health,
}

impl Ping {
    /// No address: all zero bits.
    pub const NEW: Self = Self {
        phase: Phase::Vacant,
        health: Health::Unknown,
        news: false,
        round: 0,
        trunk: 0,
        target: 0,
        remote: Remote::UNKNOWN,
        branch: 0,
        due: Instant::ZERO,
    };

    /// Where it is; none where there is none.
    fn remote(&self) -> Option<SocketAddr> {
        self.remote.get().filter(|_| self.phase != Phase::Vacant)
    }

    const fn trunk(&self) -> TrunkIndex {
        TrunkIndex(self.trunk)
    }

    /// Whether it is at this address, which this listener of ours reaches.
    fn is_at(&self, config: &Config<'_>, listener: u8, address: SocketAddr) -> bool {
        let ours = config.trunk(self.trunk()).map(|trunk| trunk.listener);
        self.remote() == Some(address) && ours == Some(listener)
    }

    /// Whether its pings say that it fails.
    const fn fails(&self) -> bool {
        matches!(self.health, Health::Silent | Health::Refusing)
    }

    /// Notes how it is now, to be told where that is another thing than before.
    fn is(&mut self, health: Health) -> Health {
        let before = core::mem::replace(&mut self.health, health);
        self.news |= before != health;
        before
    }
}

/// Where a round of lookups has come to.
#[derive(Debug)]
pub(super) struct Round {
    number: u8,
    /// The target that is looked up next, or now.
    target: u16,
    /// Whether the host was asked for it.
    asked: bool,
    due: Instant,
}

impl Round {
    /// The first one begins at once.
    pub(super) const FIRST: Self = Self { number: 0, target: 0, asked: false, due: Instant::ZERO };
}

impl Sbc<'_> {
    /// The addresses that are pinged, and how they are.
    pub fn pinged(&self) -> impl Iterator<Item = Pinged> + '_ {
        self.pings.iter().filter_map(|ping| {
            Some(Pinged { trunk: ping.trunk(), address: ping.remote()?, health: ping.health })
        })
    }

    /// Notes when there is something to do for the next ping: never while draining.
    pub(super) fn time_pings(&mut self, config: &Config<'_>) {
        let pinging = !self.draining && config.trunks.iter().any(|trunk| trunk.ping.is_some());
        let due = |ping: &Ping| if ping.news { Instant::ZERO } else { ping.due };
        let pings = self.pings.iter().filter(|ping| ping.phase != Phase::Vacant).map(due);
        self.pinging = pings.chain([self.round.due]).min().filter(|_| pinging);
    }

    /// Does what a ping that is due asks for; none when none is.
    pub(super) fn pings_due(&mut self, cx: &Cx<'_>, out: &mut [u8]) -> Option<Option<Output>> {
        self.pinging.filter(|&at| at <= cx.now)?;
        let output = match self.tell_health() {
            Some(event) => Some(Output::Event(event)),
            None => self.ping_due(cx, out),
        };
        self.time_pings(cx.config);
        Some(output)
    }

    /// What is to be told of an address.
    fn tell_health(&mut self) -> Option<Event> {
        let ping = self.pings.iter_mut().find(|ping| ping.phase != Phase::Vacant && ping.news)?;
        ping.news = false;
        let (trunk, address) = (ping.trunk(), ping.remote()?);
        Some(match ping.health {
            Health::Unknown | Health::Up => Event::Reachable { trunk, address },
            Health::Silent => Event::Unreachable { trunk, address, reason: Reason::PingUnanswered },
            Health::Refusing => Event::Unreachable { trunk, address, reason: Reason::PingRefused },
        })
    }

    fn ping_due(&mut self, cx: &Cx<'_>, out: &mut [u8]) -> Option<Output> {
        let due = |ping: &Ping| ping.phase != Phase::Vacant && ping.due <= cx.now;
        let Some(place) = self.pings.iter().position(due) else { return self.look_round(cx) };
        let ping = self.pings.get_mut(place)?;
        let every = pings(cx.config, ping.trunk());
        match (ping.phase, every) {
            (Phase::Vacant, _) => None,
            (_, None) => {
                self.stop_pinging(cx, place);
                None
            }
            (Phase::Asking, Some(every)) => {
                (ping.phase, ping.due) = (Phase::Idle, cx.now.after(every));
                if ping.health != Health::Unknown {
                    ping.is(Health::Silent);
                    self.counters.add(Reason::PingUnanswered);
                }
                None
            }
            (Phase::Idle, Some(every)) => {
                ping.due = cx.now.after(every);
                self.send_ping(cx, place, out)
            }
        }
    }

    /// Sends an OPTIONS request and starts its transaction. Whatever calls need comes first: it waits where half of the
    /// room for that is taken.
    fn send_ping(&mut self, cx: &Cx<'_>, place: usize, out: &mut [u8]) -> Option<Output> {
        let room =
            self.transactions.is_half_empty() && self.blocks.free_blocks() >= self.blocks.capacity() / 2;
        let (branch, call_id, tag) =
            (self.random.next_u64() | 1, self.random.next_u64(), self.random.next_u64());
        let ping = self.pings.get_mut(place)?;
        if !room {
            ping.due = cx.now.after(SOON);
            return None;
        }
        // A target that is gone may be another's name now: the round that is under way says so.
        let target = TargetIndex(ping.target);
        let asked = cx.config.target(target).and_then(|target| Place::of(cx.config, target))?;
        let to = path(cx.config, ping.trunk(), ping.remote()?)?;
        let (listener, interface) = cx.config.listener(to.listener)?;

        let mut w = Writer::new(out);
        server(w.bytes(b"OPTIONS "), &asked).bytes(b" SIP/2.0").end_line();
        via(&mut w, listener, interface, branch);
        w.header(b"Max-Forwards", b"70");
        w.name(b"From").bytes(b"<sip:").ip(interface.advertise).bytes(b">;tag=").hex(tag).end_line();
        server(w.name(b"To").bytes(b"<"), &asked).bytes(b">").end_line();
        w.name(b"Call-ID").hex(call_id).end_line();
        w.header(b"CSeq", b"1 OPTIONS");
        contact(&mut w, listener, interface);
        w.header(b"Accept", b"application/sdp");
        w.empty_body();
        let len = w.finish().ok()?;

        (ping.phase, ping.branch, ping.due) = (Phase::Asking, branch, cx.now.after(GIVE_UP));
        let (key, kept) = (self.client_key(branch, Method::Options), self.keep(out, len));
        // There was room.
        if let Err(Some(kept)) =
            self.transactions.request(cx.now, key, Machine::Client, to, None, target, kept)
        {
            self.blocks.free(kept);
        }
        self.addressee = Some(target);
        Some(Output::Transmit { to, len })
    }

    /// The trunk of which the OPTIONS request with this branch asks an address.
    pub(super) fn pinged_by(&self, branch: u64) -> Option<TrunkIndex> {
        let asked = |ping: &&Ping| (ping.phase, ping.branch) == (Phase::Asking, branch);
        self.pings.iter().find(asked).map(Ping::trunk)
    }

    /// A response to an OPTIONS request. Only who was asked is heard: its address is the one that is judged.
    pub(super) fn ping_answered(
        &mut self,
        cx: &Cx<'_>,
        from: &Admitted,
        message: &Message<'_>,
        branch: u64,
        status: u16,
    ) {
        let key = self.client_key(branch, Method::Options);
        let heard = self.transactions.hear(cx.now, key, status, Answerer::NOBODY, &mut self.blocks);
        if heard == Heard::Stray {
            return self.counters.add(Reason::StrayResponse);
        }
        let ip = from.path.remote.ip().to_canonical();
        let asked = |ping: &&mut Ping| {
            (ping.phase, ping.branch, ping.trunk()) == (Phase::Asking, branch, from.trunk)
                && ping.remote().is_some_and(|remote| remote.ip() == ip)
        };
        let every = pings(cx.config, from.trunk);
        let ping = self.pings.iter_mut().find(asked);
        let Some((ping, every)) = ping.zip(every).filter(|_| Class::of(status) != Class::Provisional) else {
            return;
        };
        let refuses = status == 503;
        // It asks for that long to be left alone (21.5.4).
        let wait = retry_after(message).filter(|_| refuses).unwrap_or_default();
        (ping.phase, ping.due) = (Phase::Idle, cx.now.after(wait.max(every)));
        let before = ping.is(if refuses { Health::Refusing } else { Health::Up });
        let remote = ping.remote();
        if refuses {
            self.counters.add(Reason::PingRefused);
        }
        let over = match before {
            Health::Silent => Some(Failing::Silent),
            Health::Refusing if !refuses => Some(Failing::Refusing),
            _ => None,
        };
        let path = remote.and_then(|remote| path(cx.config, from.trunk, remote));
        if let Some((path, over)) = path.zip(over) {
            self.has_recovered(path, over);
        }
        self.time_pings(cx.config);
    }

    /// Goes on with the round of lookups: one target at a time.
    fn look_round(&mut self, cx: &Cx<'_>) -> Option<Output> {
        if self.round.due > cx.now {
            return None;
        }
        if self.round.asked {
            // The host does not know, in time.
            self.look_on(cx);
        }
        let targets = (0u16..u16::MAX).zip(cx.config.targets).skip(usize::from(self.round.target));
        let mut pinged = targets.filter_map(|(index, target)| {
            pings(cx.config, target.trunk)?;
            Some((index, target.trunk, Place::of(cx.config, target)?))
        });
        let Some((index, trunk, place)) = pinged.next() else {
            self.end_round(cx);
            return None;
        };
        self.round.target = index;
        match place.literal() {
            Some(address) => {
                self.note_address(cx, trunk, index, address);
                self.look_on(cx);
                None
            }
            None => {
                (self.round.asked, self.round.due) = (true, cx.now.after(LOOKUP));
                Some(Output::Resolve(Question { about: About::Trunk(trunk), target: TargetIndex(index) }))
            }
        }
    }

    fn look_on(&mut self, cx: &Cx<'_>) {
        self.round.target = self.round.target.saturating_add(1);
        (self.round.asked, self.round.due) = (false, cx.now);
    }

    /// Lets go of the addresses that were not found for some rounds.
    fn end_round(&mut self, cx: &Cx<'_>) {
        let number = self.round.number;
        for place in 0..self.pings.len() {
            if self.pings.get(place).is_some_and(|ping| number.wrapping_sub(ping.round) >= ROUNDS) {
                self.stop_pinging(cx, place);
            }
        }
        self.round =
            Round { number: number.wrapping_add(1), target: 0, asked: false, due: cx.now.after(ROUND) };
    }

    /// An address is pinged no more.
    fn stop_pinging(&mut self, cx: &Cx<'_>, place: usize) {
        let Some(ping) = self.pings.get_mut(place) else { return };
        let Ping { phase, branch, .. } = core::mem::take(ping);
        if phase == Phase::Asking {
            let key = self.client_key(branch, Method::Options);
            self.transactions.abandon(cx.now, key, &mut self.blocks);
        }
    }

    /// What was found of a target's name.
    pub(super) fn pings_resolved(&mut self, cx: &Cx<'_>, target: TargetIndex, found: &[Found]) {
        if !self.round.asked || self.round.target != target.0 {
            return;
        }
        let trunk = cx.config.target(target).map(|target| target.trunk);
        let trunk = trunk.filter(|&trunk| pings(cx.config, trunk).is_some());
        for found in found.iter().take(MOST_FOUND) {
            if let Some(trunk) = trunk {
                self.note_address(cx, trunk, target.0, found.address);
            }
        }
        self.look_on(cx);
        self.time_pings(cx.config);
    }

    /// An address is one of its trunk's: it is pinged from now on, at a time of its own.
    fn note_address(&mut self, cx: &Cx<'_>, trunk: TrunkIndex, target: u16, address: SocketAddr) {
        let Some(every) = pings(cx.config, trunk) else { return };
        let (remote, round) = (Remote::from(address), self.round.number);
        if remote.get().is_none() || !belongs(cx.config, trunk, address.ip()) {
            return;
        }
        let known =
            |ping: &Ping| ping.phase != Phase::Vacant && (ping.trunk(), ping.remote) == (trunk, remote);
        if let Some(ping) = self.pings.iter_mut().find(|ping| known(ping)) {
            // The first of its targets names it.
            if ping.round != round {
                (ping.round, ping.target) = (round, target);
            }
            return;
        }
        let Some(place) = self.pings.iter_mut().find(|ping| ping.phase == Phase::Vacant) else { return };
        let wait = self.random.next_u64() % every.as_micros().max(1);
        let due = cx.now.after(Duration::from_micros(wait));
        *place = Ping { phase: Phase::Idle, trunk: trunk.0, target, round, remote, due, ..Ping::NEW };
    }

    /// Whether pings say that this address fails.
    pub(super) fn fails_pings(&self, cx: &Cx<'_>, listener: u8, address: SocketAddr) -> bool {
        self.pings.iter().any(|ping| ping.fails() && ping.is_at(cx.config, listener, address))
    }

    /// A call had no answer from an address: where it answers pings, it is asked at once.
    pub(super) fn ping_soon(&mut self, cx: &Cx<'_>, path: Path) {
        let answers = |ping: &&mut Ping| (ping.phase, ping.health) == (Phase::Idle, Health::Up);
        let pings = self.pings.iter_mut().filter(answers);
        for ping in pings.filter(|ping| ping.is_at(cx.config, path.listener, path.remote)) {
            ping.due = cx.now;
        }
        self.time_pings(cx.config);
    }

    /// An address has taken a call. Where its pings say that it fails they are wrong, or were right until now: calls
    /// alone tell until it answers another one.
    pub(super) fn takes_calls(&mut self, cx: &Cx<'_>, path: Path) {
        let pings = self.pings.iter_mut().filter(|ping| ping.fails());
        for ping in pings.filter(|ping| ping.is_at(cx.config, path.listener, path.remote)) {
            ping.is(Health::Unknown);
        }
        self.time_pings(cx.config);
    }

    /// A ping that its connection did not carry, and that is not sent again, has no answer.
    pub(super) fn pings_lost(&mut self, cx: &Cx<'_>) {
        for place in 0..self.pings.len() {
            let asking = self.pings.get(place).filter(|ping| ping.phase == Phase::Asking);
            let Some(key) = asking.map(|ping| self.client_key(ping.branch, Method::Options)) else {
                continue;
            };
            if let Some(ping) = self.pings.get_mut(place).filter(|_| !self.transactions.knows(key)) {
                ping.due = cx.now;
            }
        }
        self.time_pings(cx.config);
    }

    /// Goes on with another configuration. What is known of an address stays where its trunk does.
    pub(super) fn follow_pings(&mut self, cx: &Cx<'_>, renamed: &Renamed<'_>) {
        for place in 0..self.pings.len() {
            let Some(ping) = self.pings.get_mut(place) else { continue };
            let Some(remote) = ping.remote() else { continue };
            let trunk = renamed.trunk(ping.trunk()).filter(|&trunk| belongs(cx.config, trunk, remote.ip()));
            let Some((trunk, every)) = trunk.and_then(|trunk| Some((trunk, pings(cx.config, trunk)?))) else {
                self.stop_pinging(cx, place);
                continue;
            };
            (ping.trunk, ping.target) = (trunk.0, renamed.target(TargetIndex(ping.target)).0);
            if ping.phase == Phase::Idle {
                ping.due = ping.due.min(cx.now.after(every));
            }
        }
        // Another round begins: targets may have other names now.
        let number = self.round.number.wrapping_add(1);
        self.round = Round { number, target: 0, asked: false, due: cx.now };
        self.time_pings(cx.config);
    }
}

/// How often the addresses of a trunk are pinged; none where they are not.
fn pings(config: &Config<'_>, trunk: TrunkIndex) -> Option<Duration> {
    config.trunk(trunk)?.ping.map(|every| Duration::from_secs(every.get().into()))
}

/// Writes the URI of a target's server, without a user: it is the server that is asked, and not who is rung there.
fn server<'w, 'b>(w: &'w mut Writer<'b>, place: &Place<'_>) -> &'w mut Writer<'b> {
    w.bytes(b"sip:");
    match crate::ip::parse(place.host) {
        Some(ip) => w.ip(ip),
        None => w.bytes(place.host),
    };
    if let Some(port) = place.port {
        w.bytes(b":").number(port.into());
    }
    w
}
