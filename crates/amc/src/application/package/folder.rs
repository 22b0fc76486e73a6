//! The source folder of a package.

use std::{
    ffi::OsStr,
    fs::Metadata,
    io,
    path::{Path, PathBuf},
};

use aar_cli::Failure;
use anyhow::{Context, anyhow, bail};
use fs_err as fs;

const MANIFEST: &str = "manifest.yaml";

/// Refuses a folder without manifest before any of it is packed.
pub(super) fn check(folder: &Path) -> Result<(), Failure> {
    if folder.join(MANIFEST).is_file() {
        return Ok(());
    }
    let failure = Failure::new(format!("there is no {MANIFEST} in {}", folder.display()));
    let wrapped = only_folder(folder).filter(|inner| inner.join(MANIFEST).is_file());
    Err(match wrapped {
        Some(inner) => failure.with_hint(format!("did you mean {}?", inner.display())),
        None => failure.with_hint(format!(
            "a package is a folder with a {MANIFEST} that contains at least `name: NAME`"
        )),
    })
}

fn only_folder(folder: &Path) -> Option<PathBuf> {
    let mut entries = fs::read_dir(folder).ok()?.flatten();
    match (entries.next(), entries.next()) {
        (Some(only), None) => Some(only.path()).filter(|path| path.is_dir()),
        _ => None,
    }
}

/// The bytes of all files in a folder. Refuses what cannot be packed.
pub(super) fn size(folder: &Path) -> anyhow::Result<u64> {
    let mut total = 0;
    for path in entries(folder)? {
        name(&path)?;
        let metadata = fs::symlink_metadata(&path)?;
        total += match FileKind::of(&path, &metadata)? {
            FileKind::Folder => size(&path)?,
            FileKind::File => {
                fs::File::open(&path)?;
                metadata.len()
            }
            FileKind::Symlink => {
                target(&path)?;
                0
            }
        };
    }
    Ok(total)
}

/// The kinds of files that a package may contain.
pub(super) enum FileKind {
    Folder,
    File,
    Symlink,
}

impl FileKind {
    pub(super) fn of(path: &Path, metadata: &Metadata) -> anyhow::Result<Self> {
        match metadata.file_type() {
            kind if kind.is_dir() => Ok(Self::Folder),
            kind if kind.is_file() => Ok(Self::File),
            kind if kind.is_symlink() => Ok(Self::Symlink),
            _ => bail!(
                "cannot pack {}: it is not a file, folder or symbolic link",
                path.display()
            ),
        }
    }
}

/// The paths in a folder, sorted by name.
pub(super) fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths = entries.collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

pub(super) fn name(path: &Path) -> anyhow::Result<&str> {
    let name = path.file_name().and_then(OsStr::to_str);
    name.with_context(|| format!("cannot pack {}: its name is not UTF-8", path.display()))
}

/// The target of a symbolic link.
pub(super) fn target(link: &Path) -> anyhow::Result<String> {
    let target = fs::read_link(link)?.into_os_string().into_string();
    let not_utf8 = |_| {
        anyhow!(
            "cannot pack the link {}: its target is not UTF-8",
            link.display()
        )
    };
    target.map_err(not_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_without_manifest_is_refused_with_a_hint() {
        let folder = tempfile::tempdir().unwrap();
        let failure = check(folder.path()).unwrap_err();
        assert!(
            failure
                .message()
                .starts_with("there is no manifest.yaml in ")
        );
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join(MANIFEST), "name: app\n").unwrap();
        let failure = check(folder.path()).unwrap_err();
        assert!(failure.hint().unwrap().contains("inner"), "{failure:?}");
        check(&inner).unwrap();
    }
}
