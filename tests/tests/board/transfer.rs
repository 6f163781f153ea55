//! A carrier's call that an AI agent hands over to Zendesk, through a board that has music in its flash.

use core::net::SocketAddrV4;

use warmline_core::reason::Reason;
use warmline_tests::board::{AI, Backstage, Packet, RESOLVER, ZENDESK, board_is_missing};
use warmline_tests::sipp::{Heard, PATIENCE, Scenario, Script, ports, sipp_is_missing};

use crate::WARMLINE;
use crate::sound::{sound, wav};

/// A second of audio.
const SECOND: u64 = 50;

#[test]
fn an_ai_agent_hands_its_call_over_by_refer() {
    const TEST: &str = "an_ai_agent_hands_its_call_over_by_refer";
    if board_is_missing(TEST) || sipp_is_missing(TEST) {
        return;
    }
    let backstage = Backstage::new();
    let [ai, zendesk, carrier] = [AI, ZENDESK, RESOLVER].map(|last| backstage.lane.address(last));
    let agent = SocketAddrV4::new(ai, ports(2));
    // Nearly a second.
    let music = sound(1, 7_990);
    std::fs::write(backstage.cast.folder().join("music.wav"), wav(&music)).expect("a file can be written");
    let with_music = "name = \"support\"\nmusic = \"music.wav\"\n";
    let text = backstage.with_a_carrier(agent).replace("name = \"support\"\n", with_music);
    let image = backstage.image(WARMLINE, &text);
    let mut stage = backstage.switch_on(&image);
    stage.board.log.wait_for("listening at", PATIENCE);

    let mut talk = stage.cast.talk(1, carrier, u16::MAX);
    let once = |name, at| Scenario { lasting: 9_000, dials: "agent", ..Scenario::once(name, at) };
    let target = stage.cast.answer(once("zendesk_answers", zendesk), &talk.targets());
    // The line and its ticket: the agent learns that from elsewhere.
    let line = "Refer-To: <sip:support@warmline>\nX-Zendesk-Ticket-Id: 1001\n";
    let script = Script::target("agent").takes_the_call().waits(500).says("REFER", line).hears(202);
    let script = script.is_told(100).is_told(180).is_told(200);
    let agent = stage.cast.follow(&script.hangs_up().hears(200), agent);
    let caller = stage.cast.play(once("ai_calls", carrier), &talk.callers());

    // Until Zendesk answers the caller hears music, which is none of what Zendesk says.
    let heard = |talk: &[Heard]| talk.first().copied().unwrap_or_default();
    assert!(talk.go_on(PATIENCE, |talk| heard(talk).target >= SECOND), "Zendesk hears the caller");
    let before = heard(&talk.heard());
    let more = |now: Heard| now.target >= before.target + SECOND && now.caller >= before.caller + SECOND;
    assert!(talk.go_on(PATIENCE, |talk| more(heard(talk))), "they hear each other: {:?}", talk.heard());
    stage.cast.ends_well(agent);
    stage.cast.ends_well(caller);
    stage.cast.ends_well(target);
    let account = stage.board.log.account_when(PATIENCE, |account| {
        account.usage.calls == 0 && account.usage.ports == 0 && account.streams == 0
    });
    println!("{:?}: {account:?}", talk.heard());
    let played = played(&stage.board.wire.sent(), &music);
    assert!(played > 8, "{played} packets of music, one after the other");
    // The carrier's own ticket, which it may not bring.
    let amiss: u64 = account.signalling.values().sum();
    assert_eq!((amiss, account.signalling(Reason::TicketNotTrusted)), (1, 1), "{account:#?}");
    assert_eq!(stage.board.starts(), 1);
}

/// How many packets of this music, from its beginning and over and over, the board has sent one after the other.
fn played(sent: &[Packet], music: &[u8]) -> usize {
    let mut wanted = music.iter().cycle();
    sent.iter()
        .filter_map(Packet::audio)
        .filter(|audio| {
            let rest = wanted.clone();
            let is_next = audio.codes.iter().eq(wanted.by_ref().take(160));
            if !is_next {
                wanted = rest;
            }
            is_next
        })
        .count()
}
