//! Tickets of calls that bring none, made at an account like Zendesk's while the caller waits: in time, late or after a
//! crash there is one for each call, and its INVITE carries it where it was in time.

use core::net::SocketAddrV4;
use core::time::Duration;

use warmline_tests::sipp::{
    self, AI, CARRIER, PATIENCE, Postgres, Program, Script, Stage, ZENDESK, poll, ports, postgres_is_missing,
    sipp_is_missing,
};
use warmline_tests::zendesk::api::{Act, Api};
use warmline_tests::zendesk::{self, FarEnd, Goodbye, Manners, Rules, Visit};

const PROGRAM: &str = env!("CARGO_BIN_EXE_warmline-tests");

/// A store in a file.
const FILE: &str = "sqlite:tickets.db";

struct Scene {
    stage: Stage,
    far_end: FarEnd,
    api: Api,
    /// How many calls Talk has made a ticket for.
    taken: usize,
}

/// Those of a line that takes whoever calls.
fn manners(goodbye: Goodbye) -> Manners {
    Manners { goodbye, ..Manners::taking_addresses() }
}

impl Scene {
    fn set(goodbye: Goodbye, store: &str) -> Self {
        Self::furnish(manners(goodbye), store, "", "", |_| String::new())
    }

    /// The same with more keys of the line's ticket and of the desk, and with more after that for a target at this address.
    fn furnish(
        manners: Manners,
        store: &str,
        ticket: &str,
        desk: &str,
        more: impl FnOnce(SocketAddrV4) -> String,
    ) -> Self {
        let at = SocketAddrV4::new(ZENDESK, ports(2));
        let far_end = FarEnd::open(&[at.into()], manners);
        let api = Api::here();
        let more = format!(
            r#"
  [line.ticket]
  desk     = "acme"
  group    = "Support"
  priority = "high"
{ticket}
{}
[store]
url = "{store}"
{}"#,
            zendesk::desk(&api, &format!("budget = \"1s\"\nadopt = \"3s\"\ntags = [\"warmline\"]\n{desk}")),
            more(at)
        );
        let stage = Stage::furnish(PROGRAM, &more, &[AI], at);
        Self { stage, far_end: far_end.expect("free ports"), api, taken: 0 }
    }

    /// A carrier's call: it brings no ticket.
    fn caller(&self) -> Program {
        let script = Script::caller("caller").gets_through().is_hung_up();
        self.stage.cast.follow(&script, SocketAddrV4::new(CARRIER, ports(2)))
    }

    /// The far end's first call, once it holds; Talk makes tickets meanwhile for those that bring none.
    fn visit(&mut self, holds: impl Fn(&Visit) -> bool) -> Visit {
        let visit = poll(PATIENCE, || {
            let visits = self.far_end.visits();
            for visit in visits.iter().skip(self.taken).filter(|visit| visit.answered) {
                self.taken += 1;
                if visit.ticket.is_none() {
                    self.api.account(|account| account.talk_takes(&visit.caller));
                }
            }
            visits.into_iter().next().filter(|visit| holds(visit))
        });
        visit.unwrap_or_else(|| panic!("{:?}\n{}", self.far_end.visits(), self.stage.warmline.written()))
    }

    /// Waits until nothing has yet to reach the account, and gives the one ticket that stands there.
    fn one(&self) -> u64 {
        let empty = poll(PATIENCE, || (self.stage.untold(PROGRAM).expect("a list") == 0).then_some(()));
        assert!(
            empty.is_some(),
            "{:?}\n{}",
            self.stage.ask(PROGRAM, &["outbox"]),
            self.stage.warmline.written()
        );
        self.api.account(|account| {
            let [ticket] = account.standing()[..] else { panic!("{:?}", account.tickets) };
            let told = ticket.comments.iter().filter(|comment| comment.body.contains("has ended")).count();
            assert_eq!(told, 1, "{ticket:?}");
            ticket.id
        })
    }
}

/// A whole call. Whether it carried its ticket.
fn call(test: &str, misbehave: impl FnOnce(&Api)) -> Option<(Scene, bool)> {
    (!sipp_is_missing(test)).then(|| call_with(FILE, misbehave))
}

fn call_with(store: &str, misbehave: impl FnOnce(&Api)) -> (Scene, bool) {
    let mut scene = Scene::set(Goodbye::After(1_000), store);
    misbehave(&scene.api);
    let player = scene.caller();
    let visit = scene.visit(|visit| visit.over);
    scene.stage.cast.ends_well(player);
    let one = scene.one();
    let carried = visit.ticket.map(|ticket| ticket.parse::<u64>().expect("a number"));
    assert!(carried.is_none_or(|carried| carried == one), "{carried:?} {one}");
    (scene, carried.is_some())
}

