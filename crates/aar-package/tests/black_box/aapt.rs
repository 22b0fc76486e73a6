//! APKs that the tool of the Android SDK makes.

use std::fs;

use aar_types::ApkFacts;

use crate::support::{
    MANIFEST, PackageContent, TestFolder,
    tools::{has, run},
};

const ANDROID: &str = "http://schemas.android.com/apk/res/android";

/// The attributes that the tool looks up in the framework of Android, which Debian does not have with it.
const ATTRIBUTES: &str = r#"<resources>
    <public type="attr" name="versionCode" id="0x0101021b"/>
    <public type="attr" name="versionName" id="0x0101021c"/>
    <public type="attr" name="versionCodeMajor" id="0x01010576"/>
    <public type="attr" name="isSplitRequired" id="0x01010591"/>
    <attr name="versionCode" format="integer"/>
    <attr name="versionName" format="string"/>
    <attr name="versionCodeMajor" format="integer"/>
    <attr name="isSplitRequired" format="boolean"/>
</resources>"#;

const VALUES: &str = r#"<resources>
    <integer name="code">77</integer>
    <integer name="alias">@integer/code</integer>
    <string name="version">2.0-beta</string>
</resources>"#;

const AAPT: &str = "aapt package -f -M AndroidManifest.xml -S res -I framework.apk -F app.apk";
const AAPT2: &str = "aapt2 compile --dir res -o compiled.zip && aapt2 link -I framework.apk \
                     --manifest AndroidManifest.xml -o app.apk compiled.zip";

fn is_installed() -> bool {
    has("aapt", "aapt") && has("aapt2", "aapt")
}

/// A folder with a framework of Android that has nothing but the attributes of versions.
fn sdk() -> TestFolder {
    let dir = TestFolder::new();
    for (values, content) in [("framework/res", ATTRIBUTES), ("res", VALUES)] {
        fs::create_dir_all(dir.path(values).join("values")).unwrap();
        dir.file(&format!("{values}/values/values.xml"), content.as_bytes());
    }
    let manifest = format!("<manifest xmlns:android='{ANDROID}' package='android'/>");
    dir.file("framework/AndroidManifest.xml", manifest.as_bytes());
    run(
        &dir.path(""),
        "aapt package -f -x -M framework/AndroidManifest.xml -S framework/res -F framework.apk",
    );
    dir
}

/// A package with the APK that the command makes of a manifest with these attributes.
fn package(dir: &TestFolder, command: &str, attributes: &str) -> Vec<u8> {
    let manifest = format!("<manifest xmlns:android='{ANDROID}' package='com.a.b' {attributes}/>");
    dir.file("AndroidManifest.xml", manifest.as_bytes());
    run(&dir.path(""), command);
    let apk = fs::read(dir.path("app.apk")).unwrap();
    PackageContent::new(MANIFEST)
        .file("app.apk", &apk)
        .to_zip(0)
}

fn facts(dir: &TestFolder, command: &str, attributes: &str) -> ApkFacts {
    let package = package(dir, command, attributes);
    dir.open_bytes(&package).unwrap().apk().unwrap().clone()
}

#[test]
fn version_code_of_aapt_is_read_in_every_form() {
    if !is_installed() {
        return;
    }
    let dir = sdk();
    for (attributes, expected) in [
        ("android:versionCode='142'", "142"),
        ("android:versionCode='0x10'", "16"),
        ("android:versionCode='@integer/code'", "77"),
        ("android:versionCode='@integer/alias'", "77"),
        ("android:versionCode='0xb2d05e00'", "3000000000"),
        (
            "android:versionCode='5' android:versionCodeMajor='1'",
            "4294967301",
        ),
        (
            "android:versionCode='0x5' android:versionCodeMajor='@integer/code'",
            "330712481797",
        ),
        ("", ""),
    ] {
        // The newer tool takes no references here.
        let is_reference = attributes.contains('@');
        for command in [AAPT, AAPT2]
            .into_iter()
            .take(2 - usize::from(is_reference))
        {
            let facts = facts(&dir, command, attributes);
            assert_eq!(facts.version_code, expected, "{attributes}, {command}");
            assert_eq!(facts.package, "com.a.b");
        }
    }
}

#[test]
fn version_name_of_aapt_is_a_reference_by_its_type_only() {
    if !is_installed() {
        return;
    }
    let dir = sdk();
    for (name, expected) in [
        ("1.4.2", "1.4.2"),
        ("@string/version", "2.0-beta"),
        (r"\@7f010000", "@7f010000"),
        (r"\@string/version", "@string/version"),
        ("0x1f", "0x1f"),
        ("true", "true"),
        ("1.50", "1.50"),
        ("", ""),
    ] {
        let attributes = format!("android:versionCode='1' android:versionName='{name}'");
        for command in [AAPT, AAPT2] {
            let facts = facts(&dir, command, &attributes);
            assert_eq!(facts.version_name, expected, "{name}, {command}");
        }
    }
}

#[test]
fn split_apks_of_aapt_are_refused_by_name() {
    if !is_installed() {
        return;
    }
    let dir = sdk();
    for (attributes, expected) in [
        (
            "split='config.x86'",
            "it is the split APK \"config.x86\" of com.a.b",
        ),
        (
            "android:isSplitRequired='true'",
            "it is the base of com.a.b, which requires split APKs",
        ),
    ] {
        let attributes = format!("android:versionCode='1' {attributes}");
        let refusal = dir.refusal(&package(&dir, AAPT, &attributes));
        assert!(refusal.contains(expected), "{refusal}");
    }
}
