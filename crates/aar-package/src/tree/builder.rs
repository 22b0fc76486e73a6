use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization as _;

use super::{PackageEntry, PackageTree};
use crate::{EntryError, Error, Limits, path::EntryPath};

/// How many characters of an invalid path or link target a message repeats.
const MAX_SHOWN: usize = 200;

/// Checks an entry that stands for the top of the package.
pub(crate) fn check_top(is_folder: bool) -> Result<(), Error> {
    if is_folder {
        return Ok(());
    }
    Err(Error::Entry {
        entry: ".".to_owned(),
        reason: EntryError::MustBe("folder"),
    })
}

/// Builds the tree of a package entry by entry and refuses entries that are not allowed.
#[derive(Debug)]
pub(crate) struct TreeBuilder<'l> {
    limits: &'l Limits,
    /// None for a folder, which cannot expand.
    archive_size: Option<u64>,
    tree: PackageTree,
    folded_paths: HashMap<String, EntryPath>,
    total_size: u64,
    paths_size: usize,
}

impl<'l> TreeBuilder<'l> {
    pub(crate) fn new(limits: &'l Limits, archive_size: Option<u64>) -> Self {
        Self {
            limits,
            archive_size,
            tree: PackageTree::default(),
            folded_paths: HashMap::new(),
            total_size: 0,
            paths_size: 0,
        }
    }

    pub(crate) fn limits(&self) -> &'l Limits {
        self.limits
    }

    /// Parses the path of an entry. The top of the package has none.
    pub(crate) fn parse_path(&self, raw: &[u8]) -> Result<Option<EntryPath>, Error> {
        EntryPath::parse(raw, self.limits).map_err(|error| Error::Entry {
            entry: shown(raw),
            reason: error.into(),
        })
    }

    /// Parses the target of a symbolic link.
    pub(crate) fn parse_target(&self, link: &EntryPath, raw: &[u8]) -> Result<String, Error> {
        let valid = |target: &&str| {
            (1..=self.limits.path_length).contains(&target.len())
                && !target.contains(char::is_control)
        };
        match std::str::from_utf8(raw).ok().filter(valid) {
            Some(target) => Ok(target.nfc().collect()),
            None => Err(Error::entry(link, EntryError::BrokenLink(shown(raw)))),
        }
    }

    /// The entry for another name of a file that was added before.
    pub(crate) fn hard_link(&self, link: &EntryPath, raw: &[u8]) -> Result<PackageEntry, Error> {
        let target = self.parse_path(raw)?;
        match target.and_then(|target| self.tree.0.get(&target)) {
            Some(PackageEntry::Folder) | None => {
                let reason = EntryError::BrokenHardLink(shown(raw));
                Err(Error::entry(link, reason))
            }
            Some(entry) => Ok(entry.clone()),
        }
    }

    /// Adds an entry. Call it before the content is read: the size of the content is checked here.
    /// Returns whether the entry belongs to the package: files of operating systems are left out.
    pub(crate) fn add(&mut self, path: EntryPath, entry: PackageEntry) -> Result<bool, Error> {
        if path.is_system_file() {
            return Ok(false);
        }
        if let PackageEntry::File(file) = &entry {
            self.check_size(&path, file.size)?;
        }
        for folder in path.ancestors() {
            self.add_ancestor(&path, folder)?;
        }
        match (self.tree.0.get(&path), &entry) {
            (None, _) => self.insert(path, entry)?,
            (Some(PackageEntry::Folder), PackageEntry::Folder) => {}
            (Some(_), _) => return Err(Error::entry(&path, EntryError::Duplicate)),
        }
        Ok(true)
    }

    pub(crate) fn finish(mut self) -> Result<PackageTree, Error> {
        if self.archive_size.is_some() {
            self.tree.remove_top_folder();
        }
        self.finish_as_listed()
    }

    /// The tree with the paths that were added, also those of a single folder at the top.
    pub(crate) fn finish_as_listed(self) -> Result<PackageTree, Error> {
        self.tree.check_links()?;
        Ok(self.tree)
    }

    pub(crate) fn contains(&self, path: &EntryPath) -> bool {
        self.tree.0.contains_key(path)
    }

    fn add_ancestor(&mut self, path: &EntryPath, folder: EntryPath) -> Result<(), Error> {
        match self.tree.0.get(&folder) {
            None => self.insert(folder, PackageEntry::Folder),
            Some(PackageEntry::Folder) => Ok(()),
            Some(_) => {
                let reason = EntryError::BelowNonFolder(folder.to_string());
                Err(Error::entry(path, reason))
            }
        }
    }

    fn insert(&mut self, path: EntryPath, entry: PackageEntry) -> Result<(), Error> {
        if self.tree.0.len() >= self.limits.entries {
            let limit = format!("{} entries", self.limits.entries);
            return Err(Error::limit(&path, limit));
        }
        self.check_paths_size(&path, &entry)?;
        if let Some(other) = self.folded_paths.insert(path.folded(), path.clone()) {
            let same_case = other.as_str().to_lowercase() == path.as_str().to_lowercase();
            let reason = if same_case {
                EntryError::CaseCollision(other.to_string())
            } else {
                EntryError::NameCollision(other.to_string())
            };
            return Err(Error::entry(&path, reason));
        }
        self.tree.0.insert(path, entry);
        Ok(())
    }

    fn check_paths_size(&mut self, path: &EntryPath, entry: &PackageEntry) -> Result<(), Error> {
        self.paths_size += path.as_str().len();
        if let PackageEntry::Symlink(target) = entry {
            self.paths_size += target.len();
        }
        if self.paths_size > self.limits.paths_size {
            let limit = format!("{} bytes of paths", self.limits.paths_size);
            return Err(Error::limit(path, limit));
        }
        Ok(())
    }

    fn check_size(&mut self, path: &EntryPath, size: u64) -> Result<(), Error> {
        if size > self.limits.file_size {
            let reason = EntryError::TooLarge(self.limits.file_size);
            return Err(Error::entry(path, reason));
        }
        self.total_size = self.total_size.saturating_add(size);
        if self.total_size > self.limits.total_size {
            let limit = format!("{} bytes in all", self.limits.total_size);
            return Err(Error::limit(path, limit));
        }
        let max_content = |archive| self.limits.max_content(archive);
        let max_expanded = self.archive_size.map_or(u64::MAX, max_content);
        if self.total_size > max_expanded {
            let limit = format!("{} times the size of the archive", self.limits.expansion);
            return Err(Error::limit(path, limit));
        }
        Ok(())
    }
}

/// The start of an invalid path, for a message.
pub(crate) fn shown(raw: &[u8]) -> String {
    String::from_utf8_lossy(raw)
        .chars()
        .take(MAX_SHOWN)
        .collect()
}
