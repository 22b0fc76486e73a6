//! Applications: their versions, images and life.
//!
//! One file holds one feature. Requests are checked before they are answered; what takes time then
//! goes on as an [operation](crate::operations). Whoever changes an application has to pass the
//! guard (`guard.rs`) first.

mod build;
mod create;
mod delete;
mod export;
mod filter;
pub(crate) mod guard;
mod id;
mod line;
mod manifest;
mod patch;
mod publish;
mod read;
mod unmade;
mod update;
mod view;

use std::sync::Arc;

use aar_types::{ApplicationName, Architecture};
use tokio::sync::{Mutex, Semaphore, SemaphorePermit, watch};

use crate::{Error, foundation::Foundation, operations::Context, store::StoredApplication};

pub(crate) use delete::digests;

pub use create::CreateOptions;
pub use export::ExportFile;
pub use id::ApplicationId;
pub use manifest::ManifestFile;

/// What a version is told that was being made when AMS stopped.
const UNFINISHED: &str =
    "AMS was stopped while this version was being made; upload its package again";

/// How many packages are worked on at once. The next one is read while one is waiting for a disk.
const TURNS: usize = 2;

/// All applications. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Applications(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    base: Foundation,
    /// Held from reading what holds for all versions of an application to writing it back, and
    /// while a new package takes its place.
    editing: Mutex<()>,
    /// Who makes a version of an application, and who comes after.
    lines: line::Lines,
    /// Counts the changes of applications that were made here.
    changed: watch::Sender<u64>,
    /// Turns at reading packages and making images, each of which uses every core.
    turns: Semaphore,
}

impl Applications {
    /// Takes over what an earlier run left: versions it did not finish say so.
    pub(crate) async fn open(base: Foundation) -> Result<Self, Error> {
        let unfinished = base.store.end_unfinished_versions(UNFINISHED).await?;
        if unfinished > 0 {
            tracing::warn!(versions = unfinished, "versions were left unfinished");
        }
        Ok(Self(Arc::new(Inner {
            base,
            editing: Mutex::new(()),
            lines: line::Lines::default(),
            changed: watch::Sender::new(0),
            turns: Semaphore::new(TURNS),
        })))
    }

    /// The architecture whose applications are here.
    pub fn architecture(&self) -> Architecture {
        self.0.base.architecture
    }

    /// Tells of every change of an application that was made here.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// The application, or the refusal that names it.
    pub(crate) async fn expect(&self, id_or_name: &str) -> Result<StoredApplication, Error> {
        let found = self.0.base.store.application(id_or_name).await?;
        found.ok_or_else(|| Error::ApplicationNotFound(id_or_name.to_owned()))
    }

    /// The application as it is by the time that somebody's turn has come.
    async fn expect_still(
        &self,
        id: &ApplicationId,
        name: &ApplicationName,
    ) -> Result<StoredApplication, Error> {
        let found = self.0.base.store.application(id.as_str()).await?;
        found.ok_or_else(|| Error::ApplicationGone(name.clone()))
    }

    /// Tells listeners and the registry agent of a change.
    fn tell(&self, action: &str, id: &ApplicationId) {
        self.0.base.events.lifecycle(action, address(id));
        self.0.changed.send_modify(|count| *count += 1);
    }

    /// Waits for a turn at working on a package, or for the end of the wish to.
    async fn turn(&self, context: &Context) -> Result<SemaphorePermit<'_>, Error> {
        let turn = async { self.0.turns.acquire().await.map_err(|_| Error::Cancelled) };
        context.unless_cancelled(turn).await
    }

    fn now(&self) -> i64 {
        self.0.base.clock.now().as_second()
    }
}

/// The address of an application in the API.
pub(crate) fn address(id: &ApplicationId) -> String {
    format!("/1.0/applications/{id}")
}
