//! What becomes of callers on a line, by every door, in each state: the rows of core's table (`core/src/call/states.md`) that
//! need no ticket, each a call through Warmline with SIPp at every end. Those that do are in `table_calls`.
//!
//! Every line has a greeting and music here, and whoever takes a call speaks: no caller may hear nobody for a second.
//! Whoever waits does so for some seconds longer than what is to come before takes: a machine may have much to do.

use core::net::SocketAddrV4;

use serde_json::Value;
use warmline_tests::sipp::{
    AI, CARRIER, PATIENCE, Places, Program, Say, Script, Stage, Voice, poll, ports, sipp_is_missing,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_warmline-tests");

/// A line's voicemail, of which its longest time is to be said yet.
const VOICEMAIL: &str = "  [line.voicemail]\n  greeting = \"prompts/message.wav\"\n";

/// A Warmline whose line `support` rings Zendesk, and `agent` an AI agent, who may hand over.
struct Scene {
    stage: Stage,
    places: Places,
}

impl Scene {
    /// With these keys of `support`, and these of its target.
    fn set(line: &str, target: &str) -> Self {
        Self::set_all(line, target, |text| text)
    }

    /// The same, of whose configuration more is changed.
    fn set_all(line: &str, target: &str, change: impl FnOnce(String) -> String) -> Self {
        let places = Places::find();
        let furnish = |plain: String| change(places.furnish(&plain, line, target));
        let stage = Stage::refurnish(PROGRAM, &[AI], places.zendesk, furnish);
        Self { stage, places }
    }

    fn target(&self, script: &Script) -> Program {
        self.stage.cast.follow(script, self.places.zendesk)
    }

    /// An AI platform's own call: door (a).
    fn platform(&self, script: &Script) -> Program {
        self.stage.cast.call(script, SocketAddrV4::new(AI, ports(2)))
    }

    /// Waits until the log says this.
    #[track_caller]
    fn says(&self, what: &str) {
        let found = poll(PATIENCE, || self.stage.warmline.written().contains(what).then_some(()));
        assert!(found.is_some(), "{what}: {}", self.stage.warmline.written());
    }

    /// All have played well, and one call came to this for that reason. The log, and whom the caller heard if it was answered.
    #[track_caller]
    fn ends(
        mut self,
        players: impl IntoIterator<Item = Program>,
        outcome: &str,
        reason: &str,
    ) -> (String, Vec<Voice>) {
        players.into_iter().for_each(|player| self.stage.cast.ends_well(player));
        let voices = self.stage.cast.voices().concat();
        let log = self.stage.stop();
        let ends: Vec<&str> =
            log.lines().filter(|line| line.contains("ended after") && line.contains("call ")).collect();
        let [end] = ends[..] else { panic!("one call: {log}") };
        assert!(end.contains(&format!(": {outcome}, ")) && end.contains(reason), "{outcome} {reason}: {end}");
        let records = self.stage.records(PROGRAM);
        let [record] = &records[..] else { panic!("one record: {records:#?}") };
        assert_eq!(
            (&record["outcome"], record["ended"].is_string()),
            (&Value::from(outcome), true),
            "{record}"
        );
        (log, voices)
    }
}

/// A caller whose call is refused with this.
fn is_refused(status: u16, with: &str) -> Script {
    let script = Script::caller("caller").invites(Say::Audio).may_hear(100).may_hear(180);
    script.hears_with(status, with).acknowledges_failure()
}

/// A target that declines.
fn declines(status: u16) -> Script {
    Script::target("target").is_invited().answers_first(status, "", Say::Nothing).gets("ACK").lingers()
}

/// A target that rings until it is cancelled.
fn is_cancelled() -> Script {
    Script::target("target").is_cancelled()
}

fn stays(millis: u32) -> Script {
    Script::caller("caller").gets_through().waits(millis).hangs_up().hears(200)
}

fn is_hung_up() -> Script {
    Script::caller("caller").gets_through().is_hung_up()
}

// ---- Door (a): the platform's own call, whose failure is a failure response ----------------------------------------

#[test]
fn of_two_who_are_rung_together_the_first_that_answers_has_the_call() {
    if sipp_is_missing("of_two_who_are_rung_together_the_first_that_answers_has_the_call") {
        return;
    }
    let scene = Scene::set_all("", "", |text| {
        text.replace("[\"zendesk-support\"]", "[\"zendesk-support\", \"overflow\"], mode = \"together\"")
    });
    let target = Script::target("target").rings().gets_with("CANCEL", "Reason: SIP;cause=200");
    let target = scene.target(&target.answers(200).refuses(487));
    let other = Script::target("other").rings().waits(500).answers_and_speaks().is_hung_up();
    let other = scene.stage.cast.follow(&other, scene.places.overflow);
    let caller = scene.platform(&stays(300));
    let (log, _) = scene.ends([caller, target, other], "connected", "caller-hung-up");
    assert!(log.contains("answered by overflow"), "{log}");
}

/// Has `support` ring both together, and whoever answers hear which key takes the call.
fn asks(text: String) -> String {
    let together = "[\"zendesk-support\", \"overflow\"], mode = \"together\"";
    let whisper = "whisper = \"prompts/message.wav\", accept = \"1\"";
    text.replace("[\"zendesk-support\"]", &format!("{together}, {whisper}"))
}

#[test]
fn a_mailbox_does_not_take_the_call_and_the_person_who_answers_beside_it_does() {
    if sipp_is_missing("a_mailbox_does_not_take_the_call_and_the_person_who_answers_beside_it_does") {
        return;
    }
    let scene = Scene::set_all("answer = \"at-once\"", "", asks);
    let mailbox = Script::target("mailbox").picks_up().waits(2_500).hangs_up().hears(200);
    let mailbox = scene.target(&mailbox);
    // This one has to wait until the mailbox has been asked.
    let person = Script::target("person").rings().waits(1_000).answers_and_speaks().waits(4_500);
    let person = scene.stage.cast.follow(&person.presses("1").is_hung_up(), scene.places.overflow);
    let caller = scene.platform(&stays(8_500));
    let (log, voices) = scene.ends([caller, mailbox, person], "connected", "caller-hung-up");
    assert!(log.contains("answered by overflow"), "{log}");
    assert_eq!(voices, [Voice::GREETING, Voice::MUSIC, Voice::Peer], "{log}");
}

#[test]
fn a_caller_who_hangs_up_while_somebody_is_asked_leaves_nobody_in_the_line() {
    if sipp_is_missing("a_caller_who_hangs_up_while_somebody_is_asked_leaves_nobody_in_the_line") {
        return;
    }
    let scene = Scene::set_all("", "", asks);
    let asked = scene.target(&Script::target("asked").picks_up().is_hung_up());
    let other = scene.stage.cast.follow(&Script::target("other").is_cancelled(), scene.places.overflow);
    let caller = Script::caller("caller").invites(Say::Audio).may_hear(100).may_hear(180).hears(183);
    let caller = caller.waits(300).gives_up();
    let caller = scene.platform(&caller);
    scene.ends([caller, asked, other], "abandoned", "cancelled");
}

#[test]
fn nobody_answers_and_the_platform_has_its_caller_back() {
    if sipp_is_missing("nobody_answers_and_the_platform_has_its_caller_back") {
        return;
    }
    for (declined, status, reason) in [
        (486, 486, "target-busy"),
        (603, 603, "target-declined"),
        (404, 404, "target-not-found"),
        (503, 500, "target-failed"),
    ] {
        let scene = Scene::set("", "");
        let target = scene.target(&declines(declined));
        let caller = scene.platform(&is_refused(status, "Reason|Warning"));
        scene.ends([caller, target], "returned", reason);
    }
}

#[test]
fn nobody_answers_and_the_longest_wait_is_over() {
    if sipp_is_missing("nobody_answers_and_the_longest_wait_is_over") {
        return;
    }
    let scene = Scene::set("max_wait = \"1s\"", "");
    let target = scene.target(&is_cancelled());
    let caller = scene.platform(&is_refused(480, "longest wait"));
    scene.ends([caller, target], "returned", "waited-too-long");
}

#[test]
fn nobody_answers_and_the_caller_leaves_a_message() {
    if sipp_is_missing("nobody_answers_and_the_caller_leaves_a_message") {
        return;
    }
    let line = format!("  [line.unanswered]\n  then = \"voicemail\"\n{VOICEMAIL}  longest = \"1m\"");
    let scene = Scene::set(&line, "");
    let target = scene.target(&declines(486));
    let caller = scene.platform(&stays(3_000));
    scene.stage.cast.ends_well(caller);
    let messages = || {
        let files = std::fs::read_dir(scene.stage.cast.folder()).expect("a folder").flatten();
        { files }.filter(|file| file.path().extension().is_some_and(|it| it == "wav")).count()
    };
    assert!(poll(PATIENCE, || (messages() == 1).then_some(())).is_some(), "{} messages", messages());
    scene.ends([target], "voicemail", "caller-hung-up");
}

#[test]
fn a_message_ends_after_its_longest_time() {
    if sipp_is_missing("a_message_ends_after_its_longest_time") {
        return;
    }
    let line = format!("  [line.unanswered]\n  then = \"voicemail\"\n{VOICEMAIL}  longest = \"1s\"");
    let scene = Scene::set(&line, "");
    let target = scene.target(&declines(486));
    let caller = scene.platform(&is_hung_up());
    scene.ends([caller, target], "voicemail", "message-left");
}

#[test]
fn nobody_answers_and_somebody_else_is_rung() {
    if sipp_is_missing("nobody_answers_and_somebody_else_is_rung") {
        return;
    }
    let scene = Scene::set("  [line.unanswered]\n  then = \"overflow\"\n  target = \"overflow\"", "");
    let target = scene.target(&declines(486));
    let overflow = Script::target("overflow").picks_up().is_hung_up();
    let overflow = scene.stage.cast.follow(&overflow, scene.places.overflow);
    let caller = scene.platform(&stays(300));
    scene.ends([caller, target, overflow], "overflowed", "caller-hung-up");
}

#[test]
fn nobody_answers_and_the_caller_is_told_goodbye() {
    if sipp_is_missing("nobody_answers_and_the_caller_is_told_goodbye") {
        return;
    }
    let scene = Scene::set("answer = \"at-once\"\n  [line.unanswered]\n  then = \"goodbye\"", "");
    let target = scene.target(&declines(486));
    let caller = scene.platform(&is_hung_up());
    scene.ends([caller, target], "failed", "target-busy");
}

#[test]
fn a_closed_line_rings_nobody() {
    if sipp_is_missing("a_closed_line_rings_nobody") {
        return;
    }
    let rule = |then: &str| format!("  [[line.when]]\n  inside = \"always\"\n  then = \"{then}\"");
    let scene = Scene::set(&rule("return"), "");
    let caller = scene.platform(&is_refused(480, "by its hours|By its hours"));
    scene.ends([caller], "returned", "out-of-hours");
    let voicemail = format!("{}\n{VOICEMAIL}  longest = \"1m\"", rule("voicemail"));
    let scene = Scene::set(&voicemail, "");
    let caller = scene.platform(&stays(3_000));
    scene.ends([caller], "voicemail", "caller-hung-up");
}

#[test]
fn a_full_line_takes_no_more() {
    if sipp_is_missing("a_full_line_takes_no_more") {
        return;
    }
    let mut scene = Scene::set("max_waiting = 1", "");
    let target = scene.target(&is_cancelled());
    let waits = Script::caller("waits").invites(Say::Audio).may_hear(100).hears(180).waits(4_000).gives_up();
    let first = scene.platform(&waits);
    scene.says("dialled \"support\"");
    let second = scene.platform(&is_refused(486, "as many|As many"));
    [first, second, target].into_iter().for_each(|player| scene.stage.cast.ends_well(player));
    let log = scene.stage.stop();
    assert!(log.contains(": returned, ") && log.contains("line-full"), "{log}");
    assert!(log.contains(": abandoned, "), "{log}");
}

#[test]
fn a_key_leads_from_the_queue_to_voicemail() {
    if sipp_is_missing("a_key_leads_from_the_queue_to_voicemail") {
        return;
    }
    let key = "answer = \"at-once\"\n  [[line.key]]\n  press = \"1\"\n  then = \"voicemail\"\n";
    let scene = Scene::set(&format!("{key}{VOICEMAIL}  longest = \"1m\""), "");
    let target = scene.target(&is_cancelled());
    let caller = Script::caller("caller").gets_through().waits(500).presses("1");
    let caller = scene.platform(&caller.waits(3_000).hangs_up().hears(200));
    scene.ends([caller, target], "voicemail", "caller-hung-up");
}

#[test]
fn zendesk_hangs_up_so_soon_that_nobody_was_there() {
    if sipp_is_missing("zendesk_hangs_up_so_soon_that_nobody_was_there") {
        return;
    }
    let line = "  [line.unanswered]\n  then = \"overflow\"\n  target = \"overflow\"";
    let scene = Scene::set(line, "answers = \"queue\"\nsettle = \"20s\"");
    let leaves = Script::target("target").picks_up().waits(200).leaves();
    let target = scene.target(&leaves);
    let overflow = Script::target("overflow").picks_up().is_hung_up();
    let overflow = scene.stage.cast.follow(&overflow, scene.places.overflow);
    let caller = scene.platform(&stays(3_500));
    scene.ends([caller, target, overflow], "overflowed", "caller-hung-up");
}

#[test]
fn zendesk_hangs_up_later_and_the_caller_was_queued() {
    if sipp_is_missing("zendesk_hangs_up_later_and_the_caller_was_queued") {
        return;
    }
    let scene = Scene::set("", "answers = \"queue\"\nsettle = \"1s\"");
    let leaves = Script::target("target").picks_up().waits(3_500).leaves();
    let target = scene.target(&leaves);
    let caller = scene.platform(&is_hung_up());
    scene.ends([caller, target], "queued", "target-hung-up");
}

#[test]
fn the_caller_hangs_up_in_each_state() {
    if sipp_is_missing("the_caller_hangs_up_in_each_state") {
        return;
    }
    // While it rings.
    let cancels = Script::caller("caller").invites(Say::Audio).may_hear(100).hears(180).gives_up();
    let scene = Scene::set("", "");
    let target = scene.target(&is_cancelled());
    let caller = scene.platform(&cancels);
    scene.ends([caller, target], "abandoned", "cancelled");
    // While it waits, answered.
    let scene = Scene::set("answer = \"at-once\"", "");
    let target = scene.target(&is_cancelled());
    let caller = scene.platform(&stays(2_000));
    scene.ends([caller, target], "abandoned", "caller-hung-up");
    // Between two rounds of the plan.
    let scene = Scene::set("answer = \"at-once\"\nrepeat = true", "");
    let target = scene.target(&declines(486));
    let caller = scene.platform(&stays(2_000));
    scene.ends([caller, target], "abandoned", "caller-hung-up");
    // In the queue, before and after it has settled.
    for settle in ["20s", "1s"] {
        let scene = Scene::set("", &format!("answers = \"queue\"\nsettle = \"{settle}\""));
        let target = scene.target(&Script::target("target").picks_up().is_hung_up());
        let caller = scene.platform(&stays(1_500));
        scene.ends([caller, target], "queued", "caller-hung-up");
    }
    // With a person.
    let scene = Scene::set("", "");
    let target = scene.target(&Script::target("target").picks_up().is_hung_up());
    let caller = scene.platform(&stays(300));
    scene.ends([caller, target], "connected", "caller-hung-up");
}

// ---- Door (b): the AI agent refers the call that it has -------------------------------------------------------------

/// A carrier's caller, who dials the AI agent and stays for so long.
fn dials_agent(scene: &Scene, script: Script) -> Program {
    scene.stage.cast.call(&script.dials("agent"), SocketAddrV4::new(CARRIER, ports(2)))
}

/// An AI agent that answers, refers its caller to the line, and is told that it is tried.
fn refers() -> Script {
    Script::target("agent").picks_up().waits(600).refers("").is_told(100)
}

#[test]
fn a_person_takes_over_and_the_agent_leaves() {
    if sipp_is_missing("a_person_takes_over_and_the_agent_leaves") {
        return;
    }
    let scene = Scene::set("", "");
    let target = scene.target(&Script::target("target").picks_up().is_hung_up());
    let agent = refers().is_told(180).is_told(200);
    let agent = scene.stage.cast.follow(&agent.hangs_up().hears(200), scene.places.agent);
    let caller = dials_agent(&scene, stays(4_500));
    scene.ends([caller, agent, target], "connected", "caller-hung-up");
}

#[test]
fn nobody_takes_over_and_the_agent_has_its_caller_back() {
    if sipp_is_missing("nobody_takes_over_and_the_agent_has_its_caller_back") {
        return;
    }
    let scene = Scene::set("", "");
    let target = scene.target(&declines(486));
    let agent = refers().is_told(486).is_hung_up();
    let agent = scene.stage.cast.follow(&agent, scene.places.agent);
    let caller = dials_agent(&scene, stays(4_500));
    scene.ends([caller, agent, target], "returned", "caller-hung-up");
}

#[test]
fn the_agent_leaves_during_the_hand_over_and_a_person_takes_over() {
    if sipp_is_missing("the_agent_leaves_during_the_hand_over_and_a_person_takes_over") {
        return;
    }
    let scene = Scene::set("", "");
    let target = Script::target("target").rings().waits(3_000).answers_and_speaks().is_hung_up();
    let target = scene.target(&target);
    let agent = refers().is_told(180).leaves();
    let agent = scene.stage.cast.follow(&agent, scene.places.agent);
    let caller = dials_agent(&scene, stays(6_500));
    scene.ends([caller, agent, target], "connected", "caller-hung-up");
}

#[test]
fn the_agent_has_left_and_nobody_takes_over_so_that_it_is_rung_anew() {
    if sipp_is_missing("the_agent_has_left_and_nobody_takes_over_so_that_it_is_rung_anew") {
        return;
    }
    let scene = Scene::set("", "");
    let target = scene.target(&Script::target("target").rings().waits(3_000).refuses(486));
    let agent = refers().is_told(180).leaves();
    let agent = scene.stage.cast.follow(&agent, scene.places.agent);
    let caller = dials_agent(&scene, stays(7_500));
    // Its first part is played: another one answers at the same place.
    scene.stage.cast.ends_well(agent);
    let again = Script::target("again").picks_up().is_hung_up();
    let again = scene.stage.cast.follow(&again, scene.places.agent);
    scene.ends([caller, again, target], "returned", "caller-hung-up");
}

#[test]
fn the_caller_hangs_up_during_the_hand_over() {
    if sipp_is_missing("the_caller_hangs_up_during_the_hand_over") {
        return;
    }
    let scene = Scene::set("", "");
    let target = scene.target(&is_cancelled());
    let agent = refers().is_told(180).gets("NOTIFY").answers(200).is_hung_up();
    let agent = scene.stage.cast.follow(&agent, scene.places.agent);
    let caller = dials_agent(&scene, stays(3_500));
    scene.ends([caller, agent, target], "abandoned", "caller-hung-up");
}

// ---- What callers hear, from one to the next -------------------------------------------------------------------------

/// A call that goes on for longer than it takes to notice that nobody is heard.
struct Heard<'a> {
    /// Keys of the line and of its target.
    line: String,
    target: &'a str,
    /// What becomes of the target after it has rung for a while, and for how long the caller stays; till it is hung up, where
    /// none is said.
    plays: fn(Script) -> Script,
    stays: Option<u32>,
    outcome: &'a str,
    reason: &'a str,
    voices: &'a [Voice],
}

