//! The outbox: what is to reach a desk elsewhere. An entry for each call, so that what a call has to say stays in order.
//!
//! An entry is `open` while its call goes on, `due` once it has ended, then `done`, or `aside` where a person has to look.
//! What is about to be sent is written here before, so that who finds an entry after a crash knows what may be there.
//!
//! Waiting is by the clock of the database where nodes share it: an entry may be seen to by another than wrote it.

use core::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool, Row};

use super::calls::others;
use super::now::{micros, now};
use super::record::{column, count};
use super::{Recorded, hex};
use crate::desk::{Closing, Handover};

/// What happens to an entry.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// The call is handed over, for the first time or again, or has come back from there.
    Opened(Box<Handover>),
    /// This ticket is about to be sent.
    Sending { call: u64, body: String },
    /// It was made; `told`: in time for the call to carry it.
    Made { call: u64, ticket: u64, told: bool },
    /// The call has ended. Its entry is made here where it has none: it brought its ticket.
    Closed(Box<(Handover, Closing)>),
    /// Something has to happen elsewhere first; it is looked at again after so long.
    Waits { call: u64, wait: Duration, why: &'static str },
    /// It did not work, and is due again after so long.
    Later { call: u64, wait: Duration, why: String },
    /// All is done.
    Done { call: u64, ticket: u64, note: String },
    /// It did not work, and never will by itself.
    Aside { call: u64, why: String },
}

/// An entry.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) handover: Handover,
    /// None where the node did not live to see the end of the call.
    pub(crate) closing: Option<Closing>,
    pub(crate) state: String,
    pub(crate) body: Option<String>,
    /// How long ago a ticket was first sent.
    pub(crate) sent: Option<Duration>,
    /// How long ago its call was handed over last, or has ended.
    pub(crate) age: Duration,
    pub(crate) ticket: Option<u64>,
    pub(crate) told: bool,
    pub(crate) attempts: u64,
    pub(crate) due: i64,
    pub(crate) note: Option<String>,
    /// What was recorded of the call, where that was looked for.
    pub(crate) recordings: Vec<Recorded>,
}

impl Step {
    pub(super) async fn write(&self, to: &mut AnyConnection, node: &str) -> sqlx::Result<()> {
        let query = match self {
            Self::Opened(handover) => sqlx::query(
                "INSERT INTO outbox (call, node, desk, state, handover, told, attempts, due, since, caller) \
                 VALUES ($1, $2, $3, 'open', $4, 0, 0, 0, $5, $6) \
                 ON CONFLICT (call) DO UPDATE SET handover = excluded.handover, since = excluded.since \
                 WHERE outbox.state = 'open'",
            )
            .bind(hex(handover.call))
            .bind(node.to_owned())
            .bind(handover.desk.clone())
            .bind(known(to, handover).await?)
            .bind(now(to).await?)
            .bind(handover.caller.clone()),
            Self::Sending { call, body } => {
                sqlx::query("UPDATE outbox SET body = $2, sent = COALESCE(sent, $3) WHERE call = $1")
                    .bind(hex(*call))
                    .bind(body.clone())
                    .bind(now(to).await?)
            }
            Self::Made { call, ticket, told } => {
                sqlx::query("UPDATE outbox SET ticket = $2, told = $3 WHERE call = $1")
                    .bind(hex(*call))
                    .bind(column(*ticket))
                    .bind(i64::from(*told))
            }
            Self::Closed(both) => {
                let (handover, closing) = &**both;
                sqlx::query(
                    "INSERT INTO outbox (call, node, desk, state, handover, closing, told, attempts, due, since, caller) \
                     VALUES ($1, $2, $3, 'due', $4, $5, 0, 0, 0, $6, $7) \
                     ON CONFLICT (call) DO UPDATE SET handover = excluded.handover, closing = excluded.closing, \
                     state = 'due', since = excluded.since WHERE outbox.state = 'open'",
                )
                .bind(hex(handover.call))
                .bind(node.to_owned())
                .bind(handover.desk.clone())
                .bind(known(to, handover).await?)
                .bind(json(closing))
                .bind(now(to).await?)
                .bind(handover.caller.clone())
            }
            Self::Waits { call, wait, why } => {
                sqlx::query("UPDATE outbox SET due = $2, note = $3 WHERE call = $1")
                    .bind(hex(*call))
                    .bind(after(to, *wait).await?)
                    .bind((*why).to_owned())
            }
            Self::Later { call, wait, why } => {
                sqlx::query("UPDATE outbox SET attempts = attempts + 1, due = $2, note = $3 WHERE call = $1")
                    .bind(hex(*call))
                    .bind(after(to, *wait).await?)
                    .bind(why.clone())
            }
            Self::Done { call, ticket, note } => {
                sqlx::query("UPDATE outbox SET state = 'done', ticket = $2, note = $3 WHERE call = $1")
                    .bind(hex(*call))
                    .bind(column(*ticket))
                    .bind(note.clone())
            }
            Self::Aside { call, why } => sqlx::query(
                "UPDATE outbox SET state = 'aside', attempts = attempts + 1, note = $2 WHERE call = $1",
            )
            .bind(hex(*call))
            .bind(why.clone()),
        };
        query.execute(to).await.map(drop)
    }
}

