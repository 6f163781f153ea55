//! Calls over connections.

use super::*;

/// The listeners of [`streams`] by their number.
const UDP: u8 = 0;
const TCP: u8 = 1;
const TLS: u8 = 2;

const SECOND: &str = "54.172.60.2:5060";

/// What left: over which path, and the message.
type Sent = (Path, String);

/// The usual configuration, with all three transports; Zendesk is reached by listener `reached`.
fn streams(reached: u8) -> World {
    let mut config = config();
    let listener = |transport, port| Listener { interface: 0, transport, port };
    config.listeners = leak(vec![
        listener(Transport::Udp, 5060),
        listener(Transport::Tcp, 5060),
        listener(Transport::Tls, 5061),
    ]);
    let zendesk = Trunk { listener: reached, ..config.trunks[1] };
    config.trunks = leak(vec![config.trunks[0], zendesk, config.trunks[2]]);
    World::with(7, config)
}

fn path(listener: u8, flow: u32, remote: &str) -> Path {
    let transport = [Transport::Udp, Transport::Tcp, Transport::Tls][usize::from(listener)];
    Path { transport, listener, flow, remote: remote.parse().unwrap() }
}

impl World {
    /// What leaves, with its paths, until it waits.
    fn sent(&mut self) -> Vec<Sent> {
        let mut sent = Vec::new();
        let mut buffer = [0; 4096];
        for _ in 0..100 {
            match self.sbc.poll(&self.cx(), &mut buffer) {
                Output::Wait(_) => return sent,
                Output::Transmit { to, len } => {
                    sent.push((to, String::from_utf8_lossy(&buffer[..len]).into_owned()));
                }
                _ => {}
            }
        }
        panic!("poll never waits: {sent:?}");
    }

    fn hear_by(&mut self, path: Path, text: &str) -> Vec<Sent> {
        let admitted = self.sbc.admit(&self.cx(), path).unwrap();
        self.sbc.handle(&self.cx(), Input::Message(admitted, text.as_bytes()));
        self.sent()
    }

    fn lost(&mut self, path: Path) -> Vec<Sent> {
        self.sbc.handle(&self.cx(), Input::Lost(path));
        self.sent()
    }

    fn in_millis(&mut self, millis: u64) -> Vec<Sent> {
        self.now = self.now.after(Duration::from_millis(millis));
        self.sent()
    }

    /// A call from the AI agent by `from`, as far as the INVITE to the first of these addresses.
    fn ring_by(&mut self, from: Path, more: &str, addresses: &[&str]) -> (CallId, Sent) {
        let invite = invite("1", "support", more).replace("SIP/2.0/UDP", via(from.transport));
        self.hear_by(from, &invite);
        let call = self.sbc.calls().next().unwrap();
        self.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
        let addresses = at(addresses);
        let question = Question { about: About::Call(call), target: TargetIndex(0) };
        self.sbc.handle(&self.cx(), Input::Resolved(question, &addresses));
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:#?}");
        (call, sent.remove(0))
    }
}

fn via(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "SIP/2.0/UDP",
        Transport::Tcp => "SIP/2.0/TCP",
        Transport::Tls => "SIP/2.0/TLS",
    }
}

#[track_caller]
fn one(sent: &[Sent], start: &str) -> Sent {
    let all: Vec<&Sent> = sent.iter().filter(|(_, text)| text.starts_with(start)).collect();
    assert_eq!(all.len(), 1, "{start} in {sent:#?}");
    all[0].clone()
}

