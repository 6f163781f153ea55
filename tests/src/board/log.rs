//! The board's log: defmt, decoded as it grows.

use core::time::Duration;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use defmt_decoder::{DecodeError, StreamDecoder, Table};

use super::account::Account;
use crate::sipp::poll;

/// What the board has said, line by line.
pub struct Log {
    file: PathBuf,
    decoder: Box<dyn StreamDecoder + Send + Sync>,
    /// How many of the file's bytes were decoded.
    read: u64,
    lines: Vec<String>,
    account: Account,
}

impl Log {
    /// The log that `program` (an ELF file) writes to `file`.
    ///
    /// # Panics
    /// When the program has no defmt table.
    pub fn new(program: &Path, file: &Path) -> Self {
        // One program in a run: the table is read once.
        static TABLE: OnceLock<Table> = OnceLock::new();
        let table = TABLE.get_or_init(|| {
            let elf = std::fs::read(program).unwrap_or_else(|error| panic!("{}: {error}", program.display()));
            Table::parse(&elf).expect("a table that is understood").expect("a program that logs by defmt")
        });
        let decoder = table.new_stream_decoder();
        Self { file: file.to_owned(), decoder, read: 0, lines: Vec::new(), account: Account::default() }
    }

    /// All lines so far, each with its level before it.
    pub fn lines(&mut self) -> &[String] {
        let mut fresh = Vec::new();
        let mut file = File::open(&self.file).expect("the board's log is there");
        let read = file.seek(SeekFrom::Start(self.read)).and_then(|_| file.read_to_end(&mut fresh));
        self.read += read.expect("the board's log can be read") as u64;
        self.decoder.received(&fresh);
        loop {
            match self.decoder.decode() {
                Ok(frame) => {
                    let level = frame.level().map_or("", |level| level.as_str());
                    let line = format!("{level} {}", frame.display_message());
                    self.account.take(&line);
                    self.lines.push(line);
                }
                Err(DecodeError::UnexpectedEof) => return &self.lines,
                // The board was reset in the middle of a line; the next is whole again.
                Err(DecodeError::Malformed) => {}
            }
        }
    }

    /// How many lines have `text` in them.
    pub fn count(&mut self, text: &str) -> usize {
        self.lines().iter().filter(|line| line.contains(text)).count()
    }

    /// Waits until a line has `text` in it, and gives the first that has.
    ///
    /// # Panics
    /// When none has for `patience`.
    pub fn wait_for(&mut self, text: &str, patience: Duration) -> String {
        let found = poll(patience, || self.lines().iter().find(|line| line.contains(text)).cloned());
        found.unwrap_or_else(|| panic!("the board does not say {text:?}; it said:\n{}", self.tail()))
    }

    /// What the board counts, as it was told last.
    pub fn account(&mut self) -> Account {
        self.lines();
        self.account.clone()
    }

    /// Waits until what the board counts is as `wanted`.
    ///
    /// # Panics
    /// When it is not for `patience`.
    pub fn account_when(&mut self, patience: Duration, wanted: impl Fn(&Account) -> bool) -> Account {
        let found = poll(patience, || Some(self.account()).filter(&wanted));
        found.unwrap_or_else(|| {
            panic!("the board's account is not as it should be: {:#?}\n{}", self.account(), self.tail())
        })
    }

    /// The last lines, as one text.
    pub fn tail(&mut self) -> String {
        const SHOWN: usize = 60;
        let lines = self.lines();
        lines[lines.len().saturating_sub(SHOWN)..].join("\n")
    }
}

impl core::fmt::Debug for Log {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Log").field("file", &self.file).field("read", &self.read).finish_non_exhaustive()
    }
}
