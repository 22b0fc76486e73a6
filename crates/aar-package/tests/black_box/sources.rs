//! The same content makes the same image, whatever format the package has.

use std::fs;

use aar_package::Limits;
use proptest::{prelude::*, sample::Index};

use crate::support::{Apk, MANIFEST, PackageContent, PackageItem, TestFolder, chain};

fn sample() -> PackageContent {
    let long = "a-rather-long-name-of-a-folder/".repeat(9) + &"x".repeat(120);
    PackageContent::new(
        "name: candy\nextra-data: {main.obb: {target: /sdcard/Android/obb/com.canonical.candy}}\n",
    )
    .file("extra-data/main.obb", &vec![7; 3_000_000])
    .program("hooks/post-start", b"#!/bin/sh\n")
    .program("bin/tool", b"\x7fELF")
    .file("hooks/pre-start", b"#!/bin/sh\n")
    .file(&long, b"deep")
    .file("lib/libx.so.1.2", b"library")
    .link("lib/libx.so", "libx.so.1")
    .link("lib/libx.so.1", "libx.so.1.2")
    .folder("empty")
    .file("\u{fc}mlaut", b"")
}

/// The SHA-256 of the canonical tar of the sample, computed by another program. It must never
/// change: stored images would no longer match their packages.
const GOLDEN: &str = "2f9963d69117fb0f48efa20716256a0d5ec82f2351b436406de36372c6504b0e";

#[test]
fn fingerprint_of_the_sample_package_is_unchanged() {
    let dir = TestFolder::new();
    sample().to_folder(&dir.path("folder"), 0);
    let (_, info) = dir.image(&dir.path("folder"));
    assert_eq!(info.fingerprint.to_string(), GOLDEN);
}

#[test]
fn all_formats_of_a_package_make_the_same_image() {
    let dir = TestFolder::new();
    let content = sample().file("app.apk", &Apk::default().build());
    content.to_folder(&dir.path("folder"), 0);
    let (_, expected) = dir.image(&dir.path("folder"));
    for (name, archive) in [
        ("a.zip", content.to_zip(1)),
        ("b.zip", content.to_zip(2)),
        ("a.tar", content.to_tar(1)),
        ("a.tar.bz2", content.to_tar_bz2(3)),
        (
            "a.tar.zst",
            zstd::encode_all(&*content.to_tar(2), 19).unwrap(),
        ),
        ("named.wrongly.zip", content.to_tar_bz2(1)),
    ] {
        let (_, image) = dir.image(&dir.file(name, &archive));
        assert_eq!(image, expected, "{name}");
    }
    assert_eq!(dir.staged(), 0);
}

#[test]
fn exported_image_is_a_package_with_the_same_image() {
    let dir = TestFolder::new();
    let package = dir.file("a.zip", &sample().to_zip(0));
    let (path, first) = dir.image(&package);
    let exported = dir.path("exported");
    fs::rename(path, &exported).unwrap();
    assert_eq!(dir.image(&exported).1, first);
}

#[test]
fn archive_with_listed_top_makes_the_same_image() {
    let dir = TestFolder::new();
    let plain = dir
        .image(&dir.file("a", &PackageContent::new(MANIFEST).to_tar_bz2(0)))
        .1;
    let mut dotted = PackageContent::default()
        .folder("./")
        .file("./manifest.yaml", MANIFEST.as_bytes());
    assert_eq!(dir.image(&dir.file("b", &dotted.to_tar_bz2(0))).1, plain);
    dotted.0.remove(0);
    assert_eq!(dir.image(&dir.file("c", &dotted.to_zip(0))).1, plain);
}

