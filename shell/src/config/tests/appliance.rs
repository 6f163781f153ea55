//! What is said of files for boards.

use core::net::Ipv4Addr;

use warmline_core::filter::Rate;
use warmline_core::image::{Network, board};

use crate::config::{Loaded, Mistakes, parse, parse_as};

/// A file for a board, without mistakes; each test spoils it.
pub(super) const PLAIN: &str = r#"[appliance]
address = "192.0.2.10/24"
gateway = "192.0.2.1"
dns = ["192.0.2.1", "192.0.2.2"]

[node]
capacity = 16

[limits]
new_calls = "2/s"

[[interface]]
name = "lan"
address = "192.0.2.10"
media = "20000-20127"

[[trunk]]
name = "zendesk"
kind = "zendesk"

[[trunk]]
name = "ai"
kind = "ai"
signalling = ["198.51.100.0/24"]

[[target]]
name = "support"
trunk = "zendesk"
uri = "sip:support@acme.sip.twilio.com"

[[line]]
name = "support"
dial = ["support"]
from = ["ai"]
ring = [{ targets = ["support"], for = "30s" }]
"#;

pub(super) fn for_board(name: &str, text: &str) -> Result<Loaded, Mistakes> {
    parse_as("c", text, Some(board(name).unwrap()))
}

pub(super) fn changed(changes: &[(&str, &str)]) -> String {
    let change = |text: String, &(old, new): &(&str, &str)| {
        assert_eq!(text.matches(old).count(), 1, "{old:?} is in the file once");
        text.replace(old, new)
    };
    changes.iter().fold(PLAIN.to_owned(), change)
}

pub(super) fn mistakes(loaded: Result<Loaded, Mistakes>) -> String {
    loaded.map_or_else(|mistakes| mistakes.to_string(), |_| String::new())
}

/// What is said, whether or not a board is named, when these are changed.
fn said(changes: &[(&str, &str)]) -> String {
    let text = changed(changes);
    let said = mistakes(parse("c", &text));
    assert_eq!(said, mistakes(for_board("mps2-an386", &text)));
    said
}

const DHCP: &[(&str, &str)] = &[
    (
        "address = \"192.0.2.10/24\"\ngateway = \"192.0.2.1\"\ndns = [\"192.0.2.1\", \"192.0.2.2\"]",
        "address = \"dhcp\"",
    ),
    ("address = \"192.0.2.10\"\n", "address = \"0.0.0.0\"\n"),
];

#[test]
fn the_plain_file_is_as_written() {
    let loaded = for_board("mps2-an386", PLAIN).unwrap();
    let appliance = loaded.appliance().unwrap();
    let network =
        Network::Static { address: [192, 0, 2, 10].into(), prefix: 24, gateway: Some([192, 0, 2, 1].into()) };
    assert_eq!(appliance.network, network);
    assert_eq!(appliance.dns, [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)]);
    assert_eq!((appliance.calls, loaded.capacity(), loaded.workers()), (16, 16, 1));
    assert_eq!(said(&[]), "");
    assert_eq!(loaded.unaddressed(), None);
}

#[test]
fn a_lease_fills_in_the_address() {
    let loaded = for_board("mps2-an386", &changed(DHCP)).unwrap();
    assert_eq!(loaded.appliance().unwrap().network, Network::Dhcp);
    assert_eq!(loaded.unaddressed(), Some("lan"));
    let told = [DHCP, &[("media =", "advertise = \"203.0.113.10\"\nmedia =")]].concat();
    let loaded = for_board("mps2-an386", &changed(&told)).unwrap();
    assert_eq!(loaded.unaddressed(), None);
    assert!(loaded.lend().interfaces[0].address.is_unspecified());
    assert_eq!(said(DHCP), "");
}

#[test]
fn what_is_not_mentioned_is_what_the_board_has() {
    let short =
        changed(&[("capacity = 16", ""), ("new_calls = \"2/s\"", ""), ("media = \"20000-20127\"", "")]);
    for (loaded, calls, rate, last) in [
        (for_board("mps2-an386", &short), 16, 2, 20_127),
        (for_board("nucleo-h743zi", &short), 32, 4, 20_255),
        (parse("c", &short), 16, 2, 20_127),
    ] {
        let loaded = loaded.unwrap();
        let config = loaded.lend();
        assert_eq!((loaded.capacity(), config.node.new_calls), (calls, Rate { per_second: rate, burst: 8 }));
        assert_eq!(config.interfaces[0].media, (20_000, last));
        assert_eq!(config.trunks[0].max_calls, calls);
    }
}

