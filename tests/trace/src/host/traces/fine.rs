//! Fine weather: nothing is lost, and everything goes as planned.

use warmline_tests::{
    Answer, Audio, Ending, From, Hold, Outcome, Plan, Refers, Refresh, Reliable, Timers, Transfer, Weather,
    Wish, World,
};
use warmline_trace::BOARD;

use super::{Trace, outcomes, record};

/// The pairs of laws that callers and targets speak.
const FORMATS: [(&[u8], u8); 4] = [(&[0, 8, 101], 8), (&[8, 0, 101], 0), (&[0, 101], 0), (&[8], 8)];

/// Every kind of call there is.
fn plans() -> Vec<Plan> {
    let rung = |answer| Plan { answers: vec![answer], ..Plan::plain() };
    let mut plans = Vec::new();
    for ending in
        [Ending::Caller(2_000), Ending::Target(2_500), Ending::WrongCSeq(1_500), Ending::Both(1_800)]
    {
        for refresh in [
            Refresh::None,
            Refresh::CallerHolds,
            Refresh::TargetHolds,
            Refresh::CallerAsks,
            Refresh::CallerAddsVideo,
        ] {
            plans.push(Plan { ending, refresh, ..rung(Answer::After(900)) });
        }
    }
    plans.extend([
        Plan { from: From::Carrier, ..Plan::plain() },
        Plan { from: From::Carrier, offers: false, proxied: true, ..Plan::plain() },
        Plan { merged: true, ..Plan::plain() },
        Plan { dial: "nobody", ..Plan::plain() },
        Plan { dial: "private", from: From::Carrier, ..Plan::plain() },
        Plan { dial: "both", answers: vec![Answer::Silence, Answer::After(400)], ..Plan::plain() },
        Plan {
            dial: "both",
            answers: vec![Answer::Refuse(503, 100), Answer::EarlyMedia(800)],
            ..Plan::plain()
        },
        Plan { ticket: None, lines: "X-Zendesk-Ticket-Id: twelve\r\n".into(), ..Plan::plain() },
        Plan { ending: Ending::Cancel(1_200), ..rung(Answer::Ring) },
        Plan { ending: Ending::Cancel(700), ..rung(Answer::AnswerWhenCancelled) },
        Plan { ending: Ending::Cancel(300), ..rung(Answer::ForgetWhenCancelled) },
        Plan { ending: Ending::NoAck, ..rung(Answer::AtOnce) },
        rung(Answer::Refuse(486, 300)),
        rung(Answer::Refuse(603, 200)),
        rung(Answer::WrongCodec),
        rung(Answer::EarlyMedia(1_000)),
        rung(Answer::AtOnce),
    ]);
    plans.extend(reliable());

    for (plan, (formats, format)) in plans.iter_mut().zip(FORMATS.iter().cycle()) {
        (plan.formats, plan.format) = (formats.to_vec(), *format);
    }
    plans
}

/// Provisional responses that are sent reliably, on one leg or both.
fn reliable() -> impl Iterator<Item = Plan> {
    let of = |caller, target, mute| Reliable { caller, target, mute, rings_late: target, updates: false };
    let all = [
        of(Wish::Required, true, false),
        of(Wish::Able, true, false),
        of(Wish::Unable, true, false),
        of(Wish::Required, false, false),
        of(Wish::Required, true, true),
    ];
    all.map(|reliable| Plan { reliable, answers: vec![Answer::EarlyMedia(900)], ..Plan::plain() }).into_iter()
}

/// Transfers by the caller: done, refused, and left by who asked for them.
fn transfers() -> impl Iterator<Item = Plan> {
    [Refers::Caller].into_iter().flat_map(|by| {
        let changes: [fn(Transfer) -> Transfer; 4] = [
            |transfer| transfer,
            |transfer| Transfer { ticket: Some(4711), polite: false, ..transfer },
            |transfer| Transfer { answer: Answer::Refuse(486, 300), ..transfer },
            |transfer| Transfer { leaves: Some(200), ..transfer },
        ];
        changes.map(|change| {
            let plan = Plan::transferred(by);
            Plan { transfer: plan.transfer.clone().map(change), ..plan }
        })
    })
}

/// Session timers that one leg demands, held and refreshed by UPDATE as well, and a peer that dies.
fn timed() -> impl Iterator<Item = Plan> {
    let timers = Timers::of(90);
    let all = [
        timers,
        Timers { updates: true, ..timers },
        Timers { we_refresh: false, ..timers },
        Timers { meets: true, ..timers },
        Timers { dies: true, ..timers },
    ];
    all.into_iter().zip([0, 1].into_iter().cycle()).map(|(demanded, side)| {
        let mut timers = [None; 2];
        timers[side] = Some(demanded);
        let refresh = Refresh::CallerHoldsAs(Hold::Inactive, true);
        Plan { timers, refresh, ending: Ending::Caller(100_000), ..Plan::plain() }
    })
}

/// More calls at once than there is room for, and then calls of every kind, with audio.
pub(super) fn fine() -> Trace {
    record("fine", 1, Weather::FINE, |world| {
        world.audio = Some(Audio::default());
        let more = BOARD.calls + 4;
        for number in 0..more {
            // The rig takes a caller without a number for its first.
            let plan = Plan { anonymous: number == 0, ending: Ending::Caller(3_000), ..Plan::plain() };
            world.call(plan, number as u64 * 50_000);
        }
        world.seconds(60);
        let plans = plans();
        for (number, plan) in plans.iter().enumerate() {
            world.call(plan.clone(), number as u64 * 700_000);
        }
        world.seconds(40);
        world.settle(150);
        // These last longer: no more than there is room for.
        for (number, plan) in (0..).zip(transfers()) {
            world.call(plan, number * 3_000_000);
        }
        world.settle(100);
        // And these for so long that what they say would fill most of the trace.
        world.audio = None;
        for (number, plan) in (0..).zip(timed()) {
            world.call(plan, number * 3_000_000);
        }
        world.settle(150);
        world.expect_clean();
        let count = |outcome| world.callers.iter().filter(|caller| caller.outcome == outcome).count();
        assert_eq!(count(Outcome::Failed(503)), 4);
        assert!(count(Outcome::Answered) > BOARD.calls + plans.len() / 2);
        outcomes(world)
    })
}

/// Calls that nothing disturbs, for what each step of them costs: of every pair of laws, some at once.
pub(crate) fn counted() -> Trace {
    record("counted", 2, Weather::FINE, |world: &mut World<'_>| {
        world.audio = Some(Audio::default());
        for number in 0..BOARD.calls {
            let (formats, format) = FORMATS[number % FORMATS.len()];
            let plan =
                Plan { formats: formats.to_vec(), format, ending: Ending::Caller(12_000), ..Plan::plain() };
            // Not at the same microsecond: each has to do its own work.
            world.call(plan, number as u64 * 1_003_000);
        }
        world.settle(60);
        world.expect_clean();
        outcomes(world)
    })
}
