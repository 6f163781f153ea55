//! Connections (RFC 3261 section 18): which way a request goes, and what becomes of it when its connection is lost.
//!
//! The host knows which connections are open; core names one by its number, and beside it the address at which the peer
//! is reached when that is gone. A dialog has no connection: its next request finds one, or has one opened.

use crate::call::{Leg, LegId, LegState, Todo};
use crate::config::{Config, TargetIndex};
use crate::dialog::Dialog;
use crate::reason::Reason;
use crate::sip::{Scheme, Uri};
use crate::transaction::Asked;
use crate::transport::{Path, Transport};

use super::addresses::Failing;
use super::requests::next_hop;
use super::{Admitted, Cx, Sbc};

/// Requests longer than this go by TCP where they can (18.1.1): a datagram of theirs might be cut into fragments.
const LARGE: usize = 1300;

impl Sbc<'_> {
    /// The target that what [`Sbc::poll`] gave last is for: where a connection has to be opened, its host names who
    /// must be found at the other end (RFC 5922 section 4). None where it is for no target.
    pub const fn addressee(&self) -> Option<TargetIndex> {
        match self.addressee {
            Some(TargetIndex(u16::MAX)) | None => None,
            target => target,
        }
    }

    /// Whether a leg uses this connection: one that nobody uses may be closed when it has been idle. Looks at every leg.
    pub fn uses(&self, flow: u32) -> bool {
        let uses = |path: &Path| path.flow == flow;
        flow != 0
            && (self.leads_to_phone(flow)
                || self.legs.iter().any(|(_, leg)| uses(&leg.path) || uses(&leg.reply_path)))
    }

    /// Whether a request of so many bytes that a leg is about to send by UDP goes by TCP (18.1.1). Then the leg does.
    pub(super) fn goes_by_stream(&mut self, cx: &Cx<'_>, id: LegId, len: usize) -> bool {
        let Some(leg) = self.legs.get(id).filter(|leg| leg.path.transport == Transport::Udp) else {
            return false;
        };
        let Some(listener) = sibling(cx.config, leg.path.listener, Transport::Tcp).filter(|_| len > LARGE)
        else {
            return false;
        };
        let path = Path { transport: Transport::Tcp, listener, flow: 0, remote: leg.path.remote };
        // Where no connection could be opened of late, it goes by UDP at once.
        let goes = !self.is_tried_last(cx, listener, path.remote);
        if let Some(leg) = self.legs.get_mut(id).filter(|_| goes) {
            leg.path = path;
        }
        goes
    }

    /// What went over this path may not have arrived. A request that nothing has come back for is sent again, once: its
    /// connection may have been an old one that the peer had closed. Then it has failed.
    pub(super) fn lost(&mut self, cx: &Cx<'_>, path: Path) {
        let mut from = 0;
        while let Some(lost) = self.transactions.lost(path, from) {
            from = lost.slot.saturating_add(1);
            match lost.leg {
                Some((leg, Asked::Invite)) if self.goes_by_datagram(cx, leg) => {
                    self.transactions.give_up(cx.now, lost.id, &mut self.blocks);
                }
                _ if !lost.again => self.transactions.send_again(cx.now, lost.id),
                leg => {
                    self.transactions.give_up(cx.now, lost.id, &mut self.blocks);
                    leg.into_iter().for_each(|(leg, asked)| self.unreachable(cx, leg, asked));
                }
            }
        }
        self.pings_lost(cx);
    }

    /// Whether an INVITE that went by TCP because of its size goes by UDP after all (18.1.1). Then the leg sends it.
    fn goes_by_datagram(&mut self, cx: &Cx<'_>, id: LegId) -> bool {
        let Some(leg) = self.legs.get(id).filter(|leg| leg.state == LegState::Calling) else { return false };
        let (call, path) = (leg.call, leg.path);
        let Some(listener) = cx.config.trunk(leg.trunk).map(|trunk| trunk.listener) else { return false };
        let usual = cx.config.listener(listener).map(|(listener, _)| listener.transport);
        if path.transport != Transport::Tcp || usual != Some(Transport::Udp) {
            return false;
        }
        self.is_down(cx, path, Failing::Silent);
        // Another branch, since the Via is another.
        let branch = self.random.next_u64();
        if let Some(leg) = self.legs.get_mut(id) {
            leg.path = Path { transport: Transport::Udp, listener, flow: 0, ..path };
            leg.branch = branch;
            leg.todo.add(Todo::INVITE);
        }
        self.wake(call);
        true
    }

    /// A request of a leg's had no connection to go by (17.1.4).
    fn unreachable(&mut self, cx: &Cx<'_>, id: LegId, asked: Asked) {
        // One within the dialog: its leg is not just begun, and its call ends with it.
        if self.refresh_unanswered(cx, id, asked) {
            return;
        }
        if asked != Asked::Invite {
            return self.unanswered(cx, id, asked);
        }
        let Some(leg) = self.legs.get_mut(id) else { return };
        let (call, path) = (leg.call, leg.path);
        leg.state = LegState::Terminated;
        if self.is_rung(id) {
            self.is_down(cx, path, Failing::Silent);
            self.ringing_failed(cx, id, Reason::TargetUnreachable, None, true);
        }
        self.wake(call);
    }
}

