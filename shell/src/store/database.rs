//! A database that is open: its tables are those of `migrations`, and it can be asked.

use core::time::Duration;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use sqlx::any::AnyPoolOptions;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AnyPool, Executor, Row};

use super::Setting;

/// The tables, and what became of them since.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// How long a connection is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The file cannot be made.
    #[error("its file cannot be opened: {0}")]
    File(io::Error),
    /// It refuses.
    #[error("{0}")]
    Database(#[from] sqlx::Error),
    /// Its tables are not those that are known.
    #[error(
        "its tables are those of another version, or are just being made: have a node of this version run with it"
    )]
    Version,
    /// Its tables cannot be brought up to date.
    #[error("its tables cannot be made: {0}")]
    Tables(#[from] MigrateError),
}

/// A database that is open.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pool: AnyPool,
    shared: bool,
}

impl Database {
    /// Opens it, and makes what is missing: the file, which only we may read, and the tables.
    pub(crate) async fn open(setting: &Setting) -> Result<Self, OpenError> {
        sqlx::any::install_default_drivers();
        if let Setting::Sqlite(file) = setting {
            // SQLite's other files take over the mode of this one.
            OpenOptions::new().append(true).create(true).mode(0o600).open(file).map_err(OpenError::File)?;
        }
        // A database in memory is gone with its connection.
        let connections = if *setting == Setting::Memory { 1 } else { 3 };
        let options = AnyPoolOptions::new().max_connections(connections).acquire_timeout(PATIENCE);
        let options = match setting {
            Setting::Memory => options.min_connections(1).idle_timeout(None).max_lifetime(None),
            _ => options,
        };
        let pool = options.connect(&setting.url()).await?;
        if matches!(setting, Setting::Sqlite(_)) {
            // Who reads does not keep us from writing. The file remembers it.
            pool.execute("PRAGMA journal_mode = WAL").await?;
        }
        MIGRATIONS.run(&pool).await?;
        Ok(Self { pool, shared: matches!(setting, Setting::Postgres(_)) })
    }

    /// Opens one that a node has made, and changes nothing: SQLite has no lock for two who make tables.
    pub(crate) async fn look(setting: &Setting) -> Result<Self, OpenError> {
        sqlx::any::install_default_drivers();
        let options = AnyPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE);
        let pool = options.connect(&setting.url()).await?;
        let made = sqlx::query("SELECT COUNT(*) FROM _sqlx_migrations WHERE success").fetch_one(&pool).await;
        let made: i64 = made.and_then(|row| row.try_get(0)).map_err(|error| match error {
            sqlx::Error::Database(_) => OpenError::Version,
            other => OpenError::Database(other),
        })?;
        match usize::try_from(made) == Ok(MIGRATIONS.iter().len()) {
            true => Ok(Self { pool, shared: matches!(setting, Setting::Postgres(_)) }),
            false => Err(OpenError::Version),
        }
    }

    /// Where it is asked.
    pub(crate) const fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// Whether other nodes may use it as well.
    pub(crate) const fn is_shared(&self) -> bool {
        self.shared
    }

    /// Closes it: a file of SQLite's is whole then, without its log beside it.
    pub(crate) async fn close(self) {
        self.pool.close().await;
    }
}
