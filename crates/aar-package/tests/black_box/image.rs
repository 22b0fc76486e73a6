//! Images: readable by everybody's tools, checked, looked into, written anew.

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

use crate::support::{MANIFEST, Place, Tree, chain};

fn tree() -> Tree {
    Tree::new(MANIFEST)
        .file("extra-data/large", &vec![5; 5 << 20])
        .program("hooks/pre-start", b"#!/bin/sh\n")
        .file("zz/after", b"after the manifest")
        .link("zz/link", "after")
}

fn image(place: &Place) -> (std::path::PathBuf, ImageInfo) {
    place.image(&place.file("package.zip", &tree().to_zip(0)))
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Runs a program of the system; without it the test has nothing to compare with.
fn run(program: &str, arguments: &[&str], folder: &Path) -> Option<Vec<u8>> {
    let output = match Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
    {
        Ok(output) => output,
        Err(error) => {
            eprintln!("SKIPPED: {program} cannot be run on this machine: {error}");
            return None;
        }
    };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(output.stdout)
}

#[test]
fn hashes_and_size_are_those_of_the_file_and_of_the_tar_inside() {
    let place = Place::new();
    let (path, info) = image(&place);
    let bytes = fs::read(&path).unwrap();
    assert_eq!(info.size, bytes.len() as u64);
    assert_eq!(info.digest, Digest::from_bytes(sha256(&bytes)));
    let tar = zstd::decode_all(&*bytes).unwrap();
    assert_eq!(info.fingerprint, Fingerprint::from_bytes(sha256(&tar)));
}

#[test]
fn stock_zstd_reads_images() {
    let place = Place::new();
    let (_, info) = image(&place);
    let folder = place.path("");
    run("zstd", &["-t", "-q", "image.tar.zst"], &folder);
    if let Some(tar) = run("zstd", &["-d", "-c", "-q", "image.tar.zst"], &folder) {
        assert_eq!(info.fingerprint, Fingerprint::from_bytes(sha256(&tar)));
    }
}

#[test]
fn stock_tar_reads_images() {
    let place = Place::new();
    image(&place);
    let folder = place.path("");
    let list = run("tar", &["--zstd", "-tf", "image.tar.zst"], &folder);
    if let Some(list) = list {
        assert_eq!(
            String::from_utf8(list).unwrap(),
            "extra-data/\nextra-data/large\nhooks/\nhooks/pre-start\nmanifest.yaml\nzz/\n\
             zz/after\nzz/link\n"
        );
        run("tar", &["--zstd", "-xf", "image.tar.zst"], &folder);
        assert_eq!(
            fs::read(place.path("zz/link")).unwrap(),
            b"after the manifest"
        );
    }
}

#[test]
fn a_good_image_is_verified() {
    let place = Place::new();
    let (path, info) = image(&place);
    verify_image(&path, &info).unwrap();
}

#[test]
fn content_is_verified_where_the_digest_is_known() {
    let place = Place::new();
    let (path, info) = image(&place);
    let good = fs::read(&path).unwrap();
    verify_content(&path, &info).unwrap();
    let refused = |bytes: &[u8], info: &ImageInfo| {
        let path = place.file("stored", bytes);
        verify_content(&path, info).unwrap_err();
    };
    refused(&good[..good.len() - 1], &info);
    let mut damaged = good.clone();
    damaged[20] ^= 1;
    refused(&damaged, &info);
    let cut = &good[..good.len() / 2];
    let of_cut = ImageInfo {
        size: cut.len() as u64,
        ..info
    };
    refused(cut, &of_cut);
    let other = ImageInfo {
        fingerprint: Fingerprint::from_bytes([0; 32]),
        ..info
    };
    refused(&good, &other);
}

#[test]
fn an_image_that_differs_is_told_by_what_differs() {
    let place = Place::new();
    let (path, info) = image(&place);
    let good = fs::read(&path).unwrap();
    let refusal = |bytes: &[u8], info: &ImageInfo| {
        let path = place.file("stored", bytes);
        match verify_image(&path, info).unwrap_err() {
            Error::Mismatch { what, .. } => what.to_owned(),
            error => chain(&error),
        }
    };
    assert_eq!(refusal(&good[..good.len() - 1], &info), "size");
    for at in [0, 20, good.len() / 2, good.len() - 20, good.len() - 1] {
        let mut flipped = good.clone();
        flipped[at] ^= 1;
        assert_eq!(refusal(&flipped, &info), "digest", "byte {at}");
    }
    let other = ImageInfo {
        fingerprint: Fingerprint::from_bytes([0; 32]),
        ..info
    };
    assert_eq!(refusal(&good, &other), "fingerprint");
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
fn frames_that_cannot_be_decompressed_are_reported_when_the_digest_is_right() {
    let place = Place::new();
    let (path, info) = image(&place);
    let mut bytes = fs::read(&path).unwrap();
    bytes[6] ^= 0xff;
    let damaged = ImageInfo {
        digest: Digest::from_bytes(sha256(&bytes)),
        ..info
    };
    let error = verify_image(&place.file("stored", &bytes), &damaged).unwrap_err();
    assert!(
        error.to_string().starts_with("the archive is damaged"),
        "{error}"
    );
}

#[test]
fn the_manifest_is_read_out_of_an_image() {
    let place = Place::new();
    let (path, _) = image(&place);
    assert_eq!(
        read_image_manifest(&path).unwrap(),
        read_manifest(MANIFEST).unwrap()
    );
    let error = read_image_manifest(&place.file("text", b"text")).unwrap_err();
    assert!(matches!(error, Error::NotAnImage { .. }), "{error}");
}

#[test]
fn a_changed_manifest_makes_the_image_of_the_package_with_that_manifest() {
    let place = Place::new();
    let (path, first) = image(&place);
    let mut manifest = read_image_manifest(&path).unwrap();
    manifest.version.features.push("feature".to_owned());
    let to = place.path("rewritten");
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

    let mut tree = tree();
    tree.0.remove(0);
    let tree = tree.file("manifest.yaml", manifest.to_yaml().as_bytes());
    let (_, packed) = place.image(&place.file("changed.zip", &tree.to_zip(0)));
    assert_eq!(packed, info);
    let content = (5 << 20) + 10 + 18 + manifest.to_yaml().len();
    assert_eq!(done.get(), content as u64);
}

#[test]
fn progress_grows_to_the_size_of_the_content() {
    let place = Place::new();
    let package = place.open_bytes(&tree().to_tar_bz2(0)).unwrap();
    let steps = RefCell::new(Vec::new());
    let never = AtomicBool::new(false);
    let to = place.path("image");
    package
        .write_image(&to, &|bytes| steps.borrow_mut().push(bytes), &never)
        .unwrap();
    let steps = steps.into_inner();
    assert!(steps.len() > 10 && steps.is_sorted());
    assert_eq!(steps.last(), Some(&package.content_size()));
}

#[test]
fn cancelled_work_stops_and_leaves_nothing() {
    let place = Place::new();
    for archive in [tree().to_zip(0), tree().to_tar_bz2(0)] {
        let package = place.open_bytes(&archive).unwrap();
        let cancelled = AtomicBool::new(false);
        let cancel = |_| cancelled.store(true, Ordering::Relaxed);
        let to = place.path("image");
        let error = package.write_image(&to, &cancel, &cancelled).unwrap_err();
        assert!(matches!(error, Error::Cancelled), "{error}");
        assert!(!to.exists());
    }
    let (path, _) = image(&place);
    let manifest = read_manifest(MANIFEST).unwrap();
    let to = place.path("rewritten");
    let error = rewrite_image(&path, &manifest, &to, &|_| (), &AtomicBool::new(true)).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error}");
    assert!(!to.exists());
}

#[test]
fn an_image_can_be_written_more_than_once() {
    let place = Place::new();
    let package = place.open_bytes(&tree().to_zip(0)).unwrap();
    let first = place.write(&package, "a").unwrap();
    assert_eq!(place.write(&package, "a").unwrap(), first);
    assert_eq!(place.write(&package, "b").unwrap(), first);
}
