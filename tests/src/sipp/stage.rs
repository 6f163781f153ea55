//! One test's stage: a configuration, Warmline as users start it, and a cast around it.

use core::net::{Ipv4Addr, SocketAddrV4};
use std::process::Command;

use super::{Cast, PATIENCE, Program, ports};

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
        let (sip, zendesk) = (ports(2), ports(2));
        let media = ports(4 * CAPACITY);
        let cast = Cast::new(SocketAddrV4::new(WARMLINE, sip), SocketAddrV4::new(ZENDESK, zendesk));
        let file = cast.folder().join("warmline.toml");
        std::fs::write(&file, configuration(sip, zendesk, media, transport)).expect("a file can be written");
        let mut command = Command::new(program);
        command.arg("--config").arg(&file).args(more).env_remove("WARMLINE_LOG");
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

fn configuration(sip: u16, zendesk: u16, media: u16, transport: &str) -> String {
    let last = media + 4 * CAPACITY - 1;
    format!(
        r#"
[node]
name     = "end-to-end"
capacity = {CAPACITY}

[[interface]]
name    = "loopback"
address = "{WARMLINE}"
listen  = ["udp:{sip}", "tcp:{sip}"]
media   = "{media}-{last}"

[limits]
new_calls = "30/s"

[[trunk]]
name       = "ai"
kind       = "ai"
signalling = ["{AI}"]
media      = ["{AI}"]

[[trunk]]
name       = "zendesk"
kind       = "zendesk"
transport  = "{transport}"
signalling = ["{ZENDESK}"]
media      = ["{ZENDESK}"]
credentials = {{ username = "warmline", password = "{PASSWORD}", realm = "talk" }}

[[trunk]]
name       = "carrier"
kind       = "carrier"
signalling = ["{CARRIER}"]
media      = ["{CARRIER}"]

[[target]]
name  = "zendesk-support"
trunk = "zendesk"
uri   = "sip:support@{ZENDESK}:{zendesk}"

[[line]]
name = "support"
dial = ["support"]
from = ["ai", "carrier"]
ring = [{{ targets = ["zendesk-support"], for = "20s" }}]
"#
    )
}
