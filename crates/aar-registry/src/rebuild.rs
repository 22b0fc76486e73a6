//! Rebuilds the metadata from storage alone, after the database was lost.
//!
//! The descriptors restore metadata, trust, revocations, and the versions whose blob exists. Change feed,
//! audit log and open uploads are lost. The revision continues far beyond the highest one of all descriptors,
//! so that it never decreases for a client, whatever was deleted last.
//!
//! Clients remove applications that the registry no longer has, so a loss is refused until it is accepted.
//!
//! Rows are written in batches, between the requests to storage, and the row of the registry last. Without it
//! the database cannot be opened, so an interrupted rebuild is not used; the next one starts again.

use std::fmt;

use aar_types::{ApplicationMetadata, RegistryId, Revision, TrustState};
use futures_util::TryStreamExt;
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Error, Options, Outcome, Registry, StorageOptions,
    actor::Actor,
    descriptor::{self, CertificateDescriptor, VariantDescriptor, VersionDescriptor},
    metadata::{Metadata, RegistryRow, TrustRow, VariantRow, VersionRow, Writing},
    open::{mark_storage, storage_owner},
    storage::{Area, Object, ObjectKey, Storage},
};

/// The increase of the revision: more than all changes since the newest descriptor.
const JUMP: u64 = 1 << 20;

/// The number of objects that are read before their rows are written.
const BATCH: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RebuildReport {
    pub registry_id: RegistryId,
    /// The first revision after the rebuild.
    pub revision: Revision,
    /// The number of variants.
    pub applications: u64,
    pub versions: u64,
    pub trusted: u64,
    pub revoked: u64,
    /// The committed items that cannot be restored, one sentence each.
    pub lost: Vec<String>,
    /// Objects in storage that belong to no item, one sentence each.
    pub skipped: Vec<String>,
}

/// Whether a rebuild continues despite losses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Losses {
    /// The rebuild fails, and the database cannot be opened.
    Refuse,
    /// The rebuild restores the rest.
    Accept,
}

impl Registry {
    /// Fills an empty database from storage alone. Refuses a database that is not empty, storage without
    /// `registry.json`, and losses that are not accepted.
    pub async fn rebuild(
        options: Options,
        operator: &str,
        losses: Losses,
    ) -> Result<RebuildReport, Error> {
        Self::check_rebuild(&options).await?;
        let storage = Storage::open(&options.storage).await?;
        let metadata = Metadata::open(&options.database).await?;
        clear_unfinished(&metadata).await?;
        let mark = mark_storage(&storage).await?;
        let mut rebuild = Rebuild {
            storage: &storage,
            metadata: &metadata,
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
            created: Vec::new(),
        };
        let ended = rebuild.run(operator, losses).await;
        let report = rebuild.report;
        metadata.close().await;
        ended.map(|()| report)
    }

