use std::collections::BTreeMap;

use aar_types::{Bootstrap, Hooks, VideoEncoder, null_as_empty};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An application in the registry, as AMS shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegistryApplication {
    /// Its name.
    pub name: String,
    /// The architectures that there are versions for.
    #[serde(deserialize_with = "null_as_empty")]
    pub architectures: Vec<String>,
    /// The Android package that is started.
    pub boot_package: String,
    /// The instance type it asks for.
    pub instance_type: String,
    /// Labels.
    #[serde(deserialize_with = "null_as_empty")]
    pub tags: Vec<String>,
    /// The versions by number.
    #[serde(deserialize_with = "null_as_empty")]
    pub versions: BTreeMap<u32, RegistryApplicationVersion>,
    /// Whether it runs in a virtual machine.
    pub vm: bool,
}

/// A version of an application in the registry, as AMS shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegistryApplicationVersion {
    /// The activity that is started.
    pub boot_activity: String,
    /// Features that it makes use of.
    #[serde(deserialize_with = "null_as_empty")]
    pub features: Vec<String>,
    /// Limits of its hooks.
    pub hooks: Hooks,
    /// What is kept of its package.
    pub bootstrap: Bootstrap,
    /// How video is encoded.
    pub video_encoder: VideoEncoder,
}

/// The request that runs a round now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncPost {
    /// Whether removals that are held back are carried out in this round.
    pub confirm_removals: bool,
}

/// How AMS and its registry stand to each other: the body of `GET /1.0/registry/status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegistryStatus {
    /// `pull`, `push` or `manual`.
    pub mode: String,
    /// The architecture whose versions this AMS pulls; empty where it does not say.
    pub architecture: String,
    /// Where the registry is; empty while none is set up.
    pub url: String,
    /// The identity of the registry that was last seen.
    pub registry_id: Option<String>,
    /// The revision of its catalogue that this AMS has seen.
    pub revision: Option<u64>,
    /// When the registry last answered with its catalogue, since the configuration last changed.
    pub seen_at: Option<Timestamp>,
    /// Why nothing happens although it should: what is wrong with the configuration. Else empty.
    pub problem: String,
    /// Whether a round runs.
    pub running: bool,
    /// The last round that ended.
    pub last_round: Option<Round>,
    /// When the next round starts by itself.
    pub next_round: Option<Timestamp>,
    /// Whether publications are heard of at once: `off`, `listening` or `broken`.
    pub change_feed: String,
    /// Why it is broken; absent while it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_feed_error: Option<String>,
    /// How many seconds the clock of the registry is ahead, where that is enough to do harm.
    pub clock_skew_seconds: Option<i64>,
    /// Removals that wait for somebody to confirm them.
    pub held: Option<HeldRemovals>,
    /// What cannot be brought together, and why.
    pub conflicts: Vec<Conflict>,
    /// Every application that takes part: what is here now beside the catalogue of the registry as it
    /// was last seen.
    pub applications: Vec<ApplicationSync>,
    /// Images that are on their way.
    pub transfers: Vec<Transfer>,
}

/// One time that the agent compared and acted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// How it ended.
    pub outcome: RoundOutcome,
    /// Why it failed or was cancelled; else empty.
    #[serde(default)]
    pub error: String,
    /// What it did.
    #[serde(default)]
    pub counts: RoundCounts,
    /// The applications that are not as they should be because of it, and why.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub failures: Vec<RoundFailure>,
}

/// What went wrong with one application in a round.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoundFailure {
    /// The application.
    pub application: String,
    /// The version, where it is about one.
    pub version: Option<u32>,
    /// What went wrong.
    pub error: String,
}

/// How a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoundOutcome {
    /// Everything is as it should be.
    Done,
    /// Some applications are not as they should be; each says why.
    Incomplete,
    /// Nothing could be done.
    Failed,
    /// It was ended early; the error says why.
    Cancelled,
    /// Something that a newer server tells.
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

/// What a round did, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoundCounts {
    /// Versions that were imported.
    pub imported: u64,
    /// Versions that were pushed.
    pub pushed: u64,
    /// Changes of metadata and of what is published.
    pub updated: u64,
    /// Applications and versions that were removed.
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

/// Removals that are not carried out until somebody confirms them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HeldRemovals {
    /// Why they are held.
    pub reason: String,
    /// The applications that would go.
    pub applications: Vec<String>,
}

/// Something that cannot be brought together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conflict {
    /// The application.
    pub application: String,
    /// The version, where it is about one.
    pub version: Option<u32>,
    /// What stands against it.
    pub reason: String,
}

/// How one application stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApplicationSync {
    /// Its name.
    pub name: String,
    /// In a word: `synced`, `pending`, `building`, `held`, `conflict` or `failed`.
    pub state: String,
    /// Why it failed; else empty.
    pub error: String,
}

/// An image that is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// The application.
    pub application: String,
    /// The version.
    pub version: u32,
    /// Which way it goes.
    pub direction: TransferDirection,
    /// How many bytes have been moved.
    pub bytes: u64,
    /// How many there are in all.
    pub total: u64,
    /// How many move in a second at present.
    pub bytes_per_second: u64,
}

/// Which way an image goes.
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
