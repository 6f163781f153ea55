//! What recordings are called.

use std::time::SystemTime;

/// The time in UTC, and what the call is known by (`X-Warmline-Call`): `2026-11-29T134502Z-00f3c0ffee00beef`.
pub(super) fn of(time: SystemTime, call: u64) -> String {
    let time = humantime::format_rfc3339_seconds(time).to_string().replace(':', "");
    format!("{time}-{call:016x}")
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn say_when_and_which_call() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_959_902);
        assert_eq!(of(time, 0xf3_c0ff_ee00_beef), "2026-11-29T134502Z-00f3c0ffee00beef");
    }
}
