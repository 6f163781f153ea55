//! What a configuration without mistakes comes to.

use core::net::SocketAddr;

use super::media::Media;
use super::mistake::Mistake;
use super::named::{Fixed, NamedRange};
use super::schedule::Written;
use crate::certificates::{Identity, Trust};
use crate::clips::Library;
use crate::desk::{Desk, OfLine};
use crate::recording::Setting;
use crate::{platform, store, webhook};
use warmline_core::config::{
    Config, Interface, Key, Line, List, Listener, MediaRange, Node, Ring, Span, Target, Trunk, TrunkIndex,
    User,
};
use warmline_core::filter::Range;
use warmline_core::image::Appliance;
use warmline_core::line::{Schedule, Second, When};
use warmline_core::transport::Transport;

/// A configuration that was checked, as tables to lend to core.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub(super) text: Text,
    pub(super) node: Node,
    pub(super) capacity: u32,
    pub(super) relaying: Media,
    pub(super) appliance: Option<Appliance>,
    pub(super) domains: Vec<Span>,
    pub(super) interfaces: Vec<Interface>,
    pub(super) listeners: Vec<Listener>,
    pub(super) trunks: Vec<Trunk>,
    pub(super) sources: Vec<Range>,
    pub(super) media: Vec<MediaRange>,
    pub(super) targets: Vec<Target>,
    pub(super) lines: Vec<Line>,
    pub(super) dials: Vec<Span>,
    pub(super) callers: Vec<TrunkIndex>,
    pub(super) rings: Vec<Ring>,
    pub(super) users: Vec<User>,
    pub(super) shared: Vec<List<TrunkIndex>>,
    pub(super) schedules: Vec<Schedule>,
    pub(super) instants: Vec<Second>,
    pub(super) whens: Vec<When>,
    /// What `schedules` were compiled from.
    pub(super) written: Written,
    pub(super) keys: Vec<Key>,
    /// The certificate of each interface that has one.
    pub(super) identities: Vec<Option<Identity>>,
    /// Whose certificates each trunk's peers may show.
    pub(super) trust: Vec<Trust>,
    pub(super) named: Vec<NamedRange>,
    /// Empty where no range is named.
    pub(super) fixed: Fixed,
    pub(super) dns: Vec<SocketAddr>,
    /// What lines play.
    pub(super) clips: Library,
    pub(super) recording: Option<Setting>,
    pub(super) store: store::Keeping,
    pub(super) desks: Vec<Desk>,
    /// What each line wants of a desk.
    pub(super) tickets: Vec<Option<OfLine>>,
    pub(super) platform: Option<platform::Setting>,
    pub(super) webhooks: Vec<webhook::Setting>,
    pub(super) cautions: Vec<Mistake>,
}

/// A socket to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket {
    /// What it carries.
    pub transport: Transport,
    /// What it is bound to.
    pub address: SocketAddr,
    /// Whether another of our sockets has the same port. Where one of them is bound to all addresses, binding both
    /// takes `SO_REUSEADDR`; each gets what is for it.
    pub shared: bool,
}

