//! The log: a line for what happens to a call, and the counters when they have changed.

use warmline_core::call::{CallId, Outcome, Progress, View};
use warmline_core::config::{Config, Span};
use warmline_core::filter::{Limiter, Rate};
use warmline_core::reason::{Counters, Reason};
use warmline_core::rtp::Mos;
use warmline_core::{Cx, Event, Sbc, Usage};
use warmline_gate::Traffic;

use crate::wire::Shared;

/// How many lines of a kind that peers can cause at will are written.
const LINES: Rate = Rate { per_second: 5, burst: 20 };

/// What was written last, so that only what changed is.
pub(crate) struct Journal {
    refusals: Limiter,
    left_out: u32,
    usage: Usage,
    traffic: Traffic,
    counted: u64,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            refusals: Limiter::NEW,
            left_out: 0,
            usage: Usage::default(),
            traffic: Traffic::NONE,
            counted: 0,
        }
    }

    /// Something happened in core.
    pub(crate) fn event(&mut self, cx: &Cx<'_>, sbc: &Sbc<'_>, event: Event) {
        match event {
            Event::Refused { from, trunk, reason, asked } => {
                if !self.refusals.take(cx.now, LINES) {
                    self.left_out += 1;
                    return;
                }
                let trunk = cx.config.trunk(trunk).map(|trunk| trunk.name);
                defmt::warn!(
                    "refused {=str} from {} (trunk {=str}): {=str} ({=u32} such lines left out)",
                    asked.as_str(),
                    from.remote,
                    text(cx.config, trunk),
                    reason.sentence(),
                    core::mem::take(&mut self.left_out),
                );
            }
            Event::Registered { trunk } => {
                let trunk = cx.config.trunk(trunk).map(|trunk| trunk.name);
                defmt::info!("registered at trunk {=str}", text(cx.config, trunk));
            }
            Event::Unregistered { trunk, reason } => {
                let trunk = cx.config.trunk(trunk).map(|trunk| trunk.name);
                defmt::warn!(
                    "not registered at trunk {=str}: {=str}",
                    text(cx.config, trunk),
                    reason.sentence()
                );
            }
            Event::Reachable { trunk, address } => {
                let trunk = cx.config.trunk(trunk).map(|trunk| trunk.name);
                defmt::info!("trunk {=str}: {} is there", text(cx.config, trunk), address);
            }
            Event::Unreachable { trunk, address, reason } => {
                let trunk = cx.config.trunk(trunk).map(|trunk| trunk.name);
                defmt::warn!(
                    "trunk {=str}: {} is tried last: {=str}",
                    text(cx.config, trunk),
                    address,
                    reason.sentence()
                );
            }
            Event::Learned { call, trunk, named, from } => {
                let trunk = cx.config.trunk(trunk).map(|trunk| trunk.name);
                defmt::info!(
                    "call {=u64:x}: audio of trunk {=str} comes from {}, its SDP says {}: it is taken and answered there",
                    name(call),
                    text(cx.config, trunk),
                    from,
                    named,
                );
            }
            Event::Elsewhere { call, trunk, named, from } => {
                let trunk = cx.config.trunk(trunk).map(|trunk| trunk.name);
                defmt::warn!(
                    "call {=u64:x}: audio for trunk {=str} arrives from {}, its SDP says {}: dropped; if that is the peer \
                     behind NAT, the trunk needs learn = true and it in its media ranges",
                    name(call),
                    text(cx.config, trunk),
                    from,
                    named,
                );
            }
            Event::NotAuthentic { call, trunk, named } => {
                let trunk = cx.config.trunk(trunk).map(|trunk| trunk.name);
                defmt::warn!(
                    "call {=u64:x}: audio of trunk {=str} from {} does not authenticate by SRTP and is dropped: its key is not \
                     the one in its SDP, or it uses another suite, or no SRTP at all",
                    name(call),
                    text(cx.config, trunk),
                    named,
                );
            }
            Event::Started(id) => {
                let Some(view) = sbc.call(id) else { return };
                defmt::info!(
                    "call {=u64:x}: {=str} dialled {=str} from {=str}, ticket {=u64}{=str}",
                    name(id),
                    view.caller.map_or("?", utf8),
                    text(cx.config, cx.config.line(view.line).map(|line| line.name)),
                    text(cx.config, cx.config.trunk(view.trunk).map(|trunk| trunk.name)),
                    view.ticket.map_or(0, |ticket| ticket.get()),
                    view.note.map_or("", Reason::sentence),
                );
            }
            Event::Answered(id) => {
                let Some(view) = sbc.call(id) else { return };
                let after = view.answered.unwrap_or(cx.now).since(view.started).as_millis();
                defmt::info!(
                    "call {=u64:x}: answered by {=str} after {=u64} ms",
                    name(id),
                    target(cx.config, &view),
                    after
                );
            }
            // Which key is not written down: it may be part of a number that is to be kept secret.
            Event::Digit { call, side, duration, .. } => {
                defmt::info!(
                    "call {=u64:x}: a key at {} for {=u64} ms",
                    name(call),
                    side,
                    duration.as_millis()
                );
            }
            // Tickets are carried, and not made.
            Event::Settled(_) | Event::Unanswered(_) | Event::Ticket(_) | Event::Course(_) => {}
            Event::Ended(id) => {
                let Some(view) = sbc.call(id) else { return };
                let outcome = view.outcome.unwrap_or(Outcome::Failed).code();
                let reason = match view.progress {
                    Progress::Ended(reason) => reason.sentence(),
                    _ => "",
                };
                let ended = view.ended.unwrap_or(cx.now);
                match view.answered {
                    Some(answered) => {
                        let [caller, called] = view.statistics;
                        defmt::info!(
                            "call {=u64:x}: {=str}, ended after {=u64} ms: {=str} Packets from the caller {=u64}, lost {=u64}, \
                             MOS {=u16} in hundredths; from the target {=u64}, lost {=u64}, MOS {=u16}",
                            name(id),
                            outcome,
                            ended.since(answered).as_millis(),
                            reason,
                            caller.packets_received,
                            caller.lost,
                            caller.quality_received().map_or(0, |Mos(mos)| mos),
                            called.packets_received,
                            called.lost,
                            called.quality_received().map_or(0, |Mos(mos)| mos),
                        );
                    }
                    None => defmt::info!(
                        "call {=u64:x}: {=str}, not answered by {=str}, ended after {=u64} ms: {=str}",
                        name(id),
                        outcome,
                        target(cx.config, &view),
                        ended.since(view.started).as_millis(),
                        reason,
                    ),
                }
            }
        }
    }

    /// A message came that is longer than there is room for.
    pub(crate) fn too_long(&self) {
        defmt::warn!("dropped a message: {=str}", Reason::MessageTooLarge.sentence());
    }

    /// Writes what is in use and what was counted, where it has changed.
    pub(crate) fn state(&mut self, sbc: &Sbc<'_>, gate: &Shared) {
        let gate = gate.borrow();
        let (usage, traffic) = (sbc.usage(), gate.traffic());
        let counters = [sbc.counters(), gate.counters(), gate.relay.counters()];
        let counted = counters.iter().flat_map(|counters| counters.iter()).map(|(_, count)| count).sum();
        if (usage, traffic, counted) == (self.usage, self.traffic, self.counted) {
            return;
        }
        (self.usage, self.traffic, self.counted) = (usage, traffic, counted);
        defmt::info!(
            "in use: {=usize} calls, {=usize} legs, {=usize} dialogs, {=usize} transactions, {=usize} finished, \
             {=usize} blocks, {=usize} timers, {=usize} ports, {=usize} streams; stack {=usize} of {=usize} bytes",
            usage.calls,
            usage.legs,
            usage.dialogs,
            usage.transactions,
            usage.finished,
            usage.blocks,
            usage.timers,
            usage.ports,
            gate.relay.streams(),
            crate::board::stack::highest(),
            crate::board::stack::size(),
        );
        defmt::info!(
            "so far: {=u64} messages read, {=u32} frames for the stack, {=u32} packets relayed, {=u32} taken, {=u32} \
             datagrams sent",
            sbc.parsed(),
            traffic.stack,
            traffic.relayed,
            traffic.taken,
            traffic.sent,
        );
        let [signalling, frames, packets] = counters;
        tell("signalling", signalling);
        tell("frames", frames);
        tell("packets", packets);
    }
}

fn tell(what: &str, counters: &Counters) {
    for (reason, count) in counters.iter() {
        defmt::info!("{=str}: {=str} {=u64}", what, reason.code(), count);
    }
}

/// A name for a call that no other has had since the board started.
fn name(id: CallId) -> u64 {
    id.to_bits()
}

fn target<'c>(config: &Config<'c>, view: &View<'_>) -> &'c str {
    text(config, view.target.and_then(|target| config.target(target)).map(|target| target.name))
}

fn text<'c>(config: &Config<'c>, span: Option<Span>) -> &'c str {
    span.map_or("nobody", |span| utf8(config.text(span)))
}

fn utf8(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap_or("?")
}