/// The time after so long.
async fn after(to: &mut AnyConnection, wait: Duration) -> sqlx::Result<i64> {
    Ok(now(to).await?.saturating_add(micros(wait)))
}

/// What is known of a call now that this is.
async fn known(to: &mut AnyConnection, handover: &Handover) -> sqlx::Result<String> {
    let query = sqlx::query("SELECT handover FROM outbox WHERE call = $1").bind(hex(handover.call));
    let before: Option<String> = match query.fetch_optional(to).await? {
        Some(row) => Some(row.try_get(0)?),
        None => None,
    };
    let before = before.and_then(|text| serde_json::from_str::<Handover>(&text).ok());
    Ok(json(&match before {
        Some(before) => before.and(handover),
        None => handover.clone(),
    }))
}

/// A call has ended that was taken up after a crash: where it was handed over before, what is to be told of it is due.
pub(super) async fn ended(to: &mut AnyConnection, call: u64, closing: &Closing) -> sqlx::Result<()> {
    let query = sqlx::query(
        "UPDATE outbox SET closing = $2, state = 'due', since = $3 WHERE call = $1 AND state = 'open'",
    );
    let query = query.bind(hex(call)).bind(json(closing)).bind(now(to).await?);
    query.execute(to).await.map(drop)
}

/// Makes what a node left open when it was last ended due, but for these calls. How many there were.
pub(super) async fn recover(to: &mut AnyConnection, node: &str, but: &[u64]) -> sqlx::Result<usize> {
    let query =
        sqlx::query("SELECT call FROM outbox WHERE node = $1 AND state = 'open'").bind(node.to_owned());
    let cut = others(&query.fetch_all(&mut *to).await?, but)?;
    for call in &cut {
        let query = sqlx::query("UPDATE outbox SET state = 'due', due = 0 WHERE call = $1");
        query.bind(call.clone()).execute(&mut *to).await?;
    }
    Ok(cut.len())
}

/// A node's entries that are due, the one that waits longest first.
pub(crate) async fn due(pool: &AnyPool, node: &str, most: i64) -> sqlx::Result<Vec<Entry>> {
    let mut to = pool.acquire().await?;
    let now = now(&mut to).await?;
    let query = sqlx::query(
        "SELECT * FROM outbox WHERE node = $1 AND state = 'due' AND due <= $2 ORDER BY due, call LIMIT $3",
    );
    let rows = query.bind(node.to_owned()).bind(now).bind(most).fetch_all(&mut *to).await?;
    rows.iter().map(|row| Entry::read(row, now)).collect()
}

/// Every entry that is not done.
pub(crate) async fn waiting(pool: &AnyPool) -> sqlx::Result<Vec<Entry>> {
    let mut to = pool.acquire().await?;
    let now = now(&mut to).await?;
    let rows = sqlx::query("SELECT * FROM outbox WHERE state <> 'done' ORDER BY state, due, call");
    rows.fetch_all(&mut *to).await?.iter().map(|row| Entry::read(row, now)).collect()
}

/// Has an entry that is aside, or waits, tried at once; whether there is one.
pub(crate) async fn retry(pool: &AnyPool, call: &str) -> sqlx::Result<bool> {
    let query =
        sqlx::query("UPDATE outbox SET state = 'due', due = 0 WHERE call = $1 AND state IN ('aside', 'due')");
    Ok(query.bind(call.to_owned()).execute(pool).await?.rows_affected() > 0)
}

impl Entry {
    fn read(row: &AnyRow, now: i64) -> sqlx::Result<Self> {
        let ago = |time: i64| Duration::from_micros(count(now.saturating_sub(time)));
        let parsed = |error: serde_json::Error| sqlx::Error::Decode(error.into());
        let closing: Option<String> = row.try_get("closing")?;
        Ok(Self {
            handover: serde_json::from_str(&row.try_get::<String, _>("handover")?).map_err(parsed)?,
            closing: closing.map(|text| serde_json::from_str(&text)).transpose().map_err(parsed)?,
            state: row.try_get("state")?,
            body: row.try_get("body")?,
            sent: row.try_get::<Option<i64>, _>("sent")?.map(ago),
            age: ago(row.try_get("since")?),
            ticket: row.try_get::<Option<i64>, _>("ticket")?.map(count),
            told: row.try_get::<i64, _>("told")? != 0,
            attempts: count(row.try_get("attempts")?),
            due: row.try_get("due")?,
            note: row.try_get("note")?,
            recordings: Vec::new(),
        })
    }
}

/// What is kept as one text.
fn json(value: &impl serde::Serialize) -> String {
    // Texts, numbers and lists of them: nothing that JSON has not.
    serde_json::to_string(value).unwrap_or_default()
}
