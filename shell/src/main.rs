//! The `warmline` program: see [`warmline::command`].

use std::process::ExitCode;

fn main() -> ExitCode {
    warmline::command::main()
}
