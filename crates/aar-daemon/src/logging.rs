//! Structured logs on standard error, where the service manager collects them.

use std::io::{self, IsTerminal};

use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, filter::Targets, fmt, prelude::*};

/// What is logged and how it looks. The section `logger` of a configuration file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct LoggerConfig {
    /// The least severe level that is logged.
    pub level: LogLevel,
    /// How an entry is written.
    pub format: LogFormat,
}

/// How severe an entry is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Every step.
    Trace,
    /// What helps to find a fault.
    Debug,
    /// What an operator wants to know afterwards.
    #[default]
    Info,
    /// What may need a hand.
    #[serde(alias = "warning")]
    Warn,
    /// What has failed.
    Error,
}

/// How an entry is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object on a line.
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

/// Begins to log. Only the first call of a process counts.
pub fn init(config: &LoggerConfig) {
    let lines = fmt::layer().with_writer(io::stderr);
    let layer = match config.format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let log = tracing_subscriber::registry().with(layer.with_filter(filter(config.level)));
    // A test may have begun to log before; its logger then stays.
    let _first = log.try_init().is_ok();
}

/// The level is for this project's own crates; what they build on speaks up from warnings on.
fn filter(level: LogLevel) -> Targets {
    let own = LevelFilter::from(level);
    let others = own.min(LevelFilter::WARN);
    let crates = ["aar", "ams"].map(|name| (name, own));
    Targets::new().with_default(others).with_targets(crates)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn the_level_is_for_the_projects_own_crates() {
        let debug = filter(LogLevel::Debug);
        assert!(debug.would_enable("aar_registry::publish", &Level::DEBUG));
        assert!(debug.would_enable("ams::http", &Level::DEBUG));
        assert!(!debug.would_enable("hyper::proto", &Level::INFO));
        assert!(debug.would_enable("hyper::proto", &Level::WARN));
        assert!(!filter(LogLevel::Error).would_enable("hyper::proto", &Level::WARN));
    }
}
