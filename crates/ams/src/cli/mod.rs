//! The command line of `ams`.

mod check_config;
mod serve;

use std::{ffi::OsString, path::PathBuf};

use aar_cli::{CompletionArgs, Exit, Failure, Printer};
use aar_daemon::{
    BaseDir, Program,
    owner::{KeptPrivileges, work_as_owner},
};
use ams::Settings;
use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand};

/// The settings file, below the base folder.
const SETTINGS: &str = "server/settings.yaml";

/// The application half of the Anbox Management Service
#[derive(Debug, Parser)]
#[command(
    name = "ams",
    version,
    disable_version_flag = true,
    arg_required_else_help = true
)]
struct Arguments {
    /// Keep all data in this folder
    #[arg(long, global = true, value_name = "FOLDER")]
    base_dir: Option<PathBuf>,
    /// Print the version
    #[arg(short = 'v', long, action = clap::ArgAction::Version)]
    version: (),
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API until SIGTERM or SIGINT
    Serve,
    /// Validate the settings file
    CheckConfig,
    /// Print the completion script for a shell
    Completion(CompletionArgs),
    /// Print the reference of this command line in Markdown
    #[command(hide = true)]
    Reference,
    /// Print the reference of the configuration items in Markdown
    #[command(hide = true)]
    ConfigReference,
}

/// Reads the settings and checks the certificate files that they name.
fn settings(base: &BaseDir) -> anyhow::Result<Settings> {
    let path = base.join(SETTINGS);
    let settings = Settings::load(&path)?;
    let identity = settings.metrics.prometheus.identity();
    identity.with_context(|| format!("{}: metrics.prometheus.tls", path.display()))?;
    Ok(settings)
}

pub(crate) fn run(printer: &Printer, arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Arguments = match aar_cli::parse(printer, arguments) {
        Ok(arguments) => arguments,
        Err(exit) => return exit,
    };
    match dispatch(printer, &arguments) {
        Ok(()) => Exit::Done,
        Err(error) if aar_cli::is_closed_output(error.as_ref()) => Exit::Done,
        Err(error) => {
            printer.failure(&Failure::from_error(error.as_ref()));
            Exit::Failed
        }
    }
}

fn dispatch(printer: &Printer, arguments: &Arguments) -> anyhow::Result<()> {
    let base = || -> anyhow::Result<BaseDir> {
        let base = BaseDir::open(Program::Ams, arguments.base_dir.clone())?;
        work_as_owner(base.path(), KeptPrivileges::None)?;
        Ok(base)
    };
    match &arguments.command {
        Command::Serve => serve::run(&base()?)?,
        Command::CheckConfig => {
            check_config::require_base_dir(arguments.base_dir.as_deref())?;
            check_config::run(&base()?, printer)?;
        }
        Command::Completion(shell) => shell.print(Arguments::command(), printer)?,
        Command::Reference => aar_cli::print_reference(&Arguments::command(), printer)?,
        Command::ConfigReference => printer.data(&ams::config::reference())?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ams(arguments: &[&str]) -> (Exit, String, String) {
        let (printer, captured) = Printer::captured();
        let program = std::iter::once(&"ams").chain(arguments);
        let exit = run(&printer, program.map(OsString::from));
        (exit, captured.stdout(), captured.stderr())
    }

    fn check(settings: &str) -> (Exit, String) {
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join(SETTINGS);
        fs_err::create_dir_all(file.parent().unwrap()).unwrap();
        fs_err::write(file, settings).unwrap();
        let base = base.path().to_str().unwrap();
        let (exit, _, stderr) = ams(&["check-config", "--base-dir", base]);
        (exit, stderr)
    }

    #[test]
    fn both_version_flags_print_the_version() {
        for flag in ["-v", "--version"] {
            let (exit, stdout, _) = ams(&[flag]);
            let version = format!("ams {}\n", env!("CARGO_PKG_VERSION"));
            assert_eq!((exit, stdout), (Exit::Done, version));
        }
    }

    #[test]
    fn check_creates_no_folder_and_reports_a_missing_one() {
        let parent = tempfile::tempdir().unwrap();
        let base = parent.path().join("mistyped");
        let check = || ams(&["check-config", "--base-dir", base.to_str().unwrap()]);
        let (exit, _, stderr) = check();
        assert_eq!(exit, Exit::Failed);
        let missing = format!("the base folder {} does not exist", base.display());
        assert!(stderr.contains(&missing), "{stderr}");
        assert!(!base.exists());
        fs_err::create_dir(&base).unwrap();
        let (exit, _, stderr) = check();
        assert_eq!(exit, Exit::Done);
        assert!(
            stderr.contains("settings.yaml does not exist: the defaults apply"),
            "{stderr}"
        );
    }

    #[test]
    fn valid_settings_pass_the_check() {
        let (exit, stderr) = check("listen-address: 127.0.0.1:8444\nlogger: {level: info}\n");
        assert_eq!((exit, &*stderr), (Exit::Done, "the settings are valid\n"));
    }

    #[test]
    fn invalid_settings_are_refused_with_file_line_and_key() {
        let (exit, stderr) = check("logger:\n  level: loud\n");
        assert_eq!(exit, Exit::Failed);
        for part in ["settings.yaml", "2", "logger.level", "loud"] {
            assert!(stderr.contains(part), "{part}: {stderr}");
        }
    }

    #[test]
    fn missing_command_prints_the_help_and_serves_nothing() {
        let base = tempfile::tempdir().unwrap();
        let base_dir = ["--base-dir", base.path().to_str().unwrap()];
        for arguments in [&[][..], &base_dir] {
            let (exit, stdout, stderr) = ams(arguments);
            assert_eq!((exit, &*stdout), (Exit::Usage, ""));
            assert!(stderr.contains("ams [OPTIONS] <COMMAND>"), "{stderr}");
        }
        assert_eq!(fs_err::read_dir(base.path()).unwrap().count(), 0);
    }

    #[test]
    fn unknown_command_is_a_usage_error() {
        let (exit, stdout, stderr) = ams(&["dance"]);
        assert_eq!((exit, &*stdout), (Exit::Usage, ""));
        assert!(stderr.contains("dance"), "{stderr}");
    }

    #[test]
    fn completion_script_contains_the_commands() {
        let (exit, stdout, _) = ams(&["completion", "bash"]);
        assert_eq!(exit, Exit::Done);
        assert!(stdout.contains("check-config"), "{stdout}");
    }
}
