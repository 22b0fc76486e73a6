//! A fleet that waits for changes: how soon all of it is told of one, and what each of it costs.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

use aar_client::{ChangesResponse, ClientOptions, RegistryClient, Transfer};
use aar_testkit::{Folder, Generated, Http, SOON, until};
use aar_types::{ApplicationName, Architecture, Changes, Revision};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{runtime::Runtime, sync::Semaphore, task::JoinHandle};

use super::Case;
use crate::{
    rounds::Plan,
    row::{Goal, Row, Unit},
    sample::Sample,
    site::{Site, commit},
    usage::{Usage, resident},
};

pub(crate) const CASE: Case = Case {
    name: "waiting",
    about: "clients that wait for changes, each on its own connection: being told, and memory",
    run: measure,
};

const NAME: &str = "update";
const SIZE: u64 = 1 << 20;
/// Of so many clients, one fetches what is new.
const ONE_IN: usize = 50;
/// Handshakes under way: what one address may do at once is limited.
const CONNECTING: usize = 16;
/// How long the registry may keep a request open, as the agent asks.
const WAIT: Duration = Duration::from_mins(1);
/// Without work for so long, the registry has settled.
const SETTLED: Duration = Duration::from_secs(1);

fn measure(plan: &Plan) -> Vec<Row> {
    let mut site = Site::start();
    let process = site.registry.process().id();
    allow_open_files();
    let fleet = Fleet {
        process,
        publisher: site.publisher(),
        folder: Folder::new("waiting"),
        runtime: Runtime::new().unwrap(),
        site,
    };
    publish(&fleet.publisher, 0, &fleet.site.upload(image(0)));
    // What serving images leaves behind is no matter of those who wait.
    fleet.round(1, fleet.connect(plan.waiting / ONE_IN, 1));
    settle(&fleet.site);
    let before = resident(process);
    let mut clients = fleet.connect(plan.waiting, ONE_IN);
    let (mut told, mut pulled, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for number in 2..2 + plan.rounds {
        let round = fleet.round(number, clients);
        let sample = |value| Sample {
            value,
            usage: vec![round.usage.clone()],
        };
        let last = |moments| sample(percentile_99(round.begun, moments));
        told.push(last(round.heard.iter().map(|heard| heard.told).collect()));
        pulled.push(last(
            round
                .heard
                .iter()
                .filter_map(|heard| heard.pulled)
                .collect(),
        ));
        let held = round.resident.saturating_sub(before);
        memory.push(sample(kibibytes(held, plan.waiting)));
        clients = round.heard.into_iter().map(|heard| heard.client).collect();
    }
    rows(plan, [told, pulled, memory])
}

fn rows(plan: &Plan, [told, pulled, memory]: [Vec<Sample>; 3]) -> Vec<Row> {
    let (all, few) = (plan.waiting, plan.waiting / ONE_IN);
    let row = |what: String, unit, most, samples| {
        Row::new(what, unit, vec![Goal::AtMost(most)]).ours(samples)
    };
    vec![
        row(
            format!("told of a change, 99 of 100, {all} waiting"),
            Unit::Milliseconds,
            2000.0,
            told,
        ),
        row(
            format!("pulled 1 MiB, {few} of {all} waiting"),
            Unit::Milliseconds,
            2000.0,
            pulled,
        ),
        row(
            format!("memory for each of {all} waiting"),
            Unit::Kibibytes,
            32.0,
            memory,
        ),
    ]
}

/// A registry, a publisher, and those who may wait.
struct Fleet {
    process: u32,
    publisher: Http,
    folder: Folder,
    runtime: Runtime,
    site: Site,
}

/// A client with a connection of its own.
struct Client {
    registry: RegistryClient,
    since: Revision,
    /// Where it puts what is new, if it fetches it.
    to: Option<PathBuf>,
}

/// What became of a client that waited.
struct Heard {
    client: Client,
    told: Instant,
    pulled: Option<Instant>,
}

/// What became of a publication.
struct Round {
    begun: Instant,
    heard: Vec<Heard>,
    /// The memory of the registry while all were waiting.
    resident: u64,
    usage: Usage,
}

impl Fleet {
    /// Lets clients connect, as many at a time as one address may. One of `one_in` will fetch.
    fn connect(&self, clients: usize, one_in: usize) -> Vec<Client> {
        let gate = Arc::new(Semaphore::new(CONNECTING));
        let registry = &self.site.registry;
        let url = registry.url().parse().unwrap();
        let server = registry.fingerprint().parse().unwrap();
        let identity = self.site.pki.client.identity();
        let options = ClientOptions::new(url, server, identity.clone());
        let connecting = (0..clients).map(|n| {
            let (options, gate) = (options.clone(), Arc::clone(&gate));
            let to = (n % one_in == 0).then(|| self.folder.join(n.to_string()));
            self.runtime.spawn(async move {
                let _place = gate.acquire_owned().await.unwrap();
                Client::connect(options, to).await
            })
        });
        self.all(connecting.collect())
    }

    /// Lets clients wait, and publishes something.
    fn round(&self, number: usize, clients: Vec<Client>) -> Round {
        let digest = self.site.upload(image(number));
        let clients = clients.into_iter();
        let waiting = clients.map(|client| self.runtime.spawn(client.hear()));
        let waiting = waiting.collect();
        settle(&self.site);
        let resident = resident(self.process);
        let (meter, begun) = (self.site.meter(), Instant::now());
        publish(&self.publisher, number, &digest);
        Round {
            begun,
            heard: self.all(waiting),
            resident,
            usage: meter.read(),
        }
    }

    fn all<T>(&self, tasks: Vec<JoinHandle<T>>) -> Vec<T> {
        let done = |task: JoinHandle<T>| self.runtime.block_on(task).unwrap();
        tasks.into_iter().map(done).collect()
    }
}

impl Client {
    async fn connect(options: ClientOptions, to: Option<PathBuf>) -> Self {
        let registry = RegistryClient::new(options).unwrap();
        let since = changes(&registry, Revision(0), Duration::ZERO)
            .await
            .revision;
        Self {
            registry,
            since,
            to,
        }
    }

    /// Waits for the next change and does with it what the agent does.
    async fn hear(mut self) -> Heard {
        let changes = changes(&self.registry, self.since, WAIT).await;
        let told = Instant::now();
        assert!(changes.revision > self.since, "nothing came in time");
        self.since = changes.revision;
        let pulled = match &self.to {
            Some(to) => {
                self.pull(to, &changes).await;
                Some(Instant::now())
            }
            None => None,
        };
        Heard {
            client: self,
            told,
            pulled,
        }
    }

    /// Asks what there is of the application, and fetches the image of its newest version.
    async fn pull(&self, to: &Path, changes: &Changes) {
        let name: &ApplicationName = &changes.changes[0].application;
        let application = self.registry.application(name).await.unwrap().unwrap();
        let versions = &application.variants[0].versions;
        let newest = versions
            .iter()
            .max_by_key(|version| version.number)
            .unwrap();
        let (architecture, transfer) = (Architecture::Amd64, Transfer::default());
        let fetch = self.registry.download(
            name,
            architecture,
            newest.number,
            &newest.image,
            to,
            &transfer,
        );
        fetch.await.unwrap();
        fs_err::remove_file(to).unwrap();
    }
}

async fn changes(registry: &RegistryClient, since: Revision, wait: Duration) -> Changes {
    match registry.changes(since, wait).await.unwrap() {
        ChangesResponse::Changes(changes) => changes,
        ChangesResponse::Compacted => panic!("changes are kept for longer than this"),
    }
}

fn image(number: usize) -> Generated {
    Generated {
        size: SIZE,
        seed: number as u64,
    }
}

fn publish(publisher: &Http, number: usize, digest: &str) {
    commit(publisher, NAME, number, digest, SIZE);
}

/// Waits until the registry has nothing to do.
fn settle(site: &Site) {
    until("the registry has settled", SOON, || {
        let meter = site.meter();
        sleep(SETTLED);
        meter.read().cpu_seconds < 0.005
    });
}

/// As many as the system lets this process have. The registry sees to that for itself.
fn allow_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let current = maximum;
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
}

/// In how many milliseconds it was done for 99 of 100.
fn percentile_99(begun: Instant, mut moments: Vec<Instant>) -> f64 {
    moments.sort();
    let last = moments[(moments.len() * 99).div_ceil(100) - 1];
    last.duration_since(begun).as_secs_f64() * 1e3
}

#[expect(clippy::cast_precision_loss, reason = "sizes of a benchmark")]
fn kibibytes(bytes: u64, clients: usize) -> f64 {
    bytes as f64 / 1024.0 / clients as f64
}
