//! The rig itself: an SBC, its peers, the network between them, and time.

mod attended;
mod audio;
mod connections;
mod restart;

use core::cell::Cell;
use core::cmp::Reverse;
use core::net::{IpAddr, SocketAddr};
use std::collections::{BinaryHeap, HashMap, VecDeque};

use warmline_core::call::{CallId, Progress};
use warmline_core::config::Config;
use warmline_core::locate::Found;
use warmline_core::reason::Reason;
use warmline_core::relay::{Relay, Report, Side, Statistics, Verdict};
use warmline_core::time::{Instant, Utc};
use warmline_core::transport::{Path, Transport};
use warmline_core::{Command, Cx, Event, Input, Output, Question, Sbc, Usage};

use crate::callee::Callee;
use crate::caller::{Caller, Outcome, number_of};
use crate::dice::Dice;
use crate::door::Door;
use crate::media::{Media, Said};
use crate::peer::Sent;
use crate::plan::{Answer, From, Plan};
use crate::record::{Entered, Left, Record};
use crate::setting::{Memory, Setting, address};
use crate::tap::Tap;
use crate::text::Text;
use crate::zendesk::{Refusal, Rules};

pub use audio::{Audio, Hears};
use connections::{Carried, Connections, End};

thread_local! {
    static IN_CORE: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside core, for those who count what it does there.
pub fn core_is_running() -> bool {
    IN_CORE.get()
}

pub(crate) fn in_core<R>(run: impl FnOnce() -> R) -> R {
    IN_CORE.set(true);
    let result = run();
    IN_CORE.set(false);
    result
}

/// What the network does to a datagram. Chances are in 10,000, times in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// It is lost.
    pub loss: u64,
    /// It comes twice.
    pub doubled: u64,
    /// The shortest and the longest it takes; a wide range reorders.
    pub delay: (u64, u64),
}

impl Weather {
    /// Nothing is lost, everything takes 10 ms.
    pub const FINE: Self = Self { loss: 0, doubled: 0, delay: (10_000, 10_000) };

    /// `percent` of everything is lost and 5 % doubled, and datagrams overtake one another.
    pub const fn stormy(percent: u64) -> Self {
        Self { loss: percent * 100, doubled: 500, delay: (1_000, 120_000) }
    }
}

