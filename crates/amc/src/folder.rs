//! Packs a folder into a zip archive, so that it can be uploaded.
//!
//! For an AMS elsewhere the archive is a file without a name: it is gone with the command, however that
//! ends. For an AMS on this machine there is no file at all. Memory does not grow with the package.

use std::{
    ffi::OsStr,
    fs::{File, Metadata},
    io::{self, BufReader, BufWriter, Seek, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use aar_cli::{Failure, Progress};
use anyhow::{Context, anyhow, bail};
use fs_err as fs;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

const MANIFEST: &str = "manifest.yaml";
const BUFFER: usize = 256 * 1024;
/// AMS packs the image anew, so what counts here is the time on the line alone.
const FASTEST: i64 = 1;
/// From this size on, an entry needs the large form of the format.
const LARGE: u64 = u32::MAX as u64;
/// What does not get smaller by being compressed again.
const COMPRESSED: &[&str] = &[
    "7z", "aab", "apk", "apks", "br", "bz2", "gif", "gz", "jar", "jpeg", "jpg", "m4a", "mp3",
    "mp4", "obb", "ogg", "png", "webm", "webp", "xz", "zip", "zst",
];

/// Refuses a folder that cannot be a package, before any of it is packed.
pub(crate) fn check(folder: &Path) -> Result<(), Failure> {
    if folder.join(MANIFEST).is_file() {
        return Ok(());
    }
    let failure = Failure::new(format!("{} holds no {MANIFEST}", folder.display()));
    let wrapped = only_folder(folder).filter(|inner| inner.join(MANIFEST).is_file());
    Err(match wrapped {
        Some(inner) => failure.with_hint(format!("did you mean {}?", inner.display())),
        None => failure.with_hint(format!(
            "a package is a folder with a {MANIFEST} that says at least `name: NAME`"
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
pub(crate) fn size(folder: &Path) -> anyhow::Result<u64> {
    let mut total = 0;
    for path in entries(folder)? {
        name(&path)?;
        let facts = fs::symlink_metadata(&path)?;
        total += match Kind::of(&path, &facts)? {
            Kind::Folder => size(&path)?,
            Kind::File => {
                fs::File::open(&path)?;
                facts.len()
            }
            Kind::Link => {
                target(&path)?;
                0
            }
        };
    }
    Ok(total)
}

/// Packs the folder for a line. The archive lies in `scratch`, which is made where it is missing.
/// Blocks.
pub(crate) fn pack(folder: &Path, scratch: &Path, progress: &Progress) -> anyhow::Result<File> {
    fs::create_dir_all(scratch)?;
    let file = tempfile::tempfile_in(scratch)
        .with_context(|| format!("cannot make a file in {}", scratch.display()))?;
    let archive = ZipWriter::new(BufWriter::with_capacity(BUFFER, file));
    let done = |bytes| progress.advance_by(bytes);
    let writer = Packer::new(archive, true, &done).pack(folder)?;
    Ok(writer
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?)
}

/// Packs the folder into `out`, for an AMS on this machine: there, compressing takes longer than
/// copying. Blocks.
pub(crate) fn stream(folder: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let archive = ZipWriter::new_stream(out);
    Packer::new(archive, false, &|_| ()).pack(folder)?.flush()?;
    Ok(())
}

/// What an entry of a folder is.
enum Kind {
    Folder,
    File,
    Link,
}

impl Kind {
    fn of(path: &Path, facts: &Metadata) -> anyhow::Result<Self> {
        match facts.file_type() {
            kind if kind.is_dir() => Ok(Self::Folder),
            kind if kind.is_file() => Ok(Self::File),
            kind if kind.is_symlink() => Ok(Self::Link),
            _ => bail!("{} is neither a file nor a folder", path.display()),
        }
    }
}

/// What is in a folder, by name.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths = entries.collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> anyhow::Result<&str> {
    let name = path.file_name().and_then(OsStr::to_str);
    name.with_context(|| format!("the name of {} is not UTF-8", path.display()))
}

/// Where a link leads.
fn target(link: &Path) -> anyhow::Result<String> {
    let target = fs::read_link(link)?.into_os_string().into_string();
    let refused = |_| anyhow!("{} leads to a name that is not UTF-8", link.display());
    target.map_err(refused)
}

struct Packer<'a, W: Write + Seek> {
    archive: ZipWriter<W>,
    buffer: Vec<u8>,
    compress: bool,
    /// Hears of the bytes that are packed.
    done: &'a dyn Fn(u64),
}

impl<'a, W: Write + Seek> Packer<'a, W> {
    fn new(archive: ZipWriter<W>, compress: bool, done: &'a dyn Fn(u64)) -> Self {
        Self {
            archive,
            buffer: vec![0; BUFFER],
            compress,
            done,
        }
    }

    fn pack(mut self, folder: &Path) -> anyhow::Result<W> {
        self.add_folder(folder, "")?;
        Ok(self.archive.finish()?)
    }

    fn add_folder(&mut self, folder: &Path, prefix: &str) -> anyhow::Result<()> {
        for path in entries(folder)? {
            let name = format!("{prefix}{}", name(&path)?);
            self.add(&path, &name)?;
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, name: &str) -> anyhow::Result<()> {
        let facts = fs::symlink_metadata(path)?;
        let options = self.options(name, facts.len(), facts.permissions().mode());
        match Kind::of(path, &facts)? {
            Kind::Folder => {
                self.archive.add_directory(format!("{name}/"), options)?;
                self.add_folder(path, &format!("{name}/"))
            }
            Kind::File => {
                self.archive.start_file(name, options)?;
                self.copy(path)
            }
            Kind::Link => {
                let target = target(path)?;
                Ok(self.archive.add_symlink(name, &target, options)?)
            }
        }
    }

    fn options(&self, name: &str, size: u64, mode: u32) -> SimpleFileOptions {
        let options = SimpleFileOptions::default()
            .unix_permissions(mode & 0o777)
            .large_file(size >= LARGE);
        if !self.compress || is_compressed(name) {
            options.compression_method(CompressionMethod::Stored)
        } else {
            options
                .compression_method(CompressionMethod::Deflated)
                .compression_level(Some(FASTEST))
        }
    }

    fn copy(&mut self, path: &Path) -> anyhow::Result<()> {
        let mut file = BufReader::with_capacity(0, fs::File::open(path)?);
        loop {
            let count = io::Read::read(&mut file, &mut self.buffer)?;
            if count == 0 {
                return Ok(());
            }
            self.archive.write_all(&self.buffer[..count])?;
            (self.done)(count as u64);
        }
    }
}

fn is_compressed(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    extension.is_some_and(|extension| COMPRESSED.contains(&extension))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use aar_cli::Printer;
    use zip::ZipArchive;

    use super::*;

    fn progress() -> Progress {
        Printer::captured().0.progress("packing", None)
    }

    fn package() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(MANIFEST), "name: app\n").unwrap();
        fs::write(folder.path().join("app.apk"), [7; 3000]).unwrap();
        fs::create_dir_all(folder.path().join("hooks/empty")).unwrap();
        let hook = folder.path().join("hooks/pre-start");
        fs::write(&hook, "#!/bin/sh\n".repeat(100)).unwrap();
        fs::set_permissions(&hook, PermissionsExt::from_mode(0o755)).unwrap();
        folder
    }

    #[test]
    fn what_is_sent_within_the_machine_holds_the_same_uncompressed() {
        let folder = package();
        let mut bytes = Vec::new();
        stream(folder.path(), &mut bytes).unwrap();
        let mut archive = ZipArchive::new(io::Cursor::new(bytes)).unwrap();
        assert_eq!(archive.len(), 5);
        let mut hook = archive.by_name("hooks/pre-start").unwrap();
        assert_eq!(hook.unix_mode().unwrap() & 0o777, 0o755);
        assert_eq!(hook.compression(), CompressionMethod::Stored);
        let mut text = String::new();
        hook.read_to_string(&mut text).unwrap();
        assert_eq!(text, "#!/bin/sh\n".repeat(100));
        let sizes = 3000 + text.len() + "name: app\n".len();
        assert_eq!(size(folder.path()).unwrap(), sizes as u64);
    }

    #[test]
    fn a_folder_is_packed_with_everything_in_it() {
        let (folder, scratch) = (package(), tempfile::tempdir().unwrap());
        let progress = progress();
        let file = pack(folder.path(), &scratch.path().join("new"), &progress).unwrap();
        let mut archive = ZipArchive::new(file).unwrap();
        let names: Vec<_> = archive
            .file_names()
            .map(|name| name.unwrap().into_owned())
            .collect();
        let expected = [
            "app.apk",
            "hooks/",
            "hooks/empty/",
            "hooks/pre-start",
            MANIFEST,
        ];
        assert_eq!(names, expected);
        let mut hook = archive.by_name("hooks/pre-start").unwrap();
        assert_eq!(hook.unix_mode().unwrap() & 0o777, 0o755);
        assert_eq!(hook.compression(), CompressionMethod::Deflated);
        let mut text = String::new();
        hook.read_to_string(&mut text).unwrap();
        assert_eq!(text, "#!/bin/sh\n".repeat(100));
        drop(hook);
        let apk = archive.by_name("app.apk").unwrap();
        assert_eq!(apk.compression(), CompressionMethod::Stored);
        assert_eq!(progress.position(), 3000 + 1000 + 10);
    }

    #[test]
    fn nothing_is_left_behind() {
        let (folder, scratch) = (package(), tempfile::tempdir().unwrap());
        let file = pack(folder.path(), scratch.path(), &progress()).unwrap();
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
        drop(file);
    }

    #[test]
    fn a_folder_without_manifest_is_refused_with_advice() {
        let folder = tempfile::tempdir().unwrap();
        let failure = check(folder.path()).unwrap_err();
        assert!(failure.message().ends_with("holds no manifest.yaml"));
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join(MANIFEST), "name: app\n").unwrap();
        let failure = check(folder.path()).unwrap_err();
        assert!(failure.hint().unwrap().contains("inner"), "{failure:?}");
        check(&inner).unwrap();
    }
}
