use std::collections::BTreeSet;

use aar_cli::{Exit, Format, Rows};
use aar_registry::{ListQuery, Operator};
use aar_types::{Application, Architecture};
use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;

const PAGE_SIZE: u64 = 1000;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aar application list
  aar application list --architecture arm64 --format json")]
pub(in crate::cli) struct ListArguments {
    /// List only this architecture
    #[arg(long, value_name = "ARCHITECTURE")]
    architecture: Option<Architecture>,
    /// The output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
#[serde(transparent)]
struct ApplicationListing(Application);

impl Rows for ApplicationListing {
    const HEADERS: &'static [&'static str] =
        &["NAME", "ARCHITECTURES", "TAGS", "VERSIONS", "PUBLISHED"];

    fn row(&self) -> Vec<String> {
        let variants = || self.0.variants.iter();
        let versions = || variants().flat_map(|variant| &variant.versions);
        let architectures = variants().map(|variant| variant.architecture.to_string());
        let tags: BTreeSet<_> = variants()
            .flat_map(|variant| variant.metadata.tags.clone())
            .collect();
        let published = versions().filter(|version| version.published).count();
        vec![
            self.0.name.to_string(),
            architectures.collect::<Vec<_>>().join(", "),
            tags.into_iter().collect::<Vec<_>>().join(", "),
            versions().count().to_string(),
            published.to_string(),
        ]
    }
}

pub(super) async fn run(context: &Context<'_>, arguments: &ListArguments) -> anyhow::Result<Exit> {
    let opened = context.open().await?;
    let entries = catalogue(&opened.operator, arguments.architecture).await?;
    context.printer.listing(arguments.format, &entries)?;
    opened.close().await;
    Ok(Exit::Done)
}

async fn catalogue(
    operator: &Operator,
    architecture: Option<Architecture>,
) -> anyhow::Result<Vec<ApplicationListing>> {
    let mut query = ListQuery {
        architecture,
        limit: PAGE_SIZE,
        ..ListQuery::default()
    };
    let mut entries = Vec::new();
    loop {
        let page = operator.list(&query).await?;
        if page.applications.is_empty() {
            return Ok(entries);
        }
        query.offset += page.applications.len() as u64;
        entries.extend(page.applications.into_iter().map(ApplicationListing));
    }
}
