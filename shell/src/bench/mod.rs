//! `warmline bench`: how fast it is on this machine, measured by itself.
//!
//! A generator and the very workers that a node relays with, in one process and over loopback; beside them, others' relays
//! under the same load. Nothing is simulated, and nothing is taken off: what else the machine does is in the figures, and said beside them.

mod bencode;
mod calls;
mod generator;
mod kamailio;
mod keys;
mod mark;
mod peers;
mod plot;
mod relays;
mod report;
mod rtpengine;
mod subject;
mod system;

use core::ops::RangeInclusive;
use core::time::Duration;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use warmline_core::srtp::Suite;

use crate::config::Mistakes;
use crate::media::Unavailable;
use crate::node::StartError;
use generator::{Generator, Run};
use relays::Relays;
use report::Row;
use rtpengine::Rtpengine;
use subject::{Subject, Wanted};
use system::{Cores, Cpu};

const STREAMS: RangeInclusive<i64> = 2..=10_000;

/// Packets on their way at once when the capacity is looked for.
const IN_FLIGHT: u64 = 512;

/// The same for each stream, where there are few: a port's socket holds some 250 packets, and rtpengine takes a port out of
/// use to which more than 50 at once come again and again.
const OF_A_STREAM: u64 = 24;

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
    /// Packets offered a second, all streams together, where the delay is measured.
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1..=2_000_000))]
    rate: u32,
    /// How long each measurement takes.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// How often each is made: the one that waited least for its core counts.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// One leg of each session speaks mu-law and the other A-law.
    #[arg(long)]
    transcode: bool,
    /// Both legs of each session speak SRTP, by this suite: AES_CM_128_HMAC_SHA1_80, AEAD_AES_128_GCM and so on.
    #[arg(long, value_name = "SUITE", value_parser = suite)]
    srtp: Option<Suite>,
    /// How many relay workers share the streams.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    workers: u8,
    /// How Warmline's datagrams come in and leave.
    #[arg(long, value_delimiter = ',', default_value = "all")]
    backend: Vec<Wanted>,
    /// How long a worker looks for packets before it sleeps, in microseconds: the delay is measured with that too.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    spin: u32,
    /// Nothing is measured beside, whatever is installed.
    #[arg(long)]
    alone: bool,
    /// Draws packets a second by streams into this file (SVG).
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
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
    #[error("the plot cannot be written to {}: {source}", file.display())]
    Plot { file: PathBuf, source: io::Error },
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
        let subjects = self.subjects();
        report::paced_head();
        let none = Duration::ZERO;
        self.paced(Subject::Nobody, 2, none, &cores)?.print_paced();
        for &subject in &subjects {
            for streams in self.streams() {
                self.paced(subject, streams, none, &cores)?.print_paced();
                if self.spin > 0 && matches!(subject, Subject::Warmline(_)) {
                    let spin = Duration::from_micros(self.spin.into());
                    self.paced(subject, streams, spin, &cores)?.print_paced();
                }
            }
        }
        report::capacity_head();
        let mut capacities = vec![self.capacity(Subject::Nobody, 2, &cores)?];
        for streams in self.streams() {
            for &subject in &subjects {
                capacities.push(self.capacity(subject, streams, &cores)?);
            }
        }
        report::capacities(&capacities);
        report::notes(&capacities);
        if let Some(file) = &self.plot {
            let plot = plot::draw(&capacities, &report::title(self));
            fs::write(file, plot).map_err(|source| Error::Plot { file: file.clone(), source })?;
            println!("\n  {} has it drawn.", file.display());
        }
        Ok(())
    }

    /// Whom to measure. Who is missing is said.
    fn subjects(&self) -> Vec<Subject> {
        let mut subjects = vec![];
        for &backend in self.backend.iter().flat_map(|wanted| wanted.backends()) {
            match Relays::available(backend) {
                Ok(()) => subjects.push(Subject::Warmline(backend)),
                Err(why) => println!("  not measured: {why}"),
            }
        }
        match self.alone {
            true => {}
            false if self.srtp.is_some() => {
                println!("  not measured beside with SRTP: rtpengine, whose keys nothing here speaks");
            }
            false if Rtpengine::is_there() => subjects.push(Subject::Rtpengine),
            false => println!("  not measured beside: rtpengine, which is not installed"),
        }
        if !self.alone {
            println!(
                "  not measured beside: rtpproxy, which nothing here drives (Debian 12 has no package of it)"
            );
        }
        subjects
    }

    /// A session has two.
    fn streams(&self) -> impl Iterator<Item = u16> {
        self.streams.iter().map(|streams| streams & !1)
    }

    /// Measures at a pace.
    fn paced(&self, subject: Subject, streams: u16, spin: Duration, cores: &Cores) -> Result<Row, Error> {
        self.best(subject, streams, spin, cores, &mut |generator, time| generator.paced(self.rate, time))
    }

    /// Measures how fast packets come back.
    fn capacity(&self, subject: Subject, streams: u16, cores: &Cores) -> Result<Row, Error> {
        let in_flight = IN_FLIGHT.min(u64::from(streams) * OF_A_STREAM);
        self.best(subject, streams, Duration::ZERO, cores, &mut |generator, time| {
            generator.full(in_flight, time)
        })
    }

    /// The measurement that was disturbed least.
    fn best(
        &self,
        subject: Subject,
        streams: u16,
        spin: Duration,
        cores: &Cores,
        run: &mut dyn FnMut(&mut Generator, Duration) -> io::Result<Run>,
    ) -> Result<Row, Error> {
        let mut best: Option<Row> = None;
        for _ in 0..self.runs {
            let row = self.measure(subject, streams, spin, cores, run)?;
            if best.as_ref().is_none_or(|best| row.is_better_than(best)) {
                best = Some(row);
            }
        }
        best.ok_or(Error::Worker)
    }

    fn measure(
        &self,
        subject: Subject,
        streams: u16,
        spin: Duration,
        cores: &Cores,
        run: &mut dyn FnMut(&mut Generator, Duration) -> io::Result<Run>,
    ) -> Result<Row, Error> {
        let mut generator = Generator::new(self.transcode && subject != Subject::Nobody)?;
        let micros = warmline_core::time::Duration::from_micros(spin.as_micros() as u64);
        let sessions = usize::from(streams / 2);
        let running = subject.start(sessions, self.workers, micros, &generator.peers(), self.srtp, cores)?;
        match &running {
            Some(running) => {
                generator.aim(&running.ports);
                self.srtp.into_iter().for_each(|suite| generator.protect(suite));
            }
            None => generator.aim_at_itself(),
        }
        let threads = running.as_ref().map(|running| running.threads.as_slice()).unwrap_or_default();
        run(&mut generator, WARM_UP)?;
        let before = Cpu::of(threads);
        let run = run(&mut generator, Duration::from_secs(self.seconds.into()))?;
        let cpu = Cpu::of(threads).since(before);
        Ok(Row { subject, streams, spin, run, cpu, threads: threads.len() })
    }
}

fn suite(name: &str) -> Result<Suite, String> {
    Suite::named(name.as_bytes()).ok_or_else(|| {
        let names = Suite::ALL.map(Suite::name).join(", ");
        format!("there is no such suite; there are {names}")
    })
}
