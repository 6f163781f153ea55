//! Every flow there is, thousands of calls at once over a network that loses, doubles and reorders: all features at
//! work in one SBC, by themselves and with one another.
//!
//! Every run prints how each flow fared, and its seed: with that in `WARMLINE_SEED` it is played again. The number of a call in
//! `WARMLINE_CALL` shows what passed in it.

use core::net::SocketAddr;
use std::collections::{BTreeMap, HashMap};

use warmline_core::Usage;
use warmline_core::config::TargetIndex;
use warmline_core::reason::Reason;
use warmline_tests::{
    Algorithm, Answer, Callee, Caller, Challenge, Dice, Ending, From, Hold, Memory, Outcome, Plan, Refers,
    Refresh, Reliable, Setting, Tap, Timers, Told, Transfer, Weather, Who, Wish, World, address, seed,
};

/// What a flow's calls have in common, and what chance adds to each.
struct Flow {
    name: &'static str,
    plan: fn(&mut Dice) -> Plan,
    /// What may come on top of it.
    with: &'static [Extra],
}

/// What can be in a call of several flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extra {
    /// The caller offers nothing.
    Asks,
    /// The target sends early media.
    Early,
    /// Another caller, another proxy, another name.
    Caller,
    /// Provisional responses are sent reliably.
    Reliable,
    /// Someone holds the call.
    Hold,
    /// Somebody demands a session timer.
    Timers,
    /// The INVITE forks, and more than one branch answers.
    Forks,
    /// An address fails first, where there are four.
    Scatter,
    /// The target ends it, or both do.
    Ending,
    /// A telephone calls, which has to prove who it is, or the target asks us.
    Proof,
}

use Extra::{Asks, Early, Forks, Scatter};

const ANY: &[Extra] = &[
    Asks,
    Early,
    Extra::Caller,
    Extra::Reliable,
    Extra::Hold,
    Extra::Timers,
    Forks,
    Scatter,
    Extra::Ending,
    Extra::Proof,
];

fn flow(name: &'static str, with: &'static [Extra], plan: fn(&mut Dice) -> Plan) -> Flow {
    Flow { name, plan, with }
}

fn talk(dice: &mut Dice) -> u64 {
    dice.between(0, 8_000)
}

/// An answer after a while.
fn soon(dice: &mut Dice) -> Answer {
    Answer::After(dice.between(200, 5_000))
}

fn plain(dice: &mut Dice) -> Plan {
    Plan { answers: vec![soon(dice)], ending: Ending::Caller(talk(dice)), ..Plan::plain() }
}

fn answers(dice: &mut Dice, answer: Answer) -> Plan {
    Plan { answers: vec![answer], ..plain(dice) }
}

fn refreshed(dice: &mut Dice, refresh: Refresh) -> Plan {
    let ending = Ending::Caller(dice.between(8_000, 12_000));
    Plan { refresh, ending, ..plain(dice) }
}

fn holds(dice: &mut Dice, by_caller: bool, update: bool) -> Plan {
    let hold = *dice.pick(&Hold::ALL);
    let refresh = match by_caller {
        true => Refresh::CallerHoldsAs(hold, update),
        false => Refresh::TargetHoldsAs(hold, update),
    };
    refreshed(dice, refresh)
}

fn timers(dice: &mut Dice) -> Timers {
    Timers { we_refresh: dice.chance(5_000), updates: dice.chance(5_000), ..Timers::of(180) }
}

/// Talks until its session was refreshed once or twice.
fn timed(dice: &mut Dice, side: usize, timers: Timers) -> Plan {
    let mut plan = Plan { ending: Ending::Caller(dice.between(170_000, 200_000)), ..plain(dice) };
    plan.timers[side] = Some(timers);
    plan
}

fn reliable(dice: &mut Dice, caller: Wish, target: bool) -> Plan {
    let rings_late = dice.chance(5_000);
    let time = dice.between(500, 5_000);
    Plan {
        reliable: Reliable { caller, target, rings_late, mute: false, updates: dice.chance(5_000) },
        answers: vec![Answer::EarlyMedia(time)],
        ..plain(dice)
    }
}

/// A telephone calls, whose trunk has users.
fn telephones(plan: Plan) -> Plan {
    Plan { from: From::Phone, who: Who::From, ..plan }
}

