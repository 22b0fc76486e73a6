//! What is to be done here, so that it is as the registry says.
//!
//! - A published version of this architecture, of an application with one of the wanted tags, is
//!   imported. One that is here, but cannot be used, is imported again.
//! - A withdrawn version stays, withdrawn, so that offering it again costs nothing; one that is
//!   older than every published version is removed.
//! - What the registry no longer has, or what no longer matches, is removed, as far as the
//!   [brake](crate::brake) lets it.
//! - An application that was created here is never touched.

use std::collections::BTreeMap;

use aar_client::Listing;
use aar_types::{
    Application, ApplicationMetadata, ApplicationName, Architecture, Variant, Version,
    VersionNumber,
};

use super::Conflict;
use crate::{
    Held, HeldReason, KnownRegistry, LocalApplication, LocalVersion, Origin,
    brake::{doubt, too_many},
};

/// What an agent wants of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullPolicy {
    /// The architecture whose versions are pulled.
    pub architecture: Architecture,
    /// The tags of which an application has to have one; empty for every application.
    pub tags: Vec<String>,
    /// Whether somebody has confirmed the removals that would be held back.
    pub confirm_removals: bool,
}

/// What is to be done here, so that it is as the registry says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PullPlan {
    /// The steps, in the order in which they are taken.
    pub actions: Vec<PullAction>,
    /// The removals that are held back, and why.
    pub held: Option<Held>,
    /// What is left alone until somebody decides.
    pub conflicts: Vec<Conflict>,
}

/// One step of a [`PullPlan`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullAction {
    /// Replace the metadata of an imported application.
    UpdateMetadata {
        /// The application.
        application: ApplicationName,
        /// The metadata.
        metadata: Box<ApplicationMetadata>,
    },
    /// Offer or withdraw a version that is here.
    SetPublished {
        /// The application.
        application: ApplicationName,
        /// The version.
        version: VersionNumber,
        /// Whether it is offered.
        published: bool,
    },
    /// Pull a version and make it usable.
    Import {
        /// The application.
        application: ApplicationName,
        /// Its metadata.
        metadata: Box<ApplicationMetadata>,
        /// The version.
        version: Box<Version>,
    },
    /// Remove a version.
    RemoveVersion {
        /// The application.
        application: ApplicationName,
        /// The version.
        version: VersionNumber,
    },
    /// Remove an application with all its versions.
    RemoveApplication {
        /// The application.
        application: ApplicationName,
    },
}

impl PullAction {
    /// The application it is about.
    pub fn application(&self) -> &ApplicationName {
        match self {
            Self::UpdateMetadata { application, .. }
            | Self::SetPublished { application, .. }
            | Self::Import { application, .. }
            | Self::RemoveVersion { application, .. }
            | Self::RemoveApplication { application } => application,
        }
    }

    /// Whether it takes something away.
    pub fn is_removal(&self) -> bool {
        matches!(
            self,
            Self::RemoveVersion { .. } | Self::RemoveApplication { .. }
        )
    }
}

impl PullPlan {
    /// The steps before the imports, the imports, and the steps after them.
    pub fn phases(&self) -> [&[PullAction]; 3] {
        let is_import = |action: &PullAction| matches!(action, PullAction::Import { .. });
        super::phases(&self.actions, is_import)
    }
}

/// Compares what the registry has with what is here.
///
/// Nothing can have been imported before a registry is known: it is remembered before the first
/// import, so an absent `known` is no reason for doubt.
pub fn plan_pull(
    registry: &Listing,
    local: &[LocalApplication],
    known: Option<&KnownRegistry>,
    policy: &PullPolicy,
) -> PullPlan {
    let mut steps = Steps::default();
    let wanted = wanted(&registry.applications, policy);
    let here: BTreeMap<_, _> = local.iter().map(|local| (&local.name, local)).collect();
    for (name, variant) in &wanted {
        match here.get(name) {
            None => steps.import_all(name, variant),
            Some(local) if local.origin == Origin::Local => steps.refuse(name, variant),
            Some(local) => steps.follow(local, variant),
        }
    }
    let gone = here
        .values()
        .filter(|local| !wanted.contains_key(&local.name));
    for local in gone.filter(|local| local.origin == Origin::Imported) {
        steps.remove_application(&local.name);
    }
    let doubt = doubt(known, &registry.registry_id, registry.revision);
    steps.into_plan(local, doubt, policy.confirm_removals)
}

