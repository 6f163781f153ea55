//! Targets whose name has several servers (RFC 3263): calls are spread by weight, and go on where servers fail.

use warmline_core::Usage;
use warmline_core::locate::Found;
use warmline_core::reason::Reason;
use warmline_tests::{Answer, Dice, Memory, Outcome, Plan, Setting, Weather, World, address, seed};

/// Two servers that share the calls, the second with two addresses, and one for when both are down.
const SERVERS: [Found; 4] = [
    Found { address: address::ZENDESK, priority: 10, weight: 70, server: 0 },
    Found { address: address::OTHERS[0], priority: 10, weight: 30, server: 1 },
    Found { address: address::OTHERS[1], priority: 10, weight: 30, server: 1 },
    Found { address: address::OTHERS[2], priority: 20, weight: 0, server: 2 },
];

/// Lets so many calls begin, one each half second, by plans that `plan` throws dice for, and end.
fn storm(calls: u64, weather: Weather, plan: impl Fn(&mut Dice) -> Plan, judge: impl FnOnce(&World<'_>)) {
    let setting = Setting::new(200, 50);
    let mut memory = Memory::of(&setting);
    let seed = seed(5);
    let mut world = World::new(&setting, &mut memory, seed, weather);
    world.servers = SERVERS.to_vec();
    let mut dice = Dice::new(seed ^ 3);
    for number in 0..calls {
        let plan = plan(&mut dice);
        world.call(plan, number * 500_000);
    }
    world.seconds(calls / 2 + 200);
    world.seconds(80);
    assert_eq!(world.usage(), Usage::default());
    world.expect_clean();
    judge(&world);
}

#[test]
fn servers_share_the_calls_by_weight() {
    let plan = |_: &mut Dice| Plan {
        answers: vec![Answer::After(100)],
        others: vec![Answer::After(200), Answer::After(300), Answer::After(400)],
        ..Plan::plain()
    };
    storm(600, Weather::FINE, plan, |world| {
        assert!(world.callers.iter().all(|caller| caller.outcome == Outcome::Answered));
        let at =
            |answer| world.callees.iter().filter(|callee| callee.answer == Answer::After(answer)).count();
        let counts = [100, 200, 300, 400].map(at);
        println!("{counts:?}");
        // 420, 90, 90 and none.
        assert!((360..480).contains(&counts[0]) && counts[3] == 0, "{counts:?}");
        assert!(counts[1..3].iter().all(|count| (50..130).contains(count)), "{counts:?}");
    });
}

/// A plan in which the server of the lowest rank always answers, and the others mostly do not.
fn failing(dice: &mut Dice) -> Plan {
    let one = |dice: &mut Dice| match dice.below(6) {
        0 => Answer::After(300),
        1..3 => Answer::Silence,
        3 => Answer::LateRing(6_000),
        _ => Answer::Refuse(*dice.pick(&[408, 500, 503]), 200),
    };
    let (first, second, third) = (one(dice), one(dice), one(dice));
    Plan { answers: vec![first], others: vec![second, third, Answer::After(300)], ..Plan::plain() }
}

#[test]
fn servers_that_fail_are_passed_over() {
    storm(300, Weather::FINE, failing, |world| {
        let failed = world.callers.iter().filter(|caller| caller.outcome != Outcome::Answered).count();
        assert_eq!(failed, 0);
        assert!(world.sbc().counters().get(Reason::TargetSilent) > 0);
    });
}

#[test]
fn servers_that_fail_are_passed_over_with_a_twentieth_lost() {
    storm(300, Weather { loss: 500, ..Weather::FINE }, failing, |world| {
        let failed = world.callers.iter().filter(|caller| caller.outcome != Outcome::Answered).count();
        assert!(failed <= 1, "{failed} of 300");
    });
}
