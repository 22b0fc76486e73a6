//! Comparing database and storage, both ways.
//!
//! It runs while the registry works. A difference counts when it is still there while no other task
//! changes the same key, so a change in progress is not taken for a fault. A repair writes descriptors from
//! the database, adopts revocations that only storage knows of, and removes what is proved to be useless:
//! corrupt images, which count as stored and so cannot be uploaded again, and descriptors by which a
//! rebuild would trust a certificate, or have an application, that the database does not know. Nothing
//! else is deleted. The descriptor of a version that the database does not know stays: clients may have
//! that version.

mod blobs;
mod compare;
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
    /// Make descriptors and database agree where it is clear how, and remove corrupt images.
    pub repair: bool,
}

/// The findings of a verification. When all lists are empty, database and storage agree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// How many blobs were checked.
    pub blobs: u64,
    /// How many bytes were read and hashed.
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
    /// Which of `undescribed` and `stray` were repaired.
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