/// The applications that are wanted, as they are for the architecture.
fn wanted<'a>(
    applications: &'a [Application],
    policy: &PullPolicy,
) -> BTreeMap<&'a ApplicationName, &'a Variant> {
    let of_architecture = |application: &'a Application| {
        let mut variants = application.variants.iter();
        let variant = variants.find(|variant| policy.wants(variant))?;
        Some((&application.name, variant))
    };
    applications.iter().filter_map(of_architecture).collect()
}

impl PullPolicy {
    /// Whether it is of the architecture, and has one of the tags.
    pub(crate) fn wants(&self, variant: &Variant) -> bool {
        let tags = &variant.metadata.tags;
        let tagged = self.tags.is_empty() || self.tags.iter().any(|tag| tags.contains(tag));
        tagged && variant.architecture == self.architecture
    }
}

/// The steps of a plan, by when they are taken.
#[derive(Default)]
struct Steps {
    first: Vec<PullAction>,
    imports: Vec<PullAction>,
    after: Vec<PullAction>,
    removals: Vec<PullAction>,
    conflicts: Vec<Conflict>,
}

impl Steps {
    fn import_all(&mut self, name: &ApplicationName, variant: &Variant) {
        let published = variant.versions.iter().filter(|version| version.published);
        self.import(name, &variant.metadata, published.collect());
    }

    /// The newest first: it is the one that is waited for.
    fn import(
        &mut self,
        name: &ApplicationName,
        metadata: &ApplicationMetadata,
        mut versions: Vec<&Version>,
    ) {
        versions.sort_by_key(|version| std::cmp::Reverse(version.number));
        let import = |version: &Version| PullAction::Import {
            application: name.clone(),
            metadata: Box::new(metadata.clone()),
            version: Box::new(version.clone()),
        };
        self.imports.extend(versions.into_iter().map(import));
    }

    fn refuse(&mut self, name: &ApplicationName, variant: &Variant) {
        if variant.versions.iter().any(|version| version.published) {
            let application = name.clone();
            self.conflicts
                .push(Conflict::LocalApplication { application });
        }
    }

    fn remove_application(&mut self, name: &ApplicationName) {
        let application = name.clone();
        self.removals
            .push(PullAction::RemoveApplication { application });
    }

    /// Brings an imported application to what the registry has of it.
    fn follow(&mut self, local: &LocalApplication, variant: &Variant) {
        let compared = Compared::new(local, variant);
        if compared.leaves_nothing(local) {
            return self.remove_application(&local.name);
        }
        if local.metadata != variant.metadata {
            self.first.push(PullAction::UpdateMetadata {
                application: local.name.clone(),
                metadata: Box::new(variant.metadata.clone()),
            });
        }
        let name = &local.name;
        self.set_published(name, &compared.offer, true, false);
        self.set_published(name, &compared.withdraw, false, compared.must_wait());
        self.import(name, &variant.metadata, compared.import);
        self.removals
            .extend(
                compared
                    .remove
                    .into_iter()
                    .map(|version| PullAction::RemoveVersion {
                        application: name.clone(),
                        version,
                    }),
            );
        self.conflicts.extend(compared.conflicts);
    }

    fn set_published(
        &mut self,
        name: &ApplicationName,
        versions: &[VersionNumber],
        published: bool,
        after_imports: bool,
    ) {
        let steps = versions.iter().map(|version| PullAction::SetPublished {
            application: name.clone(),
            version: *version,
            published,
        });
        if after_imports {
            self.after.extend(steps);
        } else {
            self.first.extend(steps);
        }
    }

