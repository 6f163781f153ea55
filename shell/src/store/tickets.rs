//! The local desk's tickets: they live here and nowhere else.

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool, Row};

use super::hex;
use super::record::{column, count};
use crate::desk::{Closing, Handover};

/// A ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) number: u64,
    pub(crate) call: String,
    pub(crate) desk: String,
    pub(crate) caller: Option<String>,
    pub(crate) subject: String,
    pub(crate) status: String,
    pub(crate) priority: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) tags: String,
    /// In microseconds since 1970 in UTC, as all times are.
    pub(crate) opened: i64,
}

/// What somebody wrote on one, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Comment {
    pub(crate) written: i64,
    pub(crate) body: String,
}

/// Makes a call's ticket, unless it has one. Its number.
pub(super) async fn open(to: &mut AnyConnection, handover: &Handover) -> sqlx::Result<u64> {
    let call = hex(handover.call);
    let made = sqlx::query("SELECT number FROM tickets WHERE call = $1").bind(call.clone());
    if let Some(row) = made.fetch_optional(&mut *to).await? {
        say(to, handover).await?;
        return row.try_get(0).map(count);
    }
    let next = sqlx::query("UPDATE counters SET value = value + 1 WHERE name = 'ticket' RETURNING value");
    let number: i64 = next.fetch_one(&mut *to).await?.try_get(0)?;
    sqlx::query(
        "INSERT INTO tickets (number, call, desk, caller, subject, status, priority, team, tags, opened, updated) \
         VALUES ($1, $2, $3, $4, $5, 'new', $6, $7, $8, $9, $9)",
    )
    .bind(number)
    .bind(call)
    .bind(handover.desk.clone())
    .bind(handover.caller.clone())
    .bind(handover.subject())
    .bind(handover.priority().map(str::to_owned))
    .bind(handover.group().map(str::to_owned))
    .bind(handover.tags.join(" "))
    .bind(handover.began)
    .execute(&mut *to)
    .await?;
    comment(to, number, 1, handover.began, handover.context()).await?;
    if let Some(caller) = &handover.caller {
        sqlx::query(
            "INSERT INTO callers (number, first, latest) VALUES ($1, $2, $2) \
             ON CONFLICT (number) DO UPDATE SET latest = excluded.latest",
        )
        .bind(caller.clone())
        .bind(handover.began)
        .execute(to)
        .await?;
    }
    Ok(count(number))
}

/// Writes what AI agents said of a call after its ticket was made, where it has one.
pub(super) async fn say(to: &mut AnyConnection, handover: &Handover) -> sqlx::Result<()> {
    let row = sqlx::query("SELECT number, opened FROM tickets WHERE call = $1").bind(hex(handover.call));
    let Some(row) = row.fetch_optional(&mut *to).await? else { return Ok(()) };
    let (number, opened): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    for said in handover.said().into_iter().filter(|said| said.began != opened) {
        comment(to, number, said.began, said.began, said.text).await?;
    }
    Ok(())
}

/// Writes what became of a call on its ticket, where it has one; `times` is what became of it before.
pub(super) async fn close(
    to: &mut AnyConnection,
    call: u64,
    closing: &Closing,
    times: &str,
) -> sqlx::Result<()> {
    let row = sqlx::query("SELECT number FROM tickets WHERE call = $1").bind(hex(call));
    let Some(row) = row.fetch_optional(&mut *to).await? else { return Ok(()) };
    let number: i64 = row.try_get(0)?;
    sqlx::query("UPDATE tickets SET status = 'open', updated = $1 WHERE number = $2")
        .bind(closing.ended)
        .bind(number)
        .execute(&mut *to)
        .await?;
    comment(to, number, 2, closing.ended, format!("{}{times}", closing.text)).await
}

async fn comment(
    to: &mut AnyConnection,
    ticket: i64,
    place: i64,
    written: i64,
    body: String,
) -> sqlx::Result<()> {
    let query = sqlx::query(
        "INSERT INTO comments (ticket, place, written, body) VALUES ($1, $2, $3, $4) ON CONFLICT (ticket, place) DO NOTHING",
    );
    query.bind(ticket).bind(place).bind(written).bind(body).execute(to).await.map(drop)
}

/// All tickets, the latest last.
pub(crate) async fn tickets(pool: &AnyPool) -> sqlx::Result<Vec<Ticket>> {
    let rows = sqlx::query("SELECT * FROM tickets ORDER BY number").fetch_all(pool).await?;
    rows.iter().map(Ticket::read).collect()
}

/// A ticket, and what was written on it.
pub(crate) async fn ticket(pool: &AnyPool, number: u64) -> sqlx::Result<Option<(Ticket, Vec<Comment>)>> {
    let row = sqlx::query("SELECT * FROM tickets WHERE number = $1").bind(column(number));
    let Some(row) = row.fetch_optional(pool).await? else { return Ok(None) };
    let rows = sqlx::query("SELECT written, body FROM comments WHERE ticket = $1 ORDER BY written, place");
    let rows = rows.bind(column(number)).fetch_all(pool).await?;
    let comment = |row: &AnyRow| Ok(Comment { written: row.try_get("written")?, body: row.try_get("body")? });
    let comments = rows.iter().map(comment).collect::<sqlx::Result<_>>()?;
    Ok(Some((Ticket::read(&row)?, comments)))
}

impl Ticket {
    fn read(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            number: count(row.try_get("number")?),
            call: row.try_get("call")?,
            desk: row.try_get("desk")?,
            caller: row.try_get("caller")?,
            subject: row.try_get("subject")?,
            status: row.try_get("status")?,
            priority: row.try_get("priority")?,
            group: row.try_get("team")?,
            tags: row.try_get("tags")?,
            opened: row.try_get("opened")?,
        })
    }
}