#[test]
fn a_call_over_connections_repeats_nothing_but_its_answer() {
    let mut w = streams(TLS);
    let caller = path(TCP, 11, "198.51.100.7:40123");
    let (call, (to, invite)) = w.ring_by(caller, "", &["54.172.60.1:5061"]);
    assert_eq!(to, path(TLS, 0, "54.172.60.1:5061"));
    assert_eq!(w.sbc.addressee(), None, "nothing left last");
    assert!(field(&invite, "Via").starts_with("SIP/2.0/TLS 203.0.113.10:5061;"), "{invite}");
    assert_eq!(field(&invite, "Contact"), "<sip:203.0.113.10:5061;transport=TLS>");
    assert!((0..20).all(|_| w.in_millis(100).is_empty()), "an INVITE is not repeated on a stream");

    let zendesk = path(TLS, 12, "54.172.60.1:5061");
    let sent = w.hear_by(zendesk, &respond(&invite, "180 Ringing", "", ""));
    let (back, _) = one(&sent, "SIP/2.0 180");
    assert_eq!(back, path(TCP, 11, AI), "on its connection, and if that is gone, to where its Via says");
    assert!(w.sbc.uses(11) && w.sbc.uses(12) && !w.sbc.uses(13) && !w.sbc.uses(0));

    let contact = respond(&invite, "200 OK", "", ANSWER)
        .replace(&format!("<sip:{ZENDESK}>"), "<sip:54.172.60.1;transport=tls>");
    let sent = w.hear_by(zendesk, &contact);
    let (to, ack) = one(&sent, "ACK sip:54.172.60.1;transport=tls SIP/2.0");
    assert_eq!(to, zendesk, "its port is that of its transport");
    assert!(field(&ack, "Via").starts_with("SIP/2.0/TLS 203.0.113.10:5061;"));
    let (_, ok) = one(&sent, "SIP/2.0 200 OK");
    assert_eq!(field(&ok, "Contact"), "<sip:203.0.113.10:5060;transport=TCP>");
    // 13.3.1.4: by whatever transport.
    let (again, text) = one(&w.in_millis(500), "SIP/2.0 200 OK");
    assert_eq!((again, &text), (back, &ok));
    w.hear_by(caller, &(request("ACK", "2", 1, &ok) + END));

    let sent = w.hear_by(caller, &(request("BYE", "3", 2, &ok) + END));
    assert_eq!(one(&sent, "SIP/2.0 200 OK").0.flow, 11);
    let (to, bye) = one(&sent, "BYE");
    assert_eq!(to, zendesk);
    assert!((0..20).all(|_| w.in_millis(100).is_empty()));
    w.hear_by(zendesk, &respond(&bye, "200 OK", "", ""));
    w.close(call);
    w.is_clean();
}

#[test]
fn a_dialog_outlives_its_connections() {
    let mut w = streams(TCP);
    let caller = path(TCP, 1, "198.51.100.7:40123");
    let (call, (_, invite)) = w.ring_by(caller, "", &[ZENDESK]);
    let zendesk = path(TCP, 2, ZENDESK);
    w.hear_by(zendesk, &respond(&invite, "180 Ringing", "", ""));
    // It rings: the answer may come by another connection.
    assert!(w.lost(path(TCP, 0, ZENDESK)).is_empty());
    let zendesk = path(TCP, 3, "54.172.60.1:50999");
    let sent = w.hear_by(zendesk, &respond(&invite, "200 OK", "", ANSWER));
    one(&sent, "ACK");
    let (_, ok) = one(&sent, "SIP/2.0 200 OK");
    w.hear_by(caller, &(request("ACK", "2", 1, &ok) + END));

    // The caller's connection goes, and it comes by another one: the BYE to Zendesk goes by the one before, which is
    // gone as well, and once more, and then it is over.
    let caller = path(TCP, 5, "198.51.100.7:40555");
    let sent = w.hear_by(caller, &(request("BYE", "3", 2, &ok) + END));
    assert_eq!(one(&sent, "SIP/2.0 200 OK").0.flow, 5);
    let (to, bye) = one(&sent, "BYE");
    assert_eq!((to.flow, to.remote.to_string()), (2, ZENDESK.to_string()));
    assert!(w.lost(path(TCP, 9, ZENDESK)).is_empty(), "another path");
    assert_eq!(w.lost(to), [(to, bye)]);
    assert!(w.lost(to).is_empty());
    w.close(call);
    w.is_clean();
}

#[test]
fn a_refresh_that_no_connection_carries_ends_the_call() {
    for (lines, method) in [("", "INVITE"), ("Allow: INVITE, ACK, BYE, CANCEL, UPDATE\r\n", "UPDATE")] {
        let mut w = streams(TCP);
        let caller = path(TCP, 1, "198.51.100.7:40123");
        let (call, (_, invite)) = w.ring_by(caller, "", &[ZENDESK]);
        let lines = format!("{lines}Session-Expires: 600;refresher=uac\r\n");
        let sent = w.hear_by(path(TCP, 2, ZENDESK), &respond(&invite, "200 OK", &lines, ANSWER));
        let (_, ok) = one(&sent, "SIP/2.0 200 OK");
        w.hear_by(caller, &(request("ACK", "2", 1, &ok) + END));
        let (to, refresh) = one(&w.in_millis(300_000), method);
        assert_eq!(w.lost(to), [(to, refresh)]);
        // Nobody is there any more, and the caller is told so.
        let sent = w.lost(to);
        let byes: Vec<&Sent> = sent.iter().filter(|(_, text)| text.starts_with("BYE")).collect();
        assert_eq!(byes.iter().map(|bye| bye.0.flow).collect::<Vec<_>>(), [1, 2], "{sent:#?}");
        for (to, bye) in byes {
            w.hear_by(*to, &respond(bye, "200 OK", "", ""));
        }
        w.close(call);
        w.is_clean();
    }
}

