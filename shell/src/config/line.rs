//! `[[line]]`: what can be dialled, and whom it rings.

use std::collections::HashMap;

use super::caution;
use super::clip::Clips;
use super::desk::{self, Desks};
use super::loaded::{Text, append};
use super::mistake::Report;
use super::names::Names;
use super::notation::duration;
use super::schedule::Schedules;
use super::table::{At, Table};
use super::target::Targets;
use super::then::Around;
use super::trunk::Trunks;
use super::waiting;
use super::when;
use crate::desk::OfLine;
use warmline_core::call::number;
use warmline_core::config::{Key, Line, List, Ring, Span, TargetIndex, TrunkIndex, TrunkKind, Whisper};
use warmline_core::line::When;
use warmline_core::time::Duration;

const KEYS: &[&str] = &[
    "name",
    "dial",
    "from",
    "ring",
    "greeting",
    "music",
    "record",
    "consent",
    "answer",
    "max_wait",
    "max_waiting",
    "repeat",
    "unanswered",
    "key",
    "voicemail",
    "when",
    "ticket",
];
const STEP: &[&str] = &["targets", "mode", "for", "accept", "whisper"];

/// How the targets of a step are rung: whether together.
const MODES: &[(&str, Option<bool>)] = &[("in-order", Some(false)), ("together", Some(true))];

/// How long a step rings where nothing is said, in milliseconds; at least, and at most.
const TIME: u32 = 30_000;
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(600);

/// Core counts lines, and what they hold, in 16 bits.
const MOST: usize = 65_535;

#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) entries: Vec<Option<Line>>,
    pub(super) dials: Vec<Span>,
    pub(super) callers: Vec<TrunkIndex>,
    pub(super) rings: Vec<Ring>,
    /// Where each of them is said to be rung together with others; none where it is not.
    pub(super) together: Vec<Option<usize>>,
    pub(super) whens: Vec<When>,
    pub(super) keys: Vec<Key>,
    /// What each wants of a desk.
    pub(super) tickets: Vec<Option<OfLine>>,
}

/// Each name or number that was dialled so far, with the trunk it is dialled from, by which line, how and where that is
/// said.
type Dialled<'t> = HashMap<(usize, String), (&'t str, At<&'t str>)>;

/// What lines refer to.
#[derive(Clone, Copy)]
pub(super) struct Known<'a, 't> {
    pub(super) trunks: &'a Trunks<'t>,
    pub(super) targets: &'a Targets<'t>,
    pub(super) schedules: &'a Schedules<'t>,
    pub(super) desks: &'a Desks<'t>,
}

pub(super) fn read<'t>(
    root: &Table<'t>,
    known: Known<'_, 't>,
    country: Span,
    clips: &mut Clips,
    text: &mut Text,
) -> Lines {
    let Known { trunks, targets, schedules, desks } = known;
    let report = root.report();
    let mut names = Names::new(root, "line");
    let mut dialled = Dialled::new();
    let mut lines = Lines::default();
    let tables = root.many("line", "[[line]]", KEYS, MOST);
    if root.get("line").is_none() {
        report.mistake(0, "there is no [[line]]: nothing could be dialled");
    }
    let named: Vec<_> = tables.iter().map(|table| names.declare(table)).collect();
    for (number, (table, name)) in tables.iter().zip(named).enumerate() {
        let dials = dials(table);
        let callers = callers(table, trunks);
        let (rings, together): (Vec<_>, Vec<_>) = rings(table, targets, clips).into_iter().unzip();
        lines.together.extend(together);
        let [greeting, music, consent] =
            ["greeting", "music", "consent"].map(|key| table.get(key).and_then(|value| clips.read(value)));
        let record = records(root, table);
        let mut around = Around { targets, lines: &names, clips, voicemail: false };
        let waiting = waiting::read(root, table, &mut around);
        caution::hangs_up(table, &waiting, &callers, trunks);
        caution::never_rings(table, &waiting, &rings, targets);
        let keys = append(&mut lines.keys, waiting.keys).unwrap_or(List::EMPTY);
        let when = append(&mut lines.whens, when::read(table, number, schedules, &mut around))
            .unwrap_or(List::EMPTY);
        if let Some(name) = name {
            let country = text.get(country).to_owned();
            refuse_dialled_twice(report, name.value, &dials, &callers, trunks, &country, &mut dialled);
        }
        let entry = lines.push(text, name, &dials, &callers, rings);
        if entry.is_none() && report.is_clean() {
            report.mistake(table.at, format!("all lines together hold more than {MOST} entries"));
        }
        let ticket = desk::of_line(table, desks);
        let budget = desk::budget(ticket.as_ref());
        lines.tickets.push(ticket);
        lines.entries.push(entry.map(|line| Line {
            greeting,
            music,
            record,
            consent,
            answer: waiting.answer,
            max_wait: waiting.max_wait,
            max_waiting: waiting.max_waiting,
            repeat: waiting.repeat,
            unanswered: waiting.unanswered,
            keys,
            when,
            voicemail: waiting.voicemail,
            longest: waiting.longest,
            budget,
            ..line
        }));
    }
    lines
}

