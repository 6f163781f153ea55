//! Configurations to write.

use core::num::NonZeroU16;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::clip::ClipId;
use crate::config::{
    Anonymous, Answer, Answers, Credentials, Identity, Interface, Key, Limits, Line, LineIndex, List,
    Listener, MediaPolicy, MediaRange, Node, Registrar, Ring, Span, Target, TargetIndex, Then, Trunk,
    TrunkIndex, TrunkKind, User, Whisper,
};
use crate::filter::{Prefix, Range, Rate, build};
use crate::line::{Hours, Schedule, ScheduleIndex, Second, When};
use crate::srtp::Policy;
use crate::transport::Transport;

/// What a configuration lends, to be changed at will.
#[derive(Clone, Debug)]
pub(super) struct Owned {
    pub(super) appliance: Appliance,
    pub(super) text: Vec<u8>,
    pub(super) node: Node,
    pub(super) domains: Vec<Span>,
    pub(super) interfaces: Vec<Interface>,
    pub(super) listeners: Vec<Listener>,
    pub(super) trunks: Vec<Trunk>,
    pub(super) sources: Vec<Range>,
    pub(super) media: Vec<MediaRange>,
    pub(super) targets: Vec<Target>,
    pub(super) lines: Vec<Line>,
    pub(super) dials: Vec<Span>,
    pub(super) callers: Vec<TrunkIndex>,
    pub(super) rings: Vec<Ring>,
    pub(super) users: Vec<User>,
    pub(super) shared: Vec<List<TrunkIndex>>,
    pub(super) schedules: Vec<Schedule>,
    pub(super) instants: Vec<Second>,
    pub(super) whens: Vec<When>,
    pub(super) keys: Vec<Key>,
}

const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);

const fn span(start: u32, len: u32) -> Span {
    Span { start, len }
}

fn prefix(text: &str) -> Prefix {
    Prefix::parse(text).unwrap()
}