fn challenged(dice: &mut Dice, plan: Plan) -> Plan {
    let algorithm = *dice.pick(&[None, Some(Algorithm::Md5), Some(Algorithm::Sha256)]);
    let challenge = Challenge { proxy: dice.chance(5_000), algorithm, stale: dice.chance(3_000) };
    Plan { challenge: Some(challenge), ..plan }
}

/// The caller's connection is lost while nothing is under way on it.
fn cut(dice: &mut Dice) -> Plan {
    if dice.chance(5_000) {
        let timers = timers(dice);
        return Plan { connected: true, cut: Some(dice.between(1_000, 85_000)), ..timed(dice, 0, timers) };
    }
    let ending = Ending::Caller(dice.between(5_000, 10_000));
    Plan { connected: true, cut: Some(dice.between(1_000, 4_500)), ending, ..plain(dice) }
}

const BOTH: [Refers; 2] = [Refers::Caller, Refers::Target];

/// A transfer that has the time it takes.
fn transfers(dice: &mut Dice, by: Refers) -> Plan {
    let plan = Plan::transferred(by);
    let answer =
        *dice.pick(&[Answer::After(1_500), Answer::After(300), Answer::AtOnce, Answer::EarlyMedia(900)]);
    let transfer = Transfer {
        after: dice.between(2_500, 6_000),
        ticket: dice.chance(5_000).then(|| 1 + dice.below(1 << 40)),
        answer,
        polite: dice.chance(7_000),
        ..plan.transfer.clone().expect("it has one")
    };
    let ending = match plan.ending {
        Ending::Target(_) => Ending::Target(dice.between(30_000, 50_000)),
        _ => Ending::Caller(dice.between(30_000, 50_000)),
    };
    Plan { transfer: Some(transfer), ending, answers: vec![soon(dice)], ..plan }
}

fn transfers_with(dice: &mut Dice, change: fn(&mut Dice, &mut Transfer)) -> Plan {
    let by = *dice.pick(&BOTH);
    let mut plan = transfers(dice, by);
    if let Some(transfer) = &mut plan.transfer {
        change(dice, transfer);
    }
    plan
}

