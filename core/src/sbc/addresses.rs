//! The addresses of a target, one after the other (RFC 3263 section 4.3).
//!
//! An address from which nothing at all has come back in 4 s is left for the next; even a 100 is a sign of life. Its
//! INVITE lives on by itself until timer B, see [`super::forks`]. One that answers 408 or 5xx has had its turn as well.
//! Each address gets an INVITE of its own, with another Call-ID and From tag and not only another branch: two addresses
//! are often two ways to one server, which would take the second for a copy of the first (8.2.2.2), and what comes late
//! for the first could be taken for a branch of the second.
//!
//! An address that calls have found failing is tried last for a minute. One that is pinged (see [`super::pinging`]) is
//! so too for as long as its pings say that it fails.

use core::net::SocketAddr;

use heapless::Vec;

use crate::call::{Addresses, CallId, LegId, LegState, MOST_ADDRESSES, Progress};
use crate::config::{Ring, Target, TargetIndex};
use crate::locate::{self, Found, MOST_FOUND};
use crate::memory::Key;
use crate::reason::Reason;
use crate::sip::Method;
use crate::time::{Duration, Instant};
use crate::transport::Path;

use super::calls::belongs;
use super::{Cx, Sbc};

/// How long an address may be silent when there is another.
const SILENCE: Duration = Duration::from_secs(4);

/// How long an address that was down is tried last.
const DOWN: Duration = Duration::from_secs(60);

/// How many addresses are remembered as down.
const PLACES: usize = 16;

/// How an address fails. The one says nothing of the other: who answers pings again was silent, and may still be full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Failing {
    /// Nothing comes back from it.
    #[default]
    Silent,
    /// It says that it takes no more (503).
    Refusing,
}

/// Which addresses calls have found failing, and until when they are tried last. When more are down than there are
/// places, the one that was so first is forgotten.
#[derive(Debug)]
pub(super) struct Down([(u64, Instant, Failing); PLACES]);

impl Down {
    /// None is down.
    pub(super) const NEW: Self = Self([(0, Instant::ZERO, Failing::Silent); PLACES]);

    fn is(&self, address: u64, now: Instant) -> bool {
        self.0.iter().any(|&(key, until, _)| key == address && until > now)
    }

    fn add(&mut self, address: u64, now: Instant, how: Failing) {
        let place = self.0.iter().position(|place| place.0 == address);
        let place = match place {
            Some(place) => self.0.get_mut(place),
            None => self.0.iter_mut().min_by_key(|place| place.1),
        };
        if let Some(place) = place {
            *place = (address, now.after(DOWN), how);
        }
    }

    /// Forgets an address that failed so.
    fn remove(&mut self, address: u64, how: impl Fn(Failing) -> bool) {
        for place in self.0.iter_mut().filter(|place| place.0 == address && how(place.2)) {
            *place = (0, Instant::ZERO, Failing::Silent);
        }
    }
}

/// What an address is known by: the port of ours that reaches it belongs to it.
fn name(key: &Key, listener: u8, address: SocketAddr) -> u64 {
    let ip = match address.ip() {
        core::net::IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        core::net::IpAddr::V6(ip) => ip,
    };
    key.hash(&[b"address", &[listener], &ip.octets(), &address.port().to_le_bytes()])
}

