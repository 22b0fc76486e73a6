//! What one would take instead. A peer that is not installed is skipped, loudly.

mod distribution;
mod nginx;

pub(crate) use distribution::{Distribution, MANIFEST};
pub(crate) use nginx::Nginx;

use std::process::Command;

/// A program of this machine, if it is there.
fn installed(name: &str, package: &str) -> bool {
    let there = Command::new(name).arg("--help").output().is_ok();
    if !there {
        let why = format!("{name} is not installed (Debian: apt install {package})");
        aar_testkit::skip(&format!("the benchmark beside {name}"), &why);
    }
    there
}
