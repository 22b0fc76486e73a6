//! The file of remotes: the AMS that this user added, and which one is the default.

use std::{collections::BTreeMap, path::Path};

use aar_cli::Failure;
use aar_types::Fingerprint;
use anyhow::Context;
use fs_err as fs;
use serde::{Deserialize, Serialize};

/// The built-in remote: the AMS on this machine.
pub(crate) const LOCAL: &str = "local";
const FILE: &str = "remotes.yaml";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remotes {
    #[serde(default = "local")]
    pub(crate) default: String,
    #[serde(default)]
    remotes: BTreeMap<String, Remote>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remote {
    /// `https://…`, or `unix://` with or without a path.
    pub(crate) url: String,
    /// The certificate that the AMS showed when the remote was added.
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
        match aar_fs::if_exists(fs::read_to_string(&path))? {
            Some(text) => serde_saphyr::from_str(&text)
                .with_context(|| format!("cannot parse {}", path.display())),
            None => Ok(Self::default()),
        }
    }

    /// Fails if the file cannot be saved: checked before a change elsewhere that it has to record.
    pub(crate) fn check_writable(folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder)?;
        let path = folder.join(FILE);
        aar_fs::check_replaceable(&path).with_context(|| format!("cannot write {}", path.display()))
    }

    pub(crate) fn save(&self, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder)?;
        let path = folder.join(FILE);
        aar_fs::replace_with(&path, serde_saphyr::to_string(self)?.as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))
    }

    pub(crate) fn get(&self, name: &str) -> anyhow::Result<Remote> {
        match self.remotes.get(name) {
            Some(remote) => Ok(remote.clone()),
            None if name == LOCAL => Ok(Remote::local()),
            None => Err(unknown(name)),
        }
    }

    /// Every remote by name, the built-in one included.
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

    pub(crate) fn check_free(&self, name: &str) -> anyhow::Result<()> {
        check_not_local(name)?;
        if self.remotes.contains_key(name) {
            let failure = Failure::new(format!("the remote {name} already exists"));
            return Err(failure
                .with_hint("to change its address, use `amc remote set-url`")
                .into());
        }
        Ok(())
    }

    pub(crate) fn check_changeable(&self, name: &str) -> anyhow::Result<()> {
        check_not_local(name)?;
        self.get(name).map(drop)
    }

    /// Whether this is the built-in remote with its present address.
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
            let message = format!("cannot remove {name}: it is the default remote");
            return Err(Failure::new(message)
                .with_hint(
                    "make another remote the default first, such as `amc remote set-default local`",
                )
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
        let message = "the remote local is always the AMS on this machine and cannot be changed";
        return Err(Failure::new(message).into());
    }
    Ok(())
}

fn unknown(name: &str) -> anyhow::Error {
    Failure::new(format!("there is no remote {name}"))
        .with_hint("`amc remote list` shows the remotes")
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
    fn saved_remotes_are_loaded_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let mut remotes = Remotes::load(folder.path()).unwrap();
        remotes.add("prod", remote("https://ams0:8444")).unwrap();
        remotes.set_default("prod").unwrap();
        remotes.save(folder.path()).unwrap();
        assert_eq!(Remotes::load(folder.path()).unwrap(), remotes);
    }

    #[test]
    fn local_remote_always_exists_and_cannot_be_changed() {
        let mut remotes = Remotes::default();
        assert_eq!(remotes.get(LOCAL).unwrap().url, "unix://");
        assert!(remotes.remove(LOCAL).is_err());
        assert!(remotes.add(LOCAL, remote("https://x")).is_err());
        assert!(remotes.replace(LOCAL, remote("https://x")).is_err());
        assert_eq!(remotes.all().len(), 1);
    }

    #[test]
    fn default_remote_must_exist_and_cannot_be_removed() {
        let mut remotes = Remotes::default();
        assert!(remotes.set_default("prod").is_err());
        remotes.add("prod", remote("https://ams0:8444")).unwrap();
        remotes.set_default("prod").unwrap();
        assert!(remotes.remove("prod").is_err());
        remotes.set_default(LOCAL).unwrap();
        remotes.remove("prod").unwrap();
    }

    #[test]
    fn invalid_remotes_file_is_named_in_the_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "default: [").unwrap();
        let error = Remotes::load(folder.path()).unwrap_err();
        assert!(error.to_string().contains("remotes.yaml"), "{error}");
    }
}
