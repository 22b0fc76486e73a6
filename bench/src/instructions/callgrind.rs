//! The instructions that the registry executes, as callgrind counts them.

use std::process::Command;

use aar_testkit::TestRegistry;
use anyhow::{Context, Result};

use crate::{catalogue, site::Site};

/// The versions in the catalogue.
const VERSIONS: usize = 10;

/// Counts from the start of a registry to its end, with some work in between. What has to be there
/// for the work, it is given before.
pub(super) fn count(work: impl FnOnce(&Site)) -> Result<u64> {
    // Every thread that speaks TLS collects entropy first, with more instructions than all the work
    // takes; how many threads come to do so would be a matter of luck.
    let mut registry = TestRegistry::prepare("").with_env("TOKIO_WORKER_THREADS", "1");
    registry.run();
    let mut site = Site::of(registry);
    catalogue::fill(&site, VERSIONS);
    site.registry.stop();
    let profile = site.registry.base().join("callgrind.out");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--vgdb=no"]);
    valgrind.arg(format!("--callgrind-out-file={}", profile.display()));
    site.registry.run_under(&mut valgrind);
    work(&site);
    site.registry.stop();
    let profile = fs_err::read_to_string(profile)?;
    total(&profile).context("callgrind has not written how many instructions it counted")
}

/// The line `totals:` of a profile. With no events but instructions, it has one number.
fn total(profile: &str) -> Option<u64> {
    let totals = profile
        .lines()
        .find_map(|line| line.strip_prefix("totals:"))?;
    totals.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn the_total_of_a_profile_is_found() {
        let profile =
            "version: 1\nevents: Ir\nsummary: 7\n\nfn=(1) main\n16 400\n\ntotals: 445177358\n";
        assert_eq!(total(profile), Some(445_177_358));
    }

    #[test]
    fn a_profile_that_was_cut_has_no_total() {
        assert_eq!(total("version: 1\nevents: Ir\nfn=(1) main\n16 400\n"), None);
        assert_eq!(total("totals: \n"), None);
    }
}
