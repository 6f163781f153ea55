//! The application: it brings the network up, and then carries bytes between it and core.

use core::cell::RefCell;

use embassy_executor::Spawner;
use embassy_net::{
    Config as Addressing, DhcpConfig, Ipv4Cidr, Runner, Stack, StackResources, StaticConfigV4,
};
use embassy_time::{Duration, Timer, with_timeout};
use static_cell::{ConstStaticCell, StaticCell};
use warmline_core::Sbc;
use warmline_core::config::Config;
use warmline_core::image::{self, Appliance, ImageError, Network, Shelf, Tables};
use warmline_core::random::Random;
use warmline_core::relay::Relay;
use warmline_gate::Gate;
use warmline_gate::door::{Ground, RESOLVERS};
use warmline_gate::frame::Frame;
use warmline_gate::neighbours::Neighbours;
use warmline_gate::nic::Nic;

use crate::board::{self, BOARD, Controller, Parts, Watchdog};
use crate::clock;
use crate::names::{self, Names};
use crate::office::Office;
use crate::room;
use crate::time::now;
use crate::wire::{Shared, Wire};

/// Sockets of the IP stack: one for each listener, one for DNS, one for DHCP, one for the time.
const SOCKETS: usize = image::MAX_LISTENERS + 3;

/// How often the watchdog is fed while nothing else does.
const PAUSE: Duration = Duration::from_secs(1);

static TABLES: ConstStaticCell<Tables> = ConstStaticCell::new(Tables::new());
static NEIGHBOURS: ConstStaticCell<Neighbours> = ConstStaticCell::new(Neighbours::new());
static FRAME: ConstStaticCell<Frame> = ConstStaticCell::new(Frame::EMPTY);
static STACK: ConstStaticCell<StackResources<SOCKETS>> = ConstStaticCell::new(StackResources::new());
static NAMES: ConstStaticCell<Names> = ConstStaticCell::new(Names::new());
static GATE: StaticCell<Shared> = StaticCell::new();
static CONFIG: StaticCell<Config<'static>> = StaticCell::new();
static OFFICE: StaticCell<Office> = StaticCell::new();

/// Starts the board and everything on it.
pub(crate) fn start(spawner: Spawner) {
    let mut parts = board::start();
    defmt::info!(
        "warmline {=str} on {=str}: {=usize} calls at once",
        env!("CARGO_PKG_VERSION"),
        BOARD.name,
        BOARD.calls
    );
    if let Some(words) = board::retained::last_words() {
        defmt::error!("started anew, after: {=str}", words.as_str());
    }
    let tables = TABLES.take();
    let image = image::read(board::image(), tables).and_then(|appliance| {
        BOARD.check(&tables.lend(), appliance.calls)?;
        let clips = Shelf::read(board::image(), &tables.lend())?;
        Ok((appliance, clips))
    });
    let task = match image {
        Ok((appliance, clips)) => run(spawner, parts, tables, appliance, clips),
        Err(error) => {
            parts.watchdog.feed();
            spawner.spawn(complain(parts.watchdog, error).expect("it is started once"));
            return;
        }
    };
    spawner.spawn(task.expect("it is started once"));
}

/// Without a configuration nothing is answered, and the log says why.
#[embassy_executor::task]
async fn complain(mut watchdog: Watchdog, error: ImageError) {
    for second in 0u32.. {
        if second.is_multiple_of(10) {
            defmt::error!("nothing is answered: {}", defmt::Display2Format(&error));
        }
        watchdog.feed();
        Timer::after(PAUSE).await;
    }
}

/// Brings the network up, then takes calls.
#[embassy_executor::task]
async fn run(
    spawner: Spawner,
    parts: Parts,
    tables: &'static mut Tables,
    appliance: Appliance,
    clips: Shelf<'static>,
) -> ! {
    let Parts { controller, mut watchdog, seed } = parts;
    let mut random = Random::new(&seed);
    let gate = shut(controller, tables, &appliance, &mut random);
    let stack = connect(spawner, gate, &appliance, &mut random);
    let leased = loop {
        if let Some(leased) = stack.config_v4() {
            break leased;
        }
        watchdog.feed();
        let _ = with_timeout(PAUSE, stack.wait_config_up()).await;
    };
    tables.set_address(leased.address.address());
    let office = open(spawner, (gate, stack), (tables, clips), &appliance, leased, &mut random);
    office.run(watchdog).await
}

