use std::path::{Path, PathBuf};

use aar_cli::{DocumentFormat, Exit};
use clap::Args;

use super::context::Context;
use crate::config::Config;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aar check-config
  aar check-config ./main.yaml")]
pub(super) struct CheckConfigArguments {
    /// The file; default: conf/main.yaml in the base folder
    path: Option<PathBuf>,
}

/// Prints the effective configuration, or the problem with the file.
pub(super) fn run(context: &Context<'_>, arguments: &CheckConfigArguments) -> anyhow::Result<Exit> {
    let config = if let Some(path) = &arguments.path {
        load(context, path)?
    } else {
        note_if_missing(context);
        context.config()?
    };
    context.printer.document(DocumentFormat::Yaml, &config)?;
    Ok(Exit::Done)
}

/// The file of a base folder may be missing, a file on the command line must exist.
fn load(context: &Context<'_>, path: &Path) -> anyhow::Result<Config> {
    fs_err::File::open(path)?;
    Ok(Config::load(path, &context.base)?)
}

fn note_if_missing(context: &Context<'_>) {
    let file = Config::path(&context.base);
    if !file.try_exists().unwrap_or(true) {
        let file = file.display();
        context
            .printer
            .note(format_args!("{file} does not exist: the defaults apply"));
    }
}
