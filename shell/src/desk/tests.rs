//! Tickets at an account like Zendesk's, which is fast, slow, dead, or forgets to answer: there is one for each call.

use core::time::Duration;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::Notify;
use warmline_zendesk_api::{API_TOKEN, Act, Api, CLIENT};

use super::*;
use crate::clock::Clock;
use crate::node::Alarm;
use crate::store::{Entry, Keeping, Recorded, Setting, Ticket, hex, retry, ticket, tickets, waiting};

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
        let api = Api::open("127.0.0.1:0".parse().expect("an address")).expect("a free port");
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
    let mut quick = handover("acme");
    quick.parts.clear();
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
    assert_eq!(house.ticket(handover("acme"), SECOND / 2), None);
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
        let told = house.ticket(handover("acme"), SECOND / 2);
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
        let handover = handover("acme");
        assert_eq!(house.ticket(handover.clone(), SECOND / 2), None);
        // So its line is rung without.
        let talks = house.api.account(|account| account.talk_takes(CALLER));
        house.closes_so(handover, None, true, "connected");
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
    let handover = handover("acme");
    assert_eq!(house.ticket(handover.clone(), SECOND / 2), None);
    house.closes_so(handover, None, true, "connected");
    house.api.behave();
    house.settles();
    house.one();
}

#[test]
fn a_ticket_that_was_brought_is_written_on() {
    let house = House::new("brought");
    let theirs = house.api.account(|account| account.talk_takes(CALLER));
    house.closes(handover("acme"), Some(theirs));
    house.settles();
    assert_eq!(house.one(), theirs);
}

#[test]
fn a_brought_ticket_that_is_of_use_stays() {
    let house = House::new("of-use");
    let theirs = house.api.account(|account| account.talk_takes(CALLER));
    let mut brought = handover("acme");
    brought.has = Some(theirs);
    assert_eq!(house.ticket(brought.clone(), 5 * SECOND), Some(theirs));
    house.closes(brought, Some(theirs));
    house.settles();
    assert_eq!(house.one(), theirs);
}

/// Which tickets there are, and what each begins with.
fn beginnings(house: &House) -> Vec<(u64, String)> {
    house.api.account(|account| {
        let first = |ticket: &warmline_zendesk_api::Ticket| {
            ticket.comments.first().map(|comment| comment.body.clone()).unwrap_or_default()
        };
        account.tickets.values().map(|ticket| (ticket.id, first(ticket))).collect()
    })
}

#[test]
fn one_that_is_closed_or_not_there_has_another_in_its_place() {
    for (closed, said) in [(true, "which is closed."), (false, "which is not there.")] {
        let house = House::new(&format!("useless-{closed}"));
        let theirs = house.api.account(|account| {
            let theirs = account.talk_takes(CALLER);
            match closed {
                true => account.close(theirs),
                false => drop(account.tickets.remove(&theirs)),
            }
            theirs
        });
        let mut brought = handover("acme");
        brought.has = Some(theirs);
        let told = house.ticket(brought.clone(), 5 * SECOND).expect("another");
        assert_ne!(told, theirs);
        house.closes(brought.clone(), Some(told));
        house.settles();
        let (number, text) = beginnings(&house).pop().expect("a ticket");
        assert_eq!(number, told);
        assert!(text.ends_with(&format!("The call brought ticket #{theirs}, {said}")), "{text}");

        // A line that makes none passes it on.
        brought.call += 1;
        brought.create = false;
        assert_eq!(house.ticket(brought.clone(), 5 * SECOND), None);
        house.closes(brought, Some(theirs));
        house.settles();
        assert_eq!(house.api.account(|account| account.tickets.len()), if closed { 2 } else { 1 });
    }
}

#[test]
fn one_that_could_not_be_looked_at_is_passed_on_and_replaced_when_it_is_of_no_use() {
    let house = House::new("unchecked");
    let theirs = house.api.account(|account| account.talk_takes(CALLER));
    house.api.account(|account| account.close(theirs));
    house.api.upon("GET", "/api/v2/tickets", Act::Cut, Some(1));
    let mut brought = handover("acme");
    brought.has = Some(theirs);
    assert_eq!(house.ticket(brought.clone(), 5 * SECOND), None);
    house.closes(brought, Some(theirs));
    house.settles();
    let all = beginnings(&house);
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all[1].1.contains(&format!("The call brought ticket #{theirs}")), "{all:?}");
}

