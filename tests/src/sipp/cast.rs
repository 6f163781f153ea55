//! Who plays in a test: SIPp in whatever part a test gives it, and people who talk.

use core::cell::{Cell, RefCell};
use core::fmt::Write as _;
use core::net::{Ipv4Addr, SocketAddrV4};
use core::sync::atomic::{AtomicU32, Ordering};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, id};

use super::ear::{Ear, write_clips};
use super::ports::listens;
use super::{Law, PATIENCE, Program, Script, Talk, Voice, ports};

/// The ticket of a cast's first call.
const TICKETS: u64 = 1001;

/// Bytes in the file that scenarios can play: two seconds.
const AUDIO: usize = 16_000;

/// What tells that a missing program is an error.
const MUST_RUN: &str = "WARMLINE_E2E";

/// Whether SIPp is not installed: then it says so, and the test has nothing to do.
///
/// # Panics
/// When it is not installed but has to be, as `tests/run` demands.
pub fn sipp_is_missing(test: &str) -> bool {
    is_missing("sipp", test)
}

/// The same of another program that tells its version when it is asked by `-v`.
///
/// # Panics
/// When it is not installed but has to be.
pub fn is_missing(program: &str, test: &str) -> bool {
    let run = Command::new(program)
        .arg("-v")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Ok(mut child) = run {
        // Its version comes with an exit code of its own.
        let _ = child.wait();
        return false;
    }
    assert!(std::env::var_os(MUST_RUN).is_none_or(|value| value != "1"), "{program} is not installed");
    println!("not run: {test}: {program} is not installed");
    true
}

/// What SIPp is to play.
#[derive(Clone, Copy, Debug)]
pub struct Scenario<'a> {
    /// The file in `tests/scenarios`, without its ending.
    pub name: &'a str,
    /// Where it stands.
    pub at: Ipv4Addr,
    /// How many calls.
    pub calls: u16,
    /// How many milliseconds one comes after the other, of those who call.
    pub every: u32,
    /// How long they last, where the scenario leaves it open, in milliseconds.
    pub lasting: u32,
    /// The line that is dialled, where the scenario leaves it open.
    pub dials: &'a str,
    /// Whether it speaks TCP.
    pub tcp: bool,
}

impl<'a> Scenario<'a> {
    /// One call of a scenario, which lasts a second where that is left open.
    pub const fn once(name: &'a str, at: Ipv4Addr) -> Self {
        Self { name, at, calls: 1, every: 100, lasting: 1000, dials: "support", tcp: false }
    }
}

/// A folder of its own, and whoever was called upon Warmline.
#[derive(Debug)]
pub struct Cast {
    folder: PathBuf,
    /// Where Warmline listens.
    pub sip: SocketAddrV4,
    /// Where Zendesk is looked for.
    pub zendesk: SocketAddrV4,
    /// SIP programs started so far.
    players: Cell<u16>,
    /// What callers hear.
    ears: RefCell<Vec<Ear>>,
}

