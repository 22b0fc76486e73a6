//! Rebuilding the metadata from the storage alone, after the database was lost.
//!
//! What the descriptors say is there again: versions whose blob is there, metadata, trust and
//! revocations. The change feed and the audit log are gone, and so are open uploads. The
//! revision continues far beyond the highest one that a descriptor tells of, so that no client
//! sees it go backwards, whatever was deleted last.
//!
//! What was committed and cannot be brought back is lost to the clients, too: they remove what the
//! registry no longer has. So a loss is refused until it is accepted.

use std::fmt;

use aar_types::{ApplicationMetadata, RegistryId, Revision, TrustState};
use futures_util::TryStreamExt;
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Error, Options, Outcome, Registry, StorageOptions,
    audit::Actor,
    descriptor::{self, CertificateDescriptor, VariantDescriptor, VersionDescriptor},
    metadata::{Metadata, RegistryRow, TrustRow, VariantRow, VersionRow, Writing},
    open::{mark_storage, storage_owner},
    storage::{Area, ObjectKey, Storage},
};

/// How far the revision jumps: more changes than anybody makes after the newest descriptor.
const JUMP: u64 = 1 << 20;

/// What a rebuild has brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RebuildReport {
    /// The registry that it is again.
    pub registry_id: RegistryId,
    /// The revision it continues at.
    pub revision: Revision,
    /// How many variants of applications there are.
    pub applications: u64,
    /// How many versions there are.
    pub versions: u64,
    /// How many certificates are trusted.
    pub trusted: u64,
    /// How many certificates are revoked.
    pub revoked: u64,
    /// What was committed and cannot be brought back, a sentence each.
    pub lost: Vec<String>,
    /// What is in the storage and belongs to nothing, a sentence each.
    pub skipped: Vec<String>,
}

/// Whether a rebuild goes on without what it cannot bring back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Losses {
    /// It changes nothing.
    Refuse,
    /// It brings back all the rest.
    Accept,
}

impl Registry {
    /// Fills an empty database from the storage alone. Refused are a database that is not empty,
    /// storage that does not say whose it is, and losses that nobody has accepted. Either all of it
    /// is committed or nothing.
    pub async fn rebuild(
        options: Options,
        operator: &str,
        losses: Losses,
    ) -> Result<RebuildReport, Error> {
        Self::check_rebuild(&options).await?;
        let storage = Storage::open(&options.storage).await?;
        let metadata = Metadata::open(&options.database).await?;
        let mut tx = metadata.write().await?;
        if tx.registry().await?.is_some() {
            return Err(Error::DatabaseNotEmpty);
        }
        let mark = mark_storage(&storage).await?;
        let mut rebuild = Rebuild {
            storage: &storage,
            storage_name: mark.storage,
            at: options.clock.now(),
            report: RebuildReport {
                registry_id: mark.id,
                revision: Revision(0),
                applications: 0,
                versions: 0,
                trusted: 0,
                revoked: 0,
                lost: Vec::new(),
                skipped: Vec::new(),
            },
            made_up: Vec::new(),
        };
        rebuild.run(&mut tx, operator).await?;
        if losses == Losses::Refuse && !rebuild.report.lost.is_empty() {
            tx.rollback().await?;
            metadata.close().await;
            let lost = rebuild.report.lost;
            return Err(Error::RebuildLoses { lost });
        }
        rebuild.write_made_up().await?;
        let report = rebuild.report;
        tx.commit().await?;
        metadata.close().await;
        Ok(report)
    }

    /// Refuses storage that holds no registry, and creates nothing: its name was mistyped, or its
    /// volume is not mounted.
    pub async fn check_rebuild(options: &Options) -> Result<(), Error> {
        let (holds_registry, place) = match &options.storage {
            StorageOptions::Fs { root_directory } => {
                let mark = root_directory.join(ObjectKey::Registry.to_string());
                // What may not be looked at is there; opening it says the rest.
                let there = mark.try_exists().unwrap_or(true);
                (there, format!("the folder {}", root_directory.display()))
            }
            StorageOptions::S3(bucket) => {
                let storage = Storage::open(&options.storage).await?;
                let there = storage_owner(&storage).await?.is_some();
                (there, bucket.place())
            }
        };
        if holds_registry {
            Ok(())
        } else {
            Err(Error::NothingToRebuild { place })
        }
    }
}

struct Rebuild<'a> {
    storage: &'a Storage,
    at: Timestamp,
    /// Which of the storages it is.
    storage_name: String,
    report: RebuildReport,
    /// What holds for all versions of an application, where that was lost.
    made_up: Vec<VariantRow>,
}

