//! Targets on a board's own network: some that have never spoken, and some that are not there.

use warmline_tests::board::{AI, Backstage, NOBODY, ZENDESK, board_is_missing};
use warmline_tests::sipp::{PATIENCE, Scenario, poll, sipp_is_missing};

use crate::WARMLINE;

/// Calls to targets that are not there, and calls meanwhile.
const PATIENT: u16 = 2;
const PROMPT: u16 = 3;

#[test]
fn targets_that_are_not_there_do_not_hold_back_calls_to_others() {
    const TEST: &str = "targets_that_are_not_there_do_not_hold_back_calls_to_others";
    if board_is_missing(TEST) || sipp_is_missing(TEST) {
        return;
    }
    let backstage = Backstage::new();
    let [ai, zendesk] = [AI, ZENDESK].map(|last| backstage.lane.address(last));
    // Three who are not there, more than frames wait for; the fourth is Zendesk.
    let gone = [NOBODY, NOBODY + 1, NOBODY + 2].map(|last| backstage.lane.address(last).to_string());
    let range = |addresses: &[String]| format!("[\"{zendesk}\", \"{}\"]", addresses.join("\", \""));
    let mut text = backstage.configuration().replace(&format!("[\"{zendesk}\"]"), &range(&gone));
    for (number, address) in gone.iter().enumerate() {
        text.push_str(&format!(
            "[[target]]\nname = \"gone-{number}\"\ntrunk = \"zendesk\"\nuri = \"sip:support@{address}\"\n"
        ));
    }
    text.push_str(
        "[[line]]\nname = \"patient\"\ndial = [\"patient\"]\nfrom = [\"ai\"]\n\
         ring = [{ targets = [\"gone-0\"], for = \"2s\" }, { targets = [\"gone-1\"], for = \"2s\" }, \
         { targets = [\"gone-2\"], for = \"3s\" }, { targets = [\"zendesk-support\"], for = \"20s\" }]\n",
    );
    let image = backstage.image(WARMLINE, &text);
    let mut stage = backstage.switch_on(&image);
    let log = &mut stage.board.log;
    log.wait_for("listening at", PATIENCE);

    // Seven seconds and a half until Zendesk rings.
    let calls =
        |name, at, calls| Scenario { calls, every: 1_000, lasting: 1_500, ..Scenario::once(name, at) };
    let all = PATIENT + PROMPT;
    let target = stage.cast.answer(calls("zendesk_answers", zendesk, all), &vec![9; all.into()]);
    let patient = Scenario { dials: "patient", ..calls("ai_calls", ai, PATIENT) };
    let patient = stage.cast.play(patient, &vec![9; PATIENT.into()]);
    let rung = poll(PATIENCE, || (log.count("dialled patient") == usize::from(PATIENT)).then_some(()));
    assert!(rung.is_some(), "{}", log.tail());
    // It takes no two calls within half a second, and gives an account each second.
    let accounts = log.count("in use: ") + 1;
    poll(PATIENCE, || (log.count("in use: ") > accounts).then_some(())).expect("something is in use");
    let prompt = stage.cast.play(calls("ai_calls", ai, PROMPT), &vec![9; PROMPT.into()]);
    stage.cast.ends_well(prompt);
    stage.cast.ends_well(patient);
    stage.cast.ends_well(target);

    let answered: Vec<(String, u64)> = log.lines().iter().filter_map(|line| answered(line)).collect();
    println!("{answered:?}");
    let (soon, late): (Vec<_>, Vec<_>) = answered.iter().partition(|(_, after)| *after < 1_500);
    assert_eq!((soon.len(), late.len()), (PROMPT.into(), PATIENT.into()), "{answered:?}");
    assert!(late.iter().all(|(_, after)| (7_000..9_000).contains(after)), "{answered:?}");
    // Zendesk had never spoken either: it was asked for by its address, and nothing was sent to those who are not there.
    let asked = |address: &str| {
        let packets = stage.board.wire.sent();
        packets
            .iter()
            .filter(|packet| packet.asks_for().is_some_and(|asked| asked.to_string() == address))
            .count()
    };
    assert_eq!(asked(&zendesk.to_string()), 1);
    for address in &gone {
        let (asked, sent) = (asked(address), stage.board.wire.sent());
        // Once a second at most, while the INVITE is repeated for 32 s.
        assert!((2..40).contains(&asked), "{asked}");
        let reached = |to: core::net::Ipv4Addr| to.to_string() == *address;
        assert!(!sent.iter().any(|packet| packet.route().is_some_and(|(_, to)| reached(to))));
    }
}

/// By whom and after how many milliseconds a line says that a call was answered.
fn answered(line: &str) -> Option<(String, u64)> {
    let (target, rest) = line.split_once(": answered by ")?.1.split_once(" after ")?;
    Some((target.to_owned(), rest.strip_suffix(" ms")?.parse().ok()?))
}
