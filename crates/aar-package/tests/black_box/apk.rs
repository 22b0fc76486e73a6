//! What is read out of `app.apk`.

use aar_package::check_architecture;
use aar_types::{Architecture, Fingerprint};
use rcgen::{CertificateParams, KeyPair};
use sha2::{Digest as _, Sha256};

use crate::support::{Apk, MANIFEST, Place, Tree, axml, resources, sign};

fn packed(apk: &[u8]) -> Tree {
    Tree::new(MANIFEST).file("app.apk", apk)
}

#[test]
fn facts_are_read_whatever_the_package_is_packed_in() {
    let place = Place::new();
    let apk = Apk {
        files: &[
            ("lib/x86_64/liba.so", b"a"),
            ("lib/arm64-v8a/liba.so", b"a"),
            ("lib/arm64-v8a/libb.so", b"b"),
            ("lib/strange/libc.so", b"c"),
        ],
        ..Apk::default()
    };
    let tree = packed(&apk.build());
    tree.to_folder(&place.path("folder"), 0);
    for package in [
        place.path("folder"),
        place.file("deflated.zip", &tree.to_zip(0)),
        place.file("stored.zip", &tree.to_zip(1)),
        place.file("a.tar.bz2", &tree.to_tar_bz2(0)),
    ] {
        let package = place.open(&package).unwrap();
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
fn a_version_name_that_is_kept_in_the_resources_is_found_there() {
    let place = Place::new();
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
        let package = place.open_bytes(&packed(&apk.build()).to_zip(0)).unwrap();
        assert_eq!(package.apk().unwrap().version_name, name, "{reference}");
    }
}

#[test]
fn the_signer_is_the_certificate_in_the_signing_block() {
    let place = Place::new();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let apk = sign(&Apk::default().build(), certificate.der());
    let package = place.open_bytes(&packed(&apk).to_tar_bz2(0)).unwrap();
    let expected = Fingerprint::from_bytes(Sha256::digest(certificate.der()).into());
    assert_eq!(package.apk().unwrap().signer, expected.to_string());
}

#[test]
fn a_declared_boot_package_is_kept() {
    let place = Place::new();
    let tree =
        Tree::new("name: a\nboot-package: com.other.app").file("app.apk", &Apk::default().build());
    let package = place.open_bytes(&tree.to_zip(0)).unwrap();
    assert_eq!(package.manifest().application.boot_package, "com.other.app");
}

#[test]
fn extra_data_belongs_to_the_package_of_the_apk() {
    let place = Place::new();
    let tree = Tree::new("name: a\nextra-data: {x: {target: /data/data/com.other/x}}")
        .file("extra-data/x", b"")
        .file("app.apk", &Apk::default().build());
    let refusal = place.refusal(&tree.to_zip(0));
    assert!(
        refusal.contains("extra-data.x.target") && refusal.contains("com.canonical.candy"),
        "{refusal}"
    );
}

#[test]
fn an_apk_that_is_none_is_refused_with_the_reason() {
    let place = Place::new();
    let no_manifest = Tree::default().file("classes.dex", b"dex").to_zip(0);
    let android = |manifest: &[u8]| {
        Tree::default()
            .file("AndroidManifest.xml", manifest)
            .to_zip(1)
    };
    let mut damaged = android(&axml("com.a.b", "1", 1));
    damaged[60] ^= 1;
    for (apk, reason) in [
        (b"not a zip file".to_vec(), "app.apk is not usable: "),
        (
            no_manifest,
            "app.apk is not usable: it has no AndroidManifest.xml",
        ),
        (
            android(b""),
            "app.apk is not usable: its AndroidManifest.xml is damaged",
        ),
        (
            android(b"<manifest/>"),
            "app.apk is not usable: its AndroidManifest.xml is damaged",
        ),
        (
            damaged,
            "app.apk is not usable: its AndroidManifest.xml is damaged",
        ),
        (
            android(&axml("", "1", 1)),
            "app.apk is not usable: its AndroidManifest.xml names the package \"\"",
        ),
        (
            android(&axml("../../etc", "1", 1)),
            "app.apk is not usable: its AndroidManifest.xml names the package \"../../etc\"",
        ),
        (
            Tree::default()
                .file("AndroidManifest.xml", &vec![0; 5 << 20])
                .to_zip(0),
            "app.apk is not usable: its AndroidManifest.xml is too large",
        ),
    ] {
        let refusal = place.refusal(&packed(&apk).to_zip(0));
        assert!(refusal.starts_with(reason), "{refusal}");
    }
}

/// Without a limit the tree of elements overflows the stack when it is dropped.
#[test]
fn a_manifest_that_nests_without_end_costs_nothing() {
    let place = Place::new();
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
    let apk = Tree::default()
        .file("AndroidManifest.xml", &nested)
        .to_zip(0);
    let package = place.open_bytes(&packed(&apk).to_zip(0)).unwrap();
    assert_eq!(package.apk().unwrap().package, "com.a.b");
}

#[test]
fn a_package_without_an_apk_has_no_facts() {
    let place = Place::new();
    let package = place.open_bytes(&Tree::new(MANIFEST).to_zip(0)).unwrap();
    assert_eq!(package.apk(), None);
    assert_eq!(package.manifest().application.boot_package, "");
}
