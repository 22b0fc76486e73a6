//! The remotes: which AMS there are, and which one is meant when none is named.

use std::{collections::BTreeMap, io, path::Path};

use aar_cli::Failure;
use aar_types::Fingerprint;
use anyhow::Context;
use fs_err as fs;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

/// The remote that is always there: the AMS on this machine.
pub(crate) const LOCAL: &str = "local";
const FILE: &str = "remotes.yaml";

/// The remotes of one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remotes {
    #[serde(default = "local")]
    pub(crate) default: String,
    #[serde(default)]
    remotes: BTreeMap<String, Remote>,
}

/// An AMS that can be talked to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remote {
    /// `https://…`, or `unix://` with or without a path.
    pub(crate) url: String,
    /// The certificate that it showed when it was added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fingerprint: Option<Fingerprint>,
}

impl Remote {
    fn local() -> Self {
        Self {
            url: "unix://".to_owned(),
            fingerprint: None,
        }
    }
}

fn local() -> String {
    LOCAL.to_owned()
}

impl Default for Remotes {
    fn default() -> Self {
        Self {
            default: local(),
            remotes: BTreeMap::new(),
        }
    }
}

impl Remotes {
    pub(crate) fn load(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        match fs::read_to_string(&path) {
            Ok(text) => serde_saphyr::from_str(&text)
                .with_context(|| format!("{} cannot be read", path.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whoever reads meanwhile sees either the old remotes or the new ones.
    pub(crate) fn save(&self, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder)?;
        let mut file = NamedTempFile::new_in(folder)?;
        io::Write::write_all(&mut file, serde_saphyr::to_string(self)?.as_bytes())?;
        file.as_file().sync_all()?;
        let path = folder.join(FILE);
        file.persist(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(())
    }

    pub(crate) fn get(&self, name: &str) -> anyhow::Result<Remote> {
        match self.remotes.get(name) {
            Some(remote) => Ok(remote.clone()),
            None if name == LOCAL => Ok(Remote::local()),
            None => Err(unknown(name)),
        }
    }

    /// Every remote by name, the one of this machine among them.
    pub(crate) fn all(&self) -> BTreeMap<String, Remote> {
        let mut all = self.remotes.clone();
        all.entry(local()).or_insert_with(Remote::local);
        all
    }

    pub(crate) fn add(&mut self, name: &str, remote: Remote) -> anyhow::Result<()> {
        self.check_free(name)?;
        self.remotes.insert(name.to_owned(), remote);
        Ok(())
    }

    /// Whether a name can be given to another remote.
    pub(crate) fn check_free(&self, name: &str) -> anyhow::Result<()> {
        check_not_local(name)?;
        if self.remotes.contains_key(name) {
            let failure = Failure::new(format!("the remote {name} already exists"));
            return Err(failure
                .with_hint("`amc remote set-url` changes its address")
                .into());
        }
        Ok(())
    }

    /// Whether a remote is there that can get another address.
    pub(crate) fn check_changeable(&self, name: &str) -> anyhow::Result<()> {
        check_not_local(name)?;
        self.get(name).map(drop)
    }

    /// Whether this is the remote that is always there.
    pub(crate) fn is_local(&self, name: &str, url: &str) -> bool {
        name == LOCAL && self.get(LOCAL).is_ok_and(|local| local.url == url)
    }

    pub(crate) fn replace(&mut self, name: &str, remote: Remote) -> anyhow::Result<()> {
        self.check_changeable(name)?;
        self.remotes.insert(name.to_owned(), remote);
        Ok(())
    }

    pub(crate) fn set_default(&mut self, name: &str) -> anyhow::Result<()> {
        self.get(name)?;
        name.clone_into(&mut self.default);
        Ok(())
    }

    pub(crate) fn remove(&mut self, name: &str) -> anyhow::Result<()> {
        check_not_local(name)?;
        if name == self.default {
            let failure = Failure::new(format!("{name} is the default remote"));
            return Err(failure
                .with_hint("`amc remote set-default local` makes another one the default")
                .into());
        }
        self.remotes
            .remove(name)
            .map(drop)
            .ok_or_else(|| unknown(name))
    }
}

fn check_not_local(name: &str) -> anyhow::Result<()> {
    if name == LOCAL {
        let failure = "the remote local is the AMS on this machine and stays as it is";
        return Err(Failure::new(failure).into());
    }
    Ok(())
}

fn unknown(name: &str) -> anyhow::Error {
    Failure::new(format!("there is no remote {name}"))
        .with_hint("`amc remote list` shows them")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(url: &str) -> Remote {
        Remote {
            url: url.to_owned(),
            fingerprint: Some(Fingerprint::from_bytes([7; 32])),
        }
    }

    #[test]
    fn remotes_are_read_back_as_they_were_saved() {
        let folder = tempfile::tempdir().unwrap();
        let mut remotes = Remotes::load(folder.path()).unwrap();
        remotes.add("prod", remote("https://ams0:8444")).unwrap();
        remotes.set_default("prod").unwrap();
        remotes.save(folder.path()).unwrap();
        assert_eq!(Remotes::load(folder.path()).unwrap(), remotes);
    }

    #[test]
    fn the_local_remote_is_always_there_and_stays() {
        let mut remotes = Remotes::default();
        assert_eq!(remotes.get(LOCAL).unwrap().url, "unix://");
        assert!(remotes.remove(LOCAL).is_err());
        assert!(remotes.add(LOCAL, remote("https://x")).is_err());
        assert!(remotes.replace(LOCAL, remote("https://x")).is_err());
        assert_eq!(remotes.all().len(), 1);
    }

    #[test]
    fn the_default_cannot_go_and_must_exist() {
        let mut remotes = Remotes::default();
        assert!(remotes.set_default("prod").is_err());
        remotes.add("prod", remote("https://ams0:8444")).unwrap();
        remotes.set_default("prod").unwrap();
        assert!(remotes.remove("prod").is_err());
        remotes.set_default(LOCAL).unwrap();
        remotes.remove("prod").unwrap();
    }

    #[test]
    fn a_broken_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "default: [").unwrap();
        let error = Remotes::load(folder.path()).unwrap_err();
        assert!(error.to_string().contains("remotes.yaml"), "{error}");
    }
}
