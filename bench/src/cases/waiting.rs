//! Clients that wait for changes: how soon all of them receive one, and the memory for each.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

use aar_client::{ChangesResponse, ClientOptions, RegistryClient, Transfer};
use aar_testkit::{Folder, Generated, SOON, TestClient, until};
use aar_types::{ApplicationName, Architecture, Changes, ImageInfo, Revision};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{runtime::Runtime, sync::Semaphore, task::JoinHandle};

use super::Case;
use crate::{
    bench_registry::{BenchRegistry, commit},
    plan::Plan,
    result::{Comparison, Goal, Unit},
    sample::Sample,
    usage::{Usage, resident},
};

pub(crate) const CASE: Case = Case {
    name: "waiting",
    about: "clients that wait for changes, each on its own connection: latency and memory",
    run: measure,
};

const NAME: &str = "update";
const SIZE: u64 = 1 << 20;
/// One of this many clients pulls the new version.
const ONE_IN: usize = 50;
/// Concurrent handshakes, which the registry limits for each address.
const HANDSHAKES: usize = 16;
/// How long the registry may keep a request open, as in requests of the agent.
const WAIT: Duration = Duration::from_mins(1);
/// The registry is idle after this time without work.
const IDLE: Duration = Duration::from_secs(1);

fn measure(plan: &Plan) -> Vec<Comparison> {
    let mut bench = BenchRegistry::start();
    let process = bench.registry.process().id();
    allow_open_files();
    let fleet = WaitingFleet {
        process,
        publisher: bench.publisher(),
        folder: Folder::new("waiting"),
        runtime: Runtime::new().unwrap(),
        bench,
    };
    publish(&fleet.publisher, 0, &fleet.bench.upload(image(0)));
    // Serving images grows the memory of the registry; this must not count for the waiting clients.
    fleet.round(1, fleet.connect(plan.waiting / ONE_IN, 1));
    wait_until_idle(&fleet.bench);
    let before = resident(process);
    let mut clients = fleet.connect(plan.waiting, ONE_IN);
    let (mut notified, mut pulled, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for number in 2..2 + plan.rounds {
        let round = fleet.round(number, clients);
        let sample = |value| Sample {
            value,
            usage: vec![round.usage.clone()],
        };
        let p99 = |moments| sample(percentile_99(round.start, moments));
        notified.push(p99(round.notified.iter().map(|one| one.notified).collect()));
        pulled.push(p99(round
            .notified
            .iter()
            .filter_map(|one| one.pulled)
            .collect()));
        let held = round.resident.saturating_sub(before);
        memory.push(sample(kibibytes(held, plan.waiting)));
        clients = round.notified.into_iter().map(|one| one.client).collect();
    }
    comparisons(plan, [notified, pulled, memory])
}

fn comparisons(plan: &Plan, [notified, pulled, memory]: [Vec<Sample>; 3]) -> Vec<Comparison> {
    let (all, few) = (plan.waiting, plan.waiting / ONE_IN);
    let comparison = |title: String, unit, max, samples| {
        Comparison::new(title, unit, vec![Goal::AtMost(max)]).with_samples(samples)
    };
    vec![
        comparison(
            format!("notified of a change, p99, {all} waiting"),
            Unit::Milliseconds,
            2000.0,
            notified,
        ),
        comparison(
            format!("pulled 1 MiB, {few} of {all} waiting"),
            Unit::Milliseconds,
            2000.0,
            pulled,
        ),
        comparison(
            format!("memory for each of {all} waiting"),
            Unit::Kibibytes,
            32.0,
            memory,
        ),
    ]
}

/// A registry, a publisher, and a runtime for waiting clients.
struct WaitingFleet {
    process: u32,
    publisher: TestClient,
    folder: Folder,
    runtime: Runtime,
    bench: BenchRegistry,
}

/// A client with its own connection.
struct WaitingClient {
    registry: RegistryClient,
    since: Revision,
    /// The file to which it pulls the new version, if it does.
    target: Option<PathBuf>,
}

/// A client that has received a change.
struct NotifiedClient {
    client: WaitingClient,
    notified: Instant,
    pulled: Option<Instant>,
}

/// The results of one publication.
struct PublicationRound {
    start: Instant,
    notified: Vec<NotifiedClient>,
    /// The memory of the registry while all were waiting.
    resident: u64,
    usage: Usage,
}

impl WaitingFleet {
    /// Connects clients, as many at a time as one address may. One of `one_in` will pull.
    fn connect(&self, clients: usize, one_in: usize) -> Vec<WaitingClient> {
        let permits = Arc::new(Semaphore::new(HANDSHAKES));
        let registry = &self.bench.registry;
        let url = registry.url().parse().unwrap();
        let server = registry.fingerprint().parse().unwrap();
        let identity = self.bench.pki.client.identity();
        let options = ClientOptions::new(url, server, identity.clone());
        let connecting = (0..clients).map(|n| {
            let (options, permits) = (options.clone(), Arc::clone(&permits));
            let target = (n % one_in == 0).then(|| self.folder.join(n.to_string()));
            self.runtime.spawn(async move {
                let _permit = permits.acquire_owned().await.unwrap();
                WaitingClient::connect(options, target).await
            })
        });
        self.join(connecting.collect())
    }

    /// Lets clients wait for changes, and publishes a version.
    fn round(&self, number: usize, clients: Vec<WaitingClient>) -> PublicationRound {
        let image = self.bench.upload(image(number));
        let clients = clients.into_iter();
        let waiting = clients.map(|client| self.runtime.spawn(client.wait()));
        let waiting = waiting.collect();
        wait_until_idle(&self.bench);
        let resident = resident(self.process);
        let (meter, start) = (self.bench.meter(), Instant::now());
        publish(&self.publisher, number, &image);
        PublicationRound {
            start,
            notified: self.join(waiting),
            resident,
            usage: meter.read(),
        }
    }

    fn join<T>(&self, tasks: Vec<JoinHandle<T>>) -> Vec<T> {
        let result = |task: JoinHandle<T>| self.runtime.block_on(task).unwrap();
        tasks.into_iter().map(result).collect()
    }
}

impl WaitingClient {
    async fn connect(options: ClientOptions, target: Option<PathBuf>) -> Self {
        let registry = RegistryClient::new(options).unwrap();
        let since = changes(&registry, Revision(0), Duration::ZERO)
            .await
            .revision;
        Self {
            registry,
            since,
            target,
        }
    }

    /// Waits for the next change, and pulls the new version as the agent does.
    async fn wait(mut self) -> NotifiedClient {
        let changes = changes(&self.registry, self.since, WAIT).await;
        let notified = Instant::now();
        assert!(changes.revision > self.since, "there was no change in time");
        self.since = changes.revision;
        let pulled = match &self.target {
            Some(target) => {
                self.pull(target, &changes).await;
                Some(Instant::now())
            }
            None => None,
        };
        NotifiedClient {
            client: self,
            notified,
            pulled,
        }
    }

    /// Reads the application, and downloads the image of its newest version.
    async fn pull(&self, target: &Path, changes: &Changes) {
        let name: &ApplicationName = &changes.changes[0].application;
        let application = self.registry.application(name).await.unwrap().unwrap();
        let versions = &application.variants[0].versions;
        let newest = versions
            .iter()
            .max_by_key(|version| version.number)
            .unwrap();
        let (architecture, transfer) = (Architecture::Amd64, Transfer::default());
        let download = self.registry.download(
            name,
            architecture,
            newest.number,
            &newest.image,
            target,
            &transfer,
        );
        download.await.unwrap();
        fs_err::remove_file(target).unwrap();
    }
}

async fn changes(registry: &RegistryClient, since: Revision, wait: Duration) -> Changes {
    match registry.changes(since, wait).await.unwrap() {
        ChangesResponse::Changes(changes) => changes,
        ChangesResponse::Compacted => panic!("the registry keeps changes for longer than this"),
    }
}

fn image(number: usize) -> Generated {
    Generated {
        size: SIZE,
        seed: number as u64,
    }
}

fn publish(publisher: &TestClient, number: usize, image: &ImageInfo) {
    commit(publisher, NAME, number, image);
}

fn wait_until_idle(bench: &BenchRegistry) {
    until("the registry is idle", SOON, || {
        let meter = bench.meter();
        sleep(IDLE);
        meter.read().cpu_seconds < 0.005
    });
}

/// Raises the limit of open files to the maximum, as the registry does for itself.
fn allow_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let current = maximum;
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
}

/// The 99th percentile of the times since the start, in milliseconds.
fn percentile_99(start: Instant, mut moments: Vec<Instant>) -> f64 {
    moments.sort();
    let last = moments[(moments.len() * 99).div_ceil(100) - 1];
    last.duration_since(start).as_secs_f64() * 1e3
}

#[expect(clippy::cast_precision_loss, reason = "sizes are below 2^52")]
fn kibibytes(bytes: u64, clients: usize) -> f64 {
    bytes as f64 / 1024.0 / clients as f64
}
