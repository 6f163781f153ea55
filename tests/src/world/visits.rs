//! Callers who stay on lines with plans: what they press, what the host says of their tickets, and what platforms ask for.

use core::net::SocketAddr;
use core::num::NonZeroU64;

use warmline_core::call::CallId;
use warmline_core::config::TrunkIndex;
use warmline_core::reason::Reason;
use warmline_core::{Command, Cx, HandOver};

use super::{What, World, in_core};
use crate::plan::From;
use crate::setting::{ACCEPTS, is_zendesk};
use crate::text::Text;
use crate::visit::Manner;

/// What is known of a call's ticket, and since when.
#[derive(Clone, Copy, Debug)]
pub(super) enum Said {
    /// The host was asked for one.
    Asked,
    /// There is this one.
    Is(u64),
    /// The host has none.
    None,
}

impl World<'_> {
    /// Arranges what is to happen in a caller's visit beside SIP.
    pub(super) fn visit_begins(&mut self, number: usize) {
        let Some(visit) = self.callers[number].plan.visit.clone() else { return };
        for &(after, key) in &visit.keys {
            self.arrange(self.now + after * 1_000, What::Press(number, key));
        }
        if let Some(handed) = visit.handed {
            self.arrange(self.now + handed.after * 1_000, What::HandOver(number));
        }
    }

    /// Whose call this is.
    fn visitor(&self, id: CallId) -> Option<usize> {
        let call_id = &self.told.get(&id)?.call_id;
        self.callers.iter().position(|caller| caller.peer.call_id == *call_id)
    }

    /// The host is asked for a ticket.
    pub(super) fn ticket_is_wanted(&mut self, id: CallId) {
        let Some(number) = self.visitor(id) else { return };
        self.tickets.entry(number).or_default().push((self.now, Said::Asked));
        let Some(visit) = &self.callers[number].plan.visit else { return };
        for (after, ticket) in visit.tickets.clone() {
            self.arrange(self.now + after * 1_000, What::Ticket(id, ticket));
        }
    }

    /// The host says what became of that, be it too late.
    pub(super) fn ticket_is_said(&mut self, id: CallId, ticket: Option<u64>) {
        if let Some(number) = self.visitor(id) {
            self.tickets.entry(number).or_default().push((self.now, ticket.map_or(Said::None, Said::Is)));
        }
        self.command(Command::Ticket { call: id, ticket: ticket.and_then(NonZeroU64::new) });
    }

    /// The platform hands a call over, where its agent is in one.
    pub(super) fn is_handed_over(&mut self, number: usize) {
        let plan = &self.callers[number].plan;
        let Some(handed) = plan.visit.as_ref().and_then(|visit| visit.handed) else { return };
        let Some(call) = self.agents_call(number) else { return };
        let (line, ticket) = (handed.line.as_bytes(), handed.ticket.and_then(NonZeroU64::new));
        let cx = Cx { now: self.clock(), utc: Some(self.utc()), config: &self.config };
        let asked = HandOver { trunk: TrunkIndex(0), call: call.as_bytes(), line, ticket };
        let result = in_core(|| self.sbc.hand_over(&cx, &asked));
        match result {
            Ok(_) => {
                let said = handed.ticket.map(|ticket| (self.now, Said::Is(ticket)));
                self.tickets.entry(number).or_default().extend(said);
            }
            // It is not answered yet, or is over, or is being handed over.
            Err(
                Reason::NoSuchCall
                | Reason::NothingToTransfer
                | Reason::TransferUnderWay
                | Reason::NodeFull
                | Reason::NoPort,
            ) => {}
            Err(reason) => self.judge(&format!("platform {number}"), Err(format!("{reason:?}"))),
        }
        self.drain();
    }

    /// A caller who can hear us presses a key.
    pub(super) fn presses(&mut self, number: usize, key: u8) {
        let caller = &self.callers[number];
        let port = caller.session.as_ref().and_then(|session| session.audio()).map(|audio| audio.1);
        let Some(port) = port.filter(|_| !caller.over && caller.plan.formats.contains(&101)) else { return };
        let from = caller.peer.media;
        self.key(self.now, from, port, number as u32 + 1, key);
    }

    /// Who has answered may be asked for a key, and presses it soon, late, or never.
    pub(super) fn may_press(&mut self, place: usize) {
        let asks = self.config.rings.iter().any(|ring| ring.whisper.is_some_and(|it| it.accept.is_some()));
        let after = [Some(900_000), Some(9_000_000), Some(23_000_000), None][place % 4].filter(|_| asks);
        let callee = &self.callees[place];
        let port = callee.session.as_ref().and_then(|session| session.audio()).map(|audio| audio.1);
        if let Some((after, port)) = after.zip(port) {
            self.key(self.now + after, callee.peer.media, port, 0x5000 + place as u32, ACCEPTS);
        }
    }

    /// A key is pressed for 100 ms.
    fn key(&mut self, at: u64, from: SocketAddr, port: u16, ssrc: u32, key: u8) {
        let start = (at / 125) as u32;
        for packet in 1..=7 {
            let [high, low] = (packet.min(5) * 160_u16).to_be_bytes();
            let mut bytes = vec![0x80, 101];
            bytes.extend(((at / 20_000) as u16).wrapping_add(packet).to_be_bytes());
            bytes.extend(start.to_be_bytes());
            bytes.extend(ssrc.to_be_bytes());
            bytes.extend([key, if packet >= 5 { 0x8a } else { 10 }, high, low]);
            self.arrange(at + u64::from(packet) * 20_000, What::Packet { port, from, bytes });
        }
    }

    /// What the target at this address does as it is rung now.
    pub(super) fn manner_at(&self, number: usize, at: SocketAddr) -> Option<Manner> {
        let visit = self.callers.get(number)?.plan.visit.as_ref()?;
        let manners = visit.manners.get(self.setting.target_at(at)?)?;
        let before =
            self.callees.iter().filter(|callee| callee.number == number && callee.peer.at == at).count();
        manners.get(before).or_else(|| manners.last()).copied()
    }

    /// Whether an INVITE in a visit names the ticket that it must: the one that the latest word of it is, or of several at
    /// once any; and none elsewhere. Whoever knows none has waited for one.
    pub(super) fn check_ticket(
        &self,
        number: usize,
        at: SocketAddr,
        invite: &Text<'_>,
    ) -> Result<(), String> {
        let named: Vec<&str> = invite.all("X-Zendesk-Ticket-Id").collect();
        let sent = self.tap.as_ref().and_then(|tap| tap.first_sent(invite.branch())).unwrap_or(self.now);
        let said = self.tickets.get(&number).map(Vec::as_slice).unwrap_or_default();
        let before: Vec<_> = said.iter().filter(|(at, _)| *at <= sent).collect();
        let plan = &self.callers[number].plan;
        let brought = plan.ticket.filter(|_| plan.from == From::Ai);
        let told = |said: &&(u64, Said)| if let Said::Is(ticket) = said.1 { Some(ticket) } else { None };
        let mut known: Vec<u64> =
            before.iter().copied().filter_map(|said| told(&said)).chain(brought).collect();
        let must = is_zendesk(at) && !known.is_empty();
        known.extend(plan.transfer.as_ref().and_then(|transfer| transfer.ticket));
        let fits = |ticket: &str| ticket.parse().is_ok_and(|ticket| known.contains(&ticket));
        match named[..] {
            [] if must => Err(format!("no ticket where there is one of {known:?}")),
            [] => self.has_waited(sent, &before, is_zendesk(at)),
            [ticket] if is_zendesk(at) && fits(ticket) => Ok(()),
            _ => Err(format!("ticket {named:?} to {at}, and not one of {known:?}")),
        }
    }

    /// Whether an INVITE without a ticket was not sent too soon: the host has answered, or the shortest budget is over.
    fn has_waited(&self, sent: u64, before: &[&(u64, Said)], zendesk: bool) -> Result<(), String> {
        let asked = before.iter().rposition(|(_, said)| matches!(said, Said::Asked));
        let Some(asked) = asked.filter(|_| zendesk) else { return Ok(()) };
        let shortest = self.config.lines.iter().map(|line| line.budget).filter(|budget| *budget > 0).min();
        let until = before[asked].0 + u64::from(shortest.unwrap_or(0)) * 1_000;
        if asked + 1 == before.len() && sent < until {
            return Err(format!("sent without a ticket at {sent}, and asked for it until {until}"));
        }
        Ok(())
    }

    /// The tickets that were said to be a call's, by whomever.
    pub fn tickets_of(&self, number: usize) -> Vec<u64> {
        let plan = &self.callers[number].plan;
        let said = self.tickets.get(&number).into_iter().flatten();
        let said =
            said.filter_map(|(_, said)| if let Said::Is(ticket) = said { Some(*ticket) } else { None });
        let brought = plan.ticket.filter(|_| plan.from == From::Ai);
        said.chain(brought).chain(plan.transfer.as_ref().and_then(|transfer| transfer.ticket)).collect()
    }
}