impl Owned {
    pub(super) fn lend(&self) -> Config<'_> {
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
            shared: &self.shared,
            schedules: &self.schedules,
            instants: &self.instants,
            whens: &self.whens,
            keys: &self.keys,
        }
    }

    pub(super) fn write(&self) -> Result<Vec<u8>, ImageError> {
        let mut out = vec![0; 64 * 1024];
        let len = write(&self.lend(), &self.appliance, &mut out)?;
        out.truncate(len);
        Ok(out)
    }

    pub(super) fn image(&self) -> Vec<u8> {
        self.write().unwrap()
    }

    /// One of everything: an AI agent calls a line, and Zendesk is rung.
    pub(super) fn plain() -> Self {
        let text = b"board82sbc.example.comlanaizendeskzendesk-supportsip:support@acme.sip.twilio.comsupport\
            201pbx one4711 \xc3\xa4";
        Self {
            appliance: Appliance {
                network: Network::Static {
                    address: ADDRESS,
                    prefix: 24,
                    gateway: Some(Ipv4Addr::new(192, 0, 2, 1)),
                },
                dns: [Ipv4Addr::new(192, 0, 2, 1)].into_iter().collect(),
                ntp: Some(Ipv4Addr::new(192, 0, 2, 123)),
                calls: 16,
            },
            text: [&text[..], b"X-Caller+8225550100X-Session,Diversion"].concat(),
            node: Node {
                name: span(0, 5),
                country: span(5, 2),
                new_calls: Rate { per_second: 2, burst: 1 },
                workers: 1,
                silence: 60,
                blocked: span(5, 2),
            },
            domains: vec![span(7, 15)],
            interfaces: vec![Interface {
                name: span(22, 3),
                address: ADDRESS.into(),
                advertise: ADDRESS.into(),
                media: (20_000, 20_127),
            }],
            listeners: vec![
                Listener { interface: 0, transport: Transport::Udp, port: 5060 },
                Listener { interface: 0, transport: Transport::Udp, port: 5070 },
            ],
            trunks: vec![
                Trunk {
                    max_calls: 16,
                    credentials: Some(Credentials {
                        user: span(87, 3),
                        realm: span(90, 7),
                        secret: span(97, 7),
                    }),
                    identity: Identity {
                        trusted: true,
                        header: span(104, 8),
                        caller: span(112, 11),
                        anonymous: Anonymous::StandIn(span(112, 11)),
                        carried: span(123, 19),
                    },
                    registration: Some(Registrar { target: TargetIndex(0), aor: span(49, 31) }),
                    users: List::new(0, 1),
                    return_to: Some(TargetIndex(0)),
                    ping: NonZeroU16::new(30),
                    learn: true,
                    srtp: Policy::Allowed,
                    keys_in_clear: true,
                    ..Trunk::new(span(25, 2), TrunkKind::Ai, 0)
                },
                Trunk {
                    media: MediaPolicy::Ranges(List::new(0, 1)),
                    max_calls: 8,
                    takes: Limits { calls: 7, rate: Rate { per_second: 1, burst: 1 } },
                    ..Trunk::new(span(27, 7), TrunkKind::Zendesk, 1)
                },
            ],
            sources: vec![
                Range::new(0, prefix("54.172.60.0/30"), 1),
                Range::new(0, prefix("192.0.2.0/28"), 2),
                Range::new(0, prefix("198.51.100.0/24"), 0),
            ],
            media: vec![MediaRange { prefix: prefix("168.86.128.0/18"), ports: (10_000, 60_000) }],
            targets: vec![Target {
                name: span(34, 15),
                trunk: TrunkIndex(1),
                uri: span(49, 31),
                host: span(61, 19),
                port: Some(5060),
                answers: Answers::Queue { settle: 20 },
            }],
            lines: vec![Line {
                music: Some(ClipId(0x1234_5678)),
                when: List::new(0, 1),
                answer: Answer::EarlyMedia,
                max_wait: 300,
                repeat: true,
                unanswered: Then::Overflow(TargetIndex(0)),
                keys: List::new(0, 1),
                ..Line::new(span(80, 7), List::new(0, 1), List::new(0, 1), List::new(0, 1))
            }],
            dials: vec![span(80, 7)],
            callers: vec![TrunkIndex(0), TrunkIndex(1), TrunkIndex(0)],
            rings: vec![Ring::new(TargetIndex(0), 30_000)],
            users: vec![User { name: span(87, 3), secret: span(97, 7) }],
            shared: vec![List::new(1, 2)],
            schedules: vec![Schedule {
                name: span(80, 7),
                changes: List::new(0, 3),
                first: Hours::Closed,
                unknown: Hours::Open,
            }],
            instants: [1_795_000_000_u32, 1_795_046_400, 1_829_560_000].map(u32::to_be_bytes).to_vec(),
            whens: vec![When {
                schedule: ScheduleIndex(0),
                hours: Hours::Closed,
                then: Then::Overflow(TargetIndex(0)),
            }],
            keys: vec![Key { press: 11, then: Then::Line(LineIndex(0)) }],
        }
    }

    /// The first trunk's.
    pub(super) fn credentials(&mut self) -> &mut Credentials {
        self.trunks[0].credentials.as_mut().unwrap()
    }

    /// Every table full, of entries that are long when written.
    pub(super) fn largest() -> Self {
        let mut owned = Self::plain();
        let (long, number, names) = (span(4000, 90), span(3900, 16), span(3916, 64));
        owned.text.resize(MAX_TEXT, b'x');
        owned.text[3900..3916].copy_from_slice(b"+821012345678901");
        owned.text[3917] = b'-';
        let fast = Rate { per_second: u32::MAX, burst: u32::MAX };
        owned.node = Node {
            name: long,
            country: span(5, 2),
            new_calls: fast,
            workers: 1,
            silence: u16::MAX,
            blocked: long,
        };
        owned.domains.resize(MAX_DOMAINS, long);
        let port = |n| Listener { interface: 0, transport: Transport::Udp, port: 65_000 + n };
        owned.listeners = (0..MAX_LISTENERS as u16).map(port).collect();
        let trunk = Trunk {
            name: long,
            max_calls: u32::MAX,
            starts: Limits { calls: u32::MAX, rate: fast },
            takes: Limits { calls: u32::MAX, rate: fast },
            media: MediaPolicy::Ranges(List::new(0, MAX_MEDIA as u16)),
            credentials: Some(Credentials { user: long, realm: long, secret: long }),
            identity: Identity {
                trusted: true,
                header: long,
                caller: number,
                anonymous: Anonymous::StandIn(number),
                carried: names,
            },
            registration: Some(Registrar { target: TargetIndex(31), aor: span(49, 31) }),
            users: List::new(0, MAX_USERS as u16),
            return_to: Some(TargetIndex(MAX_TARGETS as u16 - 1)),
            ping: Some(NonZeroU16::MAX),
            learn: true,
            srtp: Policy::Required,
            keys_in_clear: true,
            ..owned.trunks[1]
        };
        owned.users = vec![User { name: long, secret: long }; MAX_USERS];
        owned.trunks.resize(MAX_TRUNKS, trunk);
        let source = |n: u128| Range {
            scope: 0,
            first: u128::MAX - 2 * n - 1,
            last: u128::MAX - 2 * n - 1,
            value: MAX_TRUNKS as u16 - 1,
        };
        owned.sources = (0..MAX_SOURCES as u128).rev().map(source).collect();
        let wide = MediaRange { prefix: prefix("ffff::/128"), ports: (u16::MAX, u16::MAX) };
        owned.media = vec![wide; MAX_MEDIA];
        let target = Target { port: Some(u16::MAX), ..Target::new(long, TrunkIndex(15), long, long) };
        let target = Target { answers: Answers::Queue { settle: u16::MAX }, ..target };
        owned.targets = vec![target; MAX_TARGETS];
        let line = Line::new(long, List::new(0, 64), List::new(0, 64), List::new(0, 64));
        let line = Line { consent: Some(ClipId(u32::MAX)), ..line };
        let line = Line { greeting: line.consent, music: line.consent, when: List::new(0, 16), ..line };
        let then = Then::Goodbye(line.consent);
        let keys = List::new(0, MAX_KEYS as u16);
        let line = Line { max_wait: u16::MAX, unanswered: then, keys, ..line };
        owned.keys = vec![Key { press: 15, then }; MAX_KEYS];
        owned.lines = vec![line; MAX_LINES];
        owned.dials = vec![long; MAX_DIALS];
        owned.callers = vec![TrunkIndex(15); MAX_CALLERS];
        owned.shared = vec![List::new(0, MAX_CALLERS as u16); MAX_SHARED];
        let whisper = Some(Whisper { clip: ClipId(u32::MAX), accept: Some(15) });
        let ring = Ring { target: TargetIndex(31), time: u32::MAX, beside: true, whisper };
        owned.rings = vec![ring; MAX_RINGS];
        owned.instants = (0..MAX_INSTANTS as u32).map(|n| (u32::MAX - 5_000 + n).to_be_bytes()).collect();
        let changes = List::new(0, MAX_INSTANTS as u16);
        let schedule = Schedule { name: long, changes, first: Hours::Closed, unknown: Hours::Closed };
        owned.schedules = vec![schedule; MAX_SCHEDULES];
        owned.whens = vec![When { schedule: ScheduleIndex(3), hours: Hours::Closed, then }; MAX_WHENS];
        owned
    }
}

