//! Malicious and damaged zip files.

use std::io::Write as _;

use aar_package::{Limits, Package};
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::support::{MANIFEST, PackageContent, TestFolder};

/// Replaces all occurrences of `from`. There must be one, and the length must not change.
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

fn zip_with(path: &str) -> Vec<u8> {
    PackageContent::new(MANIFEST)
        .file(path, b"content of the entry")
        .to_zip(1)
}

const DAMAGED_ENTRY: &str =
    "the archive is damaged at abc, so it has to be packed or downloaded again";

#[test]
fn paths_outside_the_package_or_not_portable_are_refused() {
    let dir = TestFolder::new();
    for (path, expected) in [
        (
            &b"/bc"[..],
            r#""/bc": the path is absolute; pack it relative to the folder of the package"#,
        ),
        (
            b"../",
            r#""../": the path contains `..`; pack it relative to the folder of the package"#,
        ),
        (
            b"a\0c",
            r#""a\0c": the path has a control character; rename the file"#,
        ),
        (
            b"a\xffc",
            "\"a\u{fffd}c\": the path is not UTF-8; pack it with names in UTF-8, as 7-Zip does with -mcu=on",
        ),
    ] {
        assert_eq!(
            dir.refusal(&replace(zip_with("abc"), b"abc", path)),
            expected
        );
    }
}

#[test]
fn backslashes_are_separators_where_no_name_has_a_slash() {
    let dir = TestFolder::new();
    let plain = dir
        .image(
            &dir.file(
                "a",
                &PackageContent::new(MANIFEST)
                    .file("a/c", b"content of the entry")
                    .to_zip(1),
            ),
        )
        .1;
    let windows = replace(zip_with("abc"), b"abc", b"a\\c");
    assert_eq!(dir.image(&dir.file("b", &windows)).1, plain);
    let escape = replace(zip_with("...x"), b"...x", b"..\\x");
    assert_eq!(
        dir.refusal(&escape),
        "\"../x\": the path contains `..`; pack it relative to the folder of the package"
    );
    let mixed = PackageContent::new(MANIFEST)
        .file("abc", b"")
        .file("d/e", b"")
        .to_zip(1);
    let refusal = dir.refusal(&replace(mixed, b"abc", b"a\\c"));
    assert!(refusal.contains("the path has a backslash"), "{refusal}");
}

#[test]
fn name_in_a_code_page_is_read_where_it_is_unambiguous() {
    let dir = TestFolder::new();
    let dos = replace(zip_with("abc"), b"abc", b"\x81bc");
    let utf8 = zip_with("\u{fc}bc");
    let (dos, utf8) = (dir.file("dos", &dos), dir.file("utf8", &utf8));
    assert_eq!(dir.image(&dos).1, dir.image(&utf8).1);
}

#[test]
fn duplicate_name_is_refused() {
    let dir = TestFolder::new();
    let zip = PackageContent::new(MANIFEST)
        .file("one", b"1")
        .file("two", b"2")
        .to_zip(1);
    assert_eq!(
        dir.refusal(&replace(zip, b"two", b"one")),
        "\"one\": occurs twice; pack it again into a new archive"
    );
    let zip = PackageContent::new(MANIFEST)
        .file("One", b"1")
        .file("one", b"2")
        .to_zip(1);
    let expected = "\"one\": differs from \"One\" in upper and lower case only, so one of them needs another name";
    assert_eq!(dir.refusal(&zip), expected);
}

#[test]
fn devices_and_links_outside_are_refused() {
    let dir = TestFolder::new();
    let link = PackageContent::new(MANIFEST)
        .link("link", "../../etc/passwd")
        .to_zip(0);
    assert_eq!(
        dir.refusal(&link),
        "\"link\": links to \"../../etc/passwd\", which is outside the package; pack a copy instead of the link"
    );
    let symlink_mode = (0o120_777_u32 << 16).to_le_bytes();
    let pipe_mode = (0o010_644_u32 << 16).to_le_bytes();
    let zip = PackageContent::new(MANIFEST)
        .link("thing", "manifest.yaml")
        .to_zip(1);
    let refusal = dir.refusal(&replace(zip, &symlink_mode, &pipe_mode));
    assert!(
        refusal.starts_with("\"thing\": is a device, pipe or socket"),
        "{refusal}"
    );
}

#[test]
fn link_with_oversized_target_is_refused() {
    let dir = TestFolder::new();
    let link = PackageContent::new(MANIFEST)
        .link("link", &"x/".repeat(1 << 20))
        .to_zip(0);
    assert!(dir.refusal(&link).starts_with("\"link\": links to \"x/x/"));
}

