//! Structured logs on standard error, which the service manager collects.
//!
//! Messages and fields can have text of other parties. All of it is made printable here, so that no entry
//! can forge another one or control a terminal.

use std::{
    fmt::Result as FmtResult,
    io::{self, IsTerminal, Write},
};

use aar_types::{Medium, PrintableWriter, printable};
use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Layer, Registry,
    field::RecordFields,
    filter::Targets,
    fmt::{
        self, FormatFields, MakeWriter,
        format::{DefaultFields, Writer},
    },
    prelude::*,
};

/// The section `logger` of a configuration file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct LoggerConfig {
    /// The lowest level that is logged.
    pub level: LogLevel,
    /// The form of an entry.
    pub format: LogFormat,
}

/// The severity of an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Every step.
    Trace,
    /// Details that help to find a bug.
    Debug,
    /// Events that an operator may need later. Templates write an empty string for an unset level.
    #[default]
    #[serde(alias = "")]
    Info,
    /// Events that may need attention.
    #[serde(alias = "warning")]
    Warn,
    /// Failures. Files of other programs also name the levels above, which have no entries of their own.
    #[serde(alias = "critical", alias = "crit", alias = "fatal", alias = "panic")]
    Error,
}

/// The form of an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    #[default]
    Text,
    /// A line with a JSON object.
    Json,
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Trace => Self::TRACE,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Info => Self::INFO,
            LogLevel::Warn => Self::WARN,
            LogLevel::Error => Self::ERROR,
        }
    }
}

/// Starts logging. Only the first call of a process has an effect.
pub fn init(config: &LoggerConfig) {
    let layer = layer(config.format, io::stderr().is_terminal(), io::stderr);
    let log = tracing_subscriber::registry().with(layer.with_filter(filter(config.level)));
    // A test may have started logging before.
    let _first = log.try_init().is_ok();
}

fn layer<W>(format: LogFormat, colours: bool, writer: W) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    match format {
        LogFormat::Text => fmt::layer()
            .with_ansi(colours)
            .fmt_fields(PrintableFields)
            .with_writer(writer)
            .boxed(),
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(PrintableJson(writer))
            .boxed(),
    }
}

/// Formats the message and the fields of an entry.
struct PrintableFields;

impl<'w> FormatFields<'w> for PrintableFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> FmtResult {
        let mut printable = PrintableWriter::new(&mut writer, Medium::Line);
        DefaultFields::new().format_fields(Writer::new(&mut printable), fields)
    }
}

/// Writes entries that are JSON.
struct PrintableJson<W>(W);

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for PrintableJson<W> {
    type Writer = PrintableJson<W::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        PrintableJson(self.0.make_writer())
    }
}

impl<W: Write> Write for PrintableJson<W> {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(entry);
        self.0
            .write_all(printable(&text, Medium::Document).as_bytes())?;
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The level applies to the crates of this project; their dependencies log warnings and errors only.
fn filter(level: LogLevel) -> Targets {
    let own = LevelFilter::from(level);
    let others = own.min(LevelFilter::WARN);
    let targets = ["aar", "ams"].map(|name| (name, own));
    Targets::new().with_default(others).with_targets(targets)
}

#[cfg(test)]
mod tests {
    use std::{
        error::Error,
        sync::{Arc, Mutex},
    };

    use tracing::Level;

    use super::*;

    const HOSTILE: &str = "a\n2026-05-01 ERROR forged\r\x1b[2J\u{9b}31m\u{202e}\u{200b}\u{2028}";

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(entry)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The log of entries in which every kind of field has hostile text.
    fn logged(format: LogFormat) -> String {
        let log = Log::default();
        let writer = log.clone();
        let layer = layer(format, false, move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let error: &(dyn Error + 'static) = &io::Error::other(io::Error::other(HOSTILE));
            tracing::warn!(text = HOSTILE, display = %HOSTILE, debug = ?HOSTILE, error, "{HOSTILE}");
            let span = tracing::warn_span!("span", of_span = %HOSTILE);
            span.in_scope(|| tracing::warn!("{HOSTILE}"));
        });
        let log = log.0.lock().unwrap().clone();
        String::from_utf8(log).unwrap()
    }

    #[test]
    fn text_of_others_forges_no_entry_and_controls_no_terminal() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let log = logged(format);
            assert_eq!(log.lines().count(), 2, "{log}");
            let raw = log.chars().filter(|c| *c != '\n');
            assert!(raw.clone().all(|c| (' '..='~').contains(&c)), "{log:?}");
        }
    }

    #[test]
    fn json_entries_keep_the_text_of_others() {
        let log = logged(LogFormat::Json);
        let entry: serde_json::Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
        for field in ["message", "text", "display"] {
            assert_eq!(entry[field], HOSTILE);
        }
    }

    #[test]
    fn levels_of_other_programs_are_accepted() {
        for (text, expected) in [
            ("critical", LogLevel::Error),
            ("warning", LogLevel::Warn),
            ("", LogLevel::Info),
        ] {
            let level: LogLevel = serde_json::from_value(text.into()).unwrap();
            assert_eq!(level, expected, "{text:?}");
        }
    }

    #[test]
    fn level_applies_to_the_crates_of_this_project() {
        let debug = filter(LogLevel::Debug);
        assert!(debug.would_enable("aar_registry::publish", &Level::DEBUG));
        assert!(debug.would_enable("ams::http", &Level::DEBUG));
        assert!(!debug.would_enable("hyper::proto", &Level::INFO));
        assert!(debug.would_enable("hyper::proto", &Level::WARN));
        assert!(!filter(LogLevel::Error).would_enable("hyper::proto", &Level::WARN));
    }
}
