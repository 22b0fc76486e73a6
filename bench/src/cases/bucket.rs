//! Publications and changes of trust on a bucket that is far away: every request takes 50 ms longer.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use aar_testkit::{Fault, Generated, S3Network, S3Server, TestRegistry};

use super::Case;
use crate::{
    bench_registry::{BenchRegistry, commit},
    plan::{Contender, Plan, measure_in_turns},
    result::{Comparison, Goal, Unit},
    sample::Sample,
};

pub(crate) const CASE: Case = Case {
    name: "bucket",
    about: "8 publishers on a bucket with 50 ms a request, and changes of trust beside them",
    run: measure,
};

const DELAY: Duration = Duration::from_millis(50);
const PUBLISHERS: usize = 8;
const IMAGE: u64 = 4 << 10;

fn measure(plan: &Plan) -> Vec<Comparison> {
    let Some(server) = S3Server::seaweed("bench: bucket") else {
        return Vec::new();
    };
    let network = S3Network::start(server.address());
    network.each(|_| true, Fault::Delay(DELAY));
    let bucket = server.new_bucket();
    let section = bucket.section_at(&network.url(), Some(server.owner()));
    let mut registry = TestRegistry::prepare_s3(bucket, &section, "");
    registry.run();
    let publishers = Publishers::new(BenchRegistry::new(registry));
    vec![publications(plan, &publishers), trust(plan, &publishers)]
}

fn publications(plan: &Plan, publishers: &Publishers) -> Comparison {
    let time = Duration::from_secs(if plan.quick { 1 } else { 10 });
    let contender = |count| move || publishers.beside(count, || thread::sleep(time));
    let contenders: Vec<Contender<'_>> = vec![
        ("aar", Box::new(contender(PUBLISHERS))),
        ("aar, 1 publisher", Box::new(contender(1))),
    ];
    let goals = vec![Goal::Times("aar, 1 publisher", 6.0)];
    let title = format!("publications of {PUBLISHERS} publishers, bucket with 50 ms a request");
    measure_in_turns(
        plan,
        Comparison::new(title, Unit::PerSecond, goals),
        contenders,
    )
}

/// The slowest change of trust of a round.
fn trust(plan: &Plan, publishers: &Publishers) -> Comparison {
    let bench = &publishers.bench;
    let certificate = bench.pki.client.certificate().display().to_string();
    let fingerprint = bench.pki.client.fingerprint();
    let change = |arguments: &[&str]| {
        let start = Instant::now();
        bench.registry.aar(arguments).success();
        start.elapsed()
    };
    let contenders: Vec<Contender<'_>> = vec![(
        "aar",
        Box::new(|| {
            let mut slowest = Duration::ZERO;
            let sample = publishers.beside(PUBLISHERS, || {
                for _ in 0..if plan.quick { 1 } else { 5 } {
                    slowest = slowest.max(change(&["trust", "remove", &fingerprint]));
                    slowest = slowest.max(change(&["trust", "add", &certificate]));
                }
            });
            Sample {
                value: slowest.as_secs_f64() * 1e3,
                ..sample
            }
        }),
    )];
    let title = format!("slowest change of trust beside {PUBLISHERS} publishers");
    let comparison = Comparison::new(title, Unit::Milliseconds, vec![Goal::AtMost(1000.0)]);
    measure_in_turns(plan, comparison, contenders)
}

struct Publishers {
    bench: BenchRegistry,
    /// For each publisher the number of its next version.
    next: Vec<AtomicUsize>,
}

impl Publishers {
    fn new(bench: BenchRegistry) -> Self {
        let next = (0..PUBLISHERS).map(|_| AtomicUsize::new(0)).collect();
        Self { bench, next }
    }

    /// Publishes with this many publishers while `work` runs. Returns the publications per second.
    fn beside(&self, count: usize, work: impl FnOnce()) -> Sample {
        let (meter, start, done) = (self.bench.meter(), Instant::now(), &AtomicBool::new(false));
        let published = thread::scope(|scope| {
            let publishers: Vec<_> = (0..count)
                .map(|publisher| scope.spawn(move || self.publish_until(publisher, done)))
                .collect();
            work();
            done.store(true, Ordering::Relaxed);
            let counts = publishers.into_iter().map(|thread| thread.join().unwrap());
            counts.sum::<u32>()
        });
        Sample {
            value: f64::from(published) / start.elapsed().as_secs_f64(),
            usage: vec![meter.read()],
        }
    }

    fn publish_until(&self, publisher: usize, done: &AtomicBool) -> u32 {
        let (http, name) = (self.bench.publisher(), format!("app-{publisher}"));
        let mut count = 0;
        while !done.load(Ordering::Relaxed) {
            let number = self.next[publisher].fetch_add(1, Ordering::Relaxed);
            let seed = u64::try_from(number * PUBLISHERS + publisher).unwrap();
            let image = self.bench.upload(Generated { size: IMAGE, seed });
            commit(&http, &name, number, &image);
            count += 1;
        }
        count
    }
}
