//! Listens to what leaves and reaches an SBC, between it and the network, and holds it against the RFCs.
//!
//! It sees every message in the order in which it was sent, before anything is lost, so that what it finds wrong
//! was done wrong.

use core::net::SocketAddr;
use std::collections::HashMap;

use crate::caller::user_of;
use crate::peer::{GIVE_UP, T1, T2};
use crate::setting::is_zendesk;
use crate::text::Text;

/// A request that an SBC sent, and what became of it.
#[derive(Debug)]
struct Asked {
    bytes: Vec<u8>,
    method: String,
    cseq: u32,
    sent: Vec<u64>,
    /// Whether it went over a connection.
    connected: bool,
    /// What has come back.
    provisional: bool,
    finals: Vec<u16>,
    first_final: Option<u64>,
}

/// A request that an SBC got, and how it was answered.
#[derive(Debug)]
struct Got {
    vias: Vec<String>,
    rest: [String; 4],
    routes: Vec<String>,
    /// How often it came.
    times: u32,
    tag: Option<String>,
    answered: Option<(u16, Vec<u8>)>,
    finals: Vec<u64>,
    acked: bool,
    /// Whether it came over a connection: then its transaction is over when it is answered (17.2.2), and what comes again
    /// even so is something else.
    connected: bool,
    /// The reliable provisional response that went out last.
    reliable: Option<Provisional>,
}

/// A reliable provisional response of ours.
#[derive(Debug)]
struct Provisional {
    rseq: u32,
    bytes: Vec<u8>,
    described: bool,
    sent: Vec<u64>,
    acked: bool,
}

/// What shares a Call-ID: one INVITE of ours or of the peer's, and the dialogs that came of it, by the peer's tag.
#[derive(Debug, Default)]
struct Line {
    tag: String,
    /// The number of our INVITE.
    invite: Option<u32>,
    dialogs: HashMap<String, Dialog>,
}

/// One of our dialogs' sides.
#[derive(Debug, Default)]
struct Dialog {
    cseq: u32,
    bye: bool,
    /// The numbers of INVITEs whose ACK went out.
    acked: Vec<u32>,
    /// Whether a 2xx to our INVITE has reached us, and whether the peer hung up.
    answered: bool,
    left: bool,
    /// The RSeqs that have reached us, and which was acknowledged last.
    rseqs: Vec<u32>,
    pracked: Option<u32>,
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Tap {
    asked: HashMap<String, Asked>,
    got: HashMap<String, Got>,
    lines: HashMap<String, Line>,
    /// The messages as they passed, when that was asked for.
    pub ladder: Option<Vec<String>>,
    /// The call that the ladder is of; of all without it.
    only: Option<usize>,
    /// How many messages left.
    pub sent: u64,
}

impl Tap {
    /// One that keeps a ladder of what it hears.
    pub fn with_ladder() -> Self {
        Self { ladder: Some(Vec::new()), ..Self::default() }
    }

    /// One that keeps a ladder of what it hears of one call.
    pub fn with_ladder_of(number: usize) -> Self {
        Self { only: Some(number), ..Self::with_ladder() }
    }

    fn note(&mut self, now: u64, arrow: &str, who: SocketAddr, text: &Text<'_>) {
        let is_of = |number| {
            let user = format!("sip:{}@", user_of(number));
            ["From", "To"].iter().any(|name| text.get(name).is_some_and(|value| value.contains(&user)))
        };
        if let Some(ladder) = &mut self.ladder
            && self.only.is_none_or(is_of)
        {
            let cseq = text.get("CSeq").unwrap_or_default();
            ladder.push(format!("{:>12} {arrow} {who} {} [{cseq}]", now, text.start));
        }
    }

