//! Counts core's instructions, by what came in.
//!
//! QEMU, told `-icount shift=7`, lets 128 ns of the board's time go by for each instruction; a timer that counts every
//! 40 ns then shows less than one.

use core::fmt;
use core::sync::atomic::{Ordering, compiler_fence};

use heapless::{LinearMap, String};
use semihosting::println;
use warmline_trace::stream::{self, Entry, Header, Input};
use warmline_trace::{Host, Part, Player};

use super::files::Reading;
use super::{READ, ROOM, said};

/// Timer 0 of the board (CMSDK APB timer), counting down at 25 MHz.
const TIMER: usize = 0x4000_0000;
const CONTROL: usize = 0x0;
const VALUE: usize = 0x4;
const RELOAD: usize = 0x8;

/// Kinds of what comes in.
type Kind = String<48>;

/// Of one kind: how often it came, the ticks in signalling and in the relay, and the most for one.
#[derive(Clone, Copy, Default)]
struct Sum {
    count: u32,
    ticks: [u64; 2],
    most: u64,
}

/// A [`Host`] that counts what core takes.
pub(crate) struct Meter {
    entered: u32,
    /// What is taken by counting nothing.
    idle: u32,
    ticks: [u64; 2],
    /// The payload type that left last.
    format: Option<u8>,
    sums: LinearMap<Kind, Sum, 64>,
}

impl Meter {
    pub(crate) fn new() -> Self {
        write(RELOAD, u32::MAX);
        write(VALUE, u32::MAX);
        write(CONTROL, 1);
        let mut meter = Self { entered: 0, idle: 0, ticks: [0; 2], format: None, sums: LinearMap::new() };
        // The first time the code is translated, which takes no time of the board's.
        for _ in 0..8 {
            meter.ticks = [0; 2];
            meter.enter();
            meter.leave(Part::Signalling);
        }
        meter.idle = meter.ticks[0] as u32;
        meter.ticks = [0; 2];
        meter
    }

    /// What core took since the last time was for one of this kind.
    fn book(&mut self, kind: Kind) {
        let ticks = core::mem::take(&mut self.ticks);
        if self.sums.get(&kind).is_none() {
            let _ = self.sums.insert(kind.clone(), Sum::default());
        }
        let Some(sum) = self.sums.get_mut(&kind) else { return };
        sum.count += 1;
        sum.ticks = [sum.ticks[0] + ticks[0], sum.ticks[1] + ticks[1]];
        sum.most = sum.most.max(ticks[0] + ticks[1]);
    }

    /// What was counted since the last time was for one of this kind.
    pub(crate) fn book_as(&mut self, what: &str) {
        self.book(kind(what, "", ""));
    }

    /// A line for each kind: how often, ticks in signalling, in the relay, the most for one, and the kind.
    pub(crate) fn print(&self) {
        for (kind, sum) in &self.sums {
            println!("{} {} {} {} {kind}", sum.count, sum.ticks[0], sum.ticks[1], sum.most);
        }
    }
}

impl Host for Meter {
    fn left(&mut self, _: u64, _: fmt::Arguments<'_>, bytes: &[u8]) {
        self.format = bytes.get(1).map(|byte| byte & 0x7f);
    }

    fn enter(&mut self) {
        self.entered = read(VALUE);
        compiler_fence(Ordering::SeqCst);
    }

    fn leave(&mut self, part: Part) {
        compiler_fence(Ordering::SeqCst);
        let ticks = self.entered.wrapping_sub(read(VALUE)).saturating_sub(self.idle);
        self.ticks[usize::from(part == Part::Media)] += u64::from(ticks);
    }
}

pub(crate) fn play(source: &mut Reading, meter: &mut Meter) -> Option<()> {
    let room = READ.take();
    let header: Header<'_> = said(stream::read(source, room))??;
    let mut player = said(Player::new(&header, ROOM.take()))?;
    while let Some(entry) = said(stream::read::<Entry<'_>>(source, room))? {
        said(player.until(entry.at, meter))?;
        if meter.ticks != [0; 2] {
            let signalling = meter.ticks[0] > meter.ticks[1];
            meter.book(kind(if signalling { "timer: signalling" } else { "timer: RTCP" }, "", ""));
        }
        meter.format = None;
        said(player.take(&entry.input, meter))?;
        let kind = of(&entry.input, meter.format);
        meter.book(kind);
    }
    Some(())
}

/// What came in, and for a packet what left for it.
fn of(input: &Input<'_>, left: Option<u8>) -> Kind {
    match *input {
        Input::Packet { port, .. } if port % 2 == 1 => kind("packet: RTCP", "", ""),
        Input::Packet { bytes, .. } => {
            let came = format(bytes.get(1).map(|byte| byte & 0x7f));
            kind(
                "packet: ",
                came,
                match left {
                    None => ", dropped",
                    Some(0) => " to PCMU",
                    Some(8) => " to PCMA",
                    Some(_) => "",
                },
            )
        }
        Input::Message { bytes, .. } => {
            let text = core::str::from_utf8(bytes).unwrap_or_default();
            let mut words = text.split(' ');
            match (words.next(), words.next()) {
                (Some("SIP/2.0"), Some(status)) => {
                    let method = text.split("CSeq: ").nth(1).and_then(|rest| rest.split([' ', '\r']).nth(1));
                    let mut both = kind("message: ", status, " to ");
                    let _ = both.push_str(method.unwrap_or("?"));
                    both
                }
                (Some(method), _) => {
                    let inside = text.contains(";tag=")
                        && text
                            .split("To: ")
                            .nth(1)
                            .is_some_and(|to| to.split('\r').next().is_some_and(|to| to.contains(";tag=")));
                    kind("message: ", method, if inside { " in a dialog" } else { "" })
                }
                _ => kind("message: ", "?", ""),
            }
        }
        Input::Order(_) => kind("order", "", ""),
    }
}

fn format(payload_type: Option<u8>) -> &'static str {
    match payload_type {
        Some(0) => "PCMU",
        Some(8) => "PCMA",
        Some(101) => "telephone-event",
        _ => "other",
    }
}

fn kind(a: &str, b: &str, c: &str) -> Kind {
    let mut kind = Kind::new();
    for part in [a, b, c] {
        let _ = kind.push_str(part);
    }
    kind
}

#[expect(unsafe_code, reason = "a register")]
fn read(register: usize) -> u32 {
    // SAFETY: the board has a timer there, of which nobody else knows.
    unsafe { ((TIMER + register) as *const u32).read_volatile() }
}

#[expect(unsafe_code, reason = "a register")]
fn write(register: usize, value: u32) {
    // SAFETY: as above.
    unsafe { ((TIMER + register) as *mut u32).write_volatile(value) }
}
