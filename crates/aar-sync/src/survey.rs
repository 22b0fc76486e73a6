//! What a round plans from: both sides, the policy, and the registry that is known.

use std::collections::BTreeSet;

use aar_client::Listing;
use aar_types::ApplicationName;

use crate::{
    Conflict, Direction, Held, KnownRegistry, LocalApplication, LocalCatalogue, Mode, Origin,
    PullPolicy,
    apply::Step,
    assignment::Assignment,
    brake::{confirms, doubt},
    error::Error,
    plan_pull, plan_push,
    site::Site,
};

/// A plan of either direction, cut into phases.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) before: Vec<Step>,
    pub(crate) transfers: Vec<Step>,
    pub(crate) after: Vec<Step>,
    pub(crate) held: Option<Held>,
    pub(crate) conflicts: Vec<Conflict>,
    /// The applications that take part.
    pub(crate) names: BTreeSet<ApplicationName>,
    /// Those of which a version is still being made here.
    pub(crate) building: BTreeSet<ApplicationName>,
    /// Why the one application that was asked for cannot be pushed or pulled.
    pub(crate) impossible: Option<Error>,
}

impl Plan {
    /// Whether something would be removed, or would be if it were not held back.
    pub(crate) fn removes(&self) -> bool {
        self.held.is_some() || self.removals().next().is_some()
    }

    /// The applications that something is removed of, or would be if it were not held back.
    pub(crate) fn losing(&self) -> BTreeSet<&ApplicationName> {
        let held = self.held.iter().flat_map(|held| &held.applications);
        self.removals().map(Step::application).chain(held).collect()
    }

    fn removals(&self) -> impl Iterator<Item = &Step> {
        // Without transfers in between, every step comes before them.
        let steps = self.before.iter().chain(&self.after);
        steps.filter(|step| step.is_removal())
    }
}

/// One look at both sides.
pub(crate) struct Survey<'a, L> {
    pub(crate) site: &'a Site<L>,
    pub(crate) assignment: &'a Assignment,
    /// What somebody has confirmed, as it was held back then.
    pub(crate) confirmed: &'a [Held],
}

