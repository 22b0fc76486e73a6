//! The handle of an agent, and its task, which runs one round at a time: other requests join the
//! running round, or wait in the queue if their scope differs.

use std::{collections::VecDeque, sync::Arc};

use aar_types::{ApplicationName, Clock};
use jiff::SignedDuration;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

use crate::{
    config::{RegistryConfig, SyncDirection, SyncMode},
    context::SyncContext,
    error::RoundRefused,
    held::{Confirmation, HeldRemovals},
    local_catalogue::LocalCatalogue,
    reconcile::RoundResult,
    round::{AgentMessage, ReplySender, Scope, WakeUps, reply},
    round::{RoundOutcome, RoundReport},
    schedule::FeedEvent,
    schedule::{QueuedRound, RunningRound, Schedule, ended},
    status::{AgentStatus, StatusBoard},
    sync_state::remaining_failures,
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

const ABANDONED: &str = "all requests for it were cancelled";
const RECONFIGURED: &str = "the configuration of the registry changed";
const STOPPED: &str = "the agent has stopped";

pub(crate) struct Worker<L> {
    catalogue: Arc<L>,
    board: Arc<StatusBoard>,
    clock: Clock,
    inbox: mpsc::UnboundedReceiver<AgentMessage>,
    feed: (mpsc::Sender<FeedEvent>, mpsc::Receiver<FeedEvent>),
    schedule: Result<Schedule<L>, RoundRefused>,
    running: Option<RunningRound>,
    queue: VecDeque<QueuedRound>,
    /// Whether the status does not show recent changes. It is updated once for all of them, when the
    /// worker is idle.
    status_outdated: bool,
}

impl<L: LocalCatalogue> Worker<L> {
    pub(crate) fn new(
        catalogue: Arc<L>,
        board: Arc<StatusBoard>,
        clock: Clock,
        inbox: mpsc::UnboundedReceiver<AgentMessage>,
    ) -> Self {
        Self {
            catalogue,
            board,
            clock,
            inbox,
            feed: mpsc::channel(1),
            schedule: Err(RoundRefused::NotConfigured),
            running: None,
            queue: VecDeque::new(),
            status_outdated: false,
        }
    }

    pub(crate) async fn run(mut self, config: RegistryConfig) {
        self.configure(config).await;
        loop {
            let next = self.schedule.as_ref().ok().and_then(|it| it.next);
            tokio::select! {
                message = self.inbox.recv() => match message {
                    Some(AgentMessage::Stop(stopped)) => {
                        self.cancel_rounds(STOPPED).await;
                        let _ = stopped.send(());
                        return;
                    }
                    Some(message) => self.handle(message).await,
                    None => return self.cancel_rounds(STOPPED).await,
                },
                result = ended(&mut self.running) => self.finish(result),
                Some(event) = self.feed.1.recv() => self.handle_feed_event(event),
                () = due(next), if self.running.is_none() => {
                    self.start_automatic(WakeUps::default());
                }
            }
            if self.status_outdated && self.running.is_none() && self.inbox.is_empty() {
                self.update_status().await;
            }
        }
    }

    async fn handle(&mut self, message: AgentMessage) {
        match message {
            AgentMessage::SyncNow {
                confirmation,
                reply: sender,
            } => match self.full_scope() {
                Ok(scope) => self.request(scope, confirmation.into_iter().collect(), sender),
                Err(refused) => reply(sender, Err(refused)),
            },
            AgentMessage::SyncOne {
                scope,
                reply: sender,
            } => match &self.schedule {
                Ok(_) => self.request(scope, Vec::new(), sender),
                Err(refused) => reply(sender, Err(refused.clone())),
            },
            AgentMessage::Configure(config) => self.configure(config).await,
            AgentMessage::LocalChanged => self.handle_local_change(),
            AgentMessage::DeletedInRegistry(name) => {
                if let Ok(schedule) = &self.schedule {
                    schedule.context.forget(&name);
                }
                self.status_outdated = true;
            }
            AgentMessage::Stop(stopped) => drop(stopped),
        }
    }

    async fn configure(&mut self, config: RegistryConfig) {
        self.cancel_rounds(RECONFIGURED).await;
        self.feed = mpsc::channel(1);
        let (mode, problem) = match &config {
            RegistryConfig::NotConfigured => (None, None),
            RegistryConfig::Invalid(problem) => (None, Some(problem.clone())),
            RegistryConfig::Configured(config) => (Some(config.mode), None),
        };
        self.schedule = match config {
            RegistryConfig::NotConfigured => Err(RoundRefused::NotConfigured),
            RegistryConfig::Invalid(problem) => Err(RoundRefused::InvalidConfig(problem)),
            RegistryConfig::Configured(config) => {
                let (catalogue, board) = (Arc::clone(&self.catalogue), Arc::clone(&self.board));
                let context = SyncContext::new(catalogue, config, board);
                Ok(Schedule::new(context, &self.feed.0))
            }
        };
        let held = self.held_before(mode).await;
        self.board.update(|status| {
            *status = AgentStatus {
                last_round: status.last_round.take(),
                totals: status.totals,
                mode,
                problem,
                held,
                ..AgentStatus::default()
            };
        });
        if mode.is_some_and(|mode| mode != SyncMode::Manual) {
            self.start_automatic(WakeUps::default());
        }
    }

    /// The held removals of earlier rounds. They are shown until a round ends the hold.
    async fn held_before(&self, mode: Option<SyncMode>) -> Option<HeldRemovals> {
        if mode != Some(SyncMode::Pull) {
            return None;
        }
        // A round reports an error of the catalogue.
        self.catalogue.known_registry().await.ok()??.held
    }

    fn full_scope(&self) -> Result<Scope, RoundRefused> {
        self.schedule.as_ref().map_err(Clone::clone)?.full_scope()
    }

    fn handle_feed_event(&mut self, event: FeedEvent) {
        if let Ok(schedule) = &self.schedule
            && let Some(wake_up) = schedule.wake_up(event)
        {
            self.handle_change(SyncMode::Pull, wake_up);
        }
    }

    /// In push mode a round applies the change; in the others it only changes the status. A running
    /// push of one application may be about what has changed.
    fn handle_local_change(&mut self) {
        if let Some(running) = self.running.as_ref().filter(|it| it.is_push_of_one()) {
            running.wake_up(WakeUps::default());
        }
        match &self.schedule {
            Ok(schedule) if schedule.mode() == SyncMode::Push => {
                self.handle_change(SyncMode::Push, WakeUps::default());
            }
            Ok(_) => self.status_outdated = true,
            Err(_) => {}
        }
    }

    async fn update_status(&mut self) {
        self.status_outdated = false;
        let Ok(schedule) = &self.schedule else { return };
        let failures = remaining_failures(&self.board.read());
        if let Some(offline) = schedule.context.offline_status(&failures).await {
            self.board.update(|status| offline.write_to(status));
        }
    }

    /// Wakes up the running round, or starts one, if the change matters in the present mode.
    fn handle_change(&mut self, mode: SyncMode, wake_up: WakeUps) {
        let Ok(schedule) = &mut self.schedule else {
            return;
        };
        if schedule.mode() != mode {
            return;
        }
        match &mut self.running {
            Some(running) if running.accepts_changes() => {
                running.automatic = true;
                running.wake_up(wake_up);
            }
            Some(_) => schedule.next = Some(Instant::now()),
            None => self.start_automatic(wake_up),
        }
    }

    fn start_automatic(&mut self, wake_ups: WakeUps) {
        if let Ok(schedule) = &mut self.schedule {
            schedule.next = None;
        }
        if let Ok(scope) = self.full_scope() {
            self.start(scope, wake_ups, Vec::new());
            if let Some(running) = &mut self.running {
                running.automatic = true;
            }
        }
    }

    fn request(&mut self, scope: Scope, confirmations: Vec<Confirmation>, sender: ReplySender) {
        match &mut self.running {
            None => self.start(scope, WakeUps::by_request(confirmations), vec![sender]),
            Some(running) if running.accepts(&scope) => {
                running.requesters.push(sender);
                running.wake_up(WakeUps::by_request(confirmations));
            }
            Some(_) => self.enqueue(scope, confirmations, sender),
        }
    }

    fn enqueue(&mut self, scope: Scope, confirmations: Vec<Confirmation>, sender: ReplySender) {
        let mut queue = self.queue.iter_mut();
        match queue.find(|queued| queued.scope == scope) {
            Some(queued) => {
                queued.confirmations.extend(confirmations);
                queued.requesters.push(sender);
            }
            None => self.queue.push_back(QueuedRound {
                scope,
                confirmations,
                requesters: vec![sender],
            }),
        }
    }

    fn start(&mut self, scope: Scope, wake_ups: WakeUps, requesters: Vec<ReplySender>) {
        let Ok(schedule) = &self.schedule else { return };
        self.board.update(|status| {
            status.running = true;
            status.next_round = status.next_round.filter(|_| !scope.is_full());
        });
        let context = Arc::clone(&schedule.context);
        let round = RunningRound::start(context, scope, wake_ups, requesters, self.clock.clone());
        self.running = Some(round);
    }

    fn finish(&mut self, mut result: RoundResult) {
        let Some(running) = self.running.take() else {
            return;
        };
        result.report.counts += running.earlier;
        let outcome = result.report.outcome;
        if running.was_woken_after(&result) && outcome != RoundOutcome::Cancelled {
            return self.run_again(running, &result.report);
        }
        if running.scope.is_full() {
            self.schedule_next(outcome);
        }
        if outcome == RoundOutcome::Cancelled {
            result.report.error = Some(ABANDONED.to_owned());
            self.status_outdated = true;
        }
        self.conclude(running, result);
        self.start_queued();
    }

    fn start_queued(&mut self) {
        self.queue.retain(QueuedRound::is_wanted);
        if let Some(queued) = self.queue.pop_front() {
            let wake_ups = WakeUps::by_request(queued.confirmations);
            self.start(queued.scope, wake_ups, queued.requesters);
        }
    }

    /// A request that joined after the last observation is served by another run.
    fn run_again(&mut self, ended: RunningRound, report: &RoundReport) {
        let wake_ups = ended.wake_ups.borrow().clone();
        self.start(ended.scope, wake_ups, ended.requesters);
        if let Some(running) = &mut self.running {
            running.earlier = report.counts;
            running.started = report.started;
            running.automatic = ended.automatic;
        }
    }

    /// Logs and shows the result, and replies to the requesters.
    fn conclude(&self, running: RunningRound, result: RoundResult) {
        let context = self.schedule.as_ref().ok().map(|it| &it.context);
        let skew = context.and_then(|context| context.client.clock_skew());
        let report = result.report.clone();
        report.log(self.board.read().last_round.as_ref());
        self.board.update(|status| {
            status.clock_skew_seconds = skew.map(|ahead| ahead.as_secs());
            let only = running.scope.application.as_ref();
            status.record_round(result.report, result.applications, only);
        });
        for requester in running.requesters {
            reply(requester, Ok(report.clone()));
        }
    }

    fn schedule_next(&mut self, outcome: RoundOutcome) {
        let Ok(schedule) = &mut self.schedule else {
            return;
        };
        let wait = schedule.set_next(outcome);
        let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
        let at = self.clock.now().saturating_add(wait).ok();
        self.board.update(|status| status.next_round = at);
    }

    /// Cancels the running round and waits for its end; refuses the queued ones.
    async fn cancel_rounds(&mut self, why: &str) {
        if let Some(running) = &self.running {
            running.cancelled.cancel();
            let mut result = ended(&mut self.running).await;
            result.report.error = Some(why.to_owned());
            if let Some(running) = self.running.take() {
                self.conclude(running, result);
            }
        }
        for requester in self.queue.drain(..).flat_map(|queued| queued.requesters) {
            reply(requester, Err(RoundRefused::Reconfigured));
        }
    }
}

/// Waits until a moment; forever if there is none.
async fn due(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
