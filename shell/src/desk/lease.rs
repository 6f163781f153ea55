//! The right to see to a node's entries of the outbox, where nodes share a database: it is renewed there by saying that we
//! are there, and lost when that was too long ago, for then another node sees to them.

use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use crate::store::{Database, beat, take_over};

/// How many times it is renewed before it would be lost.
const RENEWALS: u32 = 6;

#[derive(Clone)]
pub(super) struct Lease {
    time: Duration,
    /// When it was renewed last; none where there is nobody else.
    renewed: Arc<watch::Sender<Option<Instant>>>,
}

impl Lease {
    pub(super) fn new(time: Duration) -> Self {
        Self { time, renewed: Arc::new(watch::Sender::new(None)) }
    }

    /// Renews it where that is due, and takes over what nodes that have lost theirs had to see to.
    pub(super) async fn renew(&self, database: &Database, node: &str) -> sqlx::Result<()> {
        let fresh = |renewed: Instant| renewed.elapsed() < self.time / RENEWALS;
        if !database.is_shared() || self.renewed.borrow().is_some_and(fresh) {
            return Ok(());
        }
        // Before it is written there: so it is lost here before it is lost there.
        let now = Instant::now();
        beat(database.pool(), node).await?;
        self.renewed.send_replace(Some(now));
        let taken = take_over(database.pool(), node, self.time).await?;
        if taken.entries > 0 {
            tracing::warn!("{} entries of the outbox are taken over from a node that is gone", taken.entries);
        }
        if taken.calls > 0 {
            tracing::warn!("{} calls were cut off when their node ended: their records end now", taken.calls);
        }
        Ok(())
    }

    /// Resolves when it is lost.
    pub(super) async fn is_lost(&self) {
        let mut renewed = self.renewed.subscribe();
        loop {
            let until = renewed.borrow_and_update().map(|renewed| renewed + self.time);
            let over = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until.into()).await,
                    None => core::future::pending().await,
                }
            };
            tokio::select! {
                () = over => return,
                renewed = renewed.changed() => if renewed.is_err() { return },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_lasts_as_long_as_it_is_renewed() {
        let lease = Lease::new(Duration::from_secs(6));
        let lost = async |within: u64| {
            tokio::time::timeout(Duration::from_secs(within), lease.is_lost()).await.is_ok()
        };
        assert!(!lost(100).await, "there is nobody else");
        lease.renewed.send_replace(Some(tokio::time::Instant::now().into_std()));
        assert!(!lost(5).await);
        lease.renewed.send_replace(Some(tokio::time::Instant::now().into_std()));
        assert!(!lost(5).await);
        assert!(lost(2).await);
    }
}
