//! `[media]`: who relays, and how long a leg may be silent.

use warmline_core::time::Duration;

use super::machine::Machine;
use super::notation::duration;
use super::table::{Table, Value};

const KEYS: &[&str] = &["workers", "silence"];

/// How long a leg may be silent where nothing is said, in seconds; at least, and at most.
const SILENCE: u16 = 60;
const SHORTEST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(3600);

/// How many relay workers there are, and after how many seconds a leg that should speak has been silent for too long, 0 where
/// it never has.
pub(super) fn read(root: &Table<'_>, machine: Machine) -> (u8, u16) {
    let table = root.one("media", "[media]", KEYS);
    let get = |key| table.as_ref().and_then(|table| table.get(key));
    let silence = get("silence").and_then(|value| Some(value.read(silence)?.value));
    (workers(root, machine, get("workers")), silence.unwrap_or(SILENCE))
}

/// One for each core where nothing is said, and one on a board.
fn workers(root: &Table<'_>, machine: Machine, value: Option<Value<'_>>) -> u8 {
    let said = value.and_then(|value| value.integer(1..=u32::from(u8::MAX)));
    let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get());
    if let Some(said) = said {
        machine.bound(root.report(), said, "relay workers", |_| 1);
    }
    if !machine.is_server() {
        return said.map_or(1, |said| u8::try_from(said.value).unwrap_or(1));
    }
    said.map_or_else(
        || u8::try_from(cores()).unwrap_or(u8::MAX),
        |said| u8::try_from(said.value).unwrap_or(1),
    )
}

fn silence(text: &str) -> Result<u16, String> {
    if text == "off" {
        return Ok(0);
    }
    let limit = duration(text)?;
    let whole = limit.as_micros().is_multiple_of(1_000_000);
    let seconds = u16::try_from(limit.as_millis() / 1_000).ok();
    seconds.filter(|_| whole && (SHORTEST..=LONGEST).contains(&limit)).ok_or_else(|| {
        format!(
            "\"{text}\" is no time to be silent for; it may be from 10s to 1h, in whole seconds, or \"off\""
        )
    })
}
