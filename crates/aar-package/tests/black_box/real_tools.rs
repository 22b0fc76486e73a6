//! Archives that the tools of users make of one folder: all make the image of the folder.

use std::{fs, io::Write as _, path::PathBuf};

use crate::support::{
    MANIFEST, PackageContent, TestFolder,
    tools::{has, run},
};

/// A folder with a hard link, a sparse file, a hook and a name beyond ASCII.
fn folder(dir: &TestFolder) -> PathBuf {
    let root = dir.path("p");
    PackageContent::new(MANIFEST)
        .file("extra-data/a", b"text\n")
        .program("hooks/pre-start", b"#!/bin/sh\n")
        .file("\u{fc}", b"umlaut")
        .link("link", "extra-data/a")
        .to_folder(&root, 0);
    fs::hard_link(root.join("extra-data/a"), root.join("extra-data/b")).unwrap();
    let mut sparse = fs::File::create(root.join("extra-data/game.obb")).unwrap();
    for part in 1..60_u64 {
        sparse.set_len(part << 16).unwrap();
        std::io::Seek::seek(&mut sparse, std::io::SeekFrom::End(0)).unwrap();
        sparse.write_all(&[7; 5000]).unwrap();
    }
    sparse.set_len(8 << 20).unwrap();
    root
}

/// Packs the folder in each way, and expects the image of the folder.
fn check(commands: &[&str]) {
    let dir = TestFolder::new();
    let root = folder(&dir);
    let expected = dir.image(&root).1;
    for (number, command) in commands.iter().enumerate() {
        let name = format!("archive{number}");
        let archive = dir.path(&name);
        run(&root, &command.replace("OUT", archive.to_str().unwrap()));
        assert_eq!(dir.image(&archive).1, expected, "{command}");
    }
    assert_eq!(dir.staged(), 0);
}

#[test]
fn archives_of_gnu_tar_make_the_image_of_the_folder() {
    if !has("tar", "tar") || !has("bzip2", "bzip2") {
        return;
    }
    check(&[
        "tar cjf OUT .",
        "tar cf OUT .",
        "tar cf OUT --format=v7 .",
        "tar cf OUT --format=oldgnu .",
        "tar cf OUT --format=ustar .",
        "tar cf OUT --format=posix .",
        "tar cjf OUT -V nightly .",
        "tar cjf OUT --format=posix -V nightly .",
        "tar cjf OUT -g OUT.snar .",
        "tar cf OUT -g OUT.snar .",
        "tar cSf OUT .",
        "tar cSjf OUT .",
        "tar cSf OUT --format=posix --sparse-version=0.0 .",
        "tar cSf OUT --format=posix --sparse-version=0.1 .",
        "tar cSjf OUT --format=posix --sparse-version=1.0 .",
        "tar cjf OUT -b 20480 .",
        "tar cjf OUT -C .. p",
        "{ tar cf - . | bzip2; echo; } >OUT",
        "{ tar cf - . | bzip2; head -c 9000 /dev/zero; } >OUT",
    ]);
}

#[test]
fn archives_of_bsdtar_make_the_image_of_the_folder() {
    if !has("bsdtar", "libarchive-tools") {
        return;
    }
    check(&[
        "bsdtar cjf - . >OUT",
        "bsdtar cjf OUT .",
        "bsdtar cf OUT .",
        "bsdtar cf OUT --format=gnutar .",
        "bsdtar cf OUT --format=ustar .",
        "bsdtar cf OUT --format=v7tar .",
        "bsdtar cf OUT --format=zip .",
        "bsdtar cf OUT --format=zip -C .. p",
    ]);
}

#[test]
fn archives_of_info_zip_make_the_image_of_the_folder() {
    if !has("zip", "zip") {
        return;
    }
    check(&[
        "zip -qry OUT.zip . && mv OUT.zip OUT",
        "zip -qry0 OUT.zip . && mv OUT.zip OUT",
        "zip -qryD OUT.zip . && mv OUT.zip OUT",
        "cd .. && zip -qry OUT.zip p && mv OUT.zip OUT",
        "zip -qry - . >OUT",
    ]);
}

#[test]
fn name_of_info_zip_without_utf_8_is_read() {
    if !has("zip", "zip") {
        return;
    }
    check(&["LC_ALL=C zip -qry OUT.zip . && mv OUT.zip OUT"]);
}

#[test]
fn forms_of_archives_that_are_refused_are_called_what_they_are() {
    if !has("7z", "p7zip-full") || !has("bsdtar", "libarchive-tools") {
        return;
    }
    let dir = TestFolder::new();
    let root = folder(&dir);
    // Content that no tool compresses below the size of one part.
    let mut random = 1_u64;
    let noise = std::iter::repeat_with(|| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        random.to_be_bytes()[0]
    });
    fs::write(root.join("noise"), noise.take(200_000).collect::<Vec<_>>()).unwrap();
    for (command, expected) in [
        ("bsdtar czf OUT .", "a gzip file"),
        ("bsdtar cJf OUT .", "an xz file"),
        ("bsdtar cf OUT --lzma .", "an lzma file"),
        ("bsdtar cf OUT --format=7zip .", "a 7z file"),
        ("bsdtar cf OUT --format=cpio .", "a cpio file"),
        ("bsdtar cf OUT --format=xar .", "a xar file"),
        (
            "7z a -tzip -pkey OUT.zip . && mv OUT.zip OUT",
            "is encrypted",
        ),
        (
            "7z a -tzip -mem=AES256 -pkey OUT.zip . && mv OUT.zip OUT",
            "is encrypted",
        ),
        (
            "7z a -tzip -mm=LZMA OUT.zip . && mv OUT.zip OUT",
            "is compressed with LZMA",
        ),
        (
            "7z a -tzip -v64k OUT.zip . && mv OUT.zip.001 OUT",
            "one of several parts",
        ),
        (
            "zip -qr -s 64k OUT.zip . && mv OUT.zip OUT",
            "the last of several parts",
        ),
    ] {
        let archive = dir.path("archive");
        let output = archive.to_str().unwrap();
        run(
            &root,
            &command.replace("OUT", output).replace("&& mv", ">&2 && mv"),
        );
        let refusal = crate::support::chain(&dir.open(&archive).unwrap_err());
        assert!(refusal.contains(expected), "{command}: {refusal}");
    }
}

#[test]
fn archives_of_7_zip_make_the_image_of_the_folder() {
    if !has("7z", "p7zip-full") {
        return;
    }
    check(&[
        "7z a -tzip -snl OUT.zip . >/dev/null && mv OUT.zip OUT",
        "7z a -tzip -snl -mm=Deflate64 OUT.zip . >/dev/null && mv OUT.zip OUT",
        "7z a -tzip -snl -mm=BZip2 OUT.zip . >/dev/null && mv OUT.zip OUT",
        "7z a -tzip -snl -mcu=on OUT.zip . >/dev/null && mv OUT.zip OUT",
        "7z a -ttar -snl OUT.tar . >/dev/null && mv OUT.tar OUT",
    ]);
}
