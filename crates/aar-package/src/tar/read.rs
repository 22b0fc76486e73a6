//! Reads tar files from outside.
//!
//! It knows the old, the ustar, the GNU and the pax form. Names and extended headers are limited
//! in size before they are read, checksums are checked, and a file that just ends is not taken for
//! one that is complete.

use std::{
    borrow::Cow,
    io::{self, Read},
};

use tar::{EntryType, Header};

use super::{padding, pax};

/// The most that an extended header or a long name may take. Attributes that some systems add
/// to every file are in there too.
const MAX_EXTENDED: u64 = 256 << 10;

/// How many extended headers may stand before one entry.
const MAX_EXTENDED_IN_A_ROW: usize = 8;

/// What may follow the end mark: fill, because tar files are often padded to a multiple of 10 KiB.
const MAX_TRAILER: u64 = 1 << 20;

/// An entry, before its path is checked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) path: Vec<u8>,
    pub(crate) kind: MemberKind,
    pub(crate) mode: u32,
    pub(crate) size: u64,
}

/// What an entry is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum MemberKind {
    File,
    Folder,
    Symlink(Vec<u8>),
    /// Something that packages must not hold, in words.
    Other(&'static str),
}

/// A reader that can leave out bytes.
pub(crate) trait Skip: Read + Sized {
    /// Leaves out bytes. They have to be there.
    fn skip(&mut self, count: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.by_ref().take(count), &mut io::sink())?;
        if skipped == count {
            Ok(())
        } else {
            Err(cut_short())
        }
    }
}

/// Reads a tar file entry by entry. Between two entries it reads as the content of the first.
pub(crate) struct TarReader<R> {
    inner: R,
    content_left: u64,
    padding: u64,
}

/// What extended headers and GNU long names say of the entry that follows them.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

impl<R: Skip> TarReader<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            content_left: 0,
            padding: 0,
        }
    }

    /// What is read from: after an entry has been given, at the beginning of its content.
    pub(crate) fn inner(&self) -> &R {
        &self.inner
    }

    /// The next entry, or none after the end mark.
    pub(crate) fn next_member(&mut self) -> io::Result<Option<Member>> {
        let mut extended = Extended::default();
        for _ in 0..=MAX_EXTENDED_IN_A_ROW {
            self.skip_content()?;
            let Some(header) = self.header()? else {
                self.trailer()?;
                return Ok(None);
            };
            match header.entry_type() {
                EntryType::XHeader => extended.read_pax(&self.small_content(&header)?)?,
                EntryType::GNULongName => {
                    extended.path = Some(until_nul(self.small_content(&header)?));
                }
                EntryType::GNULongLink => {
                    extended.target = Some(until_nul(self.small_content(&header)?));
                }
                EntryType::XGlobalHeader => drop(self.small_content(&header)?),
                _ => return self.member(&header, extended).map(Some),
            }
        }
        Err(malformed(
            "too many extended headers stand before one entry",
        ))
    }

    fn member(&mut self, header: &Header, extended: Extended) -> io::Result<Member> {
        let path = extended
            .path
            .unwrap_or_else(|| header.path_bytes().into_owned());
        let target = extended
            .target
            .or_else(|| header.link_name_bytes().map(Cow::into_owned));
        let kind = match header.entry_type() {
            _ if extended.sparse => MemberKind::Other("sparse file"),
            // Before there was a type for folders, a slash at the end of the path said it.
            EntryType::Regular if path.ends_with(b"/") => MemberKind::Folder,
            EntryType::Regular | EntryType::Continuous => MemberKind::File,
            EntryType::Directory => MemberKind::Folder,
            EntryType::Symlink => MemberKind::Symlink(target.unwrap_or_default()),
            other => MemberKind::Other(name_of(other)),
        };
        let size = extended.size.map_or_else(|| header.entry_size(), Ok)?;
        self.content_left = if kind == MemberKind::File { size } else { 0 };
        self.padding = if kind == MemberKind::File {
            padding(size)
        } else {
            0
        };
        Ok(Member {
            path,
            kind,
            mode: header.mode()?,
            size,
        })
    }

    /// Reads a header and checks its checksum; a block of zeros is the end mark.
    fn header(&mut self) -> io::Result<Option<Header>> {
        let mut header = Header::new_old();
        self.inner
            .read_exact(header.as_mut_bytes())
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => cut_short(),
                _ => error,
            })?;
        let bytes = header.as_bytes();
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        let blank = 8 * u32::from(b' ');
        if header.cksum().ok() != Some(sum(&bytes[..148]) + blank + sum(&bytes[156..])) {
            return Err(malformed("the checksum of a header is wrong"));
        }
        Ok(Some(header))
    }

    fn small_content(&mut self, header: &Header) -> io::Result<Vec<u8>> {
        let size = header.entry_size()?;
        if size > MAX_EXTENDED {
            return Err(malformed("an extended header is too large"));
        }
        self.content_left = size;
        self.padding = padding(size);
        let mut content = Vec::new();
        self.read_to_end(&mut content)?;
        Ok(content)
    }

    fn skip_content(&mut self) -> io::Result<()> {
        let count = self.content_left.saturating_add(self.padding);
        (self.content_left, self.padding) = (0, 0);
        if count > 0 {
            self.inner.skip(count)
        } else {
            Ok(())
        }
    }

    /// Reads what follows the end mark, so that a decompressor below gets to its own checksum.
    fn trailer(&mut self) -> io::Result<()> {
        let mut rest = self.inner.by_ref().take(MAX_TRAILER + 1);
        if io::copy(&mut rest, &mut io::sink())? > MAX_TRAILER {
            return Err(malformed("there is more after the end mark"));
        }
        Ok(())
    }
}

