//! The transactions there are.

use crate::call::LegId;
use crate::config::TargetIndex;
use crate::memory::{Blocks, Chain, Entry, Id, Index, Lingering, Pool, Slot, TimerSlot, Timers};
use crate::sip::Method;
use crate::time::{Duration, Instant};
use crate::transport::{Path, Transport};

use super::{Action, Answerer, Class, Event, Finished, GIVE_UP, Machine, Reply, State, T1, T2, T4};

/// Names a live transaction.
pub type TransactionId = Id<Live>;

/// What a leg asks its peer for, as far as it matters to the leg that nobody answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// An INVITE, or a re-INVITE.
    Invite,
    /// An UPDATE.
    Update,
    /// A NOTIFY.
    Notify,
    /// A BYE.
    Bye,
    /// Anything else: its answer makes no difference.
    Other,
}

impl Asked {
    /// What a request of this method asks for.
    pub const fn of(method: Method<'_>) -> Self {
        match method {
            Method::Invite => Self::Invite,
            Method::Update => Self::Update,
            Method::Notify => Self::Notify,
            Method::Bye => Self::Bye,
            _ => Self::Other,
        }
    }
}

/// A transaction that still sends or waits.
#[derive(Debug)]
pub struct Live {
    machine: Machine,
    state: State,
    asked: Asked,
    key: u64,
    /// Where its messages go.
    path: Path,
    /// Who is told; nobody of what is sent for a leg that is gone.
    leg: Option<LegId>,
    target: TargetIndex,
    /// What it repeats: a client's request, a server's last response.
    message: Option<Chain>,
    interval: Duration,
    /// Timers A, E and G.
    resend_at: Option<Instant>,
    /// Whether it was sent a second time because its connection was lost.
    again: bool,
    /// Timers B, F and H.
    give_up_at: Option<Instant>,
}

/// What a received request turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// One not seen before.
    New,
    /// A straggler: nothing is done.
    Absorbed,
    /// A live transaction sends its last response again.
    Send(TransactionId),
    /// The same answer is given again.
    Again(Reply),
}

/// What a received response turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An answer to no request of ours.
    Stray,
    /// A straggler: nothing is done.
    Absorbed,
    /// The leg is told.
    Pass(LegId),
    /// The leg is told of a failed INVITE, and the failure acknowledged to this target's URI.
    AckAndPass(LegId, TargetIndex),
    /// The failure is acknowledged again to this target's URI.
    AckFailure(TargetIndex),
    /// The 2xx to an INVITE came again: it is acknowledged from itself.
    AckSuccess,
    /// A 2xx to an INVITE that has no use for it: another branch of a fork was faster, or nobody waits any more.
    Superfluous,
    /// Something has come back for an INVITE that nobody waits for any more, which went over this path to this target:
    /// it is cancelled, once.
    Late(Path, TargetIndex),
}

/// What a timer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// A transaction sends what it repeats.
    Send(TransactionId),
    /// Nobody answered the leg's request.
    Failed(LegId, Asked),
    /// A timer ran out that nobody needs to hear of.
    Nothing,
}

/// A request that a lost connection may not have carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Its place: the next is looked for behind it.
    pub slot: u32,
    /// Its transaction.
    pub id: TransactionId,
    /// Who is told, and of what; nobody of what is sent for a leg that is gone.
    pub leg: Option<(LegId, Asked)>,
    /// Whether it cannot be sent once more: it was, or is not kept.
    pub again: bool,
}

/// What [`Transactions`] is made of.
pub struct Storage<'s> {
    /// The live ones.
    pub live: &'s mut [Slot<Live>],
    /// Finds live ones; at least twice as many entries.
    pub index: &'s mut [Entry],
    /// One for each live one.
    pub timers: &'s mut [TimerSlot],
    /// The finished ones.
    pub finished: Lingering<'s>,
}

/// The transactions there are.
pub struct Transactions<'s> {
    live: Pool<'s, Live>,
    index: Index<'s>,
    timers: Timers<'s>,
    finished: Lingering<'s>,
}

