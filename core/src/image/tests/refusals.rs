//! What core relies on, each thing broken once: it is neither written nor read.

use std::string::ToString;
use std::vec;

use super::super::error::ANY;
use super::*;
use crate::config::{Anonymous, LineIndex, List, MediaPolicy, Span, TargetIndex, Then, TrunkIndex};
use crate::filter::Range;
use crate::line::ScheduleIndex;
use crate::transport::Transport;

const NOWHERE: Span = Span { start: 140, len: 8 };

/// A way to spoil a configuration, and what is then said to be wrong.
type Case = (&'static str, fn(&mut Owned));

const CASES: &[Case] = &[
    ("the network", |o| {
        o.appliance.network = Network::Static { address: [192, 0, 2, 0].into(), prefix: 24, gateway: None }
    }),
    ("the network", |o| o.appliance.dns = [Ipv4Addr::UNSPECIFIED].into_iter().collect()),
    ("the number of calls", |o| o.appliance.calls = 0),
    ("relay workers", |o| o.node.workers = 2),
    ("names, URIs or numbers", |o| o.text[3] = b'\n'),
    ("names, URIs or numbers", |o| o.text[3] = 0xff),
    ("names, URIs or numbers", |o| o.node.name = NOWHERE),
    ("names, URIs or numbers", |o| o.node.name = Span { start: u32::MAX, len: u32::MAX }),
    ("names, URIs or numbers", |o| o.node.country = NOWHERE),
    ("names, URIs or numbers", |o| o.node.country = o.node.name),
    ("names, URIs or numbers", |o| o.domains[0] = NOWHERE),
    ("names, URIs or numbers", |o| o.interfaces[0].name = NOWHERE),
    ("names, URIs or numbers", |o| o.trunks[1].name = NOWHERE),
    ("names, URIs or numbers", |o| o.trunks[0].identity.header = NOWHERE),
    ("names, URIs or numbers", |o| o.trunks[0].identity.caller = NOWHERE),
    ("names, URIs or numbers", |o| o.trunks[0].identity.caller = o.node.name),
    ("names, URIs or numbers", |o| o.trunks[0].identity.anonymous = Anonymous::StandIn(NOWHERE)),
    ("names, URIs or numbers", |o| o.trunks[0].identity.anonymous = Anonymous::StandIn(Span::EMPTY)),
    ("names, URIs or numbers", |o| o.trunks[0].identity.carried = NOWHERE),
    ("names, URIs or numbers", |o| o.trunks[0].identity.carried = o.node.name),
    ("names, URIs or numbers", |o| o.text[125] = b'\r'),
    ("a trunk's credentials", |o| o.credentials().user = NOWHERE),
    ("a trunk's credentials", |o| o.credentials().user = Span::default()),
    ("a trunk's credentials", |o| o.credentials().realm = NOWHERE),
    ("a trunk's credentials", |o| o.credentials().secret = NOWHERE),
    ("a trunk's credentials", |o| o.text[99] = b'\r'),
    ("where a trunk's callers go back to", |o| o.trunks[0].return_to = Some(TargetIndex(1))),
    ("names, URIs or numbers", |o| o.targets[0].name = NOWHERE),
    ("names, URIs or numbers", |o| o.targets[0].uri = NOWHERE),
    ("names, URIs or numbers", |o| o.targets[0].host = NOWHERE),
    ("names, URIs or numbers", |o| o.lines[0].name = NOWHERE),
    ("names, URIs or numbers", |o| o.dials[0] = NOWHERE),
    ("interfaces", |o| o.interfaces.clear()),
    ("the interface's address", |o| o.interfaces[0].address = [192, 0, 2, 11].into()),
    ("the interface's address", |o| {
        o.interfaces[0].address = IpAddr::V6(Ipv4Addr::new(192, 0, 2, 10).to_ipv6_mapped())
    }),
    ("the interface's address", |o| o.interfaces[0].advertise = [0; 4].into()),
    ("the interface's address", |o| o.interfaces[0].advertise = [0; 16].into()),
    ("the interface's address", |o| {
        o.appliance.network = Network::Dhcp;
        o.appliance.dns.clear();
    }),
    ("the network", |o| {
        o.interfaces[0].address = Ipv4Addr::UNSPECIFIED.into();
        o.appliance.network = Network::Dhcp;
    }),
    ("media ports", |o| o.interfaces[0].media = (20_001, 20_127)),
    ("media ports", |o| o.interfaces[0].media = (20_000, 20_126)),
    ("who tells the time", |o| o.appliance.ntp = Some(Ipv4Addr::BROADCAST)),
    ("media ports", |o| o.interfaces[0].media = (20_128, 20_127)),
    ("media ports", |o| o.interfaces[0].media = (1022, 1025)),
    ("sockets to listen on", |o| o.listeners.clear()),
    ("sockets to listen on", |o| o.listeners[0].transport = Transport::Tcp),
    ("sockets to listen on", |o| o.listeners[0].interface = 1),
    ("sockets to listen on", |o| o.listeners[0].port = 0),
    ("sockets to listen on", |o| o.listeners[0].port = 20_127),
    ("sockets to listen on", |o| o.listeners[0].port = o.listeners[1].port),
    ("a trunk's certificate", |o| o.trunks[0].certified = true),
    ("a trunk's SRTP", |o| o.trunks[0].keys_in_clear = false),
    ("a trunk's listener", |o| o.trunks[0].listener = 2),
    ("a trunk's media ranges", |o| o.trunks[0].media = MediaPolicy::Ranges(List::new(0, 2))),
    ("a trunk's media ranges", |o| o.trunks[0].media = MediaPolicy::Ranges(List::new(u16::MAX, u16::MAX))),
    ("media ranges", |o| o.media[0].ports = (2, 1)),
    ("the ranges that trunks signal from", |o| o.sources[0].value = 3),
    ("trunks that speak from the same addresses", |o| o.shared[0] = List::new(1, 0)),
    ("trunks that speak from the same addresses", |o| o.shared[0] = List::new(2, 2)),
    ("the ranges that trunks signal from", |o| o.sources[0].scope = 1),
    ("the ranges that trunks signal from", |o| o.sources.swap(0, 1)),
    ("the ranges that trunks signal from", |o| o.sources[1] = Range { value: 0, ..o.sources[0] }),
    ("the ranges that trunks signal from", |o| o.sources[0].last = o.sources[1].first),
    ("the ranges that trunks signal from", |o| o.sources[1].last = o.sources[1].first - 1),
    ("the ranges that trunks signal from", |o| o.sources[1].last = u128::MAX),
    ("targets", |o| o.targets[0].trunk = TrunkIndex(2)),
    ("targets", |o| o.targets[0].port = Some(0)),
    ("lines", |o| o.lines[0].dial = List::new(1, 1)),
    ("lines", |o| o.lines[0].from = List::new(3, 1)),
    ("lines", |o| o.lines[0].ring = List::new(u16::MAX, u16::MAX)),
    ("lines", |o| o.lines[0].when = List::new(1, 1)),
    ("names, URIs or numbers", |o| o.schedules[0].name = NOWHERE),
    ("when a schedule opens and closes", |o| o.schedules[0].changes = List::new(1, 3)),
    ("when a schedule opens and closes", |o| o.instants.swap(0, 1)),
    ("when a schedule opens and closes", |o| o.instants[1] = o.instants[0]),
    ("what lines do when", |o| o.whens[0].schedule = ScheduleIndex(1)),
    ("a line's recordings", |o| o.lines[0].record = true),
    ("a line's voicemail", |o| o.lines[0].longest = 60),
    ("a line's tickets", |o| o.lines[0].budget = 2_000),
    ("lines", |o| o.lines[0].keys = List::new(1, 1)),
    ("lines", |o| o.lines[0].unanswered = Then::Voicemail),
    ("lines", |o| o.lines[0].unanswered = Then::Overflow(TargetIndex(1))),
    ("keys that callers may press", |o| o.keys[0].press = 16),
    ("keys that callers may press", |o| o.keys[0].then = Then::Line(LineIndex(1))),
    ("who dials a line", |o| o.callers[0] = TrunkIndex(2)),
    ("whom a line rings", |o| o.rings[0].target = TargetIndex(1)),
];

#[test]
fn what_core_relies_on_is_checked_in_both_directions() {
    for (number, (what, spoil)) in CASES.iter().enumerate() {
        let mut owned = Owned::plain();
        spoil(&mut owned);
        let expected = ImageError::OutOfRange(what);
        assert_eq!(owned.write().map(|_| ()), Err(expected), "case {number}");
        let mut tables = Tables::new();
        assert_eq!(read(&unchecked(&owned), &mut tables), Err(expected), "case {number}");
        assert_eq!(tables.lend(), Tables::new().lend(), "case {number} leaves nothing behind");
    }
}

/// An image that is written as it is.
fn unchecked(owned: &Owned) -> vec::Vec<u8> {
    let mut body = vec![0; 64 * 1024];
    let len = tables::encode(&owned.lend(), &owned.appliance, &mut body).unwrap();
    laws::sealed(&body[..len])
}

/// A table, how much it holds, and a way to put one more into it.
type Table = (&'static str, usize, fn(&mut Owned));

#[test]
fn more_than_a_board_keeps_is_refused() {
    let tables: &[Table] = &[
        ("bytes of names, URIs and numbers", MAX_TEXT, |o| o.text.push(b'x')),
        ("domains", MAX_DOMAINS, |o| o.domains.push(o.domains[0])),
        ("interfaces", MAX_INTERFACES, |o| o.interfaces.push(o.interfaces[0])),
        ("sockets to listen on", MAX_LISTENERS, |o| o.listeners.push(o.listeners[0])),
        ("trunks", MAX_TRUNKS, |o| o.trunks.push(o.trunks[0])),
        ("ranges that trunks signal from", MAX_SOURCES, |o| o.sources.push(o.sources[0])),
        ("ranges that trunks' media comes from", MAX_MEDIA, |o| o.media.push(o.media[0])),
        ("targets", MAX_TARGETS, |o| o.targets.push(o.targets[0])),
        ("lines", MAX_LINES, |o| o.lines.push(o.lines[0])),
        ("names and numbers that are dialled", MAX_DIALS, |o| o.dials.push(o.dials[0])),
        ("trunks that lines are dialled from", MAX_CALLERS, |o| o.callers.push(o.callers[0])),
        ("targets that lines ring", MAX_RINGS, |o| o.rings.push(o.rings[0])),
        ("users of trunks", MAX_USERS, |o| o.users.push(o.users[0])),
        ("sets of trunks that speak from the same addresses", MAX_SHARED, |o| o.shared.push(o.shared[0])),
        ("schedules", MAX_SCHEDULES, |o| o.schedules.push(o.schedules[0])),
        ("rules of what lines do when", MAX_WHENS, |o| o.whens.push(o.whens[0])),
        ("keys that callers may press", MAX_KEYS, |o| o.keys.push(o.keys[0])),
    ];
    for &(what, most, push) in tables {
        let mut owned = Owned::largest();
        push(&mut owned);
        let expected = ImageError::TooMany(Excess { who: ANY, what, found: most + 1, most });
        assert_eq!(owned.write().map(|_| ()), Err(expected));
        assert_eq!(read(&unchecked(&owned), &mut Tables::new()), Err(expected));
    }
    let mut body = vec![0; 64 * 1024];
    let owned = Owned::plain();
    let len = tables::encode(&owned.lend(), &owned.appliance, &mut body).unwrap();
    // Three DNS servers: the number stands behind the instants and the network.
    let at = 1 + 3 * 4 + 1 + 4 + 1 + 5;
    assert_eq!(body[at], 1);
    body[at] = 3;
    let excess = Excess { who: ANY, what: "DNS servers", found: 3, most: MAX_DNS };
    let read = read(&laws::sealed(&body[..len]), &mut Tables::new());
    assert_eq!(read, Err(ImageError::TooMany(excess)));
}

/// They stay in flash: what was written can be read.
#[test]
fn more_times_than_flash_is_kept_for_are_not_written() {
    let mut owned = Owned::largest();
    owned.instants.push([0xff; 4]);
    let what = "times at which schedules open and close";
    let excess = Excess { who: ANY, what, found: MAX_INSTANTS + 1, most: MAX_INSTANTS };
    assert_eq!(owned.write().map(|_| ()), Err(ImageError::TooMany(excess)));
}

#[test]
fn headers() {
    let image = Owned::plain().image();
    let mut tables = Tables::new();
    for erased in [&[0xff; 16 * 1024][..], &[0; 16 * 1024], b"", b"WLC", b"wlcf"] {
        assert_eq!(read(erased, &mut tables), Err(ImageError::Missing));
    }
    let mut changed = |at: usize, byte: u8| {
        let mut image = image.clone();
        image[at] = byte;
        read(&image, &mut tables)
    };
    assert_eq!(changed(4, 1), Err(ImageError::Version { found: 1, understood: 7 }));
    assert_eq!(changed(5, 1), Err(ImageError::Version { found: 263, understood: 7 }));
    assert_eq!(changed(9, 1), Err(ImageError::Length));
    assert_eq!(changed(10, !image[10]), Err(ImageError::Checksum));
    assert_eq!(changed(40, !image[40]), Err(ImageError::Checksum));
}

#[test]
fn errors_say_what_to_do() {
    let excess = Excess { who: ANY, what: "trunks", found: 17, most: 16 };
    assert_eq!(
        ImageError::TooMany(excess).to_string(),
        "the configuration has 17 trunks, but a board takes at most 16: take some away"
    );
    assert_eq!(
        ImageError::Version { found: 2, understood: 1 }.to_string(),
        "the configuration has format 2, and this program understands 1: build it with the `warmline` of the same version"
    );
    for error in [
        ImageError::Missing,
        ImageError::Length,
        ImageError::Checksum,
        ImageError::Malformed,
        ImageError::OutOfRange("lines"),
        ImageError::Clip,
        ImageError::NoRoom,
    ] {
        assert!(error.to_string().contains("configuration"), "{error}");
    }
}