impl Lines {
    fn push(
        &mut self,
        text: &mut Text,
        name: Option<At<&str>>,
        dials: &[At<&str>],
        callers: &[At<usize>],
        rings: Vec<Ring>,
    ) -> Option<Line> {
        let trunk = |caller: &At<usize>| u16::try_from(caller.value).ok().map(TrunkIndex);
        Some(Line::new(
            text.add(name?.value),
            append(&mut self.dials, dials.iter().map(|dial| text.add(dial.value)))?,
            append(&mut self.callers, callers.iter().filter_map(trunk))?,
            append(&mut self.rings, rings)?,
        ))
    }
}

/// Whether a line's calls are recorded.
fn records(root: &Table<'_>, table: &Table<'_>) -> bool {
    let said = table.get("record").and_then(|value| value.boolean());
    if let Some(At { value: true, at }) = said {
        if root.get("appliance").is_some() {
            root.report().mistake(at, "a board has nowhere to keep recordings: take \"record\" away");
        } else if root.get("recording").is_none() {
            let message = "there is no [recording] to say where recordings go: write its \"directory\"";
            root.report().mistake(at, message);
        }
    }
    if let Some(consent) = table.get("consent").filter(|_| !said.is_some_and(|said| said.value)) {
        consent.mistake("nobody is recorded who could be told so: set \"record\" to true");
    }
    said.is_some_and(|said| said.value)
}

/// The names and numbers a line is dialled by.
fn dials<'t>(table: &Table<'t>) -> Vec<At<&'t str>> {
    let texts = table.need("dial").map(|value| value.some_strings()).unwrap_or_default();
    texts.into_iter().filter_map(|text| text.read(table.report(), dial)).collect()
}