#[test]
fn manifest_in_one_of_several_folders_is_refused() {
    let dir = TestFolder::new();
    let nested = PackageContent::default()
        .file("candy/manifest.yaml", MANIFEST.as_bytes())
        .file("other", b"");
    assert_eq!(
        dir.refusal(&nested.to_zip(0)),
        "there is no manifest.yaml at the top, but there is candy/manifest.yaml: pack the content \
         of the folder, not the folder itself"
    );
    let none = PackageContent::default().file("app.apk", &Apk::default().build());
    assert_eq!(
        dir.refusal(&none.to_tar_bz2(0)),
        "there is no manifest.yaml"
    );
}

#[test]
fn reserved_paths_of_another_type_are_refused() {
    let dir = TestFolder::new();
    for (content, expected) in [
        (
            PackageContent::default().folder("manifest.yaml"),
            r#""manifest.yaml": must be a file"#,
        ),
        (
            PackageContent::default()
                .file("m", b"name: a")
                .link("manifest.yaml", "m"),
            r#""manifest.yaml": must be a file"#,
        ),
        (
            PackageContent::new(MANIFEST).folder("app.apk"),
            r#""app.apk": must be a file"#,
        ),
        (
            PackageContent::new(MANIFEST).file("hooks", b""),
            r#""hooks": must be a folder"#,
        ),
        (
            PackageContent::new(MANIFEST).file("extra-data", b""),
            r#""extra-data": must be a folder"#,
        ),
        (
            PackageContent::new("name: a\nextra-data: {x: {target: /data/data/com.a/x}}"),
            "manifest.yaml: extra-data.x: there is no extra-data/x in the package",
        ),
        (PackageContent::new("name: \u{0}"), "manifest.yaml: "),
        (
            PackageContent::default().file("manifest.yaml", b"name: \xff"),
            r#""manifest.yaml": must be a text in UTF-8, or in UTF-16 with a byte order mark"#,
        ),
        (
            PackageContent::new(&format!("name: a # {}", "x".repeat(1 << 18))),
            r#""manifest.yaml": is larger than 262144 bytes"#,
        ),
    ] {
        let refusal = dir.refusal(&content.to_tar_bz2(0));
        assert!(refusal.starts_with(expected), "{refusal}");
    }
}

#[test]
fn manifest_is_refused_with_all_errors() {
    let dir = TestFolder::new();
    let refusal = dir.refusal(&PackageContent::new("nome: candy\nversion: [1]\n").to_zip(0));
    for expected in [
        "nome: is an unknown key",
        "version: a list",
        "name: is missing",
    ] {
        assert!(refusal.contains(expected), "{refusal}");
    }
}

#[test]
fn manifest_in_utf_16_is_read() {
    let dir = TestFolder::new();
    let units = "\u{feff}name: candy\r\n".encode_utf16();
    let text: Vec<u8> = units.flat_map(u16::to_le_bytes).collect();
    let content = PackageContent::default().file("manifest.yaml", &text);
    let package = dir.file("a.zip", &content.to_zip(0));
    assert_eq!(
        dir.open(&package).unwrap().manifest().name.as_str(),
        "candy"
    );
    let (image, _) = dir.image(&package);
    let read = aar_package::read_image_manifest(&image).unwrap();
    assert_eq!(read.name.as_str(), "candy");
}

#[test]
fn unknown_keys_are_warnings_and_refused_on_request() {
    let dir = TestFolder::new();
    let package = PackageContent::new("name: candy\ncolour: red\n").to_zip(0);
    let package = dir.open_bytes(&package).unwrap();
    assert_eq!(package.warnings().len(), 1);
    let refusal = package.refuse_warnings().unwrap_err().to_string();
    assert!(
        refusal.starts_with("manifest.yaml: colour: is an unknown key"),
        "{refusal}"
    );
    let package = dir
        .open_bytes(&PackageContent::new(MANIFEST).to_zip(0))
        .unwrap();
    assert!(package.refuse_warnings().is_ok());
}

