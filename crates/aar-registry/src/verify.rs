use aar_types::Digest;
use serde::Serialize;

use crate::{Error, Operator};

/// How thoroughly to verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VerifyOptions {
    /// Read every blob and compare its SHA-256, instead of its size only.
    pub deep: bool,
    /// Write descriptors anew that are missing or differ. Nothing is deleted.
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
    /// Blobs that no version refers to; garbage collection frees them in time.
    pub unreferenced: Vec<Digest>,
    /// Objects that should have a descriptor that says what the database says, and have none.
    pub undescribed: Vec<String>,
    /// Descriptors and other objects that the database does not know.
    pub stray: Vec<String>,
    /// Descriptors that were written anew.
    pub repaired: Vec<String>,
}

impl VerifyReport {
    /// Whether nothing is left to be worried about.
    pub fn is_sound(&self) -> bool {
        self.missing.is_empty()
            && self.corrupt.is_empty()
            && self.stray.is_empty()
            && self.undescribed.len() == self.repaired.len()
    }
}

impl Operator {
    /// Compares database and storage, both ways.
    pub async fn verify(&self, options: VerifyOptions) -> Result<VerifyReport, Error> {
        let _ = options;
        todo!()
    }
}
