//! The snapshots show every command: its success in every output format, and an error.

use std::process::Command;

/// A command line in a transcript.
struct CommandRun {
    words: Vec<String>,
    failed: bool,
}

/// A command without subcommands, as the reference of the program describes it.
struct CommandReference {
    words: Vec<String>,
    formats: Vec<String>,
    default_format: Option<String>,
}

#[test]
fn every_command_succeeds_in_every_format_and_fails_once() {
    let runs = runs();
    let missing: Vec<_> = commands()
        .iter()
        .flat_map(|command| command.missing(&runs))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

impl CommandReference {
    /// The commands that no transcript shows.
    fn missing(&self, all: &[CommandRun]) -> Vec<String> {
        let runs = all.iter().filter(|run| run.is_of(self));
        let (failed, succeeded): (Vec<_>, Vec<_>) = runs.partition(|run| run.failed);
        let mut missing = Vec::new();
        if failed.is_empty() {
            missing.push("an error".to_owned());
        }
        if succeeded.is_empty() {
            missing.push("a success".to_owned());
        }
        let formats = self.formats.iter().filter(|format| {
            let has_format = |run: &&CommandRun| run.format(self) == Some(format.as_str());
            !succeeded.iter().any(has_format)
        });
        missing.extend(formats.cloned());
        let name = self.words.join(" ");
        missing
            .iter()
            .map(|what| format!("{name}: {what}"))
            .collect()
    }
}

impl CommandRun {
    fn is_of(&self, command: &CommandReference) -> bool {
        self.words.starts_with(&command.words)
    }

    /// The output format: the value of an option, or an argument.
    fn format<'a>(&'a self, command: &'a CommandReference) -> Option<&'a str> {
        let mut words = self.words.iter();
        let named = words.find(|word| command.formats.contains(word));
        named
            .or(command.default_format.as_ref())
            .map(String::as_str)
    }
}

fn runs() -> Vec<CommandRun> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/running/snapshots");
    let snapshots = fs_err::read_dir(folder).unwrap();
    let screens = snapshots.map(|file| fs_err::read_to_string(file.unwrap().path()).unwrap());
    screens.flat_map(|screen| runs_on(&screen)).collect()
}

fn runs_on(screen: &str) -> Vec<CommandRun> {
    let runs = screen.split("\n$ amc ").skip(1);
    let run = |text: &str| {
        let (line, output) = text.split_once('\n').unwrap_or((text, ""));
        CommandRun {
            words: words(line),
            failed: output.lines().any(|line| line.starts_with("error: ")),
        }
    };
    runs.map(run).collect()
}

/// The words of a command line without global options, with `list` for its alias.
fn words(line: &str) -> Vec<String> {
    let mut words = line.split_whitespace().peekable();
    while words.next_if(|word| word.starts_with("--")).is_some() {
        words.next();
    }
    let long = |word| if word == "ls" { "list" } else { word };
    words.map(long).map(str::to_owned).collect()
}

fn commands() -> Vec<CommandReference> {
    let reference = Command::new(env!("CARGO_BIN_EXE_amc"))
        .arg("reference")
        .output();
    let reference = String::from_utf8(reference.unwrap().stdout).unwrap();
    let all: Vec<_> = reference.split("\n## `amc ").skip(1).map(command).collect();
    assert!(all.len() > 20, "{reference}");
    let names: Vec<_> = all.iter().map(|one| one.words.clone()).collect();
    let is_group = |command: &CommandReference| {
        names
            .iter()
            .any(|name| name.len() > command.words.len() && name.starts_with(&command.words))
    };
    all.into_iter()
        .filter(|command| !is_group(command))
        .collect()
}

/// Parses a section of the reference.
fn command(section: &str) -> CommandReference {
    let (name, section) = section.split_once('`').unwrap();
    let mut options = section.split("\n* `");
    let format = options.find(|it| it.starts_with("--format ") || it.starts_with("<SHELL>"));
    let quoted = |text: &str| text.split('`').nth(1).map(str::to_owned);
    let default = format.and_then(|format| format.split_once("Default value: "));
    let values = format.and_then(|format| format.split_once("Possible values:"));
    let values = values.map_or("", |(_, values)| values);
    // Values without a description are listed in one line.
    let listed = values.lines().filter(|line| line.starts_with("  - `"));
    let listed = listed.filter_map(quoted);
    let inline = values.lines().next().unwrap_or_default().split('`');
    let inline = inline.skip(1).step_by(2).map(str::to_owned);
    let command = CommandReference {
        words: words(name),
        default_format: default.and_then(|(_, value)| quoted(value)),
        formats: inline.chain(listed).collect(),
    };
    assert_eq!(format.is_some(), command.formats.len() > 1, "{section}");
    command
}
