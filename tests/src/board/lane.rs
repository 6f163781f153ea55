//! A network of a test's own: a TAP between the board and whoever plays.

use core::net::Ipv4Addr;
use std::process::{Command, Stdio};

/// The last number of the address where the AI agent stands.
pub const AI: u8 = 1;
/// Where Zendesk stands.
pub const ZENDESK: u8 = 2;
/// Where the board stands.
pub const BOARD: u8 = 10;
/// Where somebody has a telephone.
pub const PHONE: u8 = 20;
/// Where DNS is served.
pub const RESOLVER: u8 = 53;
/// Where somebody stands whom no trunk knows.
pub const STRANGER: u8 = 66;
/// Where nobody stands.
pub const NOBODY: u8 = 77;

/// How many lanes a namespace can have.
const LANES: u8 = 200;

/// A TAP, and addresses on it.
#[derive(Debug)]
pub struct Lane {
    number: u8,
}

impl Lane {
    /// Lays a lane that nobody else has.
    ///
    /// # Panics
    /// When it cannot, as where this is not a network namespace made for it: it would be everybody's network.
    pub fn lay() -> Self {
        let others: Vec<String> = ways().filter(|device| !device.starts_with("board")).collect();
        assert!(others.is_empty(), "tests/run makes a network for these tests; this one has {others:?}");
        // Whoever makes the device has it: others try the next.
        let number =
            (0..LANES).find(|number| ip(&["tuntap", "add", "dev", &device(*number), "mode", "tap"]).is_ok());
        let lane = Self { number: number.expect("a TAP can be made") };
        let device = lane.device();
        for last in [AI, ZENDESK, PHONE, RESOLVER, STRANGER] {
            lane.run(&["address", "add", &format!("{}/24", lane.address(last)), "dev", &device]);
        }
        // What the system says of itself in IPv6 is not part of the play.
        lane.run(&["link", "set", &device, "addrgenmode", "none"]);
        lane.run(&["link", "set", &device, "up"]);
        lane
    }

    /// The TAP.
    pub fn device(&self) -> String {
        device(self.number)
    }

    /// The address here that ends in `last`.
    pub const fn address(&self, last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, self.number, last)
    }

    /// The board's hardware address.
    pub const fn hardware(&self) -> [u8; 6] {
        [0x52, 0x54, 0, 0x77, 0, self.number]
    }

    /// Lets everyone here know the board's hardware address, so that nobody asks for it.
    ///
    /// # Panics
    /// When the system does not take it.
    pub fn introduce(&self) {
        let (board, hardware) = (self.address(BOARD).to_string(), text(self.hardware()));
        self.run(&[
            "neighbour",
            "replace",
            &board,
            "lladdr",
            &hardware,
            "dev",
            &self.device(),
            "nud",
            "permanent",
        ]);
    }

    fn run(&self, arguments: &[&str]) {
        ip(arguments).unwrap_or_else(|error| panic!("ip {arguments:?}: {error}"));
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        // It is gone with the namespace at the latest.
        let _ = ip(&["link", "delete", &self.device()]);
    }
}

/// A hardware address as people write it.
pub(super) fn text([a, b, c, d, e, f]: [u8; 6]) -> String {
    format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}

fn device(number: u8) -> String {
    format!("board{number}")
}

/// The devices that lead somewhere from here.
fn ways() -> impl Iterator<Item = String> {
    let routes = std::fs::read_to_string("/proc/thread-self/net/route").expect("Linux lists its routes");
    let lines: Vec<String> = routes.lines().skip(1).map(str::to_owned).collect();
    lines.into_iter().filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}