#[test]
fn a_board_is_connected_somehow() {
    let text = changed(&[(
        "[appliance]\naddress = \"192.0.2.10/24\"\ngateway = \"192.0.2.1\"\ndns = [\"192.0.2.1\", \"192.0.2.2\"]",
        "",
    )]);
    let said = mistakes(for_board("mps2-an386", &text));
    assert_eq!(said, "c:1:1: there is no [appliance]: say how the board is connected");
    for (old, new, expected) in [
        ("address = \"192.0.2.10/24\"", "", "c:1:1: missing key \"address\" in [appliance]"),
        ("\"192.0.2.10/24\"", "\"dchp\"", "c:2:11: \"dchp\" is no IPv4 address; did you mean \"dhcp\"?"),
        (
            "\"192.0.2.10/24\"",
            "\"2001:db8::1/64\"",
            "c:2:11: \"2001:db8::1/64\" is no IPv4 address; write it like \"192.0.2.10/24\", or \"dhcp\"",
        ),
        (
            "\"192.0.2.10/24\"",
            "\"192.0.2.10\"",
            "c:2:11: \"192.0.2.10\" does not say how many bits are the network's; write it like \"192.0.2.10/24\"",
        ),
        (
            "\"192.0.2.10/24\"",
            "\"192.0.2.10/33\"",
            "c:2:11: \"192.0.2.10/33\" does not say how many bits are the network's; write it like \"192.0.2.10/24\"",
        ),
        ("\"192.0.2.10/24\"", "\"192.0.2.0/24\"", "c:2:11: 192.0.2.0/24 is no host's own address"),
        (
            "gateway = \"192.0.2.1\"",
            "gateway = \"192.0.3.1\"",
            "c:3:11: 192.0.3.1 is not another host in the network of 192.0.2.10/24",
        ),
        (
            "gateway = \"192.0.2.1\"",
            "gateway = \"router\"",
            "c:3:11: \"router\" is no IPv4 address of a host; write it like \"192.0.2.1\"",
        ),
        (
            "gateway =",
            "getaway =",
            "c:3:1: unknown key \"getaway\" in [appliance]; did you mean \"gateway\"?\nc:17:1: 54.172.60.0/30 is beyond the network of 192.0.2.10/24, and [appliance] has no \"gateway\"\nc:24:15: 198.51.100.0/24 is beyond the network of 192.0.2.10/24, and [appliance] has no \"gateway\"",
        ),
        (
            "\"192.0.2.2\"]",
            "\"192.0.2.2\", \"192.0.2.3\"]",
            "c:4:34: 3 DNS servers, but a board takes at most 2",
        ),
        (
            "\"192.0.2.2\"]",
            "\"::1\"]",
            "c:4:21: \"::1\" is no IPv4 address of a host; write it like \"192.0.2.1\"",
        ),
        (
            "[\"192.0.2.1\", \"192.0.2.2\"]",
            "[]",
            "c:29:7: nobody can be asked for the address of acme.sip.twilio.com: say \"dns\" in [appliance], like [\"192.0.2.1\"]",
        ),
    ] {
        assert_eq!(said_of(old, new), expected);
    }
}

fn said_of(old: &str, new: &str) -> String {
    said(&[(old, new)])
}

#[test]
fn what_is_leased_is_not_said_too() {
    let with = |old, new| said(&[DHCP, &[(old, new)]].concat());
    assert_eq!(
        with("[node]", "gateway = \"192.0.2.1\"\n[node]"),
        "c:4:11: the gateway is leased with the address; take \"gateway\" away"
    );
    assert_eq!(
        with("[node]", "dns = [\"192.0.2.1\"]\n[node]"),
        "c:4:7: DNS servers are leased with the address; take \"dns\" away"
    );
    assert_eq!(
        said(&DHCP[..1]),
        "c:12:11: the board is leased one, by [appliance] at c:2:11: write \"0.0.0.0\" here"
    );
}

#[test]
fn a_board_has_one_interface_and_address() {
    assert_eq!(
        said_of("address = \"192.0.2.10\"\n", "address = \"0.0.0.0\"\n"),
        "c:14:11: the board has another, by [appliance] at c:2:11: write \"192.0.2.10\" here"
    );
    let second = "[[interface]]\nname = \"b\"\naddress = \"192.0.2.10\"\nlisten = [\"udp:5070\"]\nmedia = \"30000-30001\"\n\n[[trunk]]\ninterface = \"lan\"\nname = \"zendesk\"";
    let text = changed(&[
        ("[[trunk]]\nname = \"zendesk\"", second),
        ("kind = \"ai\"", "kind = \"ai\"\ninterface = \"lan\""),
    ]);
    assert_eq!(mistakes(parse("c", &text)), "c:17:1: 2 interfaces, but a board takes at most 1");
}

#[test]
fn a_named_board_has_its_limits() {
    for (old, new, expected) in [
        ("capacity = 16", "capacity = 17", "c:7:12: 17 calls at once, but mps2-an386 takes at most 16"),
        ("\"2/s\"", "\"3/s\"", "c:10:13: 3 new calls a second, but mps2-an386 takes at most 2"),
        (
            "\"20000-20127\"",
            "\"20000-29999\"",
            "c:15:9: 5000 pairs of media ports, but mps2-an386 takes at most 64",
        ),
        (
            "[limits]",
            "[media]\nworkers = 2\n[limits]",
            "c:10:11: 2 relay workers, but mps2-an386 takes at most 1",
        ),
        (
            "[limits]",
            "[media]\nspin = \"50us\"\n[limits]",
            "c:10:8: a board has one way to relay: \"backend\" and \"spin\" are for servers",
        ),
        (
            "\"20000-20127\"",
            "\"20000-20029\"",
            "c:7:12: 16 calls at once need 32 pairs of media ports, two a call; the interfaces have 15",
        ),
    ] {
        let text = changed(&[(old, new)]);
        assert_eq!(mistakes(for_board("mps2-an386", &text)), expected);
    }
    let larger = changed(&[("capacity = 16", "capacity = 17"), ("\"2/s\"", "\"3/s\"")]);
    assert_eq!(mistakes(for_board("nucleo-h743zi", &larger)), "");
}

#[test]
fn a_board_keeps_no_audio() {
    let ring = "ring = [{ targets = [\"support\"], for = \"30s\" }]\n";
    let voicemail = "  [line.unanswered]\n  then = \"voicemail\"\n  [line.voicemail]\n  longest = \"1m\"\n";
    for (more, wrong) in [
        (voicemail, "c:38:3: a board has nowhere to keep messages: take [line.voicemail] away"),
        ("record = true\n", "c:36:10: a board has nowhere to keep recordings: take \"record\" away"),
    ] {
        assert_eq!(said(&[(ring, &format!("{ring}{more}"))]), wrong);
    }
}
