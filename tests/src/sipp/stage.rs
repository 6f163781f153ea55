//! One test's stage: a configuration, Warmline as users start it, and a cast around it.

use core::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::{Cast, PATIENCE, Program, faketime, ports};

/// Where Warmline stands. The AI agent calls from the same address.
pub const WARMLINE: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// Where the AI agent stands.
pub const AI: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// Where Zendesk stands.
pub const ZENDESK: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// Where the carrier stands.
pub const CARRIER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);
/// Where somebody stands whom no trunk knows.
pub const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

/// What proves to Zendesk that Warmline is itself, where it asks.
pub const PASSWORD: &str = "only the desk knows";

/// How many calls Warmline may carry.
const CAPACITY: u16 = 200;
/// The same where there are only a few, since ports are given out once.
const FEW: u16 = 20;

/// Names the media backend that Warmline is to relay over; where it is not set, Warmline chooses.
const BACKEND: &str = "WARMLINE_BACKEND";

/// Whom the line rings.
#[derive(Clone, Copy, Debug)]
pub struct Rung<'a> {
    /// Where it is.
    pub at: SocketAddrV4,
    /// By which URI it is dialled.
    pub uri: &'a str,
    /// For how many seconds it is rung.
    pub seconds: u32,
}

impl<'a> Rung<'a> {
    /// Somebody who is rung for 20 s.
    pub const fn new(at: SocketAddrV4, uri: &'a str) -> Self {
        Self { at, uri, seconds: 20 }
    }
}

/// A node.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// Its name.
    pub name: &'a str,
    /// How many calls it may carry.
    pub capacity: u16,
    /// How many new ones it takes a second.
    pub rate: u16,
    /// By how much its clock is off, where it is: `-1h`.
    pub clock: Option<&'a str>,
}

impl Default for Node<'_> {
    fn default() -> Self {
        Self { name: "end-to-end", capacity: FEW, rate: 30, clock: None }
    }
}

/// A running Warmline, and whoever was called upon it.
#[derive(Debug)]
pub struct Stage {
    /// Warmline.
    pub warmline: Program,
    /// Who plays.
    pub cast: Cast,
}

impl Stage {
    /// Starts `program` (the `warmline` command) with more arguments `more`, and waits until it listens.
    ///
    /// # Panics
    /// When it does not.
    pub fn set(program: &str, more: &[&str]) -> Self {
        Self::with(program, more, "udp")
    }

    /// The same, where Zendesk is reached by this transport. It listens on UDP and on TCP.
    ///
    /// # Panics
    /// When it does not.
    pub fn with(program: &str, more: &[&str], transport: &str) -> Self {
        let (sip, zendesk) = (SocketAddrV4::new(WARMLINE, ports(2)), SocketAddrV4::new(ZENDESK, ports(2)));
        let uri = format!("sip:support@{zendesk}");
        Self::place(program, more, &[AI], sip, &[Rung::new(zendesk, &uri)], transport, CAPACITY)
    }

