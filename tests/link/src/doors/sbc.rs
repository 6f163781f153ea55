use core::hint::black_box;
use core::num::{NonZeroU16, NonZeroU64};

use warmline_core::clip::ClipId;
use warmline_core::config::{
    Anonymous, Answer, Answers, Config, Credentials, Identity, Interface, Key, Limits, Line, LineIndex, List,
    Listener, MediaPolicy, MediaRange, Node, Registrar, Ring, Span, Target, TargetIndex, Then, Trunk,
    TrunkIndex, TrunkKind, User, Whisper,
};
use warmline_core::digest::Window;
use warmline_core::filter::{Prefix, Range, Rate};
use warmline_core::line::{Hours, Schedule, ScheduleIndex, Second, When};
use warmline_core::locate::{Found, Naptr, Place};
use warmline_core::memory::{Block, Entry, Lingering, LingeringSlot, PortQueue, PortSlot, Slot, TimerSlot};
use warmline_core::relay::{Report, Side, Statistics, StreamId};
use warmline_core::rtp::Digit;
use warmline_core::srtp::Policy;
use warmline_core::time::{Duration, Utc};
use warmline_core::transport::{Path, Transport};
use warmline_core::{
    Announced, Announcement, Binding, Command, Cx, Event, HandOver, Input, Output, Ping, Sbc, Sizes, Storage,
    TrunkState, transaction,
};

use super::{Values, see};

pub(super) fn sbc(bytes: &mut [u8]) {
    let mut values = Values(bytes);
    let (mut calls, mut legs) = ([const { Slot::EMPTY }; 2], [const { Slot::EMPTY }; 5]);
    let (mut dialogs, mut clock) = ([Entry::EMPTY; 16], [TimerSlot::EMPTY; 7]);
    let (mut live, mut index) = ([const { Slot::EMPTY }; 10], [Entry::EMPTY; 20]);
    let (mut timers, mut finished) = ([TimerSlot::EMPTY; 10], [LingeringSlot::EMPTY; 16]);
    let (mut blocks, mut trunks, mut reply) = ([Block::EMPTY; 16], [TrunkState::default(); 2], [0; 1024]);
    let (mut windows, mut phones) = ([Window::EMPTY; 2], [Binding::EMPTY; 2]);
    let mut announced = [const { Announced::EMPTY }; 2];
    let mut pings = [Ping::NEW; 2];
    let (mut ports, mut port_queues) = ([PortSlot::EMPTY; 8], [PortQueue::EMPTY; 4]);
    let storage = Storage {
        calls: black_box(&mut calls),
        legs: black_box(&mut legs),
        dialogs: black_box(&mut dialogs),
        clock: black_box(&mut clock),
        transactions: transaction::Storage {
            live: black_box(&mut live),
            index: black_box(&mut index),
            timers: black_box(&mut timers),
            finished: Lingering::new(black_box(&mut finished)),
        },
        blocks: black_box(&mut blocks),
        ports: black_box(&mut ports),
        port_queues: black_box(&mut port_queues),
        trunks: black_box(&mut trunks),
        pings: black_box(&mut pings),
        windows: black_box(&mut windows),
        phones: black_box(&mut phones),
        announced: black_box(&mut announced),
        reply: black_box(&mut reply),
    };
    see(Sizes::of(black_box(2), black_box(10)));
    let tables = Tables::new(&mut values);
    let config = tables.config(values.rest());
    let mut sbc = Sbc::new(storage, &config, &values.array());
    for _ in 0..4 {
        let utc = values.flag().then(|| Utc(values.u64().cast_signed()));
        let cx = Cx { now: values.instant(), utc, config: &config };
        if let Ok(admitted) = sbc.admit(&cx, path(&mut values)) {
            see((admitted.path(), admitted.trunk()));
            sbc.handle(&cx, Input::Message(admitted, values.rest()));
        }
        drain(&mut sbc, &cx);
        sbc.handle(&cx, Input::Lost(path(&mut values)));
        drain(&mut sbc, &cx);
        sbc.handle(&cx, Input::Media(report(&mut values)));
        drain(&mut sbc, &cx);
        see(sbc.restore(&cx, values.rest()));
        see(sbc.end_unanswered(&cx, values.rest()));
        drain(&mut sbc, &cx);
        sbc.handle(&cx, Input::Command(Command::Drain));
        let call = sbc.calls().next();
        if let Some(call) = call {
            sbc.handle(&cx, Input::Command(Command::HangUp(call)));
        }
        if values.flag() {
            sbc.handle(&cx, Input::Command(Command::HangUpAll));
        }
        let (trunk, ticket) = (TrunkIndex(values.u16()), NonZeroU64::new(values.u64()));
        let announcement = Announcement { trunk, line: values.rest(), caller: Some(values.rest()), ticket };
        if let Ok(invitation) = sbc.announce(&cx, &announcement) {
            see((invitation.id, invitation.uri(&config, &mut [0; 128])));
        }
        see(sbc.resolve(&cx, trunk, values.rest(), ticket));
        drain(&mut sbc, &cx);
        see(sbc.hand_over(&cx, &HandOver { trunk, call: values.rest(), line: values.rest(), ticket }));
        drain(&mut sbc, &cx);
        let other = Tables::new(&mut values);
        sbc.leave_for(&cx, &other.config(values.rest()));
        drain(&mut sbc, &cx);
        sbc.reconfigure(&Cx { config: &other.config(values.rest()), ..cx }, &config);
        drain(&mut sbc, &cx);
    }
    see((sbc.counters(), sbc.parsed(), sbc.usage()));
}