impl Sbc<'_> {
    /// Which of the addresses found for a target are tried, in which order: those in its trunk's ranges, as
    /// [`locate`] says, but the ones that were down of late after the others.
    pub(super) fn in_turn(
        &mut self,
        cx: &Cx<'_>,
        id: Option<CallId>,
        target: &Target,
        found: &[Found],
    ) -> Vec<SocketAddr, MOST_ADDRESSES> {
        let listener = cx.config.trunk(target.trunk).map_or(0, |trunk| trunk.listener);
        let mut theirs = Vec::<Found, MOST_FOUND>::new();
        for found in found.iter().take(MOST_FOUND) {
            match belongs(cx.config, target.trunk, found.address.ip()) {
                // There is room for all.
                true => drop(theirs.push(*found)),
                false => self.left_out(id),
            }
        }
        let ordered = locate::in_order(&theirs, &mut self.random);
        let mut addresses = Vec::new();
        for down in [false, true] {
            for &address in &ordered {
                if self.is_tried_last(cx, listener, address) == down {
                    // More than are tried are not.
                    let _ = addresses.push(address);
                }
            }
        }
        addresses
    }

    fn left_out(&mut self, id: Option<CallId>) {
        self.counters.add(Reason::AddressOutsideRange);
        if let Some(call) = id.and_then(|id| self.calls.get_mut(id)) {
            call.note.get_or_insert(Reason::AddressOutsideRange);
        }
    }

    /// Rings a target for the time it has, at the first of its addresses, and then at the others.
    pub(super) fn ring_in_turn(
        &mut self,
        cx: &Cx<'_>,
        id: CallId,
        ring: &Ring,
        target: &Target,
        addresses: &[SocketAddr],
    ) -> Result<(), Reason> {
        let (&first, others) = addresses.split_first().ok_or(Reason::TargetUnresolved)?;
        let call = self.calls.get_mut(id).ok_or(Reason::NoSuchCall)?;
        call.addresses = Addresses::of(others);
        call.ring_until = call.not_longer(cx.now.after(Duration::from_millis(ring.time.into())));
        self.ring(cx, id, ring.target, target, first)?;
        self.ring_beside(cx, id);
        Ok(())
    }

    /// Sets the call's timer while a target is rung: to when its time is over, or while nothing has come back and
    /// there is somebody else to try, to when it has been silent for too long.
    pub(super) fn time_ringing(&mut self, cx: &Cx<'_>, id: CallId, silent: bool) {
        let Some(call) = self.calls.get(id) else { return };
        let others = !call.addresses.is_empty() || call.next_ring(cx.config).is_some();
        let until = match silent && others {
            true => call.ring_until.min(cx.now.after(SILENCE)),
            false => call.ring_until,
        };
        self.clock.set(id.index(), until);
    }

    /// The timer of a ringing call ran out.
    pub(super) fn ringing_due(&mut self, cx: &Cx<'_>, id: CallId) {
        let Some(call) = self.calls.get(id) else { return };
        let (called, over) = (call.called, call.ring_until <= cx.now);
        if let Some(asked) = self.asked(id).filter(|_| over) {
            return self.asked_due(cx, id, asked);
        }
        let silent = called.filter(|&leg| {
            let alone = self.another_rung(id, Some(leg)).is_none();
            let leg = self.legs.get(leg);
            alone && leg.is_some_and(|leg| leg.state == LegState::Calling)
        });
        match silent {
            Some(leg) if !over => {
                self.leave(cx, id, leg);
                self.address_failed(cx, id, Reason::TargetSilent, None);
            }
            _ if over => {
                let rung = silent.and_then(|leg| self.rung_at_zendesk(cx.config, leg));
                rung.into_iter().for_each(|call| call.talk.miss());
                self.stop_ringing(cx, id, Reason::NoAnswer);
                self.target_failed(cx, id, Reason::NoAnswer, None);
            }
            _ => self.time_ringing(cx, id, false),
        }
    }

    /// Leaves a silent address: its INVITE goes on without a leg.
    fn leave(&mut self, cx: &Cx<'_>, call: CallId, id: LegId) {
        let Some(leg) = self.legs.get(id) else { return };
        let (path, branch) = (leg.path, leg.branch);
        self.is_down(cx, path, Failing::Silent);
        let key = self.client_key(branch, Method::Invite);
        self.transactions.leave(cx.now, key, &mut self.blocks);
        self.part(call, id);
    }

    /// The address that was rung is of no use: the target's next one is, and when there is none, the next target.
    pub(super) fn address_failed(&mut self, cx: &Cx<'_>, id: CallId, reason: Reason, status: Option<u16>) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let next = call.addresses.take().filter(|_| call.progress == Progress::Ringing);
        let Some((address, index)) = next.zip(call.target) else {
            return self.target_failed(cx, id, reason, status);
        };
        self.counters.add(reason);
        call.failure = Some((reason, status));
        call.called = None;
        if let Err(reason) = self.ring_next(cx, id, index, address) {
            self.target_failed(cx, id, reason, None);
        }
        self.wake(id);
    }

    fn ring_next(
        &mut self,
        cx: &Cx<'_>,
        id: CallId,
        index: TargetIndex,
        address: SocketAddr,
    ) -> Result<(), Reason> {
        let target = cx.config.target(index).ok_or(Reason::TargetUnresolved)?;
        self.ring(cx, id, index, target, address)
    }

    /// A call has found an address failing: it is tried last for a while, and asked by a ping, where it is pinged,
    /// whether that holds.
    pub(super) fn is_down(&mut self, cx: &Cx<'_>, path: Path, how: Failing) {
        self.down.add(name(&self.key, path.listener, path.remote), cx.now, how);
        if how == Failing::Silent {
            self.ping_soon(cx, path);
        }
    }

    /// Whether this is one of the addresses that are tried last.
    pub(super) fn is_tried_last(&self, cx: &Cx<'_>, listener: u8, address: SocketAddr) -> bool {
        self.down.is(name(&self.key, listener, address), cx.now) || self.fails_pings(cx, listener, address)
    }

    /// An address has taken an INVITE. What comes late does not count: who is always late would be waited for by
    /// every call.
    pub(super) fn is_up(&mut self, cx: &Cx<'_>, path: Path) {
        self.down.remove(name(&self.key, path.listener, path.remote), |_| true);
        self.takes_calls(cx, path);
    }

    /// An address does not fail its pings in this way any more, so that it will not fail calls in it either.
    pub(super) fn has_recovered(&mut self, path: Path, from: Failing) {
        self.down.remove(name(&self.key, path.listener, path.remote), |how| how == from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_down_is_so_for_a_minute() {
        let at = |seconds| Instant::ZERO.after(Duration::from_secs(seconds));
        let mut down = Down::NEW;
        assert!(!down.is(7, at(0)));
        down.add(7, at(100), Failing::Silent);
        assert!(down.is(7, at(100)) && down.is(7, at(159)) && !down.is(7, at(160)) && !down.is(8, at(100)));
        down.add(7, at(120), Failing::Refusing);
        assert!(down.is(7, at(179)));
        down.remove(7, |how| how == Failing::Silent);
        assert!(down.is(7, at(179)), "it refuses, and may do so still");
        down.remove(7, |how| how == Failing::Refusing);
        assert!(!down.is(7, at(120)));
        assert_eq!(size_of::<Down>(), 384);
    }

    #[test]
    fn the_one_that_was_down_first_is_forgotten_first() {
        let now = Instant::ZERO.after(Duration::from_secs(1));
        let mut down = Down::NEW;
        for address in 1..=17 {
            down.add(address, now.after(Duration::from_micros(address)), Failing::Silent);
        }
        let later = now.after(Duration::from_micros(20));
        assert!(!down.is(1, later));
        assert!((2..=17).all(|address| down.is(address, later)));
    }
}
