//! Who makes versions of an application stands in line: each starts from what the one before it
//! has made. The place in the line is that of the request.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, Weak},
    task::{Context, Poll, Waker},
};

use tokio::{
    sync::{Mutex as Line, OwnedMutexGuard},
    task::unconstrained,
};

use super::ApplicationId;
use crate::Error;

type Turn = OwnedMutexGuard<()>;

/// The lines of all applications.
#[derive(Debug, Default)]
pub(super) struct Lines(Mutex<HashMap<ApplicationId, Weak<Line<()>>>>);

/// A place in a line. Whoever drops it leaves.
pub(super) enum Place {
    First(Turn),
    Behind(Pin<Box<dyn Future<Output = Turn> + Send>>),
}

impl Lines {
    /// Takes the last place in the line of an application.
    pub(super) fn join(&self, id: &ApplicationId) -> Place {
        // From the first look on it has its place, also where the task has used up its share of
        // time: a look would be put off then.
        let mut turn = Box::pin(unconstrained(self.of(id).lock_owned()));
        let looked = turn.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        match looked {
            Poll::Ready(turn) => Place::First(turn),
            Poll::Pending => Place::Behind(turn),
        }
    }

    fn of(&self, id: &ApplicationId) -> Arc<Line<()>> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.retain(|_, line| line.strong_count() > 0);
        let line = lines.get(id).and_then(Weak::upgrade).unwrap_or_default();
        lines.insert(id.clone(), Arc::downgrade(&line));
        line
    }
}

impl Place {
    /// Whether somebody makes a version already.
    pub(super) fn is_behind_others(&self) -> bool {
        matches!(self, Self::Behind(_))
    }

    /// Waits until everybody before has come to an end.
    pub(super) async fn turn(self) -> Result<Turn, Error> {
        match self {
            Self::First(turn) => Ok(turn),
            Self::Behind(turn) => Ok(turn.await),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::{sync::mpsc, task::coop::has_budget_remaining};

    use super::*;

    #[tokio::test]
    async fn a_task_that_has_used_up_its_share_of_time_has_its_place_all_the_same() {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        (0..1000).for_each(|number| sender.send(number).unwrap());
        let lines = Lines::default();
        let id = ApplicationId::new();
        while receiver.recv().now_or_never().is_some() {}
        assert!(!has_budget_remaining());
        assert!(!lines.join(&id).is_behind_others());
    }

    #[tokio::test]
    async fn a_line_is_as_long_as_its_requests_and_those_who_leave_let_nobody_past() {
        let lines = Lines::default();
        let id = ApplicationId::new();
        let first = lines.join(&id);
        let (second, third) = (lines.join(&id), lines.join(&id));
        assert!(!first.is_behind_others() && second.is_behind_others());
        drop(second);
        let third = tokio::spawn(third.turn());
        tokio::task::yield_now().await;
        assert!(!third.is_finished());
        let fourth = lines.join(&id);
        drop(first);
        let third = third.await.unwrap().unwrap();
        assert!(fourth.is_behind_others());
        drop((third, fourth));
        assert!(!lines.join(&id).is_behind_others());
        assert!(!lines.join(&ApplicationId::new()).is_behind_others());
    }
}
