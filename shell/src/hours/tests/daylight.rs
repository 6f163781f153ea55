//! Clocks that go forward and back, midnights, exceptions.

use super::*;

#[test]
fn offices_open_by_the_clock_on_the_wall() {
    let berlin = rules("Europe/Berlin", &["Sat,Sun 09:00-18:00"], &[]);
    let spring =
        ["2026-03-28T08:00:00Z", "2026-03-28T17:00:00Z", "2026-03-29T07:00:00Z", "2026-03-29T16:00:00Z"];
    assert_eq!(changes(&berlin, "2026-03-27T00:00:00Z", "2026-03-30T00:00:00Z"), spring);
    let autumn =
        ["2026-10-24T07:00:00Z", "2026-10-24T16:00:00Z", "2026-10-25T08:00:00Z", "2026-10-25T17:00:00Z"];
    assert_eq!(changes(&berlin, "2026-10-23T00:00:00Z", "2026-10-26T00:00:00Z"), autumn);

    let york = rules("America/New_York", &["Sat,Sun 09:00-18:00"], &[]);
    let spring =
        ["2026-03-07T14:00:00Z", "2026-03-07T23:00:00Z", "2026-03-08T13:00:00Z", "2026-03-08T22:00:00Z"];
    assert_eq!(changes(&york, "2026-03-07T00:00:00Z", "2026-03-09T00:00:00Z"), spring);
    let autumn =
        ["2026-10-31T13:00:00Z", "2026-10-31T22:00:00Z", "2026-11-01T14:00:00Z", "2026-11-01T23:00:00Z"];
    assert_eq!(changes(&york, "2026-10-31T00:00:00Z", "2026-11-02T00:00:00Z"), autumn);

    let seoul = rules("Asia/Seoul", &["Sun 09:00-18:00"], &[]);
    let spring = ["2026-03-29T00:00:00Z", "2026-03-29T09:00:00Z"];
    assert_eq!(changes(&seoul, "2026-03-28T00:00:00Z", "2026-03-30T00:00:00Z"), spring);
}

#[test]
fn a_night_is_as_long_as_it_is() {
    let berlin = rules("Europe/Berlin", &["Sat 22:00-06:00"], &[]);
    let short = ["2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z"];
    assert_eq!(changes(&berlin, "2026-03-28T00:00:00Z", "2026-03-30T00:00:00Z"), short);
    let long = ["2026-10-24T20:00:00Z", "2026-10-25T05:00:00Z"];
    assert_eq!(changes(&berlin, "2026-10-24T00:00:00Z", "2026-10-26T00:00:00Z"), long);
}

#[test]
fn what_a_clock_skips_opens_and_closes_at_that_moment() {
    let (from, until) = ("2026-03-28T12:00:00Z", "2026-03-30T00:00:00Z");
    let sunday = |hours: &str| changes(&rules("Europe/Berlin", &[&format!("Sun {hours}")], &[]), from, until);
    assert_eq!(sunday("02:30-04:00"), ["2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"]);
    assert_eq!(sunday("01:00-02:30"), ["2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"]);
    assert_eq!(sunday("02:15-02:45"), [""; 0]);
    let york = rules("America/New_York", &["Sun 02:30-04:00"], &[]);
    let times = ["2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"];
    assert_eq!(changes(&york, "2026-03-08T00:00:00Z", "2026-03-09T00:00:00Z"), times);
    // There midnight itself is skipped.
    let santiago = rules("America/Santiago", &["Sun 00:00-10:00"], &[]);
    let times = ["2026-09-06T04:00:00Z", "2026-09-06T13:00:00Z"];
    assert_eq!(changes(&santiago, "2026-09-05T12:00:00Z", "2026-09-07T00:00:00Z"), times);
}

#[test]
fn of_a_time_that_comes_twice_the_first_opens_and_the_second_closes() {
    let berlin = rules("Europe/Berlin", &["Sun 02:15-02:45"], &[]);
    let times = ["2026-10-25T00:15:00Z", "2026-10-25T01:45:00Z"];
    assert_eq!(changes(&berlin, "2026-10-24T12:00:00Z", "2026-10-26T00:00:00Z"), times);
    let york = rules("America/New_York", &["Sun 01:15-01:45"], &[]);
    let times = ["2026-11-01T05:15:00Z", "2026-11-01T06:45:00Z"];
    assert_eq!(changes(&york, "2026-10-31T12:00:00Z", "2026-11-02T00:00:00Z"), times);
}

#[test]
fn a_midnight_in_between_changes_nothing() {
    let seoul = rules("Asia/Seoul", &["Fri 18:00-24:00", "Sat 00:00-02:00", "Fri 17:00-18:00"], &[]);
    let times = ["2026-12-04T08:00:00Z", "2026-12-04T17:00:00Z"];
    assert_eq!(changes(&seoul, "2026-12-04T00:00:00Z", "2026-12-06T00:00:00Z"), times);
    let weekend = rules("Asia/Seoul", &["Sun 22:00-06:00"], &[]);
    let times = ["2026-12-06T13:00:00Z", "2026-12-06T21:00:00Z"];
    assert_eq!(changes(&weekend, "2026-12-06T00:00:00Z", "2026-12-08T00:00:00Z"), times);
    // Compiled in the middle of the night that began the day before.
    assert_eq!(changes(&weekend, "2026-12-06T20:00:00Z", "2026-12-08T00:00:00Z"), ["2026-12-06T21:00:00Z"]);
    let compiled = compile(&weekend, time("2026-12-07T20:00:00Z"));
    assert_eq!(compiled.first, warmline_core::line::Hours::Open);
}

#[test]
fn exceptions_close_or_have_hours_of_their_own() {
    let (from, until) = ("2026-12-23T00:00:00Z", "2026-12-29T00:00:00Z");
    let office = ["Mon-Fri 09:00-18:00"];
    let seoul =
        rules("Asia/Seoul", &office, &["2026-12-25", "2026-12-24 09:00-12:00", "2026-12-27 10:00-11:00"]);
    let times = [
        "2026-12-23T00:00:00Z",
        "2026-12-23T09:00:00Z",
        "2026-12-24T00:00:00Z",
        "2026-12-24T03:00:00Z",
        "2026-12-27T01:00:00Z",
        "2026-12-27T02:00:00Z",
        "2026-12-28T00:00:00Z",
        "2026-12-28T09:00:00Z",
    ];
    assert_eq!(changes(&seoul, from, until), times);
}

#[test]
fn what_began_the_day_before_ends_as_an_exception_begins() {
    let (from, until) = ("2026-12-24T00:00:00Z", "2026-12-28T00:00:00Z");
    let nights =
        |except: &[&str]| changes(&rules("Asia/Seoul", &["Thu,Fri 22:00-06:00"], except), from, until);
    let both =
        ["2026-12-24T13:00:00Z", "2026-12-24T21:00:00Z", "2026-12-25T13:00:00Z", "2026-12-25T21:00:00Z"];
    assert_eq!(nights(&[]), both);
    assert_eq!(nights(&["2026-12-25"]), ["2026-12-24T13:00:00Z", "2026-12-24T15:00:00Z"]);
    // Hours of an exception go on into the next day, which is none.
    let other =
        ["2026-12-24T13:00:00Z", "2026-12-24T15:00:00Z", "2026-12-25T14:00:00Z", "2026-12-25T16:00:00Z"];
    assert_eq!(nights(&["2026-12-25 23:00-01:00"]), other);
}
