//! Answered calls that outlive the node: their records, and how they are taken up again.

use crate::call::{Call, CallId, Leg, LegId, LegState, Move, Pending, Progress, Stage, Talk, Todo, Work};
use crate::config::{Config, TargetIndex};
use crate::memory::Ports;
use crate::reason::Reason;
use crate::record::Unreadable;
use crate::relay::Side;
use crate::time::{Duration, Instant};
use crate::transport::{Path, Transport};

use super::saved::{self, Saved, SavedLeg};
use super::sources::media_allowed;
use super::{Cx, Sbc};

/// Why a record makes no call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RestoreError {
    /// It is not what was written: cut, changed, half-written, or never a record.
    Damaged,
    /// It was written in another version of the format.
    Version(u8),
    /// It is whole, but says what no call can be.
    Malformed,
    /// The call is there already.
    Known,
    /// There is no place left for a call or its legs.
    Full,
}

impl core::fmt::Display for RestoreError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Damaged => f.write_str("the call's record is damaged; it cannot be taken up again"),
            Self::Version(found) => write!(
                f,
                "the call's record has version {found}, this program reads version {}; it cannot be taken up again",
                crate::record::VERSION
            ),
            Self::Malformed => {
                f.write_str("the call's record contradicts itself; it cannot be taken up again")
            }
            Self::Known => f.write_str("the call of this record is there already"),
            Self::Full => {
                f.write_str("there is no place for the call of this record; make room for as many as before")
            }
        }
    }
}

impl core::error::Error for RestoreError {}

impl From<Unreadable> for RestoreError {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Damaged => Self::Damaged,
            Unreadable::Version(found) => Self::Version(found),
        }
    }
}

