//! From what is written to the seconds at which it opens and closes.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use warmline_core::line::{Hours, Second};

use super::clock::{Edge, instant};
use super::week::{DAY, DaySpan};
use super::{AHEAD, BEHIND, LEAST, Rules};

/// What core is told of a schedule: see [`Schedule`](warmline_core::line::Schedule).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Compiled {
    /// What it is at first.
    pub(crate) first: Hours,
    /// From when on it is known, when that changes, and until when; empty in years without such a [`Second`].
    pub(crate) changes: Vec<Second>,
}

/// From when on something lasts, and the first moment after it.
pub(super) type Interval = (Timestamp, Timestamp);

/// What is known of a schedule at a time: the day before and [`AHEAD`].
pub(crate) fn compile(rules: &Rules, now: Timestamp) -> Compiled {
    let (from, until) = (now.saturating_sub(BEHIND), now.saturating_add(AHEAD));
    let (Ok(from), Ok(until)) = (from, until) else { return NOTHING };
    let (Some(first), Some(last)) = (second(from), second(until)) else { return NOTHING };
    let closed = rules.calendar.as_ref().map(|calendar| calendar.times(&rules.zone, (from, until)));
    let open = without(joined(opened(rules, (from, until))), &joined(closed.unwrap_or_default()));
    let mut changes = vec![first];
    let edges = open.iter().flat_map(|&(opens, closes)| [opens, closes]);
    // Whole seconds, so that none is told twice.
    changes.extend(edges.filter_map(second).filter(|edge| (first..last).contains(edge) && *edge != first));
    changes.push(last);
    let begins = |&(opens, closes): &Interval| opens.as_second() <= from.as_second() && closes > from;
    Compiled { first: if open.iter().any(begins) { Hours::Open } else { Hours::Closed }, changes }
}

/// Whether enough is known of a schedule at a time, or nothing can be.
pub(crate) fn suffice(changes: &[Second], now: Timestamp) -> bool {
    let ahead = now.saturating_add(LEAST).ok().and_then(second);
    let Some((now, ahead)) = second(now).zip(ahead) else { return true };
    changes.first().is_some_and(|&first| first <= now) && changes.last().is_some_and(|&last| ahead < last)
}

const NOTHING: Compiled = Compiled { first: Hours::Closed, changes: Vec::new() };

fn second(time: Timestamp) -> Option<Second> {
    u32::try_from(time.as_second()).ok().map(u32::to_be_bytes)
}

/// When its hours open it, whatever else is in its calendar: in any order, with overlaps.
fn opened(rules: &Rules, (from, until): Interval) -> Vec<Interval> {
    let [first, last] = [from, until].map(|time| rules.zone.to_datetime(time).date());
    // Those of the day before may not have ended.
    let days = first.yesterday().unwrap_or(first).series(jiff::Span::new().days(1));
    let days = days.take_while(|&date| date <= last);
    days.flat_map(|date| rules.of(date).iter().filter_map(move |&span| rules.interval(date, span))).collect()
}

impl Rules {
    /// The hours that begin on a date.
    pub(super) fn of(&self, date: Date) -> &[DaySpan] {
        self.other(date).unwrap_or_else(|| self.week.of(date.weekday()))
    }

    /// The hours of a date that has other ones than its week; what a calendar says counts less than an exception that is
    /// written out.
    pub(super) fn other(&self, date: Date) -> Option<&[DaySpan]> {
        let holiday = || self.calendar.as_ref().is_some_and(|calendar| calendar.is_holiday(date));
        match self.except.get(&date) {
            Some(spans) => Some(spans),
            None => holiday().then_some(&[]),
        }
    }

    /// When hours that begin on a date begin and end; none where a clock skips all of them.
    fn interval(&self, date: Date, span: DaySpan) -> Option<Interval> {
        let (from, to) = span.on(date)?;
        let opens = instant(&self.zone, from, Edge::Opens)?;
        let mut closes = instant(&self.zone, to, Edge::Closes)?;
        if span.to > DAY
            && let Ok(next) = date.tomorrow()
            && self.other(next).is_some()
        {
            closes = closes.min(instant(&self.zone, next.to_datetime(Time::midnight()), Edge::Opens)?);
        }
        (opens < closes).then_some((opens, closes))
    }
}

/// In order, those in one that overlap or touch.
fn joined(mut intervals: Vec<Interval>) -> Vec<Interval> {
    intervals.sort_unstable();
    let mut joined: Vec<Interval> = Vec::with_capacity(intervals.len());
    for (from, to) in intervals {
        match joined.last_mut() {
            Some((_, end)) if from <= *end => *end = to.max(*end),
            _ => joined.push((from, to)),
        }
    }
    joined
}

/// What is left of some intervals without others, both in order and apart from each other.
fn without(intervals: Vec<Interval>, others: &[Interval]) -> Vec<Interval> {
    let mut left = Vec::with_capacity(intervals.len());
    for (mut from, to) in intervals {
        let start = others.partition_point(|&(_, end)| end <= from);
        for &(begin, end) in others.iter().skip(start).take_while(|&&(begin, _)| begin < to) {
            if from < begin {
                left.push((from, begin));
            }
            from = from.max(end);
        }
        if from < to {
            left.push((from, to));
        }
    }
    left
}
