//! What the system says of threads: which there are, where they may run, what they have used.

use std::fs;

/// A thread's number.
pub(super) type Thread = i32;

/// What threads have used, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cpu {
    /// Running.
    pub(super) run: u64,
    /// Ready to run, while something else ran.
    pub(super) wait: u64,
}

impl Cpu {
    /// So far, by the scheduler's own count; zero where it keeps none.
    pub(super) fn of(threads: &[Thread]) -> Self {
        let one = |thread: &Thread| {
            let text = fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).unwrap_or_default();
            let mut numbers = text.split_whitespace().filter_map(|number| number.parse().ok());
            Self { run: numbers.next().unwrap_or(0), wait: numbers.next().unwrap_or(0) }
        };
        threads
            .iter()
            .map(one)
            .fold(Self::default(), |sum, cpu| Self { run: sum.run + cpu.run, wait: sum.wait + cpu.wait })
    }

    pub(super) fn since(self, before: Self) -> Self {
        Self { run: self.run.saturating_sub(before.run), wait: self.wait.saturating_sub(before.wait) }
    }
}

/// The relay workers' threads; none where the system does not tell.
pub(super) fn relay_threads(workers: u8) -> Vec<Thread> {
    (0..workers).filter_map(relay_thread).collect()
}

fn relay_thread(number: u8) -> Option<Thread> {
    let wanted = format!("relay-{number}");
    let tasks = fs::read_dir("/proc/self/task").ok()?;
    tasks.filter_map(Result::ok).find_map(|task| {
        let name = fs::read_to_string(task.path().join("comm")).ok()?;
        (name.trim_end() == wanted).then(|| task.file_name().to_str()?.parse().ok())?
    })
}

/// How many cores there are for us.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get())
}

/// Keeps this thread on the first core, where there is another for relays; whether it does.
pub(super) fn pin_generator() -> bool {
    cores() > 1 && pin(None, 0)
}

/// Keeps relay workers off the generator's core, in turn on the others.
pub(super) fn pin_relays(workers: u8) {
    if cores() > 1 {
        for number in 0..workers {
            let thread = relay_thread(number);
            if thread.is_some() {
                pin(thread, 1 + usize::from(number) % (cores() - 1));
            }
        }
    }
}

#[cfg(target_os = "linux")]
fn pin(thread: Option<Thread>, core: usize) -> bool {
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(core);
    rustix::thread::sched_setaffinity(thread.and_then(rustix::process::Pid::from_raw), &cores).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn pin(_: Option<Thread>, _: usize) -> bool {
    false
}

/// The kernel's version, the load of the last minute.
pub(super) fn kernel() -> String {
    let read = |path| fs::read_to_string(path).ok();
    let kernel =
        read("/proc/sys/kernel/osrelease").map_or_else(String::new, |release| format!(" {}", release.trim()));
    let load = read("/proc/loadavg").and_then(|text| text.split(' ').next().map(str::to_owned));
    let load = load.map_or_else(String::new, |load| format!(", load average {load}"));
    format!("{}{kernel}, {} cores{load}", std::env::consts::OS, cores())
}
