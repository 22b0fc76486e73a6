use aar_cli::{Exit, Format, Rows};
use aar_registry::TrustedCertificate;
use aar_tls::NO_EXPIRY;
use aar_types::{Fingerprint, Role};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::context::Context;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aar trust list
  aar trust list --revoked --format json")]
pub(in crate::cli) struct ListArguments {
    /// The output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// List revoked certificates instead
    #[arg(long)]
    revoked: bool,
}

/// Scripts rely on these field names.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CertificateListing {
    fingerprint: Fingerprint,
    role: Role,
    subject: String,
    valid_from: Timestamp,
    valid_until: Timestamp,
    added: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked: Option<Timestamp>,
}

impl From<TrustedCertificate> for CertificateListing {
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

impl Rows for CertificateListing {
    const HEADERS: &'static [&'static str] = &["FINGERPRINT", "ROLE", "SUBJECT", "VALID UNTIL"];

    fn row(&self) -> Vec<String> {
        vec![
            self.fingerprint.to_string(),
            self.role.to_string(),
            self.subject.clone(),
            valid_until(self.valid_until),
        ]
    }
}

fn valid_until(end: Timestamp) -> String {
    if end == NO_EXPIRY {
        return "never".to_owned();
    }
    end.to_string()
}

/// Prints the certificates, oldest first.
pub(super) async fn run(context: &Context<'_>, arguments: &ListArguments) -> anyhow::Result<Exit> {
    let records = context.trust_records().await?;
    let certificates = records.list(arguments.revoked).await?;
    records.close().await;
    let entries: Vec<_> = certificates
        .into_iter()
        .map(CertificateListing::from)
        .collect();
    context.printer.listing(arguments.format, &entries)?;
    Ok(Exit::Done)
}
