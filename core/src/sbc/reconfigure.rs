//! Another configuration, while calls go on.
//!
//! Calls know lines, trunks and targets by their place in the configuration's tables. When those change, each is looked
//! up again by its name. A call whose line or target is gone runs on to its end. So does one whose peer is in no trunk's
//! ranges any more (names in DNS change their addresses), as long as its trunk is there: the peer may go on speaking
//! within its dialogs, and no more than that. Only when the trunk itself is gone, and its peer is no other's, the call
//! is ended.

use core::net::IpAddr;

use heapless::Vec;

use crate::call::{CallId, LegId, Progress};
use crate::config::{Config, LineIndex, Span, TargetIndex, TrunkIndex};
use crate::filter;
use crate::reason::Reason;

use super::{Cx, Sbc, TrunkState};

/// Of how many addresses the calls may go on when they are in no range any more.
const MOST: usize = 16;

/// Addresses in no trunk's ranges that calls in progress still have.
#[derive(Debug, Default)]
pub(super) struct Kept(Vec<(u8, IpAddr, TrunkIndex), MOST>);

impl Kept {
    pub(super) const NONE: Self = Self(Vec::new());

    /// Whose calls go on with this address.
    pub(super) fn trunk(&self, interface: u8, address: IpAddr) -> Option<TrunkIndex> {
        let kept = self.0.iter().find(|kept| (kept.0, kept.1) == (interface, address.to_canonical()));
        kept.map(|kept| kept.2)
    }

    fn add(&mut self, interface: u8, address: IpAddr, trunk: TrunkIndex) -> bool {
        self.trunk(interface, address).is_some()
            || self.0.push((interface, address.to_canonical(), trunk)).is_ok()
    }
}

impl Sbc<'_> {
    /// Goes on with `cx`'s configuration, where it was `old` so far. Interfaces, listeners, their order, and workers
    /// are the same in both; whoever changes those starts anew. There is room for as many trunks as there was storage
    /// for: of those beyond, nothing is counted and nothing sent to.
    ///
    /// Afterwards [`Sbc::poll`] is called until it waits.
    pub fn reconfigure(&mut self, cx: &Cx<'_>, old: &Config<'_>) {
        self.replying = None;
        self.refused = None;
        let new = cx.config;
        let target = |index: TargetIndex| {
            let name = old.target(index).map(|target| target.name);
            TargetIndex(place(old, name, new, new.targets.iter().map(|target| target.name)))
        };
        self.transactions.retarget(target);
        for index in 0..u32::try_from(self.calls.capacity()).unwrap_or(u32::MAX) {
            let Some(call) = self.calls.id_at(index).and_then(|id| self.calls.get_mut(id)) else { continue };
            let line = old.line(call.line).map(|line| line.name);
            call.line = LineIndex(place(old, line, new, new.lines.iter().map(|line| line.name)));
            call.trunk = named(old, call.trunk, new).unwrap_or(TrunkIndex(u16::MAX));
            call.target = call.target.map(target);
            let before = &mut call.transfer;
            let line = old.line(before.line).map(|line| line.name);
            before.line = LineIndex(place(old, line, new, new.lines.iter().map(|line| line.name)));
            before.trunk = named(old, before.trunk, new).unwrap_or(TrunkIndex(u16::MAX));
            before.target = before.target.map(target);
            call.unsettle();
        }
        self.recount_trunks(old, new);
        self.time_registrations(new);
        self.kept = Kept::NONE;
        for index in 0..u32::try_from(self.legs.capacity()).unwrap_or(u32::MAX) {
            let Some(id) = self.legs.id_at(index) else { continue };
            if let Some(leg) = self.legs.get_mut(id) {
                leg.target = target(leg.target);
            }
            if let Err((call, reason)) = self.retrunk(id, old, new) {
                self.end(cx, call, reason);
            }
        }
        // What rang may have lost its line: its timer says so at once.
        for index in 0..u32::try_from(self.calls.capacity()).unwrap_or(u32::MAX) {
            let Some(id) = self.calls.id_at(index) else { continue };
            let lost = self.calls.get(id).is_some_and(|call| {
                call.progress == Progress::Resolving
                    && call.target.and_then(|target| new.target(target)).is_none()
            });
            if lost {
                self.target_failed(cx, id, Reason::TargetUnresolved, None);
            }
        }
    }

    /// The trunk a leg belongs to now.
    fn retrunk(&mut self, id: LegId, old: &Config<'_>, new: &Config<'_>) -> Result<(), (CallId, Reason)> {
        let Some(leg) = self.legs.get_mut(id) else { return Ok(()) };
        let interface = new.listener(leg.path.listener).map_or(u8::MAX, |(listener, _)| listener.interface);
        let address = leg.path.remote.ip();
        let named = named(old, leg.trunk, new);
        let covering = filter::lookup(new.sources, interface, address).and_then(|source| {
            new.speakers(source)
                .find(|&speaker| Some(speaker) == named)
                .or_else(|| new.speakers(source).next())
        });
        let trunk = covering.or_else(|| named.filter(|&trunk| self.kept.add(interface, address, trunk)));
        leg.trunk = trunk.unwrap_or(TrunkIndex(u16::MAX));
        if let Some(state) = self.trunks.get_mut(usize::from(leg.trunk.0)) {
            let traffic = state.traffic(leg.side);
            traffic.legs = traffic.legs.saturating_add(1);
        }
        trunk.map(|_| ()).ok_or((leg.call, Reason::TrunkChanged))
    }

    /// Lets go of what is counted of trunks, but for how often those in the same place as before were sent calls.
    fn recount_trunks(&mut self, old: &Config<'_>, new: &Config<'_>) {
        for (index, state) in (0u16..u16::MAX).zip(self.trunks.iter_mut()) {
            let same = named(old, TrunkIndex(index), new) == Some(TrunkIndex(index));
            if !same {
                *state = TrunkState::EMPTY;
            }
            (state.starts.legs, state.takes.legs) = (0, 0);
        }
    }

    /// Forgets an address in no range once its last leg has gone.
    pub(super) fn forget_kept(&mut self, address: IpAddr) {
        let address = address.to_canonical();
        let is = |leg: &crate::call::Leg| leg.path.remote.ip().to_canonical() == address;
        if !self.kept.0.is_empty() && !self.legs.iter().any(|(_, leg)| is(leg)) {
            self.kept.0.retain(|kept| kept.1 != address);
        }
    }
}

/// Where what had a name in `old` is among the `names` of `new`; a place that leads nowhere where it is gone.
fn place(old: &Config<'_>, name: Option<Span>, new: &Config<'_>, names: impl Iterator<Item = Span>) -> u16 {
    let name = name.map(|name| old.text(name));
    let same = |span: Span| Some(new.text(span)) == name;
    (0u16..u16::MAX).zip(names).find(|&(_, span)| same(span)).map_or(u16::MAX, |(at, _)| at)
}

/// The trunk of `new` that has the name of one of `old`.
fn named(old: &Config<'_>, trunk: TrunkIndex, new: &Config<'_>) -> Option<TrunkIndex> {
    let name = old.trunk(trunk).map(|trunk| trunk.name);
    let at = place(old, name, new, new.trunks.iter().map(|trunk| trunk.name));
    new.trunk(TrunkIndex(at)).map(|_| TrunkIndex(at))
}
