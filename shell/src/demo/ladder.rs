//! Draws messages between three lifelines.

use core::fmt;
use core::time::Duration;

use super::phone::{End, Seen};

/// Columns between two lifelines.
const WIDTH: usize = 34;

/// Columns before the first.
const MARGIN: usize = 14;

/// Writes names over their lifelines, each in the middle.
pub(super) fn heads(f: &mut fmt::Formatter<'_>, names: [&str; 3]) -> fmt::Result {
    let mut line = String::new();
    for (number, name) in names.into_iter().enumerate() {
        let middle = MARGIN + number * (WIDTH + 1);
        let start = middle.saturating_sub(name.chars().count() / 2);
        line.push_str(&" ".repeat(start.saturating_sub(line.chars().count())));
        line.push_str(name);
    }
    writeln!(f, "{line}")
}

/// Writes a message as an arrow.
pub(super) fn arrow(f: &mut fmt::Formatter<'_>, seen: &Seen) -> fmt::Result {
    let right = (seen.end == End::Agent) != seen.arrived;
    let shaft = label(&seen.what, '─');
    let arrow = if right { format!("{shaft}>") } else { format!("<{shaft}") };
    let gap = " ".repeat(WIDTH);
    let (left, right) = match seen.end {
        End::Agent => (arrow, gap),
        End::Zendesk => (gap, arrow),
    };
    line(f, Some(seen.at), &left, &right)
}

/// Writes audio that flows both ways on both legs.
pub(super) fn audio(f: &mut fmt::Formatter<'_>, at: Duration, left: &str, right: &str) -> fmt::Result {
    let both = |text: &str| format!("<{}>", fill(text, '═', WIDTH - 2));
    line(f, Some(at), &both(left), &both(right))
}

/// Writes the lifelines alone.
pub(super) fn pause(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let gap = " ".repeat(WIDTH);
    line(f, None, &gap, &gap)
}

fn line(f: &mut fmt::Formatter<'_>, at: Option<Duration>, left: &str, right: &str) -> fmt::Result {
    let time = at.map_or_else(String::new, |at| format!("{:.3} s", at.as_secs_f64()));
    let margin = MARGIN - 2;
    writeln!(f, "{time:>margin$}  │{left}│{right}│")
}

fn label(text: &str, line: char) -> String {
    fill(text, line, WIDTH - 1)
}

/// A text in the middle of a line.
fn fill(text: &str, line: char, width: usize) -> String {
    let most: String = text.chars().take(width.saturating_sub(4)).collect();
    let text = format!(" {most} ");
    let rest = width.saturating_sub(text.chars().count());
    let side = |count: usize| line.to_string().repeat(count);
    format!("{}{text}{}", side(rest / 2), side(rest - rest / 2))
}
