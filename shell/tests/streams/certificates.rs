//! Whose certificate is shown, and whose is believed.

use crate::stage::{AI, CERTIFIED, Stage, Tls};
use std::net::UdpSocket;
use warmline_core::reason::Reason;
use warmline_core::transport::Transport;

#[test]
fn a_trunk_with_a_certificate_must_show_it() {
    let stage = Stage::set();
    let own = |name: &str| {
        Some((stage.folder.path(&format!("{name}.pem")), stage.folder.path(&format!("{name}.key"))))
    };
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for (own, let_in) in [(None, false), (own("other"), false), (own("ai"), true)] {
            let tls = Tls { version, own, ..Tls::trusting(&stage) };
            // By TLS 1.3 a client learns only afterwards that it was not let in.
            let answered = stage.tls(CERTIFIED, &tls).is_ok_and(|mut wire| {
                wire.try_write(stage.options("1").as_bytes());
                wire.rest_or_message().starts_with("SIP/2.0 200")
            });
            assert_eq!(answered, let_in, "{version:?} {:?}", tls.own);
        }
    }
    stage.until("four are counted", |s| s.counters.get(Reason::HandshakeFailed) == 4);
    // Others on the same listener need none.
    assert!(stage.tls(AI, &Tls::trusting(&stage)).is_ok());
}

#[test]
fn by_other_ways_it_is_not_heard() {
    let stage = Stage::set();
    let mut wire = stage.tcp(CERTIFIED);
    assert_eq!(wire.rest(), b"");
    let socket = UdpSocket::bind((core::net::Ipv4Addr::from(CERTIFIED), 0)).expect("a socket");
    socket.send_to(stage.options("1").as_bytes(), stage.address(Transport::Udp)).expect("loopback takes it");
    stage.until("both are counted", |s| s.counters.get(Reason::CertificateMissing) == 2);
    assert_eq!(stage.node.snapshot().expect("the node runs").parsed, 0);
}

#[test]
fn certificates_are_read_again() {
    let stage = Stage::set();
    let named =
        |name: &str| Tls { name: name.to_owned().try_into().expect("a name"), ..Tls::trusting(&stage) };
    let (before, after) = (named("sbc.example.com"), named("other.example.com"));
    let mut kept = stage.tls(AI, &before).expect("the first certificate is shown");
    assert!(stage.tls(AI, &after).is_err());

    std::fs::write(stage.folder.path("sbc.pem"), "broken").expect("a file can be written");
    let error = stage.node.reload_certificates().expect_err("it is no certificate");
    assert!(error.to_string().contains("sbc.pem has no certificate in it"), "{error}");
    assert!(stage.tls(AI, &before).is_ok(), "the one before still holds");

    for ending in ["pem", "key"] {
        let (from, to) = (format!("other.{ending}"), format!("sbc.{ending}"));
        std::fs::copy(stage.folder.path(&from), stage.folder.path(&to)).expect("a file can be copied");
    }
    stage.node.reload_certificates().expect("both fit together");
    let end = std::time::Instant::now() + crate::stage::PATIENCE;
    while stage.tls(AI, &after).is_err() {
        assert!(std::time::Instant::now() < end, "it is never shown");
    }
    assert!(stage.tls(AI, &before).is_err());
    // Connections go on.
    kept.write(stage.options("1").as_bytes());
    assert!(kept.message().starts_with("SIP/2.0 200"));
}
