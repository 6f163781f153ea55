//! `board-log ELF`: shows what a board's program says, as it comes. The log is defmt's: numbers on the wire, which mean
//! something only beside the program that writes them.

use std::io::{Read, Write, stdin, stdout};
use std::process::ExitCode;

use defmt_decoder::{DecodeError, StreamDecoder, Table};

const USAGE: &str = "usage: board-log ELF <LOG";

fn main() -> ExitCode {
    let Some(program) = std::env::args().nth(1) else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    match show(&program) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("board-log: {program}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Copies the log from stdin to stdout, in words.
fn show(program: &str) -> Result<(), String> {
    let elf = std::fs::read(program).map_err(|error| error.to_string())?;
    let table =
        Table::parse(&elf).map_err(|error| format!("{error:#}"))?.ok_or("it logs nothing by defmt")?;
    let mut decoder = table.new_stream_decoder();
    let mut bytes = [0; 4096];
    loop {
        match stdin().read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(read) => decoder.received(&bytes[..read]),
            Err(error) => return Err(error.to_string()),
        }
        // Whoever reads may leave first.
        if write(&mut *decoder).is_err() {
            return Ok(());
        }
    }
}

/// Writes what is whole.
fn write(decoder: &mut dyn StreamDecoder) -> std::io::Result<()> {
    let mut out = stdout().lock();
    loop {
        match decoder.decode() {
            Ok(frame) => {
                let time = frame.display_timestamp().map_or_else(String::new, |time| time.to_string());
                let level = frame.level().map_or("", |level| level.as_str());
                writeln!(out, "{time:>12} {level:5} {}", frame.display_message())?;
            }
            Err(DecodeError::UnexpectedEof) => return out.flush(),
            // The board was reset in the middle of a line; the next is whole again.
            Err(DecodeError::Malformed) => {}
        }
    }
}
