//! What the AI platform does in two calls at once: an attended transfer, and a leg that another one takes the place of.

use super::{What, World};
use crate::caller::Outcome;
use crate::peer::Peer;
use crate::plan::{Answer, From, Refers, Transfer};
use crate::setting::address;

/// Which end of a call is the AI platform.
#[derive(Clone, Copy)]
enum Agent {
    Caller(usize),
    Callee(usize),
}

impl World<'_> {
    /// In so many microseconds, the AI platform, which is in both these calls, asks to transfer the first to the other
    /// party of the second.
    pub fn attend(&mut self, calls: [usize; 2], after: u64) {
        self.arrange(self.now + after, What::Attend(calls));
    }

    /// In so many microseconds, the AI platform hangs up its leg of this call, where it has one then.
    pub fn leave(&mut self, number: usize, after: u64) {
        self.arrange(self.now + after, What::Leave(number));
    }

    fn agent(&self, number: usize) -> Option<Agent> {
        let caller = &self.callers[number];
        if caller.plan.from == From::Ai {
            let talks = caller.outcome == Outcome::Answered && !caller.over;
            return talks.then_some(Agent::Caller(number));
        }
        let talks = |callee: &&crate::Callee| {
            // Before the ACK a callee hangs nothing up (15), and knows of no call that it could transfer.
            callee.number == number && callee.acknowledged && !callee.over && callee.peer.at == address::AI
        };
        let callee = self.callees.iter().find(talks)?;
        self.callees.iter().position(|other| core::ptr::eq(other, callee)).map(Agent::Callee)
    }

    /// What the platform calls the call of this caller that its agent is in.
    pub(super) fn agents_call(&self, number: usize) -> Option<String> {
        Some(self.peer(self.agent(number)?).call_id.clone())
    }

    fn peer(&self, agent: Agent) -> &Peer {
        match agent {
            Agent::Caller(number) => &self.callers[number].peer,
            Agent::Callee(place) => &self.callees[place].peer,
        }
    }

    fn mind_agent(&mut self, agent: Agent) {
        match agent {
            Agent::Caller(number) => self.mind_caller(number),
            Agent::Callee(place) => self.mind_callee(place),
        }
    }

    pub(super) fn attends(&mut self, [number, other]: [usize; 2]) {
        let Some((agent, consulted)) = self.agent(number).zip(self.agent(other)) else { return };
        let Some(dialog) = self.peer(consulted).dialog() else { return };
        let escaped: String = dialog.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let by = if matches!(agent, Agent::Caller(_)) { Refers::Caller } else { Refers::Target };
        let transfer = Transfer {
            by,
            after: 0,
            to: format!("<sip:x@192.0.2.1?Replaces={escaped}>").into(),
            attended: true,
            lines: "",
            ticket: None,
            answer: Answer::AtOnce,
            leaves: None,
            polite: self.callers[number].plan.transfer.as_ref().is_none_or(|transfer| transfer.polite),
        };
        self.callers[number].plan.transfer = Some(transfer.clone());
        for number in [number, other] {
            self.callers[number].may_move = true;
            self.callees.iter_mut().filter(|callee| callee.number == number).for_each(|callee| {
                callee.may_move = true;
            });
        }
        match agent {
            Agent::Caller(number) => self.callers[number].refer(self.now, transfer),
            Agent::Callee(place) => self.callees[place].refer(self.now, transfer),
        }
        self.mind_agent(agent);
    }

    pub(super) fn leaves(&mut self, number: usize) {
        let Some(agent) = self.agent(number) else { return };
        match agent {
            Agent::Caller(number) => self.callers[number].hang_up(self.now),
            Agent::Callee(place) => self.callees[place].hang_up(self.now),
        }
        self.mind_agent(agent);
    }

    /// Tells a caller that is to take a leg's place which dialog that is.
    pub(super) fn name_the_replaced(&mut self, number: usize) {
        let Some(other) = self.callers[number].plan.replaces else { return };
        let dialog = self.agent(other).and_then(|agent| self.peer(agent).dialog());
        let dialog = dialog.unwrap_or_else(|| "nobody;to-tag=0123456789abcdef;from-tag=1".into());
        let line = format!("Require: replaces\r\nReplaces: {dialog}\r\n");
        self.callers[number].plan.lines.push_str(&line);
    }
}
