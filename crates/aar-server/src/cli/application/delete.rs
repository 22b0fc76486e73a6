use aar_cli::{Exit, Failure};
use aar_types::{ApplicationName, Architecture};
use clap::Args;

use crate::cli::context::Context;

/// `application delete NAME [--architecture ARCH] [-y]`.
#[derive(Debug, Args)]
pub(in crate::cli) struct DeleteArguments {
    /// The name of the application
    name: ApplicationName,
    /// Only what there is for this architecture
    #[arg(long, value_name = "ARCHITECTURE")]
    architecture: Option<Architecture>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// Deletes an application, after a question.
pub(super) async fn run(
    context: &Context<'_>,
    arguments: &DeleteArguments,
) -> anyhow::Result<Exit> {
    let what = describe(arguments);
    let warning = format!("Delete {what}? Every subcluster that pulls from here removes it, too.");
    if !context.agreed(&warning, arguments.yes)? {
        return Ok(Exit::Failed);
    }
    let opened = context.open().await?;
    let DeleteArguments {
        name, architecture, ..
    } = arguments;
    let versions = opened
        .operator
        .remove_application(name, *architecture)
        .await?;
    opened.close().await;
    if versions == 0 {
        return Err(Failure::new(format!("there is no {what}")).into());
    }
    context.announce().await;
    context
        .printer
        .note(format_args!("{what} is deleted, with {versions} versions"));
    Ok(Exit::Done)
}

fn describe(arguments: &DeleteArguments) -> String {
    let name = &arguments.name;
    match arguments.architecture {
        Some(architecture) => format!("application {name} for {architecture}"),
        None => format!("application {name}"),
    }
}
