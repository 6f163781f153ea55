//! Hours that are compiled anew before they run out, or when the clock was set to where nothing is known of them: beside
//! signalling, which goes on meanwhile.

use jiff::Timestamp;
use warmline_core::time::{Duration, Instant, Utc};

use super::{Ask, Asks};
use crate::config::Loaded;

/// How often it is looked whether they are to be.
const EVERY: Duration = Duration::from_secs(60);

pub(super) struct Hours {
    asks: Asks,
    /// When it is looked next.
    at: Instant,
}

impl Hours {
    /// What was compiled is said by `asks`.
    pub(super) fn new(asks: Asks) -> Self {
        Self { asks, at: Instant::ZERO }
    }

    /// When it is looked next; never where there are no schedules.
    pub(super) fn deadline(&self, loaded: &Loaded) -> Option<Instant> {
        (!loaded.lend().schedules.is_empty()).then_some(self.at)
    }

    /// Has them compiled if that is due. Called inside the runtime.
    pub(super) fn look(&mut self, loaded: &Loaded, now: Instant, utc: Option<Utc>) {
        let due = self.deadline(loaded).is_some_and(|at| at <= now);
        let Some(utc) = utc.and_then(|utc| Timestamp::from_microsecond(utc.0).ok()).filter(|_| due) else {
            return;
        };
        self.at = now.after(EVERY);
        if loaded.hours_run_out(utc) {
            let (written, asks) = (loaded.written().clone(), self.asks.clone());
            tokio::task::spawn_blocking(move || {
                let compiled = written.compile(utc);
                // Signalling may have ended meanwhile.
                asks.send(Ask::Hours { written, compiled });
            });
        }
    }
}