fn drain(sbc: &mut Sbc<'_>, cx: &Cx<'_>) {
    let mut out = [0; 1024];
    for _ in 0..64 {
        match sbc.poll(cx, black_box(&mut out)) {
            Output::Resolve(question) => {
                let place = cx.config.target(question.target).and_then(|target| Place::of(cx.config, target));
                let host = place.as_ref().map_or(&[][..], |place| place.host);
                let record = |order| Naptr {
                    order,
                    preference: order,
                    flags: host,
                    services: host,
                    replacement: host,
                };
                see(place
                    .map(|p| (p.service(), p.literal(), p.choose([5, 3].into_iter().map(record)).is_some())));
                let found = [5060, 5061, 5062, 5063, 5064].map(|port| {
                    let address = cx.config.interfaces.first().map_or_else(
                        || ([0; 4], port).into(),
                        |interface| core::net::SocketAddr::new(interface.address, port),
                    );
                    Found { address, priority: port / 2, weight: port, server: black_box(3) }
                });
                sbc.handle(cx, Input::Resolved(question, black_box(&found[..])));
            }
            Output::Event(
                Event::Started(call)
                | Event::Course(call)
                | Event::Answered(call)
                | Event::Ticket(call)
                | Event::Ended(call),
            ) => {
                see((sbc.call(call), sbc.announced(call)));
            }
            Output::Event(Event::Settled(call)) => see(sbc.save(cx, call, black_box(&mut out))),
            Output::Event(Event::Unanswered(call)) => {
                see(sbc.save_unanswered(cx, call, black_box(&mut out)));
            }
            Output::Event(Event::Registered { trunk } | Event::Unregistered { trunk, .. }) => {
                see((sbc.registered(cx, trunk), sbc.is_leaving()));
            }
            Output::Event(
                Event::Reachable { trunk, address } | Event::Unreachable { trunk, address, .. },
            ) => {
                see((trunk, address, sbc.pinged().count()));
            }
            Output::Event(Event::Digit { call, digit, .. }) => see((sbc.call(call), digit.key())),
            Output::Event(
                Event::Learned { call, named, from, .. } | Event::Elsewhere { call, named, from, .. },
            ) => {
                see((call, named, from));
            }
            Output::Event(Event::NotAuthentic { call, named, .. }) => see((call, named)),
            Output::Event(Event::Refused { asked, .. }) => see(asked.as_str()),
            Output::Transmit { to, len } => see((to, out.get(..len), sbc.addressee(), sbc.uses(to.flow))),
            Output::Media { worker, control } => see((worker, control)),
            Output::Wait(until) => return see(until),
        }
    }
}

fn path(values: &mut Values<'_>) -> Path {
    Path { transport: transport(values), listener: values.u8(), flow: values.u32(), remote: values.socket() }
}

