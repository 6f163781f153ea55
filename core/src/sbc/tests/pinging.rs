//! Addresses that are pinged: what they are asked, what their answers and their silence mean, and for how long.

use core::num::NonZeroU16;

use super::*;

const SECOND: &str = "54.172.60.2:5060";
const THIRD: &str = "54.172.60.3:5080";
const EVERY: u64 = 30_000;
const TRUNK: TrunkIndex = TrunkIndex(1);
const TARGET: TargetIndex = TargetIndex(0);

/// Zendesk's trunk is pinged.
fn pinging() -> Config<'static> {
    let mut config = config();
    let trunk = Trunk { ping: NonZeroU16::new((EVERY / 1_000) as u16), ..config.trunks[1] };
    config.trunks = leak(vec![config.trunks[0], trunk, config.trunks[2]]);
    config
}

/// What is told of addresses, in order.
fn told(outs: &[Out]) -> Vec<(String, Option<Reason>)> {
    let told = |out: &Out| match out {
        Out::Other(Output::Event(Event::Reachable { trunk: TRUNK, address })) => {
            Some((address.to_string(), None))
        }
        Out::Other(Output::Event(Event::Unreachable { trunk: TRUNK, address, reason })) => {
            Some((address.to_string(), Some(*reason)))
        }
        _ => None,
    };
    outs.iter().filter_map(told).collect()
}

/// Who was sent an INVITE first.
fn invited(outs: &[Out]) -> &str {
    let first = outs.iter().find_map(|out| match out {
        Out::Message(at, text) if text.starts_with("INVITE") => Some(at.as_str()),
        _ => None,
    });
    first.unwrap()
}

impl World {
    /// A world that pings, and the name has these addresses.
    fn pinging(addresses: &[&str]) -> Self {
        let mut w = Self::with(7, pinging());
        w.resolves(addresses);
        w
    }

    /// The next lookup for pings is answered so.
    fn resolves(&mut self, addresses: &[&str]) -> Vec<Out> {
        let asked = Question { about: About::Trunk(TRUNK), target: TARGET };
        let outs = self.drain();
        assert!(outs.iter().any(|out| matches!(out, Out::Other(Output::Resolve(it)) if *it == asked)));
        self.tell(Input::Resolved(asked, &at(addresses)))
    }

    /// Goes on for so long, in small steps: what leaves. Each OPTIONS request that is new is answered as `answer` says
    /// for whom it is for, and each lookup with `addresses`.
    fn goes_on(
        &mut self,
        millis: u64,
        addresses: &[&str],
        answer: impl Fn(&str) -> Option<&'static str>,
    ) -> Vec<Out> {
        let mut all = Vec::new();
        for _ in 0..millis / 100 {
            let mut outs = self.later(100);
            let mut more = Vec::new();
            for out in &outs {
                match out {
                    Out::Message(to, text) if text.starts_with("OPTIONS") => {
                        if let Some(status) = answer(to) {
                            more.extend(self.hear(to, &respond(text, status, "", "")));
                        }
                    }
                    Out::Other(Output::Resolve(question)) if matches!(question.about, About::Trunk(_)) => {
                        more.extend(self.tell(Input::Resolved(*question, &at(addresses))));
                    }
                    _ => {}
                }
            }
            all.append(&mut outs);
            all.append(&mut more);
        }
        all
    }

    fn health(&self, address: &str) -> Option<Health> {
        let address = address.parse().unwrap();
        self.sbc.pinged().find(|pinged| pinged.address == address).map(|pinged| pinged.health)
    }

    /// Who is rung first of these addresses. The caller gives up at once.
    fn rings_first(&mut self, branch: &str, addresses: &[&str]) -> String {
        let outs = self.hear(AI, &invite(branch, "support", ""));
        let call = started(&outs);
        self.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
        let question = Question { about: About::Call(call), target: TARGET };
        let outs = self.tell(Input::Resolved(question, &at(addresses)));
        let first = invited(&outs).to_string();
        let sent = message(&outs, &first, "INVITE").to_string();
        let outs = self.hear(&first, &respond(&sent, "486 Busy Here", "", ""));
        let busy = message(&outs, AI, "SIP/2.0 486").to_string();
        self.hear(AI, &(request("ACK", branch, 1, &busy) + END));
        self.close(call);
        first
    }
}

