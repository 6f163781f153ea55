//! The names that sections give themselves, and by which others refer to them.

use std::collections::HashMap;

use super::mistake::Report;
use super::suggest::{hint, known};
use super::table::{At, Table};

/// The longest name of anything.
const LONGEST: usize = 64;

/// How many names a message lists at most.
const LISTED: usize = 12;

/// What a section may call itself.
pub(super) fn name(text: &str) -> Result<&str, String> {
    let usable = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if text.is_empty() || text.len() > LONGEST || !text.bytes().all(usable) {
        return Err(format!(
            "\"{}\" is no name; a name is 1 to {LONGEST} letters, digits, \"-\", \"_\" and \".\"",
            text.escape_debug()
        ));
    }
    Ok(text)
}

/// All names of one kind of section. Sections are numbered in the order of the file.
#[derive(Debug)]
pub(super) struct Names<'t> {
    report: &'t Report<'t>,
    /// What they name: `trunk`.
    what: &'static str,
    /// One for each section; empty where it has no name of its own.
    names: Vec<&'t str>,
    numbers: HashMap<&'t str, At<usize>>,
    /// Whether one of them may be called anything, since its own name could not be read.
    unsure: bool,
}

impl<'t> Names<'t> {
    /// The names of the sections `what` in the document, to be declared one by one.
    pub(super) fn new(root: &Table<'t>, what: &'static str) -> Self {
        let unsure = root.get(what).is_some_and(|value| !value.is_list());
        Self { report: root.report(), what, names: Vec::new(), numbers: HashMap::new(), unsure }
    }

    /// Reads the `name` of the next section. A missing one, or one that is taken already, is a mistake.
    pub(super) fn declare(&mut self, table: &Table<'t>) -> Option<At<&'t str>> {
        let number = self.names.len();
        let name = table.need("name").and_then(|value| value.read(name));
        let fresh = name.filter(|name| self.is_fresh(*name));
        self.unsure |= fresh.is_none();
        self.names.push(fresh.map_or("", |name| name.value));
        if let Some(name) = fresh {
            self.numbers.insert(name.value, name.with(number));
        }
        fresh
    }

    fn is_fresh(&self, name: At<&str>) -> bool {
        let taken = self.numbers.get(name.value);
        if let Some(first) = taken {
            let (what, place) = (self.what, self.report.place(first.at));
            self.report.mistake(name.at, format!("{what} \"{}\" is defined already, at {place}", name.value));
        }
        taken.is_none()
    }

    /// The number of the section that is called so. An unknown one is a mistake, unless it may be a section whose
    /// own name is the mistake.
    pub(super) fn find(&self, name: At<&str>) -> Option<usize> {
        let found = self.numbers.get(name.value).map(|entry| entry.value);
        if found.is_none() && !self.unsure {
            let what = self.what;
            let names: Vec<&str> = self.names.iter().copied().filter(|name| !name.is_empty()).collect();
            let others = || match names.as_slice() {
                [] => format!("; there is no [[{what}]]"),
                many if many.len() > LISTED => String::new(),
                few => known(what, few),
            };
            let hint = hint(name.value, names.iter().copied(), others);
            self.report.mistake(name.at, format!("unknown {what} \"{}\"{hint}", name.value.escape_debug()));
        }
        found
    }

    /// Whether there is more than one section.
    pub(super) fn are_many(&self) -> bool {
        self.names.len() > 1
    }

    /// The section's name.
    pub(super) fn of(&self, number: usize) -> &'t str {
        self.names.get(number).copied().unwrap_or_default()
    }
}