#[test]
fn a_call_that_is_handed_over_twice_has_one_ticket_that_tells_both() {
    let house = House::new("twice");
    let mut twice = handover("acme");
    let told = house.ticket(twice.clone(), 5 * SECOND).expect("a ticket");
    twice.earlier.push(Earlier { line: "support".into(), began: twice.began, outcome: "returned".into() });
    house.wish(Wish::Returned(Box::new(twice.clone())));
    twice.has = Some(told);
    assert_eq!(house.ticket(twice.clone(), 5 * SECOND), Some(told));
    house.closes(twice, Some(told));
    house.settles();
    assert_eq!(house.one(), told);
    house.api.account(|account| {
        let tags = &account.tickets[&told].tags;
        assert!(tags.contains("warmline_returned") && tags.contains("warmline_connected"), "{tags:?}");
    });
}

impl House {
    /// How many of the comments on all tickets that stand have this in them.
    fn said(&self, text: &str) -> usize {
        self.api.account(|account| {
            let comments = account.standing().into_iter().flat_map(|ticket| &ticket.comments);
            comments.filter(|comment| comment.body.contains(text)).count()
        })
    }
}

fn context(summary: &str) -> Context {
    Context { summary: Some(summary.into()), ..Context::default() }
}

const WANTS: &str = "Wants a refund.";
const WANTS_MORE: &str = "Wants to speak with the manager.";

/// A call with a ticket, that came back, and how it is handed over again.
fn twice(house: &House) -> (u64, Handover) {
    let mut twice = handover("acme");
    twice.context = context(WANTS);
    let told = house.ticket(twice.clone(), 5 * SECOND).expect("a ticket");
    twice.earlier.push(Earlier { line: "support".into(), began: twice.began, outcome: "returned".into() });
    house.wish(Wish::Returned(Box::new(twice.clone())));
    let again = Again { line: "sales".into(), began: now(), context: context(WANTS_MORE) };
    twice.again.push(again);
    twice.has = Some(told);
    (told, twice)
}

#[test]
fn what_is_said_of_a_later_hand_over_is_on_the_ticket_once_for_whoever_takes_it() {
    let house = House::new("said-again");
    let (told, twice) = twice(&house);
    assert_eq!(house.ticket(twice.clone(), 5 * SECOND), Some(told));
    let until = Instant::now() + PATIENCE;
    while house.said(WANTS_MORE) == 0 {
        assert!(Instant::now() < until, "the call goes on: {:?}", house.api.asked());
        std::thread::sleep(Duration::from_millis(5));
    }
    house.closes(twice, Some(told));
    house.settles();
    assert_eq!((house.one(), house.said(WANTS), house.said(WANTS_MORE)), (told, 1, 1));
    assert_eq!(house.said(&format!("Call {} is handed over again, to sales at ", hex(CALL))), 1);
}

#[test]
fn what_could_not_be_said_then_is_said_after_the_call_once() {
    for act in [Act::Cut, Act::Lost] {
        let house = House::new(&format!("said-late-{act:?}"));
        let (told, twice) = twice(&house);
        house.api.upon("PUT", "/api/v2/tickets", act, Some(1));
        assert_eq!(house.ticket(twice.clone(), 5 * SECOND), Some(told));
        house.closes(twice, Some(told));
        house.settles();
        assert_eq!((house.one(), house.said(WANTS), house.said(WANTS_MORE)), (told, 1, 1), "{act:?}");
    }
}

#[test]
fn what_was_said_is_on_a_ticket_that_did_not_begin_with_it() {
    // One that the call brought, and one that Talk made.
    for brought in [true, false] {
        let mut house = House::new(&format!("said-{brought}"));
        house.stop();
        house.adopt = 5 * SECOND;
        house.start();
        let mut call = handover("acme");
        call.context = Context { fields: [("27642".into(), "745".into())].into(), ..context(WANTS) };
        let theirs = || house.api.account(|account| account.talk_takes(CALLER));
        let ticket = if brought {
            call.has = Some(theirs());
            assert_eq!(house.ticket(call.clone(), 5 * SECOND), call.has);
            house.closes(call.clone(), call.has);
            call.has.expect("a ticket")
        } else {
            house.api.upon("POST", "/api/v2/tickets", Act::Cut, Some(8));
            assert_eq!(house.ticket(call.clone(), SECOND / 2), None);
            let ticket = theirs();
            house.closes_so(call, None, true, "connected");
            ticket
        };
        house.settles();
        assert_eq!((house.one(), house.said(WANTS), house.said("27642: 745")), (ticket, 1, 1));
    }
}

