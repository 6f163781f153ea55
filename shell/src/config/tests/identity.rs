//! Who calls, as trunks say it and are told.

use super::mistakes::{PLAIN, assert_said};
use crate::config::parse;
use warmline_core::config::Anonymous;

const TRUNK: &str = "media = \"signalled\"";
const ZENDESK: &str = "kind = \"zendesk\"\ninterface = \"public\"";

#[test]
fn it_is_as_written() {
    let text = PLAIN.replace(
        TRUNK,
        &format!(
            "{TRUNK}\ncaller = \"+8225550100\"\nanonymous = \"+8225550199\"\ncaller_header = \"X-Caller\"\n\
             trust_identity = true\nheaders = [\"X-Session\", \"Diversion\"]"
        ),
    );
    let loaded = parse("config.toml", &text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let config = loaded.lend();
    let [zendesk, ai] = [config.trunks[0].identity, config.trunks[1].identity];
    let said = |span| str::from_utf8(config.text(span)).unwrap();
    assert_eq!(said(ai.caller), "+8225550100");
    assert_eq!(said(ai.header), "X-Caller");
    assert_eq!(said(ai.carried), "X-Session,Diversion");
    let Anonymous::StandIn(stand_in) = ai.anonymous else { panic!("{:?}", ai.anonymous) };
    assert_eq!(said(stand_in), "+8225550199");
    assert!(ai.trusted);
    assert_eq!((zendesk.trusted, zendesk.anonymous), (false, Anonymous::Withhold));
    assert_eq!([zendesk.caller, zendesk.header, zendesk.carried].map(|span| span.len), [0; 3]);
    let carrier =
        PLAIN.replace("kind = \"ai\"", "kind = \"carrier\"\ncaller = \"original\"\nanonymous = \"number\"");
    let loaded = parse("config.toml", &carrier).unwrap();
    let identity = loaded.lend().trunks[1].identity;
    assert!(identity.trusted && identity.anonymous == Anonymous::Number && identity.caller.len == 0);
}

#[test]
fn mistakes_in_full() {
    let at = |trunk: &str, line: &str| format!("{trunk}\n{line}");
    let cases = [
        (
            TRUNK,
            "caller = \"02-555-0100\"",
            "config.toml:25:10: \"02-555-0100\" is not who calls; write \"original\" or a number like \"+8225550100\"",
        ),
        (
            TRUNK,
            "anonymous = \"hide\"",
            "config.toml:25:13: \"hide\" is not what to tell of anonymous callers; write \"withhold\", \"number\" or a number like \"+8225550100\"",
        ),
        (
            TRUNK,
            "caller_header = \"From\"",
            "config.toml:25:17: \"From\" names no caller; it may be a header like \"X-Caller\", \"Remote-Party-ID\" or \"P-Preferred-Identity\"",
        ),
        (
            TRUNK,
            "trust_identity = \"yes\"",
            "config.toml:25:18: \"trust_identity\" is a string, where true or false is expected",
        ),
        (
            TRUNK,
            "headers = [\"X-A\", \"Via\"]",
            "config.toml:25:19: \"Via\" is not carried; headers may be \"X-…\" but Warmline's own, \"Diversion\", \"History-Info\" and \"User-to-User\"",
        ),
        (
            TRUNK,
            "headers = [\"X-A\", \"X-A\"]",
            "config.toml:25:19: \"X-A\" is listed already, at config.toml:25:12",
        ),
        (
            TRUNK,
            "headrs = []",
            "config.toml:25:1: unknown key \"headrs\" in [[trunk]]; did you mean \"headers\"?",
        ),
        (
            ZENDESK,
            "headers = [\"X-A\"]",
            "config.toml:18:11: a trunk of kind \"zendesk\" is told the ticket and no other header",
        ),
        (
            ZENDESK,
            "trust_identity = true",
            "config.toml:18:18: a trunk of kind \"zendesk\" never calls, and asserts nothing",
        ),
    ];
    let cases: Vec<_> = cases.iter().map(|&(trunk, line, said)| (trunk, at(trunk, line), said)).collect();
    let cases: Vec<_> = cases.iter().map(|(trunk, new, said)| (*trunk, new.as_str(), *said)).collect();
    assert_said(&cases);
}
