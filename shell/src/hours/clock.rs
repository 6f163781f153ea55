//! Time zones by their names, and when a clock on the wall shows a time.
//!
//! The system's time zone database is asked first, since that of a server is newer than its programs; then the one that is
//! built in, so that zones are known everywhere.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

/// The zone of this name (`Europe/Berlin`).
pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    jiff::tz::db().get(name).or_else(|_| TimeZoneDatabase::bundled().get(name)).ok()
}

/// The names of all zones.
pub(crate) fn zones() -> Vec<String> {
    TimeZoneDatabase::bundled().available().map(|name| name.to_string()).collect()
}

/// Which of the times of day that a clock shows is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    /// From when on it shows this time or a later one.
    Opens,
    /// From when on it shows no earlier one any more.
    Closes,
}

/// When a clock on the wall shows a time. None outside of the years that can be told (-9999 to 9999).
pub(super) fn instant(zone: &TimeZone, time: DateTime, edge: Edge) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(time);
    match ambiguous.offset() {
        // The moment at which it is skipped: what is taken for it by the later offset lies before that.
        AmbiguousOffset::Gap { .. } => {
            let before = ambiguous.earlier().ok()?;
            zone.following(before).next().map(|transition| transition.timestamp())
        }
        AmbiguousOffset::Fold { .. } if edge == Edge::Closes => ambiguous.later().ok(),
        _ => ambiguous.earlier().ok(),
    }
}
