//! Callers who are hard to tell apart, or not to be known at all: who calls twice while the account is away has each call on
//! the ticket that Talk made of it, however many tickets there are; and a number that the account takes for none has one too.

use core::net::SocketAddrV4;
use core::time::Duration;
use std::time::Instant;

use serde_json::Value;
use warmline_tests::sipp::{AI, CARRIER, Node, PATIENCE, Stage, ZENDESK, poll, ports};
use warmline_tests::zendesk::api::{Act, Api, Ticket};
use warmline_tests::zendesk::{FarEnd, Goodbye, Manners, desk};
use warmline_tests::{Guest, Stay};

const PROGRAM: &str = env!("CARGO_BIN_EXE_warmline-tests");

const CALLER: &str = "+821044440100";

/// How long whoever answers talks.
const TALK: Duration = Duration::from_millis(1_500);

struct Scene {
    stage: Stage,
    far_end: FarEnd,
    api: Api,
    /// How many calls Talk has looked at.
    taken: usize,
}

impl Scene {
    fn set() -> Self {
        let at = SocketAddrV4::new(ZENDESK, ports(2));
        let goodbye = Goodbye::After(u64::try_from(TALK.as_millis()).expect("a short time"));
        let manners = Manners { answers: 50, goodbye, ..Manners::taking_addresses() };
        let far_end = FarEnd::open(&[at.into()], manners).expect("free ports");
        let api = Api::open("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        api.account(|account| account.per_minute = 100_000);
        let desk = desk(&api, "budget = \"500ms\"\nadopt = \"2s\"");
        let store = "[store]\nurl = \"sqlite:callers.db\"\n";
        let more = format!("\n  [line.ticket]\n  desk = \"acme\"\n{desk}{store}");
        let stage = Stage::furnish_for(PROGRAM, &more, &[AI], at, Node::default());
        Self { stage, far_end, api, taken: 0 }
    }

    /// The account answers nothing, until it behaves again.
    fn away(&self) {
        ["POST", "GET", "PUT"].into_iter().for_each(|method| self.api.upon(method, "/", Act::Cut, None));
    }

    /// Talk makes a ticket of each call that has reached it without one.
    fn talk(&mut self) {
        for visit in self.far_end.visits().iter().skip(self.taken).take_while(|visit| visit.answered) {
            self.taken += 1;
            if visit.ticket.is_none() {
                self.api.account(|account| account.talk_takes(&visit.caller));
            }
        }
    }

    /// Has somebody call so often, each time so long after the time before, until all is over.
    fn call(&mut self, number: &str, times: u32, apart: Duration) {
        let (begun, mut guests) = (Instant::now(), Vec::new());
        let done = poll(PATIENCE, || {
            while guests.len() < times as usize && begun.elapsed() >= apart * guests.len() as u32 {
                guests.push(Guest::call(number, CARRIER, self.stage.cast.sip));
            }
            guests.iter_mut().for_each(|guest: &mut Guest| guest.mind().expect("what comes is right"));
            self.talk();
            let over = guests.iter().all(|guest| guest.stay == Stay::Over);
            (guests.len() == times as usize && over).then_some(())
        });
        assert!(done.is_some(), "{guests:?}\n{}", self.stage.warmline.written());
    }

    /// Waits until nothing has yet to reach the account. The calls, the first one first.
    fn settles(&self) -> Vec<String> {
        let list = || self.stage.ask(PROGRAM, &["outbox"]);
        let empty = poll(PATIENCE, || (list().ok()?.lines().count() == 1).then_some(()));
        assert!(empty.is_some(), "{:?}\n{}", list(), self.stage.warmline.written());
        let calls = self.stage.ask(PROGRAM, &["calls", "--json"]).expect("calls");
        let calls: Vec<Value> = serde_json::from_str(&calls).expect("calls in JSON");
        calls.iter().map(|call| call["call"].as_str().expect("what it is known by").to_owned()).collect()
    }

    /// What stands in the account has the end of these calls and of no other, each the one that came at its place; the
    /// tickets.
    #[track_caller]
    fn one_each(&self, calls: &[String]) -> Vec<Ticket> {
        self.api.account(|account| {
            assert!(account.tickets.values().all(|ticket| ticket.merged.is_none()), "{:#?}", account.tickets);
            let ends = |ticket: &Ticket| {
                let said = ticket.comments.iter().filter_map(|comment| {
                    Some(comment.body.strip_prefix("Call ")?.split_once(" has ended")?.0.to_owned())
                });
                said.collect::<Vec<_>>()
            };
            let told: Vec<_> = account.tickets.values().map(ends).filter(|ends| !ends.is_empty()).collect();
            let each: Vec<_> = calls.iter().map(|call| vec![call.clone()]).collect();
            assert_eq!(told, each, "{:#?}", account.tickets);
            account.tickets.values().cloned().collect()
        })
    }
}

fn one_caller_calls_twice(apart: Duration) {
    let mut scene = Scene::set();
    scene.away();
    scene.call(CALLER, 2, apart);
    scene.api.behave();
    let calls = scene.settles();
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert_eq!(scene.one_each(&calls).len(), 2, "those that Talk made");
}

#[test]
fn each_call_of_a_caller_has_the_ticket_that_talk_made_of_it() {
    one_caller_calls_twice(Duration::from_secs(4));
}

#[test]
fn each_of_two_calls_at_once_has_the_ticket_that_talk_made_of_it() {
    one_caller_calls_twice(Duration::from_secs(1));
}

#[test]
fn many_calls_of_one_number_have_one_ticket_each() {
    let mut scene = Scene::set();
    scene.away();
    scene.call(CALLER, 6, Duration::from_millis(700));
    scene.api.behave();
    let calls = scene.settles();
    assert_eq!(scene.one_each(&calls).len(), 6, "those that Talk made");
}

#[test]
fn a_call_of_which_talk_made_no_ticket_leaves_that_of_the_next_one_alone() {
    let mut scene = Scene::set();
    scene.away();
    scene.call(CALLER, 2, Duration::from_secs(2));
    // What it made of the first one is taken out again.
    scene.api.account(|account| account.tickets.pop_first());
    scene.api.behave();
    let calls = scene.settles();
    // That of the first one is made last.
    let turned: Vec<_> = calls.iter().rev().cloned().collect();
    assert_eq!(scene.one_each(&turned).len(), 2);
}

#[test]
fn a_ticket_is_found_among_hundreds_of_the_same_caller() {
    let mut scene = Scene::set();
    // Those of a year ago, of a few seconds ago, and those that were made by hand.
    for (count, by_hand) in [(250, false), (150, true)] {
        scene.api.account(|account| {
            for _ in 0..count {
                let made = account.talk_takes(CALLER);
                let ticket = account.tickets.get_mut(&made).expect("it was made");
                match by_hand {
                    true => ticket.channel = "web".to_owned(),
                    false => ticket.created -= Duration::from_secs(365 * 24 * 3600),
                }
            }
        });
    }
    scene.away();
    scene.call(CALLER, 1, Duration::ZERO);
    // More of them come before the account is asked.
    scene.api.account(|account| {
        for _ in 0..150 {
            let made = account.talk_takes(CALLER);
            account.tickets.get_mut(&made).expect("it was made").channel = "web".to_owned();
        }
    });
    scene.api.behave();
    let calls = scene.settles();
    let all = scene.one_each(&calls);
    assert_eq!(all.len(), 250 + 150 + 1 + 150, "none was made but by Talk");
    let asked = scene.api.asked();
    let pages = asked.iter().filter(|(_, path, _)| path.contains("/tickets/requested")).count();
    assert!((2..=20).contains(&pages), "{asked:?}");
}

#[test]
fn a_number_that_the_account_takes_for_none_has_a_ticket_in_time() {
    let mut scene = Scene::set();
    scene.api.account(|account| account.no_phones.insert("+1999".to_owned()));
    scene.call("+1999", 1, Duration::ZERO);
    let calls = scene.settles();
    let [ticket] = &scene.one_each(&calls)[..] else { panic!("one") };
    assert_eq!(ticket.requester, None);
    assert!(ticket.subject.contains("+1999") && ticket.comments[0].body.contains("+1999"), "{ticket:?}");
    assert_eq!(scene.far_end.visits()[0].ticket, Some(ticket.id.to_string()), "it was in time");
    let log = scene.stage.stop();
    assert!(!log.contains("ERROR"), "{log}");
    assert!(log.contains("tickets are made without a requester for +1999"), "{log}");
}

#[test]
fn what_warmline_may_not_do_waits_until_it_may() {
    let mut scene = Scene::set();
    scene.api.upon("PUT", "/api/v2/tickets", Act::Status(403, None), Some(1));
    scene.call(CALLER, 1, Duration::ZERO);
    let waits = poll(PATIENCE, || {
        let list = scene.stage.ask(PROGRAM, &["outbox"]).ok()?;
        list.contains("403: ").then_some(list)
    });
    let list = waits.unwrap_or_else(|| panic!("{}", scene.stage.warmline.written()));
    assert!(!list.contains("aside"), "{list}");
    let log = scene.stage.warmline.written();
    assert!(log.contains("403: ") && !log.contains("steps aside"), "{log}");
}