    /// Refuses storage without a registry, and creates nothing: its name may be misspelt, or its volume not
    /// mounted.
    pub async fn check_rebuild(options: &Options) -> Result<(), Error> {
        let (holds_registry, place) = match &options.storage {
            StorageOptions::Fs { root_directory } => {
                let mark = root_directory.join(ObjectKey::Registry.to_string());
                // Opening the storage reports a file without read permission.
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

/// Deletes the rows of an interrupted rebuild.
async fn clear_unfinished(metadata: &Metadata) -> Result<(), Error> {
    let mut tx = metadata.write().await?;
    if tx.registry().await?.is_some() {
        return Err(Error::DatabaseNotEmpty);
    }
    tx.clear().await?;
    tx.commit().await
}

struct Rebuild<'a> {
    storage: &'a Storage,
    metadata: &'a Metadata,
    at: Timestamp,
    storage_name: String,
    report: RebuildReport,
    /// Variants whose descriptors are lost.
    created: Vec<VariantRow>,
}

impl Rebuild<'_> {
    async fn run(&mut self, operator: &str, losses: Losses) -> Result<(), Error> {
        self.restore(Area::Applications, Self::read_variant, Self::insert_variant)
            .await?;
        self.restore(Area::Applications, Self::read_version, Self::insert_version)
            .await?;
        self.restore(
            Area::Trust,
            Self::read_certificate,
            Self::insert_certificate,
        )
        .await?;
        if losses == Losses::Refuse && !self.report.lost.is_empty() {
            let lost = std::mem::take(&mut self.report.lost);
            return Err(Error::RebuildLoses { lost });
        }
        self.write_created().await?;
        self.finish(operator).await
    }

    /// Makes the database usable.
    async fn finish(&mut self, operator: &str) -> Result<(), Error> {
        let mut tx = self.metadata.write().await?;
        self.drop_empty_variants(&mut tx).await?;
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
            .await?;
        tx.commit().await
    }

    /// Restores rows from the objects of an area, a batch at a time.
    async fn restore<R>(
        &mut self,
        area: Area,
        read: impl AsyncFn(&mut Self, &Object) -> Result<Option<R>, Error>,
        insert: impl AsyncFn(&mut Self, &mut Writing, R) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut batches = self.storage.list(area).try_chunks(BATCH);
        while let Some(batch) = batches.try_next().await.map_err(|error| error.1)? {
            let mut rows = Vec::new();
            for object in batch {
                rows.extend(read(self, &object).await?);
            }
            let mut tx = self.metadata.write().await?;
            for row in rows {
                insert(self, &mut tx, row).await?;
            }
            tx.commit().await?;
        }
        Ok(())
    }

    async fn read_variant(&mut self, object: &Object) -> Result<Option<VariantRow>, Error> {
        let key = match object.key() {
            Some(key @ ObjectKey::Variant(_)) => key,
            Some(_) => return Ok(None),
            None => {
                self.skip(&object.path, "is no descriptor");
                return Ok(None);
            }
        };
        let Some(found) = self.read::<VariantDescriptor>(&key).await? else {
            return Ok(None);
        };
        let row = VariantRow::from(found);
        self.note(row.revision);
        let is_in_place = self.is_in_place(&key, &ObjectKey::Variant(row.key.clone()));
        Ok(is_in_place.then_some(row))
    }

    async fn insert_variant(&mut self, tx: &mut Writing, row: VariantRow) -> Result<(), Error> {
        self.report.applications += 1;
        tx.put_variant(&row).await
    }

    /// Reads the descriptor of a version whose image is stored.
    async fn read_version(&mut self, object: &Object) -> Result<Option<VersionRow>, Error> {
        let Some(key @ ObjectKey::Version(_)) = object.key() else {
            return Ok(None);
        };
        let Some(found) = self.read::<VersionDescriptor>(&key).await? else {
            return Ok(None);
        };
        let row = VersionRow::from(found);
        self.note(row.revision);
        if !self.is_in_place(&key, &ObjectKey::Version(row.key())) {
            return Ok(None);
        }
        let image = &row.version.image;
        match self.storage.blob_size(&image.digest).await? {
            Some(size) if size == image.size => return Ok(Some(row)),
            Some(size) => {
                let why = format_args!("says {} bytes, its blob has {size}", image.size);
                self.lose(&key, why);
            }
            None => {
                let why = format_args!("names the blob {}, which is not stored", image.digest);
                self.lose(&key, why);
            }
        }
        Ok(None)
    }

    async fn insert_version(&mut self, tx: &mut Writing, row: VersionRow) -> Result<(), Error> {
        let image = &row.version.image;
        if tx.variant(&row.variant).await?.is_none() {
            self.create_variant(tx, &row).await?;
        }
        tx.store_blob(&image.digest, image.size, None, self.at)
            .await?;
        tx.insert_version(&row).await?;
        tx.recount_blob(&image.digest, self.at).await?;
        self.report.versions += 1;
        Ok(())
    }

    /// A version is restored even if the metadata of its variant is lost.
    async fn create_variant(&mut self, tx: &mut Writing, row: &VersionRow) -> Result<(), Error> {
        let variant = VariantRow {
            key: row.variant.clone(),
            metadata: ApplicationMetadata::default(),
            revision: row.revision,
        };
        tx.put_variant(&variant).await?;
        self.report.applications += 1;
        self.lose(
            &ObjectKey::Variant(row.variant.clone()),
            "is missing; the application has default metadata until it is changed",
        );
        self.created.push(variant);
        Ok(())
    }

    async fn write_created(&mut self) -> Result<(), Error> {
        for row in std::mem::take(&mut self.created) {
            let key = ObjectKey::Variant(row.key.clone());
            let content = descriptor::write(&key, &VariantDescriptor::from(row))?;
            self.storage.put(&key, content).await?;
        }
        Ok(())
    }

    /// Drops variants without versions: such an application does not exist. Lost versions are reported
    /// separately. If none is lost, the creation of the application was interrupted.
    async fn drop_empty_variants(&mut self, tx: &mut Writing) -> Result<(), Error> {
        for key in tx.variants_without_versions().await? {
            tx.delete_variant(&key).await?;
            self.report.applications -= 1;
            self.skip(&ObjectKey::Variant(key), "has no version");
        }
        Ok(())
    }

    async fn read_certificate(&mut self, object: &Object) -> Result<Option<TrustRow>, Error> {
        let Some(key @ ObjectKey::Certificate(_)) = object.key() else {
            self.skip(&object.path, "is no descriptor");
            return Ok(None);
        };
        let Some(found) = self.read::<CertificateDescriptor>(&key).await? else {
            return Ok(None);
        };
        let row = TrustRow::from(found);
        let own_key = ObjectKey::Certificate(row.certificate.fingerprint);
        Ok(self.is_in_place(&key, &own_key).then_some(row))
    }

    async fn insert_certificate(&mut self, tx: &mut Writing, row: TrustRow) -> Result<(), Error> {
        match row.certificate.state {
            TrustState::Trusted => self.report.trusted += 1,
            TrustState::Revoked => self.report.revoked += 1,
        }
        tx.put_certificate(&row).await
    }

    /// Reads a descriptor. An unreadable one is a loss.
    async fn read<T: DeserializeOwned>(&mut self, key: &ObjectKey) -> Result<Option<T>, Error> {
        match descriptor::read(self.storage, key).await {
            Err(Error::Damaged { source, .. }) => {
                self.lose(key, format_args!("cannot be read: {source}"));
                Ok(None)
            }
            read => read,
        }
    }

    /// Whether the content of a descriptor belongs to its key. If not, it is a loss.
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
