use std::fmt::Write;

use aar_cli::{Age, Bytes, DocumentFormat, Format, Rows};
use ams_api::{
    ApplicationSync, RegistryStatus, Round, RoundCounts, RoundFailure, RoundOutcome, Transfer,
};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;

use crate::session::Session;

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// In which form to print
    #[arg(long, value_enum, default_value_t)]
    format: StatusFormat,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum StatusFormat {
    /// For people
    #[default]
    Table,
    /// YAML, for people and scripts
    Yaml,
    /// JSON, for programs
    Json,
}

pub(crate) async fn show(session: &Session, arguments: &StatusArgs) -> anyhow::Result<()> {
    let status = session.client()?.registry_status().await?;
    let printer = &session.printer;
    match arguments.format {
        StatusFormat::Yaml => printer.document(DocumentFormat::Yaml, &status)?,
        StatusFormat::Json => printer.document(DocumentFormat::Json, &status)?,
        StatusFormat::Table => print(printer, status, session.clock.now())?,
    }
    Ok(())
}

fn print(
    printer: &aar_cli::Printer,
    status: RegistryStatus,
    now: Timestamp,
) -> std::io::Result<()> {
    printer.data(&summary(&status, now))?;
    if !status.applications.is_empty() {
        let entries: Vec<_> = status.applications.into_iter().map(Entry).collect();
        printer.listing(Format::Table, &entries)?;
    }
    if !status.transfers.is_empty() {
        let entries: Vec<_> = status.transfers.into_iter().map(Moving).collect();
        printer.listing(Format::Table, &entries)?;
    }
    Ok(())
}

/// What there is to say once, a line each.
fn summary(status: &RegistryStatus, now: Timestamp) -> String {
    let mut lines = Lines::default();
    lines.add("mode", &status.mode);
    lines.add("registry", &registry(status));
    if !status.problem.is_empty() {
        lines.add("problem", &status.problem);
    }
    lines.add("last round", &last_round(status, now));
    for failure in unlisted(status) {
        let version = failure.version.map(|number| format!(" {number}"));
        let version = version.unwrap_or_default();
        let text = format!("{}{version}: {}", failure.application, failure.error);
        lines.add("failed", &text);
    }
    if let Some(since) = states_since(status, now) {
        lines.add("states", &since);
    }
    lines.add("next round", &next_round(status, now));
    if !status.change_feed.is_empty() {
        lines.add("change feed", &change_feed(status));
    }
    if let Some(seconds) = status.clock_skew_seconds {
        lines.add("clock", &clock(seconds));
    }
    if let Some(held) = &status.held {
        lines.add("removal held", &held.reason);
        lines.names(&held.applications);
    }
    for conflict in &status.conflicts {
        let version = conflict.version.map(|number| format!(" version {number}"));
        let version = version.unwrap_or_default();
        let text = format!("{}{version}: {}", conflict.application, conflict.reason);
        lines.add("conflict", &text);
    }
    lines.0
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, name: &str, value: &str) {
        self.line(&format!("{name}:"), value);
    }

    /// A line for each name below what they belong to.
    fn names(&mut self, names: &[String]) {
        for line in crate::names::lines(names) {
            self.line("", &line);
        }
    }

    fn line(&mut self, head: &str, value: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{head:14}{value}");
    }
}

fn registry(status: &RegistryStatus) -> String {
    if status.url.is_empty() {
        return "none is set up".to_owned();
    }
    match (&status.registry_id, status.revision) {
        (Some(id), Some(revision)) => format!("{} ({id}, revision {revision})", status.url),
        (Some(id), None) => format!("{} ({id})", status.url),
        _ => status.url.clone(),
    }
}

fn last_round(status: &RegistryStatus, now: Timestamp) -> String {
    let running = if status.running {
        "; one is running"
    } else {
        ""
    };
    match &status.last_round {
        None if status.running => "the first one is running".to_owned(),
        None => "none yet".to_owned(),
        Some(round) => {
            let ago = Age(seconds(round.finished_at, now));
            let done = counts(round.counts, round.outcome == RoundOutcome::Done);
            let done = done.map(|done| format!(", {done}")).unwrap_or_default();
            format!("{} {ago} ago{done}{running}", outcome(round))
        }
    }
}

/// What went wrong with applications of which the table does not say so.
fn unlisted(status: &RegistryStatus) -> impl Iterator<Item = &RoundFailure> {
    let failures = status.last_round.iter().flat_map(|round| &round.failures);
    failures.filter(|failure| {
        let mut listed = status.applications.iter();
        !listed.any(|it| it.name == failure.application && it.error == failure.error)
    })
}

