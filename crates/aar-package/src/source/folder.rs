//! Listing a package folder. Links are listed as links and not followed.

use std::{
    fs::Metadata,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt},
    },
    path::Path,
};

use fs_err as fs;

use crate::{
    EntryError, Error, Limits,
    path::EntryPath,
    tree::{ContentLocation, DiskFile, FileEntry, PackageEntry, PackageTree, TreeBuilder},
};

pub(super) fn list(root: &Path, limits: &Limits) -> Result<PackageTree, Error> {
    let mut builder = TreeBuilder::new(limits, None);
    add_children(&mut builder, root, root)?;
    builder.finish()
}

fn add_children(builder: &mut TreeBuilder<'_>, root: &Path, folder: &Path) -> Result<(), Error> {
    for child in fs::read_dir(folder)? {
        let child = child?.path();
        let relative = child.strip_prefix(root).unwrap_or(&child);
        let Some(path) = builder.parse_path(relative.as_os_str().as_bytes())? else {
            continue;
        };
        if path.is_system_file() {
            continue;
        }
        let entry = read_entry(builder, &path, &child)?;
        let is_folder = matches!(entry, PackageEntry::Folder);
        builder.add(path, entry)?;
        if is_folder {
            add_children(builder, root, &child)?;
        }
    }
    Ok(())
}

fn read_entry(
    builder: &TreeBuilder<'_>,
    path: &EntryPath,
    child: &Path,
) -> Result<PackageEntry, Error> {
    let metadata = fs::symlink_metadata(child)?;
    if metadata.is_dir() {
        return Ok(PackageEntry::Folder);
    }
    if metadata.is_symlink() {
        let target = fs::read_link(child)?;
        let target = builder.parse_target(path, target.as_os_str().as_bytes())?;
        return Ok(PackageEntry::Symlink(target));
    }
    if !metadata.is_file() {
        return Err(Error::entry(path, EntryError::Type(type_name(&metadata))));
    }
    Ok(PackageEntry::File(FileEntry {
        size: metadata.size(),
        executable: metadata.mode() & 0o100 != 0,
        content: ContentLocation::Disk(DiskFile::new(child, &metadata)),
    }))
}

fn type_name(metadata: &Metadata) -> &'static str {
    match metadata.file_type() {
        fifo if fifo.is_fifo() => "named pipe",
        socket if socket.is_socket() => "socket",
        _ => "device",
    }
}
