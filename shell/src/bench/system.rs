//! What the system says of threads: which there are, where they may run, what they have used.

use std::fs;
use std::path::PathBuf;

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
            // A thread of ours is found there as another process is.
            let text = fs::read_to_string(format!("/proc/{thread}/schedstat")).unwrap_or_default();
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

/// Our threads of these names; none where the system does not tell.
pub(super) fn threads(names: &[&str]) -> Vec<Thread> {
    names.iter().filter_map(|name| thread(name)).collect()
}

fn relay_thread(number: u8) -> Option<Thread> {
    thread(&format!("relay-{number}"))
}

fn thread(wanted: &str) -> Option<Thread> {
    let tasks = fs::read_dir("/proc/self/task").ok()?;
    tasks.filter_map(Result::ok).find_map(|task| {
        let name = fs::read_to_string(task.path().join("comm")).ok()?;
        (name.trim_end() == wanted).then(|| task.file_name().to_str()?.parse().ok())?
    })
}

/// The cores that are for us.
pub(super) struct Cores(Vec<usize>);

impl Cores {
    /// Those that this thread may run on.
    pub(super) fn allowed() -> Self {
        Self(allowed())
    }

    /// Whether the generator has one of its own, so that threads are kept on theirs.
    pub(super) fn are_enough(&self) -> bool {
        self.0.len() > 1
    }

    /// Keeps this thread on the first.
    pub(super) fn pin_generator(&self) {
        if let [first, _, ..] = *self.0 {
            pin(None, first);
        }
    }

    /// Keeps what is measured on the second: threads, or processes of one.
    pub(super) fn pin_measured(&self, threads: &[Thread]) {
        if let [_, second, ..] = *self.0 {
            threads.iter().for_each(|&thread| pin(Some(thread), second));
        }
    }

    /// Keeps relay workers on the others, in turn.
    pub(super) fn pin_relays(&self, workers: u8) {
        let Some((_, others)) = self.0.split_first().filter(|(_, others)| !others.is_empty()) else { return };
        for (number, &core) in (0..workers).zip(others.iter().cycle()) {
            if let Some(thread) = relay_thread(number) {
                pin(Some(thread), core);
            }
        }
    }
}

#[cfg(target_os = "linux")]
fn allowed() -> Vec<usize> {
    let set = rustix::thread::sched_getaffinity(None).unwrap_or_default();
    (0..rustix::thread::CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect()
}

#[cfg(not(target_os = "linux"))]
fn allowed() -> Vec<usize> {
    vec![]
}

#[cfg(target_os = "linux")]
fn pin(thread: Option<Thread>, core: usize) {
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(core);
    // Where it is forbidden, threads run where they like; the figures show it.
    let _ = rustix::thread::sched_setaffinity(thread.and_then(rustix::process::Pid::from_raw), &cores);
}

#[cfg(not(target_os = "linux"))]
fn pin(_: Option<Thread>, _: usize) {}

/// Where programs are looked for beside `PATH`: Debian's place for servers is in no user's.
const PLACES: &str = "/usr/sbin:/usr/local/sbin";

/// A program that is installed.
pub(super) fn found(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(std::env::split_paths(PLACES));
    { places }.map(|place| place.join(program)).find(|file| file.is_file())
}

/// The system, its cores, and how busy they were in the last minute.
pub(super) fn kernel(cores: &Cores) -> String {
    let read = |path| fs::read_to_string(path).ok();
    let release = read("/proc/sys/kernel/osrelease").map(|release| format!(" {}", release.trim()));
    let load =
        read("/proc/loadavg").and_then(|text| Some(format!(", load average {}", text.split(' ').next()?)));
    let count = match cores.0.len() {
        0 => std::thread::available_parallelism().map_or(1, |cores| cores.get()),
        count => count,
    };
    let (release, load) = (release.unwrap_or_default(), load.unwrap_or_default());
    format!("{}{release}, {count} core(s){load}", std::env::consts::OS)
}
