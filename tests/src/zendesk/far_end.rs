//! The far end on sockets.

use core::net::{SocketAddr, SocketAddrV4};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::net::UdpSocket;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use super::Rules;
use super::greeting::{Greeting, Heard};
use crate::callee::Callee;
use crate::dice::Dice;
use crate::peer::{Peer, Sent};
use crate::plan::{Answer, Ending, Plan, Timers, Transfer};
use crate::referrer::Referrer;
use crate::sipp::{Baresip, PATIENCE, poll};
use crate::text::Text;

/// How often it looks for what has come and what is due.
const MOMENT: Duration = Duration::from_millis(2);

/// For how long a call that is over is remembered: 64*T1, as its transactions are.
const MEMORY: u64 = 32_000_000;

/// How a call ends, where the caller does not end it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goodbye {
    /// Not by it.
    Never,
    /// Nobody is there: a greeting, and then nobody. So many milliseconds after the answer.
    Unserved {
        /// At the earliest.
        least: u64,
        /// At the latest.
        most: u64,
    },
    /// The longest wait in the queue is over, or somebody who talked hangs up, so many milliseconds after the answer.
    After(u64),
}

impl Goodbye {
    /// What is known of a line with nobody there: 8 to 25 s.
    pub const UNSERVED: Self = Self::Unserved { least: 8_000, most: 25_000 };
}

/// How it takes calls.
#[derive(Clone, Debug)]
pub struct Manners {
    /// Which it does not take.
    pub rules: Rules,
    /// How many milliseconds it takes until it answers; it rings after a third of them.
    pub answers: u64,
    /// How it ends them.
    pub goodbye: Goodbye,
    /// How many of its addresses, from the first on, are silent.
    pub silent: usize,
    /// The session timer that it demands.
    pub timers: Option<Timers>,
    /// What it asks for once it has answered, where it is an AI agent.
    pub transfer: Option<Transfer>,
    /// Whether Warmline may be restarted meanwhile, and not know of a call's end what it knew of it.
    pub outlives: bool,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            answers: 300,
            goodbye: Goodbye::Never,
            silent: 0,
            timers: None,
            transfer: None,
            outlives: false,
        }
    }
}

impl Manners {
    /// Of one that takes calls to an address, as the real one never does.
    pub fn taking_addresses() -> Self {
        let rules = Rules { takes_addresses: true, ..Rules::default() };
        Self { rules, ..Self::default() }
    }
}

/// A call that came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visit {
    /// Its Call-ID.
    pub call_id: String,
    /// The user part of From: the caller's number.
    pub caller: String,
    /// What X-Zendesk-Ticket-Id says.
    pub ticket: Option<String>,
    /// At which of its addresses.
    pub address: usize,
    /// The status and the rule, where it was refused.
    pub refused: Option<(u16, String)>,
    /// Whether it was answered.
    pub answered: bool,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// Whether it is over.
    pub over: bool,
    /// How often its session was refreshed.
    pub refreshed: u32,
    /// What was heard.
    pub heard: Heard,
    /// What it knows of the transfer that it asked for.
    pub referrer: Referrer,
}

impl Visit {
    /// Whether somebody there talks now.
    pub const fn talks(&self) -> bool {
        self.answered && !self.over
    }

    /// Whether it came to nothing, or is over.
    pub const fn is_gone(&self) -> bool {
        self.over || self.cancelled
    }
}

/// What has come to its notice.
#[derive(Debug, Default)]
struct Notes {
    visits: Vec<Visit>,
    faults: Vec<String>,
}

/// A far end that listens, until it is dropped.
#[derive(Debug)]
pub struct FarEnd {
    notes: Arc<Mutex<Notes>>,
    closing: Arc<AtomicBool>,
    works: Option<JoinHandle<()>>,
}

