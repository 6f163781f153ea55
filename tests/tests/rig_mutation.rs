//! A million messages that are nearly right, from a source that may speak.

use warmline_core::Usage;
use warmline_core::reason::Reason;
use warmline_tests::mutation::{mutate, plans, recorded, renew};
use warmline_tests::{Dice, Memory, Outcome, Plan, Setting, Weather, World, seed};

/// How many messages did not get past the parser.
fn stopped(world: &World<'_>) -> u64 {
    [
        Reason::NotSip,
        Reason::MalformedRequest,
        Reason::MalformedResponse,
        Reason::UnsupportedVersion,
        Reason::MessageTooLarge,
    ]
    .iter()
    .map(|&reason| world.sbc().counters().get(reason))
    .sum()
}

#[test]
fn a_million_mutated_messages_break_nothing() {
    const MESSAGES: u64 = 1_000_000;
    let seed = seed(4);
    let mut dice = Dice::new(seed);
    let setting = Setting::new(300, 100);

    let recorded = recorded(&setting, seed);

    let mut memory = Memory::of(&setting);
    let mut world = World::new(&setting, &mut memory, seed, Weather::FINE);
    world.tap = None;
    let plans = plans();
    let mut sent = 0u64;
    while sent < MESSAGES {
        // Live calls, so that there are dialogs to be hit; their own messages are the ones that are spoilt.
        let base = world.callers.len();
        for (number, plan) in plans.iter().enumerate() {
            world.call(plan.clone(), number as u64 * 20_000);
        }
        world.recording = Some(Vec::new());
        for _ in 0..600 {
            world.run(10_000);
            let fresh = world.recording.take().unwrap();
            world.recording = None;
            for _ in 0..20 {
                // What has just been said, or what was said in another time.
                let (listener, from, bytes) = match fresh.is_empty() || dice.chance(2_000) {
                    true => dice.pick(&recorded).clone(),
                    false => dice.pick(&fresh).clone(),
                };
                let mut bytes = bytes;
                let other = dice.pick(&recorded).2.clone();
                renew(&mut dice, &mut bytes);
                mutate(&mut dice, &mut bytes, &other);
                world.deliver(listener, from, &bytes);
                sent += 1;
            }
            world.recording = Some(fresh.into_iter().rev().take(200).collect());
        }
        world.faults.clear();
        world.refused.clear();
        assert!(world.callers.len() > base);
    }
    world.recording = None;
    let (parsed, stopped) = (world.sbc().parsed(), stopped(&world));
    let reached = parsed - stopped;
    println!("{sent} mutated, {parsed} parsed, {reached} of them reached the transactions");
    println!("{} calls, {} targets", world.told.len(), world.callees.len());
    println!("{:?}", world.sbc().counters().iter().collect::<Vec<_>>());
    assert!(reached * 3 >= parsed, "{reached} of {parsed}");

    // Every target is hung up by its plan or by nobody: an operator ends what is left.
    world.seconds(300);
    world.command(warmline_core::Command::HangUpAll);
    world.seconds(120);
    assert_eq!(world.usage(), Usage::default());
    assert_eq!(world.streams().0, 0);
    for told in world.told.values() {
        assert_eq!((told.started, told.ended), (1, 1));
    }

    world.faults.clear();
    world.tap = Some(warmline_tests::Tap::default());
    let number = world.call(Plan::plain(), 0);
    world.settle(20);
    assert_eq!(world.callers[number].outcome, Outcome::Answered);
    assert_eq!(world.faults, Vec::<String>::new());
    assert_eq!(world.usage(), Usage::default());
}
