//! Compares database and storage, in both directions.
//!
//! The comparison runs while the registry works. A difference counts if it remains while no other task
//! changes the same key, so a change in progress is no fault. A repair writes descriptors from the database
//! and adopts revocations that only storage has. It removes two kinds of object: corrupt images, which count
//! as stored and so cannot be uploaded again; and descriptors of certificates and applications that the
//! database does not know, which a rebuild would restore. The repair deletes nothing else. The descriptor of
//! an unknown version stays: clients may have that version.

mod blobs;
mod compare;
mod descriptors;
mod mend;
mod strays;

use aar_types::Digest;
use serde::Serialize;

use crate::{Error, Operator, Registry, storage::Area};

/// The options of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VerifyOptions {
    /// Read every blob and compare its SHA-256, instead of its size only.
    pub deep: bool,
    /// Repair descriptors and database if the correct state is clear, and remove corrupt images.
    pub repair: bool,
}

/// The findings of a verification. When all lists are empty, database and storage agree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// The number of checked blobs.
    pub blobs: u64,
    /// The number of bytes that were read and hashed.
    pub bytes: u64,
    /// Blobs that the database knows and storage does not have.
    pub missing: Vec<Digest>,
    /// Blobs whose digest or size differs.
    pub corrupt: Vec<Digest>,
    /// Corrupt blobs that were removed, so that they can be uploaded again.
    pub removed: Vec<Digest>,
    /// Versions whose blob is missing or corrupt, as name, architecture and number.
    pub affected: Vec<String>,
    /// Blobs that no version refers to; garbage collection frees them in time.
    pub unreferenced: Vec<Digest>,
    /// Descriptors that are missing or differ from the database.
    pub undescribed: Vec<String>,
    /// Descriptors and other objects that the database does not know.
    pub stray: Vec<String>,
    /// The repaired entries of `undescribed` and `stray`.
    pub repaired: Vec<String>,
}

impl VerifyReport {
    /// Whether no fault is left.
    pub fn is_sound(&self) -> bool {
        self.missing.is_empty()
            && self.corrupt.is_empty()
            && self.affected.is_empty()
            && self.undescribed.len() + self.stray.len() == self.repaired.len()
    }
}

impl Operator {
    /// Compares database and storage, in both directions.
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
