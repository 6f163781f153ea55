//! What is written to the log: a line for each thing that happens to a call, and for each refusal.
//!
//! Names come from the configuration. What peers wrote is shown only as it prints: core's excerpts, numbers, and why a
//! target refuses.

use core::fmt;
use core::net::SocketAddr;
use std::io;

use tracing::{debug, info, warn};
use warmline_core::call::{CallId, Outcome, Progress, Refusal, View};
use warmline_core::config::{Config, Span, TrunkIndex};
use warmline_core::filter::{Limiter, Rate};
use warmline_core::reason::Reason;
use warmline_core::relay::{Side, Statistics};
use warmline_core::time::{Duration, Instant};
use warmline_core::{Admitted, Cx, Event, Sbc};

use super::connection::End;
use super::strangers::Strangers;

/// How many lines of a kind that peers can cause at will are written.
const LINES: Rate = Rate { per_second: 20, burst: 100 };

pub(super) struct Journal {
    /// The number of the call at each place.
    numbers: Vec<u64>,
    /// How many calls there have been.
    calls: u64,
    strangers: Strangers,
    refusals: Sparing,
    losses: Sparing,
    disconnections: Sparing,
}

/// Lets so many lines through, and counts the others.
#[derive(Default)]
struct Sparing {
    limiter: Limiter,
    left_out: u64,
}

impl Sparing {
    /// Whether a line may be written; if so, how many were left out before it.
    fn take(&mut self, now: Instant) -> Option<LeftOut> {
        if self.limiter.take(now, LINES) {
            return Some(LeftOut(core::mem::take(&mut self.left_out)));
        }
        self.left_out += 1;
        None
    }
}

impl Journal {
    pub(super) fn new(calls: usize) -> Self {
        Self {
            numbers: vec![0; calls],
            calls: 0,
            strangers: Strangers::new(),
            refusals: Sparing::default(),
            losses: Sparing::default(),
            disconnections: Sparing::default(),
        }
    }

    /// How many calls there have been.
    pub(super) fn calls(&self) -> u64 {
        self.calls
    }

    /// A message from a source that no trunk knows.
    pub(super) fn stranger(&mut self, from: SocketAddr, reason: Reason, now: Instant) {
        if let Some(count) = self.strangers.note(from.ip(), now) {
            warn!("dropped {count} from {from}, unanswered: {}", Because(reason));
        }
    }

    /// A message that core is about to be told. Where a target refuses a call, its own words are written down.
    pub(super) fn hears(&mut self, cx: &Cx<'_>, from: &Admitted, bytes: &[u8]) {
        if let Some(said) = Refusal::of(bytes)
            && let Some(left_out) = self.refusals.take(cx.now)
        {
            info!("trunk {}: {said}{left_out}", trunk_name(cx.config, from.trunk()));
        }
    }

    /// A message that the system did not take.
    pub(super) fn unsent(&mut self, to: SocketAddr, error: &io::Error, now: Instant) {
        if let Some(left_out) = self.losses.take(now) {
            warn!("cannot send to {to}: {error}{left_out}");
        }
    }

    /// A connection that has ended.
    pub(super) fn disconnected(&mut self, remote: SocketAddr, ours: bool, end: &End, now: Instant) {
        let way = if ours { "to" } else { "from" };
        let said = match end {
            End::Closed(_) | End::Dropped => return debug!("connection {way} {remote} has ended: {end}"),
            End::Refused(_) => "cannot be opened",
            _ => "was closed",
        };
        if let Some(left_out) = self.disconnections.take(now) {
            warn!("connection {way} {remote} {said}: {end}{left_out}");
        }
    }

    /// A connection there was no room for.
    pub(super) fn turned_away(&mut self, remote: SocketAddr, now: Instant) {
        if let Some(left_out) = self.disconnections.take(now) {
            warn!("no connection with {remote}: {}{left_out}", Because(Reason::ConnectionLimit));
        }
    }

