//! A running Warmline: its sockets, its threads, and how it comes to an end.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::{Notify, oneshot};
use warmline_core::Usage;
use warmline_core::config::Interface;
use warmline_core::reason::{Counters, Reason};
use warmline_core::transport::Transport;

use crate::certificates::{Contexts, Unusable};
use crate::clock::Clock;
use crate::config::Loaded;
use crate::media::{self, Backend, Chosen, Traffic, Unavailable};
use crate::platform::{self, Serving};
use crate::recording::Recorder;
use crate::reload::{self, Changes, ReloadError};
use crate::signal::{self, Ask, Asks, Inlets, Keeper, Listeners, MOST_CONNECTIONS};
use crate::store::{self, Store};
use crate::webhook::Webhooks;

/// Sockets and files that a node has open beside its calls'.
const OPEN_FILES: u64 = 64;

/// What a node is started with beside its configuration.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A listener whose port is taken moves to the next free one, instead of that being an error.
    pub next_free_port: bool,
    /// The configuration's file: where it names no store, calls are written to `warmline.db` beside it. Without one they
    /// are written nowhere.
    pub file: Option<PathBuf>,
}

/// A running Warmline. Dropped, it says BYE to everyone once, waits for nothing, and ends.
#[derive(Debug)]
pub struct Node {
    addresses: Vec<SocketAddr>,
    /// The configuration it was started with, as its user wrote it.
    written: Loaded,
    transports: Vec<Transport>,
    /// What it goes by now.
    loaded: Mutex<Arc<Loaded>>,
    asks: Asks,
    workers: Vec<media::Handle>,
    signalling: Option<JoinHandle<()>>,
    relaying: Vec<JoinHandle<()>>,
    recording: Option<(Recorder, JoinHandle<()>)>,
    storing: Option<JoinHandle<()>>,
    platform: Option<platform::Server>,
    broken: Arc<Notify>,
}

/// What a node is doing, and has done since it was started.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What is in use.
    pub usage: Usage,
    /// How often signalling refused or dropped something, and why.
    pub counters: Counters,
    /// How many SIP messages were read; those from unknown sources are not.
    pub parsed: u64,
    /// How many calls there have been.
    pub calls: u64,
    /// How many SIP messages the system did not take for sending.
    pub unsent: u64,
    /// How many connections are open.
    pub connections: usize,
    /// What each relay worker has done; empty once they have ended.
    pub traffic: Vec<Traffic>,
}

impl fmt::Display for Snapshot {
    /// A line of all that was done, and of what was refused or dropped by its reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = |count: fn(&Traffic) -> u64| self.traffic.iter().map(count).sum::<u64>();
        let (received, sent, unsent) = (all(|t| t.received), all(|t| t.sent), all(|t| t.unsent));
        write!(f, "{} calls, {} SIP messages read, {} not sent; ", self.calls, self.parsed, self.unsent)?;
        write!(
            f,
            "{received} packets received, {sent} sent, {unsent} not sent; refused, failed or dropped: "
        )?;
        let counters = || core::iter::once(&self.counters).chain(self.traffic.iter().map(|t| &t.dropped));
        let mut before = "";
        for &reason in Reason::ALL {
            let count: u64 = counters().map(|counters| counters.get(reason)).sum();
            if count > 0 {
                write!(f, "{before}{count} {}", reason.code())?;
                before = ", ";
            }
        }
        f.write_str(if before.is_empty() { "none" } else { "" })
    }
}

