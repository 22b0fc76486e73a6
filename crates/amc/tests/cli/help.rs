use super::run::User;

/// Every command, as it is typed.
const COMMANDS: &[&str] = &[
    "",
    "application",
    "application create",
    "application delete",
    "application export",
    "application list",
    "application publish",
    "application revoke",
    "application set",
    "application show",
    "application unset",
    "application update",
    "completion",
    "config",
    "config set",
    "config show",
    "config trust",
    "config trust add",
    "config trust list",
    "config trust remove",
    "info",
    "monitor",
    "registry",
    "registry delete",
    "registry list",
    "registry pull",
    "registry push",
    "registry status",
    "remote",
    "remote add",
    "remote list",
    "remote remove",
    "remote set-default",
    "remote set-url",
    "wait",
];

fn help(command: &str) -> String {
    let mut arguments: Vec<_> = command.split_whitespace().collect();
    arguments.push("--help");
    let outcome = User::new().amc(&arguments);
    assert_eq!((outcome.code, &*outcome.stderr), (Some(0), ""), "{command}");
    outcome.stdout
}

#[test]
fn every_command_explains_itself() {
    for command in COMMANDS {
        let name = format!("amc {command}").trim().replace(' ', "_");
        insta::assert_snapshot!(name, help(command));
    }
}

#[test]
fn every_command_that_help_names_is_in_the_list() {
    for group in [
        "",
        "application",
        "config",
        "config trust",
        "registry",
        "remote",
    ] {
        for line in help(group)
            .lines()
            .skip_while(|line| *line != "Commands:")
            .skip(1)
        {
            let Some(name) = line.split_whitespace().next() else {
                break;
            };
            let command = format!("{group} {name}").trim().to_owned();
            let known = name == "help" || COMMANDS.contains(&&*command);
            assert!(known, "{command:?} is not in the list");
        }
    }
}

#[test]
fn the_version_is_told_in_both_spellings() {
    for flag in ["-v", "--version"] {
        let outcome = User::new().amc(&[flag]);
        let expected = concat!("amc ", env!("CARGO_PKG_VERSION"), "\n");
        assert_eq!((outcome.code, &*outcome.stdout), (Some(0), expected));
    }
}

#[test]
fn aliases_that_users_know_work() {
    for command in ["app ls", "config trust ls", "remote ls", "registry ls"] {
        help(command);
    }
}
