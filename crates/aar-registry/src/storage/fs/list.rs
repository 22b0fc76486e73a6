//! Lists a folder like a bucket.

use std::{
    fs::Metadata,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use futures_util::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use jiff::Timestamp;
use walkdir::WalkDir;

use super::temporary::is_temporary;
use crate::{
    Error,
    storage::{Area, Object},
    tasks::blocking,
};

/// The number of files in one step.
const PAGE: usize = 1000;

/// Every file of an area, except temporary ones.
pub(super) fn objects(root: PathBuf, area: Area) -> BoxStream<'static, Result<Object, Error>> {
    let files = files(root, area, true);
    let pages = stream::try_unfold(files, |mut files| {
        blocking(move || {
            let page: Vec<_> = files.by_ref().take(PAGE).collect::<Result<_, _>>()?;
            Ok((!page.is_empty()).then_some((page, files)))
        })
    });
    pages
        .map_ok(|page| stream::iter(page).map(Ok))
        .try_flatten()
        .try_filter_map(async |(path, metadata)| {
            Ok((!is_temporary(&path)).then(|| object(path, &metadata)))
        })
        .boxed()
}

/// Every file of an area with its path below the root. Files that are deleted meanwhile are omitted.
pub(super) fn files(
    root: PathBuf,
    area: Area,
    follow_links: bool,
) -> impl Iterator<Item = io::Result<(String, Metadata)>> + Send + 'static {
    let entries = WalkDir::new(root.join(area.name()))
        .min_depth(1)
        .follow_links(follow_links);
    entries.into_iter().filter_map(move |entry| {
        let file = entry.and_then(|entry| {
            let metadata = entry.metadata()?;
            Ok((below(&root, entry.path()), metadata))
        });
        match file {
            Ok((_, metadata)) if metadata.is_dir() => None,
            Ok(file) => Some(Ok(file)),
            Err(error) => {
                let error = io::Error::from(error);
                (error.kind() != io::ErrorKind::NotFound).then_some(Err(error))
            }
        }
    })
}

fn below(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    path.to_string_lossy().into_owned()
}

pub(super) fn object(path: String, metadata: &Metadata) -> Object {
    let (inode, size, modified) = (metadata.ino(), metadata.len(), modified(metadata));
    Object {
        path,
        size,
        modified,
        tag: Some(format!("{inode:x}-{:x}-{size:x}", modified.as_nanosecond())),
    }
}

pub(super) fn modified(metadata: &Metadata) -> Timestamp {
    let modified = metadata.modified().ok();
    modified
        .and_then(|time| Timestamp::try_from(time).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH)
}
