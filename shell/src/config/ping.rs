//! `ping` of a trunk: how often the addresses of its targets are asked whether they are there.

use core::num::NonZeroU16;

use warmline_core::config::Config;
use warmline_core::locate::Place;
use warmline_core::time::Duration;

use super::mistake::Report;
use super::notation::duration;
use super::table::Table;

/// How often at most, and at least.
const SHORTEST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(3600);

/// Where the key stands, and how many seconds it says; none inside where there is none, none at all where that is a mistake.
pub(super) fn read(table: &Table<'_>) -> Option<Option<(usize, NonZeroU16)>> {
    let Some(value) = table.get("ping") else { return Some(None) };
    Some(Some((value.at, value.read(interval)?.value)))
}

fn interval(text: &str) -> Result<NonZeroU16, String> {
    let every = duration(text)?;
    let whole = every.as_micros().is_multiple_of(1_000_000);
    let seconds = u16::try_from(every.as_millis() / 1_000).ok().and_then(NonZeroU16::new);
    seconds.filter(|_| whole && (SHORTEST..=LONGEST).contains(&every)).ok_or_else(|| {
        format!("\"{text}\" is no time between pings; it may be from 5s to 1h, in whole seconds")
    })
}

/// Refuses pings of trunks without an address to ask: that of a target, or of a registrar. `places` says where the key
/// of each trunk stands.
pub(super) fn refuse_nobody(report: &Report<'_>, config: &Config<'_>, places: &[Option<usize>]) {
    for (number, (trunk, place)) in config.trunks.iter().zip(places).enumerate() {
        let of_trunk = config.targets.iter().filter(|target| usize::from(target.trunk.0) == number);
        let nobody = of_trunk.filter_map(|target| Place::of(config, target)).next().is_none();
        if let Some(place) = place.filter(|_| nobody) {
            let name = str::from_utf8(config.text(trunk.name)).unwrap_or("?");
            let message = format!(
                "nobody to ping: no [[target]] with an address is reached through trunk \"{name}\", and it has no registrar"
            );
            report.mistake(place, message);
        }
    }
}
