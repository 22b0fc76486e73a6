//! The end-to-end suites once more, with images in a bucket of a real S3 server instead of a folder.
//!
//! The suites that are about S3 take their buckets themselves and run with the others; `s3_storage`
//! stands for `storage`, which reaches into the folder of the storage.

use std::process::{Command, Stdio};

use anyhow::{Result, anyhow};

use crate::{
    command::{cargo, run},
    skip::skip,
};

/// What the server needs to be installed.
const PROGRAMS: [&str; 4] = ["radosgw", "ceph-mon", "ceph-osd", "ceph"];

pub(crate) fn test() -> Result<()> {
    if let Some(missing) = PROGRAMS.into_iter().find(|program| !is_there(program)) {
        return skip(
            "the suites with storage on S3",
            &anyhow!("there is no {missing}"),
        );
    }
    let tests = [
        "test",
        "-p",
        "e2e",
        "--",
        "--skip",
        "s3_",
        "--skip",
        "storage::",
    ];
    run(cargo(&tests).env("AAR_TEST_STORAGE", "s3"))
}

fn is_there(program: &str) -> bool {
    let shown = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    shown.is_ok_and(|status| status.success())
}
