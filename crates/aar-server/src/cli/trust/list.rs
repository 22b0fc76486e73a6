use aar_cli::{Exit, Format, Rows};
use aar_registry::TrustedCertificate;
use aar_types::{Fingerprint, Role};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::context::Context;

/// `trust list [--format FORMAT] [--revoked]`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ListArguments {
    /// The form of the output
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// List the revoked certificates instead
    #[arg(long)]
    revoked: bool,
}

/// A certificate as it is listed. Scripts read these names.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    fingerprint: Fingerprint,
    role: Role,
    subject: String,
    valid_from: Timestamp,
    valid_until: Timestamp,
    added: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked: Option<Timestamp>,
}

impl From<TrustedCertificate> for Entry {
    fn from(certificate: TrustedCertificate) -> Self {
        Self {
            fingerprint: certificate.fingerprint,
            role: certificate.role,
            subject: certificate.subject,
            valid_from: certificate.not_before,
            valid_until: certificate.not_after,
            added: certificate.added_at,
            revoked: certificate.revoked_at,
        }
    }
}

impl Rows for Entry {
    const HEADERS: &'static [&'static str] = &["FINGERPRINT", "ROLE", "SUBJECT", "VALID UNTIL"];

    fn row(&self) -> Vec<String> {
        vec![
            self.fingerprint.to_string(),
            self.role.to_string(),
            self.subject.clone(),
            self.valid_until.to_string(),
        ]
    }
}

/// Prints the certificates, the oldest first.
pub(super) async fn run(context: &Context<'_>, arguments: &ListArguments) -> anyhow::Result<Exit> {
    let records = context.trust_records().await?;
    let certificates = records.list(arguments.revoked).await?;
    records.close().await;
    let entries: Vec<_> = certificates.into_iter().map(Entry::from).collect();
    context.printer.listing(arguments.format, &entries)?;
    Ok(Exit::Done)
}
