use std::{
    env,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

/// Reports that a test is skipped, past the test runner, which would hide it: in the file that
/// `AAR_TEST_SKIPPED` names (`cargo xtask test` prints it), otherwise on standard error. In CI a skip is
/// a failure.
pub fn skip(test: &str, reason: &str) {
    let line = format!("SKIPPED: {test}: {reason}\n");
    match env::var_os("AAR_TEST_SKIPPED") {
        Some(file) => {
            let mut options = fs_err::OpenOptions::new();
            let mut file = options.create(true).append(true).open(file).unwrap();
            file.write_all(line.as_bytes()).unwrap();
        }
        None => std::io::stderr().write_all(line.as_bytes()).unwrap(),
    }
    assert!(env::var_os("CI").is_none(), "{line}");
}

/// An installed program that runs.
pub fn tool(name: &str) -> Option<PathBuf> {
    let version = Command::new(name)
        .arg("--version")
        .stdin(Stdio::null())
        .output();
    version.ok()?.status.success().then(|| PathBuf::from(name))
}

/// The path of an installed program, on `PATH` or among the tools for the tests. Does not run it.
pub fn find_tool(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let tools = crate::programs::target_dir().join("tools/bin");
    let mut folders = env::split_paths(&path).chain([tools]);
    folders.find_map(|folder| Some(folder.join(name)).filter(|path| path.is_file()))
}
