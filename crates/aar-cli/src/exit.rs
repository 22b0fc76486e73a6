use std::{ffi::OsString, process::ExitCode};

use clap::Parser;

use crate::{Printer, is_closed_output};

/// The exit code of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    /// The command was refused, or it failed.
    Failed = 1,
    /// The command line is invalid.
    Usage = 2,
    /// The command is done as far as is known.
    Incomplete = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Parses a command line. Prints help and version to standard output, and the reason why a command
/// line is invalid to standard error; the program then ends with the returned [`Exit`].
pub fn parse<P: Parser>(
    printer: &Printer,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<P, Exit> {
    P::try_parse_from(arguments).map_err(|error| {
        let text = error.render().to_string();
        if error.use_stderr() {
            printer.diagnostics(&text);
            Exit::Usage
        } else {
            match printer.data(&text) {
                Ok(()) => Exit::Done,
                Err(error) if is_closed_output(&error) => Exit::Done,
                Err(_) => Exit::Failed,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Parser)]
    #[command(name = "probe", version = "1.2.3")]
    struct Probe {
        #[arg(long)]
        level: u8,
    }

    fn run(arguments: &[&str]) -> (Result<Probe, Exit>, String, String) {
        let (printer, captured) = Printer::captured();
        let result = parse(&printer, arguments.iter().map(OsString::from));
        (result, captured.stdout(), captured.stderr())
    }

    #[test]
    fn valid_command_line_prints_nothing() {
        let (result, stdout, stderr) = run(&["probe", "--level", "3"]);
        assert_eq!(result.unwrap().level, 3);
        assert_eq!((stdout.as_str(), stderr.as_str()), ("", ""));
    }

    #[test]
    fn help_goes_to_standard_output_and_succeeds() {
        let (result, stdout, stderr) = run(&["probe", "--help"]);
        assert_eq!(result.unwrap_err(), Exit::Done);
        assert!(stdout.contains("--level"), "{stdout}");
        assert_eq!(stderr, "");
    }

    #[test]
    fn invalid_command_line_is_explained_on_standard_error() {
        let (result, stdout, stderr) = run(&["probe", "--level", "many"]);
        assert_eq!(result.unwrap_err(), Exit::Usage);
        assert_eq!(stdout, "");
        assert!(stderr.contains("invalid value 'many'"), "{stderr}");
    }
}