impl<R: Read> Read for TarReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.by_ref().take(self.content_left).read(buffer)?;
        if count == 0 && self.content_left > 0 && !buffer.is_empty() {
            return Err(cut_short());
        }
        self.content_left -= count as u64;
        Ok(count)
    }
}

impl Extended {
    fn read_pax(&mut self, mut records: &[u8]) -> io::Result<()> {
        while !records.is_empty() {
            let (key, value, rest) = pax::read(records)?;
            match key {
                b"path" => self.path = Some(value.to_owned()),
                b"linkpath" => self.target = Some(value.to_owned()),
                b"size" => self.size = Some(number(value)?),
                key if key.starts_with(b"GNU.sparse.") => self.sparse = true,
                _ => {}
            }
            records = rest;
        }
        Ok(())
    }
}

fn number(text: &[u8]) -> io::Result<u64> {
    let number = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok());
    number.ok_or_else(|| malformed("the size in an extended header is not a number"))
}

fn until_nul(mut name: Vec<u8>) -> Vec<u8> {
    if name.last() == Some(&0) {
        name.pop();
    }
    name
}

fn name_of(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Link => "hard link",
        EntryType::Char | EntryType::Block => "device",
        EntryType::Fifo => "named pipe",
        EntryType::GNUSparse => "sparse file",
        _ => "thing of an unknown kind",
    }
}

pub(crate) fn cut_short() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it ends too early")
}

fn malformed(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tar::TarWriter;

    impl Skip for &[u8] {}

    fn sample() -> Vec<u8> {
        let mut tar = TarWriter::new(Vec::new());
        tar.file("a", true, 700, &mut &[7; 700][..], &mut |_| Ok(()))
            .unwrap();
        tar.folder(&"long/".repeat(60)).unwrap();
        tar.symlink("z", &"t".repeat(150)).unwrap();
        tar.finish().unwrap()
    }

    fn members(bytes: &[u8]) -> io::Result<Vec<Member>> {
        let mut tar = TarReader::new(bytes);
        std::iter::from_fn(|| tar.next_member().transpose()).collect()
    }

    #[test]
    fn what_the_writer_writes_is_read_back() {
        let bytes = sample();
        let mut tar = TarReader::new(&*bytes);
        let file = tar.next_member().unwrap().unwrap();
        assert_eq!((&*file.path, file.size, file.mode), (&b"a"[..], 700, 0o755));
        let mut content = Vec::new();
        tar.read_to_end(&mut content).unwrap();
        assert_eq!(content, [7; 700]);
        let folder = tar.next_member().unwrap().unwrap();
        assert_eq!(folder.kind, MemberKind::Folder);
        assert!(folder.path.len() > 255);
        let link = tar.next_member().unwrap().unwrap();
        assert_eq!(link.kind, MemberKind::Symlink(vec![b't'; 150]));
        assert_eq!(tar.next_member().unwrap(), None);
    }

    #[test]
    fn a_tar_that_is_cut_anywhere_is_refused() {
        let bytes = sample();
        let end = bytes.len() - 1024;
        for length in [0, 1, 511, 512, 600, 512 + 1024, end - 512, end] {
            let error = members(&bytes[..length]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{length}");
        }
        assert!(members(&bytes[..end + 512]).is_ok());
    }

    #[test]
    fn a_header_with_a_wrong_checksum_is_refused() {
        let mut bytes = sample();
        bytes[0] = b'b';
        assert!(
            members(&bytes)
                .unwrap_err()
                .to_string()
                .contains("checksum")
        );
    }

    #[test]
    fn names_and_extended_headers_are_limited_before_they_are_read() {
        for kind in [
            EntryType::XHeader,
            EntryType::GNULongName,
            EntryType::XGlobalHeader,
        ] {
            let mut header = Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(1 << 40);
            header.set_cksum();
            let error = members(header.as_bytes()).unwrap_err();
            assert!(error.to_string().contains("too large"), "{error}");
        }
        let mut many = Vec::new();
        for _ in 0..20 {
            let mut header = Header::new_gnu();
            header.set_entry_type(EntryType::XHeader);
            header.set_size(0);
            header.set_cksum();
            many.extend_from_slice(header.as_bytes());
        }
        assert!(members(&many).unwrap_err().to_string().contains("too many"));
    }

    #[test]
    fn endless_content_after_the_end_mark_is_refused() {
        let mut bytes = sample();
        bytes.extend(vec![0; 1 << 20]);
        assert!(
            members(&bytes)
                .unwrap_err()
                .to_string()
                .contains("after the end")
        );
    }
}
