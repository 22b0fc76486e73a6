//! Unpacks the content of a tar file, one file after the other, into a single one.

use std::io::{self, Read, Write};

use fs_err as fs;

use super::detect::{Format, tar_reader};
use crate::{
    Error, Limits, Problem,
    path::EntryPath,
    tar::{Member, MemberKind, Skip, TarReader},
    tree::{Content, FileNode, Intake, Node, Tree, check_top},
};

/// A tar file that can only be read from front to back.
struct Stream(Box<dyn Read>);

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Skip for Stream {}

pub(super) fn unpack(
    file: fs::File,
    format: Format,
    spool: &mut std::fs::File,
    limits: &Limits,
) -> Result<Tree, Error> {
    let mut intake = Intake::new(limits, Some(file.metadata()?.len()));
    let mut tar = TarReader::new(Stream(tar_reader(file, format)?));
    let mut last = "its beginning".to_owned();
    let mut offset = 0;
    loop {
        let member = tar.next_member();
        let Some(member) = member.map_err(|error| Error::damaged(last, error))? else {
            return intake.finish();
        };
        last = format!("or after {:?}", String::from_utf8_lossy(&member.path));
        let Some(path) = intake.path(&member.path)? else {
            check_top(member.kind == MemberKind::Folder)?;
            continue;
        };
        let name = path.to_string();
        let size = member.size;
        let node = node(&intake, &path, member, offset)?;
        let is_file = matches!(node, Node::File(_));
        intake.add(path, node)?;
        if is_file {
            copy(&mut tar, spool, size).map_err(|error| Error::damaged(name, error))?;
            offset += size;
        }
    }
}

fn node(intake: &Intake<'_>, path: &EntryPath, member: Member, offset: u64) -> Result<Node, Error> {
    match member.kind {
        MemberKind::Folder => Ok(Node::Folder),
        MemberKind::Symlink(target) => intake.target(path, &target).map(Node::Symlink),
        MemberKind::Other(kind) => Err(Error::entry(path, Problem::Kind(kind))),
        MemberKind::File => Ok(Node::File(FileNode {
            size: member.size,
            executable: member.mode & 0o100 != 0,
            content: Content::Spooled(offset),
        })),
    }
}

/// The reader of the tar file yields exactly the declared size, or an error.
fn copy(content: &mut impl Read, spool: &mut std::fs::File, size: u64) -> io::Result<()> {
    let mut buffer = vec![
        0;
        usize::try_from(size)
            .unwrap_or(usize::MAX)
            .clamp(1, 256 << 10)
    ];
    loop {
        match content.read(&mut buffer)? {
            0 => return Ok(()),
            count => spool.write_all(&buffer[..count])?,
        }
    }
}
