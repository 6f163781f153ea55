//! Stays on lines with plans: thousands of them, on random lines, among peers who do as they like, over a network that
//! loses, doubles and reorders. Whatever happens, each has one outcome, which agrees with what its peers have seen, and
//! nothing is left behind.
//!
//! A failure says the seed of its world: `WARMLINE_SEED` plays that world alone.

use core::ops::Range;

use warmline_core::call::Outcome;
use warmline_core::config::{Answers, Config, Line, Then};
use warmline_core::reason::Reason;
use warmline_core::{Usage, config};
use warmline_tests::{
    Answer, Callee, Caller, Dice, Ending, From, Handed, LINES, Manner, Memory, Plan, Refers, Setting, Tap,
    Told, Transfer, Visit, Weather, World, address,
};

/// How many callers come to the lines of one world.
const CALLERS: usize = 6;

const SECOND: u64 = 1_000_000;

/// How far apart things may be that happen at the same time, for who sees them from afar.
const AFAR: u64 = SECOND / 10;

fn manner(dice: &mut Dice) -> Manner {
    let time = dice.between(50, 6_000);
    let answer = match dice.below(20) {
        0..6 => Answer::After(time),
        6 => Answer::AtOnce,
        7 => Answer::EarlyMedia(time),
        8..11 => Answer::Refuse(*dice.pick(&[486, 603, 480, 404, 408, 503, 500]), time / 4),
        11 | 12 => Answer::Silence,
        13..15 => Answer::Ring,
        15 => Answer::AnswerWhenCancelled,
        16 => Answer::ForgetWhenCancelled,
        17 => *dice.pick(&[Answer::Trying, Answer::WrongCodec]),
        18 => Answer::Late(time),
        _ => Answer::LateRing(time),
    };
    let stays = match dice.below(10) {
        0..4 => Some(dice.between(20, 3_000)),
        4..6 => Some(dice.between(3_000, 20_000)),
        _ => None,
    };
    Manner { answer, stays }
}

/// What is to happen to the caller with this number.
fn plan(dice: &mut Dice, number: usize, targets: usize) -> Plan {
    // Every ticket tells whose it is.
    let ticket = |dice: &mut Dice, kind: u64| dice.chance(5_000).then(|| 1_000 + number as u64 * 10 + kind);
    let mut manners: Vec<Vec<Manner>> =
        (0..targets).map(|_| (0..3).map(|_| manner(dice)).collect()).collect();
    let line = *dice.pick(&LINES);
    let tickets = match dice.below(8) {
        0 => Vec::new(),
        1 => vec![(dice.between(0, 3_000), ticket(dice, 4)), (dice.between(0, 20_000), ticket(dice, 5))],
        _ => vec![(dice.between(0, 3_000), ticket(dice, 4))],
    };
    let keys = (0..dice.below(4)).map(|_| (dice.between(200, 40_000), *dice.pick(&[1, 2, 3, 11])));
    let mut visit = Visit { keys: keys.collect(), tickets, ..Visit::default() };
    // Most are patient.
    let patience = if dice.chance(3_000) { dice.between(0, 8_000) } else { dice.between(8_000, 90_000) };
    let mut plan = Plan {
        from: *dice.pick(&[From::Ai, From::Carrier]),
        dial: line,
        ticket: ticket(dice, 1),
        offers: !dice.chance(500),
        format: *dice.pick(&[0, 8]),
        ending: Ending::Cancel(patience),
        ..Plan::plain()
    };
    let door = dice.below(10);
    if door >= 5 {
        // A carrier's caller is at the AI agent's first.
        (plan.from, plan.dial) = (From::Carrier, "agent");
        let answer = Answer::After(dice.between(50, 2_000));
        manners[2][0] = Manner { answer, stays: dice.chance(5_000).then(|| dice.between(0, 15_000)) };
    }
    let brought = ticket(dice, 2);
    let after = dice.between(0, 8_000);
    match door {
        5..8 => {
            plan.transfer = Some(Transfer {
                by: Refers::Target,
                after,
                to: format!("<sip:{line}@sbc.example.com>").into(),
                attended: false,
                lines: if dice.chance(2_000) { "Refer-Sub: false\r\n" } else { "" },
                ticket: brought,
                answer: Answer::AtOnce,
                leaves: dice.chance(3_000).then(|| dice.below(5_000)),
                polite: dice.chance(7_000),
            });
        }
        8..10 => visit.handed = Some(Handed { after: after + 1_000, line, ticket: brought }),
        _ => {}
    }
    visit.manners = manners;
    Plan { visit: Some(visit), ..plan }
}

