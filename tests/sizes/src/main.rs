//! What a board's program takes of flash and RAM, by part, as a table in the README; and whether that is within the
//! budget.
//!
//! `tests/run --only sizes` builds the boards and runs this.

mod budget;
mod parts;
mod program;
mod readme;
mod table;

use core::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use program::Program;

type Result<T> = core::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "usage: warmline-sizes [--write] README PROGRAM...
Each program is an ELF file that has its board's name.";

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let write = arguments.first().is_some_and(|argument| argument == "--write");
    if write {
        arguments.remove(0);
    }
    let [readme, programs @ ..] = arguments.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    let programs: Vec<PathBuf> = programs.iter().map(PathBuf::from).collect();
    match run(Path::new(readme), &programs, write) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("warmline-sizes: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the table and what is wrong; whether nothing is.
fn run(readme: &Path, programs: &[PathBuf], write: bool) -> Result<bool> {
    let programs = programs.iter().map(|path| Program::read(path)).collect::<Result<Vec<_>>>()?;
    let mut faults: Vec<String> = programs.iter().flat_map(budget::faults).collect();
    let table = table::render(&programs);
    println!("{table}");
    let text = std::fs::read_to_string(readme).map_err(|error| format!("{}: {error}", readme.display()))?;
    if write {
        std::fs::write(readme, readme::replace(&text, &table)?)?;
    } else {
        faults.extend(readme::differences(readme::find(&text)?, &table));
    }
    for fault in &faults {
        println!("FAULT: {fault}");
    }
    Ok(faults.is_empty())
}
