use super::run::TestUser;

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
    "auth",
    "auth identity",
    "auth identity create",
    "completion",
    "config",
    "config get",
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
    "version",
    "wait",
];

fn help(command: &str) -> String {
    let mut arguments: Vec<_> = command.split_whitespace().collect();
    arguments.push("--help");
    let run = TestUser::new().amc(&arguments);
    assert_eq!((run.code, &*run.stderr), (Some(0), ""), "{command}");
    run.stdout
}

#[test]
fn help_of_every_command_matches_its_snapshot() {
    for command in COMMANDS {
        let name = format!("amc {command}").trim().replace(' ', "_");
        insta::assert_snapshot!(name, help(command));
    }
}

#[test]
fn every_subcommand_in_help_is_in_the_list() {
    for group in [
        "",
        "application",
        "config",
        "config trust",
        "auth",
        "auth identity",
        "registry",
        "remote",
    ] {
        let help = help(group);
        let lines = help.lines().skip_while(|line| *line != "Commands:");
        let names = lines
            .skip(1)
            .map_while(|line| line.split_whitespace().next());
        let names: Vec<_> = names.filter(|name| *name != "help").collect();
        assert!(!names.is_empty(), "{help}");
        for name in names {
            let command = format!("{group} {name}").trim().to_owned();
            let known = COMMANDS.contains(&&*command);
            assert!(known, "{command:?} is missing in COMMANDS");
        }
    }
}

#[test]
fn version_is_printed_for_both_flags_and_the_command() {
    for flag in ["-v", "--version", "version"] {
        let run = TestUser::new().amc(&[flag]);
        let expected = concat!("amc ", env!("CARGO_PKG_VERSION"), "\n");
        assert_eq!((run.code, &*run.stdout), (Some(0), expected));
    }
}

#[test]
fn command_aliases_work() {
    for command in ["app ls", "config trust ls", "remote ls", "registry ls"] {
        help(command);
    }
}
