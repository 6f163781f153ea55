//! Provisional responses that are sent reliably (RFC 3262) on either leg, on both, and in forks, under loss.

use warmline_core::Usage;
use warmline_core::reason::Reason;
use warmline_tests::{
    Answer, Dice, Ending, Memory, Outcome, Plan, Reliable, Setting, Tap, Weather, Wish, World, address, seed,
};

/// What a storm came to.
#[derive(Debug, Default)]
struct Sum {
    /// Calls that should have been answered, and those that were.
    due: usize,
    done: usize,
    /// PRACKs of callers and of ours.
    pracked: u32,
    acknowledged: u32,
    /// Targets' UPDATEs before their answers.
    updated: u32,
    missing: u64,
}

fn storm(calls: u64, weather: Weather, seed: u64) -> Sum {
    let setting = Setting::new(2_000, 50);
    let mut memory = Memory::of(&setting);
    let mut world = World::new(&setting, &mut memory, seed, weather);
    world.addresses = vec![address::ZENDESK];
    let mut dice = Dice::new(seed ^ 1);
    for _ in 0..calls {
        let plan = mixed(&mut dice);
        let after = dice.below(60_000_000);
        world.call(plan, after);
    }
    world.seconds(260);
    world.seconds(80);
    assert_eq!(world.usage(), Usage::default());
    world.expect_clean();
    let mut sum = Sum::default();
    for caller in &world.callers {
        let due = !matches!(caller.plan.ending, Ending::Cancel(_)) && !caller.plan.reliable.mute;
        sum.due += usize::from(due);
        sum.done += usize::from(due && caller.outcome == Outcome::Answered);
        sum.pracked += caller.pracked;
        if due && caller.outcome != Outcome::Answered {
            println!("{:?} by {:?}", caller.outcome, caller.plan);
        }
    }
    sum.acknowledged = world.callees.iter().map(|callee| callee.pracked).sum();
    sum.updated = world.callees.iter().map(|callee| callee.updated).sum();
    sum.missing = world.sbc().counters().get(Reason::PrackMissing);
    println!("{sum:?}, {:?}", world.sbc().counters().iter().collect::<Vec<_>>());
    sum
}

fn mixed(dice: &mut Dice) -> Plan {
    let time = dice.between(100, 4_000);
    let talk = dice.between(0, 6_000);
    let early = |dice: &mut Dice| match dice.below(10) {
        0..6 => Answer::EarlyMedia(time),
        6..9 => Answer::After(time),
        _ => Answer::AtOnce,
    };
    let first = early(dice);
    let forks = (0..dice.below(3).saturating_sub(1)).map(|_| early(dice)).collect();
    Plan {
        answers: vec![first],
        forks,
        offers: !dice.chance(2_000),
        ending: match dice.below(10) {
            0..4 => Ending::Caller(talk),
            4..8 => Ending::Target(talk),
            _ => Ending::Cancel(dice.between(0, 5_000)),
        },
        reliable: Reliable {
            caller: *dice.pick(&[Wish::Unable, Wish::Able, Wish::Required]),
            mute: dice.chance(300),
            target: dice.chance(6_000),
            rings_late: dice.chance(5_000),
            updates: dice.chance(5_000),
        },
        ..Plan::plain()
    }
}

#[test]
fn in_fine_weather() {
    let sum = storm(600, Weather::FINE, seed(1));
    assert_eq!(sum.due, sum.done);
    assert!(sum.pracked > 200 && sum.acknowledged > 200 && sum.updated > 20 && sum.missing > 0, "{sum:?}");
}

#[test]
fn with_a_twentieth_lost() {
    let sum = storm(1_000, Weather::stormy(5), seed(2));
    assert!(sum.done * 1_000 >= sum.due * 999, "{sum:?}");
    assert!(sum.pracked > 400 && sum.acknowledged > 400, "{sum:?}");
}

#[test]
fn with_a_third_lost() {
    let sum = storm(600, Weather::stormy(30), seed(3));
    assert!(sum.done * 100 >= sum.due * 95, "{sum:?}");
    assert!(sum.pracked > 200 && sum.acknowledged > 200, "{sum:?}");
}

/// One call, with all that passed when something is wrong.
fn play(plan: Plan, judge: impl FnOnce(&World<'_>)) {
    let setting = Setting::new(8, 4);
    let mut memory = Memory::of(&setting);
    let mut world = World::new(&setting, &mut memory, 1, Weather::FINE);
    world.tap = Some(Tap::with_ladder());
    world.call(plan, 0);
    world.settle(150);
    world.expect_clean();
    judge(&world);
}

#[test]
fn both_sides_ring_send_early_media_and_ring_again() {
    for offers in [true, false] {
        for caller in [Wish::Able, Wish::Required] {
            let plan = Plan {
                answers: vec![Answer::EarlyMedia(3_000)],
                offers,
                reliable: Reliable { caller, target: true, rings_late: true, mute: false, updates: true },
                ..Plan::plain()
            };
            play(plan, |world| {
                let (caller, callee) = (&world.callers[0], &world.callees[0]);
                assert_eq!(
                    (caller.outcome, caller.heard.as_slice()),
                    (Outcome::Answered, &[100, 183, 183, 180][..])
                );
                let required = caller.plan.reliable.caller == Wish::Required;
                assert_eq!(caller.pracked, if required { 3 } else { 1 });
                assert_eq!(callee.pracked, 3);
                assert!(callee.described && world.streams().1 == 1);
                assert_eq!(callee.updated, 1);
            });
        }
    }
}

#[test]
fn a_caller_that_never_acknowledges_is_refused_and_its_target_hung_up() {
    let plan = Plan {
        answers: vec![Answer::EarlyMedia(3_000)],
        reliable: Reliable { caller: Wish::Able, mute: true, ..Reliable::NONE },
        ..Plan::plain()
    };
    play(plan, |world| {
        assert_eq!(world.callers[0].outcome, Outcome::Failed(504));
        assert!(world.callees[0].heard_bye);
        let (begun, ended) = world.callers[0].times;
        assert!((32_500_000..34_000_000).contains(&(ended.unwrap() - begun)));
    });
}
