//! The demo, as `warmline demo` runs it: what its story comes to.

use core::time::Duration;
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::time::Instant;

use warmline::demo::{self, End, Ending, Scene, Sound, Story};

/// Whether somebody is missing whom the demo needs, said once.
fn has_no_place(test: &str) -> bool {
    let missing = ["127.0.0.2", "127.0.0.3", "127.0.0.4"].into_iter().find_map(|address| {
        let error = UdpSocket::bind((address, 0)).err()?;
        Some(format!("{address} is not there ({error})"))
    });
    missing.inspect(|why| println!("not run: {test}: {why}")).is_some()
}

/// What one end saw: `>` is what it sent, `<` what arrived.
fn seen(scene: &Scene, end: End) -> Vec<String> {
    let seen = scene.seen.iter().filter(|seen| seen.end == end);
    seen.map(|seen| format!("{} {}", if seen.arrived { '<' } else { '>' }, seen.what)).collect()
}

#[test]
fn the_story_is_told() {
    if has_no_place("the_story_is_told") {
        return;
    }
    let story = demo::run().expect("a node");
    let [taken, busy] = &story.scenes[..] else { panic!("{story:#?}") };
    for (scene, ending, number) in [(taken, Ending::Taken, 1), (busy, Ending::Busy, 2)] {
        assert_eq!(scene.ending, ending);
        assert_eq!(scene.faults, Vec::<String>::new(), "{scene:#?}");
        has_one_ticket(scene, number);
        is_heard(scene);
        // It overflowed by PSTN: no ticket is sent to the AI agent.
        assert_eq!(scene.told_agent, Vec::<String>::new());
        assert_eq!(scene.left, 0);
        let caller = ["> INVITE", "< 100 Trying", "< 200 OK", "> ACK", "> BYE", "< 200 OK"];
        assert_eq!(seen(scene, End::Caller), caller, "its leg stands through the hand-over");
    }
    assert!(story.is_well());
    is_timed(taken);
    a_person_took_over(taken);
    nobody_was_there(busy);
}

fn has_one_ticket(scene: &Scene, expected: u64) {
    let [(number, shown)] = &scene.tickets[..] else { panic!("{:?}", scene.tickets) };
    assert_eq!(*number, expected);
    assert_eq!(scene.told_zendesk, [number.to_string()]);
    let outcome = if scene.ending == Ending::Taken { "connected" } else { "returned" };
    assert_eq!(scene.outcome(), Some(outcome), "{shown}");
    for said in [
        &format!("ticket {number}: Call from {}\n", scene.caller),
        &format!("caller: {}\n", scene.caller),
        "group: Support\n",
        "An AI agent hands over a call.\n",
        "Line: support\n",
    ] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
}

/// The ticket says for how long the person talked, and does not count what the AI agent talked before.
fn is_timed(scene: &Scene) {
    let at = |what: &str, arrived: bool| {
        let mut seen = scene.seen.iter().filter(|seen| seen.end == End::Zendesk && seen.arrived == arrived);
        seen.find(|seen| seen.what == what).map(|seen| seen.at).expect(what)
    };
    let [(_, shown)] = &scene.tickets[..] else { panic!("{:?}", scene.tickets) };
    let talked = at("BYE", true) - at("200 OK", false);
    // What is on its way takes no longer.
    let slack = Duration::from_millis(200);
    let said = [talked.saturating_sub(slack), talked + slack]
        .map(|talked| format!("answered by zendesk-support, for 0:{:02}.\n", talked.as_secs()));
    assert!(said.iter().any(|said| shown.contains(said)), "{said:?}: {shown}");
}

fn is_heard(scene: &Scene) {
    for (end, all) in End::ALL.into_iter().zip(&scene.heard) {
        let order: Vec<Sound> = all.iter().map(|heard| heard.sound).collect();
        assert_eq!(order, scene.ending.heard_by(end), "{end:?}: {scene:#?}");
        for heard in all {
            let Sound::Voice(voice) = heard.sound else { continue };
            assert!((heard.frequency - voice.frequency()).abs() <= 5.0, "{heard:?}");
            // It was played 10 dB below full scale.
            assert!((heard.level + 10.0).abs() < 1.0, "{heard:?}");
        }
    }
    assert_eq!(scene.foreign, 0);
    let caller = &scene.heard[0];
    assert!(!caller.iter().any(|heard| matches!(heard.sound, Sound::Silence | Sound::Noise)), "{caller:?}");
}