impl<'s> Transactions<'s> {
    /// An empty table.
    pub fn new(storage: Storage<'s>) -> Self {
        Self {
            live: Pool::new(storage.live),
            index: Index::new(storage.index),
            timers: Timers::new(storage.timers),
            finished: storage.finished,
        }
    }

    /// How many are live, and how many finished ones are remembered.
    pub fn counts(&self) -> (usize, usize) {
        (self.live.len(), self.finished.len())
    }

    /// When the next timer runs out, or the next look at the finished ones is due.
    pub fn next(&self) -> Option<Instant> {
        [self.timers.next(), self.finished.next()].into_iter().flatten().min()
    }

    /// Starts a client transaction whose request has just been sent over `path`, for `leg`, which asks for that. `message`
    /// is the request, to be repeated; without one (no block was free) it is sent only once. Full: gives `message` back.
    #[expect(clippy::too_many_arguments, reason = "each is one fact about the request")]
    pub fn request(
        &mut self,
        now: Instant,
        key: u64,
        machine: Machine,
        path: Path,
        leg: Option<(LegId, Asked)>,
        target: TargetIndex,
        message: Option<Chain>,
    ) -> Result<TransactionId, Option<Chain>> {
        let (leg, asked) = leg.map_or((None, Asked::Other), |(leg, asked)| (Some(leg), asked));
        let resend_at = (!path.transport.is_reliable()).then(|| now.after(T1));
        let live = Live {
            machine,
            state: machine.start(),
            asked,
            key,
            path,
            leg,
            target,
            message,
            interval: T1,
            resend_at,
            again: false,
            give_up_at: Some(now.after(GIVE_UP)),
        };
        self.insert(live)
    }

    /// Starts a client transaction for no leg, whose request has not been sent yet: [`Transactions::due`] asks for
    /// that at once. False when there is no room; `message` is freed then.
    pub fn send(
        &mut self,
        now: Instant,
        key: u64,
        path: Path,
        message: Chain,
        blocks: &mut Blocks<'_>,
    ) -> bool {
        let machine = Machine::Client;
        let live = Live {
            machine,
            state: machine.start(),
            asked: Asked::Other,
            key,
            path,
            leg: None,
            target: TargetIndex(u16::MAX),
            message: Some(message),
            interval: Duration::ZERO,
            resend_at: Some(now),
            again: false,
            give_up_at: Some(now.after(GIVE_UP)),
        };
        let sent = self.insert(live);
        sent.map_err(|message| release(blocks, message)).is_ok()
    }

    /// Whether there is room for what belongs to no call any more: a quarter of it is the calls' own.
    pub const fn has_room(&self) -> bool {
        let capacity = self.live.capacity();
        self.live.len() < capacity.saturating_sub(capacity / 4)
    }

    /// Whether half of the room is free: what no call waits for may take some of that.
    pub const fn is_half_empty(&self) -> bool {
        self.live.len() < self.live.capacity() / 2
    }

    /// Whether there is no room for another.
    pub const fn is_full(&self) -> bool {
        self.live.len() >= self.live.capacity()
    }

    /// Starts a server transaction for an INVITE that `leg` will answer over `path`. None when there is no room.
    pub fn serve(&mut self, key: u64, path: Path, leg: LegId) -> Option<TransactionId> {
        let machine = Machine::InviteServer;
        let live = Live {
            machine,
            state: machine.start(),
            asked: Asked::Other,
            key,
            path,
            leg: Some(leg),
            target: TargetIndex(0),
            message: None,
            interval: T1,
            resend_at: None,
            again: false,
            give_up_at: None,
        };
        self.insert(live).ok()
    }

    /// Starts a server transaction for no leg, whose INVITE is refused with `message`, which has not been sent yet:
    /// [`Transactions::due`] asks for that at once. False when there is no room; `message` is freed then.
    pub fn refuse(
        &mut self,
        now: Instant,
        key: u64,
        path: Path,
        message: Chain,
        blocks: &mut Blocks<'_>,
    ) -> bool {
        let live = Live {
            machine: Machine::InviteServer,
            state: State::Completed,
            asked: Asked::Other,
            key,
            path,
            leg: None,
            target: TargetIndex(u16::MAX),
            message: Some(message),
            interval: Duration::ZERO,
            resend_at: Some(now),
            again: false,
            give_up_at: Some(now.after(GIVE_UP)),
        };
        self.insert(live).map_err(|message| release(blocks, message)).is_ok()
    }