    /// Something happened in core.
    pub(super) fn event(&mut self, cx: &Cx<'_>, sbc: &Sbc<'_>, event: Event) {
        match event {
            Event::Refused { from, trunk, reason, asked } => {
                if let Some(left_out) = self.refusals.take(cx.now) {
                    let (from, trunk) = (from.remote, trunk_name(cx.config, trunk));
                    let asked = asked.as_str();
                    warn!("refused {asked} from {from} (trunk {trunk}): {}{left_out}", Because(reason));
                }
            }
            Event::Registered { trunk } => info!("registered at trunk {}", trunk_name(cx.config, trunk)),
            Event::Unregistered { trunk, reason: Reason::RegistrationGivenBack } => {
                info!("no longer registered at trunk {}", trunk_name(cx.config, trunk));
            }
            Event::Unregistered { trunk, reason } => {
                warn!("cannot register at trunk {}: {}", trunk_name(cx.config, trunk), Because(reason));
            }
            Event::Reachable { trunk, address } => {
                info!("trunk {}: {address} is there", trunk_name(cx.config, trunk));
            }
            Event::Unreachable { trunk, address, reason } => {
                let trunk = trunk_name(cx.config, trunk);
                warn!("trunk {trunk}: {address} is tried last: {}", Because(reason));
            }
            Event::Started(id) => {
                let (number, config) = (self.count(id), cx.config);
                let Some(view) = sbc.call(id) else { return };
                let line = config.line(view.line).map(|line| line.name).unwrap_or_default();
                info!(
                    "call {number}: {} dialled \"{}\" from {}{}",
                    Caller(&view),
                    Text(config, line),
                    trunk_name(config, view.trunk),
                    Ticket(&view),
                );
            }
            Event::Answered(id) => {
                let Some(view) = sbc.call(id) else { return };
                let after = view.answered.unwrap_or(cx.now).since(view.started);
                info!("call {}: answered{} after {}", self.number(id), Target(cx.config, &view), Secs(after));
            }
            // Which key is not written down: it may be part of a number that is to be kept secret.
            Event::Digit { call, side, duration, .. } => {
                let who = if side == Side::A { "the caller" } else { "the other side" };
                let millis = duration.as_millis();
                info!("call {}: {who} has pressed a key for {millis} ms", self.number(call));
            }
            Event::Learned { call, trunk, named, from } => {
                let (number, trunk) = (self.number(call), trunk_name(cx.config, trunk));
                info!(
                    "call {number}: audio of trunk {trunk} comes from {from}, its SDP says {named}: it is taken and answered there"
                );
            }
            Event::Elsewhere { call, trunk, named, from } => {
                let (number, name) = (self.number(call), trunk_name(cx.config, trunk));
                let learns = cx.config.trunk(trunk).is_some_and(|trunk| trunk.learn);
                let advice = match learns {
                    false => "if that is the peer behind NAT, set learn = true for the trunk",
                    true => "it is not the peer, or that is outside the trunk's media ranges",
                };
                warn!(
                    "call {number}: audio for trunk {name} arrives from {from}, its SDP says {named}: dropped; {advice}"
                );
            }
            Event::NotAuthentic { call, trunk, named } => {
                let (number, trunk) = (self.number(call), trunk_name(cx.config, trunk));
                warn!(
                    "call {number}: audio of trunk {trunk} from {named} does not authenticate by SRTP and is dropped: its key \
                     is not the one in its SDP, or it uses another suite, or no SRTP at all"
                );
            }
            // Whoever keeps calls, makes tickets and tells webhooks says what there is to say.
            Event::Settled(_) | Event::Unanswered(_) | Event::Ticket(_) | Event::Course(_) => {}
            Event::Ended(id) => {
                let Some(view) = sbc.call(id) else { return };
                self.ended(cx, self.number(id), &view);
            }
        }
    }

    fn ended(&self, cx: &Cx<'_>, number: u64, view: &View<'_>) {
        let ended = view.ended.unwrap_or(cx.now);
        let reason = match view.progress {
            Progress::Ended(reason) => Some(Because(reason)),
            _ => None,
        };
        let why = Optional(reason);
        let target = Target(cx.config, view);
        let outcome = view.outcome.unwrap_or(Outcome::Failed).code();
        let [a, b] = view.statistics;
        match view.answered {
            Some(answered) => info!(
                "call {number}: {outcome}, ended after {}: {why} Caller's audio: {}; target's: {}",
                Secs(ended.since(answered)),
                Audio(a),
                Audio(b),
            ),
            None => {
                info!(
                    "call {number}: {outcome}, not answered{target}, ended after {}: {why}",
                    Secs(ended.since(view.started))
                );
            }
        }
    }

    /// Calls were taken up again that a crash had cut off, and who waited to be answered in `left` calls is told that it is
    /// over.
    pub(super) fn taken_up(&mut self, cx: &Cx<'_>, sbc: &Sbc<'_>, calls: &[CallId], left: usize) {
        let mut going = 0;
        for &id in calls {
            let number = self.count(id);
            let Some(view) = sbc.call(id) else { continue };
            let since = Secs(cx.now.since(view.started));
            match view.progress {
                Progress::Ended(reason) => {
                    info!("call {number}: it began {since} ago and does not go on: {}", Because(reason));
                }
                _ => {
                    going += 1;
                    info!("call {number}: it began {since} ago and goes on{}", Target(cx.config, &view));
                }
            }
        }
        if !calls.is_empty() || left > 0 {
            let ended = calls.len() - going;
            warn!(
                "this node was cut off: {going} calls are taken up again, {ended} do not go on, and in {left} \
                 whoever waited to be answered is told that it is over"
            );
        }
    }

