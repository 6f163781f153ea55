//! What a call's record says: all it takes to go on with its legs, and nothing that only this run of the node knows.
//!
//! It has the keys of legs with SRTP in it, and is a secret where it lies.
//!
//! Trunks, line and target are named by a hash of their names, listeners by what peers know of them, times by how
//! long ago they were, beside the civil time where that was known.

use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU64;

use crate::call::{Call, Identity, Kept, Leg, Move, Number, Outcome, SessionTimer, Talk};
use crate::config::{Config, Interface, LineIndex, Listener, Span, TargetIndex, TrunkIndex};
use crate::dialog::Dialog;
use crate::memory::Key;
use crate::reason::Reason;
use crate::record::{Reader, Writer};
use crate::relay::Side;
use crate::sdp::{Agreed, Keys};
use crate::srtp::{Policy, Secret};
use crate::time::{Duration, Utc};
use crate::transport::{Path, Transport};

use super::Cx;
use super::restore::RestoreError;

/// How many requests and session descriptions of ours may have left after a record was written: their numbers are
/// left out.
pub(super) const AHEAD: u32 = 64;

/// The key of the hashes that name things in a record: no secret, and the same for ever.
const NAMES: Key = Key::new(0x7761_726d_6c69_6e65, 0x7265_636f_7264_0001);

/// A call, read from its record.
pub(super) struct Saved {
    /// The caller's leg and the target's; each is there unless the call is ending.
    pub(super) legs: [Option<SavedLeg>; 2],
    /// Whether each called us, and not we it: as a rule, only the first one did.
    pub(super) called_us: [bool; 2],
    /// Whether each may have been told another port than its own.
    pub(super) astray: [bool; 2],
    /// Why the call was ending.
    pub(super) ending: Option<Reason>,
    pub(super) line: LineIndex,
    pub(super) trunk: TrunkIndex,
    pub(super) target: Option<TargetIndex>,
    pub(super) max_forwards: u8,
    pub(super) ports: [u16; 2],
    pub(super) caller: Option<Number>,
    pub(super) identity: Identity,
    pub(super) ticket: Option<NonZeroU64>,
    pub(super) talk: Talk,
    pub(super) note: Option<Reason>,
    pub(super) outcome: Option<Outcome>,
    /// How long ago it began, and was answered: without the time until the restart where no clock tells that.
    pub(super) started: Duration,
    pub(super) answered: Duration,
}

/// A leg, read from its call's record.
pub(super) struct SavedLeg {
    pub(super) trunk: TrunkIndex,
    /// The listener its peer knows us by; none when there is no such listener any more.
    pub(super) listener: Option<u8>,
    pub(super) remote: SocketAddr,
    pub(super) session: u64,
    pub(super) version: u32,
    pub(super) agreed: Option<Agreed>,
    pub(super) keys: Option<Keys>,
    pub(super) dialog: Dialog,
    /// Its session timer, and how long ago that was refreshed.
    pub(super) timer: SessionTimer,
    pub(super) refreshed: Duration,
}

const SIDES: [Side; 2] = [Side::A, Side::B];
const ENDING: u8 = 4;
const UTC: u8 = 8;
/// We called the first one: the caller transferred its call away.
const FIRST_CALLED: u8 = 16;
/// The second one called us: it took the place of one that we had called.
const SECOND_CALLING: u8 = 32;
/// The first one, or the second, was being told the port of another call.
const ASTRAY: [u8; 2] = [64, 128];

