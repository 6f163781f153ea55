//! Keys in calls over a network that loses packets: each is reported once, in order, and the other side hears it once.

use warmline_core::relay::Side;
use warmline_tests::{Dice, Memory, Outcome, Plan, Record, Setting, Weather, World};

const KEYS: &[u8] = b"0123456789*#ABCD";

/// A source of RTP that sends a packet every 20 ms.
struct Voice {
    seq: u16,
    timestamp: u32,
    format: u8,
}

impl Voice {
    fn packet(&mut self, kind: u8, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, kind];
        packet.extend(self.seq.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(0x00c0_ffeeu32.to_be_bytes());
        packet.extend(payload);
        self.seq = self.seq.wrapping_add(1);
        packet
    }

    fn audio(&mut self) -> Vec<u8> {
        let packet = self.packet(self.format, self.timestamp, &[0x55; 160]);
        self.timestamp = self.timestamp.wrapping_add(160);
        packet
    }

    /// A key for 100 ms, and its end three times.
    fn key(&mut self, code: u8) -> Vec<Vec<u8>> {
        let start = self.timestamp;
        self.timestamp = self.timestamp.wrapping_add(7 * 160);
        let event = |n: u16| {
            let [high, low] = (n.min(5) * 160).to_be_bytes();
            [code, if n >= 5 { 0x8a } else { 10 }, high, low]
        };
        (1..=7).map(|n| self.packet(101, start, &event(n))).collect()
    }
}

#[test]
fn keys_come_once_each_in_order_at_a_loss_of_5_percent() {
    let mut lost = 0;
    for seed in 0..20 {
        let setting = Setting::new(8, 4);
        let mut memory = Memory::of(&setting);
        let mut world = World::new(&setting, &mut memory, seed, Weather::FINE);
        let number = world.call(Plan::plain(), 0);
        world.seconds(5);
        assert_eq!(world.callers[number].outcome, Outcome::Answered);
        world.record = Some(Record::default());
        let [(caller, port), (target, _)] = world.media_of(number);
        let mut dice = Dice::new(seed);
        let mut voice = Voice { seq: 65_500, timestamp: u32::MAX - 3000, format: 0 };
        for code in 0..16 {
            let mut packets = voice.key(code);
            packets.extend((0..5).map(|_| voice.audio()));
            for packet in packets {
                if dice.chance(500) {
                    lost += 1;
                } else {
                    world.packet(port, caller, &packet);
                }
                world.run(20_000);
            }
        }
        world.run(500_000);
        let reported: Vec<u8> = world.digits.iter().map(|(_, _, key)| *key as u8).collect();
        assert_eq!(reported, KEYS, "seed {seed}");
        assert!(world.digits.iter().all(|(_, side, _)| *side == Side::A));
        let left = world.record.take().expect("it was asked for").left;
        let events = left
            .iter()
            .filter(|left| left.to == target && left.bytes.get(1).is_some_and(|kind| kind & 0x7f == 101));
        let mut heard: Vec<(&[u8], u8)> = events.map(|left| (&left.bytes[4..8], left.bytes[12])).collect();
        heard.dedup();
        let heard: Vec<u8> = heard.iter().map(|(_, code)| KEYS[usize::from(*code)]).collect();
        assert_eq!(heard, KEYS, "seed {seed}");
        world.settle(40);
        world.expect_clean();
    }
    assert!(lost > 150, "{lost} were lost");
}
