//! The SBC falls over in the middle of everything, and comes back.

use warmline_core::call::{CallId, Progress};
use warmline_core::relay::Relay;
use warmline_core::time::Utc;
use warmline_core::{Cx, Sbc};

use super::{Told, What, World, in_core};
use crate::caller::Outcome;
use crate::setting::Memory;

impl<'w> World<'w> {
    /// Keeps the record of a call that has settled.
    pub(super) fn keep(&mut self, id: CallId) {
        let config = self.config;
        let cx = Cx { now: self.clock(), utc: Some(Utc(self.now as i64)), config: &config };
        let mut out = [0; 2_500];
        match in_core(|| self.sbc.save(&cx, id, &mut out)) {
            Some(len) => drop(self.records.insert(id, out[..len].to_vec())),
            None => self.judge("records", Err(format!("{id:?} has settled, but cannot be saved"))),
        }
    }

    /// A watchdog bites: signalling and relay are gone in an instant, nobody hears anything for `down` microseconds,
    /// and then others begin in other memory, with nothing but the records. How many calls they take up again.
    pub fn restart(&mut self, memory: &'w mut Memory, down: u64) -> usize {
        self.fall(memory);
        self.run(down);
        self.rise()
    }

    /// Whether the SBC holds a call of this caller's that was answered and goes on.
    pub fn is_up(&self, number: usize) -> bool {
        let call_id = self.callers[number].peer.call_id.as_bytes();
        let mut views = self.sbc.calls().filter_map(|id| self.sbc.call(id));
        views.any(|view| view.call_id == call_id && view.progress == Progress::Answered)
    }

    fn fall(&mut self, memory: &'w mut Memory) {
        let (storage, relay) = memory.lend();
        let mut seed = || {
            let mut bytes = [0; 32];
            bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&self.dice.next().to_le_bytes()));
            bytes
        };
        self.sbc = Sbc::new(storage, &self.config, &seed());
        self.media.restart(Relay::new(relay, &seed()));
        // A clock that starts over with the board.
        self.origin = self.now - 1_000;
        self.wake = None;
        self.dark = true;
        self.queue.retain(|next| !matches!(next.0.what, What::Media(_) | What::Resolved(_)));
        if let Some(tap) = &mut self.tap {
            tap.restart();
        }
    }

    fn rise(&mut self) -> usize {
        self.dark = false;
        let mut told = core::mem::take(&mut self.told);
        let mut records: Vec<_> = core::mem::take(&mut self.records).into_iter().collect();
        records.sort_by_key(|(id, _)| id.index());
        let mut goes_on = vec![false; self.callers.len()];
        let config = self.config;
        let cx = Cx { now: self.clock(), utc: Some(Utc(self.now as i64)), config: &config };
        let mut restored = Vec::new();
        for (old, record) in records {
            match in_core(|| self.sbc.restore(&cx, &record)) {
                Ok(id) => restored.push((old, id, record)),
                Err(error) => self.faults.push(format!("{old:?} was not restored: {error}")),
            }
        }
        let mut taken_up = 0;
        for (old, id, record) in restored {
            let mut told = told.remove(&old).unwrap_or_default();
            told.restored += 1;
            let caller = self.callers.iter().position(|caller| caller.peer.call_id == told.call_id);
            let view = self.sbc.call(id).expect("it was just restored");
            if view.progress == Progress::Answered {
                taken_up += 1;
                if let Some(caller) = caller {
                    goes_on[caller] = true;
                }
            }
            self.told.insert(id, told);
            self.records.insert(id, record);
        }
        for (number, goes_on) in goes_on.into_iter().enumerate() {
            self.mind(number, goes_on);
        }
        let (past, lost): (Vec<Told>, Vec<Told>) = told.into_values().partition(|told| told.ended > 0);
        self.past.extend(past);
        self.lost.extend(lost);
        self.drain();
        taken_up
    }

    /// Tells the two ends of a call whether there is still somebody between them.
    fn mind(&mut self, number: usize, goes_on: bool) {
        let now = self.now;
        let caller = &mut self.callers[number];
        if caller.times.0 == 0 {
            return;
        }
        // Whose answer was lost on its way does not know of the call that goes on.
        let knows = goes_on && caller.outcome != Outcome::Open;
        match knows {
            true => caller.resumed = true,
            false => caller.orphan(now),
        }
        self.mind_caller(number);
        for place in 0..self.callees.len() {
            let callee = &mut self.callees[place];
            if callee.number != number {
                continue;
            }
            callee.resumed = goes_on && callee.answered;
            callee.orphaned |= !callee.resumed;
            if callee.resumed && !knows {
                callee.lonely(now);
            }
            self.mind_callee(place);
        }
    }
}
