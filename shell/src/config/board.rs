//! Whether everything in a file fits the tables of a board; what its sections say of themselves was checked before.

use warmline_core::image::{
    Excess, MAX_CALLERS, MAX_DIALS, MAX_DOMAINS, MAX_INSTANTS, MAX_INTERFACES, MAX_KEYS, MAX_LINES,
    MAX_LISTENERS, MAX_MEDIA, MAX_RINGS, MAX_SCHEDULES, MAX_SHARED, MAX_SOURCES, MAX_TARGETS, MAX_TEXT,
    MAX_TRUNKS, MAX_USERS, MAX_WHENS,
};

use super::loaded::Loaded;
use super::machine::Machine;
use super::table::Table;
use warmline_core::config::{MediaPolicy, TrunkIndex};

/// How much of the flash for an image the largest configuration takes, and each clip behind it beside its audio.
const CONFIGURATION: usize = 32 << 10;
const CLIP_HEADER: usize = 12;

/// Says of what there is too much: at the section that is one too many, or at the one that has most of it.
pub(super) fn check(root: &Table<'_>, machine: Machine, loaded: &Loaded) {
    let refuse = |at: usize, what, found, most| {
        if found > most {
            root.report().mistake(at, Excess { who: "a board", what, found, most }.to_string());
        }
    };
    let sections = |key, what, found, most| refuse(root.section_at(key, most), what, found, most);
    sections("interface", "interfaces", loaded.interfaces.len(), MAX_INTERFACES);
    sections("trunk", "trunks", loaded.trunks.len(), MAX_TRUNKS);
    sections("target", "targets", loaded.targets.len(), MAX_TARGETS);
    sections("schedule", "schedules", loaded.schedules.len(), MAX_SCHEDULES);
    sections("line", "lines", loaded.lines.len(), MAX_LINES);

    let within = |key, sizes: Vec<usize>, what, found, most| {
        let fullest =
            sizes.iter().enumerate().max_by_key(|&(number, size)| (*size, core::cmp::Reverse(number)));
        refuse(root.section_at(key, fullest.map_or(0, |(number, _)| number)), what, found, most);
    };
    let config = loaded.lend();
    let speaks = |source: u16, trunk| config.speakers(source).any(|speaker| speaker == trunk);
    let of_trunks =
        |trunk: u16| loaded.sources.iter().filter(|range| speaks(range.value, TrunkIndex(trunk))).count();
    let sources = (0..u16::MAX).take(loaded.trunks.len()).map(of_trunks).collect();
    within("trunk", sources, "ranges that trunks signal from", loaded.sources.len(), MAX_SOURCES);
    let media = loaded.trunks.iter().map(|trunk| match trunk.media {
        MediaPolicy::Signalled => 0,
        MediaPolicy::Ranges(list) => usize::from(list.len),
    });
    within("trunk", media.collect(), "ranges that trunks' media comes from", loaded.media.len(), MAX_MEDIA);
    let users = loaded.trunks.iter().map(|trunk| usize::from(trunk.users.len)).collect();
    within("trunk", users, "users of trunks", loaded.users.len(), MAX_USERS);
    let shared = "sets of trunks that speak from the same addresses";
    within("trunk", vec![0; loaded.trunks.len()], shared, loaded.shared.len(), MAX_SHARED);
    let lines = |len: fn(&warmline_core::config::Line) -> u16| {
        loaded.lines.iter().map(|line| usize::from(len(line))).collect()
    };
    within(
        "line",
        lines(|line| line.dial.len),
        "names and numbers that are dialled",
        loaded.dials.len(),
        MAX_DIALS,
    );
    within(
        "line",
        lines(|line| line.from.len),
        "trunks that lines are dialled from",
        loaded.callers.len(),
        MAX_CALLERS,
    );
    within("line", lines(|line| line.ring.len), "targets that lines ring", loaded.rings.len(), MAX_RINGS);
    within("line", lines(|line| line.when.len), "rules of what lines do when", loaded.whens.len(), MAX_WHENS);
    let times = loaded.schedules.iter().map(|schedule| usize::from(schedule.changes.len)).collect();
    let opens = "times at which schedules open and close";
    within("schedule", times, opens, loaded.instants.len(), MAX_INSTANTS);
    within("line", lines(|line| line.keys.len), "keys that callers may press", loaded.keys.len(), MAX_KEYS);

    let listeners = root.section_at("interface", 0);
    refuse(listeners, "sockets to listen on", loaded.listeners.len(), MAX_LISTENERS);
    refuse(root.section_at("node", 0), "domains", loaded.domains.len(), MAX_DOMAINS);
    let clips = loaded.clips.iter().map(|audio| audio.len().saturating_add(CLIP_HEADER)).sum();
    if let Some(room) = machine.flash() {
        refuse(root.section_at("line", 0), "bytes of music and greetings", clips, room - CONFIGURATION);
    }
    refuse(0, "bytes of names, URIs and numbers", loaded.text.len(), MAX_TEXT);
}
