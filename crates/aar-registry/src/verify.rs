//! Comparing database and storage, both ways.
//!
//! It runs while the registry works. What looks wrong is looked at a second time while nobody can
//! write, so that a change in between is not taken for a fault. Repairing means to write
//! descriptors anew from the database, and to remove the bytes of an image that are proven to be
//! corrupt: as long as they are there the image counts as stored, and nobody can upload it again.
//! Nothing else is deleted, and lost bytes stay lost until they are uploaded again.

use aar_types::Digest;
use futures_util::TryStreamExt;
use serde::Serialize;
use serde_json::Value;

use crate::{
    Error, Operator, Registry,
    blobs::{Area, Key, Object},
    descriptor::{self, CertificateDescriptor, VariantDescriptor, VersionDescriptor, says},
    metadata::{BlobState, Reading},
};

/// How many rows are read at once.
const PAGE: u32 = 500;

/// How thoroughly to verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VerifyOptions {
    /// Read every blob and compare its SHA-256, instead of its size only.
    pub deep: bool,
    /// Write descriptors anew that are missing or differ, and remove bytes that are corrupt.
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
    /// Descriptors that were written anew.
    pub repaired: Vec<String>,
}

impl VerifyReport {
    /// Whether nothing is left to be worried about.
    pub fn is_sound(&self) -> bool {
        self.missing.is_empty()
            && self.corrupt.is_empty()
            && self.affected.is_empty()
            && self.stray.is_empty()
            && self.undescribed.len() == self.repaired.len()
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
        verification.check_variants().await?;
        verification.check_certificates().await?;
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

impl Verification<'_> {
    /// Every blob that the database knows, against the storage.
    async fn check_blobs(&mut self) -> Result<(), Error> {
        let mut after = None;
        loop {
            let mut tx = self.registry.metadata().read().await?;
            let page = tx.blobs_after(after.as_ref(), PAGE).await?;
            drop(tx);
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.digest);
            for blob in page {
                if blob.unreferenced_since.is_some() {
                    self.report.unreferenced.push(blob.digest);
                }
                if blob.state == BlobState::Stored {
                    self.check_blob(blob.digest, blob.size).await?;
                }
            }
        }
    }

    async fn check_blob(&mut self, digest: Digest, size: u64) -> Result<(), Error> {
        self.report.blobs += 1;
        let Some(found) = self.registry.blobs().blob_object(&digest).await? else {
            if self.is_missing(&digest).await? {
                self.report.missing.push(digest);
            }
            return Ok(());
        };
        if found.size == size && (!self.options.deep || self.reads_well(digest).await?) {
            return Ok(());
        }
        self.report.corrupt.push(digest);
        if self.options.repair && self.remove(digest, found).await? {
            self.report.removed.push(digest);
        }
        Ok(())
    }

    /// Removes the bytes of a blob, unless they are no longer the ones that were found corrupt. A
    /// row that versions refer to stays, as that of a blob that is missing.
    async fn remove(&self, digest: Digest, corrupt: Object) -> Result<bool, Error> {
        let operator = self.operator;
        let remove = operator.registry.mutate(&operator.actor, move |change| {
            Box::pin(async move {
                let (blobs, key) = (change.registry.blobs(), Key::Blob(digest));
                if blobs.blob_object(&digest).await? != Some(corrupt) {
                    return Ok(false);
                }
                let detail = "removed, because it was corrupt".to_owned();
                change.record("repair", key.to_string(), detail).await?;
                if !change.tx.blob_is_referenced(&digest).await? {
                    change.tx.delete_blob(&digest).await?;
                }
                blobs.delete(&key).await
            })
        });
        remove.await
    }

    /// Whether the bytes of a blob are what its digest says.
    async fn reads_well(&mut self, digest: Digest) -> Result<bool, Error> {
        let Some((read, found)) = self.registry.blobs().hash_blob(&digest).await? else {
            // It was freed in between.
            return Ok(true);
        };
        self.report.bytes += read;
        Ok(found == digest)
    }

    /// Looks a second time, in case the blob was freed in between.
    async fn is_missing(&self, digest: &Digest) -> Result<bool, Error> {
        let mut tx = self.registry.write().await?;
        let blob = tx.blob(digest).await?;
        let expected = blob.is_some_and(|blob| blob.state == BlobState::Stored);
        Ok(expected && self.registry.blobs().blob_size(digest).await?.is_none())
    }

