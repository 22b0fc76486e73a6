//! The brake: a client never removes on doubt.
//!
//! Removals go ahead only when the listing comes from the registry that the imported applications
//! came from, at a revision that does not lie before the last one seen, and when they take no more
//! than half of the imported applications, or no more than two. Anything else is held back as a
//! whole, and stays held back until somebody confirms it or the listing has recovered.

use aar_types::{RegistryId, Revision};

use crate::{HeldReason, KnownRegistry};

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
