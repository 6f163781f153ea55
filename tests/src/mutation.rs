//! Messages that are nearly right, made of such as are.

use crate::dice::Dice;

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

/// Changes a message in one to three places, or not at all.
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
