use aar_cli::{Bytes, DocumentFormat, Exit, Failure, Format, Rows};
use aar_types::{Application, ApplicationName, Architecture, Version};
use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aar application show candy
  aar application show candy --format table")]
pub(in crate::cli) struct ShowArguments {
    /// The name of the application
    name: ApplicationName,
    /// The output format
    #[arg(long, value_enum, default_value = "yaml")]
    format: Format,
}

#[derive(Serialize)]
struct VersionListing<'a> {
    architecture: Architecture,
    version: &'a Version,
}

impl Rows for VersionListing<'_> {
    const HEADERS: &'static [&'static str] = &[
        "VERSION",
        "ARCHITECTURE",
        "PUBLISHED",
        "CREATED",
        "SIZE",
        "FINGERPRINT",
    ];

    fn row(&self) -> Vec<String> {
        let version = self.version;
        vec![
            version.number.to_string(),
            self.architecture.to_string(),
            version.published.to_string(),
            version.created_at.to_string(),
            Bytes(version.image.size).to_string(),
            version.image.fingerprint.to_string(),
        ]
    }
}

/// Prints an application as a document, or its versions as a table.
pub(super) async fn run(context: &Context<'_>, arguments: &ShowArguments) -> anyhow::Result<Exit> {
    let opened = context.open().await?;
    let found = opened.operator.application(&arguments.name).await?;
    opened.close().await;
    let not_found = || Failure::new(format!("application {} does not exist", arguments.name));
    let application = found.ok_or_else(not_found)?;
    match arguments.format {
        Format::Json => context
            .printer
            .document(DocumentFormat::Json, &application)?,
        Format::Yaml => context
            .printer
            .document(DocumentFormat::Yaml, &application)?,
        format => context.printer.listing(format, &versions(&application))?,
    }
    Ok(Exit::Done)
}

fn versions(application: &Application) -> Vec<VersionListing<'_>> {
    let variants = application.variants.iter();
    let entries = variants.flat_map(|variant| {
        let architecture = variant.architecture;
        variant.versions.iter().map(move |version| VersionListing {
            architecture,
            version,
        })
    });
    entries.collect()
}
