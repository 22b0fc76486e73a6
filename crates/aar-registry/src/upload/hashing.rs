use std::mem;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::{Error, tasks::stopped};

/// A hash that is taken while the next piece is on its way.
pub(super) struct Hashing {
    hasher: Sha256,
    work: Option<JoinHandle<Sha256>>,
}

impl Hashing {
    pub(super) fn new(hasher: Sha256) -> Self {
        Self { hasher, work: None }
    }

    /// Takes a piece into work, after the one before is done.
    pub(super) async fn push(&mut self, piece: Bytes) -> Result<(), Error> {
        let mut hasher = self.settle().await?.clone();
        self.work = Some(spawn_blocking(move || {
            hasher.update(&piece);
            hasher
        }));
        Ok(())
    }

    /// Waits until nothing is in work.
    pub(super) async fn settle(&mut self) -> Result<&Sha256, Error> {
        if let Some(work) = mem::take(&mut self.work) {
            self.hasher = work.await.map_err(stopped)?;
        }
        Ok(&self.hasher)
    }
}
