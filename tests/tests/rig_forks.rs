//! INVITEs that fork and addresses that fail: every dialog that comes of one is in the call or hung up, under loss.

use core::net::SocketAddr;

use warmline_core::Usage;
use warmline_core::reason::Reason;
use warmline_tests::{
    Answer, Callee, Dice, Ending, Memory, Outcome, Plan, Setting, Tap, Weather, World, address, seed,
};

/// What a storm came to.
#[derive(Debug, Default)]
struct Sum {
    /// Calls that should have been answered, and those that were.
    due: usize,
    done: usize,
    /// Targets that answered, and of these those that were not the call's.
    answered: usize,
    losers: usize,
    /// Of the losers, those that heard a BYE.
    hung_up: usize,
    /// Those that were cancelled.
    cancelled: usize,
    refused: usize,
    too_late: u64,
    silent: u64,
}

/// Whether it answers sooner or later.
const fn answers(answer: Answer) -> bool {
    matches!(answer, Answer::After(_) | Answer::AtOnce | Answer::EarlyMedia(_) | Answer::Late(_))
}

/// Whether whoever calls by this plan should be answered, in whatever order its addresses are tried. Where they fork as
/// well, that depends on the order.
fn is_due(plan: &Plan) -> bool {
    let all = plan.answers.iter().chain(&plan.others).chain(&plan.forks);
    (plan.others.is_empty() || plan.forks.is_empty()) && all.copied().any(answers)
}

/// Lets so many calls begin within so many seconds, by plans that `plan` throws dice for, and end.
fn storm(
    calls: u64,
    seconds: u64,
    weather: Weather,
    seed: u64,
    addresses: &[SocketAddr],
    plan: impl Fn(&mut Dice) -> Plan,
) -> Sum {
    let setting = Setting::new(2_000, 50);
    let mut memory = Memory::of(&setting);
    let mut world = World::new(&setting, &mut memory, seed, weather);
    world.addresses = addresses.to_vec();
    let mut dice = Dice::new(seed ^ 1);
    for _ in 0..calls {
        let plan = plan(&mut dice);
        let after = dice.below(seconds * 1_000_000);
        world.call(plan, after);
    }
    world.seconds(seconds + 200);
    world.seconds(80);
    assert_eq!(world.usage(), Usage::default());
    world.expect_clean();

    let mut sum = Sum::default();
    let mut unexpected = Vec::new();
    for (number, caller) in world.callers.iter().enumerate() {
        if is_due(&caller.plan) {
            sum.due += 1;
            sum.done += usize::from(caller.outcome == Outcome::Answered);
            if caller.outcome != Outcome::Answered {
                unexpected.push(format!("{number}: {:?} by {:?}", caller.outcome, caller.plan));
            }
        }
        if let Outcome::Failed(status) = caller.outcome {
            assert!(!matches!(status, 401 | 407 | 503), "{status}");
        }
    }
    for (number, caller) in world.callers.iter().enumerate() {
        let mine: Vec<&Callee> = world.callees.iter().filter(|callee| callee.number == number).collect();
        let answered = mine.iter().filter(|callee| callee.answered).count();
        sum.answered += answered;
        let won = usize::from(caller.outcome == Outcome::Answered);
        sum.losers += answered.saturating_sub(won);
        sum.hung_up += mine.iter().filter(|callee| callee.answered && callee.heard_bye).count();
        sum.cancelled += mine.iter().filter(|callee| callee.cancelled).count();
        sum.refused += mine.iter().filter(|callee| matches!(callee.answer, Answer::Refuse(..))).count();
    }
    sum.too_late = world.sbc().counters().get(Reason::AnsweredTooLate);
    sum.silent = world.sbc().counters().get(Reason::TargetSilent);
    unexpected.truncate(3);
    println!("{sum:?}, {unexpected:#?}");
    println!("{:?}", world.sbc().counters().iter().collect::<Vec<_>>());
    assert_eq!(world.sbc().counters().get(Reason::TooManyAnswers), 0);
    assert_eq!(world.sbc().counters().get(Reason::NoMemory), 0);
    if weather.loss == 0 {
        for callee in world.callees.iter().filter(|callee| callee.answered) {
            assert!(callee.acknowledged && callee.over, "{callee:?}");
        }
    }
    sum
}

fn ending(dice: &mut Dice) -> Ending {
    let talk = dice.between(0, 8_000);
    match dice.below(100) {
        0..55 => Ending::Caller(talk),
        55..90 => Ending::Target(talk),
        _ => Ending::Both(talk),
    }
}

