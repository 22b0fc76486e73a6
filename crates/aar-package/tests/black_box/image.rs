//! Writing, reading, verifying and rewriting images.

use std::{
    cell::{Cell, RefCell},
    fs,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
};

use aar_package::{
    Error, read_image_manifest, read_manifest, rewrite_image, verify_content, verify_image,
};
use aar_types::{Digest, Fingerprint, ImageInfo};
use sha2::{Digest as _, Sha256};

use crate::support::{MANIFEST, PackageContent, TestFolder, chain};

fn content() -> PackageContent {
    PackageContent::new(MANIFEST)
        .file("extra-data/large", &vec![5; 5 << 20])
        .program("hooks/pre-start", b"#!/bin/sh\n")
        .file("zz/after", b"after the manifest")
        .link("zz/link", "after")
}

fn image(dir: &TestFolder) -> (std::path::PathBuf, ImageInfo) {
    dir.image(&dir.file("package.zip", &content().to_zip(0)))
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Runs a program of the system, which must be installed.
fn run(program: &str, arguments: &[&str], dir: &Path) -> Vec<u8> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap_or_else(|error| panic!("cannot run {program}, install it: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{stderr}");
    output.stdout
}

#[test]
fn image_info_matches_the_file_and_the_tar_inside() {
    let dir = TestFolder::new();
    let (path, info) = image(&dir);
    let bytes = fs::read(&path).unwrap();
    assert_eq!(info.size, bytes.len() as u64);
    assert_eq!(info.digest, Digest::from_bytes(sha256(&bytes)));
    let tar = zstd::decode_all(&*bytes).unwrap();
    assert_eq!(info.fingerprint, Fingerprint::from_bytes(sha256(&tar)));
}

#[test]
fn zstd_program_decompresses_images() {
    let dir = TestFolder::new();
    let (_, info) = image(&dir);
    let path = dir.path("");
    run("zstd", &["-t", "-q", "image.tar.zst"], &path);
    let tar = run("zstd", &["-d", "-c", "-q", "image.tar.zst"], &path);
    assert_eq!(info.fingerprint, Fingerprint::from_bytes(sha256(&tar)));
}

#[test]
fn tar_program_extracts_images() {
    let dir = TestFolder::new();
    image(&dir);
    let path = dir.path("");
    let list = run("tar", &["--zstd", "-tf", "image.tar.zst"], &path);
    assert_eq!(
        String::from_utf8(list).unwrap(),
        "extra-data/\nextra-data/large\nhooks/\nhooks/pre-start\nmanifest.yaml\nzz/\n\
         zz/after\nzz/link\n"
    );
    run("tar", &["--zstd", "-xf", "image.tar.zst"], &path);
    assert_eq!(
        fs::read(dir.path("zz/link")).unwrap(),
        b"after the manifest"
    );
}

#[test]
fn intact_image_is_verified() {
    let dir = TestFolder::new();
    let (path, info) = image(&dir);
    verify_image(&path, &info).unwrap();
}

#[test]
fn verify_content_refuses_another_size_damage_or_fingerprint() {
    let dir = TestFolder::new();
    let (path, info) = image(&dir);
    let intact = fs::read(&path).unwrap();
    verify_content(&path, &info).unwrap();
    let refused = |bytes: &[u8], info: &ImageInfo| {
        let path = dir.file("stored", bytes);
        verify_content(&path, info).unwrap_err();
    };
    refused(&intact[..intact.len() - 1], &info);
    let mut damaged = intact.clone();
    damaged[20] ^= 1;
    refused(&damaged, &info);
    let cut = &intact[..intact.len() / 2];
    let of_cut = ImageInfo {
        size: cut.len() as u64,
        ..info
    };
    refused(cut, &of_cut);
    let other = ImageInfo {
        fingerprint: Fingerprint::from_bytes([0; 32]),
        ..info
    };
    refused(&intact, &other);
}

#[test]
fn verify_image_names_the_property_that_differs() {
    let dir = TestFolder::new();
    let (path, info) = image(&dir);
    let intact = fs::read(&path).unwrap();
    let refusal = |bytes: &[u8], info: &ImageInfo| {
        let path = dir.file("stored", bytes);
        match verify_image(&path, info).unwrap_err() {
            Error::Mismatch { property, .. } => property.to_owned(),
            error => chain(&error),
        }
    };
    assert_eq!(refusal(&intact[..intact.len() - 1], &info), "size");
    for at in [0, 20, intact.len() / 2, intact.len() - 20, intact.len() - 1] {
        let mut flipped = intact.clone();
        flipped[at] ^= 1;
        assert_eq!(refusal(&flipped, &info), "digest", "byte {at}");
    }
    let other = ImageInfo {
        fingerprint: Fingerprint::from_bytes([0; 32]),
        ..info
    };
    assert_eq!(refusal(&intact, &other), "fingerprint");
    let text = b"no image at all".to_vec();
    let of_text = ImageInfo {
        digest: Digest::from_bytes(sha256(&text)),
        size: text.len() as u64,
        ..info
    };
    let refused = refusal(&text, &of_text);
    assert!(refused.contains("is not an image"), "{refused}");
}

#[test]
fn damaged_frame_with_matching_digest_is_reported_as_damage() {
    let dir = TestFolder::new();
    let (path, info) = image(&dir);
    let mut bytes = fs::read(&path).unwrap();
    bytes[6] ^= 0xff;
    let damaged = ImageInfo {
        digest: Digest::from_bytes(sha256(&bytes)),
        ..info
    };
    let error = verify_image(&dir.file("stored", &bytes), &damaged).unwrap_err();
    assert!(
        error.to_string().starts_with("the archive is damaged"),
        "{error}"
    );
}

#[test]
fn manifest_is_read_from_an_image() {
    let dir = TestFolder::new();
    let (path, _) = image(&dir);
    assert_eq!(
        read_image_manifest(&path).unwrap(),
        read_manifest(MANIFEST).unwrap()
    );
    let error = read_image_manifest(&dir.file("text", b"text")).unwrap_err();
    assert!(matches!(error, Error::NotAnImage { .. }), "{error}");
}

#[test]
fn rewritten_image_equals_the_image_of_a_package_with_that_manifest() {
    let dir = TestFolder::new();
    let (path, first) = image(&dir);
    let mut manifest = read_image_manifest(&path).unwrap();
    manifest.version.features.push("feature".to_owned());
    let to = dir.path("rewritten");
    let done = Cell::new(0);
    let info = rewrite_image(
        &path,
        &manifest,
        &to,
        &|bytes| done.set(bytes),
        &AtomicBool::new(false),
    )
    .unwrap();
    assert_ne!(info.fingerprint, first.fingerprint);
    verify_image(&to, &info).unwrap();
    assert_eq!(read_image_manifest(&to).unwrap(), manifest);

    let mut tree = content();
    tree.0.remove(0);
    let tree = tree.file("manifest.yaml", manifest.to_yaml().as_bytes());
    let (_, packed) = dir.image(&dir.file("changed.zip", &tree.to_zip(0)));
    assert_eq!(packed, info);
    let content = (5 << 20) + 10 + 18 + manifest.to_yaml().len();
    assert_eq!(done.get(), content as u64);
}

#[test]
fn progress_grows_to_the_content_size() {
    let dir = TestFolder::new();
    let package = dir.open_bytes(&content().to_tar_bz2(0)).unwrap();
    let steps = RefCell::new(Vec::new());
    let never = AtomicBool::new(false);
    let to = dir.path("image");
    package
        .write_image(&to, &|bytes| steps.borrow_mut().push(bytes), &never)
        .unwrap();
    let steps = steps.into_inner();
    assert!(steps.len() > 10 && steps.is_sorted());
    assert_eq!(steps.last(), Some(&package.content_size()));
}

#[test]
fn cancelled_work_leaves_no_file() {
    let dir = TestFolder::new();
    for archive in [content().to_zip(0), content().to_tar_bz2(0)] {
        let package = dir.open_bytes(&archive).unwrap();
        let cancelled = AtomicBool::new(false);
        let cancel = |_| cancelled.store(true, Ordering::Relaxed);
        let to = dir.path("image");
        let error = package.write_image(&to, &cancel, &cancelled).unwrap_err();
        assert!(matches!(error, Error::Cancelled), "{error}");
        assert!(!to.exists());
    }
    let (path, _) = image(&dir);
    let manifest = read_manifest(MANIFEST).unwrap();
    let to = dir.path("rewritten");
    let error = rewrite_image(&path, &manifest, &to, &|_| (), &AtomicBool::new(true)).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error}");
    assert!(!to.exists());
}

#[test]
fn image_written_twice_is_the_same() {
    let dir = TestFolder::new();
    let package = dir.open_bytes(&content().to_zip(0)).unwrap();
    let first = dir.write(&package, "a").unwrap();
    assert_eq!(dir.write(&package, "a").unwrap(), first);
    assert_eq!(dir.write(&package, "b").unwrap(), first);
}
