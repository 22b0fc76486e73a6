use std::{
    error, fmt, io,
    path::{Path, PathBuf},
};

use rustix::fs::statvfs;

const MIB: u64 = 1 << 20;
/// A volume keeps this share of its size, within the limits below.
const KEPT_SHARE: u64 = 16;
const KEPT_MIN: u64 = MIB;
const KEPT_MAX: u64 = 16 * MIB;

/// The space of the volume that holds a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The folder that was asked for.
    pub folder: PathBuf,
    /// The size of the volume in bytes.
    pub size: u64,
    /// The bytes that the user of this process may still write.
    pub free: u64,
}

impl Volume {
    /// The volume that holds this folder.
    pub fn of(folder: &Path) -> io::Result<Self> {
        let space = statvfs(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            size: space.f_blocks.saturating_mul(space.f_frsize),
            free: space.f_bavail.saturating_mul(space.f_frsize),
        })
    }

    /// The bytes that large files leave free, so that databases and small files can still be written.
    pub fn kept(&self) -> u64 {
        (self.size / KEPT_SHARE).clamp(KEPT_MIN, KEPT_MAX)
    }

    /// The bytes that large files may take.
    pub fn available(&self) -> u64 {
        self.free.saturating_sub(self.kept())
    }

    /// Refuses to write this many bytes of a large file if the volume keeps less than [`kept`](Self::kept).
    pub fn require(&self, bytes: u64) -> Result<(), VolumeFull> {
        if bytes <= self.available() {
            return Ok(());
        }
        Err(self.full(bytes, self.available()))
    }

    /// The error for a write that is not possible.
    pub fn full(&self, needed: u64, available: u64) -> VolumeFull {
        VolumeFull {
            folder: self.folder.clone(),
            needed,
            available,
            kept: self.kept(),
        }
    }
}

/// A volume has no space for a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeFull {
    /// A folder on the volume.
    pub folder: PathBuf,
    /// The bytes that were to be written.
    pub needed: u64,
    /// The bytes that can be written.
    pub available: u64,
    /// The bytes that are kept free beyond these.
    pub kept: u64,
}

impl fmt::Display for VolumeFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            folder,
            needed,
            available,
            kept,
        } = self;
        write!(
            f,
            "the volume of {} is full: {needed} bytes are needed, {available} are available beyond the \
             {kept} that stay free for maintenance; free space on it",
            folder.display()
        )
    }
}

impl error::Error for VolumeFull {}

impl From<VolumeFull> for io::Error {
    fn from(full: VolumeFull) -> Self {
        Self::new(io::ErrorKind::StorageFull, full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(size: u64, free: u64) -> Volume {
        let folder = PathBuf::from("/data");
        Volume { folder, size, free }
    }

    #[test]
    fn kept_space_is_a_share_of_the_volume_within_limits() {
        for (size, kept) in [(MIB, 1), (64 * MIB, 4), (256 * MIB, 16), (1 << 50, 16)] {
            assert_eq!(volume(size, 0).kept(), kept * MIB, "{size}");
        }
    }

    #[test]
    fn write_into_the_kept_space_is_refused_with_volume_and_sizes() {
        let volume = volume(64 * MIB, 5 * MIB);
        volume.require(MIB).unwrap();
        let refused = volume.require(MIB + 1).unwrap_err();
        let text = refused.to_string();
        for part in ["/data", "1048577 bytes", "1048576 are", "4194304 that"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(crate::is_storage_full(&io::Error::from(refused)));
    }

    #[test]
    fn volume_of_a_folder_has_a_size() {
        let folder = tempfile::tempdir().unwrap();
        let volume = Volume::of(folder.path()).unwrap();
        assert!(volume.size > 0 && volume.free <= volume.size);
    }
}
