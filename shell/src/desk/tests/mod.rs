//! Tickets at an account like Zendesk's, which is fast, slow, dead, or forgets to answer: there is one for each call.

mod again;
mod attached;
mod brought;
mod limits;
mod local;
mod one;
mod parts;
mod talk;

use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::Notify;
use warmline_zendesk_api::{Act, Api, CLIENT, Comment};

use super::*;
use crate::clock::Clock;
use crate::node::Alarm;
use crate::store::{Entry, Keeping, Setting, hex, waiting};

const CALLER: &str = "+821044440100";
const CALL: u64 = 0xf3_c0ff_ee00_beef;

/// How long anything may take that takes some milliseconds on a machine with nothing else to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// An account, and a store with a desk there.
struct House {
    folder: PathBuf,
    api: Arc<Api>,
    credentials: Credentials,
    adopt: Duration,
    twin: Duration,
    /// Calls that go on when it starts.
    goes_on: Vec<u64>,
    running: Option<(Store, Desks, JoinHandle<()>)>,
}

impl House {
    fn new(test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("warmline-desk-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        let api = Api::here();
        let mut house = Self {
            folder,
            api: Arc::new(api),
            credentials: Credentials::Client { id: CLIENT.0.into(), secret: CLIENT.1.into() },
            adopt: Duration::from_secs(1),
            twin: Duration::ZERO,
            goes_on: Vec::new(),
            running: None,
        };
        house.start();
        house
    }

    fn setting(&self) -> Setting {
        Setting::Sqlite(self.folder.join("warmline.db"))
    }

    fn start(&mut self) {
        let account = Account {
            base: self.api.base(),
            credentials: self.credentials.clone(),
            adopt: self.adopt,
            twin: self.twin,
        };
        let budget = Duration::from_secs(1);
        let desk = |name: &str, kind| Desk { name: name.into(), kind, budget, parts: vec![], tags: vec![] };
        let desks = [desk("acme", Kind::Zendesk(account)), desk("here", Kind::Local)];
        let alarm = Alarm(Arc::new(Notify::new()));
        let started = Store::start(self.setting(), &Keeping::default(), "edge-1".into(), &desks, &[], alarm);
        let started = started.expect("a thread starts");
        // Who looks into it here is not to make its tables at the same time.
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let _ = runtime.block_on(started.0.ask(Change::TakenUp(self.goes_on.clone())));
        self.running = Some(started);
    }

    /// Ends as if there had been a crash: what calls would have said is never said.
    fn stop(&mut self) {
        if let Some((store, desks, thread)) = self.running.take() {
            drop((store, desks));
            thread.join().expect("it ends well");
        }
    }

    fn wish(&self, wish: Wish) {
        let (_, desks, _) = self.running.as_ref().expect("it runs");
        assert!(desks.wish(wish), "there is room");
    }

    /// Has a ticket wished for; who gets the answer.
    fn opens(&self, handover: Handover, talk: bool, budget: Duration) -> Receiver<Option<u64>> {
        let (told, answer) = channel();
        let tell = Box::new(move |ticket| {
            let _ = told.send(ticket);
        });
        let until = Instant::now() + budget;
        self.wish(Wish::Open { handover: Box::new(handover), talk, until, answer: tell, kept: None });
        answer
    }

    /// The answer within its budget.
    fn ticket(&self, handover: Handover, budget: Duration) -> Option<u64> {
        let before = Instant::now();
        let answer = self.opens(handover, false, budget).recv_timeout(PATIENCE).expect("an answer");
        assert!(before.elapsed() < budget + Duration::from_millis(300), "{:?}", before.elapsed());
        answer
    }

    fn closes(&self, handover: Handover, ticket: Option<u64>) {
        self.closes_so(handover, ticket, false, "connected");
    }

    /// The same, of a call that may have reached Talk without a ticket, or that had another outcome.
    fn closes_so(&self, handover: Handover, ticket: Option<u64>, talk: bool, outcome: &str) {
        let closing = Closing { talk, ..closing(ticket, outcome) };
        self.wish(Wish::Close(Box::new((handover, closing))));
    }

    fn read<T>(&self, ask: impl AsyncFnOnce(Database) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let database = Database::open(&self.setting()).await.expect("it opens");
            let found = ask(database.clone()).await;
            database.close().await;
            found
        })
    }

    fn waiting(&self) -> Vec<Entry> {
        self.read(async |database| waiting(database.pool()).await.expect("entries"))
    }

    /// Waits until it holds.
    #[track_caller]
    fn waits_until(&self, holds: impl Fn(&Self) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(Instant::now() < until, "{:?}\n{:?}", self.waiting(), self.api.asked());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until a ticket has been told the end of its call, and nothing is to be done any more.
    #[track_caller]
    fn settles(&self) {
        let ended = |comment: &Comment| comment.body.contains("has ended");
        self.waits_until(|house| {
            house.waiting().is_empty()
                && house.api.account(|account| {
                    account.tickets.values().flat_map(|ticket| &ticket.comments).any(ended)
                })
        });
    }

    /// The one ticket that stands in the account, which has what became of the call once.
    fn one(&self) -> u64 {
        self.api.account(|account| {
            let [ticket] = account.standing()[..] else { panic!("{:?}", account.tickets) };
            let told = ticket.comments.iter().filter(|comment| comment.body.contains("has ended")).count();
            assert_eq!(told, 1, "{ticket:?}");
            assert!(ticket.tags.contains("warmline_connected") || ticket.tags.contains("warmline_failed"));
            assert!(ticket.comments.iter().all(|comment| !comment.public), "{ticket:?}");
            ticket.id
        })
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some((store, desks, thread)) = self.running.take() {
            drop((store, desks));
            // What it could tell was told by the test that failed.
            let _ = thread.join();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// That the call has ended, and carried this ticket.
fn closing(ticket: Option<u64>, outcome: &str) -> Closing {
    let text = format!("{}: {outcome}.", handover::marker(CALL));
    Closing { ticket, talk: false, outcome: outcome.into(), ended: now(), text }
}

fn now() -> i64 {
    Clock::utc().expect("a clock").0
}

fn part(what: What, column: usize) -> Part {
    Part { what, at: format!("warmline.toml:7:{column}") }
}

fn handover(desk: &str) -> Handover {
    Handover {
        call: CALL,
        desk: desk.into(),
        caller: Some(CALLER.into()),
        line: "support".into(),
        sip_call_id: "a@b".into(),
        began: now(),
        create: true,
        has: None,
        parts: vec![part(What::Group("Support".into()), 1), part(What::Priority("high".into()), 2)],
        tags: vec!["warmline".into()],
        recordings: false,
        earlier: vec![],
        again: vec![],
        solved: false,
        context: Context::default(),
    }
}

/// A whole call: its ticket in time, or none.
fn call(house: &House, budget: Duration) -> Option<u64> {
    let handover = handover("acme");
    let ticket = house.ticket(handover.clone(), budget);
    house.closes(handover, ticket);
    ticket
}

const SECOND: Duration = Duration::from_secs(1);

fn context(summary: &str) -> Context {
    Context { summary: Some(summary.into()), ..Context::default() }
}

const WANTS_MORE: &str = "Wants to speak with the manager.";
