//! Draws messages between three lifelines.

use core::fmt;

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
    let shaft = fill(&seen.what, '─', WIDTH - 1);
    let arrow = if right { format!("{shaft}>") } else { format!("<{shaft}") };
    let gap = " ".repeat(WIDTH);
    let (left, right) = match seen.end {
        End::Agent => (arrow, gap),
        End::Zendesk => (gap, arrow),
    };
    line(f, &format!("{:.3} s", seen.at.as_secs_f64()), &left, &right)
}

/// Writes audio that flows both ways on both legs.
pub(super) fn audio(f: &mut fmt::Formatter<'_>, left: &str, right: &str) -> fmt::Result {
    let both = |text: &str| format!("<{}>", fill(text, '═', WIDTH - 2));
    let gap = " ".repeat(WIDTH);
    line(f, "", &gap, &gap)?;
    line(f, "", &both(left), &both(right))?;
    line(f, "", &gap, &gap)
}

fn line(f: &mut fmt::Formatter<'_>, time: &str, left: &str, right: &str) -> fmt::Result {
    let margin = MARGIN - 2;
    writeln!(f, "{time:>margin$}  │{left}│{right}│")
}

/// A text in the middle of a line.
fn fill(text: &str, line: char, width: usize) -> String {
    let most: String = text.chars().take(width.saturating_sub(4)).collect();
    let text = format!(" {most} ");
    let rest = width.saturating_sub(text.chars().count());
    let side = |count: usize| line.to_string().repeat(count);
    format!("{}{text}{}", side(rest / 2), side(rest - rest / 2))
}
