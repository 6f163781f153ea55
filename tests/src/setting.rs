//! Where the rig's calls take place: networks, trunks and lines, and core's memory.

mod lines;

use core::marker::PhantomData;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use warmline_core::call::{Call, Leg};
use warmline_core::config::{
    Config, Credentials, Interface, Key, Line, List, Listener, MediaPolicy, MediaRange, Node, Ring, Span,
    Target, TargetIndex, Trunk, TrunkIndex, TrunkKind, User,
};
use warmline_core::digest::Window;
use warmline_core::filter::{self, Prefix, Range, Rate};
use warmline_core::memory::{
    Block, Entry, Lingering, LingeringSlot, PortQueue, PortSlot, Ports, Slot, TimerSlot,
};
use warmline_core::relay::{self, Door, Keypad, Name, Packer, Secured, Stream, Third};
use warmline_core::transaction::{self, Live};
use warmline_core::transport::Transport;
use warmline_core::{Binding, Ping, Sizes, Storage, TrunkState};

use crate::digest::Login;

pub(crate) use lines::ACCEPTS;
pub use lines::LINES;

/// The addresses of everybody.
pub mod address {
    use core::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

    const fn at(ip: [u8; 4], port: u16) -> SocketAddr {
        SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(ip[0], ip[1], ip[2], ip[3]), port))
    }

    /// The listener that callers' connections come to, where there is one: at [`OUTSIDE`], but by TCP.
    pub const CONNECTED: u8 = 2;
    /// The listener that connections to targets belong to, where there is one: at [`INSIDE`], but by TCP.
    pub const WIRED: u8 = 3;
    /// Where we hear callers.
    pub const OUTSIDE: SocketAddr = at([192, 0, 2, 1], 5060);
    /// Where we hear Zendesk.
    pub const INSIDE: SocketAddr = at([192, 0, 2, 65], 5062);
    /// The AI agent's platform.
    pub const AI: SocketAddr = at([198, 51, 100, 10], 5060);
    /// A telephone.
    pub const PHONE: SocketAddr = at([198, 18, 0, 10], 5064);
    /// The carrier.
    pub const CARRIER: SocketAddr = at([198, 51, 100, 140], 5070);
    /// Zendesk, and what its name leads to.
    pub const ZENDESK: SocketAddr = at([203, 0, 113, 5], 5060);
    /// Zendesk's second address, which is named literally.
    pub const BACKUP: SocketAddr = at([203, 0, 113, 6], 5060);
    /// Further addresses of Zendesk's name, where it has more than one.
    pub const OTHERS: [SocketAddr; 3] =
        [at([203, 0, 113, 7], 5060), at([203, 0, 113, 8], 5080), at([203, 0, 113, 9], 5060)];
    /// Further telephones.
    pub const DESKS: [SocketAddr; 2] = [at([198, 18, 0, 11], 5060), at([198, 18, 0, 12], 5060)];
    /// Somebody.
    pub const STRANGER: SocketAddr = at([192, 88, 99, 1], 5060);
}

/// Whether one of Zendesk's addresses is meant.
pub(crate) fn is_zendesk(at: SocketAddr) -> bool {
    matches!(at.ip(), IpAddr::V4(ip) if ip.octets()[..3] == [203, 0, 113])
}

/// Who we are to Zendesk, where it asks.
pub(crate) const LOGIN: Login = Login { user: "warmline", secret: "only the desk knows", realm: "talk" };

/// Who a telephone is to us.
pub(crate) const USER: Login =
    Login { user: "201", secret: "only the phone knows", realm: "sbc.example.com" };

/// The configuration's tables. Public, so that a test can change one thing.
#[derive(Debug)]
pub struct Setting {
    text: Vec<u8>,
    /// What holds for the node.
    pub node: Node,
    domains: Vec<Span>,
    interfaces: Vec<Interface>,
    listeners: Vec<Listener>,
    /// 0 is the AI platform's, 1 the carrier's, 2 Zendesk's.
    pub trunks: Vec<Trunk>,
    sources: Vec<Range>,
    media: Vec<MediaRange>,
    /// Whom lines can ring: 0 is Zendesk, 1 its second address, 2 the AI agent.
    pub targets: Vec<Target>,
    /// What can be dialled, in the order of [`Setting::new`].
    pub lines: Vec<Line>,
    dials: Vec<Span>,
    callers: Vec<TrunkIndex>,
    /// How long each target rings: the first of `support`, both of `both`.
    pub rings: Vec<Ring>,
    /// Who may speak for trunks, by digest authentication.
    pub users: Vec<User>,
    /// What callers may press while they wait.
    pub keys: Vec<Key>,
    /// How many slots of each kind.
    pub sizes: Sizes,
}

