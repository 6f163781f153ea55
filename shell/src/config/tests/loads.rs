//! What files without mistakes come to.

use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU16;

use warmline_core::config::{Config, Limits, MediaPolicy, Span, TrunkKind};
use warmline_core::filter::{self, Prefix, Rate};
use warmline_core::time::Duration;
use warmline_core::transport::Transport;

use crate::Backend;
use crate::config::{EMBEDDED, Loaded, Media, load, parse};

/// The shape of a real node, with every key that a plain call needs.
const EDGE: &str = r#"
[node]
name     = "edge-1"
capacity = 1000
domains  = ["sbc.example.com"]
country  = "82"

[[interface]]
name      = "public"
address   = "0.0.0.0"
advertise = "203.0.113.10"
listen    = ["udp:5060", "udp:5070"]
media     = "20001-29999"

[[interface]]
name    = "office"
address = "10.0.0.5"
listen  = ["udp:5060"]
media   = "30000-30998"

[media]
workers = 3
backend = "uring"
spin    = "50us"

[limits]
new_calls = "300/s"

[[trunk]]
name      = "zendesk"
kind      = "zendesk"
interface = "public"
transport = "udp"
max_calls = 100
max_rate  = "25/s"
ping      = "30s"

[[trunk]]
name       = "ai"
kind       = "ai"
interface  = "public"
signalling = ["198.51.100.0/25", "198.51.100.128/25"]
media      = "signalled"
max_calls_in  = 40
max_calls_out = 60
max_rate_in   = "9/s"

[[trunk]]
name       = "carrier"
kind       = "carrier"
interface  = "public"
signalling = ["192.0.2.0/28"]
media      = ["192.0.2.0/24", "198.51.100.0/24:10000-20000"]

[[trunk]]
name       = "phones"
kind       = "phones"
interface  = "office"
signalling = ["10.0.0.0/24"]
media      = ["10.0.0.0/24"]

[[target]]
name  = "zendesk-support"
trunk = "zendesk"
uri   = "sip:support@acme.sip.twilio.com"

[[target]]
name  = "ai-agent"
trunk = "ai"
uri   = "sip:agent@198.51.100.7:5070;transport=udp"

[[target]]
name  = "desk-201"
trunk = "phones"
uri   = "sip:201@office"

[[line]]
name = "overflow"
dial = ["+8225550199"]
from = ["carrier"]
ring = [{ targets = ["ai-agent"], for = "20s" }]

[[line]]
name = "support"
dial = ["support", "+8225550100"]
from = ["ai", "carrier"]
ring = [
  { targets = ["zendesk-support", "ai-agent"], mode = "in-order", for = "1m" },
  { targets = ["ai-agent"] },
]
"#;

fn loaded(text: &str) -> Loaded {
    parse("config.toml", text).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn words<'c>(config: &Config<'c>, spans: &[Span]) -> Vec<&'c str> {
    spans.iter().map(|&span| str::from_utf8(config.text(span)).unwrap()).collect()
}

fn word<'c>(config: &Config<'c>, span: Span) -> &'c str {
    words(config, &[span])[0]
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn the_node_is_as_written() {
    let loaded = loaded(EDGE);
    let config = loaded.lend();
    assert_eq!(word(&config, config.node.name), "edge-1");
    assert_eq!(word(&config, config.node.country), "82");
    assert_eq!(words(&config, config.domains), ["sbc.example.com"]);
    assert_eq!(config.node.new_calls, Rate::per_second(300));
    assert_eq!(config.node.workers, 3);
    assert_eq!((loaded.capacity(), loaded.workers()), (1000, 3));
    let spin = Duration::from_micros(50);
    assert_eq!(loaded.media(), Media { backend: Some(Backend::Uring), spin });
}

#[test]
fn the_interfaces_are_as_written() {
    let loaded = loaded(EDGE);
    let config = loaded.lend();
    let [public, office] = config.interfaces else { panic!("{:?}", config.interfaces) };
    assert_eq!(word(&config, public.name), "public");
    assert_eq!((public.address, public.advertise), (ip("0.0.0.0"), ip("203.0.113.10")));
    assert_eq!(public.media, (20002, 29999), "whole pairs only");
    assert_eq!((office.address, office.advertise), (ip("10.0.0.5"), ip("10.0.0.5")));
    assert_eq!(office.media, (30000, 30997), "whole pairs only");
    let listeners: Vec<_> = config.listeners.iter().map(|l| (l.interface, l.transport, l.port)).collect();
    assert_eq!(listeners, [(0, Transport::Udp, 5060), (0, Transport::Udp, 5070), (1, Transport::Udp, 5060)]);
}

