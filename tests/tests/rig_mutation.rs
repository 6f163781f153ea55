//! A million messages that are nearly right, from a source that may speak.

use warmline_core::Usage;
use warmline_core::reason::Reason;
use warmline_tests::{
    Answer, Dice, Ending, From, Memory, Outcome, Plan, Refresh, Setting, Weather, World, seed,
};

type Message = (u8, core::net::SocketAddr, Vec<u8>);

/// Calls of every kind, for what their messages look like.
fn plans() -> Vec<Plan> {
    let mut plans = Vec::new();
    for ending in [Ending::Caller(900), Ending::Target(900), Ending::Cancel(700), Ending::WrongCSeq(800)] {
        for (answer, refresh) in [
            (Answer::After(600), Refresh::CallerHolds),
            (Answer::EarlyMedia(700), Refresh::TargetHolds),
            (Answer::Refuse(486, 300), Refresh::None),
            (Answer::AnswerWhenCancelled, Refresh::None),
            (Answer::AtOnce, Refresh::CallerAsks),
        ] {
            for (from, offers, proxied) in [(From::Ai, true, false), (From::Carrier, false, true)] {
                plans.push(Plan {
                    from,
                    offers,
                    proxied,
                    ending,
                    refresh,
                    answers: vec![answer],
                    ..Plan::plain()
                });
            }
        }
    }
    plans
}

/// Makes another transaction of a message, and now and then another call: else most would be retransmissions.
fn renew(dice: &mut Dice, message: &mut [u8]) {
    let mut mark = |mark: &[u8], behind: usize, dice: &mut Dice| {
        let found = message.windows(mark.len()).position(|window| window == mark);
        if let Some(byte) = found.and_then(|at| message.get_mut(at + behind)) {
            *byte = *dice.pick(b"abcdefghijklmnopqrstuvwxyABCDEFGHIJKLMNOPQRSTUVWXY");
        }
    };
    if dice.chance(4_000) {
        // The name of the rig's peers, behind the cookie.
        mark(b"z9hG4bKzx", 7, dice);
    }
    if dice.chance(700) {
        mark(b"Call-ID: zxa", 9, dice);
    }
}

/// Changes a message in one to three places, or not at all.
fn mutate(dice: &mut Dice, message: &mut Vec<u8>, other: &[u8]) {
    if dice.chance(1_500) {
        return;
    }
    for _ in 0..dice.between(1, 3) {
        if message.is_empty() {
            return;
        }
        let at = dice.below(message.len() as u64) as usize;
        match dice.below(100) {
            // One byte becomes another, most often one that means something.
            0..45 => {
                message[at] = match dice.below(3) {
                    0 => dice.next() as u8,
                    1 => *dice.pick(b"\r\n :;,<>\"=@?[]%0189azAZ-"),
                    _ => message[at] ^ (1 << dice.below(8)),
                };
            }
            // A line is left out, doubled, or put elsewhere.
            45..70 => {
                let text = core::mem::take(message);
                let mut lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
                let line = dice.below(lines.len() as u64) as usize;
                let place = dice.below(lines.len() as u64) as usize;
                match dice.below(3) {
                    0 => drop(lines.remove(line)),
                    1 => lines.insert(place, lines[line]),
                    _ => lines.swap(line, place),
                }
                *message = lines.concat();
            }
            // A line of another message.
            70..82 => {
                let lines: Vec<&[u8]> = other.split_inclusive(|&byte| byte == b'\n').collect();
                let line = *dice.pick(&lines);
                let place =
                    message[at..].iter().position(|&byte| byte == b'\n').map_or(at, |end| at + end + 1);
                message.splice(place..place, line.iter().copied());
            }
            // A number becomes a wilder one.
            82..90 => {
                let digits = message[at..].iter().position(u8::is_ascii_digit).map_or(at, |place| at + place);
                let end = message[digits..].iter().position(|byte| !byte.is_ascii_digit());
                let end = end.map_or(message.len(), |end| digits + end);
                let wild =
                    dice.pick(&["0", "-1", "1", "65536", "2147483648", "4294967296", "18446744073709551616"]);
                message.splice(digits..end, wild.bytes());
            }
            // A piece of another message.
            90..96 => {
                let from = dice.below(other.len() as u64) as usize;
                let to = (from + dice.between(1, 200) as usize).min(other.len());
                message.splice(at..at, other[from..to].iter().copied());
            }
            _ => message.truncate(at),
        }
        if message.len() > 4_000 {
            message.truncate(4_000);
        }
    }
}

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

    let mut recorded: Vec<Message> = Vec::new();
    let mut memory = Memory::of(&setting);
    {
        let mut world = World::new(&setting, &mut memory, seed, Weather::FINE);
        world.recording = Some(Vec::new());
        for (number, plan) in plans().into_iter().enumerate() {
            world.call(plan, number as u64 * 200_000);
        }
        world.settle(120);
        world.expect_clean();
        recorded.extend(world.recording.take().unwrap());
    }

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
