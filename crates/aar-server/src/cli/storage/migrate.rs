use std::path::{Path, PathBuf};

use aar_cli::{Bytes, DocumentFormat, Exit, Failure};
use clap::Args;

use crate::{
    cli::context::{Context, OpenRegistry},
    config::{
        Config, StorageConfig,
        rewrite::{self, Rewrite, RewriteError},
    },
};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aar storage migrate --to bucket.yaml
  aar storage migrate --to /srv/aar/data/")]
pub(in crate::cli) struct MigrateArguments {
    /// The target: a configuration file with a section storage, or a folder; write a new folder as an
    /// absolute path or with a slash at its end
    #[arg(long, value_name = "FILE|FOLDER")]
    to: PathBuf,
    /// The output format
    #[arg(long, value_enum, default_value_t)]
    format: DocumentFormat,
}

/// Copies everything, switches to the target, and updates the configuration.
pub(super) async fn run(
    context: &Context<'_>,
    arguments: &MigrateArguments,
) -> anyhow::Result<Exit> {
    let target = MigrationTarget::read(&arguments.to, &context.base)?;
    let opened = match context.open().await {
        Err(error) if has_moved(&error) => open_moved(context, &target, error).await?,
        opened => opened?,
    };
    let check = target.rewrite(context)?.check_writable();
    check.map_err(|error| explain_not_writable(&error))?;
    let printer = context.printer;
    let report = opened.operator.migrate(&target.storage.registry()).await?;
    opened.close().await;
    let copy = target.rewrite(context)?.write()?;
    context.notify_service().await;
    printer.document(arguments.format, &report)?;
    let (images, bytes) = (report.images, Bytes(report.bytes));
    printer.note(format_args!(
        "{images} images copied ({bytes}); the section storage of {} now selects the target",
        Config::path(&context.base).display()
    ));
    if let Some(copy) = copy {
        let copy = copy.display();
        printer.note(format_args!("{copy} has a copy of the old configuration"));
    }
    if report.uploads_given_up > 0 {
        printer.note("open uploads were dropped: publishers start them again");
    }
    printer
        .hint("if something else writes the configuration, such as a charm, change it there, too");
    Ok(Exit::Done)
}

fn explain_not_writable(error: &RewriteError) -> Failure {
    Failure::from_error(error).with_hint(
        "the command replaces the file: its folder must be writable, and a container must mount the folder, \
         not the file alone",
    )
}

fn has_moved(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref();
    matches!(error, Some(aar_registry::Error::StorageMoved))
}

/// An interrupted run may have moved the registry without updating the configuration. If it moved to the
/// same target, this run completes it.
async fn open_moved(
    context: &Context<'_>,
    target: &MigrationTarget,
    moved: anyhow::Error,
) -> anyhow::Result<OpenRegistry> {
    let opened = context.open_in(target.storage.clone()).await;
    opened.map_err(|error| match error.downcast_ref() {
        // The registry has moved to another storage than the target.
        Some(
            aar_registry::Error::StorageMoved
            | aar_registry::Error::ForeignStorage { .. }
            | aar_registry::Error::UnmarkedStorage { .. }
            | aar_registry::Error::StorageIncomplete,
        ) => moved,
        _ => error,
    })
}

/// The new storage, and its section for the configuration file.
struct MigrationTarget {
    storage: StorageConfig,
    section: String,
}

impl MigrationTarget {
    fn rewrite(&self, context: &Context<'_>) -> Result<Rewrite, RewriteError> {
        Rewrite::of_base(&context.base, &self.section, &self.storage)
    }

    fn read(to: &Path, base: &Path) -> anyhow::Result<Self> {
        if to.is_file() {
            return Ok(Self {
                storage: Config::load(to, base)?.storage,
                section: rewrite::section_of(to)?,
            });
        }
        if !to.is_dir() && !is_new_folder(to) {
            return Err(not_found(to).into());
        }
        let folder = std::path::absolute(to)?;
        Ok(Self {
            section: rewrite::section_for_folder(&folder),
            storage: StorageConfig::folder(folder),
        })
    }
}

/// Whether a path that does not exist is a new folder, not a misspelt file.
fn is_new_folder(to: &Path) -> bool {
    let yaml = to.extension().is_some_and(|extension| {
        extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml")
    });
    let ends_with_slash = to.as_os_str().as_encoded_bytes().ends_with(b"/");
    ends_with_slash || (to.is_absolute() && !yaml)
}

fn not_found(to: &Path) -> Failure {
    Failure::new(format!("{} does not exist", to.display())).with_hint(
        "name an existing configuration file or folder; to create a folder, add / to its name",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_file_is_not_taken_for_a_new_folder() {
        for (to, expected) in [
            ("/srv/aar/data", true),
            ("/srv/aar/data/", true),
            ("data/", true),
            ("/srv/new.yaml/", true),
            ("data", false),
            ("typo.yaml", false),
            ("/etc/aar/typo.yaml", false),
            ("/etc/aar/TYPO.YML", false),
        ] {
            assert_eq!(is_new_folder(Path::new(to)), expected, "{to}");
        }
    }
}