#[test]
fn a_lost_connection_is_tried_once_more_and_then_the_next_address() {
    let mut w = streams(TCP);
    let (call, (first, invite)) = w.ring_by(path(UDP, 0, AI), "", &[ZENDESK, SECOND]);
    assert_eq!(w.lost(first), [(first, invite.clone())]);
    let (second, other) = one(&w.lost(first), "INVITE");
    assert_eq!(second, path(TCP, 0, SECOND));
    assert_ne!(field(&invite, "Call-ID"), field(&other, "Call-ID"));
    assert_eq!(w.sbc.counters().get(Reason::TargetUnreachable), 1);
    w.lost(second);
    let sent = w.lost(second);
    let (_, refusal) = one(&sent, "SIP/2.0 408");
    w.hear_by(path(UDP, 0, AI), &(request("ACK", "1", 1, &refusal) + END));
    w.close(call);
    w.is_clean();
}

#[test]
fn what_was_lost_before_a_response_but_answered_is_hung_up() {
    let mut w = streams(TCP);
    let (call, (first, invite)) = w.ring_by(path(UDP, 0, AI), "", &[ZENDESK, SECOND]);
    w.lost(first);
    let (second, other) = one(&w.lost(first), "INVITE");
    let late = path(TCP, 8, "54.172.60.1:49999");
    let sent = w.hear_by(late, &respond(&invite, "200 OK", "", ANSWER));
    one(&sent, "ACK");
    let (to, bye) = one(&sent, "BYE");
    assert_eq!(to, path(TCP, 8, ZENDESK));
    w.hear_by(late, &respond(&bye, "200 OK", "", ""));
    let sent = w.hear_by(Path { flow: 9, ..second }, &respond(&other, "486 Busy Here", "", ""));
    one(&sent, "ACK");
    let (_, refusal) = one(&sent, "SIP/2.0 486");
    w.hear_by(path(UDP, 0, AI), &(request("ACK", "1", 1, &refusal) + END));
    w.close(call);
    w.is_clean();
}

/// Makes the INVITE to Zendesk too long for a datagram.
fn long() -> World {
    let mut w = streams(UDP);
    let mut text = w.config.text.to_vec();
    let uri = [b"sip:support@acme.sip.twilio.com;x=", &[b'x'; 322][..]].concat();
    let span = Span { start: text.len() as u32, len: uri.len() as u32 };
    text.extend(uri);
    w.config.text = leak(text);
    w.config.targets = leak(vec![Target { uri: span, ..w.config.targets[0] }]);
    w
}

#[test]
fn a_long_request_goes_by_tcp() {
    let mut w = long();
    let (call, (to, invite)) =
        w.ring_by(path(UDP, 0, AI), "X-Zendesk-Ticket-Id: 1234567890123456789\r\n", &[ZENDESK]);
    assert!(invite.len() > 1300, "{}", invite.len());
    assert_eq!(to, path(TCP, 0, ZENDESK));
    assert!(field(&invite, "Via").starts_with("SIP/2.0/TCP 203.0.113.10:5060;"));
    assert_eq!(field(&invite, "Contact"), "<sip:203.0.113.10:5060;transport=TCP>");
    let zendesk = path(TCP, 4, ZENDESK);
    let sent = w.hear_by(zendesk, &respond(&invite, "200 OK", "", ANSWER));
    assert_eq!(one(&sent, "ACK").0, zendesk);
    w.tell(Input::Command(Command::HangUp(call)));
    w.is_over(call, &one(&sent, "SIP/2.0 200 OK").1);
}

#[test]
fn where_tcp_is_refused_a_long_request_goes_by_udp() {
    let mut w = long();
    let (call, (to, first)) =
        w.ring_by(path(UDP, 0, AI), "X-Zendesk-Ticket-Id: 1234567890123456789\r\n", &[ZENDESK]);
    let sent = w.lost(to);
    let (to, invite) = one(&sent, "INVITE");
    assert_eq!((sent.len(), to), (1, path(UDP, 0, ZENDESK)));
    assert!(field(&invite, "Via").starts_with("SIP/2.0/UDP"));
    assert_ne!(field(&first, "Via").split(';').nth(1), field(&invite, "Via").split(';').nth(1));
    assert_eq!(field(&invite, "Contact"), "<sip:203.0.113.10:5060>");
    one(&w.in_millis(500), "INVITE");
    let sent = w.hear_by(path(UDP, 0, ZENDESK), &respond(&invite, "200 OK", "", ANSWER));
    assert_eq!(one(&sent, "ACK").0, path(UDP, 0, ZENDESK));
    // For a minute the next one goes by UDP at once.
    assert!(w.sbc.is_tried_last(&w.cx(), TCP, ZENDESK.parse().unwrap()));
    w.tell(Input::Command(Command::HangUp(call)));
    w.is_over(call, &one(&sent, "SIP/2.0 200 OK").1);
}