    async fn check_versions(&mut self) -> Result<(), Error> {
        let mut after = None;
        loop {
            let mut tx = self.registry.metadata().read().await?;
            let page = tx.versions_after(after.as_ref(), PAGE).await?;
            drop(tx);
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.key());
            for row in page {
                let (key, image) = (row.key(), row.version.image);
                let stored = self.registry.blobs().blob_size(&image.digest).await?;
                if stored.is_some_and(|size| size != image.size) || self.is_broken(&image.digest) {
                    self.report.affected.push(key.to_string());
                }
                let descriptor = VersionDescriptor::from(row);
                self.check_descriptor(Key::Version(key), &descriptor)
                    .await?;
            }
        }
    }

    fn is_broken(&self, digest: &Digest) -> bool {
        self.report.missing.contains(digest) || self.report.corrupt.contains(digest)
    }

    async fn check_variants(&mut self) -> Result<(), Error> {
        let mut after = None;
        loop {
            let mut tx = self.registry.metadata().read().await?;
            let page = tx.variants_after(after.as_ref(), PAGE).await?;
            drop(tx);
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.key.clone());
            for row in page {
                let key = Key::Variant(row.key.clone());
                let descriptor = VariantDescriptor::from(row);
                self.check_descriptor(key, &descriptor).await?;
            }
        }
    }

    async fn check_certificates(&mut self) -> Result<(), Error> {
        let rows = self
            .registry
            .metadata()
            .read()
            .await?
            .certificates()
            .await?;
        for row in rows {
            let key = Key::Certificate(row.certificate.fingerprint);
            let descriptor = CertificateDescriptor::from(row);
            self.check_descriptor(key, &descriptor).await?;
        }
        Ok(())
    }

    async fn check_descriptor<T: Serialize>(
        &mut self,
        key: Key,
        expected: &T,
    ) -> Result<(), Error> {
        let expected = descriptor::write(&key, expected)?;
        let found = self.registry.blobs().get(&key).await;
        if found.is_ok_and(|found| says(&key, found.as_ref()) == says(&key, Some(&expected))) {
            return Ok(());
        }
        if self.settle(key.clone()).await? {
            self.report.undescribed.push(key.to_string());
            if self.options.repair {
                self.report.repaired.push(key.to_string());
            }
        }
        Ok(())
    }

    /// Looks a second time at a descriptor that is not as it should be, and repairs it on request.
    /// Tells whether it really was not.
    async fn settle(&self, key: Key) -> Result<bool, Error> {
        let repair = self.options.repair;
        let operator = self.operator;
        let settle = operator.registry.mutate(&operator.actor, move |change| {
            Box::pin(async move {
                let Some(expected) = expected(&mut change.tx, &key).await? else {
                    return Ok(false);
                };
                let found = change.registry.blobs().get(&key).await.ok().flatten();
                if says(&key, found.as_ref()) == Some(expected.clone()) {
                    return Ok(false);
                }
                if repair {
                    change
                        .record("repair", key.to_string(), String::new())
                        .await?;
                    change.describe(key, &expected).await?;
                }
                Ok(true)
            })
        });
        settle.await
    }

    /// Every object in the storage, against the database.
    async fn find_strays(&mut self, area: Area) -> Result<(), Error> {
        let mut objects = self.registry.blobs().list(area);
        while let Some(object) = objects.try_next().await? {
            let known = match object.key() {
                Some(key) => self.is_known(&key).await?,
                None => false,
            };
            if !known {
                self.report.stray.push(object.path.to_string());
            }
        }
        Ok(())
    }

    async fn is_known(&self, key: &Key) -> Result<bool, Error> {
        let mut tx = self.registry.metadata().read().await?;
        if is_in_database(&mut tx, key).await? {
            return Ok(true);
        }
        drop(tx);
        // Perhaps it just came, or just went.
        let mut tx = self.registry.write().await?;
        if is_in_database(&mut tx, key).await? {
            return Ok(true);
        }
        let still_there = match key {
            Key::Blob(digest) => self.registry.blobs().blob_size(digest).await?.is_some(),
            key => self.registry.blobs().get(key).await?.is_some(),
        };
        Ok(!still_there)
    }
}

async fn is_in_database(tx: &mut Reading, key: &Key) -> Result<bool, Error> {
    match key {
        Key::Registry => Ok(true),
        Key::Blob(digest) => Ok(tx.blob(digest).await?.is_some()),
        key => Ok(expected(tx, key).await?.is_some()),
    }
}

/// What the descriptor should say, as the database has it now.
async fn expected(tx: &mut Reading, key: &Key) -> Result<Option<Value>, Error> {
    let content = match key {
        Key::Version(version) => match tx.version(version).await? {
            Some(row) => descriptor::write(key, &VersionDescriptor::from(row))?,
            None => return Ok(None),
        },
        Key::Variant(variant) => match tx.variant(variant).await? {
            Some(row) => descriptor::write(key, &VariantDescriptor::from(row))?,
            None => return Ok(None),
        },
        Key::Certificate(fingerprint) => match tx.certificate(fingerprint).await? {
            Some(row) => descriptor::write(key, &CertificateDescriptor::from(row))?,
            None => return Ok(None),
        },
        Key::Registry | Key::Blob(_) => return Ok(None),
    };
    Ok(says(key, Some(&content)))
}
