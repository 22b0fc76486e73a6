//! Zip files that should not get in.

use std::io::Write as _;

use aar_package::{Limits, Package};
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::support::{MANIFEST, Place, Tree};

/// Replaces all occurrences of some bytes by as many others.
fn replace(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut found = 0;
    for at in 0..=bytes.len() - from.len() {
        if &bytes[at..at + from.len()] == from {
            bytes[at..at + to.len()].copy_from_slice(to);
            found += 1;
        }
    }
    assert!(found > 0, "nothing to replace");
    bytes
}

fn with(path: &str) -> Vec<u8> {
    Tree::new(MANIFEST)
        .file(path, b"content of the entry")
        .to_zip(1)
}

#[test]
fn paths_that_leave_the_package_or_cannot_be_kept_are_refused() {
    let place = Place::new();
    for (path, complaint) in [
        (&b"/bc"[..], r#""/bc": the path is absolute"#),
        (b"../", r#""../": the path climbs with `..`"#),
        (b"a\\c", r#""a\\c": the path has a backslash"#),
        (b"a\0c", r#""a\0c": the path has a control character"#),
        (b"a\xffc", "\"a\u{fffd}c\": the path is not UTF-8"),
    ] {
        assert_eq!(
            place.refusal(&replace(with("abc"), b"abc", path)),
            complaint
        );
    }
}

#[test]
fn the_same_name_twice_is_refused() {
    let place = Place::new();
    let zip = Tree::new(MANIFEST)
        .file("one", b"1")
        .file("two", b"2")
        .to_zip(1);
    assert_eq!(
        place.refusal(&replace(zip, b"two", b"one")),
        "\"one\": is there twice"
    );
    let zip = Tree::new(MANIFEST)
        .file("One", b"1")
        .file("one", b"2")
        .to_zip(1);
    let expected = "\"one\": differs from \"One\" in upper and lower case only";
    assert_eq!(place.refusal(&zip), expected);
}

#[test]
fn devices_and_links_out_are_refused() {
    let place = Place::new();
    let link = Tree::new(MANIFEST)
        .link("link", "../../etc/passwd")
        .to_zip(0);
    assert_eq!(
        place.refusal(&link),
        "\"link\": links to \"../../etc/passwd\", which is outside of the package"
    );
    let symlink_mode = (0o120_777_u32 << 16).to_le_bytes();
    let pipe_mode = (0o010_644_u32 << 16).to_le_bytes();
    let zip = Tree::new(MANIFEST).link("thing", "manifest.yaml").to_zip(1);
    let refusal = place.refusal(&replace(zip, &symlink_mode, &pipe_mode));
    assert!(
        refusal.starts_with("\"thing\": is a device, pipe or socket"),
        "{refusal}"
    );
}

#[test]
fn a_link_with_an_endless_target_is_refused() {
    let place = Place::new();
    let link = Tree::new(MANIFEST)
        .link("link", &"x/".repeat(1 << 20))
        .to_zip(0);
    assert!(
        place
            .refusal(&link)
            .starts_with("\"link\": links to \"x/x/")
    );
}

#[test]
fn a_content_with_a_wrong_checksum_makes_no_image() {
    let place = Place::new();
    let zip = replace(
        with("abc"),
        b"content of the entry",
        b"content of the Entry",
    );
    let package = place.open_bytes(&zip).unwrap();
    let error = place.write(&package, "image").unwrap_err();
    assert_eq!(error.to_string(), "the archive is damaged at abc");
    assert!(!place.path("image").exists());
}

#[test]
fn a_content_of_another_size_than_declared_makes_no_image() {
    let place = Place::new();
    let deflated = Tree::new(MANIFEST).file("abc", &[b'x'; 1000]).to_zip(0);
    for lie in [999_u32, 1001] {
        let zip = replace(
            deflated.clone(),
            &1000_u32.to_le_bytes(),
            &lie.to_le_bytes(),
        );
        let package = place.open_bytes(&zip).unwrap();
        let error = place.write(&package, "image").unwrap_err();
        assert_eq!(error.to_string(), "the archive is damaged at abc", "{lie}");
    }
}

#[test]
fn a_manifest_or_an_apk_of_another_size_than_declared_is_refused() {
    let place = Place::new();
    for name in ["manifest.yaml", "app.apk"] {
        let text = format!("name: a # {}", "x".repeat(990));
        let tree = Tree::new(if name == "app.apk" { MANIFEST } else { &text });
        let tree = if name == "app.apk" {
            tree.file(name, text.as_bytes())
        } else {
            tree
        };
        let zip = replace(
            tree.to_zip(0),
            &1000_u32.to_le_bytes(),
            &999_u32.to_le_bytes(),
        );
        let refusal = place.refusal(&zip);
        assert!(
            refusal.starts_with(&format!("the archive is damaged at {name}")),
            "{refusal}"
        );
    }
}

#[test]
fn zip_files_that_are_cut_or_damaged_are_refused() {
    let place = Place::new();
    let zip = with("abc");
    for cut in [4, zip.len() / 2, zip.len() - 1] {
        let refusal = place.refusal(&zip[..cut]);
        assert!(
            refusal.starts_with("the archive is damaged at its directory"),
            "{refusal}"
        );
    }
}

#[test]
fn encrypted_and_strangely_compressed_entries_are_refused() {
    let place = Place::new();
    let zip = with("abc");
    let directory = zip
        .windows(4)
        .rposition(|window| window == b"PK\x01\x02")
        .unwrap();
    let mut encrypted = zip.clone();
    encrypted[directory + 8] |= 1;
    assert_eq!(place.refusal(&encrypted), "\"abc\": is encrypted");
    let mut method = zip;
    method[directory + 10] = 14;
    let refusal = place.refusal(&method);
    assert!(
        refusal.starts_with("\"abc\": is compressed with "),
        "{refusal}"
    );
}

#[test]
fn entries_that_share_their_content_are_refused() {
    let place = Place::new();
    let mut zip = Tree::new(MANIFEST)
        .file("one", &[7; 5000])
        .file("two", &[7; 10])
        .to_zip(1);
    let find = |name: &[u8]| {
        let at = zip
            .windows(name.len())
            .rposition(|window| window == name)
            .unwrap();
        at - 46
    };
    let (one, two) = (find(b"one"), find(b"two"));
    let offset = zip[one + 42..one + 46].to_owned();
    zip[two + 42..two + 46].copy_from_slice(&offset);
    let refusal = place.refusal(&zip);
    assert!(
        refusal.ends_with("in the archive") && refusal.contains("overlaps"),
        "{refusal}"
    );
}

#[test]
fn bombs_are_refused_by_what_they_say_of_themselves() {
    let place = Place::new();
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("manifest.yaml", SimpleFileOptions::default())
        .unwrap();
    zip.write_all(MANIFEST.as_bytes()).unwrap();
    zip.start_file("bomb", SimpleFileOptions::default())
        .unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..=Limits::EXPANSION_ALLOWANCE >> 20 {
        zip.write_all(&zeros).unwrap();
    }
    let bomb = zip.finish().unwrap().into_inner();
    assert_eq!(
        place.refusal(&bomb),
        "the package is refused at \"bomb\": more than 1000 times the size of the archive"
    );
}

#[test]
fn the_number_of_entries_is_limited_before_they_are_kept() {
    let place = Place::new();
    let limits = Limits {
        entries: 10,
        ..Limits::default()
    };
    let mut tree = Tree::new(MANIFEST);
    for number in 0..10 {
        tree = tree.file(&format!("file{number}"), b"");
    }
    let path = place.file("package", &tree.to_zip(0));
    let error = Package::open(&path, &place.staging(), &limits).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the package is refused at \"its directory\": more than 10 entries"
    );
}