fn options(outs: &[Out]) -> Vec<(&str, &str)> {
    let options = outs.iter().filter_map(|out| match out {
        Out::Message(at, text) if text.starts_with("OPTIONS") => Some((at.as_str(), text.as_str())),
        _ => None,
    });
    options.collect()
}

const ALL: [&str; 3] = [ZENDESK, SECOND, THIRD];

fn everyone(_: &str) -> Option<&'static str> {
    Some("405 Method Not Allowed")
}

fn nobody(_: &str) -> Option<&'static str> {
    None
}

#[test]
fn each_address_is_asked_by_itself_and_not_all_at_once() {
    let mut w = World::pinging(&ALL);
    let outs = w.goes_on(EVERY, &ALL, everyone);
    let sent = options(&outs);
    let mut asked: Vec<_> = sent.iter().map(|(at, _)| *at).collect();
    asked.sort_unstable();
    assert_eq!(asked, ALL);
    let (to, first) = sent[0];
    assert!(first.starts_with(
        "OPTIONS sip:acme.sip.twilio.com SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.10:5060;branch="
    ));
    assert_eq!(field(first, "To"), "<sip:acme.sip.twilio.com>");
    assert!(field(first, "From").starts_with("<sip:203.0.113.10>;tag="));
    assert_eq!((field(first, "CSeq"), field(first, "Accept")), ("1 OPTIONS", "application/sdp"));
    assert_eq!(field(first, "Contact"), "<sip:203.0.113.10:5060>");
    let mut all = told(&outs);
    assert_eq!(all[0], (to.to_string(), None));
    all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(all, ALL.map(|address| (address.to_string(), None)), "each is told of once");
    // At other times by another seed, and once in each interval.
    let times = |seed| {
        let mut w = World::with(seed, pinging());
        w.resolves(&ALL);
        let times = |w: &mut World| {
            let at =
                |outs: Vec<Out>| -> Vec<_> { options(&outs).iter().map(|(at, _)| at.to_string()).collect() };
            (0..9).map(|_| at(w.goes_on(EVERY / 3, &ALL, everyone))).collect::<Vec<_>>()
        };
        times(&mut w)
    };
    assert_ne!(times(1), times(2));
    for interval in times(3).chunks(3) {
        let asked = interval.iter().flatten();
        assert!((2..=4).contains(&asked.clone().count()), "{interval:?}");
        assert!(interval[0].len() < 3, "{interval:?}");
    }
}

#[test]
fn who_ignores_pings_is_judged_by_calls_alone() {
    let mut w = World::pinging(&[ZENDESK, SECOND]);
    let outs = w.goes_on(10 * EVERY, &[ZENDESK, SECOND], nobody);
    assert!(options(&outs).len() > 20, "each is repeated");
    assert_eq!(told(&outs), []);
    assert_eq!(w.health(ZENDESK), Some(Health::Unknown));
    assert_eq!(w.sbc.counters().get(Reason::PingUnanswered), 0);
    assert_eq!(w.rings_first("1", &[ZENDESK, SECOND]), ZENDESK);
}

#[test]
fn an_address_that_falls_silent_is_tried_last_until_it_answers() {
    let mut w = World::pinging(&[ZENDESK, SECOND]);
    w.goes_on(EVERY, &[ZENDESK, SECOND], everyone);
    assert_eq!(w.rings_first("1", &[ZENDESK, SECOND]), ZENDESK);
    let second = |to: &str| everyone(to).filter(|_| to == SECOND);
    let outs = w.goes_on(EVERY + 32_000, &[ZENDESK, SECOND], second);
    assert_eq!(told(&outs), [(ZENDESK.to_string(), Some(Reason::PingUnanswered))]);
    assert_eq!(w.rings_first("2", &[ZENDESK, SECOND]), SECOND);
    // For as long as it takes, and told of once.
    let outs = w.goes_on(20 * EVERY, &[ZENDESK, SECOND], second);
    assert_eq!(told(&outs), []);
    assert_eq!(w.health(ZENDESK), Some(Health::Silent));
    assert_eq!(w.rings_first("3", &[ZENDESK, SECOND]), SECOND);
    assert!(w.sbc.counters().get(Reason::PingUnanswered) > 8);
    // One answer, even to a request that is repeated, and it is back.
    let outs = w.goes_on(EVERY, &[ZENDESK, SECOND], everyone);
    assert_eq!(told(&outs), [(ZENDESK.to_string(), None)]);
    assert_eq!(w.rings_first("4", &[ZENDESK, SECOND]), ZENDESK);
}

