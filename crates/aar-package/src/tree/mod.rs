//! The entries of a package: files, folders and links.
//!
//! Every reader adds its entries to a [`TreeBuilder`] before it reads their content. The tree is the
//! same for the same content, whatever the order of the entries and whether the archive lists
//! folders or implies them.

mod builder;
mod disk_file;
mod links;

use std::collections::BTreeMap;

use crate::{manifest::FILE_NAME, path::EntryPath, tar::SparseMap};

pub(crate) use self::{
    builder::{TreeBuilder, check_top, shown},
    disk_file::DiskFile,
};

#[derive(Debug, Default)]
pub(crate) struct PackageTree(BTreeMap<EntryPath, PackageEntry>);

#[derive(Debug, Clone)]
pub(crate) enum PackageEntry {
    Folder,
    /// A symbolic link with its unresolved target.
    Symlink(String),
    File(FileEntry),
}

#[derive(Debug, Clone)]
pub(crate) struct FileEntry {
    pub(crate) size: u64,
    pub(crate) executable: bool,
    pub(crate) content: ContentLocation,
}

/// The location from which the content of a file is read.
#[derive(Debug, Clone)]
pub(crate) enum ContentLocation {
    /// A file of the package folder.
    Disk(DiskFile),
    /// The offset in the content file: the tar file, or the file it was unpacked to.
    Offset(u64),
    /// The offset in the content file and the map of a sparse file.
    Sparse(u64, SparseMap),
    /// The index of the entry in the zip file.
    ZipIndex(usize),
}

impl PackageEntry {
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::File(file) => file.size,
            Self::Folder | Self::Symlink(_) => 0,
        }
    }
}

impl PackageTree {
    pub(crate) fn get(&self, path: &str) -> Option<&PackageEntry> {
        self.0.get(path)
    }

    pub(crate) fn file(&self, path: &str) -> Option<(&EntryPath, &FileEntry)> {
        match self.0.get_key_value(path)? {
            (path, PackageEntry::File(file)) => Some((path, file)),
            (_, PackageEntry::Folder | PackageEntry::Symlink(_)) => None,
        }
    }

    /// All entries, ordered by the bytes of their path.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&EntryPath, &PackageEntry)> {
        self.0.iter()
    }

    /// The size of all files.
    pub(crate) fn content_size(&self) -> u64 {
        self.0.values().map(PackageEntry::size).sum()
    }

    pub(crate) fn largest_file(&self) -> Option<&EntryPath> {
        let largest = self.0.iter().max_by_key(|(_, entry)| entry.size());
        largest.map(|(path, _)| path)
    }

    /// Removes the folder that is the only entry at the top, if it has the manifest. Archives are
    /// often made of the folder of a package, not of its content.
    fn remove_top_folder(&mut self) {
        let mut names = self.0.keys().map(EntryPath::as_str);
        let Some(top) = names.next().filter(|name| !name.contains('/')) else {
            return;
        };
        let prefix = format!("{top}/");
        let is_only = names.all(|name| name.starts_with(&prefix));
        if !is_only || self.file(&format!("{prefix}{FILE_NAME}")).is_none() {
            return;
        }
        let entries = std::mem::take(&mut self.0).into_iter();
        self.0 = entries
            .filter_map(|(path, entry)| Some((path.below(&prefix)?, entry)))
            .collect();
    }

    pub(crate) fn relocate(&mut self, path: &str, to: ContentLocation) {
        if let Some(PackageEntry::File(file)) = self.0.get_mut(path) {
            file.content = to;
        }
    }
}

#[cfg(test)]
mod tests;