#[test]
fn archive_of_one_folder_makes_the_image_of_its_content() {
    let dir = TestFolder::new();
    let content = PackageContent::new(MANIFEST)
        .file("data/x", b"x")
        .link("link", "data/x");
    let plain = dir.image(&dir.file("a", &content.to_zip(0))).1;
    let mut nested = content.clone();
    for (path, _) in &mut nested.0 {
        *path = format!("candy/{path}");
    }
    assert_eq!(dir.image(&dir.file("b", &nested.to_zip(0))).1, plain);
    let nested = nested.folder("candy").file("__MACOSX/candy/._x", b"junk");
    assert_eq!(dir.image(&dir.file("c", &nested.to_tar_bz2(0))).1, plain);
    let outside = PackageContent::default()
        .file("candy/manifest.yaml", MANIFEST.as_bytes())
        .link("candy/link", "../candy/manifest.yaml");
    assert!(
        dir.refusal(&outside.to_zip(0))
            .contains("outside the package")
    );
}

#[test]
fn files_that_systems_add_are_left_out() {
    let dir = TestFolder::new();
    let content = PackageContent::new(MANIFEST).file("data/x", b"x");
    let plain = dir.image(&dir.file("a", &content.to_zip(0))).1;
    let junk = content
        .file("__MACOSX/._manifest.yaml", b"1")
        .file("._manifest.yaml", b"2")
        .file("data/.DS_Store", b"3")
        .file("data/Thumbs.db", b"4")
        .file("data/@eaDir/x@SynoEAStream", b"5");
    junk.to_folder(&dir.path("folder"), 0);
    for package in [
        dir.path("folder"),
        dir.file("a.zip", &junk.to_zip(0)),
        dir.file("a.tar", &junk.to_tar(0)),
        dir.file("a.tar.bz2", &junk.to_tar_bz2(0)),
    ] {
        assert_eq!(dir.image(&package).1, plain, "{}", package.display());
    }
}

#[test]
fn names_have_one_unicode_form() {
    let dir = TestFolder::new();
    let manifest =
        |name: &str| format!("name: a\nextra-data: {{{name}: {{target: /data/data/com.a.b/x}}}}");
    let composed = PackageContent::new(MANIFEST)
        .file("d/\u{fc}", b"x")
        .link("link", "d/\u{fc}");
    let split = PackageContent::new(MANIFEST)
        .file("d/u\u{308}", b"x")
        .link("link", "d/u\u{308}");
    let plain = dir.image(&dir.file("a", &composed.to_zip(0))).1;
    assert_eq!(dir.image(&dir.file("b", &split.to_zip(0))).1, plain);
    assert_eq!(dir.image(&dir.file("c", &split.to_tar_bz2(0))).1, plain);
    for (declared, packed) in [("\u{fc}", "u\u{308}"), ("u\u{308}", "\u{fc}")] {
        let content =
            PackageContent::new(&manifest(declared)).file(&format!("extra-data/{packed}"), b"x");
        let package = dir.open_bytes(&content.to_zip(0)).unwrap();
        let declared: Vec<_> = package.manifest().version.extra_data.keys().collect();
        assert_eq!(declared, ["\u{fc}"]);
    }
}

#[test]
fn names_that_android_does_not_tell_apart_are_refused() {
    let dir = TestFolder::new();
    for (one, other) in [
        ("stra\u{df}e", "STRASSE"),
        ("\u{fc}", "u\u{308}"),
        ("\u{dc}", "\u{fc}"),
        ("a\u{200d}b", "ab"),
        ("\u{17f}", "S"),
        ("Data/a", "data/b"),
    ] {
        let content = PackageContent::new(MANIFEST)
            .file(one, b"1")
            .file(other, b"2");
        let refusal = dir.refusal(&content.to_tar_bz2(0));
        assert!(
            ["the same name", "upper and lower case", "occurs twice"]
                .iter()
                .any(|reason| refusal.contains(reason)),
            "{refusal}"
        );
    }
}

