//! Draws what happens between four lifelines: Warmline's, and those of the three around it.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use anstyle::{AnsiColor, Style};

use super::ear::{Heard, Sound};
use super::seen::{End, Seen};

/// Columns in all.
const WIDTH: usize = 100;

/// Where the lifelines are.
const CALLER: usize = 9;
const AGENT: usize = 37;
const WARMLINE: usize = 65;
const ZENDESK: usize = 93;

/// A line of the drawing that something happens in.
pub(super) enum Rung<'s> {
    Message(&'s Seen),
    Heard(End, &'s Heard),
}

impl Rung<'_> {
    pub(super) fn at(&self) -> Duration {
        match self {
            Self::Message(seen) => seen.at,
            Self::Heard(_, heard) => heard.at,
        }
    }
}

impl fmt::Display for Rung<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at();
        match self {
            Self::Message(seen) => {
                let place = place(seen.end);
                let (from, to) = (place.min(WARMLINE) + 1, place.max(WARMLINE));
                let shaft = fill(&seen.what, to - from - 1);
                let right = (place < WARMLINE) != seen.arrived;
                let arrow = if right { format!("{shaft}>") } else { format!("<{shaft}") };
                line(f, at, from, &arrow, colour(seen.end))
            }
            Self::Heard(end, heard) => {
                let what = match heard.sound {
                    Sound::Silence => "hears silence".to_owned(),
                    sound => format!("hears {}, {:.0} Hz", sound.name(), heard.frequency),
                };
                // Beside the lifeline of who hears it.
                let from = match end {
                    End::Zendesk => ZENDESK - what.chars().count(),
                    end => place(*end) + 1,
                };
                line(f, at, from, &what, colour(*end).italic())
            }
        }
    }
}

/// Writes what stands over the lifelines.
pub(super) fn heads(f: &mut fmt::Formatter<'_>, addresses: &[SocketAddr; 4]) -> fmt::Result {
    let [caller, agent, warmline, zendesk] = addresses;
    let ends = [(CALLER, caller), (AGENT, agent), (WARMLINE, warmline), (ZENDESK, zendesk)];
    let names = [End::Caller.name(), End::Agent.name(), "Warmline", End::Zendesk.name()];
    head(f, ends.map(|(place, _)| place).into_iter().zip(names.map(str::to_owned)))?;
    head(f, ends.into_iter().map(|(place, address)| (place, address.to_string())))
}

fn head(f: &mut fmt::Formatter<'_>, texts: impl Iterator<Item = (usize, String)>) -> fmt::Result {
    let mut line = String::new();
    for (place, text) in texts {
        let start = place.saturating_sub(text.len() / 2).min(WIDTH - text.len());
        line.push_str(&" ".repeat(start.saturating_sub(line.len())));
        line.push_str(&text);
    }
    let bold = Style::new().bold();
    writeln!(f, "{bold}{line}{bold:#}")
}

/// The lifelines, and over them a text in its style, from a column on.
fn line(f: &mut fmt::Formatter<'_>, at: Duration, from: usize, text: &str, style: Style) -> fmt::Result {
    let width = text.chars().count();
    let bare = |columns: core::ops::Range<usize>| -> String {
        let column = |column| if [CALLER, AGENT, WARMLINE, ZENDESK].contains(&column) { '│' } else { ' ' };
        columns.map(column).collect()
    };
    let time = format!("{:.3} s", at.as_secs_f64());
    let (before, after) = (bare(time.len()..from), bare(from + width..ZENDESK + 1));
    writeln!(f, "{time}{before}{style}{text}{style:#}{after}")
}

const fn place(end: End) -> usize {
    match end {
        End::Caller => CALLER,
        End::Agent => AGENT,
        End::Zendesk => ZENDESK,
    }
}

fn colour(end: End) -> Style {
    let colour = match end {
        End::Caller => AnsiColor::Cyan,
        End::Agent => AnsiColor::Magenta,
        End::Zendesk => AnsiColor::Green,
    };
    colour.on_default()
}

/// A text in the middle of a line.
fn fill(text: &str, width: usize) -> String {
    let most: String = text.chars().take(width.saturating_sub(2)).collect();
    let text = format!(" {most} ");
    format!("{text:─^width$}")
}
