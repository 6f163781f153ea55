//! The command line.

pub mod log;

mod appliance;
mod calls;
mod check;
mod columns;
mod explain;
mod hours;
mod outbox;
mod reload;
mod run;
mod store;
mod summary;
mod tickets;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use appliance::Appliance;
use calls::Calls;
use explain::Explain;
use outbox::Outbox;
use reload::Reload;
use tickets::Tickets;
pub(crate) use tickets::shown;

use crate::bench::Bench;
use crate::demo;

/// Where the configuration is looked for when no file is named.
const FILE: &str = "warmline.toml";

/// A session border controller that hands callers over from an AI voice agent to a person.
#[derive(Debug, Parser)]
#[command(name = "warmline", version, args_conflicts_with_subcommands = true)]
struct Line {
    #[command(flatten)]
    run: Run,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take and relay calls, until SIGINT or SIGTERM (what is done when no command is given)
    Run(Run),
    /// Have a running node read its configuration again; its log says what came of that
    Reload(Reload),
    /// Say what is wrong with a configuration, or what it comes to
    Check(Check),
    /// Say what would become of a message: which trunk, line and target, and what would be sent
    Explain(Explain),
    /// List the calls that were written down
    Calls(Calls),
    /// List the tickets of local desks, or show one
    Tickets(Tickets),
    /// List what has yet to reach a desk, or have an entry tried again
    Outbox(Outbox),
    /// Configure boards
    #[command(subcommand)]
    Appliance(Appliance),
    /// Place a whole call on this machine alone, through a real node, and say what came of it
    Demo,
    /// Measure how fast it is on this machine
    #[command(subcommand)]
    Bench(Bench),
}

#[derive(Args, Debug)]
struct Run {
    /// The configuration; without it warmline.toml, and where there is none, an embedded one on 127.0.0.1
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How long calls may go on after a signal to stop; a second signal ends them at once
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    grace: core::time::Duration,
    /// Where to write the number of this process while it runs, for `warmline reload`
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct Check {
    /// The configuration
    #[arg(value_name = "FILE", default_value = FILE)]
    file: PathBuf,
    /// Say what each line does at this time instead, like "2026-12-25 10:00"
    #[arg(long, value_name = "TIME", value_parser = hours::time)]
    at: Option<DateTime>,
    /// The time zone in which that time is meant; that of the schedules when left out
    #[arg(long, value_name = "ZONE", requires = "at", value_parser = hours::named_zone)]
    zone: Option<TimeZone>,
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let line = Line::parse();
    match line.command.unwrap_or(Command::Run(line.run)) {
        Command::Run(run) => run::run(run.config.as_deref(), run.grace, run.pid_file.as_deref()),
        Command::Reload(reload) => reload.command(),
        Command::Check(Check { file, at: Some(at), zone }) => check::at(&file, at, zone),
        Command::Check(check) => check::check(&check.file),
        Command::Explain(explain) => explain.command(),
        Command::Calls(calls) => calls.command(),
        Command::Tickets(tickets) => tickets.command(),
        Command::Outbox(outbox) => outbox.command(),
        Command::Appliance(appliance) => appliance.command(),
        Command::Demo => demo::command(),
        Command::Bench(bench) => bench.command(),
    }
}

/// The configuration to run with: the file named, or else `warmline.toml` where there is one.
fn file(named: Option<&Path>) -> Option<PathBuf> {
    named.map(Path::to_owned).or_else(|| Some(PathBuf::from(FILE)).filter(|file| file.exists()))
}

/// `10s`, `500ms` or `2m`.
fn time(text: &str) -> Result<core::time::Duration, String> {
    let number = |digits: &str| digits.parse::<u64>().ok();
    let units: [(&str, u64); 3] = [("ms", 1), ("s", 1_000), ("m", 60_000)];
    units
        .into_iter()
        .find_map(|(unit, millis)| number(text.strip_suffix(unit)?)?.checked_mul(millis))
        .map(core::time::Duration::from_millis)
        .ok_or_else(|| "write it like 500ms, 10s or 2m".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Line::command().debug_assert();
    }

    #[test]
    fn no_command_runs() {
        let line = Line::parse_from(["warmline", "--grace", "2m"]);
        assert!(line.command.is_none());
        assert_eq!(line.run.grace.as_secs(), 120);
        let line = Line::parse_from(["warmline", "check", "a.toml"]);
        assert!(matches!(line.command, Some(Command::Check(check)) if check.file == Path::new("a.toml")));
    }

    #[test]
    fn which_store_is_said_before_or_after_what_to_do() {
        for line in ["outbox --config a.toml retry 1f", "outbox retry 1f --config a.toml"] {
            let line = Line::parse_from(["warmline"].into_iter().chain(line.split(' ')));
            let Some(Command::Outbox(outbox)) = line.command else { panic!("{line:?}") };
            assert!(format!("{outbox:?}").contains("a.toml"), "{outbox:?}");
        }
    }

    #[test]
    fn times() {
        assert_eq!(time("500ms").map(|time| time.as_millis()), Ok(500));
        for wrong in ["", "10", "s", "-1s", "1.5s", "99999999999999999m"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
