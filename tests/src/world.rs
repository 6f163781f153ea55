//! The rig itself: an SBC, its peers, the network between them, and time.

mod agenda;
mod attended;
mod audio;
mod connections;
mod host;
mod restart;
mod streams;
mod targets;
mod told;
mod verdict;
mod visits;
mod weather;

use core::cell::Cell;
use core::cmp::Reverse;
use core::net::{IpAddr, SocketAddr};
use std::collections::{BinaryHeap, HashMap, VecDeque};

use warmline_core::call::CallId;
use warmline_core::config::Config;
use warmline_core::locate::Found;
use warmline_core::reason::Reason;
use warmline_core::relay::{Relay, Side};
use warmline_core::{Sbc, Usage};

use crate::callee::Callee;
use crate::caller::Caller;
use crate::dice::Dice;
use crate::door::Door;
use crate::media::Media;
use crate::peer::Sent;
use crate::plan::{From, Plan};
use crate::record::Record;
use crate::setting::{Memory, Setting, address};
use crate::tap::Tap;

use agenda::{Next, What};
pub use audio::{Audio, Hears};
use connections::Connections;
pub use told::Told;
use visits::Said;
pub use weather::Weather;

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
    /// What was said of calls' tickets, by their callers' numbers, and when.
    tickets: HashMap<usize, Vec<(u64, Said)>>,
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
            tickets: HashMap::new(),
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
}
