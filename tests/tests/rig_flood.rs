//! More calls than there is room for, or than somebody may bring: what is refused, what that costs the others, and that
//! calls in progress hear nothing of it.

use warmline_core::Usage;
use warmline_core::config::Limits;
use warmline_core::filter::Rate;
use warmline_core::reason::Reason;
use warmline_tests::{Answer, Ending, From, Memory, Outcome, Plan, Setting, Weather, World};

/// What a node is made for, in calls a second.
const RATE: u32 = 20;

/// Ten times as much, for so many seconds.
const FLOOD: u64 = 10 * RATE as u64;
const SECONDS: u64 = 10;

fn setting() -> Setting {
    let mut setting = Setting::new(200, RATE as usize);
    setting.node.new_calls = Rate::per_second(RATE);
    setting
}

fn with<T>(setting: &Setting, weather: Weather, run: impl FnOnce(&mut World<'_>) -> T) -> T {
    let mut memory = Memory::of(setting);
    let mut world = World::new(setting, &mut memory, 1, weather);
    run(&mut world)
}

/// Calls of a second each.
fn brief(from: From, dial: &'static str) -> Plan {
    Plan {
        from,
        dial,
        ticket: None,
        answers: vec![Answer::After(100)],
        ending: Ending::Caller(1_000),
        ..Plan::plain()
    }
}

/// Begins calls evenly over all the seconds; gives their numbers.
fn evenly(world: &mut World<'_>, plan: &Plan, a_second: u64) -> Vec<usize> {
    let count = a_second * SECONDS;
    (0..count).map(|n| world.call(plan.clone(), n * SECONDS * 1_000_000 / count)).collect()
}

fn count(world: &World<'_>, calls: &[usize], outcome: Outcome) -> usize {
    calls.iter().filter(|&&call| world.callers[call].outcome == outcome).count()
}

/// One that is too many is told so at once, and nothing more than that is done for it.
fn expect_turned_away(world: &World<'_>, calls: &[usize], there_and_back: Option<u64>) {
    for &call in calls {
        let caller = &world.callers[call];
        if caller.outcome == Outcome::Answered {
            continue;
        }
        assert_eq!(caller.outcome, Outcome::Failed(503), "{call}");
        assert!(!caller.notes.iter().any(|note| note.starts_with("Retry-After")), "{call}");
        assert!(caller.heard.is_empty(), "{call} heard {:?}", caller.heard);
        if let (sent, Some(refused)) = caller.times
            && let Some(most) = there_and_back
        {
            assert!(refused - sent <= most, "{call} waited for {} us", refused - sent);
        }
    }
}

#[test]
fn ten_times_too_many_get_an_answer_at_once_and_as_many_as_may_get_through() {
    with(&setting(), Weather::FINE, |world| {
        let talking: Vec<usize> = (0..5)
            .map(|n| world.call(Plan { ending: Ending::Caller(14_000), ..Plan::plain() }, n * 300_000))
            .collect();
        world.seconds(4);
        assert_eq!(count(world, &talking, Outcome::Answered), 5);
        let flood = evenly(world, &brief(From::Carrier, "support"), FLOOD);
        world.settle(60);
        world.expect_clean();
        expect_turned_away(world, &flood, Some(20_000));
        let through = count(world, &flood, Outcome::Answered) as u64;
        let may = u64::from(RATE) * SECONDS;
        assert!((may..=may + u64::from(RATE)).contains(&through), "{through}");
        let refused = world.sbc().counters().get(Reason::NewCallLimit);
        assert_eq!(refused + through, FLOOD * SECONDS);
        println!("{through} of {} got through, {refused} were turned away", FLOOD * SECONDS);
    });
}

/// With losses a refusal comes late, and the INVITE again: that is no new call, as long as there is room to remember the
/// refusals.
#[test]
fn what_is_sent_again_is_not_counted_again() {
    let mut roomy = Setting::new(200, FLOOD as usize);
    roomy.node = setting().node;
    with(&roomy, Weather::stormy(10), |world| {
        let flood = evenly(world, &brief(From::Carrier, "support"), FLOOD);
        world.settle(100);
        expect_turned_away(world, &flood, None);
        let counters = world.sbc().counters();
        let through = count(world, &flood, Outcome::Answered) as u64;
        assert_eq!(counters.get(Reason::NewCallLimit) + through, FLOOD * SECONDS);
        assert_eq!(world.refused.len() as u64, counters.get(Reason::NewCallLimit));
        assert_eq!(world.usage(), Usage::default());
    });
}

/// How many of the AI platform's own calls get through while the carrier brings far too many.
fn beside_a_flood(setting: &Setting, dial: &'static str, reason: Reason) -> usize {
    with(setting, Weather::FINE, |world| {
        evenly(world, &brief(From::Carrier, dial), FLOOD);
        let calls = evenly(world, &brief(From::Ai, "support"), u64::from(RATE) / 2);
        world.settle(60);
        world.expect_clean();
        assert!(world.sbc().counters().get(reason) >= FLOOD * SECONDS * 8 / 10, "{reason:?}");
        assert_eq!(world.usage(), Usage::default());
        count(world, &calls, Outcome::Answered)
    })
}

#[test]
fn a_trunk_with_a_rate_of_its_own_leaves_the_others_theirs() {
    let all = (u64::from(RATE) / 2 * SECONDS) as usize;
    let mut limited = setting();
    limited.trunks[1].starts = Limits { rate: Rate::per_second(RATE / 4), ..Limits::NONE };
    assert_eq!(beside_a_flood(&limited, "support", Reason::TrunkFlood), all);
    // Without one it takes from theirs.
    let got = beside_a_flood(&setting(), "support", Reason::NewCallLimit);
    assert!(got < all / 2, "{got}");
}

#[test]
fn what_is_refused_anyway_takes_nothing_from_anybody() {
    let all = (u64::from(RATE) / 2 * SECONDS) as usize;
    assert_eq!(beside_a_flood(&setting(), "nobody", Reason::UnknownLine), all);
    assert_eq!(beside_a_flood(&setting(), "private", Reason::LineNotForTrunk), all);
    let mut full = setting();
    full.trunks[1].max_calls = 2;
    assert_eq!(beside_a_flood(&full, "support", Reason::TrunkFull), all);
}

#[test]
fn each_way_has_its_own_room() {
    let mut setting = Setting::new(20, 20);
    // The carrier brings two at once, and Zendesk takes three.
    setting.trunks[1].starts.calls = 2;
    setting.trunks[2].takes.calls = 3;
    with(&setting, Weather::FINE, |world| {
        let long = |from| Plan { from, ticket: None, ending: Ending::Caller(20_000), ..Plan::plain() };
        let calls: Vec<usize> = [From::Carrier, From::Carrier, From::Carrier, From::Ai, From::Ai]
            .into_iter()
            .map(|from| {
                let call = world.call(long(from), 0);
                world.seconds(2);
                call
            })
            .collect();
        let outcomes: Vec<Outcome> = calls.iter().map(|&call| world.callers[call].outcome).collect();
        let (answered, full) = (Outcome::Answered, Outcome::Failed(480));
        assert_eq!(outcomes, [answered, answered, full, answered, full]);
        assert_eq!(world.sbc().counters().get(Reason::TrunkFull), 2);
        world.settle(60);
        world.expect_clean();
        let again = world.call(Plan { ticket: None, ..Plan::plain() }, 0);
        world.settle(20);
        assert_eq!(world.callers[again].outcome, answered);
    });
}
