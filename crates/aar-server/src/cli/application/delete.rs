use aar_cli::{Exit, Failure};
use aar_registry::Operator;
use aar_types::{ApplicationName, Architecture, Variant, VersionNumber};
use clap::Args;

use crate::cli::context::{Context, OpenRegistry};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aar application delete candy
  aar application delete candy --architecture arm64 --yes
  aar application delete candy --version 3")]
pub(in crate::cli) struct DeleteArguments {
    /// The name of the application
    name: ApplicationName,
    /// Delete only this version
    #[arg(long, value_name = "NUMBER")]
    version: Option<VersionNumber>,
    /// Delete only this architecture
    #[arg(long, value_name = "ARCHITECTURE")]
    architecture: Option<Architecture>,
    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
}

/// A version to delete.
struct Target {
    architecture: Architecture,
    number: VersionNumber,
    published: bool,
}

pub(super) async fn run(
    context: &Context<'_>,
    arguments: &DeleteArguments,
) -> anyhow::Result<Exit> {
    match arguments.version {
        Some(number) => delete_version(context, arguments, number).await,
        None => delete_application(context, arguments).await,
    }
}

async fn delete_application(
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

/// Deletes one version, on every architecture that has it unless one is named. The application is deleted with
/// its last version.
async fn delete_version(
    context: &Context<'_>,
    arguments: &DeleteArguments,
    number: VersionNumber,
) -> anyhow::Result<Exit> {
    let what = format!("version {number} of {}", describe(arguments));
    let opened = context.open().await?;
    let targets = targets(&opened.operator, arguments, number).await?;
    if targets.is_empty() {
        opened.close().await;
        return Err(Failure::new(format!("{what} does not exist")).into());
    }
    context.require_confirmation(&question(&what, &targets), arguments.yes)?;
    for target in targets {
        opened
            .operator
            .remove_version(&arguments.name, target.architecture, target.number)
            .await?;
    }
    opened.close().await;
    context.notify_service().await;
    context.printer.note(format_args!("{what} deleted"));
    Ok(Exit::Done)
}

async fn targets(
    operator: &Operator,
    arguments: &DeleteArguments,
    number: VersionNumber,
) -> anyhow::Result<Vec<Target>> {
    let application = operator.application(&arguments.name).await?;
    let variants = application.into_iter().flat_map(|found| found.variants);
    let wanted = variants.filter(|variant| {
        let wanted = arguments.architecture;
        wanted.is_none_or(|wanted| wanted == variant.architecture)
    });
    let found = wanted.filter_map(|variant| {
        let mut versions = variant.versions.iter();
        let version = versions.find(|version| version.number == number)?;
        Some(Target {
            architecture: variant.architecture,
            number,
            published: version.published,
        })
    });
    Ok(found.collect())
}

fn question(what: &str, targets: &[Target]) -> String {
    let published = targets.iter().filter(|target| target.published);
    let published: Vec<_> = published
        .map(|target| target.architecture.to_string())
        .collect();
    let state = if published.is_empty() {
        "It is withdrawn and can then not be published again.".to_owned()
    } else {
        format!("It is published for {}.", published.join(", "))
    };
    format!("Delete {what}? {state} All subclusters that pull from this registry remove it, too.")
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
