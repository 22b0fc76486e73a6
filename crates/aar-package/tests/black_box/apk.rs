//! Reading the metadata of `app.apk`.

use aar_package::check_architecture;
use aar_types::{Architecture, Fingerprint};
use rcgen::{CertificateParams, KeyPair};
use sha2::{Digest as _, Sha256};

use crate::support::{
    Apk, MANIFEST, PackageContent, TestFolder, Value, axml, axml_of, resource_value, resources,
    sign,
};

fn packed(apk: &[u8]) -> PackageContent {
    PackageContent::new(MANIFEST).file("app.apk", apk)
}

#[test]
fn facts_are_read_from_all_formats() {
    let dir = TestFolder::new();
    let apk = Apk {
        files: &[
            ("lib/x86_64/liba.so", b"a"),
            ("lib/arm64-v8a/liba.so", b"a"),
            ("lib/arm64-v8a/libb.so", b"b"),
            ("lib/strange/libc.so", b"c"),
        ],
        ..Apk::default()
    };
    let content = packed(&apk.build());
    content.to_folder(&dir.path("folder"), 0);
    for package in [
        dir.path("folder"),
        dir.file("deflated.zip", &content.to_zip(0)),
        dir.file("stored.zip", &content.to_zip(1)),
        dir.file("a.tar.bz2", &content.to_tar_bz2(0)),
    ] {
        let package = dir.open(&package).unwrap();
        let facts = package.apk().unwrap();
        assert_eq!(facts.package, "com.canonical.candy");
        assert_eq!(facts.version_name, "1.4.2");
        assert_eq!(facts.version_code, "142");
        assert_eq!(facts.abis, ["arm64-v8a", "x86_64"]);
        assert_eq!(facts.signer, "");
        assert_eq!(
            package.manifest().application.boot_package,
            "com.canonical.candy"
        );
        assert!(check_architecture(facts, Architecture::Amd64).is_ok());
        assert!(check_architecture(facts, Architecture::I386).is_err());
    }
}

#[test]
fn version_name_in_the_resources_is_resolved() {
    let dir = TestFolder::new();
    let table = resources("2.0-beta");
    for (reference, files, name) in [
        ("@7f010000", &[("resources.arsc", &*table)][..], "2.0-beta"),
        ("@7f010001", &[("resources.arsc", &*table)], ""),
        ("@7f010000", &[("resources.arsc", b"damaged")], ""),
        ("@7f010000", &[], ""),
    ] {
        let apk = Apk {
            version_name: reference,
            files,
            ..Apk::default()
        };
        let package = dir.open_bytes(&packed(&apk.build()).to_zip(0)).unwrap();
        assert_eq!(package.apk().unwrap().version_name, name, "{reference}");
    }
}

#[test]
fn signer_is_the_certificate_of_the_signing_block() {
    let dir = TestFolder::new();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let apk = sign(&Apk::default().build(), certificate.der());
    let package = dir.open_bytes(&packed(&apk).to_tar_bz2(0)).unwrap();
    let expected = Fingerprint::from_bytes(Sha256::digest(certificate.der()).into());
    assert_eq!(package.apk().unwrap().signer, expected.to_string());
}

#[test]
fn declared_boot_package_is_kept() {
    let dir = TestFolder::new();
    let content = PackageContent::new("name: a\nboot-package: com.other.app")
        .file("app.apk", &Apk::default().build());
    let package = dir.open_bytes(&content.to_zip(0)).unwrap();
    assert_eq!(package.manifest().application.boot_package, "com.other.app");
}

#[test]
fn extra_data_of_another_package_than_the_apk_is_refused() {
    let dir = TestFolder::new();
    let content = PackageContent::new("name: a\nextra-data: {x: {target: /data/data/com.other/x}}")
        .file("extra-data/x", b"")
        .file("app.apk", &Apk::default().build());
    let refusal = dir.refusal(&content.to_zip(0));
    assert!(
        refusal.contains("extra-data.x.target") && refusal.contains("com.canonical.candy"),
        "{refusal}"
    );
}

