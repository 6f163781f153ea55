//! The board: plays the trace it is told to, with files of the machine QEMU runs on.
//!
//! `play TRACE OUT` writes what leaves to OUT. `count TRACE` prints how many instructions core took for what came in.

mod count;
mod files;
mod frames;

use core::fmt::Display;

use cortex_m_rt::entry;
use semihosting::experimental::env;
use semihosting::process::ExitCode;
use semihosting::{eprintln, println};
use static_cell::ConstStaticCell;
use warmline_trace::stream::{self, Entry, FRAME, Header};
use warmline_trace::{Departures, Host, Player, Room, SRTP, srtp};

use count::Meter;
use files::{BUFFER, Reading, Writing};

static ROOM: ConstStaticCell<Room> = ConstStaticCell::new(Room::new());
static INPUT: ConstStaticCell<[u8; BUFFER]> = ConstStaticCell::new([0; BUFFER]);
static OUTPUT: ConstStaticCell<[u8; BUFFER]> = ConstStaticCell::new([0; BUFFER]);
static READ: ConstStaticCell<[u8; FRAME]> = ConstStaticCell::new([0; FRAME]);
static WRITTEN: ConstStaticCell<[u8; FRAME]> = ConstStaticCell::new([0; FRAME]);

#[entry]
fn main() -> ! {
    let code = if run().is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    code.exit_process()
}

fn run() -> Option<()> {
    let args = said(env::args::<1024>())?;
    let mut args = &args;
    let mut next = || args.next().and_then(Result::ok);
    next(); // what this program is called
    let (what, trace, out) = (next(), next(), next());
    let Some((what, trace)) = what.zip(trace) else {
        eprintln!("say: play TRACE OUT, or: count TRACE");
        return None;
    };
    let mut source = Reading::open(trace, INPUT.take())?;
    match (what, out) {
        ("play", Some(out)) => {
            let mut host = Departures::new(Writing::create(out, OUTPUT.take())?, WRITTEN.take());
            play(&mut source, &mut host)?;
            println!("{} left", host.count);
            let cut = host.cut;
            host.into_sink().finish()?;
            (!cut).then_some(())
        }
        ("count", None) => {
            let mut meter = Meter::new();
            count::play(&mut source, &mut meter)?;
            frames::count(&mut meter);
            meter.print();
            let sum = srtp();
            if sum != Some(SRTP) {
                eprintln!("SRTP's bytes are others here: {sum:x?}, not {SRTP:x}");
                return None;
            }
            Some(())
        }
        _ => {
            eprintln!("{what} is not known, or not with so many words");
            None
        }
    }
}

fn play(source: &mut Reading, host: &mut impl Host) -> Option<()> {
    let room = READ.take();
    let header: Header<'_> = said(stream::read(source, room))??;
    let mut player = said(Player::new(&header, ROOM.take()))?;
    while let Some(entry) = said(stream::read::<Entry<'_>>(source, room))? {
        said(player.play(&entry, host))?;
    }
    player.finish(host);
    Some(())
}

/// The value; or its error is said.
fn said<T>(result: Result<T, impl Display>) -> Option<T> {
    result.inspect_err(|error| eprintln!("{error}")).ok()
}
