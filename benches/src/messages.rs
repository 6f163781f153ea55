//! The messages that are parsed: an INVITE, its 200 and a BYE as an AI agent's platform sends them.
//!
//! Each comes in [`VARIANTS`] with other ids, numbers and lengths of everything, so that no branch predictor learns
//! one message by heart. The sizes are always the same: one free text (User-Agent, Server) fills up what is left.

/// How many variants there are of each message.
pub const VARIANTS: usize = 32;

/// The variants of one message, one after the other, for ever.
#[derive(Clone, Debug)]
pub struct Ring {
    messages: Vec<Vec<u8>>,
    next: usize,
}

impl Ring {
    fn of(compose: impl Fn(&mut Dice) -> String) -> Self {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        Self { messages: (0..VARIANTS).map(|_| compose(&mut dice).into_bytes()).collect(), next: 0 }
    }

    /// The next one.
    #[expect(clippy::should_implement_trait, reason = "it has no end")]
    #[inline]
    pub fn next(&mut self) -> &[u8] {
        self.next = (self.next + 1) % VARIANTS;
        &self.messages[self.next]
    }

    /// All of them.
    pub fn all(&self) -> &[Vec<u8>] {
        &self.messages
    }
}

/// An INVITE of 856 bytes: 14 header fields, 247 bytes of SDP.
pub fn invite() -> Ring {
    Ring::of(|dice| {
        let call = Call::new(dice);
        let Call { agent, agent_media, caller, line, branch, tag, id, cseq, domain, .. } = &call;
        let ticket = dice.digits(4..8);
        let body = sdp(dice, agent_media, "0 8 101", 247);
        let head = format!(
            "INVITE sip:{line}@{domain};transport=udp SIP/2.0\r\n\
             Via: SIP/2.0/UDP {agent};branch=z9hG4bK{branch};rport\r\n\
             Max-Forwards: 70\r\n\
             From: \"Agent {caller}\" <sip:{caller}@agent.example.net>;tag={tag}\r\n\
             To: <sip:{line}@{domain}>\r\n\
             Call-ID: {id}\r\n\
             CSeq: {cseq} INVITE\r\n\
             Contact: <sip:{caller}@{agent};transport=udp>\r\n\
             Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, REFER, NOTIFY\r\n\
             Supported: timer, replaces\r\n\
             X-Zendesk-Ticket-Id: {ticket}\r\n"
        );
        fill(dice, head, "User-Agent", &body, 856)
    })
}

/// A 200 to an INVITE, of 723 bytes.
pub fn ok() -> Ring {
    Ring::of(|dice| {
        let call = Call::new(dice);
        let Call { agent, peer, peer_media, caller, line, branch, tag, peer_tag, id, cseq, domain, .. } =
            &call;
        let body = sdp(dice, peer_media, "8 101", 225);
        let head = format!(
            "SIP/2.0 200 OK\r\n\
             Via: SIP/2.0/UDP {agent};branch=z9hG4bK{branch};received=198.51.100.{};rport=5060\r\n\
             From: \"Agent {caller}\" <sip:{caller}@agent.example.net>;tag={tag}\r\n\
             To: <sip:{line}@{domain}>;tag={peer_tag}\r\n\
             Call-ID: {id}\r\n\
             CSeq: {cseq} INVITE\r\n\
             Contact: <sip:{peer}>\r\n\
             Allow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\n",
            dice.below(200) + 10,
        );
        fill(dice, head, "Server", &body, 723)
    })
}

/// A BYE of 412 bytes.
pub fn bye() -> Ring {
    Ring::of(|dice| {
        let call = Call::new(dice);
        let Call { agent, peer, caller, line, branch, tag, peer_tag, id, cseq, domain, .. } = &call;
        let head = format!(
            "BYE sip:{peer} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {agent};branch=z9hG4bK{branch};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:{caller}@agent.example.net>;tag={tag}\r\n\
             To: <sip:{line}@{domain}>;tag={peer_tag}\r\n\
             Call-ID: {id}\r\n\
             CSeq: {cseq} BYE\r\n"
        );
        fill(dice, head, "User-Agent", "", 412)
    })
}