impl Setting {
    /// A setting for `calls` calls at once and `rate` new ones each second, with as many ports. It stands in two
    /// networks, the outside one with the callers and the inside one with Zendesk, and has two relay workers.
    ///
    /// Five lines: `support` rings Zendesk by name, `both` rings it for 8 s and then its second address, and
    /// `private` may only be dialled by the AI platform. A fourth, `agent`, rings that, and a fifth, `mixed`, rings
    /// Zendesk for 8 s, that for 8 s, and then Zendesk's second address.
    pub fn new(calls: u16, rate: usize) -> Self {
        let ports = |first: u16| (first, first + 2 * calls + 1);
        let outside = ports(10_000);
        let inside = ports(outside.1 + 1);
        let interfaces =
            [("outside", address::OUTSIDE.ip(), outside), ("inside", address::INSIDE.ip(), inside)];
        Self::over(&interfaces, 2, Sizes::of(usize::from(calls), rate))
    }

    /// The same as a board has it: one network in which everybody is, one relay worker, and so many pairs of ports.
    pub fn of_a_board(calls: u16, rate: usize, pairs: u16) -> Self {
        let only = [("only", address::OUTSIDE.ip(), (10_000, 10_000 + 2 * pairs - 1))];
        Self::over(&only, 1, Sizes::of(usize::from(calls), rate))
    }

    /// Callers are in the first network, Zendesk in the last.
    fn over(interfaces: &[(&str, IpAddr, (u16, u16))], workers: u8, sizes: Sizes) -> Self {
        let inside = interfaces.len() as u8 - 1;
        let mut this = Self {
            text: Vec::new(),
            node: Node {
                name: Span::default(),
                country: Span::default(),
                new_calls: Rate::UNLIMITED,
                workers,
                silence: 0,
                blocked: Span::default(),
            },
            domains: Vec::new(),
            interfaces: Vec::new(),
            listeners: vec![
                Listener { interface: 0, transport: Transport::Udp, port: address::OUTSIDE.port() },
                Listener { interface: inside, transport: Transport::Udp, port: address::INSIDE.port() },
            ],
            trunks: Vec::new(),
            sources: Vec::new(),
            media: Vec::new(),
            targets: Vec::new(),
            lines: Vec::new(),
            dials: Vec::new(),
            callers: vec![TrunkIndex(0), TrunkIndex(1)],
            rings: Vec::new(),
            users: Vec::new(),
            keys: Vec::new(),
            sizes,
        };
        this.node.name = this.say("rig");
        this.node.country = this.say("1");
        let domain = this.say("sbc.example.com");
        this.domains.push(domain);
        for &(name, address, media) in interfaces {
            let name = this.say(name);
            this.interfaces.push(Interface { name, address, advertise: address, media });
        }
        for (name, kind, listener) in
            [("ai", TrunkKind::Ai, 0), ("carrier", TrunkKind::Carrier, 0), ("zendesk", TrunkKind::Zendesk, 1)]
        {
            let name = this.say(name);
            let media = match kind {
                TrunkKind::Zendesk => MediaPolicy::Ranges(List::new(0, 1)),
                _ => MediaPolicy::Signalled,
            };
            let mut trunk = Trunk { media, ..Trunk::new(name, kind, listener) };
            if kind == TrunkKind::Ai {
                trunk.identity.header = this.say("X-Caller");
            }
            if kind != TrunkKind::Zendesk {
                trunk.identity.carried = this.say("X-Session,User-to-User");
            }
            this.trunks.push(trunk);
        }
        let prefix = |ip: [u8; 4], length| {
            Prefix::new(IpAddr::V4(Ipv4Addr::from(ip)), length).expect("no host bits are set")
        };
        this.sources = vec![
            Range::new(0, prefix([198, 51, 100, 0], 25), 0),
            Range::new(0, prefix([198, 51, 100, 128], 25), 1),
            Range::new(inside, prefix([203, 0, 113, 0], 24), 2),
        ];
        let kept = filter::build(&mut this.sources).expect("no ranges overlap");
        this.sources.truncate(kept);
        this.media = vec![MediaRange { prefix: prefix([203, 0, 113, 0], 24), ports: (10_000, 60_000) }];
        for (name, uri, host) in [
            ("zendesk", "sip:support@acme.sip.example.net", "acme.sip.example.net"),
            ("backup", "sip:backup@203.0.113.6", "203.0.113.6"),
            ("agent", "sip:agent@198.51.100.10", "198.51.100.10"),
        ] {
            let trunk = TrunkIndex(if name == "agent" { 0 } else { 2 });
            let (name, uri, host) = (this.say(name), this.say(uri), this.say(host));
            this.targets.push(Target::new(name, trunk, uri, host));
        }
        let ring = |target, seconds: u32| Ring::new(TargetIndex(target), seconds * 1_000);
        this.rings =
            vec![ring(0, 60), ring(0, 8), ring(1, 30), ring(2, 30), ring(0, 8), ring(2, 8), ring(1, 30)];
        for (name, from, rings, number) in [
            ("support", List::new(0, 2), List::new(0, 1), "+18005550100"),
            ("both", List::new(0, 2), List::new(1, 2), "+18005550101"),
            ("private", List::new(0, 1), List::new(0, 1), "+18005550102"),
            ("agent", List::new(0, 2), List::new(3, 1), "+18005550103"),
            ("mixed", List::new(0, 2), List::new(4, 3), "+18005550104"),
        ] {
            let (name, number) = (this.say(name), this.say(number));
            let dial = List { start: this.dials.len() as u16, len: 2, of: PhantomData };
            this.dials.extend([name, number]);
            this.lines.push(Line::new(name, dial, from, rings));
        }
        this
    }

