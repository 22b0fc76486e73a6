//! The task behind an agent. One round runs at a time; whatever asks for another one meanwhile
//! joins it, or waits for its turn where it is about something else.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use aar_client::{Backoff, Jitter, RetryPolicy};
use aar_types::Clock;
use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    AgentConfig, AgentStatus, Configuration, Counts, Direction, Failure, LocalCatalogue, Mode,
    Outcome, RoundRefused, RoundReport,
    board::Board,
    feed::{self, News},
    round::{Assignment, Finished, Nudge, Round},
    schedule::Reply,
    site::Site,
};

/// The wait after a first failed round; it grows to the interval.
const FIRST_RETRY: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) enum Message {
    SyncNow {
        confirmed: bool,
        reply: Reply,
    },
    Run {
        assignment: Assignment,
        reply: Reply,
    },
    Configure(Configuration),
    LocalChanged,
    Stop(oneshot::Sender<()>),
}

/// A round that runs, and those who wait for it.
struct Running {
    assignment: Assignment,
    started: Timestamp,
    task: JoinHandle<Finished>,
    nudges: watch::Sender<Nudge>,
    cancelled: CancellationToken,
    waiting: Vec<Reply>,
}

/// A round that waits for its turn.
struct Queued {
    assignment: Assignment,
    confirmed: bool,
    waiting: Vec<Reply>,
}

/// A registry that is configured, and what is done with it.
struct Post<L> {
    site: Arc<Site<L>>,
    backoff: Backoff,
    /// Whether the last round that came by itself failed.
    failing: bool,
    _feed: Option<AbortOnDropHandle<()>>,
}

pub(crate) struct Worker<L> {
    catalogue: Arc<L>,
    board: Arc<Board>,
    clock: Clock,
    jitter: Jitter,
    inbox: mpsc::UnboundedReceiver<Message>,
    news: (mpsc::Sender<News>, mpsc::Receiver<News>),
    post: Result<Post<L>, RoundRefused>,
    running: Option<Running>,
    queue: VecDeque<Queued>,
    next: Option<Instant>,
}

impl<L: LocalCatalogue> Worker<L> {
    pub(crate) fn new(
        catalogue: Arc<L>,
        board: Arc<Board>,
        clock: Clock,
        jitter: Jitter,
        inbox: mpsc::UnboundedReceiver<Message>,
    ) -> Self {
        Self {
            catalogue,
            board,
            clock,
            jitter,
            inbox,
            news: mpsc::channel(1),
            post: Err(RoundRefused::Off),
            running: None,
            queue: VecDeque::new(),
            next: None,
        }
    }

    pub(crate) async fn run(mut self, configuration: Configuration) {
        self.configure(configuration).await;
        loop {
            tokio::select! {
                message = self.inbox.recv() => match message {
                    Some(Message::Stop(stopped)) => {
                        self.end_round().await;
                        let _ = stopped.send(());
                        return;
                    }
                    Some(message) => self.handle(message).await,
                    None => return self.end_round().await,
                },
                finished = joined(&mut self.running) => self.finish(finished),
                Some(news) = self.news.1.recv() => self.hear(news),
                () = due(self.next), if self.running.is_none() => self.start_automatic(),
            }
        }
    }

    async fn handle(&mut self, message: Message) {
        match message {
            Message::SyncNow { confirmed, reply } => match self.everything() {
                Ok(assignment) => self.request(assignment, confirmed, reply),
                Err(refused) => answer(reply, Err(refused)),
            },
            Message::Run { assignment, reply } => match &self.post {
                Ok(_) => self.request(assignment, false, reply),
                Err(refused) => answer(reply, Err(refused.clone())),
            },
            Message::Configure(configuration) => self.configure(configuration).await,
            Message::LocalChanged => self.changed_in(Mode::Push),
            Message::Stop(stopped) => drop(stopped),
        }
    }

    /// Ends what belongs to the old configuration and begins with the new one.
    async fn configure(&mut self, configuration: Configuration) {
        self.end_round().await;
        self.next = None;
        self.news = mpsc::channel(1);
        let (mode, problem) = match &configuration {
            Configuration::Off => (None, None),
            Configuration::Unusable(problem) => (None, Some(problem.clone())),
            Configuration::On(config) => (Some(config.mode), None),
        };
        self.post = match configuration {
            Configuration::Off => Err(RoundRefused::Off),
            Configuration::Unusable(problem) => Err(RoundRefused::Unusable(problem)),
            Configuration::On(config) => Ok(self.post(config)),
        };
        self.board.write(|status| {
            *status = AgentStatus {
                last_round: status.last_round.take(),
                mode,
                problem,
                ..AgentStatus::default()
            };
        });
        if mode.is_some_and(|mode| mode != Mode::Manual) {
            self.start_automatic();
        }
    }