/// While the registry is away, the states are by what it had before.
fn states_since(status: &RegistryStatus, now: Timestamp) -> Option<String> {
    let last = status.last_round.as_ref()?;
    if last.outcome != RoundOutcome::Failed || status.applications.is_empty() {
        return None;
    }
    Some(match status.seen_at {
        Some(seen) => {
            let ago = Age(seconds(seen, now));
            format!("by what the registry had {ago} ago, when it was last seen")
        }
        None => "by what is here; the registry was not seen yet".to_owned(),
    })
}

fn outcome(round: &Round) -> String {
    let outcome = round.outcome.as_str();
    if round.error.is_empty() {
        outcome.to_owned()
    } else {
        format!("{outcome} ({})", round.error)
    }
}

/// What was done, in words. A failure that did nothing did not find that there was nothing to do.
pub(super) fn counts(counts: RoundCounts, succeeded: bool) -> Option<String> {
    let named = [
        (counts.imported, "imported"),
        (counts.pushed, "pushed"),
        (counts.updated, "updated"),
        (counts.removed, "removed"),
    ];
    let told: Vec<_> = named
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    if told.is_empty() {
        succeeded.then(|| "nothing to do".to_owned())
    } else {
        Some(told.join(", "))
    }
}

fn next_round(status: &RegistryStatus, now: Timestamp) -> String {
    match status.next_round {
        Some(next) => format!("in {}", Age(seconds(now, next))),
        None if status.running && status.mode != "manual" => "after the one that runs".to_owned(),
        None => "none by itself".to_owned(),
    }
}

fn change_feed(status: &RegistryStatus) -> String {
    match &status.change_feed_error {
        Some(cause) => format!("{} ({cause})", status.change_feed),
        None => status.change_feed.clone(),
    }
}

fn clock(ahead: i64) -> String {
    let by = Age(ahead.unsigned_abs());
    let way = if ahead < 0 { "behind" } else { "ahead" };
    format!("the registry's is {by} {way}")
}

fn seconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_second() - from.as_second()).unwrap_or(0)
}

#[derive(Serialize)]
#[serde(transparent)]
struct Entry(ApplicationSync);

impl Rows for Entry {
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
struct Moving(Transfer);

impl Rows for Moving {
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
mod tests {
    use aar_cli::Printer;
    use ams_api::{Conflict, HeldRemovals, TransferDirection};

    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn busy() -> RegistryStatus {
        RegistryStatus {
            mode: "pull".to_owned(),
            url: "https://192.168.178.45:3000".to_owned(),
            registry_id: Some("cv3a7ofg2e7td2g9smt0".to_owned()),
            revision: Some(42),
            seen_at: Some(time("2026-03-01T11:59:10Z")),
            running: true,
            change_feed: "listening".to_owned(),
            clock_skew_seconds: Some(-90),
            last_round: Some(Round {
                started_at: time("2026-03-01T11:59:00Z"),
                finished_at: time("2026-03-01T11:59:18Z"),
                outcome: RoundOutcome::Incomplete,
                error: String::new(),
                counts: RoundCounts {
                    imported: 2,
                    removed: 1,
                    ..RoundCounts::default()
                },
                failures: vec![
                    RoundFailure {
                        application: "chess".to_owned(),
                        version: Some(1),
                        error: "no space left on device".to_owned(),
                    },
                    RoundFailure {
                        application: "nosuch".to_owned(),
                        version: None,
                        error: "the registry has no application nosuch for amd64".to_owned(),
                    },
                ],
            }),
            next_round: Some(time("2026-03-01T12:58:20Z")),
            held: Some(HeldRemovals {
                reason: "3 of 4 imported applications would be removed at once".to_owned(),
                applications: vec!["a".to_owned(), "b".to_owned(), "c".to_owned()],
            }),
            conflicts: vec![Conflict {
                application: "candy".to_owned(),
                version: Some(2),
                reason: "it has another content here".to_owned(),
            }],
            applications: vec![
                ApplicationSync {
                    name: "candy".to_owned(),
                    state: "conflict".to_owned(),
                    error: String::new(),
                },
                ApplicationSync {
                    name: "chess".to_owned(),
                    state: "failed".to_owned(),
                    error: "no space left on device".to_owned(),
                },
            ],
            transfers: vec![Transfer {
                application: "go".to_owned(),
                version: 7,
                direction: TransferDirection::Pull,
                bytes: 300 << 20,
                total: 1 << 30,
                bytes_per_second: 110 << 20,
            }],
            ..RegistryStatus::default()
        }
    }

    fn printed(status: RegistryStatus) -> String {
        let (printer, captured) = Printer::captured();
        print(&printer, status, time("2026-03-01T12:00:00Z")).unwrap();
        captured.stdout()
    }