/// What was told of one call.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The caller's Call-ID.
    pub call_id: String,
    /// How often it began.
    pub started: u32,
    /// How often it was answered.
    pub answered: u32,
    /// How often it had something to be saved.
    pub settled: u32,
    /// How often it was taken up again after a restart.
    pub restored: u32,
    /// How often it ended.
    pub ended: u32,
    /// Why.
    pub reason: Option<Reason>,
    /// What was left out.
    pub note: Option<Reason>,
    /// The ticket.
    pub ticket: Option<u64>,
    /// When it ended.
    pub ended_at: u64,
    /// What the relay counted.
    pub statistics: [Statistics; 2],
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there are few of them, and none lives long")]
enum What {
    ToSbc {
        listener: u8,
        from: SocketAddr,
        bytes: Vec<u8>,
    },
    ToPeer {
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    /// Something comes out at the end of a connection.
    Arrives(Carried),
    /// A connection is lost.
    Cut(End),
    /// The SBC is told that a connection was lost.
    Lost(Vec<Path>),
    Caller(usize),
    Callee(usize),
    Begin(usize),
    /// The AI platform asks to transfer the first of these calls to the other party of the second.
    Attend([usize; 2]),
    /// The AI platform hangs up its leg of this call.
    Leave(usize),
    Media(Report),
    Resolved(Question),
    /// The sides of this call speak, where there is audio.
    Talk(usize),
    Packet {
        port: u16,
        from: SocketAddr,
        bytes: Vec<u8>,
    },
}

/// Something that is to happen; earlier ones first, then in the order they were arranged.
#[derive(Debug)]
struct Next {
    at: u64,
    number: u64,
    what: What,
}

impl PartialEq for Next {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for Next {}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// The rig.
pub struct World<'w> {
    /// Microseconds since it began.
    pub now: u64,
    /// The network.
    pub weather: Weather,
    /// What is listened to; without it nothing is checked.
    pub tap: Option<Tap>,
    /// The callers, by their number.
    pub callers: Vec<Caller>,
    /// The targets that were rung.
    pub callees: Vec<Callee>,
    /// What was told of each call since the last restart; of one that was restored, before as well.
    pub told: HashMap<CallId, Told>,
    /// What was told of calls that had ended before a restart.
    pub past: Vec<Told>,
    /// What was told of calls that a restart cut off, because there was no record of them.
    pub lost: Vec<Told>,
    /// What a restart needs of each call, as it was saved.
    pub records: HashMap<CallId, Vec<u8>>,
    /// What was refused outside calls, and what it asked for.
    pub refused: Vec<(Reason, String)>,
    /// What was told of addresses that are pinged: when, of which, and why it is tried last, if it is.
    pub health: Vec<(u64, SocketAddr, Option<Reason>)>,
    /// The keys that were pressed: when they were reported, at which side of their call's stream, and which.
    pub digits: Vec<(u64, Side, char)>,
    /// How each address answers OPTIONS; those that are not here ignore it.
    pub pongs: HashMap<SocketAddr, u16>,
    /// When each address was asked by OPTIONS, repetitions included.
    pub pings: HashMap<SocketAddr, Vec<u64>>,
    /// What is wrong.
    pub faults: Vec<String>,
    /// Keeps a copy of every message that reaches the SBC, when that was asked for.
    pub recording: Option<Vec<(u8, SocketAddr, Vec<u8>)>>,
    /// Keeps a copy of every message that leaves the SBC, when that was asked for.
    pub sent: Option<Vec<(SocketAddr, Vec<u8>)>>,
    /// Keeps everything that enters and leaves core, when that was asked for.
    pub record: Option<Record>,
    /// What is said in calls, when something is to be said.
    pub audio: Option<Audio>,
    /// How many packets of silence the relay has sent to whom.
    pub silence: HashMap<SocketAddr, u32>,
    /// Whether names have addresses.
    pub resolves: bool,
    /// Which ones, best first.
    pub addresses: Vec<SocketAddr>,
    /// Names' servers, where they have some, in place of the addresses.
    pub servers: Vec<Found>,
    /// Whether names' addresses and the relay's reports take no time, as where one program is host to both.
    pub prompt: bool,
    /// The chance, in 10,000, that a connection is lost when something is sent over it.
    pub cut: u64,
    /// How many connections were lost.
    pub cuts: u64,
    /// Civil time when the rig's clock was at 0, in microseconds.
    pub utc: i64,
    /// What everything follows from that the SBC and the relay make up.
    pub seeds: [[u8; 32]; 2],
    /// The configuration, as it is lent whenever the SBC is entered.
    pub config: Config<'w>,
    sbc: Sbc<'w>,
    setting: &'w Setting,
    /// When core's clock began.
    origin: u64,
    /// Whether there is nobody to hear anything, since a restart takes its time.
    dark: bool,
    queue: BinaryHeap<Reverse<Next>>,
    arranged: u64,
    wake: Option<u64>,
    dice: Dice,
    media: Media<'w>,
    connections: Connections,
    /// What is answered as soon as the SBC waits, where the host is prompt.
    answers: VecDeque<What>,
    /// The targets by their Call-ID: more than one where the INVITE forked, the first branch first.
    rung: HashMap<String, Vec<usize>>,
    /// Who asks before they ring, by the same.
    doors: HashMap<String, Door>,
    out: Vec<u8>,
    sending: Vec<Sent>,
}

impl<'w> World<'w> {
    /// A world in which nothing has happened yet. Everything follows from `seed`.
    pub fn new(setting: &'w Setting, memory: &'w mut Memory, seed: u64, weather: Weather) -> Self {
        let mut dice = Dice::new(seed);
        let mut seeds = [[0; 32]; 2];
        for chunk in seeds.as_flattened_mut().chunks_mut(8) {
            chunk.copy_from_slice(&dice.next().to_le_bytes());
        }
        let config = setting.config();
        let (storage, relay) = memory.lend();
        let sbc = Sbc::new(storage, &config, &seeds[0]);
        let media = Media::new(Relay::new(relay, &seeds[1]));
        Self {
            now: 1_000_000,
            weather,
            tap: Some(Tap::default()),
            callers: Vec::new(),
            callees: Vec::new(),
            told: HashMap::new(),
            past: Vec::new(),
            lost: Vec::new(),
            records: HashMap::new(),
            refused: Vec::new(),
            health: Vec::new(),
            digits: Vec::new(),
            pongs: HashMap::new(),
            pings: HashMap::new(),
            faults: Vec::new(),
            recording: None,
            sent: None,
            record: None,
            audio: None,
            silence: HashMap::new(),
            resolves: true,
            addresses: vec![address::ZENDESK],
            servers: Vec::new(),
            prompt: false,
            cut: 0,
            cuts: 0,
            connections: Connections::default(),
            utc: 0,
            seeds,
            sbc,
            setting,
            origin: 0,
            dark: false,
            config,
            queue: BinaryHeap::new(),
            arranged: 0,
            // Its host lets it begin.
            wake: Some(0),
            dice,
            media,
            answers: VecDeque::new(),
            rung: HashMap::new(),
            doors: HashMap::new(),
            out: vec![0; 4096],
            sending: Vec::new(),
        }
    }

    /// Arranges a call that begins `after` microseconds from now; gives its number.
    pub fn call(&mut self, plan: Plan, after: u64) -> usize {
        let number = self.callers.len();
        let at = match plan.from {
            From::Ai => address::AI,
            From::Carrier => address::CARRIER,
            From::Phone => address::PHONE,
        };
        let port = 10_000 + (number as u16 % 20_000) * 2;
        let media = SocketAddr::new(IpAddr::from([198, 51, 100, 20]), port);
        self.callers.push(Caller::new(number, plan, at, self.setting.heard_at(0), media));
        self.arrange(self.now + after, What::Begin(number));
        number
    }

    /// Makes every stream fail, or the relay fall silent.
    pub fn break_media(&mut self, fails: bool, mute: bool) {
        (self.media.broken, self.media.mute) = (fails, mute);
    }

