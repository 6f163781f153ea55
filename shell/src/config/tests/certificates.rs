//! TCP and TLS: listeners, certificates, and whom trunks believe.

use core::sync::atomic::{AtomicU32, Ordering};
use std::fs;
use std::path::PathBuf;

use rcgen::{CertificateParams, KeyPair};
use warmline_core::transport::Transport;

use super::mistakes::{PLAIN, assert_said};
use crate::config::{Loaded, Mistakes, parse};

/// A folder with the files that a test's configuration names.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static FOLDERS: AtomicU32 = AtomicU32::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let this = Self(std::env::temp_dir().join(format!("warmline-pem-{}-{number}", std::process::id())));
        fs::create_dir_all(&this.0).unwrap();
        for name in ["sbc", "other"] {
            let key = KeyPair::generate().unwrap();
            let certificate = CertificateParams::new(vec![format!("{name}.example.com")])
                .unwrap()
                .self_signed(&key)
                .unwrap();
            this.write(&format!("{name}.pem"), &certificate.pem());
            this.write(&format!("{name}.key"), &key.serialize_pem());
        }
        this
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    fn parse(&self, text: &str) -> Result<Loaded, Mistakes> {
        parse(&self.0.join("c.toml").display().to_string(), text)
    }

    /// What is said, without the folder.
    fn said(&self, text: &str) -> String {
        let said = self.parse(text).map_or_else(|mistakes| mistakes.to_string(), |_| String::new());
        said.replace(&format!("{}/", self.0.display()), "")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const LISTEN: &str = r#"listen = ["udp:5060"]"#;
const TLS: &str = r#"listen = ["udp:5060", "tcp:5060", "tls:5061"]
certificate = "sbc.pem"
key = "sbc.key""#;

/// The plain file with TLS, and this instead of what makes the second trunk one of kind `ai`.
fn with(ai: &str) -> String {
    PLAIN.replace(LISTEN, TLS).replace(r#"kind = "ai""#, ai)
}

#[test]
fn platforms_are_shown_their_own_certificate_or_an_interfaces() {
    let folder = Folder::new();
    let file = |plain: &str, keys: &str| {
        format!(
            "{plain}\n[platform]\naddress = \"0.0.0.0:8443\"\n{keys}\n[[platform.token]]\ntrunk = \"ai\"\n\
             token = \"0123456789abcdef\"\n"
        )
    };
    let shown = |text: &str| {
        let loaded = folder.parse(text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let identity = loaded.platform().unwrap().identity.clone().unwrap();
        identity.certificate.file_name().unwrap().to_string_lossy().into_owned()
    };
    let tls = with("kind = \"ai\"");
    assert_eq!(shown(&file(&tls, "")), "sbc.pem");
    assert_eq!(shown(&file(&tls, "certificate = \"other.pem\"\nkey = \"other.key\"")), "other.pem");
    let said = folder.said(&file(&tls, "certificate = \"other.pem\"\nkey = \"sbc.key\""));
    assert!(said.contains("is not the key of the certificate in"), "{said}");
    let said = folder.said(&file(PLAIN, ""));
    assert!(said.contains("missing key \"certificate\" in [platform]"), "{said}");
}

#[test]
fn all_three_transports_and_certificates() {
    let folder = Folder::new();
    let text =
        with("kind = \"ai\"\ntransport = \"tls\"\nca = \"other.pem\"\ncertificate = \"ai.example.com\"");
    let loaded = folder.parse(&text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let config = loaded.lend();
    let listeners: Vec<_> = config.listeners.iter().map(|l| (l.transport, l.port)).collect();
    assert_eq!(listeners, [(Transport::Udp, 5060), (Transport::Tcp, 5060), (Transport::Tls, 5061)]);
    let trunks: Vec<_> = config.trunks.iter().map(|trunk| (trunk.listener, trunk.certified)).collect();
    assert_eq!(trunks, [(0, false), (2, true)]);
    let shared: Vec<_> = loaded.sockets().map(|socket| socket.shared).collect();
    assert_eq!(shared, [false; 3], "a port of UDP's is another than one of TCP's");
    let trust = loaded.trust(warmline_core::config::TrunkIndex(1)).unwrap();
    assert_eq!(trust.ca.as_ref(), Some(&folder.0.join("other.pem")), "beside the configuration");
    assert!(crate::certificates::Contexts::read(&loaded).is_ok());

    // As Twilio's URIs are written.
    let text = text.replace("kind = \"zendesk\"", "kind = \"zendesk\"\ntransport = \"tls\"");
    let text = text.replace("sip.twilio.com\"", "sip.twilio.com;transport=tls\"");
    assert_eq!(folder.said(&text), "");
}

#[test]
fn files_of_no_use() {
    let folder = Folder::new();
    folder.write("text", "no PEM");
    let with = |files: &str| {
        folder.said(&PLAIN.replace(LISTEN, &format!("listen = [\"tls:5061\", \"udp:5060\"]\n{files}")))
    };
    let cases = [
        (
            r#"certificate = "sbc.pem""#,
            r#"c.toml:5:1: missing key "key" in [[interface]]: tls takes a certificate and its key, two PEM files"#,
        ),
        (
            "certificate = \"no\"\nkey = \"sbc.key\"",
            "c.toml:9:1: no cannot be read: No such file or directory (os error 2)",
        ),
        (
            "certificate = \"sbc.pem\"\nkey = \"no\"",
            "c.toml:10:1: no cannot be read: No such file or directory (os error 2)",
        ),
        (
            "certificate = \"text\"\nkey = \"sbc.key\"",
            "c.toml:9:1: text has no certificate in it; in PEM it begins with \"-----BEGIN CERTIFICATE-----\"",
        ),
        (
            "certificate = \"sbc.pem\"\nkey = \"sbc.pem\"",
            "c.toml:10:1: sbc.pem has no private key in it; in PEM it begins with \"-----BEGIN PRIVATE KEY-----\"",
        ),
        (
            "certificate = \"sbc.pem\"\nkey = \"other.key\"",
            "c.toml:10:1: other.key is not the key of the certificate in sbc.pem",
        ),
        ("certificate = \"sbc.pem\"\nkey = \"sbc.key\"", ""),
    ];
    for (files, expected) in cases {
        let said = with(files);
        let first = said.lines().next().unwrap_or_default();
        // Where exactly the value stands is the table's business.
        assert_eq!(columns(first), columns(expected), "{files}: {said}");
    }
}

/// Without the column.
fn columns(text: &str) -> String {
    let parts: Vec<&str> = text.splitn(4, ':').collect();
    match parts[..] {
        [file, line, _, rest] => format!("{file}:{line}:{rest}"),
        _ => text.to_owned(),
    }
}

#[test]
fn certificates_of_peers() {
    let folder = Folder::new();
    let ai = |keys: &str| folder.said(&with(&format!("kind = \"ai\"\n{keys}")));
    assert!(ai("ca = \"no.pem\"").contains("no.pem cannot be read"), "{}", ai("ca = \"no.pem\""));
    assert!(ai("ca = \"sbc.key\"").contains("has no certificate in it"));
    assert!(ai("certificate = \"a b\"").contains("\"a b\" is no name in a certificate"));
    assert_eq!(ai("certificate = \"192.0.2.1\""), "");
    assert_said(&[
        (
            r#"kind = "ai""#,
            "kind = \"ai\"\ncertificate = \"ai.example.com\"",
            r#"config.toml:22:15: "certificate" is for tls, and the trunk's interface does not listen on it"#,
        ),
        (
            LISTEN,
            "listen = [\"udp:5060\"]\nkey = \"sbc.key\"",
            r#"config.toml:9:7: "key" is for tls, and "listen" has none, like "tls:5061""#,
        ),
        (
            LISTEN,
            r#"listen = ["tcp:5060"]"#,
            "config.toml:14:1: the trunk is reached by udp, and interface \"public\" does not listen on it: add \"udp:5060\" to its \"listen\"\n\
             config.toml:19:1: the trunk is reached by udp, and interface \"public\" does not listen on it: add \"udp:5060\" to its \"listen\"",
        ),
    ]);
}

#[test]
fn srtp_takes_tls() {
    use warmline_core::srtp::Policy;
    let folder = Folder::new();
    for (word, policy) in [("off", Policy::Off), ("allowed", Policy::Allowed), ("required", Policy::Required)]
    {
        let text = with(&format!("kind = \"ai\"\ntransport = \"tls\"\nsrtp = \"{word}\""));
        let loaded = folder.parse(&text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let policies: Vec<_> = loaded.lend().trunks.iter().map(|trunk| trunk.srtp).collect();
        assert_eq!(policies, [Policy::Off, policy]);
    }
    assert_said(&[
        (
            r#"kind = "ai""#,
            "kind = \"ai\"\nsrtp = \"required\"",
            "config.toml:22:8: SRTP's keys stand in the SIP messages, where anyone on the way reads them unless those go by \
             TLS: set transport = \"tls\" for the trunk, or srtp = \"off\"; or keys_in_clear = true, where nobody else \
             is on the way (a VPN, a cable of its own)",
        ),
        (
            r#"kind = "zendesk""#,
            "kind = \"zendesk\"\nsrtp = \"required\"",
            "config.toml:17:8: SRTP's keys stand in the SIP messages, where anyone on the way reads them unless those go by \
             TLS: set transport = \"tls\" for the trunk, or srtp = \"off\"; or keys_in_clear = true, where nobody else \
             is on the way (a VPN, a cable of its own)",
        ),
        (
            r#"kind = "ai""#,
            "kind = \"ai\"\nsrtp = \"on\"",
            "config.toml:22:8: unknown srtp \"on\"; it may be \"off\", \"allowed\" or \"required\"",
        ),
        (
            r#"kind = "ai""#,
            "kind = \"ai\"\nkeys_in_clear = true",
            "config.toml:22:17: the trunk has no SRTP, so there are no keys: set srtp, or leave this out",
        ),
        (
            r#"kind = "zendesk""#,
            "kind = \"zendesk\"\nsrtp = \"required\"\nkeys_in_clear = true",
            "config.toml:18:17: Zendesk takes SRTP by TLS alone: keys_in_clear is for other trunks",
        ),
    ]);
}

#[test]
fn keys_go_in_the_clear_where_that_is_said() {
    let text = with("kind = \"ai\"\nsrtp = \"required\"\nkeys_in_clear = true");
    let loaded = Folder::new().parse(&text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let said: Vec<_> =
        loaded.lend().trunks.iter().map(|trunk| (trunk.srtp.is_on(), trunk.keys_in_clear)).collect();
    assert_eq!(said, [(false, false), (true, true)]);
}

#[test]
fn a_zendesk_line_takes_srtp_always_or_never() {
    let folder = Folder::new();
    let with = |word: &str| {
        let text = PLAIN.replace(LISTEN, TLS);
        let trunk = format!("kind = \"zendesk\"\ntransport = \"tls\"\nsrtp = \"{word}\"");
        let text = text.replace("kind = \"zendesk\"", &trunk);
        folder.said(&text.replace("sip.twilio.com\"", "sip.twilio.com;transport=tls\""))
    };
    assert_eq!((with("off"), with("required")), (String::new(), String::new()));
    assert!(with("allowed").contains("a Zendesk line takes SRTP always or never"), "{}", with("allowed"));
}

#[test]
fn one_port_for_tcp_and_tls_is_one_too_few() {
    let folder = Folder::new();
    let text = PLAIN.replace(LISTEN, &TLS.replace("tls:5061", "tls:5060"));
    let said = folder.said(&text);
    assert!(said.starts_with("c.toml:8:35: port 5060 is listened on already at this address"), "{said}");
}
