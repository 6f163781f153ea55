//! Credentials for a peer that asks for them (RFC 3261 22.2, 22.3): the challenged request goes again, in the same
//! dialog and counted on, with what its trunk has for the challenge's realm.

use crate::call::{Leg, LegId, LegState, Todo};
use crate::config::{Config, TrunkIndex};
use crate::digest::{Demand, DigestResponse, Login, Text, strongest};
use crate::memory::{Blocks, Chain};
use crate::random::Random;
use crate::reason::Reason;
use crate::sip::{Essentials, Full, Message, Method, Writer};

use super::sessions::first_branch;
use super::{Admitted, Cx, Sbc};

/// As long as all of a request's credentials may be: four blocks. Peers' nonces decide.
const MOST: usize = 1008;

const DEMANDS: [Demand; 2] = [Demand::Server, Demand::Proxy];

impl Sbc<'_> {
    /// Sends the request that `status` is the answer to again, where that is a challenge that can be answered. Whether
    /// it does.
    ///
    /// # Errors
    /// Why a challenge cannot be answered.
    pub(super) fn authenticate(
        &mut self,
        cx: &Cx<'_>,
        from: &Admitted,
        message: &Message<'_>,
        e: &Essentials<'_>,
        id: LegId,
        status: u16,
    ) -> Result<bool, Reason> {
        let rung = self.is_rung(id);
        let Some(leg) = self.legs.get_mut(id) else { return Ok(false) };
        let Some(demand) = Demand::of(status) else {
            if status >= 200 {
                leg.authentication.done();
            }
            return Ok(false);
        };
        let method = e.cseq.method;
        match (method, leg.state) {
            (Method::Invite, LegState::Calling | LegState::Proceeding) if rung => {}
            (Method::Bye, LegState::Terminating) => {}
            (Method::Invite | Method::Update, LegState::Confirmed) => {}
            (Method::Prack, LegState::Calling | LegState::Proceeding) if rung => {}
            _ => return Ok(false),
        }
        let (login, realm) = login(cx.config, leg.trunk)
            .filter(|_| from.trunk == leg.trunk)
            .ok_or(Reason::TargetWantsCredentials)?;
        let mut before = [0; MOST];
        let before = lines(&self.blocks, &leg.authentication.credentials, &mut before);
        let challenge =
            strongest(message.headers(demand.challenge()), realm).ok_or(Reason::TargetWantsCredentials)?;
        let fresh = said(before, demand).is_none_or(|said| !said.nonce.is(challenge.nonce));
        if !leg.authentication.may_answer(demand, challenge.stale, fresh) {
            return Err(Reason::TargetRefusedCredentials);
        }

        let request = (method.as_bytes(), request_uri(cx.config, leg, method));
        let mut out = [0; MOST];
        let mut w = Writer::new(&mut out);
        for other in DEMANDS {
            if other == demand {
                w.name(demand.credentials().as_bytes());
                challenge.answer(&login, request, 1, self.random.next_u64(), &mut w);
                w.end_line();
            } else {
                renew(before, other, &login, request, 0, &mut self.random, &mut w);
            }
        }
        let len = w.finish().map_err(|Full| Reason::MessageTooLarge)?;
        let new = self.blocks.store(out.get(..len).unwrap_or_default()).ok_or(Reason::NoMemory)?;
        self.blocks.free(core::mem::replace(&mut leg.authentication.credentials, new));
        if leg.state == LegState::Confirmed {
            leg.todo.add(if method == Method::Update { Todo::UPDATE } else { Todo::INVITE_AGAIN });
        } else if method == Method::Invite {
            leg.state = LegState::Calling;
            leg.branch = first_branch(self.random.next_u64());
            leg.todo.add(Todo::INVITE);
        } else if method == Method::Bye {
            leg.todo.add(Todo::BYE);
        }
        Ok(true)
    }

    /// Makes a leg's credentials anew for its next request, so that its peer need not ask again: the same nonce,
    /// counted on. Those for a request that is sent again because of a challenge are made already.
    pub(super) fn renew_credentials(&mut self, cx: &Cx<'_>, id: LegId, method: Method<'_>) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        if leg.authentication.is_under_way() || leg.authentication.credentials.is_empty() {
            return;
        }
        let ahead = core::mem::take(&mut leg.reliable.ahead);
        let uri = request_uri(cx.config, leg, method);
        let new = renewed(&mut self.blocks, &mut self.random, cx.config, leg, (method, uri), ahead);
        // What cannot be renewed is left out: then the peer asks.
        let old = core::mem::replace(&mut leg.authentication.credentials, new.unwrap_or(Chain::EMPTY));
        self.blocks.free(old);
    }

    /// Credentials for a request beside the leg's latest one, whose own are still needed: an ACK has its INVITE's.
    pub(super) fn credentials_ahead(
        &mut self,
        cx: &Cx<'_>,
        id: LegId,
        method: Method<'_>,
        uri: &[u8],
    ) -> Chain {
        let Some(leg) = self.legs.get_mut(id) else { return Chain::EMPTY };
        if leg.authentication.credentials.is_empty() {
            return Chain::EMPTY;
        }
        let ahead = leg.reliable.ahead;
        leg.reliable.ahead = ahead.saturating_add(1);
        let new = renewed(&mut self.blocks, &mut self.random, cx.config, leg, (method, uri), ahead);
        new.unwrap_or(Chain::EMPTY)
    }
}

