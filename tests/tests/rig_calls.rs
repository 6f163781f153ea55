//! Whole calls in the rig, one flow at a time, over a network that does nothing to them.

use warmline_core::Usage;
use warmline_core::g711::Law;
use warmline_core::reason::Reason;
use warmline_core::relay::Side;
use warmline_tests::{
    Answer, Ending, From, Memory, Outcome, Plan, Refresh, Setting, Tap, Told, Weather, Who, World, address,
};

/// Plays one call to its end, and judges what nobody may do wrong.
fn play(plan: Plan, judge: impl FnOnce(&World<'_>, &Told)) {
    let setting = Setting::new(8, 4);
    let mut memory = Memory::of(&setting);
    let mut world = World::new(&setting, &mut memory, 1, Weather::FINE);
    world.tap = Some(Tap::with_ladder());
    world.call(plan, 0);
    world.settle(150);
    world.expect_clean();
    let told = world.told.values().next().cloned().unwrap_or_default();
    judge(&world, &told);
}

fn answered(plan: Plan, reason: Reason) {
    play(plan, |world, told| {
        assert_eq!(world.callers[0].outcome, Outcome::Answered);
        assert_eq!(world.streams(), (0, 1));
        assert_eq!((told.answered, told.reason), (1, Some(reason)));
    });
}

fn failed(plan: Plan, status: u16, reason: Reason) {
    play(plan, |world, told| {
        assert_eq!(world.callers[0].outcome, Outcome::Failed(status));
        assert_eq!((told.answered, told.reason), (0, Some(reason)));
    });
}

fn rung(answer: Answer) -> Plan {
    Plan { answers: vec![answer], ..Plan::plain() }
}

#[test]
fn a_plain_call_carries_the_ticket_and_ends_with_its_caller() {
    play(Plan::plain(), |world, told| {
        assert_eq!(world.callers[0].outcome, Outcome::Answered);
        assert_eq!(world.callers[0].heard, [100, 180]);
        assert!(world.callees[0].acknowledged);
        assert_eq!((told.ticket, told.reason), (Some(35436), Some(Reason::CallerHungUp)));
        assert_eq!(told.call_id, "zxa0-id@198.51.100.10");
        assert_eq!(world.streams(), (0, 1));
    });
}

#[test]
fn the_target_hangs_up() {
    answered(Plan { ending: Ending::Target(2_000), ..Plan::plain() }, Reason::TargetHungUp);
}

#[test]
fn both_hang_up_at_once() {
    // The target's answer takes 10 ms and its ACK as long, so that 30 ms bring both BYEs into the air together.
    for (caller, target) in [(0, 0), (500, 500)] {
        let plan = Plan { ending: Ending::Both(caller + target), ..Plan::plain() };
        play(plan, |world, told| {
            assert_eq!(world.callers[0].outcome, Outcome::Answered);
            assert!(matches!(told.reason, Some(Reason::CallerHungUp | Reason::TargetHungUp)));
        });
    }
}

#[test]
fn an_answer_without_any_provisional_response() {
    answered(rung(Answer::AtOnce), Reason::CallerHungUp);
}

#[test]
fn early_media_is_passed_on_with_a_description_of_ours() {
    play(rung(Answer::EarlyMedia(3_000)), |world, _| {
        assert_eq!(world.callers[0].heard, [100, 183, 183]);
        assert_eq!(world.callers[0].outcome, Outcome::Answered);
    });
}

#[test]
fn a_caller_who_offers_nothing_gets_an_offer_and_answers_in_its_ack() {
    answered(Plan { offers: false, ..Plan::plain() }, Reason::CallerHungUp);
    answered(
        Plan { offers: false, answers: vec![Answer::EarlyMedia(900)], ..Plan::plain() },
        Reason::CallerHungUp,
    );
}

#[test]
fn refusals_cross_by_the_table() {
    for (status, told, reason) in [
        (486, 486, Reason::TargetBusy),
        (600, 486, Reason::TargetBusy),
        (603, 603, Reason::TargetDeclined),
        (404, 404, Reason::TargetNotFound),
        (503, 500, Reason::TargetFailed),
        (500, 500, Reason::TargetFailed),
        (302, 480, Reason::TargetRefused),
        (401, 480, Reason::TargetWantsCredentials),
        (407, 480, Reason::TargetWantsCredentials),
        (403, 480, Reason::TargetRefused),
        (488, 488, Reason::TargetMedia),
    ] {
        let plan = rung(Answer::Refuse(status, 700));
        play(plan, |world, called| {
            assert_eq!(world.callers[0].outcome, Outcome::Failed(told), "{status}");
            assert_eq!(called.reason, Some(reason));
            let notes = &world.callers[0].notes;
            assert!(notes.iter().any(|note| note == &format!("Reason: SIP;cause={status}")), "{notes:?}");
            assert!(!notes.iter().any(|note| note.starts_with("Retry-After")), "{notes:?}");
        });
    }
}

#[test]
fn a_silent_target_is_given_up_after_timer_b() {
    play(rung(Answer::Silence), |world, told| {
        assert_eq!(world.callers[0].outcome, Outcome::Failed(408));
        assert_eq!(told.reason, Some(Reason::TargetSilent));
        let (begun, ended) = world.callers[0].times;
        let took = ended.unwrap() - begun;
        assert!((32_000_000..32_200_000).contains(&took), "{took}");
    });
}

#[test]
fn a_target_that_only_rings_is_cancelled_after_its_time() {
    for answer in [Answer::Ring, Answer::Trying, Answer::ForgetWhenCancelled] {
        play(rung(answer), |world, told| {
            assert_eq!(world.callers[0].outcome, Outcome::Failed(480), "{answer:?}");
            assert_eq!(told.reason, Some(Reason::NoAnswer));
            assert!(world.callees[0].cancelled);
        });
    }
}

#[test]
fn an_answer_that_crosses_its_cancel_is_acknowledged_and_hung_up() {
    play(rung(Answer::AnswerWhenCancelled), |world, told| {
        assert_eq!(world.callers[0].outcome, Outcome::Failed(480));
        assert_eq!((told.answered, told.reason), (0, Some(Reason::NoAnswer)));
        assert!(world.callees[0].acknowledged && world.callees[0].cancelled);
    });
}

#[test]
fn an_answer_without_a_common_codec_is_a_failure() {
    failed(rung(Answer::WrongCodec), 488, Reason::TargetMedia);
}

#[test]
fn the_second_target_is_rung_when_the_first_fails() {
    for first in [
        Answer::Refuse(486, 100),
        Answer::Ring,
        Answer::Silence,
        Answer::WrongCodec,
        Answer::AnswerWhenCancelled,
    ] {
        let plan = Plan { dial: "both", answers: vec![first, Answer::After(900)], ..Plan::plain() };
        play(plan, |world, told| {
            assert_eq!(world.callers[0].outcome, Outcome::Answered, "{first:?}");
            assert_eq!(world.callees.len(), 2);
            assert!(world.callees[1].acknowledged);
            assert_eq!(told.reason, Some(Reason::CallerHungUp));
        });
    }
}

/// A line whose targets are in different networks: the port towards whoever is rung moves along.
#[test]
fn targets_of_one_line_are_reached_from_where_they_are() {
    let fails = [Answer::Refuse(486, 100), Answer::Ring, Answer::Silence, Answer::AnswerWhenCancelled];
    for first in fails.iter().chain([&Answer::EarlyMedia(30_000)]) {
        for second in fails {
            let answers = vec![*first, second, Answer::After(900)];
            let plan = Plan { dial: "mixed", from: From::Carrier, ticket: None, answers, ..Plan::plain() };
            play(plan, |world, told| {
                assert_eq!(world.callers[0].outcome, Outcome::Answered, "{first:?} {second:?}");
                let rung: Vec<_> = world
                    .callees
                    .iter()
                    .map(|callee| callee.session.as_ref().unwrap().address.clone())
                    .collect();
                let ours = [address::INSIDE, address::OUTSIDE, address::INSIDE].map(|at| at.ip().to_string());
                assert_eq!(rung, ours, "{first:?} {second:?}");
                assert_eq!(told.reason, Some(Reason::CallerHungUp));
            });
        }
    }
    // And both hear each other.
    for answers in [vec![Answer::Refuse(486, 100), Answer::After(900)], vec![Answer::After(900)]] {
        let setting = Setting::new(8, 4);
        let mut memory = Memory::of(&setting);
        let mut world = World::new(&setting, &mut memory, 1, Weather::FINE);
        let plan = Plan {
            dial: "mixed",
            from: From::Carrier,
            ticket: None,
            answers,
            ending: Ending::Caller(15_000),
            ..Plan::plain()
        };
        let number = world.call(plan, 0);
        world.seconds(5);
        assert_eq!(world.callers[number].outcome, Outcome::Answered);
        let [caller, target] = world.media_of(number);
        for (side, format, to) in [(Side::A, 0u8, target.0), (Side::B, 8, caller.0)] {
            let mut packet = vec![0x80, format, 0, 1, 0, 0, 0, 160, 0, 0, 0, 9];
            packet.extend([0x55; 160]);
            let (_, went, _) = world.speak(number, side, &packet).expect("it goes on");
            assert_eq!(went, to);
        }
        world.settle(20);
        world.expect_clean();
    }
}

#[test]
fn a_line_is_dialled_by_its_number_too() {
    answered(Plan { dial: "+18005550100", ..Plan::plain() }, Reason::CallerHungUp);
    answered(Plan { dial: "0018005550100", ..Plan::plain() }, Reason::CallerHungUp);
}

#[test]
fn a_caller_who_cancels_gets_a_487() {
    // At once, while it rings, and at about the time of the answer.
    for after in [0, 15, 40, 200, 700, 1_200, 1_480, 1_500, 1_520, 1_530, 1_540, 1_560, 1_580, 1_600] {
        let plan = Plan { ending: Ending::Cancel(after), ..Plan::plain() };
        play(plan, |world, told| match world.callers[0].outcome {
            Outcome::Failed(487) => assert_eq!(told.reason, Some(Reason::Cancelled), "{after}"),
            Outcome::Answered => assert_eq!(told.reason, Some(Reason::CallerHungUp), "{after}"),
            other => panic!("{other:?} when cancelled after {after} ms"),
        });
    }
}

#[test]
fn a_cancelled_target_may_answer_all_the_same_or_forget() {
    for answer in [Answer::AnswerWhenCancelled, Answer::ForgetWhenCancelled, Answer::Silence, Answer::Trying]
    {
        let plan = Plan { ending: Ending::Cancel(2_000), ..rung(answer) };
        failed(plan, 487, Reason::Cancelled);
    }
}

#[test]
fn a_caller_who_never_acknowledges_is_hung_up() {
    play(Plan { ending: Ending::NoAck, ..Plan::plain() }, |world, told| {
        assert_eq!(world.callers[0].outcome, Outcome::Answered);
        assert_eq!(told.reason, Some(Reason::AckMissing));
        assert!(world.callers[0].over && world.callees[0].over);
    });
}

#[test]
fn a_caller_who_holds_is_answered_by_its_own_leg() {
    play(Plan { refresh: Refresh::CallerHolds, ..Plan::plain() }, |world, _| {
        assert_eq!(world.callers[0].session.as_ref().unwrap().direction, "sendrecv");
        assert_eq!(world.callees[0].session.as_ref().unwrap().origin.1, 1);
    });
}

#[test]
fn a_target_that_holds_is_answered_by_its_own_leg() {
    play(Plan { refresh: Refresh::TargetHolds, ..Plan::plain() }, |world, _| {
        assert_eq!(world.callees[0].session.as_ref().unwrap().direction, "sendrecv");
    });
}

#[test]
fn a_re_invite_without_an_offer_gets_one() {
    answered(Plan { refresh: Refresh::CallerAsks, ..Plan::plain() }, Reason::CallerHungUp);
}

#[test]
fn a_video_section_that_is_added_is_refused() {
    play(Plan { refresh: Refresh::CallerAddsVideo, ..Plan::plain() }, |world, _| {
        let media = &world.callers[0].session.as_ref().unwrap().media;
        assert_eq!((&*media[0].0, media[0].1), ("video", 0));
        assert_ne!(media[1].1, 0);
    });
}

#[test]
fn a_request_of_the_past_is_refused_and_changes_nothing() {
    answered(Plan { ending: Ending::WrongCSeq(800), ..Plan::plain() }, Reason::CallerHungUp);
}

#[test]
fn an_invite_that_arrives_by_two_ways_makes_one_call() {
    play(Plan { merged: true, ..Plan::plain() }, |world, _| {
        assert_eq!(world.callers[0].merged, 1);
        assert_eq!(world.callers[0].outcome, Outcome::Answered);
        assert_eq!(world.told.len(), 1);
    });
}

#[test]
fn an_invite_that_arrives_by_a_slower_way_when_it_is_answered_makes_no_second_call() {
    let setting = Setting::new(8, 4);
    let mut memory = Memory::of(&setting);
    let mut world = World::new(&setting, &mut memory, 1, Weather::FINE);
    world.recording = Some(Vec::new());
    world.call(Plan { ending: Ending::Caller(5_000), ..Plan::plain() }, 0);
    world.seconds(4);
    assert_eq!(world.callers[0].outcome, Outcome::Answered);
    let (listener, from, invite) = world.recording.take().unwrap().swap_remove(0);
    let copy = String::from_utf8(invite).unwrap().replace("-b1;", "-slow;");
    world.tap = None;
    world.deliver(listener, from, copy.as_bytes());
    assert_eq!(world.refused, [(Reason::Loop, "sip:support@sbc.example.com".to_owned())]);
    world.seconds(80);
    assert_eq!((world.told.len(), world.callees.len()), (1, 1));
    assert_eq!(world.usage(), Usage::default());
}

#[test]
fn a_caller_behind_a_proxy_is_reached_by_its_route() {
    answered(Plan { proxied: true, ending: Ending::Target(500), ..Plan::plain() }, Reason::TargetHungUp);
    answered(Plan { proxied: true, ..Plan::plain() }, Reason::CallerHungUp);
}

#[test]
fn an_anonymous_caller_stays_anonymous() {
    answered(Plan { anonymous: true, ..Plan::plain() }, Reason::CallerHungUp);
}

/// Headers that a caller's INVITE has, and Zendesk's has not.
fn lines() -> String {
    "X-Session: abc\r\nX-Evil: 1\r\nDiversion: <sip:a@198.51.100.10>\r\nUser-to-User: 00;encoding=hex\r\n\
     History-Info: <sip:a@198.51.100.10>;index=1\r\nPrivacy: none\r\n"
        .into()
}

#[test]
fn the_original_caller_is_who_the_trunk_names() {
    for (from, who) in [(From::Ai, Who::Header), (From::Carrier, Who::Asserted), (From::Ai, Who::From)] {
        answered(Plan { from, who, lines: lines(), ..Plan::plain() }, Reason::CallerHungUp);
    }
    // The carrier's own wish counts, whoever it names.
    let lines = "Privacy: id\r\n".to_owned();
    let plan = Plan { from: From::Carrier, who: Who::Asserted, anonymous: true, lines, ..Plan::plain() };
    answered(plan, Reason::CallerHungUp);
}

#[test]
fn a_carriers_call_carries_no_ticket() {
    let plan = Plan { from: From::Carrier, ..Plan::plain() };
    play(plan, |world, told| {
        assert_eq!(world.callers[0].outcome, Outcome::Answered);
        assert_eq!((told.ticket, told.note), (None, Some(Reason::TicketNotTrusted)));
    });
}

#[test]
fn a_target_without_an_address_is_a_failure() {
    let setting = Setting::new(8, 4);
    let mut memory = Memory::of(&setting);
    let mut world = World::new(&setting, &mut memory, 1, Weather::FINE);
    world.resolves = false;
    let number = world.call(Plan::plain(), 0);
    world.settle(10);
    world.expect_clean();
    assert_eq!(world.callers[number].outcome, Outcome::Failed(480));
}

#[test]
fn a_relay_that_fails_or_falls_silent_fails_the_call() {
    for (fails, mute) in [(true, false), (false, true)] {
        let setting = Setting::new(8, 4);
        let mut memory = Memory::of(&setting);
        let mut world = World::new(&setting, &mut memory, 1, Weather::FINE);
        world.break_media(fails, mute);
        let number = world.call(Plan::plain(), 0);
        world.settle(20);
        assert_eq!(world.verdict(), Vec::<String>::new());
        assert_eq!(world.callers[number].outcome, Outcome::Failed(503));
    }
}

#[test]
fn both_sides_hear_each_other_in_their_own_law() {
    let setting = Setting::new(8, 4);
    let mut memory = Memory::of(&setting);
    let mut world = World::new(&setting, &mut memory, 1, Weather::FINE);
    // The caller speaks mu-law as payload type 0, the target A-law as 8.
    let plan = Plan { formats: vec![0, 101], format: 8, ending: Ending::Caller(15_000), ..Plan::plain() };
    let number = world.call(plan, 0);
    world.seconds(4);
    let [caller, target] = world.media_of(number);
    let mut heard = [Vec::new(), Vec::new()];
    for packet in 0u16..500 {
        world.run(20_000);
        for (side, format, to, from) in [(Side::A, 0u8, target.0, target.1), (Side::B, 8, caller.0, caller.1)]
        {
            let mut bytes = vec![0x80, format | if packet == 0 { 0x80 } else { 0 }];
            bytes.extend((1_000 + packet).to_be_bytes());
            bytes.extend((77_000 + u32::from(packet) * 160).to_be_bytes());
            bytes.extend((7 + u32::from(format)).to_be_bytes());
            bytes.extend((0..160u16).map(|sample| (sample + packet) as u8));
            let (port, went, sent) = world.speak(number, side, &bytes).expect("it goes on");
            assert_eq!((went, port, sent.len()), (to, from, bytes.len()));
            let (into, turned): (u8, fn(u8) -> u8) = match side {
                Side::A => (8, |byte| Law::A.encode(Law::Mu.decode(byte))),
                Side::B | Side::C => (0, |byte| Law::Mu.encode(Law::A.decode(byte))),
            };
            assert_eq!((sent[1] & 0x7f, sent[1] >> 7), (into, u8::from(packet == 0)));
            assert!(
                sent[12..].iter().eq(bytes[12..].iter().map(|&byte| turned(byte)).collect::<Vec<_>>().iter())
            );
            heard[side.index()].push(sent);
        }
    }
    // Our own source, number for number.
    for packets in &heard {
        let field = |packet: &[u8], at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().unwrap());
        for pair in packets.windows(2) {
            assert_eq!(field(&pair[0], 8), field(&pair[1], 8));
            assert_eq!(field(&pair[0], 4).wrapping_add(160), field(&pair[1], 4));
            assert_eq!((field(&pair[0], 0) as u16).wrapping_add(1), field(&pair[1], 0) as u16);
        }
        assert!(![7, 15].contains(&field(&packets[0], 8)));
    }
    world.settle(20);
    world.expect_clean();
    let told = world.told.values().next().unwrap();
    for side in told.statistics {
        assert_eq!((side.packets_received, side.packets_sent, side.lost), (500, 500, 0));
    }
    assert!(world.rtcp() >= 4, "{}", world.rtcp());
}
