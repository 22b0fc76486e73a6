use std::fmt::Write as _;

use aar_types::{NetworkProtocol, VideoEncoder};
use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

const EVERYTHING: &str = "
name: candy
version: 1.10
instance-type: a4.3
abi: x86_64
image: jammy:android13:amd64
addons: [ssh]
tags:
  - game
  - created_by=anbox
boot-package: com.canonical.candy
boot-activity: com.canonical.candy.GameApp
required-permissions: ['*']
video-encoder: software
watchdog:
  disabled: false
  allowed-packages:
    - com.android.settings
services:
  - name: adb
    port: 5559
    protocols: [tcp, udp]
    expose: true
  - {name: range, port: 6000, port-end: 6010}
resources:
  cpus: 4
  memory: 4GB
  disk-size: 8GB
  gpu-slots: 1
  gpu-type: nvidia
  vpu-slots: 2
  no-disk-reserve: true
extra-data:
  com.canonical.candy.obb:
    target: /data/app/com.canonical.candy-1/lib
  game-data-folder:
    target: /sdcard/Android/data/com.canonical.candy/
    owner: root:root
    permissions: 0644
hooks:
  timeout: 1m30s
bootstrap:
  keep: ['data/**', '*.db']
features: [feature1]
node-selector: [gpu=nvidia]
";