/// Every flow.
fn flows() -> Vec<Flow> {
    vec![
        flow("plain", &[Extra::Caller], plain),
        flow("answer without ringing", ANY, |dice| answers(dice, Answer::AtOnce)),
        flow("early media", ANY, |dice| {
            let time = dice.between(300, 5_000);
            answers(dice, Answer::EarlyMedia(time))
        }),
        flow("delayed offer", ANY, |dice| Plan { offers: false, ..plain(dice) }),
        flow("refusal", &[Asks, Extra::Caller, Extra::Reliable], |dice| {
            let status = *dice.pick(&[486, 503, 302, 401]);
            let time = dice.between(0, 4_000);
            answers(dice, Answer::Refuse(status, time))
        }),
        flow("no codec in common", &[Extra::Caller], |dice| answers(dice, Answer::WrongCodec)),
        flow("cancel", &[Asks, Extra::Caller, Extra::Reliable], |dice| Plan {
            answers: vec![Answer::Ring],
            ending: Ending::Cancel(dice.between(0, 6_000)),
            ..Plan::plain()
        }),
        flow("cancel meets answer", &[Asks, Extra::Caller, Extra::Reliable, Forks], |dice| {
            let time = dice.between(200, 4_000);
            let answer = *dice.pick(&[
                Answer::After(time),
                Answer::EarlyMedia(time),
                Answer::AnswerWhenCancelled,
                Answer::ForgetWhenCancelled,
            ]);
            let at = (time + dice.below(300)).saturating_sub(150);
            Plan { answers: vec![answer], ending: Ending::Cancel(at), ..Plan::plain() }
        }),
        flow("no answer", &[Extra::Caller, Extra::Reliable], |dice| {
            let answer = *dice.pick(&[Answer::Ring, Answer::Trying, Answer::ForgetWhenCancelled]);
            answers(dice, answer)
        }),
        flow("silence", &[Extra::Caller], |dice| answers(dice, Answer::Silence)),
        flow("next target", &[Asks, Extra::Caller, Extra::Reliable, Extra::Hold, Extra::Ending], |dice| {
            let first = *dice.pick(&[
                Answer::Refuse(503, 100),
                Answer::Ring,
                Answer::Silence,
                Answer::AnswerWhenCancelled,
                Answer::EarlyMedia(30_000),
            ]);
            Plan { dial: "both", answers: vec![first, soon(dice)], ..plain(dice) }
        }),
        flow(
            "another network",
            &[Asks, Extra::Caller, Extra::Reliable, Extra::Hold, Extra::Ending],
            |dice| {
                let fails = [Answer::Refuse(486, 100), Answer::Ring, Answer::AnswerWhenCancelled];
                let answers = vec![*dice.pick(&fails), *dice.pick(&fails), soon(dice)];
                Plan { dial: "mixed", from: From::Carrier, ticket: None, answers, ..plain(dice) }
            },
        ),
        flow(
            "next address",
            &[Scatter, Asks, Extra::Caller, Extra::Hold, Extra::Ending, Extra::Timers],
            |dice| {
                let plan = plain(dice);
                scattered(dice, plan)
            },
        ),
        flow(
            "fork",
            &[Asks, Extra::Caller, Extra::Reliable, Extra::Hold, Extra::Timers, Extra::Ending],
            |dice| {
                let plan = plain(dice);
                forked(dice, plan)
            },
        ),
        flow("caller holds", ANY, |dice| holds(dice, true, false)),
        flow("target holds", ANY, |dice| holds(dice, false, false)),
        flow("caller holds by UPDATE", ANY, |dice| holds(dice, true, true)),
        flow("target holds by UPDATE", ANY, |dice| holds(dice, false, true)),
        flow("re-INVITE without offer", ANY, |dice| refreshed(dice, Refresh::CallerAsks)),
        flow("re-INVITE adds video", &[Early, Extra::Caller, Extra::Reliable, Forks], |dice| {
            refreshed(dice, Refresh::CallerAddsVideo)
        }),
        flow("timer of the caller", ANY, |dice| {
            let timers = timers(dice);
            timed(dice, 0, timers)
        }),
        flow("timer of the target", ANY, |dice| {
            let timers = timers(dice);
            timed(dice, 1, timers)
        }),
        flow("timers of both", ANY, |dice| {
            let timers = [timers(dice), timers(dice)].map(Some);
            Plan { timers, ..timed(dice, 0, Timers::of(180)) }
        }),
        flow("refreshes meet", &[Asks, Extra::Caller], |dice| {
            let side = dice.below(2) as usize;
            timed(dice, side, Timers { meets: true, ..Timers::of(180) })
        }),
        flow("peer dies", &[Asks, Extra::Caller], |dice| {
            let side = dice.below(2) as usize;
            let timers = Timers { dies: true, ..timers(dice) };
            let ending = if side == 0 { Ending::Caller(300_000) } else { Ending::Target(300_000) };
            Plan { ending, ..timed(dice, side, timers) }
        }),
        flow("reliable to the caller", ANY, |dice| {
            let wish = *dice.pick(&[Wish::Able, Wish::Required]);
            reliable(dice, wish, false)
        }),
        flow("reliable from the target", ANY, |dice| reliable(dice, Wish::Unable, true)),
        flow("reliable on both", ANY, |dice| {
            let wish = *dice.pick(&[Wish::Able, Wish::Required]);
            reliable(dice, wish, true)
        }),
        flow("PRACK never comes", &[Asks, Extra::Caller], |dice| {
            let mut plan = reliable(dice, Wish::Required, false);
            plan.reliable.mute = true;
            Plan { answers: vec![Answer::After(5_000)], ..plan }
        }),
        flow("transfer by the caller", ANY, |dice| transfers(dice, Refers::Caller)),
        flow("transfer by the target", ANY, |dice| transfers(dice, Refers::Target)),
        flow("transfer fails", ANY, |dice| {
            transfers_with(dice, |dice, transfer| {
                let time = dice.between(0, 4_000);
                transfer.answer = *dice.pick(&[
                    Answer::Refuse(486, time),
                    Answer::Refuse(503, time),
                    Answer::WrongCodec,
                    Answer::Silence,
                ]);
            })
        }),
        flow("transfer without its referrer", ANY, |dice| {
            transfers_with(dice, |dice, transfer| transfer.leaves = Some(dice.below(2_000)))
        }),
        flow("transfer returns", ANY, |dice| {
            transfers_with(dice, |dice, transfer| {
                transfer.leaves = Some(dice.below(400));
                transfer.answer = Answer::Refuse(486, 1_000 + dice.below(3_000));
            })
        }),
        flow("transfer unasked of", ANY, |dice| {
            transfers_with(dice, |_, transfer| transfer.lines = "Refer-Sub: false\r\n")
        }),
        flow("transfer at any time", ANY, |dice| {
            let by = *dice.pick(&BOTH);
            let mut plan = transfers(dice, by);
            if let Some(transfer) = &mut plan.transfer {
                transfer.after = dice.below(3_000);
                transfer.leaves = dice.chance(4_000).then(|| dice.below(3_000));
            }
            let time = dice.below(10_000);
            // Somebody must be left to hang up.
            let by_caller = by == Refers::Caller;
            plan.ending = match dice.below(3) {
                0 => Ending::Both(time),
                1 if !by_caller => Ending::Caller(time),
                _ => Ending::Target(time),
            };
            plan
        }),
        flow("anonymous", &[Asks, Early, Extra::Reliable, Extra::Hold, Extra::Ending], |dice| Plan {
            anonymous: true,
            ..plain(dice)
        }),
        flow("named by a header", ANY, |dice| {
            let (from, who) = *dice.pick(&[(From::Ai, Who::Header), (From::Carrier, Who::Asserted)]);
            let lines = "X-Session: abc\r\nX-Evil: 1\r\nDiversion: <sip:a@198.51.100.10>\r\n\
                         User-to-User: 00;encoding=hex\r\nHistory-Info: <sip:a@198.51.100.10>;index=1\r\n";
            Plan { from, who, lines: lines.into(), ..plain(dice) }
        }),
        flow("Zendesk", &[Asks, Extra::Caller, Extra::Hold, Extra::Ending], |dice| {
            let time = dice.between(200, 5_000);
            answers(dice, Answer::Zendesk(time))
        }),
        flow("by a connection", &[Asks, Early, Extra::Hold, Extra::Timers, Forks, Extra::Ending], |dice| {
            Plan { connected: true, ..plain(dice) }
        }),
        flow("connection lost in mid-call", &[Asks, Early, Forks, Extra::Ending], cut),
        flow(
            "connection lost at any time",
            &[Asks, Early, Extra::Hold, Extra::Timers, Forks, Extra::Ending],
            |dice| Plan { connected: true, cuts: dice.between(100, 2_000), ..plain(dice) },
        ),
        flow("telephone", ANY, |dice| telephones(plain(dice))),
        flow("target asks who we are", ANY, |dice| {
            let plan = plain(dice);
            challenged(dice, plan)
        }),
        flow("both prove who they are", ANY, |dice| {
            let plan = plain(dice);
            telephones(challenged(dice, plan))
        }),
        flow("merged", &[Asks, Early, Extra::Hold, Forks, Extra::Ending], |dice| Plan {
            merged: true,
            // It lasts for as long as a copy may still arrive: what comes after it is another call.
            ending: Ending::Caller(dice.between(34_000, 40_000)),
            ..plain(dice)
        }),
        flow("by a proxy", ANY, |dice| Plan { proxied: true, ..plain(dice) }),
        flow("both hang up", ANY, |dice| Plan { ending: Ending::Both(talk(dice)), ..plain(dice) }),
        flow("BYE of the past", ANY, |dice| Plan { ending: Ending::WrongCSeq(talk(dice)), ..plain(dice) }),
        flow("no ACK", &[Early, Extra::Caller, Extra::Reliable, Forks], |dice| Plan {
            ending: Ending::NoAck,
            ..plain(dice)
        }),
    ]
}

