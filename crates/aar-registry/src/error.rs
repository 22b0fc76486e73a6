use std::{io, path::PathBuf};

use aar_fs::VolumeFull;
use aar_sqlite::Failure;
use aar_types::{
    ApplicationName, Architecture, Digest, ErrorCode, Fingerprint, FingerprintPrefix, RegistryId,
    Revision, RuleViolation, VersionNumber,
};

use crate::{BucketProblem, PostgresProblem, UploadId};

/// An error of the registry. A missing application or version is no error: functions return `None` or `false`
/// for it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "{name} {number} for {architecture} exists with the fingerprint {stored}; it cannot become {given}"
    )]
    VersionConflict {
        name: ApplicationName,
        architecture: Architecture,
        number: VersionNumber,
        /// The value in the registry.
        stored: Fingerprint,
        /// The value in the request.
        given: Fingerprint,
    },
    /// A version or an application declares something that no manifest can declare.
    #[error("{section}{broken}")]
    Declaration {
        /// The section of the request, followed by a dot; empty for the request itself.
        section: &'static str,
        broken: RuleViolation,
    },
    #[error("the image {digest} is not stored; upload it first")]
    ImageNotStored { digest: Digest },
    #[error("the image {digest} is committed and not in the storage; verify the storage")]
    ImageMissing { digest: Digest },
    #[error("the image {digest} has {stored} bytes, not {given}")]
    ImageSizeMismatch {
        digest: Digest,
        /// The value in the registry.
        stored: u64,
        /// The value in the request.
        given: u64,
    },
    #[error("the image {digest} has the fingerprint {stored}, not {given}")]
    FingerprintMismatch {
        digest: Digest,
        /// The fingerprint of the stored content.
        stored: Fingerprint,
        /// The value in the request.
        given: Fingerprint,
    },
    #[error("the image {digest} was not made from a package: {reason}")]
    ImageRefused {
        digest: Digest,
        reason: aar_package::Error,
    },
    #[error("there is no upload {id}; it may have expired")]
    UploadNotFound { id: UploadId },
    #[error("upload {id} continues at {expected}, not at {given}")]
    UploadOffset {
        id: UploadId,
        expected: u64,
        given: u64,
    },
    #[error("another request is writing to upload {id}")]
    UploadLocked { id: UploadId },
    #[error("upload {id} was announced with {length} bytes, and more came")]
    UploadTooLong { id: UploadId, length: u64 },
    /// The received bytes of the request are kept.
    #[error("the request that continued upload {id} broke off at {offset}")]
    UploadInterrupted {
        id: UploadId,
        /// The offset at which the upload continues.
        offset: u64,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nothing of the upload is kept.
    #[error("the upload was announced as {expected}, and {found} arrived")]
    DigestMismatch { expected: Digest, found: Digest },
    #[error("an image cannot be empty")]
    EmptyUpload,
    #[error("{length} bytes are more than the {max} that uploads may take")]
    UploadTooLarge { length: u64, max: u64 },
    #[error("this site has just reported: report at most once a second")]
    ReportTooSoon,
    #[error("{max} uploads are open already; finish one or try again later")]
    TooManyUploads { max: u64 },
    #[error("open uploads leave {free} bytes, {length} are requested; try again later")]
    StagingFull { free: u64, length: u64 },
    #[error(transparent)]
    VolumeFull(#[from] VolumeFull),
    #[error("storage is full")]
    StorageFull {
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("changes are kept from revision {oldest} to {newest}, not from {since}; list instead")]
    ChangesCompacted {
        since: Revision,
        oldest: Revision,
        newest: Revision,
    },
    #[error("the certificate {fingerprint} is revoked and can never be trusted again")]
    CertificateRevoked { fingerprint: Fingerprint },
    #[error("no trusted certificate has a fingerprint that begins with {prefix}")]
    CertificateNotFound { prefix: FingerprintPrefix },
    #[error(
        "{prefix} is the beginning of several fingerprints: {}",
        join(candidates)
    )]
    CertificateAmbiguous {
        prefix: FingerprintPrefix,
        candidates: Vec<Fingerprint>,
    },
    #[error("the storage belongs to the registry {storage}, the database to {database}")]
    ForeignStorage {
        storage: RegistryId,
        database: RegistryId,
    },
    #[error(
        "the database is empty, the storage is not; if the database is lost, rebuild it with `aar storage rebuild`"
    )]
    EmptyDatabase,
    #[error(
        "the storage has no registry.json; is the right volume mounted? If it is, create the file: {expected}"
    )]
    UnmarkedStorage {
        /// The content of the file.
        expected: String,
    },
    #[error(
        "the storage is an unfinished copy: finish it with `aar storage migrate`, or configure the storage it was made from"
    )]
    StorageIncomplete,
    #[error("the registry has moved to another storage: configure that one in the section storage")]
    StorageMoved,
    #[error("the new storage is not empty, and does not belong to this registry")]
    TargetNotEmpty,
    #[error("the image {digest} is damaged in the storage; verify the storage")]
    ImageDamaged { digest: Digest },
    #[error("the storage has format {found}, this program knows {known}; use a newer one")]
    NewerFormat { found: u32, known: u32 },
    #[error("the database is not empty; move it away before you rebuild it")]
    DatabaseNotEmpty,
    #[error(
        "{place} has no registry.json to rebuild from; is the right volume mounted, and the storage configured?"
    )]
    NothingToRebuild { place: String },
    #[error("nothing was rebuilt: not everything can be brought back from the storage")]
    RebuildLoses {
        /// The items that would be lost, one sentence each.
        lost: Vec<String>,
    },
    #[error("{failure}")]
    Database {
        failure: Failure,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error(
        "the database {path} is damaged; move it away, with its -wal and -shm, and run `aar storage rebuild`"
    )]
    DatabaseDamaged {
        path: PathBuf,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error(transparent)]
    Postgres(#[from] PostgresProblem),
    #[error(transparent)]
    Schema(aar_sqlite::Error),
    /// A value in the database or in storage cannot be read.
    #[error("{place} cannot be read")]
    Damaged {
        place: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error(transparent)]
    Bucket(#[from] BucketProblem),
    #[error("an address of the storage cannot be signed")]
    Signature {
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("a file of the registry cannot be used")]
    Io(#[source] io::Error),
    #[error("the folder {path} cannot be used")]
    Folder { path: PathBuf, source: io::Error },
    /// The change is committed, and its descriptors are in the outbox.
    #[error(
        "the change is recorded, and storage does not have all of it yet; the rest is delivered when storage can be used"
    )]
    Undelivered { source: Box<Error> },
    #[error("another task is changing {key} in storage; try again")]
    ObjectLocked { key: String },
    #[error("the lease of an object in storage was lost; try again")]
    LeaseLost,
    #[error(
        "the database could not be read for some time, so the registry does not know who is trusted; try again later"
    )]
    TrustUnknown,
    #[error("the registry is shutting down")]
    Stopped,
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        if aar_fs::is_storage_full(&error) {
            Self::StorageFull {
                source: error.into(),
            }
        } else {
            Self::Io(error)
        }
    }
}

