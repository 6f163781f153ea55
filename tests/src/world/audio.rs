//! Audio in calls: what their sides say every 20 ms, and what they report of one another.

use core::net::SocketAddr;
use std::collections::HashMap;

use warmline_core::relay::{Peer, Side};

use super::{What, World};
use crate::callee::Callee;
use crate::caller::Outcome;
use crate::dice::Dice;
use crate::plan::Answer;
use crate::record::{Entered, Left};

/// Samples in a packet, and the microseconds they last.
const SAMPLES: u32 = 160;
const PACKET: u64 = 20_000;

/// How long a side talks at most, in microseconds.
const LONGEST: u64 = 120_000_000;

/// Those who talk, and what they heard of us.
#[derive(Debug, Default)]
pub struct Audio {
    /// How often, in 10,000, a datagram is none that we should take: of another source, of another format, or cut.
    odd: u64,
    voices: HashMap<(usize, Side), Voice>,
    heard: HashMap<SocketAddr, Heard>,
}

/// One source of RTP.
#[derive(Debug)]
struct Voice {
    ssrc: u32,
    seq: u16,
    timestamp: u32,
    packets: u32,
    marker: bool,
    /// A key that is held, since when, and how many packets it is still told in.
    key: Option<(u8, u32, u32)>,
    turns: u32,
}

/// What a peer knows of us.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    ssrc: u32,
    seq: u16,
    /// The middle of our last sender report's time, and when it came.
    report: Option<(u32, u64)>,
    /// When the last audio came, and who spoke; nobody did where it was of the relay's own making.
    last: Option<(u64, Option<SocketAddr>)>,
}

/// What one side of a call hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hears {
    /// Not a packet.
    Nothing,
    /// Silence, or what it is played: the relay makes it.
    Silence,
    /// Another side.
    Side(Side),
}

/// How long nothing must have come for it to be nothing, in microseconds.
const PAUSE: u64 = 200_000;

impl Audio {
    /// Audio in which `odd` of 10,000 datagrams are not as they should be.
    pub fn with_odd(odd: u64) -> Self {
        Self { odd, ..Self::default() }
    }
}

impl Voice {
    fn new(dice: &mut Dice) -> Self {
        Self {
            ssrc: dice.next() as u32,
            seq: dice.next() as u16,
            timestamp: dice.next() as u32,
            packets: 0,
            marker: true,
            key: None,
            turns: 0,
        }
    }

    /// The next packet: audio of this payload type, or a key.
    fn speak(&mut self, dice: &mut Dice, format: u8) -> Vec<u8> {
        if self.key.is_none() && dice.chance(50) {
            self.key = Some((dice.below(16) as u8, self.timestamp, 12));
            self.marker = true;
        } else if dice.chance(20) {
            // Silence is not sent.
            self.timestamp = self.timestamp.wrapping_add(dice.between(1, 40) as u32 * SAMPLES);
            self.marker = true;
        }
        let (kind, timestamp, payload) = match &mut self.key {
            Some((key, since, left)) => {
                let (key, since) = (*key, *since);
                *left -= 1;
                let ends = *left < 3;
                let duration = self.timestamp.wrapping_sub(since).wrapping_add(SAMPLES) as u16;
                let [high, low] = duration.to_be_bytes();
                if *left == 0 {
                    self.key = None;
                }
                (101, since, vec![key, if ends { 0x8a } else { 10 }, high, low])
            }
            None => (format, self.timestamp, (0..SAMPLES).map(|_| dice.next() as u8).collect()),
        };
        let marker = if core::mem::take(&mut self.marker) { 0x80 } else { 0 };
        let mut packet = vec![0x80, kind | marker];
        packet.extend(self.seq.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(payload);
        self.seq = self.seq.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(SAMPLES);
        self.packets += 1;
        packet
    }

    /// A sender report at so many microseconds of civil time (RFC 3550 section 6.4.1).
    fn report(&self, dice: &mut Dice, now: u64, utc: i64, heard: Heard) -> Vec<u8> {
        let ntp = ((utc as u128 + 2_208_988_800_000_000) << 32) / 1_000_000;
        let mut packet = vec![0x81, 200, 0, 12];
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend((ntp as u64).to_be_bytes());
        for word in [self.timestamp, self.packets, self.packets * SAMPLES] {
            packet.extend(word.to_be_bytes());
        }
        let lost = dice.below(1 << 24) as u32;
        let (last, delay) =
            heard.report.map_or((0, 0), |(middle, at)| (middle, ((now - at) << 16) / 1_000_000));
        for word in [
            heard.ssrc,
            (dice.next() as u32) << 24 | lost,
            u32::from(heard.seq),
            dice.below(800) as u32,
            last,
            delay as u32,
        ] {
            packet.extend(word.to_be_bytes());
        }
        packet
    }
}

impl World<'_> {
    /// A call's sides say what they have to say now.
    pub(super) fn talk(&mut self, number: usize) {
        let Some(mut audio) = self.audio.take() else { return };
        for side in Side::ALL {
            if let Some(line) = self.speaks(number, side) {
                self.say(&mut audio, number, side, line);
            }
        }
        self.audio = Some(audio);
        let caller = &self.callers[number];
        if !caller.over && self.now < caller.times.0 + LONGEST {
            self.arrange(self.now + PACKET, What::Talk(number));
        }
    }

