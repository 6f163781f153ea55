//! Values that no key takes, in full.

use super::mistakes::assert_said;

#[test]
fn the_node() {
    assert_said(&[
        (
            r#"name = "edge""#,
            r#"name = """#,
            r#"config.toml:2:8: "" is no name; a name is 1 to 64 letters, digits, "-", "_" and ".""#,
        ),
        (
            r#"name = "edge""#,
            r#"name = "the edge""#,
            r#"config.toml:2:8: "the edge" is no name; a name is 1 to 64 letters, digits, "-", "_" and ".""#,
        ),
        ("capacity = 100", "capacity = 0", r#"config.toml:3:12: "capacity" must be from 1 to 16128"#),
        (
            "capacity = 100",
            "capacity = 99999999999999",
            r#"config.toml:3:12: "capacity" must be from 1 to 16128"#,
        ),
        (
            "capacity = 100",
            r#"capacity = 100
country = "+82""#,
            r#"config.toml:4:11: "+82" is no country code; write its digits alone, like "82""#,
        ),
        (
            "capacity = 100",
            r#"capacity = 100
domains = ["sbc example"]"#,
            r#"config.toml:4:12: "sbc example" is no host; write it like "sbc.example.com""#,
        ),
        (
            "capacity = 100",
            r#"capacity = 100
domains = ["a.example", "a.example"]"#,
            r#"config.toml:4:25: "a.example" is listed already, at config.toml:4:12"#,
        ),
    ]);
}

#[test]
fn limits_and_media() {
    assert_said(&[
        (
            r#""30/s""#,
            r#""30""#,
            r#"config.toml:12:13: "30" is no rate; write it like "30/s", at least 1 a second"#,
        ),
        (
            r#""30/s""#,
            r#""0/s""#,
            r#"config.toml:12:13: "0/s" is no rate; write it like "30/s", at least 1 a second"#,
        ),
        (
            r#""30/s""#,
            r#""30/m""#,
            r#"config.toml:12:13: "30/m" is no rate; write it like "30/s", at least 1 a second"#,
        ),
        (
            "[limits]",
            "[media]
workers = 0
[limits]",
            r#"config.toml:12:11: "workers" must be from 1 to 255"#,
        ),
        (
            "[limits]",
            "[media]
workers = 256
[limits]",
            r#"config.toml:12:11: "workers" must be from 1 to 255"#,
        ),
        (
            "[limits]",
            "[media]
backend = \"io_uring\"
[limits]",
            r#"config.toml:12:11: unknown backend "io_uring"; did you mean "uring"?"#,
        ),
        (
            "[limits]",
            "[media]
spin = \"11ms\"
[limits]",
            r#"config.toml:12:8: "11ms" is more than 10ms, the longest a worker may look for packets"#,
        ),
        (
            "[limits]",
            "[media]
spin = \"50\"
[limits]",
            r#"config.toml:12:8: "50" is no length of time; write it like "500ms", "30s" or "5m""#,
        ),
    ]);
}

#[test]
fn an_interface() {
    assert_said(&[
        (
            r#"address = "203.0.113.10""#,
            r#"address = "203.0.113""#,
            r#"config.toml:7:11: "203.0.113" is no IP address"#,
        ),
        (
            r#"address = "203.0.113.10""#,
            r#"address = "sbc.example.com""#,
            r#"config.toml:7:11: "sbc.example.com" is no IP address"#,
        ),
        (
            r#"address = "203.0.113.10""#,
            r#"address = "224.0.0.1""#,
            "config.toml:7:11: 224.0.0.1 is no host's own address",
        ),
        (
            r#"address = "203.0.113.10""#,
            r#"address = "0.0.0.0""#,
            r#"config.toml:7:11: "0.0.0.0" is no address to tell peers; say "advertise" too"#,
        ),
        (
            r#"address = "203.0.113.10""#,
            r#"address = "0.0.0.0"
advertise = "::""#,
            r#"config.toml:8:13: "::" is no address to tell peers"#,
        ),
        (
            r#"address = "203.0.113.10""#,
            r#"address = "203.0.113.10"
advertise = "2001:db8::1""#,
            r#"config.toml:8:13: "address" and "advertise" must both be IPv4 or both be IPv6"#,
        ),
        (
            r#""udp:5060""#,
            r#""5060""#,
            r#"config.toml:8:11: "5060" is no transport and port; write them like "udp:5060""#,
        ),
        (
            r#""udp:5060""#,
            r#""udp:99999""#,
            r#"config.toml:8:11: "udp:99999" is no transport and port; write them like "udp:5060""#,
        ),
        (
            r#""udp:5060""#,
            r#""sctp:5060""#,
            r#"config.toml:8:11: "sctp:5060" is no transport and port; write them like "udp:5060""#,
        ),
        (
            r#""udp:5060""#,
            r#""udp:5060", "tls:5061""#,
            r#"config.toml:5:1: missing key "certificate" in [[interface]]: tls takes a certificate and its key, two PEM files"#,
        ),
        (
            r#""udp:5060""#,
            r#""udp:5060", "udp:5060""#,
            r#"config.toml:8:23: "udp:5060" is listed already, at config.toml:8:11"#,
        ),
        (
            r#""20000-29999""#,
            r#""20000""#,
            r#"config.toml:9:9: "20000" is no range of ports; write it like "20000-29999""#,
        ),
        (
            r#""20000-29999""#,
            r#""29999-20000""#,
            r#"config.toml:9:9: "29999-20000" is no range of ports; write it like "20000-29999""#,
        ),
        (
            r#""20000-29999""#,
            r#""1000-2000""#,
            "config.toml:9:9: media ports begin at 1024; those below are the system's",
        ),
        (
            r#""20000-29999""#,
            r#""20001-20002""#,
            r#"config.toml:9:9: "20001-20002" holds no pair of an even port and the next one"#,
        ),
    ]);
}

#[test]
fn a_trunk() {
    assert_said(&[
        (r#"kind = "ai""#, r#"kind = "ia""#, r#"config.toml:21:8: unknown kind "ia"; did you mean "ai"?"#),
        (
            r#"kind = "ai""#,
            r#"kind = "sip""#,
            r#"config.toml:21:8: unknown kind "sip"; it may be "zendesk", "ai", "carrier" or "phones""#,
        ),
        (
            r#"kind = "ai""#,
            r#"kind = "ai"
transport = "tls""#,
            r#"config.toml:22:13: the trunk is reached by tls, and interface "public" does not listen on it: add "tls:5061" to its "listen""#,
        ),
        (
            r#"kind = "ai""#,
            r#"kind = "ai"
transport = "sctp""#,
            r#"config.toml:22:13: unknown transport "sctp"; did you mean "tcp"?"#,
        ),
        (
            r#""198.51.100.0/24""#,
            r#""198.51.100.0/33""#,
            r#"config.toml:23:15: "198.51.100.0/33": the prefix length is not a number from 0 to 32 (IPv6: 128)"#,
        ),
        (
            r#""198.51.100.0/24""#,
            r#""198.51.100.1/24""#,
            r#"config.toml:23:15: "198.51.100.1/24": the address has bits set beyond the prefix length; the network is 198.51.100.0/24"#,
        ),
        (
            r#""198.51.100.0/24""#,
            r#""sip.ai.example.com""#,
            r#"config.toml:23:15: "sip.ai.example.com": not an IPv4 or IPv6 address"#,
        ),
        (
            r#""198.51.100.0/24""#,
            r#""dns:198.51.100.1""#,
            r#"config.toml:23:15: "dns:198.51.100.1" names no host; write it like "dns:sip.example.com""#,
        ),
        (
            r#""198.51.100.0/24""#,
            r#""0.0.0.0/0""#,
            "config.toml:23:15: 0.0.0.0/0 would let everyone in; say which addresses the trunk has",
        ),
        (
            r#""198.51.100.0/24""#,
            r#""2001:db8::/32""#,
            "config.toml:23:15: 2001:db8::/32 is IPv6, but the trunk's interface has an IPv4 address",
        ),
        (
            r#"media = "signalled""#,
            r#"media = "signaled""#,
            r#"config.toml:24:9: unknown media "signaled"; did you mean "signalled"?"#,
        ),
        (
            r#"media = "signalled""#,
            r#"media = ["198.51.100.0/24:10000-20000x"]"#,
            r#"config.toml:24:10: "10000-20000x" is no range of ports; write it like "20000-29999""#,
        ),
        (
            r#"media = "signalled""#,
            r#"media = ["198.51.100.0/24:20000-10000"]"#,
            r#"config.toml:24:10: "20000-10000" is no range of ports; write it like "20000-29999""#,
        ),
        (
            r#"media = "signalled""#,
            r#"media = ["198.51.100.300"]"#,
            r#"config.toml:24:10: "198.51.100.300": not an IPv4 or IPv6 address"#,
        ),
        (
            r#"media = "signalled""#,
            r#"media = ["2001:db8::/32:10000-20000"]"#,
            "config.toml:24:10: 2001:db8::/32:10000-20000 is IPv6, but the trunk's interface has an IPv4 address",
        ),
        (
            r#""198.51.100.0/24""#,
            r#""10.0.0.0/24""#,
            r#"config.toml:24:9: media as signalled is taken from public addresses only, and 10.0.0.0/24 is none; name the ranges, like media = ["10.0.0.0/24"]"#,
        ),
        (
            r#"kind = "ai""#,
            r#"kind = "ai"
max_calls = 0"#,
            r#"config.toml:22:13: "max_calls" must be from 1 to 65535"#,
        ),
        (
            r#"kind = "ai""#,
            r#"kind = "ai"
max_rate = "lots""#,
            r#"config.toml:22:12: "lots" is no rate; write it like "30/s", at least 1 a second"#,
        ),
        (
            r#"kind = "zendesk""#,
            "kind = \"zendesk\"\nping = \"often\"",
            r#"config.toml:17:8: "often" is no length of time; write it like "500ms", "30s" or "5m""#,
        ),
        (
            r#"kind = "zendesk""#,
            "kind = \"zendesk\"\nping = \"4s\"",
            r#"config.toml:17:8: "4s" is no time between pings; it may be from 5s to 1h, in whole seconds"#,
        ),
        (
            r#"kind = "zendesk""#,
            "kind = \"zendesk\"\nping = \"5500ms\"",
            r#"config.toml:17:8: "5500ms" is no time between pings; it may be from 5s to 1h, in whole seconds"#,
        ),
        (
            r#"kind = "zendesk""#,
            "kind = \"zendesk\"\nping = 30",
            r#"config.toml:17:8: "ping" is an integer, where a string is expected"#,
        ),
        (
            r#"kind = "ai""#,
            "kind = \"ai\"\nping = \"30s\"",
            r#"config.toml:22:8: nobody to ping: no [[target]] with an address is reached through trunk "ai", and it has no registrar"#,
        ),
        (
            r#"kind = "ai""#,
            r#"kind = "ai"
max_calls = 3
max_calls_in = 3
max_calls_out = 4"#,
            r#"config.toml:24:17: "max_calls_out" is more than the trunk carries in all, which is 3"#,
        ),
        (
            r#"kind = "zendesk""#,
            r#"kind = "zendesk"
max_rate_in = "3/s""#,
            r#"config.toml:17:15: "max_rate_in" is for trunks that start calls, and those of kind zendesk do not"#,
        ),
    ]);
}

#[test]
fn a_target() {
    assert_said(&[
        (
            r#""sip:support@acme.sip.twilio.com""#,
            r#""support@acme.sip.twilio.com""#,
            r#"config.toml:29:7: "support@acme.sip.twilio.com" is no SIP URI; write it like "sip:support@acme.sip.twilio.com""#,
        ),
        (
            r#""sip:support@acme.sip.twilio.com""#,
            r#""sips:support@acme.sip.twilio.com""#,
            r#"config.toml:29:7: "sips:support@acme.sip.twilio.com": sips is not there yet; write "sip:""#,
        ),
        (
            r#""sip:support@acme.sip.twilio.com""#,
            r#""tel:+8225550100""#,
            r#"config.toml:29:7: "tel:+8225550100" is no SIP URI; write it like "sip:support@acme.sip.twilio.com""#,
        ),
        (
            r#""sip:support@acme.sip.twilio.com""#,
            r#""sip:support@54.172.60.300""#,
            r#"config.toml:29:7: "sip:support@54.172.60.300" is no SIP URI; write it like "sip:support@acme.sip.twilio.com""#,
        ),
        (
            r#""sip:support@acme.sip.twilio.com""#,
            r#""sip:support:secret@acme.sip.twilio.com""#,
            r#"config.toml:29:7: "sip:support:secret@acme.sip.twilio.com": a password does not belong into a URI"#,
        ),
        (
            r#""sip:support@acme.sip.twilio.com""#,
            r#""sip:support@acme.sip.twilio.com;transport=tls""#,
            r#"config.toml:29:7: transport=tls, and trunk "zendesk" is reached by udp: say transport = "tls" there"#,
        ),
        (
            r#""sip:support@acme.sip.twilio.com""#,
            r#""sip:support@acme.sip.twilio.com;maddr=192.0.2.1""#,
            r#"config.toml:29:7: 192.0.2.1 is in no signalling range of trunk "zendesk""#,
        ),
        (
            r#""sip:support@acme.sip.twilio.com""#,
            r#""sip:support@acme.sip.twilio.com?X-Key=1""#,
            r#"config.toml:29:7: "sip:support@acme.sip.twilio.com?X-Key=1": what follows the "?" cannot be dialled"#,
        ),
        (
            r#""sip:support@acme.sip.twilio.com""#,
            r#"["sip:support@acme.sip.twilio.com"]"#,
            r#"config.toml:29:7: "uri" is a list, where a string is expected"#,
        ),
    ]);
}

#[test]
fn a_line() {
    assert_said(&[
        (
            r#"dial = ["support"]"#,
            r#"dial = ["the support"]"#,
            r#"config.toml:33:9: "the support" cannot be dialled; write a name like "support" or a number like "+8225550100""#,
        ),
        (
            r#"dial = ["support"]"#,
            r#"dial = ["+82 2 555"]"#,
            r#"config.toml:33:9: "+82 2 555" is no number; write it like "+8225550100""#,
        ),
        (
            r#"dial = ["support"]"#,
            r#"dial = ["support", "support"]"#,
            r#"config.toml:33:20: "support" is listed already, at config.toml:33:9"#,
        ),
        (
            r#"from = ["ai"]"#,
            r#"from = ["ai", "ai"]"#,
            r#"config.toml:34:15: "ai" is listed already, at config.toml:34:9"#,
        ),
        (
            r#"for = "30s""#,
            r#"for = "30""#,
            r#"config.toml:35:40: "30" is no length of time; write it like "500ms", "30s" or "5m""#,
        ),
        (
            r#"for = "30s""#,
            r#"for = "0s""#,
            r#"config.toml:35:40: "0s" is no time to ring; it may be from 1s to 10m"#,
        ),
        (
            r#"for = "30s""#,
            r#"for = "1h""#,
            r#"config.toml:35:40: "1h" is no time to ring; it may be from 1s to 10m"#,
        ),
        (
            "for =",
            r#"mode = "together", for ="#,
            "config.toml:35:22: it cannot be rung together with others: its URI names no address, and it is no telephone that \
             registers",
        ),
        (
            "for =",
            r#"accept = "1", for ="#,
            r#"config.toml:35:43: nobody would know which key to press: write the "whisper" that says so"#,
        ),
        (
            "for =",
            r#"accept = "yes", whisper = "none.wav", for ="#,
            "config.toml:35:43: \"yes\" is no key; it may be one of 0 to 9, *, #, A to D\n\
             config.toml:35:60: none.wav cannot be read: No such file or directory (os error 2)",
        ),
        (
            "for =",
            r#"mode = "inorder", for ="#,
            r#"config.toml:35:41: unknown mode "inorder"; did you mean "in-order"?"#,
        ),
        (
            r#"targets = ["support"]"#,
            r#"targets = ["support", "support"]"#,
            r#"config.toml:35:33: "support" is listed already, at config.toml:35:22"#,
        ),
    ]);
}