#[test]
fn a_ticket_is_made_and_carried() {
    let Some((mut scene, carried)) = call("a_ticket_is_made_and_carried", |_| {}) else { return };
    assert!(carried);
    let log = scene.stage.stop();
    assert!(!log.contains("ERROR"), "{log}");
    scene.api.account(|account| {
        let ticket = account.standing()[0].clone();
        assert_eq!((ticket.group, ticket.priority.as_deref()), (Some(360_001), Some("high")));
        let [begins, ends] = &ticket.comments[..] else { panic!("{ticket:?}") };
        assert!(begins.body.contains("Caller: +821044440"), "{begins:?}");
        assert!(ends.body.contains("Audio of the other side: good"), "{ends:?}");
    });
    let table = scene.stage.ask(PROGRAM, &["calls"]).expect("a table");
    let one = scene.api.account(|account| account.standing()[0].id).to_string();
    assert!(table.contains(&one), "{table}");
}

#[test]
fn what_an_account_does_not_take_costs_no_ticket() {
    if sipp_is_missing("what_an_account_does_not_take_costs_no_ticket") {
        return;
    }
    let ticket = "  form     = \"Phone\"\n  brand    = \"Nowhere\"\n  fields   = { 99 = \"x\" }";
    let goodbye = manners(Goodbye::After(500));
    let mut scene =
        Scene::furnish(goodbye, FILE, ticket, "brand = \"Apex\"\ntype = \"task\"", |_| String::new());
    let player = scene.caller();
    let visit = scene.visit(|visit| visit.over);
    scene.stage.cast.ends_well(player);
    let one = scene.one();
    assert_eq!(visit.ticket, Some(one.to_string()));
    scene.api.account(|account| {
        let made = &account.tickets[&one];
        // The line's own brand comes in place of the desk's, and there is none.
        assert_eq!((made.form, made.brand, made.kind.as_deref()), (Some(360_102), None, Some("task")));
        assert!(made.fields.is_empty() && made.group.is_some(), "{made:?}");
    });
    let log = scene.stage.stop();
    let file = scene.stage.file();
    let text = std::fs::read_to_string(&file).expect("it is there");
    for (key, part) in [("  brand    = ", "brand \"Nowhere\""), ("  fields   = ", "field 99 = \"x\"")] {
        let (number, line) = (1..).zip(text.lines()).find(|(_, line)| line.starts_with(key)).expect("a line");
        let column =
            if key.contains("fields") { line.find("99").map(|at| at + 1) } else { Some(key.len() + 1) };
        let said = format!("{part} ({}:{number}:{})", file.display(), column.expect("a column"));
        assert!(log.contains(&said), "{log}\n{said}");
    }
}

#[test]
fn a_ticket_that_is_not_there_has_another_in_its_place() {
    if sipp_is_missing("a_ticket_that_is_not_there_has_another_in_its_place") {
        return;
    }
    let mut scene = Scene::set(Goodbye::After(500), FILE);
    let script = Script::caller("brings").gets_through().is_hung_up();
    let player = scene.stage.cast.follow(&script, SocketAddrV4::new(AI, ports(2)));
    let visit = scene.visit(|visit| visit.over);
    scene.stage.cast.ends_well(player);
    let one = scene.one();
    assert_eq!(visit.ticket, Some(one.to_string()));
    scene.api.account(|account| {
        let begins = &account.tickets[&one].comments[0].body;
        assert!(begins.contains("The call brought ticket #1001, which is not there."), "{begins}");
    });
    let json = scene.stage.ask(PROGRAM, &["calls", "--json"]).expect("calls");
    assert!(json.contains("\"ticket-unknown\""), "{json}");
}