impl Leg {
    /// A response came: further requests go by the same connection.
    pub(super) fn came_by(&mut self, from: &Admitted) {
        let Path { listener, remote, .. } = self.path;
        if from.trunk == self.trunk && (listener, remote) == (from.path.listener, from.path.remote) {
            self.path.flow = from.path.flow;
        }
    }
}

/// Refuses what a trunk that shows a certificate says elsewhere than where it did.
pub(super) fn certified(config: &Config<'_>, admitted: Admitted) -> Result<Admitted, Reason> {
    let certified = config.trunk(admitted.trunk).is_some_and(|trunk| trunk.certified);
    if certified && admitted.path.transport != Transport::Tls {
        return Err(Reason::CertificateMissing);
    }
    Ok(admitted)
}

/// Where a dialog's requests go: to its next hop, by the transport that its URI names where we have that, and by the
/// connection they came by where that leads to the same host. A next hop that has another trunk's address, or a name, is
/// left aside.
pub(super) fn next_path(dialog: &Dialog, config: &Config<'_>, from: &Admitted) -> Path {
    let Some((remote, uri)) = next_hop(dialog, config, from).zip(dialog.next_hop()) else { return from.path };
    let trunk = config.trunk(from.trunk).filter(|trunk| trunk.srtp.is_on());
    let may_go_by = |named: &Transport| trunk.is_none_or(|trunk| trunk.keys_may_go_by(*named));
    let named = transport(&uri)
        .filter(may_go_by)
        .and_then(|named| sibling(config, from.path.listener, named).zip(Some(named)));
    let (listener, transport) = named.unwrap_or((from.path.listener, from.path.transport));
    let same = listener == from.path.listener && remote.ip() == from.path.remote.ip().to_canonical();
    Path { transport, listener, flow: if same { from.path.flow } else { 0 }, remote }
}

/// The transport that a URI asks for, where it does.
pub(super) fn transport(uri: &Uri<'_>) -> Option<Transport> {
    match (uri.scheme, uri.params.value(b"transport").and_then(Transport::named)) {
        (Scheme::Sips, _) => Some(Transport::Tls),
        (_, named) => named,
    }
}

/// The listener with this transport on the same interface: this one, or else the first.
fn sibling(config: &Config<'_>, number: u8, transport: Transport) -> Option<u8> {
    let (this, _) = config.listener(number)?;
    if this.transport == transport {
        return Some(number);
    }
    let fits = |(_, other): &(u8, &crate::config::Listener)| {
        (other.interface, other.transport) == (this.interface, transport)
    };
    (0u8..).zip(config.listeners).find(fits).map(|(number, _)| number)
}
