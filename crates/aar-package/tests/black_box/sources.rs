//! The same content is the same package, whatever it comes in.

use std::fs;

use aar_package::Limits;
use proptest::{prelude::*, sample::Index};

use crate::support::{Apk, Item, MANIFEST, Place, Tree, chain};

fn sample() -> Tree {
    let long = "a-rather-long-name-of-a-folder/".repeat(9) + &"x".repeat(120);
    Tree::new(
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

/// What the canonical tar of the sample hashes to, as computed by another program. It must never
/// change: images that are stored somewhere would no longer be those of their packages.
const GOLDEN: &str = "2f9963d69117fb0f48efa20716256a0d5ec82f2351b436406de36372c6504b0e";

#[test]
fn the_fingerprint_of_a_package_never_changes() {
    let place = Place::new();
    sample().to_folder(&place.path("folder"), 0);
    let (_, info) = place.image(&place.path("folder"));
    assert_eq!(info.fingerprint.to_string(), GOLDEN);
}

#[test]
fn folder_zip_and_tar_make_the_same_image() {
    let place = Place::new();
    let tree = sample().file("app.apk", &Apk::default().build());
    tree.to_folder(&place.path("folder"), 0);
    let (_, folder) = place.image(&place.path("folder"));
    for (name, archive) in [
        ("a.zip", tree.to_zip(1)),
        ("b.zip", tree.to_zip(2)),
        ("a.tar", tree.to_tar(1)),
        ("a.tar.bz2", tree.to_tar_bz2(3)),
        ("a.tar.zst", zstd::encode_all(&*tree.to_tar(2), 19).unwrap()),
        ("named.wrongly.zip", tree.to_tar_bz2(1)),
    ] {
        let (_, image) = place.image(&place.file(name, &archive));
        assert_eq!(image, folder, "{name}");
    }
    assert_eq!(place.staged(), 0);
}

#[test]
fn an_exported_image_is_a_package_again() {
    let place = Place::new();
    let package = place.file("a.zip", &sample().to_zip(0));
    let (path, first) = place.image(&package);
    let exported = place.path("exported");
    fs::rename(path, &exported).unwrap();
    assert_eq!(place.image(&exported).1, first);
}

#[test]
fn the_top_of_an_archive_may_be_named_or_not() {
    let place = Place::new();
    let plain = place
        .image(&place.file("a", &Tree::new(MANIFEST).to_tar_bz2(0)))
        .1;
    let mut dotted = Tree::default()
        .folder("./")
        .file("./manifest.yaml", MANIFEST.as_bytes());
    assert_eq!(
        place.image(&place.file("b", &dotted.to_tar_bz2(0))).1,
        plain
    );
    dotted.0.remove(0);
    assert_eq!(place.image(&place.file("c", &dotted.to_zip(0))).1, plain);
}

#[test]
fn the_manifest_has_to_be_at_the_top() {
    let place = Place::new();
    let nested = Tree::default().file("candy/manifest.yaml", MANIFEST.as_bytes());
    assert_eq!(
        place.refusal(&nested.to_zip(0)),
        "there is no manifest.yaml at the top, but there is candy/manifest.yaml: pack the content \
         of the folder, not the folder itself"
    );
    let none = Tree::default().file("app.apk", &Apk::default().build());
    assert_eq!(
        place.refusal(&none.to_tar_bz2(0)),
        "there is no manifest.yaml"
    );
}

#[test]
fn what_the_manifest_is_about_has_to_be_what_it_should() {
    let place = Place::new();
    for (tree, complaint) in [
        (
            Tree::default().folder("manifest.yaml"),
            r#""manifest.yaml": must be a file"#,
        ),
        (
            Tree::default()
                .file("m", b"name: a")
                .link("manifest.yaml", "m"),
            r#""manifest.yaml": must be a file"#,
        ),
        (
            Tree::new(MANIFEST).folder("app.apk"),
            r#""app.apk": must be a file"#,
        ),
        (
            Tree::new(MANIFEST).file("hooks", b""),
            r#""hooks": must be a folder"#,
        ),
        (
            Tree::new(MANIFEST).file("extra-data", b""),
            r#""extra-data": must be a folder"#,
        ),
        (
            Tree::new("name: a\nextra-data: {x: {target: /data/data/com.a/x}}"),
            "manifest.yaml: extra-data.x: there is no extra-data/x in the package",
        ),
        (Tree::new("name: \u{0}"), "manifest.yaml: "),
        (
            Tree::default().file("manifest.yaml", b"name: \xff"),
            r#""manifest.yaml": must be a text in UTF-8"#,
        ),
        (
            Tree::new(&format!("name: a # {}", "x".repeat(1 << 18))),
            r#""manifest.yaml": is larger than 262144 bytes"#,
        ),
    ] {
        let refusal = place.refusal(&tree.to_tar_bz2(0));
        assert!(refusal.starts_with(complaint), "{refusal}");
    }
}

#[test]
fn a_manifest_is_refused_with_every_complaint() {
    let place = Place::new();
    let refusal = place.refusal(&Tree::new("nome: candy\nversion: [1]\n").to_zip(0));
    for complaint in [
        "nome: there is no such key",
        "version: a list",
        "name: is missing",
    ] {
        assert!(refusal.contains(complaint), "{refusal}");
    }
}

#[test]
fn other_files_go_with_the_package() {
    let place = Place::new();
    let small = place
        .image(&place.file("a", &Tree::new(MANIFEST).to_zip(0)))
        .1;
    let large = Tree::new(MANIFEST)
        .file("something-for-hooks/data.bin", b"1")
        .to_zip(0);
    assert_ne!(
        place.image(&place.file("b", &large)).1.fingerprint,
        small.fingerprint
    );
}

#[test]
fn hooks_can_run_even_if_the_archive_does_not_say_so() {
    let place = Place::new();
    let with = Tree::new(MANIFEST).program("hooks/pre-start", b"#!/bin/sh");
    let without = Tree::new(MANIFEST).file("hooks/pre-start", b"#!/bin/sh");
    let first = place.image(&place.file("a", &with.to_zip(0))).1;
    assert_eq!(place.image(&place.file("b", &without.to_zip(0))).1, first);
}

#[test]
fn folders_zips_and_plain_tars_are_read_where_they_are() {
    let place = Place::new();
    let tree = sample();
    tree.to_folder(&place.path("folder"), 0);
    place.file("a.zip", &tree.to_zip(0));
    place.file("a.tar", &tree.to_tar(0));
    for name in ["folder", "a.zip", "a.tar"] {
        let nowhere = place.path("nowhere");
        let opened = aar_package::Package::open(&place.path(name), &nowhere, &Limits::default());
        let image = place.write(&opened.unwrap(), "image").unwrap();
        assert_eq!(image.fingerprint.to_string(), GOLDEN, "{name}");
    }
}

#[test]
fn staging_that_cannot_be_used_is_an_error_that_names_it() {
    let place = Place::new();
    let package = place.file("a", &Tree::new(MANIFEST).to_tar_bz2(0));
    let nowhere = place.path("nowhere");
    let error = aar_package::Package::open(&package, &nowhere, &Limits::default()).unwrap_err();
    assert!(chain(&error).contains("nowhere"), "{error}");
}

fn item() -> impl Strategy<Value = Item> {
    prop_oneof![
        1 => Just(Item::Folder),
        1 => Just(Item::Link("manifest.yaml".to_owned())),
        4 => (proptest::collection::vec(any::<u8>(), 0..2000), any::<bool>())
            .prop_map(|(content, executable)| Item::File { content, executable }),
    ]
}

/// Entries at the top or in folders, none of which are in the way of each other.
fn tree() -> impl Strategy<Value = Tree> {
    let entry = ("[a-d]{0,2}", item());
    proptest::collection::vec(entry, 0..12).prop_map(|entries| {
        let mut tree = Tree::new(MANIFEST);
        for (number, (folder, item)) in entries.into_iter().enumerate() {
            let (path, item) = match item {
                Item::Link(target) => (format!("link{number}"), Item::Link(target)),
                item if folder.is_empty() => (format!("top{number}"), item),
                item => (format!("{folder}/{folder}.x/entry{number}"), item),
            };
            tree.0.push((path, item));
        }
        tree
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn order_times_owners_and_permissions_do_not_matter(
        tree in tree(),
        order in proptest::collection::vec(any::<Index>(), 24),
        spice in any::<u8>(),
    ) {
        let place = Place::new();
        tree.to_folder(&place.path("folder"), spice);
        let (_, expected) = place.image(&place.path("folder"));
        let mut shuffled = tree.clone();
        for pair in order.chunks(2) {
            let (a, b) = (pair[0].index(tree.0.len()), pair[1].index(tree.0.len()));
            shuffled.0.swap(a, b);
        }
        let zip = place.file("a.zip", &shuffled.to_zip(spice.wrapping_add(1)));
        prop_assert_eq!(place.image(&zip).1, expected);
        let tar = place.file("a.tar.bz2", &shuffled.to_tar_bz2(spice.wrapping_add(2)));
        prop_assert_eq!(place.image(&tar).1, expected);
    }
}
