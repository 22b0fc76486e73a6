//! A fleet that waits for changes: how soon all of it is told of one, and what each that waits costs.

use std::{
    path::PathBuf,
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

use aar_client::{ChangesAnswer, ClientOptions, RegistryClient, Transfer};
use aar_testkit::{Folder, Generated, Http, SOON, until};
use aar_types::{ApplicationName, Architecture, Changes, Revision};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{runtime::Runtime, sync::Semaphore, task::JoinHandle};

use super::Case;
use crate::{
    rounds::{Plan, Sample},
    row::{Goal, Row, Unit},
    site::{Site, commit},
    usage::resident,
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
    let (publisher, folder) = (site.publisher(), Folder::new("waiting"));
    publish(&publisher, 0, &site.upload(image(0)));
    settle(&site);
    let before = resident(process);
    let runtime = Runtime::new().unwrap();
    let mut fleet = runtime.block_on(connect(&site, plan.waiting, &folder));
    let (mut told, mut pulled, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1..=1 + plan.rounds {
        let digest = site.upload(image(number));
        let listening = listen(&runtime, fleet);
        settle(&site);
        let held = resident(process).saturating_sub(before);
        let meter = site.meter();
        let begun = Instant::now();
        publish(&publisher, number, &digest);
        let heard = runtime.block_on(everybody(listening));
        let usage = meter.read();
        let sample = |value| Sample {
            value,
            usage: vec![usage.clone()],
        };
        // The first round warms up.
        if number > 1 {
            let last = |moments: Vec<Instant>| sample(percentile_99(begun, moments));
            told.push(last(heard.iter().map(|heard| heard.told).collect()));
            pulled.push(last(
                heard.iter().filter_map(|heard| heard.pulled).collect(),
            ));
            memory.push(sample(kibibytes(held, plan.waiting)));
        }
        fleet = heard.into_iter().map(|heard| heard.client).collect();
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

/// Lets clients connect, as many at a time as one address may.
async fn connect(site: &Site, clients: usize, folder: &Folder) -> Vec<Client> {
    let gate = Arc::new(Semaphore::new(CONNECTING));
    let url = site.registry.url().parse().unwrap();
    let server = site.registry.fingerprint().parse().unwrap();
    let identity = site.pki.client.identity();
    let options = ClientOptions::new(url, server, identity.clone());
    let connecting = (0..clients).map(|n| {
        let (options, gate) = (options.clone(), Arc::clone(&gate));
        let to = (n % ONE_IN == 0).then(|| folder.join(n.to_string()));
        tokio::spawn(async move {
            let _place = gate.acquire_owned().await.unwrap();
            Client::connect(options, to).await
        })
    });
    everybody(connecting.collect()).await
}

fn listen(runtime: &Runtime, fleet: Vec<Client>) -> Vec<JoinHandle<Heard>> {
    let listening = fleet.into_iter().map(|client| runtime.spawn(client.hear()));
    listening.collect()
}

async fn everybody<T>(tasks: Vec<JoinHandle<T>>) -> Vec<T> {
    let mut done = Vec::with_capacity(tasks.len());
    for task in tasks {
        done.push(task.await.unwrap());
    }
    done
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
    async fn pull(&self, to: &PathBuf, changes: &Changes) {
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
        ChangesAnswer::Changes(changes) => changes,
        ChangesAnswer::Compacted => panic!("changes are kept for longer than this"),
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
