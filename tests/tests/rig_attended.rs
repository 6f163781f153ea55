//! Two calls of one AI platform: attended transfers, which make one call of them, and legs that take another's place by
//! Replaces. Who hears whom, what is told of each call, and that nothing is left behind.

use core::net::SocketAddr;

use warmline_core::Usage;
use warmline_core::config::TargetIndex;
use warmline_core::reason::Reason;
use warmline_tests::{
    Answer, Dice, Ending, From, Memory, Outcome, Plan, Refresh, Setting, Tap, Told, Weather, World, seed,
};

/// A caller of the carrier's, who talks with the agent.
fn caller() -> Plan {
    Plan {
        from: From::Carrier,
        dial: "agent",
        ticket: None,
        answers: vec![Answer::After(600)],
        ending: Ending::Caller(30_000),
        ..Plan::plain()
    }
}

/// The agent's question to a person.
fn consultation() -> Plan {
    Plan { answers: vec![Answer::After(600)], ending: Ending::Target(90_000), ..Plan::plain() }
}

/// A leg of the platform's that takes the place of the one it has in this call.
fn replacement(of: usize) -> Plan {
    Plan { dial: "x", ticket: None, ending: Ending::Target(0), replaces: Some(of), ..Plan::plain() }
}

/// One RTP packet of 20 ms.
fn packet(format: u8, number: u16) -> Vec<u8> {
    let mut bytes = vec![0x80, format];
    bytes.extend((1_000 + number).to_be_bytes());
    bytes.extend((77_000 + u32::from(number) * 160).to_be_bytes());
    bytes.extend((7 + u32::from(format)).to_be_bytes());
    bytes.extend([0x55; 160]);
    bytes
}

/// Everybody in these calls: first the caller, then the target, of each.
fn ends(world: &World<'_>, calls: &[usize]) -> Vec<(SocketAddr, u16)> {
    calls.iter().flat_map(|&call| world.ends(call)).collect()
}

/// Whom each of them reaches when it speaks.
fn reached(world: &mut World<'_>, calls: &[usize], number: u16) -> Vec<Option<usize>> {
    let ends = ends(world, calls);
    let reach = |(place, &(from, port)): (usize, &(SocketAddr, u16))| {
        let format = if place % 2 == 0 { 0 } else { 8 };
        let to = world.speak_from(from, port, &packet(format, number));
        to.map(|to| ends.iter().position(|end| end.0 == to).expect("it is one of theirs"))
    };
    ends.iter().enumerate().map(reach).collect()
}

/// What was told of this caller's call.
fn told<'w>(world: &'w World<'_>, number: usize) -> &'w Told {
    let call_id = format!("zxa{number}-");
    let mut all = world.told.values().chain(&world.past);
    all.find(|told| told.call_id.starts_with(&call_id)).expect("it has begun")
}

