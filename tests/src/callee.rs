//! A target: a user agent server that takes our INVITE by its call's plan, and judges what it gets.

use core::net::SocketAddr;

use crate::keys;
use crate::peer::{Late, Peer, Sent};
use crate::plan::{Answer, Crypto, Ending, Plan, Refers, Refresh, Transfer, Wish};
use crate::referrer::Referrer;
use crate::sdp::{Description, describe};
use crate::setting::is_zendesk;
use crate::text::Text;
use crate::timer::Timer;
use crate::zendesk::{Refusal, Rules};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Ring,
    EarlyMedia,
    /// Offers anew before its answer.
    Update,
    Accept,
    Refuse(u16),
    Bye,
    Hold,
    Resume,
    Refer,
}

/// One target that is rung for one call.
#[derive(Debug)]
pub struct Callee {
    pub(crate) peer: Peer,
    /// Which call.
    pub number: usize,
    /// What it does.
    pub answer: Answer,
    /// Whether it answered.
    pub answered: bool,
    /// Whether its answer was acknowledged.
    pub acknowledged: bool,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// Whether nothing is left to do.
    pub over: bool,
    /// The last description we sent it.
    pub session: Option<Description>,
    /// What it knows of the transfer it asked for.
    pub referrer: Referrer,
    /// Whether it was rung for a transfer.
    pub transferred: bool,
    /// How often a re-INVITE told it another port, which it has to put up with where that may be.
    pub moved: u32,
    pub(crate) may_move: bool,
    /// Whether a restart took the call up again, and no description of ours has come since.
    pub(crate) resumed: bool,
    /// Whether a restart cut the call off, so that nobody knows of it.
    pub orphaned: bool,
    /// The rule that its INVITE breaks, where it answers as Zendesk does.
    pub refused: Option<Refusal>,
    pub(crate) timer: Timer,
    /// When it was rung.
    pub rung_at: u64,
    /// When it answered.
    pub answered_at: Option<u64>,
    /// When it was cancelled.
    pub cancelled_at: Option<u64>,
    /// When it hung up.
    pub left_at: Option<u64>,
    /// When it was hung up.
    pub hung_up_at: Option<u64>,
    /// The ticket that its INVITE names.
    pub ticket: Option<u64>,
    /// How many milliseconds after its answer it hangs up, where it does so whatever the plan says.
    pub(crate) stays: Option<u64>,
    plan: Plan,
    invite: Vec<u8>,
    steps: Vec<(u64, Step)>,
    /// What waits for a PRACK.
    waiting: Vec<Step>,
    /// Whether its answer went out in a reliable provisional response.
    pub described: bool,
    /// How many of its provisional responses were acknowledged.
    pub pracked: u32,
    /// How many of its offers were answered before it answered itself.
    pub updated: u32,
    /// The branch of the UPDATE before its answer.
    update: String,
    updating: bool,
    refreshed: String,
    /// Whether it was hung up.
    pub heard_bye: bool,
    leaving: bool,
    held: bool,
    /// Whether it is a further branch of a fork.
    pub(crate) further: bool,
    /// Whether a further branch has answered.
    pub(crate) others_answered: bool,
    /// Whether answers to it may be lost with its connection, over which nothing is kept for what comes again.
    pub(crate) loses_answers: bool,
}

