use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
};

/// A part of a file, read by position: several windows on one file do not disturb each other.
#[derive(Debug)]
pub(super) struct Window {
    file: File,
    start: u64,
    size: u64,
    position: u64,
}

impl Window {
    pub(super) fn new(file: File, start: u64, size: u64) -> Self {
        Self {
            file,
            start,
            size,
            position: 0,
        }
    }
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.size.saturating_sub(self.position);
        if left == 0 {
            return Ok(0);
        }
        let most = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let at = self.start + self.position;
        let count = self.file.read_at(&mut buffer[..most], at)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Window {
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
    fn nothing_around_the_window_is_read() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"before inside after").unwrap();
        let mut window = Window::new(file, 7, 6);
        let mut text = String::new();
        window.read_to_string(&mut text).unwrap();
        assert_eq!(text, "inside");
        assert_eq!(window.seek(SeekFrom::End(-4)).unwrap(), 2);
        text.clear();
        window.read_to_string(&mut text).unwrap();
        assert_eq!(text, "side");
        assert!(window.seek(SeekFrom::Start(u64::MAX)).is_ok());
        assert_eq!(window.read(&mut [0; 4]).unwrap(), 0);
        assert!(window.seek(SeekFrom::Current(1)).is_err());
    }
}
