//! Hand-overs that a platform asks for outside SIP, or announces there.

use core::num::NonZeroU64;

use super::transfer::{CARRIER, find, setting, told};
use super::*;
use crate::call::{Outcome, Stage};
use crate::relay::Side;

const PLATFORM: TrunkIndex = TrunkIndex(0);

/// The same as [`setting`], with another platform in the carrier's place.
fn two_platforms() -> Config<'static> {
    let mut trunks = setting(false).trunks.to_vec();
    trunks[2].kind = TrunkKind::Ai;
    Config { trunks: leak(trunks), ..setting(false) }
}

impl World {
    fn hand_over(&mut self, trunk: u16, call: &str, line: &str) -> Result<CallId, Reason> {
        let ticket = NonZeroU64::new(4711);
        let (call, line) = (call.as_bytes(), line.as_bytes());
        self.sbc.hand_over(&self.cx(), &HandOver { trunk: TrunkIndex(trunk), call, line, ticket })
    }

    /// What is announced for `line`: its name, and its URI.
    fn announce(&mut self, trunk: u16, line: &str, caller: &str) -> Result<(u64, String), Reason> {
        let caller = Some(caller.as_bytes()).filter(|caller| !caller.is_empty());
        let (trunk, ticket) = (TrunkIndex(trunk), NonZeroU64::new(4711));
        let announcement = Announcement { trunk, line: line.as_bytes(), caller, ticket };
        let invitation = self.sbc.announce(&self.cx(), &announcement)?;
        let mut out = [0; 128];
        let len = invitation.uri(&self.config, &mut out).unwrap();
        Ok((invitation.id, String::from_utf8(out[..len].to_vec()).unwrap()))
    }

    /// Dials a URI from `from`, with the caller 01012345678.
    fn dial(&mut self, branch: &str, from: &str, uri: &str) -> Vec<Out> {
        let text = invite(branch, "support", "").replace(AI, from);
        self.hear(from, &text.replace("INVITE sip:support@sbc.example.com", &format!("INVITE {uri}")))
    }

    /// Dials a URI whose token is not known: a call to its line, without what was announced.
    fn is_unknown(&mut self, branch: &str, from: &str, uri: &str) {
        let before = self.sbc.counters().get(Reason::AnnouncementUnknown);
        let call = started(&self.dial(branch, from, uri));
        let view = self.sbc.call(call).unwrap();
        assert_eq!((view.caller, view.ticket), (Some(&b"+821012345678"[..]), None), "{uri}");
        assert_eq!((view.note, self.sbc.announced(call)), (Some(Reason::AnnouncementUnknown), None), "{uri}");
        assert_eq!(self.sbc.counters().get(Reason::AnnouncementUnknown), before + 1);
    }

    fn courses(outs: &[Out]) -> usize {
        outs.iter().filter(|out| matches!(out, Out::Other(Output::Event(Event::Course(_))))).count()
    }
}

fn refused(outs: &[Out], to: &str) {
    message(outs, to, "SIP/2.0 404");
}

#[test]
fn a_platform_hands_its_caller_over_without_a_refer() {
    let mut w = World::with(7, setting(false));
    let (call, mut carrier, agent) = w.talk_to_agent();
    let id = format!("{:016x}", w.sbc.call(call).unwrap().id);
    assert_eq!(w.sbc.call_named(PLATFORM, id.as_bytes()), Some(call));
    assert_eq!(w.sbc.call_named(PLATFORM, agent.call_id.as_bytes()), Some(call));
    assert_eq!(w.sbc.call_named(TrunkIndex(1), id.as_bytes()), None, "it is not in it");
    assert_eq!(w.hand_over(0, &agent.call_id, "support"), Ok(call));
    let outs = w.drain();
    assert_eq!(World::courses(&outs), 1);
    let view = w.sbc.call(call).unwrap();
    assert_eq!((view.transfer, view.outcome), ((Stage::Ringing, PLATFORM), None));
    let mut said = told(&outs);
    assert!(said.remove(2).starts_with("ringback"));
    assert_eq!(said, ["join C", "bridge None", "settled"], "and no NOTIFY");
    assert_eq!(w.hand_over(0, &id, "support"), Err(Reason::TransferUnderWay));
    w.place_joined(call, Side::C);
    let outs = w.zendesk_found(call);
    assert_eq!(World::courses(&outs), 1);
    let invite = find(&outs, "INVITE").to_string();
    assert_eq!(field(&invite, "X-Zendesk-Ticket-Id"), "4711");
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    assert_eq!(World::courses(&outs), 1);
    assert_eq!(w.sbc.call(call).unwrap().outcome, Some(Outcome::Connected));
    let outs = w.later(5_000);
    assert!(told(&outs).contains(&format!("BYE sip:{AI} {AI}")), "{outs:?}");
    w.answer_byes(&outs);
    let outs = w.hear(CARRIER, &carrier.request("BYE", ""));
    w.answer_byes(&outs);
    w.close(call);
    w.is_clean();
}