    /// Where one side speaks from, to which port of ours, and in which format; none as long as it does not.
    fn speaks(&self, number: usize, side: Side) -> Option<(SocketAddr, u16, u8)> {
        let caller = &self.callers[number];
        match side {
            Side::A => {
                let (_, port, formats) = caller.session.as_ref()?.audio()?;
                let format = formats.iter().find(|format| caller.plan.formats.contains(format))?;
                (caller.outcome == Outcome::Answered).then_some((caller.peer.media, *port, *format))
            }
            // Who comes third speaks as soon as the relay knows who that is.
            Side::C => {
                let [_, _, c] = self.sides(number)?;
                let (port, peer) = c?;
                Some((peer.rtp, port, peer.profile.receive.iter().flatten().next()?.payload_type))
            }
            Side::B => {
                let [_, b, c] = self.sides(number).unwrap_or_default().map(|side| Some(side?.1.rtp));
                let is = |at| b.is_none_or(|b| b == at) && c != Some(at);
                let mine = |callee: &&Callee| callee.number == number && is(callee.peer.media);
                let callee = self.callees.iter().rfind(mine)?;
                let early = matches!(callee.answer, Answer::EarlyMedia(_));
                let (_, port, _) = callee.session.as_ref()?.audio()?;
                (callee.answered || early).then_some((callee.peer.media, *port, caller.plan.format))
            }
        }
    }

    /// The sides of a call's stream: our port, and who the peer is.
    fn sides(&self, number: usize) -> Option<[Option<(u16, Peer)>; 3]> {
        let callees = self.callees.iter().filter(|callee| callee.number == number);
        let mut media = callees.map(|callee| callee.peer.media).chain([self.callers[number].peer.media]);
        media.find_map(|at| self.media.sides(at))
    }

    /// What each side of a call hears now, by [`Side::index`]. Somebody must speak, so there must be audio.
    pub fn hears(&self, number: usize) -> [Hears; 3] {
        let sides = self.sides(number).unwrap_or_default().map(|side| Some(side?.1.rtp));
        let audio = self.audio.as_ref().expect("there is audio");
        sides.map(|side| {
            let last = side.and_then(|side| audio.heard.get(&side)?.last);
            match last.filter(|(at, _)| at + PAUSE > self.now) {
                None => Hears::Nothing,
                Some((_, None)) => Hears::Silence,
                Some((_, speaker)) => {
                    let of = Side::ALL.into_iter().find(|side| sides[side.index()] == speaker);
                    of.map_or(Hears::Nothing, Hears::Side)
                }
            }
        })
    }

    fn say(&mut self, audio: &mut Audio, number: usize, side: Side, line: (SocketAddr, u16, u8)) {
        let (from, port, format) = line;
        let voice = audio.voices.entry((number, side)).or_insert_with(|| Voice::new(&mut self.dice));
        voice.turns += 1;
        if voice.turns % 250 == 50 {
            let heard = audio.heard.get(&from).copied().unwrap_or_default();
            let report = voice.report(&mut self.dice, self.now, self.utc + self.now as i64, heard);
            self.carry(port + 1, SocketAddr::new(from.ip(), from.port() + 1), report);
        }
        if audio.odd > 0 && self.dice.chance(10) {
            *voice = Voice::new(&mut self.dice);
        }
        let mut packet = voice.speak(&mut self.dice, format);
        let mut from = from;
        if self.dice.chance(audio.odd) {
            match self.dice.below(4) {
                0 => from.set_port(from.port() ^ 1),
                1 => packet[1] = self.dice.next() as u8,
                2 => packet.truncate(self.dice.below(packet.len() as u64) as usize),
                _ => packet[0] = self.dice.next() as u8,
            }
        }
        self.carry(port, from, packet);
    }

    fn carry(&mut self, port: u16, from: SocketAddr, bytes: Vec<u8>) {
        for at in self.passages().into_iter().flatten() {
            self.arrange(at, What::Packet { port, from, bytes: bytes.clone() });
        }
    }

