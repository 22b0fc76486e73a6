//! The back ends, and the fixture of every test.

use std::{
    convert::Infallible,
    path::{Path, PathBuf},
    time::Duration,
};

use aar_registry::{
    AuditEntry, AuditQuery, DatabaseOptions, Error, Losses, NewTrust, Options, Registry,
    S3Credentials, S3Options, Secret, StorageOptions, Upload, UploadNew, VerifyOptions,
    VerifyReport,
};
use aar_testkit::{Bucket, PostgresServer, S3Server, TestDatabase, packed};
use aar_types::{
    ApplicationMetadata, ApplicationName, Architecture, Digest, Fingerprint, ImageInfo,
    ManualClock, Revision, Role, VersionManifest, VersionNumber, VersionPut,
};
use bytes::Bytes;
use futures_util::stream;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::operator::CommandOperator;

/// Runs a test on every back end, one after the other. A new back end is a new entry here.
pub(crate) async fn on_every_backend(test: impl AsyncFn(Fixture)) {
    let backends = [
        Backend::SqliteFolder,
        Backend::SqliteBucket,
        Backend::PostgresFolder,
    ];
    on_backends(&backends, test).await;
}

/// Runs a test of properties of folders alone: files, their modes, and obstructed paths.
pub(crate) async fn on_folders(test: impl AsyncFn(Fixture)) {
    on_backends(&[Backend::SqliteFolder], test).await;
}

/// Runs a test of properties of buckets alone: parts and signed URLs.
pub(crate) async fn on_buckets(test: impl AsyncFn(Fixture)) {
    on_backends(&[Backend::SqliteBucket], test).await;
}

/// A back end whose server is not installed is skipped, which is said on stderr and fails in CI.
async fn on_backends(backends: &[Backend], test: impl AsyncFn(Fixture)) {
    for &backend in backends {
        let _note = FailureNote(backend);
        if let Some(fixture) = Fixture::start(backend).await {
            Box::pin(test(fixture)).await;
        }
    }
}

/// Shows bytes as hexadecimal digits.
struct Digits<'a>(&'a [u8]);

impl std::fmt::Display for Digits<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Names the back end on which a test panics.
struct FailureNote(Backend);

impl Drop for FailureNote {
    #[expect(clippy::print_stderr, reason = "the harness shows it with the failure")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the test failed on the back end {:?}", self.0);
        }
    }
}

pub(crate) const AMD64: Architecture = Architecture::Amd64;
/// The prefix of all keys in a bucket.
const PREFIX: &str = "a/prefix";

pub(crate) const ARM64: Architecture = Architecture::Arm64;
pub(crate) const GRACE: SignedDuration = SignedDuration::from_hours(24);
pub(crate) const EXPIRY: SignedDuration = SignedDuration::from_hours(2);

#[derive(Debug, Clone, Copy)]
pub(crate) enum Backend {
    SqliteFolder,
    /// In a bucket of a real server. Skipped if the server is not installed, which is a failure in CI.
    SqliteBucket,
    /// A database of a real server.
    PostgresFolder,
}

/// A registry of its own, with a clock that stands still.
pub(crate) struct Fixture {
    folder: TempDir,
    bucket: Option<Bucket>,
    /// `None` with SQLite.
    postgres: Option<TestDatabase>,
    pub(crate) clock: ManualClock,
    pub(crate) options: Options,
    pub(crate) registry: Registry,
}

impl Fixture {
    /// `None` if the server of the back end is not installed.
    pub(crate) async fn start(backend: Backend) -> Option<Self> {
        let (mut bucket, mut postgres) = (None, None);
        match backend {
            Backend::SqliteFolder => {}
            Backend::SqliteBucket => {
                bucket = Some(S3Server::ceph("contract tests on a bucket")?.new_bucket());
            }
            Backend::PostgresFolder => {
                let server = PostgresServer::shared("contract tests on PostgreSQL")?;
                postgres = Some(server.new_database());
            }
        }
        Some(Self::with(bucket, postgres).await)
    }

    /// In a bucket of another server.
    pub(crate) async fn start_in(bucket: Bucket) -> Self {
        Self::with(Some(bucket), None).await
    }

