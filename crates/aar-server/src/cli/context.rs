use std::{
    io,
    path::{Path, PathBuf},
};

use aar_cli::{Failure, Printer};
use aar_registry::{Operator, Registry, TrustRecords};
use aar_types::Clock;

use super::other_registry;
use crate::{
    config::{Config, StorageConfig},
    service::{Notified, notify},
};

/// The context of all commands.
pub(super) struct Context<'a> {
    pub(super) base: PathBuf,
    pub(super) printer: &'a Printer,
    pub(super) clock: Clock,
}

pub(super) struct OpenRegistry {
    registry: Registry,
    pub(super) operator: Operator,
}

impl<'a> Context<'a> {
    pub(super) fn new(base: PathBuf, printer: &'a Printer) -> Self {
        let clock = Clock::system();
        Self {
            base,
            printer,
            clock,
        }
    }

    /// The configuration of the base folder.
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        Ok(Config::of_base(&self.base)?)
    }

    /// Opens the registry of the base folder. A folder without registry is refused, because most likely it is
    /// the wrong one.
    pub(super) async fn open(&self) -> anyhow::Result<OpenRegistry> {
        self.require_access()?;
        let config = self.config()?;
        self.require_registry(config.database.file())?;
        self.open_with(config).await
    }

    /// Opens only the database, for commands that must work while the storage is unreachable.
    pub(super) async fn trust_records(&self) -> anyhow::Result<TrustRecords> {
        self.require_access()?;
        let config = self.config()?;
        self.require_registry(config.database.file())?;
        check_access(writable(config.database.file()))?;
        let options = config.registry(self.clock.clone())?;
        Ok(TrustRecords::open(&options, &user()).await?)
    }

    /// Opens the registry of the base folder with another storage than the configured one.
    pub(super) async fn open_in(&self, storage: StorageConfig) -> anyhow::Result<OpenRegistry> {
        let mut config = self.config()?;
        config.storage = storage;
        self.open_with(config).await
    }

    async fn open_with(&self, config: Config) -> anyhow::Result<OpenRegistry> {
        check_access(writable(config.database.file()))?;
        let options = config.registry(self.clock.clone())?;
        let registry = Registry::open(options).await?;
        let operator = registry.operator(&user());
        Ok(OpenRegistry { registry, operator })
    }

    fn require_registry(&self, database: Option<&Path>) -> anyhow::Result<()> {
        // A database that cannot be accessed exists; opening it reports the cause.
        let missing = database.filter(|file| !file.try_exists().unwrap_or(true));
        let Some(database) = missing else {
            return Ok(());
        };
        let base = std::path::absolute(&self.base)?;
        let missing = format!(
            "{} has no registry: {} does not exist",
            base.display(),
            database.display()
        );
        let hint = "select another folder with --base-dir or AAR_BASE_DIR, create a registry with `aar serve`, \
            or restore a lost database with `aar storage rebuild`";
        let hint = match other_registry::hint(&base) {
            Some(other) => format!("{other}; otherwise, {hint}"),
            None => hint.to_owned(),
        };
        Err(Failure::new(missing).with_hint(hint).into())
    }

    /// Refuses a base folder that the current user cannot access.
    pub(super) fn require_access(&self) -> anyhow::Result<()> {
        check_access(accessible(&self.base))
    }

    /// Asks for confirmation of an action that cannot be undone.
    pub(super) fn require_confirmation(&self, question: &str, yes: bool) -> Result<(), Failure> {
        if yes || self.printer.confirm(question, "--yes")? {
            return Ok(());
        }
        Err(Failure::new("not confirmed: nothing was changed"))
    }

    /// Notifies a running service of a change, and waits until it has applied it.
    pub(super) async fn notify_service(&self) {
        if notify(&self.base).await == Notified::NoResponse {
            self.printer
                .warn("the running registry does not respond; it will apply the change later");
        }
    }
}

impl OpenRegistry {
    pub(super) async fn close(self) {
        self.registry.close().await;
    }
}

fn accessible(base: &Path) -> io::Result<()> {
    fs_err::read_dir(base).map(drop)
}

/// The base folder of a snap is accessible to all users, its database is not.
fn writable(database: Option<&Path>) -> io::Result<()> {
    let Some(database) = database else {
        return Ok(());
    };
    let mut options = fs_err::OpenOptions::new();
    options.read(true).write(true).open(database).map(drop)
}

/// A missing file will be created. A file of another user needs that user.
fn check_access(access: io::Result<()>) -> anyhow::Result<()> {
    match access {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let failure = Failure::from_error(&error);
            Err(failure
                .with_hint("run the command as the user of the service, or with sudo")
                .into())
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// The user name for the audit log; with sudo, that of the caller.
pub(super) fn user() -> String {
    let variables = ["SUDO_USER", "USER", "LOGNAME"];
    let mut names = variables.iter().filter_map(|name| std::env::var(name).ok());
    names
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| "local".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inaccessible_database_is_refused_with_a_hint_and_a_missing_one_is_allowed() {
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        check_access(writable(Some(&folder.path().join("missing")))).unwrap();
        let refused = check_access(Err(io::ErrorKind::PermissionDenied.into())).unwrap_err();
        let failure = refused.downcast_ref::<Failure>().unwrap();
        assert!(failure.hint().unwrap().contains("sudo"));
    }
}
