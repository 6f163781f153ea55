//! Registering at a carrier's registrar, which verifies as a registrar would, by [`Verifier`].

use super::*;
use crate::digest::{Demand, DigestResponse, Request as Asked, Secret, Verifier, Window};
use crate::sip::Writer;

const REGISTRAR: &str = "192.0.2.3:5060";
const OURS: &str = "203.0.113.10";

fn registering() -> Config<'static> {
    let mut config = config();
    let mut texts = Texts(String::from_utf8(config.text.to_vec()).unwrap());
    let host = texts.add("carrier.example.net");
    let place = Target::new(Span::EMPTY, TrunkIndex(2), texts.add("sip:carrier.example.net"), host);
    let login = Credentials { user: texts.add("warm"), realm: Span::EMPTY, secret: texts.add("4711") };
    let aor = texts.add("sip:warm@carrier.example.net");
    let registration = Some(Registrar { target: TargetIndex(1), aor });
    let trunk = Trunk { credentials: Some(login), registration, ..config.trunks[2] };
    config.trunks = leak(vec![config.trunks[0], config.trunks[1], trunk]);
    config.targets = leak(vec![config.targets[0], place]);
    config.text = leak(texts.0.into_bytes());
    config
}

struct Server {
    verifier: Verifier<'static>,
}

impl Server {
    fn new() -> Self {
        Self { verifier: Verifier::new(&mut Random::new(&[3; 32]), leak(vec![Window::EMPTY; 4])) }
    }

    fn ask(&mut self, now: Instant, stale: bool) -> String {
        let mut out = [0; 1024];
        let mut w = Writer::new(&mut out);
        self.verifier.challenge(now, OURS.parse().unwrap(), b"carrier", Demand::Server, stale, &mut w);
        let len = w.finish().unwrap();
        String::from_utf8(out[..len].to_vec()).unwrap()
    }

    fn verifies(&mut self, now: Instant, request: &str) -> bool {
        let message = crate::sip::Message::parse(request.as_bytes()).unwrap();
        let value = message.headers(Demand::Server.credentials()).next().unwrap();
        let credentials = DigestResponse::parse(value).unwrap();
        let uri = message.request_uri().unwrap().bytes;
        let asked = Asked { source: OURS.parse().unwrap(), method: b"REGISTER", uri };
        self.verifier.verify(now, &asked, b"carrier", &credentials, Some(Secret::new(b"4711"))).is_ok()
    }
}

fn event(outs: &[Out]) -> Vec<Event> {
    outs.iter()
        .filter_map(|out| match out {
            Out::Other(Output::Event(event)) => Some(*event),
            _ => None,
        })
        .collect()
}

const TRUNK: TrunkIndex = TrunkIndex(2);

impl World {
    /// Begins to register: the first REGISTER.
    fn registers(&mut self) -> String {
        let outs = self.drain();
        let question = Question { about: About::Trunk(TRUNK), target: TargetIndex(1) };
        assert!(matches!(outs[..], [Out::Other(Output::Resolve(asked))] if asked == question));
        let outs = self.tell(Input::Resolved(question, &at(&["203.0.113.66:5060", REGISTRAR])));
        message(&outs, REGISTRAR, "REGISTER").to_string()
    }

    fn state(&self) -> Registered {
        self.sbc.registered(&self.cx(), TRUNK).unwrap()
    }
}

fn granted(request: &str, seconds: u32) -> String {
    let contact = field(request, "Contact");
    respond(request, "200 OK", &format!("Contact: {contact};expires={seconds}\r\n"), "")
        .replace(&format!("Contact: <sip:{ZENDESK}>\r\n"), "")
}