    /// Remembers an INVITE to this target that left before a restart, and that nobody waits for any more.
    pub fn abandoned(&mut self, now: Instant, key: u64, target: TargetIndex) {
        self.remember(now, key, Finished::Abandoned(target), Some(GIVE_UP));
    }

    fn insert(&mut self, live: Live) -> Result<TransactionId, Option<Chain>> {
        let key = live.key;
        let id = self.live.insert(live).map_err(|live| live.message)?;
        if !self.index.insert(key, id.index()) {
            return Err(self.live.remove(id).and_then(|live| live.message));
        }
        self.arm(id);
        Ok(id)
    }

    /// What the request with this key is (17.2.3: an ACK has the key of the INVITE it acknowledges).
    pub fn receive(&mut self, now: Instant, key: u64, ack: bool, blocks: &mut Blocks<'_>) -> Received {
        if let Some(id) = self.find(key) {
            let event = if ack { Event::Ack } else { Event::Request };
            let (state, action) = self.step(id, event);
            if state == State::Confirmed {
                self.finish(now, id, None, blocks);
            }
            return match action {
                Action::Send if self.live.get(id).is_some_and(|live| live.message.is_some()) => {
                    Received::Send(id)
                }
                // Nothing but the 100 has been sent so far.
                Action::Send => Received::Again(Reply::Trying),
                _ => Received::Absorbed,
            };
        }
        match self.finished.find(key).and_then(Finished::unpack) {
            None => Received::New,
            Some(Finished::Answered(reply)) if !ack => Received::Again(reply),
            // Some peers acknowledge a 2xx under the INVITE's own branch: RFC 6026 passes it on.
            Some(Finished::Served) if ack => Received::New,
            Some(_) => Received::Absorbed,
        }
    }

    /// The leg whose INVITE, not answered yet, has this key: what a CANCEL is for (9.2).
    pub fn pending(&self, key: u64) -> Option<LegId> {
        let live = self.live.get(self.find(key)?)?;
        live.leg.filter(|_| live.state == State::Proceeding)
    }

    /// Whether a request with this key was seen.
    pub fn knows(&self, key: u64) -> bool {
        self.find(key).is_some() || self.finished.find(key).is_some()
    }

    /// Remembers that a request was answered at once, over `transport`; `stray` when it belongs to no call.
    pub fn answered(
        &mut self,
        now: Instant,
        key: u64,
        reply: Reply,
        invite: bool,
        stray: bool,
        transport: Transport,
    ) {
        // What belongs to no call may take half the room: a flood of it must not cost a call its stragglers. Beyond
        // that it is answered without being remembered (RFC 3261 8.2.7).
        if stray && self.finished.len() >= self.finished.capacity() / 2 {
            return;
        }
        // An INVITE's refusal waits for its ACK (timer H), whatever the transport.
        // A connection may be lost with the answer on it: then a client sends its request by another one, as we do.
        let time = Machine::Server.linger(State::Completed, transport).map(|time| time.max(T4));
        let time = if invite { Some(GIVE_UP) } else { time };
        self.remember(now, key, Finished::Answered(reply), time);
    }

    /// Remembers that an INVITE within a dialog was accepted at once: its retransmissions are absorbed (timer L).
    pub fn accepted(&mut self, now: Instant, key: u64) {
        self.remember(now, key, Finished::Served, Some(GIVE_UP));
    }

