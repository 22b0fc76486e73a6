//! Every command is in some session of a snapshot: done, in every form that it has, and refused.

use std::process::Command as Process;

/// A command line in a session.
struct Run {
    words: Vec<String>,
    refused: bool,
}

/// A command that has none below it, as the program's own reference describes it.
struct Command {
    words: Vec<String>,
    forms: Vec<String>,
    default_form: Option<String>,
}

#[test]
fn every_command_is_run_in_every_form_and_refused() {
    let runs = runs();
    let missing: Vec<_> = commands()
        .iter()
        .flat_map(|command| command.missing(&runs))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

impl Command {
    /// What no session shows of it.
    fn missing(&self, all: &[Run]) -> Vec<String> {
        let runs: Vec<_> = all.iter().filter(|run| run.is_of(self)).collect();
        let (refused, done): (Vec<_>, Vec<_>) = runs.into_iter().partition(|run| run.refused);
        let mut missing = Vec::new();
        if refused.is_empty() {
            missing.push("refused".to_owned());
        }
        if done.is_empty() {
            missing.push("done".to_owned());
        }
        let forms = self.forms.iter().filter(|form| {
            let is_form = |run: &&Run| run.form(self) == Some(form.as_str());
            !done.iter().any(is_form)
        });
        missing.extend(forms.cloned());
        let name = self.words.join(" ");
        missing
            .iter()
            .map(|what| format!("{name}: {what}"))
            .collect()
    }
}

impl Run {
    fn is_of(&self, command: &Command) -> bool {
        self.words.starts_with(&command.words)
    }

    /// In which of its forms a command was run: the value of an option, or an argument.
    fn form<'a>(&'a self, command: &'a Command) -> Option<&'a str> {
        let mut words = self.words.iter();
        let named = words.find(|word| command.forms.contains(word));
        named.or(command.default_form.as_ref()).map(String::as_str)
    }
}

fn runs() -> Vec<Run> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/running/snapshots");
    let snapshots = fs_err::read_dir(folder).unwrap();
    let screens = snapshots.map(|file| fs_err::read_to_string(file.unwrap().path()).unwrap());
    screens.flat_map(|screen| runs_on(&screen)).collect()
}

fn runs_on(screen: &str) -> Vec<Run> {
    let runs = screen.split("\n$ amc ").skip(1);
    let run = |text: &str| {
        let (line, output) = text.split_once('\n').unwrap_or((text, ""));
        Run {
            words: words(line),
            refused: output.lines().any(|line| line.starts_with("error: ")),
        }
    };
    runs.map(run).collect()
}

/// The words of a command line from its command on, with `list` for its short name.
fn words(line: &str) -> Vec<String> {
    let mut words = line.split_whitespace().peekable();
    while words.next_if(|word| word.starts_with("--")).is_some() {
        words.next();
    }
    let long = |word| if word == "ls" { "list" } else { word };
    words.map(long).map(str::to_owned).collect()
}

fn commands() -> Vec<Command> {
    let reference = Process::new(env!("CARGO_BIN_EXE_amc"))
        .arg("reference")
        .output();
    let reference = String::from_utf8(reference.unwrap().stdout).unwrap();
    let all: Vec<_> = reference.split("\n## `amc ").skip(1).map(command).collect();
    assert!(all.len() > 20, "{reference}");
    let names: Vec<_> = all.iter().map(|one| one.words.clone()).collect();
    let is_group = |command: &Command| {
        names
            .iter()
            .any(|name| name.len() > command.words.len() && name.starts_with(&command.words))
    };
    all.into_iter()
        .filter(|command| !is_group(command))
        .collect()
}

/// A command from its section of the reference.
fn command(section: &str) -> Command {
    let (name, section) = section.split_once('`').unwrap();
    let mut options = section.split("\n* `");
    let form = options.find(|it| it.starts_with("--format ") || it.starts_with("<SHELL>"));
    let quoted = |text: &str| text.split('`').nth(1).map(str::to_owned);
    let default = form.and_then(|form| form.split_once("Default value: "));
    let values = form.and_then(|form| form.split_once("Possible values:"));
    let lines = values.map_or("", |(_, values)| values).lines();
    let values = lines.filter(|line| line.starts_with("  - `"));
    let command = Command {
        words: words(name),
        default_form: default.and_then(|(_, value)| quoted(value)),
        forms: values.filter_map(quoted).collect(),
    };
    assert_eq!(form.is_some(), command.forms.len() > 1, "{section}");
    command
}
