//! What an account bears no more, and what goes on meanwhile.

use super::*;
use crate::store::retry;

const OTHER: u64 = CALL + 1;

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
fn one_tickets_limit_holds_up_nobody_else() {
    let house = House::new("spent");
    let ticket = house.ticket(handover("acme"), 5 * SECOND).expect("a ticket");
    house.api.upon("PUT", "/api/v2/tickets", Act::Spent(300), None);
    house.closes(handover("acme"), Some(ticket));
    house.waits_until(|house| house.waiting().iter().any(|entry| entry.attempts > 0));
    let other = Handover { call: OTHER, ..handover("acme") };
    house.ticket(other, 5 * SECOND).expect("a ticket, and in time");
    house.api.behave();
    // It is known when it will be again, and by hand it is tried sooner.
    assert!(house.read(async |database| retry(database.pool(), &hex(CALL)).await.expect("an answer")));
    house.waits_until(|house| house.waiting().iter().all(|entry| entry.handover.call == OTHER));
    let told = house.api.account(|account| account.tickets[&ticket].comments.len());
    assert_eq!(told, 2, "what the call was, and what became of it");
}

#[test]
fn hand_overs_that_take_long_do_not_hold_up_what_is_due() {
    let house = House::new("opening");
    let ticket = house.ticket(handover("acme"), 5 * SECOND);
    house.api.upon("POST", "/api/v2/tickets", Act::Dead, None);
    let calls: Vec<_> = (OTHER..OTHER + 8)
        .map(|call| house.opens(Handover { call, ..handover("acme") }, false, 2 * PATIENCE))
        .collect();
    let sent = |house: &House| house.api.asked().iter().filter(|(.., status)| *status == 0).count();
    house.waits_until(|house| sent(house) >= calls.len());
    house.closes(handover("acme"), ticket);
    house.waits_until(|house| house.waiting().iter().all(|entry| entry.handover.call != CALL));
    assert!(calls.iter().all(|answer| answer.try_recv().is_err()), "they wait on");
}

#[test]
fn a_conflict_is_no_failing_account() {
    let house = House::new("conflict");
    let closed = house.ticket(handover("acme"), 5 * SECOND).expect("a ticket");
    house
        .api
        .account(|account| account.tickets.get_mut(&closed).expect("it is there").status = "closed".into());
    let ticket = house.ticket(Handover { call: OTHER, ..handover("acme") }, 5 * SECOND);
    house.api.upon("PUT", "/api/v2/tickets", Act::Status(409, None), None);
    house.closes(Handover { call: OTHER, ..handover("acme") }, ticket);
    house.waits_until(|house| house.waiting().iter().any(|entry| entry.attempts > 0));
    // One that is brought is looked at all the same.
    let brings = Handover { call: OTHER + 1, has: Some(closed), ..handover("acme") };
    let made = house.ticket(brings, 5 * SECOND).expect("another in its place");
    assert_ne!(made, closed);
}

#[test]
fn who_waits_for_the_store_goes_on_once_a_hand_over_is_in_it() {
    let house = House::new("kept");
    house.api.upon("GET", "/", Act::Dead, None);
    house.api.upon("POST", "/", Act::Dead, None);
    let (kept, written) = oneshot::channel();
    house.wish(Wish::Open {
        handover: Box::new(handover("acme")),
        talk: false,
        until: Instant::now() + 5 * SECOND,
        answer: Box::new(|_| {}),
        kept: Some(kept),
    });
    assert!(written.blocking_recv().is_err(), "it is let go of");
    let entries = house.waiting();
    assert!(entries.iter().any(|entry| entry.handover.call == CALL), "{entries:?}");
}
