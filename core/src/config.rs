//! The configuration as core reads it: flat tables without references inside.
//!
//! Texts are [`Span`]s into one text, lists are [`List`]s into one table. The host owns the tables in `Vec`s, a
//! board decodes them into fixed ones; both lend the same [`Config`] for each call into core. What the tables say
//! has been checked by whoever made them; a span or index that leads nowhere reads as empty, never as a panic.
//!
//! The entries' serde form is what a board's [`image`](crate::image) holds: changing their fields changes its format,
//! which has a version.

use core::fmt;
use core::marker::PhantomData;
use core::net::IpAddr;
use core::num::NonZeroU16;

use serde::{Deserialize, Serialize};

use crate::clip::ClipId;
use crate::digest::{Login, Secret};
use crate::filter;
use crate::line::{Schedule, ScheduleIndex, Second, When};
use crate::srtp::Policy;
use crate::transport::Transport;

/// A piece of [`Config::text`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Offset of its first byte.
    pub start: u32,
    /// Its length in bytes.
    pub len: u32,
}

impl Span {
    /// No text.
    pub const EMPTY: Self = Self { start: 0, len: 0 };
}

/// A run of entries in the table that holds `T`s.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct List<T> {
    /// Index of its first entry.
    pub start: u16,
    /// How many entries it has.
    pub len: u16,
    /// What the entries are.
    #[serde(skip)]
    pub of: PhantomData<fn() -> T>,
}

impl<T> List<T> {
    /// No entries.
    pub const EMPTY: Self = Self::new(0, 0);

    /// `len` entries from `start` on.
    pub const fn new(start: u16, len: u16) -> Self {
        Self { start, len, of: PhantomData }
    }
}

impl<T> Clone for List<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for List<T> {}

/// Everything core is told by its user, lent for one call. Shown, it is without its text, which has secrets in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Config<'c> {
    /// Every name, URI, number and secret, one after the other.
    pub text: &'c [u8],
    /// What holds for the node as a whole.
    pub node: Node,
    /// Hosts that mean us in a Request-URI, beside our own addresses.
    pub domains: &'c [Span],
    /// The networks we stand in.
    pub interfaces: &'c [Interface],
    /// Where SIP is heard; [`Path::listener`](crate::transport::Path::listener) points here.
    pub listeners: &'c [Listener],
    /// The SIP peers we know.
    pub trunks: &'c [Trunk],
    /// Which source belongs to which trunk: sorted and disjoint, scoped by interface, its value an index into
    /// [`Config::trunks`], or beyond those into [`Config::shared`]. See [`filter::build`] and [`filter::lookup`].
    pub sources: &'c [filter::Range],
    /// Trunks that speak from the same addresses, as parts of [`Config::callers`].
    pub shared: &'c [List<TrunkIndex>],
    /// Where trunks' media may come from; [`Trunk::media`] points here.
    pub media: &'c [MediaRange],
    /// Whom lines can ring.
    pub targets: &'c [Target],
    /// What can be dialled.
    pub lines: &'c [Line],
    /// The names and numbers by which lines are dialled; [`Line::dial`] points here.
    pub dials: &'c [Span],
    /// The trunks a line may be dialled from; [`Line::from`] points here.
    pub callers: &'c [TrunkIndex],
    /// What a line rings, in order; [`Line::ring`] points here.
    pub rings: &'c [Ring],
    /// Who may speak for trunks; [`Trunk::users`] points here.
    pub users: &'c [User],
    /// Hours.
    pub schedules: &'c [Schedule],
    /// When they begin and end; [`Schedule::changes`] points here.
    pub instants: &'c [Second],
    /// What lines do at some hours; [`Line::when`] points here.
    pub whens: &'c [When],
    /// What callers may press while they wait; [`Line::keys`] points here.
    pub keys: &'c [Key],
}

/// Index into [`Config::trunks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TrunkIndex(pub u16);

/// Index into [`Config::targets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TargetIndex(pub u16);

/// Index into [`Config::lines`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LineIndex(pub u16);

/// What holds for the node as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: Span,
    /// The country code, digits only, by which national numbers become `+` numbers; empty where there is none.
    pub country: Span,
    /// `limits.new_calls`: how many new calls are taken, all sources together. What is refused for another reason does
    /// not count.
    pub new_calls: filter::Rate,
    /// How many relay workers share the media ports.
    pub workers: u8,
    /// `media.silence`: after how many seconds without RTP and RTCP from a leg that should speak its call ends; 0 where it
    /// never does.
    pub silence: u16,
    /// `limits.blocked`: numbers in E.164, separated by commas, whose calls are turned away; one that ends in `*` is what
    /// numbers begin with, and `anonymous` is who withholds it.
    pub blocked: Span,
}

