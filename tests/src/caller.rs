//! A caller: a user agent client that calls us by its plan, and judges what it gets.

use core::net::SocketAddr;

use crate::digest::{Algorithm, answer, parameter};
use crate::keys::offer;
use crate::peer::{Late, Peer, Sent};
use crate::plan::{Ending, From, Plan, Refers, Refresh, Transfer, Who, Wish};
use crate::referrer::Referrer;
use crate::sdp::{Description, describe};
use crate::setting::USER;
use crate::text::Text;
use crate::timer::Timer;

/// How a call went for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing final yet.
    Open,
    /// It was answered.
    Answered,
    /// It was refused.
    Failed(u16),
    /// Nobody answered the INVITE.
    Silent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Cancel,
    Bye,
    WrongBye,
    Hold,
    Resume,
    Ask,
    Video,
    Refer,
}

/// One caller and one call.
#[derive(Debug)]
pub struct Caller {
    pub(crate) peer: Peer,
    number: usize,
    /// What is to happen.
    pub plan: Plan,
    /// How it went.
    pub outcome: Outcome,
    /// When the INVITE went out and when its final response came.
    pub times: (u64, Option<u64>),
    /// When it cancelled its INVITE, or else hung up.
    pub left: Option<u64>,
    /// Whether nothing is left to do.
    pub over: bool,
    /// The statuses of the provisional responses.
    pub heard: Vec<u16>,
    /// The last description we sent it.
    pub session: Option<Description>,
    /// Further facts of its final response: Retry-After, Warning and Reason.
    pub notes: Vec<String>,
    /// How often another branch of the INVITE was refused.
    pub merged: u32,
    /// What it knows of the transfer it asked for.
    pub referrer: Referrer,
    /// How often a re-INVITE told it another port, which it has to put up with where that may be.
    pub moved: u32,
    pub(crate) may_move: bool,
    /// Whether a restart took the call up again, and no description of ours has come since.
    pub(crate) resumed: bool,
    /// Whether a restart cut the call off, so that nobody knows of it.
    pub orphaned: bool,
    pub(crate) timer: Timer,
    steps: Vec<(u64, Step)>,
    invite: String,
    /// The number of that.
    invited: u32,
    /// What it says beside what every request says, and its description.
    asks: (String, String),
    /// How often it was asked who it is.
    pub challenged: u32,
    other: String,
    again: String,
    cancelled: bool,
    expects_wrong: bool,
    bye_heard: u32,
    /// Whether our description came with a reliable provisional response.
    reliably_described: bool,
    /// How often a PRACK of its was taken.
    pub pracked: u32,
    leaving: bool,
    held: bool,
}

impl Caller {
    pub(crate) fn new(number: usize, plan: Plan, at: SocketAddr, sbc: SocketAddr, media: SocketAddr) -> Self {
        let name = format!("zxa{number}");
        let mut peer = Peer::new(name, at, sbc, media);
        let user = match plan.who {
            _ if plan.anonymous => "anonymous".to_owned(),
            Who::From => user_of(number),
            Who::Asserted | Who::Header => "switchboard".to_owned(),
        };
        peer.local = format!("\"A caller\" <sip:{user}@{}>;tag={}-tag", at.ip(), peer.name);
        peer.target = format!("sip:{}@sbc.example.com", plan.dial);
        peer.remote = format!("<{}>", peer.target);
        if plan.proxied {
            peer.proxy = Some(format!(
                "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK{}-p\r\nRecord-Route: <sip:198.51.100.11;lr>\r\n",
                peer.name
            ));
        }
        Self {
            peer,
            timer: Timer::new(plan.timers[0]),
            number,
            plan,
            outcome: Outcome::Open,
            times: (0, None),
            left: None,
            over: false,
            heard: Vec::new(),
            session: None,
            notes: Vec::new(),
            merged: 0,
            referrer: Referrer::default(),
            moved: 0,
            may_move: false,
            resumed: false,
            orphaned: false,
            steps: Vec::new(),
            invite: String::new(),
            invited: 0,
            asks: (String::new(), String::new()),
            challenged: 0,
            other: String::new(),
            again: String::new(),
            cancelled: false,
            expects_wrong: false,
            bye_heard: 0,
            reliably_described: false,
            pracked: 0,
            leaving: false,
            held: false,
        }
    }

