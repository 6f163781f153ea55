//! Records as bytes: what they hold, how long they are, and what is no record.

use proptest::prelude::*;

use super::*;
use crate::record::reseal;

/// How a call came to be what its record says.
#[derive(Clone, Debug)]
struct Past {
    ticket: bool,
    offers: bool,
    sections: usize,
    routes: usize,
    hold: Option<bool>,
    moves: bool,
    acknowledged: bool,
    over: Option<bool>,
}

prop_compose! {
    fn pasts()(
        ticket in any::<bool>(),
        offers in prop::bool::weighted(0.8),
        sections in 0..6usize,
        routes in 0..4usize,
        hold in prop::option::of(any::<bool>()),
        moves in any::<bool>(),
        acknowledged in any::<bool>(),
        over in prop::option::weighted(0.3, any::<bool>()),
    ) -> Past {
        Past { ticket, offers, sections, routes, hold, moves, acknowledged, over }
    }
}

/// A call with this past, and the Record-Routes on the target's side.
fn lived(past: &Past) -> (World, CallId) {
    let mut w = World::new();
    let routes: String =
        (0..past.routes).map(|n| format!("Record-Route: <sip:198.51.100.{n};lr;ftag=abcdef>\r\n")).collect();
    let ticket = if past.ticket { "X-Zendesk-Ticket-Id: 35436\r\n" } else { "X-Zendesk-Ticket-Id: none\r\n" };
    let video = "m=video 0 RTP/AVP 31\r\n".repeat(past.sections);
    let text = invite("1", "support", &format!("{ticket}{routes}"));
    let head = text.split("Content-Type").next().unwrap();
    let text =
        if past.offers { with_body(head, &(OFFER.to_string() + &video)) } else { format!("{head}{END}") };
    let call = started(&w.hear(AI, &text));
    w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
    let question = Question { about: About::Call(call), target: TargetIndex(0) };
    let outs = w.tell(Input::Resolved(question, &at(&[ZENDESK])));
    let invite = message(&outs, ZENDESK, "INVITE").to_string();
    let routes = routes.replace("198.51.100", "54.172.60");
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", &routes, ANSWER));
    let ok = message(&outs, AI, "SIP/2.0 200 OK").to_string();
    let ack = request("ACK", "2", 1, &ok);
    w.later(1_234);
    if past.acknowledged || !past.offers {
        w.hear(AI, &if past.offers { ack + END } else { with_body(&ack, OFFER) });
    }
    if let Some(seen) = past.hold {
        let hold = OFFER.replace("m=audio", "a=sendonly\r\nm=audio");
        let contact = if past.moves { "sip:elsewhere" } else { "sip:ai" };
        let head = request("INVITE", "4", 2, &ok) + &format!("Contact: <{contact}@{AI}>\r\n");
        message(&w.hear(AI, &with_body(&head, &hold)), AI, "SIP/2.0 200 OK");
        if seen {
            w.hear(AI, &(request("ACK", "5", 2, &ok) + END));
        }
    }
    match past.over {
        Some(true) => drop(w.hear(AI, &(request("BYE", "6", 3, &ok) + END))),
        Some(false) => drop(w.tell(Input::Command(Command::HangUp(call)))),
        None => {}
    }
    (w, call)
}

