//! A registry with a catalogue of a given size.

use std::thread;

use aar_testkit::{Folder, Generated, TestRegistry};

use crate::site::{Site, commit};

/// Versions of each application.
pub(crate) const VERSIONS_EACH: usize = 2;
/// Different images among the versions.
const IMAGES: u64 = 200;
/// How many publish at a time.
const PUBLISHERS: usize = 8;

/// A registry with a large catalogue, which nobody changes but for whom it trusts. It takes minutes to make and is kept
/// in the target folder for the next time.
pub(crate) fn large(versions: usize) -> Site {
    let name = format!("bench/catalogue-2-{versions}-{VERSIONS_EACH}");
    let done = Folder::lasting(&name).join("complete");
    if !done.exists() {
        eprintln!("  making a catalogue of {versions} versions");
        fs_err::remove_dir_all(Folder::lasting(&name).path()).unwrap();
        let mut site = Site::of(TestRegistry::start_in(Folder::lasting(&name)));
        fill(&site, versions);
        site.registry.stop();
        fs_err::write(&done, "").unwrap();
    }
    Site::of(TestRegistry::start_in(Folder::lasting(&name)))
}

/// Publishes so many versions of a few hundred small images.
pub(crate) fn fill(site: &Site, versions: usize) {
    let image = |seed| Generated { size: 4096, seed };
    let digests: Vec<_> = (1..=IMAGES).map(|seed| site.upload(image(seed))).collect();
    thread::scope(|scope| {
        for publisher in 0..PUBLISHERS {
            let (http, digests) = (site.publisher(), &digests);
            scope.spawn(move || {
                for n in (publisher..versions / VERSIONS_EACH).step_by(PUBLISHERS) {
                    let digest = &digests[n % digests.len()];
                    for number in 0..VERSIONS_EACH {
                        commit(&http, &name(n), number, digest, image(0).size);
                    }
                }
            });
        }
    });
}

/// The name of an application.
pub(crate) fn name(n: usize) -> String {
    format!("app-{n:06}")
}
