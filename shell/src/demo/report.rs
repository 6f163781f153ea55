//! What the demo says of a scene, and of all of them, for a terminal of 100 columns.

use core::fmt;
use core::net::SocketAddr;

use anstyle::{AnsiColor, Style};

use super::ear::Heard;
use super::ladder::{self, Rung};
use super::scene::{Ending, Scene};
use super::seen::End;

const TITLE: Style = Style::new().bold().underline();
const WELL: Style = AnsiColor::Green.on_default().bold();
const ILL: Style = AnsiColor::Red.on_default().bold();

/// What it is.
pub(super) const INTRODUCTION: &str =
    "Warmline demo: a caller, an AI agent and Zendesk around a real node, on this machine alone.";

/// A scene, and where its four ends are.
pub(super) struct Shown<'s>(pub(super) &'s Scene, pub(super) &'s [SocketAddr; 4]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(scene, addresses) = self;
        let title = match scene.ending {
            Ending::Taken => "The AI agent gives up, and a person takes over",
            Ending::Busy => "The same with nobody there: the AI agent has its caller back",
        };
        writeln!(f, "\n{TITLE}{title}{TITLE:#}\n")?;
        ladder::heads(f, addresses)?;
        let messages = scene.seen.iter().map(Rung::Message);
        let heard = End::ALL.into_iter().zip(&scene.heard);
        let heard = heard.flat_map(|(end, all)| all.iter().map(move |heard| Rung::Heard(end, heard)));
        let mut rungs: Vec<_> = messages.chain(heard).collect();
        rungs.sort_by_key(Rung::at);
        rungs.iter().try_for_each(|rung| write!(f, "{rung}"))?;
        writeln!(f)?;
        for (end, heard) in End::ALL.into_iter().zip(&scene.heard) {
            writeln!(f, "{:<8}  heard {}", end.name(), Sounds(heard))?;
        }
        let none = |all: &[String]| if all.is_empty() { "none".to_owned() } else { all.join(", ") };
        let (notified, agent) = (none(&scene.notified), none(&scene.told_agent));
        writeln!(f, "{:<8}  was told ticket: {agent}; of its hand-over: {notified}", End::Agent.name())?;
        writeln!(f, "{:<8}  was told ticket: {}", End::Zendesk.name(), none(&scene.told_zendesk))?;
        for (number, shown) in &scene.tickets {
            writeln!(f, "\nwarmline tickets {number}")?;
            shown.lines().try_for_each(|line| writeln!(f, "{}", format!("  {line}").trim_end()))?;
        }
        writeln!(f)?;
        if scene.faults.is_empty() {
            let last = match scene.ending {
                Ending::Taken => "a person took over with the ticket",
                Ending::Busy => "the AI agent had its caller back",
            };
            let outcome = scene.ending.outcome();
            return write!(
                f,
                "{WELL}All is well:{WELL:#} {last}, one ticket was made, and it says \"{outcome}\"."
            );
        }
        write!(f, "{ILL}It did not work:{ILL:#}")?;
        scene.faults.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

/// How long each was heard.
struct Sounds<'s>(&'s [Heard]);

impl fmt::Display for Sounds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "";
        for heard in self.0 {
            write!(f, "{before}{} {:.1} s", heard.sound.name(), heard.lasted().as_secs_f64())?;
            before = ", ";
        }
        f.write_str(if self.0.is_empty() { "nothing" } else { "" })
    }
}
