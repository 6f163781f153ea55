//! An AI agent's platform hands calls over outside SIP: it asks for that, or announces it and dials; and it is told what becomes
//! of them.

use core::net::{Ipv4Addr, SocketAddrV4};

use serde_json::{Value, json};
use warmline_tests::platform::{Receiver, TOKEN, Told, ask, asking, telling};
use warmline_tests::sipp::{
    self, AI, CARRIER, PATIENCE, Program, STRANGER, Say, Script, Stage, ZENDESK, poll, ports, sipp_is_missing,
};
use warmline_tests::zendesk::api::Api;
use warmline_tests::zendesk::{FarEnd, Goodbye, Manners, desk};

const PROGRAM: &str = env!("CARGO_BIN_EXE_warmline-tests");

const OTHERS: &str = "another-platform-is-known-by-this";

struct Scene {
    stage: Stage,
    far_end: FarEnd,
    api: Api,
    /// Where the platform asks, where it is told, and where its agent is called.
    asks: SocketAddrV4,
    told: SocketAddrV4,
    agent: SocketAddrV4,
}

impl Scene {
    fn set() -> Self {
        Self::beside(Manners { goodbye: Goodbye::After(1_000), ..Manners::taking_addresses() })
    }

    /// With a far end of these manners.
    fn beside(manners: Manners) -> Self {
        let at = SocketAddrV4::new(ZENDESK, ports(2));
        let far_end = FarEnd::open(&[at.into()], manners);
        let api = Api::here();
        let place = || SocketAddrV4::new(Ipv4Addr::LOCALHOST, ports(2));
        let (asks, told, agent) = (place(), place(), place());
        let more = format!(
            r#"
  [line.ticket]
  desk = "acme"
{}
[[trunk]]
name       = "other"
kind       = "ai"
signalling = ["{STRANGER}"]
media      = ["{STRANGER}"]

[[line]]
name = "others"
dial = ["others"]
from = ["other"]
ring = [{{ targets = ["zendesk-support"], for = "20s" }}]
{}
[[platform.token]]
trunk = "other"
token = "{OTHERS}"
{}{}
[store]
url = "sqlite:handovers.db"
"#,
            sipp::agent("agent", agent),
            asking(asks),
            telling(told),
            desk(&api, "budget = \"5s\"")
        );
        let stage = Stage::furnish(PROGRAM, &more, &[AI], at);
        Self { stage, far_end: far_end.expect("free ports"), api, asks, told, agent }
    }

    fn ask(&self, token: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        ask(self.asks, token, method, path, body)
    }

    /// A call from `at` to `user`, which is answered and at last hung up.
    fn calls(&self, at: Ipv4Addr, user: &str) -> Program {
        let script = Script::caller("caller").dials(user).without_ticket().gets_through().is_hung_up();
        self.stage.cast.follow(&script, SocketAddrV4::new(at, ports(2)))
    }

    /// The id of the one call, once it is answered.
    fn answered(&self) -> String {
        let id = poll(PATIENCE, || {
            let list = self.stage.ask(PROGRAM, &["calls", "--json"]).ok()?;
            let calls: Value = serde_json::from_str(&list).ok()?;
            let call = calls.get(0).filter(|call| !call["answered"].is_null())?;
            call["call"].as_str().map(str::to_owned)
        });
        id.unwrap_or_else(|| panic!("{}", self.stage.warmline.written()))
    }

    /// The same, which is refused.
    fn is_refused(&self, user: &str, status: u16) {
        let script = Script::caller("refused").dials(user).invites(Say::Audio).may_hear(100).hears(status);
        let script = script.acknowledges_failure();
        let player = self.stage.cast.follow(&script, SocketAddrV4::new(AI, ports(2)));
        self.stage.cast.ends_well(player);
    }

    /// What is announced: the user part of its URI.
    fn announces(&self, token: &str, body: &Value) -> String {
        let (status, invited) = self.ask(token, "POST", "/v1/handovers", body);
        assert_eq!(status, 201, "{invited}");
        let uri = invited["sip_uri"].as_str().expect("a URI");
        let at = self.stage.cast.sip;
        let user = uri.strip_prefix("sip:").and_then(|uri| uri.strip_suffix(&format!("@{at}")));
        assert!(invited["expires"].as_str().is_some_and(|time| time.ends_with('Z')), "{invited}");
        user.unwrap_or_else(|| panic!("{uri} is not at {at}")).to_owned()
    }