/// Why a node cannot start: what is wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Somebody else listens there.
    #[error(
        "cannot listen on {0}: another program holds this port. Stop that program, or give \"listen\" another port"
    )]
    Taken(SocketAddr),
    /// The address is not this machine's.
    #[error(
        "cannot listen on {0}: this machine has no such address. Set the interface's \"address\" to one that it \
         has, or to \"0.0.0.0\"; what peers are told is \"advertise\""
    )]
    NotOurs(SocketAddr),
    /// It is forbidden.
    #[error(
        "cannot listen on {0}: the system does not allow it. Ports below 1024 take root or CAP_NET_BIND_SERVICE"
    )]
    Denied(SocketAddr),
    /// It failed for another reason.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// There is no address to tell peers.
    #[error(
        "interface \"{0}\" has no address to tell peers: by [appliance] it is for a board, which is leased one. To run \
         it here, say \"advertise\" in that interface; for a board, use `warmline appliance build`"
    )]
    Unaddressed(String),
    /// A certificate, its key or an authority's certificate is of no use any more: it was when the file was checked.
    #[error("{0}")]
    Certificate(String),
    /// Calls would run out of sockets.
    #[error(
        "{calls} calls take {needed} open files, and the system allows {allowed}. Raise the limit (ulimit -n, or \
         LimitNOFILE= in systemd), or set node.capacity to at most {possible}"
    )]
    Files {
        /// The configured capacity.
        calls: u32,
        /// Files they take.
        needed: u64,
        /// Files there may be.
        allowed: u64,
        /// The capacity they would do for.
        possible: u64,
    },
    /// How media is relayed was said, and cannot be had.
    #[error("{0}. Say media.backend = \"auto\" for the fastest that can be had here")]
    Backend(#[from] Unavailable),
    /// The system gave no randomness.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
    /// A thread or what it waits with cannot be made.
    #[error("cannot start {name}: {source}")]
    Thread {
        /// Which.
        name: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl From<Unusable> for StartError {
    fn from(unusable: Unusable) -> Self {
        Self::Certificate(unusable.to_string())
    }
}

impl Node {
    /// Binds every listener, makes all memory, and starts signalling and the relay workers. Where the limit of open
    /// files is too low for the capacity, it is raised for this process as far as the system allows.
    ///
    /// # Errors
    /// What is wrong, where, and what to do. Nothing is left running.
    pub fn start(mut loaded: Loaded, options: Options) -> Result<Self, StartError> {
        if let Some(interface) = loaded.unaddressed() {
            return Err(StartError::Unaddressed(interface.to_owned()));
        }
        let written = loaded.clone();
        let streams = loaded.sockets().any(|socket| socket.transport.is_reliable());
        let backend = Chosen::new(&loaded)?;
        let connections = if streams { MOST_CONNECTIONS } else { 0 };
        let platforms = if loaded.platform().is_some() { platform::MOST_CONNECTIONS } else { 0 };
        let connections = connections + platforms;
        let sockets = allow_files(&loaded, backend.backend(), connections)?;
        let listeners = Listeners::bind(&mut loaded, options.next_free_port)?;
        let platform = loaded.platform().map(platform::Open::bind).transpose()?;
        let (addresses, transports) = (listeners.addresses().to_vec(), listeners.transports().to_vec());
        let loaded = Arc::new(loaded);
        let clock = Clock::start();
        let broken = Arc::new(Notify::new());
        let bell = Arc::new(Notify::new());
        let calls = usize::try_from(loaded.capacity()).unwrap_or(usize::MAX);
        let (reporting, reports) = media::Reports::new(calls, Arc::clone(&bell));
        let (queue, asked) = std::sync::mpsc::channel();
        let asks = Asks { queue, bell: Arc::clone(&bell) };
        let mut node = Self {
            addresses,
            transports,
            written,
            loaded: Mutex::new(Arc::clone(&loaded)),
            asks,
            workers: vec![],
            signalling: None,
            relaying: vec![],
            recording: None,
            storing: None,
            platform: None,
            broken,
        };
        let beside = || options.file.as_deref().map(store::Setting::beside);
        let (mut store, mut desks) = (None, None);
        let needed = !loaded.desks().is_empty() || !loaded.webhooks().is_empty();
        let kept = needed.then_some(store::Setting::Memory);
        if let Some(setting) = loaded.store().cloned().or_else(beside).or(kept) {
            let config = loaded.lend();
            let name = String::from_utf8_lossy(config.text(config.node.name)).into_owned();
            let alarm = Alarm(Arc::clone(&node.broken));
            let (handle, wishes, thread) =
                Store::start(setting, loaded.keeping(), name, loaded.desks(), loaded.webhooks(), alarm)?;
            (store, desks) = (Some(handle), Some(wishes));
            node.storing = Some(thread);
        }
        let mut recorder = None;
        if let Some(setting) = loaded.recording() {
            let alarm = Alarm(Arc::clone(&node.broken));
            let (handle, thread) = Recorder::start(setting.clone(), store.clone(), alarm)?;
            recorder = Some(handle.clone());
            node.recording = Some((handle, thread));
        }
        let reporting = reporting.with_recorder(recorder.clone());
        for number in 0..loaded.workers().max(1) {
            let (loaded, backend) = (Arc::clone(&loaded), backend.clone());
            let alarm = Alarm(Arc::clone(&node.broken));
            let (worker, thread) =
                media::start(number, loaded, backend, clock, reporting.clone(), sockets, alarm)?;
            node.workers.push(worker);
            node.relaying.push(thread);
        }
        let webhooks = store.clone().filter(|_| !loaded.webhooks().is_empty());
        let webhooks = webhooks.map(|store| Webhooks::new(loaded.webhooks().to_vec(), store));
        let live = loaded.keeping().live.clone().or_else(|| {
            let setting = loaded.store().cloned().or_else(beside)?;
            setting.live(options.file.as_deref())
        });
        let keeper = live.and_then(|path| {
            Keeper::open(path.clone(), calls).inspect_err(|why| signal::unkept(&path, why)).ok()
        });
        let asks = node.asks.clone();
        let inlets = Inlets { reports, asked, asks, bell, recorder, store, keeper, desks, webhooks };
        let alarm = Alarm(Arc::clone(&node.broken));
        let workers = node.workers.clone();
        node.signalling = Some(signal::start(loaded, clock, inlets, listeners, workers, alarm)?);
        if let Some(open) = platform {
            let alarm = Alarm(Arc::clone(&node.broken));
            node.platform = Some(open.start(node.asks.clone(), clock, alarm)?);
        }
        Ok(node)
    }

    /// Where it listens, in the order of the configuration.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What is spoken at each of [`Node::addresses`].
    pub fn transports(&self) -> &[Transport] {
        &self.transports
    }

    /// Reads the certificates again, ours and those of whom we believe: connections that are made from now on have
    /// them. Reads files, so it is not for a thread that must not wait.
    ///
    /// # Errors
    /// Which file is of no use, and why: then everything stays as it was.
    pub fn reload_certificates(&self) -> Result<(), StartError> {
        let loaded = Arc::clone(&self.loaded.lock().unwrap_or_else(PoisonError::into_inner));
        let contexts = Contexts::read(&loaded)?;
        let serving = loaded.platform().map(Serving::read).transpose()?;
        self.asks.send(Ask::Renew(contexts));
        self.serve(serving);
        Ok(())
    }

    /// What it is doing; none when it is broken. Waits for its threads to answer, some microseconds each.
    pub fn snapshot(&self) -> Option<Snapshot> {
        let (answer, snapshot) = std::sync::mpsc::sync_channel(1);
        self.ask(Ask::Tell(answer))?;
        let mut snapshot = snapshot.recv().ok()?;
        snapshot.traffic = self.workers.iter().filter_map(media::Handle::traffic).collect();
        Some(snapshot)
    }

    /// What is in use; nothing when it is broken.
    pub fn usage(&self) -> Usage {
        self.snapshot().map(|snapshot| snapshot.usage).unwrap_or_default()
    }

    /// How often signalling refused or dropped something, and why.
    pub fn counters(&self) -> Counters {
        self.snapshot().map_or(Counters::NEW, |snapshot| snapshot.counters)
    }

    /// Goes on with another configuration: as a whole, or not at all. Calls in progress go on, as [`Sbc::reconfigure`]
    /// says. Certificates are read again too.
    ///
    /// # Errors
    /// What of it takes a restart, or which certificate is of no use; then everything is as before.
    ///
    /// [`Sbc::reconfigure`]: warmline_core::Sbc::reconfigure
    pub async fn reload(&self, mut loaded: Loaded) -> Result<Changes, ReloadError> {
        let keys = reload::takes_restart(&self.written, &loaded);
        if !keys.is_empty() {
            return Err(ReloadError::Restart(keys));
        }
        for (listener, address) in (0u8..).zip(&self.addresses) {
            loaded.set_port(listener, address.port());
        }
        let contexts =
            Contexts::read(&loaded).map_err(|error| ReloadError::Certificate(error.to_string()))?;
        let serving = loaded.platform().map(Serving::read).transpose();
        let serving = serving.map_err(|error| ReloadError::Certificate(error.to_string()))?;
        // Those of both, as long as signalling goes by one or the other.
        let clips = loaded.clips().clone();
        let mut all = clips.clone();
        all.follow(self.loaded.lock().unwrap_or_else(PoisonError::into_inner).clips(), |_| true);
        self.workers.iter().for_each(|worker| worker.follow(&all));
        let (done, changes) = oneshot::channel();
        let new = Arc::new(loaded.clone());
        self.ask(Ask::Reload { new: Box::new((loaded, contexts)), done }).ok_or(ReloadError::Ended)?;
        let changes = changes.await.map_err(|_| ReloadError::Ended)?;
        self.serve(serving);
        *self.loaded.lock().unwrap_or_else(PoisonError::into_inner) = new;
        self.workers.iter().for_each(|worker| worker.follow(&clips));
        Ok(changes)
    }

    /// Resolves when one of its threads has failed: it can only be dropped then.
    pub async fn broken(&self) {
        self.broken.notified().await;
    }

    /// Takes no more new calls, lets the ones there are end for `grace`, then hangs them up and waits up to 2 s for
    /// that to be answered. Gives what it did last; none when it is broken. Dropped before it resolves, it is as if
    /// the node was dropped.
    pub async fn stop(self, grace: Duration) -> Option<Snapshot> {
        let (done, last) = oneshot::channel();
        self.ask(Ask::Stop { grace, done })?;
        let mut snapshot = last.await.ok()?;
        snapshot.traffic = self.workers.iter().filter_map(media::Handle::traffic).collect();
        Some(snapshot)
    }

    /// Platforms are answered by this from now on.
    fn serve(&self, serving: Option<Serving>) {
        if let Some((server, serving)) = self.platform.as_ref().zip(serving) {
            server.serve(serving);
        }
    }

    /// None when signalling has ended.
    fn ask(&self, ask: Ask) -> Option<()> {
        self.asks.send(ask).then_some(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Nobody is to ask for anything any more.
        drop(self.platform.take());
        // It may have ended before.
        let _ = self.ask(Ask::Halt);
        let signalling = self.signalling.take().map(JoinHandle::join);
        self.workers.iter().for_each(media::Handle::stop);
        let relaying: Vec<_> = self.relaying.drain(..).map(JoinHandle::join).collect();
        // After those that have something for it.
        let recording = self.recording.take().map(|(recorder, thread)| {
            recorder.stop();
            thread.join()
        });
        // It ends once signalling has let go of it, and everything is written.
        let storing = self.storing.take().map(JoinHandle::join);
        if signalling.into_iter().chain(relaying).chain(recording).chain(storing).any(|ended| ended.is_err())
        {
            tracing::error!("a thread had failed");
        }
    }
}

/// Held by each thread: says when it failed.
pub(crate) struct Alarm(pub(crate) Arc<Notify>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.notify_one();
        }
    }
}

/// What core makes its random values from.
pub(crate) fn seed() -> Result<[u8; 32], StartError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(StartError::Random)?;
    Ok(seed)
}