#[test]
fn it_registers_refreshes_and_gives_it_back() {
    let (mut w, mut registrar) = (World::with(7, registering()), Server::new());
    let first = w.registers();
    assert!(first.starts_with("REGISTER sip:carrier.example.net SIP/2.0\r\n"), "{first}");
    assert_eq!(field(&first, "To"), "<sip:warm@carrier.example.net>");
    assert_eq!(field(&first, "Contact"), "<sip:warm@203.0.113.10:5060>");
    assert_eq!((field(&first, "Expires"), field(&first, "CSeq")), ("3600", "1 REGISTER"));
    assert!(!first.contains("uthorization"));
    // It is repeated until it is answered.
    assert_eq!(message(&w.later(500), REGISTRAR, "REGISTER"), first);
    let ask = registrar.ask(w.now, false);
    let outs = w.hear(REGISTRAR, &respond(&first, "401 Unauthorized", &ask, ""));
    let second = message(&outs, REGISTRAR, "REGISTER").to_string();
    assert!(registrar.verifies(w.now, &second), "{second}");
    assert_eq!((field(&second, "Call-ID"), field(&second, "CSeq")), (field(&first, "Call-ID"), "2 REGISTER"));
    assert_ne!(field(&second, "Via"), field(&first, "Via"));
    assert_eq!(w.state(), Registered { until: None, failures: 0 });
    let outs = w.hear(REGISTRAR, &granted(&second, 600));
    assert_eq!(event(&outs), [Event::Registered { trunk: TRUNK }]);
    assert_eq!(w.state().until, Some(w.now.after(Duration::from_secs(600))));
    // What comes again says nothing.
    assert!(w.hear(REGISTRAR, &granted(&second, 600)).is_empty());

    assert!(silent(&w.later(500_000)), "too soon");
    let outs = w.later(41_000);
    let question = Question { about: About::Trunk(TRUNK), target: TargetIndex(1) };
    assert!(matches!(outs[..], [Out::Other(Output::Resolve(asked))] if asked == question));
    let outs = w.tell(Input::Resolved(question, &at(&[REGISTRAR])));
    let third = message(&outs, REGISTRAR, "REGISTER").to_string();
    assert_eq!(field(&third, "CSeq"), "3 REGISTER");
    assert_eq!(event(&w.hear(REGISTRAR, &granted(&third, 600))), []);

    let outs = w.tell(Input::Command(Command::Drain));
    let last = message(&outs, REGISTRAR, "REGISTER").to_string();
    assert_eq!(field(&last, "Expires"), "0");
    let ask = registrar.ask(w.now, true);
    let outs = w.hear(REGISTRAR, &respond(&last, "401 Unauthorized", &ask, ""));
    let last = message(&outs, REGISTRAR, "REGISTER").to_string();
    assert!(registrar.verifies(w.now, &last) && field(&last, "Expires") == "0");
    let outs = w.hear(REGISTRAR, &respond(&last, "200 OK", "", ""));
    assert_eq!(event(&outs), [Event::Unregistered { trunk: TRUNK, reason: Reason::RegistrationGivenBack }]);
    assert_eq!(w.state().until, None);
    assert!(w.later(10_000_000).is_empty(), "it is over");
    w.is_clean();
}

#[test]
fn what_fails_is_tried_again_later_and_later() {
    let mut w = World::with(7, registering());
    let first = w.registers();
    let outs = w.hear(REGISTRAR, &respond(&first, "403 Forbidden", "", ""));
    let failed = Event::Unregistered { trunk: TRUNK, reason: Reason::RegistrarRefused };
    assert_eq!(event(&outs), [failed]);
    for (failures, least, most) in [(1, 15, 30), (2, 30, 60), (3, 60, 120)] {
        assert_eq!(w.state(), Registered { until: None, failures });
        assert!(w.later(least * 1000 - 1).is_empty(), "{failures}");
        let outs = w.later((most - least) * 1000 + 1);
        assert!(matches!(outs[..], [Out::Other(Output::Resolve(_))]), "{outs:?}");
        // The host knows no address.
        let question = Question { about: About::Trunk(TRUNK), target: TargetIndex(1) };
        let outs = w.tell(Input::Resolved(question, &at(&["203.0.113.66:5060"])));
        assert_eq!(event(&outs), [Event::Unregistered { trunk: TRUNK, reason: Reason::RegistrarUnresolved }]);
    }
    for _ in 0..20 {
        w.later(1_800_000);
    }
    assert!((10..30).contains(&w.state().failures));
}

#[test]
fn a_silent_registrar_is_given_up() {
    let mut w = World::with(7, registering());
    w.registers();
    let mut outs = Vec::new();
    for _ in 0..40 {
        outs.extend(w.later(1000));
    }
    assert_eq!(event(&outs), [Event::Unregistered { trunk: TRUNK, reason: Reason::RegistrarSilent }]);
    assert_eq!(w.sbc.counters().get(Reason::RegistrarSilent), 1);
    assert_eq!(w.sbc.usage().transactions, 0);
}

#[test]
fn it_asks_for_longer_where_the_registrar_wants_that() {
    let mut w = World::with(7, registering());
    let first = w.registers();
    let outs = w.hear(REGISTRAR, &respond(&first, "423 Interval Too Brief", "Min-Expires: 7200\r\n", ""));
    let second = message(&outs, REGISTRAR, "REGISTER").to_string();
    assert_eq!(field(&second, "Expires"), "7200");
    // One that wants less, or ever more, is no registrar.
    let outs = w.hear(REGISTRAR, &respond(&second, "423 Interval Too Brief", "Min-Expires: 60\r\n", ""));
    assert_eq!(event(&outs), [Event::Unregistered { trunk: TRUNK, reason: Reason::RegistrarRefused }]);
}