    /// What a webhook was told once a call has ended.
    fn hears_the_end(&self, receiver: &Receiver) -> Vec<Told> {
        let ended = |told: &Vec<Told>| told.iter().any(|told| told.body["type"] == "call.ended");
        let told = poll(PATIENCE, || Some(receiver.told()).filter(ended));
        told.unwrap_or_else(|| panic!("{:?}\n{}", receiver.told(), self.stage.warmline.written()))
    }

    /// What the one ticket of the account begins with.
    fn first_comment(&self) -> String {
        let found = self.api.account(|account| {
            let [ticket] = account.standing()[..] else { panic!("{:?}", account.tickets) };
            ticket.comments[0].body.clone()
        });
        assert!(found.contains("An AI agent hands over a call."), "{found}");
        found
    }
}

/// What was told, in order and each once, and signed.
fn kinds(told: &[Told]) -> Vec<&str> {
    assert!(told.iter().all(|told| told.signed), "{told:#?}");
    let mut ids: Vec<_> = told.iter().map(|told| &told.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), told.len(), "{told:#?}");
    told.iter().filter_map(|told| told.body["type"].as_str()).collect()
}

const ALL: [&str; 5] =
    ["handover.requested", "handover.ticketed", "handover.ringing", "handover.connected", "call.ended"];

fn context() -> Value {
    json!({ "summary": "Wants a refund.", "fields": { "order": "A-17" }, "tags": ["refund"], "priority": "high" })
}

#[test]
fn a_call_is_handed_over_by_asking() {
    if sipp_is_missing("a_call_is_handed_over_by_asking") {
        return;
    }
    let scene = Scene::set();
    let receiver = Receiver::open(scene.told);
    let agent = Script::target("agent").takes_the_call().is_hung_up();
    let agent = scene.stage.cast.follow(&agent, scene.agent);
    let caller = scene.calls(CARRIER, "agent");
    let id = scene.answered();
    let path = format!("/v1/calls/{id}");
    let (status, call) = scene.ask(TOKEN, "GET", &path, &Value::Null);
    assert_eq!((status, &call["state"], &call["handover"]), (200, &json!("talking"), &Value::Null), "{call}");
    let handover = format!("{path}/handover");
    let support = json!({ "line": "support", "context": context() });
    // Who may not, and what may not be.
    for (token, path, body, status, kind) in [
        ("nobody", &handover, &support, 401, "unauthorized"),
        (OTHERS, &handover, &support, 404, "no-such-call"),
        (TOKEN, &"/v1/calls/none/handover".to_owned(), &support, 404, "no-such-call"),
        (TOKEN, &handover, &json!({ "line": "sales" }), 422, "unknown-line"),
        (TOKEN, &handover, &json!({ "line": "agent" }), 403, "line-not-for-trunk"),
        (TOKEN, &handover, &json!({ "lines": "support" }), 400, "malformed"),
        (TOKEN, &format!("{path}/hangup"), &support, 404, "no-such-route"),
    ] {
        let (found, problem) = scene.ask(token, "POST", path, body);
        assert_eq!(found, status, "{problem}");
        assert_eq!(problem["type"], format!("urn:warmline:problem:{kind}"), "{problem}");
    }
    let (status, call) = scene.ask(TOKEN, "POST", &handover, &support);
    assert_eq!(
        (status, &call["id"], &call["handover"]["line"]),
        (202, &json!(id), &json!("support")),
        "{call}"
    );
    let (status, problem) = scene.ask(TOKEN, "POST", &handover, &support);
    assert_eq!(
        (status, &problem["type"]),
        (409, &json!("urn:warmline:problem:transfer-under-way")),
        "{problem}"
    );
    scene.stage.cast.ends_well(caller);
    scene.stage.cast.ends_well(agent);
    let told = scene.hears_the_end(&receiver);
    assert_eq!(kinds(&told), ALL, "{told:#?}");
    assert!(told.iter().all(|told| told.body["data"]["id"] == json!(id)), "{told:#?}");
    let (status, call) = scene.ask(TOKEN, "GET", &path, &Value::Null);
    assert_eq!(
        (status, &call["state"], &call["outcome"], &call["handover"]["state"]),
        (200, &json!("ended"), &json!("connected"), &json!("connected")),
        "{call}"
    );
    let visits = scene.far_end.visits();
    let [visit] = &visits[..] else { panic!("{visits:?}") };
    assert_eq!(Some(call["ticket"].to_string()), visit.ticket, "{call}");
    let comment = scene.first_comment();
    assert!(comment.contains("Wants a refund.") && comment.contains("order: A-17"), "{comment}");
    scene.api.account(|account| {
        let ticket = account.standing()[0].clone();
        assert_eq!(ticket.priority.as_deref(), Some("high"));
        assert!(ticket.tags.iter().any(|tag| tag == "refund"), "{ticket:?}");
    });
}

