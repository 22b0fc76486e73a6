//! The instructions that the registry executes, as callgrind counts them.

use std::process::Command;

use aar_testkit::TestRegistry;
use anyhow::{Context, Result};

use crate::{bench_registry::BenchRegistry, catalogue};

/// The versions in the catalogue.
const VERSIONS: usize = 10;

/// Counts from the start of a registry to its end, with the work in between. The catalogue for the work is
/// created before.
pub(super) fn count(work: impl FnOnce(&BenchRegistry)) -> Result<u64> {
    // Every thread that uses TLS first collects entropy, with more instructions than all the work takes. With
    // several threads, the number of those that do so varies.
    let mut registry = TestRegistry::prepare("").with_env("TOKIO_WORKER_THREADS", "1");
    registry.run();
    let mut bench = BenchRegistry::new(registry);
    catalogue::fill(&bench, VERSIONS);
    bench.registry.stop();
    let profile = bench.registry.base().join("callgrind.out");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--vgdb=no"]);
    valgrind.arg(format!("--callgrind-out-file={}", profile.display()));
    bench.registry.run_under(&mut valgrind);
    work(&bench);
    bench.registry.stop();
    let profile = fs_err::read_to_string(profile)?;
    total(&profile).context("the profile of callgrind has no total")
}

/// The number in the line `totals:` of a profile. Only instructions are counted, so there is one number.
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
    fn total_of_a_profile_is_found() {
        let profile =
            "version: 1\nevents: Ir\nsummary: 7\n\nfn=(1) main\n16 400\n\ntotals: 445177358\n";
        assert_eq!(total(profile), Some(445_177_358));
    }

    #[test]
    fn truncated_profile_has_no_total() {
        assert_eq!(total("version: 1\nevents: Ir\nfn=(1) main\n16 400\n"), None);
        assert_eq!(total("totals: \n"), None);
    }
}
