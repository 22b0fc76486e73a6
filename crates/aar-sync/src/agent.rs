use std::sync::Arc;

use aar_types::{ApplicationName, Clock};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    config::{RegistryConfig, SyncDirection},
    error::RoundRefused,
    held::{Confirmation, HeldRemovals},
    local_catalogue::LocalCatalogue,
    report::RoundReport,
    request::{AgentMessage, ReplySender, Scope},
    status::{AgentStatus, StatusBoard},
    worker::Worker,
};

/// Controls the task that keeps applications in sync with a registry. Cheap to clone.
///
/// A requester that drops the future of a request cancels it. A round ends early when all its
/// requesters have cancelled, unless a schedule or a change started it too. Completed and partial
/// transfers are kept for the next round.
#[derive(Debug, Clone)]
pub struct Agent {
    messages: mpsc::UnboundedSender<AgentMessage>,
    board: Arc<StatusBoard>,
}

impl Agent {
    /// Starts the task. It runs until [`stop`](Self::stop), or until all clones are dropped.
    pub fn spawn<L: LocalCatalogue>(
        catalogue: Arc<L>,
        config: RegistryConfig,
        clock: Clock,
    ) -> Self {
        let board = StatusBoard::new();
        let (messages, inbox) = mpsc::unbounded_channel();
        let worker = Worker::new(catalogue, Arc::clone(&board), clock, inbox);
        tokio::spawn(worker.run(config));
        Self { messages, board }
    }

    /// Runs a full round, or joins the running one. The round applies the confirmed removals, as they
    /// were [held](AgentStatus::held). It holds all others, and those that are not yet applied when
    /// the requester cancels.
    pub async fn sync_now(
        &self,
        confirmed: Option<HeldRemovals>,
    ) -> Result<RoundReport, RoundRefused> {
        let (confirmation, _guard) = confirmed.map(Confirmation::new).unzip();
        self.request(|reply| AgentMessage::SyncNow {
            confirmation,
            reply,
        })
        .await
    }

    /// Pulls one application, in any mode.
    pub async fn pull_one(&self, name: ApplicationName) -> Result<RoundReport, RoundRefused> {
        self.sync_one(SyncDirection::Pull, name).await
    }

    /// Pushes one application, in any mode.
    pub async fn push_one(&self, name: ApplicationName) -> Result<RoundReport, RoundRefused> {
        self.sync_one(SyncDirection::Push, name).await
    }

    async fn sync_one(
        &self,
        direction: SyncDirection,
        name: ApplicationName,
    ) -> Result<RoundReport, RoundRefused> {
        let scope = Scope {
            direction,
            application: Some(name),
        };
        self.request(|reply| AgentMessage::SyncOne { scope, reply })
            .await
    }

    /// Applies another configuration at once. Cancels the running round.
    pub fn reconfigure(&self, config: impl Into<RegistryConfig>) {
        self.send(AgentMessage::Configure(config.into()));
    }

    /// Reports a change of local applications: starts a round in push mode, updates the status in the
    /// others.
    pub fn local_changed(&self) {
        self.send(AgentMessage::LocalChanged);
    }

    /// Reports that an application was deleted in the registry, for the local architecture.
    pub fn deleted_in_registry(&self, name: ApplicationName) {
        self.send(AgentMessage::DeletedInRegistry(name));
    }

    pub fn status(&self) -> AgentStatus {
        self.board.read()
    }

    /// The status after each change. The progress of transfers is not a change;
    /// [`status`](Self::status) has the present one.
    pub fn watch(&self) -> watch::Receiver<AgentStatus> {
        self.board.watch()
    }

    /// Cancels the running round, waits for its end, and ends the task.
    pub async fn stop(&self) {
        let (reply, stopped) = oneshot::channel();
        self.send(AgentMessage::Stop(reply));
        // The sender is dropped if the task had ended before.
        let _ = stopped.await;
    }

    fn send(&self, message: AgentMessage) {
        // The receiver is gone after the end of the task; then there is nothing to do.
        let _ = self.messages.send(message);
    }

    async fn request(
        &self,
        message: impl FnOnce(ReplySender) -> AgentMessage,
    ) -> Result<RoundReport, RoundRefused> {
        let (reply, result) = oneshot::channel();
        self.send(message(reply));
        result.await.unwrap_or(Err(RoundRefused::Stopped))
    }
}