const BUSY: fn(Script) -> Script = |rings| rings.refuses(486);
const ANSWERS: fn(Script) -> Script = |rings| rings.answers_and_speaks().is_hung_up();
const LEAVES: fn(Script) -> Script = |rings| rings.answers_and_speaks().waits(1_500).leaves();

/// A target that rings for longer than the greeting lasts.
fn rings() -> Script {
    Script::target("target").rings().waits(2_500)
}

/// Somebody who is rung in place of others, where they stand: for longer than the greeting lasts, again.
fn is_rung(scene: &Scene, name: &str, at: SocketAddrV4) -> Program {
    let rings = Script::target(name).rings().waits(2_500);
    scene.stage.cast.follow(&ANSWERS(rings), at)
}

#[test]
fn a_caller_who_waits_in_an_answered_call_hears_somebody_all_the_time() {
    if sipp_is_missing("a_caller_who_waits_in_an_answered_call_hears_somebody_all_the_time") {
        return;
    }
    let (greeting, music, peer) = (Voice::GREETING, Voice::MUSIC, Voice::Peer);
    let answered = |keys: &str| format!("answer = \"at-once\"\n{keys}");
    let then = |then: &str| answered(&format!("  [line.unanswered]\n  then = {then}\n"));
    let queue = "answers = \"queue\"\nsettle = \"20s\"";
    let rows = [
        Heard {
            line: answered(""),
            target: queue,
            plays: ANSWERS,
            stays: Some(4_500),
            outcome: "queued",
            reason: "caller-hung-up",
            voices: &[greeting, music, peer],
        },
        // Nobody was in the queue: its own voice falls silent, and ours begins anew.
        Heard {
            line: then("\"overflow\"\n  target = \"overflow\""),
            target: queue,
            plays: LEAVES,
            stays: Some(10_500),
            outcome: "overflowed",
            reason: "caller-hung-up",
            voices: &[greeting, music, peer, greeting, music, peer],
        },
        Heard {
            line: answered("repeat = true\nmax_wait = \"1m\""),
            target: "",
            plays: BUSY,
            stays: Some(5_000),
            outcome: "abandoned",
            reason: "caller-hung-up",
            voices: &[greeting, music],
        },
        Heard {
            line: then("\"return\""),
            target: "",
            plays: BUSY,
            stays: Some(8_000),
            outcome: "returned",
            reason: "caller-hung-up",
            voices: &[greeting, music, peer],
        },
        Heard {
            line: then("\"overflow\"\n  target = \"overflow\""),
            target: "",
            plays: BUSY,
            stays: Some(8_000),
            outcome: "overflowed",
            reason: "caller-hung-up",
            voices: &[greeting, music, peer],
        },
        Heard {
            line: then(&format!("\"voicemail\"\n{VOICEMAIL}  longest = \"2s\"")),
            target: "",
            plays: BUSY,
            stays: None,
            outcome: "voicemail",
            reason: "message-left",
            voices: &[greeting, music, Voice::MESSAGE],
        },
        Heard {
            line: then("\"goodbye\"\n  prompt = \"prompts/goodbye.wav\""),
            target: "",
            plays: BUSY,
            stays: None,
            outcome: "failed",
            reason: "target-busy",
            voices: &[greeting, music, Voice::GOODBYE],
        },
    ];
    std::thread::scope(|scope| {
        for row in &rows {
            scope.spawn(move || {
                let scene = Scene::set(&row.line, row.target);
                let target = scene.target(&(row.plays)(rings()));
                let stays = row.stays.map_or_else(is_hung_up, stays);
                let mut players = vec![scene.platform(&stays), target];
                // Who takes the call after all.
                players.extend(
                    (row.outcome == "overflowed").then(|| is_rung(&scene, "overflow", scene.places.overflow)),
                );
                players.extend(
                    (row.outcome == "returned").then(|| is_rung(&scene, "again", scene.places.agent)),
                );
                let (log, voices) = scene.ends(players, row.outcome, row.reason);
                assert_eq!(voices, row.voices, "{}: {log}", row.line);
            });
        }
    });
}

