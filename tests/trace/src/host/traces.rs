//! The traces: calls of the rig, recorded.

mod fine;
mod hostile;
mod storm;

use core::net::{IpAddr, Ipv4Addr};

use warmline_core::Command;
use warmline_core::image::{self, Appliance, Network};
use warmline_tests::{Entered, Left, Memory, Record, Setting, Weather, World, address};
use warmline_trace::BOARD;
use warmline_trace::stream::{self, Entry, FRAME, Header, Input, Names, Order};

use super::Bytes;

pub(crate) use fine::counted;

/// A recorded trace.
pub(crate) struct Trace {
    /// What it is called.
    pub(crate) name: &'static str,
    /// What is in it, for a person to read.
    pub(crate) about: String,
    /// As it is played.
    pub(crate) bytes: Vec<u8>,
    /// What left when it was recorded.
    #[cfg_attr(not(test), expect(dead_code, reason = "the tests hold the player against it"))]
    pub(crate) left: Vec<Left>,
}

/// All that are compared.
pub(crate) const ALL: [fn() -> Trace; 4] =
    [fine::fine, || storm::storm("storm-5", 5), || storm::storm("storm-30", 30), hostile::hostile];

/// Civil time when traces begin.
const UTC: i64 = 1_790_000_000_000_000;

/// Lets `happen` happen in a world like the board's, and records it. `happen` gives what is to be said of it.
fn record(
    name: &'static str,
    seed: u64,
    weather: Weather,
    happen: impl FnOnce(&mut World<'_>) -> String,
) -> Trace {
    let setting = Setting::of_a_board(BOARD.calls as u16, BOARD.rate, BOARD.port_pairs as u16);
    let mut memory = Memory::of(&setting);
    let mut world = World::new(&setting, &mut memory, seed, weather);
    world.prompt = true;
    world.utc = UTC;
    world.record = Some(Record::default());
    let about = happen(&mut world);
    let Record { entered, left } = world.record.take().unwrap_or_default();
    let kinds = entered.iter().fold([0, 0], |[messages, packets], (_, entered)| match entered {
        Entered::Message { .. } => [messages + 1, packets],
        Entered::Packet { .. } => [messages, packets + 1],
        Entered::Command(_) => [messages, packets],
    });
    let about = format!("{} messages and {} packets in, {about}", kinds[0], kinds[1]);

    let mut image = [0; 16 * 1024];
    let IpAddr::V4(ip) = address::OUTSIDE.ip() else { panic!("a board has an IPv4 address") };
    let gateway = Some(Ipv4Addr::from_bits(ip.to_bits() ^ 3));
    let network = Network::Static { address: ip, prefix: 24, gateway };
    let appliance = Appliance { network, dns: heapless::Vec::new(), ntp: None, calls: BOARD.calls as u16 };
    let len =
        image::write(&world.config, &appliance, &mut image).expect("a board takes the rig's configuration");
    let mut names = Names::new();
    let zendesk = heapless::Vec::from_slice(&world.addresses).expect("they are few");
    let host = "acme.sip.example.net".try_into().expect("it is short");
    names.push((host, zendesk)).expect("it is one");
    let header = Header {
        calls: BOARD.calls as u16,
        rate: BOARD.rate as u16,
        seeds: world.seeds,
        utc: UTC,
        image: &image[..len],
        names,
    };
    Trace { name, about, bytes: written(&header, &entered), left }
}

fn written(header: &Header<'_>, entered: &[(u64, Entered)]) -> Vec<u8> {
    let mut bytes = Bytes::default();
    let mut room = Box::new([0; FRAME]);
    stream::write(&mut bytes, header, &mut *room).expect("it has room");
    for (at, entered) in entered {
        let input = match entered {
            Entered::Message { listener, from, bytes } => {
                Input::Message { listener: *listener, from: *from, bytes }
            }
            Entered::Packet { port, from, bytes } => Input::Packet { port: *port, from: *from, bytes },
            Entered::Command(Command::Drain) => Input::Order(Order::Drain),
            Entered::Command(Command::HangUpAll) => Input::Order(Order::HangUpAll),
            Entered::Command(Command::HangUp(_) | Command::Ticket { .. }) => panic!("a trace names no calls"),
        };
        stream::write(&mut bytes, &Entry { at: *at, input }, &mut *room).expect("it has room");
    }
    bytes.0
}

/// How the calls of a world came out: how many of each outcome.
fn outcomes(world: &World<'_>) -> String {
    let mut kinds = std::collections::BTreeMap::new();
    for caller in &world.callers {
        *kinds.entry(format!("{:?}", caller.outcome)).or_insert(0) += 1;
    }
    let kinds: Vec<String> = kinds.into_iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    format!("{} calls ({})", world.callers.len(), kinds.join(", "))
}
