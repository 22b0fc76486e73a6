use aar_daemon::http::metrics::{counters, gauges};
use ams_api::{RegistryStatus, RoundOutcome, TransferDirection};
use prometheus_client::{metrics::gauge::ConstGauge, registry::Registry};

use crate::registry::AgentMetrics;

/// Adds the status of the registry agent to a registry of metrics.
pub(super) fn register_status(status: &RegistryStatus, registry: &mut Registry) {
    let held = status.held.as_ref().map(|held| held.applications.len());
    let failed = status.applications.iter().filter(|it| !it.error.is_empty());
    registry.register(
        "round_running",
        "Whether a round runs",
        ConstGauge::new(u32::from(status.running)),
    );
    registry.register(
        "revision",
        "Last seen revision of the catalogue",
        ConstGauge::new(status.revision.unwrap_or(0)),
    );
    registry.register(
        "held_removals",
        "Applications whose removal waits for a confirmation",
        ConstGauge::new(held.unwrap_or(0)),
    );
    registry.register(
        "conflicts",
        "Conflicts between AMS and the registry",
        ConstGauge::new(status.conflicts.len()),
    );
    registry.register(
        "failed_applications",
        "Applications that are not synchronised, with a reason",
        ConstGauge::new(failed.count()),
    );
    registry.register(
        "clock_skew_seconds",
        "How far the clock of the registry is ahead",
        ConstGauge::new(status.clock_skew_seconds.unwrap_or(0)),
    );
    register_last_round(status, registry);
    register_transfers(status, registry);
}

fn register_last_round(status: &RegistryStatus, registry: &mut Registry) {
    let Some(round) = &status.last_round else {
        return;
    };
    let duration = round.finished_at.duration_since(round.started_at);
    let is_done = round.outcome == RoundOutcome::Done;
    registry.register(
        "last_round_success",
        "Whether the last round was complete",
        ConstGauge::new(u32::from(is_done)),
    );
    registry.register(
        "last_round_seconds",
        "Duration of the last round",
        ConstGauge::new(duration.as_secs_f64()),
    );
    registry.register(
        "last_round_end_timestamp_seconds",
        "End of the last round",
        ConstGauge::new(round.finished_at.as_second()),
    );
    let changes = gauges([
        ([("kind", "imported")], round.counts.imported),
        ([("kind", "pushed")], round.counts.pushed),
        ([("kind", "updated")], round.counts.updated),
        ([("kind", "removed")], round.counts.removed),
    ]);
    registry.register("last_round_changes", "Actions of the last round", changes);
}

fn register_transfers(status: &RegistryStatus, registry: &mut Registry) {
    let directions = [TransferDirection::Pull, TransferDirection::Push];
    let speeds = gauges(directions.map(|direction| {
        let transfers = status.transfers.iter();
        let transfers = transfers.filter(|transfer| transfer.direction == direction);
        let speed = transfers.map(|transfer| transfer.bytes_per_second).sum();
        ([("direction", direction.as_str())], speed)
    }));
    registry.register(
        "transfer_bytes_per_second",
        "Speed of the transfers in flight",
        speeds,
    );
}

/// Adds what the agent has done since the start.
pub(super) fn register_metrics(metrics: AgentMetrics, registry: &mut Registry) {
    let rounds = metrics.totals.rounds;
    let rounds = counters([
        ([("outcome", "done")], rounds.done),
        ([("outcome", "incomplete")], rounds.incomplete),
        ([("outcome", "failed")], rounds.failed),
        ([("outcome", "cancelled")], rounds.cancelled),
    ]);
    registry.register("rounds", "Rounds that have ended", rounds);
    let counts = metrics.totals.counts;
    let changes = counters([
        ([("kind", "imported")], counts.imported),
        ([("kind", "pushed")], counts.pushed),
        ([("kind", "updated")], counts.updated),
        ([("kind", "removed")], counts.removed),
    ]);
    registry.register("changes", "Actions of all rounds", changes);
    let bytes = counters([
        ([("direction", "pull")], counts.bytes_pulled),
        ([("direction", "push")], counts.bytes_pushed),
    ]);
    registry.register("image_bytes", "Size of transferred images", bytes);
    registry.register(
        "lag_seconds",
        "Time since AMS and the registry were in sync",
        ConstGauge::new(metrics.lag.as_secs_f64()),
    );
    let last_done = metrics.totals.last_done;
    registry.register(
        "last_success_timestamp_seconds",
        "Time of the last complete round",
        ConstGauge::new(last_done.map_or(0, jiff::Timestamp::as_second)),
    );
    let states = metrics.applications;
    let states = gauges(states.map(|(state, count)| ([("state", state)], count as u64)));
    registry.register("applications", "Synchronised applications by state", states);
    registry.register(
        "publication_to_usable_seconds",
        "Time from the publication of a version until it is usable here",
        metrics.arrivals,
    );
}

#[cfg(test)]
mod tests {
    use ams_api::{HeldRemovals, Round, RoundCounts};
    use jiff::Timestamp;
    use prometheus_client::encoding::prometheus_text;

    use super::*;

    #[test]
    fn status_of_the_agent_is_exposed() {
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
        let mut registry = Registry::with_prefix("ams_registry");
        register_status(&status, &mut registry);
        let mut text = String::new();
        prometheus_text::encode(&mut text, &registry).unwrap();
        for sample in [
            "ams_registry_held_removals 2\n",
            "ams_registry_last_round_success 0\n",
            "ams_registry_last_round_seconds 3.0\n",
            "ams_registry_last_round_changes{kind=\"imported\"} 4\n",
        ] {
            assert!(text.contains(sample), "{sample}: {text}");
        }
    }
}