/// Plays these calls, which begin at once; `judge` goes through them from their beginning.
fn play(plans: &[Plan], return_to: bool, judge: impl FnOnce(&mut World<'_>)) {
    let mut setting = Setting::new(8, 4);
    setting.trunks[0].return_to = return_to.then_some(TargetIndex(2));
    let mut memory = Memory::of(&setting);
    let mut world = World::new(&setting, &mut memory, 1, Weather::FINE);
    world.tap = Some(Tap::with_ladder());
    for plan in plans {
        world.call(plan.clone(), 0);
    }
    judge(&mut world);
    world.settle(150);
    world.expect_clean();
    assert_eq!(world.usage(), Usage::default());
}

#[test]
fn two_calls_become_one() {
    // In which call the agent asks, and in which it had called.
    for (calls, merged) in [([0, 1], 0), ([1, 0], 1)] {
        play(&[caller(), consultation()], false, |world| {
            world.seconds(3);
            assert_eq!(reached(world, &[0, 1], 0), [Some(1), Some(0), Some(3), Some(2)]);
            world.attend(calls, 0);
            world.run(200_000);
            assert_eq!(reached(world, &[0, 1], 1), [Some(3), None, None, Some(0)], "{calls:?}");
            world.seconds(7);
            assert_eq!(reached(world, &[0, 1], 2), [Some(3), None, None, Some(0)], "{calls:?}");
            let over = told(world, 1 - merged);
            assert_eq!((over.answered, over.ended, over.reason), (1, 1, Some(Reason::Transferred)));
            assert_eq!(told(world, merged).ended, 0);
            assert_eq!(world.streams().0, 1);
            // The person and the carrier's caller were told another port, whichever of them changed calls.
            assert_eq!(world.callers[0].moved + world.callees[1].moved, 1);
            world.seconds(40);
            let last = told(world, merged);
            assert_eq!((last.answered, last.ended, last.ticket), (1, 1, Some(35436)));
            assert_eq!(last.reason, Some(Reason::CallerHungUp));
        });
    }
}

#[test]
fn the_agent_may_have_called_or_been_called_in_both() {
    let others = [
        // Two callers of the carrier's, both with the agent.
        ([caller(), caller()], [2, 0]),
        // Two people at Zendesk.
        ([consultation(), consultation()], [3, 1]),
    ];
    for (plans, [from, to]) in others {
        let ending = Ending::Both(25_000);
        let plans = plans.map(|plan| Plan { ending, ..plan });
        play(&plans, false, |world| {
            world.seconds(3);
            world.attend([0, 1], 0);
            world.run(200_000);
            let reached = reached(world, &[0, 1], 0);
            assert_eq!((reached[from], reached[to]), (Some(to), Some(from)), "{reached:?}");
            assert_eq!(reached.iter().flatten().count(), 2);
            world.seconds(8);
        });
    }
}

/// The agent hangs up either leg whenever it likes.
#[test]
fn a_referrer_that_leaves_early_is_not_missed() {
    for legs in [&[0][..], &[1], &[0, 1]] {
        for after in (0..120).step_by(5) {
            play(&[caller(), consultation()], false, |world| {
                world.seconds(3);
                world.attend([0, 1], 0);
                world.run(20_100);
                for &leg in legs {
                    world.leave(leg, after * 1_000);
                }
                world.seconds(10);
                assert_eq!(reached(world, &[0, 1], 0), [Some(3), None, None, Some(0)], "{legs:?} {after}");
                assert_eq!(told(world, 1).reason, Some(Reason::Transferred));
            });
        }
    }
}

/// Somebody hangs up at any moment: whoever is left over is with somebody, or hung up.
#[test]
fn whoever_hangs_up_meanwhile() {
    for after in 2_280..2_400 {
        for (place, ending) in [(0, Ending::Caller(after)), (1, Ending::Target(after))] {
            let mut plans = [caller(), consultation()];
            plans[place].ending = ending;
            play(&plans, true, |world| {
                world.seconds(3);
                world.attend([0, 1], 0);
                world.seconds(9);
                let reached = reached(world, &[0, 1], 0);
                assert!(matches!(reached.iter().flatten().count(), 0 | 2), "{reached:?}");
                assert!(
                    reached.iter().enumerate().all(|(end, to)| to.is_none_or(|to| reached[to] == Some(end)))
                );
                let asked = &world.callees[0].referrer;
                assert!(matches!(asked.told.last(), None | Some(200 | 408 | 480 | 487)), "{:?}", asked.told);
            });
        }
    }
}

/// Who is just holding, or asks for something else, is asked again.
#[test]
fn one_that_is_busy_is_asked_again() {
    for after in (0..1_400).step_by(10) {
        let consultation = Plan { refresh: Refresh::TargetHolds, ..consultation() };
        play(&[caller(), consultation], false, |world| {
            world.run(1_000_000 + after * 1_000);
            world.attend([0, 1], 0);
            world.seconds(12);
            assert_eq!(reached(world, &[0, 1], 0), [Some(3), None, None, Some(0)], "{after}");
        });
    }
}

#[test]
fn another_leg_takes_the_agents_place() {
    for first in [caller(), consultation()] {
        let agent = usize::from(first.from == From::Carrier);
        let ending = Ending::Caller(20_000);
        let first = Plan { ending: if agent == 1 { ending } else { Ending::Target(20_000) }, ..first };
        play(&[first], false, |world| {
            world.seconds(3);
            let number = world.call(replacement(0), 0);
            world.run(100_000);
            assert_eq!(world.callers[number].outcome, Outcome::Answered);
            let mut expected = [None, None, Some(1 - agent)];
            expected[1 - agent] = Some(2);
            let ends = ends(world, &[0, 1]);
            assert_eq!(ends[2].1, ends[agent].1, "the port stays");
            assert_eq!(reached(world, &[0, 1], 0), expected);
            assert_eq!((world.told.len(), world.streams().0), (1, 1));
            // And another one that one's.
            let third = world.call(replacement(number), 0);
            world.run(100_000);
            assert_eq!(world.callers[third].outcome, Outcome::Answered);
            world.seconds(30);
            assert_eq!(told(world, 0).ended, 1);
        });
    }
}

#[test]
fn what_is_not_there_is_not_replaced() {
    play(&[caller()], false, |world| {
        let early = world.call(replacement(0), 300_000);
        world.seconds(40);
        let late = world.call(replacement(0), 0);
        world.seconds(1);
        for number in [early, late] {
            assert_eq!(world.callers[number].outcome, Outcome::Failed(481));
        }
    });
}

/// Hundreds of pairs of calls in which everything happens. How many transfers were accepted, and how many were done.
fn storm(pairs: u64, weather: Weather, seed: u64) -> (usize, usize) {
    let mut setting = Setting::new(300, 100);
    setting.trunks[0].return_to = Some(TargetIndex(2));
    let mut memory = Memory::of(&setting);
    let mut world = World::new(&setting, &mut memory, seed, weather);
    let mut dice = Dice::new(seed ^ 1);
    for _ in 0..pairs {
        let begin = dice.below(100_000_000);
        let mut numbers = [0, 0];
        for number in &mut numbers {
            let mut plan = if dice.chance(5_000) { caller() } else { consultation() };
            let talk = dice.between(200, 30_000);
            plan.ending = match (plan.from, dice.below(4)) {
                (_, 0) => Ending::Both(talk),
                (From::Carrier, _) => Ending::Caller(talk),
                _ => Ending::Target(talk),
            };
            plan.refresh =
                *dice.pick(&[Refresh::None, Refresh::None, Refresh::CallerHolds, Refresh::TargetHolds]);
            plan.answers = vec![Answer::After(dice.between(100, 2_000))];
            plan.format = *dice.pick(&[0, 8]);
            // It is done politely, or we hang up.
            plan.transfer = None;
            *number = world.call(plan, begin + dice.below(2_000_000));
        }
        let soon = |dice: &mut Dice| begin + dice.between(1_000_000, 12_000_000);
        for _ in 0..=dice.below(2) {
            let [one, other] = numbers;
            let calls = *dice.pick(&[[one, other], [other, one]]);
            world.attend(calls, soon(&mut dice));
        }
        for number in numbers {
            if dice.chance(2_500) {
                world.leave(number, soon(&mut dice));
            }
            if dice.chance(2_500) {
                let talk = dice.between(0, 20_000);
                let plan = Plan { ending: Ending::Caller(talk), ..replacement(number) };
                world.call(plan, soon(&mut dice));
            }
        }
    }
    world.seconds(320);
    let referrers = world.callers.iter().map(|caller| &caller.referrer);
    let all = referrers.chain(world.callees.iter().map(|callee| &callee.referrer));
    let accepted: Vec<_> = all.filter(|referrer| referrer.answer == Some(202)).collect();
    let done = accepted.iter().filter(|referrer| referrer.succeeded()).count();
    let moved: u32 = world.callers.iter().map(|caller| caller.moved).sum::<u32>()
        + world.callees.iter().map(|callee| callee.moved).sum::<u32>();
    let (mut replaced, mut refused) = (0, 0);
    for caller in world.callers.iter().filter(|caller| caller.plan.replaces.is_some()) {
        replaced += u32::from(caller.outcome == Outcome::Answered);
        refused += u32::from(matches!(caller.outcome, Outcome::Failed(_)));
    }
    println!(
        "{} transfers accepted, {done} told as done, {moved} moves; {replaced} legs replaced, {refused} not",
        accepted.len()
    );
    let result = (accepted.len(), done);
    world.expect_clean();
    assert_eq!(world.usage(), Usage::default());
    result
}

#[test]
fn attended_transfers_in_fine_weather() {
    let (accepted, done) = storm(400, Weather::FINE, seed(41));
    assert!(accepted > 150 && done * 10 > accepted * 5, "{accepted} {done}");
}

#[test]
fn attended_transfers_with_a_twentieth_lost() {
    let (accepted, done) = storm(500, Weather::stormy(5), seed(42));
    assert!(accepted > 150 && done > 50, "{accepted} {done}");
}

#[test]
fn attended_transfers_with_a_third_lost() {
    let (accepted, _) = storm(400, Weather::stormy(30), seed(43));
    assert!(accepted > 50, "{accepted}");
}

/// Restarts at this moment after the REFER has left: everybody is taken up again or hung up.
#[test]
fn a_restart_in_the_middle_takes_everybody_up_or_ends_it() {
    let mut outcomes = [0; 3];
    for after in (0..130_000).step_by(2_500) {
        for leaves in [false, true] {
            let setting = Setting::new(8, 4);
            let (mut memory, mut fresh) = (Memory::of(&setting), Memory::of(&setting));
            let mut world = World::new(&setting, &mut memory, 1, Weather::FINE);
            world.tap = Some(Tap::with_ladder());
            for plan in [caller(), consultation()] {
                world.call(plan, 0);
            }
            world.seconds(3);
            world.attend([0, 1], 0);
            if leaves {
                world.leave(0, 12_000);
                world.leave(1, 12_500);
            }
            world.run(after);
            let taken_up = world.restart(&mut fresh, 300_000);
            outcomes[taken_up] += 1;
            world.run(2_000_000);
            let reached = reached(&mut world, &[0, 1], 0);
            assert!(reached.iter().enumerate().all(|(end, to)| to.is_none_or(|to| reached[to] == Some(end))));
            // The REFER may have come again after it, and been done then.
            let merged = reached == [Some(3), None, None, Some(0)];
            let talk = if merged { taken_up.min(1) } else { taken_up };
            let talking = reached.iter().flatten().count();
            // Who had left before it, has by now.
            assert!(talking == 2 * talk || leaves && talking < 2 * talk, "{after} {leaves}: {reached:?}");
            world.settle(150);
            world.expect_clean();
        }
    }
    assert!(outcomes.iter().all(|&times| times > 0), "{outcomes:?}");
}

#[test]
fn a_call_whose_leg_was_replaced_outlives_a_restart() {
    for first in [caller(), consultation()] {
        let setting = Setting::new(8, 4);
        let (mut memory, mut fresh) = (Memory::of(&setting), Memory::of(&setting));
        let mut world = World::new(&setting, &mut memory, 1, Weather::FINE);
        let agent = usize::from(first.from == From::Carrier);
        world.call(first, 0);
        world.call(replacement(0), 3_000_000);
        world.seconds(5);
        assert_eq!(world.restart(&mut fresh, 300_000), 1);
        world.run(100_000);
        let mut expected = [None, None, Some(1 - agent)];
        expected[1 - agent] = Some(2);
        assert_eq!(reached(&mut world, &[0, 1], 0), expected);
        world.settle(150);
    }
}

#[test]
fn the_platform_is_told_before_it_is_hung_up() {
    for plans in [[caller(), consultation()], [consultation(), caller()]] {
        play(&plans, false, |world| {
            world.seconds(3);
            world.sent = Some(Vec::new());
            world.attend([0, 1], 0);
            world.seconds(12);
            let sent: Vec<String> = world.sent.iter().flatten().map(|sent| text(&sent.1)).collect();
            let place = |what: &str| sent.iter().position(|text| text.contains(what));
            let done = place("\r\n\r\nSIP/2.0 200 OK");
            let bye = place("BYE ");
            assert!(done < bye && done.is_some(), "{done:?} {bye:?}");
        });
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
