//! Credentials that are not in the configuration file: of the instance role and of the environment.

use std::time::Duration;

use aar_testkit::{
    CredentialServer, Credentials, Fleet, Package, S3Server, SOON, TestPki, TestRegistry, sha256,
    until,
};

const SIZE: u64 = 64 << 20;
const HOUR: Duration = Duration::from_hours(1);

/// A registry that gets its credentials from an instance metadata service.
fn registry_with_role(server: &'static S3Server, imds: &CredentialServer) -> TestRegistry {
    let bucket = server.new_bucket();
    let section = bucket.section_at(&server.endpoint(), None);
    TestRegistry::prepare_s3(bucket, &section, "")
        .with_env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &imds.url())
}

fn create(fleet: &Fleet, size: u64) {
    let package = Package::new("game").noise("level.dat", size, 1);
    fleet.publisher.create(&package);
}

fn assert_arrives(fleet: &Fleet) {
    fleet.client.wait_for("game", 0);
    let pushed = sha256(&fleet.publisher.export("game", 0));
    assert_eq!(sha256(&fleet.client.export("game", 0)), pushed);
    assert!(fleet.registry.bucket().unwrap().uploads().is_empty());
}

#[test]
fn instance_role_is_used_with_an_imds_token() {
    let Some(server) = S3Server::ceph("instance roles") else {
        return;
    };
    let imds = CredentialServer::instance(server.owner(), HOUR);
    let mut registry = registry_with_role(server, &imds);
    registry.run();
    assert_eq!((imds.issued_count(), imds.rejected_count()), (1, 0));
    let fleet = Fleet::start_on(registry, &[]);
    create(&fleet, 1 << 20);
    assert_arrives(&fleet);
    assert_eq!(imds.rejected_count(), 0);
    assert!(!fleet.registry.log().contains(server.secret_key()));
}

#[test]
fn credentials_are_renewed_before_they_expire_in_a_transfer() {
    let Some(server) = S3Server::ceph("credentials that expire") else {
        return;
    };
    let (first, second) = (server.new_key(), server.new_key());
    let imds = CredentialServer::instance(&first, HOUR);
    let mut registry = registry_with_role(server, &imds);
    registry.run();
    let mut fleet = Fleet::start_manual_on(registry, &[]);
    create(&fleet, SIZE);
    // The registry gets the short key at its start, and every later request the other one.
    imds.rotate(&first, Duration::from_secs(8));
    fleet.registry.stop();
    fleet.registry.run();
    imds.rotate(&second, HOUR);
    let issued = imds.issued_count();
    fleet.publisher_network.throttle(6 << 20);
    fleet.publisher.set(&[("registry.mode", "push")]);
    until("the second key is requested", SOON, || {
        imds.issued_count() > issued
    });
    let application = fleet.registry.application("game");
    assert!(application.is_none(), "the transfer has ended already");
    // From now on, requests signed with the first key fail.
    server.remove_key(&first);
    fleet.publisher_network.heal();
    fleet.client.set(&[("registry.mode", "pull")]);
    assert_arrives(&fleet);
    assert_eq!(imds.rejected_count(), 0);
    fleet.registry.aar(&["storage", "verify"]).success();
}

#[test]
fn presigned_url_does_not_outlive_its_credentials() {
    let Some(server) = S3Server::ceph("URLs by credentials that expire") else {
        return;
    };
    let imds = CredentialServer::instance(server.owner(), Duration::from_mins(10));
    let mut registry = registry_with_role(server, &imds);
    registry.run();
    let fleet = Fleet::start_manual_on(registry, &[]);
    create(&fleet, 1 << 20);
    fleet.publisher.amc(&["registry", "push", "game"]).success();
    let pki = TestPki::new();
    fleet.registry.trust(pki.client.certificate(), "client");
    let http = fleet.registry.http(Some(&pki.client));
    let response = http.get("/1.0/applications/game/amd64/versions/0/image");
    let url = &response.headers["location"];
    let (_, ttl) = url.split_once("X-Amz-Expires=").unwrap();
    let ttl: u64 = ttl.split('&').next().unwrap().parse().unwrap();
    assert!((1..=600).contains(&ttl), "{url}");
    assert!(url.contains("X-Amz-Security-Token="), "{url}");
}

#[test]
fn environment_keys_take_precedence_over_the_instance_role() {
    let Some(server) = S3Server::ceph("keys in the environment") else {
        return;
    };
    let invalid = Credentials {
        access_key: "AKIAINVALID".to_owned(),
        secret_key: "nothing".to_owned(),
    };
    let imds = CredentialServer::instance(&invalid, HOUR);
    let mut registry = registry_with_role(server, &imds)
        .with_env("AWS_ACCESS_KEY_ID", server.access_key())
        .with_env("AWS_SECRET_ACCESS_KEY", server.secret_key());
    registry.run();
    assert_eq!(imds.issued_count(), 0);
}

#[test]
fn missing_credentials_prevent_the_start_with_a_hint() {
    let Some(server) = S3Server::ceph("no credentials") else {
        return;
    };
    let bucket = server.new_bucket();
    let section = bucket.section_at(&server.endpoint(), None);
    let registry = TestRegistry::prepare_s3(bucket, &section, "")
        .with_env("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1");
    let error = registry.aar(&["serve"]).failure();
    assert!(error.contains("storage.s3.access-key"), "{error}");
}