#[test]
fn invalid_apk_is_refused_with_the_reason() {
    let dir = TestFolder::new();
    let no_manifest = PackageContent::default()
        .file("classes.dex", b"dex")
        .to_zip(0);
    let android = |manifest: &[u8]| {
        PackageContent::default()
            .file("AndroidManifest.xml", manifest)
            .to_zip(1)
    };
    let mut damaged = android(&axml("com.a.b", "1", 1));
    damaged[60] ^= 1;
    for (apk, reason) in [
        (b"not a zip file".to_vec(), "app.apk is not a valid APK: "),
        (
            no_manifest,
            "app.apk is not a valid APK: it has no AndroidManifest.xml",
        ),
        (
            android(b""),
            "app.apk is not a valid APK: its AndroidManifest.xml is damaged",
        ),
        (
            android(b"<manifest/>"),
            "app.apk is not a valid APK: its AndroidManifest.xml is plain text",
        ),
        (
            damaged,
            "app.apk is not a valid APK: its AndroidManifest.xml is damaged",
        ),
        (
            android(&axml("", "1", 1)),
            "app.apk is not a valid APK: its AndroidManifest.xml has the package name \"\"",
        ),
        (
            android(&axml("../../etc", "1", 1)),
            "app.apk is not a valid APK: its AndroidManifest.xml has the package name \"../../etc\"",
        ),
        (
            PackageContent::default()
                .file("AndroidManifest.xml", &vec![0; 5 << 20])
                .to_zip(0),
            "app.apk is not a valid APK: its AndroidManifest.xml is too large",
        ),
    ] {
        let refusal = dir.refusal(&packed(&apk).to_zip(0));
        assert!(refusal.starts_with(reason), "{refusal}");
    }
}

/// Without truncation, dropping the tree of elements overflows the stack.
#[test]
fn deeply_nested_android_manifest_is_read() {
    let dir = TestFolder::new();
    let manifest = axml("com.a.b", "1", 1);
    let find = |chunk: [u8; 4]| {
        manifest
            .windows(4)
            .position(|window| window == chunk)
            .unwrap()
    };
    let (start, end) = (find([2, 1, 16, 0]), find([3, 1, 16, 0]));
    let after = end + usize::from(manifest[end + 4]);
    let nested = [
        &manifest[..start],
        &manifest[start..end].repeat(30_000),
        &manifest[end..after].repeat(30_000),
        &manifest[after..],
    ]
    .concat();
    let apk = PackageContent::default()
        .file("AndroidManifest.xml", &nested)
        .to_zip(0);
    let package = dir.open_bytes(&packed(&apk).to_zip(0)).unwrap();
    assert_eq!(package.apk().unwrap().package, "com.a.b");
}

#[test]
fn package_without_apk_has_no_facts() {
    let dir = TestFolder::new();
    let package = dir
        .open_bytes(&PackageContent::new(MANIFEST).to_zip(0))
        .unwrap();
    assert_eq!(package.apk(), None);
    assert_eq!(package.manifest().application.boot_package, "");
}