    /// The same with a few calls from `callers` as AI agents' platforms, and with the line rung at several targets, one
    /// after the other.
    ///
    /// # Panics
    /// When it does not listen.
    pub fn build(
        program: &str,
        more: &[&str],
        callers: &[Ipv4Addr],
        sip: SocketAddrV4,
        targets: &[Rung<'_>],
    ) -> Self {
        Self::place(program, more, callers, sip, targets, "udp", FEW)
    }

    fn place(
        program: &str,
        more: &[&str],
        callers: &[Ipv4Addr],
        sip: SocketAddrV4,
        targets: &[Rung<'_>],
        transport: &str,
        capacity: u16,
    ) -> Self {
        let media = ports(4 * capacity);
        let cast = Cast::new(sip, targets[0].at);
        Self::open(
            program,
            more,
            cast,
            &configuration(callers, sip, targets, media, Node { capacity, ..Node::default() }, transport),
        )
    }

    /// The same with one target that its line rings, and with what `more` says after the line's keys, of the line first.
    ///
    /// # Panics
    /// When it does not listen.
    pub fn furnish(program: &str, more: &str, callers: &[Ipv4Addr], target: SocketAddrV4) -> Self {
        Self::furnish_for(program, more, callers, target, Node::default())
    }

    /// The same for another node.
    ///
    /// # Panics
    /// When it does not listen.
    pub fn furnish_for(
        program: &str,
        more: &str,
        callers: &[Ipv4Addr],
        target: SocketAddrV4,
        node: Node<'_>,
    ) -> Self {
        Self::equip(program, callers, target, node, |plain| plain + more)
    }

    /// The same with a configuration that was changed.
    ///
    /// # Panics
    /// When it does not listen.
    pub fn refurnish(
        program: &str,
        callers: &[Ipv4Addr],
        target: SocketAddrV4,
        change: impl FnOnce(String) -> String,
    ) -> Self {
        Self::equip(program, callers, target, Node::default(), change)
    }

    fn equip(
        program: &str,
        callers: &[Ipv4Addr],
        target: SocketAddrV4,
        node: Node<'_>,
        change: impl FnOnce(String) -> String,
    ) -> Self {
        let sip = SocketAddrV4::new(WARMLINE, ports(2));
        let uri = format!("sip:support@{target}");
        let media = ports(4 * node.capacity);
        let plain = configuration(callers, sip, &[Rung::new(target, &uri)], media, node, "udp");
        Self::begin(program, &[], Cast::new(sip, target), &change(plain), node.clock)
    }

    /// Starts Warmline again, with the same file: it has ended before, or been killed.
    ///
    /// # Panics
    /// When it does not listen.
    pub fn restart(&mut self, program: &str) {
        let mut command = Command::new(program);
        command.arg("--config").arg(self.file()).env_remove("WARMLINE_LOG");
        self.warmline = Program::start("warmline-again", command, self.cast.folder());
        self.warmline.has_written("listens on");
    }

    /// Its configuration.
    pub fn file(&self) -> PathBuf {
        self.cast.folder().join("warmline.toml")
    }

    /// What `warmline` writes when it is asked for something with the same file; what it complains of, where it fails.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn ask(&self, program: &str, words: &[&str]) -> Result<String, String> {
        let asked = Command::new(program).args(words).arg("--config").arg(self.file()).output();
        let asked = asked.expect("warmline can be started");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if asked.status.success() { Ok(text(&asked.stdout)) } else { Err(text(&asked.stderr)) }
    }

    /// What `warmline` has written down of calls.
    ///
    /// # Panics
    /// When it does not say.
    pub fn records(&self, program: &str) -> Vec<Value> {
        let list = self.ask(program, &["calls", "--json"]).expect("a list");
        serde_json::from_str(&list).unwrap_or_else(|why| panic!("{why}: {list}"))
    }

    /// How many entries of its outbox have not been told yet.
    ///
    /// # Errors
    /// What it complains of.
    pub fn untold(&self, program: &str) -> Result<usize, String> {
        // Under a heading.
        self.ask(program, &["outbox"]).map(|list| list.lines().count() - 1)
    }

    /// Starts `program` around which `cast` stands, with more arguments `more` and this configuration, and waits until
    /// it listens.
    ///
    /// # Panics
    /// When it does not.
    pub fn open(program: &str, more: &[&str], cast: Cast, configuration: &str) -> Self {
        Self::begin(program, more, cast, configuration, None)
    }

    fn begin(program: &str, more: &[&str], cast: Cast, configuration: &str, clock: Option<&str>) -> Self {
        let file = cast.folder().join("warmline.toml");
        std::fs::write(&file, over_backend(configuration)).expect("a file can be written");
        let mut command = Command::new(program);
        command.arg("--config").arg(&file).args(more).env_remove("WARMLINE_LOG");
        clock.into_iter().for_each(|off| faketime::set(&mut command, off));
        let mut warmline = Program::start("warmline", command, cast.folder());
        warmline.has_written("listens on");
        Self { warmline, cast }
    }

    /// Ends Warmline, which has to have no call left, and gives its log.
    ///
    /// # Panics
    /// When it does not end well.
    pub fn stop(&mut self) -> String {
        self.warmline.terminate();
        let status = self.warmline.end(PATIENCE);
        assert!(status.success(), "warmline: {status}");
        self.warmline.written()
    }
}

/// A configuration, with the backend that the environment names.
fn over_backend(configuration: &str) -> String {
    let Ok(backend) = std::env::var(BACKEND) else { return configuration.to_owned() };
    let key = format!("[media]\nbackend = \"{backend}\"\n");
    match configuration.contains("[media]\n") {
        true => configuration.replace("[media]\n", &key),
        false => format!("{configuration}\n{key}"),
    }
}

fn configuration(
    callers: &[Ipv4Addr],
    sip: SocketAddrV4,
    targets: &[Rung<'_>],
    media: u16,
    Node { name, capacity, rate, .. }: Node<'_>,
    transport: &str,
) -> String {
    let last = media + 4 * capacity - 1;
    let list = |places: &mut dyn Iterator<Item = Ipv4Addr>| {
        let mut places: Vec<String> = places.map(|place| format!("\"{place}\"")).collect();
        places.sort();
        places.dedup();
        places.join(", ")
    };
    let ai = list(&mut callers.iter().copied());
    let zendesk = list(&mut targets.iter().map(|target| *target.at.ip()));
    let named = |number: usize| match number {
        0 => "zendesk-support".to_owned(),
        _ => format!("zendesk-support-{}", number + 1),
    };
    let sections: String = (0..)
        .zip(targets)
        .map(|(number, Rung { uri, .. })| {
            format!("[[target]]\nname = \"{}\"\ntrunk = \"zendesk\"\nuri = \"{uri}\"\n\n", named(number))
        })
        .collect();
    let rung: Vec<String> = (0..)
        .zip(targets)
        .map(|(number, target)| {
            format!("{{ targets = [\"{}\"], for = \"{}s\" }}", named(number), target.seconds)
        })
        .collect();
    let rung = rung.join(", ");
    format!(
        r#"
[node]
name     = "{name}"
capacity = {capacity}

[[interface]]
name    = "loopback"
address = "{ours}"
listen  = ["udp:{port}", "tcp:{port}"]
media   = "{media}-{last}"

[limits]
new_calls = "{rate}/s"

[[trunk]]
name       = "ai"
kind       = "ai"
signalling = [{ai}]
media      = [{ai}]

[[trunk]]
name       = "zendesk"
kind       = "zendesk"
transport  = "{transport}"
signalling = [{zendesk}]
media      = [{zendesk}]
credentials = {{ username = "warmline", password = "{PASSWORD}", realm = "talk" }}

[[trunk]]
name       = "carrier"
kind       = "carrier"
signalling = ["{CARRIER}"]
media      = ["{CARRIER}"]

{sections}[[line]]
name = "support"
dial = ["support"]
from = ["ai", "carrier"]
ring = [{rung}]
"#,
        ours = sip.ip(),
        port = sip.port()
    )
}
