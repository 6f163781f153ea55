//! Another configuration for a running node: what of it takes a restart, and what it changes.

use core::fmt;
use core::net::IpAddr;

use warmline_core::config::{
    Anonymous, Config, Identity, Interface, Line, List, MediaPolicy, Ring, Span, Target, Then, Trunk,
    TrunkIndex,
};
use warmline_core::filter::Range;
use warmline_core::line::{Schedule, When};

use crate::config::Loaded;
use crate::media::Backend;
use crate::room;

/// What another configuration changed: each trunk, target, schedule and line by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Those that were not there before.
    pub added: Vec<String>,
    /// Those that are not there any more.
    pub removed: Vec<String>,
    /// Those of which something else is said than before.
    pub changed: Vec<String>,
}

impl fmt::Display for Changes {
    /// `added: line "sales"; removed: trunk "old"`, or that there is nothing to tell.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "";
        for (what, names) in [("added", &self.added), ("removed", &self.removed), ("changed", &self.changed)]
        {
            if !names.is_empty() {
                write!(f, "{before}{what}: {}", names.join(", "))?;
                before = "; ";
            }
        }
        f.write_str(if before.is_empty() {
            "no trunk, target, schedule or line is another than before"
        } else {
            ""
        })
    }
}

/// Why a running node keeps the configuration it has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReloadError {
    /// What differs is made once, when the node starts: each with its key.
    #[error("this takes a restart: {}", .0.join("; "))]
    Restart(Vec<String>),
    /// A certificate cannot be used: which, and why.
    #[error("{0}")]
    Certificate(String),
    /// The node has ended, or a thread of it has failed.
    #[error("the node has ended")]
    Ended,
}

/// What in `new` takes a restart, where the node was started with `old`: each key, and what it says.
pub(crate) fn takes_restart(old: &Loaded, new: &Loaded) -> Vec<String> {
    let mut keys = Vec::new();
    let (from, to) = (old.lend(), new.lend());
    if old.capacity() != new.capacity() {
        keys.push(differs("node.capacity", old.capacity(), new.capacity()));
    }
    if old.workers() != new.workers() {
        keys.push(differs("media.workers", old.workers(), new.workers()));
    }
    let named = |loaded: &Loaded| loaded.media().backend.map_or("auto", Backend::name);
    if old.media().backend != new.media().backend {
        keys.push(differs("media.backend", named(old), named(new)));
    }
    if old.media().spin != new.media().spin {
        let micros = |loaded: &Loaded| format!("{}us", loaded.media().spin.as_micros());
        keys.push(differs("media.spin", micros(old), micros(new)));
    }
    let (before, after) = (from.node.new_calls.per_second, to.node.new_calls.per_second);
    if after > before {
        keys.push(format!("limits.new_calls is {after}/s, and memory was made for {before}/s"));
    }
    let room = room::trunks(&from);
    if to.trunks.len() > room {
        keys.push(format!("[[trunk]]: there are {}, and memory was made for {room}", to.trunks.len()));
    }
    if old.recording() != new.recording() {
        keys.push("[recording] is another than before".to_owned());
    }
    if old.keeping() != new.keeping() {
        keys.push("[store] is another than before".to_owned());
    }
    if old.desks() != new.desks() {
        keys.push("[[desk]] is another than before".to_owned());
    }
    if old.platform().map(|platform| platform.address) != new.platform().map(|platform| platform.address) {
        keys.push("platform.address is another than before".to_owned());
    }
    if old.webhooks() != new.webhooks() {
        keys.push("[[webhook]] is another than before".to_owned());
    }
    if old.dns_servers() != new.dns_servers() {
        keys.push("dns.servers is another than before".to_owned());
    }
    if from.interfaces.len() != to.interfaces.len() {
        keys.push(differs("how many [[interface]] there are", from.interfaces.len(), to.interfaces.len()));
        return keys;
    }
    for (number, (before, after)) in (0u8..).zip(from.interfaces.iter().zip(to.interfaces)) {
        let ports = |interface: &Interface| format!("{}-{}", interface.media.0, interface.media.1);
        let address = |address: IpAddr| address.to_string();
        let pairs = [
            ("address", address(before.address), address(after.address)),
            ("advertise", address(before.advertise), address(after.advertise)),
            ("media", ports(before), ports(after)),
            ("listen", sockets(&from, number), sockets(&to, number)),
        ];
        let name = text(&to, after.name);
        for (key, before, after) in pairs.into_iter().filter(|(_, before, after)| before != after) {
            keys.push(differs(&format!("{key} of [[interface]] \"{name}\""), before, after));
        }
    }
    keys
}

