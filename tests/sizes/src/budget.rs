//! What a board's program may take.

use crate::parts::part;
use crate::program::Program;
use crate::table::grouped;

/// What a board to buy has at least, and what it must take this many calls with.
const CALLS: usize = 16;
const FLASH: u64 = 384 * 1024;
const MEMORY: u64 = 256 * 1024;

/// What is kept for the stack. The board's log says how deep it has been; `tests/run --only board` reads that.
pub(crate) const STACK: u64 = 24 * 1024;

/// A static of more bytes than this is looked at.
const LARGE: u64 = 512;

/// What is wrong with a program: each a sentence.
pub(crate) fn faults(program: &Program) -> Vec<String> {
    let name = program.board.name;
    let mut faults = Vec::new();
    let mut hold = |what: &str, bytes: u64, limit: u64| {
        if bytes > limit {
            let (bytes, limit) = (grouped(bytes), grouped(limit));
            faults.push(format!("{name}: {what} takes {bytes} bytes, and may take {limit}"));
        }
    };
    if program.board.calls <= CALLS {
        hold("flash", program.flash(), FLASH);
        hold("RAM, with 24 KiB of stack,", program.memory + STACK, MEMORY);
    }
    if program.stack < STACK {
        let (left, wanted) = (grouped(program.stack), grouped(STACK));
        faults.push(format!("{name}: {left} bytes are left for the stack, and it wants {wanted}"));
    }
    for large in program.statics.iter().filter(|one| one.size > LARGE) {
        let (size, path) = (grouped(large.size), &large.name);
        if large.is_in_flash {
            faults.push(format!(
                "{name}: {path} begins as something else than zeroes, so its {size} bytes are in flash as well \
                 (in .data): let it begin as zeroes, or write it at the start"
            ));
        }
        if part(path).is_none() {
            faults.push(format!(
                "{name}: {path}, of {size} bytes, belongs to no part: name it in tests/sizes/src/parts.rs"
            ));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use warmline_core::image;

    use super::*;
    use crate::program::Static;

    fn program(board: &str) -> Program {
        let board = image::board(board).expect("core knows it");
        Program {
            board,
            code: 300_000,
            constants: 90_000,
            memory: 230_000,
            stack: 32_144,
            statics: Vec::new(),
        }
    }

    #[test]
    fn what_is_within_the_budget_has_no_faults() {
        assert_eq!(faults(&program("mps2-an386")), [""; 0]);
    }

    #[test]
    fn each_limit_is_held() {
        let holds = |program: Program, wanted: &str| {
            let faults = faults(&program);
            assert!(faults.iter().any(|fault| fault.contains(wanted)), "{faults:?}");
        };
        holds(
            Program { code: 303_217, ..program("mps2-an386") },
            "flash takes 393,217 bytes, and may take 393,216",
        );
        holds(Program { memory: 237_569, ..program("mps2-an386") }, "stack, takes 262,145 bytes");
        holds(Program { stack: 24_575, ..program("nucleo-h743zi") }, "24,575 bytes are left");
        let pool = |name: &str, size, is_in_flash| {
            let statics = vec![Static { name: name.to_owned(), size, is_in_flash }];
            Program { statics, ..program("mps2-an386") }
        };
        holds(pool("warmline_fw::room::CALLS", 513, true), "in .data");
        holds(pool("warmline_fw::room::MORE", 513, false), "belongs to no part");
        assert_eq!(faults(&pool("warmline_fw::room::MORE", 512, true)), [""; 0]);
    }

    #[test]
    fn a_board_for_more_calls_may_take_more() {
        let large = Program { code: 400_000, memory: 400_000, ..program("nucleo-h743zi") };
        assert_eq!(faults(&large), [""; 0]);
    }
}