    /// How many streams are open, and how many of all of them had both peers.
    pub fn streams(&self) -> (usize, u64) {
        (self.media.streams(), self.media.bridged)
    }

    /// What the SBC says it holds.
    pub fn usage(&self) -> Usage {
        self.sbc.usage()
    }

    /// The SBC.
    pub fn sbc(&self) -> &Sbc<'w> {
        &self.sbc
    }

    /// The dice.
    pub fn dice(&mut self) -> &mut Dice {
        &mut self.dice
    }

    /// Everything that happens until `micros` from now.
    pub fn run(&mut self, micros: u64) {
        let end = self.now + micros;
        loop {
            let arranged = self.queue.peek().map(|next| next.0.at);
            let woken = self.wake;
            let relay = self.media.wake.map(|at| at.as_micros() + self.origin);
            match [arranged, woken, relay].into_iter().flatten().min() {
                Some(at) if at <= end => self.now = self.now.max(at),
                _ => break,
            }
            let due = |at: Option<u64>| at.is_some_and(|at| at <= self.now);
            if due(woken) || self.prompt && due(relay) {
                self.drain();
            } else if due(relay) {
                self.drain_media();
            } else if let Some(Reverse(next)) = self.queue.pop() {
                self.happen(next.what);
            }
        }
        self.now = end;
    }

    /// Runs for so many seconds.
    pub fn seconds(&mut self, seconds: u64) {
        self.run(seconds * 1_000_000);
    }

    /// Runs until nothing is left to happen, at most so many seconds.
    pub fn settle(&mut self, seconds: u64) {
        self.seconds(seconds);
        self.seconds(40);
    }

    fn arrange(&mut self, at: u64, what: What) {
        self.arranged += 1;
        self.queue.push(Reverse(Next { at, number: self.arranged, what }));
    }

    fn happen(&mut self, what: What) {
        match what {
            What::ToSbc { .. } if self.dark => {}
            What::ToSbc { listener, from, bytes } => {
                self.deliver(listener, from, &bytes);
            }
            What::ToPeer { to, bytes } => self.reaches(to, &bytes),
            What::Arrives(carried) => self.arrives(carried),
            What::Cut(end) => self.cut_off(end),
            What::Lost(ways) => ways.into_iter().for_each(|way| self.input(Input::Lost(way))),
            What::Attend(calls) => self.attends(calls),
            What::Leave(number) => self.leaves(number),
            What::Begin(number) => {
                self.name_the_replaced(number);
                let mut out = core::mem::take(&mut self.sending);
                self.callers[number].begin(self.now, &mut out);
                self.send(out);
                self.mind_caller(number);
                if self.audio.is_some() {
                    self.arrange(self.now, What::Talk(number));
                }
            }
            What::Talk(number) => self.talk(number),
            What::Packet { port, from, bytes } => self.packet(port, from, &bytes),
            What::Caller(number) => {
                if self.callers[number].next().is_some_and(|at| at <= self.now) {
                    let mut out = core::mem::take(&mut self.sending);
                    let result = self.callers[number].tick(self.now, &mut out);
                    self.judge(&format!("caller {number}"), result);
                    self.send(out);
                    self.mind_caller(number);
                }
            }
            What::Callee(place) => {
                if self.callees[place].next().is_some_and(|at| at <= self.now) {
                    let mut out = core::mem::take(&mut self.sending);
                    let result = self.callees[place].tick(self.now, &mut out);
                    self.judge(&self.name_of(place), result);
                    self.send(out);
                    self.mind_callee(place);
                    self.mind_branches(place);
                }
            }
            What::Media(_) | What::Resolved(_) => {
                self.answer(what);
                self.drain();
            }
        }
    }

    /// Tells the SBC what it asked for.
    fn answer(&mut self, what: What) {
        match what {
            What::Media(report) => self.handle(Input::Media(report)),
            What::Resolved(question) => {
                let in_turn = |(priority, &address)| Found { priority, ..Found::at(address) };
                let found = match (self.resolves, self.servers.is_empty()) {
                    (false, _) => Vec::new(),
                    (true, true) => (0..).zip(&self.addresses).map(in_turn).collect(),
                    (true, false) => self.servers.clone(),
                };
                self.handle(Input::Resolved(question, &found));
            }
            _ => {}
        }
    }

    fn mind_caller(&mut self, number: usize) {
        if let Some(at) = self.callers[number].next() {
            self.arrange(at, What::Caller(number));
        }
    }

    fn mind_callee(&mut self, place: usize) {
        if let Some(at) = self.callees[place].next() {
            self.arrange(at, What::Callee(place));
        }
    }

    fn name_of(&self, place: usize) -> String {
        format!("target {place} of {}", self.callees[place].number)
    }

    fn judge(&mut self, who: &str, result: Result<(), String>) {
        if let Err(wrong) = result {
            self.faults.push(format!("{} us, {who}: {wrong}", self.now));
        }
    }

