use std::{fs::Permissions, os::unix::fs::PermissionsExt, path::PathBuf};

use super::*;

fn new(name: &str) -> NewIdentity {
    NewIdentity {
        common_name: name.to_owned(),
        hosts: crate::host_names(None),
        not_before: "2026-01-01T00:00:00Z".parse().unwrap(),
        not_after: "2036-01-01T00:00:00Z".parse().unwrap(),
    }
}

fn files() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let certificate = folder.path().join("certs/server.crt");
    let key = folder.path().join("certs/server.key");
    (folder, certificate, key)
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn missing_identity_is_created_once_with_private_key() {
    let (_folder, cert, key) = files();
    let (made, created) = Identity::load_or_create(&cert, &key, &new("aar")).unwrap();
    assert!(created);
    assert_eq!(mode(&key), 0o600);
    assert_eq!(mode(&cert), 0o644);
    assert_eq!(mode(cert.parent().unwrap()), 0o700);
    let (again, created) = Identity::load_or_create(&cert, &key, &new("other")).unwrap();
    assert!(!created);
    assert_eq!(again.certificate(), made.certificate());
    assert_eq!(again.key_pem(), made.key_pem());
    let left: Vec<_> = cert.parent().unwrap().read_dir().unwrap().collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn key_without_certificate_gets_one() {
    let (_folder, cert, key) = files();
    Identity::load_or_create(&cert, &key, &new("aar")).unwrap();
    let kept = fs_err::read_to_string(&key).unwrap();
    fs_err::remove_file(&cert).unwrap();
    let (made, created) = Identity::load_or_create(&cert, &key, &new("aar")).unwrap();
    assert!(created);
    assert_eq!(made.key_pem(), kept);
}

#[test]
fn certificate_without_key_is_refused_and_kept() {
    let (_folder, cert, key) = files();
    Identity::load_or_create(&cert, &key, &new("aar")).unwrap();
    let kept = fs_err::read(&cert).unwrap();
    fs_err::remove_file(&key).unwrap();
    let refused = Identity::load_or_create(&cert, &key, &new("aar")).unwrap_err();
    assert!(refused.to_string().contains("server.key"), "{refused}");
    assert_eq!(fs_err::read(&cert).unwrap(), kept);
}

#[test]
fn key_of_another_certificate_is_refused_by_name() {
    let (folder, cert, key) = files();
    let other = folder.path().join("other.key");
    Identity::load_or_create(&cert, &key, &new("aar")).unwrap();
    Identity::load_or_create(&folder.path().join("other.crt"), &other, &new("b")).unwrap();
    let refused = Identity::load(&cert, &other).unwrap_err().to_string();
    assert!(refused.contains("other.key"), "{refused}");
    let refused = Identity::load(&key, &key).unwrap_err().to_string();
    assert!(refused.contains("server.key"), "{refused}");
    assert!(Identity::load(&cert, &cert).is_err());
}

#[test]
fn debug_output_hides_the_key() {
    let made = Identity::generate(&new("secret")).unwrap();
    let shown = format!("{made:?}");
    let secret = made.key_pem().lines().nth(1).unwrap();
    assert!(!shown.contains(secret), "{shown}");
}

#[test]
fn key_that_others_can_read_is_made_private() {
    let (_folder, cert, key) = files();
    Identity::load_or_create(&cert, &key, &new("aar")).unwrap();
    for exposed in [0o644, 0o640, 0o604] {
        fs_err::set_permissions(&key, Permissions::from_mode(exposed)).unwrap();
        Identity::load(&cert, &key).unwrap();
        assert_eq!(mode(&key), 0o600);
    }
}
