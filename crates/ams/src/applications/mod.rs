//! Applications: their versions and images from creation to deletion.
//!
//! One file per feature. A request is validated before it is answered; work that takes time goes on
//! as an [operation](crate::operations). Changes need a permit of the
//! store.

mod build;
mod create;
mod delete;
mod export;
mod failed_version;
mod filter;
mod manifest;
mod patch;
mod publish;
mod read;
mod update;
mod view;

use std::sync::Arc;

use aar_types::{ApplicationName, Architecture};
use tokio::sync::{Mutex, Semaphore, watch};

use crate::{
    Error,
    keyed_lock::KeyedLock,
    services::Services,
    store::{ApplicationId, StoredApplication},
};

pub use create::{CreateOptions, UploadedPackage};
pub use export::ExportFile;
pub use manifest::ManifestFile;

/// The error of versions whose build ended with an earlier run of AMS.
const UNFINISHED: &str =
    "AMS was stopped while this version was being built; upload its package again";

/// How many images are built at once. Each build uses every core; a second one makes use of the
/// time in which the first waits for the disk.
const PARALLEL_BUILDS: usize = 2;

/// All applications. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Applications(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    services: Services,
    /// Held from reading the metadata of an application until its changed form is written.
    metadata_lock: Mutex<()>,
    /// Versions of one application are built one after the other: each may start from the one
    /// before it.
    build_locks: KeyedLock<ApplicationId>,
    build_slots: Semaphore,
    /// Counts the changes of applications that were created here.
    changes: watch::Sender<u64>,
}

impl Applications {
    /// Marks versions failed that an earlier run did not finish.
    pub(crate) async fn open(services: Services) -> Result<Self, Error> {
        let unfinished = services.store.fail_unfinished_versions(UNFINISHED).await?;
        if unfinished > 0 {
            tracing::warn!(
                versions = unfinished,
                "marked versions failed whose build was interrupted"
            );
        }
        Ok(Self(Arc::new(Inner {
            services,
            metadata_lock: Mutex::new(()),
            build_locks: KeyedLock::default(),
            build_slots: Semaphore::new(PARALLEL_BUILDS),
            changes: watch::Sender::new(0),
        })))
    }

    pub fn architecture(&self) -> Architecture {
        self.0.services.architecture
    }

    /// Changes with every change of an application that was created here.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    pub(crate) async fn expect(&self, id_or_name: &str) -> Result<StoredApplication, Error> {
        let found = self.0.services.store.application(id_or_name).await?;
        found.ok_or_else(|| Error::ApplicationNotFound(id_or_name.to_owned()))
    }

    /// Reads an application again that existed when its operation began.
    async fn expect_again(
        &self,
        id: &ApplicationId,
        name: &ApplicationName,
    ) -> Result<StoredApplication, Error> {
        let found = self.0.services.store.application(id.as_str()).await?;
        found.ok_or_else(|| Error::ApplicationGone(name.clone()))
    }

    /// Notifies listeners and the registry agent of a change.
    fn notify(&self, action: &str, id: &ApplicationId) {
        self.0.services.events.lifecycle(action, address(id));
        self.0.changes.send_modify(|count| *count += 1);
    }

    fn now(&self) -> i64 {
        self.0.services.clock.now().as_second()
    }
}

/// The path of an application in the API.
pub(crate) fn address(id: &ApplicationId) -> String {
    format!("/1.0/applications/{id}")
}
