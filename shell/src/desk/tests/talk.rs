//! Tickets that Talk makes by itself: one of them takes ours' place, or is linked with it.

use super::*;

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
fn the_ticket_of_a_call_that_overflowed_is_linked() {
    let mut house = House::new("twin");
    house.stop();
    house.twin = 5 * SECOND;
    house.start();
    let told = call(&house, 5 * SECOND).expect("a ticket");
    house.waits_until(|house| house.waiting().iter().any(|entry| entry.note.is_some()));
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
