use std::path::{Path, PathBuf};

use aar_cli::{Bytes, DocumentFormat, Exit, Failure};
use clap::Args;

use crate::{
    cli::context::{Context, Opened},
    config::{Config, StorageConfig, rewrite},
};

/// `storage migrate --to FILE|FOLDER [--format FORMAT]`.
#[derive(Debug, Args)]
pub(in crate::cli) struct MigrateArguments {
    /// A configuration file whose section storage names the new place, or a folder; one that is
    /// not there yet is named from the root, or with a slash at its end
    #[arg(long, value_name = "FILE|FOLDER")]
    to: PathBuf,
    /// The form of the output
    #[arg(long, value_enum, default_value_t)]
    format: DocumentFormat,
}

/// Copies everything, switches over, and lets the configuration name the new place.
pub(super) async fn run(
    context: &Context<'_>,
    arguments: &MigrateArguments,
) -> anyhow::Result<Exit> {
    let target = Target::read(&arguments.to, &context.base)?;
    let opened = match context.open().await {
        Err(error) if has_moved(&error) => open_moved(context, &target, error).await?,
        opened => opened?,
    };
    let printer = context.printer;
    let report = opened.operator.migrate(&target.storage.registry()).await?;
    opened.close().await;
    let kept = rewrite::replace(&context.base, &target.section, &target.storage)?;
    context.announce().await;
    printer.document(arguments.format, &report)?;
    let (images, bytes) = (report.images, Bytes(report.bytes));
    printer.note(format_args!(
        "{images} images were copied, {bytes}; the section storage of {} names the new place",
        Config::path(&context.base).display()
    ));
    if let Some(kept) = kept {
        let kept = kept.display();
        printer.note(format_args!(
            "the configuration is kept as it was in {kept}"
        ));
    }
    if report.uploads_given_up > 0 {
        printer.note("uploads that were open begin anew with the next attempt of their publishers");
    }
    printer.hint(
        "where something else writes the configuration, such as a charm, change it there too",
    );
    Ok(Exit::Done)
}

fn has_moved(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref();
    matches!(error, Some(aar_registry::Error::StorageMoved))
}

/// A run that was cut short after the registry had moved has left the configuration behind. Where
/// it moved to this target, the rest of that run is done.
async fn open_moved(
    context: &Context<'_>,
    target: &Target,
    moved: anyhow::Error,
) -> anyhow::Result<Opened> {
    let opened = context.open_in(target.storage.clone()).await;
    opened.map_err(|error| match error.downcast_ref() {
        // It is not where the registry has moved to.
        Some(
            aar_registry::Error::StorageMoved
            | aar_registry::Error::ForeignStorage { .. }
            | aar_registry::Error::UnmarkedStorage { .. }
            | aar_registry::Error::StorageIncomplete,
        ) => moved,
        _ => error,
    })
}

/// Where to move, and how the configuration says it.
struct Target {
    storage: StorageConfig,
    section: String,
}

impl Target {
    fn read(to: &Path, base: &Path) -> anyhow::Result<Self> {
        if to.is_file() {
            return Ok(Self {
                storage: Config::load(to, base)?.storage,
                section: rewrite::section_of(to)?,
            });
        }
        if !to.is_dir() && !is_meant_as_folder(to) {
            return Err(not_there(to).into());
        }
        let folder = std::path::absolute(to)?;
        Ok(Self {
            section: rewrite::section_for_folder(&folder),
            storage: StorageConfig::folder(folder),
        })
    }
}

/// Whether a path where nothing is can be no slip in the name of a file.
fn is_meant_as_folder(to: &Path) -> bool {
    let yaml = to.extension().is_some_and(|extension| {
        extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml")
    });
    let ends_as_folder = to.as_os_str().as_encoded_bytes().ends_with(b"/");
    ends_as_folder || (to.is_absolute() && !yaml)
}

fn not_there(to: &Path) -> Failure {
    Failure::new(format!("there is no file and no folder {}", to.display())).with_hint(
        "name a configuration file that is there, or a folder; one that is to be made ends with /",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_the_name_of_a_file_is_not_taken_for_a_folder() {
        for (to, folder) in [
            ("/srv/aar/data", true),
            ("/srv/aar/data/", true),
            ("data/", true),
            ("/srv/new.yaml/", true),
            ("data", false),
            ("typo.yaml", false),
            ("/etc/aar/typo.yaml", false),
            ("/etc/aar/TYPO.YML", false),
        ] {
            assert_eq!(is_meant_as_folder(Path::new(to)), folder, "{to}");
        }
    }
}
