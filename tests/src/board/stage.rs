//! One test's stage: a lane, a board on it, and a cast around it.

use core::net::SocketAddrV4;
use std::path::PathBuf;

use super::flash;
use super::lane::{AI, BOARD, Lane, RESOLVER, ZENDESK};
use super::machine::Machine;
use crate::sipp::{Cast, PATIENCE, ports};

/// What names the program that the board runs.
const PROGRAM: &str = "WARMLINE_BOARD_ELF";

/// The port of SIP.
const SIP: u16 = 5060;

/// Whether there is no board to test: then it says so, and the test has nothing to do.
pub fn board_is_missing(test: &str) -> bool {
    let missing = elf().is_none();
    if missing {
        println!(
            "not run: {test}: {PROGRAM} names no firmware; tests/run --only board builds it and runs this"
        );
    }
    missing
}

fn elf() -> Option<PathBuf> {
    std::env::var_os(PROGRAM).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Where everything is made ready before a board is switched on.
#[derive(Debug)]
pub struct Backstage {
    /// Who will play.
    pub cast: Cast,
    /// Where they will play.
    pub lane: Lane,
}

/// A running board, and whoever was called upon it.
#[derive(Debug)]
pub struct BoardStage {
    /// The board.
    pub board: Machine,
    /// Who plays.
    pub cast: Cast,
    /// Where they play.
    pub lane: Lane,
}

impl BoardStage {
    /// Switches on a board with the usual configuration, of which `program` (the `warmline` command) makes its image,
    /// and waits until it listens.
    ///
    /// # Panics
    /// When it does not.
    pub fn set(program: &str) -> Self {
        let backstage = Backstage::new();
        let image = backstage.image(program, &backstage.configuration());
        let mut stage = backstage.switch_on(&image);
        stage.board.log.wait_for("listening at", PATIENCE);
        stage
    }
}

impl Backstage {
    /// A lane, and nobody on it yet.
    ///
    /// # Panics
    /// When there can be none.
    pub fn new() -> Self {
        let lane = Lane::lay();
        let sip = SocketAddrV4::new(lane.address(BOARD), SIP);
        let zendesk = SocketAddrV4::new(lane.address(ZENDESK), ports(2));
        Self { cast: Cast::new(sip, zendesk), lane }
    }

    /// The image that `program` (the `warmline` command) makes of a configuration.
    ///
    /// # Panics
    /// When it makes none.
    pub fn image(&self, program: &str, text: &str) -> Vec<u8> {
        flash::image(program, text, self.cast.folder())
    }

    /// Switches on a board that finds `image` in its flash.
    ///
    /// # Panics
    /// When it does not start.
    pub fn switch_on(self, image: &[u8]) -> BoardStage {
        let Self { cast, lane } = self;
        let elf = elf().expect("it was asked for before");
        let board = Machine::start(&elf, image, &lane, cast.folder());
        BoardStage { board, cast, lane }
    }

    /// The usual configuration: an AI agent dials `support`, and Zendesk rings.
    pub fn configuration(&self) -> String {
        let [board, ai] = [BOARD, AI].map(|last| self.lane.address(last));
        let (zendesk, port) = (self.cast.zendesk.ip(), self.cast.zendesk.port());
        format!(
            r#"
[appliance]
address = "{board}/24"

[node]
name     = "board"
capacity = 16

[[interface]]
name    = "lan"
address = "{board}"
listen  = ["udp:{SIP}"]
media   = "20000-20127"

[limits]
new_calls = "2/s"

[[trunk]]
name       = "ai"
kind       = "ai"
signalling = ["{ai}"]
media      = ["{ai}"]

[[trunk]]
name       = "zendesk"
kind       = "zendesk"
signalling = ["{zendesk}"]
media      = ["{zendesk}"]

[[target]]
name  = "zendesk-support"
trunk = "zendesk"
uri   = "sip:support@{zendesk}:{port}"

[[line]]
name = "support"
dial = ["support"]
from = ["ai"]
ring = [{{ targets = ["zendesk-support"], for = "10s" }}]
"#
        )
    }
}

impl Backstage {
    /// The usual configuration, and a carrier where else names are looked up, whose calls to `agent` ring an AI agent at
    /// `agent`. That may hand them over to `support`.
    pub fn with_a_carrier(&self, agent: SocketAddrV4) -> String {
        let carrier = self.lane.address(RESOLVER);
        let more = format!(
            r#"
[[trunk]]
name       = "carrier"
kind       = "carrier"
signalling = ["{carrier}"]
media      = ["{carrier}"]

[[target]]
name  = "agent"
trunk = "ai"
uri   = "sip:agent@{agent}"

[[line]]
name = "agent"
dial = ["agent"]
from = ["carrier"]
ring = [{{ targets = ["agent"], for = "10s" }}]
"#
        );
        self.configuration() + &more
    }
}

/// What Zendesk is called where the board [looks for its name](Backstage::leased).
pub const NAME: &str = "acme.sip.warmline.test";

impl Backstage {
    /// The usual configuration, but the board is leased its address, and Zendesk is known by its name alone.
    pub fn leased(&self) -> String {
        let (board, zendesk) = (self.lane.address(BOARD), self.cast.zendesk.ip());
        self.configuration()
            .replace(&format!("\"{board}/24\""), "\"dhcp\"")
            .replace(&format!("\"{board}\""), "\"0.0.0.0\"")
            .replace(&format!("@{zendesk}:"), &format!("@{NAME}:"))
    }
}

impl Default for Backstage {
    fn default() -> Self {
        Self::new()
    }
}
