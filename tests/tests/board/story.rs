//! The whole story on a board, by the configuration that a user would write: a carrier's caller comes to the overflow number,
//! an AI agent answers and hands over with its ticket, and the line's people are rung while they are open. What everybody heard
//! is read off the wire.

use core::net::{Ipv4Addr, SocketAddrV4};
use core::time::Duration;
use std::net::UdpSocket;
use std::time::{SystemTime, UNIX_EPOCH};

use warmline_core::Usage;
use warmline_core::reason::Reason;
use warmline_tests::board::{
    AI, Audio, BOARD, Backstage, NAME, PHONE, Packet, RESOLVER, Server, ZENDESK, board_is_missing,
};
use warmline_tests::sipp::{PATIENCE, Say, Script, a_to_mu, mu_to_a, ports, sipp_is_missing};
use warmline_tests::zendesk::{FarEnd, Goodbye, Manners, Rules, Visit};

use crate::WARMLINE;
use crate::sound::{sound, wav};

/// Who calls.
const CALLER: &str = "+8210444401001";

/// The ticket that the AI agent has made.
const TICKET: &str = "4711";

/// Codes in a packet.
const PACKET: usize = 160;

/// Packets in the line's greeting, and in what the AI agent says: a second.
const GREETING: usize = 40;
const WORDS: usize = 50;

/// How long a caller may hear nothing.
const SILENCE: Duration = Duration::from_secs(1);

const DAY: u64 = 86_400;

#[test]
fn a_queue_takes_over_from_an_ai_agent() {
    const TEST: &str = "a_queue_takes_over_from_an_ai_agent";
    if board_is_missing(TEST) || sipp_is_missing(TEST) {
        return;
    }
    let declines = Script::target("phone").is_invited().answers_first(486, "", Say::Nothing).gets("ACK");
    // Whoever is told of its success and does not hang up is hung up 5 s later.
    let leaves = |agent: Script| agent.is_told(200).is_hung_up();
    let busy = [Reason::TargetBusy];
    let story = Story::play(Some(&declines), "1s", Goodbye::After(8_000), leaves, "queued", &busy);

    assert!(story.visit.heard.own >= 50, "the caller and Zendesk hear each other: {:?}", story.visit);
    // Greeting, music and Zendesk follow one another until the end.
    let accepted = story.when(AI, "SIP/2.0 202");
    let over = story.when(RESOLVER, "BYE sip:");
    let still = story.longest_gap(RESOLVER, accepted, over, is_loud);
    assert!(still < SILENCE, "the caller hears nothing for {still:?}");
    story.agent_hears_silence(accepted, story.when(AI, "BYE sip:"));
    assert!(story.when(AI, "BYE sip:") < over, "the agent is let go while they talk");
}

#[test]
fn nobody_takes_over_and_an_ai_agent_has_its_caller_back() {
    const TEST: &str = "nobody_takes_over_and_an_ai_agent_has_its_caller_back";
    if board_is_missing(TEST) || sipp_is_missing(TEST) {
        return;
    }
    let returned = |agent: Script| {
        let agent = agent.is_told(480).streams("words.al", 1_500);
        agent.hangs_up().hears(200)
    };
    // A queue that hangs up so soon had nobody there.
    let nobody = [Reason::TargetSilent, Reason::NobodyThere];
    let story = Story::play(None, "20s", Goodbye::After(500), returned, "returned", &nobody);

    let (accepted, back) = (story.when(AI, "SIP/2.0 202"), story.when(AI, "Subscription-State: terminated"));
    let still = story.longest_gap(RESOLVER, accepted, back, is_loud);
    assert!(still < SILENCE, "the caller hears nothing for {still:?}");
    story.agent_hears_silence(accepted, back);
    story.agent_and_caller_talk(back);
}