const fn is_good(answer: Answer) -> bool {
    matches!(
        answer,
        Answer::After(_) | Answer::AtOnce | Answer::EarlyMedia(_) | Answer::Late(_) | Answer::Zendesk(_)
    )
}

/// One or two further branches, that answer at about the same time as the first or much later, or only ring.
fn forked(dice: &mut Dice, plan: Plan) -> Plan {
    let branch = |dice: &mut Dice| match dice.below(6) {
        0..3 => soon(dice),
        3 => Answer::EarlyMedia(dice.between(300, 5_000)),
        4 => Answer::AnswerWhenCancelled,
        _ => Answer::Ring,
    };
    let forks = (0..dice.between(1, 2)).map(|_| branch(dice)).collect();
    Plan { forks, ..plan }
}

/// Three addresses are bad in one way or another before the good one is tried.
fn scattered(dice: &mut Dice, plan: Plan) -> Plan {
    let Some(&good) = plan.answers.first() else { return plan };
    let bad = |dice: &mut Dice| match dice.below(8) {
        0..3 => Answer::Silence,
        3 => Answer::Late(dice.between(4_200, 28_000)),
        4 => Answer::LateRing(dice.between(4_200, 28_000)),
        _ => Answer::Refuse(*dice.pick(&[408, 500, 503, 504]), dice.below(700)),
    };
    let place = dice.below(4);
    let mut all: Vec<Answer> = (0..4).map(|at| if at == place { good } else { bad(dice) }).collect();
    Plan { answers: vec![all.remove(0)], others: all, ..plan }
}

