//! The facade: messages, media reports and commands in; messages, media controls and events out.
//!
//! After every way in ([`Sbc::handle`]) the way out ([`Sbc::poll`]) is drained until it says [`Output::Wait`]. What
//! has to leave is not queued but waits as bits on its call or leg; only a reply that is made from the message at
//! hand, and the refusal it tells of, are kept apart, and last until the next way in.

mod addresses;
mod announced;
mod attended;
mod authentication;
mod calls;
mod dialogs;
mod extensions;
mod flush;
mod forks;
mod handover;
mod identity;
mod info;
mod legs;
mod lines;
mod loops;
mod music;
mod notify;
mod pinging;
mod places;
mod proof;
mod reconfigure;
mod recording;
mod registering;
mod registrar;
mod reliable;
mod remote;
mod replaces;
mod replies;
mod requests;
mod responses;
mod restore;
mod saved;
mod security;
mod sessions;
mod sources;
mod speakers;
mod storage;
mod streams;
#[cfg(test)]
mod tests;
mod together;
mod traffic;
mod transfer;
mod unanswered;
mod whisper;

use core::net::SocketAddr;
use core::num::NonZeroU64;

use crate::call::{Call, CallId, Leg, LegId, View};
use crate::config::{Config, TargetIndex, TrunkIndex};
use crate::digest::Verifier;
use crate::filter::{self, Limiter};
use crate::locate::Found;
use crate::memory::{Blocks, Index, Key, Pool, Ports, Timers};
use crate::random::Random;
use crate::reason::{Counters, Reason};
use crate::relay;
use crate::rtp::Digit;
use crate::time::{Duration, Instant, Utc};
use crate::transaction::Transactions;
use crate::transport::Path;

pub use announced::{Announced, Announcement, Invitation};
pub use handover::HandOver;
pub use pinging::{Health, Ping, Pinged};
pub use registering::{Registered, Registration};
pub use registrar::Binding;
pub use restore::RestoreError;
pub use storage::{Sizes, Storage};
pub use traffic::TrunkState;

/// What is lent for each call into core.
#[derive(Clone, Copy, Debug)]
pub struct Cx<'c> {
    /// The monotonic clock.
    pub now: Instant,
    /// The civil clock, where there is one.
    pub utc: Option<Utc>,
    /// The configuration.
    pub config: &'c Config<'c>,
}

/// A source that may speak: what [`Sbc::admit`] gives for a message's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    path: Path,
    /// What its address stands for in [`Config::sources`].
    source: u16,
    /// Of the trunks that speak from there, as far as is known.
    trunk: TrunkIndex,
    /// It is in no trunk's ranges any more, and may only go on with calls that it has.
    in_calls_only: bool,
}

/// A target's addresses that the host is asked for: what it has to look up is [`Place::of`](crate::locate::Place::of)
/// the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Who wants to know.
    pub about: About,
    /// The target.
    pub target: TargetIndex,
}

/// Who wants to know where a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A call that rings it.
    Call(CallId),
    /// A trunk, of itself.
    Trunk(TrunkIndex),
}

/// What the host is told to do by whoever runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// No new calls are taken any more.
    Drain,
    /// This call is ended.
    HangUp(CallId),
    /// Every call is ended.
    HangUpAll,
    /// What a call's [`Event::Ticket`] asked for.
    Ticket {
        /// The call.
        call: CallId,
        /// Its ticket; none where none can be made in time.
        ticket: Option<NonZeroU64>,
    },
}