/// A leg's credentials for another request: the same nonces, counted on, and by so many more.
fn renewed(
    blocks: &mut Blocks<'_>,
    random: &mut Random,
    config: &Config<'_>,
    leg: &Leg,
    (method, uri): (Method<'_>, &[u8]),
    ahead: u8,
) -> Option<Chain> {
    let mut before = [0; MOST];
    let before = lines(blocks, &leg.authentication.credentials, &mut before);
    let mut out = [0; MOST];
    let mut w = Writer::new(&mut out);
    let (login, _) = login(config, leg.trunk)?;
    for demand in DEMANDS {
        renew(before, demand, &login, (method.as_bytes(), uri), ahead, random, &mut w);
    }
    let len = w.finish().ok()?;
    blocks.store(out.get(..len)?)
}

/// Writes the credentials of a leg's request; an ACK has those of its INVITE (22.1).
pub(super) fn credentials(w: &mut Writer<'_>, blocks: &Blocks<'_>, leg: &Leg) {
    for piece in blocks.pieces(&leg.authentication.credentials) {
        w.lines(piece);
    }
}

/// Who we are to a trunk, and the realm that holds for.
pub(super) fn login<'c>(config: &Config<'c>, trunk: TrunkIndex) -> Option<(Login<'c>, &'c [u8])> {
    let credentials = config.trunk(trunk)?.credentials.as_ref()?;
    Some((config.login(credentials), config.text(credentials.realm)))
}

/// The Request-URI of a leg's request.
fn request_uri<'a>(config: &Config<'a>, leg: &'a Leg, method: Method<'_>) -> &'a [u8] {
    match config.target(leg.target) {
        Some(_) if method == Method::Invite && leg.state != LegState::Confirmed => leg.dialog.dialled(),
        _ => leg.dialog.request_uri(),
    }
}

/// The header fields that a leg's latest request had.
fn lines<'o>(blocks: &Blocks<'_>, chain: &Chain, out: &'o mut [u8]) -> &'o [u8] {
    let len = blocks.load(chain, out).unwrap_or(0);
    out.get(..len).unwrap_or_default()
}

/// The credentials among them that answered such a demand.
fn said(lines: &[u8], demand: Demand) -> Option<DigestResponse<'_>> {
    let name = demand.credentials().as_bytes();
    let line = lines.split(|&byte| byte == b'\n').find(|line| line.starts_with(name))?;
    DigestResponse::parse(line.get(name.len()..)?.strip_prefix(b":")?.trim_ascii()).ok()
}

/// Writes the credentials that answered a demand for the next request.
fn renew(
    before: &[u8],
    demand: Demand,
    login: &Login<'_>,
    request: (&[u8], &[u8]),
    ahead: u8,
    random: &mut Random,
    w: &mut Writer<'_>,
) {
    let Some(said) = said(before, demand).filter(|said| said.user.is(Text::plain(login.user))) else {
        return;
    };
    let count = said.counted.and_then(|counted| counted.number()).unwrap_or(0).saturating_add(1);
    let count = count.saturating_add(ahead.into());
    w.name(demand.credentials().as_bytes());
    said.challenge().answer(login, request, count, random.next_u64(), w);
    w.end_line();
}
