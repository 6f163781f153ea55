//! Where the callers of a trunk go back to.

use super::mistakes::{PLAIN, assert_said};
use crate::config::parse;
use warmline_core::config::TargetIndex;

const TRUNK: &str = "media = \"signalled\"";

#[test]
fn it_is_a_target() {
    let text = PLAIN.replace(TRUNK, &format!("{TRUNK}\nreturn_to = \"support\""));
    let loaded = parse("config.toml", &text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let returns: Vec<_> = loaded.lend().trunks.iter().map(|trunk| trunk.return_to).collect();
    assert_eq!(returns, [None, Some(TargetIndex(0))]);
}

#[test]
fn mistakes_in_full() {
    assert_said(&[
        (
            TRUNK,
            "media = \"signalled\"\nreturn_to = \"suport\"",
            r#"config.toml:25:13: unknown target "suport"; did you mean "support"?"#,
        ),
        (
            TRUNK,
            "media = \"signalled\"\nreturn_to = 3",
            r#"config.toml:25:13: "return_to" is an integer, where a string is expected"#,
        ),
        (
            "kind = \"zendesk\"\n",
            "kind = \"zendesk\"\nreturn_to = \"support\"\n",
            r#"config.toml:17:13: "return_to" is for trunks of kind ai and phones; no other transfers calls"#,
        ),
    ]);
}
