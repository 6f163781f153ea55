//! Several trunks that speak from the same addresses.

use super::*;

const FORGED: &str = "Authorization: Digest username=\"201\", realm=\"sbc.example.com\", nonce=\"x\", uri=\"sip:x\", \
    response=\"00000000000000000000000000000000\", cnonce=\"1\", nc=00000001, qop=auth\r\n";

/// Zendesk's address, from which the carrier speaks too.
const SAME: &str = ZENDESK;
const OFFER_FROM_ZENDESK: &str = "v=0\r\no=- 1 1 IN IP4 168.86.128.9\r\ns=-\r\nc=IN IP4 168.86.128.9\r\nt=0 0\r\n\
    m=audio 10000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";

/// The configuration, where Zendesk's addresses are the carrier's and the telephones' as well. Of these, the carrier
/// dials "support", and the telephones dial "desk".
fn shared() -> Config<'static> {
    let mut config = config();
    let mut texts = Texts(String::from_utf8(config.text.to_vec()).unwrap());
    let (name, desk) = (texts.add("phones"), texts.add("desk"));
    let user = User { name: texts.add("201"), secret: texts.add("one") };
    let [ai, zendesk, carrier] = [0, 1, 2].map(|trunk: usize| config.trunks[trunk]);
    let carrier = Trunk { media: zendesk.media, ..carrier };
    let phones = Trunk {
        media: zendesk.media,
        max_calls: 100,
        users: List::new(0, 1),
        ..Trunk::new(name, TrunkKind::Phones, 0)
    };
    config.trunks = leak(vec![ai, zendesk, carrier, phones]);
    config.users = leak(vec![user]);
    let (range, support) =
        (config.sources.iter().find(|range| range.value == 1).copied().unwrap(), config.lines[0]);
    config.sources = leak(
        config
            .sources
            .iter()
            .map(|old| Range { value: if *old == range { 4 } else { old.value }, ..*old })
            .collect(),
    );
    config.callers = leak([0, 2, 3, 1, 2, 3].map(TrunkIndex).to_vec());
    config.shared = leak(vec![List::new(3, 3)]);
    config.dials = leak(vec![config.dials[0], config.dials[1], desk]);
    config.lines = leak(vec![
        Line { from: List::new(0, 2), ..support },
        Line { name: desk, dial: List::new(2, 1), from: List::new(2, 1), ..support },
    ]);
    config.text = leak(texts.0.into_bytes());
    config
}

fn calls(id: &str, line: &str) -> String {
    invite(id, line, "").replace(OFFER, OFFER_FROM_ZENDESK).replace(
        &format!("Content-Length: {}", OFFER.len()),
        &format!("Content-Length: {}", OFFER_FROM_ZENDESK.len()),
    )
}

#[test]
fn what_is_dialled_says_who_calls() {
    let mut w = World::with(7, shared());
    let call = started(&w.hear(SAME, &calls("1", "support")));
    assert_eq!(w.sbc.call(call).unwrap().trunk, TrunkIndex(2));
    // Its own dialogs are its own, and Zendesk's are Zendesk's.
    let outs = w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
    let question = outs.iter().find_map(|out| match out {
        Out::Other(Output::Resolve(question)) => Some(*question),
        _ => None,
    });
    let outs = w.tell(Input::Resolved(question.unwrap(), &at(&[ZENDESK])));
    let invite = message(&outs, ZENDESK, "INVITE").to_string();
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    let ok = message(&outs, SAME, "SIP/2.0 200 OK").to_string();
    w.hear(SAME, &(request("ACK", "2", 1, &ok) + END));
    assert_eq!(
        w.sbc.trunks.iter().map(|trunk| (trunk.starts.legs, trunk.takes.legs)).collect::<Vec<_>>(),
        [(0, 0), (0, 1), (1, 0), (0, 0)]
    );
    let again = request("INVITE", "3", 2, &ok) + "Contact: <sip:c@54.172.60.1>\r\n";
    let outs = w.hear(SAME, &with_body(&again, OFFER_FROM_ZENDESK));
    message(&outs, SAME, "SIP/2.0 200 OK");
    w.hear(SAME, &(request("ACK", "4", 2, &ok) + END));
    let outs = w.hear(SAME, &(request("BYE", "5", 3, &ok) + END));
    message(&outs, SAME, "SIP/2.0 200 OK");
    let bye = message(&outs, ZENDESK, "BYE").to_string();
    w.hear(ZENDESK, &respond(&bye, "200 OK", "", ""));
    w.close(call);
    w.is_clean();
}

