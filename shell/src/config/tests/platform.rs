//! Where platforms reach us, and who is told what becomes of hand-overs.

use warmline_core::filter::Rate;

use crate::config::{Loaded, parse};
use crate::platform::Token;

const TOKEN: &str = "0123456789abcdef";

fn file(more: &str) -> String {
    format!(
        r#"
[node]
name = "n"

[[interface]]
name    = "loopback"
address = "127.0.0.1"
listen  = ["udp:5060"]

[[trunk]]
name       = "ai"
kind       = "ai"
signalling = ["127.0.0.1"]
media      = ["127.0.0.1"]

[[trunk]]
name       = "carrier"
kind       = "carrier"
signalling = ["127.0.0.2"]
media      = ["127.0.0.2"]

[[target]]
name  = "desk"
trunk = "carrier"
uri   = "sip:201@127.0.0.2"

[[line]]
name = "support"
dial = ["support"]
from = ["ai"]
ring = [{{ targets = ["desk"] }}]
{more}
"#
    )
}

fn loads(more: &str) -> Loaded {
    parse("test.toml", &file(more)).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn platform(keys: &str, token: &str) -> String {
    format!("[platform]\n{keys}\n[[platform.token]]\n{token}\n")
}

#[test]
fn a_token_is_for_a_trunk() {
    let keys = "address = \"127.0.0.1:8443\"\nmax_rate = \"3/s\"";
    let loaded = loads(&platform(keys, &format!("trunk = \"ai\"\ntoken = \"{TOKEN}\"")));
    let platform = loaded.platform().expect("it is there");
    assert_eq!(platform.address.to_string(), "127.0.0.1:8443");
    assert_eq!((platform.rate, platform.identity.is_none()), (Rate { per_second: 3, burst: 3 }, true));
    assert_eq!(platform.tokens, [Token::new("ai", TOKEN)]);
    assert!(!format!("{loaded:?}").contains(TOKEN), "it is shown to nobody");
    assert!(loads("").platform().is_none());
}

#[test]
fn webhooks_are_told_what_they_ask_for() {
    let secret = "whsec_d2hhdCBzaWducyBpcyBrbm93biB0byB0d28gb25seS4=";
    let all =
        loads(&format!("[[webhook]]\nurl = \"https://ai.example.com/events?x=1\"\nsecret = \"{secret}\"\n"));
    let [webhook] = all.webhooks() else { panic!("{all:?}") };
    assert_eq!(webhook.events, ["handover.*", "call.ended"]);
    assert_eq!(webhook.secret, b"what signs is known to two only.");
    let text = format!(
        "[[webhook]]\nurl = \"http://127.0.0.1:9/\"\nsecret = \"{secret}\"\nevents = [\"handover.returned\"]\n"
    );
    assert_eq!(loads(&text).webhooks()[0].events, ["handover.returned"]);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let local = "address = \"127.0.0.1:8443\"";
    let token = format!("trunk = \"ai\"\ntoken = \"{TOKEN}\"");
    let twice = format!("{token}\n[[platform.token]]\n{token}");
    let hook = |keys: &str| format!("[[webhook]]\n{keys}\n");
    let secret = "secret = \"whsec_d2hhdCBzaWducyBpcyBrbm93biB0byB0d28gb25seS4=\"";
    let told = |events: &str| hook(&format!("url = \"https://a.example\"\n{secret}\nevents = [{events}]"));
    for (more, expected) in [
        (
            platform(local, &format!("trunk = \"a\"\ntoken = \"{TOKEN}\"")),
            "test.toml:35:9: unknown trunk \"a\"; did you mean \"ai\"?",
        ),
        (
            platform(local, &format!("trunk = \"carrier\"\ntoken = \"{TOKEN}\"")),
            "trunk \"carrier\" is not of kind \"ai\"",
        ),
        (platform(local, "trunk = \"ai\"\ntoken = \"short\""), "a token is at least 16"),
        (
            platform(local, "trunk = \"ai\"\ntoken = { env = \"WARMLINE_NO_SUCH_TOKEN\" }"),
            "WARMLINE_NO_SUCH_TOKEN is not set",
        ),
        (platform(local, &twice), "this token is there already"),
        (
            platform("address = \"0.0.0.0:8443\"", &token),
            "missing key \"certificate\" in [platform]: tokens and callers would go",
        ),
        (
            platform("address = \"127.0.0.1:8443\"\nkey = \"a.key\"", &token),
            "missing key \"certificate\" in [platform]",
        ),
        (
            platform("address = \"127.0.0.1:8443\"\ncertificate = \"a.pem\"", &token),
            "missing key \"key\" in [platform]",
        ),
        (platform("address = \"127.0.0.1\"", &token), "is no address with a port"),
        (platform("max_rate = \"3/s\"", &token), "missing key \"address\" in [platform]"),
        (format!("[platform]\n{local}\n"), "there is no [[platform.token]]"),
        (
            platform(&format!("{local}\nadress = 1"), &token),
            "unknown key \"adress\" in [platform]; did you mean \"address\"?",
        ),
        (hook(&format!("url = \"http://a.example/\"\n{secret}")), "unprotected"),
        (hook(&format!("url = \"a.example\"\n{secret}")), "is no URL of a server"),
        (hook("url = \"https://a.example\"\nsecret = \"abc\""), "a webhook's secret is \"whsec_\" and"),
        (hook("url = \"https://a.example\"\nsecret = \"whsec_YWJj\""), "24 to 64 random bytes"),
        (hook("url = \"https://a.example\""), "missing key \"secret\" in [[webhook]]"),
        (
            told("\"handover.retuned\""),
            "unknown event \"handover.retuned\"; did you mean \"handover.returned\"?",
        ),
        (told(""), "\"events\" is empty"),
        (
            format!("{}{}", told("\"call.ended\""), told("\"call.ended\"")),
            "there is a [[webhook]] with this url already",
        ),
    ] {
        let found = parse("test.toml", &file(&more)).expect_err("a mistake").to_string();
        assert!(found.contains(expected), "{found}\n{expected}");
        assert!(!found.contains(TOKEN), "{found}");
    }
}