/// A network we stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its name.
    pub name: Span,
    /// The address bound there.
    pub address: IpAddr,
    /// The address peers are told; the same where nothing translates it.
    pub advertise: IpAddr,
    /// First and last media port, both included; the first is even. No two interfaces' ports overlap.
    pub media: (u16, u16),
}

/// A socket SIP is heard on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Index into [`Config::interfaces`].
    pub interface: u8,
    /// What it carries.
    pub transport: Transport,
    /// The port peers reach it at.
    pub port: u16,
}

/// What a trunk may do and what it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TrunkKind {
    /// Takes hand-overs, never starts calls; is told ticket ids; PCMU and PCMA only.
    Zendesk,
    /// Starts and takes calls, may bring ticket ids.
    Ai,
    /// Starts and takes calls, brings no ticket id.
    Carrier,
    /// Telephones of our own.
    Phones,
}

/// A SIP peer we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trunk {
    /// Its name.
    pub name: Span,
    /// What it may do.
    pub kind: TrunkKind,
    /// Index into [`Config::listeners`]: how we reach it.
    pub listener: u8,
    /// Where its media may come from.
    pub media: MediaPolicy,
    /// Whether its peers may be elsewhere than they say, behind a network address translator: inside the same ranges, or
    /// where media is taken as signalled, at the address that they signal from.
    pub learn: bool,
    /// Whether its audio is protected by SRTP: its peers' keys come by TLS.
    pub srtp: Policy,
    /// Whether they may come by UDP and TCP as well, since nobody else reads what is said on the way to it.
    pub keys_in_clear: bool,
    /// Most calls it carries at once, those that it starts and those that it takes together; only new ones are refused.
    pub max_calls: u32,
    /// What it may start.
    pub starts: Limits,
    /// What it is sent.
    pub takes: Limits,
    /// Who we are to it, where it asks.
    pub credentials: Option<Credentials>,
    /// What it says of who calls, and is told of it.
    pub identity: Identity,
    /// Its registrar, where we register there.
    pub registration: Option<Registrar>,
    /// Who may speak for it, by digest authentication; where there is none, its source addresses suffice.
    pub users: List<User>,
    /// Whether it speaks only over TLS, on connections where the host has checked its certificate.
    pub certified: bool,
    /// Who is rung when a transfer fails that it asked for, and it has hung up meanwhile.
    pub return_to: Option<TargetIndex>,
    /// How often the addresses of its targets are asked by OPTIONS whether they are there, in seconds; none where they are
    /// not.
    pub ping: Option<NonZeroU16>,
}

impl Trunk {
    /// A trunk without limits or credentials whose media is taken as signalled. It is told the original caller, and a
    /// carrier's asserted identities are believed.
    pub const fn new(name: Span, kind: TrunkKind, listener: u8) -> Self {
        Self {
            name,
            kind,
            listener,
            media: MediaPolicy::Signalled,
            learn: false,
            srtp: Policy::Off,
            keys_in_clear: false,
            max_calls: u32::MAX,
            starts: Limits::NONE,
            takes: Limits::NONE,
            credentials: None,
            identity: Identity {
                trusted: matches!(kind, TrunkKind::Carrier),
                header: Span::EMPTY,
                caller: Span::EMPTY,
                anonymous: Anonymous::Withhold,
                carried: Span::EMPTY,
            },
            registration: None,
            users: List::EMPTY,
            certified: false,
            return_to: None,
            ping: None,
        }
    }

    /// Whether keys for SRTP may be said on this way to it (RFC 4568 section 7: they are as secret as their carrier).
    pub fn keys_may_go_by(&self, transport: Transport) -> bool {
        self.keys_in_clear || transport == Transport::Tls
    }
}

/// How many calls go one way over a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Most at once.
    pub calls: u32,
    /// Most new ones.
    pub rate: filter::Rate,
}

impl Limits {
    /// As many as there may be in all.
    pub const NONE: Self = Self { calls: u32::MAX, rate: filter::Rate::UNLIMITED };
}