    /// Puts what peers send on its way.
    fn send(&mut self, mut out: Vec<Sent>) {
        for Sent { from, to, bytes } in out.drain(..) {
            if self.sends_by_connection(from, &bytes) {
                continue;
            }
            let listener = u8::from(to != self.setting.heard_at(0));
            for at in self.passages().into_iter().flatten() {
                self.arrange(at, What::ToSbc { listener, from, bytes: bytes.clone() });
            }
        }
        self.sending = out;
    }

    /// When the copies of a datagram arrive.
    fn passages(&mut self) -> [Option<u64>; 2] {
        let Weather { loss, doubled, delay } = self.weather;
        let passage = |dice: &mut Dice, there: bool| there.then(|| self.now + dice.between(delay.0, delay.1));
        let there = !self.dice.chance(loss);
        let first = passage(&mut self.dice, there);
        let twice = there && self.dice.chance(doubled);
        [first, passage(&mut self.dice, twice)]
    }

    /// What core's clock says now.
    fn clock(&self) -> Instant {
        Instant::from_micros(self.now - self.origin)
    }

    /// A datagram reaches a listener; whether its source may speak.
    pub fn deliver(&mut self, listener: u8, from: SocketAddr, bytes: &[u8]) -> bool {
        if let Some(record) = &mut self.record {
            record.entered.push((self.now, Entered::Message { listener, from, bytes: bytes.to_vec() }));
        }
        let cx = Cx { now: self.clock(), utc: Some(self.utc()), config: &self.config };
        let path = Path { transport: Transport::Udp, listener, flow: 0, remote: from };
        let Ok(admitted) = in_core(|| self.sbc.admit(&cx, path)) else { return false };
        if let Some(recording) = &mut self.recording {
            recording.push((listener, from, bytes.to_vec()));
        }
        let result = self.tap.as_mut().map_or(Ok(()), |tap| tap.arrives(self.now, from, bytes, false));
        self.judge("tap", result);
        self.input(Input::Message(admitted, bytes));
        true
    }

    /// An operator's command.
    pub fn command(&mut self, command: Command) {
        if let Some(record) = &mut self.record {
            record.entered.push((self.now, Entered::Command(command)));
        }
        self.input(Input::Command(command));
    }

    /// Another configuration from now on.
    pub fn reconfigure(&mut self, new: Config<'w>) {
        let old = core::mem::replace(&mut self.config, new);
        let cx = Cx { now: self.clock(), utc: Some(self.utc()), config: &self.config };
        in_core(|| self.sbc.reconfigure(&cx, &old));
        self.drain();
    }

    fn input(&mut self, input: Input<'_>) {
        self.handle(input);
        self.drain();
    }

    fn handle(&mut self, input: Input<'_>) {
        let cx = Cx { now: self.clock(), utc: Some(self.utc()), config: &self.config };
        in_core(|| self.sbc.handle(&cx, input));
    }

    const fn utc(&self) -> Utc {
        Utc(self.utc + self.now as i64)
    }

    /// Takes everything out that wants out: of the SBC, and where the host is prompt, of both, until both wait.
    fn drain(&mut self) {
        self.drain_signalling();
        while self.prompt {
            let answer = self.answers.pop_front().or_else(|| self.next_report().map(What::Media));
            let Some(answer) = answer else { return };
            self.answer(answer);
            self.drain_signalling();
        }
    }

    fn drain_signalling(&mut self) {
        for turn in 0..100_000 {
            let cx = Cx { now: self.clock(), utc: Some(self.utc()), config: &self.config };
            let output = in_core(|| self.sbc.poll(&cx, &mut self.out));
            match output {
                Output::Transmit { to, len } => self.transmit(to, len),
                Output::Media { control, .. } => {
                    match self.media.control(self.clock(), control) {
                        Ok(report) => {
                            report.into_iter().for_each(|report| self.later(500, What::Media(report)))
                        }
                        Err(wrong) => self.judge("relay", Err(wrong)),
                    }
                    if !self.prompt {
                        self.drain_media();
                    }
                }
                Output::Resolve(question) => self.later(20_000, What::Resolved(question)),
                Output::Event(event) => self.hear(event),
                Output::Wait(at) => {
                    self.wake = at.map(|at| at.as_micros() + self.origin);
                    if self.wake.is_none_or(|at| at > self.now) {
                        return;
                    }
                    // What is swept is swept in steps.
                    assert!(turn < 50_000, "the SBC never waits");
                }
            }
        }
        self.judge("poll", Err("the SBC never waits".into()));
    }

    fn drain_media(&mut self) {
        while let Some(report) = self.next_report() {
            self.later(500, What::Media(report));
        }
    }

    /// What the relay reports next; none when it waits.
    fn next_report(&mut self) -> Option<Report> {
        loop {
            match self.media.poll(self.clock(), self.utc()) {
                Ok(Some(Said::Report(report))) => return Some(report),
                Ok(Some(Said::Sent(to, bytes))) => {
                    if to.port().is_multiple_of(2) {
                        *self.silence.entry(to).or_default() += 1;
                    }
                    self.media_leaves(None, to, bytes);
                }
                Ok(None) => return None,
                Err(wrong) => {
                    self.judge("relay", Err(wrong));
                    return None;
                }
            }
        }
    }

