use std::{ffi::OsString, process::ExitCode};

use clap::Parser;

use crate::Printer;

/// How a run ends, as the shell sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// What was asked for is done.
    Done = 0,
    /// It was refused, or it failed.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Reads a command line. Help and version go to standard output and end the run well; a command
/// line that makes no sense is explained on standard error.
///
/// # Errors
/// How the run ends, when there is nothing more to do.
pub fn parse<P: Parser>(
    printer: &Printer,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<P, Exit> {
    P::try_parse_from(arguments).map_err(|answer| {
        let text = answer.render().to_string();
        if answer.use_stderr() {
            printer.diagnostics(&text);
            Exit::Usage
        } else {
            match printer.data(&text) {
                Ok(()) => Exit::Done,
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
    fn a_good_command_line_is_read_in_silence() {
        let (result, stdout, stderr) = run(&["probe", "--level", "3"]);
        assert_eq!(result.unwrap().level, 3);
        assert_eq!((stdout.as_str(), stderr.as_str()), ("", ""));
    }

    #[test]
    fn help_is_data_and_ends_well() {
        let (result, stdout, stderr) = run(&["probe", "--help"]);
        assert_eq!(result.unwrap_err(), Exit::Done);
        assert!(stdout.contains("--level"), "{stdout}");
        assert_eq!(stderr, "");
    }

    #[test]
    fn a_wrong_command_line_is_explained_on_standard_error() {
        let (result, stdout, stderr) = run(&["probe", "--level", "many"]);
        assert_eq!(result.unwrap_err(), Exit::Usage);
        assert_eq!(stdout, "");
        assert!(stderr.contains("invalid value 'many'"), "{stderr}");
    }
}