fn transport(values: &mut Values<'_>) -> Transport {
    match values.u8() % 3 {
        0 => Transport::Udp,
        1 => Transport::Tcp,
        _ => Transport::Tls,
    }
}

fn report(values: &mut Values<'_>) -> Report {
    let stream = StreamId { index: values.u32(), generation: values.u32() };
    let side = Side::ALL[usize::from(values.u8() % 3)];
    match values.u8() % 12 {
        7 => Report::Silent { stream, side },
        8 => Report::Stranger { stream, side, from: values.socket(), may_be_it: values.flag() },
        9 => match Digit::of_code(values.u8() % 16) {
            Some(digit) => {
                Report::Digit { stream, side, digit, duration: Duration::from_micros(values.u64()) }
            }
            None => Report::Opened { stream },
        },
        10 => Report::NotSecured { stream, side },
        11 => Report::NotAuthentic { stream, side },
        0 => Report::Opened { stream },
        1 => Report::Failed { stream },
        2 => Report::Joined { stream, side },
        3 => Report::NotJoined { stream, side },
        4 => Report::Parted { stream, side, statistics: black_box(Statistics::default()) },
        5 => Report::Played { stream, side, clip: ClipId(values.u32()) },
        _ => Report::Closed { stream, sides: black_box([Statistics::default(); 3]) },
    }
}

/// A configuration that says anything: every span, list and index of it may lead nowhere.
struct Tables {
    node: Node,
    spans: [Span; 2],
    interfaces: [Interface; 2],
    listeners: [Listener; 2],
    trunks: [Trunk; 2],
    sources: [Range; 2],
    media: [MediaRange; 2],
    targets: [Target; 2],
    lines: [Line; 2],
    callers: [TrunkIndex; 2],
    rings: [Ring; 2],
    users: [User; 2],
    shared: [List<TrunkIndex>; 2],
    schedules: [Schedule; 2],
    instants: [Second; 4],
    whens: [When; 2],
    keys: [Key; 2],
}

fn then(values: &mut Values<'_>) -> Then {
    match values.u8() % 5 {
        0 => Then::Return,
        1 => Then::Voicemail,
        2 => Then::Overflow(TargetIndex(values.u16())),
        3 => Then::Goodbye(values.flag().then(|| ClipId(values.u32()))),
        _ => Then::Line(LineIndex(values.u16())),
    }
}

impl Tables {
    fn new(values: &mut Values<'_>) -> Self {
        Self {
            node: Node {
                name: span(values),
                country: span(values),
                new_calls: rate(values),
                workers: values.u8(),
                silence: values.u16(),
                blocked: span(values),
            },
            spans: [(); 2].map(|()| span(values)),
            interfaces: [(); 2].map(|()| Interface {
                name: span(values),
                address: values.address(),
                advertise: values.address(),
                media: (values.u16(), values.u16()),
            }),
            listeners: [(); 2].map(|()| Listener {
                interface: values.u8(),
                transport: transport(values),
                port: values.u16(),
            }),
            trunks: [(); 2].map(|()| trunk(values)),
            sources: [(); 2].map(|()| Range {
                scope: values.u8(),
                first: u128::from_be_bytes(values.array()),
                last: u128::from_be_bytes(values.array()),
                value: values.u16(),
            }),
            media: [(); 2].map(|()| MediaRange {
                prefix: Prefix { address: values.address(), length: values.u8() },
                ports: (values.u16(), values.u16()),
            }),
            targets: [(); 2].map(|()| Target {
                name: span(values),
                trunk: TrunkIndex(values.u16()),
                uri: span(values),
                host: span(values),
                port: values.flag().then(|| values.u16()),
                answers: match values.flag() {
                    true => Answers::Person,
                    false => Answers::Queue { settle: values.u16() },
                },
            }),
            lines: [(); 2].map(|()| Line {
                name: span(values),
                dial: List::new(values.u16(), values.u16()),
                from: List::new(values.u16(), values.u16()),
                ring: List::new(values.u16(), values.u16()),
                greeting: values.flag().then(|| ClipId(values.u32())),
                music: values.flag().then(|| ClipId(values.u32())),
                record: values.flag(),
                consent: values.flag().then(|| ClipId(values.u32())),
                when: List::new(values.u16(), values.u16()),
                answer: match values.u8() % 3 {
                    0 => Answer::WhenTaken,
                    1 => Answer::EarlyMedia,
                    _ => Answer::AtOnce,
                },
                max_wait: values.u16(),
                max_waiting: values.u16(),
                repeat: values.flag(),
                unanswered: then(values),
                keys: List::new(values.u16(), values.u16()),
                budget: values.u16(),
                voicemail: values.flag().then(|| ClipId(values.u32())),
                longest: values.u16(),
            }),
            callers: [(); 2].map(|()| TrunkIndex(values.u16())),
            rings: [(); 2].map(|()| Ring {
                target: TargetIndex(values.u16()),
                time: values.u32(),
                beside: values.flag(),
                whisper: values.flag().then(|| Whisper {
                    clip: ClipId(values.u32()),
                    accept: values.flag().then(|| values.u8()),
                }),
            }),
            users: [(); 2].map(|()| User { name: span(values), secret: span(values) }),
            shared: [(); 2].map(|()| List::new(values.u16(), values.u16())),
            schedules: [(); 2].map(|()| Schedule {
                name: span(values),
                changes: List::new(values.u16(), values.u16()),
                first: hours(values),
                unknown: hours(values),
            }),
            instants: [(); 4].map(|()| values.array()),
            whens: [(); 2].map(|()| When {
                schedule: ScheduleIndex(values.u16()),
                hours: hours(values),
                then: then(values),
            }),
            keys: [(); 2].map(|()| Key { press: values.u8(), then: then(values) }),
        }
    }

