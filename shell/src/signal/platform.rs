//! What platforms ask for outside SIP, handed to core.

use warmline_core::call::CallId;
use warmline_core::config::{Config, TrunkIndex};
use warmline_core::reason::Reason;
use warmline_core::{Announcement, Cx, HandOver};

use super::clerk::Clerk;
use super::driver::Driver;
use crate::clock::Clock;
use crate::platform::{Answer, Call, Invited, PlatformAsk, Refusal, Wanted, Why};
use crate::store::{hex, utc};

/// Room for the URI of a hand-over that is announced: a line's name, a token and a domain.
const URI: usize = 512;

impl Driver<'_> {
    /// A platform asks.
    pub(super) fn platform(&mut self, ask: PlatformAsk) {
        let PlatformAsk { trunk, wanted, answer } = ask;
        let answered = self.platform_wants(&trunk, wanted);
        if let Err(refusal) = &answered {
            tracing::info!("refused platform of trunk {trunk}: {}", refusal.why.code());
        }
        // Who asked may have gone.
        let _ = answer.send(answered);
    }

    fn platform_wants(&mut self, name: &str, wanted: Wanted) -> Result<Answer, Refusal> {
        let loaded = std::sync::Arc::clone(&self.loaded);
        let config = loaded.lend();
        let cx = self.cx(&config);
        let trunk = trunk(&config, name).ok_or_else(|| Refusal {
            why: Why::Reason(Reason::MayNotRefer),
            detail: format!("There is no trunk \"{name}\" any more."),
        })?;
        match wanted {
            Wanted::Show { call } => {
                let going = self.sbc.call_named(trunk, call.as_bytes());
                let found = going.and_then(|going| self.courses.call(&cx, &self.sbc, going));
                let found = found.or_else(|| self.courses.left(name, &call));
                let found = found.ok_or_else(|| refusal(&config, trunk, Reason::NoSuchCall, ""))?;
                Ok(Answer::Call(Box::new(found)))
            }
            Wanted::HandOver { call, line, ticket, context, kept } => {
                let asked = HandOver { trunk, call: call.as_bytes(), line: line.as_bytes(), ticket };
                let handed = self.sbc.hand_over(&cx, &asked);
                let id = handed.map_err(|reason| refusal(&config, trunk, reason, &line))?;
                self.courses.said(&cx, &self.sbc, id, *context);
                self.clerk.keeps(id, kept);
                let answer = self.now_as_it_is(&cx, id);
                self.clerk.keeps_no_more();
                answer
            }
            Wanted::Resolve { call, ticket, context } => {
                let going = self.sbc.call_named(trunk, call.as_bytes());
                let Some(view) = going.and_then(|going| self.sbc.call(going)) else {
                    let left = self.courses.left(name, &call);
                    return Err(
                        left.map_or_else(|| refusal(&config, trunk, Reason::NoSuchCall, ""), too_late)
                    );
                };
                if !Clerk::tells_what_is_solved(&loaded, name, &view, ticket) {
                    return Err(no_desk(name));
                }
                let solved = self.sbc.resolve(&cx, trunk, call.as_bytes(), ticket);
                let id = solved.map_err(|reason| refusal(&config, trunk, reason, ""))?;
                self.courses.said(&cx, &self.sbc, id, *context);
                self.courses.solved(id, name);
                self.now_as_it_is(&cx, id)
            }
            Wanted::Announce { line, caller, ticket, context } => {
                let caller = caller.as_deref().map(str::as_bytes);
                let announced = Announcement { trunk, line: line.as_bytes(), caller, ticket };
                let invitation = self.sbc.announce(&cx, &announced);
                let invitation = invitation.map_err(|reason| refusal(&config, trunk, reason, &line))?;
                let mut room = [0; URI];
                let written = invitation.uri(&config, &mut room);
                let written = written.map_err(|_| refusal(&config, trunk, Reason::MessageTooLarge, &line))?;
                let uri = room.get(..written).unwrap_or_default();
                if let Some(gone) = invitation.instead_of {
                    self.courses.announced_no_more(gone);
                }
                self.courses.announced(cx.now, invitation.id, *context, invitation.until);
                let left = i64::try_from(invitation.until.since(cx.now).as_micros()).unwrap_or(i64::MAX);
                Ok(Answer::Invited(Invited {
                    id: hex(invitation.id),
                    sip_uri: String::from_utf8_lossy(uri).into_owned(),
                    expires: utc(Clock::utc().map_or(0, |now| now.0).saturating_add(left)),
                }))
            }
        }
    }

    /// A call, once what a platform wanted of it is under way.
    fn now_as_it_is(&mut self, cx: &Cx<'_>, id: CallId) -> Result<Answer, Refusal> {
        self.drain();
        self.settle();
        let call = self.courses.call(cx, &self.sbc, id);
        let gone = || refusal(cx.config, TrunkIndex(u16::MAX), Reason::NoSuchCall, "");
        call.map(|call| Answer::Call(Box::new(call))).ok_or_else(gone)
    }
}

