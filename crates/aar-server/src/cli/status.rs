use aar_cli::{Bytes, DocumentFormat, Exit, Format, Rows};
use aar_registry::Status;
use clap::Args;
use serde::Serialize;

use super::context::Context;

#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    /// The output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct StatusLine(&'static str, String);

impl Rows for StatusLine {
    const HEADERS: &'static [&'static str] = &["NAME", "VALUE"];

    fn row(&self) -> Vec<String> {
        vec![self.0.to_owned(), self.1.clone()]
    }
}

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

fn lines(status: &Status) -> Vec<StatusLine> {
    let size = |bytes| Bytes(bytes).to_string();
    let free = status.free_bytes.map_or_else(|| "unknown".to_owned(), size);
    vec![
        StatusLine("registry", status.registry_id.to_string()),
        StatusLine("revision", status.revision.to_string()),
        StatusLine("applications", status.applications.to_string()),
        StatusLine("versions", status.versions.to_string()),
        StatusLine(
            "images",
            format!("{} ({})", status.blobs, size(status.blob_bytes)),
        ),
        StatusLine("unreferenced", size(status.unreferenced_bytes)),
        StatusLine(
            "uploads",
            format!("{} ({})", status.uploads, size(status.staged_bytes)),
        ),
        StatusLine("free", free),
        StatusLine("trusted", status.trusted.to_string()),
        StatusLine("revoked", status.revoked.to_string()),
    ]
}
