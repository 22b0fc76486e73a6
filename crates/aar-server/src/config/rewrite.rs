//! Writing the section `storage` of a configuration file anew, and nothing else of it.
//!
//! The file belongs to whoever wrote it: its comments and its order stay. What it will be is read
//! before anything is written; the new file then takes the place of the old one at once, with its
//! mode. The old one is kept beside it: it may hold the only copy of a key.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use aar_daemon::config_file::ConfigError;
use fs_err::os::unix::fs::OpenOptionsExt as _;

use super::{Config, StorageConfig};

const SECTION: &str = "storage:";

/// Why the file cannot be written anew.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// It has no section that could be taken over.
    #[error("{path} has no section storage")]
    NoSection {
        /// The file.
        path: String,
    },
    /// What would be written cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What would be written means something else.
    #[error("the section storage of {path} cannot be replaced: write it by hand")]
    Misread {
        /// The file.
        path: String,
    },
    /// A file cannot be used. The message names it.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The lines of a section, with their ends.
pub(crate) fn section_of(file: &Path) -> Result<String, RewriteError> {
    let text = fs_err::read_to_string(file)?;
    let (_, section, _) = split(&text);
    if section.is_empty() {
        let path = file.display().to_string();
        return Err(RewriteError::NoSection { path });
    }
    Ok(section.to_owned())
}

/// The section for images in a folder.
pub(crate) fn section_for_folder(folder: &Path) -> String {
    let folder = serde_json::Value::String(folder.display().to_string());
    format!("{SECTION}\n  fs:\n    root-directory: {folder}\n")
}

/// Puts a section in the place of the one that the file of a base folder has. Tells where the file
/// is kept as it was, if there was one and it changes.
pub(crate) fn replace(
    base: &Path,
    section: &str,
    expected: &StorageConfig,
) -> Result<Option<PathBuf>, RewriteError> {
    let file = Config::path(base);
    let text = match fs_err::read_to_string(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read?,
    };
    let (before, _, after) = split(&text);
    let mut section = section.to_owned();
    if !section.ends_with('\n') {
        section.push('\n');
    }
    let wanted = format!("{before}{section}{after}");
    if Config::parse(&wanted, &file, base)?.storage != *expected {
        let path = file.display().to_string();
        return Err(RewriteError::Misread { path });
    }
    if wanted == text {
        return Ok(None);
    }
    let folder = file.parent().unwrap_or(base);
    fs_err::create_dir_all(folder)?;
    let kept = keep(&file, &text)?;
    put(&wanted, &folder.join(".main.yaml.new"), &file)?;
    fs_err::File::open(folder)?.sync_all()?;
    Ok(kept)
}

/// Keeps a file as it is, for nobody else to read.
fn keep(file: &Path, text: &str) -> io::Result<Option<PathBuf>> {
    if !file.exists() {
        return Ok(None);
    }
    let kept = file.with_extension("yaml.old");
    match fs_err::remove_file(&kept) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    write(&kept, text)?.sync_all()?;
    Ok(Some(kept))
}

/// Lets a file be this text, with its mode, by way of a new one that does not stay behind.
fn put(text: &str, new: &Path, file: &Path) -> io::Result<()> {
    let written = write_like(new, file, text).and_then(|()| fs_err::rename(new, file));
    written.inspect_err(|_| drop(fs_err::remove_file(new)))
}

/// Writes a file with the mode of another, where there is one.
fn write_like(new: &Path, like: &Path, text: &str) -> io::Result<()> {
    let file = write(new, text)?;
    if let Ok(found) = fs_err::metadata(like) {
        fs_err::set_permissions(new, found.permissions())?;
    }
    file.sync_all()
}

/// Writes a file for nobody else to read: it may hold keys.
fn write(path: &Path, text: &str) -> io::Result<fs_err::File> {
    let mut options = fs_err::OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}

