//! Archives that the tools of users make of one folder: all make the image of the folder.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::{MANIFEST, PackageContent, TestFolder};

/// Whether a tool is installed. The checks of every change install all of them.
fn has(tool: &str, package: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    assert!(
        found || std::env::var_os("CI").is_none(),
        "{tool} is not installed; it is in the package {package}"
    );
    if !found {
        writeln!(std::io::stderr(), "SKIPPED: {tool} is not installed").unwrap();
    }
    found
}

fn run(folder: &Path, command: &str) {
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(folder)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {errors}");
}

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