/// What there was to see when all was over.
struct Story {
    /// What the board sent.
    sent: Vec<Packet>,
    /// Where people stand, but for its end.
    lane: Ipv4Addr,
    /// Zendesk's only one.
    visit: Visit,
    /// What the AI agent says, as it comes back from the caller.
    words: Vec<u8>,
}

impl Story {
    /// Plays it: the telephone of the line's first step plays `phone`, or is silent; then Zendesk says `goodbye`, before or
    /// after it is taken for somebody; and `ends` goes on with the agent's part. The call comes to `outcome`, and the board
    /// counts these reasons alone, once each.
    fn play(
        phone: Option<&Script>,
        settle: &str,
        goodbye: Goodbye,
        ends: impl FnOnce(Script) -> Script,
        outcome: &str,
        reasons: &[Reason],
    ) -> Self {
        let backstage = Backstage::new();
        let [ai, zendesk, telephone, carrier] = [AI, ZENDESK, PHONE, RESOLVER]
            .map(|last| SocketAddrV4::new(backstage.lane.address(last), ports(2)));
        let (greeting, music) = (sound(1, (GREETING * PACKET) as u32), sound(2, 7_990));
        let words = sound(3, (WORDS * PACKET) as u32);
        for (name, file) in
            [("greeting.wav", &wav(&greeting)), ("music.wav", &wav(&music)), ("words.al", &words)]
        {
            std::fs::write(backstage.cast.folder().join(name), file).expect("a file can be written");
        }
        let image = backstage.image(WARMLINE, &configuration(&backstage, ai, telephone, settle));

        let now = monday_at_ten();
        let ntp = Server::ntp(&backstage.lane, now);
        let dns = Server::dns(&backstage.lane, NAME, *zendesk.ip());
        let rules = Rules { domain: Some(NAME.to_owned()), ..Rules::default() };
        let manners = Manners { rules, answers: 3_000, goodbye, ..Manners::default() };
        let far_end = FarEnd::open(&[backstage.cast.zendesk.into()], manners).expect("a free port");
        // Somebody has this port, and says nothing.
        let silent = phone.is_none().then(|| UdpSocket::bind(telephone).expect("a free port"));
        let mut stage = backstage.switch_on(&image);
        stage.board.log.wait_for(&format!("it is {now} s since 1970"), PATIENCE);

        let phone = phone.map(|script| stage.cast.follow(script, telephone));
        let refer = format!("Refer-To: <sip:support@sbc.example.com?X-Zendesk-Ticket-Id={TICKET}>\n");
        let agent = Script::target("agent").is_invited_with("X-Warmline-Call: [0-9a-f]+");
        let agent = agent.answers_invite(180, Say::Nothing).answers_invite(200, Say::Stream).gets("ACK");
        let agent = agent.streams("words.al", 1_500).says("REFER", &refer).hears(202);
        let agent = ends(agent.is_told(100).is_told(180));
        let agent = stage.cast.follow(&agent, ai);
        // Whatever the caller hears comes back.
        let caller = Script::caller("caller").dials("+8225550199").without_ticket().invites(Say::Echo);
        let caller = caller.may_hear(100).may_hear(180).hears(200).acknowledges();
        let caller = stage.cast.follow(&caller.gets("BYE").answers(200).lingers(), carrier);
        for player in [Some(caller), Some(agent), phone].into_iter().flatten() {
            stage.cast.ends_well(player);
        }
        let visit = far_end.until("over", |visit| visit.over);
        drop(silent);

        stage.board.log.wait_for(&format!(": {outcome}, ended after"), PATIENCE);
        // What is finished is remembered for a while, and nothing else.
        let told = reasons.iter().map(|reason| (reason.code().to_owned(), 1)).collect();
        let account = stage.board.log.account_when(PATIENCE, |account| {
            let finished = account.usage.finished;
            let idle = account.streams == 0 && account.usage == Usage { finished, ..Usage::default() };
            idle && account.signalling == told
        });
        println!("{account:?}");
        assert_eq!((stage.board.starts(), ntp.answered(), dns.answered()), (1, 1, 1));

        assert_eq!((far_end.visits().len(), far_end.faults()), (1, Vec::new()));
        assert_eq!((&*visit.caller, visit.ticket.as_deref()), (CALLER, Some(TICKET)));
        assert!(visit.answered && !visit.cancelled, "{visit:?}");
        let words = words.into_iter().map(|code| mu_to_a(a_to_mu(code))).collect();
        let story = Self { sent: stage.board.wire.sent(), lane: stage.lane.address(0), visit, words };
        story.begins(&greeting, &music);
        story
    }

