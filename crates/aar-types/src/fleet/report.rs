use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ApplicationName, Architecture, Medium, Revision, VersionNumber, printable};

/// How an AMS stands, as it reports it: the body of `PUT /1.0/clients/self`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SiteReport {
    /// The name that the site gives itself.
    pub name: String,
    /// The version of its software.
    pub software_version: String,
    /// The architecture of its applications.
    pub architecture: Architecture,
    /// `pull`, `push` or `manual`.
    pub mode: SiteMode,
    /// The tags of the applications that it pulls; empty for all.
    #[serde(default)]
    pub filter: Vec<String>,
    /// The revision that the exceptions are relative to. All other applications are in step with it.
    #[serde(default)]
    pub revision: Option<Revision>,
    /// The last revision without exceptions.
    #[serde(default)]
    pub applied_revision: Option<Revision>,
    /// The applications that are not in step.
    #[serde(default)]
    pub exceptions: Vec<SiteException>,
    /// How many exceptions are left out.
    #[serde(default)]
    pub more_exceptions: u64,
    /// The free space for images, in bytes.
    #[serde(default)]
    pub free_bytes: Option<u64>,
}

/// An application that is not in step with the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SiteException {
    /// The application.
    pub application: ApplicationName,
    /// The version in transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionNumber>,
    /// Its state.
    pub state: ExceptionState,
    /// The reason, in a sentence.
    #[serde(default)]
    pub reason: String,
    /// The transferred bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The bytes to transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

/// The state of an application that is not in step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ExceptionState {
    /// Steps remain.
    Pending,
    /// A version is being built; there is nothing to push yet.
    Building,
    /// A step failed, and is retried.
    Failed,
    /// Site and registry disagree until an operator resolves it.
    Conflict,
    /// Its removal is held.
    Held,
    /// A state that only a newer site knows.
    #[serde(other)]
    Unknown,
}

/// Which rounds a site runs without a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum SiteMode {
    /// It follows the registry.
    Pull,
    /// It publishes in the registry.
    Push,
    /// None.
    Manual,
}

impl SiteMode {
    /// The name in bodies and configurations.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Manual => "manual",
        }
    }
}

impl fmt::Display for SiteMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl SiteReport {
    /// The most characters of a name and of a version of software.
    pub const MAX_NAME: usize = 100;
    /// The most characters of a reason.
    pub const MAX_REASON: usize = 300;
    /// The most exceptions and the most tags.
    pub const MAX_ENTRIES: usize = 200;

    /// How many applications have failed, are in conflict, or are held.
    pub fn failing(&self) -> usize {
        let is_failing = |exception: &&SiteException| {
            let state = exception.state;
            !matches!(state, ExceptionState::Pending | ExceptionState::Building)
        };
        self.exceptions.iter().filter(is_failing).count()
    }

    /// Whether applications are not in step.
    pub fn is_behind(&self) -> bool {
        !self.exceptions.is_empty()
    }

    /// The report with its foreign text made printable. Refuses a report beyond the bounds.
    pub fn checked(mut self) -> Result<Self, InvalidReport> {
        bounded("name", &mut self.name, Self::MAX_NAME)?;
        bounded(
            "software_version",
            &mut self.software_version,
            Self::MAX_NAME,
        )?;
        count("filter", self.filter.len())?;
        for tag in &mut self.filter {
            bounded("filter", tag, Self::MAX_NAME)?;
        }
        count("exceptions", self.exceptions.len())?;
        for exception in &mut self.exceptions {
            bounded("exceptions.reason", &mut exception.reason, Self::MAX_REASON)?;
        }
        Ok(self)
    }
}

/// A report beyond the bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {found} {unit}, {most} at most")]
pub struct InvalidReport {
    /// The attribute.
    field: &'static str,
    found: usize,
    unit: &'static str,
    most: usize,
}

fn bounded(field: &'static str, text: &mut String, most: usize) -> Result<(), InvalidReport> {
    at_most(field, text.chars().count(), "characters", most)?;
    *text = printable(text, Medium::Line).into_owned();
    Ok(())
}

fn count(field: &'static str, found: usize) -> Result<(), InvalidReport> {
    at_most(field, found, "entries", SiteReport::MAX_ENTRIES)
}

fn at_most(
    field: &'static str,
    found: usize,
    unit: &'static str,
    most: usize,
) -> Result<(), InvalidReport> {
    if found > most {
        return Err(InvalidReport {
            field,
            found,
            unit,
            most,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> SiteReport {
        SiteReport {
            name: "tokyo".to_owned(),
            software_version: "1.0".to_owned(),
            architecture: Architecture::Arm64,
            mode: SiteMode::Pull,
            filter: Vec::new(),
            revision: None,
            applied_revision: None,
            exceptions: Vec::new(),
            more_exceptions: 0,
            free_bytes: None,
        }
    }

    #[test]
    fn foreign_text_of_a_report_becomes_printable() {
        let hostile = SiteReport {
            name: "a\u{202e}b\n".to_owned(),
            filter: vec!["\u{1b}[2J".to_owned()],
            ..report()
        };
        let checked = hostile.checked().unwrap();
        assert_eq!(checked.name, "a\\u{202e}b\\n");
        assert_eq!(checked.filter, ["\\u{1b}[2J"]);
    }

    #[test]
    fn report_beyond_a_bound_is_refused_by_name() {
        let exception = SiteException {
            application: "a".parse().unwrap(),
            version: None,
            state: ExceptionState::Failed,
            reason: "x".repeat(SiteReport::MAX_REASON + 1),
            bytes: None,
            total: None,
        };
        let mut long = report();
        long.exceptions = vec![exception.clone()];
        let refused = long.checked().unwrap_err().to_string();
        assert_eq!(refused, "exceptions.reason: 301 characters, 300 at most");
        let reason = String::new();
        let mut many = report();
        many.exceptions = vec![
            SiteException {
                reason,
                ..exception
            };
            201
        ];
        let refused = many.checked().unwrap_err().to_string();
        assert_eq!(refused, "exceptions: 201 entries, 200 at most");
    }
}
