//! `amc config trust …`

use std::{
    io,
    path::{Path, PathBuf},
};

use aar_cli::{Failure, Format, Rows};
use aar_tls::{Certificate, NO_EXPIRY};
use aar_types::{Fingerprint, FingerprintPrefix};
use ams_api::FingerprintPrefixTooShort;
use anyhow::Context;
use clap::Subcommand;
use jiff::Timestamp;
use serde::Serialize;

use crate::{operation, session::Session};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Trust a certificate
    #[command(after_help = "Examples:
  amc config trust add registry.crt                            # so that AMS can use the registry
  ssh ops@desk cat .config/amc/client/client.crt | amc config trust add -")]
    Add {
        /// File with the certificate (PEM, base64 or DER); `-` reads standard input
        path: PathBuf,
    },
    /// List the trusted certificates
    #[command(visible_alias = "ls")]
    List {
        /// Output format
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Stop trusting a certificate
    #[command(
        visible_alias = "rm",
        after_help = "Examples:
  amc config trust remove 4f1c0a9be27d   # by the first digits of the fingerprint
  amc config trust remove ubuntu@vm0     # by the common name"
    )]
    Remove {
        /// Fingerprint, or at least its first twelve digits, or the common name
        fingerprint: String,
    },
}

impl Command {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<()> {
        match self {
            Self::Add { path } => add(session, path).await,
            Self::List { format } => {
                let certificates = trusted(session).await?;
                Ok(session.printer.listing(format, &certificates)?)
            }
            Self::Remove { fingerprint } => remove(session, &fingerprint).await,
        }
    }
}

pub(crate) async fn add(session: &Session, path: PathBuf) -> anyhow::Result<()> {
    let certificate = tokio::task::spawn_blocking(move || read(&path)).await??;
    if certificate.may_sign_others() {
        session.printer.warn(
            "the certificate may sign others: only itself is trusted, not the certificates that it signs",
        );
    }
    let client = session.client()?;
    let added = client.add_certificate(&certificate, "");
    match operation::complete(&client, None, added).await {
        Err(error) if is_conflict(&error) => {
            let fingerprint = certificate.fingerprint();
            Err(Failure::new(format!("the certificate {fingerprint} already exists")).into())
        }
        other => other,
    }
}

