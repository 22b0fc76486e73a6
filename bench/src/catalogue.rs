//! A registry with a catalogue of a given size.

use std::thread;

use aar_testkit::{Folder, Generated, TestRegistry};

use crate::bench_registry::{BenchRegistry, commit};

/// The versions of each application.
pub(crate) const VERSIONS_EACH: usize = 2;
/// The distinct images.
const IMAGES: u64 = 200;
/// Publishers that work concurrently.
const PUBLISHERS: usize = 8;

/// A registry with a large catalogue. Creating it takes minutes, so it is kept in the target folder for later
/// runs, which change nothing but the trusted certificates.
pub(crate) fn large(versions: usize) -> BenchRegistry {
    let name = format!("bench/catalogue-2-{versions}-{VERSIONS_EACH}");
    let complete = Folder::cached(&name).join("complete");
    if !complete.exists() {
        eprintln!("  creating a catalogue of {versions} versions");
        fs_err::remove_dir_all(Folder::cached(&name).path()).unwrap();
        let mut bench = BenchRegistry::new(TestRegistry::start_in(Folder::cached(&name)));
        fill(&bench, versions);
        bench.registry.stop();
        fs_err::write(&complete, "").unwrap();
    }
    BenchRegistry::new(TestRegistry::start_in(Folder::cached(&name)))
}

/// Publishes this number of versions with a few hundred small images.
pub(crate) fn fill(bench: &BenchRegistry, versions: usize) {
    let image = |seed| Generated { size: 4096, seed };
    let images: Vec<_> = (1..=IMAGES).map(|seed| bench.upload(image(seed))).collect();
    thread::scope(|scope| {
        for publisher in 0..PUBLISHERS {
            let (http, images) = (bench.publisher(), &images);
            scope.spawn(move || {
                for n in (publisher..versions / VERSIONS_EACH).step_by(PUBLISHERS) {
                    let image = &images[n % images.len()];
                    for number in 0..VERSIONS_EACH {
                        commit(&http, &name(n), number, image);
                    }
                }
            });
        }
    });
}

/// The name of the n-th application.
pub(crate) fn name(n: usize) -> String {
    format!("app-{n:06}")
}
