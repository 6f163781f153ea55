//! `[recording]`: where recordings go. Which calls are recorded their lines say.

use super::machine::Machine;
use super::table::Table;
use crate::recording::{self, Format, Setting};

const KEYS: &[&str] = &["directory", "format", "recipients"];

const FORMATS: &[(&str, Option<Format>)] = &[("mulaw", Some(Format::MuLaw)), ("pcm", Some(Format::Pcm))];

/// Where recordings go; none where none are made.
pub(super) fn read(root: &Table<'_>, machine: Machine) -> Option<Setting> {
    let table = root.one("recording", "[recording]", KEYS)?;
    if !machine.is_server() {
        table.report().mistake(table.at, "a board cannot record: it has nowhere to keep recordings");
        return None;
    }
    let directory = table.need("directory").and_then(|value| value.string());
    let format = table.get("format").and_then(|value| value.choice(FORMATS));
    let recipients = table.get("recipients").map(|value| value.some_strings()).unwrap_or_default();
    for recipient in &recipients {
        if let Err(why) = recording::recipient(recipient.value) {
            let shown = recipient.value.escape_debug();
            let message = format!("\"{shown}\" is no recipient of age ({why}); one begins with \"age1\"");
            table.report().mistake(recipient.at, message);
        }
    }
    let directory = directory?;
    let path = table.report().beside(directory.value);
    if let Err(error) = recording::check(&path) {
        let message = format!("recordings cannot be written to {}: {error}", path.display());
        table.report().mistake(directory.at, message);
    }
    let recipients = recipients.into_iter().map(|recipient| recipient.value.to_owned()).collect();
    Some(Setting { directory: path, format: format.map_or(Format::MuLaw, |format| format.value), recipients })
}