impl Callee {
    #[expect(clippy::too_many_arguments, reason = "each is one fact about who is rung")]
    /// Somebody at `at` who got this INVITE.
    pub(crate) fn new(
        number: usize,
        place: usize,
        plan: Plan,
        answer: Answer,
        at: SocketAddr,
        media: SocketAddr,
        sbc: SocketAddr,
        invite: &Text<'_>,
        bytes: &[u8],
    ) -> Result<Self, String> {
        let kind = if is_zendesk(at) { "zxb" } else { "zyb" };
        let name = format!("{kind}{number}x{place}");
        let mut peer = Peer::new(name, at, sbc, media);
        peer.call_id = invite.one("Call-ID")?.to_owned();
        peer.local = format!("{};tag={}-tag", invite.one("To")?, peer.name);
        peer.remote = invite.one("From")?.to_owned();
        peer.target = invite.address("Contact").ok_or("no Contact")?.to_owned();
        let session = Description::parse(invite.body)?;
        if session.audio().is_none_or(|audio| audio.2 != [0, 8, 101]) || session.media.len() != 1 {
            return Err(format!("an offer of {:?}", session.media));
        }
        Ok(Self {
            peer,
            number,
            answer,
            answered: false,
            acknowledged: false,
            cancelled: false,
            over: false,
            session: Some(session),
            referrer: Referrer::default(),
            transferred: false,
            moved: 0,
            may_move: false,
            resumed: false,
            orphaned: false,
            refused: None,
            timer: Timer::new(plan.timers[1]),
            plan,
            rung_at: 0,
            answered_at: None,
            cancelled_at: None,
            left_at: None,
            hung_up_at: None,
            ticket: invite.get("X-Zendesk-Ticket-Id").and_then(|ticket| ticket.parse().ok()),
            stays: None,
            invite: bytes.to_vec(),
            steps: Vec::new(),
            waiting: Vec::new(),
            described: false,
            pracked: 0,
            updated: 0,
            update: String::new(),
            updating: false,
            refreshed: String::new(),
            heard_bye: false,
            leaving: false,
            held: false,
            further: false,
            others_answered: false,
            loses_answers: false,
        })
    }

    /// The caller was lost in a restart: nobody is heard, and after a while nobody is waited for.
    pub(crate) fn lonely(&mut self, now: u64) {
        self.steps.push((now + 30_000_000, Step::Bye));
    }

    fn sdp(&self, direction: &str) -> String {
        let formats: &[u8] = if self.answer == Answer::WrongCodec { &[9] } else { &[self.plan.format, 101] };
        let plain = describe(self.peer.media, self.peer.version, formats, direction, false);
        let Some(offer) = &self.session else { return plain };
        keys::answer(plain, &offer.crypto, offer.secure, self.plan.crypto[1], &self.peer.name)
    }