    /// A message reaches the SBC, over a connection or not.
    pub(crate) fn arrives(
        &mut self,
        now: u64,
        from: SocketAddr,
        bytes: &[u8],
        connected: bool,
    ) -> Result<(), String> {
        let text = Text::parse(bytes).map_err(|wrong| format!("the rig's own message: {wrong}"))?;
        self.note(now, "->", from, &text);
        if let Some(status) = text.status() {
            let (_, method) = text.cseq().ok_or("no CSeq")?;
            if let Some(asked) = self.asked.get_mut(&format!("{method} {}", text.branch())) {
                // 13.2.2.4: what is heard later than that is expected by nobody.
                let in_time = asked.first_final.is_none_or(|first| now <= first + GIVE_UP);
                if method == "INVITE" && (200..300).contains(&status) && in_time {
                    let line = self.lines.entry(text.one("Call-ID")?.to_owned()).or_default();
                    let tag = text.tag("To").unwrap_or_default();
                    line.dialogs.entry(tag.to_owned()).or_default().answered = true;
                }
                if let Some(rseq) = text.get("RSeq").filter(|_| method == "INVITE" && status < 200) {
                    let line = self.lines.entry(text.one("Call-ID")?.to_owned()).or_default();
                    let tag = text.tag("To").unwrap_or_default();
                    let rseq = rseq.parse().map_err(|_| "bad RSeq")?;
                    line.dialogs.entry(tag.to_owned()).or_default().rseqs.push(rseq);
                }
                if status < 200 {
                    // After timer B, nobody waits for it.
                    asked.provisional |= asked.sent.first().is_none_or(|first| now < first + GIVE_UP);
                } else {
                    asked.first_final.get_or_insert(now);
                    asked.finals.push(status);
                }
            }
            return Ok(());
        }
        let key = format!("{} {}", text.method(), text.branch());
        if text.method() == "ACK" {
            let key = format!("INVITE {}", text.branch());
            if let Some(got) = self.got.get_mut(&key) {
                got.acked = true;
            }
            return Ok(());
        }
        if text.method() == "PRACK"
            && let Some(rseq) = text.get("RAck").and_then(|rack| rack.split(' ').next()?.parse::<u32>().ok())
        {
            let of = |got: &&mut Got| got.rest[2] == text.get("Call-ID").unwrap_or_default();
            for got in self.got.values_mut().filter(of) {
                if let Some(reliable) = got.reliable.as_mut().filter(|reliable| reliable.rseq == rseq) {
                    reliable.acked = true;
                }
            }
        }
        if text.method() == "BYE"
            && let Some(line) = self.lines.get_mut(text.one("Call-ID")?)
            && let Some(dialog) = text.tag("From").and_then(|tag| line.dialogs.get_mut(tag))
        {
            dialog.left = true;
        }
        let own = |name| text.one(name).map(str::to_owned);
        let got = self.got.entry(key).or_insert_with(|| Got {
            vias: text.all("Via").map(str::to_owned).collect(),
            rest: [
                own("From").unwrap_or_default(),
                own("To").unwrap_or_default(),
                own("Call-ID").unwrap_or_default(),
                own("CSeq").unwrap_or_default(),
            ],
            routes: text.all("Record-Route").map(str::to_owned).collect(),
            times: 0,
            tag: None,
            answered: None,
            finals: Vec::new(),
            acked: false,
            connected,
            reliable: None,
        });
        got.times += 1;
        Ok(())
    }

    /// A message leaves the SBC, over a connection or not.
    pub(crate) fn leaves(
        &mut self,
        now: u64,
        to: SocketAddr,
        bytes: &[u8],
        connected: bool,
    ) -> Result<(), String> {
        self.sent += 1;
        let text = Text::parse(bytes)?;
        self.note(now, "<-", to, &text);
        hidden(to, bytes)?;
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            text.get(name).ok_or_else(|| format!("no {name}"))?;
        }
        for name in ["From", "To", "Call-ID", "CSeq", "Max-Forwards", "Contact", "Content-Type"] {
            if text.all(name).count() > 1 {
                return Err(format!("more than one {name}"));
            }
        }
        match text.status() {
            Some(status) => self.responds(now, to, &text, bytes, status),
            None => self.asks(now, &text, bytes, connected),
        }
    }

