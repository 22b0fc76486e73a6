//! Prompts and pipes of the command lines.

use std::{
    io::pipe,
    process::{Command, Stdio},
};

use aar_testkit::{Package, TestAms, TestRegistry, find_tool, skip};

/// Runs a command whose output has no reader, and returns its standard error.
fn stderr_without_reader(command: &mut Command) -> String {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let command = command.stdin(Stdio::null()).stdout(writer);
    let output = command.stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{command:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn amc_prompt_reads_standard_input_and_names_the_flag_without_an_answer() {
    let ams = TestAms::start();
    ams.create(&Package::new("candy"));
    ams.create(&Package::new("drops"));
    let delete = ["application", "delete", "candy"];
    let refusal = ams.amc_with(&delete, "").failure();
    assert!(
        refusal.contains("Delete candy with all its versions?"),
        "{refusal}"
    );
    assert!(refusal.contains("pass --yes"), "{refusal}");
    let refusal = ams.amc_with(&delete, "\n").failure();
    assert!(refusal.contains("nothing was deleted"), "{refusal}");
    assert_eq!(ams.names(), ["candy", "drops"]);
    ams.amc_with(&delete, "y\n").success();
    ams.amc_with(&["application", "delete", "--all"], "yes\n")
        .success();
    assert!(ams.names().is_empty());
}

#[test]
fn amc_asks_no_question_about_a_missing_application_or_version() {
    let ams = TestAms::start();
    ams.create(&Package::new("candy"));
    for missing in [
        &["application", "delete", "nothere"][..],
        &["application", "delete", "candy", "nothere"],
        &["application", "delete", "candy", "--version", "7"],
    ] {
        let refusal = ams.amc_with(missing, "y\n").failure();
        assert!(!refusal.contains('?'), "{refusal}");
    }
    assert_eq!(ams.names(), ["candy"]);
}

#[test]
fn command_whose_output_is_not_read_ends_without_a_message() {
    let registry = TestRegistry::start();
    let ams = TestAms::start();
    ams.create(&Package::new("candy"));
    for arguments in [
        &["trust", "list"][..],
        &["audit"],
        &["status"],
        &["check-config"],
        &["reference"],
        &["completion", "bash"],
        &["--help"],
    ] {
        let mut aar = registry.command();
        assert_eq!(
            stderr_without_reader(aar.args(arguments)),
            "",
            "{arguments:?}"
        );
    }
    for arguments in [
        &["application", "list"][..],
        &["application", "show", "candy"],
        &["config", "show"],
        &["info"],
        &["completion", "bash"],
        &["--version"],
    ] {
        let mut amc = ams.amc_command();
        assert_eq!(
            stderr_without_reader(amc.args(arguments)),
            "",
            "{arguments:?}"
        );
    }
}

#[test]
fn warnings_about_a_package_reach_the_user_and_strict_refuses_them() {
    let ams = TestAms::start();
    let package = Package::new("candy").with("colour: red");
    let folder = package.write_folder(&ams.base().join("candy"));
    let folder = folder.to_str().unwrap();
    let create = ["application", "create", folder, "--strict"];
    let refusal = ams.amc(&create).failure();
    assert!(refusal.contains("colour"), "{refusal}");
    assert!(ams.names().is_empty());
    let created = ams.amc(&create[..3]);
    let expected = "warning: manifest.yaml: colour";
    assert!(created.stderr.contains(expected), "{}", created.stderr);
    created.success();
    let updated = ams.amc(&["application", "update", "candy", folder]);
    assert!(updated.stderr.contains(expected), "{}", updated.stderr);
}

#[test]
fn apk_with_a_name_becomes_an_application() {
    let Some(aapt) = find_tool("aapt") else {
        return skip("an application of an APK", "aapt is not installed");
    };
    let ams = TestAms::start();
    let manifest = ams.base().join("AndroidManifest.xml");
    fs_err::write(&manifest, "<manifest package='com.a.b'/>").unwrap();
    let arguments = ["package", "-M", "AndroidManifest.xml", "-F", "candy.apk"];
    let mut aapt = Command::new(aapt);
    let made = aapt.args(arguments).current_dir(ams.base()).status();
    assert!(made.unwrap().success());
    let create = ["application", "create", "candy.apk", "--name", "candy"];
    let refusal = ams.amc(&create[..3]).failure();
    assert!(refusal.contains("candy.apk --name NAME"), "{refusal}");
    ams.amc(&create).success();
    let shown = ams.amc(&["application", "show", "candy"]).success();
    assert!(shown.contains("boot-package: com.a.b"), "{shown}");
}

#[test]
fn items_for_running_instances_are_kept_and_shown() {
    let ams = TestAms::start();
    let set = ams.amc(&["config", "set", "images.version_lockstep", "false"]);
    assert!(set.stderr.contains("has no effect"), "{}", set.stderr);
    set.success();
    ams.set(&[("agent.api.token", "s3cret"), ("instance.features", "a,b")]);
    let shown = ams.amc(&["config", "show"]).success();
    for line in [
        "agent.api.token: true",
        "images.version_lockstep: false",
        "instance.features: a,b",
        "core.trust_password: false",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    ams.set(&[("instance.features", "")]);
    let shown = ams.amc(&["config", "show"]).success();
    assert!(!shown.contains("instance.features"), "{shown}");
}
