//! Folders with entries that are not allowed, and folders that change while they are packed.

use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
};

use aar_package::{Limits, Package};

use crate::support::{MANIFEST, PackageContent, TestFolder, chain};

#[test]
fn folder_with_links_outside_sockets_or_deep_paths_is_refused() {
    let dir = TestFolder::new();
    let root = dir.path("folder");
    let open = |limits: &Limits| Package::open(&root, &dir.staging(), limits);
    PackageContent::new(MANIFEST).to_folder(&root, 0);
    fs::write(dir.path("secret"), b"secret").unwrap();

    symlink("../secret", root.join("link")).unwrap();
    let error = open(&Limits::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"link\": links to \"../secret\", which is outside the package; pack a copy instead of the link"
    );
    fs::remove_file(root.join("link")).unwrap();

    let socket = UnixListener::bind(root.join("socket")).unwrap();
    let error = open(&Limits::default()).unwrap_err();
    assert!(
        error.to_string().starts_with("\"socket\": is a socket"),
        "{error}"
    );
    drop(socket);
    fs::remove_file(root.join("socket")).unwrap();

    fs::create_dir_all(root.join("a/b/c")).unwrap();
    let shallow = Limits {
        depth: 2,
        ..Limits::default()
    };
    let error = open(&shallow).unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"a/b/c\": the path is more than 2 folders deep"
    );
    assert!(open(&Limits::default()).is_ok());
}

#[test]
fn file_that_changes_after_listing_is_not_packed() {
    for change in 0..4 {
        let dir = TestFolder::new();
        let root = dir.path("folder");
        PackageContent::new(MANIFEST)
            .file("data/file", &[1; 1000])
            .to_folder(&root, 0);
        let package = dir.open(&root).unwrap();
        let file = root.join("data/file");
        let expected = "\"data/file\": changed while it was read";
        match change {
            0 => fs::write(&file, [1; 999]).unwrap(),
            1 => fs::write(&file, [1; 1001]).unwrap(),
            2 => {
                fs::write(dir.path("secret"), [1; 1000]).unwrap();
                fs::remove_file(&file).unwrap();
                symlink(dir.path("secret"), &file).unwrap();
            }
            _ => {
                fs::create_dir(dir.path("elsewhere")).unwrap();
                fs::write(dir.path("elsewhere/file"), [1; 1000]).unwrap();
                fs::rename(root.join("data"), dir.path("moved")).unwrap();
                symlink(dir.path("elsewhere"), root.join("data")).unwrap();
            }
        }
        let error = dir.write(&package, "image").unwrap_err();
        assert_eq!(chain(&error), expected, "change {change}");
        assert!(!dir.path("image").exists());
    }
}