fn trunk(config: &Config<'_>, name: &str) -> Option<TrunkIndex> {
    let mut trunks = (0u16..).zip(config.trunks);
    trunks.find(|(_, trunk)| config.text(trunk.name) == name.as_bytes()).map(|(at, _)| TrunkIndex(at))
}

/// Why something is not done, and what whoever asked for it may do; `line` is the one that was asked for.
fn refusal(config: &Config<'_>, trunk: TrunkIndex, reason: Reason, line: &str) -> Refusal {
    let detail = match reason {
        Reason::NoSuchCall => {
            "No call of this trunk's has this id or SIP Call-ID. The id is the X-Warmline-Call of the INVITE that the platform \
             got; a Call-ID is that of one of its own legs, with \"/\" and \"%\" percent-encoded."
                .to_owned()
        }
        Reason::UnknownLine | Reason::LineNotForTrunk | Reason::UnsupportedScheme => {
            let open = config.lines.iter().filter(|line| config.callers(line).contains(&trunk));
            let names: Vec<_> =
                open.map(|line| String::from_utf8_lossy(config.text(line.name)).into_owned()).collect();
            let shown = line.escape_debug();
            format!("\"{shown}\" is no line that this trunk may dial. Those are: {}.", names.join(", "))
        }
        Reason::NothingToTransfer => {
            "The call is not answered yet, or is ending: it can be handed over while the caller talks with the agent.".to_owned()
        }
        Reason::TransferUnderWay => {
            "This call is being handed over already: GET /v1/calls/{id} says how that goes.".to_owned()
        }
        Reason::CallerMalformed => {
            "\"caller\" is no telephone number: write it in E.164, like \"+14155550100\", or leave it out.".to_owned()
        }
        Reason::CallerBlocked => {
            "[limits] blocked names this caller, whose calls are turned away: hand nothing over for it.".to_owned()
        }
        Reason::NodeFull => {
            "There is room for no more at once: calls that go on, or hand-overs that were announced for them, have it all. Try \
             again when a call has ended, or have the AI agent refer or dial without."
                .to_owned()
        }
        Reason::MayNotRefer => "The trunk of this token is not of kind \"ai\" any more.".to_owned(),
        _ => "Try again in a few seconds, or have the AI agent refer or dial without.".to_owned(),
    };
    Refusal { why: Why::Reason(reason), detail }
}

/// A report of a call in which the platform is not any more.
fn too_late(call: Call) -> Refusal {
    let how = match call.ended {
        Some(ended) => format!("The call has ended, at {ended}"),
        None => "The call goes on without this trunk's agent".to_owned(),
    };
    let detail = format!(
        "{how}, and nothing of this report is kept. Report an outcome while the agent talks with the caller, before it hangs up."
    );
    Refusal { why: Why::TooLate, detail }
}

/// A report that nobody would read.
fn no_desk(trunk: &str) -> Refusal {
    let detail = format!(
        "Neither the call's line nor this token has a desk that would have it on a ticket. Write desk = \"...\", the name of a \
         [[desk]], in the [[platform.token]] of trunk \"{trunk}\", and reload."
    );
    Refusal { why: Why::NoDesk, detail }
}
