use aar_cli::{Exit, Failure};
use aar_types::{ApplicationName, Architecture, Variant};
use clap::Args;

use crate::cli::context::{Context, OpenRegistry};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aar application delete candy
  aar application delete candy --architecture arm64 --yes")]
pub(in crate::cli) struct DeleteArguments {
    /// The name of the application
    name: ApplicationName,
    /// Delete only this architecture
    #[arg(long, value_name = "ARCHITECTURE")]
    architecture: Option<Architecture>,
    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(
    context: &Context<'_>,
    arguments: &DeleteArguments,
) -> anyhow::Result<Exit> {
    let what = describe(arguments);
    let opened = context.open().await?;
    if !exists(&opened, arguments).await? {
        return Err(Failure::new(format!("{what} does not exist")).into());
    }
    let question =
        format!("Delete {what}? All subclusters that pull from this registry remove it, too.");
    context.require_confirmation(&question, arguments.yes)?;
    let DeleteArguments {
        name, architecture, ..
    } = arguments;
    let versions = opened
        .operator
        .remove_application(name, *architecture)
        .await?;
    opened.close().await;
    if versions == 0 {
        return Err(Failure::new(format!("{what} does not exist")).into());
    }
    context.notify_service().await;
    context
        .printer
        .note(format_args!("{what} deleted, with {versions} versions"));
    Ok(Exit::Done)
}

async fn exists(opened: &OpenRegistry, arguments: &DeleteArguments) -> anyhow::Result<bool> {
    let found = opened.operator.application(&arguments.name).await?;
    let variants = found
        .map(|application| application.variants)
        .unwrap_or_default();
    let selected = |variant: &Variant| {
        arguments
            .architecture
            .is_none_or(|only| variant.architecture == only)
    };
    Ok(variants.iter().any(selected))
}

fn describe(arguments: &DeleteArguments) -> String {
    let name = &arguments.name;
    match arguments.architecture {
        Some(architecture) => format!("application {name} for {architecture}"),
        None => format!("application {name}"),
    }
}
