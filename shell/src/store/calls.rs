//! Calls that were written down.

use sqlx::{AnyConnection, AnyPool};

use super::{Record, hex};

/// The calls that began at `since` (microseconds since 1970 in UTC) or later, the first one first.
pub(crate) async fn calls(pool: &AnyPool, since: i64) -> sqlx::Result<Vec<Record>> {
    let rows = sqlx::query("SELECT * FROM calls WHERE started >= $1 ORDER BY started, id").bind(since);
    rows.fetch_all(pool).await?.iter().map(Record::read).collect()
}

/// Notes something in a call's record, where nothing is noted yet.
pub(super) async fn note(to: &mut AnyConnection, call: u64, note: &str) -> sqlx::Result<()> {
    let query = sqlx::query("UPDATE calls SET note = COALESCE(note, $2) WHERE id = $1");
    query.bind(hex(call)).bind(note.to_owned()).execute(to).await.map(drop)
}

/// Ends the records of calls that a node did not live to end. How many there were.
pub(super) async fn interrupted(to: &mut AnyConnection, node: &str, now: i64) -> sqlx::Result<u64> {
    let ended = sqlx::query(
        "UPDATE calls SET ended = $1, reason = 'interrupted', \
         sentence = 'The node ended, and was not there to see the end of the call.' \
         WHERE node = $2 AND ended IS NULL",
    )
    .bind(now)
    .bind(node.to_owned())
    .execute(to)
    .await?;
    Ok(ended.rows_affected())
}
