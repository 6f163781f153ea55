//! The emulated board.

use core::fmt;
use std::path::Path;
use std::process::Command;

use super::flash::model;
use super::lane::{Lane, text};
use super::monitor::{Monitor, WIRE};
use super::{Log, Wire};
use crate::sipp::{PATIENCE, Program};

/// A running board. It ends with the test.
pub struct Machine {
    /// What it says.
    pub log: Log,
    /// What it sends and gets.
    pub wire: Wire,
    /// What can be done to it.
    pub monitor: Monitor,
    qemu: Program,
}

impl Machine {
    /// Switches on a board that runs `program`, has `image` in its flash, and is on that lane.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(program: &Path, image: &[u8], lane: &Lane, folder: &Path) -> Self {
        let [log, flash, capture, socket] =
            ["board.defmt", "flash.bin", "wire.pcap", "monitor"].map(|name| folder.join(name));
        std::fs::write(&flash, image).expect("a file can be written");
        let qemu =
            Program::start_apart("qemu", command(program, lane, &flash, &capture, &socket), folder, &log);
        let monitor = Monitor::connect(&socket);
        let mut machine =
            Self { log: Log::new(program, &log), wire: Wire::new(capture, lane.hardware()), monitor, qemu };
        machine.log.wait_for("warmline ", PATIENCE);
        machine
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.qemu.ended().is_none()
    }

    /// How often it has started.
    pub fn starts(&mut self) -> usize {
        self.log.count(" calls at once")
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").field("log", &self.log).field("wire", &self.wire).finish_non_exhaustive()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("---- the board said ----\n{}", self.log.tail());
        }
    }
}

fn command(program: &Path, lane: &Lane, flash: &Path, capture: &Path, socket: &Path) -> Command {
    let mut command = Command::new("qemu-system-arm");
    command
        .args(["-machine", model().name, "-nodefaults", "-display", "none", "-serial", "null"])
        .args(["-semihosting-config", "enable=on,target=native"])
        .arg("-netdev")
        .arg(format!("tap,id={WIRE},ifname={},script=no,downscript=no", lane.device()))
        .arg("-net")
        .arg(format!("nic,model=lan9118,netdev={WIRE},macaddr={}", text(lane.hardware())))
        .arg("-object")
        .arg(format!("filter-dump,id=view,netdev={WIRE},file={}", capture.display()))
        .arg("-qmp")
        .arg(format!("unix:{},server=on,wait=off", socket.display()))
        .arg("-device")
        .arg(format!("loader,file={},addr={:#x},force-raw=on", flash.display(), model().config_address))
        .arg("-kernel")
        .arg(program);
    command
}
