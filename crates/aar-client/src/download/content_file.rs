//! The content of a partial file: bytes at their final places. A file that grows from its beginning is as
//! long as what it has. As soon as bytes are written elsewhere, it is as long as the image, with a tail
//! that records what is there.

use std::{
    io::{self, Seek, SeekFrom, Write},
    time::{Duration, Instant},
};

use fs_err::File;

use super::{extents::Extents, tail};

/// After the program was killed, at most the content of this time is received again.
///
/// Records are not synced: the page cache outlives the program. After a power cut, a record may name content
/// that is not on the disk; the digest then differs, and the image is received again.
const RECORD_INTERVAL: Duration = Duration::from_millis(200);

pub(super) struct ContentFile {
    file: File,
    image_size: u64,
    extents: Extents,
    position: Option<u64>,
    tail: Option<Tail>,
}

/// The state of the record.
struct Tail {
    sequence: u64,
    written: Instant,
}

impl ContentFile {
    /// Finds what a file has. A file of another form is emptied.
    pub(super) fn open(mut file: File, image_size: u64) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let mut tail = None;
        let mut extents = Extents::prefix_of(length.min(image_size));
        if length > image_size {
            let has_tail = length == tail::length_with_tail(image_size);
            let record = if has_tail {
                tail::read(&mut file, image_size)?
            } else {
                None
            };
            let (sequence, recorded) = record.unwrap_or_default();
            if recorded.total() == 0 {
                file.set_len(0)?;
            } else {
                tail = Some(Tail::new(sequence));
            }
            extents = recorded;
        }
        Ok(Self {
            file,
            image_size,
            extents,
            position: None,
            tail,
        })
    }

    pub(super) fn extents(&self) -> &Extents {
        &self.extents
    }

    pub(super) fn prefix(&self) -> u64 {
        self.extents.prefix()
    }

    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if offset != self.prefix() && self.tail.is_none() {
            self.file.set_len(tail::length_with_tail(self.image_size))?;
            self.tail = Some(Tail::new(0));
            // Without a record the file would count as empty.
            self.record()?;
        }
        if self.position != Some(offset) {
            self.file.seek(SeekFrom::Start(offset))?;
        }
        self.position = None;
        self.file.write_all(bytes)?;
        let end = offset + bytes.len() as u64;
        self.position = Some(end);
        self.extents.insert(offset..end);
        if self.tail.as_ref().is_some_and(Tail::is_due) {
            self.record()?;
        }
        Ok(())
    }

    fn record(&mut self) -> io::Result<()> {
        let Some(tail) = &mut self.tail else {
            return Ok(());
        };
        self.position = None;
        tail.sequence += 1;
        tail::write(
            &mut self.file,
            self.image_size,
            tail.sequence,
            &self.extents,
        )?;
        tail.written = Instant::now();
        Ok(())
    }

    /// Ends writing. A file that has only its beginning needs no record.
    pub(super) fn close(mut self) -> io::Result<File> {
        if self.tail.is_some() && self.extents.is_prefix() {
            self.file.set_len(self.prefix())?;
        } else if self.tail.is_some() {
            self.file.sync_data()?;
            self.record()?;
        }
        Ok(self.file)
    }
}

impl Tail {
    fn new(sequence: u64) -> Self {
        Self {
            sequence,
            written: Instant::now(),
        }
    }

    fn is_due(&self) -> bool {
        self.written.elapsed() >= RECORD_INTERVAL
    }
}