fn differs(key: &str, before: impl fmt::Display, after: impl fmt::Display) -> String {
    format!("{key} was {before} and is {after} now")
}

/// Where SIP is heard on an interface.
fn sockets(config: &Config<'_>, interface: u8) -> String {
    let listeners = config.listeners.iter().filter(|listener| listener.interface == interface);
    let sockets: Vec<_> = listeners.map(|l| format!("{:?}:{}", l.transport, l.port)).collect();
    sockets.join(", ").to_lowercase()
}

/// What is another in `to` than in `from`.
pub(crate) fn changes(from: &Config<'_>, to: &Config<'_>) -> Changes {
    let mut changes = Changes::default();
    let trunks = |config: &Config<'_>| -> Vec<_> {
        (0u16..).zip(config.trunks).map(|(at, t)| (t.name, trunk(config, at, t))).collect()
    };
    let targets = |config: &Config<'_>| -> Vec<_> {
        // A registrar has no name: it is its trunk's.
        let named = config.targets.iter().filter(|target| target.name.len > 0);
        named.map(|t| (t.name, target(config, t))).collect()
    };
    let lines =
        |config: &Config<'_>| -> Vec<_> { config.lines.iter().map(|l| (l.name, line(config, l))).collect() };
    let schedules = |config: &Config<'_>, other: &Config<'_>| -> Vec<_> {
        config.schedules.iter().map(|s| (s.name, schedule((config, s), other))).collect()
    };
    changes.compare("trunk", (from, trunks(from)), (to, trunks(to)));
    changes.compare("target", (from, targets(from)), (to, targets(to)));
    changes.compare("schedule", (from, schedules(from, to)), (to, schedules(to, from)));
    changes.compare("line", (from, lines(from)), (to, lines(to)));
    changes
}

/// A configuration, and the names in one of its tables with all that is said there.
type Entries<'c> = (&'c Config<'c>, Vec<(Span, String)>);

impl Changes {
    fn compare(&mut self, kind: &str, (from, old): Entries<'_>, (to, new): Entries<'_>) {
        let called = |name: &str| format!("{kind} \"{name}\"");
        for (name, says) in &new {
            let name = text(to, *name);
            match old.iter().find(|(other, _)| text(from, *other) == name) {
                None => self.added.push(called(name)),
                Some((_, said)) if said != says => self.changed.push(called(name)),
                Some(_) => {}
            }
        }
        let gone =
            |name: &&(Span, String)| new.iter().all(|(other, _)| text(to, *other) != text(from, name.0));
        self.removed.extend(old.iter().filter(gone).map(|(name, _)| called(text(from, *name))));
    }
}

fn text<'c>(config: &Config<'c>, span: Span) -> &'c str {
    str::from_utf8(config.text(span)).unwrap_or("?")
}

