//! Whom a message reaches, and what they do with it.

use core::net::{IpAddr, SocketAddr};

use super::connections::End;
use super::{What, World};
use crate::callee::Callee;
use crate::caller::{Outcome, number_of};
use crate::door::Door;
use crate::peer::Sent;
use crate::plan::{Answer, From, Plan};
use crate::setting::{address, is_zendesk};
use crate::text::Text;
use crate::zendesk::{Refusal, Rules};

impl World<'_> {
    pub(super) fn reaches(&mut self, to: SocketAddr, bytes: &[u8]) {
        // What the tap heard, it has judged already.
        let Ok(text) = Text::parse(bytes) else { return };
        if text.method() == "OPTIONS" && text.status().is_none() {
            return self.is_pinged(to, &text);
        }
        let call_id = text.get("Call-ID").unwrap_or_default();
        let mut out = core::mem::take(&mut self.sending);
        let now = self.now;
        let network = match to.ip() {
            IpAddr::V4(ip) => ip.octets()[0],
            IpAddr::V6(_) => 0,
        };
        if network == 198 {
            let number = call_id.strip_prefix("zxa").and_then(|rest| rest.split('-').next()?.parse().ok());
            let number = number.filter(|&number: &usize| number < self.callers.len());
            if let Some(number) = number {
                let caller = &mut self.callers[number];
                let before = caller.outcome;
                let result = match text.status() {
                    Some(_) => caller.response(now, &text, &mut out),
                    None => caller.request(now, &text, &mut out),
                };
                let answered = (before, caller.outcome) == (Outcome::Open, Outcome::Answered);
                if let Some(cut) = caller.plan.cut.filter(|_| answered) {
                    self.arrange(now + cut * 1_000, What::Cut(End::Caller(number)));
                }
                self.judge(&format!("caller {number}"), result);
                self.send(out);
                return self.mind_caller(number);
            }
        }
        if matches!(network, 198 | 203) {
            if self.is_at_the_door(to, &text, &mut out) {
                return self.send(out);
            }
            let places = match self.rung.get(call_id) {
                Some(places) => self.meant(places, &text),
                None if text.method() == "INVITE" => self.ring(to, &text, bytes, &mut out),
                None => Vec::new(),
            };
            let others_answered = places.iter().any(|&place| self.callees[place].answered);
            for &place in &places {
                let callee = &mut self.callees[place];
                callee.others_answered = others_answered;
                let before = callee.acknowledged;
                let result = match text.status() {
                    Some(_) => callee.response(now, &text, &mut out),
                    None => callee.request(now, &text, &mut out),
                };
                let picks_up = !before && callee.acknowledged;
                self.judge(&self.name_of(place), result);
                if picks_up {
                    self.may_press(place);
                }
            }
            if !places.is_empty() {
                self.send(out);
                for place in places {
                    self.mind_callee(place);
                    self.mind_branches(place);
                }
                return;
            }
        }
        self.sending = out;
        if self.tap.is_some() {
            let result = Err(format!("nobody is at {to} for {}", text.start));
            self.judge("network", result);
        }
    }

    /// An address is asked by OPTIONS.
    pub(super) fn is_pinged(&mut self, at: SocketAddr, options: &Text<'_>) {
        self.pings.entry(at).or_default().push(self.now);
        let Some(status) = self.pongs.get(&at) else { return };
        let field = |name| options.get(name).unwrap_or_default();
        let bytes = format!(
            "SIP/2.0 {status} Pong\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=pong\r\nCall-ID: {}\r\nCSeq: {}\r\n\
             Content-Length: 0\r\n\r\n",
            field("Via"),
            field("From"),
            field("To"),
            field("Call-ID"),
            field("CSeq"),
        );
        let host = field("Via").split([' ', ';']).nth(1).and_then(|host| host.parse().ok());
        let to = host.expect("a Via of ours has an address");
        self.send(vec![Sent { from: at, to, bytes: bytes.into_bytes() }]);
    }

    /// Whether a message ends with who asks for credentials before anybody's telephone rings.
    pub(super) fn is_at_the_door(&mut self, at: SocketAddr, text: &Text<'_>, out: &mut Vec<Sent>) -> bool {
        let call_id = text.get("Call-ID").unwrap_or_default();
        if let Some(door) = self.doors.get(call_id)
            && door.is_acknowledged_by(text)
        {
            return true;
        }
        if text.method() != "INVITE" || text.tag("To").is_some() || at == address::AI {
            return false;
        }
        let number = self.number_of(text);
        let Some(plan) = self.callers.get(number).map(|caller| &caller.plan) else { return false };
        let answer = self.answer_at(number, at, self.is_transfer(number, text));
        let Some(challenge) = plan.challenge.filter(|_| answer != Answer::Silence) else { return false };
        let sbc = self.setting.heard_at(1);
        let door = self.doors.entry(call_id.to_owned());
        let door = door.or_insert_with(|| Door::new(challenge, number, at, sbc));
        match door.lets_in(self.now, text, out) {
            Ok(let_in) => !let_in,
            Err(wrong) => {
                self.judge(&format!("door {number}"), Err(wrong));
                true
            }
        }
    }

    /// Which call an INVITE to a target is of.
    pub(super) fn number_of(&self, invite: &Text<'_>) -> usize {
        let user = invite.address("From").and_then(|uri| uri.strip_prefix("sip:")?.split('@').next());
        // Of one who withholds the number, the ticket tells which call it is.
        let ticket = || {
            let ticket = invite.get("X-Zendesk-Ticket-Id")?.parse().ok();
            self.callers.iter().position(|caller| caller.plan.anonymous && caller.plan.ticket == ticket)
        };
        user.and_then(number_of).or_else(ticket).unwrap_or(0)
    }

    /// What is planned to become of an INVITE at this address.
    pub(super) fn answer_at(&self, number: usize, at: SocketAddr, transferred: bool) -> Answer {
        let plain = Plan::plain();
        let plan = self.callers.get(number).map_or(&plain, |caller| &caller.plan);
        // By address, not by order: an INVITE may arrive when its target was given up already.
        let answer = match address::OTHERS.iter().position(|&other| other == at) {
            Some(other) => plan.others.get(other),
            None => plan.answers.get(match (plan.dial, at) {
                ("mixed", address::AI) => 1,
                ("mixed", address::BACKUP) => 2,
                (_, address::BACKUP) => 1,
                _ => 0,
            }),
        };
        let answer = answer.copied().unwrap_or(Answer::Refuse(480, 10));
        match plan.transfer.as_ref().filter(|_| transferred) {
            Some(_) if at == address::AI => Answer::AtOnce,
            Some(transfer) => transfer.answer,
            None => answer,
        }
    }

    /// Whether an INVITE of a call was sent for a transfer that somebody in it has asked for, or since that has failed. One
    /// that was sent before may arrive later.
    pub(super) fn is_transfer(&self, number: usize, invite: &Text<'_>) -> bool {
        let by_caller = self.callers.get(number).and_then(|caller| caller.referrer.asked);
        let callees = self.callees.iter().filter(|callee| callee.number == number);
        let Some(asked) = by_caller.or_else(|| callees.filter_map(|callee| callee.referrer.asked).min())
        else {
            return false;
        };
        let sent = self.tap.as_ref().and_then(|tap| tap.first_sent(invite.branch()));
        sent.is_none_or(|sent| sent > asked)
    }

    /// Which branches of a fork a message is for.
    pub(super) fn meant(&self, places: &[usize], text: &Text<'_>) -> Vec<usize> {
        let with = |is: &dyn Fn(&Callee) -> bool| -> Vec<usize> {
            places.iter().copied().filter(|&place| is(&self.callees[place])).collect()
        };
        match (text.status(), text.tag("To")) {
            (Some(_), _) => with(&|callee| text.branch().starts_with(&callee.peer.branches_begin())),
            (None, Some(tag)) => with(&|callee| callee.peer.local.ends_with(&format!(";tag={tag}"))),
            // What is passed on to the branches is the proxy's business; it does so once.
            (None, None) if text.method() == "CANCEL" => {
                let first = places[0];
                let all = !self.callees[first].cancelled && self.callees[first].answer != Answer::Silence;
                if all { places.to_vec() } else { vec![first] }
            }
            (None, None) => vec![places[0]],
        }
    }

    /// When one branch of a fork has answered, the others that only ring are cancelled by the proxy.
    pub(super) fn mind_branches(&mut self, place: usize) {
        if !self.callees[place].answered {
            return;
        }
        let Some(places) = self.rung.get(&self.callees[place].peer.call_id) else { return };
        for &other in places.iter().filter(|&&other| other != place) {
            self.callees[other].stop_ringing();
        }
    }

    /// A target's telephone rings for the first time, or all those that its INVITE leads to.
    pub(super) fn ring(
        &mut self,
        at: SocketAddr,
        invite: &Text<'_>,
        bytes: &[u8],
        out: &mut Vec<Sent>,
    ) -> Vec<usize> {
        let number = self.number_of(invite);
        let plan = self.callers.get(number).map_or_else(Plan::plain, |caller| caller.plan.clone());
        let transferred = plan.transfer.is_some() && self.is_transfer(number, invite);
        let manner = self.manner_at(number, at);
        let answer = manner.map_or_else(|| self.answer_at(number, at, transferred), |manner| manner.answer);
        let sbc = self.setting.heard_at(u8::from(is_zendesk(at)));
        let wired = is_zendesk(at) && self.config.trunks[2].listener == address::WIRED;
        let contact = format!("sip:{sbc}{}", if wired { ";transport=TCP" } else { "" });
        let uri = self.setting.target_at(at).map(|target| self.config.text(self.config.targets[target].uri));
        let uri = core::str::from_utf8(uri.unwrap_or_default()).unwrap_or_default();
        let secured = self.config.trunks[2].srtp.is_on();
        let result = check_invite(&plan, at, uri, &contact, transferred, secured, invite);
        let result = match plan.visit {
            Some(_) => result.and_then(|()| self.check_ticket(number, at, invite)),
            None => result,
        };
        if self.tap.is_some() {
            self.judge(&format!("target {}", self.callees.len()), result);
        }
        let alone = at == address::BACKUP || matches!(answer, Answer::Silence | Answer::Refuse(..));
        let forks = if alone { &[][..] } else { &plan.forks };
        let again = self.callees.iter().any(|callee| callee.number == number && callee.peer.at == at);
        let mut places = Vec::new();
        for &answer in [answer].iter().chain(forks) {
            let place = self.callees.len();
            let media = SocketAddr::new(
                IpAddr::from(if is_zendesk(at) { [203, 0, 113, 20] } else { [198, 51, 100, 30] }),
                10_000 + (place as u16 % 20_000) * 2,
            );
            match Callee::new(number, place, plan.clone(), answer, at, media, sbc, invite, bytes) {
                Ok(mut callee) => {
                    callee.further = !places.is_empty();
                    // An agent asks for its call once.
                    callee.transferred = transferred || plan.visit.is_some() && at == address::AI && again;
                    callee.stays = manner.and_then(|manner| manner.stays);
                    callee.loses_answers = self.cut > 0;
                    callee.begin(self.now, invite, out);
                    places.push(place);
                    self.rung.entry(callee.peer.call_id.clone()).or_default().push(place);
                    self.callees.push(callee);
                }
                Err(wrong) => self.judge("target", Err(wrong)),
            }
        }
        places
    }
}

