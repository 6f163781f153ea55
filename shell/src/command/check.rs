//! `warmline check`.

use core::fmt;
use std::io::{Write, stdout};
use std::path::Path;
use std::process::ExitCode;

use warmline_core::config::{Config, Span, TrunkKind};

use crate::config;

/// Says what is wrong with a configuration, or what it comes to.
pub(super) fn check(file: &Path) -> ExitCode {
    match config::load(file) {
        Ok(loaded) => {
            let summary = Summary { file, config: &loaded.lend(), capacity: loaded.capacity() };
            // Whether it is sound does not depend on anyone reading why.
            let _ = write!(stdout(), "{summary}");
            ExitCode::SUCCESS
        }
        Err(mistakes) => {
            eprintln!("{mistakes}");
            ExitCode::FAILURE
        }
    }
}

struct Summary<'c> {
    file: &'c Path,
    config: &'c Config<'c>,
    capacity: u32,
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = self.config;
        let text = |span: Span| core::str::from_utf8(config.text(span)).unwrap_or("?");
        writeln!(
            f,
            "{}: no mistakes. Node \"{}\": {} calls at once, {} new calls a second, {} relay workers",
            self.file.display(),
            text(config.node.name),
            self.capacity,
            config.node.new_calls.per_second,
            config.node.workers,
        )?;
        for (number, interface) in config.interfaces.iter().enumerate() {
            write!(f, "interface \"{}\": {}", text(interface.name), interface.address)?;
            if interface.advertise != interface.address {
                write!(f, ", told as {}", interface.advertise)?;
            }
            let (first, last) = interface.media;
            let listeners = config.listeners.iter().filter(|l| usize::from(l.interface) == number);
            let listeners: Vec<_> =
                listeners.map(|l| format!("{}:{}", l.transport.name().to_lowercase(), l.port)).collect();
            writeln!(f, ", SIP on {}, media on {first}-{last}", listeners.join(" "))?;
        }
        for (index, trunk) in config.trunks.iter().enumerate() {
            let kind = match trunk.kind {
                TrunkKind::Zendesk => "zendesk",
                TrunkKind::Ai => "ai",
                TrunkKind::Carrier => "carrier",
                TrunkKind::Phones => "phones",
            };
            let ranges = config.sources.iter().filter(|range| usize::from(range.value) == index).count();
            writeln!(
                f,
                "trunk \"{}\": {kind}, {ranges} source ranges, at most {} calls",
                text(trunk.name),
                trunk.max_calls
            )?;
        }
        for target in config.targets {
            let trunk = config.trunk(target.trunk).map_or("?", |trunk| text(trunk.name));
            writeln!(f, "target \"{}\": {} through {trunk}", text(target.name), text(target.uri))?;
        }
        for line in config.lines {
            let dials: Vec<_> = config.dials(line).iter().map(|&dial| text(dial)).collect();
            let name = |span: Option<Span>| span.map_or("?", text);
            let callers = config.callers(line).iter();
            let callers: Vec<_> = callers.map(|&t| name(config.trunk(t).map(|t| t.name))).collect();
            let rings = config.rings(line).iter().map(|ring| {
                let target = name(config.target(ring.target).map(|target| target.name));
                format!("{target} for {} s", ring.time.as_millis() / 1000)
            });
            let rings: Vec<_> = rings.collect();
            writeln!(
                f,
                "line \"{}\": dialled as {} from {}, rings {}",
                text(line.name),
                dials.join(" "),
                callers.join(" "),
                rings.join(", then ")
            )?;
        }
        Ok(())
    }
}