/// Sees to it that each call can have its four sockets, beside so many connections, and if it can be, that every media
/// port can keep its own. How many media sockets a worker may have open.
pub(crate) fn allow_files(
    loaded: &Loaded,
    backend: Backend,
    connections: usize,
) -> Result<usize, StartError> {
    let calls = loaded.capacity();
    let workers = u64::from(loaded.workers().max(1));
    // What workers' sockets are files of: all of them the process's, or a worker's those of its own table, which the system
    // allows to be as large.
    let interfaces = loaded.lend().interfaces.len() as u64;
    let (tables, others) = match backend {
        Backend::Sockets => (1, OPEN_FILES + connections as u64),
        Backend::Uring => (workers, 0),
        Backend::Bpf => (workers, interfaces),
    };
    let needed = (u64::from(calls) * 4).div_ceil(tables) + others;
    let ports = |interface: &Interface| u64::from(interface.media.1.saturating_sub(interface.media.0)) + 1;
    let ports = loaded.lend().interfaces.iter().map(ports).sum::<u64>();
    // Pairs are dealt out to workers in turn, interface by interface.
    let dealt = ports.div_ceil(tables) + 2 * interfaces;
    let all = dealt.saturating_add(others).max(needed).max(OPEN_FILES + connections as u64);
    let limit = getrlimit(Resource::Nofile);
    let mut current = limit.current.unwrap_or(u64::MAX);
    if current < all {
        let wanted = limit.maximum.map_or(all, |maximum| maximum.min(all)).max(current);
        let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            current = wanted;
        }
    }
    if current < needed {
        let possible = current.saturating_sub(others) / 4 * tables;
        return Err(StartError::Files { calls, needed, allowed: current, possible });
    }
    let sockets = (current.min(all) - others) / (workers / tables);
    Ok(usize::try_from(sockets).unwrap_or(usize::MAX))
}
