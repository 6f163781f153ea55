//! What is over is not kept for ever.

use sqlx::AnyConnection;

/// How many rows of each table go at once, so that what is to be written does not wait for long.
const TOGETHER: i64 = 500;

/// Takes out what was over before `limit` (microseconds since 1970 in UTC): records of calls, what the outbox has told of
/// them, where their recordings lie, and tickets of local desks. How many rows went: as long as it is some, there may be more.
pub(super) async fn prune(to: &mut AnyConnection, limit: i64) -> sqlx::Result<u64> {
    let mut count = 0;
    for query in [
        "DELETE FROM calls WHERE id IN (SELECT id FROM calls WHERE started < $1 AND ended < $1 ORDER BY started LIMIT $2)",
        "DELETE FROM comments WHERE ticket IN (SELECT number FROM tickets WHERE updated < $1 ORDER BY number LIMIT $2)",
        "DELETE FROM tickets WHERE number IN (SELECT number FROM tickets WHERE updated < $1 ORDER BY number LIMIT $2)",
        "DELETE FROM callers WHERE number IN (SELECT number FROM callers WHERE latest < $1 LIMIT $2)",
    ] {
        count += sqlx::query(query).bind(limit).bind(TOGETHER).execute(&mut *to).await?.rows_affected();
    }
    // An entry goes with its call's record.
    let query = "DELETE FROM outbox WHERE call IN (SELECT call FROM outbox WHERE state = 'done' AND NOT EXISTS \
                 (SELECT 1 FROM calls WHERE calls.id = outbox.call) LIMIT $1)";
    count += sqlx::query(query).bind(TOGETHER).execute(&mut *to).await?.rows_affected();
    // Where a recording lies is known until its ticket has it.
    let query = "DELETE FROM recordings WHERE (node, file) IN (SELECT node, file FROM recordings WHERE begun < $1 AND NOT EXISTS \
                 (SELECT 1 FROM outbox WHERE outbox.call = recordings.call AND outbox.state <> 'done') LIMIT $2)";
    count += sqlx::query(query).bind(limit).bind(TOGETHER).execute(&mut *to).await?.rows_affected();
    Ok(count)
}
