//! Seconds against a naive reading of the rules: what a clock on the wall shows, looked up in them.

use jiff::tz::AmbiguousOffset;
use proptest::prelude::*;
use warmline_core::config::{Config, List, Span};
use warmline_core::line::{Hours, Schedule};
use warmline_core::time::Utc;

use super::week::DAY;
use super::*;

/// Some of them skip their midnight, see it twice, or move by half an hour.
const ZONES: &[&str] = &[
    "Europe/Berlin",
    "America/New_York",
    "Asia/Seoul",
    "America/Santiago",
    "America/Havana",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "UTC",
];

fn spans() -> impl Strategy<Value = Vec<DaySpan>> {
    // Quarters of an hour meet and miss each other.
    let span =
        (0..96_u16, 1..=96_u16).prop_map(|(from, len)| DaySpan { from: from * 15, to: (from + len) * 15 });
    prop::collection::vec(span, 0..3)
}

fn any_rules() -> impl Strategy<Value = (Rules, Timestamp)> {
    let week = prop::collection::vec(spans(), 7);
    let except = prop::collection::btree_map(-3..410_i32, spans(), 0..40);
    let start = 1_780_000_000..2_000_000_000_i64;
    (prop::sample::select(ZONES), week, except, start).prop_map(|(name, days, except, start)| {
        let (zone, start) = (zone(name).unwrap(), Timestamp::from_second(start).unwrap());
        let today = zone.to_datetime(start).date();
        let mut week = Week::default();
        let mut day = jiff::civil::Weekday::Monday;
        for spans in days {
            week.open(day, &spans);
            day = day.next();
        }
        let date = |days: i32| today.checked_add(jiff::Span::new().days(days)).unwrap();
        let except = except.into_iter().map(|(days, spans)| (date(days), spans)).collect();
        (Rules { zone, week, except, calendar: None }, start)
    })
}

/// Whether it is open by the clock on the wall; none where that shows the same time twice.
fn naive(rules: &Rules, at: Timestamp) -> Option<bool> {
    let shown = rules.zone.to_datetime(at);
    if let AmbiguousOffset::Fold { .. } = rules.zone.to_ambiguous_timestamp(shown).offset() {
        return None;
    }
    let minute = u16::try_from(shown.hour()).unwrap() * 60 + u16::try_from(shown.minute()).unwrap();
    let (today, yesterday) = (shown.date(), shown.date().yesterday().unwrap());
    let of = |date| rules.except.get(&date).map_or_else(|| rules.week.of(date.weekday()), Vec::as_slice);
    let now = of(today).iter().any(|span| (span.from..span.to).contains(&minute));
    let still = !rules.except.contains_key(&today) && of(yesterday).iter().any(|span| minute + DAY < span.to);
    Some(now || still)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn as_the_clock_on_the_wall_says((rules, start) in any_rules(), minutes in 23..61_i64) {
        let compiled = compile(&rules, start);
        let schedule = Schedule {
            name: Span::EMPTY,
            changes: List::new(0, compiled.changes.len() as u16),
            first: compiled.first,
            unknown: Hours::Open,
        };
        let loaded = crate::config::parse("embedded", crate::config::EMBEDDED).unwrap();
        let config = Config { instants: &compiled.changes, ..loaded.lend() };
        let at = |at: Timestamp| schedule.at(&config, Some(Utc(at.as_microsecond())));
        prop_assert!(compiled.changes.is_sorted_by(|one, next| one < next));
        let (from, until) = (start - BEHIND, start + AHEAD);
        prop_assert_eq!(at(from - SignedDuration::from_secs(1)), None);
        prop_assert_eq!(at(until), None);
        let steps = core::iter::successors(Some(from), |at| Some(*at + SignedDuration::from_mins(minutes)));
        let edges = compiled.changes.iter().map(|edge| Timestamp::from_second(u32::from_be_bytes(*edge).into()).unwrap());
        let edges: Vec<_> = edges.flat_map(|edge| [edge, edge - SignedDuration::from_secs(1)]).collect();
        for now in steps.take_while(|at| *at < until).chain(edges).filter(|at| (from..until).contains(at)) {
            let Some(open) = naive(&rules, now) else { continue };
            let hours = if open { Hours::Open } else { Hours::Closed };
            prop_assert_eq!(at(now), Some(hours), "{}", rules.zone.to_datetime(now));
        }
    }
}
