//! `amc registry status`

mod summary;

use aar_cli::{Bytes, DocumentFormat, Format, Printer, Rows};
use ams_api::{ApplicationSync, RegistryStatus, Transfer};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;

use crate::session::Session;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  amc registry status
  amc registry status --format json | jq '.applications[] | select(.state != \"synced\")'")]
pub(crate) struct StatusArgs {
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: StatusFormat,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum StatusFormat {
    /// A summary and tables, for people
    #[default]
    Table,
    /// YAML, for people and scripts
    Yaml,
    /// JSON, for programs
    Json,
}

pub(super) async fn show(session: &Session, arguments: &StatusArgs) -> anyhow::Result<()> {
    let status = session.client()?.registry_status().await?;
    let printer = &session.printer;
    match arguments.format {
        StatusFormat::Yaml => printer.document(DocumentFormat::Yaml, &status)?,
        StatusFormat::Json => printer.document(DocumentFormat::Json, &status)?,
        StatusFormat::Table => print(printer, status, session.clock.now())?,
    }
    Ok(())
}

fn print(printer: &Printer, status: RegistryStatus, now: Timestamp) -> std::io::Result<()> {
    printer.data(&summary::text(&status, now))?;
    if !status.applications.is_empty() {
        let rows: Vec<_> = status.applications.into_iter().map(SyncRow).collect();
        printer.listing(Format::Table, &rows)?;
    }
    if !status.transfers.is_empty() {
        let rows: Vec<_> = status.transfers.into_iter().map(TransferRow).collect();
        printer.listing(Format::Table, &rows)?;
    }
    Ok(())
}

#[derive(Serialize)]
#[serde(transparent)]
struct SyncRow(ApplicationSync);

impl Rows for SyncRow {
    const HEADERS: &'static [&'static str] = &["APPLICATION", "STATE", "ERROR"];

    fn row(&self) -> Vec<String> {
        let application = &self.0;
        vec![
            application.name.clone(),
            application.state.clone(),
            application.error.clone(),
        ]
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct TransferRow(Transfer);

impl Rows for TransferRow {
    const HEADERS: &'static [&'static str] = &[
        "TRANSFER",
        "APPLICATION",
        "VERSION",
        "DONE",
        "TOTAL",
        "SPEED",
    ];

    fn row(&self) -> Vec<String> {
        let transfer = &self.0;
        vec![
            transfer.direction.as_str().to_owned(),
            transfer.application.clone(),
            transfer.version.to_string(),
            Bytes(transfer.bytes).to_string(),
            Bytes(transfer.total).to_string(),
            format!("{}/s", Bytes(transfer.bytes_per_second)),
        ]
    }
}

#[cfg(test)]
mod tests;