#[test]
fn a_call_that_goes_on_after_a_crash_is_told_whole() {
    let mut house = House::new("goes-on");
    let (told, twice) = twice(&house);
    house.stop();
    house.goes_on = vec![CALL];
    house.start();
    assert_eq!(house.waiting()[0].state, "open", "it has not ended");
    // Nothing is known of what was before but by the store.
    let mut again = handover("acme");
    again.began = twice.again[0].began;
    again.context = context(WANTS_MORE);
    again.has = Some(told);
    assert_eq!(house.ticket(again, 5 * SECOND), Some(told));
    let (store, ..) = house.running.as_ref().expect("it runs");
    store.write(Change::Ended { call: CALL, closing: Box::new(closing(Some(told), "connected")) });
    house.settles();
    assert_eq!((house.one(), house.said(WANTS), house.said(WANTS_MORE)), (told, 1, 1));
    assert_eq!(house.said("\nHanded over to support at "), 1);
}

#[test]
fn a_call_that_went_on_after_a_crash_and_was_never_handed_over_has_no_ticket() {
    let house = House::new("goes-on-alone");
    let (store, ..) = house.running.as_ref().expect("it runs");
    let ended = Change::Ended { call: CALL, closing: Box::new(closing(None, "connected")) };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    assert_eq!(runtime.block_on(store.ask(ended)), Ok(None));
    assert!(house.waiting().is_empty() && house.api.asked().is_empty());
}

#[test]
fn what_talk_made_of_the_first_time_is_the_ticket_of_the_second() {
    let mut house = House::new("again");
    house.stop();
    house.adopt = 5 * SECOND;
    house.start();
    // Ours comes too late for the first time, and is not made anew for the second.
    house.api.upon("POST", "/api/v2/tickets", Act::Late(SECOND), Some(1));
    assert_eq!(house.ticket(handover("acme"), SECOND / 2), None);
    let talks = house.api.account(|account| account.talk_takes(CALLER));
    let again = house.opens(handover("acme"), true, 5 * SECOND).recv_timeout(PATIENCE).expect("an answer");
    assert_eq!(again, Some(talks));
    house.closes_so(handover("acme"), again, true, "connected");
    house.settles();
    assert_eq!(house.one(), talks);
}

#[test]
fn a_call_that_talk_never_saw_has_its_ticket_at_once() {
    let mut house = House::new("unseen");
    house.stop();
    house.adopt = 600 * SECOND;
    house.start();
    house.api.upon("POST", "/api/v2/tickets", Act::Cut, Some(8));
    let call = handover("acme");
    assert_eq!(house.ticket(call.clone(), SECOND / 2), None);
    house.api.behave();
    house.closes(call, None);
    house.settles();
    house.one();
}

#[test]
fn what_the_account_does_not_take_is_left_out_and_nothing_else() {
    let right = [
        What::Group("Support".into()),
        What::Form("Phone".into()),
        What::Brand("Apex".into()),
        What::Type("task".into()),
        What::Priority("low".into()),
        What::Field(27_642, "745".into()),
    ];
    let wrong = [
        What::Priority("highest".into()),
        What::Type("call".into()),
        What::Form("Fax".into()),
        What::Field(27_642_000, "x".into()),
    ];
    for (number, wrong) in wrong.into_iter().enumerate() {
        let house = House::new(&format!("parts-{number}"));
        let mut asked = handover("acme");
        let all = right.iter().filter(|what| !what.excludes(&wrong)).chain([&wrong]);
        asked.parts = all.map(|what| part(what.clone(), 3)).collect();
        let told = house.ticket(asked.clone(), 5 * SECOND).expect("a ticket");
        house.closes(asked, Some(told));
        house.settles();
        house.one();
        house.api.account(|account| {
            let made = &account.tickets[&told];
            let found = [
                made.group == Some(360_001),
                made.form == Some(360_102),
                made.brand == Some(360_202),
                made.kind.as_deref() == Some("task"),
                made.priority.as_deref() == Some("low"),
                made.fields.get(&27_642).is_some_and(|value| value == "745"),
            ];
            for (found, right) in found.into_iter().zip(&right) {
                assert_eq!(found, !right.excludes(&wrong), "{right:?} {made:?}");
            }
        });
    }
}

