//! Replaces the section `storage` of a configuration file.
//!
//! The rest of the file, with its comments, stays. The new text is parsed before anything is written, and
//! the file is replaced atomically, with its owner and mode; a file that receives a secret becomes unreadable
//! for others. A copy of the old file is kept beside it, because it may hold the only
//! copy of a key.

use std::{
    io,
    path::{Path, PathBuf},
};

use aar_daemon::config_file::ConfigError;

use super::{Config, StorageConfig};

const SECTION: &str = "storage:";
/// The permissions of owner and group.
const NOT_OTHERS: u32 = 0o770;

/// The reason why the section cannot be replaced.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// The source file has no section `storage`.
    #[error("{path} has no section storage")]
    NoSection { path: String },
    /// The new text is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The new text would select another storage.
    #[error("the section storage of {path} cannot be replaced automatically: edit the file")]
    WrongStorage { path: String },
    /// The file cannot be replaced, so nothing was changed.
    #[error("cannot write {path}, which has to select the new storage: nothing was changed")]
    NotWritable {
        path: String,
        /// The error of the system.
        source: io::Error,
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

/// A configuration file with its new text.
pub(crate) struct Rewrite {
    file: PathBuf,
    old: Option<String>,
    new: String,
    has_secret: bool,
}

impl Rewrite {
    /// Replaces the section in the configuration file of a base folder, or in the file that it links to.
    pub(crate) fn of_base(
        base: &Path,
        section: &str,
        expected: &StorageConfig,
    ) -> Result<Self, RewriteError> {
        let file = Config::path(base);
        let file = aar_fs::if_exists(fs_err::canonicalize(&file))?.unwrap_or(file);
        let old = aar_fs::if_exists(fs_err::read_to_string(&file))?;
        let (before, _, after) = split(old.as_deref().unwrap_or_default());
        let end = if section.ends_with('\n') { "" } else { "\n" };
        let new = format!("{before}{section}{end}{after}");
        if Config::parse(&new, &file, base)?.storage != *expected {
            let path = file.display().to_string();
            return Err(RewriteError::WrongStorage { path });
        }
        let has_secret = expected.has_secret();
        Ok(Self {
            file,
            old,
            new,
            has_secret,
        })
    }

    /// Fails if the file cannot be written. Its text stays.
    pub(crate) fn check_writable(&self) -> Result<(), RewriteError> {
        if self.changes_nothing() {
            return Ok(());
        }
        let checked = self
            .create_folder()
            .and_then(|()| aar_fs::check_replaceable(&self.file));
        checked.map_err(|source| RewriteError::NotWritable {
            path: self.file.display().to_string(),
            source,
        })
    }

    /// Writes the new text. Returns the path of the copy of the old file, if there was one and it has changed.
    pub(crate) fn write(&self) -> Result<Option<PathBuf>, RewriteError> {
        if self.changes_nothing() {
            return Ok(None);
        }
        self.create_folder()?;
        let copy = self.file.with_extension("yaml.old");
        if let Some(old) = &self.old {
            // Removed first, so that the copy is private even if an older one is not.
            aar_fs::remove_if_exists(&copy)?;
            aar_fs::replace_with(&copy, old.as_bytes())?;
        }
        let allowed = if self.has_secret {
            NOT_OTHERS
        } else {
            u32::MAX
        };
        aar_fs::replace_within(&self.file, self.new.as_bytes(), allowed)?;
        Ok(self.old.as_ref().map(|_| copy))
    }

    fn changes_nothing(&self) -> bool {
        self.old.as_ref() == Some(&self.new)
    }

    fn create_folder(&self) -> io::Result<()> {
        self.file.parent().map_or(Ok(()), fs_err::create_dir_all)
    }
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
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn replace(
        base: &Path,
        section: &str,
        expected: &StorageConfig,
    ) -> Result<Option<PathBuf>, RewriteError> {
        let rewrite = Rewrite::of_base(base, section, expected)?;
        rewrite.check_writable()?;
        rewrite.write()
    }

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
        let mode = fs_err::metadata(Config::path(base.path()))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o007, 0, "others can read the secret");
    }
}