/// All that is said of a trunk, without the places where its texts and ranges are. For comparing alone: its secret is
/// in it.
fn trunk(config: &Config<'_>, at: u16, trunk: &Trunk) -> String {
    let text = |span| text(config, span);
    let who = trunk.credentials.map(|it| [text(it.user), text(it.realm), text(it.secret)]);
    let registrar =
        trunk.registration.and_then(|it| Some([text(config.target(it.target)?.uri), text(it.aor)]));
    let users: Vec<_> = config.users(trunk).iter().map(|it| [text(it.name), text(it.secret)]).collect();
    let identity = &trunk.identity;
    let stand_in = match identity.anonymous {
        Anonymous::StandIn(number) => text(number),
        Anonymous::Withhold => "withhold",
        Anonymous::Number => "number",
    };
    let names = [text(identity.header), text(identity.caller), text(identity.carried), stand_in];
    let back = trunk.return_to.and_then(|target| config.target(target)).map(|target| text(target.name));
    let spoken = |range: &&Range| config.speakers(range.value).any(|speaker| speaker == TrunkIndex(at));
    let sources: Vec<_> = config.sources.iter().filter(spoken).map(bounds).collect();
    // What has no text of its own shows itself whole, so that no key added later is forgotten.
    let plain = Trunk {
        name: Span::EMPTY,
        media: MediaPolicy::Signalled,
        credentials: None,
        registration: None,
        users: List::EMPTY,
        return_to: None,
        identity: Identity { trusted: identity.trusted, ..Trunk::new(Span::EMPTY, trunk.kind, 0).identity },
        ..*trunk
    };
    let media = config.media_ranges(trunk);
    format!("{plain:?} {who:?} {registrar:?} {users:?} {names:?} {sources:?} {back:?} {media:?}")
}

fn bounds(range: &Range) -> (u8, u128, u128) {
    (range.scope, range.first, range.last)
}

fn target(config: &Config<'_>, target: &Target) -> String {
    let trunk = config.trunk(target.trunk).map(|trunk| text(config, trunk.name));
    format!("{trunk:?} {} {:?}", text(config, target.uri), target.answers)
}

/// When it opens and closes, for as long as the schedule of the same name in another configuration is known too: they may
/// have been compiled at different times.
fn schedule((config, schedule): (&Config<'_>, &Schedule), other: &Config<'_>) -> String {
    let name = config.text(schedule.name);
    let changes = config.changes(schedule);
    let others = other.schedules.iter().find(|schedule| other.text(schedule.name) == name);
    let others = others.map(|schedule| other.changes(schedule)).unwrap_or_default();
    let from = changes.first().max(others.first());
    let until = changes.last().min(others.last());
    let before = changes.iter().filter(|change| Some(*change) <= from).count();
    let first = if before % 2 == 1 { schedule.first } else { schedule.first.other() };
    let edges: Vec<_> =
        changes.iter().filter(|change| Some(*change) > from && Some(*change) < until).collect();
    format!("{first:?} {edges:?} {:?}", schedule.unknown)
}

fn line(config: &Config<'_>, line: &Line) -> String {
    let dials: Vec<_> = config.dials(line).iter().map(|&dial| text(config, dial)).collect();
    let callers = config.callers(line).iter().filter_map(|&trunk| config.trunk(trunk));
    let callers: Vec<_> = callers.map(|trunk| text(config, trunk.name)).collect();
    let ring = |ring: &Ring| {
        let target = config.target(ring.target).map(|target| text(config, target.name));
        (target, ring.time, ring.beside, ring.whisper)
    };
    let rings: Vec<_> = config.rings(line).iter().map(ring).collect();
    let whose = |when: &When| config.schedule(when.schedule).map(|schedule| text(config, schedule.name));
    let whens = config.whens(line).iter().map(|when| (whose(when), when.hours, then(config, when.then)));
    let whens: Vec<_> = whens.collect();
    let keys: Vec<_> = config.keys(line).iter().map(|key| (key.press, then(config, key.then))).collect();
    let waits = (line.answer, line.max_wait, line.repeat, then(config, line.unanswered), line.budget);
    let played = (line.greeting, line.music, line.voicemail, line.longest, line.record, line.consent);
    format!("{dials:?} {callers:?} {rings:?} {keys:?} {whens:?} {waits:?} {played:?}")
}

/// What becomes of a caller, by the names of whom and what it leads to.
fn then(config: &Config<'_>, then: Then) -> String {
    match then {
        Then::Overflow(target) => {
            format!("{:?}", config.target(target).map(|target| text(config, target.name)))
        }
        Then::Line(line) => format!("{:?}", config.line(line).map(|line| text(config, line.name))),
        then => format!("{then:?}"),
    }
}
