use ams_api::{RegistryStatus, RoundOutcome, TransferDirection};

use super::text::Text;
use crate::registry::AgentMetrics;

/// Writes how the registry agent is doing.
pub(super) fn write(status: &RegistryStatus, text: &mut Text) {
    let held = status
        .held
        .as_ref()
        .map_or(0, |held| held.applications.len());
    let failed = status
        .applications
        .iter()
        .filter(|it| !it.error.is_empty())
        .count();
    let revision = status.revision.unwrap_or(0);
    let skew = status.clock_skew_seconds.unwrap_or(0);
    text.gauge(
        "ams_registry_round_running",
        "Whether a round runs",
        u8::from(status.running),
    );
    text.gauge(
        "ams_registry_revision",
        "Revision of the catalogue that was seen",
        revision,
    );
    text.gauge(
        "ams_registry_held_removals",
        "Applications whose removal is held",
        held,
    );
    text.gauge(
        "ams_registry_conflicts",
        "What cannot be brought together",
        status.conflicts.len(),
    );
    text.gauge(
        "ams_registry_failed_applications",
        "Applications that are not in step",
        failed,
    );
    text.gauge(
        "ams_registry_clock_skew_seconds",
        "How far the registry's clock is ahead",
        skew,
    );
    last_round(status, text);
    transfers(status, text);
}

fn last_round(status: &RegistryStatus, text: &mut Text) {
    let Some(round) = &status.last_round else {
        return;
    };
    let took = round
        .finished_at
        .duration_since(round.started_at)
        .as_secs_f64();
    let done = u8::from(round.outcome == RoundOutcome::Done);
    let ended = round.finished_at.as_second();
    text.gauge(
        "ams_registry_last_round_success",
        "Whether the last round did all of it",
        done,
    );
    text.gauge(
        "ams_registry_last_round_seconds",
        "How long the last round took",
        took,
    );
    text.gauge(
        "ams_registry_last_round_end_timestamp_seconds",
        "When the last round ended",
        ended,
    );
    let changes = "ams_registry_last_round_changes";
    text.describe(changes, "What the last round did", "gauge");
    for (kind, count) in [
        ("imported", round.counts.imported),
        ("pushed", round.counts.pushed),
        ("updated", round.counts.updated),
        ("removed", round.counts.removed),
    ] {
        text.sample(changes, &[("kind", kind)], count);
    }
}

/// Writes what the agent has come to since the start.
pub(super) fn write_metrics(metrics: &AgentMetrics, text: &mut Text) {
    let AgentMetrics { totals, .. } = metrics;
    let counters = |text: &mut Text, name, help, label, values: &[(&str, u64)]| {
        text.describe(name, help, "counter");
        for (value, count) in values {
            text.sample(name, &[(label, value)], count);
        }
    };
    counters(
        text,
        "ams_registry_rounds_total",
        "Rounds that have ended",
        "outcome",
        &[
            ("done", totals.rounds.done),
            ("incomplete", totals.rounds.incomplete),
            ("failed", totals.rounds.failed),
            ("cancelled", totals.rounds.cancelled),
        ],
    );
    counters(
        text,
        "ams_registry_changes_total",
        "What the rounds did",
        "kind",
        &[
            ("imported", totals.counts.imported),
            ("pushed", totals.counts.pushed),
            ("updated", totals.counts.updated),
            ("removed", totals.counts.removed),
        ],
    );
    counters(
        text,
        "ams_registry_image_bytes_total",
        "Size of the images that have arrived",
        "direction",
        &[
            ("pull", totals.counts.bytes_pulled),
            ("push", totals.counts.bytes_pushed),
        ],
    );
    write_state(metrics, text);
}

fn write_state(metrics: &AgentMetrics, text: &mut Text) {
    let last_done = metrics.totals.last_done;
    text.gauge(
        "ams_registry_lag_seconds",
        "For how long the two sides have not been in step",
        metrics.lag.as_secs_f64(),
    );
    text.gauge(
        "ams_registry_last_success_timestamp_seconds",
        "When a round last did all of it",
        last_done.map_or(0, jiff::Timestamp::as_second),
    );
    let states = "ams_registry_applications";
    text.describe(
        states,
        "Applications that take part, by their state",
        "gauge",
    );
    for (state, count) in metrics.applications {
        text.sample(states, &[("state", state)], count);
    }
    let arrivals = "ams_registry_publication_to_usable_seconds";
    text.describe(
        arrivals,
        "Time from the publication of a version until it can be used here",
        "histogram",
    );
    text.histogram(arrivals, &[], &metrics.arrivals);
}

fn transfers(status: &RegistryStatus, text: &mut Text) {
    let name = "ams_registry_transfer_bytes_per_second";
    text.describe(name, "Speed of the images that are on their way", "gauge");
    for direction in [TransferDirection::Pull, TransferDirection::Push] {
        let of_direction = status
            .transfers
            .iter()
            .filter(|it| it.direction == direction);
        let speed: u64 = of_direction.map(|it| it.bytes_per_second).sum();
        text.sample(name, &[("direction", direction.as_str())], speed);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ams_api::{HeldRemovals, Round, RoundCounts};
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn what_the_agent_says_is_measured() {
        let round = Round {
            started_at: Timestamp::from_second(100).unwrap(),
            finished_at: Timestamp::from_second(103).unwrap(),
            outcome: RoundOutcome::Incomplete,
            error: String::new(),
            counts: RoundCounts {
                imported: 4,
                ..RoundCounts::default()
            },
            failures: Vec::new(),
        };
        let held = HeldRemovals {
            applications: vec!["a".to_owned(), "b".to_owned()],
            ..HeldRemovals::default()
        };
        let status = RegistryStatus {
            last_round: Some(round),
            held: Some(held),
            ..RegistryStatus::default()
        };
        let mut text = Text::new(&BTreeMap::new());
        write(&status, &mut text);
        let text = text.finish();
        for sample in [
            "ams_registry_held_removals 2\n",
            "ams_registry_last_round_success 0\n",
            "ams_registry_last_round_seconds 3\n",
            "ams_registry_last_round_changes{kind=\"imported\"} 4\n",
        ] {
            assert!(text.contains(sample), "{sample}: {text}");
        }
    }
}
