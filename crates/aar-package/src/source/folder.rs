//! Lists the folder that is to be packed. Links are entries of their own and are not followed.

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
    Error, Limits, Problem,
    disk::DiskFile,
    path::EntryPath,
    tree::{Content, FileNode, Intake, Node, Tree},
};

pub(super) fn list(root: &Path, limits: &Limits) -> Result<Tree, Error> {
    let mut intake = Intake::new(limits, None);
    add_children(&mut intake, root, root)?;
    intake.finish()
}

fn add_children(intake: &mut Intake<'_>, root: &Path, folder: &Path) -> Result<(), Error> {
    for child in fs::read_dir(folder)? {
        let child = child?.path();
        let relative = child.strip_prefix(root).unwrap_or(&child);
        let Some(path) = intake.path(relative.as_os_str().as_bytes())? else {
            continue;
        };
        let node = node(intake, &path, &child)?;
        let is_folder = matches!(node, Node::Folder);
        intake.add(path, node)?;
        if is_folder {
            add_children(intake, root, &child)?;
        }
    }
    Ok(())
}

fn node(intake: &Intake<'_>, path: &EntryPath, child: &Path) -> Result<Node, Error> {
    let metadata = fs::symlink_metadata(child)?;
    if metadata.is_dir() {
        return Ok(Node::Folder);
    }
    if metadata.is_symlink() {
        let target = fs::read_link(child)?;
        let target = intake.target(path, target.as_os_str().as_bytes())?;
        return Ok(Node::Symlink(target));
    }
    if !metadata.is_file() {
        return Err(Error::entry(path, Problem::Kind(name_of(&metadata))));
    }
    Ok(Node::File(FileNode {
        size: metadata.size(),
        executable: metadata.mode() & 0o100 != 0,
        content: Content::Disk(DiskFile::new(child, &metadata)),
    }))
}

fn name_of(metadata: &Metadata) -> &'static str {
    let kind = metadata.file_type();
    match () {
        () if kind.is_fifo() => "named pipe",
        () if kind.is_socket() => "socket",
        () => "device",
    }
}
