//! What lines say of those who wait.

use super::mistakes::{PLAIN, assert_said};
use crate::config::parse;
use warmline_core::config::{Answer, Answers, LineIndex, TargetIndex, Then};

const DIAL: &str = "dial = [\"support\"]";

fn with(more: &str) -> String {
    format!("{PLAIN}{more}")
}

#[test]
fn what_is_said_is_read() {
    let line = "dial = [\"support\"]\nanswer = \"early-media\"\nrepeat = true\nmax_wait = \"90s\"";
    let tables = "\n[line.unanswered]\nthen = \"overflow\"\ntarget = \"support\"\n[[line.key]]\npress = \"#\"\n\
                  then = \"line\"\nline = \"support\"\n[[line.key]]\npress = \"0\"\nthen = \"goodbye\"\n";
    let loaded = parse("config.toml", &with(tables).replace(DIAL, line)).expect("it is sound");
    let config = loaded.lend();
    let line = config.lines[0];
    assert_eq!((line.answer, line.repeat, line.max_wait), (Answer::EarlyMedia, true, 90));
    assert_eq!(line.unanswered, Then::Overflow(TargetIndex(0)));
    let keys: Vec<_> = config.keys(&line).iter().map(|key| (key.press, key.then)).collect();
    assert_eq!(keys, [(11, Then::Line(LineIndex(0))), (0, Then::Goodbye(None))]);
    assert_eq!((line.budget, line.longest, line.voicemail), (0, 0, None));
}

#[test]
fn what_is_not_said() {
    let loaded = parse("config.toml", PLAIN).expect("it is sound");
    let line = loaded.lend().lines[0];
    assert_eq!((line.answer, line.repeat, line.max_wait), (Answer::WhenTaken, false, 0));
    assert_eq!(line.unanswered, Then::Return);
    assert_eq!(loaded.lend().targets[0].answers, Answers::Person);
    let again = parse("config.toml", &PLAIN.replace(DIAL, "dial = [\"support\"]\nrepeat = true"))
        .expect("it is sound");
    assert_eq!(again.lend().lines[0].max_wait, 300, "a plan does not begin again for ever");
}

#[test]
fn mistakes() {
    let last = |more: &str| format!("{DIAL}\n{more}");
    let said = |key: &str, why: &str| (DIAL.to_owned(), last(key), format!("config.toml:34:{why}"));
    let cases = [
        said(
            "answer = \"later\"",
            "10: unknown answer \"later\"; it may be \"when-taken\", \"early-media\" or \"at-once\"",
        ),
        said(
            "max_wait = \"2h\"",
            "12: \"2h\" is no time to wait; it may be from 1s to 60m, in whole seconds",
        ),
        said(
            "unanswered = { then = \"voicemail\" }",
            "23: the line takes no messages: write [line.voicemail]",
        ),
        said(
            "unanswered = { then = \"overflow\", target = \"zendesk\" }",
            "44: unknown target \"zendesk\"; the only target is \"support\"",
        ),
        said(
            "unanswered = { then = \"return\", prompt = \"a.wav\" }",
            "42: \"prompt\" goes with then = \"goodbye\"",
        ),
        said(
            "key = [{ press = \"1\", then = \"return\" }, { press = \"1\", then = \"goodbye\" }]",
            "52: this key does something already, at config.toml:34:18",
        ),
        said(
            "key = [{ press = \"12\", then = \"return\" }]",
            "18: \"12\" is no key; it may be one of 0 to 9, *, #, A to D",
        ),
        said(
            "voicemail = { longest = \"1m\" }",
            "13: there is no [recording] to say where messages go: write its \"directory\"",
        ),
    ];
    let cases: Vec<_> = cases.iter().map(|(old, new, why)| (&old[..], &new[..], &why[..])).collect();
    assert_said(&cases);
}
