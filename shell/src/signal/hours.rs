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
        if self.deadline(loaded).is_none_or(|at| at > now) {
            return;
        }
        // Without a clock, too: it is not waited for in a loop.
        self.at = now.after(EVERY);
        let Some(utc) = utc.and_then(|utc| Timestamp::from_microsecond(utc.0).ok()) else { return };
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use super::*;
    use crate::config;

    #[test]
    fn without_a_clock_they_are_looked_at_no_more_often() {
        let text = r#"
[node]
capacity = 10
[[interface]]
name = "l"
address = "127.0.0.1"
listen = ["udp:5060"]
media = "20000-20999"
[[trunk]]
name = "ai"
kind = "ai"
signalling = ["127.0.0.1"]
media = ["127.0.0.1"]
[[target]]
name = "desk"
trunk = "ai"
uri = "sip:desk@127.0.0.1:5080"
[[schedule]]
name = "office"
timezone = "Asia/Seoul"
open = ["Mon-Fri 09:00-18:00"]
[[line]]
name = "support"
dial = ["support"]
from = ["ai"]
ring = [{ targets = ["desk"] }]
when = [{ outside = "office", then = "goodbye" }]
"#;
        let loaded = config::parse("c", text).expect("it is sound");
        let (queue, _asked) = mpsc::channel();
        let mut hours = Hours::new(Asks { queue, bell: Arc::default() });
        let now = Instant::ZERO.after(Duration::from_secs(5));
        assert!(hours.deadline(&loaded).is_some_and(|at| at <= now));
        hours.look(&loaded, now, None);
        assert_eq!(hours.deadline(&loaded), Some(now.after(EVERY)));
    }
}
