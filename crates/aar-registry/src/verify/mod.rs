//! Comparing database and storage, both ways.
//!
//! It runs while the registry works. What looks wrong is looked at a second time while nobody can
//! write, so that a change in between is not taken for a fault. Repairing means to write
//! descriptors anew from the database, to take over revocations that only the storage knows of, and
//! to remove what is proven to be of no use: the bytes of an image that are corrupt, since as long
//! as they are there the image counts as stored and nobody can upload it again, and descriptors by
//! which a rebuild would trust somebody, or have an application, that the database does not.
//! Nothing else is deleted. The descriptor of a version that the database does not know stays: it
//! may be all that is left of one that others have already.

mod blobs;
mod descriptors;
mod mend;
mod strays;

use aar_types::Digest;
use serde::Serialize;

use crate::{Error, Operator, Registry, storage::Area};

/// How thoroughly to verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VerifyOptions {
    /// Read every blob and compare its SHA-256, instead of its size only.
    pub deep: bool,
    /// Bring descriptors and database to agree where it is clear how, and remove bytes that are
    /// corrupt.
    pub repair: bool,
}

/// What a verification has found. Empty lists mean that database and storage agree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// How many blobs were looked at.
    pub blobs: u64,
    /// How many bytes were read and hashed.
    pub bytes: u64,
    /// Blobs that the database knows and the storage does not have.
    pub missing: Vec<Digest>,
    /// Blobs whose bytes are not what their digest or their size says.
    pub corrupt: Vec<Digest>,
    /// Corrupt blobs whose bytes were removed, so that they can be uploaded again.
    pub removed: Vec<Digest>,
    /// Versions whose blob is missing or corrupt, as name, architecture and number.
    pub affected: Vec<String>,
    /// Blobs that no version refers to; garbage collection frees them in time.
    pub unreferenced: Vec<Digest>,
    /// Objects that should have a descriptor that says what the database says, and have none.
    pub undescribed: Vec<String>,
    /// Descriptors and other objects that the database does not know.
    pub stray: Vec<String>,
    /// What of the last two was put right.
    pub repaired: Vec<String>,
}

impl VerifyReport {
    /// Whether nothing is left to be worried about.
    pub fn is_sound(&self) -> bool {
        self.missing.is_empty()
            && self.corrupt.is_empty()
            && self.affected.is_empty()
            && self.undescribed.len() + self.stray.len() == self.repaired.len()
    }
}

impl Operator {
    /// Compares database and storage, both ways.
    pub async fn verify(&self, options: VerifyOptions) -> Result<VerifyReport, Error> {
        let mut verification = Verification {
            operator: self,
            registry: &self.registry,
            options,
            report: VerifyReport::default(),
        };
        verification.check_blobs().await?;
        verification.check_versions().await?;
        verification.check_descriptors().await?;
        for area in [Area::Blobs, Area::Applications, Area::Trust] {
            verification.find_strays(area).await?;
        }
        Ok(verification.report)
    }
}

struct Verification<'a> {
    operator: &'a Operator,
    registry: &'a Registry,
    options: VerifyOptions,
    report: VerifyReport,
}
