//! Transfers by REFER: who hears whom before and after, what the referrer is told, and that nothing is left behind.

use warmline_core::Usage;
use warmline_core::config::TargetIndex;
use warmline_core::reason::Reason;
use warmline_tests::{
    Answer, Dice, Ending, Memory, Outcome, Plan, Referrer, Refers, Refresh, Setting, Tap, Transfer, Weather,
    World, seed,
};

const BOTH: [Refers; 2] = [Refers::Caller, Refers::Target];

/// One RTP packet of 20 ms.
fn packet(format: u8, number: u16) -> Vec<u8> {
    let mut bytes = vec![0x80, format];
    bytes.extend((1_000 + number).to_be_bytes());
    bytes.extend((77_000 + u32::from(number) * 160).to_be_bytes());
    bytes.extend((7 + u32::from(format)).to_be_bytes());
    bytes.extend([0x55; 160]);
    bytes
}

/// Whom each of the call's ends reaches when it speaks: the caller, and those who were rung, in their order.
fn reached(world: &mut World<'_>, call: usize, number: u16) -> Vec<Option<usize>> {
    let (ends, plan) = (world.ends(call), world.callers[call].plan.clone());
    let mut reached = Vec::new();
    for (place, &(from, port)) in ends.iter().enumerate() {
        let format = if place == 0 { plan.formats[0] } else { plan.format };
        let to = world.speak_from(from, port, &packet(format, number));
        reached.push(to.map(|to| ends.iter().position(|end| end.0 == to).expect("it is one of theirs")));
    }
    reached
}

