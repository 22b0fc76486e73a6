//! Plans the changes of the local catalogue that make it match the registry.
//!
//! - A published version of the local architecture, of an application with a wanted tag, is imported.
//!   A local version that is not usable is imported again.
//! - A withdrawn version stays, withdrawn, so that publishing it again costs nothing; if it is older
//!   than every published version it is removed.
//! - Versions and applications that the registry no longer has, or that no longer match, are removed
//!   as far as the removal guard of [`super`] allows.
//! - An application that was created on this AMS is never changed.

use std::{cmp::Reverse, collections::BTreeMap};

use aar_client::Listing;
use aar_types::{
    ApplicationMetadata, ApplicationName, Architecture, Variant, Version, VersionNumber,
};

use super::{Action, Conflict, Plan, Step, doubt, followed_registry, guard, restrict};
use crate::{
    config::{AgentConfig, SyncMode},
    error::Error,
    held::HeldRemovals,
    local_catalogue::{KnownRegistry, LocalApplication, LocalCatalogue, LocalVersion, Origin},
};

/// Which part of the catalogue is desired, and which removals are allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PullPolicy {
    pub(crate) architecture: Architecture,
    /// An application needs one of these tags; empty matches all.
    pub(crate) tags: Vec<String>,
    /// The held removals that an operator has confirmed.
    pub(crate) confirmed: Vec<HeldRemovals>,
    /// The held removals of earlier rounds. They stay held until they are confirmed or the registry
    /// has the applications again: a registry that recovers piece by piece must not lose the last
    /// pieces.
    pub(crate) held_before: Option<HeldRemovals>,
}

impl PullPolicy {
    pub(crate) fn new(
        config: &AgentConfig,
        architecture: Architecture,
        known: Option<&KnownRegistry>,
        confirmed: Vec<HeldRemovals>,
    ) -> Self {
        // In the other modes applications are pulled by name only, whatever their tags.
        let by_filter = config.mode == SyncMode::Pull;
        let held_before = known.and_then(|known| known.held.clone());
        Self {
            architecture,
            tags: if by_filter {
                config.tags.clone()
            } else {
                Vec::new()
            },
            confirmed,
            held_before: held_before.filter(|_| by_filter),
        }
    }

    fn wants(&self, variant: &Variant) -> bool {
        let tags = &variant.metadata.tags;
        let tagged = self.tags.is_empty() || self.tags.iter().any(|tag| tags.contains(tag));
        tagged && variant.architecture == self.architecture
    }

    /// Whether the registry has the application that is to be pulled by name.
    fn check(&self, name: &ApplicationName, registry: &Listing) -> Result<(), Error> {
        let applications = registry.applications.iter().filter(|it| it.name == *name);
        let mut variants = applications
            .flat_map(|it| &it.variants)
            .filter(|variant| variant.architecture == self.architecture);
        match variants.next() {
            None => Err(Error::NotInRegistry(name.clone(), self.architecture)),
            Some(variant) if self.wants(variant) => Ok(()),
            Some(_) => Err(Error::Filtered(name.clone(), self.architecture)),
        }
    }
}

/// Plans a round, restricted to one application if `only` is given, and remembers which registry is
/// followed from now on.
pub(crate) async fn plan_pull_round<L: LocalCatalogue>(
    catalogue: &L,
    config: &AgentConfig,
    registry: &Listing,
    local: Vec<LocalApplication>,
    only: Option<&ApplicationName>,
    confirmed: Vec<HeldRemovals>,
) -> Result<Plan, Error> {
    let known = catalogue.known_registry().await?;
    let known = known.as_ref();
    let policy = PullPolicy::new(config, catalogue.architecture(), known, confirmed);
    if let Some(name) = only
        && let Err(error) = policy.check(name, registry)
    {
        return Ok(Plan::impossible(error));
    }
    let (registry, local) = restrict(registry, local, only);
    let plan = plan_pull(&registry, &local, known, &policy);
    let (confirmed, full) = (&policy.confirmed, only.is_none());
    let followed = followed_registry(&plan, &registry, &local, known, confirmed, full);
    if let Some(followed) = followed.filter(|followed| known != Some(followed)) {
        // Before the first import and the first removal.
        catalogue.remember_registry(&followed).await?;
    }
    Ok(plan)
}

/// Nothing is imported before the registry is remembered, so an absent `known` is no doubt.
pub(crate) fn plan_pull(
    registry: &Listing,
    local: &[LocalApplication],
    known: Option<&KnownRegistry>,
    policy: &PullPolicy,
) -> Plan {
    let mut plan = Plan::default();
    let desired = desired(registry, policy);
    let actual: BTreeMap<_, _> = local.iter().map(|local| (&local.name, local)).collect();
    for (name, variant) in &desired {
        match actual.get(name) {
            None => plan.import_application(name, variant),
            Some(local) if local.origin == Origin::Local => plan.refuse(name, variant),
            Some(local) => plan.update_application(local, variant),
        }
    }
    let imported = actual.values().filter(|it| it.origin == Origin::Imported);
    for local in imported.filter(|local| !desired.contains_key(&local.name)) {
        plan.remove_application(&local.name);
    }
    let held_before = policy.held_before.as_ref();
    let doubt = doubt(known, registry);
    guard(&mut plan, local, doubt, &policy.confirmed, held_before);
    plan.with_applications(local, Origin::Imported)
}