#[test]
fn every_final_response_but_503_is_a_sign_of_life() {
    for (status, health) in [
        ("200 OK", Health::Up),
        ("302 Moved Temporarily", Health::Up),
        ("401 Unauthorized", Health::Up),
        ("404 Not Found", Health::Up),
        ("405 Method Not Allowed", Health::Up),
        ("500 Oops", Health::Up),
        ("501 Not Implemented", Health::Up),
        ("603 Decline", Health::Up),
        ("503 Service Unavailable", Health::Refusing),
        ("100 Trying", Health::Unknown),
    ] {
        let mut w = World::pinging(&[ZENDESK]);
        w.goes_on(EVERY + 35_000, &[ZENDESK], |_| Some(status));
        assert_eq!(w.health(ZENDESK), Some(health), "{status}");
    }
}

#[test]
fn who_answers_503_is_tried_last_until_it_answers_something_else() {
    let mut w = World::pinging(&[ZENDESK, SECOND]);
    let full = |to: &str| Some(if to == ZENDESK { "503 Draining" } else { "200 OK" });
    let outs = w.goes_on(EVERY, &[ZENDESK, SECOND], full);
    assert!(told(&outs).contains(&(ZENDESK.to_string(), Some(Reason::PingRefused))));
    w.goes_on(4 * EVERY, &[ZENDESK, SECOND], full);
    assert_eq!(w.rings_first("1", &[ZENDESK, SECOND]), SECOND);
    let outs = w.goes_on(EVERY, &[ZENDESK, SECOND], everyone);
    assert_eq!(told(&outs), [(ZENDESK.to_string(), None)]);
    assert_eq!(w.rings_first("2", &[ZENDESK, SECOND]), ZENDESK);
}

#[test]
fn who_wants_to_be_left_alone_for_a_while_is() {
    let mut w = World::pinging(&[ZENDESK]);
    let outs = w.goes_on(EVERY, &[ZENDESK], nobody);
    let (_, sent) = options(&outs)[0];
    let wait = "Retry-After: 50 (busy)\r\n";
    w.hear(ZENDESK, &respond(sent, "503 Service Unavailable", wait, ""));
    assert_eq!(w.health(ZENDESK), Some(Health::Refusing));
    assert_eq!(options(&w.goes_on(49_000, &[ZENDESK], nobody)), []);
    assert_eq!(options(&w.goes_on(1_500, &[ZENDESK], everyone)).len(), 1);
    assert_eq!(w.health(ZENDESK), Some(Health::Up));
}

/// What leaves when a call rings these addresses, whose first says nothing; then the call is over.
fn first_is_silent(w: &mut World, branch: &str) -> Vec<Out> {
    let outs = w.hear(AI, &invite(branch, "support", ""));
    let call = started(&outs);
    w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
    let question = Question { about: About::Call(call), target: TARGET };
    let outs = w.tell(Input::Resolved(question, &at(&[ZENDESK, SECOND])));
    assert_eq!(invited(&outs), ZENDESK);
    let outs = w.goes_on(4_000, &[ZENDESK, SECOND], everyone);
    let sent = message(&outs, SECOND, "INVITE").to_string();
    let refused = w.hear(SECOND, &respond(&sent, "486 Busy Here", "", ""));
    let busy = message(&refused, AI, "SIP/2.0 486").to_string();
    w.hear(AI, &(request("ACK", branch, 1, &busy) + END));
    w.close(call);
    outs
}

#[test]
fn who_answers_pings_and_no_calls_is_tried_last_as_who_is_not_pinged() {
    let mut w = World::pinging(&[ZENDESK, SECOND]);
    w.goes_on(EVERY, &[ZENDESK, SECOND], everyone);
    let outs = first_is_silent(&mut w, "1");
    // It is asked at once, and answers.
    let asked = options(&outs).iter().filter(|(at, _)| *at == ZENDESK).count();
    assert!(asked >= 1, "{outs:#?}");
    assert_eq!(w.health(ZENDESK), Some(Health::Up));
    w.goes_on(50_000, &[ZENDESK, SECOND], everyone);
    assert_eq!(w.rings_first("2", &[ZENDESK, SECOND]), SECOND, "for a minute");
    w.goes_on(10_000, &[ZENDESK, SECOND], everyone);
    assert_eq!(w.rings_first("3", &[ZENDESK, SECOND]), ZENDESK);
}

