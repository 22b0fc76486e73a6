use std::{
    env,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

/// Says that a test is not done, past the test runner, which would keep it to itself. In CI, where
/// everything must be done, it is a failure.
pub fn skip(what: &str, why: &str) {
    let line = format!("SKIPPED: {what}: {why}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    assert!(env::var_os("CI").is_none(), "{line}");
}

/// A program of this machine that runs, if there is one.
pub fn tool(name: &str) -> Option<PathBuf> {
    let version = Command::new(name)
        .arg("--version")
        .stdin(Stdio::null())
        .output();
    version.ok()?.status.success().then(|| PathBuf::from(name))
}

/// Where a program is that may not be started just to see: on the path, or among the tools that
/// were installed for the tests.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let tools = crate::programs::target_dir().join("tools/bin");
    let mut folders = env::split_paths(&path).chain([tools]);
    folders.find_map(|folder| Some(folder.join(name)).filter(|found| found.is_file()))
}
