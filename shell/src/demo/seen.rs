//! What the endpoints saw of a scene: each message once, in order.

use core::cell::RefCell;
use core::time::Duration;
use std::rc::Rc;
use std::time::Instant;

use warmline_core::call::TICKET_HEADER;
use warmline_core::sip::{Message, Method, Name, StartLine};

use super::phone::text;

/// Whose lifeline it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The caller, at a carrier.
    Caller,
    /// The AI agent.
    Agent,
    /// Zendesk, and the person there.
    Zendesk,
}

impl End {
    /// All of them, as [`Scene::heard`](super::Scene::heard) has them.
    pub const ALL: [Self; 3] = [Self::Caller, Self::Agent, Self::Zendesk];

    /// What stands over its lifeline.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "Caller",
            Self::Agent => "AI agent",
            Self::Zendesk => "Zendesk",
        }
    }
}

/// A SIP message as an endpoint saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Since the scene began.
    pub at: Duration,
    /// Who saw it.
    pub end: End,
    /// Whether Warmline sent it, to this end.
    pub arrived: bool,
    /// Its method, or its status and phrase, and what else the story needs of it.
    pub what: String,
}

/// Where all ends write down what they see.
#[derive(Clone, Debug)]
pub(super) struct Log {
    start: Instant,
    seen: Rc<RefCell<Vec<Seen>>>,
}

impl Log {
    pub(super) fn new(start: Instant) -> Self {
        Self { start, seen: Rc::default() }
    }

    pub(super) fn take(&self) -> Vec<Seen> {
        self.seen.take()
    }

    pub(super) fn note(&self, end: End, arrived: bool, message: &Message<'_>) {
        let what = what(message, arrived);
        self.seen.borrow_mut().push(Seen { at: self.start.elapsed(), end, arrived, what });
    }
}

fn what(message: &Message<'_>, arrived: bool) -> String {
    match message.start() {
        StartLine::Response { status, reason } => format!("{status} {}", text(reason)),
        StartLine::Request { method: Method::Invite, .. } if arrived => {
            match message.extension(TICKET_HEADER).next() {
                Some(ticket) => format!("INVITE, ticket {}", text(ticket)),
                None => "INVITE, no ticket".to_owned(),
            }
        }
        StartLine::Request { method: Method::Refer, .. } => {
            let to = message.addresses(Name::ReferTo).next().and_then(Result::ok);
            format!("REFER to {}", text(to.and_then(|to| to.uri.user).unwrap_or_default()))
        }
        StartLine::Request { method: Method::Notify, .. } => format!("NOTIFY {}", told(message)),
        StartLine::Request { method, .. } => text(method.as_bytes()),
    }
}

/// What a NOTIFY tells of a transfer, as `180 Ringing` (RFC 3515 section 2.4.5).
pub(super) fn told(notify: &Message<'_>) -> String {
    let body = text(notify.body());
    let line = body.lines().next().unwrap_or_default();
    line.strip_prefix("SIP/2.0 ").unwrap_or(line).to_owned()
}
