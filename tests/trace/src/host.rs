//! The host: makes the traces, plays them here and on the board, compares what left, and counts instructions.

mod compare;
mod counts;
mod qemu;
mod traces;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use warmline_trace::stream::{self, Entry, FRAME, Header, Sink, Source};
use warmline_trace::{Departures, Host, Player, Room};

use traces::Trace;

/// `warmline-trace IMAGE`, where IMAGE is this program as built for the board, compares and counts;
/// `warmline-trace IMAGE count` counts only.
pub(crate) fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let done = match args.as_slice() {
        [image] => run(Path::new(image), true),
        [image, count] if count == "count" => run(Path::new(image), false),
        _ => Err("say: warmline-trace IMAGE [count]; IMAGE is this program built for the board".into()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the board does what the host does, where that is asked; and what it takes for it.
fn run(image: &Path, compares: bool) -> Result<bool, String> {
    let image = image.canonicalize().map_err(|error| format!("{}: {error}", image.display()))?;
    let folder = image.with_extension("traces");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut same = true;
    for make in traces::ALL.iter().filter(|_| compares) {
        let trace = make();
        println!("{}: {}", trace.name, trace.about);
        let here = play(&trace.bytes)?;
        let there = on_board(&image, &folder, &trace)?;
        match compare::compare(&here, &there) {
            Ok(count) => {
                println!("{}: {count} departures, {} bytes, the same on both", trace.name, here.len())
            }
            Err(difference) => {
                println!("{}: the board does something else:\n{difference}", trace.name);
                same = false;
            }
        }
    }
    let trace = traces::counted();
    let name = file(&folder, &trace)?;
    let said = qemu::run(&image, &folder, &["-icount", "shift=7"], &["count", &name])?;
    println!("\n{}", counts::table(&said)?);
    Ok(same)
}

/// What leaves on the board.
fn on_board(image: &Path, folder: &Path, trace: &Trace) -> Result<Vec<u8>, String> {
    let name = file(folder, trace)?;
    let out = format!("{}.board", trace.name);
    let _ = fs::remove_file(folder.join(&out));
    qemu::run(image, folder, &[], &["play", &name, &out])?;
    fs::read(folder.join(&out)).map_err(|error| format!("{out}: {error}"))
}

/// Writes a trace, and says under which name.
fn file(folder: &Path, trace: &Trace) -> Result<String, String> {
    let name = format!("{}.trace", trace.name);
    fs::write(folder.join(&name), &trace.bytes).map_err(|error| format!("{name}: {error}"))?;
    Ok(name)
}

/// What leaves here.
fn play(trace: &[u8]) -> Result<Vec<u8>, String> {
    let mut room = Box::new([0; FRAME]);
    let mut host = Departures::new(Bytes::default(), &mut room);
    play_for(trace, &mut host)?;
    if host.cut {
        return Err("a departure has more to say than there is room for".into());
    }
    Ok(host.into_sink().0)
}

/// Plays a trace from wherever it comes.
fn play_for(mut trace: impl Source, host: &mut impl Host) -> Result<(), String> {
    let mut read = Box::new([0; FRAME]);
    let mut room = Box::new(Room::new());
    let header: Option<Header<'_>> =
        stream::read(&mut trace, &mut *read).map_err(|error| error.to_string())?;
    let header = header.ok_or("an empty trace")?;
    let mut player = Player::new(&header, &mut room).map_err(|error| error.to_string())?;
    while let Some(entry) =
        stream::read::<Entry<'_>>(&mut trace, &mut *read).map_err(|error| error.to_string())?
    {
        player.play(&entry, host).map_err(|error| error.to_string())?;
    }
    player.finish(host);
    Ok(())
}

/// Bytes that were written.
#[derive(Default)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Sink for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}
