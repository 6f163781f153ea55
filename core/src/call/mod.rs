//! Calls: one caller's stay, from its INVITE to the last BYE, and the legs it is made of.
//!
//! A call knows who is in it and how far it has come. Each [`Leg`] is one dialog with one peer and stands alone:
//! it answers its peer from its own state. What is sent when is [`Sbc`](crate::Sbc)'s business.
#![doc = include_str!("states.md")]

mod addresses;
mod authentication;
mod caller;
mod cause;
mod dial;
mod failure;
mod identity;
mod kept;
mod keyed;
mod leg;
mod plan;
mod recording;
mod refer;
mod refusal;
mod reliable;
mod session_timer;
mod sighting;
mod ticket;
mod transfer;
mod waiting;

use core::num::NonZeroU64;

use crate::config::{Config, LineIndex, Ring, TargetIndex, TrunkIndex};
use crate::memory::Id;
use crate::reason::Reason;
use crate::relay::{Side, Statistics, StreamId};
use crate::time::Instant;

pub(crate) use addresses::{Addresses, MOST as MOST_ADDRESSES};
pub use authentication::Authentication;
pub use caller::{Number, number};
pub(crate) use cause::Causes;
pub use dial::line;
pub(crate) use dial::line_by_its_name;
pub use failure::target_failure;
pub(crate) use failure::tries_next_address;
pub use identity::{CALL_HEADER, NOBODY, may_be_carried};
pub(crate) use identity::{Caller, Identity, caller};
pub(crate) use kept::Kept;
pub(crate) use keyed::Keyed;
pub use leg::{Leg, LegId, LegState, Resend};
pub use plan::{Outcome, Plan};
pub use recording::Recording;
pub use refer::{LONGEST_REPLACES, named_line, refer_to, referred_dialog, referred_line};
pub use refusal::Refusal;
pub use reliable::{Reliable, Wish};
pub use session_timer::SessionTimer;
pub(crate) use session_timer::{Form, SHORTEST, Work, retry_after};
pub(crate) use sighting::{Learned, Sighting};
pub use ticket::{HEADER as TICKET_HEADER, Talk, referred_ticket, ticket};
pub use transfer::{Move, Notifier, Place, Stage, Transfer};
pub use waiting::{Pending, Todo};

/// Names a call.
pub type CallId = Id<Call>;

/// How many milliseconds somebody is rung whom a line's plan does not name: whoever a call returns to, or overflows to.
const RETURN: u32 = 60_000;

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Progress {
    /// The relay was asked for ports.
    Opening,
    /// The host was asked for the target's address.
    Resolving,
    /// A target is rung.
    Ringing,
    /// Nobody is rung just now: the caller waits, or hears a prompt.
    Waiting,
    /// A target answered.
    Answered,
    /// It is over, or about to be: legs are being ended.
    Ended(Reason),
}

impl Progress {
    /// Whether nobody has taken the call yet, and somebody still may.
    pub(crate) const fn is_open(self) -> bool {
        !matches!(self, Self::Answered | Self::Ended(_))
    }
}

/// What the relay holds of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Stream {
    /// Asked for.
    Opening,
    /// There.
    Open,
    /// Asked to go.
    Closing,
    /// Gone, or never came.
    Closed,
}

/// How often the relay is asked for other ports when it cannot open the first.
const OPENINGS: u8 = 3;

