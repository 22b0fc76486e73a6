//! Runs two operations in every order of their steps.
//!
//! Both stop at gates: where they read or change something that the other one changes. A run opens one
//! gate at a time, when both operations stand at one or have ended. The choices of a run are recorded;
//! the next run takes the next combination of choices.

use std::{future::Future, sync::Arc};

use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Actor {
    Agent,
    User,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ActorState {
    Running,
    /// At a gate; with `true`, one that opens only while the lock is free.
    Waiting(bool),
    Ended,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    actors: [ActorState; 2],
    locked: bool,
    events: Vec<String>,
}

/// The gates of one run. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Gates(Arc<watch::Sender<State>>);

/// The lock of the application that both operations are about.
pub(crate) struct GatedLock(Gates);

impl Drop for GatedLock {
    fn drop(&mut self) {
        self.0.0.send_modify(|state| state.locked = false);
    }
}

impl Gates {
    fn new() -> Self {
        Self(Arc::new(watch::Sender::new(State {
            actors: [ActorState::Running; 2],
            locked: false,
            events: Vec::new(),
        })))
    }

    /// Waits until the gate opens. An operation that has ended has no gates any more.
    pub(crate) async fn pass(&self, actor: Actor) {
        self.wait(actor, false).await;
    }

    pub(crate) async fn lock(&self, actor: Actor) -> GatedLock {
        self.wait(actor, true).await;
        GatedLock(self.clone())
    }

    async fn wait(&self, actor: Actor, lock: bool) {
        let mut states = self.0.subscribe();
        let index = actor as usize;
        self.0.send_modify(|state| {
            if state.actors[index] != ActorState::Ended {
                state.actors[index] = ActorState::Waiting(lock);
            }
        });
        let open = |state: &State| !matches!(state.actors[index], ActorState::Waiting(_));
        states.wait_for(open).await.unwrap();
    }

    /// Records what happened, in the order in which it happened.
    pub(crate) fn record(&self, event: &str) {
        self.0
            .send_modify(|state| state.events.push(event.to_owned()));
    }

    /// Whether one event came before another, or without it.
    pub(crate) fn came_first(&self, first: &str, other: &str) -> bool {
        let state = self.0.borrow();
        let at = |event: &str| state.events.iter().position(|it| it == event);
        at(first).is_some_and(|first| at(other).is_none_or(|other| first < other))
    }

    async fn run(&self, actor: Actor, operation: impl Future<Output = ()>) {
        operation.await;
        let ended = |state: &mut State| state.actors[actor as usize] = ActorState::Ended;
        self.0.send_modify(ended);
    }

    /// Opens gates until both operations have ended.
    async fn open_all(&self, choices: &mut Choices) {
        let mut states = self.0.subscribe();
        loop {
            let stopped = |state: &State| !state.actors.contains(&ActorState::Running);
            let state = states.wait_for(stopped).await.unwrap().clone();
            let is_open = |index: &usize| match state.actors[*index] {
                ActorState::Waiting(lock) => !(lock && state.locked),
                ActorState::Running | ActorState::Ended => false,
            };
            let open: Vec<_> = (0..2).filter(is_open).collect();
            if state.actors == [ActorState::Ended; 2] {
                return;
            }
            assert!(!open.is_empty(), "both wait for each other: {state:?}");
            let chosen = open[choices.choose(open.len())];
            self.0.send_modify(|state| {
                state.locked |= state.actors[chosen] == ActorState::Waiting(true);
                state.actors[chosen] = ActorState::Running;
            });
        }
    }
}

/// The choices of one run: the taken one and the number of alternatives, in order.
#[derive(Debug, Default)]
struct Choices {
    taken: Vec<(usize, usize)>,
    position: usize,
}

impl Choices {
    fn choose(&mut self, alternatives: usize) -> usize {
        if self.position == self.taken.len() {
            self.taken.push((0, alternatives));
        }
        let (choice, recorded) = self.taken[self.position];
        assert_eq!(recorded, alternatives, "the run is not repeatable");
        self.position += 1;
        choice
    }

    /// Goes to the next combination; `false` after the last.
    fn advance(&mut self) -> bool {
        self.position = 0;
        while let Some((choice, alternatives)) = self.taken.pop() {
            if choice + 1 < alternatives {
                self.taken.push((choice + 1, alternatives));
                return true;
            }
        }
        false
    }
}

/// Runs two operations in every order. `start` gets the number of the run and returns the operations
/// and a check. Returns the number of runs.
pub(crate) async fn in_every_order<A, U, C>(start: impl Fn(usize, Gates) -> (A, U, C)) -> usize
where
    A: Future<Output = ()>,
    U: Future<Output = ()>,
    C: FnOnce(),
{
    let mut choices = Choices::default();
    for run in 0.. {
        let gates = Gates::new();
        let (agent, user, check) = start(run, gates.clone());
        tokio::join!(
            gates.run(Actor::Agent, agent),
            gates.run(Actor::User, user),
            gates.open_all(&mut choices),
        );
        check();
        if !choices.advance() {
            return run + 1;
        }
    }
    unreachable!()
}
