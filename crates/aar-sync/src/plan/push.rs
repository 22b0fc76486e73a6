//! What is to be done in the registry, so that it has what is here.
//!
//! - A published version that the registry lacks is pushed; one that it has follows whether it is
//!   offered here.
//! - Only what was created here, and is ready, is pushed.
//! - A version that was cleaned up here is withdrawn there. Where the registry has another content
//!   under its number, that is left alone: nobody here could put anything in its place.
//! - What is deleted here stays in the registry: deleting there is a decision of its own.

use std::collections::BTreeMap;

use aar_client::Listing;
use aar_types::{
    ApplicationMetadata, ApplicationName, Architecture, Variant, Version, VersionNumber, VersionPut,
};

use super::Conflict;
use crate::{LocalApplication, LocalVersion, Origin};

/// What is to be done in the registry, so that it has what is here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushPlan {
    /// The steps, in the order in which they are taken.
    pub actions: Vec<PushAction>,
    /// What is left alone until somebody decides.
    pub conflicts: Vec<Conflict>,
}

/// One step of a [`PushPlan`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushAction {
    /// Replace the metadata of an application.
    PutApplication {
        /// The application.
        application: ApplicationName,
        /// The metadata.
        metadata: Box<ApplicationMetadata>,
    },
    /// Offer or withdraw a version that the registry has.
    SetPublished {
        /// The application.
        application: ApplicationName,
        /// The version.
        version: VersionNumber,
        /// Whether it is offered.
        published: bool,
    },
    /// Bring a version to the registry.
    Push {
        /// The application.
        application: ApplicationName,
        /// The version.
        version: VersionNumber,
        /// What is committed once the image is there.
        put: Box<VersionPut>,
    },
}

impl PushAction {
    /// The application it is about.
    pub fn application(&self) -> &ApplicationName {
        match self {
            Self::PutApplication { application, .. }
            | Self::SetPublished { application, .. }
            | Self::Push { application, .. } => application,
        }
    }
}

impl PushPlan {
    /// The steps before the uploads, the uploads, and the steps after them.
    pub fn phases(&self) -> [&[PushAction]; 3] {
        let is_push = |action: &PushAction| matches!(action, PushAction::Push { .. });
        super::phases(&self.actions, is_push)
    }
}

/// Compares what is here with what the registry has.
pub fn plan_push(
    registry: &Listing,
    local: &[LocalApplication],
    architecture: Architecture,
) -> PushPlan {
    let there: BTreeMap<_, _> = registry
        .applications
        .iter()
        .filter_map(|known| {
            let mut variants = known.variants.iter();
            let variant = variants.find(|variant| variant.architecture == architecture)?;
            Some((&known.name, variant))
        })
        .collect();
    let mut own: Vec<_> = local
        .iter()
        .filter(|local| local.origin == Origin::Local)
        .collect();
    own.sort_by_key(|local| &local.name);
    let mut steps = Steps::default();
    for local in own {
        steps.bring(local, there.get(&local.name).copied());
    }
    let actions = [steps.first, steps.pushes, steps.after];
    PushPlan {
        actions: actions.into_iter().flatten().collect(),
        conflicts: steps.conflicts,
    }
}

/// The steps of a plan, by when they are taken.
#[derive(Default)]
struct Steps {
    first: Vec<PushAction>,
    pushes: Vec<PushAction>,
    after: Vec<PushAction>,
    conflicts: Vec<Conflict>,
}

impl Steps {
    /// Brings an application to the registry, which may have some of it.
    fn bring(&mut self, local: &LocalApplication, there: Option<&Variant>) {
        let compared = Compared::new(local, there);
        // Without a version in common the metadata there is somebody else's; a push brings ours.
        let differs = there.is_some_and(|there| there.metadata != local.metadata);
        if differs && compared.in_common > 0 {
            self.first.push(PushAction::PutApplication {
                application: local.name.clone(),
                metadata: Box::new(local.metadata.clone()),
            });
        }
        let set = |version: &VersionNumber, published| PushAction::SetPublished {
            application: local.name.clone(),
            version: *version,
            published,
        };
        let withdraw = compared.withdraw.iter().map(|version| set(version, false));
        if compared.must_wait() {
            self.after.extend(withdraw);
        } else {
            self.first.extend(withdraw);
        }
        let offer = compared.offer.iter().map(|version| set(version, true));
        self.first.extend(offer);
        let push = compared.push.iter().map(|version| push(local, version));
        self.pushes.extend(push);
        self.conflicts.extend(compared.conflicts);
    }
}

fn push(local: &LocalApplication, version: &LocalVersion) -> PushAction {
    PushAction::Push {
        application: local.name.clone(),
        version: version.number,
        put: Box::new(VersionPut {
            application: local.metadata.clone(),
            manifest: version.manifest.clone(),
            image: version.image,
            published: true,
        }),
    }
}

/// The versions of an application beside those of the registry.
#[derive(Default)]
struct Compared<'a> {
    push: Vec<&'a LocalVersion>,
    offer: Vec<VersionNumber>,
    withdraw: Vec<VersionNumber>,
    conflicts: Vec<Conflict>,
    in_common: usize,
    /// How many versions are offered in the registry before anything is pushed.
    offered: usize,
}

impl<'a> Compared<'a> {
    fn new(local: &'a LocalApplication, there: Option<&Variant>) -> Self {
        let there = there.map_or(&[][..], |there| &there.versions);
        let mut compared = Self::default();
        for version in local.versions.iter().filter(|version| version.ready) {
            match there.iter().find(|there| there.number == version.number) {
                None if version.published => compared.push.push(version),
                None => {}
                Some(there) if version.is_gone_from(there) => {}
                Some(there) if there.image.fingerprint != version.image.fingerprint => {
                    compared.conflict(&local.name, version, there);
                }
                Some(there) => compared.in_common(version, there),
            }
        }
        // The newest first: it is the one that is waited for.
        let newest_first = |version: &&LocalVersion| std::cmp::Reverse(version.number);
        compared.push.sort_by_key(newest_first);
        compared
    }

    fn conflict(&mut self, name: &ApplicationName, here: &LocalVersion, there: &Version) {
        self.conflicts.push(Conflict::OtherContent {
            application: name.clone(),
            version: here.number,
            local: here.image.fingerprint,
            registry: there.image.fingerprint,
        });
    }

    fn in_common(&mut self, here: &LocalVersion, there: &Version) {
        self.in_common += 1;
        self.offered += usize::from(here.published);
        match (here.published, there.published) {
            (true, false) => self.offer.push(here.number),
            (false, true) => self.withdraw.push(here.number),
            _ => {}
        }
    }

    /// Whether withdrawing at once would leave clients with nothing while what takes its place is
    /// on its way.
    fn must_wait(&self) -> bool {
        self.offered == 0 && !self.push.is_empty()
    }
}

impl LocalVersion {
    /// Whether nothing is left here of a version that has another content there.
    fn is_gone_from(&self, there: &Version) -> bool {
        self.retired && there.image.fingerprint != self.image.fingerprint
    }
}

#[cfg(test)]
mod tests;