/// A call of a flow.
fn drawn(flow: &Flow, dice: &mut Dice, scatters: bool) -> Plan {
    let mut plan = (flow.plan)(dice);
    if plan.ticket.is_some() {
        plan.ticket = Some(1 + dice.below(1 << 40));
    }
    plan.format = *dice.pick(&[0, 8]);
    plan.formats = dice.pick(&[vec![0, 8, 101], vec![8, 0, 101], vec![0, 101], vec![8]]).clone();
    for &extra in flow.with {
        if dice.chance(1_500) {
            plan = add(extra, dice, plan, scatters);
        }
    }
    if plan.others.is_empty() {
        plan.others = vec![plan.answers[0]; 3];
    }
    plan
}

fn add(extra: Extra, dice: &mut Dice, mut plan: Plan, scatters: bool) -> Plan {
    match extra {
        Asks => plan.offers = false,
        Early => {
            if let Some(Answer::After(time)) = plan.answers.last().copied() {
                plan.answers.pop();
                plan.answers.push(Answer::EarlyMedia(time));
            }
        }
        Extra::Caller => match dice.below(3) {
            0 => plan.proxied = true,
            _ if plan.from == From::Phone => {}
            1 if plan.transfer.is_none() && plan.who == Who::From => plan.from = From::Carrier,
            _ if plan.from == From::Carrier => plan.who = Who::Asserted,
            _ => plan.who = Who::Header,
        },
        Extra::Reliable => {
            plan.reliable.caller = *dice.pick(&[Wish::Able, Wish::Required]);
            plan.reliable.target = dice.chance(5_000);
        }
        Extra::Hold if plan.refresh == Refresh::None => {
            let (hold, update) = (*dice.pick(&Hold::ALL), dice.chance(5_000));
            plan.refresh = match dice.chance(5_000) {
                true => Refresh::CallerHoldsAs(hold, update),
                false => Refresh::TargetHoldsAs(hold, update),
            };
        }
        Extra::Timers if plan.timers == [None; 2] => {
            let side = dice.below(2) as usize;
            plan.timers[side] = Some(timers(dice));
            // It is transferred when it is refreshed.
            if let Some(transfer) = &mut plan.transfer {
                transfer.after = dice.between(86_000, 96_000);
                plan.ending = match plan.ending {
                    Ending::Caller(_) => Ending::Caller(140_000),
                    Ending::Target(_) => Ending::Target(140_000),
                    other => other,
                };
            }
        }
        Forks if plan.forks.is_empty() && plan.dial == "support" => plan = forked(dice, plan),
        Scatter if scatters && plan.others.is_empty() && plan.dial == "support" => {
            plan = scattered(dice, plan)
        }
        Extra::Proof => {
            if dice.chance(5_000) {
                return challenged(dice, plan);
            }
            if plan.transfer.is_none() && plan.from == From::Ai {
                return telephones(plan);
            }
        }
        Extra::Ending => {
            if let (Ending::Caller(talk), None) = (plan.ending, &plan.transfer) {
                plan.ending = *dice.pick(&[Ending::Target(talk), Ending::Both(talk)]);
            }
        }
        _ => {}
    }
    plan
}

