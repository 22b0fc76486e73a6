//! The entries of an image, by the rules for packages. An image has one form for an entry, so the
//! headers are compared with those that the writer makes for it.

use tar::Header;

use crate::{
    EntryError, Error, Limits, Manifest,
    manifest::FILE_NAME,
    package::{check_content, is_hook},
    path::EntryPath,
    tar::{BLOCK, TarEntry, TarEntryType, TarReader, TarWriter, has_checksum, padding},
    tree::{ContentLocation, FileEntry, PackageEntry, TreeBuilder, shown},
};

/// The size of an extended header: a path, the target of a link and a size.
const MAX_EXTENDED: u64 = 4 << 10;

/// Checks the headers of entries one after the other.
pub(super) struct EntryChecker<'l> {
    builder: TreeBuilder<'l>,
    previous: Option<EntryPath>,
    canonical: TarWriter<Vec<u8>>,
}

/// The part after the headers of an entry.
pub(super) struct FileHeader {
    pub(super) size: u64,
    pub(super) is_manifest: bool,
}

impl<'l> EntryChecker<'l> {
    pub(super) fn new(image_size: u64, limits: &'l Limits) -> Self {
        Self {
            builder: TreeBuilder::new(limits, Some(image_size)),
            previous: None,
            canonical: TarWriter::new(Vec::new()),
        }
    }

    /// The size of the headers of an entry, by the first one.
    pub(super) fn headers_size(&self, first: &[u8]) -> Result<usize, Error> {
        if !has_checksum(first) {
            return Err(self.malformed("the checksum of a header is wrong"));
        }
        let header = Header::from_byte_slice(first);
        match header.entry_type().as_byte() {
            b'x' => {
                let size = header.entry_size().ok().filter(|it| *it <= MAX_EXTENDED);
                let size = size.ok_or_else(|| self.malformed("an extended header is too large"))?;
                let size = BLOCK + size + padding(size) + BLOCK;
                usize::try_from(size).map_err(|_| self.malformed("an extended header is too large"))
            }
            b'0'..=b'7' => Ok(first.len()),
            _ => Err(Error::Entry {
                entry: shown(&header.path_bytes()),
                reason: EntryError::Type("part of another tar format"),
            }),
        }
    }

    /// Checks the headers of the next entry.
    pub(super) fn add(&mut self, headers: &[u8]) -> Result<FileHeader, Error> {
        let read = TarReader::new(headers).next_entry();
        let read = read.map_err(|error| self.malformed(&error.to_string()))?;
        let raw = read.ok_or_else(|| self.malformed("an extended header without its entry"))?;
        let Some(path) = self.builder.parse_path(&raw.path)? else {
            return Err(not_canonical(&raw.path, "it is the top of the package"));
        };
        let entry = self.entry(&path, &raw)?;
        self.write_canonical(&path, &entry)
            .map_err(|error| self.malformed(&error.to_string()))?;
        let file = FileHeader {
            size: entry.size(),
            is_manifest: path.as_str() == FILE_NAME,
        };
        self.check_manifest_size(&path, &file)?;
        self.add_to_tree(&path, entry)?;
        if *self.canonical.inner() != headers {
            let reason = "its header is not the one that an image has for it";
            return Err(not_canonical(&raw.path, reason));
        }
        self.previous = Some(path);
        Ok(file)
    }

    /// Checks the tree, and reads the manifest from its text.
    pub(super) fn finish(self, manifest: Vec<u8>) -> Result<Manifest, Error> {
        let tree = self.builder.finish_as_listed()?;
        check_content(&tree, manifest).map(|(manifest, _)| manifest)
    }

    fn entry(&self, path: &EntryPath, raw: &TarEntry) -> Result<PackageEntry, Error> {
        match &raw.entry_type {
            TarEntryType::Folder => Ok(PackageEntry::Folder),
            TarEntryType::Symlink(target) => {
                let target = self.builder.parse_target(path, target)?;
                Ok(PackageEntry::Symlink(target))
            }
            TarEntryType::HardLink(_) => Err(Error::entry(path, EntryError::Type("hard link"))),
            TarEntryType::Unsupported(name) => Err(Error::entry(path, EntryError::Type(name))),
            TarEntryType::File => Ok(PackageEntry::File(FileEntry {
                size: raw.size,
                executable: raw.mode & 0o100 != 0 || is_hook(path.as_str()),
                content: ContentLocation::Offset(0),
            })),
        }
    }

    fn add_to_tree(&mut self, path: &EntryPath, entry: PackageEntry) -> Result<(), Error> {
        let mut folders = path.ancestors();
        if let Some(folder) = folders.find(|folder| !self.builder.contains(folder)) {
            let reason = EntryError::FolderNotListed(folder.to_string());
            return Err(Error::entry(path, reason));
        }
        if self.builder.contains(path) {
            return Err(Error::entry(path, EntryError::Duplicate));
        }
        if !self.builder.add(path.clone(), entry)? {
            let reason = "it is a file that an operating system adds for its own use";
            return Err(not_canonical(path.as_str().as_bytes(), reason));
        }
        match &self.previous {
            Some(previous) if path < previous => {
                let reason = EntryError::OutOfOrder(previous.to_string());
                Err(Error::entry(path, reason))
            }
            _ => Ok(()),
        }
    }

    fn check_manifest_size(&self, path: &EntryPath, file: &FileHeader) -> Result<(), Error> {
        let limit = self.builder.limits().manifest_size;
        if file.is_manifest && file.size > limit {
            return Err(Error::entry(path, EntryError::TooLarge(limit)));
        }
        Ok(())
    }

    /// Writes the headers that an image has for the entry.
    fn write_canonical(&mut self, path: &EntryPath, entry: &PackageEntry) -> std::io::Result<()> {
        let path = path.as_str();
        self.canonical.inner().clear();
        match entry {
            PackageEntry::Folder => self.canonical.folder(path),
            PackageEntry::Symlink(target) => self.canonical.symlink(path, target),
            PackageEntry::File(file) => {
                self.canonical.file_header(path, file.executable, file.size)
            }
        }
    }

    /// A header that cannot be read has no name of its own.
    fn malformed(&self, reason: &str) -> Error {
        let place = match &self.previous {
            Some(path) => format!("after {path:?}"),
            None => "at the start".to_owned(),
        };
        Error::image(format!("its tar is malformed {place}: {reason}"))
    }
}

fn not_canonical(path: &[u8], reason: &'static str) -> Error {
    Error::Entry {
        entry: shown(path),
        reason: EntryError::NotCanonical(reason),
    }
}
