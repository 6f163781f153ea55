//! `warmline appliance`: configurations as boards keep them.

use core::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use warmline_core::config::Config;
use warmline_core::image::{self, BOARDS, Board, ImageError, Shelf, Tables};

use super::FILE;
use super::summary::{Connection, Summary};
use crate::config::{self, Loaded, Mistakes, suggest};

/// What an image's file is called where nothing is said.
const OUTPUT: &str = "config.bin";

/// The largest file that is looked into: all of a board's flash.
const LARGEST: u64 = 16 << 20;

#[derive(Debug, Subcommand)]
pub(super) enum Appliance {
    /// Make the image of a configuration that a board keeps apart from its program
    Build {
        /// The configuration; its [appliance] says how the board is connected
        #[arg(value_name = "FILE", default_value = FILE)]
        file: PathBuf,
        /// The board that it is for
        #[arg(long, value_parser = board)]
        board: &'static Board,
        /// Where the image goes
        #[arg(long, short, value_name = "IMAGE", default_value = OUTPUT)]
        output: PathBuf,
    },
    /// Say what is in an image
    Show {
        /// The image, or the bytes of the flash that is kept for it
        #[arg(value_name = "IMAGE", default_value = OUTPUT)]
        file: PathBuf,
    },
}

impl Appliance {
    pub(super) fn command(&self) -> ExitCode {
        let said = match self {
            Self::Build { file, board, output } => build(board, file, output),
            Self::Show { file } => show(file),
        };
        match said {
            Ok(said) => {
                // The work is done whether or not anyone reads this.
                let _ = stdout().write_all(said.as_bytes());
                ExitCode::SUCCESS
            }
            Err(why) => {
                eprintln!("{why}");
                ExitCode::FAILURE
            }
        }
    }
}

/// The board of this name.
fn board(name: &str) -> Result<&'static Board, String> {
    image::board(name).ok_or_else(|| {
        let names: Vec<_> = BOARDS.iter().map(|board| board.name).collect();
        let meant = suggest(name, names.iter().copied());
        let meant = meant.map_or_else(String::new, |meant| format!("did you mean \"{meant}\"? "));
        format!("{meant}the boards are {}", names.join(", "))
    })
}

