//! The program `aar`: the registry and its command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    aar_server::cli::main()
}
