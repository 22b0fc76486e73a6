use aar_cli::{Bytes, DocumentFormat, Exit, Format, Rows};
use aar_registry::Status;
use clap::Args;
use serde::Serialize;

use super::context::Context;

/// `status [--format FORMAT]`.
#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    /// The form of the output
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A line of the table.
#[derive(Serialize)]
struct Line(&'static str, String);

impl Rows for Line {
    const HEADERS: &'static [&'static str] = &["NAME", "VALUE"];

    fn row(&self) -> Vec<String> {
        vec![self.0.to_owned(), self.1.clone()]
    }
}

/// Prints what the registry holds.
pub(super) async fn run(
    context: &Context<'_>,
    arguments: &StatusArguments,
) -> anyhow::Result<Exit> {
    let opened = context.open().await?;
    let status = opened.operator.status().await?;
    let printer = context.printer;
    match arguments.format {
        Format::Json => printer.document(DocumentFormat::Json, &status)?,
        Format::Yaml => printer.document(DocumentFormat::Yaml, &status)?,
        format => printer.listing(format, &lines(&status))?,
    }
    opened.close().await;
    Ok(Exit::Done)
}

fn lines(status: &Status) -> Vec<Line> {
    let size = |bytes| Bytes(bytes).to_string();
    let free = status.free_bytes.map_or_else(|| "unknown".to_owned(), size);
    vec![
        Line("registry", status.registry_id.to_string()),
        Line("revision", status.revision.to_string()),
        Line("applications", status.applications.to_string()),
        Line("versions", status.versions.to_string()),
        Line(
            "images",
            format!("{} ({})", status.blobs, size(status.blob_bytes)),
        ),
        Line("unreferenced", size(status.unreferenced_bytes)),
        Line(
            "uploads",
            format!("{} ({})", status.uploads, size(status.staged_bytes)),
        ),
        Line("free", free),
        Line("trusted", status.trusted.to_string()),
        Line("revoked", status.revoked.to_string()),
    ]
}
