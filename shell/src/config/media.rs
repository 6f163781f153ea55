//! `[media]`: who relays, and over what.

use core::fmt;

use warmline_core::time::Duration;

use super::machine::Machine;
use super::notation::duration;
use super::table::Table;
use crate::media::Backend;

const KEYS: &[&str] = &["workers", "backend", "spin"];

const BACKENDS: [(&str, Option<Option<Backend>>); 4] = [
    ("auto", Some(None)),
    ("bpf", Some(Some(Backend::Bpf))),
    ("uring", Some(Some(Backend::Uring))),
    ("sockets", Some(Some(Backend::Sockets))),
];

/// The longest that a worker may look for packets before it sleeps: that is all of a core.
const LONGEST_SPIN: Duration = Duration::from_millis(10);

/// How a server relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Media {
    /// How datagrams come in and leave; the fastest that the machine allows where none is said.
    pub backend: Option<Backend>,
    /// How long a worker looks for more packets before it sleeps.
    pub spin: Duration,
}

/// How many relay workers there are: one for each core where nothing is said, and one on a board. How they relay.
pub(super) fn read(root: &Table<'_>, machine: Machine) -> (u8, Media) {
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
    (workers, Media { backend, spin })
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
