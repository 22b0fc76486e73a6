use aar_cli::{Exit, Format, Rows};
use aar_registry::{AuditEntry, AuditQuery, Outcome};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::context::Context;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aar audit --since 24h
  aar audit --since 2026-05-01T12:00:00Z --limit 1000 --format json")]
pub(super) struct AuditArguments {
    /// Show entries since a time such as 2026-05-01T12:00:00Z, or of the last hours, such as 24h
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
    /// The number of newest entries to show
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// The output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    Moment(Timestamp),
    Ago(SignedDuration),
}

impl std::str::FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let moment = text.parse().map(Self::Moment).ok();
        let ago = || {
            text.parse()
                .ok()
                .filter(SignedDuration::is_positive)
                .map(Self::Ago)
        };
        moment.or_else(ago).ok_or_else(|| {
            "neither a time such as 2026-05-01T12:00:00Z nor a duration such as 24h".to_owned()
        })
    }
}

impl Since {
    fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Moment(moment) => moment,
            Self::Ago(ago) => now.saturating_sub(ago).unwrap_or(Timestamp::MIN),
        }
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct AuditListing(AuditEntry);

impl Rows for AuditListing {
    const HEADERS: &'static [&'static str] = &[
        "TIME", "WHO", "FROM", "ACTION", "TARGET", "OUTCOME", "DETAIL",
    ];

    fn row(&self) -> Vec<String> {
        let entry = &self.0;
        vec![
            entry.at.to_string(),
            self.actor(),
            entry.address.clone().unwrap_or_default(),
            entry.action.clone(),
            entry.target.clone(),
            outcome(entry.outcome).to_owned(),
            entry.detail.clone(),
        ]
    }
}

impl AuditListing {
    fn actor(&self) -> String {
        let fingerprint = self.0.fingerprint.map(|it| it.to_string());
        // Twelve digits distinguish certificates and keep the table readable.
        let short = fingerprint.map(|digits| digits.chars().take(12).collect());
        self.0.operator.clone().or(short).unwrap_or_default()
    }
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Refused => "refused",
    }
}

/// Prints the audit log, newest entries first.
pub(super) async fn run(context: &Context<'_>, arguments: &AuditArguments) -> anyhow::Result<Exit> {
    let opened = context.open().await?;
    let query = AuditQuery {
        before: None,
        since: arguments
            .since
            .map(|since| since.moment(context.clock.now())),
        limit: arguments.limit,
    };
    let entries = opened.operator.audit(&query).await?;
    let entries: Vec<_> = entries.into_iter().map(AuditListing).collect();
    context.printer.listing(arguments.format, &entries)?;
    opened.close().await;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_moment_or_a_duration() {
        let now = "2026-05-02T00:00:00Z".parse().unwrap();
        let moment = |text: &str| text.parse().map(|since: Since| since.moment(now));
        assert_eq!(
            moment("2026-05-01T12:00:00Z"),
            Ok("2026-05-01T12:00:00Z".parse().unwrap())
        );
        assert_eq!(moment("24h"), Ok("2026-05-01T00:00:00Z".parse().unwrap()));
        for invalid in ["yesterday", "-1h", ""] {
            assert!(moment(invalid).is_err(), "{invalid:?}");
        }
    }
}
