use std::path::{Path, PathBuf};

use aar_registry::{Error, Registry};
use tracing::{error, info};

use crate::{causes::chain, config::Config};

/// Follows the registry to another storage, when a command has moved it there.
pub(super) struct Moved {
    base: PathBuf,
}

impl Moved {
    pub(super) fn new(base: &Path) -> Self {
        let base = base.to_owned();
        Self { base }
    }

    /// Takes over the storage that the configuration names now, if it is not the one that is open.
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
                    error = chain(&failure),
                    "the registry has moved to another storage, and the configuration cannot be read"
                );
                Err(Error::StorageMoved)
            }
        }
    }
}
