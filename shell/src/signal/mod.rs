//! Signalling: one thread that drives core's [`Sbc`](warmline_core::Sbc).
//!
//! What comes in by sockets, relay workers, lookups and the operator is handed to core one by one, and after each
//! the way out is drained: bytes to sockets, controls to workers, questions to the resolver, events to the log.

mod clerk;
mod connection;
mod connections;
mod courses;
mod driver;
mod ending;
mod hours;
mod journal;
mod keeper;
mod listeners;
mod lookups;
mod once;
mod platform;
mod ranges;
mod reopening;
mod resolver;
mod strangers;
#[cfg(test)]
mod tests;

use core::num::NonZeroU64;
use core::time::Duration;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender};
use std::thread::JoinHandle;

use tokio::sync::{Notify, oneshot};
use warmline_core::call::CallId;
use warmline_core::relay::Report;

use crate::certificates::Contexts;
use crate::clock::Clock;
use crate::config::{Loaded, Written};
use crate::desk::Desks;
use crate::hours::Compiled;
use crate::media;
use crate::node::{Alarm, Snapshot, StartError, seed};
use crate::platform::PlatformAsk;
use crate::recording::Recorder;
use crate::reload::Changes;
use crate::store::Store;
use crate::webhook::Webhooks;
use driver::Driver;
use resolver::{Answer, Wanted};

pub(crate) use connections::MOST as MOST_CONNECTIONS;
pub(crate) use keeper::{Keeper, unkept};
pub(crate) use listeners::{Listeners, listen};
pub(crate) use once::Once;

/// What signalling is asked from outside, or by its own lookups.
#[derive(Debug)]
pub(crate) enum Ask {
    /// What it is doing.
    Tell(SyncSender<Snapshot>),
    /// To come to an end, and say then what it did.
    Stop { grace: Duration, done: oneshot::Sender<Snapshot> },
    /// To end now.
    Halt,
    /// To go on with another configuration, and say what it changes.
    Reload { new: Box<(Loaded, Contexts)>, done: oneshot::Sender<Changes> },
    /// To show, and to believe, other certificates from now on.
    Renew(Contexts),
    /// To go on with a call whose ticket was asked for: with this one, or without.
    Ticket { call: CallId, ticket: Option<NonZeroU64> },
    /// What a platform wants.
    Platform(PlatformAsk),
    /// To go on with what DNS said of a name.
    Found { wanted: Arc<Wanted>, answer: Answer },
    /// To go by hours that were compiled anew.
    Hours { written: Written, compiled: Vec<Compiled> },
}

/// Where signalling is asked.
#[derive(Clone, Debug)]
pub(crate) struct Asks {
    pub(crate) queue: Sender<Ask>,
    pub(crate) bell: Arc<Notify>,
}

impl Asks {
    /// Asks; false when signalling has ended.
    pub(crate) fn send(&self, ask: Ask) -> bool {
        let sent = self.queue.send(ask).is_ok();
        self.bell.notify_one();
        sent
    }
}

/// All that comes in.
pub(crate) struct Inlets {
    pub(crate) reports: Receiver<Report>,
    pub(crate) asked: Receiver<Ask>,
    /// Its own, for lookups.
    pub(crate) asks: Asks,
    /// Rings when there is a report, or something is asked.
    pub(crate) bell: Arc<Notify>,
    /// Which recordings begin is told to it, where there are any.
    pub(crate) recorder: Option<Recorder>,
    /// What happens to calls is written there, where there is one.
    pub(crate) store: Option<Store>,
    /// What a restart would need of calls is kept there, where there is such a place.
    pub(crate) keeper: Option<Keeper>,
    /// Tickets are wished for there.
    pub(crate) desks: Option<Desks>,
    /// What becomes of calls is told there.
    pub(crate) webhooks: Option<Webhooks>,
}

/// Starts signalling.
pub(crate) fn start(
    loaded: Arc<Loaded>,
    clock: Clock,
    inlets: Inlets,
    listeners: Listeners,
    workers: Vec<media::Handle>,
    alarm: Alarm,
) -> Result<JoinHandle<()>, StartError> {
    let thread = |source| StartError::Thread { name: "signalling", source };
    let seed = seed()?;
    let contexts = Contexts::read(&loaded)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(thread)?;
    let listeners = {
        // Sockets belong to the runtime they are made in.
        let _inside = runtime.enter();
        listeners.listen().map_err(thread)?
    };
    std::thread::Builder::new()
        .name("signalling".to_owned())
        .spawn(move || {
            let _alarm = alarm;
            Driver::run(&runtime, &loaded, &seed, clock, inlets, listeners, contexts, workers);
            // Lookups that are under way are of no use any more.
            runtime.shutdown_background();
        })
        .map_err(thread)
}