#[test]
fn a_wrong_password_is_not_tried_twice() {
    let (mut w, mut registrar) = (World::with(7, registering()), Server::new());
    let mut request = w.registers();
    let ask = registrar.ask(w.now, false);
    let outs = w.hear(REGISTRAR, &respond(&request, "407 Proxy Authentication Required", &ask, ""));
    let wants = Event::Unregistered { trunk: TRUNK, reason: Reason::RegistrarWantsCredentials };
    assert_eq!(event(&outs), [wants], "a 407 without Proxy-Authenticate");
    let mut w = World::with(8, registering());
    request = w.registers();
    let outs = w.hear(REGISTRAR, &respond(&request, "401 Unauthorized", &ask, ""));
    request = message(&outs, REGISTRAR, "REGISTER").to_string();
    let outs = w.hear(REGISTRAR, &respond(&request, "401 Unauthorized", &ask, ""));
    let refused = Event::Unregistered { trunk: TRUNK, reason: Reason::RegistrarRefusedCredentials };
    assert_eq!(event(&outs), [refused]);
    // Ever stale is no reason to go on for ever.
    let mut w = World::with(9, registering());
    request = w.registers();
    for _ in 0..4 {
        let ask = registrar.ask(w.now, true);
        let outs = w.hear(REGISTRAR, &respond(&request, "401 Unauthorized", &ask, ""));
        request = message(&outs, REGISTRAR, "REGISTER").to_string();
    }
    let ask = registrar.ask(w.now, true);
    let outs = w.hear(REGISTRAR, &respond(&request, "401 Unauthorized", &ask, ""));
    assert!(silent(&outs) && event(&outs).len() == 1);
}

#[test]
fn only_the_registrar_s_trunk_is_heard() {
    let mut w = World::with(7, registering());
    let first = w.registers();
    assert!(w.hear(AI, &granted(&first, 600)).is_empty());
    assert_eq!(w.state().until, None);
}

impl World {
    /// Registered for ten minutes.
    fn registered() -> Self {
        let mut w = Self::with(7, registering());
        let first = w.registers();
        w.hear(REGISTRAR, &granted(&first, 600));
        assert_eq!(w.state().until, Some(w.now.after(Duration::from_secs(600))));
        w
    }

    fn reconfigures(&mut self, new: Config<'static>) -> Vec<Out> {
        let old = core::mem::replace(&mut self.config, new);
        self.sbc.reconfigure(&self.cx(), &old);
        self.drain()
    }

    fn leaves_for(&mut self, new: &Config<'static>) -> Vec<Out> {
        self.sbc.leave_for(&self.cx(), new);
        self.drain()
    }
}

