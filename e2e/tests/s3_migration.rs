//! Storage is migrated between a folder and a bucket while the registry serves.

use std::{path::PathBuf, thread};

use aar_testkit::{
    Bucket, Fleet, Package, Process, RecordedRequest, S3Network, S3Server, SOON, TestPki,
    TestRegistry, sha256, until,
};

const SIZE: u64 = 20 << 20;

fn create(fleet: &Fleet, name: &str, seed: u64) {
    let package = Package::new(name).noise("level.dat", SIZE, seed);
    fleet.publisher.create(&package);
    fs_err::remove_dir_all(fleet.publisher.base().join(name)).unwrap();
    fleet.client.wait_for(name, 0);
}

/// A configuration file whose `storage` section names a bucket.
fn target(fleet: &Fleet, section: &str) -> PathBuf {
    let path = fleet.registry.base().join("target.yaml");
    fs_err::write(&path, format!("storage:\n{section}")).unwrap();
    path
}

fn migrate(fleet: &Fleet, to: &std::path::Path) {
    let command = ["storage", "migrate", "--to", to.to_str().unwrap()];
    fleet.registry.aar(&command).success();
}

/// The status of a download: 307 from a bucket, 200 from a folder.
fn download_status(fleet: &Fleet, name: &str) -> u16 {
    let pki = TestPki::new();
    fleet.registry.trust(pki.client.certificate(), "client");
    let http = fleet.registry.http(Some(&pki.client));
    let path = format!("/1.0/applications/{name}/amd64/versions/0/image");
    http.get(&path).status
}

fn images(bucket: &Bucket) -> usize {
    let objects = bucket.objects().into_iter();
    objects.filter(|(_, size)| *size > 1 << 20).count()
}

#[test]
fn migration_to_a_bucket_and_back_works_while_the_registry_serves() {
    let Some(server) = S3Server::ceph("migration") else {
        return;
    };
    let bucket = server.new_bucket();
    let mut fleet = Fleet::start_on(TestRegistry::start(), &[]);
    create(&fleet, "one", 1);
    create(&fleet, "two", 2);
    let id = fleet.client.registry_status()["registry_id"].clone();
    let to = target(&fleet, &bucket.section());
    thread::scope(|scope| {
        scope.spawn(|| migrate(&fleet, &to));
        // An application that is pushed during the migration is migrated too.
        create(&fleet, "during", 3);
    });
    assert_eq!(images(&bucket), 3);
    assert_eq!(download_status(&fleet, "one"), 307);
    create(&fleet, "later", 4);
    assert_eq!(images(&bucket), 4);
    fleet.registry.aar(&["storage", "verify"]).success();

    fleet.registry.stop();
    fleet.registry.run();
    assert_eq!(download_status(&fleet, "two"), 307);
    let back = fleet.registry.base().join("another");
    migrate(&fleet, &back);
    assert_eq!(download_status(&fleet, "one"), 200);
    create(&fleet, "back", 5);
    assert_eq!(images(&bucket), 4, "a new image was stored in the bucket");
    fleet.registry.aar(&["storage", "verify"]).success();
    fleet.registry.stop();
    fleet.registry.run();

    let names = ["back", "during", "later", "one", "two"];
    assert_eq!(fleet.client.names(), names);
    assert_eq!(fleet.client.registry_status()["registry_id"], id);
    for name in names {
        let pushed = sha256(&fleet.publisher.export(name, 0));
        assert_eq!(sha256(&fleet.client.export(name, 0)), pushed, "{name}");
    }
}

#[test]
fn killed_migration_resumes_without_copying_twice() {
    let Some(server) = S3Server::ceph("a killed migration") else {
        return;
    };
    let network = S3Network::start(server.address());
    let bucket = server.new_bucket();
    let fleet = Fleet::start_on(TestRegistry::start(), &[]);
    let names = ["a", "b", "c", "d"];
    for (seed, name) in (1..).zip(names) {
        create(&fleet, name, seed);
    }
    let section = bucket.section_at(&network.url(), Some(server.owner()));
    let to = target(&fleet, &section);
    network.each(
        RecordedRequest::is_part,
        aar_testkit::Fault::Throttle(16 << 20),
    );
    let mut command = fleet.registry.command();
    command.args(["storage", "migrate", "--to"]).arg(&to);
    let mut migration = Process::start(&mut command, &fleet.registry.base().join("migrate.log"));
    until("half of the images are copied", SOON, || {
        images(&bucket) >= 2
    });
    migration.kill();
    assert_eq!(
        download_status(&fleet, "a"),
        200,
        "the folder is still in use"
    );
    network.heal();
    migrate(&fleet, &to);
    assert_eq!((images(&bucket), download_status(&fleet, "a")), (4, 307));
    let needed = usize::try_from(4 * SIZE.div_ceil(8 << 20)).unwrap();
    let parts = network
        .requests()
        .into_iter()
        .filter(RecordedRequest::is_part)
        .count();
    assert!(parts <= needed + 8, "{parts} parts for {needed}");
    fleet.registry.aar(&["storage", "verify"]).success();
}
