//! The benchmark's tables.

use core::time::Duration;

use super::generator::Run;
use super::system::{Cores, Cpu, kernel};
use super::{IN_FLIGHT, Relay};

/// How much of the time a relay may wait for its core before its figures say little.
const CROWDED: f64 = 0.05;

/// One measurement.
pub(super) struct Row {
    /// None without a relay.
    pub(super) streams: Option<u16>,
    pub(super) run: Run,
    /// What the relay's threads used.
    pub(super) cpu: Cpu,
    /// How many those are.
    pub(super) threads: usize,
}

/// What holds for all rows.
pub(super) fn conditions(relay: &Relay, cores: &Cores) {
    let build =
        if cfg!(debug_assertions) { "debug build: its figures mean nothing" } else { "release build" };
    let apart = if cores.are_enough() { "; the generator on a core of its own" } else { "" };
    println!("warmline {} bench relay: {build}; {}", env!("CARGO_PKG_VERSION"), kernel(cores));
    println!(
        "  packets of 172 bytes over loopback, {}, {} relay worker(s), one socket per leg{apart}",
        if relay.transcode { "mu-law to A-law and back" } else { "mu-law on both legs" },
        relay.workers,
    );
}

pub(super) fn paced_head() {
    println!("\nAt a pace, whatever comes back");
    println!(
        "            offered    relayed      lost      delay in us, one way        relay CPU     waited"
    );
    println!(
        "  streams   packets/s  packets/s  packets     p50      p99    p99.9     us / packet   for core"
    );
}

pub(super) fn capacity_head(in_flight: u64) {
    println!("\nAs fast as they come back, {in_flight} packets on their way at once");
    println!(
        "                       relayed      lost      delay in us, one way        relay CPU     waited"
    );
    println!(
        "  streams              packets/s  packets     p50      p99    p99.9     us / packet   for core"
    );
}

/// What to think of it.
pub(super) fn notes(rows: &[Row]) {
    if rows.iter().any(|row| row.crowded()) {
        println!(
            "\n  !  The relay waited for its core while other programs ran: these figures are worse than the relay."
        );
    }
    println!(
        "\n  The generator spins on two sockets, one for each side of all sessions. Its own row is a packet from one\n  \
         to the other: take its delay off the others' to read what a relay adds. CPU is the workers' schedstat,\n  \
         system calls and loopback's own work included. A capacity counts only with 0 lost ({IN_FLIGHT} in flight)."
    );
}

impl Row {
    pub(super) fn print_paced(&self) {
        let offered = self.rate(self.run.sent);
        self.print(&format!("{offered:>9.0}"));
        if self.run.behind > Duration::from_millis(1) {
            println!(
                "            (the generator was late by up to {:.1} ms)",
                self.run.behind.as_secs_f64() * 1e3
            );
        }
    }

    pub(super) fn print_capacity(&self) {
        self.print("         ");
    }

    fn print(&self, offered: &str) {
        let run = &self.run;
        let streams = self.streams.map_or_else(|| "no relay".to_owned(), |streams| streams.to_string());
        let delay = |quantile| run.delays.value_at_quantile(quantile) as f64 / 1e3;
        let (cpu, waited) = match self.cpu.run {
            0 => ("-".to_owned(), "-".to_owned()),
            run => (
                format!("{:.2}", run as f64 / 1e3 / self.run.received.max(1) as f64),
                format!("{:.1} %{}", 100.0 * self.waited(), if self.crowded() { " !" } else { "  " }),
            ),
        };
        println!(
            "  {streams:>8}  {offered}  {:>9.0}  {:>7}  {:>6.1}  {:>7.1}  {:>7.1}     {cpu:>11}   {waited:>8}",
            self.rate(run.received),
            run.sent - run.received.min(run.sent),
            delay(0.5),
            delay(0.99),
            delay(0.999),
        );
        if run.disordered > 0 {
            println!("            ({} packets came late or twice)", run.disordered);
        }
    }

    fn rate(&self, packets: u64) -> f64 {
        packets as f64 / self.run.time.as_secs_f64()
    }

    fn waited(&self) -> f64 {
        self.cpu.wait as f64 / (self.run.time.as_nanos() as f64 * self.threads.max(1) as f64)
    }

    fn crowded(&self) -> bool {
        self.waited() > CROWDED
    }
}
