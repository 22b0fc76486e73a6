//! Runs other programs. Each command is printed before it runs; its failure ends the task.

use std::{
    io::{IsTerminal, stderr},
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// The root of the repository that cargo runs xtask in, which may be another copy than the one it was
/// built from.
pub(crate) fn root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR");
    let mut path = manifest.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    path.pop();
    path
}

/// `cargo` with these arguments, in the root of the repository.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(args);
    command
}

/// Builds the programs. There are no examples; naming them selects the features of the tests, so that
/// programs and tests share their dependencies.
pub(crate) fn build_programs() -> Result<()> {
    run(&mut cargo(&[
        "build",
        "--workspace",
        "--bins",
        "--examples",
    ]))
}

/// Prints the command and runs it to its end.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    eprint!("{}", heading(command));
    let line = display(command);
    let status = command
        .status()
        .with_context(|| format!("cannot run `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed: {status}");
    }
    Ok(())
}

/// Runs the command with the lowest priority and without terminal; prints its output only when it
/// fails.
pub(crate) fn run_in_background(command: &mut Command) -> Result<()> {
    let mut nice = Command::new("nice");
    nice.args(["-n", "19"]).arg(command.get_program());
    nice.args(command.get_args()).stdin(Stdio::null());
    if let Some(folder) = command.get_current_dir() {
        nice.current_dir(folder);
    }
    run_quietly(&mut nice)
}

/// Runs the command to its end and prints its output only when it fails.
pub(crate) fn run_quietly(command: &mut Command) -> Result<()> {
    output(command).map(drop)
}

/// Runs the command to its end, then prints it and its output in one piece.
pub(crate) fn run_then_print(command: &mut Command) -> Result<()> {
    let printed = output(command)?;
    eprint!("{}{printed}", heading(command));
    Ok(())
}

/// Runs the command and returns its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = display(command);
    let output = command
        .output()
        .with_context(|| format!("cannot run `{line}`"))?;
    if !output.status.success() {
        bail!(
            "`{line}` failed: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` printed no UTF-8"))
}

/// The folder that cargo builds into.
pub(crate) fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

fn heading(command: &Command) -> String {
    let line = display(command);
    if stderr().is_terminal() {
        format!("\x1b[1m$ {line}\x1b[0m\n")
    } else {
        format!("$ {line}\n")
    }
}

fn display(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let program = program
        .file_name()
        .unwrap_or(command.get_program())
        .to_string_lossy();
    let args = command
        .get_args()
        .map(|arg| format!(" {}", arg.to_string_lossy()));
    format!("{program}{}", args.collect::<String>())
}
