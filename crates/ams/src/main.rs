//! The program `ams`.

mod cli;

use std::process::ExitCode;

use aar_cli::Printer;

fn main() -> ExitCode {
    cli::run(&Printer::from_terminal(), std::env::args_os()).into()
}