    /// The SBC gets an answer after so many microseconds, or as soon as it waits where the host is prompt.
    fn later(&mut self, after: u64, answer: What) {
        if self.prompt {
            self.answers.push_back(answer);
        } else {
            self.arrange(self.now + after, answer);
        }
    }

    /// One side of a call sends an RTP packet to where it was told, from where it said; what leaves for it, and
    /// from which port of ours to whom. Or why nothing does.
    pub fn speak(
        &mut self,
        number: usize,
        side: Side,
        packet: &[u8],
    ) -> Result<(u16, SocketAddr, Vec<u8>), Verdict> {
        let callee = self.callees.iter().rfind(|callee| callee.number == number);
        let (session, from) = match side {
            Side::A => (&self.callers[number].session, Some(self.callers[number].peer.media)),
            Side::B | Side::C => {
                (&callee.expect("nobody was rung").session, callee.map(|callee| callee.peer.media))
            }
        };
        let port = session.as_ref().and_then(|session| session.audio()).map(|audio| audio.1);
        let (port, from) = port.zip(from).expect("nobody was told where to speak to");
        self.media.forward(self.clock(), port, from, packet)
    }

    /// Where each side of a call listens, and the port that each was told to speak to.
    pub fn media_of(&self, number: usize) -> [(SocketAddr, u16); 2] {
        let callee = self.callees.iter().rfind(|callee| callee.number == number).expect("nobody was rung");
        let caller = &self.callers[number];
        [(caller.peer.media, &caller.session), (callee.peer.media, &callee.session)].map(|(at, session)| {
            let audio = session.as_ref().and_then(|session| session.audio());
            (at, audio.map_or(0, |audio| audio.1))
        })
    }

    /// Where everybody in a call listens, and the port of ours that each was told to speak to: the caller, and the
    /// targets in the order they were rung.
    pub fn ends(&self, number: usize) -> Vec<(SocketAddr, u16)> {
        let caller = &self.callers[number];
        let callees = self.callees.iter().filter(|callee| callee.number == number);
        let ends = callees.map(|callee| (callee.peer.media, &callee.session));
        let ends = [(caller.peer.media, &caller.session)].into_iter().chain(ends);
        ends.map(|(at, session)| {
            (at, session.as_ref().and_then(|session| session.audio()).map_or(0, |audio| audio.1))
        })
        .collect()
    }

    /// An RTP packet comes to a port of ours; to whom it goes, if it does.
    pub fn speak_from(&mut self, from: SocketAddr, port: u16, packet: &[u8]) -> Option<SocketAddr> {
        self.media.forward(self.clock(), port, from, packet).ok().map(|(_, to, _)| to)
    }

    /// How many RTCP packets the relay sent of its own accord.
    pub fn rtcp(&self) -> u64 {
        self.media.rtcp
    }

    fn transmit(&mut self, to: Path, len: usize) {
        let bytes = self.out[..len].to_vec();
        let result = self
            .tap
            .as_mut()
            .map_or(Ok(()), |tap| tap.leaves(self.now, to.remote, &bytes, to.transport.is_reliable()));
        if let Err(wrong) = result {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            self.judge("tap", Err(format!("{wrong}\n{text}")));
        }
        if let Some(record) = &mut self.record {
            record.left.push(Left { at: self.now, to: to.remote, bytes: bytes.clone() });
        }
        if let Some(sent) = &mut self.sent {
            sent.push((to.remote, bytes.clone()));
        }
        if to.transport.is_reliable() {
            return self.leaves_by_connection(to, bytes);
        }
        for at in self.passages().into_iter().flatten() {
            self.arrange(at, What::ToPeer { to: to.remote, bytes: bytes.clone() });
        }
    }

    fn hear(&mut self, event: Event) {
        let id = match event {
            Event::Registered { .. } | Event::Unregistered { .. } | Event::Course(_) => return,
            Event::Reachable { address, .. } => return self.health.push((self.now, address, None)),
            Event::Unreachable { address, reason, .. } => {
                return self.health.push((self.now, address, Some(reason)));
            }
            Event::Refused { reason, asked, .. } => {
                return self.refused.push((reason, asked.as_str().to_owned()));
            }
            Event::Digit { side, digit, .. } => {
                return self.digits.push((self.now, side, char::from(digit.key())));
            }
            Event::Learned { .. }
            | Event::Elsewhere { .. }
            | Event::NotAuthentic { .. }
            | Event::Unanswered(_) => return,
            Event::Started(id)
            | Event::Answered(id)
            | Event::Settled(id)
            | Event::Ticket(id)
            | Event::Ended(id) => id,
        };
        match event {
            Event::Settled(_) => self.keep(id),
            Event::Ended(_) => drop(self.records.remove(&id)),
            _ => {}
        }
        let Some(view) = self.sbc.call(id) else {
            return self.judge("events", Err(format!("{event:?} of a call that is not there")));
        };
        let told = self.told.entry(id).or_default();
        match event {
            Event::Started(_) => {
                told.started += 1;
                told.call_id = String::from_utf8_lossy(view.call_id).into_owned();
            }
            Event::Answered(_) => told.answered += 1,
            Event::Settled(_) => told.settled += 1,
            Event::Ticket(_) => {}
            _ => {
                told.ended += 1;
                told.ended_at = self.now;
                told.ticket = view.ticket.map(|ticket| ticket.get());
                told.note = view.note;
                told.statistics = *view.statistics;
                if let Progress::Ended(reason) = view.progress {
                    told.reason = Some(reason);
                }
            }
        }
    }