    /// A datagram reaches a media port.
    pub fn packet(&mut self, port: u16, from: SocketAddr, bytes: &[u8]) {
        if let Some(record) = &mut self.record {
            record.entered.push((self.now, Entered::Packet { port, from, bytes: bytes.to_vec() }));
        }
        if let Ok((_, to, bytes)) = self.media.forward(self.clock(), port, from, bytes) {
            self.media_leaves(Some(from), to, bytes);
        }
    }

    /// RTP or RTCP leaves for a peer, which gets it at once; what the relay carries is of a `speaker`.
    pub(super) fn media_leaves(&mut self, speaker: Option<SocketAddr>, to: SocketAddr, bytes: Vec<u8>) {
        let word =
            |at: usize| bytes.get(at..at + 4).map_or(0, |w| u32::from_be_bytes([w[0], w[1], w[2], w[3]]));
        if let Some(audio) = &mut self.audio {
            let rtp = SocketAddr::new(to.ip(), to.port() & !1);
            let heard = audio.heard.entry(rtp).or_default();
            if to == rtp {
                (heard.ssrc, heard.seq) = (word(8), word(0) as u16);
                heard.last = Some((self.now, speaker));
            } else {
                heard.ssrc = word(4);
                if bytes.get(1) == Some(&200) {
                    heard.report = Some((word(10), self.now));
                }
            }
        }
        if let Some(record) = &mut self.record {
            record.left.push(Left { at: self.now, to, bytes });
        }
    }
}

#[cfg(test)]
mod tests {
    use warmline_core::g711::Law;
    use warmline_core::relay::{Control, StreamId};
    use warmline_core::rtp::{Direction, Format, Profile};

    use super::*;
    use crate::plan::{Plan, Refresh};
    use crate::setting::{Memory, Setting};
    use crate::world::Weather;

    /// Runs one call with audio, a second longer than it takes to answer.
    fn talking(plan: Plan, judge: impl FnOnce(&mut World<'_>, usize)) {
        let setting = Setting::new(8, 4);
        let mut memory = Memory::of(&setting);
        let mut world = World::new(&setting, &mut memory, 1, Weather::FINE);
        world.audio = Some(Audio::default());
        let number = world.call(plan, 0);
        while world.callers[number].outcome != Outcome::Answered {
            world.run(PACKET);
        }
        judge(&mut world, number);
        world.settle(150);
        world.expect_clean();
    }

    #[test]
    fn two_hear_each_other_and_who_is_held_hears_silence() {
        let plan = Plan { refresh: Refresh::TargetHolds, ..Plan::plain() };
        talking(plan, |world, number| {
            world.run(300_000);
            assert_eq!(world.hears(number), [Hears::Side(Side::B), Hears::Side(Side::A), Hears::Nothing]);
            let mut held = false;
            for _ in 0..200 {
                world.run(PACKET);
                held |= world.hears(number) == [Hears::Silence, Hears::Nothing, Hears::Nothing];
            }
            assert!(held);
        });
    }

    #[test]
    fn of_three_two_hear_each_other_and_one_hears_silence() {
        talking(Plan::plain(), |world, number| {
            world.run(300_000);
            let stream = world.media.stream_of(world.callers[number].peer.media).expect("it is open");
            let format = Format::fixed(Law::A);
            let profile = Profile {
                send: format,
                receive: [Some(format), None],
                event_send: Some(101),
                event_receive: Some(101),
                noise: None,
                ptime: 20,
            };
            let [rtp, rtcp] = [4000, 4001].map(|port| SocketAddr::from(([203, 0, 113, 77], port)));
            let peer = Peer::new(rtp, rtcp, profile, Direction::SendRecv);
            let tell = |world: &mut World<'_>, control| {
                assert!(matches!(world.media.control(world.clock(), control), Ok(None)));
                world.drain_media();
            };
            let join = |stream: StreamId| Control::Join { stream, side: Side::C, port: 10_034 };
            tell(world, join(stream));
            tell(world, Control::Point { stream, side: Side::C, peer });
            let silent = |pair: Option<[Side; 2]>| {
                Side::ALL.map(|side| match pair {
                    Some([a, b]) if a == side => Hears::Side(b),
                    Some([a, b]) if b == side => Hears::Side(a),
                    _ => Hears::Silence,
                })
            };
            world.run(300_000);
            assert_eq!(world.hears(number), silent(Some([Side::A, Side::B])));
            for pair in [Some([Side::A, Side::C]), None, Some([Side::C, Side::B]), Some([Side::B, Side::A])] {
                tell(world, Control::Bridge { stream, pair });
                world.run(300_000);
                assert_eq!(world.hears(number), silent(pair));
            }
            tell(world, Control::Part { stream, side: Side::C });
            world.run(300_000);
            assert_eq!(world.hears(number), [Hears::Side(Side::B), Hears::Side(Side::A), Hears::Nothing]);
        });
    }
}
