//! Asking DNS for a place (RFC 3263 section 4). What is asked for, and which NAPTR record counts, core says.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::time::Instant;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{RData, RecordType};
use tokio::task::JoinSet;
use warmline_core::locate::{Found, MOST_FOUND, Naptr, Place};
use warmline_core::transport::Transport;

/// How long one question to one server may take, and how often it is asked again.
const TIMEOUT: Duration = Duration::from_millis(1400);
const AGAIN: usize = 2;

/// How long all questions for one place may take: less than core waits for it.
const PATIENCE: Duration = Duration::from_millis(4500);

/// How long what DNS says is believed at least and at most, whatever it says itself. The most for "there is none".
pub(super) const LEAST: Duration = Duration::from_secs(30);
const MOST: Duration = Duration::from_secs(3600);
const MOST_NEGATIVE: Duration = Duration::from_secs(300);

/// How many SRV records of a name are followed.
const SERVERS: usize = 16;

/// What is looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Wanted {
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) transport: Transport,
    pub(super) ipv6: bool,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum What {
    /// The servers of a target.
    Servers,
    /// Every address that may be meant: of its servers, and its own.
    Everything,
    /// Its own addresses.
    Addresses,
}

/// What DNS said.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// These, for so long.
    Found(Vec<Found>, Duration),
    /// There are none, for so long.
    Nothing(Duration),
    /// It did not say, or not everything: why, and what there is even so.
    Failed(String, Vec<Found>),
}

/// Asks the configured servers, or those of the system.
#[derive(Clone)]
pub(super) struct Resolver {
    asker: Result<TokioResolver, String>,
    /// How long an answer is believed at least.
    least: Duration,
}

/// The records of one question: none where there are none, or why it is not known.
type Records = Result<Option<Lookup>, String>;

impl Wanted {
    /// What is to be looked up for a target; nothing for an address.
    pub(super) fn of(place: &Place<'_>) -> Option<Self> {
        if place.literal().is_some() {
            return None;
        }
        Some(Self {
            host: core::str::from_utf8(place.host).ok()?.to_ascii_lowercase(),
            port: place.port,
            transport: place.transport,
            ipv6: place.ipv6,
            what: What::Servers,
        })
    }

    fn place(&self) -> Place<'_> {
        let Self { host, port, transport, ipv6, .. } = self;
        Place { host: host.as_bytes(), port: *port, transport: *transport, ipv6: *ipv6 }
    }
}