    fn asks(&mut self, now: u64, text: &Text<'_>, bytes: &[u8], connected: bool) -> Result<(), String> {
        let (cseq, method) = text.cseq().ok_or("bad CSeq")?;
        if method != text.method() || !text.start.ends_with(" SIP/2.0") {
            return Err(format!("CSeq {method} in {}", text.start));
        }
        if text.one("Max-Forwards")?.parse::<u8>().is_err() {
            return Err("bad Max-Forwards".into());
        }
        let branch = text.branch();
        if text.all("Via").count() != 1 || !branch.starts_with("z9hG4bK") || branch.len() < 7 + 16 {
            return Err(format!("bad Via {:?}", text.get("Via")));
        }
        let tag = text.tag("From").ok_or("no From tag")?;
        let line = self.lines.entry(text.one("Call-ID")?.to_owned()).or_default();
        if line.tag.is_empty() {
            tag.clone_into(&mut line.tag);
        } else if line.tag != tag {
            return Err(format!("From tag {} became {tag}", line.tag));
        }
        let key = format!("{method} {branch}");
        if let Some(asked) = self.asked.get_mut(&key) {
            if asked.bytes != bytes {
                return Err(format!("a retransmission of {method} says something else"));
            }
            asked.sent.push(now);
            if method == "ACK" {
                return Ok(());
            }
            if asked.first_final.is_some() {
                return Err(format!("{method} again after its final response"));
            }
            if method == "INVITE" && asked.provisional {
                return Err("INVITE again after a provisional response".into());
            }
            let first = asked.sent[0];
            let number = asked.sent.len() as u32 - 1;
            // A: 0.5, 1.5, 3.5 s, ...; E: up to T2, which it is at once after a provisional response.
            let due = first + T1 * ((1 << number.min(20)) - 1);
            let plausible = match method {
                // When its connection was lost, and no more often.
                _ if connected => number == 1,
                "INVITE" => now == due,
                _ => now <= due && now - asked.sent[asked.sent.len() - 2] <= T2,
            };
            if !plausible || now > first + GIVE_UP {
                return Err(format!("{method} again after {:?}", asked.sent));
            }
            return Ok(());
        }
        let invited = line.invite;
        let dialog = text.tag("To").map(|tag| line.dialogs.entry(tag.to_owned()).or_default());
        match method {
            "INVITE" | "BYE" | "UPDATE" => {
                let before = dialog.as_ref().map_or(0, |dialog| dialog.cseq).max(invited.unwrap_or(0));
                if cseq <= before {
                    return Err(format!("CSeq {cseq} after {before}"));
                }
                match dialog {
                    None if method != "INVITE" => return Err(format!("{method} without a To tag")),
                    None => line.invite = Some(cseq),
                    Some(dialog) if dialog.bye => return Err(format!("{method} after a BYE")),
                    Some(dialog) if invited.is_some_and(|invited| !dialog.acked.contains(&invited)) => {
                        return Err(format!("13.2.2.4: {method} before the ACK"));
                    }
                    Some(dialog) => (dialog.cseq, dialog.bye) = (cseq, method == "BYE"),
                }
                if method != "BYE" {
                    text.one("Contact")?;
                    text.one("Allow")?;
                }
            }
            "NOTIFY" => {
                let dialog = dialog.ok_or("a NOTIFY without a To tag")?;
                if cseq <= dialog.cseq.max(invited.unwrap_or(0)) {
                    return Err(format!("CSeq {cseq} of a NOTIFY after {}", dialog.cseq));
                }
                if dialog.bye {
                    return Err("a NOTIFY after a BYE".into());
                }
                dialog.cseq = cseq;
                text.one("Contact")?;
            }
            "PRACK" => {
                let dialog = dialog.ok_or("a PRACK without a To tag")?;
                if cseq <= dialog.cseq.max(invited.unwrap_or(0)) {
                    return Err(format!("CSeq {cseq} after {}", dialog.cseq));
                }
                dialog.cseq = cseq;
                let rack: Vec<&str> = text.one("RAck")?.split(' ').collect();
                let [rseq, number, "INVITE"] = rack[..] else { return Err(format!("RAck {rack:?}")) };
                let rseq: u32 = rseq.parse().map_err(|_| "bad RAck")?;
                if number.parse().ok() != invited {
                    return Err(format!("RAck {rack:?} for INVITE {invited:?}"));
                }
                if !dialog.rseqs.contains(&rseq) || dialog.pracked.is_some_and(|last| rseq != last + 1) {
                    return Err(format!(
                        "RFC 3262 4: {rseq} after {:?} of {:?}",
                        dialog.pracked, dialog.rseqs
                    ));
                }
                dialog.pracked = Some(rseq);
            }
            "OPTIONS" => {
                if dialog.is_some() || text.uri().contains('@') {
                    return Err(format!("a ping to {}, {:?}", text.uri(), text.get("To")));
                }
                text.one("Contact")?;
                text.one("Accept")?;
            }
            "CANCEL" => {
                let key = format!("INVITE {branch}");
                let invite = self.asked.get(&key).ok_or("a CANCEL for nothing")?;
                let of = Text::parse(&invite.bytes)?;
                for name in ["From", "To", "Call-ID", "Via"] {
                    if of.get(name) != text.get(name) {
                        return Err(format!("9.1: {name} of a CANCEL is not its INVITE's"));
                    }
                }
                if invite.cseq != cseq || of.uri() != text.uri() {
                    return Err("9.1: the CSeq or Request-URI of a CANCEL is not its INVITE's".into());
                }
                if !invite.provisional || invite.first_final.is_some() {
                    return Err(format!("9.1: a CANCEL before a provisional or after {:?}", invite.finals));
                }
            }
            "ACK" => {
                dialog.ok_or("an ACK without a To tag")?.acked.push(cseq);
                if let Some(invite) = self.asked.get(&format!("INVITE {branch}")) {
                    let of = Text::parse(&invite.bytes)?;
                    if invite.finals.first().is_none_or(|&status| status < 300) || of.uri() != text.uri() {
                        return Err(format!("17.1.1.3: an ACK to {:?}", invite.finals));
                    }
                }
            }
            _ => return Err(format!("a {method} of ours")),
        }
        self.asked.insert(
            key,
            Asked {
                bytes: bytes.to_vec(),
                method: method.to_owned(),
                cseq,
                sent: vec![now],
                connected,
                provisional: false,
                finals: Vec::new(),
                first_final: None,
            },
        );
        Ok(())
    }

