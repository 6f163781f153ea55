//! Looks into the outbox now and then, and has what is due done.

use core::time::Duration;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::errand::Errand;
use super::lease::Lease;
use super::{Done, Place};
use crate::store::{Change, Database, Entry, Step, Store, due, recordings};

/// How many entries are seen to at once, so that hand-overs find their way beside them.
const AT_ONCE: usize = 4;

/// How long the store is waited for.
const STORED: Duration = Duration::from_secs(10);

pub(super) struct Outbox {
    node: String,
    lease: Lease,
    store: Store,
    database: watch::Receiver<Option<Database>>,
    /// Calls whose entry is seen to, and those that are being handed over.
    busy: HashSet<u64>,
    opening: HashSet<u64>,
    /// Whether the store is asked what is due.
    asking: bool,
}

impl Outbox {
    pub(super) fn new(
        node: String,
        lease: Duration,
        store: Store,
        database: watch::Receiver<Option<Database>>,
    ) -> Self {
        let lease = Lease::new(lease);
        Self { node, lease, store, database, busy: HashSet::new(), opening: HashSet::new(), asking: false }
    }

    /// A call is being handed over: its entry is left alone, and holds up no other.
    pub(super) fn opens(&mut self, call: u64) {
        self.opening.insert(call);
    }

    /// It is not any more.
    pub(super) fn opened(&mut self, call: u64) {
        self.opening.remove(&call);
    }

    /// Its entry is not seen to any more.
    pub(super) fn over(&mut self, call: u64) {
        self.busy.remove(&call);
    }

    /// Asks what is due.
    pub(super) fn ask(&mut self, under_way: &mut JoinSet<Done>) {
        let Some(database) = self.database.borrow().clone() else { return };
        if core::mem::replace(&mut self.asking, true) {
            return;
        }
        let (node, lease) = (self.node.clone(), self.lease.clone());
        under_way.spawn(async move {
            let found = async {
                lease.renew(&database, &node).await?;
                let mut found = due(database.pool(), &node, 32).await?;
                for entry in &mut found {
                    entry.recordings = recordings(database.pool(), entry.handover.call).await?;
                }
                Ok::<_, sqlx::Error>(found)
            };
            Done::Asked(found.await.unwrap_or_else(|error| {
                // Whoever writes there says so aloud.
                tracing::debug!("cannot look into the outbox: {error}");
                Vec::new()
            }))
        });
    }

    /// Begins what is due, as much as there may be at once.
    pub(super) fn begin(
        &mut self,
        entries: Vec<Entry>,
        desks: &HashMap<String, Place>,
        under_way: &mut JoinSet<Done>,
    ) {
        self.asking = false;
        for entry in entries {
            let call = entry.handover.call;
            if self.busy.len() >= AT_ONCE || self.busy.contains(&call) || self.opening.contains(&call) {
                continue;
            }
            self.busy.insert(call);
            let store = self.store.clone();
            let errand = match desks.get(&entry.handover.desk) {
                Some(Place::Zendesk(zendesk)) => {
                    Some(Errand { zendesk: Arc::clone(zendesk), store: store.clone() })
                }
                _ => None,
            };
            let lease = self.lease.clone();
            under_way.spawn(async move {
                let step = match errand {
                    Some(errand) => tokio::select! {
                        step = errand.settle(&entry) => step,
                        // Another node may see to it now.
                        () = lease.is_lost() => return Done::Entry(call),
                    },
                    None => {
                        let why = format!("there is no [[desk]] \"{}\" any more", entry.handover.desk);
                        Step::Aside { call, why }
                    }
                };
                // Until it is written, the entry looks as it did.
                let written = store.ask(Change::Outbox(step));
                let _ = tokio::time::timeout(STORED, written).await;
                Done::Entry(call)
            });
        }
    }
}
