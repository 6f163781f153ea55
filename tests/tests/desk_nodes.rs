//! Two nodes on one database: what one that is killed leaves undone, the other does, once, and at its time, whatever their
//! clocks say.

use core::net::SocketAddrV4;

use warmline_tests::sipp::{
    AI, CARRIER, Node, PATIENCE, Postgres, Stage, ZENDESK, faketime_is_missing, poll, ports,
    postgres_is_missing,
};
use warmline_tests::zendesk::api::{Act, Api};
use warmline_tests::zendesk::{FarEnd, Goodbye, Manners, desk};
use warmline_tests::{Guest, Stay};

const PROGRAM: &str = env!("CARGO_BIN_EXE_warmline-tests");

/// How many calls each node has.
const CALLS: usize = 10;

struct Place {
    stage: Stage,
    /// Who answers there.
    _far_end: FarEnd,
}

impl Place {
    fn set(name: &str, clock: Option<&str>, api: &Api, store: &str) -> Self {
        let at = SocketAddrV4::new(ZENDESK, ports(2));
        let manners = Manners { answers: 50, goodbye: Goodbye::After(200), ..Manners::taking_addresses() };
        let far_end = FarEnd::open(&[at.into()], manners).expect("free ports");
        let desk = desk(api, "adopt = \"0s\"\nbudget = \"500ms\"");
        let store = format!("[store]\nurl = \"{store}\"\nlease = \"2s\"\n");
        let more = format!("\n  [line.ticket]\n  desk = \"acme\"\n{desk}{store}");
        let node = Node { name, clock, ..Node::default() };
        let stage = Stage::furnish_for(PROGRAM, &more, &[AI], at, node);
        let place = Self { stage, _far_end: far_end };
        // Tables are made by one alone.
        assert!(poll(PATIENCE, || place.stage.ask(PROGRAM, &["calls"]).ok()).is_some());
        place
    }

    /// Has so many callers call, until each call is over.
    fn calls(&self, first: usize) {
        let number = |number| format!("+821055{number:06}");
        let call = |at: usize| Guest::call(&number(first + at), CARRIER, self.stage.cast.sip);
        let mut guests: Vec<Guest> = (0..CALLS).map(call).collect();
        let over = |guests: &[Guest]| guests.iter().all(|guest| guest.stay == Stay::Over);
        let all = Guest::wait(&mut guests, PATIENCE, over);
        assert!(all, "{guests:?}\n{}", self.stage.warmline.written());
    }

    /// How many entries of the outbox are not done, of all nodes.
    fn waiting(&self) -> Option<usize> {
        self.stage.untold(PROGRAM).ok()
    }
}

#[test]
fn what_a_killed_node_leaves_the_other_tells_once() {
    if !postgres_is_missing("what_a_killed_node_leaves_the_other_tells_once") {
        one_is_killed("nodes", None);
    }
}

#[test]
fn the_other_tells_it_though_its_clock_is_off() {
    let test = "the_other_tells_it_though_its_clock_is_off";
    if !postgres_is_missing(test) && !faketime_is_missing(test) {
        one_is_killed("nodes-clocks", Some("-1h"));
    }
}

/// `clock`: that of the one that goes on.
fn one_is_killed(test: &str, clock: Option<&str>) {
    let postgres = Postgres::start(test);
    let api = Api::here();
    api.account(|account| account.per_minute = 100_000);
    let mut one = Place::set("edge-1", None, &api, &postgres.url());
    let two = Place::set("edge-2", clock, &api, &postgres.url());
    // Both have calls of which nothing can be told; of some it is, but the answer is lost.
    api.upon("POST", "/api/v2/tickets", Act::Lost, Some(6));
    api.upon("PUT", "/", Act::Cut, None);
    one.calls(0);
    two.calls(CALLS);
    let all = poll(PATIENCE, || (two.waiting()? == 2 * CALLS).then_some(()));
    assert!(all.is_some(), "{:?}", two.stage.ask(PROGRAM, &["outbox"]));
    api.behave();
    // In the middle of telling it.
    let told =
        || api.account(|account| account.tickets.values().filter(|ticket| ticket.comments.len() > 1).count());
    assert!(poll(PATIENCE, || (told() > 0).then_some(())).is_some());
    one.stage.warmline.kill();
    let empty = poll(2 * PATIENCE, || (two.waiting()? == 0).then_some(()));
    assert!(empty.is_some(), "{:?}\n{}", two.stage.ask(PROGRAM, &["outbox"]), two.stage.warmline.written());
    api.account(|account| {
        let standing = account.standing();
        assert_eq!(standing.len(), 2 * CALLS, "{standing:?}");
        let mut calls: Vec<_> = standing.iter().filter_map(|ticket| ticket.external_id.as_deref()).collect();
        calls.sort_unstable();
        calls.dedup();
        assert_eq!(calls.len(), 2 * CALLS);
        for ticket in standing {
            let ends = ticket.comments.iter().filter(|comment| comment.body.contains("has ended")).count();
            assert_eq!(ends, 1, "{ticket:?}");
        }
    });
    let log = two.stage.warmline.written();
    assert!(log.contains("entries of the outbox are taken over from a node that is gone"), "{log}");
    // The one that is back finds nothing left to do, and goes on.
    one.stage.restart(PROGRAM);
    one.calls(2 * CALLS);
    assert!(poll(PATIENCE, || (two.waiting()? == 0).then_some(())).is_some());
    assert_eq!(api.account(|account| account.standing().len()), 3 * CALLS);
}