impl Rebuild<'_> {
    async fn run(&mut self, tx: &mut Writing, operator: &str) -> Result<(), Error> {
        self.variants(tx).await?;
        self.versions(tx).await?;
        self.drop_empty_variants(tx).await?;
        self.certificates(tx).await?;
        self.report.revision.0 += JUMP;
        let revision = self.report.revision;
        tx.insert_registry(&RegistryRow {
            id: self.report.registry_id.clone(),
            revision,
            compacted: revision,
            trust_revision: 1,
            storage: self.storage_name.clone(),
        })
        .await?;
        let actor = Actor::Operator(operator.to_owned());
        let detail = format!("{} versions", self.report.versions);
        let target = self.report.registry_id.to_string();
        tx.insert_audit(&actor.entry(self.at, "rebuild", target, Outcome::Done, detail))
            .await
    }

    async fn variants(&mut self, tx: &mut Writing) -> Result<(), Error> {
        let mut objects = self.storage.list(Area::Applications);
        while let Some(object) = objects.try_next().await? {
            match object.key() {
                Some(ObjectKey::Variant(key)) => {
                    let key = ObjectKey::Variant(key);
                    let Some(found) = self.read::<VariantDescriptor>(&key).await? else {
                        continue;
                    };
                    let row = VariantRow::from(found);
                    self.note(row.revision);
                    if self.is_in_place(&key, &ObjectKey::Variant(row.key.clone())) {
                        tx.put_variant(&row).await?;
                        self.report.applications += 1;
                    }
                }
                Some(_) => {}
                None => self.skip(&object.path, "is no descriptor"),
            }
        }
        Ok(())
    }

    async fn versions(&mut self, tx: &mut Writing) -> Result<(), Error> {
        let mut objects = self.storage.list(Area::Applications);
        while let Some(object) = objects.try_next().await? {
            let Some(key @ ObjectKey::Version(_)) = object.key() else {
                continue;
            };
            if let Some(found) = self.read::<VersionDescriptor>(&key).await? {
                self.version(tx, &key, VersionRow::from(found)).await?;
            }
        }
        Ok(())
    }

    async fn version(
        &mut self,
        tx: &mut Writing,
        key: &ObjectKey,
        row: VersionRow,
    ) -> Result<(), Error> {
        self.note(row.revision);
        if !self.is_in_place(key, &ObjectKey::Version(row.key())) {
            return Ok(());
        }
        let image = row.version.image;
        match self.storage.blob_size(&image.digest).await? {
            Some(size) if size == image.size => {}
            Some(size) => {
                let says = format_args!("says {} bytes, its blob has {size}", image.size);
                self.lose(key, says);
                return Ok(());
            }
            None => {
                let says = format_args!("names the blob {}, which is not stored", image.digest);
                self.lose(key, says);
                return Ok(());
            }
        }
        if tx.variant(&row.variant).await?.is_none() {
            self.make_up_variant(tx, &row).await?;
        }
        tx.store_blob(&image.digest, image.size, self.at).await?;
        tx.insert_version(&row).await?;
        tx.recount_blob(&image.digest, self.at).await?;
        self.report.versions += 1;
        Ok(())
    }

    /// A version without what holds for all versions: it is worth more than what is lost with it.
    async fn make_up_variant(&mut self, tx: &mut Writing, row: &VersionRow) -> Result<(), Error> {
        let made_up = VariantRow {
            key: row.variant.clone(),
            metadata: ApplicationMetadata::default(),
            revision: row.revision,
        };
        tx.put_variant(&made_up).await?;
        self.report.applications += 1;
        self.lose(
            &ObjectKey::Variant(row.variant.clone()),
            "is not there; the application has its defaults until it is put again",
        );
        self.made_up.push(made_up);
        Ok(())
    }

    async fn write_made_up(&mut self) -> Result<(), Error> {
        for row in std::mem::take(&mut self.made_up) {
            let key = ObjectKey::Variant(row.key.clone());
            let content = descriptor::write(&key, &VariantDescriptor::from(row))?;
            self.storage.put(&key, content).await?;
        }
        Ok(())
    }

    /// An application is its versions: without any it is not there. Each version that is lost is
    /// told by itself; where none was, the application never came to be.
    async fn drop_empty_variants(&mut self, tx: &mut Writing) -> Result<(), Error> {
        for key in tx.variants_without_versions().await? {
            tx.delete_variant(&key).await?;
            self.report.applications -= 1;
            self.skip(&ObjectKey::Variant(key), "has no version");
        }
        Ok(())
    }

    async fn certificates(&mut self, tx: &mut Writing) -> Result<(), Error> {
        let mut objects = self.storage.list(Area::Trust);
        while let Some(object) = objects.try_next().await? {
            let Some(key @ ObjectKey::Certificate(_)) = object.key() else {
                self.skip(&object.path, "is no descriptor");
                continue;
            };
            let Some(found) = self.read::<CertificateDescriptor>(&key).await? else {
                continue;
            };
            let row = TrustRow::from(found);
            if !self.is_in_place(&key, &ObjectKey::Certificate(row.certificate.fingerprint)) {
                continue;
            }
            tx.put_certificate(&row).await?;
            match row.certificate.state {
                TrustState::Trusted => self.report.trusted += 1,
                TrustState::Revoked => self.report.revoked += 1,
            }
        }
        Ok(())
    }

    /// Reads a descriptor; what cannot be read is reported and left out.
    async fn read<T: DeserializeOwned>(&mut self, key: &ObjectKey) -> Result<Option<T>, Error> {
        match descriptor::read(self.storage, key).await {
            Err(Error::Damaged { source, .. }) => {
                self.lose(key, format_args!("cannot be read: {source}"));
                Ok(None)
            }
            read => read,
        }
    }

    /// Whether a descriptor is about what its name says.
    fn is_in_place(&mut self, place: &ObjectKey, about: &ObjectKey) -> bool {
        if place != about {
            self.lose(place, format_args!("belongs to {about}"));
        }
        place == about
    }

    fn note(&mut self, revision: Revision) {
        self.report.revision = self.report.revision.max(revision);
    }

    fn lose(&mut self, what: &dyn fmt::Display, why: impl fmt::Display) {
        self.report.lost.push(format!("{what} {why}"));
    }

    fn skip(&mut self, what: &dyn fmt::Display, why: impl fmt::Display) {
        self.report.skipped.push(format!("{what} {why}"));
    }
}