/// Any sound configuration. What it says need not make sense.
pub(super) fn sound() -> impl Strategy<Value = Owned> {
    let text = prop::collection::vec(0x21..=0x7e_u8, 0..=MAX_TEXT);
    let counts = (1..=MAX_TRUNKS, 1..=MAX_TARGETS, 1..=MAX_LISTENERS, 1..=MAX_MEDIA);
    (text, counts).prop_flat_map(|(text, (trunks, targets, listeners, media))| {
        let names = Names { len: text.len() as u32, trunks, targets, listeners, media };
        let tables = (
            prop::collection::vec(names.span(), 0..=MAX_DOMAINS),
            prop::collection::vec(names.trunk(), trunks),
            prop::collection::vec(any::<(u32, u8)>(), 0..=MAX_SOURCES),
            prop::collection::vec(media_range(), media),
            prop::collection::vec(names.target(), targets),
            prop::collection::vec(names.line(), 0..=MAX_LINES),
            prop::collection::vec(names.span(), MAX_DIALS),
            prop::collection::vec(names.caller(), MAX_CALLERS),
            prop::collection::vec(names.ring(), MAX_RINGS),
            schedules(names),
        );
        let rest =
            (names.node(), names.interface(), prop::collection::hash_set(1..1024_u16, listeners), network());
        (tables, rest).prop_map(
            move |(tables, ((name, new_calls, silence), interface, ports, mut appliance))| {
                let mut owned = Owned::plain();
                (owned.domains, owned.trunks, ..) = (tables.0, tables.1);
                (owned.media, owned.targets, owned.lines) = (tables.3, tables.4, tables.5);
                (owned.dials, owned.callers, owned.rings) = (tables.6, tables.7, tables.8);
                owned.sources = sources(&tables.2, trunks);
                owned.text = text.clone();
                (owned.schedules, owned.instants, owned.whens) = tables.9;
                owned.users.clear();
                owned.shared.clear();
                owned.keys.clear();
                owned.node =
                    Node { name, country: span(0, 0), new_calls, workers: 1, silence, blocked: name };
                let listener = |port| Listener { interface: 0, transport: Transport::Udp, port };
                owned.listeners = ports.into_iter().map(listener).collect();
                let (own, told) = match appliance.network {
                    Network::Dhcp => (Ipv4Addr::UNSPECIFIED, None),
                    Network::Static { address, .. } => (address, Some(address)),
                };
                let advertise = interface.2.or(told).unwrap_or(Ipv4Addr::UNSPECIFIED);
                owned.interfaces = vec![Interface {
                    name: interface.0,
                    address: own.into(),
                    advertise: advertise.into(),
                    media: interface.1,
                }];
                appliance.calls = appliance.calls.max(1);
                owned.appliance = appliance;
                owned
            },
        )
    })
}