/// One caller's stay.
#[derive(Debug)]
pub struct Call {
    pub(crate) progress: Progress,
    pub(crate) stream: Stream,
    pub(crate) pending: Pending,
    /// Whether it stands in the queue of calls with something to send, and who stands behind it.
    pub(crate) queued: bool,
    pub(crate) behind: Option<CallId>,
    /// Its legs, the caller's first.
    pub(crate) first: Option<LegId>,
    /// The leg that the called one is rung for: the caller's, or whoever stayed when that transferred its call away.
    pub(crate) anchor: Option<LegId>,
    /// The leg of the target that is rung, or that answered.
    pub(crate) called: Option<LegId>,
    pub(crate) line: LineIndex,
    pub(crate) trunk: TrunkIndex,
    /// How many entries of its plan were tried; of no use once somebody is certain to have taken the call.
    pub(crate) tried: u16,
    pub(crate) target: Option<TargetIndex>,
    /// The addresses that the target has left, and until when it is rung at one or another.
    pub(crate) addresses: Addresses,
    pub(crate) ring_until: Instant,
    pub(crate) caller: Option<Number>,
    pub(crate) identity: Identity,
    pub(crate) ticket: Option<NonZeroU64>,
    pub(crate) talk: Talk,
    /// What was left out of what a request brought, or of a target's addresses.
    pub(crate) note: Option<Reason>,
    /// Why the latest target was not reached, and the status it answered with where it did.
    pub(crate) failure: Option<(Reason, Option<u16>)>,
    pub(crate) max_forwards: u8,
    /// Of its INVITE (RFC 5393): more branches at once may not come of it; 0 where it says nothing.
    pub(crate) max_breadth: u8,
    /// The media port of each place of its stream, 0 where there is none, and what the relay has of it.
    pub(crate) ports: [u16; 3],
    pub(crate) places: [Place; 3],
    /// The places that hear each other unless it is being transferred: the anchor's and the called one's.
    pub(crate) bridge: [Side; 2],
    pub(crate) recording: Recording,
    /// The place of whoever is rung.
    pub(crate) rung: Side,
    pub(crate) transfer: Transfer,
    pub(crate) plan: Plan,
    /// How often another line has taken over.
    pub(crate) lines: u8,
    /// Whether the leg of whoever waits was answered, or has early media, before anybody took the call: it hears what the
    /// line has to say.
    pub(crate) hears: bool,
    /// Whether a BYE of whoever answered, until [`Call::ring_until`], means that nobody was there.
    pub(crate) settles: bool,
    /// Until when the plan may go on; zero where it alone says.
    pub(crate) wait_until: Instant,
    /// Until when Zendesk is not rung, since the host makes a ticket; zero where it does not, or has answered.
    pub(crate) ticket_by: Instant,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) worker: u8,
    /// How often the relay may still be asked for other ports.
    pub(crate) openings: u8,
    pub(crate) statistics: [Statistics; 2],
    /// What the relay was told of its sides' keys.
    pub(crate) keyed: Keyed,
    /// Audio that came from elsewhere, until that is told.
    pub(crate) sighting: Option<Sighting>,
    pub(crate) started: Instant,
    pub(crate) answered: Option<Instant>,
    pub(crate) ended: Option<Instant>,
}

/// What can be seen of a call.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// How far it has come.
    pub progress: Progress,
    /// The line that was dialled. Leads nowhere where a restored call's line is not configured any more; so do its
    /// trunk and target.
    pub line: LineIndex,
    /// The trunk it came from.
    pub trunk: TrunkIndex,
    /// The target that is rung, or was last.
    pub target: Option<TargetIndex>,
    /// What the call is known by outside: the value of `X-Warmline-Call`, 16 hexadecimal digits.
    pub id: u64,
    /// The caller's number in E.164; none where there is none.
    pub caller: Option<&'a [u8]>,
    /// Whether the caller wants the number withheld.
    pub withheld: bool,
    /// The ticket it is about.
    pub ticket: Option<NonZeroU64>,
    /// Whether an INVITE that named none has reached Zendesk, or may have: Talk makes a ticket of its own then.
    pub talk: bool,
    /// What became of it; none as long as that is open. Who takes a call that was transferred changes it.
    pub outcome: Option<Outcome>,
    /// Whether that may change still: a queue has answered, and it is not certain yet that somebody is there.
    pub settles: bool,
    /// How far its transfer has come, and the trunk of whoever asked for it last.
    pub transfer: (Stage, TrunkIndex),
    /// What was left out of what its INVITE brought, or of its target's addresses.
    pub note: Option<Reason>,
    /// The caller's Call-ID; empty once its leg is gone.
    pub call_id: &'a [u8],
    /// When its INVITE came.
    pub started: Instant,
    /// When a target answered.
    pub answered: Option<Instant>,
    /// When it ended.
    pub ended: Option<Instant>,
    /// What the relay counted towards the caller and towards the target; all zero until the call has ended.
    pub statistics: &'a [Statistics; 2],
}

