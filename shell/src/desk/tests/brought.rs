//! What becomes of tickets that calls bring.

use super::*;

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
