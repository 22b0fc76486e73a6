use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
};

/// A section of a file, read by position: several sections of one file have no common offset.
#[derive(Debug)]
pub(super) struct FileSection {
    file: File,
    start: u64,
    size: u64,
    position: u64,
}

impl FileSection {
    pub(super) fn new(file: File, start: u64, size: u64) -> Self {
        Self {
            file,
            start,
            size,
            position: 0,
        }
    }
}

impl Read for FileSection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let remaining = self.size.saturating_sub(self.position);
        if remaining == 0 {
            return Ok(0);
        }
        let length = usize::try_from(remaining).map_or(buffer.len(), |r| r.min(buffer.len()));
        let at = self.start + self.position;
        let count = self.file.read_at(&mut buffer[..length], at)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for FileSection {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn bytes_outside_the_section_are_not_read() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"before inside after").unwrap();
        let mut section = FileSection::new(file, 7, 6);
        let mut text = String::new();
        section.read_to_string(&mut text).unwrap();
        assert_eq!(text, "inside");
        assert_eq!(section.seek(SeekFrom::End(-4)).unwrap(), 2);
        text.clear();
        section.read_to_string(&mut text).unwrap();
        assert_eq!(text, "side");
        assert!(section.seek(SeekFrom::Start(u64::MAX)).is_ok());
        assert_eq!(section.read(&mut [0; 4]).unwrap(), 0);
        assert!(section.seek(SeekFrom::Current(1)).is_err());
    }
}
