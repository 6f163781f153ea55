//! The log: lines for people, on standard error unless they are wanted elsewhere.

use std::io::Write;

use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Says what is logged: `info`, `warn`, or filters as `tracing` has them.
const VARIABLE: &str = "WARMLINE_LOG";

/// Starts the log. Lines are written by a thread of their own, and lost where nobody takes them: a terminal that
/// stands still stops no calls. Those still waiting are written when the guard is dropped. `colours` are for terminals.
///
/// # Errors
/// What is wrong with the environment's filters.
///
/// # Panics
/// When it has been started before.
pub fn start(to: impl Write + Send + 'static, colours: bool) -> Result<WorkerGuard, String> {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .with_env_var(VARIABLE)
        .from_env()
        .map_err(|error| format!("{VARIABLE}: {error}; try \"info\""))?;
    let (writer, guard) = NonBlockingBuilder::default().lossy(true).thread_name("log").finish(to);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(colours)
        .with_target(false)
        .init();
    Ok(guard)
}
