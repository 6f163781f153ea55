//! How hours are written: `Mon-Fri 09:00-12:30 13:30-18:00`, `2026-12-24 09:00-12:00`. Errors are the sentences the user
//! reads.

use jiff::civil::{Date, Weekday};

use super::week::{DAY, DaySpan, Week};
use crate::config::suggest;

/// What days are called.
const DAYS: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

/// Opens the days of `Mon-Fri 09:00-18:00`, `Sat,Sun 10:00-12:00 13:00-16:00` or `Fri 22:00-06:00`.
pub(crate) fn week(text: &str, week: &mut Week) -> Result<(), String> {
    let (names, spans) = split(text);
    let days = days(names)?;
    let spans = self::spans(spans)?;
    if spans.is_empty() {
        let shown = text.escape_debug();
        return Err(format!("\"{shown}\" says no times; write it like \"Mon-Fri 09:00-18:00\""));
    }
    days.into_iter().for_each(|day| week.open(day, &spans));
    Ok(())
}

/// The date of `2026-12-25`, which is closed, or of `2026-12-24 09:00-12:00`, which has other hours than its week.
pub(crate) fn exception(text: &str) -> Result<(Date, Vec<DaySpan>), String> {
    let (date, spans) = split(text);
    // Times behind it would be understood as well.
    let read = (date.len() == 10).then(|| date.parse().ok()).flatten();
    let date = read.ok_or_else(|| {
        let shown = date.escape_debug();
        format!("\"{shown}\" is no date; write it like \"2026-12-25\", or \"2026-12-24 09:00-12:00\"")
    })?;
    Ok((date, self::spans(spans)?))
}

/// The first word, and the others.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    text.split_once(char::is_whitespace).unwrap_or((text, ""))
}

/// `Mon-Fri`, `Sat` or `Mon,Wed,Fri`: a range goes on from Sunday to Monday.
fn days(text: &str) -> Result<Vec<Weekday>, String> {
    let mut days = Vec::new();
    for range in text.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (day(first)?, day(last)?);
        let mut one = first;
        days.push(one);
        while one != last {
            one = one.next();
            days.push(one);
        }
    }
    Ok(days)
}

fn day(text: &str) -> Result<Weekday, String> {
    let named = DAYS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    named.map(|(_, day)| *day).ok_or_else(|| {
        let meant = suggest(text, DAYS.iter().map(|(name, _)| *name));
        let hint = meant.map_or_else(
            || "; write it like \"Mon-Fri 09:00-18:00\", with Mon, Tue, Wed, Thu, Fri, Sat, Sun".to_owned(),
            |meant| format!("; did you mean \"{meant}\"?"),
        );
        format!("\"{}\" is no day of the week{hint}", text.escape_debug())
    })
}

/// Times with spaces between, or commas.
fn spans(text: &str) -> Result<Vec<DaySpan>, String> {
    text.split([' ', '\t', ',']).filter(|span| !span.is_empty()).map(span).collect()
}

/// `09:00-18:00`; what ends before it begins ends on the next day.
fn span(text: &str) -> Result<DaySpan, String> {
    let shown = text.escape_debug();
    let ends = text.split_once('-').and_then(|(from, to)| minutes(from).zip(minutes(to)));
    let Some((from, to)) = ends.filter(|&(from, _)| from < DAY) else {
        return Err(format!(
            "\"{shown}\" are no times; write them like \"09:00-18:00\", from \"00:00\" to \"24:00\""
        ));
    };
    if from == to {
        return Err(format!("\"{shown}\" ends as it begins; a whole day is \"00:00-24:00\""));
    }
    Ok(DaySpan { from, to: if to > from { to } else { to + DAY } })
}

/// `09:00` in minutes, at most `24:00`.
fn minutes(text: &str) -> Option<u16> {
    let number = |text: &str, digits: &[usize]| {
        let plain = digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse::<u16>().ok())?
    };
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute) = (number(hour, &[1, 2])?, number(minute, &[2])?);
    let minutes = hour * 60 + minute;
    (minute < 60 && minutes <= DAY).then_some(minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Week, String> {
        let mut read = Week::default();
        week(text, &mut read).map(|()| read)
    }

    fn open(days: &[Weekday], spans: &[(u16, u16)]) -> Result<Week, String> {
        let spans: Vec<_> = spans.iter().map(|&(from, to)| DaySpan { from, to }).collect();
        let mut week = Week::default();
        days.iter().for_each(|&day| week.open(day, &spans));
        Ok(week)
    }

    #[test]
    fn weeks() {
        use Weekday::{Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
        let working = [Monday, Tuesday, Wednesday, Thursday, Friday];
        assert_eq!(read("Mon-Fri 09:00-18:00"), open(&working, &[(540, 1080)]));
        assert_eq!(read(" mon-fri  9:00-12:30, 13:30-18:00 "), open(&working, &[(540, 750), (810, 1080)]));
        assert_eq!(read("Sat 10:00-13:00"), open(&[Saturday], &[(600, 780)]));
        assert_eq!(read("Sat,Mon 00:00-24:00"), open(&[Monday, Saturday], &[(0, 1440)]));
        assert_eq!(read("Sat-Mon 22:00-06:00"), open(&[Monday, Saturday, Sunday], &[(1320, 1800)]));
        assert_eq!(read("Sun 18:00-00:00"), open(&[Sunday], &[(1080, 1440)]));
    }

    #[test]
    fn exceptions() {
        let date = |text: &str| text.parse().unwrap();
        assert_eq!(exception("2026-12-25"), Ok((date("2026-12-25"), vec![])));
        let morning = vec![DaySpan { from: 540, to: 720 }];
        assert_eq!(exception("2026-12-24 09:00-12:00"), Ok((date("2026-12-24"), morning)));
        for wrong in ["", "25.12.2026", "2026-12-32", "2026-02-29", "2026-12-24T09:00", "2026-12-24 9-12"] {
            assert!(exception(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn mistakes_say_what_to_write() {
        for (text, says) in [
            ("Mno-Fri 09:00-18:00", "\"Mno\" is no day of the week; did you mean \"Mon\"?"),
            (
                "daily 09:00-18:00",
                "\"daily\" is no day of the week; write it like \"Mon-Fri 09:00-18:00\", with Mon, Tue, Wed, Thu, Fri, \
                 Sat, Sun",
            ),
            ("Mon-Fri", "\"Mon-Fri\" says no times; write it like \"Mon-Fri 09:00-18:00\""),
            (
                "Mon 9-18",
                "\"9-18\" are no times; write them like \"09:00-18:00\", from \"00:00\" to \"24:00\"",
            ),
            ("Mon 08:00-08:00", "\"08:00-08:00\" ends as it begins; a whole day is \"00:00-24:00\""),
        ] {
            assert_eq!(read(text), Err(says.to_owned()));
        }
        for wrong in [
            "",
            "Mon- 09:00-18:00",
            "Mon 24:00-25:00",
            "Mon 09:60-10:00",
            "Mon 09:00-24:01",
            "Mon +9:00-18:00",
            "Mon 009:00-18:00",
            "Mon 09:0-18:00",
            "Mon 09:00",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