    async fn with(bucket: Option<Bucket>, postgres: Option<TestDatabase>) -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        // Later than every file that a test makes: what is on the disk is old, unless a test says
        // otherwise.
        let clock = ManualClock::new("2100-01-01T00:00:00Z".parse().unwrap());
        let mut options = options(folder.path(), bucket.as_ref(), &clock);
        if let Some(database) = &postgres {
            let url = database.url();
            options.database = DatabaseOptions::postgres(&url, None, 8).unwrap();
        }
        let registry = Registry::open(options.clone()).await.unwrap();
        Self {
            folder,
            bucket,
            postgres,
            clock,
            options,
            registry,
        }
    }

    pub(crate) fn operator(&self) -> CommandOperator {
        CommandOperator::new(&self.registry, &self.options)
    }

    pub(crate) fn now(&self) -> Timestamp {
        aar_types::Clock::from(self.clock.clone()).now()
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("database/registry.db")
    }

    /// Executes a statement past the registry. Returns the message of a failure.
    pub(crate) async fn execute(&self, sql: &str) -> Result<(), String> {
        if let Some(database) = &self.postgres {
            return database.try_execute(sql).map(drop);
        }
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.database());
        let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
        let done = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&pool).await;
        pool.close().await;
        done.map(drop).map_err(|error| error.to_string())
    }

    /// Bytes as SQL writes them.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> String {
        let digits = Digits(bytes);
        match &self.postgres {
            Some(_) => format!("'\\x{digits}'::bytea"),
            None => format!("x'{digits}'"),
        }
    }

    /// Opens the registry a second time, as another process would.
    pub(crate) async fn another(&self) -> Registry {
        Registry::open(self.options.clone()).await.unwrap()
    }

    /// Ends the program and starts it again.
    pub(crate) async fn restart(&mut self) {
        self.registry.close().await;
        self.registry = self.another().await;
    }

    /// Takes the database back to where `work` began, as if nothing of it had been committed,
    /// while the storage keeps what has been done to it.
    pub(crate) async fn with_lost_commit<F: AsyncFnOnce(CommandOperator)>(&mut self, work: F) {
        self.registry.close().await;
        let kept = self.folder.path().join("kept.db");
        match &self.postgres {
            Some(database) => database.save(),
            None => drop(std::fs::copy(self.database(), &kept).unwrap()),
        }
        self.registry = self.another().await;
        work(self.operator()).await;
        self.registry.close().await;
        if let Some(database) = &self.postgres {
            database.restore();
        } else {
            self.lose_database();
            std::fs::copy(&kept, self.database()).unwrap();
        }
        self.registry = self.another().await;
    }

    pub(crate) fn lose_database(&self) {
        if let Some(database) = &self.postgres {
            return database.clear();
        }
        for suffix in ["", "-wal", "-shm"] {
            let mut name = self.database().into_os_string();
            name.push(suffix);
            let _ = std::fs::remove_file(name);
        }
    }

    /// Loses the database and makes a new one from the storage, which has everything.
    pub(crate) async fn rebuild(&mut self) -> aar_registry::RebuildReport {
        self.try_rebuild(Losses::Refuse).await.unwrap()
    }

    /// The same, without what was lost. That is refused first, and changes nothing.
    pub(crate) async fn rebuild_with_losses(&mut self) -> aar_registry::RebuildReport {
        let refused = self.try_rebuild(Losses::Refuse).await.unwrap_err();
        let report = self.try_rebuild(Losses::Accept).await.unwrap();
        let Error::RebuildLoses { lost } = refused else {
            panic!("{refused}")
        };
        assert_eq!(lost, report.lost);
        report
    }

    async fn try_rebuild(&mut self, losses: Losses) -> Result<aar_registry::RebuildReport, Error> {
        self.registry.close().await;
        self.lose_database();
        let report = Registry::rebuild(self.options.clone(), "test", losses).await?;
        self.registry = self.another().await;
        Ok(report)
    }

    pub(crate) fn is_in_bucket(&self) -> bool {
        self.bucket.is_some()
    }

    /// The bucket, where there is one.
    pub(crate) fn bucket(&self) -> &Bucket {
        self.bucket.as_ref().expect("this is not in a bucket")
    }

    /// The content of an object in the storage.
    pub(crate) fn content(&self, key: &str) -> Option<Vec<u8>> {
        match &self.bucket {
            Some(bucket) => bucket.get(&format!("{PREFIX}/{key}")),
            None => std::fs::read(self.object(key)).ok(),
        }
    }

    /// The same as text.
    pub(crate) fn text(&self, key: &str) -> String {
        String::from_utf8(self.content(key).unwrap()).unwrap()
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.content(key).is_some()
    }

    /// Puts an object into the storage behind the back of the registry.
    pub(crate) fn overwrite(&self, key: &str, content: &[u8]) {
        if let Some(bucket) = &self.bucket {
            return bucket.put(&format!("{PREFIX}/{key}"), content);
        }
        let file = self.object(key);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }

    /// Changes the last byte of an object in the storage.
    pub(crate) fn damage(&self, key: &str) {
        let mut content = self.content(key).unwrap();
        *content.last_mut().unwrap() ^= 1;
        self.overwrite(key, &content);
    }

    /// Takes an object out of the storage behind the back of the registry.
    pub(crate) fn erase(&self, key: &str) {
        match &self.bucket {
            Some(bucket) => bucket.delete(&format!("{PREFIX}/{key}")),
            None => std::fs::remove_file(self.object(key)).unwrap(),
        }
    }

    /// The number of files and multipart uploads that uploads have left.
    pub(crate) fn staged(&self) -> usize {
        let Some(bucket) = &self.bucket else {
            return std::fs::read_dir(self.object("staging")).unwrap().count();
        };
        let rests = bucket.objects().into_iter();
        let rests = rests.filter(|(key, _)| key.starts_with(&format!("{PREFIX}/staging/")));
        bucket.uploads().len() + rests.count()
    }

    /// The file of an object in the storage.
    pub(crate) fn object(&self, key: &str) -> PathBuf {
        self.root().join(key)
    }

    /// Makes it impossible to read, write or delete an object, for root as well.
    pub(crate) fn obstruct(&self, key: &str) -> Obstruction {
        let file = self.object(key);
        let aside = file.with_extension("aside");
        let moved = std::fs::rename(&file, &aside).is_ok();
        std::fs::create_dir_all(file.join("in the way")).unwrap();
        Obstruction { file, aside, moved }
    }

    pub(crate) async fn revision(&self) -> Revision {
        self.operator().status().await.unwrap().revision
    }

    pub(crate) async fn log(&self) -> Vec<AuditEntry> {
        self.operator().audit(&AuditQuery::default()).await.unwrap()
    }

    pub(crate) async fn audit_actions(&self) -> Vec<String> {
        let entries = self.log().await.into_iter();
        entries.map(|entry| entry.action).collect()
    }

    pub(crate) async fn verify(&self) -> VerifyReport {
        let options = VerifyOptions::default();
        self.operator().verify(options).await.unwrap()
    }

    /// Names of all published and withdrawn versions, as `name/architecture/number`.
    pub(crate) async fn versions(&self) -> Vec<String> {
        let query = aar_registry::ListQuery {
            limit: 1000,
            ..Default::default()
        };
        let page = self.operator().list(&query).await.unwrap();
        let mut names = Vec::new();
        for application in page.applications {
            for variant in application.variants {
                for version in variant.versions {
                    let (name, arch) = (&application.name, variant.architecture);
                    names.push(format!("{name}/{arch}/{}", version.number));
                }
            }
        }
        names
    }

    /// Uploads an image with this content.
    pub(crate) async fn store(&self, content: &[u8]) -> ImageInfo {
        let image = packed(content);
        self.store_raw(&image.bytes).await;
        image.info
    }

    pub(crate) async fn store_raw(&self, bytes: &[u8]) -> Digest {
        let upload = self.begin_upload(bytes).await;
        if !upload.complete {
            let body = body([bytes]);
            let done = self.operator().append(upload.id, 0, body).await.unwrap();
            assert!(done.complete);
        }
        upload.digest
    }

    pub(crate) async fn begin_upload(&self, bytes: &[u8]) -> Upload {
        let new = upload_of(bytes);
        self.operator().create_upload(new, "").await.unwrap()
    }

    /// Uploads an image and commits a version of it.
    pub(crate) async fn publish(&self, name: &str, number: u32, content: &[u8]) -> ImageInfo {
        let image = self.store(content).await;
        let number = VersionNumber(number);
        let published = self
            .operator()
            .publish(&self::name(name), AMD64, number, put(image))
            .await;
        published.unwrap();
        image
    }

    /// Frees everything that can be freed.
    pub(crate) async fn collect(&self) -> aar_registry::GcReport {
        let plan = self.operator().gc_plan().await.unwrap();
        self.operator().gc_apply(plan).await.unwrap()
    }
}

