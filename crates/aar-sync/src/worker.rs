//! The task behind an agent. One round runs at a time; whatever asks for another one meanwhile
//! joins it, or waits for its turn where it is about something else.

use std::{collections::VecDeque, sync::Arc};

use aar_client::Jitter;
use aar_types::Clock;
use jiff::SignedDuration;
use tokio::{sync::mpsc, time::Instant};

use crate::{
    AgentStatus, Configuration, Held, LocalCatalogue, Mode, Outcome, RoundRefused, RoundReport,
    assignment::{Assignment, Nudge},
    board::Board,
    conclude::conclude,
    confirmation::Confirmation,
    feed::News,
    message::{Message, Reply},
    outlook,
    post::Post,
    round::Finished,
    running::{Queued, Running, answer, joined},
    site::Site,
};

/// Why a round was ended early.
const DESERTED: &str = "whoever asked for it has cancelled it";
const RECONFIGURED: &str = "the configuration of the registry changed";
const STOPPED: &str = "the agent has stopped";

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
    /// Whether something changed that the status does not show yet. However much it was, it is
    /// looked at once, when nothing else is to be done.
    unreviewed: bool,
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
            unreviewed: false,
        }
    }

    pub(crate) async fn run(mut self, configuration: Configuration) {
        self.configure(configuration).await;
        loop {
            tokio::select! {
                message = self.inbox.recv() => match message {
                    Some(Message::Stop(stopped)) => {
                        self.end_round(STOPPED).await;
                        let _ = stopped.send(());
                        return;
                    }
                    Some(message) => self.handle(message).await,
                    None => return self.end_round(STOPPED).await,
                },
                finished = joined(&mut self.running) => {
                    self.finish(finished);
                }
                Some(news) = self.news.1.recv() => self.hear(news),
                () = due(self.next), if self.running.is_none() => {
                    self.start_automatic(Nudge::default());
                }
            }
            if self.unreviewed && self.running.is_none() && self.inbox.is_empty() {
                self.review().await;
            }
        }
    }

    async fn handle(&mut self, message: Message) {
        match message {
            Message::SyncNow { confirmed, reply } => match self.everything() {
                Ok(assignment) => {
                    self.request(assignment, confirmed.into_iter().collect(), reply);
                }
                Err(refused) => answer(reply, Err(refused)),
            },
            Message::Run { assignment, reply } => match &self.post {
                Ok(_) => self.request(assignment, Vec::new(), reply),
                Err(refused) => answer(reply, Err(refused.clone())),
            },
            Message::Configure(configuration) => self.configure(configuration).await,
            Message::LocalChanged => self.changed_here(),
            Message::DeletedThere(name) => {
                if let Ok(post) = &self.post {
                    post.site.forget(&name);
                }
                self.unreviewed = true;
            }
            Message::Stop(stopped) => drop(stopped),
        }
    }

    /// Ends what belongs to the old configuration and begins with the new one.
    async fn configure(&mut self, configuration: Configuration) {
        self.end_round(RECONFIGURED).await;
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
            Configuration::On(config) => {
                let (catalogue, board) = (Arc::clone(&self.catalogue), Arc::clone(&self.board));
                let site = Site::new(catalogue, config, board);
                Ok(Post::new(site, &mut self.jitter, &self.news.0))
            }
        };
        let held = self.held(mode).await;
        self.board.write(|status| {
            *status = AgentStatus {
                last_round: status.last_round.take(),
                totals: status.totals,
                mode,
                problem,
                held,
                ..AgentStatus::default()
            };
        });
        if mode.is_some_and(|mode| mode != Mode::Manual) {
            self.start_automatic(Nudge::default());
        }
    }

    /// What is held back from before. It is, until a round finds otherwise.
    async fn held(&self, mode: Option<Mode>) -> Option<Held> {
        if mode != Some(Mode::Pull) {
            return None;
        }
        let known = self.catalogue.known_registry().await;
        // A catalogue that does not answer is a matter for the round.
        known.ok()??.held
    }

    /// What a round of everything is about in the present mode.
    fn everything(&self) -> Result<Assignment, RoundRefused> {
        let post = self.post.as_ref().map_err(Clone::clone)?;
        post.everything()
    }

    fn hear(&mut self, news: News) {
        let nudge = self.post.as_ref().ok().and_then(|post| post.nudge(news));
        if let Some(nudge) = nudge {
            self.changed_in(Mode::Pull, nudge);
        }
    }

    /// In push mode a round sees to it; in the others there is nothing to do but to show it.
    fn changed_here(&mut self) {
        let Ok(post) = &self.post else { return };
        if post.site.config.mode == Mode::Push {
            self.changed_in(Mode::Push, Nudge::default());
        } else {
            self.unreviewed = true;
        }
    }

    /// Shows what is left to do by what is known here.
    async fn review(&mut self) {
        self.unreviewed = false;
        let Ok(post) = &self.post else { return };
        let failures = outlook::failures(&self.board.read());
        if let Some(outlook) = post.site.outlook(&failures).await {
            self.board.write(|status| outlook.show(status));
        }
    }

    /// Something changed that matters in a mode: the running round looks again, or one begins.
    fn changed_in(&mut self, mode: Mode, nudge: Nudge) {
        let Ok(post) = &self.post else { return };
        if post.site.config.mode != mode {
            return;
        }
        match &mut self.running {
            Some(running) if running.is_whole() => {
                running.by_itself = true;
                running.nudge(nudge);
            }
            Some(_) => self.next = Some(Instant::now()),
            None => self.start_automatic(nudge),
        }
    }

    fn start_automatic(&mut self, nudge: Nudge) {
        self.next = None;
        if let Ok(assignment) = self.everything() {
            self.start(assignment, nudge, Vec::new());
            if let Some(running) = &mut self.running {
                running.by_itself = true;
            }
        }
    }

    /// A round that somebody asked for: joins the one that is about the same.
    fn request(&mut self, assignment: Assignment, confirmed: Vec<Confirmation>, reply: Reply) {
        match &mut self.running {
            None => self.start(assignment, Nudge::by_hand(confirmed), vec![reply]),
            Some(running) if running.serves(&assignment) => {
                running.waiting.push(reply);
                running.nudge(Nudge::by_hand(confirmed));
            }
            Some(_) => self.enqueue(assignment, confirmed, reply),
        }
    }

    fn enqueue(&mut self, assignment: Assignment, confirmed: Vec<Confirmation>, reply: Reply) {
        let mut queue = self.queue.iter_mut();
        match queue.find(|queued| queued.assignment == assignment) {
            Some(queued) => {
                queued.confirmed.extend(confirmed);
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
        let whole = assignment.only.is_none();
        self.board.write(|status| {
            status.running = true;
            status.next_round = status.next_round.filter(|_| !whole);
        });
        let site = Arc::clone(&post.site);
        let running = Running::start(site, assignment, nudge, self.clock.clone());
        self.running = Some(Running { waiting, ..running });
    }

    fn finish(&mut self, mut finished: Finished) {
        let Some(running) = self.running.take() else {
            return;
        };
        finished.report.counts += running.earlier;
        if running.has_news_since(&finished) && finished.report.outcome != Outcome::Cancelled {
            return self.run_again(running, &finished.report);
        }
        if running.assignment.only.is_none() {
            self.schedule(finished.report.outcome);
        }
        if finished.report.outcome == Outcome::Cancelled {
            finished.report.error = Some(DESERTED.to_owned());
            self.unreviewed = true;
        }
        self.tell(running, finished);
        self.start_queued();
    }

    /// Begins the next of the rounds that wait for their turn.
    fn start_queued(&mut self) {
        self.queue.retain(Queued::is_wanted);
        if let Some(queued) = self.queue.pop_front() {
            let nudge = Nudge::by_hand(queued.confirmed);
            self.start(queued.assignment, nudge, queued.waiting);
        }
    }

    /// Who joined a round after its last look has not been served by it.
    fn run_again(&mut self, ended: Running, report: &RoundReport) {
        let nudge = ended.nudges.borrow().clone();
        self.start(ended.assignment, nudge, ended.waiting);
        if let Some(running) = &mut self.running {
            running.earlier = report.counts;
            running.started = report.started;
            running.by_itself = ended.by_itself;
        }
    }

    /// Tells everybody how a round went.
    fn tell(&self, running: Running, finished: Finished) {
        let site = self.post.as_ref().ok().map(|post| &post.site);
        let skew = site.and_then(|site| site.client.clock_skew());
        let report = finished.report.clone();
        conclude(&self.board, &running.assignment, finished, skew);
        for reply in running.waiting {
            answer(reply, Ok(report.clone()));
        }
    }

    /// Sets the time of the next round: after the interval, sooner after a failure. One that was
    /// cancelled leaves it as it was: nothing has been tried that was due.
    fn schedule(&mut self, outcome: Outcome) {
        let Ok(post) = &mut self.post else { return };
        let now = Instant::now();
        let next = match self.next {
            Some(next) if outcome == Outcome::Cancelled => next,
            next => {
                let rested = now + post.rest(outcome, &mut self.jitter);
                // A change that came meanwhile does not wait.
                next.filter(|next| *next <= now).unwrap_or(rested)
            }
        };
        self.next = Some(next);
        let wait = next.saturating_duration_since(now);
        let at = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
        let at = self.clock.now().saturating_add(at).ok();
        self.board.write(|status| status.next_round = at);
    }

    /// Cancels the running round and waits until it has ended; tells everybody who waits.
    async fn end_round(&mut self, why: &str) {
        if let Some(running) = &self.running {
            running.cancelled.cancel();
            let mut finished = joined(&mut self.running).await;
            finished.report.error = Some(why.to_owned());
            if let Some(running) = self.running.take() {
                self.tell(running, finished);
            }
        }
        for reply in self.queue.drain(..).flat_map(|queued| queued.waiting) {
            answer(reply, Err(RoundRefused::Reconfigured));
        }
    }
}

/// Waits until a moment; for ever where there is none.
async fn due(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