impl Loaded {
    /// The configuration as core takes it.
    pub fn lend(&self) -> Config<'_> {
        Config {
            text: &self.text.0,
            node: self.node,
            domains: &self.domains,
            interfaces: &self.interfaces,
            listeners: &self.listeners,
            trunks: &self.trunks,
            sources: &self.sources,
            media: &self.media,
            targets: &self.targets,
            lines: &self.lines,
            dials: &self.dials,
            callers: &self.callers,
            rings: &self.rings,
            users: &self.users,
            shared: &self.shared,
            schedules: &self.schedules,
            instants: &self.instants,
            whens: &self.whens,
            keys: &self.keys,
        }
    }

    /// How many calls there may be at once; with the rate of new calls it sizes every pool.
    pub fn capacity(&self) -> u32 {
        self.capacity
    }

    /// What a board is told beside the configuration; none where the file has no `[appliance]`.
    pub fn appliance(&self) -> Option<&Appliance> {
        self.appliance.as_ref()
    }

    /// The name of an interface that has no address to tell peers: it is a board's, which is leased one.
    pub fn unaddressed(&self) -> Option<&str> {
        let interface = self.interfaces.iter().find(|interface| interface.advertise.is_unspecified())?;
        str::from_utf8(self.lend().text(interface.name)).ok()
    }

    /// Where recordings go.
    pub(crate) fn recording(&self) -> Option<&Setting> {
        self.recording.as_ref()
    }

    /// Where calls are written down, where the file says so.
    pub(crate) fn store(&self) -> Option<&store::Setting> {
        self.store.database.as_ref()
    }

    /// What is kept, where and for how long.
    pub(crate) fn keeping(&self) -> &store::Keeping {
        &self.store
    }

    /// Where tickets live.
    pub(crate) fn desks(&self) -> &[Desk] {
        &self.desks
    }

    /// What a line wants of a desk.
    pub(crate) fn ticket(&self, line: u16) -> Option<&OfLine> {
        self.tickets.get(usize::from(line))?.as_ref()
    }

    /// Where platforms reach us, where they do.
    pub(crate) fn platform(&self) -> Option<&platform::Setting> {
        self.platform.as_ref()
    }

    /// The desk that is told of calls that an agent of this trunk's has solved by itself.
    pub(crate) fn desk_of(&self, trunk: &str) -> Option<&Desk> {
        let tokens = self.platform.as_ref()?.tokens.iter();
        let mut names = tokens.filter(|token| &*token.trunk == trunk).filter_map(|token| token.desk.as_ref());
        let name = names.next()?;
        self.desks.iter().find(|desk| desk.name == *name)
    }

    /// Who is told what becomes of hand-overs.
    pub(crate) fn webhooks(&self) -> &[webhook::Setting] {
        &self.webhooks
    }

    /// What its lines play.
    pub(crate) fn clips(&self) -> &Library {
        &self.clips
    }

    /// What is no mistake, and hardly meant, in the order of the file.
    pub fn cautions(&self) -> &[Mistake] {
        &self.cautions
    }

    /// The DNS servers to ask; the system's own where there is none.
    pub fn dns_servers(&self) -> &[SocketAddr] {
        &self.dns
    }

    /// How many relay workers share the media ports, at least one.
    pub fn workers(&self) -> u8 {
        self.node.workers
    }

    /// How they relay.
    pub fn media(&self) -> Media {
        self.relaying
    }

    /// The sockets to listen on, in the order of [`Config::listeners`].
    pub fn sockets(&self) -> impl Iterator<Item = Socket> + '_ {
        let address =
            |listener: &Listener| self.interfaces.get(usize::from(listener.interface)).map(|i| i.address);
        self.listeners.iter().enumerate().filter_map(move |(number, listener)| {
            let streams = listener.transport.is_reliable();
            let mut others =
                self.listeners.iter().enumerate().filter(move |&(other, entry)| {
                    other != number && entry.transport.is_reliable() == streams
                });
            Some(Socket {
                transport: listener.transport,
                address: SocketAddr::new(address(listener)?, listener.port),
                shared: others.any(|(_, other)| other.port == listener.port),
            })
        })
    }

    /// The files of an interface's certificate.
    pub(crate) fn identity(&self, interface: u8) -> Option<&Identity> {
        self.identities.get(usize::from(interface))?.as_ref()
    }

    /// Whose certificates a trunk's peers may show.
    pub(crate) fn trust(&self, trunk: TrunkIndex) -> Option<&Trust> {
        self.trust.get(usize::from(trunk.0))
    }

    /// Moves a listener to another port. A number that no listener has changes nothing.
    pub fn set_port(&mut self, listener: u8, port: u16) {
        if let Some(listener) = self.listeners.get_mut(usize::from(listener)) {
            listener.port = port;
        }
    }
}

/// Every name, URI, number and secret, one after the other: not to be shown.
#[derive(Clone, Default)]
pub(super) struct Text(Vec<u8>);

impl core::fmt::Debug for Text {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Text({} bytes)", self.len())
    }
}

impl Text {
    /// Keeps a text and says where. The file's size is bounded, so that offsets fit.
    pub(super) fn add(&mut self, text: &str) -> Span {
        let span = Span {
            start: u32::try_from(self.0.len()).unwrap_or(u32::MAX),
            len: u32::try_from(text.len()).unwrap_or(u32::MAX),
        };
        self.0.extend_from_slice(text.as_bytes());
        span
    }

    /// The text at `span`.
    pub(super) fn get(&self, span: Span) -> &str {
        let start = span.start as usize;
        let text = self.0.get(start..start.saturating_add(span.len as usize));
        text.and_then(|text| str::from_utf8(text).ok()).unwrap_or_default()
    }

    /// How many bytes it has.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Appends entries to a table and says where they are; none where more do not fit.
pub(super) fn append<T>(table: &mut Vec<T>, entries: impl IntoIterator<Item = T>) -> Option<List<T>> {
    let start = u16::try_from(table.len()).ok()?;
    table.extend(entries);
    let len = u16::try_from(table.len() - usize::from(start)).ok()?;
    start.checked_add(len).map(|_| List::new(start, len))
}