/// Something in the way of an object. Dropping it clears the way.
pub(crate) struct Obstruction {
    file: PathBuf,
    aside: PathBuf,
    moved: bool,
}

impl Drop for Obstruction {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.file).unwrap();
        if self.moved {
            std::fs::rename(&self.aside, &self.file).unwrap();
        }
    }
}

fn options(folder: &Path, bucket: Option<&Bucket>, clock: &ManualClock) -> Options {
    let database = DatabaseOptions::Sqlite {
        path: folder.join("database/registry.db"),
    };
    let storage = match bucket {
        Some(bucket) => StorageOptions::S3(Box::new(in_bucket(bucket))),
        None => StorageOptions::Fs {
            root_directory: folder.join("data"),
        },
    };
    let mut options = Options::new(database, storage);
    options.clock = clock.clone().into();
    options.gc_grace = Duration::try_from(GRACE).unwrap();
    options.uploads.expire_after = Duration::try_from(EXPIRY).unwrap();
    options
}

/// A bucket whose images are passed through the registry, below a prefix.
pub(crate) fn in_bucket(bucket: &Bucket) -> S3Options {
    let server = bucket.server();
    S3Options {
        endpoint: Some(server.endpoint()),
        force_path_style: true,
        prefix: PREFIX.to_owned(),
        credentials: Some(S3Credentials {
            access_key: server.access_key().to_owned(),
            secret_access_key: Secret::new(server.secret_key()),
            session_token: None,
        }),
        redirect: false,
        ..S3Options::new(server.region(), bucket.name())
    }
}

