//! `[media]`: who relays, over what, and how long a leg may be silent.

use core::fmt;

use warmline_core::time::Duration;

use super::machine::Machine;
use super::notation::duration;
use super::table::Table;
use crate::media::Backend;

const KEYS: &[&str] = &["workers", "backend", "spin", "silence"];

const BACKENDS: [(&str, Option<Option<Backend>>); 4] = [
    ("auto", Some(None)),
    ("bpf", Some(Some(Backend::Bpf))),
    ("uring", Some(Some(Backend::Uring))),
    ("sockets", Some(Some(Backend::Sockets))),
];

/// The longest that a worker may look for packets before it sleeps: that is all of a core.
const LONGEST_SPIN: Duration = Duration::from_millis(10);

/// How long a leg may be silent where nothing is said, in seconds; at least, and at most.
const SILENCE: u16 = 60;
const SHORTEST_SILENCE: Duration = Duration::from_secs(10);
const LONGEST_SILENCE: Duration = Duration::from_secs(3600);

/// How a server relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Media {
    /// How datagrams come in and leave; the fastest that the machine allows where none is said.
    pub backend: Option<Backend>,
    /// How long a worker looks for more packets before it sleeps.
    pub spin: Duration,
}

/// What `[media]` says.
pub(super) struct Section {
    /// How many relay workers there are: one for each core where nothing is said, and one on a board.
    pub(super) workers: u8,
    /// How they relay.
    pub(super) relaying: Media,
    /// After how many seconds a leg that should speak has been silent for too long; 0 where it never has.
    pub(super) silence: u16,
}

pub(super) fn read(root: &Table<'_>, machine: Machine) -> Section {
    let table = root.one("media", "[media]", KEYS);
    let get = |key| table.and_then(|table| table.get(key));
    let said = get("workers").and_then(|value| value.integer(1..=u32::from(u8::MAX)));
    if let Some(said) = said {
        machine.bound(root.report(), said, "relay workers", |_| 1);
    }
    let backend = get("backend").and_then(|value| value.choice(&BACKENDS)).and_then(|word| word.value);
    let spin = get("spin").and_then(|value| value.read(spin)).map_or(Duration::ZERO, |spin| spin.value);
    if !machine.is_server() {
        for value in ["backend", "spin"].into_iter().filter_map(get) {
            value.mistake("a board has one way to relay: \"backend\" and \"spin\" are for servers");
        }
    }
    let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let workers = match said {
        Some(said) => u8::try_from(said.value).unwrap_or(1),
        None if machine.is_server() => u8::try_from(cores()).unwrap_or(u8::MAX),
        None => 1,
    };
    let silence = get("silence").map_or(Some(SILENCE), |value| Some(value.read(silence)?.value));
    Section { workers, relaying: Media { backend, spin }, silence: silence.unwrap_or(SILENCE) }
}

fn spin(text: &str) -> Result<Duration, String> {
    let spin = duration(text)?;
    if spin > LONGEST_SPIN {
        return Err(format!(
            "\"{}\" is more than 10ms, the longest a worker may look for packets",
            text.escape_debug()
        ));
    }
    Ok(spin)
}

impl fmt::Display for Media {
    /// `backend auto, spin 50 us`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "backend {}, ", self.backend.map_or("auto", Backend::name))?;
        match self.spin.as_micros() {
            0 => f.write_str("no spin"),
            spin => write!(f, "spin {spin} us"),
        }
    }
}

fn silence(text: &str) -> Result<u16, String> {
    if text == "off" {
        return Ok(0);
    }
    let limit = duration(text)?;
    let whole = limit.as_micros().is_multiple_of(1_000_000);
    let seconds = u16::try_from(limit.as_millis() / 1_000).ok();
    seconds.filter(|_| whole && (SHORTEST_SILENCE..=LONGEST_SILENCE).contains(&limit)).ok_or_else(|| {
        format!(
            "\"{text}\" is no time to be silent for; it may be from 10s to 1h, in whole seconds, or \"off\""
        )
    })
}