/// What should come of its INVITE; None where chance decides between several good ends.
fn expected(plan: &Plan) -> Option<Outcome> {
    let all: Vec<Answer> = match plan.dial {
        "support" => plan.answers.iter().chain(&plan.others).chain(&plan.forks).copied().collect(),
        _ => plan.answers.clone(),
    };
    if let Ending::Cancel(_) = plan.ending {
        let rings = all.iter().all(|&answer| matches!(answer, Answer::Ring));
        return rings.then_some(Outcome::Failed(487));
    }
    // Where addresses fail that would fork, it depends on the order.
    let scattered = plan.others.iter().any(|other| plan.answers.first() != Some(other));
    if plan.cuts > 0 || plan.reliable.mute || scattered && !plan.forks.is_empty() {
        return None;
    }
    if all.iter().any(|&answer| is_good(answer)) {
        return Some(Outcome::Answered);
    }
    match all[0] {
        Answer::Refuse(486, _) => Some(Outcome::Failed(486)),
        Answer::Refuse(503, _) => Some(Outcome::Failed(500)),
        Answer::Refuse(..) | Answer::Ring => Some(Outcome::Failed(480)),
        _ => None,
    }
}

/// How long the longest of it takes until somebody has it, in milliseconds.
fn length(plan: &Plan) -> Option<u64> {
    match plan.ending {
        Ending::Caller(talk) | Ending::Target(talk) => Some(talk),
        _ => None,
    }
}

/// What else should have come of a call that was answered and not disturbed; the first thing that did not.
fn missing(world: &World<'_>, caller: &Caller, callees: &[&Callee]) -> Option<String> {
    let plan = &caller.plan;
    if plan.from == From::Phone && caller.challenged == 0 {
        return Some("never asked who it is".into());
    }
    let talk = length(plan)?;
    // Of several who answered, one has the call, and the others were hung up at once.
    let answered = callees.iter().filter(|callee| callee.acknowledged && !callee.transferred);
    let target = answered.max_by_key(|callee| (callee.refreshed(), callee.referrer.asked.is_some()))?;
    let sessions = [&caller.session, &target.session];
    let holder = match plan.refresh {
        Refresh::CallerHolds | Refresh::CallerHoldsAs(..) => Some(0),
        Refresh::TargetHolds | Refresh::TargetHoldsAs(..) => Some(1),
        _ => None,
    };
    // Who asks for a transfer sooner may be gone before the call is taken back.
    let stays = plan.transfer.as_ref().is_none_or(|transfer| transfer.after >= 2_500);
    if let Some(side) = holder.filter(|_| talk >= 8_000 && stays) {
        let direction = sessions[side].as_ref().map(|session| session.direction.clone());
        if direction.as_deref() != Some("sendrecv") {
            return Some(format!("still held: {direction:?}"));
        }
    }
    let refreshed = [caller.refreshed().0, target.refreshed().0];
    for (side, &refreshed) in refreshed.iter().enumerate() {
        let due = plan.timers[side].is_some_and(|timers| !timers.dies);
        if due && talk >= 170_000 && plan.transfer.is_none() && plan.forks.is_empty() && refreshed == 0 {
            return Some(format!("never refreshed at {side}"));
        }
    }
    let transfer = plan.transfer.as_ref().filter(|transfer| talk > transfer.after + 20_000)?;
    let referrer = match transfer.by {
        Refers::Caller => &caller.referrer,
        Refers::Target => &target.referrer,
    };
    if referrer.answer != Some(202) {
        return Some(format!("REFER got {:?}", referrer.answer));
    }
    if !is_good(transfer.answer) {
        let told = referrer.told.last().copied();
        return (transfer.leaves.is_none() && !referrer.over).then(|| format!("told {told:?}"));
    }
    let answered = callees.iter().any(|callee| callee.transferred && callee.acknowledged);
    if !answered && transfer.leaves != Some(0) {
        return Some(format!("transferred to nobody, {} us", world.now));
    }
    let waits = transfer.leaves.is_none() && transfer.lines.is_empty();
    (waits && !referrer.succeeded()).then(|| format!("told {:?}", referrer.told))
}

