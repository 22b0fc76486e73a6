use std::{path::PathBuf, time::Duration};

use aar_testkit::{Folder, Package};
use aar_types::{Clock, ManualClock};
use ams::{Ams, Settings, applications::CreateOptions, staging::StagedFile};
use ams_api::{Application, Operation, StatusCode, VersionStatus};

/// An AMS in a folder of its own.
pub(crate) struct Here {
    pub(crate) ams: Ams,
    pub(crate) clock: ManualClock,
    folder: Folder,
}

impl Here {
    pub(crate) async fn new() -> Self {
        let folder = Folder::new("ams-domain");
        // Certificates of others are made at present.
        let clock = ManualClock::new(Clock::system().now());
        let ams = open(&folder, &clock).await;
        Self { ams, clock, folder }
    }

    /// Stops AMS and starts it again on the same folder.
    pub(crate) async fn again(self) -> Self {
        self.again_after(|_| {}).await
    }

    /// The same, with something done to the folder in between.
    pub(crate) async fn again_after(self, change: impl FnOnce(&Folder)) -> Self {
        let Self { ams, clock, folder } = self;
        ams.close().await;
        drop(ams);
        change(&folder);
        let ams = open(&folder, &clock).await;
        Self { ams, clock, folder }
    }

    /// An uploaded package.
    pub(crate) fn upload(&self, package: &Package) -> StagedFile {
        let staged = self.ams.staging().new_file().unwrap();
        package.write_zip(staged.path());
        staged
    }

    pub(crate) fn begin_create(&self, package: &Package) -> Operation {
        let staged = self.upload(package);
        self.ams
            .applications()
            .create(staged, CreateOptions::default())
    }

    /// Creates an application and waits until it is ready.
    pub(crate) async fn create(&self, package: &Package) -> Application {
        let operation = self.succeeded(self.begin_create(package)).await;
        let id = operation.resource_names("applications").next().unwrap();
        self.get(id).await
    }

    /// Makes a new version of an application and waits until it is ready.
    pub(crate) async fn update(&self, name: &str, package: &Package) -> Application {
        let staged = self.upload(package);
        let begun = self.ams.applications().update(name, staged).await.unwrap();
        self.succeeded(begun).await;
        self.get(name).await
    }

    pub(crate) async fn get(&self, id_or_name: &str) -> Application {
        self.ams
            .applications()
            .get(id_or_name)
            .await
            .unwrap()
            .unwrap()
    }

    pub(crate) async fn ended(&self, begun: Operation) -> Operation {
        let limit = Some(Duration::from_mins(1));
        self.ams.operations().wait(begun.id, limit).await.unwrap()
    }

    pub(crate) async fn succeeded(&self, begun: Operation) -> Operation {
        let ended = self.ended(begun).await;
        assert_eq!(ended.status_code, StatusCode::Success, "{}", ended.err);
        ended
    }

    /// Waits for an operation that fails, and returns why.
    pub(crate) async fn failed(&self, begun: Operation) -> String {
        let ended = self.ended(begun).await;
        assert_eq!(ended.status_code, StatusCode::Failure);
        ended.err
    }

    /// The files of images and uploads.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![self.folder.join("data/artifacts")];
        while let Some(folder) = open.pop() {
            for entry in fs_err::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    found.push(path);
                }
            }
        }
        found
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

/// Numbers and states of the versions of an application.
pub(crate) fn versions(application: &Application) -> Vec<(u32, VersionStatus, bool)> {
    let versions = application.versions.iter();
    versions
        .map(|version| (version.number, version.status, version.published))
        .collect()
}