/// What the messages of one call have in common.
struct Call {
    agent: String,
    agent_media: String,
    peer: String,
    peer_media: String,
    caller: String,
    line: &'static str,
    domain: &'static str,
    branch: String,
    tag: String,
    peer_tag: String,
    id: String,
    cseq: usize,
}

impl Call {
    fn new(dice: &mut Dice) -> Self {
        let mut socket = |net: &str| match dice.below(3) {
            0 => format!("{net}.{}", 1 + dice.below(254)),
            _ => format!("{net}.{}:{}", 1 + dice.below(254), 5060 + dice.below(40)),
        };
        let (agent, peer) = (socket("198.51.100"), socket("203.0.113"));
        Self {
            agent,
            peer,
            agent_media: format!("198.51.100.{}", 1 + dice.below(254)),
            peer_media: format!("168.86.{}.{}", 128 + dice.below(64), 1 + dice.below(254)),
            caller: format!("+8210{}", dice.digits(7..9)),
            line: ["support", "sales", "billing-kr", "+8225550100"][dice.below(4)],
            domain: ["sbc.example.com", "edge-1.sbc.example.org", "203.0.113.10"][dice.below(3)],
            branch: dice.word(10..25),
            tag: dice.word(6..17),
            peer_tag: dice.word(8..17),
            id: format!("{}@{}", dice.word(16..25), ["agent", "10.1.2.3"][dice.below(2)]),
            cseq: 1 + dice.below(40_000),
        }
    }
}

/// Adds what ends a message, with a free text as long as makes it `size` bytes.
fn fill(dice: &mut Dice, head: String, name: &str, body: &str, size: usize) -> String {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let end = format!("\r\n{kind}Content-Length: {}\r\n\r\n{body}", body.len());
    let taken = head.len() + name.len() + ": ".len() + end.len();
    let text = dice.word(size - taken..size - taken + 1);
    format!("{head}{name}: {text}{end}")
}

/// A description of `size` bytes.
fn sdp(dice: &mut Dice, address: &str, formats: &str, size: usize) -> String {
    let session = dice.digits(6..10);
    let maps: String = formats
        .split(' ')
        .map(|format| match format {
            "0" => "a=rtpmap:0 PCMU/8000\r\n",
            "8" => "a=rtpmap:8 PCMA/8000\r\n",
            _ => "a=rtpmap:101 telephone-event/8000\r\n",
        })
        .collect();
    let port = 10_000 + 2 * dice.below(20_000);
    let front = format!("v=0\r\no=- {session} {session} IN IP4 {address}\r\ns=");
    let back = format!(
        "\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio {port} RTP/AVP {formats}\r\n{maps}\
         a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    );
    let left = size - front.len() - back.len();
    format!("{front}{}{back}", dice.word(left..left + 1))
}

/// Numbers that only look random (xorshift64*).
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize) % end
    }

    fn text(&mut self, len: core::ops::Range<usize>, letters: &[u8]) -> String {
        let len = len.start + self.below(len.len());
        (0..len).map(|_| char::from(letters[self.below(letters.len())])).collect()
    }

    fn word(&mut self, len: core::ops::Range<usize>) -> String {
        self.text(len, b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    }

    fn digits(&mut self, len: core::ops::Range<usize>) -> String {
        self.text(len, b"123456789")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (ring, size) in [(invite(), 856), (ok(), 723), (bye(), 412)] {
            assert_eq!(ring.all().len(), VARIANTS);
            assert!(ring.all().iter().all(|message| message.len() == size));
            assert!(
                ring.all().iter().all(|one| ring.all().iter().filter(|other| *other == one).count() == 1)
            );
        }
    }
}
