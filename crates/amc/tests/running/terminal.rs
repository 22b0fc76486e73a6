//! A pseudo-terminal on which questions are answered.

use std::{
    fs::File,
    io::{ErrorKind, Read, Write},
    os::fd::OwnedFd,
    process::Command,
};

use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};

/// The end of every question.
const QUESTION: &[u8] = b"(yes/no) [no]: ";

/// Runs a command at a terminal and answers its question. Returns its exit code, and everything on the
/// screen, the answer included.
pub(crate) fn run_with_answer(command: Command, answer: &str) -> (i32, String) {
    let (mut user, terminal) = open();
    let mut child = start(command, terminal);
    let mut screen = Vec::new();
    let mut is_answered = false;
    while let Some(byte) = next_byte(&mut user) {
        screen.push(byte);
        if !is_answered && screen.ends_with(QUESTION) {
            writeln!(user, "{answer}").unwrap();
            is_answered = true;
        }
    }
    let screen = String::from_utf8(screen).unwrap();
    assert!(is_answered, "there was no question: {screen}");
    let status = child.wait().unwrap();
    (status.code().unwrap(), screen.replace("\r\n", "\n"))
}

/// Runs a command without questions at a terminal. Returns its exit code and everything on the screen.
pub(crate) fn run(command: Command) -> (i32, String) {
    let (mut user, terminal) = open();
    let mut child = start(command, terminal);
    let screen: Vec<_> = std::iter::from_fn(|| next_byte(&mut user)).collect();
    let status = child.wait().unwrap();
    (status.code().unwrap(), String::from_utf8(screen).unwrap())
}

/// Both ends of a new terminal: that of the user, and that of the command.
fn open() -> (File, OwnedFd) {
    let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&user).unwrap();
    unlockpt(&user).unwrap();
    let name = ptsname(&user, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let terminal = rustix::fs::open(name, flags, Mode::empty()).unwrap();
    (user.into(), terminal)
}

/// The test keeps no copy of the terminal, so the screen ends with the command. A test that is killed
/// closes its end, which ends the command.
fn start(mut command: Command, terminal: OwnedFd) -> std::process::Child {
    command
        .stdin(terminal.try_clone().unwrap())
        .stdout(terminal.try_clone().unwrap())
        .stderr(terminal);
    command.spawn().unwrap()
}

fn next_byte(user: &mut File) -> Option<u8> {
    let mut byte = [0];
    match user.read(&mut byte) {
        Ok(0) => None,
        Ok(_) => Some(byte[0]),
        Err(error) if error.kind() == ErrorKind::Interrupted => next_byte(user),
        // The command has closed the terminal.
        Err(_) => None,
    }
}
