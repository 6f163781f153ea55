//! Webhooks: what becomes of hand-overs and calls, told to whoever has an URL for it, signed as Standard Webhooks say
//! (<https://www.standardwebhooks.com>).
//!
//! What is to be told is in the store before it is sent, and is sent until it was taken: at least once, with the same id, and
//! what is about one call in order.

mod courier;
mod signature;

use core::fmt;

use serde_json::{Value, json};

pub(crate) use courier::Courier;

use crate::store::{Change, Store, hex, utc};

/// How a hand-over goes, in order; of the last ones it has one.
pub(crate) const KINDS: [&str; 11] = [
    "requested",
    "ticketed",
    "ringing",
    "connected",
    "queued",
    "returned",
    "voicemail",
    "overflowed",
    "abandoned",
    "failed",
    "resolved",
];

/// `[[webhook]]`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) url: String,
    /// What signs.
    pub(crate) secret: Vec<u8>,
    /// Names of what is told; `handover.*` is all that begin so.
    pub(crate) events: Vec<String>,
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Setting({}, {:?})", self.url, self.events)
    }
}

impl Setting {
    fn wants(&self, kind: &str) -> bool {
        let all = |event: &str| event.strip_suffix('*').is_some_and(|start| kind.starts_with(start));
        self.events.iter().any(|event| event == kind || all(event))
    }
}

/// Something that is told to an URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) url: String,
    /// The same, however often it is sent.
    pub(crate) id: String,
    pub(crate) call: u64,
    /// What is about one call goes in this order.
    pub(crate) place: i64,
    pub(crate) body: String,
    /// How often it was sent in vain.
    pub(crate) attempts: u64,
}

/// Where it is said what has happened.
#[derive(Clone, Debug)]
pub(crate) struct Webhooks {
    settings: Vec<Setting>,
    store: Store,
    /// The latest place.
    place: i64,
}

impl Webhooks {
    pub(crate) fn new(settings: Vec<Setting>, store: Store) -> Self {
        Self { settings, store, place: 0 }
    }

    /// Tells of a call that `kind` has happened at `now`, in microseconds since 1970 in UTC. `since` tells it from what happened
    /// of that kind to the same call before.
    pub(crate) fn tell(&mut self, kind: &str, call: u64, since: i64, now: i64, data: &Value) {
        self.place = now.max(self.place.saturating_add(1));
        for setting in self.settings.iter().filter(|setting| setting.wants(kind)) {
            let body = json!({ "type": kind, "timestamp": utc(now), "data": data });
            self.store.write(Change::Notice(Box::new(Notice {
                url: setting.url.clone(),
                id: format!("msg_{}_{since:x}_{}", hex(call), kind.replace('.', "_")),
                call,
                place: self.place,
                body: body.to_string(),
                attempts: 0,
            })));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_named_or_all_that_begin_so() {
        let of = |events: &[&str]| Setting {
            url: String::new(),
            secret: vec![],
            events: events.iter().map(|event| (*event).to_owned()).collect(),
        };
        assert!(of(&["handover.*"]).wants("handover.returned") && !of(&["handover.*"]).wants("call.ended"));
        assert!(of(&["call.ended"]).wants("call.ended") && !of(&[]).wants("call.ended"));
        assert!(!of(&["handover.ringing"]).wants("handover.returned"));
    }
}
