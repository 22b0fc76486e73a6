//! Credentials that nobody has written down: of the instance, of the environment.

use std::time::Duration;

use aar_testkit::{
    Credentials, Fleet, CredentialServer, Package, S3Server, SOON, TestPki, TestRegistry, sha256, until,
};

const SIZE: u64 = 64 << 20;
const HOUR: Duration = Duration::from_hours(1);

/// A registry that finds its credentials at an instance's metadata service.
fn with_role(server: &'static S3Server, imds: &CredentialServer) -> TestRegistry {
    let bucket = server.new_bucket();
    let section = bucket.section_at(&server.endpoint(), None);
    TestRegistry::prepare_s3(bucket, &section, "")
        .with_env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &imds.url())
}

fn create(fleet: &Fleet, size: u64) {
    let folder = Package::new("game").noise("level.dat", size, 1);
    let folder = folder.write_folder(&fleet.publisher.base().join("game"));
    fleet
        .publisher
        .amc(&["application", "create", folder.to_str().unwrap()])
        .done();
}

fn arrives_whole(fleet: &Fleet) {
    fleet.client.wait_for("game", 0);
    let sent = sha256(&fleet.publisher.export("game", 0));
    assert_eq!(sha256(&fleet.client.export("game", 0)), sent);
    assert!(fleet.registry.bucket().unwrap().uploads().is_empty());
}

#[test]
fn the_role_of_the_instance_is_used_and_its_token_asked_for_first() {
    let Some(server) = S3Server::ceph("instance roles") else {
        return;
    };
    let imds = CredentialServer::instance(server.owner(), HOUR);
    let mut registry = with_role(server, &imds);
    registry.run();
    assert_eq!((imds.issued_count(), imds.rejected_count()), (1, 0));
    let fleet = Fleet::start_on(registry, &[]);
    create(&fleet, 1 << 20);
    arrives_whole(&fleet);
    assert_eq!(imds.rejected_count(), 0);
    assert!(!fleet.registry.log().contains(server.secret_key()));
}

#[test]
fn credentials_that_end_during_a_transfer_are_replaced_before() {
    let Some(server) = S3Server::ceph("credentials that end") else {
        return;
    };
    let (first, second) = (server.new_key(), server.new_key());
    let imds = CredentialServer::instance(&first, Duration::from_secs(8));
    let mut registry = with_role(server, &imds);
    registry.run();
    let fleet = Fleet::introduced_to(registry, &[]);
    create(&fleet, SIZE);
    imds.rotate(&second, HOUR);
    fleet.publisher_network.throttle(6 << 20);
    fleet.publisher.set(&[("registry.mode", "push")]);
    until("the second key is asked for", SOON, || {
        imds.issued_count() > 1
    });
    let application = fleet.registry.application("game");
    assert!(application.is_none(), "the transfer was over already");
    // From here on nothing works that is signed with the first one.
    server.remove_key(&first);
    fleet.publisher_network.heal();
    fleet.client.set(&[("registry.mode", "pull")]);
    arrives_whole(&fleet);
    assert_eq!(imds.rejected_count(), 0);
    fleet.registry.aar(&["storage", "verify"]).done();
}

#[test]
fn a_signed_address_does_not_outlive_what_signs_it() {
    let Some(server) = S3Server::ceph("addresses by credentials that end") else {
        return;
    };
    let imds = CredentialServer::instance(server.owner(), Duration::from_mins(10));
    let mut registry = with_role(server, &imds);
    registry.run();
    let fleet = Fleet::introduced_to(registry, &[]);
    create(&fleet, 1 << 20);
    fleet.publisher.amc(&["registry", "push", "game"]).done();
    let pki = TestPki::new();
    fleet.registry.trust(pki.client.certificate(), "client");
    let http = fleet.registry.http(Some(&pki.client));
    let answer = http.get("/1.0/applications/game/amd64/versions/0/image");
    let url = &answer.headers["location"];
    let (_, life) = url.split_once("X-Amz-Expires=").unwrap();
    let life: u64 = life.split('&').next().unwrap().parse().unwrap();
    assert!((1..=600).contains(&life), "{url}");
    assert!(url.contains("X-Amz-Security-Token="), "{url}");
}

#[test]
fn keys_in_the_environment_come_before_those_of_the_instance() {
    let Some(server) = S3Server::ceph("keys in the environment") else {
        return;
    };
    let nobody = Credentials {
        access_key: "AKIANOBODY".to_owned(),
        secret_key: "nothing".to_owned(),
    };
    let imds = CredentialServer::instance(&nobody, HOUR);
    let mut registry = with_role(server, &imds)
        .with_env("AWS_ACCESS_KEY_ID", server.access_key())
        .with_env("AWS_SECRET_ACCESS_KEY", server.secret_key());
    registry.run();
    assert_eq!(imds.issued_count(), 0);
}

#[test]
fn a_machine_without_any_credentials_is_told_what_to_write() {
    let Some(server) = S3Server::ceph("no credentials") else {
        return;
    };
    let bucket = server.new_bucket();
    let section = bucket.section_at(&server.endpoint(), None);
    let registry = TestRegistry::prepare_s3(bucket, &section, "")
        .with_env("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1");
    let refused = registry.aar(&["serve"]).refused();
    assert!(refused.contains("storage.s3.access-key"), "{refused}");
}
