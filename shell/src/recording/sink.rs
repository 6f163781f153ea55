//! Where a recording's bytes go: into a file as they are, or sealed to those who may read them.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use age::stream::StreamWriter;
use age::x25519::Recipient;

/// A file.
pub(super) enum Sink {
    /// Whose start can be written again.
    Plain(File),
    /// Sealed by `age`, 64 KiB at a time.
    Sealed(StreamWriter<File>),
}

impl Sink {
    /// Seals to all of `recipients`, where there are some.
    pub(super) fn new(file: File, recipients: &[String]) -> io::Result<Self> {
        if recipients.is_empty() {
            return Ok(Self::Plain(file));
        }
        let all: Result<Vec<_>, _> = recipients.iter().map(|text| recipient(text)).collect();
        let all = all.map_err(io::Error::other)?;
        let all = all.iter().map(|one| one as &dyn age::Recipient);
        let encryptor = age::Encryptor::with_recipients(all).map_err(io::Error::other)?;
        Ok(Self::Sealed(encryptor.wrap_output(file)?))
    }

    /// Whether its start can be written again.
    pub(super) const fn can_go_back(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Writes what comes next.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(bytes),
            Self::Sealed(writer) => writer.write_all(bytes),
        }
    }

    /// Writes the file's start again, where that can be.
    pub(super) fn write_start(&self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all_at(bytes, 0),
            Self::Sealed(_) => Ok(()),
        }
    }

    /// Seals what is left.
    pub(super) fn finish(self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Sealed(writer) => writer.finish().map(drop),
        }
    }
}

/// Who is named so.
pub(super) fn recipient(text: &str) -> Result<Recipient, String> {
    text.parse::<Recipient>().map_err(str::to_owned)
}