impl Call {
    /// A call whose relay is asked for ports.
    pub(crate) fn new(
        line: LineIndex,
        trunk: TrunkIndex,
        [a, b]: [u16; 2],
        worker: u8,
        started: Instant,
    ) -> Self {
        Self {
            progress: Progress::Opening,
            stream: Stream::Opening,
            pending: Pending::default(),
            queued: false,
            behind: None,
            first: None,
            anchor: None,
            called: None,
            line,
            trunk,
            tried: 0,
            target: None,
            addresses: Addresses::EMPTY,
            ring_until: Instant::ZERO,
            caller: None,
            identity: Identity::NONE,
            ticket: None,
            talk: Talk::Unasked,
            note: None,
            failure: None,
            max_forwards: 0,
            max_breadth: 0,
            ports: [a, b, 0],
            places: [Place::Open, Place::Open, Place::Free],
            bridge: [Side::A, Side::B],
            recording: Recording::Off,
            rung: Side::B,
            transfer: Transfer::NONE,
            plan: Plan::New,
            lines: 0,
            hears: false,
            settles: false,
            wait_until: Instant::ZERO,
            ticket_by: Instant::ZERO,
            outcome: None,
            worker,
            openings: OPENINGS,
            statistics: Default::default(),
            keyed: Keyed::default(),
            sighting: None,
            started,
            answered: None,
            ended: None,
        }
    }

    /// The entry of its plan that is tried, or was last.
    pub(crate) fn ring(&self, config: &Config<'_>) -> Option<Ring> {
        self.entry(config, self.tried.checked_sub(1)?)
    }

    /// The entry of its plan that comes next.
    pub(crate) fn next_ring(&self, config: &Config<'_>) -> Option<Ring> {
        self.entry(config, self.tried)
    }

    /// An entry of its plan: of the line that was dialled, or that the call is transferred to, or whoever alone is rung.
    fn entry(&self, config: &Config<'_>, place: u16) -> Option<Ring> {
        match self.plan {
            Plan::New | Plan::Rings => config.rings(config.line(self.line)?).get(usize::from(place)).copied(),
            Plan::Instead(target) | Plan::Back(target) => (place == 0).then_some(Ring::new(target, RETURN)),
            Plan::Goodbye(..) | Plan::Message => None,
        }
    }

    /// What its plan has next is tried, or passed over.
    pub(crate) const fn tries_next(&mut self) {
        self.tried = self.tried.saturating_add(1);
    }

    /// Whether somebody waits in it who hears what the line has to say.
    pub(crate) const fn is_waited_in(&self) -> bool {
        self.hears && self.progress.is_open()
    }

    /// The port of a place.
    pub(crate) fn port(&self, place: Side) -> u16 {
        self.ports.get(place.index()).copied().unwrap_or(0)
    }

    /// What the relay has of a place.
    pub(crate) fn place(&self, place: Side) -> Place {
        self.places.get(place.index()).copied().unwrap_or(Place::Free)
    }

    /// The relay has something else of a place now.
    pub(crate) fn set_place(&mut self, place: Side, now: Place, port: u16) {
        if let Some((state, kept)) = self.places.get_mut(place.index()).zip(self.ports.get_mut(place.index()))
        {
            (*state, *kept) = (now, port);
        }
        if matches!(now, Place::Join | Place::Part) {
            self.pending.add(Pending::PLACES);
        }
    }

    /// Once it is answered, its record is no longer what it should be.
    pub(crate) fn unsettle(&mut self) {
        if self.progress == Progress::Answered {
            self.pending.add(Pending::SETTLED);
        }
    }

    /// What can be seen of it; `call_id` is its caller's.
    pub(crate) fn view<'a>(&'a self, call_id: &'a [u8]) -> View<'a> {
        View {
            progress: self.progress,
            line: self.line,
            trunk: self.trunk,
            target: self.target,
            id: self.identity.id,
            caller: self.caller.as_ref().map(|number| number.as_slice()),
            withheld: self.identity.withheld,
            ticket: self.ticket,
            talk: self.talk.may_have(),
            outcome: self.outcome,
            settles: self.settles,
            transfer: (self.transfer.stage, self.transfer.trunk),
            note: self.note,
            call_id,
            started: self.started,
            answered: self.answered,
            ended: self.ended,
            statistics: &self.statistics,
        }
    }
}

/// The call whose stream this is.
pub fn call_of(stream: StreamId) -> CallId {
    Id::from_bits(u64::from(stream.generation) << 32 | u64::from(stream.index))
}

/// The relay's name for a call's stream.
pub(crate) fn stream_of(call: CallId) -> StreamId {
    let bits = call.to_bits();
    StreamId { index: bits as u32, generation: (bits >> 32) as u32 }
}
