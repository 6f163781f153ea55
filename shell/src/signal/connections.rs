//! The connections there are: which of them a message goes by, and what becomes of it when there is none.

use core::hash::BuildHasher;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;

use std::io;
use std::sync::Arc;

use rustls_pki_types::ServerName;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use warmline_core::Admitted;
use warmline_core::config::{Config, TargetIndex, TrunkIndex};
use warmline_core::reason::Reason;
use warmline_core::transport::{Path, Transport};

use super::connection::{End, Line, Told, Waiting, converse};
use crate::certificates::{Contexts, name};
use crate::config::Loaded;

/// How many connections there may be.
pub(crate) const MOST: usize = 1024;

/// How many of them one address may have opened.
const MOST_OF_ONE: usize = 128;

/// How long opening a connection may take: less than core waits for an address that has others behind it.
const CONNECTING: Duration = Duration::from_secs(3);

/// How long TLS may take to be agreed on.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long a connection may carry no message that no call uses.
const IDLE: Duration = Duration::from_secs(600);

/// RFC 5626 section 4.4.1: pings go at random between 80 % and 100 % of this.
const PING: Duration = Duration::from_secs(120);

/// How many ways to a peer are remembered for a connection: core is told of each when it is lost.
const WAYS: usize = 64;

/// How many messages and endings wait to be looked at; who has more to tell is not read meanwhile.
const INBOX: usize = 256;

/// How many that were accepted wait to be looked at.
const ARRIVALS: usize = 64;

/// How long a listener rests that could not accept: there are no sockets left, most likely.
const REST: Duration = Duration::from_millis(100);