    #[test]
    fn everything_there_is_to_say_is_said() {
        insta::assert_snapshot!(printed(busy()), @"
        mode:         pull
        registry:     https://192.168.178.45:3000 (cv3a7ofg2e7td2g9smt0, revision 42)
        last round:   incomplete 42s ago, 2 imported, 1 removed; one is running
        failed:       nosuch: the registry has no application nosuch for amd64
        next round:   in 58m20s
        change feed:  listening
        clock:        the registry's is 1m30s behind
        removal held: 3 of 4 imported applications would be removed at once
                      a
                      b
                      c
        conflict:     candy version 2: it has another content here
        +-------------+----------+-------------------------+
        | APPLICATION |   STATE  |          ERROR          |
        +-------------+----------+-------------------------+
        | candy       | conflict |                         |
        +-------------+----------+-------------------------+
        | chess       | failed   | no space left on device |
        +-------------+----------+-------------------------+
        +----------+-------------+---------+----------+--------+------------+
        | TRANSFER | APPLICATION | VERSION |   DONE   |  TOTAL |    SPEED   |
        +----------+-------------+---------+----------+--------+------------+
        | pull     | go          | 7       | 300.0MiB | 1.0GiB | 110.0MiB/s |
        +----------+-------------+---------+----------+--------+------------+
        ");
    }

    #[test]
    fn of_many_held_applications_the_first_are_named_a_line_each_and_the_others_counted() {
        let held = HeldRemovals {
            reason: "all would go".to_owned(),
            applications: (0..500).map(|n| format!("app-{n:03}")).collect(),
        };
        let status = RegistryStatus {
            held: Some(held),
            ..busy()
        };
        let shown = printed(status);
        let mut lines = shown
            .lines()
            .skip_while(|line| *line != "removal held: all would go");
        assert_eq!(lines.nth(1).unwrap().trim(), "app-000");
        assert_eq!(lines.nth(18).unwrap().trim(), "app-019");
        assert_eq!(lines.next().unwrap().trim(), "and 480 more");
        assert!(lines.next().unwrap().starts_with("conflict:"));
    }

    #[test]
    fn an_ams_without_a_registry_says_so() {
        let status = RegistryStatus {
            mode: "manual".to_owned(),
            ..RegistryStatus::default()
        };
        insta::assert_snapshot!(printed(status), @"
        mode:         manual
        registry:     none is set up
        last round:   none yet
        next round:   none by itself
        ");
    }

    #[test]
    fn a_round_that_failed_did_not_find_nothing_to_do_and_the_next_comes_after_the_one_that_runs() {
        let last = |outcome, error: &str| Round {
            outcome,
            error: error.to_owned(),
            counts: RoundCounts::default(),
            failures: Vec::new(),
            ..busy().last_round.unwrap()
        };
        let said = |round| {
            let shown = printed(RegistryStatus {
                last_round: Some(round),
                next_round: None,
                ..busy()
            });
            let rounds = shown.lines().filter(|line| line.contains(" round:"));
            rounds.collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(said(last(RoundOutcome::Failed, "no connection")), @"
        last round:   failed (no connection) 42s ago; one is running
        next round:   after the one that runs
        ");
        insta::assert_snapshot!(said(last(RoundOutcome::Done, "")), @"
        last round:   done 42s ago, nothing to do; one is running
        next round:   after the one that runs
        ");
    }

    #[test]
    fn while_the_registry_is_away_the_states_are_by_what_it_had() {
        let states = |seen_at| {
            let shown = printed(RegistryStatus {
                seen_at,
                last_round: Some(Round {
                    outcome: RoundOutcome::Failed,
                    ..busy().last_round.unwrap()
                }),
                ..busy()
            });
            let states = shown.lines().find(|line| line.starts_with("states:"));
            states.unwrap().to_owned()
        };
        let seen = states(Some(time("2026-03-01T11:59:10Z")));
        let expected = "states:       by what the registry had 50s ago, when it was last seen";
        assert_eq!(seen, expected);
        let expected = "states:       by what is here; the registry was not seen yet";
        assert_eq!(states(None), expected);
        assert!(!printed(busy()).contains("states:"));
    }

    #[test]
    fn a_broken_change_feed_says_why() {
        let status = RegistryStatus {
            change_feed: "broken".to_owned(),
            change_feed_error: Some("connection refused".to_owned()),
            ..busy()
        };
        let line = "change feed:  broken (connection refused)\n";
        assert!(printed(status).contains(line));
    }

    #[test]
    fn scripts_get_it_all() {
        let (printer, captured) = Printer::captured();
        printer.document(DocumentFormat::Yaml, &busy()).unwrap();
        printer.document(DocumentFormat::Json, &busy()).unwrap();
        insta::assert_snapshot!("status_documents", captured.stdout());
    }
}
