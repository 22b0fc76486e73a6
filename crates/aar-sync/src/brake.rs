//! The brake: a client never removes on doubt.
//!
//! Removals go ahead only when the listing comes from the registry that the imported applications
//! came from, at a revision that does not lie before the last one seen, and when they take no more
//! than half of the imported applications, or no more than two. Anything else is held back as a
//! whole, and stays held back until somebody confirms it or the listing has recovered. What is
//! confirmed is what was held back at that moment; what would go beyond it has a brake of its own.

use aar_types::{RegistryId, Revision};

use crate::{Held, HeldReason, KnownRegistry};

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

/// Whether the confirmation of what was held back goes for a listing that casts a doubt. Somebody
/// who confirmed that much would go has not said that any registry is to be followed.
pub(crate) fn confirms(held: &Held, doubt: Option<&HeldReason>) -> bool {
    match (doubt, &held.reason) {
        (None, _) => true,
        // The catalogue may have grown since.
        (
            Some(HeldReason::OlderCatalogue { known, .. }),
            HeldReason::OlderCatalogue { known: then, .. },
        ) => known == then,
        (Some(doubt), then) => doubt == then,
    }
}