/// Whether the caller's own leg is all that there was before the line.
fn came_by_itself(plan: &Plan) -> bool {
    plan.dial != "agent"
}

/// What was told of a caller's call.
fn told<'w>(world: &'w World<'_>, number: usize) -> Option<&'w Told> {
    let call_id = format!("zxa{number}-id@");
    world.told.values().find(|told| told.call_id.starts_with(&call_id))
}

/// Everybody who was rung for a caller, and which target each is.
fn rung<'w>(world: &'w World<'_>, setting: &Setting, number: usize) -> Vec<(&'w Callee, usize)> {
    let place = |callee: &Callee| setting.target_at(callee.at()).expect("it is somebody");
    world
        .callees
        .iter()
        .filter(|callee| callee.number == number)
        .map(|callee| (callee, place(callee)))
        .collect()
}

/// Everything that the world's lines may do when nobody is rung any more.
fn thens<'c>(config: &Config<'c>) -> impl Iterator<Item = Then> + use<'c> {
    config.lines.iter().map(|line| line.unanswered).chain(config.keys.iter().map(|key| key.then))
}

fn settle(config: &Config<'_>, target: usize) -> Option<u64> {
    match config.targets[target].answers {
        Answers::Person => None,
        Answers::Queue { settle } => Some(u64::from(settle) * SECOND),
    }
}

/// Whether a caller's outcome is what those have seen who were there.
fn agrees(world: &World<'_>, setting: &Setting, number: usize, fine: bool) -> Result<(), String> {
    let config = setting.config();
    let caller = &world.callers[number];
    let heard = caller.outcome == warmline_tests::Outcome::Answered;
    let Some(told) = told(world, number) else {
        return if heard { Err("answered a call that was never told of".into()) } else { Ok(()) };
    };
    let rung = rung(world, setting, number);
    let talked: Vec<_> = rung.iter().filter(|(callee, _)| callee.answered && callee.acknowledged).collect();
    let by = |is: &dyn Fn(usize) -> bool| talked.iter().any(|(_, target)| is(*target));
    let (outcome, reason) = told.outcome.zip(told.reason).ok_or("no outcome")?;
    let overflows =
        |target: usize| thens(&config).any(|then| then == Then::Overflow(config::TargetIndex(target as u16)));
    let hung_up = matches!(reason, Reason::CallerHungUp | Reason::Cancelled);
    let holds = match outcome {
        Outcome::Connected => heard && by(&|target| settle(&config, target).is_none()),
        Outcome::Queued => heard && by(&|target| settle(&config, target).is_some()),
        Outcome::Overflowed => heard && by(&overflows),
        // By a new call, or to whoever referred it; or the one who had sent it has it back.
        Outcome::Returned if heard => by(&|target| target == 2),
        // Its CANCEL may have been on its way.
        Outcome::Returned => {
            let crossing = if fine { AFAR } else { 3 * SECOND };
            let stayed = caller.left.is_none_or(|left| left + crossing > told.ended_at);
            matches!(caller.outcome, warmline_tests::Outcome::Failed(_)) && stayed
        }
        Outcome::Voicemail => heard && thens(&config).any(|then| then == Then::Voicemail),
        Outcome::Abandoned => caller.left.is_some() && hung_up,
        Outcome::Failed => !hung_up && reason != Reason::TargetHungUp,
        Outcome::Resolved => false,
    };
    if !holds {
        return Err(format!("{outcome:?}, by {reason:?}"));
    }
    let nobody = rung.iter().all(|(callee, _)| !callee.answered);
    if hung_up && nobody && !matches!(outcome, Outcome::Abandoned | Outcome::Voicemail) {
        return Err(format!("{outcome:?}, when the caller has hung up and nobody had answered"));
    }
    if (told.answered > 0) && nobody {
        return Err("told that somebody had answered".into());
    }
    if fine {
        rings_alone(&rung)?;
        goes_back(&config, caller, told)?;
        ends_as_it_should(&config, caller, &rung, told)?;
        keeps_time(&config, caller, &rung)?;
    }
    tickets(world, &rung, told, number, fine)
}

