use aar_cli::{Bytes, Exit, Format, Rows};
use aar_registry::{GcItem, GcReport};
use clap::Args;
use serde::Serialize;

use super::context::Context;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aar gc --dry-run
  aar gc")]
pub(super) struct GcArguments {
    /// Show what would be deleted, but delete nothing
    #[arg(long)]
    dry_run: bool,
    /// The output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
#[serde(transparent)]
struct GcListing(GcItem);

impl Rows for GcListing {
    const HEADERS: &'static [&'static str] = &["KIND", "WHAT", "SIZE"];

    fn row(&self) -> Vec<String> {
        let (kind, what) = match &self.0 {
            GcItem::UnreferencedBlob { digest, .. } => {
                ("image without version", digest.to_string())
            }
            GcItem::OrphanedBlob { digest, .. } => ("unknown image", digest.to_string()),
            GcItem::StaleUpload { id, .. } => ("abandoned upload", id.to_string()),
            GcItem::OrphanedFile { path, .. } => ("leftover file", path.clone()),
        };
        vec![kind.to_owned(), what, Bytes(self.0.bytes()).to_string()]
    }
}

pub(super) async fn run(context: &Context<'_>, arguments: &GcArguments) -> anyhow::Result<Exit> {
    let opened = context.open().await?;
    let plan = opened.operator.gc_plan().await?;
    let items = if arguments.dry_run {
        let bytes = Bytes(plan.bytes());
        context.printer.note(format_args!("{bytes} would be freed"));
        plan.items
    } else {
        let report = opened.operator.gc_apply(plan).await?;
        report_result(context, &report);
        report.freed
    };
    let items: Vec<_> = items.into_iter().map(GcListing).collect();
    context.printer.listing(arguments.format, &items)?;
    opened.close().await;
    Ok(Exit::Done)
}

fn report_result(context: &Context<'_>, report: &GcReport) {
    for spared in &report.spared {
        let what = GcListing(spared.item.clone()).row().join(" ");
        context
            .printer
            .warn(format_args!("kept: {what}: {}", spared.reason));
    }
    context
        .printer
        .note(format_args!("{} freed", Bytes(report.bytes())));
}
