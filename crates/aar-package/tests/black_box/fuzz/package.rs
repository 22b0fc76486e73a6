use std::fs;

use aar_package::{Limits, check_image};

use crate::support::TestFolder;

/// The image of an accepted package is accepted as an image, within the limits.
fn check_package(zip: &[u8]) -> bool {
    let folder = TestFolder::new();
    let Ok(package) = folder.open(&folder.file("package.zip", zip)) else {
        return false;
    };
    assert!(package.content_size() <= Limits::EXPANSION_ALLOWANCE);
    // Damaged content is found when it is read.
    let Ok(written) = folder.write(&package, "image") else {
        return false;
    };
    let image = fs::read(folder.path("image")).unwrap();
    let checked = check_image(&*image, written.size, &Limits::DEFAULT).unwrap();
    assert_eq!(checked.fingerprint, written.fingerprint);
    assert_eq!(checked.manifest.name, package.manifest().name);
    true
}

#[test]
fn package_zip() {
    aar_testkit::fuzz!("package_zip", check_package);
}