fn dial(text: &str) -> Result<&str, String> {
    let shown = text.escape_debug();
    if let Some(digits) = text.strip_prefix('+') {
        // E.164: at most 15 digits, the country code's first is not 0.
        let usable = (1..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !usable || digits.starts_with('0') {
            return Err(format!("\"{shown}\" is no number; write it like \"+8225550100\""));
        }
        return Ok(text);
    }
    let usable = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.*#".contains(&byte);
    if text.is_empty() || text.len() > 64 || !text.bytes().all(usable) {
        return Err(format!(
            "\"{shown}\" cannot be dialled; write a name like \"support\" or a number like \"+8225550100\""
        ));
    }
    Ok(text)
}

/// The numbers of the trunks that may dial a line.
fn callers(table: &Table<'_>, trunks: &Trunks<'_>) -> Vec<At<usize>> {
    let texts = table.need("from").map(|value| value.some_strings()).unwrap_or_default();
    let mut callers = Vec::new();
    for name in texts {
        let Some(number) = trunks.names.find(name) else { continue };
        if trunks.entry(number).is_some_and(|trunk| trunk.kind == TrunkKind::Zendesk) {
            let message = format!("trunk \"{}\" is of kind zendesk, which never starts calls", name.value);
            table.report().mistake(name.at, message);
        }
        callers.push(name.with(number));
    }
    callers
}

/// Whom a line rings, one after the other or together; and where that is said, of those who are rung together.
fn rings(table: &Table<'_>, targets: &Targets<'_>, clips: &mut Clips) -> Vec<(Ring, Option<usize>)> {
    let steps = table.need("ring").map(|value| value.tables("a step of \"ring\"", STEP)).unwrap_or_default();
    let mut rings = Vec::new();
    for step in steps {
        let names = step.need("targets").map(|value| value.some_strings()).unwrap_or_default();
        let together = step.get("mode").and_then(|mode| mode.choice(MODES)).is_some_and(|mode| mode.value);
        let time = step.get("for").and_then(|value| value.read(ring_time)).map_or(TIME, |time| time.value);
        let whisper = whisper(&step, clips);
        let mut first = true;
        for name in names {
            let Some(number) = targets.names.find(name) else { continue };
            if whisper.is_some() && targets.is_queue(number) {
                let message = format!("\"{}\" is a queue: nobody is there yet to hear a whisper", name.value);
                table.report().mistake(name.at, message);
            }
            let Ok(number) = u16::try_from(number) else { continue };
            let beside = together && !core::mem::take(&mut first);
            let ring = Ring { beside, whisper, ..Ring::new(TargetIndex(number), time) };
            rings.push((ring, together.then_some(name.at)));
        }
    }
    rings
}

/// What whoever answers in a step hears before the call is theirs.
fn whisper(step: &Table<'_>, clips: &mut Clips) -> Option<Whisper> {
    let accept = step.get("accept");
    let Some(said) = step.get("whisper") else {
        if let Some(accept) = accept {
            accept.mistake("nobody would know which key to press: write the \"whisper\" that says so");
        }
        return None;
    };
    let accept = accept.map(|value| value.read(waiting::key));
    let clip = clips.read(said)?;
    match accept {
        None => Some(Whisper { clip, accept: None }),
        Some(key) => Some(Whisper { clip, accept: Some(key?.value) }),
    }
}

fn ring_time(text: &str) -> Result<u32, String> {
    let time = duration(text)?;
    if !(SHORTEST..=LONGEST).contains(&time) {
        return Err(format!("\"{text}\" is no time to ring; it may be from 1s to 10m"));
    }
    Ok(time.as_millis() as u32)
}

/// What is dialled must name its line.
fn refuse_dialled_twice<'t>(
    report: &Report<'_>,
    line: &'t str,
    dials: &[At<&'t str>],
    callers: &[At<usize>],
    trunks: &Trunks<'t>,
    country: &str,
    dialled: &mut Dialled<'t>,
) {
    for dial in dials {
        // As core compares them: numbers in E.164.
        let number = number(dial.value.as_bytes(), country.as_bytes());
        let number = number.and_then(|number| Some(str::from_utf8(&number).ok()?.to_owned()));
        let number = number.unwrap_or_else(|| dial.value.to_owned());
        for caller in callers {
            refuse_unknown_caller(report, *dial, &number, caller.value, trunks, dialled);
            let Some((other, first)) = dialled.insert((caller.value, number.clone()), (line, *dial)) else {
                continue;
            };
            if first.at != dial.at && (other != line || first.value == dial.value) {
                let (trunk, place) = (trunks.names.of(caller.value), report.place(first.at));
                let same = if first.value == dial.value {
                    String::new()
                } else {
                    format!(", as \"{}\"", first.value)
                };
                let number = dial.value;
                let message = format!(
                    "\"{number}\" from trunk \"{trunk}\" means line \"{other}\" already, at {place}{same}"
                );
                report.mistake(dial.at, message);
            }
        }
    }
}

/// Where two trunks speak from the same addresses, what is dialled says which of them it is, or who proves to be its
/// user.
fn refuse_unknown_caller(
    report: &Report<'_>,
    dial: At<&str>,
    number: &str,
    caller: usize,
    trunks: &Trunks<'_>,
    dialled: &Dialled<'_>,
) {
    let proves = |trunk: usize| trunks.entry(trunk).is_none_or(|trunk| trunk.users.len > 0);
    for other in trunks.sources.beside(caller) {
        if !dialled.contains_key(&(other, number.to_owned())) || proves(caller) && proves(other) {
            continue;
        }
        let (this, that) = (trunks.names.of(caller), trunks.names.of(other));
        let message = format!(
            "\"{}\" is dialled from trunk \"{this}\" and from \"{that}\", which speak from the same addresses: nothing \
             tells them apart; take one of them out of \"from\", or give both a [[trunk.user]]",
            dial.value
        );
        report.mistake(dial.at, message);
    }
}
