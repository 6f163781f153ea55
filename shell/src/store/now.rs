//! What time it is for whoever uses a database: where nodes share one, it is by that one's clock, so that theirs need not
//! agree.

use core::time::Duration;

use sqlx::{AnyConnection, Row};

use super::record::column;
use crate::clock::Clock;

/// Microseconds since 1970, by PostgreSQL: SQLite's files have one node.
macro_rules! by_postgres {
    () => {
        "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"
    };
}
pub(super) use by_postgres;

/// Microseconds since 1970 in UTC; 0 where nobody knows.
pub(super) async fn now(to: &mut AnyConnection) -> sqlx::Result<i64> {
    const QUERY: &str = concat!("SELECT ", by_postgres!());
    match to.backend_name() {
        "PostgreSQL" => sqlx::query(QUERY).fetch_one(to).await?.try_get(0),
        _ => Ok(Clock::utc().map_or(0, |now| now.0)),
    }
}

/// A length of time as the tables hold it.
pub(super) fn micros(time: Duration) -> i64 {
    column(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}
