//! A package of more than a gibibyte passes through programs whose memory stays small.

use std::time::Duration;

use aar_testkit::{Fleet, Package, sha256};

const SIZE: u64 = (1 << 30) + (64 << 20);
const MEMORY_LIMIT: u64 = 128 << 20;
const LIMIT: Duration = Duration::from_mins(5);

#[test]
fn package_beyond_a_gibibyte_passes_in_constant_memory() {
    let mut fleet = Fleet::start();
    let folder = fleet.publisher.base().join("huge");
    Package::new("huge")
        .noise("level.dat", SIZE, 1)
        .write_folder(&folder);
    let created = fleet
        .publisher
        .amc(&["application", "create", folder.to_str().unwrap()]);
    let amc = created.peak_memory;
    created.success();
    fs_err::remove_dir_all(&folder).unwrap();
    fleet.client.wait_for_within("huge", 0, LIMIT);
    let export = fleet.client.export("huge", 0);
    assert!(export.metadata().unwrap().len() > SIZE);
    let huge = fleet.registry.application("huge").unwrap();
    assert_eq!(
        huge["variants"][0]["versions"][0]["image"]["digest"],
        sha256(&export)
    );
    let peaks = [
        ("aar", fleet.registry.process().peak_memory()),
        ("publisher ams", fleet.publisher.process().peak_memory()),
        ("client ams", fleet.client.process().peak_memory()),
        ("amc", amc),
    ];
    for (program, peak) in peaks {
        println!("{program}: {} MiB", peak >> 20);
        assert!(peak < MEMORY_LIMIT, "{program} used {} MiB", peak >> 20);
    }
}
