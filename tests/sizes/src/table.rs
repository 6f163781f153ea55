//! The table.

use core::fmt::Write;

use crate::parts::PARTS;
use crate::program::Program;

/// The programs' sizes in bytes, as a Markdown table with a column for each.
pub(crate) fn render(programs: &[Program]) -> String {
    let mut text = String::new();
    let mut row = |title: &str, cells: Vec<String>| {
        writeln!(text, "| {title} | {} |", cells.join(" | ")).expect("a string takes everything");
    };
    let of =
        |value: &dyn Fn(&Program) -> u64| programs.iter().map(|program| grouped(value(program))).collect();
    row("bytes", programs.iter().map(|program| program.board.name.to_owned()).collect());
    row("---", programs.iter().map(|_| "---:".to_owned()).collect());
    row("calls at once", of(&|program| program.board.calls as u64));
    row("**flash**", of(&Program::flash));
    row("code", of(&|program| program.code));
    row("constants", of(&|program| program.constants));
    row("**static RAM**", of(&|program| program.memory));
    for part in PARTS {
        row(part.title, of(&|program| part.size(&program.statics)));
    }
    row("others, and what is lost between", of(&others));
    row("**left for the stack**", of(&|program| program.stack));
    row("**a call's share of the RAM**", of(&share));
    for part in PARTS.iter().filter(|part| part.is_of_calls) {
        let title = format!("of it {}", part.title);
        row(&title, of(&|program| part.size(&program.statics) / program.board.calls as u64));
    }
    text
}

/// What belongs to no part.
fn others(program: &Program) -> u64 {
    let parts: u64 = PARTS.iter().map(|part| part.size(&program.statics)).sum();
    program.memory.saturating_sub(parts)
}

/// What each call takes of the parts that are there for calls.
fn share(program: &Program) -> u64 {
    let parts = PARTS.iter().filter(|part| part.is_of_calls);
    parts.map(|part| part.size(&program.statics)).sum::<u64>() / program.board.calls as u64
}

/// A number as people read it.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use warmline_core::image;

    use super::*;
    use crate::program::Static;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn every_byte_is_in_one_row() {
        let board = image::board("mps2-an386").expect("core knows it");
        let one = |name: &str, size| Static { name: name.to_owned(), size, is_in_flash: false };
        let statics = vec![one("warmline_fw::room::LEGS", 3200), one("elsewhere", 100)];
        let program = Program { board, code: 10, constants: 20, memory: 4000, stack: 5000, statics };
        let text = render(&[program]);
        for line in [
            "| bytes | mps2-an386 |",
            "| --- | ---: |",
            "| **flash** | 30 |",
            "| **static RAM** | 4,000 |",
            "| legs, with what they have to remember | 3,200 |",
            "| others, and what is lost between | 800 |",
            "| **a call's share of the RAM** | 200 |",
            "| of it legs, with what they have to remember | 200 |",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
    }
}
