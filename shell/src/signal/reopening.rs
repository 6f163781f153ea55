//! Media ports of calls that are taken up again: the process that had them is gone, but the system may hold them for it for
//! some milliseconds yet (what io_uring had registered is let go of afterwards). So they are asked for again.

use std::collections::{HashMap, VecDeque};

use warmline_core::relay::{Control, Report, StreamId};
use warmline_core::time::{Duration, Instant};

/// How long after a failure they are asked for again, and for how long in all: less than core waits for them.
const AGAIN: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(4);

#[derive(Default)]
pub(super) struct Reopening {
    /// What was asked for, of which worker, and until when it is asked for again.
    asked: HashMap<StreamId, (u8, Control, Instant)>,
    /// What failed, and when it is asked for again: in this order.
    failed: VecDeque<(Instant, StreamId)>,
}

impl Reopening {
    /// A worker is asked for the ports of a call that is taken up.
    pub(super) fn asks(&mut self, now: Instant, worker: u8, control: Control) {
        if let Control::Open { stream, .. } = control {
            self.asked.insert(stream, (worker, control, now.after(PATIENCE)));
        }
    }

    /// A worker reports. Whether that is a failure that may not be the last word.
    pub(super) fn hears(&mut self, now: Instant, report: &Report) -> bool {
        match report {
            Report::Failed { stream } if self.asked.get(stream).is_some_and(|(.., until)| now < *until) => {
                self.failed.push_back((now.after(AGAIN), *stream));
                true
            }
            Report::Failed { stream } | Report::Opened { stream } => {
                self.asked.remove(stream);
                false
            }
            _ => false,
        }
    }

    /// Whether some of what was asked for is neither there nor given up.
    pub(super) fn is_waiting(&self) -> bool {
        !self.asked.is_empty()
    }

    /// When something is asked for again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.failed.front().map(|(at, _)| *at)
    }

    /// What is asked for again now, and of whom.
    pub(super) fn due(&mut self, now: Instant) -> Option<(u8, Control)> {
        let (_, stream) = self.failed.pop_front_if(|(at, _)| *at <= now)?;
        self.asked.get(&stream).map(|(worker, control, _)| (*worker, *control))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_none_until_it_lasts() {
        let at = |millis: u64| Instant::from_micros(millis * 1_000);
        let (stream, other) = (StreamId { index: 1, generation: 1 }, StreamId { index: 2, generation: 1 });
        let open = Control::Open { stream, ports: [20_000, 20_002] };
        let mut reopening = Reopening::default();
        reopening.asks(at(0), 1, open);
        assert!(
            !reopening.hears(at(1), &Report::Failed { stream: other }),
            "it is no call that was taken up"
        );
        assert!(reopening.hears(at(1), &Report::Failed { stream }));
        assert_eq!((reopening.deadline(), reopening.due(at(50))), (Some(at(51)), None));
        assert_eq!(reopening.due(at(51)), Some((1, open)));
        assert!(reopening.hears(at(60), &Report::Failed { stream }));
        assert_eq!(reopening.due(at(110)), Some((1, open)));
        assert!(reopening.is_waiting());
        assert!(!reopening.hears(at(4_000), &Report::Failed { stream }), "it lasts");
        assert!(!reopening.is_waiting());
        assert_eq!(reopening.deadline(), None);
        reopening.asks(at(0), 1, open);
        assert!(!reopening.hears(at(1), &Report::Opened { stream }));
        assert!(!reopening.hears(at(2), &Report::Failed { stream }), "it was there");
    }
}
