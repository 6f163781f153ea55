//! Which of a caller's tickets that Talk has made by itself is kept for which entry of the outbox: one for each, and each for one.

use std::collections::HashSet;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::hex;
use super::now::micros;
use super::record::{column, count};
use crate::desk::{Closing, Handover, Rung, Spoken, share};

/// How long before a call another may have been handed over, to be in the way of its ticket.
const EARLIER: core::time::Duration = core::time::Duration::from_secs(24 * 3600);

/// Another entry of the same caller's.
struct Other {
    rung: Rung,
    /// Whether a ticket may still be found for it.
    looks: bool,
    has: [Option<u64>; 4],
}

/// Keeps the one of these tickets for a call that is its own, where nobody else has it. Its number.
pub(super) async fn take(
    to: &mut AnyConnection,
    call: u64,
    made: &[Spoken],
    not: &[u64],
) -> sqlx::Result<Option<u64>> {
    let query = sqlx::query("SELECT * FROM outbox WHERE call = $1").bind(hex(call));
    let Some(row) = query.fetch_optional(&mut *to).await? else { return Ok(None) };
    let (handover, closing) = known(&row)?;
    let kept = row.try_get::<Option<i64>, _>("talks")?.map(count);
    if let Some(kept) = kept.filter(|kept| !not.contains(kept)) {
        // One that is not among them any more has ended in another, or was closed: it has no second one.
        return Ok(Some(kept).filter(|kept| made.iter().any(|spoken| spoken.ticket == *kept)));
    }
    let since: i64 = row.try_get("since")?;
    let others =
        sqlx::query("SELECT * FROM outbox WHERE desk = $1 AND caller = $2 AND since >= $3 AND call <> $4")
            .bind(handover.desk.clone())
            .bind(handover.caller.clone())
            .bind(since.saturating_sub(micros(EARLIER)))
            .bind(hex(call));
    // One that cannot be read keeps nobody from theirs: what it has is marked on its ticket.
    let others: Vec<_> =
        others.fetch_all(&mut *to).await?.iter().filter_map(|row| Other::read(row).ok()).collect();
    let mut taken: HashSet<u64> = others.iter().flat_map(|other| other.has).flatten().collect();
    taken.extend(not);
    let free = made.iter().copied().filter(|spoken| !taken.contains(&spoken.ticket)).collect();
    let mut calls = vec![Rung::of(&handover, closing.as_ref())];
    calls.extend(others.iter().filter(|other| other.looks).map(|other| other.rung));
    let ticket = share(call, calls, free);
    let query = sqlx::query("UPDATE outbox SET talks = $2 WHERE call = $1");
    query.bind(hex(call)).bind(ticket.map(column)).execute(to).await?;
    Ok(ticket)
}

/// What an entry says of its call.
fn known(row: &AnyRow) -> sqlx::Result<(Handover, Option<Closing>)> {
    let parsed = |error: serde_json::Error| sqlx::Error::Decode(error.into());
    let closing: Option<String> = row.try_get("closing")?;
    let handover = serde_json::from_str(&row.try_get::<String, _>("handover")?).map_err(parsed)?;
    Ok((handover, closing.map(|text| serde_json::from_str(&text)).transpose().map_err(parsed)?))
}

impl Other {
    fn read(row: &AnyRow) -> sqlx::Result<Self> {
        let (handover, closing) = known(row)?;
        let number = |name| Ok::<_, sqlx::Error>(row.try_get::<Option<i64>, _>(name)?.map(count));
        let talks = number("talks")?;
        let told = row.try_get::<i64, _>("told")? != 0;
        let over = row.try_get::<String, _>("state")? == "done";
        let without = closing.as_ref().map_or(!told, |closing| closing.talk);
        Ok(Self {
            rung: Rung::of(&handover, closing.as_ref()),
            looks: talks.is_none() && !over && without,
            has: [talks, number("ticket")?, closing.and_then(|closing| closing.ticket), handover.has],
        })
    }
}