/// One or two further branches, that answer at about the same time as the first or much later, or only ring.
fn forked(dice: &mut Dice) -> Plan {
    let branch = |dice: &mut Dice, time: u64| {
        let late = dice.between(8_000, 25_000);
        let near = (time + dice.below(200)).saturating_sub(100);
        match dice.below(10) {
            0..5 => Answer::After(near),
            5..6 => Answer::EarlyMedia(near),
            6..7 => Answer::Late(near),
            7..8 => Answer::After(late),
            8..9 => Answer::AnswerWhenCancelled,
            _ => Answer::Ring,
        }
    };
    let time = dice.between(100, 3_000);
    let first = match dice.below(10) {
        0..6 => Answer::After(time),
        6..8 => Answer::EarlyMedia(time),
        8..9 => Answer::AtOnce,
        _ => Answer::Ring,
    };
    let further = dice.between(1, 2);
    let mut forks: Vec<Answer> = (0..further).map(|_| branch(dice, time)).collect();
    if first == Answer::Ring {
        forks[0] = Answer::After(time);
    }
    let early = dice.chance(1_500);
    Plan {
        answers: vec![first],
        forks,
        offers: !early,
        format: *dice.pick(&[0, 8]),
        ending: ending(dice),
        ..Plan::plain()
    }
}

/// Whatever a bad address does.
fn bad(dice: &mut Dice) -> Answer {
    let late = dice.between(4_200, 28_000);
    match dice.below(10) {
        0..3 => Answer::Silence,
        3..5 => Answer::Late(late),
        5..7 => Answer::LateRing(late),
        7..9 => Answer::Refuse(*dice.pick(&[408, 500, 503, 504]), late % 700),
        _ => Answer::Refuse(503, 0),
    }
}

/// Four addresses of which three are bad in one way or another, and one is not.
fn scattered(dice: &mut Dice) -> Plan {
    let time = dice.between(100, 4_000);
    let good = match dice.below(10) {
        0..7 => Answer::After(time),
        7..9 => Answer::EarlyMedia(time),
        _ => Answer::AtOnce,
    };
    let place = dice.below(4);
    let mut all: Vec<Answer> = (0..4).map(|at| if at == place { good } else { bad(dice) }).collect();
    let answers = vec![all.remove(0)];
    Plan { answers, others: all, ending: ending(dice), ..Plan::plain() }
}

/// All of it at once, with a caller who cancels.
fn both(dice: &mut Dice) -> Plan {
    let mut plan = scattered(dice);
    plan.forks = (0..dice.between(1, 2))
        .map(|_| match dice.below(4) {
            0 => Answer::Late(dice.between(4_200, 28_000)),
            1 => Answer::AnswerWhenCancelled,
            2 => Answer::EarlyMedia(dice.between(100, 4_000)),
            _ => Answer::After(dice.between(100, 4_000)),
        })
        .collect();
    if dice.chance(3_000) {
        plan.answers = vec![Answer::AnswerWhenCancelled];
    }
    if dice.chance(6_000) {
        plan.ending = Ending::Cancel(dice.between(0, 16_000));
    }
    plan
}

const ONE: [SocketAddr; 1] = [address::ZENDESK];
/// The second is nobody's we know: it is left out.
const FOUR: [SocketAddr; 5] =
    [address::ZENDESK, address::STRANGER, address::OTHERS[0], address::OTHERS[1], address::OTHERS[2]];

#[test]
fn forks_in_fine_weather() {
    let sum = storm(600, 60, Weather::FINE, seed(1), &ONE, forked);
    assert_eq!((sum.due, sum.done), (600, 600));
    assert!(sum.losers > 200 && sum.too_late == sum.losers as u64, "{sum:?}");
}

#[test]
fn forks_with_a_twentieth_lost() {
    let sum = storm(1_000, 60, Weather::stormy(5), seed(2), &ONE, forked);
    assert!(sum.done * 1_000 >= sum.due * 999, "{sum:?}");
    assert!(sum.losers > 400, "{sum:?}");
}

#[test]
fn forks_with_a_third_lost() {
    let sum = storm(600, 60, Weather::stormy(30), seed(3), &ONE, forked);
    assert!(sum.losers > 200 && sum.done * 100 >= sum.due * 97, "{sum:?}");
}

#[test]
fn addresses_in_fine_weather() {
    let sum = storm(600, 60, Weather::FINE, seed(4), &FOUR, scattered);
    assert_eq!((sum.due, sum.done), (600, 600));
    assert!(sum.silent > 200 && sum.refused > 100 && sum.losers > 50 && sum.cancelled > 50, "{sum:?}");
}

