use std::process::Command;

/// The commands that the snapshots of this suite do not show: one is a script for a shell, the
/// other does not end by itself and has a test of its own.
const ELSEWHERE: &[&str] = &["completion", "monitor"];

/// Every command is in some session of a snapshot.
#[test]
fn every_command_is_run() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/running/snapshots");
    let snapshots = fs_err::read_dir(folder).unwrap();
    let screens: String = snapshots
        .map(|file| fs_err::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    let missing: Vec<_> = commands()
        .into_iter()
        .filter(|command| !ELSEWHERE.contains(&command.as_str()))
        .filter(|command| !run(&screens, command))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn run(screens: &str, command: &str) -> bool {
    let listed = command
        .strip_suffix(" list")
        .map(|group| format!("{group} ls"));
    let names = [Some(command.to_owned()), listed];
    let mut lines = screens
        .lines()
        .filter_map(|line| line.strip_prefix("$ amc "));
    lines.any(|line| names.iter().flatten().any(|name| line.starts_with(name)))
}

/// The commands that have none below them, from the program's own reference.
fn commands() -> Vec<String> {
    let reference = Command::new(env!("CARGO_BIN_EXE_amc"))
        .arg("reference")
        .output();
    let reference = String::from_utf8(reference.unwrap().stdout).unwrap();
    let all = reference
        .lines()
        .filter_map(|line| line.strip_prefix("* [`amc "));
    let all: Vec<_> = all
        .filter_map(|line| line.split_once('`'))
        .map(|(command, _)| command.to_owned())
        .collect();
    assert!(all.len() > 20, "{all:?}");
    let is_group = |command: &String| all.iter().any(|it| it.starts_with(&format!("{command} ")));
    let leaves = all.iter().filter(|command| !is_group(command));
    leaves.cloned().collect()
}
