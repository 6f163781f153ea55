//! Where media may come from and go to: what a trunk allows, peers that are learned, and legs that fall silent.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::call::{CallId, Learned, Leg, LegId, Pending, Progress, Sighting, Stage, stream_of};
use crate::config::{Config, MediaPolicy, Trunk};
use crate::reason::Reason;
use crate::relay::{Control, Peer, Side};
use crate::rtp::Direction;
use crate::sdp::Agreed;
use crate::time::Duration;

use super::{Cx, Event, Output, Sbc};

/// Where nothing is sent to.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

impl Sbc<'_> {
    /// Who is at one side of a call's stream, as the relay is told.
    pub(super) fn peer(&self, cx: &Cx<'_>, id: CallId, side: Side) -> Option<Peer> {
        let (leg, agreed) = self.leg_at(id, side).and_then(|(_, leg)| Some((leg, leg.agreed?)))?;
        let trunk = cx.config.trunk(leg.trunk);
        let learns = trunk.is_some_and(|trunk| trunk.learn);
        // Who is behind a translator may name an address that nothing may be sent to: then it is awaited.
        let waits = learns && trunk.is_some_and(|trunk| !is_covered(cx.config, trunk, &agreed));
        let (rtp, rtcp) = if waits { (NOWHERE, NOWHERE) } else { (agreed.remote, agreed.rtcp) };
        let silence = Duration::from_secs(cx.config.node.silence.into());
        let silence = Some(silence).filter(|silence| *silence > Duration::ZERO);
        Some(Peer { learns, silence, ..Peer::new(rtp, rtcp, agreed.profile, agreed.direction) })
    }

    pub(super) fn leg_at(&self, id: CallId, side: Side) -> Option<(LegId, &Leg)> {
        let call = self.calls.get(id)?;
        let legs = [call.anchor, call.called, call.transfer.referrer].into_iter().flatten();
        legs.filter_map(|leg| Some((leg, self.legs.get(leg)?))).find(|(_, leg)| leg.place == side)
    }

    /// Audio came from elsewhere than the side's peer was said to be. Where the trunk's peers may be learned, that is where
    /// it is from here on.
    pub(super) fn sighted(&mut self, cx: &Cx<'_>, id: CallId, side: Side, from: SocketAddr, may_be_it: bool) {
        let leg = self.leg_at(id, side).map(|(leg, _)| leg);
        let Some((call, leg)) = self.calls.get_mut(id).zip(leg.and_then(|leg| self.legs.get_mut(leg))) else {
            return;
        };
        let may = may_be_it && may_be_learned(cx.config, leg, from);
        // One at a time: the relay asks again where it matters, and of others the host is told once.
        if call.sighting.is_none() && (may || !leg.elsewhere) {
            leg.elsewhere |= !may;
            let learned = if may { Learned::Due } else { Learned::No };
            call.sighting = Some(Sighting { side, from, learned });
            call.pending.add(Pending::SIGHTED);
            self.wake(id);
        }
    }

    /// What there is to tell of who was seen: the relay, then the host.
    pub(super) fn flush_sighting(&mut self, id: CallId) -> Option<Output> {
        let call = self.calls.get_mut(id)?;
        let Sighting { side, from, learned } = call.sighting?;
        if learned == Learned::Due {
            call.sighting = Some(Sighting { side, from, learned: Learned::Yes });
            let control = Control::Learn { stream: stream_of(id), side, source: from };
            return Some(Output::Media { worker: call.worker, control });
        }
        call.sighting = None;
        call.pending.take(Pending::SIGHTED);
        let (_, leg) = self.leg_at(id, side)?;
        let (trunk, named) = (leg.trunk, leg.agreed?.remote);
        Some(Output::Event(match learned {
            Learned::Yes => Event::Learned { call: id, trunk, named, from },
            _ => Event::Elsewhere { call: id, trunk, named, from },
        }))
    }

    /// Neither RTP nor RTCP came from a side for as long as it may be silent. In a conversation that ends the call: nobody is
    /// there any more. Who is on hold, waits or is handed over need not speak.
    pub(super) fn silent(&mut self, cx: &Cx<'_>, id: CallId, side: Side) {
        let Some(call) = self.calls.get(id) else { return };
        let limit = Duration::from_secs(cx.config.node.silence.into());
        let talks = call.progress == Progress::Answered
            && call.transfer.stage == Stage::None
            && call.bridge.contains(&side)
            && call.answered.is_some_and(|answered| cx.now.since(answered) >= limit);
        let mut agreed = call.bridge.iter().filter_map(|side| self.leg_at(id, *side)?.1.agreed);
        let held = agreed.any(|agreed| agreed.direction != Direction::SendRecv);
        if talks && !held && limit > Duration::ZERO {
            self.end(cx, id, Reason::MediaSilent);
            self.wake(id);
        }
    }
}

/// Whether media may go to what was agreed on, or may be awaited from where it will come from; and never back into our own
/// ports.
pub(super) fn media_allowed(config: &Config<'_>, trunk: &Trunk, agreed: &Agreed) -> bool {
    agreed.is_held()
        || ((trunk.learn || is_covered(config, trunk, agreed)) && !is_ours(config, agreed.remote))
}

/// Whether what was agreed on lies inside the trunk's ranges, or, for a trunk whose media is taken as signalled, is a public
/// address.
fn is_covered(config: &Config<'_>, trunk: &Trunk, agreed: &Agreed) -> bool {
    match trunk.media {
        MediaPolicy::Signalled => is_public(agreed.remote) && is_public(agreed.rtcp),
        // RTCP stands beside RTP, and may so stand just outside the ports given for RTP.
        MediaPolicy::Ranges(_) => {
            let rtcp = agreed.rtcp.ip();
            is_within(config, trunk, agreed.remote)
                && config.media_ranges(trunk).iter().any(|range| range.prefix.contains(rtcp))
        }
    }
}

/// Whether a leg's peer may be there: inside its trunk's ranges, or where it has none, at the address that it signals from.
fn may_be_learned(config: &Config<'_>, leg: &Leg, from: SocketAddr) -> bool {
    let Some(trunk) = config.trunk(leg.trunk).filter(|trunk| trunk.learn) else { return false };
    let inside = match trunk.media {
        MediaPolicy::Signalled => from.ip() == leg.path.remote.ip().to_canonical(),
        MediaPolicy::Ranges(_) => is_within(config, trunk, from),
    };
    inside && !is_ours(config, from)
}

fn is_within(config: &Config<'_>, trunk: &Trunk, address: SocketAddr) -> bool {
    let (ip, port) = (address.ip(), address.port());
    let mut ranges = config.media_ranges(trunk).iter();
    ranges.any(|range| range.prefix.contains(ip) && range.ports.0 <= port && port <= range.ports.1)
}

/// Whether it is one of our own media ports.
fn is_ours(config: &Config<'_>, address: SocketAddr) -> bool {
    let (ip, port) = (address.ip(), address.port());
    config.interfaces.iter().any(|interface| {
        let ours = interface.media.0 <= port && port <= interface.media.1;
        ours && (ip == interface.address || ip == interface.advertise)
    })
}

fn is_public(address: SocketAddr) -> bool {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => {
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_broadcast()
                || ip.is_unspecified())
        }
        IpAddr::V6(ip) => {
            !(ip.is_loopback()
                || ip.is_multicast()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local())
        }
    }
}