#[test]
fn the_trunks_are_as_written() {
    let loaded = loaded(EDGE);
    let config = loaded.lend();
    let names: Vec<_> = config.trunks.iter().map(|trunk| word(&config, trunk.name)).collect();
    assert_eq!(names, ["zendesk", "ai", "carrier", "phones"]);
    let kinds: Vec<_> = config.trunks.iter().map(|trunk| (trunk.kind, trunk.listener)).collect();
    let expected =
        [(TrunkKind::Zendesk, 0), (TrunkKind::Ai, 0), (TrunkKind::Carrier, 0), (TrunkKind::Phones, 2)];
    assert_eq!(kinds, expected);
    let limits: Vec<_> =
        config.trunks.iter().map(|trunk| (trunk.max_calls, trunk.starts, trunk.takes)).collect();
    let rate = Rate::per_second(25);
    assert_eq!(limits[0], (100, Limits::NONE, Limits { rate, ..Limits::NONE }));
    assert_eq!(
        limits[1],
        (1000, Limits { calls: 40, rate: Rate::per_second(9) }, Limits { calls: 60, ..Limits::NONE })
    );
    let pings: Vec<_> = config.trunks.iter().map(|trunk| trunk.ping).collect();
    assert_eq!(pings, [NonZeroU16::new(30), None, None, None]);
}

#[test]
fn sources_belong_to_their_trunks() {
    let loaded = loaded(EDGE);
    let config = loaded.lend();
    let trunk = |interface, address| {
        let index = filter::lookup(config.sources, interface, ip(address))?;
        Some(word(&config, config.trunks[usize::from(index)].name))
    };
    for zendesk in ["54.172.60.0", "54.244.51.3", "54.171.127.192", "35.156.191.131", "54.65.63.192"] {
        assert_eq!(trunk(0, zendesk), Some("zendesk"), "{zendesk}");
    }
    for zendesk in ["54.169.127.128", "54.252.254.67", "177.71.206.192", "::ffff:177.71.206.195"] {
        assert_eq!(trunk(0, zendesk), Some("zendesk"), "{zendesk}");
    }
    assert_eq!(trunk(0, "54.172.60.4"), None);
    assert_eq!(trunk(0, "198.51.100.0"), Some("ai"));
    assert_eq!(trunk(0, "198.51.100.255"), Some("ai"));
    assert_eq!(trunk(0, "192.0.2.15"), Some("carrier"));
    assert_eq!(trunk(0, "192.0.2.16"), None);
    assert_eq!(trunk(1, "10.0.0.9"), Some("phones"));
    assert_eq!(trunk(0, "10.0.0.9"), None, "phones are seen on the other interface");
    assert_eq!(trunk(1, "198.51.100.0"), None);
    assert_eq!(config.sources.len(), 8 + 1 + 1 + 1, "neighbours are one range");
}

#[test]
fn media_is_as_written() {
    let loaded = loaded(EDGE);
    let config = loaded.lend();
    let ranges = |trunk: usize| {
        let ranges = config.media_ranges(&config.trunks[trunk]).iter();
        ranges.map(|range| (range.prefix, range.ports)).collect::<Vec<_>>()
    };
    let prefix = |text| Prefix::parse(text).unwrap();
    assert_eq!(ranges(0), [(prefix("168.86.128.0/18"), (10000, 60000))]);
    assert!(matches!(config.trunks[1].media, MediaPolicy::Signalled));
    let carrier = [(prefix("192.0.2.0/24"), (1, 65535)), (prefix("198.51.100.0/24"), (10000, 20000))];
    assert_eq!(ranges(2), carrier);
    assert_eq!(ranges(3), [(prefix("10.0.0.0/24"), (1, 65535))]);
}

#[test]
fn targets_are_as_written() {
    let loaded = loaded(EDGE);
    let config = loaded.lend();
    let targets: Vec<_> = config
        .targets
        .iter()
        .map(|t| (word(&config, t.name), t.trunk.0, word(&config, t.uri), word(&config, t.host), t.port))
        .collect();
    let expected = [
        ("zendesk-support", 0, "sip:support@acme.sip.twilio.com", "acme.sip.twilio.com", None),
        ("ai-agent", 1, "sip:agent@198.51.100.7:5070;transport=udp", "198.51.100.7", Some(5070)),
        ("desk-201", 3, "sip:201@office", "office", None),
    ];
    assert_eq!(targets, expected);
}

