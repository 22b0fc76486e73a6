//! Removals that are held back, and why.

use std::fmt;

use aar_types::{ApplicationName, RegistryId, Revision};
use serde::{Deserialize, Serialize};

/// Removals that are held back. Clients store them, so the names in here do not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Why.
    pub reason: HeldReason,
    /// The applications that would lose something, by name.
    pub applications: Vec<ApplicationName>,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "removal held: {}; `amc registry pull --confirm-removals` lets it happen once",
            self.reason
        )
    }
}

/// Why removals are held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum HeldReason {
    /// The registry is not the one that the imported applications came from.
    OtherRegistry {
        /// The one they came from.
        known: RegistryId,
        /// The one that answers.
        shown: RegistryId,
    },
    /// The catalogue is older than the one last seen.
    OlderCatalogue {
        /// The revision last seen.
        known: Revision,
        /// The revision that the registry shows.
        shown: Revision,
    },
    /// Too many applications would go at once.
    TooMany {
        /// How many would go.
        removals: usize,
        /// How many are imported.
        imported: usize,
    },
}

impl fmt::Display for HeldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherRegistry { known, shown } => write!(
                f,
                "the applications here came from the registry {known}, and {shown} answers"
            ),
            Self::OlderCatalogue { known, shown } => write!(
                f,
                "the registry shows revision {shown}, although {known} was seen before"
            ),
            Self::TooMany { removals, imported } => write!(
                f,
                "{removals} of {imported} imported applications would be removed at once"
            ),
        }
    }
}
