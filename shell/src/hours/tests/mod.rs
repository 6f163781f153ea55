//! Hours against the clocks of the world.

mod calendars;
mod daylight;
mod laws;

use jiff::Timestamp;

use super::*;

fn rules(zone: &str, open: &[&str], except: &[&str]) -> Rules {
    let mut week = Week::default();
    open.iter().for_each(|text| notation::week(text, &mut week).unwrap());
    let except = except.iter().map(|text| exception(text).unwrap()).collect();
    Rules { zone: super::zone(zone).unwrap(), week, except, calendar: None }
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// When it opens and closes from one time to another, in UTC.
fn changes(rules: &Rules, from: &str, until: &str) -> Vec<String> {
    let compiled = compile(rules, time(from));
    let times = compiled.changes.iter().map(|change| u32::from_be_bytes(*change).into());
    let times = times.map(|second| Timestamp::from_second(second).unwrap());
    times.filter(|at| (time(from)..time(until)).contains(at)).map(|at| at.to_string()).collect()
}

#[test]
fn zones_are_known_by_their_names() {
    for name in ["Asia/Seoul", "Europe/Berlin", "America/New_York", "UTC", "asia/seoul"] {
        assert!(zone(name).is_some(), "{name}");
    }
    for name in ["", "Berlin", "Asia/Seul", "../../etc/passwd", "+09:00"] {
        assert!(zone(name).is_none(), "{name}");
    }
    assert!(zones().iter().any(|name| name == "Asia/Seoul"));
}

#[test]
fn hours_are_known_for_more_than_a_year() {
    let rules = rules("Asia/Seoul", &["Mon-Fri 09:00-18:00"], &[]);
    let now = time("2026-11-29T12:00:00Z");
    let changes = compile(&rules, now).changes;
    let known = |at: &str| suffice(&changes, time(at));
    assert!(known("2026-11-28T12:00:00Z") && known("2026-11-29T12:00:00Z") && known("2027-01-03T11:59:59Z"));
    assert!(!known("2026-11-28T11:59:59Z"), "the clock was set back");
    assert!(!known("2027-01-03T12:00:00Z"), "less than a year is left");
    assert!(!suffice(&[], now));
    assert!(changes.is_sorted_by(|one, next| one < next));
}

#[test]
fn in_years_that_cannot_be_told_nothing_is_known() {
    let rules = rules("UTC", &["Mon-Sun 00:00-24:00"], &[]);
    for at in ["1969-12-31T12:00:00Z", "1970-01-01T12:00:00Z", "2106-01-15T00:00:00Z", "2200-01-01T00:00:00Z"]
    {
        assert_eq!(compile(&rules, time(at)).changes, Vec::<[u8; 4]>::new(), "{at}");
    }
    // There is nothing to be had by trying again.
    assert!(suffice(&[], time("1960-01-01T00:00:00Z")) && suffice(&[], time("2200-01-01T00:00:00Z")));
}

#[test]
fn what_is_open_all_the_time_never_changes() {
    let rules = rules("Europe/Berlin", &["Mon-Sun 00:00-24:00"], &[]);
    let compiled = compile(&rules, time("2026-11-29T12:00:00Z"));
    assert_eq!((compiled.first, compiled.changes.len()), (warmline_core::line::Hours::Open, 2));
}