#[test]
fn addresses_with_a_twentieth_lost() {
    let sum = storm(1_000, 60, Weather::stormy(5), seed(5), &FOUR, scattered);
    assert!(sum.done * 1_000 >= sum.due * 999, "{sum:?}");
    assert!(sum.silent > 300 && sum.losers > 80 && sum.cancelled > 80, "{sum:?}");
}

#[test]
fn addresses_with_a_third_lost() {
    let sum = storm(600, 60, Weather::stormy(30), seed(6), &FOUR, scattered);
    assert!(sum.silent > 200 && sum.losers > 40, "{sum:?}");
}

#[test]
fn forks_and_addresses_and_callers_who_cancel() {
    for (weather, usual) in [(Weather::FINE, 7), (Weather::stormy(5), 8), (Weather::stormy(30), 9)] {
        let sum = storm(600, 60, weather, seed(usual), &FOUR, both);
        assert!(sum.losers > 100 && sum.cancelled > 100, "{sum:?}");
    }
}

/// One call, with all that passed when something is wrong.
fn play(plan: Plan, addresses: &[SocketAddr], judge: impl FnOnce(&World<'_>)) {
    let setting = Setting::new(8, 4);
    let mut memory = Memory::of(&setting);
    let mut world = World::new(&setting, &mut memory, 1, Weather::FINE);
    world.tap = Some(Tap::with_ladder());
    world.addresses = addresses.to_vec();
    world.call(plan, 0);
    world.settle(150);
    world.expect_clean();
    judge(&world);
}

#[test]
fn the_faster_branch_has_the_call_and_the_slower_ones_are_hung_up() {
    let forks = vec![Answer::After(1_000), Answer::After(1_510)];
    play(Plan { forks, ..Plan::plain() }, &ONE, |world| {
        assert_eq!(world.callees.len(), 3);
        assert_eq!(world.callers[0].outcome, Outcome::Answered);
        // The second was the fastest, and was in the call to its end.
        let talked = |place: usize| {
            let callee = &world.callees[place];
            (callee.acknowledged, callee.heard_bye)
        };
        assert_eq!([talked(0), talked(1), talked(2)], [(true, true); 3]);
        assert_eq!(world.sbc().counters().get(Reason::AnsweredTooLate), 2);
    });
}

#[test]
fn a_branch_that_answers_after_the_call_is_hung_up() {
    let plan = Plan { forks: vec![Answer::After(20_000)], ending: Ending::Caller(1_000), ..Plan::plain() };
    play(plan, &ONE, |world| {
        assert!(world.callees[1].acknowledged && world.callees[1].heard_bye);
        assert!(world.told.values().all(|told| told.ended_at < 6_000_000), "its call was over long before");
    });
}

#[test]
fn a_cancelled_fork_of_which_two_answer_ends_twice() {
    let plan = Plan {
        answers: vec![Answer::AnswerWhenCancelled],
        forks: vec![Answer::AnswerWhenCancelled, Answer::Ring],
        ending: Ending::Cancel(2_000),
        ..Plan::plain()
    };
    play(plan, &ONE, |world| {
        assert_eq!(world.callers[0].outcome, Outcome::Failed(487));
        for callee in &world.callees[..2] {
            assert!(callee.acknowledged && callee.heard_bye);
        }
    });
}

#[test]
fn silent_addresses_cost_4_s_each_and_the_next_call_nothing() {
    let setting = Setting::new(8, 4);
    let mut memory = Memory::of(&setting);
    let mut world = World::new(&setting, &mut memory, 1, Weather::FINE);
    world.addresses = FOUR.to_vec();
    let plan = Plan {
        answers: vec![Answer::Silence],
        others: vec![Answer::LateRing(6_000), Answer::Late(9_000), Answer::After(300)],
        ..Plan::plain()
    };
    for after in [0, 20_000_000] {
        world.call(plan.clone(), after);
    }
    world.settle(150);
    world.expect_clean();
    let took = |number: usize| {
        let (begun, ended) = world.callers[number].times;
        ended.unwrap() - begun
    };
    assert!((12_300_000..12_500_000).contains(&took(0)), "{}", took(0));
    assert!(took(1) < 500_000, "{}", took(1));
    // What was left rang later and was cancelled, or answered later and was hung up.
    let [silent, rang, answered, good, again] = &world.callees[..] else { panic!("{:?}", world.callees) };
    assert!(!silent.answered && rang.cancelled && !rang.answered && answered.heard_bye);
    assert!(good.heard_bye && again.heard_bye);
    assert_eq!(world.told.len(), 2);
}