    fn reaches(&mut self, to: SocketAddr, bytes: &[u8]) {
        // What the tap heard, it has judged already.
        let Ok(text) = Text::parse(bytes) else { return };
        if text.method() == "OPTIONS" && text.status().is_none() {
            return self.is_pinged(to, &text);
        }
        let call_id = text.get("Call-ID").unwrap_or_default();
        let mut out = core::mem::take(&mut self.sending);
        let now = self.now;
        let network = match to.ip() {
            IpAddr::V4(ip) => ip.octets()[0],
            IpAddr::V6(_) => 0,
        };
        if network == 198 {
            let number = call_id.strip_prefix("zxa").and_then(|rest| rest.split('-').next()?.parse().ok());
            let number = number.filter(|&number: &usize| number < self.callers.len());
            if let Some(number) = number {
                let caller = &mut self.callers[number];
                let before = caller.outcome;
                let result = match text.status() {
                    Some(_) => caller.response(now, &text, &mut out),
                    None => caller.request(now, &text, &mut out),
                };
                let answered = (before, caller.outcome) == (Outcome::Open, Outcome::Answered);
                if let Some(cut) = caller.plan.cut.filter(|_| answered) {
                    self.arrange(now + cut * 1_000, What::Cut(End::Caller(number)));
                }
                self.judge(&format!("caller {number}"), result);
                self.send(out);
                return self.mind_caller(number);
            }
        }
        if matches!(network, 198 | 203) {
            if self.is_at_the_door(to, &text, &mut out) {
                return self.send(out);
            }
            let places = match self.rung.get(call_id) {
                Some(places) => self.meant(places, &text),
                None if text.method() == "INVITE" => self.ring(to, &text, bytes, &mut out),
                None => Vec::new(),
            };
            let others_answered = places.iter().any(|&place| self.callees[place].answered);
            for &place in &places {
                let callee = &mut self.callees[place];
                callee.others_answered = others_answered;
                let result = match text.status() {
                    Some(_) => callee.response(now, &text, &mut out),
                    None => callee.request(now, &text, &mut out),
                };
                self.judge(&self.name_of(place), result);
            }
            if !places.is_empty() {
                self.send(out);
                for place in places {
                    self.mind_callee(place);
                    self.mind_branches(place);
                }
                return;
            }
        }
        self.sending = out;
        if self.tap.is_some() {
            let result = Err(format!("nobody is at {to} for {}", text.start));
            self.judge("network", result);
        }
    }

    /// An address is asked by OPTIONS.
    fn is_pinged(&mut self, at: SocketAddr, options: &Text<'_>) {
        self.pings.entry(at).or_default().push(self.now);
        let Some(status) = self.pongs.get(&at) else { return };
        let field = |name| options.get(name).unwrap_or_default();
        let bytes = format!(
            "SIP/2.0 {status} Pong\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=pong\r\nCall-ID: {}\r\nCSeq: {}\r\n\
             Content-Length: 0\r\n\r\n",
            field("Via"),
            field("From"),
            field("To"),
            field("Call-ID"),
            field("CSeq"),
        );
        let host = field("Via").split([' ', ';']).nth(1).and_then(|host| host.parse().ok());
        let to = host.expect("a Via of ours has an address");
        self.send(vec![Sent { from: at, to, bytes: bytes.into_bytes() }]);
    }

    /// Whether a message ends with who asks for credentials before anybody's telephone rings.
    fn is_at_the_door(&mut self, at: SocketAddr, text: &Text<'_>, out: &mut Vec<Sent>) -> bool {
        let call_id = text.get("Call-ID").unwrap_or_default();
        if let Some(door) = self.doors.get(call_id)
            && door.is_acknowledged_by(text)
        {
            return true;
        }
        if text.method() != "INVITE" || text.tag("To").is_some() || at == address::AI {
            return false;
        }
        let number = self.number_of(text);
        let Some(plan) = self.callers.get(number).map(|caller| &caller.plan) else { return false };
        let answer = self.answer_at(number, at, self.is_transfer(number, text));
        let Some(challenge) = plan.challenge.filter(|_| answer != Answer::Silence) else { return false };
        let sbc = self.setting.heard_at(1);
        let door = self.doors.entry(call_id.to_owned());
        let door = door.or_insert_with(|| Door::new(challenge, number, at, sbc));
        match door.lets_in(self.now, text, out) {
            Ok(let_in) => !let_in,
            Err(wrong) => {
                self.judge(&format!("door {number}"), Err(wrong));
                true
            }
        }
    }

