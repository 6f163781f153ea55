//! Restarts in the middle of calls: what was answered goes on, what was not ends, and nothing is left behind.

use warmline_core::Usage;
use warmline_core::relay::Side;
use warmline_tests::{
    Answer, Dice, Ending, From, Memory, Outcome, Plan, Refresh, Setting, Tap, Told, Weather, World, seed,
};

/// One RTP packet of 20 ms.
fn packet(format: u8, number: u16) -> Vec<u8> {
    let mut bytes = vec![0x80, format];
    bytes.extend((1_000 + number).to_be_bytes());
    bytes.extend((77_000 + u32::from(number) * 160).to_be_bytes());
    bytes.extend((7 + u32::from(format)).to_be_bytes());
    bytes.extend([0x55; 160]);
    bytes
}

/// Whether audio goes from each side to the other, and to where the other listens.
fn audible(world: &mut World<'_>, call: usize, number: u16) -> [bool; 2] {
    let plan = world.callers[call].plan.clone();
    let [caller, target] = world.media_of(call);
    [(Side::A, plan.formats[0], target), (Side::B, plan.format, caller)].map(|(side, format, (to, from))| {
        match world.speak(call, side, &packet(format, number)) {
            Ok((port, went, _)) => {
                assert_eq!((port, went), (from, to));
                true
            }
            Err(_) => false,
        }
    })
}

fn told(world: &World<'_>) -> Vec<Told> {
    world.told.values().chain(&world.past).cloned().collect()
}

/// Plays one call, restarts `at` seconds in, and judges how it went on.
fn through(plan: Plan, at: u64, judge: impl FnOnce(&mut World<'_>, usize)) {
    let setting = Setting::new(8, 4);
    let mut memory = Memory::of(&setting);
    let mut fresh = Memory::of(&setting);
    let mut world = World::new(&setting, &mut memory, 1, Weather::FINE);
    world.tap = Some(Tap::with_ladder());
    let number = world.call(plan, 0);
    world.run(at * 100_000);
    let taken_up = world.restart(&mut fresh, 300_000);
    judge(&mut world, taken_up);
    world.settle(150);
    world.expect_clean();
    let told = told(&world);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].answered, told[0].restored, told[0].ended), (1, 1, 1));
    assert_eq!(world.callers[number].outcome, Outcome::Answered);
    assert!(world.records.is_empty());
}

#[test]
fn audio_goes_on_without_a_word_and_either_side_hangs_up() {
    for ending in [Ending::Caller(9_000), Ending::Target(9_000), Ending::Both(9_000)] {
        let plan = Plan { ending, ..Plan::plain() };
        through(plan, 40, |world, taken_up| {
            assert_eq!(taken_up, 1);
            let said = world.tap.as_ref().unwrap().sent;
            world.run(1_000);
            for number in 0..100 {
                assert_eq!(audible(world, 0, number), [true; 2]);
                world.run(20_000);
            }
            assert_eq!(world.tap.as_ref().unwrap().sent, said, "not a word of SIP");
        });
    }
}

#[test]
fn a_call_on_hold_is_on_hold_after_a_restart_and_can_be_taken_back() {
    let plan = |refresh| Plan { refresh, ending: Ending::Caller(9_000), ..Plan::plain() };
    // Held from 2.2 s to 2.9 s, or the other way round by 2.1 s to 2.7 s.
    for (refresh, held) in [(Refresh::CallerHolds, [true, false]), (Refresh::TargetHolds, [false, false])] {
        through(plan(refresh), 23, |world, taken_up| {
            assert_eq!(taken_up, 1);
            world.run(1_000);
            assert_eq!(audible(world, 0, 0), held, "{refresh:?}");
            world.seconds(3);
            assert_eq!(audible(world, 0, 1), [true; 2], "{refresh:?}");
        });
    }
}

#[test]
fn a_request_that_nobody_heard_is_answered_when_it_comes_again() {
    let plan = |refresh, ending| Plan { refresh, ending, ..Plan::plain() };
    // Between 2.0 s and 2.3 s nobody hears: neither the hold, nor the BYE.
    for (refresh, ending) in [
        (Refresh::CallerHolds, Ending::Caller(9_000)),
        (Refresh::TargetHolds, Ending::Caller(9_000)),
        (Refresh::CallerAsks, Ending::Caller(9_000)),
        (Refresh::CallerAddsVideo, Ending::Target(9_000)),
        (Refresh::None, Ending::Caller(550)),
        (Refresh::None, Ending::Target(550)),
        (Refresh::None, Ending::Both(550)),
        (Refresh::None, Ending::WrongCSeq(550)),
    ] {
        through(plan(refresh, ending), 20, |world, taken_up| {
            assert_eq!(taken_up, 1);
            assert!(!world.callers[0].over && !world.callees[0].over, "{refresh:?} {ending:?}");
        });
    }
}

