//! Files on their way to become blobs.
//!
//! They lie on the volume of the blobs, so that taking one over is a rename, and are named after
//! their uploads.

use std::{
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use aar_types::Digest;
use bytes::Bytes;
use fs_err::{File, OpenOptions, os::unix::fs::OpenOptionsExt};
use jiff::Timestamp;

use super::{
    Area, Key, Leftover,
    fs::{FsBlobs, sync_folder, there},
    keys,
};
use crate::{Error, UploadId, folder, tasks::blocking};

/// The open file of an upload. Its functions block.
#[derive(Debug, Clone)]
pub(crate) struct Staged {
    file: Arc<File>,
    sync: fn(&File) -> io::Result<()>,
}

impl Staged {
    fn new(file: File) -> Self {
        Self {
            file: Arc::new(file),
            sync: File::sync_data,
        }
    }

    /// One whose disk fails in the way of the given function.
    #[cfg(test)]
    pub(crate) fn on_disk_that_fails(
        path: &Path,
        sync: fn(&File) -> io::Result<()>,
    ) -> io::Result<Self> {
        let file = open_staged(path, true)?;
        Ok(Self {
            sync,
            ..Self::new(file)
        })
    }

    pub(crate) fn write(&self, piece: &Bytes, offset: u64) -> io::Result<()> {
        self.file.file().write_all_at(piece, offset)
    }

    /// Makes what is written last. Once that has failed nothing is to go on from what was written:
    /// the system tells it only once.
    pub(crate) fn sync(&self) -> io::Result<()> {
        (self.sync)(&self.file)
    }
}

impl FsBlobs {
    fn staging_file(&self, id: UploadId) -> PathBuf {
        self.root.join(keys::staged(id))
    }

    /// Opens what is staged of an upload and cuts off what lies beyond the offset. `None` when
    /// less than that is there: it cannot be continued.
    pub(crate) async fn stage(&self, id: UploadId, offset: u64) -> Result<Option<Staged>, Error> {
        let path = self.staging_file(id);
        blocking(move || {
            // Only the beginning of an upload makes the file: one that has gone is not made up for.
            let Some(file) = there(open_staged(&path, offset == 0))? else {
                return Ok(None);
            };
            let size = file.metadata()?.len();
            if size < offset {
                return Ok(None);
            }
            if size > offset {
                file.set_len(offset)?;
            }
            Ok(Some(Staged::new(file)))
        })
        .await
    }

    pub(super) async fn keep_staged(
        &self,
        id: UploadId,
        digest: &Digest,
        size: u64,
    ) -> Result<bool, Error> {
        let staged = self.staging_file(id);
        let blob = self.file_of(&Key::Blob(*digest));
        let store = self.root.clone();
        blocking(move || {
            let Some(file) = there(File::open(&staged))? else {
                return Ok(there(fs_err::metadata(&blob))?.is_some_and(|blob| blob.len() == size));
            };
            if file.metadata()?.len() != size {
                return Ok(false);
            }
            // The system tells only once that the disk has failed: what could not be made to last
            // must not be found by the next attempt.
            file.sync_all()
                .inspect_err(|_| drop(fs_err::remove_file(&staged)))?;
            let shard = blob.parent().unwrap_or(&store);
            if !shard.exists() {
                folder::create_private(shard)?;
                sync_folder(shard.parent().unwrap_or(&store))?;
            }
            fs_err::rename(&staged, &blob)?;
            sync_folder(shard)?;
            Ok(true)
        })
        .await
    }

    pub(super) async fn discard_staged(&self, id: UploadId) -> Result<Option<u64>, Error> {
        let path = self.staging_file(id);
        blocking(move || Ok(remove_sized(&path)?)).await
    }

    pub(super) async fn staged_size(&self, id: UploadId) -> Result<Option<u64>, Error> {
        let path = self.staging_file(id);
        blocking(move || Ok(there(fs_err::metadata(path))?.map(|found| found.len()))).await
    }

    pub(super) async fn leftovers(&self) -> Result<Vec<Leftover>, Error> {
        let root = self.root.clone();
        blocking(move || {
            let mut found = Vec::new();
            let folder = |area: Area| root.join(area.name());
            collect(&root, &folder(Area::Staging), &|_| true, &mut found)?;
            for area in [Area::Applications, Area::Trust] {
                collect(&root, &folder(area), &is_cut_short, &mut found)?;
            }
            Ok(found)
        })
        .await
    }

    pub(super) async fn leftover(&self, path: &str) -> Result<Option<Leftover>, Error> {
        let (root, path) = (self.root.clone(), self.root.join(path));
        blocking(move || {
            let meta = there(fs_err::symlink_metadata(&path))?;
            Ok(meta.map(|meta| leftover(&root, &path, &meta)))
        })
        .await
    }

    pub(super) async fn delete_leftover(&self, leftover: &str) -> Result<bool, Error> {
        let path = self.root.join(leftover);
        blocking(move || Ok(remove_sized(&path)?.is_some())).await
    }
}

fn open_staged(path: &Path, create: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(create).mode(0o600).open(path)
}

fn remove_sized(path: &Path) -> io::Result<Option<u64>> {
    let Some(found) = there(fs_err::symlink_metadata(path))? else {
        return Ok(None);
    };
    Ok(there(fs_err::remove_file(path))?.map(|()| found.len()))
}

/// `object_store` writes `name#1` beside `name` before it renames it; listings do not show these.
fn is_cut_short(name: &str) -> bool {
    let suffix = name.rsplit_once('#').map(|(_, suffix)| suffix);
    suffix.is_some_and(|suffix| suffix.parse::<u32>().is_ok())
}

fn collect(
    root: &Path,
    folder: &Path,
    wanted: &dyn Fn(&str) -> bool,
    found: &mut Vec<Leftover>,
) -> io::Result<()> {
    let Some(entries) = there(fs_err::read_dir(folder))? else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        // What has gone since the folder was read is no leftover.
        let Some(meta) = there(fs_err::symlink_metadata(&path))? else {
            continue;
        };
        if meta.is_dir() {
            collect(root, &path, wanted, found)?;
        } else if wanted(&entry.file_name().to_string_lossy()) {
            found.push(leftover(root, &path, &meta));
        }
    }
    Ok(())
}

fn leftover(root: &Path, path: &Path, meta: &std::fs::Metadata) -> Leftover {
    let below = path.strip_prefix(root).unwrap_or(path);
    let below = below.to_string_lossy().into_owned();
    let modified = meta.modified().ok();
    Leftover {
        upload: keys::upload_of(&below),
        multipart: None,
        path: below,
        size: meta.len(),
        modified: modified
            .and_then(|time| Timestamp::try_from(time).ok())
            .unwrap_or(Timestamp::UNIX_EPOCH),
    }
}
