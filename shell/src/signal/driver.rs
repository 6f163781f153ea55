//! The loop that drives an [`Sbc`].

use core::future::poll_fn;
use core::task::Poll;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use socket2::SockRef;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use warmline_core::call::{Outcome, call_of};
use warmline_core::config::Config;
use warmline_core::reason::{Counters, Reason};
use warmline_core::relay::{Control, Report, StreamId};
use warmline_core::time::{Duration, Instant};
use warmline_core::transport::{Path, Transport};
use warmline_core::{Command, Cx, Input, Output, Question, Sbc};

use super::clerk::Clerk;
use super::connection::{End, Told};
use super::connections::{Arrival, Connections, Ended, News, Unsent};
use super::courses::Courses;
use super::ending::{Ending, Step};
use super::hours::Hours;
use super::journal::Journal;
use super::keeper::{Keeper, is_there};
use super::listeners::Listener;
use super::lookups::Lookups;
use super::reopening::Reopening;
use super::resolver::{LEAST, Resolver};
use super::{Ask, Inlets};
use crate::certificates::Contexts;
use crate::clock::Clock;
use crate::config::Loaded;
use crate::media;
use crate::node::Snapshot;
use crate::recording::Recorder;
use crate::reload::{self, Changes};
use crate::room::{self, LARGEST_MESSAGE};

/// How often connections are looked at for idle ones.
const SWEEP: Duration = Duration::from_secs(30);

/// How many datagrams of one socket are taken before the next turn.
const TURN: usize = 64;

/// How long the media ports of calls that are taken up are waited for before anybody is heard.
const REOPENED: Duration = Duration::from_millis(250);

/// How long registrars' answers are waited for when the node ends, or goes on without them.
const LEAVING: Duration = Duration::from_secs(2);

pub(super) struct Driver<'s> {
    pub(super) sbc: Sbc<'s>,
    /// The configuration that core is lent. It is replaced as a whole, between two inputs: see [`Driver::replace`].
    pub(super) loaded: Arc<Loaded>,
    clock: Clock,
    listeners: Vec<Listener>,
    workers: Vec<Worker>,
    connections: Connections,
    lookups: Lookups,
    hours: Hours,
    journal: Journal,
    pub(super) clerk: Clerk,
    keeper: Option<Keeper>,
    reopening: Reopening,
    /// Whether calls are being taken up again.
    taking_up: bool,
    pub(super) courses: Courses,
    recorder: Option<Recorder>,
    ending: Ending,
    /// Until when registrars' last answers are waited for.
    leaving: Instant,
    /// Another configuration, that waits for them.
    next: Option<Next>,
    /// What is to be handed to core once the way out is drained.
    owed: VecDeque<Owed>,
    out: Box<[u8]>,
    /// When core wants to be asked again.
    deadline: Option<Instant>,
    /// When connections are looked at for idle ones.
    sweep: Option<Instant>,
    /// Connections that were closed, by their reasons.
    closed: Counters,
    unsent: u64,
}

/// Another configuration, and who is told when it is there.
struct Next {
    new: Box<(Loaded, Contexts)>,
    done: oneshot::Sender<Changes>,
    /// When it waits no more.
    until: Instant,
}

struct Worker {
    handle: media::Handle,
    /// Whether it was handed something since it was last woken.
    handed: bool,
}

#[derive(Clone, Copy)]
enum Owed {
    /// What is known of a target's addresses.
    Answer(Question),
    /// That a stream's worker is gone.
    Failure(StreamId),
    /// That what was sent there may not have arrived.
    Lost(Path),
}

