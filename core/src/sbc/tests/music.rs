//! What callers hear while they wait.

use super::transfer::{End, find, setting, told};
use super::*;
use crate::call::CallId;
use crate::clip::ClipId;
use crate::relay::Side;

/// Everybody knows everybody, and `support` has this to be heard.
fn with(greeting: Option<u32>, music: Option<u32>, return_to: bool) -> World {
    let mut config = setting(return_to);
    let [greeting, music] = [greeting, music].map(|clip| clip.map(ClipId));
    config.lines = leak(config.lines.iter().map(|line| Line { greeting, music, ..*line }).collect());
    World::with(7, config)
}

/// What the relay plays whom, among what left.
fn played(outs: &[Out]) -> Vec<String> {
    told(outs).into_iter().filter(|told| ["greet", "music", "ringb"].contains(&&told[..5])).collect()
}

impl World {
    /// A clip has been heard to its end.
    fn has_played(&mut self, call: CallId, side: Side, clip: u32) -> Vec<Out> {
        let stream = crate::call::stream_of(call);
        self.tell(Input::Media(Report::Played { stream, side, clip: ClipId(clip) }))
    }

    /// The agent asks for the transfer; what is played then.
    fn hands_over(&mut self, agent: &mut End) -> Vec<String> {
        let outs = self.hear(AI, &agent.refer("<sip:support@sbc.example.com>"));
        self.answer_notify(&outs);
        let said = told(&outs);
        let (bridge, play) = (
            said.iter().position(|said| said == "bridge None"),
            said.iter().position(|said| played(&outs).contains(said)),
        );
        assert!(bridge < play, "who hears nobody is played something: {said:?}");
        played(&outs)
    }
}

#[test]
fn music_after_a_greeting_that_is_heard_once() {
    let mut w = with(Some(11), Some(12), false);
    let (call, _, mut agent) = w.talk_to_agent();
    assert_eq!(w.hands_over(&mut agent), ["greet A by 11"]);
    w.place_joined(call, Side::C);
    let invite = find(&w.zendesk_found(call), "INVITE").to_string();
    // Neither another clip nor another side is what was waited for.
    assert!(w.has_played(call, Side::A, 9).is_empty() && w.has_played(call, Side::B, 11).is_empty());
    assert_eq!(told(&w.has_played(call, Side::A, 11)), ["music A of 12"]);
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    assert!(played(&outs).is_empty() && told(&outs).contains(&"bridge Some([A, C])".into()));
    assert!(w.has_played(call, Side::A, 11).is_empty(), "nobody waits any more");
    w.answer_notify(&outs);
    w.end_transferred(call);
}

#[test]
fn the_ringing_tone_of_the_country_where_there_is_no_music() {
    let mut w = with(None, Some(12), false);
    let (call, _, mut agent) = w.talk_to_agent();
    assert_eq!(w.hands_over(&mut agent), ["music A of 12"]);
    w.end_transferred(call);

    let mut w = with(Some(11), None, false);
    let (call, _, mut agent) = w.talk_to_agent();
    assert_eq!(w.hands_over(&mut agent), ["greet A by 11"]);
    assert_eq!(told(&w.has_played(call, Side::A, 11)), ["ringback of korea a"]);
    w.end_transferred(call);

    let mut w = with(None, None, false);
    let (call, _, mut agent) = w.talk_to_agent();
    assert_eq!(w.hands_over(&mut agent), ["ringback of korea a"]);
    w.end_transferred(call);
}

#[test]
fn music_goes_on_while_the_caller_goes_back_to_an_agent_that_has_left() {
    let mut w = with(None, Some(12), true);
    let (call, _, mut agent) = w.talk_to_agent();
    assert_eq!(w.hands_over(&mut agent), ["music A of 12"]);
    w.place_joined(call, Side::C);
    let invite = find(&w.zendesk_found(call), "INVITE").to_string();
    let mut all = w.hear(AI, &agent.request("BYE", ""));
    w.place_parted(call, Side::B);
    all.extend(w.hear(ZENDESK, &respond(&invite, "486 Busy Here", "", "")));
    let said = told(&all);
    assert!(said.iter().any(|said| said.starts_with("INVITE sip:back@")), "{said:?}");
    assert!(said.iter().all(|said| !said.starts_with("bridge") && !said.starts_with("music")), "{said:?}");
    w.end_transferred(call);
}
