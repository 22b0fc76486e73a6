//! The entries of a tar file, and where their content is: in the tar file itself where that is
//! plain; else unpacked, one file after the other, into a single one.

use std::io::{self, BufReader, Read, Write};

use fs_err as fs;

use super::detect::{BUFFER, Format, decompress};
use crate::{
    Error, Limits, Problem,
    path::EntryPath,
    tar::{Member, MemberKind, Skip, TarReader, cut_short},
    tree::{Content, FileNode, Intake, Node, Tree, check_top},
};

/// Lists a plain tar file. The content stays where it is.
pub(super) fn list(file: &fs::File, limits: &Limits) -> Result<Tree, Error> {
    let size = file.metadata()?.len();
    let tar = TarReader::new(Plain {
        file: BufReader::with_capacity(BUFFER, file),
        position: 0,
        size,
    });
    read(tar, Intake::new(limits, Some(size)), &mut InPlace)
}

/// Unpacks the content of a tar file into the file `spool`, which is empty.
pub(super) fn unpack(
    file: fs::File,
    format: Format,
    spool: &mut std::fs::File,
    limits: &Limits,
) -> Result<Tree, Error> {
    let intake = Intake::new(limits, Some(file.metadata()?.len()));
    let tar = TarReader::new(Stream(decompress(file, format)?));
    read(tar, intake, &mut Unpacked { spool, size: 0 })
}

/// A tar file that can only be read from front to back.
struct Stream(Box<dyn Read>);

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Skip for Stream {}

/// A tar file that can be read anywhere.
struct Plain<'f> {
    file: BufReader<&'f fs::File>,
    position: u64,
    size: u64,
}

impl Plain<'_> {
    /// Whether so much more is there.
    fn expect(&self, count: u64) -> io::Result<()> {
        if count > self.size.saturating_sub(self.position) {
            return Err(cut_short());
        }
        Ok(())
    }
}

impl Read for Plain<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Skip for Plain<'_> {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        self.expect(count)?;
        let offset = i64::try_from(count).map_err(io::Error::other)?;
        self.file.seek_relative(offset)?;
        self.position += count;
        Ok(())
    }
}

/// Where the content of files is kept.
trait Keep<R> {
    /// Where the content of the entry that was just read will be found.
    fn offset(&self, tar: &TarReader<R>) -> u64;

    /// Sees to it that it is found there.
    fn keep(&mut self, tar: &mut TarReader<R>, size: u64) -> io::Result<()>;
}

struct InPlace;

impl Keep<Plain<'_>> for InPlace {
    fn offset(&self, tar: &TarReader<Plain<'_>>) -> u64 {
        tar.inner().position
    }

    fn keep(&mut self, tar: &mut TarReader<Plain<'_>>, size: u64) -> io::Result<()> {
        tar.inner().expect(size)
    }
}

struct Unpacked<'f> {
    spool: &'f mut std::fs::File,
    size: u64,
}

impl Keep<Stream> for Unpacked<'_> {
    fn offset(&self, _: &TarReader<Stream>) -> u64 {
        self.size
    }

    /// The reader of the tar file yields exactly the declared size, or an error.
    fn keep(&mut self, tar: &mut TarReader<Stream>, size: u64) -> io::Result<()> {
        let room = usize::try_from(size).unwrap_or(usize::MAX);
        let mut buffer = vec![0; room.clamp(1, BUFFER)];
        self.size += size;
        loop {
            match tar.read(&mut buffer)? {
                0 => return Ok(()),
                count => self.spool.write_all(&buffer[..count])?,
            }
        }
    }
}

fn read<R: Skip>(
    mut tar: TarReader<R>,
    mut intake: Intake<'_>,
    kept: &mut impl Keep<R>,
) -> Result<Tree, Error> {
    let mut last = "its beginning".to_owned();
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
        let node = node(&intake, &path, member, kept.offset(&tar))?;
        let is_file = matches!(node, Node::File(_));
        intake.add(path, node)?;
        if is_file {
            kept.keep(&mut tar, size)
                .map_err(|error| Error::damaged(name, error))?;
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
            content: Content::Held(offset),
        })),
    }
}