fn is_conflict(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref();
    matches!(error, Some(ams_api::Error::Refused { status: 409, .. }))
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn source_name(path: &Path) -> String {
    if is_stdin(path) {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

fn read(path: &Path) -> anyhow::Result<Certificate> {
    let certificate = if is_stdin(path) {
        Certificate::read_from(io::stdin().lock())
    } else {
        Certificate::read_from(fs_err::File::open(path)?)
    };
    certificate.with_context(|| source_name(path))
}

async fn remove(session: &Session, selector: &str) -> anyhow::Result<()> {
    let fingerprint = only_match(trusted(session).await?, selector)?;
    let client = session.client()?;
    operation::complete(&client, None, client.remove_certificate(&fingerprint)).await
}

/// The selector is a whole common name, or as many digits of a fingerprint as AMS accepts.
fn only_match(certificates: Vec<CertificateRow>, selector: &str) -> anyhow::Result<Fingerprint> {
    let prefix: Option<FingerprintPrefix> = selector.parse().ok();
    let length = prefix
        .as_ref()
        .map_or(Ok(()), FingerprintPrefixTooShort::check);
    let has_prefix = |certificate: &CertificateRow| {
        let prefix = prefix.as_ref().filter(|_| length.is_ok());
        prefix.is_some_and(|prefix| prefix.matches(&certificate.fingerprint))
    };
    let mut matches = certificates
        .into_iter()
        .filter(|it| it.common_name == selector || has_prefix(it));
    match (matches.next(), matches.next()) {
        (Some(certificate), None) => Ok(certificate.fingerprint),
        (None, _) => Err(no_match(selector, length)
            .with_hint("`amc config trust list` shows the trusted certificates")
            .into()),
        (Some(_), Some(_)) => Err(
            Failure::new(format!("{selector} matches several certificates"))
                .with_hint("use the fingerprint, or more of its digits")
                .into(),
        ),
    }
}

fn no_match(selector: &str, length: Result<(), FingerprintPrefixTooShort>) -> Failure {
    match length {
        Ok(()) => Failure::new(format!("no trusted certificate matches {selector}")),
        Err(too_short) => Failure::from_error(&too_short),
    }
}

#[derive(Debug, Serialize)]
struct CertificateRow {
    fingerprint: Fingerprint,
    common_name: String,
    issue_date: Option<Timestamp>,
    expiry_date: Option<Timestamp>,
}

async fn trusted(session: &Session) -> anyhow::Result<Vec<CertificateRow>> {
    let certificates = session.client()?.certificates().await?;
    certificates.iter().map(CertificateRow::new).collect()
}

impl CertificateRow {
    /// Fields that cannot be read from the certificate stay empty: AMS trusts it all the same, so the
    /// list must show it.
    fn new(certificate: &ams_api::Certificate) -> anyhow::Result<Self> {
        let parsed = Certificate::from_pem(&certificate.certificate).ok();
        let fingerprint = certificate.fingerprint.parse();
        Ok(Self {
            fingerprint: fingerprint
                .context("AMS lists a certificate without a valid fingerprint")?,
            common_name: parsed.as_ref().map(common_name).unwrap_or_default(),
            issue_date: parsed.as_ref().map(Certificate::not_before),
            expiry_date: parsed.as_ref().map(Certificate::not_after),
        })
    }
}

fn common_name(certificate: &Certificate) -> String {
    let name = certificate.common_name().map(str::to_owned);
    name.unwrap_or_else(|| certificate.subject())
}

impl Rows for CertificateRow {
    const HEADERS: &'static [&'static str] =
        &["FINGERPRINT", "COMMON NAME", "ISSUE DATE", "EXPIRY DATE"];

    fn row(&self) -> Vec<String> {
        vec![
            self.fingerprint.to_string(),
            self.common_name.clone(),
            date(self.issue_date),
            date(self.expiry_date),
        ]
    }
}

fn date(time: Option<Timestamp>) -> String {
    if time == Some(NO_EXPIRY) {
        return "never".to_owned();
    }
    let shown = time.map(|time| time.strftime("%b %-d, %Y at %-I:%M%P (UTC)").to_string());
    shown.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use aar_cli::Printer;

    use super::*;

    fn certificate(first: u8, common_name: &str) -> CertificateRow {
        CertificateRow {
            fingerprint: Fingerprint::from_bytes([first; 32]),
            common_name: common_name.to_owned(),
            issue_date: Some("2026-05-27T15:09:00Z".parse().unwrap()),
            expiry_date: Some("2036-05-24T03:09:00Z".parse().unwrap()),
        }
    }

    fn printed(format: Format) -> String {
        let (printer, captured) = Printer::captured();
        let certificates = [
            certificate(0xa1, "ubuntu@vm0"),
            certificate(0xa3, "registry"),
        ];
        printer.listing(format, &certificates).unwrap();
        captured.stdout()
    }

    #[test]
    fn trusted_certificates_are_listed_in_every_format() {
        insta::assert_snapshot!(printed(Format::Table), @"
        +------------------------------------------------------------------+-------------+------------------------------+------------------------------+
        |                            FINGERPRINT                           | COMMON NAME |          ISSUE DATE          |          EXPIRY DATE         |
        +------------------------------------------------------------------+-------------+------------------------------+------------------------------+
        | a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1 | ubuntu@vm0  | May 27, 2026 at 3:09pm (UTC) | May 24, 2036 at 3:09am (UTC) |
        +------------------------------------------------------------------+-------------+------------------------------+------------------------------+
        | a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3 | registry    | May 27, 2026 at 3:09pm (UTC) | May 24, 2036 at 3:09am (UTC) |
        +------------------------------------------------------------------+-------------+------------------------------+------------------------------+
        ");
        insta::assert_snapshot!(printed(Format::Csv), @r#"
        FINGERPRINT,COMMON NAME,ISSUE DATE,EXPIRY DATE
        a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1,ubuntu@vm0,"May 27, 2026 at 3:09pm (UTC)","May 24, 2036 at 3:09am (UTC)"
        a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3,registry,"May 27, 2026 at 3:09pm (UTC)","May 24, 2036 at 3:09am (UTC)"
        "#);
        insta::assert_snapshot!(printed(Format::Json), @r#"
        [
          {
            "fingerprint": "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1",
            "common_name": "ubuntu@vm0",
            "issue_date": "2026-05-27T15:09:00Z",
            "expiry_date": "2036-05-24T03:09:00Z"
          },
          {
            "fingerprint": "a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3",
            "common_name": "registry",
            "issue_date": "2026-05-27T15:09:00Z",
            "expiry_date": "2036-05-24T03:09:00Z"
          }
        ]
        "#);
        insta::assert_snapshot!(printed(Format::Yaml), @r#"
        - fingerprint: a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1
          common_name: ubuntu@vm0
          issue_date: "2026-05-27T15:09:00Z"
          expiry_date: "2036-05-24T03:09:00Z"
        - fingerprint: a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3
          common_name: registry
          issue_date: "2026-05-27T15:09:00Z"
          expiry_date: "2036-05-24T03:09:00Z"
        "#);
    }

    #[test]
    fn certificate_is_selected_by_fingerprint_prefix_or_common_name() {
        let trusted = || vec![certificate(0xa1, "ubuntu@vm0"), certificate(0xa3, "beef")];
        let [first, second] = [0xa1, 0xa3].map(|byte| Fingerprint::from_bytes([byte; 32]));
        assert_eq!(only_match(trusted(), "A1a1a1a1a1a1").unwrap(), first);
        assert_eq!(only_match(trusted(), "ubuntu@vm0").unwrap(), first);
        assert_eq!(only_match(trusted(), "beef").unwrap(), second);
    }

    #[test]
    fn selector_that_matches_none_or_several_is_refused() {
        let trusted = || vec![certificate(0xa1, "x"), certificate(0xa3, "x")];
        let error = only_match(trusted(), "x").unwrap_err();
        assert_eq!(error.to_string(), "x matches several certificates");
        let error = only_match(trusted(), "y").unwrap_err();
        assert_eq!(error.to_string(), "no trusted certificate matches y");
    }

    #[test]
    fn too_short_fingerprint_prefix_is_refused_even_if_it_is_unique() {
        let error = only_match(vec![certificate(0xa1, "x")], "a1a1a1a1a1a").unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("a1a1a1a1a1a is too short"), "{message}");
    }
}