    fn responds(
        &mut self,
        now: u64,
        to: SocketAddr,
        text: &Text<'_>,
        bytes: &[u8],
        status: u16,
    ) -> Result<(), String> {
        let (_, method) = text.cseq().ok_or("bad CSeq")?;
        let key = format!("{method} {}", text.branch());
        let got = self.got.get_mut(&key).ok_or_else(|| format!("a response to nothing: {key}"))?;
        let vias: Vec<&str> = text.all("Via").collect();
        let of_top = |via: &str| via.split(";received").next().unwrap_or_default().replace(";rport", "");
        let top = |via: &str| via.split(";rport").next().unwrap_or_default().to_owned();
        let matching = vias.len() == got.vias.len()
            && vias.iter().skip(1).eq(got.vias.iter().skip(1))
            && top(vias[0]) == of_top(&got.vias[0]);
        if !matching || !vias[0].contains(&format!(";rport={}", to.port())) {
            return Err(format!("Vias {:?} became {vias:?}", got.vias));
        }
        for (name, was) in [("From", &got.rest[0]), ("Call-ID", &got.rest[2]), ("CSeq", &got.rest[3])] {
            if text.one(name)? != was {
                return Err(format!("{name} {was:?} became {:?}", text.get(name)));
            }
        }
        let answer = text.one("To")?;
        match text.tag("To") {
            _ if answer.split(";tag=").next() != got.rest[1].split(";tag=").next() => {
                return Err(format!("To {:?} became {answer:?}", got.rest[1]));
            }
            None if status != 100 => return Err(format!("{status} without a To tag")),
            None => {}
            Some(tag) => {
                let stable = got.tag.get_or_insert_with(|| tag.to_owned());
                if stable != tag {
                    return Err(format!("To tag {stable} became {tag} in {}", text.start));
                }
            }
        }
        let routes: Vec<&str> = text.all("Record-Route").collect();
        if (101..300).contains(&status) && method == "INVITE" && routes != got.routes {
            return Err(format!("Record-Routes {:?} became {routes:?}", got.routes));
        }
        if (101..300).contains(&status) && method == "INVITE" {
            text.one("Contact")?;
        }
        if let Some((before, was)) = &got.answered
            && *before >= 200
            && !same(was, bytes, status)
            && !got.connected
        {
            return Err(format!("{status} after {before}"));
        }
        if method == "INVITE" {
            got.reliably(now, text, bytes, status)?;
        }
        if status >= 200 {
            if method == "INVITE" && status < 300 {
                let number = got.finals.len() as u32;
                let due = got.finals.first().map_or(now, |first| {
                    // 13.3.1.4: from T1, doubled up to T2.
                    let times = (1..=number).map(|n| (T1 << (n - 1).min(10)).min(T2));
                    first + times.sum::<u64>()
                });
                if now != due {
                    return Err(format!("a 2xx again after {:?}, now {now}", got.finals));
                }
            }
            got.finals.push(now);
        }
        got.answered = Some((status, bytes.to_vec()));
        Ok(())
    }

