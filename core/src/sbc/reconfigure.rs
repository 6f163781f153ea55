//! Another configuration, while calls go on.
//!
//! Calls know lines, trunks and targets by their place in the configuration's tables. When those change, each is looked
//! up again by its name. A call whose line or target is gone runs on to its end. So does one whose peer is in no trunk's
//! ranges any more (names in DNS change their addresses), as long as its trunk is there: the peer may go on speaking
//! within its dialogs, and no more than that. Only when the trunk itself is gone, and its peer is no other's, the call
//! is ended; or where that only rings, it rings no more.

use core::net::IpAddr;

use heapless::Vec;

use crate::call::{Call, CallId, LegId, Plan, Progress};
use crate::config::{Config, LineIndex, Span, Target, TargetIndex, TrunkIndex};
use crate::filter;
use crate::reason::Reason;

use super::{Cx, Sbc};

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
        self.event = None;
        let new = cx.config;
        let renamed = Renamed { old, new };
        self.transactions.retarget(|target| renamed.target(target));
        for index in 0..u32::try_from(self.calls.capacity()).unwrap_or(u32::MAX) {
            let Some(call) = self.calls.id_at(index).and_then(|id| self.calls.get_mut(id)) else { continue };
            call.tried = renamed.tried(call);
            call.line = renamed.line(call.line);
            call.trunk = renamed.trunk(call.trunk).unwrap_or(TrunkIndex(u16::MAX));
            call.target = call.target.map(|target| renamed.target(target));
            if let Plan::Instead(target) | Plan::Back(target) = &mut call.plan {
                *target = renamed.target(*target);
            }
            let before = &mut call.transfer;
            before.line = renamed.line(before.line);
            before.trunk = renamed.trunk(before.trunk).unwrap_or(TrunkIndex(u16::MAX));
            before.target = before.target.map(|target| renamed.target(target));
            call.unsettle();
        }
        self.follow_announced(&renamed);
        self.move_trunks(cx, &renamed);
        self.time_registrations(new);
        self.follow_pings(cx, &renamed);
        self.kept = Kept::NONE;
        for index in 0..u32::try_from(self.legs.capacity()).unwrap_or(u32::MAX) {
            let Some(id) = self.legs.id_at(index) else { continue };
            if let Some(leg) = self.legs.get_mut(id) {
                leg.target = renamed.target(leg.target);
            }
            if let Err((call, reason)) = self.retrunk(id, &renamed)
                && !self.is_rung(id)
            {
                self.end(cx, call, reason);
            }
        }
        // Only now, since somebody else may be rung for it.
        for index in 0..u32::try_from(self.legs.capacity()).unwrap_or(u32::MAX) {
            let gone = |id: &LegId| self.legs.get(*id).is_some_and(|leg| new.trunk(leg.trunk).is_none());
            let Some(id) = self.legs.id_at(index).filter(gone) else { continue };
            if self.is_rung(id) {
                self.hang_up(cx, id, Reason::TrunkChanged);
                self.ringing_failed(cx, id, Reason::TrunkChanged, None, false);
            }
        }
        // What rang may have lost its line: its timer says so at once.
        for index in 0..u32::try_from(self.calls.capacity()).unwrap_or(u32::MAX) {
            let Some(id) = self.calls.id_at(index) else { continue };
            let lost = self.calls.get(id).is_some_and(|call| {
                let planned = call.ring(new).map(|ring| ring.target);
                call.progress == Progress::Resolving
                    && (planned != call.target || planned.and_then(|target| new.target(target)).is_none())
            });
            if lost {
                self.target_failed(cx, id, Reason::TargetUnresolved, None);
            }
        }
    }

    /// The trunk a leg belongs to now.
    fn retrunk(&mut self, id: LegId, renamed: &Renamed<'_>) -> Result<(), (CallId, Reason)> {
        let new = renamed.new;
        let Some(leg) = self.legs.get_mut(id) else { return Ok(()) };
        let interface = new.listener(leg.path.listener).map_or(u8::MAX, |(listener, _)| listener.interface);
        let address = leg.path.remote.ip();
        let named = renamed.trunk(leg.trunk);
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

    /// Takes what is known of each trunk to where that is now: how often it was sent calls, and where we stand with its
    /// registrar, if that is the same. What was given back is registered anew.
    fn move_trunks(&mut self, cx: &Cx<'_>, renamed: &Renamed<'_>) {
        for index in 0..u16::try_from(self.trunks.len()).unwrap_or(u16::MAX) {
            let trunk = TrunkIndex(index);
            if !renamed.registers_as_before(trunk) || self.has_left(trunk) {
                self.forget_registration(cx, trunk);
            }
            if let Some(state) = self.trunks.get_mut(usize::from(index)) {
                (state.starts.legs, state.takes.legs) = (0, 0);
                state.goes = renamed.trunk(trunk).map_or(0, |trunk| trunk.0.saturating_add(1));
            }
        }
        for place in 0..self.trunks.len() {
            let mut carried = self.trunks.get_mut(place).map(core::mem::take).unwrap_or_default();
            // Each turn takes one state to its place, and what was there further, until one is of a trunk that is gone.
            while let Some(goes) = carried.goes.checked_sub(1).map(usize::from)
                && let Some(there) = self.trunks.get_mut(goes).filter(|there| there.goes != carried.goes)
            {
                carried = core::mem::replace(there, carried);
            }
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

/// Two configurations, of which what has a name in one is looked up by it in the other.
pub(super) struct Renamed<'c> {
    pub(super) old: &'c Config<'c>,
    pub(super) new: &'c Config<'c>,
}

impl<'c> Renamed<'c> {
    /// The trunk that has the name of one of the old ones.
    pub(super) fn trunk(&self, old: TrunkIndex) -> Option<TrunkIndex> {
        let name = self.old.trunk(old).map(|trunk| trunk.name);
        let at = self.place(name, self.new.trunks.iter().map(|trunk| trunk.name));
        self.new.trunk(TrunkIndex(at)).map(|_| TrunkIndex(at))
    }

    /// Whether a trunk registers at the same place as before, by the same name, and is reached by the same listener.
    pub(super) fn registers_as_before(&self, old: TrunkIndex) -> bool {
        let registers = |config: &'c Config<'c>, trunk: TrunkIndex| {
            let trunk = config.trunk(trunk)?;
            let registrar = trunk.registration?;
            let uri = config.target(registrar.target)?.uri;
            Some((config.text(uri), config.text(registrar.aor), trunk.listener))
        };
        let new = self.trunk(old).and_then(|trunk| registers(self.new, trunk));
        new.is_some() && new == registers(self.old, old)
    }

    /// The target that has the name of one of the old ones, or the URI of one without a name; one that leads nowhere
    /// where it is gone.
    pub(super) fn target(&self, old: TargetIndex) -> TargetIndex {
        let by = |target: &Target| if target.name.len > 0 { target.name } else { target.uri };
        TargetIndex(self.place(self.old.target(old).map(by), self.new.targets.iter().map(by)))
    }

    /// How many entries of its line's plan a call has tried: up to the latest that is still there. Who waits for its turn
    /// with one that is still there, waits for that.
    fn tried(&self, call: &Call) -> u16 {
        let lines = self.old.line(call.line).zip(self.new.line(self.line(call.line)));
        let Some((old, new)) = lines.filter(|_| call.plan == Plan::Rings) else { return call.tried };
        let (old, new) = (self.old.rings(old), self.new.rings(new));
        let waits = matches!(call.progress, Progress::Opening | Progress::Waiting);
        let tried = usize::from(call.tried);
        if waits && tried >= old.len() {
            return u16::try_from(new.len()).unwrap_or(u16::MAX);
        }
        for (place, ring) in old.iter().enumerate().take(tried.saturating_add(waits.into())).rev() {
            let as_often = old.iter().take(place).filter(|before| before.target == ring.target).count();
            let target = self.target(ring.target);
            let mut same = (0u16..u16::MAX).zip(new).filter(|(_, ring)| ring.target == target);
            if let Some((found, _)) = same.nth(as_often) {
                return found.saturating_add((place < tried).into());
            }
        }
        0
    }

    /// The line that has the name of one of the old ones; one that leads nowhere where it is gone.
    pub(super) fn line(&self, old: LineIndex) -> LineIndex {
        let name = self.old.line(old).map(|line| line.name);
        LineIndex(self.place(name, self.new.lines.iter().map(|line| line.name)))
    }

    /// Where what had an old name is among the new `names`; a place that leads nowhere where it is gone.
    fn place(&self, name: Option<Span>, names: impl Iterator<Item = Span>) -> u16 {
        let name = name.map(|name| self.old.text(name));
        let same = |span: Span| Some(self.new.text(span)) == name;
        (0u16..u16::MAX).zip(names).find(|&(_, span)| same(span)).map_or(u16::MAX, |(at, _)| at)
    }
}