fn join(candidates: &[Fingerprint]) -> String {
    let names: Vec<_> = candidates.iter().map(ToString::to_string).collect();
    names.join(", ")
}

impl Error {
    /// Whether a later attempt may succeed without a change by a person.
    pub(crate) fn is_retryable(&self) -> bool {
        match self {
            Self::Bucket(problem) => problem.is_retryable(),
            Self::Postgres(problem) => problem.is_retryable(),
            Self::TrustUnknown
            | Self::Undelivered { .. }
            | Self::ObjectLocked { .. }
            | Self::LeaseLost => true,
            _ => false,
        }
    }

    /// The code of the error, for programs.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::VersionConflict { .. } => ErrorCode::VersionConflict,
            Self::ImageNotStored { .. } => ErrorCode::ImageNotStored,
            Self::ImageSizeMismatch { .. }
            | Self::FingerprintMismatch { .. }
            | Self::ImageRefused { .. }
            | Self::DigestMismatch { .. } => ErrorCode::DigestMismatch,
            Self::UploadNotFound { .. } => ErrorCode::UploadNotFound,
            Self::UploadOffset { .. } => ErrorCode::UploadOffsetConflict,
            Self::UploadLocked { .. } => ErrorCode::UploadLocked,
            Self::UploadTooLong { .. } | Self::UploadTooLarge { .. } => ErrorCode::TooLarge,
            Self::UploadInterrupted { .. }
            | Self::EmptyUpload
            | Self::Declaration { .. }
            | Self::CertificateAmbiguous { .. } => ErrorCode::InvalidRequest,
            Self::TooManyUploads { .. } | Self::ReportTooSoon => ErrorCode::TooManyRequests,
            Self::StagingFull { .. } | Self::VolumeFull(_) | Self::StorageFull { .. } => {
                ErrorCode::StorageFull
            }
            Self::ChangesCompacted { .. } => ErrorCode::ChangesCompacted,
            Self::CertificateRevoked { .. } => ErrorCode::CertificateRevoked,
            Self::CertificateNotFound { .. } => ErrorCode::CertificateUnknown,
            Self::Stopped
            | Self::TrustUnknown
            | Self::StorageMoved
            | Self::ObjectLocked { .. }
            | Self::LeaseLost
            | Self::Database {
                failure: Failure::Busy | Failure::Unavailable,
                ..
            } => ErrorCode::Unavailable,
            Self::Undelivered { source } => match source.code() {
                ErrorCode::StorageFull => ErrorCode::StorageFull,
                _ => ErrorCode::Unavailable,
            },
            Self::Bucket(problem) if problem.is_retryable() => ErrorCode::Unavailable,
            Self::Postgres(problem) if problem.is_retryable() => ErrorCode::Unavailable,
            Self::Bucket(_)
            | Self::Postgres(_)
            | Self::Signature { .. }
            | Self::Io(_)
            | Self::Folder { .. }
            | Self::Database { .. }
            | Self::DatabaseDamaged { .. }
            | Self::Schema(_)
            | Self::Damaged { .. }
            | Self::ImageMissing { .. }
            | Self::ImageDamaged { .. }
            | Self::ForeignStorage { .. }
            | Self::EmptyDatabase
            | Self::UnmarkedStorage { .. }
            | Self::StorageIncomplete
            | Self::TargetNotEmpty
            | Self::NewerFormat { .. }
            | Self::DatabaseNotEmpty
            | Self::NothingToRebuild { .. }
            | Self::RebuildLoses { .. } => ErrorCode::Internal,
        }
    }
}