/// One way in.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is no heap to box it in")]
pub enum Input<'a> {
    /// One message: a datagram, or what a [`Framer`](crate::sip::Framer) cut out of a stream.
    Message(Admitted, &'a [u8]),
    /// The addresses found for a question, in any order; none when there are none. Up to 4 of them are tried in turn.
    Resolved(Question, &'a [Found]),
    /// A connection that had taken what was sent over this path is gone, or could not be opened: the same path as
    /// in [`Output::Transmit`], once for each.
    Lost(Path),
    /// What a relay reports.
    Media(relay::Report),
    /// What an operator wants.
    Command(Command),
}

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A request was refused outside any call.
    Refused {
        /// Who sent it.
        from: Path,
        /// Its trunk.
        trunk: TrunkIndex,
        /// Why.
        reason: Reason,
        /// What it asked for.
        asked: Excerpt,
    },
    /// A trunk's registrar knows where we are.
    Registered {
        /// The trunk.
        trunk: TrunkIndex,
    },
    /// An attempt to register has failed, and is repeated later; or the registration was given back.
    Unregistered {
        /// The trunk.
        trunk: TrunkIndex,
        /// Why.
        reason: Reason,
    },
    /// An address of a trunk's answers pings, for the first time or again, or has taken a call where it did not.
    Reachable {
        /// The trunk.
        trunk: TrunkIndex,
        /// The address.
        address: SocketAddr,
    },
    /// An address of a trunk's does not answer pings any more, or answers that it takes no calls: it is tried last.
    Unreachable {
        /// The trunk.
        trunk: TrunkIndex,
        /// The address.
        address: SocketAddr,
        /// Why.
        reason: Reason,
    },
    /// A caller's INVITE was taken.
    Started(CallId),
    /// A call's line wants a ticket for it, and it brings none: the host makes one and says so with [`Command::Ticket`]. The
    /// call waits for that as long as the line's budget lasts, and then goes on without.
    Ticket(CallId),
    /// A call has gone on: it was handed over, somebody is rung, or its outcome is another. [`View`] says how far it has come;
    /// what followed at once is said with it.
    Course(CallId),
    /// A target answered.
    Answered(CallId),
    /// A leg's audio comes from elsewhere than its description says, and is taken and answered there from here on.
    Learned {
        /// The call.
        call: CallId,
        /// The leg's trunk.
        trunk: TrunkIndex,
        /// Where its description says it comes from.
        named: SocketAddr,
        /// Where it comes from.
        from: SocketAddr,
    },
    /// Audio for a leg comes from elsewhere than its description says, and is dropped. Said once of each leg.
    Elsewhere {
        /// The call.
        call: CallId,
        /// The leg's trunk.
        trunk: TrunkIndex,
        /// Where its description says it comes from.
        named: SocketAddr,
        /// Where it comes from.
        from: SocketAddr,
    },
    /// What comes from a leg's peer for its audio is not authentic by SRTP, and is dropped: it has another key or suite
    /// than was agreed on, or is not protected at all. Said once for each key.
    NotAuthentic {
        /// The call.
        call: CallId,
        /// The leg's trunk.
        trunk: TrunkIndex,
        /// Where its description says it comes from.
        named: SocketAddr,
    },
    /// What a restart would need of an answered call has changed: [`Sbc::save`] writes its record, which takes the
    /// place of the one before. The last time when the call begins to end.
    Settled(CallId),
    /// A leg of a call waits to be answered. What would end it after a restart is [`Sbc::save_unanswered`]; it may be
    /// less when the call has settled.
    Unanswered(CallId),
    /// Who is at one side of a call's stream has pressed a key and let it go; the call may not have been answered yet. May
    /// be left out, counted, when there are too many at once.
    Digit {
        /// The call.
        call: CallId,
        /// The side: A faces the caller.
        side: relay::Side,
        /// Which key.
        digit: Digit,
        /// For how long.
        duration: Duration,
    },
    /// A call has ended, and its last BYE is done; this is the last that is heard of it. When it ended is
    /// [`View::ended`](crate::call::View::ended). Its record is of no use any more.
    Ended(CallId),
}

/// The beginning of a Request-URI, for a person to read: bytes that do not print are `?`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Excerpt {
    bytes: [u8; 64],
    len: u8,
}

/// One way out, in the order in which they must happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The first `len` bytes of the buffer go to `to`.
    Transmit {
        /// Where.
        to: Path,
        /// How many bytes.
        len: usize,
    },
    /// A relay is told something.
    Media {
        /// Which one.
        worker: u8,
        /// What.
        control: relay::Control,
    },
    /// The host looks up a target's address and answers with [`Input::Resolved`].
    Resolve(Question),
    /// Something happened; [`Sbc::call`] tells what it is about until the next [`Sbc::poll`].
    Event(Event),
    /// Nothing more until the next way in, or until then.
    Wait(Option<Instant>),
}