    /// The SBC restarts: of what it sent and got it knows no transaction any more. Its dialogs may go on.
    pub(crate) fn restart(&mut self) {
        self.asked.clear();
        self.got.clear();
        for dialog in self.lines.values_mut().flat_map(|line| line.dialogs.values_mut()) {
            // Whose record was not written is lost.
            (dialog.bye, dialog.answered) = (false, false);
        }
        if let Some(ladder) = &mut self.ladder {
            ladder.push("-- restart --".into());
        }
    }

    /// When our INVITE with this branch went out first.
    pub(crate) fn first_sent(&self, branch: &str) -> Option<u64> {
        self.asked.get(&format!("INVITE {branch}"))?.sent.first().copied()
    }

    /// Whether nothing ever came back for the INVITE of this dialog, so that it could not even be cancelled (9.1).
    pub(crate) fn never_heard(&self, call_id: &str) -> bool {
        let line = format!("\r\nCall-ID: {call_id}\r\n");
        self.asked.values().any(|asked| {
            asked.method == "INVITE"
                && !asked.provisional
                && asked.finals.is_empty()
                && memchr::memmem::find(&asked.bytes, line.as_bytes()).is_some()
        })
    }

    /// What is still wrong when everything should be over.
    pub(crate) fn remains(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (key, asked) in &self.asked {
            // Whose connection was lost a second time has failed, whatever comes back by another one.
            let failed = asked.connected && asked.sent.len() > 1;
            if asked.method == "INVITE" && asked.first_final.is_some() && !failed {
                let of = Text::parse(&asked.bytes).expect("it was read before");
                let line = self.lines.get(of.get("Call-ID").unwrap_or_default());
                let acked =
                    |line: &Line| line.dialogs.values().any(|dialog| dialog.acked.contains(&asked.cseq));
                // What comes for a re-INVITE after timer B may find nothing left of its dialog.
                let late =
                    asked.sent.first().zip(asked.first_final).is_some_and(|(at, end)| end > at + GIVE_UP);
                let excused = late && of.tag("To").is_some();
                if !excused && !line.is_some_and(acked) {
                    wrong.push(format!("{key} was never acknowledged: {:?}", asked.finals));
                }
            }
        }
        for (call_id, line) in &self.lines {
            for (tag, dialog) in line.dialogs.iter().filter(|(_, dialog)| dialog.answered) {
                if !dialog.bye && !dialog.left {
                    wrong.push(format!("the dialog of {call_id} with {tag} was never ended"));
                }
                if line.invite.is_some_and(|invite| !dialog.acked.contains(&invite)) {
                    wrong.push(format!("the answer of {call_id} by {tag} was never acknowledged"));
                }
            }
        }
        for (key, got) in &self.got {
            if got.answered.as_ref().is_none_or(|answered| answered.0 < 200) {
                wrong.push(format!("{key} was never answered"));
            }
        }
        wrong
    }
}

