//! Bad weather: datagrams are lost, doubled and late, and some are none that should be taken.

use warmline_core::Command;
use warmline_tests::{Answer, Audio, Dice, Ending, From, Plan, Refresh, Weather, address};

use super::{Trace, outcomes, record};

/// What chance makes of a call.
fn any(dice: &mut Dice) -> Plan {
    let time = dice.between(200, 3_000);
    let talk = dice.between(500, 5_000);
    let answer = match dice.below(10) {
        0..6 => Answer::After(time),
        6 => Answer::EarlyMedia(time),
        7 => Answer::Refuse(*dice.pick(&[486, 503, 302]), time),
        8 => *dice.pick(&[Answer::AnswerWhenCancelled, Answer::Ring, Answer::Silence]),
        _ => Answer::AtOnce,
    };
    let both = dice.chance(1_500);
    let further = *dice.pick(&[Answer::After(time), Answer::EarlyMedia(time / 2), Answer::Late(time + talk)]);
    let bad = *dice.pick(&[Answer::Silence, Answer::Late(5_000 + talk), Answer::Refuse(503, talk / 9)]);
    Plan {
        from: if dice.chance(3_000) { From::Carrier } else { From::Ai },
        dial: if both { "both" } else { "support" },
        ticket: Some(1 + dice.below(1 << 40)),
        offers: !dice.chance(1_500),
        proxied: dice.chance(1_000),
        format: *dice.pick(&[0, 8]),
        formats: dice.pick(&[vec![0, 8, 101], vec![8, 0, 101], vec![0, 101], vec![8]]).clone(),
        answers: if both { vec![Answer::Silence, answer] } else { vec![answer] },
        forks: if dice.chance(2_500) { vec![further] } else { Vec::new() },
        others: vec![if dice.chance(5_000) { bad } else { answer }],
        ending: match dice.below(10) {
            0..5 => Ending::Caller(talk),
            5..7 => Ending::Target(talk),
            7 => Ending::Both(talk),
            8 => Ending::Cancel(time),
            _ => Ending::WrongCSeq(talk),
        },
        refresh: *dice.pick(&[Refresh::None, Refresh::None, Refresh::CallerHolds, Refresh::TargetHolds]),
        ..Plan::plain()
    }
}

/// Calls by chance, with so many percent lost.
pub(super) fn storm(name: &'static str, percent: u64) -> Trace {
    record(name, percent, Weather::stormy(percent), |world| {
        world.audio = Some(Audio::with_odd(100));
        // By turns, as they are up and down; the last is nobody's.
        world.addresses = vec![address::OTHERS[0], address::ZENDESK, address::STRANGER];
        let mut dice = Dice::new(percent);
        for number in 0..60 {
            world.call(any(&mut dice), number * 1_000_000 + dice.below(1_000_000));
        }
        world.seconds(60);
        world.seconds(240);
        // What is sent to silent addresses is played to its end.
        world.command(Command::Drain);
        world.expect_clean();
        outcomes(world)
    })
}
