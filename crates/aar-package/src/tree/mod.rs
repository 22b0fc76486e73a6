//! The entries of a package: files, folders and links.
//!
//! Every reader adds its entries to a [`TreeBuilder`] before it reads their content. The tree is the
//! same for the same content, whatever the order of the entries and whether the archive lists
//! folders or implies them.

mod builder;
mod links;

use std::collections::BTreeMap;

use crate::{path::EntryPath, source::DiskFile};

pub(crate) use builder::{TreeBuilder, check_top};

#[derive(Debug, Default)]
pub(crate) struct PackageTree(BTreeMap<EntryPath, PackageEntry>);

#[derive(Debug)]
pub(crate) enum PackageEntry {
    Folder,
    /// A symbolic link with its unresolved target.
    Symlink(String),
    File(FileEntry),
}

#[derive(Debug)]
pub(crate) struct FileEntry {
    pub(crate) size: u64,
    pub(crate) executable: bool,
    pub(crate) content: ContentLocation,
}

/// The location from which the content of a file is read.
#[derive(Debug)]
pub(crate) enum ContentLocation {
    /// A file of the package folder.
    Disk(DiskFile),
    /// The offset in the content file: the tar file, or the file it was unpacked to.
    Offset(u64),
    /// The index of the entry in the zip file.
    ZipIndex(usize),
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
        let size = |entry: &PackageEntry| match entry {
            PackageEntry::File(file) => file.size,
            PackageEntry::Folder | PackageEntry::Symlink(_) => 0,
        };
        self.0.values().map(size).sum()
    }

    pub(crate) fn relocate(&mut self, path: &str, to: ContentLocation) {
        if let Some(PackageEntry::File(file)) = self.0.get_mut(path) {
            file.content = to;
        }
    }
}

#[cfg(test)]
mod tests;
