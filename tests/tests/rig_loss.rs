//! Thousands of calls of every kind over a network that loses, doubles and reorders.

use std::collections::HashMap;

use warmline_core::Usage;
use warmline_tests::{
    Answer, Caller, Dice, Ending, From, Hold, Memory, Outcome, Plan, Refresh, Setting, Told, Weather, World,
    address, seed,
};

/// What should come of a plan; None where chance decides between several good ends.
fn expected(plan: &Plan) -> Option<Outcome> {
    let answers =
        |answer: &Answer| matches!(answer, Answer::After(_) | Answer::AtOnce | Answer::EarlyMedia(_));
    let last = plan.answers.last()?;
    match plan.ending {
        Ending::Cancel(_) => None,
        _ if answers(last) => Some(Outcome::Answered),
        _ => match *last {
            Answer::Refuse(486, _) => Some(Outcome::Failed(486)),
            Answer::Refuse(503, _) => Some(Outcome::Failed(500)),
            Answer::Refuse(..) => Some(Outcome::Failed(480)),
            _ => None,
        },
    }
}

fn any(dice: &mut Dice) -> Plan {
    let mut plan = Plan::plain();
    plan.ticket = Some(1 + dice.below(1 << 40));
    if dice.chance(2_500) {
        plan.from = From::Carrier;
    }
    plan.offers = !dice.chance(1_500);
    plan.proxied = dice.chance(1_000);
    plan.format = *dice.pick(&[0, 8]);
    plan.formats = dice.pick(&[vec![0, 8, 101], vec![8, 0, 101], vec![0, 101], vec![8]]).clone();
    let time = dice.between(200, 6_000);
    let answer = match dice.below(100) {
        0..55 => Answer::After(time),
        55..63 => Answer::AtOnce,
        63..75 => Answer::EarlyMedia(time),
        75..80 => Answer::Refuse(*dice.pick(&[486, 503, 302, 401]), time),
        80..84 => Answer::Ring,
        84..86 => Answer::Silence,
        86..88 => Answer::AnswerWhenCancelled,
        88..89 => Answer::ForgetWhenCancelled,
        _ => Answer::After(time),
    };
    plan.answers = vec![answer];
    if dice.chance(1_000) {
        plan.dial = "both";
        let first = *dice.pick(&[
            Answer::Refuse(503, 100),
            Answer::Ring,
            Answer::Silence,
            Answer::AnswerWhenCancelled,
        ]);
        plan.answers.insert(0, first);
    }
    let talk = dice.between(0, 8_000);
    plan.ending = match dice.below(100) {
        0..45 => Ending::Caller(talk),
        45..75 => Ending::Target(talk),
        75..80 => Ending::Both(talk),
        80..95 => Ending::Cancel(dice.between(0, 6_500)),
        95..98 => Ending::WrongCSeq(talk),
        _ => Ending::NoAck,
    };
    plan.refresh = match dice.below(100) {
        0..6 => Refresh::CallerHolds,
        6..10 => Refresh::TargetHolds,
        10..13 => Refresh::CallerAsks,
        13..16 => Refresh::CallerAddsVideo,
        16..19 => Refresh::CallerHoldsAs(*dice.pick(&Hold::ALL), dice.chance(5_000)),
        19..22 => Refresh::TargetHoldsAs(*dice.pick(&Hold::ALL), dice.chance(5_000)),
        _ => Refresh::None,
    };
    plan
}

fn call_id(number: usize, caller: &Caller) -> String {
    let address = if caller.plan.from == From::Ai { address::AI } else { address::CARRIER };
    format!("zxa{number}-id@{}", address.ip())
}

/// Lets `calls` calls begin within so many seconds and end; gives how many should have succeeded, and how many did.
fn storm(calls: u64, seconds: u64, weather: Weather, seed: u64) -> (u64, u64) {
    let setting = Setting::new(4_000, 200);
    let mut memory = Memory::of(&setting);
    let mut world = World::new(&setting, &mut memory, seed, weather);
    let mut dice = Dice::new(seed ^ 1);
    for _ in 0..calls {
        let plan = any(&mut dice);
        let after = dice.below(seconds * 1_000_000);
        world.call(plan, after);
    }
    world.seconds(seconds);
    // Two targets of up to a minute each, timers B and H, and then what lingers.
    world.seconds(200);
    world.seconds(40);

    let (mut due, mut done) = (0, 0);
    let mut unexpected = Vec::new();
    for (number, caller) in world.callers.iter().enumerate() {
        if let Some(outcome) = expected(&caller.plan) {
            due += 1;
            if caller.outcome == outcome {
                done += 1;
            } else {
                unexpected.push(format!("{number}: {:?} by {:?}", caller.outcome, caller.plan));
            }
        }
    }
    unexpected.truncate(5);
    println!("{done} of {due} went as planned; others: {unexpected:#?}");
    let mut kinds = std::collections::BTreeMap::new();
    for caller in &world.callers {
        *kinds.entry(format!("{:?}", caller.outcome)).or_insert(0) += 1;
    }
    println!("{kinds:?}, {} targets, refused outside calls {}", world.callees.len(), world.refused.len());
    println!("{:?}", world.sbc().counters().iter().collect::<Vec<_>>());
    assert_eq!(world.usage(), Usage::default());
    world.expect_clean();

    // Final by the time its targets were given and timers B and H; over when the talk and a lost BYE are as well.
    let waited = |caller: &Caller| caller.times.1.map_or(0, |end| end - caller.times.0);
    let longest = world.callers.iter().map(waited).max().unwrap_or(0);
    let begun: HashMap<String, u64> = world
        .callers
        .iter()
        .enumerate()
        .map(|(number, caller)| (call_id(number, caller), caller.times.0))
        .collect();
    let lasted = |told: &Told| told.ended_at - begun[&told.call_id];
    let over = world.told.values().map(lasted).max().unwrap_or(0);
    println!("the longest wait for a final response was {longest} us, the longest call {over} us");
    assert!(longest <= 100_000_000 && over <= 140_000_000, "{longest} {over}");
    (due, done)
}

#[test]
fn ten_thousand_calls_with_a_twentieth_lost() {
    let (due, done) = storm(10_000, 200, Weather::stormy(5), seed(1));
    assert!(due > 7_000);
    assert!(done * 1_000 >= due * 999, "{done} of {due}");
}

#[test]
fn every_call_ends_cleanly_with_a_third_lost() {
    storm(2_000, 100, Weather::stormy(30), seed(2));
}

#[test]
fn nothing_is_wrong_when_nothing_is_lost() {
    let (due, done) = storm(3_000, 100, Weather::FINE, seed(3));
    assert_eq!(due, done);
}