#[test]
fn content_with_wrong_checksum_makes_no_image() {
    let dir = TestFolder::new();
    let zip = replace(
        zip_with("abc"),
        b"content of the entry",
        b"content of the Entry",
    );
    let package = dir.open_bytes(&zip).unwrap();
    let error = dir.write(&package, "image").unwrap_err();
    assert_eq!(error.to_string(), DAMAGED_ENTRY);
    assert!(!dir.path("image").exists());
}

#[test]
fn content_of_another_size_than_declared_makes_no_image() {
    let dir = TestFolder::new();
    let deflated = PackageContent::new(MANIFEST)
        .file("abc", &[b'x'; 1000])
        .to_zip(0);
    for declared in [999_u32, 1001] {
        let zip = replace(
            deflated.clone(),
            &1000_u32.to_le_bytes(),
            &declared.to_le_bytes(),
        );
        let package = dir.open_bytes(&zip).unwrap();
        let error = dir.write(&package, "image").unwrap_err();
        assert_eq!(error.to_string(), DAMAGED_ENTRY, "{declared}");
    }
}

#[test]
fn manifest_or_apk_of_another_size_than_declared_is_refused() {
    let dir = TestFolder::new();
    for name in ["manifest.yaml", "app.apk"] {
        let text = format!("name: a # {}", "x".repeat(990));
        let tree = PackageContent::new(if name == "app.apk" { MANIFEST } else { &text });
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
        let refusal = dir.refusal(&zip);
        assert!(
            refusal.starts_with(&format!("the archive is damaged at {name}")),
            "{refusal}"
        );
    }
}

#[test]
fn truncated_zip_file_is_refused() {
    let dir = TestFolder::new();
    let zip = zip_with("abc");
    for cut in [4, zip.len() / 2, zip.len() - 1] {
        let refusal = dir.refusal(&zip[..cut]);
        assert!(
            refusal.starts_with("the archive is damaged at its directory"),
            "{refusal}"
        );
    }
}

#[test]
fn encrypted_entry_and_unknown_compression_are_refused() {
    let dir = TestFolder::new();
    let zip = zip_with("abc");
    let directory = zip
        .windows(4)
        .rposition(|window| window == b"PK\x01\x02")
        .unwrap();
    let mut encrypted = zip.clone();
    encrypted[directory + 8] |= 1;
    assert_eq!(
        dir.refusal(&encrypted),
        "\"abc\": is encrypted; pack it without a password"
    );
    for (number, name) in [
        (14, "LZMA"),
        (93, "Zstandard"),
        (98, "PPMd"),
        (77, "method 77"),
    ] {
        let mut method = zip.clone();
        method[directory + 10] = number;
        let expected = format!(
            "\"abc\": is compressed with {name}, which is not supported; pack it with Deflate"
        );
        assert_eq!(dir.refusal(&method), expected);
    }
}

#[test]
fn overlapping_entries_are_refused() {
    let dir = TestFolder::new();
    let mut zip = PackageContent::new(MANIFEST)
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
    let refusal = dir.refusal(&zip);
    assert!(refusal.contains("overlaps"), "{refusal}");
}

#[test]
fn zip_bomb_is_refused_by_its_declared_size() {
    let dir = TestFolder::new();
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
        dir.refusal(&bomb),
        "the package is refused at \"bomb\": more than 1000 times the size of the archive"
    );
}

#[test]
fn zip_with_too_many_entries_is_refused_by_its_directory() {
    let dir = TestFolder::new();
    let limits = Limits {
        entries: 10,
        ..Limits::default()
    };
    let mut tree = PackageContent::new(MANIFEST);
    for number in 0..10 {
        tree = tree.file(&format!("file{number}"), b"");
    }
    let path = dir.file("package", &tree.to_zip(0));
    let error = Package::open(&path, &dir.staging(), &limits).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the package is refused at \"its directory\": more than 10 entries"
    );
}

/// The archive with bytes in front of its first extra field, which is in its directory.
fn with_extra_field(path: &str, field: &[u8]) -> Vec<u8> {
    let zip = zip_with(path);
    let entry = zip
        .windows(path.len())
        .rposition(|window| window == path.as_bytes())
        .unwrap();
    let (name_end, end) = (entry + path.len(), zip.len() - 22);
    let mut changed = zip[..name_end].to_vec();
    changed.extend(field);
    changed.extend(&zip[name_end..]);
    let add = |bytes: &mut [u8]| {
        let length = u16::from_le_bytes([bytes[0], bytes[1]]);
        let length = length + u16::try_from(field.len()).unwrap();
        bytes[..2].copy_from_slice(&length.to_le_bytes());
    };
    add(&mut changed[entry - 16..]);
    add(&mut changed[end + field.len() + 12..]);
    changed
}

