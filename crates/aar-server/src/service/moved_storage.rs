use std::path::{Path, PathBuf};

use aar_registry::{Error, Registry};
use tracing::{error, info};

use aar_types::error_chain;

use crate::config::Config;

/// Switches the running registry to another storage after a command has moved it there.
pub(super) struct MovedStorage {
    base: PathBuf,
}

impl MovedStorage {
    pub(super) fn new(base: &Path) -> Self {
        let base = base.to_owned();
        Self { base }
    }

    /// Opens the storage of the current configuration, if the registry has moved.
    pub(super) async fn follow(&self, registry: &Registry) -> Result<(), Error> {
        if !registry.storage_has_moved().await? {
            return Ok(());
        }
        match Config::of_base(&self.base) {
            Ok(config) => {
                registry.follow_storage(&config.storage.registry()).await?;
                info!("the registry has moved to another storage");
                Ok(())
            }
            Err(failure) => {
                error!(
                    error = error_chain(&failure),
                    "the registry has moved to another storage, and the configuration cannot be read"
                );
                Err(Error::StorageMoved)
            }
        }
    }
}