impl FarEnd {
    /// Listens at these addresses by UDP.
    ///
    /// # Errors
    /// Where one is taken.
    pub fn open(addresses: &[SocketAddr], manners: Manners) -> std::io::Result<Self> {
        let mut sockets = Vec::new();
        for address in addresses {
            let socket = UdpSocket::bind(address)?;
            socket.set_nonblocking(true)?;
            sockets.push(socket);
        }
        let (notes, closing) = (Arc::<Mutex<Notes>>::default(), Arc::<AtomicBool>::default());
        let mut desk = Desk {
            addresses: addresses.to_vec(),
            sockets,
            manners,
            calls: Vec::new(),
            begun: Instant::now(),
            dice: Dice::new(crate::dice::seed(1)),
            notes: notes.clone(),
        };
        let told = closing.clone();
        let works = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                desk.work();
                std::thread::sleep(MOMENT);
            }
        });
        Ok(Self { notes, closing, works: Some(works) })
    }

    /// One that takes calls to an address, as the real one never does.
    ///
    /// # Panics
    /// Where the address is taken.
    pub fn taking_addresses(at: SocketAddrV4) -> Self {
        Self::open(&[at.into()], Manners::taking_addresses()).expect("a free port")
    }

    /// Waits until its first call is `what`.
    ///
    /// # Panics
    /// When it never is.
    #[track_caller]
    pub fn until(&self, what: &str, holds: impl Fn(&Visit) -> bool) -> Visit {
        let found = poll(PATIENCE, || self.visits().first().filter(|visit| holds(visit)).cloned());
        found.unwrap_or_else(|| panic!("not {what}: {:?} {:?}", self.visits(), self.faults()))
    }

    /// Waits until its greeting has come back to it for a second more.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn hears_itself(&self) {
        let so_far = self.until("there", |_| true).heard.own;
        self.until("heard to have its greeting sent back", |visit| visit.heard.own >= so_far + 50);
    }

    /// Waits until it has heard each key that is pressed on a telephone.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn hears_keys(&self, telephone: &Baresip) {
        for (key, so_far) in [("1", "1"), ("2", "12"), ("#", "12#")] {
            telephone.press(key);
            self.until("pressed", |visit| visit.heard.digits == so_far);
        }
    }

    /// The calls that have come so far, in their order.
    pub fn visits(&self) -> Vec<Visit> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).visits.clone()
    }

    /// What was wrong with what was sent to it, beside what it refused.
    pub fn faults(&self) -> Vec<String> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).faults.clone()
    }
}

impl Drop for FarEnd {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        if let Some(works) = self.works.take() {
            // What it panicked about is on the screen.
            let _ = works.join();
        }
    }
}

/// Who works there.
struct Desk {
    addresses: Vec<SocketAddr>,
    sockets: Vec<UdpSocket>,
    manners: Manners,
    calls: Vec<Call>,
    begun: Instant,
    dice: Dice,
    notes: Arc<Mutex<Notes>>,
}

/// A call, at the same place as its visit.
struct Call {
    call_id: String,
    who: Who,
    /// When it was seen to be over.
    over: Option<u64>,
}

enum Who {
    /// Somebody who is let in; and where the greeting comes from, and the greeting.
    Guest(Box<Callee>, Option<UdpSocket>, Option<Greeting>),
    /// Somebody who is not.
    Refused(Box<Peer>),
    /// Nobody any more.
    Forgotten,
}

impl Desk {
    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn work(&mut self) {
        let mut buffer = [0; 65_535];
        for place in 0..self.sockets.len() {
            loop {
                match self.sockets[place].recv_from(&mut buffer) {
                    Ok((len, from)) => self.hear(place, from, &buffer[..len]),
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                    // An earlier message found nobody there.
                    Err(_) => {}
                }
            }
        }
        self.mind();
    }

    fn hear(&mut self, place: usize, from: SocketAddr, bytes: &[u8]) {
        if place < self.manners.silent {
            return;
        }
        let text = match Text::parse(bytes) {
            Ok(text) => text,
            Err(wrong) => return self.fault(&wrong),
        };
        let now = self.now();
        let mut out = Vec::new();
        let call_id = text.get("Call-ID").unwrap_or_default();
        let known = self.calls.iter().position(|call| call.call_id == call_id);
        let result = match known {
            Some(call) => self.calls[call].hear(now, &text, &mut out),
            None => match text.method() {
                "INVITE" => self.take(now, (place, from), &text, bytes, &mut out),
                "ACK" | "" => Ok(()),
                "OPTIONS" => self.respond(now, (place, from), &text, 200, &mut out),
                _ => self.respond(now, (place, from), &text, 481, &mut out),
            },
        };
        if let Err(wrong) = result {
            self.fault(&wrong);
        }
        self.send(&out);
    }

    /// Answers what is of no call.
    fn respond(
        &self,
        now: u64,
        (place, from): (usize, SocketAddr),
        request: &Text<'_>,
        status: u16,
        out: &mut Vec<Sent>,
    ) -> Result<(), String> {
        let at = self.addresses[place];
        let mut peer = Peer::new("talk".into(), at, from, at);
        peer.local = format!("{};tag=talk", request.one("To")?);
        peer.respond(now, request, status, "", "", out);
        Ok(())
    }

