//! What the commands share that read the store of a node, which may be running.

use core::future::Future;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::FILE;
use crate::config;
use crate::store::{Database, Setting};

/// Which store.
#[derive(Args, Debug, Default)]
pub(super) struct Where {
    /// The configuration that says where the store is
    #[arg(long, value_name = "FILE", default_value = FILE, global = true)]
    config: PathBuf,
}

impl Where {
    /// The configuration that says so.
    pub(super) fn config(&self) -> &Path {
        &self.config
    }

    /// What `ask` makes of the store.
    pub(super) fn read<T, F>(&self, ask: impl FnOnce(Database) -> F) -> Result<T, String>
    where
        F: Future<Output = sqlx::Result<T>>,
    {
        let setting = config::store::of(&self.config).map_err(|mistakes| mistakes.to_string())?;
        if let Setting::Sqlite(file) = &setting
            && !file.exists()
        {
            return Err(format!(
                "there is no store at {}: it is made when a node runs with {}",
                file.display(),
                self.config.display()
            ));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("cannot ask the store: {error}"))?;
        runtime.block_on(async {
            let fails = |error: &dyn core::error::Error| format!("cannot ask the store {setting}: {error}");
            let database = Database::look(&setting).await.map_err(|error| fails(&error))?;
            let found = ask(database.clone()).await.map_err(|error| fails(&error));
            database.close().await;
            found
        })
    }
}

/// Prints what was found, or why there is nothing.
pub(super) fn tell(found: Result<String, String>) -> ExitCode {
    match found {
        Ok(text) => {
            // Who reads may have seen enough.
            let _ = stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("warmline: {why}");
            ExitCode::FAILURE
        }
    }
}
