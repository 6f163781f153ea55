//! What a configuration comes to, in words.

use core::fmt;

use jiff::Timestamp;
use warmline_core::clip::Clips;
use warmline_core::config::{Answer, Answers, Config, Line, Ring, Span, Then, Trunk, TrunkIndex, TrunkKind};
use warmline_core::filter::Rate;
use warmline_core::image::{Appliance, Network};
use warmline_core::line::{Hours, Schedule, Second};
use warmline_core::rtp::Digit;

use crate::config::{Media, NamedRange};
use crate::desk::{Missing, OfLine};

/// Displays as how many calls a trunk carries.
pub(super) struct Traffic<'c>(pub(super) &'c Trunk);

impl fmt::Display for Traffic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(trunk) = self;
        write!(f, "at most {} calls", trunk.max_calls)?;
        for (way, limits) in [("started", trunk.starts), ("sent", trunk.takes)] {
            if limits.calls < trunk.max_calls {
                write!(f, ", {} of them {way}", limits.calls)?;
            }
            if limits.rate != Rate::UNLIMITED {
                write!(f, ", {}/s {way}", limits.rate.per_second)?;
            }
        }
        Ok(())
    }
}

/// Displays as a line for the node, and one for everything in it.
pub(super) struct Summary<'c> {
    pub(super) config: &'c Config<'c>,
    /// How many calls there may be at once.
    pub(super) capacity: u32,
    pub(super) appliance: Option<&'c Appliance>,
    /// How a server relays.
    pub(super) media: Option<Media>,
    pub(super) named: &'c [NamedRange],
    /// What its lines play.
    pub(super) clips: &'c dyn Clips,
    /// What each line wants of a desk, by its number.
    pub(super) ticket: &'c dyn Fn(u16) -> Option<&'c OfLine>,
}

/// Displays as what becomes of a line's tickets.
struct Ticket<'c>(&'c OfLine);

impl fmt::Display for Ticket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(OfLine { desk, missing, parts, tags, recordings, .. }) = self;
        let made = match missing {
            Missing::Create => "made where a call brings none",
            Missing::Pass => "those that calls bring",
        };
        write!(f, "tickets at desk \"{desk}\", {made}")?;
        for part in parts {
            write!(f, ", {}", part.what)?;
        }
        if !tags.is_empty() {
            write!(f, ", tags {}", tags.join(" "))?;
        }
        if *recordings {
            f.write_str(", with recordings")?;
        }
        Ok(())
    }
}

/// Whom a line rings, one after the other or together.
pub(super) fn rings(config: &Config<'_>, line: &Line) -> String {
    let name = |ring: &Ring| {
        let target = config.target(ring.target)?;
        str::from_utf8(config.text(target.name)).ok()
    };
    let steps = config.rings(line).chunk_by(|_, next| next.beside).map(|step| {
        let names: Vec<&str> = step.iter().map(|ring| name(ring).unwrap_or("?")).collect();
        let seconds = step.first().map_or(0, |ring| ring.time / 1000);
        let accept = step.first().and_then(|ring| ring.whisper).and_then(|whisper| whisper.accept);
        let accept = accept
            .and_then(Digit::of_code)
            .map_or_else(String::new, |key| format!(" until {key} is pressed"));
        format!("{} for {seconds} s{accept}", names.join(" and "))
    });
    steps.collect::<Vec<_>>().join(", then ")
}

/// What becomes of a caller, in words.
pub(super) fn then(config: &Config<'_>, then: Then) -> String {
    let name =
        |span: Option<Span>| span.and_then(|span| str::from_utf8(config.text(span)).ok()).unwrap_or("?");
    match then {
        Then::Return => "back to where the call came from".to_owned(),
        Then::Voicemail => "voicemail".to_owned(),
        Then::Overflow(target) => {
            format!("overflow to {}", name(config.target(target).map(|target| target.name)))
        }
        Then::Goodbye(Some(_)) => "goodbye, with a prompt".to_owned(),
        Then::Goodbye(None) => "goodbye".to_owned(),
        Then::Line(line) => format!("line \"{}\"", name(config.line(line).map(|line| line.name))),
    }
}

/// Displays as how often a schedule opens, and how far that is known.
struct Opening<'c>(&'c Config<'c>, &'c Schedule);

impl fmt::Display for Opening<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(config, schedule) = *self;
        let changes = config.changes(schedule);
        let taken = match schedule.unknown {
            Hours::Open => "open",
            Hours::Closed => "closed",
        };
        let known = |change: &Second| Timestamp::from_second(u32::from_be_bytes(*change).into()).ok();
        match changes.last().and_then(known) {
            Some(until) => {
                let times = changes.len().saturating_sub(1) / 2;
                let until = until.strftime("%Y-%m-%d");
                write!(f, "opens {times} times until {until}; {taken} beyond that, and without a clock")
            }
            None => write!(f, "{taken}, as this machine's clock is wrong"),
        }
    }
}