#[test]
fn who_was_silent_to_a_call_and_to_pings_is_back_with_its_first_answer() {
    let mut config = pinging();
    let trunk = Trunk { ping: NonZeroU16::new(5), ..config.trunks[1] };
    config.trunks = leak(vec![config.trunks[0], trunk, config.trunks[2]]);
    let mut w = World::with(7, config);
    w.resolves(&[ZENDESK, SECOND]);
    w.goes_on(5_100, &[ZENDESK, SECOND], everyone);
    assert_eq!(w.health(ZENDESK), Some(Health::Up));
    let outs = w.hear(AI, &invite("1", "support", ""));
    let call = started(&outs);
    w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
    let question = Question { about: About::Call(call), target: TARGET };
    w.tell(Input::Resolved(question, &at(&[ZENDESK, SECOND])));
    let second = |to: &str| everyone(to).filter(|_| to == SECOND);
    w.goes_on(40_000, &[ZENDESK, SECOND], second);
    assert_eq!(w.health(ZENDESK), Some(Health::Silent));
    // Less than a minute after the call.
    w.goes_on(5_500, &[ZENDESK, SECOND], everyone);
    assert_eq!(w.health(ZENDESK), Some(Health::Up));
    assert_eq!(w.rings_first("2", &[ZENDESK, SECOND]), ZENDESK);
    w.tell(Input::Command(Command::HangUp(call)));
}

#[test]
fn a_503_to_a_call_is_not_undone_by_the_answer_to_a_ping() {
    let mut w = World::pinging(&[ZENDESK, SECOND]);
    w.goes_on(EVERY, &[ZENDESK, SECOND], everyone);
    let outs = w.hear(AI, &invite("1", "support", ""));
    let call = started(&outs);
    w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
    let question = Question { about: About::Call(call), target: TARGET };
    let outs = w.tell(Input::Resolved(question, &at(&[ZENDESK, SECOND])));
    let sent = message(&outs, ZENDESK, "INVITE").to_string();
    w.hear(ZENDESK, &respond(&sent, "503 Full", "", ""));
    // It falls silent meanwhile, and is back: full it may be still.
    w.goes_on(1_000, &[ZENDESK, SECOND], everyone);
    assert_eq!(w.rings_first("2", &[ZENDESK, SECOND]), SECOND);
    w.goes_on(50_000, &[ZENDESK, SECOND], everyone);
    assert_eq!(w.rings_first("3", &[ZENDESK, SECOND]), SECOND);
    w.goes_on(10_000, &[ZENDESK, SECOND], everyone);
    assert_eq!(w.rings_first("4", &[ZENDESK, SECOND]), ZENDESK);
    w.tell(Input::Command(Command::HangUp(call)));
}

#[test]
fn a_call_that_is_taken_shows_that_pings_are_wrong() {
    let mut w = World::pinging(&[ZENDESK]);
    w.goes_on(EVERY, &[ZENDESK], everyone);
    w.goes_on(2 * EVERY + 35_000, &[ZENDESK], nobody);
    assert_eq!(w.health(ZENDESK), Some(Health::Silent));
    let (call, sent) = w.ring();
    let outs = w.hear(ZENDESK, &respond(&sent, "180 Ringing", "", ""));
    assert_eq!(told(&outs), [(ZENDESK.to_string(), None)]);
    assert_eq!(w.health(ZENDESK), Some(Health::Unknown));
    w.tell(Input::Command(Command::HangUp(call)));
    // From then on its silence says no more than that of who has never answered.
    let outs = w.goes_on(4 * EVERY, &[ZENDESK], nobody);
    assert_eq!(told(&outs), []);
}

