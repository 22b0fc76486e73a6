//! Worker threads whose results come in the order of the work.
//!
//! Item *i* goes to worker *i mod n* and its result is taken from that worker. Each worker holds at
//! most a few items, so the slower end blocks the faster one and memory stays bounded.

use std::{
    num::NonZero,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, Scope, ScopedJoinHandle},
};

/// More workers would be idle: one core hashes the whole content and is the bottleneck then.
const MAX_WORKERS: usize = 8;

pub(crate) fn worker_count() -> usize {
    thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(MAX_WORKERS)
}

/// The receiver of the results is gone; it knows the reason.
#[derive(Debug)]
pub(crate) struct WorkersStopped;

pub(crate) struct WorkQueue<I> {
    workers: Vec<SyncSender<I>>,
    next: usize,
}

impl<I> WorkQueue<I> {
    pub(crate) fn send(&mut self, item: I) -> Result<(), WorkersStopped> {
        let worker = &self.workers[self.next];
        self.next = (self.next + 1) % self.workers.len();
        worker.send(item).map_err(|_| WorkersStopped)
    }
}

/// The results, in the order of the work.
pub(crate) struct Results<O> {
    workers: Vec<Receiver<O>>,
    next: usize,
}

impl<O> Iterator for Results<O> {
    type Item = O;

    fn next(&mut self) -> Option<O> {
        let result = self.workers[self.next].recv().ok()?;
        self.next = (self.next + 1) % self.workers.len();
        Some(result)
    }
}

/// Starts the threads. `new_worker` makes the function that a thread applies to its items.
pub(crate) fn ordered_workers<'scope, I, O, W>(
    scope: &'scope Scope<'scope, '_>,
    count: usize,
    new_worker: impl Fn() -> W,
) -> (WorkQueue<I>, Results<O>)
where
    I: Send + 'scope,
    O: Send + 'scope,
    W: FnMut(I) -> O + Send + 'scope,
{
    let start = |_| {
        let (sender, items) = sync_channel::<I>(1);
        let (results, receiver) = sync_channel::<O>(1);
        let mut work = new_worker();
        scope.spawn(move || {
            for item in items {
                if results.send(work(item)).is_err() {
                    break;
                }
            }
        });
        (sender, receiver)
    };
    let (senders, receivers) = (0..count).map(start).unzip();
    let queue = WorkQueue {
        workers: senders,
        next: 0,
    };
    let results = Results {
        workers: receivers,
        next: 0,
    };
    (queue, results)
}

/// The result of a thread. A panic of the thread continues in this one.
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
    fn results_are_in_the_order_of_the_work_for_any_number_of_workers() {
        for count in [1, 2, 7] {
            let results: Vec<u64> = thread::scope(|scope| {
                let (mut queue, results) = ordered_workers(scope, count, || {
                    |item: u64| {
                        thread::sleep(Duration::from_micros(item * 37 % 300));
                        item * 2
                    }
                });
                scope.spawn(move || (0..100).try_for_each(|item| queue.send(item)));
                results.collect()
            });
            assert_eq!(results, (0..100).map(|item| item * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn sending_fails_after_the_results_are_dropped() {
        thread::scope(|scope| {
            let (mut queue, results) = ordered_workers(scope, 3, || |item: u64| item);
            drop(results);
            assert!((0..100).any(|item| queue.send(item).is_err()));
        });
    }
}