const PACKAGE: (Option<u32>, &str, Value<'_>) = (None, "package", Value::Text("com.a.b"));
const CODE: Option<u32> = Some(0x0101_021b);
const MAJOR: Option<u32> = Some(0x0101_0576);
const NAME: Option<u32> = Some(0x0101_021c);

fn apk_of(attributes: &[(Option<u32>, &str, Value<'_>)], files: &[(&str, &[u8])]) -> Vec<u8> {
    let attributes = [&[PACKAGE], attributes].concat();
    let mut content = PackageContent::default().file("AndroidManifest.xml", &axml_of(&attributes));
    for (name, bytes) in files {
        content = content.file(name, bytes);
    }
    content.to_zip(0)
}

#[test]
fn version_code_is_read_in_every_form() {
    use Value::{Text, Typed};
    let dir = TestFolder::new();
    let table = resource_value(0x11, 0x1f);
    let files = [("resources.arsc", &*table)];
    for (attributes, expected) in [
        (&[(CODE, "versionCode", Typed(0x10, 142))][..], "142"),
        (&[(CODE, "versionCode", Typed(0x11, 0x1f))], "31"),
        (
            &[(CODE, "versionCode", Typed(0x10, 3_000_000_000))],
            "3000000000",
        ),
        (
            &[(CODE, "versionCode", Typed(0x10, u32::MAX))],
            "4294967295",
        ),
        (&[(CODE, "versionCode", Typed(0x01, 0x7f01_0000))], "31"),
        (&[(CODE, "versionCode", Typed(0x01, 0x7f01_0001))], ""),
        (&[(CODE, "versionCode", Text("0x10"))], "16"),
        (&[(CODE, "versionCode", Text("77"))], "77"),
        (&[(CODE, "", Typed(0x10, 5))], "5"),
        (
            &[
                (CODE, "versionCode", Typed(0x10, 5)),
                (MAJOR, "versionCodeMajor", Typed(0x10, 1)),
            ],
            "4294967301",
        ),
        (&[(MAJOR, "versionCodeMajor", Typed(0x11, 2))], "8589934592"),
        (&[], ""),
    ] {
        let apk = apk_of(attributes, &files);
        let package = dir.open_bytes(&packed(&apk).to_zip(0)).unwrap();
        assert_eq!(package.apk().unwrap().version_code, expected);
    }
}

#[test]
fn version_name_is_a_reference_by_its_type_only() {
    use Value::{Text, Typed};
    let dir = TestFolder::new();
    let table = resources("2.0-beta");
    let files = [("resources.arsc", &*table)];
    for (value, expected) in [
        (Text("@7f010000"), "@7f010000"),
        (Text("@string/version"), "@string/version"),
        (Typed(0x01, 0x7f01_0000), "2.0-beta"),
        (Typed(0x10, 12), "12"),
        (Typed(0x11, 0x1f), "0x1f"),
        (Typed(0x12, 1), "true"),
        (Typed(0x04, 1.5_f32.to_bits()), "1.5"),
        (Typed(0x00, 0), ""),
    ] {
        let apk = apk_of(&[(NAME, "versionName", value)], &files);
        let package = dir.open_bytes(&packed(&apk).to_zip(0)).unwrap();
        assert_eq!(package.apk().unwrap().version_name, expected);
    }
}

#[test]
fn native_code_is_libraries_directly_in_the_folder_of_an_abi() {
    let dir = TestFolder::new();
    let apk = Apk {
        files: &[
            ("lib/x86_64/libgame.so", b"a"),
            ("lib/arm64-v8a/game.so", b"a"),
            ("lib/armeabi-v7a/libgame.so.txt", b"a"),
            ("lib/x86/wrap.sh", b"a"),
            ("lib/mips/sub/libgame.so", b"a"),
            ("assets/lib/riscv64/libgame.so", b"a"),
            ("lib/armeabi/", b""),
        ],
        ..Apk::default()
    };
    let package = dir.open_bytes(&packed(&apk.build()).to_zip(0)).unwrap();
    assert_eq!(package.apk().unwrap().abis, ["x86_64"]);
}

/// The positions of an entry's headers: in front of its content, and in the directory.
fn headers(zip: &[u8], name: &[u8]) -> (usize, usize) {
    let found: Vec<_> = (0..zip.len() - name.len())
        .filter(|at| zip[*at..].starts_with(name))
        .collect();
    (found[0] - 30, found[found.len() - 1] - 46)
}

#[test]
fn entries_that_are_not_read_may_be_odd() {
    let dir = TestFolder::new();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let apk = Apk {
        files: &[("classes.dex", b"dex")],
        ..Apk::default()
    }
    .build();
    let (local, directory) = headers(&apk, b"classes.dex");
    let mut odd = apk;
    for (flags, method) in [(local + 6, local + 8), (directory + 8, directory + 10)] {
        odd[flags] |= 1;
        odd[method..method + 2].copy_from_slice(&0x1234_u16.to_le_bytes());
    }
    let signed = sign(&odd, certificate.der());
    let package = dir.open_bytes(&packed(&signed).to_zip(0)).unwrap();
    let facts = package.apk().unwrap();
    assert_eq!(facts.package, "com.canonical.candy");
    let expected = Fingerprint::from_bytes(Sha256::digest(certificate.der()).into());
    assert_eq!(facts.signer, expected.to_string());
}

#[test]
fn two_entries_of_one_name_are_refused() {
    let dir = TestFolder::new();
    let apk = Apk {
        files: &[("one", b"1"), ("two", b"2")],
        ..Apk::default()
    }
    .build();
    let mut twice = apk;
    for at in 0..twice.len() - 3 {
        if twice[at..].starts_with(b"two") {
            twice[at..at + 3].copy_from_slice(b"one");
        }
    }
    assert_eq!(
        dir.refusal(&packed(&twice).to_zip(0)),
        "app.apk is not a valid APK: it has two entries \"one\""
    );
}

#[test]
fn files_that_are_no_whole_apk_are_called_what_they_are() {
    let dir = TestFolder::new();
    let zip = |names: &[&str]| {
        let files = names
            .iter()
            .fold(PackageContent::default(), |all, name| all.file(name, b"x"));
        files.to_zip(1)
    };
    let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    let split = [(None, "split", Value::Text("config.x86_64"))];
    let base = [(
        Some(0x0101_0591),
        "isSplitRequired",
        Value::Typed(0x12, u32::MAX),
    )];
    for (apk, expected) in [
        (Vec::new(), "it is an empty file"),
        (lfs.to_vec(), "it is a Git LFS pointer"),
        (b"<html>404</html>".to_vec(), "it is not a zip file"),
        (
            zip(&["BundleConfig.pb", "base/manifest/AndroidManifest.xml"]),
            "it is an Android App Bundle (AAB)",
        ),
        (
            zip(&[
                "manifest.json",
                "com.a.b.apk",
                "Android/obb/com.a.b/main.obb",
            ]),
            "it is an XAPK",
        ),
        (
            zip(&["toc.pb", "splits/base-master.apk"]),
            "it is an archive of APKs",
        ),
        (
            apk_of(&split, &[]),
            "it is the split APK \"config.x86_64\" of com.a.b",
        ),
        (
            apk_of(&base, &[]),
            "it is the base of com.a.b, which requires split APKs",
        ),
    ] {
        let refusal = dir.refusal(&packed(&apk).to_tar_bz2(0));
        let expected = format!("app.apk is not a valid APK: {expected}");
        assert!(refusal.starts_with(&expected), "{refusal}");
    }
}

#[test]
fn apk_with_another_name_is_refused_unless_hooks_may_install_it() {
    let dir = TestFolder::new();
    let apk = Apk::default().build();
    for name in ["game.apk", "App.APK", "game.aab", "game.xapk"] {
        let refusal = dir.refusal(&PackageContent::new(MANIFEST).file(name, &apk).to_zip(0));
        let expected = format!("there is no app.apk, but there is {name}: ");
        assert!(
            refusal.starts_with(&expected) && refusal.contains("rename"),
            "{refusal}"
        );
    }
    let hooked = PackageContent::new(MANIFEST)
        .file("game.apk", &apk)
        .program("hooks/pre-start", b"#!/bin/sh\n");
    let nested = PackageContent::new(MANIFEST).file("apk/game.apk", &apk);
    for (content, name) in [(hooked, "game.apk"), (nested, "apk/game.apk")] {
        let package = dir.open_bytes(&content.to_zip(0)).unwrap();
        let warning = format!("{name} is not installed: only app.apk at the top of the package is");
        assert_eq!(package.warnings(), [warning]);
    }
    let data = PackageContent::new(MANIFEST).file("extra-data/game.apk", &apk);
    assert!(
        dir.open_bytes(&data.to_zip(0))
            .unwrap()
            .warnings()
            .is_empty()
    );
    let both = PackageContent::new(MANIFEST)
        .file("other.apk", &apk)
        .file("app.apk", &apk);
    assert!(
        dir.open_bytes(&both.to_zip(0))
            .unwrap()
            .warnings()
            .is_empty()
    );
}

#[test]
fn apk_in_place_of_a_package_is_refused_with_advice() {
    let dir = TestFolder::new();
    let files: &[(&str, &[u8])] = &[("res/a.xml", b"1"), ("res/A.xml", b"2")];
    let apk = Apk {
        files,
        ..Apk::default()
    }
    .build();
    let refusal = dir.refusal(&apk);
    assert!(
        refusal.contains("it is an APK") && refusal.contains("the APK as app.apk"),
        "{refusal}"
    );
    let bundle = PackageContent::default()
        .file("BundleConfig.pb", b"x")
        .to_zip(0);
    assert!(dir.refusal(&bundle).contains("Android App Bundle"));
    assert!(
        dir.refusal(b"version https://git-lfs.github.com/spec/v1\n")
            .contains("git lfs pull")
    );
}

/// A zip file whose directory has a million entries and states another number. Sizes and offsets fit into
/// 32 bits.
fn directory_of_a_million(stated: u16) -> Vec<u8> {
    const START: u32 = 30;
    const ENTRY: u32 = 46 + 8;
    let mut zip = Vec::new();
    zip.extend(b"PK\x03\x04");
    zip.resize(30, 0);
    for number in 0..1_000_000 {
        let header = zip.len();
        zip.extend(b"PK\x01\x02");
        zip.resize(header + 28, 0);
        zip.extend(8_u16.to_le_bytes());
        zip.resize(header + 46, 0);
        zip.extend(format!("{number:08}").bytes());
    }
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend(stated.to_le_bytes());
    zip.extend(stated.to_le_bytes());
    zip.extend((1_000_000 * ENTRY).to_le_bytes());
    zip.extend(START.to_le_bytes());
    zip.extend([0, 0]);
    zip
}

#[test]
fn apk_with_a_million_entries_costs_bounded_memory() {
    let peak_kib = || -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let mut lines = status.lines();
        let line = lines.find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    };
    let dir = TestFolder::new();
    let folder = dir.path("package");
    PackageContent::new(MANIFEST).to_folder(&folder, 0);
    // The number does not fit into the end of the directory. 16,960 is what is left of it.
    for stated in [u16::MAX, 16_960, 1] {
        std::fs::write(folder.join("app.apk"), directory_of_a_million(stated)).unwrap();
        // The peak starts again from the present size.
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        let before = peak_kib();
        let refusal = dir.open(&folder).unwrap_err().to_string();
        let growth = peak_kib().saturating_sub(before);
        assert!(refusal.contains("app.apk"), "{refusal}");
        assert!(growth < 32 << 10, "{stated}: {growth} KiB more");
    }
}
