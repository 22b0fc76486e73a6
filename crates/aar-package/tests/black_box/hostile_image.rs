//! Malicious and damaged images: what no package could have become.

use std::{fs, io::Cursor};

use aar_package::{CheckedImage, Error, ImageChecker, Limits, check_image, verify_content};
use aar_types::{Digest, Fingerprint, ImageInfo};
use proptest::{prelude::*, sample::Index};
use sha2::{Digest as _, Sha256};
use zeekstd::SeekTable;

use crate::support::{MANIFEST, PackageContent, TestFolder, chain};

const FRAME: usize = 1 << 20;

/// A tar whose headers are in the form of images.
#[derive(Default)]
struct ImageTar(Vec<u8>);

impl ImageTar {
    fn with_manifest(self) -> Self {
        self.file("manifest.yaml", MANIFEST.as_bytes())
    }

    fn file(self, path: &str, content: &[u8]) -> Self {
        self.raw(path, b'0', 0o644, content.len() as u64, "", content)
    }

    fn folder(self, path: &str) -> Self {
        self.raw(&format!("{path}/"), b'5', 0o755, 0, "", b"")
    }

    fn link(self, path: &str, kind: u8, target: &str) -> Self {
        self.raw(path, kind, 0o777, 0, target, b"")
    }

    fn raw(
        mut self,
        path: &str,
        kind: u8,
        mode: u32,
        size: u64,
        target: &str,
        content: &[u8],
    ) -> Self {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.as_mut_bytes()[157..157 + target.len()].copy_from_slice(target.as_bytes());
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(size);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn finish(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

/// The seekable form of any content.
pub(crate) fn image_of(content: &[u8]) -> Vec<u8> {
    let mut table = SeekTable::new();
    let mut image = Vec::new();
    for chunk in content.chunks(FRAME) {
        let frame = zstd::bulk::compress(chunk, 3).unwrap();
        let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
        table.log_frame(size(&frame), size(chunk)).unwrap();
        image.extend(frame);
    }
    std::io::copy(&mut table.into_serializer(), &mut image).unwrap();
    image
}

/// Checks an image in pieces of several sizes, which must not matter.
fn check(image: &[u8]) -> Result<CheckedImage, String> {
    let whole = check_image(image, image.len() as u64, &Limits::DEFAULT);
    let whole = whole.map_err(|error| chain(&error));
    for piece in [1, 13, 512, 100_000] {
        assert_eq!(check_pieces(image, piece), whole, "pieces of {piece} bytes");
    }
    whole
}

fn check_pieces(image: &[u8], piece: usize) -> Result<CheckedImage, String> {
    let checked = || {
        let mut checker = ImageChecker::new(image.len() as u64, &Limits::DEFAULT)?;
        for piece in image.chunks(piece) {
            checker.push(piece)?;
        }
        checker.finish()
    };
    checked().map_err(|error: Error| chain(&error))
}

/// The reason why a tar is refused as an image, also on import, where all properties match.
fn refusal(tar: &[u8]) -> String {
    let image = image_of(tar);
    let refusal = check(&image).unwrap_err();
    let dir = TestFolder::new();
    let info = ImageInfo {
        fingerprint: Fingerprint::from_bytes(Sha256::digest(tar).into()),
        digest: Digest::from_bytes(Sha256::digest(&image).into()),
        size: image.len() as u64,
    };
    let imported = verify_content(&dir.file("image", &image), &info);
    assert_eq!(chain(&imported.unwrap_err()), refusal);
    refusal
}

#[test]
fn image_of_a_package_is_accepted_with_its_manifest_and_fingerprint() {
    let dir = TestFolder::new();
    let long = "long/".repeat(25);
    let content = PackageContent::new("name: candy\nfuture-key: 1\ntags: [a]\n")
        .file("extra-data/large", &vec![7; 3 * FRAME + 17])
        .file(&format!("{long}{}", "x".repeat(200)), b"long path")
        .link("link", &format!("./{}extra-data/large", "./".repeat(60)))
        .program("hooks/pre-start", b"#!/bin/sh\n")
        .file("empty", b"");
    let (path, info) = dir.image(&dir.file("package.zip", &content.to_zip(0)));
    let checked = check(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(checked.fingerprint, info.fingerprint);
    assert_eq!(checked.manifest.application.tags, ["a"]);
    assert_eq!(verify_content(&path, &info).unwrap(), checked);
}

/// Asserts that a tar is refused, with a manifest if it has none.
fn assert_refused(tar: ImageTar, expected: &str) {
    let mut bytes = tar.0.windows(13);
    let has_manifest = bytes.any(|bytes| bytes == b"manifest.yaml");
    let tar = if has_manifest {
        tar
    } else {
        tar.with_manifest()
    };
    let refusal = refusal(&tar.finish());
    assert!(refusal.contains(expected), "{expected}: {refusal}");
}

#[test]
fn entry_that_no_package_has_is_refused_by_name() {
    let tar = ImageTar::default;
    for (tar, expected) in [
        (
            tar().file("../../x", b"x"),
            r#""../../x": the path contains `..`; pack it relative to the folder of the package"#,
        ),
        (
            tar().file("/etc/passwd", b"x"),
            r#""/etc/passwd": the path is absolute; pack it relative to the folder of the package"#,
        ),
        (
            tar().file("a\nb", b"x"),
            r#""a\nb": the path has a control character; rename the file"#,
        ),
        (
            tar().file("./a", b"x"),
            r#""./a": is not in the canonical form"#,
        ),
        (
            tar().link("a", b'1', "/etc/passwd"),
            r#""a": is a hard link"#,
        ),
        (tar().link("a", b'3', ""), r#""a": is a device"#),
        (tar().link("a", b'4', ""), r#""a": is a device"#),
        (tar().link("a", b'6', ""), r#""a": is a named pipe"#),
        (
            tar().link("a", b'L', ""),
            r#""a": is a part of another tar format"#,
        ),
        (
            tar().link("a", b'g', ""),
            r#""a": is a part of another tar format"#,
        ),
        (
            tar().link("a", b'2', "../x"),
            r#""a": links to "../x", which is outside"#,
        ),
        (
            tar().link("a", b'2', "/etc"),
            r#""a": links to "/etc", which is outside"#,
        ),
        (
            tar().link("a", b'2', "b"),
            r#""a": links to "b", which is not in the package; pack the file, or leave out the link"#,
        ),
        (
            tar().file("a", b"1").file("a", b"2"),
            r#""a": occurs twice; pack it again into a new archive"#,
        ),
        (
            tar().folder("a").folder("a"),
            r#""a": occurs twice; pack it again into a new archive"#,
        ),
        (
            tar().file("A", b"1").file("a", b"2"),
            r#""a": differs from "A" in upper and lower"#,
        ),
    ] {
        assert_refused(tar, expected);
    }
}

#[test]
fn entry_in_another_form_than_that_of_images_is_refused_by_name() {
    let tar = ImageTar::default;
    for (tar, expected) in [
        (
            tar().file("b", b"").file("a", b""),
            r#""a": is out of order: it is after "b""#,
        ),
        (
            tar().file("a/b", b""),
            r#""a/b": has no entry for its folder "a" before it"#,
        ),
        (
            tar().file("a", b"").file("a/b", b""),
            r#""a/b": is below "a", which is not a folder"#,
        ),
        (
            tar().raw("a", b'0', 0o4755, 0, "", b""),
            r#""a": is not in the canonical form"#,
        ),
        (
            tar().raw("a", b'0', 0o600, 0, "", b""),
            r#""a": is not in the canonical form"#,
        ),
        (
            tar().folder("hooks").file("hooks/start", b""),
            r#""hooks/start": is not in the canonical form"#,
        ),
        (
            tar().file(".DS_Store", b""),
            r#"".DS_Store": is not in the canonical form"#,
        ),
        (
            tar().raw("a", b'0', 0o644, 20 << 30, "", b""),
            r#"refused at "a": more than 1000 times the size of the archive"#,
        ),
        (
            tar().raw("a", b'0', 0o644, 33 << 30, "", b""),
            r#""a": is larger than 34359738368 bytes"#,
        ),
        (
            tar().raw("manifest.yaml", b'0', 0o644, 1 << 20, "", b""),
            r#""manifest.yaml": is larger than 262144 bytes"#,
        ),
        (
            tar().folder("manifest.yaml"),
            r#""manifest.yaml": must be a file"#,
        ),
        (
            tar().file("candy.apk", b""),
            "there is no app.apk, but there is candy.apk",
        ),
    ] {
        assert_refused(tar, expected);
    }
}

#[test]
fn content_that_is_no_image_is_refused() {
    let valid = ImageTar::default().with_manifest().finish();
    let end = valid.len();
    for (tar, expected) in [
        (Vec::new(), "its tar is truncated"),
        (b"noise".to_vec(), "its tar is truncated"),
        (vec![5; 10_000], "the checksum of a header is wrong"),
        (vec![0; 1024], "there is no manifest.yaml"),
        (valid[..end - 512].to_vec(), "its tar is truncated"),
        (
            [&valid[..], &[0; 512]].concat(),
            "content after the end of its tar",
        ),
        (
            [&valid[..end - 1], &[1]].concat(),
            "the padding of its tar is not zero",
        ),
        (
            [&valid[..1023], &[1], &valid[1024..]].concat(),
            "the padding of its tar is not zero",
        ),
        (
            ImageTar::default()
                .file("manifest.yaml", b"name: a b")
                .finish(),
            "\"a b\" is not an application name",
        ),
        (
            ImageTar::default()
                .file(
                    "manifest.yaml",
                    b"name: a\nextra-data:\n  x:\n    target: /etc/passwd\n",
                )
                .finish(),
            "extra-data.x.target",
        ),
    ] {
        let refusal = refusal(&tar);
        assert!(refusal.contains(expected), "{expected}: {refusal}");
    }
}

#[test]
fn stored_form_that_is_no_image_is_refused() {
    let tar = ImageTar::default().with_manifest().finish();
    let valid = image_of(&tar);
    check(&valid).unwrap();
    let table = valid.len() - 9 - 8 - 8;
    let changed = |at: usize, value: u8| {
        let mut image = valid.clone();
        image[at] ^= value;
        image
    };
    let fits_not = "its seek table does not fit its frames";
    for (image, expected) in [
        (
            b"noise and more noise".to_vec(),
            "not in the seekable Zstandard format",
        ),
        (tar.clone(), "not in the seekable Zstandard format"),
        (valid[..table].to_vec(), "it ends before its seek table"),
        (valid[..valid.len() - 1].to_vec(), fits_not),
        ([&valid[..], b"x"].concat(), "content after its seek table"),
        (
            [&valid[..table], &valid[..]].concat(),
            "content after the end of its tar",
        ),
        (changed(table + 4, 1), fits_not),
        (changed(table + 8, 1), fits_not),
        (changed(table + 12, 1), fits_not),
        (changed(valid.len() - 5, 0x80), fits_not),
        (changed(table / 2, 0xff), ""),
    ] {
        let refusal = check(&image).unwrap_err();
        assert!(refusal.contains(expected), "{expected}: {refusal}");
    }
}

#[test]
fn expanding_image_is_refused_at_the_header_of_the_file() {
    let header = ImageTar::default()
        .raw("a", b'0', 0o644, 20 << 30, "", b"")
        .0;
    let start = [&header[..], &vec![0; FRAME - header.len()]].concat();
    let frame = zstd::bulk::compress(&start, 3).unwrap();
    let mut checker = ImageChecker::new(1_100_000, &Limits::DEFAULT).unwrap();
    let error = checker.push(&frame).unwrap_err();
    assert!(matches!(error, Error::Limit { .. }), "{error}");
}

#[test]
fn folder_that_expands_more_than_images_may_is_refused_when_it_is_packed() {
    let dir = TestFolder::new();
    let package = dir.path("package");
    fs::create_dir(&package).unwrap();
    fs::write(package.join("manifest.yaml"), MANIFEST).unwrap();
    let zeros = fs::File::create(package.join("zeros")).unwrap();
    zeros.set_len(300 << 20).unwrap();
    let package = dir.open(&package).unwrap();
    let error = dir.write(&package, "image.tar.zst").unwrap_err();
    let expected = r#"refused at "zeros": more than 1000 times the size of the image"#;
    assert!(error.to_string().contains(expected), "{error}");
    assert!(!dir.path("image.tar.zst").exists());
}

#[test]
fn many_or_long_paths_are_refused_before_they_take_memory() {
    let limits = Limits {
        entries: 3,
        paths_size: 100,
        ..Limits::DEFAULT
    };
    let many = ["a", "b", "c", "d"].iter();
    let many = many.fold(ImageTar::default(), |tar, path| tar.file(path, b""));
    let long = ImageTar::default()
        .file(&"a".repeat(90), b"")
        .file(&"b".repeat(90), b"");
    for (tar, expected) in [
        (many, "more than 3 entries"),
        (long, "more than 100 bytes of paths"),
    ] {
        let image = image_of(&tar.with_manifest().finish());
        let error = check_image(Cursor::new(&image), 1, &limits).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

proptest! {
    #[test]
    fn changed_image_is_refused_or_has_another_fingerprint(at: Index, value in 1_u8..) {
        let tar = ImageTar::default().with_manifest().file("zz", b"content").finish();
        let intact = check(&image_of(&tar)).unwrap();
        let mut changed = tar.clone();
        let at = at.index(changed.len());
        changed[at] ^= value;
        if let Ok(checked) = check(&image_of(&changed)) {
            prop_assert_ne!(checked.fingerprint, intact.fingerprint);
        }
        let mut image = image_of(&tar);
        let at = at % image.len();
        image[at] ^= value;
        let _ = check(&image);
    }
}
