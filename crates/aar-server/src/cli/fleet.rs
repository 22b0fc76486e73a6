//! `aar fleet`: the sites, and how they stand.

use aar_cli::{Bytes, DocumentFormat, Exit, Failure, Format, Rows};
use aar_types::{Architecture, Fingerprint, Role, Site, SiteName, SiteState};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;

use super::{context::Context, fleet_source::RemoteArguments};

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  aar fleet
  aar fleet show tokyo
  aar fleet --registry https://aar.example.com:3000 --fingerprint 2f6c… \\
    --certificate ci.crt --key ci.key"
)]
pub(super) struct FleetArguments {
    /// The output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    remote: RemoteArguments,
    #[command(subcommand)]
    command: Option<FleetCommand>,
}

#[derive(Debug, Subcommand)]
enum FleetCommand {
    /// Show a site with its last report
    Show(ShowArguments),
}

#[derive(Debug, Args)]
struct ShowArguments {
    /// The name of the site, or the first digits of its fingerprint
    site: SiteName,
    /// The output format
    #[arg(long, value_enum, default_value = "yaml")]
    format: DocumentFormat,
    #[command(flatten)]
    remote: RemoteArguments,
}

/// Scripts rely on these field names.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SiteListing {
    site: String,
    role: Role,
    architecture: Option<Architecture>,
    state: SiteState,
    behind: Option<u64>,
    since: Option<Timestamp>,
    last_seen: Option<Timestamp>,
    failing: usize,
    free_bytes: Option<u64>,
    fingerprint: Fingerprint,
}

impl From<Site> for SiteListing {
    fn from(site: Site) -> Self {
        let report = site.report.as_ref();
        Self {
            architecture: report.map(|report| report.architecture),
            failing: site.failing(),
            free_bytes: report.and_then(|report| report.free_bytes),
            site: site.name,
            role: site.role,
            state: site.state,
            behind: site.behind,
            since: site.since,
            last_seen: site.last_seen,
            fingerprint: site.fingerprint,
        }
    }
}

impl Rows for SiteListing {
    const HEADERS: &'static [&'static str] = &[
        "SITE",
        "ROLE",
        "ARCHITECTURE",
        "STATE",
        "BEHIND",
        "SINCE",
        "LAST SEEN",
        "FAILING",
        "FREE",
    ];

    fn row(&self) -> Vec<String> {
        let is_heard_of = !matches!(self.state, SiteState::Silent | SiteState::Unknown);
        vec![
            self.site.clone(),
            self.role.to_string(),
            or_dash(self.architecture),
            self.state.to_string(),
            or_dash(self.behind),
            or_dash(self.since),
            or_dash(self.last_seen),
            or_dash(is_heard_of.then_some(self.failing)),
            or_dash(self.free_bytes.filter(|_| is_heard_of).map(Bytes)),
        ]
    }
}

fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

pub(super) async fn run(context: &Context<'_>, arguments: FleetArguments) -> anyhow::Result<Exit> {
    match arguments.command {
        None => list(context, arguments.format, &arguments.remote).await,
        Some(FleetCommand::Show(arguments)) => show(context, &arguments).await,
    }
}

async fn list(
    context: &Context<'_>,
    format: Format,
    remote: &RemoteArguments,
) -> anyhow::Result<Exit> {
    let sites = remote.source(context)?.fleet().await?.sites;
    let sites: Vec<_> = sites.into_iter().map(SiteListing::from).collect();
    context.printer.listing(format, &sites)?;
    Ok(Exit::Done)
}

async fn show(context: &Context<'_>, arguments: &ShowArguments) -> anyhow::Result<Exit> {
    let fleet = arguments.remote.source(context)?.fleet().await?;
    let site = fleet.site(&arguments.site);
    let site = site.map_err(|error| {
        Failure::new(error.to_string()).with_hint("list the sites with `aar fleet`")
    })?;
    context.printer.document(arguments.format, &site)?;
    Ok(Exit::Done)
}