    /// A server's user responds: `message` has just been sent and is what is sent again when asked for.
    /// After a 2xx the user repeats it itself, so that then it is not kept.
    pub fn respond(
        &mut self,
        now: Instant,
        id: TransactionId,
        status: u16,
        message: Option<Chain>,
        blocks: &mut Blocks<'_>,
    ) {
        let (state, _) = self.step(id, Event::Response(Class::of(status)));
        let Some(live) = self.live.get_mut(id) else {
            return release(blocks, message);
        };
        release(blocks, core::mem::replace(&mut live.message, message));
        match state {
            State::Completed => {
                live.resend_at = (!live.path.transport.is_reliable()).then(|| now.after(T1));
                live.give_up_at = Some(now.after(GIVE_UP));
                self.arm(id);
            }
            State::Accepted => self.finish(now, id, None, blocks),
            _ => {}
        }
    }

    /// What a response to the request with this key is; `answerer` is who gave it.
    pub fn hear(
        &mut self,
        now: Instant,
        key: u64,
        status: u16,
        answerer: Answerer,
        blocks: &mut Blocks<'_>,
    ) -> Heard {
        let class = Class::of(status);
        let Some(id) = self.find(key) else {
            return match (self.finished.find(key).and_then(Finished::unpack), class) {
                (None, _) => Heard::Stray,
                (Some(Finished::Accepted(first)), Class::Success) if first == answerer => Heard::AckSuccess,
                (Some(Finished::Abandoned(_)), Class::Success) => {
                    self.finished.replace(key, Finished::Accepted(Answerer::NOBODY).pack());
                    Heard::Superfluous
                }
                (Some(Finished::Accepted(_) | Finished::Failed(_)), Class::Success) => Heard::Superfluous,
                (Some(Finished::Failed(target) | Finished::Abandoned(target)), Class::Failure) => {
                    Heard::AckFailure(target)
                }
                (Some(_), _) => Heard::Absorbed,
            };
        };
        let before = self.live.get(id).map(|live| live.state);
        let (state, action) = self.step(id, Event::Response(class));
        let Some(live) = self.live.get_mut(id) else {
            return Heard::Absorbed;
        };
        let (machine, leg, path, target) = (live.machine, live.leg, live.path, live.target);
        match (machine, state) {
            (Machine::InviteClient, State::Proceeding) if before != Some(State::Calling) => {}
            (Machine::InviteClient, State::Proceeding) => {
                // It is not repeated any more.
                live.resend_at = None;
                release(blocks, live.message.take());
                // A cancelled INVITE that gets no final response even so is given up (9.1).
                live.give_up_at = leg.is_none().then(|| now.after(GIVE_UP));
                self.arm(id);
            }
            (Machine::Client, State::Proceeding) => live.interval = T2,
            _ => self.finish(now, id, leg.map(|_| answerer), blocks),
        }
        match (action, leg) {
            (Action::Pass, Some(leg)) => Heard::Pass(leg),
            (Action::AckAndPass, Some(leg)) => Heard::AckAndPass(leg, target),
            (Action::AckAndPass, None) => Heard::AckFailure(target),
            (Action::Pass, None) if machine == Machine::InviteClient => match class {
                Class::Provisional if before == Some(State::Calling) => Heard::Late(path, target),
                Class::Success => Heard::Superfluous,
                _ => Heard::Absorbed,
            },
            _ => Heard::Absorbed,
        }
    }

    /// What the earliest timer that has run out by `now` asks for; none when none has.
    pub fn due(&mut self, now: Instant, blocks: &mut Blocks<'_>) -> Option<Due> {
        let slot = self.timers.pop(now)?;
        let Some(id) = self.live.id_at(slot) else {
            return Some(Due::Nothing);
        };
        let Some(live) = self.live.get_mut(id) else {
            return Some(Due::Nothing);
        };
        if live.give_up_at.is_some_and(|at| at <= now) {
            let (leg, asked) = (live.leg, live.asked);
            let client = matches!(live.machine, Machine::InviteClient | Machine::Client);
            let (_, action) = self.step(id, Event::TimeOut);
            self.finish(now, id, None, blocks);
            return Some(match leg {
                Some(leg) if client && action == Action::Fail => Due::Failed(leg, asked),
                // A server whose failure is never acknowledged has nobody left to tell.
                _ => Due::Nothing,
            });
        }
        let invite = live.machine == Machine::InviteClient;
        // A doubles without bound, E and G up to T2.
        let doubled = live.interval.times(2).max(T1);
        live.interval = if invite { doubled } else { doubled.min(T2) };
        live.resend_at = (!live.path.transport.is_reliable()).then(|| now.after(live.interval));
        self.arm(id);
        let (_, action) = self.step(id, Event::Retransmit);
        Some(if action == Action::Send { Due::Send(id) } else { Due::Nothing })
    }