/// What comes before the section, the section, and what comes after it.
fn split(text: &str) -> (&str, &str, &str) {
    let mut offset = 0;
    let (mut start, mut end) = (None, text.len());
    let mut after_content = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end();
        let aside = content.is_empty() || content.starts_with('#');
        let top = !aside && !line.starts_with([' ', '\t']);
        match start {
            None if top && line.starts_with(SECTION) => start = Some(offset),
            Some(_) if top => {
                end = after_content;
                break;
            }
            _ => {}
        }
        offset += line.len();
        if !aside {
            after_content = offset;
        }
    }
    match start {
        None => (text, "", ""),
        Some(start) => (&text[..start], &text[start..end], &text[end..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# mine\nhttp:\n  addr: :3000\nstorage:\n  # here\n  fs:\n    root-directory: a\n\n# how to log\nlogger:\n  level: info\n";

    #[test]
    fn a_section_ends_where_the_next_one_or_its_comment_begins() {
        let (before, section, after) = split(FILE);
        assert_eq!(before, "# mine\nhttp:\n  addr: :3000\n");
        assert_eq!(
            section,
            "storage:\n  # here\n  fs:\n    root-directory: a\n"
        );
        assert_eq!(after, "\n# how to log\nlogger:\n  level: info\n");
        assert_eq!(split("http: {}\n"), ("http: {}\n", "", ""));
        assert_eq!(split("storage: {}"), ("", "storage: {}", ""));
    }

    fn base_with(text: &str) -> tempfile::TempDir {
        let base = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        fs_err::create_dir(base.path().join("conf")).unwrap();
        fs_err::write(Config::path(base.path()), text).unwrap();
        base
    }

    /// The names in the folder of the file.
    fn names(base: &Path) -> Vec<String> {
        let found = fs_err::read_dir(base.join("conf")).unwrap();
        let names = found.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn only_the_section_changes() {
        let base = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let section = section_for_folder(Path::new("/another \"place\""));
        let wanted = StorageConfig::folder("/another \"place\"".into());
        assert_eq!(replace(base.path(), &section, &wanted).unwrap(), None);
        assert_eq!(Config::of_base(base.path()).unwrap().storage, wanted);

        let base = base_with(FILE);
        replace(base.path(), &section, &wanted).unwrap();
        let text = fs_err::read_to_string(Config::path(base.path())).unwrap();
        let old = "storage:\n  # here\n  fs:\n    root-directory: a\n";
        assert_eq!(text, FILE.replace(old, &section));
    }

    #[test]
    fn the_file_is_kept_as_it_was_for_nobody_else_to_read() {
        use std::os::unix::fs::PermissionsExt as _;

        let base = base_with(FILE);
        let section = section_for_folder(Path::new("/b"));
        let wanted = StorageConfig::folder("/b".into());
        let kept = replace(base.path(), &section, &wanted).unwrap().unwrap();
        assert_eq!(fs_err::read_to_string(&kept).unwrap(), FILE);
        let mode = fs_err::metadata(&kept).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // Again: what was kept is not replaced by what it was replaced with.
        assert_eq!(replace(base.path(), &section, &wanted).unwrap(), None);
        assert_eq!(fs_err::read_to_string(&kept).unwrap(), FILE);
        assert_eq!(names(base.path()), ["main.yaml", "main.yaml.old"]);
    }

    #[test]
    fn what_would_not_be_read_as_it_is_meant_is_not_written() {
        let base = base_with(FILE);
        let wanted = StorageConfig::folder("/b".into());
        let other = section_for_folder(Path::new("/c"));
        let refused = replace(base.path(), &other, &wanted).unwrap_err();
        assert!(matches!(refused, RewriteError::Misread { .. }), "{refused}");
        replace(base.path(), "storage: [\n", &wanted).unwrap_err();
        let text = fs_err::read_to_string(Config::path(base.path())).unwrap();
        assert_eq!(text, FILE);
        assert_eq!(names(base.path()), ["main.yaml"]);
    }

    #[test]
    fn secrets_are_compared_by_what_they_are() {
        let section = |secret: &str| {
            format!(
                "storage:\n  s3:\n    region: r\n    bucket: b\n    access-key: k\n    \
                 secret-access-key: {secret}\n"
            )
        };
        let base = base_with(FILE);
        let wanted = Config::parse(&section("one"), Path::new("x"), base.path()).unwrap();
        let refused = replace(base.path(), &section("two"), &wanted.storage).unwrap_err();
        assert!(matches!(refused, RewriteError::Misread { .. }), "{refused}");
        replace(base.path(), &section("one"), &wanted.storage).unwrap();
    }
}
