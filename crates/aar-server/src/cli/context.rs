use std::{
    io,
    path::{Path, PathBuf},
};

use aar_cli::{Failure, Printer};
use aar_registry::{Operator, Registry, TrustRecords};
use aar_types::Clock;

use crate::{
    config::{Config, StorageConfig},
    service::{Told, tell},
};

/// What every command works with.
pub(super) struct Context<'a> {
    pub(super) base: PathBuf,
    pub(super) printer: &'a Printer,
    pub(super) clock: Clock,
}

/// A registry that a command works on.
pub(super) struct Opened {
    registry: Registry,
    /// The right to administer it.
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

    /// The registry of the base folder. A folder without one is refused: it was mistyped, or the
    /// registry is somewhere else.
    pub(super) async fn open(&self) -> anyhow::Result<Opened> {
        self.require_access()?;
        let config = self.config()?;
        self.require_registry(&config.database.path)?;
        self.open_with(config).await
    }

    /// Whom the registry of the base folder trusts, from its database alone: the storage may be
    /// away.
    pub(super) async fn trust_records(&self) -> anyhow::Result<TrustRecords> {
        self.require_access()?;
        let config = self.config()?;
        self.require_registry(&config.database.path)?;
        refuse_strangers(writable(&config.database.path))?;
        let options = config.registry(self.clock.clone());
        Ok(TrustRecords::open(&options, &user()).await?)
    }

    /// The registry of the base folder, with its images in another place than the configuration
    /// says.
    pub(super) async fn open_in(&self, storage: StorageConfig) -> anyhow::Result<Opened> {
        let mut config = self.config()?;
        config.storage = storage;
        self.open_with(config).await
    }

    /// The registry of the base folder, which is created where there is none.
    pub(super) async fn open_or_create(&self) -> anyhow::Result<Opened> {
        self.require_access()?;
        self.open_with(self.config()?).await
    }

    async fn open_with(&self, config: Config) -> anyhow::Result<Opened> {
        refuse_strangers(writable(&config.database.path))?;
        let options = config.registry(self.clock.clone());
        let registry = Registry::open(options).await?;
        let operator = registry.operator(&user());
        Ok(Opened { registry, operator })
    }

    fn require_registry(&self, database: &Path) -> anyhow::Result<()> {
        // What may not be looked at is there; opening it says the rest.
        if database.try_exists().unwrap_or(true) {
            return Ok(());
        }
        let base = std::path::absolute(&self.base)?;
        let missing = format!(
            "there is no registry in {}: {} is missing",
            base.display(),
            database.display()
        );
        let hint = "`aar serve` and `aar trust add` create a registry there, `aar storage rebuild` \
            makes a lost database anew; another folder is chosen with --base-dir or AAR_BASE_DIR";
        Err(Failure::new(missing).with_hint(hint).into())
    }

    /// Most commands are typed by people who are not the user that the service runs as.
    pub(super) fn require_access(&self) -> anyhow::Result<()> {
        refuse_strangers(accessible(&self.base))
    }

    /// Whether somebody agrees to what cannot be undone. Where nobody can be asked, the command
    /// line has to say so.
    pub(super) fn agreed(&self, question: &str, yes: bool) -> anyhow::Result<bool> {
        if yes {
            return Ok(true);
        }
        if !self.printer.is_interactive() {
            let failure = Failure::new("this cannot be undone, and nobody can be asked here");
            return Err(failure.with_hint("confirm it with --yes").into());
        }
        Ok(self.printer.confirm(question)?)
    }

    /// Tells a service that runs what was changed, and waits until it has taken it in.
    pub(super) async fn announce(&self) {
        if tell(&self.base).await == Told::Silent {
            self.printer.warn(
                "the running registry does not answer; it takes the change in as soon as it can",
            );
        }
    }
}

impl Opened {
    /// Ends the work in good order.
    pub(super) async fn close(self) {
        self.registry.close().await;
    }
}

fn accessible(base: &Path) -> io::Result<()> {
    fs_err::read_dir(base).map(drop)
}

/// The folder of a snap lets everybody in; what is in it does not.
fn writable(database: &Path) -> io::Result<()> {
    let mut options = fs_err::OpenOptions::new();
    options.read(true).write(true).open(database).map(drop)
}

/// What is missing is made; what is not ours needs somebody else.
fn refuse_strangers(access: io::Result<()>) -> anyhow::Result<()> {
    match access {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let failure = Failure::from_error(&error);
            Err(failure
                .with_hint("run the command as the user of the service, with sudo for root")
                .into())
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Whose name the audit log gets: with sudo, the one who typed the command.
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
    fn who_may_not_use_the_database_is_told_to_be_somebody_else_and_a_missing_one_is_made() {
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        refuse_strangers(writable(&folder.path().join("missing"))).unwrap();
        let refused = refuse_strangers(Err(io::ErrorKind::PermissionDenied.into())).unwrap_err();
        let failure = refused.downcast_ref::<Failure>().unwrap();
        assert!(failure.hint().unwrap().contains("sudo"));
    }
}