/// What a trunk says of who calls, and is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Whether its P-Asserted-Identity is believed (RFC 3325).
    pub trusted: bool,
    /// The header field by which its INVITEs name the original caller; empty where there is none.
    pub header: Span,
    /// The number it is told is calling, in E.164; empty where that is the original caller's.
    pub caller: Span,
    /// What it is told of callers who withhold their number.
    pub anonymous: Anonymous,
    /// The header fields that it may bring, and that it is told where another trunk brought them: names with commas
    /// between. Only those count of which [`may_be_carried`](crate::call::may_be_carried) says so, and none for Zendesk.
    pub carried: Span,
}

/// What a trunk is told of callers who withhold their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Anonymous {
    /// That they are anonymous; Zendesk, which needs a number, [`NOBODY`](crate::call::NOBODY).
    Withhold,
    /// Their number all the same, where it is known.
    Number,
    /// This number instead, in E.164. Zendesk is told it of callers without a number too.
    StandIn(Span),
}

/// Who we are to a trunk that asks for digest authentication. It is asked of [`Config::login`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// Our name there.
    pub user: Span,
    /// The only realm they are for; empty where they are for any of the trunk's.
    pub realm: Span,
    /// The secret.
    pub secret: Span,
}

/// Where we register with a trunk, with its [`Credentials`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registrar {
    /// The registrar: its URI, without a user, and where it is.
    pub target: TargetIndex,
    /// What we are called there, `sip:user@host`: what is registered.
    pub aor: Span,
}

/// Someone who proves by digest authentication that it is them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Their name.
    pub name: Span,
    /// Their secret.
    pub secret: Span,
}

/// Where a trunk's media may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaPolicy {
    /// Exactly the address its session description names, which must not be private, loopback or multicast.
    Signalled,
    /// Exactly the address its session description names, which must lie in one of these.
    Ranges(List<MediaRange>),
}

/// Addresses and ports that media may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaRange {
    /// The addresses.
    pub prefix: filter::Prefix,
    /// First and last port, both included.
    pub ports: (u16, u16),
}

/// Someone a line can ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its name.
    pub name: Span,
    /// The trunk it is reached through.
    pub trunk: TrunkIndex,
    /// Its whole URI, as dialled: `sip:support@acme.sip.twilio.com`.
    pub uri: Span,
    /// The URI's host, or its `maddr` where it has one; brackets around an IPv6 literal are left out.
    pub host: Span,
    /// The URI's port; none where the transport's own (5060, or 5061 for TLS) holds.
    pub port: Option<u16>,
    /// Who answers there.
    pub answers: Answers,
}

/// What a target's 200 means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answers {
    /// Somebody is there.
    Person,
    /// The caller waits there, and hears what that queue has to say.
    Queue {
        /// A BYE sooner than so many seconds after the 200 means that nobody was there.
        settle: u16,
    },
}

impl Target {
    /// A target at its URI's host and the transport's own port.
    pub const fn new(name: Span, trunk: TrunkIndex, uri: Span, host: Span) -> Self {
        Self { name, trunk, uri, host, port: None, answers: Answers::Person }
    }
}

/// A service that can be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Its name.
    pub name: Span,
    /// The names and numbers it is dialled by.
    pub dial: List<Span>,
    /// The trunks that may dial it.
    pub from: List<TrunkIndex>,
    /// Whom it rings, one after the other.
    pub ring: List<Ring>,
    /// What callers hear once before [`Line::music`], as they begin to wait.
    pub greeting: Option<ClipId>,
    /// What callers hear over and over while they wait; the ringing tone of [`Node::country`] where there is none.
    pub music: Option<ClipId>,
    /// Whether its calls are recorded once they are answered.
    pub record: bool,
    /// What both who talk hear before that: that they are.
    pub consent: Option<ClipId>,
    /// What it does at some hours instead of ringing: the first that holds.
    pub when: List<When>,
    /// When its caller's leg is answered.
    pub answer: Answer,
    /// For how many seconds callers wait at most, whoever is rung; 0 where the plan alone says.
    pub max_wait: u16,
    /// How many callers may wait at once; 0 where that is not bounded.
    pub max_waiting: u16,
    /// Whether the plan begins again at its end, until [`Line::max_wait`] is over.
    pub repeat: bool,
    /// What happens when nobody answers.
    pub unanswered: Then,
    /// What callers may press while they wait.
    pub keys: List<Key>,
    /// For how many milliseconds Zendesk is not rung yet while the host makes a ticket, where the call brings none; 0 where
    /// none is made.
    pub budget: u16,
    /// What is heard by who may leave a message: its end says so.
    pub voicemail: Option<ClipId>,
    /// How many seconds long a message may be.
    pub longest: u16,
}