    fn into_plan(
        mut self,
        local: &[LocalApplication],
        doubt: Option<HeldReason>,
        confirmed: bool,
    ) -> PullPlan {
        let imported: Vec<_> = local
            .iter()
            .filter(|local| local.origin == Origin::Imported)
            .map(|local| &local.name)
            .collect();
        let doubt = doubt.filter(|_| !imported.is_empty());
        let other_registry = matches!(doubt, Some(HeldReason::OtherRegistry { .. }));
        let reason = doubt.or_else(|| too_many(self.applications_removed(), imported.len()));
        let held = reason.filter(|_| !confirmed).and_then(|reason| {
            let applications = self.hold_removals();
            let worth_telling = other_registry || !applications.is_empty();
            worth_telling.then_some(Held {
                reason,
                applications,
            })
        });
        if held.is_some() && other_registry {
            self.leave_alone(&imported);
        }
        let steps = [self.first, self.imports, self.after, self.removals];
        PullPlan {
            actions: steps.into_iter().flatten().collect(),
            held,
            conflicts: self.conflicts,
        }
    }

    fn applications_removed(&self) -> usize {
        let whole = |step: &&PullAction| matches!(step, PullAction::RemoveApplication { .. });
        self.removals.iter().filter(whole).count()
    }

    /// Takes the removals out of the plan and names the applications that lose something by them.
    fn hold_removals(&mut self) -> Vec<ApplicationName> {
        let held = std::mem::take(&mut self.removals);
        let mut names: Vec<_> = held.iter().map(|step| step.application().clone()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// A registry that is not the one they came from has no say in what is imported already.
    fn leave_alone(&mut self, imported: &[&ApplicationName]) {
        for steps in [&mut self.first, &mut self.imports, &mut self.after] {
            steps.retain(|step| !imported.contains(&step.application()));
        }
    }
}

/// The versions of an imported application beside those of the registry.
#[derive(Default)]
struct Compared<'a> {
    import: Vec<&'a Version>,
    offer: Vec<VersionNumber>,
    withdraw: Vec<VersionNumber>,
    remove: Vec<VersionNumber>,
    conflicts: Vec<Conflict>,
    /// How many versions are here, can be used, and are offered by the registry.
    usable: usize,
}

impl<'a> Compared<'a> {
    fn new(local: &LocalApplication, variant: &'a Variant) -> Self {
        let mut compared = Self::default();
        let versions = &variant.versions;
        let published = versions.iter().filter(|version| version.published);
        let oldest_published = published.map(|version| version.number).min();
        for version in versions {
            let here = local
                .versions
                .iter()
                .find(|here| here.number == version.number);
            match here {
                Some(here) if here.image.fingerprint != version.image.fingerprint => {
                    compared.conflict(&local.name, here, version);
                }
                _ if version.published => compared.published(here, version),
                Some(here) => compared.withdrawn(here, oldest_published),
                None => {}
            }
        }
        let gone = |here: &&LocalVersion| versions.iter().all(|v| v.number != here.number);
        let gone = local.versions.iter().filter(gone);
        compared.remove.extend(gone.map(|here| here.number));
        compared.remove.sort();
        compared
    }

    fn conflict(&mut self, name: &ApplicationName, here: &LocalVersion, version: &Version) {
        self.conflicts.push(Conflict::OtherContent {
            application: name.clone(),
            version: version.number,
            local: here.image.fingerprint,
            registry: version.image.fingerprint,
        });
    }

    fn published(&mut self, here: Option<&LocalVersion>, version: &'a Version) {
        match here.filter(|here| here.ready) {
            None => self.import.push(version),
            Some(here) => {
                self.usable += 1;
                if !here.published {
                    self.offer.push(version.number);
                }
            }
        }
    }

    fn withdrawn(&mut self, here: &LocalVersion, oldest_published: Option<VersionNumber>) {
        if here.published {
            self.withdraw.push(here.number);
        }
        if oldest_published.is_some_and(|oldest| here.number < oldest) {
            self.remove.push(here.number);
        }
    }

    /// Whether withdrawing at once would leave nothing to use while what takes its place is on
    /// its way.
    fn must_wait(&self) -> bool {
        self.usable == 0 && !self.import.is_empty()
    }

    fn leaves_nothing(&self, local: &LocalApplication) -> bool {
        self.import.is_empty() && self.remove.len() == local.versions.len()
    }
}

#[cfg(test)]
#[path = "pull_tests.rs"]
mod tests;
