//! What is to happen, and when.

use core::cmp::Reverse;
use core::net::SocketAddr;

use warmline_core::call::CallId;
use warmline_core::locate::Found;
use warmline_core::relay::Report;
use warmline_core::transport::Path;
use warmline_core::{Input, Question};

use super::World;
use super::connections::{Carried, End};

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there are few of them, and none lives long")]
pub(super) enum What {
    ToSbc {
        listener: u8,
        from: SocketAddr,
        bytes: Vec<u8>,
    },
    ToPeer {
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    /// Something comes out at the end of a connection.
    Arrives(Carried),
    /// A connection is lost.
    Cut(End),
    /// The SBC is told that a connection was lost.
    Lost(Vec<Path>),
    Caller(usize),
    Callee(usize),
    Begin(usize),
    /// The AI platform asks to transfer the first of these calls to the other party of the second.
    Attend([usize; 2]),
    /// The AI platform hangs up its leg of this call.
    Leave(usize),
    /// The host says what became of the ticket that this call is to have.
    Ticket(CallId, Option<u64>),
    /// This caller presses a key.
    Press(usize, u8),
    /// The platform hands this caller's call over.
    HandOver(usize),
    Media(Report),
    Resolved(Question),
    /// The sides of this call speak, where there is audio.
    Talk(usize),
    Packet {
        port: u16,
        from: SocketAddr,
        bytes: Vec<u8>,
    },
}

/// Something that is to happen; earlier ones first, then in the order they were arranged.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) at: u64,
    pub(super) number: u64,
    pub(super) what: What,
}

impl PartialEq for Next {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for Next {}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl World<'_> {
    pub(super) fn arrange(&mut self, at: u64, what: What) {
        self.arranged += 1;
        self.queue.push(Reverse(Next { at, number: self.arranged, what }));
    }

    pub(super) fn happen(&mut self, what: What) {
        match what {
            What::ToSbc { .. } if self.dark => {}
            What::ToSbc { listener, from, bytes } => {
                self.deliver(listener, from, &bytes);
            }
            What::ToPeer { to, bytes } => self.reaches(to, &bytes),
            What::Arrives(carried) => self.arrives(carried),
            What::Cut(end) => self.cut_off(end),
            What::Lost(ways) => ways.into_iter().for_each(|way| self.input(Input::Lost(way))),
            What::Attend(calls) => self.attends(calls),
            What::Leave(number) => self.leaves(number),
            What::Begin(number) => {
                self.name_the_replaced(number);
                let mut out = core::mem::take(&mut self.sending);
                self.callers[number].begin(self.now, &mut out);
                self.send(out);
                self.mind_caller(number);
                self.visit_begins(number);
                if self.audio.is_some() {
                    self.arrange(self.now, What::Talk(number));
                }
            }
            What::Ticket(id, ticket) => self.ticket_is_said(id, ticket),
            What::Press(number, key) => self.presses(number, key),
            What::HandOver(number) => self.is_handed_over(number),
            What::Talk(number) => self.talk(number),
            What::Packet { port, from, bytes } => self.packet(port, from, &bytes),
            What::Caller(number) => {
                if self.callers[number].next().is_some_and(|at| at <= self.now) {
                    let mut out = core::mem::take(&mut self.sending);
                    let result = self.callers[number].tick(self.now, &mut out);
                    self.judge(&format!("caller {number}"), result);
                    self.send(out);
                    self.mind_caller(number);
                }
            }
            What::Callee(place) => {
                if self.callees[place].next().is_some_and(|at| at <= self.now) {
                    let mut out = core::mem::take(&mut self.sending);
                    let result = self.callees[place].tick(self.now, &mut out);
                    self.judge(&self.name_of(place), result);
                    self.send(out);
                    self.mind_callee(place);
                    self.mind_branches(place);
                }
            }
            What::Media(_) | What::Resolved(_) => {
                self.answer(what);
                self.drain();
            }
        }
    }

    /// Tells the SBC what it asked for.
    pub(super) fn answer(&mut self, what: What) {
        match what {
            What::Media(report) => self.handle(Input::Media(report)),
            What::Resolved(question) => {
                let in_turn = |(priority, &address)| Found { priority, ..Found::at(address) };
                let found = match (self.resolves, self.servers.is_empty()) {
                    (false, _) => Vec::new(),
                    (true, true) => (0..).zip(&self.addresses).map(in_turn).collect(),
                    (true, false) => self.servers.clone(),
                };
                self.handle(Input::Resolved(question, &found));
            }
            _ => {}
        }
    }

    pub(super) fn mind_caller(&mut self, number: usize) {
        if let Some(at) = self.callers[number].next() {
            self.arrange(at, What::Caller(number));
        }
    }

    pub(super) fn mind_callee(&mut self, place: usize) {
        if let Some(at) = self.callees[place].next() {
            self.arrange(at, What::Callee(place));
        }
    }

    /// The SBC gets an answer after so many microseconds, or as soon as it waits where the host is prompt.
    pub(super) fn later(&mut self, after: u64, answer: What) {
        if self.prompt {
            self.answers.push_back(answer);
        } else {
            self.arrange(self.now + after, answer);
        }
    }
}