impl Driver<'_> {
    /// Drives until the node is over.
    #[expect(clippy::too_many_arguments, reason = "each is a part of the node")]
    pub(super) fn run(
        runtime: &Runtime,
        loaded: &Arc<Loaded>,
        seed: &[u8; 32],
        clock: Clock,
        mut inlets: Inlets,
        listeners: Vec<Listener>,
        contexts: Contexts,
        workers: Vec<media::Handle>,
    ) {
        let config = loaded.lend();
        let calls = usize::try_from(loaded.capacity()).unwrap_or(usize::MAX);
        let mut room = room::Signalling::new(calls, &config, loaded.platform().is_some());
        let mut lookups = Lookups::new(Resolver::new(loaded.dns_servers(), LEAST), inlets.asks.clone());
        let mut sbc = Sbc::new(room.lend(), &config, seed);
        if loaded.platform().is_some() {
            sbc.hears_announcements();
        }
        let driver = Driver {
            sbc,
            loaded: {
                let _inside = runtime.enter();
                Arc::new(lookups.follow(Loaded::clone(loaded)))
            },
            clock,
            listeners,
            workers: workers.into_iter().map(|handle| Worker { handle, handed: false }).collect(),
            connections: Connections::new(contexts, loaded),
            lookups,
            hours: Hours::new(inlets.asks.clone()),
            journal: Journal::new(calls),
            courses: Courses::new(inlets.webhooks.clone(), loaded.platform().is_some()),
            clerk: Clerk::new(inlets.store.clone(), inlets.desks.clone(), inlets.asks.clone()),
            keeper: inlets.keeper.take(),
            reopening: Reopening::default(),
            taking_up: false,
            recorder: inlets.recorder.clone(),
            ending: Ending::Serving,
            leaving: Instant::ZERO,
            next: None,
            owed: VecDeque::with_capacity(16),
            out: vec![0; LARGEST_MESSAGE].into_boxed_slice(),
            // Registrations and pings begin at once.
            deadline: Some(Instant::ZERO),
            sweep: None,
            closed: Counters::NEW,
            unsent: 0,
        };
        runtime.block_on(driver.drive(inlets));
    }

    async fn drive(mut self, inlets: Inlets) {
        let mut datagram = vec![0; LARGEST_MESSAGE].into_boxed_slice();
        for (number, listener) in (0u8..).zip(&mut self.listeners) {
            if let Listener::Connections(socket) = listener
                && let Some(socket) = socket.take()
            {
                self.connections.listen(number, socket);
            }
        }
        self.take_up();
        self.reopen(&inlets).await;
        loop {
            let mut more = self.hear(&mut datagram);
            more |= self.hear_connections();
            self.sweep();
            more |= self.take_reports(&inlets.reports);
            self.answer_asks(&inlets.asked);
            self.ask_again();
            if self.deadline.is_some_and(|at| at <= self.clock.now()) {
                self.drain();
                self.settle();
            }
            self.go_on();
            self.hours.look(&self.loaded, self.clock.now(), Clock::utc());
            if self.end() == Step::Over {
                break;
            }
            self.wake_workers();
            if more {
                // The runtime looks at its sockets only when it is let.
                tokio::task::yield_now().await;
                continue;
            }
            let next = self.next.as_ref().map(|next| next.until);
            let hours = self.hours.deadline(&self.loaded);
            let again = self.reopening.deadline();
            let deadline = [self.deadline, self.ending.deadline(), self.sweep, next, hours, again];
            let deadline = deadline.into_iter().flatten().min();
            let at = self.clock.system(deadline.unwrap_or_default()).into();
            tokio::select! {
                () = heard(&self.listeners) => {}
                news = self.connections.hear() => news.into_iter().for_each(|news| self.learn(news)),
                () = inlets.bell.notified() => {}
                () = tokio::time::sleep_until(at), if deadline.is_some() => {}
            }
        }
        self.wake_workers();
        // A last BYE may wait there.
        self.connections.flush().await;
        self.keeper.take().into_iter().for_each(Keeper::forget);
        let snapshot = self.snapshot();
        if let Ending::Over(Some(done)) = self.ending {
            // Who asked may have gone.
            let _ = done.send(snapshot);
        }
    }

    /// Takes up the calls that a crash cut off, before anybody is listened to: those that were answered go on, and whoever
    /// waited is told that it is over.
    fn take_up(&mut self) {
        let loaded = Arc::clone(&self.loaded);
        let config = loaded.lend();
        let cx = self.cx(&config);
        let (mut taken, mut left, mut over) = (Vec::new(), 0, Vec::new());
        for found in self.keeper.as_mut().map(Keeper::take).unwrap_or_default() {
            if is_there(&found.ended) {
                over.push(found.ended);
            }
            if is_there(&found.record) {
                match self.sbc.restore(&cx, &found.record) {
                    Ok(call) => taken.push(call),
                    Err(error) => tracing::error!("a call is not taken up again: {error}"),
                }
            }
            if is_there(&found.unanswered) {
                match self.sbc.end_unanswered(&cx, &found.unanswered) {
                    Ok(()) => left += 1,
                    Err(error) => {
                        tracing::error!("who waited in a call is not told that it is over: {error}")
                    }
                }
            }
        }
        self.journal.taken_up(&cx, &self.sbc, &taken, left);
        taken.iter().for_each(|call| self.clerk.takes_up(&cx, &loaded, &self.sbc, *call));
        self.taking_up = true;
        self.drain();
        self.settle();
        // How these ended may not have been written in the store. Each is gone at once.
        for ended in over {
            if let Ok(call) = self.sbc.restore(&cx, &ended) {
                self.clerk.takes_up(&cx, &loaded, &self.sbc, call);
                self.drain();
            }
        }
        self.taking_up = false;
        self.clerk.taken_up();
        self.keeper.as_mut().into_iter().for_each(Keeper::begin);
    }

    /// Waits a moment for the media ports of calls that were taken up: a REFER that is heard before would find nobody to
    /// transfer.
    async fn reopen(&mut self, inlets: &Inlets) {
        let until = self.clock.now().after(REOPENED);
        while self.reopening.is_waiting() && self.clock.now() < until {
            self.take_reports(&inlets.reports);
            self.ask_again();
            self.wake_workers();
            let again = self.reopening.deadline().map_or(until, |again| again.min(until));
            tokio::select! {
                () = inlets.bell.notified() => {}
                () = tokio::time::sleep_until(self.clock.system(again).into()) => {}
            }
        }
    }

    /// Asks for media ports again that were not there.
    fn ask_again(&mut self) {
        while let Some((worker, control)) = self.reopening.due(self.clock.now()) {
            self.control(worker, control);
        }
    }

    /// Takes what has come to the listeners; whether there may be more.
    fn hear(&mut self, datagram: &mut [u8]) -> bool {
        let mut more = false;
        for listener in 0..self.listeners.len() {
            more |= self.hear_one(listener, datagram);
        }
        more
    }

    fn hear_one(&mut self, listener: usize, datagram: &mut [u8]) -> bool {
        let Ok(number) = u8::try_from(listener) else { return false };
        for _ in 0..TURN {
            let socket = self.listeners.get(listener).and_then(Listener::incoming);
            let Some(socket) = socket else { return false };
            let (len, remote) = match socket.try_recv_from(datagram) {
                Ok(received) => received,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return false,
                // An earlier message found nobody there; the next may be better.
                Err(_) => continue,
            };
            let path = Path { transport: Transport::Udp, listener: number, flow: 0, remote };
            let loaded = Arc::clone(&self.loaded);
            let config = loaded.lend();
            let cx = self.cx(&config);
            match self.sbc.admit(&cx, path) {
                Ok(admitted) => {
                    self.handle(Input::Message(admitted, datagram.get(..len).unwrap_or_default()))
                }
                Err(reason) => self.journal.stranger(path.remote, reason, cx.now),
            }
        }
        true
    }

    /// Takes what connections have to tell; whether there may be more.
    fn hear_connections(&mut self) -> bool {
        for _ in 0..TURN {
            let Some(news) = self.connections.try_hear() else { return false };
            self.learn(news);
        }
        true
    }

    fn learn(&mut self, news: News) {
        match news {
            News::Told(Told::Message(flow, bytes)) => {
                if let Some(speaker) = self.connections.speaker(flow) {
                    self.handle(Input::Message(speaker, &bytes));
                }
            }
            News::Told(Told::Ended(flow, end)) => {
                if let Some(ended) = self.connections.ended(flow) {
                    self.ended(&ended, &end);
                    self.settle();
                }
            }
            News::Arrived(arrival) => self.arrived(arrival),
        }
    }

    /// A connection has come: whose it is, its source alone decides. Strangers' are closed before a byte is read.
    fn arrived(&mut self, arrival: Arrival) {
        let Arrival { listener, stream, remote } = arrival;
        let loaded = Arc::clone(&self.loaded);
        let config = loaded.lend();
        let cx = self.cx(&config);
        let Some((entry, _)) = cx.config.listener(listener) else { return };
        let flow = self.connections.next();
        let path = Path { transport: entry.transport, listener, flow, remote };
        match self.sbc.admit(&cx, path) {
            Ok(_) if !self.connections.has_room(remote.ip()) => {
                self.closed.add(Reason::ConnectionLimit);
                self.journal.turned_away(remote, cx.now);
            }
            Ok(admitted) => return self.connections.accept(&config, admitted, stream),
            Err(reason) => self.journal.stranger(remote, reason, cx.now),
        }
        // Not a word, and nothing left of it here.
        let _ = SockRef::from(&stream).set_linger(Some(core::time::Duration::ZERO));
    }

    /// A connection has ended: what went over it may not have arrived.
    fn ended(&mut self, ended: &Ended, end: &End) {
        if let Some(reason) = end.reason() {
            self.closed.add(reason);
        }
        self.journal.disconnected(ended.remote, ended.ours, end, self.clock.now());
        self.owed.extend(ended.ways.iter().copied().map(Owed::Lost));
    }

    /// Closes connections that nobody uses, now and then.
    fn sweep(&mut self) {
        let now = self.clock.now();
        if self.sweep.is_some_and(|at| at <= now) {
            let sbc = &self.sbc;
            self.connections.close_idle(|flow| sbc.uses(flow));
            self.sweep = None;
        }
        if self.connections.len() > 0 {
            self.sweep.get_or_insert_with(|| now.after(SWEEP));
        }
    }

    /// Hands core what workers report; whether there may be more.
    fn take_reports(&mut self, reports: &Receiver<Report>) -> bool {
        for _ in 0..TURN {
            let Ok(report) = reports.try_recv() else { return false };
            if !self.reopening.hears(self.clock.now(), &report) {
                self.handle(Input::Media(report));
            }
        }
        true
    }

    fn answer_asks(&mut self, asked: &Receiver<Ask>) {
        while let Ok(ask) = asked.try_recv() {
            match ask {
                // Who asked may have gone.
                Ask::Tell(answer) => drop(answer.try_send(self.snapshot())),
                Ask::Stop { grace, done } => self.stop(grace, done),
                Ask::Renew(contexts) => self.connections.renew(contexts),
                Ask::Halt => {
                    self.handle(Input::Command(Command::HangUpAll));
                    self.ending = Ending::Over(None);
                }
                Ask::Reload { new, done } => self.prepare(new, done),
                Ask::Ticket { call, ticket } => {
                    self.handle(Input::Command(Command::Ticket { call, ticket }));
                }
                Ask::Platform(ask) => self.platform(ask),
                Ask::Hours { written, compiled } => {
                    self.loaded.with_hours(&written, &compiled).into_iter().for_each(|new| self.replace(new));
                }
                Ask::Found { wanted, answer } => {
                    let now = self.clock.now();
                    let (questions, changed) = self.lookups.found(&self.loaded, &wanted, answer, now);
                    // Another configuration that is about to come has it as well.
                    changed
                        .filter(|_| self.next.is_none())
                        .into_iter()
                        .for_each(|loaded| self.replace(loaded));
                    self.owed.extend(questions.into_iter().map(Owed::Answer));
                    self.settle();
                }
            }
        }
    }

    fn stop(&mut self, grace: core::time::Duration, done: oneshot::Sender<Snapshot>) {
        let calls = self.sbc.usage().calls;
        if calls > 0 {
            tracing::info!("stopping: no new calls; {calls} may go on for {} s", grace.as_secs_f32());
        }
        self.handle(Input::Command(Command::Drain));
        self.leaving = self.clock.now().after(LEAVING);
        let grace = Duration::from_micros(u64::try_from(grace.as_micros()).unwrap_or(u64::MAX));
        self.ending = Ending::Draining(self.clock.now().after(grace), done);
    }

    /// Goes on towards the end, where there is one.
    fn end(&mut self) -> Step {
        let calls = self.sbc.usage().calls;
        let now = self.clock.now();
        // A registration that is given back is waited for as if it were a call.
        let leaving = self.sbc.is_leaving() && now < self.leaving;
        let step = self.ending.step(now, calls + usize::from(leaving));
        if step == Step::HangUp {
            tracing::info!("hanging up {calls} calls");
            self.handle(Input::Command(Command::HangUpAll));
        }
        step
    }

    /// Hands one thing in, and then what comes of it.
    fn handle(&mut self, input: Input<'_>) {
        let loaded = Arc::clone(&self.loaded);
        let config = loaded.lend();
        let cx = self.cx(&config);
        if let Input::Message(from, bytes) = &input {
            self.journal.hears(&cx, from, bytes);
        }
        self.sbc.handle(&cx, input);
        self.drain();
        self.settle();
    }

    /// Hands in what is owed to core.
    pub(super) fn settle(&mut self) {
        while let Some(owed) = self.owed.pop_front() {
            let loaded = Arc::clone(&self.loaded);
            let config = loaded.lend();
            let cx = self.cx(&config);
            match owed {
                Owed::Failure(stream) => self.sbc.handle(&cx, Input::Media(Report::Failed { stream })),
                Owed::Lost(path) => self.sbc.handle(&cx, Input::Lost(path)),
                Owed::Answer(question) => {
                    let addresses = self.lookups.addresses(question.target, cx.now);
                    self.sbc.handle(&cx, Input::Resolved(question, addresses));
                }
            }
            self.drain();
        }
    }

    /// Does what core wants done, until it waits.
    pub(super) fn drain(&mut self) {
        let loaded = Arc::clone(&self.loaded);
        let config = loaded.lend();
        let cx = self.cx(&config);
        loop {
            match self.sbc.poll(&cx, &mut self.out) {
                Output::Transmit { to, len } => self.send(to, len),
                Output::Media { worker, control } => {
                    if self.taking_up {
                        self.reopening.asks(cx.now, worker, control);
                    }
                    self.control(worker, control);
                }
                Output::Resolve(question) => {
                    if self.lookups.ask(question, cx.now) {
                        self.owed.push_back(Owed::Answer(question));
                    }
                }
                Output::Event(event) => {
                    self.journal.event(&cx, &self.sbc, event);
                    self.courses.event(&cx, &self.sbc, event);
                    self.clerk.event(&cx, &loaded, &self.sbc, &mut self.courses, event);
                    if let Some(keeper) = &mut self.keeper {
                        keeper.event(&cx, &self.sbc, event);
                    }
                }
                Output::Wait(deadline) => {
                    self.deadline = deadline;
                    return;
                }
            }
        }
    }

    fn send(&mut self, to: Path, len: usize) {
        // What workers were told comes first: this message may have a peer send them packets.
        self.wake_workers();
        let listener = self.listeners.get(usize::from(to.listener));
        let sent = match listener.zip(self.out.get(..len)) {
            Some((Listener::Datagrams { outgoing, .. }, bytes)) => {
                outgoing.send_to(bytes, to.remote).map(drop)
            }
            Some((Listener::Connections(_), _)) => return self.send_by_connection(to, len),
            None => Err(std::io::ErrorKind::NotConnected.into()),
        };
        // What is lost here is sent again by its transaction, as if the network had lost it.
        if let Err(error) = sent {
            self.unsent += 1;
            self.journal.unsent(to.remote, &error, self.clock.now());
        }
    }

    fn send_by_connection(&mut self, to: Path, len: usize) {
        let loaded = Arc::clone(&self.loaded);
        let config = loaded.lend();
        let (cx, addressee) = (self.cx(&config), self.sbc.addressee());
        let bytes = self.out.get(..len).unwrap_or_default();
        let sbc = &mut self.sbc;
        let sent = self.connections.send(&config, to, addressee, bytes, |path| sbc.admit(&cx, path));
        let Err(unsent) = sent else { return };
        self.unsent += 1;
        match unsent {
            Unsent::Nowhere(error) => {
                self.journal.unsent(to.remote, &error, cx.now);
                self.owed.push_back(Owed::Lost(to));
            }
            Unsent::TooMany => {
                self.closed.add(Reason::ConnectionLimit);
                self.journal.turned_away(to.remote, cx.now);
                self.owed.push_back(Owed::Lost(to));
            }
            Unsent::NotReading(ended) => self.ended(&ended, &End::NotReading),
        }
    }

    fn control(&mut self, worker: u8, control: Control) {
        if let (Some(recorder), Control::Record { stream, .. }) = (&self.recorder, control) {
            let call = self.sbc.call(call_of(stream));
            let message = call.is_some_and(|call| call.outcome == Some(Outcome::Voicemail));
            recorder.begin(stream, call.map_or(0, |call| call.id), message);
        }
        let worker = self.workers.get_mut(usize::from(worker));
        let handed = worker.is_some_and(|worker| {
            worker.handed = true;
            worker.handle.control(control)
        });
        if !handed && let Control::Open { stream, .. } = control {
            self.owed.push_back(Owed::Failure(stream));
        }
    }

    fn wake_workers(&mut self) {
        for worker in &mut self.workers {
            if core::mem::take(&mut worker.handed) {
                worker.handle.wake();
            }
        }
    }

    /// Lends core another configuration from now on: the only place where that happens. Its names are those that
    /// [`Lookups::follow`] was told of, and interfaces, listeners and workers are as before: see [`Sbc::reconfigure`].
    fn replace(&mut self, loaded: Loaded) {
        let new = Arc::new(loaded);
        let old = core::mem::replace(&mut self.loaded, Arc::clone(&new));
        let config = new.lend();
        let cx = self.cx(&config);
        self.sbc.reconfigure(&cx, &old.lend());
        let sbc = &mut self.sbc;
        let gone = self.connections.follow(&new, |path| sbc.admit(&cx, path));
        self.owed.extend(gone.into_iter().flat_map(|ended| ended.ways).map(Owed::Lost));
        self.drain();
        self.settle();
    }

    /// Gives back the registrations that another configuration has not, before it goes on with that.
    fn prepare(&mut self, new: Box<(Loaded, Contexts)>, done: oneshot::Sender<Changes>) {
        // One after the other: what the one before says is not skipped.
        self.next.take().into_iter().for_each(|next| self.finish(next));
        let loaded = Arc::clone(&self.loaded);
        let config = loaded.lend();
        let cx = self.cx(&config);
        self.sbc.leave_for(&cx, &new.0.lend());
        self.next = Some(Next { new, done, until: cx.now.after(LEAVING) });
        self.drain();
        self.settle();
        self.go_on();
    }

    /// Goes on with another configuration, once registrars have answered or had their time.
    fn go_on(&mut self) {
        let now = self.clock.now();
        let leaving = self.sbc.is_leaving();
        if let Some(next) = self.next.take_if(|next| !leaving || next.until <= now) {
            self.finish(next);
        }
    }

    fn finish(&mut self, next: Next) {
        let (loaded, contexts) = *next.new;
        // Who asked may have gone.
        let _ = next.done.send(self.reload(loaded, contexts));
    }

    /// Goes on with what its user wrote anew, and says what that changes.
    fn reload(&mut self, loaded: Loaded, contexts: Contexts) -> Changes {
        let new = self.lookups.follow(loaded);
        let changes = reload::changes(&self.loaded.lend(), &new.lend());
        self.connections.renew(contexts);
        self.replace(new);
        changes
    }

    pub(super) fn cx<'c>(&self, config: &'c Config<'c>) -> Cx<'c> {
        Cx { now: self.clock.now(), utc: Clock::utc(), config }
    }

    fn snapshot(&self) -> Snapshot {
        let mut counters = self.sbc.counters().clone();
        counters.add_all(&self.closed);
        Snapshot {
            usage: self.sbc.usage(),
            counters,
            connections: self.connections.len(),
            parsed: self.sbc.parsed(),
            calls: self.journal.calls(),
            unsent: self.unsent,
            traffic: Vec::new(),
        }
    }
}

/// Resolves when a datagram came to a listener.
async fn heard(listeners: &[Listener]) {
    poll_fn(|cx| {
        let ready = |listener: &Listener| {
            listener.incoming().is_some_and(|incoming| incoming.poll_recv_ready(cx).is_ready())
        };
        // Each has to be asked, so that each wakes us.
        match listeners.iter().map(ready).fold(false, |any, ready| any | ready) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}
