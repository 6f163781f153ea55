//! What a local desk's tickets come to say.

use super::*;
use crate::desk::{Context, Earlier, Handover};

const BEGAN: i64 = 1_795_959_902_000_000;

fn handover(call: u64, has: Option<u64>, summary: &str) -> Box<Handover> {
    let context = Context { summary: Some(summary.to_owned()), ..Context::default() };
    Box::new(Handover {
        call,
        desk: "here".into(),
        caller: Some("+821044440100".into()),
        line: "support".into(),
        sip_call_id: "a@b".into(),
        began: BEGAN + i64::try_from(call).expect("a small number"),
        create: true,
        has,
        parts: vec![],
        tags: vec!["night".into()],
        recordings: false,
        earlier: vec![],
        again: vec![],
        solved: false,
        context,
    })
}

fn closed(handover: &Handover, outcome: &str) -> Change {
    let closing = Closing {
        ticket: handover.has,
        talk: false,
        outcome: outcome.into(),
        ended: BEGAN + 9_000_000,
        text: format!("Call {} has ended: {outcome}.", hex(handover.call)),
    };
    Change::TicketClosed(Box::new((handover.clone(), closing)))
}

/// Each ticket, and what stands on it.
fn all_of(folder: &Folder) -> Vec<(Ticket, String)> {
    read(&folder.setting(), async |database| {
        let mut all = Vec::new();
        for found in tickets(database.pool()).await.expect("tickets") {
            let found = ticket(database.pool(), found.number).await.expect("an answer").expect("a ticket");
            let bodies: Vec<_> = found.1.into_iter().map(|comment| comment.body).collect();
            all.push((found.0, bodies.join("\n--\n")));
        }
        all
    })
}

#[test]
fn one_that_is_not_here_is_named_by_one_that_is() {
    let folder = Folder::new("tickets-brought");
    let running = start(folder.setting());
    let brought = handover(1, Some(77), "Wants a refund.");
    running.0.write(Change::TicketSaid(brought.clone()));
    running.0.write(Change::TicketSaid(brought.clone()));
    running.0.write(closed(&brought, "connected"));
    running.0.write(closed(&brought, "connected"));
    stop(running);
    let [(ticket, said)] = &all_of(&folder)[..] else { panic!("one ticket") };
    assert_eq!((ticket.number, &*ticket.status, &*ticket.tags), (1, "open", "night warmline_connected"));
    for (part, times) in [("Wants a refund.", 1), ("It brought ticket 77, ", 1), ("has ended: connected.", 1)]
    {
        assert_eq!(said.matches(part).count(), times, "{part}: {said}");
    }
}

#[test]
fn one_that_is_here_is_written_on_by_each_call_that_brings_it() {
    let folder = Folder::new("tickets-again");
    let running = start(folder.setting());
    let first = handover(1, None, "Wants a refund.");
    running.0.write(Change::Ticket(first.clone()));
    running.0.write(closed(&first, "abandoned"));
    for (call, summary) in [(2, "Calls again."), (3, "Calls once more.")] {
        let mut later = handover(call, Some(1), summary);
        let returned = Earlier { line: "sales".into(), began: BEGAN, outcome: "returned".into() };
        later.earlier.push(returned);
        for _ in 0..2 {
            running.0.write(Change::TicketSaid(later.clone()));
            running.0.write(closed(&later, "connected"));
        }
    }
    stop(running);
    let [(ticket, said)] = &all_of(&folder)[..] else { panic!("one ticket") };
    assert_eq!(ticket.tags, "night warmline_abandoned warmline_returned warmline_connected");
    for part in ["Wants a refund.", "Calls again.", "Calls once more.", "2 has ended: c", "3 has ended: c"] {
        assert_eq!(said.matches(part).count(), 1, "{part}: {said}");
    }
    assert!(said.contains("has ended: abandoned."), "{said}");
}

#[test]
fn another_desk_s_number_is_not_taken_for_one_of_these() {
    let folder = Folder::new("tickets-other");
    let running = start(folder.setting());
    running.0.write(Change::Ticket(handover(1, None, "Here.")));
    let elsewhere = Handover { desk: "there".into(), ..*handover(2, Some(1), "There.") };
    running.0.write(Change::TicketSaid(Box::new(elsewhere)));
    // A line that makes none, and a call that brings none.
    let none = Handover { create: false, ..*handover(3, None, "Nowhere.") };
    running.0.write(Change::TicketSaid(Box::new(none.clone())));
    running.0.write(closed(&none, "connected"));
    stop(running);
    let all = all_of(&folder);
    let desks: Vec<_> = all.iter().map(|(ticket, _)| (ticket.number, &*ticket.desk)).collect();
    assert_eq!(desks, [(1, "here"), (2, "there")], "{all:?}");
}