impl<L: LocalCatalogue> Survey<'_, L> {
    pub(crate) async fn plan(&self, registry: &Listing) -> Result<Plan, Error> {
        let local = self.site.catalogue.applications().await?;
        let Some(only) = &self.assignment.only else {
            return self.plan_of(registry, &local).await;
        };
        let registry = restricted(registry, only);
        let local: Vec<_> = local
            .into_iter()
            .filter(|local| local.name == *only)
            .collect();
        let possible = match self.assignment.direction {
            Direction::Pull => self.can_pull(only, &registry),
            Direction::Push => can_push(only, &registry, &local),
        };
        match possible {
            Ok(()) => self.plan_of(&registry, &local).await,
            Err(impossible) => Ok(Plan {
                impossible: Some(impossible),
                ..Plan::default()
            }),
        }
    }

    async fn plan_of(&self, registry: &Listing, local: &[LocalApplication]) -> Result<Plan, Error> {
        let plan = match self.assignment.direction {
            Direction::Pull => self.pull(registry, local).await?,
            Direction::Push => self.push(registry, local),
        };
        Ok(self.with_names(plan, local))
    }

    /// The same, without remembering anything.
    pub(crate) async fn outlook(
        &self,
        registry: &Listing,
        local: &[LocalApplication],
    ) -> Result<Plan, Error> {
        let plan = match self.assignment.direction {
            Direction::Pull => {
                let known = self.site.catalogue.known_registry().await?;
                self.compare(registry, local, known.as_ref())
            }
            Direction::Push => self.push(registry, local),
        };
        Ok(self.with_names(plan, local))
    }

    /// The plan with the applications that take part.
    fn with_names(&self, mut plan: Plan, local: &[LocalApplication]) -> Plan {
        let origin = match self.assignment.direction {
            Direction::Pull => Origin::Imported,
            Direction::Push => Origin::Local,
        };
        for here in local.iter().filter(|local| local.origin == origin) {
            plan.names.insert(here.name.clone());
            if here.building {
                plan.building.insert(here.name.clone());
            }
        }
        let steps = [&plan.before, &plan.transfers, &plan.after];
        let named = steps
            .into_iter()
            .flatten()
            .map(|step| step.application().clone());
        plan.names.extend(named);
        let disputed = plan
            .conflicts
            .iter()
            .map(|conflict| conflict.application().clone());
        plan.names.extend(disputed);
        plan
    }

    async fn pull(&self, registry: &Listing, local: &[LocalApplication]) -> Result<Plan, Error> {
        let known = self.site.catalogue.known_registry().await?;
        let known = known.as_ref();
        let plan = self.compare(registry, local, known);
        let next = self.known_from_now(registry, local, known, &plan);
        if let Some(next) = next.filter(|next| known != Some(next)) {
            // Before anything of it is imported, and before anything is removed.
            self.site.catalogue.remember_registry(&next).await?;
        }
        Ok(plan)
    }

    fn compare(
        &self,
        registry: &Listing,
        local: &[LocalApplication],
        known: Option<&KnownRegistry>,
    ) -> Plan {
        let plan = plan_pull(registry, local, known, &self.policy(known));
        let [before, transfers, after] = plan.phases().map(steps(Step::Pull));
        Plan {
            before,
            transfers,
            after,
            held: plan.held,
            conflicts: plan.conflicts,
            ..Plan::default()
        }
    }

    fn push(&self, registry: &Listing, local: &[LocalApplication]) -> Plan {
        let plan = plan_push(registry, local, self.site.catalogue.architecture());
        let [before, transfers, after] = plan.phases().map(steps(Step::Push));
        Plan {
            before,
            transfers,
            after,
            conflicts: plan.conflicts,
            ..Plan::default()
        }
    }

    fn policy(&self, known: Option<&KnownRegistry>) -> PullPolicy {
        let config = &self.site.config;
        // What is pulled by hand was chosen by name.
        let by_hand = config.mode != Mode::Pull;
        let held_before = known.and_then(|known| known.held.clone());
        PullPolicy {
            architecture: self.site.catalogue.architecture(),
            tags: if by_hand {
                Vec::new()
            } else {
                config.tags.clone()
            },
            confirmed: self.confirmed.to_vec(),
            held_before: held_before.filter(|_| !by_hand),
        }
    }

    /// The registry that is followed, with what is held back of it. One that casts doubt is not
    /// followed until somebody confirms it or nothing here depends on the other. What is confirmed
    /// counts when it has been carried out: until then it may be withdrawn.
    fn known_from_now(
        &self,
        registry: &Listing,
        local: &[LocalApplication],
        known: Option<&KnownRegistry>,
        plan: &Plan,
    ) -> Option<KnownRegistry> {
        let (id, revision) = (&registry.registry_id, registry.revision);
        let same = known.filter(|known| known.id == *id);
        // A single application says nothing of whether others depend on it, or are held.
        let whole = self.assignment.only.is_none();
        let before = same.and_then(|same| same.held.as_ref());
        let under_way = !self.confirmed.is_empty() && plan.removals().next().is_some();
        let held = match &plan.held {
            Some(held) if whole => Some(held),
            None if whole && !under_way => None,
            _ => before,
        }
        .cloned();
        let doubt = doubt(known, id, revision);
        let confirms = |doubt| self.confirmed.iter().any(|it| confirms(it, Some(&doubt)));
        let accepted = |doubt| !under_way && confirms(doubt);
        let certain = doubt.is_none_or(accepted);
        let free = whole && local.iter().all(|local| local.origin == Origin::Local);
        if certain || free {
            let id = id.clone();
            return Some(KnownRegistry { id, revision, held });
        }
        same.map(|same| KnownRegistry {
            held,
            ..same.clone()
        })
    }

    fn can_pull(&self, only: &ApplicationName, registry: &Listing) -> Result<(), Error> {
        let policy = self.policy(None);
        let architecture = policy.architecture;
        let variants = registry
            .applications
            .iter()
            .flat_map(|known| &known.variants);
        let mut usable = variants.filter(|variant| variant.architecture == architecture);
        match usable.next() {
            None => Err(Error::NotInRegistry(only.clone(), architecture)),
            Some(variant) if policy.wants(variant) => Ok(()),
            Some(_) => Err(Error::Filtered(only.clone(), architecture)),
        }
    }
}

fn can_push(
    only: &ApplicationName,
    registry: &Listing,
    local: &[LocalApplication],
) -> Result<(), Error> {
    let here = local.first().ok_or_else(|| Error::NotHere(only.clone()))?;
    if here.origin == Origin::Imported {
        return Err(Error::Imported(only.clone()));
    }
    let mut versions = here.versions.iter();
    let published = versions.any(|version| version.published && version.ready);
    if published || !registry.applications.is_empty() {
        Ok(())
    } else {
        Err(Error::NothingPublished(only.clone()))
    }
}

fn steps<A: Clone>(step: fn(A) -> Step) -> impl Fn(&[A]) -> Vec<Step> {
    move |actions| actions.iter().cloned().map(step).collect()
}

/// The listing as if there were nothing but the one application.
fn restricted(registry: &Listing, only: &ApplicationName) -> Listing {
    let applications = registry
        .applications
        .iter()
        .filter(|known| known.name == *only);
    Listing {
        applications: applications.cloned().collect(),
        registry_id: registry.registry_id.clone(),
        revision: registry.revision,
        etag: None,
    }
}