// What follows moves large values about, once. Inlined into a task, their room would stand on the stack for good.

/// The gate, with no address yet.
#[inline(never)]
fn shut(
    controller: Controller,
    tables: &Tables,
    appliance: &Appliance,
    random: &mut Random,
) -> &'static Shared {
    let dhcp = matches!(appliance.network, Network::Dhcp);
    let ground = Ground::unsettled(controller.hardware_address(), dhcp);
    let relay = Relay::new(room::relaying(&tables.lend()), &draw(random));
    GATE.init_with(|| RefCell::new(Gate::new(controller, relay, ground, NEIGHBOURS.take())))
}

/// Starts the IP stack behind the gate.
#[inline(never)]
fn connect(
    spawner: Spawner,
    gate: &'static Shared,
    appliance: &Appliance,
    random: &mut Random,
) -> Stack<'static> {
    let wire = Wire::new(gate, FRAME.take());
    let (stack, runner) = embassy_net::new(wire, addressing(appliance), STACK.take(), random.next_u64());
    spawner.spawn(network(runner).expect("it is started once"));
    stack
}

/// Opens the house, at the address we have now.
#[inline(never)]
fn open(
    spawner: Spawner,
    (gate, stack): (&'static Shared, Stack<'static>),
    (tables, clips): (&'static Tables, Shelf<'static>),
    appliance: &Appliance,
    leased: StaticConfigV4,
    random: &mut Random,
) -> &'static mut Office {
    let address = leased.address.address();
    let instants = image::instants(board::image()).unwrap_or_default();
    let config: &'static Config<'static> = CONFIG.init(Config { instants, ..tables.lend() });
    defmt::info!("at {} of {}, gateway {}", address, leased.address.network(), leased.gateway);
    let Ground { hardware, dhcp, .. } = *gate.borrow().ground();
    let ground = Ground {
        address,
        prefix: leased.address.prefix_len(),
        gateway: leased.gateway,
        resolvers: leased.dns_servers.iter().copied().take(RESOLVERS).collect(),
        ntp: appliance.ntp,
        sources: config.sources,
        listeners: config.listeners.iter().map(|listener| listener.port).collect(),
        media: config.interfaces.first().map_or((1, 0), |interface| interface.media),
        ..Ground::unsettled(hardware, dhcp)
    };
    gate.borrow_mut().settle(now(), ground);

    let names = NAMES.take();
    for number in 0..names::AT_ONCE {
        spawner.spawn(names::resolve(number, names, stack, config).expect("it is started so often"));
    }
    if let Some(server) = appliance.ntp {
        spawner.spawn(clock::follow(stack, server, random.next_u64()).expect("it is started once"));
    }
    let storage = room::signalling(usize::from(appliance.calls));
    let sbc = Sbc::new(storage, config, &draw(random));
    OFFICE.init_with(|| Office::new(sbc, config, gate, stack, names, clips))
}

/// The network: frames in and out, and the IP stack.
#[embassy_executor::task]
async fn network(mut runner: Runner<'static, Wire>) -> ! {
    runner.run().await
}

fn addressing(appliance: &Appliance) -> Addressing {
    match appliance.network {
        Network::Dhcp => Addressing::dhcpv4(DhcpConfig::default()),
        Network::Static { address, prefix, gateway } => Addressing::ipv4_static(StaticConfigV4 {
            address: Ipv4Cidr::new(address, prefix),
            gateway,
            dns_servers: appliance.dns.iter().copied().collect(),
        }),
    }
}

/// A seed for somebody else.
fn draw(random: &mut Random) -> [u8; 32] {
    let mut seed = [0; 32];
    for piece in seed.chunks_exact_mut(8) {
        piece.copy_from_slice(&random.next_u64().to_le_bytes());
    }
    seed
}