impl Cast {
    /// Nobody yet, around a Warmline that will listen at `sip` and look for Zendesk at `zendesk`.
    ///
    /// # Panics
    /// When there can be no folder.
    pub fn new(sip: SocketAddrV4, zendesk: SocketAddrV4) -> Self {
        static CASTS: AtomicU32 = AtomicU32::new(0);
        let number = CASTS.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("warmline-tests-{}-{number}", id()));
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        let audio: Vec<u8> = (0..AUDIO).map(|at| (at % 251) as u8).collect();
        std::fs::write(folder.join("audio.ulaw"), audio).expect("a file can be written");
        write_clips(&folder);
        Self { folder, sip, zendesk, players: Cell::new(0), ears: RefCell::default() }
    }

    /// Where everything is that is written. It is removed when the test passes, and shown when it does not.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts SIPp; `ends` are whom its calls talk with, and give each call its ticket and its RTP port.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn play(&self, scenario: Scenario<'_>, ends: &[u16]) -> Program {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/{}.xml", scenario.name));
        let port = if scenario.at == *self.zendesk.ip() { self.zendesk.port() } else { ports(2) };
        // One end that sends back what it hears is enough.
        let echoes = scenario.at == *self.zendesk.ip();
        self.start(scenario, &file, SocketAddrV4::new(scenario.at, port), self.sip, ends, echoes)
    }

    /// Starts SIPp at `at` with a part that is written in the test. Whoever calls, calls Warmline.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn follow(&self, script: &Script, at: SocketAddrV4) -> Program {
        self.follow_past(script, at, at, self.sip)
    }

    /// The same of somebody who calls, and whose ear is open: [`Cast::voices`].
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn call(&self, script: &Script, at: SocketAddrV4) -> Program {
        let trace = format!("{}-{}.msg", self.players.get(), script.name());
        let ear = Ear::open(*at.ip(), self.folder.join(trace));
        let player = self.follow_to(script, at, at, self.sip, ear.port);
        self.ears.borrow_mut().push(ear);
        player
    }

    /// What an `agent` that plays a part is told its call is: the value of X-Warmline-Call. None as long as the call is not
    /// answered.
    pub fn call_of(&self, agent: &str) -> Option<String> {
        let files = std::fs::read_dir(&self.folder).ok()?.flatten();
        let trace = format!("-{agent}.msg");
        let traces = files.filter(|file| file.file_name().to_string_lossy().ends_with(&trace));
        let mut said = traces.filter_map(|file| std::fs::read_to_string(file.path()).ok());
        // What follows its answer is known to be of a call that is answered.
        said.find(|text| text.contains("\nACK "))
            .and_then(|text| Some(text.split_once("X-Warmline-Call: ")?.1.get(..16)?.to_owned()))
    }

    /// The voices that those heard whose ear is open and whose call was answered, in the order in which they called. Their
    /// parts are played.
    ///
    /// # Panics
    /// When one of them has heard nobody for a second between the answer and the end, but for when it was asked to leave a
    /// message.
    #[track_caller]
    pub fn voices(&self) -> Vec<Vec<Voice>> {
        let ears = self.ears.borrow();
        let voices = ears.iter().map(Ear::voices).collect::<Result<Vec<_>, _>>();
        voices.unwrap_or_else(|wrong| panic!("{wrong}")).into_iter().flatten().collect()
    }

    /// The same where it is heard of at `known`, and whoever calls, calls `next`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn follow_past(
        &self,
        script: &Script,
        at: SocketAddrV4,
        known: SocketAddrV4,
        next: SocketAddrV4,
    ) -> Program {
        self.follow_to(script, at, known, next, 9)
    }

    /// The same where it takes RTP at this port.
    fn follow_to(
        &self,
        script: &Script,
        at: SocketAddrV4,
        known: SocketAddrV4,
        next: SocketAddrV4,
        rtp: u16,
    ) -> Program {
        let number = self.players.get();
        let file = self.folder.join(format!("{number}-{}.xml", script.name()));
        std::fs::write(&file, script.text(known, self.sip)).expect("a file can be written");
        // What it waits for stands in it, and may be half of a session.
        let scenario = Scenario { lasting: script.lasting(), ..Scenario::once(script.name(), *at.ip()) };
        let player = self.start(scenario, &file, at, next, &[rtp], script.echoes());
        if script.is_called() {
            listens(at.port(), script.name());
        }
        player
    }

    fn start(
        &self,
        scenario: Scenario<'_>,
        file: &Path,
        at: SocketAddrV4,
        next: SocketAddrV4,
        ends: &[u16],
        echoes: bool,
    ) -> Program {
        let number = self.players.get();
        self.players.set(number + 1);
        let name = format!("{number}-{}", scenario.name);
        let calls = self.folder.join(format!("{name}.csv"));
        let mut lines = "SEQUENTIAL\n".to_owned();
        for (ticket, port) in (TICKETS..).zip(ends) {
            writeln!(lines, "{ticket};{port};").expect("text takes text");
        }
        std::fs::write(&calls, lines).expect("a file can be written");
        let echo = echoes.then_some("-rtp_echo");
        let trace = |ending: &str| self.folder.join(format!("{name}.{ending}"));
        let mut command = Command::new("sipp");
        command
            .arg("-sf")
            .arg(file)
            .args(["-i", &at.ip().to_string(), "-p", &at.port().to_string()])
            .args(["-mi", &scenario.at.to_string(), "-mp", &ports(4).to_string()])
            .args(echo)
            .arg("-inf")
            .arg(&calls)
            .args(["-m", &scenario.calls.to_string(), "-r", "1", "-rp", &scenario.every.to_string()])
            .args(["-d", &scenario.lasting.to_string(), "-s", scenario.dials])
            .args(["-t", if scenario.tcp { "t1" } else { "u1" }])
            .args(["-timeout", &patience(scenario).to_string(), "-timeout_error", "-nostdin"])
            .args(["-trace_err", "-error_file"])
            .arg(trace("err"))
            .args(["-trace_logs", "-log_file"])
            .arg(trace("log"))
            .args(["-trace_msg", "-message_file"])
            .arg(trace("msg"))
            .arg(next.to_string())
            // Traces are held to the clock.
            .env("TZ", "UTC")
            // Where the audio is.
            .current_dir(&self.folder);
        Program::start(&name, command, &self.folder)
    }

    /// Has SIPp play a scenario that calls nobody and is called, and waits until it listens.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn answer(&self, scenario: Scenario<'_>, ends: &[u16]) -> Program {
        let player = self.play(scenario, ends);
        listens(self.zendesk.port(), scenario.name);
        player
    }

    /// People who talk: who call, at that address, and Zendesk's.
    ///
    /// # Panics
    /// When there are no sockets for them.
    pub fn talk(&self, calls: u16, callers: Ipv4Addr, packets: u16) -> Talk {
        Talk::new(&self.folder, (callers, Law::Mu), (*self.zendesk.ip(), Law::A), calls, packets)
    }

    /// Waits for the good end of a SIP program.
    ///
    /// # Panics
    /// When one of its calls failed.
    pub fn ends_well(&self, mut player: Program) {
        let status = player.end(PATIENCE * 2);
        assert!(status.success(), "{player:?}: {status}");
    }
}

/// For how many seconds SIPp may play.
fn patience(scenario: Scenario<'_>) -> u64 {
    let playing = u64::from(scenario.calls) * u64::from(scenario.every) + u64::from(scenario.lasting);
    PATIENCE.as_secs() + playing / 1000
}

impl Drop for Cast {
    fn drop(&mut self) {
        if std::thread::panicking() {
            show(&self.folder);
        } else {
            // Left behind at worst.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// Prints the end of everything that was written.
fn show(folder: &Path) {
    const SHOWN: usize = 6_000;
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    for file in files {
        let text = std::fs::read(&file).unwrap_or_default();
        // Text alone.
        if text.contains(&0) {
            continue;
        }
        let end = text.get(text.len().saturating_sub(SHOWN)..).unwrap_or_default();
        println!("---- {} ----\n{}", file.display(), String::from_utf8_lossy(end));
    }
}