#[test]
fn only_the_answer_of_who_was_asked_counts() {
    let mut w = World::pinging(&[ZENDESK]);
    let outs = w.goes_on(EVERY, &[ZENDESK], nobody);
    let answer = respond(options(&outs)[0].1, "200 OK", "", "");
    let stray = |w: &World| w.sbc.counters().get(Reason::StrayResponse);
    let branch = answer.find("z9hG4bK").unwrap() + 7;
    let mut guessed = answer.clone();
    guessed.replace_range(branch..branch + 16, "0123456789abcdef");
    w.hear(ZENDESK, &guessed);
    assert_eq!((stray(&w), w.health(ZENDESK)), (1, Some(Health::Unknown)));
    for from in [AI, SECOND] {
        // The same seed sends the same request.
        let mut w = World::pinging(&[ZENDESK]);
        let outs = w.goes_on(EVERY, &[ZENDESK], nobody);
        assert_eq!(field(options(&outs)[0].1, "Via"), field(&answer, "Via"));
        w.hear(from, &answer);
        assert_eq!(w.health(ZENDESK), Some(Health::Unknown), "{from}");
    }
    // From another port of its own: a server may answer so.
    w.hear("54.172.60.1:49152", &answer);
    assert_eq!(w.health(ZENDESK), Some(Health::Up));
    // Nothing is made of what comes again, or of another method with the same branch.
    w.hear(ZENDESK, &answer.replace("200 OK", "503 Full"));
    w.hear(ZENDESK, &answer.replace("1 OPTIONS", "1 BYE"));
    assert_eq!((stray(&w), w.health(ZENDESK)), (2, Some(Health::Up)));
}

#[test]
fn addresses_come_and_go_with_the_name() {
    let mut w = World::pinging(&[ZENDESK, "198.51.100.7:5060"]);
    assert_eq!(w.sbc.pinged().count(), 1, "those in no range of the trunk's are left out");
    w.goes_on(EVERY, &[ZENDESK, SECOND], everyone);
    let outs = w.goes_on(EVERY, &[SECOND], everyone);
    assert!(w.health(SECOND).is_some() && w.health(ZENDESK).is_some(), "{outs:?}");
    // Not named for some rounds, or not at all.
    w.goes_on(150_000, &[SECOND], everyone);
    assert_eq!((w.health(ZENDESK), w.health(SECOND)), (None, Some(Health::Up)));
    w.goes_on(180_000, &[], everyone);
    assert_eq!(w.sbc.pinged().count(), 0);
    // More than there is room for.
    let many = ["54.172.60.1:1", "54.172.60.1:2", "54.172.60.1:3", "54.172.60.1:4", "54.172.60.1:5"];
    w.goes_on(EVERY + 1_000, &many, everyone);
    assert_eq!(w.sbc.pinged().count(), 4);
    // A host that never says anything does not hold up the others.
    for _ in 0..20 {
        w.later(10_000);
    }
    assert_eq!(w.sbc.pinged().count(), 0);
}

#[test]
fn pings_stop_when_the_node_does_and_callers_are_told() {
    let mut w = World::pinging(&[ZENDESK]);
    w.goes_on(EVERY, &[ZENDESK], everyone);
    let asked = invite("9", "support", "").replace("INVITE", "OPTIONS").replace(OFFER, "");
    let asked = asked.replace(&format!("Content-Length: {}", OFFER.len()), "Content-Length: 0");
    let ok = w.hear(AI, &asked);
    let ok = message(&ok, AI, "SIP/2.0 200 OK");
    assert!(field(ok, "Allow").contains("INVITE") && field(ok, "Supported").contains("100rel"));
    assert_eq!(field(ok, "Accept"), "application/sdp");
    let (call, invite) = w.ring();
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    let answered = message(&outs, AI, "SIP/2.0 200 OK").to_string();
    w.hear(AI, &(request("ACK", "2", 1, &answered) + END));
    w.tell(Input::Command(Command::Drain));
    let refused = w.hear(AI, &asked.replace("branch=z9hG4bK9", "branch=z9hG4bK10"));
    let refused = message(&refused, AI, "SIP/2.0 503");
    assert_eq!(field(refused, "Retry-After"), "60");
    // Within a dialog it is the dialog that is asked.
    let outs = w.hear(AI, &(request("OPTIONS", "3", 2, &answered) + END));
    message(&outs, AI, "SIP/2.0 200 OK");
    assert_eq!(options(&w.goes_on(3 * EVERY, &[ZENDESK], everyone)), []);
    w.hear(AI, &(request("BYE", "4", 3, &answered) + END));
    w.close(call);
    w.is_clean();
}