    /// Has a fourth trunk, whose one user calls `support`, `both` and `agent` from [`address::PHONE`] and proves it.
    pub fn have_telephones(&mut self) {
        let (name, user, secret) = (self.say("phones"), self.say(USER.user), self.say(USER.secret));
        let number = self.trunks.len() as u16;
        self.trunks.push(Trunk {
            users: List::new(self.users.len() as u16, 1),
            ..Trunk::new(name, TrunkKind::Phones, 0)
        });
        self.users.push(User { name: user, secret });
        let prefix = Prefix::new(address::PHONE.ip(), 32).expect("no host bits are set");
        self.sources.push(Range::new(0, prefix, number));
        let kept = filter::build(&mut self.sources).expect("no ranges overlap");
        self.sources.truncate(kept);
        self.callers.push(TrunkIndex(number));
        let every = List::new(0, self.callers.len() as u16);
        self.lines.iter_mut().filter(|line| line.from.len > 1).for_each(|line| line.from = every);
    }

    /// Is somebody to Zendesk, where it asks.
    pub fn have_credentials(&mut self) {
        let [user, secret, realm] = [LOGIN.user, LOGIN.secret, LOGIN.realm].map(|text| self.say(text));
        self.trunks[2].credentials = Some(Credentials { user, realm, secret });
    }

    /// Listens for callers' connections, and for those to Zendesk where that is reached by TCP.
    pub fn have_connections(&mut self, wired: bool) {
        self.have_connections_by(Transport::Tcp, wired);
    }

    /// The same by this transport.
    pub fn have_connections_by(&mut self, transport: Transport, wired: bool) {
        let carried = |listener| Listener { transport, ..listener };
        self.listeners.push(carried(self.listeners[0]));
        if wired {
            self.listeners.push(carried(self.listeners[1]));
            self.trunks[2].listener = address::WIRED;
        }
    }

    /// Leaves only so many pairs of media ports on each interface.
    pub fn limit_ports(&mut self, pairs: u16) {
        for interface in &mut self.interfaces {
            interface.media.1 = interface.media.0 + 2 * pairs - 1;
        }
    }

    fn say(&mut self, text: &str) -> Span {
        let span = Span { start: self.text.len() as u32, len: text.len() as u32 };
        self.text.extend_from_slice(text.as_bytes());
        span
    }

    /// The configuration as core is lent it.
    pub fn config(&self) -> Config<'_> {
        Config {
            text: &self.text,
            node: self.node,
            domains: &self.domains,
            interfaces: &self.interfaces,
            listeners: &self.listeners,
            trunks: &self.trunks,
            sources: &self.sources,
            media: &self.media,
            targets: &self.targets,
            lines: &self.lines,
            dials: &self.dials,
            callers: &self.callers,
            rings: &self.rings,
            users: &self.users,
            keys: &self.keys,
            shared: &[],
            schedules: &[],
            instants: &[],
            whens: &[],
        }
    }

    /// The address where an interface's listener is heard.
    pub fn heard_at(&self, listener: u8) -> SocketAddr {
        let listener = self.listeners[usize::from(listener)];
        SocketAddr::new(self.interfaces[usize::from(listener.interface)].advertise, listener.port)
    }

    /// The first and last media port of the interface at this address.
    pub fn media_of(&self, address: &str) -> Option<(u16, u16)> {
        let found = self.interfaces.iter().find(|interface| interface.advertise.to_string() == address);
        found.map(|interface| interface.media)
    }
}

