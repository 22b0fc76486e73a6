use std::{
    fmt,
    io::{self, BufRead, IsTerminal, Write},
    sync::{Arc, Mutex, PoisonError},
};

use indicatif::ProgressDrawTarget;
use serde::Serialize;

use crate::{DocumentFormat, Failure, Format, Progress, Rows, listing};

/// The one place that writes to the terminal.
///
/// Data goes to standard output. Notes, warnings, errors, questions and progress go to standard
/// error, where a failure to write is ignored: there is nobody left to tell.
pub struct Printer {
    data: Sink,
    diagnostics: Sink,
    /// Whether somebody sits there to answer a question.
    interactive: bool,
    /// Whether progress can be drawn.
    animated: bool,
}

enum Sink {
    Stdout,
    Stderr,
    Buffer(Arc<Mutex<Vec<u8>>>),
}

impl Sink {
    fn write(&self, text: &str) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(text.as_bytes())?;
                stdout.flush()
            }
            Self::Stderr => io::stderr().lock().write_all(text.as_bytes()),
            Self::Buffer(buffer) => {
                let mut buffer = buffer.lock().unwrap_or_else(PoisonError::into_inner);
                buffer.extend_from_slice(text.as_bytes());
                Ok(())
            }
        }
    }
}

impl Printer {
    /// The printer of a program: standard output and standard error.
    pub fn from_terminal() -> Self {
        let animated = io::stderr().is_terminal();
        Self {
            data: Sink::Stdout,
            diagnostics: Sink::Stderr,
            interactive: animated && io::stdin().is_terminal(),
            animated,
        }
    }

    /// A printer whose output is kept, for tests. It is not interactive.
    pub fn captured() -> (Self, Captured) {
        let captured = Captured::default();
        let printer = Self {
            data: Sink::Buffer(Arc::clone(&captured.stdout)),
            diagnostics: Sink::Buffer(Arc::clone(&captured.stderr)),
            interactive: false,
            animated: false,
        };
        (printer, captured)
    }

    /// Whether questions can be asked.
    pub fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// Whether progress is drawn, so that it is worth asking for.
    pub fn is_animated(&self) -> bool {
        self.animated
    }

    /// Writes text as it is to standard output.
    pub fn data(&self, text: &str) -> io::Result<()> {
        self.data.write(text)
    }

    /// Prints a listing to standard output.
    pub fn listing<T: Rows + Serialize>(&self, format: Format, items: &[T]) -> io::Result<()> {
        self.data(&listing::render(format, items)?)
    }

    /// Prints a single thing to standard output.
    pub fn document<T>(&self, format: DocumentFormat, value: &T) -> io::Result<()>
    where
        T: Serialize + ?Sized,
    {
        self.data(&match format {
            DocumentFormat::Yaml => listing::yaml(value)?,
            DocumentFormat::Json => listing::json(value)?,
        })
    }

    /// Says what was done.
    pub fn note(&self, message: impl fmt::Display) {
        self.diagnostics(&format!("{message}\n"));
    }

    /// Says what is odd although the run goes on.
    pub fn warn(&self, message: impl fmt::Display) {
        self.diagnostics(&format!("warning: {message}\n"));
    }

    /// Says why the run failed, and what to do where somebody knows.
    pub fn failure(&self, failure: &Failure) {
        self.diagnostics(&format!("error: {failure}\n"));
        if let Some(hint) = failure.hint() {
            self.hint(hint);
        }
    }

    /// Says what to do next.
    pub fn hint(&self, message: impl fmt::Display) {
        self.diagnostics(&format!("hint: {message}\n"));
    }

    /// Writes text as it is to standard error.
    pub(crate) fn diagnostics(&self, text: &str) {
        let _ = self.diagnostics.write(text);
    }

    /// Asks a question that is answered with yes or no. Where nobody can answer it is no.
    pub fn confirm(&self, question: &str) -> io::Result<bool> {
        if !self.interactive {
            return Ok(false);
        }
        self.diagnostics(&format!("{question} (yes/no) [no]: "));
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(is_yes(&answer))
    }

    /// Shows how far a transfer of bytes is; of a total, where that is known. On anything but a
    /// terminal nothing is drawn.
    pub fn progress(&self, label: &str, total: Option<u64>) -> Progress {
        let target = if self.animated {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Progress::new(label, total, target)
    }
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// What a captured printer has printed.
#[derive(Debug, Clone, Default)]
pub struct Captured {
    stdout: Arc<Mutex<Vec<u8>>>,
    stderr: Arc<Mutex<Vec<u8>>>,
}

impl Captured {
    /// Everything that went to standard output.
    pub fn stdout(&self) -> String {
        text(&self.stdout)
    }

    /// Everything that went to standard error.
    pub fn stderr(&self) -> String {
        text(&self.stderr)
    }
}

fn text(buffer: &Mutex<Vec<u8>>) -> String {
    let buffer = buffer.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&buffer).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_and_everything_else_do_not_mix() {
        let (printer, captured) = Printer::captured();
        printer.data("data\n").unwrap();
        printer.note("done");
        printer.warn("odd");
        printer.failure(&Failure::new("bad").with_hint("mend it"));
        assert_eq!(captured.stdout(), "data\n");
        assert_eq!(
            captured.stderr(),
            "done\nwarning: odd\nerror: bad\nhint: mend it\n"
        );
    }

    #[test]
    fn where_nobody_can_answer_it_is_no_and_nothing_is_asked() {
        let (printer, captured) = Printer::captured();
        assert!(!printer.confirm("Really?").unwrap());
        assert_eq!(captured.stderr(), "");
    }

    #[test]
    fn only_a_clear_yes_is_yes() {
        assert!(["y\n", "YES\n", " yes "].into_iter().all(is_yes));
        assert!(!["", "\n", "no", "yess", "j"].into_iter().any(is_yes));
    }

    #[test]
    fn documents_are_printed_in_both_forms() {
        let (printer, captured) = Printer::captured();
        let value = std::collections::BTreeMap::from([("name", "a: b")]);
        printer.document(DocumentFormat::Yaml, &value).unwrap();
        printer.document(DocumentFormat::Json, &value).unwrap();
        assert_eq!(
            captured.stdout(),
            "name: \"a: b\"\n{\n  \"name\": \"a: b\"\n}\n"
        );
    }
}