/// The record of a call that left out the numbers which may have been used up.
fn ahead(w: &World, call: CallId, record: &[u8]) -> Vec<u8> {
    let mut record = record.to_vec();
    let first = w.sbc.calls.get(call).unwrap().first;
    let mut leg = first;
    while let Some(this) = leg.and_then(|leg| w.sbc.legs.get(leg)) {
        for before in [this.dialog.local_tag().to_le_bytes(), this.session.to_le_bytes()] {
            let at = record.windows(8).position(|window| window == before).unwrap() + 8;
            let number = u32::from_le_bytes(record[at..at + 4].try_into().unwrap()) + 64;
            record[at..at + 4].copy_from_slice(&number.to_le_bytes());
        }
        leg = this.next;
    }
    reseal(&mut record);
    record
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_restored_is_saved_as_it_was(past in pasts()) {
        let (w, call) = lived(&past);
        let record = w.record(call);
        let (mut fresh, id, _) = World::after(&record);
        // One that is ending has sent its BYEs already, and takes no ports.
        if past.over.is_none() {
            prop_assert_eq!(fresh.record(id), ahead(&fresh, id, &record));
        }
        // It can be ended like any other.
        fresh.tell(Input::Command(Command::HangUpAll));
        fresh.close(id);
        fresh.later(40_000);
        fresh.is_clean();
    }

    /// Whatever a whole record says, it makes a call that can be ended, or none and changes nothing.
    #[test]
    fn whatever_a_record_says_breaks_nothing(
        past in pasts(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        opens in any::<bool>(),
    ) {
        let (w, call) = lived(&past);
        let mut record = w.record(call);
        for (place, byte) in changes {
            let place = place.index(record.len());
            record[place] = byte;
        }
        reseal(&mut record);
        let mut fresh = World::seeded(9);
        match fresh.sbc.restore(&fresh.cx(), &record) {
            Ok(id) => {
                fresh.drain();
                if opens {
                    fresh.opened(id);
                }
                fresh.tell(Input::Command(Command::HangUpAll));
                fresh.close(id);
                fresh.later(40_000);
                fresh.is_clean();
            }
            Err(error) => {
                prop_assert!(matches!(
                    error,
                    RestoreError::Malformed | RestoreError::Version(_) | RestoreError::Damaged
                ));
                prop_assert_eq!(fresh.sbc.usage(), Usage::default());
            }
        }
    }
}

const PLAIN: Past = Past {
    ticket: true,
    offers: true,
    sections: 0,
    routes: 0,
    hold: None,
    moves: false,
    acknowledged: true,
    over: None,
};

#[test]
fn two_usual_legs_take_less_than_1100_bytes() {
    let (w, call) = lived(&PLAIN);
    let plain = w.record(call).len();
    let (w, call) = lived(&Past { routes: 3, ..PLAIN });
    let routed = w.record(call).len();
    std::println!("{plain} bytes, and {routed} with three Record-Routes on each leg");
    assert!(plain < 550 && routed < 1_100);
}

#[test]
fn what_does_not_fit_is_not_saved() {
    let (w, call) = lived(&PLAIN);
    let record = w.record(call);
    for len in 0..record.len() {
        assert_eq!(w.sbc.save(&w.cx(), call, &mut vec![0; len]), None, "{len}");
    }
    let mut exact = vec![0; record.len()];
    assert_eq!(w.sbc.save(&w.cx(), call, &mut exact), Some(record.len()));
    assert_eq!(exact, record);
}

#[test]
fn the_longest_record_takes_2500_bytes() {
    let mut w = World::new();
    let (call, out) = w.ring();
    // As much of a dialog as is kept, on both legs.
    let long = format!("Record-Route: <sip:54.172.60.1;lr;x={}>\r\n", "y".repeat(480));
    w.hear(ZENDESK, &respond(&out, "200 OK", &long, ANSWER));
    let record = w.record(call);
    let leg = w.sbc.legs.get(w.sbc.calls.get(call).unwrap().called.unwrap()).unwrap();
    let mut texts = Vec::new();
    for leg in [w.sbc.calls.get(call).unwrap().first, w.sbc.calls.get(call).unwrap().called] {
        let dialog = &w.sbc.legs.get(leg.unwrap()).unwrap().dialog;
        let mut out = [0; 1_000];
        let mut writer = crate::record::Writer::new(&mut out);
        dialog.save(None, &mut writer);
        texts.push(writer.seal().unwrap() - 7 - 29);
    }
    assert!(texts[1] > 600 && leg.dialog.next_hop().is_some());
    // IPv6 takes 12 bytes more in each of 8 addresses, refused sections up to 112 on each leg, and SRTP's keys 81.
    let (used, most) = (texts[0] + texts[1], 2 * crate::dialog::TEXT);
    let longest =
        record.len() - used + most + 8 * 12 + 2 * (112 + 81) + 4 + "address-outside-range".len() + 20;
    std::println!("at most {longest} bytes");
    assert!(longest <= 2_500);
}

#[test]
fn damaged_records_and_those_of_other_versions_are_refused() {
    let (w, call) = lived(&PLAIN);
    let record = w.record(call);
    let mut fresh = World::seeded(9);
    let cx = fresh.cx();
    for len in 0..record.len() {
        assert_eq!(fresh.sbc.restore(&cx, &record[..len]), Err(RestoreError::Damaged), "{len}");
    }
    for bit in 0..record.len() * 8 {
        let mut flipped = record.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(fresh.sbc.restore(&cx, &flipped), Err(RestoreError::Damaged), "{bit}");
    }
    for half in [[0; 64], [0xff; 64]] {
        assert_eq!(fresh.sbc.restore(&cx, &half), Err(RestoreError::Damaged));
    }
    let mut other = record.clone();
    other[0] = 99;
    reseal(&mut other);
    assert_eq!(fresh.sbc.restore(&cx, &other), Err(RestoreError::Version(99)));
    assert!(RestoreError::Version(99).to_string().contains("version 99"));
    // The checksum is right, but what it covers is not all there.
    let mut cut = record[..record.len() - 30].to_vec();
    let len = (cut.len() as u16).to_le_bytes();
    cut[1..3].copy_from_slice(&len);
    reseal(&mut cut);
    assert_eq!(fresh.sbc.restore(&cx, &cut), Err(RestoreError::Malformed));
    assert_eq!(fresh.sbc.usage(), Usage::default());
    // What follows a record does not matter.
    let mut slot = record;
    slot.extend([0xaa; 100]);
    fresh.sbc.restore(&cx, &slot).unwrap();
}
