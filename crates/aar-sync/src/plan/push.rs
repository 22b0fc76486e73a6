//! Plans the changes of the registry that make it match the local applications.
//!
//! - A published local version that the registry lacks is pushed; a version that the registry has is
//!   published or withdrawn like the local one.
//! - Only applications that were created on this AMS are pushed, and only versions that are ready.
//! - A version that was cleaned up on this AMS is withdrawn in the registry. If the registry has other
//!   content under its number, the version is left alone: this AMS has no replacement for it.
//! - A local deletion deletes nothing in the registry; an operator has to delete it there.

use std::{cmp::Reverse, collections::BTreeMap};

use aar_client::Listing;
use aar_types::{ApplicationName, Architecture, Variant, Version, VersionNumber, VersionPut};

use super::{Action, Conflict, Plan, Step, restrict};
use crate::{
    error::Error,
    local_catalogue::{LocalApplication, LocalVersion, Origin},
};

/// Plans a round, restricted to one application if `only` is given.
pub(crate) fn plan_push_round(
    registry: &Listing,
    local: Vec<LocalApplication>,
    architecture: Architecture,
    only: Option<&ApplicationName>,
) -> Plan {
    if let Some(name) = only
        && let Err(error) = check(name, registry, &local)
    {
        return Plan::impossible(error);
    }
    let (registry, local) = restrict(registry, local, only);
    plan_push(&registry, &local, architecture)
}

pub(crate) fn plan_push(
    registry: &Listing,
    local: &[LocalApplication],
    architecture: Architecture,
) -> Plan {
    let actual: BTreeMap<_, _> = registry
        .applications
        .iter()
        .filter_map(|application| {
            let mut variants = application.variants.iter();
            let variant = variants.find(|variant| variant.architecture == architecture)?;
            Some((&application.name, variant))
        })
        .collect();
    let mut desired: Vec<_> = local
        .iter()
        .filter(|local| local.origin == Origin::Local)
        .collect();
    desired.sort_by_key(|local| &local.name);
    let mut plan = Plan::default();
    for local in desired {
        plan.push_application(local, actual.get(&local.name).copied());
    }
    plan.with_applications(local, Origin::Local)
}

/// Whether the application that is to be pushed by name has something to push.
fn check(
    name: &ApplicationName,
    registry: &Listing,
    local: &[LocalApplication],
) -> Result<(), Error> {
    let found = local.iter().find(|local| local.name == *name);
    let found = found.ok_or_else(|| Error::NotLocal(name.clone()))?;
    if found.origin == Origin::Imported {
        return Err(Error::Imported(name.clone()));
    }
    let mut versions = found.versions.iter();
    let published = versions.any(|version| version.published && version.ready);
    if published || registry.applications.iter().any(|it| it.name == *name) {
        Ok(())
    } else {
        Err(Error::NothingPublished(name.clone()))
    }
}

impl Plan {
    fn push_application(&mut self, local: &LocalApplication, actual: Option<&Variant>) {
        let versions = VersionComparison::new(local, actual);
        let step = |action| Step::new(&local.name, action);
        // Without a common version the metadata in the registry belongs to another publisher; a push
        // replaces it.
        let differs = actual.is_some_and(|actual| actual.metadata != local.metadata);
        if differs && versions.common > 0 {
            let metadata = Box::new(local.metadata.clone());
            self.before.push(step(Action::PushMetadata(metadata)));
        }
        let withdrawals = if versions.withdrawals_wait() {
            &mut self.after
        } else {
            &mut self.before
        };
        let withdraw = versions.withdraw.iter();
        withdrawals.extend(withdraw.map(|version| step(Action::PushPublished(*version, false))));
        let publish = versions.publish.iter();
        self.before
            .extend(publish.map(|version| step(Action::PushPublished(*version, true))));
        let push = versions.push.iter();
        self.transfers
            .extend(push.map(|version| step(push_version(local, version))));
        self.conflicts.extend(versions.conflicts);
    }
}

/// The action with the present values, or none if the application no longer justifies it.
pub(crate) fn still_justified(
    local: Option<&LocalApplication>,
    planned: &Action,
) -> Option<Action> {
    let local = local.filter(|local| local.origin == Origin::Local)?;
    let ready = |number: &VersionNumber| {
        let mut versions = local.versions.iter().filter(|version| version.ready);
        versions.find(|version| version.number == *number)
    };
    match planned {
        Action::PushMetadata(_) => {
            let metadata = Box::new(local.metadata.clone());
            Some(Action::PushMetadata(metadata))
        }
        Action::PushPublished(number, published) => {
            let version = ready(number).filter(|version| version.published == *published);
            version.map(|_| planned.clone())
        }
        Action::PushVersion(number, put) => {
            let version = ready(number).filter(|it| it.published && it.image == put.image);
            version.map(|version| push_version(local, version))
        }
        Action::UpdateMetadata(_)
        | Action::SetPublished(..)
        | Action::Import { .. }
        | Action::RemoveVersion(_)
        | Action::RemoveApplication => None,
    }
}

fn push_version(local: &LocalApplication, version: &LocalVersion) -> Action {
    let put = VersionPut {
        application: local.metadata.clone(),
        manifest: version.manifest.clone(),
        image: version.image,
        published: true,
    };
    Action::PushVersion(version.number, Box::new(put))
}

/// The versions of a local application, compared with the registry.
#[derive(Default)]
struct VersionComparison<'a> {
    push: Vec<&'a LocalVersion>,
    publish: Vec<VersionNumber>,
    withdraw: Vec<VersionNumber>,
    conflicts: Vec<Conflict>,
    /// How many versions both sides have.
    common: usize,
    /// How many of the common versions are published locally.
    published: usize,
}

impl<'a> VersionComparison<'a> {
    fn new(local: &'a LocalApplication, actual: Option<&Variant>) -> Self {
        let actual = actual.map_or(&[][..], |actual| &actual.versions);
        let mut compared = Self::default();
        for version in local.versions.iter().filter(|version| version.ready) {
            match actual.iter().find(|it| it.number == version.number) {
                None if version.published => compared.push.push(version),
                None => {}
                Some(actual) if actual.image.fingerprint == version.image.fingerprint => {
                    compared.common(version, actual);
                }
                Some(_) if version.retired => {}
                Some(actual) => compared.conflicts.push(Conflict::OtherContent {
                    application: local.name.clone(),
                    version: version.number,
                    local: version.image.fingerprint,
                    registry: actual.image.fingerprint,
                }),
            }
        }
        // Newest first: it is the one that clients wait for.
        compared.push.sort_by_key(|version| Reverse(version.number));
        compared
    }

    fn common(&mut self, local: &LocalVersion, actual: &Version) {
        self.common += 1;
        self.published += usize::from(local.published);
        match (local.published, actual.published) {
            (true, false) => self.publish.push(local.number),
            (false, true) => self.withdraw.push(local.number),
            _ => {}
        }
    }

    /// Whether the withdrawals have to wait for a push, as clients would be left with nothing.
    fn withdrawals_wait(&self) -> bool {
        self.published == 0 && !self.push.is_empty()
    }
}