#[test]
fn what_it_does_not_take_is_left_out_after_the_call_too() {
    let house = House::new("parts-late");
    house.api.upon("POST", "/api/v2/tickets", Act::Cut, Some(8));
    let mut asked = handover("acme");
    asked.parts.push(part(What::Type("call".into()), 3));
    assert_eq!(house.ticket(asked.clone(), SECOND / 2), None);
    house.api.behave();
    house.closes(asked, None);
    house.settles();
    let told = house.one();
    house.api.account(|account| assert_eq!(account.tickets[&told].group, Some(360_001)));
}

#[test]
fn somebody_else_who_writes_meanwhile_keeps_nothing_from_being_told() {
    let house = House::new("stale");
    house.api.upon("PUT", "/api/v2/tickets", Act::Status(409, None), Some(1));
    call(&house, 5 * SECOND).expect("a ticket");
    house.settles();
    house.one();
}

impl House {
    /// A recording of this call's, finished or not.
    fn records(&self, name: &str, message: bool, length: Option<i64>) {
        let file = self.folder.join(name);
        std::fs::write(&file, name.as_bytes()).expect("a file can be made");
        let recorded = Recorded { file, call: CALL, message, begun: 1_795_959_902_000_000, length };
        let (store, ..) = self.running.as_ref().expect("it runs");
        store.write(Change::Recorded(recorded));
    }

    /// The last comment of the one ticket, and the names of its files.
    fn last(&self) -> (String, Vec<String>) {
        self.api.account(|account| {
            let [ticket] = account.standing()[..] else { panic!("{:?}", account.tickets) };
            let last = ticket.comments.last().expect("a comment");
            for file in &last.attachments {
                assert_eq!((file.name.as_bytes(), &*file.kind), (&*file.bytes, "audio/wav"));
            }
            (last.body.clone(), last.attachments.iter().map(|file| file.name.clone()).collect())
        })
    }
}

#[test]
fn a_message_that_was_left_is_on_the_ticket() {
    let house = House::new("voicemail");
    let left = handover("acme");
    let told = house.ticket(left.clone(), 5 * SECOND);
    house.records("talk.wav", false, Some(60_000_000));
    house.records("message.wav", true, None);
    house.closes_so(left, told, false, "voicemail");
    let until = Instant::now() + PATIENCE;
    while !house
        .waiting()
        .iter()
        .any(|entry| entry.note.as_deref() == Some("its recording is not finished yet"))
    {
        assert!(Instant::now() < until, "{:?}", house.waiting());
        std::thread::sleep(Duration::from_millis(20));
    }
    // Its upload fails once, and its answer is lost once.
    house.api.upon("POST", "/api/v2/uploads", Act::Status(500, None), Some(1));
    house.api.upon("PUT", "/api/v2/tickets", Act::Lost, Some(1));
    house.records("message.wav", true, Some(23_000_000));
    house.settles();
    let (text, files) = house.last();
    assert_eq!(files, ["message.wav"]);
    let said =
        "Voicemail from +821044440100, 0:23 long, since 2026-11-29T13:45:02Z: attached as message.wav.";
    assert!(text.contains(said), "{text}");
}

#[test]
fn a_recording_is_on_the_ticket_where_the_line_says_so_and_a_sealed_one_never() {
    let house = House::new("recording");
    let mut recorded = handover("acme");
    recorded.recordings = true;
    let told = house.ticket(recorded.clone(), 5 * SECOND);
    house.records("talk.wav", false, Some(60_000_000));
    house.records("sealed.wav.age", true, Some(1_000_000));
    house.closes(recorded, told);
    house.settles();
    let (text, files) = house.last();
    assert_eq!(files, ["talk.wav"]);
    assert!(text.contains("Recording of the call from +821044440100, 1:00 long"), "{text}");
    assert!(text.contains("sealed, and not attached; it is kept as sealed.wav.age."), "{text}");
}

