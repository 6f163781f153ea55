//! `warmline bench`: how fast it is on this machine, measured by itself.
//!
//! A generator and the very workers that a node relays with, in one process and over loopback. Nothing is simulated,
//! and nothing is taken off: what else the machine does is in the figures, and said beside them.

mod calls;
mod generator;
mod kamailio;
mod mark;
mod peers;
mod relays;
mod report;
mod system;

use core::ops::RangeInclusive;
use core::time::Duration;
use std::io;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::config::{Media, Mistakes};
use crate::media::{Backend, Unavailable};
use crate::node::StartError;
use generator::{Generator, Run};
use relays::Relays;
use report::Row;
use system::{Cores, Cpu};

const STREAMS: RangeInclusive<i64> = 2..=10_000;

/// Packets on their way at once when the capacity is looked for.
const IN_FLIGHT: u64 = 512;

/// How long everything runs before it is measured.
const WARM_UP: Duration = Duration::from_millis(300);

/// What is measured.
#[derive(Clone, Debug, Subcommand)]
pub enum Bench {
    /// Packets relayed: loss, delay, CPU and capacity.
    Relay(Relay),
    /// Calls set up and torn down: the highest rate without a failure, setup delay, CPU and memory.
    Calls(Calls),
}

/// How calls are measured.
#[derive(Args, Clone, Debug)]
pub struct Calls {
    /// How many calls have to succeed in a row. Above 200,000, memory is told on the way.
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    calls: u32,
    /// The rate that the search begins at, in calls a second.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    start: u32,
    /// One rate alone, instead of a search.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: Option<u32>,
    /// How long each call is held, in milliseconds.
    #[arg(long, default_value_t = 0)]
    hold: u32,
    /// How many calls at once Warmline has room for.
    #[arg(long, default_value_t = 4_000, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    capacity: u32,
}

/// How the relay is measured.
#[derive(Args, Clone, Debug)]
pub struct Relay {
    /// How many streams, each one way of a session with two legs; a row for each number.
    #[arg(long, value_delimiter = ',', default_value = "200,1000", value_parser = clap::value_parser!(u16).range(STREAMS))]
    streams: Vec<u16>,
    /// Packets offered a second, all streams together.
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1..=2_000_000))]
    rate: u32,
    /// How long each measurement takes; there are two for each number of streams.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// One leg of each session speaks mu-law and the other A-law.
    #[arg(long)]
    transcode: bool,
    /// How many relay workers share the streams.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    workers: u8,
    /// How datagrams come in and leave.
    #[arg(long, default_value = "auto")]
    backend: String,
    /// How long a worker looks for packets before it sleeps, in microseconds.
    #[arg(long, default_value_t = 0)]
    spin: u32,
}

/// Why nothing is measured.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the generator's sockets fail: {0}")]
    Socket(#[from] io::Error),
    #[error("the benchmark's own configuration does not load: {0}")]
    Config(#[from] Mistakes),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Backend(#[from] Unavailable),
    #[error("no more free media ports: {opened} of {wanted} sessions are open")]
    Ports { opened: usize, wanted: usize },
    #[error("a relay worker does not answer")]
    Worker,
}

impl Bench {
    /// Measures and prints.
    pub fn command(&self) -> ExitCode {
        let measured = match self {
            Self::Relay(relay) => relay.run(),
            Self::Calls(calls) => calls.run(),
        };
        match measured {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("Nothing is measured: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

impl Relay {
    fn run(&self) -> Result<(), Error> {
        let cores = Cores::allowed();
        report::conditions(self, &cores);
        cores.pin_generator();
        report::paced_head();
        let mut capacities = vec![self.measure(None, &cores)?];
        // A session has two.
        for streams in self.streams.iter().map(|streams| streams & !1) {
            capacities.push(self.measure(Some(streams), &cores)?);
        }
        report::capacity_head(IN_FLIGHT);
        capacities.iter().for_each(Row::print_capacity);
        report::notes(&capacities);
        Ok(())
    }

    /// Measures at a pace, prints that, and gives the capacity. Without streams the generator hears itself.
    fn measure(&self, streams: Option<u16>, cores: &Cores) -> Result<Row, Error> {
        let mut generator = Generator::new(self.transcode && streams.is_some())?;
        let relays = match streams {
            None => {
                generator.aim_at_itself();
                None
            }
            Some(streams) => {
                let sessions = usize::from(streams / 2);
                let relays = Relays::start(
                    sessions,
                    self.workers,
                    Media {
                        backend: Backend::ALL.into_iter().find(|b| b.name() == self.backend),
                        spin: warmline_core::time::Duration::from_micros(self.spin.into()),
                    },
                    &generator.peers(),
                    cores,
                )?;
                generator.aim(relays.ports());
                Some(relays)
            }
        };
        let threads = relays.as_ref().map(|_| system::relay_threads(self.workers)).unwrap_or_default();
        let measured = |run: &mut dyn FnMut() -> io::Result<Run>| -> io::Result<Row> {
            let before = Cpu::of(&threads);
            let run = run()?;
            Ok(Row { streams, run, cpu: Cpu::of(&threads).since(before), threads: threads.len() })
        };
        let time = Duration::from_secs(self.seconds.into());
        generator.paced(self.rate, WARM_UP)?;
        measured(&mut || generator.paced(self.rate, time))?.print_paced();
        generator.full(IN_FLIGHT, WARM_UP)?;
        Ok(measured(&mut || generator.full(IN_FLIGHT, time))?)
    }
}