/// A configuration as a board keeps it.
#[derive(Debug)]
pub(super) struct Image {
    board: &'static Board,
    loaded: Loaded,
    bytes: Vec<u8>,
}

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoImage {
    /// The file has mistakes, or more than the board has room for.
    #[error("{0}")]
    Mistakes(#[from] Mistakes),
    /// What was loaded is not taken for an image.
    #[error("{0}")]
    Refused(#[from] ImageError),
}

impl Image {
    /// Reads a file, and makes what the board shall find.
    pub(super) fn build(board: &'static Board, file: &Path) -> Result<Self, NoImage> {
        let loaded = config::load_for(board, file)?;
        let mut bytes = vec![0; board.config_len];
        let appliance = loaded.appliance().ok_or(ImageError::OutOfRange("the network"))?;
        board.check(&loaded.lend(), appliance.calls)?;
        let len = image::write(&loaded.lend(), appliance, &mut bytes)?;
        let clips = image::write_clips(loaded.clips().iter(), bytes.get_mut(len..).unwrap_or_default())?;
        bytes.truncate(len + clips);
        Ok(Self { board, loaded, bytes })
    }

    /// Displays as how much of its room it takes.
    pub(super) fn size(&self) -> impl fmt::Display + use<> {
        format!("{} of the {} bytes kept for it", self.bytes.len(), self.board.config_len)
    }
}

fn build(board: &'static Board, file: &Path, output: &Path) -> Result<String, String> {
    let image = Image::build(board, file).map_err(|why| why.to_string())?;
    replace(output, &image.bytes)
        .map_err(|error| format!("{} cannot be written: {error}", output.display()))?;
    let config = image.loaded.lend();
    let count = |count: usize, what| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let connection = image.loaded.appliance().map(Connection);
    Ok(format!(
        "{}: written for {}, {}\n{}, {}, {}; at most {} calls at once, {} new calls a second\n{}\n{}\n",
        output.display(),
        board.name,
        image.size(),
        count(config.trunks.len(), "trunk"),
        count(config.targets.len(), "target"),
        count(config.lines.len(), "line"),
        image.loaded.capacity(),
        config.node.new_calls.per_second,
        connection.map(|connection| connection.to_string()).unwrap_or_default(),
        placing(board, output),
    ))
}

/// How an image comes onto its board.
fn placing(board: &Board, image: &Path) -> String {
    let path = image.display().to_string();
    let address = board.config_address;
    match board.name {
        "nucleo-h743zi" => format!(
            "to put it on the board: probe-rs download --chip STM32H743ZITx --binary-format bin \
             --base-address 0x{address:08X} {}",
            quoted(&path)
        ),
        // In QEMU's options, a comma that is meant is written twice.
        name => format!(
            "to start QEMU's {name} with it, add: -device {}",
            quoted(&format!("loader,file={},addr=0x{address:08x},force-raw=on", path.replace(',', ",,")))
        ),
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=,:+@%".contains(&byte);
    if word.bytes().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// Writes a file that is there as a whole or not at all.
fn replace(output: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = output.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    let mut beside = name.to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = output.with_file_name(beside);
    let written = OpenOptions::new().write(true).create_new(true).open(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, output)
    });
    if written.is_err() {
        // What is to be told is why it could not be written, not why it could not be taken away.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn show(file: &Path) -> Result<String, String> {
    let name = file.display();
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|file| file.take(LARGEST).read_to_end(&mut bytes))
        .map_err(|error| format!("{name}: cannot be read: {error}"))?;
    let mut tables = Box::new(Tables::new());
    let appliance = image::read(&bytes, &mut tables).map_err(|error| match error {
        ImageError::Missing => format!("{name}: this is no image; `warmline appliance build` makes one"),
        error => format!("{name}: {error}"),
    })?;
    let instants = image::instants(&bytes).map_err(|error| format!("{name}: {error}"))?;
    let config = Config { instants, ..tables.lend() };
    let fits = |board: &&Board| board.check(&config, appliance.calls).is_ok();
    let boards: Vec<_> = BOARDS.iter().filter(fits).map(|board| board.name).collect();
    let (config, capacity) = (&config, appliance.calls.into());
    let clips = Shelf::read(&bytes, config).map_err(|error| format!("{name}: {error}"))?;
    let summary = Summary {
        config,
        capacity,
        appliance: Some(&appliance),
        media: None,
        named: &[],
        clips: &clips,
        ticket: &|_| None,
    };
    Ok(format!(
        "{name}: an image of format {}, whole by its checksum; it fits {}\n{summary}",
        image::VERSION,
        if boards.is_empty() { "no board".to_owned() } else { boards.join(", ") },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_board_has_a_way_to_be_configured() {
        let said = |name| placing(image::board(name).expect("a board"), Path::new("config.bin"));
        assert_eq!(
            said("mps2-an386"),
            "to start QEMU's mps2-an386 with it, add: -device loader,file=config.bin,addr=0x00300000,force-raw=on"
        );
        assert_eq!(
            said("nucleo-h743zi"),
            "to put it on the board: probe-rs download --chip STM32H743ZITx --binary-format bin --base-address \
             0x08100000 config.bin"
        );
        // Another board that QEMU does not know needs words of its own.
        assert!(BOARDS.iter().all(|board| board.name.starts_with("mps2-") || board.name == "nucleo-h743zi"));
    }

    #[test]
    fn paths_are_as_a_shell_and_qemu_take_them() {
        let said = placing(&BOARDS[0], Path::new("the board's, new.bin"));
        assert!(
            said.ends_with(r"-device 'loader,file=the board'\''s,, new.bin,addr=0x00300000,force-raw=on'"),
            "{said}"
        );
    }

    #[test]
    fn unknown_boards() {
        assert_eq!(
            board("mps2-an38").unwrap_err(),
            "did you mean \"mps2-an386\"? the boards are mps2-an386, mps2-an500, nucleo-h743zi"
        );
        assert_eq!(board("esp32").unwrap_err(), "the boards are mps2-an386, mps2-an500, nucleo-h743zi");
    }
}