#[test]
fn a_cancel_and_an_ack_find_their_invite() {
    let mut w = World::with(7, shared());
    let call = started(&w.hear(SAME, &calls("1", "support")));
    let line = "CANCEL sip:support@sbc.example.com SIP/2.0\r\n";
    let cancel = calls("1", "support").split("\r\n\r\n").next().unwrap().to_string() + "\r\n\r\n";
    let cancel = cancel
        .replacen("INVITE sip:support@sbc.example.com SIP/2.0\r\n", line, 1)
        .replace("CSeq: 1 INVITE", "CSeq: 1 CANCEL")
        .replace(&format!("Content-Length: {}", OFFER_FROM_ZENDESK.len()), "Content-Length: 0");
    let outs = w.hear(SAME, &cancel);
    message(&outs, SAME, "SIP/2.0 200 OK");
    let refused = message(&outs, SAME, "SIP/2.0 487").to_string();
    w.hear(SAME, &(request("ACK", "1", 1, &refused) + END));
    assert!(silent(&w.later(5000)));
    w.close(call);
    w.is_clean();
}

#[test]
fn who_proves_to_be_a_user_is_one() {
    let mut w = World::with(7, shared());
    // Only telephones dial this line, and who does has to prove that it is one.
    let text = calls("1", "desk");
    let outs = w.proves(SAME, &text, "201", "one");
    let call = started(&outs);
    assert_eq!(w.sbc.call(call).unwrap().trunk, TrunkIndex(3));
    // Who says to be a telephone is not the carrier.
    let outs = w.hear(SAME, &phones::proven(&calls("2", "support"), FORGED));
    message(&outs, SAME, "SIP/2.0 403");
    assert_eq!(w.sbc.counters().get(Reason::WrongCredentials), 1);
    let outs = w.tell(Input::Command(Command::HangUp(call)));
    let refused = message(&outs, SAME, "SIP/2.0 503").to_string();
    w.hear(SAME, &(request("ACK", "p1", 1, &refused) + END));
    w.close(call);
    w.is_clean();
}

#[test]
fn what_nobody_may_dial_is_refused() {
    let mut w = World::with(7, shared());
    let outs = w.hear(SAME, &calls("1", "nobody"));
    message(&outs, SAME, "SIP/2.0 404");
    // A number that is an AI agent's alone.
    let mut config = shared();
    config.lines = leak(vec![Line { from: List::new(0, 1), ..config.lines[0] }]);
    let mut w = World::with(7, config);
    let outs = w.hear(SAME, &calls("1", "support"));
    message(&outs, SAME, "SIP/2.0 403");
}

/// When the sets change, calls stay with their trunks.
#[test]
fn a_call_stays_its_trunks_over_a_reload() {
    let mut w = World::with(7, shared());
    let call = started(&w.hear(SAME, &calls("1", "support")));
    let mut other = shared();
    other.shared = leak(vec![List::new(4, 1)]);
    w.reconfigure(other);
    assert_eq!(w.sbc.call(call).unwrap().trunk, TrunkIndex(2));
    assert_eq!(w.sbc.trunks[2].starts.legs, 1);
    w.tell(Input::Command(Command::HangUp(call)));
    w.close(call);
}

#[test]
fn the_answer_to_a_ping_is_its_trunk_s() {
    let mut config = shared();
    let carrier = Trunk { ping: core::num::NonZeroU16::new(30), ..config.trunks[2] };
    config.trunks = leak(vec![config.trunks[0], config.trunks[1], carrier, config.trunks[3]]);
    config.targets = leak(vec![Target { trunk: TrunkIndex(2), ..config.targets[0] }]);
    let mut w = World::with(7, config);
    w.drain();
    let question = Question { about: About::Trunk(TrunkIndex(2)), target: TargetIndex(0) };
    w.tell(Input::Resolved(question, &at(&[SAME])));
    let outs: Vec<Out> = (0..300).flat_map(|_| w.later(100)).collect();
    let sent = message(&outs, SAME, "OPTIONS").to_string();
    w.hear(SAME, &respond(&sent, "200 OK", "", ""));
    let pinged: Vec<_> = w.sbc.pinged().map(|pinged| (pinged.trunk, pinged.health)).collect();
    assert_eq!(pinged, [(TrunkIndex(2), Health::Up)]);
}
