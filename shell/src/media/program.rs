//! The program that [`Steering`](super::steering::Steering) has the kernel ask, in the kernel's instructions (RFC 9669).

use core::net::IpAddr;
use core::ops::RangeInclusive;

/// Registers: results and the stack by the kernel's convention, the question and the port by ours.
const R0: u8 = 0;
const R1: u8 = 1;
const R2: u8 = 2;
const R3: u8 = 3;
const QUESTION: u8 = 6;
const PORT: u8 = 7;
const STACK: u8 = 10;

/// Where the parts of the question are (`struct bpf_sk_lookup`), and what they are of.
const PROTOCOL: i16 = 12;
const LOCAL_IP4: i16 = 40;
const LOCAL_IP6: i16 = 44;
const LOCAL_PORT: i16 = 60;
const UDP: i32 = 17;

/// What the kernel does for programs.
const MAP_LOOKUP_ELEM: i32 = 1;
const SK_RELEASE: i32 = 86;
const SK_ASSIGN: i32 = 124;

/// Goes on with what was assigned, or the usual way where nothing was.
const SK_PASS: i32 = 1;

/// Where a key stands on the stack.
const KEY: i16 = -4;

/// Where a jump leads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    /// To the next interface.
    Next,
    /// To where the port is looked up.
    Found,
    /// To the end.
    Pass,
}

/// Instructions, and the jumps among them whose end has yet to be known.
#[derive(Default)]
struct Code {
    instructions: Vec<u64>,
    jumps: Vec<(usize, Label)>,
}

impl Code {
    fn put(&mut self, code: u8, to: u8, from: u8, offset: i16, value: i32) {
        let registers = if cfg!(target_endian = "little") { from << 4 | to } else { to << 4 | from };
        let [o0, o1] = offset.to_ne_bytes();
        let [v0, v1, v2, v3] = value.to_ne_bytes();
        self.instructions.push(u64::from_ne_bytes([code, registers, o0, o1, v0, v1, v2, v3]));
    }

    /// One register's value into another.
    fn copy(&mut self, to: u8, from: u8) {
        self.put(0xbf, to, from, 0, 0);
    }

    fn set(&mut self, to: u8, value: i32) {
        self.put(0xb7, to, 0, 0, value);
    }

    fn add(&mut self, to: u8, value: i32) {
        self.put(0x07, to, 0, 0, value);
    }

    /// Four bytes from memory.
    fn load(&mut self, to: u8, from: u8, offset: i16) {
        self.put(0x61, to, from, offset, 0);
    }

    fn call(&mut self, helper: i32) {
        self.put(0x85, 0, 0, 0, helper);
    }

    fn jump(&mut self, code: u8, register: u8, value: i32, to: Label) {
        self.jumps.push((self.instructions.len(), to));
        self.put(code, register, 0, 0, value);
    }

    /// Jumps on 32 bits: what stands in the instruction is no number with a sign.
    fn jump_unless(&mut self, register: u8, is: i32, to: Label) {
        self.jump(0x56, register, is, to);
    }

    fn jump_if_zero(&mut self, register: u8, to: Label) {
        self.jump(0x15, register, 0, to);
    }

    /// What is in a table under the number in a register: where it is, or zero, in `R0`.
    fn look_up(&mut self, table: u32, key: u8) {
        self.put(0x63, STACK, key, KEY, 0);
        // The table's file stands in two instructions, marked as such.
        self.put(0x18, R1, 1, 0, table.cast_signed());
        self.instructions.push(0);
        self.copy(R2, STACK);
        self.add(R2, KEY.into());
        self.call(MAP_LOOKUP_ELEM);
    }

    /// Has what is to jump here jump here.
    fn land(&mut self, label: Label) {
        let here = self.instructions.len();
        for (at, _) in self.jumps.extract_if(.., |(_, to)| *to == label) {
            let Some(instruction) = self.instructions.get_mut(at) else { continue };
            let mut bytes = instruction.to_ne_bytes();
            let distance = i16::try_from(here - at - 1).unwrap_or(i16::MAX).to_ne_bytes();
            bytes.iter_mut().skip(2).zip(distance).for_each(|(to, from)| *to = from);
            *instruction = u64::from_ne_bytes(bytes);
        }
    }
}

/// The program for these interfaces: by their address and port it finds the entry in `doors`, which are of the ports from
/// `first` on, and what that says in `sockets`. Tables are named by their file's number.
pub(super) fn program(
    first: u16,
    interfaces: &[(IpAddr, RangeInclusive<u16>)],
    doors: u32,
    sockets: u32,
) -> Vec<u64> {
    let mut code = Code::default();
    code.copy(QUESTION, R1);
    code.load(R2, QUESTION, PROTOCOL);
    code.jump_unless(R2, UDP, Label::Pass);
    code.load(PORT, QUESTION, LOCAL_PORT);
    for (address, ports) in interfaces {
        code.jump(0xa5, PORT, i32::from(*ports.start()), Label::Next);
        code.jump(0x25, PORT, i32::from(*ports.end()), Label::Next);
        // Of another family than the address nothing is taken: the kernel does not let it have the socket.
        match address {
            address if address.is_unspecified() => {}
            IpAddr::V4(address) => {
                code.load(R2, QUESTION, LOCAL_IP4);
                code.jump_unless(R2, i32::from_ne_bytes(address.octets()), Label::Pass);
            }
            IpAddr::V6(address) => {
                for (at, word) in (LOCAL_IP6..).step_by(4).zip(address.octets().as_chunks().0) {
                    code.load(R2, QUESTION, at);
                    code.jump_unless(R2, i32::from_ne_bytes(*word), Label::Pass);
                }
            }
        }
        code.jump(0x05, 0, 0, Label::Found);
        code.land(Label::Next);
    }
    code.jump(0x05, 0, 0, Label::Pass);
    code.land(Label::Found);
    code.add(PORT, -i32::from(first));
    code.look_up(doors, PORT);
    code.jump_if_zero(R0, Label::Pass);
    code.load(R1, R0, 0);
    code.jump_if_zero(R1, Label::Pass);
    code.add(R1, -1);
    code.look_up(sockets, R1);
    code.jump_if_zero(R0, Label::Pass);
    code.copy(PORT, R0);
    code.copy(R1, QUESTION);
    code.copy(R2, PORT);
    code.set(R3, 0);
    code.call(SK_ASSIGN);
    code.copy(R1, PORT);
    code.call(SK_RELEASE);
    code.land(Label::Pass);
    code.set(R0, SK_PASS);
    code.put(0x95, 0, 0, 0, 0);
    code.instructions
}