impl Resolver {
    /// Asks `servers`, or where there are none those of the system.
    pub(super) fn new(servers: &[SocketAddr], least: Duration) -> Self {
        let server = |address: &SocketAddr| {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = address.port();
                connection
            });
            NameServerConfig::new(address.ip(), true, connections.into())
        };
        let builder = if servers.is_empty() {
            TokioResolver::builder_tokio()
        } else {
            let config = ResolverConfig::from_name_servers(servers.iter().map(server).collect());
            Ok(TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()))
        };
        let asker = builder.and_then(|mut builder| {
            let options = builder.options_mut();
            options.timeout = options.timeout.min(TIMEOUT);
            options.attempts = options.attempts.min(AGAIN);
            (options.positive_min_ttl, options.positive_max_ttl) = (Some(least), Some(MOST));
            (options.negative_min_ttl, options.negative_max_ttl) = (Some(least), Some(MOST_NEGATIVE));
            builder.build()
        });
        Self {
            asker: asker.map_err(|error| format!("the system's DNS servers are not known: {error}")),
            least,
        }
    }

    /// Looks a place up, in bounded time.
    pub(super) async fn look_up(&self, wanted: &Wanted) -> Answer {
        let looked_up = match &self.asker {
            Ok(asker) => tokio::time::timeout(PATIENCE, self.ask(asker, wanted)).await,
            Err(why) => return Answer::Failed(why.clone(), Vec::new()),
        };
        looked_up.unwrap_or_else(|_| {
            Answer::Failed(format!("no answer for {} s", PATIENCE.as_secs_f32()), Vec::new())
        })
    }

    async fn ask(&self, asker: &TokioResolver, wanted: &Wanted) -> Answer {
        let place = wanted.place();
        let service = place.service().filter(|_| wanted.what != What::Addresses);
        let Some(service) = service.map(|service| format!("{service}{}", wanted.host)) else {
            return self.of_host(wanted, records(asker, &wanted.host, family(wanted)).await);
        };
        // At once, so that a server which is silent about one kind holds the others up only once.
        let (naptr, srv, own) = tokio::join!(
            records(asker, &wanted.host, RecordType::NAPTR),
            records(asker, &service, RecordType::SRV),
            records(asker, &wanted.host, family(wanted)),
        );
        // Where NAPTR is not answered, it is as if there were none: many a resolver knows nothing of it.
        let naptr = naptr.ok().flatten();
        let chosen = naptr.as_ref().and_then(|naptr| chosen(&place, naptr)).filter(|name| *name != service);
        let srv = match &chosen {
            Some(name) => records(asker, name, RecordType::SRV).await,
            None => srv,
        };
        let srv = match srv {
            Ok(Some(srv)) => srv,
            Ok(None) => return self.of_host(wanted, own),
            Err(why) => {
                return match self.of_host(wanted, own) {
                    Answer::Found(found, _) => Answer::Failed(why, found),
                    _ => Answer::Failed(why, Vec::new()),
                };
            }
        };
        let servers = self.of_servers(asker, wanted, &srv, naptr.as_ref()).await;
        match (wanted.what, servers, self.of_host(wanted, own)) {
            (What::Everything, Answer::Found(mut all, until), Answer::Found(own, own_until)) => {
                all.extend(own);
                Answer::Found(all, until.min(own_until))
            }
            (What::Everything, Answer::Nothing(_), own) => own,
            (_, servers, _) => servers,
        }
    }

    /// The addresses of the host itself.
    fn of_host(&self, wanted: &Wanted, records: Records) -> Answer {
        match records {
            Ok(Some(lookup)) => {
                let found = addresses(&lookup).map(|ip| Found::at(wanted.place().at(ip)));
                let found: Vec<_> = found.take(MOST_FOUND).collect();
                if found.is_empty() {
                    Answer::Nothing(self.least)
                } else {
                    Answer::Found(found, self.rest(&lookup))
                }
            }
            Ok(None) => Answer::Nothing(self.least),
            Err(why) => Answer::Failed(why, Vec::new()),
        }
    }

    /// The addresses of the servers that SRV records name.
    async fn of_servers(
        &self,
        asker: &TokioResolver,
        wanted: &Wanted,
        srv: &Lookup,
        naptr: Option<&Lookup>,
    ) -> Answer {
        let mut servers: Vec<_> = srv
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                // A single dot: it is decidedly not served (RFC 2782).
                RData::SRV(srv) if !srv.target.is_root() => Some(srv.clone()),
                _ => None,
            })
            .collect();
        servers.sort_by_key(|srv| (srv.priority, core::cmp::Reverse(srv.weight)));
        let mut asking = JoinSet::new();
        for (server, srv) in (0u8..).zip(servers.into_iter().take(SERVERS)) {
            let (asker, kind) = (asker.clone(), family(wanted));
            asking.spawn(async move {
                let found = records(&asker, &srv.target.to_ascii(), kind).await;
                (server, srv, found)
            });
        }
        let lookups = core::iter::once(srv).chain(naptr);
        let mut until = lookups.map(|lookup| self.rest(lookup)).min().unwrap_or(self.least);
        let (mut found, mut trouble) = (Vec::new(), None);
        while let Some(asked) = asking.join_next().await {
            let Ok((server, srv, answer)) = asked else { continue };
            match answer {
                Ok(Some(lookup)) => {
                    until = until.min(self.rest(&lookup));
                    found.extend(addresses(&lookup).map(|ip| Found {
                        address: SocketAddr::new(ip, srv.port),
                        priority: srv.priority,
                        weight: srv.weight,
                        server,
                    }));
                }
                Ok(None) => {}
                Err(why) => trouble = Some(why),
            }
        }
        found.sort_by_key(|found: &Found| (found.priority, found.server, found.address));
        found.truncate(MOST_FOUND);
        match trouble {
            Some(why) => Answer::Failed(why, found),
            None if found.is_empty() => Answer::Nothing(until),
            None => Answer::Found(found, until),
        }
    }

    /// How long what was said is still believed.
    fn rest(&self, lookup: &Lookup) -> Duration {
        lookup.valid_until().saturating_duration_since(Instant::now()).clamp(self.least, MOST)
    }
}

const fn family(wanted: &Wanted) -> RecordType {
    if wanted.ipv6 { RecordType::AAAA } else { RecordType::A }
}

/// The SRV records' name that NAPTR records lead to.
fn chosen(place: &Place<'_>, naptr: &Lookup) -> Option<String> {
    let records = naptr.answers().iter().filter_map(|record| match &record.data {
        RData::NAPTR(naptr) => Some(naptr),
        _ => None,
    });
    let names: Vec<_> = records.map(|naptr| (naptr, naptr.replacement.to_ascii())).collect();
    let chosen = place.choose(names.iter().map(|(naptr, name)| Naptr {
        order: naptr.order,
        preference: naptr.preference,
        flags: &naptr.flags,
        services: &naptr.services,
        replacement: name.as_bytes(),
    }));
    let name = core::str::from_utf8(chosen?).ok()?;
    Some(name.trim_end_matches('.').to_ascii_lowercase())
}

fn addresses(lookup: &Lookup) -> impl Iterator<Item = IpAddr> + '_ {
    lookup.answers().iter().filter_map(|record| match &record.data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
        _ => None,
    })
}

/// Asks one question. A name with a dot is whole; one without is looked for where the system's search list says.
async fn records(asker: &TokioResolver, name: &str, kind: RecordType) -> Records {
    let whole = name.contains('.') && !name.ends_with('.');
    let name = if whole { format!("{name}.") } else { name.to_owned() };
    match asker.lookup(name, kind).await {
        Ok(lookup) => Ok(Some(lookup)),
        Err(NetError::Dns(DnsError::NoRecordsFound(_))) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}