/// The trunks in this order, of `config`'s.
fn ordered(mut config: Config<'static>, order: [usize; 3]) -> Config<'static> {
    config.trunks = leak(order.map(|old| config.trunks[old]).to_vec());
    let now = |old: u16| order.iter().position(|&it| it == usize::from(old)).unwrap() as u16;
    let mut sources = config.sources.to_vec();
    sources.iter_mut().for_each(|range| range.value = now(range.value));
    config.sources = leak(sources);
    let targets = config.targets.iter().map(|t| Target { trunk: TrunkIndex(now(t.trunk.0)), ..*t });
    config.targets = leak(targets.collect());
    config.callers = leak(config.callers.iter().map(|trunk| TrunkIndex(now(trunk.0))).collect());
    config
}

#[test]
fn a_registration_goes_where_its_trunk_goes() {
    for order in [[2, 0, 1], [1, 2, 0], [0, 2, 1], [2, 1, 0], [0, 1, 2]] {
        let mut w = World::registered();
        let new = ordered(registering(), order);
        assert!(w.leaves_for(&new).is_empty() && !w.sbc.is_leaving());
        assert!(w.reconfigures(new).is_empty());
        let trunk = TrunkIndex(order.iter().position(|&old| old == 2).unwrap() as u16);
        for other in (0..3).map(TrunkIndex).filter(|&other| other != trunk) {
            assert_eq!(w.sbc.registered(&w.cx(), other), None);
        }
        let state = w.sbc.registered(&w.cx(), trunk).unwrap();
        assert_eq!(state.until, Some(w.now.after(Duration::from_secs(600))), "{order:?}");
        assert!(silent(&w.later(500_000)), "too soon");
        // It is refreshed as it would have been.
        let outs = w.later(41_000);
        let question = Question { about: About::Trunk(trunk), target: TargetIndex(1) };
        assert!(matches!(outs[..], [Out::Other(Output::Resolve(asked))] if asked == question), "{outs:?}");
        let outs = w.tell(Input::Resolved(question, &at(&[REGISTRAR])));
        let again = message(&outs, REGISTRAR, "REGISTER").to_string();
        assert_eq!(field(&again, "CSeq"), "2 REGISTER");
        // While that is out, it goes back.
        w.reconfigures(registering());
        assert_eq!(event(&w.hear(REGISTRAR, &granted(&again, 600))), []);
        assert_eq!(w.state().until, Some(w.now.after(Duration::from_secs(600))));
    }
}

#[test]
fn what_another_configuration_has_not_is_given_back_first() {
    for gone in [true, false] {
        let mut w = World::registered();
        let mut new = registering();
        let trunk = new.trunks[2];
        let trunk = match gone {
            // Only its name is another.
            true => Trunk { name: new.domains[0], ..trunk },
            false => Trunk { registration: None, ..trunk },
        };
        new.trunks = leak(vec![new.trunks[0], new.trunks[1], trunk]);
        let outs = w.leaves_for(&new);
        let last = message(&outs, REGISTRAR, "REGISTER").to_string();
        assert_eq!((field(&last, "Expires"), field(&last, "CSeq")), ("0", "2 REGISTER"));
        assert!(w.sbc.is_leaving());
        let outs = w.hear(REGISTRAR, &respond(&last, "200 OK", "", ""));
        assert_eq!(
            event(&outs),
            [Event::Unregistered { trunk: TRUNK, reason: Reason::RegistrationGivenBack }]
        );
        assert!(!w.sbc.is_leaving());
        let outs = w.reconfigures(new);
        // Under its other name it is another trunk.
        let asks = outs.iter().filter(|out| matches!(out, Out::Other(Output::Resolve(_)))).count();
        assert_eq!(asks, usize::from(gone), "{outs:?}");
        assert!(silent(&outs));
    }
}

#[test]
fn who_is_called_otherwise_now_gives_the_old_name_back_and_takes_the_new_one() {
    let mut w = World::registered();
    let mut new = registering();
    let mut texts = Texts(String::from_utf8(new.text.to_vec()).unwrap());
    let registration =
        Some(Registrar { target: TargetIndex(1), aor: texts.add("sip:cold@carrier.example.net") });
    new.trunks = leak(vec![new.trunks[0], new.trunks[1], Trunk { registration, ..new.trunks[2] }]);
    new.text = leak(texts.0.into_bytes());
    let outs = w.leaves_for(&new);
    let last = message(&outs, REGISTRAR, "REGISTER").to_string();
    assert_eq!((field(&last, "To"), field(&last, "Expires")), ("<sip:warm@carrier.example.net>", "0"));
    // Its registrar is dead: whoever waits has waited enough.
    assert!(w.sbc.is_leaving());
    w.later(2_000);
    w.reconfigures(new);
    assert!(!w.sbc.is_leaving());
    let question = Question { about: About::Trunk(TRUNK), target: TargetIndex(1) };
    let outs = w.tell(Input::Resolved(question, &at(&[REGISTRAR])));
    let first = message(&outs, REGISTRAR, "REGISTER").to_string();
    assert_eq!((field(&first, "To"), field(&first, "Expires")), ("<sip:cold@carrier.example.net>", "3600"));
    assert_ne!(field(&first, "Call-ID"), field(&last, "Call-ID"));
    w.hear(REGISTRAR, &granted(&first, 600));
    // What was given back is not sent again, and its late answer undoes nothing.
    for _ in 0..80 {
        assert!(silent(&w.later(500)));
    }
    w.hear(REGISTRAR, &respond(&last, "200 OK", "", ""));
    assert!(w.state().until.is_some());
}

#[test]
fn what_was_given_back_for_nothing_is_registered_anew() {
    let mut w = World::registered();
    let mut new = registering();
    new.trunks = leak(vec![new.trunks[0], new.trunks[1], Trunk { registration: None, ..new.trunks[2] }]);
    let outs = w.leaves_for(&new);
    let last = message(&outs, REGISTRAR, "REGISTER").to_string();
    w.hear(REGISTRAR, &respond(&last, "200 OK", "", ""));
    // Its user has thought better of it.
    let outs = w.reconfigures(registering());
    assert!(matches!(outs[..], [Out::Other(Output::Resolve(_))]), "{outs:?}");
    // Not so while the node ends.
    let mut w = World::registered();
    w.tell(Input::Command(Command::Drain));
    assert!(w.sbc.is_leaving());
    assert!(w.reconfigures(registering()).is_empty() && w.sbc.is_leaving());
}
