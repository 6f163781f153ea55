//! Files of the machine that QEMU runs on, many bytes at a time.

use core::ffi::CStr;

use semihosting::eprintln;
use semihosting::fs::File;
use semihosting::io::{Read, Write};
use warmline_trace::stream::{Sink, Source};

/// Bytes that are moved at once.
pub(crate) const BUFFER: usize = 64 * 1024;

/// A file that is read from its start.
pub(crate) struct Reading {
    file: File,
    buffer: &'static mut [u8; BUFFER],
    ahead: core::ops::Range<usize>,
}

/// A file that is written anew.
pub(crate) struct Writing {
    file: File,
    buffer: &'static mut [u8; BUFFER],
    filled: usize,
    failed: bool,
}

impl Reading {
    pub(crate) fn open(name: &str, buffer: &'static mut [u8; BUFFER]) -> Option<Self> {
        let file = with_name(name, |name| File::open(name))?;
        Some(Self { file, buffer, ahead: 0..0 })
    }
}

impl Source for Reading {
    fn read(&mut self, room: &mut [u8]) -> usize {
        if self.ahead.is_empty() {
            self.ahead = 0..self.file.read(self.buffer).unwrap_or(0);
        }
        let len = room.len().min(self.ahead.len());
        room[..len].copy_from_slice(&self.buffer[self.ahead.start..][..len]);
        self.ahead.start += len;
        len
    }
}

impl Writing {
    pub(crate) fn create(name: &str, buffer: &'static mut [u8; BUFFER]) -> Option<Self> {
        let file = with_name(name, |name| File::create(name))?;
        Some(Self { file, buffer, filled: 0, failed: false })
    }

    /// Writes what was not written yet.
    pub(crate) fn finish(mut self) -> Option<()> {
        self.flush();
        if self.failed {
            eprintln!("what leaves cannot be written: is the disk full?");
        }
        (!self.failed).then_some(())
    }

    fn flush(&mut self) {
        self.failed |= self.file.write_all(&self.buffer[..self.filled]).is_err();
        self.filled = 0;
    }
}

impl Sink for Writing {
    fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = &mut self.buffer[self.filled..];
            let (now, rest) = bytes.split_at(bytes.len().min(room.len()));
            room[..now.len()].copy_from_slice(now);
            self.filled += now.len();
            bytes = rest;
            if self.filled == BUFFER {
                self.flush();
            }
        }
    }
}

/// Opens the file of this name; or says that it cannot be.
fn with_name(name: &str, open: impl Fn(&CStr) -> semihosting::io::Result<File>) -> Option<File> {
    let mut bytes = [0; 256];
    for (room, byte) in bytes.iter_mut().zip(name.bytes()) {
        *room = byte;
    }
    let file = CStr::from_bytes_until_nul(&bytes).ok().and_then(|name| open(name).ok());
    if file.is_none() {
        eprintln!("{name} cannot be opened");
    }
    file
}
