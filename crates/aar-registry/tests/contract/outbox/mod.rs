//! Invariant 10: an acknowledged change is in storage too, and nothing deleted or revoked comes back by a
//! rebuild.

mod kill;

use std::time::Duration;

use aar_registry::{
    Error, Options, Published, Refusal, Registry, S3Options, StorageOptions, Withdrawal,
};
use aar_testkit::{Fault, RecordedRequest, S3Network};
use aar_types::{ErrorCode, Role};
use tokio::time::timeout;

use crate::backend::{
    AMD64, Fixture, certificate, in_bucket, name, number, on_buckets, on_every_backend, put,
    refused, tagged,
};

/// Longer than any of these tests may take.
const HANG: Duration = Duration::from_mins(5);

fn is_descriptor(seen: &RecordedRequest) -> bool {
    seen.path.rsplit('.').next() == Some("json") && !seen.path.ends_with("/registry.json")
}

fn is_write_of_application(seen: &RecordedRequest) -> bool {
    seen.method == "PUT" && seen.path.contains("/applications/")
}

fn is_write(seen: &RecordedRequest) -> bool {
    matches!(&*seen.method, "PUT" | "DELETE") && is_descriptor(seen)
}

fn network(fixture: &Fixture) -> S3Network {
    S3Network::start(fixture.bucket().server().address())
}

async fn open_over(fixture: &Fixture, network: &S3Network) -> Registry {
    let s3 = S3Options {
        endpoint: Some(network.url()),
        ..in_bucket(fixture.bucket())
    };
    let options = Options {
        storage: StorageOptions::S3(Box::new(s3)),
        ..fixture.options.clone()
    };
    Registry::open(options).await.unwrap()
}

