//! Whether all went well.

use warmline_core::Usage;

use super::World;
use crate::caller::Outcome;

impl World<'_> {
    /// Everything that is still wrong when all should be over: what was found on the way, what is not free, who is
    /// not done, and what was not told exactly once.
    pub fn verdict(&self) -> Vec<String> {
        let mut wrong = self.faults.clone();
        if self.usage() != Usage::default() {
            wrong.push(format!("not free: {:?}", self.usage()));
        }
        if self.media.streams() != 0 {
            wrong.push(format!("{} streams are open", self.media.streams()));
        }
        for told in self.told.values().chain(&self.past) {
            let answered = u32::from(told.answered > 0);
            if (told.started, told.answered, told.ended) != (1, answered, 1) || told.reason.is_none() {
                wrong.push(format!("a call was told as {told:?}"));
            }
        }
        for (number, caller) in self.callers.iter().enumerate() {
            let cut_off = caller.orphaned && caller.outcome == Outcome::Open;
            if !cut_off && (caller.outcome == Outcome::Open || !caller.over) {
                wrong.push(format!("caller {number} is not done: {:?} by {:?}", caller.outcome, caller.plan));
            }
        }
        for (place, callee) in self.callees.iter().enumerate() {
            // Or it was heard of, but what was to tell it of the end was lost with its connection.
            let heard = || {
                let tap = self.tap.as_ref();
                self.cut == 0 && tap.is_none_or(|tap| !tap.never_heard(&callee.peer.call_id))
            };
            let cut_off = callee.orphaned && !callee.answered;
            if !callee.over && !cut_off && heard() {
                wrong.push(format!("target {place} of {} is not done: {:?}", callee.number, callee.answer));
            }
        }
        wrong
    }

    /// The same, and what has been left open towards the network.
    pub fn wrong(&self) -> Vec<String> {
        let mut wrong = self.verdict();
        if let Some(tap) = &self.tap {
            wrong.extend(tap.remains());
        }
        wrong
    }

    /// Panics unless all is over and nothing was wrong.
    #[track_caller]
    pub fn expect_clean(&self) {
        let mut wrong = self.wrong();
        if !wrong.is_empty() {
            let ladder = self.tap.as_ref().and_then(|tap| tap.ladder.as_ref());
            let ladder = ladder.map(|ladder| ladder.join("\n")).unwrap_or_default();
            let count = wrong.len();
            wrong.truncate(12);
            panic!("{count} wrong:\n{}\n{ladder}", wrong.join("\n"));
        }
    }
}
