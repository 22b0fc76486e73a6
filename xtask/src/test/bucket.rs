//! The end-to-end suites that depend on the storage, run again with images in a bucket of Ceph instead
//! of a folder.

use std::process::Command;

use anyhow::{Result, anyhow};

use super::runner::{Runner, TestTime};
use crate::skip::skip;

/// Suites in which images or descriptors are stored, read, deleted or interrupted. The others test
/// what happens between AMS and registry and never look at the storage: architectures, filter,
/// immutability, manual set-up, unreachable registries. The suites `s3_*` choose their buckets
/// themselves and are part of the first run; `s3_storage` replaces `storage`, which reads the folder.
const SUITES: [&str; 11] = [
    "architectures",
    "concurrency",
    "crash",
    "drain",
    "large",
    "push_and_pull",
    "registry_down",
    "removal",
    "trust",
    "tus_client",
    "withdrawal",
];

const PROGRAMS: [&str; 4] = ["radosgw", "ceph-mon", "ceph-osd", "ceph"];

pub(super) fn test() -> Result<Vec<TestTime>> {
    if let Some(missing) = PROGRAMS.iter().find(|program| !is_installed(program)) {
        skip(
            "the suites with a bucket",
            &anyhow!("{missing} is not installed"),
        )?;
        return Ok(Vec::new());
    }
    let runner = Runner::detect();
    // `-p e2e` would select other features than `--workspace` and rebuild the dependencies.
    let mut selection = vec!["--workspace".to_owned(), "--no-fail-fast".to_owned()];
    match runner {
        Runner::Nextest => {
            let filter = format!("package(e2e) and test(/^({})::/)", SUITES.join("|"));
            selection.extend(["-E".to_owned(), filter]);
        }
        Runner::CargoTest => {
            selection.extend(["--test", "e2e", "--"].map(str::to_owned));
            selection.extend(SUITES.map(|suite| format!("{suite}::")));
            selection.extend(["--skip".to_owned(), "s3_".to_owned()]);
        }
    }
    runner.run(&selection, &[("AAR_TEST_STORAGE", "s3")])
}

fn is_installed(program: &str) -> bool {
    let mut which = Command::new("sh");
    which.args(["-c", "command -v \"$1\" >/dev/null", "sh", program]);
    which.status().is_ok_and(|status| status.success())
}
