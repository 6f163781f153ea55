//! Nodes that share a database: each says now and then that it is there, and what one leaves undone that does not, the
//! others do. Time is the database's throughout, so that nodes' clocks need not agree.

use core::time::Duration;

use sqlx::AnyPool;

use super::now::{by_postgres, micros};

/// How many leases a node has to be gone for until its calls count as lost: while it restarts it takes them up again, and
/// while it cannot reach the database they go on.
const LOST: u32 = 10;

/// What was taken over from nodes that are gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Entries of the outbox, and what webhooks are to be told.
    pub(crate) entries: u64,
    /// Calls whose records have ended.
    pub(crate) calls: u64,
}

/// A node is there.
pub(crate) async fn beat(pool: &AnyPool, node: &str) -> sqlx::Result<()> {
    const QUERY: &str = concat!(
        "INSERT INTO nodes (name, beat) VALUES ($1, ",
        by_postgres!(),
        ") ON CONFLICT (name) DO UPDATE SET beat = excluded.beat"
    );
    sqlx::query(QUERY).bind(node.to_owned()).execute(pool).await.map(drop)
}

/// Has `node` do what others have left undone that were last there a lease ago. Their calls are lost after [`LOST`] of
/// them: then their records end, and their tickets are seen to.
pub(crate) async fn take_over(pool: &AnyPool, node: &str, lease: Duration) -> sqlx::Result<Taken> {
    // A row that two nodes want is one's: the other sees that it belongs to one who is there.
    const DUE: &str = concat!(
        "UPDATE outbox SET node = $1 WHERE state = 'due' AND node IN (SELECT name FROM nodes WHERE name <> $1 AND beat < ",
        by_postgres!(),
        " - $2)"
    );
    const NOTICES: &str = concat!(
        "UPDATE notices SET node = $1 WHERE node IN (SELECT name FROM nodes WHERE name <> $1 AND beat < ",
        by_postgres!(),
        " - $2)"
    );
    const OPEN: &str = concat!(
        "UPDATE outbox SET node = $1, state = 'due', due = 0 WHERE state = 'open' AND node IN \
         (SELECT name FROM nodes WHERE name <> $1 AND beat < ",
        by_postgres!(),
        " - $2)"
    );
    const CALLS: &str = concat!(
        "UPDATE calls SET ended = ",
        by_postgres!(),
        ", reason = 'interrupted', outcome = 'failed', sentence = 'The node ended, and was not there to see the end of the call.' \
         WHERE ended IS NULL AND node IN (SELECT name FROM nodes WHERE name <> $1 AND beat < ",
        by_postgres!(),
        " - $2)"
    );
    let (lease, lost) = (micros(lease), micros(lease.saturating_mul(LOST)));
    let mut counts = [0; 4];
    let queries = [(DUE, lease), (NOTICES, lease), (OPEN, lost), (CALLS, lost)];
    for (count, (query, time)) in counts.iter_mut().zip(queries) {
        *count = sqlx::query(query).bind(node.to_owned()).bind(time).execute(pool).await?.rows_affected();
    }
    let [due, notices, open, calls] = counts;
    Ok(Taken { entries: due + notices + open, calls })
}
