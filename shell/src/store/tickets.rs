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

/// Where something is written of a call.
enum Place {
    /// The ticket that was made for it, and when.
    Own { number: i64, opened: i64 },
    /// One that it brought, of an earlier call.
    Brought(i64),
}

impl Place {
    const fn number(&self) -> i64 {
        match *self {
            Self::Own { number, .. } | Self::Brought(number) => number,
        }
    }

    /// Where the ticket says what became of the call.
    fn end(&self, call: u64) -> i64 {
        match self {
            Self::Own { .. } => 2,
            // Others have ended there, and what is said of any has a time, which is above 0: each end has a place of its own.
            Self::Brought(_) => call.cast_signed() | i64::MIN,
        }
    }
}

/// Makes a call's ticket, unless it has one. Its number.
pub(super) async fn open(to: &mut AnyConnection, handover: &Handover) -> sqlx::Result<u64> {
    if let Some(place) = place(to, handover).await? {
        say_at(to, &place, handover).await?;
        return Ok(count(place.number()));
    }
    let next = sqlx::query("UPDATE counters SET value = value + 1 WHERE name = 'ticket' RETURNING value");
    let number: i64 = next.fetch_one(&mut *to).await?.try_get(0)?;
    sqlx::query(
        "INSERT INTO tickets (number, call, desk, caller, subject, status, priority, team, tags, opened, updated) \
         VALUES ($1, $2, $3, $4, $5, 'new', $6, $7, $8, $9, $9)",
    )
    .bind(number)
    .bind(hex(handover.call))
    .bind(handover.desk.clone())
    .bind(handover.caller.clone())
    .bind(handover.subject())
    .bind(handover.priority().map(str::to_owned))
    .bind(handover.group().map(str::to_owned))
    .bind(handover.tags.join(" "))
    .bind(handover.began)
    .execute(&mut *to)
    .await?;
    let mut begins = handover.context();
    if let Some(brought) = handover.has {
        begins.push_str(&format!("\nIt brought ticket {brought}, which is not one of this desk's."));
    }
    comment(to, number, 1, handover.began, begins).await?;
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

/// Writes what AI agents said of a call on the ticket that it has. Where it brings the number of one that is not here, one is
/// kept here that names it.
pub(super) async fn say(to: &mut AnyConnection, handover: &Handover) -> sqlx::Result<()> {
    match place(to, handover).await? {
        Some(place) => say_at(to, &place, handover).await,
        None if handover.has.is_some() => open(to, handover).await.map(drop),
        None => Ok(()),
    }
}

async fn say_at(to: &mut AnyConnection, place: &Place, handover: &Handover) -> sqlx::Result<()> {
    let number = place.number();
    let said = |began| !matches!(place, Place::Own { opened, .. } if *opened == began);
    for said in handover.said().into_iter().filter(|it| said(it.began)) {
        comment(to, number, said.began, said.began, said.text).await?;
    }
    tag(to, number, handover.tags.iter().cloned()).await
}

/// Writes what became of a call on the ticket that it has, if any.
pub(super) async fn close(
    to: &mut AnyConnection,
    handover: &Handover,
    closing: &Closing,
) -> sqlx::Result<()> {
    if handover.has.is_some() {
        // It may not have been asked about before its end.
        say(to, handover).await?;
    }
    let Some(place) = place(to, handover).await? else { return Ok(()) };
    let outcomes = handover.earlier.iter().map(|earlier| &earlier.outcome);
    let tags = outcomes.map(|outcome| format!("warmline_{outcome}")).collect::<Vec<_>>();
    tag(to, place.number(), tags).await?;
    close_at(to, &place, handover.call, closing, &handover.times()).await
}

/// The same of a call of which nothing else is known: on the ticket that was made for it.
pub(super) async fn close_own(to: &mut AnyConnection, call: u64, closing: &Closing) -> sqlx::Result<()> {
    match own(to, call).await? {
        Some(place) => close_at(to, &place, call, closing, "").await,
        None => Ok(()),
    }
}

/// `times` is what became of it before.
async fn close_at(
    to: &mut AnyConnection,
    place: &Place,
    call: u64,
    closing: &Closing,
    times: &str,
) -> sqlx::Result<()> {
    let number = place.number();
    sqlx::query("UPDATE tickets SET status = 'open', updated = $1 WHERE number = $2")
        .bind(closing.ended)
        .bind(number)
        .execute(&mut *to)
        .await?;
    tag(to, number, [format!("warmline_{}", closing.outcome)]).await?;
    comment(to, number, place.end(call), closing.ended, format!("{}{times}", closing.text)).await
}

/// The ticket that a call has here: its own, or one of the same desk's that it brought.
async fn place(to: &mut AnyConnection, handover: &Handover) -> sqlx::Result<Option<Place>> {
    let own = own(to, handover.call).await?;
    let (None, Some(brought)) = (&own, handover.has) else { return Ok(own) };
    let there = sqlx::query("SELECT number FROM tickets WHERE number = $1 AND desk = $2");
    let there = there.bind(column(brought)).bind(handover.desk.clone()).fetch_optional(to).await?;
    there.map(|row| row.try_get(0).map(Place::Brought)).transpose()
}

async fn own(to: &mut AnyConnection, call: u64) -> sqlx::Result<Option<Place>> {
    let row = sqlx::query("SELECT number, opened FROM tickets WHERE call = $1").bind(hex(call));
    let row = row.fetch_optional(to).await?;
    row.map(|row| Ok(Place::Own { number: row.try_get(0)?, opened: row.try_get(1)? })).transpose()
}

/// Has a ticket have tags that it has not yet.
async fn tag(
    to: &mut AnyConnection,
    ticket: i64,
    tags: impl IntoIterator<Item = String>,
) -> sqlx::Result<()> {
    let row = sqlx::query("SELECT tags FROM tickets WHERE number = $1").bind(ticket);
    let had: String = row.fetch_one(&mut *to).await?.try_get(0)?;
    let mut has: Vec<_> = had.split_whitespace().map(str::to_owned).collect();
    for tag in tags {
        if !has.contains(&tag) {
            has.push(tag);
        }
    }
    let query =
        sqlx::query("UPDATE tickets SET tags = $1 WHERE number = $2").bind(has.join(" ")).bind(ticket);
    query.execute(to).await.map(drop)
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