    fn post(&mut self, config: AgentConfig) -> Post<L> {
        let retry = RetryPolicy {
            failures: u32::MAX,
            first: FIRST_RETRY.min(config.interval),
            longest: config.interval,
        };
        let mode = config.mode;
        let board = Arc::clone(&self.board);
        let site = Arc::new(Site::new(Arc::clone(&self.catalogue), config, board));
        let listens = mode == Mode::Pull;
        Post {
            _feed: listens.then(|| feed::listen(&site, self.jitter.split(), self.news.0.clone())),
            site,
            backoff: Backoff::new(retry),
            failing: false,
        }
    }

    /// What a round of everything is about in the present mode.
    fn everything(&self) -> Result<Assignment, RoundRefused> {
        let post = self.post.as_ref().map_err(Clone::clone)?;
        let direction = match post.site.config.mode {
            Mode::Pull => Direction::Pull,
            Mode::Push => Direction::Push,
            Mode::Manual => return Err(RoundRefused::Manual),
        };
        Ok(Assignment {
            direction,
            only: None,
        })
    }

    fn hear(&mut self, news: News) {
        let failing = self.post.as_ref().is_ok_and(|post| post.failing);
        if news == News::Changed || failing {
            self.changed_in(Mode::Pull);
        }
    }

    /// Something changed that matters in a mode: the running round looks again, or one begins.
    fn changed_in(&mut self, mode: Mode) {
        let Ok(post) = &self.post else { return };
        if post.site.config.mode != mode {
            return;
        }
        match &self.running {
            Some(running) if running.assignment.only.is_none() => running.nudge(false),
            Some(_) => self.next = Some(Instant::now()),
            None => self.start_automatic(),
        }
    }

    fn start_automatic(&mut self) {
        self.next = None;
        if let Ok(assignment) = self.everything() {
            self.start(assignment, Nudge::default(), Vec::new());
        }
    }

    /// A round that somebody asked for: joins the one that is about the same.
    fn request(&mut self, assignment: Assignment, confirmed: bool, reply: Reply) {
        match &mut self.running {
            None => {
                let nudge = Nudge {
                    confirmed,
                    ..Nudge::default()
                };
                self.start(assignment, nudge, vec![reply]);
            }
            Some(running) if running.assignment == assignment => {
                running.waiting.push(reply);
                running.nudge(confirmed);
            }
            Some(_) => self.enqueue(assignment, confirmed, reply),
        }
    }

    fn enqueue(&mut self, assignment: Assignment, confirmed: bool, reply: Reply) {
        let mut queue = self.queue.iter_mut();
        match queue.find(|queued| queued.assignment == assignment) {
            Some(queued) => {
                queued.confirmed |= confirmed;
                queued.waiting.push(reply);
            }
            None => self.queue.push_back(Queued {
                assignment,
                confirmed,
                waiting: vec![reply],
            }),
        }
    }

    fn start(&mut self, assignment: Assignment, nudge: Nudge, waiting: Vec<Reply>) {
        let Ok(post) = &self.post else { return };
        let nudges = watch::Sender::new(nudge);
        let cancelled = CancellationToken::new();
        let round = Round::new(
            Arc::clone(&post.site),
            assignment.clone(),
            nudges.subscribe(),
            cancelled.clone(),
        );
        let started = self.clock.now();
        let task = tokio::spawn(round.run(started, self.clock.clone()));
        let whole = assignment.only.is_none();
        self.board.write(|status| {
            status.running = true;
            status.next_round = status.next_round.filter(|_| !whole);
        });
        self.running = Some(Running {
            assignment,
            started,
            task,
            nudges,
            cancelled,
            waiting,
        });
    }

    fn finish(&mut self, finished: Finished) {
        let Some(running) = self.running.take() else {
            return;
        };
        if finished.overtaken && finished.report.outcome != Outcome::Cancelled {
            // Who joined it after its last look has not been served.
            let nudge = *running.nudges.borrow();
            return self.start(running.assignment, nudge, running.waiting);
        }
        self.log(&finished.report);
        if running.assignment.only.is_none() {
            self.schedule(finished.report.outcome);
        }
        let report = finished.report.clone();
        self.show(&running.assignment, finished);
        for reply in running.waiting {
            answer(reply, Ok(report.clone()));
        }
        self.start_queued();
    }

