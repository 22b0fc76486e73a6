//! Public releases of a real APK, one after the other, through the whole way.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use aar_testkit::{Fleet, Folder, Package, program, sha256, skip, tool};

const WHAT: &str = "real APKs";
const SOURCE: &str = "io.appium.settings";
const RELEASES: [&str; 4] = ["7.1.2", "7.1.7", "7.1.9", "7.1.11"];

/// The APK inside a release of the npm package; `None` where it cannot be had.
fn apk(folder: &Folder, release: &str) -> Option<PathBuf> {
    let to = folder.join(release);
    fs_err::create_dir_all(&to).unwrap();
    let packed = Command::new("npm")
        .args(["pack", "--silent", &format!("{SOURCE}@{release}")])
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
fn releases_of_a_real_apk_travel_one_after_the_other() {
    let _built = program("amc");
    if tool("npm").is_none() {
        return skip(WHAT, "there is no npm");
    }
    let folder = Folder::new("apk");
    let Some(apks) = RELEASES
        .iter()
        .map(|release| apk(&folder, release))
        .collect::<Option<Vec<_>>>()
    else {
        return skip(WHAT, "npm cannot fetch the releases");
    };
    let fleet = Fleet::start();
    let source = fleet.publisher.base().join("settings");
    let path = source.to_str().unwrap();
    for (number, apk) in (0..).zip(&apks) {
        let package = Package::of_apk("settings").with(&format!("version: {}", RELEASES[number]));
        package.copy("app.apk", apk).write_folder(&source);
        let command = if number == 0 {
            &["create", path][..]
        } else {
            &["update", "settings", path]
        };
        fleet
            .publisher
            .amc(&[&["application"], command].concat())
            .done();
        fleet.client.wait_for("settings", number as u64);
        let sent = sha256(&fleet.publisher.export("settings", number as u64));
        assert_eq!(
            sha256(&fleet.client.export("settings", number as u64)),
            sent
        );
    }
    let shown = fleet.client.application("settings").unwrap();
    assert_eq!(shown["config"]["boot-package"], "io.appium.settings");
    let last = fleet.client.version("settings", 3).unwrap();
    assert_eq!(last["manifest-version"], RELEASES[3]);
    tells_of_each_apk(&fleet);
    unpacked_as_it_was(&fleet, &apks[3]);
}

/// Every release has a version of its own. The oldest is no longer kept.
fn tells_of_each_apk(fleet: &Fleet) {
    let show = ["application", "show", "settings", "--format", "json"];
    let shown = fleet.client.amc(&show).json();
    let told = |number: usize| &shown["versions"][number.to_string()]["apk"];
    let mut codes = Vec::new();
    for (number, release) in RELEASES.iter().enumerate().skip(1) {
        let apk = told(number);
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

/// The export is a plain archive that stock tools read, with the very APK inside.
fn unpacked_as_it_was(fleet: &Fleet, apk: &Path) {
    if tool("zstd").is_none() {
        return skip("unpacking an export with stock tools", "there is no zstd");
    }
    let to = fleet.client.base().join("unpacked");
    fs_err::create_dir_all(&to).unwrap();
    let export = fleet.client.export("settings", 3);
    let mut tar = Command::new("tar");
    tar.args(["--zstd", "-xf"]).arg(export).current_dir(&to);
    assert!(tar.status().unwrap().success());
    assert_eq!(sha256(&to.join("app.apk")), sha256(apk));
}
