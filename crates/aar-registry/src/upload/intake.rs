//! Taking bytes in: hashing and writing at the same time, while the next piece is on its way.

use std::{io, mem};

use bytes::Bytes;
use sha2::{
    Digest as _, Sha256,
    digest::common::hazmat::{SerializableState, SerializedState},
};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::{Error, storage::Staged, tasks::stopped};

/// What has come in, up to an offset.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) offset: u64,
    hasher: Sha256,
}

impl Taken {
    /// Continues where a row says. `None` when the state is not one that this program wrote.
    pub(super) fn resume(offset: u64, state: &[u8]) -> Option<Self> {
        let state = SerializedState::<Sha256>::try_from(state).ok()?;
        let hasher = Sha256::deserialize(&state).ok()?;
        Some(Self { offset, hasher })
    }

    /// The state of the hash, ready to be kept.
    pub(super) fn state(&self) -> Vec<u8> {
        state_of(&self.hasher)
    }

    pub(super) fn into_hasher(self) -> Sha256 {
        self.hasher
    }

    pub(super) fn digest(self) -> aar_types::Digest {
        aar_types::Digest::from_bytes(self.hasher.finalize().into())
    }
}

/// The state of a hash, ready to be kept.
pub(super) fn state_of(hasher: &Sha256) -> Vec<u8> {
    hasher.serialize().to_vec()
}

/// Takes bytes in. One piece is in work while the caller waits for the next.
pub(super) struct Intake {
    staged: Staged,
    taken: Taken,
    work: Option<Work>,
}

struct Work {
    length: u64,
    hash: JoinHandle<Sha256>,
    write: JoinHandle<io::Result<()>>,
}

impl Intake {
    pub(super) fn new(staged: Staged, taken: Taken) -> Self {
        Self {
            staged,
            taken,
            work: None,
        }
    }

    pub(super) fn staged(&self) -> &Staged {
        &self.staged
    }

    /// How far it will be when the piece in work is done.
    pub(super) fn offset(&self) -> u64 {
        let in_work = self.work.as_ref().map_or(0, |work| work.length);
        self.taken.offset + in_work
    }

    /// Takes a piece into work, after the one before is done.
    pub(super) async fn push(&mut self, piece: Bytes) -> Result<(), Error> {
        self.settle().await?;
        let mut hasher = self.taken.hasher.clone();
        let (staged, offset) = (self.staged.clone(), self.taken.offset);
        let (to_write, length) = (piece.clone(), piece.len() as u64);
        self.work = Some(Work {
            length,
            hash: spawn_blocking(move || {
                hasher.update(&piece);
                hasher
            }),
            write: spawn_blocking(move || staged.write(&to_write, offset)),
        });
        Ok(())
    }

    /// Waits until nothing is in work, and gives what has been taken in. A piece that cannot be
    /// written is not taken in; what came before it stands.
    pub(super) async fn settle(&mut self) -> Result<&Taken, Error> {
        if let Some(work) = mem::take(&mut self.work) {
            let (hasher, written) = tokio::join!(work.hash, work.write);
            written.map_err(stopped)??;
            self.taken.hasher = hasher.map_err(stopped)?;
            self.taken.offset += work.length;
        }
        Ok(&self.taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_continues_from_its_kept_state() {
        let mut whole = Sha256::new();
        whole.update(b"first part, ");
        let kept = state_of(&whole);
        whole.update(b"second part");
        let mut taken = Taken::resume(12, &kept).unwrap();
        taken.hasher.update(b"second part");
        assert_eq!(taken.digest().as_bytes()[..], whole.finalize()[..]);
    }

    #[test]
    fn a_state_that_is_none_is_not_continued() {
        assert!(Taken::resume(0, b"").is_none());
        assert!(Taken::resume(0, &[0xff; 400]).is_none());
    }
}