/// Writes a call's record; how long it is, or none when it does not fit or what it names is not configured.
pub(super) fn write(
    cx: &Cx<'_>,
    call: &Call,
    kept: Kept,
    legs: [Option<&Leg>; 2],
    ending: Option<Reason>,
    out: &mut [u8],
) -> Option<usize> {
    let config = cx.config;
    let mut w = Writer::new(out);
    let mut flags = 0;
    for (side, leg) in SIDES.into_iter().zip(legs) {
        flags |= if leg.is_some() { bit(side) } else { 0 };
    }
    flags |= if ending.is_some() { ENDING } else { 0 };
    let [first, called] = legs;
    flags |= if first.is_some_and(|leg| leg.side != Side::A) { FIRST_CALLED } else { 0 };
    flags |= if called.is_some_and(|leg| leg.side == Side::A) { SECOND_CALLING } else { 0 };
    for (leg, flag) in legs.into_iter().zip(ASTRAY) {
        flags |= if leg.is_some_and(|leg| leg.moves.is_told() || leg.moves == Move::Back) { flag } else { 0 };
    }
    let port = |leg: Option<&Leg>, place| call.port(leg.map_or(place, |leg| leg.place));
    let [a, b] = call.bridge;
    flags |= if cx.utc.is_some() { UTC } else { 0 };
    w.u8(flags);
    w.u64(name(config, b"line", config.line(kept.line).map(|line| line.name)));
    w.u64(name(config, b"trunk", config.trunk(call.trunk).map(|trunk| trunk.name)));
    let target = kept.target.and_then(|target| config.target(target));
    w.u64(name(config, b"target", target.map(|target| target.name)));
    w.u8(call.max_forwards).u16(port(first, a)).u16(port(called, b));
    w.short(call.caller.as_deref().unwrap_or_default());
    let Identity { id, withheld, vouched, .. } = call.identity;
    let outcome = kept.outcome.map_or(0, |outcome| (outcome as u8).saturating_add(1));
    let talk = u8::from(call.talk.may_have());
    w.u64(id).u8(u8::from(withheld) | u8::from(vouched) << 1 | outcome << 2 | talk << 7);
    w.u64(call.ticket.map_or(0, NonZeroU64::get));
    for reason in [call.note, ending] {
        w.short(reason.map_or("", Reason::code).as_bytes());
    }
    w.u64(cx.now.since(call.started).as_micros());
    w.u64(call.answered.map_or(0, |answered| cx.now.since(answered).as_micros()));
    w.u64(cx.utc.unwrap_or_default().0.cast_unsigned());
    for leg in legs.into_iter().flatten() {
        w.u64(name(config, b"trunk", config.trunk(leg.trunk).map(|trunk| trunk.name)));
        write_place(config, &leg.path, &mut w)?;
        w.u64(leg.session).u32(leg.version);
        leg.dialog.save(leg.unacknowledged(), &mut w);
        w.u8(leg.agreed.is_some().into());
        if let Some(agreed) = &leg.agreed {
            agreed.save(&mut w);
        }
        w.u8(leg.srtp() as u8);
        if let Some((_, secret)) = &leg.keys {
            w.bytes(secret.as_bytes());
        }
        leg.timer.save(cx.now, &mut w);
    }
    w.seal()
}

impl Saved {
    /// Reads a call's record, and finds what it names in the configuration.
    pub(super) fn read(cx: &Cx<'_>, record: &[u8]) -> Result<Self, RestoreError> {
        let mut r = Reader::open(record)?;
        let saved = Self::body(cx, &mut r).ok_or(RestoreError::Malformed)?;
        if r.is_empty() { Ok(saved) } else { Err(RestoreError::Malformed) }
    }

    fn body(cx: &Cx<'_>, r: &mut Reader<'_>) -> Option<Self> {
        let config = cx.config;
        let flags = r.u8()?;
        let line = index(config, b"line", r.u64()?, config.lines.iter().map(|line| line.name));
        let trunk = trunk(config, r.u64()?);
        let target = target(config, r.u64()?);
        let (max_forwards, ports) = (r.u8()?, [r.u16()?, r.u16()?]);
        let caller = match r.short()? {
            [] => None,
            digits @ [b'+', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => {
                Some(Number::from_slice(digits).ok()?)
            }
            _ => return None,
        };
        let (id, told) = (r.u64()?, r.u8()?);
        let talk = if told & 128 == 0 { Talk::Unasked } else { Talk::Reached };
        let outcome = match (told & 127) >> 2 {
            0 => None,
            number => Some(*Outcome::ALL.get(usize::from(number.saturating_sub(1)))?),
        };
        let identity = Identity { id, withheld: told & 1 != 0, vouched: told & 2 != 0, ..Identity::NONE };
        let ticket = NonZeroU64::new(r.u64()?);
        let (note, ending) = (reason(r.short()?)?, reason(r.short()?)?);
        if ending.is_some() != (flags & ENDING != 0) {
            return None;
        }
        let (started, answered) = (Duration::from_micros(r.u64()?), Duration::from_micros(r.u64()?));
        let written = Utc(r.u64()?.cast_signed());
        let since = match cx.utc {
            Some(now) if flags & UTC != 0 => now.0.saturating_sub(written.0),
            _ => 0,
        };
        // A clock that was set back in between tells nothing.
        let since = Duration::from_micros(u64::try_from(since).unwrap_or(0));
        let mut legs = [None, None];
        for (side, leg) in SIDES.into_iter().zip(&mut legs) {
            if flags & bit(side) != 0 {
                *leg = Some(SavedLeg::read(config, r, since)?);
            }
        }
        let whole = |leg: &Option<SavedLeg>| leg.as_ref().is_some_and(|leg| leg.agreed.is_some());
        if ending.is_none() && !legs.iter().all(whole) {
            return None;
        }
        Some(Self {
            legs,
            called_us: [flags & FIRST_CALLED == 0, flags & SECOND_CALLING != 0],
            astray: ASTRAY.map(|flag| flags & flag != 0),
            ending,
            line: LineIndex(line.unwrap_or(u16::MAX)),
            trunk: TrunkIndex(trunk.unwrap_or(u16::MAX)),
            target,
            max_forwards,
            ports,
            caller,
            identity,
            ticket,
            talk,
            note,
            outcome,
            started: started.plus(since),
            answered: answered.plus(since),
        })
    }
}

impl SavedLeg {
    fn read(config: &Config<'_>, r: &mut Reader<'_>, since: Duration) -> Option<Self> {
        let trunk = trunk(config, r.u64()?);
        let Place { listener, remote, .. } = Place::read(config, r)?;
        let session = r.u64()?;
        let version = r.u32()?.saturating_add(AHEAD);
        let dialog = Dialog::restore(r, AHEAD)?;
        let agreed = match r.u8()? {
            0 => None,
            1 => Some(Agreed::restore(r)?),
            _ => return None,
        };
        let keys = keys(r)?;
        if keys.is_none() && agreed.is_some_and(|agreed| agreed.crypto.is_some()) {
            return None;
        }
        let (timer, age) = SessionTimer::restore(r)?;
        Some(Self {
            timer,
            refreshed: age.plus(since),
            trunk: TrunkIndex(trunk.unwrap_or(u16::MAX)),
            listener,
            remote,
            session,
            version,
            agreed,
            keys,
            dialog,
        })
    }
}

/// Where a message goes, read from a record.
pub(super) struct Place {
    /// The listener its peer knows us by; none when there is no such listener any more.
    pub(super) listener: Option<u8>,
    pub(super) transport: Transport,
    pub(super) remote: SocketAddr,
}

/// Writes where a message goes; none where that is not configured.
pub(super) fn write_place(config: &Config<'_>, path: &Path, w: &mut Writer<'_>) -> Option<()> {
    let (listener, interface) = config.listener(path.listener)?;
    w.ip(interface.advertise).u16(listener.port).u8(number_of(path.transport)).socket(path.remote);
    Some(())
}

impl Place {
    pub(super) fn read(config: &Config<'_>, r: &mut Reader<'_>) -> Option<Self> {
        let (ip, port, transport) = (r.ip()?, r.u16()?, transport(r.u8()?)?);
        let listener = (0u8..).zip(config.listeners).find(|(number, listener)| {
            let interface = config.listener(*number).map(|(_, interface)| interface);
            interface.is_some_and(|interface| is_at(listener, interface, ip, port, transport))
        });
        Some(Self { listener: listener.map(|(number, _)| number), transport, remote: r.socket()? })
    }