    fn sdp(&self, direction: &str, video: bool) -> String {
        let plain = describe(self.peer.media, self.peer.version, &self.plan.formats, direction, video);
        offer(plain, self.plan.crypto[0], &self.peer.name)
    }

    pub(crate) fn begin(&mut self, now: u64, out: &mut Vec<Sent>) {
        self.times.0 = now;
        let mut lines = self.peer.contact();
        if let Some(ticket) = self.plan.ticket {
            lines.push_str(&format!("X-Zendesk-Ticket-Id: {ticket}\r\n"));
        }
        lines.push_str(match self.plan.reliable.caller {
            Wish::Unable => "",
            Wish::Able => "Supported: 100rel\r\n",
            Wish::Required => "Require: 100rel\r\n",
        });
        lines.push_str(&self.timer.asks());
        let user = user_of(self.number);
        match self.plan.who {
            Who::From => {}
            Who::Asserted => lines.push_str(&format!("P-Asserted-Identity: \"A\" <tel:{user}>\r\n")),
            Who::Header => lines.push_str(&format!("X-Caller: <sip:{user}@198.51.100.10>\r\n")),
        }
        lines.push_str(&self.plan.lines);
        let body = if self.plan.offers { self.sdp("sendrecv", false) } else { String::new() };
        self.invite = self.peer.request(now, "INVITE", &lines, &body, out);
        self.invited = self.peer.cseq;
        if self.plan.merged {
            self.other = self.peer.branch();
            let bytes = self.peer.compose("INVITE", &self.other, self.peer.cseq, &lines, &body);
            self.peer.start(now, "INVITE", self.other.clone(), bytes, out);
        }
        if let Ending::Cancel(after) = self.plan.ending {
            self.steps.push((now + after * 1_000, Step::Cancel));
        }
        self.asks = (lines, body);
    }

    /// Sends its INVITE again with what proves who it is (22.2).
    fn proves(&mut self, now: u64, response: &Text<'_>, out: &mut Vec<Sent>) -> Result<(), String> {
        // Half of all telephones know what is new.
        let algorithm = if self.number.is_multiple_of(2) { Algorithm::Md5 } else { Algorithm::Sha256 };
        let mut challenges = response.all("WWW-Authenticate");
        let challenge =
            challenges.find(|challenge| parameter(challenge, "algorithm") == Some(algorithm.name()));
        let challenge = challenge.ok_or_else(|| format!("401 without {algorithm:?}"))?;
        let stale = parameter(challenge, "stale") == Some("true");
        if stale != (self.challenged > 0) {
            return Err(format!("asked {} times before for {challenge}", self.challenged));
        }
        self.challenged += 1;
        let credentials = answer(challenge, algorithm, USER, "INVITE", &self.peer.target);
        let credentials = credentials.ok_or_else(|| format!("no challenge: {challenge}"))?;
        let (lines, body) = &self.asks;
        let lines = format!("{lines}Authorization: {credentials}\r\n");
        self.times.0 = now;
        self.invite = self.peer.request(now, "INVITE", &lines, &body.clone(), out);
        self.invited = self.peer.cseq;
        Ok(())
    }

    pub(crate) fn next(&self) -> Option<u64> {
        let steps = self.steps.iter().map(|step| step.0).min();
        if self.timer.dead {
            return None;
        }
        [self.peer.next(), steps, self.timer.next()].into_iter().flatten().min()
    }