impl Sbc<'_> {
    /// Writes what a restart needs of an answered call to the start of `out`: how many bytes. The record is of no use
    /// once the call has ended.
    ///
    /// None when the call is not answered, while an offer of ours waits for its answer (the record before still
    /// holds), or when `out` is too small: two usual legs take less than 1,100 bytes, and 2,500 are always enough.
    ///
    /// It is a secret: the keys of legs with SRTP are in it.
    ///
    /// A call that is ending has a record too. It says so: whoever restores it ends the legs it had left.
    pub fn save(&self, cx: &Cx<'_>, id: CallId, out: &mut [u8]) -> Option<usize> {
        let (legs, ending) = self.to_be_saved(id)?;
        let call = self.calls.get(id)?;
        saved::write(cx, call, call.kept(), legs, ending, out)
    }

    /// The legs that a call's record has now, and why the call is ending where it is.
    fn to_be_saved(&self, id: CallId) -> Option<([Option<&Leg>; 2], Option<Reason>)> {
        let call = self.calls.get(id)?;
        let leg = |id: Option<LegId>| id.and_then(|id| self.legs.get(id)).filter(|leg| leg.can_be_saved());
        let legs = [leg(call.anchor), leg(call.called)];
        if let Some(reason) = self.is_one_way(call) {
            return Some((legs, Some(reason)));
        }
        let legs = call.kept().legs.map(leg);
        let ending = match call.progress {
            _ if call.is_handed_over() && legs.iter().all(|leg| leg.is_some_and(Leg::rests)) => None,
            Progress::Answered if legs.iter().all(|leg| leg.is_some_and(Leg::rests)) => None,
            // What a caller will answer to our offer was never known: it cannot go on after a restart.
            Progress::Answered if legs.iter().flatten().any(|leg| leg.has_only_our_offer()) => {
                Some(Reason::AckMissing)
            }
            Progress::Ended(reason) if call.answered.is_some() || call.hears => Some(reason),
            // The caller's leg alone is answered, or is again.
            _ if call.hears && call.transfer.stage == Stage::None && legs[0].is_some_and(Leg::rests) => {
                Some(Reason::WaitCut)
            }
            _ => return None,
        };
        Some((legs, ending))
    }

    /// Takes up the call of a record that [`Sbc::save`] wrote, here or on another node, before a restart. What follows
    /// the record in `record` does not matter. Afterwards [`Sbc::poll`] is called until it waits, once for many.
    ///
    /// A leg that is there already has gone into another call meanwhile; who is left without it is hung up.
    ///
    /// The relay is told to open the same ports, and then where the peers are, so that audio goes on without a word of
    /// SIP. Where that cannot be (a port is gone, our address or the trunk has changed) both legs are ended. Either
    /// way the call is there, and its [`Event::Ended`](super::Event::Ended) will come; it is not told as started or
    /// answered again. What happened on its streams before is not known any more. Where a leg has SRTP, audio goes on with
    /// its keys: towards the peer as a new source, from the peer once its rollover counter is found.
    ///
    /// Times before the origin of [`Cx::now`] become the origin: a host whose clock starts over with it begins it some
    /// days in.
    ///
    /// # Errors
    /// Says why there is no call. Nothing was changed then.
    pub fn restore(&mut self, cx: &Cx<'_>, record: &[u8]) -> Result<CallId, RestoreError> {
        let mut saved = Saved::read(cx, record)?;
        let known = saved.legs.each_mut().map(|leg| leg.take_if(|leg| self.is_known(leg.dialog.local_tag())));
        let legs = saved.legs.iter().flatten();
        match known.iter().any(Option::is_some) {
            true if legs.clone().count() == 0 => return Err(RestoreError::Known),
            // A leg has gone into another call, and that was the last that was saved of this one.
            true => saved.ending = saved.ending.or(Some(Reason::Transferred)),
            false => {}
        }
        let legs = saved.legs.iter().flatten();
        if self.calls.is_full() || self.legs.capacity().saturating_sub(self.legs.len()) < legs.count() {
            return Err(RestoreError::Full);
        }
        let ports = match saved.ending {
            Some(reason) => Err(reason),
            None => self.take_up_ports(cx.config, &saved),
        };
        let ago = |ago: Duration| Instant::from_micros(cx.now.as_micros().saturating_sub(ago.as_micros()));
        let Saved {
            line, trunk, target, max_forwards, caller, identity, ticket, talk, note, outcome, ..
        } = saved;
        // Zendesk may have been rung since the record was written.
        let talk = if ticket.is_none() { Talk::Reached } else { talk };
        let mut pending = Pending::default();
        pending.add(Pending::OPEN);
        pending.add(Pending::SETTLED);
        let worker = Ports::worker(saved.ports[0], cx.config.node.workers);
        let call = self.calls.insert(Call {
            progress: Progress::Answered,
            pending,
            target,
            caller,
            identity,
            ticket,
            talk,
            note,
            outcome,
            max_forwards,
            answered: Some(ago(saved.answered)),
            ..Call::new(line, trunk, ports.unwrap_or_default(), worker, ago(saved.started))
        });
        let Ok(call) = call else { return Err(RestoreError::Full) };
        self.name_call(call);
        let legs = saved.legs.into_iter().zip(saved.called_us).zip(saved.astray);
        for (place, ((leg, called_us), astray)) in [Side::A, Side::B].into_iter().zip(legs) {
            let Some(leg) = leg else { continue };
            let side = if called_us { Side::A } else { Side::B };
            let refreshed = ago(leg.refreshed);
            let mut leg = Leg { place, ..leg.revive(cx.config, call, side, target) };
            leg.timer.refresh(refreshed);
            if astray {
                (leg.moves, leg.timer.work) = (Move::Back, Work::Waiting(cx.now));
            }
            let Ok(leg) = self.join(call, leg, None) else {
                self.drop_call(call);
                return Err(RestoreError::Full);
            };
            if let Some(call) = self.calls.get_mut(call) {
                match place {
                    Side::A => (call.anchor, call.called) = (Some(leg), None),
                    Side::B | Side::C => call.called = Some(leg),
                }
            }
        }
        let mut leg = self.leg_after(call, None);
        while let Some(this) = leg {
            self.arm_leg(this);
            leg = self.leg_after(call, leg);
        }
        match ports {
            Ok(_) => self.guard(cx, call),
            Err(reason) => self.end(cx, call, reason),
        }
        self.wake(call);
        Ok(call)
    }

    /// Whether an answered call can be saved as it is now, or is ending.
    pub(super) fn has_settled(&self, id: CallId) -> bool {
        self.to_be_saved(id).is_some()
    }

    /// Whether a leg with this tag of ours is there.
    fn is_known(&self, local_tag: u64) -> bool {
        let same = |slot| {
            let leg = self.legs.id_at(slot).and_then(|id| self.legs.get(id));
            leg.is_some_and(|leg| leg.dialog.local_tag() == local_tag)
        };
        self.dialogs.find(self.dialog_key(local_tag), same).is_some()
    }

    /// Takes the call's media ports, or says why the call cannot go on.
    fn take_up_ports(&mut self, config: &Config<'_>, saved: &Saved) -> Result<[u16; 2], Reason> {
        let [Some(a), Some(b)] = &saved.legs else { return Err(Reason::Stopped) };
        let interfaces = [a.still_holds(config)?, b.still_holds(config)?];
        let workers = config.node.workers;
        let [port_a, port_b] = saved.ports;
        if Ports::worker(port_a, workers) != Ports::worker(port_b, workers) {
            return Err(Reason::NoPort);
        }
        if !self.ports.claim(interfaces[0], port_a) {
            return Err(Reason::NoPort);
        }
        if !self.ports.claim(interfaces[1], port_b) {
            self.ports.give_back(port_a);
            return Err(Reason::NoPort);
        }
        Ok(saved.ports)
    }

    /// Undoes what was made of a call so far.
    fn drop_call(&mut self, id: CallId) {
        while let Some(leg) = self.leg_after(id, None) {
            self.part(id, leg);
        }
        if let Some(call) = self.remove_call(id) {
            call.ports.iter().for_each(|&port| self.ports.give_back(port));
        }
    }
}

