//! `docs/reference/compatibility.md` agrees with the programs.

use std::{
    collections::BTreeSet,
    path::Path,
    process::{Command, Stdio},
};

use aar_testkit::program;

const NOT_THIS_HALF: &str = "*not this half*";

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs_err::read_to_string(root.join(path)).unwrap()
}

/// The cells of the rows of a section, without the head of its tables.
fn rows(section: &str) -> Vec<Vec<String>> {
    let page = read("docs/reference/compatibility.md");
    let (_, rest) = page.split_once(&format!("\n## {section}\n")).unwrap();
    let text = rest.split("\n## ").next().unwrap();
    let cells = |row: &str| {
        let row = row.trim_matches('|');
        row.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let rows: Vec<Vec<String>> = rows.map(cells).collect();
    assert!(!rows.is_empty(), "{section} has no rows");
    rows
}

fn names(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn run(line: &str, more: &[&str]) -> (bool, String) {
    let mut words = line.split(' ');
    let mut command = Command::new(program(words.next().unwrap()));
    let output = command.args(words).args(more).stdin(Stdio::null());
    let output = output.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn commands_and_flags_in_the_table_are_in_the_help_of_the_programs() {
    for section in ["The command line of `aar`", "The command line of `amc`"] {
        for row in rows(section) {
            let command = names(&row[0])[0];
            if row[2] == NOT_THIS_HALF {
                let (succeeded, refusal) = run(command, &["list", "--all"]);
                assert!(!succeeded, "{command}");
                assert!(refusal.contains("starts no instances"), "{refusal}");
                continue;
            }
            let (succeeded, help) = run(command, &["--help"]);
            assert!(succeeded, "{command}: {help}");
            let words: Vec<_> = help
                .split(|c: char| c.is_whitespace() || c == ',')
                .collect();
            for flag in names(&row[1]) {
                assert!(words.contains(&flag), "{command} has no {flag}: {help}");
            }
        }
    }
}

#[test]
fn every_command_of_amc_is_in_the_table() {
    let known: Vec<_> = rows("The command line of `amc`")
        .iter()
        .map(|row| names(&row[0])[0].to_owned())
        .collect();
    // Commands that the vendor's program does not have.
    let own = ["amc config get", "amc registry status", "amc version"];
    let reference = read("docs/reference/amc.md");
    let headings = reference
        .lines()
        .filter_map(|line| line.strip_prefix("## "));
    let commands: Vec<_> = headings
        .map(|heading| heading.trim_matches('`').to_owned())
        .collect();
    assert!(commands.len() > 20, "{commands:?}");
    for command in &commands {
        let has_subcommands = commands
            .iter()
            .any(|it| it.starts_with(&format!("{command} ")));
        let listed = known.contains(command) || own.contains(&command.as_str());
        assert!(
            has_subcommands || listed,
            "{command} is missing in the table"
        );
    }
}

#[test]
fn routes_of_the_table_are_those_of_ams() {
    let source = read("crates/ams/src/http/router.rs");
    let (_, table) = source.split_once("routes! {\n").unwrap();
    let table = table.split("\n}").next().unwrap();
    let served = table.lines().filter_map(|line| {
        let (method, rest) = line.trim().split_once(' ')?;
        let path = rest.split('"').nth(1)?;
        Some(format!("{} {path}", method.to_uppercase()))
    });
    let served: Vec<_> = served.collect();
    assert!(served.len() > 20, "{served:?}");
    for row in rows("The HTTP API of AMS") {
        let request = names(&row[0])[0].to_owned();
        let expected = row[1] != NOT_THIS_HALF;
        assert_eq!(served.contains(&request), expected, "{request}");
    }
}

#[test]
fn configuration_items_of_the_table_are_those_of_ams() {
    let (_, reference) = run("ams", &["config-reference"]);
    let served = reference.lines().filter(|line| line.starts_with("| `"));
    let served = served.map(|line| names(line)[0].to_owned());
    let listed = rows("Configuration items");
    let listed = listed.iter().map(|row| names(&row[0])[0].to_owned());
    let (listed, served): (BTreeSet<_>, BTreeSet<_>) = (listed.collect(), served.collect());
    assert_eq!(listed, served);
}

#[test]
fn keys_of_the_table_are_accepted_by_check_config() {
    let page = rows("Configuration files");
    let (registry, ams): (Vec<_>, Vec<_>) = page.iter().partition(|row| {
        let key = names(&row[0])[0];
        key.starts_with("http.") || key.starts_with("storage.")
    });
    assert!(registry.len() > 5 && ams.len() > 5);
    for (program, keys) in [("aar", registry), ("ams", ams)] {
        for row in keys {
            let key = names(&row[0])[0];
            let known = refuses_only_the_value(program, key);
            assert!(known, "{program} does not know {key}");
        }
    }
}

/// Whether a file with nothing but this key, and a value that is always wrong, is not refused because of
/// the key.
fn refuses_only_the_value(program: &str, key: &str) -> bool {
    let base = aar_testkit::Folder::new("compat");
    let file = match program {
        "aar" => "conf/main.yaml",
        _ => "server/settings.yaml",
    };
    let file = base.join(file);
    fs_err::create_dir_all(file.parent().unwrap()).unwrap();
    let section = key.rsplit('.').fold("[]".to_owned(), |inner, word| {
        format!("{{{word}: {inner}}}")
    });
    fs_err::write(&file, section + "\n").unwrap();
    let base = base.path().to_str().unwrap();
    let (_, text) = run(program, &["check-config", "--base-dir", base]);
    !text.contains("there is no key")
}
