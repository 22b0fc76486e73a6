//! The transfers of a round that run beside each other while the round goes on to plan.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use aar_types::{ApplicationName, Fingerprint, VersionNumber};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    LocalCatalogue,
    apply::{Done, Step},
    error::Error,
    site::Site,
};

/// A version with its content: what a transfer is for.
type Key = (ApplicationName, VersionNumber, Fingerprint);

/// A transfer that has ended.
pub(crate) struct Ended {
    pub(crate) step: Step,
    pub(crate) result: Result<Done, Error>,
}

#[derive(Default)]
pub(crate) struct Transfers {
    running: HashMap<Key, CancellationToken>,
    /// What has been transferred. It is not begun again should the other side not show it.
    finished: HashSet<Key>,
    tasks: JoinSet<Ended>,
}

impl Transfers {
    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Goes on with what is wanted, begins what is missing, and ends what is no longer wanted.
    pub(crate) fn settle<L: LocalCatalogue>(&mut self, site: &Arc<Site<L>>, wanted: Vec<Step>) {
        let wanted: Vec<_> = wanted
            .into_iter()
            .filter_map(|step| Some((key(&step)?, step)))
            .collect();
        for (key, cancelled) in &self.running {
            if wanted.iter().all(|(wanted, _)| wanted != key) {
                cancelled.cancel();
            }
        }
        for (key, step) in wanted {
            self.begin(site, key, step);
        }
    }

    fn begin<L: LocalCatalogue>(&mut self, site: &Arc<Site<L>>, key: Key, step: Step) {
        if self.running.contains_key(&key) || self.finished.contains(&key) {
            return;
        }
        let cancelled = CancellationToken::new();
        self.running.insert(key, cancelled.clone());
        let site = Arc::clone(site);
        self.tasks.spawn(async move {
            let result = site.take_in_turn(step.clone(), cancelled).await;
            Ended { step, result }
        });
    }

    /// Waits for the next one to end; `None` when there is none.
    pub(crate) async fn next(&mut self) -> Option<Ended> {
        match self.tasks.join_next().await? {
            Ok(ended) => {
                if let Some(key) = key(&ended.step) {
                    self.running.remove(&key);
                    self.finished.extend(ended.result.is_ok().then_some(key));
                }
                Some(ended)
            }
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    /// Things have changed: what was transferred may have to be transferred again.
    pub(crate) fn forget(&mut self) {
        self.finished.clear();
    }

    /// Ends all. Those that are past the transfer run to their end.
    pub(crate) fn cancel(&self) {
        for cancelled in self.running.values() {
            cancelled.cancel();
        }
    }
}

fn key(step: &Step) -> Option<Key> {
    let image = step.image()?;
    Some((
        step.application().clone(),
        step.version()?,
        image.fingerprint,
    ))
}
