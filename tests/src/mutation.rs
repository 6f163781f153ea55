//! Messages that are nearly right: those of calls of every kind, and what chance makes of them.

use core::net::SocketAddr;

use crate::{Answer, Dice, Ending, From, Memory, Plan, Refresh, Setting, Weather, World};

/// A message as it came to a listener, and from whom.
pub type Message = (u8, SocketAddr, Vec<u8>);

/// Calls of every kind, for what their messages look like.
pub fn plans() -> Vec<Plan> {
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

/// What is said in calls of every kind, one after the other.
pub fn recorded(setting: &Setting, seed: u64) -> Vec<Message> {
    let mut memory = Memory::of(setting);
    let mut world = World::new(setting, &mut memory, seed, Weather::FINE);
    world.recording = Some(Vec::new());
    for (number, plan) in plans().into_iter().enumerate() {
        world.call(plan, number as u64 * 200_000);
    }
    world.settle(120);
    world.expect_clean();
    world.recording.take().unwrap_or_default()
}

/// Makes another transaction of a message, and now and then another call: else most would be retransmissions.
pub fn renew(dice: &mut Dice, message: &mut [u8]) {
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

/// Changes a message in one to three places, or not at all; `other` is where pieces of another come from.
pub fn mutate(dice: &mut Dice, message: &mut Vec<u8>, other: &[u8]) {
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
