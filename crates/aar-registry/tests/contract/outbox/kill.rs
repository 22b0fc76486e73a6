//! A process that is killed between the commit of a change and its acknowledgement.
//!
//! The parent holds one request of the change after the other and kills the child that waits for it.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use aar_registry::{
    DatabaseOptions, Options, Registry, S3Credentials, S3Options, Secret, StorageOptions,
};
use aar_testkit::{Fault, S3Network};
use aar_types::{FingerprintPrefix, Role};

use super::{HANG, expire_leases, network};
use crate::{
    backend::{
        AMD64, Fixture, certificate, image, in_bucket, name, number, on_buckets, put, tagged,
    },
    operator::CommandOperator,
};

/// The changes that a child process can make.
const CHANGES: [&str; 7] = [
    "publish",
    "withdraw",
    "change-metadata",
    "remove-version",
    "remove-application",
    "trust",
    "revoke",
];
/// More requests than any change sends.
const MOST: u8 = 20;

const CHANGE: &str = "AAR_TEST_CHANGE";
const CERTIFICATE: &str = "AAR_TEST_CERTIFICATE";
const DATABASE: &str = "AAR_TEST_DATABASE";
const BUCKET: &str = "AAR_TEST_BUCKET";

#[tokio::test]
async fn change_of_a_killed_process_is_undone_or_delivered_at_every_point() {
    on_buckets(async |mut fixture| {
        for (change, first) in CHANGES.into_iter().zip((1_u8..).step_by(usize::from(MOST))) {
            let mut kills = 0;
            while kill_at(&mut fixture, change, kills, first + kills).await {
                kills += 1;
                assert!(kills < MOST, "{change}");
            }
            assert!(kills >= 2, "{change} was killed {kills} times only");
        }
    })
    .await;
}

/// Kills a child that waits for the request with this number. Returns `false` when it sends fewer.
async fn kill_at(fixture: &mut Fixture, change: &str, request: u8, certificate: u8) -> bool {
    prepare(fixture, change, certificate).await;
    let network = network(fixture);
    let mut child = RunningChange::start(fixture, &network, change, certificate);
    let passed = std::iter::repeat_n(Fault::None, request.into());
    network.next(|_| true, passed.chain([Fault::Delay(HANG)]));
    child.begin();
    let is_held = || network.pending_faults() == 0;
    while !is_held() && !child.has_ended() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let is_killed = is_held();
    child.kill();

    expire_leases(fixture).await;
    fixture.operator().deliver_outbox().await.unwrap();
    let report = fixture.verify().await;
    assert!(report.is_sound(), "{change} at {request}: {report:?}");
    let before = state(fixture).await;
    fixture.rebuild().await;
    assert_eq!(state(fixture).await, before, "{change} at {request}");
    if !is_killed {
        assert_done(change, certificate, &before);
    }
    is_killed
}

/// Restores what every change begins with.
async fn prepare(fixture: &Fixture, change: &str, first: u8) {
    let operator = fixture.operator();
    let removed = operator.remove_application(&name("app"), None).await;
    removed.unwrap();
    for n in 0..2 {
        let content = format!("image {n}");
        fixture.publish("app", n, content.as_bytes()).await;
    }
    fixture.store(b"image 2").await;
    if change == "revoke" {
        let added = operator.trust_add(certificate(first, Role::Client)).await;
        added.unwrap();
    }
}

/// Versions and trust, which a rebuild has to restore.
async fn state(fixture: &Fixture) -> Vec<String> {
    let operator = fixture.operator();
    let mut state = fixture.versions().await;
    if let Some(app) = operator.application(&name("app")).await.unwrap() {
        for variant in app.variants {
            state.extend(variant.metadata.tags);
            let withdrawn = variant.versions.iter().filter(|one| !one.published);
            state.extend(withdrawn.map(|one| format!("{} is withdrawn", one.number)));
        }
    }
    for (list, revoked) in [("trusted", false), ("revoked", true)] {
        let certificates = operator.trust_list(revoked).await.unwrap().into_iter();
        state.extend(certificates.map(|one| format!("{} is {list}", one.subject)));
    }
    state.sort();
    state
}

