//! What an account costs callers, measured: 50 calls a second, each without a ticket, with an account that is quick, takes its
//! time, takes longer than a caller may wait, or never answers. Nothing is held to a time here; the figures are printed:
//!
//! `cargo test --release -p warmline-tests --test desk_figures -- --ignored --nocapture`

use core::net::SocketAddrV4;
use core::time::Duration;
use std::time::Instant;

use warmline_tests::sipp::{AI, CARRIER, Node, Stage, ZENDESK, poll, ports};
use warmline_tests::zendesk::api::{Act, Api};
use warmline_tests::zendesk::{FarEnd, Manners, desk};
use warmline_tests::{Guest, Stay};

const PROGRAM: &str = env!("CARGO_BIN_EXE_warmline-tests");

/// How many calls there are a second, and in all.
const RATE: u32 = 50;
const CALLS: u32 = 500;

/// How long the far end takes until it answers, in milliseconds.
const ANSWERS: u64 = 300;

/// How long a caller may wait for the account.
const BUDGET: Duration = Duration::from_secs(2);

/// How long a call may take to be set up at all.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the outbox may take in the end.
const SETTLES: Duration = Duration::from_secs(600);

fn measure(name: &str, act: Option<Act>) {
    let at = SocketAddrV4::new(ZENDESK, ports(2));
    let manners = Manners { answers: ANSWERS, ..Manners::taking_addresses() };
    let far_end = FarEnd::open(&[at.into()], manners).expect("free ports");
    let api = Api::here();
    api.account(|account| account.per_minute = u64::MAX);
    if let Some(act) = act {
        for method in ["POST", "GET", "PUT"] {
            api.upon(method, "/", act, None);
        }
    }
    // The far end makes no ticket by itself: it is not waited for.
    let budget = format!("budget = \"{}s\"\nadopt = \"1s\"", BUDGET.as_secs());
    let more = format!("\n  [line.ticket]\n  desk = \"acme\"\n{}", desk(&api, &budget));
    let capacity = u16::try_from(CALLS).expect("a small number");
    let node = Node { capacity, rate: 200, ..Node::default() };
    let stage = Stage::furnish_for(PROGRAM, &more, &[AI], at, node);
    let begun = Instant::now();
    let mut guests: Vec<Guest> = Vec::new();
    let open = |guest: &Guest| matches!(guest.stay, Stay::Calling | Stay::Waiting);
    loop {
        let due = u32::try_from(begun.elapsed().as_millis() * u128::from(RATE) / 1_000).unwrap_or(CALLS);
        while guests.len() < due.min(CALLS) as usize {
            let number = format!("+821066{:06}", guests.len());
            guests.push(Guest::call(&number, CARRIER, stage.cast.sip));
        }
        guests.iter_mut().for_each(|guest| guest.mind().expect("what comes is right"));
        let all = guests.len() == CALLS as usize && !guests.iter().any(open);
        if all || begun.elapsed() > Duration::from_secs((CALLS / RATE).into()) + PATIENCE {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut times: Vec<Duration> = guests.iter().filter_map(|guest| guest.after).collect();
    times.sort();
    let visits = far_end.visits();
    let carried = visits.iter().filter(|visit| visit.ticket.is_some()).count();
    let answer = Duration::from_millis(ANSWERS);
    let added = |share: usize| {
        let at = (times.len() * share / 100).min(times.len().saturating_sub(1));
        times.get(at).map_or(0, |time| time.saturating_sub(answer).as_millis())
    };
    println!(
        "{name}: {} of {CALLS} calls set up, {carried} with a ticket; beyond the far end's {ANSWERS} ms: p50 {} ms, p99 {} ms, \
         longest {} ms",
        times.len(),
        added(50),
        added(99),
        added(100),
    );
    for guest in &mut guests {
        guest.hang_up();
    }
    Guest::wait(&mut guests, PATIENCE, |guests| guests.iter().all(|guest| guest.stay != Stay::Leaving));
    // What calls have left to be done is done beside others, and all of it once the account is quick.
    let left = stage.untold(PROGRAM).expect("a list");
    api.behave();
    let behaves = Instant::now();
    let empty = poll(SETTLES, || stage.untold(PROGRAM).is_ok_and(|left| left == 0).then_some(()));
    println!(
        "  {left} left in the outbox, and none {:.0} s after the account is quick",
        behaves.elapsed().as_secs_f32()
    );
    assert!(empty.is_some(), "{:?} are left", stage.untold(PROGRAM));
}

#[test]
#[ignore = "measures, for some minutes"]
fn what_an_account_costs_callers() {
    println!("{RATE} calls a second, a budget of {} ms", BUDGET.as_millis());
    measure("quick", None);
    measure("300 ms a request", Some(Act::Slow(Duration::from_millis(300))));
    measure("1,900 ms a request", Some(Act::Slow(Duration::from_millis(1_900))));
    measure("dead", Some(Act::Dead));
}