#[test]
fn lines_are_as_written() {
    let loaded = loaded(EDGE);
    let config = loaded.lend();
    let [overflow, support] = config.lines else { panic!("{:?}", config.lines) };
    assert_eq!(word(&config, overflow.name), "overflow");
    assert_eq!(words(&config, config.dials(overflow)), ["+8225550199"]);
    assert_eq!(words(&config, config.dials(support)), ["support", "+8225550100"]);
    let callers: Vec<_> = config.callers(support).iter().map(|trunk| trunk.0).collect();
    assert_eq!(callers, [1, 2]);
    let rings: Vec<_> = config.rings(support).iter().map(|ring| (ring.target.0, ring.time)).collect();
    let expected = [(0, 60_000), (1, 60_000), (1, 30_000)];
    assert_eq!(rings, expected);
}

#[test]
fn sockets_stand_in_the_order_of_listeners() {
    let mut loaded = loaded(EDGE);
    let addresses =
        |loaded: &Loaded| loaded.sockets().map(|socket| socket.address.to_string()).collect::<Vec<_>>();
    assert_eq!(addresses(&loaded), ["0.0.0.0:5060", "0.0.0.0:5070", "10.0.0.5:5060"]);
    assert_eq!(loaded.sockets().map(|socket| socket.shared).collect::<Vec<_>>(), [true, false, true]);
    loaded.set_port(2, 5062);
    loaded.set_port(9, 1);
    assert_eq!(addresses(&loaded), ["0.0.0.0:5060", "0.0.0.0:5070", "10.0.0.5:5062"]);
    assert_eq!(loaded.lend().listeners[2].port, 5062, "core says the port that peers reach");
    assert!(loaded.sockets().all(|socket| !socket.shared));
}

#[test]
fn the_embedded_default_can_be_called() {
    let loaded = loaded(EMBEDDED);
    let config = loaded.lend();
    let socket: SocketAddr = "127.0.0.1:5060".parse().unwrap();
    assert_eq!(loaded.sockets().map(|socket| socket.address).collect::<Vec<_>>(), [socket]);
    let caller = filter::lookup(config.sources, 0, ip("127.0.0.1")).unwrap();
    let line = &config.lines[0];
    assert_eq!(words(&config, config.dials(line)), ["support"]);
    assert_eq!(config.callers(line)[0].0, caller);
    let target = config.target(config.rings(line)[0].target).unwrap();
    assert_eq!(word(&config, target.uri), "sip:support@127.0.0.2:5080");
    assert_eq!(Some(target.trunk.0), filter::lookup(config.sources, 0, ip("127.0.0.2")));
    let [zendesk] = config.media_ranges(config.trunk(target.trunk).unwrap()) else { panic!() };
    assert!(zendesk.prefix.contains(ip("127.0.0.2")) && !zendesk.prefix.contains(ip("127.0.0.1")));
}

#[test]
fn what_is_left_out_has_defaults() {
    let text = r#"
        interface = [{ name = "lan", address = "192.0.2.1" }]
        trunk = [{ name = "z", kind = "zendesk" }, { name = "c", kind = "carrier", signalling = ["198.51.100.1"] }]
        target = [{ name = "t", trunk = "z", uri = "sip:support@acme.sip.twilio.com" }]
        line = [{ name = "l", dial = ["l"], from = ["c"], ring = [{ targets = ["t"] }] }]
    "#;
    let loaded = loaded(text);
    let config = loaded.lend();
    assert_eq!(word(&config, config.node.name), "warmline");
    assert_eq!(word(&config, config.node.country), "");
    assert_eq!(loaded.capacity(), 1000);
    assert!(loaded.workers() >= 1);
    assert_eq!(loaded.media(), Media { backend: None, spin: Duration::ZERO });
    assert_eq!(config.node.new_calls, Rate::per_second(30));
    assert_eq!(config.interfaces[0].media, (20000, 29999));
    assert_eq!(loaded.sockets().next().unwrap().address.to_string(), "192.0.2.1:5060");
    assert!(matches!(config.trunks[1].media, MediaPolicy::Signalled));
    assert_eq!(config.rings(&config.lines[0])[0].time, 30_000);
}

#[test]
fn a_file_is_read() {
    let path = std::env::temp_dir().join(format!("warmline-config-{}.toml", std::process::id()));
    std::fs::write(&path, EMBEDDED).unwrap();
    let loaded = load(&path);
    std::fs::write(&path, b"[node]\nname = \"\xff\"\n").unwrap();
    let garbled = load(&path).unwrap_err().to_string();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(loaded.unwrap().lend().lines.len(), 1);
    assert_eq!(garbled, format!("{}: cannot be read: stream did not contain valid UTF-8", path.display()));
    let gone = load(&path).unwrap_err().to_string();
    assert_eq!(gone, format!("{}: cannot be read: No such file or directory (os error 2)", path.display()));
}