/// Displays as where a board is in its network.
pub(super) struct Connection<'a>(pub(super) &'a Appliance);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = self.config;
        let text = |span: Span| core::str::from_utf8(config.text(span)).unwrap_or("?");
        writeln!(
            f,
            "node \"{}\": {} calls at once, {} new calls a second, {} relay workers",
            text(config.node.name),
            self.capacity,
            config.node.new_calls.per_second,
            config.node.workers,
        )?;
        if let Some(media) = self.media {
            writeln!(f, "media: {media}")?;
        }
        if let Some(appliance) = self.appliance {
            writeln!(f, "appliance: {}", Connection(appliance))?;
        }
        for (number, interface) in config.interfaces.iter().enumerate() {
            write!(f, "interface \"{}\": ", text(interface.name))?;
            if self.appliance.is_some() && interface.address.is_unspecified() {
                f.write_str("a leased address")?;
            } else {
                write!(f, "{}", interface.address)?;
            }
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
            let own = |speaker: TrunkIndex| usize::from(speaker.0) == index;
            let ranges = config.sources.iter().filter(|range| config.speakers(range.value).any(own)).count();
            write!(f, "trunk \"{}\": {kind}, {ranges} source ranges", text(trunk.name))?;
            let named = self.named.iter().filter(|named| usize::from(named.trunk) == index);
            for named in named.filter(|named| named.media.is_none()) {
                write!(f, " and dns:{}", named.name)?;
            }
            write!(f, ", {}", Traffic(trunk))?;
            if let Some(every) = trunk.ping {
                write!(f, ", pinged every {every} s")?;
            }
            writeln!(f)?;
        }
        for set in (config.trunks.len()..).take(config.shared.len()).filter_map(|set| u16::try_from(set).ok())
        {
            let names =
                config.speakers(set).filter_map(|trunk| config.trunk(trunk)).map(|trunk| text(trunk.name));
            let names: Vec<_> = names.map(|name| format!("\"{name}\"")).collect();
            writeln!(
                f,
                "trunks {}: some addresses are the same; what is dialled tells them apart",
                names.join(" and ")
            )?;
        }
        if config.node.blocked.len > 0 {
            writeln!(f, "blocked: {}", text(config.node.blocked).replace(',', " "))?;
        }
        for target in config.targets {
            let trunk = config.trunk(target.trunk).map_or("?", |trunk| text(trunk.name));
            // A registrar has no name: nothing but its trunk rings it.
            if target.name.len == 0 {
                writeln!(f, "registrar of trunk \"{trunk}\": {}", text(target.uri))?;
                continue;
            }
            write!(f, "target \"{}\": {} through {trunk}", text(target.name), text(target.uri))?;
            if let Answers::Queue { settle } = target.answers {
                write!(f, ", a queue that settles in {settle} s")?;
            }
            writeln!(f)?;
        }
        for schedule in config.schedules {
            writeln!(f, "schedule \"{}\": {}", text(schedule.name), Opening(config, schedule))?;
        }
        for (number, line) in (0..).zip(config.lines) {
            let dials: Vec<_> = config.dials(line).iter().map(|&dial| text(dial)).collect();
            let name = |span: Option<Span>| span.map_or("?", text);
            let callers = config.callers(line).iter();
            let callers: Vec<_> = callers.map(|&t| name(config.trunk(t).map(|t| t.name))).collect();
            write!(
                f,
                "line \"{}\": dialled as {} from {}, rings {}",
                text(line.name),
                dials.join(" "),
                callers.join(" "),
                rings(config, line)
            )?;
            for (what, clip) in
                [("greeting", line.greeting), ("music", line.music), ("consent", line.consent)]
            {
                let audio = clip.and_then(|clip| self.clips.audio(clip));
                if let Some(tenths) = audio.map(|audio| audio.len().div_ceil(800)) {
                    write!(f, ", {what} of {}.{} s", tenths / 10, tenths % 10)?;
                }
            }
            if line.record {
                f.write_str(", recorded")?;
            }
            for when in config.whens(line) {
                let schedule = name(config.schedule(when.schedule).map(|schedule| schedule.name));
                let side = match when.hours {
                    Hours::Open => "inside",
                    Hours::Closed => "outside",
                };
                write!(f, ", {side} {schedule}: {}", then(config, when.then))?;
            }
            f.write_str(match line.answer {
                Answer::WhenTaken => "",
                Answer::EarlyMedia => ", callers hear it as early media",
                Answer::AtOnce => ", callers are answered at once",
            })?;
            if line.max_wait > 0 {
                let again = if line.repeat { ", again and again," } else { "" };
                write!(f, "{again} for {} s at most", line.max_wait)?;
            }
            if line.max_waiting > 0 {
                write!(f, ", {} at once", line.max_waiting)?;
            }
            if line.unanswered != Then::Return {
                write!(f, "; unanswered: {}", then(config, line.unanswered))?;
            }
            for key in config.keys(line) {
                let digit = Digit::of_code(key.press).map_or('?', |digit| digit.key().into());
                write!(f, "; key {digit}: {}", then(config, key.then))?;
            }
            if let Some(ticket) = (self.ticket)(number) {
                write!(f, "; {}", Ticket(ticket))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Connection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(appliance) = self;
        match appliance.network {
            Network::Dhcp => f.write_str("address and gateway by DHCP")?,
            Network::Static { address, prefix, gateway } => {
                write!(f, "address {address}/{prefix}")?;
                match gateway {
                    Some(gateway) => write!(f, ", gateway {gateway}")?,
                    None => f.write_str(", no gateway")?,
                }
            }
        }
        let servers: Vec<_> = appliance.dns.iter().map(ToString::to_string).collect();
        match (servers.is_empty(), appliance.network) {
            (false, _) => write!(f, ", DNS {}", servers.join(" "))?,
            (true, Network::Dhcp) => f.write_str(", DNS by DHCP")?,
            (true, Network::Static { .. }) => f.write_str(", no DNS")?,
        }
        match appliance.ntp {
            Some(server) => write!(f, ", time of day from {server}"),
            None => f.write_str(", no time of day"),
        }
    }
}