/// The session border controller's signalling.
pub struct Sbc<'s> {
    calls: Pool<'s, Call>,
    legs: Pool<'s, Leg>,
    /// Finds legs by their local tag, and callers' legs also by what a merged request shares (8.2.2.2).
    dialogs: Index<'s>,
    /// One timer for each call, then one for each leg.
    clock: Timers<'s>,
    transactions: Transactions<'s>,
    blocks: Blocks<'s>,
    ports: Ports<'s>,
    trunks: &'s mut [TrunkState],
    reply: &'s mut [u8],
    /// Where the bytes in `reply` go, and how many they are.
    replying: Option<(Path, usize)>,
    /// What happened outside any call, or has no place in one.
    event: Option<Event>,
    pressed: Option<info::Press>,
    /// Calls with something to send: the first and the last of the queue.
    waiting: Option<(CallId, CallId)>,
    random: Random,
    key: Key,
    new_calls: Limiter,
    draining: bool,
    /// When the next registration has something to do.
    registering: Option<Instant>,
    pings: &'s mut [Ping],
    round: pinging::Round,
    /// When there is something to do for the next ping.
    pinging: Option<Instant>,
    /// Whether who speaks for trunks with users is one of them, and how often a wrong password may still be answered.
    verifier: Verifier<'s>,
    wrong: Limiter,
    phones: &'s mut [Binding],
    announced: announced::Announcements<'s>,
    down: addresses::Down,
    kept: reconfigure::Kept,
    counters: Counters,
    parsed: u64,
    /// Whom what left last is for.
    addressee: Option<TargetIndex>,
}

impl<'s> Sbc<'s> {
    /// An SBC without calls. Its media ports are those of `config`'s interfaces; `seed` comes from the system's
    /// entropy, and the same seed makes the same tags, branches and Call-IDs.
    pub fn new(storage: Storage<'s>, config: &Config<'_>, seed: &[u8; 32]) -> Self {
        let mut random = Random::new(seed);
        let key = Key::new(random.next_u64(), random.next_u64());
        let mut ports = Ports::new(storage.ports, storage.port_queues);
        for (number, interface) in (0u8..).zip(config.interfaces) {
            ports.add(number, interface.media.0, interface.media.1, config.node.workers);
        }
        Self {
            calls: Pool::new(storage.calls),
            legs: Pool::new(storage.legs),
            dialogs: Index::new(storage.dialogs),
            clock: Timers::new(storage.clock),
            transactions: Transactions::new(storage.transactions),
            blocks: Blocks::new(storage.blocks),
            ports,
            trunks: storage.trunks,
            reply: storage.reply,
            replying: None,
            event: None,
            pressed: None,
            waiting: None,
            random,
            key,
            new_calls: Limiter::default(),
            draining: false,
            // Those there are begin at once.
            registering: Some(Instant::ZERO),
            pings: storage.pings,
            round: pinging::Round::FIRST,
            pinging: Some(Instant::ZERO),
            verifier: Verifier::new(&mut Random::new(&seed.map(|byte| byte ^ 0x5a)), storage.windows),
            wrong: Limiter::NEW,
            phones: storage.phones,
            announced: announced::Announcements::new(storage.announced),
            down: addresses::Down::NEW,
            kept: reconfigure::Kept::NONE,
            counters: Counters::NEW,
            parsed: 0,
            addressee: None,
        }
    }

    /// Whether a message that came over `from` may be read at all: by its source address alone, before anything
    /// of it is looked at. Refused means that nothing is answered, and is counted.
    ///
    /// A connection is asked about once, when it was accepted, before a byte of it is read, or when it was opened: what
    /// comes over it belongs to that trunk.
    pub fn admit(&mut self, cx: &Cx<'_>, from: Path) -> Result<Admitted, Reason> {
        let (address, listener) = (from.remote.ip(), cx.config.listeners.get(usize::from(from.listener)));
        let source =
            listener.and_then(|listener| filter::lookup(cx.config.sources, listener.interface, address));
        let trunk = source.and_then(|source| Some((source, cx.config.speakers(source).next()?)));
        let kept = || {
            let trunk = listener.and_then(|listener| self.kept.trunk(listener.interface, address))?;
            Some(Admitted { path: from, source: trunk.0, trunk, in_calls_only: true })
        };
        let admitted = match trunk {
            Some((source, trunk)) => Some(Admitted { path: from, source, trunk, in_calls_only: false }),
            None => kept(),
        };
        let admitted = admitted.ok_or(Reason::UnknownSource);
        let admitted = admitted.and_then(|admitted| streams::certified(cx.config, admitted));
        if let Err(reason) = admitted {
            self.counters.add(reason);
        }
        admitted
    }