/// Checks the result of an acknowledged change.
fn assert_done(change: &str, certificate: u8, state: &[String]) {
    let has = |text: &str| state.iter().any(|one| one == text);
    let is_done = match change {
        "publish" => has("app/amd64/2"),
        "withdraw" => has("0 is withdrawn"),
        "change-metadata" => has("changed"),
        "remove-version" => !has("app/amd64/0") && has("app/amd64/1"),
        "remove-application" => !has("app/amd64/0") && !has("app/amd64/1"),
        "trust" => has(&format!("CN=ams-{certificate} is trusted")),
        "revoke" => has(&format!("CN=ams-{certificate} is revoked")),
        other => panic!("{other}"),
    };
    assert!(is_done, "{change}: {state:?}");
}

/// A child process that makes one change.
struct RunningChange {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl RunningChange {
    /// Returns when the child has opened the registry.
    fn start(fixture: &Fixture, network: &S3Network, change: &str, certificate: u8) -> Self {
        let s3 = in_bucket(fixture.bucket());
        let keys = fixture.bucket().server().owner().clone();
        let bucket = [
            network.url(),
            s3.region,
            s3.bucket,
            s3.prefix,
            keys.access_key,
            keys.secret_key,
        ];
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "outbox::kill::child_makes_one_change"])
            .args(["--ignored", "--nocapture"])
            .env(CHANGE, change)
            .env(CERTIFICATE, certificate.to_string())
            .env(DATABASE, fixture.database())
            .env(BUCKET, bucket.join(" "))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut running = Self { child, output };
        while !running.line().contains("is open") {}
        running
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let length = self.output.read_line(&mut line).unwrap();
        assert!(length > 0, "the child has ended");
        line
    }

    fn begin(&mut self) {
        let mut input = self.child.stdin.take().unwrap();
        input.write_all(b"\n").unwrap();
    }

    fn has_ended(&mut self) -> bool {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none_or(|status| status.success()), "{ended:?}");
        ended.is_some()
    }

    /// Sends SIGKILL.
    fn kill(mut self) {
        let _has_ended = self.child.kill();
        self.child.wait().unwrap();
    }
}

#[tokio::test]
#[ignore = "the child process of the test above"]
async fn child_makes_one_change() {
    let variable = |name| env::var(name).unwrap();
    let (change, first) = (variable(CHANGE), variable(CERTIFICATE).parse().unwrap());
    let database = DatabaseOptions::Sqlite {
        path: variable(DATABASE).into(),
    };
    let storage = StorageOptions::S3(Box::new(s3_options(&variable(BUCKET))));
    let options = Options::new(database, storage);
    let registry = Registry::open(options.clone()).await.unwrap();
    let operator = CommandOperator::new(&registry, &options);
    let mut output = std::io::stdout();
    writeln!(output, "the registry is open").unwrap();
    output.flush().unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
    make(&change, first, &operator).await;
}

fn s3_options(bucket: &str) -> S3Options {
    let values: Vec<_> = bucket.split(' ').collect();
    let [endpoint, region, bucket, prefix, access_key, secret_key] = values[..] else {
        panic!("{values:?}");
    };
    S3Options {
        endpoint: Some(endpoint.to_owned()),
        force_path_style: true,
        prefix: prefix.to_owned(),
        credentials: Some(S3Credentials {
            access_key: access_key.to_owned(),
            secret_access_key: Secret::new(secret_key),
            session_token: None,
        }),
        redirect: false,
        ..S3Options::new(region, bucket)
    }
}

async fn make(change: &str, first: u8, operator: &CommandOperator) {
    let (app, new) = (name("app"), certificate(first, Role::Client));
    let done = match change {
        "publish" => {
            let version = put(image(b"image 2"));
            let published = operator.publish(&app, AMD64, number(2), version).await;
            published.map(drop)
        }
        "withdraw" => {
            let withdrawn = operator.set_published(&app, AMD64, number(0), false).await;
            withdrawn.map(drop)
        }
        "change-metadata" => {
            let changed = operator
                .put_application(&app, AMD64, tagged(&["changed"]))
                .await;
            changed.map(drop)
        }
        "remove-version" => operator
            .remove_version(&app, AMD64, number(0))
            .await
            .map(drop),
        "remove-application" => operator.remove_application(&app, None).await.map(drop),
        "trust" => operator.trust_add(new).await.map(drop),
        "revoke" => {
            let prefix = FingerprintPrefix::from(new.fingerprint);
            operator.trust_revoke(&prefix).await.map(drop)
        }
        other => panic!("{other}"),
    };
    done.unwrap();
}
