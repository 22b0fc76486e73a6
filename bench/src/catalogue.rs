//! A registry with a catalogue of a given size.

use std::thread;

use aar_testkit::Generated;

use crate::site::{Site, commit};

/// Versions of each application.
pub(crate) const VERSIONS_EACH: usize = 2;
/// How many publish at a time.
const PUBLISHERS: usize = 8;

/// Publishes so many versions, all of the same small image.
pub(crate) fn fill(site: &Site, versions: usize) {
    let content = Generated {
        size: 4096,
        seed: 1,
    };
    let digest = site.upload(content);
    thread::scope(|scope| {
        for publisher in 0..PUBLISHERS {
            let (http, digest) = (site.publisher(), &digest);
            scope.spawn(move || {
                for n in (publisher..versions / VERSIONS_EACH).step_by(PUBLISHERS) {
                    for number in 0..VERSIONS_EACH.min(versions) {
                        commit(&http, &name(n), number, digest, content.size);
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
