//! Where the scenes are played: a node on the demo's configuration, in a folder of its own, and the sockets of the three
//! who stand around it.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io;
use std::net::UdpSocket;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use warmline_core::g711::Law;

use super::Error;
use super::audio::Audio;
use super::party::Party;
use super::phone::Phone;
use super::seen::{End, Log};
use super::tone::Sine;
use super::voice::Voice;
use crate::config;
use crate::loopback;
use crate::node::{Node, Options, StartError};
use crate::recording::{Format, start};
use crate::store::{Comment, Database, Setting, Ticket, ticket, tickets};

/// What the node runs with, and what of it is said otherwise where something has that place already.
const CONFIG: &str = include_str!("demo.toml");
const MEDIA: &str = "20000-20031";
const AGENT: &str = "127.0.0.3:5070";
const ZENDESK: &str = "127.0.0.4:5080";

/// How long the greeting is, and the music until it begins again: a second, in which each of their tones comes out even.
const SAMPLES: u16 = 8_000;

/// How long the node is given to finish what has ended.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(10);

pub(super) struct Stage {
    // Before the folder it writes to.
    node: Node,
    warmline: SocketAddr,
    phones: [Arc<tokio::net::UdpSocket>; 3],
    store: Setting,
    _folder: TempDir,
}

impl Stage {
    /// Starts the node; needs a runtime around it.
    pub(super) fn set() -> Result<Self, Error> {
        let [caller, agent, zendesk] = [(2, 0), (3, 5070), (4, 5080)].map(bind);
        let phones = [caller?, agent?, zendesk?];
        let [_, agent, zendesk] = &phones;
        let folder = tempfile::Builder::new().prefix("warmline-demo-").tempdir()?;
        for voice in [Voice::Greeting, Voice::Music] {
            write(voice, folder.path())?;
        }
        let ports = loopback::free_ports(32)?;
        let text = CONFIG
            .replace(MEDIA, &format!("{}-{}", ports.start(), ports.end()))
            .replace(AGENT, &agent.local_addr()?.to_string())
            .replace(ZENDESK, &zendesk.local_addr()?.to_string());
        let file = folder.path().join("demo.toml");
        std::fs::write(&file, text)?;
        let loaded = config::load(&file)?;
        let store = loaded.store().cloned().unwrap_or_else(|| Setting::beside(&file));
        let node = Node::start(loaded, Options { next_free_port: true, file: Some(file) })?;
        let warmline =
            node.addresses().first().copied().ok_or(io::ErrorKind::NotFound).map_err(io::Error::from)?;
        Ok(Self { node, warmline, phones, store, _folder: folder })
    }

    /// Where Warmline speaks SIP.
    pub(super) fn warmline(&self) -> SocketAddr {
        self.warmline
    }

    /// Where an endpoint does.
    pub(super) fn address(&self, end: End) -> io::Result<SocketAddr> {
        self.phone(end).local_addr()
    }

    /// One end for a scene. The carrier speaks A-law, the others mu-law.
    pub(super) fn party(&self, end: End, user: &str, start: Instant, log: &Log) -> Result<Party, Error> {
        let (law, voice) = match end {
            End::Caller => (Law::A, Voice::Caller),
            End::Agent => (Law::Mu, Voice::Agent),
            End::Zendesk => (Law::Mu, Voice::Person),
        };
        let phone = Phone::new(end, Arc::clone(self.phone(end)), log.clone())?;
        let audio = Audio::bind(phone.local().ip(), law, voice, start)?;
        let tag = getrandom::u64().map_err(StartError::Random)?;
        Ok(Party::new(phone, audio, self.warmline, user, tag))
    }

    fn phone(&self, end: End) -> &Arc<tokio::net::UdpSocket> {
        let [caller, agent, zendesk] = &self.phones;
        match end {
            End::Caller => caller,
            End::Agent => agent,
            End::Zendesk => zendesk,
        }
    }

    /// Waits for the node to let go of its calls; how many it still has then.
    pub(super) async fn left(&self) -> usize {
        let over = Instant::now() + PATIENCE;
        loop {
            let left = self.node.usage().calls;
            if left == 0 || Instant::now() >= over {
                return left;
            }
            sleep(LOOK).await;
        }
    }

    /// The tickets of a caller's, once what became of the call is on each; those that are there when that takes too long.
    pub(super) async fn tickets(&self, caller: &str) -> Result<Vec<(Ticket, Vec<Comment>)>, String> {
        let said = |error: sqlx::Error| error.to_string();
        let database = Database::look(&self.store).await.map_err(|error| error.to_string())?;
        let over = Instant::now() + PATIENCE;
        let found = loop {
            let mut found = Vec::new();
            for one in tickets(database.pool()).await.map_err(said)? {
                if one.caller.as_deref() == Some(caller) {
                    found.extend(ticket(database.pool(), one.number).await.map_err(said)?);
                }
            }
            let told = !found.is_empty() && found.iter().all(|(_, comments)| comments.len() > 1);
            if told || Instant::now() >= over {
                break found;
            }
            sleep(LOOK).await;
        };
        database.close().await;
        Ok(found)
    }

    /// Ends the node. What it has written goes too.
    pub(super) async fn strike(self) {
        // Nothing is left of a node that does not stop in time.
        let _ = timeout(PATIENCE, self.node.stop(Duration::ZERO)).await;
    }
}

/// A socket at an address of loopback, at this port where it is free.
fn bind((host, port): (u8, u16)) -> Result<Arc<tokio::net::UdpSocket>, Error> {
    let address = Ipv4Addr::new(127, 0, 0, host);
    let socket = UdpSocket::bind((address, port)).or_else(|_| UdpSocket::bind((address, 0)));
    let socket = socket.map_err(|error| Error::NoAddress(IpAddr::V4(address), error))?;
    socket.set_nonblocking(true)?;
    Ok(Arc::new(tokio::net::UdpSocket::from_std(socket)?))
}

/// Writes the file that the configuration names for a voice.
fn write(voice: Voice, folder: &Path) -> io::Result<()> {
    let name = if voice == Voice::Greeting { "greeting.wav" } else { "music.wav" };
    let mut wav = start(Format::Pcm, SAMPLES.into());
    let samples = Sine::new(voice.frequency()).take(SAMPLES.into());
    // Left and right.
    wav.extend(samples.flat_map(|sample| [sample.to_le_bytes(); 2]).flatten());
    std::fs::write(folder.join(name), wav)
}