    /// The way there; none where its listener is gone.
    pub(super) fn path(&self) -> Option<Path> {
        let Self { listener, transport, remote } = *self;
        listener.map(|listener| Path { transport, listener, flow: 0, remote })
    }
}

/// Whether peers know a listener by this.
fn is_at(listener: &Listener, interface: &Interface, ip: IpAddr, port: u16, transport: Transport) -> bool {
    interface.advertise == ip && listener.port == port && listener.transport == transport
}

/// The flag that a side's leg is there.
const fn bit(side: Side) -> u8 {
    match side {
        Side::A => 1,
        Side::B | Side::C => 2,
    }
}

/// What stands in a record for something by its name; 0 for nothing.
pub(super) fn name(config: &Config<'_>, kind: &[u8], name: Option<Span>) -> u64 {
    name.map_or(0, |name| NAMES.hash(&[kind, config.text(name)]).max(1))
}

/// Which of these names stands in a record as `hash`.
fn index(config: &Config<'_>, kind: &[u8], hash: u64, names: impl Iterator<Item = Span>) -> Option<u16> {
    (0u16..u16::MAX).zip(names).find(|&(_, span)| name(config, kind, Some(span)) == hash).map(|(at, _)| at)
}

/// Which target stands in a record as `hash`.
pub(super) fn target(config: &Config<'_>, hash: u64) -> Option<TargetIndex> {
    index(config, b"target", hash, config.targets.iter().map(|target| target.name)).map(TargetIndex)
}

fn trunk(config: &Config<'_>, hash: u64) -> Option<u16> {
    index(config, b"trunk", hash, config.trunks.iter().map(|trunk| trunk.name))
}

/// What a leg says of SRTP.
fn keys(r: &mut Reader<'_>) -> Option<Option<Keys>> {
    let policy = match r.u8()? {
        0 => return Some(None),
        1 => Policy::Allowed,
        2 => Policy::Required,
        _ => return None,
    };
    let secret = <[u8; 32]>::try_from(r.bytes(32)?).ok()?;
    Some(Some((policy, Secret::from_bytes(secret))))
}

/// The reason with this code; none for no code at all.
fn reason(code: &[u8]) -> Option<Option<Reason>> {
    match code {
        [] => Some(None),
        _ => Reason::ALL.iter().copied().find(|reason| reason.code().as_bytes() == code).map(Some),
    }
}

/// A transport's number in a record.
const fn number_of(transport: Transport) -> u8 {
    match transport {
        Transport::Udp => 0,
        Transport::Tcp => 1,
        Transport::Tls => 2,
    }
}

const fn transport(number: u8) -> Option<Transport> {
    match number {
        0 => Some(Transport::Udp),
        1 => Some(Transport::Tcp),
        2 => Some(Transport::Tls),
        _ => None,
    }
}