/// A peer, as a connection to it is found again.
type Peer = (u8, SocketAddr, Option<ServerName<'static>>);

pub(super) struct Connections {
    open: HashMap<u32, Connection>,
    /// The connections that we opened.
    ours: HashMap<Peer, u32>,
    latest: u32,
    contexts: Arc<Contexts>,
    /// The one name that the targets of each trunk have, or that its certificate has.
    names: Vec<Option<ServerName<'static>>>,
    told: mpsc::Sender<Told>,
    inbox: mpsc::Receiver<Told>,
    arriving: mpsc::Sender<Arrival>,
    arrivals: mpsc::Receiver<Arrival>,
    /// What pings' random times are made from.
    random: RandomState,
}

struct Connection {
    admitted: Admitted,
    /// What it is found by, where we opened it.
    peer: Option<Peer>,
    line: Line,
    /// What core calls it and was sent over it.
    ways: Vec<Path>,
    /// When it last carried a message.
    used: Instant,
    task: AbortHandle,
}

/// A connection that somebody has opened to a listener.
pub(super) struct Arrival {
    pub(super) listener: u8,
    pub(super) stream: TcpStream,
    pub(super) remote: SocketAddr,
}

/// Something that happened to connections.
pub(super) enum News {
    Told(Told),
    Arrived(Arrival),
}

impl Connection {
    /// Whether anybody writes what is put into its line: one that has ended says so a moment later.
    fn is_open(&self) -> bool {
        self.line.is_open()
    }
}

/// Why a message did not go out.
pub(super) enum Unsent {
    /// There is no connection, and none can be opened.
    Nowhere(io::Error),
    /// There are as many connections as there may be.
    TooMany,
    /// Its connection was ended, since the peer takes nothing.
    NotReading(Ended),
}

/// A connection that has ended.
pub(super) struct Ended {
    pub(super) remote: SocketAddr,
    /// Whether we opened it.
    pub(super) ours: bool,
    /// What was sent over it may not have arrived.
    pub(super) ways: Vec<Path>,
}

impl Connections {
    pub(super) fn new(contexts: Contexts, loaded: &Loaded) -> Self {
        let (told, inbox) = mpsc::channel(INBOX);
        let (arriving, arrivals) = mpsc::channel(ARRIVALS);
        Self {
            open: HashMap::new(),
            ours: HashMap::new(),
            latest: 0,
            contexts: Arc::new(contexts),
            names: names(loaded),
            told,
            inbox,
            arriving,
            arrivals,
            random: RandomState::new(),
        }
    }

    /// Connections that are made from now on have these certificates.
    pub(super) fn renew(&mut self, contexts: Contexts) {
        self.contexts = Arc::new(contexts);
    }

    /// Accepts whoever comes to a listener.
    pub(super) fn listen(&self, number: u8, listener: TcpListener) {
        let arriving = self.arriving.clone();
        tokio::spawn(async move {
            loop {
                let arrived = listener.accept().await.map(|(stream, remote)| Arrival {
                    listener: number,
                    stream,
                    remote,
                });
                match arrived {
                    Ok(arrival) => {
                        if arriving.send(arrival).await.is_err() {
                            return;
                        }
                    }
                    Err(_) => tokio::time::sleep(REST).await,
                }
            }
        });
    }

    /// What has happened, when something has.
    pub(super) fn try_hear(&mut self) -> Option<News> {
        let told = self.inbox.try_recv().ok().map(News::Told);
        told.or_else(|| self.arrivals.try_recv().ok().map(News::Arrived))
    }

    /// What happens next. Neither queue ends, since a sender of each is here.
    pub(super) async fn hear(&mut self) -> Option<News> {
        tokio::select! {
            told = self.inbox.recv() => told.map(News::Told),
            arrived = self.arrivals.recv() => arrived.map(News::Arrived),
        }
    }

    /// Whom a connection belongs to, which has just carried a message.
    pub(super) fn speaker(&mut self, flow: u32) -> Option<Admitted> {
        let connection = self.open.get_mut(&flow)?;
        connection.used = Instant::now();
        Some(connection.admitted)
    }

    /// Whether one more may be opened by this address; else it is closed unread.
    pub(super) fn has_room(&self, ip: IpAddr) -> bool {
        let theirs = |connection: &&Connection| {
            connection.peer.is_none() && connection.admitted.path().remote.ip() == ip
        };
        self.open.len() < MOST && self.open.values().filter(theirs).count() < MOST_OF_ONE
    }

    /// The number of the next connection.
    pub(super) fn next(&mut self) -> u32 {
        loop {
            self.latest = self.latest.wrapping_add(1);
            if self.latest != 0 && !self.open.contains_key(&self.latest) {
                return self.latest;
            }
        }
    }

    /// Takes up a connection that a peer has opened.
    pub(super) fn accept(&mut self, config: &Config<'_>, admitted: Admitted, stream: TcpStream) {
        let path = admitted.path();
        let interface = config.listener(path.listener).map_or(0, |(listener, _)| listener.interface);
        let context = (path.transport == Transport::Tls)
            .then(|| self.contexts.server(interface, admitted.trunk()))
            .flatten();
        if path.transport == Transport::Tls && context.is_none() {
            return;
        }
        let (line, waiting) = Line::new();
        let told = self.told.clone();
        let task = tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let end = match context {
                None => converse(stream, waiting, None, path.flow, &told).await,
                Some(context) => match timeout(HANDSHAKE, TlsAcceptor::from(context).accept(stream)).await {
                    Ok(Ok(stream)) => converse(stream, waiting, None, path.flow, &told).await,
                    Ok(Err(error)) => End::Handshake(error),
                    Err(_) => End::Slow,
                },
            };
            // Signalling may have ended.
            let _ = told.send(Told::Ended(path.flow, end)).await;
        });
        let connection = Connection {
            admitted,
            peer: None,
            line,
            ways: Vec::new(),
            used: Instant::now(),
            task: task.abort_handle(),
        };
        self.open.insert(path.flow, connection);
    }

    /// Sends a message over the connection that its path names, or over one to the same peer; where there is none, one
    /// is opened. `admit` says whom it leads to, when core lets it.
    pub(super) fn send(
        &mut self,
        config: &Config<'_>,
        to: Path,
        addressee: Option<TargetIndex>,
        bytes: &[u8],
        admit: impl FnOnce(Path) -> Result<Admitted, Reason>,
    ) -> Result<(), Unsent> {
        let flow = match self.open.get(&to.flow) {
            Some(named) if named.is_open() && named.admitted.path().listener == to.listener => to.flow,
            _ => self.find_or_open(config, to, addressee, admit)?,
        };
        let Some(connection) = self.open.get_mut(&flow) else {
            return Err(Unsent::Nowhere(io::ErrorKind::NotConnected.into()));
        };
        if connection.ways.len() < WAYS && !connection.ways.contains(&to) {
            connection.ways.push(to);
        }
        if !connection.line.put(bytes) {
            connection.task.abort();
            return Err(match self.ended(flow) {
                Some(ended) => Unsent::NotReading(ended),
                None => Unsent::Nowhere(io::ErrorKind::NotConnected.into()),
            });
        }
        connection.used = Instant::now();
        Ok(())
    }

    fn find_or_open(
        &mut self,
        config: &Config<'_>,
        to: Path,
        addressee: Option<TargetIndex>,
        admit: impl FnOnce(Path) -> Result<Admitted, Reason>,
    ) -> Result<u32, Unsent> {
        let lost = |reason: Reason| Unsent::Nowhere(io::Error::other(reason.sentence().trim()));
        // Where the message is for no target, the trunk decides who is to be found there.
        let sought = addressee.filter(|_| to.transport == Transport::Tls).and_then(|to| host(config, to));
        if (to.transport != Transport::Tls || sought.is_some())
            && let Some(flow) = self.known(&(to.listener, to.remote, sought.clone()))
        {
            return Ok(flow);
        }
        let flow = self.next();
        let admitted = admit(Path { flow, ..to }).map_err(lost)?;
        let (peer_name, context) = match to.transport {
            Transport::Tls => {
                let name = sought
                    .or_else(|| self.names.get(usize::from(admitted.trunk().0)).cloned().flatten())
                    .unwrap_or_else(|| ServerName::IpAddress(to.remote.ip().into()));
                let Some(context) = self.contexts.client(admitted.trunk()) else {
                    return Err(Unsent::Nowhere(io::ErrorKind::Unsupported.into()));
                };
                (Some(name.clone()), Some((TlsConnector::from(context), name)))
            }
            _ => (None, None),
        };
        let peer: Peer = (to.listener, to.remote, peer_name);
        if let Some(flow) = self.known(&peer) {
            return Ok(flow);
        }
        if self.open.len() >= MOST {
            return Err(Unsent::TooMany);
        }
        let local = config.listener(to.listener).map(|(_, interface)| interface.address);
        let (line, waiting) = Line::new();
        let told = self.told.clone();
        let ping = self.ping(flow);
        let task = tokio::spawn(async move {
            let end = open(local, to.remote, context, waiting, ping, flow, &told).await;
            // Signalling may have ended.
            let _ = told.send(Told::Ended(flow, end)).await;
        });
        let connection = Connection {
            admitted,
            peer: Some(peer.clone()),
            line,
            ways: Vec::new(),
            used: Instant::now(),
            task: task.abort_handle(),
        };
        self.ours.insert(peer, flow);
        self.open.insert(flow, connection);
        Ok(flow)
    }

    /// The connection to a peer that we have opened.
    fn known(&self, peer: &Peer) -> Option<u32> {
        self.ours.get(peer).copied().filter(|flow| self.open.get(flow).is_some_and(Connection::is_open))
    }

    fn ping(&self, flow: u32) -> Duration {
        let share = u32::try_from(self.random.hash_one(flow) % 1000).unwrap_or(0);
        PING - PING / 5 * share / 1000
    }

    /// Forgets a connection that has ended. None when it was forgotten already.
    pub(super) fn ended(&mut self, flow: u32) -> Option<Ended> {
        let connection = self.open.remove(&flow)?;
        if let Some(peer) = &connection.peer
            && self.ours.get(peer) == Some(&flow)
        {
            self.ours.remove(peer);
        }
        Some(Ended {
            remote: connection.admitted.path().remote,
            ours: connection.peer.is_some(),
            ways: connection.ways,
        })
    }

    /// Closes connections that have carried nothing for long, unless `uses` them.
    pub(super) fn close_idle(&mut self, uses: impl Fn(u32) -> bool) {
        let now = Instant::now();
        let idle = |connection: &Connection| now.duration_since(connection.used) >= IDLE;
        let idle: Vec<u32> = self.open.iter().filter(|(_, c)| idle(c)).map(|(&flow, _)| flow).collect();
        for flow in idle.into_iter().filter(|&flow| !uses(flow)) {
            // Its line is dropped: what waits is written, and then it is closed.
            self.ended(flow);
        }
    }

    /// Goes on with another configuration: asks again whom each connection belongs to. Those of nobody are closed.
    pub(super) fn follow(
        &mut self,
        loaded: &Loaded,
        mut admit: impl FnMut(Path) -> Result<Admitted, Reason>,
    ) -> Vec<Ended> {
        self.names = names(loaded);
        let mut gone = Vec::new();
        for (&flow, connection) in &mut self.open {
            match admit(connection.admitted.path()) {
                Ok(admitted) => connection.admitted = admitted,
                Err(_) => gone.push(flow),
            }
        }
        gone.into_iter().filter_map(|flow| self.ended(flow)).collect()
    }

    /// Waits until everything is written, but not for long.
    pub(super) async fn flush(&self) {
        for _ in 0..200 {
            if self.open.values().all(|connection| connection.line.is_empty()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }
}

/// The name of a target's host; none where it is an address.
fn host(config: &Config<'_>, target: TargetIndex) -> Option<ServerName<'static>> {
    let host = str::from_utf8(config.text(config.target(target)?.host)).ok()?;
    name(host).filter(|name| matches!(name, ServerName::DnsName(_)))
}

/// The one name that each trunk's peers are known by: that of its certificate, or that of its targets.
fn names(loaded: &Loaded) -> Vec<Option<ServerName<'static>>> {
    let config = loaded.lend();
    let trunks = (0u16..).zip(config.trunks).map(|(number, _)| TrunkIndex(number));
    let names = trunks.map(|trunk| {
        let own = loaded.trust(trunk).and_then(|trust| trust.name.as_deref()).and_then(name);
        own.or_else(|| only_name(&config, trunk))
    });
    names.collect()
}

/// The name that all of a trunk's targets have.
fn only_name(config: &Config<'_>, trunk: TrunkIndex) -> Option<ServerName<'static>> {
    let mut hosts =
        config.targets.iter().filter(|target| target.trunk == trunk).map(|target| config.text(target.host));
    let first = hosts.next()?;
    let only = hosts.all(|host| host.eq_ignore_ascii_case(first));
    str::from_utf8(first).ok().filter(|_| only).and_then(name)
}

/// Opens a connection and runs it to its end.
async fn open(
    local: Option<IpAddr>,
    remote: SocketAddr,
    context: Option<(TlsConnector, ServerName<'static>)>,
    waiting: Waiting,
    ping: Duration,
    flow: u32,
    told: &mpsc::Sender<Told>,
) -> End {
    let stream = match timeout(CONNECTING, connect(local, remote)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return End::Refused(error),
        Err(_) => return End::Refused(io::ErrorKind::TimedOut.into()),
    };
    let Some((connector, name)) = context else {
        return converse(stream, waiting, Some(ping), flow, told).await;
    };
    match timeout(HANDSHAKE, connector.connect(name, stream)).await {
        Ok(Ok(stream)) => converse(stream, waiting, Some(ping), flow, told).await,
        Ok(Err(error)) => End::Handshake(error),
        Err(_) => End::Handshake(io::ErrorKind::TimedOut.into()),
    }
}

async fn connect(local: Option<IpAddr>, remote: SocketAddr) -> io::Result<TcpStream> {
    let socket = if remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(local) = local.filter(|local| !local.is_unspecified() && local.is_ipv4() == remote.is_ipv4())
    {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    let stream = socket.connect(remote).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
