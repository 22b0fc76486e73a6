//! What one would take instead. A peer that is not installed is skipped, loudly.

mod distribution;
mod nginx;

pub(crate) use distribution::{Distribution, MANIFEST};
pub(crate) use nginx::Nginx;

use std::{path::PathBuf, process::Command};

/// A program of this machine, if it is there. Where servers are is not on everybody's path.
fn installed(name: &str, package: &str) -> Option<PathBuf> {
    let candidates = [PathBuf::from(name), PathBuf::from("/usr/sbin").join(name)];
    let runs = |program: &PathBuf| Command::new(program).arg("--help").output().is_ok();
    let there = candidates.into_iter().find(runs);
    if there.is_none() {
        let why = format!("{name} is not installed (Debian: apt install {package})");
        aar_testkit::skip(&format!("the benchmark beside {name}"), &why);
    }
    there
}
