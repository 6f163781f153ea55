//! The store: what must last. SQLite in one file, or PostgreSQL.
//!
//! It has a thread of its own. Whoever has something for it hands it over through a bounded queue and never waits; what
//! the database does not take now is held in memory, said once, and written later.

mod calls;
mod database;
mod lease;
mod notices;
mod now;
mod outbox;
mod prune;
mod record;
mod recordings;
mod setting;
mod talks;
#[cfg(test)]
mod tests;
mod tickets;
mod writer;

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::UNIX_EPOCH;

use tokio::sync::mpsc::{self, Sender};
use tokio::sync::{Notify, oneshot, watch};

pub(crate) use calls::calls;
pub(crate) use database::Database;
pub(crate) use lease::{beat, take_over};
pub(crate) use notices::due_notices;
pub(crate) use outbox::{Entry, Step, due, retry, waiting};
pub(crate) use record::{Audio, HandedOver, Record, hex};
pub(crate) use recordings::{Recorded, recordings};
pub(crate) use setting::{Keeping, Setting};
pub(crate) use tickets::{Comment, Ticket, ticket, tickets};
use writer::Writer;

use crate::desk::{Closing, Desk, Desks, Handover, Office, Spoken};
use crate::node::{Alarm, StartError};
use crate::webhook::{self, Courier, Notice};

/// A time in microseconds since 1970 as people and programs read it: `2026-11-29T13:45:02Z`.
pub(crate) fn utc(micros: i64) -> String {
    let since = Duration::from_micros(u64::try_from(micros).unwrap_or_default());
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string()
}

/// How many changes are held while the database takes none: some ten minutes of calls at 10 a second.
const HELD: usize = 16_384;

/// What is to be written.
#[derive(Debug)]
pub(crate) enum Change {
    /// A call, as far as it has come. What was written of it before is replaced, unless it had ended.
    Call(Box<Record>),
    /// A ticket of the local desk's; its number is the answer.
    Ticket(Box<Handover>),
    /// What AI agents said of its call later on.
    TicketSaid(Box<Handover>),
    /// What became of such a ticket's call.
    TicketClosed(Box<(Handover, Closing)>),
    /// What became of a call that was taken up after a crash, for whichever ticket it has.
    Ended { call: u64, closing: Box<Closing> },
    /// What is to be known of a call that its own messages do not say, unless they say something else.
    Note { call: u64, note: &'static str },
    /// A recording that has begun, or is finished.
    Recorded(Recorded),
    /// What happens to an entry of the outbox.
    Outbox(Step),
    /// Talk has made these tickets of calls of a caller's: the one that is this call's is kept for it, and its number is the
    /// answer. Those that are `not` its own, whatever the store says, are left out.
    Talks { call: u64, made: Vec<Spoken>, not: Vec<u64> },
    /// The node has started, and goes on with these calls of those that it was in the middle of: the records of all others
    /// end, and their tickets are seen to.
    TakenUp(Vec<u64>),
    /// What a webhook is to be told.
    Notice(Box<Notice>),
    /// It was told.
    NoticeGone(Box<Notice>),
    /// It was not, and is to be after so long.
    NoticeLater(Box<Notice>, Duration),
}

/// A change, and who waits until it is written: for a number, where there is one.
type Order = (Change, Option<oneshot::Sender<Option<u64>>>);

/// Where changes are handed to.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    orders: Sender<Order>,
    lost: Arc<AtomicU64>,
}

impl Store {
    /// Starts the thread, with the desks and the webhooks' courier beside. It ends once the last handle is gone and everything is
    /// written. What `node` left unfinished when it was last ended waits for [`Change::TakenUp`].
    pub(crate) fn start(
        setting: Setting,
        keeping: &Keeping,
        node: String,
        desks: &[Desk],
        webhooks: &[webhook::Setting],
        alarm: Alarm,
    ) -> Result<(Self, Desks, JoinHandle<()>), StartError> {
        let thread = |source| StartError::Thread { name: "the store", source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(thread)?;
        let (orders, queue) = mpsc::channel(HELD);
        let lost = Arc::new(AtomicU64::new(0));
        let store = Self { orders, lost: Arc::clone(&lost) };
        let (opened, database) = watch::channel(None);
        let courier = Courier::new(webhooks, node.clone(), store.clone(), database.clone());
        let (desks, office) = Office::new(desks, node.clone(), keeping.lease, store.clone(), database);
        let writer = Writer::new(setting, keeping.keep, node, queue, lost, opened);
        let thread = std::thread::Builder::new().name("store".to_owned()).spawn(move || {
            let _alarm = alarm;
            runtime.block_on(async {
                let writing = tokio::spawn(writer.run());
                let stop = Arc::new(Notify::new());
                let telling = tokio::spawn(courier.run(Arc::clone(&stop)));
                office.run().await;
                stop.notify_one();
                if let Err(error) = telling.await {
                    std::panic::resume_unwind(error.into_panic());
                }
                if let Err(error) = writing.await {
                    std::panic::resume_unwind(error.into_panic());
                }
            });
            // A name that is looked up for a database that is away is waited for by nobody.
            runtime.shutdown_background();
        });
        Ok((store, desks, thread.map_err(|source| StartError::Thread { name: "the store", source })?))
    }

    /// Has this written. Never waits: what finds no room is counted, and told when the database is back.
    pub(crate) fn write(&self, change: Change) {
        self.order((change, None));
    }

    /// The same, and says when it is written; that it never will be, where it found no room.
    pub(crate) fn ask(&self, change: Change) -> oneshot::Receiver<Option<u64>> {
        let (written, answer) = oneshot::channel();
        self.order((change, Some(written)));
        answer
    }

    fn order(&self, order: Order) {
        if self.orders.try_send(order).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}