/// Schedules, when they open and close, and what lines do then.
fn schedules(names: Names) -> impl Strategy<Value = (Vec<Schedule>, Vec<Second>, Vec<When>)> {
    let hours = || prop::sample::select(&[Hours::Open, Hours::Closed][..]);
    let instants = prop::collection::btree_set(any::<u32>(), 0..=MAX_INSTANTS);
    let schedule = (names.span(), any::<[prop::sample::Index; 2]>(), hours(), hours());
    let when = (0..MAX_SCHEDULES as u16, hours(), names.then());
    let tables =
        (prop::collection::vec(schedule, MAX_SCHEDULES), instants, prop::collection::vec(when, MAX_WHENS));
    tables.prop_map(|(schedules, instants, whens)| {
        let most = instants.len() + 1;
        let schedule = |(name, ends, first, unknown): (Span, [prop::sample::Index; 2], _, _)| {
            let [one, other] = ends.map(|end| end.index(most) as u16);
            Schedule { name, changes: List::new(one.min(other), one.abs_diff(other)), first, unknown }
        };
        let when = |(schedule, hours, then)| When { schedule: ScheduleIndex(schedule), hours, then };
        (
            schedules.into_iter().map(schedule).collect(),
            instants.into_iter().map(u32::to_be_bytes).collect(),
            whens.into_iter().map(when).collect(),
        )
    })
}

fn media_range() -> impl Strategy<Value = MediaRange> {
    any::<(IpAddr, u8, u16, u16)>().prop_map(|(address, length, one, other)| MediaRange {
        prefix: Prefix { address, length },
        ports: (one.min(other), one.max(other)),
    })
}

fn network() -> impl Strategy<Value = Appliance> {
    let dns = prop::collection::vec((1..224_u8, any::<[u8; 3]>()), 0..=MAX_DNS);
    let own = prop::option::of((1..127_u8, any::<[u8; 2]>(), 2..254_u8, any::<bool>()));
    (dns, own, any::<u16>()).prop_map(|(dns, own, calls)| Appliance {
        network: own.map_or(Network::Dhcp, |(a, [b, c], d, gateway)| Network::Static {
            address: [a, b, c, d].into(),
            prefix: 24,
            gateway: gateway.then_some([a, b, c, 1].into()),
        }),
        dns: if own.is_some() { dns } else { Vec::new() }
            .into_iter()
            .map(|(a, [b, c, d])| Ipv4Addr::new(a, b, c, d))
            .collect(),
        ntp: calls.is_multiple_of(2).then(|| Ipv4Addr::new(192, 0, 2, calls.to_be_bytes()[1])),
        calls,
    })
}

/// Ranges of any addresses that agree in their first bits, so that those that overlap agree.
fn sources(given: &[(u32, u8)], trunks: usize) -> Vec<Range> {
    let range = |&(bits, length): &(u32, u8)| {
        let prefix = Prefix { address: IpAddr::V4(bits.into()), length: 8 + length % 25 };
        Range::new(0, prefix, ((bits >> 24) as usize % trunks) as u16)
    };
    let mut ranges: Vec<Range> = given.iter().map(range).collect();
    let len = build(&mut ranges).unwrap();
    ranges.truncate(len);
    ranges
}

/// How long the tables are that others point into.
#[derive(Clone, Copy)]
struct Names {
    len: u32,
    trunks: usize,
    targets: usize,
    listeners: usize,
    media: usize,
}

impl Names {
    fn span(self) -> impl Strategy<Value = Span> {
        (0..=self.len)
            .prop_flat_map(move |start| (Just(start), 0..=self.len - start))
            .prop_map(|(s, l)| span(s, l))
    }