#[test]
fn what_is_known_of_an_address_outlasts_another_configuration() {
    let mut w = World::pinging(&[ZENDESK, SECOND]);
    w.goes_on(EVERY, &[ZENDESK, SECOND], everyone);
    let second = |to: &str| everyone(to).filter(|_| to == SECOND);
    w.goes_on(2 * EVERY + 32_000, &[ZENDESK, SECOND], second);
    assert_eq!(w.health(ZENDESK), Some(Health::Silent));
    // Its trunk and its target stand elsewhere.
    let mut other = pinging();
    let (trunks, targets) = (other.trunks, other.targets);
    other.trunks = leak(vec![trunks[1], trunks[0], trunks[2]]);
    let name = trunks[0].name;
    other.targets = leak(vec![
        Target { name, trunk: TrunkIndex(2), ..targets[0] },
        Target { trunk: TrunkIndex(0), ..targets[0] },
    ]);
    let mut sources = other.sources.to_vec();
    for range in sources.iter_mut().filter(|range| range.value < 2) {
        range.value = 1 - range.value;
    }
    other.sources = leak(sources);
    other.callers = leak(vec![TrunkIndex(1), TrunkIndex(2)]);
    other.rings = leak(vec![Ring { target: TargetIndex(1), ..other.rings[0] }]);
    let old = core::mem::replace(&mut w.config, other);
    w.sbc.reconfigure(&w.cx(), &old);
    let outs = w.goes_on(EVERY, &[ZENDESK, SECOND], everyone);
    assert!(options(&outs).len() >= 2, "{outs:#?}");
    let pinged: Vec<_> = w.sbc.pinged().collect();
    assert_eq!(pinged.len(), 2);
    assert!(pinged.iter().all(|pinged| pinged.trunk == TrunkIndex(0)), "{pinged:?}");
    assert_eq!((w.health(ZENDESK), w.health(SECOND)), (Some(Health::Up), Some(Health::Up)));
    let told_of = |out: &&Out| matches!(out, Out::Other(Output::Event(Event::Reachable { .. })));
    assert_eq!(outs.iter().filter(told_of).count(), 1, "only what is news");
    // It is not to be pinged any more.
    let mut quiet = w.config;
    let trunk = Trunk { ping: None, ..quiet.trunks[0] };
    quiet.trunks = leak(vec![trunk, quiet.trunks[1], quiet.trunks[2]]);
    let old = core::mem::replace(&mut w.config, quiet);
    w.sbc.reconfigure(&w.cx(), &old);
    assert_eq!((w.sbc.pinged().count(), options(&w.goes_on(3 * EVERY, &[], nobody)).len()), (0, 0));
    w.is_clean();
}

#[test]
fn pings_leave_room_for_calls() {
    let mut w = World::pinging(&[ZENDESK, SECOND, THIRD, "54.172.60.0:5060"]);
    // Half of 16, of which each call takes two.
    let calls: Vec<CallId> = (1..=4)
        .map(|number: u64| {
            let outs = w.hear(AI, &invite(&format!("c{number}"), "support", ""));
            let call = started(&outs);
            w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
            let question = Question { about: About::Call(call), target: TARGET };
            let outs = w.tell(Input::Resolved(question, &at(&[ZENDESK])));
            let sent = message(&outs, ZENDESK, "INVITE").to_string();
            w.hear(ZENDESK, &respond(&sent, "180 Ringing", "", ""));
            call
        })
        .collect();
    assert_eq!(w.sbc.usage().transactions, 8);
    let outs = w.goes_on(18_000, &ALL, nobody);
    assert_eq!(options(&outs), []);
    w.tell(Input::Command(Command::HangUpAll));
    calls.into_iter().for_each(|call| drop(w.close(call)));
    // They are sent once there is room, a little later than they were due.
    let outs = w.goes_on(60_000, &ALL, everyone);
    assert!(!options(&outs).is_empty());
}

#[test]
fn literal_addresses_need_no_lookup_and_a_place_of_two_targets_is_one() {
    let mut config = pinging();
    let mut texts = Texts(String::from_utf8(config.text.to_vec()).unwrap());
    let (uri, host) = (texts.add("sip:sales@54.172.60.2:5070"), texts.add("54.172.60.2"));
    let target = |name, uri| Target { port: Some(5070), ..Target::new(name, TRUNK, uri, host) };
    let other = texts.add("sip:help@54.172.60.2:5070");
    config.targets = leak(vec![target(texts.add("sales"), uri), target(texts.add("help"), other)]);
    config.text = leak(texts.0.into_bytes());
    let mut w = World::with(7, config);
    assert!(w.drain().is_empty());
    assert_eq!(w.sbc.pinged().count(), 1);
    let outs = w.goes_on(EVERY, &[], everyone);
    let [(to, sent)] = options(&outs)[..] else { panic!("{outs:#?}") };
    assert_eq!((to, sent.lines().next()), ("54.172.60.2:5070", Some("OPTIONS sip:54.172.60.2:5070 SIP/2.0")));
}