    /// Until somebody is rung: the caller talks with the agent, and then waits.
    fn begins(&self, greeting: &[u8], music: &[u8]) {
        self.agent_and_caller_talk(Duration::ZERO);
        let told = |packet: &&Packet| packet.holds("X-Zendesk-Ticket-Id") && !self.is_for(packet, ZENDESK);
        assert_eq!(self.sent.iter().filter(told).count(), 0, "others are not told the ticket");
        assert!(self.when(AI, "SIP/2.0 202") < self.when(PHONE, "INVITE sip:201@"));
        assert!(self.when(PHONE, "INVITE sip:201@") < self.when(ZENDESK, "INVITE sip:support@"));

        // All of the greeting and then music, over and over, as one RTP stream.
        let heard: Vec<_> = self.heard(RESOLVER).map(|(_, audio)| audio).collect();
        let begins = heard.windows(2).position(|pair| pair[0].codes == &greeting[..PACKET]);
        let waited = &heard[begins.expect("the caller hears the greeting's beginning")..];
        let mut wanted = greeting.iter().chain(music.iter().cycle());
        let played =
            waited.iter().take_while(|audio| audio.codes.iter().eq(wanted.by_ref().take(PACKET))).count();
        // It rings for 3 s before anybody answers.
        assert!(played > GREETING + 2 * music.len() / PACKET, "{played} packets of greeting and music");
        let number = |place: usize| waited[place].number;
        let follows = |place: &usize| number(*place) == number(place - 1).wrapping_add(1);
        assert_eq!((1..played).find(|place| !follows(place)), None, "a packet of one stream");
    }

    /// After this the AI agent's words reach the caller, and come back.
    fn agent_and_caller_talk(&self, from: Duration) {
        let words: Vec<_> = self.words.chunks(PACKET).collect();
        let heard = self.heard(AI).filter(|(at, audio)| *at > from && words.contains(&audio.codes)).count();
        // Its last may come when it refers already, and its first before the caller is known.
        assert!(heard > WORDS * 4 / 5, "{heard} packets of the agent's words came back");
    }

    /// In this time the AI agent hears nothing, as real RTP.
    fn agent_hears_silence(&self, from: Duration, to: Duration) {
        let silence = |audio: &Audio<'_>| audio.codes.iter().all(|&code| code == audio.law.encode(0));
        let other = self.heard(AI).find(|(at, audio)| (from..to).contains(at) && !silence(audio));
        assert_eq!(other, None, "the agent hears what is not for it");
        let gap = self.longest_gap(AI, from, to, silence);
        assert!(gap < SILENCE, "the agent hears not even silence for {gap:?}");
    }

    /// When the board first sent somebody this text.
    #[track_caller]
    fn when(&self, last: u8, text: &str) -> Duration {
        let found = self.sent.iter().find(|packet| self.is_for(packet, last) && packet.holds(text));
        found.unwrap_or_else(|| panic!("the board has not sent {text:?} to .{last}")).at
    }

