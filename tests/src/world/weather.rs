//! What the network does to what is sent.

use super::{What, World};
use crate::dice::Dice;
use crate::peer::Sent;

/// What the network does to a datagram. Chances are in 10,000, times in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// It is lost.
    pub loss: u64,
    /// It comes twice.
    pub doubled: u64,
    /// The shortest and the longest it takes; a wide range reorders.
    pub delay: (u64, u64),
}

impl Weather {
    /// Nothing is lost, everything takes 10 ms.
    pub const FINE: Self = Self { loss: 0, doubled: 0, delay: (10_000, 10_000) };

    /// `percent` of everything is lost and 5 % doubled, and datagrams overtake one another.
    pub const fn stormy(percent: u64) -> Self {
        Self { loss: percent * 100, doubled: 500, delay: (1_000, 120_000) }
    }
}

impl World<'_> {
    /// Puts what peers send on its way.
    pub(super) fn send(&mut self, mut out: Vec<Sent>) {
        for Sent { from, to, bytes } in out.drain(..) {
            if self.sends_by_connection(from, &bytes) {
                continue;
            }
            let listener = u8::from(to != self.setting.heard_at(0));
            for at in self.passages().into_iter().flatten() {
                self.arrange(at, What::ToSbc { listener, from, bytes: bytes.clone() });
            }
        }
        self.sending = out;
    }

    /// When the copies of a datagram arrive.
    pub(super) fn passages(&mut self) -> [Option<u64>; 2] {
        let Weather { loss, doubled, delay } = self.weather;
        let passage = |dice: &mut Dice, there: bool| there.then(|| self.now + dice.between(delay.0, delay.1));
        let there = !self.dice.chance(loss);
        let first = passage(&mut self.dice, there);
        let twice = there && self.dice.chance(doubled);
        [first, passage(&mut self.dice, twice)]
    }
}