#[test]
fn what_may_not_be_handed_over_stays_as_it_is() {
    let mut w = World::with(7, two_platforms());
    let (call, _, agent) = w.talk_to_agent();
    let id = format!("{:016x}", w.sbc.call(call).unwrap().id);
    let before = w.sbc.usage();
    for (trunk, call, line, reason) in [
        (1, &*id, "support", Reason::MayNotRefer),
        (9, &id, "support", Reason::MayNotRefer),
        (0, "nobody@nowhere", "support", Reason::NoSuchCall),
        (0, "0000000000000000", "support", Reason::NoSuchCall),
        (0, &id, "sales", Reason::UnknownLine),
        (0, &id, "sip:support@elsewhere.example.com", Reason::UnknownLine),
        (0, &id, "sip:", Reason::UnknownLine),
    ] {
        assert_eq!(w.hand_over(trunk, call, line), Err(reason), "{trunk} {call} {line}");
        assert_eq!(w.sbc.counters().iter().filter(|(counted, _)| *counted == reason).count(), 1);
    }
    assert!(w.drain().is_empty());
    assert_eq!(w.sbc.usage(), before);
    // A call that nobody has answered yet.
    let ringing = started(&w.dial("9", AI, "sip:agent@sbc.example.com"));
    let id = format!("{:016x}", w.sbc.call(ringing).unwrap().id);
    assert_eq!(w.hand_over(0, &id, "support"), Err(Reason::NothingToTransfer));
    // A line by its number, and by the URI of a target that it rings.
    assert_eq!(w.hand_over(0, &agent.call_id, "sip:support@acme.sip.twilio.com"), Ok(call));
}

#[test]
fn nobody_there_gives_the_platform_its_caller_back() {
    let mut w = World::with(7, setting(false));
    let (call, _, agent) = w.talk_to_agent();
    assert_eq!(w.hand_over(0, &agent.call_id, "02-2555-0100"), Err(Reason::UnknownLine));
    assert_eq!(w.hand_over(0, &agent.call_id, "02-555-0100"), Ok(call), "as a person writes it");
    w.drain();
    w.place_joined(call, Side::C);
    let invite = find(&w.zendesk_found(call), "INVITE").to_string();
    let outs = w.hear(ZENDESK, &respond(&invite, "486 Busy Here", "", ""));
    assert_eq!(World::courses(&outs), 1);
    let view = w.sbc.call(call).unwrap();
    assert_eq!((view.transfer.0, view.outcome), (Stage::None, Some(Outcome::Returned)));
    w.place_parted(call, Side::C);
    assert_eq!(w.hand_over(0, &agent.call_id, "support"), Ok(call), "it may try again");
    w.end_transferred(call);
}

#[test]
fn who_is_handed_over_is_not_in_a_queue_any_more() {
    let mut config = setting(false);
    let mut targets = config.targets.to_vec();
    targets[1].answers = Answers::Queue { settle: 20 };
    config.targets = leak(targets);
    let mut w = World::with(7, config);
    let (call, _, agent) = w.talk_to_agent();
    assert!(w.sbc.call(call).unwrap().settles);
    assert_eq!(w.hand_over(0, &agent.call_id, "support"), Ok(call));
    w.drain();
    w.place_joined(call, Side::C);
    let invite = find(&w.zendesk_found(call), "INVITE").to_string();
    w.hear(ZENDESK, &respond(&invite, "486 Busy Here", "", ""));
    let view = w.sbc.call(call).unwrap();
    assert_eq!((view.outcome, view.settles), (Some(Outcome::Returned), false), "that is certain");
}