    pub(crate) fn begin(&mut self, now: u64, invite: &Text<'_>, out: &mut Vec<Sent>) {
        self.rung_at = now;
        self.peer.serve(invite);
        if self.answer == Answer::Silence {
            self.over = true;
            return;
        }
        let mut steps = Vec::new();
        let after = |milliseconds: u64| now + milliseconds * 1_000;
        match self.answer {
            Answer::AtOnce | Answer::WrongCodec => steps.push((now, Step::Accept)),
            Answer::After(time) => steps.extend([(after(time / 3), Step::Ring), (after(time), Step::Accept)]),
            Answer::EarlyMedia(time) => {
                steps.extend([
                    (after(time / 3), Step::EarlyMedia),
                    (after(time / 2), Step::EarlyMedia),
                    (after(time), Step::Accept),
                ]);
                if self.plan.reliable.rings_late {
                    steps.push((after(time * 2 / 3), Step::Ring));
                }
            }
            Answer::Refuse(status, time) => steps.push((after(time), Step::Refuse(status))),
            Answer::Ring | Answer::AnswerWhenCancelled | Answer::ForgetWhenCancelled => {
                steps.push((after(300), Step::Ring));
            }
            Answer::Zendesk(time) => match Rules::default().judge(invite) {
                Ok(()) => steps.extend([(after(time / 3), Step::Ring), (after(time), Step::Accept)]),
                Err(refusal) => {
                    self.refused = Some(refusal);
                    steps.push((now, Step::Refuse(refusal.status())));
                }
            },
            Answer::Late(time) => steps.push((after(time), Step::Accept)),
            Answer::LateRing(time) => steps.push((after(time), Step::Ring)),
            Answer::Silence | Answer::Trying => {}
        }
        self.steps = steps;
        let quiet = matches!(
            self.answer,
            Answer::AtOnce | Answer::WrongCodec | Answer::Late(_) | Answer::LateRing(_)
        );
        // 100 is the proxy's word, not a branch's.
        if !quiet && !self.further {
            self.peer.respond(now, invite, 100, "", "", out);
        }
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
            Err(_) if self.loses_answers => {
                self.over = true;
                return Ok(());
            }
            refreshes => refreshes?,
        };
        if refreshes && !self.leaving {
            let lines = self.peer.contact() + &self.timer.asks();
            let method = self.timer.method();
            let body = if method == "INVITE" { self.sdp("sendrecv") } else { String::new() };
            self.timer.branch = self.peer.request(now, method, &lines, &body, out);
        }
        if self.timer.dead {
            self.over = true;
            return Ok(());
        }
        for late in self.peer.tick(now, out) {
            match late {
                // 13.3.1.4: a 2xx that is never acknowledged is followed by a BYE.
                Late::Ack if self.answered && !self.over => self.steps.push((now, Step::Bye)),
                Late::Ack | Late::Request("BYE") => self.over = true,
                Late::Request("REFER") => self.referrer.answer = Some(0),
                // RFC 3262 section 3.
                Late::Prack if !self.answered && !self.over => {
                    self.steps.clear();
                    self.steps.push((now, Step::Refuse(504)));
                }
                Late::Request("INVITE" | "UPDATE") => {
                    self.timer.branch.clear();
                    self.updating = false;
                }
                Late::Prack | Late::Request(_) => {}
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
        // One at a time, and no answer before its description has arrived.
        let waits = self.peer.unheard().is_some_and(|described| match step {
            Step::Ring | Step::EarlyMedia => true,
            Step::Accept => described,
            _ => false,
        });
        if waits {
            self.waiting.push(step);
            return;
        }
        // RFC 3264 section 4: one offer after the other.
        if self.updating && matches!(step, Step::Hold | Step::Resume) {
            self.steps.push((now + 500_000, step));
            return;
        }
        let reliable = self.plan.reliable.target;
        let bytes = core::mem::take(&mut self.invite);
        let invite = Text::parse(&bytes).expect("it was read before");
        let contact = self.peer.contact();
        if matches!(step, Step::Accept | Step::Refuse(_)) {
            self.waiting.clear();
            self.peer.final_now();
        }
        match step {
            Step::Ring if reliable => self.peer.respond_reliably(now, &invite, 180, "", out),
            Step::EarlyMedia if reliable => {
                let first = !core::mem::replace(&mut self.described, true);
                let sdp = if first { self.sdp("sendrecv") } else { String::new() };
                self.peer.respond_reliably(now, &invite, 183, &sdp, out);
            }
            Step::Ring => self.peer.respond(now, &invite, 180, &contact, "", out),
            Step::EarlyMedia => {
                let sdp = self.sdp("sendrecv");
                self.peer.respond(now, &invite, 183, &contact, &sdp, out);
            }
            Step::Update => {
                self.peer.version += 1;
                let sdp = self.sdp("sendrecv");
                self.updating = true;
                self.update = self.peer.request(now, "UPDATE", &contact, &sdp, out);
            }
            Step::Accept => {
                let sdp = if self.described { String::new() } else { self.sdp("sendrecv") };
                self.answered = true;
                self.answered_at = Some(now);
                self.timer.begin(now);
                let lines = contact + &self.timer.tells();
                self.peer.respond(now, &invite, 200, &lines, &sdp, out);
            }
            Step::Refuse(status) => self.peer.respond(now, &invite, status, &contact, "", out),
            Step::Refer => {
                if let Some(transfer) = &self.plan.transfer {
                    let mut lines = format!("{contact}Refer-To: {}\r\n{}", transfer.to, transfer.lines);
                    if let Some(ticket) = transfer.ticket {
                        lines.push_str(&format!("X-Zendesk-Ticket-Id: {ticket}\r\n"));
                    }
                    self.peer.request(now, "REFER", &lines, "", out);
                    self.referrer.asked = Some(now);
                }
            }
            Step::Bye => {
                self.leaving = true;
                self.left_at = Some(now);
                self.peer.request(now, "BYE", "", "", out);
            }
            Step::Hold | Step::Resume => {
                self.peer.version += 1;
                let mut sdp = self.sdp(if step == Step::Hold { "inactive" } else { "sendrecv" });
                let mut method = "INVITE";
                if let Refresh::TargetHoldsAs(hold, update) = self.plan.refresh {
                    sdp = self.sdp("sendrecv");
                    sdp = if step == Step::Hold { hold.hold(&sdp) } else { sdp };
                    method = if update { "UPDATE" } else { method };
                }
                let lines = contact + &self.timer.asks();
                self.refreshed = self.peer.request(now, method, &lines, &sdp, out);
                self.held = step == Step::Hold;
            }
        }
        self.invite = bytes;
    }

    pub(crate) fn request(
        &mut self,
        now: u64,
        request: &Text<'_>,
        out: &mut Vec<Sent>,
    ) -> Result<(), String> {
        if self.timer.dead {
            return Ok(());
        }
        if request.method() == "ACK" {
            return self.ack(now, request, out);
        }
        let again = request.method() != "CANCEL" || !self.further;
        if self.answer == Answer::Silence || again && self.peer.again(request, out) {
            return Ok(());
        }
        match request.method() {
            "CANCEL" if self.further => {
                self.cancelled = true;
                if self.answered {
                    return Ok(());
                }
                self.steps.clear();
                self.waiting.clear();
                self.peer.final_now();
                match self.answer {
                    Answer::AnswerWhenCancelled => self.steps.push((now, Step::Accept)),
                    // What it says to the proxy stays there.
                    _ => self.over = true,
                }
                self.tick(now, out)
            }
            "CANCEL" => {
                self.peer.serve(request);
                self.peer.respond(now, request, 200, "", "", out);
                self.cancelled = true;
                self.cancelled_at.get_or_insert(now);
                let step = match self.answer {
                    _ if self.answered => return Ok(()),
                    // After a 2xx a proxy passes on no failure (16.7).
                    _ if self.others_answered => {
                        self.over = true;
                        return Ok(());
                    }
                    Answer::AnswerWhenCancelled => Step::Accept,
                    Answer::ForgetWhenCancelled => {
                        self.over = true;
                        return Ok(());
                    }
                    _ => Step::Refuse(487),
                };
                self.steps.clear();
                self.waiting.clear();
                self.steps.push((now, step));
                self.tick(now, out)
            }
            "PRACK" => {
                if request.get("To") != Some(&self.peer.local)
                    || request.get("From") != Some(&self.peer.remote)
                {
                    return Err(format!("a PRACK from {:?} to {:?}", request.get("From"), request.get("To")));
                }
                if request.uri() != format!("sip:{}-contact@{}", self.peer.name, self.peer.at) {
                    return Err(format!("a PRACK for {}", request.uri()));
                }
                if self.peer.pracked(now, request, out) {
                    self.pracked += 1;
                    let first = self.described && self.update.is_empty();
                    if self.plan.reliable.updates && first && !self.answered && !self.cancelled {
                        self.steps.push((now, Step::Update));
                    }
                    let waiting = core::mem::take(&mut self.waiting);
                    self.steps.extend(waiting.into_iter().map(|step| (now, step)));
                    self.steps.sort_by_key(|step| step.0);
                    self.tick(now, out)?;
                }
                Ok(())
            }
            "BYE" => {
                if !self.answered {
                    return Err("a BYE before an answer".into());
                }
                if request.get("To") != Some(&self.peer.local)
                    || request.get("From") != Some(&self.peer.remote)
                {
                    return Err(format!("a BYE from {:?} to {:?}", request.get("From"), request.get("To")));
                }
                if request.uri() != format!("sip:{}-contact@{}", self.peer.name, self.peer.at) {
                    return Err(format!("a BYE for {}", request.uri()));
                }
                self.heard_bye = true;
                self.hung_up_at.get_or_insert(now);
                self.over = true;
                self.peer.serve(request);
                self.peer.respond(now, request, 200, "", "", out);
                Ok(())
            }
            "INVITE" | "UPDATE" if self.answered => self.asked(now, request, out),
            "NOTIFY" => {
                let status = if self.leaving || self.over { 481 } else { self.referrer.hear(request)? };
                self.peer.serve(request);
                self.peer.respond(now, request, status, "", "", out);
                let polite = self.plan.transfer.as_ref().is_some_and(|transfer| transfer.polite);
                if self.referrer.succeeded() && polite {
                    self.steps.push((now, Step::Bye));
                }
                Ok(())
            }
            method => Err(format!("{method} at a target")),
        }
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
        // What it says may have been said before, and lost.
        if let Some(old) = self.session.as_ref().filter(|_| !self.loses_answers).filter(differs) {
            return Err(format!("a refresh says something else: {old:?} then {new:?}"));
        }
        let body = self.sdp("sendrecv");
        self.peer.respond(now, request, 200, &lines, &body, out);
        Ok(())
    }

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
        let body = self.sdp("sendrecv");
        self.peer.respond(now, request, 200, &lines, &body, out);
        Ok(())
    }

