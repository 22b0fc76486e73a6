//! The brake: a client never removes on doubt.
//!
//! Removals go ahead only when the listing comes from the registry that the imported applications
//! came from, at a revision that does not lie before the last one seen, and when they take no more
//! than half of the imported applications, or no more than two. Anything else is held back as a
//! whole, and stays held back until somebody confirms it or the listing has recovered.

use std::fmt;

use aar_types::{ApplicationName, RegistryId, Revision};
use serde::{Deserialize, Serialize};

use crate::KnownRegistry;

/// Removals that are held back.
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

/// Whether the registry is the one that is known, at a revision that does not go backwards.
pub(crate) fn doubt(
    known: Option<&KnownRegistry>,
    id: &RegistryId,
    revision: Revision,
) -> Option<HeldReason> {
    let known = known?;
    if known.id != *id {
        return Some(HeldReason::OtherRegistry {
            known: known.id.clone(),
            shown: id.clone(),
        });
    }
    (revision < known.revision).then_some(HeldReason::OlderCatalogue {
        known: known.revision,
        shown: revision,
    })
}

/// Whether so many applications would go at once that somebody should look at it first.
pub(crate) fn too_many(removals: usize, imported: usize) -> Option<HeldReason> {
    let many = removals > 2 && removals * 2 > imported;
    many.then_some(HeldReason::TooMany { removals, imported })
}
