//! Opening hours, and what lines do then.

use std::fs;

use jiff::Timestamp;
use warmline_core::image::{self, Tables};
use warmline_core::line::{Hours, holding};
use warmline_core::time::Utc;

use super::appliance::PLAIN as FOR_BOARDS;
use super::mistakes::{PLAIN, assert_said};
use crate::config::{load, parse, parse_as};

const OFFICE: &str = "[[schedule]]
name = \"office\"
timezone = \"Asia/Seoul\"
open = [\"Mon-Fri 09:00-18:00\"]
";

const WHEN: &str = "[[line.when]]
outside = \"office\"
then = \"goodbye\"
";

fn with(schedule: &str) -> String {
    PLAIN.replace("[[line]]", &format!("{schedule}\n[[line]]"))
}

#[test]
fn are_compiled_from_when_they_are_read() {
    let closed = format!("{OFFICE}unknown = \"closed\"\n");
    let loaded = parse("config.toml", &(with(&closed) + WHEN)).expect("it is sound");
    let config = loaded.lend();
    let [schedule] = config.schedules else { panic!("{:?}", config.schedules) };
    assert_eq!(config.text(schedule.name), b"office");
    assert_eq!(schedule.unknown, Hours::Closed);
    // 57 whole weeks of five days, and a day or two more.
    assert!((570..=586).contains(&config.changes(schedule).len()), "{:?}", schedule.changes);
    let now = Timestamp::now();
    assert!(schedule.at(&config, Some(Utc(now.as_microsecond()))).is_some());
    assert!(!loaded.hours_run_out(now));
    assert_eq!(config.whens(&config.lines[0]).len(), 1);
}

#[test]
fn are_compiled_anew() {
    let loaded = parse("config.toml", &(with(OFFICE) + WHEN)).expect("it is sound");
    let at = |text: &str| text.parse::<Timestamp>().expect("a time");
    let later = at("2031-06-02T10:00:00+09:00");
    assert!(loaded.hours_run_out(later));
    let new =
        loaded.with_hours(loaded.written(), &loaded.written().compile(later)).expect("they are its own");
    assert!(!new.hours_run_out(later));
    let holds = |time: &str| {
        let config = new.lend();
        holding(&config, &config.lines[0], Some(Utc(at(time).as_microsecond()))).is_some()
    };
    // A Monday.
    assert!(!holds("2031-06-02T10:00:00+09:00"));
    assert!(holds("2031-06-02T18:00:00+09:00"));
    // Another configuration's are not taken.
    let other = parse("config.toml", &(with(OFFICE) + WHEN)).expect("it is sound");
    assert!(loaded.with_hours(other.written(), &other.written().compile(later)).is_none());
}

#[test]
fn calendars_lie_beside_the_configuration() {
    let folder = std::env::temp_dir().join(format!("warmline-config-calendar-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let text = with(&format!("{OFFICE}except_ical = \"holidays.ics\"\n"));
    fs::write(folder.join("warmline.toml"), text).expect("a file");
    let event =
        "BEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:20010101\nRRULE:FREQ=DAILY;BYDAY=MO,TU,WE\nEND:VEVENT";
    fs::write(folder.join("holidays.ics"), format!("BEGIN:VCALENDAR\n{event}\nEND:VCALENDAR\n"))
        .expect("a file");
    let loaded = load(&folder.join("warmline.toml")).expect("it is sound");
    let changes = loaded.lend().schedules[0].changes.len;
    assert!((228..=240).contains(&changes), "two days in a week: {changes}");
    fs::remove_dir_all(folder).expect("it is there");
}

#[test]
fn mistakes_have_places() {
    let office = |old: &str, new: &str| format!("{}\n[[line]]", OFFICE.replace(old, new));
    let cases = [
        (
            office("Asia/Seoul", "Asia/Seul"),
            "config.toml:33:12: unknown timezone \"Asia/Seul\"; did you mean \"Asia/Seoul\"?",
        ),
        (
            office("Asia/Seoul", "New York"),
            "config.toml:33:12: unknown timezone \"New York\"; did you mean \"America/New_York\"?",
        ),
        (
            office("Asia/Seoul", "somewhere"),
            "config.toml:33:12: unknown timezone \"somewhere\"; write it like \"Europe/Berlin\"",
        ),
        (
            office("timezone = \"Asia/Seoul\"\n", ""),
            "config.toml:31:1: missing key \"timezone\" in [[schedule]]",
        ),
        (
            office("Mon-Fri", "Mno-Fri"),
            "config.toml:34:9: \"Mno\" is no day of the week; did you mean \"Mon\"?",
        ),
        (
            office("open", "except = [\"25.12.2026\"]\nopen"),
            "config.toml:34:11: \"25.12.2026\" is no date; write it like \"2026-12-25\", or \"2026-12-24 09:00-12:00\"",
        ),
        (
            office("open", "except = [\"2026-12-25\", \"2026-12-25 09:00-10:00\"]\nopen"),
            "config.toml:34:25: what holds on 2026-12-25 is said already, at config.toml:34:11: say all of it there",
        ),
        (
            office("open", "except_ical = \"none.ics\"\nopen"),
            "config.toml:34:15: none.ics cannot be read: No such file or directory (os error 2)",
        ),
        (
            office("open", "except_ical = \"Cargo.toml\"\nopen"),
            "config.toml:34:15: Cargo.toml is no iCalendar file with a VEVENT in it",
        ),
        (
            office("open", "unknown = \"shut\"\nopen"),
            "config.toml:34:11: unknown unknown \"shut\"; it may be \"open\" or \"closed\"",
        ),
        (
            office("office", "a b"),
            "config.toml:32:8: \"a b\" is no name; a name is 1 to 64 letters, digits, \"-\", \"_\" and \".\"",
        ),
    ];
    let cases: Vec<_> = cases.iter().map(|(new, says)| ("[[line]]", new.as_str(), *says)).collect();
    assert_said(&cases);
}

#[test]
fn what_lines_do_names_one_schedule() {
    let line = |rule: &str| {
        format!(
            "[[line]]\nname = \"hours\"\ndial = [\"hours\"]\nfrom = [\"ai\"]\nring = [{{ targets = [\"support\"] }}]\n{rule}\n{OFFICE}\n[[line]]"
        )
    };
    let cases = [
        (
            line("[[line.when]]\noutside = \"ofice\"\nthen = \"goodbye\""),
            "config.toml:37:11: unknown schedule \"ofice\"; did you mean \"office\"?",
        ),
        (
            line("[[line.when]]\nthen = \"goodbye\""),
            "config.toml:36:1: [[line.when]] names no schedule: say outside = \"NAME\", or inside",
        ),
        (
            line("[[line.when]]\noutside = \"office\"\ninside = \"office\"\nthen = \"goodbye\""),
            "config.toml:38:10: a [[line.when]] is for one schedule, inside or outside: make two of it",
        ),
        (
            line("[[line.when]]\noutside = \"office\""),
            "config.toml:36:1: missing key \"then\" in [[line.when]]",
        ),
    ];
    let cases: Vec<_> = cases.iter().map(|(new, says)| ("[[line]]", new.as_str(), *says)).collect();
    assert_said(&cases);
}

#[test]
fn a_board_has_them_in_its_image() {
    let board = image::board("mps2-an386");
    let text = FOR_BOARDS.replace("[[line]]", &format!("{OFFICE}\n[[line]]")) + WHEN;
    let loaded = parse_as("board.toml", &text, board).expect("it is sound");
    let mut bytes = vec![0; 64 * 1024];
    let len =
        image::write(&loaded.lend(), loaded.appliance().expect("a board's"), &mut bytes).expect("it fits");
    let mut tables = Box::new(Tables::new());
    image::read(&bytes[..len], &mut tables).expect("it is sound");
    assert_eq!(tables.lend().schedules, loaded.lend().schedules);
    assert_eq!(tables.lend().whens, loaded.lend().whens);
    assert_eq!(image::instants(&bytes[..len]), Ok(loaded.lend().instants));

    let busy = "\"Mon-Sun 01:00-02:00 03:00-04:00 05:00-06:00\"";
    let text = text.replace("\"Mon-Fri 09:00-18:00\"", busy);
    let said = parse_as("board.toml", &text, board).map(drop).map_err(|mistakes| mistakes.to_string());
    let said = said.expect_err("there is no room for it");
    assert!(
        said.contains("times at which schedules open and close, but a board takes at most 2048"),
        "{said}"
    );
}