/// Plays one call; `judge` goes through it from its beginning.
fn play(plan: Plan, return_to: bool, judge: impl FnOnce(&mut World<'_>)) {
    let mut setting = Setting::new(8, 4);
    setting.trunks[0].return_to = return_to.then_some(TargetIndex(2));
    let mut memory = Memory::of(&setting);
    let mut world = World::new(&setting, &mut memory, 1, Weather::FINE);
    world.tap = Some(Tap::with_ladder());
    world.call(plan, 0);
    judge(&mut world);
    world.settle(150);
    world.expect_clean();
    assert_eq!(world.told.len(), 1);
    assert!(world.told.values().all(|told| (told.answered, told.ended) == (1, 1)));
    assert_eq!(world.usage(), Usage { finished: world.usage().finished, ..Usage::default() });
}

fn with(by: Refers, change: impl FnOnce(&mut Transfer)) -> Plan {
    let mut plan = Plan::transferred(by);
    plan.transfer.iter_mut().for_each(|_| {});
    change(plan.transfer.as_mut().unwrap());
    plan
}

/// Who asked.
fn referrer<'w>(world: &'w World<'_>, by: Refers) -> &'w Referrer {
    match by {
        Refers::Caller => &world.callers[0].referrer,
        Refers::Target => &world.callees[0].referrer,
    }
}

#[test]
fn the_referrer_hears_silence_until_the_target_answers() {
    for by in BOTH {
        for polite in [true, false] {
            let plan = with(by, |transfer| (transfer.polite, transfer.ticket) = (polite, Some(4711)));
            play(plan, false, |world| {
                world.run(3_500_000);
                assert_eq!(reached(world, 0, 0), [Some(1), Some(0)], "{by:?}");
                world.run(400_000);
                let before = world.silence.clone();
                // 3.6 to 5.2 s: the target rings.
                world.run(500_000);
                assert_eq!(referrer(world, by).answer, Some(202));
                assert_eq!(reached(world, 0, 1), [None, None, None], "{by:?}");
                for (at, _) in &world.ends(0)[..2] {
                    let heard = world.silence[at] - before.get(at).copied().unwrap_or(0);
                    assert!((24..=26).contains(&heard), "{heard} packets of silence in 500 ms");
                }
                world.run(1_500_000);
                let stays = match by {
                    Refers::Caller => 1,
                    Refers::Target => 0,
                };
                let mut expected = [None; 3];
                (expected[2], expected[stays]) = (Some(stays), Some(2));
                assert_eq!(reached(world, 0, 2), expected, "{by:?}");
                let told = &referrer(world, by).told;
                assert!(matches!(told[..], [100, 180, 200]), "{told:?}");
                world.run(6_000_000);
                assert_eq!(reached(world, 0, 3), expected, "{by:?}");
            });
        }
    }
}

#[test]
fn what_cannot_be_reached_gives_the_caller_back() {
    for by in BOTH {
        for (answer, status) in [
            (Answer::Refuse(486, 300), 486),
            (Answer::Refuse(603, 300), 603),
            (Answer::Refuse(503, 300), 500),
            (Answer::WrongCodec, 488),
        ] {
            let plan = with(by, |transfer| transfer.answer = answer);
            play(plan, true, |world| {
                world.run(6_000_000);
                assert_eq!(referrer(world, by).told.last(), Some(&status), "{by:?} {answer:?}");
                assert_eq!(reached(world, 0, 0)[..2], [Some(1), Some(0)], "{by:?} {answer:?}");
            });
        }
    }
}

#[test]
fn a_referrer_that_leaves_early_is_not_missed() {
    for by in BOTH {
        for leaves in [0, 300, 1_000] {
            let plan = with(by, |transfer| transfer.leaves = Some(leaves));
            play(plan, false, |world| {
                world.seconds(8);
                let reached = reached(world, 0, 0);
                assert_eq!(
                    reached.iter().filter(|to| to.is_some()).count(),
                    2,
                    "{by:?} {leaves}: {reached:?}"
                );
                assert!(reached[2].is_some());
            });
        }
    }
}

#[test]
fn without_its_referrer_a_failed_transfer_returns() {
    let plan = with(Refers::Target, |transfer| {
        (transfer.leaves, transfer.answer) = (Some(100), Answer::Refuse(486, 500));
    });
    play(plan.clone(), true, |world| {
        world.seconds(10);
        // The caller, the agent, who was to have it, and the agent again.
        assert_eq!(reached(world, 0, 0), [Some(3), None, None, Some(0)]);
    });
    play(plan, false, |world| {
        world.seconds(10);
        assert!(world.told.values().all(|told| told.reason == Some(Reason::TargetBusy)));
    });
}

#[test]
fn a_caller_that_hangs_up_meanwhile_ends_it_all() {
    for after in (3_500..6_500).step_by(50) {
        let plan = Plan { ending: Ending::Caller(after - 1_520), ..Plan::transferred(Refers::Target) };
        play(plan, true, |world| {
            world.settle(100);
            let told = &referrer(world, Refers::Target).told;
            assert!(matches!(told.last(), None | Some(200 | 487)), "{told:?}");
        });
    }
}

fn any(dice: &mut Dice) -> Plan {
    let by = *dice.pick(&BOTH);
    let plan = Plan::transferred(by);
    let time = dice.between(100, 4_000);
    let transfer = Transfer {
        after: dice.between(0, 5_000),
        to: (*dice.pick::<&str>(&[
            "<sip:support@sbc.example.com>",
            "sip:support@sbc.example.com?Subject=x",
            "<tel:+1-800-555-0100>",
            "<sip:+18005550100@sbc.example.com;user=phone>",
            "\"Support\" <sip:support@acme.sip.example.net>",
        ]))
        .into(),
        attended: false,
        lines: dice.pick::<&str>(&[
            "",
            "",
            "",
            "Refer-Sub: false\r\n",
            "Referred-By: <sip:agent@ai.example.com>\r\n",
        ]),
        ticket: dice.chance(5_000).then(|| 1 + dice.below(1 << 40)),
        answer: *dice.pick(&[
            Answer::After(time),
            Answer::After(time),
            Answer::AtOnce,
            Answer::EarlyMedia(time),
            Answer::Refuse(486, time),
            Answer::Refuse(503, time),
            Answer::Ring,
            Answer::Silence,
            Answer::WrongCodec,
        ]),
        leaves: dice.chance(2_500).then(|| dice.below(5_000)),
        polite: dice.chance(8_000),
        by,
    };
    let talk = dice.between(0, 40_000);
    let ending = match (by, dice.below(4)) {
        (_, 0) => Ending::Both(talk),
        (Refers::Caller, _) => Ending::Target(talk),
        (Refers::Target, 1) => Ending::Target(talk),
        (Refers::Target, _) => Ending::Caller(talk),
    };
    Plan {
        transfer: Some(transfer),
        ending,
        refresh: *dice.pick(&[Refresh::None, Refresh::None, Refresh::CallerHolds, Refresh::TargetHolds]),
        format: *dice.pick(&[0, 8]),
        proxied: dice.chance(1_000),
        ..plan
    }
}

/// Hundreds of transfers. How many were accepted, and how many of those were told to their end, of those who waited.
fn storm(calls: u64, weather: Weather, seed: u64) -> (usize, usize, usize) {
    let mut setting = Setting::new(300, 100);
    setting.trunks[0].return_to = Some(TargetIndex(2));
    let mut memory = Memory::of(&setting);
    let mut world = World::new(&setting, &mut memory, seed, weather);
    let mut dice = Dice::new(seed ^ 1);
    for _ in 0..calls {
        let plan = any(&mut dice);
        world.call(plan, dice.below(100_000_000));
    }
    world.seconds(320);
    let of_callers = world.callers.iter().map(|caller| (&caller.referrer, &caller.plan));
    let of_callees =
        world.callees.iter().map(|callee| (&callee.referrer, &world.callers[callee.number].plan));
    let all: Vec<_> =
        of_callers.chain(of_callees).filter(|(referrer, _)| referrer.answer == Some(202)).collect();
    let asks = |plan: &Plan| plan.transfer.as_ref().is_some_and(|transfer| !transfer.lines.contains("false"));
    let waits = |plan: &Plan| plan.transfer.as_ref().is_some_and(|transfer| transfer.leaves.is_none());
    let waited: Vec<_> = all.iter().filter(|(_, plan)| asks(plan) && waits(plan)).collect();
    let told = waited.iter().filter(|(referrer, _)| referrer.over).count();
    let done = all.iter().filter(|(referrer, _)| referrer.succeeded()).count();
    println!(
        "{} accepted, {done} told of success, of {} who waited {told} were told the end; {} answered",
        all.len(),
        waited.len(),
        world.callers.iter().filter(|caller| caller.outcome == Outcome::Answered).count()
    );
    assert!(all.iter().all(|(referrer, plan)| asks(plan) || referrer.told.is_empty()));
    world.expect_clean();
    assert_eq!(world.usage(), Usage::default());
    (all.len(), waited.len(), told)
}

#[test]
fn transfers_in_fine_weather() {
    let (accepted, waited, told) = storm(600, Weather::FINE, seed(31));
    assert!(accepted > 300 && told * 100 > waited * 60, "{accepted} {waited} {told}");
}

#[test]
fn transfers_with_a_twentieth_lost() {
    let (accepted, ..) = storm(800, Weather::stormy(5), seed(32));
    assert!(accepted > 350, "{accepted}");
}

#[test]
fn transfers_with_a_third_lost() {
    let (accepted, ..) = storm(600, Weather::stormy(30), seed(33));
    assert!(accepted > 100, "{accepted}");
}

/// Plays one call, and restarts so many milliseconds into it.
fn restarted(plan: Plan, at: u64, taken_up: usize, judge: impl FnOnce(&mut World<'_>)) {
    let setting = Setting::new(8, 4);
    let (mut memory, mut fresh) = (Memory::of(&setting), Memory::of(&setting));
    let mut world = World::new(&setting, &mut memory, 1, Weather::FINE);
    world.tap = Some(Tap::with_ladder());
    world.call(plan, 0);
    world.run(at * 1_000);
    assert_eq!(world.restart(&mut fresh, 300_000), taken_up);
    world.run(2_000);
    judge(&mut world);
    world.settle(150);
    world.expect_clean();
}

#[test]
fn a_call_that_was_transferred_outlives_a_restart() {
    for by in BOTH {
        restarted(Plan::transferred(by), 9_000, 1, |world| {
            let stays = usize::from(by == Refers::Caller);
            let mut expected = [None; 3];
            (expected[2], expected[stays]) = (Some(stays), Some(2));
            assert_eq!(reached(world, 0, 0), expected, "{by:?}");
        });
    }
}

#[test]
fn a_restart_in_the_middle_of_a_transfer_gives_the_caller_back() {
    for by in BOTH {
        restarted(Plan::transferred(by), 4_500, 1, |world| {
            assert_eq!(reached(world, 0, 0)[..2], [Some(1), Some(0)], "{by:?}");
        });
    }
}

#[test]
fn a_restart_in_a_transfer_whose_referrer_has_left_ends_the_call() {
    for by in BOTH {
        let plan = with(by, |transfer| transfer.leaves = Some(100));
        restarted(plan, 4_500, 0, |world| {
            world.seconds(1);
            assert!(world.told.values().chain(&world.past).all(|told| told.ended == 1), "{by:?}");
        });
    }
}