    fn node(self) -> impl Strategy<Value = (Span, Rate, u16)> {
        (self.span(), rate(), any::<u16>())
    }

    fn interface(self) -> impl Strategy<Value = (Span, (u16, u16), Option<Ipv4Addr>)> {
        let ports =
            (512..32_000_u16, 0..700_u16).prop_map(|(half, pairs)| (half * 2, half * 2 + pairs * 2 + 1));
        (self.span(), ports, prop::option::of((1..224_u8).prop_map(|a| Ipv4Addr::new(a, 2, 3, 4))))
    }

    fn trunk(self) -> impl Strategy<Value = Trunk> {
        let kind = prop::sample::select(
            &[TrunkKind::Zendesk, TrunkKind::Ai, TrunkKind::Carrier, TrunkKind::Phones][..],
        );
        let list = prop::option::of(list(self.media));
        let login = (self.span(), self.span(), self.span());
        let back = prop::option::of(0..self.targets as u16);
        let learn = any::<bool>();
        let ping = any::<u16>().prop_map(NonZeroU16::new);
        let srtp = prop::sample::select(&[Policy::Off, Policy::Allowed, Policy::Required][..]);
        let rest = (any::<u32>(), (limits(), limits()), login, (back, ping, learn, srtp));
        (self.span(), kind, 0..self.listeners as u8, list, rest).prop_map(
            |(
                name,
                kind,
                listener,
                list,
                (max_calls, (starts, takes), (user, realm, secret), (back, ping, learn, srtp)),
            )| Trunk {
                media: list.map_or(MediaPolicy::Signalled, |(start, len)| {
                    MediaPolicy::Ranges(List::new(start, len))
                }),
                max_calls,
                starts,
                takes,
                credentials: (user.len > 0).then_some(Credentials { user, realm, secret }),
                return_to: back.map(TargetIndex),
                ping,
                learn,
                srtp,
                keys_in_clear: srtp.is_on(),
                ..Trunk::new(name, kind, listener)
            },
        )
    }

    fn target(self) -> impl Strategy<Value = Target> {
        let texts = (self.span(), self.span(), self.span());
        (texts, 0..self.trunks as u16, prop::option::of(1..=u16::MAX)).prop_map(
            |((name, uri, host), trunk, port)| Target {
                port,
                ..Target::new(name, TrunkIndex(trunk), uri, host)
            },
        )
    }

    fn line(self) -> impl Strategy<Value = Line> {
        let lists = (list(MAX_DIALS), list(MAX_CALLERS), list(MAX_RINGS), list(MAX_WHENS));
        (self.span(), lists).prop_map(|(name, (dial, from, ring, when))| Line {
            when: List::new(when.0, when.1),
            greeting: (ring.1 % 2 == 0).then_some(ClipId(from.0.into())),
            music: (dial.1 % 2 == 0).then_some(ClipId(dial.0.into())),
            ..Line::new(name, List::new(dial.0, dial.1), List::new(from.0, from.1), List::new(ring.0, ring.1))
        })
    }

    fn then(self) -> impl Strategy<Value = Then> {
        let target = 0..self.targets as u16;
        prop_oneof![
            Just(Then::Return),
            target.prop_map(|target| Then::Overflow(TargetIndex(target))),
            any::<Option<u32>>().prop_map(|clip| Then::Goodbye(clip.map(ClipId))),
        ]
    }

    fn caller(self) -> impl Strategy<Value = TrunkIndex> {
        (0..self.trunks as u16).prop_map(TrunkIndex)
    }

    fn ring(self) -> impl Strategy<Value = Ring> {
        let whisper = prop::option::of((any::<u32>(), prop::option::of(0..16u8)));
        (0..self.targets as u16, any::<u32>(), any::<bool>(), whisper).prop_map(
            |(target, time, beside, whisper)| Ring {
                target: TargetIndex(target),
                time,
                beside,
                whisper: whisper.map(|(clip, accept)| Whisper { clip: ClipId(clip), accept }),
            },
        )
    }
}

fn limits() -> impl Strategy<Value = Limits> {
    (any::<u32>(), rate()).prop_map(|(calls, rate)| Limits { calls, rate })
}

fn rate() -> impl Strategy<Value = Rate> {
    any::<(u32, u32)>().prop_map(|(per_second, burst)| Rate { per_second, burst })
}

/// A list in a table of so many entries.
fn list(most: usize) -> impl Strategy<Value = (u16, u16)> {
    let most = most as u16;
    (0..=most).prop_flat_map(move |start| (Just(start), 0..=most - start))
}
