use aar_cli::{Bytes, DocumentFormat, Exit, Failure, Format, Rows};
use aar_types::{
    Application, ApplicationName, Architecture, Fingerprint, Version, VersionNumber, VersionState,
};
use clap::Args;
use serde::Serialize;

use crate::cli::{context::Context, fleet_source::RemoteArguments};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aar application show candy
  aar application show candy --format table
  aar application show candy --fleet")]
pub(in crate::cli) struct ShowArguments {
    /// The name of the application
    name: ApplicationName,
    /// The output format
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Show the published versions at all sites
    #[arg(long)]
    fleet: bool,
    #[command(flatten)]
    remote: RemoteArguments,
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

/// A version at a site. Scripts rely on these field names.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SiteListing {
    version: VersionNumber,
    architecture: Architecture,
    site: String,
    state: VersionState,
    bytes: Option<u64>,
    total: Option<u64>,
    reason: String,
    fingerprint: Fingerprint,
}

impl Rows for SiteListing {
    const HEADERS: &'static [&'static str] =
        &["VERSION", "ARCHITECTURE", "SITE", "STATE", "DETAIL"];

    fn row(&self) -> Vec<String> {
        let progress = self.bytes.zip(self.total);
        let detail = match progress {
            Some((bytes, total)) => format!("{} of {}", Bytes(bytes), Bytes(total)),
            None => self.reason.clone(),
        };
        vec![
            self.version.to_string(),
            self.architecture.to_string(),
            self.site.clone(),
            self.state.to_string(),
            detail,
        ]
    }
}

pub(super) async fn run(context: &Context<'_>, arguments: &ShowArguments) -> anyhow::Result<Exit> {
    if arguments.fleet {
        return show_in_fleet(context, arguments).await;
    }
    if arguments.remote.is_given() {
        let alone = "--registry shows an application at the sites: add --fleet";
        return Err(Failure::new(alone).into());
    }
    show(context, arguments).await
}

/// Prints the published versions, each at every site.
async fn show_in_fleet(context: &Context<'_>, arguments: &ShowArguments) -> anyhow::Result<Exit> {
    let source = arguments.remote.source(context)?;
    let found = source.application(&arguments.name).await?;
    let found = found.ok_or_else(|| not_found(&arguments.name))?;
    let rows = found.versions.into_iter().flat_map(|it| {
        let (version, architecture) = (it.number, it.architecture);
        it.sites.into_iter().map(move |site| SiteListing {
            version,
            architecture,
            site: site.site,
            state: site.state,
            bytes: site.bytes,
            total: site.total,
            reason: site.reason,
            fingerprint: site.fingerprint,
        })
    });
    let rows: Vec<_> = rows
        .filter(|row| row.state != VersionState::OtherArchitecture)
        .collect();
    let format = arguments.format.unwrap_or_default();
    context.printer.listing(format, &rows)?;
    Ok(Exit::Done)
}

fn not_found(name: &ApplicationName) -> Failure {
    Failure::new(format!("application {name} does not exist"))
}

/// Prints an application as a document, or its versions as a table.
async fn show(context: &Context<'_>, arguments: &ShowArguments) -> anyhow::Result<Exit> {
    let opened = context.open().await?;
    let found = opened.operator.application(&arguments.name).await?;
    opened.close().await;
    let application = found.ok_or_else(|| not_found(&arguments.name))?;
    match arguments.format.unwrap_or(Format::Yaml) {
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
