//! Reading the metadata of `app.apk`.

use aar_package::check_architecture;
use aar_types::{Architecture, Fingerprint};
use rcgen::{CertificateParams, KeyPair};
use sha2::{Digest as _, Sha256};

use crate::support::{Apk, MANIFEST, PackageContent, TestFolder, axml, resources, sign};

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
            "app.apk is not a valid APK: its AndroidManifest.xml is damaged",
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
