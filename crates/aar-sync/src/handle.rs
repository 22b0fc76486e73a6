//! The agent as its owner sees it: started, asked, watched, stopped.

use std::sync::Arc;

use aar_client::Jitter;
use aar_types::{ApplicationName, Clock};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    AgentStatus, Configuration, Direction, Held, LocalCatalogue, RoundRefused, RoundReport,
    assignment::Assignment,
    board::Board,
    confirmation::Confirmation,
    message::{Message, Reply},
    worker::Worker,
};

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

/// Who asks for a round and drops the future does not want it any more. A round of one application
/// ends when everybody who asked has gone; so does a round of everything, unless it would have run
/// anyhow: because it is time, or because something changed. What has been transferred by then is
/// kept, and the next round goes on there.
impl AgentHandle {
    /// Runs a round, or joins the one that is running, and tells how it went. What somebody has
    /// confirmed of what is [held](AgentStatus::held) is removed in this round. What would go
    /// beyond it, or for another reason, is held back again; and so is what has not gone yet when
    /// whoever confirmed it drops the future.
    pub async fn sync_now(&self, confirmed: Option<Held>) -> Result<RoundReport, RoundRefused> {
        let (confirmed, _guard) = confirmed.map(Confirmation::new).unzip();
        self.ask(|reply| Message::SyncNow { confirmed, reply })
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

    /// Tells that local applications changed: in push mode a round begins at once, in the others the
    /// status tells what is left to do.
    pub fn local_changed(&self) {
        self.send(Message::LocalChanged);
    }

    /// Tells that an application was deleted in the registry, for the architecture of this place.
    pub fn deleted_there(&self, name: ApplicationName) {
        self.send(Message::DeletedThere(name));
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
