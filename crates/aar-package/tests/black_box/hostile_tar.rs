//! Malicious and damaged tar files.

use aar_package::{Limits, Package};
use proptest::{prelude::*, sample::Index};

use crate::support::{Apk, MANIFEST, PackageContent, TarBuilder, TestFolder, bzip2};

/// The error for a tar file, which must be the same for the compressed file.
fn refusal(dir: &TestFolder, tar: &[u8]) -> String {
    let plain = dir.refusal(tar);
    assert_eq!(dir.refusal(&bzip2(tar)), plain);
    assert_eq!(dir.staged(), 0);
    plain
}

#[test]
fn paths_outside_the_package_or_not_portable_are_refused() {
    let dir = TestFolder::new();
    let deep = "d/".repeat(33) + "x";
    let long = "x".repeat(600);
    let part = "x".repeat(256);
    for (path, expected) in [
        (
            &b"/etc/passwd"[..],
            r#""/etc/passwd": the path is absolute; pack it relative to the folder of the package"#,
        ),
        (
            b"../x",
            r#""../x": the path contains `..`; pack it relative to the folder of the package"#,
        ),
        (
            b"a/../../x",
            r#""a/../../x": the path contains `..`; pack it relative to the folder of the package"#,
        ),
        (b"a\\..\\x", r#""a\\..\\x": the path has a backslash"#),
        (
            b"a//x",
            r#""a//x": the path has an empty segment; pack it without `//` and `/./`"#,
        ),
        (
            b"a\nx",
            r#""a\nx": the path has a control character; rename the file"#,
        ),
        (b"\xff\xfe", "\"\u{fffd}\u{fffd}\": the path is not UTF-8"),
        (deep.as_bytes(), "the path is more than 32 folders deep"),
        (long.as_bytes(), "the path is longer than 512 bytes"),
        (
            part.as_bytes(),
            "a segment of the path is longer than 255 bytes",
        ),
    ] {
        let tar = TarBuilder::with_manifest().file(path, 0o644, b"x").finish();
        let refusal = refusal(&dir, &tar);
        assert!(refusal.contains(expected), "{refusal}");
    }
}

#[test]
fn top_that_is_no_folder_is_refused() {
    let dir = TestFolder::new();
    for kind in [b'2', b'6'] {
        let top = TarBuilder::with_manifest().link(b"./", kind, b"x").finish();
        assert_eq!(refusal(&dir, &top), "\".\": must be a folder");
    }
    let dot = TarBuilder::with_manifest().raw(b".", b'0', 0o644, u64::MAX, b"", b"");
    assert_eq!(refusal(&dir, &dot.finish()), "\".\": must be a folder");
}

#[test]
fn file_of_maximum_declared_size_is_refused() {
    let dir = TestFolder::new();
    let tar = TarBuilder::with_manifest().raw(b"x", b'0', 0o644, u64::MAX, b"", b"");
    let limit = Limits::default().file_size;
    assert_eq!(
        refusal(&dir, &tar.finish()),
        format!("\"x\": is larger than {limit} bytes")
    );
}

#[test]
fn nul_in_a_pax_path_is_refused() {
    let dir = TestFolder::new();
    let tar = TarBuilder::with_manifest()
        .entry(b"pax", b'x', b"12 path=a\0b\n")
        .file(b"x", 0o644, b"")
        .finish();
    assert_eq!(
        refusal(&dir, &tar),
        r#""a\0b": the path has a control character; rename the file"#
    );
}

#[test]
fn entries_of_other_types_are_refused() {
    let dir = TestFolder::new();
    for (kind, name) in [
        (b'3', "device"),
        (b'4', "device"),
        (b'6', "named pipe"),
        (b'M', "part of a file in another volume"),
        (b'Q', "entry of an unknown type"),
    ] {
        let tar = TarBuilder::with_manifest()
            .link(b"thing", kind, b"manifest.yaml")
            .finish();
        let expected =
            format!("\"thing\": is a {name}; only files, folders and symbolic links are allowed");
        assert_eq!(refusal(&dir, &tar), expected);
    }
    let sparse = TarBuilder::with_manifest()
        .entry(b"pax", b'x', b"25 GNU.sparse.map=0,1000\n")
        .file(b"x", 0o644, b"")
        .finish();
    assert!(refusal(&dir, &sparse).contains("the map of a sparse file"));
    let hard_link = TarBuilder::with_manifest()
        .link(b"thing", b'1', b"../secret")
        .finish();
    assert!(refusal(&dir, &hard_link).contains("`..`"));
    let hard_link = TarBuilder::with_manifest()
        .link(b"thing", b'1', b"later")
        .file(b"later", 0o644, b"x")
        .finish();
    assert_eq!(
        refusal(&dir, &hard_link),
        "\"thing\": is a hard link to \"later\", which is not a file before it in the archive"
    );
}

#[test]
fn links_outside_through_links_or_broken_are_refused() {
    let dir = TestFolder::new();
    for (target, expected) in [
        (
            &b"/etc"[..],
            r#""link": links to "/etc", which is outside the package; pack a copy instead of the link"#,
        ),
        (
            b"../x",
            r#""link": links to "../x", which is outside the package; pack a copy instead of the link"#,
        ),
        (
            b"nothing",
            r#""link": links to "nothing", which is not in the package; pack the file, or leave out the link"#,
        ),
        (
            b"link",
            r#""link": links to "link" through another link; link to the file itself"#,
        ),
        (
            b"",
            r#""link": links to "", which is not in the package; pack the file, or leave out the link"#,
        ),
    ] {
        let tar = TarBuilder::with_manifest()
            .link(b"link", b'2', target)
            .finish();
        assert_eq!(refusal(&dir, &tar), expected);
    }
    let through = TarBuilder::with_manifest()
        .entry(b"folder", b'5', b"")
        .link(b"link", b'2', b"folder")
        .file(b"link/x", 0o644, b"")
        .finish();
    assert_eq!(
        refusal(&dir, &through),
        r#""link/x": is below "link", which is not a folder"#
    );
}

#[test]
fn duplicate_path_is_refused_also_in_another_case() {
    let dir = TestFolder::new();
    for (path, expected) in [
        (
            &b"./manifest.yaml"[..],
            r#""manifest.yaml": occurs twice; pack it again into a new archive"#,
        ),
        (
            b"Manifest.yaml",
            r#""Manifest.yaml": differs from "manifest.yaml" in upper and lower case only, so one of them needs another name"#,
        ),
        (
            b"manifest.yaml/x",
            r#""manifest.yaml/x": is below "manifest.yaml", which is not a folder"#,
        ),
    ] {
        let tar = TarBuilder::with_manifest().file(path, 0o644, b"x").finish();
        assert_eq!(refusal(&dir, &tar), expected);
    }
}

#[test]
fn entries_and_sizes_beyond_the_limits_are_refused() {
    let dir = TestFolder::new();
    let limits = Limits {
        entries: 3,
        file_size: 1000,
        total_size: 1500,
        ..Limits::default()
    };
    let open = |tar: TarBuilder| {
        let path = dir.file("package", &bzip2(&tar.finish()));
        Package::open(&path, &dir.staging(), &limits)
            .unwrap_err()
            .to_string()
    };
    let many = TarBuilder::with_manifest().file(b"a/b/c", 0o644, b"");
    assert_eq!(
        open(many),
        "the package is refused at \"a/b/c\": more than 3 entries"
    );
    let large = TarBuilder::with_manifest().file(b"a", 0o644, &[0; 1001]);
    assert_eq!(open(large), "\"a\": is larger than 1000 bytes");
    let both = TarBuilder::with_manifest()
        .file(b"a", 0o644, &[0; 999])
        .file(b"b", 0o644, &[0; 999]);
    assert_eq!(
        open(both),
        "the package is refused at \"b\": more than 1500 bytes in all"
    );
}

#[test]
fn tar_bomb_is_refused_by_its_declared_size() {
    let dir = TestFolder::new();
    let size = Limits::EXPANSION_ALLOWANCE + 1;
    let tar = TarBuilder::with_manifest()
        .raw(b"bomb", b'0', 0o644, size, b"", b"")
        .finish();
    assert_eq!(
        dir.refusal(&bzip2(&tar)),
        "the package is refused at \"bomb\": more than 1000 times the size of the archive"
    );
}

#[test]
fn truncated_archives_are_refused() {
    let dir = TestFolder::new();
    let tar = TarBuilder::with_manifest().file(b"data", 0o644, &[7; 5000]);
    let whole = tar.finish();
    let compressed = bzip2(&whole);
    for cut in [600, 1024 + 512 + 10, whole.len() - 1024] {
        let refusal = dir.refusal(&whole[..cut]);
        assert!(
            refusal.starts_with("the archive is damaged at "),
            "{refusal}"
        );
    }
    for cut in [20, compressed.len() / 2, compressed.len() - 1] {
        let refusal = dir.refusal(&compressed[..cut]);
        assert!(
            refusal.starts_with("the archive is damaged at "),
            "{cut}: {refusal}"
        );
    }
    let open_end = TarBuilder::with_manifest().unfinished();
    assert!(dir.refusal(&open_end).ends_with("the file is truncated"));
    assert!(dir.refusal(b"").contains("an empty file"));
}

#[test]
fn archives_with_flipped_bits_are_refused() {
    let dir = TestFolder::new();
    let whole = TarBuilder::with_manifest()
        .file(b"data", 0o644, &[7; 5000])
        .finish();
    let mut header = whole.clone();
    header[1024] ^= 1;
    assert!(refusal(&dir, &header).contains("checksum"));
    let mut compressed = bzip2(&whole);
    let end = compressed.len();
    compressed[end - 3] ^= 1;
    assert!(
        dir.refusal(&compressed)
            .starts_with("the archive is damaged")
    );
    let mut zstd = zstd::encode_all(&*whole, 3).unwrap();
    let middle = zstd.len() / 2;
    zstd[middle] ^= 0xff;
    assert!(dir.refusal(&zstd).contains("holds no tar archive"));
}

#[test]
fn padding_beyond_the_limit_is_refused() {
    let dir = TestFolder::new();
    let mut tar = TarBuilder::with_manifest().finish();
    tar.resize(10240, 0);
    assert!(dir.open_bytes(&bzip2(&tar)).is_ok());
    tar.resize(80 << 20, 0);
    assert!(
        dir.refusal(&bzip2(&tar))
            .ends_with("there is content after the end marker")
    );
}

#[test]
fn padding_behind_a_bzip2_stream_is_ignored_but_not_other_content() {
    let dir = TestFolder::new();
    let whole = bzip2(&TarBuilder::with_manifest().finish());
    for padding in [&b"\n"[..], &vec![0; 300_000], b"\0\0\r\n "] {
        let package = dir.open_bytes(&[&whole, padding].concat());
        assert!(package.is_ok(), "{package:?}");
    }
    let refusal = dir.refusal(&[&whole[..], b"\0text"].concat());
    assert!(
        refusal.ends_with("there is other content behind the bzip2 stream"),
        "{refusal}"
    );
}

#[test]
fn consecutive_bzip2_streams_are_one_archive() {
    let dir = TestFolder::new();
    let tar = TarBuilder::with_manifest().finish();
    let (start, end) = tar.split_at(700);
    for padding in [&b""[..], b"\0\0\0"] {
        let package = dir.open_bytes(&[&bzip2(start), padding, &bzip2(end)].concat());
        assert!(package.is_ok(), "{package:?}");
    }
}

#[test]
fn unknown_extended_headers_are_ignored() {
    let dir = TestFolder::new();
    let tar = TarBuilder::new(0)
        .entry(b"global", b'g', b"18 comment=a note\n")
        .entry(b"pax", b'x', b"33 LIBARCHIVE.xattr.x=\x00\n\xff=\n 1234\n")
        .file(b"manifest.yaml", 0o644, MANIFEST.as_bytes())
        .finish();
    let package = dir.open_bytes(&bzip2(&tar));
    assert!(package.is_ok(), "{package:?}");
}

/// A package with all types of entries, in every format.
fn samples() -> [Vec<u8>; 5] {
    let apk = Apk {
        files: &[("lib/x86/liba.so", b"a")],
        ..Apk::default()
    }
    .build();
    let tree = PackageContent::new("name: candy\nservices: [{name: adb, port: 5559}]\n")
        .file("app.apk", &apk)
        .program("hooks/pre-start", b"#!/bin/sh\n")
        .file(&"long/".repeat(30), b"")
        .link("link", "hooks/pre-start");
    let tar = tree.to_tar(1);
    [
        tree.to_zip(0),
        tree.to_zip(1),
        bzip2(&tar),
        zstd::encode_all(&*tar, 3).unwrap(),
        tar,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn package_with_random_damage_is_refused_or_written_completely(
        format in 0..5_usize,
        changes in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..6),
        cut in proptest::option::weighted(0.2, any::<Index>()),
    ) {
        let dir = TestFolder::new();
        let mut bytes = samples()[format].clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(package) = dir.open_bytes(&bytes) {
            let written = dir.write(&package, "image");
            prop_assert_eq!(written.is_ok(), dir.path("image").exists());
        }
        prop_assert_eq!(dir.staged(), 0);
    }
}

#[test]
fn second_archive_behind_the_end_is_refused() {
    let dir = TestFolder::new();
    let mut first = TarBuilder::with_manifest().finish();
    first.resize(10240, 0);
    let two = [first, TarBuilder::with_manifest().finish()].concat();
    for archive in [two.clone(), bzip2(&two)] {
        let refusal = dir.refusal(&archive);
        assert!(refusal.contains("`tar --concatenate`"), "{refusal}");
    }
}

#[test]
fn compressed_file_without_a_tar_archive_is_called_that() {
    let dir = TestFolder::new();
    let zip = crate::support::PackageContent::new("name: a\n").to_zip(0);
    for content in [&b""[..], b"name: a\n", &[7; 5000], &zip] {
        let compressed = [bzip2(content), zstd::encode_all(content, 1).unwrap()];
        for archive in compressed {
            let refusal = dir.refusal(&archive);
            assert!(refusal.contains("that holds no tar archive"), "{refusal}");
        }
    }
}

#[test]
fn zstandard_file_with_a_large_window_is_refused_with_advice() {
    use std::io::Write as _;
    let dir = TestFolder::new();
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder
        .write_all(&TarBuilder::with_manifest().finish())
        .unwrap();
    let refusal = dir.refusal(&encoder.finish().unwrap());
    assert!(refusal.contains("without `--long`"), "{refusal}");
}