fn desired<'a>(
    registry: &'a Listing,
    policy: &PullPolicy,
) -> BTreeMap<&'a ApplicationName, &'a Variant> {
    let applications = registry.applications.iter();
    applications
        .filter_map(|application| {
            let mut variants = application.variants.iter();
            let variant = variants.find(|variant| policy.wants(variant))?;
            Some((&application.name, variant))
        })
        .collect()
}

impl Plan {
    fn import_application(&mut self, name: &ApplicationName, variant: &Variant) {
        let published = variant.versions.iter().filter(|version| version.published);
        self.import(name, &variant.metadata, published.collect());
    }

    /// Newest version first: it is the one that users wait for.
    fn import(
        &mut self,
        name: &ApplicationName,
        metadata: &ApplicationMetadata,
        mut versions: Vec<&Version>,
    ) {
        versions.sort_by_key(|version| Reverse(version.number));
        let import = |version: &Version| Action::Import {
            metadata: Box::new(metadata.clone()),
            version: Box::new(version.clone()),
        };
        let steps = versions.into_iter().map(|it| Step::new(name, import(it)));
        self.transfers.extend(steps);
    }

    fn refuse(&mut self, name: &ApplicationName, variant: &Variant) {
        if variant.versions.iter().any(|version| version.published) {
            let application = name.clone();
            self.conflicts
                .push(Conflict::LocalApplication { application });
        }
    }

    fn remove_application(&mut self, name: &ApplicationName) {
        self.removals
            .push(Step::new(name, Action::RemoveApplication));
    }

    fn update_application(&mut self, local: &LocalApplication, variant: &Variant) {
        let versions = VersionComparison::new(local, variant);
        if versions.leaves_nothing(local) {
            return self.remove_application(&local.name);
        }
        let step = |action| Step::new(&local.name, action);
        if local.metadata != variant.metadata {
            let metadata = Box::new(variant.metadata.clone());
            self.before.push(step(Action::UpdateMetadata(metadata)));
        }
        let publish = versions.publish.iter();
        self.before
            .extend(publish.map(|version| step(Action::SetPublished(*version, true))));
        let withdrawals = if versions.withdrawals_wait() {
            &mut self.after
        } else {
            &mut self.before
        };
        let withdraw = versions.withdraw.iter();
        withdrawals.extend(withdraw.map(|version| step(Action::SetPublished(*version, false))));
        let remove = versions.remove.iter();
        self.removals
            .extend(remove.map(|version| step(Action::RemoveVersion(*version))));
        self.import(&local.name, &variant.metadata, versions.import);
        self.conflicts.extend(versions.conflicts);
    }
}

/// The versions of an imported application, compared with the registry.
#[derive(Default)]
struct VersionComparison<'a> {
    import: Vec<&'a Version>,
    publish: Vec<VersionNumber>,
    withdraw: Vec<VersionNumber>,
    remove: Vec<VersionNumber>,
    conflicts: Vec<Conflict>,
    /// How many versions are usable and published in the registry.
    usable: usize,
}

impl<'a> VersionComparison<'a> {
    fn new(local: &LocalApplication, variant: &'a Variant) -> Self {
        let mut compared = Self::default();
        let versions = &variant.versions;
        let published = versions.iter().filter(|version| version.published);
        let oldest_published = published.map(|version| version.number).min();
        for version in versions {
            let mut local_versions = local.versions.iter();
            match local_versions.find(|it| it.number == version.number) {
                Some(actual) if actual.image.fingerprint != version.image.fingerprint => {
                    compared.conflicts.push(Conflict::OtherContent {
                        application: local.name.clone(),
                        version: version.number,
                        local: actual.image.fingerprint,
                        registry: version.image.fingerprint,
                    });
                }
                actual if version.published => compared.published(actual, version),
                Some(actual) => compared.withdrawn(actual, oldest_published),
                None => {}
            }
        }
        let gone = |it: &&LocalVersion| versions.iter().all(|v| v.number != it.number);
        let gone = local.versions.iter().filter(gone);
        compared.remove.extend(gone.map(|version| version.number));
        compared.remove.sort();
        compared
    }

    fn published(&mut self, actual: Option<&LocalVersion>, version: &'a Version) {
        match actual.filter(|actual| actual.ready) {
            None => self.import.push(version),
            Some(actual) => {
                self.usable += 1;
                if !actual.published {
                    self.publish.push(version.number);
                }
            }
        }
    }

    fn withdrawn(&mut self, actual: &LocalVersion, oldest_published: Option<VersionNumber>) {
        if actual.published {
            self.withdraw.push(actual.number);
        }
        if oldest_published.is_some_and(|oldest| actual.number < oldest) {
            self.remove.push(actual.number);
        }
    }

    /// Whether the withdrawals have to wait for an import, as nothing else would be usable.
    fn withdrawals_wait(&self) -> bool {
        self.usable == 0 && !self.import.is_empty()
    }

    fn leaves_nothing(&self, local: &LocalApplication) -> bool {
        self.import.is_empty() && self.remove.len() == local.versions.len()
    }
}
