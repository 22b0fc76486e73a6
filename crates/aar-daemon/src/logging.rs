//! Structured logs on standard error, which the service manager collects.

use std::io::{self, IsTerminal};

use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, filter::Targets, fmt, prelude::*};

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
    /// A line of text.
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
    let lines = fmt::layer().with_writer(io::stderr);
    let layer = match config.format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let log = tracing_subscriber::registry().with(layer.with_filter(filter(config.level)));
    // A test may have started logging before.
    let _first = log.try_init().is_ok();
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
    use tracing::Level;

    use super::*;

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