    pub(crate) fn tick(&mut self, now: u64, out: &mut Vec<Sent>) -> Result<(), String> {
        if self.over {
            self.timer.stop();
        }
        let refreshes = match self.timer.tick(now) {
            // Our BYE was lost with its connection, and that was its end.
            Err(_) if self.plan.cuts > 0 => {
                self.over = true;
                return Ok(());
            }
            refreshes => refreshes?,
        };
        if refreshes && !self.leaving {
            self.refresh(now, out);
        }
        if self.timer.dead {
            self.over = true;
            return Ok(());
        }
        for late in self.peer.tick(now, out) {
            match late {
                Late::Request("INVITE") if self.outcome == Outcome::Open => {
                    self.outcome = Outcome::Silent;
                    self.over = true;
                }
                Late::Request("BYE") if core::mem::take(&mut self.expects_wrong) => {
                    self.steps.push((now, Step::Bye));
                }
                Late::Request("BYE") => self.over = true,
                Late::Request("REFER") => self.referrer.answer = Some(0),
                Late::Request("INVITE" | "UPDATE") => self.timer.branch.clear(),
                _ => {}
            }
        }
        while let Some(place) = self.steps.iter().position(|step| step.0 <= now) {
            let (_, step) = self.steps.remove(place);
            self.step(now, step, out);
        }
        Ok(())
    }

    fn step(&mut self, now: u64, step: Step, out: &mut Vec<Sent>) {
        if self.over || self.leaving {
            return;
        }
        match step {
            // 9.1: not before something came back.
            Step::Cancel if self.outcome == Outcome::Open && self.heard.is_empty() => {
                self.steps.push((now + 100_000, Step::Cancel));
            }
            Step::Cancel if self.outcome == Outcome::Open => {
                self.cancelled = true;
                self.left.get_or_insert(now);
                let bytes = self.peer.compose("CANCEL", &self.invite.clone(), self.invited, "", "");
                self.peer.start(now, "CANCEL", self.invite.clone(), bytes, out);
            }
            Step::Cancel | Step::Bye => {
                self.leaving = true;
                self.left.get_or_insert(now);
                self.peer.request(now, "BYE", "", "", out);
            }
            Step::WrongBye => {
                self.expects_wrong = true;
                let next = self.peer.cseq;
                self.peer.cseq = 0;
                self.peer.request(now, "BYE", "", "", out);
                self.peer.cseq = next;
            }
            Step::Hold | Step::Resume | Step::Video => {
                self.peer.version += 1;
                let direction = if step == Step::Hold { "sendonly" } else { "sendrecv" };
                let mut body = self.sdp(direction, step == Step::Video);
                let mut method = "INVITE";
                if let Refresh::CallerHoldsAs(hold, update) = self.plan.refresh {
                    body = self.sdp("sendrecv", false);
                    body = if step == Step::Hold { hold.hold(&body) } else { body };
                    method = if update { "UPDATE" } else { method };
                }
                let lines = self.peer.contact() + &self.timer.asks();
                self.again = self.peer.request(now, method, &lines, &body, out);
                self.held = step == Step::Hold;
            }
            Step::Refer => {
                let Some(transfer) = &self.plan.transfer else { return };
                let mut lines =
                    format!("{}Refer-To: {}\r\n{}", self.peer.contact(), transfer.to, transfer.lines);
                if let Some(ticket) = transfer.ticket {
                    lines.push_str(&format!("X-Zendesk-Ticket-Id: {ticket}\r\n"));
                }
                self.peer.request(now, "REFER", &lines, "", out);
                self.referrer.asked = Some(now);
            }
            Step::Ask => {
                let lines = self.peer.contact() + &self.timer.asks();
                self.again = self.peer.request(now, "INVITE", &lines, "", out);
            }
        }
    }