    /// The longest time between two of these packets that the board sent somebody, or to the ends of this time.
    fn longest_gap(
        &self,
        last: u8,
        from: Duration,
        to: Duration,
        wanted: impl Fn(&Audio<'_>) -> bool,
    ) -> Duration {
        let heard = self.heard(last).filter(|(at, audio)| (from..to).contains(at) && wanted(audio));
        let (mut longest, mut before) = (Duration::ZERO, from);
        for at in heard.map(|(at, _)| at).chain([to]) {
            longest = longest.max(at - before);
            before = at;
        }
        longest
    }

    /// The audio that the board sent somebody.
    fn heard(&self, last: u8) -> impl Iterator<Item = (Duration, Audio<'_>)> {
        let packets = self.sent.iter().filter(move |packet| self.is_for(packet, last));
        packets.filter_map(|packet| Some((packet.at, packet.audio()?)))
    }

    fn is_for(&self, packet: &Packet, last: u8) -> bool {
        let [a, b, c, _] = self.lane.octets();
        packet.route().is_some_and(|(_, to)| to == Ipv4Addr::new(a, b, c, last))
    }
}

/// Whether there is energy in it: more than 40 dB under the loudest.
fn is_loud(audio: &Audio<'_>) -> bool {
    let sum: f64 = audio.codes.iter().map(|&code| f64::from(audio.law.decode(code)).powi(2)).sum();
    (sum / audio.codes.len() as f64).sqrt() > 327.0
}

/// Ten o'clock in Seoul on the next Monday, in seconds since 1970.
fn monday_at_ten() -> u64 {
    let today = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs() / DAY;
    // The first day was a Thursday, and it is nine hours later there.
    let monday = today + 7 - (today + 3) % 7;
    monday * DAY + 3_600
}

fn configuration(backstage: &Backstage, ai: SocketAddrV4, telephone: SocketAddrV4, settle: &str) -> String {
    let [board, carrier] = [BOARD, RESOLVER].map(|last| backstage.lane.address(last));
    let (agent, phone, zendesk) = (ai.ip(), telephone.ip(), backstage.cast.zendesk);
    format!(
        r#"
[appliance]
address = "{board}/24"
dns     = ["{carrier}"]
ntp     = "{carrier}"

[node]
name    = "branch"
domains = ["sbc.example.com"]
country = "82"

[[interface]]
name    = "lan"
address = "{board}"
listen  = ["udp:5060"]

[[trunk]]
name       = "carrier"
kind       = "carrier"
signalling = ["{carrier}"]
media      = ["{carrier}"]

[[trunk]]
name       = "ai"
kind       = "ai"
signalling = ["{agent}"]
media      = ["{agent}"]

[[trunk]]
name       = "phones"
kind       = "phones"
signalling = ["{phone}"]
media      = ["{phone}"]

[[trunk]]
name       = "zendesk"
kind       = "zendesk"
signalling = ["{}"]
media      = ["{}"]

[[target]]
name  = "ai-agent"
trunk = "ai"
uri   = "sip:agent@{ai}"

[[target]]
name  = "desk-201"
trunk = "phones"
uri   = "sip:201@{telephone}"

[[target]]
name    = "zendesk-support"
trunk   = "zendesk"
uri     = "sip:support@{NAME}:{}"
answers = "queue"
settle  = "{settle}"

[[schedule]]
name     = "office"
timezone = "Asia/Seoul"
open     = ["Mon-Fri 09:00-18:00", "Sat 10:00-13:00"]
unknown  = "closed"

[[line]]
name = "overflow"
dial = ["+8225550199"]
from = ["carrier"]
ring = [{{ targets = ["ai-agent"], for = "20s" }}]

[[line]]
name     = "support"
dial     = ["support", "+8225550100"]
from     = ["ai"]
greeting = "greeting.wav"
music    = "music.wav"
ring     = [
  {{ targets = ["desk-201"], for = "20s" }},
  {{ targets = ["zendesk-support"], for = "30s" }},
]

  [[line.when]]
  outside = "office"
  then    = "return"
"#,
        zendesk.ip(),
        zendesk.ip(),
        zendesk.port()
    )
}
