//! SRTP in signalling: what is offered is answered where the trunk speaks it, every leg has keys of its own, nobody is told
//! another's, the relay is told those of the right peer, and nothing of it goes where others could read it.

use warmline_core::Usage;
use warmline_core::srtp::Policy;
use warmline_core::transport::Transport;
use warmline_tests::{
    Answer, Caller, Crypto, Dice, Ending, From, Memory, Outcome, Plan, Refresh, Setting, Weather, World, seed,
};

const POLICIES: [Policy; 3] = [Policy::Off, Policy::Allowed, Policy::Required];
const CRYPTOS: [Crypto; 3] = [Crypto::None, Crypto::Beside, Crypto::Instead];

/// What comes of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comes {
    Refused,
    Plain,
    /// It is answered with keys, under RTP/SAVP or under RTP/AVP.
    Secure(bool),
}

/// What must come of a caller's offer, on a way by which keys may go or not.
const fn must_come(policy: Policy, may: bool, crypto: Crypto) -> Comes {
    match (policy, crypto) {
        (Policy::Off, Crypto::Instead) | (Policy::Required, Crypto::None) => Comes::Refused,
        (_, Crypto::None) | (Policy::Off, Crypto::Beside) => Comes::Plain,
        _ if !may => Comes::Refused,
        (_, Crypto::Beside) => Comes::Secure(false),
        (_, Crypto::Instead) => Comes::Secure(true),
    }
}

fn any(dice: &mut Dice) -> Plan {
    let talk = dice.between(0, 20_000);
    let time = dice.between(100, 4_000);
    Plan {
        from: *dice.pick(&[From::Ai, From::Carrier]),
        dial: "both",
        answers: (0..2)
            .map(|_| {
                *dice.pick(&[
                    Answer::After(time),
                    Answer::After(time),
                    Answer::EarlyMedia(time),
                    Answer::Refuse(486, time),
                    Answer::AnswerWhenCancelled,
                ])
            })
            .collect(),
        crypto: [*dice.pick(&CRYPTOS), *dice.pick(&CRYPTOS[..2])],
        ending: *dice.pick(&[Ending::Caller(talk), Ending::Target(talk), Ending::Cancel(time)]),
        refresh: *dice.pick(&[Refresh::None, Refresh::None, Refresh::CallerHolds, Refresh::TargetHolds]),
        connected: dice.chance(3_000),
        format: *dice.pick(&[0, 8]),
        ..Plan::plain()
    }
}

/// Whether a caller was answered as it must be: whoever was not answered at all proves nothing.
fn is_right(setting: &Setting, caller: &Caller) -> Result<(), String> {
    let trunk = &setting.trunks[usize::from(caller.plan.from == From::Carrier)];
    let transport = if caller.plan.connected { Transport::Tls } else { Transport::Udp };
    let must = must_come(trunk.srtp, trunk.keys_may_go_by(transport), caller.plan.crypto[0]);
    let came = match (&caller.session, caller.outcome) {
        (None, Outcome::Failed(488)) => Comes::Refused,
        (None, _) if must != Comes::Refused => return Ok(()),
        (None, outcome) => return Err(format!("{outcome:?} to an offer that is to be refused")),
        (Some(session), _) => match &session.crypto[..] {
            [] if !session.secure => Comes::Plain,
            // The one it would like best.
            [line] if (line.tag, &*line.suite) == (7, "AEAD_AES_256_GCM") => Comes::Secure(session.secure),
            lines => return Err(format!("{lines:?}")),
        },
    };
    // A line without anybody to ring is refused as well.
    if came == Comes::Refused || came == must { Ok(()) } else { Err(format!("{came:?}, not {must:?}")) }
}

/// Hundreds of calls over trunks that speak it, may, or do not. How many legs were secured.
fn storm(calls: u64, weather: Weather, seed: u64) -> usize {
    let mut dice = Dice::new(seed ^ 1);
    let mut secured = 0;
    for world_number in 0..18 {
        let mut setting = Setting::new(100, 50);
        setting.have_connections_by(Transport::Tls, false);
        for (number, trunk) in setting.trunks.iter_mut().enumerate() {
            trunk.srtp = POLICIES[(world_number / 3_usize.pow(number as u32 % 2) + number) % 3];
            trunk.keys_in_clear = dice.chance(7_000);
        }
        let (zendesk, may) = (setting.trunks[2].srtp, setting.trunks[2].keys_in_clear);
        let mut memory = Memory::of(&setting);
        let mut world = World::new(&setting, &mut memory, seed + world_number as u64, weather);
        for _ in 0..calls {
            let plan = any(&mut dice);
            world.call(plan, dice.below(40_000_000));
        }
        world.seconds(220);
        world.expect_clean();
        assert_eq!(world.usage(), Usage::default());
        secured += world.check_keys().unwrap_or_else(|wrong| panic!("world {world_number}: {wrong}"));
        for caller in &world.callers {
            is_right(&setting, caller)
                .unwrap_or_else(|wrong| panic!("world {world_number}: {wrong} {caller:?}"));
        }
        for callee in &world.callees {
            let session = callee.session.as_ref().expect("we say something");
            let keys = zendesk.is_on() && may;
            let offered = (!session.crypto.is_empty(), session.secure);
            let said = (keys, keys && zendesk == Policy::Required);
            // Later descriptions answer, where the target has taken one of both.
            assert!(offered == said || callee.answered && offered.0 <= said.0, "{offered:?}, not {said:?}");
            let taken = callee.crypto() != Crypto::None;
            let bridged = callee.answered && world.callers[callee.number].outcome == Outcome::Answered;
            assert!(
                !bridged
                    || zendesk != Policy::Required
                    || taken
                    || callee.heard_bye
                    || callee.left_at.is_some(),
                "{callee:?}"
            );
        }
        assert!(zendesk != Policy::Required || may || world.callees.is_empty(), "rung without keys");
    }
    println!("{secured} legs were secured");
    secured
}

#[test]
fn keys_in_fine_weather() {
    let secured = storm(60, Weather::FINE, seed(51));
    assert!(secured > 300, "{secured}");
}

#[test]
fn keys_with_a_tenth_lost() {
    let secured = storm(60, Weather::stormy(10), seed(52));
    assert!(secured > 300, "{secured}");
}