/// What every INVITE to a target must say, by the design's rules.
fn check_invite(
    plan: &Plan,
    at: SocketAddr,
    uri: &str,
    contact: &str,
    transferred: bool,
    secured: bool,
    invite: &Text<'_>,
) -> Result<(), String> {
    let ticket: Vec<&str> = invite.all("X-Zendesk-Ticket-Id").collect();
    let brought = plan.transfer.as_ref().filter(|_| transferred).and_then(|transfer| transfer.ticket);
    let expected = brought.or_else(|| plan.ticket.filter(|_| plan.from == From::Ai));
    let expected = expected.filter(|_| at != address::AI).map(|ticket| ticket.to_string());
    if plan.visit.is_none() && ticket != expected.as_deref().into_iter().collect::<Vec<_>>() {
        return Err(format!("ticket {ticket:?} and not {expected:?}"));
    }
    if invite.uri() != uri || invite.get("To") != Some(&*format!("<{uri}>")) {
        return Err(format!("{} to {:?}", invite.start, invite.get("To")));
    }
    if invite.one("Max-Forwards")? != if is_zendesk(at) { "70" } else { "69" } {
        return Err("Max-Forwards is not 70".into());
    }
    crate::timer::asks_for_a_timer(invite)?;
    // What stands for nobody, where Zendesk wants a number.
    let user = if plan.anonymous { "sip:+266696687@" } else { "sip:+1415" };
    let host = contact.split(':').nth(1).map(|host| format!("@{host}")).unwrap_or_default();
    if !invite.address("From").is_some_and(|uri| uri.starts_with(user) && uri.ends_with(&host)) {
        return Err(format!("From {:?}", invite.get("From")));
    }
    let foreign =
        ["P-Asserted-Identity", "Privacy", "Diversion", "History-Info", "User-to-User", "Remote-Party-ID"];
    let is_foreign = |name: &str| match name {
        "X-Zendesk-Ticket-Id" => false,
        "X-Warmline-Call" => at != address::AI,
        _ => name.starts_with("X-") || foreign.contains(&name),
    };
    if let Some((name, _)) = invite.fields.iter().find(|(name, _)| is_foreign(name)) {
        return Err(format!("{name} at Zendesk"));
    }
    if invite.address("Contact") != Some(contact) {
        return Err(format!("Contact {:?}", invite.get("Contact")));
    }
    match Rules::default().judge(invite) {
        // What is configured as an address is dialled as one.
        Err(Refusal::Address) if at == address::BACKUP || !is_zendesk(at) => Ok(()),
        // It may be said beside plain RTP here.
        Err(Refusal::Security) if secured => Ok(()),
        judged => judged.map_err(|refusal| format!("Zendesk refuses {refusal}")),
    }
}
