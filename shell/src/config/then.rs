//! What becomes of a caller for whom nobody is rung any more: `then`, in each of a line's tables that say so.

use super::clip::Clips;
use super::names::Names;
use super::table::Table;
use super::target::Targets;
use warmline_core::config::{LineIndex, TargetIndex, Then};

/// What such a table may have beside `then`.
pub(super) const TARGET: &str = "target";
pub(super) const PROMPT: &str = "prompt";
pub(super) const LINE: &str = "line";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Return,
    Voicemail,
    Overflow,
    Goodbye,
    Line,
}

const KINDS: &[(&str, Option<Kind>)] = &[
    ("return", Some(Kind::Return)),
    ("voicemail", Some(Kind::Voicemail)),
    ("overflow", Some(Kind::Overflow)),
    ("goodbye", Some(Kind::Goodbye)),
    ("line", Some(Kind::Line)),
];

/// What else it is read by.
pub(super) struct Around<'a, 't> {
    pub(super) targets: &'a Targets<'t>,
    pub(super) lines: &'a Names<'t>,
    pub(super) clips: &'a mut Clips,
    /// Whether the line that says so takes messages.
    pub(super) voicemail: bool,
}

/// What `table` says.
pub(super) fn read(table: &Table<'_>, around: &mut Around<'_, '_>) -> Option<Then> {
    let said = table.need("then")?;
    let kind = said.choice(KINDS)?.value;
    for (key, of, word) in
        [(TARGET, Kind::Overflow, "overflow"), (PROMPT, Kind::Goodbye, "goodbye"), (LINE, Kind::Line, "line")]
    {
        if let Some(value) = table.get(key).filter(|_| kind != of) {
            value.mistake(format!("\"{key}\" goes with then = \"{word}\""));
        }
    }
    match kind {
        Kind::Return => Some(Then::Return),
        Kind::Voicemail if around.voicemail => Some(Then::Voicemail),
        Kind::Voicemail => {
            said.mistake("the line takes no messages: write [line.voicemail]");
            None
        }
        Kind::Overflow => {
            let target = around.targets.names.find(table.need(TARGET)?.string()?)?;
            Some(Then::Overflow(TargetIndex(u16::try_from(target).ok()?)))
        }
        Kind::Goodbye => match table.get(PROMPT) {
            Some(prompt) => Some(Then::Goodbye(Some(around.clips.read(prompt)?))),
            None => Some(Then::Goodbye(None)),
        },
        Kind::Line => {
            let line = around.lines.find(table.need(LINE)?.string()?)?;
            Some(Then::Line(LineIndex(u16::try_from(line).ok()?)))
        }
    }
}
