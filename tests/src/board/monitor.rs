//! QEMU's monitor: what happens to the machine from outside.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::debugger::Debugger;
use crate::sipp::{PATIENCE, poll};

/// The name of the network in QEMU.
pub(super) const WIRE: &str = "wire";

/// A connection to the monitor (QMP).
#[derive(Debug)]
pub struct Monitor {
    lines: BufReader<UnixStream>,
}

impl Monitor {
    /// Connects to the monitor at `socket`.
    ///
    /// # Panics
    /// When nobody listens there.
    pub(super) fn connect(socket: &Path) -> Self {
        let stream = poll(PATIENCE, || UnixStream::connect(socket).ok()).expect("QEMU's monitor listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket that does not wait for ever");
        let mut monitor = Self { lines: BufReader::new(stream) };
        monitor.tell("qmp_capabilities", "");
        monitor
    }

    /// Pulls the network cable, or puts it back.
    ///
    /// # Panics
    /// When QEMU does not do it.
    pub fn set_link(&mut self, up: bool) {
        self.tell("set_link", &format!(r#""name":"{WIRE}","up":{up}"#));
    }

    /// Presses the board's reset button.
    ///
    /// # Panics
    /// When QEMU does not do it.
    pub fn reset(&mut self) {
        self.tell("system_reset", "");
    }

    /// Stops the board and opens its debugger's door, a socket in `folder`.
    ///
    /// # Panics
    /// When QEMU does not do it.
    pub fn debug(&mut self, folder: &Path) -> Debugger {
        let socket = folder.join("debugger");
        let command = format!("gdbserver unix:{},server=on,wait=off", socket.display());
        self.tell("human-monitor-command", &format!(r#""command-line":"{command}""#));
        Debugger::connect(&socket)
    }

    fn tell(&mut self, what: &str, arguments: &str) {
        let text = format!("{{\"execute\":\"{what}\",\"arguments\":{{{arguments}}}}}\n");
        self.lines.get_mut().write_all(text.as_bytes()).expect("QEMU's monitor listens");
        loop {
            let mut line = String::new();
            self.lines.read_line(&mut line).expect("QEMU's monitor answers");
            // Its greeting and events are of no interest.
            if line.contains("\"return\"") {
                return;
            }
            assert!(!line.is_empty() && !line.contains("\"error\""), "{what} {arguments}: {line}");
        }
    }
}
