//! What is wrong with a configuration, and where it says so.

use core::cell::RefCell;
use core::error::Error;
use core::fmt;
use std::path::{Path, PathBuf};

/// A place in a text. Both count from one; columns count characters, as editors do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in that line.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// One thing that is wrong. Displays as `config.toml:14:9: unknown trunk "zendsk"; did you mean "zendesk"?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file, as it was named by whoever asked for it.
    pub file: String,
    /// Where it stands; none where the file could not be read at all.
    pub position: Option<Position>,
    /// What is wrong, in words.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(position) => write!(f, "{}:{position}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

/// Everything that is wrong, at least one mistake, in the order of the file. Displays one to a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// One mistake about a file as a whole.
    pub(super) fn of_file(file: &str, message: String) -> Self {
        Self(vec![Mistake { file: file.to_owned(), position: None, message }])
    }

    /// The mistakes, in the order of the file.
    pub fn iter(&self) -> core::slice::Iter<'_, Mistake> {
        self.0.iter()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, mistake) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{mistake}")?;
        }
        Ok(())
    }
}

impl Error for Mistakes {}

/// Where mistakes are gathered while a text is read. Places are byte offsets into the text until they are shown.
#[derive(Debug)]
pub(super) struct Report<'t> {
    file: &'t str,
    text: &'t str,
    /// Offset of each line's first byte.
    lines: Vec<usize>,
    found: RefCell<Vec<(usize, String)>>,
    cautions: RefCell<Vec<(usize, String)>>,
}

impl<'t> Report<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        let starts = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n').map(|(at, _)| at + 1);
        Self {
            file,
            text,
            lines: core::iter::once(0).chain(starts).collect(),
            found: RefCell::default(),
            cautions: RefCell::default(),
        }
    }

    /// Notes a mistake.
    pub(super) fn mistake(&self, at: usize, message: impl Into<String>) {
        self.found.borrow_mut().push((at, message.into()));
    }

    /// Notes what is no mistake, and hardly meant.
    pub(super) fn caution(&self, at: usize, message: impl Into<String>) {
        self.cautions.borrow_mut().push((at, message.into()));
    }

    /// A place as other messages name it: `config.toml:14:9`.
    pub(super) fn place(&self, at: usize) -> String {
        format!("{}:{}", self.file, self.position(at))
    }

    /// Where a file is that the text names: beside the configuration, unless it says otherwise.
    pub(super) fn beside(&self, file: &str) -> PathBuf {
        Path::new(self.file).parent().unwrap_or_else(|| Path::new("")).join(file)
    }

    /// Whether nothing was wrong so far.
    pub(super) fn is_clean(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// Everything that was wrong so far, in order.
    pub(super) fn check(&self) -> Result<(), Mistakes> {
        let mut found = self.found.take();
        if found.is_empty() {
            return Ok(());
        }
        found.sort();
        found.dedup();
        Err(Mistakes(found.into_iter().map(|found| self.of(found)).collect()))
    }

    /// What was noted that is no mistake, in order.
    pub(super) fn cautions(&self) -> Vec<Mistake> {
        let mut found = self.cautions.take();
        found.sort();
        found.into_iter().map(|found| self.of(found)).collect()
    }

    fn of(&self, (at, message): (usize, String)) -> Mistake {
        Mistake { file: self.file.to_owned(), position: Some(self.position(at)), message }
    }

    fn position(&self, at: usize) -> Position {
        let line = self.lines.partition_point(|&start| start <= at);
        let start = line.checked_sub(1).and_then(|index| self.lines.get(index)).copied().unwrap_or(0);
        let rest = self.text.get(start..).unwrap_or_default();
        let column = rest.char_indices().take_while(|(offset, _)| start + offset < at).count();
        Position { line: line.max(1), column: column + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let report = Report::new("f", "a = 1\nb = \"전화\" x\n");
        assert_eq!(report.place(0), "f:1:1");
        assert_eq!(report.place(6), "f:2:1");
        assert_eq!(report.place("a = 1\nb = \"전화\" ".len()), "f:2:10");
        assert_eq!(report.place(1000), "f:3:1");
    }

    #[test]
    fn mistakes_come_in_the_order_of_the_text() {
        let report = Report::new("f", "a\nb\n");
        report.mistake(2, "second");
        report.mistake(0, "first");
        report.mistake(2, "second");
        assert_eq!(report.check().unwrap_err().to_string(), "f:1:1: first\nf:2:1: second");
    }
}