#[test]
fn a_restart_gives_the_platform_its_caller_back() {
    let mut w = World::with(7, setting(false));
    let (call, mut carrier, agent) = w.talk_to_agent();
    let before = w.sbc.call(call).unwrap().line;
    assert_eq!(w.hand_over(0, &agent.call_id, "support"), Ok(call));
    let outs = w.drain();
    let settled = |out: &Out| matches!(out, Out::Other(Output::Event(Event::Settled(_))));
    assert!(outs.iter().any(settled), "its record is another: {outs:?}");
    w.place_joined(call, Side::C);
    find(&w.zendesk_found(call), "INVITE");
    assert_ne!(w.sbc.call(call).unwrap().line, before);
    let (mut fresh, call, _) = World::after_with(&w.record(call), setting(false));
    let view = fresh.sbc.call(call).unwrap();
    assert_eq!((view.progress, view.line), (Progress::Answered, before));
    assert_eq!((view.outcome, view.ticket.map(NonZeroU64::get)), (Some(Outcome::Returned), Some(4711)));
    let outs = fresh.hear(CARRIER, &carrier.request("BYE", ""));
    find(&outs, &format!("BYE sip:{AI}"));
    assert_eq!(fresh.sbc.call(call).unwrap().outcome, Some(Outcome::Returned));
}

#[test]
fn what_the_agent_has_solved_is_the_outcome_unless_it_hands_over_after_all() {
    let mut w = World::with(7, two_platforms());
    let (call, _, agent) = w.talk_to_agent();
    let resolve = |w: &mut World, trunk, name: &str| {
        w.sbc.resolve(&w.cx(), TrunkIndex(trunk), name.as_bytes(), NonZeroU64::new(7))
    };
    assert_eq!(resolve(&mut w, 1, &agent.call_id), Err(Reason::MayNotRefer));
    assert_eq!(resolve(&mut w, 0, "nobody"), Err(Reason::NoSuchCall));
    assert_eq!(resolve(&mut w, 0, &agent.call_id), Ok(call));
    assert_eq!(World::courses(&w.drain()), 1);
    let view = w.sbc.call(call).unwrap();
    assert_eq!((view.outcome, view.ticket.map(NonZeroU64::get)), (Some(Outcome::Resolved), Some(7)));
    assert_eq!(w.hand_over(0, &agent.call_id, "support"), Ok(call));
    w.drain();
    assert_eq!(resolve(&mut w, 0, &agent.call_id), Err(Reason::TransferUnderWay));
    assert_eq!(w.sbc.call(call).unwrap().outcome, None);
    w.end_transferred(call);

    let mut w = World::with(7, two_platforms());
    let (call, mut carrier, agent) = w.talk_to_agent();
    assert_eq!(resolve(&mut w, 0, &agent.call_id), Ok(call));
    w.drain();
    let mut again = World::with(8, two_platforms());
    let restored = again.sbc.restore(&again.cx(), &w.record(call)).unwrap();
    assert_eq!(again.sbc.call(restored).unwrap().outcome, Some(Outcome::Resolved), "after a restart too");
    let outs = w.hear(CARRIER, &carrier.request("BYE", ""));
    assert_eq!(w.sbc.call(call).unwrap().outcome, Some(Outcome::Resolved), "whoever hangs up then");
    w.answer_byes(&outs);
    w.close(call);
    w.is_clean();
}

#[test]
fn a_hand_over_is_dialled_by_its_token_once() {
    let mut w = World::with(7, two_platforms());
    let (id, uri) = w.announce(0, "support", "010-9999-0000").unwrap();
    let user = uri.strip_prefix("sip:support.").and_then(|rest| rest.strip_suffix("@sbc.example.com"));
    assert_eq!(user.map(str::len), Some(32), "{uri}");
    // Another platform's, and one that is nearly right: they are calls to the line and no more.
    w.is_unknown("1", CARRIER, &uri);
    let digit = uri.as_bytes()[16];
    let other = if digit == b'0' { '1' } else { '0' };
    w.is_unknown("2", AI, &format!("{}{other}{}", &uri[..16], &uri[17..]));
    refused(&w.dial("3", AI, &uri.replace("support.", "support")), AI);
    let call = started(&w.dial("4", AI, &uri.to_uppercase().replace("SIP:SUPPORT", "sip:support")));
    let view = w.sbc.call(call).unwrap();
    assert_eq!(view.caller, Some(&b"+821099990000"[..]), "the announcement comes before From");
    assert_eq!((view.ticket.map(NonZeroU64::get), w.sbc.announced(call)), (Some(4711), Some(id)));
    assert_eq!(view.note, None);
    w.is_unknown("5", AI, &uri);
    w.tell(Input::Command(Command::HangUpAll));
    w.close(call);
}

