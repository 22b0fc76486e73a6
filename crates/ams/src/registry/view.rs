//! The registry and its agent in the API.

use aar_sync::{
    AgentStatus, Counts, FeedState, KnownRegistry, RoundReport, StepFailure, SyncDirection,
    SyncMode, SyncState, TransferStatus,
};
use aar_types::{Application, Architecture, Variant};
use ams_api::{
    ApplicationSync, Conflict, HeldRemovals, RegistryApplication, RegistryApplicationVersion,
    RegistryStatus, Round, RoundCounts, RoundFailure, RoundOutcome, Transfer, TransferDirection,
};

use crate::config::RegistryTarget;

/// If the architectures differ, the metadata is that of the first one.
pub(super) fn application(listed: &Application) -> RegistryApplication {
    let first = listed
        .variants
        .first()
        .map(|variant| variant.metadata.clone());
    let metadata = first.unwrap_or_default();
    let architectures = listed.variants.iter().map(|v| v.architecture.to_string());
    RegistryApplication {
        name: listed.name.to_string(),
        architectures: architectures.collect(),
        boot_package: metadata.boot_package,
        instance_type: metadata.instance_type,
        tags: metadata.tags,
        versions: listed.variants.iter().rev().flat_map(versions).collect(),
        vm: metadata.vm,
    }
}

fn versions(variant: &Variant) -> impl Iterator<Item = (u32, RegistryApplicationVersion)> {
    variant.versions.iter().map(|version| {
        let manifest = version.manifest.clone();
        let shown = RegistryApplicationVersion {
            boot_activity: manifest.boot_activity,
            features: manifest.features,
            hooks: manifest.hooks,
            bootstrap: manifest.bootstrap,
            video_encoder: manifest.video_encoder,
        };
        (version.number.0, shown)
    })
}

/// Until the agent has observed the registry, the status shows the followed one.
pub(super) fn status(
    agent: AgentStatus,
    target: &RegistryTarget,
    architecture: Architecture,
    followed: Option<KnownRegistry>,
) -> RegistryStatus {
    let observed_at = agent.registry.as_ref().map(|it| it.at);
    let observed = agent.registry.map(|it| (it.id, it.revision));
    let followed = followed.filter(|_| target.mode == SyncMode::Pull);
    let followed = followed.map(|followed| (followed.id, followed.revision));
    let (registry_id, revision) = observed.or(followed).unzip();
    RegistryStatus {
        mode: target.mode.to_string(),
        architecture: architecture.to_string(),
        url: target
            .url
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        problem: agent.problem.unwrap_or_default(),
        registry_id: registry_id.map(|id| id.to_string()),
        revision: revision.map(|revision| revision.0),
        seen_at: observed_at,
        running: agent.running,
        last_round: agent.last_round.map(round),
        next_round: agent.next_round,
        change_feed: feed(agent.change_feed),
        change_feed_error: agent.change_feed_error,
        clock_skew_seconds: agent.clock_skew_seconds,
        held: agent.held.as_ref().map(held),
        conflicts: agent.conflicts.iter().map(conflict).collect(),
        applications: agent.applications.iter().map(application_sync).collect(),
        transfers: agent.transfers.iter().map(transfer).collect(),
    }
}

fn round(report: RoundReport) -> Round {
    Round {
        started_at: report.started,
        finished_at: report.finished,
        outcome: match report.outcome {
            aar_sync::RoundOutcome::Done => RoundOutcome::Done,
            aar_sync::RoundOutcome::Incomplete => RoundOutcome::Incomplete,
            aar_sync::RoundOutcome::Failed => RoundOutcome::Failed,
            aar_sync::RoundOutcome::Cancelled => RoundOutcome::Cancelled,
        },
        error: report.error.unwrap_or_default(),
        counts: counts(report.counts),
        failures: report.failures.iter().map(failure).collect(),
    }
}

fn failure(failure: &StepFailure) -> RoundFailure {
    RoundFailure {
        application: failure.application.to_string(),
        version: failure.version.map(|version| version.0),
        error: failure.error.clone(),
    }
}

fn counts(counts: Counts) -> RoundCounts {
    RoundCounts {
        imported: counts.imported,
        pushed: counts.pushed,
        updated: counts.updated,
        removed: counts.removed,
    }
}

fn feed(state: FeedState) -> String {
    let word = match state {
        FeedState::Off => "off",
        FeedState::Listening => "listening",
        FeedState::Broken => "broken",
    };
    word.to_owned()
}

fn held(held: &aar_sync::HeldRemovals) -> HeldRemovals {
    HeldRemovals {
        reason: held.reason.to_string(),
        applications: held.applications.iter().map(ToString::to_string).collect(),
    }
}

fn conflict(conflict: &aar_sync::Conflict) -> Conflict {
    Conflict {
        application: conflict.application().to_string(),
        version: match conflict {
            aar_sync::Conflict::LocalApplication { .. } => None,
            aar_sync::Conflict::OtherContent { version, .. } => Some(version.0),
        },
        reason: conflict.to_string(),
    }
}

fn application_sync(status: &aar_sync::ApplicationState) -> ApplicationSync {
    ApplicationSync {
        name: status.name.to_string(),
        state: state(status.state).to_owned(),
        error: status.error.clone().unwrap_or_default(),
    }
}

