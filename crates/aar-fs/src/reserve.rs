use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use fs_err::{File, OpenOptions, os::unix::fs::OpenOptionsExt};
use rustix::{
    fs::{FallocateFlags, fallocate},
    io::Errno,
};

use crate::{PRIVATE, Volume, remove_if_exists};

/// Written where the file system cannot allocate.
static BLOCK: [u8; 64 << 10] = [0; 64 << 10];

/// Space on a volume for work that frees space or withdraws trust.
///
/// It is held by a file. Work that needs it on a full volume [releases](Self::release) it, which removes the
/// file. Until the volume has space to [make](Self::require) it again, all other work is refused, so the
/// released space stays for the work it is for. Several processes may use the same file.
#[derive(Debug, Clone)]
pub struct Reserve {
    file: Arc<Path>,
}

impl Reserve {
    /// The reserve that is held by this file.
    pub fn new(file: PathBuf) -> Self {
        Self { file: file.into() }
    }

    /// Makes the reserve unless it is there, and refuses if the volume has no space for it.
    pub fn require(&self) -> io::Result<()> {
        // A file that a process began and did not finish is shorter.
        if self.file.metadata().is_ok_and(|file| file.len() > 0) {
            return Ok(());
        }
        let volume = self.volume()?;
        let size = volume.kept();
        if volume.free < size {
            return Err(volume.full(size, volume.free).into());
        }
        self.allocate(size).inspect_err(|_| {
            let _is_removed = remove_if_exists(&self.file);
        })
    }

    /// Gives the reserve up if the volume has little space beside it.
    pub fn release(&self) -> io::Result<()> {
        let volume = self.volume()?;
        if volume.free < volume.kept() / 2 {
            remove_if_exists(&self.file)?;
        }
        Ok(())
    }

    fn volume(&self) -> io::Result<Volume> {
        Volume::of(crate::folder::parent(&self.file))
    }

    fn allocate(&self, size: u64) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).mode(PRIVATE);
        let file = options.open(&*self.file)?;
        match fallocate(&file, FallocateFlags::KEEP_SIZE, 0, size) {
            // Its length says that it is whole.
            Ok(()) => file.set_len(size),
            Err(Errno::OPNOTSUPP) => fill(&file, size),
            Err(error) => Err(error.into()),
        }
    }
}

fn fill(mut file: &File, size: u64) -> io::Result<()> {
    use io::Write as _;

    for _ in 0..size.div_ceil(BLOCK.len() as u64) {
        file.write_all(&BLOCK)?;
    }
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn reserve_takes_its_space_on_the_volume_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.reserve");
        let reserve = Reserve::new(path.clone());
        let size = Volume::of(folder.path()).unwrap().kept();
        for _ in 0..2 {
            reserve.require().unwrap();
            let file = path.metadata().unwrap();
            assert_eq!(file.len(), size);
            assert!(file.blocks() * 512 >= size, "{file:?}");
            assert_eq!(file.mode() & 0o777, PRIVATE);
        }
        // The volume of the test is not full.
        reserve.release().unwrap();
        assert!(path.exists());
    }

    #[test]
    fn reserve_that_was_not_finished_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.reserve");
        fs_err::write(&path, "").unwrap();
        Reserve::new(path.clone()).require().unwrap();
        assert!(path.metadata().unwrap().len() > 0);
    }
}
