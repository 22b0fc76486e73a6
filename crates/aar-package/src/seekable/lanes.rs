//! Work spread over threads, its results in order.
//!
//! Item *i* goes to lane *i mod n* and its result is taken from there, so order needs no
//! book-keeping. Every lane holds at most a few items, so a slow end holds up the fast one and
//! memory stays bounded.

use std::{
    num::NonZero,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, Scope, ScopedJoinHandle},
};

/// More lanes than this could not be fed: hashing the whole content takes one core.
const MAX_WIDTH: usize = 8;

/// How many lanes this machine is worth.
pub(crate) fn width() -> usize {
    thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(MAX_WIDTH)
}

/// The other side has stopped; it knows why.
#[derive(Debug)]
pub(crate) struct Stopped;

/// The end where work goes in.
pub(crate) struct LaneSender<I> {
    lanes: Vec<SyncSender<I>>,
    next: usize,
}

impl<I> LaneSender<I> {
    pub(crate) fn send(&mut self, item: I) -> Result<(), Stopped> {
        let lane = &self.lanes[self.next];
        self.next = (self.next + 1) % self.lanes.len();
        lane.send(item).map_err(|_| Stopped)
    }
}

/// The end where results come out, in the order of the work.
pub(crate) struct LaneReceiver<O> {
    lanes: Vec<Receiver<O>>,
    next: usize,
}

impl<O> Iterator for LaneReceiver<O> {
    type Item = O;

    fn next(&mut self) -> Option<O> {
        let result = self.lanes[self.next].recv().ok()?;
        self.next = (self.next + 1) % self.lanes.len();
        Some(result)
    }
}

/// Starts the threads. `worker` makes what each of them does with an item.
pub(crate) fn lanes<'scope, I, O, W>(
    scope: &'scope Scope<'scope, '_>,
    width: usize,
    worker: impl Fn() -> W,
) -> (LaneSender<I>, LaneReceiver<O>)
where
    I: Send + 'scope,
    O: Send + 'scope,
    W: FnMut(I) -> O + Send + 'scope,
{
    let start = |_| {
        let (sender, items) = sync_channel::<I>(1);
        let (results, receiver) = sync_channel::<O>(1);
        let mut work = worker();
        scope.spawn(move || {
            for item in items {
                if results.send(work(item)).is_err() {
                    break;
                }
            }
        });
        (sender, receiver)
    };
    let (senders, receivers) = (0..width).map(start).unzip();
    let sender = LaneSender {
        lanes: senders,
        next: 0,
    };
    let receiver = LaneReceiver {
        lanes: receivers,
        next: 0,
    };
    (sender, receiver)
}

/// The result of a thread. One that panicked has a bug; it goes on in this thread.
pub(crate) fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_work_whatever_the_width() {
        for width in [1, 2, 7] {
            let results: Vec<u64> = thread::scope(|scope| {
                let (mut sender, receiver) = lanes(scope, width, || {
                    |item: u64| {
                        thread::sleep(Duration::from_micros(item * 37 % 300));
                        item * 2
                    }
                });
                scope.spawn(move || (0..100).try_for_each(|item| sender.send(item)));
                receiver.collect()
            });
            assert_eq!(results, (0..100).map(|item| item * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn work_stops_when_nobody_takes_the_results() {
        thread::scope(|scope| {
            let (mut sender, receiver) = lanes(scope, 3, || |item: u64| item);
            drop(receiver);
            assert!((0..100).any(|item| sender.send(item).is_err()));
        });
    }
}
