//! Sources that no trunk knows: each is told of once a minute at most, and as many as there is room for.

use core::net::IpAddr;

use warmline_core::time::{Duration, Instant};

/// How many sources are remembered, and so the most that are told of in a minute.
const PLACES: usize = 256;

/// How long a source that was told of is not told of again.
const QUIET: Duration = Duration::from_secs(60);

pub(super) struct Strangers {
    places: Vec<Option<Stranger>>,
}

struct Stranger {
    address: IpAddr,
    told: Instant,
    /// Messages since it was told of.
    since: u64,
}

impl Strangers {
    pub(super) fn new() -> Self {
        Self { places: core::iter::repeat_with(|| None).take(PLACES).collect() }
    }

    /// Counts a message from `address`. When it is to be told of: how many came from there since the last time.
    pub(super) fn note(&mut self, address: IpAddr, now: Instant) -> Option<u64> {
        // Those who come often come early in the table only by chance; it is short enough.
        let quiet = |stranger: &Stranger| now.since(stranger.told) < QUIET;
        let known = self.places.iter_mut().flatten().find(|stranger| stranger.address == address);
        if let Some(stranger) = known {
            stranger.since += 1;
            if quiet(stranger) {
                return None;
            }
            stranger.told = now;
            return Some(core::mem::take(&mut stranger.since));
        }
        let place = self.places.iter_mut().find(|place| !place.as_ref().is_some_and(quiet))?;
        *place = Some(Stranger { address, told: now, since: 0 });
        Some(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Instant {
        Instant::from_micros(secs * 1_000_000)
    }

    #[test]
    fn one_source_is_told_of_once_a_minute() {
        let mut strangers = Strangers::new();
        let address = IpAddr::from([192, 0, 2, 1]);
        assert_eq!(strangers.note(address, at(1)), Some(1));
        assert_eq!(strangers.note(address, at(2)), None);
        assert_eq!(strangers.note(address, at(60)), None);
        assert_eq!(strangers.note(address, at(61)), Some(3));
        assert_eq!(strangers.note(address, at(62)), None);
    }

    #[test]
    fn no_more_than_there_is_room_for() {
        let mut strangers = Strangers::new();
        let flood = |strangers: &mut Strangers, now| {
            (0..5_000u32).filter(|&n| strangers.note(IpAddr::from(n.to_be_bytes()), now).is_some()).count()
        };
        assert_eq!(flood(&mut strangers, at(1)), PLACES);
        assert_eq!(flood(&mut strangers, at(30)), 0);
        assert!(flood(&mut strangers, at(90)) <= PLACES);
    }
}
