//! Lines with plans, and whom they ring.

use core::net::SocketAddr;

use warmline_core::clip::ClipId;
use warmline_core::config::{
    Answer, Answers, Key, Line, LineIndex, List, Ring, Target, TargetIndex, Then, Trunk, TrunkIndex,
    TrunkKind, Whisper,
};
use warmline_core::filter::{self, Prefix, Range};
use warmline_core::locate::Place;

use super::{Setting, address};
use crate::dice::Dice;

/// What the lines are dialled by.
pub const LINES: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

/// What those who wait may press.
const PRESSED: [u8; 3] = [1, 2, 11];

/// What whoever is asked for a key presses.
pub(crate) const ACCEPTS: u8 = 1;

/// Where telephones are that lines ring.
const DESKS: [SocketAddr; 3] = [address::PHONE, address::DESKS[0], address::DESKS[1]];

impl Setting {
    /// Has five lines more, with random plans, which ring Zendesk, where a queue answers, three telephones, a number at
    /// the carrier's, the AI agent, and Zendesk's second address.
    pub fn have_lines(&mut self, dice: &mut Dice) {
        let desks = TrunkIndex(self.trunks.len() as u16);
        let name = self.say("desks");
        self.trunks.push(Trunk::new(name, TrunkKind::Phones, 0));
        for at in DESKS {
            let prefix = Prefix::new(at.ip(), 32).expect("no host bits are set");
            self.sources.push(Range::new(0, prefix, desks.0));
        }
        let kept = filter::build(&mut self.sources).expect("no ranges overlap");
        self.sources.truncate(kept);
        if dice.chance(2_000) {
            self.trunks[usize::from(desks.0)].takes.calls = 1;
        }
        if dice.chance(7_000) {
            self.trunks[0].return_to = Some(TargetIndex(2));
        }
        let settle = |dice: &mut Dice| Answers::Queue { settle: *dice.pick(&[0, 2, 5]) };
        self.targets[0].answers = settle(dice);
        if dice.chance(5_000) {
            self.targets[1].answers = settle(dice);
        }
        let phones = self.targets.len() as u16;
        for (number, at) in DESKS.into_iter().enumerate() {
            self.have_target(&format!("desk{number}"), desks, at);
        }
        self.have_target("mobile", TrunkIndex(1), address::CARRIER);
        let lines = self.lines.len() as u16;
        for name in LINES {
            let line = self.random_line(name, phones, lines, dice);
            self.lines.push(line);
        }
    }

    /// Has most of those who are rung, but for queues and the AI agent, hear a whisper first, or which key takes the call.
    pub fn have_whispers(&mut self, dice: &mut Dice) {
        let clip = ClipId(5);
        let key = Whisper { clip, accept: Some(ACCEPTS) };
        let mut whisper = None;
        for ring in &mut self.rings {
            if !ring.beside {
                whisper = *dice.pick(&[None, Some(Whisper { clip, accept: None }), Some(key), Some(key)]);
            }
            let answers = self.targets[usize::from(ring.target.0)].answers;
            let person = answers == Answers::Person && ring.target != TargetIndex(2);
            ring.whisper = whisper.filter(|_| person);
        }
    }

    fn have_target(&mut self, name: &str, trunk: TrunkIndex, at: SocketAddr) {
        let uri = self.say(&format!("sip:{name}@{at}"));
        let (name, host) = (self.say(name), self.say(&at.ip().to_string()));
        self.targets.push(Target { port: Some(at.port()), ..Target::new(name, trunk, uri, host) });
    }

    fn random_line(&mut self, name: &str, phones: u16, lines: u16, dice: &mut Dice) -> Line {
        let start = self.rings.len() as u16;
        for _ in 0..dice.between(1, 3) {
            let time = dice.between(2, 15) as u32 * 1_000;
            if dice.chance(4_000) {
                // Only telephones of one network, and numbers, are rung together.
                let first = dice.below(4) as u16;
                for number in 0..dice.between(2, 3) as u16 {
                    let target = TargetIndex(phones + (first + number) % 4);
                    self.rings.push(Ring { beside: number > 0, ..Ring::new(target, time) });
                }
            } else {
                let target =
                    TargetIndex(*dice.pick(&[0, 0, 0, 1, 2, phones, phones + 1, phones + 2, phones + 3]));
                self.rings.push(Ring::new(target, time));
            }
        }
        let rings = List::new(start, self.rings.len() as u16 - start);
        let name = self.say(name);
        let dial = List::new(self.dials.len() as u16, 1);
        self.dials.push(name);
        let messages = dice.chance(5_000);
        let then = |dice: &mut Dice| match dice.below(6) {
            0 if messages => Then::Voicemail,
            0 | 1 => Then::Return,
            2 => Then::Overflow(TargetIndex(*dice.pick(&[1, 2, phones, phones + 1, phones + 3]))),
            3 => Then::Goodbye(None),
            4 => Then::Goodbye(Some(ClipId(3))),
            _ => Then::Line(LineIndex(lines + dice.below(LINES.len() as u64) as u16)),
        };
        let unanswered = then(dice);
        let keys = List::new(self.keys.len() as u16, dice.below(4) as u16);
        let pressed: Vec<Then> = (0..keys.len).map(|_| then(dice)).collect();
        self.keys.extend(pressed.into_iter().zip(PRESSED).map(|(then, press)| Key { press, then }));
        let repeat = dice.chance(4_000);
        let waits = repeat || dice.chance(3_000);
        Line {
            greeting: dice.chance(3_000).then_some(ClipId(1)),
            music: dice.chance(5_000).then_some(ClipId(2)),
            answer: *dice.pick(&[Answer::WhenTaken, Answer::EarlyMedia, Answer::AtOnce]),
            max_wait: if waits { dice.between(8, 40) as u16 } else { 0 },
            max_waiting: if dice.chance(2_500) { dice.between(1, 2) as u16 } else { 0 },
            repeat,
            unanswered,
            keys,
            budget: if dice.chance(6_000) { dice.between(300, 2_000) as u16 } else { 0 },
            voicemail: (messages && dice.chance(5_000)).then_some(ClipId(4)),
            longest: if messages { dice.between(2, 15) as u16 } else { 0 },
            ..Line::new(name, dial, List::new(0, 2), rings)
        }
    }

    /// Which target is at this address.
    pub fn target_at(&self, at: SocketAddr) -> Option<usize> {
        let config = self.config();
        let is = |target: &Target| Place::of(&config, target).and_then(|place| place.literal()) == Some(at);
        let named = at == address::ZENDESK || address::OTHERS.contains(&at);
        self.targets.iter().position(is).or_else(|| named.then_some(0))
    }
}
