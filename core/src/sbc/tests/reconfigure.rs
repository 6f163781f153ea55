//! Another configuration while calls go on.

use super::*;

/// An answered call: its id, the 200 that its caller got, and the INVITE that Zendesk got.
fn answered(w: &mut World) -> (CallId, String, String) {
    let (call, invite) = w.ring();
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    let ok = message(&outs, AI, "SIP/2.0 200 OK").to_string();
    w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
    (call, ok, invite)
}

fn admits(w: &mut World, from: &str) -> bool {
    let path = Path { transport: Transport::Udp, listener: 0, flow: 0, remote: from.parse().unwrap() };
    w.sbc.admit(&w.cx(), path).is_ok()
}

impl World {
    pub(super) fn reconfigure(&mut self, new: Config<'static>) -> Vec<Out> {
        let old = core::mem::replace(&mut self.config, new);
        self.sbc.reconfigure(&self.cx(), &old);
        self.drain()
    }

    /// The caller hangs up, and both sides hear the right thing.
    fn hang_up(&mut self, call: CallId, ok: &str) {
        let outs = self.hear(AI, &(request("BYE", "9", 9, ok) + END));
        message(&outs, AI, "SIP/2.0 200 OK");
        let bye = message(&outs, ZENDESK, "BYE").to_string();
        self.hear(ZENDESK, &respond(&bye, "200 OK", "", ""));
        self.close(call);
    }
}

/// The tables in another order, with another trunk before all others.
fn turned_round() -> Config<'static> {
    let mut other = config();
    other.trunks = leak(vec![other.trunks[2], other.trunks[1], other.trunks[0]]);
    let mut sources = other.sources.to_vec();
    sources.iter_mut().for_each(|range| range.value = 2 - range.value);
    other.sources = leak(sources);
    other.callers = leak(vec![TrunkIndex(2), TrunkIndex(0)]);
    let name = other.domains[0];
    let backup = Target { name, uri: name, ..other.targets[0] };
    other.targets = leak(vec![backup, other.targets[0]]);
    other.rings = leak(vec![Ring { target: TargetIndex(1), ..other.rings[0] }]);
    other
}

#[test]
fn a_call_goes_on_where_its_tables_are_now() {
    let mut w = World::new();
    let (call, ok, _) = answered(&mut w);
    w.reconfigure(turned_round());
    let view = w.sbc.call(call).unwrap();
    assert_eq!((view.trunk, view.target), (TrunkIndex(2), Some(TargetIndex(1))));
    assert_eq!(
        w.sbc.trunks.iter().map(|trunk| (trunk.starts.legs, trunk.takes.legs)).collect::<Vec<_>>(),
        [(0, 0), (0, 1), (1, 0)]
    );
    w.hang_up(call, &ok);
    w.is_clean();
}

#[test]
fn what_was_heard_before_is_known_after() {
    let mut w = World::new();
    let (call, sent) = w.ring();
    w.reconfigure(turned_round());
    // The caller's INVITE comes again: it is no new one.
    let outs = w.hear(AI, &invite("1", "support", "X-Zendesk-Ticket-Id: 35436\r\n"));
    assert!(outs.iter().all(|out| matches!(out, Out::Message(_, text) if text.starts_with("SIP/2.0 100"))));
    assert_eq!(w.sbc.usage().calls, 1);
    // The target refuses: that is acknowledged to its URI, and the plan is over.
    let outs = w.hear(ZENDESK, &respond(&sent, "486 Busy Here", "", ""));
    message(&outs, ZENDESK, "ACK sip:support@acme.sip.twilio.com SIP/2.0");
    let busy = message(&outs, AI, "SIP/2.0 486").to_string();
    w.hear(AI, &(request("ACK", "1", 1, &busy) + END));
    w.close(call);
    w.is_clean();
}

#[test]
fn a_peer_without_a_range_ends_its_calls_and_begins_none() {
    let mut w = World::new();
    let (call, ok, _) = answered(&mut w);
    let mut narrow = config();
    let sources = narrow.sources.iter().filter(|range| range.value != 0);
    narrow.sources = leak(sources.copied().collect());
    assert!(silent(&w.reconfigure(narrow)));
    assert!(silent(&w.hear(AI, &invite("7", "support", ""))));
    assert!(!admits(&mut w, "198.51.100.8:5060"), "only addresses that calls have are kept");
    w.hang_up(call, &ok);
    w.later(1);
    assert!(!admits(&mut w, AI), "its last call is over");
    w.is_clean();
}

#[test]
fn a_call_whose_trunk_is_gone_is_ended() {
    let mut w = World::new();
    let (call, ok, _) = answered(&mut w);
    let mut other = config();
    let name = other.domains[0];
    other.trunks = leak(vec![other.trunks[0], Trunk { name, ..other.trunks[1] }, other.trunks[2]]);
    let sources = other.sources.iter().filter(|range| range.value != 1);
    other.sources = leak(sources.copied().collect());
    let outs = w.reconfigure(other);
    assert!(matches!(w.sbc.call(call).unwrap().progress, Progress::Ended(Reason::TrunkChanged)));
    message(&outs, ZENDESK, "BYE");
    let bye = message(&outs, AI, "BYE").to_string();
    assert!(field(&bye, "To").ends_with(";tag=a1"), "{ok}");
    w.hear(AI, &respond(&bye, "200 OK", "", ""));
    w.close(call);
    w.is_clean();
}

#[test]
fn a_renamed_trunk_is_whose_range_it_is() {
    let mut w = World::new();
    let (call, ok, _) = answered(&mut w);
    let mut other = config();
    let name = other.domains[0];
    other.trunks = leak(vec![other.trunks[0], Trunk { name, ..other.trunks[1] }, other.trunks[2]]);
    assert!(silent(&w.reconfigure(other)));
    w.hang_up(call, &ok);
    w.is_clean();
}

#[test]
fn a_target_that_is_gone_is_cancelled_all_the_same() {
    let mut w = World::new();
    let (call, invite) = w.ring();
    w.hear(ZENDESK, &respond(&invite, "180 Ringing", "", ""));
    let mut other = config();
    (other.targets, other.lines) = (&[], &[]);
    assert!(silent(&w.reconfigure(other)));
    let outs = w.later(20_000);
    message(&outs, ZENDESK, "CANCEL sip:support@acme.sip.twilio.com SIP/2.0");
    let failed = message(&outs, AI, "SIP/2.0 480").to_string();
    w.hear(AI, &(request("ACK", "1", 1, &failed) + END));
    w.hear(ZENDESK, &respond(&invite, "487 Request Terminated", "", ""));
    w.close(call);
    w.is_clean();
}
