//! A call that is handed over more than once, or goes on after a crash.

use super::*;

const WANTS: &str = "Wants a refund.";

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
    // While the call goes on.
    house.waits_until(|house| house.said(WANTS_MORE) > 0);
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
