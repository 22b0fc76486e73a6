//! Moving between a folder and a bucket while the registry serves.

use std::{path::PathBuf, thread};

use aar_testkit::{
    Bucket, Fleet, Package, Process, S3Network, S3Server, SOON, RecordedRequest, TestPki, TestRegistry,
    sha256, until,
};

const SIZE: u64 = 20 << 20;

fn create(fleet: &Fleet, name: &str, seed: u64) {
    let folder = Package::new(name).noise("level.dat", SIZE, seed);
    let folder = folder.write_folder(&fleet.publisher.base().join(name));
    fleet
        .publisher
        .amc(&["application", "create", folder.to_str().unwrap()])
        .done();
    fs_err::remove_dir_all(folder).unwrap();
    fleet.client.wait_for(name, 0);
}

/// A file whose section `storage` names a bucket.
fn target(fleet: &Fleet, section: &str) -> PathBuf {
    let path = fleet.registry.base().join("target.yaml");
    fs_err::write(&path, format!("storage:\n{section}")).unwrap();
    path
}

fn migrate(fleet: &Fleet, to: &std::path::Path) {
    let command = ["storage", "migrate", "--to", to.to_str().unwrap()];
    fleet.registry.aar(&command).done();
}

/// The status with which images are handed out: 307 from a bucket, 200 from a folder.
fn handed_out(fleet: &Fleet, name: &str) -> u16 {
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
fn everything_moves_to_a_bucket_and_back_while_the_registry_serves() {
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
        // Whatever comes while it moves is there afterwards.
        create(&fleet, "meanwhile", 3);
    });
    assert_eq!(images(&bucket), 3);
    assert_eq!(handed_out(&fleet, "one"), 307);
    create(&fleet, "later", 4);
    assert_eq!(images(&bucket), 4);
    fleet.registry.aar(&["storage", "verify"]).done();

    fleet.registry.stop();
    fleet.registry.run();
    assert_eq!(handed_out(&fleet, "two"), 307);
    let back = fleet.registry.base().join("another");
    migrate(&fleet, &back);
    assert_eq!(handed_out(&fleet, "one"), 200);
    create(&fleet, "back", 5);
    assert_eq!(images(&bucket), 4, "the bucket is still written to");
    fleet.registry.aar(&["storage", "verify"]).done();
    fleet.registry.stop();
    fleet.registry.run();

    let names = ["back", "later", "meanwhile", "one", "two"];
    assert_eq!(fleet.client.names(), names);
    assert_eq!(fleet.client.registry_status()["registry_id"], id);
    for name in names {
        let sent = sha256(&fleet.publisher.export(name, 0));
        assert_eq!(sha256(&fleet.client.export(name, 0)), sent, "{name}");
    }
}

#[test]
fn a_move_that_dies_goes_on_and_copies_nothing_twice() {
    let Some(server) = S3Server::ceph("migration that dies") else {
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
    network.each(RecordedRequest::is_part, aar_testkit::Fault::Throttle(16 << 20));
    let mut command = fleet.registry.command();
    command.args(["storage", "migrate", "--to"]).arg(&to);
    let mut moving = Process::start(&mut command, &fleet.registry.base().join("move.log"));
    until("half of it has moved", SOON, || images(&bucket) >= 2);
    moving.kill();
    assert_eq!(handed_out(&fleet, "a"), 200, "the folder is still in use");
    network.heal();
    migrate(&fleet, &to);
    assert_eq!((images(&bucket), handed_out(&fleet, "a")), (4, 307));
    let needed = usize::try_from(4 * SIZE.div_ceil(8 << 20)).unwrap();
    let parts = network.requests().into_iter().filter(RecordedRequest::is_part).count();
    assert!(parts <= needed + 8, "{parts} parts for {needed}");
    fleet.registry.aar(&["storage", "verify"]).done();
}
