//! Tests that need mounts or addresses of their own run again in namespaces of the kernel.

use std::{env, process::Command};

const INSIDE: &str = "AAR_TEST_IN_NAMESPACES";

/// Runs a test again in new namespaces, such as `--mount`. Returns whether it already runs in them.
#[expect(clippy::print_stderr, reason = "a skipped test has to be seen")]
pub(crate) fn in_namespaces(test: &str, namespaces: &[&str]) -> bool {
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    let unshare = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user"]).args(namespaces);
        command.args(arguments).env(INSIDE, "1");
        command.status().is_ok_and(|status| status.success())
    };
    // Mounting and configuring a network need the same rights.
    if !unshare(&["--mount", "mount", "-t", "tmpfs", "none", "/mnt"]) {
        eprintln!("SKIPPED {test}: this machine allows no user namespaces");
        return false;
    }
    let program = env::current_exe().unwrap();
    let again = [program.to_str().unwrap(), "--exact", test, "--nocapture"];
    assert!(unshare(&again), "{test} fails in its namespaces");
    false
}

/// Runs a command of the system.
pub(crate) fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().unwrap();
    assert!(status.success(), "{program} {arguments:?}");
}
