//! Calls that come back to where they were.

use super::*;

const CARRIER: &str = "192.0.2.3:5060";
const FROM: &str = "\"Caller\" <sip:01012345678@ai.example.com>";

/// A world whose line "support" rings this trunk, and "sales" rings Zendesk; whoever may call dials both.
fn world(trunk: u16, address: &str) -> World {
    let mut config = config();
    let mut texts = Texts(String::from_utf8(config.text.to_vec()).unwrap());
    let host = address.split(':').next().unwrap();
    let (name, uri, host) = (texts.add("them"), texts.add(&format!("sip:them@{host}")), texts.add(host));
    config.targets = leak(vec![config.targets[0], Target::new(name, TrunkIndex(trunk), uri, host)]);
    config.rings = leak(vec![config.rings[0], Ring::new(TargetIndex(1), 20_000)]);
    let (support, sales) = (config.lines[0], texts.add("sales"));
    config.dials = leak(vec![config.dials[0], config.dials[1], sales]);
    config.lines = leak(vec![
        Line { ring: List::new(1, 1), ..support },
        Line { name: sales, dial: List::new(2, 1), ring: List::new(0, 1), ..support },
    ]);
    config.text = leak(texts.0.into_bytes());
    World::with(7, config)
}

/// A call, as far as the INVITE that `to` gets.
fn rung(w: &mut World, from: &str, to: &str, text: &str) -> (CallId, String) {
    let call = started(&w.hear(from, text));
    let outs = w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
    (call, message(&outs, to, "INVITE").to_string())
}

/// Whether an INVITE begins a call, or is a loop; it is hung up again.
fn begins(w: &mut World, from: &str, id: &str, line: &str, lines: &str) -> bool {
    let before = w.sbc.counters().get(Reason::Loop);
    let outs = w.hear(from, &invite(id, line, lines));
    if w.sbc.counters().get(Reason::Loop) > before {
        message(&outs, from, "SIP/2.0 482 ");
        return false;
    }
    let call = started(&outs);
    stop(w, from, id, call);
    true
}

/// Ends a call that was not answered.
fn stop(w: &mut World, from: &str, id: &str, call: CallId) {
    let outs = w.tell(Input::Command(Command::HangUp(call)));
    let refused = message(&outs, from, "SIP/2.0 503 ").to_string();
    w.hear(from, &(request("ACK", id, 1, &refused) + END));
    w.close(call);
}

#[test]
fn a_call_that_is_named_comes_back_only_from_an_ai_agent_and_for_another_line() {
    let mut w = world(0, AI);
    let (call, sent) = rung(&mut w, CARRIER, AI, &invite("1", "support", ""));
    let named = format!("X-Warmline-Call: {}\r\n", field(&sent, "X-Warmline-Call"));
    assert!(!begins(&mut w, CARRIER, "2", "sales", &named));
    assert!(!begins(&mut w, AI, "3", "support", &named));
    assert!(begins(&mut w, AI, "4", "sales", &named));
    // Nobody's call, and no name.
    for other in ["X-Warmline-Call: 0123456789abcdef\r\n", "X-Warmline-Call: x\r\n", ""] {
        assert!(begins(&mut w, CARRIER, &format!("5{}", other.len()), "sales", other), "{other}");
    }
    stop(&mut w, CARRIER, "1", call);
    assert!(begins(&mut w, CARRIER, "6", "sales", &named), "it is over");
    w.is_clean();
}

/// The platform calls as itself; what it hands over is the carrier's caller all the same.
#[test]
fn whoever_an_ai_agent_hands_over_by_a_new_call_is_the_caller_of_the_first() {
    let mut w = world(0, AI);
    let (first, sent) = rung(&mut w, CARRIER, AI, &invite("1", "support", ""));
    let named = format!("X-Warmline-Call: {}\r\n", field(&sent, "X-Warmline-Call"));
    let agent = |id: &str, more: &str| invite(id, "sales", more).replace("01012345678", "+14155550199");
    let caller = |w: &mut World, from: &str, id: &str, more: &str| {
        let call = started(&w.hear(from, &agent(id, more)));
        let caller = w.sbc.call(call).unwrap().caller.map(<[u8]>::to_vec);
        stop(w, from, id, call);
        caller.unwrap()
    };
    assert_eq!(caller(&mut w, AI, "2", ""), b"+14155550199");
    assert_eq!(caller(&mut w, AI, "3", &named), b"+821012345678");
    // It is a matter of the platform that the call is with.
    assert!(!begins(&mut w, CARRIER, "4", "sales", &named));
    stop(&mut w, CARRIER, "1", first);
    assert_eq!(caller(&mut w, AI, "5", &named), b"+14155550199", "it is over");
    w.is_clean();
}

/// A carrier that sends the call back without a word of where it was.
#[test]
fn a_caller_whose_calls_ring_the_trunk_they_come_from_goes_round() {
    let mut w = world(2, CARRIER);
    let (first, _) = rung(&mut w, CARRIER, CARRIER, &invite("1", "support", ""));
    let (second, _) = rung(&mut w, CARRIER, CARRIER, &invite("2", "support", ""));
    assert!(!begins(&mut w, CARRIER, "3", "support", ""));
    // Another caller, line or trunk is not the same call; nor are those who show no number.
    let other = invite("4", "support", "").replace("01012345678", "01087654321");
    let (other, _) = rung(&mut w, CARRIER, CARRIER, &other);
    assert!(begins(&mut w, CARRIER, "5", "sales", ""));
    assert!(begins(&mut w, AI, "6", "support", ""));
    let hidden = invite("7", "support", "").replace(FROM, "<sip:anonymous@anonymous.invalid>");
    let hidden = started(&w.hear(CARRIER, &hidden));
    for (id, call) in [("1", first), ("2", second), ("4", other), ("7", hidden)] {
        stop(&mut w, CARRIER, id, call);
    }
    w.later(40_000);
    assert!(begins(&mut w, CARRIER, "8", "support", ""));
    w.is_clean();
}

#[test]
fn how_far_a_call_may_branch_goes_along() {
    let mut w = world(2, CARRIER);
    for (brought, told) in [
        ("Max-Breadth: 4\r\n", Some("4")),
        ("Max-Breadth: 0061\r\n", Some("60")),
        ("Max-Breadth: 4294967295\r\n", Some("60")),
        ("", None),
        ("Max-Breadth: 0\r\n", None),
        ("Max-Breadth: x\r\n", None),
    ] {
        let id = format!("b{}", brought.len());
        let (call, sent) = rung(&mut w, AI, CARRIER, &invite(&id, "support", brought));
        let line = sent.split("\r\n").find_map(|line| line.strip_prefix("Max-Breadth: "));
        assert_eq!(line, told, "{brought}");
        stop(&mut w, AI, &id, call);
        w.later(40_000);
        w.later(40_000);
    }
}
