//! A program with the options that select its server, as a script that a user can run, too.

use std::{
    fs,
    io::{IsTerminal, stdout},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command::output;

pub(super) struct CommandLine {
    script: PathBuf,
    name: &'static str,
}

impl CommandLine {
    /// Writes the script `name` into a folder. It runs the program with an option before those of the
    /// caller.
    pub(super) fn write(
        folder: &Path,
        name: &'static str,
        program: &Path,
        option: (&str, &Path),
    ) -> Result<Self> {
        let [program, value] = [program, option.1].map(|path| quote(&path.display().to_string()));
        let script = folder.join(name);
        fs::create_dir_all(folder)?;
        let text = format!("#!/bin/sh\nexec {program} {} {value} \"$@\"\n", option.0);
        fs::write(&script, text)?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        Ok(Self { script, name })
    }

    /// Prints the command and runs it.
    pub(super) fn run(&self, args: &[&str]) -> Result<()> {
        let words: Vec<_> = [self.name]
            .iter()
            .chain(args)
            .map(|word| quote(word))
            .collect();
        let line = words.join(" ");
        if stdout().is_terminal() {
            println!("\x1b[1m$ {line}\x1b[0m");
        } else {
            println!("$ {line}");
        }
        let status = self.command(args).status()?;
        if !status.success() {
            bail!("`{line}` failed: {status}");
        }
        Ok(())
    }

    /// Runs a command and parses the JSON that it prints.
    pub(super) fn query(&self, args: &[&str]) -> Result<Value> {
        let text = output(&mut self.command(args))?;
        serde_json::from_str(&text).with_context(|| format!("`{}` printed: {text}", self.name))
    }

    pub(super) fn succeeds(&self, args: &[&str]) -> bool {
        let mut command = self.command(args);
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.script);
        command.args(args);
        command
    }
}

/// The word as a POSIX shell reads it.
pub(super) fn quote(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn quote_of_special_characters_is_one_word() {
        assert_eq!(quote("/tmp/a-b_1.zip"), "/tmp/a-b_1.zip");
        assert_eq!(quote("my package"), "'my package'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
    }
}
