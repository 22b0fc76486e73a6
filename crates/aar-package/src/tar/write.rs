//! Writing the canonical tar: the same bytes for the same content, on every machine.
//!
//! Headers are ustar. An extended header is added only where ustar cannot hold a value: a path that
//! does not fit into its two fields, a link target of more than 100 bytes, a size of 8 GiB or more.
//! Times, owners and their names are zero or empty. Two zero blocks mark the end.

use std::io::{self, Read, Write};

use tar::{EntryType, Header};

use super::{BLOCK, padding, pax};

/// The largest size that the eleven octal digits of a ustar header hold.
const MAX_USTAR_SIZE: u64 = 0o777_7777_7777;

const BUFFER: usize = 256 << 10;

/// Writes entries, which the caller adds in the order of their paths.
pub(crate) struct TarWriter<W> {
    inner: W,
    buffer: Vec<u8>,
}

impl<W: Write> TarWriter<W> {
    pub(crate) fn new(inner: W) -> Self {
        let buffer = Vec::new();
        Self { inner, buffer }
    }

    pub(crate) fn inner(&mut self) -> &mut W {
        &mut self.inner
    }

    pub(crate) fn folder(&mut self, path: &str) -> io::Result<()> {
        self.header(&format!("{path}/"), EntryType::Directory, 0o755, 0, "")
    }

    pub(crate) fn symlink(&mut self, path: &str, target: &str) -> io::Result<()> {
        self.header(path, EntryType::Symlink, 0o777, 0, target)
    }

    /// Writes a file. The content must have exactly `size` bytes. `copied` is called after each
    /// step with the number of copied bytes; its error stops the work.
    pub(crate) fn file(
        &mut self,
        path: &str,
        executable: bool,
        size: u64,
        content: &mut dyn Read,
        copied: &mut dyn FnMut(usize) -> io::Result<()>,
    ) -> io::Result<()> {
        self.file_header(path, executable, size)?;
        self.copy(size, content, copied)?;
        self.zeros(padding(size))
    }

    /// Writes only the header of a file.
    pub(crate) fn file_header(
        &mut self,
        path: &str,
        executable: bool,
        size: u64,
    ) -> io::Result<()> {
        let mode = if executable { 0o755 } else { 0o644 };
        self.header(path, EntryType::Regular, mode, size, "")
    }

    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.zeros(2 * BLOCK)?;
        Ok(self.inner)
    }

    fn copy(
        &mut self,
        size: u64,
        content: &mut dyn Read,
        copied: &mut dyn FnMut(usize) -> io::Result<()>,
    ) -> io::Result<()> {
        self.buffer.resize(BUFFER, 0);
        let mut left = size;
        loop {
            let count = content.read(&mut self.buffer)?;
            left = left
                .checked_sub(count as u64)
                .ok_or_else(|| wrong_size("longer"))?;
            match count {
                0 if left == 0 => return Ok(()),
                0 => return Err(wrong_size("shorter")),
                _ => self.inner.write_all(&self.buffer[..count])?,
            }
            copied(count)?;
        }
    }

    fn header(
        &mut self,
        path: &str,
        entry_type: EntryType,
        mode: u32,
        size: u64,
        target: &str,
    ) -> io::Result<()> {
        let mut records = Vec::new();
        let mut header = Header::new_ustar();
        if header.set_path(path).is_err() {
            header = Header::new_ustar();
            pax::write(&mut records, "path", path.as_bytes());
        }
        if !target.is_empty() && header.set_link_name_literal(target).is_err() {
            pax::write(&mut records, "linkpath", target.as_bytes());
        }
        if size > MAX_USTAR_SIZE {
            pax::write(&mut records, "size", size.to_string().as_bytes());
        }
        if !records.is_empty() {
            self.extended_header(&records)?;
        }
        let size = if size > MAX_USTAR_SIZE { 0 } else { size };
        self.ustar_header(header, entry_type, mode, size)
    }

    fn extended_header(&mut self, records: &[u8]) -> io::Result<()> {
        let mut header = Header::new_ustar();
        header.set_path("PaxHeader")?;
        let size = records.len() as u64;
        self.ustar_header(header, EntryType::XHeader, 0o644, size)?;
        self.inner.write_all(records)?;
        self.zeros(padding(size))
    }

    fn ustar_header(
        &mut self,
        mut header: Header,
        entry_type: EntryType,
        mode: u32,
        size: u64,
    ) -> io::Result<()> {
        header.set_entry_type(entry_type);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(size);
        header.set_cksum();
        self.inner.write_all(header.as_bytes())
    }

    fn zeros(&mut self, count: u64) -> io::Result<()> {
        io::copy(&mut io::repeat(0).take(count), &mut self.inner)?;
        Ok(())
    }
}

fn wrong_size(longer_or_shorter: &str) -> io::Error {
    let message = format!("the content is {longer_or_shorter} than its declared size");
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut TarWriter<Vec<u8>>) -> io::Result<()>) -> Vec<u8> {
        let mut tar = TarWriter::new(Vec::new());
        write(&mut tar).unwrap();
        tar.finish().unwrap()
    }

    fn file(tar: &mut TarWriter<Vec<u8>>, size: u64, content: &[u8]) -> io::Result<()> {
        tar.file("f", false, size, &mut &*content, &mut |_| Ok(()))
    }

    #[test]
    fn header_does_not_depend_on_the_machine() {
        let bytes = written(|tar| file(tar, 2, b"ab"));
        assert_eq!(bytes.len(), 4 * 512);
        assert_eq!(&bytes[..2], b"f\0");
        let numbers = b"0000644\x000000000\x000000000\x0000000000002\x0000000000000\0";
        assert_eq!(&bytes[100..148], numbers);
        assert_eq!(bytes[156], b'0');
        assert_eq!(&bytes[257..265], b"ustar\x0000");
        assert!(bytes[265..512].iter().all(|byte| *byte == 0));
        assert_eq!(&bytes[512..515], b"ab\0");
        assert!(bytes[514..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn extended_header_is_written_only_for_values_beyond_ustar() {
        let fits = format!("{}/{}", "a".repeat(155), "b".repeat(99));
        assert_eq!(written(|tar| tar.folder(&fits)).len(), 512 + 1024);
        let too_long = format!("{}/{}", "a".repeat(156), "b".repeat(99));
        assert_eq!(written(|tar| tar.folder(&too_long)).len(), 3 * 512 + 1024);
        let target = "t".repeat(100);
        assert_eq!(written(|tar| tar.symlink("l", &target)).len(), 512 + 1024);
        let target = "t".repeat(101);
        assert_eq!(
            written(|tar| tar.symlink("l", &target)).len(),
            3 * 512 + 1024
        );
    }

    #[test]
    fn size_beyond_ustar_is_written_to_an_extended_header() {
        let mut tar = TarWriter::new(Vec::new());
        tar.header("f", EntryType::Regular, 0o644, MAX_USTAR_SIZE, "")
            .unwrap();
        assert_eq!(&tar.inner[124..136], b"77777777777\0");
        tar.inner.clear();
        tar.header("f", EntryType::Regular, 0o644, MAX_USTAR_SIZE + 1, "")
            .unwrap();
        assert!(tar.inner[512..].starts_with(b"19 size=8589934592\n"));
        assert_eq!(&tar.inner[1024 + 124..1024 + 136], b"00000000000\0");
    }

    #[test]
    fn content_of_another_size_is_refused() {
        for (size, expected) in [(1, "longer"), (3, "shorter")] {
            let mut tar = TarWriter::new(Vec::new());
            let error = file(&mut tar, size, b"ab").unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
