use std::collections::BTreeMap;

use aar_types::{Bootstrap, Hooks, VideoEncoder, null_as_empty};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An application in the registry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegistryApplication {
    /// The name.
    pub name: String,
    /// The architectures that have versions.
    #[serde(deserialize_with = "null_as_empty")]
    pub architectures: Vec<String>,
    /// The Android package to start.
    pub boot_package: String,
    /// The instance type.
    pub instance_type: String,
    /// The tags.
    #[serde(deserialize_with = "null_as_empty")]
    pub tags: Vec<String>,
    /// The versions by number.
    #[serde(deserialize_with = "null_as_empty")]
    pub versions: BTreeMap<u32, RegistryApplicationVersion>,
    /// Whether it runs in a virtual machine.
    pub vm: bool,
}

/// A version of an application in the registry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegistryApplicationVersion {
    /// The activity to start.
    pub boot_activity: String,
    /// The features that it uses.
    #[serde(deserialize_with = "null_as_empty")]
    pub features: Vec<String>,
    /// The limits of its hooks.
    pub hooks: Hooks,
    /// The parts of the package to keep after the bootstrap.
    pub bootstrap: Bootstrap,
    /// The video encoder.
    pub video_encoder: VideoEncoder,
}

/// The request that starts a round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncPost {
    /// Whether this round carries out the held removals.
    pub confirm_removals: bool,
}

/// The state of the registry agent: the body of `GET /1.0/registry/status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegistryStatus {
    /// `pull`, `push` or `manual`.
    pub mode: String,
    /// The architecture whose versions this AMS pulls; empty if AMS does not report it.
    pub architecture: String,
    /// The address of the registry; empty if none is configured.
    pub url: String,
    /// The id of the registry that last answered.
    pub registry_id: Option<String>,
    /// The revision of the last catalogue that AMS received.
    pub revision: Option<u64>,
    /// When AMS last received the catalogue since the configuration last changed.
    pub seen_at: Option<Timestamp>,
    /// The error in the configuration that keeps the agent from working; else empty.
    pub problem: String,
    /// Whether a round is running.
    pub running: bool,
    /// The last round that ended.
    pub last_round: Option<Round>,
    /// When the next round is scheduled.
    pub next_round: Option<Timestamp>,
    /// Whether the registry reports changes at once: `off`, `listening` or `broken`.
    pub change_feed: String,
    /// The reason why the change feed is broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_feed_error: Option<String>,
    /// The number of seconds that the registry's clock is ahead, if the difference is large enough to do
    /// harm.
    pub clock_skew_seconds: Option<i64>,
    /// Removals that wait for a confirmation.
    pub held: Option<HeldRemovals>,
    /// Applications that differ between AMS and the registry and cannot be synchronised.
    pub conflicts: Vec<Conflict>,
    /// Every synchronised application: the state of AMS now, compared with the last catalogue.
    pub applications: Vec<ApplicationSync>,
    /// Images in transfer.
    pub transfers: Vec<Transfer>,
}

/// One comparison with the registry, and the changes that followed from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// When the round started.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// The outcome.
    pub outcome: RoundOutcome,
    /// The reason why it failed or was cancelled; else empty.
    #[serde(default)]
    pub error: String,
    /// The number of changes.
    #[serde(default)]
    pub counts: RoundCounts,
    /// The applications that could not be synchronised, with the error of each.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub failures: Vec<RoundFailure>,
}

/// The failure of one application in a round.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoundFailure {
    /// The name of the application.
    pub application: String,
    /// The version, if the failure is about one.
    pub version: Option<u32>,
    /// The error.
    pub error: String,
}

/// The outcome of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoundOutcome {
    /// Every application is in sync.
    Done,
    /// Some applications failed.
    Incomplete,
    /// The round failed as a whole.
    Failed,
    /// The round was cancelled; the error has the reason.
    Cancelled,
    /// An outcome that this release does not know.
    #[serde(other)]
    Unknown,
}

impl RoundOutcome {
    /// The name in bodies and listings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }
}

/// The changes of a round, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoundCounts {
    /// Imported versions.
    pub imported: u64,
    /// Pushed versions.
    pub pushed: u64,
    /// Changes of metadata and publications.
    pub updated: u64,
    /// Removed applications and versions.
    pub removed: u64,
}

impl std::ops::AddAssign for RoundCounts {
    fn add_assign(&mut self, more: Self) {
        self.imported += more.imported;
        self.pushed += more.pushed;
        self.updated += more.updated;
        self.removed += more.removed;
    }
}

/// Removals that are not carried out until they are confirmed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HeldRemovals {
    /// The reason why they are held.
    pub reason: String,
    /// The applications to remove.
    pub applications: Vec<String>,
}

/// A difference between AMS and the registry that cannot be synchronised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conflict {
    /// The name of the application.
    pub application: String,
    /// The version, if the conflict is about one.
    pub version: Option<u32>,
    /// The reason why the two cannot be synchronised.
    pub reason: String,
}

/// The state of one application.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApplicationSync {
    /// The name.
    pub name: String,
    /// The state: `synced`, `pending`, `building`, `held`, `conflict` or `failed`.
    pub state: String,
    /// The reason why it failed; else empty.
    pub error: String,
}

/// An image in transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// The name of the application.
    pub application: String,
    /// The version.
    pub version: u32,
    /// The direction.
    pub direction: TransferDirection,
    /// The number of bytes transferred.
    pub bytes: u64,
    /// The size of the image in bytes.
    pub total: u64,
    /// The present speed.
    pub bytes_per_second: u64,
}

/// The direction of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransferDirection {
    /// From the registry.
    Pull,
    /// To the registry.
    Push,
}

impl TransferDirection {
    /// The name in bodies and listings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
        }
    }
}
