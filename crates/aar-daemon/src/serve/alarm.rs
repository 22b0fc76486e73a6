use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};

/// A time limit for something that is polled. It costs nothing until the first wait.
pub(super) struct Alarm {
    limit: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    is_set: bool,
}

impl Alarm {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            sleep: None,
            is_set: false,
        }
    }

    /// Something has happened: the next wait starts from the beginning.
    pub(super) fn stop(&mut self) {
        self.is_set = false;
    }

    /// Waits. Ready with the limit when the wait has taken that long.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Duration> {
        let limit = self.limit;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(limit)));
        if !self.is_set {
            sleep.as_mut().reset(Instant::now() + limit);
            self.is_set = true;
        }
        sleep.as_mut().poll(cx).map(|()| limit)
    }
}
