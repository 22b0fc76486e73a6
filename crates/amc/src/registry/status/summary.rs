//! The part of the status before the tables: one line for each fact.

use std::fmt::Write;

use aar_cli::Seconds;
use aar_types::{Medium, printable};
use ams_api::{RegistryStatus, Round, RoundFailure, RoundOutcome};
use jiff::Timestamp;

use crate::{name_list, registry::counts};

pub(super) fn text(status: &RegistryStatus, now: Timestamp) -> String {
    let mut lines = SummaryLines::default();
    lines.add("mode", &status.mode);
    lines.add("registry", &registry(status));
    if !status.problem.is_empty() {
        lines.add("problem", &status.problem);
    }
    lines.add("last round", &last_round(status, now));
    for failure in failures_outside_the_table(status) {
        let version = failure.version.map(|number| format!(" {number}"));
        let version = version.unwrap_or_default();
        let text = format!("{}{version}: {}", failure.application, failure.error);
        lines.add("failed", &text);
    }
    if let Some(age) = age_of_states(status, now) {
        lines.add("states", &age);
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
        for name in name_list::shortened(&held.applications) {
            lines.add_below(&name);
        }
        lines.add_below("to carry it out once: amc registry pull --confirm-removals");
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
struct SummaryLines(String);

impl SummaryLines {
    fn add(&mut self, name: &str, value: &str) {
        self.line(&format!("{name}:"), value);
    }

    /// Continues the value of the line before.
    fn add_below(&mut self, value: &str) {
        self.line("", value);
    }

    fn line(&mut self, head: &str, value: &str) {
        // Writing to a string cannot fail.
        let value = printable(value, Medium::Line);
        let _ = writeln!(self.0, "{head:14}{value}");
    }
}

fn registry(status: &RegistryStatus) -> String {
    if status.url.is_empty() {
        return "not configured".to_owned();
    }
    match (&status.registry_id, status.revision) {
        (Some(id), Some(revision)) => format!("{} (id {id}, revision {revision})", status.url),
        (Some(id), None) => format!("{} (id {id})", status.url),
        _ => status.url.clone(),
    }
}

fn last_round(status: &RegistryStatus, now: Timestamp) -> String {
    let Some(round) = &status.last_round else {
        return if status.running {
            "none; the first round is running".to_owned()
        } else {
            "none yet".to_owned()
        };
    };
    let running = if status.running {
        "; another round is running"
    } else {
        ""
    };
    let ago = Seconds(seconds(round.finished_at, now));
    format!(
        "{} {ago} ago{}{running}",
        round.outcome.as_str(),
        result(round)
    )
}

fn result(round: &Round) -> String {
    let mut text = String::new();
    if !round.error.is_empty() {
        let _ = write!(text, " ({})", round.error);
    }
    if let Some(counts) = counts::describe(round.counts, round.outcome == RoundOutcome::Done) {
        let _ = write!(text, ": {counts}");
    }
    text
}

fn failures_outside_the_table(status: &RegistryStatus) -> impl Iterator<Item = &RoundFailure> {
    let failures = status.last_round.iter().flat_map(|round| &round.failures);
    failures.filter(|failure| {
        let mut listed = status.applications.iter();
        !listed.any(|it| it.name == failure.application && it.error == failure.error)
    })
}

/// After a failed round, the states compare this AMS with an older catalogue of the registry.
fn age_of_states(status: &RegistryStatus, now: Timestamp) -> Option<String> {
    let last = status.last_round.as_ref()?;
    if last.outcome != RoundOutcome::Failed || status.applications.is_empty() {
        return None;
    }
    Some(match status.seen_at {
        Some(seen) => {
            let ago = Seconds(seconds(seen, now));
            format!("as of {ago} ago, when the registry last answered")
        }
        None => "without the registry, which has not answered yet".to_owned(),
    })
}

fn next_round(status: &RegistryStatus, now: Timestamp) -> String {
    match status.next_round {
        Some(next) => format!("in {}", Seconds(seconds(now, next))),
        None if status.running && status.mode != "manual" => "after the current round".to_owned(),
        None => "not scheduled".to_owned(),
    }
}

fn change_feed(status: &RegistryStatus) -> String {
    match &status.change_feed_error {
        Some(cause) => format!("{} ({cause})", status.change_feed),
        None => status.change_feed.clone(),
    }
}

fn clock(ahead: i64) -> String {
    let difference = Seconds(ahead.unsigned_abs());
    let direction = if ahead < 0 { "behind" } else { "ahead of" };
    format!("the registry is {difference} {direction} this machine")
}

fn seconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_second() - from.as_second()).unwrap_or(0)
}
