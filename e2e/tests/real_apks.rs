//! Public releases of a real APK are pushed and pulled one after the other.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use aar_testkit::{Fleet, Folder, Package, program, sha256, skip, tool};

const TEST: &str = "real APKs";
const NPM_PACKAGE: &str = "io.appium.settings";
const RELEASES: [&str; 4] = ["7.1.2", "7.1.7", "7.1.9", "7.1.11"];

/// Downloads the APK in a release of the npm package; `None` if npm cannot download it.
fn download_apk(folder: &Folder, release: &str) -> Option<PathBuf> {
    let to = folder.join(release);
    fs_err::create_dir_all(&to).unwrap();
    let packed = Command::new("npm")
        .args(["pack", "--silent", &format!("{NPM_PACKAGE}@{release}")])
        .current_dir(&to)
        .output()
        .unwrap();
    if !packed.status.success() {
        return None;
    }
    let name = String::from_utf8(packed.stdout).unwrap();
    let unpacked = Command::new("tar")
        .args(["-xzf", name.trim()])
        .current_dir(&to)
        .status();
    assert!(unpacked.unwrap().success());
    Some(find_apk(&to.join("package")).unwrap())
}

fn find_apk(folder: &Path) -> Option<PathBuf> {
    let entries: Vec<_> = fs_err::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    let apk = entries
        .iter()
        .find(|path| path.extension().is_some_and(|e| e == "apk"));
    let folders = entries.iter().filter(|path| path.is_dir());
    apk.cloned()
        .or_else(|| folders.into_iter().find_map(|f| find_apk(f)))
}

#[test]
fn successive_releases_of_a_real_apk_arrive_unchanged() {
    let _built = program("amc");
    if tool("npm").is_none() {
        return skip(TEST, "npm is not installed");
    }
    let folder = Folder::new("apk");
    let Some(apks) = RELEASES
        .iter()
        .map(|release| download_apk(&folder, release))
        .collect::<Option<Vec<_>>>()
    else {
        return skip(TEST, "npm cannot download the releases");
    };
    let fleet = Fleet::start();
    for (number, apk) in (0..).zip(&apks) {
        let package = Package::of_apk("settings").with(&format!("version: {}", RELEASES[number]));
        let package = package.copy("app.apk", apk);
        if number == 0 {
            fleet.publisher.create(&package);
        } else {
            fleet.publisher.update(&package);
        }
        fleet.client.wait_for("settings", number as u64);
        let pushed = sha256(&fleet.publisher.export("settings", number as u64));
        assert_eq!(
            sha256(&fleet.client.export("settings", number as u64)),
            pushed
        );
    }
    let shown = fleet.client.application("settings").unwrap();
    assert_eq!(shown["config"]["boot-package"], "io.appium.settings");
    let last = fleet.client.version("settings", 3).unwrap();
    assert_eq!(last["manifest-version"], RELEASES[3]);
    assert_facts_of_each_apk_are_shown(&fleet);
    assert_export_contains_the_apk(&fleet, &apks[3]);
}

/// Every release has its own version. The oldest one is not kept.
fn assert_facts_of_each_apk_are_shown(fleet: &Fleet) {
    let show = ["application", "show", "settings", "--format", "json"];
    let shown = fleet.client.amc(&show).json();
    let mut codes = Vec::new();
    for (number, release) in RELEASES.iter().enumerate().skip(1) {
        let apk = &shown["versions"][number.to_string()]["apk"];
        assert_eq!(apk["package"], "io.appium.settings");
        assert_eq!(apk["version-name"], *release);
        let signer = apk["signer"].as_str().unwrap();
        assert!(
            signer.len() == 64 && signer.chars().all(|c| c.is_ascii_hexdigit()),
            "{signer}"
        );
        codes.push(
            apk["version-code"]
                .as_str()
                .unwrap()
                .parse::<u64>()
                .unwrap(),
        );
    }
    assert!(codes.is_sorted(), "{codes:?}");
}

/// tar and zstd can read an export.
fn assert_export_contains_the_apk(fleet: &Fleet, apk: &Path) {
    if tool("zstd").is_none() {
        return skip("unpacking an export with tar", "zstd is not installed");
    }
    let to = fleet.client.base().join("unpacked");
    fs_err::create_dir_all(&to).unwrap();
    let export = fleet.client.export("settings", 3);
    let mut tar = Command::new("tar");
    tar.args(["--zstd", "-xf"]).arg(export).current_dir(&to);
    assert!(tar.status().unwrap().success());
    assert_eq!(sha256(&to.join("app.apk")), sha256(apk));
}