/// Every 10 ms of a call's first 3.5 s: whatever is under way, an answered call goes on or is ended, and what is not
/// answered ends by its peers' timers.
#[test]
fn no_moment_is_a_bad_one_for_a_restart() {
    let plans = [
        Plan { ending: Ending::Caller(1_000), ..Plan::plain() },
        Plan { ending: Ending::Target(1_000), ..Plan::plain() },
        Plan { ending: Ending::Caller(2_500), refresh: Refresh::CallerHolds, ..Plan::plain() },
        Plan { ending: Ending::Target(2_500), refresh: Refresh::TargetHolds, ..Plan::plain() },
        Plan { ending: Ending::Target(1_000), refresh: Refresh::CallerAsks, proxied: true, ..Plan::plain() },
        Plan { ending: Ending::Caller(1_000), offers: false, ..Plan::plain() },
        Plan { ending: Ending::Cancel(1_400), ..Plan::plain() },
        Plan {
            ending: Ending::Caller(1_000),
            dial: "both",
            answers: vec![Answer::Refuse(503, 100), Answer::After(300)],
            ..Plan::plain()
        },
    ];
    let setting = Setting::new(8, 4);
    for plan in plans {
        for at in 0..350 {
            let (mut memory, mut fresh) = (Memory::of(&setting), Memory::of(&setting));
            let mut world = World::new(&setting, &mut memory, 1, Weather::FINE);
            world.tap = Some(Tap::with_ladder());
            world.call(plan.clone(), 0);
            world.run(at * 10_000 + 5_000);
            let answered = world.told.values().any(|told| told.answered > 0 && told.ended == 0);
            let taken_up = world.restart(&mut fresh, 100_000);
            let ladder = world.tap.as_ref().unwrap().ladder.as_ref().unwrap().join("\n");
            // What a caller answers in its ACK is not known before.
            if answered && plan.offers {
                let ending = world.callers[0].orphaned;
                assert_eq!(taken_up, usize::from(!ending), "after {at}0 ms of {plan:?}:\n{ladder}");
            }
            world.settle(150);
            let wrong = world.verdict();
            let ladder = world.tap.as_ref().unwrap().ladder.as_ref().unwrap().join("\n");
            assert!(wrong.is_empty(), "after {at}0 ms of {plan:?}: {wrong:#?}\n{ladder}");
        }
    }
}

fn any(dice: &mut Dice) -> Plan {
    let talk = dice.between(0, 30_000);
    let time = dice.between(100, 4_000);
    let ending = match dice.below(10) {
        0..4 => Ending::Caller(talk),
        4..7 => Ending::Target(talk),
        7 => Ending::Both(talk),
        8 => Ending::WrongCSeq(talk),
        _ => Ending::Cancel(time),
    };
    Plan {
        ending,
        answers: vec![*dice.pick(&[
            Answer::After(time),
            Answer::AtOnce,
            Answer::EarlyMedia(time),
            Answer::Ring,
        ])],
        refresh: *dice.pick(&[
            Refresh::None,
            Refresh::None,
            Refresh::CallerHolds,
            Refresh::TargetHolds,
            Refresh::CallerAsks,
            Refresh::CallerAddsVideo,
        ]),
        from: *dice.pick(&[From::Ai, From::Carrier]),
        ticket: Some(1 + dice.below(1 << 40)),
        offers: !dice.chance(1_000),
        proxied: dice.chance(2_000),
        format: *dice.pick(&[0, 8]),
        formats: dice.pick(&[vec![0, 8, 101], vec![8, 0, 101], vec![0, 101], vec![8]]).clone(),
        ..Plan::plain()
    }
}

/// Hundreds of calls, and a restart now and then.
fn storm(calls: u64, restarts: usize, weather: Weather, seed: u64) -> Vec<Told> {
    let setting = Setting::new(400, 200);
    let mut memory: Vec<Memory> = (0..=restarts).map(|_| Memory::of(&setting)).collect();
    let mut memory = memory.iter_mut();
    let mut world = World::new(&setting, memory.next().unwrap(), seed, weather);
    let mut dice = Dice::new(seed ^ 1);
    for _ in 0..calls {
        let plan = any(&mut dice);
        world.call(plan, dice.below(60_000_000));
    }
    let (mut number, mut heard) = (0, 0);
    for fresh in memory {
        world.run(dice.between(100_000, 120_000_000 / restarts as u64));
        let taken_up = world.restart(fresh, dice.between(1_000, 3_000_000));
        world.run(1_000);
        // Whoever is in a plain call hears the other.
        let plain = |call: &usize| {
            let caller = &world.callers[*call];
            world.is_up(*call) && caller.outcome == Outcome::Answered && caller.plan.refresh == Refresh::None
        };
        let plain: Vec<usize> = (0..world.callers.len()).filter(plain).collect();
        for call in plain {
            number += 1;
            assert_eq!(audible(&mut world, call, number), [true; 2], "{:?}", world.callers[call].plan);
            heard += 1;
        }
        println!("at {} us {taken_up} calls go on, {} have places", world.now, world.usage().calls);
    }
    world.seconds(150);
    world.seconds(150);
    println!("{heard} calls were listened to");
    assert!(heard > 100);
    assert_eq!(world.usage(), Usage::default());
    assert!(world.records.is_empty());
    world.expect_clean();
    println!("{} ended, {} were cut off before their answer", told(&world).len(), world.lost.len());
    told(&world)
}

#[test]
fn hundreds_of_calls_outlive_restarts_at_any_moment() {
    let told = storm(600, 8, Weather::FINE, seed(11));
    let restored = told.iter().filter(|told| told.restored > 0).count();
    println!(
        "{restored} of {} calls were restored, one {} times",
        told.len(),
        told.iter().map(|told| told.restored).max().unwrap()
    );
    assert!(restored > 150, "{restored}");
    assert!(told.iter().all(|told| told.ended == 1));
}

#[test]
fn calls_outlive_restarts_in_a_storm() {
    let told = storm(600, 12, Weather::stormy(5), seed(12));
    assert!(told.iter().all(|told| told.ended == 1));
}