    /// The next client transaction, from the place `from` on, whose request went over `path` and may not have arrived:
    /// nothing has come back. An INVITE that was heard of waits on, since the answer may come by another connection
    /// (RFC 3261 section 18.2.2). A refusal that waits for its ACK is sent again as well, and never given up.
    pub fn lost(&self, path: Path, from: u32) -> Option<Lost> {
        (from..u32::try_from(self.live.capacity()).unwrap_or(u32::MAX)).find_map(|slot| {
            let id = self.live.id_at(slot)?;
            let live = self.live.get(id).filter(|live| live.path == path)?;
            match (live.machine, live.state) {
                (Machine::InviteClient, State::Calling)
                | (Machine::Client, State::Trying | State::Proceeding) => {}
                (Machine::InviteServer, State::Completed) if !live.again && live.message.is_some() => {
                    return Some(Lost { slot, id, leg: None, again: false });
                }
                _ => return None,
            }
            let leg = live.leg.map(|leg| (leg, live.asked));
            Some(Lost { slot, id, leg, again: live.again || live.message.is_none() })
        })
    }

    /// Sends a request again, at once and only this once, because its connection was lost.
    pub fn send_again(&mut self, now: Instant, id: TransactionId) {
        if let Some(live) = self.live.get_mut(id) {
            live.again = true;
            live.resend_at = Some(now);
            self.arm(id);
        }
    }

    /// Gives a request up that its connection did not carry (17.1.4).
    pub fn give_up(&mut self, now: Instant, id: TransactionId, blocks: &mut Blocks<'_>) {
        self.finish(now, id, None, blocks);
    }

    /// Whom a transaction's messages are for.
    pub fn target(&self, id: TransactionId) -> Option<TargetIndex> {
        self.live.get(id).map(|live| live.target)
    }

    /// Ends a client transaction that its user no longer waits for (9.1: a cancelled INVITE without an answer).
    pub fn abandon(&mut self, now: Instant, key: u64, blocks: &mut Blocks<'_>) {
        if let Some(id) = self.find(key) {
            self.finish(now, id, None, blocks);
        }
    }

    /// Leaves an INVITE for which nothing has come back to itself: it lives on until timer B, and whatever comes back
    /// is [`Heard::Late`] or [`Heard::Superfluous`]. Where there is not room enough for that, only its answer is.
    pub fn leave(&mut self, now: Instant, key: u64, blocks: &mut Blocks<'_>) {
        let Some(id) = self.find(key) else { return };
        let room = self.has_room() && blocks.free_blocks() > blocks.capacity() / 4;
        match self.live.get_mut(id).filter(|live| room && live.state == State::Calling) {
            Some(live) => live.leg = None,
            None => self.finish(now, id, None, blocks),
        }
    }

    /// Who was remembered under this key as one too many.
    pub fn superfluous(&self, key: u64) -> Option<Answerer> {
        match self.finished.find(key).and_then(Finished::unpack) {
            Some(Finished::Superfluous(answerer)) => Some(answerer),
            _ => None,
        }
    }

    /// Remembers under this key who was one too many, for as long as its 2xx may come again. False when there is no
    /// room.
    pub fn remember_superfluous(&mut self, now: Instant, key: u64, answerer: Answerer) -> bool {
        self.finished.insert(key, now.after(GIVE_UP), Finished::Superfluous(answerer).pack())
    }