/// When one has the call, nobody else rings for it any more.
fn rings_alone(rung: &[(&Callee, usize)]) -> Result<(), String> {
    // Whom we hung up on was one too many itself.
    let has_it =
        |callee: &Callee| callee.acknowledged && callee.left_at.is_some() && callee.hung_up_at.is_none();
    for (one, _) in rung.iter().filter(|(callee, _)| has_it(callee)) {
        let taken = one.answered_at.unwrap_or(0) + AFAR;
        let rings_on = |other: &Callee| {
            let until = match other.answer {
                Answer::Ring | Answer::AnswerWhenCancelled | Answer::ForgetWhenCancelled => u64::MAX,
                Answer::After(time) | Answer::EarlyMedia(time) => other.rung_at + time * 1_000,
                _ => 0,
            };
            Some(other.rung_at) < one.answered_at
                && until > taken
                && other.cancelled_at.is_none_or(|at| at > taken)
        };
        if let Some((other, _)) = rung.iter().find(|(other, _)| rings_on(other)) {
            return Err(format!("{} rings on when {} has answered", other.at(), one.at()));
        }
    }
    Ok(())
}

/// A platform whose call is refused has its caller back, unless its line says goodbye.
fn goes_back(config: &Config<'_>, caller: &Caller, told: &Told) -> Result<(), String> {
    let refused = matches!(caller.outcome, warmline_tests::Outcome::Failed(_)) && caller.left.is_none();
    let line = config.lines.iter().find(|line| config.text(line.name) == caller.plan.dial.as_bytes());
    let then = line.map(|line| line.unanswered);
    let back = matches!(then, Some(Then::Return | Then::Overflow(_)));
    let pressed = caller.plan.visit.as_ref().is_some_and(|visit| !visit.keys.is_empty());
    if caller.plan.from == From::Ai && refused && back && !pressed && told.outcome != Some(Outcome::Returned)
    {
        return Err(format!("{:?}, and the platform has its caller back", told.outcome));
    }
    Ok(())
}

/// Whoever has talked to the end is whom the outcome is of. For that it must be seen at once what happens.
fn ends_as_it_should(
    config: &Config<'_>,
    caller: &Caller,
    rung: &[(&Callee, usize)],
    told: &Told,
) -> Result<(), String> {
    let (outcome, _) = told.outcome.zip(told.reason).ok_or("no outcome")?;
    let last = rung.iter().filter(|(callee, _)| callee.answered && callee.acknowledged && !callee.cancelled);
    let Some(&(last, target)) = last.max_by_key(|(callee, _)| callee.answered_at) else { return Ok(()) };
    let answered = last.answered_at.unwrap_or(0);
    let Some(left) = [last.left_at, caller.left].into_iter().flatten().min() else { return Ok(()) };
    // Or we hung up on it: its answer was one too many.
    if last.hung_up_at.is_some_and(|at| at < left) || left < answered {
        return Ok(());
    }
    let stayed = left - answered;
    if outcome == Outcome::Queued
        && let Some(settle) = settle(config, target)
        && stayed + AFAR < settle
        && last.left_at == Some(left)
    {
        return Err(format!("Queued, where the queue has hung up after {stayed} us"));
    }
    // A call that was handed over may come back, and go on elsewhere.
    if !came_by_itself(&caller.plan) {
        return Ok(());
    }
    if stayed < settle(config, target).unwrap_or(0) + AFAR || caller.left.is_some_and(|left| left < answered)
    {
        return Ok(());
    }
    let line = config.lines.iter().find(|line| config.text(line.name) == caller.plan.dial.as_bytes());
    let line = line.ok_or("no such line")?;
    let pressed = caller.plan.visit.as_ref().is_some_and(|visit| !visit.keys.is_empty());
    let planned = config.rings(line).iter().any(|ring| usize::from(ring.target.0) == target);
    let instead = line.unanswered == Then::Overflow(config::TargetIndex(target as u16));
    let known = !pressed && !matches!(line.unanswered, Then::Line(_)) && planned != instead;
    if known && instead != (outcome == Outcome::Overflowed) {
        return Err(format!("{outcome:?}, after {} had talked, whom the plan has {planned}", last.at()));
    }
    let fits = match outcome {
        Outcome::Overflowed => true,
        Outcome::Returned => target == 2,
        Outcome::Connected => settle(config, target).is_none(),
        Outcome::Queued => settle(config, target).is_some(),
        _ => false,
    };
    if fits { Ok(()) } else { Err(format!("{outcome:?}, after {} had talked for {stayed} us", last.at())) }
}