/// How a flow fared.
#[derive(Clone, Copy, Debug, Default)]
struct Score {
    calls: u64,
    /// Those that should succeed, and those of them that did.
    due: u64,
    done: u64,
    /// Those of which one beginning and one end were told.
    clean: u64,
}

fn call_id(number: usize, caller: &Caller) -> String {
    let address = match caller.plan.from {
        From::Ai => address::AI,
        From::Carrier => address::CARRIER,
        From::Phone => address::PHONE,
    };
    format!("zxa{number}-id@{}", address.ip())
}

const FOUR: [SocketAddr; 4] = [address::ZENDESK, address::OTHERS[0], address::OTHERS[1], address::OTHERS[2]];

/// Lets `calls` calls of every flow in turn begin within so many seconds, and end.
fn storm(calls: u64, seconds: u64, weather: Weather, seed: u64) -> Vec<Score> {
    storm_over(None, calls, seconds, weather, seed)
}

/// The same where targets are reached over connections, each of which is lost with that chance, in 10,000, when something
/// is sent over it.
fn storm_over(wired: Option<u64>, calls: u64, seconds: u64, weather: Weather, seed: u64) -> Vec<Score> {
    let mut setting = Setting::new(4_000, 200);
    setting.trunks[0].return_to = Some(TargetIndex(2));
    setting.have_telephones();
    setting.have_credentials();
    setting.have_connections(wired.is_some());
    let mut memory = Memory::of(&setting);
    let mut world = World::new(&setting, &mut memory, seed, weather);
    world.cut = wired.unwrap_or(0);
    let shown = std::env::var("WARMLINE_CALL").ok().and_then(|number| number.parse().ok());
    world.tap = Some(shown.map_or_else(Tap::default, Tap::with_ladder_of));
    world.addresses = FOUR.to_vec();
    let flows = flows();
    let mut dice = Dice::new(seed ^ 1);
    for number in 0..calls {
        let flow = &flows[number as usize % flows.len()];
        let plan = drawn(flow, &mut dice, true);
        world.call(plan, dice.below(seconds * 1_000_000));
    }
    // Four addresses of up to a minute each, talks of 200 s, timers B and H, and then what lingers.
    world.seconds(seconds + 500);
    world.seconds(40);

    let numbers: HashMap<String, usize> =
        world.callers.iter().enumerate().map(|(number, caller)| (call_id(number, caller), number)).collect();
    let mut told: HashMap<usize, Vec<&Told>> = HashMap::new();
    for one in world.told.values() {
        told.entry(numbers[&one.call_id]).or_default().push(one);
    }
    let mut rung: HashMap<usize, Vec<&Callee>> = HashMap::new();
    for callee in &world.callees {
        rung.entry(callee.number).or_default().push(callee);
    }
    let mut scores = vec![Score::default(); flows.len()];
    let mut unexpected = Vec::new();
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    for (number, caller) in world.callers.iter().enumerate() {
        let at = number % flows.len();
        let score = &mut scores[at];
        score.calls += 1;
        let told = told.get(&number).map_or(&[][..], |told| told);
        let never = told.is_empty() && caller.outcome == Outcome::Silent;
        let once = |told: &Told| (told.started, told.ended) == (1, 1) && told.reason.is_some();
        score.clean += u64::from(never || told.len() == 1 && once(told[0]) && caller.over);
        if let Some(reason) = told.first().and_then(|told| told.reason) {
            *reasons.entry(format!("{reason:?}")).or_default() += 1;
        }
        let Some(outcome) = expected(&caller.plan) else { continue };
        score.due += 1;
        let callees = rung.get(&number).map_or(&[][..], |callees| callees);
        let wrong = if caller.outcome != outcome {
            Some(format!("{:?} and not {outcome:?}", caller.outcome))
        } else if outcome == Outcome::Answered {
            missing(&world, caller, callees)
        } else {
            None
        };
        match wrong {
            None => score.done += 1,
            Some(wrong) => {
                let reason = told.first().and_then(|told| told.reason);
                unexpected
                    .push(format!("{number} {}: {wrong}, {reason:?}, by {:?}", flows[at].name, caller.plan));
            }
        }
    }
    let ladder = world.tap.as_ref().and_then(|tap| tap.ladder.as_ref());
    ladder.into_iter().flatten().for_each(|line| println!("{line}"));
    print(&flows, &scores);
    let waited = |caller: &Caller| caller.times.1.map_or(0, |end| end - caller.times.0);
    let longest = world.callers.iter().map(waited).max().unwrap_or(0);
    println!("the longest wait for a final response was {longest} us");
    // What rings may ring for 60 s, and then there is timer B for what the last response needs to arrive.
    assert!(longest <= 60_000_000 + 32_000_000 + 1_000_000, "{longest}");
    // And a call is over when the talk is, and timers B and H and what BYEs take.
    let late = |told: &Told| {
        let caller = &world.callers[numbers[&told.call_id]];
        let talk = match caller.plan.ending {
            Ending::Caller(talk) | Ending::Target(talk) | Ending::Both(talk) | Ending::WrongCSeq(talk) => {
                talk
            }
            Ending::Cancel(_) | Ending::NoAck => 0,
        };
        told.ended_at > caller.times.0 + talk * 1_000 + 2 * 92_000_000 + 1_000_000
    };
    assert_eq!(world.told.values().find(|told| late(told)).map(|told| &told.call_id), None);
    let count = unexpected.len();
    unexpected.truncate(12);
    println!("{count} otherwise: {unexpected:#?}");
    println!("{reasons:?}");
    println!("{:?}", world.sbc().counters().iter().collect::<Vec<_>>());
    for (kind, (times, example)) in kinds_of(&world.verdict()) {
        println!("{times} times: {kind}\n    {example}");
    }
    world.expect_clean();
    assert_eq!(world.usage(), Usage::default());
    assert_eq!(world.sbc().counters().get(Reason::NoMemory), 0);
    for (flow, score) in flows.iter().zip(&scores) {
        assert_eq!(score.calls, score.clean, "{}", flow.name);
    }
    scores
}