#[test]
fn a_token_that_is_not_known_leaves_the_line_that_is_named_before_it() {
    const TOKEN: &str = "0123456789abcdef0123456789ABCDEF";
    let mut config = setting(false);
    // A line that is dialled by what looks like a token of another's, and one whose name does not dial it.
    let mut texts = Texts(String::from_utf8(config.text.to_vec()).unwrap());
    let (alike, own) = (texts.add(&format!("support.{TOKEN}")), texts.add("desk.one"));
    let (mut dials, mut lines) = (config.dials.to_vec(), config.lines.to_vec());
    dials.push(alike);
    let dial = List::new(dials.len() as u16 - 1, 1);
    let last = LineIndex(lines.len() as u16);
    lines.push(Line::new(own, dial, lines[0].from, lines[0].ring));
    // And one that the platform may not dial.
    lines.push(Line::new(texts.add("closed"), dial, List::new(1, 1), lines[0].ring));
    config.text = leak(texts.0.into_bytes());
    config.dials = leak(dials);
    config.lines = leak(lines);
    let mut w = World::with(7, config);
    let uri = |user: &str| format!("sip:{user}@sbc.example.com");
    // Nobody announces here, which a board is like.
    refused(&w.dial("1", AI, &uri(&format!("two.{TOKEN}"))), AI);
    w.sbc.hears_announcements();
    // As after a restart.
    w.is_unknown("2", AI, &uri(&format!("support.{}", "0".repeat(32))));
    w.is_unknown("3", AI, &uri(&format!("desk.one.{TOKEN}")));
    refused(&w.dial("4", AI, &uri("desk.one")), AI);
    refused(&w.dial("5", AI, &uri(&format!("+8225550100.{TOKEN}"))), AI);
    refused(&w.dial("6", AI, &format!("sip:two.{TOKEN}@elsewhere.example.com")), AI);
    message(&w.dial("7", AI, &uri(&format!("closed.{TOKEN}"))), AI, "SIP/2.0 403");
    let call = started(&w.dial("8", AI, &uri(&format!("support.{TOKEN}"))));
    let view = w.sbc.call(call).unwrap();
    assert_eq!((view.line, view.note), (last, None), "its own name looks like that");
}

#[test]
fn a_refer_with_a_token_that_is_not_known_goes_to_the_line() {
    let mut w = World::with(7, setting(false));
    let (call, _, mut agent) = w.talk_to_agent();
    w.sbc.hears_announcements();
    let outs = w.hear(
        AI,
        &agent.refer("<sip:support.0123456789abcdef0123456789abcdef@sbc.example.com?X-Zendesk-Ticket-Id=5>"),
    );
    find(&outs, "SIP/2.0 202");
    let view = w.sbc.call(call).unwrap();
    assert_eq!((view.line, view.ticket.map(NonZeroU64::get)), (LineIndex(0), Some(5)));
    assert_eq!((view.note, w.sbc.announced(call)), (Some(Reason::AnnouncementUnknown), None));
    w.answer_notifies(&outs);
    w.end_transferred(call);
}

#[test]
fn a_hand_over_is_good_for_five_minutes() {
    let mut w = World::with(7, setting(false));
    let (_, first) = w.announce(0, "support", "").unwrap();
    w.later(299_999);
    let (_, second) = w.announce(0, "support", "").unwrap();
    w.later(1);
    w.is_unknown("1", AI, &first);
    let call = started(&w.dial("2", AI, &second));
    assert_eq!(w.sbc.call(call).unwrap().caller, Some(&b"+821012345678"[..]), "none was announced");
}

#[test]
fn a_hand_over_is_found_by_its_callers_number() {
    let mut w = World::with(7, two_platforms());
    let (other, _) = w.announce(0, "support", "+82 10 0000 0000").unwrap();
    let (id, _) = w.announce(0, "support", "+82 10 1234 5678").unwrap();
    // Another platform's call from that number, and one to another line.
    let foreign = started(&w.dial("1", CARRIER, "sip:support@sbc.example.com"));
    assert_eq!((w.sbc.announced(foreign), w.sbc.call(foreign).unwrap().ticket), (None, None));
    let agent = started(&w.dial("2", AI, "sip:two@sbc.example.com"));
    assert_eq!(w.sbc.announced(agent), None);
    let call = started(&w.dial("3", AI, "sip:+8225550100@sbc.example.com"));
    assert_eq!(w.sbc.announced(call), Some(id));
    assert_ne!(id, other);
    let again = started(&w.dial("4", AI, "sip:support@sbc.example.com"));
    assert_eq!(w.sbc.announced(again), None, "once");
}

