use std::{fs::Permissions, io, os::unix::fs::PermissionsExt, path::Path};

use aar_daemon::base_dir::private_dir;
use aar_types::{Architecture, Clock};
use fs_err::{OpenOptions, os::unix::fs::OpenOptionsExt};

use crate::{
    Error, Settings, arrivals::Arrivals, config::Config, events::Events, images::Images,
    operations::Operations, staging::Staging, store::Store, trust::Trust,
};

/// What applications and the registry side stand on. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Foundation {
    pub(crate) store: Store,
    pub(crate) images: Images,
    pub(crate) staging: Staging,
    pub(crate) events: Events,
    pub(crate) operations: Operations,
    pub(crate) config: Config,
    pub(crate) trust: Trust,
    pub(crate) arrivals: Arrivals,
    pub(crate) clock: Clock,
    pub(crate) architecture: Architecture,
}

impl Foundation {
    /// Opens the database and the folders of images, and makes what is missing.
    pub(crate) async fn open(
        base: &Path,
        settings: &Settings,
        clock: Clock,
    ) -> Result<Self, Error> {
        let architecture = settings.architecture()?;
        let store = open_store(&settings.database(base)).await?;
        let artifacts = settings.artifacts(base);
        let events = Events::new(clock.clone());
        Ok(Self {
            images: Images::open(artifacts.join("images"), store.clone(), clock.clone())?,
            staging: Staging::open(artifacts.join("staging"))?,
            operations: Operations::new(events.clone(), clock.clone()),
            config: Config::open(store.clone()).await?,
            trust: Trust::open(store.clone(), events.clone(), clock.clone()).await?,
            arrivals: Arrivals::new(clock.clone()),
            store,
            events,
            clock,
            architecture,
        })
    }
}

async fn open_store(path: &Path) -> Result<Store, Error> {
    if let Some(folder) = path.parent() {
        private_dir(folder)?;
    }
    private_file(path)?;
    Store::open(path).await
}

/// Nobody else may read what AMS remembers, whoever may enter its folder. `SQLite` gives the files
/// beside the database the same permissions.
fn private_file(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o600).open(path)?;
    fs_err::set_permissions(path, Permissions::from_mode(0o600))
}