    fn config<'c>(&'c self, text: &'c [u8]) -> Config<'c> {
        Config {
            text,
            node: self.node,
            domains: &self.spans,
            interfaces: &self.interfaces,
            listeners: &self.listeners,
            trunks: &self.trunks,
            sources: &self.sources,
            media: &self.media,
            targets: &self.targets,
            lines: &self.lines,
            dials: &self.spans,
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
}

fn hours(values: &mut Values<'_>) -> Hours {
    if values.flag() { Hours::Open } else { Hours::Closed }
}

fn trunk(values: &mut Values<'_>) -> Trunk {
    let kind = match values.u8() % 4 {
        0 => TrunkKind::Zendesk,
        1 => TrunkKind::Ai,
        2 => TrunkKind::Carrier,
        _ => TrunkKind::Phones,
    };
    let media = match values.flag() {
        true => MediaPolicy::Signalled,
        false => MediaPolicy::Ranges(List::new(values.u16(), values.u16())),
    };
    let credentials =
        values.flag().then(|| Credentials { user: span(values), realm: span(values), secret: span(values) });
    Trunk {
        media,
        learn: values.flag(),
        srtp: if values.flag() { Policy::Required } else { Policy::Allowed },
        keys_in_clear: values.flag(),
        max_calls: values.u32(),
        starts: Limits { calls: values.u32(), rate: rate(values) },
        takes: Limits { calls: values.u32(), rate: rate(values) },
        credentials,
        identity: identity(values),
        registration: values
            .flag()
            .then(|| Registrar { target: TargetIndex(values.u16()), aor: span(values) }),
        users: List::new(values.u16(), values.u16()),
        certified: values.flag(),
        return_to: values.flag().then(|| TargetIndex(values.u16())),
        ping: NonZeroU16::new(values.u16()),
        ..Trunk::new(span(values), kind, values.u8())
    }
}

fn identity(values: &mut Values<'_>) -> Identity {
    let anonymous = match values.u8() % 3 {
        0 => Anonymous::Withhold,
        1 => Anonymous::Number,
        _ => Anonymous::StandIn(span(values)),
    };
    Identity {
        trusted: values.flag(),
        header: span(values),
        caller: span(values),
        anonymous,
        carried: span(values),
    }
}

fn span(values: &mut Values<'_>) -> Span {
    Span { start: values.u32(), len: values.u32() }
}

fn rate(values: &mut Values<'_>) -> Rate {
    Rate { per_second: values.u32(), burst: values.u32() }
}