/// When a caller's leg is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// When a target is: until then they hear what their own network plays. A failure is a failure response.
    WhenTaken,
    /// As [`Answer::WhenTaken`], but they hear greeting and music meanwhile, as early media (RFC 3960).
    EarlyMedia,
    /// At once.
    AtOnce,
}

/// What becomes of a caller for whom nobody is rung any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Then {
    /// They go back to where they came from: a REFER's sender gets them back, an INVITE that was not answered yet is
    /// refused, and one that was goes to [`Trunk::return_to`].
    Return,
    /// They leave a message.
    Voicemail,
    /// This target is rung.
    Overflow(TargetIndex),
    /// They hear this, where there is something to hear, and the call ends.
    Goodbye(Option<ClipId>),
    /// Another line takes over.
    Line(LineIndex),
}

/// What a key does while its caller waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The key's event code (RFC 4733 section 3.2).
    pub press: u8,
    /// What it does.
    pub then: Then,
}

impl Line {
    /// A line whose callers hear the ringing tone while they wait.
    pub const fn new(name: Span, dial: List<Span>, from: List<TrunkIndex>, ring: List<Ring>) -> Self {
        Self {
            name,
            dial,
            from,
            ring,
            greeting: None,
            music: None,
            record: false,
            consent: None,
            when: List::EMPTY,
            answer: Answer::WhenTaken,
            max_wait: 0,
            max_waiting: 0,
            repeat: false,
            unanswered: Then::Return,
            keys: List::EMPTY,
            budget: 0,
            voicemail: None,
            longest: 0,
        }
    }
}

/// One attempt of a line's plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ring {
    /// Who is rung.
    pub target: TargetIndex,
    /// For how many milliseconds.
    pub time: u32,
    /// Whether that is beside the attempt before, and not after it.
    pub beside: bool,
    /// What whoever answers hears before the call is theirs; none where it is so at once.
    pub whisper: Option<Whisper>,
}

impl Ring {
    /// One after the one before, for so many milliseconds, whose answer takes the call.
    pub const fn new(target: TargetIndex, time: u32) -> Self {
        Self { target, time, beside: false, whisper: None }
    }
}

/// What a target hears that has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whisper {
    /// What it is told.
    pub clip: ClipId,
    /// The key, by its event code (RFC 4733), that takes the call: until it is pressed the clip is repeated. None where
    /// the call is taken once the clip was heard.
    pub accept: Option<u8>,
}