    /// Takes one input in. Afterwards [`Sbc::poll`] is called until it waits.
    pub fn handle(&mut self, cx: &Cx<'_>, input: Input<'_>) {
        self.replying = None;
        self.event = None;
        self.pressed = None;
        match input {
            Input::Message(from, bytes) => self.message(cx, from, bytes),
            Input::Resolved(question, found) => self.resolved(cx, question, found),
            Input::Lost(path) => self.lost(cx, path),
            Input::Media(report) => self.media(cx, report),
            Input::Command(command) => self.command(cx, command),
        }
    }

    /// What leaves next; bytes are written to `out`. Does a bounded amount of work.
    pub fn poll(&mut self, cx: &Cx<'_>, out: &mut [u8]) -> Output {
        self.addressee = None;
        if let Some((to, len)) = self.replying.take() {
            let bytes = self.reply.get(..len);
            if let Some((bytes, room)) = bytes.zip(out.get_mut(..len)) {
                room.copy_from_slice(bytes);
                return Output::Transmit { to, len };
            }
            self.counters.add(Reason::MessageTooLarge);
        }
        if let Some(event) = self.event.take() {
            return Output::Event(event);
        }
        if let Some(output) = self.flush_press() {
            return output;
        }
        loop {
            if let Some(output) = self.flush(cx, out) {
                return output;
            }
            match self.fire(cx, out) {
                Some(Some(output)) => return output,
                Some(None) => {}
                None => break,
            }
        }
        self.addressee = None;
        self.transactions.forget(cx.now);
        Output::Wait(self.next_deadline())
    }

    /// What can be seen of a call; none once it is gone.
    pub fn call(&self, id: CallId) -> Option<View<'_>> {
        let call = self.calls.get(id)?;
        let caller = call.first.and_then(|leg| self.legs.get(leg));
        let caller = caller.filter(|leg| leg.side == relay::Side::A);
        Some(call.view(caller.map(|leg| leg.dialog.call_id()).unwrap_or_default()))
    }

    /// The calls there are.
    pub fn calls(&self) -> impl Iterator<Item = CallId> + '_ {
        self.calls.iter().map(|(id, _)| id)
    }

    /// How often what was refused or dropped, and why.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How many messages were read: those that [`Sbc::admit`] refused are not among them.
    pub fn parsed(&self) -> u64 {
        self.parsed
    }

    /// What is in use now.
    pub fn usage(&self) -> Usage {
        let (transactions, finished) = self.transactions.counts();
        Usage {
            calls: self.calls.len(),
            legs: self.legs.len(),
            dialogs: self.dialogs.len(),
            transactions,
            finished,
            blocks: self.blocks.capacity().saturating_sub(self.blocks.free_blocks()),
            timers: self.clock.len(),
            ports: self.ports.taken(),
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        [self.clock.next(), self.transactions.next(), self.registering, self.pinging]
            .into_iter()
            .flatten()
            .min()
    }
}

/// How many places of each kind are taken. All but `finished` are zero when there is no call, and no registrar or pinged
/// address is asked; `finished` is some 32 s later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Calls.
    pub calls: usize,
    /// Legs.
    pub legs: usize,
    /// Entries in the index of dialogs.
    pub dialogs: usize,
    /// Live transactions.
    pub transactions: usize,
    /// Finished transactions.
    pub finished: usize,
    /// Blocks of message bytes.
    pub blocks: usize,
    /// Timers of calls and legs.
    pub timers: usize,
    /// Pairs of media ports.
    pub ports: usize,
}

impl Admitted {
    /// Where it came from.
    pub const fn path(&self) -> Path {
        self.path
    }

    /// The trunk it belongs to; the first one where several speak from there.
    pub const fn trunk(&self) -> TrunkIndex {
        self.trunk
    }

    /// What its address stands for in [`Config::sources`].
    pub const fn source(&self) -> u16 {
        self.source
    }
}

impl Excerpt {
    fn of(text: &[u8]) -> Self {
        let mut excerpt = Self { bytes: [0; 64], len: 0 };
        for (room, &byte) in excerpt.bytes.iter_mut().zip(text) {
            *room = if byte.is_ascii_graphic() { byte } else { b'?' };
            excerpt.len = excerpt.len.saturating_add(1);
        }
        excerpt
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl core::fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.as_str().fmt(f)
    }
}

/// The number of a leg's timer.
fn leg_timer(calls: usize, leg: LegId) -> u32 {
    u32::try_from(calls).unwrap_or(u32::MAX).saturating_add(leg.index())
}
