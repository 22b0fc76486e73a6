//! What is to be done, as a pure function of what both sides have.

pub(crate) mod pull;
pub(crate) mod push;

#[cfg(test)]
pub(crate) mod notation;

use std::fmt;

use aar_types::{ApplicationName, Fingerprint, VersionNumber};
use serde::{Deserialize, Serialize};

/// What the two sides disagree on. Nothing is changed on either until somebody decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Conflict {
    /// An application of the registry has the name of one that was created here.
    LocalApplication {
        /// The application.
        application: ApplicationName,
    },
    /// Both sides have a version of the number, with different content.
    OtherContent {
        /// The application.
        application: ApplicationName,
        /// The version.
        version: VersionNumber,
        /// The fingerprint of the content here.
        local: Fingerprint,
        /// The fingerprint of the content in the registry.
        registry: Fingerprint,
    },
}

impl Conflict {
    /// The application it is about.
    pub fn application(&self) -> &ApplicationName {
        match self {
            Self::LocalApplication { application } | Self::OtherContent { application, .. } => {
                application
            }
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LocalApplication { application } => write!(
                f,
                "{application} was created here and is left alone; to pull the application of \
                 that name, delete it here, and create it again under another name if it is needed"
            ),
            Self::OtherContent {
                application,
                version,
                local,
                registry,
            } => write!(
                f,
                "version {version} of {application} is {local} here and {registry} in the \
                 registry; versions do not change, so one of them has to go"
            ),
        }
    }
}

/// The steps before the transfers, the transfers, and the steps after them.
fn phases<T>(steps: &[T], is_transfer: impl Fn(&T) -> bool) -> [&[T]; 3] {
    let begin = steps.iter().position(&is_transfer).unwrap_or(steps.len());
    let transfers = steps[begin..].iter().take_while(|step| is_transfer(step));
    let end = begin + transfers.count();
    [&steps[..begin], &steps[begin..end], &steps[end..]]
}
