//! Writes what is handed to the store, in order, and bears a database that is away.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use sqlx::AnyConnection;
use sqlx::error::ErrorKind;
use tokio::sync::mpsc::Receiver;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use super::now::{micros, now};
use super::prune::prune;
use super::{Change, Database, Order, Setting, calls, notices, outbox, talks, tickets};
use crate::clock::Clock;

/// How many changes are written at once: one commit for all of them.
const TOGETHER: usize = 256;

/// How long after a failure it is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// How long after another is looked for what was over long ago; while there is some, sooner.
const PRUNED: Duration = Duration::from_secs(3600);
const PRUNING: Duration = Duration::from_millis(100);

/// How long the database is waited for when the node ends.
const LAST: Duration = Duration::from_secs(3);

pub(super) struct Writer {
    setting: Setting,
    /// How long what is over is kept.
    keep: Duration,
    /// When it is looked for next.
    prune_at: Instant,
    node: String,
    queue: Receiver<Order>,
    lost: Arc<AtomicU64>,
    /// Who reads there waits for it.
    opened: watch::Sender<Option<Database>>,
    database: Option<Database>,
    /// What was taken from the queue and is not written yet.
    held: VecDeque<Order>,
    /// Whether it was said that nothing can be written.
    failing: bool,
}

/// What became of an attempt to write.
enum Failure {
    /// It may go better later.
    Away(String),
    /// The first change is the trouble, and would be again.
    First(String),
}

impl Writer {
    pub(super) fn new(
        setting: Setting,
        keep: Duration,
        node: String,
        queue: Receiver<Order>,
        lost: Arc<AtomicU64>,
        opened: watch::Sender<Option<Database>>,
    ) -> Self {
        let prune_at = Instant::now();
        Self {
            setting,
            keep,
            prune_at,
            node,
            queue,
            lost,
            opened,
            database: None,
            held: VecDeque::new(),
            failing: false,
        }
    }

    /// Writes until nobody has anything to hand over any more.
    pub(super) async fn run(mut self) {
        // Opened at once: what is wrong with it is to be said before the first call.
        let mut together = TOGETHER;
        let mut ending = None;
        let mut idle = self.database().await.is_ok();
        loop {
            if self.held.is_empty() && idle {
                let mut taken = Vec::with_capacity(TOGETHER);
                // What is to be written comes first.
                match timeout_at(self.prune_at, self.queue.recv_many(&mut taken, TOGETHER)).await {
                    Ok(0) => break,
                    Ok(_) => self.held.extend(taken),
                    Err(_) => {
                        self.prune().await;
                        continue;
                    }
                }
            }
            match self.write(together).await {
                Ok(()) => {
                    (together, idle) = (TOGETHER, true);
                    self.works();
                }
                Err(Failure::First(why)) if together == 1 => {
                    if let Some((change, _)) = self.held.pop_front() {
                        tracing::error!("the store does not take {change:?}: {why}. It is left out");
                    }
                }
                // Which of them it was is found by one after the other.
                Err(Failure::First(_)) => together = 1,
                Err(Failure::Away(why)) => {
                    self.fails(&why);
                    if self.queue.is_closed() {
                        let until = *ending.get_or_insert_with(|| Instant::now() + LAST);
                        if until <= Instant::now() {
                            let lost = self.held.len() + self.queue.len();
                            tracing::error!(
                                "{lost} entries were never written to the store {}",
                                self.setting
                            );
                            return;
                        }
                    }
                    sleep(AGAIN).await;
                }
            }
        }
        if let Some(database) = self.database {
            self.opened.send_replace(None);
            database.close().await;
        }
    }

    /// Writes up to so many of what is held in one transaction.
    async fn write(&mut self, together: usize) -> Result<(), Failure> {
        let database = self.database().await?;
        let mut transaction = database.pool().begin().await.map_err(|error| Failure::of(&error))?;
        let count = self.held.len().min(together);
        let mut numbers = Vec::with_capacity(count);
        for (change, _) in self.held.iter().take(count) {
            let written = change.write(&mut transaction, &self.node).await;
            numbers.push(written.map_err(|error| Failure::of(&error))?);
        }
        transaction.commit().await.map_err(|error| Failure::of(&error))?;
        for ((_, waits), number) in self.held.drain(..count).zip(numbers) {
            if let Some(waits) = waits {
                // Who asked may not have waited.
                let _ = waits.send(number);
            }
        }
        Ok(())
    }

