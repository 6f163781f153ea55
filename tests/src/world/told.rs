//! What the SBC tells of its calls, and what is not as it should be.

use warmline_core::Event;
use warmline_core::call::{Outcome, Progress};
use warmline_core::reason::Reason;
use warmline_core::relay::Statistics;

use super::World;

/// What was told of one call.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The caller's Call-ID.
    pub call_id: String,
    /// How often it began.
    pub started: u32,
    /// How often it was answered.
    pub answered: u32,
    /// How often it had something to be saved.
    pub settled: u32,
    /// How often it was taken up again after a restart.
    pub restored: u32,
    /// How often it ended.
    pub ended: u32,
    /// Why.
    pub reason: Option<Reason>,
    /// What was left out.
    pub note: Option<Reason>,
    /// What became of it.
    pub outcome: Option<Outcome>,
    /// Whether Talk may have made a ticket of it.
    pub talk: bool,
    /// The ticket.
    pub ticket: Option<u64>,
    /// When it ended.
    pub ended_at: u64,
    /// What the relay counted.
    pub statistics: [Statistics; 2],
}

impl World<'_> {
    pub(super) fn hear(&mut self, event: Event) {
        let id = match event {
            Event::Registered { .. } | Event::Unregistered { .. } | Event::Course(_) => return,
            Event::Reachable { address, .. } => return self.health.push((self.now, address, None)),
            Event::Unreachable { address, reason, .. } => {
                return self.health.push((self.now, address, Some(reason)));
            }
            Event::Refused { reason, asked, .. } => {
                return self.refused.push((reason, asked.as_str().to_owned()));
            }
            Event::Digit { side, digit, .. } => {
                return self.digits.push((self.now, side, char::from(digit.key())));
            }
            Event::Learned { .. }
            | Event::Elsewhere { .. }
            | Event::NotAuthentic { .. }
            | Event::Unanswered(_) => return,
            Event::Started(id)
            | Event::Answered(id)
            | Event::Settled(id)
            | Event::Ticket(id)
            | Event::Ended(id) => id,
        };
        match event {
            Event::Settled(_) => self.keep(id),
            Event::Ended(_) => drop(self.records.remove(&id)),
            Event::Ticket(_) => return self.ticket_is_wanted(id),
            _ => {}
        }
        let Some(view) = self.sbc.call(id) else {
            return self.judge("events", Err(format!("{event:?} of a call that is not there")));
        };
        let told = self.told.entry(id).or_default();
        match event {
            Event::Started(_) => {
                told.started += 1;
                told.call_id = String::from_utf8_lossy(view.call_id).into_owned();
            }
            Event::Answered(_) => told.answered += 1,
            Event::Settled(_) => told.settled += 1,
            _ => {
                told.ended += 1;
                told.ended_at = self.now;
                told.ticket = view.ticket.map(|ticket| ticket.get());
                (told.outcome, told.talk) = (view.outcome, view.talk);
                told.note = view.note;
                told.statistics = *view.statistics;
                if let Progress::Ended(reason) = view.progress {
                    told.reason = Some(reason);
                }
            }
        }
    }

    pub(super) fn name_of(&self, place: usize) -> String {
        format!("target {place} of {}", self.callees[place].number)
    }

    pub(super) fn judge(&mut self, who: &str, result: Result<(), String>) {
        if let Err(wrong) = result {
            self.faults.push(format!("{} us, {who}: {wrong}", self.now));
        }
    }
}