#[test]
fn each_hand_over_of_a_call_is_told_on_its_one_ticket() {
    if sipp_is_missing("each_hand_over_of_a_call_is_told_on_its_one_ticket") {
        return;
    }
    let agent = SocketAddrV4::new(AI, ports(2));
    // The queue hangs up at once: nobody is there, and the agent has its caller back.
    let scene = Scene::furnish(manners(Goodbye::After(300)), FILE, "", "", |at| {
        format!(
            r#"
[[target]]
name    = "queue"
trunk   = "zendesk"
uri     = "sip:people@{at}"
answers = "queue"
settle  = "20s"

[[line]]
name = "people"
dial = ["people"]
from = ["ai"]
ring = [{{ targets = ["queue"] }}]

  [line.ticket]
  desk = "acme"
"#
        ) + &sipp::agent("agent", agent)
    });
    let refers =
        "Contact: <sip:peer@known>\nRefer-Sub: false\nRefer-To: <sip:people@[remote_ip]:[remote_port]>\n";
    let script = Script::target("agent").takes_the_call().waits(500);
    let script = script.says("REFER", refers).hears(202).waits(3_000);
    let script = script.says("REFER", refers).hears(202).waits(3_000).leaves();
    let answers = scene.stage.cast.follow(&script, agent);
    let script = Script::caller("caller").dials("agent").gets_through().is_hung_up();
    let calls = scene.stage.cast.follow(&script, SocketAddrV4::new(CARRIER, ports(2)));
    scene.stage.cast.ends_well(calls);
    scene.stage.cast.ends_well(answers);
    let one = scene.one();
    let visits = scene.far_end.visits();
    let carried: Vec<_> = visits.iter().map(|visit| visit.ticket.clone()).collect();
    assert_eq!(carried, [Some(one.to_string()), Some(one.to_string())]);
    scene.api.account(|account| {
        let last = account.tickets[&one].comments.last().expect("a comment").body.clone();
        assert_eq!(last.matches("\nHanded over to people at ").count(), 2, "{last}");
        assert_eq!(last.matches(": returned.").count(), 3, "{last}");
    });
    let table = scene.stage.ask(PROGRAM, &["calls"]).expect("a table");
    assert_eq!(table.lines().count(), 2, "{table}");
}