    /// Takes some of what was over long ago out.
    async fn prune(&mut self) {
        let pruned = async {
            let Some(database) = &self.database else { return Ok(0) };
            let mut transaction = database.pool().begin().await?;
            let limit = now(&mut transaction).await?.saturating_sub(micros(self.keep));
            let count = prune(&mut transaction, limit).await?;
            transaction.commit().await.map(|()| count)
        };
        let wait = match pruned.await {
            Ok(0) => PRUNED,
            Ok(_) => PRUNING,
            Err(error) => {
                // Whoever writes there says so aloud.
                tracing::debug!("what was over long ago cannot be taken out of the store: {error}");
                PRUNED
            }
        };
        self.prune_at = Instant::now() + wait;
    }

    /// The database, opened where it is not.
    async fn database(&mut self) -> Result<Database, Failure> {
        if let Some(database) = &self.database {
            return Ok(database.clone());
        }
        match Database::open(&self.setting).await {
            Ok(database) => {
                tracing::info!("calls are written to {}", self.setting);
                self.opened.send_replace(Some(database.clone()));
                Ok(self.database.insert(database).clone())
            }
            Err(error) => Err(Failure::Away(error.to_string())),
        }
    }

    /// Says once that nothing can be written.
    fn fails(&mut self, why: &str) {
        if !core::mem::replace(&mut self.failing, true) {
            tracing::error!(
                "cannot write to the store {}: {why}. Calls go on, and what is to be written is held in memory. Look at the \
                 room and the rights there, and who else holds it; it is tried every second, and said here when it goes on",
                self.setting
            );
        }
    }

    /// Says that it goes on, and what was lost meanwhile.
    fn works(&mut self) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if core::mem::take(&mut self.failing) {
            let waiting = self.queue.len() + self.held.len();
            tracing::warn!("the store {} is written to again; {waiting} entries are waiting", self.setting);
        }
        if lost > 0 {
            tracing::error!("{lost} entries found no room in memory while the store took none, and are lost");
        }
    }
}

impl Change {
    /// Writes it; the number that it was given, if it was.
    async fn write(&self, to: &mut AnyConnection, node: &str) -> sqlx::Result<Option<u64>> {
        match self {
            Self::Call(record) => record.write(to).await?,
            Self::Ticket(handover) => return tickets::open(to, handover).await.map(Some),
            Self::TicketSaid(handover) => tickets::say(to, handover).await?,
            Self::TicketClosed(both) => {
                let (handover, closing) = &**both;
                tickets::close(to, handover, closing).await?;
            }
            Self::Ended { call, closing } => {
                outbox::ended(to, *call, closing).await?;
                tickets::close_own(to, *call, closing).await?;
            }
            Self::Note { call, note } => calls::note(to, *call, note).await?,
            Self::Recorded(recorded) => recorded.write(to, node).await?,
            Self::Outbox(step) => step.write(to, node).await?,
            Self::Talks { call, made, not } => return talks::take(to, *call, made, not).await,
            Self::TakenUp(calls) => taken_up(to, node, calls).await?,
            Self::Notice(notice) => notices::keep(to, node, notice).await?,
            Self::NoticeGone(notice) => notices::gone(to, notice).await?,
            Self::NoticeLater(notice, wait) => notices::later(to, notice, *wait).await?,
        }
        Ok(None)
    }
}

/// Finishes what a node left unfinished when it was last ended, but for these calls, with which it goes on.
async fn taken_up(to: &mut AnyConnection, node: &str, calls: &[u64]) -> sqlx::Result<()> {
    let now = Clock::utc().map_or(0, |now| now.0);
    let count = calls::interrupted(to, node, calls, now).await?;
    if count > 0 {
        tracing::warn!("{count} calls were cut off when this node was last ended: their records end now");
    }
    let count = outbox::recover(to, node, calls).await?;
    if count > 0 {
        tracing::warn!(
            "{count} of the calls that were cut off had been handed over: their tickets are seen to now"
        );
    }
    Ok(())
}

impl Failure {
    fn of(error: &sqlx::Error) -> Self {
        let why = error.to_string();
        // What is there cannot be read: that will be so the next time.
        if let sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } = error {
            return Self::First(why);
        }
        match error.as_database_error().map(sqlx::error::DatabaseError::kind) {
            None | Some(ErrorKind::Other) => Self::Away(why),
            Some(_) => Self::First(why),
        }
    }
}
