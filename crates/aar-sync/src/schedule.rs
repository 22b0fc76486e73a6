//! When rounds run: by the interval, at once when something changed, and by hand.

use std::{sync::Arc, time::Duration};

use aar_client::{Jitter, RegistryClient};
use aar_types::{ApplicationName, Clock};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    AgentStatus, Direction, LocalCatalogue, Mode, RoundReport,
    agent::{Message, Worker},
    board::Board,
    round::Assignment,
};

/// What an agent is to do, and with which registry.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// The registry.
    pub client: RegistryClient,
    /// What the agent does by itself.
    pub mode: Mode,
    /// How long it rests between two rounds.
    pub interval: Duration,
    /// The tags of which a pulled application has to have one; empty for every application.
    pub tags: Vec<String>,
}

/// The configuration of an agent, or why there is none.
#[derive(Debug, Clone)]
pub enum Configuration {
    /// No registry is configured.
    Off,
    /// The configuration cannot be used, with the sentence that says why.
    Unusable(String),
    /// A registry is configured.
    On(AgentConfig),
}

impl From<Option<AgentConfig>> for Configuration {
    fn from(config: Option<AgentConfig>) -> Self {
        config.map_or(Self::Off, Self::On)
    }
}

/// Why a round that was asked for did not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoundRefused {
    /// No registry is configured.
    #[error("no registry is configured; set registry.url and registry.fingerprint")]
    Off,
    /// The configuration cannot be used.
    #[error("{0}")]
    Unusable(String),
    /// The mode is manual.
    #[error("registry.mode is manual: name the application to push or pull")]
    Manual,
    /// The configuration changed before it was its turn.
    #[error("the configuration of the registry changed meanwhile; ask again")]
    Reconfigured,
    /// The agent has ended.
    #[error("the agent has stopped")]
    Stopped,
}

/// The task that keeps applications in step with a registry.
#[derive(Debug)]
pub struct Agent;

impl Agent {
    /// Starts the task. It runs until [`AgentHandle::stop`], or until every handle is gone,
    /// whatever the registry answers.
    pub fn spawn<L: LocalCatalogue>(
        catalogue: Arc<L>,
        configuration: Configuration,
        clock: Clock,
    ) -> AgentHandle {
        let board = Board::new();
        let (sender, inbox) = mpsc::unbounded_channel();
        let worker = Worker::new(
            catalogue,
            Arc::clone(&board),
            clock,
            Jitter::from_entropy(),
            inbox,
        );
        tokio::spawn(worker.run(configuration));
        AgentHandle {
            messages: sender,
            board,
        }
    }
}

/// The way to talk to an [`Agent`]. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AgentHandle {
    messages: mpsc::UnboundedSender<Message>,
    board: Arc<Board>,
}

impl AgentHandle {
    /// Runs a round, or joins the one that is running, and tells how it went. Confirmed removals
    /// are not held back in this round.
    pub async fn sync_now(&self, confirm_removals: bool) -> Result<RoundReport, RoundRefused> {
        self.ask(|reply| Message::SyncNow {
            confirmed: confirm_removals,
            reply,
        })
        .await
    }

    /// Pulls one application, in any mode.
    pub async fn pull_one(&self, name: ApplicationName) -> Result<RoundReport, RoundRefused> {
        self.run_one(Direction::Pull, name).await
    }

    /// Pushes one application, in any mode.
    pub async fn push_one(&self, name: ApplicationName) -> Result<RoundReport, RoundRefused> {
        self.run_one(Direction::Push, name).await
    }

    async fn run_one(
        &self,
        direction: Direction,
        name: ApplicationName,
    ) -> Result<RoundReport, RoundRefused> {
        let assignment = Assignment {
            direction,
            only: Some(name),
        };
        self.ask(|reply| Message::Run { assignment, reply }).await
    }

    /// Applies another configuration at once. A round of the old one is ended.
    pub fn reconfigure(&self, configuration: impl Into<Configuration>) {
        self.send(Message::Configure(configuration.into()));
    }

    /// Tells that local applications changed: in push mode a round begins at once.
    pub fn local_changed(&self) {
        self.send(Message::LocalChanged);
    }

    /// How the agent is doing at this moment.
    pub fn status(&self) -> AgentStatus {
        self.board.read()
    }

    /// The same, each time something begins or ends. Bytes of transfers are as of that moment;
    /// [`status`](Self::status) has the present ones.
    pub fn watch(&self) -> watch::Receiver<AgentStatus> {
        self.board.watch()
    }

    /// Ends the running round cleanly, then the task.
    pub async fn stop(&self) {
        let (reply, stopped) = oneshot::channel();
        self.send(Message::Stop(reply));
        // The other side is gone when it had stopped before.
        let _ = stopped.await;
    }

    fn send(&self, message: Message) {
        // The other side is gone when it has stopped; then there is nothing to tell it.
        let _ = self.messages.send(message);
    }

    async fn ask(
        &self,
        message: impl FnOnce(Reply) -> Message,
    ) -> Result<RoundReport, RoundRefused> {
        let (reply, answer) = oneshot::channel();
        self.send(message(reply));
        answer.await.unwrap_or(Err(RoundRefused::Stopped))
    }
}

/// Where the outcome of a round goes that was asked for.
pub(crate) type Reply = oneshot::Sender<Result<RoundReport, RoundRefused>>;
