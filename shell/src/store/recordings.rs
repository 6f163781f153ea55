//! What was recorded of calls, and where that lies.

use std::path::PathBuf;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool, Row};

use super::hex;

/// A recording. Times are microseconds, since 1970 in UTC where they are no lengths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// Its file, on the node that has made it.
    pub(crate) file: PathBuf,
    pub(crate) call: u64,
    /// Whether the caller left it as a message.
    pub(crate) message: bool,
    pub(crate) begun: i64,
    /// None while it is not finished.
    pub(crate) length: Option<i64>,
}

impl Recorded {
    /// Writes it, or how long it has become.
    pub(super) async fn write(&self, to: &mut AnyConnection, node: &str) -> sqlx::Result<()> {
        let query = sqlx::query(
            "INSERT INTO recordings (file, node, call, message, begun, length) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (node, file) DO UPDATE SET length = excluded.length",
        );
        let query = query.bind(self.file.to_string_lossy().into_owned()).bind(node.to_owned());
        let query = query.bind(hex(self.call)).bind(i64::from(self.message)).bind(self.begun);
        query.bind(self.length).execute(to).await.map(drop)
    }

    fn read(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            file: row.try_get::<String, _>("file")?.into(),
            call: u64::from_str_radix(&row.try_get::<String, _>("call")?, 16).unwrap_or_default(),
            message: row.try_get::<i64, _>("message")? != 0,
            begun: row.try_get("begun")?,
            length: row.try_get("length")?,
        })
    }
}

/// What was recorded of a call, the first one first.
pub(crate) async fn recordings(pool: &AnyPool, call: u64) -> sqlx::Result<Vec<Recorded>> {
    let rows = sqlx::query("SELECT * FROM recordings WHERE call = $1 ORDER BY begun, file").bind(hex(call));
    rows.fetch_all(pool).await?.iter().map(Recorded::read).collect()
}
