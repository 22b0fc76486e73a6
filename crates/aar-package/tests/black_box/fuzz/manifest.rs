use aar_package::read_manifest;

/// An accepted manifest keeps the rules of the registry, and is read back from the text that it writes.
fn check_manifest(text: &[u8]) -> bool {
    let Ok(manifest) = read_manifest(&String::from_utf8_lossy(text)) else {
        return false;
    };
    manifest.application.check().unwrap();
    manifest.version.check().unwrap();
    let written = manifest.to_yaml();
    assert_eq!(read_manifest(&written).as_ref(), Ok(&manifest), "{written}");
    true
}

#[test]
fn manifest() {
    aar_testkit::fuzz!("manifest", check_manifest);
}
