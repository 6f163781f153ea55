//! A debugger's hand in the board: it makes the processor do what no call makes it do.
//!
//! It speaks to QEMU by GDB's remote protocol (GDB manual, appendix E), as little of it as this takes.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::sipp::{PATIENCE, poll};

/// The program counter's number among the registers.
const PC: u32 = 15;

/// A stopped board.
#[derive(Debug)]
pub struct Debugger {
    stream: UnixStream,
}

impl Debugger {
    /// Stops the board whose debugger's door is at `socket`.
    pub(super) fn connect(socket: &Path) -> Self {
        let stream = poll(PATIENCE, || UnixStream::connect(socket).ok()).expect("QEMU lets a debugger in");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket that does not wait for ever");
        let mut this = Self { stream };
        this.ask("?");
        // Whoever has not read the registers' description may not set a single one.
        this.ask("qXfer:features:read:target.xml:0,ffb");
        this
    }

    /// Writes bytes to the board's memory.
    ///
    /// # Panics
    /// When there is none.
    pub fn write(&mut self, address: u32, bytes: &[u8]) {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(self.ask(&format!("M{address:x},{:x}:{hex}", bytes.len())), "OK");
    }

    /// Lets the board go on at `address`.
    ///
    /// # Panics
    /// When QEMU does not do it.
    pub fn go_on_at(mut self, address: u32) {
        assert_eq!(self.ask(&format!("P{PC:x}={:08x}", address.swap_bytes())), "OK");
        self.ask("D");
    }

    /// Sends a packet and reads the one that answers.
    fn ask(&mut self, packet: &str) -> String {
        let sum = packet.bytes().fold(0, u8::wrapping_add);
        self.stream.write_all(format!("${packet}#{sum:02x}").as_bytes()).expect("QEMU listens");
        // What comes before the acknowledgement is the notice of a stop.
        while self.byte() != b'+' {}
        while self.byte() != b'$' {}
        let answer: Vec<u8> =
            core::iter::repeat_with(|| self.byte()).take_while(|&byte| byte != b'#').collect();
        let _sum = [self.byte(), self.byte()];
        self.stream.write_all(b"+").expect("QEMU listens");
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn byte(&mut self) -> u8 {
        let mut byte = [0];
        self.stream.read_exact(&mut byte).expect("QEMU answers");
        byte[0]
    }
}