    pub(crate) fn response(
        &mut self,
        now: u64,
        response: &Text<'_>,
        out: &mut Vec<Sent>,
    ) -> Result<(), String> {
        if self.timer.dead {
            return Ok(());
        }
        let Some(heard) = self.peer.hear(now, response, out)? else { return Ok(()) };
        let branch = response.branch();
        if heard.status >= 200 && heard.method != "BYE" && branch == self.timer.branch {
            if heard.method == "INVITE" && heard.status == 200 {
                self.peer.acknowledge(branch, self.peer.cseq, "", out);
                self.describes(response)?;
            }
            return self.timer.heard(now, response, 3_000_000);
        }
        // Whichever of two copies comes first makes the call.
        let is_other = branch == self.other;
        if (is_other || branch == self.invite) && heard.status > 100 && is_other != (heard.status == 482) {
            core::mem::swap(&mut self.invite, &mut self.other);
        }
        match (heard.method, heard.status) {
            ("INVITE", status) if branch == self.other => match status {
                100..=199 => {}
                482 => self.merged += 1,
                _ => return Err(format!("a merged INVITE got {status}")),
            },
            ("INVITE", 401) if branch == self.invite && self.plan.from == From::Phone => {
                return self.proves(now, response, out);
            }
            ("INVITE", status) if branch == self.invite => {
                if status < 200 {
                    if !self.acknowledges(now, response, status, out)? {
                        return Ok(());
                    }
                    self.heard.push(status);
                    if response.body.is_empty() {
                        return Ok(());
                    }
                    return self.describes(response);
                }
                if self.outcome != Outcome::Open {
                    return Err(format!("{status} after {:?}", self.outcome));
                }
                self.times.1 = Some(now);
                if status >= 300 {
                    self.outcome = Outcome::Failed(status);
                    self.over = true;
                    for name in ["Retry-After", "Warning", "Reason"] {
                        self.notes.extend(response.all(name).map(|value| format!("{name}: {value}")));
                    }
                    return Ok(());
                }
                self.outcome = Outcome::Answered;
                self.answered(now, response, out)?;
            }
            ("INVITE" | "UPDATE", 100..=199) => {}
            ("INVITE" | "UPDATE", 200) => {
                self.timer.told(now, response)?;
                let was = self.session.clone();
                self.describes(response)?;
                let asked = !response.body.is_empty() && self.plan.refresh == Refresh::CallerAsks;
                let body = if asked { self.sdp("sendrecv", false) } else { String::new() };
                if heard.method == "INVITE" {
                    self.peer.acknowledge(&self.again.clone(), self.peer.cseq, &body, out);
                }
                // 14.1: not before this one is done.
                if core::mem::take(&mut self.held) {
                    self.steps.push((now + 700_000, Step::Resume));
                }
                let (Some(was), Some(is)) = (was, &self.session) else { return Ok(()) };
                if self.peer.version == 2
                    && self.plan.refresh == Refresh::CallerHolds
                    && is.direction != "recvonly"
                {
                    return Err(format!("held with sendonly, and we say {}", is.direction));
                }
                if let Refresh::CallerHoldsAs(hold, _) = self.plan.refresh {
                    let wanted = if self.peer.version == 2 { hold.answered() } else { "sendrecv" };
                    if is.direction != wanted {
                        return Err(format!("{hold:?} is answered with {}", is.direction));
                    }
                }
                if is.origin.0 != was.origin.0 {
                    return Err("another session id".into());
                }
            }
            ("REFER", status) => {
                self.referrer.answer = Some(status);
                let leaves = self.plan.transfer.as_ref().and_then(|transfer| transfer.leaves);
                if let Some(after) = leaves.filter(|_| status == 202) {
                    self.steps.push((now + after * 1_000, Step::Bye));
                }
                let attended = self.plan.transfer.as_ref().is_some_and(|transfer| transfer.attended);
                let refused = matches!(status, 481 | 491 | 500) || attended && matches!(status, 403 | 603);
                if status != 202 && !refused && !self.orphaned {
                    return Err(format!("a REFER got {status}"));
                }
            }
            // It met one of ours.
            ("INVITE", 491) if branch == self.again && self.may_move => {
                let step = if self.held { Step::Hold } else { Step::Resume };
                self.steps.push((now + 1_100_000, step));
            }
            // The call is being ended, or the target's answer has not been acknowledged yet.
            ("INVITE" | "UPDATE", 481 | 491) if branch == self.again => {}
            // It was overtaken by the BYE, or by the REFER.
            ("INVITE" | "UPDATE", 500)
                if branch == self.again && (self.leaving || self.referrer.asked.is_some()) => {}
            ("BYE", 500) if self.expects_wrong => {
                self.expects_wrong = false;
                self.steps.push((now, Step::Bye));
            }
            // Both hung up at once: whoever comes second finds nobody (or is answered still).
            ("BYE", 481) if matches!(self.plan.ending, Ending::Both(_)) || self.bye_heard > 0 => {
                self.over = true
            }
            // Its first answer was lost with the connection, over which nothing is kept for what comes again.
            ("BYE", 481) if self.plan.cuts > 0 => self.over = true,
            ("BYE", 200) if !self.expects_wrong || self.orphaned => self.over = true,
            ("CANCEL", 200) => {}
            ("PRACK", 200) => self.pracked += 1,
            // The INVITE's final response, or a restart, was faster.
            ("PRACK", 481) if self.outcome != Outcome::Open || self.orphaned => {}
            // It was overtaken by what followed the answer.
            ("PRACK", 500) if self.leaving || self.cancelled || !self.again.is_empty() => {}
            // It came so late that the refused INVITE was forgotten (timer I).
            ("CANCEL", 481) if matches!(self.outcome, Outcome::Failed(_)) => {}
            ("CANCEL", 481) if self.orphaned => {
                // 9.1: nothing more will come of its INVITE.
                self.outcome = Outcome::Silent;
                self.over = true;
            }
            ("BYE", 481) if self.orphaned => self.over = true,
            (method, status) => return Err(format!("{method} got {status}")),
        }
        Ok(())
    }