#[test]
fn a_refer_may_name_an_announced_hand_over() {
    let mut w = World::with(7, setting(false));
    let (call, _, mut agent) = w.talk_to_agent();
    let (id, uri) = w.announce(0, "support", "+14155550100").unwrap();
    let outs = w.hear(AI, &agent.refer(&format!("<{uri}?X-Zendesk-Ticket-Id=5>")));
    find(&outs, "SIP/2.0 202");
    let view = w.sbc.call(call).unwrap();
    assert_eq!((view.line, view.ticket.map(NonZeroU64::get)), (LineIndex(0), Some(4711)));
    assert_eq!((view.caller, w.sbc.announced(call)), (Some(&b"+14155550100"[..]), Some(id)));
    w.answer_notifies(&outs);
    w.end_transferred(call);
}

#[test]
fn an_announcement_says_what_is_wrong_with_it() {
    let mut w = World::with(7, setting(false));
    for (trunk, line, caller, reason) in [
        (1, "support", "", Reason::MayNotRefer),
        (2, "support", "", Reason::MayNotRefer),
        (0, "sales", "", Reason::UnknownLine),
        (0, "support", "alice", Reason::CallerMalformed),
        (0, "support", "070-1234-5678", Reason::CallerBlocked),
        (0, "support", "+8225550123", Reason::CallerBlocked),
    ] {
        assert_eq!(w.announce(trunk, line, caller), Err(reason));
    }
    w.tell(Input::Command(Command::Drain));
    assert_eq!(w.announce(0, "support", ""), Err(Reason::Draining));
}

#[test]
fn the_oldest_of_who_has_more_than_its_share_gives_way() {
    let mut config = two_platforms();
    let mut trunks = config.trunks.to_vec();
    trunks[2].max_calls = 100;
    config.trunks = leak(trunks);
    let mut w = World::with(7, config);
    let many: Vec<_> = (0..5)
        .map(|_| {
            w.later(1_000);
            w.announce(0, "support", "").unwrap().1
        })
        .collect();
    // There are four places. The other platform has none yet, and has two at most.
    let theirs: Vec<_> = (0..3)
        .map(|_| {
            w.later(1_000);
            w.announce(2, "support", "").unwrap().1
        })
        .collect();
    for (branch, uri) in many[3..].iter().enumerate() {
        let call = started(&w.dial(&format!("3{branch}"), AI, uri));
        assert!(w.sbc.announced(call).is_some(), "{uri}");
    }
    for (branch, uri) in theirs[1..].iter().enumerate() {
        let call = started(&w.dial(&format!("4{branch}"), CARRIER, uri));
        assert!(w.sbc.announced(call).is_some(), "{uri}");
    }
    assert_eq!(w.announce(0, "support", ""), Err(Reason::NodeFull), "these were all, and calls have them");
}

#[test]
fn announcements_follow_their_line_and_trunk() {
    let mut w = World::with(7, setting(false));
    let (_, uri) = w.announce(0, "two", "").unwrap();
    let old = w.config;
    let mut lines = old.lines.to_vec();
    let last = lines.len() - 1;
    lines.swap(0, last);
    w.config.lines = leak(lines);
    w.sbc.reconfigure(&w.cx(), &old);
    w.drain();
    let call = started(&w.dial("1", AI, &uri));
    assert_eq!(w.sbc.call(call).unwrap().line, LineIndex(0), "where `two` is now");
    let (_, uri) = w.announce(0, "support", "").unwrap();
    let old = w.config;
    w.config.lines = leak(old.lines[..last].to_vec());
    w.sbc.reconfigure(&w.cx(), &old);
    refused(&w.dial("2", AI, &uri), AI);
}

#[test]
fn a_queue_is_certain_once_it_has_settled() {
    let mut config = config();
    let mut targets = config.targets.to_vec();
    targets[0].answers = Answers::Queue { settle: 20 };
    config.targets = leak(targets);
    let mut w = World::with(7, config);
    let (call, invite) = w.ring();
    w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    let view = w.sbc.call(call).unwrap();
    assert_eq!((view.outcome, view.settles), (Some(Outcome::Queued), true));
    let outs = w.later(20_000);
    assert_eq!(World::courses(&outs), 1);
    assert!(!w.sbc.call(call).unwrap().settles);
}
