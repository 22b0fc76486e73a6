//! Reads configuration files strictly.
//!
//! Keys are in kebab-case. Types should refuse unknown keys (`#[serde(deny_unknown_fields)]`), so that a
//! typing mistake does not silently select a default.

mod listener;
mod message;
mod unquoted;

use std::{
    io,
    path::{Path, PathBuf},
};

pub use listener::{
    CertificateFiles, OwnLabels, extra_labels, optional_certificate, optional_text,
};
use serde::de::DeserializeOwned;
use serde_path_to_error::{Deserializer, Track};

/// A configuration file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It exists but cannot be read; the message names it.
    #[error("the configuration cannot be read: {0}")]
    Unreadable(io::Error),
    #[error("{}", position(path, *line, key))]
    Invalid {
        path: PathBuf,
        /// The line, if it is known.
        line: Option<u64>,
        /// The full key, with dots, if it is known.
        key: String,
        source: InvalidConfig,
    },
}

/// The problem in the content of a configuration file.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidConfig(String);

/// Reads a file. `None` if it does not exist; an empty file has no keys.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ConfigError> {
    let text = aar_fs::if_exists(fs_err::read_to_string(path)).map_err(ConfigError::Unreadable)?;
    text.map(|text| parse(path, &text)).transpose()
}

/// Reads the text of a file; the path is only for messages.
pub fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, ConfigError> {
    let text = if is_empty(text) { "{}" } else { text };
    let mut track = Track::new();
    let read = serde_saphyr::with_deserializer_from_str(text, |yaml| {
        T::deserialize(Deserializer::new(yaml, &mut track))
    });
    read.map_err(|error| {
        let error = error.without_snippet();
        let line = error.location().map(|location| location.line());
        let unquoted = line.and_then(|number| unquoted::in_line(text, number));
        ConfigError::Invalid {
            path: path.to_owned(),
            line,
            key: track.path().to_string().replace(".?", ""),
            source: InvalidConfig(unquoted.unwrap_or_else(|| message::of(error))),
        }
    })
}

/// Whether it holds only blank lines, comments and document markers.
fn is_empty(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}');
    let mut lines = text.lines().map(str::trim);
    lines.all(|line| line.is_empty() || line.starts_with('#') || line == "---")
}

/// `file:line: key`, which editors can jump to.
fn position(path: &Path, line: Option<u64>, key: &str) -> String {
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    // The tracker writes `.` for the whole document and `?` for an unknown key.
    let key = match key {
        "" | "." | "?" => String::new(),
        key => format!(": {key}"),
    };
    format!("{}{line}{key}", path.display())
}

#[cfg(test)]
mod tests;
