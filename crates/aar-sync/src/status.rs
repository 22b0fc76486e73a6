use std::fmt;

use aar_types::{ApplicationName, RegistryId, Revision, VersionNumber};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Conflict, Held, Totals};

/// What an agent does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Follows the registry.
    Pull,
    /// Brings the local applications to the registry.
    Push,
    /// Nothing; it pushes and pulls what it is told to.
    Manual,
}

impl Mode {
    /// Which way its rounds go; none where there are none.
    pub(crate) fn direction(self) -> Option<Direction> {
        match self {
            Self::Pull => Some(Direction::Pull),
            Self::Push => Some(Direction::Push),
            Self::Manual => None,
        }
    }

    /// The name in configurations and bodies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Manual => "manual",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How an agent is doing. Everything in it is for people and monitoring; nothing is decided by it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentStatus {
    /// What it does by itself; absent while no registry is configured.
    pub mode: Option<Mode>,
    /// Why it does nothing although it should, in a sentence: what is wrong with the configuration.
    pub problem: Option<String>,
    /// Whether a round is running.
    pub running: bool,
    /// The registry as it was last seen.
    pub registry: Option<SeenRegistry>,
    /// The last round that ended.
    pub last_round: Option<RoundReport>,
    /// When the next round starts by itself.
    pub next_round: Option<Timestamp>,
    /// Whether publications are heard of at once, or only when the next round asks.
    pub change_feed: FeedState,
    /// Why the change feed is broken, in a sentence.
    #[serde(default)]
    pub change_feed_error: Option<String>,
    /// How many seconds the registry's clock is ahead of this machine's, where that is enough to
    /// do harm to certificates.
    pub clock_skew_seconds: Option<i64>,
    /// The removals that are held back, and why.
    pub held: Option<Held>,
    /// What the two sides disagree on; somebody has to decide.
    pub conflicts: Vec<Conflict>,
    /// The applications that take part, by name, as they stand to the registry as it was last seen.
    pub applications: Vec<ApplicationStatus>,
    /// The images that are on their way.
    pub transfers: Vec<TransferStatus>,
    /// What it has done so far.
    pub totals: Totals,
}

/// A registry as it was last seen, whether it is followed or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenRegistry {
    /// Its identity.
    pub id: RegistryId,
    /// The revision of its catalogue.
    pub revision: Revision,
    /// When that was.
    pub at: Timestamp,
}

/// Whether an agent hears of publications at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedState {
    /// It does not listen: the mode does not ask for it, or there was no listing yet.
    #[default]
    Off,
    /// It listens.
    Listening,
    /// The connection is broken; it is tried again.
    Broken,
}

/// How a round went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundReport {
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed or was ended early, in a sentence.
    pub error: Option<String>,
    /// What was done.
    pub counts: Counts,
    /// The applications that are not as they should be, and why.
    pub failures: Vec<Failure>,
    /// The removals that were held back, and why.
    pub held: Option<Held>,
    /// What the two sides disagree on.
    pub conflicts: Vec<Conflict>,
}

/// How a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Everything that could be done was done; what is held or in conflict waits for a decision.
    Done,
    /// Something failed and will be tried again; each application says why.
    Incomplete,
    /// Nothing could be done: the registry or the local catalogue did not answer.
    Failed,
    /// It was ended early: by a change of the configuration, by the end of the program, or because
    /// everybody who had asked for it went away. What had arrived by then is kept.
    Cancelled,
}

/// What a round has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Versions pulled and made usable.
    pub imported: u64,
    /// Versions pushed.
    pub pushed: u64,
    /// Metadata changed, versions offered or withdrawn.
    pub updated: u64,
    /// Versions and applications removed.
    pub removed: u64,
    /// Bytes of the images that were pulled.
    pub bytes_pulled: u64,
    /// Bytes of the images that were pushed.
    pub bytes_pushed: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.imported += more.imported;
        self.pushed += more.pushed;
        self.updated += more.updated;
        self.removed += more.removed;
        self.bytes_pulled += more.bytes_pulled;
        self.bytes_pushed += more.bytes_pushed;
    }
}

/// What went wrong with one application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The application.
    pub application: ApplicationName,
    /// The version, where it is about one.
    pub version: Option<VersionNumber>,
    /// What went wrong, in a sentence.
    pub error: String,
}

/// Where one application stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationStatus {
    /// The application.
    pub name: ApplicationName,
    /// Whether it is as it should be.
    pub state: ApplicationState,
    /// Why not, in a sentence.
    pub error: Option<String>,
}

/// Whether an application is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApplicationState {
    /// Both sides are the same.
    Synced,
    /// There is something left to do.
    Pending,
    /// A version is still being made here; there is nothing to push of it yet.
    Building,
    /// Something went wrong; the next round tries again.
    Failed,
    /// The two sides disagree; nothing is done until somebody decides.
    Conflict,
    /// It would be removed, and is held back.
    Held,
}

/// An image that is on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransferStatus {
    /// The application.
    pub name: ApplicationName,
    /// The version.
    pub version: VersionNumber,
    /// Where it goes.
    pub direction: Direction,
    /// How many bytes have arrived.
    pub bytes: u64,
    /// How many bytes there are.
    pub total: u64,
    /// How many bytes a second arrive at present.
    pub bytes_per_second: u64,
}

/// Where an image goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the registry to here.
    Pull,
    /// From here to the registry.
    Push,
}