#[test]
fn a_message_that_was_left_is_on_its_ticket() {
    if sipp_is_missing("a_message_that_was_left_is_on_its_ticket") {
        return;
    }
    let folder = std::env::temp_dir().join(format!("warmline-voicemail-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    let wait = "\n  [line.unanswered]\n  then = \"voicemail\"\n\n  [line.voicemail]\n  longest = \"1m\"\n";
    // The line is of another domain, and refuses the call.
    let rules = Rules { domain: Some("acme.example".into()), ..Rules::default() };
    let scene = Scene::furnish(Manners { rules, ..Manners::default() }, FILE, wait, "", |_| {
        format!("\n[recording]\ndirectory = \"{}\"\n", folder.display())
    });
    let script = Script::caller("leaves").gets_through().waits(1_500).leaves();
    let player = scene.stage.cast.follow(&script, SocketAddrV4::new(CARRIER, ports(2)));
    scene.stage.cast.ends_well(player);
    let one = scene.one();
    scene.api.account(|account| {
        let last = account.tickets[&one].comments.last().expect("a comment");
        let [file] = &last.attachments[..] else { panic!("{last:?}") };
        assert!(file.bytes.starts_with(b"RIFF") && file.bytes.len() > 16_000, "{} bytes", file.bytes.len());
        assert!(
            last.body.contains("Voicemail from +821044440") && last.body.contains(" long, since "),
            "{last:?}"
        );
    });
    let _ = std::fs::remove_dir_all(&folder);
}

#[test]
fn a_slow_account_delays_a_call_no_longer_than_its_budget() {
    let test = "a_slow_account_delays_a_call_no_longer_than_its_budget";
    let slow = |api: &Api| api.upon("POST", "/api/v2/tickets", Act::Late(Duration::from_secs(3)), Some(1));
    let Some((_, carried)) = call(test, slow) else { return };
    assert!(!carried);
}

#[test]
fn a_dead_account_loses_no_call() {
    let dead = |api: &Api| {
        api.upon("POST", "/oauth", Act::Dead, Some(2));
    };
    let Some((_, carried)) = call("a_dead_account_loses_no_call", dead) else { return };
    assert!(!carried);
}

#[test]
fn too_many_requests_lose_no_call() {
    let busy = |api: &Api| api.upon("POST", "/api/v2/tickets", Act::Status(429, Some(2)), Some(1));
    let Some((_, carried)) = call("too_many_requests_lose_no_call", busy) else { return };
    assert!(!carried);
}

#[test]
fn a_lost_answer_is_asked_for_again_in_time() {
    let lost = |api: &Api| api.upon("POST", "/api/v2/tickets", Act::Lost, Some(1));
    let Some((_, carried)) = call("a_lost_answer_is_asked_for_again_in_time", lost) else { return };
    assert!(carried);
}

#[test]
fn a_token_that_has_ended_is_renewed_in_time() {
    let ended = |api: &Api| api.upon("POST", "/api/v2/tickets", Act::Unauthorised, Some(1));
    let Some((scene, carried)) = call("a_token_that_has_ended_is_renewed_in_time", ended) else { return };
    assert!(carried);
    assert_eq!(scene.api.account(|account| account.minted()), 2);
}

#[test]
fn a_ticket_is_made_and_carried_and_what_is_to_be_sent_is_in_postgres() {
    let test = "a_ticket_is_made_and_carried_and_what_is_to_be_sent_is_in_postgres";
    if sipp_is_missing(test) || postgres_is_missing(test) {
        return;
    }
    let postgres = Postgres::start("tickets");
    assert!(call_with(&postgres.url(), |_| {}).1);
    let late = |api: &Api| api.upon("POST", "/api/v2/tickets", Act::Late(Duration::from_secs(3)), Some(1));
    assert!(!call_with(&postgres.url(), late).1);
}

fn a_local_desk_has_tickets(store: &str) {
    let at = SocketAddrV4::new(ZENDESK, ports(2));
    let far_end = FarEnd::open(&[at.into()], manners(Goodbye::After(500)));
    let far_end = far_end.expect("free ports");
    let more = format!(
        r#"
  [line.ticket]
  desk  = "here"
  group = "Support"

[[desk]]
name = "here"

[store]
url = "{store}"
"#
    );
    let mut stage = Stage::furnish(PROGRAM, &more, &[AI], at);
    for number in ["1", "2"] {
        let script = Script::caller("caller").gets_through().is_hung_up();
        let player = stage.cast.follow(&script, SocketAddrV4::new(CARRIER, ports(2)));
        stage.cast.ends_well(player);
        let visits = far_end.visits();
        assert_eq!(visits.last().and_then(|visit| visit.ticket.as_deref()), Some(number), "{visits:?}");
    }
    stage.stop();
    let list = stage.ask(PROGRAM, &["tickets"]).expect("a list");
    assert_eq!(list.lines().count(), 3, "{list}");
    assert_eq!(list.matches("Call from +821044440").count(), 2, "{list}");
    let one = stage.ask(PROGRAM, &["tickets", "2"]).expect("a ticket");
    for said in ["group: Support", "An AI agent hands over a call.", "has ended: "] {
        assert!(one.contains(said), "{one}");
    }
    assert!(stage.ask(PROGRAM, &["tickets", "3"]).is_err());
}

#[test]
fn a_local_desk_has_tickets_in_a_file() {
    if !sipp_is_missing("a_local_desk_has_tickets_in_a_file") {
        a_local_desk_has_tickets(FILE);
    }
}

#[test]
fn a_local_desk_has_tickets_in_postgres() {
    let test = "a_local_desk_has_tickets_in_postgres";
    if !sipp_is_missing(test) && !postgres_is_missing(test) {
        a_local_desk_has_tickets(&Postgres::start("local").url());
    }
}

#[test]
fn a_crash_leaves_one_ticket_wherever_it_comes() {
    if !sipp_is_missing("a_crash_leaves_one_ticket_wherever_it_comes") {
        crash(FILE);
    }
}

#[test]
fn a_crash_leaves_one_ticket_wherever_it_comes_with_postgres() {
    let test = "a_crash_leaves_one_ticket_wherever_it_comes_with_postgres";
    if !sipp_is_missing(test) && !postgres_is_missing(test) {
        crash(&Postgres::start("tickets-crash").url());
    }
}

fn crash(store: &str) {
    // Before anything was answered; while the ticket is made; while it is made and its answer is lost; while the caller talks.
    let slow = Duration::from_secs(30);
    for (path, act) in [
        ("/oauth", Some(Act::Slow(slow))),
        ("/api/v2/tickets", Some(Act::Slow(slow))),
        ("/api/v2/tickets", Some(Act::Late(slow))),
        ("", None),
    ] {
        // Where the caller talks, the call is taken up again, and ends later.
        let goodbye = if act.is_some() { Goodbye::Never } else { Goodbye::After(4_000) };
        let mut scene = Scene::set(goodbye, store);
        if let Some(act) = act {
            scene.api.upon("POST", path, act, Some(1));
        }
        let _player = scene.caller();
        match act {
            None => drop(scene.visit(|visit| visit.answered)),
            Some(_) => {
                let waits = || scene.stage.untold(PROGRAM).is_ok_and(|untold| untold > 0);
                assert!(poll(PATIENCE, || waits().then_some(())).is_some(), "{:?}", scene.api.asked());
            }
        }
        scene.stage.warmline.kill();
        scene.api.behave();
        scene.stage.restart(PROGRAM);
        scene.one();
    }
}