pub(super) fn state(state: SyncState) -> &'static str {
    match state {
        SyncState::Synced => "synced",
        SyncState::Pending => "pending",
        SyncState::Building => "building",
        SyncState::Failed => "failed",
        SyncState::Conflict => "conflict",
        SyncState::Held => "held",
    }
}

fn transfer(status: &TransferStatus) -> Transfer {
    Transfer {
        application: status.name.to_string(),
        version: status.version.0,
        direction: match status.direction {
            SyncDirection::Pull => TransferDirection::Pull,
            SyncDirection::Push => TransferDirection::Push,
        },
        bytes: status.bytes,
        total: status.total,
        bytes_per_second: status.bytes_per_second,
    }
}

/// Why a requested round is not a success; `None` if it is.
pub(super) fn failure_message(report: &RoundReport) -> Option<String> {
    if report.outcome == aar_sync::RoundOutcome::Cancelled {
        let why = report.error.as_deref().unwrap_or("AMS is stopping");
        return Some(format!("the round was cancelled: {why}"));
    }
    let failures = report.failures.iter().map(|failure| match failure.version {
        Some(version) => format!("{} {version}: {}", failure.application, failure.error),
        None => format!("{}: {}", failure.application, failure.error),
    });
    let conflicts = report.conflicts.iter().map(ToString::to_string);
    let held = report.held.iter().map(ToString::to_string);
    let error = report.error.clone().into_iter();
    let all: Vec<_> = error.chain(failures).chain(conflicts).chain(held).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

#[cfg(test)]
mod tests {
    use aar_sync::ObservedRegistry;
    use aar_types::{
        ApplicationMetadata, Digest, Fingerprint, ImageInfo, Revision, Version, VersionManifest,
        VersionNumber,
    };
    use jiff::Timestamp;

    use super::*;

    fn variant(architecture: Architecture, numbers: &[u32], feature: &str) -> Variant {
        let version = |number: &u32| Version {
            number: VersionNumber(*number),
            published: true,
            created_at: Timestamp::UNIX_EPOCH,
            manifest: VersionManifest {
                features: vec![feature.to_owned()],
                ..VersionManifest::default()
            },
            image: ImageInfo {
                fingerprint: Fingerprint::from_bytes([0; 32]),
                digest: Digest::from_bytes([0; 32]),
                size: 1,
            },
        };
        Variant {
            architecture,
            metadata: ApplicationMetadata::default(),
            versions: numbers.iter().map(version).collect(),
        }
    }

    #[test]
    fn application_of_two_architectures_is_shown_as_one() {
        let shown = application(&Application {
            name: "game".parse().unwrap(),
            variants: vec![
                variant(Architecture::Amd64, &[0, 1], "first"),
                variant(Architecture::Arm64, &[1, 2], "second"),
            ],
        });
        assert_eq!(shown.architectures, ["amd64", "arm64"]);
        let numbers: Vec<_> = shown.versions.keys().copied().collect();
        assert_eq!(numbers, [0, 1, 2]);
        assert_eq!(shown.versions[&1].features, ["first"]);
    }

    #[test]
    fn revision_is_the_last_observed_one_and_a_publisher_follows_none() {
        let shown = |mode, seen: Option<u64>| {
            let registry = seen.map(|revision| ObservedRegistry {
                id: "seen".parse().unwrap(),
                revision: Revision(revision),
                at: Timestamp::UNIX_EPOCH,
            });
            let agent = AgentStatus {
                registry,
                ..AgentStatus::default()
            };
            let target = RegistryTarget {
                mode,
                ..crate::config::ConfigValues::default().registry()
            };
            let followed = KnownRegistry {
                id: "followed".parse().unwrap(),
                revision: Revision(0),
                held: None,
            };
            status(agent, &target, Architecture::Amd64, Some(followed)).revision
        };
        assert_eq!(shown(SyncMode::Push, Some(7)), Some(7));
        assert_eq!(shown(SyncMode::Push, None), None);
        assert_eq!(shown(SyncMode::Pull, Some(7)), Some(7));
        assert_eq!(shown(SyncMode::Pull, None), Some(0));
    }

    fn report(outcome: aar_sync::RoundOutcome) -> RoundReport {
        RoundReport {
            started: Timestamp::UNIX_EPOCH,
            finished: Timestamp::UNIX_EPOCH,
            outcome,
            error: None,
            counts: Counts::default(),
            failures: Vec::new(),
            held: None,
            conflicts: Vec::new(),
        }
    }

    #[test]
    fn round_with_a_failure_has_a_failure_message() {
        assert_eq!(failure_message(&report(aar_sync::RoundOutcome::Done)), None);
        assert!(failure_message(&report(aar_sync::RoundOutcome::Cancelled)).is_some());
        let mut incomplete = report(aar_sync::RoundOutcome::Incomplete);
        incomplete.failures.push(StepFailure {
            application: "game".parse().unwrap(),
            version: Some(VersionNumber(3)),
            error: "broken".to_owned(),
        });
        let sentence = failure_message(&incomplete).unwrap();
        assert_eq!(sentence, "game 3: broken");
    }
}
