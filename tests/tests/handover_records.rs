//! What is told of a call that an AI agent has answered and handed over: by its ticket, and by `warmline calls`.

use core::net::SocketAddrV4;

use serde_json::Value;
use warmline_tests::sipp::{AI, CARRIER, Script, Stage, ZENDESK, ports, sipp_is_missing};
use warmline_tests::zendesk::{FarEnd, Goodbye, Manners};

const PROGRAM: &str = env!("CARGO_BIN_EXE_warmline-tests");

#[test]
fn the_person_s_time_is_not_the_agent_s() {
    if sipp_is_missing("the_person_s_time_is_not_the_agent_s") {
        return;
    }
    let at = SocketAddrV4::new(ZENDESK, ports(2));
    let agent = SocketAddrV4::new(AI, ports(2));
    let manners = Manners { goodbye: Goodbye::After(2_500), ..Manners::taking_addresses() };
    let far_end = FarEnd::open(&[at.into()], manners).expect("free ports");
    let more = format!(
        r#"
  [line.ticket]
  desk = "here"

[[desk]]
name = "here"

[[target]]
name  = "agent"
trunk = "ai"
uri   = "sip:agent@{agent}"

[[line]]
name = "agent"
dial = ["agent"]
from = ["carrier"]
ring = [{{ targets = ["agent"] }}]

[store]
url = "sqlite:records.db"
"#
    );
    let mut stage = Stage::furnish(PROGRAM, &more, &[AI], at);
    let refers =
        "Contact: <sip:peer@known>\nRefer-Sub: false\nRefer-To: <sip:support@[remote_ip]:[remote_port]>\n";
    let script = Script::target("agent").takes_the_call().waits(4_000);
    let script = script.says("REFER", refers).hears(202).waits(1_000).hangs_up().hears(200).lingers();
    let answers = stage.cast.follow(&script, agent);
    let script = Script::caller("caller").dials("agent").without_ticket().gets_through().is_hung_up();
    let calls = stage.cast.follow(&script, SocketAddrV4::new(CARRIER, ports(2)));
    stage.cast.ends_well(calls);
    stage.cast.ends_well(answers);
    assert_eq!(far_end.visits().len(), 1);
    stage.stop();
    let ticket = stage.ask(PROGRAM, &["tickets", "1"]).expect("a ticket");
    assert!(ticket.contains("; answered by zendesk-support, for 0:02.\n"), "{ticket}");
    assert!(ticket.contains("warmline_connected"), "{ticket}");
    let table = stage.ask(PROGRAM, &["calls"]).expect("a table");
    let row: Vec<_> = table.lines().nth(1).expect("a call").split_whitespace().skip(3).collect();
    assert_eq!(row[..6], ["agent", "support", "zendesk-support", "connected", "0:02", "1"], "{table}");
    let list = stage.ask(PROGRAM, &["calls", "--json"]).expect("a list");
    let list: Value = serde_json::from_str(&list).expect("JSON");
    let call = &list[0];
    assert_eq!((&call["line"], &call["handover_line"]), (&"agent".into(), &"support".into()), "{list}");
    let [answered, taken] = ["answered", "taken"].map(|key| call[key].as_str().unwrap_or_default());
    assert!(!answered.is_empty() && answered < taken, "{list}");
}