#[test]
fn what_is_said_of_a_second_hand_over_is_on_the_ticket_too() {
    if sipp_is_missing("what_is_said_of_a_second_hand_over_is_on_the_ticket_too") {
        return;
    }
    // The line is of another domain, and refuses every call.
    let scene = Scene::beside(Manners::default());
    let agent = Script::target("agent").takes_the_call().waits(5_000).leaves();
    let agent = scene.stage.cast.follow(&agent, scene.agent);
    let caller = scene.calls(CARRIER, "agent");
    let path = format!("/v1/calls/{}", scene.answered());
    let all = ["Wants a refund.", "Wants to speak with the manager."];
    for summary in all {
        let said = json!({ "line": "support", "context": { "summary": summary } });
        let (status, answer) = scene.ask(TOKEN, "POST", &format!("{path}/handover"), &said);
        assert_eq!(status, 202, "{answer}");
        let state = || scene.ask(TOKEN, "GET", &path, &Value::Null).1["handover"]["state"].clone();
        let returned = poll(PATIENCE, || (state() == json!("returned")).then_some(()));
        assert!(returned.is_some(), "{}\n{}", state(), scene.stage.warmline.written());
    }
    scene.stage.cast.ends_well(caller);
    scene.stage.cast.ends_well(agent);
    let comments = || {
        scene.api.account(|account| {
            let [ticket] = account.standing()[..] else { panic!("{:?}", account.tickets) };
            ticket.comments.iter().map(|comment| comment.body.clone()).collect::<Vec<_>>()
        })
    };
    let with = |text: &str| comments().iter().filter(|comment| comment.contains(text)).count();
    assert!(
        poll(PATIENCE, || (with("has ended: returned.") == 1).then_some(())).is_some(),
        "{:?}",
        comments()
    );
    assert_eq!(all.map(with), [1, 1], "{:?}", comments());
    assert!(comments()[1].contains(all[1]), "it is there before the end: {:?}", comments());
}

#[test]
fn what_the_agent_has_solved_is_reported() {
    if sipp_is_missing("what_the_agent_has_solved_is_reported") {
        return;
    }
    let scene = Scene::set();
    let receiver = Receiver::open(scene.told);
    let agent = Script::target("agent").takes_the_call().waits(3_000).leaves();
    let agent = scene.stage.cast.follow(&agent, scene.agent);
    let caller = scene.calls(CARRIER, "agent");
    let path = format!("/v1/calls/{}/outcome", scene.answered());
    let (status, problem) = scene.ask(TOKEN, "POST", &path, &json!({ "resolved": true }));
    assert_eq!((status, &problem["type"]), (422, &json!("urn:warmline:problem:no-outcome")), "{problem}");
    let solved = json!({ "resolved": true, "summary": "Told the way." });
    assert_eq!(scene.ask(OTHERS, "POST", &path, &solved).0, 404);
    let (status, call) = scene.ask(TOKEN, "POST", &path, &solved);
    assert_eq!((status, &call["outcome"]), (200, &json!("resolved")), "{call}");
    scene.stage.cast.ends_well(caller);
    scene.stage.cast.ends_well(agent);
    let told = scene.hears_the_end(&receiver);
    assert_eq!(kinds(&told), ["call.ended"], "{told:#?}");
    assert_eq!(told[0].body["data"]["outcome"], "resolved");
    let (status, problem) = scene.ask(TOKEN, "POST", &path, &solved);
    assert_eq!((status, &problem["type"]), (409, &json!("urn:warmline:problem:too-late")), "{problem}");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("has ended")), "{problem}");
    let done = poll(PATIENCE, || {
        scene.api.account(|account| {
            let ticket = account.standing().first().map(|ticket| (*ticket).clone())?;
            ticket.tags.contains("warmline_resolved").then_some(ticket)
        })
    });
    let ticket = done.unwrap_or_else(|| panic!("{:?}", scene.api.asked()));
    assert!(ticket.comments[0].body.starts_with("An AI agent has solved a call."), "{ticket:?}");
    assert!(ticket.comments[0].body.contains("Told the way."), "{ticket:?}");
    assert_eq!(scene.api.account(|account| account.standing().len()), 1);
}