/// A caller who comes to a line by itself, and stays on it: those are rung whom its plan has, in that order, each for no
/// longer than it says, and nobody of them when the longest wait is over.
fn keeps_time(config: &Config<'_>, caller: &Caller, rung: &[(&Callee, usize)]) -> Result<(), String> {
    let name = |line: &&Line| config.text(line.name) == caller.plan.dial.as_bytes();
    let line = config.lines.iter().find(name).ok_or("no such line")?;
    let pressed = caller.plan.visit.as_ref().is_some_and(|visit| !visit.keys.is_empty());
    if !came_by_itself(&caller.plan) || matches!(line.unanswered, Then::Line(_)) || pressed {
        return Ok(());
    }
    let instead = match line.unanswered {
        Then::Overflow(target) => Some(usize::from(target.0)),
        Then::Return => Some(2),
        _ => None,
    };
    let rounds = if line.repeat { 20 } else { 1 };
    let plan = config.rings(line).iter().map(|ring| usize::from(ring.target.0));
    let plan: Vec<usize> = core::iter::repeat_n(plan, rounds).flatten().collect();
    let mut planned = plan.iter();
    let mut behind = instead.into_iter().chain([2]);
    let over = caller.times.0 + u64::from(line.max_wait) * SECOND + AFAR;
    for (callee, target) in rung {
        let is_planned = planned.any(|planned| planned == target);
        if !is_planned && !behind.any(|behind| behind == *target) {
            let all: Vec<usize> = rung.iter().map(|(_, target)| *target).collect();
            return Err(format!("{all:?} were rung by the plan {plan:?}, then {instead:?}"));
        }
        let rings = config.rings(line).iter().filter(|ring| usize::from(ring.target.0) == *target);
        let longest = rings.map(|ring| u64::from(ring.time) * 1_000).max().unwrap_or(0);
        let until = if Some(*target) == instead || *target == 2 { 60 * SECOND } else { longest };
        // Who says nothing cannot be cancelled.
        let said = !matches!(callee.answer, Answer::Late(_) | Answer::LateRing(_));
        let rang = callee.cancelled_at.filter(|_| said).map_or(0, |at| at - callee.rung_at);
        if rang > until + AFAR {
            return Err(format!("{} rang for {rang} us, and not {until}", callee.at()));
        }
        let may_be_instead = Some(*target) == instead || *target == 2;
        let latest = callee.cancelled_at.filter(|_| said).unwrap_or(callee.rung_at);
        if line.max_wait > 0 && !may_be_instead && latest > over {
            return Err(format!(
                "{} is rung when the longest wait is over: {latest} and {over}",
                callee.at()
            ));
        }
    }
    Ok(())
}

/// The call's ticket is one that was said to be its own, and it is known whether Talk has made one.
fn tickets(
    world: &World<'_>,
    rung: &[(&Callee, usize)],
    told: &Told,
    number: usize,
    fine: bool,
) -> Result<(), String> {
    let its = world.tickets_of(number);
    if told.ticket.is_some_and(|ticket| !its.contains(&ticket)) {
        return Err(format!("ticket {:?}, and not one of {its:?}", told.ticket));
    }
    let zendesk = |callee: &Callee| [address::ZENDESK, address::BACKUP].contains(&callee.at());
    let without =
        || rung.iter().map(|(callee, _)| *callee).filter(|callee| zendesk(callee) && callee.ticket.is_none());
    if told.talk && fine && without().next().is_none() {
        return Err("Talk was asked without a ticket, by nobody's word".into());
    }
    // Where its answer has come back before the end, be it too late for whoever is rung next.
    let before = told.ended_at.saturating_sub(if fine { AFAR } else { 3 * SECOND });
    let heard = |callee: &Callee| callee.acknowledged && callee.answered_at.is_some_and(|at| at < before);
    if !told.talk && without().any(heard) {
        return Err("Talk has made a ticket of its own, and nobody knows".into());
    }
    Ok(())
}