/// What is wrong, by its kind: how often, and the first.
fn kinds_of(wrong: &[String]) -> BTreeMap<String, (u64, &str)> {
    let mut kinds = BTreeMap::new();
    for wrong in wrong {
        let kind: String =
            wrong.chars().take(160).map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        let kind = kind.split('0').filter(|part| !part.is_empty()).take(8).collect::<Vec<_>>().join("0");
        kinds.entry(kind).or_insert((0, &**wrong)).0 += 1;
    }
    kinds
}

fn print(flows: &[Flow], scores: &[Score]) {
    println!("{:32}{:>7}{:>12}{:>16}", "flow", "calls", "succeeded", "ended cleanly");
    let mut all = Score::default();
    let row = |name: &str, score: Score| {
        let succeeded = format!("{}/{}", score.done, score.due);
        println!("{name:32}{:>7}{succeeded:>12}{:>16}", score.calls, score.clean);
    };
    for (flow, &score) in flows.iter().zip(scores) {
        row(flow.name, score);
        all.calls += score.calls;
        all.due += score.due;
        all.done += score.done;
        all.clean += score.clean;
    }
    row("all", all);
}

#[test]
fn ten_thousand_calls_with_a_twentieth_lost() {
    let scores = storm(10_000, 200, Weather::stormy(5), seed(1));
    assert!(scores.iter().all(|score| score.calls >= 200));
    let (due, done) = scores.iter().fold((0, 0), |(due, done), score| (due + score.due, done + score.done));
    assert!(due > 8_000 && done * 1_000 >= due * 999, "{done} of {due}");
}

#[test]
fn every_call_ends_cleanly_with_a_third_lost() {
    storm(2_500, 100, Weather::stormy(30), seed(2));
}

#[test]
fn nothing_is_wrong_when_nothing_is_lost() {
    for score in storm(3_000, 100, Weather::FINE, seed(3)) {
        assert_eq!(score.due, score.done);
    }
}

#[test]
fn every_call_ends_cleanly_where_connections_to_targets_are_lost() {
    storm_over(Some(0), 2_500, 100, Weather::stormy(5), seed(4));
    storm_over(Some(20), 2_500, 100, Weather::stormy(5), seed(4));
}