    fn answered(&mut self, now: u64, response: &Text<'_>, out: &mut Vec<Sent>) -> Result<(), String> {
        response.one("Contact")?.clone_into(&mut self.peer.target);
        self.peer.target = response.address("Contact").ok_or("no Contact")?.to_owned();
        self.peer.remote = response.one("To")?.to_owned();
        self.peer.proxy = None;
        let answered_early = self.reliably_described;
        if answered_early == response.body.is_empty() {
            if !answered_early {
                self.describes(response)?;
            }
        } else {
            return Err(format!("a description {answered_early} before, and {:?}", response.body));
        }
        self.timer.told(now, response)?;
        if self.plan.ending == Ending::NoAck {
            return Ok(());
        }
        let answers = !self.plan.offers && !answered_early;
        let body = if answers { self.sdp("sendrecv", false) } else { String::new() };
        self.peer.acknowledge(&self.invite.clone(), self.invited, &body, out);
        match self.plan.ending {
            Ending::Caller(after) | Ending::Both(after) => {
                self.steps.push((now + after * 1_000, Step::Bye));
            }
            Ending::WrongCSeq(after) => self.steps.push((now + after * 1_000, Step::WrongBye)),
            // Where its connections are lost, the BYE may be, and then it has had enough some day.
            Ending::Target(after) if self.plan.cuts > 0 => {
                self.steps.push((now + after * 1_000 + 60_000_000, Step::Bye));
            }
            Ending::Cancel(_) if self.cancelled => self.steps.push((now, Step::Bye)),
            _ => {}
        }
        if let Some(transfer) = self.plan.transfer.as_ref().filter(|transfer| transfer.by == Refers::Caller) {
            self.steps.push((now + transfer.after * 1_000, Step::Refer));
        }
        let first = match self.plan.refresh {
            Refresh::CallerHolds | Refresh::CallerHoldsAs(..) => Step::Hold,
            Refresh::CallerAsks => Step::Ask,
            Refresh::CallerAddsVideo => Step::Video,
            Refresh::None | Refresh::TargetHolds | Refresh::TargetHoldsAs(..) => return Ok(()),
        };
        self.steps.push((now + 600_000, first));
        Ok(())
    }