fn error_lines(text: &str) -> String {
    let errors = read_manifest(text).unwrap_err();
    let lines: Vec<_> = errors.errors().iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn all_keys_are_read() {
    let manifest = read_manifest(EVERYTHING).unwrap();
    assert_eq!(manifest.name.as_str(), "candy");
    let Manifest {
        application,
        version,
        ..
    } = &manifest;
    assert_eq!(version.manifest_version, "1.10");
    assert_eq!(application.instance_type, "a4.3");
    assert_eq!(application.abi, "x86_64");
    assert_eq!(application.image, "jammy:android13:amd64");
    assert_eq!(application.addons, ["ssh"]);
    assert_eq!(application.tags, ["game", "created_by=anbox"]);
    assert_eq!(application.boot_package, "com.canonical.candy");
    assert_eq!(application.node_selector, ["gpu=nvidia"]);
    assert_eq!(application.resources.cpus, Some(4));
    assert_eq!(application.resources.memory, "4GB");
    assert_eq!(application.resources.disk_size, "8GB");
    assert_eq!(application.resources.gpu_slots, Some(1));
    assert_eq!(application.resources.gpu_type, "nvidia");
    assert_eq!(application.resources.vpu_slots, Some(2));
    assert!(application.resources.no_disk_reserve);
    assert_eq!(version.boot_activity, "com.canonical.candy.GameApp");
    assert_eq!(version.required_permissions, ["*"]);
    assert_eq!(version.video_encoder, VideoEncoder::Software);
    assert!(!version.watchdog.disabled);
    assert_eq!(version.watchdog.allowed_packages, ["com.android.settings"]);
    assert_eq!(version.services[0].port, 5559);
    let protocols = [NetworkProtocol::Tcp, NetworkProtocol::Udp];
    assert_eq!(version.services[0].protocols, protocols);
    assert!(version.services[0].expose);
    assert_eq!(version.services[1].port_end, Some(6010));
    let data = &version.extra_data["game-data-folder"];
    assert_eq!(data.target, "/sdcard/Android/data/com.canonical.candy/");
    assert_eq!((&*data.owner, &*data.permissions), ("root:root", "0644"));
    assert_eq!(version.hooks.timeout, "1m30s");
    assert_eq!(version.bootstrap.keep, ["data/**", "*.db"]);
    assert_eq!(version.features, ["feature1"]);
}

#[test]
fn missing_and_empty_keys_have_default_values() {
    let short = read_manifest("name: a").unwrap();
    assert_eq!(short.version, VersionManifest::default());
    assert_eq!(short.application, ApplicationMetadata::default());
    assert_eq!(short.version.video_encoder, VideoEncoder::GpuPreferred);
    let empty = "name: a\ntags:\nwatchdog: ~\nresources: {}\nservices: []\nversion: null\n";
    assert_eq!(read_manifest(empty).unwrap(), short);
}

#[test]
fn all_errors_are_reported_with_key_value_and_allowed_form() {
    let text = "
name: a b
version: 123456789012345678901234567890123456789012345678901
instance-type: a5.3
boot-package: candy
boot-activity: 'a b'
required-permissions: ['*', android.permission.CAMERA]
video-encoder: cpu
tags: [a, 'b,c', '']
watchdog:
  disabled: maybe
  allowed-packages: ['*', com.a]
services:
  - {name: ok, port: 1}
  - {name: low, port: 0, protocols: [icmp]}
  - {name: high, port: 65536}
  - {port: x, expose: perhaps}
  - {name: ok, port: 70, port-end: 60}
resources:
  cpus: 0
  memory: 2GB
  disk-size: lots
  gpu-type: voodoo
  vpu-slots: -1
extra-data:
  ../up: {target: /data/data/com.a}
  data: {owner: me, permissions: '999'}
hooks: {timeout: 16m}
bootstrap: {keep: [/etc/passwd, '[']}
node-selector: gpu
";
    assert_snapshot!(error_lines(text), @r#"
    name: "a b" is not an application name (1 to 200 of the characters A-Z a-z 0-9 _ . -) (line 2, column 7)
    version: "123456789012345678901234567890123456789012345678901" is not a version (at most 50 characters) (line 3, column 10)
    instance-type: "a5.3" is not one of a2.3, a4.3, a6.3, a8.3, a10.3, g2.3, g4.3, g6.3, g8.3, g10.3 (line 4, column 16)
    boot-package: "candy" is not a package name such as com.example.app (line 5, column 15)
    boot-activity: "a b" is not an activity such as com.example.app.MainActivity (line 6, column 16)
    required-permissions: "*" among other values is not "*" alone, or a list of names (line 7, column 23)
    video-encoder: "cpu" is not one of gpu, gpu-preferred, software, vpu (line 8, column 16)
    tags[1]: "b,c" is not a tag (1 to 250 characters, no comma) (line 9, column 11)
    tags[2]: "" is not a tag (1 to 250 characters, no comma) (line 9, column 18)
    watchdog.disabled: "maybe" is not true or false (line 11, column 13)
    watchdog.allowed-packages: "*" among other values is not "*" alone, or a list of names (line 12, column 21)
    services[1].port: "0" is not a port (1 to 65535) (line 15, column 23)
    services[1].protocols[0]: "icmp" is not tcp or udp (line 15, column 38)
    services[2].port: "65536" is not a port (1 to 65535) (line 16, column 24)
    services[3].port: "x" is not a port (1 to 65535) (line 17, column 12)
    services[3].expose: "perhaps" is not true or false (line 17, column 23)
    services[4].name: "ok" is not a name that no other service has (line 18, column 12)
    services[4].port-end: "60" is not a port (70 to 65535) (line 18, column 36)
    resources.cpus: "0" is not a number of CPUs (1 or more) (line 20, column 9)
    resources.memory: "2GB" is not a size of 3GB or more, such as 4GB (line 21, column 11)
    resources.disk-size: "lots" is not a size of 3GB or more, such as 4GB (line 22, column 14)
    resources.gpu-type: "voodoo" is not one of amd, intel, nvidia (line 23, column 13)
    resources.vpu-slots: "-1" is not a number of slots (0 or more) (line 24, column 14)
    extra-data.../up: "../up" is not a path below extra-data in the package (line 26, column 3)
    extra-data.data.owner: "me" is not an owner and a group, such as root:root (line 27, column 17)
    extra-data.data.permissions: "999" is not permissions in octal, such as 0644 (line 27, column 34)
    hooks.timeout: "16m" is not a duration of 15m or less, such as 1m30s (line 28, column 18)
    bootstrap.keep[0]: "/etc/passwd" is not a glob pattern of paths in the package, such as data/*.db (line 29, column 20)
    bootstrap.keep[1]: "[" is not a glob pattern of paths in the package, such as data/*.db (line 29, column 33)
    node-selector: "gpu" is not a list (line 30, column 16)
    services[3].name: is missing; it must be a name (1 to 100 characters, no spaces)
    extra-data.data.target: is missing; it must be a path in the data of the boot package
    "#);
}

#[test]
fn empty_text_of_any_key_counts_as_absent() {
    let keys = [
        "version",
        "instance-type",
        "abi",
        "image",
        "addons",
        "tags",
        "boot-package",
        "boot-activity",
        "required-permissions",
        "video-encoder",
        "watchdog",
        "services",
        "resources",
        "extra-data",
        "hooks",
        "bootstrap",
        "features",
        "node-selector",
    ];
    let mut text = "name: a\n".to_owned();
    for key in keys {
        writeln!(text, "{key}: \"\"").unwrap();
    }
    let short = read_manifest("name: a").unwrap();
    assert_eq!(read_manifest(&text).unwrap(), short);
    let nested = "name: a
watchdog: {disabled: '', allowed-packages: ''}
resources: {cpus: '', memory: '', disk-size: '', gpu-slots: '', gpu-type: '', vpu-slots: '', no-disk-reserve: ''}
hooks: {timeout: ''}
bootstrap: {keep: ''}
";
    assert_eq!(read_manifest(nested).unwrap(), short);
    let items = "name: a
services: [{name: s, port: 1, port-end: '', protocols: '', expose: ''}]
extra-data: {x: {target: /data/data/com.a.b/x, owner: '', permissions: ''}}
";
    let manifest = read_manifest(items).unwrap();
    assert_eq!(manifest.version.services[0].port_end, None);
    assert_eq!(manifest.version.extra_data["x"].owner, "");
    assert_snapshot!(
        error_lines("name: ''\nservices: [{name: '', port: ''}]\nextra-data: {x: ''}"),
        @"
    name: is missing; it must be an application name (1 to 200 of the characters A-Z a-z 0-9 _ . -)
    services[0].name: is missing; it must be a name (1 to 100 characters, no spaces)
    services[0].port: is missing; it must be a port (1 to 65535)
    extra-data.x.target: is missing; it must be a path in the data of the boot package
    "
    );
}

#[test]
fn star_alone_stands_for_all_values() {
    for value in ["'*'", "['*']"] {
        let text = format!(
            "name: a\nrequired-permissions: {value}\nwatchdog: {{allowed-packages: {value}}}"
        );
        let version = read_manifest(&text).unwrap().version;
        assert_eq!(version.required_permissions, ["*"]);
        assert_eq!(version.watchdog.allowed_packages, ["*"]);
    }
    assert!(error_lines("name: a\ntags: '*'").contains("is not a list"));
}

#[test]
fn booleans_and_numbers_have_the_forms_of_yaml_1_1() {
    for (text, expected) in [
        ("y", true),
        ("Y", true),
        ("yes", true),
        ("YES", true),
        ("on", true),
        ("True", true),
        ("n", false),
        ("N", false),
        ("No", false),
        ("OFF", false),
        ("False", false),
    ] {
        let manifest = read_manifest(&format!("name: a\nwatchdog: {{disabled: {text}}}"));
        assert_eq!(
            manifest.unwrap().version.watchdog.disabled,
            expected,
            "{text}"
        );
    }
    for (text, expected) in [
        ("0x15B7", 5559),
        ("0X15b7", 5559),
        ("0o17", 15),
        ("017", 15),
        ("0b101", 5),
        ("5_559", 5559),
        ("+80", 80),
        ("80.0", 80),
        ("5.559e3", 5559),
        ("8e+1", 80),
        ("089", 89),
    ] {
        let manifest = read_manifest(&format!("name: a\nservices: [{{name: s, port: {text}}}]"));
        assert_eq!(
            manifest.unwrap().version.services[0].port,
            expected,
            "{text}"
        );
        let manifest = read_manifest(&format!(
            "name: a\nresources: {{cpus: {text}, gpu-slots: {text}}}"
        ));
        let resources = manifest.unwrap().application.resources;
        assert_eq!(resources.cpus, Some(expected.into()), "{text}");
        assert_eq!(resources.gpu_slots, Some(expected.into()), "{text}");
    }
    for text in [
        "80.5", "0x", "0x1G", "-80", "--1", "1e400", ".inf", "0x-1", "1e-1", "_", "0b2",
    ] {
        let refused = read_manifest(&format!("name: a\nservices: [{{name: s, port: {text}}}]"));
        assert!(refused.is_err(), "{text}");
    }
}

#[test]
fn merge_keys_add_the_fields_that_a_map_lacks() {
    let text = "
name: a
services:
  - &adb {name: adb, port: 5559, protocols: [tcp], expose: true}
  - &web
    <<: *adb
    name: web
    port: 80
  - {name: both, <<: [{port: 1}, *web]}
";
    let services = read_manifest(text).unwrap().version.services;
    assert_eq!((&*services[1].name, services[1].port), ("web", 80));
    assert!(services[1].expose);
    assert_eq!((&*services[2].name, services[2].port), ("both", 1));
    assert_eq!(services[2].protocols, [NetworkProtocol::Tcp]);
    for wrong in ["<<: text", "<<: [text]", "<<: [[]]"] {
        let refusal = error_lines(&format!("name: a\n{wrong}\n"));
        assert!(refusal.starts_with("a merge key needs a map"), "{refusal}");
    }
}

#[test]
fn marks_around_the_document_are_ignored() {
    let short = read_manifest("name: a").unwrap();
    for text in [
        "---\nname: a\n---\n",
        "name: a\n---\n",
        "name: a\n---\n---\n",
        "name: a\n...\n",
        "name: a\n---\n# end\n",
        "# start\n---\n# start\nname: a # name\n# end\n",
        "%YAML 1.1\n---\nname: a\n...\n",
        "name: a\r\n---\r\n",
    ] {
        assert_eq!(read_manifest(text).as_ref(), Ok(&short), "{text:?}");
    }
}

#[test]
fn port_end_has_two_spellings() {
    for key in ["port-end", "port_end"] {
        let text = format!("name: a\nservices: [{{name: s, port: 1, {key}: 9}}]");
        let (manifest, warnings) = read_manifest_with_warnings(&text).unwrap();
        assert_eq!(manifest.version.services[0].port_end, Some(9));
        assert_eq!(warnings, []);
    }
}

#[test]
fn unknown_keys_are_warnings_by_name_and_position() {
    let text = "name: a\ncolour: red\nwatchdog: {enabled: true}\nvm: true\n";
    let (manifest, warnings) = read_manifest_with_warnings(text).unwrap();
    assert_eq!(manifest, read_manifest("name: a").unwrap());
    let keys: Vec<_> = warnings.iter().map(|warning| &*warning.key).collect();
    assert_eq!(keys, ["colour", "watchdog.enabled", "vm"]);
    assert!(warnings[1].to_string().ends_with("(line 3, column 12)"));
}

#[test]
fn duplicate_keys_are_refused_with_the_unknown_ones_by_name_and_position() {
    let text = "
name: a
colour: red
watchdog: {enabled: true}
services:
  - name: adb
    port: 1
    prot: tcp
hooks:
  timeout: 1m
  timeout: 2m
name: b
";
    assert_snapshot!(error_lines(text), @r#"
    colour: is an unknown key; known keys are name, version, instance-type, abi, image, addons, tags, boot-package, boot-activity, required-permissions, video-encoder, watchdog, services, resources, extra-data, hooks, bootstrap, features, node-selector (line 3, column 1)
    watchdog.enabled: is an unknown key; known keys are disabled, allowed-packages (line 4, column 12)
    services[0].prot: is an unknown key; known keys are name, port, port-end, port_end, protocols, expose (line 8, column 5)
    hooks.timeout: occurs twice (line 11, column 3)
    name: occurs twice (line 12, column 1)
    "#);
}

#[test]
fn text_that_is_no_manifest_is_refused_with_its_position() {
    for (text, expected) in [
        ("", "name: is missing; it must be an application name"),
        (
            "- a",
            "a list is not a map of keys and values (line 1, column 1)",
        ),
        (
            "text",
            "\"text\" is not a map of keys and values (line 1, column 1)",
        ),
        ("name: {a: b}", "name: a map is not an application name"),
        (
            "name: a\n---\nname: b",
            "there is a second YAML document (line 3, column 1)",
        ),
        ("? [a]\n: b", "a key must be plain text (line 1, column 3)"),
    ] {
        assert!(
            error_lines(text).starts_with(expected),
            "{text:?}: {}",
            error_lines(text)
        );
    }
    for (text, position) in [
        ("name: [a", "(line 1, column 7)"),
        ("name: *x", "(line 1, column 7)"),
        ("name: a\n\tb: c", "(line 1, column 7)"),
    ] {
        let errors = read_manifest(text).unwrap_err();
        assert!(matches!(
            errors.errors()[0].kind,
            ManifestErrorKind::Syntax(_)
        ));
        assert!(
            error_lines(text).ends_with(position),
            "{text:?}: {}",
            error_lines(text)
        );
    }
}

#[test]
fn expanding_and_deeply_nested_texts_are_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let alias = format!("*a{}", level - 1);
        let aliases = [alias.as_str(); 10].join(", ");
        writeln!(bomb, "a{level}: &a{level} [{aliases}]").unwrap();
    }
    assert!(error_lines(&bomb).contains("too many values"));
    let deep = format!("name: {}{}", "[".repeat(100), "]".repeat(100));
    assert!(error_lines(&deep).contains("too deeply"));
}

#[test]
fn aliases_are_resolved() {
    let text = "name: a\ntags: &list [x, y]\naddons: *list\n";
    assert_eq!(read_manifest(text).unwrap().application.addons, ["x", "y"]);
}

#[test]
fn apk_determines_the_boot_package_and_the_owner_of_extra_data() {
    let text = "name: a\nextra-data: {x: {target: /data/data/com.foo.bar/files}}\n";
    let facts = |package: &str| ApkFacts {
        package: package.to_owned(),
        ..ApkFacts::default()
    };
    let mut manifest = read_manifest(text).unwrap();
    manifest.apply_apk_facts(facts("com.foo.bar")).unwrap();
    assert_eq!(manifest.application.boot_package, "com.foo.bar");
    let mut manifest = read_manifest(text).unwrap();
    let refusal = manifest.apply_apk_facts(facts("com.other")).unwrap_err();
    assert_snapshot!(refusal, @r#"manifest.yaml: extra-data.x.target: "/data/data/com.foo.bar/files" is not a path in /sdcard/Android/obb/com.other, /sdcard/Android/data/com.other, /data/app/com.other, /data/data/com.other"#);
    let mut manifest = read_manifest("name: a\nboot-package: com.declared").unwrap();
    manifest.apply_apk_facts(facts("com.foo.bar")).unwrap();
    assert_eq!(manifest.application.boot_package, "com.declared");
}

#[test]
fn written_manifest_is_read_back() {
    let manifest = read_manifest(EVERYTHING).unwrap();
    assert_eq!(read_manifest(&manifest.to_yaml()), Ok(manifest));
    assert_snapshot!(read_manifest("name: a").unwrap().to_yaml(), @"name: a");
}

proptest! {
    #[test]
    fn texts_that_look_like_other_types_are_read_back_as_texts(
        version in "[ -~]{1,50}",
        tag in "[a-zA-Z0-9:#&*!|>'\"%@`{}\\[\\]?~ -]{1,20}",
    ) {
        let mut manifest = read_manifest("name: '1e3'").unwrap();
        manifest.version.manifest_version = version;
        manifest.application.tags = vec![tag, "null".to_owned(), "1.10".to_owned(), "yes".to_owned()];
        prop_assume!(!manifest.application.tags[0].trim().is_empty());
        let text = manifest.to_yaml();
        prop_assert_eq!(read_manifest(&text), Ok(manifest), "{}", text);
    }

    #[test]
    fn reading_any_text_does_not_panic(text in "(name|tags|[a-z:\\[\\]{}&*!|>'\"%@ \n-]){0,60}") {
        let _ = read_manifest(&text);
    }
}
