use super::run::TestUser;

fn usage_error(arguments: &[&str]) -> String {
    let run = TestUser::new().amc(arguments);
    assert_eq!((run.code, &*run.stdout), (Some(2), ""), "{arguments:?}");
    run.stderr
}

#[test]
fn unknown_command_is_explained() {
    insta::assert_snapshot!(usage_error(&["aplication", "list"]), @"
    error: unrecognized subcommand 'aplication'

      tip: some similar subcommands exist: 'completion', 'application'

    Usage: amc [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
}

#[test]
fn missing_argument_is_named() {
    insta::assert_snapshot!(usage_error(&["config", "set", "registry.mode"]), @"
    error: the following required arguments were not provided:
      <VALUE>

    Usage: amc config set <NAME> <VALUE>

    For more information, try '--help'.
    ");
}

#[test]
fn unknown_format_is_refused_with_the_valid_ones() {
    insta::assert_snapshot!(usage_error(&["application", "list", "--format", "xml"]), @"
    error: invalid value 'xml' for '--format <FORMAT>'
      [possible values: table, csv, json, yaml]

      tip: a similar value exists: 'yaml'

    For more information, try '--help'.
    ");
}

#[test]
fn unknown_filter_attribute_is_refused_with_the_valid_ones() {
    insta::assert_snapshot!(usage_error(&["application", "list", "-f", "colour=red"]), @r#"
    error: invalid value 'colour=red' for '--filter <ATTRIBUTE=VALUE>': "colour" is not an attribute of the filter; valid attributes are id, name, instance_type, status, boot_package, immutable, inhibit_auto_updates, published, addons, abi, tags, parent_image_variant, vm

    For more information, try '--help'.
    "#);
}

#[test]
fn invalid_condition_is_explained() {
    insta::assert_snapshot!(usage_error(&["wait", "candy", "-c", "ready"]), @"
    error: invalid value 'ready' for '--condition <ATTRIBUTE=VALUE>': expected ATTRIBUTE=VALUE, where ATTRIBUTE is status, published, immutable, instance-type, addons or tags

    For more information, try '--help'.
    ");
}

#[test]
fn time_without_unit_is_explained() {
    let arguments = ["application", "create", ".", "-t", "5"];
    insta::assert_snapshot!(usage_error(&arguments), @r#"
    error: invalid value '5' for '--timeout <TIME>': "5" is not a duration such as 90s, 5m or 1h30m

    For more information, try '--help'.
    "#);
}

#[test]
fn version_that_is_not_a_number_is_refused() {
    let arguments = ["application", "publish", "candy", "latest"];
    insta::assert_snapshot!(usage_error(&arguments), @r#"
    error: invalid value 'latest' for '<VERSION>': "latest" is not a version number (0, 1, 2, …)

    For more information, try '--help'.
    "#);
}

#[test]
fn unknown_attribute_is_refused_with_the_valid_ones() {
    let arguments = ["application", "set", "candy", "name", "x"];
    insta::assert_snapshot!(usage_error(&arguments), @"
    error: invalid value 'name' for '<ATTRIBUTE>'
      [possible values: image, instance-type, addons, tags, inhibit-auto-updates, node-selector, resources.cpus, resources.memory, resources.disk-size, resources.gpu-slots, resources.gpu-type, resources.vpu-slots, resources.no-disk-reserve, boot-activity, features, services, required-permissions, video-encoder, manifest-version, hooks.timeout, bootstrap.keep, watchdog.disabled, watchdog.allowed-packages]

    For more information, try '--help'.
    ");
}

#[test]
fn delete_needs_names_or_all() {
    insta::assert_snapshot!(usage_error(&["application", "delete", "-y"]), @"
    error: the following required arguments were not provided:
      <IDS>...

    Usage: amc application delete --yes <IDS>...

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(usage_error(&["application", "delete", "candy", "--all"]), @"
    error: the argument '[IDS]...' cannot be used with '--all'

    Usage: amc application delete <IDS>...

    For more information, try '--help'.
    ");
}

#[test]
fn commands_of_the_other_half_say_that_this_ams_has_none() {
    for arguments in [
        &["node", "list"][..],
        &["image", "ls", "--format", "json"],
        &["addon", "add", "x", "--help"],
        &["instance"],
        &["launch", "-r", "abc"],
        &["ls"],
    ] {
        let run = TestUser::new().amc(arguments);
        assert_eq!(run.code, Some(1), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains("starts no instances"), "{}", run.stderr);
    }
}

#[test]
fn confirm_removals_is_refused_with_a_name() {
    let arguments = ["registry", "pull", "game", "--confirm-removals"];
    insta::assert_snapshot!(usage_error(&arguments), @"
    error: the argument '[NAME]' cannot be used with '--confirm-removals'

    Usage: amc registry pull <NAME>

    For more information, try '--help'.
    ");
}
