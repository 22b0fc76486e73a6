use std::{ops::Deref, path::PathBuf, time::Duration};

use aar_testkit::{Folder, Package};
use aar_types::{Clock, ManualClock};
use ams::{Ams, Settings, applications::CreateOptions, staging::StagedFile};
use ams_api::{Application, Operation, StatusCode, VersionStatus};

/// An AMS with a temporary base folder.
pub(crate) struct TestAms {
    ams: Ams,
    pub(crate) clock: ManualClock,
    folder: Folder,
}

impl Deref for TestAms {
    type Target = Ams;

    fn deref(&self) -> &Ams {
        &self.ams
    }
}

impl TestAms {
    pub(crate) async fn new() -> Self {
        let folder = Folder::new("ams-domain");
        // The certificates of the tests are valid at the present time.
        let clock = ManualClock::new(Clock::system().now());
        let ams = open(&folder, &clock).await;
        Self { ams, clock, folder }
    }

    pub(crate) async fn restart(self) -> Self {
        self.restart_after(|_| {}).await
    }

    /// Stops AMS, changes its folder, and starts it again.
    pub(crate) async fn restart_after(self, change: impl FnOnce(&Folder)) -> Self {
        let Self { ams, clock, folder } = self;
        ams.close().await;
        drop(ams);
        change(&folder);
        let ams = open(&folder, &clock).await;
        Self { ams, clock, folder }
    }

    pub(crate) fn upload(&self, package: &Package) -> StagedFile {
        let staged = self.staging().new_file().unwrap();
        package.write_zip(staged.path());
        staged
    }

    pub(crate) fn start_create(&self, package: &Package) -> Operation {
        let staged = self.upload(package);
        self.applications().create(staged, CreateOptions::default())
    }

    /// Creates an application and waits until it is ready.
    pub(crate) async fn create(&self, package: &Package) -> Application {
        let operation = self.expect_success(self.start_create(package)).await;
        let id = operation.resource_names("applications").next().unwrap();
        self.get(id).await
    }

    /// Updates an application and waits until the new version is ready.
    pub(crate) async fn update(&self, name: &str, package: &Package) -> Application {
        let staged = self.upload(package);
        let started = self.applications().update(name, staged).await.unwrap();
        self.expect_success(started).await;
        self.get(name).await
    }

    pub(crate) async fn get(&self, id_or_name: &str) -> Application {
        let found = self.applications().get(id_or_name).await.unwrap();
        found.unwrap()
    }

    pub(crate) async fn wait(&self, started: Operation) -> Operation {
        let limit = Some(Duration::from_mins(1));
        self.operations().wait(started.id, limit).await.unwrap()
    }

    pub(crate) async fn expect_success(&self, started: Operation) -> Operation {
        let ended = self.wait(started).await;
        assert_eq!(ended.status_code, StatusCode::Success, "{}", ended.err);
        ended
    }

    /// Returns the error of the operation.
    pub(crate) async fn expect_failure(&self, started: Operation) -> String {
        let ended = self.wait(started).await;
        assert_eq!(ended.status_code, StatusCode::Failure);
        ended.err
    }

    /// All files below the folder of images and uploads.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.join("data/artifacts")];
        while let Some(folder) = folders.pop() {
            for entry in fs_err::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.folder.join(relative)
    }
}

async fn open(folder: &Folder, clock: &ManualClock) -> Ams {
    let settings = Settings {
        architecture: Some(aar_types::Architecture::Amd64),
        ..Settings::default()
    };
    Ams::open(folder.path(), settings, clock.clone().into())
        .await
        .unwrap()
}

/// Number, status and whether it is published, of every version.
pub(crate) fn versions(application: &Application) -> Vec<(u32, VersionStatus, bool)> {
    let versions = application.versions.iter();
    versions
        .map(|version| (version.number, version.status, version.published))
        .collect()
}