    /// A new call.
    fn take(
        &mut self,
        now: u64,
        (place, from): (usize, SocketAddr),
        invite: &Text<'_>,
        bytes: &[u8],
        out: &mut Vec<Sent>,
    ) -> Result<(), String> {
        let at = self.addresses[place];
        let number = self.calls.len();
        let mut visit = Visit {
            call_id: invite.one("Call-ID")?.to_owned(),
            caller: user(invite.address("From").unwrap_or_default()).to_owned(),
            ticket: invite.get("X-Zendesk-Ticket-Id").map(str::to_owned),
            address: place,
            ..Visit::default()
        };
        let who = match self.manners.rules.judge(invite) {
            Err(refusal) => {
                visit.refused = Some((refusal.status(), refusal.to_string()));
                let mut peer = Peer::new(format!("talk{number}"), at, from, at);
                peer.local = format!("{};tag=talk{number}", invite.one("To")?);
                peer.serve(invite);
                peer.respond(now, invite, refusal.status(), "", "", out);
                Who::Refused(Box::new(peer))
            }
            Ok(()) => {
                let media = UdpSocket::bind((at.ip(), 0)).map_err(|error| error.to_string())?;
                media.set_nonblocking(true).map_err(|error| error.to_string())?;
                let heard_at = media.local_addr().map_err(|error| error.to_string())?;
                let ending = match self.manners.goodbye {
                    // The plan's caller is not here.
                    Goodbye::Never => Ending::Caller(0),
                    Goodbye::Unserved { least, most } => Ending::Target(self.dice.between(least, most)),
                    Goodbye::After(time) => Ending::Target(time),
                };
                let transfer = self.manners.transfer.clone();
                let plan = Plan { ending, timers: [None, self.manners.timers], transfer, ..Plan::plain() };
                let answer = Answer::After(self.manners.answers);
                let mut callee = Callee::new(number, 0, plan, answer, at, heard_at, from, invite, bytes)?;
                callee.resumed = self.manners.outlives;
                callee.begin(now, invite, out);
                Who::Guest(Box::new(callee), Some(media), None)
            }
        };
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).visits.push(visit);
        self.calls.push(Call { call_id: invite.one("Call-ID")?.to_owned(), who, over: None });
        Ok(())
    }

    /// Does what is due.
    fn mind(&mut self) {
        let now = self.now();
        let mut out = Vec::new();
        let mut faults = Vec::new();
        let notes = self.notes.clone();
        let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
        for (call, visit) in self.calls.iter_mut().zip(&mut notes.visits) {
            if let Err(wrong) = call.mind(now, visit, &mut out) {
                faults.push(wrong);
            }
        }
        notes.faults.append(&mut faults);
        drop(notes);
        self.send(&out);
    }

    fn fault(&self, wrong: &str) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).faults.push(wrong.to_owned());
    }

    fn send(&self, out: &[Sent]) {
        for Sent { from, to, bytes } in out {
            if let Some(place) = self.addresses.iter().position(|address| address == from) {
                // What is lost is sent again.
                let _ = self.sockets[place].send_to(bytes, to);
            }
        }
    }
}

impl Call {
    fn hear(&mut self, now: u64, text: &Text<'_>, out: &mut Vec<Sent>) -> Result<(), String> {
        match &mut self.who {
            Who::Guest(callee, ..) => match text.status() {
                Some(_) => callee.response(now, text, out),
                None => callee.request(now, text, out),
            },
            Who::Refused(peer) if text.method() == "ACK" => {
                peer.acked(text);
                Ok(())
            }
            Who::Refused(peer) => {
                peer.again(text, out);
                Ok(())
            }
            Who::Forgotten => Ok(()),
        }
    }

    fn mind(&mut self, now: u64, visit: &mut Visit, out: &mut Vec<Sent>) -> Result<(), String> {
        let mut result = Ok(());
        match &mut self.who {
            Who::Guest(callee, media, greeting) => {
                if callee.next().is_some_and(|at| at <= now) {
                    result = callee.tick(now, out);
                }
                (visit.answered, visit.cancelled) = (callee.answered, callee.cancelled);
                visit.over = callee.over;
                visit.refreshed = callee.refreshed().0;
                visit.referrer.clone_from(&callee.referrer);
                if callee.over {
                    *greeting = None;
                } else if callee.answered
                    && let Some(socket) = media.take()
                {
                    let session = callee.session.as_ref();
                    let to = session.and_then(|session| {
                        Some(SocketAddr::new(session.address.parse().ok()?, session.audio()?.1))
                    });
                    *greeting = Some(Greeting::new(socket, to.ok_or("nowhere to speak to")?, 8));
                }
                if let Some(greeting) = greeting {
                    greeting.go_on(&mut visit.heard);
                }
            }
            Who::Refused(peer) => {
                peer.tick(now, out);
                visit.over = peer.next().is_none();
            }
            Who::Forgotten => {}
        }
        if visit.over && now.saturating_sub(*self.over.get_or_insert(now)) > MEMORY {
            self.who = Who::Forgotten;
        }
        result
    }
}

/// The user part of a SIP URI.
fn user(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    rest.split_once('@').map_or("", |(user, _)| user)
}
