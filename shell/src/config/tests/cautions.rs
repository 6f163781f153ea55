//! What is no mistake, and yet said.

use super::mistakes::PLAIN;
use crate::config::parse;

const DIAL: &str = "dial = [\"support\"]\n";
const RING: &str = "ring = [{ targets = [\"support\"], for = \"30s\" }]\n";
const AI: &str = "media = \"signalled\"\n";
const SCHEDULE: &str =
    "[[schedule]]\nname = \"office\"\ntimezone = \"UTC\"\nopen = [\"Mon-Fri 09:00-18:00\"]\n";

/// What is said of the plain file with these texts in place of those.
fn said(changes: &[(&str, &str)], more: &str) -> String {
    let text = changes.iter().fold(PLAIN.to_owned(), |text, (old, new)| {
        assert_eq!(text.matches(old).count(), 1, "{old:?} is there once");
        text.replace(old, new)
    });
    let loaded = parse("w.toml", &(text + more)).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    loaded.cautions().iter().map(|caution| format!("{caution}\n")).collect()
}

#[test]
fn that_callers_can_only_be_hung_up_on() {
    let at_once = format!("{DIAL}answer = \"at-once\"\n");
    let plain = said(&[(DIAL, &at_once)], "");
    assert_eq!(
        plain,
        "w.toml:34:10: callers from trunk \"ai\" are answered at once, and hung up on when nobody takes the call: there is \
         nobody to give them back to; give trunk \"ai\" a \"return_to\", or say in [line.unanswered] what else becomes of them\n"
    );
    assert_eq!(said(&[(DIAL, &at_once)], "[line.unanswered]\nthen = \"return\"\n"), plain);
    // Who has somewhere to go, or is not answered.
    let returns = format!("{AI}return_to = \"support\"\n");
    assert_eq!(said(&[(DIAL, &at_once), (AI, &returns)], ""), "");
    assert_eq!(said(&[(DIAL, &at_once)], "[line.unanswered]\nthen = \"goodbye\"\n"), "");
    assert_eq!(said(&[(DIAL, &format!("{DIAL}answer = \"early-media\"\n"))], ""), "");
    // Nobody gives a carrier's callers back.
    let carrier = said(&[(DIAL, &at_once), ("kind = \"ai\"", "kind = \"carrier\"")], "");
    assert!(carrier.ends_with("back to; say in [line.unanswered] what else becomes of them\n"), "{carrier}");
}

#[test]
fn that_a_step_never_rings() {
    let rings = |first: &str| {
        format!(
            "ring = [{{ targets = [\"support\"], for = \"{first}\" }}, {{ targets = [\"sales\"] }}]\nmax_wait = \"30s\"\n"
        )
    };
    let sales =
        "[[target]]\nname = \"sales\"\ntrunk = \"zendesk\"\nuri = \"sip:sales@acme.sip.twilio.com\"\n";
    assert_eq!(
        said(&[(RING, &rings("30s"))], sales),
        "w.toml:36:12: callers wait for 30 s, and before target \"sales\" others ring for 30 s: it is rung only where they fail \
         sooner\n"
    );
    assert_eq!(said(&[(RING, &rings("29s"))], sales), "");
}

#[test]
fn that_a_line_sends_its_callers_to_itself() {
    let when = |line: &str| {
        format!("[[line.when]]\noutside = \"office\"\nthen = \"line\"\nline = \"{line}\"\n{SCHEDULE}")
    };
    assert_eq!(
        said(&[], &when("support")),
        "w.toml:39:8: this is the line itself: its callers go round until they are given back; name another line\n"
    );
    let other = format!("[[line]]\nname = \"night\"\ndial = [\"night\"]\nfrom = [\"ai\"]\n{RING}");
    assert_eq!(said(&[], &(when("night") + &other)), "");
}
