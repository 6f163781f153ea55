//! Who may speak, what may be dialled, and what happens when there is no room.

use warmline_core::filter::Rate;
use warmline_core::reason::Reason;
use warmline_core::{Command, Usage};
use warmline_tests::{Ending, From, Memory, Outcome, Plan, Setting, Text, Weather, World, address};

fn invite(from: core::net::SocketAddr, dial: &str) -> Vec<u8> {
    let ip = from.ip();
    format!(
        "INVITE sip:{dial}@sbc.example.com SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKraw1;rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:raw@{ip}>;tag=raw\r\nTo: <sip:{dial}@sbc.example.com>\r\n\
         Call-ID: raw\r\nCSeq: 1 INVITE\r\nContact: <sip:raw@{from}>\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

fn with(setting: &Setting, run: impl FnOnce(&mut World<'_>)) {
    let mut memory = Memory::of(setting);
    let mut world = World::new(setting, &mut memory, 1, Weather::FINE);
    run(&mut world);
}

/// Sends one message outside any call; the statuses and headers of what comes back.
fn raw(world: &mut World<'_>, listener: u8, from: core::net::SocketAddr, bytes: &[u8]) -> Vec<String> {
    world.tap = None;
    world.sent = Some(Vec::new());
    world.deliver(listener, from, bytes);
    let sent = world.sent.take().unwrap_or_default();
    sent.iter()
        .map(|(to, bytes)| {
            assert_eq!(*to, from);
            Text::parse(bytes).unwrap().start.to_owned()
        })
        .collect()
}

#[test]
fn a_stranger_is_not_read_and_not_answered_but_counted() {
    with(&Setting::new(4, 4), |world| {
        world.sent = Some(Vec::new());
        // Nobody's, and a trunk's own address at a listener where that trunk is not known.
        for (listener, from) in [
            (0, address::STRANGER),
            (1, address::STRANGER),
            (1, address::AI),
            (0, address::ZENDESK),
            (9, address::AI),
        ] {
            assert!(!world.deliver(listener, from, &invite(from, "support")), "{listener} {from}");
        }
        world.seconds(60);
        assert_eq!(world.sbc().parsed(), 0);
        assert_eq!(world.sbc().counters().get(Reason::UnknownSource), 5);
        assert_eq!(world.sent.as_ref().unwrap().len(), 0);
        assert_eq!(world.usage(), Usage::default());
        assert!(world.told.is_empty() && world.refused.is_empty());
    });
}

#[test]
fn an_unknown_line_gets_a_404_and_a_reason() {
    for (dial, from, status, reason) in [
        ("nobody", From::Ai, 404, Reason::UnknownLine),
        ("SUPPORT", From::Ai, 404, Reason::UnknownLine),
        ("private", From::Carrier, 403, Reason::LineNotForTrunk),
    ] {
        with(&Setting::new(4, 4), |world| {
            let number = world.call(Plan { dial, from, ..Plan::plain() }, 0);
            world.settle(1);
            world.expect_clean();
            assert_eq!(world.callers[number].outcome, Outcome::Failed(status));
            assert_eq!(world.refused, [(reason, format!("sip:{dial}@sbc.example.com"))]);
            assert_eq!(world.sbc().counters().get(reason), 1);
            let sentence = format!("Warning: 399 192.0.2.1 \"{}\"", reason.sentence().trim());
            assert_eq!(world.callers[number].notes, [sentence]);
            assert!(world.told.is_empty());
        });
    }
}

#[test]
fn a_carriers_ticket_goes_nowhere() {
    with(&Setting::new(4, 4), |world| {
        let number = world.call(Plan { from: From::Carrier, ticket: Some(7), ..Plan::plain() }, 0);
        world.settle(10);
        // The target has looked, and so has the tap.
        world.expect_clean();
        assert_eq!(world.callers[number].outcome, Outcome::Answered);
        let told = world.told.values().next().unwrap();
        assert_eq!((told.ticket, told.note), (None, Some(Reason::TicketNotTrusted)));
    });
}

#[test]
fn a_ticket_that_is_none_is_left_out_and_the_call_goes_on() {
    for (lines, reason) in [
        ("X-Zendesk-Ticket-Id: twelve\r\n", Reason::TicketMalformed),
        ("X-Zendesk-Ticket-Id: 7\r\nX-Zendesk-Ticket-Id: 8\r\n", Reason::TicketConflict),
    ] {
        with(&Setting::new(4, 4), |world| {
            let number = world.call(Plan { ticket: None, lines: lines.into(), ..Plan::plain() }, 0);
            world.settle(10);
            world.expect_clean();
            assert_eq!(world.callers[number].outcome, Outcome::Answered);
            assert_eq!(world.told.values().next().unwrap().note, Some(reason));
        });
    }
}

#[test]
fn zendesk_does_not_call() {
    with(&Setting::new(4, 4), |world| {
        let got = raw(world, 1, address::ZENDESK, &invite(address::ZENDESK, "support"));
        assert_eq!(got, ["SIP/2.0 403 Forbidden"]);
        assert_eq!(world.refused[0].0, Reason::TrunkMayNotCall);
        // And the same again for the same INVITE, without another word about it.
        let got = raw(world, 1, address::ZENDESK, &invite(address::ZENDESK, "support"));
        assert_eq!(got, ["SIP/2.0 403 Forbidden"]);
        assert_eq!(world.refused.len(), 1);
        world.seconds(40);
        assert_eq!(world.usage(), Usage::default());
    });
}

/// Fills a node with two calls and then some; the others get 503 without Retry-After, and the two go on.
fn full(setting: &Setting, reason: Reason) {
    with(setting, |world| {
        for after in [0, 100_000, 200_000, 300_000] {
            world.call(Plan { ending: Ending::Caller(20_000), ..Plan::plain() }, after);
        }
        world.seconds(5);
        let outcomes: Vec<Outcome> = world.callers.iter().map(|caller| caller.outcome).collect();
        assert_eq!(
            outcomes,
            [Outcome::Answered, Outcome::Answered, Outcome::Failed(503), Outcome::Failed(503)],
            "{reason:?}"
        );
        for caller in &world.callers[2..] {
            assert!(!caller.notes.iter().any(|note| note.starts_with("Retry-After")), "{:?}", caller.notes);
        }
        assert_eq!(world.sbc().counters().get(reason), 2);
        assert_eq!(world.refused.iter().filter(|refused| refused.0 == reason).count(), 2);
        // When they have gone there is room again.
        world.seconds(60);
        let number = world.call(Plan::plain(), 0);
        world.settle(10);
        world.expect_clean();
        assert_eq!(world.callers[number].outcome, Outcome::Answered);
    });
}

#[test]
fn a_full_node_turns_only_new_calls_away() {
    let mut setting = Setting::new(2, 10);
    full(&setting, Reason::NodeFull);
    setting = Setting::new(8, 10);
    setting.sizes.legs = 4;
    full(&setting, Reason::NodeFull);
    setting = Setting::new(8, 10);
    setting.sizes.clock = 8 + setting.sizes.legs;
    setting.limit_ports(2);
    full(&setting, Reason::NoPort);
}

#[test]
fn without_a_block_or_a_transaction_a_new_call_is_turned_away() {
    for kind in ["blocks", "transactions"] {
        let mut setting = Setting::new(8, 10);
        match kind {
            "blocks" => setting.sizes.blocks = 1,
            _ => setting.sizes.transactions = 0,
        }
        with(&setting, |world| {
            let number = world.call(Plan::plain(), 0);
            world.settle(5);
            world.expect_clean();
            assert_eq!(world.callers[number].outcome, Outcome::Failed(503), "{kind}");
            assert_eq!(world.sbc().counters().get(Reason::NoMemory), 1, "{kind}");
        });
    }
}

#[test]
fn whatever_is_short_calls_end_cleanly() {
    // Shorter than promised on purpose: every pool runs dry in the middle of calls.
    for short in 0..60 {
        let mut setting = Setting::new(8, 10);
        let sizes = &mut setting.sizes;
        match short % 6 {
            0 => sizes.blocks = short,
            1 => sizes.transactions = short / 6,
            2 => sizes.finished = short,
            3 => sizes.legs = short / 6,
            4 => sizes.dialogs = (short / 6 * 2).next_power_of_two(),
            _ => sizes.transaction_index = (short / 6).next_power_of_two(),
        }
        with(&setting, |world| {
            // What a pool's end does to retransmissions is not the tap's business.
            world.tap = None;
            for after in 0..8 {
                let ending =
                    [Ending::Caller(900), Ending::Target(900), Ending::Cancel(900), Ending::Both(700)];
                let plan = Plan { ending: ending[after % 4], ..Plan::plain() };
                world.call(plan, after as u64 * 50_000);
            }
            world.settle(120);
            assert_eq!(world.usage(), Usage::default(), "{short}");
            assert_eq!(world.streams().0, 0, "{short}");
            for told in world.told.values() {
                assert_eq!((told.started, told.ended), (1, 1), "{short}");
            }
        });
    }
}

#[test]
fn more_new_calls_than_the_limit_are_turned_away() {
    let mut setting = Setting::new(64, 10);
    setting.node.new_calls = Rate { per_second: 5, burst: 10 };
    with(&setting, |world| {
        for number in 0..40 {
            world.call(Plan { ending: Ending::Caller(10_000), ..Plan::plain() }, number * 1_000);
        }
        world.seconds(1);
        let refused = world.callers.iter().filter(|caller| caller.outcome == Outcome::Failed(503)).count();
        assert!((25..=35).contains(&refused), "{refused}");
        assert_eq!(world.sbc().counters().get(Reason::NewCallLimit), refused as u64);
        for caller in &world.callers {
            assert!(!caller.notes.iter().any(|note| note.starts_with("Retry-After")));
        }
        world.settle(60);
        world.expect_clean();
    });
}

#[test]
fn a_full_trunk_is_no_overload() {
    let mut setting = Setting::new(8, 10);
    setting.trunks[2].max_calls = 1;
    with(&setting, |world| {
        world.call(Plan { ending: Ending::Caller(20_000), ..Plan::plain() }, 0);
        world.call(Plan::plain(), 3_000_000);
        world.settle(30);
        world.expect_clean();
        assert_eq!(world.callers[0].outcome, Outcome::Answered);
        assert_eq!(world.callers[1].outcome, Outcome::Failed(480));
    });
}

#[test]
fn a_node_that_drains_says_when_to_come_again_and_lets_calls_end() {
    with(&Setting::new(8, 10), |world| {
        world.call(Plan { ending: Ending::Caller(20_000), ..Plan::plain() }, 0);
        world.seconds(3);
        world.command(Command::Drain);
        world.call(Plan::plain(), 0);
        world.seconds(3);
        assert_eq!(world.callers[0].outcome, Outcome::Answered);
        assert!(!world.callers[0].over);
        assert_eq!(world.callers[1].outcome, Outcome::Failed(503));
        assert!(world.callers[1].notes.contains(&"Retry-After: 60".to_owned()));
        world.settle(30);
        world.expect_clean();
    });
}

#[test]
fn a_node_that_stops_ends_every_call() {
    for seconds in [0, 1, 2, 3] {
        with(&Setting::new(8, 10), |world| {
            for after in [0, 300_000, 700_000, 900_000] {
                world.call(Plan { ending: Ending::Caller(60_000), ..Plan::plain() }, after);
            }
            world.run(seconds * 900_000 + 50_000);
            world.command(Command::Drain);
            world.command(Command::HangUpAll);
            world.settle(40);
            world.expect_clean();
            for told in world.told.values() {
                assert_eq!(told.reason, Some(Reason::Stopped));
            }
        });
    }
}

/// `INVITE` as another request, or with other lines.
fn like(from: core::net::SocketAddr, changes: &[(&str, &str)]) -> Vec<u8> {
    let mut text = String::from_utf8(invite(from, "support")).unwrap();
    for (was, is) in changes {
        assert!(text.contains(was), "{was}");
        text = text.replace(was, is);
    }
    text.into_bytes()
}

#[test]
fn what_is_not_done_here_is_refused_by_its_own_status() {
    let from = address::AI;
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("INVITE", "OPTIONS")], "200 OK"),
        (&[("INVITE", "REGISTER")], "405 Method Not Allowed"),
        (&[("INVITE", "JUGGLE")], "501 Not Implemented"),
        (&[("INVITE", "CANCEL")], "481 Call/Transaction Does Not Exist"),
        (&[("INVITE", "BYE")], "481 Call/Transaction Does Not Exist"),
        (
            &[
                ("INVITE", "BYE"),
                ("To: <sip:support@sbc.example.com>", "To: <sip:x@sbc.example.com>;tag=0123456789abcdef"),
            ],
            "481 Call/Transaction Does Not Exist",
        ),
        (&[("Max-Forwards: 70", "Max-Forwards: 0")], "483 Too Many Hops"),
        (&[("CSeq", "Require: precondition\r\nCSeq")], "420 Bad Extension"),
        (&[("INVITE sip:support@sbc.example.com", "INVITE mailto:a@b")], "416 Unsupported URI Scheme"),
        (&[("SIP/2.0\r\n", "SIP/3.0\r\n")], "505 "),
        (
            &[("Via: SIP", "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours\r\nVia: SIP")],
            "482 Loop Detected",
        ),
        (&[("CSeq: 1 INVITE", "CSeq: 1 BYE")], "400 "),
        (&[("Contact", "X-Contact")], "400 "),
        (
            &[("Content-Length: 0\r\n\r\n", "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi")],
            "415 Unsupported Media Type",
        ),
    ];
    for (number, (changes, status)) in cases.iter().enumerate() {
        with(&Setting::new(4, 4), |world| {
            let bytes = like(from, changes);
            let got = raw(world, 0, from, &bytes);
            assert_eq!(got.len(), 1, "{number}: {got:?}");
            assert!(got[0].starts_with(&format!("SIP/2.0 {status}")), "{number}: {got:?} for {changes:?}");
            // The same again is answered alike, and makes no call either.
            assert_eq!(raw(world, 0, from, &bytes), got, "{number}");
            world.seconds(60);
            assert!(world.told.is_empty());
            assert_eq!(world.usage(), Usage::default());
        });
    }
    with(&Setting::new(4, 4), |world| {
        assert!(raw(world, 0, from, &like(from, &[("INVITE", "ACK")])).is_empty());
        assert!(raw(world, 0, from, b"\r\n\r\n").is_empty());
        assert!(raw(world, 0, from, b"GET / HTTP/1.1\r\n\r\n").is_empty());
        assert!(raw(world, 0, from, b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1\r\n\r\n").is_empty());
        assert_eq!(world.sbc().parsed(), 3);
        assert_eq!(world.sbc().counters().get(Reason::StrayAck), 1);
    });
}