    /// Which call an INVITE to a target is of.
    fn number_of(&self, invite: &Text<'_>) -> usize {
        let user = invite.address("From").and_then(|uri| uri.strip_prefix("sip:")?.split('@').next());
        // Of one who withholds the number, the ticket tells which call it is.
        let ticket = || {
            let ticket = invite.get("X-Zendesk-Ticket-Id")?.parse().ok();
            self.callers.iter().position(|caller| caller.plan.anonymous && caller.plan.ticket == ticket)
        };
        user.and_then(number_of).or_else(ticket).unwrap_or(0)
    }

    /// What is planned to become of an INVITE at this address.
    fn answer_at(&self, number: usize, at: SocketAddr, transferred: bool) -> Answer {
        let plain = Plan::plain();
        let plan = self.callers.get(number).map_or(&plain, |caller| &caller.plan);
        // By address, not by order: an INVITE may arrive when its target was given up already.
        let answer = match address::OTHERS.iter().position(|&other| other == at) {
            Some(other) => plan.others.get(other),
            None => plan.answers.get(match (plan.dial, at) {
                ("mixed", address::AI) => 1,
                ("mixed", address::BACKUP) => 2,
                (_, address::BACKUP) => 1,
                _ => 0,
            }),
        };
        let answer = answer.copied().unwrap_or(Answer::Refuse(480, 10));
        match plan.transfer.as_ref().filter(|_| transferred) {
            Some(_) if at == address::AI => Answer::AtOnce,
            Some(transfer) => transfer.answer,
            None => answer,
        }
    }

    /// Whether an INVITE of a call was sent for a transfer that somebody in it has asked for, or since that has failed. One
    /// that was sent before may arrive later.
    fn is_transfer(&self, number: usize, invite: &Text<'_>) -> bool {
        let by_caller = self.callers.get(number).and_then(|caller| caller.referrer.asked);
        let callees = self.callees.iter().filter(|callee| callee.number == number);
        let Some(asked) = by_caller.or_else(|| callees.filter_map(|callee| callee.referrer.asked).min())
        else {
            return false;
        };
        let sent = self.tap.as_ref().and_then(|tap| tap.first_sent(invite.branch()));
        sent.is_none_or(|sent| sent > asked)
    }

    /// Which branches of a fork a message is for.
    fn meant(&self, places: &[usize], text: &Text<'_>) -> Vec<usize> {
        let with = |is: &dyn Fn(&Callee) -> bool| -> Vec<usize> {
            places.iter().copied().filter(|&place| is(&self.callees[place])).collect()
        };
        match (text.status(), text.tag("To")) {
            (Some(_), _) => with(&|callee| text.branch().starts_with(&callee.peer.branches_begin())),
            (None, Some(tag)) => with(&|callee| callee.peer.local.ends_with(&format!(";tag={tag}"))),
            // What is passed on to the branches is the proxy's business; it does so once.
            (None, None) if text.method() == "CANCEL" => {
                let first = places[0];
                let all = !self.callees[first].cancelled && self.callees[first].answer != Answer::Silence;
                if all { places.to_vec() } else { vec![first] }
            }
            (None, None) => vec![places[0]],
        }
    }

    /// When one branch of a fork has answered, the others that only ring are cancelled by the proxy.
    fn mind_branches(&mut self, place: usize) {
        if !self.callees[place].answered {
            return;
        }
        let Some(places) = self.rung.get(&self.callees[place].peer.call_id) else { return };
        for &other in places.iter().filter(|&&other| other != place) {
            self.callees[other].stop_ringing();
        }
    }

    /// A target's telephone rings for the first time, or all those that its INVITE leads to.
    fn ring(&mut self, at: SocketAddr, invite: &Text<'_>, bytes: &[u8], out: &mut Vec<Sent>) -> Vec<usize> {
        let number = self.number_of(invite);
        let plan = self.callers.get(number).map_or_else(Plan::plain, |caller| caller.plan.clone());
        let transferred = plan.transfer.is_some() && self.is_transfer(number, invite);
        let answer = self.answer_at(number, at, transferred);
        let sbc = self.setting.heard_at(u8::from(at != address::AI));
        let wired = at != address::AI && self.config.trunks[2].listener == address::WIRED;
        let contact = format!("sip:{sbc}{}", if wired { ";transport=TCP" } else { "" });
        let result = check_invite(&plan, at, &contact, transferred, invite);
        if self.tap.is_some() {
            self.judge(&format!("target {}", self.callees.len()), result);
        }
        let alone = at == address::BACKUP || matches!(answer, Answer::Silence | Answer::Refuse(..));
        let forks = if alone { &[][..] } else { &plan.forks };
        let mut places = Vec::new();
        for &answer in [answer].iter().chain(forks) {
            let place = self.callees.len();
            let media = SocketAddr::new(
                if at == address::AI {
                    IpAddr::from([198, 51, 100, 30])
                } else {
                    IpAddr::from([203, 0, 113, 20])
                },
                10_000 + (place as u16 % 20_000) * 2,
            );
            match Callee::new(number, place, plan.clone(), answer, at, media, sbc, invite, bytes) {
                Ok(mut callee) => {
                    callee.further = !places.is_empty();
                    callee.transferred = transferred;
                    callee.loses_answers = self.cut > 0;
                    callee.begin(self.now, invite, out);
                    places.push(place);
                    self.rung.entry(callee.peer.call_id.clone()).or_default().push(place);
                    self.callees.push(callee);
                }
                Err(wrong) => self.judge("target", Err(wrong)),
            }
        }
        places
    }

