//! The benchmark's tables.

use core::time::Duration;

use super::generator::Run;
use super::subject::Subject;
use super::system::{Cores, Cpu, kernel};
use super::{IN_FLIGHT, Relay};

/// How much of the time a relay may wait for its core before its figures say little.
const CROWDED: f64 = 0.05;

/// How much of the time a relay is busy that does what it can.
const BUSY: f64 = 0.8;

/// One measurement.
pub(super) struct Row {
    pub(super) subject: Subject,
    pub(super) streams: u16,
    /// How long workers looked for packets before they slept.
    pub(super) spin: Duration,
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
    println!("  {}{apart}", title(relay));
}

/// What is relayed.
pub(super) fn title(relay: &Relay) -> String {
    let laws = if relay.transcode { "mu-law to A-law and back" } else { "mu-law on both legs" };
    let srtp =
        relay.srtp.map_or_else(String::new, |suite| format!(", SRTP on both legs by {}", suite.name()));
    format!("packets of 172 bytes over loopback, {laws}{srtp}, {} relay worker(s)", relay.workers)
}

pub(super) fn paced_head() {
    println!("\nAt a pace, whatever comes back");
    println!(
        "                                       offered    relayed      lost      delay in us, one way        relay CPU     waited"
    );
    println!(
        "                            streams   packets/s  packets/s  packets     p50      p99    p99.9     us / packet   for core"
    );
}

pub(super) fn capacity_head() {
    println!("\nAs fast as they come back, up to {IN_FLIGHT} packets on their way at once");
    println!("                                       relayed      lost   relay CPU     waited    times what");
    println!(
        "                            streams   packets/s  packets  us / packet   for core   rtpengine does"
    );
}

/// What each can, and how that compares.
pub(super) fn capacities(rows: &[Row]) {
    for row in rows {
        let same = |other: &&Row| other.subject == Subject::Rtpengine && other.streams == row.streams;
        let times = match rows.iter().find(same) {
            // What another relay was held up by is nothing to compare with.
            Some(other) if row.subject != Subject::Nobody && !other.idle() => {
                format!("{:.2}", row.rate(row.run.received) / other.rate(other.run.received))
            }
            _ => "-".to_owned(),
        };
        row.print_capacity(&times);
    }
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
         system calls and loopback's own work included. A capacity counts only with 0 lost."
    );
}

impl Row {
    pub(super) fn print_paced(&self) {
        let run = &self.run;
        let delay = |quantile| run.delays.value_at_quantile(quantile) as f64 / 1e3;
        println!(
            "  {:<26} {:>6}  {:>10.0}  {:>9.0}  {:>7}  {:>6.1}  {:>7.1}  {:>7.1}     {:>11}   {:>8}",
            self.who(),
            self.streams(),
            self.rate(run.sent),
            self.rate(run.received),
            run.sent - run.received.min(run.sent),
            delay(0.5),
            delay(0.99),
            delay(0.999),
            self.cpu(),
            self.waiting(),
        );
        if run.behind > Duration::from_millis(1) {
            println!("      (the generator was late by up to {:.1} ms)", run.behind.as_secs_f64() * 1e3);
        }
        self.print_disorder();
    }

    fn print_capacity(&self, times: &str) {
        let run = &self.run;
        println!(
            "  {:<26} {:>6}  {:>10.0}  {:>7}  {:>11}   {:>8}   {times:>8}",
            self.who(),
            self.streams(),
            self.rate(run.received),
            run.sent - run.received.min(run.sent),
            self.cpu(),
            self.waiting(),
        );
        if self.subject != Subject::Nobody && self.idle() {
            println!("      (it was not busy: something else held packets up, and this is not what it can)");
        }
        self.print_disorder();
    }

    fn print_disorder(&self) {
        if self.run.disordered > 0 {
            println!("      ({} packets came late or twice)", self.run.disordered);
        }
    }

    /// Whether it was disturbed less: it lost nothing, or else it waited less for its core.
    pub(super) fn is_better_than(&self, other: &Self) -> bool {
        let lost = |row: &Self| row.run.sent > row.run.received;
        match (lost(self), lost(other)) {
            (false, true) => true,
            (true, false) => false,
            _ => self.waited() < other.waited(),
        }
    }

    /// Packets a second that came back.
    pub(super) fn relayed(&self) -> f64 {
        self.rate(self.run.received)
    }

    fn who(&self) -> String {
        match self.spin {
            Duration::ZERO => self.subject.to_string(),
            spin => format!("{}, spin {}", self.subject, spin.as_micros()),
        }
    }

    fn streams(&self) -> String {
        if self.subject == Subject::Nobody { "-".to_owned() } else { self.streams.to_string() }
    }

    fn cpu(&self) -> String {
        match self.cpu.run {
            0 => "-".to_owned(),
            run => format!("{:.2}", run as f64 / 1e3 / self.run.received.max(1) as f64),
        }
    }

    fn waiting(&self) -> String {
        match self.cpu.run {
            0 => "-".to_owned(),
            _ => format!("{:.1} %{}", 100.0 * self.waited(), if self.crowded() { " !" } else { "  " }),
        }
    }

    fn rate(&self, packets: u64) -> f64 {
        packets as f64 / self.run.time.as_secs_f64()
    }

    /// As a part of the time, all threads together.
    fn waited(&self) -> f64 {
        self.cpu.wait as f64 / self.run.time.as_nanos() as f64
    }

    /// Whether it was not busy though packets waited.
    fn idle(&self) -> bool {
        self.cpu.run as f64 / self.run.time.as_nanos() as f64 + self.waited() < BUSY
    }

    fn crowded(&self) -> bool {
        self.waited() > CROWDED * self.threads.max(1) as f64
    }
}