#[test]
fn a_caller_whose_agent_hands_over_hears_somebody_all_the_time() {
    if sipp_is_missing("a_caller_whose_agent_hands_over_hears_somebody_all_the_time") {
        return;
    }
    // A person takes over, or the agent has its caller back.
    let waits = [Voice::Peer, Voice::GREETING, Voice::MUSIC, Voice::Peer];
    let rows = [(ANSWERS, 200, "connected"), (BUSY, 486, "returned")];
    std::thread::scope(|scope| {
        for (plays, told, outcome) in rows {
            scope.spawn(move || {
                let scene = Scene::set("", "");
                let target = scene.target(&plays(rings()));
                let agent = refers().is_told(180).is_told(told);
                let agent = match outcome {
                    "connected" => agent.hangs_up().hears(200),
                    _ => agent.is_hung_up(),
                };
                let agent = scene.stage.cast.follow(&agent, scene.places.agent);
                let caller = dials_agent(&scene, stays(5_500));
                let (log, voices) = scene.ends([caller, agent, target], outcome, "caller-hung-up");
                assert_eq!(voices, waits, "{log}");
            });
        }
    });
}

// ---- A carrier's call to the AI agent, which hands it over by a call of its own --------------------------------------

#[test]
fn a_call_that_names_the_one_it_hands_over_is_the_same_callers() {
    if sipp_is_missing("a_call_that_names_the_one_it_hands_over_is_the_same_callers") {
        return;
    }
    let mut scene = Scene::set("", "");
    let agent = Script::target("agent").is_invited_with("X-Warmline-Call: [0-9a-f]*");
    let agent = scene.stage.cast.follow(&agent.answers_and_speaks().is_hung_up(), scene.places.agent);
    let first = dials_agent(&scene, stays(5_500));
    scene.says("answered by agent");
    let call = poll(PATIENCE, || scene.stage.cast.call_of("agent"));
    let call = call.expect("the agent is told which call it is");
    let target = Script::target("target").is_invited_with("From: [^:]*sip:.821044440");
    let target = scene.target(&target.answers_and_speaks().is_hung_up());
    let named = format!("X-Warmline-Call: {call}\n");
    let second = Script::caller("platform")
        .calls_as("+14155550199")
        .invites_with(&named, Say::Audio)
        .may_hear(100)
        .hears(200);
    let second = scene.platform(&second.acknowledges().waits(500).hangs_up().hears(200));
    [second, first, agent, target].into_iter().for_each(|player| scene.stage.cast.ends_well(player));
    scene.stage.cast.voices();
    let log = scene.stage.stop();
    assert!(log.matches(": connected, ").count() == 2, "{log}");
}