impl Got {
    /// RFC 3262 section 3: one at a time, counted, repeated in doubling intervals until its PRACK comes.
    fn reliably(&mut self, now: u64, text: &Text<'_>, bytes: &[u8], status: u16) -> Result<(), String> {
        let waits = self.reliable.as_ref().filter(|reliable| !reliable.acked);
        if (200..300).contains(&status) && self.answered.as_ref().is_none_or(|answered| answered.0 < 200) {
            return match waits {
                Some(waits) if waits.described => Err("a 2xx before the PRACK of a description".into()),
                _ => Ok(()),
            };
        }
        let Some(rseq) = text.get("RSeq").filter(|_| status < 200) else {
            return match waits {
                Some(waits) if (101..200).contains(&status) => {
                    Err(format!("{status} while {} is not acknowledged", waits.rseq))
                }
                _ => Ok(()),
            };
        };
        let rseq: u32 = rseq.parse().map_err(|_| "bad RSeq")?;
        if status == 100 || text.one("Require")? != "100rel" || rseq == 0 {
            return Err(format!("a reliable {status}"));
        }
        match &mut self.reliable {
            Some(before) if before.rseq == rseq => {
                if before.bytes != bytes {
                    return Err("a reliable response again says something else".into());
                }
                before.sent.push(now);
                let due = before.sent[0] + T1 * ((1 << (before.sent.len() - 1).min(20)) - 1);
                // An INVITE that comes again brings it forth as well.
                if self.times == 1 && (now != due || before.acked) {
                    return Err(format!("a reliable response again at {:?}", before.sent));
                }
            }
            Some(before) if rseq != before.rseq + 1 || !before.acked => {
                return Err(format!("RSeq {rseq} after {}", before.rseq));
            }
            _ => {
                self.reliable = Some(Provisional {
                    rseq,
                    bytes: bytes.to_vec(),
                    described: !text.body.is_empty(),
                    sent: vec![now],
                    acked: false,
                });
            }
        }
        Ok(())
    }
}

/// Whether a final response is the one before. To challenge somebody takes no state: every challenge may be another.
fn same(one: &[u8], other: &[u8], status: u16) -> bool {
    let rest = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.lines().filter(|line| !line.starts_with("WWW-Authenticate")).collect::<Vec<_>>().join("\n")
    };
    one == other || status == 401 && rest(one) == rest(other)
}

/// Whether nothing of the other leg's shows: not its names, not its addresses.
fn hidden(to: SocketAddr, bytes: &[u8]) -> Result<(), String> {
    let others: [&[u8]; 3] = match is_zendesk(to) {
        true => [b"zxa", b"198.51.100.", b"sbc.example.com"],
        false => [b"zxb", b"203.0.113.", b"acme.sip"],
    };
    // In a key any letters may stand; keys are held against the peers' by themselves.
    let lines = || bytes.split(|&byte| byte == b'\n').filter(|line| !line.starts_with(b"a=crypto:"));
    for other in others {
        if lines().any(|line| memchr::memmem::find(line, other).is_some()) {
            let text = String::from_utf8_lossy(bytes);
            return Err(format!("{} shows: {text}", String::from_utf8_lossy(other)));
        }
    }
    if memchr::memmem::find(bytes, b"X-Zendesk").is_some()
        && !(bytes.starts_with(b"INVITE ") && is_zendesk(to))
    {
        return Err("the ticket shows".into());
    }
    Ok(())
}