async fn until(condition: impl Fn() -> bool) {
    let waited = timeout(Duration::from_secs(30), async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.expect("the condition does not come true");
}

fn undelivered<T: std::fmt::Debug>(result: Result<T, Error>) -> Error {
    let error = refused(result);
    assert!(matches!(error, Error::Undelivered { .. }), "{error}");
    assert_eq!(error.code(), ErrorCode::Unavailable);
    error
}

#[tokio::test]
async fn trust_changes_do_not_wait_for_publishers_that_wait_for_the_bucket() {
    on_buckets(async |fixture| {
        const PUBLISHERS: u32 = 8;
        let network = network(&fixture);
        let registry = open_over(&fixture, &network).await;
        let mut images = Vec::new();
        for n in 0..PUBLISHERS {
            images.push(fixture.store(format!("image {n}").as_bytes()).await);
        }
        network.each(is_write_of_application, Fault::Delay(HANG));
        let publishers: Vec<_> = images
            .into_iter()
            .zip(0..)
            .map(|(image, n)| {
                let operator = registry.operator("publisher");
                tokio::spawn(async move {
                    let app = name(&format!("app-{n}"));
                    operator.publish(&app, AMD64, number(0), put(image)).await
                })
            })
            .collect();
        let held = || {
            network
                .requests()
                .into_iter()
                .filter(is_write_of_application)
        };
        until(|| held().count() >= PUBLISHERS as usize).await;

        let command = open_over(&fixture, &network).await.operator("command");
        let records = fixture.operator().records().await;
        let [removed, revoked] = [1, 2].map(|first| certificate(first, Role::Client));
        let changes = async {
            for new in [&removed, &revoked] {
                command.trust_add(new.clone()).await.unwrap();
            }
            for (new, how) in [
                (&removed, Withdrawal::Remove),
                (&revoked, Withdrawal::Revoke),
            ] {
                records.withdraw(&new.fingerprint, how).await.unwrap();
                command.deliver_trust().await.unwrap();
            }
        };
        timeout(Duration::from_secs(5), changes).await.unwrap();
        assert!(publishers.iter().all(|publisher| !publisher.is_finished()));
        let revocation = fixture.text(&format!("trust/{}.json", revoked.fingerprint));
        assert!(revocation.contains("revoked"), "{revocation}");
        assert!(!fixture.has(&format!("trust/{}.json", removed.fingerprint)));
        records.close().await;
        publishers.iter().for_each(tokio::task::JoinHandle::abort);
    })
    .await;
}

#[tokio::test]
async fn older_content_never_replaces_newer_content_of_another_process() {
    on_buckets(async |fixture| {
        fixture.publish("app", 0, b"image").await;
        let (slow, fast) = (network(&fixture), network(&fixture));
        let older = open_over(&fixture, &slow).await.operator("older");
        let newer = open_over(&fixture, &fast).await.operator("newer");
        slow.next(
            is_write_of_application,
            [Fault::Delay(Duration::from_secs(3))],
        );
        let older = tokio::spawn(async move {
            older
                .put_application(&name("app"), AMD64, tagged(&["older"]))
                .await
        });
        until(|| slow.requests().iter().any(is_write_of_application)).await;
        let changed = newer
            .put_application(&name("app"), AMD64, tagged(&["newer"]))
            .await;
        assert_eq!(changed.unwrap(), Some(true));
        // The newer content was not written before the older one.
        assert!(older.is_finished());
        assert_eq!(older.await.unwrap().unwrap(), Some(true));
        let text = fixture.text("applications/app/amd64/application.json");
        assert!(text.contains("newer"), "{text}");
        assert!(fixture.verify().await.is_sound());
    })
    .await;
}

#[tokio::test]
async fn newest_content_wins_among_many_concurrent_changes_of_two_processes() {
    on_every_backend(async |fixture| {
        fixture.publish("app", 0, b"image").await;
        let other = fixture.another().await;
        let operators = [fixture.registry.operator("one"), other.operator("two")];
        let changes = (0..20).map(|n| {
            let operator = operators[n % 2].clone();
            tokio::spawn(async move {
                let tags = tagged(&[&format!("tag-{n}")]);
                operator.put_application(&name("app"), AMD64, tags).await
            })
        });
        for change in futures_util::future::join_all(changes).await {
            assert_eq!(change.unwrap().unwrap(), Some(true));
        }
        assert!(fixture.verify().await.is_sound());
    })
    .await;
}

#[tokio::test]
async fn publication_is_visible_and_recorded_when_the_bucket_refuses_its_descriptor() {
    on_buckets(async |fixture| {
        let network = network(&fixture);
        let operator = open_over(&fixture, &network).await.operator("test");
        let image = fixture.store(b"image").await;
        network.each(is_write, Fault::Status(403));
        let app = name("app");
        let publish = || operator.publish(&app, AMD64, number(0), put(image));
        for _ in 0..2 {
            undelivered(publish().await);
            assert_eq!(fixture.versions().await, ["app/amd64/0"]);
        }
        assert!(!fixture.has("applications/app/amd64/0.json"));
        network.heal();
        assert_eq!(publish().await.unwrap(), Published::Unchanged);
        assert!(fixture.has("applications/app/amd64/0.json"));
    })
    .await;
}

#[tokio::test]
async fn deletion_is_acknowledged_only_when_the_bucket_has_deleted_the_descriptor() {
    on_buckets(async |mut fixture| {
        fixture.publish("app", 0, b"image").await;
        let network = network(&fixture);
        let operator = open_over(&fixture, &network).await.operator("test");
        network.each(is_write, Fault::Status(403));
        for _ in 0..2 {
            undelivered(
                operator
                    .remove_version(&name("app"), AMD64, number(0))
                    .await,
            );
            assert_eq!(fixture.versions().await, [""; 0]);
        }
        network.heal();
        let again = operator
            .remove_version(&name("app"), AMD64, number(0))
            .await;
        assert!(!again.unwrap());
        assert_eq!(fixture.rebuild().await.versions, 0);
    })
    .await;
}

#[tokio::test]
async fn number_of_a_version_is_free_only_when_its_deletion_is_delivered() {
    on_buckets(async |fixture| {
        fixture.publish("app", 0, b"first").await;
        let second = fixture.store(b"second").await;
        let network = network(&fixture);
        let operator = open_over(&fixture, &network).await.operator("test");
        network.each(is_write, Fault::Status(403));
        undelivered(
            operator
                .remove_version(&name("app"), AMD64, number(0))
                .await,
        );
        let app = name("app");
        let publish = || operator.publish(&app, AMD64, number(0), put(second));
        refused(publish().await);
        assert_eq!(fixture.versions().await, [""; 0]);
        network.heal();
        assert_eq!(publish().await.unwrap(), Published::Created);
        assert!(fixture.verify().await.is_sound());
    })
    .await;
}

#[tokio::test]
async fn revocation_holds_from_its_commit_while_the_bucket_is_unreachable() {
    on_buckets(async |mut fixture| {
        let new = certificate(1, Role::Client);
        fixture.operator().trust_add(new.clone()).await.unwrap();
        let network = network(&fixture);
        let registry = open_over(&fixture, &network).await;
        let operator = registry.operator("test");
        network.each(|_| true, Fault::Reset);
        let records = fixture.operator().records().await;
        let revoked = records.withdraw(&new.fingerprint, Withdrawal::Revoke).await;
        records.close().await;
        registry.refresh().await.unwrap();
        let role = registry.role_of(Some(&revoked.unwrap().fingerprint));
        assert_eq!(role, Err(Refusal::Revoked));
        refused(operator.deliver_trust().await);
        let key = format!("trust/{}.json", new.fingerprint);
        assert!(!fixture.text(&key).contains("revoked"));

        let delivering = tokio::spawn(async move { operator.keep_delivering().await });
        network.heal();
        until(|| fixture.text(&key).contains("revoked")).await;
        delivering.abort();
        let report = fixture.rebuild().await;
        assert_eq!((report.trusted, report.revoked), (0, 1));
    })
    .await;
}

#[tokio::test]
async fn entries_that_a_killed_process_left_are_delivered_when_its_leases_expire() {
    on_buckets(async |fixture| {
        let network = network(&fixture);
        let registry = open_over(&fixture, &network).await;
        let new = certificate(1, Role::Client);
        network.each(is_write, Fault::Delay(HANG));
        let operator = registry.operator("killed");
        let adding = tokio::spawn({
            let new = new.clone();
            async move { operator.trust_add(new).await }
        });
        until(|| network.requests().iter().any(is_write)).await;
        // While its lease holds, no other process delivers the entry.
        let other = fixture.another().await.operator("other");
        assert_eq!(other.deliver_outbox().await.unwrap(), [""; 0]);
        expire_leases(&fixture).await;
        let key = format!("trust/{}.json", new.fingerprint);
        assert_eq!(other.deliver_outbox().await.unwrap(), [key.as_str()]);
        assert!(fixture.has(&key));
        adding.abort();
    })
    .await;
}

#[tokio::test]
async fn entry_that_storage_has_already_is_delivered_again() {
    on_every_backend(async |mut fixture| {
        fixture.publish("app", 0, b"image").await;
        let key = "applications/app/amd64/0.json";
        let content = fixture.content(key).unwrap();
        insert_entry(&fixture, key, Some(&content)).await;
        insert_entry(&fixture, "applications/gone/amd64/0.json", None).await;
        assert_eq!(fixture.operator().deliver_outbox().await.unwrap().len(), 2);
        assert_eq!(fixture.content(key).unwrap(), content);
        assert_eq!(fixture.rebuild().await.versions, 1);
    })
    .await;
}

#[tokio::test]
async fn revocation_in_storage_is_adopted_by_a_delivery_that_meets_it() {
    on_every_backend(async |mut fixture| {
        let new = certificate(1, Role::Client);
        fixture.operator().trust_add(new.clone()).await.unwrap();
        let key = format!("trust/{}.json", new.fingerprint);
        let trusted = fixture.content(&key).unwrap();
        fixture
            .with_lost_commit(async |operator| {
                operator
                    .trust_revoke(&new.fingerprint.into())
                    .await
                    .unwrap();
            })
            .await;
        insert_entry(&fixture, &key, Some(&trusted)).await;
        assert_eq!(fixture.operator().deliver_outbox().await.unwrap(), [""; 0]);
        let role = fixture.registry.role_of(Some(&new.fingerprint));
        assert_eq!(role, Err(Refusal::Revoked));
        assert!(fixture.text(&key).contains("revoked"));
        assert!(fixture.verify().await.is_sound());
    })
    .await;
}

#[tokio::test]
async fn immutable_other_content_in_storage_is_not_overwritten_by_a_delivery() {
    on_every_backend(async |mut fixture| {
        let first = fixture.publish("app", 0, b"first").await;
        let key = "applications/app/amd64/0.json";
        let content = fixture.content(key).unwrap();
        let second = fixture.store(b"second").await;
        fixture
            .with_lost_commit(async |operator| {
                let app = name("app");
                operator
                    .remove_version(&app, AMD64, number(0))
                    .await
                    .unwrap();
                operator
                    .publish(&app, AMD64, number(0), put(second))
                    .await
                    .unwrap();
            })
            .await;
        assert!(
            content
                .windows(64)
                .any(|it| it == first.fingerprint.to_string().as_bytes())
        );
        insert_entry(&fixture, key, Some(&content)).await;
        fixture.operator().deliver_outbox().await.unwrap();
        assert!(fixture.text(key).contains(&second.fingerprint.to_string()));
        assert!(!fixture.verify().await.is_sound());
    })
    .await;
}

/// An entry as a process leaves it that was killed before its delivery, or after it.
async fn insert_entry(fixture: &Fixture, key: &str, content: Option<&[u8]>) {
    let count = "UPDATE registry SET outbox_revision = outbox_revision + 1";
    fixture.execute(count).await.unwrap();
    let content = content.map_or_else(|| "NULL".to_owned(), |content| fixture.bytes(content));
    let insert = format!(
        "INSERT INTO outbox (key, content, revision) \
         VALUES ('{key}', {content}, (SELECT outbox_revision FROM registry))"
    );
    fixture.execute(&insert).await.unwrap();
}

/// As time does it, without the wait.
async fn expire_leases(fixture: &Fixture) {
    let expire = "UPDATE leases SET expires_at = 0";
    fixture.execute(expire).await.unwrap();
}
