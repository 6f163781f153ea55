//! Tickets at an account like Zendesk's, which is fast, slow, dead, or forgets to answer: there is one for each call.

use core::time::Duration;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::Notify;
use warmline_zendesk_api::{Act, Api, CLIENT};

use super::*;
use crate::clock::Clock;
use crate::node::Alarm;
use crate::store::{Entry, Keeping, Setting, Ticket, hex, retry, ticket, tickets, waiting};

const CALLER: &str = "+821044440100";
const CALL: u64 = 0xf3_c0ff_ee00_beef;

/// How long anything may take that takes some milliseconds on a machine with nothing else to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// An account, and a store with a desk there.
struct House {
    folder: PathBuf,
    api: Arc<Api>,
    adopt: Duration,
    running: Option<(Store, Desks, JoinHandle<()>)>,
}

impl House {
    fn new(test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("warmline-desk-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        let api = Api::open("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let mut house = Self { folder, api: Arc::new(api), adopt: Duration::from_secs(1), running: None };
        house.start();
        house
    }

    fn setting(&self) -> Setting {
        Setting::Sqlite(self.folder.join("warmline.db"))
    }

    fn start(&mut self) {
        let account = Account {
            base: self.api.base(),
            client_id: CLIENT.0.into(),
            client_secret: CLIENT.1.into(),
            adopt: self.adopt,
        };
        let (budget, tags) = (Duration::from_secs(1), vec!["warmline".to_owned()]);
        let desks = [
            Desk { name: "acme".into(), kind: Kind::Zendesk(account), budget, tags: tags.clone() },
            Desk { name: "here".into(), kind: Kind::Local, budget, tags },
        ];
        let alarm = Alarm(Arc::new(Notify::new()));
        let started = Store::start(self.setting(), &Keeping::default(), "edge-1".into(), &desks, &[], alarm);
        let started = started.expect("a thread starts");
        // Who looks into it here is not to make its tables at the same time.
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let _ = runtime.block_on(started.0.ask(Change::TakenUp(Vec::new())));
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
    fn opens(&self, handover: Handover, budget: Duration) -> Receiver<Option<u64>> {
        let (told, answer) = channel();
        let tell = Box::new(move |ticket| {
            let _ = told.send(ticket);
        });
        self.wish(Wish::Open(Box::new(handover), Instant::now() + budget, tell));
        answer
    }

    /// The answer within its budget.
    fn ticket(&self, handover: Handover, budget: Duration) -> Option<u64> {
        let before = Instant::now();
        let answer = self.opens(handover, budget).recv_timeout(PATIENCE).expect("an answer");
        assert!(before.elapsed() < budget + Duration::from_millis(300), "{:?}", before.elapsed());
        answer
    }

    fn closes(&self, handover: Handover, ticket: Option<u64>) {
        let text = format!("{}: connected.", handover.marker());
        let closing = Closing { ticket, outcome: "connected".into(), ended: now(), text };
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

    /// Waits until a ticket has been told the end of its call, and nothing is to be done any more.
    fn settles(&self) {
        let until = Instant::now() + PATIENCE;
        let ended = |comment: &warmline_zendesk_api::Comment| comment.body.contains("has ended");
        loop {
            let left = self.waiting();
            let told = self
                .api
                .account(|account| account.tickets.values().flat_map(|ticket| &ticket.comments).any(ended));
            if told && left.is_empty() {
                return;
            }
            assert!(Instant::now() < until, "{left:?}\n{:?}", self.api.asked());
            std::thread::sleep(Duration::from_millis(20));
        }
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

fn now() -> i64 {
    Clock::utc().expect("a clock").0
}

fn handover(desk: &str, talk: bool) -> Handover {
    Handover {
        call: CALL,
        desk: desk.into(),
        caller: Some(CALLER.into()),
        line: "support".into(),
        sip_call_id: "a@b".into(),
        began: now(),
        talk,
        create: true,
        group: Some("Support".into()),
        priority: Some("high".into()),
        tags: vec!["warmline".into()],
        solved: false,
        context: Context::default(),
    }
}

/// A whole call: its ticket in time, or none.
fn call(house: &House, budget: Duration) -> Option<u64> {
    let handover = handover("acme", false);
    let ticket = house.ticket(handover.clone(), budget);
    house.closes(handover, ticket);
    ticket
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_fast_account_makes_it_in_time() {
    let house = House::new("fast");
    let told = call(&house, 5 * SECOND).expect("a ticket");
    house.settles();
    assert_eq!(house.one(), told);
    house.api.account(|account| {
        let made = &account.tickets[&told];
        assert_eq!(made.external_id.as_deref(), Some(&*hex(CALL)));
        assert_eq!(
            (made.group, made.priority.as_deref(), &*made.channel),
            (Some(360_001), Some("high"), "voice")
        );
        assert_eq!(made.requester, account.users.first().map(|user| user.id));
        assert_eq!(account.users[0].phone.as_deref(), Some(CALLER));
        assert!(made.comments[0].body.contains("SIP Call-ID: a@b"), "{made:?}");
        assert_eq!(account.minted(), 1);
    });
}

#[test]
fn who_is_expected_costs_one_request() {
    let house = House::new("warm");
    house.wish(Wish::Expect { desk: "acme".into(), caller: CALLER.into() });
    let until = Instant::now() + PATIENCE;
    while house.api.asked().len() < 3 {
        assert!(Instant::now() < until, "{:?}", house.api.asked());
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut quick = handover("acme", false);
    quick.group = None;
    house.ticket(quick, 5 * SECOND).expect("a ticket");
    let asked: Vec<_> =
        house.api.asked().into_iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    assert_eq!(asked[3..], ["POST /api/v2/tickets"], "{asked:?}");
}

#[test]
fn a_slow_account_makes_it_late_and_it_is_found() {
    let house = House::new("slow");
    house.api.upon("POST", "/api/v2/tickets", Act::Slow(2 * SECOND), Some(1));
    assert_eq!(call(&house, SECOND / 2), None);
    house.settles();
    house.one();
}

#[test]
fn a_dead_account_makes_it_when_it_lives() {
    let house = House::new("dead");
    house.api.upon("POST", "/", Act::Cut, None);
    house.api.upon("GET", "/", Act::Cut, None);
    assert_eq!(call(&house, SECOND / 2), None);
    let until = Instant::now() + PATIENCE;
    while !house.waiting().iter().any(|entry| entry.attempts > 0) {
        assert!(Instant::now() < until, "{:?}", house.waiting());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(house.api.account(|account| account.tickets.len()), 0);
    house.api.behave();
    house.settles();
    house.one();
}

#[test]
fn an_answer_that_is_lost_makes_no_second_ticket() {
    // Once, and it is sent again in time; and for as long as the caller waits.
    for times in [Some(1), Some(3)] {
        let house = House::new(&format!("lost-{}", times.unwrap_or_default()));
        house.api.upon("POST", "/api/v2/tickets", Act::Lost, times);
        let told = call(&house, 3 * SECOND / 2);
        assert!(told.is_some() || times != Some(1));
        house.settles();
        let one = house.one();
        assert!(told.is_none_or(|told| told == one));
    }
    let house = House::new("lost-always");
    house.api.upon("POST", "/api/v2/tickets", Act::Lost, None);
    assert_eq!(call(&house, SECOND / 2), None);
    house.settles();
    house.one();
}

#[test]
fn what_is_written_after_the_call_is_written_once_though_its_answer_is_lost() {
    let house = House::new("comment");
    house.api.upon("PUT", "/api/v2/tickets", Act::Lost, Some(1));
    call(&house, 5 * SECOND).expect("a ticket");
    house.settles();
    house.one();
}

#[test]
fn too_many_requests_are_waited_out() {
    let house = House::new("many");
    house.api.upon("POST", "/api/v2/tickets", Act::Status(429, Some(2)), Some(1));
    let before = Instant::now();
    assert_eq!(call(&house, SECOND / 2), None);
    house.settles();
    house.one();
    assert!(before.elapsed() >= 2 * SECOND, "{:?}", before.elapsed());
    let asked = house.api.asked();
    let refused = asked.iter().position(|(_, _, status)| *status == 429).expect("once");
    assert_eq!(asked.iter().filter(|(_, _, status)| *status == 429).count(), 1, "{asked:?}");
    assert!(asked.len() > refused + 1, "{asked:?}");
}

#[test]
fn a_token_that_ends_early_is_renewed_in_time() {
    let house = House::new("token");
    house.wish(Wish::Expect { desk: "acme".into(), caller: CALLER.into() });
    let until = Instant::now() + PATIENCE;
    while house.api.asked().len() < 3 {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(5));
    }
    house.api.account(|account| account.revoke());
    call(&house, 5 * SECOND).expect("a ticket");
    house.settles();
    house.one();
    assert_eq!(house.api.account(|account| account.minted()), 2);
}

#[test]
fn after_two_hours_a_ticket_is_looked_for_and_not_made_again() {
    let mut house = House::new("hours");
    house.api.upon("POST", "/api/v2/tickets", Act::Lost, None);
    assert_eq!(house.ticket(handover("acme", false), SECOND / 2), None);
    house.stop();
    house.api.behave();
    house.api.account(|account| {
        assert_eq!(account.tickets.len(), 1);
        account.pass(Duration::from_secs(3 * 3600));
    });
    house.start();
    house.settles();
    house.one();
}

#[test]
fn a_crash_at_any_point_leaves_one_ticket() {
    let cues: [&[(&'static str, &'static str, Act)]; 5] = [
        &[],
        &[("POST", "/oauth", Act::Dead)],
        &[("POST", "/api/v2/tickets", Act::Dead)],
        &[("POST", "/api/v2/tickets", Act::Lost)],
        &[("POST", "/api/v2/tickets", Act::Cut)],
    ];
    for (number, cues) in cues.into_iter().enumerate() {
        let mut house = House::new(&format!("crash-{number}"));
        for (method, path, act) in cues {
            house.api.upon(method, path, *act, None);
        }
        let talk = number % 2 == 1;
        let told = house.ticket(handover("acme", talk), SECOND / 2);
        assert_eq!(told.is_some(), cues.is_empty());
        house.stop();
        house.api.behave();
        house.start();
        house.settles();
        house.one();
    }
}

#[test]
fn talks_own_ticket_takes_the_place_of_ours() {
    for (number, act) in [Act::Cut, Act::Late(2 * SECOND)].into_iter().enumerate() {
        let mut house = House::new(&format!("talk-{number}"));
        house.stop();
        house.adopt = 5 * SECOND;
        house.start();
        house.api.upon("POST", "/api/v2/tickets", act, Some(8));
        let handover = handover("acme", true);
        assert_eq!(house.ticket(handover.clone(), SECOND / 2), None);
        // So its line is rung without.
        let talks = house.api.account(|account| account.talk_takes(CALLER));
        house.closes(handover, None);
        house.settles();
        assert_eq!(house.one(), talks);
        let all = house.api.account(|account| account.tickets.len());
        assert_eq!(all, if number == 0 { 1 } else { 2 }, "ours was made late, and has ended in Talk's");
    }
}

#[test]
fn ours_is_made_where_talk_makes_none() {
    let house = House::new("none");
    house.api.upon("POST", "/api/v2/tickets", Act::Cut, Some(8));
    let handover = handover("acme", true);
    assert_eq!(house.ticket(handover.clone(), SECOND / 2), None);
    house.closes(handover, None);
    house.api.behave();
    house.settles();
    house.one();
}

#[test]
fn a_ticket_that_was_brought_is_written_on() {
    let house = House::new("brought");
    let theirs = house.api.account(|account| account.talk_takes(CALLER));
    house.closes(handover("acme", true), Some(theirs));
    house.settles();
    assert_eq!(house.one(), theirs);
}

#[test]
fn what_is_refused_steps_aside_until_it_is_tried_again() {
    let house = House::new("aside");
    house.api.upon("PUT", "/api/v2/tickets", Act::Status(422, None), Some(1));
    call(&house, 5 * SECOND).expect("a ticket");
    let until = Instant::now() + PATIENCE;
    let aside = loop {
        let left = house.waiting();
        match left.first() {
            Some(entry) if entry.state == "aside" => break entry.clone(),
            _ => assert!(Instant::now() < until, "{left:?}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(aside.note.as_deref().is_some_and(|note| note.starts_with("422: ")), "{aside:?}");
    assert!(!house.read(async |database| retry(database.pool(), "0").await.expect("an answer")));
    assert!(house.read(async |database| retry(database.pool(), &hex(CALL)).await.expect("an answer")));
    house.settles();
    house.one();
}

#[test]
fn a_desk_that_is_gone_is_told() {
    let house = House::new("gone");
    // Nobody waits for it.
    assert_eq!(house.ticket(handover("elsewhere", false), 5 * SECOND), None);
}

#[test]
fn the_local_desk_has_tickets_of_its_own() {
    let mut house = House::new("local");
    let here = handover("here", false);
    let told = house.ticket(here.clone(), 5 * SECOND).expect("a ticket");
    // Wished for again, it is the same.
    assert_eq!(house.ticket(here.clone(), 5 * SECOND), Some(told));
    let mut other = here.clone();
    other.call += 1;
    assert_eq!(house.ticket(other, 5 * SECOND), Some(told + 1));
    house.closes(here.clone(), Some(told));
    house.closes(here, Some(told));
    house.stop();
    let (all, one) = house.read(async |database| {
        let all = tickets(database.pool()).await.expect("tickets");
        (all, ticket(database.pool(), told).await.expect("an answer").expect("a ticket"))
    });
    let numbers: Vec<_> = all.iter().map(|Ticket { number, status, .. }| (*number, &**status)).collect();
    assert_eq!(numbers, [(told, "open"), (told + 1, "new")]);
    let bodies: Vec<_> =
        one.1.iter().map(|comment| comment.body.lines().next().unwrap_or_default()).collect();
    assert_eq!(bodies, ["An AI agent hands over a call.", "Call 00f3c0ffee00beef has ended: connected."]);
    assert!(house.api.asked().is_empty(), "nothing leaves the machine");
}

/// Fifty calls at once at an account that takes 300 ms for each request.
#[test]
fn many_at_once_are_all_in_time() {
    let house = House::new("at-once");
    house.api.account(|account| account.per_minute = 100_000);
    let answers = Mutex::new(0);
    house.api.upon("POST", "/api/v2/tickets", Act::Slow(Duration::from_millis(300)), None);
    let waiting: Vec<_> = (0..50)
        .map(|number| {
            let mut handover = handover("acme", false);
            handover.call = number;
            handover.caller = Some(format!("+8210444401{number:02}"));
            house.opens(handover, 5 * SECOND)
        })
        .collect();
    for answer in waiting {
        if answer.recv_timeout(PATIENCE).expect("an answer").is_some() {
            *answers.lock().expect("a count") += 1;
        }
    }
    assert_eq!(*answers.lock().expect("a count"), 50);
    assert_eq!(house.api.account(|account| account.tickets.len()), 50);
}
