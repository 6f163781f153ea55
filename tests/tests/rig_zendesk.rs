//! What Zendesk refuses is never sent to it, whatever is brought to us.

use core::net::SocketAddr;

use warmline_core::reason::Reason;
use warmline_tests::{
    Answer, Ending, From, Memory, Outcome, Plan, Refresh, Setting, Tap, Told, Weather, World, address,
};

fn play(plan: Plan, judge: impl FnOnce(&World<'_>, &Told)) {
    play_at(&[address::ZENDESK], plan, judge);
}

fn play_at(addresses: &[SocketAddr], plan: Plan, judge: impl FnOnce(&World<'_>, &Told)) {
    let setting = Setting::new(8, 4);
    let mut memory = Memory::of(&setting);
    let mut world = World::new(&setting, &mut memory, 1, Weather::FINE);
    world.tap = Some(Tap::with_ladder());
    world.addresses = addresses.to_vec();
    world.call(plan, 0);
    world.settle(600);
    world.expect_clean();
    let told = world.told.values().next().cloned().unwrap_or_default();
    judge(&world, &told);
}

fn plan() -> Plan {
    Plan { answers: vec![Answer::Zendesk(1_500)], ..Plan::plain() }
}

#[test]
fn it_takes_every_kind_of_call_that_we_bring() {
    let ticket = |line: &str| Plan { ticket: None, lines: format!("{line}\r\n"), ..plan() };
    for plan in [
        plan(),
        Plan { ticket: None, ..plan() },
        Plan { from: From::Carrier, ..plan() },
        Plan { offers: false, ..plan() },
        Plan { formats: vec![8, 101], ..plan() },
        Plan { formats: vec![9, 0], ..plan() },
        Plan { proxied: true, ..plan() },
        Plan { anonymous: true, ..plan() },
        Plan { merged: true, ..plan() },
        Plan { refresh: Refresh::CallerHolds, ending: Ending::Caller(5_000), ..plan() },
        Plan { refresh: Refresh::TargetHolds, ending: Ending::Caller(5_000), ..plan() },
        ticket("x-zendesk-ticket-id: 0"),
        ticket("X-Zendesk-Ticket-Id: many"),
        ticket("X-Zendesk-Ticket-Id: -1"),
        ticket("X-Zendesk-Ticket-Id: 99999999999999999999999"),
    ] {
        let shown = format!("{plan:?}");
        play(plan, |world, told| {
            assert_eq!(world.callers[0].outcome, Outcome::Answered, "{shown}");
            assert_eq!(world.callees[0].refused, None, "{shown}");
            assert_eq!(told.reason, Some(Reason::CallerHungUp), "{shown}");
        });
    }
}

#[test]
fn it_hangs_up_when_nobody_serves_the_line_or_after_the_longest_wait() {
    // 1 to 20 minutes are what a line's longest wait can be set to; one is enough here.
    for time in [8_000, 17_000, 25_000, 60_000] {
        play(Plan { ending: Ending::Target(time), ..plan() }, |world, told| {
            assert_eq!(world.callers[0].outcome, Outcome::Answered);
            assert_eq!(told.reason, Some(Reason::TargetHungUp));
        });
    }
}

/// Its second address is configured as an address, and so a far end like Zendesk's does not take it.
#[test]
fn what_it_refuses_ends_the_call() {
    let plan = Plan { dial: "both", answers: vec![Answer::Silence, Answer::Zendesk(1_500)], ..Plan::plain() };
    play(plan, |world, told| {
        assert_eq!(world.callees[1].refused.map(|refusal| refusal.status()), Some(403));
        assert!(matches!(world.callers[0].outcome, Outcome::Failed(_)), "{:?}", world.callers[0].outcome);
        assert_eq!(told.answered, 0);
    });
}

#[test]
fn it_may_be_silent_at_its_first_address() {
    let plan = Plan { answers: vec![Answer::Silence], others: vec![Answer::Zendesk(1_500)], ..Plan::plain() };
    play_at(&[address::ZENDESK, address::OTHERS[0]], plan, |world, told| {
        assert_eq!(world.callers[0].outcome, Outcome::Answered);
        assert_eq!(world.callees[1].refused, None);
        assert_eq!(told.reason, Some(Reason::CallerHungUp));
    });
}
