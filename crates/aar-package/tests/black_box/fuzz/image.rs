use aar_package::{CheckedImage, Error, ImageChecker, Limits, check_image};
use aar_types::Fingerprint;
use sha2::{Digest as _, Sha256};

use crate::{
    hostile_image::image_of,
    support::{TestFolder, chain},
};

const BLOCK: usize = 512;
const CHECKSUM: std::ops::Range<usize> = 148..156;

/// The pieces in which an image arrives do not matter, except for which of several errors is found first.
fn check_pieces(image: &[u8]) -> Option<CheckedImage> {
    let size = image.len() as u64;
    let whole = check_image(image, size, &Limits::DEFAULT).ok();
    let checked = || -> Result<CheckedImage, Error> {
        let mut checker = ImageChecker::new(size, &Limits::DEFAULT)?;
        image.chunks(97).try_for_each(|piece| checker.push(piece))?;
        checker.finish()
    };
    assert_eq!(checked().ok(), whole);
    whole
}

/// An accepted image is the one that its content makes as a package.
fn check_tar(tar: &[u8]) -> bool {
    let tar = with_checksums(tar);
    let Some(checked) = check_pieces(&image_of(&tar)) else {
        return false;
    };
    let fingerprint = Fingerprint::from_bytes(Sha256::digest(&tar).into());
    assert_eq!(checked.fingerprint, fingerprint);
    let folder = TestFolder::new();
    match folder.open(&folder.file("package.tar", &tar)) {
        Ok(package) => {
            let written = folder.write(&package, "image").unwrap();
            assert_eq!(written.fingerprint, fingerprint);
        }
        // The check of an image does not read the APK in it, so that may be damaged.
        Err(error) => assert!(matches!(error, Error::Apk { .. }), "{}", chain(&error)),
    }
    true
}

/// Corrects the checksums of headers. Otherwise no change of a header would get beyond them.
fn with_checksums(tar: &[u8]) -> Vec<u8> {
    let mut tar = tar.to_vec();
    for block in tar.chunks_exact_mut(BLOCK) {
        if block[257..262] != *b"ustar" {
            continue;
        }
        block[CHECKSUM].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[CHECKSUM].copy_from_slice(format!("{sum:07o}\0").as_bytes());
    }
    tar
}

#[test]
fn image_tar() {
    aar_testkit::fuzz!("image_tar", check_tar);
}

#[test]
fn image_frames() {
    aar_testkit::fuzz!("image_frames", |image: &[u8]| check_pieces(image).is_some());
}