    /// Gives a call its number.
    fn count(&mut self, id: CallId) -> u64 {
        self.calls += 1;
        if let Some(number) = usize::try_from(id.index()).ok().and_then(|at| self.numbers.get_mut(at)) {
            *number = self.calls;
        }
        self.calls
    }

    fn number(&self, id: CallId) -> u64 {
        usize::try_from(id.index()).ok().and_then(|at| self.numbers.get(at)).copied().unwrap_or(0)
    }
}

/// A text of the configuration.
#[derive(Clone, Copy)]
struct Text<'c>(&'c Config<'c>, Span);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(core::str::from_utf8(self.0.text(self.1)).unwrap_or("?"))
    }
}

fn trunk_name<'c>(config: &'c Config<'c>, trunk: TrunkIndex) -> Text<'c> {
    Text(config, config.trunk(trunk).map(|trunk| trunk.name).unwrap_or_default())
}

/// By whom a call was answered, or was to be, where that is known.
struct Target<'v>(&'v Config<'v>, &'v View<'v>);

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1.target.and_then(|target| self.0.target(target)) {
            Some(target) => write!(f, " by {}", Text(self.0, target.name)),
            None => Ok(()),
        }
    }
}

struct Caller<'v>(&'v View<'v>);

impl fmt::Display for Caller<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.caller {
            Some(number) => write!(f, "{}", number.escape_ascii()),
            None => f.write_str("a caller without number"),
        }
    }
}

/// The ticket a call brought, and why one that it brought was left out.
struct Ticket<'v>(&'v View<'v>);

impl fmt::Display for Ticket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(ticket) = self.0.ticket {
            write!(f, ", ticket {ticket}")?;
        }
        match self.0.note {
            Some(note) => write!(f, "; {}", Because(note)),
            None => Ok(()),
        }
    }
}

/// A reason: its code, and its sentence.
struct Because(Reason);

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code(), self.0.sentence().trim())
    }
}

struct Optional<T>(Option<T>);

impl<T: fmt::Display> fmt::Display for Optional<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |value| value.fmt(f))
    }
}

/// Lines left out before this one.
struct LeftOut(u64);

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            count => write!(f, " ({count} lines like this were left out before)"),
        }
    }
}

/// Seconds, with one digit behind the point.
struct Secs(Duration);

impl fmt::Display for Secs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0.as_millis().saturating_add(50) / 100;
        write!(f, "{}.{} s", tenths / 10, tenths % 10)
    }
}

/// What came from one side's peer.
struct Audio<'v>(&'v Statistics);

impl fmt::Display for Audio<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = self.0;
        write!(f, "{} packets, {} lost", side.packets_received, side.lost)?;
        if side.packets_received > 0 {
            let tenths = side.mean_jitter.as_micros() / 100;
            write!(f, ", jitter {}.{} ms", tenths / 10, tenths % 10)?;
            write!(f, ", longest pause {} ms", side.longest_pause.as_millis())?;
        }
        if side.dead_air > Duration::ZERO {
            write!(f, ", {} of dead air", Secs(side.dead_air))?;
        }
        if let Some(mos) = side.quality_received() {
            write!(f, ", MOS {mos}")?;
        }
        if let Some(mos) = side.quality_sent() {
            write!(f, ", and {mos} of what it was sent")?;
        }
        if side.wrong_source > 0 {
            write!(f, ", {} from elsewhere", side.wrong_source)?;
        }
        if side.wrong_payload > 0 {
            write!(f, ", {} of no agreed kind", side.wrong_payload)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_to_tenths() {
        let secs = |millis| Secs(Duration::from_millis(millis)).to_string();
        assert_eq!([secs(0), secs(449), secs(450), secs(12_349)], ["0.0 s", "0.4 s", "0.5 s", "12.3 s"]);
    }

    #[test]
    fn lines_are_counted_that_are_left_out() {
        let mut sparing = Sparing::default();
        let now = Instant::from_micros(5_000_000);
        let written = (0..300).filter(|_| sparing.take(now).is_some()).count();
        assert_eq!(written, 100);
        let later = sparing.take(now.after(Duration::from_secs(1))).map(|left_out| left_out.0);
        assert_eq!(later, Some(200));
    }
}
