//! The command line of `aar`: one file for each command.
//!
//! A command works on the metadata directly, so it does the same with and without a running service. It
//! notifies a running service of changes before it returns. All output goes through the [`Printer`].

mod application;
mod arguments;
mod audit;
mod check_config;
mod context;
mod fleet;
mod fleet_source;
mod gc;
mod other_registry;
mod serve;
mod status;
mod storage;
mod trust;
mod wait;

use std::{ffi::OsString, process::ExitCode, time::Duration};

use aar_cli::{Exit, Failure, Printer};
use aar_daemon::{
    base_dir::{self, Program},
    owner::{KeptPrivileges, work_as_owner},
};
use clap::CommandFactory as _;

use self::{
    arguments::{Arguments, Command},
    context::Context,
};

/// The maximum delay of the exit by blocking work, for example on a hanging file system.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(2);

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    run(&Printer::from_terminal(), std::env::args_os()).into()
}

/// Runs a command line, whose first argument is the name of the program.
pub fn run(printer: &Printer, arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments = match aar_cli::parse::<Arguments>(printer, arguments) {
        Ok(arguments) => arguments,
        Err(exit) => return exit,
    };
    match execute(printer, arguments) {
        Ok(exit) => exit,
        Err(error) if aar_cli::is_closed_output(error.as_ref()) => Exit::Done,
        Err(error) => {
            printer.failure(&Failure::from_error(error.as_ref()));
            Exit::Failed
        }
    }
}

fn execute(printer: &Printer, arguments: Arguments) -> anyhow::Result<Exit> {
    let base = base_dir::resolve(Program::Aar, arguments.base_dir);
    let kept = match arguments.command {
        Command::Serve => KeptPrivileges::None,
        _ => KeptPrivileges::ReadFiles,
    };
    work_as_owner(&base, kept)?;
    let context = Context::new(base, printer);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(dispatch(&context, arguments.command));
    runtime.shutdown_timeout(SHUTDOWN_LIMIT);
    outcome
}

async fn dispatch(context: &Context<'_>, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Serve => serve::run(context).await,
        Command::Trust(command) => trust::run(context, command).await,
        Command::Application(command) => application::run(context, command).await,
        Command::Fleet(arguments) => fleet::run(context, arguments).await,
        Command::Wait(arguments) => wait::run(context, &arguments).await,
        Command::Status(arguments) => status::run(context, &arguments).await,
        Command::Audit(arguments) => audit::run(context, &arguments).await,
        Command::Gc(arguments) => gc::run(context, &arguments).await,
        Command::Storage(command) => storage::run(context, command).await,
        Command::CheckConfig(arguments) => check_config::run(context, &arguments),
        Command::Completion(arguments) => {
            arguments.print(Arguments::command(), context.printer)?;
            Ok(Exit::Done)
        }
        Command::Version => {
            let version = Arguments::command().render_version();
            context.printer.data(&version)?;
            Ok(Exit::Done)
        }
        Command::Reference => {
            aar_cli::print_reference(&Arguments::command(), context.printer)?;
            Ok(Exit::Done)
        }
        Command::Openapi => {
            context.printer.data(&crate::openapi_json())?;
            Ok(Exit::Done)
        }
    }
}
