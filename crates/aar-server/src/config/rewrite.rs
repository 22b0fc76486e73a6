//! Replaces the section `storage` of a configuration file.
//!
//! The rest of the file, with its comments, stays. The new text is parsed before anything is written, and
//! the file is replaced atomically. A copy of the old file is kept beside it, because it may hold the only
//! copy of a key.

use std::{
    io,
    path::{Path, PathBuf},
};

use aar_daemon::config_file::ConfigError;

use super::{Config, StorageConfig};

const SECTION: &str = "storage:";

/// The reason why the section cannot be replaced.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// The source file has no section `storage`.
    #[error("{path} has no section storage")]
    NoSection {
        /// The file.
        path: String,
    },
    /// The new text is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The new text would select another storage.
    #[error("the section storage of {path} cannot be replaced automatically: edit the file")]
    WrongStorage {
        /// The file.
        path: String,
    },
    /// A file cannot be used. The message names it.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The text of the section in a file.
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

/// Replaces the section in the configuration file of a base folder. Returns the path of the copy of the
/// old file, if there was one and it has changed.
pub(crate) fn replace(
    base: &Path,
    section: &str,
    expected: &StorageConfig,
) -> Result<Option<PathBuf>, RewriteError> {
    let file = Config::path(base);
    let old = aar_fs::if_exists(fs_err::read_to_string(&file))?;
    let text = old.as_deref().unwrap_or_default();
    let (before, _, after) = split(text);
    let mut section = section.to_owned();
    if !section.ends_with('\n') {
        section.push('\n');
    }
    let new = format!("{before}{section}{after}");
    if Config::parse(&new, &file, base)?.storage != *expected {
        let path = file.display().to_string();
        return Err(RewriteError::WrongStorage { path });
    }
    if new == text {
        return Ok(None);
    }
    let folder = file.parent().unwrap_or(base);
    fs_err::create_dir_all(folder)?;
    let copy = old.is_some().then(|| file.with_extension("yaml.old"));
    if let Some(copy) = &copy {
        // Removed first, so that the copy is private even if an older one is not.
        aar_fs::remove_if_exists(copy)?;
        aar_fs::replace_with(copy, text.as_bytes())?;
    }
    aar_fs::replace_with(&file, new.as_bytes())?;
    Ok(copy)
}

/// Splits a file into the text before the section, the section, and the text after it.
fn split(text: &str) -> (&str, &str, &str) {
    let mut offset = 0;
    let (mut start, mut end) = (None, text.len());
    let mut after_content = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end();
        let is_comment = content.is_empty() || content.starts_with('#');
        let is_top_level = !is_comment && !line.starts_with([' ', '\t']);
        match start {
            None if is_top_level && line.starts_with(SECTION) => start = Some(offset),
            Some(_) if is_top_level => {
                end = after_content;
                break;
            }
            _ => {}
        }
        offset += line.len();
        if !is_comment {
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
    fn section_ends_before_the_next_one_and_its_comment() {
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

    /// The files in the folder of the configuration.
    fn names(base: &Path) -> Vec<String> {
        let found = fs_err::read_dir(base.join("conf")).unwrap();
        let names = found.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn replacement_changes_only_the_section() {
        let base = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let section = section_for_folder(Path::new("/another \"place\""));
        let new = StorageConfig::folder("/another \"place\"".into());
        assert_eq!(replace(base.path(), &section, &new).unwrap(), None);
        assert_eq!(Config::of_base(base.path()).unwrap().storage, new);

        let base = base_with(FILE);
        replace(base.path(), &section, &new).unwrap();
        let text = fs_err::read_to_string(Config::path(base.path())).unwrap();
        let old = "storage:\n  # here\n  fs:\n    root-directory: a\n";
        assert_eq!(text, FILE.replace(old, &section));
    }

    #[test]
    fn private_copy_of_the_old_file_is_kept() {
        use std::os::unix::fs::PermissionsExt as _;

        let base = base_with(FILE);
        let section = section_for_folder(Path::new("/b"));
        let new = StorageConfig::folder("/b".into());
        let copy = replace(base.path(), &section, &new).unwrap().unwrap();
        assert_eq!(fs_err::read_to_string(&copy).unwrap(), FILE);
        let mode = fs_err::metadata(&copy).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // Without a change, the copy is not overwritten.
        assert_eq!(replace(base.path(), &section, &new).unwrap(), None);
        assert_eq!(fs_err::read_to_string(&copy).unwrap(), FILE);
        assert_eq!(names(base.path()), ["main.yaml", "main.yaml.old"]);
    }

    #[test]
    fn text_that_selects_another_storage_is_not_written() {
        let base = base_with(FILE);
        let new = StorageConfig::folder("/b".into());
        let other = section_for_folder(Path::new("/c"));
        let refused = replace(base.path(), &other, &new).unwrap_err();
        assert!(
            matches!(refused, RewriteError::WrongStorage { .. }),
            "{refused}"
        );
        replace(base.path(), "storage: [\n", &new).unwrap_err();
        let text = fs_err::read_to_string(Config::path(base.path())).unwrap();
        assert_eq!(text, FILE);
        assert_eq!(names(base.path()), ["main.yaml"]);
    }

    #[test]
    fn secrets_are_compared_by_value() {
        let section = |secret: &str| {
            format!(
                "storage:\n  s3:\n    region: r\n    bucket: b\n    access-key: k\n    \
                 secret-access-key: {secret}\n"
            )
        };
        let base = base_with(FILE);
        let new = Config::parse(&section("one"), Path::new("x"), base.path()).unwrap();
        let refused = replace(base.path(), &section("two"), &new.storage).unwrap_err();
        assert!(
            matches!(refused, RewriteError::WrongStorage { .. }),
            "{refused}"
        );
        replace(base.path(), &section("one"), &new.storage).unwrap();
    }
}