#[test]
fn what_no_desk_would_be_told_is_not_taken() {
    if sipp_is_missing("what_no_desk_would_be_told_is_not_taken") {
        return;
    }
    let scene = Scene::beside(Manners { goodbye: Goodbye::After(5_000), ..Manners::taking_addresses() });
    let receiver = Receiver::open(scene.told);
    let caller = scene.calls(STRANGER, "others");
    let path = format!("/v1/calls/{}", scene.answered());
    let solved = json!({ "resolved": true, "summary": "Told the way." });
    let (status, problem) = scene.ask(OTHERS, "POST", &format!("{path}/outcome"), &solved);
    assert_eq!((status, &problem["type"]), (422, &json!("urn:warmline:problem:no-desk")), "{problem}");
    assert!(
        problem["detail"].as_str().is_some_and(|detail| detail.contains("[[platform.token]]")),
        "{problem}"
    );
    assert_eq!(scene.ask(OTHERS, "GET", &path, &Value::Null).1["outcome"], "connected");
    scene.stage.cast.ends_well(caller);
    scene.hears_the_end(&receiver);
}

#[test]
fn an_announced_hand_over_is_dialled_once_by_its_platform() {
    if sipp_is_missing("an_announced_hand_over_is_dialled_once_by_its_platform") {
        return;
    }
    let scene = Scene::set();
    let receiver = Receiver::open(scene.told);
    let (status, problem) = scene.ask(OTHERS, "POST", "/v1/handovers", &json!({ "line": "support" }));
    assert_eq!(
        (status, &problem["type"]),
        (403, &json!("urn:warmline:problem:line-not-for-trunk")),
        "{problem}"
    );
    // Another platform's is of no use here: it is as if its line were dialled.
    let foreign = scene.announces(OTHERS, &json!({ "line": "others" }));
    scene.is_refused(&foreign, 403);
    let user = scene
        .announces(TOKEN, &json!({ "line": "support", "caller": "+821099990000", "context": context() }));
    let caller = scene.calls(AI, &user);
    scene.stage.cast.ends_well(caller);
    let visits = scene.far_end.visits();
    let [visit] = &visits[..] else { panic!("{visits:?}") };
    assert_eq!(visit.caller, "+821099990000", "it is said before From");
    assert!(visit.ticket.is_some());
    let told = scene.hears_the_end(&receiver);
    assert_eq!(kinds(&told), ALL, "{told:#?}");
    assert!(told.iter().all(|told| told.body["data"]["handover"]["id"].is_string()), "{told:#?}");
    assert!(scene.first_comment().contains("Wants a refund."));
    // Once more it is a call to the line, and nothing else is known of it.
    let again = scene.calls(AI, &user);
    scene.stage.cast.ends_well(again);
    let visits = scene.far_end.visits();
    let [_, visit] = &visits[..] else { panic!("{visits:?}") };
    assert_ne!(visit.caller, "+821099990000");
    let told = scene.api.account(|account| {
        let comments = account.tickets.values().flat_map(|ticket| &ticket.comments);
        comments.filter(|comment| comment.body.contains("Wants a refund.")).count()
    });
    assert_eq!(told, 1);
}

#[test]
fn an_announced_hand_over_is_found_by_its_callers_number() {
    if sipp_is_missing("an_announced_hand_over_is_found_by_its_callers_number") {
        return;
    }
    let mut scene = Scene::set();
    scene.announces(TOKEN, &json!({ "line": "support", "caller": "+8210444401001", "context": context() }));
    let caller = scene.calls(AI, "support");
    scene.stage.cast.ends_well(caller);
    assert!(scene.first_comment().contains("Wants a refund."));
    // Nobody has listened so far: what was to be told waits in the store, through a restart.
    let log = scene.stage.stop();
    assert!(log.contains("takes nothing"), "{log}");
    scene.stage.restart(PROGRAM);
    let receiver = Receiver::open(scene.told);
    let told = scene.hears_the_end(&receiver);
    assert_eq!(kinds(&told), ALL, "{told:#?}");
}