impl Leg {
    /// Whether its peer knows of the dialog, and may still be in it.
    pub(super) const fn can_be_saved(&self) -> bool {
        matches!(self.state, LegState::Accepted { .. } | LegState::Confirmed | LegState::Terminating)
    }

    /// Whether it could go on from a record as it is. It can while the ACK to an answer of ours is awaited: that the
    /// answer arrived is likely. It cannot while an offer of ours waits for its answer, which comes with the ACK.
    const fn rests(&self) -> bool {
        matches!(self.state, LegState::Accepted { ending: false } | LegState::Confirmed)
            && self.agreed.is_some()
            && !(self.offered && self.resend.is_some())
            && !self.todo.has(Todo::ACK)
    }

    /// Whether our 2xx offered, and the ACK that is to answer has not come.
    fn has_only_our_offer(&self) -> bool {
        self.state == LegState::Accepted { ending: false } && self.agreed.is_none()
    }

    /// The CSeq number of a re-INVITE whose ACK is awaited.
    pub(super) fn unacknowledged(&self) -> Option<u32> {
        self.resend.filter(|_| self.state == LegState::Confirmed).map(|_| self.invited)
    }
}

impl SavedLeg {
    /// The interface of a leg that can go on; why it cannot.
    fn still_holds(&self, config: &Config<'_>) -> Result<u8, Reason> {
        let listener = self.listener.ok_or(Reason::AddressChanged)?;
        let (listener, _) = config.listener(listener).ok_or(Reason::AddressChanged)?;
        let trunk = config.trunk(self.trunk).ok_or(Reason::TrunkChanged)?;
        if !config.speaks_from(self.trunk, listener.interface, self.remote.ip()) {
            return Err(Reason::TrunkChanged);
        }
        match &self.agreed {
            Some(agreed) if media_allowed(config, trunk, agreed) => Ok(listener.interface),
            _ => Err(Reason::MediaOutsideRange),
        }
    }

    /// The leg, as part of `call`. Where it was heard is gone, it is ended from where its trunk is reached.
    fn revive(self, config: &Config<'_>, call: CallId, side: Side, target: Option<TargetIndex>) -> Leg {
        let reached = config.trunk(self.trunk).map_or(0, |trunk| trunk.listener);
        let listener = self.listener.unwrap_or(reached);
        let transport = config.listener(listener).map_or(Transport::Udp, |(listener, _)| listener.transport);
        let path = Path { transport, listener, flow: 0, remote: self.remote };
        Leg {
            target: target.unwrap_or(TargetIndex(u16::MAX)),
            state: LegState::Confirmed,
            agreed: self.agreed,
            keys: self.keys,
            version: self.version,
            timer: self.timer,
            ..Leg::new(call, side, self.trunk, path, self.dialog, self.session)
        }
    }
}