    /// Asks for this transfer now.
    pub(crate) fn refer(&mut self, now: u64, transfer: Transfer) {
        self.plan.transfer = Some(transfer);
        self.steps.push((now, Step::Refer));
    }

    /// What it says of SRTP.
    pub const fn crypto(&self) -> Crypto {
        self.plan.crypto[1]
    }

    /// Where it is.
    pub const fn at(&self) -> SocketAddr {
        self.peer.at
    }

    /// Hangs up now.
    pub(crate) fn hang_up(&mut self, now: u64) {
        self.steps.push((now, Step::Bye));
    }

    /// How often its session was refreshed, and how often INVITEs met over that.
    pub const fn refreshed(&self) -> (u32, u32) {
        (self.timer.refreshed, self.timer.met)
    }

    /// Whether others may have answered in its place.
    const fn was_one_of_many(&self) -> bool {
        !self.plan.forks.is_empty() || !self.plan.others.is_empty()
    }

    /// How many milliseconds after its answer it asks for a transfer, where it is the one who does.
    fn refers(&self) -> Option<u64> {
        let transfer = self.plan.transfer.as_ref().filter(|transfer| transfer.by == Refers::Target)?;
        (!self.transferred).then_some(transfer.after)
    }

    /// Another branch of the fork answered: its proxy cancels this one, if that is not too late.
    pub(crate) fn stop_ringing(&mut self) {
        let rings = matches!(
            self.answer,
            Answer::Ring
                | Answer::AnswerWhenCancelled
                | Answer::ForgetWhenCancelled
                | Answer::Trying
                | Answer::LateRing(_)
        );
        if rings && !self.answered {
            self.steps.clear();
            self.waiting.clear();
            self.peer.final_now();
            self.over = true;
        }
    }