/// The slots an SBC works in.
pub struct Memory {
    calls: Vec<Slot<Call>>,
    legs: Vec<Slot<Leg>>,
    dialogs: Vec<Entry>,
    clock: Vec<TimerSlot>,
    live: Vec<Slot<Live>>,
    index: Vec<Entry>,
    timers: Vec<TimerSlot>,
    finished: Vec<LingeringSlot>,
    blocks: Vec<Block>,
    ports: Vec<PortSlot>,
    port_queues: Vec<PortQueue>,
    trunks: Vec<TrunkState>,
    pings: Vec<Ping>,
    windows: Vec<Window>,
    phones: Vec<Binding>,
    reply: Vec<u8>,
    first_port: u16,
    doors: Vec<Door>,
    names: Vec<Name>,
    streams: Vec<Slot<Stream>>,
    thirds: Vec<Slot<Third>>,
    contexts: Vec<Slot<Secured>>,
    keypads: Vec<Slot<Keypad>>,
    packers: Vec<Slot<Packer>>,
    stream_timers: Vec<TimerSlot>,
}

fn empty<T>(count: usize, slot: impl Fn() -> T) -> Vec<T> {
    core::iter::repeat_with(slot).take(count).collect()
}

impl Memory {
    /// As much as `setting` asks for.
    pub fn of(setting: &Setting) -> Self {
        let sizes = &setting.sizes;
        let pairs =
            setting.interfaces.iter().map(|interface| Ports::pairs(interface.media.0, interface.media.1));
        Self {
            calls: empty(sizes.calls, || Slot::EMPTY),
            legs: empty(sizes.legs, || Slot::EMPTY),
            dialogs: empty(sizes.dialogs, || Entry::EMPTY),
            clock: empty(sizes.clock, || TimerSlot::EMPTY),
            live: empty(sizes.transactions, || Slot::EMPTY),
            index: empty(sizes.transaction_index, || Entry::EMPTY),
            timers: empty(sizes.transactions, || TimerSlot::EMPTY),
            finished: empty(sizes.finished, || LingeringSlot::EMPTY),
            blocks: empty(sizes.blocks, || Block::EMPTY),
            ports: empty(pairs.sum(), || PortSlot::EMPTY),
            port_queues: empty(setting.interfaces.len() * usize::from(setting.node.workers), || {
                PortQueue::EMPTY
            }),
            trunks: empty(setting.trunks.len(), TrunkState::default),
            pings: empty(8, Ping::default),
            windows: empty(16, || Window::EMPTY),
            phones: empty(16, Binding::default),
            reply: vec![0; 4096],
            first_port: setting.interfaces[0].media.0,
            doors: empty(
                Ports::pairs(setting.interfaces[0].media.0, setting.interfaces.last().expect("one").media.1),
                || Door::EMPTY,
            ),
            names: empty(sizes.calls, || Name::EMPTY),
            streams: empty(sizes.calls, || Slot::EMPTY),
            thirds: empty(sizes.calls.div_ceil(2), || Slot::EMPTY),
            contexts: empty(sizes.calls * 3, || Slot::EMPTY),
            keypads: empty(sizes.calls, || Slot::EMPTY),
            packers: empty(sizes.calls, || Slot::EMPTY),
            stream_timers: empty(sizes.calls, || TimerSlot::EMPTY),
        }
    }

    /// Lends it, to signalling and to a relay.
    pub fn lend(&mut self) -> (Storage<'_>, relay::Storage<'_>) {
        let relay = relay::Storage {
            first_port: self.first_port,
            doors: &mut self.doors,
            names: &mut self.names,
            streams: &mut self.streams,
            thirds: &mut self.thirds,
            contexts: &mut self.contexts,
            keypads: &mut self.keypads,
            packers: &mut self.packers,
            tapes: &mut [],
            taped: &mut [],
            timers: &mut self.stream_timers,
        };
        let storage = Storage {
            calls: &mut self.calls,
            legs: &mut self.legs,
            dialogs: &mut self.dialogs,
            clock: &mut self.clock,
            transactions: transaction::Storage {
                live: &mut self.live,
                index: &mut self.index,
                timers: &mut self.timers,
                finished: Lingering::new(&mut self.finished),
            },
            blocks: &mut self.blocks,
            ports: &mut self.ports,
            port_queues: &mut self.port_queues,
            trunks: &mut self.trunks,
            pings: &mut self.pings,
            windows: &mut self.windows,
            phones: &mut self.phones,
            announced: &mut [],
            reply: &mut self.reply,
        };
        (storage, relay)
    }
}
