use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError, atomic::AtomicBool},
};

use aar_package::{Limits, Package as PackageReader};
use aar_types::ImageInfo;

use crate::Package;

/// The bytes of an image and their description.
#[derive(Debug, Clone)]
pub struct PackedImage {
    pub bytes: Vec<u8>,
    pub info: ImageInfo,
}

/// Small images are made once in a test: each of them is written durably.
static KNOWN: Mutex<BTreeMap<Vec<u8>, PackedImage>> = Mutex::new(BTreeMap::new());
const SMALL: usize = 4096;

/// The image of a package that has a file with this content.
pub fn packed(content: &[u8]) -> PackedImage {
    if content.len() > SMALL {
        return pack(content);
    }
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let image = known
        .entry(content.to_vec())
        .or_insert_with(|| pack(content));
    image.clone()
}

fn pack(content: &[u8]) -> PackedImage {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let package = Package::new("app").file("content", content);
    let package = package.write_folder(&folder.join("package"));
    let package = PackageReader::open(&package, folder, &Limits::DEFAULT).unwrap();
    let image = folder.join("image");
    let info = package.write_image(&image, &|_| {}, &AtomicBool::new(false));
    PackedImage {
        info: info.unwrap(),
        bytes: fs_err::read(image).unwrap(),
    }
}