impl World {
    /// The caller acknowledges, both answer their BYEs, and nothing is left.
    fn is_over(&mut self, call: CallId, ok: &str) {
        let mut sent = self.hear_by(path(UDP, 0, AI), &(request("ACK", "2", 1, ok) + END));
        sent.extend(self.in_millis(500));
        for (to, bye) in sent.iter().filter(|(_, text)| text.starts_with("BYE")) {
            self.hear_by(*to, &respond(bye, "200 OK", "", ""));
        }
        self.close(call);
        self.is_clean();
    }
}

#[test]
fn a_contact_names_the_transport() {
    let mut w = streams(UDP);
    let caller = path(TLS, 21, "198.51.100.7:40123");
    let (call, (_, invite)) = w.ring_by(caller, "", &[ZENDESK]);
    // It asks for TCP from here on.
    let contact = respond(&invite, "200 OK", "", ANSWER)
        .replace(&format!("<sip:{ZENDESK}>"), "<sip:z@54.172.60.2:5070;transport=tcp>");
    let sent = w.hear_by(path(UDP, 0, ZENDESK), &contact);
    let (to, ack) = one(&sent, "ACK");
    assert_eq!(to, path(TCP, 0, "54.172.60.2:5070"));
    assert!(field(&ack, "Via").starts_with("SIP/2.0/TCP 203.0.113.10:5060;"));
    let (_, ok) = one(&sent, "SIP/2.0 200 OK");
    let mut sent = w.hear_by(caller, &(request("ACK", "2", 1, &ok) + END));
    w.sbc.handle(&w.cx(), Input::Command(Command::HangUp(call)));
    sent.extend(w.sent());
    // The caller's Contact names no transport: its own.
    let to: Vec<Path> = sent.iter().map(|(to, _)| *to).collect();
    assert_eq!(to, [path(TLS, 21, AI), path(TCP, 0, "54.172.60.2:5070")]);
    for (to, bye) in &sent {
        w.hear_by(*to, &respond(bye, "200 OK", "", ""));
    }
    w.close(call);
    w.is_clean();
}

#[test]
fn a_trunk_with_a_certificate_speaks_only_over_tls() {
    let mut w = streams(UDP);
    let ai = Trunk { certified: true, ..w.config.trunks[0] };
    w.config.trunks = leak(vec![ai, w.config.trunks[1], w.config.trunks[2]]);
    for listener in [UDP, TCP] {
        let refused = w.sbc.admit(&w.cx(), path(listener, 0, AI));
        assert_eq!(refused, Err(Reason::CertificateMissing));
    }
    assert!(w.sbc.admit(&w.cx(), path(TLS, 3, AI)).is_ok());
    assert!(w.sbc.admit(&w.cx(), path(UDP, 0, ZENDESK)).is_ok());
    assert_eq!(w.sbc.counters().get(Reason::CertificateMissing), 2);
}

#[test]
fn the_host_learns_whom_it_connects_to() {
    let mut w = streams(TLS);
    w.hear(AI, &invite("1", "support", ""));
    let call = w.sbc.calls().next().unwrap();
    w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
    let question = Question { about: About::Call(call), target: TargetIndex(0) };
    w.sbc.handle(&w.cx(), Input::Resolved(question, &at(&[ZENDESK])));
    let mut buffer = [0; 4096];
    assert!(matches!(w.sbc.poll(&w.cx(), &mut buffer), Output::Event(Event::Course(_))), "it is rung");
    assert!(matches!(w.sbc.poll(&w.cx(), &mut buffer), Output::Transmit { .. }));
    assert_eq!(w.sbc.addressee(), Some(TargetIndex(0)));
    w.drain();
    let path = path(TLS, 0, ZENDESK);
    w.sbc.handle(&w.cx(), Input::Lost(path));
    assert!(matches!(w.sbc.poll(&w.cx(), &mut buffer), Output::Transmit { to, .. } if to == path));
    assert_eq!(w.sbc.addressee(), Some(TargetIndex(0)), "again");
    w.sbc.handle(&w.cx(), Input::Command(Command::HangUp(call)));
    assert!(matches!(w.sbc.poll(&w.cx(), &mut buffer), Output::Transmit { .. }));
    assert_eq!(w.sbc.addressee(), None, "the caller is no target");
}