/// The key of a blob.
pub(crate) fn blob(digest: &Digest) -> String {
    let digest = digest.to_string();
    format!("blobs/sha256/{}/{digest}", &digest[..2])
}

pub(crate) fn name(name: &str) -> ApplicationName {
    name.parse().unwrap()
}

pub(crate) fn number(number: u32) -> VersionNumber {
    VersionNumber(number)
}

pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

pub(crate) fn upload_of(bytes: &[u8]) -> UploadNew {
    UploadNew {
        length: bytes.len() as u64,
        digest: digest(bytes),
    }
}

/// The description of the image of a package that has a file with this content.
pub(crate) fn image(content: &[u8]) -> ImageInfo {
    packed(content).info
}

pub(crate) fn put(image: ImageInfo) -> VersionPut {
    VersionPut {
        application: ApplicationMetadata::default(),
        manifest: VersionManifest::default(),
        image,
        published: true,
    }
}

pub(crate) fn tagged(tags: &[&str]) -> ApplicationMetadata {
    ApplicationMetadata {
        tags: tags.iter().map(ToString::to_string).collect(),
        ..Default::default()
    }
}

/// A body that comes in these chunks.
pub(crate) fn body<const N: usize>(
    chunks: [&[u8]; N],
) -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> + Send + 'static + use<N> {
    let chunks = chunks.map(|chunk| Ok(Bytes::copy_from_slice(chunk)));
    stream::iter(chunks)
}

/// Bytes that do not repeat.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A certificate that was never made, with a fingerprint that begins with this byte.
pub(crate) fn certificate(first: u8, role: Role) -> NewTrust {
    let mut fingerprint = [0x11; 32];
    fingerprint[0] = first;
    NewTrust {
        fingerprint: Fingerprint::from_bytes(fingerprint),
        der: vec![0x30, first],
        role,
        subject: format!("CN=ams-{first}"),
        not_before: "2099-12-01T00:00:00Z".parse().unwrap(),
        not_after: "2100-12-01T00:00:00Z".parse().unwrap(),
    }
}

/// Asserts that a result is a certain error, and gives it.
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> Error {
    result.expect_err("it should have been refused")
}