    fn start_queued(&mut self) {
        if let Some(queued) = self.queue.pop_front() {
            let nudge = Nudge {
                confirmed: queued.confirmed,
                ..Nudge::default()
            };
            self.start(queued.assignment, nudge, queued.waiting);
        }
    }

    /// Sets the time of the next round: after the interval, sooner after a failure.
    fn schedule(&mut self, outcome: Outcome) {
        let Ok(post) = &mut self.post else { return };
        post.failing = outcome != Outcome::Done;
        let interval = post.site.config.interval;
        let wait = if post.failing {
            post.backoff.next(&mut self.jitter).unwrap_or(interval)
        } else {
            post.backoff.reset();
            self.jitter.around(interval)
        };
        // A change that came meanwhile does not wait.
        let changed = self.next.is_some_and(|next| next <= Instant::now());
        if !changed {
            self.next = Some(Instant::now() + wait);
        }
        let at = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
        let at = self.clock.now().saturating_add(at).ok();
        self.board.write(|status| status.next_round = at);
    }

    fn show(&self, assignment: &Assignment, finished: Finished) {
        let skew = self.post.as_ref().ok();
        let skew = skew.and_then(|post| post.site.client.clock_skew());
        self.board.write(|status| {
            status.running = false;
            status.clock_skew_seconds = skew.map(|ahead| ahead.as_secs());
            match (finished.applications, &assignment.only) {
                (Some(all), None) => {
                    status.held.clone_from(&finished.report.held);
                    status.conflicts.clone_from(&finished.report.conflicts);
                    status.applications = all;
                }
                (Some(one), Some(only)) => {
                    let conflicts = finished.report.conflicts.iter().cloned();
                    status.conflicts.retain(|known| known.application() != only);
                    status.conflicts.extend(conflicts);
                    status.applications.retain(|known| known.name != *only);
                    status.applications.extend(one);
                    status.applications.sort_by(|a, b| a.name.cmp(&b.name));
                }
                (None, _) => {}
            }
            status.last_round = Some(finished.report);
        });
    }

    /// Logs what is wrong when it is news.
    fn log(&self, report: &RoundReport) {
        let last = self.board.read().last_round;
        let before = last.as_ref();
        if report.error.is_some() && before.is_none_or(|last| last.error != report.error) {
            let error = report.error.as_deref().unwrap_or_default();
            tracing::warn!(error, "a round with the registry failed");
        }
        for failure in &report.failures {
            if before.is_none_or(|last| !last.failures.contains(failure)) {
                let Failure {
                    application, error, ..
                } = failure;
                tracing::warn!(%application, error, "an application is not in step");
            }
        }
        if let Some(held) = report.held.as_ref()
            && before.is_none_or(|last| last.held != report.held)
        {
            tracing::warn!("{held}");
        }
        tracing::debug!(outcome = ?report.outcome, counts = ?report.counts, "a round has ended");
    }

    /// Cancels the running round and waits until it has ended; tells everybody who waits.
    async fn end_round(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.cancelled.cancel();
            let finished = outcome(&mut running.task, running.started).await;
            let report = finished.report.clone();
            self.show(&running.assignment, finished);
            for reply in running.waiting {
                answer(reply, Ok(report.clone()));
            }
        }
        for reply in self.queue.drain(..).flat_map(|queued| queued.waiting) {
            answer(reply, Err(RoundRefused::Reconfigured));
        }
    }
}

impl Running {
    fn nudge(&self, confirmed: bool) {
        self.nudges.send_modify(|nudge| {
            nudge.count += 1;
            nudge.confirmed |= confirmed;
        });
    }
}

/// Waits for the running round; for ever while there is none.
async fn joined(running: &mut Option<Running>) -> Finished {
    match running {
        Some(running) => outcome(&mut running.task, running.started).await,
        None => std::future::pending().await,
    }
}

/// How a round went; one that panicked has failed, and the agent goes on.
async fn outcome(task: &mut JoinHandle<Finished>, started: Timestamp) -> Finished {
    task.await.unwrap_or_else(|error| Finished {
        applications: None,
        overtaken: false,
        report: RoundReport {
            started,
            finished: started,
            outcome: Outcome::Failed,
            error: Some(format!("the round broke down, which is a defect: {error}")),
            counts: Counts::default(),
            failures: Vec::new(),
            held: None,
            conflicts: Vec::new(),
        },
    })
}

/// Waits until a moment; for ever where there is none.
async fn due(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn answer(reply: Reply, result: Result<RoundReport, RoundRefused>) {
    // Whoever asked may have gone; the round has run all the same.
    let _ = reply.send(result);
}