    /// What a transaction repeats, written to `out`: where it goes and how long it is. None when nothing is kept.
    pub fn message(&self, id: TransactionId, blocks: &Blocks<'_>, out: &mut [u8]) -> Option<(Path, usize)> {
        let live = self.live.get(id)?;
        Some((live.path, blocks.load(live.message.as_ref()?, out)?))
    }

    /// Whether it keeps what it repeats.
    pub fn keeps_message(&self, id: TransactionId) -> bool {
        self.live.get(id).is_some_and(|live| live.message.is_some())
    }

    /// Forgets finished transactions whose time has passed: a bounded number at a time.
    pub fn forget(&mut self, now: Instant) {
        for _ in 0..64 {
            if self.finished.expire(now).is_none() {
                return;
            }
        }
    }

    /// Names targets anew, where the configuration's table is another.
    pub fn retarget(&mut self, target: impl Fn(TargetIndex) -> TargetIndex) {
        for index in 0..u32::try_from(self.live.capacity()).unwrap_or(u32::MAX) {
            if let Some(live) = self.live.id_at(index).and_then(|id| self.live.get_mut(id)) {
                live.target = target(live.target);
            }
        }
        self.finished.map(|payload| match Finished::unpack(payload) {
            Some(Finished::Failed(index)) => Finished::Failed(target(index)).pack(),
            Some(Finished::Abandoned(index)) => Finished::Abandoned(target(index)).pack(),
            _ => payload,
        });
    }

    fn find(&self, key: u64) -> Option<TransactionId> {
        let slot = self.index.find(key, |slot| {
            self.live.id_at(slot).and_then(|id| self.live.get(id)).is_some_and(|live| live.key == key)
        })?;
        self.live.id_at(slot)
    }

    fn step(&mut self, id: TransactionId, event: Event) -> (State, Action) {
        let Some(live) = self.live.get_mut(id) else {
            return (State::Terminated, Action::Nothing);
        };
        let (state, action) = live.machine.step(live.state, event);
        live.state = state;
        (state, action)
    }

    fn arm(&mut self, id: TransactionId) {
        let Some(live) = self.live.get(id) else { return };
        match [live.resend_at, live.give_up_at].into_iter().flatten().min() {
            Some(at) => self.timers.set(id.index(), at),
            None => self.timers.cancel(id.index()),
        }
    }

    /// Takes a transaction out of the live ones and remembers what stragglers need; `first` is who accepted an INVITE
    /// that was waited for.
    fn finish(&mut self, now: Instant, id: TransactionId, first: Option<Answerer>, blocks: &mut Blocks<'_>) {
        let Some(live) = self.live.remove(id) else { return };
        self.timers.cancel(id.index());
        self.index.remove(live.key, id.index());
        release(blocks, live.message);
        let finished = match (live.machine, live.state) {
            (Machine::InviteClient, State::Accepted) => Finished::Accepted(first.unwrap_or(Answerer::NOBODY)),
            (Machine::InviteClient, State::Completed) => Finished::Failed(live.target),
            // Given up by its user or by timer B: an INVITE that took so long to arrive may be answered still.
            (Machine::InviteClient, _) => Finished::Abandoned(live.target),
            (Machine::InviteServer, State::Accepted) => Finished::Served,
            (Machine::InviteServer, State::Confirmed) => Finished::Acknowledged,
            (Machine::Client, State::Completed) => Finished::Completed,
            _ => return,
        };
        let time = match finished {
            // A 2xx may follow on every transport.
            Finished::Failed(_) | Finished::Abandoned(_) => Some(GIVE_UP),
            _ => live.machine.linger(live.state, live.path.transport),
        };
        self.remember(now, live.key, finished, time);
    }

    /// Where there is no room for another finished transaction, a straggler will be taken for a stray: no harm to
    /// a call in progress.
    fn remember(&mut self, now: Instant, key: u64, finished: Finished, time: Option<Duration>) {
        if let Some(time) = time.filter(|&time| time > Duration::ZERO) {
            self.finished.insert(key, now.after(time), finished.pack());
        }
    }
}

fn release(blocks: &mut Blocks<'_>, message: Option<Chain>) {
    if let Some(chain) = message {
        blocks.free(chain);
    }
}
