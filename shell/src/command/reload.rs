//! `warmline reload`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use rustix::process::{Pid, Signal, kill_process};

/// Which process is told.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct Reload {
    /// The number of its process
    #[arg(long, value_name = "NUMBER")]
    pid: Option<i32>,
    /// The file that `warmline run --pid-file` keeps that number in
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
}

impl Reload {
    /// Sends it SIGHUP.
    pub(super) fn command(&self) -> ExitCode {
        match self.send() {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("warmline: {why}");
                ExitCode::FAILURE
            }
        }
    }

    fn send(&self) -> Result<(), String> {
        let number = match &self.pid_file {
            Some(file) => {
                let name = file.display();
                let text = std::fs::read_to_string(file)
                    .map_err(|error| format!("{name} cannot be read: {error}; is it running?"))?;
                text.trim().parse().map_err(|_| format!("{name} holds no number of a process"))?
            }
            None => self.pid.unwrap_or_default(),
        };
        // 0 and below would be groups of processes.
        let pid = Pid::from_raw(number).filter(|_| number > 0);
        let pid = pid.ok_or_else(|| format!("{number} is no number of a process"))?;
        kill_process(pid, Signal::HUP).map_err(|error| format!("process {number} cannot be told: {error}"))
    }
}
