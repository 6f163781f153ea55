//! One test's stage: a lane, a board on it, and a cast around it.

use core::net::SocketAddrV4;
use std::path::PathBuf;

use warmline_core::image::{Appliance, Network};

use super::lane::{AI, BOARD, Lane, ZENDESK};
use super::{Machine, image};
use crate::sipp::{Cast, PATIENCE, ports};

/// What names the program that the board runs.
const PROGRAM: &str = "WARMLINE_BOARD_ELF";

/// The port of SIP.
const SIP: u16 = 5060;

/// Whether there is no board to test: then it says so, and the test has nothing to do.
pub fn board_is_missing(test: &str) -> bool {
    let missing = program().is_none();
    if missing {
        println!(
            "not run: {test}: {PROGRAM} names no firmware; tests/run --only board builds it and runs this"
        );
    }
    missing
}

fn program() -> Option<PathBuf> {
    std::env::var_os(PROGRAM).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// What a stage is to be like.
#[derive(Clone, Debug)]
pub struct Plot {
    /// How many calls the board may take in a second.
    pub new_calls: u32,
    /// How many at once.
    pub calls: u16,
}

impl Plot {
    /// What the board is made for.
    pub const USUAL: Self = Self { new_calls: 2, calls: 16 };
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
    /// Switches on a board for that plot, and waits until it listens.
    ///
    /// # Panics
    /// When it does not.
    pub fn set(plot: &Plot) -> Self {
        let lane = Lane::lay();
        let cast = cast(&lane);
        let network = Network::Static { address: lane.address(BOARD), prefix: 24, gateway: None };
        let appliance = Appliance { network, dns: core::iter::empty().collect(), calls: plot.calls };
        let image = image(&configuration(&lane, cast.zendesk.port(), plot), &appliance);
        let mut stage = Self::start(lane, cast, &image);
        stage.board.log.wait_for("listening at", PATIENCE);
        stage
    }

    /// Switches on a board that finds `image` in its flash.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(lane: Lane, cast: Cast, image: &[u8]) -> Self {
        let program = program().expect("asked for before");
        let board = Machine::start(&program, image, &lane, cast.folder());
        Self { board, cast, lane }
    }
}

/// Nobody yet, around a board on that lane.
fn cast(lane: &Lane) -> Cast {
    Cast::new(SocketAddrV4::new(lane.address(BOARD), SIP), SocketAddrV4::new(lane.address(ZENDESK), ports(2)))
}

fn configuration(lane: &Lane, zendesk_port: u16, plot: &Plot) -> String {
    let [board, ai, zendesk] = [BOARD, AI, ZENDESK].map(|last| lane.address(last));
    let Plot { new_calls, calls } = plot;
    format!(
        r#"
[node]
name     = "board"
capacity = {calls}

[[interface]]
name    = "lan"
address = "{board}"
listen  = ["udp:{SIP}"]
media   = "20000-20127"

[media]
workers = 1

[limits]
new_calls = "{new_calls}/s"

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
uri   = "sip:support@{zendesk}:{zendesk_port}"

[[line]]
name = "support"
dial = ["support"]
from = ["ai"]
ring = [{{ targets = ["zendesk-support"], for = "20s" }}]
"#
    )
}
