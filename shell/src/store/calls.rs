//! Calls that were written down.

use std::collections::HashSet;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool, Row};

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

/// Ends the records of calls that a node did not live to end, but for these. How many there were.
pub(super) async fn interrupted(
    to: &mut AnyConnection,
    node: &str,
    but: &[u64],
    now: i64,
) -> sqlx::Result<usize> {
    let query = sqlx::query("SELECT id FROM calls WHERE node = $1 AND ended IS NULL").bind(node.to_owned());
    let cut = others(&query.fetch_all(&mut *to).await?, but)?;
    for id in &cut {
        let query = sqlx::query(
            "UPDATE calls SET ended = $1, reason = 'interrupted', outcome = 'failed', \
             sentence = 'The node ended, and was not there to see the end of the call.' WHERE id = $2",
        );
        query.bind(now).bind(id.clone()).execute(&mut *to).await?;
    }
    Ok(cut.len())
}

/// Of the calls that these rows name, those that are not among `these`.
pub(super) fn others(rows: &[AnyRow], these: &[u64]) -> sqlx::Result<Vec<String>> {
    let these: HashSet<String> = these.iter().map(|id| hex(*id)).collect();
    let ids = rows.iter().map(|row| row.try_get::<String, _>(0));
    ids.filter(|id| !id.as_ref().is_ok_and(|id| these.contains(id))).collect()
}
