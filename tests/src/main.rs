//! The `warmline` program, built with the tests of it: what they start is never stale.

use std::process::ExitCode;

fn main() -> ExitCode {
    warmline::command::main()
}
