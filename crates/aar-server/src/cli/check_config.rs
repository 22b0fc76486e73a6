use std::path::{Path, PathBuf};

use aar_cli::{DocumentFormat, Exit};
use clap::Args;

use super::context::Context;
use crate::config::Config;

/// `check-config [PATH]`.
#[derive(Debug, Args)]
pub(super) struct CheckConfigArguments {
    /// The file; the one of the base folder where none is named
    path: Option<PathBuf>,
}

/// Prints the configuration as it takes effect, or says what is wrong with it.
pub(super) fn run(context: &Context<'_>, arguments: &CheckConfigArguments) -> anyhow::Result<Exit> {
    let config = if let Some(path) = &arguments.path {
        named(context, path)?
    } else {
        note_absence(context);
        context.config()?
    };
    context.printer.document(DocumentFormat::Yaml, &config)?;
    Ok(Exit::Done)
}

/// The file of a base folder may be missing; one that somebody names may not.
fn named(context: &Context<'_>, path: &Path) -> anyhow::Result<Config> {
    fs_err::File::open(path)?;
    Ok(Config::load(path, &context.base)?)
}

fn note_absence(context: &Context<'_>) {
    let file = Config::path(&context.base);
    if !file.try_exists().unwrap_or(true) {
        let file = file.display();
        let said = format_args!("there is no {file}: the defaults hold");
        context.printer.note(said);
    }
}