    /// Everything that is still wrong when all should be over: what was found on the way, what is not free, who is
    /// not done, and what was not told exactly once.
    pub fn verdict(&self) -> Vec<String> {
        let mut wrong = self.faults.clone();
        if self.usage() != Usage::default() {
            wrong.push(format!("not free: {:?}", self.usage()));
        }
        if self.media.streams() != 0 {
            wrong.push(format!("{} streams are open", self.media.streams()));
        }
        for told in self.told.values().chain(&self.past) {
            let answered = u32::from(told.answered > 0);
            if (told.started, told.answered, told.ended) != (1, answered, 1) || told.reason.is_none() {
                wrong.push(format!("a call was told as {told:?}"));
            }
        }
        for (number, caller) in self.callers.iter().enumerate() {
            let cut_off = caller.orphaned && caller.outcome == Outcome::Open;
            if !cut_off && (caller.outcome == Outcome::Open || !caller.over) {
                wrong.push(format!("caller {number} is not done: {:?} by {:?}", caller.outcome, caller.plan));
            }
        }
        for (place, callee) in self.callees.iter().enumerate() {
            // Or it was heard of, but what was to tell it of the end was lost with its connection.
            let heard = || {
                let tap = self.tap.as_ref();
                self.cut == 0 && tap.is_none_or(|tap| !tap.never_heard(&callee.peer.call_id))
            };
            let cut_off = callee.orphaned && !callee.answered;
            if !callee.over && !cut_off && heard() {
                wrong.push(format!("target {place} of {} is not done: {:?}", callee.number, callee.answer));
            }
        }
        wrong
    }

    /// Panics unless all is over and nothing was wrong.
    #[track_caller]
    pub fn expect_clean(&self) {
        let mut wrong = self.verdict();
        if let Some(tap) = &self.tap {
            wrong.extend(tap.remains());
        }
        if !wrong.is_empty() {
            let ladder = self.tap.as_ref().and_then(|tap| tap.ladder.as_ref());
            let ladder = ladder.map(|ladder| ladder.join("\n")).unwrap_or_default();
            let count = wrong.len();
            wrong.truncate(12);
            panic!("{count} wrong:\n{}\n{ladder}", wrong.join("\n"));
        }
    }
}

/// What every INVITE to a target must say, by the design's rules.
fn check_invite(
    plan: &Plan,
    at: SocketAddr,
    contact: &str,
    transferred: bool,
    invite: &Text<'_>,
) -> Result<(), String> {
    let ticket: Vec<&str> = invite.all("X-Zendesk-Ticket-Id").collect();
    let brought = plan.transfer.as_ref().filter(|_| transferred).and_then(|transfer| transfer.ticket);
    let expected = brought.or_else(|| plan.ticket.filter(|_| plan.from == From::Ai));
    let expected = expected.filter(|_| at != address::AI).map(|ticket| ticket.to_string());
    if ticket != expected.as_deref().into_iter().collect::<Vec<_>>() {
        return Err(format!("ticket {ticket:?} and not {expected:?}"));
    }
    let uri = match at {
        address::BACKUP => "sip:backup@203.0.113.6",
        address::AI => "sip:agent@198.51.100.10",
        _ => "sip:support@acme.sip.example.net",
    };
    if invite.uri() != uri || invite.get("To") != Some(&*format!("<{uri}>")) {
        return Err(format!("{} to {:?}", invite.start, invite.get("To")));
    }
    if invite.one("Max-Forwards")? != if at == address::AI { "69" } else { "70" } {
        return Err("Max-Forwards is not 70".into());
    }
    crate::timer::asks_for_a_timer(invite)?;
    // What stands for nobody, where Zendesk wants a number.
    let user = if plan.anonymous { "sip:+266696687@" } else { "sip:+1415" };
    let host = contact.split(':').nth(1).map(|host| format!("@{host}")).unwrap_or_default();
    if !invite.address("From").is_some_and(|uri| uri.starts_with(user) && uri.ends_with(&host)) {
        return Err(format!("From {:?}", invite.get("From")));
    }
    let foreign =
        ["P-Asserted-Identity", "Privacy", "Diversion", "History-Info", "User-to-User", "Remote-Party-ID"];
    let is_foreign = |name: &str| match name {
        "X-Zendesk-Ticket-Id" => false,
        "X-Warmline-Call" => at != address::AI,
        _ => name.starts_with("X-") || foreign.contains(&name),
    };
    if let Some((name, _)) = invite.fields.iter().find(|(name, _)| is_foreign(name)) {
        return Err(format!("{name} at Zendesk"));
    }
    if invite.address("Contact") != Some(contact) {
        return Err(format!("Contact {:?}", invite.get("Contact")));
    }
    match Rules::default().judge(invite) {
        // What is configured as an address is dialled as one.
        Err(Refusal::Address) if matches!(at, address::BACKUP | address::AI) => Ok(()),
        judged => judged.map_err(|refusal| format!("Zendesk refuses {refusal}")),
    }
}