#[test]
fn name_in_unicode_takes_the_place_of_one_in_a_code_page() {
    let dir = TestFolder::new();
    let name = "\u{438}\u{433}\u{440}\u{430}";
    let russian = b"\xe8\xe3\xf0\xe0";
    let mut field = b"\x75\x70\x0d\0\x01".to_vec();
    field.extend(crc(russian).to_le_bytes());
    field.extend(name.as_bytes());
    let zip = replace(with_extra_field("abcd", &field), b"abcd", russian);
    let expected = dir.image(&dir.file("utf8", &zip_with(name))).1;
    assert_eq!(dir.image(&dir.file("field", &zip)).1, expected);
    let without = replace(zip_with("abcd"), b"abcd", russian);
    let refusal = dir.refusal(&without);
    assert!(refusal.ends_with("as 7-Zip does with -mcu=on"), "{refusal}");
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[test]
fn name_in_a_code_page_is_a_warning() {
    let dir = TestFolder::new();
    // These bytes are also two Japanese characters.
    let package = dir.open_bytes(&replace(zip_with("abcd"), b"abcd", b"\x83Q\x81["));
    let warnings = package.unwrap().warnings().to_vec();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("\"\u{e2}Q\u{fc}[\" is read in the code page"));
    let package = dir.open_bytes(&zip_with("\u{e2}Q"));
    assert!(package.unwrap().warnings().is_empty());
}

#[test]
fn extra_fields_without_a_meaning_for_packages_are_ignored() {
    let dir = TestFolder::new();
    let plain = dir.image(&dir.file("plain", &zip_with("abc"))).1;
    for field in [
        &b"\0\0\0"[..],
        b"\0\0\0\0\0\0",
        b"\xfe\xca\x04\x001234",
        b"\xfe\xca\0\0\xfe\xca\0\0",
        b"\x0a\0\x02\0xx",
        b"UT\x05\0\x07\x01\0\0\0",
        b"UT\x0d\0\x07\x01\0\0\0\x02\0\0\0\x03\0\0\0",
        b"ux\x0b\0\x01\x04\0\0\0\0\x04\0\0\0\0",
        b"\x1e\xa1\x06\0\x04\0\0\0\0\0",
        b"\x01\x99\x01\0x",
    ] {
        let zip = dir.file("field", &with_extra_field("abc", field));
        assert_eq!(dir.image(&zip).1, plain, "{field:?}");
    }
}

#[test]
fn directory_with_more_entries_than_stated_is_refused() {
    let dir = TestFolder::new();
    let mut zip = PackageContent::new(MANIFEST)
        .file("one", b"1")
        .file("two", b"2")
        .to_zip(1);
    let end = zip.len() - 22;
    for count in [end + 8, end + 10] {
        zip[count..count + 2].copy_from_slice(&2_u16.to_le_bytes());
    }
    let refusal = dir.refusal(&zip);
    assert!(
        refusal.contains("more entries than its end states"),
        "{refusal}"
    );
}

#[test]
fn parts_of_a_split_archive_are_called_that() {
    let dir = TestFolder::new();
    let zip = zip_with("abc");
    let first = [b"PK\x07\x08", &zip[..60]].concat();
    let mut last = zip.clone();
    let end = last.len() - 22;
    last[end + 4] = 3;
    for (part, expected) in [
        (&first[..], "one of several parts"),
        (&zip[..60], "one of several parts"),
        (&last, "the last of several parts"),
        (&last[10..], "the last of several parts"),
    ] {
        let refusal = dir.refusal(part);
        assert!(refusal.contains(expected), "{refusal}");
    }
}

#[test]
fn whole_archives_behind_a_mark_or_a_program_are_read() {
    let dir = TestFolder::new();
    let zip = zip_with("abc");
    let plain = dir.image(&dir.file("plain", &zip)).1;
    for prefix in [&b"PK00"[..], b"PK\x07\x08", &[b'M'; 3000]] {
        let prefixed = dir.file("prefixed", &[prefix, &zip].concat());
        assert_eq!(dir.image(&prefixed).1, plain);
    }
}
