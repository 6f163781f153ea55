//! How a referrer is told of its transfer: NOTIFYs with the status line that whoever is rung would have sent it
//! (RFC 3515 section 2.4.5).

use crate::call::{CallId, Leg, LegId, LegState, Todo};
use crate::reason::Reason;
use crate::sip::{Method, Writer, phrase};

use super::replies::contact;
use super::{Cx, Output, Sbc};

/// How long a transfer may take, for the referrer; nobody asks to be told for longer.
const EXPIRES: u64 = 600;

impl Sbc<'_> {
    /// There is something to tell a referrer.
    pub(super) fn tell_referrer(&mut self, id: LegId, status: u16) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        if leg.state != LegState::Terminated && leg.notifier.tell(status) {
            leg.todo.add(Todo::NOTIFY);
        }
        let call = leg.call;
        self.wake(call);
    }

    /// Whoever is rung for a transfer says how that goes.
    pub(super) fn transfer_rings(&mut self, id: CallId, status: u16) {
        let told =
            self.calls.get(id).filter(|call| call.transfer.is_ringing()).and_then(|call| call.transfer.told);
        told.into_iter().for_each(|told| self.tell_referrer(told, status));
    }

    /// Sends the next NOTIFY to a referrer. One that cannot be sent is the last: the transfer goes on without.
    pub(super) fn send_notify(&mut self, cx: &Cx<'_>, id: LegId, out: &mut [u8]) -> Option<Output> {
        let leg = self.legs.get_mut(id)?;
        let call = leg.call;
        let (status, last) = leg.notifier.take()?;
        let number = leg.notifier.id();
        let room = !self.transactions.is_full();
        let sent = room.then(|| {
            self.send_within(cx, id, Method::Notify, out, |w, leg, _| {
                if let Some((listener, interface)) = cx.config.listener(leg.path.listener) {
                    contact(w, listener, interface);
                }
                write(w, number, status, last);
            })
        });
        let sent = sent.flatten();
        if sent.is_none() {
            self.counters.add(Reason::NoMemory);
            if let Some(leg) = self.legs.get_mut(id) {
                leg.notifier.done(false);
                leg.unsubscribe();
            }
        }
        self.let_go(cx, call);
        sent
    }

    /// A NOTIFY had its response, or none in time: `heard` says whether the referrer wants to hear more.
    pub(super) fn notified(&mut self, cx: &Cx<'_>, id: LegId, heard: bool) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        let call = leg.call;
        if leg.notifier.done(heard) {
            leg.todo.add(Todo::NOTIFY);
        }
        leg.unsubscribe();
        self.let_go(cx, call);
        self.wake(call);
    }
}

impl Leg {
    /// Whether its BYE waits for the response to a NOTIFY, so that this is heard first.
    pub(super) const fn has_to_wait(&self) -> bool {
        self.notifier.is_busy() && !matches!(self.state, LegState::Terminated)
    }

    /// Its peer has gone, or is being hung up for that: nothing more of its transfer is told to it.
    pub(super) fn tell_no_more(&mut self) {
        self.notifier.stop();
        self.todo.take(Todo::NOTIFY);
    }

    /// Lets a leg that is only there to be told go when everything was told.
    fn unsubscribe(&mut self) {
        if self.state == LegState::Subscribed && !self.notifier.is_busy() && !self.notifier.is_active() {
            self.state = LegState::Terminated;
        }
    }
}

/// What is a NOTIFY's own.
pub(super) fn write(w: &mut Writer<'_>, number: Option<u32>, status: u16, last: bool) {
    w.name(b"Event").bytes(b"refer");
    if let Some(number) = number {
        w.bytes(b";id=").number(number.into());
    }
    w.end_line();
    w.name(b"Subscription-State");
    if last {
        w.bytes(b"terminated;reason=noresource");
    } else {
        w.bytes(b"active;expires=").number(EXPIRES);
    }
    w.end_line();
    w.body(b"message/sipfrag;version=2.0", |body| {
        let mut line = Writer::new(body);
        line.status_line(status, phrase(status));
        line.finish().ok()
    });
}
