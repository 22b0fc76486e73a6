//! A terminal with somebody at it, who watches and answers questions.

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

/// What every question ends with.
const QUESTION: &[u8] = b"(yes/no) [no]: ";

/// Runs a command at a terminal and answers what it asks. Returns its exit code, and everything that
/// was on the screen, the answer included.
pub(crate) fn answered(command: Command, answer: &str) -> (i32, String) {
    let (mut person, terminal) = open();
    let mut child = start(command, terminal);
    let mut screen = Vec::new();
    let mut is_answered = false;
    while let Some(byte) = next(&mut person) {
        screen.push(byte);
        if !is_answered && screen.ends_with(QUESTION) {
            writeln!(person, "{answer}").unwrap();
            is_answered = true;
        }
    }
    let screen = String::from_utf8(screen).unwrap();
    assert!(is_answered, "nothing was asked: {screen}");
    let status = child.wait().unwrap();
    (status.code().unwrap(), screen.replace("\r\n", "\n"))
}

/// Runs a command at a terminal where nothing is asked. Returns its exit code and everything that
/// was drawn.
pub(crate) fn watched(command: Command) -> (i32, String) {
    let (mut person, terminal) = open();
    let mut child = start(command, terminal);
    let screen: Vec<_> = std::iter::from_fn(|| next(&mut person)).collect();
    let status = child.wait().unwrap();
    (status.code().unwrap(), String::from_utf8(screen).unwrap())
}

/// Both ends of a new terminal.
fn open() -> (File, OwnedFd) {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let terminal = rustix::fs::open(name, flags, Mode::empty()).unwrap();
    (person.into(), terminal)
}

/// The terminal is then in nobody else's hands: it ends with the command.
fn start(mut command: Command, terminal: OwnedFd) -> std::process::Child {
    command
        .stdin(terminal.try_clone().unwrap())
        .stdout(terminal.try_clone().unwrap())
        .stderr(terminal);
    command.spawn().unwrap()
}

fn next(person: &mut File) -> Option<u8> {
    let mut byte = [0];
    match person.read(&mut byte) {
        Ok(0) => None,
        Ok(_) => Some(byte[0]),
        Err(error) if error.kind() == ErrorKind::Interrupted => next(person),
        // Nobody has the terminal open any more.
        Err(_) => None,
    }
}
