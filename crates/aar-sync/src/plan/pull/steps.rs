//! Collecting the steps of a plan, and holding back what is in doubt.

use std::collections::BTreeSet;

use aar_types::{ApplicationMetadata, ApplicationName, Variant, Version, VersionNumber};

use super::{PullAction, PullPlan, PullPolicy, compared::Compared};
use crate::{
    Conflict, Held, HeldReason, LocalApplication, Origin,
    brake::{confirms, too_many},
};

/// The steps of a plan, by when they are taken.
#[derive(Default)]
pub(super) struct Steps {
    first: Vec<PullAction>,
    imports: Vec<PullAction>,
    after: Vec<PullAction>,
    removals: Vec<PullAction>,
    conflicts: Vec<Conflict>,
}

impl Steps {
    pub(super) fn import_all(&mut self, name: &ApplicationName, variant: &Variant) {
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

    pub(super) fn refuse(&mut self, name: &ApplicationName, variant: &Variant) {
        if variant.versions.iter().any(|version| version.published) {
            let application = name.clone();
            self.conflicts
                .push(Conflict::LocalApplication { application });
        }
    }

    pub(super) fn remove_application(&mut self, name: &ApplicationName) {
        let application = name.clone();
        self.removals
            .push(PullAction::RemoveApplication { application });
    }

    /// Brings an imported application to what the registry has of it.
    pub(super) fn follow(&mut self, local: &LocalApplication, variant: &Variant) {
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
        let remove = compared.remove.iter();
        self.removals
            .extend(remove.map(|version| PullAction::RemoveVersion {
                application: name.clone(),
                version: *version,
            }));
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

    pub(super) fn into_plan(
        mut self,
        local: &[LocalApplication],
        doubt: Option<HeldReason>,
        policy: &PullPolicy,
    ) -> PullPlan {
        let imported: BTreeSet<_> = local
            .iter()
            .filter(|local| local.origin == Origin::Imported)
            .map(|local| &local.name)
            .collect();
        let doubt = doubt.filter(|_| !imported.is_empty());
        let mut confirmed: Vec<_> = policy.confirmed.iter().collect();
        confirmed.retain(|held| confirms(held, doubt.as_ref()));
        let other_registry = matches!(doubt, Some(HeldReason::OtherRegistry { .. }));
        let unknown = other_registry && confirmed.is_empty();
        let confirmed = self.take_confirmed(&confirmed);
        let left = imported.len() - applications_removed(&confirmed);
        let reason = self.reason(doubt, left, policy.held_before.as_ref());
        let held = reason.map(|reason| self.hold(reason));
        let held = held.filter(|held| unknown || !held.applications.is_empty());
        if unknown {
            self.leave_alone(&imported);
        }
        let removals = [confirmed, self.removals].concat();
        let steps = [self.first, self.imports, self.after, removals];
        PullPlan {
            actions: steps.into_iter().flatten().collect(),
            held,
            conflicts: self.conflicts,
        }
    }

    /// Takes the removals out of the steps that somebody has confirmed.
    fn take_confirmed(&mut self, confirmed: &[&Held]) -> Vec<PullAction> {
        let is_confirmed = |step: &mut PullAction| {
            let mut held = confirmed.iter();
            held.any(|held| held.applications.contains(step.application()))
        };
        self.removals.extract_if(.., is_confirmed).collect()
    }

    /// Why the removals are to be held back, of so many that are imported.
    fn reason(
        &self,
        doubt: Option<HeldReason>,
        imported: usize,
        before: Option<&Held>,
    ) -> Option<HeldReason> {
        doubt
            .or_else(|| too_many(applications_removed(&self.removals), imported))
            .or_else(|| self.still_held(before?))
    }

    /// Why something is held back since before, if some of it would be removed now.
    fn still_held(&self, before: &Held) -> Option<HeldReason> {
        let mut removed = self.removals.iter().map(PullAction::application);
        let still = removed.any(|name| before.applications.contains(name));
        still.then(|| before.reason.clone())
    }

    /// Takes the removals out of the plan and names the applications that lose something by them.
    fn hold(&mut self, reason: HeldReason) -> Held {
        let held = std::mem::take(&mut self.removals);
        let mut applications: Vec<_> = held.iter().map(|step| step.application().clone()).collect();
        applications.sort();
        applications.dedup();
        Held {
            reason,
            applications,
        }
    }

    /// A registry that is not the one they came from has no say in what is imported already.
    fn leave_alone(&mut self, imported: &BTreeSet<&ApplicationName>) {
        for steps in [&mut self.first, &mut self.imports, &mut self.after] {
            steps.retain(|step| !imported.contains(step.application()));
        }
    }
}

/// How many applications go as a whole.
fn applications_removed(removals: &[PullAction]) -> usize {
    let whole = |step: &&PullAction| matches!(step, PullAction::RemoveApplication { .. });
    removals.iter().filter(whole).count()
}
