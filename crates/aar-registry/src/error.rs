use std::{io, path::PathBuf};

use aar_types::{
    ApplicationName, Architecture, Digest, ErrorCode, Fingerprint, FingerprintPrefix, RegistryId,
    Revision, RuleViolation, VersionNumber,
};

use crate::{BucketProblem, UploadId};

/// What can go wrong in a registry. "Not there" is not among it, except where a caller holds on to
/// something that has gone.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The version exists with another content.
    #[error(
        "{name} {number} for {architecture} exists with the fingerprint {stored}; it cannot become {given}"
    )]
    VersionConflict {
        /// The application.
        name: ApplicationName,
        /// The architecture.
        architecture: Architecture,
        /// The version.
        number: VersionNumber,
        /// What the registry has.
        stored: Fingerprint,
        /// What the caller has.
        given: Fingerprint,
    },
    /// What a version or an application declares could not stand in a manifest.
    #[error("{section}{broken}")]
    Declaration {
        /// The section of the request, with a dot behind it; empty for the request itself.
        section: &'static str,
        /// What is wrong.
        broken: RuleViolation,
    },
    /// The image that a version names is not stored.
    #[error("the image {digest} is not stored; upload it first")]
    ImageNotStored {
        /// Its digest.
        digest: Digest,
    },
    /// The image of a committed version has gone from the storage.
    #[error("the image {digest} is committed and not in the storage; verify the storage")]
    ImageMissing {
        /// Its digest.
        digest: Digest,
    },
    /// An image is stored under this digest, with another size.
    #[error("the image {digest} has {stored} bytes, not {given}")]
    ImageSizeMismatch {
        /// Its digest.
        digest: Digest,
        /// The size that the registry knows.
        stored: u64,
        /// The size that the caller names.
        given: u64,
    },
    /// There is no such upload, or no longer.
    #[error("there is no upload {id}; it may have expired")]
    UploadNotFound {
        /// The upload.
        id: UploadId,
    },
    /// The upload continues at another offset.
    #[error("upload {id} continues at {expected}, not at {given}")]
    UploadOffset {
        /// The upload.
        id: UploadId,
        /// Where it continues.
        expected: u64,
        /// Where the caller wanted to continue.
        given: u64,
    },
    /// Another request is writing to the upload.
    #[error("another request is writing to upload {id}")]
    UploadLocked {
        /// The upload.
        id: UploadId,
    },
    /// More bytes came than were announced.
    #[error("upload {id} was announced with {length} bytes, and more came")]
    UploadTooLong {
        /// The upload.
        id: UploadId,
        /// The announced length.
        length: u64,
    },
    /// The request ended before its time. What came of it is kept.
    #[error("the request that continued upload {id} broke off at {offset}")]
    UploadInterrupted {
        /// The upload.
        id: UploadId,
        /// Where it continues.
        offset: u64,
        /// What the connection said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What arrived is not what was announced. Nothing of it is kept.
    #[error("the upload was announced as {expected}, and what came is {found}")]
    DigestMismatch {
        /// What was announced.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// The upload announces no content.
    #[error("an image cannot be empty")]
    EmptyUpload,
    /// The upload announces more than all uploads together may take.
    #[error("{length} bytes are more than the {max} that uploads may take")]
    UploadTooLarge {
        /// What was announced.
        length: u64,
        /// What is allowed.
        max: u64,
    },
    /// Too many uploads are open.
    #[error("{max} uploads are open already; finish one or try again later")]
    TooManyUploads {
        /// How many may be open.
        max: u64,
    },
    /// Open uploads leave too little space.
    #[error("open uploads leave {free} bytes, {length} are asked for; try again later")]
    StagingFull {
        /// What is left.
        free: u64,
        /// What was asked for.
        length: u64,
    },
    /// There is no space left.
    #[error("nothing more can be stored")]
    StorageFull {
        /// What the system said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The change feed does not reach back to this revision, or never was there.
    #[error("changes are kept from revision {oldest} to {newest}, not from {since}; list instead")]
    ChangesCompacted {
        /// What was asked for.
        since: Revision,
        /// From where changes are known.
        oldest: Revision,
        /// The present revision.
        newest: Revision,
    },
    /// The certificate was revoked.
    #[error("the certificate {fingerprint} is revoked and can never be trusted again")]
    CertificateRevoked {
        /// The certificate.
        fingerprint: Fingerprint,
    },
    /// No certificate has this prefix.
    #[error("no trusted certificate has a fingerprint that begins with {prefix}")]
    CertificateNotFound {
        /// The prefix.
        prefix: FingerprintPrefix,
    },
    /// Several certificates have this prefix.
    #[error(
        "{prefix} is the beginning of several fingerprints: {}",
        join(candidates)
    )]
    CertificateAmbiguous {
        /// The prefix.
        prefix: FingerprintPrefix,
        /// The certificates.
        candidates: Vec<Fingerprint>,
    },
    /// The storage belongs to another registry.
    #[error("the storage belongs to the registry {storage}, the database to {database}")]
    ForeignStorage {
        /// Whose the storage is.
        storage: RegistryId,
        /// Whose the database is.
        database: RegistryId,
    },
    /// The database is empty, the storage is not.
    #[error(
        "the database is empty, the storage is not; if the database is lost, rebuild it with `aar storage rebuild`"
    )]
    EmptyDatabase,
    /// The storage does not say whose it is.
    #[error(
        "the storage has no registry.json; is the right volume mounted? If it is, create the file: {expected}"
    )]
    UnmarkedStorage {
        /// What belongs into the file.
        expected: String,
    },
    /// The storage is a copy that is not finished.
    #[error(
        "the storage is a copy that was not finished: finish it with `aar storage migrate`, or configure the one it was made from"
    )]
    StorageIncomplete,
    /// The storage is not the one that is in use.
    #[error(
        "the registry has moved to another storage: let the section storage of the configuration name that one"
    )]
    StorageMoved,
    /// What is to become the storage holds something else.
    #[error("what is to become the storage is not empty, and nothing in it is of this registry")]
    TargetNotEmpty,
    /// An image in the storage is not what its digest says.
    #[error("the image {digest} is damaged in the storage; verify the storage")]
    ImageDamaged {
        /// Its digest.
        digest: Digest,
    },
    /// The storage has a format that only a newer program knows.
    #[error("the storage has format {found}, this program knows {known}; use a newer one")]
    NewerFormat {
        /// What the storage has.
        found: u32,
        /// What this program knows.
        known: u32,
    },
    /// A rebuild was asked for over a database that is not empty.
    #[error("the database is not empty; move it away before you rebuild it")]
    DatabaseNotEmpty,
    /// A rebuild was asked for from storage that is not a registry's.
    #[error(
        "{place} has no registry.json to rebuild from; is the right volume mounted, and the storage configured?"
    )]
    NothingToRebuild {
        /// The storage.
        place: String,
    },
    /// A rebuild would lose something, and nobody has agreed to that.
    #[error("nothing was rebuilt: not everything can be brought back from the storage")]
    RebuildLoses {
        /// What would be lost, a sentence each.
        lost: Vec<String>,
    },
    /// The database does not do as it is told.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
    /// The file of the database is damaged, or no database.
    #[error(
        "the database {path} is damaged; move it away, with its -wal and -shm, and run `aar storage rebuild`"
    )]
    DatabaseDamaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database cannot be brought to the present schema.
    #[error("the database cannot be brought to the present schema")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A value in the database or the storage cannot be read.
    #[error("{place} holds something that cannot be read")]
    Damaged {
        /// Where.
        place: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The bucket cannot be used as it should be.
    #[error(transparent)]
    Bucket(#[from] BucketProblem),
    /// An address cannot be signed.
    #[error("an address of the storage cannot be signed")]
    Signature {
        /// What the key said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file does not do as it is told.
    #[error("a file of the storage failed")]
    Io(#[source] io::Error),
    /// The folder cannot be used.
    #[error("the folder {path} cannot be used")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A task was stopped, as it happens when the program ends.
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
    /// Whether it may be otherwise in a while, without anybody's doing.
    pub(crate) fn passes(&self) -> bool {
        matches!(self, Self::Bucket(problem) if problem.is_retryable())
    }

    /// The code under which programs know it.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::VersionConflict { .. } => ErrorCode::VersionConflict,
            Self::ImageNotStored { .. } => ErrorCode::ImageNotStored,
            Self::ImageSizeMismatch { .. } | Self::DigestMismatch { .. } => {
                ErrorCode::DigestMismatch
            }
            Self::UploadNotFound { .. } => ErrorCode::UploadNotFound,
            Self::UploadOffset { .. } => ErrorCode::UploadOffsetConflict,
            Self::UploadLocked { .. } => ErrorCode::UploadLocked,
            Self::UploadTooLong { .. } | Self::UploadTooLarge { .. } => ErrorCode::TooLarge,
            Self::UploadInterrupted { .. }
            | Self::EmptyUpload
            | Self::Declaration { .. }
            | Self::CertificateAmbiguous { .. } => ErrorCode::InvalidRequest,
            Self::TooManyUploads { .. } => ErrorCode::TooManyRequests,
            Self::StagingFull { .. } | Self::StorageFull { .. } => ErrorCode::StorageFull,
            Self::ChangesCompacted { .. } => ErrorCode::ChangesCompacted,
            Self::CertificateRevoked { .. } => ErrorCode::CertificateRevoked,
            Self::CertificateNotFound { .. } => ErrorCode::CertificateUnknown,
            Self::Stopped | Self::Database(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) => {
                ErrorCode::Unavailable
            }
            Self::StorageMoved => ErrorCode::Unavailable,
            error if error.passes() => ErrorCode::Unavailable,
            _ => ErrorCode::Internal,
        }
    }
}