#[test]
fn a_ticket_that_is_made_of_a_message_says_so() {
    let house = House::new("via");
    house.api.upon("POST", "/oauth", Act::Cut, None);
    let left = handover("acme");
    assert_eq!(house.ticket(left.clone(), SECOND / 2), None);
    house.records("message.wav", true, Some(23_000_000));
    house.api.behave();
    house.closes_so(left, None, false, "voicemail");
    house.settles();
    assert_eq!(house.last().1, ["message.wav"]);
    house.api.account(|account| assert_eq!(account.standing()[0].via, Some(33)));
}

#[test]
fn an_api_token_opens_the_account_too() {
    let mut house = House::new("api-token");
    house.stop();
    house.credentials = Credentials::Token { email: API_TOKEN.0.into(), token: API_TOKEN.1.into() };
    house.start();
    call(&house, 5 * SECOND).expect("a ticket");
    house.settles();
    house.one();
    assert_eq!(house.api.account(|account| account.minted()), 0);
}

#[test]
fn the_ticket_of_a_call_that_overflowed_is_linked() {
    let mut house = House::new("twin");
    house.stop();
    house.twin = 5 * SECOND;
    house.start();
    let told = call(&house, 5 * SECOND).expect("a ticket");
    let until = Instant::now() + PATIENCE;
    while !house.waiting().iter().any(|entry| entry.note.is_some()) {
        assert!(Instant::now() < until, "{:?}", house.waiting());
        std::thread::sleep(Duration::from_millis(20));
    }
    let twin = house.api.account(|account| account.talk_passed_on(CALLER));
    house.settles();
    house.api.account(|account| {
        let says = |ticket: u64, other: u64| {
            let said = format!("ticket #{other}");
            account.tickets[&ticket].comments.iter().filter(|comment| comment.body.contains(&said)).count()
        };
        assert_eq!((says(told, twin), says(twin, told)), (1, 1), "{:?}", account.tickets);
    });
}

#[test]
fn the_ticket_of_a_call_that_overflowed_is_not_taken_for_its_own() {
    let house = House::new("not-twin");
    house.api.upon("POST", "/api/v2/tickets", Act::Cut, Some(8));
    let call = handover("acme");
    assert_eq!(house.ticket(call.clone(), SECOND / 2), None);
    let twin = house.api.account(|account| account.talk_passed_on(CALLER));
    house.api.behave();
    house.closes_so(call, None, true, "connected");
    house.settles();
    house.api.account(|account| {
        assert_eq!((account.standing().len(), account.tickets[&twin].comments.len()), (2, 0));
    });
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
    assert_eq!(house.ticket(handover("elsewhere"), 5 * SECOND), None);
}

#[test]
fn the_local_desk_has_tickets_of_its_own() {
    let mut house = House::new("local");
    let here = handover("here");
    let told = house.ticket(here.clone(), 5 * SECOND).expect("a ticket");
    // Wished for again, it is the same.
    assert_eq!(house.ticket(here.clone(), 5 * SECOND), Some(told));
    let mut other = here.clone();
    other.call += 1;
    assert_eq!(house.ticket(other, 5 * SECOND), Some(told + 1));
    let mut again = here.clone();
    again.has = Some(told);
    again.again.push(Again { line: "sales".into(), began: now(), context: context(WANTS_MORE) });
    assert_eq!(house.ticket(again.clone(), 5 * SECOND), None, "it has it");
    house.ticket(again, 5 * SECOND);
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
    let [begins, again, ends] = &bodies[..] else { panic!("{bodies:?}") };
    assert_eq!(
        (*begins, *ends),
        ("An AI agent hands over a call.", "Call 00f3c0ffee00beef has ended: connected.")
    );
    assert!(again.starts_with("Call 00f3c0ffee00beef is handed over again, to sales at "), "{again}");
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
            let mut handover = handover("acme");
            handover.call = number;
            handover.caller = Some(format!("+8210444401{number:02}"));
            house.opens(handover, false, 5 * SECOND)
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