    fn ack(&mut self, now: u64, ack: &Text<'_>, _out: &mut Vec<Sent>) -> Result<(), String> {
        if !self.peer.acked(ack) {
            return Ok(());
        }
        if ack.tag("To") != Some(&*format!("{}-tag", self.peer.name)) {
            return Err(format!("an ACK to {:?}", ack.get("To")));
        }
        if !self.answered {
            self.over = true;
            return Ok(());
        }
        if ack.uri() != format!("sip:{}-contact@{}", self.peer.name, self.peer.at) {
            return Err(format!("an ACK for {}", ack.uri()));
        }
        if core::mem::replace(&mut self.acknowledged, true) {
            return Ok(());
        }
        if let Some(transfer) = self.refers() {
            self.steps.push((now + transfer * 1_000, Step::Refer));
        }
        if let Some(after) = self.stays {
            self.steps.push((now + after * 1_000, Step::Bye));
        }
        if let Ending::Target(after) | Ending::Both(after) = self.plan.ending {
            self.steps.push((now + after * 1_000, Step::Bye));
        }
        if matches!(self.plan.refresh, Refresh::TargetHolds | Refresh::TargetHoldsAs(..)) {
            self.steps.push((now + 500_000, Step::Hold));
        }
        Ok(())
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
        self.updating &= heard.status < 200 || branch != self.update;
        if heard.status >= 200 && heard.method != "BYE" && branch == self.timer.branch {
            if heard.method == "INVITE" && heard.status == 200 {
                self.peer.acknowledge(branch, self.peer.cseq, "", out);
                let new = Description::parse(response.body)?;
                if let Some(old) = self.session.replace(new.clone()) {
                    new.follows(&old, core::mem::take(&mut self.resumed))?;
                }
            }
            return self.timer.heard(now, response, 1_000_000);
        }
        match (heard.method, heard.status) {
            (_, 100..=199) => {}
            ("UPDATE", 200) if branch == self.update => {
                self.updated += 1;
                let new = Description::parse(response.body)?;
                let old = self.session.replace(new.clone()).ok_or("an UPDATE before the INVITE")?;
                new.follows(&old, false)?;
            }
            ("INVITE" | "UPDATE", 200) => {
                self.timer.told(now, response)?;
                if heard.method == "INVITE" {
                    self.peer.acknowledge(&self.refreshed.clone(), self.peer.cseq, "", out);
                }
                // 14.1: not before this one is done.
                let held = core::mem::take(&mut self.held);
                if held {
                    self.steps.push((now + 600_000, Step::Resume));
                }
                let new = Description::parse(response.body)?;
                let Some(old) = self.session.replace(new.clone()) else { return Ok(()) };
                new.follows(&old, core::mem::take(&mut self.resumed))?;
                if let Refresh::TargetHoldsAs(hold, _) = self.plan.refresh {
                    let wanted = if held { hold.answered() } else { "sendrecv" };
                    if new.direction != wanted {
                        return Err(format!("{hold:?} is answered with {}", new.direction));
                    }
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
                // The caller's answer may wait for a PRACK that is lost again and again: then nobody is there yet.
                let early = status == 403 && self.plan.reliable.caller != Wish::Unable;
                // There is no room for whoever is rung beside others who are.
                let full = status == 503 && self.plan.visit.is_some();
                if status != 202 && !full && !refused && !self.orphaned && !early {
                    return Err(format!("a REFER of a target got {status}"));
                }
            }
            ("BYE", 200) => self.over = true,
            ("BYE", 481) if matches!(self.plan.ending, Ending::Both(_)) || self.heard_bye => self.over = true,
            // Who has transferred its call away is not in the call's record.
            ("BYE", 481)
                if self.orphaned || self.loses_answers || self.resumed && self.referrer.asked.is_some() =>
            {
                self.over = true
            }
            // It was one too many, and has not heard so yet.
            // Its time was over before, and it has not heard so yet.
            ("BYE", 481) if self.plan.visit.is_some() => self.over = true,
            ("BYE", 481) if self.was_one_of_many() => self.over = true,
            // The call is being ended.
            ("INVITE" | "UPDATE", 481) => {}
            // It met one of ours.
            ("INVITE", 491) if self.may_move => {
                let step = if self.held { Step::Hold } else { Step::Resume };
                self.steps.push((now + 1_100_000, step));
            }
            ("INVITE" | "UPDATE", 500) if self.loses_answers => self.resumed = true,
            // It was overtaken by the BYE, or by the REFER.
            ("INVITE" | "UPDATE", 500) if self.leaving || self.referrer.asked.is_some() => {}
            (method, status) => return Err(format!("{method} of a target got {status}")),
        }
        Ok(())
    }
}
