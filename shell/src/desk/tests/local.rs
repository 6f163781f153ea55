//! The local desk.

use super::*;
use crate::store::{Ticket, ticket, tickets};

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
