use super::run::User;

fn usage_error(arguments: &[&str]) -> String {
    let outcome = User::new().amc(arguments);
    assert_eq!(
        (outcome.code, &*outcome.stdout),
        (Some(2), ""),
        "{arguments:?}"
    );
    outcome.stderr
}

#[test]
fn an_unknown_command_is_explained() {
    insta::assert_snapshot!(usage_error(&["aplication", "list"]), @"
    error: unrecognized subcommand 'aplication'

      tip: some similar subcommands exist: 'completion', 'application'

    Usage: amc [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
}

#[test]
fn a_missing_argument_is_named() {
    insta::assert_snapshot!(usage_error(&["config", "set", "registry.mode"]), @"
    error: the following required arguments were not provided:
      <VALUE>

    Usage: amc config set <NAME> <VALUE>

    For more information, try '--help'.
    ");
}

#[test]
fn a_format_that_is_not_there_is_answered_with_those_that_are() {
    insta::assert_snapshot!(usage_error(&["application", "list", "--format", "xml"]), @"
    error: invalid value 'xml' for '--format <FORMAT>'
      [possible values: table, csv, json, yaml]

      tip: a similar value exists: 'yaml'

    For more information, try '--help'.
    ");
}

#[test]
fn a_filter_by_an_unknown_attribute_names_the_known_ones() {
    insta::assert_snapshot!(usage_error(&["application", "list", "-f", "colour=red"]), @r#"
    error: invalid value 'colour=red' for '--filter <ATTRIBUTE=VALUE>': "colour" is not an attribute that applications are filtered by; there are id, name, instance_type, status, boot_package, immutable, inhibit_auto_updates, published, addons, abi, tags, parent_image_variant, vm

    For more information, try '--help'.
    "#);
}

#[test]
fn a_condition_that_is_none_is_explained() {
    insta::assert_snapshot!(usage_error(&["wait", "candy", "-c", "ready"]), @"
    error: invalid value 'ready' for '--condition <ATTRIBUTE=VALUE>': not ATTRIBUTE=VALUE with status, published, immutable, instance-type, addons or tags

    For more information, try '--help'.
    ");
}

#[test]
fn a_time_without_unit_is_explained() {
    let arguments = ["application", "create", ".", "-t", "5"];
    insta::assert_snapshot!(usage_error(&arguments), @r#"
    error: invalid value '5' for '--timeout <TIME>': "5" is not a duration such as 90s, 5m or 1h30m

    For more information, try '--help'.
    "#);
}

#[test]
fn a_version_that_is_no_number_is_refused() {
    let arguments = ["application", "publish", "candy", "latest"];
    insta::assert_snapshot!(usage_error(&arguments), @r#"
    error: invalid value 'latest' for '<VERSION>': "latest" is not a version number (0, 1, 2, …)

    For more information, try '--help'.
    "#);
}

#[test]
fn an_attribute_that_cannot_be_set_is_answered_with_those_that_can() {
    let arguments = ["application", "set", "candy", "name", "x"];
    insta::assert_snapshot!(usage_error(&arguments), @"
    error: invalid value 'name' for '<FIELD>'
      [possible values: image, instance-type, addons, tags, inhibit-auto-updates, node-selector, resources.cpus, resources.memory, resources.disk-size, resources.gpu-slots, resources.gpu-type, resources.vpu-slots, resources.no-disk-reserve, boot-activity, features, services, required-permissions, video-encoder, manifest-version, hooks.timeout, bootstrap.keep, watchdog.disabled, watchdog.allowed-packages]

    For more information, try '--help'.
    ");
}

#[test]
fn deleting_needs_to_know_what() {
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
fn removals_are_confirmed_all_together() {
    let arguments = ["registry", "pull", "game", "--confirm-removals"];
    insta::assert_snapshot!(usage_error(&arguments), @"
    error: the argument '[NAME]' cannot be used with '--confirm-removals'

    Usage: amc registry pull <NAME>

    For more information, try '--help'.
    ");
}