/// Plays the world of a seed, and says all that is wrong in it, and what passed. With `whispers` who answers hears one first.
fn play(
    seed: u64,
    weather: Weather,
    fine: bool,
    whispers: bool,
) -> (Vec<String>, Vec<Option<Outcome>>, String) {
    let mut dice = Dice::new(seed ^ 0x11e5);
    let mut setting = Setting::new(8, 8);
    setting.have_lines(&mut dice);
    if whispers {
        setting.have_whispers(&mut dice);
    }
    let mut memory = Memory::of(&setting);
    let mut world = World::new(&setting, &mut memory, seed, weather);
    world.tap = Some(Tap::with_ladder());
    for number in 0..CALLERS {
        let plan = plan(&mut dice, number, setting.targets.len());
        world.call(plan, dice.below(40 * SECOND));
    }
    world.seconds(320);
    let mut wrong = world.wrong();
    if world.usage() != Usage::default() {
        wrong.push(format!("not free: {:?}", world.usage()));
    }
    for number in 0..CALLERS {
        if let Err(why) = agrees(&world, &setting, number, fine) {
            let caller = &world.callers[number];
            wrong.push(format!("caller {number}: {why}; {:?}, {:?}", caller.outcome, told(&world, number)));
        }
    }
    let outcomes = world.told.values().map(|told| told.outcome).collect();
    let tap = world.tap.as_ref().expect("it listens");
    let ladder = tap.ladder.as_ref().expect("it was asked for").join("\n");
    let ladder = if wrong.is_empty() { String::new() } else { ladder };
    let lines: String = (0..5).map(|line| describe(&setting.config(), line)).collect();
    (wrong, outcomes, format!("{lines}{ladder}"))
}

fn describe(config: &Config<'_>, line: usize) -> String {
    let line = &config.lines[5 + line];
    let keys = config.keys(line).iter().map(|key| (key.press, key.then)).collect::<Vec<_>>();
    let rings = config.rings(line).iter();
    let rings: Vec<_> = rings.map(|ring| (ring.target.0, ring.time, ring.beside)).collect();
    let name = String::from_utf8_lossy(config.text(line.name));
    let Line { answer, max_wait, max_waiting, repeat, unanswered, budget, longest, .. } = line;
    format!(
        "{name}: rings {rings:?}, then {unanswered:?}; {answer:?}, waits {max_wait} s, {max_waiting} at once, repeat \
         {repeat}, keys {keys:?}, {budget} ms for a ticket, {longest} s for a message\n"
    )
}

/// How often each outcome came of all the worlds of these seeds, or of the one that is asked for.
fn storm(seeds: Range<u64>, weather: Weather, fine: bool, whispers: bool) {
    let asked = std::env::var("WARMLINE_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    let seeds = asked.map_or(seeds, |seed| seed..seed + 1);
    let (mut counts, mut failures) = ([0; Outcome::ALL.len()], Vec::new());
    for seed in seeds {
        let (wrong, outcomes, passed) = play(seed, weather, fine, whispers);
        if !wrong.is_empty() {
            let first = wrong.iter().take(4).map(|wrong| wrong.as_str()).collect::<Vec<_>>().join("\n");
            let passed = if failures.is_empty() { passed } else { String::new() };
            failures.push(format!("WARMLINE_SEED={seed}: {} wrong:\n{first}\n{passed}", wrong.len()));
        }
        for outcome in outcomes.into_iter().flatten() {
            counts[Outcome::ALL.iter().position(|one| *one == outcome).expect("it is one of them")] += 1;
        }
    }
    // What passed is told of the first.
    assert!(failures.is_empty(), "{} worlds went wrong:\n{}", failures.len(), failures.join("\n"));
    let counts: Vec<_> = Outcome::ALL.iter().map(|outcome| outcome.code()).zip(counts).collect();
    println!("{counts:?}");
    if asked.is_none() {
        let came = |&(code, count): &(&str, i32)| count >= 10 || code == "resolved";
        assert!(counts.iter().all(came), "each of them is to be seen: {counts:?}");
    }
}

#[test]
fn stays_in_fine_weather() {
    storm(1_000..1_400, Weather::FINE, true, false);
}

#[test]
fn stays_with_a_twentieth_lost() {
    storm(2_000..2_300, Weather::stormy(5), false, false);
}

#[test]
fn stays_with_a_fifth_lost() {
    storm(3_000..3_300, Weather::stormy(20), false, false);
}

#[test]
fn stays_with_whispers() {
    storm(5_000..5_200, Weather::FINE, false, true);
    storm(5_200..5_500, Weather::stormy(10), false, true);
}

#[test]
fn a_seed_plays_the_same_again() {
    let weather = Weather::stormy(20);
    for seed in 4_000..4_010 {
        let twice = [(); 2].map(|()| {
            let (wrong, mut outcomes, _) = play(seed, weather, false, true);
            outcomes.sort_by_key(|outcome| outcome.map(|outcome| outcome.code()));
            (wrong, outcomes)
        });
        assert_eq!(twice[0], twice[1], "WARMLINE_SEED={seed}");
    }
}
