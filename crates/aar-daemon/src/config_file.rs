//! Reading a configuration file: whole and well, or not at all.
//!
//! Keys are kebab-case; the types that are read say which there are and should refuse others
//! (`#[serde(deny_unknown_fields)]`), so that a slip of the pen does not pass for a default.

mod complaint;

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;
use serde_path_to_error::{Deserializer, Track};

/// A configuration file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It exists and cannot be read. The message names it.
    #[error("the configuration cannot be read: {0}")]
    Unreadable(io::Error),
    /// Something in it is wrong.
    #[error("{}", place(path, *line, key))]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, where it is known.
        line: Option<u64>,
        /// The key, from the top and with dots between, where it is known.
        key: String,
        /// What is wrong.
        source: Complaint,
    },
}

/// What is wrong at a place of a configuration file.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Complaint(String);

/// Reads a file. `None` where there is none; an empty one stands for no key at all.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ConfigError> {
    match fs_err::read_to_string(path) {
        Ok(text) => parse(path, &text).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ConfigError::Unreadable(error)),
    }
}

/// Reads the text of a file; the path is for messages only.
pub fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, ConfigError> {
    let text = if is_empty(text) { "{}" } else { text };
    let mut track = Track::new();
    let read = serde_saphyr::with_deserializer_from_str(text, |yaml| {
        T::deserialize(Deserializer::new(yaml, &mut track))
    });
    read.map_err(|error| {
        let error = error.without_snippet();
        ConfigError::Wrong {
            path: path.to_owned(),
            line: error.location().map(|place| place.line()),
            key: track.path().to_string(),
            source: Complaint(complaint::of(error)),
        }
    })
}

/// Whether there is nothing in it but blank lines, comments and document marks.
fn is_empty(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}');
    let mut lines = text.lines().map(str::trim);
    lines.all(|line| line.is_empty() || line.starts_with('#') || line == "---")
}

/// `file:line: key`, as far as each is known: editors jump to it.
fn place(path: &Path, line: Option<u64>, key: &str) -> String {
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    // The tracker calls the document as a whole a dot, and what it has lost a question mark.
    let key = match key {
        "" | "." | "?" => String::new(),
        key => format!(": {key}"),
    };
    format!("{}{line}{key}", path.display())
}

#[cfg(test)]
mod tests;