#[test]
fn other_files_are_part_of_the_image() {
    let dir = TestFolder::new();
    let small = dir
        .image(&dir.file("a", &PackageContent::new(MANIFEST).to_zip(0)))
        .1;
    let large = PackageContent::new(MANIFEST)
        .file("something-for-hooks/data.bin", b"1")
        .to_zip(0);
    assert_ne!(
        dir.image(&dir.file("b", &large)).1.fingerprint,
        small.fingerprint
    );
}

#[test]
fn hooks_without_executable_bit_become_executable() {
    let dir = TestFolder::new();
    let with = PackageContent::new(MANIFEST).program("hooks/pre-start", b"#!/bin/sh");
    let without = PackageContent::new(MANIFEST).file("hooks/pre-start", b"#!/bin/sh");
    let first = dir.image(&dir.file("a", &with.to_zip(0))).1;
    assert_eq!(dir.image(&dir.file("b", &without.to_zip(0))).1, first);
}

#[test]
fn folders_zips_and_plain_tars_need_no_staging() {
    let dir = TestFolder::new();
    let content = sample();
    content.to_folder(&dir.path("folder"), 0);
    dir.file("a.zip", &content.to_zip(0));
    dir.file("a.tar", &content.to_tar(0));
    for name in ["folder", "a.zip", "a.tar"] {
        let missing = dir.path("missing");
        let opened = aar_package::Package::open(&dir.path(name), &missing, &Limits::default());
        let image = dir.write(&opened.unwrap(), "image").unwrap();
        assert_eq!(image.fingerprint.to_string(), GOLDEN, "{name}");
    }
}

#[test]
fn missing_staging_folder_is_named_in_the_error() {
    let dir = TestFolder::new();
    let package = dir.file("a", &PackageContent::new(MANIFEST).to_tar_bz2(0));
    let missing = dir.path("missing");
    let error = aar_package::Package::open(&package, &missing, &Limits::default()).unwrap_err();
    assert!(chain(&error).contains("missing"), "{error}");
}

fn item() -> impl Strategy<Value = PackageItem> {
    prop_oneof![
        1 => Just(PackageItem::Folder),
        1 => Just(PackageItem::Link("manifest.yaml".to_owned())),
        4 => (proptest::collection::vec(any::<u8>(), 0..2000), any::<bool>())
            .prop_map(|(content, executable)| PackageItem::File { content, executable }),
    ]
}

/// Entries at the top or in folders, without conflicts.
fn content() -> impl Strategy<Value = PackageContent> {
    let entry = ("[a-d]{0,2}", item());
    proptest::collection::vec(entry, 0..12).prop_map(|entries| {
        let mut content = PackageContent::new(MANIFEST);
        for (number, (folder, item)) in entries.into_iter().enumerate() {
            let (path, item) = match item {
                PackageItem::Link(target) => (format!("link{number}"), PackageItem::Link(target)),
                item if folder.is_empty() => (format!("top{number}"), item),
                item => (format!("{folder}/{folder}.x/entry{number}"), item),
            };
            content.0.push((path, item));
        }
        content
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn image_does_not_depend_on_order_times_owners_and_permissions(
        content in content(),
        order in proptest::collection::vec(any::<Index>(), 24),
        variant in any::<u8>(),
    ) {
        let dir = TestFolder::new();
        content.to_folder(&dir.path("folder"), variant);
        let (_, expected) = dir.image(&dir.path("folder"));
        let mut shuffled = content.clone();
        for pair in order.chunks(2) {
            let (a, b) = (pair[0].index(content.0.len()), pair[1].index(content.0.len()));
            shuffled.0.swap(a, b);
        }
        let zip = dir.file("a.zip", &shuffled.to_zip(variant.wrapping_add(1)));
        prop_assert_eq!(dir.image(&zip).1, expected);
        let tar = dir.file("a.tar.bz2", &shuffled.to_tar_bz2(variant.wrapping_add(2)));
        prop_assert_eq!(dir.image(&tar).1, expected);
    }
}
