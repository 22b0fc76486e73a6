//! The alternatives to measure beside. A peer that is not installed is skipped with a message.

mod distribution;
mod nginx;

pub(crate) use distribution::{Distribution, MANIFEST};
pub(crate) use nginx::Nginx;

use std::{path::PathBuf, process::Command};

/// The path of an installed program. The folder of servers is not on the `PATH` of every user.
fn installed(name: &str, package: &str) -> Option<PathBuf> {
    let candidates = [PathBuf::from(name), PathBuf::from("/usr/sbin").join(name)];
    let runs = |program: &PathBuf| Command::new(program).arg("--help").output().is_ok();
    let path = candidates.into_iter().find(runs);
    if path.is_none() {
        let reason = format!("{name} is not installed (Debian: apt install {package})");
        aar_testkit::skip(&format!("the benchmark beside {name}"), &reason);
    }
    path
}
