//! `warmline bench calls`: how many calls a second are set up and torn down without a single failure.
//!
//! The measure is RFC 7502's session establishment rate: the highest rate at which so many calls in a row all succeed.

use core::net::SocketAddr;
use core::time::Duration;
use std::fs;

use super::kamailio::Kamailio;
use super::peers::{Load, Peers, Run};
use super::system::{Cores, Cpu, Thread, kernel, threads};
use super::{Calls, Error};
use crate::loopback;
use crate::node::{Node, Options};
use crate::room;

/// The first media port. Two pairs for each call from there on are below those that the system gives away by itself.
const FIRST_PORT: u16 = 10_000;

/// By how much a rate goes up while nothing fails.
const STEP: f64 = 1.5;

/// How close the highest good and the lowest bad rate come.
const CLOSE: f64 = 1.05;

/// Calls placed before a measurement.
const WARM_UP: u32 = 500;

/// One measurement.
struct Trial {
    rate: u32,
    run: Run,
    /// What it used.
    cpu: Cpu,
    threads: usize,
}

impl Calls {
    pub(super) fn run(&self) -> Result<(), Error> {
        let cores = Cores::allowed();
        let build =
            if cfg!(debug_assertions) { "debug build: its figures mean nothing" } else { "release build" };
        let apart = if cores.are_enough() { "; Warmline on one core, the generator on another" } else { "" };
        println!("warmline {} bench calls: {build}; {}", env!("CARGO_PKG_VERSION"), kernel(&cores));
        println!(
            "  {} calls a run over UDP on loopback: INVITE, 100, 180, 200, ACK, held {} ms, BYE, 200; four media sockets\n  \
             each, no packets, no log, nothing is sent twice by the generator{apart}\n",
            self.calls, self.hold,
        );
        self.print_memory();
        println!("                 setup delay, ms           CPU     waited");
        println!("  calls/s  failed    p50     p99    max   us/call  for core");
        cores.pin_generator();
        let mut peers = Peers::new()?;
        self.measure(&mut |rate| self.trial(&mut peers, &cores, rate))?;
        let Some(kamailio) = Kamailio::start(peers.called())? else {
            println!("\n  Kamailio is not installed: nothing is measured beside.");
            return Ok(());
        };
        println!("\n  beside: Kamailio, a proxy that keeps transactions, without dialogs or media ports");
        self.measure(&mut |rate| {
            self.load(&mut peers, &cores, kamailio.address(), &|| kamailio.processes(), rate, &mut |_| {})
        })
    }

    fn measure(&self, trial: &mut dyn FnMut(u32) -> Result<Trial, Error>) -> Result<(), Error> {
        match self.rate {
            Some(rate) => trial(rate)?.print(),
            None => self.search(trial)?,
        }
        Ok(())
    }

    /// Looks for the highest rate without a failure.
    fn search(&self, measure: &mut dyn FnMut(u32) -> Result<Trial, Error>) -> Result<(), Error> {
        let (mut good, mut bad, mut rate) = (0, u32::MAX, self.start);
        while f64::from(bad) > f64::from(good) * CLOSE && rate > 10 {
            let trial = measure(rate)?;
            trial.print();
            if trial.is_good() {
                good = rate;
            } else {
                bad = rate;
            }
            rate = match (good, bad) {
                (good, u32::MAX) => (f64::from(good) * STEP) as u32,
                (0, bad) => bad / 2,
                (good, bad) => (f64::from(good) * f64::from(bad)).sqrt() as u32,
            };
        }
        println!(
            "\n  R = {good} calls/s: the highest rate with no failure in {} calls (RFC 7502).",
            self.calls
        );
        Ok(())
    }

    /// A node of its own for every rate: one is not to suffer from what another left behind.
    fn trial(&self, peers: &mut Peers, cores: &Cores, rate: u32) -> Result<Trial, Error> {
        let limit = rate.saturating_mul(2).max(WARM_UP);
        let ports = u16::try_from(self.capacity * 4).unwrap_or(u16::MAX);
        let ports = FIRST_PORT..=FIRST_PORT.saturating_add(ports - 1);
        let loaded = loopback::busy(self.capacity, limit, ports, peers.called())?;
        let node = Node::start(loaded, Options { next_free_port: true, ..Options::default() })?;
        let warmline = *node.addresses().first().ok_or(Error::Worker)?;
        let mut told = 0;
        let mut watch = |over: u32| {
            if self.calls > 200_000 && over / 100_000 > told {
                told = over / 100_000;
                println!("           {:>7} calls: {} kB resident", told * 100_000, resident());
            }
        };
        self.load(peers, cores, warmline, &|| threads(&["signalling", "relay-0"]), rate, &mut watch)
    }

    /// Measures what is at `address` and runs on these threads, which are kept on one core.
    fn load(
        &self,
        peers: &mut Peers,
        cores: &Cores,
        address: SocketAddr,
        threads: &dyn Fn() -> Vec<Thread>,
        rate: u32,
        watch: &mut dyn FnMut(u32),
    ) -> Result<Trial, Error> {
        let hold = Duration::from_millis(self.hold.into());
        peers.call(address, Load { calls: WARM_UP, rate: rate.min(1_000), hold }, &mut |_| {})?;
        // It runs, so its threads have their names by now.
        let threads = threads();
        cores.pin_measured(&threads);
        let before = Cpu::of(&threads);
        let run = peers.call(address, Load { calls: self.calls, rate, hold }, watch)?;
        Ok(Trial { rate, run, cpu: Cpu::of(&threads).since(before), threads: threads.len() })
    }

    /// What capacity and rate cost, by the sizes of what is kept.
    fn print_memory(&self) {
        let signalling = |calls, rate| room::signalling_bytes(calls, rate) as f64;
        let call = (signalling(11_000, 0) - signalling(1_000, 0)) / 10_000.0;
        let rate = (signalling(1_000, 10_000) - signalling(1_000, 0)) / 10_000.0;
        let relay = room::relaying_bytes() as f64;
        println!(
            "  memory: {:.0} bytes for a call of capacity (signalling {call:.0}, relay {relay:.0}; its sockets are the \
             system's),\n          {rate:.0} bytes for a call/s of rate\n",
            call + relay,
        );
    }
}

impl Trial {
    fn is_good(&self) -> bool {
        // A generator that could not keep its pace has not measured this rate.
        self.run.completed == self.run.calls && self.kept_pace()
    }

    fn kept_pace(&self) -> bool {
        f64::from(self.run.calls) / self.run.time.as_secs_f64() > 0.97 * f64::from(self.rate)
    }

    fn print(&self) {
        let run = &self.run;
        let ms = |micros: u64| micros as f64 / 1e3;
        let waited = self.cpu.wait as f64 / (run.time.as_nanos() as f64 * self.threads.max(1) as f64) * 100.0;
        println!(
            "  {:>7}  {:>6}  {:>5.2}  {:>6.2} {:>6.1}   {:>7.1}  {waited:>5.1} %{}{}",
            self.rate,
            run.calls - run.completed,
            ms(run.delays.value_at_quantile(0.5)),
            ms(run.delays.value_at_quantile(0.99)),
            ms(run.delays.max()),
            self.cpu.run as f64 / 1e3 / f64::from(run.calls.max(1)),
            match run.refused {
                Some(status) => format!("  ({status})"),
                None => String::new(),
            },
            if self.kept_pace() {
                String::new()
            } else {
                format!("  the generator was late by {:.0} ms", run.behind.as_secs_f64() * 1e3)
            },
        );
    }
}

/// Memory of this process, in kB; zero where the system does not tell.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}
