//! The program `amc`: the command line of AMS.
//!
//! A command is a function of resolved values. [`cli`] defines the command line, [`session`] selects
//! the AMS and connects to it, and one module for each command group does the work through
//! [`ams_api::AmsClient`]. Output goes through [`aar_cli::Printer`].

mod application;
mod auth;
mod cli;
mod config;
mod failure;
mod identity;
mod info;
mod monitor;
mod name_list;
mod operation;
mod other_half;
mod paths;
mod registry;
mod remote;
mod remotes;
mod session;
mod wait;

use std::{ffi::OsString, process::ExitCode};

use aar_cli::{Exit, Printer};

use crate::{cli::Cli, session::Session};

fn main() -> ExitCode {
    let printer = Printer::from_terminal();
    run(printer, std::env::args_os()).into()
}

fn run(printer: Printer, arguments: impl Iterator<Item = OsString>) -> Exit {
    let cli: Cli = match aar_cli::parse(&printer, arguments) {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    let session = Session::new(printer, cli.global);
    match block_on(cli.command.run(&session)) {
        Ok(()) => Exit::Done,
        Err(error) if aar_cli::is_closed_output(error.as_ref()) => Exit::Done,
        Err(error) => {
            session.printer.failure(&failure::from_error(&error));
            Exit::Failed
        }
    }
}

fn block_on(command: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let result = runtime.block_on(command);
    // Reads and writes that still run belong to a command that has failed.
    runtime.shutdown_background();
    result
}