fn a_person_took_over(scene: &Scene) {
    let agent = [
        "< INVITE, no ticket",
        "> 100 Trying",
        "> 200 OK",
        "< ACK",
        "> REFER to support",
        "< 202 Accepted",
        "< NOTIFY 100 Trying",
        "> 200 OK",
        "< NOTIFY 180 Ringing",
        "> 200 OK",
        "< NOTIFY 200 OK",
        "> 200 OK",
        "> BYE",
        "< 200 OK",
    ];
    assert_eq!(seen(scene, End::Agent), agent);
    let zendesk =
        ["< INVITE, ticket 1", "> 100 Trying", "> 180 Ringing", "> 200 OK", "< ACK", "< BYE", "> 200 OK"];
    assert_eq!(seen(scene, End::Zendesk), zendesk);
}

fn nobody_was_there(scene: &Scene) {
    let agent = seen(scene, End::Agent);
    let told = ["< NOTIFY 486 Busy Here", "> 200 OK", "< BYE", "> 200 OK"];
    assert!(agent.ends_with(&told.map(str::to_owned)), "{agent:?}");
    let zendesk = ["< INVITE, ticket 2", "> 100 Trying", "> 180 Ringing", "> 486 Busy Here", "< ACK"];
    assert_eq!(seen(scene, End::Zendesk), zendesk);
}

#[test]
fn it_is_shown_plainly_where_there_is_no_terminal_and_nothing_is_left_behind() {
    if has_no_place("it_is_shown_plainly_where_there_is_no_terminal_and_nothing_is_left_behind") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let shown = Command::new(env!("CARGO_BIN_EXE_warmline"))
        .arg("demo")
        .env("TMPDIR", folder.path())
        .output()
        .expect("the program runs");
    let said = String::from_utf8(shown.stdout).expect("text");
    assert!(shown.status.success(), "{said}");
    assert!(!said.contains('\x1b'), "{said}");
    let widest = said.lines().map(|line| line.chars().count()).max();
    assert!(widest.is_some_and(|widest| widest <= 100), "{widest:?}: {said}");
    assert_eq!(said.matches("All is well").count(), 2, "{said}");
    for heard in ["hears the greeting, 523 Hz", "hears the music, 349 Hz", "hears silence"] {
        assert_eq!(said.matches(heard).count(), 2, "{heard}: {said}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn whoever_ends_it_leaves_nothing_behind() {
    if has_no_place("whoever_ends_it_leaves_nothing_behind") {
        return;
    }
    for signal in ["TERM", "INT", "HUP"] {
        let folder = tempfile::tempdir().expect("a folder");
        let files = || std::fs::read_dir(folder.path()).expect("a folder").count();
        let mut demo = Command::new(env!("CARGO_BIN_EXE_warmline"))
            .arg("demo")
            .env("TMPDIR", folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program runs");
        let until = Instant::now() + Duration::from_secs(20);
        while files() == 0 {
            assert!(Instant::now() < until, "it begins");
            std::thread::sleep(Duration::from_millis(1));
        }
        let told = Command::new("kill").args(["-s", signal, &demo.id().to_string()]).status();
        assert!(told.is_ok_and(|told| told.success()), "{signal}");
        let ended = demo.wait().expect("it ends");
        assert_eq!((ended.code(), files()), (Some(1), 0), "{signal}");
    }
}

/// What a story is that went wrong is not well.
#[test]
fn a_fault_is_no_success() {
    let addresses = [([127, 0, 0, 1], 5060).into(); 4];
    let story = Story { addresses, scenes: vec![], took: Duration::ZERO };
    assert!(!story.is_well(), "nothing was played");
}
