//! Calendars as programs write them.

use super::calendar::NoCalendar;
use super::*;

/// A calendar of these lines between its own.
fn calendar(lines: &str) -> Result<Calendar, NoCalendar> {
    let lines = lines.trim().lines().map(str::trim).collect::<Vec<_>>().join("\r\n");
    Calendar::parse(&format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n{lines}\r\nEND:VCALENDAR\r\n"
    ))
}

fn event(lines: &str) -> String {
    format!("BEGIN:VEVENT\nUID:{}\nDTSTAMP:20260101T000000Z\n{}\nEND:VEVENT\n", lines.len(), lines.trim())
}

/// An office of eight hours on every day but for a calendar.
fn office(zone: &str, lines: &str) -> Rules {
    let calendar = calendar(lines).unwrap();
    Rules { calendar: Some(Arc::new(calendar)), ..rules(zone, &["Mon-Sun 10:00-18:00"], &[]) }
}

/// When it opens and closes on a day of December 2026 in Seoul, by its clock.
fn on(rules: &Rules, day: u8) -> Vec<String> {
    let from = format!("2026-12-{day:02}T00:00:00+09:00");
    let until = format!("2026-12-{day:02}T23:59:59+09:00");
    let times = changes(rules, &from, &until);
    let shown = times.iter().map(|at| time(at).to_zoned(rules.zone.clone()).strftime("%H:%M").to_string());
    shown.collect()
}

const ALL: [&str; 2] = ["10:00", "18:00"];
const NONE: [&str; 0] = [];

#[test]
fn whole_days_are_closed() {
    let office = office(
        "Asia/Seoul",
        &[
            event("DTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261227\nSUMMARY:Christmas\nTRANSP:TRANSPARENT"),
            event("DTSTART;VALUE=DATE:20261210"),
            event("DTSTART;VALUE=DATE:20261214\nDURATION:P2D"),
        ]
        .concat(),
    );
    for (day, times) in
        [(24, &ALL[..]), (25, &NONE), (26, &NONE), (27, &ALL), (9, &ALL), (10, &NONE), (11, &ALL)]
    {
        assert_eq!(on(&office, day), times, "{day}");
    }
    for (day, times) in [(13, &ALL[..]), (14, &NONE), (15, &NONE), (16, &ALL)] {
        assert_eq!(on(&office, day), times, "{day}");
    }
}

#[test]
fn a_date_that_is_written_out_counts_more() {
    let mut office = office("Asia/Seoul", &event("DTSTART;VALUE=DATE:20261225"));
    office.except.insert("2026-12-25".parse().unwrap(), vec![DaySpan { from: 660, to: 720 }]);
    assert_eq!(on(&office, 25), ["11:00", "12:00"]);
}

#[test]
fn times_are_cut_out() {
    let office = office(
        "Asia/Seoul",
        &[
            event("DTSTART:20261201T120000\nDTEND:20261201T130000"),
            event("DTSTART:20261202T030000Z\nDURATION:PT1H30M"),
            event("DTSTART;TZID=Europe/Berlin:20261203T040000\nDTEND;TZID=Europe/Berlin:20261203T043000"),
            event("DTSTART:20261204T090000\nDTEND:20261204T110000"),
            event("DTSTART:20261204T170000\nDTEND:20261204T190000"),
            // Over as it begins.
            event("DTSTART:20261205T120000"),
            event("DTSTART:20261206T120000\nDTEND:20261206T130000\nSTATUS:CANCELLED"),
        ]
        .concat(),
    );
    assert_eq!(on(&office, 1), ["10:00", "12:00", "13:00", "18:00"]);
    assert_eq!(on(&office, 2), ["10:00", "12:00", "13:30", "18:00"]);
    assert_eq!(on(&office, 3), ["10:00", "12:00", "12:30", "18:00"]);
    assert_eq!(on(&office, 4), ["11:00", "17:00"]);
    assert_eq!(on(&office, 5), ALL);
    assert_eq!(on(&office, 6), ALL);
}

#[test]
fn rules_repeat() {
    let office = office(
        "Asia/Seoul",
        &[
            // Christmas, from long ago on; the first Monday of the month; every second day, three times.
            event("DTSTART;VALUE=DATE:19701225\nRRULE:FREQ=YEARLY"),
            event("DTSTART:20200106T120000\nDTEND:20200106T130000\nRRULE:FREQ=MONTHLY;BYDAY=1MO"),
            event("DTSTART;VALUE=DATE:20261214\nRRULE:FREQ=DAILY;INTERVAL=2;COUNT=3\nEXDATE;VALUE=DATE:20261216"),
            event("DTSTART;VALUE=DATE:20201224\nRRULE:FREQ=YEARLY;UNTIL=20241224"),
        ]
        .concat(),
    );
    assert_eq!(on(&office, 24), ALL);
    assert_eq!(on(&office, 25), NONE);
    assert_eq!(on(&office, 7), ["10:00", "12:00", "13:00", "18:00"]);
    assert_eq!(on(&office, 8), ALL);
    for (day, times) in [(14, &NONE[..]), (15, &ALL), (16, &ALL), (17, &ALL), (18, &NONE), (20, &ALL)] {
        assert_eq!(on(&office, day), times, "{day}");
    }
}

