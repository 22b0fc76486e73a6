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
use object_store::path::Path as ObjectPath;

use super::{
    Area, Key, Leftover,
    fs::{FsStorage, sync_folder, there},
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

impl FsStorage {
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
            for area in [Area::Staging, Area::Applications, Area::Trust] {
                collect(&root, &folder(area), &mut found)?;
            }
            Ok(found)
        })
        .await
    }

    pub(super) async fn leftover(&self, path: &str) -> Result<Option<Leftover>, Error> {
        if !is_left(path) {
            return Ok(None);
        }
        let (root, path) = (self.root.clone(), self.root.join(path));
        blocking(move || {
            let meta = there(fs_err::symlink_metadata(&path))?;
            Ok(meta.map(|meta| leftover(&root, &path, &meta)))
        })
        .await
    }

    pub(super) async fn delete_leftover(&self, leftover: &str) -> Result<bool, Error> {
        if !is_left(leftover) {
            return Ok(false);
        }
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

/// Whether a name below the root is one that the registry gives to what may be left. Others may
/// keep files there, too.
fn is_left(name: &str) -> bool {
    keys::upload_of(name).is_some() || is_cut_short(name)
}

/// `object_store` writes `name#1` beside `name` before it renames it; listings do not show these.
fn is_cut_short(name: &str) -> bool {
    let Some((key, suffix)) = name.rsplit_once('#') else {
        return false;
    };
    let counted = suffix.parse::<u32>().is_ok_and(|n| n.to_string() == suffix);
    let key = ObjectPath::parse(key).ok().and_then(|key| Key::of(&key));
    counted && key.is_some_and(|key| !matches!(key, Key::Registry | Key::Blob(_)))
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Leftover>) -> io::Result<()> {
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
            collect(root, &path, found)?;
        } else {
            let left = leftover(root, &path, &meta);
            found.extend(is_left(&left.path).then_some(left));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_the_registry_gives_are_leftovers() {
        let id = "6f2c0c5e-35b3-4b3c-9a47-0e6d3d3f7f10";
        let trust = format!("trust/{}.json", "ab".repeat(32));
        for name in [
            format!("staging/{id}"),
            "applications/app/amd64/1.json#1".to_owned(),
            "applications/app/amd64/application.json#12".to_owned(),
            format!("{trust}#1"),
        ] {
            assert!(is_left(&name), "{name}");
        }
        for name in [
            "staging/report.pdf".to_owned(),
            format!("staging/deep/{id}"),
            format!("staging/../staging/{id}"),
            format!("staging/{id}#1"),
            "applications/app/amd64/1.json".to_owned(),
            "applications/app/amd64/1.json#01".to_owned(),
            "applications/app/amd64/1.json#".to_owned(),
            "applications/../etc/amd64/1.json#1".to_owned(),
            "applications/notes#1".to_owned(),
            format!("../{trust}#1"),
            trust,
            format!("/staging/{id}"),
        ] {
            assert!(!is_left(&name), "{name}");
        }
    }
}
