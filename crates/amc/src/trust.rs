use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use aar_cli::{Failure, Format, Rows};
use aar_tls::Certificate;
use aar_types::{Fingerprint, FingerprintPrefix};
use ams_api::TooFewDigits;
use anyhow::Context;
use clap::Subcommand;
use jiff::Timestamp;
use serde::Serialize;

use crate::{operation, session::Session};

/// The longest text that is taken for a certificate.
const CERTIFICATE_LIMIT: u64 = 1024 * 1024;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Trust the holder of a certificate
    Add {
        /// File of the certificate; `-` reads from standard input
        path: PathBuf,
    },
    /// List the trusted certificates
    #[command(visible_alias = "ls")]
    List {
        /// In which form to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Trust the holder of a certificate no longer
    #[command(visible_alias = "rm")]
    Remove {
        /// Fingerprint or at least its first twelve digits, or the common name
        fingerprint: String,
    },
}

impl Command {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<()> {
        match self {
            Self::Add { path } => add(session, path).await,
            Self::List { format } => {
                let entries = entries(session).await?;
                Ok(session.printer.listing(format, &entries)?)
            }
            Self::Remove { fingerprint } => remove(session, &fingerprint).await,
        }
    }
}

async fn add(session: &Session, path: PathBuf) -> anyhow::Result<()> {
    let source = source_name(&path);
    let text = tokio::task::spawn_blocking(move || read(path)).await??;
    let certificate = Certificate::from_pem(&text).context(source)?;
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

/// What to call the place that a certificate is read from.
fn source_name(path: &Path) -> String {
    if is_stdin(path) {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

fn read(path: PathBuf) -> anyhow::Result<String> {
    let name = source_name(&path);
    let source: Box<dyn Read> = if is_stdin(&path) {
        Box::new(io::stdin())
    } else {
        Box::new(fs_err::File::open(path)?)
    };
    let mut text = String::new();
    source
        .take(CERTIFICATE_LIMIT)
        .read_to_string(&mut text)
        .with_context(|| format!("cannot read a certificate from {name}"))?;
    Ok(text)
}

async fn remove(session: &Session, wanted: &str) -> anyhow::Result<()> {
    let fingerprint = only_match(entries(session).await?, wanted)?;
    let client = session.client()?;
    operation::complete(&client, None, client.remove_certificate(&fingerprint)).await
}

/// A common name is meant as a whole, a fingerprint by as many digits as AMS takes.
fn only_match(entries: Vec<Entry>, wanted: &str) -> anyhow::Result<Fingerprint> {
    let digits: Option<FingerprintPrefix> = wanted.parse().ok();
    let enough = digits.as_ref().map_or(Ok(()), TooFewDigits::check);
    let begins = |entry: &Entry| {
        let digits = digits.as_ref().filter(|_| enough.is_ok());
        digits.is_some_and(|digits| digits.matches(&entry.fingerprint))
    };
    let is_meant = |entry: &Entry| entry.common_name == wanted || begins(entry);
    let mut meant = entries.into_iter().filter(is_meant);
    match (meant.next(), meant.next()) {
        (Some(entry), None) => Ok(entry.fingerprint),
        (None, _) => Err(no_match(wanted, enough)
            .with_hint("`amc config trust list` shows them")
            .into()),
        (Some(_), Some(_)) => Err(Failure::new(format!(
            "{wanted} stands for several certificates"
        ))
        .with_hint("give more digits of the fingerprint")
        .into()),
    }
}

fn no_match(wanted: &str, enough: Result<(), TooFewDigits>) -> Failure {
    match enough {
        Ok(()) => Failure::new(format!("no trusted certificate is {wanted}")),
        Err(few) => Failure::from_error(&few),
    }
}

/// A trusted certificate, as it is listed.
#[derive(Debug, Serialize)]
struct Entry {
    fingerprint: Fingerprint,
    common_name: String,
    issue_date: Option<Timestamp>,
    expiry_date: Option<Timestamp>,
}

async fn entries(session: &Session) -> anyhow::Result<Vec<Entry>> {
    let certificates = session.client()?.certificates().await?;
    certificates.iter().map(Entry::new).collect()
}

impl Entry {
    /// What cannot be read of a certificate is left empty: it is trusted all the same, and must be
    /// seen to be removed.
    fn new(certificate: &ams_api::Certificate) -> anyhow::Result<Self> {
        let parsed = Certificate::from_pem(&certificate.certificate).ok();
        let fingerprint = certificate.fingerprint.parse();
        Ok(Self {
            fingerprint: fingerprint.context("AMS lists a certificate without fingerprint")?,
            common_name: parsed.as_ref().map(common_name).unwrap_or_default(),
            issue_date: parsed.as_ref().map(Certificate::not_before),
            expiry_date: parsed.as_ref().map(Certificate::not_after),
        })
    }
}

fn common_name(certificate: &Certificate) -> String {
    let subject = certificate.subject();
    let mut parts = subject.split(',').map(str::trim);
    let name = parts.find_map(|part| part.strip_prefix("CN="));
    name.unwrap_or(&subject).to_owned()
}

impl Rows for Entry {
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
    let shown = time.map(|time| time.strftime("%b %-d, %Y at %-I:%M%P (UTC)").to_string());
    shown.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use aar_cli::Printer;

    use super::*;

    fn entry(first: u8, common_name: &str) -> Entry {
        Entry {
            fingerprint: Fingerprint::from_bytes([first; 32]),
            common_name: common_name.to_owned(),
            issue_date: Some("2026-05-27T15:09:00Z".parse().unwrap()),
            expiry_date: Some("2036-05-24T03:09:00Z".parse().unwrap()),
        }
    }

    fn printed(format: Format) -> String {
        let (printer, captured) = Printer::captured();
        let entries = [entry(0xa1, "ubuntu@vm0"), entry(0xa3, "registry")];
        printer.listing(format, &entries).unwrap();
        captured.stdout()
    }

    #[test]
    fn the_trust_store_is_listed_in_every_form() {
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
    fn a_certificate_is_known_by_enough_digits_and_by_name() {
        let entries = || vec![entry(0xa1, "ubuntu@vm0"), entry(0xa3, "beef")];
        let [first, second] = [0xa1, 0xa3].map(|byte| Fingerprint::from_bytes([byte; 32]));
        assert_eq!(only_match(entries(), "A1a1a1a1a1a1").unwrap(), first);
        assert_eq!(only_match(entries(), "ubuntu@vm0").unwrap(), first);
        assert_eq!(only_match(entries(), "beef").unwrap(), second);
    }

    #[test]
    fn what_stands_for_none_or_several_is_refused() {
        let entries = || vec![entry(0xa1, "x"), entry(0xa3, "x")];
        let error = only_match(entries(), "x").unwrap_err();
        assert_eq!(error.to_string(), "x stands for several certificates");
        let error = only_match(entries(), "y").unwrap_err();
        assert_eq!(error.to_string(), "no trusted certificate is y");
    }

    #[test]
    fn fewer_digits_than_ams_takes_name_no_certificate_even_where_only_one_begins_so() {
        let error = only_match(vec![entry(0xa1, "x")], "a1a1a1a1a1a").unwrap_err();
        let told = error.to_string();
        assert!(told.starts_with("a1a1a1a1a1a is too short"), "{told}");
    }
}