#[test]
fn changed_occurrences_are_those_of_their_own_event() {
    let lines = "\
        BEGIN:VEVENT\nUID:a\nDTSTART:20261201T120000\nDTEND:20261201T130000\nRRULE:FREQ=DAILY;COUNT=3\nEND:VEVENT
        BEGIN:VEVENT\nUID:b\nDTSTART:20261201T120000\nDTEND:20261201T123000\nRRULE:FREQ=DAILY;COUNT=3\nEND:VEVENT
        BEGIN:VEVENT\nUID:a\nRECURRENCE-ID:20261202T120000\nDTSTART:20261202T150000\nDTEND:20261202T160000\nEND:VEVENT
        BEGIN:VEVENT\nUID:a\nRECURRENCE-ID:20261203T120000\nDTSTART:20261203T120000\nDTEND:20261203T130000\nSTATUS:CANCELLED\nEND:VEVENT";
    let office = office("Asia/Seoul", lines);
    assert_eq!(on(&office, 1), ["10:00", "12:00", "13:00", "18:00"]);
    assert_eq!(on(&office, 2), ["10:00", "12:00", "12:30", "15:00", "16:00", "18:00"]);
    assert_eq!(on(&office, 3), ["10:00", "12:00", "12:30", "18:00"]);
}

#[test]
fn time_zones_are_known_by_their_names() {
    let said = |zone: &str, place: &str| {
        format!(
            "BEGIN:VTIMEZONE\nTZID:{zone}\n{place}BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0100\n\
             TZOFFSETTO:+0100\nEND:STANDARD\nEND:VTIMEZONE\n{}",
            event(&format!(
                "SUMMARY:Lunch\nDTSTART;TZID={zone}:20261203T040000\nDTEND;TZID={zone}:20261203T043000"
            ))
        )
    };
    let cut = ["10:00", "12:00", "12:30", "18:00"];
    assert_eq!(on(&office("Asia/Seoul", &said("W. Europe Standard Time", "")), 3), cut);
    assert_eq!(on(&office("Asia/Seoul", &said("Office clock", "X-LIC-LOCATION:Europe/Berlin\n")), 3), cut);
    assert_eq!(
        calendar(&said("Office clock", "")).unwrap_err().to_string(),
        "has an event \"Lunch\" that cannot be understood: its time zone \"Office clock\" is not known; use one of the IANA \
         database"
    );
}

#[test]
fn an_event_lasts_over_a_night_that_is_an_hour_longer() {
    let lines = event("DTSTART:20261024T200000\nDTEND:20261025T120000");
    let berlin = office("Europe/Berlin", &lines);
    let times =
        ["2026-10-24T08:00:00Z", "2026-10-24T16:00:00Z", "2026-10-25T11:00:00Z", "2026-10-25T17:00:00Z"];
    assert_eq!(changes(&berlin, "2026-10-24T00:00:00Z", "2026-10-26T00:00:00Z"), times);
    let days = event("DTSTART;VALUE=DATE:20261025\nDTEND;VALUE=DATE:20261026");
    let berlin = office("Europe/Berlin", &days);
    let times = ["2026-10-24T08:00:00Z", "2026-10-24T16:00:00Z", "2026-10-26T09:00:00Z"];
    assert_eq!(changes(&berlin, "2026-10-24T00:00:00Z", "2026-10-26T12:00:00Z"), times);
}

#[test]
fn what_is_none_says_so() {
    for (text, says) in [
        ("", "is no iCalendar file with a VEVENT in it"),
        ("[node]\nname = \"a\"\n", "is no iCalendar file with a VEVENT in it"),
        ("BEGIN:VCALENDAR\nEND:VCALENDAR\n", "is no iCalendar file with a VEVENT in it"),
    ] {
        assert_eq!(Calendar::parse(text).unwrap_err().to_string(), says, "{text}");
    }
    let wrong = calendar(&event("SUMMARY:Party")).unwrap_err().to_string();
    assert_eq!(wrong, "has an event \"Party\" that cannot be understood: Missing DTSTART property");
    let endless =
        calendar(&event("DTSTART:20260101T000000Z\nDURATION:PT1M\nRRULE:FREQ=MINUTELY")).unwrap_err();
    assert_eq!(
        endless.to_string(),
        "has more than 100000 events until 2105: give its rules an UNTIL or a COUNT"
    );
}