    /// Acknowledges a provisional response where that is due; whether it is news.
    fn acknowledges(
        &mut self,
        now: u64,
        response: &Text<'_>,
        status: u16,
        out: &mut Vec<Sent>,
    ) -> Result<bool, String> {
        let wish = self.plan.reliable.caller;
        let described = !response.body.is_empty();
        let Some(rseq) = response.get("RSeq") else {
            let due = status > 100 && (wish == Wish::Required || wish == Wish::Able && described);
            return if due { Err(format!("{status} is not reliable")) } else { Ok(true) };
        };
        if status == 100 || wish == Wish::Unable || response.get("Require") != Some("100rel") {
            return Err(format!("a reliable {status}"));
        }
        let rseq: u32 = rseq.parse().map_err(|_| "bad RSeq")?;
        if self.outcome != Outcome::Open || self.peer.rseq >= rseq {
            return Ok(false);
        }
        if self.peer.rseq != 0 && rseq != self.peer.rseq + 1 {
            return Err(format!("RSeq {rseq} after {}", self.peer.rseq));
        }
        self.peer.rseq = rseq;
        if described && core::mem::replace(&mut self.reliably_described, true) {
            return Err("a second description".into());
        }
        if self.plan.reliable.mute {
            return Ok(true);
        }
        let answers = described && !self.plan.offers;
        let body = if answers { self.sdp("sendrecv", false) } else { String::new() };
        self.peer.prack(now, response, &body, out)?;
        Ok(true)
    }

    /// The SBC restarted and does not know of the call: who was not answered loses patience.
    pub(crate) fn orphan(&mut self, now: u64) {
        self.orphaned = true;
        if self.outcome == Outcome::Open {
            self.steps.push((now + 20_000_000, Step::Cancel));
        }
    }

    /// Checks a description of ours against the one before, and as an answer.
    fn describes(&mut self, response: &Text<'_>) -> Result<(), String> {
        if response.body.is_empty() {
            return Err(format!("{} without a description", response.start));
        }
        let new = Description::parse(response.body)?;
        if let Some(old) = &self.session {
            new.follows(old, core::mem::take(&mut self.resumed))?;
        }
        let (_, _, formats) = new.audio().ok_or("no audio")?;
        let sections =
            if self.plan.refresh == Refresh::CallerAddsVideo && self.peer.version > 1 { 2 } else { 1 };
        if new.media.len() != sections {
            return Err(format!("{} sections answered with {}", sections, new.media.len()));
        }
        let asked = !self.plan.offers || self.plan.refresh == Refresh::CallerAsks;
        if !asked && !formats.iter().all(|format| self.plan.formats.contains(format)) {
            return Err(format!("answered {:?} with {formats:?}", self.plan.formats));
        }
        self.session = Some(new);
        Ok(())
    }

    pub(crate) fn request(
        &mut self,
        now: u64,
        request: &Text<'_>,
        out: &mut Vec<Sent>,
    ) -> Result<(), String> {
        if self.timer.dead || self.peer.acked(request) || self.peer.again(request, out) {
            return Ok(());
        }
        if request.method() == "ACK" {
            // It may come twice.
            let known = self.peer.was_invited(request);
            return if known { Ok(()) } else { Err("an ACK for nothing".into()) };
        }
        if matches!(request.method(), "INVITE" | "UPDATE") && self.outcome == Outcome::Answered {
            return self.asked(now, request, out);
        }
        if request.method() == "NOTIFY" {
            let status = if self.leaving || self.over { 481 } else { self.referrer.hear(request)? };
            self.peer.serve(request);
            self.peer.respond(now, request, status, "", "", out);
            let polite = self.plan.transfer.as_ref().is_some_and(|transfer| transfer.polite);
            if self.referrer.succeeded() && polite {
                self.steps.push((now, Step::Bye));
            }
            return Ok(());
        }
        if request.method() != "BYE" {
            return Err(format!("{} at a caller", request.method()));
        }
        let another = request.get("From") != Some(&self.peer.remote);
        if self.outcome == Outcome::Silent || self.orphaned && (self.outcome != Outcome::Answered || another)
        {
            // Nothing reached it before it gave up, or before a restart; it has never heard of this dialog.
            self.peer.serve(request);
            self.peer.respond(now, request, 481, "", "", out);
            return Ok(());
        }
        if self.outcome != Outcome::Answered {
            return Err("a BYE before an answer".into());
        }
        // Both dialogs' ends, seen from there.
        if request.get("To") != Some(&self.peer.local_without_name())
            || request.get("From") != Some(&self.peer.remote)
        {
            return Err(format!("a BYE from {:?} to {:?}", request.get("From"), request.get("To")));
        }
        if self.plan.proxied && request.get("Route") != Some("<sip:198.51.100.11;lr>") {
            return Err("a BYE without its Route".into());
        }
        if request.uri() != format!("sip:{}-contact@{}", self.peer.name, self.peer.at) {
            return Err(format!("a BYE for {}", request.uri()));
        }
        self.bye_heard += 1;
        self.peer.serve(request);
        self.peer.respond(now, request, 200, "", "", out);
        self.over = true;
        Ok(())
    }
}