impl<'c> Config<'c> {
    /// The text a span names.
    pub fn text(&self, span: Span) -> &'c [u8] {
        let start = span.start as usize;
        self.text.get(start..start.saturating_add(span.len as usize)).unwrap_or_default()
    }

    /// The trunk at `index`.
    pub fn trunk(&self, index: TrunkIndex) -> Option<&'c Trunk> {
        self.trunks.get(usize::from(index.0))
    }

    /// The target at `index`.
    pub fn target(&self, index: TargetIndex) -> Option<&'c Target> {
        self.targets.get(usize::from(index.0))
    }

    /// The line at `index`.
    pub fn line(&self, index: LineIndex) -> Option<&'c Line> {
        self.lines.get(usize::from(index.0))
    }

    /// What a trunk's credentials say.
    pub fn login(&self, credentials: &Credentials) -> Login<'c> {
        Login { user: self.text(credentials.user), secret: Secret::new(self.text(credentials.secret)) }
    }

    /// The listener with this number, and the interface it stands on.
    pub fn listener(&self, number: u8) -> Option<(&'c Listener, &'c Interface)> {
        let listener = self.listeners.get(usize::from(number))?;
        Some((listener, self.interfaces.get(usize::from(listener.interface))?))
    }

    /// What a line rings, in order.
    pub fn rings(&self, line: &Line) -> &'c [Ring] {
        entries(self.rings, line.ring)
    }

    /// The clips that lines play.
    pub fn clips(&self) -> impl Iterator<Item = ClipId> + use<'c> {
        let said = |then: Then| if let Then::Goodbye(clip) = then { clip } else { None };
        let of_line = move |line: &Line| {
            [line.greeting, line.music, line.consent, line.voicemail, said(line.unanswered)]
        };
        let thens = self.keys.iter().map(|key| key.then).chain(self.whens.iter().map(|when| when.then));
        let whispers = self.rings.iter().filter_map(|ring| ring.whisper).map(|whisper| whisper.clip);
        self.lines.iter().flat_map(of_line).flatten().chain(thens.filter_map(said)).chain(whispers)
    }

    /// What callers of a line may press while they wait.
    pub fn keys(&self, line: &Line) -> &'c [Key] {
        entries(self.keys, line.keys)
    }

    /// The names and numbers a line is dialled by.
    pub fn dials(&self, line: &Line) -> &'c [Span] {
        entries(self.dials, line.dial)
    }

    /// The trunks a line may be dialled from.
    pub fn callers(&self, line: &Line) -> &'c [TrunkIndex] {
        entries(self.callers, line.from)
    }

    /// The schedule at `index`.
    pub fn schedule(&self, index: ScheduleIndex) -> Option<&'c Schedule> {
        self.schedules.get(usize::from(index.0))
    }

    /// When a schedule opens and closes, as far as that is known.
    pub fn changes(&self, schedule: &Schedule) -> &'c [Second] {
        entries(self.instants, schedule.changes)
    }

    /// What a line does at some hours.
    pub fn whens(&self, line: &Line) -> &'c [When] {
        entries(self.whens, line.when)
    }

    /// The trunks that speak from a source: what a value in [`Config::sources`] stands for.
    pub fn speakers(&self, source: u16) -> impl Iterator<Item = TrunkIndex> + use<'c> {
        let beyond = usize::from(source).checked_sub(self.trunks.len());
        let shared = beyond.and_then(|beyond| self.shared.get(beyond)).copied().unwrap_or(List::EMPTY);
        let alone = beyond.is_none().then_some(TrunkIndex(source));
        alone.into_iter().chain(entries(self.callers, shared).iter().copied())
    }

    /// Whether a trunk speaks from this address on this interface.
    pub fn speaks_from(&self, trunk: TrunkIndex, interface: u8, address: IpAddr) -> bool {
        let source = filter::lookup(self.sources, interface, address);
        source.is_some_and(|source| self.speakers(source).any(|speaker| speaker == trunk))
    }

    /// Who may speak for a trunk, by digest authentication.
    pub fn users(&self, trunk: &Trunk) -> &'c [User] {
        entries(self.users, trunk.users)
    }

    /// The ranges of a trunk's media; none where it is taken as signalled.
    pub fn media_ranges(&self, trunk: &Trunk) -> &'c [MediaRange] {
        match trunk.media {
            MediaPolicy::Signalled => &[],
            MediaPolicy::Ranges(list) => entries(self.media, list),
        }
    }
}

impl fmt::Debug for Config<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("node", &self.node)
            .field("domains", &self.domains)
            .field("interfaces", &self.interfaces)
            .field("listeners", &self.listeners)
            .field("trunks", &self.trunks)
            .field("sources", &self.sources)
            .field("shared", &self.shared)
            .field("keys", &self.keys)
            .field("media", &self.media)
            .field("targets", &self.targets)
            .field("lines", &self.lines)
            .field("dials", &self.dials)
            .field("callers", &self.callers)
            .field("rings", &self.rings)
            .field("users", &self.users)
            .field("schedules", &self.schedules)
            .field("whens", &self.whens)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Config<'static> {
    /// Nothing at all.
    pub(crate) const EMPTY: Self = Self {
        text: &[],
        node: Node {
            name: Span::EMPTY,
            country: Span::EMPTY,
            new_calls: filter::Rate::UNLIMITED,
            workers: 1,
            silence: 0,
            blocked: Span::EMPTY,
        },
        domains: &[],
        interfaces: &[],
        listeners: &[],
        trunks: &[],
        sources: &[],
        shared: &[],
        media: &[],
        targets: &[],
        lines: &[],
        dials: &[],
        callers: &[],
        rings: &[],
        users: &[],
        keys: &[],
        schedules: &[],
        instants: &[],
        whens: &[],
    };
}

fn entries<T>(table: &[T], list: List<T>) -> &[T] {
    let start = usize::from(list.start);
    table.get(start..start.saturating_add(usize::from(list.len))).unwrap_or_default()
}
