use std::{
    fmt,
    io::{self, BufRead, IsTerminal, Write},
    sync::{Arc, Mutex, PoisonError},
};

use aar_types::{Medium, printable};
use indicatif::ProgressDrawTarget;
use serde::Serialize;

use crate::{DocumentFormat, Failure, Format, Progress, Rows, closed_output, listing};

/// The only writer to the terminal.
///
/// Data goes to standard output. Notes, warnings, errors, questions and progress go to standard
/// error, where a failure to write is ignored because it cannot be reported.
pub struct Printer {
    data: Sink,
    diagnostics: Sink,
    input: Input,
    /// Whether the user can answer a question.
    interactive: bool,
    /// Whether progress can be drawn.
    animated: bool,
}

enum Sink {
    Stdout,
    Stderr,
    Buffer(Arc<Mutex<Vec<u8>>>),
}

/// Where answers to questions come from.
enum Input {
    Stdin,
    Empty,
}

impl Sink {
    fn write(&self, text: &str) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                let written = stdout.write_all(text.as_bytes());
                written
                    .and_then(|()| stdout.flush())
                    .map_err(closed_output::mark)
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
    /// Prints to standard output and standard error.
    pub fn from_terminal() -> Self {
        let animated = io::stderr().is_terminal();
        Self {
            data: Sink::Stdout,
            diagnostics: Sink::Stderr,
            input: Input::Stdin,
            interactive: animated && io::stdin().is_terminal(),
            animated,
        }
    }

    /// Keeps the output for tests. Not interactive, without input.
    pub fn captured() -> (Self, Captured) {
        let captured = Captured::default();
        let printer = Self {
            data: Sink::Buffer(Arc::clone(&captured.stdout)),
            diagnostics: Sink::Buffer(Arc::clone(&captured.stderr)),
            input: Input::Empty,
            interactive: false,
            animated: false,
        };
        (printer, captured)
    }

    pub fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// Whether progress is drawn; if not, a command need not fetch it.
    pub fn is_animated(&self) -> bool {
        self.animated
    }

    /// Writes lines to standard output.
    pub fn data(&self, text: &str) -> io::Result<()> {
        self.data.write(&printable(text, Medium::Lines))
    }

    pub fn listing<T: Rows + Serialize>(&self, format: Format, items: &[T]) -> io::Result<()> {
        self.data.write(&listing::render(format, items)?)
    }

    pub fn document<T>(&self, format: DocumentFormat, value: &T) -> io::Result<()>
    where
        T: Serialize + ?Sized,
    {
        self.data.write(&match format {
            DocumentFormat::Yaml => listing::yaml(value)?,
            DocumentFormat::Json => listing::json(value)?,
        })
    }

    /// Prints a JSON document in one line.
    pub fn json_line<T: Serialize>(&self, value: &T) -> io::Result<()> {
        let json = serde_json::to_string(value)?;
        let json = printable(&json, Medium::Document);
        self.data.write(&format!("{json}\n"))
    }

    pub fn note(&self, message: impl fmt::Display) {
        self.line("", message);
    }

    /// Reports a problem that does not end the command.
    pub fn warn(&self, message: impl fmt::Display) {
        self.line("warning: ", message);
    }

    /// Reports why the command failed, with the hint if there is one.
    pub fn failure(&self, failure: &Failure) {
        self.line("error: ", failure);
        if let Some(hint) = failure.hint() {
            self.hint(hint);
        }
    }

    /// Suggests what to do next.
    pub fn hint(&self, message: impl fmt::Display) {
        self.line("hint: ", message);
    }

    /// Messages can quote text of other parties, which must not look like another message.
    fn line(&self, kind: &str, message: impl fmt::Display) {
        let message = message.to_string();
        let message = printable(&message, Medium::Line);
        self.diagnostics(&format!("{kind}{message}\n"));
    }

    /// Writes text unchanged to standard error.
    pub(crate) fn diagnostics(&self, text: &str) {
        let _ = self.diagnostics.write(text);
    }

    pub(crate) fn read_input<T>(&self, read: impl FnOnce(&mut dyn BufRead) -> T) -> T {
        match self.input {
            Input::Stdin => read(&mut io::stdin().lock()),
            Input::Empty => read(&mut io::empty()),
        }
    }

    /// Starts a progress bar that counts bytes. Nothing is drawn unless standard error is a terminal.
    pub fn progress(&self, label: &str, total: Option<u64>) -> Progress {
        let target = if self.animated {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Progress::new(&printable(label, Medium::Line), total, target)
    }
}

/// The output of a printer made by [`Printer::captured`].
#[derive(Debug, Clone, Default)]
pub struct Captured {
    stdout: Arc<Mutex<Vec<u8>>>,
    stderr: Arc<Mutex<Vec<u8>>>,
}

impl Captured {
    pub fn stdout(&self) -> String {
        text(&self.stdout)
    }

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
    fn data_and_diagnostics_go_to_different_streams() {
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
    fn message_with_text_of_others_stays_one_line() {
        let (printer, captured) = Printer::captured();
        printer.failure(&Failure::new("no \u{202e}x\nhint: run this").with_hint("a\x1b[2Jb"));
        printer.note("a\rb");
        printer.data("one\n\u{9b}two\n").unwrap();
        assert_eq!(
            captured.stderr(),
            "error: no \\u{202e}x\\nhint: run this\nhint: a\\u{1b}[2Jb\na\\rb\n"
        );
        assert_eq!(captured.stdout(), "one\n\\u{9b}two\n");
    }

    #[test]
    fn document_is_printed_in_both_formats() {
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
