//! What webhooks are to be told: a row for each notice and URL, until it was taken.

use core::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool, Row};

use super::hex;
use super::now::{micros, now};
use super::record::count;
use crate::webhook::Notice;

/// Keeps a notice, once.
pub(super) async fn keep(to: &mut AnyConnection, node: &str, notice: &Notice) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO notices (url, id, node, call, place, body, attempts, due) VALUES ($1, $2, $3, $4, $5, $6, 0, 0) \
         ON CONFLICT (url, id) DO NOTHING",
    )
    .bind(notice.url.clone())
    .bind(notice.id.clone())
    .bind(node.to_owned())
    .bind(hex(notice.call))
    .bind(notice.place)
    .bind(notice.body.clone())
    .execute(to)
    .await
    .map(drop)
}

/// It was taken, or is to be left out.
pub(super) async fn gone(to: &mut AnyConnection, notice: &Notice) -> sqlx::Result<()> {
    let query = sqlx::query("DELETE FROM notices WHERE url = $1 AND id = $2");
    query.bind(notice.url.clone()).bind(notice.id.clone()).execute(to).await.map(drop)
}

/// It was not taken, and is due again after so long.
pub(super) async fn later(to: &mut AnyConnection, notice: &Notice, wait: Duration) -> sqlx::Result<()> {
    let due = now(to).await?.saturating_add(micros(wait));
    let query =
        sqlx::query("UPDATE notices SET attempts = attempts + 1, due = $3 WHERE url = $1 AND id = $2");
    query.bind(notice.url.clone()).bind(notice.id.clone()).bind(due).execute(to).await.map(drop)
}

/// What is due at one URL: of each call the first alone.
pub(crate) async fn due_notices(
    pool: &AnyPool,
    node: &str,
    url: &str,
    most: usize,
) -> sqlx::Result<Vec<Notice>> {
    let mut to = pool.acquire().await?;
    let now = now(&mut to).await?;
    let query = sqlx::query(
        "SELECT * FROM notices WHERE node = $1 AND url = $2 AND due <= $3 AND NOT EXISTS (SELECT 1 FROM notices AS earlier \
         WHERE earlier.node = notices.node AND earlier.url = notices.url AND earlier.call = notices.call \
         AND earlier.place < notices.place) ORDER BY place LIMIT $4",
    );
    let query = query.bind(node.to_owned()).bind(url.to_owned()).bind(now);
    let rows = query.bind(i64::try_from(most).unwrap_or(i64::MAX)).fetch_all(&mut *to).await?;
    rows.iter().map(read).collect()
}

fn read(row: &AnyRow) -> sqlx::Result<Notice> {
    Ok(Notice {
        url: row.try_get("url")?,
        id: row.try_get("id")?,
        call: u64::from_str_radix(&row.try_get::<String, _>("call")?, 16).unwrap_or_default(),
        place: row.try_get("place")?,
        body: row.try_get("body")?,
        attempts: count(row.try_get("attempts")?),
    })
}