impl Caller {
    /// A re-INVITE of ours that may tell it another port.
    fn moves(&mut self, now: u64, request: &Text<'_>, out: &mut Vec<Sent>) -> Result<(), String> {
        // 14.2.
        if self.peer.invites() {
            self.peer.respond(now, request, 491, "", "", out);
            return Ok(());
        }
        let new = Description::parse(request.body)?;
        if let Some(old) = self.session.replace(new.clone()) {
            new.follows(&old, core::mem::take(&mut self.resumed))?;
            self.moved += u32::from(new.audio() != old.audio());
        }
        let lines = self.peer.contact() + &self.timer.tells();
        let body = self.sdp("sendrecv", false);
        self.peer.respond(now, request, 200, &lines, &body, out);
        Ok(())
    }

    /// Asks for this transfer now.
    pub(crate) fn refer(&mut self, now: u64, transfer: Transfer) {
        self.plan.transfer = Some(transfer);
        self.steps.push((now, Step::Refer));
    }

    /// Hangs up now.
    pub(crate) fn hang_up(&mut self, now: u64) {
        self.steps.push((now, Step::Bye));
    }

    /// How often its session was refreshed, and how often INVITEs met over that.
    pub const fn refreshed(&self) -> (u32, u32) {
        (self.timer.refreshed, self.timer.met)
    }

    fn refresh(&mut self, now: u64, out: &mut Vec<Sent>) {
        let lines = self.peer.contact() + &self.timer.asks();
        let method = self.timer.method();
        let body = if method == "INVITE" { self.sdp("sendrecv", false) } else { String::new() };
        self.timer.branch = self.peer.request(now, method, &lines, &body, out);
    }

    /// A re-INVITE or UPDATE of ours.
    fn asked(&mut self, now: u64, request: &Text<'_>, out: &mut Vec<Sent>) -> Result<(), String> {
        self.peer.serve(request);
        if self.leaving || self.over {
            self.peer.respond(now, request, 481, "", "", out);
            return Ok(());
        }
        if request.method() == "INVITE" && !self.timer.branch.is_empty() {
            self.timer.met += 1;
            self.peer.respond(now, request, 491, "", "", out);
            return Ok(());
        }
        if self.may_move && request.method() == "INVITE" {
            return self.moves(now, request, out);
        }
        self.timer.asked(now, request)?;
        let lines = self.peer.contact() + &self.timer.tells();
        if request.method() == "UPDATE" {
            self.peer.respond(now, request, 200, &lines, "", out);
            return Ok(());
        }
        let new = Description::parse(request.body)?;
        let differs = |old: &&Description| old.rest != new.rest || old.origin != new.origin;
        if let Some(old) = self.session.as_ref().filter(differs) {
            return Err(format!("a refresh says something else: {old:?} then {new:?}"));
        }
        let body = self.sdp("sendrecv", false);
        self.peer.respond(now, request, 200, &lines, &body, out);
        Ok(())
    }
}

impl Peer {
    fn local_without_name(&self) -> String {
        self.local
            .split_once(' ')
            .map_or(&*self.local, |(_, rest)| rest.split_once(' ').map_or(rest, |(_, rest)| rest))
            .to_owned()
    }
}

/// The user part of a caller's address.
pub(crate) fn user_of(number: usize) -> String {
    format!("+1415{number:07}")
}

/// The number of the call that a user part belongs to.
pub(crate) fn number_of(user: &str) -> Option<usize> {
    user.strip_prefix("+1415")?.parse().ok()
}
